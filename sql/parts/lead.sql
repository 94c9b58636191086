-- A lead's life. What happens to a lead is a row of pql.lead_event, and pql.lead is what these rows say: pql.apply_event
-- is the only place that knows what an event means, so that the log replayed gives the lead again.

CREATE FUNCTION pql.apply_event(of_lead pql.lead, event text, occurred_at timestamptz, details jsonb) RETURNS pql.lead
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	l pql.lead := of_lead;
BEGIN
	CASE event
		WHEN 'pql_triggered' THEN
			l.state := 'not_routed';
			l.score := (details ->> 'pql_score')::int;
			l.tier := details ->> 'priority_tier';
			l.signals := ARRAY(SELECT jsonb_array_elements_text(details -> 'signals_met'));
		WHEN 'pql_held_out' THEN
			l.state := 'control';
			l.reason := 'control';
		WHEN 'pql_not_routed' THEN
			l.reason := details ->> 'reason';
			l.segment := coalesce(details ->> 'segment', l.segment);
			l.queued_until := NULL;
			l.waits_for := NULL;
			IF details ->> 'state' = 'closed' THEN
				l.state := 'closed';
				l.closed_at := occurred_at;
			ELSE
				l.state := 'not_routed';
			END IF;
		WHEN 'pql_queued' THEN
			l.state := 'queued';
			l.reason := details ->> 'reason';
			l.queued_until := (details ->> 'until')::timestamptz;
			l.waits_for := details ->> 'waits_for';
			l.segment := coalesce(details ->> 'segment', l.segment);
			l.flags := ARRAY(SELECT jsonb_array_elements_text(details -> 'flags'));
		WHEN 'pql_routed' THEN
			l.state := CASE WHEN l.met_at IS NOT NULL THEN 'meeting' WHEN l.touches > 0 THEN 'contacted' ELSE 'assigned' END;
			l.reason := details ->> 'reason';
			l.queued_until := NULL;
			l.waits_for := NULL;
			l.segment := coalesce(details ->> 'segment', l.segment);
			l.flags := ARRAY(SELECT jsonb_array_elements_text(details -> 'flags'));
			l.rep := details ->> 'sdr_id';
			l.counts_on := (details ->> 'counts_on')::date;
			l.assigned_at := occurred_at;
			l.clock_started_at := (details ->> 'clock_started_at')::timestamptz;
			l.first_touch_due_at := (details ->> 'first_touch_due_at')::timestamptz;
			l.escalations := ARRAY(SELECT e FROM unnest(l.escalations) e WHERE e IN ('deadline', 'breach'));
			l.claimed_at := NULL;
		WHEN 'pql_claimed' THEN
			l.claimed_at := occurred_at;
			IF l.state = 'assigned' THEN
				l.state := 'claimed';
			END IF;
		WHEN 'pql_released' THEN
			l.state := 'queued';
			l.reason := 'released';
			l.queued_until := occurred_at;
			l.waits_for := NULL;
			l.rep := NULL;
			l.counts_on := NULL;
			l.claimed_at := NULL;
		WHEN 'outreach_sent' THEN
			l.touches := (details ->> 'touch_number')::int;
			l.first_touched_at := coalesce(l.first_touched_at, occurred_at);
			l.last_touched_at := occurred_at;
			l.claimed_at := coalesce(l.claimed_at, occurred_at);
			IF l.state IN ('assigned', 'claimed') THEN
				l.state := 'contacted';
			END IF;
		WHEN 'reply_received' THEN
			l.replied_at := coalesce(l.replied_at, occurred_at);
		WHEN 'meeting_booked' THEN
			l.state := 'meeting';
			l.met_at := (details ->> 'meets_at')::timestamptz;
			l.flags := ARRAY(SELECT jsonb_array_elements_text(details -> 'flags'));
		WHEN 'sequence_stopped' THEN
			l.stopped_at := occurred_at;
			l.stop_reason := details ->> 'reason';
		WHEN 'pql_dispositioned' THEN
			l.disposition := details ->> 'disposition';
			l.disposition_reason := details ->> 'reason';
			l.signals := ARRAY(SELECT jsonb_array_elements_text(details -> 'signals_met'));
			l.queued_until := NULL;
			l.waits_for := NULL;
			IF l.disposition = 'meeting_set' THEN
				l.state := 'meeting';
				l.closed_at := NULL;
			ELSE
				l.state := 'closed';
				l.reason := l.disposition;
				l.closed_at := coalesce(l.closed_at, occurred_at);
			END IF;
		WHEN 'lead_reopened' THEN
			l.state := 'queued';
			l.reason := 'reopened';
			l.queued_until := occurred_at;
			l.waits_for := NULL;
			l.reopened_at := occurred_at;
			l.closed_at := NULL;
			l.disposition := NULL;
			l.disposition_reason := NULL;
			l.signals := ARRAY(SELECT jsonb_array_elements_text(details -> 'signals_met'));
			l.touches := 0;
			l.first_touched_at := NULL;
			l.last_touched_at := NULL;
			l.replied_at := NULL;
			l.met_at := NULL;
			l.stopped_at := NULL;
			l.stop_reason := NULL;
			l.first_touch_due_at := NULL;
			l.escalations := '{}';
		WHEN 'trial_converted' THEN
			l.converted_at := (details ->> 'converted_at')::timestamptz;
		WHEN 'tier_raised' THEN
			l.score := (details ->> 'pql_score')::int;
			l.tier := details ->> 'priority_tier';
			l.signals := ARRAY(SELECT jsonb_array_elements_text(details -> 'signals_met'));
			l.first_touch_due_at := coalesce((details ->> 'first_touch_due_at')::timestamptz, l.first_touch_due_at);
		WHEN 'handoff_triggered' THEN
			l.flags := ARRAY(SELECT jsonb_array_elements_text(details -> 'flags'));
			l.first_touch_due_at := coalesce((details ->> 'first_touch_due_at')::timestamptz, l.first_touch_due_at);
		WHEN 'pql_escalated' THEN
			l.escalations := l.escalations || ARRAY(SELECT jsonb_array_elements_text(details -> 'levels'));
		WHEN 'lead_closed' THEN
			l.state := 'closed';
			l.reason := details ->> 'reason';
			l.queued_until := NULL;
			l.waits_for := NULL;
			l.closed_at := occurred_at;
		WHEN 'support_lost' THEN
			l.unsupported_at := occurred_at;
		WHEN 'support_regained' THEN
			l.unsupported_at := NULL;
		ELSE
			NULL; -- a note of somebody else's
	END CASE;
	RETURN l;
END
$$;
COMMENT ON FUNCTION pql.apply_event(pql.lead, text, timestamptz, jsonb) IS 'A lead after an event of pql.lead_event. What an event means is said here and nowhere else.';

CREATE FUNCTION pql.log_event(of_lead pql.lead, event text, occurred_at timestamptz, details jsonb DEFAULT '{}', external_id text DEFAULT NULL) RETURNS pql.lead
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	INSERT INTO pql.lead_event (user_id, lead_id, event, occurred_at, details, external_id)
	VALUES (of_lead.user_id, of_lead.lead_id, event, occurred_at, jsonb_strip_nulls(details), external_id);
	RETURN pql.note_outcome(pql.apply_event(of_lead, event, occurred_at, jsonb_strip_nulls(details)), event, occurred_at, jsonb_strip_nulls(details));
END
$$;
COMMENT ON FUNCTION pql.log_event(pql.lead, text, timestamptz, jsonb, text) IS 'Notes what happened to a lead, and returns the lead that it is then, which is still to be saved.';

CREATE FUNCTION pql.lead_steps(of_lead pql.lead, as_of timestamptz) RETURNS TABLE (step text, at timestamptz)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT v.step, v.at
	FROM (SELECT (of_lead).*) l
	LEFT JOIN LATERAL pql.rep_hours(l.rep) h ON true
	CROSS JOIN LATERAL (VALUES
		-- pql.start_routing, pql.resume and changes of reps wake what waits for them
		('queue', CASE WHEN l.state = 'queued' AND EXISTS (SELECT FROM pql.routing r WHERE r.model = l.model) THEN l.queued_until END),
		('channel', CASE WHEN l.state IN ('assigned', 'claimed') AND l.claimed_at IS NULL THEN pql.add_business_time(l.clock_started_at, '1 hour', h.calendar, h.timezone) END),
		('manager', CASE WHEN l.state IN ('assigned', 'claimed') AND l.claimed_at IS NULL THEN pql.add_business_time(l.clock_started_at, '2 hours', h.calendar, h.timezone) END),
		('deadline', CASE WHEN l.state IN ('assigned', 'claimed') THEN l.first_touch_due_at END),
		-- after the deadline, and looked up only then
		('breach', CASE WHEN l.state IN ('assigned', 'claimed') AND ('deadline' = ANY (l.escalations) OR l.first_touch_due_at <= as_of)
			THEN l.assigned_at + (SELECT t.breach FROM pql.tier_rules(l.model) t WHERE t.tier = l.tier) END),
		('sequence_end', CASE WHEN l.replied_at IS NULL AND l.stopped_at IS NULL AND l.touches >= 3 THEN pql.add_business_time(l.last_touched_at, '2 days', h.calendar, h.timezone) END),
		('trial_end', CASE WHEN l.replied_at IS NULL THEN l.trial_ends_at END)) v (step, at)
	WHERE l.state NOT IN ('closed', 'control', 'meeting') AND v.at IS NOT NULL AND NOT v.step = ANY (l.escalations);
END;
COMMENT ON FUNCTION pql.lead_steps(pql.lead, timestamptz) IS 'What time alone is to do to a lead, and when: queue (it leaves it), channel, manager, deadline and breach (it is escalated), sequence_end, trial_end. as_of: what follows on a deadline is told from it on.';

CREATE FUNCTION pql.next_step_at(of_lead pql.lead) RETURNS timestamptz
LANGUAGE sql STABLE
BEGIN ATOMIC
	-- one that nobody routes is nobody's matter
	SELECT min(s.at) FROM pql.lead_steps(of_lead, '-infinity') s WHERE (of_lead).state <> 'not_routed' OR (of_lead).reason IS NOT NULL;
END;
COMMENT ON FUNCTION pql.next_step_at(pql.lead) IS 'When time alone does something to a lead: it leaves the queue, is escalated, its sequence or its trial ends. NULL: never.';

CREATE FUNCTION pql.save_lead(of_lead pql.lead, looked boolean DEFAULT false) RETURNS pql.lead
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	l pql.lead := of_lead;
BEGIN
	-- news that nobody has looked at yet stay news
	l.next_at := least(pql.next_step_at(l), CASE WHEN NOT looked THEN l.next_at END);
	UPDATE pql.lead o SET (state, score, tier, signals, unsupported_at, segment, reason, flags, queued_until, waits_for, rep, counts_on, assigned_at, clock_started_at, first_touch_due_at, escalations,
		claimed_at, touches, first_touched_at, last_touched_at, replied_at, met_at, stopped_at, stop_reason, disposition, disposition_reason, converted_at, reopened_at, closed_at, next_at,
		queued_at, dequeued_at, routed_at, trigger_due_at, sla_due_at, taken_at, contacted_at, contact_hours, channel, template, touches_ever, emails, email_replies, answered_at, declined_at, complained_at,
		meeting_at, amount, disposed_at, accepted_at, engaged_at, disqualified_at, ended_at, returned_at, mrr, conversion_source, conversion_touches)
		= (l.state, l.score, l.tier, l.signals, l.unsupported_at, l.segment, l.reason, l.flags, l.queued_until, l.waits_for, l.rep, l.counts_on, l.assigned_at, l.clock_started_at, l.first_touch_due_at, l.escalations,
		l.claimed_at, l.touches, l.first_touched_at, l.last_touched_at, l.replied_at, l.met_at, l.stopped_at, l.stop_reason, l.disposition, l.disposition_reason, l.converted_at, l.reopened_at, l.closed_at, l.next_at,
		l.queued_at, l.dequeued_at, l.routed_at, l.trigger_due_at, l.sla_due_at, l.taken_at, l.contacted_at, l.contact_hours, l.channel, l.template, l.touches_ever, l.emails, l.email_replies, l.answered_at, l.declined_at, l.complained_at,
		l.meeting_at, l.amount, l.disposed_at, l.accepted_at, l.engaged_at, l.disqualified_at, l.ended_at, l.returned_at, l.mrr, l.conversion_source, l.conversion_touches)
	WHERE o.user_id = l.user_id AND o.lead_id = l.lead_id;
	RETURN l;
END
$$;
COMMENT ON FUNCTION pql.save_lead(pql.lead, boolean) IS 'Writes a lead as pql.log_event has left it, with when it is to be looked at again. looked: it has just been; else not later than was to be.';

CREATE FUNCTION pql.replay(lead_id bigint, until timestamptz DEFAULT 'infinity') RETURNS pql.lead
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	known pql.lead;
	l pql.lead;
	e record;
BEGIN
	SELECT * INTO known FROM pql.lead o WHERE o.lead_id = replay.lead_id;
	-- what identifies it, and no more
	l.user_id := known.user_id;
	l.lead_id := known.lead_id;
	l.model := known.model;
	l.started_at := known.started_at;
	l.number := known.number;
	l.account_id := known.account_id;
	l.version := known.version;
	l.status := known.status;
	l.triggered_at := known.triggered_at;
	l.qualified_at := known.qualified_at;
	l.late := known.late;
	l.backfilled := known.backfilled;
	l.explanation := known.explanation;
	l.trial_ends_at := known.trial_ends_at;
	l.trial_converted_at := known.trial_converted_at;
	l.signals := '{}';
	l.flags := '{}';
	l.escalations := '{}';
	l.touches := 0;
	l.touches_ever := 0;
	l.emails := 0;
	l.email_replies := 0;
	FOR e IN SELECT v.event, v.occurred_at, v.details FROM pql.lead_event v WHERE v.user_id = known.user_id AND v.lead_id = replay.lead_id AND v.occurred_at <= until ORDER BY v.event_id LOOP
		l := pql.note_outcome(pql.apply_event(l, e.event, e.occurred_at, e.details), e.event, e.occurred_at, e.details);
	END LOOP;
	RETURN l;
END
$$;
COMMENT ON FUNCTION pql.replay(bigint, timestamptz) IS 'The lead that its events up to an instant add up to (next_at is not told). Of all events: the row of pql.lead.';
