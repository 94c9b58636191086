-- Title: Cohort funnel, all mature weeks
-- Shows: How many trials reached each stage. Stages are no single path: who pays need not have been contacted.
-- Chart: row; x: stage; y: trials, share

SELECT f.title AS stage, sum(f.numerator) AS trials, sum(f.numerator) / nullif(sum(f.denominator), 0) AS share
FROM pql.cohort_funnel f
JOIN pql.metric m ON m.dashboard = 'funnel' AND m.metric = f.metric
WHERE m.unit = 'rate'
GROUP BY f.title, m.position
ORDER BY m.position;
