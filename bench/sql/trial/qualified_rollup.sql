-- Score, tier and the exact instant of qualification, in one pass: a row a user and day with the first and
-- last instants of each kind of event, from which everything else follows.
--
-- Two of the four signals are always enough points. From pricing pages or sessions they come with two days,
-- so the second signal (or the activation after it) qualifies. Only where activations, invites and
-- integrations all lie on one day there is a hold: the first event on a later day within 24 hours of the
-- last of them releases it, or else the next of them on a later day, or one of the other two signals,
-- whichever is first. That late in a trial no exclusion begins but those of test accounts.
WITH day AS (
	SELECT e.user_id, e.occurred_at::date - t.first_day AS day,
		min(e.occurred_at) AS any_first,
		min(e.occurred_at) FILTER (WHERE e.event = 'activation_complete') AS activation,
		min(e.occurred_at) FILTER (WHERE e.event = 'invite_sent' AND e.properties ->> 'invitee_email' IS NOT NULL)
			AS invite,
		min(e.occurred_at) FILTER (WHERE e.event = 'integration_connected'
			AND e.properties ->> 'integration_type' IS NOT NULL) AS integration,
		min(e.occurred_at) FILTER (WHERE e.event = 'page_view'
			AND left(e.properties ->> 'page_path', 8) IN ('/billing', '/pricing')
			AND substr(e.properties ->> 'page_path', 9, 1) IN ('', '/', '?', '#')) AS billing_view,
		min(e.occurred_at) FILTER (WHERE e.event = 'session_start') AS session,
		max(e.occurred_at) FILTER (WHERE e.event = 'activation_complete'
			OR e.event = 'invite_sent' AND e.properties ->> 'invitee_email' IS NOT NULL
			OR e.event = 'integration_connected' AND e.properties ->> 'integration_type' IS NOT NULL) AS counted_last
	FROM pql.event e
	JOIN bench.users t ON t.user_id = e.user_id
	WHERE :gate
		AND e.occurred_at >= t.started_at AND e.occurred_at < t.window_ends_at + interval '1 day'
		AND e.occurred_at <= timestamptz :as_of
	GROUP BY e.user_id, e.occurred_at::date - t.first_day
), numbered AS (
	SELECT d.*, d.day < 10 AS in_window,
		count(d.billing_view) OVER days AS billing_days, count(d.session) OVER days AS session_days,
		min(d.day) FILTER (WHERE d.activation IS NOT NULL) OVER (PARTITION BY d.user_id) AS activation_day
	FROM day d
	WINDOW days AS (PARTITION BY d.user_id ORDER BY d.day)
), measured AS (
	SELECT n.user_id,
		min(n.activation) FILTER (WHERE n.in_window) AS activated,
		min(n.invite) FILTER (WHERE n.in_window) AS invites,
		min(n.integration) FILTER (WHERE n.in_window) AS integrations,
		min(n.billing_view) FILTER (WHERE n.in_window AND n.billing_days = 2) AS billing_views,
		min(n.session) FILTER (WHERE n.in_window AND n.session_days = 3) AS multi_day,
		max(n.counted_last) FILTER (WHERE n.day = n.activation_day) AS counted_last,
		min(n.any_first) FILTER (WHERE n.day > n.activation_day) AS any_later,
		min(least(n.activation, n.invite, n.integration)) FILTER (WHERE n.in_window AND n.day > n.activation_day)
			AS counted_later
	FROM numbered n
	GROUP BY n.user_id
)
SELECT u.user_id, CASE WHEN p.gates THEN p.potential ELSE 0 END AS score, p.potential,
	CASE WHEN p.gates AND p.potential >= 7 THEN 'high' WHEN p.gates AND p.potential >= 4 THEN 'medium' END AS tier,
	CASE WHEN p.gates AND p.potential >= 4 AND NOT u.test_account THEN
		CASE
			WHEN least(m.billing_views, m.multi_day) <= q.two_signals
				OR date_trunc('day', least(m.activated, m.invites, m.integrations)) < date_trunc('day', q.two_signals)
				THEN q.two_signals
			ELSE least(CASE WHEN m.any_later < m.counted_last + interval '24 hours' THEN m.any_later END,
				m.counted_later, m.billing_views, m.multi_day) END
		END AS qualified_at
FROM bench.users u
LEFT JOIN measured m ON m.user_id = u.user_id
CROSS JOIN LATERAL (
	SELECT m.activated IS NOT NULL AND u.employees BETWEEN 200 AND 2000 AS gates,
		CASE WHEN m.invites IS NULL THEN 0 ELSE 3 END + CASE WHEN m.integrations IS NULL THEN 0 ELSE 3 END
		+ CASE WHEN m.billing_views IS NULL THEN 0 ELSE 2 END + CASE WHEN m.multi_day IS NULL THEN 0 ELSE 2 END AS potential
) p
CROSS JOIN LATERAL (
	-- the second of the four, or the activation when it comes later
	SELECT CASE WHEN p.gates AND p.potential >= 4 THEN
		greatest(m.activated, (SELECT x FROM unnest(ARRAY[m.invites, m.integrations, m.billing_views, m.multi_day]) x
			ORDER BY x LIMIT 1 OFFSET 1)) END AS two_signals
	OFFSET 0 -- worked out once
) q
WHERE :gate
