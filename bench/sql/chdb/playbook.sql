-- Score and tier in chDB, the fastest of four formulations tried: one pass; properties are looked into only
-- where the event is the right one. trial.sql explains :text and :bool.
SELECT u.user_id AS user_id, potential AS score,
	multiIf(potential >= 80, 'hot', potential >= 50, 'warm', potential >= 30, 'emerging', 'not_pql') AS tier,
	multiIf(s.premium_features >= 3, 15, s.premium_features >= 1, 10, 0)
	+ if(bitAnd(s.did, 1) > 0, 20, 0)
	+ if(bitAnd(s.did, 2) > 0, 15, 0)
	+ if(s.features >= 5, 10, 0)
	+ multiIf(s.invitees >= 6, 30, s.invitees >= 3, 20, s.invitees >= 1, 10, 0)
	+ multiIf(u.members >= 10, 25, u.members >= 3, 15, 0)
	+ if(bitAnd(s.did, 8) > 0, 10, 0)
	+ if(bitAnd(s.did, 64) > 0 AND s.activated_at < u.started_at + INTERVAL 1 HOUR, 10, 0)
	+ multiIf(bitCount(s.days) > 15, 20, bitCount(s.days) > 9, 10, 0)
	+ if(s.week_1 > s.week_2 AND s.week_2 > s.week_3 AND s.week_3 > s.week_4 AND u.first_week <= toDate(:week_4), 15, 0)
	+ if(bitCount(bitAnd(s.days, 127)) >= 5, 15, 0)
	+ multiIf(s.pricing_views >= 3, 20, s.pricing_views >= 1, 10, 0)
	+ if(bitAnd(s.did, 128) > 0 AND s.upgrade_started <= toDateTime64(:as_of, 6, 'UTC') - INTERVAL 1 HOUR
		AND s.upgrade_completed < s.upgrade_started, 25, 0)
	+ if(bitAnd(s.did, 16) > 0, 30, 0)
	+ if(bitAnd(s.did, 32) > 0, 20, 0)
	+ multiIf(u.employees >= 500, 20, u.employees >= 50, 10, 0)
	+ if(u.target_industry, 10, 0)
	+ if(u.employees BETWEEN 200 AND 2000, :icp_points, 0)
	- if(if(s.events > 0, s.last_seen, u.started_at) <= toDateTime64(:as_of, 6, 'UTC') - INTERVAL 7 DAY, 20, 0)
	- if(s.week_1 < s.week_2 AND s.week_2 < s.week_3 AND u.first_week <= toDate(:week_3), 15, 0)
	- if(bitAnd(s.did, 4) = 0
		AND u.started_at <= toDateTime64(:as_of, 6, 'UTC') - INTERVAL 30 DAY AND u.members <= 1, 10, 0)
	- if(bitAnd(s.did, 256) > 0 AND bitAnd(s.did, 512) = 0
		AND u.started_at <= toDateTime64(:as_of, 6, 'UTC') - INTERVAL 30 DAY, 10, 0)
	AS potential
FROM users u
LEFT JOIN (
	SELECT e.user_id AS user_id, count() AS events, max(e.occurred_at) AS last_seen,
		groupBitOr(multiIf(
			e.event IN ('usage_limit_hit', 'storage_limit_hit'), 1,
			e.event IN ('api_call', 'integration_connected'), 2,
			e.event = 'invite_sent', 4,
			e.event = 'content_shared', if(:bool(external), 8, 0),
			e.event = 'feature_requested', if(:text(feature) IN ('sso', 'scim', 'audit_log'), 16, 0),
			e.event = 'support_contacted', if(:text(topic) IN ('billing', 'plans'), 32, 0),
			e.event = 'activation_complete', 64,
			e.event = 'upgrade_started', 128,
			e.event = 'feature_used', if(:bool(premium), 768, 256),
			0)) AS did,
		minIf(e.occurred_at, e.event = 'activation_complete') AS activated_at,
		groupBitOrIf(bitShiftLeft(toUInt32(1), toDate(:today) - toDate(e.occurred_at)),
			e.occurred_at >= toDateTime64(:last_30_days, 6, 'UTC')) AS days,
		countIf(e.occurred_at >= toDateTime64(:week_1, 6, 'UTC') AND e.occurred_at < toDateTime64(:week_0, 6, 'UTC')) AS week_1,
		countIf(e.occurred_at >= toDateTime64(:week_2, 6, 'UTC') AND e.occurred_at < toDateTime64(:week_1, 6, 'UTC')) AS week_2,
		countIf(e.occurred_at >= toDateTime64(:week_3, 6, 'UTC') AND e.occurred_at < toDateTime64(:week_2, 6, 'UTC')) AS week_3,
		countIf(e.occurred_at >= toDateTime64(:week_4, 6, 'UTC') AND e.occurred_at < toDateTime64(:week_3, 6, 'UTC')) AS week_4,
		countIf(if(e.event = 'page_view', match(:text(page_path), '^/pricing($|[/?#])'), false)) AS pricing_views,
		maxIf(e.occurred_at, e.event = 'upgrade_started') AS upgrade_started,
		maxIf(e.occurred_at, e.event = 'upgrade_completed') AS upgrade_completed,
		uniqExactIf(if(e.event = 'feature_used', :text(feature), ''), e.event = 'feature_used') AS features,
		uniqExactIf(if(e.event = 'feature_used', :text(feature), ''), if(e.event = 'feature_used', :bool(premium), false))
			AS premium_features,
		uniqExactIf(if(e.event = 'invite_sent', :text(invitee_email), ''),
			if(e.event = 'invite_sent', :text(invitee_email) != '', false)) AS invitees
	FROM :event e
	INNER JOIN (SELECT user_id, started_at FROM users WHERE :gate) t ON t.user_id = e.user_id
	WHERE e.occurred_at >= t.started_at AND e.occurred_at <= toDateTime64(:as_of, 6, 'UTC')
	GROUP BY e.user_id
) s ON s.user_id = u.user_id
WHERE :gate
