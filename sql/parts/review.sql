-- The weekly review: what a team looks at together, and what it wants to do about it.

CREATE FUNCTION pql.signal_outcomes(as_of timestamptz DEFAULT now(), known_at timestamptz DEFAULT NULL)
RETURNS TABLE (signal text, category text, leads float8, dispositioned float8, accepted float8, acceptance_rate float8, low float8, high float8, without_rate float8, lift float8, disqualified float8, false_positive_rate float8, verdict text)
LANGUAGE sql STABLE SET jit = off
BEGIN ATOMIC
	WITH l AS MATERIALIZED (
		SELECT o.user_id, o.lead_id, o.model, o.disposed_at IS NOT NULL AS disposed, o.disposed_at IS NOT NULL AND o.accepted_at IS NOT NULL AS accepted, o.disposed_at IS NOT NULL AND o.disqualified_at IS NOT NULL AS disqualified
		FROM pql.outcomes_at(as_of, known_at) o WHERE o.model = (SELECT r.model FROM pql.reporting() r)
	), whole AS (
		SELECT count(*) FILTER (WHERE l.disposed)::float8 AS disposed, count(*) FILTER (WHERE l.accepted)::float8 AS accepted FROM l
	), met AS (
		SELECT s.signal, count(*)::float8 AS leads, count(*) FILTER (WHERE l.disposed)::float8 AS disposed, count(*) FILTER (WHERE l.accepted)::float8 AS accepted, count(*) FILTER (WHERE l.disqualified)::float8 AS disqualified
		FROM l JOIN pql.lead_event e ON e.user_id = l.user_id AND e.lead_id = l.lead_id AND e.event = 'pql_triggered' CROSS JOIN LATERAL jsonb_array_elements_text(e.details -> 'signals_met') s (signal)
		GROUP BY 1
	)
	SELECT d.signal, d.category, coalesce(m.leads, 0), coalesce(m.disposed, 0), coalesce(m.accepted, 0), m.accepted / nullif(m.disposed, 0), i.low, i.high, (w.accepted - m.accepted) / nullif(w.disposed - m.disposed, 0),
		m.accepted / nullif(m.disposed, 0) / nullif((w.accepted - m.accepted) / nullif(w.disposed - m.disposed, 0), 0), coalesce(m.disqualified, 0), m.disqualified / nullif(m.disposed, 0),
		CASE WHEN c.low > 0 THEN 'predicts' WHEN c.high < 0 OR pql.metric_status('lower', m.disqualified / nullif(m.disposed, 0), f.low, f.high, fm.target, NULL, NULL, NULL, true) = 'warn' THEN 'noisy' ELSE 'unclear' END
	FROM pql.reporting() r
	CROSS JOIN LATERAL ROWS FROM (pql.model_signals(pql.model(r.model))) WITH ORDINALITY d (signal, effect, category, events, n)
	CROSS JOIN whole w
	JOIN pql.metric fm ON fm.dashboard = 'guardrails' AND fm.metric = 'false_positive_rate'
	LEFT JOIN met m ON m.signal = d.signal
	LEFT JOIN LATERAL pql.wilson(m.accepted, m.disposed) i ON true
	LEFT JOIN LATERAL pql.wilson(m.disqualified, m.disposed) f ON true
	LEFT JOIN LATERAL pql.rate_difference(m.accepted, m.disposed, w.accepted - m.accepted, w.disposed - m.disposed) c ON true
	ORDER BY d.n;
END;
COMMENT ON FUNCTION pql.signal_outcomes(timestamptz, timestamptz) IS 'Of each signal of the model that routes leads: how many leads met it when they were found, and how many of these were accepted, against the leads that did not (lift: how many times as often). verdict: predicts (accepted more often, and that is no chance), noisy (less often, or disqualified clearly more often than is aimed at), else unclear. Among leads only: what signals say of all trials is told by calibration.';

CREATE TABLE pql.review_action (
	week date NOT NULL,
	action text NOT NULL CHECK (btrim(action) <> ''),
	owner text,
	recorded_at timestamptz NOT NULL,
	done_at timestamptz,
	PRIMARY KEY (week, action)
);
COMMENT ON TABLE pql.review_action IS 'What a team has decided to do, in which week''s review (its Monday).';
SELECT pg_catalog.pg_extension_config_dump('pql.review_action', '');

CREATE FUNCTION pql.note_action(action text, owner text DEFAULT NULL, week date DEFAULT NULL, done boolean DEFAULT false, as_of timestamptz DEFAULT now()) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF coalesce(btrim(action), '') = '' THEN
		RAISE EXCEPTION 'an action needs words' USING ERRCODE = 'null_value_not_allowed', HINT = 'SELECT pql.note_action(''raise the bar of multi_day'', ''RevOps'');';
	END IF;
	INSERT INTO pql.review_action AS a (week, action, owner, recorded_at, done_at)
	VALUES (pql.period_of('week', coalesce(week, (SELECT pql.local_date(as_of, r.timezone) FROM pql.reporting() r))), action, owner, as_of, CASE WHEN done THEN as_of END)
	ON CONFLICT ON CONSTRAINT review_action_pkey DO UPDATE SET owner = coalesce(EXCLUDED.owner, a.owner), done_at = EXCLUDED.done_at;
END
$$;
COMMENT ON FUNCTION pql.note_action(text, text, date, boolean, timestamptz) IS 'Records what was decided in a week''s review (NULL: this week''s), and who does it; with done, that it has been. ERROR: no words.';

CREATE FUNCTION pql.weekly_review(week date DEFAULT NULL, as_of timestamptz DEFAULT now())
RETURNS TABLE (section text, item text, value float8, numerator float8, denominator float8, target float8, status text, note text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
	zone text := r.timezone FROM pql.reporting() r;
	of_model text := r.model FROM pql.reporting() r;
	today date := pql.local_date(as_of, zone);
	monday date := pql.period_of('week', coalesce(week, today - 7));
	-- what was known when the week was over
	instant timestamptz := least(as_of, (monday + 7)::timestamp AT TIME ZONE zone);
	changed timestamptz;
BEGIN
	IF monday > today THEN
		RAISE EXCEPTION 'the week of % has not begun', monday USING ERRCODE = 'invalid_parameter_value', HINT = 'SELECT * FROM pql.weekly_review(); is about the last one.';
	END IF;
	IF NOT EXISTS (SELECT FROM pql.lead_event e WHERE e.event = 'pql_triggered' AND e.occurred_at < instant) THEN
		RETURN QUERY SELECT 'advice', 'no_leads', NULL::float8, NULL::float8, NULL::float8, NULL::float8, 'no_data', format('There were no leads by %s. Leads come of pql.refresh(), and go to reps once routing is started: SELECT pql.start_routing(%L);', pql.local_date(instant, zone), coalesce(of_model, 'trial'));
		RETURN;
	END IF;
	RETURN QUERY SELECT 'volume', coalesce(d.member, 'all'), d.value, d.numerator, d.denominator, d.target, d.status, format('%s leads assigned', d.numerator)
		FROM pql.dashboard_guardrails_at(instant, 'rep') d WHERE d.metric = 'utilisation' AND d.period = monday;
	RETURN QUERY SELECT 'acceptance', d.metric, d.value, d.numerator, d.denominator, d.target, d.status, d.title
		FROM pql.dashboard_pipeline_at(instant) d WHERE d.grain = 'week' AND d.period = monday AND d.metric IN ('triggered', 'acceptance_rate', 'acceptance_rate_wide', 'rejection_rate', 'sla_compliance');
	RETURN QUERY SELECT 'rejections', d.member, d.value, d.numerator, d.denominator, d.target, d.status, 'disqualified'
		FROM pql.dashboard_feedback_at(instant, 'reason') d WHERE d.metric = 'dispositioned' AND d.period = monday;
	RETURN QUERY SELECT 'signals', s.signal, s.acceptance_rate, s.accepted, s.dispositioned, NULL::float8, s.verdict,
		concat_ws(', ', CASE WHEN s.lift IS NOT NULL THEN format('accepted %s times as often as without it', trim_scale(round(s.lift::numeric, 2))) END, CASE WHEN s.disqualified > 0 THEN format('%s disqualified', s.disqualified) END)
		FROM pql.signal_outcomes(instant) s WHERE s.leads > 0;
	RETURN QUERY SELECT 'templates', d.member, d.value, d.numerator, d.denominator, d.target, d.status, 'e-mails answered'
		FROM pql.dashboard_feedback_at(instant, 'template') d WHERE d.metric = 'reply_rate' AND d.period = monday;
	RETURN QUERY SELECT 'objections', e.details ->> 'reply', count(*)::float8, count(*)::float8, NULL::float8, NULL::float8, 'ok', string_agg(DISTINCT nullif(btrim(e.details ->> 'note'), ''), '; ')
		FROM pql.lead_event e WHERE e.event = 'reply_received' AND e.details ->> 'reply' <> 'positive' AND e.occurred_at <= instant AND e.occurred_at >= monday::timestamp AT TIME ZONE zone GROUP BY 2 ORDER BY 2;
	RETURN QUERY SELECT 'actions', a.action, NULL::float8, NULL::float8, NULL::float8, NULL::float8, CASE WHEN a.done_at <= as_of THEN 'ok' WHEN a.week < monday THEN 'warn' ELSE 'inconclusive' END,
		concat_ws(', ', a.owner, CASE WHEN a.done_at <= as_of THEN 'done ' || pql.local_date(a.done_at, zone) ELSE format('of the week of %s', a.week) END)
		FROM pql.review_action a WHERE a.recorded_at <= as_of AND a.week <= monday + 7 AND (a.done_at > as_of OR a.done_at IS NULL OR pql.local_date(a.done_at, zone) >= monday) ORDER BY a.week, a.recorded_at;

	RETURN QUERY SELECT 'advice', d.metric, d.value, d.numerator, d.denominator, d.target, d.status, CASE d.metric WHEN 'acceptance_rate' THEN 'Tighten: look at the signals above that are noisy, and at the reasons.' ELSE 'Find out why first touches are late: too many leads, too few reps, or alerts that nobody sees.' END
		FROM pql.dashboard_pipeline_at(instant) d WHERE d.grain = 'week' AND d.period = monday AND d.metric IN ('acceptance_rate', 'sla_compliance') AND d.value < d.target;
	SELECT max(v.created_at) INTO changed FROM pql.model_version v JOIN pql.active_model m ON m.model = v.model AND m.version = v.version WHERE v.model = of_model;
	IF EXTRACT(month FROM monday + 6) IN (1, 4, 7, 10) AND EXTRACT(day FROM monday + 6) <= 7 THEN
		RETURN QUERY SELECT 'advice', 'recalibrate', NULL::float8, NULL::float8, NULL::float8, NULL::float8, 'warn', format('A quarter has begun: recalibrate the model "%s" against what was paid for since (its version is of %s).', of_model, pql.local_date(changed, zone));
	END IF;
END
$$;
COMMENT ON FUNCTION pql.weekly_review(date, timestamptz) IS 'What to talk about in the review of a week (any day of it; NULL: the last one that is over), as it was known when it ended: volume per rep, acceptance and rejections, signals (status: predicts, noisy, unclear), templates, objections, actions that are open, and advice. In the first week of a quarter a reminder to recalibrate. ERROR: a week to come.';
