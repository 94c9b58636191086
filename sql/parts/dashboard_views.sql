-- The dashboards of now, for BI: long, one row for each metric and period; and wide, one row for each period.

CREATE VIEW pql.dashboard_pipeline AS
SELECT d.grain, d.period, d.metric, d.value, d.numerator, d.denominator, d.target, d.status, d.low, d.high, d.target_high, d.minimum, d.breach, d.complete, d.title, d.unit FROM pql.dashboard_pipeline_at(now()) d;
COMMENT ON VIEW pql.dashboard_pipeline IS 'pql.dashboard_pipeline_at of now: leads and what becomes of them, by day and week.';
CREATE VIEW pql.dashboard_conversion AS
SELECT d.grain, d.period, d.metric, d.value, d.numerator, d.denominator, d.target, d.status, d.low, d.high, d.target_high, d.minimum, d.breach, d.complete, d.title, d.unit FROM pql.dashboard_conversion_at(now()) d;
COMMENT ON VIEW pql.dashboard_conversion IS 'pql.dashboard_conversion_at of now: what becomes of trials, by week of their start, and all in one. Routed against unrouted is selection, not effect; the control arm tells the effect (incremental_conversion).';
CREATE VIEW pql.dashboard_guardrails AS
SELECT d.grain, d.period, d.metric, d.value, d.numerator, d.denominator, d.target, d.status, d.low, d.high, d.target_high, d.minimum, d.breach, d.complete, d.title, d.unit FROM pql.dashboard_guardrails_at(now()) d;
COMMENT ON VIEW pql.dashboard_guardrails IS 'pql.dashboard_guardrails_at of now: what must not get worse, by week.';
CREATE VIEW pql.dashboard_playbook AS
SELECT d.grain, d.period, d.metric, d.value, d.numerator, d.denominator, d.target, d.status, d.low, d.high, d.target_high, d.minimum, d.breach, d.complete, d.title, d.unit FROM pql.dashboard_playbook_at(now()) d;
COMMENT ON VIEW pql.dashboard_playbook IS 'pql.dashboard_playbook_at of now: what leads bring, by month.';
CREATE VIEW pql.dashboard_feedback AS
SELECT d.grain, d.period, d.metric, d.value, d.numerator, d.denominator, d.target, d.status, d.low, d.high, d.target_high, d.minimum, d.breach, d.complete, d.title, d.unit FROM pql.dashboard_feedback_at(now()) d;
COMMENT ON VIEW pql.dashboard_feedback IS 'pql.dashboard_feedback_at of now: what sales and customers say of leads, by week.';

-- a column for each metric of the catalogue
DO $$
DECLARE
	d record;
BEGIN
	FOR d IN
		SELECT m.dashboard, CASE m.dashboard WHEN 'funnel' THEN 'cohort_funnel' ELSE 'dashboard_' || m.dashboard END AS source,
			string_agg(format('max(v.value) FILTER (WHERE v.metric OPERATOR(pg_catalog.=) %L) AS %I', m.metric, m.metric), ', ' ORDER BY m.position) AS columns
		FROM pql.metric_definition m GROUP BY m.dashboard
	LOOP
		EXECUTE format('CREATE VIEW pql.%I AS SELECT v.grain, v.period, %s FROM pql.%I v GROUP BY v.grain, v.period', d.source || '_wide', d.columns, d.source);
		EXECUTE format('COMMENT ON VIEW pql.%I IS %L', d.source || '_wide', format('pql.%s with a row for each period and a column for each metric.', d.source));
	END LOOP;
END
$$;
