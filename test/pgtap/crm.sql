-- Out to the CRM: rows of contacts, accounts and tasks, when they move, and the columns of signals.
--
--   pg_prove -d DB test/pgtap/crm.sql

BEGIN;
\ir lib/transaction.sql
\ir lib/leads.sql

-- ---- what the views promise to who reads them ----

SELECT is_empty($$
	SELECT a.attrelid::regclass, a.attname, a.atttypid::regtype FROM pg_attribute a
	WHERE a.attrelid IN ('pql.crm_contact'::regclass, 'pql.crm_account'::regclass, 'pql.crm_task'::regclass) AND a.attnum > 0
		AND a.atttypid NOT IN ('text'::regtype, 'int4'::regtype, 'float8'::regtype, 'bool'::regtype, 'date'::regtype, 'timestamptz'::regtype)$$, 'only types that drivers and CRMs agree on');
SELECT is_empty($$ SELECT c.relname FROM pg_class c WHERE c.relname IN ('crm_contact', 'crm_account', 'crm_task') AND c.relkind <> 'v' $$, 'views, which discovery by information_schema sees');
SELECT is((SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'pql' AND c.relname IN ('crm_contact', 'crm_account', 'crm_task')), 3::bigint, 'three of them');
SELECT is_empty($$ SELECT c.oid::regclass FROM pg_class c WHERE c.relname IN ('crm_contact', 'crm_account', 'crm_task') AND pg_get_viewdef(c.oid) ~* 'now|current_|clock|statement_t|localtime' $$, 'nothing in them looks at the clock');
SELECT is_empty($$
	SELECT 1 FROM pql.crm_contact LIMIT 0 $$, 'and they are empty to begin with');

-- Rows whose text is '', or whose key is NULL or there twice.
CREATE FUNCTION t.unfit() RETURNS SETOF text LANGUAGE sql STABLE AS $$
	SELECT v.name || ': ' || e.key FROM (
		SELECT 'contact' AS name, to_jsonb(c) AS r FROM pql.crm_contact c UNION ALL SELECT 'account', to_jsonb(a) FROM pql.crm_account a UNION ALL SELECT 'task', to_jsonb(k) FROM pql.crm_task k) v
		CROSS JOIN LATERAL jsonb_each(v.r) e WHERE jsonb_typeof(e.value) = 'string' AND btrim(e.value #>> '{}') = ''
	UNION ALL SELECT 'contact twice ' || user_id FROM pql.crm_contact GROUP BY user_id HAVING count(*) > 1 OR user_id IS NULL
	UNION ALL SELECT 'account twice ' || account_id FROM pql.crm_account GROUP BY account_id HAVING count(*) > 1 OR account_id IS NULL
	UNION ALL SELECT 'task twice ' || task_id FROM pql.crm_task GROUP BY task_id HAVING count(*) > 1 OR task_id IS NULL $$;

-- What is read now, and which rows differ from then: 'contact u1: status tier', and '!' where updated_at did not move, or moved for nothing.
CREATE TABLE t.seen (name text, key text, r jsonb, PRIMARY KEY (name, key));
-- not by views, on which columns could not be dropped
CREATE FUNCTION t.now() RETURNS TABLE (name text, key text, r jsonb) LANGUAGE plpgsql STABLE AS $$
BEGIN
	RETURN QUERY SELECT 'contact', c.user_id, jsonb_strip_nulls(to_jsonb(c)) FROM pql.crm_contact c
	UNION ALL SELECT 'account', a.account_id, jsonb_strip_nulls(to_jsonb(a)) FROM pql.crm_account a UNION ALL SELECT 'task', k.task_id, jsonb_strip_nulls(to_jsonb(k)) FROM pql.crm_task k;
END
$$;
CREATE FUNCTION t.moved() RETURNS SETOF text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	RETURN QUERY SELECT format('%s %s:%s%s', coalesce(n.name, s.name), coalesce(n.key, s.key),
			CASE WHEN s.key IS NULL THEN ' new' WHEN n.key IS NULL THEN ' vanished!' ELSE (SELECT string_agg(' ' || e, '' ORDER BY e COLLATE "C") FROM (SELECT jsonb_object_keys(n.r || s.r)) x (e) WHERE e <> 'updated_at' AND n.r -> e IS DISTINCT FROM s.r -> e) END,
			CASE WHEN (n.r - 'updated_at' IS DISTINCT FROM s.r - 'updated_at') <> (n.r -> 'updated_at' IS DISTINCT FROM s.r -> 'updated_at') OR (n.r ->> 'updated_at')::timestamptz < (s.r ->> 'updated_at')::timestamptz THEN '!' END)
		FROM t.now() n FULL JOIN t.seen s ON s.name = n.name AND s.key = n.key
		WHERE n.r IS DISTINCT FROM s.r ORDER BY 1;
	TRUNCATE t.seen;
	INSERT INTO t.seen SELECT n.* FROM t.now() n;
END
$$;

-- ---- contacts, from nobody to paid ----

INSERT INTO pql.rep (email, name, team, crm_id) VALUES ('rep@sales.example', 'Rep', 'inside_sales', '0055');
SELECT pql.start_routing('trial', as_of => '2026-03-01') \g /dev/null
SELECT t.refresh('2026-03-02 08:00') \g /dev/null
SELECT is_empty('SELECT t.moved()', 'without data there is nothing');
INSERT INTO pql.person (user_id, email, full_name, title, attributes) VALUES ('lone', ' lone@x.example ', '', '  ', '{"department": "Sales", "signup_source": "ad"}');
SELECT t.refresh('2026-03-02 08:01') \g /dev/null
SELECT results_eq('SELECT t.moved()', ARRAY['contact lone: new'], 'a person whom no model judges');
SELECT results_eq($$ SELECT email, full_name, title, department, signup_source, status, score, tier, activated, signals_met, contactable, not_contactable_reason FROM pql.crm_contact $$,
	$$ VALUES ('lone@x.example', NULL::text, NULL::text, 'Sales', 'ad', 'unscored', NULL::int, NULL::text, NULL::bool, NULL::text, true, NULL::text) $$, 'is told of, without empty texts');
SELECT t.refresh('2026-03-02 08:02') \g /dev/null
SELECT is_empty('SELECT t.moved()', 'a refresh without news moves nothing');

SELECT t.qualify('ann', '2026-03-04 10:00', 'high', 'acme'), t.qualify('bob', '2026-03-04 11:00', 'medium', 'acme', 300) \g /dev/null
SELECT t.refresh('2026-03-04 12:00') \g /dev/null
SELECT results_eq('SELECT t.moved()', ARRAY['account acme: new', 'contact ann: new', 'contact bob: new', 'task lead-' || t.id('ann') || ': new', 'task lead-' || t.id('bob') || ': new'], 'two who qualify');
SELECT results_eq($$ SELECT email, full_name, account_id, model, status, score, tier, signals_met, activated, lead_state, key_features FROM pql.crm_contact WHERE user_id = 'ann' $$,
	$$ VALUES ('ann@acme.example', 'Ann Example', 'acme', 'trial', 'qualified', 8, 'high', 'activated;icp_fit;invites;integrations;multi_day', true, 'assigned', 'api_or_integration;integrations;invites;members_invited;multi_day') $$, 'with score, tier and signals');
SELECT matches((SELECT summary FROM pql.crm_contact WHERE user_id = 'ann'), 'connected warehouse', 'and the line that explains the lead');
SELECT is((SELECT last_active_on FROM pql.crm_contact WHERE user_id = 'ann'), '2026-03-04'::date, 'the last active day');
SELECT results_eq($$ SELECT users, ready_users, enterprise_requests, departments, growth_28d, pqa_score, pqa_tier, status FROM pql.crm_account $$,
	$$ VALUES (2, 2, 0, 0, NULL::float8, NULL::int, NULL::text, 'active') $$, 'the account counts them; growth from nothing is NULL, as is a PQA that nobody scores');
SELECT results_eq($$ SELECT user_id, subject, status, outcome, priority, owner_email, closed_at FROM pql.crm_task WHERE user_id = 'ann' $$,
	$$ VALUES ('ann', 'High: Ann Example', 'assigned', NULL::text, 'high', 'rep@sales.example', NULL::timestamptz) $$, 'a task for the lead');
SELECT is_empty('SELECT t.unfit()', 'no empty text, no key twice');

-- the day goes by: usage is counted once
SELECT t.refresh('2026-03-05 00:01') \g /dev/null
SELECT results_eq('SELECT t.moved()', ARRAY['account acme: usage_28d'], 'usage is counted once a day');
SELECT results_eq('SELECT users, active_users_28d, usage_28d, last_active_on FROM pql.crm_account', $$ VALUES (2, 2, 9, '2026-03-04'::date) $$, 'of the 28 days before');
SELECT t.refresh('2026-03-05 20:00') \g /dev/null
SELECT is_empty('SELECT t.moved()', 'and not again that day');

-- an event that changes nothing that is synced
INSERT INTO pql.event (user_id, occurred_at, event) VALUES ('ann', '2026-03-04 13:00', 'session_start');
SELECT t.refresh('2026-03-05 20:01') \g /dev/null
SELECT is_empty('SELECT t.moved()', 'another session on the same day is nothing to sync');
UPDATE pql.person SET full_name = full_name || ' ' WHERE user_id = 'ann';
SELECT t.refresh('2026-03-05 20:02') \g /dev/null
SELECT is_empty('SELECT t.moved()', 'nor is a blank');
UPDATE pql.person SET attributes = '{"department": "Data"}' WHERE user_id = 'ann';
UPDATE pql.account SET name = 'Acme Inc' WHERE account_id = 'acme';
SELECT t.refresh('2026-03-05 20:03') \g /dev/null
SELECT results_eq('SELECT t.moved()', ARRAY['account acme: departments name', 'contact ann: department'], 'a name and a department are');
INSERT INTO pql.account (account_id, name) VALUES ('empty', 'Nobody yet');
SELECT t.refresh('2026-03-05 20:04') \g /dev/null
SELECT results_eq('SELECT t.moved()', ARRAY['account empty: new'], 'an account without members has a row');
UPDATE pql.account SET employees = 9 WHERE account_id = 'empty';
SELECT t.refresh('2026-03-05 20:05') \g /dev/null
SELECT results_eq('SELECT t.moved()', ARRAY['account empty: employees'], 'which moves when it does');

-- ---- what reps do shows with the next refresh ----

SELECT pql.claim(t.id('ann'), 'rep@sales.example', as_of => '2026-03-05 21:00') \g /dev/null
SELECT is_empty('SELECT t.moved()', 'a claim moves nothing at once');
SELECT isnt_empty('SELECT FROM pql.crm_change', 'but is noted');
SELECT t.refresh('2026-03-05 21:01') \g /dev/null
SELECT results_eq('SELECT t.moved()', ARRAY['contact ann: lead_state', 'task lead-' || t.id('ann') || ': claimed_at status'], 'it does with the next refresh');
SELECT is_empty('SELECT FROM pql.crm_change', 'which takes the note away');
UPDATE pql.rep SET crm_id = '0056';
SELECT pql.log_touch(t.id('ann'), as_of => '2026-03-05 21:30'), pql.log_reply(t.id('ann'), 'unsubscribe', as_of => '2026-03-05 21:40') \g /dev/null
SELECT t.refresh('2026-03-05 21:41') \g /dev/null
SELECT results_eq('SELECT t.moved()', ARRAY['account acme: ready_users', 'contact ann: contactable exclusions lead_state not_contactable_reason status',
	'task lead-' || t.id('ann') || ': first_touched_at last_touched_at owner_crm_id replied_at status touches', 'task lead-' || t.id('bob') || ': owner_crm_id'], 'who unsubscribes');
SELECT results_eq($$ SELECT status, contactable, not_contactable_reason FROM pql.crm_contact WHERE user_id = 'ann' $$, $$ VALUES ('opted_out', false, 'opted_out') $$, 'is not to be contacted, and why');
SELECT pql.set_disposition(t.id('ann'), 'disqualified', 'unsubscribed', as_of => '2026-03-05 21:50') \g /dev/null
SELECT t.refresh('2026-03-05 21:51') \g /dev/null
SELECT results_eq($$ SELECT status, outcome, outcome_reason, closed_at FROM pql.crm_task WHERE user_id = 'ann' $$, $$ VALUES ('closed', 'disqualified', 'unsubscribed', '2026-03-05 21:50Z'::timestamptz) $$, 'a task closes with its disposition');
SELECT count(*) FROM t.moved() \g /dev/null

-- ---- rows stay ----

DELETE FROM pql.trial WHERE user_id = 'bob';
DELETE FROM pql.person WHERE user_id = 'bob';
DELETE FROM pql.person WHERE user_id = 'lone';
DELETE FROM pql.account WHERE account_id = 'empty';
SELECT t.refresh('2026-03-05 21:52') \g /dev/null
SELECT is_empty($$ SELECT m FROM t.moved() m WHERE m ~ '!' $$, 'nothing vanishes with who is deleted');
SELECT results_eq($$ SELECT user_id, email, status, score, contactable, not_contactable_reason FROM pql.crm_contact WHERE user_id IN ('bob', 'lone') ORDER BY 1 $$,
	$$ VALUES ('bob', 'bob@acme.example', 'deleted', NULL::int, false, 'deleted'), ('lone', 'lone@x.example', 'deleted', NULL, false, 'deleted') $$, 'status says so, and what the CRM knows them by stays');
SELECT results_eq($$ SELECT account_id, name, status, users FROM pql.crm_account ORDER BY 1 $$, $$ VALUES ('acme', 'Acme Inc', 'active', 1), ('empty', 'Nobody yet', 'deleted', 0) $$, 'so do accounts');
TRUNCATE pql.person;
SELECT t.refresh('2026-03-05 21:53') \g /dev/null
SELECT is_empty($$ SELECT m FROM t.moved() m WHERE m ~ '!' $$, 'nor with a truncate');

-- ---- time alone ----

INSERT INTO pql.account (account_id) VALUES ('grow');
INSERT INTO pql.person (user_id, email, account_id, signed_up_at) VALUES ('g1', 'a@g.example', 'grow', '2026-01-05 10:00'), ('g2', 'b@g.example', 'grow', '2026-01-05 11:00'), ('g3', 'c@g.example', 'grow', '2026-03-06 08:00'), ('g4', 'd@g.example', 'grow', '2026-03-09 08:00');
SELECT t.refresh('2026-03-07 00:00') \g /dev/null
SELECT is((SELECT growth_28d FROM pql.crm_account WHERE account_id = 'grow'), 0.5::float8, 'one came to two in 28 days; who is to come does not count');
SELECT count(*) FROM t.moved() \g /dev/null
SELECT t.refresh('2026-03-08 23:59') \g /dev/null
SELECT is_empty($$ SELECT m FROM t.moved() m WHERE m ~ 'growth' $$, 'growth does not drift');
SELECT t.refresh('2026-03-09 00:00') \g /dev/null
SELECT is((SELECT growth_28d FROM pql.crm_account WHERE account_id = 'grow'), 1::float8, 'it moves on the day on which one came');
SELECT t.refresh('2026-04-02 23:59') \g /dev/null
SELECT is((SELECT growth_28d FROM pql.crm_account WHERE account_id = 'grow'), 1::float8, 'and stays');
SELECT t.refresh('2026-04-03 00:00') \g /dev/null
SELECT is((SELECT growth_28d FROM pql.crm_account WHERE account_id = 'grow'), (1.0 / 3)::float8, 'until 28 days are over');
SELECT t.refresh('2026-04-06 00:00') \g /dev/null
SELECT is((SELECT growth_28d FROM pql.crm_account WHERE account_id = 'grow'), 0::float8, 'for all');
UPDATE pql.person SET opted_out_at = '2026-04-08 12:00' WHERE user_id = 'g1';
UPDATE pql.person SET signed_up_at = 'infinity' WHERE user_id = 'g2';
UPDATE pql.person SET signed_up_at = '200000-01-01', email = 'no address; at all' WHERE user_id = 'g3';
SELECT t.refresh('2026-04-08 11:59') \g /dev/null
SELECT ok((SELECT contactable FROM pql.crm_contact WHERE user_id = 'g1'), 'who opts out in the future may be written to');
SELECT is((SELECT signed_up_at FROM pql.crm_contact WHERE user_id = 'g3'), NULL, 'an instant that no CRM could hold is none');
SELECT t.refresh('2026-04-08 12:00') \g /dev/null
SELECT ok(NOT (SELECT contactable FROM pql.crm_contact WHERE user_id = 'g1'), 'until then');

-- ---- the control arm ----

SELECT pql.stop_routing('trial') \g /dev/null
SELECT pql.start_routing('trial', 0.5, as_of => '2026-04-13 00:00') \g /dev/null
SELECT t.qualify('q' || n, '2026-04-15 10:00', 'medium', 'q-co' || n) FROM generate_series(1, 12) n \g /dev/null
SELECT t.refresh('2026-04-15 10:01') \g /dev/null
SELECT cmp_ok((SELECT count(*) FROM pql.lead WHERE state = 'control'), '>', 0::bigint, 'some are held out');
SELECT is_empty($$ SELECT c.user_id FROM pql.crm_contact c JOIN pql.lead l USING (user_id) WHERE l.state = 'control' AND (c.tier IS NOT NULL OR c.lead_state IS NOT NULL OR c.contactable) $$, 'the CRM does not know their tier');
SELECT is_empty($$ SELECT k.task_id FROM pql.crm_task k JOIN pql.lead l ON k.task_id = 'lead-' || l.lead_id WHERE l.state = 'control' $$, 'nor has it a task for them');
SELECT is_empty($$ SELECT l.lead_id FROM pql.lead l WHERE l.user_id LIKE 'q%' AND l.state <> 'control' AND NOT EXISTS (SELECT FROM pql.crm_task k WHERE k.task_id = 'lead-' || l.lead_id) $$, 'as it has for the others');
SELECT pql.stop_routing('trial') \g /dev/null
SELECT t.qualify('late', '2026-04-15 12:00', 'medium', 'q-late') \g /dev/null
UPDATE pql.lead SET next_at = next_at \g /dev/null
-- as between two batches: found, and not yet drawn
SELECT t.refresh('2026-04-15 12:01') \g /dev/null
UPDATE pql.lead SET next_at = '2026-04-15 12:02', state = 'not_routed', reason = NULL WHERE user_id = 'late';
DELETE FROM pql.crm_task_row WHERE user_id = 'late';
SELECT pql.write_crm('2026-04-15 12:01') \g /dev/null
SELECT is((SELECT count(*) FROM pql.crm_task WHERE user_id = 'late'), 0::bigint, 'a lead that may still be held out has no task');
SELECT is((SELECT tier FROM pql.crm_contact WHERE user_id = 'late'), NULL, 'nor a tier');

-- ---- publications ----

SELECT is_empty($$ SELECT updated_at FROM pql.crm_contact UNION ALL SELECT updated_at FROM pql.crm_account UNION ALL SELECT updated_at FROM pql.crm_task EXCEPT ALL SELECT updated_at FROM (
	SELECT updated_at FROM pql.crm_contact UNION ALL SELECT updated_at FROM pql.crm_account UNION ALL SELECT updated_at FROM pql.crm_task) x WHERE updated_at <= (SELECT published_at FROM pql.crm_publication) $$, 'no row is later than the last publication');
UPDATE pql.crm_publication SET published_at = '2100-01-01';
UPDATE pql.person SET title = 'Boss' WHERE user_id = 'g1';
SELECT t.refresh('2026-04-15 12:10') \g /dev/null
SELECT is((SELECT updated_at FROM pql.crm_contact WHERE user_id = 'g1'), '2100-01-01'::timestamptz + interval '1 microsecond', 'a clock that is set back does not set rows back');

-- ---- columns of signals ----

CREATE FUNCTION t.columns(of_view text DEFAULT 'pql.crm_contact') RETURNS text LANGUAGE sql STABLE AS $$
	SELECT string_agg(a.attname, ' ' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = of_view::regclass AND a.attnum > 0 AND a.attname LIKE 'met\_%' $$;
SELECT count(*) FROM t.moved() \g /dev/null
SELECT is(t.columns(), NULL, 'none, until they are asked for');
SELECT results_eq($$ SELECT * FROM pql.publish('trial') $$, $$ VALUES ('pql.crm_contact', 'met_activated', 'activated', 'added'), ('pql.crm_contact', 'met_icp_fit', 'icp_fit', 'added'), ('pql.crm_contact', 'met_invites', 'invites', 'added'),
	('pql.crm_contact', 'met_integrations', 'integrations', 'added'), ('pql.crm_contact', 'met_billing_views', 'billing_views', 'added'), ('pql.crm_contact', 'met_multi_day', 'multi_day', 'added') $$, 'one for each signal');
SELECT is(t.columns(), 'met_activated met_icp_fit met_invites met_integrations met_billing_views met_multi_day', 'at the view''s end');
SELECT is_empty($$ SELECT m FROM t.moved() m WHERE m ~ '!' $$, 'what is told of signals moves updated_at');
SELECT results_eq($$ SELECT met_activated, met_invites, met_billing_views, met_multi_day FROM pql.crm_contact WHERE user_id = 'ann' $$, $$ VALUES (true, true, false, true) $$, 'met or not');
SELECT results_eq($$ SELECT met_activated, met_invites FROM pql.crm_contact WHERE user_id = 'lone' $$, $$ VALUES (NULL::bool, NULL::bool) $$, 'NULL where nothing is known');
SELECT results_eq($$ SELECT action, count(*) FROM pql.publish('trial') GROUP BY 1 $$, $$ VALUES ('kept', 6::bigint) $$, 'again: nothing to do');
SELECT is_empty('SELECT t.moved()', 'and nothing moves');
SELECT is_empty($$ SELECT c.user_id FROM pql.crm_contact c WHERE met_invites IS DISTINCT FROM CASE WHEN c.model IS NOT NULL THEN ';' || c.signals_met || ';' LIKE '%;invites;%' END
	AND NOT (met_invites IS FALSE AND c.signals_met IS NULL) $$, 'they say what signals_met says');

-- what depends on the view, and who may read it
CREATE ROLE t_sync;
GRANT SELECT ON pql.crm_contact TO t_sync;
GRANT SELECT (user_id, email) ON pql.crm_contact TO PUBLIC;
COMMENT ON COLUMN pql.crm_contact.email IS 'our comment';
CREATE VIEW t.mine AS SELECT user_id, met_invites FROM pql.crm_contact;
-- the signals of the model change
SELECT pql.put_model(pql.adapt('trial', '{"signals": {"invites": {"signal": "asked_in"}}}')) \g /dev/null
SELECT t.refresh('2026-04-15 12:20') \g /dev/null
SELECT results_eq('SELECT * FROM pql.unpublished_signals()', $$ VALUES ('trial', 'asked_in', 'has no column'), ('trial', 'invites', 'is not in the model any more') $$, 'a model that has changed is noticed');
SELECT results_eq($$ SELECT check_name, status, found, hint FROM pql.health() WHERE check_name LIKE 'crm%' $$,
	$$ VALUES ('crm', 'warn', 'model trial: signal asked_in has no column; signal invites is not in the model any more', 'SELECT * FROM pql.publish(''trial'');') $$, 'by health, too');
SELECT count(*) FROM t.moved() \g /dev/null
SELECT results_eq($$ SELECT signal, column_name, action FROM pql.publish('trial') WHERE action <> 'kept' $$, $$ VALUES ('invites', 'met_invites', 'retired: NULL from now on'), ('asked_in', 'met_asked_in', 'added') $$, 'published again');
SELECT is(t.columns(), 'met_activated met_icp_fit met_invites met_integrations met_billing_views met_multi_day met_asked_in', 'columns keep their places');
SELECT results_eq($$ SELECT met_invites, met_asked_in FROM pql.crm_contact WHERE user_id = 'ann' $$, $$ VALUES (NULL::bool, true) $$, 'the old one is NULL');
SELECT is_empty($$ SELECT m FROM t.moved() m WHERE m ~ '!' $$, 'which moves updated_at as well');
SELECT is((SELECT count(*) FROM t.mine), (SELECT count(*) FROM pql.crm_contact), 'and what depends on the view is there');
SELECT is_empty('SELECT * FROM pql.unpublished_signals()', 'all is published');
SELECT t.refresh('2026-04-15 12:21') \g /dev/null
SELECT is_empty('SELECT t.moved()', 'and a refresh says the same');

SELECT is(t.error($$ SELECT * FROM pql.publish('trial', drop_old => true) $$),
	'2BP01 | columns of pql.crm_contact cannot be dropped | Used by t.mine. | Drop these first and make them anew afterwards, or leave the old columns: they are NULL.', 'none is dropped under a view that depends on it');
SELECT is(t.columns(), 'met_activated met_icp_fit met_invites met_integrations met_billing_views met_multi_day met_asked_in', 'nothing has happened then');
DROP VIEW t.mine;
CREATE FUNCTION t.of_row(pql.crm_contact) RETURNS text LANGUAGE sql AS 'SELECT $1.user_id';
SELECT matches(t.error($$ SELECT * FROM pql.publish('trial', drop_old => true) $$), 'Used by function t.of_row', 'nor under a function of its row type');
DROP FUNCTION t.of_row;
SELECT results_eq($$ SELECT signal, column_name, action FROM pql.publish('trial', drop_old => true) WHERE action <> 'kept' $$, $$ VALUES ('invites', 'met_invites', 'dropped') $$, 'else it is');
SELECT is(t.columns(), 'met_activated met_icp_fit met_integrations met_billing_views met_multi_day met_asked_in', 'the view is made anew without it');
SELECT is_empty('SELECT t.moved()', 'which moves nothing, for the column was NULL');
SELECT ok(has_table_privilege('t_sync', 'pql.crm_contact', 'select'), 'rights are as they were');
SELECT ok(has_column_privilege('public', 'pql.crm_contact', 'email', 'select') AND NOT has_column_privilege('public', 'pql.crm_contact', 'title', 'select'), 'column by column');
SELECT is(col_description('pql.crm_contact'::regclass, 2), 'our comment', 'and comments');
SELECT isnt(obj_description('pql.crm_contact'::regclass), NULL, 'of the view, too');
SELECT ok(EXISTS (SELECT FROM pg_depend d WHERE d.objid = 'pql.crm_contact'::regclass AND d.deptype = 'e'), 'it is the extension''s still');
SELECT ok(NOT EXISTS (SELECT FROM pg_init_privs i WHERE i.objoid = 'pql.crm_contact'::regclass AND i.initprivs::text ~ 't_sync'), 'and its rights are not taken for the extension''s own, so that a dump has them');
SELECT results_eq($$ SELECT user_id, met_asked_in FROM pql.crm_contact WHERE user_id = 'ann' $$, $$ VALUES ('ann', true) $$, 'positions stay');
SELECT pql.activate_model('trial', 1) \g /dev/null
SELECT t.refresh('2026-04-15 12:22') \g /dev/null
SELECT results_eq($$ SELECT signal, column_name, action FROM pql.publish('trial') WHERE action <> 'kept' $$, $$ VALUES ('asked_in', 'met_asked_in', 'retired: NULL from now on'), ('invites', 'met_invites', 'added') $$, 'one that comes back after it was dropped is new');
SELECT pql.activate_model('trial', 2) \g /dev/null
SELECT results_eq($$ SELECT signal, column_name, action FROM pql.publish('trial') WHERE action <> 'kept' $$, $$ VALUES ('invites', 'met_invites', 'retired: NULL from now on'), ('asked_in', 'met_asked_in', 'filled again') $$, 'one that was only retired is filled again');
SELECT pql.activate_model('trial', 1) \g /dev/null
SELECT count(*) FROM pql.publish('trial') \g /dev/null
SELECT t.refresh('2026-04-15 12:23') \g /dev/null

-- names that no column could have, or two would
SELECT pql.put_model(jsonb_build_object('model', 'odd_names', 'unit', 'user', 'signals', (
	SELECT jsonb_agg(jsonb_build_object('signal', s, 'count', '*', 'at_least', n, 'points', 1)) FROM unnest(ARRAY['invites', 'a', 'order', 'a__b', 'a_b', left(repeat('very_long_', 12), 62) || 'a', left(repeat('very_long_', 12), 62) || 'b']) WITH ORDINALITY u (s, n)),
	'tiers', '[{"tier": "top", "when": {"score": {"at_least": 2}}}]'::jsonb, 'qualify', '{"tier": {"at_least": "top"}}'::jsonb)) \g /dev/null
SELECT t.refresh('2026-04-15 12:24') \g /dev/null
SELECT is((SELECT count(*) FROM pql.publish('odd_names') p WHERE p.action = 'added'), 7::bigint, 'signals of any name');
SELECT is_empty($$ SELECT c.column_name FROM pql.crm_column c WHERE c.column_name !~ '^met_[a-z0-9_]+$' OR octet_length(c.column_name) > 63 $$, 'get names that need no quotes');
SELECT is((SELECT count(DISTINCT c.column_name) FROM pql.crm_column c WHERE c.model = 'odd_names'), 7::bigint, 'each its own');
SELECT is_empty($$ SELECT c.column_name FROM pql.crm_column c WHERE c.model = 'odd_names' AND c.column_name NOT IN (SELECT a.attname FROM pg_attribute a WHERE a.attrelid = 'pql.crm_contact'::regclass) $$, 'and are in the view');
SELECT ok((SELECT met_invites AND met_odd_names_invites FROM pql.crm_contact WHERE user_id = 'ann'), 'a signal that two models name alike has two columns');
SELECT is((SELECT count(*) FROM pql.crm_contact WHERE signals_met ~ '""'), 0::bigint, 'and nothing is escaped in what is joined');
SELECT is(t.error($$ SELECT * FROM pql.publish('nosuch') $$), format('42704 | model "nosuch" is not active | Active are %s. | Only what refresh keeps verdicts of can be published.', (SELECT string_agg(model, ', ' ORDER BY model) FROM pql.active_model)), 'an unknown model');
SELECT matches(t.error('SELECT * FROM pql.publish(NULL)'), '^42704 . model "NULL" is not active', 'or none');
SELECT pql.deactivate_model('odd_names') \g /dev/null
SELECT is((SELECT count(*) FROM pql.publish('odd_names', true) p WHERE p.action = 'dropped'), 7::bigint, 'those of a model that was set aside can be dropped');
SELECT matches(t.error($$ INSERT INTO pql.crm_column (object, position, column_name, model, signal) VALUES ('contact', 99, 'met_"x', 'm', 's') $$), '^23514', 'no column of another name can be made');

-- models of accounts
SELECT pql.activate_model('account', 1) \g /dev/null
SELECT t.refresh('2026-04-15 12:25') \g /dev/null
SELECT s.account_id AS of FROM pql.score_all('account', '2026-04-15 12:25') s ORDER BY s.score DESC, 1 LIMIT 1 \gset pqa_
SELECT results_eq($$ SELECT model, pqa_score, pqa_tier, pqa_status, signals_met FROM pql.crm_account WHERE pqa_status IS NOT NULL ORDER BY account_id $$,
	$$ SELECT 'account'::text, s.score, s.tier, s.status, nullif(array_to_string(s.signals, ';'), '') FROM pql.score_all('account', '2026-04-15 12:25') s ORDER BY s.account_id $$, 'verdicts on accounts are rows of pql.crm_account');
SELECT set_eq($$ SELECT column_name::text, action FROM pql.publish('account') $$, $$ SELECT 'met_' || x.signal AS column_name, 'added' AS action FROM pql.model_signals(pql.model('account')) x $$, 'and their signals columns of it');
SELECT is((SELECT r.met_members_score FROM pql.crm_account r WHERE r.account_id = :'pqa_of'), (SELECT 'members_score' = ANY (s.signals) FROM pql.score s WHERE s.user_id = 'account:' || :'pqa_of' AND s.model = 'account'), 'which say what is met');
SELECT is((SELECT count(*) FROM pql.crm_contact WHERE user_id LIKE 'account:%'), 0::bigint, 'no contact comes of it');
SELECT count(*) FROM t.moved() \g /dev/null
SELECT pql.put_model(pql.adapt('account', '{"signals": {"company_size": {"bands": [{"at_least": 1, "points": 77}]}}}')) \g /dev/null
SELECT t.refresh('2026-04-15 12:26') \g /dev/null
SELECT cmp_ok((SELECT count(*) FROM t.moved() m WHERE m ~ '^account .*: (met_company_size )?pqa_score'), '>=', 1::bigint, 'a verdict on an account that changes is published');
-- a lead of an account
INSERT INTO pql.lead (user_id, model, started_at, account_id, version, status, state, reason, score, tier, triggered_at, late, backfilled) VALUES ('account:' || :'pqa_of', 'account', '-infinity', :'pqa_of', 1, 'qualified', 'assigned', 'team', 90, 'mid_market', '2026-04-15', false, false);
SELECT pql.write_crm('2026-04-15 12:27') \g /dev/null
SELECT is((SELECT ROW(user_id, account_id, subject)::text FROM pql.crm_task WHERE model = 'account' AND score = 90), (SELECT ROW(NULL::text, a.account_id, 'Mid Market: ' || coalesce(a.name, a.domain, a.account_id))::text FROM pql.account a WHERE a.account_id = :'pqa_of'), 'is a task of the company, and of nobody in particular');
SELECT pql.deactivate_model('account') \g /dev/null
SELECT pql.write_crm('2026-04-15 12:28') \g /dev/null
SELECT is((SELECT count(pqa_score) FROM pql.crm_account), 0::bigint, 'a model that is set aside says nothing any more');
SELECT min(model) AS by FROM pql.crm_contact \gset told_
SELECT pql.deactivate_model(:'told_by') \g /dev/null
SELECT t.refresh('2026-04-15 12:29') \g /dev/null
SELECT is((SELECT count(*) FROM pql.crm_contact WHERE model = :'told_by'), 0::bigint, 'nor does one of users, of those to whom nothing happened either');
-- who is noted by name comes with everybody, and not once more
INSERT INTO pql.crm_change (user_id) SELECT p.user_id FROM pql.person p ORDER BY p.user_id LIMIT 3;
SELECT pql.write_crm('2026-04-15 12:40', most_users => 1) \g /dev/null
SELECT is((SELECT count(*) FROM pql.crm_change), 2::bigint, 'some at a time');
INSERT INTO pql.crm_change DEFAULT VALUES;
SELECT pql.write_crm('2026-04-15 12:41', most_users => 1) \g /dev/null
SELECT is((SELECT count(*) FROM pql.crm_change), 0::bigint, 'or everybody at once');
SELECT is_empty('SELECT t.unfit()', 'no empty text, no key twice, to the end');

SELECT * FROM finish();
ROLLBACK;
