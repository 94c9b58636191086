-- Title: Cohort funnel, by week of start
-- Shows: Share of sign-ups that reached each stage; open trials are not mature yet and count in no share.
-- Chart: table; y: week, activated, sustained, qualified, contacted, meeting, paid, open

SELECT period AS week, activated, sustained, qualified, contacted, meeting, paid, open
FROM pql.cohort_funnel_wide
ORDER BY week DESC;
