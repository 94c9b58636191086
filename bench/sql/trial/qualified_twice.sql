-- Score, tier and the exact instant of qualification, in two passes: what a user reached stays reached, so
-- that bits tell who qualifies, and only their events are read again, through the index, for the instants.
-- qualified_rollup.sql says why the instant is this one.
WITH scored AS MATERIALIZED (
	SELECT u.user_id, u.started_at, u.first_day, u.window_ends_at, u.test_account,
		CASE WHEN p.gates THEN p.potential ELSE 0 END AS score, p.potential,
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
), seen AS (
	SELECT c.user_id, e.occurred_at AS at, e.occurred_at::date - c.first_day AS day, e.event,
		e.event IN ('activation_complete', 'invite_sent', 'integration_connected') AS counted,
		dense_rank() OVER (PARTITION BY c.user_id, e.event ORDER BY e.occurred_at::date) AS nth_day,
		min(e.occurred_at::date - c.first_day) FILTER (WHERE e.event = 'activation_complete') OVER (PARTITION BY c.user_id)
			AS activation_day
	FROM scored c
	CROSS JOIN LATERAL (
		-- what counts under its own name, and everything else as any event
		SELECT x.occurred_at, CASE
			WHEN x.event IN ('activation_complete', 'session_start')
				OR x.event = 'invite_sent' AND x.properties ->> 'invitee_email' IS NOT NULL
				OR x.event = 'integration_connected' AND x.properties ->> 'integration_type' IS NOT NULL
				OR x.event = 'page_view' AND left(x.properties ->> 'page_path', 8) IN ('/billing', '/pricing')
					AND substr(x.properties ->> 'page_path', 9, 1) IN ('', '/', '?', '#')
				THEN x.event END AS event
		FROM pql.event x
		WHERE x.user_id = c.user_id AND x.occurred_at >= c.started_at
			AND x.occurred_at < c.window_ends_at + interval '1 day' AND x.occurred_at <= timestamptz :as_of
		OFFSET 0 -- looked at once
	) e
	WHERE c.score >= 4 AND NOT c.test_account
), measured AS (
	SELECT s.user_id,
		min(s.at) FILTER (WHERE s.event = 'activation_complete') AS activated,
		min(s.at) FILTER (WHERE s.event = 'invite_sent' AND s.day < 10) AS invites,
		min(s.at) FILTER (WHERE s.event = 'integration_connected' AND s.day < 10) AS integrations,
		min(s.at) FILTER (WHERE s.event = 'page_view' AND s.nth_day = 2 AND s.day < 10) AS billing_views,
		min(s.at) FILTER (WHERE s.event = 'session_start' AND s.nth_day = 3 AND s.day < 10) AS multi_day,
		max(s.at) FILTER (WHERE s.counted AND s.day = s.activation_day) AS counted_last,
		min(s.at) FILTER (WHERE s.day > s.activation_day) AS any_later,
		min(s.at) FILTER (WHERE s.counted AND s.day > s.activation_day AND s.day < 10) AS counted_later
	FROM seen s
	GROUP BY s.user_id
)
SELECT c.user_id, c.score, c.potential, c.tier, i.qualified_at
FROM scored c
LEFT JOIN (
	SELECT m.user_id,
		CASE
			WHEN least(m.billing_views, m.multi_day) <= q.two_signals
				OR date_trunc('day', least(m.activated, m.invites, m.integrations)) < date_trunc('day', q.two_signals)
				THEN q.two_signals
			ELSE least(CASE WHEN m.any_later < m.counted_last + interval '24 hours' THEN m.any_later END,
				m.counted_later, m.billing_views, m.multi_day) END AS qualified_at
	FROM measured m
	CROSS JOIN LATERAL (
		SELECT greatest(m.activated, (SELECT x FROM unnest(ARRAY[m.invites, m.integrations, m.billing_views, m.multi_day]) x
			ORDER BY x LIMIT 1 OFFSET 1)) AS two_signals
		OFFSET 0 -- worked out once
	) q
) i ON i.user_id = c.user_id
