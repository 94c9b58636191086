-- Every measure of the model language, on small hand-made events, with the value worked out in the comment.
\set ON_ERROR_ROLLBACK on
\set SHOW_CONTEXT never
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SET client_min_messages = warning;

BEGIN;

-- What a signal says of events 'MM-DD HH:MI name {properties}' of 2024 (the subject started on Monday, January 1, at 09:00)
-- as of some instants: whether it is met, its value, points, and when that could change by itself. Checks on the way that
-- until then nothing changes, and something does then.
CREATE FUNCTION pg_temp.short(t timestamptz) RETURNS text LANGUAGE sql AS $$ SELECT regexp_replace(to_char(t, 'MM-DD HH24:MI:SS.US'), '(:00)?\.000000$', '') $$;
CREATE FUNCTION pg_temp.model_of(signal text, zone text DEFAULT 'UTC') RETURNS jsonb LANGUAGE sql AS $$
	SELECT pql.read_model(format('{"model": "m", "timezone": %s, "events": {"a": "a", "b": "b", "marketed": {"event": "a", "source": "marketing"}},
		"signals": [{"signal": "x", %s}, {"signal": "y", "count": "b", "at_least": 1, "info": true}], "qualify": {"any": ["x", {"not": "x"}]}}', to_json(zone),
		signal || CASE WHEN signal ~ '"(points|bands)"' THEN '' ELSE ', "info": true' END)) $$;
CREATE TYPE pg_temp.reading AS (as_of text, met bool, value float8, points int, changes_at text);
CREATE FUNCTION pg_temp.read(signal text, events text[], as_of text[], profile jsonb DEFAULT NULL, zone text DEFAULT 'UTC', started_at timestamptz DEFAULT '2024-01-01 09:00Z')
RETURNS SETOF pg_temp.reading LANGUAGE plpgsql AS $$
DECLARE
	m jsonb := pg_temp.model_of(signal, zone);
	t timestamptz; e pql.evidence; v pql.verdict; w pql.verdict; x jsonb;
	known jsonb := coalesce(profile, '{}') || CASE WHEN started_at IS NULL THEN '{}' ELSE jsonb_build_object('trial', coalesce(profile -> 'trial', '{}') || jsonb_build_object('started_at', started_at)) END;
BEGIN
	FOR t IN SELECT (CASE WHEN a ~ '^\d{4}' THEN a ELSE '2024-' || a END || 'Z')::timestamptz FROM unnest(as_of) WITH ORDINALITY u (a, n) ORDER BY n LOOP
		SELECT pql.gather(m, at, event, properties, started_at) INTO e
		FROM (SELECT (CASE WHEN d ~ '^\d{4}' THEN d ELSE '2024-' || d END || ' ' || split_part(i, ' ', 2) || 'Z')::timestamptz AS at, split_part(i, ' ', 3) AS event,
				nullif(substr(i, length(split_part(i, ' ', 1) || split_part(i, ' ', 2) || split_part(i, ' ', 3)) + 4), '')::jsonb AS properties
			FROM unnest(events) i, LATERAL (SELECT split_part(i, ' ', 1) AS d) d) z WHERE at <= t;
		v := pql.judge_live(m, e, known, t);
		x := v.explanation #> '{signals,0}';
		IF v.next_change_at IS NOT NULL THEN
			w := pql.judge_live(m, e, known, v.next_change_at - interval '1 microsecond');
			IF (w.signals, w.score, w.potential) IS DISTINCT FROM (v.signals, v.score, v.potential) THEN RAISE EXCEPTION '% as of %: changes before %', signal, t, v.next_change_at; END IF;
			w := pql.judge_live(m, e, known, v.next_change_at);
			IF (w.signals, w.score, w.potential, w.status) IS NOT DISTINCT FROM (v.signals, v.score, v.potential, v.status) THEN RAISE EXCEPTION '% as of %: no change at %', signal, t, v.next_change_at; END IF;
		ELSE
			-- none, for a hundred days
			FOR w IN SELECT j.* FROM generate_series(t, t + interval '100 days', '6 hours') s, LATERAL pql.judge_live(m, e, known, s) j LOOP
				IF (w.signals, w.score, w.potential) IS DISTINCT FROM (v.signals, v.score, v.potential) THEN RAISE EXCEPTION '% as of %: changes unannounced', signal, t; END IF;
			END LOOP;
		END IF;
		RETURN NEXT (pg_temp.short(t), (x ->> 'met')::bool, (x -> 'value')::float8, v.potential, pg_temp.short(v.next_change_at))::pg_temp.reading;
	END LOOP;
EXCEPTION WHEN invalid_text_representation THEN
	RAISE EXCEPTION '% (%)', SQLERRM, signal;
END $$;

---- count

-- 1, then 2 at the second's own instant; another event does not count
SELECT * FROM pg_temp.read('"count": "a", "at_least": 2', '{01-02 10:00 a,01-03 10:00 a,01-02 11:00 b}', '{01-03 09:59:59.999999,01-03 10:00}');
-- thresholds, on 3 events: whether 3 is at least 3, at least 4, more than 2, more than 3, at most 2, at most 3, less than 3, less than 4, between, equal
SELECT n, threshold, r.met, r.value FROM unnest(ARRAY['"at_least": 3', '"at_least": 4', '"more_than": 2', '"more_than": 3', '"at_most": 2', '"at_most": 3', '"less_than": 3', '"less_than": 4',
	'"between": [3, 5]', '"between": [1, 2]', '"between": [4, 5]', '"equals": 3', '"equals": 2', '"more_than": 2.5', '"at_least": 2, "at_most": 3', '"at_least": 2, "less_than": 3', '"at_least": 0']) WITH ORDINALITY u (threshold, n),
	LATERAL pg_temp.read('"count": "a", ' || threshold, '{01-02 10:00 a,01-02 10:00 a,01-03 10:00 a}', '{01-04 00:00}') r ORDER BY n;
-- between holds from the first event to the third, and no longer: it does not latch
SELECT * FROM pg_temp.read('"count": "a", "between": [1, 2]', '{01-02 10:00 a,01-03 10:00 a,01-04 10:00 a}', '{01-02 09:00,01-02 10:00,01-03 10:00,01-04 10:00}');
-- no events: 0
SELECT * FROM pg_temp.read('"count": "a", "at_most": 0', '{}', '{01-04 00:00}');

---- distinct

-- x, x, y, nothing, null, and another event: 2
SELECT * FROM pg_temp.read('"distinct": "p", "of": "a", "at_least": 2', ARRAY['01-02 10:00 a {"p": "x"}', '01-02 11:00 a {"p": "x"}', '01-03 10:00 a {"p": "y"}', '01-04 10:00 a {}', '01-04 11:00 a {"p": null}', '01-04 12:00 b {"p": "z"}'],
	'{01-02 12:00,01-03 09:59:59.999999,01-03 10:00,01-05 00:00}');
-- nested
SELECT * FROM pg_temp.read('"distinct": "p.q", "of": "a", "at_least": 2', ARRAY['01-02 10:00 a {"p": {"q": "x"}}', '01-02 11:00 a {"p": {"q": "y"}}', '01-02 12:00 a {"p": "z"}'], '{01-02 10:00,01-02 11:00,01-03 00:00}');

---- days, count on days

-- two events on the 2nd, one on the 3rd, one on the 5th at its first instant: 3 days
SELECT * FROM pg_temp.read('"days": "a", "at_least": 3', '{01-02 10:00 a,01-02 23:59:59.999999 a,01-03 00:00 a,01-05 00:00 a}', '{01-02 23:59:59.999999,01-03 00:00,01-04 23:59:59.999999,01-05 00:00}');
-- at least 2 on 2 days: 3 on one day are not enough
SELECT * FROM pg_temp.read('"count": "a", "at_least": 2, "on_days": 2', '{01-02 10:00 a,01-02 11:00 a,01-02 12:00 a,01-03 00:00 a}', '{01-02 12:00,01-02 23:59:59.999999,01-03 00:00}');
SELECT * FROM pg_temp.read('"distinct": "p", "of": "a", "at_least": 2, "on_days": 2', ARRAY['01-02 10:00 a {"p": 1}', '01-02 11:00 a {"p": 2}', '01-03 11:00 a {}', '01-04 11:00 a {"p": 2}'], '{01-02 12:00,01-03 12:00,01-04 11:00}');

---- windows

-- days 2 to 3 of the trial: from January 2, 00:00 to January 4, 00:00
SELECT * FROM pg_temp.read('"count": "a", "trial_days": [2, 3], "at_least": 1', '{01-01 23:59:59.999999 a,01-04 00:00 a}', '{01-05 00:00}');
SELECT * FROM pg_temp.read('"count": "a", "trial_days": [2, 3], "at_least": 2', '{01-02 00:00 a,01-03 23:59:59.999999 a,01-04 00:00 a}', '{01-02 00:00,01-03 23:59:59.999999,01-04 00:00}');
SELECT * FROM pg_temp.read('"days": "a", "trial_days": [2, 4], "at_least": 2', '{01-01 10:00 a,01-02 00:00 a,01-04 23:59:59.999999 a,01-05 00:00 a}', '{01-04 23:59:59.999998,01-04 23:59:59.999999,02-01 00:00}');
-- the last 7 days as of T: local dates after T - 7. The 2nd drops out when the 9th begins, the 5th with the 12th.
SELECT * FROM pg_temp.read('"count": "a", "last_days": 7, "at_least": 2', '{01-02 10:00 a,01-05 10:00 a}', '{01-02 10:00,01-05 10:00,01-08 23:59:59.999999,01-09 00:00,01-11 23:59:59.999999,01-12 00:00}');
SELECT * FROM pg_temp.read('"count": "a", "last_days": 7, "at_most": 0', '{01-02 10:00 a,01-05 10:00 a}', '{01-02 09:59,01-02 10:00,01-11 23:59:59.999999,01-12 00:00}');
SELECT * FROM pg_temp.read('"count": "a", "last_days": 1, "at_least": 1', '{01-02 00:00 a}', '{01-02 00:00,01-02 23:59:59.999999,01-03 00:00}');
SELECT * FROM pg_temp.read('"count": "a", "last_days": 7, "at_least": 2, "on_days": 2', '{01-02 10:00 a,01-05 10:00 a,01-05 11:00 a}', '{01-05 11:00,01-08 23:59:59.999999,01-09 00:00}');
SELECT * FROM pg_temp.read('"days": "a", "last_days": 7, "at_least": 2', '{01-02 10:00 a,01-02 11:00 a,01-05 10:00 a}', '{01-02 11:00,01-05 10:00,01-08 23:59:59.999999,01-09 00:00}');
-- distinct: a value drops out with its last event. x on the 2nd and the 6th, y on the 3rd: 2 until the 10th begins.
SELECT * FROM pg_temp.read('"distinct": "p", "of": "a", "last_days": 7, "at_least": 2', ARRAY['01-02 10:00 a {"p": "x"}', '01-03 10:00 a {"p": "y"}', '01-06 10:00 a {"p": "x"}'], '{01-02 12:00,01-03 10:00,01-09 23:59:59.999999,01-10 00:00,01-13 00:00}');
-- midnight is the model's: Kathmandu's is at 18:15 UTC. 2 January 19:00 UTC is the 3rd there.
SELECT * FROM pg_temp.read('"count": "a", "last_days": 2, "at_least": 1', '{01-02 19:00 a}', '{01-02 19:00,01-04 18:14:59.999999,01-04 18:15}', zone => 'Asia/Kathmandu');
SELECT * FROM pg_temp.read('"count": "a", "last_days": 2, "at_least": 1', '{01-02 19:00 a}', '{01-02 19:00,01-03 23:59:59.999999,01-04 00:00}');

---- time_to, dau_mau

-- under an hour from 09:00: 3599.999999 seconds, not 3600
SELECT * FROM pg_temp.read('"time_to": "a", "less_than": "1 hour"', '{01-01 09:59:59.999999 a,01-01 09:59:59.999999 a}', '{01-01 09:30,01-01 09:59:59.999999,01-02 00:00}');
SELECT * FROM pg_temp.read('"time_to": "a", "less_than": "1 hour"', '{01-01 10:00 a}', '{01-01 10:00}');
SELECT * FROM pg_temp.read('"time_to": "a", "at_most": "60 minutes"', '{01-01 10:00 a,01-01 08:00 a}', '{01-01 10:00}');
SELECT * FROM pg_temp.read('"time_to": "a", "at_least": "1 day"', '{01-02 09:00 a}', '{01-02 09:00}');
SELECT * FROM pg_temp.read('"time_to": "a", "less_than": "1 hour"', '{01-01 09:10 a}', '{01-02 09:00}', started_at => NULL);
-- 10 of the last 30 days: 0.333… until January 31 begins, when the 1st drops out: 9 ÷ 30 = 0.3 is not more than 0.3
SELECT as_of, met, round(value::numeric, 6) AS value, changes_at FROM pg_temp.read('"dau_mau": "a", "more_than": 0.3',
	'{01-01 10:00 a,01-02 10:00 a,01-03 10:00 a,01-04 10:00 a,01-05 10:00 a,01-06 10:00 a,01-07 10:00 a,01-08 10:00 a,01-09 10:00 a,01-10 10:00 a,01-10 11:00 a}', '{01-09 10:00,01-10 10:00,01-30 23:59:59.999999,01-31 00:00}');

---- weeks

-- Weeks of December 25: 5 events, January 1: 1, 8: 2, 15: 3, 22: 4. On Monday 29 the last four complete ones have risen 3 times; 5 February ends it.
SELECT * FROM pg_temp.read('"weeks_rising": "a", "at_least": 3',
	'{2023-12-25 10:00 a,2023-12-26 10:00 a,2023-12-27 10:00 a,2023-12-28 10:00 a,2023-12-31 23:59:59.999999 a,01-01 00:00 a,01-08 10:00 a,01-14 10:00 a,01-15 10:00 a,01-16 10:00 a,01-21 23:59:59.999999 a,01-22 00:00 a,01-23 10:00 a,01-24 10:00 a,01-25 10:00 a}',
	'{01-25 10:00,01-28 23:59:59.999999,01-29 00:00,02-04 23:59:59.999999,02-05 00:00}', started_at => '2023-12-01 00:00Z');
-- as many as the week before is no rise: 5, 1, 2, 2, 3
SELECT * FROM pg_temp.read('"weeks_rising": "a", "at_least": 2',
	'{2023-12-25 10:00 a,2023-12-26 10:00 a,2023-12-27 10:00 a,01-01 10:00 a,01-08 10:00 a,01-09 10:00 a,01-15 10:00 a,01-16 10:00 a,01-22 10:00 a,01-23 10:00 a,01-24 10:00 a}', '{01-22 00:00,01-29 00:00}', started_at => '2023-12-01 00:00Z');
-- falling twice across three complete weeks: 5, 3, 1, and then nothing: 0 is less than 1, and not less than 0
SELECT as_of, met, changes_at FROM pg_temp.read('"weeks_falling": "a", "at_least": 2', '{01-01 10:00 a,01-02 10:00 a,01-03 10:00 a,01-04 10:00 a,01-07 23:00 a,01-08 10:00 a,01-09 10:00 a,01-10 10:00 a,01-15 10:00 a}',
	'{01-15 10:00,01-21 23:59:59.999999,01-22 00:00,01-29 00:00,02-04 23:59:59.999999,02-05 00:00}');

---- trend: the last 7 days against the 7 before

-- 5 before; 6 now is 1.2 times: growing; 5: flat; 4 is 0.8 times: declining. As of January 14: days 8 to 14 against 1 to 7.
SELECT k AS now, w.is_, r.met FROM generate_series(3, 7) k, unnest(ARRAY['growing', 'flat', 'declining']) WITH ORDINALITY w (is_, n),
	LATERAL pg_temp.read('"trend": "a", "last_days": 7, "is": "' || is_ || '"', ARRAY(SELECT '01-0' || d || ' 10:00 a' FROM generate_series(1, 5) d) || ARRAY(SELECT '01-' || lpad((7 + i)::text, 2, '0') || ' 10:00 a' FROM generate_series(1, k) i), '{01-14 23:00}') r
ORDER BY k, n;
-- from nothing to something: growing; nothing ever: unknown; something to nothing: declining, until both are nothing
SELECT * FROM pg_temp.read('"trend": "a", "last_days": 7, "is": "growing"', '{01-10 10:00 a}', '{01-09 00:00,01-10 10:00,01-16 23:59:59.999999,01-17 00:00}');
SELECT * FROM pg_temp.read('"trend": "a", "last_days": 7, "is": "declining"', '{01-10 10:00 a}', '{01-16 23:59:59.999999,01-17 00:00,01-23 23:59:59.999999,01-24 00:00}');

---- spike

-- 1, 2, 3, 4, 5 events on January 1 to 5: mean 3, sample standard deviation √(10 ÷ 4) = 1.581139. 8 on the 6th: (8 − 3) ÷ 1.581139 = 3.162278; 7: 2.529822.
SELECT k, r.as_of, r.met, round(r.value::numeric, 6) AS value, r.changes_at FROM unnest(ARRAY[7, 8]) k,
	LATERAL pg_temp.read('"spike": "a", "last_days": 1, "against_days": 5, "at_least": 3',
		ARRAY(SELECT '01-0' || d || ' 1' || i || ':00 a' FROM generate_series(1, 5) d, generate_series(1, d) i) || ARRAY(SELECT '01-06 1' || i || ':00 a' FROM generate_series(1, k) i), '{01-06 20:00}') r ORDER BY k;
-- the next day it is among the days before: 2, 3, 4, 5, 8 have mean 4.4 and deviation √(21.2 ÷ 4) = 2.302173; 0 events: −1.911238
SELECT r.as_of, r.met, round(r.value::numeric, 6) AS value FROM pg_temp.read('"spike": "a", "last_days": 1, "against_days": 5, "at_least": 3',
	ARRAY(SELECT '01-0' || d || ' 1' || i || ':00 a' FROM generate_series(1, 5) d, generate_series(1, d) i) || ARRAY(SELECT '01-06 1' || i || ':00 a' FROM generate_series(1, 8) i), '{01-06 23:59:59.999999,01-07 00:00}') r;
-- the last 2 days: their daily mean. 1, 2, 3, 4, 5 as before, then 8 and 6: (7 − 3) ÷ 1.581139 = 2.529822
SELECT r.as_of, r.met, round(r.value::numeric, 6) AS value FROM pg_temp.read('"spike": "a", "last_days": 2, "against_days": 5, "at_least": 2.5',
	ARRAY(SELECT '01-0' || d || ' 1' || i || ':00 a' FROM generate_series(1, 5) d, generate_series(1, d) i) || ARRAY(SELECT '01-06 1' || i || ':00 a' FROM generate_series(1, 8) i) || ARRAY(SELECT '01-07 1' || i || ':00 a' FROM generate_series(1, 6) i), '{01-07 23:00}') r;
-- no event ever: unknown
SELECT * FROM pg_temp.read('"spike": "a", "last_days": 1, "against_days": 5, "at_least": 3', '{}', '{01-07 23:00}');

---- recency, absence, started and not finished

-- 7 days after 2 January, 12:00; from the start where there was never an event; unknown without a start
SELECT * FROM pg_temp.read('"days_since": "a", "at_least": 7', '{01-02 11:00 a,01-02 12:00 a}', '{01-02 12:00,01-09 11:59:59.999999,01-09 12:00}');
SELECT * FROM pg_temp.read('"days_since": "a", "more_than": 7', '{01-02 12:00 a}', '{01-09 12:00,01-09 12:00:00.000001}');
SELECT * FROM pg_temp.read('"days_since": "a", "less_than": 7', '{01-02 12:00 a}', '{01-02 12:00,01-09 12:00}');
SELECT * FROM pg_temp.read('"days_since": "a", "between": [1, 2]', '{01-02 12:00 a}', '{01-03 11:59,01-03 12:00,01-04 12:00,01-04 12:00:00.000001}');
SELECT * FROM pg_temp.read('"days_since": "a", "bands": [{"at_least": 7, "points": -10}, {"at_least": 14, "points": -20}]', '{01-02 12:00 a}', '{01-03 12:00,01-09 12:00,01-16 12:00}');
SELECT * FROM pg_temp.read('"days_since": "a", "at_least": 7', '{}', '{01-08 08:59:59.999999,01-08 09:00}');
SELECT * FROM pg_temp.read('"days_since": "a", "at_least": 7', '{}', '{01-08 09:00}', started_at => NULL);
-- none by the age of 30 days: 31 January, 09:00; an event ends it, also a late one
SELECT * FROM pg_temp.read('"absent": "a", "after_age": "30 days"', '{}', '{01-31 08:59:59.999999,01-31 09:00}');
SELECT * FROM pg_temp.read('"absent": "a", "after_age": "30 days"', '{02-02 10:00 a}', '{01-30 00:00,02-02 09:00,02-02 10:00}');
SELECT * FROM pg_temp.read('"absent": "a"', '{01-02 10:00 a}', '{01-01 09:00,01-02 10:00}');
SELECT * FROM pg_temp.read('"absent": "a", "after_age": "30 days"', '{}', '{01-31 09:00}', started_at => NULL);
SELECT * FROM pg_temp.read('"absent": "a", "after_age": "30 days"', '{01-02 10:00 a}', '{01-31 09:00}', started_at => NULL);
-- a without a later b within the hour: from the hour's end, until a b comes, or a new a begins another hour
SELECT * FROM pg_temp.read('"started": "a", "not_finished": "b", "within": "1 hour"', '{01-02 09:00 b,01-02 10:00 a}', '{01-02 10:00,01-02 10:59:59.999999,01-02 11:00,01-09 00:00}');
SELECT * FROM pg_temp.read('"started": "a", "not_finished": "b", "within": "1 hour"', '{01-02 10:00 a,01-02 10:30 b}', '{01-02 10:00,01-02 10:30,01-02 11:00}');
SELECT * FROM pg_temp.read('"started": "a", "not_finished": "b", "within": "1 hour"', '{01-02 10:00 a,01-02 14:00 b,01-03 10:00 a}', '{01-02 13:59,01-02 14:00,01-03 10:00,01-03 11:00}');
SELECT * FROM pg_temp.read('"started": "a", "not_finished": "b", "within": "1 hour"', '{01-02 10:00 a,01-02 10:00 b}', '{01-02 11:00}');
SELECT * FROM pg_temp.read('"started": "a", "not_finished": "b", "within": "1 hour"', '{01-02 10:00 b}', '{01-02 12:00}');

---- quota

-- 50 of 100 on the 1st and 80 on the 11th: 0.8 of it, 3 a day, 20 left: full in 6.7 days
SELECT * FROM pg_temp.read('"quota": "used", "limit": "max", "of": "a", "at_least": 0.8, "full_within": "14 days"', ARRAY['01-01 10:00 a {"used": 50, "max": 100}', '01-11 10:00 a {"used": 80, "max": 100}'], '{01-01 12:00,01-11 10:00}');
-- 79 and 80: a tenth a day, full in 200 days: nearing it slowly is not urgent
SELECT * FROM pg_temp.read('"quota": "used", "limit": "max", "of": "a", "at_least": 0.8, "full_within": "14 days"', ARRAY['01-01 10:00 a {"used": 79, "max": 100}', '01-11 10:00 a {"used": 80, "max": 100}'], '{01-11 10:00}');
-- without the rate it is; 0.79 is not 0.8; falling is not urgent; full is
SELECT n, r.met, r.value FROM (VALUES (1, '', 79, 80), (2, '', 50, 79), (3, ', "full_within": "14 days"', 90, 85), (4, ', "full_within": "14 days"', 100, 100), (5, ', "full_within": "14 days"', 100, 120)) w (n, more, before, now),
	LATERAL pg_temp.read('"quota": "used", "limit": "max", "of": "a", "at_least": 0.8' || more, ARRAY[format('01-01 10:00 a {"used": %s, "max": 100}', before), format('01-11 10:00 a {"used": %s, "max": "100"}', now)], '{01-11 10:00}') r ORDER BY n;
-- 0.8 by the latest reading, of a limit that was raised; no limit, a limit of 0: unknown
SELECT * FROM pg_temp.read('"quota": "used", "limit": "max", "of": "a", "at_least": 0.8', ARRAY['01-02 10:00 a {"used": 80, "max": 100}', '01-02 11:00 a {"used": 80, "max": 200}'], '{01-02 10:00,01-02 11:00}');
SELECT * FROM pg_temp.read('"quota": "used", "limit": "max", "of": "a", "at_least": 0.8', ARRAY['01-02 10:00 a {"used": 80}', '01-02 11:00 a {"used": 80, "max": 0}'], '{01-02 10:00,01-02 11:00}');

---- sum, max, latest

-- 60,000 + 40,000; words, nulls and nothing add nothing; text that is a number does
SELECT * FROM pg_temp.read('"sum": "n", "of": "a", "at_least": 100000', ARRAY['01-02 10:00 a {"n": 60000}', '01-03 10:00 a {"n": "many"}', '01-03 11:00 a {"n": null}', '01-03 12:00 a', '01-04 10:00 a {"n": "40000"}'], '{01-02 10:00,01-04 09:00,01-04 10:00}');
-- 0.1 + 0.2 is 0.3, and −0.3 takes it back
SELECT * FROM pg_temp.read('"sum": "n", "of": "a", "at_least": 0.3', ARRAY['01-02 10:00 a {"n": 0.1}', '01-03 10:00 a {"n": 0.2}', '01-04 10:00 a {"n": -0.3}'], '{01-02 10:00,01-03 10:00,01-04 10:00}');
SELECT * FROM pg_temp.read('"sum": "n", "of": "a", "last_days": 7, "at_least": 10', ARRAY['01-02 10:00 a {"n": 6}', '01-03 10:00 a {"n": 5}'], '{01-02 10:00,01-03 10:00,01-08 23:59:59.999999,01-09 00:00,01-10 00:00}');
-- the largest: 12 after 9, and 3 later; unknown while there is none
SELECT * FROM pg_temp.read('"max": "n", "of": "a", "at_least": 10', ARRAY['01-02 10:00 a {"n": 9}', '01-03 10:00 a {"n": 12}', '01-04 10:00 a {"n": 3}'], '{01-02 09:00,01-02 10:00,01-03 10:00,01-04 10:00}');
SELECT * FROM pg_temp.read('"max": "n", "of": "a", "last_days": 7, "at_least": 10', ARRAY['01-02 10:00 a {"n": 12}', '01-04 10:00 a {"n": 9}'], '{01-04 10:00,01-08 23:59:59.999999,01-09 00:00,01-11 00:00}');
SELECT * FROM pg_temp.read('"max": "n", "of": "a", "more_than": -5', ARRAY['01-02 10:00 a {"n": -5}', '01-03 10:00 a {"n": -4.5}'], '{01-02 10:00,01-03 10:00}');
-- the latest: 20, then 0; of two at one instant the larger
SELECT * FROM pg_temp.read('"latest": "n", "of": "a", "more_than": 0', ARRAY['01-02 10:00 a {"n": 20}', '01-03 10:00 a {"n": 0}', '01-03 11:00 a {}'], '{01-02 09:00,01-02 10:00,01-03 10:00,01-03 11:00}');
SELECT * FROM pg_temp.read('"latest": "n", "of": "a", "more_than": 0', ARRAY['01-02 10:00 a {"n": 5}', '01-02 10:00 a {"n": 0}'], '{01-02 10:00}');
SELECT * FROM pg_temp.read('"latest": "n", "of": "a", "last_days": 7, "more_than": 0', ARRAY['01-02 10:00 a {"n": 20}'], '{01-08 23:59:59.999999,01-09 00:00}');

---- bands: the highest met wins

SELECT k, r.met, r.value, r.points FROM generate_series(0, 6) k, LATERAL pg_temp.read('"distinct": "p", "of": "a", "bands": [{"at_least": 1, "points": 10}, {"at_least": 3, "points": 20}, {"at_least": 6, "points": 30}]',
	ARRAY(SELECT format('01-02 1%s:00 a {"p": %s}', i, i) FROM generate_series(1, k) i), '{01-03 00:00}') r ORDER BY k;
SELECT k, r.points FROM unnest(ARRAY['null', '49', '50', '499', '500', '"500"', '"many"', '50.5']) WITH ORDINALITY u (k, n), LATERAL pg_temp.read('"profile": "account.employees", "bands": [{"at_least": 50, "less_than": 500, "points": 10}, {"at_least": 500, "points": 20}]', '{}', '{01-03 00:00}',
	jsonb_build_object('account', jsonb_build_object('employees', k::jsonb))) r ORDER BY n;

---- the profile

SELECT w.n, w.test, w.value, r.met FROM (VALUES
	(1, '"between": [200, 2000]', '200'), (2, '"between": [200, 2000]', '2000'), (3, '"between": [200, 2000]', '2000.5'), (4, '"between": [200, 2000]', '"800"'), (5, '"between": [200, 2000]', 'null'), (6, '"between": [200, 2000]', '"mid"'), (7, '"between": [200, 2000]', '[800]'),
	(10, '"one_of": ["fintech", "health"]', '"health"'), (11, '"one_of": ["fintech", "health"]', '"Health"'), (12, '"one_of": ["fintech", "health"]', 'null'), (13, '"one_of": [1, true]', 'true'), (14, '"one_of": [1, true]', '1.0'),
	(20, '"equals": "team"', '"team"'), (21, '"equals": "team"', '"teams"'), (22, '"equals": true', 'true'), (23, '"equals": true', 'false'), (24, '"equals": 3', '3'), (25, '"equals": 3', '4'),
	(30, '"matches": "(?i)^(vp|chief|head of)"', '"Chief Happiness Officer"'), (31, '"matches": "(?i)^(vp|chief|head of)"', '"Assistant to the VP"'), (32, '"matches": "(?i)^(vp|chief|head of)"', 'null'),
	(40, '"exists": true', '"x"'), (41, '"exists": true', 'null'), (42, '"exists": false', 'null'), (43, '"exists": false', '0'),
	(50, '"starts_with": "ab"', '"abc"'), (51, '"starts_with": ["x", "ab"]', '"ab"'), (52, '"starts_with": "ab"', '"a"'), (53, '"under": "/a"', '"/a/b"'), (54, '"under": "/a"', '"/ab"'),
	(60, '"contains": "b"', '"abc"'), (61, '"contains": "x"', '"abc"'), (62, '"contains": "dbt"', '["snowflake", "dbt"]'), (63, '"contains": "db"', '["snowflake", "dbt"]'),
	(70, '"in_list": "named"', '"x"'), (71, '"in_list": "named"', '"y"'), (72, '"in_list": "named"', 'null'), (73, '"in_list": "unheard"', '"x"'),
	(80, '"at_least": 5, "at_most": 7', '6'), (81, '"at_least": 5, "at_most": 7', '8')) w (n, test, value),
	LATERAL pg_temp.read('"profile": "account.fact", ' || test, '{}', '{01-03 00:00}', jsonb_build_object('account', jsonb_build_object('fact', w.value::jsonb), 'lists', '{"named": ["x", "z"]}'::jsonb)) r ORDER BY n;
-- each section, and deeper; a section that is no object
SELECT f, r.met FROM unnest(ARRAY['person.p', 'account.p', 'trial.p', 'lead.p', 'account.tech.crm', 'account.tech.erp']) WITH ORDINALITY u (f, n), LATERAL pg_temp.read('"profile": "' || f || '", "equals": "v"', '{}', '{01-03 00:00}',
	'{"person": {"p": "v"}, "account": {"p": "w", "tech": {"crm": "v"}}, "trial": {"p": "v"}, "lead": []}') r ORDER BY n;

---- where

SELECT w.n, w.test, w.properties, r.value = 1 AS counts FROM (VALUES
	(1, '{"p": "pdf"}', '{"p": "pdf"}'), (2, '{"p": "pdf"}', '{"p": "csv"}'), (3, '{"p": "pdf"}', '{}'), (4, '{"p": 3}', '{"p": 3.0}'), (5, '{"p": true}', '{"p": true}'), (6, '{"p": true}', '{"p": false}'),
	(10, '{"p": {"one_of": ["sso", "scim"]}}', '{"p": "scim"}'), (11, '{"p": {"one_of": ["sso", "scim"]}}', '{"p": "saml"}'),
	(20, '{"p": {"starts_with": "/docs/"}}', '{"p": "/docs/a"}'), (21, '{"p": {"starts_with": "/docs/"}}', '{"p": "/docs"}'), (22, '{"p": {"under": "/docs"}}', '{"p": "/docs?a"}'), (23, '{"p": {"under": "/docs"}}', '{"p": "/docsa"}'),
	(30, '{"p": {"matches": "^/compare/[a-z]+$"}}', '{"p": "/compare/us"}'), (31, '{"p": {"matches": "^/compare/[a-z]+$"}}', '{"p": "/compare/us/"}'), (32, '{"p": {"contains": "par"}}', '{"p": "/compare"}'),
	(40, '{"p": {"at_least": 5}}', '{"p": 5}'), (41, '{"p": {"at_least": 5}}', '{"p": 4.99}'), (42, '{"p": {"at_least": 5}}', '{"p": "5"}'), (43, '{"p": {"at_least": 5}}', '{"p": "five"}'), (44, '{"p": {"at_least": 5, "less_than": 7}}', '{"p": 7}'), (45, '{"p": {"between": [5, 7]}}', '{"p": 7}'),
	(50, '{"p": {"exists": true}}', '{"p": ""}'), (51, '{"p": {"exists": true}}', '{"p": null}'), (52, '{"p": {"exists": false}}', '{}'), (53, '{"p": {"exists": false}}', '{"p": 0}'),
	-- not of unknown is unknown, and what is unknown does not count
	(60, '{"not": {"p": {"one_of": ["bot"]}}}', '{"p": "web"}'), (61, '{"not": {"p": {"one_of": ["bot"]}}}', '{"p": "bot"}'), (62, '{"not": {"p": {"one_of": ["bot"]}}}', '{}'),
	-- all of an object; all, any; deeper
	(70, '{"p": 1, "q": 2}', '{"p": 1, "q": 2}'), (71, '{"p": 1, "q": 2}', '{"p": 1, "q": 3}'), (72, '{"any": [{"p": 1}, {"q": 2}]}', '{"q": 2}'), (73, '{"any": [{"p": 1}, {"q": 2}]}', '{"q": 3}'),
	(74, '{"all": [{"p": 1}, {"not": {"q": 2}}]}', '{"p": 1, "q": 3}'), (75, '{"all": [{"p": 1}, {"not": {"q": 2}}]}', '{"p": 1, "q": 2}'), (76, '{"not": {"any": [{"p": 1}, {"q": 2}]}}', '{"p": 3, "q": 3}'), (77, '{"not": {"any": [{"p": 1}, {"q": 2}]}}', '{"p": 3}'),
	(80, '{"a.b": 1}', '{"a": {"b": 1}}'), (81, '{"a.b": 1}', '{"a": 1}'), (82, '{"a.b.c": "x"}', '{"a": {"b": {"c": "x"}}}'), (83, '{"a.b": {"exists": false}}', '{"a": {}}')) w (n, test, properties),
	LATERAL pg_temp.read('"count": "a", "where": ' || test || ', "at_least": 1', ARRAY['01-02 10:00 a ' || properties], '{01-03 00:00}') r ORDER BY n;
-- the signal's where and the glossary's source together
SELECT * FROM pg_temp.read('"count": "a", "source": "marketing", "at_least": 1', ARRAY['01-02 10:00 a {"source": "product"}', '01-02 11:00 a {}', '01-02 12:00 a {"source": "marketing"}'], '{01-02 11:00,01-02 12:00}');
SELECT * FROM pg_temp.read('"count": "marketed", "where": {"p": 1}, "at_least": 1', ARRAY['01-02 10:00 a {"source": "marketing"}', '01-02 11:00 a {"p": 1}', '01-02 12:00 a {"source": "marketing", "p": 1}'], '{01-02 11:00,01-02 12:00}');

---- compound signals: three-valued

-- t, f and u are facts that are true, false and unknown
SELECT c, r.met FROM unnest(ARRAY['"all": ["t", "t"]', '"all": ["t", "f"]', '"all": ["t", "u"]', '"all": ["f", "u"]', '"any": ["t", "u"]', '"any": ["f", "u"]', '"any": ["f", "f"]', '"not": "t"', '"not": "f"', '"not": "u"',
	'"all": [{"not": "f"}, {"any": ["u", "t"]}]', '"not": {"all": ["t", "u"]}', '"not": {"any": ["t", "u"]}', '"any": ["f"], "not": "f"', '"all": ["t"], "not": "u"', '"all": ["t"], "any": ["t", "f"], "not": "f"']) WITH ORDINALITY u (c, n),
	LATERAL pg_temp.read(replace(replace(replace(c, '"t"', '{"account.t": true}'), '"f"', '{"account.f": true}'), '"u"', '{"account.u": true}'), '{}', '{01-03 00:00}', '{"account": {"t": true, "f": false}}') r ORDER BY n;
-- measures, facts and other signals together: alone for a month
SELECT * FROM pg_temp.read('"all": [{"absent": "a", "after_age": "30 days"}, {"account.members": {"at_most": 1}}], "points": -10', '{}', '{01-31 08:59:59.999999,01-31 09:00}', '{"account": {"members": 1}}');
SELECT * FROM pg_temp.read('"all": [{"absent": "a", "after_age": "30 days"}, {"account.members": {"at_most": 1}}], "points": -10', '{}', '{01-31 09:00}', '{"account": {"members": 2}}');
SELECT * FROM pg_temp.read('"all": [{"absent": "a", "after_age": "30 days"}, {"account.members": {"at_most": 1}}], "points": -10', '{}', '{01-31 09:00}');
SELECT * FROM pg_temp.read('"all": ["y", {"not": {"count": "a", "last_days": 7, "at_least": 1}}], "points": 3', '{01-02 10:00 a,01-03 10:00 b}', '{01-02 10:00,01-03 10:00,01-08 23:59:59.999999,01-09 00:00}');

ROLLBACK;
