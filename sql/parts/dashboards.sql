-- Dashboards: the numbers of pql.metric by period, as of any instant.
--
--     pql.outcomes_at (leads), pql.score (trials), surveys, deals → …_counts (numerators and denominators) → pql.graded → views
--
-- Nothing is kept beside the leads and the scores themselves, so that nothing can be stale.

CREATE TYPE pql.dashboard_row AS (
	grain text, period date, metric text, value float8, numerator float8, denominator float8, target float8, status text,
	low float8, high float8, target_high float8, minimum float8, breach float8, complete boolean, member text, title text, unit text
);
COMMENT ON TYPE pql.dashboard_row IS 'A metric of a period. low, high: the 95 % interval. complete: the period was over. member: the tier, rep … of a dashboard that is split.';

CREATE FUNCTION pql.graded(counted pql.counted, of_metric pql.metric, today date) RETURNS SETOF pql.dashboard_row
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
	SELECT (counted).grain, (counted).period, (counted).metric, r.value, (counted).numerator, (counted).denominator, r.target,
		pql.metric_status((of_metric).direction, r.value, r.low, r.high, r.target, r.target_high, (of_metric).minimum, (of_metric).breach, r.complete),
		r.low, r.high, r.target_high, (of_metric).minimum, (of_metric).breach, r.complete, nullif((counted).member, ''), (of_metric).title, (of_metric).unit
	FROM (
		SELECT coalesce((counted).value, CASE WHEN (counted).denominator IS NOT NULL THEN (counted).numerator / nullif((counted).denominator, 0)
				WHEN (of_metric).unit IN ('count', 'money', 'minutes') THEN (counted).numerator END) AS value,
			CASE WHEN (of_metric).unit = 'rate' THEN w.low ELSE (counted).low END AS low, CASE WHEN (of_metric).unit = 'rate' THEN w.high ELSE (counted).high END AS high,
			coalesce((counted).target, (of_metric).target * (counted).scale) AS target, (of_metric).target_high * (counted).scale AS target_high, (counted).last_day < today AS complete
		FROM (SELECT) one
		LEFT JOIN LATERAL pql.wilson((counted).numerator, CASE WHEN (of_metric).unit = 'rate' THEN (counted).denominator END) w ON true) r;
END;
COMMENT ON FUNCTION pql.graded(pql.counted, pql.metric, date) IS 'A metric as it was counted, judged by its levels.';

CREATE FUNCTION pql.dashboard_at(name text, as_of timestamptz, by text, known_at timestamptz) RETURNS SETOF pql.dashboard_row
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
	RETURN QUERY EXECUTE format($q$
		SELECT g.*
		FROM pql.reporting() r
		CROSS JOIN pql.%I($2, $3, $4) c
		JOIN pql.metric m ON m.dashboard = $1 AND m.metric = c.metric
		CROSS JOIN LATERAL pql.graded(c, m, pql.local_date($2, r.timezone)) g
		ORDER BY g.grain, g.period, m.position, g.member$q$, name || '_counts') USING name, pql.check_instant(as_of), by, known_at;
END
$$;
COMMENT ON FUNCTION pql.dashboard_at(text, timestamptz, text, timestamptz) IS 'What a dashboard''s function of counts has found, judged and in the order of the catalogue.';
