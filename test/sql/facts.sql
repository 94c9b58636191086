-- Facts: pql.person and pql.account hold what is known now, pql.fact what was known when.
\set ON_ERROR_ROLLBACK on
\set SHOW_CONTEXT never
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SET client_min_messages = warning;
SET jit = off; -- seconds of compiling for queries of milliseconds

BEGIN;

-- Times that the clock gave are 'now': this transaction began before them, and they are not in the future.
CREATE FUNCTION pg_temp.told(t timestamptz) RETURNS text LANGUAGE sql AS $$
	SELECT CASE WHEN t BETWEEN now() AND clock_timestamp() THEN 'now' ELSE t::text END $$;
CREATE FUNCTION pg_temp.facts(of_subject text) RETURNS TABLE (name text, value jsonb, source text, recorded_at text) LANGUAGE sql AS $$
	SELECT f.name, f.value, f.source, pg_temp.told(f.recorded_at) FROM pql.fact f WHERE f.subject = of_subject ORDER BY f.name COLLATE "C", f.recorded_at $$;

---- what tables do to the history

-- the first value known leaves no history: it holds from the beginning
INSERT INTO pql.account (account_id, name) VALUES ('f_acme', 'Acme');
INSERT INTO pql.person (user_id, email, account_id) VALUES ('f_sue', 'sue@acme.example', 'f_acme');
UPDATE pql.account SET employees = 100 WHERE account_id = 'f_acme';
SELECT count(*) FROM pql.fact WHERE subject LIKE 'f\_%';
-- a value that changes is recorded, and the one before it as from the beginning
UPDATE pql.account SET employees = 800 WHERE account_id = 'f_acme';
SELECT * FROM pg_temp.facts('f_acme');
-- the same again is no change
UPDATE pql.account SET employees = 800, name = 'Acme' WHERE account_id = 'f_acme';
SELECT count(*) FROM pql.fact WHERE subject = 'f_acme';
-- unknown again is a change, and so is known again
UPDATE pql.account SET employees = NULL WHERE account_id = 'f_acme';
UPDATE pql.account SET employees = 900 WHERE account_id = 'f_acme';
SELECT * FROM pg_temp.facts('f_acme');
-- attributes are facts like columns, deeper ones as a whole
UPDATE pql.account SET attributes = '{"tech": {"crm": "salesforce"}, "target": true}' WHERE account_id = 'f_acme';
UPDATE pql.account SET attributes = '{"tech": {"crm": "hubspot"}, "target": true}' WHERE account_id = 'f_acme';
SELECT * FROM pg_temp.facts('f_acme') WHERE name <> 'account.employees';
-- an address that changes; times that are columns themselves leave no history
UPDATE pql.person SET email = 'sue@gmail.com', opted_out_at = '2024-01-05 00:00Z', paid_at = '2024-01-06 00:00Z' WHERE user_id = 'f_sue';
SELECT * FROM pg_temp.facts('f_sue');

---- what the history does to the tables

INSERT INTO pql.account (account_id, name, employees) VALUES ('f_beta', 'Beta', 50);
-- a fact with a time of its own: the column follows, and what it held was known from the beginning
INSERT INTO pql.fact (subject, name, value, source, recorded_at) VALUES ('f_beta', 'account.employees', '300', 'enrichment', '2024-01-03 15:00Z');
SELECT employees FROM pql.account WHERE account_id = 'f_beta';
SELECT * FROM pg_temp.facts('f_beta');
-- an earlier one is history only; a later one is now
INSERT INTO pql.fact (subject, name, value, source, recorded_at) VALUES ('f_beta', 'account.employees', '200', 'crm', '2024-01-02 15:00Z');
SELECT employees FROM pql.account WHERE account_id = 'f_beta';
INSERT INTO pql.fact (subject, name, value, source, recorded_at) VALUES ('f_beta', 'account.employees', '400', 'crm', '2024-01-04 15:00Z');
SELECT employees FROM pql.account WHERE account_id = 'f_beta';
-- null is unknown from then on
INSERT INTO pql.fact (subject, name, value, source, recorded_at) VALUES ('f_beta', 'account.employees', 'null', 'crm', '2024-01-05 15:00Z');
SELECT employees IS NULL AS unknown FROM pql.account WHERE account_id = 'f_beta';
INSERT INTO pql.fact (subject, name, value, source, recorded_at) VALUES ('f_beta', 'account.employees', '500', 'crm', '2024-01-06 15:00Z');
-- a value corrected in place
UPDATE pql.fact SET value = '501' WHERE subject = 'f_beta' AND recorded_at = '2024-01-06 15:00Z';
SELECT employees FROM pql.account WHERE account_id = 'f_beta';
SELECT * FROM pg_temp.facts('f_beta');
-- then by hand, which is now
UPDATE pql.account SET employees = 600 WHERE account_id = 'f_beta';
SELECT value, source, recorded_at FROM pg_temp.facts('f_beta') ORDER BY recorded_at DESC LIMIT 1;
-- what is no column is an attribute
INSERT INTO pql.fact (subject, name, value, source, recorded_at) VALUES ('f_beta', 'account.tier_of_service', '"gold"', 'crm', '2024-01-04 15:00Z'), ('f_sue', 'person.role', '"admin"', 'form', '2024-01-04 15:00Z');
SELECT attributes FROM pql.account WHERE account_id = 'f_beta';
SELECT attributes FROM pql.person WHERE user_id = 'f_sue';
INSERT INTO pql.fact (subject, name, value, source, recorded_at) VALUES ('f_beta', 'account.tier_of_service', NULL, 'crm', '2024-01-05 15:00Z');
SELECT attributes FROM pql.account WHERE account_id = 'f_beta';
-- of somebody who is not known, of trials and leads: kept, and nothing follows
INSERT INTO pql.fact (subject, name, value, source, recorded_at) VALUES ('f_nobody', 'account.employees', '5', 'crm', '2024-01-04 15:00Z'), ('f_sue', 'trial.plan', '"team"', 'billing', '2024-01-04 15:00Z'), ('f_sue', 'lead.disposition', '"nurture"', 'crm', '2024-01-04 15:00Z');
SELECT count(*) FROM pql.fact WHERE subject IN ('f_nobody', 'f_sue') AND recorded_at = '2024-01-04 15:00Z';
-- no name of a fact; no value of the column's type
INSERT INTO pql.fact (subject, name, value) VALUES ('f_beta', 'employees', '5');
INSERT INTO pql.fact (subject, name, value) VALUES ('f_beta', 'company.employees', '5');
INSERT INTO pql.fact (subject, name, value, recorded_at) VALUES ('f_beta', 'account.employees', '"many"', '2100-01-01 00:00Z');
-- the same fact at the same instant
INSERT INTO pql.fact (subject, name, value, recorded_at) VALUES ('f_beta', 'account.employees', '7', '2024-01-04 15:00Z');

---- no look-ahead

-- what the history says as of an instant; known by an earlier one
INSERT INTO pql.account (account_id, name) VALUES ('f_late', 'Late');
INSERT INTO pql.person (user_id, email, account_id) VALUES ('f_ann', 'ann@late.example', 'f_late');
INSERT INTO pql.trial (user_id, started_at) VALUES ('f_ann', '2024-01-01 09:00Z');
INSERT INTO pql.fact (subject, name, value, source, recorded_at) VALUES ('f_late', 'account.employees', '800', 'enrichment', '2024-01-07 15:00Z');
INSERT INTO pql.event (user_id, occurred_at, event, properties, received_at) VALUES
	('f_ann', '2024-01-03 10:00Z', 'activation_complete', NULL, '2024-01-03 10:05Z'),
	('f_ann', '2024-01-04 11:00Z', 'invite_sent', '{"invitee_email": "a@b.example"}', '2024-01-04 11:05Z'),
	('f_ann', '2024-01-05 12:00Z', 'integration_connected', '{"integration_type": "dbt"}', '2024-01-20 00:00Z');
CREATE FUNCTION pg_temp.ann(as_of timestamptz, known_at timestamptz DEFAULT NULL) RETURNS TABLE (status text, score int, potential int, exclusions text[], qualified_at timestamptz) LANGUAGE sql AS $$
	SELECT s.status, s.score, s.potential, s.exclusions, s.qualified_at FROM pql.score_all('trial', as_of, known_at) s WHERE s.user_id = 'f_ann' $$;
SELECT t, a.* FROM unnest(ARRAY['2024-01-04 10:59Z', '2024-01-05 12:00Z', '2024-01-07 14:59:59.999999Z', '2024-01-07 15:00Z', '2024-02-01 00:00Z']::timestamptz[]) t, pg_temp.ann(t) a ORDER BY t;
-- an integration that was loaded on the 20th; a size that was known on the 7th
SELECT k AS known_at, a.* FROM unnest(ARRAY['2024-01-06 00:00Z', '2024-01-10 00:00Z', '2024-01-20 00:00Z', NULL]::timestamptz[]) k, pg_temp.ann('2024-02-01 00:00Z', k) a ORDER BY k;
-- the same from the past, whatever is learnt later
INSERT INTO pql.fact (subject, name, value, source, recorded_at) VALUES ('f_late', 'account.employees', '20', 'crm', '2024-01-08 15:00Z');
UPDATE pql.person SET opted_out_at = '2024-01-09 00:00Z' WHERE user_id = 'f_ann';
INSERT INTO pql.fact (subject, name, value, source, recorded_at) VALUES ('f_ann', 'lead.disposition', '"disqualified"', 'crm', '2024-01-09 12:00Z');
UPDATE pql.trial SET converted_at = '2024-01-12 00:00Z' WHERE user_id = 'f_ann';
SELECT t, a.* FROM unnest(ARRAY['2024-01-05 12:00Z', '2024-01-07 15:00Z', '2024-01-08 14:59Z', '2024-01-08 15:00Z', '2024-01-09 00:00Z', '2024-01-09 12:00Z', '2024-01-12 00:00Z']::timestamptz[]) t, pg_temp.ann(t) a ORDER BY t;

-- The kind of an address follows the address.
SELECT email, pql.email_kind(email) AS kind, pql.email_host(email) AS host FROM unnest(ARRAY['sue@acme.example', 'sue@gmail.com', 'Sue@GMAIL.com ', 'sue@mailinator.com', '"a@b"@gmail.com', 'sue', '', '@', 'sue@', NULL]) WITH ORDINALITY u (email, n) ORDER BY n;
INSERT INTO pql.person (user_id, email) VALUES ('f_eva', 'eva@corp.example');
INSERT INTO pql.trial (user_id, started_at) VALUES ('f_eva', '2024-01-01 09:00Z');
INSERT INTO pql.fact (subject, name, value, source, recorded_at) VALUES ('f_eva', 'person.email', '"eva@gmail.com"', 'form', '2024-01-03 00:00Z');
SELECT t, s.exclusions FROM unnest(ARRAY['2024-01-02 00:00Z', '2024-01-03 00:00Z']::timestamptz[]) t, pql.score_all('trial', t) s WHERE user_id = 'f_eva' ORDER BY t;

-- How much of what a model reads is known, and how much of that is held to be known from the beginning.
SELECT * FROM pql.fact_coverage('trial', '2024-01-07 14:00Z');
SELECT * FROM pql.fact_coverage('trial', '2024-01-08 00:00Z') WHERE fact = 'account.employees';
SELECT * FROM pql.fact_coverage('trail');

ROLLBACK;
