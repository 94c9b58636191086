-- Title: False positives
-- Shows: Leads that were disqualified, of those dispositioned in the week, with its 95 % interval.
-- Chart: line; x: week; y: value, low, high, target

SELECT period AS week, value, low, high, target
FROM pql.dashboard_guardrails
WHERE grain = 'week' AND metric = 'false_positive_rate'
ORDER BY week;
