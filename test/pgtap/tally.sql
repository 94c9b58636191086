-- Tallies and funnels by several processes: what one gives.
--
--   pg_prove -d DB test/pgtap/tally.sql

-- one that other processes can read
CREATE TABLE public.pql_tally_test AS
SELECT '2025-12-20'::date + n % 60 AS day, (n * 7919 % 1000) / 10.0::float8 AS amount, pql.period_of('week', '2025-12-20'::date + n % 60) AS week, '2025-12-20'::timestamptz + n % 60 * interval '1 day' AS started_at, n FROM generate_series(1, 60000) n;
ANALYZE public.pql_tally_test;
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT * FROM no_plan();
CREATE FUNCTION pg_temp.numbers(OUT n float8[], OUT sum float8[], OUT median float8[], OUT funnel float8[]) LANGUAGE sql STABLE AS $$
	SELECT pql.tally(x.day, 1, '2026-01-01', '2026-01-31'), pql.tally(x.day, x.amount, '2026-01-01', '2026-01-31'), pql.tally_median(x.day, x.amount, '2026-01-01', '2026-01-31'),
		pql.funnel_of(x.week, x.n % 5 > 0, x.started_at, CASE WHEN x.n % 3 = 0 THEN x.started_at + x.n % 100 * interval '1 hour' END, CASE WHEN x.n % 7 = 0 THEN x.started_at + interval '3 days' END, NULL, NULL, NULL,
			CASE WHEN x.n % 11 = 0 THEN x.started_at + x.n % 90 * interval '1 day' END, '2025-12-15', '2026-02-16', '2026-02-20')
	FROM public.pql_tally_test x $$;
CREATE TEMP TABLE alone AS SELECT * FROM pg_temp.numbers();
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 3;
CREATE FUNCTION pg_temp.plan() RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN SELECT pql.tally(x.day, 1, ''2026-01-01'', ''2026-01-31''), pql.tally_median(x.day, x.amount, ''2026-01-01'', ''2026-01-31'') FROM public.pql_tally_test x'; END $$;
SELECT isnt((SELECT count(*) FROM pg_temp.plan() p WHERE p LIKE '%Partial Aggregate%'), 0::bigint, 'several processes tally');
SELECT results_eq('SELECT n, median, funnel FROM pg_temp.numbers()', 'SELECT n, median, funnel FROM alone', 'and give what one does');
SELECT is((SELECT max(abs(a - b)) < 1e-6 FROM pg_temp.numbers() s, alone l, unnest(s.sum, l.sum) u (a, b)), true, 'sums but for the last digits');
-- the funnel by hand: 2025-12-22 is a Monday; of its week 7 days of 1,000 each, a fifth is open
SELECT is((SELECT ROW(funnel[2][1], funnel[2][2])::text FROM alone), (SELECT ROW(count(*) FILTER (WHERE n % 5 = 0)::float8, count(*) FILTER (WHERE n % 5 > 0)::float8)::text FROM public.pql_tally_test WHERE week = '2025-12-22'), 'the open and the mature of a week');
SELECT results_eq($$SELECT funnel[i][3], round(funnel[i][4]::numeric, 6), funnel[i][5], funnel[i][18] FROM alone, generate_series(1, 9) i$$,
	$$SELECT count(*) FILTER (WHERE n % 3 = 0)::float8, round(coalesce(sum(n % 100) FILTER (WHERE n % 3 = 0) / 24.0, 0)::numeric, 6), percentile_cont(0.5) WITHIN GROUP (ORDER BY n % 100 / 24.0::float8) FILTER (WHERE n % 3 = 0),
		count(*) FILTER (WHERE n % 11 = 0 AND started_at + n % 90 * interval '1 day' <= '2026-02-20')::float8 FROM public.pql_tally_test WHERE n % 5 > 0 AND week BETWEEN '2025-12-15' AND '2026-02-09' GROUP BY week ORDER BY week$$, 'stages are GROUP BY as well, up to as_of');
SELECT * FROM finish();
ROLLBACK;
DROP TABLE public.pql_tally_test;
