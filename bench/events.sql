-- Made-up product events for benchmarks: the same rows every time, on every machine.
--
--   psql -v rows=10000000 -v users=200000 -f bench/events.sql
--
-- Makes the schema bench with
--   trial (user_id, started_at)    one trial per user, started over 90 days
--   event (user_id, started_at, occurred_at, event, properties)
--
-- Events lie in the order of time, as a loader would have appended them, over the 21 days from each
-- user's start, denser at its beginning; a few users do much, most do little. started_at is repeated
-- in event so that a query can do without the join. At 10 million rows event takes about 1.2 GB.
-- Every "random" number is a hash of the row's number. Unlogged: nothing here is worth a WAL record.

\set ON_ERROR_STOP on
SET jit = off;
SET timezone = 'UTC';
SET work_mem = '1GB';
SET maintenance_work_mem = '1GB';
SET client_min_messages = warning;

DROP SCHEMA IF EXISTS bench CASCADE;
CREATE SCHEMA bench;

-- Between 0 and 1: of a row's number and a salt.
CREATE FUNCTION bench.draw(n bigint, salt bigint) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (hashint8extended(n, salt) & 4503599627370495) / 4503599627370496.0::float8;

CREATE UNLOGGED TABLE bench.trial AS
SELECT 'u' || lpad(n::text, 7, '0') AS user_id,
	timestamptz '2026-01-01 00:00+00' + bench.draw(n, 1) * interval '90 days' AS started_at
FROM generate_series(0, :users - 1) n;
ALTER TABLE bench.trial ADD PRIMARY KEY (user_id, started_at);

CREATE UNLOGGED TABLE bench.event AS
SELECT r.user_id, r.started_at, r.occurred_at, k.event,
	CASE k.event
		WHEN 'session_start' THEN jsonb_build_object('session', (r.d * 1e9)::bigint, 'device', CASE WHEN r.d < 0.7 THEN 'web' ELSE 'mobile' END)
		WHEN 'page_view' THEN jsonb_build_object('page_path', CASE WHEN r.d < 0.015 THEN '/billing' WHEN r.d < 0.03 THEN '/pricing/teams' ELSE '/app/board/' || (r.d * 5000)::int END, 'referrer', 'home')
		WHEN 'feature_used' THEN jsonb_build_object('feature', 'f' || (r.d * 20)::int, 'premium', r.d < 0.3, 'team', 't' || (r.d * 1000)::int % 3)
		WHEN 'document_edited' THEN jsonb_build_object('document', (r.d * 1e6)::int, 'seconds', (r.d * 400)::int)
		WHEN 'api_call' THEN jsonb_build_object('endpoint', '/v1/query', 'status', 200)
		WHEN 'invite_sent' THEN jsonb_build_object('invitee_email', 'person' || (r.d * 40)::int || '@example.com', 'role', 'member')
		WHEN 'integration_connected' THEN jsonb_build_object('integration_type', (ARRAY['slack', 'salesforce', 'github', 'hubspot', 'jira'])[1 + (r.d * 4.999)::int], 'mode', 'live')
		WHEN 'activation_complete' THEN jsonb_build_object('step', 'done', 'guided', r.d < 0.5)
		WHEN 'report_exported' THEN jsonb_build_object('format', 'csv', 'rows', (r.d * 1e5)::int)
		WHEN 'usage_limit_hit' THEN jsonb_build_object('limit', 'seats', 'used', (r.d * 10)::int)
		WHEN 'content_shared' THEN jsonb_build_object('external', r.d < 0.4, 'kind', 'link')
		WHEN 'support_contacted' THEN jsonb_build_object('topic', (ARRAY['billing', 'plans', 'bug', 'how_to'])[1 + (r.d * 3.999)::int], 'channel', 'chat')
		WHEN 'upgrade_started' THEN jsonb_build_object('plan', 'team')
		ELSE jsonb_build_object('duration_ms', (r.d * 5000)::int, 'ok', true)
	END AS properties
FROM (
	SELECT n, t.user_id, t.started_at,
		t.started_at + power(bench.draw(n, 3), 1.5) * interval '21 days' AS occurred_at,
		bench.draw(n, 4) AS c, bench.draw(n, 5) AS d
	FROM (
		SELECT n, (floor(:users * power(bench.draw(n, 2), 2.5))::bigint * 7919 + 17) % :users AS who
		FROM generate_series(1, :rows) n
	) p
	JOIN bench.trial t ON t.user_id = 'u' || lpad(p.who::text, 7, '0')
) r
CROSS JOIN LATERAL (
	SELECT CASE
		WHEN r.c < 0.340 THEN 'page_view'
		WHEN r.c < 0.620 THEN 'session_start'
		WHEN r.c < 0.740 THEN 'feature_used'
		WHEN r.c < 0.840 THEN 'document_edited'
		WHEN r.c < 0.890 THEN 'api_call'
		WHEN r.c < 0.920 THEN 'invite_sent'
		WHEN r.c < 0.935 THEN 'integration_connected'
		WHEN r.c < 0.950 THEN 'activation_complete'
		WHEN r.c < 0.965 THEN 'report_exported'
		WHEN r.c < 0.970 THEN 'usage_limit_hit'
		WHEN r.c < 0.980 THEN 'content_shared'
		WHEN r.c < 0.984 THEN 'support_contacted'
		WHEN r.c < 0.987 THEN 'upgrade_started'
		ELSE 'heartbeat' END AS event
) k
ORDER BY r.occurred_at, r.n;

VACUUM (FREEZE, ANALYZE) bench.trial;
VACUUM (FREEZE, ANALYZE) bench.event;
