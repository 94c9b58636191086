-- The oracle of the dashboards: what SPEC 8 and the catalogue's words make of the log, reckoned a second time.
--
--   psql -d DB -v as_of='2026-11-02 00:00Z' -f test/oracle/dashboards.sql
--   psql -d DB -v as_of=… -v known_at=… -f …                 only events that had been noted by then
--
-- Rows: dashboard, grain, period, metric, numerator, denominator, value; of the funnel's stages also "stage:median_days" and "stage:mean_days",
-- and of accounts as "funnel of accounts".
-- numerator and denominator are NULL where the catalogue's formula is none of the kind a ÷ b.
--
-- It reads what happened (pql.lead_event), of pql.lead and pql.score only what identifies a lead and a trial, and inputs: trials, surveys, deals, events, reps.
-- It was written with the functions of dashboards and the columns of outcomes unread; where the words leave something open, README.md says how it was read.

\if :{?known_at}
\else
	\set known_at infinity
\endif

SET jit = off;
-- nothing is known of how many rows there are between the steps
SET enable_nestloop = off;

WITH asked AS (
	SELECT :'as_of'::timestamptz AS as_of, :'known_at'::timestamptz AS known_at, r.model, coalesce(a.document ->> 'timezone', 'UTC') AS zone, o.since
	FROM pql.routing r JOIN pql.active_model a USING (model) JOIN pql.routed_model o USING (model) WHERE r.unit = 'user' AND r.role = 'leads'
), team AS (
	SELECT count(*)::float8 AS reps FROM pql.rep WHERE active
),

-- ---- what happened to leads, as far as it is known ----

log AS MATERIALIZED (
	SELECT e.user_id, e.lead_id, e.event_id, e.event, e.occurred_at AS at, e.details AS d, (e.occurred_at AT TIME ZONE a.zone)::date AS day
	FROM asked a, pql.lead_event e JOIN pql.lead l USING (user_id, lead_id) JOIN pql.routed_model m ON m.model = l.model
	WHERE e.occurred_at <= a.as_of AND e.recorded_at <= a.known_at
), told AS MATERIALIZED (
	SELECT user_id, lead_id,
		min(at) FILTER (WHERE event = 'pql_triggered') AS triggered_at,
		min((d ->> 'qualified_at')::timestamptz) FILTER (WHERE event = 'pql_triggered') AS qualified_at,
		min(event_id) FILTER (WHERE event = 'pql_routed') AS routed_by,
		bool_or(event = 'pql_held_out') AS held_out,
		min(at) FILTER (WHERE event = 'outreach_sent') AS touched_at,
		min(at) FILTER (WHERE event = 'reply_received') AS answered_at,
		coalesce(bool_or(d ->> 'reply' IN ('unsubscribe', 'complaint')) FILTER (WHERE event = 'reply_received'), false) AS complained,
		coalesce(bool_or(d ->> 'reply' = 'not_interested') FILTER (WHERE event = 'reply_received'), false) AS declined,
		min(at) FILTER (WHERE event = 'meeting_booked' OR event = 'pql_dispositioned' AND d ->> 'disposition' = 'meeting_set') AS meeting_at,
		min(at) FILTER (WHERE event = 'pql_dispositioned') AS disposed_at,
		coalesce(bool_or(d ->> 'disposition' IN ('meeting_set', 'converted')) FILTER (WHERE event = 'pql_dispositioned'), false) AS accepted,
		coalesce(bool_or(d ->> 'disposition' IN ('nurture', 'routed_to_cs')) FILTER (WHERE event = 'pql_dispositioned'), false) AS engaged,
		coalesce(bool_or(d ->> 'disposition' = 'disqualified') FILTER (WHERE event = 'pql_dispositioned'), false) AS disqualified,
		coalesce(min(event_id) FILTER (WHERE event = 'lead_reopened'), 9223372036854775807) AS reopened_by,
		min((d ->> 'converted_at')::timestamptz) FILTER (WHERE event = 'trial_converted') AS converted_at
	FROM log GROUP BY user_id, lead_id
), fate AS MATERIALIZED (
	SELECT l.model, l.started_at, l.account_id, l.backfilled, (o.triggered_at AT TIME ZONE a.zone)::date AS triggered_on,
		(o.touched_at AT TIME ZONE a.zone)::date AS touched_on,
		(o.disposed_at AT TIME ZONE a.zone)::date AS disposed_on, o.*
	FROM asked a, told o JOIN pql.lead l USING (user_id, lead_id) WHERE o.triggered_at IS NOT NULL
),
-- where a lead is after each event that moves it: with nobody, held out, waiting for its first rep, with one, given back, or closed
place AS MATERIALIZED (
	SELECT user_id, lead_id, event_id, at, CASE
			WHEN event = 'pql_triggered' THEN 'nobody' WHEN event = 'pql_held_out' THEN 'control' WHEN event = 'pql_not_routed' THEN 'nobody'
			WHEN event = 'pql_queued' AND d ->> 'reason' = 'paused' THEN 'paused' WHEN event = 'pql_queued' THEN 'queued' WHEN event = 'pql_routed' THEN 'rep'
			WHEN event IN ('pql_released', 'lead_reopened') THEN 'back' WHEN event = 'pql_dispositioned' AND d ->> 'disposition' = 'meeting_set' THEN 'rep'
				ELSE 'closed' END AS place,
		-- what is closed, of those that never had a rep as well
		event IN ('pql_dispositioned', 'lead_closed') AND d ->> 'disposition' IS DISTINCT FROM 'meeting_set' OR event = 'pql_not_routed'
			AND d ->> 'state' = 'closed' AS closes
	FROM log WHERE event IN ('pql_triggered', 'pql_held_out', 'pql_not_routed', 'pql_queued', 'pql_routed', 'pql_released', 'lead_reopened',
		'pql_dispositioned', 'lead_closed')
), first_routing AS MATERIALIZED (
	SELECT DISTINCT ON (g.user_id, g.lead_id) g.user_id, g.lead_id, g.d ->> 'sdr_id' AS rep, t.d ->> 'priority_tier' AS tier
	FROM log g JOIN told o ON o.user_id = g.user_id AND o.lead_id = g.lead_id AND o.routed_by = g.event_id
	JOIN log t ON t.user_id = g.user_id AND t.lead_id = g.lead_id AND t.event IN ('pql_triggered', 'tier_raised') AND t.event_id < g.event_id
	ORDER BY g.user_id, g.lead_id, t.event_id DESC
), stand AS MATERIALIZED (
	-- as of now; who ever had a rep is routed
	SELECT f.user_id, f.lead_id, CASE WHEN f.routed_by IS NOT NULL THEN 'routed' WHEN p.place IN ('control', 'queued', 'paused') THEN p.place
		ELSE 'not_routed' END AS standing
	FROM fate f
	JOIN (SELECT DISTINCT ON (user_id, lead_id) user_id, lead_id, place FROM place ORDER BY user_id, lead_id, event_id DESC) p USING (user_id, lead_id)
), hours_of AS MATERIALIZED (
	SELECT r.email AS rep, r.calendar, coalesce(r.timezone, c.timezone, 'UTC') AS zone FROM pql.rep r LEFT JOIN pql.calendar c ON c.calendar = r.calendar
), sla AS MATERIALIZED (
	SELECT a.model, t ->> 'tier' AS tier, t ->> 'first_touch' AS words FROM pql.active_model a, jsonb_array_elements(a.document -> 'tiers') t
), first_touch AS MATERIALIZED (
	SELECT f.user_id, f.lead_id, f.touched_on AS day,
		extract(epoch FROM pql.business_time_between(f.triggered_at, f.touched_at, h.calendar, h.zone)) / 3600 AS hours
	FROM fate f
	JOIN (SELECT DISTINCT ON (user_id, lead_id) user_id, lead_id, d ->> 'sdr_id' AS rep FROM log WHERE event = 'outreach_sent'
		ORDER BY user_id, lead_id, at, event_id) t USING (user_id, lead_id)
	JOIN hours_of h ON h.rep = t.rep
), promise AS MATERIALIZED (
	-- set when a rep gets the lead, and moved by what hurries it, while its first sequence runs
	SELECT DISTINCT ON (g.user_id, g.lead_id) g.user_id, g.lead_id, (g.d ->> 'first_touch_due_at')::timestamptz AS due_at
	FROM log g JOIN told o USING (user_id, lead_id) WHERE g.event_id < o.reopened_by AND g.d ? 'first_touch_due_at'
	ORDER BY g.user_id, g.lead_id, g.event_id DESC
), first_end AS MATERIALIZED (
	SELECT p.user_id, p.lead_id, min(p.at) AS at FROM place p JOIN told o USING (user_id, lead_id) WHERE p.closes AND p.event_id < o.reopened_by GROUP BY 1, 2
), deadline AS MATERIALIZED (
	-- by which clock: from the assignment, or from the trigger, by the tier that it had when it was routed
	SELECT f.user_id, f.lead_id, w.clock, (w.due_at AT TIME ZONE a.zone)::date AS day, f.touched_at <= w.due_at AS in_time
	FROM asked a, fate f
	JOIN promise p ON p.user_id = f.user_id AND p.lead_id = f.lead_id
	JOIN first_routing r ON r.user_id = f.user_id AND r.lead_id = f.lead_id
	JOIN hours_of h ON h.rep = r.rep
	JOIN sla s ON s.model = f.model AND s.tier = r.tier
	LEFT JOIN first_end c ON c.user_id = f.user_id AND c.lead_id = f.lead_id
	CROSS JOIN LATERAL (VALUES ('assignment', p.due_at),
		('trigger', CASE WHEN s.words LIKE '%business%' THEN
			pql.add_business_time(f.triggered_at, replace(s.words, 'business ', '')::interval, h.calendar, h.zone)
			ELSE f.triggered_at + s.words::interval END)) w (clock, due_at)
	WHERE w.due_at <= a.as_of AND NOT coalesce(c.at < w.due_at AND (f.touched_at IS NULL OR f.touched_at > c.at), false)
), mail AS MATERIALIZED (
	-- an e-mail is answered by the first answer before the next one
	SELECT x.user_id, x.lead_id, x.day, coalesce(x.next = 'reply_received', false) AS answered
	FROM (SELECT g.user_id, g.lead_id, g.day, g.event, lead(g.event) OVER (PARTITION BY g.user_id, g.lead_id ORDER BY g.event_id) AS next
		FROM log g WHERE g.event IN ('outreach_sent', 'reply_received') AND g.d ->> 'channel' = 'email') x
	WHERE x.event = 'outreach_sent'
), mail_of AS MATERIALIZED (
	SELECT user_id, lead_id, count(*) AS sent, count(*) FILTER (WHERE answered) AS answered FROM mail GROUP BY 1, 2
),

-- ---- trials, and what became of them ----

trial AS MATERIALIZED (
	SELECT s.user_id, s.started_at, (s.started_at AT TIME ZONE a.zone)::date AS day, e.ends_at + interval '168 hours' <= a.as_of AS mature,
		c.converted_at, c.mrr, f.lead_id, f.qualified_at, coalesce(f.routed_by IS NOT NULL, false) AS routed, coalesce(f.held_out, false) AS held_out,
		f.touched_at, f.meeting_at, m.sent, m.answered,
		c.converted_at IS NOT NULL AS converted, coalesce(f.touched_at <= c.converted_at, false) AS touched,
		coalesce(f.answered_at <= c.converted_at OR f.meeting_at <= c.converted_at, false) AS engaged,
		-- what billing says, else whether somebody had been in touch
		c.converted_at IS NOT NULL AND coalesce(c.conversion_source = 'sales_assisted', f.touched_at <= c.converted_at, false) AS assisted,
		(SELECT count(*) FROM log g WHERE g.user_id = f.user_id AND g.lead_id = f.lead_id AND g.event = 'outreach_sent' AND g.at <= c.converted_at) AS touches
	FROM asked a
	JOIN pql.score s ON s.model = a.model AND s.started_at <= a.as_of
	LEFT JOIN pql.trial t ON t.user_id = s.user_id AND t.started_at = s.started_at
	CROSS JOIN LATERAL (SELECT coalesce(t.ends_at, ((s.started_at AT TIME ZONE a.zone) + interval '14 days') AT TIME ZONE a.zone) AS ends_at) e
	-- what is paid for, by then
	LEFT JOIN pql.trial c ON c.user_id = s.user_id AND c.started_at = s.started_at AND c.converted_at <= a.as_of
	LEFT JOIN fate f ON f.user_id = s.user_id AND f.model = s.model AND f.started_at = s.started_at
	LEFT JOIN mail_of m ON m.user_id = f.user_id AND m.lead_id = f.lead_id
), course AS MATERIALIZED (
	-- the stages of the shipped model: activation_complete, and session_start on a third day, in trial days 1 to 10
	SELECT t.user_id, t.started_at, x.activated_at, x.sustained_at
	FROM asked a, trial t
	CROSS JOIN LATERAL (
		SELECT min(v.at) FILTER (WHERE v.event = 'activation_complete') AS activated_at,
			(array_agg(v.at ORDER BY v.at) FILTER (WHERE v.event = 'session_start' AND v.first_of_day))[3] AS sustained_at
		FROM (SELECT e.event, e.occurred_at AS at, row_number() OVER (PARTITION BY e.event, (e.occurred_at AT TIME ZONE a.zone)::date
			ORDER BY e.occurred_at) = 1 AS first_of_day
			FROM pql.event e WHERE e.user_id = t.user_id AND e.event IN ('activation_complete', 'session_start') AND e.occurred_at >= t.started_at
				AND e.occurred_at <= a.as_of
				AND (e.occurred_at AT TIME ZONE a.zone)::date - t.day < 10
				AND NOT EXISTS (SELECT FROM pql.score n WHERE n.model = a.model AND n.user_id = t.user_id AND n.started_at > t.started_at
					AND n.started_at <= e.occurred_at)) v) x
), subject AS MATERIALIZED (
	SELECT 'funnel' AS dashboard, t.day, t.mature, t.started_at, k.activated_at, k.sustained_at, t.qualified_at, t.touched_at, t.meeting_at, t.converted_at
		FROM trial t JOIN course k USING (user_id, started_at)
	UNION ALL
	-- an account starts with its first trial; whoever of its people is the first somewhere counts
	SELECT 'funnel of accounts', min(t.day), (array_agg(t.mature ORDER BY t.started_at))[1], min(t.started_at), min(k.activated_at), min(k.sustained_at),
		min(t.qualified_at), min(t.touched_at), min(t.meeting_at), min(t.converted_at)
	FROM trial t JOIN course k USING (user_id, started_at) JOIN pql.person p USING (user_id) WHERE p.account_id IS NOT NULL GROUP BY p.account_id
), before AS (
	SELECT (a.since AT TIME ZONE a.zone)::date AS since,
		(SELECT count(*) FILTER (WHERE t.converted AND NOT t.assisted)::float8 / nullif(count(*), 0) FROM trial t
			WHERE t.mature AND t.lead_id IS NULL AND t.day < (a.since AT TIME ZONE a.zone)::date AND t.day >= (a.since AT TIME ZONE a.zone)::date - 90) AS rate
	FROM asked a
), contact AS MATERIALIZED (
	SELECT user_id, min(touched_at) AS at FROM fate GROUP BY 1
), paid AS MATERIALIZED (
	SELECT t.user_id, (t.converted_at AT TIME ZONE a.zone)::date AS day, coalesce(c.at <= t.converted_at, false) AS contacted, n.days,
		t.converted_at + make_interval(hours => 24 * n.days) AS over_at,
		EXISTS (SELECT FROM pql.event e WHERE e.user_id = t.user_id AND e.occurred_at >= t.converted_at + make_interval(hours => 24 * (n.days - 7))
			AND e.occurred_at < t.converted_at + make_interval(hours => 24 * n.days)) AS seen
	FROM asked a, (VALUES (30), (90)) n (days), trial t LEFT JOIN contact c ON c.user_id = t.user_id
	-- a day for events that come late
	WHERE t.converted AND t.converted_at + make_interval(hours => 24 * n.days + 24) <= a.as_of
), answer AS MATERIALIZED (
	SELECT v.user_id, v.kind, v.answered_at, (v.answered_at AT TIME ZONE a.zone)::date AS day, v.score, coalesce(c.at <= v.answered_at, false) AS contacted
	FROM asked a, pql.survey v LEFT JOIN contact c ON c.user_id = v.user_id WHERE v.answered_at <= a.as_of AND v.kind IN ('nps', 'csat')
), deal AS MATERIALIZED (
	SELECT e.amount, coalesce(e.kind, 'new') AS kind, coalesce(e.source, CASE WHEN f.triggered_at IS NOT NULL THEN 'pql' ELSE 'unknown' END) AS source,
		e.created_at, (e.created_at AT TIME ZONE a.zone)::date AS created_on,
		CASE WHEN e.closed_at <= a.as_of AND coalesce(e.outcome, 'won') = 'won' THEN e.closed_at END AS won_at,
			(e.closed_at AT TIME ZONE a.zone)::date AS won_on, f.triggered_at
	FROM asked a, pql.deal e
	LEFT JOIN LATERAL (SELECT f.triggered_at FROM fate f WHERE (f.user_id = e.user_id OR e.user_id IS NULL AND f.account_id = e.account_id)
		AND f.triggered_at <= e.created_at ORDER BY f.triggered_at DESC LIMIT 1) f ON true
	WHERE e.created_at <= a.as_of
), meeting_amount AS MATERIALIZED (
	SELECT f.user_id, f.lead_id, (f.meeting_at AT TIME ZONE a.zone)::date AS day,
		(SELECT (g.d ->> 'amount')::float8 FROM log g WHERE g.user_id = f.user_id AND g.lead_id = f.lead_id AND g.event = 'meeting_booked' AND g.d ? 'amount'
			ORDER BY g.event_id DESC LIMIT 1) AS amount
	FROM asked a, fate f WHERE f.meeting_at IS NOT NULL
),

-- ---- periods ----

span AS MATERIALIZED (
	SELECT date_trunc('week', (SELECT min(l.triggered_on) FROM fate l)::timestamp)::date AS first_day, (a.as_of AT TIME ZONE a.zone)::date AS today,
		(SELECT date_trunc('week', min(t.day)::timestamp)::date FROM trial t) AS first_start FROM asked a
), period AS MATERIALIZED (
	SELECT p.*, (p.last_day + 1)::timestamp AT TIME ZONE a.zone AS over_at,
		(SELECT count(*) FROM generate_series(p.period::timestamp, least(p.last_day, p.today)::timestamp, '1 day') d
			WHERE extract(isodow FROM d) < 6)::float8 AS weekdays
	FROM asked a, (
		SELECT 'day' AS grain, d::date AS period, d::date AS last_day, s.today FROM span s,
			generate_series(s.first_day::timestamp, s.today::timestamp, '1 day') d
		-- those that count trials by their start begin with the first trial
		UNION ALL SELECT 'week', d::date, d::date + 6, s.today FROM span s, generate_series(least(s.first_day, s.first_start)::timestamp, s.today::timestamp,
			'7 days') d
		UNION ALL SELECT 'month', d::date, (d + interval '1 month')::date - 1, s.today FROM span s,
			generate_series(date_trunc('month', least(s.first_day, s.first_start)::timestamp), s.today::timestamp, '1 month') d) p
), cohort AS MATERIALIZED (
	SELECT 'week' AS grain, d::date AS period, d::date AS first_day, d::date + 6 AS last_day FROM span s,
		generate_series(s.first_start::timestamp, s.today::timestamp, '7 days') d
	UNION ALL SELECT 'all', s.first_start, s.first_start, s.today FROM span s
),

-- ---- what stands when a period ends ----

standing_then AS (
	-- the place of each lead at each time, by the log's order
	SELECT p.grain, p.period,
		count(*) FILTER (WHERE x.place IN ('queued', 'paused') AND (r.at < p.over_at) IS NOT TRUE) AS queued,
		count(*) FILTER (WHERE x.place = 'rep' AND (k.at < p.over_at) IS NOT TRUE) AS unclaimed,
		count(*) FILTER (WHERE x.place = 'rep') AS open
	FROM period p
	LEFT JOIN LATERAL (SELECT DISTINCT ON (l.user_id, l.lead_id) l.user_id, l.lead_id, l.place FROM place l WHERE l.at < p.over_at ORDER BY l.user_id,
		l.lead_id, l.event_id DESC) x ON true
	LEFT JOIN (SELECT user_id, lead_id, min(at) AS at FROM log WHERE event = 'pql_routed' GROUP BY 1, 2) r ON r.user_id = x.user_id AND r.lead_id = x.lead_id
	LEFT JOIN (SELECT user_id, lead_id, min(at) AS at FROM log WHERE event IN ('pql_claimed', 'outreach_sent') GROUP BY 1, 2) k ON k.user_id = x.user_id
		AND k.lead_id = x.lead_id
	GROUP BY 1, 2
),

-- ---- leads by what they did in a period ----

leads AS (
	SELECT p.grain, p.period,
		(SELECT count(*) FROM fate f WHERE NOT f.backfilled AND f.triggered_on BETWEEN p.period AND p.last_day) AS triggered,
		(SELECT count(*) FROM log g WHERE g.event = 'pql_escalated' AND g.day BETWEEN p.period AND p.last_day) AS escalations,
		d.*, s.*, t.*, c.*
	FROM period p
	CROSS JOIN LATERAL (
		SELECT count(*)::float8 AS disposed, count(*) FILTER (WHERE accepted) AS accepted, count(*) FILTER (WHERE accepted OR engaged) AS accepted_wide,
			count(*) FILTER (WHERE engaged AND NOT accepted) AS engaged,
			count(*) FILTER (WHERE disqualified) AS disqualified, count(*) FILTER (WHERE NOT accepted AND NOT engaged) AS rejected,
				count(*) FILTER (WHERE NOT accepted AND NOT engaged AND NOT disqualified) AS silent
		FROM fate f WHERE f.disposed_on BETWEEN p.period AND p.last_day) d
	CROSS JOIN LATERAL (
		SELECT count(*) FILTER (WHERE x.clock = 'assignment')::float8 AS due, count(*) FILTER (WHERE x.clock = 'assignment' AND x.in_time) AS in_time,
			count(*) FILTER (WHERE x.clock = 'trigger')::float8 AS due_from_trigger,
				count(*) FILTER (WHERE x.clock = 'trigger' AND x.in_time) AS in_time_from_trigger
		FROM deadline x WHERE x.day BETWEEN p.period AND p.last_day) s
	CROSS JOIN LATERAL (
		SELECT count(*)::float8 AS touched, sum(x.hours) AS hours, percentile_cont(0.5) WITHIN GROUP (ORDER BY x.hours::float8) AS median_hours
			FROM first_touch x WHERE x.day BETWEEN p.period AND p.last_day) t
	CROSS JOIN LATERAL (
		SELECT count(*)::float8 AS contacted, count(*) FILTER (WHERE complained) AS complained, count(*) FILTER (WHERE declined) AS declined,
			sum(m.sent)::float8 AS sent, sum(m.answered) AS answered
		FROM fate f LEFT JOIN mail_of m USING (user_id, lead_id) WHERE f.touched_on BETWEEN p.period AND p.last_day) c
), satisfaction AS (
	-- of who answered twice in a period, the last answer
	SELECT p.grain, p.period, x.kind, x.contacted, count(*)::float8 AS n, count(*) FILTER (WHERE x.score >= 9) - count(*) FILTER (WHERE x.score <= 6) AS net,
		count(*) FILTER (WHERE x.score >= 4) AS satisfied
	FROM period p CROSS JOIN LATERAL (
		SELECT DISTINCT ON (v.user_id, v.kind) v.kind, v.contacted, v.score FROM answer v WHERE v.day BETWEEN p.period AND p.last_day ORDER BY v.user_id,
			v.kind, v.answered_at DESC) x
	GROUP BY 1, 2, 3, 4
), opinion AS (
	SELECT p.grain, p.period, y.n AS yes_n, y.net AS yes_net, n.n AS no_n, n.net AS no_net, 100 * (y.net / y.n - n.net / n.n) AS nps_gap,
		100 * (cy.satisfied / cy.n - cn.satisfied / cn.n) AS csat_gap
	FROM period p
	LEFT JOIN satisfaction y ON y.grain = p.grain AND y.period = p.period AND y.kind = 'nps' AND y.contacted
	LEFT JOIN satisfaction n ON n.grain = p.grain AND n.period = p.period AND n.kind = 'nps' AND NOT n.contacted
	LEFT JOIN satisfaction cy ON cy.grain = p.grain AND cy.period = p.period AND cy.kind = 'csat' AND cy.contacted
	LEFT JOIN satisfaction cn ON cn.grain = p.grain AND cn.period = p.period AND cn.kind = 'csat' AND NOT cn.contacted
), assigned AS MATERIALIZED (
	-- the day that a lead counts toward is that of whoever has it; days to come do not count yet
	SELECT (x.d ->> 'counts_on')::date AS day
	FROM (SELECT DISTINCT ON (g.user_id, g.lead_id) g.event, g.d FROM log g WHERE g.event IN ('pql_routed', 'pql_released') ORDER BY g.user_id, g.lead_id,
		g.event_id DESC) x WHERE x.event = 'pql_routed' AND (x.d ->> 'counts_on')::date <= (SELECT today FROM span)
), unqualified AS (
	SELECT p.grain, p.period, count(*)::float8 AS n, count(*) FILTER (WHERE t.converted AND NOT t.assisted) AS self_serve
	FROM period p JOIN trial t ON t.day BETWEEN p.period AND p.last_day AND t.mature AND t.lead_id IS NULL GROUP BY 1, 2
), month AS (
	SELECT p.period, p.last_day, q.*, d.*, i.*, (SELECT sum(m.amount) FROM meeting_amount m WHERE m.day BETWEEN p.period AND p.last_day) AS told
	FROM period p
	CROSS JOIN LATERAL (
		SELECT count(*)::float8 AS leads, count(*) FILTER (WHERE f.accepted) AS accepted, count(*) FILTER (WHERE EXISTS (SELECT FROM pql.trial c WHERE c.user_id = f.user_id
				AND c.started_at = f.started_at AND c.converted_at <= a.as_of AND c.converted_at >= f.triggered_at)) AS closed
		FROM asked a, fate f WHERE NOT f.backfilled AND f.triggered_on BETWEEN p.period AND p.last_day) q
	CROSS JOIN LATERAL (
		SELECT sum(e.amount) FILTER (WHERE e.source = 'pql' AND e.created_on BETWEEN p.period AND p.last_day) AS created,
			avg(extract(epoch FROM e.won_at - e.triggered_at) / 86400) FILTER (WHERE e.source = 'pql' AND e.won_on BETWEEN p.period AND p.last_day) AS cycle,
			avg(extract(epoch FROM e.won_at - e.created_at) / 86400) FILTER (WHERE e.source = 'outbound'
				AND e.won_on BETWEEN p.period AND p.last_day) AS outbound_cycle,
			sum(e.amount) FILTER (WHERE e.won_at IS NOT NULL AND e.won_on BETWEEN p.period AND p.last_day) AS won,
			sum(e.amount) FILTER (WHERE e.won_at IS NOT NULL AND e.kind = 'expansion' AND e.won_on BETWEEN p.period AND p.last_day) AS expansion,
			sum(e.amount) FILTER (WHERE e.won_at IS NOT NULL AND e.kind = 'new' AND e.won_on BETWEEN p.period AND p.last_day) AS won_new,
			count(e.amount) FILTER (WHERE e.won_at IS NOT NULL AND e.kind = 'new' AND e.won_on BETWEEN p.period AND p.last_day) AS deals_new
		FROM deal e) d
	CROSS JOIN LATERAL (
		SELECT count(*) FILTER (WHERE t.routed)::float8 AS routed, coalesce(sum(t.mrr) FILTER (WHERE t.routed), 0) AS routed_mrr,
			count(*) FILTER (WHERE t.held_out)::float8 AS held, coalesce(sum(t.mrr) FILTER (WHERE t.held_out), 0) AS held_mrr
		FROM trial t WHERE t.mature AND t.day BETWEEN p.period AND p.last_day) i
	WHERE p.grain = 'month'
),

-- ---- all of it ----

counted (dashboard, grain, period, metric, kind, numerator, denominator, value) AS (
	SELECT 'pipeline', p.grain, p.period, v.*
	FROM period p JOIN leads l USING (grain, period) JOIN standing_then n USING (grain, period), team,
		LATERAL (SELECT count(*) FILTER (WHERE standing = 'routed') AS routed, count(*) FILTER (WHERE standing = 'queued') AS queued,
			count(*) FILTER (WHERE standing = 'control') AS control,
				count(*) FILTER (WHERE standing = 'paused') AS paused, count(*) FILTER (WHERE standing = 'not_routed') AS not_routed
			FROM fate f JOIN stand s USING (user_id, lead_id) WHERE NOT f.backfilled AND f.triggered_on BETWEEN p.period AND p.last_day) w,
		LATERAL (SELECT extract(epoch FROM max(r.lag)) / 60 AS minutes FROM asked a, pql.run r WHERE r.as_of <= a.as_of
			AND (r.as_of AT TIME ZONE a.zone)::date BETWEEN p.period AND p.last_day) g,
		LATERAL (VALUES
			('triggered', 'count', l.triggered::float8, NULL::float8, NULL::float8),
			('routed', 'count', w.routed, NULL, NULL),
			('queued', 'count', w.queued, NULL, NULL),
			('control', 'count', w.control, NULL, NULL),
			('paused', 'count', w.paused, NULL, NULL),
			('not_routed', 'count', w.not_routed, NULL, NULL),
			('demand_per_rep', 'rate', l.triggered, team.reps * p.weekdays, NULL),
			('dispositioned', 'count', l.disposed, NULL, NULL),
			('acceptance_rate', 'rate', l.accepted, l.disposed, NULL),
			('acceptance_rate_wide', 'rate', l.accepted_wide, l.disposed, NULL),
			('rejection_rate', 'rate', l.rejected, l.disposed, NULL),
			('sla_compliance', 'rate', l.in_time, l.due, NULL),
			('sla_from_trigger', 'rate', l.in_time_from_trigger, l.due_from_trigger, NULL),
			('first_touch_hours', 'rate', l.hours, l.touched, NULL),
			('first_touch_hours_median', 'value', NULL, NULL, l.median_hours),
			('queue_depth', 'count', n.queued, NULL, NULL),
			('unclaimed', 'count', n.unclaimed, NULL, NULL),
			('escalations', 'count', l.escalations, NULL, NULL),
			('load_lag', 'value', NULL, NULL, g.minutes)) v
	WHERE p.grain = 'day' OR p.grain = 'week' AND p.period >= (SELECT first_day FROM span)
	UNION ALL
	SELECT 'conversion', c.grain, c.period, v.*
	FROM cohort c,
		LATERAL (SELECT count(*) FILTER (WHERE mature)::float8 AS trials, count(*) FILTER (WHERE NOT mature) AS open,
			count(*) FILTER (WHERE mature AND converted) AS converted,
				count(*) FILTER (WHERE mature AND routed)::float8 AS routed, count(*) FILTER (WHERE mature AND routed AND converted) AS routed_converted,
				count(*) FILTER (WHERE mature AND held_out)::float8 AS held, count(*) FILTER (WHERE mature AND held_out AND converted) AS held_converted,
				count(*) FILTER (WHERE mature AND NOT routed AND NOT held_out)::float8 AS unrouted,
					count(*) FILTER (WHERE mature AND NOT routed AND NOT held_out AND converted) AS unrouted_converted,
				count(*) FILTER (WHERE mature AND touched_at IS NOT NULL)::float8 AS contacted, count(*) FILTER (WHERE mature AND touched) AS touched,
					count(*) FILTER (WHERE mature AND touched_at IS NOT NULL AND meeting_at IS NOT NULL) AS meetings,
				coalesce(sum(sent) FILTER (WHERE mature), 0)::float8 AS sent, coalesce(sum(answered) FILTER (WHERE mature), 0) AS answered,
					coalesce(sum(touches) FILTER (WHERE mature AND touched), 0) AS touches,
				coalesce(sum(mrr) FILTER (WHERE mature AND assisted), 0) AS mrr, count(*) FILTER (WHERE mature AND assisted) AS assisted,
					count(*) FILTER (WHERE mature AND converted AND engaged) AS converted_engaged,
				count(*) FILTER (WHERE mature AND touched AND NOT engaged) AS converted_touched,
					count(*) FILTER (WHERE mature AND converted AND NOT touched AND NOT engaged) AS converted_untouched
			FROM trial t WHERE t.day BETWEEN c.first_day AND c.last_day) x,
		LATERAL (VALUES
			('trials', 'count', x.trials, NULL::float8, NULL::float8),
			('open_trials', 'count', x.open, NULL, NULL),
			('trial_to_paid', 'rate', x.converted, x.trials, NULL),
			('lift', 'value', NULL, NULL, x.converted / nullif(x.trials, 0) / 0.08 - 1),
			('routed_trials', 'count', x.routed, NULL, NULL),
			('routed_conversion', 'rate', x.routed_converted, x.routed, NULL),
			('unrouted_conversion', 'rate', x.unrouted_converted, x.unrouted, NULL),
			('control_conversion', 'rate', x.held_converted, x.held, NULL),
			('incremental_conversion', 'value', NULL, NULL, x.routed_converted / nullif(x.routed, 0) - x.held_converted / nullif(x.held, 0)),
			('contacted', 'count', x.contacted, NULL, NULL),
			('assisted_conversion', 'rate', x.touched, x.contacted, NULL),
			('meeting_rate', 'rate', x.meetings, x.contacted, NULL),
			('reply_rate', 'rate', x.answered, x.sent, NULL),
			('touches_to_conversion', 'rate', x.touches, x.touched, NULL),
			('assisted_mrr', 'count', x.mrr, NULL, NULL),
			('assisted_conversions', 'count', x.assisted, NULL, NULL),
			('self_serve_conversions', 'count', x.converted - x.assisted, NULL, NULL),
			('converted_untouched', 'count', x.converted_untouched, NULL, NULL),
			('converted_touched', 'count', x.converted_touched, NULL, NULL),
			('converted_engaged', 'count', x.converted_engaged, NULL, NULL)) v
	UNION ALL
	SELECT 'guardrails', p.grain, p.period, v.*
	FROM period p JOIN leads l USING (grain, period) JOIN standing_then n USING (grain, period) JOIN opinion o USING (grain, period)
		LEFT JOIN unqualified u USING (grain, period), team, before b,
		LATERAL (SELECT count(*) FILTER (WHERE days = 30 AND contacted)::float8 AS n30, count(*) FILTER (WHERE days = 30 AND contacted AND seen) AS seen30,
				count(*) FILTER (WHERE days = 30 AND NOT contacted)::float8 AS other30,
					count(*) FILTER (WHERE days = 30 AND NOT contacted AND seen) AS other_seen30,
				count(*) FILTER (WHERE days = 90 AND contacted)::float8 AS n90, count(*) FILTER (WHERE days = 90 AND contacted AND seen) AS seen90,
				count(*) FILTER (WHERE days = 90 AND NOT contacted)::float8 AS other90,
					count(*) FILTER (WHERE days = 90 AND NOT contacted AND seen) AS other_seen90
			FROM paid r WHERE r.day BETWEEN p.period AND p.last_day) r,
		LATERAL (SELECT count(*) AS assigned FROM assigned s WHERE s.day BETWEEN p.period AND p.last_day) s,
		LATERAL (VALUES
			('complaint_rate', 'rate', l.complained::float8, l.contacted, NULL::float8),
			('not_interested_rate', 'rate', l.declined, l.contacted, NULL),
			('nps_contacted', 'value', NULL, NULL, 100 * o.yes_net / o.yes_n),
			('nps_not_contacted', 'value', NULL, NULL, 100 * o.no_net / o.no_n),
			('nps_gap', 'value', NULL, NULL, o.nps_gap),
			('csat_gap', 'value', NULL, NULL, o.csat_gap),
			('retention_30_contacted', 'rate', r.seen30, r.n30, NULL),
			('retention_30_not_contacted', 'rate', r.other_seen30, r.other30, NULL),
			('retention_90_contacted', 'rate', r.seen90, r.n90, NULL),
			('retention_90_not_contacted', 'rate', r.other_seen90, r.other90, NULL),
			('utilisation', 'rate', s.assigned, CASE WHEN p.last_day >= b.since THEN team.reps * p.weekdays ELSE 0 END, NULL),
			('open_load', 'rate', n.open, team.reps, NULL),
			('false_positive_rate', 'rate', l.disqualified, l.disposed, NULL),
			('self_serve_conversion', 'rate', coalesce(u.self_serve, 0), coalesce(u.n, 0), NULL),
			('self_serve_change', 'value', NULL, NULL, CASE WHEN p.last_day >= b.since THEN u.self_serve / u.n - b.rate END)) v
	WHERE p.grain = 'week'
	UNION ALL
	SELECT 'playbook', 'month', m.period, v.*
	FROM month m JOIN leads l ON l.grain = 'month' AND l.period = m.period JOIN opinion o ON o.grain = 'month' AND o.period = m.period
		LEFT JOIN unqualified u ON u.grain = 'month' AND u.period = m.period
		LEFT JOIN leads z ON z.grain = 'month' AND z.period = (m.period - interval '1 month')::date, before b,
		LATERAL (VALUES
			('pql_volume', 'count', m.leads, NULL::float8, NULL::float8),
			('pql_to_sql', 'rate', m.accepted, m.leads, NULL),
			('pql_to_close', 'rate', m.closed, m.leads, NULL),
			('pipeline_created', 'count', coalesce(CASE WHEN EXISTS (SELECT FROM deal) THEN m.created ELSE m.told END, 0), NULL, NULL),
			('sales_cycle_days', 'value', NULL, NULL, m.cycle),
			('sales_cycle_outbound_days', 'value', NULL, NULL, m.outbound_cycle),
			('sales_cycle_saving', 'value', NULL, NULL, 1 - m.cycle / m.outbound_cycle),
			('acv', 'rate', m.won_new, m.deals_new, NULL),
			('incremental_mrr', 'value', NULL, NULL, (m.routed_mrr / nullif(m.routed, 0) - m.held_mrr / nullif(m.held, 0)) * m.routed),
			('expansion_share', 'rate', coalesce(m.expansion, 0), coalesce(m.won, 0), NULL),
			('self_serve_change', 'value', NULL, NULL, CASE WHEN m.last_day >= b.since THEN u.self_serve / u.n - b.rate END),
			('reply_rate_change', 'value', NULL, NULL, l.answered / nullif(l.sent, 0) - z.answered / nullif(z.sent, 0)),
			('first_touch_hours_change', 'value', NULL, NULL, l.hours / nullif(l.touched, 0) - z.hours / nullif(z.touched, 0)),
			('nps_gap', 'value', NULL, NULL, o.nps_gap)) v
	UNION ALL
	SELECT 'feedback', p.grain, p.period, v.*
	FROM period p JOIN leads l USING (grain, period),
		LATERAL (SELECT count(*) FILTER (WHERE event = 'reply_received')::float8 AS replies,
			count(*) FILTER (WHERE event = 'reply_received' AND d ->> 'reply' = 'positive') AS positive,
				count(*) FILTER (WHERE event = 'pql_released') AS released, count(*) FILTER (WHERE event = 'lead_reopened') AS reopened,
					count(*) FILTER (WHERE event = 'support_lost') AS unsupported
			FROM log g WHERE g.day BETWEEN p.period AND p.last_day) g,
		LATERAL (SELECT count(*)::float8 AS sent, count(*) FILTER (WHERE answered) AS answered FROM mail m WHERE m.day BETWEEN p.period AND p.last_day) m,
		LATERAL (VALUES
			('dispositioned', 'count', l.disposed, NULL::float8, NULL::float8),
			('acceptance_rate', 'rate', l.accepted, l.disposed, NULL),
			('engaged_rate', 'rate', l.engaged, l.disposed, NULL),
			('false_positive_rate', 'rate', l.disqualified, l.disposed, NULL),
			('no_response_rate', 'rate', l.silent, l.disposed, NULL),
			('replies', 'count', g.replies, NULL, NULL),
			('positive_reply_rate', 'rate', g.positive, g.replies, NULL),
			('reply_rate', 'rate', m.answered, m.sent, NULL),
			('released', 'count', g.released, NULL, NULL),
			('reopened', 'count', g.reopened, NULL, NULL),
			('unsupported', 'count', g.unsupported, NULL, NULL)) v
	WHERE p.grain = 'week' AND p.period >= (SELECT first_day FROM span)
	UNION ALL
	SELECT f.dashboard, 'week', c.period, v.*
	FROM cohort c CROSS JOIN (VALUES ('funnel'), ('funnel of accounts')) f (dashboard),
		(VALUES ('activated'), ('sustained'), ('qualified'), ('contacted'), ('meeting'), ('paid')) g (stage),
		LATERAL (
			SELECT count(*)::float8 AS signups, count(y.days)::float8 AS n, percentile_cont(0.5) WITHIN GROUP (ORDER BY y.days) AS median, avg(y.days) AS mean
			FROM subject s, LATERAL (SELECT extract(epoch FROM CASE g.stage WHEN 'activated' THEN s.activated_at WHEN 'sustained' THEN s.sustained_at
				WHEN 'qualified' THEN s.qualified_at
				WHEN 'contacted' THEN s.touched_at WHEN 'meeting' THEN s.meeting_at ELSE s.converted_at END - s.started_at)::float8 / 86400 AS days) y
			WHERE s.dashboard = f.dashboard AND s.day BETWEEN c.first_day AND c.last_day AND s.mature) s,
		LATERAL (VALUES (g.stage, 'rate', s.n, s.signups, NULL::float8), (g.stage || ':median_days', 'value', NULL, NULL, s.median),
			(g.stage || ':mean_days', 'value', NULL, NULL, s.mean)) v
	WHERE c.grain = 'week'
	UNION ALL
	SELECT f.dashboard, 'week', c.period, v.*
	FROM cohort c CROSS JOIN (VALUES ('funnel'), ('funnel of accounts')) f (dashboard),
		LATERAL (SELECT count(*) FILTER (WHERE s.mature)::float8 AS n, count(*) FILTER (WHERE NOT s.mature) AS open FROM subject s
			WHERE s.dashboard = f.dashboard AND s.day BETWEEN c.first_day AND c.last_day) x,
		LATERAL (VALUES ('signup', 'rate', x.n, x.n, NULL::float8), ('open', 'count', x.open, NULL, NULL)) v
	WHERE c.grain = 'week'
)
SELECT dashboard, grain, period, metric, numerator, denominator, CASE kind WHEN 'count' THEN numerator WHEN 'rate' THEN numerator / nullif(denominator, 0)
	ELSE value END AS value
FROM counted ORDER BY 1, 2, 3, 4;
