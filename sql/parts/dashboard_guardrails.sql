-- Guardrails: what must not get worse, by week.

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
			pql.tally(pql.local_date(l.routed_at, $4), 1, $5, $6) FILTER (WHERE l.returned_at IS NULL) AS load_in, pql.tally(pql.local_date(l.ended_at, $4), 1, $5, $6) FILTER (WHERE l.routed_at IS NOT NULL AND l.returned_at IS NULL) AS load_out,
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
	), again AS (
		SELECT x.member, greatest(pql.local_date(x.occurred_at, h.timezone), h.first_day - 1) AS day, sum(x.held)::float8 AS held
		FROM here h CROSS JOIN pql.held_again(as_of, known_at, by) x WHERE x.held <> 0 GROUP BY 1, 2
	), days AS (
		SELECT t.member, h.first_day - 2 + u.n::int AS day, u.*, sum(coalesce(u.load_in, 0) - coalesce(u.load_out, 0) + coalesce(a.held, 0)) OVER (PARTITION BY t.member ORDER BY u.n) AS open_load
		FROM here h CROSS JOIN tallied t
		CROSS JOIN LATERAL unnest(t.contacted, t.complained, t.declined, t.disposed, t.disqualified, t.assigned, t.load_in, t.load_out, t.leads, t.leads_converted)
			WITH ORDINALITY u (contacted, complained, declined, disposed, disqualified, assigned, load_in, load_out, leads, leads_converted, n)
		LEFT JOIN again a ON a.member = t.member AND a.day = h.first_day - 2 + u.n::int
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
		(1, 'utilisation', NULL, w.assigned, CASE WHEN pql.local_date(h.since, h.timezone) <= w.week + 6 THEN CASE WHEN by = 'rep' THEN 1 ELSE h.reps END * w.weekdays ELSE 0 END, NULL, NULL), (1, 'open_load', NULL, w.open_load, CASE WHEN by = 'rep' THEN 1 ELSE h.reps END, NULL, NULL),
		(1, 'false_positive_rate', NULL, w.disqualified, w.disposed, NULL, NULL),
		(0, 'self_serve_conversion', NULL, w.converted, w.trials, NULL, NULL), (0, 'self_serve_change', c.difference, NULL, NULL, c.low, c.high)
	) v (of_leads, metric, value, numerator, denominator, low, high)
	WHERE by IS NULL OR v.of_leads = 1 AND (v.numerator <> 0 OR v.denominator <> 0 AND v.metric NOT IN ('utilisation', 'open_load'));
END;
COMMENT ON FUNCTION pql.guardrails_counts(timestamptz, text, timestamptz) IS 'The numbers of pql.dashboard_guardrails_at.';

CREATE FUNCTION pql.dashboard_guardrails_at(as_of timestamptz DEFAULT now(), by text DEFAULT NULL, known_at timestamptz DEFAULT NULL) RETURNS SETOF pql.dashboard_row
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT d.* FROM pql.dashboard_at('guardrails', as_of, pql.check_dimension(by, ARRAY['tier', 'rep', 'segment', 'model', 'channel', 'variant']), known_at) d;
END;
COMMENT ON FUNCTION pql.dashboard_guardrails_at(timestamptz, text, timestamptz) IS 'What must not get worse, by week, as of an instant. by and known_at: as for pql.dashboard_pipeline_at; of leads alone.';
