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

CREATE FUNCTION pql.held_again(as_of timestamptz, known_at timestamptz, by text) RETURNS TABLE (member text, occurred_at timestamptz, held int, unclaimed int)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT pql.member_of(by, l.tier, l.rep, l.segment, l.model, l.channel, l.template), c.occurred_at, c.held - lag(c.held, 1, 0) OVER w, c.unclaimed - lag(c.unclaimed, 1, 0) OVER w
	FROM (
		SELECT n.*, bool_or(n.event IN ('pql_released', 'lead_reopened') OR n.met AND n.event_id > n.ended_id) OVER (PARTITION BY n.lead_id) AS returned,
			(n.event IN ('pql_routed', 'pql_claimed', 'outreach_sent', 'meeting_booked') OR n.met)::int AS held, (n.event = 'pql_routed' AND n.taken = 0)::int AS unclaimed
		FROM (
			SELECT x.user_id, x.lead_id, x.event_id, x.event, x.occurred_at, x.details ->> 'disposition' IS NOT DISTINCT FROM 'meeting_set' AS met,
				min(x.event_id) FILTER (WHERE x.event IN ('lead_closed', 'pql_not_routed') OR x.details ->> 'disposition' <> 'meeting_set') OVER (PARTITION BY x.lead_id) AS ended_id,
				count(*) FILTER (WHERE x.event IN ('pql_claimed', 'outreach_sent')) OVER (PARTITION BY x.lead_id ORDER BY x.event_id) AS taken
			FROM pql.lead o JOIN pql.lead_event x ON x.user_id = o.user_id AND x.lead_id = o.lead_id
			WHERE o.returned_at <= as_of AND o.model = ANY (pql.pipeline_models()) AND x.occurred_at <= as_of AND (known_at IS NULL OR x.recorded_at <= known_at)
				AND (x.event IN ('pql_routed', 'pql_claimed', 'outreach_sent', 'meeting_booked', 'pql_released', 'lead_closed', 'pql_dispositioned', 'lead_reopened') OR x.event = 'pql_not_routed' AND x.details ->> 'state' = 'closed')) n) c
	JOIN pql.lead l ON l.user_id = c.user_id AND l.lead_id = c.lead_id
	WHERE c.returned
	WINDOW w AS (PARTITION BY c.lead_id ORDER BY c.event_id);
END;
COMMENT ON FUNCTION pql.held_again(timestamptz, timestamptz, text) IS 'Of leads that came back (returned_at): when a rep had them (held) and when nobody had claimed them (unclaimed), by each event the change. Of all others outcomes tell.';
