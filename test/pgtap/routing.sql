-- Routing: who gets a lead, what keeps it waiting, and that caps, turns and owners are kept.
--
--   pg_prove -d DB test/pgtap/routing.sql

BEGIN;
\ir lib/transaction.sql
\ir lib/leads.sql

-- ---- off until asked ----

SELECT t.qualify('early', '2026-03-02 10:00') \g /dev/null
SELECT t.refresh('2026-03-02 10:00') \g /dev/null
SELECT is(t.stands('early'), 'not_routed', 'nothing is routed until somebody asks');
SELECT is((SELECT count(*) FROM pql.alert), 0::bigint, 'nor is anybody alerted');

SELECT matches(t.error($$SELECT pql.start_routing('trail')$$), '^42704 . model "trail" is not active . Active models: conversion_ready, playbook, trial', 'a model that there is not');
SELECT matches(t.error($$SELECT pql.start_routing('trial', 1)$$), '^22023 . control_share 1 is no share', 'a share of all');
SELECT matches(t.error($$SELECT pql.start_routing('trial', 'NaN')$$), '^22023 . control_share NaN is no share', 'no number');
SELECT matches(t.error($$SELECT pql.start_routing('trial', -0.1)$$), '^22023 ', 'a negative share');
SELECT matches(t.error($$SELECT pql.start_routing('trial', role => 'boss')$$), '^22023 . role "boss" is not known', 'a role that there is not');
SELECT pql.start_routing('trial', as_of => '2026-03-02 11:00') \g /dev/null
SELECT matches(t.error($$SELECT pql.start_routing('playbook')$$), '^55006 . model "trial" routes users already', 'one model routes, of each unit');
SELECT pql.start_routing('trial', as_of => '2026-03-02 11:00') \g /dev/null
SELECT is((SELECT count(*) FROM pql.routing), 1::bigint, 'asking twice is asking once');
SELECT is((SELECT string_agg(segment || ':' || coalesce(team, 'nobody'), ' ' ORDER BY position) FROM pql.segment_rule), 'enterprise:ae mid_market:inside_sales smb:nobody unknown:sdr', 'the usual segments are put in');

SELECT t.refresh('2026-03-02 11:00') \g /dev/null
SELECT is(t.stands('early'), 'not_routed', 'what was found before stays as it is');
SELECT pql.start_routing('trial', since => '2026-03-02', as_of => '2026-03-02 11:00') \g /dev/null
SELECT t.refresh('2026-03-02 11:01') \g /dev/null
SELECT is(t.stands('early'), 'queued no_rep', 'unless it is asked for; without reps it queues');

-- ---- lightest load, longest waiting, caps, the queue ----

INSERT INTO pql.rep (email, name, team, daily_cap) VALUES ('ann@sales.example', 'Ann', 'inside_sales', 2), ('bob@sales.example', 'Bob', 'inside_sales', 2), ('off@sales.example', 'Off', 'inside_sales', 9);
UPDATE pql.rep SET active = false WHERE email = 'off@sales.example';
SELECT t.refresh('2026-03-02 11:02') \g /dev/null
SELECT is(t.stands('early'), 'assigned segment ann', 'a rep who comes gets what has waited');
SELECT is((SELECT ROW(l.segment, l.counts_on, l.clock_started_at, l.first_touch_due_at)::text FROM t.lead('early') l), ROW('mid_market', '2026-03-02'::date, '2026-03-02 11:02+00'::timestamptz, '2026-03-02 15:02+00'::timestamptz)::text,
	'with the business day and the deadline');

SELECT t.qualify('m' || n, '2026-03-02 12:00'::timestamptz + n * interval '1 minute') FROM generate_series(1, 4) n \g /dev/null
SELECT t.qualify('h1', '2026-03-02 12:30', 'high') \g /dev/null
SELECT t.refresh('2026-03-02 13:00') \g /dev/null
SELECT is(t.stands('h1'), 'assigned segment bob', 'the highest tier first, to the lightest load');
SELECT is(t.stands('m1'), 'assigned segment ann', 'then the earliest, to who has waited longest');
SELECT is(t.stands('m2'), 'assigned segment bob', 'turn by turn');
SELECT is((SELECT array_agg(t.stands('m' || n)) FROM generate_series(3, 4) n), '{queued cap,queued cap}', 'over the cap they queue');
SELECT is((t.lead('m3')).queued_until, '2026-03-03 09:00+00', 'until the next business day opens');
SELECT is(t.told('m3'), '', 'which nobody needs to be told of');
SELECT is((SELECT max(n) FROM (SELECT count(*) AS n FROM pql.lead WHERE rep IS NOT NULL GROUP BY rep, counts_on) c), 2::bigint, 'no cap is exceeded');
SELECT is(t.told('h1'), 'assigned', 'each assignment is told once');

SELECT t.qualify('h2', '2026-03-02 13:30', 'high') \g /dev/null
SELECT t.refresh('2026-03-02 14:00') \g /dev/null
SELECT is(t.stands('h2') || ', ' || t.told('h2'), 'queued cap, queued', 'a high lead that queues is told to the manager');
SELECT is((SELECT (pql.reassign(t.id('h2'), 'bob@sales.example', 'the manager', as_of => '2026-03-02 14:05')).flags), '{over_cap}', 'who may give it to somebody, over the cap');
SELECT is(t.stands('h2'), 'assigned reassigned bob', 'at once');
SELECT is((t.lead('h2')).first_touch_due_at, '2026-03-02 16:05+00', 'with two business hours');

-- those who wait for a day go before those who come overnight, but for higher tiers
SELECT t.qualify('night', '2026-03-02 20:00') \g /dev/null
SELECT t.refresh('2026-03-02 20:00') \g /dev/null
SELECT is(t.stands('night'), 'queued behind_queue', 'who comes overnight waits with those who wait');
SELECT t.qualify('dawn', '2026-03-03 06:00', 'high') \g /dev/null
SELECT t.refresh('2026-03-03 06:00') \g /dev/null
SELECT is(t.stands('dawn'), 'queued behind_queue', 'whatever the tier');
SELECT t.refresh('2026-03-03 08:59:59') \g /dev/null
SELECT is(t.stands('m3'), 'queued cap', 'not a second too early');
SELECT t.refresh('2026-03-03 09:00') \g /dev/null
SELECT is(t.stands('dawn'), 'assigned segment ann', 'in the morning the highest tier is first');
SELECT is((SELECT array_agg(split_part(t.stands(w), ' ', 1)) FROM unnest(ARRAY['m3', 'm4', 'night']) w), '{assigned,assigned,assigned}', 'then those who have waited longest');
SELECT is((SELECT max(n) FROM (SELECT count(*) AS n FROM pql.lead WHERE rep IS NOT NULL AND NOT 'over_cap' = ANY (flags) GROUP BY rep, counts_on) c), 2::bigint, 'no cap is exceeded');

-- off hours with free places and nobody waiting
SELECT t.qualify('late1', '2026-03-03 19:00') \g /dev/null
SELECT t.refresh('2026-03-03 19:00') \g /dev/null
SELECT is((SELECT ROW(l.state, l.counts_on, l.clock_started_at, l.first_touch_due_at)::text FROM t.lead('late1') l), ROW('assigned', '2026-03-04'::date, '2026-03-04 09:00+00'::timestamptz, '2026-03-04 13:00+00'::timestamptz)::text,
	'off hours a lead counts toward the next business day, and its clock starts then');

SELECT matches(t.error($$DELETE FROM pql.rep WHERE email = 'ann@sales.example'$$), '^23503 . ann@sales.example has \d+ open leads . .* . Reassign them', 'a rep with leads stays');
SELECT matches(t.error($$UPDATE pql.rep SET email = 'anne@sales.example' WHERE email = 'ann@sales.example'$$), '^23503 ', 'and is not renamed');
SELECT is(t.error($$DELETE FROM pql.rep WHERE email = 'off@sales.example'$$), 'no error', 'one without may go');
INSERT INTO pql.rep (email, team, daily_cap, active) VALUES ('off@sales.example', 'inside_sales', 9, false);

-- ---- whose it is already ----

UPDATE pql.rep SET daily_cap = 20;
SELECT t.qualify('own1', '2026-03-04 10:00', owner => 'BOB@sales.example') \g /dev/null
SELECT t.qualify('own2', '2026-03-04 10:00', owner => 'off@sales.example') \g /dev/null
SELECT t.qualify('own3', '2026-03-04 10:00', owner => 'nobody we know') \g /dev/null
SELECT t.refresh('2026-03-04 10:00') \g /dev/null
SELECT is(t.stands('own1'), 'assigned owner bob', 'the owner of the account, whatever the case');
SELECT is((SELECT ROW(l.state, l.reason, l.flags)::text FROM t.lead('own2') l), ROW('assigned', 'segment', '{owner_inactive}'::text[])::text, 'not one who is inactive');
SELECT is((SELECT ROW(l.state, l.reason, l.flags)::text FROM t.lead('own3') l), ROW('assigned', 'segment', '{owner_inactive}'::text[])::text, 'nor one who is no rep');
UPDATE pql.rep SET daily_cap = 0 WHERE email = 'ann@sales.example';
SELECT t.qualify('own4', '2026-03-04 10:30', owner => 'ann@sales.example') \g /dev/null
SELECT t.refresh('2026-03-04 10:30') \g /dev/null
SELECT is((SELECT ROW(l.reason, l.rep, l.counts_on, l.flags)::text FROM t.lead('own4') l), ROW('owner', 'ann@sales.example', '2026-03-04'::date, '{over_cap}'::text[])::text, 'an owner gets it over the cap, and it counts');
UPDATE pql.rep SET daily_cap = 20, crm_id = '005A' WHERE email = 'ann@sales.example';
SELECT t.qualify('own5', '2026-03-04 10:40', owner => '005A') \g /dev/null
SELECT t.refresh('2026-03-04 10:40') \g /dev/null
SELECT is(t.stands('own5'), 'assigned owner ann', 'by the CRM''s id');

SELECT t.qualify('pair1', '2026-03-04 11:00', company => 'pair') \g /dev/null
SELECT t.refresh('2026-03-04 11:00') \g /dev/null
SELECT t.qualify('pair2', '2026-03-04 11:30', company => 'pair') \g /dev/null
SELECT t.qualify('twin1', '2026-03-04 11:30', company => 'twins'), t.qualify('twin2', '2026-03-04 11:31', company => 'twins') \g /dev/null
SELECT t.refresh('2026-03-04 11:40') \g /dev/null
SELECT is((t.lead('pair2')).rep, (t.lead('pair1')).rep, 'one account, one rep');
SELECT is((t.lead('pair2')).reason, 'same_account', 'with the reason');
SELECT is((t.lead('twin2')).rep, (t.lead('twin1')).rep, 'also of two that come together');
UPDATE pql.rep SET daily_cap = 0 WHERE email = (t.lead('pair1')).rep;
SELECT t.qualify('pair3', '2026-03-04 12:00', company => 'pair') \g /dev/null
SELECT t.refresh('2026-03-04 12:00') \g /dev/null
SELECT is(t.stands('pair3'), 'queued cap', 'it waits for that rep''s next day rather than go to another');
UPDATE pql.rep SET daily_cap = 20;
SELECT t.refresh('2026-03-04 12:01') \g /dev/null
SELECT is((t.lead('pair3')).rep, (t.lead('pair1')).rep, 'and comes when there is room');

-- ---- segments ----

INSERT INTO pql.rep (email, name, team) VALUES ('eve@sales.example', 'Eve', 'ae'), ('sam@sales.example', 'Sam', 'sdr');
SELECT t.qualify('big', '2026-03-04 13:00', employees => 900) \g /dev/null
SELECT t.refresh('2026-03-04 13:00') \g /dev/null
SELECT is(t.stands('big') || ' ' || (t.lead('big')).segment, 'assigned segment eve enterprise', 'enterprise goes to an account executive');
UPDATE pql.segment_rule SET team = 'field' WHERE segment = 'enterprise';
SELECT t.qualify('big2', '2026-03-04 13:10', employees => 900) \g /dev/null
SELECT t.refresh('2026-03-04 13:10') \g /dev/null
SELECT is((SELECT ROW(l.state, l.flags)::text FROM t.lead('big2') l), ROW('assigned', '{team_empty}'::text[])::text, 'better somebody else than nobody');
UPDATE pql.segment_rule SET team = NULL WHERE segment = 'enterprise';
SELECT t.qualify('big3', '2026-03-04 13:20', employees => 900) \g /dev/null
SELECT t.refresh('2026-03-04 13:20') \g /dev/null
SELECT is(t.stands('big3'), 'not_routed automated', 'nobody is nobody');
SELECT is(t.told('big3'), '', 'and is told nothing');
SELECT pql.start_routing('trial', team => 'sdr') \g /dev/null
SELECT t.qualify('any', '2026-03-04 13:30', employees => 900) \g /dev/null
SELECT t.refresh('2026-03-04 13:30') \g /dev/null
SELECT is(t.stands('any'), 'assigned team sam', 'a team that is named gets them all');
SELECT pql.start_routing('trial') \g /dev/null
UPDATE pql.segment_rule SET team = 'ae' WHERE segment = 'enterprise';

-- ---- pause, stop, control ----

SELECT matches(t.error($$SELECT pql.pause(' ')$$), '^22023 . a pause needs a reason', 'who pauses says why');
SELECT matches(t.error($$SELECT pql.pause('x', 'everything')$$), '^22023 . "everything" cannot be paused', 'and what');
SELECT ok(pql.pause('too many', as_of => '2026-03-04 14:00'), 'routing is paused');
SELECT ok(NOT pql.pause('again', as_of => '2026-03-04 14:01'), 'once');
SELECT is(pql.paused(), 'too many', 'with the reason');
SELECT t.qualify('while1', '2026-03-04 14:10', 'high') \g /dev/null
SELECT count(*) AS n FROM pql.alert \gset before_
SELECT t.refresh('2026-03-04 14:10'), t.refresh('2026-03-04 17:30') \g /dev/null
SELECT is(t.stands('while1'), 'queued paused', 'leads qualify and queue');
SELECT is((SELECT count(*) FROM pql.alert), :before_n::bigint, 'nobody is alerted');
SELECT ok((SELECT count(*) > 0 FROM pql.lead_event WHERE event = 'pql_escalated' AND occurred_at = '2026-03-04 17:30'), 'while clocks run on');
SELECT ok(pql.resume(as_of => '2026-03-04 17:40'), 'it goes on');
SELECT ok(NOT pql.resume(as_of => '2026-03-04 17:41'), 'once');
SELECT t.refresh('2026-03-04 17:41') \g /dev/null
SELECT is(split_part(t.stands('while1'), ' ', 1) || ' ' || t.told('while1'), 'assigned assigned', 'and what has queued is routed and told');

SELECT ok(pql.stop_routing('trial'), 'routing ends');
SELECT ok(NOT pql.stop_routing('trial'), 'once');
SELECT t.qualify('after', '2026-03-05 10:00') \g /dev/null
SELECT t.refresh('2026-03-05 10:00') \g /dev/null
SELECT is(t.stands('after'), 'not_routed', 'new leads are not routed');
SELECT ok(split_part(t.stands('while1'), ' ', 1) = 'assigned', 'what reps have goes on');

SELECT is((t.lead('after')).next_at, NULL, 'and nobody looks at them');
UPDATE pql.rep SET daily_cap = 0;
SELECT pql.start_routing('trial', as_of => '2026-03-05 10:10') \g /dev/null
SELECT t.qualify('stays', '2026-03-05 10:10') \g /dev/null
SELECT t.refresh('2026-03-05 10:10') \g /dev/null
SELECT is(t.stands('stays') || ', ' || t.told('stays'), 'queued cap, ', 'a medium lead waits');
INSERT INTO pql.event (user_id, occurred_at, event) SELECT 'stays', '2026-03-05 10:11'::timestamptz - d * interval '1 day', 'session_start' FROM generate_series(0, 2) d;
SELECT t.refresh('2026-03-05 10:11') \g /dev/null
SELECT is((t.lead('stays')).tier || ' ' || t.told('stays'), 'high queued', 'when it rises the manager is told after all');
SELECT t.refresh('2026-03-05 10:12') \g /dev/null
SELECT is(t.told('stays'), 'queued', 'once');
SELECT pql.stop_routing('trial') \g /dev/null
SELECT t.refresh('2026-03-06 09:00'), t.refresh('2026-03-06 09:01') \g /dev/null
SELECT is(t.stands('stays') || ' ' || ((t.lead('stays')).next_at > '2026-03-10'), 'queued cap true', 'what is queued when routing ends waits, and is not looked at in vain');
UPDATE pql.rep SET daily_cap = 20;
SELECT pql.start_routing('trial', as_of => '2026-03-06 09:02') \g /dev/null
SELECT t.refresh('2026-03-06 09:02') \g /dev/null
SELECT is(split_part(t.stands('stays'), ' ', 1), 'assigned', 'until it is routed again');

SELECT pql.start_routing('trial', 0.5) \g /dev/null
SELECT t.qualify('c' || n, '2026-03-06 10:00') FROM generate_series(1, 60) n \g /dev/null
SELECT t.qualify('d1', '2026-03-06 10:00', company => 'co-c1') \g /dev/null
SELECT t.refresh('2026-03-06 10:00') \g /dev/null
SELECT ok((SELECT count(*) FROM pql.lead WHERE state = 'control') BETWEEN 15 AND 45, 'some half of the accounts are held out');
SELECT is((SELECT count(*) FROM pql.lead l WHERE l.state = 'control' AND (l.rep IS NOT NULL OR EXISTS (SELECT FROM pql.alert a WHERE a.lead_id = l.lead_id))), 0::bigint, 'nobody gets them or is told of them');
SELECT is((t.lead('d1')).state = 'control', (t.lead('c1')).state = 'control', 'an account is held out as a whole');
SELECT is(t.story(l.user_id), 'pql_triggered pql_held_out', 'it is logged') FROM pql.lead l WHERE l.state = 'control' ORDER BY l.lead_id LIMIT 1;
SELECT ok(pql.held_out('x', 0.3, 's') <= pql.held_out('x', 0.6, 's'), 'a larger share holds out those of a smaller one');
SELECT is((SELECT round(avg(pql.held_out(n::text, 0.2, 'salt')::int), 1) FROM generate_series(1, 5000) n), 0.2, 'and the share is what it says');

-- ---- excluded and converted while they wait, late ----

UPDATE pql.rep SET daily_cap = 0;
SELECT pql.start_routing('trial') \g /dev/null
SELECT t.qualify(w, '2026-03-06 10:00') FROM unnest(ARRAY['opts', 'pays', 'gone']) w \g /dev/null
SELECT t.refresh('2026-03-06 10:00') \g /dev/null
UPDATE pql.person SET opted_out_at = '2026-03-06 11:00' WHERE user_id = 'opts';
UPDATE pql.trial SET converted_at = '2026-03-06 11:00', mrr = 100 WHERE user_id = 'pays';
SELECT t.refresh('2026-03-06 11:00') \g /dev/null
SELECT is(t.stands('opts'), 'closed opted_out', 'a queued lead that becomes excluded is not routed, with the reason');
SELECT is(t.stands('pays'), 'closed converted', 'one that has paid neither');
SELECT is(t.story('pays'), 'pql_triggered pql_queued trial_converted pql_not_routed', 'as its log says');
SELECT t.refresh('2026-03-18 12:00') \g /dev/null
SELECT is(t.stands('gone'), 'closed too_late', 'when its trial runs out it is too late');
SELECT t.qualify('old', '2026-03-01 10:00') \g /dev/null
SELECT t.refresh('2026-03-19 10:00') \g /dev/null
SELECT is(t.stands('old'), 'closed late', 'a trial that was over when it was found is not routed');

-- ---- other models: tiers without a route ----

SELECT pql.stop_routing('trial') \g /dev/null
SELECT pql.put_model(pql.adapt('trial', '{"tiers": [{"tier": "high", "when": {"score": {"at_least": 7}}, "first_touch": "1 hour", "route": "at_once"}, {"tier": "medium", "when": {"score": {"at_least": 4}}}]}')) \g /dev/null
UPDATE pql.rep SET daily_cap = 20;
SELECT pql.start_routing('trial') \g /dev/null
SELECT t.qualify('quiet', '2026-03-20 10:00') \g /dev/null
SELECT t.refresh('2026-03-20 10:00') \g /dev/null
SELECT is(t.stands('quiet'), 'not_routed tier_not_routed', 'a tier without a route waits');
INSERT INTO pql.event (user_id, occurred_at, event) SELECT 'quiet', '2026-03-20 10:30'::timestamptz + d * interval '1 day', 'session_start' FROM generate_series(-2, 0) d;
SELECT t.refresh('2026-03-20 10:30') \g /dev/null
SELECT is(split_part(t.stands('quiet'), ' ', 1), 'assigned', 'until it rises');
SELECT is((t.lead('quiet')).first_touch_due_at, '2026-03-20 11:30+00', 'an hour is an hour, where it is no business hour');
SELECT is(t.story('quiet'), 'pql_triggered pql_not_routed tier_raised pql_routed', 'as its log says');

SELECT is_empty($$SELECT * FROM t.unlike_log()$$, 'every lead is what its log says');
SELECT is_empty($$SELECT * FROM pql.verify('trial')$$, 'and verdicts are right');

SELECT * FROM finish();
ROLLBACK;
