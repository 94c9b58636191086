-- Activities: what reps do in the CRM, read from its tables, so that they may work there alone.
--
-- Each row is one touch, reply, meeting, disposition or claim, and does what the function of work.sql does. What that refuses
-- stays here with the reason.

CREATE TABLE pql.activity (
	activity_id text PRIMARY KEY,
	lead_id text,
	user_id text,
	email text,
	kind text,
	occurred_at timestamptz,
	rep text,
	channel text,
	reply text,
	disposition text,
	reason text,
	note text,
	meets_at timestamptz,
	amount float8,
	followed_at timestamptz,
	applied_at timestamptz,
	refused text
);
CREATE INDEX activity_to_apply ON pql.activity (occurred_at) WHERE applied_at IS NULL AND refused IS NULL;
COMMENT ON TABLE pql.activity IS 'What reps did, as the CRM tells: one row each. The next refresh applies it to the lead.';
COMMENT ON COLUMN pql.activity.activity_id IS 'The CRM''s id of the task or the record. A touch, a meeting or an answer counts once for each id; a disposition for each id and word.';
COMMENT ON COLUMN pql.activity.lead_id IS 'Of pql.lead. NULL: the latest lead, by then, of the user.';
COMMENT ON COLUMN pql.activity.user_id IS 'NULL: the person of this e-mail.';
COMMENT ON COLUMN pql.activity.kind IS 'touch, reply, meeting, disposition or claim. NULL: a disposition, a reply, a meeting or a touch, whichever of the columns has something, in this order.';
COMMENT ON COLUMN pql.activity.occurred_at IS 'NULL: when the refresh sees it. In the future: it waits.';
COMMENT ON COLUMN pql.activity.rep IS 'E-mail, or the CRM''s id of the user. NULL: whose lead it is.';
COMMENT ON COLUMN pql.activity.channel IS 'As in pql.log_touch.';
COMMENT ON COLUMN pql.activity.reply IS 'As in pql.log_reply.';
COMMENT ON COLUMN pql.activity.disposition IS 'As in pql.set_disposition.';
COMMENT ON COLUMN pql.activity.meets_at IS 'When a meeting is.';
COMMENT ON COLUMN pql.activity.amount IS 'What the deal may be worth.';
COMMENT ON COLUMN pql.activity.followed_at IS 'Since when the row follows a connected table; NULL: it was written here.';
COMMENT ON COLUMN pql.activity.applied_at IS 'as_of of the refresh that applied it.';
COMMENT ON COLUMN pql.activity.refused IS 'Why it was not applied.';
SELECT pg_catalog.pg_extension_config_dump('pql.activity', '');

CREATE FUNCTION pql.renew_activity() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF to_jsonb(NEW) - '{followed_at,applied_at,refused}'::text[] IS DISTINCT FROM to_jsonb(OLD) - '{followed_at,applied_at,refused}'::text[] THEN
		NEW.applied_at := NULL;
		NEW.refused := NULL;
	END IF;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION pql.renew_activity() IS 'Trigger: a row that says something else is applied anew.';
CREATE TRIGGER changed_activity_is_new BEFORE UPDATE ON pql.activity FOR EACH ROW EXECUTE FUNCTION pql.renew_activity();

CREATE FUNCTION pql.activity_lead(of_activity pql.activity, as_of timestamptz) RETURNS bigint
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT CASE WHEN (of_activity).lead_id IS NOT NULL THEN (SELECT l.lead_id FROM pql.lead l WHERE l.lead_id = CASE WHEN (of_activity).lead_id ~ '^[0-9]{1,18}$' THEN (of_activity).lead_id::bigint END)
		ELSE (SELECT l.lead_id FROM pql.lead l
			WHERE l.user_id = coalesce((of_activity).user_id, (SELECT p.user_id FROM pql.person p WHERE lower(p.email) = lower((of_activity).email) ORDER BY p.user_id LIMIT 1))
				AND l.triggered_at <= coalesce((of_activity).occurred_at, as_of)
			-- of one that somebody has, before those nobody has
			ORDER BY l.state IN ('assigned', 'claimed', 'contacted', 'meeting') DESC, l.assigned_at IS NOT NULL DESC, l.triggered_at DESC, l.lead_id DESC LIMIT 1) END;
END;
COMMENT ON FUNCTION pql.activity_lead(pql.activity, timestamptz) IS 'Which lead an activity is about; NULL: none.';

CREATE FUNCTION pql.apply_activity(of_activity pql.activity, lead bigint, as_of timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	a pql.activity := of_activity;
	sdr text := (SELECT r.email FROM pql.rep r WHERE lower(r.email) = lower(btrim(a.rep)) OR r.crm_id = btrim(a.rep) ORDER BY r.email LIMIT 1);
	kind text := coalesce(a.kind, CASE WHEN a.disposition IS NOT NULL THEN 'disposition' WHEN a.reply IS NOT NULL THEN 'reply' WHEN a.meets_at IS NOT NULL THEN 'meeting' WHEN a.channel IS NOT NULL THEN 'touch' END);
	id text := format('activity:%s:%s%s', a.activity_id, kind, CASE kind WHEN 'disposition' THEN ':' || a.disposition WHEN 'reply' THEN ':' || a.reply END);
	at timestamptz := coalesce(a.occurred_at, as_of);
BEGIN
	IF lead IS NULL THEN
		RAISE EXCEPTION 'there is no lead for it' USING ERRCODE = 'no_data_found', HINT = 'It needs a lead_id, a user_id or an e-mail that pql.person knows.';
	ELSIF a.rep IS NOT NULL AND sdr IS NULL THEN
		RAISE EXCEPTION 'rep "%" is not known', a.rep USING ERRCODE = 'undefined_object', HINT = 'Add the CRM''s id of the user to pql.rep.crm_id.';
	END IF;
	CASE kind
		WHEN 'touch' THEN
			PERFORM pql.log_touch(lead, sdr, coalesce(a.channel, 'other'), note => a.note, external_id => id, as_of => at);
		WHEN 'reply' THEN
			PERFORM pql.log_reply(lead, a.reply, coalesce(a.channel, 'email'), a.note, id, at);
		WHEN 'meeting' THEN
			PERFORM pql.log_meeting(lead, sdr, a.meets_at, a.note, a.amount, id, at);
		WHEN 'disposition' THEN
			PERFORM pql.set_disposition(lead, a.disposition, coalesce(a.reason, a.note), sdr, id, at);
		WHEN 'claim' THEN
			PERFORM pql.claim(lead, coalesce(sdr, (SELECT l.rep FROM pql.lead l WHERE l.lead_id = lead)), id, at);
		ELSE
			RAISE EXCEPTION 'it says nothing that is known'
				USING ERRCODE = 'invalid_parameter_value', HINT = 'kind is touch, reply, meeting, disposition or claim.';
	END CASE;
END
$$;
COMMENT ON FUNCTION pql.apply_activity(pql.activity, bigint, timestamptz) IS 'Does what an activity tells of a lead, once. What may not be done is an ERROR.';

CREATE FUNCTION pql.apply_activities(as_of timestamptz) RETURNS int
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	a pql.activity;
	lead bigint;
	n int := 0;
BEGIN
	FOR a IN SELECT x.* FROM pql.activity x WHERE x.applied_at IS NULL AND x.refused IS NULL AND (x.occurred_at IS NULL OR x.occurred_at <= as_of) ORDER BY x.occurred_at NULLS LAST, x.activity_id LOOP
		lead := pql.activity_lead(a, as_of);
		-- who holds the user's lock leaves it to the next refresh, and nobody waits
		CONTINUE WHEN lead IS NOT NULL AND pql.try_lock_users(ARRAY[(SELECT l.user_id FROM pql.lead l WHERE l.lead_id = lead)]) = '{}';
		BEGIN
			PERFORM pql.apply_activity(a, lead, as_of);
			UPDATE pql.activity x SET applied_at = as_of WHERE x.activity_id = a.activity_id;
		EXCEPTION
			WHEN serialization_failure OR deadlock_detected THEN
				RAISE;
			WHEN OTHERS THEN
				UPDATE pql.activity x SET refused = SQLERRM WHERE x.activity_id = a.activity_id;
				INSERT INTO pql.ignored (source, reason, rows) VALUES ('activities', 'refused', 1);
		END;
		n := n + 1;
	END LOOP;
	RETURN n;
END
$$;
COMMENT ON FUNCTION pql.apply_activities(timestamptz) IS 'Applies what has come from the CRM, in the order in which it happened. What may not be done is kept with the reason (pql.activity.refused), and reported by the next run. Returns how many were looked at.';
