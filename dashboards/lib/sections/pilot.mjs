// A pilot against the levels that were agreed before it began, and what is decided.

import { html } from '../html.mjs';
import * as chart from '../chart.mjs';
import { hasValue, modelOf } from '../data.mjs';
import { date, integer, nothing, number, short } from '../format.mjs';
import { both, empty, folded, here, range, section, status, table, td, value } from '../parts.mjs';

const decisions = { pause: ['Pause', 'breach'], scale: ['Scale', 'ok'], iterate: ['Iterate', 'warn'] };

const sentence = (words) => `${words.replace(/_/g, ' ').replace(/^./, (c) => c.toUpperCase())}.`;

const decided = ({ pilot: name, decision, reason, decidable_on: day, leads_needed: more, details }) => {
  const [word, look] = decisions[decision] ?? [decision ?? 'Not decidable yet', 'inconclusive'];
  const said = [reason && sentence(reason), day && `Decidable on ${date(day)}.`,
    more > 0 && `${integer(more)} more leads are needed.`];
  return html`<div class="decision ${look}"><p class="verdict"><strong>${word}</strong> <span>${name}</span></p>
<p>${said.filter(Boolean).join(' ')}</p>${details && html`
<ul>${details.split('\n').filter(Boolean).map((line) => html`<li>${line}</li>`)}</ul>`}</div>`;
};

const scoreRow = (r) => {
  const level = (name) => short(r[name], r.unit, r.metric);
  const of = (name, text) => value(r, name, { tag: 'td', text });
  return [here('scorecard', r), r.title, [
    of('value'), td(range(r)),
    of('target', r.target_high === null ? level('target') : `${level('target')} to ${level('target_high')}`),
    of('minimum', level('minimum')), of('breach', level('breach')), td(status(r.status), 'text'),
    td(html`${r.action ?? nothing}${r.owner && html` <small>${r.owner}</small>`}`, 'text')]];
};

const scorecard = (list) => {
  const rates = list.filter((r) => r.unit === 'rate' && hasValue(r));
  const items = rates.map((r) => ({ ...r, name: r.title, note: number(r.value, 'rate') }));
  const label = `Scorecard: ${items.map((r) => `${r.name} ${r.note}, ${r.status}`).join('; ')}.`;
  return html`<figure id="pilot-scorecard"><figcaption><h3>Scorecard</h3>${items.length > 0 && html`
<p class="means">Dots are rates, bars their 95 % intervals. Upright lines: target (solid), minimum (dashed), breach
(dotted). What is no rate is in the table.</p>`}</figcaption>
${items.length > 0 && both((width) => chart.rows({ items, width, unit: 'rate', metric: '', label }))}
${folded(table({ caption: 'Pilot scorecard', className: 'score',
    columns: ['Metric', 'Value', '95 % interval', 'Target', 'Minimum', 'Breach', { title: 'Status', className: 'text' },
      { title: 'To do', className: 'text' }],
    rows: list.map(scoreRow) }), { open: true })}</figure>`;
};

export const pilot = (data) => {
  const intro = 'Is it worth while? Levels were agreed before it began.';
  if (data.scorecard.length === 0 && !data.decision) {
    return section('pilot', 'Pilot', intro, empty('No pilot has been started. One gives a team a model\'s leads for ' +
      'four weeks, and decides by levels that are set beforehand:',
    `SELECT * FROM pql.start_pilot('first', ${modelOf(data)});`));
  }
  return section('pilot', 'Pilot', intro, data.decision && decided(data.decision),
    data.scorecard.length > 0 && scorecard(data.scorecard));
};
