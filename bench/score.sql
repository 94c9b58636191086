-- Made-up product data for bench/score, straight into pql's own tables: the same rows every time.
--
--   psql -v rows=1000000 -v users=20000 -f bench/score.sql
--
-- Fills pql.event, pql.person, pql.account, pql.trial and pql.list_entry, and makes the schema bench with
--   users   what a competitor's query needs to know of each user, joined and worked out beforehand
--   as_of   the instant of judgement, for whoever wants to repeat a query by hand
--
-- Trials start over the 120 days until two and a half days before as_of: most are over, one in sixteen
-- is in its window of days 1 to 10, and nobody was left out because they start later. A third of the
-- users stay for up to 60 days, the others for 21; all do more at the beginning, a few do much, most
-- little, some nothing. One event in a hundred comes before its user's start, and those of late starters
-- come after as_of: neither must count. Events lie in the order of time, as a loader would have appended
-- them. At 10 million rows pql.event takes about 1.2 GB and its index 0.5 GB. Every "random" number is
-- a hash of a row's number.

\set ON_ERROR_STOP on
SET jit = off;
SET timezone = 'UTC';
SET work_mem = '1GB';
SET maintenance_work_mem = '1GB';
SET client_min_messages = warning;

CREATE SCHEMA bench;

-- Between 0 and 1: of a row's number and a salt.
CREATE FUNCTION bench.draw(n bigint, salt bigint) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (hashint8extended(n, salt) & 4503599627370495) / 4503599627370496.0::float8;

CREATE TABLE bench.as_of AS SELECT timestamptz '2026-05-03 12:00+00' AS as_of;

-- --- Users: one trial and one account each -------------------------------------------------------

CREATE UNLOGGED TABLE bench.made AS
SELECT 'u' || lpad(n::text, 7, '0') AS user_id, 'a' || lpad(n::text, 7, '0') AS account_id,
	timestamptz '2026-01-01 00:00+00' + bench.draw(n, 1) * interval '120 days' AS started_at,
	CASE WHEN bench.draw(n, 6) < 0.33 THEN interval '60 days' ELSE interval '21 days' END AS stays,
	-- half have less than 200 employees, the others up to 10,000, evenly by order of magnitude
	CASE WHEN bench.draw(n, 7) < 0.5 THEN 1 + bench.draw(n, 8) * 199 ELSE exp(bench.draw(n, 8) * ln(10000.0)) END::int
		AS employees,
	(ARRAY['fintech', 'health', 'Logistics', 'retail', 'media', 'energy', 'travel', 'education', 'games', 'public'])
		[1 + (bench.draw(n, 9) * 9.999)::int % 10] AS industry,
	CASE WHEN bench.draw(n, 10) >= 0.01 THEN 'person' || n
		ELSE (ARRAY['test', 'demo', 'person' || n || '+test', 'person' || n || '+test2'])[1 + n % 4] END
		|| '@company' || n || '.example' AS email
FROM generate_series(0, :users - 1) n;

INSERT INTO pql.account (account_id, employees, industry) SELECT account_id, employees, industry FROM bench.made;
INSERT INTO pql.person (user_id, email, account_id) SELECT user_id, email, account_id FROM bench.made;
INSERT INTO pql.trial (user_id, started_at) SELECT user_id, started_at FROM bench.made;
INSERT INTO pql.list_entry (list, entry)
VALUES ('target_industries', 'Fintech'), ('target_industries', 'health'), ('target_industries', 'logistics');

-- --- Events --------------------------------------------------------------------------------------

-- The indexes come after the rows, and nothing tidies up while something is timed.
ALTER TABLE pql.event SET (autovacuum_enabled = off);
DROP INDEX pql.event_by_user, pql.event_by_source_id;

INSERT INTO pql.event (user_id, occurred_at, event, properties, received_at)
SELECT r.user_id, r.occurred_at, k.event,
	CASE k.event
		WHEN 'session_start' THEN jsonb_build_object('session', (r.d * 1e9)::bigint,
			'device', CASE WHEN r.d < 0.7 THEN 'web' ELSE 'mobile' END)
		WHEN 'page_view' THEN jsonb_build_object('page_path', CASE
			WHEN r.d < 0.010 THEN '/billing'
			WHEN r.d < 0.020 THEN '/pricing/teams'
			WHEN r.d < 0.025 THEN '/pricing?plan=team'
			WHEN r.d < 0.030 THEN '/pricing'
			WHEN r.d < 0.035 THEN '/pricing-guide'
			ELSE '/app/board/' || (r.d * 5000)::int END, 'referrer', 'home')
		WHEN 'feature_used' THEN jsonb_build_object('feature', 'f' || (r.d * 200)::int % 20, 'premium', r.d < 0.1,
			'team', 't' || (r.d * 1000)::int % 3)
		WHEN 'document_edited' THEN jsonb_build_object('document', (r.d * 1e6)::int, 'seconds', (r.d * 400)::int)
		WHEN 'api_call' THEN jsonb_build_object('endpoint', '/v1/query', 'status', 200)
		WHEN 'invite_sent' THEN jsonb_build_object('role', 'member') || CASE
			WHEN r.d < 0.9 THEN jsonb_build_object('invitee_email', 'person' || (r.d * 40)::int || '@example.com')
			WHEN r.d < 0.95 THEN '{"invitee_email": null}' ELSE '{}' END
		WHEN 'integration_connected' THEN jsonb_build_object('mode', 'live',
			'integration_type', (ARRAY['slack', 'salesforce', 'github', 'hubspot', 'jira'])[1 + (r.d * 4.999)::int])
		WHEN 'activation_complete' THEN jsonb_build_object('step', 'done', 'guided', r.d < 0.5)
		WHEN 'report_exported' THEN jsonb_build_object('format', 'csv', 'rows', (r.d * 1e5)::int)
		WHEN 'usage_limit_hit' THEN jsonb_build_object('limit', 'seats', 'used', (r.d * 10)::int)
		WHEN 'content_shared' THEN jsonb_build_object('external', r.d < 0.4, 'kind', 'link')
		WHEN 'support_contacted' THEN jsonb_build_object('channel', 'chat',
			'topic', (ARRAY['billing', 'plans', 'bug', 'how_to'])[1 + (r.d * 3.999)::int])
		WHEN 'feature_requested' THEN jsonb_build_object(
			'feature', (ARRAY['sso', 'scim', 'audit_log', 'dark_mode', 'undo'])[1 + (r.d * 4.999)::int])
		WHEN 'upgrade_started' THEN jsonb_build_object('plan', 'team')
		WHEN 'upgrade_completed' THEN jsonb_build_object('plan', 'team')
		WHEN 'admin_action' THEN jsonb_build_object('action', 'role_changed')
		ELSE jsonb_build_object('duration_ms', (r.d * 5000)::int, 'ok', true)
	END, NULL
FROM (
	SELECT n, t.user_id, bench.draw(n, 4) AS c, bench.draw(n, 5) AS d,
		t.started_at + CASE WHEN bench.draw(n, 11) < 0.01 THEN bench.draw(n, 3) * interval '-3 days'
			ELSE power(bench.draw(n, 3), 1.5) * t.stays END AS occurred_at
	FROM (
		SELECT n, (floor(:users * power(bench.draw(n, 2), 2.5))::bigint * 7919 + 17) % :users AS who
		FROM generate_series(1, :rows) n
	) p
	JOIN bench.made t ON t.user_id = 'u' || lpad(p.who::text, 7, '0')
) r
CROSS JOIN LATERAL (
	SELECT CASE
		WHEN r.c < 0.330 THEN 'page_view'
		WHEN r.c < 0.610 THEN 'session_start'
		WHEN r.c < 0.730 THEN 'feature_used'
		WHEN r.c < 0.830 THEN 'document_edited'
		WHEN r.c < 0.870 THEN 'api_call'
		WHEN r.c < 0.900 THEN 'invite_sent'
		WHEN r.c < 0.915 THEN 'integration_connected'
		WHEN r.c < 0.930 THEN 'activation_complete'
		WHEN r.c < 0.945 THEN 'report_exported'
		WHEN r.c < 0.950 THEN 'usage_limit_hit'
		WHEN r.c < 0.960 THEN 'content_shared'
		WHEN r.c < 0.964 THEN 'support_contacted'
		WHEN r.c < 0.967 THEN 'upgrade_started'
		WHEN r.c < 0.969 THEN 'upgrade_completed'
		WHEN r.c < 0.972 THEN 'feature_requested'
		WHEN r.c < 0.975 THEN 'admin_action'
		ELSE 'heartbeat' END AS event
) k
ORDER BY r.occurred_at, r.n;

CREATE INDEX event_by_user ON pql.event (user_id, occurred_at);
CREATE INDEX event_by_source_id ON pql.event (user_id, event_id) WHERE event_id IS NOT NULL;

-- --- What the competitors get --------------------------------------------------------------------

-- One row a user, in which nothing is left to join: windows as instants, weeks and days as numbers.
CREATE TABLE bench.users AS
SELECT m.user_id, m.started_at, m.started_at::date AS first_day,
	date_trunc('day', m.started_at) + interval '10 days' AS window_ends_at, -- the first instant of day 11
	date_trunc('week', m.started_at + interval '6 days')::date AS first_week, -- Monday of the first whole ISO week
	m.employees, 1 AS members,
	m.industry IN ('fintech', 'health', 'Logistics') AS target_industry,
	m.email ~ '^((test|demo)|.*[+]test[0-9]*)@' AS test_account
FROM bench.made m;
DROP TABLE bench.made;
ALTER TABLE bench.users ADD PRIMARY KEY (user_id);

VACUUM (FREEZE, ANALYZE) pql.account;
VACUUM (FREEZE, ANALYZE) pql.person;
VACUUM (FREEZE, ANALYZE) pql.trial;
VACUUM (FREEZE, ANALYZE) pql.list_entry;
VACUUM (FREEZE, ANALYZE) pql.event;
VACUUM (FREEZE, ANALYZE) bench.users;
