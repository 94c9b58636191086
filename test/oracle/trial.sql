-- The oracle: the trial model of SPEC 3.1 once more, in plain SQL, sharing no code with the engine.
--
-- It is brute force on purpose. The whole rule is evaluated from nothing at every instant at which
-- anything about a trial can change, and qualified_at is simply the least instant at which it held.
-- The only pql function it calls is pql.email_kind; of pql's tables it reads the inputs.

CREATE SCHEMA oracle;

CREATE FUNCTION oracle.local_date(t timestamptz, tz text) RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT (t AT TIME ZONE tz)::date $$;
COMMENT ON FUNCTION oracle.local_date IS 'The calendar date of an instant in a timezone.';

-- Not always `day AT TIME ZONE tz`: where clocks go back from 01:00 to 00:00 (Havana, Azores) that
-- gives the second midnight, and where midnight or the whole day is skipped there is none.
CREATE FUNCTION oracle.first_instant(day date, tz text) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT min(x)
	FROM generate_series((day::timestamp AT TIME ZONE tz) - interval '3 hours',
	                     (day::timestamp AT TIME ZONE tz) + interval '3 hours',
	                     interval '15 minutes') x
	WHERE (x AT TIME ZONE tz)::date >= day
$$;
COMMENT ON FUNCTION oracle.first_instant IS 'The first instant of a local day, or of the next one there is.';

CREATE FUNCTION oracle.fact_at(about text, fact text, at timestamptz, known_at timestamptz,
                               present jsonb) RETURNS jsonb
LANGUAGE sql STABLE
AS $$
	SELECT CASE
		WHEN EXISTS (SELECT FROM pql.fact f WHERE f.subject = about AND f.name = fact)
		THEN (SELECT f.value
		      FROM pql.fact f
		      WHERE f.subject = about AND f.name = fact
		        AND f.recorded_at <= at
		        AND (known_at IS NULL OR f.recorded_at <= known_at)
		      ORDER BY f.recorded_at DESC
		      LIMIT 1)
		ELSE present
	END
$$;
COMMENT ON FUNCTION oracle.fact_at IS 'A fact as known at an instant; without a history, what the table holds now.';

CREATE FUNCTION oracle.trial(as_of timestamptz, known_at timestamptz DEFAULT NULL,
                             tz text DEFAULT 'UTC', users text DEFAULT '%')
RETURNS TABLE (user_id text, account_id text, started_at timestamptz, status text, score int,
               potential int, tier text, signals text[], exclusions text[],
               qualified_at timestamptz)
LANGUAGE sql STABLE
SET enable_nestloop = off
SET jit = off
AS $$
WITH

-- Events that can count: whole, finite, not in the future, known, each source id once.
usable AS MATERIALIZED (
	SELECT e.user_id, e.occurred_at, e.event, e.event_id, e.received_at,
	       CASE WHEN jsonb_typeof(e.properties) = 'object' THEN e.properties END AS properties
	FROM pql.event e
	WHERE e.user_id LIKE trial.users
	  AND e.event IS NOT NULL
	  AND isfinite(e.occurred_at)
	  AND e.occurred_at <= trial.as_of
	  AND (trial.known_at IS NULL OR e.received_at IS NULL OR e.received_at <= trial.known_at)
),
event AS MATERIALIZED (
	SELECT user_id, occurred_at, event, properties FROM usable WHERE event_id IS NULL
	UNION ALL
	(SELECT DISTINCT ON (user_id, event_id) user_id, occurred_at, event, properties
	 FROM usable
	 WHERE event_id IS NOT NULL
	 ORDER BY user_id, event_id, received_at NULLS FIRST)
),

-- Trials; signup_complete starts them only while no trial table is filled.
trial_row AS (
	SELECT t.user_id, t.started_at, t.ends_at, t.converted_at,
	       NULL::text AS signup_email, NULL::jsonb AS signup_size
	FROM pql.trial t
	WHERE t.user_id LIKE trial.users
	UNION ALL
	(SELECT DISTINCT ON (e.user_id, e.occurred_at) e.user_id, e.occurred_at, NULL, NULL,
	        e.properties ->> 'email', e.properties -> 'company_size'
	 FROM event e
	 WHERE e.event = 'signup_complete' AND NOT EXISTS (SELECT FROM pql.trial)
	 ORDER BY e.user_id, e.occurred_at)
),
subject AS MATERIALIZED (
	SELECT row_number() OVER (ORDER BY t.user_id, t.started_at) AS id,
	       t.user_id, t.started_at, t.converted_at, t.signup_email, t.signup_size,
	       lead(t.started_at) OVER (PARTITION BY t.user_id ORDER BY t.started_at) AS next_start,
	       COALESCE(t.ends_at,
	                ((t.started_at AT TIME ZONE tz) + interval '14 days') AT TIME ZONE tz) AS ends_at,
	       oracle.first_instant(oracle.local_date(t.started_at, tz) + 10, tz) AS day_11,
	       p.account_id, p.email, p.opted_out_at, p.suppressed_at, a.employees, a.kind,
	       COALESCE(p.paid_at < t.started_at, false)
	       OR EXISTS (SELECT FROM trial_row o
	                  WHERE o.user_id = t.user_id AND o.started_at <> t.started_at
	                    AND o.converted_at < t.started_at) AS paid_before
	FROM trial_row t
	LEFT JOIN pql.person p ON p.user_id = t.user_id
	LEFT JOIN pql.account a ON a.account_id = p.account_id
),
judged AS MATERIALIZED (
	SELECT * FROM subject s WHERE s.started_at <= trial.as_of
),

-- Each event belongs to the latest trial of its user started at or before it.
trial_event AS MATERIALIZED (
	SELECT j.id, e.occurred_at AS at,
	       oracle.local_date(e.occurred_at, tz) - oracle.local_date(j.started_at, tz) + 1 AS day,
	       e.event = 'activation_complete' AS activation,
	       e.event = 'session_start' AS session,
	       CASE WHEN e.event = 'invite_sent'
	            THEN e.properties ->> 'invitee_email' END AS invitee,
	       CASE WHEN e.event = 'integration_connected'
	            THEN e.properties ->> 'integration_type' END AS integration,
	       COALESCE(e.event = 'page_view'
	                AND jsonb_typeof(e.properties -> 'page_path') = 'string'
	                AND e.properties ->> 'page_path' ~ '^/(billing|pricing)($|[/?#])',
	                false) AS billing_view
	FROM judged j
	JOIN event e ON e.user_id = j.user_id
	            AND e.occurred_at >= j.started_at
	            AND (j.next_start IS NULL OR e.occurred_at < j.next_start)
),
window_event AS MATERIALIZED (
	SELECT * FROM trial_event e WHERE e.day <= 10
),
first_billing_view AS MATERIALIZED (       -- at any time of the trial: only too_late asks
	SELECT e.id, min(e.at) AS at FROM trial_event e WHERE e.billing_view GROUP BY e.id
),

-- Every instant at which anything can change.
instant AS MATERIALIZED (
	SELECT DISTINCT c.id, c.at
	FROM (
		SELECT j.id, j.started_at AS at FROM judged j
		UNION ALL SELECT j.id, trial.as_of FROM judged j
		UNION ALL SELECT e.id, e.at FROM trial_event e
		UNION ALL SELECT j.id, f.recorded_at FROM judged j JOIN pql.fact f ON f.subject = j.user_id
		UNION ALL SELECT j.id, f.recorded_at FROM judged j JOIN pql.fact f ON f.subject = j.account_id
		UNION ALL SELECT j.id, j.converted_at FROM judged j
		UNION ALL SELECT j.id, j.opted_out_at FROM judged j
		UNION ALL SELECT j.id, j.suppressed_at FROM judged j
		UNION ALL SELECT j.id, j.ends_at - interval '72 hours' FROM judged j
		UNION ALL SELECT j.id, j.ends_at - interval '72 hours' + interval '1 microsecond' FROM judged j
		UNION ALL SELECT j.id, j.day_11 - interval '1 microsecond' FROM judged j
		UNION ALL SELECT j.id, j.day_11 FROM judged j
	) c
	JOIN judged j ON j.id = c.id
	WHERE c.at BETWEEN j.started_at AND trial.as_of
),

-- What the window's events up to the instant amount to.
measured AS MATERIALIZED (
	SELECT i.id, i.at,
	       count(*) FILTER (WHERE e.activation) AS activations,
	       count(DISTINCT e.invitee) AS invitees,
	       count(DISTINCT e.integration) AS integrations,
	       count(*) FILTER (WHERE e.billing_view) AS billing_views,
	       count(DISTINCT e.day) FILTER (WHERE e.billing_view) AS billing_days,
	       count(DISTINCT e.day) FILTER (WHERE e.session) AS session_days
	FROM instant i
	LEFT JOIN window_event e ON e.id = i.id AND e.at <= i.at
	GROUP BY i.id, i.at
),

-- What is known of the person and the company at the instant.
profiled AS MATERIALIZED (
	SELECT m.*,
	       COALESCE(oracle.fact_at(j.account_id, 'account.employees', m.at, known_at,
	                               to_jsonb(j.employees)) #>> '{}',
	                j.signup_size #>> '{}')::numeric AS employees,
	       oracle.fact_at(j.account_id, 'account.kind', m.at, known_at,
	                      to_jsonb(j.kind)) #>> '{}' AS kind,
	       lower(trim(COALESCE(oracle.fact_at(j.user_id, 'person.email', m.at, known_at,
	                                          to_jsonb(j.email)) #>> '{}',
	                           j.signup_email))) AS email,
	       (SELECT f.value #>> '{}'
	        FROM pql.fact f
	        WHERE f.subject = j.user_id AND f.name = 'lead.disposition'
	          AND f.recorded_at >= j.started_at
	          AND (j.next_start IS NULL OR f.recorded_at < j.next_start)
	          AND f.recorded_at <= m.at
	          AND (trial.known_at IS NULL OR f.recorded_at <= trial.known_at)
	        ORDER BY f.recorded_at DESC
	        LIMIT 1) AS disposition
	FROM measured m
	JOIN judged j ON j.id = m.id
),

-- Signals, in the model's words. icp_fit is NULL while the employees are unknown.
signalled AS MATERIALIZED (
	SELECT p.*,
	       p.activations >= 1 AS activated,
	       p.employees BETWEEN 200 AND 2000 AS icp_fit,
	       p.invitees >= 1 AS invites,
	       p.integrations >= 1 AS has_integrations,
	       p.billing_views >= 2 AND p.billing_days >= 2 AS has_billing_views,
	       p.session_days >= 3 AS multi_day
	FROM profiled p
),

-- Counted events: activations, and the events of those scoring signals that hold.
counted AS MATERIALIZED (
	SELECT s.id, s.at,
	       count(DISTINCT e.day) AS counted_days,
	       max(e.day) AS last_counted_day,
	       max(e.at) AS last_counted_at
	FROM signalled s
	JOIN window_event e ON e.id = s.id AND e.at <= s.at
	WHERE e.activation
	   OR (s.invites AND e.invitee IS NOT NULL)
	   OR (s.has_integrations AND e.integration IS NOT NULL)
	   OR (s.has_billing_views AND e.billing_view)
	   OR (s.multi_day AND e.session)
	GROUP BY s.id, s.at
),
pointed AS MATERIALIZED (
	SELECT s.*, c.last_counted_day, c.last_counted_at,
	       COALESCE(c.counted_days, 0) AS counted_days,
	       s.activated AND COALESCE(s.icp_fit, false) AS gates_pass,
	       3 * s.invites::int + 3 * s.has_integrations::int
	       + 2 * s.has_billing_views::int + 2 * s.multi_day::int AS potential,
	       s.invites::int + s.has_integrations::int
	       + s.has_billing_views::int + s.multi_day::int AS signals_met
	FROM signalled s
	LEFT JOIN counted c ON c.id = s.id AND c.at = s.at
),
state AS MATERIALIZED (
	SELECT p.*,
	       CASE WHEN p.gates_pass THEN p.potential ELSE 0 END AS score,
	       p.gates_pass AND p.potential >= 4 AND p.signals_met >= 2 AS all_but_days,
	       p.at < j.day_11 AS in_window,
	       array_remove(ARRAY[
	           CASE WHEN p.activated         THEN 'activated'     END,
	           CASE WHEN p.icp_fit           THEN 'icp_fit'       END,
	           CASE WHEN p.invites           THEN 'invites'       END,
	           CASE WHEN p.has_integrations  THEN 'integrations'  END,
	           CASE WHEN p.has_billing_views THEN 'billing_views' END,
	           CASE WHEN p.multi_day         THEN 'multi_day'     END], NULL) AS signals,
	       array_remove(ARRAY[
	           CASE WHEN NOT p.icp_fit THEN 'outside_icp' END,
	           CASE WHEN j.account_id IS NULL AND pql.email_kind(p.email) = 'personal'
	                THEN 'personal_email' END,
	           CASE WHEN j.paid_before THEN 'already_paid' END,
	           CASE WHEN p.disposition = 'disqualified' THEN 'disqualified' END,
	           CASE WHEN p.disposition = 'no_response' THEN 'no_response' END,
	           CASE WHEN p.at > j.ends_at - interval '72 hours'
	                 AND NOT COALESCE(b.at <= p.at, false) THEN 'too_late' END,
	           CASE WHEN p.kind IN ('competitor', 'partner', 'internal') THEN 'not_a_prospect' END,
	           CASE WHEN substring(p.email FROM '^(.*)@') IN ('test', 'demo')
	                  OR substring(p.email FROM '^(.*)@') ~ '[+]test[0-9]*$'
	                  OR EXISTS (SELECT FROM pql.list_entry l
	                             WHERE l.list = 'test_accounts' AND l.entry = p.email)
	                THEN 'test_account' END,
	           CASE WHEN j.opted_out_at <= p.at THEN 'opted_out' END,
	           CASE WHEN j.suppressed_at <= p.at THEN 'suppressed' END], NULL) AS exclusions
	FROM pointed p
	JOIN judged j ON j.id = p.id
	LEFT JOIN first_billing_view b ON b.id = p.id
),

-- A release: the first event, of any name, on a later day than the one counted day and less than
-- 24 hours after the last counted event. Company size may still be unknown at that moment.
release AS MATERIALIZED (
	SELECT e.id, min(e.at) AS at
	FROM trial_event e
	JOIN state s ON s.id = e.id AND s.at = e.at
	WHERE s.activated AND s.potential >= 4 AND s.signals_met >= 2
	  AND s.counted_days = 1
	  AND e.day > s.last_counted_day
	  AND e.at < s.last_counted_at + interval '24 hours'
	GROUP BY e.id
),

-- A hold that outlives the window: everything but the two days since the window's last instant.
-- broken_at is the first instant after that at which it was not so.
outliving AS MATERIALIZED (
	SELECT s.id,
	       min(s.at) FILTER (WHERE NOT (s.all_but_days AND s.counted_days = 1)) AS broken_at
	FROM state s
	JOIN judged j ON j.id = s.id
	WHERE s.at >= j.day_11 - interval '1 microsecond'
	GROUP BY s.id
),

qualification AS MATERIALIZED (
	SELECT s.id, min(s.at) AS at
	FROM state s
	JOIN judged j ON j.id = s.id
	LEFT JOIN release r ON r.id = s.id
	LEFT JOIN outliving o ON o.id = s.id
	WHERE s.all_but_days
	  AND s.exclusions = '{}'
	  AND (j.converted_at IS NULL OR s.at < j.converted_at)
	  AND CASE
	        WHEN s.in_window THEN s.counted_days >= 2 OR COALESCE(r.at <= s.at, false)
	        ELSE s.at = r.at AND (o.broken_at IS NULL OR o.broken_at > r.at)
	      END
	GROUP BY s.id
),

latest AS (
	SELECT s.*, j.user_id, j.account_id, j.started_at,
	       COALESCE(j.converted_at <= trial.as_of, false) AS converted,
	       q.at AS qualified_at,
	       s.all_but_days AND s.counted_days = 1
	       AND r.at IS NULL
	       AND trial.as_of < s.last_counted_at + interval '24 hours'
	       AND (s.in_window OR o.broken_at IS NULL) AS hold_running
	FROM state s
	JOIN judged j ON j.id = s.id
	LEFT JOIN release r ON r.id = s.id
	LEFT JOIN outliving o ON o.id = s.id
	LEFT JOIN qualification q ON q.id = s.id
	WHERE s.at = trial.as_of
)

SELECT l.user_id, l.account_id, l.started_at,
       CASE
         WHEN l.converted                            THEN 'converted'
         WHEN l.qualified_at IS NOT NULL             THEN 'qualified'
         WHEN NOT l.in_window AND NOT l.hold_running THEN 'expired'
         WHEN l.exclusions <> '{}'                   THEN 'excluded'
         WHEN l.hold_running                         THEN 'hold'
         WHEN l.all_but_days                         THEN 'monitor'
         WHEN NOT l.gates_pass                       THEN 'gated'
         ELSE 'below'
       END,
       l.score, l.potential,
       CASE WHEN l.score >= 7 THEN 'high' WHEN l.score >= 4 THEN 'medium' END,
       l.signals, l.exclusions, l.qualified_at
FROM latest l
ORDER BY l.user_id, l.started_at
$$;
COMMENT ON FUNCTION oracle.trial IS
	'The verdict of every trial by brute force; users is a LIKE pattern to look at some of them only.';

-- For a person looking at a difference.
CREATE FUNCTION oracle.story(who text, trial_start timestamptz, as_of timestamptz,
                             known_at timestamptz DEFAULT NULL, tz text DEFAULT 'UTC')
RETURNS SETOF text
LANGUAGE sql STABLE
AS $$
	WITH line (at, what) AS (
		SELECT t.started_at, concat('TRIAL ends ', t.ends_at AT TIME ZONE tz,
		                            ' converted ', t.converted_at AT TIME ZONE tz)
		FROM pql.trial t WHERE t.user_id = who
		UNION ALL
		SELECT e.occurred_at, concat_ws(' ', e.event, e.properties, 'id=' || e.event_id,
		                                'received=' || (e.received_at AT TIME ZONE tz))
		FROM pql.event e WHERE e.user_id = who
		UNION ALL
		SELECT f.recorded_at, concat('FACT ', f.name, ' = ', f.value)
		FROM pql.fact f
		WHERE f.subject IN (who, (SELECT p.account_id FROM pql.person p WHERE p.user_id = who))
		UNION ALL SELECT p.paid_at, 'PAID' FROM pql.person p WHERE p.user_id = who AND p.paid_at IS NOT NULL
		UNION ALL SELECT p.opted_out_at, 'OPTED OUT' FROM pql.person p WHERE p.user_id = who AND p.opted_out_at IS NOT NULL
		UNION ALL SELECT p.suppressed_at, 'SUPPRESSED' FROM pql.person p WHERE p.user_id = who AND p.suppressed_at IS NOT NULL
		UNION ALL SELECT oracle.first_instant(oracle.local_date(trial_start, tz) + 10, tz), '-- day 11 begins'
		UNION ALL SELECT story.as_of, '-- as_of'
		UNION ALL SELECT story.known_at, '-- known_at' WHERE story.known_at IS NOT NULL
	), head AS (
		SELECT concat_ws(' ', who, 'email', quote_nullable(p.email), 'account', p.account_id,
		                 'employees', a.employees, 'kind', a.kind, 'in', tz) AS what
		FROM (SELECT who) u
		LEFT JOIN pql.person p ON p.user_id = u.who
		LEFT JOIN pql.account a ON a.account_id = p.account_id
	)
	SELECT what FROM head
	UNION ALL
	(SELECT format('day %s  %s  %s',
	               CASE WHEN isfinite(at) THEN oracle.local_date(at, tz)
	                    - oracle.local_date(trial_start, tz) + 1 END,
	               at AT TIME ZONE tz, what)
	 FROM line ORDER BY at NULLS LAST, what)
$$;
COMMENT ON FUNCTION oracle.story IS 'Everything known of one trial in local time, one line an event, fact or edge.';
