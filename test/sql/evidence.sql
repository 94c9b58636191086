-- Evidence: what gather counts and ignores, the type's input and output, merging, corruption, parallel plans, bounds.
\set ON_ERROR_ROLLBACK on
\set SHOW_CONTEXT never
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SET client_min_messages = warning;

BEGIN;

-- A model with one of every kind of statistic.
CREATE FUNCTION pg_temp.wide() RETURNS jsonb IMMUTABLE PARALLEL SAFE LANGUAGE sql AS $f$
SELECT pql.read_model($doc$
{"model": "wide", "window": {"trial_days": [1, 10]},
 "events": {"a": "a", "b": "b", "p": {"event": "a", "where": {"path": {"under": "/pricing"}}}},
 "signals": [
  {"signal": "count", "count": "a", "at_least": 3, "points": 1},
  {"signal": "distinct", "distinct": "name", "of": "a", "at_least": 3, "points": 1, "says": "first {name}"},
  {"signal": "days", "days": "a", "at_least": 3, "points": 1},
  {"signal": "pages", "count": "p", "at_least": 2, "on_days": 2, "points": 1},
  {"signal": "recent", "count": "a", "last_days": 7, "at_least": 2, "points": 1},
  {"signal": "recent_names", "distinct": "name", "of": "a", "last_days": 7, "at_least": 2, "points": 1},
  {"signal": "recent_days", "days": "*", "last_days": 7, "at_least": 2, "points": 1},
  {"signal": "sticky", "dau_mau": "*", "more_than": 0.3, "points": 1},
  {"signal": "rising", "weeks_rising": "*", "at_least": 3, "points": 1},
  {"signal": "trend", "trend": "a", "last_days": 7, "is": "growing", "points": 1},
  {"signal": "spike", "spike": "a", "last_days": 1, "against_days": 14, "at_least": 2, "points": 1},
  {"signal": "silent", "days_since": "*", "at_least": 7, "points": 1},
  {"signal": "absent", "absent": "b", "after_age": "3 days", "points": 1},
  {"signal": "open", "started": "a", "not_finished": "b", "within": "1 hour", "points": 1},
  {"signal": "quota", "quota": "used", "limit": "limit", "of": "a", "at_least": 0.8, "full_within": "14 days", "points": 1},
  {"signal": "sum", "sum": "n", "of": "a", "at_least": 100, "points": 1},
  {"signal": "recent_sum", "sum": "n", "of": "a", "last_days": 7, "at_least": 100, "points": 1},
  {"signal": "max", "max": "n", "of": "a", "at_least": 50, "points": 1},
  {"signal": "recent_max", "max": "n", "of": "a", "last_days": 7, "at_least": 50, "points": 1},
  {"signal": "latest", "latest": "n", "of": "a", "at_least": 50, "points": 1}],
 "qualify": {"score": {"at_least": 1}}}$doc$) $f$;

-- 40 events of a month, deterministic.
CREATE TEMP TABLE ev AS
SELECT '2024-01-01 09:00Z'::timestamptz + i * interval '17 hours 13 minutes 7.000001 seconds' AS at,
	CASE WHEN i % 7 = 3 THEN 'b' WHEN i % 11 = 5 THEN 'c' ELSE 'a' END AS event,
	jsonb_build_object('name', 'name ' || (i * 7) % 5, 'n', (i * 37) % 101, 'used', i, 'limit', 50,
		'path', CASE WHEN i % 3 = 0 THEN '/pricing/plans' ELSE '/home' END) AS properties, i
FROM generate_series(0, 39) i;
CREATE TEMP TABLE kept (name text, e pql.evidence);
INSERT INTO kept
SELECT 'all', pql.gather(pg_temp.wide(), at, event, properties, '2024-01-01 09:00Z') FROM ev
UNION ALL SELECT 'odd', pql.gather(pg_temp.wide(), at, event, properties, '2024-01-01 09:00Z') FROM ev WHERE i % 2 = 1
UNION ALL SELECT 'even', pql.gather(pg_temp.wide(), at, event, properties, '2024-01-01 09:00Z') FROM ev WHERE i % 2 = 0
UNION ALL SELECT 'backwards', pql.gather(pg_temp.wide(), at, event, properties, '2024-01-01 09:00Z' ORDER BY i DESC) FROM ev
UNION ALL SELECT 'shuffled', pql.gather(pg_temp.wide(), at, event, properties, '2024-01-01 09:00Z' ORDER BY md5(i::text)) FROM ev
UNION ALL SELECT 'one', pql.gather(pg_temp.wide(), at, event, properties, '2024-01-01 09:00Z') FROM ev WHERE i = 0;

---- no rows, rows that are ignored

-- no rows: NULL; rows that do not matter: evidence of nothing
SELECT pql.gather(pg_temp.wide(), at, event, properties, NULL) IS NULL AS none FROM ev WHERE false;
SELECT pql.gather((SELECT pql.model('trial')), '2024-01-05 00:00Z', 'unheard_of', '{}', '2024-01-10 00:00Z') IS NULL AS none;
SELECT pql.evidence_horizon(e), pql.evidence_ignored(e)
FROM (SELECT pql.gather(pg_temp.wide(), '2024-01-05 00:00Z', 'a', '{}', '2024-01-10 00:00Z') AS e) x;
-- a NULL event; NULL, infinite and ancient times: ignored and counted. The years 1 to 9999 count.
SELECT pql.evidence_ignored(pql.gather(pg_temp.wide(), at, event, NULL, NULL)) AS ignored,
	pql.evidence_horizon(pql.gather(pg_temp.wide(), at, event, NULL, NULL)) AS horizon
FROM (VALUES (NULL::timestamptz, 'a'), ('2024-01-01Z', NULL), (NULL, NULL), ('infinity', 'a'), ('-infinity', 'a'),
	('0001-12-31 23:59:59Z BC', 'a'), ('10000-01-01 00:00Z', 'a'), ('2024-01-01 00:00Z', 'a')) v (at, event);
SELECT at, pql.evidence_ignored(pql.gather(pg_temp.wide(), at, 'a', NULL, NULL)) AS ignored
FROM (VALUES ('0001-12-31 23:59:59.999999Z BC'::timestamptz), ('0001-01-01 00:00Z'), ('9999-12-31 23:59:59.999999Z'), ('10000-01-01 00:00Z')) v (at)
GROUP BY at ORDER BY at;
-- ignored rows change nothing else
SELECT pql.evidence_ignored(e) AS ignored, pql.evidence_horizon(e) AS horizon, v.score
FROM (SELECT pql.gather(pg_temp.wide(), at, event, properties, '2024-01-01 09:00Z') AS e
	FROM (SELECT at, event, properties FROM ev UNION ALL SELECT NULL, 'a', '{"n": 5000}' UNION ALL SELECT 'infinity', 'b', NULL) x) g,
	LATERAL pql.judge(pg_temp.wide(), e, NULL, '2024-01-31 00:00Z') v;
SELECT pql.evidence_ignored(e) AS ignored, pql.evidence_horizon(e) AS horizon, v.score
FROM kept, LATERAL pql.judge(pg_temp.wide(), e, NULL, '2024-01-31 00:00Z') v WHERE name = 'all';

-- Events that no signal of the model names are ignored without a count, also by name's length and case.
SELECT pql.gather((SELECT pql.model('trial')), '2024-01-02 00:00Z', x, '{"invitee_email": "a@b.example"}', '2024-01-01 00:00Z')
	= pql.gather((SELECT pql.model('trial')), '2024-01-02 00:00Z', 'unheard_of', NULL, '2024-01-01 00:00Z') AS as_any_other, left(x, 20) AS event
FROM unnest(ARRAY['invite', 'invite_sent', 'invite_sent ', 'Invite_Sent', 'invite_sents', '', repeat('x', 100000)]) x
GROUP BY x ORDER BY length(x), x COLLATE "C";

-- Events before the start do not count, the start's own instant does.
SELECT at, pql.evidence_horizon(pql.gather(pg_temp.wide(), at, 'a', NULL, '2024-01-10 00:00Z')) AS horizon
FROM (VALUES ('2024-01-09 23:59:59.999999Z'::timestamptz), ('2024-01-10 00:00Z'), ('2024-01-10 00:00:00.000001Z')) v (at) GROUP BY at ORDER BY at;

-- What belongs to different subjects or models is not mixed.
SELECT pql.gather(pg_temp.wide(), at, event, properties, CASE WHEN i < 39 THEN '2024-01-01 09:00Z'::timestamptz ELSE '2024-01-02 09:00Z' END) FROM ev;
SELECT pql.gather(pg_temp.wide(), at, event, properties, CASE WHEN i < 39 THEN '2024-01-01 09:00Z'::timestamptz END) FROM ev;
SELECT pql.gather(m, at, event, properties, NULL) FROM ev JOIN (VALUES (0, pg_temp.wide()), (1, pql.model('trial'))) v (r, m) ON r = i % 2;
SELECT pql.gather(NULL, at, event, properties, NULL) FROM ev;
SELECT pql.gather('{"model": "x"}', at, event, properties, NULL) FROM ev;
SELECT pql.gather('[]', at, event, properties, NULL) FROM ev;
-- two models over the same rows, each in its group
SELECT m ->> 'model' AS model, count(*), pql.evidence_horizon(pql.gather(m, at, event, properties, NULL)) AS horizon
FROM ev, (VALUES (pg_temp.wide()), (pql.model('trial'))) v (m) GROUP BY m ORDER BY 1;

---- properties of any shape

CREATE TEMP TABLE shape (n int, properties jsonb);
INSERT INTO shape VALUES
	(1, NULL), (2, 'null'), (3, '1'), (4, '"text"'), (5, 'true'), (6, '[]'), (7, '{}'), (8, '[{"name": "x", "n": 1}]'),
	(9, '{"name": null, "n": null, "used": null, "limit": null, "path": null}'),
	(10, '{"name": {"first": "x"}, "n": {"n": 1}, "used": [], "limit": {}, "path": {"under": 1}}'),
	(11, '{"name": ["x"], "n": [1], "path": ["/pricing"]}'),
	(12, '{"name": true, "n": true, "path": true, "used": true, "limit": false}'),
	(13, '{"name": "", "n": "", "path": "", "used": "", "limit": ""}'),
	(14, '{"name": 12.50, "n": "12.5", "path": 3, "used": "9", "limit": "10"}'),
	(15, '{"n": "NaN", "used": "Infinity", "limit": "-Infinity"}'),
	(16, '{"n": 1e400, "used": 1e400, "limit": -1e400}'),
	(17, '{"n": "1e400", "used": "0x1F", "limit": " 10 "}'),
	(18, '{"n": -0.0, "used": 0, "limit": 0}'),
	(19, jsonb_build_object('name', repeat('ü', 100), 'path', '/pricing/' || repeat('ü', 5000), 'n', 7)),
	(20, ('{"name": ' || repeat('[', 500) || repeat(']', 500) || '}')::jsonb),
	(21, '{"": 1, "name": "\u0001", "Name": "other"}');
-- every one of them is taken, and counts as far as it has what is measured
CREATE FUNCTION pg_temp.value_of(e pql.evidence, name text, as_of timestamptz) RETURNS jsonb LANGUAGE sql AS $$
	SELECT s -> 'value' FROM pql.judge_live(pg_temp.wide(), e, NULL, as_of) v, jsonb_array_elements(v.explanation -> 'signals') s WHERE s ->> 'signal' = name $$;
SELECT n, pg_temp.value_of(e, 'distinct', t) AS names, left(pg_temp.value_of(e, 'latest', t)::text, 12) AS n_is,
	pg_temp.value_of(e, 'sum', t) AS sum, pg_temp.value_of(e, 'pages', t) AS pages, pg_temp.value_of(e, 'quota', t) AS quota
FROM (SELECT n, '2024-01-02 00:00Z'::timestamptz AS t, pql.gather(pg_temp.wide(), '2024-01-02 00:00Z', 'a', properties, '2024-01-01 00:00Z') AS e
	FROM shape GROUP BY n) x ORDER BY n;
-- all of them as one user's
SELECT pql.evidence_ignored(e) AS ignored, pg_temp.value_of(e, 'count', '2024-01-02 00:00Z') AS events
FROM (SELECT pql.gather(pg_temp.wide(), '2024-01-02 00:00Z', 'a', properties, '2024-01-01 00:00Z') AS e FROM shape) x;

-- A document of a megabyte: compressed in its row, out of line in its TOAST table, and neither.
CREATE TEMP TABLE big (kind text, properties jsonb);
ALTER TABLE big ALTER properties SET STORAGE EXTERNAL;
INSERT INTO big SELECT 'external', jsonb_build_object('name', 'x', 'path', '/pricing', 'junk', repeat('junk ', 200000));
ALTER TABLE big ALTER properties SET STORAGE MAIN;
INSERT INTO big SELECT 'compressed', jsonb_build_object('name', 'y', 'path', '/pricing', 'junk', repeat('junk ', 200000));
ALTER TABLE big ALTER properties SET STORAGE EXTENDED;
INSERT INTO big SELECT 'external compressed', jsonb_build_object('name', 'z', 'path', '/pricing',
	'junk', (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 32000) i));
SELECT kind, length(properties::text) > 1000000 AS large, pg_column_size(properties) < 100000 AS small_in_its_row FROM big ORDER BY kind;
SELECT pg_temp.value_of(e, 'distinct', '2024-01-02 00:00Z') AS names, pg_temp.value_of(e, 'pages', '2024-01-02 00:00Z') AS pages
FROM (SELECT pql.gather(pg_temp.wide(), '2024-01-02 00:00Z', 'a', properties, '2024-01-01 00:00Z') AS e FROM big) x;

---- input and output

-- text and binary give the same back
SELECT count(*) AS kept, count(*) FILTER (WHERE e::text::pql.evidence = e) AS by_text FROM kept;
SELECT left(e::text, 2) AS begins, e::text = '\x' || encode(pql.evidence_send(e), 'hex') AS both_the_same FROM kept WHERE name = 'one';
CREATE FUNCTION pg_temp.binary_round_trip() RETURNS TABLE (kept bigint, the_same bigint) LANGUAGE plpgsql AS $$
DECLARE
	file text := current_setting('data_directory') || '/pql_regress_evidence.bin';
BEGIN
	CREATE TEMP TABLE again (name text, e pql.evidence);
	EXECUTE format('COPY kept TO %L (FORMAT binary)', file);
	EXECUTE format('COPY again FROM %L (FORMAT binary)', file);
	EXECUTE format('COPY (SELECT) TO %L', file);
	RETURN QUERY SELECT count(*), count(*) FILTER (WHERE a.e = k.e) FROM kept k JOIN again a USING (name);
END $$;
SELECT * FROM pg_temp.binary_round_trip();

-- equal to the byte whatever the order; the halves are not the whole
SELECT a.name, b.name, a.e = b.e AS equal FROM kept a JOIN kept b ON a.name < b.name WHERE a.name = 'all' OR b.name = 'all' ORDER BY 1, 2;
SELECT count(DISTINCT pql.evidence_hash(e)) AS hashes FROM kept WHERE name IN ('all', 'backwards', 'shuffled');
SELECT count(*) FROM (SELECT e FROM kept WHERE name = 'all' EXCEPT ALL SELECT e FROM kept WHERE name = 'backwards') x;
SELECT count(*) FROM (SELECT e FROM kept WHERE name = 'all' EXCEPT ALL SELECT e FROM kept WHERE name = 'odd') x;
SET LOCAL enable_mergejoin = off; SET LOCAL enable_nestloop = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM kept a JOIN kept b ON a.e = b.e;
SELECT count(*) FROM kept a JOIN kept b ON a.e = b.e; -- three that are equal, three alone: 9 + 3
RESET enable_mergejoin; RESET enable_nestloop;
SELECT NULL::pql.evidence = NULL::pql.evidence AS unknown, pql.evidence_ignored(NULL) AS ignored, pql.evidence_horizon(NULL) AS horizon;

---- merging

SELECT o.e || v.e = a.e AS whole, v.e || o.e = a.e AS either_way, (a.e || NULL) IS NULL AS strict
FROM kept o, kept v, kept a WHERE o.name = 'odd' AND v.name = 'even' AND a.name = 'all';
-- in any split
SELECT parts, count(*) FILTER (WHERE merged = a.e) AS whole
FROM kept a, (
	SELECT parts, pql.merge(e) AS merged
	FROM (SELECT parts, md5((i * parts)::text) < '8' AS half, i % parts AS part,
			pql.gather(pg_temp.wide(), at, event, properties, '2024-01-01 09:00Z') AS e
		FROM ev, generate_series(1, 40) parts GROUP BY parts, i % parts, md5((i * parts)::text) < '8') p
	GROUP BY parts) m
WHERE a.name = 'all' GROUP BY parts HAVING count(*) FILTER (WHERE merged = a.e) <> 1;
SELECT pql.merge(e) IS NULL AS none FROM kept WHERE false;
SELECT pql.merge(e) IS NULL AS nulls FROM (VALUES (NULL::pql.evidence), (NULL)) v (e);
SELECT pql.merge(e) = (SELECT e FROM kept WHERE name = 'one') AS one_and_null FROM (SELECT e FROM kept WHERE name = 'one' UNION ALL SELECT NULL) v (e);
-- what was ignored adds up
SELECT pql.evidence_ignored(e || e) FROM (SELECT pql.gather(pg_temp.wide(), NULL, 'a', NULL, NULL) AS e FROM generate_series(1, 3)) x;
-- different layouts, different starts
SELECT k.e || t.e FROM kept k, (SELECT pql.gather((SELECT pql.model('trial')), '2024-01-02 00:00Z', 'invite_sent', '{"invitee_email": "x"}', '2024-01-01 09:00Z') AS e) t WHERE name = 'one';
SELECT k.e || t.e FROM kept k, (SELECT pql.gather(pg_temp.wide(), '2024-01-02 00:00Z', 'a', NULL, '2024-01-01 09:00:00.000001Z') AS e) t WHERE name = 'one';
SELECT k.e || t.e FROM kept k, (SELECT pql.gather(pg_temp.wide(), '2024-01-02 00:00Z', 'a', NULL, NULL) AS e) t WHERE name = 'one';
SELECT pql.merge(e) FROM (SELECT e FROM kept WHERE name = 'one' UNION ALL SELECT pql.gather(pg_temp.wide(), '2024-01-02 00:00Z', 'a', NULL, NULL)) x;
-- a timezone, a window and a threshold are of the layout; points and words are not
SELECT change, (SELECT pql.gather(pql.read_model(replace(pql.canonical_model(pg_temp.wide()), was, becomes)), at, event, properties, '2024-01-01 09:00Z') FROM ev) = k.e AS same
FROM kept k, (VALUES ('points', '"at_least": 3, "points": 1', '"at_least": 3, "points": 7'), ('says', 'first {name}', 'began with {name}'),
	('window', '[1, 10]', '[1, 9]'), ('timezone', '"window"', '"timezone": "Asia/Kathmandu", "window"')) v (change, was, becomes)
WHERE name = 'all' ORDER BY change;

---- corrupt values

CREATE FUNCTION pg_temp.taken(bytes bytea) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM ('\x' || encode(bytes, 'hex'))::pql.evidence;
	RETURN true;
EXCEPTION WHEN invalid_binary_representation OR invalid_text_representation OR invalid_parameter_value OR protocol_violation
	OR program_limit_exceeded THEN
	RETURN false;
END $$;
SELECT ''::pql.evidence;
SELECT '\x'::pql.evidence;
SELECT '\x0'::pql.evidence;
SELECT 'evidence'::pql.evidence;
SELECT '\x01'::pql.evidence;
SELECT '\xff'::pql.evidence;
SELECT ('\x' || repeat('00', 1000))::pql.evidence;
SELECT ('\x' || repeat('ff', 1000))::pql.evidence;
-- another version of the format
SELECT ('\x02' || substr(e::text, 5))::pql.evidence FROM kept WHERE name = 'one';
-- something after the end
SELECT (e::text || '00')::pql.evidence FROM kept WHERE name = 'one';
-- cut off anywhere
SELECT k.name, count(*) = octet_length(b) AS every_length, count(*) FILTER (WHERE pg_temp.taken(substr(b, 1, n))) AS taken
FROM kept k, LATERAL (SELECT pql.evidence_send(e) AS b) b, generate_series(0, octet_length(b) - 1) n
WHERE name IN ('all', 'one') GROUP BY k.name, b ORDER BY 1;
-- every byte changed in five ways: refused, or evidence that is written as it was read, and can be judged or is refused
CREATE FUNCTION pg_temp.survives(bytes bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	changed pql.evidence;
BEGIN
	changed := ('\x' || encode(bytes, 'hex'))::pql.evidence;
	IF pql.evidence_send(changed) <> bytes THEN
		RETURN 'read as something else';
	END IF;
	BEGIN
		PERFORM pql.judge(pg_temp.wide(), changed, NULL, '9999-12-31 00:00Z');
		PERFORM changed || k.e FROM kept k WHERE name = 'all';
	EXCEPTION WHEN invalid_parameter_value THEN
		RETURN 'another layout or start';
	END;
	RETURN 'other evidence';
EXCEPTION WHEN invalid_binary_representation OR invalid_text_representation OR protocol_violation OR program_limit_exceeded THEN
	RETURN 'refused';
END $$;
SELECT pg_temp.survives(set_byte(b, n, (get_byte(b, n) # flip) & 255)) AS outcome, count(*) > 0 AS some
FROM kept k, LATERAL (SELECT pql.evidence_send(e) AS b) b, generate_series(0, octet_length(b) - 1) n, unnest(ARRAY[1, 2, 64, 128, 255]) flip
WHERE name = 'all' GROUP BY 1 ORDER BY 1;

---- parallel plans

CREATE TABLE regress_many AS
SELECT i % 1000 AS u, '2024-01-01 09:00Z'::timestamptz + (i * 7919 % 2600000) * interval '1 second' AS at,
	CASE WHEN i % 7 = 3 THEN 'b' WHEN i % 11 = 5 THEN 'c' ELSE 'a' END AS event,
	jsonb_build_object('name', 'name ' || i % 23, 'n', i % 101, 'used', i % 50, 'limit', 50, 'path', '/pricing') AS properties
FROM generate_series(1, 200000) i;
ANALYZE regress_many;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 2;
SET LOCAL enable_indexscan = off;
SET LOCAL jit = off;
EXPLAIN (COSTS OFF)
SELECT u, pql.gather((SELECT pql.model('trial')), at, event, properties, '2024-01-01 09:00Z') FROM regress_many GROUP BY u;
EXPLAIN (COSTS OFF)
SELECT pql.gather((SELECT pql.model('trial')), at, event, properties, '2024-01-01 09:00Z') FROM regress_many;
EXPLAIN (COSTS OFF)
CREATE TABLE regress_parallel AS
SELECT u, pql.gather((SELECT pg_temp.wide()), at, event, properties, '2024-01-01 09:00Z') AS e FROM regress_many GROUP BY u;
CREATE TABLE regress_parallel AS
SELECT u, pql.gather((SELECT pg_temp.wide()), at, event, properties, '2024-01-01 09:00Z') AS e FROM regress_many GROUP BY u;
CREATE TABLE regress_whole AS
SELECT 0 AS u, pql.gather((SELECT pql.model('trial')), at, event, properties, '2024-01-01 09:00Z') AS e FROM regress_many;
SET LOCAL max_parallel_workers_per_gather = 0;
CREATE TEMP TABLE serial AS
SELECT u, pql.gather((SELECT pg_temp.wide()), at, event, properties, '2024-01-01 09:00Z') AS e FROM regress_many GROUP BY u;
SELECT count(*) AS users, count(*) FILTER (WHERE s.e = p.e) AS the_same FROM serial s JOIN regress_parallel p USING (u);
SELECT w.e = (SELECT pql.gather((SELECT pql.model('trial')), at, event, properties, '2024-01-01 09:00Z') FROM regress_many) AS whole_the_same FROM regress_whole w;
-- sorted groups, hashed groups, and hashed groups that spill
SET LOCAL enable_hashagg = off;
SELECT count(*) AS differ FROM (SELECT u, pql.gather((SELECT pg_temp.wide()), at, event, properties, '2024-01-01 09:00Z') AS e FROM regress_many GROUP BY u) g JOIN serial s USING (u) WHERE NOT g.e = s.e;
SET LOCAL enable_hashagg = on; SET LOCAL enable_sort = off; SET LOCAL work_mem = '64kB';
SELECT count(*) AS differ FROM (SELECT u, pql.gather((SELECT pg_temp.wide()), at, event, properties, '2024-01-01 09:00Z') AS e FROM regress_many GROUP BY u) g JOIN serial s USING (u) WHERE NOT g.e = s.e;
RESET enable_sort; RESET work_mem;
-- as a window, growing row by row
SELECT count(*) FILTER (WHERE w.e = g.e) AS the_same
FROM (SELECT i, pql.gather(pg_temp.wide(), at, event, properties, '2024-01-01 09:00Z') OVER (ORDER BY i) AS e FROM ev) w,
	LATERAL (SELECT pql.gather(pg_temp.wide(), x.at, x.event, x.properties, '2024-01-01 09:00Z') AS e FROM ev x WHERE x.i <= w.i) g;

-- The heaviest user takes no more than the model says: 200,000 events of one user.
SELECT pg_column_size(e) <= i.evidence_bound AS bounded FROM regress_whole, pql.model_info(pql.model('trial')) i;

ROLLBACK;
