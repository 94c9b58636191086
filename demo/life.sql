-- What four weeks of demo/pilot.sql came to, and the life of one lead. Meant to be read as it runs, after demo/pilot.sql in the same database.

\ir settings.sql

SELECT to_char(count(*), 'FM999,999') AS refreshes, min(as_of)::date AS first_day, max(as_of)::date AS last_day, min(as_of) AS began, max(as_of) AS ended FROM pilot.refreshed \gset
SELECT string_agg(format('%s in %s', coalesce(r.name, r.email), split_part(coalesce(r.timezone, c.timezone, 'UTC'), '/', 2)), ', ' ORDER BY r.email) AS reps
FROM pql.rep r LEFT JOIN pql.calendar c USING (calendar) WHERE r.active \gset

\echo
\echo '=== 6. Four weeks with two reps'
\echo
\echo 'The same company, from' :first_day 'to' :last_day', as it would have been lived:' :refreshes 'refreshes, each with what had been loaded by then;'
\echo :reps', who claim, write and forget as people do.'
\echo
-- Leads that were found in these weeks, by the week in which they were; what history gave is left out.
WITH found AS (
	SELECT l.*, least(4, 1 + floor(extract(epoch FROM l.triggered_at - :'began') / 604800))::int AS week
	FROM pql.lead l WHERE l.model = 'trial' AND l.triggered_at > :'began'
), told AS (
	SELECT f.week, f.lead_id, f.tier, f.converted_at,
		bool_or(e.event = 'pql_held_out') AS held_out, bool_or(e.event = 'pql_routed') AS routed, bool_or(e.event = 'pql_queued') AS queued,
		min(e.occurred_at) FILTER (WHERE e.event = 'outreach_sent') AS touched_at,
		-- the first deadline, or the earlier one that came with a higher tier
		min((e.details->>'first_touch_due_at')::timestamptz) FILTER (WHERE e.event IN ('pql_routed', 'tier_raised')) AS due_at,
		min(e.occurred_at) FILTER (WHERE e.event IN ('pql_dispositioned', 'lead_closed', 'trial_converted')) AS over_at,
		bool_or(e.event = 'reply_received') AS replied, bool_or(e.event = 'meeting_booked') AS met, count(*) FILTER (WHERE e.event = 'pql_escalated') AS escalated
	FROM found f JOIN pql.lead_event e USING (user_id, lead_id) GROUP BY 1, 2, 3, 4
)
SELECT coalesce(week::text, 'all') AS week, count(*) AS triggered, count(*) FILTER (WHERE tier = 'high') AS high, count(*) FILTER (WHERE held_out) AS "held out", count(*) FILTER (WHERE routed) AS routed,
	count(*) FILTER (WHERE queued) AS "queued first",
	to_char(100.0 * count(*) FILTER (WHERE touched_at <= due_at)
		/ nullif(count(*) FILTER (WHERE due_at <= :'ended' AND (touched_at IS NOT NULL OR over_at IS NULL OR over_at > due_at)), 0), 'FM990') || ' %' AS "SLA kept",
	count(*) FILTER (WHERE escalated > 0) AS escalated, count(*) FILTER (WHERE touched_at IS NOT NULL) AS touched, count(*) FILTER (WHERE replied) AS replied, count(*) FILTER (WHERE met) AS met,
	count(*) FILTER (WHERE converted_at IS NOT NULL) AS converted
FROM told
GROUP BY ROLLUP (week)
ORDER BY told.week NULLS LAST;

\echo
SELECT format('%s things that reps tried were refused, such as: %s.', count(*), (
	SELECT string_agg(DISTINCT t.what, '; ') FROM (
		SELECT regexp_replace(regexp_replace(m.message, '\m(lead|of) \d+', '\1 …', 'g'), '\S+@\S+', 'somebody', 'g') AS what FROM pilot.done m WHERE m.outcome = 'refused' AND m.message ~ 'touches|closed|held out|unsubscribed|opted_out|says why') t)) AS line
FROM (SELECT message FROM pilot.done WHERE outcome = 'refused' UNION ALL SELECT refused FROM pql.activity WHERE refused IS NOT NULL) d \gset
\echo :line

-- ------------------------------------------------------------------------------------------------

-- The lead to which most different things happened, a meeting and a payment among them.
SELECT l.lead_id AS lead, coalesce(p.full_name, p.email) AS who, concat_ws(', ', p.title, a.name, a.employees || ' employees') AS known, coalesce(r.timezone, c.timezone, 'UTC') AS zone,
	r.name AS rep_name
FROM pql.lead l JOIN pql.person p USING (user_id) LEFT JOIN pql.account a ON a.account_id = l.account_id JOIN pql.rep r ON r.email = l.rep LEFT JOIN pql.calendar c USING (calendar)
	CROSS JOIN LATERAL (SELECT count(DISTINCT e.event) AS kinds, count(*) AS events FROM pql.lead_event e WHERE e.lead_id = l.lead_id) n
WHERE l.model = 'trial' AND l.lead_id IN (SELECT m.lead_id FROM pilot.message m)
ORDER BY (l.met_at IS NOT NULL) DESC, (l.converted_at IS NOT NULL) DESC, n.kinds DESC, n.events DESC, l.lead_id
LIMIT 1 \gset

\echo
\echo '=== 7. The life of one lead:' :who
\echo
\echo :known'. Times are those of' :rep_name '(':zone'):'
\echo
SELECT to_char(e.occurred_at AT TIME ZONE :'zone', 'Dy DD Mon HH24:MI:SS') AS at, e.event,
	concat_ws(', ',
		CASE WHEN e.event IN ('pql_triggered', 'tier_raised') THEN format('%s, score %s: %s', e.details->>'priority_tier', e.details->>'pql_score', (SELECT string_agg(s, ', ') FROM jsonb_array_elements_text(e.details->'signals_met') s)) END,
		CASE WHEN e.event = 'pql_triggered' THEN 'qualified at ' || to_char((e.details->>'qualified_at')::timestamptz AT TIME ZONE :'zone', 'HH24:MI:SS') END,
		CASE WHEN e.event IN ('pql_routed', 'pql_queued', 'pql_not_routed', 'sequence_stopped', 'lead_closed') THEN e.details->>'reason' END,
		coalesce((SELECT r.name FROM pql.rep r WHERE r.email = e.details->>'sdr_id'), e.details->>'sdr_id'),
		'until ' || to_char((e.details->>'until')::timestamptz AT TIME ZONE :'zone', 'Dy HH24:MI'),
		'first touch by ' || to_char((e.details->>'first_touch_due_at')::timestamptz AT TIME ZONE :'zone', 'Dy DD HH24:MI:SS'),
		CASE WHEN e.event = 'pql_escalated' THEN format('%s, due %s', (SELECT string_agg(s, ' and ') FROM jsonb_array_elements_text(e.details->'levels') s),
			to_char((e.details->>'due_at')::timestamptz AT TIME ZONE :'zone', 'HH24:MI:SS')) END,
		'touch ' || (e.details->>'touch_number'), e.details->>'channel', e.details->>'reply', e.details->>'disposition', CASE WHEN e.event = 'pql_dispositioned' THEN e.details->>'reason' END,
		'meets ' || to_char((e.details->>'meets_at')::timestamptz AT TIME ZONE :'zone', 'Dy DD HH24:MI'), e.details->>'conversion_source', e.details->>'influence', e.details->>'mrr' || ' a month') AS what
FROM pql.lead_event e WHERE e.lead_id = :lead
ORDER BY e.event_id;

\echo
\echo 'Its first alert:'
\echo
SELECT '  ' || regexp_replace(regexp_replace(line, '<!date\^\d+\^[^|>]*\|([^>]*)>', '\1', 'g'), '<@(\w+)>', '@\1', 'g') AS " "
FROM (SELECT a.payload FROM pql.alert a WHERE a.lead_id = :lead AND a.kind = 'assigned' ORDER BY a.alert_id LIMIT 1) x
	CROSS JOIN LATERAL jsonb_array_elements(x.payload->'blocks') WITH ORDINALITY b (block, n)
	CROSS JOIN LATERAL jsonb_path_query(b.block, 'strict $.**.text ? (@.type() == "string")') WITH ORDINALITY t (words, m)
	CROSS JOIN LATERAL unnest(string_to_array(t.words #>> '{}', E'\n')) WITH ORDINALITY l (line, k)
WHERE line <> ''
ORDER BY b.n, t.m, l.k \g (tuples_only=on)
\echo
\echo 'The message that pql.next_actions had ready for the first touch:'
\echo
SELECT '  ' || l.line AS " "
FROM (SELECT m.* FROM pilot.message m WHERE m.lead_id = :lead ORDER BY m.at LIMIT 1) o CROSS JOIN LATERAL unnest(string_to_array(format(E'To: %s\nSubject: %s\n\n%s', o.recipient, o.subject, o.body), E'\n')) WITH ORDINALITY l (line, n)
ORDER BY l.n \g (tuples_only=on)
