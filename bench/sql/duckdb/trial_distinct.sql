-- Score and tier in DuckDB. COUNT(DISTINCT …) FILTER, as it is commonly written. trial.sql explains :text and :bool.
SELECT u.user_id, CASE WHEN p.gates THEN p.potential ELSE 0 END AS score, p.potential,
	CASE WHEN p.gates AND p.potential >= 7 THEN 'high' WHEN p.gates AND p.potential >= 4 THEN 'medium' END AS tier
FROM users u
LEFT JOIN (
	SELECT e.user_id,
		count(*) FILTER (WHERE e.event = 'activation_complete') AS activations,
		count(DISTINCT :text(invitee_email)) FILTER (WHERE e.event = 'invite_sent') AS invites,
		count(DISTINCT :text(integration_type)) FILTER (WHERE e.event = 'integration_connected') AS integrations,
		count(DISTINCT e.occurred_at::date) FILTER (WHERE e.event = 'page_view'
			AND regexp_matches(:text(page_path), '^/(billing|pricing)($|[/?#])')) AS billing_days,
		count(DISTINCT e.occurred_at::date) FILTER (WHERE e.event = 'session_start') AS session_days
	FROM :event e
	JOIN users t ON t.user_id = e.user_id
	WHERE :gate
		AND e.occurred_at >= t.started_at AND e.occurred_at::date - t.started_at::date < 10
		AND e.occurred_at <= timestamp :as_of
	GROUP BY e.user_id
) s ON s.user_id = u.user_id
CROSS JOIN LATERAL (
	SELECT coalesce(s.activations >= 1, false) AND u.employees BETWEEN 200 AND 2000 AS gates,
		CASE WHEN s.invites >= 1 THEN 3 ELSE 0 END + CASE WHEN s.integrations >= 1 THEN 3 ELSE 0 END
		+ CASE WHEN s.billing_days >= 2 THEN 2 ELSE 0 END + CASE WHEN s.session_days >= 3 THEN 2 ELSE 0 END AS potential
) p
WHERE :gate
