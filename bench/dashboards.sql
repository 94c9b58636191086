-- A company for bench/dashboards: :trials trials of a year, of which every :each-th had a lead, with its log. What pql keeps is written
-- directly, as refreshes and reps would have left it.

SELECT setseed(0.5);
INSERT INTO pql.rep (email, name, team) SELECT 'rep' || n || '@sales.example', 'Rep ' || n, 'sdr' FROM generate_series(1, 20) n;
SELECT pql.start_routing('trial', control_share => 0.1, as_of => '2025-10-01');

CREATE TEMP TABLE t AS
SELECT n, 'u' || n AS user_id, 'c' || n / 3 AS account_id, s.at AS started_at, CASE WHEN random() < 0.08 THEN s.at + random() * interval '20 days' END AS converted_at
FROM generate_series(1, :trials) n CROSS JOIN LATERAL (SELECT timestamptz '2025-11-01' + n * (interval '365 days' / :trials) AS at) s;
INSERT INTO pql.trial (user_id, started_at, converted_at, mrr, conversion_source)
SELECT user_id, started_at, converted_at, CASE WHEN converted_at IS NOT NULL THEN 50 + n % 500 END, CASE WHEN converted_at IS NOT NULL AND n % 50 = 0 THEN 'sales_assisted' END FROM t;
INSERT INTO pql.score (user_id, model, started_at, started_on, ends_at, converted_at, activated_at, sustained_at, version, account_id, status, score, potential, tier, signals, exclusions, changed_at)
SELECT t.user_id, 'trial', t.started_at, t.started_at::date, t.started_at + interval '14 days', t.converted_at, CASE WHEN n % 5 < 2 THEN t.started_at + random() * interval '4 days' END,
	CASE WHEN n % 5 = 0 THEN t.started_at + interval '2 days' + random() * interval '7 days' END, 1, t.account_id, 'expired', 0, 3, NULL,
	CASE WHEN n % 5 < 2 THEN '{activated,multi_day}'::text[] ELSE '{}' END, '{outside_icp}', t.started_at + interval '10 days'
FROM t;

CREATE TEMP TABLE l AS
SELECT t.*, t.started_at + (2 + 5 * random()) * interval '1 day' AS triggered_at, CASE WHEN n % 4 = 0 THEN 'high' ELSE 'medium' END AS tier, 'rep' || 1 + n % 20 || '@sales.example' AS rep,
	row_number() OVER (ORDER BY n) AS lead_id, random() AS luck, 2 + random() * 4 AS hours
FROM t WHERE n % :each = 0;
INSERT INTO pql.lead (user_id, lead_id, model, started_at, account_id, version, status, state, score, tier, triggered_at, late, backfilled, explanation, trial_ends_at, trial_converted_at, signals, segment)
SELECT user_id, lead_id, 'trial', started_at, account_id, 1, 'qualified', CASE WHEN luck < 0.1 THEN 'control' ELSE 'closed' END, 8, tier, triggered_at, false, false,
	jsonb_build_object('summary', 'Activated day 2; 2 invites day 4; connected Snowflake day 5', 'signals', (SELECT jsonb_agg(jsonb_build_object('signal', 'signal ' || k, 'met', true, 'points', 3, 'value', n, 'threshold', 'at least 1', 'first_met_at', started_at, 'why', 'Somebody else''s time is now involved, and real data makes leaving costly.', 'beware', 'People invite their own second address; a sandbox connection looks the same.')) FROM generate_series(1, 6) k)),
	started_at + interval '14 days', converted_at, '{activated,icp_fit,multi_day}', CASE WHEN n % 3 = 0 THEN 'enterprise' ELSE 'mid_market' END
FROM l;
INSERT INTO pql.lead_event (user_id, lead_id, event, occurred_at, details)
SELECT l.user_id, l.lead_id, e.event, e.at, e.details
FROM l CROSS JOIN LATERAL (
	SELECT 'pql_triggered' AS event, l.triggered_at AS at, jsonb_build_object('model', 'trial', 'pql_score', 8, 'priority_tier', l.tier, 'signals_met', ARRAY['activated', 'multi_day']) AS details
	UNION ALL SELECT 'pql_held_out', l.triggered_at, '{}' WHERE luck < 0.1
	UNION ALL SELECT 'pql_queued', l.triggered_at, jsonb_build_object('reason', 'cap', 'flags', ARRAY[]::text[]) WHERE luck BETWEEN 0.1 AND 0.2
	UNION ALL SELECT 'pql_routed', l.triggered_at + interval '1 hour', jsonb_build_object('sdr_id', l.rep, 'reason', 'segment', 'segment', CASE WHEN n % 3 = 0 THEN 'enterprise' ELSE 'mid_market' END, 'flags', ARRAY[]::text[], 'counts_on', l.triggered_at::date,
		'clock_started_at', l.triggered_at, 'first_touch_due_at', l.triggered_at + interval '5 hours', 'trigger_due_at', l.triggered_at + interval '4 hours') WHERE luck > 0.1
	UNION ALL SELECT 'pql_escalated', l.triggered_at + interval '2 hours', '{"levels": ["channel"]}' WHERE luck BETWEEN 0.5 AND 0.6
	UNION ALL SELECT 'outreach_sent', l.triggered_at + l.hours * interval '1 hour', jsonb_build_object('sdr_id', l.rep, 'touch_number', 1, 'channel', 'email', 'template', 'touch_1_invites', 'hours', l.hours) WHERE luck > 0.12
	UNION ALL SELECT 'outreach_sent', l.triggered_at + interval '3 days', jsonb_build_object('sdr_id', l.rep, 'touch_number', 2, 'channel', 'email', 'template', 'touch_2') WHERE luck > 0.4
	UNION ALL SELECT 'reply_received', l.triggered_at + interval '4 days', jsonb_build_object('reply', CASE WHEN luck > 0.99 THEN 'unsubscribe' WHEN luck > 0.9 THEN 'not_interested' ELSE 'positive' END, 'channel', 'email', 'answers', 2, 'template', 'touch_2') WHERE luck > 0.75
	UNION ALL SELECT 'meeting_booked', l.triggered_at + interval '5 days', jsonb_build_object('sdr_id', l.rep, 'meets_at', l.triggered_at + interval '6 days', 'amount', 9000, 'flags', ARRAY[]::text[]) WHERE luck BETWEEN 0.75 AND 0.85
	UNION ALL SELECT 'pql_dispositioned', l.triggered_at + interval '8 days', jsonb_build_object('disposition', CASE WHEN luck BETWEEN 0.75 AND 0.85 THEN 'meeting_set' WHEN luck > 0.9 THEN 'disqualified' ELSE 'no_response' END, 'signals_met', ARRAY['activated']) WHERE luck > 0.1
	UNION ALL SELECT 'trial_converted', l.converted_at, jsonb_build_object('converted_at', l.converted_at, 'mrr', 100, 'conversion_source', 'sales_assisted', 'influence', 'touched', 'touches', 2) WHERE l.converted_at IS NOT NULL
) e
ORDER BY e.at, l.lead_id;
CREATE TEMP TABLE o AS SELECT * FROM pql.outcomes_of_log('infinity');
UPDATE pql.lead d SET (tier, segment, rep, counts_on, queued_at, dequeued_at, routed_at, trigger_due_at, sla_due_at, taken_at, contacted_at, contact_hours, channel, template, touches_ever, emails, email_replies, answered_at, declined_at, complained_at, meeting_at, amount, disposed_at, accepted_at, engaged_at, disqualified_at, ended_at, converted_at, mrr, conversion_source, conversion_touches)
	= (o.tier, o.segment, o.rep, o.counts_on, o.queued_at, o.dequeued_at, o.routed_at, o.trigger_due_at, o.sla_due_at, o.taken_at, o.contacted_at, o.contact_hours, o.channel, o.template, o.touches_ever, o.emails, o.email_replies, o.answered_at, o.declined_at, o.complained_at, o.meeting_at, o.amount, o.disposed_at, o.accepted_at, o.engaged_at, o.disqualified_at, o.ended_at, o.converted_at, o.mrr, o.conversion_source, o.conversion_touches)
FROM o WHERE o.lead_id = d.lead_id;
INSERT INTO pql.survey (user_id, answered_at, kind, score) SELECT user_id, started_at + interval '10 days', 'nps', n % 11 FROM t WHERE n % 100 = 0;
INSERT INTO pql.deal (deal_id, user_id, source, kind, amount, created_at, closed_at) SELECT 'd' || n, user_id, CASE WHEN n % 3 = 0 THEN 'outbound' END, CASE WHEN n % 2 = 0 THEN 'new' ELSE 'expansion' END, 1000 + n % 60000, started_at + interval '9 days', started_at + interval '40 days' FROM l WHERE luck > 0.9;
INSERT INTO pql.run (as_of, finished_at, lag) SELECT timestamptz '2025-11-01' + n * interval '10 minutes', now(), interval '1 minute' * random() FROM generate_series(1, 50000) n;
INSERT INTO pql.retention (user_id, started_at, converted_at, contacted_at, checked_30_at, seen_30_at, checked_90_at, seen_90_at)
SELECT user_id, started_at, converted_at, CASE WHEN n % :each = 0 THEN converted_at END, converted_at + interval '31 days', CASE WHEN n % 3 < 2 THEN converted_at + interval '29 days' END, converted_at + interval '91 days', CASE WHEN n % 5 < 3 THEN converted_at + interval '89 days' END FROM t WHERE converted_at IS NOT NULL;
VACUUM FULL pql.lead;
VACUUM (ANALYZE);
