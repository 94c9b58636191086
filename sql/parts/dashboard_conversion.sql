-- Conversion impact: what becomes of trials, by week of their start.

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

CREATE FUNCTION pql.tagged_days(of_model text, as_of timestamptz) RETURNS TABLE (day date, tagged bigint, mrr float8)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT s.started_on, count(*), sum(t.mrr)
	FROM pql.trial t JOIN pql.score s ON s.user_id = t.user_id AND s.model = of_model AND s.started_at = t.started_at
	WHERE t.conversion_source = 'sales_assisted' AND s.converted_at <= as_of AND pql.is_mature(s.started_at, s.ends_at, as_of)
		AND NOT EXISTS (SELECT FROM pql.lead l WHERE l.user_id = s.user_id AND l.model = s.model AND l.started_at = s.started_at AND l.triggered_at <= as_of)
	GROUP BY 1;
END;
COMMENT ON FUNCTION pql.tagged_days(text, timestamptz) IS 'Mature trials without a lead of which billing says that sales had a part in the payment, and their MRR.';

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
			pql.tally(l.day, 1, $5, $6) FILTER (WHERE l.converted AND l.contacted_at <= l.converted_at) AS assisted_contacted,
			pql.tally(l.day, l.conversion_touches, $5, $6) FILTER (WHERE l.converted AND l.contacted_at <= l.converted_at) AS touches,
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
		SELECT coalesce(d.member, '') AS member, coalesce(d.day, t.day) AS day, t.trials, t.open, t.converted, g.tagged, g.mrr AS tagged_mrr,
			d.leads, d.leads_converted, d.routed, d.routed_converted, d.control, d.control_converted, d.contacted, d.meetings, d.touched, d.engaged, d.assisted_contacted, d.touches, d.emails, d.email_replies, d.assisted, d.mrr
		FROM days d FULL JOIN trials t ON t.day = d.day
		LEFT JOIN (SELECT g.* FROM here h CROSS JOIN LATERAL pql.tagged_days(h.model, as_of) g WHERE by IS NULL) g ON g.day = coalesce(d.day, t.day)
	), wide AS (
		SELECT g.grain, CASE g.grain WHEN 'all' THEN (SELECT h.first_day FROM here h) ELSE pql.period_of(g.grain, d.day) END AS period, d.member,
			coalesce(sum(d.trials), 0) AS trials, coalesce(sum(d.open), 0) AS open, coalesce(sum(d.converted), 0) AS converted, coalesce(sum(d.tagged), 0) AS tagged,
			coalesce(sum(d.leads), 0) AS leads, coalesce(sum(d.leads_converted), 0) AS leads_converted, coalesce(sum(d.routed), 0) AS routed, coalesce(sum(d.routed_converted), 0) AS routed_converted,
			coalesce(sum(d.control), 0) AS control, coalesce(sum(d.control_converted), 0) AS control_converted, coalesce(sum(d.contacted), 0) AS contacted, coalesce(sum(d.meetings), 0) AS meetings,
			coalesce(sum(d.touched), 0) AS touched, coalesce(sum(d.engaged), 0) AS engaged, coalesce(sum(d.assisted_contacted), 0) AS assisted_contacted, coalesce(sum(d.touches), 0) AS touches,
			coalesce(sum(d.emails), 0) AS emails, coalesce(sum(d.email_replies), 0) AS email_replies, coalesce(sum(d.assisted), 0) AS assisted, coalesce(sum(d.mrr), 0) + coalesce(sum(d.tagged_mrr), 0) AS mrr
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
		(1, 'reply_rate', NULL, w.email_replies, w.emails, NULL, NULL), (1, 'touches_to_conversion', NULL, w.touches, w.assisted_contacted, NULL, NULL), (1, 'assisted_mrr', NULL, w.mrr, NULL, NULL, NULL),
		(1, 'assisted_conversions', NULL, w.assisted + w.tagged, NULL, NULL, NULL), (0, 'self_serve_conversions', NULL, w.converted - w.assisted - w.tagged, NULL, NULL, NULL),
		(0, 'converted_untouched', NULL, w.converted - w.touched - w.engaged, NULL, NULL, NULL), (1, 'converted_touched', NULL, w.touched, NULL, NULL, NULL), (1, 'converted_engaged', NULL, w.engaged, NULL, NULL, NULL)
	) v (of_leads, metric, value, numerator, denominator, low, high)
	WHERE by IS NULL OR v.of_leads = 1 AND (v.numerator <> 0 OR v.denominator <> 0 OR v.value IS NOT NULL);
END;
COMMENT ON FUNCTION pql.conversion_counts(timestamptz, text, timestamptz) IS 'The numbers of pql.dashboard_conversion_at.';

CREATE FUNCTION pql.dashboard_conversion_at(as_of timestamptz DEFAULT now(), by text DEFAULT NULL, known_at timestamptz DEFAULT NULL) RETURNS SETOF pql.dashboard_row
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT d.* FROM pql.dashboard_at('conversion', as_of, pql.check_dimension(by, ARRAY['tier', 'rep', 'segment', 'model', 'channel', 'variant']), known_at) d;
END;
COMMENT ON FUNCTION pql.dashboard_conversion_at(timestamptz, text, timestamptz) IS 'What becomes of trials, by week of their start and all in one, as of an instant; mature trials only. Routed against unrouted is selection, not effect: routing takes the best. What sales add is told by the control arm (incremental_conversion). by and known_at: as for pql.dashboard_pipeline_at; of leads alone.';
