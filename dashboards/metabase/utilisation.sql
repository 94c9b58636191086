-- Title: New leads per rep and day
-- Shows: Leads assigned, for each active rep and business day.
-- Chart: line; x: week; y: value, target, target_high

SELECT period AS week, value, target, target_high
FROM pql.dashboard_guardrails
WHERE grain = 'week' AND metric = 'utilisation'
ORDER BY week;
