-- Persons with several ids: models judge them as if all that is said under any of their ids were said under one.
--
--   pg_prove -d DB test/pgtap/persons.sql
--   pg_prove -d DB --set seed=0.7 test/pgtap/persons.sql
--
-- The comparison: data rewritten by hand, id by id, and no links; whoever is judged then, and how, is what links are to give.

\if :{?seed}
\else
	\set seed 0.3
\endif

BEGIN;
\ir lib/transaction.sql

CREATE SCHEMA app;


-- A story ---------------------------------------------------------------------------------------------

-- Ada looked around as v1, tried the product as ada, and came back as ada2; Bob did so as bob alone
INSERT INTO pql.account (account_id, name, employees) VALUES ('acme', 'Acme', 300);
INSERT INTO pql.person (user_id, email, account_id, title) VALUES ('ada', 'ada@acme.example', 'acme', 'Head of Data'), ('ada2', 'a.l@acme.example', 'acme', 'Analyst'), ('bob', 'bob@acme.example', 'acme', NULL);
INSERT INTO pql.trial (user_id, started_at) VALUES ('ada', '2026-03-02'), ('bob', '2026-03-02');
INSERT INTO pql.event (user_id, occurred_at, event, properties) VALUES
	('ada', '2026-03-02 10:00', 'activation_complete', NULL), ('ada', '2026-03-03 10:00', 'session_start', NULL), ('ada', '2026-03-04 10:00', 'session_start', NULL),
	('ada2', '2026-03-05 09:00', 'invite_sent', '{"invitee_email": "c@acme.example"}'), ('ada2', '2026-03-06 09:00', 'invite_sent', '{"invitee_email": "d@acme.example"}'),
	('v1', '2026-03-06 12:00', 'integration_connected', '{"integration_type": "snowflake"}'), ('v1', '2026-03-01 12:00', 'page_view', '{"page_path": "/pricing"}'),
	('bob', '2026-03-02 11:00', 'session_start', NULL);
SELECT is_empty($$SELECT t.wrong('2026-03-08')$$, 'before anybody is linked');
SELECT is((SELECT count(*) FROM pql.lead WHERE model = 'trial'), 0::bigint, 'no id by itself qualifies');
CREATE TABLE t.before AS SELECT * FROM pql.explain('trial', 'ada', '2026-03-08');

SELECT pql.link_identities('visitor', 'v1', 'user', 'ada', 'signed_up', 'test', '2026-03-08 01:00') \g /dev/null
SELECT pql.link_identities('user', 'ada2', 'user', 'ada', 'manual', 'test', '2026-03-08 02:00') \g /dev/null
SELECT is((SELECT array_agg(DISTINCT c.user_id ORDER BY c.user_id) FROM pql.change c WHERE c.since = '-infinity'), '{ada,ada2,v1}', 'who is linked is marked');
SELECT is_empty($$SELECT t.wrong('2026-03-08 12:00')$$, 'linked');
SELECT is((SELECT string_agg(user_id || ' ' || model, ', ') FROM pql.lead WHERE model = 'trial'), 'ada trial', 'all ids together do');
SELECT results_eq($$SELECT DISTINCT user_id FROM pql.score ORDER BY 1$$, $$VALUES ('ada'), ('bob')$$, 'aliases are nobody');
SELECT results_eq($$SELECT DISTINCT user_id FROM pql.state ORDER BY 1$$, $$VALUES ('ada'), ('bob')$$, 'of whom nothing is kept');
SELECT results_eq($$SELECT user_id FROM pql.score_all('trial', '2026-03-08 12:00') ORDER BY 1$$, $$VALUES ('ada'), ('bob')$$, 'nor scored');
SELECT results_eq($$SELECT * FROM pql.explain('trial', 'v1', '2026-03-08 12:00')$$, $$SELECT * FROM pql.explain('trial', 'ada', '2026-03-08 12:00')$$, 'whoever asks for an alias asks for the person');
SELECT results_eq($$SELECT * FROM pql.explain('trial', 'ada', '2026-03-08 00:30')$$, $$SELECT * FROM t.before$$, 'of an instant before the links, what was known then');
SELECT is((SELECT qualified_at FROM pql.score_all('trial', '2026-03-08 00:30') WHERE user_id = 'ada'), NULL, 'by the scan as well');
SELECT is((pql.what_if('trial', 'ada2', '[]', '2026-03-08 12:00')).status, 'qualified', 'and what if');
SELECT is((SELECT count(*) FROM pql.account_of_at('2026-03-08 12:00') WHERE account_id = 'acme'), 2::bigint, 'the account has two people, not three');

SELECT results_eq($$SELECT user_id, status, contactable, not_contactable_reason FROM pql.crm_contact WHERE user_id ~ '^(ada|v1)' ORDER BY 1$$,
	$$VALUES ('ada', 'qualified', true, NULL::text), ('ada2', 'merged', false, 'merged')$$, 'the CRM has one contact that counts, and the other is told to be the same');

-- what comes under an alias is news of the person
INSERT INTO pql.event (user_id, occurred_at, event) VALUES ('v1', '2026-03-08 13:00', 'session_start');
SELECT is((pql.refresh_batch('2026-03-08 14:00')).reread, 0, 'an event of an alias is read alone');
SELECT is_empty($$SELECT t.wrong('2026-03-08 14:00')$$, 'and counts');
INSERT INTO pql.event (user_id, occurred_at, event) VALUES ('ada2', '2026-03-03 13:00', 'session_start');
SELECT is_empty($$SELECT t.wrong('2026-03-08 14:00')$$, 'a late one');
DELETE FROM pql.event WHERE user_id = 'v1' AND event = 'session_start';
SELECT is_empty($$SELECT t.wrong('2026-03-08 14:00')$$, 'one that goes');
UPDATE pql.person SET opted_out_at = '2026-03-08 15:00' WHERE user_id = 'ada2';
SELECT is_empty($$SELECT t.wrong('2026-03-08 16:00')$$, 'a row of an alias that changes');
SELECT is((SELECT (p.profile #>> '{history,person.opted_out,0,value}') || ' ' || (p.profile #>> '{person,title}') FROM pql.profile_of(pql.model('trial'), '2026-03-08 16:00') p WHERE p.user_id = 'ada'), 'true Head of Data',
	'who opts out under one id has opted out, and is otherwise who the row of the person says');
SELECT is(pql.contact_barrier('ada', '2026-03-08 16:00'), 'opted_out', 'is not written to');
SELECT results_eq($$SELECT status, contactable, not_contactable_reason FROM pql.crm_contact WHERE user_id = 'ada'$$, $$VALUES ('opted_out', false, 'opted_out')$$, 'nor by those who have it from the CRM');
UPDATE pql.person SET opted_out_at = NULL WHERE user_id = 'ada2';
INSERT INTO pql.trial (user_id, started_at) VALUES ('ada2', '2026-03-02'), ('ada2', '2026-03-07');
SELECT is_empty($$SELECT t.wrong('2026-03-08 16:00')$$, 'trials of an alias');
SELECT is((SELECT array_agg(started_at ORDER BY 1) FROM pql.score WHERE user_id = 'ada' AND model = 'trial'), '{2026-03-02 00:00:00+00,2026-03-07 00:00:00+00}', 'are the person''s; of two that began together one is');
DELETE FROM pql.trial WHERE user_id = 'ada2';

-- a person whose row is an alias's
DELETE FROM pql.person WHERE user_id = 'ada';
SELECT is_empty($$SELECT t.wrong('2026-03-08 16:00')$$, 'the row of the person goes');
SELECT is((SELECT account_id || ' ' || (profile #>> '{person,title}') FROM pql.profile_of(pql.model('trial'), '2026-03-08 16:00') WHERE user_id = 'ada'), 'acme Analyst', 'an alias''s speaks for them');
INSERT INTO pql.person (user_id, email, account_id, title) VALUES ('ada', 'ada@acme.example', 'acme', 'Head of Data');
SELECT is_empty($$SELECT t.wrong('2026-03-08 16:00')$$, 'and comes back');
-- a visitor's id that comes to be a user's
INSERT INTO pql.person (user_id, account_id) VALUES ('v1', 'acme');
SELECT is_empty($$SELECT t.wrong('2026-03-08 16:00')$$, 'a visitor who is a user by that id');
SELECT is((SELECT count(*) FROM pql.account_of_at('2026-03-08 16:00') WHERE account_id = 'acme'), 3::bigint, 'is somebody by themselves');
DELETE FROM pql.person WHERE user_id = 'v1';
SELECT is_empty($$SELECT t.wrong('2026-03-08 16:00')$$, 'and is not any more');

-- undone
SELECT pql.unlink('user', 'ada2', 'user', 'ada', 'two people', '2026-03-09') \g /dev/null
SELECT is_empty($$SELECT t.wrong('2026-03-09 01:00')$$, 'unlinked');
SELECT is((SELECT count(*) FROM pql.lead WHERE model = 'trial'), 1::bigint, 'the lead stays');
SELECT isnt((SELECT unsupported_at FROM pql.lead WHERE model = 'trial'), NULL, 'without support');
SELECT results_eq($$SELECT DISTINCT user_id FROM pql.score ORDER BY 1$$, $$VALUES ('ada'), ('ada2'), ('bob')$$, 'both are somebody again');
SELECT pql.link_identities('user', 'ada2', 'user', 'ada', 'manual', 'eve', '2026-03-09 02:00') \g /dev/null
SELECT is_empty($$SELECT t.wrong('2026-03-09 03:00')$$, 'linked again');
SELECT is((SELECT count(*) || ' ' || count(unsupported_at) FROM pql.lead WHERE model = 'trial'), '1 0', 'the lead has support again, and there is no second');

-- whose lead is an alias's
INSERT INTO pql.person (user_id, email, account_id) VALUES ('dan', 'dan@x.example', 'acme'), ('dan0', 'dan0@x.example', 'acme');
INSERT INTO pql.trial (user_id, started_at) VALUES ('dan', '2026-03-02');
INSERT INTO pql.event (user_id, occurred_at, event, properties) VALUES
	('dan', '2026-03-02 10:00', 'activation_complete', NULL), ('dan', '2026-03-03 10:00', 'session_start', NULL), ('dan', '2026-03-04 10:00', 'session_start', NULL), ('dan', '2026-03-05 09:00', 'invite_sent', '{"invitee_email": "c@x.example"}'),
	('dan', '2026-03-06 09:00', 'invite_sent', '{"invitee_email": "d@x.example"}'), ('dan', '2026-03-06 12:00', 'integration_connected', '{"integration_type": "snowflake"}');
SELECT is_empty($$SELECT t.wrong('2026-03-09 04:00')$$, 'somebody else qualifies');
CREATE TABLE t.leads AS TABLE pql.lead;
SELECT cmp_ok((SELECT count(*) FROM t.leads WHERE user_id = 'dan'), '>', 0::bigint, 'and is a lead');
SELECT pql.link_identities('visitor', 'v9', 'user', 'dan0', 'signed_up', 'test', '2026-03-01') \g /dev/null
SELECT pql.link_identities('user', 'dan', 'user', 'dan0', 'manual', 'eve', '2026-03-09 04:30') \g /dev/null
SELECT is((SELECT same_as FROM pql.alias WHERE user_id = 'dan'), 'dan0', 'under an id that is an alias from now on');
SELECT is_empty($$SELECT t.wrong('2026-03-09 05:00')$$, 'linked');
SELECT is((SELECT count(*) FROM pql.lead), (SELECT count(*) FROM t.leads), 'nobody is a lead twice');
INSERT INTO pql.event (user_id, occurred_at, event) VALUES ('dan0', '2026-03-09 05:30', 'session_start');
UPDATE pql.trial SET converted_at = '2026-03-09 05:40' WHERE user_id = 'dan';
SELECT is_empty($$SELECT t.wrong('2026-03-09 06:00')$$, 'news of the person');
SELECT is((SELECT trial_converted_at FROM pql.lead WHERE user_id = 'dan' AND model = 'trial'), '2026-03-09 05:40', 'come to the lead');
SELECT is((SELECT count(*) FROM pql.lead), (SELECT count(*) FROM t.leads), 'and still nobody is a lead twice');


-- by refresh itself
SELECT matches(t.error($$SELECT pql.follow_identities('-1 hour')$$), '^22023 ', 'not every minus one hour');
SELECT pql.follow_identities('1 hour') \g /dev/null
INSERT INTO pql.person (user_id, email) VALUES ('lea', 'lea@lea-labs.com'), ('lea2', 'Lea+x@lea-labs.com');
INSERT INTO pql.event (user_id, occurred_at, event, properties) VALUES ('lea', '2026-03-09 06:10', 'session_start', '{"anonymous_id": "v7"}'), ('v7', '2026-03-09 06:09', 'page_view', NULL);
SELECT is_empty($$SELECT t.wrong('2026-03-09 06:15')$$, 'a refresh that looks for links');
SELECT results_eq($$SELECT user_id, same_as FROM pql.alias WHERE same_as LIKE 'lea%' ORDER BY 1$$, $$VALUES ('lea2', 'lea'), ('v7', 'lea')$$, 'finds them in what people and events say');
SELECT is((SELECT account_id FROM pql.score WHERE user_id = 'lea' AND model = 'playbook'), 'lea-labs.com', 'gives people accounts, and judges accordingly');
INSERT INTO pql.event (user_id, occurred_at, event, properties) VALUES ('lea', '2026-03-09 06:20', 'session_start', '{"anonymous_id": "v8"}');
SELECT is_empty($$SELECT t.wrong('2026-03-09 06:30')$$, 'one that comes soon after');
SELECT is((SELECT count(*) FROM pql.alias WHERE user_id = 'v8'), 0::bigint, 'does not look again');
SELECT is_empty($$SELECT t.wrong('2026-03-09 07:15')$$, 'an hour after the first');
SELECT is((SELECT count(*) FROM pql.alias WHERE user_id = 'v8'), 1::bigint, 'it does');
SELECT is(pql.follow_identities_at('2026-03-09 07:20'), NULL, 'nothing is due');

-- colleagues are counted by person, also for who has one id
DELETE FROM pql.fact WHERE name = 'person.account_id';
INSERT INTO pql.account (account_id, employees) VALUES ('trio', 300);
INSERT INTO pql.person (user_id, account_id, signed_up_at) VALUES ('trio1', 'trio', '2026-03-01'), ('trio2', 'trio', '2026-03-01'), ('trio2b', 'trio', '2026-03-01');
SELECT pql.link_identities('user', 'trio2b', 'user', 'trio2', 'manual', 'eve', '2026-03-02') \g /dev/null
SELECT is_empty($$SELECT t.wrong('2026-03-09 07:21')$$, 'an account with two people, of whom one has two ids');
SELECT is((SELECT count(*) FROM pql.fact WHERE name = 'person.account_id'), 0::bigint, 'which they were of from the beginning');
INSERT INTO pql.event (user_id, occurred_at, event) VALUES ('trio1', '2026-03-09 07:22', 'feature_used');
SELECT is_empty($$SELECT t.wrong('2026-03-09 07:25')$$, 'has two for the other one');
SELECT pql.follow_identities('0') \g /dev/null
INSERT INTO pql.identifier_place (place, name, kind, reason) VALUES ('person', 'broken', 'visitor', 'test');
ALTER TABLE pql.identifier_place RENAME COLUMN reason TO why;
SELECT matches(pql.follow_identities_at('2026-03-09 07:20'), '^identities: column', 'what goes wrong is told');
SELECT is((SELECT 'identities: ' || failure FROM pql.identity_following), pql.follow_identities_at('2026-03-09 07:20'), 'and kept');
ALTER TABLE pql.identifier_place RENAME COLUMN why TO reason;
SELECT is(pql.follow_identities_at('2026-03-09 07:20') || (SELECT failure FROM pql.identity_following), NULL, 'until it is mended');
SELECT pql.follow_identities(NULL) \g /dev/null
SELECT is_empty($$SELECT FROM pql.identity_following$$, 'and no longer');


-- At random, against data rewritten by hand -------------------------------------------------------------

DELETE FROM pql.link; DELETE FROM pql.event; DELETE FROM pql.trial; DELETE FROM pql.person; DELETE FROM pql.account; DELETE FROM pql.fact;
SELECT is_empty($$SELECT t.wrong('2026-03-09 07:30')$$, 'nobody is left');
SELECT setseed(:seed);
CREATE TABLE app.seen (uid text, at timestamptz, name text, props jsonb);
CREATE VIEW app.clicks AS SELECT * FROM app.seen;
SELECT pql.connect('events', 'app.clicks', mapping => '{"user_id": "uid", "occurred_at": "at", "event": "name", "properties": "props"}', capture => 'manual') \g /dev/null
SELECT pql.activate_model('account', (SELECT max(version) FROM pql.model_version WHERE model = 'account')) \g /dev/null
CREATE FUNCTION t.id() RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT CASE WHEN random() < 0.3 THEN 'v' ELSE 'u' END || 1 + (random() * 29)::int $$;
CREATE FUNCTION t.name() RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT (ARRAY['activation_complete', 'session_start', 'invite_sent', 'integration_connected', 'page_view', 'feature_used', 'upgrade_started'])[1 + floor(random() * 7)::int] $$;
CREATE FUNCTION t.props() RETURNS jsonb LANGUAGE sql VOLATILE AS $$
	SELECT jsonb_build_object('invitee_email', 'i' || (random() * 5)::int, 'integration_type', 'snowflake', 'page_path', '/pricing', 'feature', 'f' || (random() * 9)::int) $$;
INSERT INTO pql.account (account_id, name, employees, industry) SELECT 'a' || n, 'Company ' || n, 100 * n, 'fintech' FROM generate_series(1, 6) n;
INSERT INTO pql.person (user_id, account_id, email, title) SELECT 'u' || n, 'a' || 1 + n % 6, 'x' || n || '@c' || n || '.example', CASE WHEN n % 4 = 0 THEN 'VP of Data' END FROM generate_series(1, 26) n;
INSERT INTO pql.trial (user_id, started_at) SELECT 'u' || n, timestamptz '2026-03-09' + n * interval '3 hours' FROM generate_series(1, 22) n;
INSERT INTO pql.event (user_id, occurred_at, event, properties) SELECT t.id(), timestamptz '2026-03-08' + random() * interval '20 days', t.name(), t.props() FROM generate_series(1, 900);
INSERT INTO app.seen SELECT t.id(), timestamptz '2026-03-08' + random() * interval '20 days', t.name(), t.props() FROM generate_series(1, 300);

CREATE FUNCTION t.change("now" timestamptz) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	who text := t.id();
	other text := t.id();
	"when" timestamptz := timestamptz '2026-03-09' + random() * ("now" - timestamptz '2026-03-09');
	kind int := (random() * 11.99)::int;
	link record;
BEGIN
	-- facts that change are known from then
	PERFORM set_config('pql_follow.recorded_at', "now"::text, true);
	CASE kind
		WHEN 0, 1, 2 THEN
			IF who <> other AND NOT (who LIKE 'v%' AND other LIKE 'v%') THEN
				PERFORM pql.link_identities(CASE WHEN who LIKE 'v%' THEN 'visitor' ELSE 'user' END, who, CASE WHEN other LIKE 'v%' THEN 'visitor' ELSE 'user' END, other, 'test', 'test', "when");
			END IF;
		WHEN 3 THEN
			SELECT l.link_id INTO link FROM pql.link l WHERE l.undone_at IS NULL ORDER BY random() LIMIT 1;
			IF FOUND THEN PERFORM pql.unlink(link.link_id, 'test', "now"); END IF;
		WHEN 4, 5 THEN INSERT INTO pql.event (user_id, occurred_at, event, properties) VALUES (who, "when", t.name(), t.props());
		WHEN 6 THEN INSERT INTO app.seen VALUES (who, "now", t.name(), t.props()); PERFORM pql.mark_dirty(ARRAY[who]);
		WHEN 7 THEN DELETE FROM pql.event WHERE user_id = who AND occurred_at > "when";
		WHEN 8 THEN INSERT INTO pql.trial (user_id, started_at, plan) SELECT who, date_trunc('day', "when"), who WHERE EXISTS (SELECT FROM pql.trial) ON CONFLICT DO NOTHING;
		WHEN 9 THEN DELETE FROM pql.trial WHERE user_id = who AND (SELECT count(*) FROM pql.trial) > 1;
		WHEN 10 THEN UPDATE pql.person SET opted_out_at = "now" WHERE user_id = who; UPDATE pql.trial SET converted_at = "now" WHERE user_id = other;
		ELSE
			DELETE FROM pql.person WHERE user_id = who;
			INSERT INTO pql.person (user_id, account_id, signed_up_at, title) SELECT other, 'a' || 1 + (random() * 5)::int, "when", 'Head of x' WHERE other LIKE 'u%'
			ON CONFLICT (user_id) DO UPDATE SET account_id = EXCLUDED.account_id, signed_up_at = EXCLUDED.signed_up_at;
	END CASE;
	RETURN format('%s %s %s %s', kind, who, other, "when");
END
$$;

CREATE FUNCTION t.verdicts(as_of timestamptz) RETURNS text[] LANGUAGE sql VOLATILE AS $$
	SELECT array_agg(m.model || ' ' || a) FROM pql.active_model m CROSS JOIN LATERAL pql.score_all(m.model, as_of) a $$;
-- The verdicts of all models on data that have one id a person, by hand, and no links; everything is as before afterwards.
CREATE FUNCTION t.rewritten(as_of timestamptz, alias_query text) RETURNS text[]
LANGUAGE plpgsql AS $$
DECLARE
	result text[];
	same record;
BEGIN
	BEGIN
		EXECUTE 'CREATE TEMP TABLE one ON COMMIT DROP AS ' || alias_query;
		-- nothing is to follow from this
		SET LOCAL session_replication_role = replica;
		UPDATE pql.event e SET user_id = o.same_as FROM one o WHERE e.user_id = o.user_id;
		UPDATE app.seen e SET uid = o.same_as FROM one o WHERE e.uid = o.user_id;
		FOR same IN SELECT o.user_id, o.same_as FROM one o ORDER BY o.user_id COLLATE "C" LOOP
			UPDATE pql.trial t SET user_id = same.same_as WHERE t.user_id = same.user_id AND NOT EXISTS (SELECT FROM pql.trial x WHERE x.user_id = same.same_as AND x.started_at = t.started_at);
			DELETE FROM pql.trial t WHERE t.user_id = same.user_id;
			UPDATE pql.person p SET opted_out_at = least(p.opted_out_at, a.opted_out_at), suppressed_at = least(p.suppressed_at, a.suppressed_at), paid_at = least(p.paid_at, a.paid_at), signed_up_at = least(p.signed_up_at, a.signed_up_at)
			FROM pql.person a WHERE p.user_id = same.same_as AND a.user_id = same.user_id;
			IF EXISTS (SELECT FROM pql.person p WHERE p.user_id = same.same_as) THEN
				DELETE FROM pql.person p WHERE p.user_id = same.user_id;
			ELSIF EXISTS (SELECT FROM pql.person p WHERE p.user_id = same.user_id) THEN
				UPDATE pql.person p SET user_id = same.same_as WHERE p.user_id = same.user_id;
				DELETE FROM pql.fact f WHERE f.subject = same.same_as AND f.name NOT LIKE 'lead.%';
				UPDATE pql.fact f SET subject = same.same_as WHERE f.subject = same.user_id AND f.name NOT LIKE 'lead.%';
			END IF;
			UPDATE pql.fact f SET subject = same.same_as WHERE f.subject = same.user_id AND f.name LIKE 'lead.%';
		END LOOP;
		DELETE FROM pql.link;
		result := t.verdicts(as_of);
		RAISE EXCEPTION USING ERRCODE = 'P0099';
	EXCEPTION WHEN SQLSTATE 'P0099' THEN
		NULL;
	END;
	RETURN result;
END
$$;
CREATE FUNCTION t.differing(as_of timestamptz, alias_query text DEFAULT 'TABLE pql.alias') RETURNS text
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	want text[] := t.rewritten(as_of, alias_query);
	have text[] := t.verdicts(as_of);
BEGIN
	RETURN (SELECT string_agg(d.what, E'\n' ORDER BY d.what) FROM (
		(SELECT x || ' wanted' AS what FROM unnest(want) x EXCEPT ALL SELECT x || ' wanted' FROM unnest(have) x)
		UNION ALL (SELECT x || ' given' FROM unnest(have) x EXCEPT ALL SELECT x || ' given' FROM unnest(want) x)) d);
END
$$;
CREATE FUNCTION t.round(as_of timestamptz, changes int, OUT made text, OUT wrong text, OUT differing text, OUT past text, OUT one_by_one text, OUT aliases bigint)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	earlier timestamptz := as_of - interval '30 hours';
BEGIN
	FOR i IN 1 .. changes LOOP made := concat_ws(E'\n', made, t.change(as_of)); END LOOP;
	SELECT string_agg(w, E'\n') INTO wrong FROM t.wrong(as_of) w;
	aliases := (SELECT count(*) FROM pql.alias);
	differing := t.differing(as_of);
	past := t.differing(earlier, format('SELECT * FROM pql.alias_at(%L)', earlier));
	SELECT string_agg(s.user_id || ' ' || (v.status, v.score, v.tier, v.signals, v.qualified_at)::text, E'\n') INTO one_by_one
	FROM (SELECT x.* FROM pql.score_all('playbook', as_of) x ORDER BY hashtext(x.user_id || as_of) LIMIT 4) s
	-- under any of the person's ids
	CROSS JOIN LATERAL (SELECT u FROM unnest(pql.ids_of(ARRAY[s.user_id])) u ORDER BY random() LIMIT 1) i (id)
	CROSS JOIN LATERAL pql.judge_one('playbook', i.id, as_of, NULL, NULL) v
	WHERE (v.status, v.score, v.tier, v.signals, v.qualified_at) IS DISTINCT FROM (s.status, s.score, s.tier, s.signals, s.qualified_at);
END
$$;
SELECT is_empty($$SELECT t.wrong('2026-03-10')$$, 'many people');
CREATE TABLE t.rounds AS SELECT d, r.* FROM generate_series(timestamptz '2026-03-10 09:00', '2026-03-25', '23 hours') d CROSS JOIN LATERAL t.round(d, 16) r;
SELECT is((SELECT r.made || E'\n' || r.wrong FROM t.rounds r WHERE r.wrong <> '' ORDER BY r.d LIMIT 1), NULL, 'what is kept is what judging everybody gives');
SELECT is((SELECT r.made || E'\n' || r.differing FROM t.rounds r WHERE r.differing <> '' ORDER BY r.d LIMIT 1), NULL, 'which is what data rewritten give');
SELECT is((SELECT r.made || E'\n' || r.past FROM t.rounds r WHERE r.past <> '' ORDER BY r.d LIMIT 1), NULL, 'as of an earlier instant as well, by the links known then');
SELECT is((SELECT r.made || E'\n' || r.one_by_one FROM t.rounds r WHERE r.one_by_one <> '' ORDER BY r.d LIMIT 1), NULL, 'and judging one by one');
SELECT cmp_ok((SELECT max(aliases) FROM t.rounds), '>', 8::bigint, 'there were aliases');
SELECT is_empty($$SELECT FROM pql.lead GROUP BY user_id, model, started_at, number HAVING count(*) > 1$$, 'no lead is there twice');
SELECT is((SELECT count(*) FROM pql.lead), (SELECT count(*) FROM pql.lead_event WHERE event = 'pql_triggered'), 'each is logged once');

-- where sign-ups start trials
DELETE FROM pql.trial;
INSERT INTO pql.event (user_id, occurred_at, event, properties) SELECT t.id(), timestamptz '2026-03-20' + n * interval '2 hours', 'signup_complete', '{"company_size": 300}' FROM generate_series(1, 40) n;
CREATE TABLE t.more_rounds AS SELECT d, r.* FROM generate_series(timestamptz '2026-03-26', '2026-03-30', '23 hours') d CROSS JOIN LATERAL t.round(d, 16) r;
SELECT is((SELECT r.made || E'\n' || r.wrong FROM t.more_rounds r WHERE r.wrong <> '' ORDER BY r.d LIMIT 1), NULL, 'the same where sign-ups start trials: kept');
SELECT is((SELECT r.made || E'\n' || r.differing FROM t.more_rounds r WHERE r.differing <> '' ORDER BY r.d LIMIT 1), NULL, 'rewritten');
SELECT is((SELECT r.made || E'\n' || r.past FROM t.more_rounds r WHERE r.past <> '' ORDER BY r.d LIMIT 1), NULL, 'in the past');
SELECT is((SELECT r.made || E'\n' || r.one_by_one FROM t.more_rounds r WHERE r.one_by_one <> '' ORDER BY r.d LIMIT 1), NULL, 'one by one');

SELECT * FROM finish();
ROLLBACK;
