-- Work: what reps do about leads. Each function notes one thing in pql.lead_event, once for each external_id, and refuses what
-- may not be done with words that say what may. A lead's user is locked first, then the lead, then reps.

CREATE FUNCTION pql.open_lead(lead_id bigint) RETURNS pql.lead
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	l pql.lead;
BEGIN
	SELECT o.* INTO l FROM pql.lead o WHERE o.lead_id = open_lead.lead_id;
	IF l.lead_id IS NULL THEN
		RAISE EXCEPTION 'there is no lead %', coalesce(lead_id::text, 'NULL')
			USING ERRCODE = 'no_data_found', HINT = 'SELECT lead_id, user_id, rep, state FROM pql.lead;';
	END IF;
	PERFORM pql.lock_users(ARRAY[l.user_id]);
	SELECT o.* INTO l FROM pql.lead o WHERE o.user_id = l.user_id AND o.lead_id = open_lead.lead_id FOR UPDATE;
	RETURN l;
END
$$;
COMMENT ON FUNCTION pql.open_lead(bigint) IS 'A lead to be worked, locked until the transaction ends. An unknown one is an ERROR.';

CREATE FUNCTION pql.noted(of_lead pql.lead, external_id text) RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT EXISTS (SELECT FROM pql.lead_event e WHERE e.user_id = (of_lead).user_id AND e.lead_id = (of_lead).lead_id AND e.external_id = noted.external_id);
END;
COMMENT ON FUNCTION pql.noted(pql.lead, text) IS 'Has an event with this external_id been noted of the lead? NULL never has.';

CREATE FUNCTION pql.known_rep(rep text, active boolean DEFAULT true) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	r pql.rep;
BEGIN
	SELECT p.* INTO r FROM pql.rep p WHERE lower(p.email) = lower(btrim(rep)) ORDER BY (p.email = rep) DESC, p.email LIMIT 1;
	IF r.email IS NULL THEN
		RAISE EXCEPTION 'rep "%" is not known', coalesce(rep, 'NULL')
			USING ERRCODE = 'undefined_object', HINT = 'Reps are known by their e-mail: SELECT email, name FROM pql.rep;';
	ELSIF active AND NOT r.active THEN
		RAISE EXCEPTION 'rep "%" is not active', r.email
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = format('UPDATE pql.rep SET active = true WHERE email = %L;', r.email);
	END IF;
	RETURN r.email;
END
$$;
COMMENT ON FUNCTION pql.known_rep(text, boolean) IS 'The e-mail of a rep as pql.rep has it, whatever its case. active: and only one who is. Else an ERROR.';

CREATE FUNCTION pql.refuse_unless_worked(of_lead pql.lead, doing text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	l pql.lead := of_lead;
BEGIN
	CASE
		WHEN l.state = 'control' THEN
			RAISE EXCEPTION 'lead % is held out', l.lead_id
				USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = 'It belongs to the control arm, by which is measured whether sales help at all.',
					HINT = 'Nobody writes to it. Who asks for somebody is routed all the same.';
		WHEN l.state = 'closed' THEN
			RAISE EXCEPTION 'lead % is closed', l.lead_id
				USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = format('As %s, on %s.', l.reason, l.closed_at),
					HINT = 'A lead that was not ready is reopened by itself when it shows something new.';
		WHEN l.state = 'not_routed' THEN
			RAISE EXCEPTION 'lead % is not routed%', l.lead_id, ' (' || l.reason || ')'
				USING ERRCODE = 'object_not_in_prerequisite_state', HINT = format('A manager can give it to somebody: SELECT * FROM pql.reassign(%s, ''rep@company.example'').', l.lead_id);
		WHEN l.state = 'queued' THEN
			RAISE EXCEPTION 'lead % is queued (%), and nobody has it', l.lead_id, l.reason
				USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = format('To %s it, one has to have it.', doing),
					HINT = format('SELECT * FROM pql.claim(%s, ''rep@company.example'');', l.lead_id);
		ELSE
			NULL;
	END CASE;
END
$$;
COMMENT ON FUNCTION pql.refuse_unless_worked(pql.lead, text) IS 'An ERROR, with what can be done instead, when no rep has the lead.';

CREATE FUNCTION pql.refuse_anothers(of_lead pql.lead, rep text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF of_lead.rep IS DISTINCT FROM rep THEN
		RAISE EXCEPTION 'lead % is %''s', of_lead.lead_id, of_lead.rep
			USING ERRCODE = 'object_in_use', DETAIL = format('It was assigned on %s%s.', of_lead.assigned_at, ' and claimed on ' || of_lead.claimed_at),
				HINT = format('They can give it back (pql.release), or a manager can hand it on: SELECT * FROM pql.reassign(%s, %L).', of_lead.lead_id, rep);
	END IF;
END
$$;
COMMENT ON FUNCTION pql.refuse_anothers(pql.lead, text) IS 'An ERROR when another rep has the lead.';

-- ---- whose it is ----

CREATE FUNCTION pql.claim(lead_id bigint, rep text, external_id text DEFAULT NULL, as_of timestamptz DEFAULT now()) RETURNS pql.lead
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	l pql.lead := pql.open_lead(lead_id);
	c record;
BEGIN
	IF pql.noted(l, external_id) THEN
		RETURN l;
	END IF;
	rep := pql.known_rep(rep);
	IF l.state = 'queued' THEN
		PERFORM FROM pql.rep r WHERE r.email = claim.rep FOR NO KEY UPDATE;
		SELECT p.* INTO c FROM pql.rep_capacity(as_of, ARRAY[rep]) p;
		IF c.free < 1 THEN
			RAISE EXCEPTION '% has had the new leads of %', rep, c.counts_on
				USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = format('The cap is %s a business day.', (SELECT r.daily_cap FROM pql.rep r WHERE r.email = claim.rep)),
					HINT = format('A manager can give it all the same: SELECT * FROM pql.reassign(%s, %L).', lead_id, rep);
		END IF;
		l := pql.assign_lead(l, rep, 'claimed', as_of);
	END IF;
	PERFORM pql.refuse_unless_worked(l, 'claim');
	PERFORM pql.refuse_anothers(l, rep);
	IF l.claimed_at IS NULL THEN
		l := pql.save_lead(pql.log_event(l, 'pql_claimed', as_of, jsonb_build_object('sdr_id', rep), external_id));
	END IF;
	RETURN l;
END
$$;
COMMENT ON FUNCTION pql.claim(bigint, text, text, timestamptz) IS 'A rep takes up a lead that is assigned to them, or one that is queued, if their cap allows. Claimed already: nothing happens. external_id: of the click; the same one twice is one. Returns the lead. ERROR: it is another''s, held out, closed or not routed; the cap is reached; unknown lead or rep.';

CREATE FUNCTION pql.release(lead_id bigint, rep text, note text DEFAULT NULL, external_id text DEFAULT NULL, as_of timestamptz DEFAULT now()) RETURNS pql.lead
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	l pql.lead := pql.open_lead(lead_id);
BEGIN
	IF pql.noted(l, external_id) THEN
		RETURN l;
	END IF;
	rep := pql.known_rep(rep, false);
	PERFORM pql.refuse_unless_worked(l, 'release');
	PERFORM pql.refuse_anothers(l, rep);
	RETURN pql.save_lead(pql.log_event(l, 'pql_released', as_of, jsonb_build_object('sdr_id', rep, 'note', note), external_id));
END
$$;
COMMENT ON FUNCTION pql.release(bigint, text, text, text, timestamptz) IS 'A rep gives a lead back: it is queued, and the next refresh gives it to somebody else, with the deadline it has. Returns the lead. ERROR: it is not theirs.';

CREATE FUNCTION pql.reassign(lead_id bigint, rep text, by text DEFAULT NULL, note text DEFAULT NULL, external_id text DEFAULT NULL, as_of timestamptz DEFAULT now()) RETURNS pql.lead
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	l pql.lead := pql.open_lead(lead_id);
BEGIN
	IF pql.noted(l, external_id) THEN
		RETURN l;
	END IF;
	rep := pql.known_rep(rep);
	IF l.state IN ('control', 'closed') THEN
		PERFORM pql.refuse_unless_worked(l, 'reassign');
	ELSIF l.rep = rep AND l.state <> 'queued' THEN
		RETURN l;
	END IF;
	PERFORM FROM pql.rep r WHERE r.email = reassign.rep FOR NO KEY UPDATE;
	RETURN pql.save_lead(pql.assign_lead(l, rep, 'reassigned', as_of, jsonb_build_object('by', by, 'was', l.rep, 'note', note), external_id));
END
$$;
COMMENT ON FUNCTION pql.reassign(bigint, text, text, text, text, timestamptz) IS 'Gives a lead to a rep, whoever has it and whatever the cap (flagged over_cap). by: who decided. It keeps its deadline. Theirs already: nothing happens. Returns the lead. ERROR: it is held out or closed; the rep is unknown or not active.';

-- ---- what is said ----

CREATE FUNCTION pql.touch_barrier(of_lead pql.lead, as_of timestamptz) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT coalesce(pql.contact_barrier((of_lead).user_id, as_of),
		CASE WHEN (of_lead).stop_reason IN ('not_interested', 'complaint', 'converted', 'unsubscribe') THEN (of_lead).stop_reason WHEN (of_lead).state = 'control' THEN 'control' END);
END;
COMMENT ON FUNCTION pql.touch_barrier(pql.lead, timestamptz) IS 'Why nobody may write about this lead: opted_out, suppressed, not_interested, complaint, converted, control; NULL: one may.';

CREATE FUNCTION pql.refuse_outreach() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	l pql.lead;
	barrier text;
BEGIN
	-- a dump that is restored brings what was right when it was noted
	IF NOT current_setting('check_function_bodies')::boolean THEN
		RETURN NEW;
	END IF;
	SELECT o.* INTO l FROM pql.lead o WHERE o.user_id = NEW.user_id AND o.lead_id = NEW.lead_id;
	barrier := pql.touch_barrier(l, NEW.occurred_at);
	IF barrier IS NOT NULL THEN
		RAISE EXCEPTION 'nobody may write to the person of lead %: %', NEW.lead_id, barrier
			USING ERRCODE = 'check_violation',
				DETAIL = CASE barrier WHEN 'opted_out' THEN 'They have unsubscribed.' WHEN 'suppressed' THEN 'They are on a do-not-contact list.' WHEN 'control' THEN 'The lead is held out.'
					WHEN 'converted' THEN 'They have paid.' ELSE format('Their answer was: %s.', barrier) END,
				HINT = CASE barrier WHEN 'opted_out' THEN format('Only they can change that, by opting in again: SELECT pql.opt_in(%L).', NEW.user_id)
					WHEN 'converted' THEN 'Hand them over to customer success.' WHEN 'not_interested' THEN format('Close it: SELECT * FROM pql.set_disposition(%s, ''nurture'').', NEW.lead_id)
					WHEN 'complaint' THEN format('Close it: SELECT * FROM pql.set_disposition(%s, ''disqualified'', ''complaint'').', NEW.lead_id) ELSE 'Leave them alone.' END;
	END IF;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION pql.refuse_outreach() IS 'Trigger: whoever notes that a message was sent, by whatever way, is refused where none may be.';
CREATE TRIGGER outreach_is_allowed BEFORE INSERT ON pql.lead_event
FOR EACH ROW WHEN (NEW.event = 'outreach_sent') EXECUTE FUNCTION pql.refuse_outreach();

CREATE FUNCTION pql.log_touch(lead_id bigint, rep text DEFAULT NULL, channel text DEFAULT 'email', touch_number int DEFAULT NULL, note text DEFAULT NULL, template text DEFAULT NULL,
	external_id text DEFAULT NULL, as_of timestamptz DEFAULT now()) RETURNS pql.lead
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	l pql.lead := pql.open_lead(lead_id);
	last record;
	closes_at timestamptz;
	paused text;
	hours float8;
BEGIN
	IF pql.noted(l, external_id) THEN
		RETURN l;
	END IF;
	PERFORM pql.refuse_unless_worked(l, 'write about');
	rep := pql.known_rep(coalesce(rep, l.rep), false);
	PERFORM pql.refuse_anothers(l, rep);
	IF channel IS NULL OR channel NOT IN ('email', 'call', 'linkedin', 'other') THEN
		RAISE EXCEPTION 'channel "%" is not known', channel
			USING ERRCODE = 'invalid_parameter_value', HINT = 'It is email, call, linkedin or other.';
	END IF;
	paused := pql.paused('outreach');
	IF paused IS NOT NULL THEN
		RAISE EXCEPTION 'outreach is paused: %', paused
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'SELECT pql.resume(''outreach''); ends that.';
	END IF;
	IF l.touches >= 3 THEN
		SELECT e.details, e.occurred_at INTO last FROM pql.lead_event e WHERE e.user_id = l.user_id AND e.lead_id = l.lead_id AND e.event = 'outreach_sent' ORDER BY e.event_id DESC LIMIT 1;
		closes_at := pql.next_step_at(l);
		RAISE EXCEPTION 'lead % has had its 3 touches', l.lead_id
			USING ERRCODE = 'object_not_in_prerequisite_state',
				DETAIL = format('Last: %s by %s, %s.%s', last.details ->> 'channel', last.details ->> 'sdr_id', to_char(last.occurred_at, 'Dy YYYY-MM-DD HH24:MI'),
					CASE WHEN l.stopped_at IS NULL THEN ' It closes as no_response on ' || to_char(closes_at, 'Dy YYYY-MM-DD') || '.' ELSE '' END),
				HINT = format('Log an answer with pql.log_reply(%1$s, …), or close it with pql.set_disposition(%1$s, ''nurture'').', l.lead_id);
	END IF;
	IF touch_number <> l.touches + 1 THEN
		RAISE EXCEPTION 'touch % of lead % is not the next one', touch_number, l.lead_id
			USING ERRCODE = 'invalid_parameter_value', DETAIL = format('It has had %s.', l.touches), HINT = format('Log touch %s, or leave the number out.', l.touches + 1);
	END IF;
	IF l.contacted_at IS NULL THEN
		hours := (SELECT extract(epoch FROM pql.business_time_between(l.triggered_at, as_of, h.calendar, h.timezone)) / 3600 FROM pql.rep_hours(rep) h);
	END IF;
	RETURN pql.save_lead(pql.log_event(l, 'outreach_sent', as_of, jsonb_build_object('sdr_id', rep, 'touch_number', l.touches + 1, 'channel', channel, 'note', note, 'template', template, 'hours', hours), external_id));
END
$$;
COMMENT ON FUNCTION pql.log_touch(bigint, text, text, int, text, text, text, timestamptz) IS 'A rep has written, called or tried. rep NULL: whose lead it is. channel: email, call, linkedin, other. touch_number: 1 to 3, for who wants to be sure; NULL: the next. template: of pql.template. It claims the lead, if nobody had. Returns the lead. ERROR: a fourth touch; a person who has unsubscribed, is suppressed, not interested, has complained or paid; another''s lead; outreach is paused.';

CREATE FUNCTION pql.unanswered_email(of_lead pql.lead) RETURNS jsonb
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT e.details || jsonb_build_object('emailed_at', e.occurred_at) FROM (
		SELECT x.event, x.details, x.occurred_at FROM pql.lead_event x
		WHERE x.user_id = (of_lead).user_id AND x.lead_id = (of_lead).lead_id AND (x.event = 'outreach_sent' AND x.details ->> 'channel' = 'email' OR x.event = 'reply_received' AND x.details ? 'answers')
		ORDER BY x.event_id DESC LIMIT 1) e
	WHERE e.event = 'outreach_sent';
END;
COMMENT ON FUNCTION pql.unanswered_email(pql.lead) IS 'The details of the last e-mail that was sent, with emailed_at, unless it has been answered already. NULL: there is none.';

CREATE FUNCTION pql.log_reply(lead_id bigint, reply text, channel text DEFAULT 'email', note text DEFAULT NULL, external_id text DEFAULT NULL, as_of timestamptz DEFAULT now()) RETURNS pql.lead
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	l pql.lead := pql.open_lead(lead_id);
	email jsonb;
BEGIN
	IF pql.noted(l, external_id) THEN
		RETURN l;
	END IF;
	IF reply IS NULL OR reply NOT IN ('positive', 'not_interested', 'unsubscribe', 'complaint') THEN
		RAISE EXCEPTION 'reply "%" is not known', reply
			USING ERRCODE = 'invalid_parameter_value', HINT = 'It is positive, not_interested, unsubscribe or complaint.';
	END IF;
	IF reply <> 'unsubscribe' AND l.assigned_at IS NULL THEN
		PERFORM pql.refuse_unless_worked(l, 'answer');
	END IF;
	IF channel = 'email' THEN
		email := pql.unanswered_email(l);
	END IF;
	l := pql.log_event(l, 'reply_received', as_of, jsonb_build_object('reply', reply, 'channel', channel, 'note', note, 'answers', email -> 'touch_number', 'template', email -> 'template', 'emailed_at', email -> 'emailed_at'), external_id);
	l := pql.stop_sequence(l, CASE reply WHEN 'positive' THEN 'positive_reply' ELSE reply END, as_of);
	IF reply = 'unsubscribe' THEN
		INSERT INTO pql.opt_out (user_id, opted_out_at, source) VALUES (l.user_id, as_of, format('reply to lead %s', lead_id)) ON CONFLICT DO NOTHING;
		UPDATE pql.person p SET opted_out_at = as_of WHERE p.user_id = l.user_id AND (p.opted_out_at <= as_of) IS NOT TRUE;
	END IF;
	RETURN pql.save_lead(l);
END
$$;
COMMENT ON FUNCTION pql.log_reply(bigint, text, text, text, text, timestamptz) IS 'The person has answered: positive, not_interested, unsubscribe or complaint. Each stops the sequence; unsubscribe also for all time to come (pql.opt_in ends that). Returns the lead. ERROR: another word; nobody ever had the lead.';

CREATE FUNCTION pql.log_meeting(lead_id bigint, rep text DEFAULT NULL, meets_at timestamptz DEFAULT NULL, next_steps text DEFAULT NULL, amount float8 DEFAULT NULL, external_id text DEFAULT NULL,
	as_of timestamptz DEFAULT now()) RETURNS pql.lead
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	l pql.lead := pql.open_lead(lead_id);
BEGIN
	IF pql.noted(l, external_id) THEN
		RETURN l;
	END IF;
	PERFORM pql.refuse_unless_worked(l, 'meet');
	rep := pql.known_rep(coalesce(rep, l.rep), false);
	PERFORM pql.refuse_anothers(l, rep);
	l := pql.log_event(l, 'meeting_booked', as_of, jsonb_build_object('sdr_id', rep, 'meets_at', coalesce(meets_at, as_of), 'next_steps', next_steps, 'amount', amount,
		'flags', CASE WHEN amount >= (SELECT min(r.ae_from) FROM pql.routing r WHERE r.model = l.model) THEN pql.flagged(l.flags, 'deal_for_ae') ELSE l.flags END), external_id);
	RETURN pql.save_lead(pql.stop_sequence(l, 'meeting', as_of));
END
$$;
COMMENT ON FUNCTION pql.log_meeting(bigint, text, timestamptz, text, float8, text, timestamptz) IS 'A meeting was agreed, or held. meets_at: when it is; NULL: as_of. amount: what the deal may be worth; from pql.routing.ae_from on the lead is flagged deal_for_ae. Called again with another external_id for the next one. Returns the lead. ERROR: no rep has the lead, or another one.';

CREATE FUNCTION pql.set_disposition(lead_id bigint, disposition text, reason text DEFAULT NULL, rep text DEFAULT NULL, external_id text DEFAULT NULL, as_of timestamptz DEFAULT now()) RETURNS pql.lead
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	l pql.lead := pql.open_lead(lead_id);
BEGIN
	IF pql.noted(l, external_id) THEN
		RETURN l;
	END IF;
	IF disposition IS NULL OR disposition NOT IN ('meeting_set', 'converted', 'nurture', 'no_response', 'disqualified', 'routed_to_cs') THEN
		RAISE EXCEPTION 'disposition "%" is not known', disposition
			USING ERRCODE = 'invalid_parameter_value', HINT = 'It is meeting_set, converted, nurture, no_response, disqualified or routed_to_cs.';
	END IF;
	IF disposition = 'disqualified' AND coalesce(btrim(reason), '') = '' THEN
		RAISE EXCEPTION 'who disqualifies lead % says why', lead_id
			USING ERRCODE = 'null_value_not_allowed', DETAIL = 'The reasons are what the model is mended by.',
				HINT = format('SELECT * FROM pql.set_disposition(%s, ''disqualified'', ''wrong person'');', lead_id);
	END IF;
	IF l.disposition = disposition AND l.disposition_reason IS NOT DISTINCT FROM reason THEN
		RETURN l;
	END IF;
	-- a closed one may be corrected
	IF l.state <> 'closed' OR l.disposition IS NULL THEN
		PERFORM pql.refuse_unless_worked(l, 'close');
	END IF;
	IF rep IS NOT NULL THEN
		rep := pql.known_rep(rep, false);
		PERFORM pql.refuse_anothers(l, rep);
	END IF;
	IF l.converted_at IS NOT NULL AND disposition <> 'converted' THEN
		RAISE EXCEPTION 'lead % has converted', lead_id
			USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = format('On %s.', l.converted_at), HINT = 'What was agreed before stands in its log.';
	ELSIF disposition = 'no_response' AND l.touches = 0 THEN
		RAISE EXCEPTION 'nobody has written to lead % yet', lead_id
			USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = 'No response is what follows on three touches.',
				HINT = format('Log a touch with pql.log_touch(%1$s), or give it back with pql.release(%1$s, %2$L).', lead_id, l.rep);
	END IF;
	l := pql.stop_sequence(l, disposition, as_of);
	RETURN pql.save_lead(pql.dispose(l, disposition, reason, coalesce(rep, l.rep), as_of, external_id));
END
$$;
COMMENT ON FUNCTION pql.set_disposition(bigint, text, text, text, text, timestamptz) IS 'What came of a lead: meeting_set (which stays open), converted, nurture, no_response, disqualified (reason required; never again in this trial), routed_to_cs. The same again: nothing happens; another one corrects it. rep: who says so; NULL: whose lead it is. Returns the lead. ERROR: no reason; no_response without a touch; the lead has converted; no rep has had it.';

CREATE FUNCTION pql.convert_lead(of_lead pql.lead, details jsonb, as_of timestamptz, external_id text DEFAULT NULL) RETURNS pql.lead
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	l pql.lead := pql.log_event(of_lead, 'trial_converted', as_of, details, external_id);
BEGIN
	IF l.state IN ('not_routed', 'queued') AND l.assigned_at IS NULL THEN
		IF l.reason IS NOT NULL OR EXISTS (SELECT FROM pql.routing r WHERE r.model = l.model) THEN
			l := pql.log_event(l, 'pql_not_routed', as_of, jsonb_build_object('reason', 'converted', 'state', 'closed'));
		END IF;
	ELSIF l.state NOT IN ('closed', 'control') THEN
		l := pql.dispose(pql.stop_sequence(l, 'converted', as_of), 'converted', NULL, 'pql', as_of);
	END IF;
	RETURN l;
END
$$;
COMMENT ON FUNCTION pql.convert_lead(pql.lead, jsonb, timestamptz, text) IS 'The person has paid: what was to be sent is stopped, and the lead closes. Returns the lead, to be saved.';

CREATE FUNCTION pql.log_conversion(lead_id bigint, plan text DEFAULT NULL, mrr float8 DEFAULT NULL, conversion_source text DEFAULT NULL, external_id text DEFAULT NULL, as_of timestamptz DEFAULT now()) RETURNS pql.lead
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	l pql.lead := pql.open_lead(lead_id);
BEGIN
	IF pql.noted(l, external_id) OR l.converted_at IS NOT NULL THEN
		RETURN l;
	END IF;
	IF conversion_source NOT IN ('self_serve', 'sales_assisted') THEN
		RAISE EXCEPTION 'conversion_source "%" is not known', conversion_source
			USING ERRCODE = 'invalid_parameter_value', HINT = 'It is self_serve or sales_assisted; NULL: assisted if somebody had written before.';
	END IF;
	-- what billing says of the same later is the same conversion, if it is earlier: then it counts
	INSERT INTO pql.conversion (conversion_id, user_id, account_id, converted_at, plan, mrr, conversion_source)
	VALUES (coalesce(external_id, format('lead:%s', lead_id)), CASE WHEN NOT pql.is_account_key(l.user_id) THEN l.user_id END, CASE WHEN pql.is_account_key(l.user_id) THEN l.account_id END,
		as_of, plan, mrr, conversion_source);
	RETURN pql.save_lead(pql.convert_lead(l, pql.conversion_details(l, as_of, plan, mrr, conversion_source), as_of, external_id));
END
$$;
COMMENT ON FUNCTION pql.log_conversion(bigint, text, float8, text, text, timestamptz) IS 'The person has paid, for who knows before billing''s tables do: a row of pql.conversion, and the lead closes as converted. mrr: monthly, in the company''s currency. conversion_source: self_serve or sales_assisted. Converted already: nothing happens. Returns the lead.';
