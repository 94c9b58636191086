-- Outcomes: what came of leads, once and for all, which dashboards count.
--
-- pql.lead keeps it while the log is written (pql.note_outcome), so that dashboards of today read one row a lead. As of an
-- earlier instant the log itself is read (pql.outcomes_of_log): both say the same, and a test compares them.

CREATE FUNCTION pql.note_outcome(of_lead pql.lead, event text, occurred_at timestamptz, details jsonb) RETURNS pql.lead
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	l pql.lead := of_lead;
BEGIN
	CASE event
		WHEN 'pql_queued' THEN
			IF l.routed_at IS NULL THEN
				l.queued_at := coalesce(l.queued_at, occurred_at);
			END IF;
		WHEN 'pql_routed' THEN
			l.routed_at := coalesce(l.routed_at, occurred_at);
			l.trigger_due_at := coalesce(l.trigger_due_at, (details ->> 'trigger_due_at')::timestamptz);
		WHEN 'pql_claimed' THEN
			l.taken_at := coalesce(l.taken_at, occurred_at);
		WHEN 'outreach_sent' THEN
			IF l.contacted_at IS NULL THEN
				l.contacted_at := occurred_at;
				l.contact_hours := (details ->> 'hours')::float8;
				l.channel := details ->> 'channel';
				l.template := details ->> 'template';
			END IF;
			l.taken_at := coalesce(l.taken_at, occurred_at);
			l.touches_ever := l.touches_ever + 1;
			l.emails := l.emails + (details ->> 'channel' = 'email')::int;
		WHEN 'reply_received' THEN
			l.answered_at := coalesce(l.answered_at, occurred_at);
			-- the first answer to an e-mail
			l.email_replies := l.email_replies + (details ? 'answers')::int;
			IF details ->> 'reply' = 'not_interested' THEN
				l.declined_at := coalesce(l.declined_at, occurred_at);
			ELSIF details ->> 'reply' IN ('unsubscribe', 'complaint') THEN
				l.complained_at := coalesce(l.complained_at, occurred_at);
			END IF;
		WHEN 'meeting_booked' THEN
			l.meeting_at := coalesce(l.meeting_at, occurred_at);
			l.amount := coalesce((details ->> 'amount')::float8, l.amount);
		WHEN 'pql_released', 'lead_reopened' THEN
			l.returned_at := coalesce(l.returned_at, occurred_at);
		WHEN 'pql_dispositioned' THEN
			l.disposed_at := coalesce(l.disposed_at, occurred_at);
			CASE
				WHEN details ->> 'disposition' IN ('meeting_set', 'converted') THEN
					l.accepted_at := coalesce(l.accepted_at, occurred_at);
				WHEN details ->> 'disposition' IN ('nurture', 'routed_to_cs') THEN
					l.engaged_at := coalesce(l.engaged_at, occurred_at);
				WHEN details ->> 'disposition' = 'disqualified' THEN
					l.disqualified_at := coalesce(l.disqualified_at, occurred_at);
				ELSE
					NULL;
			END CASE;
			IF details ->> 'disposition' = 'meeting_set' THEN
				l.meeting_at := coalesce(l.meeting_at, occurred_at);
				IF l.ended_at IS NOT NULL THEN
					l.returned_at := coalesce(l.returned_at, occurred_at);
				END IF;
			END IF;
		WHEN 'trial_converted', 'conversion_corrected' THEN
			l.mrr := (details ->> 'mrr')::float8;
			l.conversion_source := details ->> 'conversion_source';
			l.conversion_touches := (details ->> 'touches')::int;
		ELSE
			NULL;
	END CASE;
	IF l.reopened_at IS NULL THEN
		l.sla_due_at := l.first_touch_due_at;
	END IF;
	IF l.queued_at IS NOT NULL AND l.state <> 'queued' THEN
		l.dequeued_at := coalesce(l.dequeued_at, occurred_at);
	END IF;
	IF l.state = 'closed' THEN
		l.ended_at := coalesce(l.ended_at, occurred_at);
	END IF;
	RETURN l;
END
$$;
COMMENT ON FUNCTION pql.note_outcome(pql.lead, text, timestamptz, jsonb) IS 'A lead, as pql.apply_event has left it, with what of an event is counted once and for all.';

CREATE TYPE pql.outcome AS (
	user_id text, lead_id bigint, model text, started_at timestamptz, account_id text, trial_ends_at timestamptz, triggered_at timestamptz, qualified_at timestamptz, backfilled boolean,
	tier text, segment text, rep text, counts_on date, standing text,
	queued_at timestamptz, dequeued_at timestamptz, routed_at timestamptz, trigger_due_at timestamptz, sla_due_at timestamptz, taken_at timestamptz,
	contacted_at timestamptz, contact_hours float8, channel text, template text, touches_ever int, emails int, email_replies int,
	answered_at timestamptz, declined_at timestamptz, complained_at timestamptz, meeting_at timestamptz, amount float8,
	disposed_at timestamptz, accepted_at timestamptz, engaged_at timestamptz, disqualified_at timestamptz, ended_at timestamptz, returned_at timestamptz,
	converted_at timestamptz, mrr float8, conversion_source text, influence text, conversion_touches int
);
COMMENT ON TYPE pql.outcome IS 'What has come of a lead: as the columns of pql.lead of the same names. standing: routed (to a rep, at any time), control, paused, queued, or not_routed. converted_at: of the trial (it may be later than what was asked for). influence: engaged (an answer or a meeting before the payment), touched, or untouched.';

CREATE FUNCTION pql.standing(routed boolean, held_out boolean, queued boolean, reason text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE WHEN routed THEN 'routed' WHEN held_out THEN 'control' WHEN queued THEN CASE WHEN reason = 'paused' THEN 'paused' ELSE 'queued' END ELSE 'not_routed' END;
END;
COMMENT ON FUNCTION pql.standing(boolean, boolean, boolean, text) IS 'The part that a lead is counted to; every lead is in one.';

CREATE FUNCTION pql.influence(converted_at timestamptz, contacted_at timestamptz, answered_at timestamptz, meeting_at timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE WHEN answered_at <= converted_at OR meeting_at <= converted_at THEN 'engaged' WHEN contacted_at <= converted_at THEN 'touched' WHEN converted_at IS NOT NULL THEN 'untouched' END;
END;
COMMENT ON FUNCTION pql.influence(timestamptz, timestamptz, timestamptz, timestamptz) IS 'What sales had to do with a payment: engaged (an answer or a meeting came before), touched, or untouched. NULL: there was none.';

CREATE TYPE pql.conversion_note AS (mrr float8, conversion_source text, touches int);
COMMENT ON TYPE pql.conversion_note IS 'What a log says of a conversion.';

CREATE FUNCTION pql.unnoted_conversion(user_id text, lead_id bigint, started_at timestamptz, converted_at timestamptz, contacted_at timestamptz) RETURNS pql.conversion_note
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT t.mrr, coalesce(t.conversion_source, CASE WHEN unnoted_conversion.contacted_at <= unnoted_conversion.converted_at THEN 'sales_assisted' ELSE 'self_serve' END),
		(SELECT count(*)::int FROM pql.lead_event e WHERE e.user_id = unnoted_conversion.user_id AND e.lead_id = unnoted_conversion.lead_id AND e.event = 'outreach_sent' AND e.occurred_at <= unnoted_conversion.converted_at)
	FROM (SELECT) one LEFT JOIN pql.trial t ON t.user_id = unnoted_conversion.user_id AND t.started_at = unnoted_conversion.started_at;
END;
COMMENT ON FUNCTION pql.unnoted_conversion(text, bigint, timestamptz, timestamptz, timestamptz) IS 'The same of a payment that the log did not know of yet, or, of leads that nobody routes, never will.';

CREATE FUNCTION pql.outcomes_of_leads() RETURNS SETOF pql.outcome
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT l.user_id, l.lead_id, l.model, l.started_at, l.account_id, l.trial_ends_at, l.triggered_at, l.qualified_at, l.backfilled,
		l.tier, l.segment, l.rep, l.counts_on, pql.standing(l.routed_at IS NOT NULL, l.state = 'control', l.state = 'queued', l.reason),
		l.queued_at, l.dequeued_at, l.routed_at, l.trigger_due_at, l.sla_due_at, l.taken_at,
		l.contacted_at, l.contact_hours, l.channel, l.template, l.touches_ever, l.emails, l.email_replies,
		l.answered_at, l.declined_at, l.complained_at, l.meeting_at, l.amount,
		l.disposed_at, l.accepted_at, l.engaged_at, l.disqualified_at, l.ended_at, l.returned_at,
		l.trial_converted_at, CASE WHEN l.converted_at IS NOT NULL OR l.trial_converted_at IS NULL THEN l.mrr ELSE (pql.unnoted_conversion(l.user_id, l.lead_id, l.started_at, l.trial_converted_at, l.contacted_at)).mrr END,
		CASE WHEN l.converted_at IS NOT NULL OR l.trial_converted_at IS NULL THEN l.conversion_source ELSE (pql.unnoted_conversion(l.user_id, l.lead_id, l.started_at, l.trial_converted_at, l.contacted_at)).conversion_source END,
		pql.influence(l.trial_converted_at, l.contacted_at, l.answered_at, l.meeting_at),
		CASE WHEN l.converted_at IS NOT NULL OR l.trial_converted_at IS NULL THEN l.conversion_touches ELSE (pql.unnoted_conversion(l.user_id, l.lead_id, l.started_at, l.trial_converted_at, l.contacted_at)).touches END
	FROM pql.lead l;
END;
COMMENT ON FUNCTION pql.outcomes_of_leads() IS 'What has come of all leads, by pql.lead.';

CREATE FUNCTION pql.outcomes_of_log(as_of timestamptz, known_at timestamptz DEFAULT NULL) RETURNS SETOF pql.outcome
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	WITH noted AS (
		SELECT e.user_id, e.lead_id, e.event_id, e.event, e.occurred_at, e.details, e.details ->> 'disposition' AS disposition, e.details ->> 'reply' AS reply,
			min(e.event_id) FILTER (WHERE e.event = 'pql_queued') OVER w AS queued_id, min(e.event_id) FILTER (WHERE e.event = 'pql_routed') OVER w AS routed_id,
			min(e.event_id) FILTER (WHERE e.event = 'lead_closed' OR e.event = 'pql_not_routed' AND e.details ->> 'state' = 'closed' OR e.event = 'pql_dispositioned' AND e.details ->> 'disposition' <> 'meeting_set') OVER w AS ended_id, min(e.event_id) FILTER (WHERE e.event = 'lead_reopened') OVER w AS reopened_id,
			min(e.event_id) FILTER (WHERE e.event = 'outreach_sent') OVER w AS contacted_id
		FROM pql.lead_event e
		WHERE e.occurred_at <= as_of AND (known_at IS NULL OR e.recorded_at <= known_at)
		WINDOW w AS (PARTITION BY e.user_id, e.lead_id)
	), said AS (
		SELECT n.user_id, n.lead_id,
			(array_agg(n.details ->> 'priority_tier' ORDER BY n.event_id DESC) FILTER (WHERE n.event IN ('pql_triggered', 'tier_raised')))[1] AS tier,
			(array_agg(n.details ->> 'segment' ORDER BY n.event_id DESC) FILTER (WHERE n.details ? 'segment'))[1] AS segment,
			(array_agg(CASE n.event WHEN 'pql_routed' THEN n.details ->> 'sdr_id' END ORDER BY n.event_id DESC) FILTER (WHERE n.event IN ('pql_routed', 'pql_released')))[1] AS rep,
			(array_agg(CASE n.event WHEN 'pql_routed' THEN (n.details ->> 'counts_on')::date END ORDER BY n.event_id DESC) FILTER (WHERE n.event IN ('pql_routed', 'pql_released')))[1] AS counts_on,
			count(*) FILTER (WHERE n.event = 'pql_held_out') AS held_out,
			(array_agg(n.event ORDER BY n.event_id DESC) FILTER (WHERE n.event IN ('pql_queued', 'pql_not_routed', 'lead_closed')))[1] AS last,
			(array_agg(n.details ->> 'reason' ORDER BY n.event_id DESC) FILTER (WHERE n.event IN ('pql_queued', 'pql_not_routed', 'lead_closed')))[1] AS reason,
			min(n.occurred_at) FILTER (WHERE n.event_id = n.queued_id AND (n.queued_id > n.routed_id) IS NOT TRUE) AS queued_at,
			(array_agg(n.occurred_at ORDER BY n.event_id) FILTER (WHERE n.event_id > n.queued_id AND (n.queued_id > n.routed_id) IS NOT TRUE AND n.event IN ('pql_routed', 'pql_not_routed', 'lead_closed', 'pql_dispositioned')))[1] AS dequeued_at,
			(array_agg(n.occurred_at ORDER BY n.event_id) FILTER (WHERE n.event = 'pql_routed'))[1] AS routed_at,
			((array_agg(n.details ->> 'trigger_due_at' ORDER BY n.event_id) FILTER (WHERE n.event = 'pql_routed'))[1])::timestamptz AS trigger_due_at,
			((array_agg(n.details ->> 'first_touch_due_at' ORDER BY n.event_id DESC) FILTER (WHERE n.details ? 'first_touch_due_at' AND (n.event_id < n.reopened_id) IS NOT FALSE))[1])::timestamptz AS sla_due_at,
			(array_agg(n.occurred_at ORDER BY n.event_id) FILTER (WHERE n.event IN ('pql_claimed', 'outreach_sent')))[1] AS taken_at,
			min(n.occurred_at) FILTER (WHERE n.event_id = n.contacted_id) AS contacted_at,
			min((n.details ->> 'hours')::float8) FILTER (WHERE n.event_id = n.contacted_id) AS contact_hours,
			min(n.details ->> 'channel') FILTER (WHERE n.event_id = n.contacted_id) AS channel,
			min(n.details ->> 'template') FILTER (WHERE n.event_id = n.contacted_id) AS template,
			count(*) FILTER (WHERE n.event = 'outreach_sent')::int AS touches_ever,
			count(*) FILTER (WHERE n.event = 'outreach_sent' AND n.details ->> 'channel' = 'email')::int AS emails,
			count(*) FILTER (WHERE n.event = 'reply_received' AND n.details ? 'answers')::int AS email_replies,
			(array_agg(n.occurred_at ORDER BY n.event_id) FILTER (WHERE n.event = 'reply_received'))[1] AS answered_at,
			(array_agg(n.occurred_at ORDER BY n.event_id) FILTER (WHERE n.reply = 'not_interested'))[1] AS declined_at,
			(array_agg(n.occurred_at ORDER BY n.event_id) FILTER (WHERE n.reply IN ('unsubscribe', 'complaint')))[1] AS complained_at,
			(array_agg(n.occurred_at ORDER BY n.event_id) FILTER (WHERE n.event = 'meeting_booked' OR n.disposition = 'meeting_set'))[1] AS meeting_at,
			(array_agg((n.details ->> 'amount')::float8 ORDER BY n.event_id DESC) FILTER (WHERE n.event = 'meeting_booked' AND n.details ? 'amount'))[1] AS amount,
			(array_agg(n.occurred_at ORDER BY n.event_id) FILTER (WHERE n.event = 'pql_dispositioned'))[1] AS disposed_at,
			(array_agg(n.occurred_at ORDER BY n.event_id) FILTER (WHERE n.disposition IN ('meeting_set', 'converted')))[1] AS accepted_at,
			(array_agg(n.occurred_at ORDER BY n.event_id) FILTER (WHERE n.disposition IN ('nurture', 'routed_to_cs')))[1] AS engaged_at,
			(array_agg(n.occurred_at ORDER BY n.event_id) FILTER (WHERE n.disposition = 'disqualified'))[1] AS disqualified_at,
			min(n.occurred_at) FILTER (WHERE n.event_id = n.ended_id) AS ended_at,
			(array_agg(n.occurred_at ORDER BY n.event_id) FILTER (WHERE n.event IN ('pql_released', 'lead_reopened') OR n.disposition = 'meeting_set' AND n.event_id > n.ended_id))[1] AS returned_at,
			(array_agg(n.details ORDER BY n.event_id DESC) FILTER (WHERE n.event IN ('trial_converted', 'conversion_corrected')))[1] AS conversion
		FROM noted n
		GROUP BY n.user_id, n.lead_id
	)
	SELECT s.user_id, s.lead_id, l.model, l.started_at, l.account_id, l.trial_ends_at, l.triggered_at, l.qualified_at, l.backfilled,
		s.tier, s.segment, s.rep, s.counts_on, pql.standing(s.routed_at IS NOT NULL, s.held_out > 0, s.last = 'pql_queued', s.reason),
		s.queued_at, s.dequeued_at, s.routed_at, s.trigger_due_at, s.sla_due_at, s.taken_at,
		s.contacted_at, s.contact_hours, s.channel, s.template, s.touches_ever, s.emails, s.email_replies,
		s.answered_at, s.declined_at, s.complained_at, s.meeting_at, s.amount,
		s.disposed_at, s.accepted_at, s.engaged_at, s.disqualified_at, s.ended_at, s.returned_at,
		l.trial_converted_at, CASE WHEN s.conversion IS NOT NULL OR l.trial_converted_at IS NULL THEN (s.conversion ->> 'mrr')::float8 ELSE (pql.unnoted_conversion(s.user_id, s.lead_id, l.started_at, l.trial_converted_at, s.contacted_at)).mrr END,
		CASE WHEN s.conversion IS NOT NULL OR l.trial_converted_at IS NULL THEN s.conversion ->> 'conversion_source' ELSE (pql.unnoted_conversion(s.user_id, s.lead_id, l.started_at, l.trial_converted_at, s.contacted_at)).conversion_source END,
		pql.influence(l.trial_converted_at, s.contacted_at, s.answered_at, s.meeting_at),
		CASE WHEN s.conversion IS NOT NULL OR l.trial_converted_at IS NULL THEN (s.conversion ->> 'touches')::int ELSE (pql.unnoted_conversion(s.user_id, s.lead_id, l.started_at, l.trial_converted_at, s.contacted_at)).touches END
	FROM said s JOIN pql.lead l ON l.user_id = s.user_id AND l.lead_id = s.lead_id
	WHERE l.triggered_at <= as_of;
END;
COMMENT ON FUNCTION pql.outcomes_of_log(timestamptz, timestamptz) IS 'What had come of all leads by an instant, by pql.lead_event: events that had happened by then, and, with known_at, had been noted by then.';

CREATE FUNCTION pql.nothing_since(as_of timestamptz, known_at timestamptz) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT known_at IS NULL AND coalesce((SELECT max(e.occurred_at) FROM pql.lead_event e) <= as_of, true);
END;
COMMENT ON FUNCTION pql.nothing_since(timestamptz, timestamptz) IS 'Is pql.lead as it was at an instant? known_at: whoever asks what was known when has to read the log.';

CREATE FUNCTION pql.outcome_source(as_of timestamptz, known_at timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE WHEN pql.nothing_since(as_of, known_at) THEN 'pql.outcomes_of_leads()' ELSE 'pql.outcomes_of_log($1, $2)' END;
END;
COMMENT ON FUNCTION pql.outcome_source(timestamptz, timestamptz) IS 'Where a query whose first parameters are as_of and known_at finds what had come of leads: in pql.lead where nothing has happened since, else in the log. Two plans, so that each reads what it needs and no more.';

CREATE FUNCTION pql.outcomes_at(as_of timestamptz, known_at timestamptz DEFAULT NULL) RETURNS SETOF pql.outcome
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT o.* FROM %s o', pql.outcome_source(as_of, known_at)) USING as_of, known_at;
END
$$;
COMMENT ON FUNCTION pql.outcomes_at(timestamptz, timestamptz) IS 'What had come of all leads by an instant: by pql.lead where nothing has happened since, else by the log. known_at: only events that had been noted by then.';
