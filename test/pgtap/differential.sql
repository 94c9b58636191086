-- Four ways to the same verdicts, on random trials: the oracle (plain SQL), score_all, gather with
-- judge, and evidence gathered in pieces and merged.
--
--   pg_prove -d DB test/pgtap/differential.sql
--   pg_prove -d DB --set seed=7 --set datasets=500 --set occasions=9 test/pgtap/differential.sql
--
-- A difference is printed as the oracle's and pql's verdict side by side, and for the first three trials
-- everything that is known of them follows, in local time.

\if :{?seed}
\else
	\set seed 1
\endif
\if :{?datasets}
\else
	\set datasets 200
\endif

\if :{?occasions}
\else
	\set occasions 3
\endif

BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL TimeZone = 'UTC';
SET LOCAL jit = off;
SELECT set_config('search_path', current_setting('search_path') || ', pql', true) AS ignored \gset

\ir ../oracle/trial.sql
\ir ../oracle/random.sql

SELECT count(*) AS ignored FROM (SELECT oracle.random_data(:seed, :datasets)) x \gset
-- Every data set is judged as of several instants; the first few will do where time is short.
DELETE FROM oracle.occasion WHERE n > :occasions;
ANALYZE pql.event, pql.person, pql.account, pql.trial, pql.fact, pql.list_entry;

SELECT count(DISTINCT tz) AS zones FROM oracle.dataset \gset
SELECT plan(:zones + 27);
SELECT diag('seed ' || :seed || ', ' || :datasets || ' data sets');

-- One model a timezone, otherwise the shipped one.
CREATE TABLE oracle.model AS
SELECT z.tz, z.name, NULL::jsonb AS document
FROM (SELECT DISTINCT d.tz, 'trial_' || regexp_replace(lower(d.tz), '[^a-z]+', '_', 'g') AS name
      FROM oracle.dataset d) z;
SELECT count(pql.put_model(jsonb_set(jsonb_set(pql.model('trial'), '{timezone}', to_jsonb(m.tz)),
                                     '{model}', to_jsonb(m.name)))) AS ignored
FROM oracle.model m \gset
UPDATE oracle.model m SET document = pql.model(m.name);


-- (a) The oracle and score_all ------------------------------------------------------------------

CREATE TABLE oracle.expected AS
SELECT o.dataset, o.n, o.tz, o.as_of, o.known_at, t.*
FROM oracle.occasion o
CROSS JOIN LATERAL oracle.trial(o.as_of, o.known_at, o.tz, o.dataset || '\_%') t;

-- score_all judges everybody: each time all data sets, of which one is asked for. So as not to pay for that with the square
-- of their number, only some of them have trials at a time; $1 of the query are their names. All rows go to the table.
CREATE TABLE oracle.every_trial AS TABLE pql.trial;
CREATE FUNCTION oracle.some_at_a_time(into_table text, query text) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	names text[];
BEGIN
	FOR names IN
		SELECT array_agg(d.dataset) FROM (SELECT x.dataset, row_number() OVER (ORDER BY x.dataset) AS n FROM oracle.dataset x) d GROUP BY d.n / 10
	LOOP
		DELETE FROM pql.trial;
		INSERT INTO pql.trial SELECT t.* FROM oracle.every_trial t WHERE split_part(t.user_id, '_', 1) = ANY (names);
		EXECUTE format(CASE WHEN to_regclass(into_table) IS NULL THEN 'CREATE TABLE %s AS %s' ELSE 'INSERT INTO %s %s' END, into_table, query) USING names;
	END LOOP;
	DELETE FROM pql.trial;
	INSERT INTO pql.trial TABLE oracle.every_trial;
END
$$;

SELECT oracle.some_at_a_time('oracle.found', $query$
	SELECT o.dataset, o.n, o.tz, o.as_of, o.known_at, s.user_id, s.account_id, s.started_at, s.status,
	       s.score, s.potential, s.tier, s.signals, s.exclusions, s.qualified_at, s.next_change_at
	FROM oracle.occasion o
	JOIN oracle.model m ON m.tz = o.tz
	CROSS JOIN LATERAL pql.score_all(m.name, o.as_of, o.known_at) s
	WHERE o.dataset = ANY ($1) AND s.user_id LIKE o.dataset || '\_%'
$query$) \g /dev/null

CREATE FUNCTION oracle.line(status text, score int, potential int, tier text, signals text[],
                            exclusions text[], qualified_at timestamptz) RETURNS text
LANGUAGE sql STABLE
AS $$
	SELECT format('%s %s/%s %s %s %s %s', status, score, potential, COALESCE(tier, '-'), signals,
	              exclusions, COALESCE(qualified_at::text, '-'))
$$;

CREATE VIEW oracle.difference AS
SELECT tz, dataset, n, user_id, started_at, as_of, k.known_at,
       format('%s (%s) started %s as_of %s known_at %s:  oracle %s  pql %s',
              user_id, tz, started_at, as_of, k.known_at,
              CASE WHEN e.status IS NULL THEN 'no row'
                   ELSE oracle.line(e.status, e.score, e.potential, e.tier, e.signals, e.exclusions,
                                    e.qualified_at) END,
              CASE WHEN f.status IS NULL THEN 'no row'
                   ELSE oracle.line(f.status, f.score, f.potential, f.tier, f.signals, f.exclusions,
                                    f.qualified_at) END) AS what
FROM oracle.expected e
FULL JOIN oracle.found f USING (tz, dataset, n, user_id, started_at, as_of)
CROSS JOIN LATERAL (SELECT COALESCE(e.known_at, f.known_at)) k (known_at)
WHERE (e.account_id, e.status, e.score, e.potential, e.tier, e.signals, e.exclusions, e.qualified_at)
      IS DISTINCT FROM
      (f.account_id, f.status, f.score, f.potential, f.tier, f.signals, f.exclusions, f.qualified_at);

SELECT is_empty(format('SELECT what FROM oracle.difference WHERE tz = %L ORDER BY user_id, started_at, n LIMIT 20',
                       m.tz),
                'oracle = score_all in ' || m.tz)
FROM oracle.model m
ORDER BY m.tz;

SELECT diag(s.line)
FROM (SELECT DISTINCT ON (user_id, started_at) * FROM oracle.difference
      ORDER BY user_id, started_at, n LIMIT 3) d
CROSS JOIN LATERAL (
	SELECT what AS line
	UNION ALL
	SELECT oracle.story(d.user_id, d.started_at, d.as_of, d.known_at, d.tz)) s;

-- The data must reach everything that is worth comparing.
SELECT diag('statuses: ' || string_agg(status || ' ' || n, ', ' ORDER BY n DESC))
FROM (SELECT status, count(*) AS n FROM oracle.expected GROUP BY status) x;
SELECT diag('exclusions: ' || string_agg(reason || ' ' || n, ', ' ORDER BY n DESC))
FROM (SELECT reason, count(*) AS n FROM oracle.expected, unnest(exclusions) reason GROUP BY reason) x;

SELECT :datasets >= 100 AS enough \gset
\if :enough
SELECT set_eq('SELECT DISTINCT status FROM oracle.expected',
              ARRAY['converted', 'qualified', 'expired', 'excluded', 'hold', 'monitor', 'gated', 'below'],
              'every status occurs');
SELECT set_eq('SELECT DISTINCT unnest(exclusions) FROM oracle.expected',
              ARRAY['outside_icp', 'personal_email', 'already_paid', 'disqualified', 'no_response',
                    'too_late', 'not_a_prospect', 'test_account', 'opted_out', 'suppressed'],
              'every exclusion occurs');
SELECT set_eq('SELECT DISTINCT tier FROM oracle.expected WHERE tier IS NOT NULL',
              ARRAY['high', 'medium'], 'both tiers occur');
SELECT isnt_empty($$SELECT FROM oracle.expected e
                    WHERE e.qualified_at >= oracle.first_instant(oracle.local_date(e.started_at, e.tz) + 10, e.tz)$$,
                  'a hold released after day 10 occurs');
SELECT isnt_empty($$SELECT FROM oracle.expected e
                    WHERE e.status = 'hold'
                      AND e.as_of >= oracle.first_instant(oracle.local_date(e.started_at, e.tz) + 10, e.tz)$$,
                  'a hold that runs beyond day 10 occurs');
SELECT isnt_empty($$SELECT FROM oracle.expected e
                    WHERE e.qualified_at IS NOT NULL
                      AND NOT EXISTS (SELECT FROM pql.event x
                                      WHERE x.user_id = e.user_id AND x.occurred_at = e.qualified_at)$$,
                  'qualifying at the instant of a fact occurs');
SELECT isnt_empty($$SELECT FROM oracle.expected e WHERE e.qualified_at = e.as_of$$,
                  'qualifying exactly at as_of occurs');
\else
SELECT skip('too few data sets to reach everything', 7);
\endif


-- (b), (c), (d) The same evidence serial, parallel, in any order, in pieces ----------------------

CREATE TABLE oracle.input AS
SELECT d.tz, t.user_id, t.started_at, e.occurred_at, e.event, e.properties,
       md5(concat(:seed, e.id)) AS shuffle,
       get_byte(decode(md5(concat('part', :seed, e.id)), 'hex'), 0) % 3 AS part
FROM oracle.dataset d
JOIN (SELECT x.dataset, x.user_id, x.started_at,
             lead(x.started_at) OVER (PARTITION BY x.user_id ORDER BY x.started_at) AS next_start
      FROM oracle.raw_trial x) t ON t.dataset = d.dataset
JOIN (SELECT x.*, row_number() OVER () AS id,
             row_number() OVER (PARTITION BY x.user_id, x.event_id ORDER BY x.received_at NULLS FIRST) AS copy
      FROM pql.event x) e
	ON e.user_id = t.user_id
	AND e.occurred_at >= t.started_at
	AND e.occurred_at < COALESCE(t.next_start, 'infinity')
	AND e.occurred_at <= d.as_of
	AND (e.event_id IS NULL OR e.copy = 1)
	AND (d.known_at IS NULL OR e.received_at IS NULL OR e.received_at <= d.known_at);
ALTER TABLE oracle.input SET (parallel_workers = 3);
ANALYZE oracle.input;

-- SELECT tz, user_id, started_at, [part,] evidence, one arm a model.
CREATE FUNCTION oracle.gather_query(ordered text DEFAULT '', part text DEFAULT '') RETURNS text
LANGUAGE sql STABLE
AS $$
	SELECT string_agg(format(
		'(SELECT tz, user_id, started_at, %1$s pql.gather(%2$L::jsonb, occurred_at, event, properties, started_at %3$s) AS evidence'
		' FROM oracle.input WHERE tz = %4$L GROUP BY %1$s tz, user_id, started_at)',
		part, m.document, ordered, m.tz), ' UNION ALL ' ORDER BY m.tz)
	FROM oracle.model m
$$;

CREATE FUNCTION oracle.plan_of(query text) RETURNS SETOF text
LANGUAGE plpgsql VOLATILE
AS $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN (COSTS OFF) ' || query; END $$;

SET LOCAL max_parallel_workers_per_gather = 0;
SELECT 'CREATE TABLE oracle.serial AS ' || oracle.gather_query() \gexec
SELECT 'CREATE TABLE oracle.shuffled AS ' || oracle.gather_query('ORDER BY shuffle') \gexec
SELECT 'CREATE TABLE oracle.backwards AS ' || oracle.gather_query('ORDER BY occurred_at DESC, shuffle') \gexec
SELECT 'CREATE TABLE oracle.piece AS ' || oracle.gather_query('', 'part,') \gexec

SET LOCAL max_parallel_workers_per_gather = 4;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL enable_sort = off;
SELECT is((SELECT count(*)::int FROM oracle.plan_of(oracle.gather_query()) p (line)
           WHERE line ~ 'Partial (Hash|Group|)Aggregate'),
          :zones, 'the parallel plan gathers in workers and combines');
SELECT 'CREATE TABLE oracle.parallel AS ' || oracle.gather_query() \gexec
RESET enable_sort;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;

CREATE FUNCTION oracle.evidence_differs(other regclass) RETURNS SETOF text
LANGUAGE plpgsql STABLE
AS $$
BEGIN
	RETURN QUERY EXECUTE format(
		'SELECT format(''%%s %%s %%s: %%s'', tz, user_id, started_at,
		               CASE WHEN a.evidence IS NULL OR b.evidence IS NULL THEN ''missing'' ELSE ''differs'' END)
		 FROM oracle.serial a FULL JOIN %s b USING (tz, user_id, started_at)
		 WHERE a.evidence IS NULL OR b.evidence IS NULL OR NOT a.evidence = b.evidence
		 ORDER BY 1 LIMIT 20', other);
END
$$;

SELECT isnt_empty('SELECT FROM oracle.serial', 'there is evidence');
SELECT is_empty($$SELECT oracle.evidence_differs('oracle.parallel')$$, 'parallel = serial');
SELECT is_empty($$SELECT oracle.evidence_differs('oracle.shuffled')$$, 'shuffled = serial');
SELECT is_empty($$SELECT oracle.evidence_differs('oracle.backwards')$$, 'last event first = serial');

CREATE TABLE oracle.merged AS
SELECT p.tz, p.user_id, p.started_at, pql.merge(p.evidence) AS evidence
FROM oracle.piece p GROUP BY p.tz, p.user_id, p.started_at;
CREATE TABLE oracle.merged_backwards AS
SELECT p.tz, p.user_id, p.started_at, pql.merge(p.evidence ORDER BY p.part DESC) AS evidence
FROM oracle.piece p GROUP BY p.tz, p.user_id, p.started_at;
SELECT is_empty($$SELECT oracle.evidence_differs('oracle.merged')$$, 'pieces merged = whole');
SELECT is_empty($$SELECT oracle.evidence_differs('oracle.merged_backwards')$$, 'merged in another order = whole');

-- (a || b) || c and c || (b || a), where a trial has no events in some part leaving that part out
CREATE FUNCTION oracle.plus(a pql.evidence, b pql.evidence) RETURNS pql.evidence
LANGUAGE sql STABLE
AS $$ SELECT CASE WHEN a IS NULL THEN b WHEN b IS NULL THEN a ELSE a || b END $$;
CREATE VIEW oracle.in_parts AS
SELECT s.tz, s.user_id, s.started_at, a.evidence AS a, b.evidence AS b, c.evidence AS c
FROM oracle.serial s
LEFT JOIN oracle.piece a ON (a.user_id, a.started_at, a.part) = (s.user_id, s.started_at, 0)
LEFT JOIN oracle.piece b ON (b.user_id, b.started_at, b.part) = (s.user_id, s.started_at, 1)
LEFT JOIN oracle.piece c ON (c.user_id, c.started_at, c.part) = (s.user_id, s.started_at, 2);
CREATE TABLE oracle.added AS
SELECT tz, user_id, started_at, oracle.plus(oracle.plus(a, b), c) AS evidence FROM oracle.in_parts;
CREATE TABLE oracle.added_backwards AS
SELECT tz, user_id, started_at, oracle.plus(c, oracle.plus(b, a)) AS evidence FROM oracle.in_parts;
SELECT is_empty($$SELECT oracle.evidence_differs('oracle.added')$$, '(a || b) || c = whole');
SELECT is_empty($$SELECT oracle.evidence_differs('oracle.added_backwards')$$, 'c || (b || a) = whole');


-- (e) Judging the evidence: now, and later with nothing new ---------------------------------------

-- Planned once for each occasion, with its instants as constants.
CREATE FUNCTION oracle.profiles(model jsonb, as_of timestamptz, known_at timestamptz)
RETURNS TABLE (user_id text, account_id text, started_at timestamptz, profile jsonb)
LANGUAGE plpgsql STABLE
AS $$ BEGIN RETURN QUERY SELECT * FROM pql.profile_of(model, as_of, known_at); END $$;

SELECT oracle.some_at_a_time('oracle.judged', $query$
	SELECT d.dataset, d.tz, d.as_of, d.known_at, m.document AS model, p.user_id, p.started_at, p.profile,
	       s.evidence, oracle.line(v.status, v.score, v.potential, v.tier, v.signals, v.exclusions,
	                               v.qualified_at) AS verdict,
	       v.qualified_at, v.next_change_at
	FROM oracle.dataset d
	JOIN oracle.model m ON m.tz = d.tz
	CROSS JOIN LATERAL oracle.profiles(m.document, d.as_of, d.known_at) p
	LEFT JOIN oracle.serial s ON s.user_id = p.user_id AND s.started_at = p.started_at
	CROSS JOIN LATERAL pql.judge(m.document, s.evidence, p.profile, d.as_of) v
	WHERE d.dataset = ANY ($1) AND p.user_id LIKE d.dataset || '\_%'
$query$) \g /dev/null
ANALYZE oracle.judged;

SELECT is_empty($$
	SELECT format('%s started %s as_of %s:  judge %s next %s  score_all %s next %s', user_id, started_at,
	              COALESCE(j.as_of, f.as_of), j.verdict, j.next_change_at, f.verdict, f.next_change_at)
	FROM oracle.judged j
	FULL JOIN (SELECT *, oracle.line(status, score, potential, tier, signals, exclusions, qualified_at) AS verdict
	           FROM oracle.found WHERE n = 1) f USING (user_id, started_at)
	WHERE (j.verdict, j.next_change_at) IS DISTINCT FROM (f.verdict, f.next_change_at)
	ORDER BY 1 LIMIT 20$$,
	'gather + judge = score_all, next_change_at too');

SELECT is_empty($$
	SELECT format('%s started %s as_of %s: %s', user_id, started_at, as_of, next_change_at)
	FROM oracle.judged WHERE next_change_at <= as_of OR NOT isfinite(next_change_at) ORDER BY 1 LIMIT 20$$,
	'next_change_at lies in the future');
SELECT isnt_empty('SELECT FROM oracle.judged WHERE next_change_at > as_of', 'some verdicts will change by themselves');

-- Every later instant worth asking for; expect_change says what next_change_at promises of it.
CREATE TABLE oracle.later AS
SELECT j.user_id, j.started_at, l.at, l.why, l.expect_change, NULL::text AS verdict,
       NULL::timestamptz AS qualified_at
FROM oracle.judged j
CROSS JOIN LATERAL (
	SELECT j.next_change_at - interval '1 microsecond', 'just before next_change_at', false
	UNION ALL SELECT j.next_change_at, 'at next_change_at', true
	UNION ALL
	SELECT j.as_of + f * (j.next_change_at - j.as_of), 'on the way to next_change_at', false
	FROM unnest(ARRAY[0.07, 0.5, 0.93]) f
	UNION ALL
	SELECT j.as_of + i, 'no next_change_at', false
	FROM unnest('{1 microsecond,1 hour,1 day,2 days,4 days,9 days,20 days,400 days}'::interval[]) i
	WHERE j.next_change_at IS NULL
	UNION ALL
	SELECT j.as_of + i, 'later', NULL
	FROM unnest('{1 microsecond,5 hours,1 day,3 days,12 days,60 days}'::interval[]) i
) l (at, why, expect_change)
WHERE l.at >= j.as_of
  AND NOT (l.why LIKE 'on the way%' AND l.at >= j.next_change_at);      -- a microsecond has no middle

UPDATE oracle.later l
SET verdict = v.verdict, qualified_at = v.qualified_at
FROM (SELECT j.user_id, j.started_at, x.at,
             oracle.line(v.status, v.score, v.potential, v.tier, v.signals, v.exclusions,
                         v.qualified_at) AS verdict,
             v.qualified_at
      FROM oracle.judged j
      JOIN (SELECT DISTINCT user_id, started_at, at FROM oracle.later) x USING (user_id, started_at)
      CROSS JOIN LATERAL pql.judge(j.model, j.evidence, j.profile, x.at) v) v
WHERE (v.user_id, v.started_at, v.at) = (l.user_id, l.started_at, l.at);

CREATE VIEW oracle.broken_promise AS
SELECT j.user_id, j.started_at, l.why, l.expect_change,
       format('%s (%s) started %s as_of %s: %s next_change_at %s  at %s (%s): %s', j.user_id, j.tz,
              j.started_at, j.as_of, j.verdict, j.next_change_at, l.at, l.why, l.verdict) AS what
FROM oracle.judged j
JOIN oracle.later l USING (user_id, started_at)
WHERE l.expect_change <> (l.verdict IS DISTINCT FROM j.verdict);

SELECT is_empty($$SELECT what FROM oracle.broken_promise WHERE NOT expect_change AND why LIKE 'just%' ORDER BY 1 LIMIT 20$$,
                'a microsecond before next_change_at the verdict is still the same');
SELECT is_empty($$SELECT what FROM oracle.broken_promise WHERE expect_change ORDER BY 1 LIMIT 20$$,
                'at next_change_at it is another');
SELECT is_empty($$SELECT what FROM oracle.broken_promise WHERE why LIKE 'on the way%' ORDER BY 1 LIMIT 20$$,
                'on the way there it is the same');
SELECT is_empty($$SELECT what FROM oracle.broken_promise WHERE why LIKE 'no next%' ORDER BY 1 LIMIT 20$$,
                'without next_change_at it stays the same');


-- (f) qualified_at does not move -----------------------------------------------------------------

SELECT is_empty($$
	SELECT format('%s (%s) started %s: qualified_at %s as of %s, %s as of %s', j.user_id, j.tz, j.started_at,
	              j.qualified_at, j.as_of, l.qualified_at, l.at)
	FROM oracle.judged j
	JOIN oracle.later l USING (user_id, started_at)
	WHERE l.qualified_at IS DISTINCT FROM j.qualified_at
	ORDER BY 1 LIMIT 20$$,
	'with nothing new, qualified_at stays what it is');

-- With everything that came later as well: nothing that was known is revised, nothing later leaks back.
SELECT oracle.some_at_a_time('oracle.hindsight', $query$
	SELECT d.dataset, d.tz, d.as_of, a.user_id, a.started_at, a.qualified_at AS seen, b.qualified_at AS recalled
	FROM oracle.dataset d
	JOIN oracle.model m ON m.tz = d.tz
	CROSS JOIN LATERAL pql.score_all(m.name, d.as_of) a
	JOIN LATERAL pql.score_all(m.name, d.as_of + interval '6 days') b
		ON b.user_id = a.user_id AND b.started_at = a.started_at
	WHERE d.dataset = ANY ($1) AND a.user_id LIKE d.dataset || '\_%'
$query$) \g /dev/null
SELECT is_empty($$
	SELECT format('%s (%s) started %s: qualified_at %s as of %s, %s six days later', user_id, tz, started_at,
	              seen, as_of, recalled)
	FROM oracle.hindsight
	WHERE seen IS DISTINCT FROM CASE WHEN recalled <= as_of THEN recalled END
	ORDER BY 1 LIMIT 20$$,
	'looking back, qualified_at is what it was');
SELECT isnt_empty('SELECT FROM oracle.hindsight WHERE seen IS NULL AND recalled > as_of',
                  'some qualified in those six days');


-- (g) Judged later with nothing new = the oracle, if nothing had happened after as_of --------------
-- Last, because it takes the future away from the tables.

ALTER TABLE pql.person DISABLE TRIGGER USER;
ALTER TABLE pql.account DISABLE TRIGGER USER;
ALTER TABLE pql.fact DISABLE TRIGGER USER;

DELETE FROM pql.event e USING oracle.dataset d
WHERE split_part(e.user_id, '_', 1) = d.dataset AND e.occurred_at > d.as_of;
DELETE FROM pql.trial t USING oracle.dataset d
WHERE split_part(t.user_id, '_', 1) = d.dataset AND t.started_at > d.as_of;
UPDATE pql.trial t SET converted_at = NULL FROM oracle.dataset d
WHERE split_part(t.user_id, '_', 1) = d.dataset AND t.converted_at > d.as_of;
UPDATE pql.person p
SET opted_out_at = CASE WHEN p.opted_out_at <= d.as_of THEN p.opted_out_at END,
    suppressed_at = CASE WHEN p.suppressed_at <= d.as_of THEN p.suppressed_at END
FROM oracle.dataset d
WHERE split_part(p.user_id, '_', 1) = d.dataset;
-- A history keeps one line, never reached, so that it stays a history: what it had not said is unknown.
DELETE FROM pql.fact f USING oracle.dataset d
WHERE split_part(f.subject, '_', 1) = d.dataset AND f.recorded_at > d.as_of
  AND EXISTS (SELECT FROM pql.fact g
              WHERE g.subject = f.subject AND g.name = f.name AND g.recorded_at > f.recorded_at);
UPDATE pql.fact f SET recorded_at = 'infinity' FROM oracle.dataset d
WHERE split_part(f.subject, '_', 1) = d.dataset AND f.recorded_at > d.as_of;

-- A few instants a data set: fixed distances, and next_change_at of two of its trials.
CREATE TABLE oracle.asked AS
SELECT j.dataset, l.at
FROM (SELECT dataset, user_id, started_at,
             dense_rank() OVER (PARTITION BY dataset ORDER BY md5(user_id || next_change_at)) AS lot
      FROM oracle.judged WHERE next_change_at IS NOT NULL) j
JOIN oracle.later l USING (user_id, started_at)
WHERE j.lot <= 2 AND l.why LIKE '%next_change_at'
UNION
SELECT d.dataset, d.as_of + i
FROM oracle.dataset d, unnest('{1 microsecond,5 hours,1 day,3 days,12 days}'::interval[]) i;

CREATE TABLE oracle.frozen AS
SELECT q.dataset, q.at, t.user_id, t.started_at,
       oracle.line(t.status, t.score, t.potential, t.tier, t.signals, t.exclusions, t.qualified_at) AS verdict
FROM oracle.asked q
JOIN oracle.dataset d USING (dataset)
CROSS JOIN LATERAL oracle.trial(q.at, d.known_at, d.tz, d.dataset || '\_%') t;

CREATE TABLE oracle.frozen_judged AS
SELECT q.dataset, q.at, j.user_id, j.started_at, j.tz, j.as_of,
       oracle.line(v.status, v.score, v.potential, v.tier, v.signals, v.exclusions, v.qualified_at) AS verdict
FROM oracle.asked q
JOIN oracle.judged j USING (dataset)
CROSS JOIN LATERAL pql.judge(j.model, j.evidence, j.profile, q.at) v;

SELECT is_empty($$
	SELECT format('%s (%s) started %s, known as of %s, judged at %s:  oracle %s  pql %s', user_id, j.tz,
	              started_at, j.as_of, at, o.verdict, j.verdict)
	FROM oracle.frozen o
	FULL JOIN oracle.frozen_judged j USING (dataset, at, user_id, started_at)
	WHERE o.verdict IS DISTINCT FROM j.verdict
	ORDER BY 1 LIMIT 20$$,
	'judged later with nothing new = the oracle over inputs that end at as_of');

SELECT * FROM finish();
ROLLBACK;
