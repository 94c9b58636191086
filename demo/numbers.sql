-- What the four weeks of demo/pilot.sql were worth, in the numbers of the dashboards. Meant to be read as it runs, after demo/life.sql in the same database.

\ir settings.sql

-- Three weeks pass in which nobody does anything, until the last of the pilot's trials is mature; what was paid for in them is loaded.
SELECT d.decidable_on + 1 AS later FROM pql.pilot_decision('october') d \gset
SELECT FROM pilot.load('2026-11-02', :'later') \g /dev/null
CALL pql.refresh(:'later');

\echo
\echo '=== 8. What it was worth'
\echo
\echo 'pql.dashboard_pipeline and pql.dashboard_conversion, by week (as of' :later'):'
\echo
SELECT w.metric, max(w.title) AS what,
	max(w.shown) FILTER (WHERE w.period = '2026-10-05') AS "5 October", max(w.shown) FILTER (WHERE w.period = '2026-10-12') AS "12 October",
	max(w.shown) FILTER (WHERE w.period = '2026-10-19') AS "19 October", max(w.shown) FILTER (WHERE w.period = '2026-10-26') AS "26 October", max(w.aim) AS "aimed at"
FROM (
	SELECT d.n, d.metric, d.title, d.period,
		coalesce(CASE d.unit WHEN 'rate' THEN to_char(100 * d.value, 'FM990') || ' %' ELSE to_char(d.value, 'FM999,990.##') END, '–') || CASE WHEN d.status IN ('warn', 'breach', 'inconclusive') THEN ' ' || d.status ELSE '' END AS shown,
		CASE d.unit WHEN 'rate' THEN to_char(100 * d.target, 'FM990') || ' %' ELSE concat_ws('–', d.target, d.target_high) END AS aim
	FROM (SELECT 1 AS board, row_number() OVER () AS n, p.* FROM pql.dashboard_pipeline_at(:'later') p
		UNION ALL SELECT 2, 10000 + row_number() OVER (), c.* FROM pql.dashboard_conversion_at(:'later') c) d
	WHERE d.grain = 'week' AND d.metric IN ('triggered', 'routed', 'control', 'acceptance_rate', 'sla_compliance', 'trials', 'trial_to_paid', 'routed_conversion', 'control_conversion', 'meeting_rate', 'reply_rate')
) w
WHERE w.period BETWEEN '2026-10-05' AND '2026-10-26'
GROUP BY w.metric
ORDER BY min(w.n);

\echo 'The pilot''s scorecard:'
\echo
SELECT s.title AS metric, coalesce(pql.metric_words(s.value, s.unit), '–') AS value, CASE WHEN s.low IS NOT NULL THEN format('%s to %s', pql.metric_words(s.low, s.unit), pql.metric_words(s.high, s.unit)) END AS "95 % interval",
	concat_ws('–', pql.metric_words(s.target, s.unit), pql.metric_words(s.target_high, s.unit)) AS target, pql.metric_words(s.minimum, s.unit) AS minimum, s.status
FROM pql.pilot_scorecard('october', :'later') s;

\echo 'What to do, as pql.pilot_decision has it:'
\echo
SELECT d.decision, d.reason, d.decidable_on, d.leads_needed, d.details FROM pql.pilot_decision('october', :'later') d \gx
\echo 'make report draws all of it.'
