-- Title: Complaints
-- Shows: Leads that unsubscribed or complained, of those contacted first in the week, with its 95 % interval.
-- Chart: line; x: week; y: value, low, high, target, breach

SELECT period AS week, value, low, high, target, breach
FROM pql.dashboard_guardrails
WHERE grain = 'week' AND metric = 'complaint_rate'
ORDER BY week;
