-- pql.refresh_batch: whatever changes, what is kept is what judging everybody from all events gives; each lead is found once; and no more is
-- read or written than has changed.
--
--   pg_prove -d DB test/pgtap/refresh.sql

BEGIN;
\ir lib/transaction.sql

CREATE SCHEMA app;

-- Refreshes until nothing is left, and says what was done: users, of whom read again, verdicts changed, leads.
CREATE FUNCTION t.refresh(as_of timestamptz, OUT users int, OUT reread int, OUT changed int, OUT triggered int)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	b record;
	had_work boolean;
BEGIN
	users := 0; reread := 0; changed := 0; triggered := 0;
	FOR i IN 1 .. 1000 LOOP
		had_work := pql.has_work(as_of);
		b := pql.refresh_batch(as_of, 50);
		IF b.users > 0 AND NOT had_work THEN
			RAISE EXCEPTION 'there was something to do, and pql.has_work does not say so';
		ELSIF b.users = 0 THEN
			INSERT INTO pql.run (as_of, finished_at) VALUES (as_of, as_of);
			RETURN;
		END IF;
		users := users + b.users; reread := reread + b.reread; changed := changed + b.changed; triggered := triggered + b.triggered;
	END LOOP;
	RAISE EXCEPTION 'refresh does not come to an end';
END
$$;
-- Publishes everybody: how many rows for the CRM the refresh before has left as they were, though they should differ.
CREATE FUNCTION t.left_behind() RETURNS int
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	INSERT INTO pql.crm_change DEFAULT VALUES;
	RETURN pql.write_crm((SELECT max(r.as_of) FROM pql.run r), last => false);
END
$$;
-- What pql.verify finds, of all models, evidence that differs by a byte from what all events give, and what was not published: '' when all is well.
CREATE FUNCTION t.wrong() RETURNS text
LANGUAGE sql VOLATILE AS $$
	SELECT coalesce(string_agg(w.what, E'\n'), '') FROM (SELECT m.model || ' ' || v.what AS what FROM pql.active_model m CROSS JOIN LATERAL (
		(SELECT v::text AS what FROM pql.verify(m.model) v LIMIT 3)
		UNION ALL
		(SELECT 'evidence of ' || s.user_id FROM pql.state s JOIN pql.gather_everybody(m.model, (SELECT max(r.as_of) FROM pql.run r)) g
			ON g.user_id = s.user_id AND g.started_at = s.started_at AND s.model = m.model
		WHERE NOT s.evidence = g.evidence LIMIT 3)) v
	UNION ALL SELECT format('%s rows not published', n) FROM t.left_behind() n WHERE n > 0) w
$$;
CREATE FUNCTION t.user(n int) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'u' || to_char(n, 'FM000') $$;
CREATE FUNCTION t.count(query text) RETURNS bigint LANGUAGE plpgsql AS $$ DECLARE n bigint; BEGIN EXECUTE 'SELECT count(*) FROM ' || query INTO n; RETURN n; END $$;


-- From nothing --------------------------------------------------------------------------------------

SELECT is(t.refresh('2026-03-01')::text, '(0,0,0,0)', 'nothing to do in an empty database');
SELECT is(t.count('pql.change'), 0::bigint, 'and nothing is noted');

INSERT INTO pql.account (account_id, name, employees, industry) SELECT 'a' || n, 'Company ' || n, 100 * n, 'fintech' FROM generate_series(1, 20) n;
INSERT INTO pql.person (user_id, account_id, email) SELECT t.user(n), 'a' || 1 + n % 20, 'x' || n || '@c' || n || '.example' FROM generate_series(1, 120) n;
INSERT INTO pql.trial (user_id, started_at) SELECT t.user(n), timestamptz '2026-03-02' + n * interval '5 hours' FROM generate_series(1, 100) n;
SELECT setseed(0.25);
INSERT INTO pql.event (user_id, occurred_at, event, properties, event_id)
SELECT t.user(1 + (random() * 129)::int), timestamptz '2026-03-02' + random() * interval '40 days',
	(ARRAY['activation_complete', 'session_start', 'invite_sent', 'integration_connected', 'page_view', 'feature_used'])[1 + (random() * 5.99)::int],
	jsonb_build_object('invitee_email', 'i' || n % 7, 'integration_type', 'snowflake', 'page_path', '/pricing', 'feature', 'f' || n % 9), 'e' || n
FROM generate_series(1, 3000) n;

CREATE TABLE t.first AS SELECT * FROM t.refresh('2026-03-12');
SELECT cmp_ok((SELECT users FROM t.first), '>=', 120, 'everybody is judged');
SELECT is(t.wrong(), '', 'and rightly');
SELECT cmp_ok((SELECT triggered FROM t.first), '>', 5, 'there are leads');
SELECT is(t.count('pql.lead'), (SELECT triggered::bigint FROM t.first), 'as many as were counted');
SELECT is(t.count('pql.score_history'), t.count('pql.score'), 'every first verdict is in the history');
SELECT results_eq($$SELECT l.user_id, l.model, l.qualified_at FROM pql.lead l WHERE l.model = 'trial' ORDER BY 1$$,
	$$SELECT s.user_id, 'trial', s.qualified_at FROM pql.score_all('trial', '2026-03-12') s WHERE s.qualified_at IS NOT NULL ORDER BY 1$$, 'leads of the trial model are who qualified');
SELECT is(t.count($$pql.lead_event WHERE event = 'pql_triggered'$$), t.count('pql.lead'), 'each is logged once');
SELECT is((SELECT count(*) FROM pql.lead_event e JOIN pql.lead l USING (user_id, lead_id) WHERE (e.details ->> 'pql_score')::int = l.score AND e.details ->> 'priority_tier' IS NOT DISTINCT FROM l.tier
	AND jsonb_array_length(e.details -> 'signals_met') > 0), t.count('pql.lead'), 'with what it was triggered by');
SELECT ok((SELECT bool_and(l.explanation ? 'signals') FROM pql.lead l), 'a lead says why');
SELECT ok((SELECT NOT bool_or(l.backfilled) FROM pql.lead l), 'these were no backfill');


-- No more than has changed --------------------------------------------------------------------------

SELECT is(t.refresh('2026-03-12')::text, '(0,0,0,0)', 'again: nothing to do');
CREATE TABLE t.before AS TABLE pql.score;
INSERT INTO pql.event (user_id, occurred_at, event) VALUES ('u001', '2026-03-11 23:00', 'heartbeat'), (NULL, '2026-03-11', 'heartbeat'), ('u001', NULL, 'heartbeat');
SELECT is((t.refresh('2026-03-12')).users, 1, 'an event: its user is judged');
SELECT is((SELECT r.ignored FROM pql.run r WHERE r.users > 0 ORDER BY r.run_id DESC LIMIT 1), '{"pql.event": {"no user": 1, "no time": 1}}', 'and the run reports the rows that can never count');
SELECT is(t.wrong(), '', 'and rightly');
SELECT is_empty($$SELECT s.user_id, s.model, s.status, s.score, s.signals, s.changed_at FROM pql.score s EXCEPT SELECT b.user_id, b.model, b.status, b.score, b.signals, b.changed_at FROM t.before b$$,
	'no verdict changed');
SELECT is(t.count('(SELECT FROM pql.score s JOIN t.before b USING (user_id, model, started_at) WHERE s.next_change_at IS DISTINCT FROM b.next_change_at AND s.user_id <> $$u001$$) d'), 0::bigint,
	'and of nobody else when it will');
SELECT is(t.count('pql.lead_event'), (SELECT triggered::bigint FROM t.first), 'and nobody is triggered twice');

-- events after a trial that no signal counts: nothing is written for them, until there are many
INSERT INTO pql.trial (user_id, started_at) VALUES ('old', '2026-01-05');
INSERT INTO pql.event (user_id, occurred_at, event) VALUES ('old', '2026-03-10', 'heartbeat');
SELECT is((t.refresh('2026-03-12')).users, 1, 'a trial that is long over');
CREATE TABLE t.kept AS SELECT s.user_id, s.started_at, s.rev, s.seen_until FROM pql.state s WHERE s.model = 'trial';
CREATE VIEW t.rewritten AS SELECT s.user_id, s.seen_until FROM pql.state s JOIN t.kept k USING (user_id, started_at) WHERE s.model = 'trial' AND (s.rev, s.seen_until) IS DISTINCT FROM (k.rev, k.seen_until);
INSERT INTO pql.event (user_id, occurred_at, event) VALUES ('old', '2026-03-12 00:30', 'heartbeat');
SELECT cmp_ok((t.refresh('2026-03-12 01:00')).users, '>=', 1, 'an event that changes nothing');
SELECT is(t.count($$pql.change WHERE user_id = 'old' AND due_at <= '2026-03-12 01:00'$$), 0::bigint, 'is done with');
SELECT is(t.count($$t.rewritten WHERE user_id = 'old'$$), 0::bigint, 'and nothing is written of it');
SELECT is(t.wrong(), '', 'which is right');
INSERT INTO pql.event (user_id, occurred_at, event) SELECT 'old', timestamptz '2026-03-12 01:10' + n * interval '1 second', 'heartbeat' FROM generate_series(1, 49) n;
SELECT cmp_ok((t.refresh('2026-03-12 01:20')).users, '>=', 1, 'fifty of them');
SELECT is(t.count($$t.rewritten WHERE user_id = 'old'$$), 0::bigint, 'are read again with the next');
INSERT INTO pql.event (user_id, occurred_at, event) VALUES ('old', '2026-03-12 01:30', 'heartbeat');
SELECT cmp_ok((t.refresh('2026-03-12 01:40')).users, '>=', 1, 'one more');
SELECT results_eq($$SELECT r.seen_until FROM t.rewritten r WHERE r.user_id = 'old'$$, $$VALUES ('2026-03-12 01:30'::timestamptz)$$, 'and all are noted as seen');
INSERT INTO pql.event (user_id, occurred_at, event) VALUES ('old', '2026-03-12 01:29:30', 'heartbeat'), ('u002', '2026-03-12 01:05', 'heartbeat'), ('u002', '2026-03-12 01:45', 'session_start'), ('nobody', '2026-03-12 01:45', 'heartbeat');
SELECT cmp_ok((t.refresh('2026-03-12 01:50')).users, '>=', 2, 'one that comes late, one with another that counts, one of somebody unknown');
SELECT is(t.wrong(), '', 'rightly, too');
CREATE FUNCTION t.busy(as_of timestamptz) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	INSERT INTO pql.event (user_id, occurred_at, event) SELECT t.user(n), as_of - interval '1 minute', 'heartbeat' FROM generate_series(1, 130) n UNION ALL SELECT 'old', as_of - interval '1 minute', 'heartbeat';
	PERFORM t.refresh(as_of);
	RETURN t.wrong();
END
$$;
SELECT is(string_agg(t.busy(d), ''), '', 'of everybody, while time goes on') FROM generate_series(timestamptz '2026-03-12 03:00', '2026-03-12 11:00', '2 hours') d;

-- time goes on, and nothing is read for it
CREATE FUNCTION t.round(as_of timestamptz, changes int, OUT made text, OUT users int, OUT changed int, OUT wrong text)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	r record;
BEGIN
	FOR i IN 1 .. changes LOOP made := concat_ws(E'\n', made, t.change()); END LOOP;
	r := t.refresh(as_of);
	users := r.users; changed := r.changed;
	wrong := t.wrong();
END
$$;
CREATE TABLE t.steps AS SELECT d, r.* FROM generate_series(timestamptz '2026-03-12 12:00', '2026-03-20', '12 hours') d CROSS JOIN LATERAL t.round(d, 0) r;
SELECT is((SELECT string_agg(wrong, '') FROM t.steps), '', 'as time goes on, verdicts change when they should');
SELECT cmp_ok((SELECT sum(changed)::int FROM t.steps), '>', 20, 'many of them');


-- Every kind of change ------------------------------------------------------------------------------

CREATE FUNCTION t.after(what text, change text, as_of timestamptz DEFAULT '2026-03-20') RETURNS SETOF text
LANGUAGE plpgsql AS $$
DECLARE
	r record;
	leads bigint := t.count('pql.lead');
BEGIN
	EXECUTE change;
	r := t.refresh(as_of);
	RETURN NEXT is(t.wrong(), '', what);
	RETURN NEXT cmp_ok(r.users, '>', 0, '- somebody was judged');
	RETURN NEXT is(t.count('pql.lead') - leads, r.triggered::bigint, '- leads were only added');
	RETURN NEXT is(t.count('pql.lead'), (SELECT count(*) FROM pql.lead_event WHERE event = 'pql_triggered'), '- each logged');
	RETURN NEXT is((t.refresh(as_of)).users, 0, '- and then there is nothing left');
END
$$;
SELECT t.after('late events', $$INSERT INTO pql.event (user_id, occurred_at, event) SELECT t.user(n), timestamptz '2026-03-02' + n * interval '6 hours', 'activation_complete' FROM generate_series(1, 60) n$$);
SELECT t.after('events deleted', $$DELETE FROM pql.event WHERE event = 'activation_complete' AND user_id < 'u030'$$);
SELECT t.after('events that change', $$UPDATE pql.event SET event = 'integration_connected' WHERE event = 'session_start' AND user_id < 'u020'$$);
SELECT t.after('events that change their user', $$UPDATE pql.event SET user_id = 'u077' WHERE user_id = 'u033'$$);
SELECT t.after('events of a user who has nothing else', $$INSERT INTO pql.event (user_id, occurred_at, event) VALUES ('stranger', '2026-03-19', 'session_start')$$);
SELECT t.after('repeated events', $$INSERT INTO pql.event TABLE pql.event LIMIT 400$$);
SELECT t.after('new events that repeat each other', $$INSERT INTO pql.event (user_id, occurred_at, event, event_id) SELECT t.user(n), '2026-03-19 22:00', 'session_start', 'twice' FROM generate_series(1, 40) n, generate_series(1, 2)$$);
SELECT t.after('and new events that repeat those', $$INSERT INTO pql.event (user_id, occurred_at, event, event_id) SELECT t.user(n), '2026-03-19 23:00', 'session_start', 'twice' FROM generate_series(1, 40) n$$);
-- rows that come later may lie before those they repeat: room is found where others were
SELECT t.after('and some that lie before those they repeat', $$INSERT INTO pql.event (user_id, occurred_at, event, event_id) SELECT t.user(n), '2026-03-18', 'gap', NULL FROM generate_series(1, 2000) n, generate_series(1, 3);
	DELETE FROM pql.event WHERE event = 'gap'; INSERT INTO pql.event (user_id, occurred_at, event, event_id) SELECT t.user(n), '2026-03-19 23:30', 'session_start', 'thrice' FROM generate_series(1, 40) n$$);
SELECT t.after('a trial that was not known', $$INSERT INTO pql.trial (user_id, started_at) SELECT t.user(n), '2026-03-04' FROM generate_series(101, 120) n$$);
SELECT t.after('a second trial', $$INSERT INTO pql.trial (user_id, started_at) SELECT t.user(n), '2026-03-15' FROM generate_series(1, 15) n$$);
SELECT t.after('a trial that begins at another time', $$UPDATE pql.trial SET started_at = started_at - interval '1 day' WHERE user_id BETWEEN 'u040' AND 'u050'$$);
SELECT t.after('trials that are gone', $$DELETE FROM pql.trial WHERE user_id BETWEEN 'u010' AND 'u014'$$);
SELECT t.after('a conversion', $$UPDATE pql.trial SET converted_at = '2026-03-18', mrr = 100 WHERE user_id BETWEEN 'u020' AND 'u060'$$);
SELECT t.after('a company that grows', $$UPDATE pql.account SET employees = 900 WHERE account_id IN ('a1', 'a20')$$);
SELECT t.after('a fact with its time', $$INSERT INTO pql.fact (subject, name, value, source, recorded_at) SELECT 'a' || n, 'account.employees', '300', 'crm', '2026-03-16' FROM generate_series(2, 6) n$$);
SELECT t.after('a fact that is gone', $$DELETE FROM pql.fact WHERE subject = 'a3'$$);
SELECT t.after('another address', $$UPDATE pql.person SET email = 'test@example.com' WHERE user_id BETWEEN 'u060' AND 'u070'$$);
SELECT t.after('people who change company', $$UPDATE pql.person SET account_id = 'a7' WHERE user_id BETWEEN 'u080' AND 'u090'$$);
SELECT t.after('people who are gone', $$DELETE FROM pql.person WHERE user_id BETWEEN 'u091' AND 'u095'$$);
SELECT t.after('a list', $$INSERT INTO pql.list_entry VALUES ('target_industries', 'fintech'), ('test_accounts', 'x9@c9.example')$$);
SELECT t.after('a domain', $$INSERT INTO pql.email_domain (domain, kind) VALUES ('c8.example', 'personal')$$);
SELECT t.after('a new version, other points', $$SELECT pql.put_model(pql.adapt('trial', '{"signals": {"invites": {"points": 5}}}'))$$);
SELECT t.after('a new version, another threshold', $$SELECT pql.put_model(pql.adapt('trial', '{"signals": {"multi_day": {"at_least": 2}}}'))$$);
-- marks that one model has to read for itself, while all events are read for another
INSERT INTO pql.event (user_id, occurred_at, event, properties) SELECT t.user(n), '2026-03-14', 'integration_connected', '{"integration_type": "late"}' FROM generate_series(1, 100) n;
SELECT ok(pql.state_fits('trial'), 'late events');
SELECT pql.put_model(pql.adapt('trial', '{"signals": {"integrations": {"at_least": 2}}}')) \g /dev/null
SELECT ok(NOT pql.state_fits('trial') AND pql.state_fits('playbook'), 'and a new version of one model, which needs other evidence');
SELECT t.after('both are heeded', 'SELECT 1');
SELECT t.after('a disposition', $$INSERT INTO pql.fact (subject, name, value, recorded_at) VALUES ('u021', 'lead.disposition', '"disqualified"', '2026-03-19')$$);
SELECT t.after('users named by hand', $$SELECT pql.mark_dirty(ARRAY['u001', 'u002'])$$);

SELECT ok((SELECT bool_and((l.unsupported_at IS NOT NULL) = (s.qualified_at IS NULL)) FROM pql.lead l JOIN pql.score s USING (user_id, model, started_at) WHERE l.model = 'trial'),
	'leads whose support was withdrawn stay, and say so');
SELECT cmp_ok(t.count('pql.lead WHERE unsupported_at IS NOT NULL'), '>', 0::bigint, 'there are some');
SELECT is(t.count('(SELECT user_id, model, started_at, number FROM pql.lead GROUP BY 1, 2, 3, 4 HAVING count(*) > 1) d'), 0::bigint, 'no lead is there twice');


-- What is still to come -----------------------------------------------------------------------------

INSERT INTO pql.event (user_id, occurred_at, event) VALUES ('u100', '2026-03-22 06:00', 'activation_complete');
INSERT INTO pql.trial (user_id, started_at) VALUES ('newcomer', '2026-03-22 05:00');
INSERT INTO pql.event (user_id, occurred_at, event) VALUES ('newcomer', '2026-03-22 06:00', 'session_start');
UPDATE pql.person SET opted_out_at = '2026-03-22 07:00' WHERE user_id = 'u099';
SELECT t.after('nothing that is still to come counts', 'SELECT 1', '2026-03-20');
SELECT is(t.count($$pql.score WHERE user_id = 'newcomer' AND model = 'trial'$$), 0::bigint, 'nor begins a trial');
SELECT cmp_ok(t.count('pql.change'), '>=', 3::bigint, 'it is waited for');
SELECT is((t.refresh('2026-03-20')).users, 0, 'without looking at it again and again');
SELECT t.after('it counts when it comes', 'SELECT 1', '2026-03-22 08:00');
SELECT is(t.count($$pql.score WHERE user_id = 'newcomer' AND model = 'trial'$$), 1::bigint, 'and begins a trial');
SELECT is(t.count($$pql.change WHERE due_at <= '2026-03-22 08:00'$$), 0::bigint, 'nothing is left to do');


-- Tables of the customer's --------------------------------------------------------------------------

CREATE TABLE app.events (uid text, at timestamptz, name text, props jsonb) PARTITION BY RANGE (at);
CREATE TABLE app.events_q1 PARTITION OF app.events FOR VALUES FROM ('2026-01-01') TO ('2026-03-10');
CREATE TABLE app.events_q2 (LIKE app.events);
INSERT INTO app.events SELECT t.user(n), '2026-03-08', 'invite_sent', '{"invitee_email": "x"}' FROM generate_series(1, 100) n;
SELECT is((SELECT c.status || ' ' || c.found FROM pql.connect('events', 'app.events', mapping => '{"user_id": "uid", "occurred_at": "at", "event": "name", "properties": "props"}') c
	WHERE c.check_name = 'capture'), 'ok trigger', 'a table that is connected has triggers');
SELECT t.after('a table is connected', 'SELECT 1', '2026-03-22 08:00');
SELECT t.after('rows come through the parent', $$INSERT INTO app.events VALUES ('u031', '2026-03-07', 'activation_complete', NULL)$$, '2026-03-22 08:00');
SELECT t.after('rows come into a partition', $$INSERT INTO app.events_q1 VALUES ('u032', '2026-03-07', 'activation_complete', NULL)$$, '2026-03-22 08:00');
INSERT INTO app.events_q2 SELECT t.user(n), '2026-03-11', 'integration_connected', '{"integration_type": "x"}' FROM generate_series(1, 100) n;
SELECT t.after('a partition is attached', $$ALTER TABLE app.events ATTACH PARTITION app.events_q2 FOR VALUES FROM ('2026-03-10') TO ('2027-01-01')$$, '2026-03-22 08:00');
SELECT t.after('and captured from then on', $$INSERT INTO app.events_q2 VALUES ('u034', '2026-03-12', 'activation_complete', NULL)$$, '2026-03-22 08:00');
SELECT t.after('a table is emptied', 'TRUNCATE app.events_q1', '2026-03-22 08:00');
SELECT t.after('a table takes another''s place', $$ALTER TABLE app.events RENAME TO old; CREATE TABLE app.events (LIKE app.old); INSERT INTO app.events VALUES ('u036', '2026-03-12', 'activation_complete', NULL)$$,
	'2026-03-22 08:00');
SELECT t.after('what a trigger cannot tell is everybody''s business', $$ALTER TABLE app.events RENAME uid TO "user"; INSERT INTO app.events VALUES ('u037', '2026-03-12', 'activation_complete', NULL); ALTER TABLE app.events RENAME "user" TO uid$$,
	'2026-03-22 08:00');
SELECT t.after('it is connected no longer', $$SELECT pql.disconnect('events', 'app.events')$$, '2026-03-22 08:00');
SELECT is(t.count($$pg_trigger WHERE tgfoid = 'pql.capture_events'::regproc AND tgrelid = 'app.events'::regclass$$), 0::bigint, 'and has no triggers any more');
CREATE VIEW app.seen AS SELECT * FROM app.old;
SELECT matches(t.error($$SELECT pql.connect('events', 'app.seen', mapping => '{"user_id": "uid", "occurred_at": "at", "event": "name"}', capture => 'trigger')$$), '^42809 . app.seen can have no triggers .*mark_dirty', 'a view has no triggers');
SELECT matches(t.error($$SELECT pql.connect('events', 'app.old', mapping => '{"user_id": "uid", "occurred_at": "at", "event": "name"}', capture => 'magic')$$), '^22023 . there is no capture "magic"', 'another capture');
CREATE TABLE app.loading (user_id text, occurred_at timestamptz, event text, received_at timestamptz);
CREATE VIEW app.loaded AS SELECT * FROM app.loading;
INSERT INTO app.loading VALUES ('u041', '2026-03-12', 'activation_complete', '2026-03-12');
SELECT is((SELECT c.found FROM pql.connect('events', 'app.loaded') c WHERE c.check_name = 'capture'), 'cursor', 'a view that tells when rows were loaded');
SELECT t.after('is read', 'SELECT 1', '2026-03-22 08:00');
SELECT is((SELECT s.cursor_at FROM pql.sources s WHERE s.relation = 'app.loaded'), timestamptz '2026-03-12', 'up to its latest row');
SELECT t.after('then what is loaded later', $$INSERT INTO app.loading VALUES ('u042', '2026-03-11', 'activation_complete', '2026-03-13'), ('u043', '2026-03-11', 'invite_sent', '2026-03-13')$$, '2026-03-22 08:00');
SELECT t.after('and what is committed late', $$INSERT INTO app.loading VALUES ('u044', '2026-03-11', 'activation_complete', '2026-03-12 23:57'), ('u001', '2026-03-11', 'x', '2026-03-13 00:01')$$, '2026-03-22 08:00');
SELECT matches(t.error($$SELECT pql.connect('events', 'app.seen', mapping => '{"user_id": "uid", "occurred_at": "at", "event": "name"}', capture => 'cursor')$$), '^22023 . mapping of app.seen does not say where received_at is', 'a cursor needs times of loading');
SELECT t.after('a view is connected', $$SELECT pql.connect('events', 'app.seen', mapping => '{"user_id": "uid", "occurred_at": "at", "event": "name"}')$$, '2026-03-22 08:00');


-- Verified and repaired -----------------------------------------------------------------------------

UPDATE pql.score SET score = score + 1 WHERE user_id IN ('u005', 'u006') AND model = 'trial';
DELETE FROM pql.score WHERE user_id = 'u070' AND model = 'trial';
SELECT results_eq($$SELECT DISTINCT v.user_id, v.what FROM pql.verify('trial') v ORDER BY 1$$, $$VALUES ('u005', 'verdict'), ('u006', 'verdict'), ('u070', 'missing')$$, 'verify finds what is wrong');
SELECT is(pql.repair('trial'), 3::bigint, 'repair marks it');
SELECT t.after('and refresh mends it', 'SELECT 1', '2026-03-22 08:00');


-- Set aside -----------------------------------------------------------------------------------------

SELECT lives_ok($$SELECT pql.deactivate_model('playbook')$$, 'a model is set aside');
SELECT is(t.count($$pql.score WHERE model = 'playbook'$$) + t.count($$pql.state WHERE model = 'playbook'$$), 0::bigint, 'its verdicts are kept no longer');
SELECT cmp_ok(t.count($$pql.lead WHERE model = 'playbook'$$), '>', 0::bigint, 'its leads are');
SELECT t.after('others go on', $$INSERT INTO pql.event (user_id, occurred_at, event) SELECT t.user(n), '2026-03-21', 'upgrade_started' FROM generate_series(1, 100) n$$, '2026-03-22 08:00');
SELECT is(t.count($$pql.score WHERE model = 'playbook'$$), 0::bigint, 'without it');
SELECT cmp_ok(t.count($$pql.score_all('playbook', '2026-03-22')$$), '>', 100::bigint, 'which can still be asked');
SELECT matches(t.error($$SELECT pql.deactivate_model('playbook')$$), '^42704 . model "playbook" is not active . Active are conversion_ready, trial.', 'twice');
SELECT matches(t.error($$SELECT pql.deactivate_model(NULL)$$), '^42704 ', 'none');
SELECT t.after('and brought back', $$SELECT pql.activate_model('playbook', 1)$$, '2026-03-22 08:00');
SELECT cmp_ok(t.count($$pql.score WHERE model = 'playbook'$$), '>', 100::bigint, 'with everybody');


-- What is refused -----------------------------------------------------------------------------------

SELECT matches(t.error($$SELECT pql.refresh_batch('2026-03-01')$$), '^22023 . as_of is earlier than the last refresh', 'time does not go backwards');
SELECT matches(t.error($$SELECT pql.refresh_batch(NULL)$$), '^22023 ', 'no time');
SELECT matches(t.error($$SELECT pql.refresh_batch('infinity')$$), '^22023 ', 'no instant');
SELECT matches(t.error($$SELECT pql.refresh_batch(now(), 0)$$), '^22023 ', 'nobody');
SELECT matches(t.error($$SELECT pql.mark_dirty(NULL)$$), '^22004 ', 'no users');
SELECT matches(t.error($$UPDATE pql.lead_event SET event = 'x'$$), '^55000 ', 'what happened to a lead stays');
SELECT matches(t.error($$DELETE FROM pql.lead_event$$), '^55000 ', 'and is not forgotten');


-- At random -----------------------------------------------------------------------------------------

SELECT setseed(0.5);
CREATE FUNCTION t.change() RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	who text := t.user(1 + (random() * 129)::int);
	"when" timestamptz := timestamptz '2026-03-02' + random() * interval '30 days';
	what text := (ARRAY['activation_complete', 'session_start', 'invite_sent', 'integration_connected', 'page_view', 'upgrade_started'])[1 + (random() * 5.99)::int];
	kind int := (random() * 8.99)::int;
BEGIN
	CASE kind
		WHEN 0, 1, 2, 3 THEN INSERT INTO pql.event (user_id, occurred_at, event, properties) VALUES (who, "when", what, '{"invitee_email": "y", "integration_type": "z", "page_path": "/billing"}');
		WHEN 4 THEN DELETE FROM pql.event WHERE user_id = who AND occurred_at > "when";
		WHEN 5 THEN INSERT INTO pql.trial (user_id, started_at) VALUES (who, "when") ON CONFLICT DO NOTHING;
		WHEN 6 THEN DELETE FROM pql.trial WHERE user_id = who AND started_at > "when";
		WHEN 7 THEN UPDATE pql.trial SET converted_at = "when" WHERE user_id = who;
		ELSE UPDATE pql.account SET employees = (random() * 1000)::int WHERE account_id = 'a' || 1 + (random() * 19)::int;
	END CASE;
	RETURN format('%s %s %s %s', kind, who, "when", what);
END
$$;
CREATE TABLE t.rounds AS
SELECT d, r.* FROM generate_series(timestamptz '2026-03-22 09:00', '2026-04-20', '25 hours') d CROSS JOIN LATERAL t.round(d, 12) r;
SELECT is((SELECT r.made || E'\n' || r.wrong FROM t.rounds r WHERE r.wrong <> '' ORDER BY r.d LIMIT 1), NULL, 'after changes at random, all is as if judged from all events');
SELECT cmp_ok((SELECT count(*) FROM t.rounds r WHERE r.changed > 0), '>', 20::bigint, 'there were changes');
SELECT is(t.count('pql.lead'), t.count($$pql.lead_event WHERE event = 'pql_triggered'$$), 'each lead is logged once');

-- who is known by events alone is nobody without them, whether these go by themselves or with their source
INSERT INTO pql.event (user_id, occurred_at, event) VALUES ('passer_by', '2026-04-19', 'session_start');
CREATE TABLE app.short (user_id text, occurred_at timestamptz, event text);
INSERT INTO app.short VALUES ('visitor', '2026-04-19', 'session_start');
SELECT pql.connect('events', 'app.short') \g /dev/null
SELECT t.refresh('2026-04-21') \g /dev/null
SELECT is(t.count($$pql.score WHERE user_id IN ('passer_by', 'visitor')$$), 4::bigint, 'two who are known by an event');
-- rows that do not count make nobody known, and nothing of those who are
INSERT INTO app.short VALUES ('nameless', '2026-04-19', NULL), ('eternal', '-infinity', 'session_start'), ('visitor', '-infinity', 'session_start'), ('visitor', '2026-04-18', NULL), ('listless', 'infinity', 'session_start');
SELECT t.refresh('2026-04-21') \g /dev/null
SELECT is(t.count($$pql.score WHERE user_id IN ('nameless', 'eternal', 'listless')$$) || ' ' || t.wrong(), '0 ', 'without an event''s name, or a finite time, nobody is known');
SELECT throws_ok($$SELECT pql.explain('playbook', 'nameless', '2026-04-21')$$, '42704', NULL, 'also when asked for');
DELETE FROM pql.event WHERE user_id = 'passer_by';
SELECT t.refresh('2026-04-21') \g /dev/null
SELECT is(t.count($$pql.score WHERE user_id = 'passer_by'$$) || ' ' || t.wrong(), '0 ', 'and not without it');
SELECT pql.disconnect('events', 'app.short');
SELECT t.refresh('2026-04-21') \g /dev/null
SELECT is(t.count($$pql.score WHERE user_id = 'visitor'$$) || ' ' || t.wrong(), '0 ', 'nor without its source');
-- a statement about lists that touches no row
DELETE FROM pql.list_entry WHERE list = 'nosuch';
UPDATE pql.email_domain SET kind = 'work' WHERE domain = 'nosuch.example';
SELECT is(t.count('pql.change WHERE user_id IS NULL'), 0::bigint, 'what touches no row of a list marks nobody');
INSERT INTO pql.list_entry (list, entry) VALUES ('nosuch', 'x');
SELECT is(t.count('pql.change WHERE user_id IS NULL'), 1::bigint, 'what does, everybody');
-- attributes that are no object say nothing, and stop nobody from loading
INSERT INTO pql.person (user_id, attributes) VALUES ('listed', '[1]'), ('told', '"x"');
UPDATE pql.person SET title = 'Analyst', attributes = CASE user_id WHEN 'told' THEN '{"a": 1}' ELSE attributes END WHERE user_id IN ('listed', 'told');
SELECT t.refresh('2026-04-21 01:00') \g /dev/null
SELECT is(t.wrong(), '', 'attributes that are no object');

-- Whether there is anything to do -------------------------------------------------------------------

-- Has a refresh something to do after a change? Which is undone.
CREATE FUNCTION t.work_after(change text, as_of timestamptz DEFAULT '2026-04-21 01:00') RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
	answer boolean;
BEGIN
	BEGIN
		EXECUTE change;
		answer := pql.has_work(as_of);
		RAISE EXCEPTION USING ERRCODE = 'P0042';
	EXCEPTION WHEN SQLSTATE 'P0042' THEN
		RETURN answer;
	END;
END
$$;
SELECT is(t.work_after('SELECT'), true, 'views that are to be asked');
SELECT pql.disconnect('events', s.relation) FROM pql.sources s WHERE s.relation <> 'pql.event' \g /dev/null
SELECT t.refresh('2026-04-21 01:00') \g /dev/null
SELECT is(t.work_after('SELECT'), false, 'nothing');
SELECT is(pql.check_as_of('2026-04-21 00:59:30'), '2026-04-21 01:00', 'a little earlier is when the last refresh was');
SELECT is(t.work_after(w.change), true, w.what) FROM (VALUES
	('an event', $$INSERT INTO pql.event (user_id, occurred_at, event) VALUES ('u001', '2026-04-20', 'session_start')$$),
	('a mark', $$SELECT pql.mark_dirty('{u001}')$$),
	('a mark for everybody', $$SELECT pql.mark_everybody('infinity', 'x')$$),
	('a verdict whose time has come', $$UPDATE pql.score SET next_change_at = '2026-04-21' WHERE ctid = (SELECT ctid FROM pql.score LIMIT 1)$$),
	('a lead whose time has come', $$UPDATE pql.lead SET next_at = '2026-04-21 01:00' WHERE ctid = (SELECT ctid FROM pql.lead LIMIT 1)$$),
	('what a rep has done', $$INSERT INTO pql.activity (activity_id, kind, occurred_at) VALUES ('x', 'call', '2026-04-20')$$),
	('what a rep has done at a time nobody knows', $$INSERT INTO pql.activity (activity_id, kind) VALUES ('x', 'call')$$),
	('a payment to look back at', $$INSERT INTO pql.retention (user_id, started_at, converted_at, due_at) VALUES ('x', '2026-03-01', '2026-03-02', '2026-04-01')$$),
	('rows for the CRM to write', $$INSERT INTO pql.crm_change (user_id) VALUES ('u001')$$),
	('rows for the CRM whose time has come', $$UPDATE pql.crm_contact_row SET due_at = '2026-04-21' WHERE ctid = (SELECT ctid FROM pql.crm_contact_row LIMIT 1)$$),
	('accounts for the CRM whose time has come', $$UPDATE pql.crm_account_row SET due_at = '2026-04-21' WHERE ctid = (SELECT ctid FROM pql.crm_account_row LIMIT 1)$$),
	('another day, whose usage is to be counted', $$UPDATE pql.crm_publication SET usage_until = '2026-04-20'$$),
	('links to look for', $$SELECT pql.follow_identities('1 hour')$$),
	('a pilot', $$INSERT INTO pql.pilot (pilot, model, started_at) VALUES ('x', 'trial', '2026-04-20')$$),
	('a table without its trigger', $$DROP TRIGGER pql_events_insert ON pql.event$$),
	('a partition without triggers', $$CREATE TABLE app.parts (user_id text, occurred_at timestamptz, event text) PARTITION BY LIST (event); SELECT pql.connect('events', 'app.parts');
		TRUNCATE pql.change; CREATE TABLE app.part PARTITION OF app.parts DEFAULT$$),
	('a source that is gone', $$CREATE TABLE app.going (user_id text, occurred_at timestamptz, event text); SELECT pql.connect('events', 'app.going'); TRUNCATE pql.change; DROP TABLE app.going$$),
	('rows of people', $$CREATE TABLE app.people (user_id text); SELECT pql.connect('people', 'app.people'); TRUNCATE pql.change, pql.input_change; INSERT INTO app.people VALUES ('u001')$$)) w (what, change);
SELECT is(t.work_after(w.change), false, w.what) FROM (VALUES
	('an event to come', $$UPDATE pql.change SET due_at = '2026-05-01'$$),
	('a pilot that has been looked at', $$INSERT INTO pql.pilot (pilot, model, started_at) VALUES ('x', 'trial', '2026-04-20'); INSERT INTO pql.pilot_watch VALUES ('x', '2026-04-21')$$),
	('links that have been looked for', $$SELECT pql.follow_identities('1 hour'); UPDATE pql.identity_following SET followed_at = '2026-04-21 00:30'$$),
	('a table that is connected', $$CREATE TABLE app.parts (user_id text, occurred_at timestamptz, event text) PARTITION BY LIST (event); CREATE TABLE app.part PARTITION OF app.parts DEFAULT;
		SELECT pql.connect('events', 'app.parts'); TRUNCATE pql.change$$)) w (what, change);
SELECT is(pql.any_due('{}', 'now'), false, 'no index, nothing due');
SELECT is(pql.any_due(NULL, 'now'), NULL, 'NULL');
CREATE ROLE t_nosy;
GRANT USAGE ON SCHEMA pql TO t_nosy;
SET ROLE t_nosy;
SELECT throws_ok($$SELECT pql.any_due('{pql.lead_by_next}', 'now')$$, '42501', NULL, 'who may not read a table is told nothing of it');
RESET ROLE;
GRANT SELECT ON pql.run TO t_nosy;
ALTER TABLE pql.run ENABLE ROW LEVEL SECURITY;
SET ROLE t_nosy;
SELECT is(pql.any_due('{pql.run_by_instant}', '-infinity'), true, 'nor who may not see all rows');
RESET ROLE;
SELECT is(pql.any_due('{pql.run_by_instant}', '-infinity'), false, 'who may, the truth');
SELECT throws_ok($$SELECT pql.any_due('{pql.run}', 'now')$$, '42809', NULL, 'a table is no index');
SELECT throws_ok($$SELECT pql.any_due('{pql.run_pkey}', 'now')$$, '42809', NULL, 'nor is one that has no instants');

SELECT * FROM finish();
ROLLBACK;
