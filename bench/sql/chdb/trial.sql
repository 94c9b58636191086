-- Score and tier in chDB: one pass, what a user did as bits of one integer. :text(name) and :bool(name) stand
-- for a property of e: taken from the JSON text, or read from the column type JSON.
SELECT u.user_id AS user_id, if(gates, potential, 0) AS score, potential,
	multiIf(gates AND potential >= 7, 'high', gates AND potential >= 4, 'medium', NULL) AS tier,
	bitAnd(s.bits, 1) > 0 AND u.employees BETWEEN 200 AND 2000 AS gates,
	if(bitAnd(s.bits, 2) > 0, 3, 0) + if(bitAnd(s.bits, 4) > 0, 3, 0)
	+ if(bitCount(bitAnd(bitShiftRight(s.bits, 13), 1023)) >= 2, 2, 0)
	+ if(bitCount(bitAnd(bitShiftRight(s.bits, 3), 1023)) >= 3, 2, 0) AS potential
FROM users u
LEFT JOIN (
	SELECT e.user_id AS user_id, groupBitOr(multiIf(
			e.event = 'activation_complete', 1,
			e.event = 'invite_sent', 2,
			e.event = 'integration_connected', 4,
			e.event = 'session_start', bitShiftLeft(toUInt32(1), 3 + (toDate(e.occurred_at) - t.first_day)),
			bitShiftLeft(toUInt32(1), 13 + (toDate(e.occurred_at) - t.first_day)))) AS bits
	FROM :event e
	INNER JOIN (SELECT user_id, started_at, first_day, window_ends_at FROM users WHERE :gate) t ON t.user_id = e.user_id
	WHERE e.event IN ('activation_complete', 'invite_sent', 'integration_connected', 'session_start', 'page_view')
		AND multiIf(
			e.event = 'page_view', match(:text(page_path), '^/(billing|pricing)($|[/?#])'),
			e.event = 'invite_sent', :text(invitee_email) != '',
			e.event = 'integration_connected', :text(integration_type) != '',
			true)
		AND e.occurred_at >= t.started_at AND e.occurred_at < t.window_ends_at
		AND e.occurred_at <= toDateTime64(:as_of, 6, 'UTC')
	GROUP BY e.user_id
) s ON s.user_id = u.user_id
WHERE :gate
