-- Verdicts of the trial model: the reference cases, statuses, exclusions, facts learnt late, the explanation.
\set ON_ERROR_ROLLBACK on
\set SHOW_CONTEXT never
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SET client_min_messages = warning;

BEGIN;

-- Every trial here starts on Monday 2024-01-01 at 09:00 UTC: day N is January N, the window ends with January 10,
-- the trial on January 15 at 09:00, and its last 3 days begin after January 12, 09:00.
CREATE TEMP TABLE did (who text, at timestamptz, event text, properties jsonb);
CREATE FUNCTION pg_temp.does(who text, VARIADIC what text[]) RETURNS void LANGUAGE sql AS $$
	INSERT INTO did SELECT who, ('2024-' || w[1] || ' ' || w[2] || 'Z')::timestamptz, w[3],
		CASE w[3] WHEN 'invite_sent' THEN jsonb_build_object('invitee_email', w[4])
			WHEN 'integration_connected' THEN jsonb_build_object('integration_type', w[4])
			WHEN 'page_view' THEN jsonb_build_object('page_path', w[4]) END
	FROM unnest(what) x, string_to_array(x, ' ') w $$;
CREATE FUNCTION pg_temp.evidence_of(model jsonb, of_user text, as_of timestamptz) RETURNS pql.evidence LANGUAGE sql AS $$
	SELECT pql.gather(model, at, event, properties, '2024-01-01 09:00Z') FROM did WHERE who = of_user AND at <= as_of $$;
-- a profile: a company of that size, and more where a case says so
CREATE FUNCTION pg_temp.profile(employees int, more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_strip_nulls(pql.merge_patch(jsonb_build_object('person', jsonb_build_object('email', 'sue@acme.example', 'email_kind', 'work',
		'account_id', 'acme', 'paid_before_trial', false), 'account', jsonb_build_object('employees', employees),
		'trial', '{"started_at": "2024-01-01T09:00:00+00:00"}'::jsonb), more)) $$;
CREATE TYPE pg_temp.line AS (as_of text, status text, score int, potential int, tier text, signals text[], exclusions text[], qualified_at text, next_change_at text);
CREATE FUNCTION pg_temp.short(t timestamptz) RETURNS text LANGUAGE sql AS $$ SELECT regexp_replace(to_char(t, 'MM-DD HH24:MI:SS.US'), '(:00)?\.000000$', '') $$;
CREATE FUNCTION pg_temp.says(of_user text, profile jsonb, VARIADIC as_of text[]) RETURNS SETOF pg_temp.line LANGUAGE sql AS $$
	SELECT pg_temp.short(t), v.status, v.score, v.potential, v.tier, v.signals, v.exclusions, pg_temp.short(v.qualified_at), pg_temp.short(v.next_change_at)
	FROM unnest(as_of) WITH ORDINALITY a (x, n), LATERAL (SELECT ('2024-' || x || 'Z')::timestamptz AS t) t,
		LATERAL pql.judge(pql.model('trial'), pg_temp.evidence_of(pql.model('trial'), of_user, t), profile, t) v
	ORDER BY n $$;

---- the reference cases

-- Acme, 800 employees: activated on day 3, two invites on day 4, an integration on day 5, sessions on two days.
SELECT pg_temp.does('acme', '01-01 09:05 session_start', '01-03 09:55 session_start', '01-03 10:00 activation_complete',
	'01-04 11:00 invite_sent a@b.example', '01-04 11:01 invite_sent c@b.example', '01-05 12:00 integration_connected Snowflake');
SELECT * FROM pg_temp.says('acme', pg_temp.profile(800), '01-01 09:00', '01-01 09:05', '01-03 10:00', '01-04 11:00',
	'01-05 11:59:59.999999', '01-05 12:00', '01-10 23:59:59.999999', '01-11 00:00', '01-12 09:00', '01-12 09:00:00.000001', '12-31 00:00');
-- With sessions on a third day: 8 points, high; qualified when it was.
SELECT pg_temp.does('acme+', '01-08 08:00 session_start');
INSERT INTO did SELECT 'acme+', at, event, properties FROM did WHERE who = 'acme';
SELECT * FROM pg_temp.says('acme+', pg_temp.profile(800), '01-08 07:59:59.999999', '01-08 08:00', '01-20 00:00');

-- A start-up of 50 that ran one query.
SELECT pg_temp.does('startup', '01-01 09:10 query_run');
SELECT * FROM pg_temp.says('startup', pg_temp.profile(50), '01-01 09:10', '01-11 00:00');

-- Activation, an invite and an integration on the day of signup, and nothing else: held for 24 hours.
SELECT pg_temp.does(w, '01-01 09:30 activation_complete', '01-01 10:00 invite_sent a@b.example', '01-01 10:30 integration_connected dbt')
FROM unnest(ARRAY['silent', 'morning', 'edge', 'late', 'invites', 'any']) w;
SELECT pg_temp.does('morning', '01-02 08:00 session_start'); -- the next morning
SELECT pg_temp.does('edge', '01-02 10:29:59.999999 report_viewed'); -- any event, at the last microsecond
SELECT pg_temp.does('late', '01-02 10:30 session_start', '01-03 08:00 session_start'); -- when it is over: no release
SELECT pg_temp.does('invites', '01-03 08:00 session_start', '01-04 08:00 invite_sent b@b.example'); -- a counted event on a second day
SELECT pg_temp.does('any', '01-01 23:59:59.999999 session_start', '01-02 00:00 session_start'); -- a later day, not a later hour
SELECT * FROM pg_temp.says('silent', pg_temp.profile(800), '01-01 10:29', '01-01 10:30', '01-02 10:29:59.999999', '01-02 10:30', '01-10 00:00', '01-11 00:00');
SELECT * FROM pg_temp.says('morning', pg_temp.profile(800), '01-02 07:59:59.999999', '01-02 08:00', '01-03 00:00', '01-20 00:00');
SELECT * FROM pg_temp.says('edge', pg_temp.profile(800), '01-02 10:29:59.999998', '01-02 10:29:59.999999', '01-02 10:30');
SELECT * FROM pg_temp.says('late', pg_temp.profile(800), '01-02 10:29:59.999999', '01-02 10:30', '01-03 08:00');
SELECT * FROM pg_temp.says('invites', pg_temp.profile(800), '01-03 08:00', '01-04 08:00');
SELECT * FROM pg_temp.says('any', pg_temp.profile(800), '01-01 23:59:59.999999', '01-02 00:00');
-- A later counted event of the same day moves the 24 hours, other events do not. A second activation is a second counted
-- day, and so are pricing pages as soon as their signal holds (on two days, of which it then counts both).
SELECT pg_temp.does(w, '01-01 09:30 activation_complete', '01-01 10:00 invite_sent a@b.example', '01-01 10:30 integration_connected dbt')
FROM unnest(ARRAY['invites late', 'works late', 'activates', 'looks']) w;
SELECT pg_temp.does('invites late', '01-01 23:00 invite_sent b@b.example', '01-02 22:00 session_start');
SELECT pg_temp.does('works late', '01-01 23:00 session_start', '01-02 22:00 session_start');
SELECT pg_temp.does('activates', '01-03 10:00 activation_complete');
SELECT pg_temp.does('looks', '01-02 10:30 page_view /pricing', '01-03 10:00 page_view /pricing'); -- the first when the hold is over
SELECT * FROM pg_temp.says('invites late', pg_temp.profile(800), '01-02 10:30', '01-02 21:00', '01-02 22:00');
SELECT * FROM pg_temp.says('works late', pg_temp.profile(800), '01-02 10:29', '01-02 10:30', '01-02 22:00');
SELECT * FROM pg_temp.says('activates', pg_temp.profile(800), '01-03 09:59', '01-03 10:00');
SELECT * FROM pg_temp.says('looks', pg_temp.profile(800), '01-02 10:30', '01-03 09:59', '01-03 10:00');
-- A hold that begins on day 10 runs its 24 hours, and can be released after the window.
SELECT pg_temp.does(w, '01-10 20:00 activation_complete', '01-10 21:00 invite_sent a@b.example', '01-10 22:00 integration_connected dbt')
FROM unnest(ARRAY['tenth', 'tenth+']) w;
SELECT pg_temp.does('tenth+', '01-11 21:00 anything_at_all');
SELECT * FROM pg_temp.says('tenth', pg_temp.profile(800), '01-10 22:00', '01-10 23:59:59.999999', '01-11 00:00', '01-11 21:59:59.999999', '01-11 22:00');
SELECT * FROM pg_temp.says('tenth+', pg_temp.profile(800), '01-11 20:59:59.999999', '01-11 21:00', '01-13 00:00');

---- the rule

-- The day on which the gate passes counts; sessions do while multi_day holds. One signal is not enough, nor one day.
SELECT pg_temp.does('one signal', '01-01 10:00 activation_complete', '01-02 10:00 invite_sent a@b.example', '01-03 10:00 invite_sent b@b.example');
SELECT pg_temp.does('sessions', '01-03 08:00 activation_complete', '01-03 09:00 integration_connected dbt',
	'01-01 09:00 session_start', '01-02 09:00 session_start', '01-03 10:00 session_start');
-- without the properties that are counted nothing is
SELECT pg_temp.does('empty', '01-01 10:00 activation_complete', '01-02 10:00 invite_sent', '01-03 10:00 integration_connected');
-- the gate opens last, and all is together at that instant
SELECT pg_temp.does('gate last', '01-02 10:00 invite_sent a@b.example', '01-03 10:00 integration_connected dbt', '01-04 10:00 activation_complete');
SELECT pg_temp.does('at once', '01-02 10:00 activation_complete', '01-03 10:00 invite_sent a@b.example', '01-03 10:00 integration_connected dbt');
SELECT pg_temp.does('day 11', '01-02 10:00 activation_complete', '01-03 10:00 invite_sent a@b.example', '01-11 00:00 integration_connected dbt');
SELECT w.who, s.* FROM (VALUES (1, 'one signal', '01-04 00:00'), (2, 'sessions', '01-03 09:59:59.999999'), (3, 'sessions', '01-03 10:00'), (4, 'empty', '01-04 00:00'),
	(5, 'gate last', '01-04 09:59:59.999999'), (6, 'gate last', '01-04 10:00'), (7, 'at once', '01-03 10:00'), (8, 'day 11', '01-11 00:00')) w (n, who, at),
	LATERAL pg_temp.says(w.who, pg_temp.profile(800), w.at) s ORDER BY n;

-- Billing and pricing pages: the path itself, or followed by / ? #. Two views on two days; alone they never qualify.
SELECT path, array_length(v.signals, 1) = 3 AS counts
FROM unnest(ARRAY['/billing', '/pricing', '/billing/', '/pricing/plans', '/pricing?a=1', '/billing#top', '/pricings', '/billing-info', '/Billing', 'billing', '/x/billing', '/', '', '/pricing ']) WITH ORDINALITY p (path, n),
	LATERAL (SELECT pql.gather(pql.model('trial'), at, event, properties, '2024-01-01 09:00Z') AS e
		FROM (VALUES ('2024-01-02 10:00Z'::timestamptz, 'page_view', jsonb_build_object('page_path', path)), ('2024-01-03 10:00Z', 'page_view', jsonb_build_object('page_path', path)),
			('2024-01-01 10:00Z', 'activation_complete', NULL)) x (at, event, properties)) g,
	LATERAL pql.judge(pql.model('trial'), g.e, pg_temp.profile(800), '2024-01-04 00:00Z') v ORDER BY n;
SELECT pg_temp.does('looker', '01-02 10:00 activation_complete', '01-03 10:00 page_view /pricing', '01-03 11:00 page_view /pricing',
	'01-04 10:00 page_view /billing/card', '01-05 10:00 page_view /pricing', '01-06 10:00 page_view /pricing');
SELECT * FROM pg_temp.says('looker', pg_temp.profile(800), '01-03 11:00', '01-04 10:00', '01-06 10:00');

-- Recalibrated points do not let one signal through, and are no reason to gather again.
SELECT v.status, v.score, v.tier, v.signals
FROM pql.judge(pql.adapt('trial', '{"signals": {"invites": {"points": 9}}}'), pg_temp.evidence_of(pql.model('trial'), 'one signal', '2024-01-04 00:00Z'),
	pg_temp.profile(800), '2024-01-04 00:00Z') v;

---- statuses

SELECT w.n, s.status, s.score, s.potential, s.tier, s.exclusions, s.qualified_at, s.next_change_at FROM (VALUES
	-- below: the gates pass
	(1, 'one signal', '{}', '01-04 00:00'),
	-- gated: the size is not known; not activated
	(2, 'acme', '{"account": {"employees": null}}', '01-06 00:00'), (3, 'gate last', '{}', '01-03 10:00'),
	-- excluded
	(4, 'acme', '{"person": {"opted_out": true}}', '01-06 00:00'),
	-- hold, monitor
	(5, 'silent', '{}', '01-02 00:00'), (6, 'silent', '{}', '01-03 00:00'),
	-- expired
	(7, 'one signal', '{}', '01-11 00:00'), (8, 'acme', '{"person": {"opted_out": true}}', '01-11 00:00'),
	-- qualified, also when the window is over
	(9, 'acme', '{}', '01-06 00:00'), (10, 'acme', '{}', '01-11 00:00'),
	-- converted: before all others; not before it was paid
	(11, 'acme', '{"trial": {"converted_at": "2024-01-09T10:00:00Z"}}', '01-09 09:59:59.999999'), (12, 'acme', '{"trial": {"converted_at": "2024-01-09T10:00:00Z"}}', '01-09 10:00'),
	(13, 'startup', '{"account": {"employees": 50}, "trial": {"converted_at": "2024-01-02T10:00:00Z"}}', '01-03 00:00'),
	-- the rule cannot first hold at a conversion or after it
	(14, 'acme', '{"trial": {"converted_at": "2024-01-05T12:00:00Z"}}', '01-06 00:00'), (15, 'acme', '{"trial": {"converted_at": "2024-01-05T12:00:00.000001Z"}}', '01-06 00:00')
	) w (n, who, more, at), LATERAL pg_temp.says(w.who, pg_temp.profile(800, w.more::jsonb), w.at) s ORDER BY n;

---- exclusions

SELECT w.n, s.status, s.score, s.exclusions, s.qualified_at FROM (VALUES
	(1, '{"account": {"employees": 199}}'), (2, '{"account": {"employees": 200}}'), (3, '{"account": {"employees": 2000}}'), (4, '{"account": {"employees": 2001}}'),
	(5, '{"person": {"email_kind": "personal"}}'), (6, '{"person": {"email_kind": "personal", "account_id": null}}'), (7, '{"person": {"account_id": null}}'),
	(8, '{"person": {"email_kind": null, "account_id": null}}'),
	(9, '{"person": {"paid_before_trial": true}}'), (10, '{"person": {"paid_before_trial": null}}'),
	(11, '{"lead": {"disposition": "disqualified"}}'), (12, '{"lead": {"disposition": "no_response"}}'), (13, '{"lead": {"disposition": "nurture"}}'),
	(14, '{"account": {"kind": "competitor"}}'), (15, '{"account": {"kind": "partner"}}'), (16, '{"account": {"kind": "internal"}}'), (17, '{"account": {"kind": "customer"}}'),
	(18, '{"person": {"email": "test@acme.example"}}'), (19, '{"person": {"email": "Demo@acme.example"}}'), (20, '{"person": {"email": "sue+test@acme.example"}}'),
	(21, '{"person": {"email": "sue+test42@acme.example"}}'), (22, '{"person": {"email": "sue+testing@acme.example"}}'), (23, '{"person": {"email": "tester@acme.example"}}'),
	(24, '{"person": {"email": "contest@acme.example"}}'), (25, '{"person": {"email": null}}'),
	(26, '{"lists": {"test_accounts": ["sue@acme.example"]}}'), (27, '{"lists": {"test_accounts": ["joe@acme.example"]}}'),
	(28, '{"person": {"opted_out": true}}'), (29, '{"person": {"opted_out": false}}'), (30, '{"person": {"suppressed": true}}'),
	-- all that apply, in the model's order
	(31, '{"account": {"employees": 20, "kind": "partner"}, "person": {"suppressed": true, "opted_out": true, "email": "demo@gmail.com", "email_kind": "personal", "account_id": null, "paid_before_trial": true}}')
	) w (n, more), LATERAL pg_temp.says('acme', pg_temp.profile(800, w.more::jsonb), '01-06 00:00') s ORDER BY n;

-- too_late: fewer than 72 hours left and no billing view at any time of the trial.
SELECT pg_temp.does('viewer', '01-02 10:00 page_view /pricing');
INSERT INTO did SELECT 'viewer', at, event, properties FROM did WHERE who = 'acme';
SELECT pg_temp.does('day 12', '01-12 10:00 page_view /pricing');
SELECT w.n, w.who, s.status, s.exclusions, s.qualified_at, s.next_change_at FROM (VALUES
	(1, 'acme', '2024-01-08T12:00:00Z', '01-05 12:00'), (2, 'acme', '2024-01-08T11:59:59.999999Z', '01-05 12:00'), (3, 'viewer', '2024-01-08T11:59:59.999999Z', '01-05 12:00'),
	(4, 'acme', '2024-01-08T12:00:00Z', '01-05 12:00:00.000001'),
	(5, 'day 12', '2024-01-15T09:00:00Z', '01-12 09:00'), (6, 'day 12', '2024-01-15T09:00:00Z', '01-12 09:59'), (7, 'day 12', '2024-01-15T09:00:00Z', '01-12 10:00')
	) w (n, who, ends_at, at), LATERAL pg_temp.says(w.who, pg_temp.profile(800, jsonb_build_object('trial', jsonb_build_object('ends_at', ends_at))), w.at) s ORDER BY n;

---- facts with a history

CREATE FUNCTION pg_temp.history(fact text, VARIADIC known text[]) RETURNS jsonb LANGUAGE sql AS $$
	SELECT pg_temp.profile(NULL, jsonb_build_object('history', jsonb_build_object(fact, (
		SELECT jsonb_agg(jsonb_build_object('value', split_part(k, ' ', 3)::jsonb, 'recorded_at', '2024-' || split_part(k, ' ', 1) || 'T' || split_part(k, ' ', 2) || 'Z') ORDER BY n)
		FROM unnest(known) WITH ORDINALITY u (k, n))))) $$;
-- learnt on day 3: nothing is missed; on day 7: qualified when it was learnt; on day 12: nobody is
SELECT * FROM pg_temp.says('acme', pg_temp.history('account.employees', '01-03 15:00:00 800'), '01-03 14:59:59.999999', '01-03 15:00', '01-05 12:00');
SELECT * FROM pg_temp.says('acme', pg_temp.history('account.employees', '01-07 15:00:00 800'), '01-05 12:00', '01-07 14:59:59.999999', '01-07 15:00', '01-20 00:00');
SELECT * FROM pg_temp.says('acme', pg_temp.history('account.employees', '01-10 23:59:59.999999 800'), '01-11 00:00');
SELECT * FROM pg_temp.says('acme', pg_temp.history('account.employees', '01-11 00:00:00 800'), '01-11 00:00');
SELECT * FROM pg_temp.says('acme', pg_temp.history('account.employees', '01-12 15:00:00 800'), '01-12 15:00');
-- corrected from 100 to 800 on day 7; from 800 to 50 on day 7, which takes nothing back
SELECT * FROM pg_temp.says('acme', pg_temp.history('account.employees', '01-01 00:00:00 100', '01-07 15:00:00 800'), '01-07 14:59:59.999999', '01-07 15:00');
SELECT * FROM pg_temp.says('acme', pg_temp.history('account.employees', '01-01 00:00:00 800', '01-07 15:00:00 50'), '01-07 14:59:59.999999', '01-07 15:00');
-- the order in which it is written does not matter; null is unknown again
SELECT * FROM pg_temp.says('acme', pg_temp.history('account.employees', '01-07 15:00:00 null', '01-06 15:00:00 900', '01-01 00:00:00 20'), '01-06 14:00', '01-06 15:00', '01-07 15:00');
-- a release that an exclusion stands in the way of: at the first later instant at which none does
SELECT * FROM pg_temp.says('morning', pql.merge_patch(pg_temp.profile(800),
	'{"history": {"person.opted_out": [{"value": true, "recorded_at": "2024-01-01T12:00:00Z"}, {"value": false, "recorded_at": "2024-01-03T09:00:00Z"}]}}'),
	'01-01 11:00', '01-01 12:00', '01-02 08:00', '01-03 08:59:59.999999', '01-03 09:00');
-- an exclusion that begins later takes nothing back
SELECT * FROM pg_temp.says('acme', pql.merge_patch(pg_temp.profile(800),
	'{"history": {"person.opted_out": [{"value": true, "recorded_at": "2024-01-06T12:00:00Z"}]}}'), '01-05 12:00', '01-06 12:00');

---- NULLs and errors

-- no events; nothing known; neither
SELECT status, score, potential, tier, signals, exclusions, qualified_at, next_change_at FROM pql.judge(pql.model('trial'), NULL, pg_temp.profile(800), '2024-01-02 00:00Z');
SELECT status, score, potential, tier, signals, exclusions, qualified_at, next_change_at FROM pql.judge(pql.model('trial'), pg_temp.evidence_of(pql.model('trial'), 'acme', '2024-01-06Z'), NULL, '2024-01-06 00:00Z');
SELECT status, score, potential, tier, signals, exclusions, qualified_at, next_change_at FROM pql.judge(pql.model('trial'), NULL, NULL, '2024-01-06 00:00Z');
SELECT status, score, potential, tier, signals, exclusions, qualified_at, next_change_at FROM pql.judge(pql.model('trial'), NULL, '[1]', '2024-01-06 00:00Z');
-- NULL model or as_of, and a trial that has not started
SELECT (pql.judge(NULL, NULL, NULL, '2024-01-06 00:00Z')).status IS NULL AS no_model, (pql.judge(pql.model('trial'), NULL, NULL, NULL)).status IS NULL AS no_time,
	(pql.judge(pql.model('trial'), NULL, pg_temp.profile(800), '2024-01-01 08:59:59.999999Z')).status IS NULL AS not_started;
-- judged before what the evidence holds; exactly at it is fine
SELECT status FROM pql.judge(pql.model('trial'), pg_temp.evidence_of(pql.model('trial'), 'acme', '2024-01-06Z'), pg_temp.profile(800), '2024-01-05 12:00Z');
SELECT status FROM pql.judge(pql.model('trial'), pg_temp.evidence_of(pql.model('trial'), 'acme', '2024-01-06Z'), pg_temp.profile(800), '2024-01-05 11:59:59.999999Z');
-- evidence of another model, of another trial
SELECT status FROM pql.judge(pql.model('playbook'), pg_temp.evidence_of(pql.model('trial'), 'acme', '2024-01-06Z'), NULL, '2024-01-06 00:00Z');
SELECT status FROM pql.judge(pql.adapt('trial', '{"timezone": "Europe/Berlin"}'), pg_temp.evidence_of(pql.model('trial'), 'acme', '2024-01-06Z'), NULL, '2024-01-06 00:00Z');
SELECT status FROM pql.judge(pql.model('trial'), pg_temp.evidence_of(pql.model('trial'), 'acme', '2024-01-06Z'), '{"trial": {"started_at": "2024-01-02T09:00:00Z"}}', '2024-01-06 00:00Z');
-- no instants
SELECT status FROM pql.judge(pql.model('trial'), NULL, '{"trial": {"started_at": "yesterday"}}', '2024-01-06 00:00Z');
SELECT status FROM pql.judge(pql.model('trial'), NULL, '{"trial": {"started_at": "2024-01-01T09:00:00Z", "ends_at": 5}}', '2024-01-06 00:00Z');
SELECT status FROM pql.judge(pql.model('trial'), NULL, '{"trial": {"started_at": "2024-01-01T09:00:00Z", "converted_at": "2024-13-01T09:00:00Z"}}', '2024-01-06 00:00Z');
SELECT status FROM pql.judge(pql.model('trial'), NULL, '{"trial": {"started_at": "2024-01-01T09:00:00Z"}, "history": {"account.employees": [{"value": 800, "recorded_at": "soon"}]}}', '2024-01-06 00:00Z');
SELECT status FROM pql.judge(pql.model('trial'), NULL, NULL, 'infinity');
SELECT status FROM pql.judge('{}', NULL, NULL, '2024-01-06 00:00Z');
-- instants with an offset, with a blank, with microseconds are the same instant
SELECT count(DISTINCT v.qualified_at) AS instants, min(v.qualified_at) FROM unnest(ARRAY['2024-01-01T09:00:00+00:00', '2024-01-01T10:00:00+01:00', '2024-01-01 09:00:00Z', '2024-01-01T09:00:00.000000Z', '2024-01-01T14:45:00+05:45']) s,
	LATERAL pql.judge(pql.model('trial'), pg_temp.evidence_of(pql.model('trial'), 'acme', '2024-01-06Z'), pg_temp.profile(800, jsonb_build_object('trial', jsonb_build_object('started_at', s))), '2024-01-06 00:00Z') v;

---- the explanation

CREATE FUNCTION pg_temp.explained(of_user text, profile jsonb, as_of text) RETURNS jsonb LANGUAGE sql AS $$
	SELECT v.explanation FROM pql.judge(pql.model('trial'), pg_temp.evidence_of(pql.model('trial'), of_user, ('2024-' || as_of || 'Z')::timestamptz), profile, ('2024-' || as_of || 'Z')::timestamptz) v $$;
SELECT w.n, w.who, e ->> 'summary' AS summary, e ->> 'strongest' AS strongest, e ->> 'reason' AS reason, e ->> 'hold_until' AS hold_until
FROM (VALUES (1, 'acme', 800, '01-01 09:00'), (2, 'acme', 800, '01-03 10:00'), (3, 'acme', 800, '01-06 00:00'), (4, 'acme+', 800, '01-09 00:00'), (5, 'startup', 50, '01-02 00:00'),
	(6, 'silent', 800, '01-01 12:00'), (7, 'silent', 800, '01-03 00:00'), (8, 'acme', NULL, '01-06 00:00'), (9, 'gate last', 800, '01-03 12:00'), (10, 'looker', 800, '01-06 10:00'), (11, 'sessions', 800, '01-03 12:00')) w (n, who, size, at),
	LATERAL pg_temp.explained(w.who, pg_temp.profile(w.size), w.at) e ORDER BY n;
SELECT s ->> 'signal' AS signal, s -> 'met' AS met, s -> 'value' AS value, s ->> 'threshold' AS threshold, s -> 'points' AS points, s -> 'waiting' AS waiting, s ->> 'first_met_at' AS first_met_at, s ->> 'says' AS says, s ->> 'note' AS note
FROM pg_temp.explained('acme', pg_temp.profile(800), '01-06 00:00') e, jsonb_array_elements(e -> 'signals') s;
-- while a gate is open the points wait
SELECT s ->> 'signal' AS signal, s -> 'met' AS met, s -> 'value' AS value, s -> 'points' AS points, s -> 'waiting' AS waiting, s ->> 'first_met_at' AS first_met_at, s ->> 'note' AS note
FROM pg_temp.explained('acme', pg_temp.profile(NULL), '01-06 00:00') e, jsonb_array_elements(e -> 'signals') s;
SELECT e -> 'exclusions' AS exclusions FROM pg_temp.explained('startup', pg_temp.profile(50, '{"person": {"opted_out": true}}'), '01-02 00:00') e;
-- the cheapest next steps
SELECT w.n, w.who, x ->> 'signal' AS signal, x ->> 'text' AS text, x -> 'points' AS points, x ->> 'leads_to' AS leads_to
FROM (VALUES (1, 'acme', 800, '01-06 00:00'), (2, 'sessions', 800, '01-03 09:59'), (3, 'one signal', 800, '01-04 00:00'), (4, 'silent', 800, '01-01 12:00'), (5, 'silent', 800, '01-03 00:00'),
	(6, 'acme', NULL, '01-06 00:00'), (7, 'gate last', 800, '01-03 12:00'), (8, 'startup', 50, '01-02 00:00'), (9, 'one signal', 800, '01-11 00:00'), (10, 'acme+', 800, '01-09 00:00'), (11, 'looker', 800, '01-06 10:00')) w (n, who, size, at),
	LATERAL pg_temp.explained(w.who, pg_temp.profile(w.size), w.at) e, jsonb_array_elements(e -> 'next_steps') WITH ORDINALITY x (x, k) ORDER BY n, k;

---- what always holds

-- every user, at every instant at which something happened or could have, with four profiles
CREATE TEMP TABLE moment AS
SELECT who, p.n, p.profile, t
FROM (SELECT DISTINCT who FROM did) w,
	(VALUES (1, pg_temp.profile(800)), (2, pg_temp.profile(50, '{"person": {"opted_out": true}}')), (3, pg_temp.history('account.employees', '01-01 00:00:00 20', '01-06 15:00:00 900', '01-09 15:00:00 null')),
		(4, pg_temp.profile(800, '{"trial": {"converted_at": "2024-01-07T10:00:00Z"}}'))) p (n, profile),
	LATERAL (SELECT at AS t FROM did d WHERE d.who = w.who UNION SELECT at - interval '1 microsecond' FROM did d WHERE d.who = w.who AND at > '2024-01-01 09:00Z'
		UNION SELECT generate_series('2024-01-01 09:00Z'::timestamptz, '2024-01-16 09:00Z', '12 hours')) t;
CREATE TEMP TABLE judged AS
SELECT m.*, e, v.* FROM moment m, LATERAL (SELECT pg_temp.evidence_of(pql.model('trial'), m.who, m.t) AS e) e, LATERAL pql.judge(pql.model('trial'), e, m.profile, m.t) v;
SELECT count(*) AS verdicts, count(DISTINCT status) AS statuses FROM judged;
-- the points listed sum to the score; what waits, to the potential; a signal is listed as met when it is
SELECT count(*) AS wrong FROM judged j, LATERAL (
	SELECT sum((s -> 'points')::int) AS points, coalesce(sum((s -> 'waiting')::int), 0) AS waiting,
		coalesce(array_agg(s ->> 'signal' ORDER BY n) FILTER (WHERE (s -> 'met') = 'true'), '{}') AS met
	FROM jsonb_array_elements(j.explanation -> 'signals') WITH ORDINALITY u (s, n)) x
WHERE points <> score OR points + waiting <> potential OR met <> signals OR explanation ->> 'status' <> status OR (explanation -> 'score')::int <> score;
-- with the same evidence and nothing new (what is not known yet does not come): the same until next_change_at, another then
SELECT count(*) AS checked, count(*) FILTER (WHERE (b.status, b.score, b.potential, b.tier, b.signals, b.exclusions, b.qualified_at, b.explanation - 'next_steps') IS DISTINCT FROM
		(j.status, j.score, j.potential, j.tier, j.signals, j.exclusions, j.qualified_at, j.explanation - 'next_steps')) AS too_early,
	count(*) FILTER (WHERE (a.status, a.score, a.potential, a.tier, a.signals, a.exclusions, a.qualified_at) IS NOT DISTINCT FROM
		(j.status, j.score, j.potential, j.tier, j.signals, j.exclusions, j.qualified_at)) AS nothing_new
FROM judged j
LEFT JOIN LATERAL (SELECT CASE
	WHEN (profile #>> '{trial,converted_at}')::timestamptz > t THEN profile #- '{trial,converted_at}'
	WHEN profile -> 'history' IS NULL THEN profile ELSE jsonb_set(profile, '{history,account.employees}', (
	SELECT jsonb_agg(h) FROM jsonb_array_elements(profile #> '{history,account.employees}') h WHERE (h ->> 'recorded_at')::timestamptz <= t)) END AS known) k ON true,
	LATERAL pql.judge(pql.model('trial'), e, k.known, j.next_change_at - interval '1 microsecond') b,
	LATERAL pql.judge(pql.model('trial'), e, k.known, j.next_change_at) a
WHERE j.next_change_at IS NOT NULL;
-- nothing new ever: a year later it is as it is now
SELECT count(*) AS wrong FROM judged j, LATERAL pql.judge(pql.model('trial'), e, profile, j.t + interval '1 year') y
WHERE j.next_change_at IS NULL AND j.t > '2024-01-10 00:00Z' AND (y.status, y.score, y.tier, y.exclusions, y.qualified_at) IS DISTINCT FROM (j.status, j.score, j.tier, j.exclusions, j.qualified_at);
-- qualified_at is the instant at which it was first qualified, whenever it is asked for
SELECT count(*) AS wrong FROM judged j, LATERAL pql.judge(pql.model('trial'), pg_temp.evidence_of(pql.model('trial'), j.who, j.qualified_at), j.profile, j.qualified_at) q,
	LATERAL pql.judge(pql.model('trial'), pg_temp.evidence_of(pql.model('trial'), j.who, j.qualified_at - interval '1 microsecond'), j.profile, j.qualified_at - interval '1 microsecond') b
WHERE j.qualified_at IS NOT NULL AND (q.status <> 'qualified' OR q.qualified_at <> j.qualified_at OR b.status = 'qualified');
-- briefly: the same without the explanation
SELECT count(*) FILTER (WHERE b IS DISTINCT FROM (j.status, j.score, j.potential, j.tier, j.signals, j.exclusions, j.qualified_at, j.next_change_at, NULL::jsonb)::pql.verdict) AS differ
FROM judged j, LATERAL pql.judge_brief(pql.model('trial'), e, profile, t) b;

ROLLBACK;

CREATE FUNCTION pg_temp.refuses_instant(t text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pql.judge(pql.model('trial'), NULL, jsonb_build_object('trial', jsonb_build_object('started_at', t)), '2027-01-01Z');
	RETURN false;
EXCEPTION WHEN invalid_datetime_format THEN
	RETURN true;
END $$;
-- Instants that the server would read otherwise, or not at all, are refused.
SELECT t, pg_temp.refuses_instant(t) AS refused
FROM unnest(ARRAY['2026-11-02T24:00:00+00:00', '2026-11-02T24:01:00+00:00', '2026-11-02T23:00:00+00:0001', '2026-11-02T23:50-023320',
	'2026-11-02T23:00:00+05:30:15', '2026-11-02T23:00:00-0530', '2026-02-30', '2026-11-02T23:00:00+16:00']) WITH ORDINALITY x (t, n)
ORDER BY n;
