-- The weekly review, signals, retention, and the company in another timezone. The company is that of lib/company.sql.
--
--   pg_prove -d DB test/pgtap/review.sql

BEGIN;
\ir lib/transaction.sql
\ir lib/leads.sql
\ir lib/company.sql

-- ---- the review of the week of 03-02, as of its end ----

SELECT pql.note_action('ask r8''s rep', 'Ann', '2026-03-04', as_of => '2026-03-06 10:00'), pql.note_action('shorten touch 1', as_of => '2026-03-06 10:00'), pql.note_action('shorten touch 1', week => '2026-03-06', done => true, as_of => '2026-03-12 10:00') \g /dev/null
CREATE FUNCTION t.said(of_section text, at timestamptz DEFAULT '2026-03-09 08:00') RETURNS text LANGUAGE sql STABLE AS
$$ SELECT string_agg(concat_ws(' ', r.item, r.numerator || coalesce('/' || r.denominator, ''), r.status, '(' || nullif(r.note, '') || ')'), '; ' ORDER BY r.item) FROM pql.weekly_review('2026-03-04', at) r WHERE r.section = of_section $$;
SELECT is(t.said('volume'), 'ann@sales.example 6/5 warn (6 leads assigned); bob@sales.example 5/5 warn (5 leads assigned)', 'volume per rep: 3 to 5 a day are aimed at');
SELECT is(t.said('acceptance'), 'acceptance_rate 2/6 inconclusive (Acceptance); acceptance_rate_wide 3/6 ok (Acceptance, with nurture and CS); rejection_rate 3/6 ok (Rejection); sla_compliance 7/10 inconclusive (SLA compliance); triggered 14 warn (Leads triggered)', 'acceptance');
SELECT is(t.said('rejections'), 'student 1 ok (disqualified); unsubscribed 1 ok (disqualified); wrong person 1 ok (disqualified)', 'reasons');
SELECT is(t.said('templates'), 'none 2/6 inconclusive (e-mails answered); touch_1_invite 1/2 inconclusive (e-mails answered)', 'templates');
SELECT is(t.said('objections'), 'unsubscribe 1 ok', 'objections');
SELECT is(t.said('actions'), 'ask r8''s rep inconclusive (Ann, of the week of 2026-03-02); shorten touch 1 inconclusive (of the week of 2026-03-02)', 'actions of the week');
SELECT is(t.said('actions', '2026-03-12 12:00'), 'ask r8''s rep inconclusive (Ann, of the week of 2026-03-02); shorten touch 1 ok (done 2026-03-12)', 'and what has been done since');
SELECT matches(t.said('advice'), '^acceptance_rate 2/6 inconclusive \(Tighten: .*\); sla_compliance 7/10 inconclusive \(Find out why first touches are late', 'advice');
SELECT matches((SELECT string_agg(note, '') FROM pql.weekly_review('2026-03-31', '2026-04-06 12:00') WHERE item = 'recalibrate'), '^A quarter has begun: recalibrate the model "trial"', 'in the first week of a quarter it reminds');
SELECT is_empty($$SELECT FROM pql.weekly_review('2026-03-10', '2026-04-06 12:00') WHERE item = 'recalibrate'$$, 'else not');
SELECT is((SELECT string_agg(section || ' ' || item || ' ' || status, '; ') FROM pql.weekly_review('2026-02-02', '2026-04-06')), 'advice no_leads no_data', 'before the first lead it says what to do');
SELECT matches(t.error($$SELECT * FROM pql.weekly_review('2026-05-01', '2026-04-06')$$), '^22023 . the week of 2026-04-27 has not begun', 'a week to come');
SELECT matches(t.error($$SELECT pql.note_action(' ')$$), '^22004 . an action needs words', 'an action without words');

-- ---- signals: r1 and r2 alone were active on three days; r1 was accepted, as were r3 and r9 of the eight others that were dispositioned ----

SELECT is((SELECT ROW(s.leads, s.dispositioned, s.accepted, s.without_rate, s.lift, s.verdict)::text FROM pql.signal_outcomes('2026-04-01') s WHERE s.signal = 'multi_day'), ROW(2::float8, 2::float8, 1::float8, 0.25::float8, 2::float8, 'unclear')::text, 'a signal that some met');
SELECT is((SELECT ROW(s.dispositioned, s.accepted, s.without_rate, s.disqualified)::text FROM pql.signal_outcomes('2026-04-01') s WHERE s.signal = 'invites'), ROW(10::float8, 3::float8, NULL::float8, 3::float8)::text, 'one that all met is compared with nothing');
SELECT is((SELECT ROW(s.leads, s.acceptance_rate)::text FROM pql.signal_outcomes('2026-04-01') s WHERE s.signal = 'billing_views'), '(0,)', 'one that nobody met');

-- ---- retention: r1 and r3 paid after a touch, on 03-12 and 03-10; r3 was seen in the week that ended 30 days later ----

INSERT INTO pql.event (user_id, occurred_at, event) VALUES ('r3', '2026-04-05 12:00', 'session_start'), ('r1', '2026-04-02 12:00', 'session_start'), ('r1', '2026-04-11 12:01', 'session_start'), ('u1', '2026-04-09 11:59', 'session_start'), ('r3', '2026-06-08 11:00', 'session_start');
SELECT t.refresh('2026-04-10 11:00') \g /dev/null
SELECT is((SELECT count(*) FROM pql.retention WHERE user_id = 'r3' AND checked_30_at IS NOT NULL), 0::bigint, 'not before a day more than 30 has passed');
SELECT t.refresh('2026-04-20 10:00') \g /dev/null
CREATE FUNCTION t.kept(of_metric text, as_of timestamptz) RETURNS text LANGUAGE sql STABLE AS
$$ SELECT d.numerator || '/' || d.denominator FROM pql.dashboard_guardrails_at(as_of) d WHERE d.metric = of_metric AND d.period = '2026-03-09' $$;
-- r1's window is 04-04 12:00 to 04-11 12:00: the one event is before it, the other a minute after
SELECT is(t.kept('retention_30_contacted', '2026-04-20 10:00'), '1/2', 'r3 of r1 and r3');
-- u1 and v1 and c6 paid untouched; u1 was seen a minute before 30 days were over
SELECT is(t.kept('retention_30_not_contacted', '2026-04-20 10:00'), '1/3', 'u1 of u1, v1 and c6');
SELECT is(t.kept('retention_30_contacted', '2026-04-12 10:00'), '0/0', 'as of before it was looked, nothing is known');
SELECT t.refresh('2026-06-20 10:00') \g /dev/null
SELECT is(t.kept('retention_90_contacted', '2026-06-20 10:00'), '1/2', 'and r3 is still there after 90');
SELECT is((SELECT count(*) FROM pql.retention WHERE due_at IS NOT NULL), 0::bigint, 'nothing is left to look at');
UPDATE pql.trial SET converted_at = '2026-06-01 12:00' WHERE user_id = 'u1';
SELECT t.refresh('2026-06-21 10:00') \g /dev/null
SELECT is((SELECT ROW(converted_at, checked_30_at)::text FROM pql.retention WHERE user_id = 'u1'), ROW('2026-06-01 12:00+00'::timestamptz, NULL::timestamptz)::text, 'a payment that is corrected is looked at anew');

-- ---- a trial that is extended: maturity moves with it ----

UPDATE pql.trial SET ends_at = '2026-07-01 00:00' WHERE user_id = 'p1';
SELECT t.refresh('2026-06-22 10:00') \g /dev/null
SELECT is((SELECT ROW(s.ends_at, l.trial_ends_at)::text FROM pql.score s JOIN pql.lead l USING (user_id, model, started_at) WHERE s.user_id = 'p1'), ROW('2026-07-01 00:00+00'::timestamptz, '2026-07-01 00:00+00'::timestamptz)::text, 'score and lead follow an extension');
SELECT is((SELECT d.value FROM pql.dashboard_conversion_at('2026-06-22 10:00') d WHERE d.grain = 'week' AND d.period = '2026-03-09' AND d.metric = 'open_trials'), 1::float8, 'and the trial is open again');
SELECT is_empty($$SELECT t.unlike_log()$$, 'leads are what their log says');

-- ---- stages are those of the explanation ----

SELECT is_empty($$SELECT s.user_id, s.activated_at, s.sustained_at, a.explanation FROM pql.score s JOIN pql.score_all('trial', '2026-06-22 10:00', detail => true) a ON a.user_id = s.user_id AND a.started_at = s.started_at
	WHERE s.model = 'trial' AND (s.activated_at IS DISTINCT FROM (SELECT min((x ->> 'first_met_at')::timestamptz) FROM jsonb_array_elements(a.explanation -> 'signals') x WHERE x ->> 'signal' = 'activated')
		OR s.sustained_at IS DISTINCT FROM (SELECT min((x ->> 'first_met_at')::timestamptz) FROM jsonb_array_elements(a.explanation -> 'signals') x WHERE x ->> 'signal' = 'multi_day'))$$, 'stages were reached when their signals were first met');

-- ---- another timezone: in Auckland, 13 hours ahead, Wednesday 10:05 is 23:05, and Thursday 10:00 UTC is Thursday 23:00 ----

SELECT pql.put_model(jsonb_set(pql.model('trial'), '{timezone}', '"Pacific/Auckland"')) \g /dev/null
SELECT t.refresh('2026-06-23 10:00') \g /dev/null
SELECT is((SELECT r.timezone FROM pql.reporting() r), 'Pacific/Auckland', 'the model''s timezone is that of periods');
SELECT is((SELECT string_agg(d.period || ' ' || d.value, ', ' ORDER BY d.period) FROM pql.dashboard_pipeline_at('2026-03-20') d WHERE d.grain = 'day' AND d.metric = 'triggered' AND d.value > 0), '2026-03-04 14, 2026-03-12 1', 'the day begins where the company is: p1, at 11:00 UTC, is of the day after');
-- 12:05 and later UTC is the next day: r1's and r2's deadlines 12:05, and the seven at 14:05, are Thursday's, as is x1's of Thursday 13:00 Friday's
SELECT is((SELECT string_agg(d.period || ' ' || d.numerator || '/' || d.denominator, ', ' ORDER BY d.period) FROM pql.dashboard_pipeline_at('2026-03-20') d WHERE d.grain = 'day' AND d.metric = 'sla_compliance' AND d.denominator > 0 AND d.period < '2026-03-10'), '2026-03-05 6/9, 2026-03-06 1/1', 'deadlines, too');
-- trials that started on Monday 09:00 UTC started on Monday 22:00 there; u1-u8, Tuesday 12:00, on Wednesday 01:00; v1-v5 of Tuesday 03-10 on Wednesday; w1-w6 of Monday 03-23 12:00 on Tuesday
SELECT is((SELECT string_agg(s.started_on || ' ' || s.n, ', ' ORDER BY s.started_on) FROM (SELECT s.started_on, count(*) AS n FROM pql.score s WHERE s.model = 'trial' GROUP BY 1) s), '2026-01-27 10, 2026-03-02 14, 2026-03-04 8, 2026-03-09 1, 2026-03-11 5, 2026-03-24 6', 'and starts');

SELECT * FROM finish();
ROLLBACK;
