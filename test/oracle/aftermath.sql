-- Three days after the pilot in which everything is done that its reps do not do, in any order and by dice: so that the log holds what nobody would think of.
--
--   psql -d DB -f demo/simulate.sql -f demo/pilot.sql -f test/oracle/aftermath.sql
--
-- Leads that are reopened, and paid for before anybody writes again; answers by telephone and second answers, dispositions that are corrected, leads that are
-- given back and handed on; payments that billing tells days later, of a user or an account, and of people who never were leads; trials that are extended; a
-- second model, that routes hand-raisers, with leads of history; then answers to surveys, and deals; then the winter passes.
--
-- What pql refuses is left out. The same database gives the same.

SET client_min_messages = warning;
SET timezone = 'UTC';
SET jit = off;

-- Who was not ready shows something new; some of them pay.
CREATE PROCEDURE pilot.second_thoughts(at timestamptz)
LANGUAGE plpgsql AS $$
DECLARE
	l pql.lead;
BEGIN
	FOR l IN SELECT o.* FROM pql.lead o WHERE o.state IN ('assigned', 'claimed', 'contacted') AND o.model = 'trial' AND o.trial_ends_at > at + interval '5 days'
		ORDER BY o.lead_id LOOP
		BEGIN
			PERFORM pql.log_touch(l.lead_id, NULL, 'email', as_of => at) WHERE pilot.dice('thoughts:' || l.lead_id, 1) < 0.8;
			PERFORM pql.set_disposition(l.lead_id, CASE WHEN pilot.dice('thoughts:' || l.lead_id, 2) < 0.7 OR l.touches = 0 THEN 'nurture'
				ELSE 'no_response' END, as_of => at + interval '1 hour 7 seconds');
			INSERT INTO pql.event (user_id, occurred_at, event, properties, received_at, event_id)
			SELECT l.user_id, at + e.later, e.event, e.properties::jsonb, at + e.later, format('thoughts:%s:%s', l.lead_id, e.later)
			FROM (VALUES (interval '2 hours', 'invite_sent', '{"invitee_email": "someone@else.example"}'),
				('3 hours', 'integration_connected', '{"integration_type": "a_new_one"}'), ('4 hours', 'session_start', '{}'),
				('5 hours', 'page_view', '{"page_path": "/pricing"}'), ('26 hours', 'page_view', '{"page_path": "/billing"}')) e (later, event, properties);
		EXCEPTION WHEN OTHERS THEN
			NULL;
		END;
	END LOOP;
	COMMIT;
	CALL pql.refresh(at + interval '6 hours');
	INSERT INTO pql.conversion (conversion_id, user_id, converted_at, mrr)
	SELECT 'thoughts:' || o.lead_id, o.user_id, at + interval '7 hours', 100 FROM pql.lead o WHERE o.reopened_at = at + interval '6 hours'
		AND pilot.dice('thoughts:' || o.lead_id, 3) < 0.4;
	COMMIT;
	CALL pql.refresh(at + interval '8 hours');
END
$$;

-- Who meets somebody whom nobody has written to, and pays; and payments that prove to be later ones.
CREATE PROCEDURE pilot.met_and_paid(at timestamptz)
LANGUAGE plpgsql AS $$
DECLARE
	l pql.lead;
BEGIN
	FOR l IN SELECT o.* FROM pql.lead o WHERE o.state IN ('assigned', 'claimed') AND o.model = 'trial' AND o.touches_ever = 0 ORDER BY o.lead_id LIMIT 3 LOOP
		PERFORM pql.log_meeting(l.lead_id, NULL, at + interval '1 day', 'at a fair', NULL, as_of => at);
		INSERT INTO pql.conversion (conversion_id, user_id, converted_at, mrr) VALUES ('met:' || l.lead_id, l.user_id, at + interval '1 hour', 33);
	END LOOP;
	INSERT INTO pql.conversion (conversion_id, user_id, converted_at, mrr)
	SELECT 'first:' || o.lead_id, o.user_id, greatest(o.started_at, o.converted_at - interval '1 day'), 17 FROM pql.lead o WHERE o.model = 'trial' AND o.converted_at < at ORDER BY o.lead_id LIMIT 5;
	COMMIT;
	CALL pql.refresh(at + interval '2 hours');
END
$$;

CREATE PROCEDURE pilot.aftermath(first timestamptz, times int)
LANGUAGE plpgsql AS $$
DECLARE
	at timestamptz;
	l pql.lead;
	x float8;
	y float8;
	z float8;
	id text;
BEGIN
	FOR i IN 1 .. times LOOP
		at := first + make_interval(mins => 12 * i, secs => floor(700 * pilot.dice('aftermath:' || i, 1)));
		x := pilot.dice('aftermath:' || i, 2);
		y := pilot.dice('aftermath:' || i, 3);
		z := pilot.dice('aftermath:' || i, 4);
		id := 'aftermath:' || i;
		-- more often one that somebody has, and of the model that was piloted
		SELECT o.* INTO l FROM pql.lead o WHERE (x < 0.1 OR o.state IN ('queued', 'assigned', 'claimed', 'contacted', 'meeting')
			OR o.closed_at > first - interval '3 days')
			AND (o.model = 'trial' OR pilot.dice(id || ':' || o.lead_id, 7) < 0.15) ORDER BY pilot.dice(id || ':' || o.lead_id, 5) LIMIT 1;
		BEGIN
			CASE
				WHEN x < 0.32 THEN PERFORM pql.log_touch(l.lead_id, NULL, (ARRAY['email', 'email', 'email', 'call', 'linkedin'])[1 + floor(5 * y)::int],
					template => (ARRAY['a', 'b'])[1 + floor(3 * z)::int], as_of => at);
				WHEN x < 0.48 THEN PERFORM pql.log_reply(l.lead_id,
					(ARRAY['positive', 'positive', 'not_interested', 'not_interested', 'unsubscribe', 'complaint'])[1 + floor(6 * y)::int],
					CASE WHEN z < 0.7 THEN 'email' ELSE 'call' END, as_of => at);
				WHEN x < 0.55 THEN PERFORM pql.log_meeting(l.lead_id, NULL, at + interval '1 day', NULL, CASE WHEN y < 0.7 THEN floor(5000 * z) END,
					as_of => at);
				WHEN x < 0.70 THEN PERFORM pql.set_disposition(l.lead_id,
					(ARRAY['meeting_set', 'nurture', 'nurture', 'no_response', 'disqualified', 'routed_to_cs', 'converted'])[1 + floor(7 * y)::int],
					'as it seemed ' || i, as_of => at);
				WHEN x < 0.75 THEN PERFORM pql.reassign(l.lead_id, format('rep%s@product.example', 1 + floor(2 * y)), as_of => at);
				WHEN x < 0.80 THEN PERFORM pql.release(l.lead_id, l.rep, as_of => at);
				WHEN x < 0.84 THEN PERFORM pql.claim(l.lead_id, format('rep%s@product.example', 1 + floor(2 * y)), as_of => at);
				WHEN x < 0.86 THEN PERFORM pql.log_conversion(l.lead_id, 'team', floor(900 * y),
					(ARRAY['self_serve', 'sales_assisted', NULL])[1 + floor(3 * z)::int], as_of => at);
				-- told late by billing, of a user or of an account
				WHEN x < 0.92 THEN INSERT INTO pql.conversion (conversion_id, user_id, account_id, converted_at, mrr, conversion_source)
					VALUES (id, CASE WHEN y < 0.8 THEN l.user_id END, CASE WHEN y >= 0.8 THEN l.account_id END, at - z * interval '4 days', floor(1000 * y),
						CASE WHEN z < 0.2 THEN 'self_serve' WHEN z > 0.8 THEN 'sales_assisted' END);
				-- something new, by which leads are reopened and rise
				ELSE INSERT INTO pql.event (user_id, occurred_at, event, properties, received_at, event_id)
					SELECT o.user_id, at, e.event, e.properties::jsonb, at, id || e.event || o.lead_id
					FROM pql.lead o, (VALUES ('invite_sent', '{"invitee_email": "someone@else.example"}'),
						('integration_connected', '{"integration_type": "a_new_one"}')) e (event, properties)
					WHERE o.state = 'closed' AND o.trial_ends_at > at AND pilot.dice(id || ':' || o.lead_id, 6) < 0.3;
			END CASE;
		EXCEPTION WHEN OTHERS THEN
			NULL;
		END;
		COMMIT;
		IF i % 8 = 0 THEN
			CALL pql.refresh(at + interval '11 minutes');
		END IF;
	END LOOP;
END
$$;

CALL pilot.met_and_paid('2026-11-02 06:00Z');
CALL pilot.second_thoughts('2026-11-02 09:00Z');
SELECT FROM pql.activate_model('handoff', 1), pql.start_routing('handoff', role => 'hand_raisers', as_of => '2026-11-02 18:00Z') \g /dev/null
CALL pilot.aftermath('2026-11-02 18:00Z', 360);

-- who never was a lead, and of whom billing says that sales had a part
INSERT INTO pql.conversion (conversion_id, user_id, converted_at, mrr, conversion_source)
SELECT 'of no lead:' || t.user_id, t.user_id, '2026-11-04 10:00Z', 70, 'sales_assisted' FROM pql.trial t
WHERE t.started_at BETWEEN '2026-10-20 00:00Z' AND '2026-10-30 00:00Z' AND t.converted_at IS NULL
	AND NOT EXISTS (SELECT FROM pql.lead l WHERE l.user_id = t.user_id) AND pilot.dice(t.user_id, 8) < 0.06;

-- whose first trial is extended, beyond the end of a colleague's who came later
UPDATE pql.trial t SET ends_at = t.started_at + interval '30 days'
FROM pql.person p WHERE p.user_id = t.user_id AND t.started_at BETWEEN '2026-10-05 00:00Z' AND '2026-10-12 00:00Z' AND EXISTS (
	SELECT FROM pql.person q JOIN pql.trial u ON u.user_id = q.user_id WHERE q.account_id = p.account_id AND u.started_at > t.started_at
		AND u.started_at < t.started_at + interval '5 days') AND pilot.dice(p.account_id, 9) < 0.6;

-- who paid at the very end, which billing tells when their trials count already
INSERT INTO pql.conversion (conversion_id, user_id, converted_at, mrr)
SELECT 'at the end:' || l.lead_id, l.user_id, l.trial_ends_at + interval '156 hours', 55 FROM pql.lead l
WHERE l.model = 'trial' AND l.converted_at IS NULL AND l.trial_ends_at BETWEEN '2026-10-28 00:00Z' AND '2026-10-29 11:00Z';

INSERT INTO pql.survey (user_id, answered_at, kind, score)
SELECT p.user_id, timestamptz '2026-09-20 00:00Z' + interval '46 days' * pilot.dice(p.user_id || k.kind || n, 21), k.kind,
	CASE k.kind WHEN 'csat' THEN 1 + floor(5 * pilot.dice(p.user_id || n, 22)) ELSE floor(11 * pilot.dice(p.user_id || n, 23)) END
FROM pql.person p, (VALUES ('nps'), ('csat'), ('other')) k (kind), generate_series(1, 3) n
WHERE pilot.dice(p.user_id || k.kind || n, 24) < CASE WHEN EXISTS (SELECT FROM pql.lead l WHERE l.user_id = p.user_id) THEN 0.4 ELSE 0.1 END;

INSERT INTO pql.deal (deal_id, user_id, account_id, source, kind, amount, created_at, closed_at, outcome)
SELECT d.id, CASE WHEN d.x < 0.5 THEN d.user_id END, d.account_id,
	(ARRAY['pql', 'pql', 'outbound', 'outbound', 'marketing', NULL, NULL])[1 + floor(7 * pilot.dice(d.id, 31))::int],
	(ARRAY['new', 'expansion', 'renewal', NULL])[1 + floor(4 * pilot.dice(d.id, 32))::int], CASE WHEN d.x < 0.95 THEN floor(60000 * d.x * d.x) END,
		d.created_at,
	CASE WHEN d.x < 0.7 THEN d.created_at + interval '20 days' * pilot.dice(d.id, 33) END, CASE WHEN d.x < 0.15 THEN 'lost' WHEN d.x < 0.5 THEN 'won' END
FROM (
	SELECT 'deal:' || p.user_id AS id, p.user_id, p.account_id, pilot.dice(p.user_id, 34) AS x,
		timestamptz '2026-09-25 00:00Z' + interval '45 days' * pilot.dice(p.user_id, 35) AS created_at
	FROM pql.person p WHERE pilot.dice(p.user_id, 36) < CASE WHEN EXISTS (SELECT FROM pql.lead l WHERE l.user_id = p.user_id) THEN 0.4 ELSE 0.05 END) d;

CALL pql.refresh('2026-11-06 00:00Z');
CALL pql.refresh('2026-12-20 09:30Z');
CALL pql.refresh('2027-02-22 00:00Z');
