-- Models of accounts: what their members are, rolled up; against what is told by hand, and by queries of its own over the events.
--
--   pg_prove -d DB test/pgtap/accounts.sql

BEGIN;
\ir lib/transaction.sql

-- Refreshes until nothing is left.
CREATE FUNCTION t.refresh(as_of timestamptz) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	FOR i IN 1 .. 1000 LOOP
		IF (pql.refresh_batch(as_of, 40)).users = 0 THEN
			INSERT INTO pql.run (as_of, finished_at) VALUES (as_of, as_of);
			RETURN;
		END IF;
	END LOOP;
	RAISE EXCEPTION 'refresh does not come to an end';
END
$$;
-- What pql.verify finds, of all models.
CREATE FUNCTION t.wrong() RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT coalesce(string_agg(m.model || ' ' || v::text, E'\n'), '') FROM pql.active_model m CROSS JOIN LATERAL (SELECT * FROM pql.verify(m.model) LIMIT 3) v
$$;
-- Members as an account model knows them.
CREATE FUNCTION t.members(account text, as_of timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT string_agg(k.key || ' ' || k.value, ', ' ORDER BY k.key) FROM pql.roll_up(pql.model('account'), as_of, NULL, ARRAY[account]) r CROSS JOIN LATERAL jsonb_each_text(r.members) k
$$;
CREATE FUNCTION t.stands(account text) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT concat_ws(' ', s.status, s.score, s.tier, '(' || array_to_string(s.signals, ' ') || ')') FROM pql.score s WHERE s.model = 'account' AND s.account_id = account
$$;

-- ---- a company that can be reckoned on paper ----

-- Playbook, without firmographics, and 15 points for each of three or more in an account: ada invited 3 (20) and used the API (15): 50.
-- bob used the API: 30. cyd last did something 29 days ago (-20): -5, which is nothing. dan has come six days ago: 15.
INSERT INTO pql.account (account_id, name, employees, industry) VALUES ('acme', 'Acme', 800, 'health'), ('solo', 'Solo', 3, NULL), ('empty', 'Nobody there', 300, NULL);
INSERT INTO pql.person (user_id, account_id, title, signed_up_at, attributes) VALUES
	('ada', 'acme', 'VP of Data', '2026-02-01', '{"department": "Data", "workspace": "w1"}'), ('bob', 'acme', 'Analyst', '2026-02-10', '{"department": "data ", "workspace": "w2"}'),
	('cyd', 'acme', 'Vice chair', '2026-01-01', '{"department": "Finance", "workspace": "w1"}'), ('dan', 'acme', NULL, '2026-03-04', '{"department": ""}'),
	('eve', 'solo', 'Founder', '2026-03-01', NULL), ('fay', NULL, 'CEO', '2026-03-01', NULL);
INSERT INTO pql.event (user_id, occurred_at, event, properties)
SELECT 'ada', timestamptz '2026-03-01 09:00' + n * interval '1 day', 'invite_sent', jsonb_build_object('invitee_email', 'i' || n % 3) FROM generate_series(0, 5) n
UNION ALL SELECT 'ada', '2026-03-02 10:00', 'api_call', NULL
UNION ALL SELECT 'bob', '2026-03-05 10:00', 'api_call', NULL
UNION ALL SELECT 'cyd', '2026-02-09 10:00', 'session_start', NULL
UNION ALL SELECT 'eve', '2026-03-05 10:00', 'api_call', NULL
UNION ALL SELECT 'fay', '2026-03-05 10:00', 'api_call', NULL;
SELECT is((SELECT sum(x.points) FROM pql.explain('account_members', 'ada', '2026-03-10') x), 50::bigint, 'a member by themselves: 20, 15 and 15');
SELECT is((SELECT sum(x.points) FROM pql.explain('account_members', 'cyd', '2026-03-10') x), -5::bigint, 'and one who is away: -20 and 15');
-- on 10 March: active since 11 February are ada and bob; 28 days before, on 10 February, there were ada, bob and cyd
SELECT is(t.members('acme', '2026-03-10'), 'active 2, count 4, departments 2, executives 1, growth 0.33333333333333326, score 95, workspaces 2', 'members, rolled up');
SELECT is(t.members('acme', '2026-03-08 23:59:59'), 'active 3, count 4, departments 2, executives 1, growth 1, score 110, workspaces 2', 'two days before, cyd was active still, bob new, and ada there on five days of seven (15)');
SELECT is(t.members('acme', '2026-03-03'), 'active 2, count 3, departments 2, executives 1, growth 0.5, score 40, workspaces 2', 'a week before: ada had invited 2, and bob had done nothing for three weeks');
SELECT is(t.members('solo', '2026-03-10'), 'active 1, count 1, departments 0, executives 1, score 15, workspaces 0', 'nobody was there 28 days ago: growth is not known');
-- 95 of members; departments 20, growing 20, executive 10, workspaces 20; firmographics 20 and 15
SELECT is((SELECT ROW(s.account_id, s.user_id, s.started_at, s.status, s.score, s.tier, s.qualified_at)::text FROM pql.score_all('account', '2026-03-10') s WHERE s.account_id = 'acme'),
	'(acme,,,below,200,smb,)', 'the account: four members are no mid-market yet');
SELECT is((SELECT string_agg(s.account_id, ' ' ORDER BY s.account_id) FROM pql.score_all('account', '2026-03-10') s), 'acme solo', 'an account without members is none, and so is a person without an account');
SELECT is((SELECT string_agg(x.signal || ' ' || x.points, ', ') FROM pql.explain('account', 'acme', '2026-03-10') x WHERE x.points <> 0),
	'members_score 95, departments 20, growing 20, executive 10, workspaces 20, company_size 20, icp_match 15', 'why');
SELECT is((SELECT count(x.first_met_at) FROM pql.explain('account', 'acme', '2026-03-10') x), 0::bigint, 'since when is not known');
SELECT is((SELECT explanation ->> 'summary' FROM pql.score_all('account', '2026-03-10', detail => true) WHERE account_id = 'acme'),
	'95 points of its people together; used in 2 departments; more people than four weeks ago; an executive among the users; 2 workspaces', 'in a sentence');

-- ---- tiers ----

INSERT INTO pql.person (user_id, account_id, signed_up_at, attributes) VALUES ('gus', 'acme', '2026-03-10', '{"department": "Sales"}');
SELECT is((SELECT ROW(s.status, s.tier)::text FROM pql.score_all('account', '2026-03-11') s WHERE s.account_id = 'acme'), '(qualified,mid_market)', 'five members and 80 points');
INSERT INTO pql.person (user_id, account_id, signed_up_at) SELECT 'more' || n, 'acme', '2026-03-10' FROM generate_series(1, 5) n;
SELECT is((SELECT ROW(s.status, s.tier)::text FROM pql.score_all('account', '2026-03-11') s WHERE s.account_id = 'acme'), '(qualified,enterprise)', 'ten, in two departments, of the size we sell to, above 150');
SELECT is((SELECT ROW(s.status, s.tier)::text FROM pql.score_all('account', '2026-03-11') s WHERE s.account_id = 'solo'), '(below,individual)', 'one by themselves');
UPDATE pql.account SET kind = 'competitor' WHERE account_id = 'acme';
SELECT is((SELECT ROW(s.status, s.exclusions)::text FROM pql.score_all('account', 'infinity'::timestamptz - interval '1 day') s WHERE false), NULL, 'no account of no time');
SELECT is((SELECT ROW(s.status, s.exclusions)::text FROM pql.score_all('account', now() + interval '1 minute') s WHERE s.account_id = 'acme'), '(excluded,{not_a_prospect})', 'a competitor is none');
UPDATE pql.account SET kind = NULL WHERE account_id = 'acme';

-- ---- refresh ----

SELECT pql.activate_model('account', 1) \g /dev/null
SELECT is((SELECT string_agg(m.model, ' ' ORDER BY m.model) FROM pql.active_model m WHERE m.model ~ 'account'), 'account account_members', 'members are kept with it');
SELECT pql.put_model(pql.adapt('account', '{"events": {"invite": "invite_sent"}, "members": {"stickiness": {"dau_mau": "*"}, "rising": {"weeks_rising": "*"}, "falling": {"weeks_falling": "invite"}}}')) \g /dev/null
TRUNCATE pql.person, pql.event, pql.account, pql.fact, pql.change;
SELECT setseed(0.5);
INSERT INTO pql.account (account_id, name, employees, industry) SELECT 'c' || n, 'Company ' || n, 40 * n, CASE WHEN n % 3 = 0 THEN 'fintech' END FROM generate_series(1, 20) n;
INSERT INTO pql.list_entry (list, entry) VALUES ('target_industries', 'FinTech');
INSERT INTO pql.person (user_id, account_id, title, signed_up_at, attributes)
SELECT 'u' || n, CASE WHEN n % 11 > 0 THEN 'c' || 1 + (random() * random() * 23)::int END, (ARRAY['Head of Data', 'Analyst', NULL])[1 + n % 3], CASE WHEN n % 7 > 0 THEN timestamptz '2026-01-01' + random() * interval '70 days' END,
	jsonb_build_object('department', (ARRAY['Data', 'data', 'Sales', ''])[1 + n % 4], 'workspace', 'w' || n % 5) FROM generate_series(1, 150) n;
INSERT INTO pql.event (user_id, occurred_at, event, properties)
SELECT 'u' || 1 + (random() * 169)::int, timestamptz '2026-01-01' + random() * interval '80 days', (ARRAY['session_start', 'invite_sent', 'api_call', 'page_view', 'feature_used'])[1 + (random() * 4.99)::int],
	jsonb_build_object('invitee_email', 'i' || n % 7, 'page_path', '/pricing', 'feature', 'f' || n % 9, 'premium', n % 2 = 0) FROM generate_series(1, 4000) n;

-- The same from the rows themselves: of the score, what pql.explain says of each member by the model whose score it is.
-- How often weekly numbers rose (or fell), the last week first, since the first complete week of whoever came first.
CREATE FUNCTION t.in_a_row(account text, as_of timestamptz, zone text, name text, sign int) RETURNS int LANGUAGE plpgsql STABLE AS $$
DECLARE
	monday date := date_trunc('week', as_of AT TIME ZONE zone)::date;
	began date := (SELECT CASE WHEN bool_and(p.signed_up_at IS NOT NULL) THEN min((p.signed_up_at AT TIME ZONE zone)::date) END FROM pql.person p WHERE p.account_id = account AND (p.signed_up_at IS NULL OR p.signed_up_at <= as_of));
	n int := 0;
	weeks bigint[] := ARRAY(SELECT count(DISTINCT e.user_id) FROM generate_series(1, 7) k
		LEFT JOIN (pql.event e JOIN pql.person p ON p.user_id = e.user_id AND p.account_id = account AND (p.signed_up_at IS NULL OR e.occurred_at >= p.signed_up_at))
			ON e.event IS NOT NULL AND (name = '*' OR e.event = name) AND e.occurred_at <= as_of AND date_trunc('week', e.occurred_at AT TIME ZONE zone)::date = monday - 7 * k GROUP BY k ORDER BY k);
BEGIN
	WHILE n < 6 AND sign * (weeks[n + 1] - weeks[n + 2]) > 0 AND (began IS NULL OR monday - 7 * (n + 2) >= began) LOOP
		n := n + 1;
	END LOOP;
	RETURN n;
END
$$;
CREATE FUNCTION t.counted(as_of timestamptz, zone text) RETURNS TABLE (account_id text, members jsonb) LANGUAGE sql STABLE AS $$
	SELECT p.account_id, jsonb_strip_nulls(jsonb_build_object('count', count(*), 'active', count(*) FILTER (WHERE EXISTS (SELECT FROM pql.event e
				WHERE e.user_id = p.user_id AND e.event IS NOT NULL AND e.occurred_at <= as_of AND (p.signed_up_at IS NULL OR e.occurred_at >= p.signed_up_at) AND (e.occurred_at AT TIME ZONE zone)::date > (as_of AT TIME ZONE zone)::date - 28)),
		'departments', count(DISTINCT nullif(lower(p.attributes ->> 'department'), '')), 'executives', count(*) FILTER (WHERE p.title = 'Head of Data'), 'workspaces', count(DISTINCT p.attributes ->> 'workspace'),
		'growth', count(*)::float8 / nullif(count(*) FILTER (WHERE p.signed_up_at IS NULL OR (p.signed_up_at AT TIME ZONE zone)::date <= (as_of AT TIME ZONE zone)::date - 28), 0) - 1,
		'rising', t.in_a_row(p.account_id, as_of, zone, '*', 1), 'falling', t.in_a_row(p.account_id, as_of, zone, 'invite_sent', -1),
		-- people and days, by people, by 30
		'stickiness', (SELECT round((count(DISTINCT (e.user_id, (e.occurred_at AT TIME ZONE zone)::date)) / 30.0 / nullif(count(DISTINCT e.user_id), 0))::numeric, 9) FROM pql.event e JOIN pql.person q ON q.user_id = e.user_id
			WHERE q.account_id = p.account_id AND e.event IS NOT NULL AND e.occurred_at <= as_of AND (q.signed_up_at IS NULL OR e.occurred_at >= q.signed_up_at) AND (e.occurred_at AT TIME ZONE zone)::date > (as_of AT TIME ZONE zone)::date - 30),
		'score', sum(greatest(0, (SELECT sum(x.points) FROM pql.explain('playbook', p.user_id, as_of) x JOIN pql.model_signals(pql.model('playbook')) s ON s.signal = x.signal WHERE s.category <> 'firmographic')))))
	FROM pql.person p WHERE p.account_id IS NOT NULL AND (p.signed_up_at IS NULL OR p.signed_up_at <= as_of) GROUP BY p.account_id
$$;
CREATE TABLE t.march AS SELECT * FROM t.counted('2026-03-01', 'UTC');
SELECT is_empty(format($$SELECT coalesce(c.account_id, r.account_id), c.members, r.members FROM t.counted(%1$L, 'UTC') c FULL JOIN pql.roll_up((SELECT pql.model('account')), %1$L) r ON r.account_id = c.account_id
	WHERE c.members IS DISTINCT FROM r.members || CASE WHEN r.members ? 'stickiness' THEN jsonb_build_object('stickiness', round((r.members ->> 'stickiness')::numeric, 9)) ELSE '{}' END$$, at), 'members as of ' || at || ' are what the rows say') FROM unnest('{2026-02-01,2026-03-01 12:00,2026-03-20}'::timestamptz[]) at;
SELECT cmp_ok((SELECT count(*) FROM t.march c WHERE (c.members ->> 'growth')::float8 >= 0.2 AND (c.members ->> 'active')::int >= 5), '>=', 3::bigint, 'and there is something to count');
SELECT cmp_ok((SELECT count(DISTINCT c.members ->> k) FROM t.march c), '>=', 3::bigint, 'of ' || k) FROM unnest('{rising,falling,stickiness}'::text[]) k;
SELECT is_empty($$SELECT r.account_id, r.members, o.members FROM pql.roll_up((SELECT pql.model('account')), '2026-03-01') r JOIN pql.roll_up((SELECT pql.model('account')), '2026-03-01', NULL, (SELECT array_agg('c' || n) FROM generate_series(1, 5) n)) o ON o.account_id = r.account_id
	WHERE (o.members, o.next_change_at, o.started_at) IS DISTINCT FROM (r.members, r.next_change_at, r.started_at)$$, 'one by one as all at once');
SELECT is_empty($$SELECT r.account_id, r.members, o.members FROM pql.roll_up((SELECT pql.model('account')), '2026-03-01') r FULL JOIN pql.roll_up((SELECT pql.model('account')), '2026-03-01', '2999-01-01') o ON o.account_id = r.account_id
	WHERE (o.members, o.next_change_at, o.started_at) IS DISTINCT FROM (r.members, r.next_change_at, r.started_at)$$, 'what was known long after as what is known');

SELECT t.refresh('2026-03-01') \g /dev/null
SELECT is(t.wrong(), '', 'what is kept is what judging all members gives');
SELECT cmp_ok((SELECT count(DISTINCT s.tier) FROM pql.score s WHERE s.model = 'account'), '>=', 3::bigint, 'of several tiers');
SELECT is((SELECT count(*) FROM pql.score s WHERE s.model = 'account' AND s.user_id IS DISTINCT FROM pql.account_key(s.account_id)), 0::bigint, 'an account stands by its key');

-- one thing after another: what, then as of when
CREATE TABLE t.step (n int GENERATED ALWAYS AS IDENTITY, what text, as_of timestamptz, query text);
INSERT INTO t.step (what, as_of, query) VALUES
	('a member does something', '2026-03-01 10:00', $$INSERT INTO pql.event (user_id, occurred_at, event, properties) SELECT 'u' || n, '2026-03-01 09:00', 'invite_sent', '{"invitee_email": "new"}' FROM generate_series(1, 30, 3) n$$),
	('events go', '2026-03-01 11:00', $$DELETE FROM pql.event WHERE user_id IN ('u4', 'u8', 'u15')$$),
	('events change hands', '2026-03-01 12:00', $$UPDATE pql.event SET user_id = 'u16' WHERE user_id = 'u23'$$),
	('people move', '2026-03-01 13:00', $$UPDATE pql.person SET account_id = 'c7' WHERE user_id IN ('u1', 'u2', 'u3')$$),
	('people leave', '2026-03-01 14:00', $$UPDATE pql.person SET account_id = NULL WHERE user_id IN ('u5', 'u6')$$),
	('people are deleted', '2026-03-01 15:00', $$DELETE FROM pql.person WHERE user_id IN ('u10', 'u20')$$),
	('a title says more', '2026-03-01 16:00', $$UPDATE pql.person SET title = 'Chief of something' WHERE user_id IN ('u12', 'u13')$$),
	('a department that no signal of a person looks at', '2026-03-01 17:00', $$UPDATE pql.person SET attributes = '{"department": "Law", "workspace": "w9"}' WHERE user_id IN ('u30', 'u31', 'u32')$$),
	('a department that is dated ahead', '2026-03-01 18:00', $$INSERT INTO pql.fact (subject, name, value, recorded_at) VALUES ('u33', 'person.department', '"Space"', '2026-03-03')$$),
	('when that comes', '2026-03-03', $$SELECT$$),
	('what is known of a company', '2026-03-03 10:00', $$UPDATE pql.account SET employees = 1000, industry = 'fintech' WHERE account_id IN ('c1', 'c2')$$),
	('a list', '2026-03-03 11:00', $$INSERT INTO pql.list_entry (list, entry) VALUES ('target_industries', 'health'); UPDATE pql.account SET industry = 'Health' WHERE account_id = 'c4'$$),
	('somebody signs up', '2026-03-03 12:00', $$INSERT INTO pql.person (user_id, account_id, signed_up_at) SELECT 'new' || n, 'c' || n, '2026-03-03 11:30' FROM generate_series(1, 5) n$$),
	('all of an account go', '2026-03-03 13:00', $$DELETE FROM pql.person WHERE account_id = 'c9'$$),
	('a day', '2026-03-04', $$SELECT$$), ('another', '2026-03-05', $$SELECT$$), ('a week', '2026-03-12', $$SELECT$$), ('a month', '2026-04-11', $$SELECT$$),
	('other points of members', '2026-04-11 10:00', $$SELECT pql.put_model(pql.adapt('playbook', '{"signals": {"api_or_integration": {"points": 40}}}'))$$),
	('other points of accounts', '2026-04-11 11:00', $$SELECT pql.put_model(pql.adapt('account', '{"signals": {"executive": {"points": 50}}}'))$$),
	('a signal of the account''s own numbers', '2026-04-11 11:30', $$SELECT pql.put_model(pql.adapt('account', jsonb_build_object('signals', pql.model('account') -> 'signals' || '[{"signal": "sticky", "profile": "members.stickiness", "at_least": 0.1, "points": 7}, {"signal": "falls", "profile": "members.falling", "at_least": 1, "points": -3}, {"signal": "rises", "profile": "members.rising", "at_least": 1, "points": 3}]')))$$),
	('somebody comes back', '2026-04-11 11:40', $$INSERT INTO pql.event (user_id, occurred_at, event) SELECT 'u' || n, timestamptz '2026-04-11 11:31' - d * interval '1 day', 'session_start' FROM generate_series(20, 60) n, generate_series(0, n % 4) d$$),
	('something else that is counted', '2026-04-11 12:00', $$SELECT pql.put_model(pql.adapt('account', '{"members": {"active": {"days": "*", "last_days": 60, "at_least": 2}, "growth": {"growth_over": "10 days"}}}'))$$),
	('another timezone', '2026-04-11 13:00', $$SELECT pql.put_model(pql.adapt('account', '{"timezone": "America/Los_Angeles"}'))$$),
	('days of it', '2026-04-12 08:00', $$SELECT$$), ('and of it again', '2026-04-19 07:30', $$SELECT$$),
	('set aside, and back', '2026-04-19 10:00', $$SELECT pql.deactivate_model('account'); SELECT pql.activate_model('account', 5)$$);
CREATE FUNCTION t.do(s t.step) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	-- what changes is known from then on
	PERFORM set_config('pql_follow.recorded_at', s.as_of::text, true);
	EXECUTE s.query;
	PERFORM t.refresh(s.as_of);
	RETURN t.wrong();
END
$$;
SELECT is(t.do(s), '', s.what) FROM t.step s ORDER BY s.n;
SELECT is_empty($$SELECT FROM pql.change c WHERE c.due_at <= '2026-04-19 10:00'$$, 'nothing is left to do');
SELECT is((SELECT count(*) FROM pql.score s WHERE s.model = 'account' AND s.account_id = 'c9'), 0::bigint, 'an account that all have left is gone');
SELECT is((SELECT m.document ->> 'timezone' FROM pql.active_model m WHERE m.model = 'account_members'), 'UTC', 'members are of the version that is active');

-- ---- leads ----

SELECT is_empty($$SELECT l.account_id, count(*) FROM pql.lead l WHERE l.model = 'account' GROUP BY 1 HAVING count(*) > 1$$, 'an account is found once');
SELECT is_empty($$SELECT FROM pql.lead l WHERE l.model = 'account_members'$$, 'its members are none by that');
SELECT set_eq($$SELECT l.account_id FROM pql.lead l WHERE l.model = 'account'$$, $$SELECT h.account_id FROM (SELECT DISTINCT substr(h.user_id, 9) AS account_id FROM pql.score_history h WHERE h.model = 'account' AND h.status = 'qualified') h$$, 'whoever has been qualified');
SELECT is((SELECT count(*) FROM pql.lead l JOIN pql.lead_event e ON e.user_id = l.user_id AND e.lead_id = l.lead_id AND e.event = 'pql_triggered' WHERE l.model = 'account'), (SELECT count(*) FROM pql.lead l WHERE l.model = 'account'), 'as the log says');
SELECT l.lead_id, l.account_id FROM pql.lead l JOIN pql.score s ON s.user_id = l.user_id AND s.model = l.model AND s.status = 'qualified' WHERE l.model = 'account' ORDER BY l.lead_id LIMIT 1 \gset won_
INSERT INTO pql.channel VALUES ('default'), ('managers');
INSERT INTO pql.rep (email, team) VALUES ('ann@sales.example', 'ae');
SELECT pql.start_routing('account', team => 'ae', since => '2026-01-01', as_of => '2026-04-20 09:00') \g /dev/null
SELECT t.refresh('2026-04-20 09:00') \g /dev/null
SELECT is((SELECT ROW(l.state, l.rep)::text FROM pql.lead l WHERE l.lead_id = :won_lead_id), '(assigned,ann@sales.example)', 'a lead of an account goes to a rep');
SELECT unalike((SELECT a.payload ->> 'text' FROM pql.alert a WHERE a.lead_id = :won_lead_id AND a.kind = 'assigned'), '%account:%', 'who is told of the company, not of a key');
SELECT is((SELECT ROW(c.days_left, c.email, c.other_contacts IS NOT NULL, c.team_size > 4)::text FROM pql.lead_context c WHERE c.lead_id = :won_lead_id), '(,,t,t)', 'and of all who are there');
SELECT is((pql.claim(:won_lead_id, 'ann@sales.example', as_of => '2026-04-20 09:10')).state, 'claimed', 'claimed');
SELECT is((pql.log_touch(:won_lead_id, as_of => '2026-04-20 09:20')).state, 'contacted', 'written to');
SELECT is((pql.log_conversion(:won_lead_id, 'enterprise', 2000, as_of => '2026-04-20 12:00')).state, 'closed', 'they buy');
SELECT is((SELECT ROW(c.user_id, c.account_id, c.mrr)::text FROM pql.conversion c), ROW(NULL::text, :'won_account_id', 2000::float8)::text, 'it is the account that does');
SELECT is((SELECT ROW(l.state, l.disposition)::text FROM pql.lead l WHERE l.lead_id = :won_lead_id), '(closed,converted)', 'that lead is done');

-- ---- quadrants, sophistication, contacts ----

SELECT pql.activate_model('quadrant', 1), pql.activate_model('sophistication', 1) \g /dev/null
SELECT t.refresh('2026-04-20 13:00') \g /dev/null
SELECT is(t.wrong(), '', 'two models more');
-- from the rows: a company of 50 to 5,000 or of a target industry; there on 4 days of 14, with 5 features, an invite, or the API
CREATE VIEW t.placed AS
SELECT p.user_id, CASE WHEN a.employees BETWEEN 50 AND 5000 OR lower(a.industry) IN ('fintech', 'health') THEN CASE WHEN u.used THEN 'sales_assist' ELSE 'tech_assist' END ELSE CASE WHEN u.used THEN 'self_serve' ELSE 'nurture' END END AS quadrant
FROM pql.person p LEFT JOIN pql.account a ON a.account_id = p.account_id
CROSS JOIN LATERAL (SELECT count(DISTINCT e.occurred_at::date) FILTER (WHERE e.occurred_at::date > date '2026-04-20' - 14) >= 4
		AND (count(DISTINCT e.properties ->> 'feature') FILTER (WHERE e.event = 'feature_used') >= 5 OR bool_or(e.event IN ('api_call', 'invite_sent'))) AS used
	FROM pql.event e WHERE e.user_id = p.user_id AND e.event IS NOT NULL AND (p.signed_up_at IS NULL OR e.occurred_at >= p.signed_up_at) AND e.occurred_at <= '2026-04-20 13:00') u;
INSERT INTO pql.event (user_id, occurred_at, event, properties) SELECT 'u' || n, timestamptz '2026-04-14' + d * interval '1 day', e, '{"invitee_email": "x"}' FROM generate_series(40, 90, 4) n, generate_series(0, 4) d, unnest('{api_call,invite_sent}'::text[]) e;
SELECT t.refresh('2026-04-20 13:00') \g /dev/null
SELECT is_empty($$SELECT q.user_id, q.quadrant, p.quadrant FROM t.placed p FULL JOIN (SELECT * FROM pql.quadrant WHERE model = 'quadrant' AND user_id IN (SELECT user_id FROM pql.person)) q ON q.user_id = p.user_id
	WHERE q.quadrant IS DISTINCT FROM p.quadrant$$, 'each user is in the quadrant that the rows say');
SELECT is((SELECT count(DISTINCT quadrant) FROM t.placed), 4::bigint, 'all four have somebody');
SELECT is((SELECT count(*) FROM pql.quadrant q WHERE q.model = 'account' AND q.user_id IS NULL AND q.account_id IS NOT NULL), (SELECT count(*) FROM pql.score s WHERE s.model = 'account'), 'and so is each account');
INSERT INTO pql.event (user_id, occurred_at, event, properties)
SELECT 'pro', timestamptz '2026-04-20', 'feature_used', jsonb_build_object('feature', 'f' || n, 'premium', true) FROM generate_series(1, 6) n
UNION ALL SELECT 'mid', timestamptz '2026-04-20', 'feature_used', jsonb_build_object('feature', 'f' || n, 'feature_class', 'core') FROM generate_series(1, 3) n;
SELECT is((SELECT ROW(s.tier, s.score)::text FROM pql.score_all('sophistication', '2026-04-20 13:00') s WHERE s.user_id = v.user_id), v.says, v.why)
FROM (VALUES ('new1', '(novice,0)', 'who has only come'), ('mid', '(intermediate,4)', 'three features (2), all of the core (2)'), ('pro', '(advanced,7)', 'six features (3), all premium (4)')) v (user_id, says, why);
SELECT is_empty($$SELECT FROM pql.score s WHERE s.model IN ('quadrant', 'sophistication') AND s.status = 'qualified'$$, 'nobody qualifies by them');
INSERT INTO pql.person (user_id, account_id, full_name, opted_out_at) VALUES ('shy', 'c7', 'Shy', '2026-04-01');
CREATE VIEW t.contact AS SELECT c.* FROM pql.account_contacts('c7') c;
SELECT is((SELECT array_agg(c.place ORDER BY c.place) FROM t.contact c), ARRAY(SELECT generate_series(1, (SELECT count(*)::int FROM pql.person WHERE account_id = 'c7'))), 'all people of an account, in order');
SELECT is_empty($$SELECT a.user_id, b.user_id FROM t.contact a JOIN t.contact b ON b.place = a.place + 1 WHERE a.score < b.score AND b.action !~ '^do not'$$, 'best first');
SELECT is((SELECT ROW(c.place = (SELECT count(*) FROM t.contact), c.action)::text FROM t.contact c WHERE c.user_id = 'shy'), '(t,"do not write: opted out")', 'who may not be written to, last');
SELECT is((SELECT DISTINCT c.ready_users FROM t.contact c), (SELECT count(*)::int FROM pql.person p WHERE p.account_id = 'c7' AND p.opted_out_at IS NULL AND EXISTS (SELECT FROM pql.score s WHERE s.user_id = p.user_id AND s.status = 'qualified')), 'how many are ready');
SELECT is_empty($$SELECT * FROM pql.account_contacts('nowhere')$$, 'of no account nobody');

-- ---- a model that says something wrong ----

CREATE FUNCTION t.refused(changes text) RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT t.error(format('SELECT pql.put_model((pql.model(''account'', 1) || %L::jsonb), false)', changes))
$$;
SELECT matches(t.refused(v.changes), v.says, v.what) FROM (VALUES
	('{"unit": "household"}', '^22023 . "household" is no unit at \$\.unit . A model judges users or accounts', 'another unit'),
	('{"unit": "user"}', '^22023 . a user has no members at \$\.members', 'members of a user'),
	('{"window": {"trial_days": [1, 10]}}', '^22023 . an account has no window at \$\.window', 'a window'),
	('{"hold": {"missing_only": "counted_days", "for": "24 hours", "from": "last_counted_event", "released_by": "*", "on_a_later_day": true}}', '^22023 . an account has no hold at \$\.hold', 'a hold'),
	('{"members": {"active": {"days": "*", "last_days": 28, "atleast": 1}}}', 'unknown key "atleast" at \$\.members\.active', 'a slip in a condition, and where'),
	('{"members": {"active": {"days": "*"}}}', '"days" needs a threshold at \$\.members\.active', 'a condition without a threshold'),
	('{"members": {"count": {"days": "*", "at_least": 1}}}', '"count" is taken at \$\.members', 'a name that is taken'),
	('{"members": {"Big Ones": {"days": "*", "at_least": 1}}}', '"Big Ones" is no name of a count of members', 'a name that is none'),
	('{"members": {"x": {"distinct": "account.name"}}}', '"account\.name" at \$\.members\.x is no fact of a person', 'a fact that all have in common'),
	('{"members": {"x": {"growth_over": "5 hours"}}}', 'growth is over days at \$\.members\.x', 'growth by the hour'),
	('{"members": {"x": {"score_of": 7}}}', '\$\.members\.x\.score_of', 'a model that is none'),
	('{"members": {"x": {"score": {"at_least": 1}}}}', 'a member has no score or tier at \$\.members\.x', 'the account''s score, asked of a member'),
	('{"members": {"x": ["icp_match"]}}', 'unknown signal "icp_match" at \$\.members\.x', 'the account''s signal, asked of a member'),
	('{"members": {"x": {"account.nme": 1, "members.count": 2}}}', 'members\.count at \$\.members\.x\S* is of an account, and the unit is the user', 'members of a member'),
	('{"members": 5}', '\$\.members', 'no object'),
	('{"signals": [{"signal": "a", "days": "*", "at_least": 1, "points": 5}]}', 'an account model reads no events at \$\.signals\[0\]', 'an event'),
	('{"signals": [{"signal": "a", "profile": "person.title", "exists": true, "points": 5}]}', 'person\.title at \$\.signals\[0\]\.profile is of a user, and the unit is the account', 'a fact of a person'),
	('{"signals": [{"signal": "a", "profile": "members.activ", "at_least": 1, "points": 5}]}', 'unknown fact "members\.activ" at .* Did you mean "active"', 'a count that there is not'),
	('{"signals": [{"signal": "a", "profile": "members.active", "at_least": 1, "points": "some"}]}', '\$\.signals\[0\]\.points', 'points that are none'),
	('{"qualify": {"counted_days": {"at_least": 2}}}', 'an account has no counted days', 'days of an account'),
	('{"members": {"score": {"score_of": "playbok"}}, "signals": [{"signal": "a", "profile": "members.score", "at_least": 1, "points": 80}], "tiers": [], "qualify": "a"}', 'unknown model "playbok" .* Did you mean "playbook"', 'a model that there is not'),
	('{"members": {"score": {"score_of": "account"}}, "signals": [{"signal": "a", "profile": "members.score", "at_least": 1, "points": 80}], "tiers": [], "qualify": "a"}', 'model "account" judges no users', 'a model of accounts'),
	('{"members": {"score": {"score_of": "playbook", "without": ["firmografic"]}}, "signals": [{"signal": "a", "profile": "members.score", "at_least": 1, "points": 80}], "tiers": [], "qualify": "a"}', 'model "playbook" has no signals of category "firmografic"', 'a category that there is not'),
	('{"members": {"a": {"score_of": "playbook"}, "b": {"score_of": "trial"}}, "signals": [{"signal": "a", "profile": "members.a", "at_least": 1, "points": 80}], "tiers": [], "qualify": "a"}', 'model "account" sums two scores', 'two scores'),
	('{"events": {"invite": "other_event"}}', 'mean different events by "invite"', 'a word that means two things')) v (changes, says, what);
SELECT matches(t.error(format('SELECT pql.read_model(%L)', '{"model": "m", "signals": [{"signal": "a", "profile": "members.count", "at_least": 1, "points": 5}], "qualify": "a"}')), 'members\.count at \$\.signals\[0\]\.profile is of an account, and the unit is the user', 'a user has no members');
SELECT matches(t.error($$SELECT * FROM pql.explain('account', 'nowhere')$$), '^42704 . model "account" has no subject "nowhere"', 'an account that there is not');
SELECT matches(t.error($$SELECT pql.what_if('account', 'c1', '[{"event": "x"}]')$$), '^0A000 . events are asked for of an account', 'events of no member');
SELECT matches(t.error($$SELECT * FROM pql.score_all('account', now(), started_from => '2026-01-01')$$), '^0A000 . accounts of model "account" have no start', 'starts of accounts');
SELECT matches(t.error($$SELECT * FROM pql.gather_everybody('account')$$), '^0A000 . model "account" keeps no evidence', 'evidence of accounts');
SELECT lives_ok($$SELECT pql.put_model('{"model": "heads", "unit": "account", "signals": [{"signal": "big", "profile": "members.count", "at_least": 3, "points": 1}], "qualify": "big"}')$$, 'a model that counts heads and nothing else');
SELECT is((SELECT s.score FROM pql.score_all('heads', '2026-04-20') s WHERE s.account_id = 'c7'), 1, 'counts them');
SELECT lives_ok($$SELECT pql.put_model('{"model": "only", "signals": [{"signal": "a", "days": "*", "at_least": 1, "points": 5}], "qualify": "nobody"}')$$, 'a model by which nobody qualifies');
SELECT is((SELECT count(*) FROM pql.score_all('only', '2026-04-20') s WHERE s.status = 'qualified'), 0::bigint, 'says so');

SELECT * FROM finish();
ROLLBACK;
