// Which signals foretell that a lead is accepted, and what people say of leads.

import { html } from '../html.mjs';
import * as chart from '../chart.mjs';
import { weekly } from '../data.mjs';
import { integer, nothing, number } from '../format.mjs';
import { badge, both, count, empty, folded, here, panels, range, section, table, td, value } from '../parts.mjs';

const drawnAtMost = 12;

const verdicts = { predicts: ['ok', 'Predicts'], noisy: ['warn', 'Noisy'], unclear: ['inconclusive', 'Unclear'] };

const small = [
  { metrics: ['positive_reply_rate'], title: 'Positive answers',
    definition: 'Of the answers in the week, by whatever channel.' },
  { metrics: ['engaged_rate'],
    definition: 'Of the leads dispositioned, those that were at best nurture or routed to CS.' },
  { metrics: ['no_response_rate'], definition: 'Of the leads dispositioned, those of which nothing ever came.' },
  { metrics: ['replies'], bars: true },
  { metrics: ['released'], bars: true },
  { metrics: ['reopened'], bars: true },
];

const signalRow = (r) => {
  const n = (field) => count(r, field, { tag: 'td' });
  const rate = (field) => value(r, field, { tag: 'td', unit: 'rate' });
  const lift = r.lift === null ? nothing : `${number(r.lift, 'touches')}×`;
  return [here('signals', r), html`${r.signal}${r.category && html` <small>${r.category}</small>`}`, [
    td(badge(...(verdicts[r.verdict] ?? ['no_data', r.verdict])), 'text'), n('leads'), n('dispositioned'),
    n('accepted'), rate('acceptance_rate'), td(range(r, { unit: 'rate' })), rate('without_rate'),
    value(r, 'lift', { tag: 'td', text: lift }), n('disqualified'), rate('false_positive_rate')]];
};

const outcomes = (list) => {
  const drawn = list.filter((r) => r.acceptance_rate !== null).slice(0, drawnAtMost);
  const items = drawn.map((r) => ({ name: r.signal, value: r.acceptance_rate, low: r.low, high: r.high,
    note: `${number(r.acceptance_rate, 'rate')} of ${integer(r.dispositioned)}` }));
  const label = `Acceptance by signal: ${items.map((i) => `${i.name} ${i.note}`).join('; ')}.`;
  return html`<figure id="signals-acceptance"><figcaption><h3>Acceptance of leads that met a signal</h3>
<p class="means">Dots are rates, bars their 95 % intervals.${drawn.length < list.length && ` Drawn are the first ${
    integer(drawn.length)} that have a rate.`}</p></figcaption>
${items.length > 0 && both((width) => chart.rows({ items, width, unit: 'rate', metric: '', label }))}
${folded(table({ caption: 'Signals of leads, and what became of these', className: 'score',
    columns: ['Signal', { title: 'Verdict', className: 'text' }, 'Leads', 'Dispositioned', 'Accepted', 'Acceptance',
      '95 % interval', 'Without it', 'Lift', 'Disqualified', 'False positives'],
    rows: list.map(signalRow) }), { open: true })}</figure>`;
};

export const signals = (data) => section('signals', 'Signals and feedback',
  'Which signals foretell that a lead is accepted, and what people say of leads.',
  data.signals.some((r) => r.dispositioned > 0) ? outcomes(data.signals)
    : empty('Nothing tells yet which signals predict: it takes leads of which reps have said what became of them.',
      'SELECT * FROM pql.set_disposition(1042, \'meeting_set\');'),
  weekly(data, 'feedback', 'dispositioned').length > 0 && html`<h3>What people say</h3>
${panels(data, 'feedback', small)}`);
