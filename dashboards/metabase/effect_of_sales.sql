-- Title: What sales add
-- Shows: Trial to paid of routed trials, of the control arm, and the difference with its 95 % interval, all mature
--        weeks together.
-- Chart: table; y: metric, value, low, high, numerator, denominator, status

SELECT title AS metric, value, low, high, numerator, denominator, status
FROM pql.dashboard_conversion
WHERE grain = 'all' AND metric IN ('routed_conversion', 'control_conversion', 'incremental_conversion')
ORDER BY metric DESC;
