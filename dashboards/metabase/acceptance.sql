-- Title: Acceptance
-- Shows: Leads that ever were meeting_set or converted, of those dispositioned in the week, with its 95 % interval.
-- Chart: line; x: week; y: value, low, high, target, minimum, breach

SELECT period AS week, value, low, high, target, minimum, breach
FROM pql.dashboard_pipeline
WHERE grain = 'week' AND metric = 'acceptance_rate'
ORDER BY week;
