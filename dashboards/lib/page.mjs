// The page: one file that needs nothing else, no script in it.

import { readFileSync } from 'node:fs';
import { html, raw } from './html.mjs';
import { startAnew } from './chart.mjs';
import { hasValue, isJudged, latest, of, weekly } from './data.mjs';
import { integer, longDate } from './format.mjs';
import { count, here, iconSheet, status, value } from './parts.mjs';
import { keyNumbers } from './sections/key_numbers.mjs';
import { pipeline } from './sections/pipeline.mjs';
import { conversion } from './sections/conversion.mjs';
import { guardrails } from './sections/guardrails.mjs';
import { funnel } from './sections/funnel.mjs';
import { playbook } from './sections/playbook.mjs';
import { pilot } from './sections/pilot.mjs';
import { signals } from './sections/signals.mjs';
import { glossary } from './sections/glossary.mjs';

const style = readFileSync(new URL('page.css', import.meta.url), 'utf8');

// No script, nothing from elsewhere; styles are the page's own.
const policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const sections = [
  ['key-numbers', 'Key numbers', keyNumbers], ['pipeline', 'Pipeline', pipeline],
  ['conversion', 'Conversion impact', conversion], ['guardrails', 'Guardrails', guardrails],
  ['funnel', 'Cohort funnel', funnel], ['playbook', 'Playbook', playbook], ['pilot', 'Pilot', pilot],
  ['signals', 'Signals and feedback', signals], ['glossary', 'Glossary', glossary],
];

// ---- what stands out ----

const gravest = ['breach', 'warn', 'inconclusive', 'ok'];

// Where a metric is drawn, when it has no panel of its own.
const drawnAt = { 'conversion-routed_conversion': 'conversion-arms' };

const judged = (data) => {
  const seen = new Map();
  for (const source of ['pipeline', 'conversion', 'guardrails']) {
    for (const { metric } of data.catalogue.filter((m) => m.dashboard === source)) {
      const r = latest(weekly(data, source, metric));
      if (r && isJudged(r) && !seen.has(metric)) {
        seen.set(metric, { ...r, at: drawnAt[`${source}-${metric}`] ?? `${source}-${metric}` });
      }
    }
  }
  return [...seen.values()];
};

const standing = (data) => {
  const all = judged(data);
  const links = (list) => list.map((r, i) => html`${i > 0 && ', '}<a href="#${r.at}">${r.title}</a>`);
  const lines = gravest.map((name) => [name, all.filter((r) => r.status === name)])
    .filter(([, list]) => list.length > 0);
  return lines.length > 0 && html`<ul class="standing">${lines.map(([name, list]) => html`
<li>${status(name)} <span><b>${integer(list.length)}</b>${
    name === 'ok' ? ` of ${integer(all.length)} aims` : html`: ${links(list)}`}</span></li>`)}
</ul>`;
};

// The week in a few sentences, by the numbers that people ask for first.
const lede = (data) => {
  const week = latest(of(data, 'pipeline', 'triggered'));
  if (!week) {
    return html`<p class="lede">There are no leads yet. Each section says what it needs.</p>`;
  }
  const [routed, accepted, sla] = ['routed', 'acceptance_rate', 'sla_compliance']
    .map((metric) => of(data, 'pipeline', metric).find((r) => r.period === week.period));
  const from = (r) => ({ from: here('pipeline', r) });
  const said = (r) => html`<b>${value(r, 'value', from(r))}</b>`;
  const outOf = (r) => count(r, 'denominator', from(r));
  return html`<p class="lede">In the week of ${longDate(week.period)}, ${said(week)} leads were triggered${
    routed && html`, and ${said(routed)} of these have gone to a rep`}.${
    hasValue(accepted) && html` Of ${outOf(accepted)} that were dispositioned, ${said(accepted)} were accepted.`}${
    hasValue(sla) && html` First touches came in time for ${said(sla)} of ${outOf(sla)} leads.`}</p>`;
};

// ---- how to read it ----

const meanings = [
  ['ok', 'The target is met, as far as the numbers go.'],
  ['warn', 'The target is missed.'],
  ['breach', 'A minimum is clearly missed: somebody has to act.'],
  ['inconclusive', 'The 95 % interval holds the level it is judged by: too few to tell.'],
  ['no_data', 'There is nothing to divide by. It is never 0.'],
];

const howToRead = html`<details class="how"><summary>How to read this</summary>
<dl>
${meanings.map(([name, text]) => html`<div><dt>${status(name)}</dt><dd>${text}</dd></div>\n`)}</dl>
<p>Weeks begin on Monday. A dot is a number, the bar behind it its 95 % interval; one that ends flat goes on beyond the
edge. A hollow dot or a pale bar is a week that is not over. Lines: target (solid), minimum (dashed), breach (dotted).
Numbers without a status have no aim.</p></details>`;

// ---- all of it ----

// A period that begins as of this very instant has nothing to tell.
const begun = (data) => Object.fromEntries(Object.entries(data).map(([name, list]) =>
  [name, Array.isArray(list) && list[0]?.period ? list.filter((r) => r.period <= data.begun) : list]));

export const page = (read) => {
  startAnew();
  const data = begun(read);
  const title = 'Product-qualified leads';
  const when = `${longDate(data.day)}, ${data.clock} ${data.timezone}`;
  return String(html`<!DOCTYPE html>
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
<div><p class="asof">As of <time datetime="${data.instant}">${when}</time>${
  data.model && html` · model <b>${data.model}</b>`}</p>
<h1>${title}</h1>
${lede(data)}
${howToRead}</div>
${standing(data)}
</header>
<nav aria-label="Sections"><ul>${sections.map(([id, name]) => html`<li><a href="#${id}">${name}</a></li>`)}</ul></nav>
<main id="content">
${sections.map(([, , make]) => make(data))}</main>
<footer><p>Made by <code>dashboards/report</code> from pql's dashboards as of ${when}. The same data and instant give
the same page.</p></footer>
</body>
</html>
`);
};
