-- The pipeline: leads, and what becomes of them, by day and week.

CREATE FUNCTION pql.pipeline_tallies(as_of timestamptz, by text, known_at timestamptz, zone text, first_day date, today date, models text[])
RETURNS TABLE (member text, triggered float8[], routed float8[], queued float8[], control float8[], paused float8[], not_routed float8[], disposed float8[], accepted float8[], wide float8[], due float8[], in_time float8[], trigger_due float8[], in_time_of_trigger float8[], contacted float8[], hours float8[], median float8[], week_median float8[], queued_in float8[], queued_out float8[], unclaimed_in float8[], unclaimed_out float8[])
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
	RETURN QUERY EXECUTE format($q$
		SELECT l.member,
			pql.tally(l.triggered_on, 1, $5, $6) FILTER (WHERE NOT l.backfilled) AS triggered,
			pql.tally(l.triggered_on, 1, $5, $6) FILTER (WHERE NOT l.backfilled AND l.standing = 'routed') AS routed,
			pql.tally(l.triggered_on, 1, $5, $6) FILTER (WHERE NOT l.backfilled AND l.standing = 'queued') AS queued,
			pql.tally(l.triggered_on, 1, $5, $6) FILTER (WHERE NOT l.backfilled AND l.standing = 'control') AS control,
			pql.tally(l.triggered_on, 1, $5, $6) FILTER (WHERE NOT l.backfilled AND l.standing = 'paused') AS paused,
			pql.tally(l.triggered_on, 1, $5, $6) FILTER (WHERE NOT l.backfilled AND l.standing = 'not_routed') AS not_routed,
			pql.tally(l.disposed_on, 1, $5, $6) AS disposed,
			pql.tally(l.disposed_on, 1, $5, $6) FILTER (WHERE l.accepted_at IS NOT NULL) AS accepted,
			pql.tally(l.disposed_on, 1, $5, $6) FILTER (WHERE coalesce(l.accepted_at, l.engaged_at) IS NOT NULL) AS wide,
			pql.tally(l.due_on, 1, $5, $6) AS due, pql.tally(l.due_on, 1, $5, $6) FILTER (WHERE l.contacted_at <= l.sla_due_at) AS in_time,
			pql.tally(l.trigger_due_on, 1, $5, $6) AS trigger_due, pql.tally(l.trigger_due_on, 1, $5, $6) FILTER (WHERE l.contacted_at <= l.trigger_due_at) AS in_time_of_trigger,
			pql.tally(l.contacted_on, 1, $5, $6) FILTER (WHERE l.contact_hours IS NOT NULL) AS contacted, pql.tally(l.contacted_on, l.contact_hours, $5, $6) AS hours,
			pql.tally_median(l.contacted_on, l.contact_hours, $5, $6) AS median, pql.tally_median(pql.period_of('week', l.contacted_on), l.contact_hours, $5, $6) AS week_median,
			pql.tally(pql.local_date(l.queued_at, $4), 1, $5, $6) AS queued_in, pql.tally(pql.local_date(l.dequeued_at, $4), 1, $5, $6) AS queued_out,
			pql.tally(pql.local_date(l.routed_at, $4), 1, $5, $6) FILTER (WHERE l.returned_at IS NULL) AS unclaimed_in,
			pql.tally(pql.local_date(least(l.taken_at, l.ended_at), $4), 1, $5, $6) FILTER (WHERE l.routed_at IS NOT NULL AND l.returned_at IS NULL) AS unclaimed_out
		FROM (
			SELECT o.*, pql.member_of($3, o.tier, o.rep, o.segment, o.model, o.channel, o.template) AS member,
				pql.local_date(o.triggered_at, $4) AS triggered_on, pql.local_date(o.disposed_at, $4) AS disposed_on, pql.local_date(o.contacted_at, $4) AS contacted_on,
				-- of those that closed untouched before the deadline, and of those whose deadline is to come, nothing can be said
				CASE WHEN o.sla_due_at <= $1 AND (o.ended_at < o.sla_due_at AND (o.contacted_at <= o.ended_at) IS NOT TRUE) IS NOT TRUE THEN pql.local_date(o.sla_due_at, $4) END AS due_on,
				CASE WHEN o.trigger_due_at <= $1 AND (o.ended_at < o.trigger_due_at AND (o.contacted_at <= o.ended_at) IS NOT TRUE) IS NOT TRUE THEN pql.local_date(o.trigger_due_at, $4) END AS trigger_due_on
			FROM %s o
			WHERE o.model = ANY ($7)) l
		GROUP BY l.member$q$, pql.outcome_source(as_of, known_at))
	USING as_of, known_at, by, zone, first_day, today, models;
END
$$;
COMMENT ON FUNCTION pql.pipeline_tallies(timestamptz, text, timestamptz, text, date, date, text[]) IS 'Leads by day for pql.pipeline_counts: from the day before first_day, which stands for all before it, to today. Apart, so that several processes can do it.';

CREATE FUNCTION pql.pipeline_counts(as_of timestamptz, by text DEFAULT NULL, known_at timestamptz DEFAULT NULL) RETURNS SETOF pql.counted
LANGUAGE sql STABLE SET jit = off
BEGIN ATOMIC
	WITH here AS MATERIALIZED (
		SELECT r.model, r.timezone, pql.local_date(as_of, r.timezone) AS today, pql.first_day_shown(as_of, r.timezone) AS first_day, (SELECT nullif(count(*), 0)::float8 FROM pql.rep x WHERE x.active) AS reps FROM pql.reporting() r
	), tallied AS MATERIALIZED (
		SELECT t.* FROM here h CROSS JOIN LATERAL pql.pipeline_tallies(as_of, by, known_at, h.timezone, h.first_day, h.today, pql.pipeline_models()) t WHERE h.first_day IS NOT NULL
	), again AS (
		SELECT x.member, greatest(pql.local_date(x.occurred_at, h.timezone), h.first_day - 1) AS day, sum(x.unclaimed)::float8 AS unclaimed
		FROM here h CROSS JOIN pql.held_again(as_of, known_at, by) x WHERE x.unclaimed <> 0 GROUP BY 1, 2
	), escalated AS (
		SELECT pql.member_of(by, l.tier, e.details ->> 'sdr_id', l.segment, l.model, l.channel, l.template) AS member, pql.local_date(e.occurred_at, h.timezone) AS day, count(*)::float8 AS n
		FROM here h CROSS JOIN pql.lead_event e LEFT JOIN LATERAL (SELECT x.* FROM pql.lead x WHERE by IS NOT NULL AND x.user_id = e.user_id AND x.lead_id = e.lead_id) l ON true
		WHERE e.event = 'pql_escalated' AND e.occurred_at <= as_of AND (known_at IS NULL OR e.recorded_at <= known_at) GROUP BY 1, 2
	), lagged AS (
		SELECT pql.local_date(x.as_of, h.timezone) AS day, (max(extract(epoch FROM x.lag)) / 60)::float8 AS minutes
		FROM here h CROSS JOIN pql.run x WHERE by IS NULL AND x.lag IS NOT NULL AND x.as_of <= pipeline_counts.as_of GROUP BY 1
	), days AS (
		SELECT t.member, h.first_day - 2 + u.n::int AS day, pql.is_weekday(h.first_day - 2 + u.n::int)::int AS weekdays, u.*, e.n AS escalations, g.minutes AS lag,
			sum(coalesce(u.queued_in, 0) - coalesce(u.queued_out, 0)) OVER w AS queue_depth, sum(coalesce(u.unclaimed_in, 0) - coalesce(u.unclaimed_out, 0) + coalesce(a.unclaimed, 0)) OVER w AS unclaimed
		FROM here h CROSS JOIN tallied t
		CROSS JOIN LATERAL unnest(t.triggered, t.routed, t.queued, t.control, t.paused, t.not_routed, t.disposed, t.accepted, t.wide, t.due, t.in_time, t.trigger_due, t.in_time_of_trigger, t.contacted, t.hours, t.median, t.week_median,
			t.queued_in, t.queued_out, t.unclaimed_in, t.unclaimed_out) WITH ORDINALITY
			u (triggered, routed, queued, control, paused, not_routed, disposed, accepted, wide, due, in_time, trigger_due, in_time_of_trigger, contacted, hours, median, week_median,
				queued_in, queued_out, unclaimed_in, unclaimed_out, n)
		LEFT JOIN again a ON a.member = t.member AND a.day = h.first_day - 2 + u.n::int
		LEFT JOIN escalated e ON e.member = t.member AND e.day = h.first_day - 2 + u.n::int
		LEFT JOIN lagged g ON g.day = h.first_day - 2 + u.n::int
		WINDOW w AS (PARTITION BY t.member ORDER BY u.n)
	), wide AS (
		SELECT 'day' AS grain, d.day AS period, d.* FROM here h JOIN days d ON d.day >= greatest(h.first_day, h.today - 400)
		UNION ALL
		SELECT 'week', pql.period_of('week', d.day), d.member, max(d.day), sum(d.weekdays)::int, sum(d.triggered), sum(d.routed), sum(d.queued), sum(d.control), sum(d.paused), sum(d.not_routed), sum(d.disposed), sum(d.accepted), sum(d.wide),
			sum(d.due), sum(d.in_time), sum(d.trigger_due), sum(d.in_time_of_trigger), sum(d.contacted), sum(d.hours), max(d.week_median), NULL, NULL, NULL, NULL, NULL, NULL, sum(d.escalations), max(d.lag),
			-- as they stood in the end
			(array_agg(d.queue_depth ORDER BY d.day DESC))[1], (array_agg(d.unclaimed ORDER BY d.day DESC))[1]
		FROM here h JOIN days d ON d.day >= h.first_day GROUP BY 2, 3
	)
	SELECT w.grain, w.period, pql.last_day_of(w.grain, w.period), w.member, v.metric, v.value, v.numerator, v.denominator, NULL::float8, NULL::float8, v.scale, v.target
	FROM here h
	-- business time of each tier
	LEFT JOIN LATERAL (SELECT jsonb_object_agg(t.tier, extract(epoch FROM t.first_touch) / 3600) AS hours FROM pql.tier_rules(h.model) t WHERE by = 'tier' AND t.business) sla ON true
	CROSS JOIN wide w
	CROSS JOIN LATERAL (VALUES
		('triggered', NULL::float8, coalesce(w.triggered, 0), NULL::float8, CASE WHEN by IS NULL THEN h.reps * nullif(w.weekdays, 0) END, NULL::float8),
		('routed', NULL, coalesce(w.routed, 0), NULL, 1, NULL), ('queued', NULL, coalesce(w.queued, 0), NULL, 1, NULL), ('control', NULL, coalesce(w.control, 0), NULL, 1, NULL), ('paused', NULL, coalesce(w.paused, 0), NULL, 1, NULL),
		('not_routed', NULL, coalesce(w.not_routed, 0), NULL, 1, NULL), ('demand_per_rep', NULL, coalesce(w.triggered, 0), h.reps * w.weekdays, 1, NULL),
		('dispositioned', NULL, coalesce(w.disposed, 0), NULL, 1, NULL), ('acceptance_rate', NULL, coalesce(w.accepted, 0), coalesce(w.disposed, 0), 1, NULL),
		('acceptance_rate_wide', NULL, coalesce(w.wide, 0), coalesce(w.disposed, 0), 1, NULL), ('rejection_rate', NULL, coalesce(w.disposed, 0) - coalesce(w.wide, 0), coalesce(w.disposed, 0), 1, NULL),
		('sla_compliance', NULL, coalesce(w.in_time, 0), coalesce(w.due, 0), 1, NULL), ('sla_from_trigger', NULL, coalesce(w.in_time_of_trigger, 0), coalesce(w.trigger_due, 0), 1, NULL),
		('first_touch_hours', NULL, coalesce(w.hours, 0), coalesce(w.contacted, 0), 1, (sla.hours ->> w.member)::float8), ('first_touch_hours_median', w.median, NULL, coalesce(w.contacted, 0), 1, (sla.hours ->> w.member)::float8),
		('queue_depth', NULL, w.queue_depth, NULL, 1, NULL), ('unclaimed', NULL, w.unclaimed, NULL, 1, NULL), ('escalations', NULL, coalesce(w.escalations, 0), NULL, 1, NULL), ('load_lag', NULL, w.lag, NULL, 1, NULL)
	) v (metric, value, numerator, denominator, scale, target)
	WHERE by IS NULL OR v.metric <> 'load_lag' AND (v.numerator <> 0 OR v.denominator <> 0);
END;
COMMENT ON FUNCTION pql.pipeline_counts(timestamptz, text, timestamptz) IS 'The numbers of pql.dashboard_pipeline_at.';

CREATE FUNCTION pql.dashboard_pipeline_at(as_of timestamptz DEFAULT now(), by text DEFAULT NULL, known_at timestamptz DEFAULT NULL) RETURNS SETOF pql.dashboard_row
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT d.* FROM pql.dashboard_at('pipeline', as_of, pql.check_dimension(by, ARRAY['tier', 'rep', 'segment', 'model', 'channel', 'variant']), known_at) d;
END;
COMMENT ON FUNCTION pql.dashboard_pipeline_at(timestamptz, text, timestamptz) IS 'Leads and what becomes of them by day and week, as of an instant. by: one row for each tier, rep, segment, model, channel or variant (template) of the first touch. known_at: as it was known then.';
