-- Working a lead: what reps may do and may not, once each, and what comes from the CRM.
--
--   pg_prove -d DB test/pgtap/work.sql

BEGIN;
\ir lib/transaction.sql
\ir lib/leads.sql

INSERT INTO pql.rep (email, name, team, slack_handle, crm_id) VALUES ('ann@sales.example', 'Ann', 'inside_sales', 'U01', '005A'), ('bob@sales.example', 'Bob', 'inside_sales', 'U02', '005B'),
	('off@sales.example', 'Off', 'inside_sales', NULL, NULL);
UPDATE pql.rep SET active = false WHERE email = 'off@sales.example';
SELECT pql.start_routing('trial', as_of => '2026-03-02 08:00') \g /dev/null
UPDATE pql.routing SET ae_from = 20000;
SELECT t.qualify(w, '2026-03-04 09:30'::timestamptz + n * interval '1 second') FROM unnest(ARRAY['a1', 'b1', 'a2', 'b2', 'a3', 'b3', 'a4', 'b4', 'a5', 'b5', 'q1', 'q2']) WITH ORDINALITY u (w, n) \g /dev/null
SELECT t.refresh('2026-03-04 10:00') \g /dev/null
SELECT is((SELECT array_agg(split_part(t.stands(w), ' ', 3) ORDER BY w) FROM unnest(ARRAY['a1', 'a2', 'b1', 'b2']) w), '{ann,ann,bob,bob}', 'two reps have their leads');

-- ---- claim, release, reassign ----

SELECT is((pql.claim(t.id('a1'), 'ANN@sales.example', as_of => '2026-03-04 10:05')).state, 'claimed', 'a rep claims their lead, whatever the case');
SELECT is((pql.claim(t.id('a1'), 'ann@sales.example', as_of => '2026-03-04 10:06')).claimed_at, '2026-03-04 10:05+00', 'and again: nothing happens');
SELECT is(t.story('a1'), 'pql_triggered pql_routed pql_claimed', 'it is logged once');
SELECT matches(t.error($$SELECT pql.claim(t.id('a1'), 'bob@sales.example')$$), '^55006 . lead \d+ is ann@sales.example''s . It was assigned on .* and claimed on .* . They can give it back', 'another''s is refused');
SELECT matches(t.error($$SELECT pql.claim(t.id('a2'), 'bob@sales.example')$$), '^55006 . lead \d+ is ann@sales.example''s', 'also when it is not claimed');
SELECT matches(t.error($$SELECT pql.claim(t.id('a1'), 'zoe@sales.example')$$), '^42704 . rep "zoe@sales.example" is not known', 'nobody we know');
SELECT matches(t.error($$SELECT pql.claim(t.id('a1'), NULL)$$), '^42704 . rep "NULL" is not known', 'nobody');
SELECT matches(t.error($$SELECT pql.claim(t.id('a1'), 'off@sales.example')$$), '^55000 . rep "off@sales.example" is not active', 'nobody who is away');
SELECT matches(t.error($$SELECT pql.claim(999999, 'ann@sales.example')$$), '^P0002 . there is no lead 999999', 'a lead that there is not');
SELECT matches(t.error($$SELECT pql.claim(NULL, 'ann@sales.example')$$), '^P0002 . there is no lead NULL', 'no lead');
SELECT matches(t.error($$SELECT pql.claim(t.id('q1'), 'ann@sales.example', as_of => '2026-03-04 11:00')$$), '^55000 . ann@sales.example has had the new leads of 2026-03-04 . The cap is 5', 'a queued one above the cap');
UPDATE pql.rep SET daily_cap = 6 WHERE email = 'ann@sales.example';
SELECT is((SELECT ROW(c.state, c.rep, c.counts_on)::text FROM pql.claim(t.id('q1'), 'ann@sales.example', as_of => '2026-03-04 11:00') c), ROW('claimed', 'ann@sales.example', '2026-03-04'::date)::text, 'a queued one within it');
SELECT matches(t.error($$SELECT pql.claim(t.id('q1'), 'bob@sales.example', as_of => '2026-03-04 11:00')$$), '^55006 ', 'and nobody else''s then');
SELECT is((pql.claim(t.id('b1'), 'bob@sales.example', 'click-1', '2026-03-04 10:10')).state, 'claimed', 'a click');
SELECT is((SELECT count(*) FROM pql.lead_event WHERE external_id = 'click-1'), 1::bigint, 'has its id');

SELECT matches(t.error($$SELECT pql.log_touch(t.id('q2'), 'ann@sales.example')$$), '^55000 . lead \d+ is queued \(cap\), and nobody has it . .* . SELECT . FROM pql.claim', 'not while it is queued');
SELECT matches(t.error($$SELECT pql.release(t.id('b1'), 'ann@sales.example')$$), '^55006 ', 'nobody gives back another''s');
SELECT is((pql.release(t.id('b1'), 'bob@sales.example', 'on holiday', as_of => '2026-03-04 11:10')).state, 'queued', 'who has it gives it back');
SELECT matches(t.error($$SELECT pql.release(t.id('b1'), 'bob@sales.example')$$), '^55000 . lead \d+ is queued', 'once');
SELECT t.refresh('2026-03-04 11:11') \g /dev/null
SELECT is(t.stands('b1'), 'queued cap', 'others'' caps hold');
UPDATE pql.rep SET daily_cap = 9 WHERE email = 'ann@sales.example';
SELECT t.refresh('2026-03-04 11:12') \g /dev/null
SELECT is((SELECT ROW(l.rep, l.first_touch_due_at, l.claimed_at)::text FROM t.lead('b1') l), ROW('ann@sales.example', '2026-03-04 14:00+00'::timestamptz, NULL::timestamptz)::text, 'somebody else gets it, with the deadline it had');

SELECT is((pql.reassign(t.id('b2'), 'ann@sales.example', 'mia', 'knows them', as_of => '2026-03-04 11:20')).rep, 'ann@sales.example', 'a manager hands one on');
SELECT is((t.lead('b2')).first_touch_due_at, '2026-03-04 14:00+00', 'with its deadline');
SELECT is((SELECT count(*) FROM pql.lead_event e WHERE e.lead_id = t.id('b2') AND e.event = 'pql_routed'), 2::bigint, 'logged');
SELECT is((pql.reassign(t.id('b2'), 'ann@sales.example', 'mia', as_of => '2026-03-04 11:21')).rep, 'ann@sales.example', 'to who has it: nothing happens');
SELECT is((SELECT count(*) FROM pql.lead_event e WHERE e.lead_id = t.id('b2') AND e.event = 'pql_routed'), 2::bigint, 'and nothing is logged');
SELECT matches(t.error($$SELECT pql.reassign(t.id('b2'), 'off@sales.example')$$), '^55000 . rep "off@sales.example" is not active', 'not to who is away');

-- ---- touches ----

SELECT is((SELECT ROW(x.state, x.touches, x.first_touched_at)::text FROM pql.log_touch(t.id('a1'), 'ann@sales.example', note => 'hello', external_id => 'mail-1', as_of => '2026-03-04 10:30') x),
	ROW('contacted', 1, '2026-03-04 10:30+00'::timestamptz)::text, 'a first touch');
SELECT is((pql.log_touch(t.id('a1'), 'ann@sales.example', external_id => 'mail-1', as_of => '2026-03-04 10:31')).touches, 1, 'the same mail is one');
SELECT matches(t.error($$SELECT pql.log_touch(t.id('a1'), 'bob@sales.example')$$), '^55006 ', 'by whose lead it is');
SELECT matches(t.error($$SELECT pql.log_touch(t.id('a1'), channel => 'pigeon')$$), '^22023 . channel "pigeon" is not known', 'by a channel there is');
SELECT matches(t.error($$SELECT pql.log_touch(t.id('a1'), touch_number => 3)$$), '^22023 . touch 3 of lead \d+ is not the next one . It has had 1.', 'in order');
SELECT is((pql.log_touch(t.id('a1'), touch_number => 2, channel => 'call', as_of => '2026-03-06 10:30')).touches, 2, 'the second, by whom it is');
SELECT is(pql.next_step_at(pql.log_touch(t.id('a1'), as_of => '2026-03-10 10:30')), '2026-03-12 10:30+00', 'the third; two business days to answer');
SELECT matches(t.error($$SELECT pql.log_touch(t.id('a1'), as_of => '2026-03-11 10:30')$$),
	'^55000 . lead \d+ has had its 3 touches . Last: email by ann@sales.example, Tue 2026-03-10 10:30. It closes as no_response on Thu 2026-03-12. . Log an answer', 'a fourth is refused');
SELECT is((pql.log_touch(t.id('a2'), as_of => '2026-03-04 12:00')).claimed_at, '2026-03-04 12:00+00', 'who writes has claimed');
SELECT ok(pql.pause('complaints', 'outreach', '2026-03-04 12:00'), 'outreach is paused');
SELECT matches(t.error($$SELECT pql.log_touch(t.id('a3'))$$), '^55000 . outreach is paused: complaints', 'nobody writes');
SELECT is((SELECT count(*) FROM pql.next_actions_at('2026-03-04 12:30') WHERE touch IS NOT NULL), 0::bigint, 'nor is asked to');
SELECT ok(pql.resume('outreach'), 'it goes on');

-- ---- replies ----

SELECT matches(t.error($$SELECT pql.log_reply(t.id('a2'), 'maybe')$$), '^22023 . reply "maybe" is not known', 'an answer that there is not');
SELECT is((SELECT ROW(x.replied_at, x.stop_reason)::text FROM pql.log_reply(t.id('a2'), 'positive', as_of => '2026-03-04 13:00', external_id => 're-1') x),
	ROW('2026-03-04 13:00+00'::timestamptz, 'positive_reply')::text, 'a positive answer stops the sequence');
SELECT is((pql.log_reply(t.id('a2'), 'positive', as_of => '2026-03-04 13:01', external_id => 're-1')).replied_at, '2026-03-04 13:00+00', 'once');
SELECT is((SELECT a.action FROM pql.next_actions_at('2026-03-04 13:30') a WHERE a.lead_id = t.id('a2')), 'book_meeting', 'and something is to be done');

SELECT is((pql.log_touch(t.id('a3'), as_of => '2026-03-04 12:00')).touches, 1, 'written to');
SELECT is((pql.log_reply(t.id('a3'), 'not_interested', as_of => '2026-03-04 13:00')).stop_reason, 'not_interested', 'not interested');
SELECT matches(t.error($$SELECT pql.log_touch(t.id('a3'), as_of => '2026-03-05 12:00')$$), '^23514 . nobody may write to the person of lead \d+: not_interested', 'is not written to again');
SELECT is((SELECT a.action || ' ' || (a.why ~ 'nurture or disqualified') FROM pql.next_actions_at('2026-03-04 13:30') a WHERE a.lead_id = t.id('a3')), 'set_disposition true', 'but dispositioned');

SELECT is((pql.log_touch(t.id('a4'), as_of => '2026-03-04 12:00')).touches, 1, 'written to');
SELECT is((pql.log_reply(t.id('a4'), 'unsubscribe', as_of => '2026-03-04 13:00')).stop_reason, 'unsubscribe', 'unsubscribed');
SELECT matches(t.error($$SELECT pql.log_touch(t.id('a4'), as_of => '2026-03-05 12:00')$$), '^23514 . nobody may write to the person of lead \d+: opted_out . They have unsubscribed. . Only they can change that', 'for good');
SELECT matches(t.error(format($$INSERT INTO pql.lead_event (user_id, lead_id, event, occurred_at) VALUES ('a4', %s, 'outreach_sent', '2026-03-05')$$, t.id('a4'))), '^23514 . nobody may write', 'also for who writes to the log');
UPDATE pql.person SET opted_out_at = NULL WHERE user_id = 'a4';
SELECT is(pql.contact_barrier('a4', '2026-03-06'), 'opted_out', 'a table that says otherwise changes nothing');
SELECT is((pql.set_disposition(t.id('a4'), 'nurture', as_of => '2026-03-05 10:00')).state, 'closed', 'whatever a disposition says');
SELECT is(pql.contact_barrier('a4', '2026-03-06'), 'opted_out', 'it stands');
SELECT ok(pql.opt_in('a4', '2026-03-07'), 'until they opt in again');
SELECT is(pql.contact_barrier('a4', '2026-03-08'), NULL, 'then one may');
SELECT is(pql.contact_barrier('a4', '2026-03-06'), 'opted_out', 'as of before one might not');
SELECT ok(NOT pql.opt_in('a4', '2026-03-08'), 'who had not opted out');
SELECT is(pql.contact_barrier('b5', '2026-03-08'), NULL, 'nobody keeps anybody from writing to most');
UPDATE pql.person SET suppressed_at = '2026-03-05' WHERE user_id = 'b5';
SELECT is(pql.contact_barrier('b5', '2026-03-08'), 'suppressed', 'but for those on a list');

-- ---- meetings, dispositions ----

SELECT is((SELECT ROW(x.state, x.met_at, x.flags, x.stop_reason)::text FROM pql.log_meeting(t.id('a2'), meets_at => '2026-03-09 15:00', next_steps => 'demo', amount => 25000, as_of => '2026-03-05 10:00') x),
	ROW('meeting', '2026-03-09 15:00+00'::timestamptz, '{deal_for_ae}'::text[], 'positive_reply')::text, 'a meeting, of a deal for an account executive');
SELECT is((pql.set_disposition(t.id('a2'), 'meeting_set', as_of => '2026-03-05 10:05')).state, 'meeting', 'a disposition that leaves it open');
SELECT matches(t.error($$SELECT pql.set_disposition(t.id('b3'), 'sold')$$), '^22023 . disposition "sold" is not known', 'a word that there is not');
SELECT matches(t.error($$SELECT pql.set_disposition(t.id('b3'), 'disqualified')$$), '^22004 . who disqualifies lead \d+ says why', 'a reason is required');
SELECT matches(t.error($$SELECT pql.set_disposition(t.id('b3'), 'disqualified', '  ')$$), '^22004 ', 'blanks are none');
SELECT matches(t.error($$SELECT pql.set_disposition(t.id('b3'), 'no_response')$$), '^55000 . nobody has written to lead \d+ yet', 'no response to nothing');
SELECT matches(t.error($$SELECT pql.set_disposition(t.id('b3'), 'nurture', rep => 'ann@sales.example')$$), '^55006 ', 'by whose lead it is');
SELECT is((SELECT ROW(x.state, x.disposition, x.disposition_reason, x.reason)::text FROM pql.set_disposition(t.id('b3'), 'disqualified', 'student', 'bob@sales.example', as_of => '2026-03-04 15:00') x),
	ROW('closed', 'disqualified', 'student', 'disqualified')::text, 'disqualified');
SELECT is((SELECT value #>> '{}' FROM pql.fact WHERE subject = 'b3' AND name = 'lead.disposition'), 'disqualified', 'as models read it');
SELECT is((pql.set_disposition(t.id('b3'), 'disqualified', 'student', as_of => '2026-03-04 16:00')).closed_at, '2026-03-04 15:00+00', 'the same again: nothing happens');
SELECT is((pql.set_disposition(t.id('b3'), 'nurture', as_of => '2026-03-04 16:00')).disposition, 'nurture', 'another one corrects it');
SELECT matches(t.error($$SELECT pql.log_touch(t.id('b3'))$$), '^55000 . lead \d+ is closed . As nurture', 'a closed one is not worked');
SELECT matches(t.error($$SELECT pql.reassign(t.id('b3'), 'ann@sales.example')$$), '^55000 . lead \d+ is closed', 'nor handed on');

-- ---- conversion ----

SELECT matches(t.error($$SELECT pql.log_conversion(t.id('a5'), conversion_source => 'magic')$$), '^22023 . conversion_source "magic" is not known', 'who sold it');
SELECT is((SELECT ROW(x.state, x.disposition, x.converted_at)::text FROM pql.log_conversion(t.id('a5'), 'team', 490, external_id => 'sub_1', as_of => '2026-03-04 16:30') x),
	ROW('closed', 'converted', '2026-03-04 16:30+00'::timestamptz)::text, 'paid');
SELECT is((SELECT ROW(e.details ->> 'mrr', e.details ->> 'conversion_source', e.details ->> 'influence')::text FROM pql.lead_event e WHERE e.lead_id = t.id('a5') AND e.event = 'trial_converted'), '(490,self_serve,untouched)', 'by themselves, for nobody had written');
SELECT is(t.story('a5'), 'pql_triggered pql_routed pql_escalated trial_converted sequence_stopped pql_dispositioned', 'what was to be sent is stopped');
SELECT is((SELECT ROW(converted_at, mrr)::text FROM pql.trial WHERE user_id = 'a5'), ROW('2026-03-04 16:30+00'::timestamptz, 490::float8)::text, 'the trial knows');
SELECT is((pql.log_conversion(t.id('a5'), as_of => '2026-03-05')).converted_at, '2026-03-04 16:30+00', 'once');
SELECT t.refresh('2026-03-04 17:00') \g /dev/null
SELECT is((SELECT count(*) FROM pql.lead_event e WHERE e.lead_id = t.id('a5') AND e.event = 'trial_converted'), 1::bigint, 'whoever tells of it');
SELECT matches(t.error($$SELECT pql.set_disposition(t.id('a5'), 'nurture')$$), '^55000 . lead \d+ has converted', 'paid is paid');
INSERT INTO pql.conversion (conversion_id, user_id, converted_at, mrr) VALUES ('sub_0', 'a5', '2026-03-04 10:00', 300);
SELECT t.refresh('2026-03-04 17:10'), t.refresh('2026-03-04 17:20') \g /dev/null
SELECT is((SELECT ROW(l.mrr, l.converted_at, l.trial_converted_at)::text FROM pql.lead l WHERE l.lead_id = t.id('a5')), ROW(300::float8, '2026-03-04 16:30+00'::timestamptz, '2026-03-04 10:00+00'::timestamptz)::text, 'an earlier payment that becomes known later is the one that counts');
SELECT is((SELECT string_agg(ROW(e.occurred_at, e.details ->> 'mrr')::text, ' ') FROM pql.lead_event e WHERE e.lead_id = t.id('a5') AND e.event = 'conversion_corrected'), ROW('2026-03-04 17:10+00'::timestamptz, 300)::text, 'as the log says, once');

SELECT is((pql.log_touch(t.id('b4'), as_of => '2026-03-04 17:00')).touches, 1, 'written to');
UPDATE pql.trial SET converted_at = '2026-03-05 08:00', mrr = 99 WHERE user_id = 'b4';
SELECT t.refresh('2026-03-05 08:30') \g /dev/null
SELECT is(t.stands('b4'), 'closed converted bob', 'a payment that the source tells of stops the sequence by itself');
SELECT is((SELECT e.details ->> 'conversion_source' FROM pql.lead_event e WHERE e.lead_id = t.id('b4') AND e.event = 'trial_converted'), 'sales_assisted', 'assisted, for somebody had written');
UPDATE pql.trial SET mrr = 120 WHERE user_id = 'b4';
SELECT t.refresh('2026-03-05 08:35') \g /dev/null
SELECT is((SELECT ROW(l.mrr, l.conversion_source, l.conversion_touches)::text FROM pql.lead l WHERE l.lead_id = t.id('b4')), '(120,sales_assisted,1)', 'another sum is noted, too');

SELECT is((pql.log_touch(t.id('b2'), as_of => '2026-03-05 12:00')).touches, 1, 'written to, when they had paid already');
SELECT is((pql.log_conversion(t.id('b2'), as_of => '2026-03-05 08:40')).state, 'closed', 'as is found out later');
SELECT is((SELECT ROW(e.details ->> 'conversion_source', e.details ->> 'influence')::text FROM pql.lead_event e WHERE e.lead_id = t.id('b2') AND e.event = 'trial_converted'), '(self_serve,untouched)', 'what came after did not assist');

-- ---- what the CRM tells ----

CREATE SCHEMA crm;
CREATE TABLE crm.task (id text PRIMARY KEY, who text, owner_id text, type text, answer text, done_at timestamptz, subject text, outcome text, outcome_why text);
SELECT is((SELECT count(*) FROM pql.connect('activities', 'crm.task', mapping => '{"activity_id": "id", "user_id": "who", "rep": "owner_id", "channel": "type", "reply": "answer", "occurred_at": "done_at", "note": "subject", "disposition": "outcome", "reason": "outcome_why"}')
	WHERE status NOT IN ('ok', 'none')), 0::bigint, 'a table of tasks is connected');
SELECT t.refresh('2026-03-05 09:00') \g /dev/null
SELECT is(split_part(t.stands('q2'), ' ', 1), 'assigned', 'somebody has a lead');
INSERT INTO crm.task (id, who, owner_id, type, done_at, subject) SELECT 'T1', 'q2', r.crm_id, 'call', '2026-03-05 09:30', 'tried' FROM pql.rep r WHERE r.email = (t.lead('q2')).rep;
INSERT INTO crm.task (id, who, type, done_at) VALUES ('T2', 'nobody', 'call', '2026-03-05 09:31'), ('T3', 'q2', 'email', '2026-03-07 09:31'), ('T4', 'q2', NULL, '2026-03-05 09:32');
SELECT t.refresh('2026-03-05 10:00') \g /dev/null
SELECT is((SELECT ROW(l.state, l.touches, l.first_touched_at)::text FROM t.lead('q2') l), ROW('contacted', 1, '2026-03-05 09:30+00'::timestamptz)::text, 'a call is a touch');
SELECT is((SELECT array_agg(concat_ws(' ', a.activity_id, CASE WHEN a.applied_at IS NOT NULL THEN 'applied' END, a.refused) ORDER BY a.activity_id) FROM pql.activity a),
	'{"T1 applied","T2 there is no lead for it",T3,"T4 it says nothing that is known"}', 'what cannot be is kept with the reason, and what is to come waits');
SELECT is((SELECT r.ignored #>> '{activities,refused}' FROM pql.run r WHERE r.ignored ? 'activities' ORDER BY r.run_id LIMIT 1), NULL, 'not in the report of the run that was over');
UPDATE crm.task SET subject = 'tried again', answer = 'positive' WHERE id = 'T1';
SELECT t.refresh('2026-03-05 10:30') \g /dev/null
SELECT is((SELECT ROW(l.touches, l.stop_reason)::text FROM t.lead('q2') l), '(1,positive_reply)', 'an answer to it is no further touch');
SELECT is((SELECT r.ignored #>> '{activities,refused}' FROM pql.run r WHERE r.ignored ? 'activities' ORDER BY r.run_id LIMIT 1), '2', 'what was refused is in the next report');
UPDATE crm.task SET outcome = 'disqualified' WHERE id = 'T1';
SELECT t.refresh('2026-03-05 10:40') \g /dev/null
SELECT is((SELECT a.refused ~ '^who disqualifies lead \d+ says why' OR a.applied_at IS NOT NULL FROM pql.activity a WHERE a.activity_id = 'T1'), true, 'a disposition');
SELECT is((t.lead('q2')).disposition_reason, 'tried again', 'whose reason is the note, where there is none');
SELECT t.refresh('2026-03-05 10:50') \g /dev/null
SELECT is((SELECT count(*) FROM pql.lead_event e WHERE e.lead_id = t.id('q2') AND e.event = 'pql_dispositioned'), 1::bigint, 'once');
INSERT INTO pql.activity (activity_id, email, kind, rep) SELECT 'own-1', 'b1@co-b1.example', 'claim', (t.lead('b1')).rep;
SELECT t.refresh('2026-03-05 11:00') \g /dev/null
SELECT is((t.lead('b1')).claimed_at, '2026-03-05 11:00+00', 'rows of our own, by e-mail, as of the refresh');
DELETE FROM crm.task WHERE id = 'T1';
SELECT t.refresh('2026-03-05 11:10') \g /dev/null
SELECT is((t.lead('q2')).touches, 1, 'what was done is done, though the task is gone');

-- ---- what a rep sees ----

SELECT is((SELECT ROW(c.full_name, c.title, c.company, c.employees, c.onboarding_segment, c.team_size, c.touches)::text FROM pql.lead_context c WHERE c.lead_id = t.id('a1')),
	ROW('A1 Example', 'Head of Examples', 'Co-A1', 300, 'mid_market', 1, 3)::text, 'who it is');
SELECT matches((SELECT c.talk_track || ' ' || c.usage FROM pql.lead_context c WHERE c.lead_id = t.id('a1')), 'Connected warehouse on day 3.*activated; 1 invite; connected warehouse', 'what they did, and what to say');
SELECT is((SELECT c.not_contactable FROM pql.lead_context c WHERE c.lead_id = t.id('a3')), 'not_interested', 'and whether one may');
SELECT is((SELECT array_agg(pql.onboarding_segment(e)) FROM unnest(ARRAY[1, 2, 10, 11, 499, 500, NULL]) e), '{solo,small_team,small_team,mid_market,mid_market,enterprise,NULL}', 'how to welcome whom');
SELECT matches((SELECT a.message FROM pql.next_actions_at('2026-03-05 11:00') a WHERE a.lead_id = t.id('b1')), '^Subject: A first result with Warehouse\n\nHi there,\n', 'a first message, written');
SELECT is((SELECT ROW(a.rep, a.action, a.touch, a.due_at)::text FROM pql.next_actions_at('2026-03-05 11:00') a WHERE a.lead_id = t.id('b1')), ROW('ann@sales.example', 'first_touch', 1, '2026-03-04 14:00+00'::timestamptz)::text, 'by when');
SELECT is((pql.log_touch(t.id('b1'), as_of => '2026-03-05 16:00')).touches, 1, 'a touch on a Thursday');
SELECT is((SELECT ROW(a.action, a.touch, a.not_before, a.due_at)::text FROM pql.next_actions_at('2026-03-05 17:00') a WHERE a.lead_id = t.id('b1')),
	ROW('second_touch', 2, '2026-03-09 16:00+00'::timestamptz, '2026-03-10 16:00+00'::timestamptz)::text, 'the next two to three business days later');
SELECT is((SELECT count(*) FROM pql.next_actions WHERE lead_id = t.id('a5')), 0::bigint, 'nothing of what is closed');

SELECT is_empty($$SELECT * FROM t.unlike_log()$$, 'every lead is what its log says');
SELECT is((pql.replay(t.id('a1'), '2026-03-04 10:10')).state, 'claimed', 'also as of then');

SELECT * FROM finish();
ROLLBACK;
