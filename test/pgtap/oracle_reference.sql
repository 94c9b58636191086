-- The oracle itself, against cases worked out by hand: the reference cases of SPEC 3.1 first,
-- then each edge that the differential test relies on.
--
--   pg_prove -d DB test/pgtap/oracle_reference.sql

BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL TimeZone = 'UTC';
\ir ../oracle/trial.sql

SELECT plan(59);

ALTER TABLE pql.person DISABLE TRIGGER USER;
ALTER TABLE pql.account DISABLE TRIGGER USER;
ALTER TABLE pql.fact DISABLE TRIGGER USER;
DELETE FROM pql.trial;

CREATE FUNCTION oracle.verdict(who text, as_of timestamptz, tz text DEFAULT 'UTC', known_at timestamptz DEFAULT NULL)
RETURNS text
LANGUAGE sql STABLE
AS $$
	SELECT string_agg(format('%s %s/%s %s %s %s', status, score, potential, COALESCE(tier, '-'),
	                         exclusions, COALESCE(to_char(qualified_at AT TIME ZONE 'UTC', 'MM-DD HH24:MI:SS.US'), '-')),
	                  '; ' ORDER BY started_at)
	FROM oracle.trial(as_of, known_at, tz, who)
$$;

-- person(who, employees): a work address, a company of that size, a trial from Monday 2024-01-01 09:00
CREATE FUNCTION oracle.enrol(who text, size int, trial_start timestamptz DEFAULT '2024-01-01 09:00Z') RETURNS void
LANGUAGE sql VOLATILE
AS $$
	INSERT INTO pql.account (account_id, employees) VALUES ('acc_' || who, size);
	INSERT INTO pql.person (user_id, email, account_id) VALUES (who, who || '@acme.example', 'acc_' || who);
	INSERT INTO pql.trial (user_id, started_at) VALUES (who, trial_start)
$$;

-- does(who, 'instant event [value]', …)
CREATE FUNCTION oracle.does(who text, VARIADIC what text[]) RETURNS void
LANGUAGE sql VOLATILE
AS $$
	INSERT INTO pql.event (user_id, occurred_at, event, properties, received_at)
	SELECT who, ('2024-' || w[1] || ' ' || w[2] || 'Z')::timestamptz, w[3],
	       CASE w[3] WHEN 'invite_sent' THEN jsonb_build_object('invitee_email', w[4])
	                 WHEN 'integration_connected' THEN jsonb_build_object('integration_type', w[4])
	                 WHEN 'page_view' THEN jsonb_build_object('page_path', w[4]) END,
	       NULL
	FROM unnest(what) x, string_to_array(x, ' ') w
$$;

-- A trial that signup_complete starts (there is no trial row yet)
SELECT oracle.does('sue', '01-02 10:00 activation_complete', '01-02 10:00 invite_sent a@b.example',
                   '01-03 10:00 integration_connected segment');
INSERT INTO pql.event (user_id, occurred_at, event, properties, received_at)
VALUES ('sue', '2024-01-01 09:00Z', 'signup_complete', '{"email": "sue@corp.example", "company_size": 300}', NULL);
SELECT is(oracle.verdict('sue', '2024-01-04Z'), 'qualified 6/6 medium {} 01-03 10:00:00.000000',
          'signup_complete starts a trial and says the size');
UPDATE pql.event SET properties = '{"email": "test@gmail.com", "company_size": 30}'
WHERE user_id = 'sue' AND event = 'signup_complete';
SELECT is(oracle.verdict('sue', '2024-01-04Z'), 'excluded 0/6 - {outside_icp,personal_email,test_account} -',
          'and the address');

-- Acme
SELECT oracle.enrol('acme', 800);
SELECT is(oracle.verdict('sue', '2024-01-04Z'), NULL, 'signup_complete starts nothing where there are trials');
SELECT oracle.does('acme', '01-01 09:05 session_start', '01-03 10:00 activation_complete', '01-03 09:55 session_start',
                   '01-04 11:00 invite_sent a@b.example', '01-04 11:01 invite_sent c@b.example',
                   '01-05 12:00 integration_connected snowflake');
SELECT is(oracle.verdict('acme', '2024-01-05 11:59:59.999999Z'), 'below 3/3 - {} -', 'Acme before the integration');
SELECT is(oracle.verdict('acme', '2024-01-05 12:00Z'), 'qualified 6/6 medium {} 01-05 12:00:00.000000', 'Acme qualifies with it');
SELECT is(oracle.verdict('acme', '2024-03-05 12:00Z'), 'qualified 6/6 medium {too_late} 01-05 12:00:00.000000', 'Acme long after');
SELECT oracle.does('acme', '01-08 08:00 session_start');
SELECT is(oracle.verdict('acme', '2024-01-08 08:00Z'), 'qualified 8/8 high {} 01-05 12:00:00.000000', 'Acme on a third day');
SELECT is((SELECT signals FROM oracle.trial('2024-01-08 08:00Z', users => 'acme')),
          '{activated,icp_fit,invites,integrations,multi_day}'::text[], 'Acme''s signals, in the model''s order');

-- The start-up
SELECT oracle.enrol('startup', 50);
SELECT oracle.does('startup', '01-01 09:10 query_run');
SELECT is(oracle.verdict('startup', '2024-01-02Z'), 'excluded 0/0 - {outside_icp} -', 'a 50-person start-up');
SELECT is((SELECT signals FROM oracle.trial('2024-01-02Z', users => 'startup')), '{}'::text[], 'with no signal');

-- Everything on the day of signup
SELECT oracle.enrol('oneday', 800);
SELECT oracle.does('oneday', '01-01 09:10 activation_complete', '01-01 09:20 invite_sent a@b.example',
                   '01-01 15:00 integration_connected segment');
SELECT is(oracle.verdict('oneday', '2024-01-01 15:00Z'), 'hold 6/6 medium {} -', 'a hold begins');
SELECT is(oracle.verdict('oneday', '2024-01-02 14:59:59.999999Z'), 'hold 6/6 medium {} -', 'runs for 24 hours');
SELECT is(oracle.verdict('oneday', '2024-01-02 15:00Z'), 'monitor 6/6 medium {} -', 'silence makes it monitor');
SELECT oracle.does('oneday', '01-02 15:00 session_start');
SELECT is(oracle.verdict('oneday', '2024-01-02 15:00Z'), 'monitor 6/6 medium {} -', '24 hours exactly is too late');
SELECT oracle.does('oneday', '01-01 23:59:59.999999 session_start');
SELECT is(oracle.verdict('oneday', '2024-01-02 15:00Z'), 'monitor 6/6 medium {} -', 'the same day does not release');
SELECT is(oracle.verdict('oneday', '2024-01-02 15:00Z', 'Europe/Berlin'), 'qualified 6/6 medium {} 01-01 23:59:59.999999',
          'in Berlin it is the next day already');
SELECT oracle.does('oneday', '01-02 08:00 whatever');
SELECT is(oracle.verdict('oneday', '2024-01-02 15:00Z'), 'qualified 6/6 medium {} 01-02 08:00:00.000000',
          'any event the next morning qualifies it');

SELECT oracle.enrol('slow', 800);
SELECT oracle.does('slow', '01-01 09:10 activation_complete', '01-01 09:20 invite_sent a@b.example',
                   '01-01 15:00 integration_connected segment', '01-04 09:00 invite_sent d@b.example');
SELECT is(oracle.verdict('slow', '2024-01-04 09:00Z'), 'qualified 6/6 medium {} 01-04 09:00:00.000000',
          'after monitor a second counted day still qualifies');

-- A hold that begins on day 10 (January 10)
SELECT oracle.enrol('ten', 800);
SELECT oracle.does('ten', '01-10 20:00 activation_complete', '01-10 20:00 invite_sent a@b.example',
                   '01-10 21:00 integration_connected segment');
SELECT is(oracle.verdict('ten', '2024-01-11 20:59:59.999999Z'), 'hold 6/6 medium {} -', 'a hold runs on after day 10');
SELECT is(oracle.verdict('ten', '2024-01-11 21:00Z'), 'expired 6/6 medium {} -', 'and then all is over');
SELECT oracle.does('ten', '01-11 20:59:59.999999 session_start');
SELECT is(oracle.verdict('ten', '2024-01-12Z'), 'qualified 6/6 medium {} 01-11 20:59:59.999999', 'released on day 11');
UPDATE pql.trial SET ends_at = '2024-01-14 12:00Z' WHERE user_id = 'ten';
SELECT is(oracle.verdict('ten', '2024-01-11 20:00Z'), 'excluded 6/6 medium {too_late} -', 'an exclusion hides the hold');
SELECT is(oracle.verdict('ten', '2024-01-11 20:59:59.999999Z'), 'expired 6/6 medium {too_late} -',
          'and stops its release on day 11 for good');
SELECT oracle.does('ten', '01-11 20:59 page_view /pricing');
SELECT is(oracle.verdict('ten', '2024-01-12Z'), 'qualified 6/6 medium {} 01-11 20:59:00.000000',
          'a billing view on day 11 still lifts too_late');

-- Employees learnt
SELECT oracle.enrol('unknown', NULL);
SELECT oracle.does('unknown', '01-01 09:10 activation_complete', '01-01 09:20 invite_sent a@b.example',
                   '01-01 15:00 integration_connected segment', '01-02 09:00 session_start');
SELECT is(oracle.verdict('unknown', '2024-01-05Z'), 'gated 0/6 - {} -', 'employees unknown: gated');
INSERT INTO pql.fact VALUES ('acc_unknown', 'account.employees', '800', 'enrichment', '2024-01-07 12:00Z');
UPDATE pql.account SET employees = 800 WHERE account_id = 'acc_unknown';
SELECT is(oracle.verdict('unknown', '2024-01-05Z'), 'gated 0/6 - {} -', 'no look-ahead');
SELECT is(oracle.verdict('unknown', '2024-01-07 12:00Z'), 'qualified 6/6 medium {} 01-07 12:00:00.000000',
          'learnt after the release: qualified when learnt');
SELECT is(oracle.verdict('unknown', '2024-01-08Z', known_at => '2024-01-07 11:59Z'), 'gated 0/6 - {} -', 'unless it was not known');
UPDATE pql.fact SET recorded_at = '2024-01-10 23:59:59.999999Z' WHERE subject = 'acc_unknown';
SELECT is(oracle.verdict('unknown', '2024-01-12Z'), 'qualified 6/6 medium {} 01-10 23:59:59.999999', 'at the window''s last instant');
UPDATE pql.fact SET recorded_at = '2024-01-11 00:00Z' WHERE subject = 'acc_unknown';
SELECT is(oracle.verdict('unknown', '2024-01-11Z'), 'expired 6/6 medium {} -', 'learnt after day 10 qualifies nobody');
UPDATE pql.fact SET recorded_at = '2024-01-03 00:00Z' WHERE subject = 'acc_unknown';
INSERT INTO pql.fact VALUES ('acc_unknown', 'account.employees', '80', 'enrichment', '2024-01-05 00:00Z');
SELECT is(oracle.verdict('unknown', '2024-01-06Z'), 'qualified 0/6 - {outside_icp} 01-03 00:00:00.000000',
          'an exclusion that begins later takes nothing back');

SELECT oracle.enrol('latefact', NULL);
SELECT oracle.does('latefact', '01-10 09:10 activation_complete', '01-10 09:20 invite_sent a@b.example',
                   '01-10 15:00 integration_connected segment', '01-11 09:00 session_start');
INSERT INTO pql.fact VALUES ('acc_latefact', 'account.employees', '800', 'enrichment', '2024-01-10 23:00Z');
SELECT is(oracle.verdict('latefact', '2024-01-12Z'), 'qualified 6/6 medium {} 01-11 09:00:00.000000', 'known by the end of day 10: the hold counts');
UPDATE pql.fact SET recorded_at = '2024-01-11 00:00Z' WHERE subject = 'acc_latefact';
SELECT is(oracle.verdict('latefact', '2024-01-11 08:00Z'), 'expired 6/6 medium {} -', 'not known by then: no hold');
SELECT is(oracle.verdict('latefact', '2024-01-12Z'), 'expired 6/6 medium {} -', 'and no release');

-- Too late
SELECT oracle.enrol('late', 800);
UPDATE pql.trial SET ends_at = '2024-01-08 12:00Z' WHERE user_id = 'late';
SELECT oracle.does('late', '01-02 09:00 activation_complete', '01-03 09:20 invite_sent a@b.example',
                   '01-05 12:00 integration_connected segment');
SELECT is(oracle.verdict('late', '2024-01-09Z'), 'qualified 6/6 medium {too_late} 01-05 12:00:00.000000', '72 hours left is in time');
UPDATE pql.trial SET ends_at = '2024-01-08 11:59:59.999999Z' WHERE user_id = 'late';
SELECT is(oracle.verdict('late', '2024-01-06Z'), 'excluded 6/6 medium {too_late} -', 'a microsecond less is not');
SELECT oracle.does('late', '01-07 12:00 page_view /pricing?x');
SELECT is(oracle.verdict('late', '2024-01-07 12:00Z'), 'qualified 6/6 medium {} 01-07 12:00:00.000000', 'a billing view mends it');

-- Pages
SELECT oracle.enrol('pages', 800);
SELECT oracle.does('pages', '01-02 09:00 activation_complete', '01-02 10:00 page_view /billing', '01-03 10:00 page_view /billingx',
                   '01-04 10:00 page_view /Pricing', '01-05 10:00 page_view /docs/billing');
SELECT is(oracle.verdict('pages', '2024-01-06Z'), 'below 0/0 - {} -', 'pages that only look like it');
SELECT oracle.does('pages', '01-02 11:00 page_view /pricing/');
SELECT is(oracle.verdict('pages', '2024-01-06Z'), 'below 0/0 - {} -', 'two views on one day');
SELECT oracle.does('pages', '01-07 11:00 page_view /pricing#a');
SELECT is(oracle.verdict('pages', '2024-01-08Z'), 'below 2/2 - {} -', 'billing views alone never qualify');
SELECT oracle.does('pages', '01-02 08:00 session_start', '01-03 08:00 session_start', '01-08 08:00 session_start');
SELECT is(oracle.verdict('pages', '2024-01-09Z'), 'qualified 4/4 medium {} 01-08 08:00:00.000000', 'with sessions on three days they do');

-- Two trials of one user
SELECT oracle.enrol('again', 800);
INSERT INTO pql.trial (user_id, started_at) VALUES ('again', '2024-01-05 09:00Z');
SELECT oracle.does('again', '01-02 09:00 activation_complete', '01-03 09:20 invite_sent a@b.example',
                   '01-05 09:00 integration_connected segment');
SELECT is(oracle.verdict('again', '2024-01-05 08:00Z'), 'below 3/3 - {} -', 'only trials that have begun');
SELECT is(oracle.verdict('again', '2024-01-06Z'), 'below 3/3 - {} -; gated 0/3 - {} -', 'an event belongs to the latest trial');
INSERT INTO pql.fact VALUES ('again', 'lead.disposition', '"disqualified"', 'rep', '2024-01-05 08:59Z');
SELECT is(oracle.verdict('again', '2024-01-06Z'), 'excluded 3/3 - {disqualified} -; gated 0/3 - {} -', 'so does a disposition');
UPDATE pql.trial SET converted_at = '2024-01-05 09:00Z' WHERE user_id = 'again' AND started_at < '2024-01-02';
SELECT is(oracle.verdict('again', '2024-01-06Z'), 'converted 3/3 - {disqualified} -; gated 0/3 - {} -', 'paid as the next began');
UPDATE pql.trial SET converted_at = '2024-01-05 08:59Z' WHERE user_id = 'again' AND started_at < '2024-01-02';
SELECT is(oracle.verdict('again', '2024-01-06Z'), 'converted 3/3 - {disqualified} -; excluded 0/3 - {already_paid} -', 'paid before the next began');

-- Conversion
SELECT oracle.enrol('payer', 800);
SELECT oracle.does('payer', '01-02 09:00 activation_complete', '01-03 09:20 invite_sent a@b.example',
                   '01-05 12:00 integration_connected segment');
UPDATE pql.trial SET converted_at = '2024-01-05 12:00:00.000001Z' WHERE user_id = 'payer';
SELECT is(oracle.verdict('payer', '2024-01-05 12:00Z'), 'qualified 6/6 medium {} 01-05 12:00:00.000000', 'a conversion to come is unknown');
SELECT is(oracle.verdict('payer', '2024-01-06Z'), 'converted 6/6 medium {} 01-05 12:00:00.000000', 'converted after qualifying');
UPDATE pql.trial SET converted_at = '2024-01-05 12:00Z' WHERE user_id = 'payer';
SELECT is(oracle.verdict('payer', '2024-01-06Z'), 'converted 6/6 medium {} -', 'converted at that instant: not qualified');

-- The edges of the window, ties, odd rows
SELECT oracle.enrol('edges', 2000);
SELECT oracle.does('edges', '01-01 08:59:59.999999 activation_complete', '01-05 09:00 invite_sent a@b.example',
                   '01-10 23:59:59.999999 integration_connected segment');
SELECT is(oracle.verdict('edges', '2024-01-10 23:59:59.999999Z'), 'gated 0/6 - {} -', 'an event before the start does not count');
SELECT oracle.does('edges', '01-01 09:00 activation_complete');
SELECT is(oracle.verdict('edges', '2024-01-10 23:59:59.999999Z'), 'qualified 6/6 medium {} 01-10 23:59:59.999999', 'at the start it does; day 10''s last microsecond');
UPDATE pql.event SET occurred_at = '2024-01-11Z' WHERE user_id = 'edges' AND event = 'integration_connected';
SELECT is(oracle.verdict('edges', '2024-01-11Z'), 'expired 3/3 - {} -', 'day 11''s first instant is outside');
INSERT INTO pql.event (user_id, occurred_at, event, properties, received_at) VALUES
	('edges', NULL, 'integration_connected', '{"integration_type": "x"}', NULL),
	('edges', '-infinity', 'integration_connected', '{"integration_type": "x"}', NULL),
	('edges', 'infinity', 'integration_connected', '{"integration_type": "x"}', NULL),
	('edges', '2024-01-07Z', NULL, '{"integration_type": "x"}', NULL),
	(NULL, '2024-01-07Z', 'integration_connected', '{"integration_type": "x"}', NULL),
	('edges', '2024-01-07Z', 'integration_connected', '{"integration_type": null}', NULL),
	('edges', '2024-01-07Z', 'integration_connected', '["integration_type"]', NULL),
	('edges', '2024-01-07Z', 'integration_connected', NULL, NULL);
SELECT is(oracle.verdict('edges', '2024-01-11Z'), 'expired 3/3 - {} -', 'rows without what it takes');
INSERT INTO pql.event (user_id, occurred_at, event, properties, received_at, event_id) VALUES
	('edges', '2024-01-07Z', 'integration_connected', '{"integration_type": 5}', '2024-01-20Z', 'x1'),
	('edges', '2024-01-07Z', 'integration_connected', '{"integration_type": 5}', '2024-01-09Z', 'x1');
SELECT is(oracle.verdict('edges', '2024-01-11Z'), 'qualified 6/6 medium {} 01-07 00:00:00.000000', 'a number is a value too');
SELECT is(oracle.verdict('edges', '2024-01-11Z', known_at => '2024-01-09Z'), 'qualified 6/6 medium {} 01-07 00:00:00.000000', 'the earliest copy tells when it was known');
SELECT is(oracle.verdict('edges', '2024-01-11Z', known_at => '2024-01-08Z'), 'expired 3/3 - {} -', 'not known before');

-- Days where clocks change
SELECT is(oracle.first_instant('2024-11-03', 'America/Havana'), '2024-11-03 04:00Z', 'Havana: of two midnights the first');
SELECT is(oracle.first_instant('2018-11-04', 'America/Sao_Paulo'), '2018-11-04 03:00Z', 'Sao Paulo: no midnight, the day begins at 01:00');
SELECT is(oracle.first_instant('2011-12-30', 'Pacific/Apia'), '2011-12-30 10:00Z', 'Apia: no such day, the next one begins');

SELECT * FROM finish();
ROLLBACK;
