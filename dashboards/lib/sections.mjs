// The sections of the report, each of what was read: a chart where there are numbers, else what to do to have some.

import { attributes, html } from './html.mjs';
import {
  aria, both, chart, colored, date, empty, grid, hasValue, here, integer, isJudged, latest, newest, nothing, number,
  numbers, panel, range, scroll, short, status, statusOf, target, trimmed, value, weeksShown, when,
} from './parts.mjs';

// ---- what was read, by metric ----

const of = (data, source, metric, grain = 'week') =>
  data[source].filter((r) => r.metric === metric && r.grain === grain);

const weekly = (data, source, metric) => of(data, source, metric).slice(-weeksShown);

const definitions = (data) => new Map(data.catalogue.map((m) => [`${m.dashboard}.${m.metric}`, m]));

const ever = (rows) => rows.some(hasValue);

const section = (id, title, intro, ...content) => html`<section id="${id}" aria-labelledby="${id}-title">
<h2 id="${id}-title">${title}</h2>
${intro && html`<p class="intro">${intro}</p>`}
${content}
</section>
`;

// Panels of the metrics named (a list of those that share a panel); those without any number are told of in words.
const panels = (data, source, list) => {
  const said = definitions(data);
  const without = [];
  const shown = list.flatMap(({ metrics, names = [], title, definition, bars }) => {
    const series = metrics.map((metric, i) => ({ rows: weekly(data, source, metric), name: names[i] })).filter((s) => s.rows.length);
    if (!series.some((s) => ever(s.rows))) {
      without.push(title ?? said.get(`${source}.${metrics[0]}`)?.title ?? metrics[0]);
      return [];
    }
    return [panel(source, series, { bars, title, definition: definition ?? said.get(`${source}.${metrics[0]}`)?.definition })];
  });
  return html`<div class="panels">${shown}</div>${without.length > 0 && html`<p class="without"><strong>No numbers yet:</strong> ${
    without.join('; ')}.</p>`}`;
};

const quoted = (model) => `'${(model ?? 'trial').replaceAll("'", "''")}'`;

const noLeads = (data) => empty('There are no leads yet: routing has not begun, or no refresh has run since. Once leads are routed, ' +
  'they are counted here.', `SELECT pql.start_routing(${quoted(data.model)});\nCALL pql.refresh();`);

// ---- key numbers ----

const keys = [
  ['pipeline', 'triggered'], ['pipeline', 'acceptance_rate'], ['pipeline', 'sla_compliance'],
  ['pipeline', 'first_touch_hours_median'], ['conversion', 'routed_conversion'], ['conversion', 'meeting_rate'],
  ['conversion', 'reply_rate'], ['conversion', 'incremental_conversion', 'all'], ['guardrails', 'complaint_rate'],
  ['guardrails', 'false_positive_rate'], ['guardrails', 'utilisation'], ['guardrails', 'self_serve_change'],
];

const card = (data, [source, metric, grain]) => {
  const rows = weekly(data, source, metric);
  const r = grain === 'all' ? of(data, source, metric, 'all')[0] : latest(rows);
  const title = rows[0]?.title ?? definitions(data).get(`${source}.${metric}`)?.title;
  if (!title) {
    return '';
  }
  if (!r || !hasValue(r)) {
    return html`<article class="card none"><h3>${title}</h3><p class="now"><span class="big">${nothing}</span> ${status('no_data')}</p></article>`;
  }
  const counted = r.denominator !== null && r.unit === 'rate'
    ? html`<span>${value(r, 'numerator', { text: integer(r.numerator) })} of ${value(r, 'denominator', { text: integer(r.denominator) })}</span>` : '';
  const interval = r.unit !== 'rate' && r.low !== null ? html`<span>95 %: ${range(r)}</span>` : '';
  const aim = target(r);
  const [line] = trimmed([rows.slice(-12)]);
  return html`<article class="card"><h3>${title}</h3>
<div${attributes(here(source, r))}><p class="now">${value(r, 'value', { className: 'big' })} ${statusOf(r)}</p>
<p class="about">${aim && html`<span>${aim}</span>`}${counted}${interval}<span>${when(r)}</span></p></div>
${line.length > 1 && html`<figure class="spark">${chart.spark({ rows: line, unit: r.unit, metric, label: aria(title, line) })}<figcaption>${
  title}, ${line.length} weeks</figcaption>${numbers(source, [line], 'Weeks')}</figure>`}</article>`;
};

export const keyNumbers = (data) => section('key-numbers', 'Key numbers',
  'Each of the latest complete week that has a number; conversions by the week in which trials started.',
  html`<div class="cards">${keys.map((key) => card(data, key))}</div>`);

// ---- pipeline ----

const standings = [['routed', 'routed', 's1'], ['queued', 'queued', 's2'], ['control', 'held out', 's3'], ['paused', 'paused', 's4'],
  ['not_routed', 'not routed', 's5']];

const swatch = (color) => html`<svg aria-hidden="true" viewBox="0 0 12 12"><rect width="12" height="12" rx="2" fill="var(--${color})"/></svg>`;

const swatches = (list) => html`<ul class="key">${list.map(([name, color]) => html`<li>${swatch(color)}${name}</li>`)}</ul>`;

export const pipeline = (data) => {
  const triggered = weekly(data, 'pipeline', 'triggered');
  const intro = 'Leads that were found, where they went, and how soon somebody was in touch.';
  if (triggered.length === 0) {
    return section('pipeline', 'Pipeline', intro, noLeads(data));
  }
  const series = standings.map(([metric, name, color]) => ({ metric, name, color, rows: weekly(data, 'pipeline', metric) }));
  const present = series.filter((s) => s.rows.some((r) => r.value > 0));
  const periods = triggered.map((r) => r.period);
  const r = latest(triggered);
  const label = `${aria('Leads triggered', triggered)} Of these ${present.map((s) => {
    const now = s.rows.find((x) => x.period === r.period);
    return `${s.name} ${now ? integer(now.value) : nothing}`;
  }).join(', ')}.`;
  const columns = [{ metric: 'triggered', title: 'Triggered' }, ...series.map((s) => ({ metric: s.metric, title: s.name }))];
  return section('pipeline', 'Pipeline', intro,
    html`<div class="pair"><figure class="feature" id="pipeline-triggered"><figcaption><h3>Leads triggered, by where they went</h3>
<p class="means">The band is what active reps can take in, by business days. A week that is not over is pale.</p></figcaption>
${both((width) => chart.stacked({ periods: newest(periods, width), totals: newest(triggered, width), unit: 'count', metric: 'triggered', label, width,
    height: width < 500 ? 220 : 270, series: present.map((s) => ({ rows: newest(s.rows, width), color: `var(--${s.color})` })) }))}
<details><summary>Numbers</summary>${grid('pipeline', { caption: 'Leads triggered by week', periods: triggered.map((t) => ({ id: t.period, name: date(t.period) })),
    columns, cell: (c, p) => {
      const row = weekly(data, 'pipeline', c.metric).find((x) => x.period === p.id);
      return row ? value(row, 'value', { tag: 'td', of: here('pipeline', row) }) : html`<td>${nothing}</td>`;
    } })}</details></figure>
<div class="aside"><div><p class="now"${attributes(here('pipeline', r))}>${value(r, 'value', { className: 'big' })} ${statusOf(r)}<small>${when(r)}${
  target(r) && `, ${target(r)}`}</small></p>
<table class="where"><caption>Where they went, ${when(r)}</caption><tbody>${present.map((s) => {
    const row = s.rows.find((x) => x.period === r.period);
    return html`<tr><th scope="row">${swatch(s.color)}${s.name}</th>${value(row, 'value', { tag: 'td', of: here('pipeline', row) })}</tr>`;
  })}</tbody></table></div></div></div>`,
    panels(data, 'pipeline', [
      { metrics: ['acceptance_rate'] }, { metrics: ['acceptance_rate_wide'], definition: 'Acceptance, counting leads for nurture and customer success as well.' },
      { metrics: ['rejection_rate'] },
      { metrics: ['sla_compliance'] }, { metrics: ['sla_from_trigger'], definition: 'First touches by the deadline, had the clock started when the lead was found.' },
      { metrics: ['first_touch_hours', 'first_touch_hours_median'], names: ['mean', 'median'], title: 'Time to first touch' },
      { metrics: ['demand_per_rep'] }, { metrics: ['queue_depth'], bars: true }, { metrics: ['unclaimed'], bars: true },
      { metrics: ['escalations'], bars: true }, { metrics: ['dispositioned'], bars: true }, { metrics: ['load_lag'] },
    ]));
};

// ---- conversion ----

const arms = [['routed_conversion', 'routed'], ['unrouted_conversion', 'unrouted'], ['control_conversion', 'control']];

const controlShare = (data) => empty('There is no control arm, so nothing tells what sales add. Hold out a share of accounts from now on:',
  `SELECT pql.start_routing(${quoted(data.model)}, control_share => 0.1);`);

export const conversion = (data) => {
  const trials = weekly(data, 'conversion', 'trials');
  const intro = 'Trials by the week in which they started. A trial counts in a rate once its end and seven days more have passed, ' +
    'converted or not; the others are open, and shown apart.';
  const title = 'Conversion impact';
  if (!trials.some((r) => r.value > 0) && !weekly(data, 'conversion', 'open_trials').some((r) => r.value > 0)) {
    return section('conversion', title, intro, empty('There are no trials yet. Tell pql where they are, or let sign-ups start them:',
      `SELECT * FROM pql.connect('trials', 'app.users', mapping => '{"user_id": "id", "started_at": "trial_started_at"}');\nCALL pql.refresh();`));
  }
  const mature = trials.filter((r) => r.value > 0).map((r) => r.period);
  const byArm = colored(arms.map(([metric, name]) => ({ metric, name,
    rows: weekly(data, 'conversion', metric).filter((r) => mature.includes(r.period)) }))).filter((s) => ever(s.rows));
  const all = new Map(data.conversion.filter((r) => r.grain === 'all').map((r) => [r.metric, r]));
  const control = all.get('control_conversion');
  const effect = all.get('incremental_conversion');
  const held = control && control.denominator > 0;
  const items = [['trial_to_paid', 'all trials', null], ...arms].flatMap(([metric, name], i) => {
    const r = all.get(metric);
    return r && hasValue(r) ? [{ name: i ? name : 'all trials', note: `${number(r.value, 'rate')} (${integer(r.numerator)} of ${integer(r.denominator)})`,
      value: r.value, low: r.low, high: r.high, color: ['var(--ink)', 'var(--a)', 'var(--b)', 'var(--c)'][i],
      soft: ['var(--neutral-soft)', 'var(--a-soft)', 'var(--b-soft)', 'var(--c-soft)'][i], row: r }] : [];
  });
  const open = weekly(data, 'conversion', 'open_trials');
  const periods = trials.map((r) => r.period);
  const named = periods.map((p) => ({ id: p, name: date(p) }));
  const columns = (list) => list.map((metric) => ({ metric, title: all.get(metric)?.title ?? metric }));
  const counts = ['trials', 'routed_trials', 'contacted', 'assisted_conversions', 'self_serve_conversions',
    'converted_untouched', 'converted_touched', 'converted_engaged', 'touches_to_conversion', 'assisted_mrr'];
  const found = (metric, p) => weekly(data, 'conversion', metric).find((r) => r.period === p);
  const cell = (r) => (r ? value(r, 'value', { tag: 'td', of: here('conversion', r) }) : html`<td>${nothing}</td>`);
  return section('conversion', title, intro,
    html`<div class="pair">
<figure class="feature" id="conversion-arms"><figcaption><h3>Trial to paid, by week of start</h3>
<p class="means">Dots are rates, bars their 95 % intervals; one that ends flat goes on beyond the edge. Weeks with mature trials only.</p></figcaption>
${byArm.length > 0 ? html`${both((width) => chart.weekly({ periods: newest(mature, width), series: byArm.map((s) => ({ ...s, rows: newest(s.rows, width) })),
    unit: 'rate', metric: 'routed_conversion', label: byArm.map((s) => aria(`Trial to paid, ${s.name}`, s.rows)).join(' '), width,
    height: width < 500 ? 240 : 300 }))}
${numbers('conversion', byArm.map((s) => s.rows))}`
    : html`<p class="without">No trial is mature yet.</p>`}</figure>
<div class="aside">${items.length > 0 && html`<figure id="conversion-all"><figcaption><h3>All mature weeks together</h3></figcaption>
${chart.rows({ items, unit: 'rate', metric: 'trial_to_paid', width: 360,
    label: `Trial to paid of all mature trials: ${items.map((i) => `${i.name} ${i.note}`).join(', ')}.` })}
<details><summary>Numbers</summary>${scroll('Trial to paid of all mature trials', html`<table><caption>Trial to paid of all mature trials</caption>
<thead><tr><th scope="col">Trials</th><th scope="col">Value</th><th scope="col">95 % interval</th><th scope="col">Paid</th><th scope="col">Trials</th></tr></thead>
<tbody>${items.map(({ name, row }) => html`<tr${attributes(here('conversion', row))}><th scope="row">${name}</th>${value(row, 'value', { tag: 'td' })}<td>${
  range(row)}</td>${value(row, 'numerator', { tag: 'td', text: integer(row.numerator) })}${value(row, 'denominator', { tag: 'td', text: integer(row.denominator) })}</tr>`)}</tbody></table>`)}</details></figure>`}
<div class="note"><p><strong>Routed against unrouted is selection, not effect:</strong> routing takes the likeliest away. What sales add is told by the control
arm: leads that were held out by lot.</p>${held && effect && hasValue(effect) ? html`<p${attributes(here('conversion', effect))}><strong>Effect of sales: ${
  value(effect)}</strong> ${statusOf(effect)}<br>95 % interval ${range(effect)}; ${value(control, 'denominator', { of: here('conversion', control), text: integer(control.denominator) })} held out and mature.</p>` : ''}</div>
${!held && controlShare(data)}</div></div>`,
    panels(data, 'conversion', [{ metrics: ['trial_to_paid'] }, { metrics: ['lift'] }, { metrics: ['assisted_conversion'] }, { metrics: ['meeting_rate'] },
      { metrics: ['reply_rate'] }, { metrics: ['incremental_conversion'] }]),
    html`<figure class="feature" id="conversion-trials"><figcaption><h3>Trials, mature and open</h3><p class="means">Open trials can still be paid for; they
count in no rate.</p>${swatches([['mature', 's1'], ['open', 's5']])}</figcaption>
${both((width) => chart.stacked({ periods: newest(periods, width), totals: newest(trials, width), unit: 'count', metric: 'trials', width,
    height: width < 500 ? 190 : 200, label: `${aria('Mature trials', trials)} ${aria('Open trials', open)}`,
    series: [{ rows: newest(trials, width).map((r) => ({ ...r, complete: true })), color: 'var(--s1)' },
      { rows: newest(open, width).map((r) => ({ ...r, complete: true })), color: 'var(--s5)' }] }))}
<details><summary>Numbers</summary>${grid('conversion', { caption: 'Trials by week of start', periods: named,
    columns: columns(['trials', 'open_trials']), cell: (c, p) => cell(found(c.metric, p.id)) })}</details></figure>`,
    html`<h3>What they came to</h3>`,
    grid('conversion', { caption: 'What mature trials came to, by week of start', periods: named.filter((p) => mature.includes(p.id)), columns: columns(counts),
      all: (c) => cell(all.get(c.metric)), cell: (c, p) => cell(found(c.metric, p.id)) }));
};

// ---- guardrails ----

export const guardrails = (data) => {
  const intro = 'What must not get worse while sales write to users. Lines show the target, what is needed at least (or at most), and where somebody has to act.';
  if (data.guardrails.length === 0) {
    return section('guardrails', 'Guardrails', intro, noLeads(data));
  }
  const surveyed = ['nps_contacted', 'nps_not_contacted', 'csat_gap'].some((metric) => ever(of(data, 'guardrails', metric)));
  const list = [
    { metrics: ['complaint_rate'] }, { metrics: ['not_interested_rate'], definition: 'Leads that said so, of those contacted first in the week.' }, { metrics: ['false_positive_rate'] }, { metrics: ['utilisation'] },
    { metrics: ['open_load'] }, { metrics: ['self_serve_conversion'] }, { metrics: ['self_serve_change'],
      definition: 'Against trials of the same kind that started in the 90 days before routing did.' },
    { metrics: ['retention_30_contacted', 'retention_30_not_contacted'], names: ['contacted', 'not contacted'], title: '30-day retention',
      definition: 'Who paid, and used the product in the week that ended 30 days later.' },
    { metrics: ['retention_90_contacted', 'retention_90_not_contacted'], names: ['contacted', 'not contacted'], title: '90-day retention',
      definition: 'Who paid, and used the product in the week that ended 90 days later.' },
    ...(surveyed ? [{ metrics: ['nps_contacted', 'nps_not_contacted'], names: ['contacted', 'not contacted'], title: 'NPS',
      definition: 'Share of 9 and 10 less share of 0 to 6, in points.' }, { metrics: ['nps_gap'] },
      { metrics: ['csat_gap'] }] : []),
  ];
  return section('guardrails', 'Guardrails', intro, panels(data, 'guardrails', list),
    !surveyed && empty('No surveys are connected, so nothing tells whether those contacted are as content as the others:',
      `SELECT * FROM pql.connect('surveys', 'app.nps', mapping => '{"user_id": "uid", "answered_at": "at", "kind": {"is": "nps"}, "score": "score"}');`));
};

// ---- funnel ----

const stages = ['signup', 'activated', 'sustained', 'qualified', 'contacted', 'meeting', 'paid'];

export const funnel = (data) => {
  const intro = 'How far trials came, of all that signed up; mature ones only. Stages are no single path: who pays need not have been contacted.';
  const rows = data.funnel;
  const mature = [...new Set(rows.filter((r) => r.metric === 'signup' && r.denominator > 0).map((r) => r.period))];
  if (mature.length === 0) {
    return section('funnel', 'Cohort funnel', intro, empty('No trial has been mature yet: a trial is when its end and seven days more have passed.',
      rows.length === 0 ? 'CALL pql.refresh();' : undefined));
  }
  const title = (metric) => rows.find((r) => r.metric === metric)?.title ?? metric;
  const total = rows.filter((r) => r.metric === 'signup').reduce((n, r) => n + (r.numerator ?? 0), 0);
  const items = stages.map((metric) => {
    const n = rows.filter((r) => r.metric === metric).reduce((sum, r) => sum + (r.numerator ?? 0), 0);
    return { metric, name: title(metric), n, share: n / total };
  });
  const periods = [...new Set(rows.map((r) => r.period))].slice(-weeksShown);
  const at = (metric, p) => rows.find((r) => r.metric === metric && r.period === p);
  const sum = (i, field) => attributes({ 'data-source': 'funnel', 'data-sum': i.metric, 'data-field': field, 'data-value': i[field] });
  return section('funnel', 'Cohort funnel', intro,
    html`<figure class="feature" id="funnel-all"><figcaption><h3>${mature.length === 1 ? 'The one mature week' : `All ${integer(mature.length)} mature weeks together`}</h3>${
      data.since && html`<p class="means">Nobody could be contacted before routing began on ${date(data.since)}.</p>`}</figcaption>
${both((width) => chart.funnel({ items, width, label: `Cohort funnel: ${items.map((i) => `${i.name} ${integer(i.n)}, ${number(i.share, 'rate')}`).join('; ')}.` }))}
<details><summary>Numbers</summary>${scroll('Cohort funnel, all mature weeks', html`<table><caption>Cohort funnel, all mature weeks</caption>
<thead><tr><th scope="col">Stage</th><th scope="col">Trials</th><th scope="col">Share</th></tr></thead><tbody>${items.map((i) =>
    html`<tr><th scope="row">${i.name}</th><td${sum(i, 'n')}>${integer(i.n)}</td><td${sum(i, 'share')}>${number(i.share, 'rate')}</td></tr>`)}</tbody></table>`)}</details></figure>
<h3>By week of start</h3>
${grid('funnel', { caption: 'Share of sign-ups that reached each stage, by week of start', periods: periods.map((p) => ({ id: p, name: date(p) })),
    columns: [{ metric: 'signup', title: 'Signed up' }, ...stages.slice(1).map((metric) => ({ metric, title: title(metric) })), { metric: 'open', title: 'Open' }],
    cell: (c, p) => {
      const r = at(c.metric, p.id);
      if (!r) {
        return html`<td>${nothing}</td>`;
      }
      if (c.metric === 'signup') {
        return value(r, 'numerator', { tag: 'td', of: here('funnel', r), text: integer(r.numerator) });
      }
      if (c.metric === 'open') {
        return value(r, 'value', { tag: 'td', of: here('funnel', r), unit: 'count' });
      }
      return value(r, 'value', { tag: 'td', unit: 'rate', of: { ...here('funnel', r), class: hasValue(r) && 'shade',
        style: hasValue(r) && `--share:${Number(r.value.toFixed(3))}` } });
    } })}`);
};

// ---- playbook ----

const monthsShown = 6;

export const playbook = (data) => {
  const intro = 'What leads bring, by month.';
  const lively = data.playbook.filter((r) => hasValue(r) && r.value !== 0);
  if (lively.length === 0) {
    return section('playbook', 'Playbook', intro, empty('No month has leads or deals yet.',
      `SELECT * FROM pql.connect('deals', 'app.deals', mapping => '{"deal_id": "id", "account_id": "company_id", "created_at": "created"}');`));
  }
  const from = lively.map((r) => r.period).sort()[0];
  const periods = [...new Set(data.playbook.map((r) => r.period))].filter((p) => p >= from).slice(-monthsShown);
  const metrics = data.catalogue.filter((m) => m.dashboard === 'playbook');
  const at = (metric, p) => data.playbook.find((r) => r.metric === metric && r.period === p);
  const shown = metrics.filter((m) => periods.some((p) => hasValue(at(m.metric, p))));
  const without = metrics.filter((m) => !shown.includes(m)).map((m) => m.title);
  const isOver = (p) => data.playbook.find((r) => r.period === p).complete;
  const deals = ['sales_cycle_days', 'acv', 'expansion_share'].some((metric) => ever(of(data, 'playbook', metric, 'month')));
  return section('playbook', 'Playbook', intro, scroll('Playbook by month', html`<table class="grid months"><caption>Playbook by month</caption>
<thead><tr><th scope="col">Metric</th>${periods.map((p) => html`<th scope="col">${when({ grain: 'month', period: p })}${!isOver(p) && html` <small>not over</small>`}</th>`)}<th scope="col">Aim</th></tr></thead>
<tbody>${shown.map((m) => html`<tr><th scope="row">${m.title}</th>${periods.map((p) => {
    const r = at(m.metric, p);
    return html`<td>${r && hasValue(r) ? html`${value(r, 'value', { of: here('playbook', r) })}${isJudged(r) && html`<br>${status(r.status)}`}` : nothing}</td>`;
  })}<td class="aim">${target({ ...m }).replace(/^target /, '') || nothing}</td></tr>`)}</tbody></table>`),
  without.length > 0 && html`<p class="without"><strong>No numbers yet:</strong> ${without.join('; ')}.</p>`,
  !deals && empty('No deals are connected, so nothing tells of sales cycles, contract values and expansion:',
    `SELECT * FROM pql.connect('deals', 'app.deals', mapping => '{"deal_id": "id", "account_id": "company_id", "amount": "amount", "kind": "kind", "source": "source", ` +
    `"created_at": "created", "closed_at": "closed", "outcome": "outcome"}');`));
};

// ---- pilot ----

const decisions = { pause: 'Pause', scale: 'Scale', iterate: 'Iterate' };
const decisionStatus = { pause: 'breach', scale: 'ok', iterate: 'warn' };

const cellOf = (r, field, source, text) => html`<td${attributes({ 'data-source': source, 'data-metric': r.metric ?? r.signal,
  'data-field': field, 'data-value': r[field] })}>${text}</td>`;

const rangeOf = (r, source, unit) => {
  const end = (field) => html`<span${attributes({ 'data-source': source, 'data-metric': r.metric ?? r.signal, 'data-field': field, 'data-value': r[field] })}>${
    number(r[field], unit, r.metric)}</span>`;
  return r.low === null || r.high === null ? nothing : html`${end('low')} to ${end('high')}`;
};

export const pilot = (data) => {
  const intro = 'Is it worth while? Levels were agreed before it began.';
  if (data.scorecard.length === 0 && !data.decision) {
    return section('pilot', 'Pilot', intro, empty('No pilot has been started. One gives a team a model\'s leads for four weeks, and decides by levels that are set beforehand:',
      `SELECT * FROM pql.start_pilot('first', ${quoted(data.model)});`));
  }
  const { decision } = data;
  const rates = data.scorecard.filter((r) => r.unit === 'rate' && hasValue(r));
  const level = (r, key) => (r[key] === null || r[key] === undefined ? nothing : short(r[key], r.unit, r.metric));
  return section('pilot', 'Pilot', intro,
    decision && html`<div class="decision ${decisionStatus[decision.decision] ?? 'inconclusive'}"><p class="verdict"><strong>${
      decisions[decision.decision] ?? decision.decision ?? 'Not decidable yet'}</strong>${decision.pilot && html` <span>${decision.pilot}</span>`}</p>
<p>${[decision.reason && `${decision.reason.replace(/_/g, ' ').replace(/^./, (c) => c.toUpperCase())}.`,
    decision.decidable_on && `Decidable on ${date(decision.decidable_on)}.`,
    decision.leads_needed > 0 && `${integer(decision.leads_needed)} more leads are needed.`].filter(Boolean).join(' ')}</p>${
      decision.details && html`<ul>${decision.details.split('\n').filter(Boolean).map((l) => html`<li>${l}</li>`)}</ul>`}</div>`,
    data.scorecard.length > 0 && html`<figure id="pilot-rates"><figcaption><h3>Scorecard</h3>${rates.length > 0 && html`<p class="means">Upright lines: target (solid),
minimum (dashed), breach (dotted). Dots are rates, bars their 95 % intervals. What is no rate is in the table.</p>`}</figcaption>
${rates.length > 0 && both((width) => chart.rows({ width, unit: 'rate', metric: '', items: rates.map((r) => ({ ...r, name: r.title, note: number(r.value, 'rate') })),
    label: `Scorecard rates: ${rates.map((r) => `${r.title} ${number(r.value, 'rate')}, ${r.status}`).join('; ')}.` }))}
<details open><summary>Numbers</summary>${scroll('Pilot scorecard', html`<table class="score"><caption>Pilot scorecard</caption>
<thead><tr><th scope="col">Metric</th><th scope="col">Value</th><th scope="col">95 % interval</th><th scope="col">Target</th><th scope="col">Minimum</th><th scope="col">Breach</th><th scope="col" class="text">Status</th><th scope="col" class="text">To do</th></tr></thead>
<tbody>${data.scorecard.map((r) => html`<tr><th scope="row">${r.title}</th>${cellOf(r, 'value', 'scorecard', number(r.value, r.unit, r.metric))}<td>${
  rangeOf(r, 'scorecard', r.unit)}</td>${cellOf(r, 'target', 'scorecard', r.target_high === null ? level(r, 'target') : `${level(r, 'target')} to ${level(r, 'target_high')}`)}${
  cellOf(r, 'minimum', 'scorecard', level(r, 'minimum'))}${cellOf(r, 'breach', 'scorecard', level(r, 'breach'))}<td class="text">${
  status(r.status)}</td><td class="text">${r.action}${r.owner && html` <small>${r.owner}</small>`}</td></tr>`)}</tbody></table>`)}</details></figure>`);
};

// ---- signals and feedback ----

const verdicts = { predicts: ['ok', 'Predicts'], noisy: ['warn', 'Noisy'], unclear: ['inconclusive', 'Unclear'] };

const verdict = (name) => {
  const [icon, word] = verdicts[name] ?? ['no_data', name];
  return html`<span class="status ${icon}"><svg aria-hidden="true"><use href="#i-${icon}"/></svg>${word}</span>`;
};

export const signals = (data) => {
  const intro = 'Which signals foretell that a lead is accepted, and what people say of leads.';
  const list = data.signals.filter((r) => hasValue({ value: r.acceptance_rate })).slice(0, 12);
  const n = (r, field) => cellOf(r, field, 'signals', integer(r[field]));
  const rate = (r, field) => cellOf(r, field, 'signals', number(r[field], 'rate'));
  const feedback = weekly(data, 'feedback', 'dispositioned');
  return section('signals', 'Signals and feedback', intro,
    data.signals.length === 0 ? empty('Nothing tells yet which signals predict: it takes leads of which reps have said what became of them.',
      `SELECT * FROM pql.set_disposition(1042, 'meeting_set');`)
      : html`<figure id="signals-acceptance"><figcaption><h3>Acceptance of leads that met a signal</h3>
<p class="means">Dots are rates, bars their 95 % intervals.${data.signals.length > list.length && ` Drawn are the first ${list.length} that have a rate.`}</p></figcaption>
${list.length > 0 && both((width) => chart.rows({ width, unit: 'rate', metric: '', items: list.map((r) => ({ name: r.signal, value: r.acceptance_rate, low: r.low,
    high: r.high, note: `${number(r.acceptance_rate, 'rate')} of ${integer(r.dispositioned)}` })),
  label: `Acceptance by signal: ${list.map((r) => `${r.signal} ${number(r.acceptance_rate, 'rate')}`).join('; ')}.` }))}
<details open><summary>Numbers</summary>${scroll('Signals', html`<table class="score"><caption>Signals of leads, and what became of these</caption>
<thead><tr><th scope="col">Signal</th><th scope="col" class="text">Verdict</th><th scope="col">Leads</th><th scope="col">Dispositioned</th><th scope="col">Accepted</th><th scope="col">Acceptance</th><th scope="col">95 % interval</th><th scope="col">Without it</th><th scope="col">Lift</th><th scope="col">Disqualified</th><th scope="col">False positives</th></tr></thead>
<tbody>${data.signals.map((r) => html`<tr><th scope="row">${r.signal}${r.category && html` <small>${r.category}</small>`}</th><td class="text">${verdict(r.verdict)}</td>${n(r, 'leads')}${
  n(r, 'dispositioned')}${n(r, 'accepted')}${rate(r, 'acceptance_rate')}<td>${rangeOf(r, 'signals', 'rate')}</td>${rate(r, 'without_rate')}${
  cellOf(r, 'lift', 'signals', r.lift === null ? nothing : `${number(r.lift, 'touches')}×`)}${n(r, 'disqualified')}${rate(r, 'false_positive_rate')}</tr>`)}</tbody></table>`)}</details></figure>`,
    feedback.length > 0 && html`<h3>What people say</h3>`,
    feedback.length > 0 && panels(data, 'feedback', [
      { metrics: ['positive_reply_rate'], title: 'Positive answers', definition: 'Of the answers in the week, by whatever channel.' },
      { metrics: ['engaged_rate'], definition: 'Of the leads dispositioned, those that were at best nurture or routed to CS.' },
      { metrics: ['no_response_rate'], definition: 'Of the leads dispositioned, those of which nothing ever came.' },
      { metrics: ['replies'], bars: true }, { metrics: ['released'], bars: true }, { metrics: ['reopened'], bars: true }]));
};

// ---- glossary ----

const levelsText = (m) => {
  const of_ = (field, name) => (m[field] === null ? null : `${name} ${short(m[field], m.unit, m.metric)}`);
  const aim = m.target !== null && m.target_high !== null
    ? `target ${short(m.target, m.unit, m.metric)} to ${short(m.target_high, m.unit, m.metric)}${m.metric === 'triggered' ? ' for each rep and business day' : ''}`
    : of_('target', 'target');
  return [aim, of_('minimum', m.direction === 'lower' ? 'at most' : 'at least'), of_('breach', 'breach')].filter(Boolean).join(', ');
};

export const glossary = (data) => {
  const first = ['pipeline', 'conversion', 'guardrails', 'funnel', 'playbook', 'feedback'];
  const rank = (m) => (first.indexOf(m.dashboard) + first.length) % first.length;
  const sections = [...new Set([...data.catalogue].sort((a, b) => rank(a) - rank(b)).map((m) => m.section))];
  return section('glossary', 'Glossary', 'What each number means and how it is reckoned, from the catalogue pql.metric.',
    html`<div class="glossary">${sections.map((name) => html`<div class="terms"><h3>${name}</h3><dl>${data.catalogue.filter((m) => m.section === name).map((m) =>
      html`<div><dt>${m.title} <code>${m.metric}</code></dt><dd>${m.definition} <span class="formula">${m.formula}</span>${levelsText(m) && html` <span class="levels">${levelsText(m)}</span>`}</dd></div>`)}</dl></div>`)}</div>`);
};

// ---- what stands out ----

// Metrics of the dashboards, each once, as of the latest complete week that has a number.
export const standing = (data) => {
  const seen = new Map();
  for (const source of ['pipeline', 'conversion', 'guardrails']) {
    for (const { metric } of data.catalogue.filter((m) => m.dashboard === source)) {
      const r = latest(weekly(data, source, metric));
      if (r && isJudged(r) && r.status !== 'no_data' && !seen.has(metric)) {
        seen.set(metric, { ...r, source });
      }
    }
  }
  return [...seen.values()];
};
