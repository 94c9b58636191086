-- Dashboards: the small company of lib/company.sql, each number reckoned by hand beside it.
--
--   pg_prove -d DB test/pgtap/dashboards.sql

BEGIN;
\ir lib/transaction.sql
\ir lib/leads.sql
\ir lib/company.sql
SELECT is_empty($$SELECT t.unlike_log()$$, 'leads are what their log says');

-- 'value numerator/denominator status' of a metric.
CREATE TEMP TABLE said AS
SELECT 'pipeline' AS dashboard, d.* FROM pql.dashboard_pipeline_at('2026-04-06') d UNION ALL SELECT 'conversion', d.* FROM pql.dashboard_conversion_at('2026-04-06') d
UNION ALL SELECT 'guardrails', d.* FROM pql.dashboard_guardrails_at('2026-04-06') d UNION ALL SELECT 'playbook', d.* FROM pql.dashboard_playbook_at('2026-04-06') d
UNION ALL SELECT 'feedback', d.* FROM pql.dashboard_feedback_at('2026-04-06') d;
CREATE FUNCTION t.m(of_dashboard text, of_period date, of_metric text, of_grain text DEFAULT NULL) RETURNS text LANGUAGE sql STABLE AS
$$ SELECT concat_ws(' ', coalesce(trim_scale(round(s.value::numeric, 4))::text, 'NULL'), trim_scale(round(s.numerator::numeric, 4)) || coalesce('/' || s.denominator, ''), s.status)
FROM said s WHERE s.dashboard = of_dashboard AND s.period = of_period AND s.metric = of_metric
	AND s.grain = coalesce(of_grain, CASE of_dashboard WHEN 'playbook' THEN 'month' ELSE 'week' END) $$;

-- ---- pipeline ----

-- r1-r10, x1, x2, c6, c24, all on Wednesday; 15 to 40 are aimed at: 2 reps, 5 days, 1.5 to 4 each
SELECT is(t.m('pipeline', '2026-03-02', 'triggered'), '14 14 warn', 'leads triggered in a week');
SELECT is((SELECT ROW(s.target, s.target_high)::text FROM said s WHERE s.metric = 'triggered' AND s.grain = 'week' AND s.period = '2026-03-02'), '(15,40)', 'and what is aimed at');
SELECT is(t.m('pipeline', '2026-03-04', 'triggered', 'day'), '14 14 warn', 'in a day (3 to 8)');
SELECT is(t.m('pipeline', '2026-03-07', 'triggered', 'day'), '0 0 ok', 'on a Saturday nothing is aimed at');
SELECT is(t.m('pipeline', '2026-03-02', 'routed'), '11 11 ok', 'r1-r10 and x1 are routed');
SELECT is(t.m('pipeline', '2026-03-02', 'control'), '2 2 ok', 'c6 and c24 are held out');
SELECT is(t.m('pipeline', '2026-03-02', 'not_routed'), '1 1 ok', 'x2 is not');
SELECT is(t.m('pipeline', '2026-03-02', 'queued'), '0 0 ok', 'none waits');
SELECT is(t.m('pipeline', '2026-03-02', 'paused'), '0 0 ok', 'and none is paused');
SELECT is(t.m('pipeline', '2026-03-02', 'demand_per_rep'), '1.4 14/10 ok', '14 leads, 2 reps, 5 days');
SELECT is(t.m('pipeline', '2026-03-04', 'demand_per_rep', 'day'), '7 14/2 ok', 'of a day');
-- r1 and r9 meeting_set; r6 routed_to_cs; r4, r7, r10 disqualified
SELECT is(t.m('pipeline', '2026-03-02', 'dispositioned'), '6 6 ok', 'first dispositions of the week');
SELECT is(t.m('pipeline', '2026-03-02', 'acceptance_rate'), '0.3333 2/6 inconclusive', 'r1 and r9 accepted: the interval of 2 of 6 holds 40 %');
SELECT is(t.m('pipeline', '2026-03-02', 'acceptance_rate_wide'), '0.5 3/6 ok', 'with r6');
SELECT is(t.m('pipeline', '2026-03-02', 'rejection_rate'), '0.5 3/6 ok', 'r4, r7, r10');
-- r2 and x1 nurture, r3 converted, r5 no_response
SELECT is(t.m('pipeline', '2026-03-09', 'acceptance_rate'), '0.25 1/4 inconclusive', 'r3 of r2, r3, r5, x1');
SELECT is(t.m('pipeline', '2026-03-09', 'acceptance_rate_wide'), '0.75 3/4 ok', 'all but r5');
-- in time: r1, r3, r4, r6, r9, r10, x1; late or never: r2, r5, r8; r7 closed untouched before its deadline
SELECT is(t.m('pipeline', '2026-03-02', 'sla_compliance'), '0.7 7/10 inconclusive', 'first touches by the deadline');
SELECT is(t.m('pipeline', '2026-03-04', 'sla_compliance', 'day'), '0.6667 6/9 inconclusive', 'on Wednesday');
SELECT is(t.m('pipeline', '2026-03-02', 'sla_from_trigger'), '0.6 6/10 ok', 'from the trigger x1 was due on Wednesday 14:05');
-- 1 + 3 + 2 + 3.5 + 4.5 + 0.5 + 2.5 + 1.5 + 8 11/12 = 27 5/12 hours, of nine
SELECT is(t.m('pipeline', '2026-03-02', 'first_touch_hours'), '3.0463 27.4167/9 ok', 'business hours to the first touch');
SELECT is(t.m('pipeline', '2026-03-02', 'first_touch_hours_median'), '2.5 ok', 'the fifth of nine');
SELECT is(t.m('pipeline', '2026-03-04', 'queue_depth', 'day'), '1 1 ok', 'x1 waits on Wednesday night; x2 paid');
SELECT is(t.m('pipeline', '2026-03-02', 'queue_depth'), '0 0 ok', 'nobody does on Sunday');
SELECT is(t.m('pipeline', '2026-03-02', 'unclaimed'), '1 1 ok', 'r8');
SELECT is(t.m('pipeline', '2026-03-09', 'unclaimed'), '1 1 ok', 'still');
SELECT is(t.m('pipeline', '2026-03-16', 'unclaimed'), '0 0 ok', 'until it lapsed');
-- at 15:05 the channel of r8, and the manager, once for both hours and deadline
SELECT is(t.m('pipeline', '2026-03-02', 'escalations'), '2 2 ok', 'escalations of r8');
SELECT is(t.m('pipeline', '2026-03-23', 'acceptance_rate'), 'NULL 0/0 no_data', 'a week without dispositions has no rate');
SELECT is(t.m('pipeline', '2026-03-23', 'triggered'), '0 0 warn', 'and no leads');

-- p1 while routing was paused, as of then
SELECT is((SELECT string_agg(d.metric || ' ' || d.value, ', ' ORDER BY d.metric) FROM pql.dashboard_pipeline_at('2026-03-11 12:00') d WHERE d.grain = 'week' AND d.period = '2026-03-09'
	AND d.metric IN ('triggered', 'routed', 'paused')), 'paused 1, routed 0, triggered 1', 'a lead is paused as of an instant at which it was');
SELECT is((SELECT ROW(d.status, d.complete)::text FROM pql.dashboard_pipeline_at('2026-03-11 12:00') d WHERE d.grain = 'week' AND d.period = '2026-03-09' AND d.metric = 'triggered'), '(inconclusive,f)', 'a week that is not over may still grow');
SELECT is((SELECT d.value FROM pql.dashboard_pipeline_at('2026-03-04 12:00') d WHERE d.grain = 'week' AND d.metric = 'queued'), 2::float8, 'x1 and x2 wait as of Wednesday noon');
SELECT is((SELECT d.numerator || '/' || d.denominator FROM pql.dashboard_pipeline_at('2026-03-04 12:10') d WHERE d.grain = 'week' AND d.metric = 'sla_compliance'), '1/2', 'of the deadlines passed by then r1 was met, r2 not');

-- ---- conversion ----

-- 14 leads and u1-u8; r1, r3, x2, c6 and u1 paid
SELECT is(t.m('conversion', '2026-03-02', 'trials'), '22 22 ok', 'mature trials of the week');
SELECT is(t.m('conversion', '2026-03-02', 'trial_to_paid'), '0.2273 5/22 ok', 'trial to paid');
SELECT is(t.m('conversion', '2026-03-02', 'lift'), '1.8409 0.1473/0.08 ok', '5/22 against an assumed 8 %: even the lower end, 10.1 %, is 20 % more');
SELECT is(t.m('conversion', '2026-03-02', 'routed_trials'), '11 11 ok', 'r1-r10, x1');
SELECT is(t.m('conversion', '2026-03-02', 'routed_conversion'), '0.1818 2/11 inconclusive', 'r1 and r3');
SELECT is(t.m('conversion', '2026-03-02', 'unrouted_conversion'), '0.2222 2/9 ok', 'x2 and u1, of x2 and u1-u8');
SELECT is(t.m('conversion', '2026-03-02', 'control_conversion'), '0.5 1/2 ok', 'c6 of c6 and c24');
SELECT is(t.m('conversion', '2026-03-02', 'incremental_conversion'), '-0.3182 inconclusive', '2/11 - 1/2');
SELECT is(t.m('conversion', '2026-03-02', 'contacted'), '9 9 ok', 'all routed but r7 and r8');
SELECT is(t.m('conversion', '2026-03-02', 'assisted_conversion'), '0.2222 2/9 inconclusive', 'r1 and r3');
SELECT is(t.m('conversion', '2026-03-02', 'meeting_rate'), '0.2222 2/9 inconclusive', 'r1 and r9');
-- r1 1, r2 2, r4 1, r5 3, r6 1, r9 1, x1 1; r1, r2, r4 and r6 answered
SELECT is(t.m('conversion', '2026-03-02', 'reply_rate'), '0.4 4/10 ok', 'e-mails answered');
SELECT is(t.m('conversion', '2026-03-02', 'touches_to_conversion'), '1 2/2 ok', 'one each of r1 and r3');
SELECT is(t.m('conversion', '2026-03-02', 'assisted_mrr'), '800 800 ok', '500 and 300');
SELECT is(t.m('conversion', '2026-03-02', 'assisted_conversions'), '2 2 ok', 'r1, r3');
SELECT is(t.m('conversion', '2026-03-02', 'self_serve_conversions'), '3 3 ok', 'x2, c6, u1');
SELECT is(t.m('conversion', '2026-03-02', 'converted_untouched'), '3 3 ok', 'the same');
SELECT is(t.m('conversion', '2026-03-02', 'converted_touched'), '1 1 ok', 'r3');
SELECT is(t.m('conversion', '2026-03-02', 'converted_engaged'), '1 1 ok', 'r1');
SELECT is(t.m('conversion', '2026-03-09', 'trial_to_paid'), '0.1667 1/6 ok', 'v1, of p1 and v1-v5');
SELECT is(t.m('conversion', '2026-03-23', 'open_trials'), '6 6 ok', 'w1-w6 are not over');
SELECT is(t.m('conversion', '2026-03-23', 'trial_to_paid'), 'NULL 0/0 no_data', 'and count in no rate');
SELECT is(t.m('conversion', '2026-01-26', 'trial_to_paid'), '0.1 1/10 ok', 'b1 of b1-b10');
SELECT is(t.m('conversion', '2026-01-26', 'trial_to_paid', 'all'), '0.1842 7/38 ok', 'all but w1-w6: five, v1 and b1');
SELECT is((SELECT d.value FROM pql.dashboard_conversion_at('2026-03-23 08:00') d WHERE d.grain = 'week' AND d.period = '2026-03-02' AND d.metric = 'trials'), 0::float8, 'before 03-23 09:00 the week of 03-02 is open');
SELECT is((SELECT d.value FROM pql.dashboard_conversion_at('2026-03-23 10:00') d WHERE d.grain = 'week' AND d.period = '2026-03-02' AND d.metric = 'trials'), 14::float8, 'at 10:00 the leads are mature, u1-u8 not yet');

-- ---- guardrails ----

SELECT is(t.m('guardrails', '2026-03-02', 'complaint_rate'), '0.1111 1/9 inconclusive', 'r4 of the nine contacted');
SELECT is(t.m('guardrails', '2026-03-02', 'not_interested_rate'), '0.1111 1/9 ok', 'r2');
SELECT is(t.m('guardrails', '2026-03-09', 'complaint_rate'), '0 0/1 inconclusive', 'p1 does not complain');
-- r1 9, r2 3, r3 10 against u1 8, u3 9, v1 2, who had said 10 the day before
SELECT is(t.m('guardrails', '2026-03-16', 'nps_contacted'), '33.3333 100/3 ok', 'two promoters, one detractor');
SELECT is(t.m('guardrails', '2026-03-16', 'nps_not_contacted'), '0 0/3 ok', 'one of each, and one passive');
SELECT is(t.m('guardrails', '2026-03-16', 'nps_gap'), '33.3333 inconclusive', 'the difference');
SELECT is(t.m('guardrails', '2026-03-16', 'csat_gap'), '100 inconclusive', 'r1 is satisfied, u2 is not');
SELECT is(t.m('guardrails', '2026-02-02', 'retention_30_not_contacted'), '1 1/1 ok', 'b1 was seen in the week that ended 30 days after the payment');
SELECT is(t.m('guardrails', '2026-02-02', 'retention_90_not_contacted'), 'NULL 0/0 no_data', '90 days have not passed');
SELECT is(t.m('guardrails', '2026-03-02', 'utilisation'), '1.1 11/10 warn', 'ten on Wednesday and x1 on Thursday');
SELECT is(t.m('guardrails', '2026-03-02', 'open_load'), '3.5 7/2 ok', 'r1, r2, r3, r5, r8, r9, x1');
SELECT is(t.m('guardrails', '2026-03-02', 'false_positive_rate'), '0.5 3/6 inconclusive', 'r4, r7, r10 disqualified');
SELECT is(t.m('guardrails', '2026-03-02', 'self_serve_conversion'), '0.125 1/8 ok', 'u1 of u1-u8');
SELECT is(t.m('guardrails', '2026-03-09', 'self_serve_conversion'), '0.2 1/5 ok', 'v1 of v1-v5');
SELECT is(t.m('guardrails', '2026-03-02', 'self_serve_change'), '0.025 inconclusive', '1/8 - 1/10, of b1-b10');
SELECT is(t.m('guardrails', '2026-01-26', 'self_serve_change'), 'NULL no_data', 'before routing there is no change');

-- ---- playbook ----

SELECT is(t.m('playbook', '2026-03-01', 'pql_volume'), '15 15 ok', 'with p1');
SELECT is(t.m('playbook', '2026-03-01', 'pql_to_sql'), '0.2 3/15 inconclusive', 'r1, r3, r9');
SELECT is(t.m('playbook', '2026-03-01', 'pql_to_close'), '0.2667 4/15 inconclusive', 'r1, r3, x2, c6');
SELECT is(t.m('playbook', '2026-03-01', 'pipeline_created'), '27000 27000 ok', 'd1, d3 and d4 come from leads; d5 does not');
SELECT is(t.m('playbook', '2026-03-01', 'sales_cycle_days'), '17.5 35/2 ok', 'd1 14 days after the trigger, d3 21; d4 is lost');
SELECT is(t.m('playbook', '2026-03-01', 'sales_cycle_outbound_days'), '40 40/1 ok', 'd2');
SELECT is(t.m('playbook', '2026-03-01', 'sales_cycle_saving'), '0.5625 ok', '1 - 17.5/40');
SELECT is(t.m('playbook', '2026-03-01', 'acv'), '16000 32000/2 ok', 'd1 and d2 are new and won');
SELECT is(t.m('playbook', '2026-03-01', 'incremental_mrr'), '-400 inconclusive', '800/12 - 200/2, of 12 routed');
-- the squares about the means are 340000 - 800²/12 and 40000 - 200²/2, in all 306666.67 of 12 degrees of freedom: 12 · 1.96 · √(25555.56 · (1/12 + 1/2)) = 2871.64
SELECT is((SELECT format('%s %s', round(low::numeric, 2), round(high::numeric, 2)) FROM pql.dashboard_playbook_at('2026-04-06') WHERE metric = 'incremental_mrr' AND period = '2026-03-01'), '-3271.64 2471.64', 'which may well be chance');
SELECT is(t.m('playbook', '2026-03-01', 'expansion_share'), '0.1579 6000/38000 warn', 'd3 of d1, d2, d3');
SELECT is(t.m('playbook', '2026-03-01', 'self_serve_change'), '0.0538 inconclusive', '2/13 - 1/10');
SELECT is(t.m('playbook', '2026-03-01', 'nps_gap'), '33.3333 inconclusive', 'all answers are of March');
SELECT is(t.m('playbook', '2026-03-01', 'reply_rate_change'), 'NULL no_data', 'there is no month before');
SELECT is((SELECT string_agg(d.member || ' ' || d.value, ', ' ORDER BY d.member) FROM pql.dashboard_playbook_at('2026-04-06', 'source') d WHERE d.metric = 'acv'), 'outbound 20000, pql 12000', 'by source');
SELECT is((SELECT string_agg(d.member || ' ' || d.value, ', ' ORDER BY d.member) FROM pql.dashboard_playbook_at('2026-04-06', 'band') d WHERE d.metric = 'acv'), 'mid_market 16000', 'by band');

-- ---- feedback ----

SELECT is(t.m('feedback', '2026-03-02', 'dispositioned'), '6 6 ok', 'r1, r4, r6, r7, r9, r10');
SELECT is(t.m('feedback', '2026-03-02', 'acceptance_rate'), '0.3333 2/6 inconclusive', 'r1, r9');
SELECT is(t.m('feedback', '2026-03-02', 'engaged_rate'), '0.1667 1/6 ok', 'r6');
SELECT is(t.m('feedback', '2026-03-02', 'false_positive_rate'), '0.5 3/6 inconclusive', 'r4, r7, r10');
SELECT is(t.m('feedback', '2026-03-09', 'no_response_rate'), '0.25 1/4 ok', 'r5');
SELECT is(t.m('feedback', '2026-03-02', 'replies'), '3 3 ok', 'r1, r4, r6');
SELECT is(t.m('feedback', '2026-03-02', 'positive_reply_rate'), '0.6667 2/3 ok', 'r1, r6');
-- r1, r2, r4, r6, r9, x1 one each, r5 two; r2 answered the one of the week after
SELECT is(t.m('feedback', '2026-03-02', 'reply_rate'), '0.375 3/8 ok', 'r1, r4 and r6 answered');
SELECT is(t.m('feedback', '2026-03-09', 'reply_rate'), '0.3333 1/3 inconclusive', 'r2, of r2, r5 and p1');
SELECT is((SELECT string_agg(d.member || ' ' || d.numerator || '/' || d.denominator, ', ' ORDER BY d.member, d.period) FROM pql.dashboard_feedback_at('2026-04-06', 'template') d WHERE d.metric = 'reply_rate'),
	'none 2/6, none 0/2, touch_1_invite 1/2, touch_2 1/1', 'by template');
SELECT is((SELECT string_agg(d.member || ' ' || d.value, ', ' ORDER BY d.member) FROM pql.dashboard_feedback_at('2026-04-06', 'reason') d WHERE d.metric = 'dispositioned'), 'student 1, unsubscribed 1, wrong person 1', 'by reason');
SELECT is((SELECT string_agg(d.member || ' ' || d.numerator || '/' || d.denominator, ', ' ORDER BY d.member) FROM pql.dashboard_feedback_at('2026-04-06', 'signal') d WHERE d.metric = 'acceptance_rate' AND d.period = '2026-03-02'),
	'activated 2/6, icp_fit 2/6, integrations 2/6, invites 2/6, multi_day 1/1', 'by signal');

-- ---- the cohort funnel ----

CREATE FUNCTION t.f(of_period date, subject text DEFAULT 'user') RETURNS text LANGUAGE sql STABLE AS
$$ SELECT string_agg(concat_ws(' ', f.metric, f.numerator || coalesce('/' || f.denominator, ''), round(f.median_days::numeric, 3), round(f.mean_days::numeric, 3)), ', ' ORDER BY m.position)
FROM pql.cohort_funnel_at('2026-04-06', subject) f JOIN pql.metric m ON m.dashboard = 'funnel' AND m.metric = f.metric WHERE f.period = of_period $$;
-- activated: 14 after an hour (0.042 days), u2 after a day; sustained: r1 and r2 on their third day, which qualifies them at once;
-- the others after 2 days and an hour: (12 * 2.0417 + 2 * 2) / 14; contacted, after two days and 1 7/12 (r6), 2 1/12 (r1), 2 7/12 (r10), 3 1/12 (r3), 3 7/12 (r9),
-- 4 1/12 (r2), 4 7/12 (r4), 5 7/12 (r5) and 25 hours (x1): 52 1/6 / 9 hours, less 51 / 9 seconds; meeting: r1 after 3 days 2 h, r9 after 3 days 5 h; paid: x2 after 2.25 days, u1 7,
-- r3 8.125, r1 10.125, c6 13.125
SELECT is(t.f('2026-03-02'), 'signup 22/22, activated 15/22 0.042 0.106, sustained 2/22 2.000 2.000, qualified 14/22 2.042 2.036, contacted 9/22 2.149 2.241, meeting 2/22 3.146 3.146, paid 5/22 8.125 8.125, open 0',
	'stages, with the median and the mean of days');
SELECT is(t.f('2026-03-23'), 'signup 0/0, activated 0/0, sustained 0/0, qualified 0/0, contacted 0/0, meeting 0/0, paid 0/0, open 6', 'a week that is not over');
-- only leads have an account
SELECT is(t.f('2026-03-02', 'account'), 'signup 14/14, activated 14/14 0.042 0.042, sustained 2/14 2.000 2.000, qualified 14/14 2.042 2.036, contacted 9/14 2.149 2.241, meeting 2/14 3.146 3.146, paid 4/14 9.125 8.406, open 0', 'of accounts');

-- ---- one path against the other, and sums ----

CREATE FUNCTION t.rows(d text, by text, known_at timestamptz) RETURNS SETOF pql.dashboard_row LANGUAGE plpgsql STABLE AS $$
BEGIN
	-- sums of floats in another order
	RETURN QUERY EXECUTE format('SELECT x.grain, x.period, x.metric, round(x.value::numeric, 9)::float8, round(x.numerator::numeric, 9)::float8, x.denominator, x.target, x.status, round(x.low::numeric, 9)::float8, round(x.high::numeric, 9)::float8,
		x.target_high, x.minimum, x.breach, x.complete, x.member, x.title, x.unit FROM pql.dashboard_%s_at(%L, %L, %L) x', d, '2026-04-06', by, known_at);
END
$$;
SELECT set_eq(format('SELECT * FROM t.rows(%L, %L, NULL)', d, by), format('SELECT * FROM t.rows(%L, %L, %L)', d, by, 'infinity'), format('%s by %s: leads and their log give the same', d, coalesce(by, 'nothing')))
FROM unnest(ARRAY['pipeline', 'conversion', 'guardrails', 'playbook', 'feedback']) d, unnest(ARRAY[NULL, 'tier', 'rep', 'segment', 'model', 'channel', 'variant']) by;
SELECT set_eq($$SELECT f.period, f.metric, f.numerator, f.denominator, f.median_days FROM pql.cohort_funnel_at('2026-04-06') f$$, $$SELECT f.period, f.metric, f.numerator, f.denominator, f.median_days FROM pql.cohort_funnel_at('2026-04-06', known_at => 'infinity') f$$, 'as does the funnel');
-- counts of a split dashboard add up to those of the whole
SELECT is_empty(format($$SELECT w.grain, w.period, w.metric, w.numerator, p.n FROM pql.dashboard_%1$s_at('2026-04-06') w
	LEFT JOIN (SELECT x.grain, x.period, x.metric, sum(x.numerator) AS n FROM pql.dashboard_%1$s_at('2026-04-06', %2$L) x GROUP BY 1, 2, 3) p ON p.grain = w.grain AND p.period = w.period AND p.metric = w.metric
	WHERE w.unit = 'count' AND w.metric IN ('triggered', 'routed', 'queued', 'control', 'paused', 'not_routed', 'dispositioned', 'queue_depth', 'unclaimed', 'escalations', 'routed_trials', 'contacted', 'converted_touched', 'converted_engaged', 'pql_volume', 'replies', 'released', 'reopened')
		AND coalesce(w.numerator, 0) <> coalesce(p.n, 0)$$, d, by), format('%s by %s adds up', d, by))
FROM unnest(ARRAY['pipeline', 'conversion', 'playbook', 'feedback']) d, unnest(ARRAY['tier', 'rep', 'segment', 'model', 'channel', 'variant']) by;
SELECT is_empty($$SELECT p.grain, p.period FROM (SELECT d.grain, d.period, sum(d.value) FILTER (WHERE d.metric = 'triggered') AS triggered, sum(d.value) FILTER (WHERE d.metric IN ('routed', 'queued', 'control', 'paused', 'not_routed')) AS parts
	FROM generate_series('2026-03-02 12:00'::timestamptz, '2026-03-20', '7 hours') t CROSS JOIN LATERAL pql.dashboard_pipeline_at(t) d GROUP BY t, 1, 2) p WHERE p.triggered <> p.parts$$, 'triggered is what is routed, queued, held out, paused or not routed, at any time');

-- ---- the views ----

SELECT set_eq('SELECT d.grain, d.period, d.metric, d.numerator, d.denominator FROM pql.dashboard_pipeline d', 'SELECT d.grain, d.period, d.metric, d.numerator, d.denominator FROM pql.dashboard_pipeline_at(now()) d', 'the view is as of now');
CREATE FUNCTION t.wide(name text) RETURNS SETOF text LANGUAGE plpgsql STABLE AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT concat_ws('' '', w.grain, w.period, k.key) FROM pql.%1$I w CROSS JOIN LATERAL jsonb_each_text(to_jsonb(w)) k LEFT JOIN pql.%2$I l ON l.grain = w.grain AND l.period = w.period AND l.metric = k.key
		WHERE k.key NOT IN (''grain'', ''period'') AND k.value::float8 IS DISTINCT FROM l.value', name || '_wide', name);
END
$$;
SELECT is_empty(format('SELECT * FROM t.wide(%L)', v), v || '_wide says the same') FROM unnest(ARRAY['dashboard_pipeline', 'dashboard_conversion', 'dashboard_guardrails', 'dashboard_playbook', 'dashboard_feedback', 'cohort_funnel']) v;
SELECT is_empty($$SELECT c.table_name, c.column_name, c.data_type FROM information_schema.columns c WHERE c.table_schema = 'pql' AND (c.table_name LIKE 'dashboard%' OR c.table_name LIKE 'cohort_funnel%' OR c.table_name = 'metric')
	AND c.data_type NOT IN ('text', 'integer', 'double precision', 'boolean', 'date', 'timestamp with time zone')$$, 'views have the types that every driver knows');
SELECT matches(t.error($$SELECT * FROM pql.dashboard_pipeline_at(now(), 'colour')$$), '^22023 . this dashboard cannot be split by "colour" . Split it by tier, rep, segment, model, channel, variant', 'a dimension that there is not');
SELECT is(t.error(format('SELECT * FROM pql.%s_at(%L)', d, i)), '22023 | as_of is no instant | Leave it out for now, or write ''2026-10-01''.', d || ' as of ' || coalesce(i, 'nothing'))
FROM unnest(ARRAY['dashboard_pipeline', 'dashboard_playbook', 'cohort_funnel']) d, unnest(ARRAY[NULL, 'infinity', '-infinity']) i;
SELECT is_empty($$SELECT * FROM pql.dashboard_pipeline_at('2020-01-01')$$, 'before the first lead there is nothing');
-- trials of the first two weeks that were not routed are the baseline of a pilot that names none: x2, c6, c24, u1-u8 and v1-v5, of which x2, c6, u1 and v1 paid
SELECT is(pql.baseline('trial', '2026-04-06'), 0.08::float8, 'without a pilot 8 % are assumed');
INSERT INTO pql.pilot (pilot, model, started_at) VALUES ('spring', 'trial', '2026-03-02 08:00');
SELECT is(round(pql.baseline('trial', '2026-04-06')::numeric, 6), round(4 / 16.0, 6), 'with one, those that were not routed tell it');
UPDATE pql.pilot SET baseline = 0.2;
SELECT is(pql.baseline('trial', '2026-04-06'), 0.2::float8, 'or the pilot itself');
SELECT matches(t.error($$SELECT * FROM pql.cohort_funnel_at(now(), 'team')$$), '^22023 . a funnel of "team" there is not', 'a subject that there is not');

-- nothing yet
TRUNCATE pql.lead_event, pql.deal, pql.survey;
DELETE FROM pql.score;
SELECT is_empty(format('SELECT * FROM pql.%I', v), v || ' of nothing') FROM unnest(ARRAY['dashboard_pipeline', 'dashboard_conversion', 'dashboard_guardrails', 'dashboard_playbook', 'dashboard_feedback', 'cohort_funnel']) v;

SELECT * FROM finish();
ROLLBACK;
