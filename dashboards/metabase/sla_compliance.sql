-- Title: SLA compliance
-- Shows: First touches by the deadline, of the leads whose deadline fell in the week, with its 95 % interval.
-- Chart: line; x: week; y: value, low, high, target, minimum, breach

SELECT period AS week, value, low, high, target, minimum, breach
FROM pql.dashboard_pipeline
WHERE grain = 'week' AND metric = 'sla_compliance'
ORDER BY week;
