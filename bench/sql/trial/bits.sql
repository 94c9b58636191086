-- Score and tier. Everything a user did becomes bits of one integer: what is there at all in 0 to 2, days
-- with sessions from 3, days with pricing pages from 13. One pass, nothing distinct, nothing sorted, and
-- the many pages that are no pricing pages fall before the join.
SELECT u.user_id, CASE WHEN p.gates THEN p.potential ELSE 0 END AS score, p.potential,
	CASE WHEN p.gates AND p.potential >= 7 THEN 'high' WHEN p.gates AND p.potential >= 4 THEN 'medium' END AS tier
FROM bench.users u
LEFT JOIN (
	SELECT e.user_id, bit_or(CASE e.event
			WHEN 'activation_complete' THEN 1
			WHEN 'invite_sent' THEN 2
			WHEN 'integration_connected' THEN 4
			WHEN 'session_start' THEN 1 << (3 + (e.occurred_at::date - t.first_day))
			ELSE 1 << (13 + (e.occurred_at::date - t.first_day)) END) AS bits
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
	GROUP BY e.user_id
) s ON s.user_id = u.user_id
CROSS JOIN LATERAL (
	SELECT coalesce(s.bits & 1 > 0, false) AND u.employees BETWEEN 200 AND 2000 AS gates,
		CASE WHEN s.bits & 2 > 0 THEN 3 ELSE 0 END + CASE WHEN s.bits & 4 > 0 THEN 3 ELSE 0 END
		+ CASE WHEN bit_count((s.bits >> 13)::bit(10)) >= 2 THEN 2 ELSE 0 END
		+ CASE WHEN bit_count((s.bits >> 3)::bit(10)) >= 3 THEN 2 ELSE 0 END AS potential
) p
WHERE :gate
