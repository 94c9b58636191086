// The numbers that people ask for first.

import { attributes, html } from '../html.mjs';
import * as chart from '../chart.mjs';
import { entry, hasValue, latest, of, trimmed, weekly } from '../data.mjs';
import { nothing } from '../format.mjs';
import { aria, count, here, numbers, range, section, status, statusOf, target, value, when } from '../parts.mjs';

const keys = [
  ['pipeline', 'triggered'], ['pipeline', 'acceptance_rate'], ['pipeline', 'sla_compliance'],
  ['pipeline', 'first_touch_hours_median'], ['conversion', 'routed_conversion'], ['conversion', 'meeting_rate'],
  ['conversion', 'reply_rate'], ['conversion', 'incremental_conversion', 'all'], ['guardrails', 'complaint_rate'],
  ['guardrails', 'false_positive_rate'], ['guardrails', 'utilisation'], ['guardrails', 'self_serve_change'],
];

const weeksOfSpark = 12;

const about = (r) => [
  target(r),
  r.denominator !== null && r.unit === 'rate' && html`${count(r, 'numerator')} of ${count(r, 'denominator')}`,
  r.low !== null && r.unit !== 'rate' && html`95 %: ${range(r)}`,
  when(r),
].filter(Boolean).map((words) => html`<span>${words}</span>`);

const spark = (source, title, rows) => html`<figure class="spark">
${chart.spark({ rows, unit: rows[0].unit, metric: rows[0].metric, label: aria(title, rows) })}
<figcaption>${title}, ${rows.length} weeks</figcaption>${numbers(source, [rows], 'Weeks')}</figure>`;

const card = (data, [source, metric, grain]) => {
  const rows = weekly(data, source, metric);
  const r = grain === 'all' ? of(data, source, metric, 'all')[0] : latest(rows);
  const title = rows[0]?.title ?? entry(data, source, metric)?.title ?? metric;
  if (!hasValue(r)) {
    return html`<article class="card"><h3>${title}</h3>
<p class="now"><span class="big">${nothing}</span> ${status('no_data')}</p></article>
`;
  }
  const [line] = trimmed([rows.slice(-weeksOfSpark)]);
  return html`<article class="card"><h3>${title}</h3>
<div${attributes(here(source, r))}><p class="now">${value(r, 'value', { className: 'big' })} ${statusOf(r)}</p>
<p class="about">${about(r)}</p></div>
${line.length > 1 && spark(source, title, line)}</article>
`;
};

export const keyNumbers = (data) => section('key-numbers', 'Key numbers',
  'Each of the latest complete week that has a number; conversions by the week in which trials started.',
  html`<div class="cards">${keys.map((key) => card(data, key))}</div>`);
