// What leads bring, by month.

import { html } from '../html.mjs';
import { ever, hasValue, isJudged, of } from '../data.mjs';
import { nothing } from '../format.mjs';
import { empty, here, section, status, table, target, td, value, when } from '../parts.mjs';

const monthsShown = 6;

const ofDeals = ['sales_cycle_days', 'acv', 'expansion_share'];

const connectDeals = `SELECT * FROM pql.connect('deals', 'app.deals',
\tmapping => '{"deal_id": "id", "account_id": "company_id", "amount": "amount", "kind": "kind", "source": "source",
\t\t"created_at": "created", "closed_at": "closed", "outcome": "outcome"}');`;

const cell = (r) => td(hasValue(r)
  ? html`${value(r, 'value', { from: here('playbook', r) })}${isJudged(r) && html`<br>${status(r.status)}`}` : nothing);

export const playbook = (data) => {
  const intro = 'What leads bring, by month.';
  // there are months before the first lead, of which there is nothing to tell
  const lively = data.playbook.filter((r) => hasValue(r) && r.value !== 0).map((r) => r.period).sort();
  if (lively.length === 0) {
    return section('playbook', 'Playbook', intro, empty('No month has leads or deals yet.', connectDeals));
  }
  const periods = [...new Set(data.playbook.map((r) => r.period))].filter((p) => p >= lively[0]).slice(-monthsShown);
  const at = (metric, period) => data.playbook.find((r) => r.metric === metric && r.period === period);
  const metrics = data.catalogue.filter((m) => m.dashboard === 'playbook');
  const shown = metrics.filter((m) => periods.some((period) => hasValue(at(m.metric, period))));
  const without = metrics.filter((m) => !shown.includes(m)).map((m) => m.title);
  const isOver = (period) => data.playbook.find((r) => r.period === period).complete;
  const head = (period) => ({
    title: html`${when({ grain: 'month', period })}${!isOver(period) && html` <small>not over</small>`}` });
  return section('playbook', 'Playbook', intro,
    table({ caption: 'Playbook by month', className: 'grid',
      columns: ['Metric', ...periods.map(head), 'Aim'],
      rows: shown.map((m) => [{}, m.title, [...periods.map((period) => cell(at(m.metric, period))),
        td(target(m).replace(/^target /, '') || nothing, 'aim')]]) }),
    without.length > 0 && html`<p class="without"><strong>No numbers yet:</strong> ${without.join('; ')}.</p>`,
    !ofDeals.some((metric) => ever(of(data, 'playbook', metric, 'month'))) &&
      empty('No deals are connected, so nothing tells of sales cycles, contract values and expansion:', connectDeals));
};
