-- Who may do what: pql's roles, checked over every relation, column and function there is.
--
--   pg_prove -d DB test/pgtap/roles.sql

BEGIN;
\ir lib/transaction.sql
\ir lib/leads.sql
GRANT USAGE ON SCHEMA t TO PUBLIC;

-- ---- before anybody is granted anything ----

CREATE ROLE t_stranger LOGIN;
CREATE ROLE t_sync LOGIN;
CREATE ROLE t_reader LOGIN;
CREATE ROLE t_operator LOGIN;
CREATE ROLE t_admin LOGIN;
CREATE ROLE "t ""odd"" login" LOGIN;
CREATE ROLE t_noinherit LOGIN NOINHERIT;

-- All of schema pql, and what a role may do with it: 'select table x', 'update table x.column', 'execute x()'.
CREATE FUNCTION t.may(who text) RETURNS SETOF text LANGUAGE sql STABLE AS $$
	SELECT m.m COLLATE "default" FROM (SELECT format('%s %s', lower(p.privilege), c.relname) FROM pg_class c CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) p (privilege)
	WHERE c.relnamespace = 'pql'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p', 'f') AND has_table_privilege(who, c.oid, p.privilege)
	UNION ALL
	SELECT format('%s %s.%s', lower(p.privilege), c.relname, a.attname) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
	CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) p (privilege)
	WHERE c.relnamespace = 'pql'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p', 'f') AND NOT has_table_privilege(who, c.oid, p.privilege) AND has_column_privilege(who, c.oid, a.attnum, p.privilege)
	UNION ALL
	SELECT format('%s sequence %s', lower(p.privilege), c.relname) FROM pg_class c CROSS JOIN unnest(ARRAY['USAGE', 'SELECT', 'UPDATE']) p (privilege)
	-- a CASE, for sequences alone have such rights
	WHERE c.relnamespace = 'pql'::regnamespace AND CASE WHEN c.relkind = 'S' THEN has_sequence_privilege(who, c.oid, p.privilege) END
	UNION ALL
	-- what is everybody's runs with the caller's rights, as is tested below
	SELECT 'execute ' || p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'pql'::regnamespace AND has_function_privilege(who, p.oid, 'EXECUTE') AND NOT has_function_privilege('public', p.oid, 'EXECUTE')
	UNION ALL
	SELECT format('%s schema pql', lower(p)) FROM unnest(ARRAY['USAGE', 'CREATE']) p WHERE has_schema_privilege(who, 'pql', p)) m (m) $$;

SELECT is_empty($$ SELECT t.may('t_stranger') $$, 'who is granted nothing can do nothing');
SELECT is_empty($$ SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'pql'::regnamespace AND p.prosecdef AND has_function_privilege('public', p.oid, 'execute') $$, 'no function that runs with more rights than the caller''s is everybody''s');
SELECT is_empty($$ SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace = 'pql'::regnamespace AND c.relkind IN ('r', 'v', 'm') AND has_any_column_privilege('public', c.oid, 'select,insert,update') $$, 'nor a relation');

-- ---- granting ----

SELECT is(t.error($$ SELECT * FROM pql.grant_to('owner', 't_sync') $$), '22023 | role "owner" is not known | It is reader, sync, operator or admin.', 'a role that is not to be granted');
SELECT is(t.error($$ SELECT * FROM pql.grant_to(NULL, 't_sync') $$), '22023 | role "NULL" is not known | It is reader, sync, operator or admin.', 'or none');
SELECT is(t.error($$ SELECT * FROM pql.grant_to('sync', 'no''body') $$), '42704 | role "no''body" is none to be granted anything | CREATE ROLE "no''body" LOGIN; first, with whatever authentication you use.', 'a login that there is not');
SELECT is(t.error($$ SELECT * FROM pql.grant_to('sync', NULL) $$), '42704 | role "NULL" is none to be granted anything | Name the role that logs in.', 'or none');
SELECT is(t.error($$ SELECT * FROM pql.grant_to('sync', 't_noinherit') $$), '0P000 | role "t_noinherit" does not inherit rights | ALTER ROLE t_noinherit INHERIT; tools do not switch roles.', 'one that would have to switch roles');
SELECT is(t.error($$ SELECT * FROM pql.grant_to('sync', 't_sync', 'nosuch') $$), '22023 | tool "nosuch" is not known of role "pql_sync" | With role sync it is census or hightouch; others need no schema of their own.', 'an unknown tool');
SELECT matches(t.error($$ SELECT * FROM pql.grant_to('reader', 't_sync', 'census') $$), '^22023', 'or one with another role');
-- a role of that name that is somebody else's: names are the cluster's, so pql's own stand aside
DO $$ DECLARE r name; BEGIN FOR r IN SELECT rolname FROM pg_roles WHERE rolname IN ('pql_owner', 'pql_reader', 'pql_sync', 'pql_operator', 'pql_admin') LOOP EXECUTE format('ALTER ROLE %I RENAME TO %I', r, 't_aside_' || r); END LOOP; END $$;
CREATE ROLE pql_sync LOGIN;
SELECT matches(t.error('SELECT * FROM pql.create_roles()'), '^0P000 . role "pql_sync" is more than a name for rights', 'a role that can log in is refused');
ALTER ROLE pql_sync NOLOGIN SUPERUSER;
SELECT matches(t.error('SELECT * FROM pql.create_roles()'), '^0P000 . role "pql_sync" is more than a name for rights', 'as is a superuser');
ALTER ROLE pql_sync NOSUPERUSER BYPASSRLS;
SELECT matches(t.error('SELECT * FROM pql.create_roles()'), '^0P000', 'and one past row security');
ALTER ROLE pql_sync NOBYPASSRLS;
GRANT pg_read_all_data TO pql_sync;
SELECT is(t.error('SELECT * FROM pql.create_roles()'), '0P000 | role "pql_sync" has the rights of others | It is a member of pg_read_all_data. | REVOKE those memberships: who is granted pql_sync is to have what pql gives, and nothing else.', 'or with the rights of others');
REVOKE pg_read_all_data FROM pql_sync;
GRANT SELECT ON pql.lead TO pql_sync;
SELECT is((SELECT string_agg(concat(r.role, ' ', r.did) COLLATE "C", ', ') FROM pql.create_roles() r), 'pql_owner created, pql_reader created, pql_sync was there, pql_operator created, pql_admin created', 'one that is a name for rights is taken');
SELECT results_eq($$ SELECT did FROM pql.create_roles() $$, $$ VALUES ('was there'), ('was there'), ('was there'), ('was there'), ('was there') $$, 'again');
SELECT is(t.error($$ SELECT * FROM pql.grant_to('sync', 'pql_admin') $$), '42704 | role "pql_admin" is none to be granted anything | Name the role that logs in.', 'pql''s roles are not granted each other');
SELECT lives_ok($$ SELECT * FROM pql.grant_to('pql_reader', 't "odd" login') $$, 'any name of a login, and the role''s whole name');

-- ---- sync ----

SELECT results_eq($$ SELECT * FROM pql.grant_to('sync', 't_sync') $$, $$ VALUES ('pql_sync', 'member'), ('pql.crm_account', 'SELECT'), ('pql.crm_contact', 'SELECT'), ('pql.crm_task', 'SELECT') $$, 'a login for syncs, and all that it can read');
SELECT results_eq($$ SELECT t.may('t_sync') ORDER BY 1 $$, ARRAY['select crm_account', 'select crm_contact', 'select crm_task', 'usage schema pql'], 'of all relations, columns, sequences and functions: three views, and nothing else');
SELECT results_eq($$ SELECT * FROM pql.grant_to('sync', 't_sync', 'census') LIMIT 2 $$, $$ VALUES ('pql_sync', 'member'), ('schema census', 'USAGE, CREATE') $$, 'Census has a schema of its own');
SELECT results_eq($$ SELECT * FROM pql.grant_to('sync', 't_sync', 'hightouch') LIMIT 3 $$, $$ VALUES ('pql_sync', 'member'), ('schema hightouch_planner', 'USAGE, CREATE'), ('schema hightouch_audit', 'USAGE, CREATE') $$, 'Hightouch has two');
SELECT t.qualify('ann', '2026-03-04 10:00', 'high', 'acme'), t.qualify('bob', '2026-03-04 10:00', 'high', 'acme') \g /dev/null
INSERT INTO pql.rep (email, name, team) VALUES ('rep@sales.example', 'Rep', 'inside_sales');
SELECT pql.start_routing('trial', as_of => '2026-03-01') \g /dev/null
SELECT count(*) FROM pql.publish('trial') \g /dev/null
SELECT t.refresh('2026-03-04 10:05') \g /dev/null
SET ROLE t_sync;
SELECT results_eq('SELECT count(*) FROM pql.crm_contact UNION ALL SELECT count(*) FROM pql.crm_account UNION ALL SELECT count(*) FROM pql.crm_task', ARRAY[2, 1, 2]::bigint[], 'it reads them');
SELECT ok((SELECT met_invites FROM pql.crm_contact WHERE user_id = 'ann'), 'with columns of signals');
SELECT is((SELECT string_agg(f.name, ', ') FROM (SELECT p.oid::regprocedure::text AS name FROM pg_proc p WHERE p.pronamespace = 'pql'::regnamespace AND p.prosecdef AND has_function_privilege(p.oid, 'execute')) f), NULL, 'and no function runs with more rights than its own');
SELECT is(t.error('SELECT * FROM pql.lead'), '42501 | permission denied for table lead', 'not what is behind them');
SELECT is(t.error('SELECT * FROM pql.crm_contact_row'), '42501 | permission denied for table crm_contact_row', 'nor what they are made of');
SELECT matches(t.error('SELECT pql.export(''ann'')'), '^42501 ', 'not by a function');
SELECT matches(t.error('UPDATE pql.crm_contact SET email = NULL'), '^42501', 'and it writes nothing');
RESET ROLE;
-- every function there is, called by that role with arguments that mean something here: what it returns or says holds nothing of what it may not read
UPDATE pql.person SET full_name = 'Hidden ' || user_id, title = 'Hidden' WHERE user_id IN ('ann', 'bob');
INSERT INTO pql.list_entry (list, entry) VALUES ('test_accounts', 'hidden@x.example');
INSERT INTO pql.event (user_id, occurred_at, event, properties) VALUES ('ann', '2026-03-04 09:00', 'hidden_event', '{"hidden": "hidden"}');
CREATE FUNCTION t.argument(type oid) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT CASE type::regtype::text WHEN 'text' THEN '''ann''' WHEN 'text[]' THEN 'ARRAY[''ann'', ''trial'', ''pql.person'']' WHEN 'timestamp with time zone' THEN '''2026-03-05''' WHEN 'jsonb' THEN 'pql.read_model(''{"model": "m", "signals": [{"signal": "a", "days": "*", "at_least": 1, "points": 1}], "qualify": "a"}'')'
		WHEN 'regclass' THEN '''pql.person''' WHEN 'bigint' THEN '1' WHEN 'integer' THEN '1' WHEN 'boolean' THEN 'true' WHEN 'date' THEN '''2026-03-05''' WHEN 'double precision' THEN '1' WHEN 'interval' THEN '''1 day''' ELSE 'NULL::' || format_type(type, NULL) END
$$;
CREATE TABLE t.call AS
SELECT p.oid::regprocedure::text AS name, format('SELECT pg_catalog.string_agg(x::text, '' '') FROM pql.%I(%s) x', p.proname, (SELECT string_agg(CASE WHEN pass = 2 AND a.type = 'text'::regtype THEN '''trial''' WHEN pass = 3 AND a.type = 'text'::regtype THEN '''person''' ELSE t.argument(a.type) END, ', ' ORDER BY a.n)
	FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY a (type, n))) AS query
FROM pg_proc p, generate_series(1, 3) pass
WHERE p.pronamespace = 'pql'::regnamespace AND p.prokind = 'f' AND p.prorettype NOT IN ('trigger'::regtype, 'internal'::regtype) AND NOT 'internal'::regtype::oid = ANY (p.proargtypes::oid[]) AND NOT 'cstring'::regtype::oid = ANY (p.proargtypes::oid[]);
GRANT SELECT ON t.call TO PUBLIC;
CREATE FUNCTION t.answer(query text) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	result text;
BEGIN
	BEGIN
		EXECUTE query INTO result;
		RAISE EXCEPTION USING ERRCODE = 'XX999', MESSAGE = coalesce(result, '');
	EXCEPTION WHEN OTHERS THEN
		-- whatever it did is undone
		GET STACKED DIAGNOSTICS result = PG_EXCEPTION_DETAIL;
		RETURN SQLSTATE || ' ' || SQLERRM || ' ' || coalesce(result, '');
	END;
END
$$;
SET LOCAL client_min_messages = error;
SET ROLE t_sync;
CREATE TEMP TABLE told AS SELECT c.name, t.answer(c.query) AS said FROM t.call c;
RESET ROLE;
SELECT is_empty($$ SELECT name, left(said, 200) FROM told WHERE said ~* 'hidden' $$, 'no function tells it anything that it may not read');
SELECT cmp_ok((SELECT count(DISTINCT name) FROM told WHERE said ~ '^42501 '), '>=', 150::bigint, 'those that read are refused');
SELECT cmp_ok((SELECT count(DISTINCT name) FROM (SELECT c.name, t.answer(c.query) AS said FROM t.call c JOIN pg_proc p ON p.oid = c.name::regprocedure AND p.provolatile = 's') x WHERE said ~* 'hidden'), '>=', 5::bigint,
	'as they do tell who may');
SET LOCAL client_min_messages = warning;
SET ROLE t_sync;
SELECT lives_ok('CREATE TABLE census.snapshot AS SELECT user_id FROM pql.crm_contact; CREATE TABLE hightouch_planner.diff (k text)', 'a tool keeps its own tables where it may');
RESET ROLE;
-- what the extension gets later is not theirs by itself
CREATE TABLE pql.later (secret text);
CREATE FUNCTION pql.later() RETURNS text LANGUAGE sql AS 'SELECT 1::text';
REVOKE ALL ON FUNCTION pql.later() FROM PUBLIC;
SELECT is((SELECT count(*) FROM t.may('t_sync')), 4::bigint, 'what comes later is not given by itself');
DROP TABLE pql.later;
DROP FUNCTION pql.later();
-- columns that go and come
SELECT pql.put_model(pql.adapt('trial', '{"signals": {"invites": {"signal": "asked_in"}}}')) \g /dev/null
SELECT count(*) FROM pql.publish('trial', true) \g /dev/null
SELECT results_eq($$ SELECT t.may('t_sync') ORDER BY 1 $$, ARRAY['select crm_account', 'select crm_contact', 'select crm_task', 'usage schema pql'], 'a view made anew keeps its rights');
SELECT is(pql.revoke_from('sync', 't_sync'), true, 'taken back');
SELECT is(pql.revoke_from('sync', 't_sync'), false, 'once');
SELECT is_empty($$ SELECT t.may('t_sync') $$, 'nothing is left');
SELECT ok(NOT has_schema_privilege('t_sync', 'census', 'create') AND NOT has_schema_privilege('t_sync', 'hightouch_audit', 'usage'), 'schemas of tools are closed, too');

-- ---- reader ----

SELECT pql.grant_to('reader', 't_reader') \g /dev/null
SELECT is_empty($$ SELECT m FROM t.may('t_reader') m WHERE m !~ '^(select|execute) ' AND m <> 'usage schema pql' $$, 'a reader has no right to write, to any relation, column or sequence');
SELECT is_empty($$ SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'pql'::regnamespace AND has_function_privilege('t_reader', p.oid, 'execute') AND NOT has_function_privilege('public', p.oid, 'execute') AND (p.prosecdef OR p.provolatile = 'v' AND p.proname NOT IN ('health', 'unreadable_sources')) $$,
	'and no function that writes, or has more rights');
SELECT is_empty($$ SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'pql'::regnamespace AND c.relkind IN ('r', 'v') AND has_any_column_privilege('t_reader', c.oid, 'select')
	AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND a.attname IN ('email', 'full_name', 'payload', 'properties', 'attributes') AND has_column_privilege('t_reader', c.oid, a.attnum, 'select')) AND c.relname <> 'rep' $$,
	'nor names and e-mails of people');
SET ROLE t_reader;
SELECT ok((SELECT count(*) > 0 FROM pql.dashboard_pipeline), 'dashboards: pipeline');
SELECT ok((SELECT count(*) > 0 FROM pql.dashboard_conversion_at('2026-05-01')), 'conversion');
SELECT ok((SELECT count(*) > 0 FROM pql.dashboard_guardrails_at('2026-05-01')), 'guardrails');
SELECT lives_ok('SELECT * FROM pql.dashboard_playbook', 'playbook');
SELECT lives_ok('SELECT * FROM pql.dashboard_feedback_wide', 'feedback');
SELECT lives_ok('SELECT * FROM pql.cohort_funnel', 'funnel');
SELECT lives_ok($$ SELECT * FROM pql.dashboard_pipeline_at('2026-03-05') $$, 'of an earlier instant, from the log');
SELECT lives_ok('SELECT * FROM pql.weekly_review()', 'the weekly review');
SELECT lives_ok('SELECT * FROM pql.pilot_scorecard()', 'pilots');
SELECT matches(t.error('SELECT email FROM pql.person'), '^42501', 'people are not');
SELECT matches(t.error('SELECT * FROM pql.event'), '^42501', 'nor what they did');
SELECT matches(t.error($$ SELECT pql.claim(1, 'rep@sales.example') $$), '^42501', 'and it claims nothing');
SELECT matches(t.error($$ DELETE FROM pql.lead $$), '^42501', 'and deletes nothing');
RESET ROLE;

-- ---- operator ----

SELECT pql.grant_to('operator', 't_operator') \g /dev/null
SELECT is_empty($$ SELECT m FROM t.may('t_operator') m WHERE m !~ '^(select|execute) ' AND m <> 'usage schema pql' $$, 'an operator has no right to write to any relation, column or sequence');
SELECT is_empty($$ SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'pql'::regnamespace AND has_function_privilege('t_operator', p.oid, 'execute') AND NOT has_function_privilege('public', p.oid, 'execute') AND p.provolatile = 'v' AND NOT p.prosecdef AND p.proname NOT IN ('health', 'unreadable_sources') $$, 'and writes by functions of work only');
SELECT set_eq($$ SELECT p.proname::text FROM pg_proc p WHERE p.pronamespace = 'pql'::regnamespace AND p.prosecdef AND has_function_privilege('t_operator', p.oid, 'execute') $$,
	ARRAY['claim', 'release', 'reassign', 'log_touch', 'log_reply', 'log_meeting', 'set_disposition', 'log_conversion', 'opt_in', 'take_alerts', 'ack_alert', 'nack_alert', 'retry_alert', 'slack_claim', 'forgotten_hash'], 'which are these, and one that only reads');
SELECT is_empty($$ SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_roles o ON o.oid = p.proowner WHERE p.pronamespace = 'pql'::regnamespace AND p.prosecdef AND p.prorettype <> 'trigger'::regtype AND (o.rolname <> 'pql_owner' OR o.rolsuper
	OR NOT coalesce(p.proconfig @> ARRAY['search_path=pg_catalog, pg_temp'], false)) $$, 'all with the rights of pql_owner, who is no superuser, and a search_path of their own');
SET ROLE t_operator;
SELECT is((SELECT state FROM pql.claim(t.id('ann'), 'rep@sales.example', as_of => '2026-03-04 10:10')), 'claimed', 'claims');
SELECT is((SELECT touches FROM pql.log_touch(t.id('ann'), as_of => '2026-03-04 10:20')), 1, 'logs touches');
SELECT is((SELECT replied_at FROM pql.log_reply(t.id('ann'), 'unsubscribe', as_of => '2026-03-04 10:30')), '2026-03-04 10:30'::timestamptz, 'answers');
SELECT is((SELECT state FROM pql.log_meeting(t.id('bob'), meets_at => '2026-03-05', amount => 10, as_of => '2026-03-04 10:20')), 'meeting', 'meetings');
SELECT is((SELECT disposition FROM pql.set_disposition(t.id('ann'), 'disqualified', 'no', as_of => '2026-03-04 10:40')), 'disqualified', 'dispositions');
SELECT is((SELECT converted_at FROM pql.log_conversion(t.id('bob'), 'team', 50, as_of => '2026-03-04 10:50')), '2026-03-04 10:50'::timestamptz, 'conversions');
SELECT is((SELECT converted_at FROM pql.trial WHERE user_id = 'bob'), '2026-03-04 10:50'::timestamptz, 'with all that follows');
SELECT is((SELECT count(*) FROM pql.take_alerts('me', as_of => '2026-03-05 10:00')) > 0, true, 'takes alerts');
SELECT is(pql.opt_in('ann', '2026-03-05'), true, 'and opts people in');
SELECT lives_ok('SELECT * FROM pql.lead_context', 'it reads leads');
SELECT lives_ok('SELECT * FROM pql.next_actions', 'and what is to be done');
SELECT matches(t.error($$ INSERT INTO pql.lead_event (user_id, lead_id, event, occurred_at) VALUES ('ann', 1, 'outreach_sent', now()) $$), '^42501', 'but forges no event');
SELECT matches(t.error($$ UPDATE pql.lead SET rep = 'me' $$), '^42501', 'no lead');
SELECT matches(t.error($$ SELECT pql.save_lead(l) FROM pql.lead l $$), '^42501 . permission denied for table ', 'not by what functions of work are made of');
SELECT matches(t.error($$ SELECT pql.log_event(l, 'x', now()) FROM pql.lead l $$), '^42501 . permission denied for table ', 'either');
SELECT matches(t.error($$ SELECT pql.forget('ann') $$), '^42501', 'forgets nobody');
SELECT matches(t.error($$ SELECT pql.put_model(pql.model_text('trial')) $$), '^42501', 'and makes no models');
-- what stands before pg_catalog in their path, or in pg_temp, is nothing to functions with more rights
CREATE FUNCTION pg_temp.lower(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped'; END $$;
CREATE TEMP TABLE rep (email text);
SET search_path = pg_temp, pg_catalog;
SELECT t.error($$ SELECT pql.claim((SELECT max(lead_id) FROM pql.lead), 'rep@sales.example', as_of => '2026-03-05 11:00') $$) AS said \gset
RESET search_path;
SELECT doesnt_match(:'said'::text, 'trapped', 'nothing of the caller''s is run with the owner''s rights');
RESET ROLE;
SELECT is_empty('SELECT t.unlike_log()', 'leads are what their log says');

-- ---- admin ----

SELECT pql.grant_to('admin', 't_admin') \g /dev/null
SET ROLE t_admin;
SELECT lives_ok($$ SELECT pql.put_model(pql.adapt('trial', '{"signals": {"multi_day": {"points": 1}}}')) $$, 'models');
SELECT lives_ok($$ SELECT * FROM pql.publish('trial') $$, 'their columns');
SELECT lives_ok($$ SELECT * FROM pql.publish('playbook') $$, 'of any model');
SELECT lives_ok($$ SELECT t.refresh('2026-03-06 10:00') $$, 'refresh');
SELECT lives_ok($$ SELECT pql.pause('x', as_of => '2026-03-06'), pql.resume(as_of => '2026-03-06 12:00') $$, 'pauses');
SELECT lives_ok($$ SELECT * FROM pql.start_pilot('p', 'trial') $$, 'pilots');
SELECT lives_ok($$ INSERT INTO pql.rep (email) VALUES ('new@sales.example') $$, 'reps');
SELECT lives_ok($$ SELECT * FROM pql.health() $$, 'health');
SELECT matches(t.error($$ CREATE TABLE pql.mine (x int) $$), '^42501', 'but makes nothing in the schema');
SELECT matches(t.error($$ SELECT * FROM pql.grant_to('admin', 't_stranger') $$), '^42501', 'and hands nothing on');
RESET ROLE;
SELECT ok((SELECT count(*) = 1 FROM pg_attribute WHERE attrelid = 'pql.crm_contact'::regclass AND attname = 'met_premium_features'), 'columns were made, though only the owner can make views');
SELECT is_empty($$ SELECT v.* FROM pql.verify('trial', '2026-03-06 10:00') v $$, 'what an admin''s refresh keeps is right');

SELECT * FROM finish();
ROLLBACK;
