-- pql's aggregate and its verdict, put together by hand over the same tables as the competitors read.
SELECT g.user_id, v.score, v.potential, v.tier, v.qualified_at
FROM (
	SELECT u.user_id, u.started_at, u.employees, u.test_account,
		pql.gather((SELECT pql.model(:model)), e.occurred_at, e.event, e.properties, u.started_at) AS evidence
	FROM bench.users u
	LEFT JOIN pql.event e ON e.user_id = u.user_id AND e.occurred_at <= timestamptz :as_of
	WHERE :gate
	GROUP BY u.user_id
) g
CROSS JOIN LATERAL pql.judge_brief((SELECT pql.model(:model)), g.evidence, jsonb_build_object(
	'person', jsonb_build_object('email', CASE WHEN g.test_account THEN 'test' ELSE 'person' END || '@company.example'),
	'account', jsonb_build_object('employees', g.employees),
	'trial', jsonb_build_object('started_at', g.started_at)), timestamptz :as_of) v
