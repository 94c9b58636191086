-- Days are calendar dates in the model's timezone: what counts on which day of the trial, to the microsecond.
\set SHOW_CONTEXT never
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SET client_min_messages = warning;

BEGIN;

-- A model that counts what falls on trial days 1-3, 2-2 and 10-10, and the days themselves.
CREATE FUNCTION pg_temp.of_zone(zone text) RETURNS jsonb LANGUAGE sql AS $$
SELECT pql.read_model(format($doc$
{"model": "days", "timezone": %s, "window": {"trial_days": [1, 3]}, "events": {"e": "e"},
 "signals": [{"signal": "window", "count": "e", "at_least": 1, "points": 1},
             {"signal": "second", "count": "e", "trial_days": [2, 2], "at_least": 1, "points": 10},
             {"signal": "tenth", "count": "e", "trial_days": [10, 10], "at_least": 1, "points": 100},
             {"signal": "days", "days": "e", "trial_days": [1, 30], "at_least": 2, "info": true}],
 "qualify": {"score": {"at_least": 1}}}$doc$, to_json(zone))) $$;

-- Evidence of events of that kind at those instants.
CREATE FUNCTION pg_temp.evidence_of(model jsonb, started_at timestamptz, VARIADIC at timestamptz[]) RETURNS pql.evidence LANGUAGE sql AS $$
SELECT pql.gather(model, x, 'e', NULL, started_at) FROM unnest(at) x $$;

-- Which of the signals hold after one event at that instant, and on how many days its events with the start lie.
CREATE FUNCTION pg_temp.day_of(zone text, started_at timestamptz, at timestamptz)
RETURNS TABLE (local timestamp, "window" bool, second bool, tenth bool, later_day bool) LANGUAGE sql AS $$
SELECT at AT TIME ZONE zone, 'window' = ANY (v.signals), 'second' = ANY (v.signals), 'tenth' = ANY (v.signals), 'days' = ANY (v.signals)
FROM pg_temp.of_zone(zone) m, LATERAL pql.judge(m, pg_temp.evidence_of(m, started_at, started_at, at), NULL, at) v $$;

-- The same with the start's own event left out, so that the window tells of the one event alone.
CREATE FUNCTION pg_temp.alone(zone text, started_at timestamptz, VARIADIC at text[])
RETURNS TABLE (instant timestamptz, local timestamp, trial_day int, signals text[]) LANGUAGE sql AS $$
SELECT x::timestamptz, x::timestamptz AT TIME ZONE zone,
	-- by PostgreSQL's own reckoning
	(x::timestamptz AT TIME ZONE zone)::date - (started_at AT TIME ZONE zone)::date + 1, v.signals
FROM unnest(at) WITH ORDINALITY u (x, n), pg_temp.of_zone(zone) m,
	LATERAL pql.judge(m, pg_temp.evidence_of(m, started_at, x::timestamptz), NULL, greatest(x::timestamptz, started_at)) v
ORDER BY n $$;

-- UTC: the window is days 1 to 3; its first instant is the start itself, its last the microsecond before day 4.
-- An event before the start does not count.
SELECT * FROM pg_temp.alone('UTC', '2024-01-01 09:00Z',
	'2024-01-01 08:59:59.999999Z', '2024-01-01 09:00Z', '2024-01-01 23:59:59.999999Z',
	'2024-01-02 00:00Z', '2024-01-02 23:59:59.999999Z', '2024-01-03 00:00Z',
	'2024-01-03 23:59:59.999999Z', '2024-01-04 00:00Z',
	'2024-01-09 23:59:59.999999Z', '2024-01-10 00:00Z', '2024-01-10 23:59:59.999999Z', '2024-01-11 00:00Z');

-- A trial that starts at the last microsecond of a day has a first day of one microsecond.
SELECT * FROM pg_temp.alone('UTC', '2024-02-28 23:59:59.999999Z',
	'2024-02-28 23:59:59.999999Z', '2024-02-29 00:00Z', '2024-02-29 23:59:59.999999Z', '2024-03-01 23:59:59.999999Z', '2024-03-02 00:00Z');

-- New York, spring: 2024-03-10 has 23 hours, from 05:00Z to 04:00Z.
SELECT * FROM pg_temp.alone('America/New_York', '2024-03-09 12:00Z',
	'2024-03-10 04:59:59.999999Z', '2024-03-10 05:00Z', '2024-03-11 03:59:59.999999Z', '2024-03-11 04:00Z',
	'2024-03-12 03:59:59.999999Z', '2024-03-12 04:00Z', '2024-03-18 04:00Z', '2024-03-19 03:59:59.999999Z', '2024-03-19 04:00Z');
-- New York, autumn: 2024-11-03 has 25 hours, from 04:00Z to 05:00Z.
SELECT * FROM pg_temp.alone('America/New_York', '2024-11-02 12:00Z',
	'2024-11-03 03:59:59.999999Z', '2024-11-03 04:00Z', '2024-11-03 05:30Z', '2024-11-03 06:30Z', '2024-11-04 04:59:59.999999Z', '2024-11-04 05:00Z',
	'2024-11-05 04:59:59.999999Z', '2024-11-05 05:00Z');
-- Berlin: 2024-03-31 from 23:00Z to 22:00Z, 2024-10-27 from 22:00Z to 23:00Z.
SELECT * FROM pg_temp.alone('Europe/Berlin', '2024-03-30 12:00Z',
	'2024-03-30 22:59:59.999999Z', '2024-03-30 23:00Z', '2024-03-31 21:59:59.999999Z', '2024-03-31 22:00Z');
SELECT * FROM pg_temp.alone('Europe/Berlin', '2024-10-26 12:00Z',
	'2024-10-26 21:59:59.999999Z', '2024-10-26 22:00Z', '2024-10-27 22:59:59.999999Z', '2024-10-27 23:00Z');
-- Apia had no 2011-12-30: after the 29th (UTC-10) came the 31st (UTC+14), at 10:00Z of the 30th. Days are dates, so
-- a trial that started on the 29th has its second day nowhere, and the 31st is its third.
SELECT * FROM pg_temp.alone('Pacific/Apia', '2011-12-29 12:00Z',
	'2011-12-30 09:59:59.999999Z', '2011-12-30 10:00Z', '2011-12-31 09:59:59.999999Z', '2011-12-31 10:00Z');
-- Kathmandu is 5:45 ahead: midnight at 18:15Z.
SELECT * FROM pg_temp.alone('Asia/Kathmandu', '2024-05-01 00:00Z',
	'2024-05-01 18:14:59.999999Z', '2024-05-01 18:15Z', '2024-05-02 18:14:59.999999Z', '2024-05-02 18:15Z', '2024-05-03 18:15Z');
-- In Sao Paulo the clocks skipped midnight: 2018-11-04 began at 01:00, 03:00Z.
SELECT * FROM pg_temp.alone('America/Sao_Paulo', '2018-11-03 12:00Z',
	'2018-11-04 02:59:59.999999Z', '2018-11-04 03:00Z', '2018-11-05 01:59:59.999999Z', '2018-11-05 02:00Z');
-- Before 1970, where offsets were odd (Amsterdam, +0:19:32), and far ahead.
SELECT * FROM pg_temp.alone('Europe/Amsterdam', '1930-01-01 12:00Z', '1930-01-01 23:40:27.999999Z', '1930-01-01 23:40:28Z');
SELECT * FROM pg_temp.alone('America/New_York', '2300-07-01 12:00Z', '2300-07-02 03:59:59.999999Z', '2300-07-02 04:00Z');

-- A day is a day whatever its length: an hour of New York's that is lived twice is one day; around midnight are two.
SELECT * FROM pg_temp.day_of('America/New_York', '2024-11-03 05:30Z', '2024-11-03 06:30Z');
SELECT * FROM pg_temp.day_of('America/New_York', '2024-11-03 04:30Z', '2024-11-04 04:30Z');
SELECT * FROM pg_temp.day_of('America/New_York', '2024-11-03 03:59:59.999999Z', '2024-11-03 04:00Z');
-- The same two instants are one day in one timezone and two in another.
SELECT z, d.later_day FROM unnest(ARRAY['America/New_York', 'Asia/Kathmandu', 'Europe/Berlin', 'UTC']) z,
	pg_temp.day_of(z, '2024-05-01 18:00Z', '2024-05-01 23:00Z') d ORDER BY z;

-- Every hour of two years, in zones with every kind of oddity: the engine's day is PostgreSQL's.
CREATE TEMP TABLE hours AS
SELECT z, h FROM unnest(ARRAY['America/New_York', 'Europe/Berlin', 'Pacific/Apia', 'Asia/Kathmandu', 'America/Sao_Paulo',
	'Africa/Casablanca', 'Australia/Lord_Howe', 'Asia/Tehran', 'Pacific/Kiritimati', 'UTC']) z,
	generate_series('2011-01-01 00:00Z'::timestamptz, '2012-12-31 23:00Z', '1 hour') h;
SELECT z, count(*) AS spans, sum(days) AS days, count(*) FILTER (WHERE counted <> days) AS wrong
FROM (
	-- one trial for each stretch of 20 days: how many local dates it touches, by PostgreSQL and by the engine
	SELECT g.z, g.days, (e ->> 'value')::int AS counted
	FROM (
		SELECT z, s, m, count(DISTINCT (h AT TIME ZONE z)::date) AS days, max(h) AS until,
			pql.gather(m, h, 'e', NULL, s) AS evidence
		FROM (SELECT z, h, date_bin('20 days', h, '2011-01-01 00:00Z') AS s FROM hours) x
		JOIN (
			SELECT zone, pql.read_model(pql.canonical_model(jsonb_set(pg_temp.of_zone(zone), '{signals,3,at_least}', '30'))) AS m
			FROM (SELECT DISTINCT z AS zone FROM hours) d
		) m ON m.zone = z
		GROUP BY z, s, m
	) g, LATERAL pql.judge(g.m, g.evidence, NULL, g.until) v, jsonb_array_elements(v.explanation -> 'signals') e
	WHERE e ->> 'signal' = 'days'
) c GROUP BY z ORDER BY z;

-- When a trailing window moves on by itself: at local midnight, also where the clocks skip it. The event is on the 1st
-- of three days, so it drops out at the midnight that begins the 4th.
SELECT z, v.signals, v.next_change_at, v.next_change_at AT TIME ZONE z AS local, after.signals AS then
FROM (VALUES ('UTC', '2024-01-01 12:00Z'::timestamptz), ('America/New_York', '2024-03-08 12:00Z'), ('America/New_York', '2024-11-01 12:00Z'),
	('Europe/Berlin', '2024-03-28 12:00Z'), ('Europe/Berlin', '2024-03-29 12:00Z'), ('Asia/Kathmandu', '2024-05-01 12:00Z'),
	('America/Sao_Paulo', '2018-11-01 12:00Z'), ('Pacific/Apia', '2011-12-28 12:00Z')) t (z, at),
	LATERAL (SELECT pql.read_model(format('{"model": "trailing", "timezone": %s, "events": {"e": "e"}, "signals": [{"signal": "recent", "count": "e", "last_days": 3, "at_least": 1, "points": 1}], "qualify": {"score": {"at_least": 1}}}', to_json(z))) AS m) m,
	LATERAL (SELECT pg_temp.evidence_of(m, NULL, at) AS evidence) g,
	LATERAL pql.judge(m, g.evidence, NULL, at) v,
	LATERAL pql.judge(m, g.evidence, NULL, v.next_change_at) after,
	LATERAL pql.judge(m, g.evidence, NULL, v.next_change_at - interval '1 microsecond') before
WHERE before.signals = v.signals;

-- ends_at is 14 local days after the start where the trial does not say it, so the last 3 days begin 72 hours before that.
SELECT z, v.next_change_at, v.next_change_at AT TIME ZONE z AS local
FROM (VALUES ('UTC', '2024-03-05 12:00Z'::timestamptz), ('America/New_York', '2024-03-05 12:00Z'), ('America/New_York', '2024-10-29 12:00Z')) t (z, s),
	LATERAL (SELECT pql.read_model(format('{"model": "left", "timezone": %s, "window": {"trial_days": [1, 14]}, "events": {"e": "e"}, "signals": [{"signal": "any", "count": "e", "at_least": 1, "points": 1}], "qualify": {"score": {"at_least": 1}}, "exclude": [{"reason": "late", "when": {"trial.days_left": {"less_than": 3}}}]}', to_json(z))) AS m) m,
	LATERAL pql.judge(m, NULL, jsonb_build_object('trial', jsonb_build_object('started_at', s)), s) v;

ROLLBACK;
