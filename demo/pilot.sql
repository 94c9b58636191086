-- Four simulated weeks of work with the leads of demo/simulate.sql's company: two reps, from Monday 2026-10-05 on.
--
--   psql -f demo/simulate.sql -f demo/pilot.sql                into a database with the extension, tables empty
--   psql -v step=1 -v seed=2 -v days=28 -v others=on -v share=0.1 -f demo/pilot.sql
--
-- What demo/simulate.sql wrote is put aside, and comes into pql's tables as simulated time passes: seconds, hours or a day after it happened,
-- as loaders bring it. Every "step" minutes (1: each of the 40,320 minutes; 5 unless told) what has come by then is loaded, the reps do what
-- they do, and CALL pql.refresh(as_of). But for step 1, nights, Saturdays and Sundays go in longer steps: of 15, 60
-- or 180 minutes, where step is less than 15, less than 30, or more.
--
-- Models that route nothing are set aside unless others is on: judging by three models takes three times as long. Of the people who cannot become leads
-- for the size of their company, a "share" takes part.
--
-- One rep works in Berlin, with lunch, short Fridays and holidays, and calls pql's functions; the other in New York, in a CRM whose table of
-- tasks pql reads. What they do follows from what the log says and from dice, which are a hash as in demo/simulate.sql: some leads are
-- claimed at once, some late, some never; some people answer, some unsubscribe; and now and then somebody tries what must be refused.
--
-- It leaves beside pql's own tables, for demo/life.sql to tell and test/oracle/pilot.pl to check:
--
--   pilot.refreshed   each refresh: as of when, and the last event of the log before and after it
--   pilot.done        each thing that somebody did or tried: when, what, and what pql said to it
--   pilot.loaded      what came when, of what matters for routing and writing (owners, opt-outs, conversions, ends of trials)
--   pilot.action      what pql.next_actions_at said at 8, 14 and 20 o'clock
--   pilot.message     what was ready to be sent for each first touch
--   pilot.kept        what dashboards showed at the refreshes that follow the instants of -v keep='{…}' (none unless told)

\if :{?step}
\else
	\set step 5
\endif
\if :{?seed}
\else
	\set seed 2
\endif
\if :{?days}
\else
	\set days 28
\endif
\if :{?others}
\else
	\set others off
\endif
\if :{?share}
\else
	\set share 1
\endif
\if :{?keep}
\else
	\set keep '{}'
\endif
\set beginning '2026-10-05 00:00+00'

\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET jit = off;

CREATE SCHEMA pilot;

-- A number in [0, 1), for throw number "throw" about a thing.
CREATE FUNCTION pilot.dice(thing text, throw int) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ((hashtextextended(thing, :seed * 1000003 + throw) >> 11) & 9007199254740991)::float8 / 9007199254740992;

-- ------------------------------------------------------------------------------------------------
-- What is to come
-- ------------------------------------------------------------------------------------------------

-- Trials come half a minute after they start, one in fifty with a nightly load; with them the person, and the company of the first.
CREATE TABLE pilot.trial AS
SELECT t.user_id, t.started_at, t.ends_at, t.plan, t.converted_at, t.mrr, t.conversion_source,
	CASE WHEN pilot.dice(t.user_id || t.started_at, 1) < 0.02 THEN date_trunc('day', t.started_at) + interval '26 hours'
		ELSE t.started_at + interval '1 second' * (5 + 50 * pilot.dice(t.user_id || t.started_at, 2)) END AS comes_at
FROM pql.trial t JOIN pql.person p USING (user_id) LEFT JOIN pql.account a USING (account_id)
WHERE a.employees BETWEEN 200 AND 2000 OR pilot.dice(coalesce(p.account_id, t.user_id), 5) < :share;
CREATE TABLE pilot.person AS
SELECT p.user_id, p.email, p.full_name, p.title, p.account_id, p.signed_up_at, p.paid_at, p.opted_out_at, p.suppressed_at, p.attributes, t.comes_at
FROM pql.person p JOIN (SELECT user_id, min(comes_at) AS comes_at FROM pilot.trial GROUP BY 1) t USING (user_id);
CREATE TABLE pilot.account AS
SELECT a.account_id, a.name, a.domain, a.industry, a.crm_owner, a.kind, a.attributes, p.comes_at,
	-- a size that was learnt later is not known before
	CASE WHEN NOT EXISTS (SELECT FROM pql.fact f WHERE f.subject = a.account_id AND f.name = 'account.employees') THEN a.employees END AS employees,
	CASE WHEN pilot.dice(a.account_id, 3) < 0.3 THEN p.comes_at + interval '1 hour' * floor(200 * pilot.dice(a.account_id, 4)) END AS owned_at
FROM pql.account a JOIN (SELECT account_id, min(comes_at) AS comes_at FROM pilot.person GROUP BY 1) p USING (account_id);
CREATE TABLE pilot.event AS
SELECT e.user_id, e.occurred_at, e.event, e.properties, e.received_at, e.event_id FROM pql.event e
WHERE e.received_at < '2026-11-03 00:00+00' AND e.user_id IN (SELECT user_id FROM pilot.person) ORDER BY e.received_at;
CREATE INDEX ON pilot.event (received_at);
CREATE TABLE pilot.list_entry AS TABLE pql.list_entry;

-- All else that comes to be known: one row each, in the order in which it comes.
CREATE TABLE pilot.news (comes_at timestamptz NOT NULL, n bigint GENERATED ALWAYS AS IDENTITY, what text NOT NULL, id text NOT NULL, started_at timestamptz, details jsonb NOT NULL);
INSERT INTO pilot.news (comes_at, what, id, started_at, details)
SELECT converted_at + interval '1 minute' * (CASE WHEN pilot.dice(user_id, 11) < 0.1 THEN 600 ELSE 4 END * pilot.dice(user_id, 12)), 'converted', user_id, started_at,
	jsonb_build_object('converted_at', converted_at, 'mrr', mrr, 'conversion_source', conversion_source)
FROM pilot.trial WHERE converted_at IS NOT NULL
UNION ALL
SELECT started_at + interval '9 days', 'extended', user_id, started_at, jsonb_build_object('ends_at', ends_at) FROM pilot.trial WHERE ends_at IS NOT NULL
UNION ALL
SELECT opted_out_at + interval '1 minute' * (30 * pilot.dice(user_id, 13)), 'opted_out', user_id, NULL, jsonb_build_object('opted_out_at', opted_out_at)
FROM pilot.person WHERE opted_out_at > comes_at
UNION ALL
SELECT greatest(f.recorded_at + interval '1 minute' * (20 * pilot.dice(f.subject, 14)), a.comes_at), 'fact', f.subject, f.recorded_at, jsonb_build_object('value', f.value, 'source', f.source)
FROM pql.fact f JOIN pilot.account a ON a.account_id = f.subject
UNION ALL
SELECT owned_at, 'owner', account_id, NULL, jsonb_build_object('crm_owner', crm_owner) FROM pilot.account WHERE owned_at IS NOT NULL AND crm_owner IS NOT NULL
UNION ALL
-- one event in a hundred is taken back some hours later
SELECT received_at + interval '1 hour' * (72 * pilot.dice(event_id, 16)), 'taken_back', event_id, NULL, jsonb_build_object('user_id', user_id)
FROM pilot.event WHERE pilot.dice(event_id, 15) < 0.01
ORDER BY 1, 2, 3;
CREATE INDEX ON pilot.news (comes_at);
CREATE INDEX ON pilot.account (comes_at);
CREATE INDEX ON pilot.person (comes_at);
CREATE INDEX ON pilot.trial (comes_at);

TRUNCATE pql.event, pql.trial, pql.person, pql.account, pql.fact, pql.list_entry;
INSERT INTO pql.list_entry TABLE pilot.list_entry;
-- the driver asks for what is new in it after every step
CREATE INDEX pilot_news_of_leads ON pql.lead_event (event_id);
ANALYZE pilot.event, pilot.news, pilot.account, pilot.person, pilot.trial;

-- ------------------------------------------------------------------------------------------------
-- The team
-- ------------------------------------------------------------------------------------------------

INSERT INTO pql.channel (channel, name) VALUES ('default', '#sales'), ('leads', '#sales-leads'), ('managers', '#sales-managers') ON CONFLICT DO NOTHING;
INSERT INTO pql.team (team, manager, channel, manager_channel) VALUES ('sdr', 'manager@product.example', 'leads', 'managers');
INSERT INTO pql.calendar (calendar, timezone, hours) VALUES ('berlin', 'Europe/Berlin', 'mon-thu 09:00-12:30 13:15-18:00; fri 08:30-12:30 13:15-16:00');
INSERT INTO pql.holiday (calendar, day, name, hours) VALUES ('berlin', '2026-10-14', 'the office moves', NULL), ('berlin', '2026-10-22', 'works outing', '09:00-13:00');
INSERT INTO pql.rep (email, name, slack_handle, crm_id, timezone, calendar, team, active) VALUES
	('rep1@product.example', 'Wanda Beispiel', 'U0EXAMPLE1', NULL, NULL, 'berlin', 'sdr', true),
	('rep2@product.example', 'Sam Placeholder', 'U0EXAMPLE2', 'crm-0002', 'America/New_York', NULL, 'sdr', true),
	-- on leave for all of it; still the owner of some accounts
	('rep3@product.example', 'Ines Muster', 'U0EXAMPLE3', NULL, 'Europe/Berlin', 'berlin', 'sdr', false);

-- What rep2 does is here, and nowhere else.
CREATE TABLE pilot.crm_task (task_id text PRIMARY KEY, lead_no text, kind text, done_at timestamptz, owner text, channel text, answer text, outcome text, why text, note text, meets_at timestamptz, amount float8);
SELECT count(*) FILTER (WHERE status = 'error') AS wrong FROM pql.connect('activities', 'pilot.crm_task', mapping => '{"activity_id": "task_id", "lead_id": "lead_no", "kind": "kind", "occurred_at": "done_at",
	"rep": "owner", "channel": "channel", "reply": "answer", "disposition": "outcome", "reason": "why", "note": "note", "meets_at": "meets_at", "amount": "amount"}') \gset

-- ------------------------------------------------------------------------------------------------
-- Time passes
-- ------------------------------------------------------------------------------------------------

CREATE TABLE pilot.refreshed (as_of timestamptz PRIMARY KEY, loaded_from timestamptz, event_before bigint NOT NULL, event_after bigint NOT NULL);
CREATE TABLE pilot.loaded (step_at timestamptz NOT NULL, n bigint GENERATED ALWAYS AS IDENTITY, event_before bigint NOT NULL, what text NOT NULL, id text NOT NULL, started_at timestamptz, details jsonb NOT NULL);
CREATE TABLE pilot.plan (at timestamptz NOT NULL, n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, action text NOT NULL, lead_id bigint, rep text, details jsonb NOT NULL DEFAULT '{}', done boolean NOT NULL DEFAULT false);
CREATE INDEX ON pilot.plan (at) WHERE NOT done;
CREATE TABLE pilot.done (n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, step_at timestamptz NOT NULL, at timestamptz NOT NULL, event_before bigint NOT NULL, event_after bigint, action text NOT NULL, lead_id bigint, rep text,
	details jsonb NOT NULL, outcome text NOT NULL, sqlstate text, message text);

-- What pql.next_actions_at said, three times a day.
CREATE TABLE pilot.action AS SELECT now() AS as_of, a.rep, a.lead_id, a.action, a.touch, a.not_before, a.due_at FROM pql.next_actions_at() a LIMIT 0;

-- What was there to send for each first touch.
CREATE TABLE pilot.message (lead_id bigint NOT NULL, at timestamptz NOT NULL, template text, recipient text, subject text, body text);

-- What dashboards showed, and when that was by the clock that notes events.
CREATE TABLE pilot.to_keep AS SELECT unnest(:'keep'::timestamptz[]) AS at;
CREATE TABLE pilot.kept (as_of timestamptz NOT NULL, known_at timestamptz NOT NULL, dashboard text NOT NULL, grain text NOT NULL, period date NOT NULL,
	metric text NOT NULL, value float8, numerator float8, denominator float8);
CREATE FUNCTION pilot.shown(at timestamptz, known_at timestamptz)
RETURNS TABLE (dashboard text, grain text, period date, metric text, value float8, numerator float8, denominator float8)
LANGUAGE sql STABLE AS $$
	SELECT 'pipeline', d.grain, d.period, d.metric, d.value, d.numerator, d.denominator FROM pql.dashboard_pipeline_at(at, known_at => known_at) d
	UNION ALL SELECT 'conversion', d.grain, d.period, d.metric, d.value, d.numerator, d.denominator FROM pql.dashboard_conversion_at(at, known_at => known_at) d
	UNION ALL SELECT 'guardrails', d.grain, d.period, d.metric, d.value, d.numerator, d.denominator FROM pql.dashboard_guardrails_at(at, known_at => known_at) d
	UNION ALL SELECT 'playbook', d.grain, d.period, d.metric, d.value, d.numerator, d.denominator FROM pql.dashboard_playbook_at(at, known_at => known_at) d
	UNION ALL SELECT 'feedback', d.grain, d.period, d.metric, d.value, d.numerator, d.denominator FROM pql.dashboard_feedback_at(at, known_at => known_at) d
	UNION ALL
	SELECT f.dashboard, d.grain, d.period, d.metric || v.suffix, v.value, v.numerator, v.denominator
	FROM (VALUES ('funnel', 'user'), ('funnel of accounts', 'account')) f (dashboard, subject) CROSS JOIN pql.cohort_funnel_at(at, f.subject, known_at) d
	CROSS JOIN LATERAL (VALUES ('', d.value, d.numerator, d.denominator), (':median_days', d.median_days, NULL, NULL), (':mean_days', d.mean_days, NULL, NULL))
		v (suffix, value, numerator, denominator)
	WHERE v.suffix = '' OR d.metric NOT IN ('signup', 'open')
$$;

CREATE FUNCTION pilot.log_position() RETURNS bigint
LANGUAGE sql VOLATILE
RETURN (SELECT CASE WHEN s.is_called THEN s.last_value ELSE 0 END FROM pql.lead_event_event_id_seq s);

-- Loads what comes after one instant up to another.
CREATE FUNCTION pilot.load(since timestamptz, until timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	w record;
BEGIN
	INSERT INTO pql.account (account_id, name, domain, employees, industry, crm_owner, kind, attributes)
	SELECT a.account_id, a.name, a.domain, a.employees, a.industry, CASE WHEN a.owned_at IS NULL THEN a.crm_owner END, a.kind, a.attributes FROM pilot.account a WHERE a.comes_at > since AND a.comes_at <= until;
	IF FOUND THEN
		INSERT INTO pilot.loaded (step_at, event_before, what, id, details)
		SELECT until, pilot.log_position(), 'owner', a.account_id, jsonb_build_object('crm_owner', a.crm_owner) FROM pilot.account a
		WHERE a.comes_at > since AND a.comes_at <= until AND a.owned_at IS NULL AND a.crm_owner IS NOT NULL;
	END IF;
	INSERT INTO pql.person (user_id, email, full_name, title, account_id, signed_up_at, paid_at, opted_out_at, suppressed_at, attributes)
	SELECT p.user_id, p.email, p.full_name, p.title, p.account_id, p.signed_up_at, p.paid_at, CASE WHEN p.opted_out_at <= p.comes_at THEN p.opted_out_at END, p.suppressed_at, p.attributes
	FROM pilot.person p WHERE p.comes_at > since AND p.comes_at <= until;
	IF FOUND THEN
		INSERT INTO pilot.loaded (step_at, event_before, what, id, details)
		SELECT until, pilot.log_position(), CASE WHEN p.suppressed_at IS NOT NULL THEN 'suppressed' ELSE 'opted_out' END, p.user_id, jsonb_build_object('opted_out_at', p.opted_out_at)
		FROM pilot.person p WHERE p.comes_at > since AND p.comes_at <= until AND (p.suppressed_at IS NOT NULL OR p.opted_out_at <= p.comes_at);
	END IF;
	INSERT INTO pql.trial (user_id, started_at, plan)
	SELECT t.user_id, t.started_at, t.plan FROM pilot.trial t WHERE t.comes_at > since AND t.comes_at <= until;
	INSERT INTO pql.event (user_id, occurred_at, event, properties, received_at, event_id)
	SELECT e.user_id, e.occurred_at, e.event, e.properties, e.received_at, e.event_id FROM pilot.event e WHERE e.received_at > since AND e.received_at <= until;
	FOR w IN SELECT n.* FROM pilot.news n WHERE n.comes_at > since AND n.comes_at <= until ORDER BY n.comes_at, n.n LOOP
		CASE w.what
			WHEN 'converted' THEN
				UPDATE pql.trial t SET converted_at = (w.details->>'converted_at')::timestamptz, mrr = (w.details->>'mrr')::float8, conversion_source = w.details->>'conversion_source'
				WHERE t.user_id = w.id AND t.started_at = w.started_at;
			WHEN 'extended' THEN
				UPDATE pql.trial t SET ends_at = (w.details->>'ends_at')::timestamptz WHERE t.user_id = w.id AND t.started_at = w.started_at;
			WHEN 'opted_out' THEN
				UPDATE pql.person p SET opted_out_at = (w.details->>'opted_out_at')::timestamptz WHERE p.user_id = w.id;
				-- whoever writes to them does not know it yet
				INSERT INTO pilot.plan (at, action, lead_id, rep, details)
				SELECT until + interval '20 minutes', 'touch', l.lead_id, l.rep, '{"blind": true}' FROM pql.lead l WHERE l.user_id = w.id AND l.state IN ('assigned', 'claimed', 'contacted') AND l.model = 'trial';
			WHEN 'fact' THEN
				INSERT INTO pql.fact (subject, name, value, source, recorded_at) VALUES (w.id, 'account.employees', w.details->'value', w.details->>'source', w.started_at);
			WHEN 'owner' THEN
				UPDATE pql.account a SET crm_owner = w.details->>'crm_owner' WHERE a.account_id = w.id;
			WHEN 'taken_back' THEN
				DELETE FROM pql.event e WHERE e.user_id = w.details->>'user_id' AND e.event_id = w.id;
		END CASE;
		IF w.what NOT IN ('fact', 'taken_back') THEN
			INSERT INTO pilot.loaded (step_at, event_before, what, id, started_at, details) VALUES (until, pilot.log_position(), w.what, w.id, w.started_at, w.details);
		END IF;
	END LOOP;
END
$$;

-- ------------------------------------------------------------------------------------------------
-- What reps do
-- ------------------------------------------------------------------------------------------------

-- Does, or tries, one planned thing.
CREATE FUNCTION pilot.act(p pilot.plan, step timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	l pql.lead;
	id text := 'pilot:' || p.n;
	-- who is careful looks first, and leaves what is not to be done
	blind boolean := coalesce((p.details->>'blind')::boolean, false);
	-- each step's refresh sees what happened up to it
	at timestamptz := p.at;
	before bigint := pilot.log_position();
	answer text := 'ok';
	code text;
	words text;
	again int;
BEGIN
	UPDATE pilot.plan o SET done = true WHERE o.n = p.n;
	SELECT o.* INTO l FROM pql.lead o WHERE o.lead_id = p.lead_id;
	IF NOT blind AND p.action IN ('claim', 'touch', 'release', 'meeting', 'disposition') AND (l.rep IS DISTINCT FROM p.rep OR l.state NOT IN ('assigned', 'claimed', 'contacted', 'meeting')
		OR p.action = 'touch' AND (l.stopped_at IS NOT NULL OR l.touches >= 3 OR pql.contact_barrier(l.user_id, at) IS NOT NULL)
		OR p.action = 'claim' AND l.claimed_at IS NOT NULL)
		OR p.action = 'reply' AND (l.replied_at IS NOT NULL OR l.state NOT IN ('contacted', 'meeting'))
		OR p.action = 'reassign' AND (l.state IN ('closed', 'control', 'not_routed')) THEN
		RETURN;
	END IF;
	IF p.action = 'touch' AND l.touches = 0 AND NOT blind THEN
		INSERT INTO pilot.message SELECT p.lead_id, at, o.template, o.recipient, o.subject, o.body FROM pql.render_outreach(p.lead_id, 1, at) o;
	END IF;
	IF p.rep = 'rep2@product.example' AND p.action IN ('claim', 'touch', 'meeting', 'disposition') OR p.action = 'reply' AND l.rep = 'rep2@product.example' THEN
		-- into the CRM, from where it comes minutes later
		at := greatest(at - interval '1 minute' * (9 * pilot.dice(id, 1)), l.triggered_at + interval '1 second');
		INSERT INTO pilot.crm_task VALUES (id, p.lead_id, p.action, at, CASE WHEN p.action <> 'reply' THEN 'crm-0002' END, CASE WHEN p.action IN ('touch', 'reply') THEN coalesce(p.details->>'channel', 'email') END,
			p.details->>'reply', p.details->>'disposition', p.details->>'reason', p.details->>'note', (p.details->>'meets_at')::timestamptz, (p.details->>'amount')::float8);
		answer := 'crm';
	ELSE
		BEGIN
			-- one in twelve clicks twice
			FOR again IN 1 .. CASE WHEN pilot.dice(id, 2) < 0.08 THEN 2 ELSE 1 END LOOP
				CASE p.action
					WHEN 'claim' THEN PERFORM pql.claim(p.lead_id, p.rep, id, at);
					WHEN 'release' THEN PERFORM pql.release(p.lead_id, p.rep, 'not mine', id, at);
					WHEN 'reassign' THEN PERFORM pql.reassign(p.lead_id, p.rep, 'manager@product.example', p.details->>'note', id, at);
					WHEN 'touch' THEN PERFORM pql.log_touch(p.lead_id, p.rep, coalesce(p.details->>'channel', 'email'), note => p.details->>'note', external_id => id, as_of => at);
					WHEN 'reply' THEN PERFORM pql.log_reply(p.lead_id, p.details->>'reply', external_id => id, as_of => at);
					WHEN 'meeting' THEN PERFORM pql.log_meeting(p.lead_id, p.rep, (p.details->>'meets_at')::timestamptz, 'a look at their data', (p.details->>'amount')::float8, id, at);
					WHEN 'disposition' THEN PERFORM pql.set_disposition(p.lead_id, p.details->>'disposition', p.details->>'reason', p.rep, id, at);
					WHEN 'conversion' THEN PERFORM pql.log_conversion(p.lead_id, 'business', (p.details->>'amount')::float8, external_id => id, as_of => at);
					WHEN 'opt_in' THEN PERFORM pql.opt_in(l.user_id, at);
					WHEN 'pause' THEN PERFORM pql.pause(p.details->>'reason', p.details->>'what', at);
					WHEN 'resume' THEN PERFORM pql.resume(p.details->>'what', at);
					WHEN 'leaves' THEN UPDATE pql.rep r SET active = false WHERE r.email = p.rep;
					WHEN 'returns' THEN UPDATE pql.rep r SET active = true WHERE r.email = p.rep;
				END CASE;
			END LOOP;
		EXCEPTION WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS words = MESSAGE_TEXT, code = RETURNED_SQLSTATE;
			answer := 'refused';
		END;
	END IF;
	INSERT INTO pilot.done (step_at, at, event_before, event_after, action, lead_id, rep, details, outcome, sqlstate, message)
	VALUES (step, at, before, pilot.log_position(), p.action, p.lead_id, p.rep, p.details || CASE WHEN answer = 'crm' THEN jsonb_build_object('task', id) WHEN p.action = 'opt_in' THEN jsonb_build_object('user_id', l.user_id) ELSE '{}' END,
		answer, code, words);
END
$$;

-- What a rep plans when the log says something new.
CREATE FUNCTION pilot.react(after bigint) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	e record;
	rep text;
	other text;
	calendar text;
	zone text;
	thing text;
	x float8;
	y float8;
	minutes float8;
BEGIN
	FOR e IN SELECT v.*, l.rep, l.tier, l.met_at FROM pql.lead_event v JOIN pql.lead l USING (user_id, lead_id) WHERE v.event_id > after AND l.model = 'trial' ORDER BY v.event_id LOOP
		thing := format('%s:%s:%s', e.user_id, e.event, (SELECT count(*) FROM pql.lead_event v WHERE v.user_id = e.user_id AND v.lead_id = e.lead_id AND v.event = e.event AND v.event_id <= e.event_id));
		x := pilot.dice(thing, 1);
		y := pilot.dice(thing, 2);
		minutes := pilot.dice(thing, 3);
		rep := coalesce(e.details->>'sdr_id', e.rep, 'rep1@product.example');
		other := CASE rep WHEN 'rep1@product.example' THEN 'rep2@product.example' ELSE 'rep1@product.example' END;
		SELECT r.calendar, coalesce(r.timezone, c.timezone) INTO calendar, zone FROM pql.rep r LEFT JOIN pql.calendar c USING (calendar) WHERE r.email = rep;
		INSERT INTO pilot.plan (at, action, lead_id, rep, details)
		SELECT CASE WHEN t.wall THEN e.occurred_at + t.wait ELSE pql.add_business_time(e.occurred_at, t.wait, calendar, zone) END + interval '1 second' * floor(59 * pilot.dice(thing, 9)),
			t.action, e.lead_id, coalesce(t.by, rep), t.details
		FROM (
			SELECT 'claim' AS action, NULL AS by, make_interval(mins => (2 + 48 * minutes)::int) AS wait, false AS wall, '{}'::jsonb AS details WHERE e.event = 'pql_routed' AND e.details->>'reason' <> 'claimed' AND x < 0.45
			UNION ALL SELECT 'claim', NULL, make_interval(mins => (62 + 56 * minutes)::int), false, '{}' WHERE e.event = 'pql_routed' AND x BETWEEN 0.45 AND 0.63
			UNION ALL SELECT 'claim', NULL, make_interval(mins => (121 + 220 * minutes)::int), false, '{}' WHERE e.event = 'pql_routed' AND x BETWEEN 0.63 AND 0.72
			UNION ALL SELECT 'touch', NULL, make_interval(mins => (10 + 380 * minutes)::int), false, '{"channel": "call"}' WHERE e.event = 'pql_routed' AND x BETWEEN 0.72 AND 0.87
			UNION ALL SELECT 'release', NULL, make_interval(mins => (20 + 250 * minutes)::int), false, '{}' WHERE e.event = 'pql_routed' AND x BETWEEN 0.87 AND 0.93
			-- what must be refused
			UNION ALL SELECT 'claim', other, make_interval(mins => (5 + 50 * minutes)::int), false, '{"blind": true}' WHERE e.event = 'pql_routed' AND y < 0.10
			UNION ALL SELECT 'touch', other, make_interval(mins => (5 + 90 * minutes)::int), false, '{"blind": true}' WHERE e.event = 'pql_routed' AND y BETWEEN 0.07 AND 0.14
			UNION ALL SELECT 'disposition', NULL, make_interval(mins => (5 + 90 * minutes)::int), false, '{"blind": true, "disposition": "no_response"}' WHERE e.event = 'pql_routed' AND y BETWEEN 0.14 AND 0.19
			UNION ALL SELECT v.action, NULL, make_interval(mins => (5 + 500 * minutes)::int), false, '{"blind": true}' FROM (VALUES ('claim', 0.0, 0.4), ('touch', 0.3, 0.7), ('reassign', 0.6, 0.8)) v (action, a, b)
				WHERE e.event = 'pql_held_out' AND x BETWEEN v.a AND v.b
			UNION ALL SELECT 'touch', NULL, make_interval(mins => (5 + 500 * minutes)::int), false, '{"blind": true}' WHERE e.event IN ('pql_dispositioned', 'lead_closed') AND x < 0.15
			UNION ALL SELECT 'touch', NULL, make_interval(days => 1, mins => (60 * minutes)::int), false, '{"blind": true}' WHERE e.event = 'outreach_sent' AND (e.details->>'touch_number')::int = 3 AND x < 0.35
			-- touches
			UNION ALL SELECT 'touch', NULL, make_interval(mins => (5 + 40 * minutes)::int), false, '{}' WHERE e.event = 'pql_claimed' AND x < 0.72
			UNION ALL SELECT 'touch', NULL, make_interval(mins => (60 + 330 * minutes)::int), false, '{}' WHERE e.event = 'pql_claimed' AND x BETWEEN 0.72 AND 0.93
			UNION ALL SELECT 'touch', NULL, make_interval(days => 2, mins => (240 * minutes)::int), false, '{"channel": "email", "note": "a resource"}' WHERE e.event = 'outreach_sent' AND (e.details->>'touch_number')::int < 3 AND x < 0.72
			UNION ALL SELECT 'touch', NULL, make_interval(days => 1), false, '{"channel": "linkedin"}' WHERE e.event = 'outreach_sent' AND (e.details->>'touch_number')::int < 3 AND x BETWEEN 0.72 AND 0.8
			UNION ALL SELECT 'reply', NULL, make_interval(mins => (10 + 2400 * minutes * minutes)::int), true, jsonb_build_object('reply', CASE WHEN y < 0.13 THEN 'positive' WHEN y < 0.19 THEN 'not_interested' WHEN y < 0.225 THEN 'unsubscribe' ELSE 'complaint' END)
				WHERE e.event = 'outreach_sent' AND y < 0.25
			-- answers
			UNION ALL SELECT 'meeting', NULL, make_interval(mins => (20 + 280 * minutes)::int), false, jsonb_build_object('meets_at', e.occurred_at + interval '2 days', 'amount', floor(300 + 4000 * y))
				WHERE e.event = 'reply_received' AND e.details->>'reply' = 'positive' AND x < 0.75
			UNION ALL SELECT 'disposition', NULL, make_interval(mins => (20 + 280 * minutes)::int), false, '{"disposition": "nurture"}'
				WHERE e.event = 'reply_received' AND (e.details->>'reply' = 'positive' AND x BETWEEN 0.75 AND 0.85 OR e.details->>'reply' = 'not_interested' AND x < 0.4)
			UNION ALL SELECT 'touch', NULL, make_interval(mins => (20 + 180 * minutes)::int), false, '{"blind": true}' WHERE e.event = 'reply_received' AND (e.details->>'reply' <> 'positive' AND x BETWEEN 0.3 AND 0.9 OR e.details->>'reply' = 'positive' AND x > 0.8)
			UNION ALL SELECT 'disposition', NULL, make_interval(mins => (200 + 10 * minutes)::int), false, '{"disposition": "disqualified", "blind": true}' WHERE e.event = 'reply_received' AND e.details->>'reply' <> 'positive' AND x > 0.5
			UNION ALL SELECT 'disposition', NULL, make_interval(mins => (220 + 10 * minutes)::int), false, '{"disposition": "disqualified", "reason": "wrong person"}' WHERE e.event = 'reply_received' AND e.details->>'reply' <> 'positive' AND x > 0.6
			UNION ALL SELECT 'opt_in', NULL, interval '4 days', true, '{}' WHERE e.event = 'reply_received' AND e.details->>'reply' = 'unsubscribe' AND x < 0.4
			-- after the meeting
			UNION ALL SELECT v.action, NULL, make_interval(days => 2, mins => (240 * minutes)::int), false, v.details::jsonb
				FROM (VALUES (0.0, 0.55, 'disposition', '{"disposition": "meeting_set"}'), (0.55, 0.7, 'conversion', '{"amount": 899}'), (0.7, 0.82, 'disposition', '{"disposition": "nurture"}'), (0.82, 0.9, 'disposition', '{"disposition": "routed_to_cs"}'))
					v (a, b, action, details)
				WHERE e.event = 'meeting_booked' AND x BETWEEN v.a AND v.b
			UNION ALL SELECT 'disposition', NULL, make_interval(days => 1), false, '{"disposition": "nurture"}' WHERE e.event = 'outreach_sent' AND (e.details->>'touch_number')::int = 2 AND x > 0.9
			-- the manager
			UNION ALL SELECT 'reassign', other, make_interval(mins => (10 + 40 * minutes)::int), true, '{"note": "waits too long"}' WHERE e.event = 'pql_escalated' AND e.details->'levels' ?| '{manager,deadline}' AND x < 0.3
			UNION ALL SELECT 'reassign', CASE WHEN y < 0.5 THEN 'rep1@product.example' ELSE 'rep2@product.example' END, make_interval(mins => (10 + 40 * minutes)::int), true, '{"note": "this one cannot wait"}'
				WHERE e.event = 'pql_queued' AND e.details->>'reason' IN ('cap', 'behind_queue') AND e.tier = 'high' AND x < 0.5
			UNION ALL SELECT 'claim', CASE WHEN y < 0.5 THEN 'rep1@product.example' ELSE 'rep2@product.example' END, make_interval(mins => (10 + 200 * minutes)::int), true, '{"blind": true}'
				WHERE e.event = 'pql_queued' AND x > 0.8
		) t;
	END LOOP;
END
$$;

-- Half a day without routing, an afternoon without outreach, two days without one of the two.
INSERT INTO pilot.plan (at, action, rep, details) VALUES
	('2026-10-08 11:59:17.25+00', 'pause', NULL, '{"what": "routing", "reason": "the CRM is being moved"}'), ('2026-10-08 17:10:03+00', 'resume', NULL, '{"what": "routing"}'),
	('2026-10-20 12:30:00+00', 'pause', NULL, '{"what": "outreach", "reason": "mail bounces"}'), ('2026-10-20 16:00:00+00', 'resume', NULL, '{"what": "outreach"}'),
	('2026-10-26 23:40:00+00', 'pause', NULL, '{"what": "routing", "reason": "a night shift of the database"}'), ('2026-10-27 08:20:00+00', 'resume', NULL, '{"what": "routing"}'),
	('2026-10-15 03:30:00+00', 'leaves', 'rep1@product.example', '{}'), ('2026-10-16 22:00:00+00', 'returns', 'rep1@product.example', '{}');

CREATE PROCEDURE pilot.run(first timestamptz, last timestamptz, step int)
LANGUAGE plpgsql AS $$
DECLARE
	minute timestamptz := first;
	loaded timestamptz := (SELECT max(r.as_of) FROM pilot.refreshed r);
	as_of timestamptz;
	p pilot.plan;
	seen bigint := pilot.log_position();
	before bigint;
	next timestamptz;
BEGIN
	WHILE minute < last LOOP
		-- cron does not come to the second
		as_of := minute + interval '1 microsecond' * floor(59e6 * pilot.dice(minute::text, 1));
		PERFORM pilot.load(loaded, as_of);
		FOR p IN SELECT o.* FROM pilot.plan o WHERE NOT o.done AND o.at <= as_of ORDER BY o.at, o.n LOOP
			PERFORM pilot.act(p, as_of);
		END LOOP;
		before := pilot.log_position();
		COMMIT;
		CALL pql.refresh(as_of);
		INSERT INTO pilot.refreshed VALUES (as_of, loaded, before, pilot.log_position());
		IF EXISTS (SELECT FROM pilot.to_keep k WHERE k.at > loaded AND k.at <= as_of) THEN
			INSERT INTO pilot.kept SELECT as_of, n.now, s.* FROM (SELECT clock_timestamp() AS now) n CROSS JOIN pilot.shown(as_of, NULL) s;
		END IF;
		IF pilot.log_position() > seen THEN
			PERFORM pilot.react(seen);
			seen := pilot.log_position();
		END IF;
		IF extract(minute FROM minute) = 0 AND extract(hour FROM minute) IN (8, 14, 20) THEN
			INSERT INTO pilot.action SELECT as_of, a.rep, a.lead_id, a.action, a.touch, a.not_before, a.due_at FROM pql.next_actions_at(as_of) a;
		END IF;
		COMMIT;
		loaded := as_of;
		next := minute + make_interval(mins => step);
		-- nobody works, little happens
		IF step > 1 AND (extract(isodow FROM minute) > 5 OR extract(hour FROM minute) NOT BETWEEN 6 AND 22) THEN
			next := minute + make_interval(mins => CASE WHEN step < 15 THEN 15 WHEN step < 30 THEN 60 ELSE 180 END);
		END IF;
		minute := next;
	END LOOP;
END
$$;

-- ------------------------------------------------------------------------------------------------
-- It begins
-- ------------------------------------------------------------------------------------------------

-- What there is before is history, found all at once; nobody is alerted of it.
\if :others
\else
	SELECT FROM pql.active_model m CROSS JOIN LATERAL pql.deactivate_model(m.model) WHERE m.model <> 'trial' \g /dev/null
\endif
SELECT FROM pilot.load('-infinity', :'beginning') \g /dev/null
ANALYZE pql.event, pql.person, pql.account, pql.trial, pql.fact, pql.change;
CALL pql.refresh(:'beginning');
ANALYZE pql.state, pql.score, pql.change, pql.lead, pql.lead_event;
INSERT INTO pilot.refreshed SELECT :'beginning', '-infinity', 0, pilot.log_position();
SELECT FROM pql.start_pilot('october', 'trial', team => 'sdr', days => :days, control_share => 0.1, baseline => 0.08, as_of => :'beginning') \g /dev/null
UPDATE pql.routing SET ae_from = 2500;
-- Autovacuum comes once in a real minute; here a day passes in a second, and is swept up after.
SELECT v.command FROM generate_series(0, :days - 1) d CROSS JOIN LATERAL (VALUES
	(1, format('CALL pilot.run(%L, %L, %s)', timestamptz :'beginning' + make_interval(days => d), timestamptz :'beginning' + make_interval(days => d + 1), :step)),
	(2, 'VACUUM (ANALYZE) pql.change'), (3, 'VACUUM (ANALYZE) pql.lead'), (4, 'VACUUM pql.score')) v (n, command)
ORDER BY d, v.n \gexec
RESET client_min_messages;
