// How far trials came, by the week in which they started.

import { attributes, html } from '../html.mjs';
import * as chart from '../chart.mjs';
import { hasValue, weeksShown } from '../data.mjs';
import { date, integer, nothing, number } from '../format.mjs';
import { both, cellOf, count, empty, folded, grid, here, section, table, td } from '../parts.mjs';

const stages = ['signup', 'activated', 'sustained', 'qualified', 'contacted', 'meeting', 'paid'];

const sumOf = (rows, metric) => rows.filter((r) => r.metric === metric).reduce((n, r) => n + (r.numerator ?? 0), 0);

const allWeeks = (rows, mature, since, title) => {
  const items = stages.map((metric) => {
    const n = sumOf(rows, metric);
    return { metric, name: title(metric), n, share: n / sumOf(rows, 'signup') };
  });
  const from = (i, field) => attributes({
    'data-source': 'funnel', 'data-sum': i.metric, 'data-field': field, 'data-value': i[field] });
  const words = items.map((i) => `${i.name} ${integer(i.n)}, ${number(i.share, 'rate')}`).join('; ');
  return html`<figure class="feature" id="funnel-all"><figcaption><h3>${
    mature.length === 1 ? 'The one mature week' : `All ${integer(mature.length)} mature weeks together`}</h3>${
    since && html`<p class="means">Nobody could be contacted before routing began on ${date(since)}.</p>`}</figcaption>
${both((width) => chart.funnel({ items, width, label: `Cohort funnel: ${words}.` }))}
${folded(table({ caption: 'Cohort funnel, all mature weeks', columns: ['Stage', 'Trials', 'Share'],
    rows: items.map((i) => [{}, i.name, [html`<td${from(i, 'n')}>${integer(i.n)}</td>`,
      html`<td${from(i, 'share')}>${number(i.share, 'rate')}</td>`]]) }))}</figure>`;
};

const cell = (metric, r) => {
  switch (metric) {
    case 'signup':
      return r ? count(r, 'numerator', { tag: 'td', from: here('funnel', r) }) : td(nothing);
    case 'open':
      return cellOf('funnel', r, { unit: 'count' });
    default:
      return cellOf('funnel', r, { unit: 'rate', className: hasValue(r) && 'shade',
        style: hasValue(r) && `--share:${Number(r.value.toFixed(3))}` });
  }
};

export const funnel = (data) => {
  const rows = data.funnel;
  const intro = 'How far trials came, of all that signed up; mature ones only. Stages are no single path: who pays ' +
    'need not have been contacted.';
  const mature = [...new Set(rows.filter((r) => r.metric === 'signup' && r.denominator > 0).map((r) => r.period))];
  if (mature.length === 0) {
    return section('funnel', 'Cohort funnel', intro, empty(
      'No trial is mature yet: one is when its end and seven days more have passed. Refresh judges them:',
      'CALL pql.refresh();'));
  }
  const title = (metric) => rows.find((r) => r.metric === metric)?.title ?? metric;
  const periods = [...new Set(rows.map((r) => r.period))].slice(-weeksShown);
  return section('funnel', 'Cohort funnel', intro,
    allWeeks(rows, mature, data.since, title),
    html`<h3>By week of start</h3>
`,
    grid({ caption: 'Share of sign-ups that reached each stage, by week of start', periods,
      columns: [...stages, 'open'].map((metric) => ({ metric, title: title(metric) })),
      cell: ({ metric }, period) => cell(metric, rows.find((r) => r.metric === metric && r.period === period)) }));
};
