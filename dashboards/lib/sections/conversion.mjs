// What becomes of trials, with sales and without.

import { attributes, html } from '../html.mjs';
import * as chart from '../chart.mjs';
import { ever, hasValue, modelOf, weekly } from '../data.mjs';
import { integer, number } from '../format.mjs';
import {
  aria, both, cellOf, colored, count, empty, folded, grid, here, isNarrow, newest, numbers, panels, range, section,
  statusOf, swatch, table, td, value,
} from '../parts.mjs';

const arms = [['routed_conversion', 'routed'], ['unrouted_conversion', 'unrouted'], ['control_conversion', 'control']];

const small = [['trial_to_paid'], ['lift'], ['assisted_conversion'], ['meeting_rate'], ['reply_rate'],
  ['incremental_conversion']].map((metrics) => ({ metrics }));

const outcomes = ['trials', 'routed_trials', 'contacted', 'assisted_conversions', 'self_serve_conversions',
  'converted_untouched', 'converted_touched', 'converted_engaged', 'touches_to_conversion', 'assisted_mrr'];

// ---- by week of start ----

const byWeek = (data, mature) => {
  const rowsOf = (metric) => weekly(data, 'conversion', metric).filter((r) => mature.includes(r.period));
  const series = colored(arms.map(([metric, name]) => ({ name, rows: rowsOf(metric) }))).filter((s) => ever(s.rows));
  const draw = (width) => chart.weekly({
    periods: newest(mature, width), series: series.map((s) => ({ ...s, rows: newest(s.rows, width) })), unit: 'rate',
    metric: 'routed_conversion', label: series.map((s) => aria(`Trial to paid, ${s.name}`, s.rows)).join(' '), width,
    height: isNarrow(width) ? 240 : 300, named: true,
  });
  return html`<figure class="feature" id="conversion-arms"><figcaption><h3>Trial to paid, by week of start</h3>
<p class="means">Dots are rates, bars their 95 % intervals; one that ends flat goes on beyond the edge. Weeks with
mature trials only.</p></figcaption>
${series.length === 0 ? html`<p class="without">No trial is mature yet.</p>`
    : html`${both(draw)}\n${numbers('conversion', series.map((s) => s.rows))}`}</figure>`;
};

// ---- all weeks together ----

const looks = [['all trials', 'var(--ink)', 'var(--neutral-soft)'], ['routed', 'var(--a)', 'var(--a-soft)'],
  ['unrouted', 'var(--b)', 'var(--b-soft)'], ['control', 'var(--c)', 'var(--c-soft)']];

const together = (all) => {
  const metrics = ['trial_to_paid', ...arms.map(([metric]) => metric)];
  const items = metrics.flatMap((metric, i) => {
    const row = all.get(metric);
    const [name, color, soft] = looks[i];
    return hasValue(row) ? [{ name, color, soft, row, value: row.value, low: row.low, high: row.high,
      note: `${number(row.value, 'rate')} (${integer(row.numerator)} of ${integer(row.denominator)})` }] : [];
  });
  const tableOf = table({ caption: 'Trial to paid of all mature trials',
    columns: ['Which', 'Value', '95 % interval', 'Paid', 'Trials'],
    rows: items.map(({ name, row }) => [here('conversion', row), name, [value(row, 'value', { tag: 'td' }),
      td(range(row)), count(row, 'numerator', { tag: 'td' }), count(row, 'denominator', { tag: 'td' })]]) });
  return items.length > 0 && html`<figure id="conversion-all">
<figcaption><h3>All mature weeks together</h3></figcaption>
${chart.rows({ items, unit: 'rate', metric: 'trial_to_paid', width: 360,
    label: `Trial to paid of all mature trials: ${items.map((i) => `${i.name} ${i.note}`).join(', ')}.` })}
${folded(tableOf)}</figure>`;
};

const effectOf = (effect, control) => html`<p${attributes(here('conversion', effect))}><strong>Effect of sales: ${
  value(effect)}</strong> ${statusOf(effect)}<br>95 % interval ${range(effect)}; ${
  count(control, 'denominator', { from: here('conversion', control) })} held out and mature.</p>`;

const selection = (data, all) => {
  const control = all.get('control_conversion');
  const effect = all.get('incremental_conversion');
  const isHeld = control?.denominator > 0;
  return html`<div class="note"><p><strong>Routed against unrouted is selection, not effect:</strong> routing takes the
likeliest away. What sales add is told by the control arm: leads that were held out by lot.</p>${
  isHeld && hasValue(effect) && effectOf(effect, control)}</div>
${!isHeld && empty('There is no control arm, so nothing tells what sales add. Hold out a share of accounts:',
    `SELECT pql.start_routing(${modelOf(data)}, control_share => 0.1);`)}`;
};

// ---- mature and open ----

const trialsByWeek = (trials, open) => {
  const periods = trials.map((r) => r.period);
  // of trials, being open is what "not over" is of weeks
  const whole = (rows, width) => newest(rows, width).map((r) => ({ ...r, complete: true }));
  const draw = (width) => chart.stacked({
    periods: newest(periods, width), totals: newest(trials, width), unit: 'count', metric: 'trials', width,
    height: isNarrow(width) ? 190 : 200, label: `${aria('Mature trials', trials)} ${aria('Open trials', open)}`,
    series: [{ rows: whole(trials, width), color: 'var(--s1)' }, { rows: whole(open, width), color: 'var(--s5)' }],
  });
  return html`<figure class="feature" id="conversion-trials"><figcaption><h3>Trials, mature and open</h3>
<p class="means">Open trials can still be paid for; they count in no rate.</p>
<ul class="key"><li>${swatch('s1')}mature</li><li>${swatch('s5')}open</li></ul></figcaption>
${both(draw)}
${folded(grid({ caption: 'Trials by week of start', periods,
    columns: [{ title: 'Mature', rows: trials }, { title: 'Open', rows: open }],
    cell: (c, period) => cellOf('conversion', c.rows.find((r) => r.period === period)) }))}</figure>`;
};

// ----

export const conversion = (data) => {
  const trials = weekly(data, 'conversion', 'trials');
  const open = weekly(data, 'conversion', 'open_trials');
  const title = 'Conversion impact';
  const intro = 'Trials by the week in which they started. A trial counts in a rate once its end and seven days more ' +
    'have passed, converted or not; the others are open, and shown apart.';
  if (![...trials, ...open].some((r) => r.value > 0)) {
    return section('conversion', title, intro, empty(
      'There are no trials yet. Tell pql where they are, or let sign-ups start them:',
      'SELECT * FROM pql.connect(\'trials\', \'app.users\',\n' +
      '\tmapping => \'{"user_id": "id", "started_at": "trial_started_at"}\');\nCALL pql.refresh();'));
  }
  const mature = trials.filter((r) => r.value > 0).map((r) => r.period);
  const all = new Map(data.conversion.filter((r) => r.grain === 'all').map((r) => [r.metric, r]));
  const columns = outcomes.filter((metric) => all.has(metric)).map((metric) => ({
    title: all.get(metric).title, total: all.get(metric), rows: weekly(data, 'conversion', metric) }));
  return section('conversion', title, intro,
    html`<div class="pair">
${byWeek(data, mature)}
<div class="aside">${together(all)}${selection(data, all)}</div></div>`,
    panels(data, 'conversion', small),
    trialsByWeek(trials, open),
    html`<h3>What they came to</h3>
`,
    grid({ caption: 'What mature trials came to, by week of start', periods: mature, columns,
      all: (c) => cellOf('conversion', c.total),
      cell: (c, period) => cellOf('conversion', c.rows.find((r) => r.period === period)) }));
};
