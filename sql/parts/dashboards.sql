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

-- ---- pipeline ----

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
			pql.tally(pql.local_date(l.routed_at, $4), 1, $5, $6) AS unclaimed_in,
			pql.tally(pql.local_date(least(l.taken_at, l.ended_at), $4), 1, $5, $6) FILTER (WHERE l.routed_at IS NOT NULL) AS unclaimed_out
		FROM (
			SELECT o.*, pql.member_of($3, o.tier, o.rep, o.segment, o.model, o.channel, o.template) AS member,
				pql.local_date(o.triggered_at, $4) AS triggered_on, pql.local_date(o.disposed_at, $4) AS disposed_on, pql.local_date(o.contacted_at, $4) AS contacted_on,
				-- of those that closed untouched before the deadline, and of those whose deadline is to come, nothing can be said
				CASE WHEN o.sla_due_at <= $1 AND (o.ended_at <= o.sla_due_at AND (o.contacted_at <= o.ended_at) IS NOT TRUE) IS NOT TRUE THEN pql.local_date(o.sla_due_at, $4) END AS due_on,
				CASE WHEN o.trigger_due_at <= $1 AND (o.ended_at <= o.trigger_due_at AND (o.contacted_at <= o.ended_at) IS NOT TRUE) IS NOT TRUE THEN pql.local_date(o.trigger_due_at, $4) END AS trigger_due_on
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
	), escalated AS (
		SELECT pql.member_of(by, l.tier, e.details ->> 'sdr_id', l.segment, l.model, l.channel, l.template) AS member, pql.local_date(e.occurred_at, h.timezone) AS day, count(*)::float8 AS n
		FROM here h CROSS JOIN pql.lead_event e LEFT JOIN LATERAL (SELECT x.* FROM pql.lead x WHERE by IS NOT NULL AND x.user_id = e.user_id AND x.lead_id = e.lead_id) l ON true
		WHERE e.event = 'pql_escalated' AND e.occurred_at <= as_of AND (known_at IS NULL OR e.recorded_at <= known_at) GROUP BY 1, 2
	), lagged AS (
		SELECT pql.local_date(x.as_of, h.timezone) AS day, (max(extract(epoch FROM x.lag)) / 60)::float8 AS minutes
		FROM here h CROSS JOIN pql.run x WHERE by IS NULL AND x.lag IS NOT NULL AND x.as_of <= pipeline_counts.as_of GROUP BY 1
	), days AS (
		SELECT t.member, h.first_day - 2 + u.n::int AS day, pql.is_weekday(h.first_day - 2 + u.n::int)::int AS weekdays, u.*, e.n AS escalations, g.minutes AS lag,
			sum(coalesce(u.queued_in, 0) - coalesce(u.queued_out, 0)) OVER w AS queue_depth, sum(coalesce(u.unclaimed_in, 0) - coalesce(u.unclaimed_out, 0)) OVER w AS unclaimed
		FROM here h CROSS JOIN tallied t
		CROSS JOIN LATERAL unnest(t.triggered, t.routed, t.queued, t.control, t.paused, t.not_routed, t.disposed, t.accepted, t.wide, t.due, t.in_time, t.trigger_due, t.in_time_of_trigger, t.contacted, t.hours, t.median, t.week_median,
			t.queued_in, t.queued_out, t.unclaimed_in, t.unclaimed_out) WITH ORDINALITY
			u (triggered, routed, queued, control, paused, not_routed, disposed, accepted, wide, due, in_time, trigger_due, in_time_of_trigger, contacted, hours, median, week_median,
				queued_in, queued_out, unclaimed_in, unclaimed_out, n)
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
LANGUAGE sql STABLE SET jit = off
BEGIN ATOMIC
	SELECT g.*
	FROM pql.reporting() r
	CROSS JOIN pql.pipeline_counts(as_of, pql.check_dimension(by, ARRAY['tier', 'rep', 'segment', 'model', 'channel', 'variant']), known_at) c
	JOIN pql.metric m ON m.dashboard = 'pipeline' AND m.metric = c.metric
	CROSS JOIN LATERAL pql.graded(c, m, pql.local_date(as_of, r.timezone)) g
	ORDER BY g.grain, g.period, m.position, g.member;
END;
COMMENT ON FUNCTION pql.dashboard_pipeline_at(timestamptz, text, timestamptz) IS 'Leads and what becomes of them by day and week, as of an instant. by: one row for each tier, rep, segment, model, channel or variant (template) of the first touch. known_at: as it was known then.';

-- ---- conversion impact ----

CREATE FUNCTION pql.trial_days(of_model text, as_of timestamptz) RETURNS TABLE (day date, trials bigint, open bigint, converted bigint)
LANGUAGE sql STABLE SET jit = off
BEGIN ATOMIC
	SELECT t.day, t.n - t.open, t.open, t.converted
	FROM (
		-- the bound once, not for every row
		SELECT s.started_on AS day, count(*) AS n, count(*) FILTER (WHERE coalesce(s.ends_at, s.started_at + '336 hours') > (SELECT as_of - '168 hours'::interval)) AS open,
			count(*) FILTER (WHERE s.converted_at <= as_of AND pql.is_mature(s.started_at, s.ends_at, as_of)) AS converted
		FROM pql.score s
		WHERE s.model = of_model AND s.started_on IS NOT NULL AND s.started_at <= as_of
		GROUP BY s.started_on) t;
END;
COMMENT ON FUNCTION pql.trial_days(text, timestamptz) IS 'Trials of a model by the local date of their start: how many are mature, how many are not yet, and how many of the mature were paid for.';

CREATE FUNCTION pql.tagged_days(of_model text, as_of timestamptz) RETURNS TABLE (day date, tagged bigint)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT s.started_on, count(*)
	FROM pql.trial t JOIN pql.score s ON s.user_id = t.user_id AND s.model = of_model AND s.started_at = t.started_at
	WHERE t.conversion_source = 'sales_assisted' AND s.converted_at <= as_of AND pql.is_mature(s.started_at, s.ends_at, as_of)
		AND NOT EXISTS (SELECT FROM pql.lead l WHERE l.user_id = s.user_id AND l.model = s.model AND l.started_at = s.started_at AND l.triggered_at <= as_of)
	GROUP BY 1;
END;
COMMENT ON FUNCTION pql.tagged_days(text, timestamptz) IS 'Mature trials without a lead of which billing says that sales had a part in the payment.';

CREATE FUNCTION pql.conversion_tallies(as_of timestamptz, by text, known_at timestamptz, zone text, first_day date, today date, models text[], of_model text)
RETURNS TABLE (member text, leads float8[], leads_converted float8[], routed float8[], routed_converted float8[], control float8[], control_converted float8[], contacted float8[], meetings float8[], touched float8[], engaged float8[], assisted_contacted float8[], touches float8[], emails float8[], email_replies float8[], assisted float8[], mrr float8[])
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
	RETURN QUERY EXECUTE format($q$
		SELECT l.member,
			pql.tally(l.day, 1, $5, $6) AS leads, pql.tally(l.day, 1, $5, $6) FILTER (WHERE l.converted) AS leads_converted,
			pql.tally(l.day, 1, $5, $6) FILTER (WHERE l.standing = 'routed') AS routed, pql.tally(l.day, 1, $5, $6) FILTER (WHERE l.standing = 'routed' AND l.converted) AS routed_converted,
			pql.tally(l.day, 1, $5, $6) FILTER (WHERE l.standing = 'control') AS control, pql.tally(l.day, 1, $5, $6) FILTER (WHERE l.standing = 'control' AND l.converted) AS control_converted,
			pql.tally(l.day, 1, $5, $6) FILTER (WHERE l.contacted_at IS NOT NULL) AS contacted, pql.tally(l.day, 1, $5, $6) FILTER (WHERE l.contacted_at IS NOT NULL AND l.meeting_at IS NOT NULL) AS meetings,
			pql.tally(l.day, 1, $5, $6) FILTER (WHERE l.converted AND l.influence = 'touched') AS touched, pql.tally(l.day, 1, $5, $6) FILTER (WHERE l.converted AND l.influence = 'engaged') AS engaged,
			pql.tally(l.day, 1, $5, $6) FILTER (WHERE l.converted AND l.influence <> 'untouched' AND l.contacted_at IS NOT NULL) AS assisted_contacted,
			pql.tally(l.day, l.conversion_touches, $5, $6) FILTER (WHERE l.converted AND l.influence <> 'untouched') AS touches,
			pql.tally(l.day, l.emails, $5, $6) AS emails, pql.tally(l.day, l.email_replies, $5, $6) AS email_replies,
			pql.tally(l.day, 1, $5, $6) FILTER (WHERE l.converted AND l.conversion_source = 'sales_assisted') AS assisted,
			pql.tally(l.day, l.mrr, $5, $6) FILTER (WHERE l.converted AND l.conversion_source = 'sales_assisted') AS mrr
		FROM (
			SELECT o.*, pql.member_of($3, o.tier, o.rep, o.segment, o.model, o.channel, o.template) AS member, pql.local_date(o.started_at, $4) AS day, coalesce(o.converted_at <= $1, false) AS converted
			FROM %s o
			WHERE o.model = $8 AND isfinite(o.started_at) AND pql.is_mature(o.started_at, o.trial_ends_at, $1)) l
		GROUP BY l.member$q$, pql.outcome_source(as_of, known_at))
	USING as_of, known_at, by, zone, first_day, today, models, of_model;
END
$$;
COMMENT ON FUNCTION pql.conversion_tallies(timestamptz, text, timestamptz, text, date, date, text[], text) IS 'Leads by day for pql.conversion_counts: from the day before first_day, which stands for all before it, to today. Apart, so that several processes can do it.';

CREATE FUNCTION pql.conversion_counts(as_of timestamptz, by text DEFAULT NULL, known_at timestamptz DEFAULT NULL) RETURNS SETOF pql.counted
LANGUAGE sql STABLE SET jit = off
BEGIN ATOMIC
	WITH here AS MATERIALIZED (
		SELECT r.model, r.timezone, t.today, pql.first_week(r.model, t.today) AS first_day, pql.baseline(r.model, as_of) AS baseline
		FROM pql.reporting() r CROSS JOIN LATERAL (SELECT pql.local_date(as_of, r.timezone) AS today) t
	), trials AS MATERIALIZED (
		SELECT t.* FROM here h CROSS JOIN LATERAL pql.trial_days(h.model, as_of) t WHERE by IS NULL
	), tallied AS MATERIALIZED (
		SELECT t.* FROM here h CROSS JOIN LATERAL pql.conversion_tallies(as_of, by, known_at, h.timezone, h.first_day, h.today, pql.pipeline_models(), h.model) t WHERE h.first_day IS NOT NULL
	), days AS (
		SELECT t.member, h.first_day - 2 + u.n::int AS day, u.*
		FROM here h CROSS JOIN tallied t
		CROSS JOIN LATERAL unnest(t.leads, t.leads_converted, t.routed, t.routed_converted, t.control, t.control_converted, t.contacted, t.meetings, t.touched, t.engaged, t.assisted_contacted, t.touches, t.emails, t.email_replies, t.assisted, t.mrr)
			WITH ORDINALITY u (leads, leads_converted, routed, routed_converted, control, control_converted, contacted, meetings, touched, engaged, assisted_contacted, touches, emails, email_replies, assisted, mrr, n)
		WHERE u.n > 1
	), by_day AS (
		SELECT coalesce(d.member, '') AS member, coalesce(d.day, t.day) AS day, t.trials, t.open, t.converted, g.tagged,
			d.leads, d.leads_converted, d.routed, d.routed_converted, d.control, d.control_converted, d.contacted, d.meetings, d.touched, d.engaged, d.assisted_contacted, d.touches, d.emails, d.email_replies, d.assisted, d.mrr
		FROM days d FULL JOIN trials t ON t.day = d.day
		LEFT JOIN (SELECT g.* FROM here h CROSS JOIN LATERAL pql.tagged_days(h.model, as_of) g WHERE by IS NULL) g ON g.day = coalesce(d.day, t.day)
	), wide AS (
		SELECT g.grain, CASE g.grain WHEN 'all' THEN (SELECT h.first_day FROM here h) ELSE pql.period_of(g.grain, d.day) END AS period, d.member,
			coalesce(sum(d.trials), 0) AS trials, coalesce(sum(d.open), 0) AS open, coalesce(sum(d.converted), 0) AS converted, coalesce(sum(d.tagged), 0) AS tagged,
			coalesce(sum(d.leads), 0) AS leads, coalesce(sum(d.leads_converted), 0) AS leads_converted, coalesce(sum(d.routed), 0) AS routed, coalesce(sum(d.routed_converted), 0) AS routed_converted,
			coalesce(sum(d.control), 0) AS control, coalesce(sum(d.control_converted), 0) AS control_converted, coalesce(sum(d.contacted), 0) AS contacted, coalesce(sum(d.meetings), 0) AS meetings,
			coalesce(sum(d.touched), 0) AS touched, coalesce(sum(d.engaged), 0) AS engaged, coalesce(sum(d.assisted_contacted), 0) AS assisted_contacted, coalesce(sum(d.touches), 0) AS touches,
			coalesce(sum(d.emails), 0) AS emails, coalesce(sum(d.email_replies), 0) AS email_replies, coalesce(sum(d.assisted), 0) AS assisted, coalesce(sum(d.mrr), 0) AS mrr
		FROM by_day d CROSS JOIN (VALUES ('week'), ('all')) g (grain)
		GROUP BY 1, 2, 3
	)
	SELECT w.grain, w.period, CASE w.grain WHEN 'all' THEN h.today ELSE pql.last_day_of(w.grain, w.period) END, w.member, v.metric, v.value, v.numerator, v.denominator, v.low, v.high, 1::float8, NULL::float8
	FROM here h CROSS JOIN wide w
	LEFT JOIN LATERAL pql.wilson(w.converted, w.trials) p ON true
	LEFT JOIN LATERAL pql.rate_difference(w.routed_converted, w.routed, w.control_converted, w.control) e ON true
	CROSS JOIN LATERAL (VALUES
		(0, 'trials', NULL::float8, w.trials::float8, NULL::float8, NULL::float8, NULL::float8), (0, 'open_trials', NULL, w.open, NULL, NULL, NULL), (0, 'trial_to_paid', NULL, w.converted, w.trials, NULL, NULL),
		(0, 'lift', NULL, w.converted / nullif(w.trials, 0) - h.baseline, h.baseline, p.low / h.baseline - 1, p.high / h.baseline - 1),
		(1, 'routed_trials', NULL, w.routed, NULL, NULL, NULL), (1, 'routed_conversion', NULL, w.routed_converted, w.routed, NULL, NULL),
		(0, 'unrouted_conversion', NULL, w.converted - w.routed_converted - w.control_converted, w.trials - w.routed - w.control, NULL, NULL),
		(1, 'control_conversion', NULL, w.control_converted, w.control, NULL, NULL), (1, 'incremental_conversion', e.difference, NULL, NULL, e.low, e.high),
		(1, 'contacted', NULL, w.contacted, NULL, NULL, NULL), (1, 'assisted_conversion', NULL, w.assisted_contacted, w.contacted, NULL, NULL), (1, 'meeting_rate', NULL, w.meetings, w.contacted, NULL, NULL),
		(1, 'reply_rate', NULL, w.email_replies, w.emails, NULL, NULL), (1, 'touches_to_conversion', NULL, w.touches, w.touched + w.engaged, NULL, NULL), (1, 'assisted_mrr', NULL, w.mrr, NULL, NULL, NULL),
		(1, 'assisted_conversions', NULL, w.assisted + w.tagged, NULL, NULL, NULL), (0, 'self_serve_conversions', NULL, w.converted - w.assisted - w.tagged, NULL, NULL, NULL),
		(0, 'converted_untouched', NULL, w.converted - w.touched - w.engaged, NULL, NULL, NULL), (1, 'converted_touched', NULL, w.touched, NULL, NULL, NULL), (1, 'converted_engaged', NULL, w.engaged, NULL, NULL, NULL)
	) v (of_leads, metric, value, numerator, denominator, low, high)
	WHERE by IS NULL OR v.of_leads = 1 AND (v.numerator <> 0 OR v.denominator <> 0 OR v.value IS NOT NULL);
END;
COMMENT ON FUNCTION pql.conversion_counts(timestamptz, text, timestamptz) IS 'The numbers of pql.dashboard_conversion_at.';

CREATE FUNCTION pql.dashboard_conversion_at(as_of timestamptz DEFAULT now(), by text DEFAULT NULL, known_at timestamptz DEFAULT NULL) RETURNS SETOF pql.dashboard_row
LANGUAGE sql STABLE SET jit = off
BEGIN ATOMIC
	SELECT g.*
	FROM pql.reporting() r
	CROSS JOIN pql.conversion_counts(as_of, pql.check_dimension(by, ARRAY['tier', 'rep', 'segment', 'model', 'channel', 'variant']), known_at) c
	JOIN pql.metric m ON m.dashboard = 'conversion' AND m.metric = c.metric
	CROSS JOIN LATERAL pql.graded(c, m, pql.local_date(as_of, r.timezone)) g
	ORDER BY g.grain, g.period, m.position, g.member;
END;
COMMENT ON FUNCTION pql.dashboard_conversion_at(timestamptz, text, timestamptz) IS 'What becomes of trials, by week of their start and all in one, as of an instant; mature trials only. Routed against unrouted is selection, not effect: routing takes the best. What sales add is told by the control arm (incremental_conversion). by and known_at: as for pql.dashboard_pipeline_at; of leads alone.';

-- ---- guardrails ----

CREATE FUNCTION pql.survey_counts(as_of timestamptz, grain text, timezone text, since timestamptz DEFAULT '-infinity')
RETURNS TABLE (period date, contacted boolean, answers bigint, promoters bigint, detractors bigint, csat_answers bigint, satisfied bigint)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT s.period, s.contacted, count(*) FILTER (WHERE s.kind = 'nps'), count(*) FILTER (WHERE s.kind = 'nps' AND s.score >= 9), count(*) FILTER (WHERE s.kind = 'nps' AND s.score <= 6),
		count(*) FILTER (WHERE s.kind = 'csat'), count(*) FILTER (WHERE s.kind = 'csat' AND s.score >= 4)
	FROM (
		-- each person once a period, as they said last
		SELECT DISTINCT ON (p.period, v.kind, v.user_id) p.period, v.kind, v.score, EXISTS (SELECT FROM pql.lead l WHERE l.user_id = v.user_id AND l.contacted_at <= v.answered_at) AS contacted
		FROM pql.survey v CROSS JOIN LATERAL (SELECT coalesce(pql.period_of(grain, pql.local_date(v.answered_at, timezone)), '-infinity') AS period) p
		WHERE v.kind IN ('nps', 'csat') AND v.answered_at <= as_of AND v.answered_at >= since
		ORDER BY p.period, v.kind, v.user_id, v.answered_at DESC) s
	GROUP BY 1, 2;
END;
COMMENT ON FUNCTION pql.survey_counts(timestamptz, text, text, timestamptz) IS 'Answers to surveys by period (of a grain that there is not: all in one, -infinity), of people who had been contacted before they answered and of all others.';

CREATE FUNCTION pql.survey_gaps(as_of timestamptz, grain text, timezone text, since timestamptz DEFAULT '-infinity')
RETURNS TABLE (period date, contacted float8, contacted_answers float8, others float8, others_answers float8, nps_gap float8, nps_low float8, nps_high float8, csat_gap float8, csat_low float8, csat_high float8)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT g.period, g.contacted, g.contacted_answers, g.others, g.others_answers, g.gap, g.gap - g.reach, g.gap + g.reach, 100 * d.difference, 100 * d.low, 100 * d.high
	FROM (
		SELECT c.*, 100 * (c.contacted / nullif(c.contacted_answers, 0) - c.others / nullif(c.others_answers, 0)) AS gap,
			-- of a mean of 1, 0 and -1
			100 * 1.959963984540054 * sqrt(greatest(0, (c.contacted_decided / nullif(c.contacted_answers, 0) - (c.contacted / nullif(c.contacted_answers, 0)) ^ 2) / nullif(c.contacted_answers, 0)
				+ (c.others_decided / nullif(c.others_answers, 0) - (c.others / nullif(c.others_answers, 0)) ^ 2) / nullif(c.others_answers, 0))) AS reach
		FROM (
			SELECT s.period, coalesce(sum(s.promoters - s.detractors) FILTER (WHERE s.contacted), 0)::float8 AS contacted, coalesce(sum(s.promoters + s.detractors) FILTER (WHERE s.contacted), 0)::float8 AS contacted_decided,
				coalesce(sum(s.answers) FILTER (WHERE s.contacted), 0)::float8 AS contacted_answers,
				coalesce(sum(s.promoters - s.detractors) FILTER (WHERE NOT s.contacted), 0)::float8 AS others, coalesce(sum(s.promoters + s.detractors) FILTER (WHERE NOT s.contacted), 0)::float8 AS others_decided,
				coalesce(sum(s.answers) FILTER (WHERE NOT s.contacted), 0)::float8 AS others_answers,
				coalesce(sum(s.csat_answers) FILTER (WHERE s.contacted), 0)::float8 AS contacted_csat, coalesce(sum(s.satisfied) FILTER (WHERE s.contacted), 0)::float8 AS contacted_satisfied,
				coalesce(sum(s.csat_answers) FILTER (WHERE NOT s.contacted), 0)::float8 AS others_csat, coalesce(sum(s.satisfied) FILTER (WHERE NOT s.contacted), 0)::float8 AS others_satisfied
			FROM pql.survey_counts(as_of, grain, timezone, since) s GROUP BY s.period) c) g
	LEFT JOIN LATERAL pql.rate_difference(g.contacted_satisfied, g.contacted_csat, g.others_satisfied, g.others_csat) d ON true;
END;
COMMENT ON FUNCTION pql.survey_gaps(timestamptz, text, text, timestamptz) IS 'NPS (promoters less detractors, and answers) of people contacted and of all others by period, and how far they are apart in points, with 95 % intervals; the same of CSAT.';

CREATE FUNCTION pql.guardrails_tallies(as_of timestamptz, by text, known_at timestamptz, zone text, first_day date, today date, models text[], of_model text)
RETURNS TABLE (member text, contacted float8[], complained float8[], declined float8[], disposed float8[], disqualified float8[], assigned float8[], load_in float8[], load_out float8[], leads float8[], leads_converted float8[])
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
	RETURN QUERY EXECUTE format($q$
		SELECT l.member,
			pql.tally(l.contacted_on, 1, $5, $6) AS contacted, pql.tally(l.contacted_on, 1, $5, $6) FILTER (WHERE l.complained_at IS NOT NULL) AS complained,
			pql.tally(l.contacted_on, 1, $5, $6) FILTER (WHERE l.declined_at IS NOT NULL) AS declined,
			pql.tally(l.disposed_on, 1, $5, $6) AS disposed, pql.tally(l.disposed_on, 1, $5, $6) FILTER (WHERE l.disqualified_at IS NOT NULL) AS disqualified,
			pql.tally(l.counts_on, 1, $5, $6) AS assigned,
			pql.tally(pql.local_date(l.routed_at, $4), 1, $5, $6) AS load_in, pql.tally(pql.local_date(l.ended_at, $4), 1, $5, $6) FILTER (WHERE l.routed_at IS NOT NULL) AS load_out,
			pql.tally(pql.local_date(l.started_at, $4), 1, $5, $6) FILTER (WHERE l.cohort) AS leads,
			pql.tally(pql.local_date(l.started_at, $4), 1, $5, $6) FILTER (WHERE l.cohort AND l.converted_at <= $1) AS leads_converted
		FROM (
			SELECT o.*, pql.member_of($3, o.tier, o.rep, o.segment, o.model, o.channel, o.template) AS member,
				pql.local_date(o.contacted_at, $4) AS contacted_on, pql.local_date(o.disposed_at, $4) AS disposed_on,
				o.model = $8 AND pql.is_mature(o.started_at, o.trial_ends_at, $1) AS cohort
			FROM %s o
			WHERE o.model = ANY ($7)) l
		GROUP BY l.member$q$, pql.outcome_source(as_of, known_at))
	USING as_of, known_at, by, zone, first_day, today, models, of_model;
END
$$;
COMMENT ON FUNCTION pql.guardrails_tallies(timestamptz, text, timestamptz, text, date, date, text[], text) IS 'Leads by day for pql.guardrails_counts: from the day before first_day, which stands for all before it, to today. Apart, so that several processes can do it.';

CREATE FUNCTION pql.guardrails_counts(as_of timestamptz, by text DEFAULT NULL, known_at timestamptz DEFAULT NULL) RETURNS SETOF pql.counted
LANGUAGE sql STABLE SET jit = off
BEGIN ATOMIC
	WITH here AS MATERIALIZED (
		SELECT r.model, r.timezone, r.since, t.today, least(pql.first_day_shown(as_of, r.timezone), pql.first_week(r.model, t.today)) AS first_day, (SELECT nullif(count(*), 0)::float8 FROM pql.rep x WHERE x.active) AS reps
		FROM pql.reporting() r CROSS JOIN LATERAL (SELECT pql.local_date(as_of, r.timezone) AS today) t
	), trials AS MATERIALIZED (
		SELECT t.* FROM here h CROSS JOIN LATERAL pql.trial_days(h.model, as_of) t WHERE by IS NULL
	), tallied AS MATERIALIZED (
		SELECT t.* FROM here h CROSS JOIN LATERAL pql.guardrails_tallies(as_of, by, known_at, h.timezone, h.first_day, h.today, pql.pipeline_models(), h.model) t WHERE h.first_day IS NOT NULL
	), days AS (
		SELECT t.member, h.first_day - 2 + u.n::int AS day, u.*, sum(coalesce(u.load_in, 0) - coalesce(u.load_out, 0)) OVER (PARTITION BY t.member ORDER BY u.n) AS open_load
		FROM here h CROSS JOIN tallied t
		CROSS JOIN LATERAL unnest(t.contacted, t.complained, t.declined, t.disposed, t.disqualified, t.assigned, t.load_in, t.load_out, t.leads, t.leads_converted)
			WITH ORDINALITY u (contacted, complained, declined, disposed, disqualified, assigned, load_in, load_out, leads, leads_converted, n)
	), by_day AS MATERIALIZED (
		SELECT coalesce(d.member, '') AS member, coalesce(d.day, t.day) AS day, d.contacted, d.complained, d.declined, d.disposed, d.disqualified, d.assigned, d.open_load,
			-- those without a lead
			coalesce(t.trials, 0) - coalesce(d.leads, 0) AS trials, coalesce(t.converted, 0) - coalesce(d.leads_converted, 0) - coalesce(g.tagged, 0) AS converted
		FROM (SELECT x.* FROM days x JOIN here y ON x.day >= y.first_day) d FULL JOIN trials t ON t.day = d.day
		LEFT JOIN (SELECT g.* FROM here h CROSS JOIN LATERAL pql.tagged_days(h.model, as_of) g WHERE by IS NULL) g ON g.day = t.day
	), weeks AS (
		SELECT d.member, pql.period_of('week', d.day) AS week, coalesce(sum(d.contacted), 0) AS contacted, coalesce(sum(d.complained), 0) AS complained, coalesce(sum(d.declined), 0) AS declined,
			coalesce(sum(d.disposed), 0) AS disposed, coalesce(sum(d.disqualified), 0) AS disqualified, coalesce(sum(d.assigned), 0) AS assigned, (array_agg(d.open_load ORDER BY d.day DESC))[1] AS open_load,
			sum(pql.is_weekday(d.day)::int) AS weekdays, sum(d.trials) AS trials, sum(d.converted) AS converted
		FROM by_day d GROUP BY 1, 2
	), before AS (
		SELECT sum(d.trials) AS trials, sum(d.converted) AS converted FROM here h JOIN by_day d ON d.day < pql.local_date(h.since, h.timezone) AND d.day >= pql.local_date(h.since, h.timezone) - 90 WHERE by IS NULL
	), paid AS MATERIALIZED (
		SELECT pql.period_of('week', pql.local_date(p.converted_at, h.timezone)) AS week, p.contacted_at IS NOT NULL AS contacted,
			count(*) FILTER (WHERE p.checked_30_at <= as_of) AS n_30, count(p.seen_30_at) FILTER (WHERE p.checked_30_at <= as_of) AS seen_30,
			count(*) FILTER (WHERE p.checked_90_at <= as_of) AS n_90, count(p.seen_90_at) FILTER (WHERE p.checked_90_at <= as_of) AS seen_90
		FROM here h CROSS JOIN pql.retention p WHERE by IS NULL AND p.checked_30_at <= as_of
		GROUP BY 1, 2
	), surveyed AS MATERIALIZED (
		SELECT s.* FROM here h CROSS JOIN LATERAL pql.survey_gaps(as_of, 'week', h.timezone) s WHERE by IS NULL
	)
	SELECT 'week', w.week, w.week + 6, w.member, v.metric, v.value, v.numerator, v.denominator, v.low, v.high, 1::float8, NULL::float8
	FROM here h JOIN weeks w ON w.week >= h.first_day
	LEFT JOIN surveyed s ON s.period = w.week
	LEFT JOIN paid p ON p.week = w.week AND p.contacted
	LEFT JOIN paid q ON q.week = w.week AND NOT q.contacted
	LEFT JOIN before b ON true
	LEFT JOIN LATERAL pql.rate_difference(w.converted, w.trials, b.converted, b.trials) c ON pql.local_date(h.since, h.timezone) <= w.week + 6
	CROSS JOIN LATERAL (VALUES
		(1, 'complaint_rate', NULL::float8, w.complained::float8, w.contacted::float8, NULL::float8, NULL::float8), (1, 'not_interested_rate', NULL, w.declined, w.contacted, NULL, NULL),
		(0, 'nps_contacted', NULL, 100 * s.contacted, coalesce(s.contacted_answers, 0), NULL, NULL), (0, 'nps_not_contacted', NULL, 100 * s.others, coalesce(s.others_answers, 0), NULL, NULL),
		(0, 'nps_gap', s.nps_gap, NULL, NULL, s.nps_low, s.nps_high), (0, 'csat_gap', s.csat_gap, NULL, NULL, s.csat_low, s.csat_high),
		(0, 'retention_30_contacted', NULL, coalesce(p.seen_30, 0), coalesce(p.n_30, 0), NULL, NULL), (0, 'retention_30_not_contacted', NULL, coalesce(q.seen_30, 0), coalesce(q.n_30, 0), NULL, NULL),
		(0, 'retention_90_contacted', NULL, coalesce(p.seen_90, 0), coalesce(p.n_90, 0), NULL, NULL), (0, 'retention_90_not_contacted', NULL, coalesce(q.seen_90, 0), coalesce(q.n_90, 0), NULL, NULL),
		(1, 'utilisation', NULL, w.assigned, CASE WHEN by = 'rep' THEN 1 ELSE h.reps END * w.weekdays, NULL, NULL), (1, 'open_load', NULL, w.open_load, CASE WHEN by = 'rep' THEN 1 ELSE h.reps END, NULL, NULL),
		(1, 'false_positive_rate', NULL, w.disqualified, w.disposed, NULL, NULL),
		(0, 'self_serve_conversion', NULL, w.converted, w.trials, NULL, NULL), (0, 'self_serve_change', c.difference, NULL, NULL, c.low, c.high)
	) v (of_leads, metric, value, numerator, denominator, low, high)
	WHERE by IS NULL OR v.of_leads = 1 AND (v.numerator <> 0 OR v.denominator <> 0 AND v.metric NOT IN ('utilisation', 'open_load'));
END;
COMMENT ON FUNCTION pql.guardrails_counts(timestamptz, text, timestamptz) IS 'The numbers of pql.dashboard_guardrails_at.';

CREATE FUNCTION pql.dashboard_guardrails_at(as_of timestamptz DEFAULT now(), by text DEFAULT NULL, known_at timestamptz DEFAULT NULL) RETURNS SETOF pql.dashboard_row
LANGUAGE sql STABLE SET jit = off
BEGIN ATOMIC
	SELECT g.*
	FROM pql.reporting() r
	CROSS JOIN pql.guardrails_counts(as_of, pql.check_dimension(by, ARRAY['tier', 'rep', 'segment', 'model', 'channel', 'variant']), known_at) c
	JOIN pql.metric m ON m.dashboard = 'guardrails' AND m.metric = c.metric
	CROSS JOIN LATERAL pql.graded(c, m, pql.local_date(as_of, r.timezone)) g
	ORDER BY g.grain, g.period, m.position, g.member;
END;
COMMENT ON FUNCTION pql.dashboard_guardrails_at(timestamptz, text, timestamptz) IS 'What must not get worse, by week, as of an instant. by and known_at: as for pql.dashboard_pipeline_at; of leads alone.';

-- ---- playbook ----

CREATE FUNCTION pql.deal_source(of_deal pql.deal) RETURNS TABLE (source text, triggered_at timestamptz)
LANGUAGE sql STABLE ROWS 1
BEGIN ATOMIC
	SELECT coalesce((of_deal).source, CASE WHEN l.triggered_at IS NOT NULL THEN 'pql' ELSE 'unknown' END), l.triggered_at
	FROM (SELECT) one
	LEFT JOIN LATERAL (
		SELECT x.triggered_at FROM (
			SELECT u.triggered_at FROM pql.lead u WHERE u.user_id = (of_deal).user_id AND coalesce((of_deal).source, 'pql') = 'pql'
			UNION ALL
			SELECT a.triggered_at FROM pql.lead a WHERE (of_deal).user_id IS NULL AND a.account_id = (of_deal).account_id AND coalesce((of_deal).source, 'pql') = 'pql') x
		WHERE x.triggered_at <= coalesce((of_deal).created_at, (of_deal).closed_at)
		ORDER BY x.triggered_at DESC LIMIT 1) l ON true;
END;
COMMENT ON FUNCTION pql.deal_source(pql.deal) IS 'Where a deal came from: as the CRM says, else pql where its user (if none is named, its account) had a lead before it was created, else unknown; and when that lead was triggered.';

CREATE FUNCTION pql.amount_band(amount float8) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE WHEN amount < 5000 THEN 'smb' WHEN amount < 50000 THEN 'mid_market' WHEN amount >= 50000 THEN 'enterprise' END;
END;
COMMENT ON FUNCTION pql.amount_band(float8) IS 'smb below 5,000 a year, mid_market below 50,000, enterprise from there on.';

CREATE FUNCTION pql.playbook_tallies(as_of timestamptz, by text, known_at timestamptz, zone text, first_day date, today date, models text[], of_model text)
RETURNS TABLE (member text, triggered float8[], accepted float8[], closed float8[], contacted float8[], hours float8[], emails float8[], email_replies float8[], amounts float8[],
	leads float8[], leads_converted float8[], routed float8[], routed_mrr float8[], control float8[], control_mrr float8[])
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
	RETURN QUERY EXECUTE format($q$
		SELECT l.member,
			pql.tally(l.triggered_on, 1, $5, $6) FILTER (WHERE NOT l.backfilled), pql.tally(l.triggered_on, 1, $5, $6) FILTER (WHERE NOT l.backfilled AND l.accepted_at IS NOT NULL),
			pql.tally(l.triggered_on, 1, $5, $6) FILTER (WHERE NOT l.backfilled AND l.converted_at <= $1),
			pql.tally(l.contacted_on, 1, $5, $6) FILTER (WHERE l.contact_hours IS NOT NULL), pql.tally(l.contacted_on, l.contact_hours, $5, $6), pql.tally(l.contacted_on, l.emails, $5, $6), pql.tally(l.contacted_on, l.email_replies, $5, $6),
			pql.tally(pql.local_date(l.meeting_at, $4), l.amount, $5, $6),
			pql.tally(l.started_on, 1, $5, $6) FILTER (WHERE l.cohort), pql.tally(l.started_on, 1, $5, $6) FILTER (WHERE l.cohort AND l.converted_at <= $1),
			pql.tally(l.started_on, 1, $5, $6) FILTER (WHERE l.cohort AND l.standing = 'routed'), pql.tally(l.started_on, l.mrr, $5, $6) FILTER (WHERE l.cohort AND l.standing = 'routed' AND l.converted_at <= $1),
			pql.tally(l.started_on, 1, $5, $6) FILTER (WHERE l.cohort AND l.standing = 'control'), pql.tally(l.started_on, l.mrr, $5, $6) FILTER (WHERE l.cohort AND l.standing = 'control' AND l.converted_at <= $1)
		FROM (
			SELECT o.*, pql.member_of($3, o.tier, o.rep, o.segment, o.model, o.channel, o.template) AS member,
				pql.local_date(o.triggered_at, $4) AS triggered_on, pql.local_date(o.contacted_at, $4) AS contacted_on, pql.local_date(o.started_at, $4) AS started_on,
				o.model = $8 AND pql.is_mature(o.started_at, o.trial_ends_at, $1) AS cohort
			FROM %s o
			WHERE o.model = ANY ($7)) l
		GROUP BY l.member$q$, pql.outcome_source(as_of, known_at))
	USING as_of, known_at, by, zone, first_day, today, models, of_model;
END
$$;
COMMENT ON FUNCTION pql.playbook_tallies(timestamptz, text, timestamptz, text, date, date, text[], text) IS 'Leads by day for pql.playbook_counts, as pql.pipeline_tallies.';

CREATE FUNCTION pql.playbook_counts(as_of timestamptz, by text DEFAULT NULL, known_at timestamptz DEFAULT NULL) RETURNS SETOF pql.counted
LANGUAGE sql STABLE SET jit = off
BEGIN ATOMIC
	WITH reported AS MATERIALIZED (
		SELECT r.model, r.timezone, r.since, pql.local_date(as_of, r.timezone) AS today, by IN ('source', 'kind', 'band') AS of_deals FROM pql.reporting() r
	), trials AS MATERIALIZED (
		SELECT t.* FROM reported r CROSS JOIN LATERAL pql.trial_days(r.model, as_of) t WHERE by IS NULL
	), deals AS MATERIALIZED (
		SELECT coalesce(CASE by WHEN 'source' THEN s.source WHEN 'kind' THEN coalesce(d.kind, 'new') WHEN 'band' THEN pql.amount_band(d.amount) END, CASE WHEN by IS NULL THEN '' ELSE 'none' END) AS member,
			s.source, coalesce(d.kind, 'new') AS kind, coalesce(d.amount, 0) AS amount, pql.local_date(d.created_at, r.timezone) AS created_on,
			CASE WHEN coalesce(d.outcome, 'won') = 'won' AND d.closed_at <= as_of THEN pql.local_date(d.closed_at, r.timezone) END AS won_on,
			extract(epoch FROM d.closed_at - s.triggered_at)::float8 / 86400 AS lead_days, extract(epoch FROM d.closed_at - d.created_at)::float8 / 86400 AS days
		FROM reported r CROSS JOIN pql.deal d CROSS JOIN LATERAL pql.deal_source(d) s
		WHERE (by IS NULL OR r.of_deals) AND least(d.created_at, d.closed_at) <= as_of
	), here AS MATERIALIZED (
		SELECT r.*, pql.period_of('month', greatest(r.today - 1827, least(pql.first_day_shown(as_of, r.timezone), (SELECT pql.first_week(r.model, r.today)), (SELECT min(least(d.created_on, d.won_on)) FROM deals d)))) AS first_day,
			EXISTS (SELECT FROM pql.deal) AS any_deal FROM reported r
	), tallied AS MATERIALIZED (
		SELECT t.* FROM here h CROSS JOIN LATERAL pql.playbook_tallies(as_of, by, known_at, h.timezone, h.first_day, h.today, pql.pipeline_models(), h.model) t WHERE h.first_day IS NOT NULL AND h.of_deals IS NOT TRUE
	), days AS MATERIALIZED (
		SELECT t.member, h.first_day - 2 + u.n::int AS day, u.*
		FROM here h CROSS JOIN tallied t
		CROSS JOIN LATERAL unnest(t.triggered, t.accepted, t.closed, t.contacted, t.hours, t.emails, t.email_replies, t.amounts, t.leads, t.leads_converted, t.routed, t.routed_mrr, t.control, t.control_mrr)
			WITH ORDINALITY u (triggered, accepted, closed, contacted, hours, emails, email_replies, amounts, leads, leads_converted, routed, routed_mrr, control, control_mrr, n)
		WHERE u.n > 1
	), trial_months AS MATERIALIZED (
		-- those without a lead
		SELECT pql.period_of('month', t.day) AS month, sum(t.trials) - sum(coalesce(d.leads, 0)) AS trials, sum(t.converted) - sum(coalesce(d.leads_converted, 0)) - sum(coalesce(g.tagged, 0)) AS converted,
			sum(t.trials - coalesce(d.leads, 0)) FILTER (WHERE t.day < pql.local_date(h.since, h.timezone) AND t.day >= pql.local_date(h.since, h.timezone) - 90) AS trials_before,
			sum(t.converted - coalesce(d.leads_converted, 0) - coalesce(g.tagged, 0)) FILTER (WHERE t.day < pql.local_date(h.since, h.timezone) AND t.day >= pql.local_date(h.since, h.timezone) - 90) AS converted_before
		FROM here h CROSS JOIN trials t LEFT JOIN days d ON d.day = t.day
		LEFT JOIN (SELECT g.* FROM reported r CROSS JOIN LATERAL pql.tagged_days(r.model, as_of) g) g ON g.day = t.day
		GROUP BY 1
	), lead_months AS MATERIALIZED (
		SELECT d.member, pql.period_of('month', d.day) AS month, sum(d.triggered) AS triggered, sum(d.accepted) AS accepted, sum(d.closed) AS closed, sum(d.contacted) AS contacted, sum(d.hours) AS hours,
			sum(d.emails) AS emails, sum(d.email_replies) AS email_replies, sum(d.amounts) AS amounts, sum(d.routed) AS routed, sum(d.routed_mrr) AS routed_mrr, sum(d.control) AS control, sum(d.control_mrr) AS control_mrr
		FROM days d GROUP BY 1, 2
	), deal_months AS MATERIALIZED (
		SELECT v.member, pql.period_of('month', v.day) AS month, sum(v.created) AS created, sum(v.won) AS won, sum(v.expansion) AS expansion, sum(v.new) AS new, sum(v.new_deals) AS new_deals,
			sum(v.lead_days) AS lead_days, count(v.lead_days) AS lead_deals, sum(v.outbound_days) AS outbound_days, count(v.outbound_days) AS outbound_deals
		FROM (
			SELECT d.member, d.created_on AS day, CASE WHEN d.source = 'pql' OR by IS NOT NULL THEN d.amount END AS created, NULL::float8 AS won, NULL::float8 AS expansion, NULL::float8 AS new, NULL::float8 AS new_deals, NULL::float8 AS lead_days, NULL::float8 AS outbound_days
			FROM deals d WHERE d.created_on IS NOT NULL
			UNION ALL
			SELECT d.member, d.won_on, NULL, d.amount, CASE WHEN d.kind = 'expansion' THEN d.amount END, CASE WHEN d.kind = 'new' THEN d.amount END, CASE WHEN d.kind = 'new' THEN 1 END,
				CASE WHEN d.source = 'pql' THEN d.lead_days WHEN by IS NOT NULL THEN d.days END, CASE WHEN d.source = 'outbound' THEN d.days END
			FROM deals d WHERE d.won_on IS NOT NULL) v
		GROUP BY 1, 2
	), months AS (
		SELECT m::date AS month, n.member FROM here h CROSS JOIN LATERAL generate_series(h.first_day::timestamp, h.today, '1 month') m
		CROSS JOIN (SELECT '' AS member WHERE by IS NULL UNION SELECT l.member FROM lead_months l UNION SELECT d.member FROM deal_months d) n
	), wide AS (
		SELECT k.member, k.month, l.triggered, l.accepted, l.closed, l.contacted, l.hours, l.emails, l.email_replies, l.amounts, l.routed, l.routed_mrr, l.control, l.control_mrr,
			lag(l.contacted) OVER w AS contacted_before, lag(l.hours) OVER w AS hours_before, lag(l.emails) OVER w AS emails_before, lag(l.email_replies) OVER w AS email_replies_before,
			d.created, d.won, d.expansion, d.new, d.new_deals, d.lead_days, d.lead_deals, d.outbound_days, d.outbound_deals
		FROM months k LEFT JOIN lead_months l ON l.member = k.member AND l.month = k.month LEFT JOIN deal_months d ON d.member = k.member AND d.month = k.month
		WINDOW w AS (PARTITION BY k.member ORDER BY k.month)
	)
	SELECT 'month', w.month, pql.last_day_of('month', w.month), w.member, v.metric, v.value, v.numerator, v.denominator, v.low, v.high, 1::float8, NULL::float8
	FROM here h CROSS JOIN wide w
	LEFT JOIN trial_months t ON t.month = w.month
	LEFT JOIN (SELECT sum(x.trials_before) AS trials, sum(x.converted_before) AS converted FROM trial_months x) b ON true
	LEFT JOIN (SELECT s.* FROM reported r CROSS JOIN LATERAL pql.survey_gaps(as_of, 'month', r.timezone) s WHERE by IS NULL) s ON s.period = w.month
	LEFT JOIN LATERAL pql.rate_difference(t.converted::float8, t.trials::float8, b.converted::float8, b.trials::float8) c ON by IS NULL AND pql.local_date(h.since, h.timezone) <= pql.last_day_of('month', w.month)
	LEFT JOIN LATERAL pql.rate_difference(w.email_replies, w.emails, w.email_replies_before, w.emails_before) e ON true
	CROSS JOIN LATERAL (VALUES
		(1, 'pql_volume', NULL::float8, coalesce(w.triggered, 0)::float8, NULL::float8, NULL::float8, NULL::float8), (1, 'pql_to_sql', NULL, coalesce(w.accepted, 0), coalesce(w.triggered, 0), NULL, NULL),
		(1, 'pql_to_close', NULL, coalesce(w.closed, 0), coalesce(w.triggered, 0), NULL, NULL),
		(2, 'pipeline_created', NULL, coalesce(CASE WHEN h.any_deal THEN w.created ELSE w.amounts END, 0), NULL, NULL, NULL),
		(2, 'sales_cycle_days', NULL, w.lead_days, coalesce(w.lead_deals, 0), NULL, NULL), (0, 'sales_cycle_outbound_days', NULL, w.outbound_days, coalesce(w.outbound_deals, 0), NULL, NULL),
		(0, 'sales_cycle_saving', 1 - w.lead_days / nullif(w.lead_deals, 0) / nullif(w.outbound_days / nullif(w.outbound_deals, 0), 0), NULL, NULL, NULL, NULL),
		(2, 'acv', NULL, w.new, coalesce(w.new_deals, 0), NULL, NULL),
		(1, 'incremental_mrr', (coalesce(w.routed_mrr, 0) / nullif(w.routed, 0) - coalesce(w.control_mrr, 0) / nullif(w.control, 0)) * w.routed, NULL, NULL, NULL, NULL),
		(0, 'expansion_share', NULL, coalesce(w.expansion, 0), coalesce(w.won, 0), NULL, NULL), (0, 'self_serve_change', c.difference, NULL, NULL, c.low, c.high),
		(1, 'reply_rate_change', e.difference, NULL, NULL, e.low, e.high), (1, 'first_touch_hours_change', w.hours / nullif(w.contacted, 0) - w.hours_before / nullif(w.contacted_before, 0), NULL, NULL, NULL, NULL),
		(0, 'nps_gap', s.nps_gap, NULL, NULL, s.nps_low, s.nps_high)
	) v (of, metric, value, numerator, denominator, low, high)
	WHERE by IS NULL OR v.of = CASE WHEN h.of_deals THEN 2 ELSE 1 END AND (v.numerator <> 0 OR v.denominator <> 0 OR v.value IS NOT NULL);
END;
COMMENT ON FUNCTION pql.playbook_counts(timestamptz, text, timestamptz) IS 'The numbers of pql.dashboard_playbook_at.';

CREATE FUNCTION pql.dashboard_playbook_at(as_of timestamptz DEFAULT now(), by text DEFAULT NULL, known_at timestamptz DEFAULT NULL) RETURNS SETOF pql.dashboard_row
LANGUAGE sql STABLE SET jit = off
BEGIN ATOMIC
	SELECT g.*
	FROM pql.reporting() r
	CROSS JOIN pql.playbook_counts(as_of, pql.check_dimension(by, ARRAY['tier', 'rep', 'segment', 'model', 'channel', 'variant', 'source', 'kind', 'band']), known_at) c
	JOIN pql.metric m ON m.dashboard = 'playbook' AND m.metric = c.metric
	CROSS JOIN LATERAL pql.graded(c, m, pql.local_date(as_of, r.timezone)) g
	ORDER BY g.grain, g.period, m.position, g.member;
END;
COMMENT ON FUNCTION pql.dashboard_playbook_at(timestamptz, text, timestamptz) IS 'What leads bring, by month, as of an instant. by and known_at: as for pql.dashboard_pipeline_at; of deals also source, kind and band (of the amount).';

-- ---- feedback ----

CREATE FUNCTION pql.feedback_tallies(as_of timestamptz, by text, known_at timestamptz, zone text, first_day date, today date, models text[])
RETURNS TABLE (member text, disposed float8[], accepted float8[], engaged float8[], disqualified float8[], silent float8[])
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
	RETURN QUERY EXECUTE format($q$
		SELECT l.member,
			pql.tally(l.disposed_on, 1, $5, $6), pql.tally(l.disposed_on, 1, $5, $6) FILTER (WHERE l.accepted_at IS NOT NULL), pql.tally(l.disposed_on, 1, $5, $6) FILTER (WHERE l.accepted_at IS NULL AND l.engaged_at IS NOT NULL),
			pql.tally(l.disposed_on, 1, $5, $6) FILTER (WHERE l.disqualified_at IS NOT NULL), pql.tally(l.disposed_on, 1, $5, $6) FILTER (WHERE coalesce(l.accepted_at, l.engaged_at, l.disqualified_at) IS NULL)
		FROM (SELECT o.*, %s AS member, pql.local_date(o.disposed_at, $4) AS disposed_on FROM %s o%s WHERE o.model = ANY ($7) AND o.disposed_at IS NOT NULL) l
		GROUP BY l.member$q$,
		CASE by WHEN 'signal' THEN 's.signal' WHEN 'reason' THEN $f$coalesce(s.reason, 'none')$f$ ELSE 'pql.member_of($3, o.tier, o.rep, o.segment, o.model, o.channel, o.template)' END, pql.outcome_source(as_of, known_at),
		CASE by WHEN 'signal' THEN $f$ JOIN pql.lead_event e ON e.user_id = o.user_id AND e.lead_id = o.lead_id AND e.event = 'pql_triggered' CROSS JOIN LATERAL jsonb_array_elements_text(e.details -> 'signals_met') s (signal)$f$
			WHEN 'reason' THEN $f$ CROSS JOIN LATERAL (SELECT e.details ->> 'reason' AS reason FROM pql.lead_event e WHERE e.user_id = o.user_id AND e.lead_id = o.lead_id
				AND e.event = 'pql_dispositioned' AND e.details ->> 'disposition' = 'disqualified' AND e.occurred_at <= $1 ORDER BY e.event_id LIMIT 1) s$f$ ELSE '' END)
	USING as_of, known_at, by, zone, first_day, today, models;
END
$$;
COMMENT ON FUNCTION pql.feedback_tallies(timestamptz, text, timestamptz, text, date, date, text[]) IS 'Leads by day for pql.feedback_counts, as pql.pipeline_tallies; by also signal (that was met when the lead was found) and reason (of those disqualified).';

CREATE FUNCTION pql.feedback_counts(as_of timestamptz, by text DEFAULT NULL, known_at timestamptz DEFAULT NULL) RETURNS SETOF pql.counted
LANGUAGE sql STABLE SET jit = off
BEGIN ATOMIC
	WITH here AS MATERIALIZED (
		SELECT r.model, r.timezone, pql.local_date(as_of, r.timezone) AS today, pql.first_day_shown(as_of, r.timezone) AS first_day FROM pql.reporting() r
	), disposed AS MATERIALIZED (
		SELECT t.member, h.first_day - 2 + u.n::int AS day, u.*
		FROM here h CROSS JOIN LATERAL pql.feedback_tallies(as_of, by, known_at, h.timezone, h.first_day, h.today, pql.pipeline_models()) t
		CROSS JOIN LATERAL unnest(t.disposed, t.accepted, t.engaged, t.disqualified, t.silent) WITH ORDINALITY u (disposed, accepted, engaged, disqualified, silent, n)
		WHERE h.first_day IS NOT NULL AND by IS DISTINCT FROM 'template' AND u.n > 1
	), happened AS MATERIALIZED (
		SELECT t.member, h.first_day - 2 + u.n::int AS day, u.*
		FROM here h CROSS JOIN LATERAL (
			SELECT e.member,
				pql.tally(e.day, 1, h.first_day, h.today) FILTER (WHERE e.event = 'reply_received') AS replies, pql.tally(e.day, 1, h.first_day, h.today) FILTER (WHERE e.event = 'reply_received' AND e.details ->> 'reply' = 'positive') AS positive,
				pql.tally(e.day, 1, h.first_day, h.today) FILTER (WHERE e.event = 'outreach_sent' AND e.details ->> 'channel' = 'email') AS emails,
				pql.tally(pql.local_date((e.details ->> 'emailed_at')::timestamptz, h.timezone), 1, h.first_day, h.today) FILTER (WHERE e.event = 'reply_received' AND e.details ? 'answers') AS answered,
				pql.tally(e.day, 1, h.first_day, h.today) FILTER (WHERE e.event = 'pql_released') AS released, pql.tally(e.day, 1, h.first_day, h.today) FILTER (WHERE e.event = 'lead_reopened') AS reopened,
				pql.tally(e.day, 1, h.first_day, h.today) FILTER (WHERE e.event = 'support_lost') AS unsupported
			FROM (
				SELECT x.event, x.details, pql.local_date(x.occurred_at, h.timezone) AS day,
					CASE by WHEN 'template' THEN coalesce(x.details ->> 'template', 'none')
						ELSE pql.member_of(by, l.tier, coalesce(x.details ->> 'sdr_id', l.rep), l.segment, l.model, coalesce(x.details ->> 'channel', l.channel), l.template) END AS member
				FROM pql.lead_event x LEFT JOIN LATERAL (SELECT z.* FROM pql.lead z WHERE by <> 'template' AND z.user_id = x.user_id AND z.lead_id = x.lead_id) l ON true
				WHERE x.event IN ('reply_received', 'outreach_sent', 'pql_released', 'lead_reopened', 'support_lost') AND x.occurred_at <= as_of AND (known_at IS NULL OR x.recorded_at <= known_at)
					AND h.first_day IS NOT NULL AND (by IN ('signal', 'reason')) IS NOT TRUE
				OFFSET 0) e
			GROUP BY e.member) t
		CROSS JOIN LATERAL unnest(t.replies, t.positive, t.emails, t.answered, t.released, t.reopened, t.unsupported) WITH ORDINALITY u (replies, positive, emails, answered, released, reopened, unsupported, n)
		WHERE u.n > 1
	), wide AS (
		SELECT coalesce(d.member, e.member) AS member, pql.period_of('week', coalesce(d.day, e.day)) AS week, coalesce(sum(d.disposed), 0) AS disposed, coalesce(sum(d.accepted), 0) AS accepted, coalesce(sum(d.engaged), 0) AS engaged,
			coalesce(sum(d.disqualified), 0) AS disqualified, coalesce(sum(d.silent), 0) AS silent, coalesce(sum(e.replies), 0) AS replies, coalesce(sum(e.positive), 0) AS positive, coalesce(sum(e.emails), 0) AS emails,
			coalesce(sum(e.answered), 0) AS answered, coalesce(sum(e.released), 0) AS released, coalesce(sum(e.reopened), 0) AS reopened, coalesce(sum(e.unsupported), 0) AS unsupported
		FROM disposed d FULL JOIN happened e ON e.member = d.member AND e.day = d.day
		GROUP BY 1, 2
	)
	SELECT 'week', w.week, w.week + 6, w.member, v.metric, NULL::float8, v.numerator, v.denominator, NULL::float8, NULL::float8, 1::float8, NULL::float8
	FROM wide w CROSS JOIN LATERAL (VALUES
		('dispositioned', w.disposed, NULL::float8), ('acceptance_rate', w.accepted, w.disposed), ('engaged_rate', w.engaged, w.disposed), ('false_positive_rate', w.disqualified, w.disposed), ('no_response_rate', w.silent, w.disposed),
		('replies', w.replies, NULL), ('positive_reply_rate', w.positive, w.replies), ('reply_rate', w.answered, w.emails), ('released', w.released, NULL), ('reopened', w.reopened, NULL), ('unsupported', w.unsupported, NULL)
	) v (metric, numerator, denominator)
	WHERE by IS NULL OR v.numerator <> 0 OR v.denominator <> 0;
END;
COMMENT ON FUNCTION pql.feedback_counts(timestamptz, text, timestamptz) IS 'The numbers of pql.dashboard_feedback_at.';

CREATE FUNCTION pql.dashboard_feedback_at(as_of timestamptz DEFAULT now(), by text DEFAULT NULL, known_at timestamptz DEFAULT NULL) RETURNS SETOF pql.dashboard_row
LANGUAGE sql STABLE SET jit = off
BEGIN ATOMIC
	SELECT g.*
	FROM pql.reporting() r
	CROSS JOIN pql.feedback_counts(as_of, pql.check_dimension(by, ARRAY['tier', 'rep', 'segment', 'model', 'channel', 'variant', 'template', 'signal', 'reason']), known_at) c
	JOIN pql.metric m ON m.dashboard = 'feedback' AND m.metric = c.metric
	CROSS JOIN LATERAL pql.graded(c, m, pql.local_date(as_of, r.timezone)) g
	ORDER BY g.grain, g.period, m.position, g.member;
END;
COMMENT ON FUNCTION pql.dashboard_feedback_at(timestamptz, text, timestamptz) IS 'What sales and customers say of leads, by week, as of an instant. by: also template (of each e-mail), signal (met when the lead was found: which predict, which are noise) and reason (of the disqualified). known_at: as for pql.dashboard_pipeline_at.';
