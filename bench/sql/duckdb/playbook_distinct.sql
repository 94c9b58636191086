-- Score and tier in DuckDB. COUNT(DISTINCT …) FILTER, as it is commonly written. trial.sql explains :text and :bool.
WITH usage AS (
	SELECT e.user_id, max(e.occurred_at) AS last_seen,
		count(*) FILTER (WHERE e.event IN ('usage_limit_hit', 'storage_limit_hit')) AS limit_hits,
		count(*) FILTER (WHERE e.event IN ('api_call', 'integration_connected')) AS api_or_integration,
		bool_or(e.event = 'invite_sent') AS invited,
		bool_or(e.event = 'content_shared' AND :bool(external)) AS shared_outside,
		min(e.occurred_at) FILTER (WHERE e.event = 'activation_complete') AS activated_at,
		count(DISTINCT e.occurred_at::date) FILTER (WHERE e.occurred_at >= timestamp :last_30_days) AS days_30,
		count(DISTINCT e.occurred_at::date) FILTER (WHERE e.occurred_at >= timestamp :last_7_days) AS days_7,
		count(*) FILTER (WHERE e.occurred_at >= timestamp :week_1 AND e.occurred_at < timestamp :week_0) AS week_1,
		count(*) FILTER (WHERE e.occurred_at >= timestamp :week_2 AND e.occurred_at < timestamp :week_1) AS week_2,
		count(*) FILTER (WHERE e.occurred_at >= timestamp :week_3 AND e.occurred_at < timestamp :week_2) AS week_3,
		count(*) FILTER (WHERE e.occurred_at >= timestamp :week_4 AND e.occurred_at < timestamp :week_3) AS week_4,
		count(*) FILTER (WHERE e.event = 'page_view' AND regexp_matches(:text(page_path), '^/pricing($|[/?#])'))
			AS pricing_views,
		count(DISTINCT :text(feature)) FILTER (WHERE e.event = 'feature_used') AS features,
		count(DISTINCT :text(feature)) FILTER (WHERE e.event = 'feature_used'
			AND :bool(premium)) AS premium_features,
		count(*) FILTER (WHERE e.event = 'feature_used') AS uses,
		count(*) FILTER (WHERE e.event = 'feature_used' AND :bool(premium)) AS premium_uses,
		count(DISTINCT :text(invitee_email)) FILTER (WHERE e.event = 'invite_sent') AS invitees,
		max(e.occurred_at) FILTER (WHERE e.event = 'upgrade_started') AS upgrade_started,
		max(e.occurred_at) FILTER (WHERE e.event = 'upgrade_completed') AS upgrade_completed,
		bool_or(e.event = 'feature_requested' AND :text(feature) IN ('sso', 'scim', 'audit_log')) AS enterprise_request,
		bool_or(e.event = 'support_contacted' AND :text(topic) IN ('billing', 'plans')) AS billing_question
	FROM :event e
	JOIN users t ON t.user_id = e.user_id
	WHERE :gate AND e.occurred_at >= t.started_at AND e.occurred_at <= timestamp :as_of
	GROUP BY e.user_id
)
SELECT p.user_id, p.potential AS score, p.potential,
	CASE WHEN p.potential >= 80 THEN 'hot' WHEN p.potential >= 50 THEN 'warm' WHEN p.potential >= 30 THEN 'emerging'
		ELSE 'not_pql' END AS tier
FROM (
	SELECT u.user_id,
		CASE WHEN s.premium_features >= 3 THEN 15 WHEN s.premium_features >= 1 THEN 10 ELSE 0 END
		+ CASE WHEN s.limit_hits >= 1 THEN 20 ELSE 0 END
		+ CASE WHEN s.api_or_integration >= 1 THEN 15 ELSE 0 END
		+ CASE WHEN s.features >= 5 THEN 10 ELSE 0 END
		+ CASE WHEN s.invitees >= 6 THEN 30 WHEN s.invitees >= 3 THEN 20 WHEN s.invitees >= 1 THEN 10 ELSE 0 END
		+ CASE WHEN u.members >= 10 THEN 25 WHEN u.members >= 3 THEN 15 ELSE 0 END
		+ CASE WHEN s.shared_outside THEN 10 ELSE 0 END
		+ CASE WHEN s.activated_at - u.started_at < interval '1 hour' THEN 10 ELSE 0 END
		+ CASE WHEN s.days_30 > 15 THEN 20 WHEN s.days_30 > 9 THEN 10 ELSE 0 END
		+ CASE WHEN s.week_1 > s.week_2 AND s.week_2 > s.week_3 AND s.week_3 > s.week_4
			AND u.first_week <= date :week_4 THEN 15 ELSE 0 END
		+ CASE WHEN s.days_7 >= 5 THEN 15 ELSE 0 END
		+ CASE WHEN s.pricing_views >= 3 THEN 20 WHEN s.pricing_views >= 1 THEN 10 ELSE 0 END
		+ CASE WHEN s.upgrade_started <= timestamp :as_of - interval '1 hour'
			AND (s.upgrade_completed IS NULL OR s.upgrade_completed < s.upgrade_started) THEN 25 ELSE 0 END
		+ CASE WHEN s.enterprise_request THEN 30 ELSE 0 END
		+ CASE WHEN s.billing_question THEN 20 ELSE 0 END
		+ CASE WHEN u.employees >= 500 THEN 20 WHEN u.employees >= 50 THEN 10 ELSE 0 END
		+ CASE WHEN u.target_industry THEN 10 ELSE 0 END
		+ CASE WHEN u.employees BETWEEN 200 AND 2000 THEN :icp_points ELSE 0 END
		- CASE WHEN coalesce(s.last_seen, u.started_at) <= timestamp :as_of - interval '7 days' THEN 20 ELSE 0 END
		- CASE WHEN s.week_1 < s.week_2 AND s.week_2 < s.week_3 AND u.first_week <= date :week_3 THEN 15 ELSE 0 END
		- CASE WHEN s.invited IS NOT TRUE
			AND u.started_at <= timestamp :as_of - interval '30 days' AND u.members <= 1 THEN 10 ELSE 0 END
		- CASE WHEN s.uses > 0 AND s.premium_uses = 0
			AND u.started_at <= timestamp :as_of - interval '30 days' THEN 10 ELSE 0 END
		AS potential
	FROM users u
	LEFT JOIN usage s ON s.user_id = u.user_id
	WHERE :gate
) p
