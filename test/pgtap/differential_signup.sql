-- Without any trial row, signup_complete starts trials and supplies what nothing else says:
-- the oracle and score_all must agree on that too.
--
--   pg_prove -d DB test/pgtap/differential_signup.sql

BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL TimeZone = 'UTC';
\ir ../oracle/trial.sql

SELECT plan(5);

ALTER TABLE pql.person DISABLE TRIGGER USER;
ALTER TABLE pql.account DISABLE TRIGGER USER;
ALTER TABLE pql.fact DISABLE TRIGGER USER;
DELETE FROM pql.trial;

-- One user each: what signup_complete says, and who is known otherwise.
INSERT INTO pql.event (user_id, occurred_at, event, properties, received_at)
VALUES ('su_fit',      '2024-01-01 09:00Z', 'signup_complete', '{"email": "a@corp.example", "company_size": 800}', NULL),
       ('su_small',    '2024-01-01 09:00Z', 'signup_complete', '{"email": "a@corp.example", "company_size": 50}', NULL),
       ('su_personal', '2024-01-01 09:00Z', 'signup_complete', '{"email": " A@GMail.com", "company_size": 800}', NULL),
       ('su_test',     '2024-01-01 09:00Z', 'signup_complete', '{"email": "ann+test2@corp.example", "company_size": 800}', NULL),
       ('su_silent',   '2024-01-01 09:00Z', 'signup_complete', NULL, NULL),
       ('su_known',    '2024-01-01 09:00Z', 'signup_complete', '{"email": "test@gmail.com", "company_size": 50}', NULL),
       ('su_half',     '2024-01-01 09:00Z', 'signup_complete', '{"email": "demo@corp.example", "company_size": 800}', NULL),
       ('su_twice',    '2024-01-01 09:00Z', 'signup_complete', '{"email": "a@corp.example", "company_size": 800}', NULL),
       ('su_twice',    '2024-01-03 09:00Z', 'signup_complete', '{"email": "a@corp.example", "company_size": 800}', NULL),
       ('su_repeated', '2024-01-01 09:00Z', 'signup_complete', '{"email": "a@corp.example", "company_size": 800}', NULL),
       ('su_repeated', '2024-01-01 09:00Z', 'signup_complete', '{"email": "a@corp.example", "company_size": 800}', NULL),
       ('su_future',   '2024-02-01 09:00Z', 'signup_complete', '{"email": "a@corp.example", "company_size": 800}', NULL),
       ('su_never',    '2024-01-01 09:00Z', 'session_start', '{"email": "a@corp.example", "company_size": 800}', NULL);
INSERT INTO pql.account (account_id, employees) VALUES ('su_acc', 500), ('su_acc_half', NULL);
INSERT INTO pql.person (user_id, email, account_id)
VALUES ('su_known', 'ann@corp.example', 'su_acc'), ('su_half', NULL, 'su_acc_half');
INSERT INTO pql.event (user_id, occurred_at, event, properties, received_at)
SELECT u.user_id, e.at::timestamptz, e.event, e.properties::jsonb, NULL
FROM (SELECT DISTINCT user_id FROM pql.event WHERE user_id LIKE 'su\_%') u,
     (VALUES ('2024-01-02 10:00Z', 'activation_complete', NULL),
             ('2024-01-03 08:00Z', 'invite_sent', '{"invitee_email": "b@corp.example"}'),
             ('2024-01-04 10:00Z', 'integration_connected', '{"integration_type": "segment"}'),
             ('2024-01-04 11:00Z', 'activation_complete', NULL)) e (at, event, properties);

CREATE FUNCTION oracle.expected(as_of timestamptz) RETURNS SETOF text
LANGUAGE sql STABLE
AS $$
	SELECT format('%s %s %s %s %s/%s %s %s %s %s', user_id, account_id, started_at, status, score, potential,
	              tier, signals, exclusions, qualified_at)
	FROM oracle.trial(as_of, users => 'su\_%')
$$;
CREATE FUNCTION oracle.found(as_of timestamptz) RETURNS SETOF text
LANGUAGE sql STABLE
AS $$
	SELECT format('%s %s %s %s %s/%s %s %s %s %s', user_id, account_id, started_at, status, score, potential,
	              tier, signals, exclusions, qualified_at)
	FROM pql.score_all('trial', as_of)
	WHERE user_id LIKE 'su\_%'
$$;

SELECT bag_eq($$SELECT oracle.found('2024-01-04 10:00Z')$$, $$SELECT oracle.expected('2024-01-04 10:00Z')$$, 'at the integration');
SELECT bag_eq($$SELECT oracle.found('2024-01-02 10:00Z')$$, $$SELECT oracle.expected('2024-01-02 10:00Z')$$, 'before the second signup');
SELECT bag_eq($$SELECT oracle.found('2024-01-20Z')$$, $$SELECT oracle.expected('2024-01-20Z')$$, 'after the window');
SELECT bag_eq($$SELECT oracle.found('2024-01-01 08:59Z')$$, $$SELECT oracle.expected('2024-01-01 08:59Z')$$, 'before anybody signed up');
INSERT INTO pql.trial (user_id, started_at) VALUES ('su_fit', '2024-01-02 00:00Z');
SELECT bag_eq($$SELECT oracle.found('2024-01-05Z')$$, $$SELECT oracle.expected('2024-01-05Z')$$, 'one trial row, and signups start nothing');

SELECT * FROM finish();
ROLLBACK;
