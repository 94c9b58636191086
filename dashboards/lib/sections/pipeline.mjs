// Leads, where they went, and how soon somebody was in touch.

import { attributes, html } from '../html.mjs';
import * as chart from '../chart.mjs';
import { latest, modelOf, weekly } from '../data.mjs';
import { integer, nothing } from '../format.mjs';
import {
  aria, both, cellOf, empty, folded, grid, here, isNarrow, newest, now, panels, section, swatch, target, value, when,
} from '../parts.mjs';

const standings = [['routed', 'routed', 's1'], ['queued', 'queued', 's2'], ['control', 'held out', 's3'],
  ['paused', 'paused', 's4'], ['not_routed', 'not routed', 's5']];

const small = [
  { metrics: ['acceptance_rate'] },
  { metrics: ['acceptance_rate_wide'],
    definition: 'Acceptance, counting leads for nurture and customer success as well.' },
  { metrics: ['rejection_rate'] },
  { metrics: ['sla_compliance'] },
  { metrics: ['sla_from_trigger'],
    definition: 'First touches by the deadline, had the clock started when the lead was found.' },
  { metrics: ['first_touch_hours', 'first_touch_hours_median'], names: ['mean', 'median'], title: 'Time to first touch',
    definition: 'Business hours of the rep from the trigger to the first touch, of leads first touched in the week.' },
  { metrics: ['demand_per_rep'] },
  { metrics: ['queue_depth'], bars: true },
  { metrics: ['unclaimed'], bars: true },
  { metrics: ['escalations'], bars: true },
  { metrics: ['dispositioned'], bars: true },
  { metrics: ['load_lag'] },
];

export const noLeads = (data) => empty('There are no leads yet: routing has not begun, or no refresh has run since. ' +
  'Once leads are routed, they are counted here.', `SELECT pql.start_routing(${modelOf(data)});\nCALL pql.refresh();`);

const inWords = (triggered, series, period) => `${aria('Leads triggered', triggered)} Of these ${series.map((s) => {
  const row = s.rows.find((r) => r.period === period);
  return `${s.name} ${row ? integer(row.value) : nothing}`;
}).join(', ')}.`;

const where = (series, r) => html`<table class="where"><caption>Where they went, ${when(r)}</caption><tbody>
${series.map((s) => {
    const row = s.rows.find((x) => x.period === r.period);
    return html`<tr${attributes(here('pipeline', row))}><th scope="row">${swatch(s.color)}${s.name}</th>${
      value(row, 'value', { tag: 'td' })}</tr>\n`;
  })}</tbody></table>`;

const triggeredByStanding = (triggered, all) => {
  const series = all.filter((s) => s.rows.some((r) => r.value > 0));
  const periods = triggered.map((r) => r.period);
  const r = latest(triggered);
  const label = inWords(triggered, series, r.period);
  const draw = (width) => chart.stacked({
    periods: newest(periods, width), totals: newest(triggered, width), unit: 'count', metric: 'triggered', label, width,
    height: isNarrow(width) ? 220 : 270,
    series: series.map((s) => ({ rows: newest(s.rows, width), color: `var(--${s.color})` })),
  });
  const found = (c, period) => c.rows.find((x) => x.period === period);
  return html`<div class="pair">
<figure class="feature" id="pipeline-triggered"><figcaption><h3>Leads triggered, by where they went</h3>
<p class="means">The band is the target, by active reps and business days. A week that is not over is pale.</p>
</figcaption>
${both(draw)}
${folded(grid({ caption: 'Leads triggered by week', periods,
    columns: [{ title: 'triggered', rows: triggered }, ...all.map((s) => ({ title: s.name, rows: s.rows }))],
    cell: (c, period) => cellOf('pipeline', found(c, period)) }))}</figure>
<div class="aside"><div>${now('pipeline', r, target(r) && `, ${target(r)}`)}
${where(series, r)}</div></div>
</div>`;
};

export const pipeline = (data) => {
  const triggered = weekly(data, 'pipeline', 'triggered');
  const intro = 'Leads that were found, where they went, and how soon somebody was in touch.';
  if (triggered.length === 0) {
    return section('pipeline', 'Pipeline', intro, noLeads(data));
  }
  const series = standings.map(([metric, name, color]) => ({ name, color, rows: weekly(data, 'pipeline', metric) }));
  return section('pipeline', 'Pipeline', intro, triggeredByStanding(triggered, series),
    panels(data, 'pipeline', small));
};
