-- Score, tier and the exact instant of qualification in DuckDB, in two passes: bits tell who qualifies, and
-- the events of those few are looked at again. trial/qualified_rollup.sql says why the instant is this one.
WITH scored AS MATERIALIZED (
	SELECT u.user_id, u.started_at, u.first_day, u.window_ends_at, u.test_account,
		CASE WHEN p.gates THEN p.potential ELSE 0 END AS score, p.potential,
		CASE WHEN p.gates AND p.potential >= 7 THEN 'high' WHEN p.gates AND p.potential >= 4 THEN 'medium' END AS tier
	FROM users u
	LEFT JOIN (
		SELECT e.user_id, bit_or(CASE e.event
				WHEN 'activation_complete' THEN 1
				WHEN 'invite_sent' THEN 2
				WHEN 'integration_connected' THEN 4
				WHEN 'session_start' THEN 1 << (3 + (e.occurred_at::date - t.first_day))
				ELSE 1 << (13 + (e.occurred_at::date - t.first_day)) END) AS bits
		FROM :event e
		JOIN users t ON t.user_id = e.user_id
		WHERE :gate
			AND e.event IN ('activation_complete', 'invite_sent', 'integration_connected', 'session_start', 'page_view')
			AND CASE e.event
				WHEN 'page_view' THEN regexp_matches(:text(page_path), '^/(billing|pricing)($|[/?#])')
				WHEN 'invite_sent' THEN :text(invitee_email) IS NOT NULL
				WHEN 'integration_connected' THEN :text(integration_type) IS NOT NULL
				ELSE true END
			AND e.occurred_at >= t.started_at AND e.occurred_at < t.window_ends_at
			AND e.occurred_at <= timestamp :as_of
		GROUP BY e.user_id
	) s ON s.user_id = u.user_id
	CROSS JOIN LATERAL (
		SELECT coalesce(s.bits & 1 > 0, false) AND u.employees BETWEEN 200 AND 2000 AS gates,
			CASE WHEN s.bits & 2 > 0 THEN 3 ELSE 0 END + CASE WHEN s.bits & 4 > 0 THEN 3 ELSE 0 END
			+ CASE WHEN bit_count((s.bits >> 13) & 1023) >= 2 THEN 2 ELSE 0 END
			+ CASE WHEN bit_count((s.bits >> 3) & 1023) >= 3 THEN 2 ELSE 0 END AS potential
	) p
	WHERE :gate
), day AS (
	SELECT c.user_id, e.occurred_at::date - c.first_day AS day,
		min(e.occurred_at) AS any_first,
		min(e.occurred_at) FILTER (WHERE e.event = 'activation_complete') AS activation,
		min(e.occurred_at) FILTER (WHERE e.event = 'invite_sent' AND :text(invitee_email) IS NOT NULL) AS invite,
		min(e.occurred_at) FILTER (WHERE e.event = 'integration_connected' AND :text(integration_type) IS NOT NULL)
			AS integration,
		min(e.occurred_at) FILTER (WHERE e.event = 'page_view'
			AND regexp_matches(:text(page_path), '^/(billing|pricing)($|[/?#])')) AS billing_view,
		min(e.occurred_at) FILTER (WHERE e.event = 'session_start') AS session,
		max(e.occurred_at) FILTER (WHERE e.event = 'activation_complete'
			OR e.event = 'invite_sent' AND :text(invitee_email) IS NOT NULL
			OR e.event = 'integration_connected' AND :text(integration_type) IS NOT NULL) AS counted_last
	FROM :event e
	JOIN scored c ON c.user_id = e.user_id
	WHERE c.score >= 4 AND NOT c.test_account
		AND e.occurred_at >= c.started_at AND e.occurred_at < c.window_ends_at + interval '1 day'
		AND e.occurred_at <= timestamp :as_of
	GROUP BY c.user_id, e.occurred_at::date - c.first_day
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
), instants AS (
	SELECT m.user_id, CASE
			WHEN least(m.billing_views, m.multi_day) <= q.two_signals
				OR least(m.activated, m.invites, m.integrations)::date < q.two_signals::date
				THEN q.two_signals
			ELSE least(CASE WHEN m.any_later < m.counted_last + interval '24 hours' THEN m.any_later END,
				m.counted_later, m.billing_views, m.multi_day) END AS qualified_at
	FROM measured m
	CROSS JOIN LATERAL (SELECT greatest(m.activated, list_sort(list_filter(
		[m.invites, m.integrations, m.billing_views, m.multi_day], lambda x: x IS NOT NULL))[2]) AS two_signals) q
)
SELECT c.user_id, c.score, c.potential, c.tier, i.qualified_at
FROM scored c
LEFT JOIN instants i ON i.user_id = c.user_id
