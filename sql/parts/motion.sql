-- The motion: what news and time do to leads. Part of every refresh, after its verdicts.
--
-- A lead whose verdict has changed, or whose time has come (pql.lead.next_at), is looked at: its conversion, what stops it, a
-- rise in tier, the ends of sequence and trial, escalations, reopening. What is then without a rep goes to pql.route_leads.

CREATE TABLE pql.opt_out (
	user_id text NOT NULL,
	opted_out_at timestamptz NOT NULL,
	source text,
	opted_in_at timestamptz,
	PRIMARY KEY (user_id, opted_out_at)
);
COMMENT ON TABLE pql.opt_out IS 'Who has unsubscribed by an answer to a rep, beside pql.person.opted_out_at. Nothing but opting in again ends it.';
COMMENT ON COLUMN pql.opt_out.opted_in_at IS 'NULL: has not.';
SELECT pg_catalog.pg_extension_config_dump('pql.opt_out', '');

CREATE FUNCTION pql.contact_barrier(user_id text, as_of timestamptz DEFAULT now()) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT CASE
		WHEN EXISTS (SELECT FROM pql.person p WHERE p.user_id = ANY (w.ids) AND p.suppressed_at <= as_of) OR EXISTS (SELECT FROM pql.suppression) AND EXISTS (SELECT FROM unnest(w.ids) i WHERE pql.is_listed(i, as_of)) THEN 'suppressed'
		WHEN EXISTS (SELECT FROM pql.person p WHERE p.user_id = ANY (w.ids) AND p.opted_out_at <= as_of)
			OR EXISTS (SELECT FROM pql.opt_out o WHERE o.user_id = ANY (w.ids) AND o.opted_out_at <= as_of AND (o.opted_in_at <= as_of) IS NOT TRUE) THEN 'opted_out' END
	FROM (SELECT pql.ids_of(ARRAY[contact_barrier.user_id]) AS ids OFFSET 0) w;
END;
COMMENT ON FUNCTION pql.contact_barrier(text, timestamptz) IS 'Why nobody may write to a person, whichever of their ids says so: opted_out or suppressed; NULL: one may.';

CREATE FUNCTION pql.opt_in(user_id text, as_of timestamptz DEFAULT now()) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	was CONSTANT boolean := coalesce(pql.contact_barrier(user_id, as_of) = 'opted_out', false);
	ids CONSTANT text[] := pql.ids_of(ARRAY[user_id]);
BEGIN
	UPDATE pql.opt_out o SET opted_in_at = as_of WHERE o.user_id = ANY (ids) AND o.opted_out_at <= as_of AND o.opted_in_at IS NULL;
	UPDATE pql.person p SET opted_out_at = NULL WHERE p.user_id = ANY (ids) AND p.opted_out_at <= as_of;
	RETURN was;
END
$$;
COMMENT ON FUNCTION pql.opt_in(text, timestamptz) IS 'The person asked to be written to again, under whichever id. Returns false when they had not opted out.';

CREATE FUNCTION pql.scoring_points(model text) RETURNS TABLE (signal text, points int)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT s.value ->> 'signal', coalesce((s.value ->> 'points')::int, (SELECT max((b.value ->> 'points')::int) FROM jsonb_array_elements(s.value -> 'bands') b))
	FROM pql.active_model m CROSS JOIN LATERAL jsonb_array_elements(m.document -> 'signals') s
	WHERE m.model = scoring_points.model AND (s.value ? 'points' OR s.value ? 'bands');
END;
COMMENT ON FUNCTION pql.scoring_points(text) IS 'The scoring signals of a model, and the most points that each can give.';

CREATE FUNCTION pql.conversion_details(of_lead pql.lead, converted_at timestamptz, plan text, mrr float8, conversion_source text) RETURNS jsonb
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT jsonb_build_object('converted_at', converted_at, 'plan', plan, 'mrr', mrr,
		-- what billing says, else whether somebody had written before
		'conversion_source', coalesce(conversion_source, CASE WHEN (of_lead).contacted_at <= converted_at THEN 'sales_assisted' ELSE 'self_serve' END),
		'influence', pql.influence(converted_at, (of_lead).contacted_at, (of_lead).answered_at, (of_lead).meeting_at),
		'touches', (SELECT count(*) FROM pql.lead_event e WHERE e.user_id = (of_lead).user_id AND e.lead_id = (of_lead).lead_id AND e.event = 'outreach_sent' AND e.occurred_at <= converted_at));
END;
COMMENT ON FUNCTION pql.conversion_details(pql.lead, timestamptz, text, float8, text) IS 'A conversion as it goes into the log of a lead.';

CREATE FUNCTION pql.lead_conversion(of_lead pql.lead, as_of timestamptz) RETURNS jsonb
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT pql.conversion_details(of_lead, s.converted_at, s.plan, s.mrr, s.conversion_source)
	FROM pql.model_version v
	CROSS JOIN LATERAL pql.model_info(v.document) i
	CROSS JOIN LATERAL pql.subject_at(i.per_trial, as_of, NULL, (SELECT pql.person_ids(ARRAY[(of_lead).user_id], as_of))) s
	WHERE v.model = (of_lead).model AND v.version = (of_lead).version AND coalesce(s.started_at, '-infinity') = (of_lead).started_at AND s.converted_at <= as_of;
END;
COMMENT ON FUNCTION pql.lead_conversion(pql.lead, timestamptz) IS 'The conversion of a lead''s trial, as it goes into the log; NULL: there is none.';

CREATE FUNCTION pql.note_disposition(user_id text, disposition text, as_of timestamptz) RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	INSERT INTO pql.fact (subject, name, value, source, recorded_at)
	VALUES (note_disposition.user_id, 'lead.disposition', coalesce(to_jsonb(note_disposition.disposition), 'null'), 'pql.lead', note_disposition.as_of)
	ON CONFLICT (subject, name, recorded_at) DO UPDATE SET value = EXCLUDED.value;
END;
COMMENT ON FUNCTION pql.note_disposition(text, text, timestamptz) IS 'The fact lead.disposition, which models read. NULL: there is none any more.';

CREATE FUNCTION pql.dispose(of_lead pql.lead, disposition text, reason text, by text, as_of timestamptz, external_id text DEFAULT NULL) RETURNS pql.lead
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM pql.note_disposition(of_lead.user_id, disposition, as_of);
	RETURN pql.log_event(of_lead, 'pql_dispositioned', as_of, jsonb_build_object('sdr_id', by, 'disposition', disposition, 'reason', reason,
		'signals_met', coalesce((SELECT s.signals FROM pql.score s WHERE s.user_id = of_lead.user_id AND s.model = of_lead.model AND s.started_at = of_lead.started_at), of_lead.signals)), external_id);
END
$$;
COMMENT ON FUNCTION pql.dispose(pql.lead, text, text, text, timestamptz, text) IS 'Notes a disposition, and the fact lead.disposition. Returns the lead, to be saved.';

CREATE FUNCTION pql.stop_sequence(of_lead pql.lead, reason text, as_of timestamptz) RETURNS pql.lead
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF of_lead.stopped_at IS NOT NULL OR of_lead.assigned_at IS NULL OR of_lead.state = 'closed' THEN
		RETURN of_lead;
	END IF;
	RETURN pql.log_event(of_lead, 'sequence_stopped', as_of, jsonb_build_object('reason', reason));
END
$$;
COMMENT ON FUNCTION pql.stop_sequence(pql.lead, text, timestamptz) IS 'Nothing more is to be sent: once, of leads that a rep has. Returns the lead, to be saved.';

CREATE FUNCTION pql.escalate(of_lead pql.lead, as_of timestamptz) RETURNS pql.lead
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	l pql.lead := of_lead;
	to_channel_at timestamptz;
	levels text[];
	due_at timestamptz;
BEGIN
	SELECT min(s.at) FILTER (WHERE s.step = 'channel'), array_agg(s.step ORDER BY v.n) FILTER (WHERE s.step <> 'channel'), min(s.at) FILTER (WHERE s.step <> 'channel')
	INTO to_channel_at, levels, due_at
	FROM pql.lead_steps(l, as_of) s JOIN (VALUES (1, 'channel'), (2, 'manager'), (3, 'deadline'), (4, 'breach')) v (n, step) ON v.step = s.step
	WHERE s.at <= as_of;
	IF to_channel_at IS NOT NULL THEN
		l := pql.log_event(l, 'pql_escalated', as_of, jsonb_build_object('levels', ARRAY['channel'], 'due_at', to_channel_at, 'sdr_id', l.rep));
		PERFORM pql.tell('unclaimed', l, as_of);
	END IF;
	-- the manager is told once of what falls together
	IF levels IS NOT NULL THEN
		l := pql.log_event(l, 'pql_escalated', as_of, jsonb_build_object('levels', levels, 'due_at', due_at, 'sdr_id', l.rep));
		PERFORM pql.tell(CASE WHEN levels = '{manager}' THEN 'unclaimed_manager' ELSE 'first_touch_overdue' END, l, as_of, jsonb_build_object('levels', levels));
	END IF;
	RETURN l;
END
$$;
COMMENT ON FUNCTION pql.escalate(pql.lead, timestamptz) IS 'Tells the channel of a lead that nobody has claimed for a business hour, and the manager after two, at the deadline of the first touch, and when it is breached: each once. Returns the lead, to be saved.';

CREATE FUNCTION pql.raise_tier(of_lead pql.lead, verdict pql.score, as_of timestamptz) RETURNS pql.lead
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	l pql.lead := of_lead;
	due timestamptz;
BEGIN
	IF verdict.tier IS NULL OR verdict.tier = l.tier
		OR NOT EXISTS (SELECT FROM pql.tier_rules(l.model) t LEFT JOIN pql.tier_rules(l.model) o ON o.tier = l.tier WHERE t.tier = verdict.tier AND (t.rank >= o.rank) IS NOT TRUE) THEN
		RETURN l;
	END IF;
	IF l.state IN ('assigned', 'claimed') THEN
		due := pql.touch_due(l, verdict.tier, l.rep, as_of);
	END IF;
	l := pql.log_event(l, 'tier_raised', as_of, jsonb_build_object('pql_score', verdict.score, 'priority_tier', verdict.tier, 'was', l.tier, 'signals_met', verdict.signals,
		'first_touch_due_at', CASE WHEN due < l.first_touch_due_at THEN due END));
	IF l.rep IS NOT NULL AND l.state <> 'queued' THEN
		PERFORM pql.tell('tier_raised', l, as_of, jsonb_build_object('from_tier', of_lead.tier));
	END IF;
	RETURN l;
END
$$;
COMMENT ON FUNCTION pql.raise_tier(pql.lead, pql.score, timestamptz) IS 'A rise in tier: noted, told, and with the earlier deadline. A fall is none. Returns the lead, to be saved.';

CREATE FUNCTION pql.move_lead(of_lead pql.lead, verdict pql.score, routing pql.routing, as_of timestamptz) RETURNS pql.lead
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	l pql.lead := of_lead;
	details jsonb;
	barrier text;
	new_signals text[];
	over text[];
BEGIN
	IF verdict.status = 'converted' THEN
		details := pql.lead_conversion(l, as_of);
		IF details IS NOT NULL AND l.converted_at IS NULL THEN
			RETURN pql.convert_lead(l, details, as_of);
		ELSIF (l.mrr, l.conversion_source, l.conversion_touches) IS DISTINCT FROM ((details ->> 'mrr')::float8, details ->> 'conversion_source', (details ->> 'touches')::int) THEN
			-- an earlier payment has become known, or billing says something else of it
			l := pql.log_event(l, 'conversion_corrected', as_of, details);
		END IF;
	END IF;
	IF l.state = 'control' OR l.state = 'not_routed' AND l.reason IS NULL AND routing.model IS NULL THEN
		RETURN l;
	END IF;

	-- those nobody has
	IF l.state IN ('not_routed', 'queued') AND l.assigned_at IS NULL THEN
		IF l.late AND l.reason IS NULL THEN
			RETURN pql.log_event(l, 'pql_not_routed', as_of, jsonb_build_object('reason', 'late', 'state', 'closed'));
		END IF;
		IF verdict.exclusions <> '{}' AND routing.role IS DISTINCT FROM 'hand_raisers' AND NOT 'hand_raiser' = ANY (l.flags) THEN
			RETURN pql.log_event(l, 'pql_not_routed', as_of, jsonb_build_object('reason', verdict.exclusions[1], 'reasons', verdict.exclusions, 'state', 'closed'));
		END IF;
	END IF;

	IF l.state IN ('queued', 'assigned', 'claimed', 'contacted', 'meeting') AND l.assigned_at IS NOT NULL THEN
		barrier := pql.contact_barrier(l.user_id, as_of);
		IF barrier IS NOT NULL THEN
			l := pql.stop_sequence(l, barrier, as_of);
			-- nobody is given what nobody may write about
			IF l.state = 'queued' THEN
				RETURN pql.log_event(l, 'lead_closed', as_of, jsonb_build_object('reason', barrier));
			END IF;
		END IF;
	END IF;

	IF l.state = 'closed' THEN
		-- somebody who was not ready shows something new
		IF l.disposition = 'nurture' OR l.disposition = 'no_response' AND l.reopened_at IS NULL AND (l.trial_ends_at <= as_of) IS NOT TRUE THEN
			new_signals := ARRAY(SELECT s FROM unnest(verdict.signals) s JOIN pql.scoring_points(l.model) p ON p.signal = s
				WHERE NOT s = ANY (l.signals) AND p.points >= CASE l.disposition WHEN 'no_response' THEN 3 ELSE 1 END);
			IF new_signals <> '{}' AND l.converted_at IS NULL AND pql.contact_barrier(l.user_id, as_of) IS NULL THEN
				l := pql.log_event(l, 'lead_reopened', as_of, jsonb_build_object('was', l.disposition, 'new_signals', new_signals, 'signals_met', verdict.signals));
				l := pql.raise_tier(l, verdict, as_of);
				PERFORM pql.note_disposition(l.user_id, NULL, as_of);
			END IF;
		END IF;
		RETURN l;
	END IF;

	-- the end of the sequence, and of the trial
	SELECT array_agg(s.step) INTO over FROM pql.lead_steps(l, as_of) s WHERE s.at <= as_of;
	IF 'sequence_end' = ANY (over) THEN
		RETURN pql.dispose(l, 'no_response', 'sequence ended', 'pql', as_of);
	ELSIF 'trial_end' = ANY (over) AND l.touches > 0 THEN
		RETURN pql.dispose(l, 'no_response', 'trial ended', 'pql', as_of);
	ELSIF 'trial_end' = ANY (over) THEN
		RETURN pql.log_event(l, 'lead_closed', as_of, jsonb_build_object('reason', 'lapsed'));
	END IF;

	l := pql.raise_tier(l, verdict, as_of);
	RETURN pql.escalate(l, as_of);
END
$$;
COMMENT ON FUNCTION pql.move_lead(pql.lead, pql.score, pql.routing, timestamptz) IS 'What its verdict and the time do to a lead, but for routing. Returns the lead, to be saved.';

CREATE FUNCTION pql.merge_hand_raiser(of_lead pql.lead, as_of timestamptz) RETURNS pql.lead
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	l pql.lead := of_lead;
	other pql.lead;
	due timestamptz;
BEGIN
	SELECT o.* INTO other FROM pql.lead o
	WHERE o.user_id = l.user_id AND o.lead_id <> l.lead_id AND o.state IN ('queued', 'assigned', 'claimed', 'contacted', 'meeting')
	ORDER BY o.lead_id LIMIT 1 FOR UPDATE;
	IF other.lead_id IS NULL THEN
		RETURN l;
	END IF;
	IF other.state IN ('assigned', 'claimed') THEN
		due := pql.touch_due(l, l.tier, other.rep, as_of);
	END IF;
	other := pql.log_event(other, 'handoff_triggered', as_of, jsonb_build_object('model', l.model, 'tier', l.tier, 'signals_met', l.signals, 'lead_id', l.lead_id,
		'flags', pql.flagged(other.flags, 'hand_raiser'), 'first_touch_due_at', CASE WHEN due < other.first_touch_due_at THEN due END));
	IF other.rep IS NOT NULL THEN
		PERFORM pql.tell('handoff', other, as_of, jsonb_build_object('signals', l.signals));
	END IF;
	PERFORM pql.save_lead(other);
	RETURN pql.log_event(l, 'pql_not_routed', as_of, jsonb_build_object('reason', 'merged', 'into', other.lead_id, 'state', 'closed'));
END
$$;
COMMENT ON FUNCTION pql.merge_hand_raiser(pql.lead, timestamptz) IS 'Who asks for somebody and is being worked already is one lead: that one is flagged, and hurried. Returns the other, to be saved.';

CREATE FUNCTION pql.move_leads(as_of timestamptz) RETURNS int
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
	users text[];
	to_route bigint[] := '{}';
	hand_raisers bigint[] := '{}';
	goes_on boolean;
	waiting text[];
	f record;
	l pql.lead;
	before pql.lead;
	n int := 0;
BEGIN
	PERFORM pql.apply_activities(as_of);
	users := ARRAY(SELECT DISTINCT o.user_id FROM pql.lead o WHERE o.next_at <= as_of);
	IF users = '{}' THEN
		RETURN 0;
	END IF;
	-- Some of them are locked here already, so that to wait for others could be for ever. Who has them does this as well, or the next refresh does.
	users := pql.try_lock_users(users);
	FOR f IN
		SELECT o AS lead, s AS verdict, r AS routing, t.route
		FROM pql.lead o
		LEFT JOIN pql.score s ON s.user_id = o.user_id AND s.model = o.model AND s.started_at = o.started_at
		LEFT JOIN pql.routing r ON r.model = o.model
		LEFT JOIN (SELECT i.model, x.* FROM pql.routing i CROSS JOIN LATERAL pql.tier_rules(i.model) x) t ON t.model = o.model AND t.tier = CASE WHEN s.status = 'qualified' THEN s.tier ELSE o.tier END
		WHERE o.user_id = ANY (users) AND o.next_at <= as_of
		ORDER BY o.lead_id
		FOR UPDATE OF o
	LOOP
		before := f.lead;
		l := pql.move_lead(before, f.verdict, f.routing, as_of);
		n := n + 1;
		goes_on := false;
		IF l.state = 'not_routed' AND l.reason IS NULL AND (f.routing).role = 'leads'
			AND pql.held_out(coalesce(l.account_id, l.user_id), (f.routing).control_share, (f.routing).control_salt) THEN
			l := pql.log_event(l, 'pql_held_out', as_of, jsonb_build_object('share', (f.routing).control_share));
		ELSIF l.state IN ('not_routed', 'queued') AND (f.routing).model IS NOT NULL AND (l.state = 'queued' OR l.reason IS NULL OR l.reason IN ('tier_not_routed', 'automated', 'outside_pilot')) THEN
			IF f.route IS NOT NULL OR 'hand_raiser' = ANY (l.flags) OR l.assigned_at IS NOT NULL THEN
				goes_on := true;
				IF l.state = 'not_routed' AND l.reason IS NULL AND (f.routing).role = 'hand_raisers' THEN
					hand_raisers := hand_raisers || l.lead_id;
				ELSE
					to_route := to_route || l.lead_id;
				END IF;
			ELSIF l.reason IS DISTINCT FROM 'tier_not_routed' THEN
				l := pql.log_event(l, 'pql_not_routed', as_of, jsonb_build_object('reason', 'tier_not_routed'));
			END IF;
		END IF;
		PERFORM pql.save_lead(l, true) WHERE NOT goes_on OR l IS DISTINCT FROM before;
	END LOOP;
	-- when all others are saved, for one of them is changed by it
	FOR before IN SELECT o.* FROM pql.lead o WHERE o.lead_id = ANY (hand_raisers) ORDER BY o.lead_id LOOP
		l := pql.merge_hand_raiser(before, as_of);
		IF l.state = 'closed' THEN
			PERFORM pql.save_lead(l, true);
		ELSE
			to_route := to_route || l.lead_id;
		END IF;
	END LOOP;
	IF to_route <> '{}' THEN
		-- nobody who comes now overtakes those who wait
		waiting := ARRAY(SELECT DISTINCT o.user_id FROM pql.lead o WHERE o.state = 'queued' AND o.reason IN ('cap', 'behind_queue') AND o.lead_id <> ALL (to_route));
		IF waiting <> '{}' THEN
			waiting := pql.try_lock_users(waiting);
			to_route := to_route || ARRAY(SELECT o.lead_id FROM pql.lead o WHERE o.user_id = ANY (waiting) AND o.state = 'queued' AND o.reason IN ('cap', 'behind_queue') AND o.lead_id <> ALL (to_route));
		END IF;
		PERFORM pql.route_leads(to_route, as_of);
	END IF;
	RETURN n;
END
$$;
COMMENT ON FUNCTION pql.move_leads(timestamptz) IS 'Applies what reps have done in the CRM, looks at all leads whose time has come, and routes those that are without a rep. Returns how many it has looked at.';
