// The pieces that sections are made of. Numbers carry where they come from in data attributes: what the page says can be
// compared with what the database says.

import { attributes, html, raw } from './html.mjs';
import * as chart from './chart.mjs';
import { between, date, day, integer, nothing, number, period as periodName, short } from './format.mjs';

// What a chart shows at most; tables beside it show as many.
export const weeksShown = 26;
const weeksNarrow = 8;

// ---- rows ----

const levels = ['target', 'target_high', 'minimum', 'breach'];

export const isJudged = (r) => levels.some((level) => r[level] !== null && r[level] !== undefined);
export const hasValue = (r) => r && r.value !== null && Number.isFinite(r.value);

export const latest = (rows) => [...rows].reverse().find((r) => r.complete && hasValue(r)) ??
  [...rows].reverse().find(hasValue);

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
  Object.entries(icons).map(([name, path]) => html`<symbol id="i-${name}" viewBox="0 0 16 16"><path d="${path}"/></symbol>`)
}</svg>`;

export const status = (name) => (statusWords[name]
  ? html`<span class="status ${name}"><svg aria-hidden="true"><use href="#i-${name}"/></svg>${statusWords[name]}</span>`
  : html`<span class="status">${name}</span>`);

// Of a metric that nobody aims at anything with, "ok" would say what it does not mean.
export const statusOf = (r) => (isJudged(r) || r.status !== 'ok' ? status(r.status) : '');

// ---- numbers ----

export const value = (r, field = 'value', { tag = 'span', unit = r.unit, of = {}, text, className } = {}) => {
  const shown = text ?? number(r[field], unit, r.metric);
  const data = attributes({ class: className, ...of, 'data-field': field, 'data-value': r[field] });
  return tag === 'td' ? html`<td${data}>${shown}</td>` : html`<span${data}>${shown}</span>`;
};

export const here = (source, r) => ({ 'data-source': source, 'data-grain': r.grain, 'data-metric': r.metric,
  'data-period': r.period });

const fraction = (r) => {
  const part = r.numerator === null ? null
    : value(r, 'numerator', { text: Number.isInteger(r.numerator) ? integer(r.numerator) : number(r.numerator, 'hours', '')
      .replace(/\s.*/, '') });
  const whole = r.denominator === null ? null : value(r, 'denominator', { text: integer(r.denominator) });
  if (part === null && whole === null) {
    return nothing;
  }
  return html`${part}${part && whole ? ' of ' : ''}${!part && whole ? 'of ' : ''}${whole}`;
};

export const range = (r, unit = r.unit) => (r.low === null || r.high === null || r.low === undefined ? nothing
  : html`${value(r, 'low', { unit })} to ${value(r, 'high', { unit })}`);

const rangeText = (r) => between(r.low, r.high, r.unit, r.metric);

export const target = (r) => {
  if (r.target === null) {
    return r.breach === null ? '' : `at most ${short(r.breach, r.unit, r.metric)}`;
  }
  return r.target_high === null ? `target ${short(r.target, r.unit, r.metric)}`
    : `target ${short(r.target, r.unit, r.metric)} to ${short(r.target_high, r.unit, r.metric)}`;
};

export const when = (r) => {
  const grains = { week: 'week of ', month: '', all: 'all mature weeks' };
  return html`${grains[r.grain] ?? ''}${r.grain === 'all' ? '' : html`<time datetime="${r.period}">${periodName(r.period, r.grain)
  }</time>`}`;
};

// ---- tables ----

export const scroll = (label, table) => html`<div class="scroll" role="region" tabindex="0" aria-label="${label}">${table}</div>`;

const numbersOf = (source, rows, caption, visible) => {
  const judged = rows.some(isJudged);
  const withRange = rows.some((r) => r.low !== null && r.low !== undefined);
  const withParts = rows.some((r) => r.denominator !== null);
  return scroll(caption, html`<table><caption${visible && raw(' class="seen"')}>${caption}</caption>
<thead><tr><th scope="col">${rows[0].grain === 'month' ? 'Month' : 'Week of'}</th><th scope="col">Value</th>${
  withRange && html`<th scope="col">95 % interval</th>`}${withParts && html`<th scope="col">Counted</th>`}${
  judged && html`<th scope="col">Status</th>`}</tr></thead>
<tbody>${[...rows].reverse().map((r) => html`<tr${attributes(here(source, r))}><th scope="row">${
  periodName(r.period, r.grain)}${r.complete ? '' : html` <small>not over</small>`}</th>${value(r, 'value', { tag: 'td' })}${
  withRange && html`<td>${range(r)}</td>`}${withParts && html`<td>${fraction(r)}</td>`}${
  judged && html`<td>${status(r.status)}</td>`}</tr>`)}</tbody></table>`);
};

// All that is known of a chart's metrics, the newest first.
export const numbers = (source, list, summary = 'Numbers') => html`<details><summary>${summary}</summary>${
  list.map((rows) => numbersOf(source, rows, rows[0].title, list.length > 1))}</details>`;

// A column for each metric, a row for each period.
export const grid = (source, { caption, periods, columns, cell, first = 'Week of', all }) => scroll(caption, html`<table class="grid">
<caption>${caption}</caption>
<thead><tr><th scope="col">${first}</th>${columns.map((c) => html`<th scope="col">${c.title}</th>`)}</tr></thead>
<tbody>${all && html`<tr class="all"><th scope="row">All</th>${columns.map((c) => all(c))}</tr>`}${
  [...periods].reverse().map((p) => html`<tr><th scope="row">${p.name}</th>${columns.map((c) => cell(c, p))}</tr>`)}</tbody></table>`);

// ---- figures ----

export const both = (drawn) => html`<div class="wide">${drawn(740)}</div><div class="narrow">${drawn(360)}</div>`;

export const newest = (list, width) => (width < 500 ? list.slice(-weeksNarrow) : list.slice(-weeksShown));

export const aria = (title, rows) => {
  const r = latest(rows);
  if (!r) {
    return `${title}: no data.`;
  }
  const of = r.grain === 'month' ? 'in' : 'in the week of';
  const interval = r.low === null || r.low === undefined ? '' : `, 95 % interval ${rangeText(r)}`;
  return `${title} by ${r.grain === 'month' ? 'month' : 'week'}, ${rows.length} shown; ${of} ${
    periodName(r.period, r.grain)}: ${number(r.value, r.unit, r.metric)}${interval}.`;
};

const colors = [['var(--a)', 'var(--a-soft)', 'var(--a-ink)'], ['var(--b)', 'var(--b-soft)', 'var(--b-ink)'],
  ['var(--c)', 'var(--c-soft)', 'var(--c-ink)']];

export const colored = (list) => list.map((s, i) => ({ ...s, color: colors[i][0], soft: colors[i][1], ink: colors[i][2] }));

const figures = (source, r) => html`<p class="now"${attributes(here(source, r))}>${value(r, 'value', { className: 'big' })} ${
  statusOf(r)}<small>${when(r)}${r.complete || r.grain === 'all' ? '' : ', not over'}</small></p>`;

// Of a pair what each was in the latest week, without a status: they are there to be compared.
const pairOf = (source, series) => html`<p class="now">${series.map((s) => {
  const r = latest(s.rows);
  return html`<span${attributes(here(source, r))}>${value(r, 'value', { className: 'big' })} <small>${s.name}</small></span>`;
})}</p>`;

// From the first to the last period of which there is anything to tell.
export const trimmed = (lists) => {
  const told = lists[0].map((r, i) => lists.some((rows) => hasValue(rows[i])));
  const [from, to] = [told.indexOf(true), told.lastIndexOf(true)];
  return lists.map((rows) => rows.slice(from, to + 1));
};

// One metric, or two that belong together, in a small chart of its own.
export const panel = (source, series, { bars = false, title, definition }) => {
  const told = series.filter((s) => s.rows.some(hasValue));
  const cut = trimmed(told.map((s) => s.rows));
  const of = colored(series).filter((s) => told.some((t) => t.name === s.name)).map((s, i) => ({ ...s, rows: cut[i] }));
  const r = latest(of[0].rows);
  return html`<figure class="panel" id="${source}-${r.metric}"><figcaption><h3>${title ?? r.title}</h3>${
    series.length === 1 ? figures(source, r) : pairOf(source, of)}<p class="means">${definition}</p></figcaption>
${chart.weekly({ periods: cut[0].map((row) => row.period), series: of, named: series.length > 1, unit: r.unit, metric: r.metric,
    label: of.map((s) => aria(s.rows[0].title, s.rows)).join(' '), width: 360, height: 176, bars })}
${numbers(source, cut)}</figure>`;
};

export const empty = (text, sql) => html`<div class="empty"><p>${text}</p>${sql && html`<pre><code>${sql}</code></pre>`}</div>`;

export { chart, date, day, integer, nothing, number, short };
