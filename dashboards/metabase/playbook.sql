-- Title: Playbook, by month
-- Shows: What leads bring: volume, lead to accepted, lead to paid, pipeline, and what sales added by the control arm.
-- Chart: table; y: month, leads, accepted, paid, pipeline_created, incremental_mrr

SELECT period AS month, pql_volume AS leads, pql_to_sql AS accepted, pql_to_close AS paid, pipeline_created,
	incremental_mrr
FROM pql.dashboard_playbook_wide
WHERE pql_volume > 0
ORDER BY month DESC;
