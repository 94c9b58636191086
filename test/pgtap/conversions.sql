-- pql.conversion: which trial a payment belongs to, what it fills there, and that it is taken back to the letter.
--
--   pg_prove -d DB test/pgtap/conversions.sql

BEGIN;
\ir lib/transaction.sql

-- What trials and people hold, and what conversions are said to have written.
CREATE FUNCTION t.trials() RETURNS text LANGUAGE sql STABLE AS $$
	SELECT coalesce(string_agg(format('%s %s %s %s %s', t.user_id, to_char(t.started_at, 'MM-DD'), coalesce(to_char(t.converted_at, 'MM-DD HH24:MI'), '-'), coalesce(t.mrr::text, '-'), coalesce(t.conversion_source, '-')),
		'; ' ORDER BY t.user_id, t.started_at), '') FROM pql.trial t $$;
CREATE FUNCTION t.paid() RETURNS text LANGUAGE sql STABLE AS $$
	SELECT coalesce(string_agg(p.user_id || ' ' || to_char(p.paid_at, 'MM-DD'), '; ' ORDER BY p.user_id), '') FROM pql.person p WHERE p.paid_at IS NOT NULL $$;


-- A trial and its window ----------------------------------------------------------------------------

INSERT INTO pql.trial (user_id, started_at, ends_at) VALUES ('u1', '2026-03-02', NULL), ('u2', '2026-03-02', '2026-03-09'), ('u3', '2026-03-02 12:00', NULL);
INSERT INTO pql.conversion (conversion_id, user_id, converted_at, plan, mrr, conversion_source) VALUES ('c1', 'u1', '2026-03-10 09:00', 'team', 50, 'self_serve');
SELECT is(t.trials(), 'u1 03-02 03-10 09:00 50 self_serve; u2 03-02 - - -; u3 03-02 - - -', 'a conversion belongs to the trial');
SELECT is(t.paid(), '', 'and to nothing else');
SELECT is((SELECT plan FROM pql.trial WHERE user_id = 'u1'), NULL, 'what was bought is not the plan that was tried');
INSERT INTO pql.conversion (conversion_id, user_id, converted_at, mrr) VALUES ('c2', 'u1', '2026-03-08', 40), ('c3', 'u1', '2026-03-12', 90);
SELECT is(t.trials(), 'u1 03-02 03-08 00:00 40 -; u2 03-02 - - -; u3 03-02 - - -', 'the earliest counts');
DELETE FROM pql.conversion WHERE conversion_id = 'c2';
SELECT is(t.trials(), 'u1 03-02 03-10 09:00 50 self_serve; u2 03-02 - - -; u3 03-02 - - -', 'and when it is gone, the next one');
UPDATE pql.conversion SET user_id = 'u2' WHERE conversion_id = 'c1';
SELECT is(t.trials(), 'u1 03-02 03-12 00:00 90 -; u2 03-02 03-10 09:00 50 self_serve; u3 03-02 - - -', 'one that changes hands');
DELETE FROM pql.conversion;
SELECT is(t.trials(), 'u1 03-02 - - -; u2 03-02 - - -; u3 03-02 - - -', 'all of it is undone');
SELECT is_empty('SELECT FROM pql.credit', 'and nothing of it is kept');
INSERT INTO pql.conversion (user_id, converted_at) VALUES ('u3', '2026-03-02 11:59:59.999999'), ('u2', '2026-03-16 00:00:00.000001'), ('u1', '2026-03-23 00:00:00.000001');
SELECT is(t.trials(), 'u1 03-02 - - -; u2 03-02 - - -; u3 03-02 - - -', 'a microsecond before the window, and after it');
SELECT is(t.paid(), 'u1 03-23; u2 03-16; u3 03-02', 'is a payment apart from trials');
INSERT INTO pql.conversion (user_id, converted_at) VALUES ('u3', '2026-03-02 12:00'), ('u2', '2026-03-16'), ('u1', '2026-03-23');
SELECT is(t.trials(), 'u1 03-02 03-23 00:00 - -; u2 03-02 03-16 00:00 - -; u3 03-02 03-02 12:00 - -', 'start and end are in it: 7 days after the end, 21 after the start where none is said');
TRUNCATE pql.conversion;
SELECT is(t.trials() || t.paid(), 'u1 03-02 - - -; u2 03-02 - - -; u3 03-02 - - -', 'emptied');
SELECT is_empty('SELECT FROM pql.person', 'people who were made for it are gone');
INSERT INTO pql.conversion (user_id, converted_at) VALUES ('u1', '2026-03-10'), ('u1', NULL), (NULL, '2026-03-10'), ('u1', '-infinity'), ('u2', 'infinity');
SELECT is(t.trials() || t.paid(), 'u1 03-02 03-10 00:00 - -; u2 03-02 - - -; u3 03-02 - - -', 'without who or when it is nothing');
DELETE FROM pql.conversion;


-- Several trials, before and without one ------------------------------------------------------------

INSERT INTO pql.trial (user_id, started_at) VALUES ('u1', '2026-03-15');
INSERT INTO pql.conversion (user_id, converted_at, mrr) VALUES ('u1', '2026-03-16', 10), ('u1', '2026-03-14', 20), ('u1', '2026-02-01', 30);
SELECT is(t.trials(), 'u1 03-02 03-14 00:00 20 -; u1 03-15 03-16 00:00 10 -; u2 03-02 - - -; u3 03-02 - - -', 'the latest trial that had started');
SELECT is(t.paid(), 'u1 02-01', 'what came before both is the person''s');
DELETE FROM pql.trial WHERE user_id = 'u1' AND started_at = '2026-03-15';
SELECT is(t.trials(), 'u1 03-02 03-14 00:00 20 -; u2 03-02 - - -; u3 03-02 - - -', 'a trial that is gone takes nothing with it');
DELETE FROM pql.trial WHERE user_id = 'u1';
UPDATE pql.conversion SET converted_at = '2026-02-03' WHERE mrr = 30;
SELECT is(t.paid(), 'u1 02-03', 'without a trial it is the person''s');
INSERT INTO pql.trial (user_id, started_at) VALUES ('u1', '2026-02-02');
SELECT is(t.trials() || ' ' || t.paid(), 'u1 02-02 02-03 00:00 30 -; u2 03-02 - - -; u3 03-02 - - - u1 03-14', 'a trial that is found later has it');
UPDATE pql.trial SET ends_at = '2026-03-10' WHERE user_id = 'u1';
SELECT is(t.paid(), '', 'a trial that is extended, too');
DELETE FROM pql.conversion;
SELECT is(t.paid(), '', 'undone');


-- What is said of a trial itself stands -------------------------------------------------------------

UPDATE pql.trial SET converted_at = '2026-03-05', conversion_source = 'sales_assisted' WHERE user_id = 'u2';
INSERT INTO pql.conversion (user_id, converted_at, mrr, conversion_source) VALUES ('u2', '2026-03-04', 70, 'self_serve'), ('u3', '2026-03-05', 5, NULL);
SELECT is(t.trials(), 'u1 02-02 - - -; u2 03-02 03-05 00:00 70 sales_assisted; u3 03-02 03-05 00:00 5 -', 'a conversion fills what it does not say');
UPDATE pql.trial SET mrr = 6 WHERE user_id = 'u3';
DELETE FROM pql.conversion;
SELECT is(t.trials(), 'u1 02-02 - - -; u2 03-02 03-05 00:00 - sales_assisted; u3 03-02 - 6 -', 'and is taken back without it');
INSERT INTO pql.conversion (user_id, converted_at) VALUES ('u2', '2026-03-05');
DELETE FROM pql.conversion;
SELECT is(t.trials(), 'u1 02-02 - - -; u2 03-02 03-05 00:00 - sales_assisted; u3 03-02 - 6 -', 'though it says the same');
INSERT INTO pql.conversion (user_id, converted_at) VALUES ('u3', '2026-03-05');
UPDATE pql.trial SET converted_at = NULL WHERE user_id = 'u3';
SELECT is(t.trials(), 'u1 02-02 - - -; u2 03-02 03-05 00:00 - sales_assisted; u3 03-02 03-05 00:00 6 -', 'what is taken out by hand is filled again');
INSERT INTO pql.person (user_id, paid_at) VALUES ('u4', '2026-01-05'), ('u5', NULL);
INSERT INTO pql.conversion (user_id, converted_at) VALUES ('u4', '2026-01-01'), ('u5', '2026-01-02');
SELECT is(t.paid(), 'u4 01-05; u5 01-02', 'so with people');
DELETE FROM pql.conversion;
SELECT is(t.paid(), 'u4 01-05', 'undone');
SELECT is((SELECT count(*) FROM pql.person), 2::bigint, 'who were there before stay');


-- Repeated ids --------------------------------------------------------------------------------------

INSERT INTO pql.conversion (conversion_id, user_id, converted_at, mrr) VALUES ('r', 'u1', '2026-02-05', 1), ('r', 'u1', '2026-05-05', 1), ('r', 'u2', '2026-03-06', 1), (NULL, 'u5', '2026-03-06', 1), (NULL, 'u5', '2026-03-06', 1);
SELECT is(t.trials() || ' ' || t.paid(), 'u1 02-02 02-05 00:00 1 -; u2 03-02 03-05 00:00 - sales_assisted; u3 03-02 - 6 - u4 01-05; u5 03-06', 'rows that repeat an id count once, the first');
DELETE FROM pql.conversion WHERE converted_at = '2026-02-05';
SELECT is(t.trials() || ' ' || t.paid(), 'u1 02-02 - - -; u2 03-02 03-05 00:00 1 sales_assisted; u3 03-02 - 6 - u4 01-05; u5 03-06', 'then the next, whoever it is of');
DELETE FROM pql.conversion;
TRUNCATE pql.trial, pql.person;


-- An account's payment ------------------------------------------------------------------------------

INSERT INTO pql.person (user_id, account_id) VALUES ('m1', 'acme'), ('m2', 'acme'), ('m3', 'acme'), ('m4', 'acme'), ('x', 'other');
INSERT INTO pql.trial (user_id, started_at) VALUES ('m1', '2026-03-03'), ('m2', '2026-03-02'), ('m3', '2026-03-02'), ('x', '2026-03-01');
INSERT INTO pql.conversion (conversion_id, account_id, converted_at, mrr) VALUES ('i1', 'acme', '2026-03-10', 500);
SELECT is(t.trials(), 'm1 03-03 03-10 00:00 - -; m2 03-02 03-10 00:00 500 -; m3 03-02 03-10 00:00 - -; x 03-01 - - -', 'converts its members'' trials, and its MRR counts once: in the first, and of two at once by name');
SELECT is(t.paid(), 'm4 03-10', 'who has no trial has paid');
INSERT INTO pql.trial (user_id, started_at) VALUES ('m4', '2026-03-01');
SELECT is(t.trials(), 'm1 03-03 03-10 00:00 - -; m2 03-02 03-10 00:00 - -; m3 03-02 03-10 00:00 - -; m4 03-01 03-10 00:00 500 -; x 03-01 - - -', 'a trial that began earlier has it then');
UPDATE pql.person SET account_id = 'other' WHERE user_id = 'm4';
SELECT is(t.trials(), 'm1 03-03 03-10 00:00 - -; m2 03-02 03-10 00:00 500 -; m3 03-02 03-10 00:00 - -; m4 03-01 - - -; x 03-01 - - -', 'who leaves the account leaves it behind');
UPDATE pql.person SET account_id = 'acme' WHERE user_id = 'x';
SELECT is(t.trials(), 'm1 03-03 03-10 00:00 - -; m2 03-02 03-10 00:00 - -; m3 03-02 03-10 00:00 - -; m4 03-01 - - -; x 03-01 03-10 00:00 500 -', 'who joins it has a part');
INSERT INTO pql.conversion (conversion_id, user_id, converted_at, mrr) VALUES ('own', 'x', '2026-03-05', 7);
SELECT is(t.trials(), 'm1 03-03 03-10 00:00 - -; m2 03-02 03-10 00:00 500 -; m3 03-02 03-10 00:00 - -; m4 03-01 - - -; x 03-01 03-05 00:00 7 -', 'what a member has paid before is the member''s, and the account''s MRR another''s');
INSERT INTO pql.conversion (conversion_id, user_id, account_id, converted_at, mrr) VALUES ('i2', 'm4', 'other', '2026-03-06', 9);
INSERT INTO pql.person (user_id, account_id) VALUES ('m5', 'other');
SELECT is(t.trials(), 'm1 03-03 03-10 00:00 - -; m2 03-02 03-10 00:00 500 -; m3 03-02 03-10 00:00 - -; m4 03-01 03-06 00:00 9 -; x 03-01 03-05 00:00 7 -', 'who pays for an account');
SELECT is(t.paid(), 'm5 03-06', 'pays for all of it, also for who comes later');
INSERT INTO pql.conversion (conversion_id, user_id, account_id, converted_at, mrr) VALUES ('i3', 'm1', 'nobody', '2026-03-04', 11);
SELECT matches(t.trials(), '^m1 03-03 03-04 00:00 11 -; m2', 'who is no member of the account that was paid for has paid all the same');
DELETE FROM pql.person WHERE user_id = 'm2';
SELECT matches(t.trials(), 'm2 03-02 - - -; m3 03-02 03-10 00:00 500', 'people who are gone');
DELETE FROM pql.conversion;
SELECT is((SELECT count(*) FROM pql.trial WHERE converted_at IS NOT NULL OR mrr IS NOT NULL), 0::bigint, 'undone');
SELECT is(t.paid(), '', 'of people as well');
SELECT is_empty('SELECT FROM pql.credit', 'nothing is kept');
TRUNCATE pql.trial, pql.person;


-- Verdicts, kept up to date ---------------------------------------------------------------------------

INSERT INTO pql.account (account_id, employees) VALUES ('acme', 500);
INSERT INTO pql.person (user_id, email, account_id) SELECT 'v' || n, 'v' || n || '@acme.example', CASE WHEN n <= 3 THEN 'acme' END FROM generate_series(1, 6) n;
INSERT INTO pql.trial (user_id, started_at) SELECT 'v' || n, timestamptz '2026-03-02' + n * interval '1 day' FROM generate_series(1, 6) n;
INSERT INTO pql.event (user_id, occurred_at, event) SELECT 'v' || n, timestamptz '2026-03-03' + n * interval '1 day', 'activation_complete' FROM generate_series(1, 6) n;
SELECT is_empty($$SELECT t.wrong('2026-03-08')$$, 'before anybody pays');
INSERT INTO pql.conversion (conversion_id, account_id, user_id, converted_at, mrr) VALUES ('a', 'acme', NULL, '2026-03-07', 100), ('b', NULL, 'v5', '2026-03-07 12:00', 10), ('c', NULL, 'v6', '2026-03-12', 10);
SELECT is_empty($$SELECT t.wrong('2026-03-08')$$, 'payments');
SELECT results_eq($$SELECT user_id, status = 'converted' FROM pql.score WHERE model = 'trial' ORDER BY 1$$, $$VALUES ('v1', true), ('v2', true), ('v3', true), ('v4', false), ('v5', true), ('v6', false)$$, 'convert');
SELECT is_empty($$SELECT t.wrong('2026-03-13')$$, 'one that was still to come');
SELECT is((SELECT status FROM pql.score WHERE model = 'trial' AND user_id = 'v6'), 'converted', 'converts when it comes');
DELETE FROM pql.conversion WHERE conversion_id = 'a';
SELECT is_empty($$SELECT t.wrong('2026-03-13')$$, 'a payment taken back');
SELECT isnt((SELECT status FROM pql.score WHERE model = 'trial' AND user_id = 'v1'), 'converted', 'is none');


-- Where events start trials -----------------------------------------------------------------------------

INSERT INTO pql.conversion (conversion_id, account_id, converted_at, mrr) VALUES ('a', 'acme', '2026-03-07', 100);
CREATE TABLE t.stored AS SELECT t.user_id, t.started_at, t.converted_at, t.mrr, t.conversion_source FROM pql.trial t;
INSERT INTO pql.event (user_id, occurred_at, event) SELECT t.user_id, t.started_at, 'signup_complete' FROM pql.trial t;
DELETE FROM pql.trial;
SELECT results_eq($$SELECT a.user_id, a.started_at, a.converted_at, a.mrr, a.conversion_source FROM pql.trial_at('2026-03-14') a ORDER BY 1, 2$$,
	$$SELECT * FROM t.stored ORDER BY 1, 2$$, 'conversions say of them what they say of trials in the table');
SELECT results_eq($$SELECT a.user_id, a.started_at, a.converted_at, a.mrr, a.conversion_source FROM pql.trial_at('2026-03-14', only_users => '{v2,v5}') a ORDER BY 1, 2$$,
	$$SELECT * FROM t.stored WHERE user_id IN ('v2', 'v5') ORDER BY 1, 2$$, 'also of some users only, whose account''s MRR is another''s');
SELECT is_empty($$SELECT t.wrong('2026-03-14')$$, 'refresh and score_all agree');
SELECT results_eq($$SELECT s.user_id, s.status FROM pql.score_all('trial', '2026-03-14') s ORDER BY 1$$,
	$$SELECT p.user_id, j.status FROM pql.profile_of(pql.model('trial'), '2026-03-14') p
	CROSS JOIN LATERAL (SELECT pql.gather(pql.model('trial'), e.occurred_at, e.event, e.properties, p.started_at) AS evidence FROM pql.event e WHERE e.user_id = p.user_id AND e.occurred_at <= '2026-03-14') g
	CROSS JOIN LATERAL pql.judge(pql.model('trial'), g.evidence, p.profile, '2026-03-14') j ORDER BY 1$$, 'and so does judging by profile');
SELECT is((SELECT count(*) FROM pql.score WHERE model = 'trial' AND status = 'converted'), 5::bigint, 'they convert');
INSERT INTO pql.conversion (user_id, converted_at) VALUES ('v4', '2026-03-13');
SELECT is_empty($$SELECT t.wrong('2026-03-14')$$, 'a payment more');
SELECT is((SELECT status FROM pql.score WHERE model = 'trial' AND user_id = 'v4'), 'converted', 'converts');
INSERT INTO pql.conversion (user_id, converted_at) VALUES ('v4', '2026-03-05 12:00');
DELETE FROM pql.conversion WHERE conversion_id = 'a';
SELECT is_empty($$SELECT t.wrong('2026-03-14')$$, 'one taken back');
UPDATE pql.person SET account_id = NULL WHERE user_id = 'v2';
INSERT INTO pql.conversion (conversion_id, account_id, converted_at, mrr) VALUES ('a2', 'acme', '2026-03-16', 100);
SELECT is_empty($$SELECT t.wrong('2026-03-15')$$, 'one to come');
SELECT is_empty($$SELECT t.wrong('2026-03-17')$$, 'which comes');
SELECT is((SELECT string_agg(user_id, ' ' ORDER BY user_id) FROM pql.score WHERE model = 'trial' AND status = 'converted'), 'v1 v3 v4 v5 v6', 'for members');
UPDATE pql.person SET account_id = 'acme' WHERE user_id = 'v2';
SELECT is_empty($$SELECT t.wrong('2026-03-17')$$, 'for who joins');
SELECT is((SELECT status FROM pql.score WHERE model = 'trial' AND user_id = 'v2'), 'converted', 'as well');
INSERT INTO pql.trial (user_id, started_at) SELECT s.user_id, s.started_at FROM t.stored s;
SELECT is_empty($$SELECT t.wrong('2026-03-17')$$, 'and then trials are in the table');
SELECT is((SELECT string_agg(user_id, ' ' ORDER BY user_id) FROM pql.score WHERE model = 'trial' AND status = 'converted'), 'v1 v2 v3 v4 v5 v6', 'and are as they were');


-- What cannot be done at once ---------------------------------------------------------------------------

-- as while a dump is restored
SET LOCAL check_function_bodies = off;
CREATE TABLE t.before AS TABLE pql.trial;
DELETE FROM pql.conversion;
SELECT results_eq('SELECT user_id, converted_at FROM pql.trial ORDER BY 1', 'SELECT user_id, converted_at FROM t.before ORDER BY 1', 'nothing is written while a dump is restored');
RESET check_function_bodies;
SELECT is_empty($$SELECT t.wrong('2026-03-17')$$, 'the next refresh does it');
SELECT is((SELECT count(*) FROM pql.trial WHERE converted_at IS NOT NULL), 0::bigint, 'indeed');
-- an error of ours
CREATE FUNCTION t.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
CREATE TRIGGER fail BEFORE INSERT ON pql.credit FOR EACH ROW EXECUTE FUNCTION t.fail();
SELECT lives_ok($$INSERT INTO pql.conversion (user_id, converted_at) VALUES ('v1', '2026-03-06')$$, 'who loads is not disturbed');
SELECT is((SELECT (pql.follow_inputs('2026-03-17')).failures), ARRAY['conversions cannot be settled: no'], 'what went wrong is told by who refreshes');
DROP TRIGGER fail ON pql.credit;
SELECT is_empty($$SELECT t.wrong('2026-03-17')$$, 'and done when it is mended');
SELECT is((SELECT converted_at FROM pql.trial WHERE user_id = 'v1'), timestamptz '2026-03-06', 'indeed');
-- who may only load
CREATE ROLE pql_conversion_loader;
GRANT USAGE ON SCHEMA pql TO pql_conversion_loader;
GRANT INSERT ON pql.conversion TO pql_conversion_loader;
SET LOCAL ROLE pql_conversion_loader;
INSERT INTO pql.conversion (user_id, converted_at) VALUES ('v2', '2026-03-06');
RESET ROLE;
SELECT is((SELECT converted_at FROM pql.trial WHERE user_id = 'v2'), timestamptz '2026-03-06', 'whoever may write payments needs no more');

SELECT * FROM finish();
ROLLBACK;
