-- Title: Meetings, replies and sales-assisted conversion
-- Shows: By the week in which trials started; meetings and conversions of those contacted, replies of e-mails sent.
-- Chart: line; x: week; y: meetings, replies, sales_assisted

SELECT period AS week, meeting_rate AS meetings, reply_rate AS replies, assisted_conversion AS sales_assisted
FROM pql.dashboard_conversion_wide
WHERE grain = 'week' AND contacted > 0
ORDER BY week;
