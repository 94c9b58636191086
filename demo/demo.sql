-- pql on the trials of demo/simulate.sql: who qualifies, why, and whether they pay more often.
-- Meant to be read as it runs; demo/run prepares the database and starts it.

\ir settings.sql

-- The morning after the last trial began. What happened afterwards is in the tables too, and must
-- not show until the last part, when every trial and its week of grace are over.
\set today '2026-10-31 00:00+00'
\set later '2026-11-28 00:00+00'

-- ------------------------------------------------------------------------------------------------

\echo
\echo '=== 1. The product''s history, as loaded'
\echo
SELECT to_char(count(*), 'FM999,999,999') AS events, to_char(count(DISTINCT user_id), 'FM999,999') AS people
FROM pql.event \gset
SELECT to_char(count(*), 'FM999,999') AS trials, min(started_at)::date AS first_day,
	max(started_at)::date AS last_day
FROM pql.trial \gset
SELECT to_char(count(*), 'FM999,999') AS companies,
	count(*) FILTER (WHERE employees BETWEEN 200 AND 2000) AS fitting,
	count(*) FILTER (WHERE employees IS NULL) AS unknown
FROM pql.account \gset
\echo :events 'events of' :people 'people, whose' :trials 'trials began from' :first_day 'to' :last_day
\echo :companies 'companies:' :fitting 'with 200 to 2,000 employees,' :unknown 'of unknown size'
\echo
SELECT event, count(*) AS events, count(DISTINCT user_id) AS people,
	to_char(min(occurred_at), 'YYYY-MM-DD') AS first, to_char(max(occurred_at), 'YYYY-MM-DD') AS last
FROM pql.event
WHERE event IN ('signup_complete', 'session_start', 'page_view', 'activation_complete', 'invite_sent',
	'integration_connected')
GROUP BY event
ORDER BY events DESC;

-- ------------------------------------------------------------------------------------------------

\echo
\echo '=== 2. Everybody, judged by the model "trial" as of' :today
\echo
SELECT clock_timestamp() AS began \gset
SELECT to_char(count(*), 'FM999,999') AS judged FROM pql.score_all('trial', :'today') \gset
SELECT to_char(extract(epoch FROM clock_timestamp() - :'began'), 'FM990.00') AS seconds \gset
\echo :judged 'trials judged from' :events 'events in' :seconds 'seconds'
\echo
SELECT status, reason, subjects AS trials, to_char(100 * share, 'FM990.0') || ' %' AS share
FROM pql.summary('trial', :'today');

-- The explanations cost more than the verdicts, so they are asked for once and kept.
CREATE TEMP TABLE verdict AS
SELECT v.*, p.full_name, p.title, p.email, a.name AS company, a.employees,
	v.explanation->>'summary' AS summary
FROM pql.score_all('trial', :'today', detail => true) AS v
	JOIN pql.person AS p USING (user_id)
	LEFT JOIN pql.account AS a ON a.account_id = v.account_id;
ANALYZE verdict;

\echo
\echo 'Qualified and not yet paying, by tier:'
\echo
SELECT tier, count(*) AS leads,
	count(*) FILTER (WHERE qualified_at >= timestamptz :'today' - interval '7 days') AS "last 7 days",
	round(avg(score), 1) AS "mean score", count(DISTINCT account_id) AS companies
FROM verdict
WHERE status = 'qualified'
GROUP BY tier
ORDER BY "mean score" DESC;

-- ------------------------------------------------------------------------------------------------

\echo
\echo '=== 3. Whom to call first'
\echo
SELECT full_name AS who, company, employees, tier, score,
	to_char(qualified_at, 'Dy DD Mon HH24:MI') AS qualified, summary AS why
FROM verdict
WHERE status = 'qualified'
ORDER BY (qualified_at >= timestamptz :'today' - interval '3 days') DESC, score DESC, qualified_at DESC,
	user_id
LIMIT 10;

-- ------------------------------------------------------------------------------------------------

\echo
\echo '=== 4. Three people, explained'

-- One of the highest; one who did everything on one day; and one whom every signal would qualify,
-- were it not for the size of the company.
CREATE TEMP TABLE chosen AS
(SELECT 1 AS place, 'qualifies' AS heading, v.* FROM verdict AS v
	WHERE status = 'qualified'
	ORDER BY score DESC, cardinality(signals) DESC, qualified_at DESC, user_id LIMIT 1)
UNION ALL
(SELECT 2, 'waits', v.* FROM verdict AS v
	WHERE status IN ('hold', 'monitor')
	ORDER BY status, score DESC, started_at DESC, user_id LIMIT 1)
UNION ALL
(SELECT 3, 'is left alone', v.* FROM verdict AS v
	WHERE status IN ('excluded', 'gated')
	ORDER BY status, potential DESC, started_at DESC, user_id LIMIT 1);

\set place 1
\ir explain-one.sql
\set place 2
\ir explain-one.sql
\set place 3
\ir explain-one.sql

-- ------------------------------------------------------------------------------------------------

\echo
\echo '=== 5. Four weeks later: did they pay?'
\echo
-- As of :later every trial is over, and qualified_at still says when each first qualified. A payment
-- counts for the qualified only if it came after that instant.
CREATE TEMP TABLE outcome AS
SELECT v.user_id, v.started_at, v.qualified_at, t.converted_at,
	CASE WHEN v.qualified_at IS NOT NULL THEN 'qualified'
		WHEN a.employees BETWEEN 200 AND 2000 THEN 'not qualified, company of the right size'
		ELSE 'not qualified, others' END AS trials,
	coalesce(t.converted_at > v.qualified_at, t.converted_at IS NOT NULL) AS paid
FROM pql.score_all('trial', :'later') AS v
	JOIN pql.trial AS t USING (user_id, started_at)
	LEFT JOIN pql.account AS a ON a.account_id = v.account_id;

SELECT trials, count(*) AS number, count(*) FILTER (WHERE paid) AS paid,
	to_char(100 * avg(paid::int), 'FM990.0') || ' %' AS rate,
	to_char(percentile_cont(0.5)
		WITHIN GROUP (ORDER BY extract(epoch FROM converted_at - qualified_at) / 86400)
		FILTER (WHERE paid), 'FM990.0') AS "median days from qualifying to paying"
FROM outcome
GROUP BY trials
ORDER BY trials DESC;
SELECT to_char(avg(paid::int) FILTER (WHERE trials = 'qualified')
	/ nullif(avg(paid::int) FILTER (WHERE trials <> 'qualified'), 0), 'FM990.0') AS lift
FROM outcome \gset
\echo
\echo 'The qualified paid' :lift 'times as often as the rest. Nobody had called them: this is what the signals'
\echo 'foresee, not what a call adds. A control arm measures that.'

\echo
\echo 'The same for the model "playbook", as of the end of each trial''s tenth day:'
\echo
-- Each trial is judged by what was known then, once for every day on which a tenth day ended. Those who
-- had paid by then are left out, as there was nothing left to foresee.
SELECT clock_timestamp() AS began \gset
CREATE TEMP TABLE playbook AS
WITH cut AS (
	SELECT user_id, started_at, converted_at,
		date_trunc('day', started_at) + interval '10 days' - interval '1 microsecond' AS as_of
	FROM pql.trial
)
SELECT cut.user_id, cut.started_at, v.tier, v.score, cut.converted_at IS NOT NULL AS paid
FROM (SELECT DISTINCT as_of FROM cut) AS evening
	CROSS JOIN LATERAL pql.score_all('playbook', evening.as_of) AS v
	JOIN cut USING (as_of, user_id, started_at)
WHERE cut.converted_at IS NULL OR cut.converted_at > cut.as_of;
SELECT to_char(extract(epoch FROM clock_timestamp() - :'began'), 'FM990.0') AS seconds \gset

SELECT tier, count(*) AS number, round(avg(score)) AS "mean score", count(*) FILTER (WHERE paid) AS paid,
	to_char(100 * avg(paid::int), 'FM990.0') || ' %' AS rate
FROM playbook
GROUP BY tier
ORDER BY "mean score" DESC;
SELECT format('(%s had paid by then and count nowhere; judged once for each of %s evenings, in %s seconds)',
	count(*) FILTER (WHERE converted_at < date_trunc('day', started_at) + interval '10 days'),
	count(DISTINCT date_trunc('day', started_at)), :'seconds') AS line
FROM pql.trial \gset
\echo
\echo :line
