-- Score and tier. The same in the words of the model: a FILTER for each signal, days as bits, no DISTINCT.
SELECT u.user_id, CASE WHEN p.gates THEN p.potential ELSE 0 END AS score, p.potential,
	CASE WHEN p.gates AND p.potential >= 7 THEN 'high' WHEN p.gates AND p.potential >= 4 THEN 'medium' END AS tier
FROM bench.users u
LEFT JOIN (
	SELECT e.user_id,
		bool_or(e.event = 'activation_complete') AS activated,
		bool_or(e.event = 'invite_sent' AND e.properties ->> 'invitee_email' IS NOT NULL) AS invites,
		bool_or(e.event = 'integration_connected' AND e.properties ->> 'integration_type' IS NOT NULL) AS integrations,
		bit_or(1 << (e.occurred_at::date - t.first_day)) FILTER (WHERE e.event = 'page_view') AS billing_days,
		bit_or(1 << (e.occurred_at::date - t.first_day)) FILTER (WHERE e.event = 'session_start') AS session_days
	FROM pql.event e
	JOIN bench.users t ON t.user_id = e.user_id
	WHERE :gate
		AND e.event IN ('activation_complete', 'invite_sent', 'integration_connected', 'session_start', 'page_view')
		AND (e.event <> 'page_view' OR e.properties ->> 'page_path' ~ '^/(billing|pricing)($|[/?#])')
		AND e.occurred_at >= t.started_at AND e.occurred_at < t.window_ends_at
		AND e.occurred_at <= timestamptz :as_of
	GROUP BY e.user_id
) s ON s.user_id = u.user_id
CROSS JOIN LATERAL (
	SELECT coalesce(s.activated, false) AND u.employees BETWEEN 200 AND 2000 AS gates,
		CASE WHEN s.invites THEN 3 ELSE 0 END + CASE WHEN s.integrations THEN 3 ELSE 0 END
		+ CASE WHEN bit_count(s.billing_days::bit(10)) >= 2 THEN 2 ELSE 0 END
		+ CASE WHEN bit_count(s.session_days::bit(10)) >= 3 THEN 2 ELSE 0 END AS potential
) p
WHERE :gate
