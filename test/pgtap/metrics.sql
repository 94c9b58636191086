-- What dashboards are made of: intervals, tallies, local dates, levels.
--
--   pg_prove -d DB test/pgtap/metrics.sql

BEGIN;
\ir lib/transaction.sql

-- ---- intervals ----

-- R. G. Newcombe, Statistics in Medicine 17 (1998), 857-872, table I, and 873-890, table II, method 10
SELECT is((SELECT ROW(round(w.low::numeric, 4), round(w.high::numeric, 4))::text FROM pql.wilson(v.x, v.n) w), v.says, format('Wilson of %s in %s', v.x, v.n))
FROM (VALUES (81, 263, '(0.2553,0.3662)'), (15, 148, '(0.0624,0.1605)'), (0, 20, '(0.0000,0.1611)'), (1, 29, '(0.0061,0.1718)')) v (x, n, says);
SELECT is((SELECT ROW(round(d.difference::numeric, 4), round(d.low::numeric, 4), round(d.high::numeric, 4))::text FROM pql.rate_difference(v.a, v.m, v.b, v.n) d), v.says, format('Newcombe of %s in %s less %s in %s', v.a, v.m, v.b, v.n))
FROM (VALUES (56, 70, 48, 80, '(0.2000,0.0524,0.3339)'), (9, 10, 3, 10, '(0.6000,0.1705,0.8090)'), (6, 7, 2, 7, '(0.5714,0.0582,0.8062)'), (5, 56, 0, 29, '(0.0893,-0.0381,0.1926)'), (0, 10, 0, 20, '(0.0000,-0.1611,0.2775)'),
	(10, 10, 0, 20, '(1.0000,0.6791,1.0000)')) v (a, m, b, n, says);
-- the bounds are where the score test is at its limit
SELECT is_empty($$SELECT x, n, w.low, w.high FROM generate_series(1, 60) n, generate_series(0, 60) x CROSS JOIN LATERAL pql.wilson(x, n) w
	WHERE x <= n AND (w.low > 0 AND abs(abs(x::float8 / n - w.low) - 1.959963984540054 * sqrt(w.low * (1 - w.low) / n)) > 1e-12 OR w.high < 1 AND abs(abs(x::float8 / n - w.high) - 1.959963984540054 * sqrt(w.high * (1 - w.high) / n)) > 1e-12)$$, 'Wilson''s bounds solve the score equation');
SELECT is_empty($$SELECT v.x, v.n FROM (VALUES (0::float8, 0::float8), (NULL, 5), (5, NULL), (6, 5), (-1, 5), (1, -1), ('NaN', 5)) v (x, n) CROSS JOIN LATERAL pql.wilson(v.x, v.n) w$$, 'what is no rate has no interval');
SELECT is_empty($$SELECT FROM pql.rate_difference(1, 5, 0, 0)$$, 'nor has a difference from nothing');
-- Student, Biometrika 6 (1908), the hours of sleep gained with two drugs: in R, t.test(extra ~ group, sleep, var.equal = TRUE)$stderr is 0.849091
SELECT is((SELECT ROW(round(d.difference::numeric, 6), round(d.low::numeric, 6), round(d.high::numeric, 6))::text FROM pql.mean_difference(7.5, 34.43, 10, 23.3, 90.37, 10) d), format('(-1.580000,%s,%s)', round(-1.58 - 1.959964 * 0.849091, 6), round(-1.58 + 1.959964 * 0.849091, 6)), 'a difference of means');
SELECT is((SELECT ROW(d.*)::text FROM pql.mean_difference(NULL, NULL, 4, NULL, NULL, 1) d), '(0,0,0)', 'NULL is that nothing was paid');
SELECT is_empty($$SELECT d FROM (VALUES (1, 1), (0, 5), (5, NULL)) v (m, n) CROSS JOIN LATERAL pql.mean_difference(10, 100, v.m, 0, 0, v.n) d$$, 'one and one tell nothing of how far they scatter');

-- ---- the first day ----

SELECT is(pql.shown_from(v.day, '2026-03-01'), v.says, coalesce(v.day::text, 'none')) FROM (VALUES ('2026-02-01'::date, '2026-02-01'::date), ('1999-01-01', '2021-02-28'), (NULL, NULL)) v (day, says);

-- ---- statuses ----

SELECT is(pql.metric_status(v.direction, v.value, v.low, v.high, v.target, v.target_high, v.minimum, v.breach, v.complete), v.says, v.says || ': ' || v.why)
FROM (VALUES
	('higher', NULL::float8, NULL::float8, NULL::float8, 0.5::float8, NULL::float8, 0.4::float8, 0.3::float8, true, 'no_data', 'nothing was counted'),
	('none', 0.1, NULL, NULL, NULL, NULL, NULL, NULL, true, 'ok', 'nothing is aimed at'),
	('higher', 0.6, 0.5, 0.7, 0.5, NULL, 0.4, 0.3, true, 'ok', 'the target is reached'), ('higher', 0.6, 0.35, 0.8, 0.5, NULL, 0.4, 0.3, true, 'inconclusive', 'the interval holds the minimum'),
	('higher', 0.45, 0.41, 0.5, 0.5, NULL, 0.4, 0.3, true, 'warn', 'only the minimum is'), ('higher', 0.35, 0.31, 0.39, 0.5, NULL, 0.4, 0.3, true, 'warn', 'not even that, but no breach'), ('higher', 0.2, 0.1, 0.3, 0.5, NULL, 0.4, 0.3, true, 'breach', 'below it'),
	('higher', 0.1, 0.05, 0.11, 0.15, NULL, 0.12, NULL, true, 'breach', 'where there is no level, the minimum is it'), ('higher', 0.05, 0.01, 0.14, 0.12, NULL, NULL, NULL, true, 'inconclusive', 'where there is no minimum, the target is'),
	('lower', 0.01, 0.001, 0.015, 0.02, NULL, 0.05, 0.05, true, 'ok', 'below what is aimed at'), ('lower', 0.03, 0.021, 0.04, 0.02, NULL, 0.05, 0.05, true, 'warn', 'above it'), ('lower', 0.2, 0.1, 0.3, 0.02, NULL, 0.05, 0.05, true, 'breach', 'above the level'),
	('lower', 2, NULL, NULL, 2, NULL, NULL, NULL, true, 'warn', 'below 2 is not 2'), ('lower', 0, NULL, NULL, 0, NULL, NULL, NULL, true, 'ok', 'nothing is not more than nothing'), ('lower', 11, NULL, NULL, NULL, NULL, NULL, 10, true, 'breach', 'there is but this level'),
	('lower', 9, NULL, NULL, NULL, NULL, NULL, 10, true, 'ok', 'and it is not reached'),
	('range', 5, NULL, NULL, 3, 8, NULL, NULL, true, 'ok', 'within'), ('range', 2, NULL, NULL, 3, 8, NULL, NULL, true, 'warn', 'below'), ('range', 9, NULL, NULL, 3, 8, NULL, NULL, true, 'warn', 'above'),
	('range', 2, NULL, NULL, 3, 8, NULL, NULL, false, 'inconclusive', 'below, and it may grow'), ('range', 0.1, 0.05, 0.35, 0.3, 0.5, NULL, NULL, true, 'inconclusive', 'the interval reaches into it')
) v (direction, value, low, high, target, target_high, minimum, breach, complete, says, why);

-- ---- levels of one's own ----

SELECT is((SELECT ROW(target, minimum, breach)::text FROM pql.metric WHERE metric = 'acceptance_rate' AND dashboard = 'pipeline'), '(0.5,0.4,0.3)', 'as shipped');
INSERT INTO pql.metric_level (metric, target, minimum) VALUES ('acceptance_rate', 0.6, 0.5);
SELECT is((SELECT string_agg(DISTINCT ROW(target, minimum, breach)::text, '') FROM pql.metric WHERE metric = 'acceptance_rate'), '(0.6,0.5,)', 'one''s own replace them, wherever it is shown');
SELECT is_empty($$SELECT m.metric, count(DISTINCT (m.target, m.target_high, m.minimum, m.breach, m.direction, m.unit)) FROM pql.metric m WHERE m.dashboard <> 'funnel' GROUP BY 1 HAVING count(DISTINCT (m.target, m.target_high, m.minimum, m.breach, m.direction, m.unit)) > 1$$, 'a metric is judged alike on all dashboards');
SELECT is_empty($$SELECT metric FROM pql.metric WHERE '' IN (title, definition, formula, section) OR (direction = 'none') <> (coalesce(target, target_high, minimum, breach) IS NULL) AND metric NOT IN ('first_touch_hours', 'first_touch_hours_median')$$, 'every metric is told in words, and has levels if it is judged');

-- ---- days ----

SELECT is_empty($$SELECT z, t FROM unnest(ARRAY['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Pacific/Chatham', 'Australia/Lord_Howe', 'Africa/Casablanca']) z,
	generate_series('2024-12-30'::timestamptz, '2027-01-03', '5 hours 17 minutes') t WHERE pql.local_date(t, z) IS DISTINCT FROM (t AT TIME ZONE z)::date$$, 'local dates are PostgreSQL''s');
SELECT is_empty($$SELECT t FROM unnest('{0001-01-01 00:00Z,0044-03-15 12:00Z BC,1899-12-31 23:59:59Z,1970-01-01 00:00Z,2200-07-01 00:00Z,9999-12-31 23:00Z,infinity,-infinity}'::timestamptz[]) t WHERE pql.local_date(t, 'Europe/Berlin') IS DISTINCT FROM (t AT TIME ZONE 'Europe/Berlin')::date$$, 'long ago, far ahead, and at no time');
SELECT is(pql.local_date(NULL, 'UTC'), NULL, 'NULL has none');
SELECT matches(t.error($$SELECT pql.local_date(now(), 'Mars/Olympus')$$), '^22023 . "Mars/Olympus" is no timezone', 'nor has a place that there is not');
SELECT is(array_agg(pql.local_date('2026-03-01 23:30Z', z) ORDER BY n), '{2026-03-01,2026-03-02,2026-03-01}', 'of two timezones in turn') FROM unnest(ARRAY['UTC', 'Europe/Berlin', 'UTC']) WITH ORDINALITY u (z, n);
SELECT is_empty($$SELECT d FROM generate_series('1999-12-20'::timestamp, '2002-01-20', '1 day') g CROSS JOIN LATERAL (SELECT g::date AS d) x
	WHERE pql.period_of('week', d) <> date_trunc('week', d)::date OR pql.period_of('month', d) <> date_trunc('month', d)::date OR pql.is_weekday(d) <> (extract(isodow FROM d) < 6) OR pql.last_day_of('month', pql.period_of('month', d)) < d OR pql.last_day_of('week', pql.period_of('week', d)) <> date_trunc('week', d)::date + 6$$, 'weeks, months and weekdays are PostgreSQL''s');
SELECT is(pql.days_between('2026-03-01', '2026-03-02 12:00'), 1.5::float8, 'days of 24 hours');
SELECT is(pql.days_between('2026-03-01', 'infinity'), NULL, 'to no time there are none');

-- ---- tallies ----

SELECT setseed(0.25);
CREATE TEMP TABLE seen AS SELECT CASE WHEN random() < 0.02 THEN NULL ELSE '2025-12-20'::date + (60 * random())::int END AS day, CASE WHEN random() < 0.1 THEN NULL ELSE round((100 * random())::numeric, 1)::float8 END AS amount FROM generate_series(1, 30000) g;
CREATE FUNCTION t.tallied() RETURNS SETOF text LANGUAGE sql STABLE AS $$
	WITH a AS (SELECT pql.tally(s.day, 1, '2026-01-01', '2026-01-31') AS n, pql.tally(s.day, s.amount, '2026-01-01', '2026-01-31') AS sum, pql.tally_median(s.day, s.amount, '2026-01-01', '2026-01-31') AS median FROM seen s),
	got AS (SELECT '2025-12-30'::date + u.i::int AS day, u.n, u.sum, u.median FROM a CROSS JOIN LATERAL unnest(a.n, a.sum, a.median) WITH ORDINALITY u (n, sum, median, i)),
	want AS (SELECT greatest(s.day, '2025-12-31') AS day, count(*)::float8 AS n, sum(s.amount) AS sum, CASE WHEN min(s.day) >= '2026-01-01' THEN percentile_cont(0.5) WITHIN GROUP (ORDER BY s.amount) END AS median FROM seen s WHERE s.day <= '2026-01-31' GROUP BY 1)
	SELECT ROW(g, w)::text FROM got g FULL JOIN want w ON w.day = g.day WHERE (g.n, round(g.sum::numeric, 6), g.median) IS DISTINCT FROM (w.n, round(w.sum::numeric, 6), w.median) $$;
SELECT is_empty('SELECT t.tallied()', 'a tally is GROUP BY, and its medians percentile_cont');
SELECT matches(t.error($$SELECT pql.tally('2026-01-01', 1, '2026-01-01', NULL)$$), '^22023 . the days to be tallied are not known, or too many', 'without an end');
SELECT matches(t.error($$SELECT pql.tally('2026-01-01', 1, '0001-01-01', '2026-01-01')$$), '^22023 . .* Give a first and a last day, at most 100000 days later', 'too many days');
SELECT is((SELECT pql.tally(day, 1, '2026-01-01', '2026-01-02') FROM seen WHERE false), NULL, 'of nothing there is none');
SELECT is((SELECT pql.tally(d, a, '2026-01-01', '2026-01-02') FROM (VALUES ('2026-01-01'::date, 1::float8), ('2026-01-02', NULL), (NULL, 5), ('2026-01-03', 7), ('infinity', 9), ('-infinity', 2), ('2025-01-01', 4)) v (d, a)), '{6,1,0}', 'what is before is in the first place, what is after in none');

SELECT * FROM finish();
ROLLBACK;
