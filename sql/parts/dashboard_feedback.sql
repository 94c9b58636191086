-- Feedback: what sales and customers say, by week.

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
					-- the others happen to leads that are routed
					AND (x.event <> 'support_lost' OR EXISTS (SELECT FROM pql.lead o WHERE o.user_id = x.user_id AND o.lead_id = x.lead_id AND o.model = ANY (pql.pipeline_models())))
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
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT d.* FROM pql.dashboard_at('feedback', as_of, pql.check_dimension(by, ARRAY['tier', 'rep', 'segment', 'model', 'channel', 'variant', 'template', 'signal', 'reason']), known_at) d;
END;
COMMENT ON FUNCTION pql.dashboard_feedback_at(timestamptz, text, timestamptz) IS 'What sales and customers say of leads, by week, as of an instant. by: also template (of each e-mail), signal (met when the lead was found: which predict, which are noise) and reason (of the disqualified). known_at: as for pql.dashboard_pipeline_at.';
