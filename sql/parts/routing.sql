-- Routing: who gets a lead, and by when.

CREATE TABLE pql.channel (
	channel text PRIMARY KEY,
	kind text NOT NULL DEFAULT 'slack' CHECK (kind IN ('slack', 'webhook')),
	name text,
	calendar text REFERENCES pql.calendar ON UPDATE CASCADE,
	timezone text CHECK (pql.check_timezone(timezone)),
	paused_at timestamptz
);
COMMENT ON TABLE pql.channel IS 'Where alerts go. Addresses and secrets are the relay''s, not the database''s.';
COMMENT ON COLUMN pql.channel.channel IS 'The name by which a relay finds its address.';
COMMENT ON COLUMN pql.channel.kind IS 'slack: Block Kit. webhook: the same facts as plain JSON.';
COMMENT ON COLUMN pql.channel.name IS 'As people know it: #sales-leads.';
COMMENT ON COLUMN pql.channel.calendar IS 'Quiet hours: alerts wait while it is closed. With timezone, or mon-fri 09:00-18:00 there; neither: none.';
COMMENT ON COLUMN pql.channel.paused_at IS 'Since when nothing is sent; what comes meanwhile waits.';
SELECT pg_catalog.pg_extension_config_dump('pql.channel', '');

CREATE TABLE pql.team (
	team text PRIMARY KEY,
	manager text,
	channel text REFERENCES pql.channel ON UPDATE CASCADE,
	manager_channel text REFERENCES pql.channel ON UPDATE CASCADE
);
COMMENT ON TABLE pql.team IS 'Teams of reps: sdr, inside_sales, ae, or any other.';
COMMENT ON COLUMN pql.team.manager IS 'E-mail, or Slack handle, of who is told when a lead waits.';
COMMENT ON COLUMN pql.team.channel IS 'Where the team''s leads are announced; NULL: the channel named default.';
COMMENT ON COLUMN pql.team.manager_channel IS 'Where the manager is told; NULL: the same.';
SELECT pg_catalog.pg_extension_config_dump('pql.team', '');

CREATE TABLE pql.rep (
	email text PRIMARY KEY CHECK (email <> ''),
	name text,
	slack_handle text UNIQUE,
	crm_id text UNIQUE,
	timezone text CHECK (pql.check_timezone(timezone)),
	calendar text REFERENCES pql.calendar ON UPDATE CASCADE,
	team text NOT NULL DEFAULT 'sdr',
	active boolean NOT NULL DEFAULT true,
	daily_cap int NOT NULL DEFAULT 5 CHECK (daily_cap >= 0)
);
COMMENT ON TABLE pql.rep IS 'Sales reps.';
COMMENT ON COLUMN pql.rep.email IS 'Who it is, everywhere.';
COMMENT ON COLUMN pql.rep.team IS 'As in pql.segment_rule. What is to be known of the team itself is in pql.team.';
COMMENT ON COLUMN pql.rep.slack_handle IS 'Slack''s user id (U…): what mentions and /claim know.';
COMMENT ON COLUMN pql.rep.crm_id IS 'The CRM''s id of the user: account owners may be named so.';
COMMENT ON COLUMN pql.rep.timezone IS 'IANA name; NULL: the calendar''s.';
COMMENT ON COLUMN pql.rep.calendar IS 'NULL: mon-fri 09:00-18:00, without holidays.';
COMMENT ON COLUMN pql.rep.active IS 'Whether new leads come. Leads of a rep who is not stay until they are reassigned.';
COMMENT ON COLUMN pql.rep.daily_cap IS 'New leads on one business day.';
SELECT pg_catalog.pg_extension_config_dump('pql.rep', '');

CREATE TABLE pql.segment_rule (
	segment text PRIMARY KEY,
	position int NOT NULL UNIQUE,
	employees_at_least int,
	employees_at_most int,
	team text,
	CHECK (employees_at_least <= employees_at_most)
);
COMMENT ON TABLE pql.segment_rule IS 'Which team gets leads of which companies. The first rule that fits, by position; pql.start_routing puts the usual ones in when there are none.';
COMMENT ON COLUMN pql.segment_rule.employees_at_least IS 'With either bound, companies of unknown size do not fit; with none, all do.';
COMMENT ON COLUMN pql.segment_rule.team IS 'As in pql.rep. NULL: nobody; such leads are left to an automated sequence.';
SELECT pg_catalog.pg_extension_config_dump('pql.segment_rule', '');

CREATE TABLE pql.routing (
	model text PRIMARY KEY,
	unit text NOT NULL,
	role text NOT NULL DEFAULT 'leads' CHECK (role IN ('leads', 'hand_raisers')),
	team text,
	control_share float8 NOT NULL DEFAULT 0 CHECK (control_share >= 0 AND control_share < 1),
	control_salt text NOT NULL DEFAULT '',
	ae_from float8,
	started_at timestamptz NOT NULL,
	UNIQUE (unit, role)
);
COMMENT ON TABLE pql.routing IS 'Models whose leads are routed: pql.start_routing.';
COMMENT ON COLUMN pql.routing.role IS 'leads: the one model of its unit whose score decides. hand_raisers: beside it, a model of people who ask for somebody; they are never held out, and no segment or exclusion keeps them from a person.';
COMMENT ON COLUMN pql.routing.team IS 'Gets all leads, whatever the segment; NULL: by segment.';
COMMENT ON COLUMN pql.routing.control_share IS 'The share of accounts that are held out.';
COMMENT ON COLUMN pql.routing.control_salt IS 'Another one draws other accounts.';
COMMENT ON COLUMN pql.routing.ae_from IS 'Deals of this amount and more are marked for an account executive; NULL: none.';
SELECT pg_catalog.pg_extension_config_dump('pql.routing', '');

CREATE TABLE pql.routed_model (
	model text PRIMARY KEY,
	since timestamptz NOT NULL
);
COMMENT ON TABLE pql.routed_model IS 'Models that have ever routed leads, and since when: their leads are what dashboards count.';
SELECT pg_catalog.pg_extension_config_dump('pql.routed_model', '');

CREATE TABLE pql.pilot (
	pilot text PRIMARY KEY CHECK (btrim(pilot) <> ''),
	model text NOT NULL,
	segment text,
	team text,
	started_at timestamptz NOT NULL,
	days int NOT NULL DEFAULT 28 CHECK (days > 0),
	control_share float8 NOT NULL DEFAULT 0,
	baseline float8 CHECK (baseline > 0 AND baseline < 1),
	on_breach text NOT NULL DEFAULT 'tell' CHECK (on_breach IN ('tell', 'pause')),
	workload text CHECK (workload IN ('sustainable', 'not_sustainable')),
	ended_at timestamptz,
	ended_why text
);
COMMENT ON TABLE pql.pilot IS 'Pilots: a model''s leads given to a team for some weeks, to see whether it is worth while. pql.start_pilot makes them.';
COMMENT ON COLUMN pql.pilot.segment IS 'Only leads of this segment (of pql.segment_rule) are routed while it runs; NULL: all.';
COMMENT ON COLUMN pql.pilot.team IS 'Gets them while it runs; NULL: by segment, as ever.';
COMMENT ON COLUMN pql.pilot.baseline IS 'Trial to paid without sales, 0 to 1. NULL: that of the trials of the first two weeks that were not routed.';
COMMENT ON COLUMN pql.pilot.on_breach IS 'What refresh does when volume or complaints are in breach: tell the managers, or pause routing or outreach as well.';
COMMENT ON COLUMN pql.pilot.workload IS 'What the team says of it: sustainable, or not_sustainable. NULL: nothing yet.';
COMMENT ON COLUMN pql.pilot.ended_at IS 'When it was ended early; NULL: it runs its days.';
SELECT pg_catalog.pg_extension_config_dump('pql.pilot', '');

CREATE TABLE pql.pause (
	what text NOT NULL CHECK (what IN ('routing', 'outreach')),
	paused_at timestamptz NOT NULL,
	reason text NOT NULL,
	paused_by text NOT NULL DEFAULT CURRENT_USER,
	resumed_at timestamptz,
	PRIMARY KEY (what, paused_at)
);
CREATE UNIQUE INDEX pause_runs_once ON pql.pause (what) WHERE resumed_at IS NULL;
COMMENT ON TABLE pql.pause IS 'When routing, or outreach, was paused and why.';
COMMENT ON COLUMN pql.pause.resumed_at IS 'NULL: it still is.';
SELECT pg_catalog.pg_extension_config_dump('pql.pause', '');

-- ---- on and off ----

CREATE FUNCTION pql.tier_rules(model text)
RETURNS TABLE (tier text, rank int, route text, first_touch interval, business boolean, breach interval)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT t.value ->> 'tier', t.ordinality::int, t.value ->> 'route',
		(CASE f.parts[3] WHEN 'minute' THEN make_interval(mins => f.parts[1]::int) WHEN 'hour' THEN make_interval(hours => f.parts[1]::int) WHEN 'day' THEN make_interval(days => f.parts[1]::int) END),
		f.parts[2] IS NOT NULL,
		(CASE b.parts[2] WHEN 'hour' THEN make_interval(hours => b.parts[1]::int) WHEN 'day' THEN make_interval(days => b.parts[1]::int) END)
	FROM pql.active_model m
	CROSS JOIN LATERAL jsonb_array_elements(m.document -> 'tiers') WITH ORDINALITY t
	CROSS JOIN LATERAL (SELECT regexp_match(coalesce(t.value ->> 'first_touch', '4 business hours'), '^(\d+) (business )?(minute|hour|day)s?$') AS parts) f
	CROSS JOIN LATERAL (SELECT regexp_match(t.value ->> 'breach', '^(\d+) (hour|day)s?$') AS parts) b
	WHERE m.model = tier_rules.model;
END;
COMMENT ON FUNCTION pql.tier_rules(text) IS 'What the active version of a model says of leads of each tier; rank 1 is the highest. first_touch: 4 business hours unless it says. business: it is business time. route NULL: such leads are not routed.';

CREATE FUNCTION pql.start_routing(model text, control_share float8 DEFAULT 0, team text DEFAULT NULL, role text DEFAULT 'leads', since timestamptz DEFAULT NULL, as_of timestamptz DEFAULT now()) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	of_unit text := m.document ->> 'unit' FROM pql.active_model m WHERE m.model = start_routing.model;
	other text;
BEGIN
	IF of_unit IS NULL THEN
		RAISE EXCEPTION 'model "%" is not active', model
			USING ERRCODE = 'undefined_object', DETAIL = format('Active models: %s.', (SELECT coalesce(string_agg(m.model, ', ' ORDER BY m.model), 'none') FROM pql.active_model m)),
				HINT = 'Store one with pql.put_model, or activate a version with pql.activate_model.';
	END IF;
	IF NOT EXISTS (SELECT FROM pql.tier_rules(model) t WHERE t.route IS NOT NULL) THEN
		RAISE EXCEPTION 'model "%" has no tier that is routed', model
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Give a tier "route": "at_once" and "first_touch": "2 business hours".';
	END IF;
	IF control_share IS NULL OR NOT control_share >= 0 OR control_share >= 1 THEN
		RAISE EXCEPTION 'control_share % is no share', control_share
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Write 0.1 to hold out a tenth of all accounts, 0 for none.';
	END IF;
	IF role IS NULL OR role NOT IN ('leads', 'hand_raisers') THEN
		RAISE EXCEPTION 'role "%" is not known', role
			USING ERRCODE = 'invalid_parameter_value', HINT = 'It is ''leads'', or ''hand_raisers'' for a model beside it.';
	END IF;
	SELECT r.model INTO other FROM pql.routing r WHERE r.unit = of_unit AND r.role = start_routing.role AND r.model <> start_routing.model;
	IF other IS NOT NULL THEN
		RAISE EXCEPTION 'model "%" routes % already', other, CASE role WHEN 'leads' THEN of_unit || 's' ELSE 'hand-raisers' END
			USING ERRCODE = 'object_in_use', DETAIL = 'Two models would give one person to two reps.',
				HINT = format('SELECT pql.stop_routing(%L); leads that are being worked stay with their reps.', other);
	END IF;
	IF NOT EXISTS (SELECT FROM pql.segment_rule) THEN
		INSERT INTO pql.segment_rule (segment, position, employees_at_least, employees_at_most, team)
		VALUES ('enterprise', 1, 500, NULL, 'ae'), ('mid_market', 2, 50, 499, 'inside_sales'), ('smb', 3, 1, 49, NULL), ('unknown', 4, NULL, NULL, 'sdr');
	END IF;
	PERFORM pql.ship_templates();
	-- of large companies people want to hear at once
	INSERT INTO pql.signal_alert (model, signal)
	SELECT m.model, 'enterprise_signup' FROM pql.active_model m CROSS JOIN LATERAL pql.model_signals(m.document) s
	WHERE m.model = start_routing.model AND s.signal = 'enterprise_signup' AND NOT EXISTS (SELECT FROM pql.routing r WHERE r.model = start_routing.model)
	ON CONFLICT DO NOTHING;
	INSERT INTO pql.routing AS o (model, unit, role, team, control_share, started_at)
	VALUES (model, of_unit, role, team, control_share, as_of)
	ON CONFLICT ON CONSTRAINT routing_pkey DO UPDATE SET role = EXCLUDED.role, team = EXCLUDED.team, control_share = EXCLUDED.control_share;
	INSERT INTO pql.routed_model (model, since) VALUES (model, as_of) ON CONFLICT DO NOTHING;
	UPDATE pql.lead l SET next_at = as_of
	WHERE l.model = start_routing.model AND (l.state = 'queued' OR l.state = 'not_routed' AND l.reason IS NULL AND l.triggered_at >= since);
	IF NOT EXISTS (SELECT FROM pql.rep r WHERE r.active) THEN
		RAISE NOTICE 'there are no active reps: leads queue until there are'
			USING HINT = 'INSERT INTO pql.rep (email, name, timezone) VALUES (…).';
	END IF;
END
$$;
COMMENT ON FUNCTION pql.start_routing(text, float8, text, text, timestamptz, timestamptz) IS 'From the next refresh on, new leads of a model go to reps. control_share: of accounts, held out: neither routed nor alerted. team: gets them all; NULL: by pql.segment_rule. role: as in pql.routing. since: leads found since then, and not routed so far, are routed as well; NULL: none. Called again, it changes these. ERROR: the model is not active, has no tier with a route, or another one of its unit is routed.';

CREATE FUNCTION pql.stop_routing(model text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	DELETE FROM pql.routing r WHERE r.model = stop_routing.model;
	RETURN FOUND;
END
$$;
COMMENT ON FUNCTION pql.stop_routing(text) IS 'New leads of a model are not routed any more. What is queued waits; what reps have goes on. Returns false when it was not routed.';

CREATE FUNCTION pql.paused(what text DEFAULT 'routing') RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT (SELECT p.reason FROM pql.pause p WHERE p.what = paused.what AND p.resumed_at IS NULL);
END;
COMMENT ON FUNCTION pql.paused(text) IS 'Why routing (or outreach) is paused; NULL: it is not.';

CREATE FUNCTION pql.pause(reason text, what text DEFAULT 'routing', as_of timestamptz DEFAULT now()) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF what IS NULL OR what NOT IN ('routing', 'outreach') THEN
		RAISE EXCEPTION '"%" cannot be paused', what
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Pause ''routing'' or ''outreach''.';
	END IF;
	IF coalesce(btrim(reason), '') = '' THEN
		RAISE EXCEPTION 'a pause needs a reason'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Whoever wonders why nothing comes will read it: SELECT pql.pause(''too many leads'').';
	END IF;
	INSERT INTO pql.pause (what, paused_at, reason) VALUES (what, as_of, reason) ON CONFLICT DO NOTHING;
	RETURN FOUND;
END
$$;
COMMENT ON FUNCTION pql.pause(text, text, timestamptz) IS 'Pauses routing: leads qualify and queue, nobody is alerted, clocks of assigned leads run on. what => ''outreach'': touches are refused. Returns false when it is paused already. ERROR: no reason.';

CREATE FUNCTION pql.resume(what text DEFAULT 'routing', as_of timestamptz DEFAULT now()) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	UPDATE pql.pause p SET resumed_at = greatest(as_of, p.paused_at) WHERE p.what = resume.what AND p.resumed_at IS NULL;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	IF what = 'routing' THEN
		UPDATE pql.lead l SET next_at = as_of WHERE l.state = 'queued' AND l.reason = 'paused';
	END IF;
	RETURN true;
END
$$;
COMMENT ON FUNCTION pql.resume(text, timestamptz) IS 'Ends a pause; the next refresh routes what has queued. Returns false when there was none.';

CREATE FUNCTION pql.held_out(subject text, share float8, salt text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT ('x' || substr(md5(salt || ':' || subject), 1, 8))::bit(32)::bigint / 4294967296.0 < share;
END;
COMMENT ON FUNCTION pql.held_out(text, float8, text) IS 'Is this account (of a user who has none, the user) in the control arm? By a hash, so that the answer stays, and a larger share holds out those of a smaller one.';

-- ---- reps ----

CREATE FUNCTION pql.rep_hours(rep text) RETURNS TABLE (calendar text, timezone text)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT r.calendar, coalesce(r.timezone, c.timezone, 'UTC') FROM pql.rep r LEFT JOIN pql.calendar c ON c.calendar = r.calendar WHERE r.email = rep;
END;
COMMENT ON FUNCTION pql.rep_hours(text) IS 'By which calendar and in which timezone a rep works, as functions of business time take them; of nobody no row.';

CREATE FUNCTION pql.rep_capacity(as_of timestamptz DEFAULT now(), reps text[] DEFAULT NULL)
RETURNS TABLE (rep text, team text, timezone text, calendar text, opens_at timestamptz, counts_on date, next_day_at timestamptz, free int, load int, last_assigned_at timestamptz)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT r.email, r.team, r.zone, r.calendar, r.opens_at, r.day, pql.next_opening((r.day + 1)::timestamp AT TIME ZONE r.zone, r.calendar, r.zone),
		r.daily_cap - (SELECT count(*) FROM pql.lead l WHERE l.rep = r.email AND l.counts_on = r.day)::int,
		(SELECT count(*) FROM pql.lead l WHERE l.rep = r.email AND l.state IN ('assigned', 'claimed', 'contacted', 'meeting'))::int,
		-- the last one counts on the latest day
		(SELECT max(l.assigned_at) FROM pql.lead l WHERE l.rep = r.email AND l.counts_on = (SELECT max(d.counts_on) FROM pql.lead d WHERE d.rep = r.email))
	FROM (
		SELECT p.email, p.team, p.calendar, p.daily_cap, z.zone, o.opens_at, (o.opens_at AT TIME ZONE z.zone)::date AS day
		FROM pql.rep p
		LEFT JOIN pql.calendar c ON c.calendar = p.calendar
		CROSS JOIN LATERAL (SELECT coalesce(p.timezone, c.timezone, 'UTC') AS zone) z
		CROSS JOIN LATERAL (SELECT pql.next_opening(as_of, p.calendar, z.zone) AS opens_at) o
		WHERE CASE WHEN reps IS NULL THEN p.active ELSE p.email = ANY (reps) END
	) r
	ORDER BY r.email;
END;
COMMENT ON FUNCTION pql.rep_capacity(timestamptz, text[]) IS 'How much each active rep (or each of those named) can take: a lead assigned at as_of counts on counts_on, the business day that opens_at (as_of, or when they open next) falls on, of which free are left (negative: over the cap); the next one opens at next_day_at. load: active leads.';

CREATE FUNCTION pql.wake_queue() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	UPDATE pql.lead l SET next_at = '-infinity' WHERE l.state = 'queued' AND l.next_at IS DISTINCT FROM '-infinity';
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION pql.wake_queue() IS 'Trigger of what leads may be waiting for: the next refresh tries them again.';
REVOKE ALL ON FUNCTION pql.wake_queue() FROM PUBLIC;
CREATE TRIGGER rep_wakes_queue AFTER INSERT OR UPDATE ON pql.rep FOR EACH STATEMENT EXECUTE FUNCTION pql.wake_queue();
CREATE TRIGGER segment_rule_wakes_queue AFTER INSERT OR UPDATE OR DELETE ON pql.segment_rule FOR EACH STATEMENT EXECUTE FUNCTION pql.wake_queue();

CREATE FUNCTION pql.keep_rep() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	leads int := count(*) FROM pql.lead l WHERE l.rep = OLD.email AND l.state IN ('assigned', 'claimed', 'contacted', 'meeting');
BEGIN
	IF leads = 0 THEN
		RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
	END IF;
	RAISE EXCEPTION '% has % open lead%', OLD.email, leads, CASE WHEN leads > 1 THEN 's' ELSE '' END
		USING ERRCODE = 'foreign_key_violation', DETAIL = 'They would be nobody''s.',
			HINT = format('Reassign them (pql.reassign). UPDATE pql.rep SET active = false WHERE email = %L; keeps new ones away meanwhile.', OLD.email);
END
$$;
COMMENT ON FUNCTION pql.keep_rep() IS 'Trigger: a rep with open leads is neither deleted nor renamed.';
CREATE TRIGGER rep_with_leads_stays BEFORE DELETE ON pql.rep FOR EACH ROW EXECUTE FUNCTION pql.keep_rep();
CREATE TRIGGER rep_with_leads_keeps_name BEFORE UPDATE OF email ON pql.rep FOR EACH ROW WHEN (OLD.email <> NEW.email) EXECUTE FUNCTION pql.keep_rep();
