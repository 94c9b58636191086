-- Title: Where all numbers stand
-- Shows: Each metric of the latest complete week that has a number, and how it stands to its target.
--        inconclusive: the 95 % interval holds the level it is judged by.
-- Chart: table; y: dashboard, metric, week, value, low, high, target, status

SELECT DISTINCT ON (m.dashboard, m.position) m.dashboard, d.title AS metric, d.period AS week, d.value, d.low, d.high,
	d.target, d.status
FROM (
	SELECT 'pipeline' AS dashboard, p.* FROM pql.dashboard_pipeline p
	UNION ALL SELECT 'conversion', c.* FROM pql.dashboard_conversion c
	UNION ALL SELECT 'guardrails', g.* FROM pql.dashboard_guardrails g
) d
JOIN pql.metric m ON m.dashboard = d.dashboard AND m.metric = d.metric
WHERE d.grain = 'week' AND d.complete AND d.value IS NOT NULL
	AND coalesce(m.target, m.target_high, m.minimum, m.breach) IS NOT NULL
ORDER BY m.dashboard, m.position, d.period DESC;
