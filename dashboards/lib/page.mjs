// The page: one file that needs nothing else, no script in it.

import { readFileSync } from 'node:fs';
import { attributes, html, raw } from './html.mjs';
import { startAnew } from './chart.mjs';
import { longDate } from './format.mjs';
import { hasValue, here, iconSheet, integer, latest, number, status, value } from './parts.mjs';
import { conversion, funnel, glossary, guardrails, keyNumbers, pilot, pipeline, playbook, signals, standing } from './sections.mjs';

const style = readFileSync(new URL('./page.css', import.meta.url), 'utf8');

// No script, nothing from elsewhere; styles are the page's own.
const policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const order = ['breach', 'warn', 'inconclusive', 'ok'];

const anchors = { triggered: 'pipeline-triggered' };

const outstanding = (data) => {
  const all = standing(data);
  if (all.length === 0) {
    return '';
  }
  return html`<ul class="standing">${order.map((name) => {
    const of = all.filter((r) => r.status === name);
    return of.length > 0 && html`<li>${status(name)} <span><b>${integer(of.length)}</b>${name === 'ok' ? ` of ${integer(all.length)} aims` : html`: ${
      of.map((r, i) => html`${i ? ', ' : ''}<a href="#${anchors[r.metric] ?? `${r.source}-${r.metric}`}">${r.title}</a>`)}`}</span></li>`;
  })}</ul>`;
};

// The week in a sentence, by the numbers that people ask for first.
const lede = (data) => {
  const of = (metric) => data.pipeline.filter((r) => r.metric === metric && r.grain === 'week');
  const week = latest(of('triggered'));
  if (!week) {
    return html`<p class="lede">There are no leads yet. Each section says what it needs.</p>`;
  }
  const at = (metric) => of(metric).find((r) => r.period === week.period);
  const [routed, accepted, sla] = ['routed', 'acceptance_rate', 'sla_compliance'].map(at);
  const said = (r, field, text) => value(r, field, { of: here('pipeline', r), text });
  return html`<p class="lede">In the week of ${longDate(week.period)}, <b>${said(week, 'value')}</b> leads were triggered${
    routed && html`, and <b>${said(routed, 'value')}</b> of these have gone to a rep`}.${
    accepted && hasValue(accepted) && html` Of ${said(accepted, 'denominator', integer(accepted.denominator))} that were dispositioned, <b>${
      said(accepted, 'value')}</b> were accepted.`}${
    sla && hasValue(sla) && html` First touches came in time for <b>${said(sla, 'value')}</b> of ${said(sla, 'denominator', integer(sla.denominator))} leads.`}</p>`;
};

const howToRead = html`<details class="how"><summary>How to read this</summary>
<dl>
<div><dt>${status('ok')}</dt><dd>The target is met, as far as the numbers go.</dd></div>
<div><dt>${status('warn')}</dt><dd>The target is missed.</dd></div>
<div><dt>${status('breach')}</dt><dd>A minimum is clearly missed: somebody has to act.</dd></div>
<div><dt>${status('inconclusive')}</dt><dd>The 95 % interval holds the level it is judged by: too few leads to tell.</dd></div>
<div><dt>${status('no_data')}</dt><dd>There is nothing to divide by. It is never 0.</dd></div>
</dl>
<p>Weeks begin on Monday. A dot is a number, the bar behind it its 95 % interval; one that ends flat goes on beyond the edge. A hollow dot or a pale bar is a week that is not over. Lines:
target (solid), minimum (dashed), breach (dotted). Numbers without a status have no aim. Rates with nothing to divide by show as –.</p></details>`;

const parts = [['key-numbers', 'Key numbers', keyNumbers], ['pipeline', 'Pipeline', pipeline], ['conversion', 'Conversion impact', conversion],
  ['guardrails', 'Guardrails', guardrails], ['funnel', 'Cohort funnel', funnel], ['playbook', 'Playbook', playbook], ['pilot', 'Pilot', pilot],
  ['signals', 'Signals and feedback', signals], ['glossary', 'Glossary', glossary]];

// A period that begins as of this instant has nothing to tell.
const begun = (data) => Object.fromEntries(Object.entries(data).map(([name, of]) =>
  [name, Array.isArray(of) && of[0]?.period ? of.filter((r) => r.period <= data.begun) : of]));

export const page = (read) => {
  startAnew();
  const data = begun(read);
  const title = 'Product-qualified leads';
  const when = `${longDate(data.day)}, ${data.clock} ${data.timezone}`;
  return `${html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="pql">
<title>${title}, ${longDate(data.day)}</title>
<style>
${raw(style)}</style>
</head>
<body>
<a class="skip" href="#content">Skip to the numbers</a>
${iconSheet()}
<header>
<div><p class="asof">As of <time${attributes({ datetime: data.instant })}>${when}</time>${data.model && html` · model <b>${data.model}</b>`}</p>
<h1>${title}</h1>
${lede(data)}
${howToRead}</div>
${outstanding(data)}
</header>
<nav aria-label="Sections"><ul>${parts.map(([id, name]) => html`<li><a href="#${id}">${name}</a></li>`)}</ul></nav>
<main id="content">
${parts.map(([, , make]) => make(data))}
</main>
<footer><p>Made by <code>dashboards/report</code> from pql's dashboards as of ${when}. The same data and instant give the same page.</p></footer>
</body>
</html>
`}`;
};

export { number };
