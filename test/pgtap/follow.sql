-- People, accounts, trials and conversions of connected tables: copied, kept in line by every refresh, and no more is written than has changed.
--
--   pg_prove -d DB test/pgtap/follow.sql

BEGIN;
\ir lib/transaction.sql

CREATE SCHEMA crm;

CREATE FUNCTION t.connect_error(input text, source text, mapping jsonb DEFAULT NULL, capture text DEFAULT NULL) RETURNS text
LANGUAGE sql VOLATILE AS $$ SELECT t.error(format('SELECT pql.connect(%L, %L, mapping => %L, capture => %L)', input, source, mapping, capture)) $$;
-- What pql.connect says of a word.
CREATE FUNCTION t.connect(input text, source text, mapping jsonb, capture text DEFAULT NULL, word text DEFAULT 'rows') RETURNS text
LANGUAGE sql VOLATILE AS $$
	SELECT string_agg(concat_ws(' - ', concat_ws(': ', c.status, nullif(c.found, '')), CASE WHEN word <> 'rows' THEN c.hint END), '; ' ORDER BY c.found)
	FROM pql.connect(input, source, mapping => mapping, capture => capture) c WHERE c.check_name = word $$;
CREATE FUNCTION t.people() RETURNS text LANGUAGE sql STABLE AS $$
	SELECT coalesce(string_agg(concat_ws(' ', p.user_id, coalesce(p.email, '-'), coalesce(p.title, '-'), coalesce(p.account_id, '-'), p.attributes), '; ' ORDER BY p.user_id), '') FROM pql.person p $$;
CREATE FUNCTION t.accounts() RETURNS text LANGUAGE sql STABLE AS $$
	SELECT coalesce(string_agg(concat_ws(' ', a.account_id, coalesce(a.name, '-'), coalesce(a.employees::text, '-')), '; ' ORDER BY a.account_id), '') FROM pql.account a $$;
CREATE FUNCTION t.trials() RETURNS text LANGUAGE sql STABLE AS $$
	SELECT coalesce(string_agg(concat_ws(' ', t.user_id, to_char(t.started_at, 'MM-DD HH24:MI'), coalesce(t.plan, '-'), coalesce(to_char(t.converted_at, 'MM-DD'), '-'), t.mrr), '; ' ORDER BY t.user_id, t.started_at), '') FROM pql.trial t $$;
CREATE FUNCTION t.facts(of_subject text, fact text) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT string_agg(concat_ws(' ', CASE WHEN isfinite(f.recorded_at) THEN to_char(f.recorded_at, 'YYYY-MM-DD') ELSE f.recorded_at::text END, f.value), '; ' ORDER BY f.recorded_at) FROM pql.fact f WHERE f.subject = of_subject AND f.name = fact $$;
CREATE FUNCTION t.count(query text) RETURNS bigint LANGUAGE plpgsql AS $$ DECLARE n bigint; BEGIN EXECUTE 'SELECT count(*) FROM ' || query INTO n; RETURN n; END $$;


-- What is refused -----------------------------------------------------------------------------------

CREATE TABLE crm.users (id int PRIMARY KEY, mail text, role varchar(50), company uuid, plan text, seats int, "born on" date, signed timestamp, unsubscribed boolean, extra jsonb, changed timestamptz, note text);
SELECT matches(t.connect_error('leads', 'crm.users'), '^22023 . there is no input "leads" to connect . Connect ''events'', ''people'', ''accounts'', ''trials'', ''conversions'', ''activities'', ''surveys'' or ''deals''', 'an input that there is not');
SELECT matches(t.connect_error('people', 'crm.user'), '^42P01 . there is no table "crm.user"', 'a table that is not there');
SELECT matches(t.connect_error('people', 'crm.users', '[]'), '^22023 . mapping is no JSON object . .*"user_id"', 'a mapping that is no object');
SELECT matches(t.connect_error('people', 'crm.users', '{"userid": "id"}'), '^22023 . mapping has an unknown key "userid" . Did you mean "user_id"', 'an unknown key');
SELECT matches(t.connect_error('people', 'crm.users', '{"occurred_at": "signed"}'), '^22023 . mapping has an unknown key "occurred_at" . Its keys are user_id, email, ', 'one of another input');
SELECT matches(t.connect_error('people', 'crm.users', '{"email": "mail"}'), '^22023 . mapping of crm.users does not say where user_id is . It has id integer, mail text, .*"born on" date, .* note text. . Add "user_id"', 'no key');
SELECT matches(t.connect_error('accounts', 'crm.users', '{"name": "mail"}'), '^22023 . mapping of crm.users does not say where account_id is', 'of accounts');
SELECT matches(t.connect_error('trials', 'crm.users', '{"user_id": "id"}'), '^22023 . mapping of crm.users does not say where started_at is', 'trials without a start');
SELECT matches(t.connect_error('conversions', 'crm.users', '{"converted_at": "changed"}'), '^22023 . mapping of crm.users does not say where user_id or account_id is .* Add "user_id"', 'conversions of nobody');
SELECT matches(t.connect_error('conversions', 'crm.users', '{"user_id": "id"}'), '^22023 . mapping of crm.users does not say where converted_at is', 'conversions at no time');
SELECT matches(t.connect_error('people', 'crm.users', '{"user_id": "ids"}'), '^42703 . source crm.users has no column "ids" .*Did you mean "id"', 'a column that is not there');
SELECT matches(t.connect_error('people', 'crm.users', '{"user_id": "id", "attributes": ["seat"]}'), '^42703 . source crm.users has no column "seat" .*Did you mean "seats"', 'among attributes');
SELECT matches(t.connect_error('people', 'crm.users', '{"user_id": "id", "attributes": "seats"}'), '^42804 . column "seats" of crm.users has no JSON . .*"attributes": \["column"\]', 'attributes that are no JSON');
SELECT matches(t.connect_error('people', 'crm.users', '{"user_id": "id", "signed_up_at": "signed"}'), '^22023 . column "signed" of crm.users has times without a zone . .*"timezone"', 'times without a zone');
SELECT matches(t.connect_error('people', 'crm.users', '{"user_id": "id", "signed_up_at": "born on"}'), '^22023 . column "born on" of crm.users has times without a zone', 'days');
SELECT matches(t.connect_error('people', 'crm.users', '{"user_id": "id", "opted_out_at": "unsubscribed"}'), '^42804 . column "unsubscribed" of crm.users has no times . It is of type boolean. . .*opted_out_at', 'flags as times');
SELECT matches(t.connect_error('accounts', 'crm.users', '{"account_id": "company", "employees": "unsubscribed"}'), '^42804 . column "unsubscribed" of crm.users has no numbers . It is of type boolean. . .*employees', 'flags as numbers');
SELECT matches(t.connect_error('people', 'crm.users', '{"user_id": "id", "timezone": "Mars"}'), '^22023 . "Mars" is no timezone', 'a zone that is not there');
SELECT matches(t.connect_error('people', 'crm.users', '{"user_id": "id"}', 'cursor'), '^22023 . mapping of crm.users does not say where updated_at is, which capture by cursor goes by . .*updated last', 'a cursor needs times of updates');
SELECT matches(t.connect_error('people', 'crm.users', '{"user_id": "id"}', 'magic'), '^22023 . there is no capture "magic" . .*later updated_at', 'a capture that there is not');
SELECT matches(t.connect_error('people', 'pql.person'), '^22023 . pql.person cannot be connected . .*copied into', 'what is copied into');
CREATE VIEW crm.seen AS SELECT * FROM crm.users;
SELECT matches(t.connect_error('people', 'crm.seen', '{"user_id": "id"}', 'trigger'), '^42809 . crm.seen can have no triggers . Only tables have them. . .*updated.*mark_dirty with the users whose rows', 'a view has no triggers');
INSERT INTO crm.users (id, note) VALUES (1, '1,5'), (2, '3');
SELECT is(t.connect_error('accounts', 'crm.users', '{"account_id": "id", "employees": "note"}'),
	'22P02 | column "note" of crm.users cannot be read as employees | invalid input syntax for type numeric: "1,5" | Mend the value, or map another column, or none, with pql.connect(''accounts'', ''crm.users'', mapping => …).', 'a value that is no number');
SELECT matches(t.connect_error('people', 'crm.users', '{"user_id": "id", "paid_at": "note"}'), '^22007 . column "note" of crm.users cannot be read as paid_at . ', 'nor a time');
SELECT is_empty($$SELECT FROM pql.source$$, 'nothing of that was connected');
SELECT is(t.count('pg_trigger WHERE tgrelid = $$crm.users$$::regclass'), 0::bigint, 'and no trigger was left');
SELECT matches(t.error($$SELECT pql.disconnect('people', 'crm.users')$$), '^42704 . crm.users is not connected as people', 'nor can it be disconnected');
DELETE FROM crm.users;


-- Types ---------------------------------------------------------------------------------------------

CREATE TABLE crm.types (account uuid, size text, body json, big numeric, since date, said text, id bigint);
INSERT INTO crm.types VALUES ('00000000-0000-0000-0000-00000000000A', ' 250.0 ', '{"name": "Acme", "n": 7, "none": null}', 99.6, '2026-03-02', '2026-03-01 10:00', 1),
	('00000000-0000-0000-0000-00000000000b', '', '[]', NULL, NULL, '2026-03-01T10:00:00.5+02', 2), (NULL, 'x', NULL, 1, NULL, '', 3);
SELECT matches(t.connect('accounts', 'crm.types', '{"account_id": "account", "employees": "big", "name": "body.name", "attributes": "body"}', 'manual'), '^ok: 2$', 'accounts of all types');
SELECT results_eq('SELECT account_id, name, employees, attributes FROM pql.account ORDER BY 1',
	$$VALUES ('00000000-0000-0000-0000-00000000000a', 'Acme', 100, '{"n": 7, "name": "Acme"}'::jsonb), ('00000000-0000-0000-0000-00000000000b', NULL, NULL, NULL)$$, 'are read as ours');
DELETE FROM crm.types WHERE account IS NULL;
SELECT is(t.connect('accounts', 'crm.types', '{"account_id": "account", "employees": "size", "attributes": ["big", "id"]}', 'manual', 'attributes'), 'ok: {"id": "id", "big": "big"}', 'others');
SELECT results_eq('SELECT account_id, name, employees, attributes FROM pql.account ORDER BY 1',
	$$VALUES ('00000000-0000-0000-0000-00000000000a', 'Acme', 250, '{"id": 1, "big": 99.6}'::jsonb), ('00000000-0000-0000-0000-00000000000b', NULL, NULL, '{"id": 2}')$$,
	'texts that spell numbers are numbers, blanks nothing; what is mapped no more stays');
SELECT is(t.connect('people', 'crm.types', '{"user_id": "id", "signed_up_at": "since", "paid_at": "said", "account_id": "body.n", "timezone": "America/New_York"}', 'manual'), 'ok: 2', 'people');
SELECT results_eq('SELECT user_id, signed_up_at, paid_at, account_id FROM pql.person ORDER BY 1',
	$$VALUES ('1', timestamptz '2026-03-02 05:00Z', timestamptz '2026-03-01 15:00Z', '7'), ('2', NULL, '2026-03-01 08:00:00.5Z', NULL)$$, 'days and times in their zone, unless they say one');
SELECT lives_ok($$SELECT pql.disconnect(i, 'crm.types') FROM unnest('{people,accounts}'::text[]) i$$, 'a table that was connected as two');
SELECT is(t.count('pql.person'), 2::bigint, 'what was copied stays');
TRUNCATE pql.person, pql.account, pql.fact, pql.change;
SELECT results_eq($$SELECT pql.instant_of(s, 'Asia/Tokyo') FROM unnest(ARRAY['2026-03-01', '2026-03-01 10:00', '2026-03-01T10:00:00Z', '2026-03-01 10:00 PM', '2026-03-01 10:00:00+01:30', '2026-03-01 10:00 UTC', ' ', 'infinity']) WITH ORDINALITY u (s, n) ORDER BY n$$,
	$$VALUES (timestamptz '2026-02-28 15:00Z'), ('2026-03-01 01:00Z'), ('2026-03-01 10:00Z'), ('2026-03-01 13:00Z'), ('2026-03-01 08:30Z'), ('2026-03-01 10:00Z'), (NULL), ('infinity')$$, 'instants that texts say');


-- By triggers ---------------------------------------------------------------------------------------

TRUNCATE crm.users;
CREATE TABLE crm.companies (id uuid PRIMARY KEY, label text, heads int);
CREATE TABLE crm.subscriptions (who int, began timestamptz, plan text);
INSERT INTO crm.companies VALUES ('00000000-0000-0000-0000-000000000001', 'Acme', 800), ('00000000-0000-0000-0000-000000000002', 'Beta', 50);
INSERT INTO crm.users (id, mail, role, company, plan, seats) SELECT n, 'u' || n || '@c.example', 'dev', ('00000000-0000-0000-0000-00000000000' || 1 + n % 2)::uuid, 'team', n FROM generate_series(1, 6) n;
INSERT INTO crm.subscriptions SELECT n, timestamptz '2026-03-02' + n * interval '1 day', 'pro' FROM generate_series(1, 6) n;
INSERT INTO pql.event (user_id, occurred_at, event) SELECT n::text, timestamptz '2026-03-03' + n * interval '1 day', 'activation_complete' FROM generate_series(1, 6) n;
INSERT INTO pql.person (user_id, title) VALUES ('own', 'by hand');
SELECT is(t.connect('people', 'crm.users', '{"user_id": "id", "email": "mail", "title": "role", "account_id": "company", "attributes": ["plan", "seats"]}', NULL, 'capture'), 'ok: trigger', 'a table has triggers');
SELECT is(t.connect('accounts', 'crm.companies', '{"account_id": "id", "name": "label", "employees": "heads"}', 'mark', 'employees'), 'ok: heads integer', 'accounts');
SELECT is(t.connect('trials', 'crm.subscriptions', '{"user_id": "who", "started_at": "began"}', NULL, 'index'), 'missing - Each refresh that follows a change of it reads the whole of it; an index on (who) spares that.', 'trials');
SELECT is(t.count('pql.person WHERE followed_at IS NOT NULL'), 6::bigint, 'all is copied at once');
SELECT is(t.trials(), '1 03-03 00:00 pro -; 2 03-04 00:00 pro -; 3 03-05 00:00 pro -; 4 03-06 00:00 pro -; 5 03-07 00:00 pro -; 6 03-08 00:00 pro -', 'trials with columns of our names');
SELECT ok((SELECT bool_and(c.backfill) FROM pql.change c WHERE c.reason IN ('person', 'account', 'trial') AND c.user_id <> 'own'), 'who is marked for it is marked as history');
SELECT is_empty($$SELECT t.wrong('2026-03-09')$$, 'verdicts');
SELECT is(t.count($$pql.score WHERE model = 'trial'$$), 6::bigint, 'of all trials');
SELECT is_empty('SELECT FROM pql.fact', 'first values are known from the beginning');

CREATE TABLE t.written AS SELECT p.user_id, p.ctid AS place FROM pql.person p;
SELECT is((SELECT f::text FROM pql.follow_inputs('2026-03-09') f), '({},{})', 'nothing has changed');
UPDATE crm.users SET note = 'seen' WHERE id = 1;
SELECT is((SELECT f::text FROM pql.follow_inputs('2026-03-09') f), '({},{})', 'nothing that is followed');
SELECT results_eq('SELECT user_id, ctid FROM pql.person ORDER BY 1', 'SELECT user_id, place FROM t.written ORDER BY 1', 'and nothing is written');
SELECT is_empty('SELECT FROM pql.input_change', 'nothing is left to do');
SELECT is((pql.refresh_batch('2026-03-09')).users, 0, 'nor for a refresh');

UPDATE crm.users SET role = 'cto', seats = 20 WHERE id = 2;
SELECT matches(t.people(), '2 u2@c.example dev ', 'before the refresh nothing is copied');
SELECT is_empty($$SELECT t.wrong('2026-03-10')$$, 'a row that changes');
SELECT matches(t.people(), '2 u2@c.example cto .*"seats": 20', 'is copied');
SELECT is(t.facts('2', 'person.title'), '-infinity "dev"; 2026-03-10 "cto"', 'with the time of the refresh');
SELECT is(t.facts('2', 'person.seats'), '-infinity 2; 2026-03-10 20', 'attributes, too');
UPDATE crm.companies SET heads = 60 WHERE label = 'Acme';
SELECT is_empty($$SELECT t.wrong('2026-03-11')$$, 'a company that changes');
SELECT is(t.facts('00000000-0000-0000-0000-000000000001', 'account.employees'), '-infinity 800; 2026-03-11 60', 'is dated as well');
INSERT INTO crm.users (id, mail) VALUES (7, 'new@c.example');
INSERT INTO crm.subscriptions VALUES (7, '2026-03-11', 'pro'), (1, '2026-03-11', 'again');
SELECT is_empty($$SELECT t.wrong('2026-03-12')$$, 'rows that come');
SELECT matches(t.trials(), '^1 03-03 00:00 pro -; 1 03-11 00:00 again -; .*; 7 03-11 00:00 pro -$', 'are there');
SELECT is(t.facts('7', 'person.email'), NULL, 'what is first known of them is known from the beginning');
UPDATE crm.users SET id = 8 WHERE id = 7;
UPDATE crm.subscriptions SET who = 8 WHERE who = 7;
UPDATE crm.subscriptions SET began = '2026-03-09' WHERE plan = 'again';
SELECT is_empty($$SELECT t.wrong('2026-03-12')$$, 'keys that change');
SELECT matches(t.trials(), '^1 03-03 00:00 pro -; 1 03-09 00:00 again -; .*; 8 03-11 00:00 pro -$', 'move');
SELECT is(t.count($$pql.person WHERE user_id IN ('7', '8')$$), 1::bigint, 'and leave nothing behind');
DELETE FROM crm.users WHERE id = 2;
DELETE FROM crm.subscriptions WHERE who IN (8, 1) AND plan <> 'again';
SELECT is_empty($$SELECT t.wrong('2026-03-12')$$, 'rows that go');
SELECT is(t.count($$pql.person WHERE user_id = '2'$$) + t.count($$pql.trial WHERE user_id = '8'$$), 0::bigint, 'are gone');
SELECT matches(t.trials(), '^1 03-09 00:00 again -; 2', 'of a user the trial that is gone');
INSERT INTO crm.users (id, mail, role) VALUES (2, 'u2@c.example', 'ceo');
SELECT is_empty($$SELECT t.wrong('2026-03-13')$$, 'who comes back');
SELECT is(t.facts('2', 'person.title'), '-infinity "dev"; 2026-03-10 "cto"; 2026-03-12 null; 2026-03-13 "ceo"', 'was not known in between');

TRUNCATE crm.subscriptions;
SELECT is_empty($$SELECT t.wrong('2026-03-13')$$, 'a table that is emptied');
SELECT is(t.trials(), '', 'empties');
INSERT INTO crm.subscriptions SELECT n, timestamptz '2026-03-02' + n * interval '1 day', 'pro' FROM generate_series(1, 6) n;
INSERT INTO pql.trial (user_id, started_at) VALUES ('own', '2026-03-05');
INSERT INTO crm.users (id, mail) SELECT n, 'many' FROM generate_series(100, 3000) n;
SELECT is_empty($$SELECT t.wrong('2026-03-13')$$, 'and is filled');
DELETE FROM crm.users WHERE id >= 100;
TRUNCATE crm.companies;
SELECT is_empty($$SELECT t.wrong('2026-03-13')$$, 'and others');
SELECT is(t.count('pql.person') || ' ' || t.count('pql.account') || ' ' || t.count('pql.trial'), '8 0 7', 'what was written by hand stays');
SELECT matches(t.people(), '; own - by hand -$', 'as it was');

INSERT INTO crm.subscriptions VALUES (NULL, '2026-03-05', 'x'), (3, NULL, 'x'), (3, 'infinity', 'x'), (3, '2026-03-12', 'y');
SELECT is((SELECT f.ignored FROM pql.follow_inputs('2026-03-13') f), '{"trials: no user_id": 1, "trials: no started_at": 2}', 'rows without a key or a start are counted');
SELECT matches(t.trials(), '; 3 03-05 00:00 pro -; 3 03-12 00:00 y -; 4 ', 'and left out');
SELECT is(t.connect('trials', 'crm.subscriptions', '{"user_id": "who", "started_at": "began"}', NULL, 'ignored'), 'ignored: 1 trials: no user_id - Rows of which nothing can be known are left out.; ignored: 2 trials: no started_at - Rows of which nothing can be known are left out.', 'as pql.connect tells');
SELECT is_empty($$SELECT t.wrong('2026-03-13')$$, 'and all is well');


-- What somebody else has said -----------------------------------------------------------------------

INSERT INTO pql.fact (subject, name, value, source, recorded_at) VALUES ('3', 'person.seniority', '"vp"', 'enrichment', '2026-03-12'), ('3', 'person.full_name', '"Three"', 'enrichment', '2026-03-12');
UPDATE crm.users SET seats = 33 WHERE id = 3;
SELECT is_empty($$SELECT t.wrong('2026-03-14')$$, 'a fact that another source has told');
SELECT is((SELECT full_name || ' ' || attributes::text FROM pql.person WHERE user_id = '3'), 'Three {"plan": "team", "seats": 33, "seniority": "vp"}', 'stays, where the table says nothing');
SELECT is(t.facts('3', 'person.seniority'), '2026-03-12 "vp"', 'in its history as well');
INSERT INTO pql.fact (subject, name, value, source, recorded_at) VALUES ('3', 'person.title', '"chief"', 'enrichment', '2026-03-14');
UPDATE crm.users SET role = 'lead' WHERE id = 3;
SELECT is_empty($$SELECT t.wrong('2026-03-15')$$, 'what the table does say');
SELECT is(t.facts('3', 'person.title'), '-infinity "dev"; 2026-03-14 "chief"; 2026-03-15 "lead"', 'is the latest');


-- Two sources ---------------------------------------------------------------------------------------

CREATE TABLE crm.contacts (ref text, email text, title text, score int, updated_at timestamptz);
CREATE INDEX ON crm.contacts (ref);
INSERT INTO crm.contacts VALUES ('1', 'crm1@c.example', 'crm title', 5, '2026-03-01'), ('1', 'older@c.example', 'x', 5, '2026-02-01'), ('only', 'only@c.example', NULL, 6, '2026-03-01'), (NULL, 'nobody', NULL, 1, NULL);
UPDATE crm.users SET mail = NULL WHERE id = 1;
SELECT is(t.connect('people', 'crm.contacts', '{"user_id": "ref", "attributes": ["score"]}', NULL, 'ignored'), 'ignored: 1 people: no user_id - Rows of which nothing can be known are left out.', 'another table of people');
SELECT matches(t.people(), '^1 crm1@c.example dev [0-9-]+2 \{"plan": "team", "score": 5, "seats": 1\}; .*; only only@c.example - - \{"score": 6\}; own', 'in each column the first that says something, of each key the latest row');
SELECT is_empty($$SELECT t.wrong('2026-03-15')$$, 'verdicts');
UPDATE crm.users SET mail = 'app1@c.example', role = NULL, plan = NULL WHERE id = 1;
SELECT is_empty($$SELECT t.wrong('2026-03-16')$$, 'a change of the first');
SELECT matches(t.people(), '^1 app1@c.example crm title [0-9-]+2 \{"score": 5, "seats": 1\};', 'precedes');
UPDATE crm.contacts SET updated_at = '2026-03-02' WHERE email = 'older@c.example';
DELETE FROM crm.users WHERE id = 1;
SELECT is_empty($$SELECT t.wrong('2026-03-16')$$, 'a row that goes from one');
SELECT matches(t.people(), '^1 older@c.example x - \{"score": 5\};', 'is what the other says, the latest of it');
SELECT lives_ok($$SELECT pql.disconnect('people', 'crm.contacts')$$, 'one is disconnected');
SELECT is(t.count($$pg_trigger WHERE tgrelid = 'crm.contacts'::regclass AND NOT tgisinternal$$), 0::bigint, 'and has no triggers any more');
DELETE FROM crm.contacts;
SELECT is_empty($$SELECT t.wrong('2026-03-16')$$, 'what it holds');
SELECT matches(t.people(), '^1 older@c.example .*; only only@c.example ', 'is followed no longer, and what was copied stays');
INSERT INTO crm.users (id, mail, role) VALUES (1, 'back@c.example', NULL);
DELETE FROM crm.users WHERE id = 5;
SELECT is_empty($$SELECT t.wrong('2026-03-16')$$, 'the other');
SELECT matches(t.people(), '^1 back@c.example .*; 4 .*; 6 ', 'is followed as before');


-- By cursor -----------------------------------------------------------------------------------------

CREATE TABLE crm.loading (ref text, title text, account text, updated_at timestamptz);
CREATE VIEW crm.loaded AS SELECT * FROM crm.loading;
INSERT INTO crm.loading VALUES ('v1', 'a', 'acme', '2026-03-01'), ('v2', 'b', 'acme', '2026-03-02'), ('v3', 'c', NULL, NULL), ('v4', 'c', NULL, 'infinity');
SELECT is(t.connect('people', 'crm.loaded', '{"user_id": "ref", "account_id": "account"}', NULL, 'capture'), 'ok: cursor - Rows that are deleted cannot be noticed, nor those without updated_at; connecting again reads all of them.', 'a view that tells when rows were updated');
SELECT is((SELECT s.cursor_at FROM pql.sources s WHERE s.relation = 'crm.loaded'), timestamptz '2026-03-02', 'up to its latest row');
SELECT matches(t.people(), '; v1 - a acme; v2 - b acme; v3 - c -; v4 - c -$', 'is copied');
SELECT is_empty($$SELECT t.wrong('2026-03-16')$$, 'verdicts');
SELECT is((SELECT f::text FROM pql.follow_inputs('2026-03-16') f), '({},{})', 'nothing is new');
SELECT is_empty($$SELECT FROM pql.change WHERE due_at <= '2026-03-16'$$, 'nothing is marked');
UPDATE crm.loading SET title = 'unseen' WHERE ref = 'v1';
UPDATE crm.loading SET title = 'seen', updated_at = '2026-03-03' WHERE ref = 'v2';
DELETE FROM crm.loading WHERE ref = 'v3';
SELECT is_empty($$SELECT t.wrong('2026-03-17')$$, 'what has a later time');
SELECT matches(t.people(), '; v1 - a acme; v2 - seen acme; v3 - c -; v4 - c -$', 'is noticed, and nothing else');
UPDATE crm.loading SET updated_at = '2026-03-02 23:56' WHERE ref = 'v1';
INSERT INTO crm.loading VALUES ('v5', 'e', NULL, '2026-03-04');
SELECT is_empty($$SELECT t.wrong('2026-03-17')$$, 'and what was committed late');
SELECT matches(t.people(), '; v1 - unseen acme; v2 - seen acme; v3 - c -; v4 - c -; v5 - e -$', 'too');
SELECT is(t.connect('people', 'crm.loaded', '{"user_id": "ref", "account_id": "account"}'), 'ok: 10', 'connecting again');
SELECT matches(t.people(), '; v1 - unseen acme; v2 - seen acme; v4 - c -; v5 - e -$', 'reads all of it');
SELECT is_empty($$SELECT t.wrong('2026-03-17')$$, 'and all is well');


-- By hand -------------------------------------------------------------------------------------------

CREATE VIEW crm.firms AS SELECT * FROM crm.companies;
INSERT INTO crm.companies VALUES ('00000000-0000-0000-0000-000000000003', 'Gamma', 300), ('00000000-0000-0000-0000-000000000004', 'Delta', 400);
SELECT lives_ok($$SELECT pql.disconnect('accounts', 'crm.companies')$$, 'instead of the table');
SELECT is(t.connect('accounts', 'crm.firms', '{"account_id": "id", "name": "label", "employees": "heads"}', NULL, 'capture'),
	'none: manual - pql.refresh reads rows again only after pql.mark_dirty with their users; connecting again reads all of them.', 'a view without times');
CREATE VIEW crm.members AS SELECT id, company, 'm' || id AS mail FROM crm.users;
SELECT is(t.connect('people', 'crm.members', '{"user_id": "id", "account_id": "company", "full_name": "mail"}', 'manual'), 'ok: 10', 'and another');
UPDATE crm.companies SET heads = heads + 1;
SELECT is_empty($$SELECT t.wrong('2026-03-18')$$, 'nobody is told');
SELECT is(t.accounts(), '00000000-0000-0000-0000-000000000003 Gamma 300; 00000000-0000-0000-0000-000000000004 Delta 400', 'so that nothing is copied');
UPDATE crm.users SET company = '00000000-0000-0000-0000-000000000003' WHERE id = 6;
SELECT is(pql.mark_dirty('{6}'), 1::bigint, 'a user');
SELECT is_empty($$SELECT t.wrong('2026-03-18')$$, 'is read again');
SELECT is(t.accounts(), '00000000-0000-0000-0000-000000000003 Gamma 301; 00000000-0000-0000-0000-000000000004 Delta 400', 'with the account');
SELECT lives_ok($$SELECT pql.disconnect('people', s) FROM unnest('{crm.members,crm.loaded}'::text[]) s$$, 'enough of that');


-- Conversions ---------------------------------------------------------------------------------------

CREATE TABLE crm.invoices (no text, customer int, firm uuid, paid timestamptz, amount numeric, updated_at timestamptz);
INSERT INTO crm.invoices VALUES ('i1', 3, NULL, '2026-03-09', 10, '2026-03-09'), ('i1', 3, NULL, '2026-03-08', 12, '2026-03-10'), ('i2', NULL, '00000000-0000-0000-0000-000000000003', '2026-03-10', 99, NULL),
	(NULL, 4, NULL, '2026-03-11', 1, NULL), (NULL, 4, NULL, '2026-03-11', 1, NULL), ('i3', NULL, NULL, '2026-03-11', 1, NULL), ('i4', 5, NULL, NULL, 1, NULL);
SELECT is(t.connect('conversions', 'crm.invoices', '{"conversion_id": "no", "user_id": "customer", "account_id": "firm", "converted_at": "paid", "mrr": "amount"}', NULL, 'ignored'),
	'ignored: 1 conversions: no converted_at - Rows of which nothing can be known are left out.; ignored: 1 conversions: no user_id or account_id - Rows of which nothing can be known are left out.', 'payments');
SELECT results_eq('SELECT conversion_id, user_id, account_id, converted_at, mrr FROM pql.conversion ORDER BY 1, 2', $$VALUES ('i1', '3', NULL, timestamptz '2026-03-08', 12::float8),
	('i2', NULL, '00000000-0000-0000-0000-000000000003', '2026-03-10', 99), (NULL, '4', NULL, '2026-03-11', 1)$$, 'of each id the latest row');
SELECT is(t.trials(), '1 03-03 00:00 pro -; 2 03-04 00:00 pro -; 3 03-05 00:00 pro 03-08 12; 3 03-12 00:00 y -; 4 03-06 00:00 pro 03-11 1; 5 03-07 00:00 pro -; 6 03-08 00:00 pro 03-10 99; own 03-05 00:00 - -', 'convert trials');
SELECT is_empty($$SELECT t.wrong('2026-03-18')$$, 'verdicts');
UPDATE crm.invoices SET customer = 5 WHERE no = 'i1';
SELECT is_empty($$SELECT t.wrong('2026-03-18')$$, 'one that changes hands');
SELECT matches(t.trials(), '; 3 03-05 00:00 pro -; .*; 5 03-07 00:00 pro 03-08 12; ', 'does');
INSERT INTO crm.invoices VALUES ('i1', 2, NULL, '2026-03-07', 13, '2026-03-11');
SELECT is_empty($$SELECT t.wrong('2026-03-18')$$, 'a later row of the same id');
SELECT matches(t.trials(), '; 2 03-04 00:00 pro 03-07 13; .*; 5 03-07 00:00 pro -; ', 'takes its place, also for another user');
DELETE FROM crm.invoices WHERE amount = 13 OR firm IS NOT NULL;
SELECT is_empty($$SELECT t.wrong('2026-03-18')$$, 'and when it goes');
SELECT matches(t.trials(), '; 2 03-04 00:00 pro -; .*; 5 03-07 00:00 pro 03-08 12; 6 03-08 00:00 pro -; ', 'the one before is back');
UPDATE crm.subscriptions SET plan = 'new' WHERE who = 5;
SELECT is_empty($$SELECT t.wrong('2026-03-18')$$, 'trials that are read again');
SELECT matches(t.trials(), '; 5 03-07 00:00 new 03-08 12; ', 'keep what conversions have written');
SELECT is(t.connect('trials', 'crm.subscriptions', '{"user_id": "who", "started_at": "began", "converted_at": "began"}'), 'ok: 7', 'also where they are asked for it');
SELECT matches(t.trials(), '; 5 03-07 00:00 new 03-07 12; ', 'which precedes');
SELECT is(t.connect('trials', 'crm.subscriptions', '{"user_id": "who", "started_at": "began", "converted_at": null}'), 'ok: 7', 'again without');
SELECT is_empty($$SELECT t.wrong('2026-03-18')$$, 'and all is well');
TRUNCATE crm.invoices;
SELECT is_empty($$SELECT t.wrong('2026-03-18')$$, 'emptied');
SELECT is_empty('SELECT FROM pql.conversion', 'nothing is left');
SELECT lives_ok($$SELECT pql.disconnect('conversions', 'crm.invoices')$$, 'disconnected');


-- What goes wrong -----------------------------------------------------------------------------------

CREATE TABLE crm.sizes (id text, size text);
INSERT INTO crm.sizes VALUES ('acme', '500');
SELECT is(t.connect('accounts', 'crm.sizes', '{"account_id": "id", "employees": "size"}'), 'ok: 3', 'numbers as texts');
SELECT is_empty($$SELECT t.wrong('2026-03-19')$$, 'verdicts');
UPDATE crm.sizes SET size = 'many';
INSERT INTO crm.users (id, mail) VALUES (50, 'x@c.example');
SELECT is((pql.follow_inputs('2026-03-19')).failures, ARRAY['accounts cannot be followed: column "size" of crm.sizes cannot be read as employees; invalid input syntax for type numeric: "many"; '
	'mend: Mend the value, or map another column, or none, with pql.connect(''accounts'', ''crm.sizes'', mapping => …).'], 'a value that cannot be read');
SELECT results_eq($$SELECT s.relation, s.failure ~ '^accounts cannot be followed' FROM pql.sources s WHERE s.failure IS NOT NULL$$, $$VALUES ('crm.sizes', true)$$, 'is told of its source');
SELECT is(t.count($$pql.person WHERE user_id = '50'$$), 1::bigint, 'and does not stop the others');
SELECT is(t.count($$pql.input_change WHERE key = 'acme'$$), 1::bigint, 'it is still to be read');
SELECT is_empty($$SELECT t.wrong('2026-03-19')$$, 'verdicts are of what is known');
UPDATE crm.sizes SET size = '600';
SELECT is((pql.follow_inputs('2026-03-20')).failures, '{}', 'mended');
SELECT matches(t.accounts(), 'acme - 600', 'it is followed again');
SELECT is_empty($$SELECT FROM pql.sources s WHERE s.failure IS NOT NULL$$, 'and nothing is said any more');
ALTER TABLE crm.sizes RENAME size TO heads;
SELECT lives_ok($$UPDATE crm.sizes SET heads = '700'$$, 'a column that is gone');
SELECT matches((pql.follow_inputs('2026-03-20')).failures[1], '^accounts cannot be followed: source crm.sizes has no column "size"; .*mend: .*pql.connect', 'is told');
ALTER TABLE crm.sizes RENAME heads TO size;
SELECT is((pql.follow_inputs('2026-03-20')).failures, '{}', 'until it is back');
ALTER TABLE crm.sizes RENAME id TO ident;
SELECT lives_ok($$INSERT INTO crm.sizes VALUES ('beta', '20')$$, 'when the key is gone, the trigger does not know who, and does not stand in the way');
SELECT is(t.count('pql.input_change WHERE key IS NULL'), 1::bigint, 'all is to be read');
ALTER TABLE crm.sizes RENAME ident TO id;
SELECT is_empty($$SELECT t.wrong('2026-03-20')$$, 'and is');
SELECT matches(t.accounts(), 'acme - 700; beta - 20', 'all of it');
ALTER TABLE crm.sizes RENAME TO old_sizes;
SELECT matches((pql.follow_inputs('2026-03-20')).failures[1], '^accounts cannot be followed: source crm.sizes is not there; .*mend: .*SELECT pql.disconnect\(''accounts'', ''crm.sizes''\)', 'a table that is gone');
CREATE TABLE crm.sizes (size int, id varchar(20));
INSERT INTO crm.sizes VALUES (1, 'new');
SELECT is_empty($$SELECT t.wrong('2026-03-20')$$, 'one that takes its name');
SELECT is(t.accounts(), '00000000-0000-0000-0000-000000000003 Gamma 301; 00000000-0000-0000-0000-000000000004 Delta 401; new - 1', 'is read instead, with all of its input');
INSERT INTO crm.sizes VALUES (2, 'newer');
SELECT is_empty($$SELECT t.wrong('2026-03-20')$$, 'and followed');
SELECT matches(t.accounts(), '; newer - 2$', 'by triggers of its own');
DROP TABLE crm.sizes;
SELECT lives_ok($$SELECT pql.disconnect('accounts', 'crm.sizes')$$, 'one that is gone can be disconnected');
SELECT is_empty($$SELECT t.wrong('2026-03-20')$$, 'and all is well');

-- who loads needs no rights here
CREATE ROLE pql_follow_loader;
GRANT USAGE ON SCHEMA crm TO pql_follow_loader;
GRANT ALL ON crm.users, crm.subscriptions TO pql_follow_loader;
SET LOCAL ROLE pql_follow_loader;
INSERT INTO crm.users (id, mail) VALUES (60, 'y@c.example');
UPDATE crm.users SET mail = 'z@c.example' WHERE id = 50;
DELETE FROM crm.users WHERE id = 4;
TRUNCATE crm.subscriptions;
RESET ROLE;
SELECT is_empty($$SELECT t.wrong('2026-03-20')$$, 'who loads needs no rights in pql');
SELECT is((SELECT string_agg(user_id || ' ' || email, '; ' ORDER BY user_id) FROM pql.person WHERE user_id IN ('4', '50', '60')), '50 z@c.example; 60 y@c.example', 'and is followed');
-- replicas, too
SET LOCAL session_replication_role = replica;
UPDATE crm.users SET mail = 'replica@c.example' WHERE id = 50;
RESET session_replication_role;
SELECT is_empty($$SELECT t.wrong('2026-03-20')$$, 'as are rows that replication writes');
SELECT is((SELECT email FROM pql.person WHERE user_id = '50'), 'replica@c.example', 'at once');


-- Partitions ----------------------------------------------------------------------------------------

CREATE TABLE crm.regions (id text, label text) PARTITION BY LIST (label);
CREATE TABLE crm.regions_a PARTITION OF crm.regions FOR VALUES IN ('a');
CREATE TABLE crm.regions_b (LIKE crm.regions);
INSERT INTO crm.regions VALUES ('r1', 'a');
INSERT INTO crm.regions_b VALUES ('r2', 'b');
SELECT is(t.connect('accounts', 'crm.regions', '{"account_id": "id", "name": "label"}'), 'ok: 3', 'a partitioned table');
INSERT INTO crm.regions_a VALUES ('r3', 'a');
SELECT is_empty($$SELECT t.wrong('2026-03-20')$$, 'rows that come into a partition');
SELECT matches(t.accounts(), '; r1 a -; r3 a -$', 'are noticed');
ALTER TABLE crm.regions ATTACH PARTITION crm.regions_b FOR VALUES IN ('b');
SELECT is_empty($$SELECT t.wrong('2026-03-20')$$, 'a partition that is attached');
SELECT matches(t.accounts(), '; r1 a -; r2 b -; r3 a -$', 'is read');
UPDATE crm.regions SET label = 'a' WHERE id = 'r2';
DELETE FROM crm.regions_a WHERE id = 'r1';
SELECT is_empty($$SELECT t.wrong('2026-03-20')$$, 'and followed');
SELECT matches(t.accounts(), '; r2 a -; r3 a -$', 'from then on');
SELECT lives_ok($$SELECT pql.disconnect('accounts', 'crm.regions')$$, 'disconnected');
SELECT is(t.count($$pg_trigger WHERE tgname LIKE 'pql%' AND tgrelid IN ('crm.regions'::regclass, 'crm.regions_a'::regclass, 'crm.regions_b'::regclass)$$), 0::bigint, 'without leaving a trigger');
-- Surveys and deals -----------------------------------------------------------------------------------

CREATE TABLE crm.answers (who text, at timestamptz, survey text, points int);
INSERT INTO crm.answers VALUES ('1', '2026-03-01', 'nps', 9), ('1', '2026-03-01', 'csat', 4), ('2', '2026-03-02', NULL, 3), (NULL, '2026-03-02', 'nps', 3), ('3', '2026-03-02', 'nps', NULL);
SELECT is(t.connect('surveys', 'crm.answers', '{"user_id": "who", "answered_at": "at", "kind": "survey", "score": "points"}'), 'ok: 2', 'surveys: those that say who, when, what and how much');
INSERT INTO crm.answers VALUES ('2', '2026-03-03', 'nps', 0);
UPDATE crm.answers SET points = 10 WHERE who = '1' AND survey = 'nps';
DELETE FROM crm.answers WHERE survey = 'csat';
SELECT is_empty($$SELECT t.wrong('2026-03-20')$$, 'what changes');
SELECT is((SELECT string_agg(concat_ws(' ', user_id, kind, score), '; ' ORDER BY user_id) FROM pql.survey), '1 nps 10; 2 nps 0', 'is followed');
SELECT lives_ok($$SELECT pql.disconnect('surveys', 'crm.answers')$$, 'and let go');
CREATE TABLE crm.opportunity (id int PRIMARY KEY, account uuid, lead_source text, type text, amount numeric, created date, closed date, stage text);
INSERT INTO crm.opportunity VALUES (1, NULL, 'outbound', 'new', 9000.5, '2026-02-01', '2026-03-01', 'won'), (2, '00000000-0000-0000-0000-000000000003', NULL, NULL, 500, '2026-02-01', NULL, NULL);
SELECT is(t.connect('deals', 'crm.opportunity', '{"deal_id": "id", "account_id": "account", "source": "lead_source", "kind": "type", "amount": "amount", "created_at": "created", "closed_at": "closed", "outcome": "stage", "timezone": "UTC"}'), 'ok: 2', 'deals');
UPDATE crm.opportunity SET closed = '2026-03-05', stage = 'lost' WHERE id = 2;
DELETE FROM crm.opportunity WHERE id = 1;
SELECT is_empty($$SELECT t.wrong('2026-03-20')$$, 'as they change');
SELECT is((SELECT string_agg(concat_ws(' ', deal_id, account_id, amount, closed_at::date, outcome), '; ') FROM pql.deal), '2 00000000-0000-0000-0000-000000000003 500 2026-03-05 lost', 'are followed');
SELECT lives_ok($$SELECT pql.disconnect('deals', 'crm.opportunity')$$, 'and let go');

SELECT throws_ok($$SELECT pql.follow_inputs(NULL)$$, '22023', 'as_of is no instant', 'as of no time');
SELECT throws_ok($$SELECT pql.follow_inputs('infinity')$$, '22023', 'as_of is no instant', 'nor of the end of it');

SELECT * FROM finish();
ROLLBACK;
