-- Score and tier. First a row a user and day, then a row a user: days count themselves.
SELECT u.user_id, CASE WHEN p.gates THEN p.potential ELSE 0 END AS score, p.potential,
	CASE WHEN p.gates AND p.potential >= 7 THEN 'high' WHEN p.gates AND p.potential >= 4 THEN 'medium' END AS tier
FROM bench.users u
LEFT JOIN (
	SELECT d.user_id, bool_or(d.activated) AS activated, bool_or(d.invites) AS invites,
		bool_or(d.integrations) AS integrations, count(*) FILTER (WHERE d.billing_views) AS billing_days,
		count(*) FILTER (WHERE d.sessions) AS session_days
	FROM (
		SELECT e.user_id, e.occurred_at::date AS day,
			bool_or(e.event = 'activation_complete') AS activated, bool_or(e.event = 'invite_sent') AS invites,
			bool_or(e.event = 'integration_connected') AS integrations, bool_or(e.event = 'page_view') AS billing_views,
			bool_or(e.event = 'session_start') AS sessions
		FROM pql.event e
		JOIN bench.users t ON t.user_id = e.user_id
		WHERE :gate
			AND e.event IN ('activation_complete', 'invite_sent', 'integration_connected', 'session_start', 'page_view')
			AND CASE e.event
				WHEN 'page_view' THEN left(e.properties ->> 'page_path', 8) IN ('/billing', '/pricing')
					AND substr(e.properties ->> 'page_path', 9, 1) IN ('', '/', '?', '#')
				WHEN 'invite_sent' THEN e.properties ->> 'invitee_email' IS NOT NULL
				WHEN 'integration_connected' THEN e.properties ->> 'integration_type' IS NOT NULL
				ELSE true END
			AND e.occurred_at >= t.started_at AND e.occurred_at < t.window_ends_at
			AND e.occurred_at <= timestamptz :as_of
		GROUP BY 1, 2
	) d
	GROUP BY d.user_id
) s ON s.user_id = u.user_id
CROSS JOIN LATERAL (
	SELECT coalesce(s.activated, false) AND u.employees BETWEEN 200 AND 2000 AS gates,
		CASE WHEN s.invites THEN 3 ELSE 0 END + CASE WHEN s.integrations THEN 3 ELSE 0 END
		+ CASE WHEN s.billing_days >= 2 THEN 2 ELSE 0 END + CASE WHEN s.session_days >= 3 THEN 2 ELSE 0 END AS potential
) p
WHERE :gate
