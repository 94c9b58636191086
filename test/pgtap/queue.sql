-- The queue: turns, places that are freed, who waits for whom.
--
--   pg_prove -d DB test/pgtap/queue.sql

BEGIN;
\ir lib/transaction.sql
\ir lib/leads.sql

SELECT pql.start_routing('trial', team => 'turns', as_of => '2026-03-24 08:00') \g /dev/null
INSERT INTO pql.channel VALUES ('default'), ('managers');
INSERT INTO pql.team (team, manager_channel) VALUES ('turns', 'managers');
INSERT INTO pql.rep (email, team, daily_cap) VALUES ('one', 'turns', 1), ('two', 'turns', 1);
SELECT t.qualify('f1', '2026-03-24 10:00'), t.qualify('f2', '2026-03-24 10:00') \g /dev/null
SELECT t.refresh('2026-03-24 10:00') \g /dev/null
SELECT t.qualify('f3', '2026-03-24 10:01', 'high') \g /dev/null
SELECT t.refresh('2026-03-24 10:02') \g /dev/null
SELECT is(t.stands('f3'), 'queued cap', 'a high lead waits');
SELECT is((pql.reassign(t.id('f1'), 'two', as_of => '2026-03-24 11:00')).flags, '{over_cap}', 'a place is freed');
SELECT t.qualify('f4', '2026-03-24 12:00') \g /dev/null
SELECT t.refresh('2026-03-24 12:00') \g /dev/null
SELECT is(t.stands('f3') || ', ' || t.stands('f4'), 'assigned team one, queued cap', 'and is for who has waited, not for who comes');
UPDATE pql.rep SET daily_cap = 5;
SELECT is((pql.reassign(t.id('f1'), 'one', as_of => '2026-03-24 12:30')).flags, '{}', 'a flag of one assignment is none of the next');
SELECT t.qualify('f5', '2026-03-24 12:30', company => 'co-f3') \g /dev/null
UPDATE pql.rep SET daily_cap = 0;
SELECT t.refresh('2026-03-24 12:40') \g /dev/null
INSERT INTO pql.event (user_id, occurred_at, event) SELECT 'f5', '2026-03-24 12:41'::timestamptz - d * interval '1 day', 'session_start' FROM generate_series(0, 2) d;
SELECT t.refresh('2026-03-24 12:41') \g /dev/null
SELECT is((SELECT a.channel FROM pql.alert a WHERE a.lead_id = t.id('f5') AND a.kind = 'queued'), 'managers', 'who waits for the rep of the account is told to that team''s manager');
SELECT t.qualify('f6', '2026-03-24 20:00', 'high') \g /dev/null
UPDATE pql.rep SET daily_cap = 2;
SELECT t.refresh('2026-03-24 20:00') \g /dev/null
SELECT is(split_part(t.stands('f5'), ' ', 1) || ' ' || t.told('f6'), 'queued queued', 'one who comes at night and waits behind others, too');
UPDATE pql.rep SET daily_cap = 5;
SELECT t.refresh('2026-03-25 09:00') \g /dev/null
SELECT is((SELECT array_agg(split_part(t.stands(w), ' ', 1)) FROM unnest(ARRAY['f4', 'f5', 'f6']) w), '{assigned,assigned,assigned}', 'in the morning all have their turn');
-- who has released a lead does not get it back when the queue opens
UPDATE pql.rep SET daily_cap = 1 WHERE email = CASE (t.lead('f6')).rep WHEN 'one' THEN 'two' ELSE 'one' END;
SELECT is((pql.release(t.id('f6'), (t.lead('f6')).rep, as_of => '2026-03-25 09:10')).state, 'queued', 'given back');
SELECT e.details ->> 'sdr_id' AS rep FROM pql.lead_event e WHERE e.lead_id = t.id('f6') AND e.event = 'pql_released' \gset released_
SELECT t.refresh('2026-03-25 09:11') \g /dev/null
SELECT is(t.stands('f6'), 'queued cap', 'the other one has no place');
SELECT t.refresh('2026-03-26 09:00') \g /dev/null
SELECT ok((t.lead('f6')).rep <> :'released_rep', 'until the next day');

-- ---- reps who are not at work ----

-- nobody waits for somebody who is not at work beside somebody who is
UPDATE pql.routing SET team = 'far';
INSERT INTO pql.rep (email, team, daily_cap, timezone) VALUES ('here', 'far', 5, 'UTC'), ('newyork', 'far', 1, 'America/New_York');
SELECT t.qualify('n' || n, '2026-03-26 15:00'::timestamptz + n * interval '1 minute') FROM generate_series(1, 3) n \g /dev/null
SELECT t.refresh('2026-03-26 15:01'), t.refresh('2026-03-26 15:02'), t.refresh('2026-03-26 15:03') \g /dev/null
SELECT t.qualify('n4', '2026-03-26 16:00', company => (SELECT account_id FROM pql.lead WHERE rep = 'newyork' AND state = 'assigned')) \g /dev/null
SELECT t.refresh('2026-03-26 16:00') \g /dev/null
SELECT is(t.stands('n4'), 'queued cap', 'one waits for New York');
SELECT t.qualify('n5', '2026-03-27 09:30', 'high') \g /dev/null
SELECT t.refresh('2026-03-27 09:30') \g /dev/null
SELECT is(t.stands('n5'), 'assigned team here', 'who comes while New York sleeps goes to who is at work');

SELECT is_empty($$SELECT * FROM t.unlike_log()$$, 'every lead is what its log says');

SELECT * FROM finish();
ROLLBACK;
