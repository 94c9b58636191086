-- Title: Trial to paid: routed, unrouted, control arm
-- Shows: By the week in which trials started; mature ones only. Routed against unrouted is selection, not effect:
--        what sales add is told by the control arm.
-- Chart: line; x: week; y: routed, unrouted, control

SELECT period AS week, routed_conversion AS routed, unrouted_conversion AS unrouted, control_conversion AS control
FROM pql.dashboard_conversion_wide
WHERE grain = 'week' AND trials > 0
ORDER BY week;
