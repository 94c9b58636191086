-- What was known then: facts that change later must not change the past.
SET TimeZone = 'UTC';
SET client_min_messages = warning;
SET jit = off;

-- An opt-out stays what it was although the person opts in again.
BEGIN;
INSERT INTO pql.person (user_id, email, opted_out_at) VALUES ('m1', 'a@b.example', '2024-01-02Z');
INSERT INTO pql.trial (user_id, started_at) VALUES ('m1', '2024-01-01Z');
INSERT INTO pql.fact (subject, name, value, recorded_at) VALUES ('m1', 'person.opted_out', 'false', '2024-01-04Z');
SELECT d, s.exclusions FROM generate_series('2024-01-01 12:00Z'::timestamptz, '2024-01-05Z', '1 day') d,
	LATERAL pql.score_all('trial', d) s ORDER BY d;
ROLLBACK;

-- Nor does a person who joins another company change what was judged before, nor the number of members.
BEGIN;
INSERT INTO pql.account (account_id, employees) VALUES ('small', 50), ('big', 800);
INSERT INTO pql.person (user_id, email, account_id) VALUES ('u', 'u@x.example', 'small'), ('v', 'v@x.example', 'big');
INSERT INTO pql.trial (user_id, started_at) VALUES ('u', '2024-01-01 09:00Z');
SELECT status, account_id, exclusions FROM pql.score_all('trial', '2024-01-05Z');
INSERT INTO pql.fact (subject, name, value, source, recorded_at) VALUES ('u', 'person.account_id', '"big"', 'crm', '2024-01-08Z');
SELECT d, s.status, s.account_id, s.exclusions FROM unnest('{2024-01-05Z,2024-01-09Z}'::timestamptz[]) d,
	LATERAL pql.score_all('trial', d) s ORDER BY d;
SELECT d, p.user_id, p.profile -> 'account' -> 'members' AS members FROM unnest('{2024-01-05Z,2024-01-09Z}'::timestamptz[]) d,
	LATERAL pql.profile_of(pql.model('trial'), d) p ORDER BY d, 2;
ROLLBACK;

-- Lists are asked about what the fact was; addresses compare without case and blanks, wherever they stand.
BEGIN;
INSERT INTO pql.person (user_id, email) VALUES ('u', ' QA@X.example '), ('w', 'w@x.example');
INSERT INTO pql.trial (user_id, started_at) VALUES ('u', '2024-01-01 09:00Z'), ('w', '2024-01-01 09:00Z');
INSERT INTO pql.list_entry VALUES ('test_accounts', 'qa@X.example');
SELECT user_id, exclusions FROM pql.score_all('trial', '2024-01-05Z') ORDER BY user_id;
INSERT INTO pql.fact (subject, name, value, source, recorded_at) VALUES
	('u', 'person.email', '"u@x.example"', 'crm', '2024-01-08Z'),
	('w', 'person.email', '" Test@GMAIL.com "', 'crm', '2024-01-04Z');
SELECT d, s.user_id, s.exclusions FROM unnest('{2024-01-03Z,2024-01-05Z,2024-01-09Z}'::timestamptz[]) d,
	LATERAL pql.score_all('trial', d) s ORDER BY d, s.user_id;
ROLLBACK;

-- Weeks before the subject began are no weeks of theirs: three rises need four complete ones.
WITH m AS MATERIALIZED (
	SELECT pql.read_model('{"model": "m", "events": {"a": "a"}, "signals": [
		{"signal": "x", "weeks_rising": "a", "at_least": 3, "points": 3}], "qualify": {"score": 3}}') AS m
), g AS MATERIALIZED (
	SELECT m, pql.gather(m, t::timestamptz, 'a', NULL, '2024-01-03 09:00Z') AS e
	FROM m, unnest(ARRAY['2024-01-03', '2024-01-08', '2024-01-15', '2024-01-16', '2024-01-22', '2024-01-23', '2024-01-24',
		'2024-01-29', '2024-01-30', '2024-01-31', '2024-02-01']) d, LATERAL (SELECT d || ' 10:00Z') x (t)
	GROUP BY m
)
SELECT as_of, v.signals FROM g, unnest('{2024-02-04,2024-02-05}'::timestamptz[]) as_of, LATERAL pql.judge(m, e, NULL, as_of) v
ORDER BY as_of;
