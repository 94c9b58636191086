-- Do-not-contact lists, what is held of a person, and forgetting one.
--
--   pg_prove -d DB test/pgtap/privacy.sql

BEGIN;
\ir lib/transaction.sql
\ir lib/leads.sql

-- ---- the register names every table that holds a person ----

SELECT is_empty($$
	SELECT format('%s.%s', c.relname, a.attname) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
	WHERE c.relnamespace = 'pql'::regnamespace AND c.relkind IN ('r', 'p', 'm')
		AND a.atttypid IN ('text'::regtype, 'varchar'::regtype, 'name'::regtype, 'jsonb'::regtype, 'text[]'::regtype)
		AND (a.attname ~ 'user_id|e_?mail|person|subject|visitor' OR a.attname IN ('entry', 'key', 'phone'))
		-- a count, a task's words that are brought in line with the row, and wording
		AND format('%s.%s', c.relname, a.attname) NOT IN ('crm_task_row.subject', 'template.subject')
		AND NOT EXISTS (SELECT FROM pql.personal_data() p WHERE p.relation = c.relname AND p.column_name = a.attname) ORDER BY 1$$, 'every column that names a person is known to pql.forget and pql.export');
SELECT is_empty($$ SELECT p.* FROM pql.personal_data() p WHERE NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = to_regclass('pql.' || p.relation) AND a.attname = p.column_name) $$, 'and those it names are there');

-- ---- lists ----

INSERT INTO pql.rep (email, name, team, daily_cap) VALUES ('rep@sales.example', 'Rep', 'inside_sales', 50);
SELECT pql.start_routing('trial', as_of => '2026-03-01') \g /dev/null
SELECT t.qualify(w, '2026-03-04 10:00', 'medium', c) FROM (VALUES ('ann', 'acme'), ('bob', 'acme'), ('cat', 'corp'), ('dan', 'sub.corp'), ('eve', 'else')) v (w, c) \g /dev/null
SELECT t.refresh('2026-03-04 10:05') \g /dev/null
SELECT is(t.stands('ann'), 'assigned segment rep', 'leads are at work');
SELECT is(pql.contact_barrier('ann', '2026-03-04 11:00'), NULL, 'anybody may be written to');
SELECT is(pql.suppress(' ANN@acme.example', reason => 'asked by letter', as_of => '2026-03-04 11:00'), 1, 'an address');
SELECT is(pql.contact_barrier('ann', '2026-03-04 11:00'), 'suppressed', 'nobody may write there');
SELECT is(pql.contact_barrier('ann', '2026-03-04 10:59'), NULL, 'from then on');
SELECT matches(t.error(format('SELECT pql.log_touch(%s, as_of => %L)', t.id('ann'), '2026-03-04 11:01')), '^23514 . nobody may write to the person of lead \d+: suppressed', 'a touch is refused at once');
SELECT t.refresh('2026-03-04 11:02') \g /dev/null
SELECT is((SELECT l.stop_reason FROM t.lead('ann') l), 'suppressed', 'and the sequence stopped by the next refresh');
SELECT is((SELECT exclusions FROM pql.score WHERE user_id = 'ann' AND model = 'trial'), '{suppressed}', 'models know: person.suppressed');
SELECT results_eq($$ SELECT contactable, not_contactable_reason, status FROM pql.crm_contact WHERE user_id = 'ann' $$, $$ VALUES (false, 'suppressed', 'suppressed') $$, 'and the CRM');
SELECT is_empty($$ SELECT v.* FROM pql.verify('trial', '2026-03-04 11:02') v $$, 'as judging from all events says');
SELECT is(pql.suppress('ann@acme.example', 'legal', as_of => '2026-03-04 11:03'), 1, 'on another list, too');
SELECT is(pql.unsuppress('ann@acme.example', 'do_not_contact', as_of => '2026-03-04 11:04'), 1, 'off one of them');
SELECT is(pql.contact_barrier('ann', '2026-03-04 11:05'), 'suppressed', 'the other holds');
SELECT is(pql.unsuppress('ann@acme.example', as_of => '2026-03-04 12:00'), 1, 'off all');
SELECT is(pql.unsuppress('ann@acme.example'), 0, 'once');
SELECT is(pql.contact_barrier('ann', '2026-03-04 12:00'), NULL, 'then one may write again');
SELECT t.refresh('2026-03-04 12:01') \g /dev/null
SELECT is((SELECT exclusions FROM pql.score WHERE user_id = 'ann' AND model = 'trial'), '{}', 'models know that as well');
SELECT is_empty($$ SELECT v.* FROM pql.verify('trial', '2026-03-04 12:01') v $$, 'as judging from all events says');
SELECT is((SELECT exclusions FROM pql.score_all('trial', '2026-03-04 11:30') WHERE user_id = 'ann'), '{suppressed}', 'looking back finds it as it was');

SELECT is(pql.suppress('corp.example', until => '2026-03-06', as_of => '2026-03-04 12:02'), 2, 'a domain, with what is below it, for two days');
SELECT results_eq($$ SELECT u, pql.contact_barrier(u, '2026-03-05') FROM unnest('{cat,dan,eve}'::text[]) u $$, $$ VALUES ('cat', 'suppressed'), ('dan', 'suppressed'), ('eve', NULL) $$, 'holds for all of them, and not for others');
SELECT t.refresh('2026-03-04 12:03') \g /dev/null
SELECT is((SELECT count(*) FROM pql.crm_contact WHERE status = 'suppressed'), 2::bigint, 'rows say so');
SELECT t.refresh('2026-03-06 00:00') \g /dev/null
SELECT is((SELECT count(*) FROM pql.crm_contact WHERE status = 'suppressed'), 0::bigint, 'until it ends, by itself');
SELECT is((SELECT exclusions FROM pql.score WHERE user_id = 'cat' AND model = 'trial'), '{}', 'for models, too');
SELECT is_empty($$ SELECT v.* FROM pql.verify('trial', '2026-03-06 00:00') v $$, 'as judging from all events says');
SELECT is(pql.suppress('acme', as_of => '2026-03-06 00:01'), 2, 'an account');
INSERT INTO pql.person (user_id, email, account_id) VALUES ('new', 'new@acme.example', 'acme'), ('free', 'free@else.example', 'else');
SELECT is(pql.contact_barrier('new', '2026-03-06 00:02'), 'suppressed', 'who comes later comes under it');
SELECT is((SELECT value FROM pql.fact WHERE subject = 'new' AND name = 'person.suppressed'), 'true', 'for models, too');
UPDATE pql.person SET account_id = 'acme' WHERE user_id = 'free';
SELECT is(pql.contact_barrier('free', now()), 'suppressed', 'as does who moves there');
SELECT is(pql.unsuppress('acme', kind => 'user'), 0, 'another kind is not meant');
SELECT is(pql.unsuppress('acme', as_of => '2026-03-06 00:03'), 1, 'off');
SELECT is(pql.suppress('bob', as_of => '2026-03-06 00:04'), 1, 'a user');
UPDATE pql.person SET suppressed_at = '2026-03-01' WHERE user_id = 'bob';
SELECT pql.unsuppress('bob', as_of => '2026-03-06 00:05') \g /dev/null
SELECT is(pql.contact_barrier('bob', '2026-03-06 00:06'), 'suppressed', 'what the CRM says of a person is not undone by a list');
SELECT t.refresh('2026-03-06 00:07') \g /dev/null
SELECT is((SELECT exclusions FROM pql.score WHERE user_id = 'bob' AND model = 'trial'), '{suppressed}', 'nor for models');
SELECT matches(t.error($$ SELECT pql.suppress('no such thing') $$), '^22023 . "no such thing" is no address, domain, user or account that is known', 'what is nothing that is known');
SELECT is(pql.suppress('to come', kind => 'user', as_of => '2026-03-06'), 1, 'may be said to be something');
SELECT matches(t.error($$ SELECT pql.suppress('x', kind => 'planet') $$), '^22023 . kind "planet"', 'but not anything');
SELECT matches(t.error($$ SELECT pql.suppress(NULL) $$), '^22023', 'NULL is an error');
SELECT matches(t.error($$ SELECT pql.suppress('ann', until => '2020-01-01') $$), '^22023 . until is over already', 'an end that is over');
INSERT INTO pql.account (account_id) VALUES ('ann');
SELECT is(t.error($$ SELECT pql.suppress('ann') $$), '42P08 | "ann" is a user and an account | Add kind => ''user'' or kind => ''account''.', 'two that are called the same');
DELETE FROM pql.account WHERE account_id = 'ann';
SELECT is(pql.contact_barrier(NULL), NULL, 'nobody is on no list');

-- ---- what is held ----

CREATE SCHEMA app;
CREATE TABLE app.user_table (id text, mail text);
INSERT INTO app.user_table VALUES ('gil', 'gil@acme.example'), ('hal', 'hal@acme.example');
SELECT count(*) FROM pql.connect('people', 'app.user_table', mapping => '{"user_id": "id", "email": "mail"}') \g /dev/null
CREATE TABLE app.clicks (uid text, at timestamptz, name text);
INSERT INTO app.clicks VALUES ('gil', '2026-03-05 09:00', 'session_start');
SELECT count(*) FROM pql.connect('events', 'app.clicks', mapping => '{"user_id": "uid", "occurred_at": "at", "event": "name"}') \g /dev/null
SELECT t.refresh('2026-03-06 08:00') \g /dev/null
SELECT t.qualify('fay', '2026-03-06 10:00', 'high', 'acme'), t.qualify('ida', '2026-03-06 10:00', 'high', 'acme') \g /dev/null
-- gil, who comes from a connected table, qualifies as well
INSERT INTO pql.trial (user_id, started_at) VALUES ('gil', '2026-03-04 09:00');
UPDATE pql.person SET account_id = 'acme', full_name = 'Gil "; DROP', attributes = '{"phone": "123"}' WHERE user_id = 'gil';
INSERT INTO pql.event (user_id, occurred_at, event, properties) VALUES ('gil', '2026-03-04 10:00', 'activation_complete', '{}'), ('gil', '2026-03-05 10:00', 'invite_sent', '{"invitee_email": "a@b.example"}'), ('gil', '2026-03-06 10:00', 'integration_connected', '{"integration_type": "warehouse"}');
INSERT INTO pql.survey (user_id, answered_at, kind, score) VALUES ('gil', '2026-03-06', 'nps', 9), ('ida', '2026-03-06', 'nps', 9);
INSERT INTO pql.deal (deal_id, user_id, account_id) VALUES ('d1', 'gil', 'acme'), ('d2', 'gil', NULL);
INSERT INTO pql.list_entry VALUES ('beta_testers', 'GIL@acme.example');
INSERT INTO pql.conversion (conversion_id, user_id, converted_at) VALUES ('old', 'gil', '2027-01-01');
SELECT pql.publish('trial') \g /dev/null
SELECT t.refresh('2026-03-06 10:01') \g /dev/null
SELECT pql.claim(t.id('gil'), 'rep@sales.example', 'click-1', '2026-03-06 10:02'), pql.log_touch(t.id('gil'), note => 'rang gil', as_of => '2026-03-06 10:03') \g /dev/null
UPDATE pql.person SET title = 'CTO' WHERE user_id = 'gil';
INSERT INTO pql.activity (activity_id, email, kind, occurred_at) VALUES ('A1', 'Gil@acme.example', 'touch', '2027-01-01'), ('A2', 'ida@acme.example', 'touch', '2027-01-01');
SELECT pql.suppress('gil', 'legal', 'a letter from gil', as_of => '2026-03-06 10:04') \g /dev/null
INSERT INTO pql.opt_out (user_id, opted_out_at, source) VALUES ('gil', '2026-03-06 10:05', 'reply');
SELECT t.refresh('2026-03-06 10:06') \g /dev/null
SELECT pql.link_identities('visitor', 'v-1', 'user', 'gil', 'signed_up'), pql.link_identities('email', 'gil@acme.example', 'lead', 'L1'), pql.link_identities('visitor', 'v-2', 'user', 'ida', 'signed_up') \g /dev/null
INSERT INTO pql.person_account (user_id, account_id, reason, kind, id, recorded_at, derived_at) VALUES ('gil', 'acme', 'domain', 'domain', 'acme.example', '2026-03-06', '2026-03-06');
INSERT INTO pql.identity_proposal (kind, a, b, score, reasons, proposed_at) VALUES ('user', 'gil', 'ida', 5, '{}', '2026-03-06');
CREATE TEMP TABLE had AS SELECT pql.export('gil') AS e;
SELECT set_eq($$ SELECT k COLLATE "default" FROM had, jsonb_object_keys(e) k $$,
	ARRAY['alert', 'activity', 'lead_event', 'lead', 'person', 'trial', 'event', 'conversion', 'survey', 'deal', 'fact', 'opt_out', 'list_entry', 'suppression', 'score', 'score_history', 'state', 'crm_contact_row', 'crm_task_row', 'crm_usage', 'connected', 'credit'], 'everything that is held, by table')
	WHERE false;
SELECT is_empty($$
	SELECT p.relation FROM pql.personal_data() p WHERE p.holds IN ('user', 'email', 'user or email', 'identifier', 'proposal') AND p.relation NOT IN ('change', 'crm_change', 'input_change', 'retention', 'credit', 'crm_usage') AND NOT (SELECT e ? p.relation FROM had) $$, 'what is held is exported, table by table');
SELECT is((SELECT e #>> '{person,0,full_name}' FROM had), 'Gil "; DROP', 'as it is');
SELECT is((SELECT e -> 'connected' FROM had), '{"app.clicks": 1, "app.user_table": 1}', 'with where else to look');
SELECT is((SELECT jsonb_array_length(e -> 'event') FROM had), 3, 'and no one else''s');
SELECT unalike((SELECT e::text FROM had), '%ida@%', 'nothing of others');
SELECT is(pql.export('nobody'), '{}', 'of nobody: nothing');
SELECT matches(t.error('SELECT pql.export(NULL)'), '^22004', 'NULL is an error');

-- ---- forgetting ----

-- Rows of pql's own tables in which a text is to be found, whatever the column.
CREATE FUNCTION t.found(words text) RETURNS SETOF text LANGUAGE plpgsql STABLE AS $$
DECLARE
	r text;
	n bigint;
BEGIN
	FOR r IN SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'pql'::regnamespace AND c.relkind = 'r' ORDER BY 1 LOOP
		EXECUTE format('SELECT count(*) FROM pql.%I x WHERE x::text ~* $1', r) INTO n USING words;
		IF n > 0 THEN
			RETURN NEXT format('%s: %s', r, n);
		END IF;
	END LOOP;
END
$$;
CREATE TEMP TABLE before AS SELECT (SELECT count(*) FROM pql.lead) AS leads, (SELECT count(*) FROM pql.lead_event) AS events, (SELECT count(*) FROM pql.crm_contact) AS contacts, (SELECT count(*) FROM pql.crm_task) AS tasks,
	(SELECT string_agg(d::text, E'\n' ORDER BY d::text) FROM (SELECT metric, period, numerator, denominator FROM pql.dashboard_pipeline_at('2026-03-06 10:06') WHERE metric ~ 'triggered|touch') d) AS pipeline, (SELECT max(published_at) FROM pql.crm_publication) AS published, t.id('gil') AS lead_id;
SELECT isnt_empty($$ SELECT t.found('\mgil\M') $$, 'he is everywhere');
CREATE TEMP TABLE report AS SELECT * FROM pql.forget('gil');
SELECT results_eq($$ SELECT relation, rows FROM report WHERE did ~ 'still there' ORDER BY 1 $$, $$ VALUES ('app.clicks', 1::bigint), ('app.user_table', 1) $$, 'it tells who still holds him');
SELECT results_eq($$ SELECT relation, rows, did FROM report WHERE relation IN ('pql.event', 'pql.person', 'pql.lead', 'pql.deal') ORDER BY 1, 3 $$,
	$$ VALUES ('pql.deal', 1::bigint, 'deleted'), ('pql.deal', 1, 'kept as the account''s'), ('pql.event', 3, 'deleted'), ('pql.lead', 1, 'kept for dashboards, of nobody and without words'), ('pql.person', 1, 'deleted') $$, 'and what was done, by table');
SELECT results_eq($$ SELECT t.found('\mgil\M') $$, ARRAY['crm_contact_row: 1'], 'he is nowhere but in the key of the row that empties the CRM');
SELECT results_eq($$ SELECT email, full_name, account_id, status, score, contactable, not_contactable_reason, met_invites, updated_at > (SELECT published FROM before) FROM pql.crm_contact WHERE user_id = 'gil' $$,
	$$ VALUES (NULL::text, NULL::text, NULL::text, 'forgotten', NULL::int, false, 'forgotten', NULL::bool, true) $$, 'which says nothing else, and has moved');
SELECT is((SELECT count(*) FROM app.user_table), 2::bigint, 'your own tables are not touched');
SELECT results_eq($$ SELECT (SELECT count(*) FROM pql.lead), (SELECT count(*) FROM pql.crm_task), (SELECT count(*) FROM pql.crm_contact) $$, $$ SELECT leads, tasks, contacts FROM before $$, 'leads, tasks and contacts are as many');
SELECT results_eq($$ SELECT user_id, subject, description, status, reason FROM pql.crm_task WHERE task_id = 'lead-' || (SELECT lead_id FROM before) $$, $$ VALUES (NULL::text, 'High: forgotten', NULL::text, 'closed', 'forgotten') $$, 'the task is nobody''s, and closed')
	WHERE (SELECT tier FROM pql.lead WHERE lead_id = (SELECT lead_id FROM before)) = 'high';
SELECT results_eq($$ SELECT user_id, description, status FROM pql.crm_task WHERE task_id = 'lead-' || (SELECT lead_id FROM before) $$, $$ VALUES (NULL::text, NULL::text, 'closed') $$, 'the task is nobody''s');
SELECT matches((SELECT user_id FROM pql.lead WHERE lead_id = (SELECT lead_id FROM before)), '^forgotten:[0-9a-f-]{36}$', 'the lead has a name by chance');
SELECT is((SELECT string_agg(d::text, E'\n' ORDER BY d::text) FROM (SELECT metric, period, numerator, denominator FROM pql.dashboard_pipeline_at('2026-03-06 10:06') WHERE metric ~ 'triggered|touch') d), (SELECT pipeline FROM before), 'dashboards count it as before');
SELECT is_empty('SELECT t.unlike_log()', 'leads are what their log says');
SELECT is((SELECT users FROM pql.crm_account WHERE account_id = 'acme'), (SELECT count(*)::int FROM pql.person WHERE account_id = 'acme'), 'the account counts one less');
SELECT is_empty($$ SELECT v.* FROM pql.verify('trial') v WHERE v.user_id <> 'gil' $$, 'and all others are judged as before');
SELECT lives_ok($$ SELECT * FROM pql.lead_context $$, 'views of leads live with it');
SELECT lives_ok($$ SELECT * FROM pql.next_actions $$, 'as do others');
-- a log is a log still
SELECT matches(t.error($$ UPDATE pql.lead_event SET details = '{}' $$), '^55000', 'nobody else changes what happened');
SELECT matches(t.error($$ UPDATE pql.lead_event SET user_id = 'forgotten:x', event = 'other', external_id = NULL $$), '^55000', 'nor calls it forgetting');

-- what is loaded again
SELECT t.refresh('2026-03-06 11:00') \g /dev/null
INSERT INTO app.clicks VALUES ('gil', '2026-03-06 10:30', 'session_start'), ('hal', '2026-03-06 10:30', 'session_start');
UPDATE app.user_table SET mail = mail || '.' WHERE true;
INSERT INTO pql.event (user_id, occurred_at, event) VALUES ('gil', '2026-03-06 10:31', 'session_start'), ('hal', '2026-03-06 10:31', 'session_start');
INSERT INTO pql.person (user_id, email) VALUES ('gil', 'gil@acme.example');
INSERT INTO pql.trial (user_id, started_at) VALUES ('gil', '2026-03-06 09:00');
INSERT INTO pql.deal (deal_id, user_id, account_id) VALUES ('d3', 'gil', 'acme');
INSERT INTO pql.survey (user_id, answered_at, kind, score) VALUES ('gil', '2026-03-07', 'nps', 9);
SELECT is((SELECT count(*) FROM pql.event WHERE user_id = 'gil') + (SELECT count(*) FROM pql.person WHERE user_id = 'gil') + (SELECT count(*) FROM pql.survey WHERE user_id = 'gil') + (SELECT count(*) FROM pql.trial WHERE user_id = 'gil'), 0::bigint, 'is thrown away at once');
SELECT is((SELECT count(*) FROM pql.event WHERE user_id = 'hal'), 1::bigint, 'and nothing of others');
SELECT results_eq($$ SELECT user_id, account_id FROM pql.deal WHERE deal_id = 'd3' $$, $$ VALUES (NULL::text, 'acme') $$, 'a company''s deal stays the company''s');
SELECT t.refresh('2026-03-06 12:00') \g /dev/null
SELECT results_eq($$ SELECT t.found('\mgil\M') $$, ARRAY['crm_contact_row: 1'], 'connected tables do not bring him back');
SELECT is((SELECT email FROM pql.person WHERE user_id = 'hal'), 'hal@acme.example.', 'as they bring others');
-- rows that came while he was being forgotten
ALTER TABLE pql.event DISABLE TRIGGER forgotten_stay_so;
INSERT INTO pql.event (user_id, occurred_at, event) VALUES ('gil', '2026-03-06 12:01', 'session_start');
ALTER TABLE pql.event ENABLE TRIGGER forgotten_stay_so;
SELECT t.refresh('2026-03-06 12:02') \g /dev/null
SELECT results_eq($$ SELECT t.found('\mgil\M') $$, ARRAY['crm_contact_row: 1'], 'nor does a race');
-- he did not want to be written to
INSERT INTO pql.person (user_id, email) VALUES ('gil2', 'GIL@acme.example');
SELECT is(pql.contact_barrier('gil2'), 'suppressed', 'his address is not to be written to, though nobody knows it any more');
SELECT is(pql.unsuppress('gil@acme.example'), 1, 'unless he says so');
SELECT is(pql.contact_barrier('gil2'), NULL, 'then it may');
DELETE FROM pql.person WHERE user_id = 'gil2';
SELECT lives_ok($$ SELECT * FROM pql.forget('gil') $$, 'again');
SELECT t.refresh('2026-04-05 10:05') \g /dev/null
SELECT is((SELECT count(*) FROM pql.crm_contact WHERE user_id = 'gil'), 1::bigint, 'for 30 days the row tells the CRM');
SELECT t.refresh('2026-04-05 10:06') \g /dev/null
SELECT is_empty($$ SELECT t.found('\mgil\M') $$, 'then that is gone, too');
SELECT is(pql.export('gil') - 'connected', '{}', 'nothing is held');

SELECT pql.link_identities('user', 'two', 'user', 'too', 'manual', 'test') \g /dev/null
INSERT INTO pql.person (user_id, email) VALUES ('too', 'two@two.example.com');
INSERT INTO pql.event (user_id, occurred_at, event) VALUES ('two', '2026-03-01', 'session_start'), ('too', '2026-03-01', 'session_start');
SELECT is(jsonb_array_length(pql.export('two') -> 'event') || ' ' || jsonb_array_length(pql.export('two') -> 'person'), '2 1', 'a person with two ids is told what is held under both');
SELECT results_eq($$ SELECT rows FROM pql.forget('two') WHERE relation IN ('pql.event', 'pql.forgotten') ORDER BY relation $$, ARRAY[2::bigint, 2], 'and is forgotten under both');
SELECT is(pql.export('too'), '{}', 'whichever is asked for');
SELECT lives_ok($$ SELECT * FROM pql.forget('ida', keep_key => '0') $$, 'for syncs that delete what vanishes');
SELECT is_empty($$ SELECT t.found('\mida\M') $$, 'the row goes at once');
SELECT matches(t.error($$ SELECT * FROM pql.forget(NULL) $$), '^22023 . there is nobody to forget', 'nobody');
SELECT matches(t.error($$ SELECT * FROM pql.forget('') $$), '^22023', 'or no name');
SELECT results_eq($$ SELECT relation FROM pql.forget('was never here') $$, ARRAY['pql.forgotten'], 'who was never here will not be');
SELECT is(pql.remember('gil'), true, 'a customer again');
SELECT is(pql.remember('gil'), false, 'once');
INSERT INTO pql.person (user_id, email) VALUES ('gil', 'gil@new.example');
SELECT t.refresh('2026-04-06 10:06') \g /dev/null
SELECT is((SELECT email FROM pql.crm_contact WHERE user_id = 'gil'), 'gil@new.example', 'is taken again');
-- shared addresses, and ids that are an account's, too
INSERT INTO pql.account (account_id, name) VALUES ('acme2', 'Acme Two'), ('zed', 'Zed Ltd');
INSERT INTO pql.person (user_id, email, account_id) VALUES ('zed', 'team@zed.example', 'zed'), ('zed2', 'team@zed.example', 'zed');
INSERT INTO pql.fact (subject, name, value) VALUES ('zed', 'account.employees', '5'), ('zed', 'person.title', '"Boss"');
INSERT INTO pql.list_entry VALUES ('test_accounts', 'team@zed.example');
SELECT pql.forget('zed') \g /dev/null
SELECT is((SELECT count(*) FROM pql.list_entry WHERE entry = 'team@zed.example'), 1::bigint, 'an address that is somebody else''s, too, is not only theirs');
SELECT results_eq($$ SELECT name FROM pql.fact WHERE subject = 'zed' $$, ARRAY['account.employees'], 'an account of the same id stays');
SELECT is((SELECT employees FROM pql.account WHERE account_id = 'zed'), 5, 'with its facts');

SELECT * FROM finish();
ROLLBACK;
