-- Title: Self-serve conversion
-- Shows: Trials that did not qualify and were paid for without sales, by the week of start; mature ones only.
-- Chart: line; x: week; y: value, low, high

SELECT period AS week, value, low, high
FROM pql.dashboard_guardrails
WHERE grain = 'week' AND metric = 'self_serve_conversion'
ORDER BY week;
