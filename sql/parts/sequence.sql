-- Sequences: who must do what by when, and why; and what a rep sees of a lead.

CREATE FUNCTION pql.outreach_message(lead_id bigint, touch int, as_of timestamptz) RETURNS text
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN (SELECT concat_ws(E'\n\n', 'Subject: ' || r.subject, r.body) FROM pql.render_outreach(lead_id, touch, as_of) r);
EXCEPTION
	WHEN query_canceled THEN
		RAISE;
	WHEN OTHERS THEN
		RETURN format('(no message: %s)', SQLERRM);
END
$$;
COMMENT ON FUNCTION pql.outreach_message(bigint, int, timestamptz) IS 'pql.render_outreach in one text, or in parentheses what is wrong with it. Any NULL: NULL.';

CREATE FUNCTION pql.next_actions_at(as_of timestamptz DEFAULT now())
RETURNS TABLE (rep text, lead_id bigint, user_id text, action text, touch int, not_before timestamptz, due_at timestamptz, why text, message text)
LANGUAGE sql STABLE
BEGIN ATOMIC
	WITH worked AS (
		SELECT l.*, h.calendar, h.timezone AS zone, l.trial_ends_at AS ends_at, pql.touch_barrier(l, as_of) AS barrier, pql.paused('outreach') AS paused
		FROM pql.lead l
		LEFT JOIN LATERAL pql.rep_hours(l.rep) h ON true
		WHERE l.state IN ('queued', 'assigned', 'claimed', 'contacted', 'meeting')
	), asked AS (
		SELECT w.*, a.action, a.touch, a.not_before, a.due_at, a.why
		FROM worked w
		CROSS JOIN LATERAL (
			SELECT v.* FROM (VALUES
				(1, w.state = 'queued' AND (w.reason = 'no_rep' OR w.reason = 'cap' AND w.tier = (SELECT t.tier FROM pql.tier_rules(w.model) t WHERE t.rank = 1)),
					'reassign', NULL::int, NULL::timestamptz, w.queued_until, CASE w.reason WHEN 'no_rep' THEN 'nobody can take it' ELSE 'of the highest tier, and every cap is reached' END),
				(2, w.state <> 'queued' AND (w.barrier IS NOT NULL OR w.stop_reason IN ('not_interested', 'complaint', 'unsubscribe', 'opted_out', 'suppressed')),
					'set_disposition', NULL, w.stopped_at, w.ends_at, coalesce(w.stop_reason, w.barrier) || ': nothing more is to be sent; nurture or disqualified'),
				(3, w.state = 'meeting' AND w.disposition IS NULL, 'set_disposition', NULL, w.met_at, pql.add_business_time(greatest(w.met_at, w.stopped_at), '1 day', w.calendar, w.zone), 'what came of the meeting'),
				(4, w.state = 'contacted' AND w.stop_reason = 'positive_reply', 'book_meeting', NULL, w.stopped_at, pql.add_business_time(w.stopped_at, '1 day', w.calendar, w.zone), 'answered, and interested'),
				(5, w.state IN ('assigned', 'claimed') AND w.stopped_at IS NULL, 'first_touch', 1, NULL, w.first_touch_due_at,
					concat_ws('; ', (w.explanation ->> 'summary'), CASE WHEN w.claimed_at IS NULL THEN 'not claimed yet' END, CASE WHEN 'deadline' = ANY (w.escalations) THEN 'overdue' END)),
				(6, w.state = 'contacted' AND w.touches = 1 AND w.stopped_at IS NULL, 'second_touch', 2,
					pql.add_business_time(w.last_touched_at, '2 days', w.calendar, w.zone), pql.add_business_time(w.last_touched_at, '3 days', w.calendar, w.zone), 'no answer to the first'),
				(7, w.state = 'contacted' AND w.touches = 2 AND w.stopped_at IS NULL, 'third_touch', 3,
					pql.add_business_time(w.last_touched_at, '2 days', w.calendar, w.zone), pql.add_business_time(w.last_touched_at, '2 days', w.calendar, w.zone), 'no answer to the second')
			) v (n, holds, action, touch, not_before, due_at, why)
			-- what cannot be sent before the trial ends is not asked for
			WHERE v.holds AND (v.touch IS NULL OR w.paused IS NULL) AND (v.touch > 1 AND v.not_before >= w.ends_at) IS NOT TRUE
			ORDER BY v.n LIMIT 1) a
	)
	-- in the list of columns, so that nothing is rendered for who does not ask for it
	SELECT a.rep, a.lead_id, a.user_id, a.action, a.touch, a.not_before, a.due_at, a.why, pql.outreach_message(a.lead_id, a.touch, as_of)
	FROM asked a
	ORDER BY a.due_at NULLS LAST, a.lead_id;
END;
COMMENT ON FUNCTION pql.next_actions_at(timestamptz) IS 'Who must do what about which lead, by when, and why, as of an instant; the next thing of each lead. rep NULL: a manager. action: first_touch, second_touch, third_touch (with the message rendered), book_meeting, set_disposition, reassign. not_before: a touch that is sent earlier comes too soon.';

CREATE VIEW pql.next_actions AS
SELECT a.rep, a.lead_id, a.user_id, a.action, a.touch, a.not_before, a.due_at, a.why, a.message FROM pql.next_actions_at(now()) a;
COMMENT ON VIEW pql.next_actions IS 'pql.next_actions_at of now.';

CREATE FUNCTION pql.onboarding_segment(employees int) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE WHEN employees <= 1 THEN 'solo' WHEN employees <= 10 THEN 'small_team' WHEN employees < 500 THEN 'mid_market' WHEN employees >= 500 THEN 'enterprise' END;
END;
COMMENT ON FUNCTION pql.onboarding_segment(int) IS 'solo, small_team (2 to 10), mid_market, enterprise (from 500 on); NULL: not known. It tells how to welcome somebody, and keeps nobody from anything.';

CREATE VIEW pql.lead_context AS
SELECT l.lead_id, l.user_id, l.model, l.state, l.rep, l.score, l.tier, p.full_name, p.email, p.title,
	l.account_id, a.name AS company, a.domain, a.employees, a.industry, a.attributes ->> 'tech_stack' AS technologies, pql.onboarding_segment(a.employees) AS onboarding_segment,
	nullif(l.started_at, '-infinity') AS trial_started_at, l.trial_ends_at,
	CASE WHEN l.trial_ends_at IS NOT NULL THEN greatest(0, (extract(epoch FROM l.trial_ends_at OPERATOR(pg_catalog.-) now()) OPERATOR(pg_catalog./) 86400.0)::float8) END AS days_left, t.plan,
	l.explanation ->> 'summary' AS summary,
	(SELECT string_agg(x.value ->> 'note', '; ' ORDER BY x.ordinality) FROM jsonb_array_elements(l.explanation -> 'signals') WITH ORDINALITY x WHERE (x.value ->> 'met')::boolean AND x.value ->> 'category' OPERATOR(pg_catalog.<>) 'fit') AS usage,
	(SELECT string_agg(pg_catalog.concat(x.value ->> 'signal', to_char((x.value ->> 'first_met_at')::timestamptz AT TIME ZONE 'UTC', ' (YYYY-MM-DD HH24:MI)')), ', ' ORDER BY x.value ->> 'first_met_at')
		FROM jsonb_array_elements(l.explanation -> 'signals') x WHERE (x.value ->> 'met')::boolean) AS signals_met,
	(SELECT count(*)::int FROM pql.person m WHERE m.account_id OPERATOR(pg_catalog.=) l.account_id) AS team_size,
	pql.talk_track(l) AS talk_track,
	(SELECT string_agg(pg_catalog.concat_ws(', ', coalesce(m.full_name, m.email, m.user_id), m.title, 'score ' || s.score), '; ' ORDER BY s.score DESC NULLS LAST, m.user_id)
		FROM pql.person m LEFT JOIN pql.score s ON s.user_id OPERATOR(pg_catalog.=) m.user_id AND s.model OPERATOR(pg_catalog.=) CASE WHEN pql.is_account_key(l.user_id) THEN pql.members_model(l.model) ELSE l.model END
		WHERE m.account_id OPERATOR(pg_catalog.=) l.account_id AND m.user_id OPERATOR(pg_catalog.<>) l.user_id) AS other_contacts,
	a.attributes ->> 'expansion_value' AS expansion_value,
	(SELECT count(*)::int FROM pql.trial o WHERE o.user_id OPERATOR(pg_catalog.=) l.user_id AND o.started_at OPERATOR(pg_catalog.<) l.started_at) AS earlier_trials,
	p.attributes ->> 'open_tickets' AS open_tickets,
	l.touches, l.disposition,
	(SELECT string_agg(pg_catalog.concat_ws(' ', to_char(h.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'), h.event, h.details ->> 'channel', h.details ->> 'reply', h.details ->> 'disposition', h.details ->> 'reason', h.details ->> 'note'), E'\n' ORDER BY h.event_id)
		FROM pql.lead_event h WHERE h.user_id OPERATOR(pg_catalog.=) l.user_id) AS history,
	l.first_touch_due_at, pql.touch_barrier(l, now()) AS not_contactable
FROM pql.lead l
LEFT JOIN pql.person p ON p.user_id OPERATOR(pg_catalog.=) l.user_id
LEFT JOIN pql.account a ON a.account_id OPERATOR(pg_catalog.=) l.account_id
LEFT JOIN pql.trial t ON t.user_id OPERATOR(pg_catalog.=) l.user_id AND t.started_at OPERATOR(pg_catalog.=) l.started_at;
COMMENT ON VIEW pql.lead_context IS 'All that a rep wants to know before writing: who, where, what they did, what to say, and what has been said. Internal: it cites numbers that outreach must not.';
COMMENT ON COLUMN pql.lead_context.usage IS 'What was done with the product when the lead was found, in the words of the model.';
COMMENT ON COLUMN pql.lead_context.signals_met IS 'Which signals were met, and when first (UTC).';
COMMENT ON COLUMN pql.lead_context.days_left IS 'Of the trial, as of now. NULL: there is none.';
COMMENT ON COLUMN pql.lead_context.technologies IS 'The fact account.tech_stack.';
COMMENT ON COLUMN pql.lead_context.expansion_value IS 'The fact account.expansion_value, where somebody has said so.';
COMMENT ON COLUMN pql.lead_context.open_tickets IS 'The fact person.open_tickets.';
COMMENT ON COLUMN pql.lead_context.history IS 'All that happened to this and earlier leads of the user (UTC).';
COMMENT ON COLUMN pql.lead_context.not_contactable IS 'As pql.touch_barrier: why nobody may write.';
