-- Playbook: what leads bring, by month.

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
	leads float8[], leads_converted float8[], routed float8[], routed_mrr float8[], routed_squares float8[], control float8[], control_mrr float8[], control_squares float8[])
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
	RETURN QUERY EXECUTE format($q$
		SELECT l.member,
			pql.tally(l.triggered_on, 1, $5, $6) FILTER (WHERE NOT l.backfilled), pql.tally(l.triggered_on, 1, $5, $6) FILTER (WHERE NOT l.backfilled AND l.accepted_at IS NOT NULL),
			pql.tally(l.triggered_on, 1, $5, $6) FILTER (WHERE NOT l.backfilled AND l.converted_at <= $1 AND l.converted_at >= l.triggered_at),
			pql.tally(l.contacted_on, 1, $5, $6) FILTER (WHERE l.contact_hours IS NOT NULL), pql.tally(l.contacted_on, l.contact_hours, $5, $6), pql.tally(l.contacted_on, l.emails, $5, $6), pql.tally(l.contacted_on, l.email_replies, $5, $6),
			pql.tally(pql.local_date(l.meeting_at, $4), l.amount, $5, $6),
			pql.tally(l.started_on, 1, $5, $6) FILTER (WHERE l.cohort), pql.tally(l.started_on, 1, $5, $6) FILTER (WHERE l.cohort AND l.converted_at <= $1),
			pql.tally(l.started_on, 1, $5, $6) FILTER (WHERE l.cohort AND l.standing = 'routed'), pql.tally(l.started_on, l.mrr, $5, $6) FILTER (WHERE l.cohort AND l.standing = 'routed' AND l.converted_at <= $1), pql.tally(l.started_on, l.mrr * l.mrr, $5, $6) FILTER (WHERE l.cohort AND l.standing = 'routed' AND l.converted_at <= $1),
			pql.tally(l.started_on, 1, $5, $6) FILTER (WHERE l.cohort AND l.standing = 'control'), pql.tally(l.started_on, l.mrr, $5, $6) FILTER (WHERE l.cohort AND l.standing = 'control' AND l.converted_at <= $1), pql.tally(l.started_on, l.mrr * l.mrr, $5, $6) FILTER (WHERE l.cohort AND l.standing = 'control' AND l.converted_at <= $1)
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
		SELECT r.*, pql.period_of('month', pql.shown_from(least(pql.first_day_shown(as_of, r.timezone), (SELECT pql.first_week(r.model, r.today)), (SELECT min(least(d.created_on, d.won_on)) FROM deals d)), r.today)) AS first_day,
			EXISTS (SELECT FROM pql.deal x WHERE least(x.created_at, x.closed_at) <= as_of) AS any_deal FROM reported r
	), tallied AS MATERIALIZED (
		SELECT t.* FROM here h CROSS JOIN LATERAL pql.playbook_tallies(as_of, by, known_at, h.timezone, h.first_day, h.today, pql.pipeline_models(), h.model) t WHERE h.first_day IS NOT NULL AND h.of_deals IS NOT TRUE
	), days AS MATERIALIZED (
		SELECT t.member, h.first_day - 2 + u.n::int AS day, u.*
		FROM here h CROSS JOIN tallied t
		CROSS JOIN LATERAL unnest(t.triggered, t.accepted, t.closed, t.contacted, t.hours, t.emails, t.email_replies, t.amounts, t.leads, t.leads_converted, t.routed, t.routed_mrr, t.routed_squares, t.control, t.control_mrr, t.control_squares)
			WITH ORDINALITY u (triggered, accepted, closed, contacted, hours, emails, email_replies, amounts, leads, leads_converted, routed, routed_mrr, routed_squares, control, control_mrr, control_squares, n)
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
			sum(d.emails) AS emails, sum(d.email_replies) AS email_replies, sum(d.amounts) AS amounts, sum(d.routed) AS routed, sum(d.routed_mrr) AS routed_mrr, sum(d.routed_squares) AS routed_squares,
			sum(d.control) AS control, sum(d.control_mrr) AS control_mrr, sum(d.control_squares) AS control_squares
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
		SELECT k.member, k.month, l.triggered, l.accepted, l.closed, l.contacted, l.hours, l.emails, l.email_replies, l.amounts, l.routed, l.routed_mrr, l.routed_squares, l.control, l.control_mrr, l.control_squares,
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
	LEFT JOIN LATERAL pql.mean_difference(w.routed_mrr, w.routed_squares, w.routed, w.control_mrr, w.control_squares, w.control) i ON true
	CROSS JOIN LATERAL (VALUES
		(1, 'pql_volume', NULL::float8, coalesce(w.triggered, 0)::float8, NULL::float8, NULL::float8, NULL::float8), (1, 'pql_to_sql', NULL, coalesce(w.accepted, 0), coalesce(w.triggered, 0), NULL, NULL),
		(1, 'pql_to_close', NULL, coalesce(w.closed, 0), coalesce(w.triggered, 0), NULL, NULL),
		(2, 'pipeline_created', NULL, coalesce(CASE WHEN h.any_deal THEN w.created ELSE w.amounts END, 0), NULL, NULL, NULL),
		(2, 'sales_cycle_days', NULL, w.lead_days, coalesce(w.lead_deals, 0), NULL, NULL), (0, 'sales_cycle_outbound_days', NULL, w.outbound_days, coalesce(w.outbound_deals, 0), NULL, NULL),
		(0, 'sales_cycle_saving', 1 - w.lead_days / nullif(w.lead_deals, 0) / nullif(w.outbound_days / nullif(w.outbound_deals, 0), 0), NULL, NULL, NULL, NULL),
		(2, 'acv', NULL, w.new, coalesce(w.new_deals, 0), NULL, NULL),
		(1, 'incremental_mrr', i.difference * w.routed, NULL, NULL, i.low * w.routed, i.high * w.routed),
		(0, 'expansion_share', NULL, coalesce(w.expansion, 0), coalesce(w.won, 0), NULL, NULL), (0, 'self_serve_change', c.difference, NULL, NULL, c.low, c.high),
		(1, 'reply_rate_change', e.difference, NULL, NULL, e.low, e.high), (1, 'first_touch_hours_change', w.hours / nullif(w.contacted, 0) - w.hours_before / nullif(w.contacted_before, 0), NULL, NULL, NULL, NULL),
		(0, 'nps_gap', s.nps_gap, NULL, NULL, s.nps_low, s.nps_high)
	) v (of, metric, value, numerator, denominator, low, high)
	WHERE by IS NULL OR v.of = CASE WHEN h.of_deals THEN 2 ELSE 1 END AND (v.numerator <> 0 OR v.denominator <> 0 OR v.value IS NOT NULL);
END;
COMMENT ON FUNCTION pql.playbook_counts(timestamptz, text, timestamptz) IS 'The numbers of pql.dashboard_playbook_at.';

CREATE FUNCTION pql.dashboard_playbook_at(as_of timestamptz DEFAULT now(), by text DEFAULT NULL, known_at timestamptz DEFAULT NULL) RETURNS SETOF pql.dashboard_row
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT d.* FROM pql.dashboard_at('playbook', as_of, pql.check_dimension(by, ARRAY['tier', 'rep', 'segment', 'model', 'channel', 'variant', 'source', 'kind', 'band']), known_at) d;
END;
COMMENT ON FUNCTION pql.dashboard_playbook_at(timestamptz, text, timestamptz) IS 'What leads bring, by month, as of an instant. by and known_at: as for pql.dashboard_pipeline_at; of deals also source, kind and band (of the amount).';
