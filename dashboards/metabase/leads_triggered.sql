-- Title: Leads triggered, by where they went
-- Shows: Leads by the week in which they were found.
-- Chart: stacked bar; x: week; y: routed, queued, control, paused, not_routed

SELECT period AS week, routed, queued, control, paused, not_routed
FROM pql.dashboard_pipeline_wide
WHERE grain = 'week'
ORDER BY week;
