-- Title: Time to first touch
-- Shows: Business hours from the trigger to the first touch, by the week of the touch.
-- Chart: line; x: week; y: mean_hours, median_hours

SELECT period AS week, first_touch_hours AS mean_hours, first_touch_hours_median AS median_hours
FROM pql.dashboard_pipeline_wide
WHERE grain = 'week'
ORDER BY week;
