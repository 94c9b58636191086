-- A small company whose numbers can be reckoned on paper: \ir lib/company.sql after lib/leads.sql. All times are UTC; 2026-03-02 is a Monday.
--
-- 44 trials:
--   b1-b10   start Mon 01-26 12:00, before routing begins on Mon 03-02 08:00. Nobody qualifies; b1 pays on 02-02.
--   r1-r10, x1, x2, c6, c24   start Mon 03-02 about 09:00, activate an hour later, invite a day later, and connect something on Wed 03-04 about
--            10:00. r1 and r2 have sessions on three days and are of the highest tier. c6 and c24 are held out (by the hash, at 10 %).
--   u1-u8    start Tue 03-03 12:00. u2 activates a day later; nobody qualifies; u1 pays on 03-10.
--   p1       starts Mon 03-09 09:00 and qualifies on Wed 03-11 10:00, while routing is paused.
--   v1-v5    start Tue 03-10 12:00; v1 pays on 03-15.
--   w1-w6    start Mon 03-23 12:00: on 04-06 they are not over.
--
-- Two reps take five leads a day, so that on Wed 03-04 at 10:05 r1-r10 are assigned and x1 and x2 wait for Thursday 09:00. First touches are due
-- at 12:05 (highest tier: 2 hours), 14:05 (4 hours), and that of x1 on Thursday at 13:00.
--
--   r1   e-mail Wed 11:05 (1 h); positive answer Thu; meeting Thu; meeting_set Fri; pays 500 on 03-12
--   r2   e-mail Wed 13:05 (3 h, too late), another Mon 03-09; not interested 03-09, nurture
--   r3   call Wed 12:05 (2 h); pays 300 on 03-10, which ends it as converted
--   r4   e-mail Wed 13:35 (3.5 h); unsubscribes Thu 03-05 and is disqualified
--   r5   e-mails Wed 14:35 (4.5 h, too late), Fri 15:00 and Tue 03-10 15:00; no response after two business days
--   r6   e-mail Wed 10:35 (half an hour); positive answer, and routed to CS, the same day
--   r7   nobody writes; disqualified Wed 12:05, before its deadline
--   r8   nobody writes or claims it; lapses with the trial on 03-16
--   r9   e-mail Wed 12:35 (2.5 h); meeting and meeting_set Thu 03-05
--   r10  LinkedIn Wed 11:35 (1.5 h); disqualified Fri 03-06
--   x1   e-mail Thu 10:00 (7 h 55 min on Wednesday and one on Thursday); nurture 03-10
--   x2   pays 100 on Wed at 15:00, while it waits
--   c6   pays 200 on 03-15
--   p1   assigned Thu 03-12 09:00, e-mail 10:00 (7 h of Wednesday and one of Thursday)

INSERT INTO pql.rep (email, name, team) VALUES ('ann@sales.example', 'Ann', 'inside_sales'), ('bob@sales.example', 'Bob', 'inside_sales');
SELECT pql.start_routing('trial', control_share => 0.1, as_of => '2026-03-02 08:00') \g /dev/null

CREATE FUNCTION t.pay(who text, at timestamptz, amount float8) RETURNS void LANGUAGE sql VOLATILE AS
$$ UPDATE pql.trial SET converted_at = at, mrr = amount WHERE user_id = who $$;

INSERT INTO pql.trial (user_id, started_at) SELECT 'b' || n, '2026-01-26 12:00' FROM generate_series(1, 10) n;
INSERT INTO pql.trial (user_id, started_at) SELECT 'u' || n, '2026-03-03 12:00' FROM generate_series(1, 8) n;
INSERT INTO pql.event (user_id, occurred_at, event) VALUES ('u2', '2026-03-04 12:00', 'activation_complete');
SELECT t.pay('b1', '2026-02-02 12:00', 50) \g /dev/null
-- somebody still uses what they paid for
INSERT INTO pql.event (user_id, occurred_at, event) VALUES ('b1', '2026-03-01 12:00', 'session_start');

SELECT t.qualify(w, '2026-03-04 10:00'::timestamptz + n * interval '1 second', CASE WHEN w IN ('r1', 'r2') THEN 'high' ELSE 'medium' END)
FROM unnest(ARRAY['r1', 'r2', 'r3', 'r4', 'r5', 'r6', 'r7', 'r8', 'r9', 'r10', 'x1', 'x2', 'c6', 'c24']) WITH ORDINALITY u (w, n) \g /dev/null
SELECT t.refresh('2026-03-04 10:05') \g /dev/null
SELECT pql.log_touch(t.id('r6'), as_of => '2026-03-04 10:35'), pql.log_touch(t.id('r1'), template => 'touch_1_invite', as_of => '2026-03-04 11:05'), pql.log_touch(t.id('r10'), channel => 'linkedin', as_of => '2026-03-04 11:35') \g /dev/null
SELECT pql.log_touch(t.id('r3'), channel => 'call', as_of => '2026-03-04 12:05'), pql.set_disposition(t.id('r7'), 'disqualified', 'student', as_of => '2026-03-04 12:05'), pql.log_touch(t.id('r9'), as_of => '2026-03-04 12:35') \g /dev/null
SELECT pql.log_touch(t.id('r2'), template => 'touch_1_invite', as_of => '2026-03-04 13:05'), pql.log_touch(t.id('r4'), as_of => '2026-03-04 13:35'), pql.log_touch(t.id('r5'), as_of => '2026-03-04 14:35') \g /dev/null
SELECT pql.log_reply(t.id('r6'), 'positive', as_of => '2026-03-04 15:00'), t.pay('x2', '2026-03-04 15:00', 100) \g /dev/null
SELECT t.refresh('2026-03-04 15:05') \g /dev/null
SELECT pql.set_disposition(t.id('r6'), 'routed_to_cs', as_of => '2026-03-04 16:00') \g /dev/null
SELECT t.refresh('2026-03-05 09:00') \g /dev/null
SELECT pql.log_reply(t.id('r4'), 'unsubscribe', as_of => '2026-03-05 09:30'), pql.log_touch(t.id('x1'), as_of => '2026-03-05 10:00'), pql.log_reply(t.id('r1'), 'positive', as_of => '2026-03-05 10:00') \g /dev/null
SELECT pql.set_disposition(t.id('r4'), 'disqualified', 'unsubscribed', as_of => '2026-03-05 10:30'), pql.log_meeting(t.id('r1'), meets_at => '2026-03-10 10:00', as_of => '2026-03-05 11:00') \g /dev/null
SELECT pql.log_meeting(t.id('r9'), meets_at => '2026-03-11 10:00', as_of => '2026-03-05 14:00'), pql.set_disposition(t.id('r9'), 'meeting_set', as_of => '2026-03-05 14:05') \g /dev/null
SELECT pql.set_disposition(t.id('r1'), 'meeting_set', as_of => '2026-03-06 10:00'), pql.set_disposition(t.id('r10'), 'disqualified', 'wrong person', as_of => '2026-03-06 11:00'), pql.log_touch(t.id('r5'), as_of => '2026-03-06 15:00') \g /dev/null
SELECT pql.log_touch(t.id('r2'), template => 'touch_2', as_of => '2026-03-09 10:00'), pql.log_reply(t.id('r2'), 'not_interested', as_of => '2026-03-09 12:00'), pql.set_disposition(t.id('r2'), 'nurture', as_of => '2026-03-09 13:00') \g /dev/null
SELECT t.pay('r3', '2026-03-10 12:00', 300), t.pay('u1', '2026-03-10 12:00', 50), pql.set_disposition(t.id('x1'), 'nurture', as_of => '2026-03-10 14:00'), pql.log_touch(t.id('r5'), as_of => '2026-03-10 15:00') \g /dev/null
INSERT INTO pql.trial (user_id, started_at) SELECT 'v' || n, '2026-03-10 12:00' FROM generate_series(1, 5) n;
SELECT t.refresh('2026-03-10 16:00') \g /dev/null
SELECT pql.pause('stock-taking', as_of => '2026-03-11 09:00'), t.qualify('p1', '2026-03-11 10:00') \g /dev/null
SELECT t.refresh('2026-03-11 11:00') \g /dev/null
SELECT pql.resume(as_of => '2026-03-12 08:59') \g /dev/null
SELECT t.refresh('2026-03-12 09:00') \g /dev/null
SELECT pql.log_touch(t.id('p1'), as_of => '2026-03-12 10:00'), t.pay('r1', '2026-03-12 12:00', 500) \g /dev/null
SELECT t.refresh('2026-03-13 09:00') \g /dev/null
SELECT t.pay('c6', '2026-03-15 12:00', 200), t.pay('v1', '2026-03-15 12:00', 50) \g /dev/null
SELECT t.refresh('2026-03-16 10:00') \g /dev/null
INSERT INTO pql.survey (user_id, answered_at, kind, score) VALUES ('r1', '2026-03-20 12:00', 'nps', 9), ('r2', '2026-03-20 12:00', 'nps', 3), ('r3', '2026-03-20 12:00', 'nps', 10), ('u1', '2026-03-20 12:00', 'nps', 8),
	('u3', '2026-03-20 12:00', 'nps', 9), ('v1', '2026-03-20 12:00', 'nps', 2), ('r1', '2026-03-20 12:00', 'csat', 5), ('u2', '2026-03-20 12:00', 'csat', 3), ('v1', '2026-03-19 12:00', 'nps', 10);
INSERT INTO pql.deal (deal_id, user_id, source, kind, amount, created_at, closed_at, outcome) VALUES ('d1', 'r1', NULL, NULL, 12000, '2026-03-06 12:00', '2026-03-18 10:05', NULL), ('d2', NULL, 'outbound', 'new', 20000, '2026-02-01 12:00', '2026-03-13 12:00', 'won'),
	('d3', 'r3', NULL, 'expansion', 6000, '2026-03-20 12:00', '2026-03-25 10:05', 'won'), ('d4', 'r9', NULL, 'new', 9000, '2026-03-07 12:00', '2026-03-18 12:00', 'lost'), ('d5', 'u1', NULL, 'new', 700, '2026-03-11 12:00', NULL, NULL);
INSERT INTO pql.trial (user_id, started_at) SELECT 'w' || n, '2026-03-23 12:00' FROM generate_series(1, 6) n;
SELECT t.refresh('2026-04-06 00:00') \g /dev/null
