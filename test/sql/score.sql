-- Scoring what is connected: score_all, explain, what_if, summary, coverage, ignored_rows.
\set ON_ERROR_ROLLBACK on
\set SHOW_CONTEXT never
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SET client_min_messages = warning;

-- The tables are not empty in every database this may run in.
BEGIN;
DELETE FROM pql.event; DELETE FROM pql.trial; DELETE FROM pql.person; DELETE FROM pql.account; DELETE FROM pql.fact; DELETE FROM pql.list_entry;

CREATE FUNCTION pg_temp.did(who text, VARIADIC what text[]) RETURNS void LANGUAGE sql AS $$
	INSERT INTO pql.event (user_id, occurred_at, event, properties, received_at)
	SELECT who, ('2024-' || w[1] || ' ' || w[2] || 'Z')::timestamptz, w[3],
		CASE w[3] WHEN 'invite_sent' THEN jsonb_build_object('invitee_email', w[4])
			WHEN 'integration_connected' THEN jsonb_build_object('integration_type', w[4])
			WHEN 'page_view' THEN jsonb_build_object('page_path', w[4]) END, NULL
	FROM unnest(what) x, string_to_array(x, ' ') w $$;
CREATE FUNCTION pg_temp.trials(as_of timestamptz, only_user text DEFAULT NULL) RETURNS TABLE (user_id text, account_id text, started date, status text, score int, potential int, tier text, exclusions text[], qualified_at timestamptz) LANGUAGE sql AS $$
	SELECT s.user_id, s.account_id, s.started_at::date, s.status, s.score, s.potential, s.tier, s.exclusions, s.qualified_at
	FROM pql.score_all('trial', as_of) s WHERE only_user IS NULL OR s.user_id = only_user ORDER BY s.user_id, s.started_at $$;

-- nobody
SELECT count(*) FROM pql.score_all('trial', '2024-01-10 00:00Z');
SELECT count(*) FROM pql.summary('trial', '2024-01-10 00:00Z');
SELECT count(*) FROM pql.score_all('playbook', '2024-01-10 00:00Z');

---- without trials, signup_complete starts them and says what is known

INSERT INTO pql.event (user_id, occurred_at, event, properties, received_at) VALUES
	('sue', '2024-01-01 09:00Z', 'signup_complete', '{"email": "sue@corp.example", "company_name": "Corp", "company_size": 300, "signup_source": "ad"}', NULL),
	('tom', '2024-01-01 10:00Z', 'signup_complete', '{"email": "test@gmail.com", "company_size": 30}', NULL),
	('una', '2024-01-01 10:00Z', 'signup_complete', NULL, NULL),
	('vic', '2024-02-01 10:00Z', 'signup_complete', '{"company_size": 300}', NULL);
SELECT pg_temp.did('sue', '01-02 10:00 activation_complete', '01-02 10:00 invite_sent a@b.example', '01-03 10:00 integration_connected dbt', '02-05 10:00 activation_complete');
SELECT pg_temp.did('wes', '01-02 10:00 activation_complete'); -- never signed up: no trial
SELECT * FROM pg_temp.trials('2024-01-01 08:59:59.999999Z');
SELECT * FROM pg_temp.trials('2024-01-03 10:00Z');
-- what pql.person and pql.account know counts before it
INSERT INTO pql.account (account_id, name, employees) VALUES ('corp', 'Corp Inc', 3000);
INSERT INTO pql.person (user_id, email, account_id) VALUES ('sue', 'demo@corp.example', 'corp');
SELECT * FROM pg_temp.trials('2024-01-03 10:00Z', 'sue');
UPDATE pql.account SET employees = NULL WHERE account_id = 'corp';
DELETE FROM pql.person; DELETE FROM pql.account; DELETE FROM pql.fact;
-- a second signup starts a second trial, which has the events from then on
INSERT INTO pql.event (user_id, occurred_at, event, properties, received_at) VALUES ('sue', '2024-02-05 09:00Z', 'signup_complete', '{"company_size": 400}', NULL);
SELECT * FROM pg_temp.trials('2024-02-05 10:00Z', 'sue');
-- as soon as there is any trial, signups start none
INSERT INTO pql.trial (user_id, started_at) VALUES ('tom', '2024-01-01 12:00Z');
SELECT * FROM pg_temp.trials('2024-01-03 10:00Z');
DELETE FROM pql.trial; DELETE FROM pql.event;

---- trials

INSERT INTO pql.account (account_id, name, employees) VALUES ('acme', 'Acme', 800), ('tiny', 'Tiny', 50);
INSERT INTO pql.person (user_id, email, account_id) VALUES ('ada', 'ada@acme.example', 'acme'), ('bob', 'bob@acme.example', 'acme'), ('cid', 'cid@tiny.example', 'tiny'), ('dot', 'dot@acme.example', 'acme');
INSERT INTO pql.trial (user_id, started_at, plan, converted_at) VALUES
	('ada', '2024-01-01 09:00Z', 'team', NULL),
	('bob', '2024-01-01 09:00Z', NULL, '2024-01-20 00:00Z'), ('bob', '2024-03-01 09:00Z', NULL, NULL),
	('cid', '2024-01-01 09:00Z', NULL, NULL), ('eve', '2024-01-01 09:00Z', NULL, NULL);
SELECT pg_temp.did('ada', '01-01 09:05 session_start', '01-03 09:55 session_start', '01-03 10:00 activation_complete', '01-04 11:00 invite_sent a@b.example', '01-04 11:01 invite_sent c@b.example', '01-05 12:00 integration_connected Snowflake');
SELECT pg_temp.did('bob', '01-01 08:59 invite_sent early@b.example', '01-02 10:00 activation_complete', '01-02 11:00 invite_sent a@b.example', '02-29 10:00 integration_connected dbt',
	'03-01 09:00 activation_complete', '03-02 11:00 invite_sent a@b.example', '03-03 11:00 integration_connected dbt');
SELECT pg_temp.did('cid', '01-01 09:10 query_run');
SELECT pg_temp.did('dot', '01-02 10:00 activation_complete'); -- no trial
-- eve is no person we know: her size is not known
SELECT * FROM pg_temp.trials('2024-01-06 00:00Z');
-- two trials of one user: events belong to the latest that had started; the first was paid for before the second began
SELECT * FROM pg_temp.trials('2024-01-19 00:00Z', 'bob');
SELECT * FROM pg_temp.trials('2024-01-20 00:00Z', 'bob');
SELECT * FROM pg_temp.trials('2024-03-04 00:00Z', 'bob');
-- without that payment it qualifies; with one on the person, before or after its start
UPDATE pql.trial SET converted_at = NULL;
SELECT * FROM pg_temp.trials('2024-03-04 00:00Z', 'bob');
UPDATE pql.person SET paid_at = '2024-03-01 08:59:59.999999Z' WHERE user_id = 'bob';
SELECT status, exclusions FROM pg_temp.trials('2024-03-04 00:00Z', 'bob');
UPDATE pql.person SET paid_at = '2024-03-01 09:00Z' WHERE user_id = 'bob';
SELECT status, exclusions FROM pg_temp.trials('2024-03-04 00:00Z', 'bob');
UPDATE pql.person SET paid_at = NULL WHERE user_id = 'bob';
-- a disposition counts in its own trial alone
INSERT INTO pql.fact (subject, name, value, source, recorded_at) VALUES ('bob', 'lead.disposition', '"no_response"', 'crm', '2024-01-10 00:00Z');
SELECT started, status, exclusions FROM pg_temp.trials('2024-03-04 00:00Z', 'bob');
-- opted out and suppressed from then on
UPDATE pql.person SET opted_out_at = '2024-01-05 12:00Z', suppressed_at = '2024-01-05 12:00:00.000001Z' WHERE user_id = 'ada';
SELECT t, s.status, s.exclusions, s.qualified_at FROM unnest(ARRAY['2024-01-05 11:59Z', '2024-01-05 12:00Z', '2024-01-06 00:00Z']::timestamptz[]) t, pg_temp.trials(t, 'ada') s ORDER BY t;
UPDATE pql.person SET opted_out_at = NULL, suppressed_at = NULL;

-- Rows that a loader repeated count once: the same user and event_id. Without an id nothing is a repeat.
INSERT INTO pql.event (user_id, occurred_at, event, properties, received_at, event_id) VALUES
	('ada', '2024-01-06 10:00Z', 'session_start', NULL, '2024-01-06 10:01Z', 'e1'), ('ada', '2024-01-07 10:00Z', 'session_start', NULL, '2024-01-07 10:01Z', 'e1'),
	('cid', '2024-01-07 10:00Z', 'session_start', NULL, '2024-01-07 10:01Z', 'e1');
SELECT (e.value) FROM pql.explain('trial', 'ada', '2024-01-08 00:00Z') e WHERE signal = 'multi_day';
SELECT score FROM pg_temp.trials('2024-01-08 00:00Z', 'ada');
-- of the copies, the first that was loaded by then
SELECT k, s.score FROM unnest(ARRAY['2024-01-06 10:00Z', '2024-01-06 10:01Z', '2024-01-08 00:00Z']::timestamptz[]) k, pql.score_all('trial', '2024-01-08 00:00Z', k) s WHERE user_id = 'ada' ORDER BY k;
UPDATE pql.event SET event_id = NULL WHERE user_id = 'ada';
SELECT (e.value) FROM pql.explain('trial', 'ada', '2024-01-08 00:00Z') e WHERE signal = 'multi_day';
DELETE FROM pql.event WHERE occurred_at BETWEEN '2024-01-06Z' AND '2024-01-08Z';

-- the explanation comes when it is asked for, and is judge's
SELECT detail, count(*), count(s.explanation) AS explained FROM unnest(ARRAY[false, true]) detail, pql.score_all('trial', '2024-01-06 00:00Z', detail => detail) s GROUP BY detail ORDER BY detail;
SELECT explanation ->> 'summary' AS summary FROM pql.score_all('trial', '2024-01-06 00:00Z', detail => true) WHERE user_id = 'ada';
-- all of it by hand, from the same tables: gather and judge
SELECT count(*) AS trials, count(*) FILTER (WHERE ROW(s.status, s.score, s.signals, s.qualified_at, s.next_change_at) IS DISTINCT FROM ROW(v.status, v.score, v.signals, v.qualified_at, v.next_change_at)) AS differ
FROM pql.score_all('trial', '2024-03-04 00:00Z') s
JOIN pql.profile_of(pql.model('trial'), '2024-03-04 00:00Z') p USING (user_id, started_at)
LEFT JOIN LATERAL (SELECT min(t.started_at) AS next FROM pql.trial t WHERE t.user_id = s.user_id AND t.started_at > s.started_at) n ON true
LEFT JOIN (SELECT t.user_id, t.started_at, pql.gather((SELECT pql.model('trial')), e.occurred_at, e.event, e.properties, t.started_at) AS e
	FROM pql.trial t JOIN pql.event e USING (user_id)
	WHERE e.occurred_at <= '2024-03-04 00:00Z' AND t.started_at = (SELECT max(x.started_at) FROM pql.trial x WHERE x.user_id = t.user_id AND x.started_at <= e.occurred_at)
	GROUP BY 1, 2) g USING (user_id, started_at),
LATERAL pql.judge(pql.model('trial'), g.e, p.profile, '2024-03-04 00:00Z') v;

-- errors
SELECT * FROM pql.score_all('trail', '2024-01-06 00:00Z');
SELECT * FROM pql.score_all(NULL, '2024-01-06 00:00Z');
SELECT * FROM pql.score_all('trial', NULL);
SELECT * FROM pql.score_all('trial', 'infinity');

---- explain, what_if

SELECT * FROM pql.explain('trial', 'ada', '2024-01-06 00:00Z');
SELECT signal, met, value, points, note FROM pql.explain('trial', 'eve', '2024-01-06 00:00Z');
-- the latest trial, or the one that is asked for
SELECT signal, met, first_met_at FROM pql.explain('trial', 'bob', '2024-03-04 00:00Z') WHERE met;
SELECT signal, met, first_met_at FROM pql.explain('trial', 'bob', '2024-03-04 00:00Z', '2024-01-01 09:00Z') WHERE met;
SELECT * FROM pql.explain('trial', 'adaa', '2024-01-06 00:00Z');
SELECT * FROM pql.explain('trial', 'ada', '2023-12-31 00:00Z');
SELECT * FROM pql.explain('trail', 'ada', '2024-01-06 00:00Z');
SELECT * FROM pql.explain('trial', NULL, '2024-01-06 00:00Z');
SELECT * FROM pql.explain('trial', 'ada', NULL);

CREATE FUNCTION pg_temp.if_so(events jsonb, as_of timestamptz, who text DEFAULT 'ada') RETURNS TABLE (status text, score int, tier text, qualified_at timestamptz) LANGUAGE sql AS $$
	SELECT v.status, v.score, v.tier, v.qualified_at FROM pql.what_if('trial', who, events, as_of) v $$;
-- nothing more; an integration now; one yesterday; one now and a session on another day; what is before the trial does not count
SELECT n, s.* FROM (VALUES (1, NULL::jsonb), (2, '[]'), (3, '[{"event": "integration_connected", "properties": {"integration_type": "dbt"}}]'),
	(4, '[{"event": "integration_connected", "properties": {"integration_type": "dbt"}, "occurred_at": "2024-01-04T12:00:00Z"}]'),
	(5, '[{"event": "integration_connected", "properties": {"integration_type": "dbt"}}, {"event": "session_start", "occurred_at": "2024-01-02T12:00:00Z"}]'),
	(6, '[{"event": "integration_connected", "properties": {"integration_type": "dbt"}, "occurred_at": "2023-12-31T12:00:00Z"}]'), (7, '[{"event": "integration_connected"}]'), (8, '[{"event": "unheard_of", "properties": [1]}]')) w (n, events),
	LATERAL pg_temp.if_so(events, '2024-01-05 11:00Z') s ORDER BY n;
-- it stores nothing
SELECT count(*) FROM pql.event WHERE user_id = 'ada';
SELECT status FROM pg_temp.trials('2024-01-05 11:00Z', 'ada');
SELECT * FROM pg_temp.if_so('{"event": "session_start"}', '2024-01-05 11:00Z');
SELECT * FROM pg_temp.if_so('[{"event": "session_start"}, "session_start"]', '2024-01-05 11:00Z');
SELECT * FROM pg_temp.if_so('[{"properties": {}}]', '2024-01-05 11:00Z');
SELECT * FROM pg_temp.if_so('[{"event": "session_start", "propertys": {}}]', '2024-01-05 11:00Z');
SELECT * FROM pg_temp.if_so('[{"event": "session_start", "occurred_at": "2024-01-05T11:00:00.000001Z"}]', '2024-01-05 11:00Z');
SELECT * FROM pg_temp.if_so('[]', '2024-01-05 11:00Z', 'nobody');
SELECT * FROM pg_temp.if_so('[]', '2024-01-05 11:00Z', 'dot');
SELECT * FROM pql.what_if('trail', 'ada', '[]', '2024-01-05 11:00Z');

---- summary, coverage, ignored rows

SELECT * FROM pql.summary('trial', '2024-01-06 00:00Z');
SELECT round(sum(share)::numeric, 9) AS whole FROM pql.summary('trial', '2024-01-06 00:00Z');
SELECT * FROM pql.summary('trail', '2024-01-06 00:00Z');
SELECT signal, effect, events, rows_found, last_seen, subjects_met, share, hint FROM pql.coverage('trial', '2024-01-06 00:00Z');
-- an event that the product calls otherwise
UPDATE pql.event SET event = 'invites_sent' WHERE event = 'invite_sent';
SELECT signal, rows_found, hint FROM pql.coverage('trial', '2024-01-06 00:00Z') WHERE signal IN ('invites', 'integrations');
UPDATE pql.event SET event = 'invite_sent' WHERE event = 'invites_sent';
SELECT * FROM pql.coverage('trail', '2024-01-06 00:00Z');

-- Nothing is refused on the way in, and what cannot be looked at is counted by the first reason that applies.
SELECT * FROM pql.ignored_rows('2025-01-01 00:00Z');
INSERT INTO pql.event (user_id, occurred_at, event) VALUES (NULL, NULL, NULL), (NULL, '2024-01-02 00:00Z', 'session_start'), ('ada', '2024-01-02 00:00Z', NULL), ('ada', NULL, NULL), ('ada', NULL, 'session_start'),
	('ada', 'infinity', 'session_start'), ('ada', '-infinity', 'session_start'), ('ada', '2025-01-01 00:00Z', 'session_start'), ('ada', '2025-01-01 00:00:00.000001Z', 'session_start');
INSERT INTO pql.event (user_id, occurred_at, event, properties) VALUES ('ada', '2024-01-02 00:00Z', 'session_start', '[1, 2]'), ('ada', '2024-01-02 01:00Z', 'invite_sent', '"a@b.example"');
SELECT * FROM pql.ignored_rows('2025-01-01 00:00Z');
-- and changes no verdict, but for the session of January 2, whose properties do not matter: the third day of sessions,
-- so that the rule held with the first invite already
SELECT * FROM pg_temp.trials('2024-01-06 00:00Z', 'ada');

---- a model whose subjects are users, and lists

INSERT INTO pql.account (account_id, name, employees, industry) VALUES ('big', 'Big', 500, 'fintech');
INSERT INTO pql.person (user_id, email, account_id, signed_up_at) VALUES ('pam', 'pam@big.example', 'big', '2024-01-01 00:00Z'), ('quin', 'quin@big.example', 'big', '2024-01-20 00:00Z');
SELECT pg_temp.did('pam', '01-08 10:00 invite_sent a@b.example', '01-08 10:01 invite_sent b@b.example', '01-08 10:02 invite_sent c@b.example',
	'01-09 10:00 page_view /pricing', '01-09 11:00 page_view /pricing/plans', '01-09 12:00 page_view /pricing');
INSERT INTO pql.event (user_id, occurred_at, event, properties) VALUES ('pam', '2024-01-09 13:00Z', 'feature_requested', '{"feature": "sso"}');
-- 3 invited 20, 3 looks at pricing 20, SSO 30, 500 employees 20, ICP 15: 105; no trial, no exact instant
SELECT user_id, account_id, started_at, status, score, tier, signals, exclusions, qualified_at FROM pql.score_all('playbook', '2024-01-10 12:00Z') WHERE user_id = 'pam';
SELECT signal, met, value, threshold, points, note FROM pql.explain('playbook', 'pam', '2024-01-10 12:00Z') WHERE met;
-- not known: how long it took, and what is in a list that does not exist
SELECT signal, points FROM pql.explain('playbook', 'pam', '2024-01-10 12:00Z') WHERE met IS NULL;
-- a target industry is 10 more where the list has it; the list is looked up, not stored in the model
INSERT INTO pql.list_entry VALUES ('target_industries', 'health');
SELECT signal, met FROM pql.explain('playbook', 'pam', '2024-01-10 12:00Z') WHERE signal = 'target_industry';
INSERT INTO pql.list_entry VALUES ('target_industries', 'fintech'), ('test_accounts', 'someone@big.example');
SELECT score, tier, exclusions FROM pql.score_all('playbook', '2024-01-10 12:00Z') WHERE user_id = 'pam';
INSERT INTO pql.list_entry VALUES ('test_accounts', 'pam@big.example');
SELECT status, score, exclusions FROM pql.score_all('playbook', '2024-01-10 12:00Z') WHERE user_id = 'pam';
-- seven days of silence: 20 less, from January 16, 13:00; a colleague who signed up on the 20th is not there before
SELECT t, s.score, s.tier FROM unnest(ARRAY['2024-01-16 12:59:59.999999Z', '2024-01-16 13:00Z']::timestamptz[]) t, pql.score_all('playbook', t) s WHERE user_id = 'pam' ORDER BY t;
SELECT t, e.value AS members FROM unnest(ARRAY['2024-01-19 23:59Z', '2024-01-20 00:00Z']::timestamptz[]) t, pql.explain('playbook', 'pam', t) e WHERE signal = 'same_account_users' ORDER BY t;
SELECT user_id, status FROM pql.score_all('playbook', '2024-01-10 12:00Z') ORDER BY user_id;
-- a user of whom there are events alone
SELECT pg_temp.did('zoe', '01-09 10:00 page_view /pricing');
SELECT user_id, account_id, started_at, status, score, tier FROM pql.score_all('playbook', '2024-01-10 12:00Z') WHERE user_id = 'zoe';
SELECT count(*) FROM pql.explain('playbook', 'zoe', '2024-01-10 12:00Z') WHERE met;
SELECT * FROM pql.explain('playbook', 'nobody', '2024-01-10 12:00Z');

ROLLBACK;
