-- pql on a real free trial: a model written for it, judged as of the end of each user's day 5, and
-- what the users did afterwards. demo/real prepares the database and the environment (PQL_DATA,
-- PQL_DEMO) and starts it.

\ir settings.sql

-- ------------------------------------------------------------------------------------------------
-- Into pql's tables
-- ------------------------------------------------------------------------------------------------

CREATE TEMP TABLE raw_user (user_id text, signup_date date, n_enrollments int, converted_first_trial int,
	converted_date date, churned_date date, paid_ever_course_definition int);
CREATE TEMP TABLE raw_event (user_id text, event_date date, event_name text, value float8, lesson_key text);
\copy raw_user FROM PROGRAM 'zcat "$PQL_DATA/udacity_trial/users.csv.gz"' WITH (FORMAT csv, HEADER)
\copy raw_event FROM PROGRAM 'zcat "$PQL_DATA/udacity_trial/events.csv.gz"' WITH (FORMAT csv, HEADER)

INSERT INTO pql.person (user_id, signed_up_at)
SELECT user_id, signup_date FROM raw_user;
INSERT INTO pql.trial (user_id, started_at, ends_at, converted_at)
SELECT user_id, signup_date, signup_date + interval '7 days', converted_date FROM raw_user;
-- The data have dates only: a trial begins with its day, everything else happens at noon.
INSERT INTO pql.event (user_id, occurred_at, event, properties, received_at)
SELECT user_id, event_date + interval '12 hours', event_name,
	jsonb_strip_nulls(jsonb_build_object(
		CASE event_name WHEN 'session' THEN 'minutes' WHEN 'lesson_completed' THEN 'lessons'
			ELSE 'value' END, value,
		'lesson_key', lesson_key)),
	event_date + interval '12 hours'
FROM raw_event ORDER BY event_date, user_id, event_name;
VACUUM (ANALYZE) pql.person, pql.trial, pql.event;

\echo
\echo '=== 1. A real free trial'
\echo
SELECT format('%s people signed up for an online course from %s to %s, free for 7 days. %s went on to pay.',
	count(*), min(started_at)::date, max(started_at)::date, count(converted_at)) AS line
FROM pql.trial \gset
\echo :line
SELECT format('They left %s events, %s of them in the first five days of their trials.',
	to_char(count(*), 'FM999,999'),
	to_char(count(*) FILTER (WHERE occurred_at >= started_at
		AND occurred_at < started_at + interval '5 days'), 'FM999,999')) AS line
FROM pql.event JOIN pql.trial USING (user_id) \gset
\echo :line
\echo
\echo 'The sample was taken by outcome, so its rates are not the population''s; what can be compared are'
\echo 'groups within it. The points were chosen with these people in view: expect less from new ones.'

-- ------------------------------------------------------------------------------------------------

\echo
\echo '=== 2. A model for it'
\echo
\set document `cat "$PQL_DEMO/udacity.json"`
SELECT pql.put_model(:'document') AS version \gset
SELECT s->>'signal' AS signal,
	CASE WHEN (s->>'gate')::boolean THEN 'gate'
		ELSE coalesce(s->>'points',
			(SELECT string_agg(b->>'points', ' or ') FROM jsonb_array_elements(s->'bands') AS b))
		END AS points,
	s->>'why' AS why
FROM jsonb_array_elements(pql.model('udacity')->'signals') WITH ORDINALITY AS list (s, place)
ORDER BY place;

-- ------------------------------------------------------------------------------------------------

\echo
\echo '=== 3. Judged as of the end of each one''s day 5'
\echo
-- Each trial has an instant of its own, so that nothing later can be seen: not by the events gathered,
-- nor by the profile, which knows of a payment only if it was made by then.
SELECT clock_timestamp() AS began \gset
CREATE TEMP TABLE verdict AS
WITH cut AS (
	SELECT *, started_at + interval '5 days' - interval '1 microsecond' AS as_of FROM pql.trial
), gathered AS (
	SELECT cut.user_id, cut.started_at,
		pql.gather((SELECT pql.model('udacity')), e.occurred_at, e.event, e.properties, cut.started_at)
			AS evidence
	FROM cut
		JOIN pql.event AS e ON e.user_id = cut.user_id AND e.occurred_at BETWEEN cut.started_at AND as_of
	GROUP BY cut.user_id, cut.started_at
)
SELECT cut.user_id, cut.started_at, cut.converted_at, cut.as_of, v.status, v.tier, v.score, v.signals,
	v.exclusions
FROM cut LEFT JOIN gathered AS g USING (user_id, started_at),
	LATERAL pql.judge((SELECT pql.model('udacity')), g.evidence,
		jsonb_build_object('trial', jsonb_build_object('started_at', cut.started_at, 'ends_at', cut.ends_at,
			'converted_at', CASE WHEN cut.converted_at <= cut.as_of THEN cut.converted_at END)),
		cut.as_of) AS v;
SELECT to_char(extract(epoch FROM clock_timestamp() - :'began'), 'FM990.00') AS seconds \gset

SELECT status,
	CASE WHEN status = 'qualified' THEN tier ELSE array_to_string(exclusions, ', ') END AS "tier or reason",
	count(*) AS people, to_char(100.0 * count(*) / sum(count(*)) OVER (), 'FM990.0') || ' %' AS share
FROM verdict
GROUP BY 1, 2
ORDER BY people DESC;
SELECT format('Gathered and judged %s trials in %s seconds.', count(*), :'seconds') AS line
FROM verdict \gset
\echo
\echo :line

-- ------------------------------------------------------------------------------------------------

\echo
\echo '=== 4. Did they pay, after day 5?'
\echo
CREATE TEMP TABLE outcome AS
SELECT *, status = 'qualified' AS qualified, coalesce(converted_at > as_of, false) AS paid
FROM verdict
WHERE converted_at IS NULL OR converted_at > as_of;

SELECT group_name AS "as of day 5", people, paid AS "paid later",
	to_char(100.0 * paid / people, 'FM990.0') || ' %' AS rate
FROM (
	SELECT CASE
			WHEN grouping(status, level) = 0 AND qualified THEN 'qualified, ' || level
			WHEN grouping(status, level) = 0 THEN 'not qualified, ' || status
			WHEN qualified THEN 'all qualified' ELSE 'all others' END AS group_name,
		grouping(status, level) AS total, count(*) AS people, count(*) FILTER (WHERE paid) AS paid
	FROM (SELECT *, CASE WHEN qualified THEN tier END AS level FROM outcome) AS leveled
	GROUP BY GROUPING SETS ((qualified, status, level), (qualified))
) AS counted
ORDER BY total, paid::float8 / people DESC;
SELECT format('The qualified paid %s times as often as the others (%s had paid by the end of day 5: not counted).',
	to_char(avg(paid::int) FILTER (WHERE qualified)
		/ nullif(avg(paid::int) FILTER (WHERE NOT qualified), 0), 'FM990.00'),
	(SELECT count(*) FROM verdict) - count(*)) AS line
FROM outcome \gset
\echo
\echo :line
\echo
\echo 'Month by month of signing up:'
\echo
SELECT to_char(started_at, 'YYYY-MM') AS month, count(*) FILTER (WHERE qualified) AS qualified,
	to_char(100 * avg(paid::int) FILTER (WHERE qualified), 'FM990') || ' %' AS "of them paid",
	count(*) FILTER (WHERE NOT qualified) AS others,
	to_char(100 * avg(paid::int) FILTER (WHERE NOT qualified), 'FM990') || ' %' AS "of them paid "
FROM outcome
GROUP BY 1
ORDER BY 1;

\echo
\echo 'Signal by signal, among those who started:'
\echo
SELECT signal, count(*) FILTER (WHERE met) AS met,
	to_char(100 * avg(met::int), 'FM990') || ' %' AS share,
	to_char(100 * avg(paid::int) FILTER (WHERE met), 'FM990') || ' %' AS "paid with",
	to_char(100 * avg(paid::int) FILTER (WHERE NOT met), 'FM990') || ' %' AS "paid without",
	to_char(avg(paid::int) FILTER (WHERE met)
		/ nullif(avg(paid::int) FILTER (WHERE NOT met), 0), 'FM990.00') AS lift
FROM (
	SELECT s->>'signal' AS signal, place, outcome.paid, s->>'signal' = ANY (outcome.signals) AS met
	FROM outcome, jsonb_array_elements(pql.model('udacity')->'signals') WITH ORDINALITY AS list (s, place)
	WHERE NOT s ? 'gate' AND 'started' = ANY (outcome.signals)
) AS each
GROUP BY signal, place
ORDER BY place;

-- ------------------------------------------------------------------------------------------------

\echo
\echo '=== 5. One of them, explained'
\echo
SELECT user_id AS who, as_of, started_at AS began
FROM verdict WHERE status = 'qualified' AND tier = 'high'
ORDER BY cardinality(signals) DESC, score DESC, user_id LIMIT 1 \gset
\echo 'User' :who 'as of' :as_of
\echo
SELECT signal, CASE WHEN met THEN 'yes' WHEN NOT met THEN 'no' ELSE '?' END AS met,
	round(value::numeric, 1)::float8 AS value, threshold, points, to_char(first_met_at, 'Dy DD Mon') AS "first met", note
FROM pql.explain('udacity', :'who', :'as_of', :'began');
\echo
