-- Leads for tests of the sales motion: \ir lib/leads.sql after lib/transaction.sql. 2026-03-02 is a Monday.

-- Somebody who qualifies at an instant: medium (6 points), or high (8, with sessions on three days).
CREATE FUNCTION t.qualify(who text, at timestamptz, tier text DEFAULT 'medium', company text DEFAULT NULL, employees int DEFAULT 300, owner text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	account text := coalesce(company, 'co-' || who);
	start timestamptz := at - interval '2 days 1 hour';
BEGIN
	INSERT INTO pql.account (account_id, name, employees, crm_owner) VALUES (account, initcap(account), employees, owner) ON CONFLICT DO NOTHING;
	INSERT INTO pql.person (user_id, email, full_name, title, account_id) VALUES (who, who || '@' || account || '.example', initcap(who) || ' Example', 'Head of Examples', account);
	INSERT INTO pql.trial (user_id, started_at) VALUES (who, start);
	INSERT INTO pql.event (user_id, occurred_at, event, properties) VALUES
		(who, start + interval '1 hour', 'activation_complete', '{}'),
		(who, start + interval '1 day', 'invite_sent', '{"invitee_email": "a@b.example"}'),
		(who, at, 'integration_connected', '{"integration_type": "warehouse"}');
	IF tier = 'high' THEN
		INSERT INTO pql.event (user_id, occurred_at, event) SELECT who, start + d * interval '1 day', 'session_start' FROM generate_series(0, 2) d;
	END IF;
END
$$;

CREATE FUNCTION t.refresh(as_of timestamptz) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	WHILE (pql.refresh_batch(as_of, 1000)).users > 0 LOOP NULL; END LOOP;
END
$$;

CREATE FUNCTION t.lead(who text, of_model text DEFAULT 'trial') RETURNS pql.lead LANGUAGE sql STABLE AS
$$ SELECT l FROM pql.lead l WHERE l.user_id = who AND l.model = of_model ORDER BY l.lead_id DESC LIMIT 1 $$;

CREATE FUNCTION t.id(who text, of_model text DEFAULT 'trial') RETURNS bigint LANGUAGE sql STABLE AS $$ SELECT (t.lead(who, of_model)).lead_id $$;

-- 'state reason rep' of a lead.
CREATE FUNCTION t.stands(who text, of_model text DEFAULT 'trial') RETURNS text LANGUAGE sql STABLE AS
$$ SELECT concat_ws(' ', l.state, l.reason, split_part(l.rep, '@', 1)) FROM t.lead(who, of_model) l $$;

-- The events of a lead, in order.
CREATE FUNCTION t.story(who text, of_model text DEFAULT 'trial') RETURNS text LANGUAGE sql STABLE AS
$$ SELECT string_agg(e.event, ' ' ORDER BY e.event_id) FROM pql.lead_event e WHERE e.lead_id = t.id(who, of_model) $$;

-- What has been told of a lead, in order.
CREATE FUNCTION t.told(who text, of_model text DEFAULT 'trial') RETURNS text LANGUAGE sql STABLE AS
$$ SELECT coalesce(string_agg(a.kind, ' ' ORDER BY a.alert_id), '') FROM pql.alert a WHERE a.lead_id = t.id(who, of_model) $$;

-- Leads that their log does not add up to, outcomes that it tells differently, and leads whose next look is not when it should be.
CREATE FUNCTION t.unlike_log() RETURNS SETOF text LANGUAGE sql STABLE AS
$$ SELECT format('%s: %s is %s, and its log says %s', l.user_id, k.key, k.value, to_jsonb(r) -> k.key)
FROM pql.lead l CROSS JOIN LATERAL pql.replay(l.lead_id) r CROSS JOIN LATERAL jsonb_each(to_jsonb(l)) k
WHERE k.key <> 'next_at' AND k.value IS DISTINCT FROM to_jsonb(r) -> k.key
UNION ALL
SELECT format('%s: %s is %s, and read from the log %s', a.user_id, k.key, k.value, to_jsonb(b) -> k.key)
FROM pql.outcomes_of_leads() a LEFT JOIN pql.outcomes_of_log('infinity') b ON b.lead_id = a.lead_id CROSS JOIN LATERAL jsonb_each(to_jsonb(a)) k
WHERE k.value IS DISTINCT FROM to_jsonb(b) -> k.key
UNION ALL
SELECT format('%s: next_at is %s instead of %s', l.user_id, l.next_at, pql.next_step_at(l)) FROM pql.lead l
WHERE pql.next_step_at(l) IS NOT NULL AND (l.next_at <= pql.next_step_at(l)) IS NOT TRUE $$;
