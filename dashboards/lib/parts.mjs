// The pieces that sections are made of. Numbers carry where they come from in data attributes: what the page says can
// be compared with what the database says.

import { attributes, html } from './html.mjs';
import * as chart from './chart.mjs';
import { entry, hasValue, isJudged, latest, trimmed, weekly, weeksShown } from './data.mjs';
import { between, integer, nothing, number, period as periodName, short } from './format.mjs';

// ---- status ----

const statusWords = { ok: 'OK', warn: 'Warn', breach: 'Breach', inconclusive: 'Inconclusive', no_data: 'No data' };

const icons = {
  ok: 'M2.5 8.5l3.6 3.6L13.5 4',
  warn: 'M8 2.2L14.6 13.6H1.4ZM8 6.4v3.4M8 11.5v.6',
  breach: 'M3.2 3.2l9.6 9.6M12.8 3.2l-9.6 9.6',
  inconclusive: 'M1.8 9.6c2-4.4 4.2-4 6.2-1.6s4.2 2.8 6.2-1.6',
  no_data: 'M3 8h10',
};

export const iconSheet = () => html`<svg class="sheet" aria-hidden="true" width="0" height="0">${
  Object.entries(icons).map(([name, path]) =>
    html`<symbol id="i-${name}" viewBox="0 0 16 16"><path d="${path}"/></symbol>`)}</svg>`;

// A shape, a word and a colour, so that none of them has to be seen.
export const badge = (name, word) => (icons[name]
  ? html`<span class="status ${name}"><svg aria-hidden="true"><use href="#i-${name}"/></svg>${word}</span>`
  : html`<span class="status">${word}</span>`);

export const status = (name) => badge(name, statusWords[name] ?? name);

// Of a metric that nobody aims at anything with, "ok" would say what it does not mean.
export const statusOf = (r) => (isJudged(r) || r.status !== 'ok' ? status(r.status) : '');

// ---- numbers ----

export const here = (source, r) => ({
  'data-source': source, 'data-grain': r.grain, 'data-metric': r.metric ?? r.signal, 'data-period': r.period });

// A field of a row as text, in a cell of its own or within other text.
export const value = (r, field = 'value', { tag = 'span', unit = r.unit, from = {}, text, className, style } = {}) => {
  const shown = text ?? number(r[field], unit, r.metric);
  const data = attributes({ class: className, style, ...from, 'data-field': field, 'data-value': r[field] });
  return tag === 'td' ? html`<td${data}>${shown}</td>` : html`<span${data}>${shown}</span>`;
};

export const count = (r, field, options = {}) => value(r, field, { ...options, text: integer(r[field]) });

export const range = (r, { unit = r.unit, from } = {}) => (!Number.isFinite(r.low) || !Number.isFinite(r.high) ||
  r.low === null || r.high === null ? nothing
  : html`${value(r, 'low', { unit, from })} to ${value(r, 'high', { unit, from })}`);

const fraction = (r) => {
  // of a mean the sum of hours, of a rate how many
  const unit = Number.isInteger(r.numerator) ? 'count' : 'leads';
  const part = r.numerator !== null && value(r, 'numerator', { unit });
  const whole = r.denominator !== null && count(r, 'denominator');
  return part || whole ? html`${part}${whole && ' of '}${whole}` : nothing;
};

export const target = (r) => {
  const level = (name) => short(r[name], r.unit, r.metric);
  if (r.target === null) {
    return r.breach === null ? '' : `at most ${level('breach')}`;
  }
  return `target ${level('target')}${r.target_high === null ? '' : ` to ${level('target_high')}`}`;
};

export const when = (r) => (r.grain === 'all' ? 'all mature weeks'
  : html`${r.grain === 'week' && 'week of '}<time datetime="${r.period}">${periodName(r.period, r.grain)}</time>`);

// ---- tables ----

export const scroll = (label, content) =>
  html`<div class="scroll" role="region" tabindex="0" aria-label="${label}">${content}</div>`;

export const td = (content, className) => html`<td${attributes({ class: className })}>${content}</td>`;

// rows: [attributes of the row, its name, its cells]
export const table = ({ caption, columns, rows, className, seen }) => scroll(caption, html`
<table${attributes({ class: className })}><caption${attributes({ class: seen && 'seen' })}>${caption}</caption>
<thead><tr>${columns.filter(Boolean).map((c) =>
    html`<th scope="col"${attributes({ class: c.className })}>${c.title ?? c}</th>`)}</tr></thead>
<tbody>
${rows.map(([of, name, cells]) => html`<tr${attributes(of)}><th scope="row">${name}</th>${cells}</tr>
`)}</tbody></table>`);

const numbersOf = (source, rows, seen) => {
  const judged = rows.some(isJudged);
  const withRange = rows.some((r) => r.low !== null && r.low !== undefined);
  const withParts = rows.some((r) => r.denominator !== null);
  return table({
    caption: rows[0].title, seen,
    columns: ['Week of', 'Value', withRange && '95 % interval', withParts && 'Counted', judged && 'Status'],
    rows: [...rows].reverse().map((r) => [here(source, r),
      html`${periodName(r.period, r.grain)}${!r.complete && html` <small>not over</small>`}`,
      [value(r, 'value', { tag: 'td' }), withRange && td(range(r)), withParts && td(fraction(r)),
        judged && td(status(r.status))]]),
  });
};

export const folded = (content, { summary = 'Numbers', open = false } = {}) =>
  html`<details${attributes({ open })}><summary>${summary}</summary>${content}</details>`;

// All that is known of a chart's metrics, the newest first.
export const numbers = (source, list, summary) =>
  folded(list.map((rows) => numbersOf(source, rows, list.length > 1)), { summary });

// A column for each metric, a row for each period.
export const grid = ({ caption, periods, columns, cell, all }) => table({
  caption, className: 'grid', columns: ['Week of', ...columns],
  rows: [...(all ? [[{ class: 'all' }, 'All', columns.map(all)]] : []),
    ...[...periods].reverse().map((p) => [{}, periodName(p, 'week'), columns.map((c) => cell(c, p))])],
});

export const cellOf = (source, r, options) =>
  (r ? value(r, 'value', { tag: 'td', from: here(source, r), ...options }) : td(nothing));

// ---- figures ----

const weeksNarrow = 8;

// Drawn twice, for a wide and a narrow screen: text stays as large.
export const both = (draw) => html`<div class="wide">${draw(740)}</div><div class="narrow">${draw(360)}</div>`;

export const isNarrow = (width) => width < 500;

export const newest = (list, width) => list.slice(isNarrow(width) ? -weeksNarrow : -weeksShown);

// A chart in words.
export const aria = (title, rows) => {
  const r = latest(rows);
  if (!r) {
    return `${title}: no data.`;
  }
  const interval = r.low === null || r.low === undefined ? ''
    : `, 95 % interval ${between(r.low, r.high, r.unit, r.metric)}`;
  return `${title} by week, ${rows.length} shown; in the week of ${periodName(r.period, r.grain)}: ${
    number(r.value, r.unit, r.metric)}${interval}.`;
};

const colors = ['a', 'b', 'c'];

export const colored = (list) => list.map((s, i) => ({
  ...s, color: `var(--${colors[i]})`, soft: `var(--${colors[i]}-soft)`, ink: `var(--${colors[i]}-ink)` }));

export const swatch = (color) => html`<svg aria-hidden="true" viewBox="0 0 12 12">
<rect width="12" height="12" rx="2" fill="var(--${color})"/></svg>`;

export const now = (source, r, more) => html`<p class="now"${attributes(here(source, r))}>${
  value(r, 'value', { className: 'big' })} ${statusOf(r)}<small>${when(r)}${
  !r.complete && r.grain !== 'all' && ', not over'}${more}</small></p>`;

// Of a pair what each was in the latest week, without a status: they are there to be compared.
const nowPair = (source, series) => html`<p class="now">${series.map((s) => {
  const r = latest(s.rows);
  return html`<span${attributes(here(source, r))}>${value(r, 'value', { className: 'big' })} <small>${
    s.name}</small></span>`;
})}</p>`;

// One metric, or two that belong together, in a small chart of its own.
const panel = (source, series, { bars = false, title, definition }) => {
  const told = colored(series).filter((s) => s.rows.some(hasValue));
  const cut = trimmed(told.map((s) => s.rows));
  const drawn = told.map((s, i) => ({ ...s, rows: cut[i] }));
  const paired = series.length > 1;
  const r = latest(cut[0]);
  return html`<figure class="panel" id="${source}-${r.metric}">
<figcaption><h3>${title ?? r.title}</h3>${paired ? nowPair(source, drawn) : now(source, r)}
<p class="means">${definition}</p></figcaption>
${chart.weekly({ periods: cut[0].map((row) => row.period), series: drawn, named: paired, bars, unit: r.unit,
    metric: r.metric, label: cut.map((rows) => aria(rows[0].title, rows)).join(' '), width: 360, height: 176 })}
${numbers(source, cut)}</figure>
`;
};

// Panels of the metrics named; those without any number are told of in words.
export const panels = (data, source, list) => {
  const without = [];
  const shown = list.flatMap(({ metrics, names = [], title, definition, bars }) => {
    const known = entry(data, source, metrics[0]);
    const series = metrics.map((metric, i) => ({ rows: weekly(data, source, metric), name: names[i] }))
      .filter((s) => s.rows.length > 0);
    if (!series.some((s) => s.rows.some(hasValue))) {
      without.push(title ?? known?.title ?? metrics[0]);
      return [];
    }
    return [panel(source, series, { bars, title, definition: definition ?? known?.definition })];
  });
  return html`<div class="panels">${shown}</div>${without.length > 0 && html`
<p class="without"><strong>No numbers yet:</strong> ${without.join('; ')}.</p>`}`;
};

// ---- sections ----

export const section = (id, title, intro, ...content) => html`<section id="${id}" aria-labelledby="${id}-title">
<h2 id="${id}-title">${title}</h2>
<p class="intro">${intro}</p>
${content}
</section>
`;

export const empty = (text, sql) => html`<div class="empty"><p>${text}</p>
<pre><code>${sql}</code></pre></div>`;
