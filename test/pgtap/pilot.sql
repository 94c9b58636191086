-- Pilots: readiness, scorecard, breaches, decision, pause and rollback.
--
--   pg_prove -d DB test/pgtap/pilot.sql

BEGIN;
\ir lib/transaction.sql
\ir lib/leads.sql

-- ---- readiness ----

CREATE FUNCTION t.ready(of_item text, as_of timestamptz DEFAULT '2026-03-02 08:00') RETURNS text LANGUAGE sql STABLE AS
$$ SELECT concat_ws(' | ', r.status, r.found, r.hint) FROM pql.pilot_readiness('trial', as_of => as_of) r WHERE r.item = of_item $$;
SELECT matches(t.ready('readiness'), '^not_yet . \d+ of \d+ hold . Sales would not help yet: activation_rate, accounts, baseline', 'nothing is ready at first');
SELECT matches(t.ready('signal invites'), '^missing . 0 events, last never, 0 trials meet it . No event "invite_sent" in the data', 'a signal without events, and the mend');
SELECT matches(t.ready('capacity'), '^missing . 0.0 leads expected a day, 0 reps take 0 . INSERT INTO pql.rep', 'nobody to work them');
SELECT matches(t.ready('legal_sign_off'), '^missing . not declared . Has legal agreed .* SELECT pql.declare\(''legal_sign_off''\);', 'what has to be declared');
SELECT is(t.ready('diagnostics'), 'unanswered | 0 of 7 yes, 0 answered | Three or more yes: add sales.', 'diagnostics');
SELECT matches(t.error($$SELECT pql.declare('legal_signoff')$$), '^42704 . nothing called "legal_signoff" is asked . Did you mean legal_sign_off', 'a name misspelt');
SELECT matches(t.error($$SELECT pql.declare('legal_sign_off', 'perhaps')$$), '^22023 . answer "perhaps" is neither yes nor no', 'an answer that is none');

INSERT INTO pql.rep (email, name, team) VALUES ('ann@sales.example', 'Ann', 'inside_sales'), ('bob@sales.example', 'Bob', 'inside_sales');
INSERT INTO pql.channel (channel, name) VALUES ('default', '#leads');
INSERT INTO pql.account (account_id, employees) SELECT 'co-' || n, 300 FROM generate_series(1, 1000) n;
INSERT INTO pql.person (user_id, account_id) SELECT 'h' || n, 'co-' || n FROM generate_series(1, 40) n;
INSERT INTO pql.trial (user_id, started_at) SELECT 'h' || n, '2025-11-10 09:00'::timestamptz + n * interval '62 hours' FROM generate_series(1, 40) n;
INSERT INTO pql.event (user_id, occurred_at, event, properties)
SELECT 'h' || n, v.started_at + e.after, e.event, e.properties FROM generate_series(1, 40) n JOIN pql.trial v ON v.user_id = 'h' || n,
	(VALUES ('1 hour'::interval, 'activation_complete', '{}'::jsonb), ('1 day', 'invite_sent', '{"invitee_email": "a@b.example"}'), ('2 days', 'integration_connected', '{"integration_type": "warehouse"}'),
		('2 days', 'session_start', '{}'), ('3 days', 'page_view', '{"page_path": "/pricing"}'), ('5 days', 'page_view', '{"page_path": "/pricing"}'), ('4 days', 'session_start', '{}'), ('6 days', 'session_start', '{}')) e (after, event, properties);
SELECT t.refresh('2026-03-02 07:00') \g /dev/null
SELECT is((SELECT ROW(count(*), count(*) FILTER (WHERE l.late), count(*) FILTER (WHERE l.late <> l.backfilled))::text FROM pql.lead l), '(40,37,0)', 'what the first refresh of all finds too late is history');
SELECT is(t.ready('activation_rate'), 'ok | 100.0 % of 32 trials of 90 days', 'the activation rate is measured');
SELECT is(t.ready('accounts'), 'ok | 1000', 'and accounts are counted');
SELECT is(t.ready('baseline'), 'ok | trials since 2025-11-12', 'there is history to compare with');
SELECT is(t.ready('capacity'), 'ok | 0.5 leads expected a day, 2 reps take 10', 'demand is within capacity');
SELECT matches(t.ready('demand'), '^missing . 0.5 leads expected a day . Below one a day', 'and scarce');
SELECT matches(t.ready('signal invites'), '^ok . 40 events, last 2026-02-22, 40 trials meet it, invitee_email in 100 % of the last two weeks'' events', 'a signal that is fed');
INSERT INTO pql.event (user_id, occurred_at, event, properties) SELECT 'h40', '2026-02-23 12:00', 'invite_sent', '{}' FROM generate_series(1, 9);
SELECT matches(t.ready('signal invites'), '^missing . .* invitee_email in \d+ % of .* . Have the product send invitee_email with each', 'a property that is not filled');
DELETE FROM pql.event WHERE user_id = 'h40' AND properties = '{}' AND event = 'invite_sent';
SELECT pql.ship_templates(), pql.declare(d.item, as_of => '2026-03-01') FROM pql.declarable() d WHERE d.kind <> 'diagnostic' \g /dev/null
SELECT is(t.ready('readiness'), 'need_prerequisites | 21 of 22 hold | First: demand', 'what is left');
SELECT pql.declare('product_market_fit', 'no', 'churn', '2026-03-01') \g /dev/null
SELECT matches(t.ready('readiness'), '^not_yet . .* Sales would not help yet: product_market_fit', 'sales do not mend a product');
SELECT pql.declare('product_market_fit') \g /dev/null
SELECT pql.declare(i) FROM unnest(ARRAY['growth_ceiling', 'procurement_questions', 'self_serve_flat']) i \g /dev/null
SELECT matches(t.ready('diagnostics'), '^add_sales . 3 of 7 yes', 'three of seven');

-- ---- power ----

SELECT is(pql.sample_size(0.08, 0.15), 325::float8, '8 against 15 % takes 325 a side');
SELECT is(pql.sample_size(0.1, 0.1), NULL, 'the same rate can never be told from itself');
SELECT cmp_ok(pql.sample_size(0.08, pql.detectable_rate(0.08, 100)), '<=', 100::float8, 'what 100 a side can tell');
SELECT cmp_ok(pql.sample_size(0.08, pql.detectable_rate(0.08, 100) - 0.001), '>', 100::float8, 'and no less');

-- ---- beginning ----

SELECT matches(t.error($$SELECT * FROM pql.start_pilot('')$$), '^22023 . a pilot needs a name', 'no name');
SELECT matches(t.error($$SELECT * FROM pql.start_pilot('p', 'nothing')$$), '^42704 . model "nothing" is not active', 'no model');
SELECT matches(t.error($$SELECT * FROM pql.start_pilot('p', days => 0)$$), '^22023 . a pilot of 0 days', 'no days');
SELECT matches(t.error($$SELECT * FROM pql.start_pilot('p', baseline => 8)$$), '^22023 . baseline 8 is no rate', 'a baseline in per cent');
SELECT matches(t.error($$SELECT * FROM pql.start_pilot('p', on_breach => 'cry')$$), '^22023 . on_breach "cry" is not known', 'something else to do about a breach');
SELECT matches(t.error($$SELECT * FROM pql.start_pilot('p', segment => 'large')$$), '^42704 . there is no segment "large" . Segments: enterprise, mid_market', 'a segment that there is not');
SELECT is((SELECT count(*) FROM pql.routing), 0::bigint, 'nothing is routed by what was refused');
SELECT is(count(*), 0::bigint, 'before there is one, there is no scorecard') FROM pql.pilot_scorecard();
SELECT is(count(*), 0::bigint, 'nor a decision') FROM pql.pilot_decision();
CREATE TEMP TABLE begun AS SELECT * FROM pql.start_pilot('first', team => 'inside_sales', segment => 'mid_market', on_breach => 'pause', as_of => '2026-03-02 08:00');
SELECT matches((SELECT found FROM begun WHERE item = 'pilot'), '^first: leads of trial in segment mid_market go to team inside_sales, from 2026-03-02 to 2026-03-30$', 'a pilot says what it does');
SELECT is((SELECT concat_ws(' | ', found, hint) FROM begun WHERE item = 'power'), 'to tell 8.0 % from 15 % takes about 325 trials a side | 9 leads tell only 68.0 % and more from it: take the pilot for a test of the motion, not of its effect.', 'and what it cannot');
SELECT matches((SELECT hint FROM begun WHERE item = 'control'), '^Without a control arm nobody can tell what sales added', 'and what it lacks');
SELECT matches(t.error($$SELECT * FROM pql.start_pilot('second', as_of => '2026-03-05')$$), '^55006 . pilot "first" of model "trial" is still running', 'one at a time');
SELECT matches(t.error($$SELECT * FROM pql.start_pilot('first', as_of => '2026-05-05')$$), '^42710 . there is a pilot "first" already', 'once');

-- the pilot's segment and team, while it runs
INSERT INTO pql.rep (email, name, team) VALUES ('eve@sales.example', 'Eve', 'ae');
SELECT t.qualify('big', '2026-03-02 09:30', employees => 900), t.qualify('mid', '2026-03-02 09:30') \g /dev/null
SELECT t.refresh('2026-03-02 10:00') \g /dev/null
SELECT is(t.stands('mid'), 'assigned team ann', 'the segment goes to the team');
SELECT is(t.stands('big'), 'not_routed outside_pilot', 'others to nobody');

-- ---- the scorecard, reckoned on paper ----
--
-- Ten leads on Tuesday 03-03 10:00: a1-a10; nine are touched by e-mail after an hour, a10 never. a1-a4 answer, meet and are meeting_set; a1 and a2 pay in the end.
-- a5 complains; a5-a9 are disqualified. With mid, touched by nobody, there are eleven.

SELECT t.qualify('a' || n, '2026-03-03 09:59:30'::timestamptz + n * interval '1 second') FROM generate_series(1, 10) n \g /dev/null
SELECT t.refresh('2026-03-03 10:00') \g /dev/null
SELECT pql.log_touch(t.id('a' || n), as_of => '2026-03-03 11:00') FROM generate_series(1, 9) n \g /dev/null
SELECT pql.log_reply(t.id('a' || n), CASE WHEN n = 5 THEN 'complaint' ELSE 'positive' END, as_of => '2026-03-04 10:00') FROM generate_series(1, 5) n \g /dev/null
SELECT pql.log_meeting(t.id('a' || n), as_of => '2026-03-04 11:00'), pql.set_disposition(t.id('a' || n), 'meeting_set', as_of => '2026-03-04 12:00') FROM generate_series(1, 4) n \g /dev/null
SELECT pql.set_disposition(t.id('a' || n), 'disqualified', 'no budget', as_of => '2026-03-05 10:00') FROM generate_series(5, 9) n \g /dev/null
UPDATE pql.trial SET converted_at = '2026-03-12 10:00', mrr = 100 WHERE user_id IN ('a1', 'a2');
SELECT t.refresh('2026-03-13 10:00') \g /dev/null
SELECT t.refresh('2026-05-04 10:00') \g /dev/null
CREATE FUNCTION t.card(of_metric text, as_of timestamptz DEFAULT '2026-05-04 10:00') RETURNS text LANGUAGE sql STABLE AS
$$ SELECT concat_ws(' ', coalesce(trim_scale(round(s.value::numeric, 4))::text, 'NULL'), s.numerator || '/' || s.denominator, s.status) FROM pql.pilot_scorecard(NULL, as_of) s WHERE s.metric = of_metric $$;
SELECT is(t.card('routed_conversion'), '0.1818 2/11 inconclusive', 'a1 and a2 of eleven routed');
SELECT is(t.card('acceptance_rate'), '0.4444 4/9 inconclusive', 'four of nine dispositioned');
SELECT is(t.card('sla_compliance'), '0.8182 9/11 inconclusive', 'a10 and mid were late');
SELECT is(t.card('meeting_rate'), '0.4444 4/9 ok', 'four of nine contacted: even the lower end, 18.9 %, is more than 15 %');
SELECT is(t.card('reply_rate'), '0.5556 5/9 ok', 'five of nine e-mails');
SELECT is(t.card('complaint_rate'), '0.1111 1/9 inconclusive', 'one of nine contacted');
SELECT is(t.card('triggered'), '0.55 11/20 warn', 'eleven leads of the segment on twenty business days; 3 to 8 are aimed at');
SELECT is(t.card('demand_per_rep'), '0 ok', 'never three days in a row');
SELECT is((SELECT ROW(s.target, s.target_high)::text FROM pql.pilot_scorecard() s WHERE s.metric = 'triggered'), '(3,8)', 'for two reps');

CREATE FUNCTION t.decided(as_of timestamptz) RETURNS text LANGUAGE sql STABLE AS
$$ SELECT concat_ws(' ', coalesce(d.decision, 'NULL'), d.reason, d.decidable_on, d.leads_needed) FROM pql.pilot_decision(NULL, as_of) d $$;
-- whoever may qualify on 03-29 has a trial until 04-13 at the latest, and seven days more
SELECT is(t.decided('2026-03-10 10:00'), 'NULL not_mature 2026-04-20', 'not while it runs');
-- eleven leads; acceptance, 4 of 9, is the closest to its minimum: 3.8415 * 0.4 * 0.6 / (4/9 - 0.4)^2 = 466.7 dispositions, so 467 * 11 / 9 leads
SELECT is(t.decided('2026-05-04 10:00'), 'iterate extend 2026-03-30 560', 'when it is over, the last of its trials tells; so few decide nothing');
SELECT matches((SELECT details FROM pql.pilot_decision(NULL, '2026-05-04 10:00')), 'Acceptance is not decided: 44.4 %, between 18.9 % and 73.3 %, with a minimum of 40 %', 'and it says what is open');
SELECT pql.record_workload('first', 'sustainable') \g /dev/null
SELECT is(t.decided('2026-05-04 10:00'), 'scale minimums_reached 2026-03-30', 'conversion and acceptance reach their minimum, and the team can bear it');
SELECT matches(t.error($$SELECT pql.record_workload('first', 'fine')$$), '^22023 . workload "fine" is not known', 'another word');
SELECT matches(t.error($$SELECT pql.record_workload('none', 'sustainable')$$), '^42704 . there is no pilot "none"', 'another pilot');
-- levels of one's own hold here, too
INSERT INTO pql.metric_level (metric, target, minimum, breach) VALUES ('meeting_rate', 0.9, 0.8, NULL);
SELECT matches(t.decided('2026-05-04 10:00'), '^pause minimum_missed', 'a minimum that is clearly missed');
SELECT matches((SELECT details FROM pql.pilot_decision(NULL, '2026-05-04 10:00')), 'Meetings 44.4 % is below the minimum of 80 %\nAfter a pause: a post-mortem, and another run of two weeks', 'with the reason, and what follows');
DELETE FROM pql.metric_level;
SELECT matches(t.error($$INSERT INTO pql.metric_level (metric, target) VALUES ('meting_rate', 1)$$), '^42704 . there is no metric "meting_rate" . Did you mean meeting_rate', 'a level of no metric');
SELECT matches(t.error($$SELECT * FROM pql.pilot_scorecard('none')$$), '^42704 . there is no pilot "none"', 'a scorecard of none');

-- ---- breaches: volume on three business days in a row, across a weekend, and the pause ----

UPDATE pql.rep SET active = false WHERE email <> 'ann@sales.example';
SELECT * FROM pql.start_pilot('busy', team => 'inside_sales', on_breach => 'pause', as_of => '2026-05-07 08:00') \g /dev/null
-- eleven on Thursday, ten on Friday and one on Saturday, twelve on Monday: Saturday's are Monday's, so that Friday is not above ten
SELECT t.qualify(format('t%s', n), '2026-05-07 09:00') FROM generate_series(1, 11) n \g /dev/null
SELECT t.refresh('2026-05-07 10:00') \g /dev/null
SELECT t.qualify(format('f%s', n), '2026-05-08 09:00') FROM generate_series(1, 10) n \g /dev/null
SELECT t.refresh('2026-05-08 10:00') \g /dev/null
SELECT t.qualify('s1', '2026-05-09 09:00') \g /dev/null
SELECT t.refresh('2026-05-09 10:00') \g /dev/null
SELECT t.qualify(format('m%s', n), '2026-05-11 09:00') FROM generate_series(1, 12) n \g /dev/null
SELECT t.refresh('2026-05-11 10:00') \g /dev/null
SELECT results_eq($$SELECT day, demand, streak FROM pql.pilot_demand((SELECT p FROM pql.pilot p WHERE p.pilot = 'busy'), '2026-05-11 12:00')$$, $$VALUES ('2026-05-07'::date, 11::float8, 1::bigint), ('2026-05-08', 10, 0), ('2026-05-11', 13, 1)$$, 'days above the level, and how many in a row');
SELECT is(count(*), 0::bigint, 'no breach yet') FROM pql.pilot_breaches('busy', '2026-05-11 12:00') WHERE metric = 'demand_per_rep';
SELECT t.qualify(format('u%s', n), '2026-05-12 09:00') FROM generate_series(1, 11) n \g /dev/null
SELECT t.refresh('2026-05-12 10:00') \g /dev/null
SELECT t.qualify(format('w%s', n), '2026-05-13 09:00') FROM generate_series(1, 11) n \g /dev/null
SELECT t.refresh('2026-05-13 10:00') \g /dev/null
SELECT is((SELECT ROW(metric, since, until, rule, owner)::text FROM pql.pilot_breaches('busy', '2026-05-13 12:00') WHERE metric = 'demand_per_rep'), ROW('demand_per_rep', '2026-05-11'::date, '2026-05-13'::date, 'above 10 a rep and day on 3 business days in a row', 'RevOps')::text, 'three business days');
SELECT matches(pql.paused(), '^pilot busy: Demand per rep and day above 10', 'the first refresh of a day that sees it pauses routing, for the pilot asked for it');
SELECT is((SELECT ROW(pilot, metric, since, done)::text FROM pql.pilot_breach WHERE metric = 'demand_per_rep'), ROW('busy', 'demand_per_rep', '2026-05-11'::date, 'paused routing')::text, 'and notes why');
SELECT is((SELECT count(*) FROM pql.alert WHERE kind = 'pilot_breach' AND dedupe_key LIKE '%demand_per_rep%'), 1::bigint, 'the manager is told');
SELECT pql.resume(as_of => '2026-05-14 09:00'), t.refresh('2026-05-14 09:01'), t.refresh('2026-05-15 09:01') \g /dev/null
SELECT is((SELECT ROW(pql.paused(), (SELECT count(*) FROM pql.alert WHERE kind = 'pilot_breach' AND dedupe_key LIKE '%demand_per_rep%'))::text), '(,1)', 'once: who resumes is not overruled');
SELECT is((SELECT status FROM pql.pilot_scorecard('busy', '2026-05-15 10:00') WHERE metric = 'demand_per_rep'), 'breach', 'the scorecard shows it');

-- ---- acceptance below the level for two weeks of the pilot ----

SELECT pql.end_pilot('busy', 'too much', as_of => '2026-05-15 12:00') \g /dev/null
SELECT is((SELECT ROW(ended_at, ended_why)::text FROM pql.pilot WHERE pilot = 'busy'), ROW('2026-05-15 12:00+00'::timestamptz, 'too much')::text, 'ended early');
UPDATE pql.rep SET active = true, daily_cap = 50;
SELECT * FROM pql.start_pilot('picky', team => 'inside_sales', as_of => '2026-05-18 08:00') \g /dev/null
SELECT t.qualify(format('p%s', n), '2026-05-18 09:00') FROM generate_series(1, 12) n \g /dev/null
SELECT t.refresh('2026-05-18 10:00') \g /dev/null
SELECT pql.log_touch(t.id(format('p%s', n)), as_of => '2026-05-18 11:00') FROM generate_series(1, 12) n \g /dev/null
-- one of four in the first week, one of four in the second, three of four in the third
SELECT pql.set_disposition(t.id(format('p%s', n)), CASE WHEN n IN (1, 5, 9, 10, 11) THEN 'meeting_set' ELSE 'disqualified' END, 'r', as_of => '2026-05-20 10:00'::timestamptz + (n - 1) / 4 * interval '7 days') FROM generate_series(1, 12) n \g /dev/null
SELECT is(count(*), 0::bigint, 'one week below is none') FROM pql.pilot_breaches('picky', '2026-05-31 23:00');
SELECT is((SELECT ROW(metric, since, until, value, rule)::text FROM pql.pilot_breaches('picky', '2026-06-09 10:00')), ROW('acceptance_rate', '2026-05-18'::date, '2026-05-31'::date, 0.25::float8, 'below 30 % for 2 weeks')::text, 'two weeks in a row');

-- ---- rollback ----

SELECT t.qualify('late', '2026-06-09 10:00') \g /dev/null
SELECT t.refresh('2026-06-09 10:30') \g /dev/null
SELECT is(t.stands('late'), 'assigned team ' || split_part((t.lead('late')).rep, '@', 1), 'a lead that nobody has touched');
SELECT is(pql.end_pilot('picky', 'wrong people', rollback => true, as_of => '2026-06-09 11:00'), 1, 'is taken back');
SELECT is((SELECT ROW(l.state, l.rep)::text FROM t.lead('late') l), '(queued,)', 'and waits');
SELECT is((SELECT count(*) FROM pql.routing), 0::bigint, 'nothing is routed any more');
SELECT t.refresh('2026-06-09 12:00') \g /dev/null
SELECT is((t.lead('late')).state, 'queued', 'also after a refresh');
SELECT matches(t.error($$SELECT pql.end_pilot('none', 'x')$$), '^42704 . there is no pilot "none"', 'another pilot');
SELECT matches(t.error($$SELECT pql.end_pilot('picky', ' ')$$), '^22004 . an end needs a reason', 'no reason');
SELECT is_empty($$SELECT t.unlike_log()$$, 'every lead is what its log says');

SELECT * FROM finish();
ROLLBACK;
