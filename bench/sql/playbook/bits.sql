-- Score and tier. As filter.sql, but what happened at least once becomes bits of one integer, so that each
-- row's event is looked up once, and both sets of distinct values come from one pass.
WITH usage AS (
	SELECT e.user_id, max(e.occurred_at) AS last_seen,
		bit_or(CASE e.event
			WHEN 'usage_limit_hit' THEN 1
			WHEN 'storage_limit_hit' THEN 1
			WHEN 'api_call' THEN 2
			WHEN 'integration_connected' THEN 2
			WHEN 'invite_sent' THEN 4
			WHEN 'content_shared' THEN CASE WHEN (e.properties -> 'external') = 'true' THEN 8 END
			WHEN 'feature_requested' THEN CASE WHEN e.properties ->> 'feature' IN ('sso', 'scim', 'audit_log') THEN 16 END
			WHEN 'support_contacted' THEN CASE WHEN e.properties ->> 'topic' IN ('billing', 'plans') THEN 32 END
			END) AS did,
		min(e.occurred_at) FILTER (WHERE e.event = 'activation_complete') AS activated_at,
		bit_or(1 << (date :today - e.occurred_at::date)) FILTER (WHERE e.occurred_at >= timestamptz :last_30_days) AS days,
		count(*) FILTER (WHERE e.occurred_at >= timestamptz :week_1 AND e.occurred_at < timestamptz :week_0) AS week_1,
		count(*) FILTER (WHERE e.occurred_at >= timestamptz :week_2 AND e.occurred_at < timestamptz :week_1) AS week_2,
		count(*) FILTER (WHERE e.occurred_at >= timestamptz :week_3 AND e.occurred_at < timestamptz :week_2) AS week_3,
		count(*) FILTER (WHERE e.occurred_at >= timestamptz :week_4 AND e.occurred_at < timestamptz :week_3) AS week_4,
		count(*) FILTER (WHERE e.event = 'page_view' AND left(e.properties ->> 'page_path', 8) = '/pricing'
			AND substr(e.properties ->> 'page_path', 9, 1) IN ('', '/', '?', '#')) AS pricing_views,
		max(e.occurred_at) FILTER (WHERE e.event = 'upgrade_started') AS upgrade_started,
		max(e.occurred_at) FILTER (WHERE e.event = 'upgrade_completed') AS upgrade_completed
	FROM pql.event e
	JOIN bench.users t ON t.user_id = e.user_id
	WHERE :gate AND e.occurred_at >= t.started_at AND e.occurred_at <= timestamptz :as_of
	GROUP BY e.user_id
), named AS (
	SELECT v.user_id, count(v.name) FILTER (WHERE v.event = 'feature_used') AS features,
		count(v.name) FILTER (WHERE v.premium) AS premium_features,
		bool_or(v.event = 'feature_used') AS used, bool_or(v.premium) AS used_premium,
		count(v.name) FILTER (WHERE v.event = 'invite_sent') AS invitees
	FROM (
		SELECT e.user_id, e.event,
			e.properties ->> CASE e.event WHEN 'feature_used' THEN 'feature' ELSE 'invitee_email' END AS name,
			bool_or(e.event = 'feature_used' AND (e.properties -> 'premium') = 'true') AS premium
		FROM pql.event e
		JOIN bench.users t ON t.user_id = e.user_id
		WHERE :gate AND e.event IN ('feature_used', 'invite_sent')
			AND e.occurred_at >= t.started_at AND e.occurred_at <= timestamptz :as_of
		GROUP BY 1, 2, 3
	) v
	GROUP BY v.user_id
)
SELECT p.user_id, p.potential AS score, p.potential,
	CASE WHEN p.potential >= 80 THEN 'hot' WHEN p.potential >= 50 THEN 'warm' WHEN p.potential >= 30 THEN 'emerging'
		ELSE 'not_pql' END AS tier
FROM (
	SELECT u.user_id,
		CASE WHEN f.premium_features >= 3 THEN 15 WHEN f.premium_features >= 1 THEN 10 ELSE 0 END
		+ CASE WHEN s.did & 1 > 0 THEN 20 ELSE 0 END
		+ CASE WHEN s.did & 2 > 0 THEN 15 ELSE 0 END
		+ CASE WHEN f.features >= 5 THEN 10 ELSE 0 END
		+ CASE WHEN f.invitees >= 6 THEN 30 WHEN f.invitees >= 3 THEN 20 WHEN f.invitees >= 1 THEN 10 ELSE 0 END
		+ CASE WHEN u.members >= 10 THEN 25 WHEN u.members >= 3 THEN 15 ELSE 0 END
		+ CASE WHEN s.did & 8 > 0 THEN 10 ELSE 0 END
		+ CASE WHEN s.activated_at - u.started_at < interval '1 hour' THEN 10 ELSE 0 END
		+ CASE WHEN bit_count(s.days::bit(30)) > 15 THEN 20 WHEN bit_count(s.days::bit(30)) > 9 THEN 10 ELSE 0 END
		+ CASE WHEN s.week_1 > s.week_2 AND s.week_2 > s.week_3 AND s.week_3 > s.week_4
			AND u.first_week <= date :week_4 THEN 15 ELSE 0 END
		+ CASE WHEN bit_count(s.days::bit(7)) >= 5 THEN 15 ELSE 0 END
		+ CASE WHEN s.pricing_views >= 3 THEN 20 WHEN s.pricing_views >= 1 THEN 10 ELSE 0 END
		+ CASE WHEN s.upgrade_started <= timestamptz :as_of - interval '1 hour'
			AND (s.upgrade_completed IS NULL OR s.upgrade_completed < s.upgrade_started) THEN 25 ELSE 0 END
		+ CASE WHEN s.did & 16 > 0 THEN 30 ELSE 0 END
		+ CASE WHEN s.did & 32 > 0 THEN 20 ELSE 0 END
		+ CASE WHEN u.employees >= 500 THEN 20 WHEN u.employees >= 50 THEN 10 ELSE 0 END
		+ CASE WHEN u.target_industry THEN 10 ELSE 0 END
		+ CASE WHEN u.employees BETWEEN 200 AND 2000 THEN :icp_points ELSE 0 END
		- CASE WHEN coalesce(s.last_seen, u.started_at) <= timestamptz :as_of - interval '7 days' THEN 20 ELSE 0 END
		- CASE WHEN s.week_1 < s.week_2 AND s.week_2 < s.week_3 AND u.first_week <= date :week_3 THEN 15 ELSE 0 END
		- CASE WHEN coalesce(s.did, 0) & 4 = 0
			AND u.started_at <= timestamptz :as_of - interval '30 days' AND u.members <= 1 THEN 10 ELSE 0 END
		- CASE WHEN f.used AND f.used_premium IS NOT TRUE
			AND u.started_at <= timestamptz :as_of - interval '30 days' THEN 10 ELSE 0 END
		AS potential
	FROM bench.users u
	LEFT JOIN usage s ON s.user_id = u.user_id
	LEFT JOIN named f ON f.user_id = u.user_id
	WHERE :gate
) p
