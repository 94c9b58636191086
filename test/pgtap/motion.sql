-- The motion: what time and news do to leads that somebody has, and to those that nobody has.
--
--   pg_prove -d DB test/pgtap/motion.sql

BEGIN;
\ir lib/transaction.sql
\ir lib/leads.sql

INSERT INTO pql.channel (channel) VALUES ('default'), ('team'), ('boss');
INSERT INTO pql.team (team, manager, channel, manager_channel) VALUES ('inside_sales', 'mia@sales.example', 'team', 'boss');
INSERT INTO pql.rep (email, name, team, daily_cap) VALUES ('ann@sales.example', 'Ann', 'inside_sales', 100);
SELECT pql.start_routing('trial', as_of => '2026-03-02 08:00') \g /dev/null

-- What has been noted of escalations: levels at due_at.
CREATE FUNCTION t.escalated(who text) RETURNS text[] LANGUAGE sql STABLE AS
$$ SELECT array_agg(format('%s %s', array_to_string(ARRAY(SELECT jsonb_array_elements_text(e.details -> 'levels')), '+'), to_char((e.details ->> 'due_at')::timestamptz, 'DD HH24:MI:SS')) ORDER BY e.event_id)
FROM pql.lead_event e WHERE e.lead_id = t.id(who) AND e.event = 'pql_escalated' $$;

-- ---- clocks and escalations ----

SELECT t.qualify('high', '2026-03-02 10:00', 'high'), t.qualify('medium', '2026-03-02 10:00'), t.qualify('eager', '2026-03-02 10:00', 'high') \g /dev/null
SELECT t.refresh('2026-03-02 10:00:30') \g /dev/null
SELECT is((pql.claim(t.id('eager'), 'ann@sales.example', as_of => '2026-03-02 10:30')).state, 'claimed', 'one is claimed');
SELECT t.refresh('2026-03-02 11:00:29') \g /dev/null
SELECT is(t.escalated('high'), NULL, 'an hour is not over');
SELECT t.refresh('2026-03-02 11:00:30') \g /dev/null
SELECT is(t.escalated('high'), '{"channel 02 11:00:30"}', 'unclaimed for an hour: the channel, to the second');
SELECT is((SELECT array_agg(a.kind || ' ' || a.channel ORDER BY a.alert_id) FROM pql.alert a WHERE a.lead_id = t.id('high')), '{"assigned team","unclaimed team"}', 'is told');
SELECT t.refresh('2026-03-02 11:30'), t.refresh('2026-03-02 12:00:30') \g /dev/null
SELECT is(t.escalated('high'), '{"channel 02 11:00:30","manager+deadline 02 12:00:30"}', 'of a high lead two hours and the deadline fall together');
SELECT is(t.told('high'), 'assigned unclaimed first_touch_overdue', 'and the manager is told once');
SELECT is((SELECT a.channel FROM pql.alert a WHERE a.lead_id = t.id('high') AND a.kind = 'first_touch_overdue'), 'boss', 'where the manager looks');
SELECT is(t.escalated('medium'), '{"channel 02 11:00:30","manager 02 12:00:30"}', 'of a medium lead the deadline is later');
SELECT is(t.escalated('eager'), '{"deadline 02 12:00:30"}', 'who has claimed is not pinged, but has a deadline');
SELECT t.refresh('2026-03-02 14:00:29') \g /dev/null
SELECT is(cardinality(t.escalated('medium')), 2, 'not a second too early');
SELECT t.refresh('2026-03-02 14:00:30'), t.refresh('2026-03-02 15:00'), t.refresh('2026-03-02 17:00') \g /dev/null
SELECT is(t.escalated('medium'), '{"channel 02 11:00:30","manager 02 12:00:30","deadline 02 14:00:30"}', 'each once');

-- after hours, over a holiday, with lunch
INSERT INTO pql.calendar (calendar, timezone, hours) VALUES ('berlin', 'Europe/Berlin', 'mon-fri 09:00-12:30 13:30-18:00');
INSERT INTO pql.holiday (calendar, day, name) VALUES ('berlin', '2026-03-03', 'a day off');
UPDATE pql.rep SET calendar = 'berlin';
SELECT t.qualify('evening', '2026-03-02 16:30', 'high') \g /dev/null
SELECT t.refresh('2026-03-02 16:30') \g /dev/null
SELECT is((SELECT ROW(l.clock_started_at, l.first_touch_due_at, l.counts_on)::text FROM t.lead('evening') l), ROW('2026-03-02 16:30+00'::timestamptz, '2026-03-04 09:30+00'::timestamptz, '2026-03-02'::date)::text,
	'half an hour before closing in Berlin, a holiday, and 1.5 hours in the morning: 10:30');
SELECT t.qualify('noon', '2026-03-04 11:00', 'high') \g /dev/null
SELECT t.refresh('2026-03-04 11:00') \g /dev/null
SELECT is((t.lead('noon')).first_touch_due_at, '2026-03-04 14:00+00', 'an hour of lunch does not count');
UPDATE pql.rep SET calendar = NULL;

-- one late refresh does what several would have, each once
SELECT t.qualify('slept', '2026-03-05 09:00') \g /dev/null
SELECT t.refresh('2026-03-05 09:00'), t.refresh('2026-03-05 16:00') \g /dev/null
SELECT is(t.escalated('slept'), '{"channel 05 10:00:00","manager+deadline 05 11:00:00"}', 'a refresh that comes late tells the channel and the manager once');

-- ---- a rise in tier ----

SELECT t.qualify('rises', '2026-03-05 10:00'), t.qualify('rises2', '2026-03-05 10:00') \g /dev/null
SELECT t.refresh('2026-03-05 10:00') \g /dev/null
SELECT is((t.lead('rises')).first_touch_due_at, '2026-03-05 14:00+00', 'medium: four hours');
INSERT INTO pql.event (user_id, occurred_at, event) SELECT 'rises', '2026-03-05 10:30'::timestamptz - d * interval '1 day', 'session_start' FROM generate_series(0, 2) d;
SELECT t.refresh('2026-03-05 10:30') \g /dev/null
SELECT is((SELECT ROW(l.tier, l.score, l.first_touch_due_at)::text FROM t.lead('rises') l), ROW('high', 8, '2026-03-05 12:30+00'::timestamptz)::text, 'a rise: two hours from then');
SELECT is(t.story('rises') || ', ' || t.told('rises'), 'pql_triggered pql_routed tier_raised, assigned tier_raised', 'is told, and triggers nothing');
INSERT INTO pql.event (user_id, occurred_at, event) SELECT 'rises2', '2026-03-05 13:00'::timestamptz - d * interval '1 day', 'session_start' FROM generate_series(0, 2) d;
SELECT t.refresh('2026-03-05 13:00') \g /dev/null
SELECT is((SELECT ROW(l.tier, l.first_touch_due_at)::text FROM t.lead('rises2') l), ROW('high', '2026-03-05 14:00+00'::timestamptz)::text, 'a late rise leaves the earlier deadline');
DELETE FROM pql.event WHERE user_id = 'rises' AND event = 'session_start';
SELECT t.refresh('2026-03-05 13:01') \g /dev/null
SELECT is((t.lead('rises')).tier, 'high', 'a fall is none');
DELETE FROM pql.event WHERE user_id = 'rises' AND event = 'invite_sent';
SELECT t.refresh('2026-03-05 13:02') \g /dev/null
SELECT ok((t.lead('rises')).unsupported_at IS NOT NULL AND t.story('rises') ~ 'support_lost$', 'data that are taken back are noted');
INSERT INTO pql.event (user_id, occurred_at, event, properties) VALUES ('rises', '2026-03-05 09:00', 'invite_sent', '{"invitee_email": "c@d.example"}');
SELECT t.refresh('2026-03-05 13:03') \g /dev/null
SELECT ok((t.lead('rises')).unsupported_at IS NULL AND t.story('rises') ~ 'support_regained$', 'and that they are back');

-- who works a lead does not keep news of it from being looked at
SELECT t.qualify('news1', '2026-03-06 10:00') \g /dev/null
SELECT t.refresh('2026-03-06 10:00') \g /dev/null
INSERT INTO pql.event (user_id, occurred_at, event) SELECT 'news1', '2026-03-06 10:30'::timestamptz - d * interval '1 day', 'session_start' FROM generate_series(0, 2) d;
INSERT INTO pql.activity (activity_id, user_id, kind, occurred_at) VALUES ('news', 'news1', 'claim', '2026-03-06 10:20');
SELECT t.refresh('2026-03-06 10:30') \g /dev/null
SELECT is((SELECT ROW(l.state, l.tier)::text FROM t.lead('news1') l), '(claimed,high)', 'a claim in the same refresh');

-- ---- ends ----

SELECT t.qualify(w, '2026-03-09 10:00') FROM unnest(ARRAY['silent', 'untouched', 'once', 'met', 'said']) w \g /dev/null
SELECT t.refresh('2026-03-09 10:00') \g /dev/null
SELECT is((SELECT (pql.log_touch(t.id('silent'), as_of => d)).touches), n::int, 'touch ' || n) FROM unnest(ARRAY['2026-03-09 11:00', '2026-03-11 11:00', '2026-03-13 11:00']::timestamptz[]) WITH ORDINALITY u (d, n);
SELECT is((pql.log_touch(t.id('once'), as_of => '2026-03-09 11:00')).touches, 1, 'one touch');
SELECT is((pql.log_meeting(t.id('met'), as_of => '2026-03-09 11:00')).state, 'meeting', 'a meeting');
SELECT is((pql.log_touch(t.id('said'), as_of => '2026-03-09 11:00')).touches, 1, 'a touch');
SELECT is((pql.log_reply(t.id('said'), 'positive', as_of => '2026-03-09 11:30')).stop_reason, 'positive_reply', 'and an answer');
SELECT t.refresh('2026-03-17 10:59:59') \g /dev/null
SELECT is((t.lead('silent')).state, 'contacted', 'two business days, over a weekend');
SELECT t.refresh('2026-03-17 11:00') \g /dev/null
SELECT is((SELECT ROW(l.state, l.disposition)::text FROM t.lead('silent') l), '(closed,no_response)', 'after three touches');
SELECT is((SELECT value #>> '{}' FROM pql.fact WHERE subject = 'silent' AND name = 'lead.disposition'), 'no_response', 'models know');
SELECT t.refresh('2026-03-21 09:00') \g /dev/null
SELECT is(t.stands('untouched'), 'closed lapsed ann', 'a trial that ends untouched lapses');
SELECT is((SELECT ROW(l.state, l.disposition)::text FROM t.lead('once') l), '(closed,no_response)', 'touched it is no response');
SELECT is((t.lead('met')).state, 'meeting', 'a meeting goes on');
SELECT is((t.lead('said')).state, 'contacted', 'so does who has answered');

-- ---- reopening ----

SELECT t.qualify(w, '2026-03-23 10:00') FROM unnest(ARRAY['nurtured', 'quiet', 'quiet2', 'unfit', 'weak']) w \g /dev/null
SELECT t.refresh('2026-03-23 10:00') \g /dev/null
SELECT is((SELECT array_agg((pql.log_touch(t.id(w), as_of => '2026-03-23 10:30')).touches) FROM unnest(ARRAY['quiet', 'quiet2', 'weak']) w), '{1,1,1}', 'written to');
SELECT is((SELECT array_agg((pql.set_disposition(t.id(w), d, 'because', as_of => '2026-03-23 11:00')).state) FROM (VALUES ('nurtured', 'nurture'), ('quiet', 'no_response'), ('unfit', 'disqualified'), ('weak', 'no_response')) v (w, d)),
	'{closed,closed,closed,closed}', 'closed, each as it is');
-- two points: pages about prices on two days
INSERT INTO pql.event (user_id, occurred_at, event, properties) SELECT w, '2026-03-24 09:00'::timestamptz + d * interval '1 day', 'page_view', '{"page_path": "/pricing"}'
FROM unnest(ARRAY['nurtured', 'unfit', 'weak']) w, generate_series(0, 1) d;
SELECT t.refresh('2026-03-25 10:00') \g /dev/null
SELECT is(split_part(t.stands('nurtured'), ' ', 1), 'assigned', 'who was to be nurtured is back with any new signal');
SELECT ok(t.story('nurtured') ~ 'pql_dispositioned lead_reopened tier_raised pql_routed', 'as the log says');
SELECT is((SELECT ROW(l.rep, l.touches, l.disposition, l.reason)::text FROM t.lead('nurtured') l), ROW('ann@sales.example', 0, NULL::text, 'reopened')::text, 'with the same rep, and a new sequence');
SELECT is((SELECT ROW(l.clock_started_at, l.first_touch_due_at)::text FROM t.lead('nurtured') l), ROW('2026-03-25 10:00+00'::timestamptz, '2026-03-25 12:00+00'::timestamptz)::text, 'and a clock of its own, of the tier that it has come to');
UPDATE pql.rep SET daily_cap = 0;
SELECT is((pql.log_meeting(t.id('nurtured'), as_of => '2026-03-25 10:30')).state || ' ' || (pql.set_disposition(t.id('nurtured'), 'nurture', as_of => '2026-03-25 10:31')).state, 'meeting closed', 'after a meeting it is to be nurtured again');
INSERT INTO pql.event (user_id, occurred_at, event) SELECT 'nurtured', '2026-03-25 10:40'::timestamptz - d * interval '1 day', 'session_start' FROM generate_series(0, 2) d;
SELECT t.refresh('2026-03-25 10:40') \g /dev/null
SELECT is((SELECT ROW(l.state, l.reason, l.rep, l.met_at)::text FROM t.lead('nurtured') l), ROW('queued', 'cap', 'ann@sales.example', NULL::timestamptz)::text, 'reopened, it waits for its rep''s cap, and for a first touch');
UPDATE pql.rep SET daily_cap = 100;
SELECT t.refresh('2026-03-25 10:50') \g /dev/null
SELECT is(t.stands('nurtured'), 'assigned reopened ann', 'then it is theirs again');
SELECT is(split_part(t.stands('unfit'), ' ', 1), 'closed', 'who is unfit stays so');
SELECT is(split_part(t.stands('weak'), ' ', 1), 'closed', 'who did not answer takes more than two points');
-- three points: the model says more of what they did
SELECT pql.put_model(pql.adapt('trial', '{"signals": {"billing_views": {"points": 3}}}')) \g /dev/null
INSERT INTO pql.event (user_id, occurred_at, event, properties) SELECT 'quiet', '2026-03-24 09:00'::timestamptz + d * interval '1 day', 'page_view', '{"page_path": "/pricing"}' FROM generate_series(0, 1) d;
SELECT t.refresh('2026-03-25 11:00') \g /dev/null
SELECT is(split_part(t.stands('quiet'), ' ', 1), 'assigned', 'who did not answer is back with three');
SELECT is((SELECT array_agg((pql.log_touch(t.id('quiet'), as_of => d)).touches) FROM unnest(ARRAY['2026-03-25 12:00', '2026-03-27 12:00', '2026-03-30 12:00']::timestamptz[]) d), '{1,2,3}', 'one new sequence');
SELECT t.refresh('2026-04-01 12:00') \g /dev/null
SELECT is((t.lead('quiet')).disposition, 'no_response', 'without an answer');
INSERT INTO pql.event (user_id, occurred_at, event) SELECT 'quiet', '2026-03-27 12:00'::timestamptz + d * interval '1 day', 'session_start' FROM generate_series(0, 2) d;
SELECT pql.put_model(pql.adapt('trial', '{"signals": {"billing_views": {"points": 3}, "multi_day": {"points": 3}}}')) \g /dev/null
SELECT t.refresh('2026-04-01 13:00') \g /dev/null
SELECT is((t.lead('quiet')).state, 'closed', 'once only');

-- ---- who asks for somebody ----

SELECT pql.activate_model('handoff', 1), pql.start_routing('handoff', role => 'hand_raisers') \g /dev/null
SELECT matches(t.error($$SELECT pql.start_routing('playbook', role => 'hand_raisers')$$), '^55006 . model "handoff" routes hand-raisers already', 'one such model');
SELECT t.qualify('tiny', '2026-04-06 10:00', employees => 5), t.qualify('busy', '2026-04-06 10:00') \g /dev/null
SELECT t.refresh('2026-04-06 10:00') \g /dev/null
SELECT is(t.id('tiny'), NULL, 'a company of five is no lead');
INSERT INTO pql.event (user_id, occurred_at, event) VALUES ('tiny', '2026-04-06 10:30', 'contact_sales'), ('busy', '2026-04-06 10:30', 'demo_requested');
SELECT t.refresh('2026-04-06 10:30') \g /dev/null
SELECT is((SELECT ROW(l.state, l.tier, l.reason, l.flags, l.first_touch_due_at)::text FROM t.lead('tiny', 'handoff') l),
	ROW('assigned', 'immediate', 'hand_raiser', '{hand_raiser,outside_icp,team_empty}'::text[], '2026-04-06 12:30+00'::timestamptz)::text, 'unless they ask for somebody: within two hours, flagged');
SELECT is((SELECT ROW(l.state, l.first_touch_due_at, l.flags)::text FROM t.lead('busy') l), ROW('assigned', '2026-04-06 12:30+00'::timestamptz, '{hand_raiser}'::text[])::text, 'a lead that is being worked is hurried');
SELECT is(t.stands('busy', 'handoff') || ', ' || t.told('busy'), 'closed merged, assigned handoff', 'and stays one');
UPDATE pql.routing SET control_share = 0.999 WHERE role = 'leads';
SELECT t.qualify('held', '2026-04-06 11:00') \g /dev/null
SELECT t.refresh('2026-04-06 11:00') \g /dev/null
SELECT is((t.lead('held')).state, 'control', 'one is held out');
INSERT INTO pql.event (user_id, occurred_at, event) VALUES ('held', '2026-04-06 11:30', 'contact_sales');
SELECT t.refresh('2026-04-06 11:30') \g /dev/null
SELECT is(t.stands('held', 'handoff'), 'assigned hand_raiser ann', 'who asks for somebody gets somebody, held out or not');
SELECT is((t.lead('held')).state, 'control', 'and the one held out is still');
UPDATE pql.routing SET control_share = 0;
INSERT INTO pql.event (user_id, occurred_at, event, properties) SELECT 'slow', '2026-04-06 09:00'::timestamptz + n * interval '1 hour', 'page_view', '{"page_path": "/pricing"}' FROM generate_series(0, 2) n;
INSERT INTO pql.person (user_id, email) VALUES ('slow', 'slow@slow.example');
SELECT t.refresh('2026-04-06 12:00'), t.refresh('2026-04-07 12:00'), t.refresh('2026-04-08 11:59'), t.refresh('2026-04-08 12:00') \g /dev/null
SELECT is((SELECT ROW(l.tier, l.first_touch_due_at, l.escalations)::text FROM t.lead('slow', 'handoff') l),
	ROW('within_a_day', '2026-04-07 12:00+00'::timestamptz, '{channel,manager,deadline,breach}'::text[])::text, 'pricing three times: within a day, breached after two');

-- one that was found before anybody routed such leads, and is merged while the other is looked at, too
SELECT pql.stop_routing('handoff') \g /dev/null
INSERT INTO pql.account (account_id, employees) VALUES ('co-both', 300);
INSERT INTO pql.person (user_id, email, account_id) VALUES ('both', 'both@co-both.example', 'co-both');
INSERT INTO pql.event (user_id, occurred_at, event) VALUES ('both', '2026-04-08 12:10', 'contact_sales');
SELECT t.refresh('2026-04-08 12:10') \g /dev/null
DELETE FROM pql.person WHERE user_id = 'both';
DELETE FROM pql.account WHERE account_id = 'co-both';
SELECT t.qualify('both', '2026-04-08 12:20') \g /dev/null
SELECT t.refresh('2026-04-08 12:20') \g /dev/null
SELECT is(t.stands('both') || ', ' || t.stands('both', 'handoff') || ' ' || (t.id('both') > t.id('both', 'handoff')), 'assigned segment ann, not_routed true', 'a lead, and an older one that nobody routes');
SELECT pql.start_routing('handoff', role => 'hand_raisers', since => '2026-04-08', as_of => '2026-04-08 13:00') \g /dev/null
SELECT t.refresh('2026-04-08 13:20') \g /dev/null
SELECT is(t.stands('both', 'handoff') || ' ' || (t.lead('both')).flags::text || ' ' || (t.lead('both')).escalations::text, 'closed merged {hand_raiser} {channel}', 'both are one, flagged and escalated');

-- ---- alerts about signals ----

SELECT is((SELECT array_agg(model || ' ' || signal) FROM pql.signal_alert), '{"handoff enterprise_signup"}', 'of large companies people want to hear');
INSERT INTO pql.account (account_id, name, employees) VALUES ('giant', 'Giant', 5000);
INSERT INTO pql.person (user_id, email, account_id) VALUES ('g1', 'g1@giant.example', 'giant');
SELECT t.refresh('2026-04-08 14:00') \g /dev/null
SELECT is((SELECT array_agg(a.payload ->> 'text') FROM pql.alert a WHERE a.kind = 'signal'), '{"enterprise signup: g1@giant.example, Giant, 5000 employees"}', 'and do at once');
DELETE FROM pql.alert WHERE kind = 'signal';

SELECT matches(t.error($$INSERT INTO pql.signal_alert VALUES ('trial', 'activate')$$), '^42704 . model "trial" has no signal "activate" . .* . Did you mean "activated"', 'a signal that there is not');
SELECT matches(t.error($$INSERT INTO pql.signal_alert VALUES ('nothing', 'activated')$$), '^42704 . model "nothing" has no signal', 'nor such a model');
INSERT INTO pql.signal_alert VALUES ('trial', 'activated', 'boss'), ('trial', 'tier:medium', NULL);
SELECT t.qualify('news', '2026-04-09 10:00') \g /dev/null
SELECT t.refresh('2026-04-09 10:00') \g /dev/null
SELECT is((SELECT array_agg(a.channel || ' ' || (a.payload ->> 'text') ORDER BY a.alert_id) FROM pql.alert a WHERE a.kind = 'signal'),
	'{"boss activated: News Example, Head of Examples, Co-News, 300 employees","default trial: medium: News Example, Head of Examples, Co-News, 300 employees"}', 'people are told of signals newly met, and of tiers');
INSERT INTO pql.event (user_id, occurred_at, event) VALUES ('news', '2026-04-09 10:30', 'activation_complete');
SELECT t.refresh('2026-04-09 10:30') \g /dev/null
SELECT is((SELECT count(*) FROM pql.alert a WHERE a.kind = 'signal'), 2::bigint, 'once');

SELECT is_empty($$SELECT * FROM t.unlike_log()$$, 'every lead is what its log says');
SELECT is_empty($$SELECT m.model, v.* FROM pql.active_model m, pql.verify(m.model) v$$, 'and verdicts are right');

SELECT * FROM finish();
ROLLBACK;
