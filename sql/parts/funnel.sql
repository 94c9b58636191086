-- Cohort funnel: from sign-up to payment, by the week in which trials started. Who has reached a stage has done so, whatever became of them since.

CREATE FUNCTION pql.funnel_add(state internal, week date, mature boolean, started_at timestamptz, activated_at timestamptz, sustained_at timestamptz, qualified_at timestamptz, contacted_at timestamptz, meeting_at timestamptz, paid_at timestamptz, first_week date, last_week date, as_of timestamptz) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_funnel_add';
COMMENT ON FUNCTION pql.funnel_add(internal, date, boolean, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, date, date, timestamptz) IS 'Transition of pql.funnel_of.';
CREATE FUNCTION pql.funnel_result(state internal) RETURNS float8[]
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_funnel_result';
COMMENT ON FUNCTION pql.funnel_result(internal) IS 'Result of pql.funnel_of.';
CREATE FUNCTION pql.funnel_combine(state internal, other internal) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_funnel_combine';
COMMENT ON FUNCTION pql.funnel_combine(internal, internal) IS 'Two states of pql.funnel_of in one.';
CREATE FUNCTION pql.funnel_serialize(state internal) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_funnel_serialize';
COMMENT ON FUNCTION pql.funnel_serialize(internal) IS 'A state of pql.funnel_of for another process.';
CREATE FUNCTION pql.funnel_deserialize(bytes bytea, state internal) RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_funnel_deserialize';
COMMENT ON FUNCTION pql.funnel_deserialize(bytea, internal) IS 'A state of pql.funnel_of from another process.';
CREATE AGGREGATE pql.funnel_of(week date, mature boolean, started_at timestamptz, activated_at timestamptz, sustained_at timestamptz, qualified_at timestamptz, contacted_at timestamptz, meeting_at timestamptz, paid_at timestamptz, first_week date, last_week date, as_of timestamptz) (SFUNC = pql.funnel_add, STYPE = internal, FINALFUNC = pql.funnel_result,
	COMBINEFUNC = pql.funnel_combine, SERIALFUNC = pql.funnel_serialize, DESERIALFUNC = pql.funnel_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE pql.funnel_of(date, boolean, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, date, date, timestamptz) IS 'How many subjects of each week reached which stage: an array of a row for each week from first_week to last_week, with the columns open (not mature), mature, and of each stage (activated, sustained, qualified, contacted, meeting, paid; up to as_of) how many of the mature, their days from the start in all, and the median of these. No rows: NULL.';

CREATE FUNCTION pql.funnel_rows(weeks float8[], first_week date) RETURNS TABLE (week date, metric text, n float8, days float8, median float8)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT first_week + 7 * (i - 1), s.metric, CASE s.metric WHEN 'open' THEN weeks[i][1] WHEN 'signup' THEN weeks[i][2] ELSE weeks[i][3 * s.n] END,
		CASE WHEN s.n > 0 THEN weeks[i][3 * s.n + 1] END, CASE WHEN s.n > 0 THEN weeks[i][3 * s.n + 2] END
	FROM generate_subscripts(weeks, 1) i
	CROSS JOIN (VALUES (-1, 'open'), (0, 'signup'), (1, 'activated'), (2, 'sustained'), (3, 'qualified'), (4, 'contacted'), (5, 'meeting'), (6, 'paid')) s (n, metric);
END;
COMMENT ON FUNCTION pql.funnel_rows(float8[], date) IS 'What pql.funnel_of gives, a row for each week and stage.';

CREATE FUNCTION pql.funnel_counts(as_of timestamptz, known_at timestamptz, first_week date, last_week date, of_model text, subject text)
RETURNS TABLE (week date, metric text, n float8, days float8, median float8)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
	source CONSTANT text := pql.outcome_source(as_of, known_at);
	-- of each trial, or of who is no trial, who may have had several
	leads CONSTANT text := 'SELECT o.user_id, o.started_at, min(o.trial_ends_at) AS ends_at, min(coalesce(o.qualified_at, o.triggered_at)) AS qualified_at, min(o.contacted_at) AS contacted_at, min(o.meeting_at) AS meeting_at
		FROM %s o WHERE o.model = $5 AND isfinite(o.started_at) GROUP BY o.user_id, o.started_at';
	weeks float8[];
BEGIN
	IF subject = 'account' THEN
		EXECUTE format($q$
			SELECT pql.funnel_of(pql.period_of('week', a.started_on), pql.is_mature(a.started_at, a.ends_at, $1), a.started_at, a.activated_at, a.sustained_at, a.qualified_at, a.contacted_at, a.meeting_at, a.converted_at, $3, $4, $1)
			FROM (
				SELECT min(s.started_on) AS started_on, min(s.started_at) AS started_at, (array_agg(s.ends_at ORDER BY s.started_at))[1] AS ends_at, min(s.activated_at) AS activated_at, min(s.sustained_at) AS sustained_at,
					min(l.qualified_at) AS qualified_at, min(l.contacted_at) AS contacted_at, min(l.meeting_at) AS meeting_at, min(s.converted_at) AS converted_at
				FROM pql.score s LEFT JOIN (%s) l ON l.user_id = s.user_id AND l.started_at = s.started_at
				WHERE s.model = $5 AND s.started_at <= $1 AND s.started_on IS NOT NULL AND s.account_id IS NOT NULL
				GROUP BY s.account_id) a$q$, format(leads, source))
		INTO weeks USING as_of, known_at, first_week, last_week, of_model;
		RETURN QUERY SELECT r.* FROM pql.funnel_rows(weeks, first_week) r;
		RETURN;
	END IF;
	-- what is known of all trials, and what only of leads: to join them would take longer than both
	EXECUTE $q$
		SELECT pql.funnel_of(pql.period_of('week', s.started_on), pql.is_mature(s.started_at, s.ends_at, $1), s.started_at, s.activated_at, s.sustained_at, NULL, NULL, NULL, s.converted_at, $2, $3, $1)
		FROM pql.score s WHERE s.model = $4 AND s.started_at <= $1 AND s.started_on IS NOT NULL$q$
	INTO weeks USING as_of, first_week, last_week, of_model;
	RETURN QUERY SELECT r.* FROM pql.funnel_rows(weeks, first_week) r WHERE r.metric NOT IN ('qualified', 'contacted', 'meeting');
	EXECUTE format($q$
		SELECT pql.funnel_of(pql.period_of('week', pql.local_date(l.started_at, $6)), pql.is_mature(l.started_at, l.ends_at, $1), l.started_at, NULL, NULL, l.qualified_at, l.contacted_at, l.meeting_at, NULL, $3, $4, $1)
		FROM (%s) l$q$, CASE WHEN (pql.model_info(pql.model(of_model))).per_trial
			THEN format('SELECT o.started_at, o.trial_ends_at AS ends_at, coalesce(o.qualified_at, o.triggered_at) AS qualified_at, o.contacted_at, o.meeting_at FROM %s o WHERE o.model = $5 AND isfinite(o.started_at)', source)
			ELSE format(leads, source) END)
	INTO weeks USING as_of, known_at, first_week, last_week, of_model, pql.model(of_model) ->> 'timezone';
	RETURN QUERY SELECT r.* FROM pql.funnel_rows(weeks, first_week) r WHERE r.metric IN ('qualified', 'contacted', 'meeting');
END
$$;
COMMENT ON FUNCTION pql.funnel_counts(timestamptz, timestamptz, date, date, text, text) IS 'How many of each week have reached which stage, in how many days in all, and the median of these. subject: user (each trial), or account (from its first trial on; the first of its members counts).';

CREATE FUNCTION pql.cohort_funnel_at(as_of timestamptz DEFAULT now(), subject text DEFAULT 'user', known_at timestamptz DEFAULT NULL)
RETURNS TABLE (grain text, period date, metric text, value float8, numerator float8, denominator float8, target float8, status text, low float8, high float8, median_days float8, mean_days float8, title text)
LANGUAGE sql STABLE SET jit = off
BEGIN ATOMIC
	WITH here AS MATERIALIZED (
		SELECT r.model, pql.period_of('week', pql.local_date(pql.check_instant(as_of), r.timezone)) AS last_week,
			pql.first_week(r.model, pql.local_date(as_of, r.timezone)) AS first_week FROM pql.reporting() r
	), counted AS MATERIALIZED (
		SELECT c.* FROM here h CROSS JOIN LATERAL pql.funnel_counts(as_of, known_at, h.first_week, h.last_week, h.model, pql.check_subject(subject)) c WHERE h.first_week <= h.last_week
	)
	SELECT 'week', c.week, m.metric, CASE WHEN m.unit = 'count' THEN c.numerator ELSE c.numerator / nullif(c.denominator, 0) END, c.numerator, c.denominator, NULL::float8,
		CASE WHEN m.unit = 'count' OR c.denominator > 0 THEN 'ok' ELSE 'no_data' END, w.low, w.high, c.median, c.days / nullif(c.numerator, 0), m.title
	FROM (
		SELECT s.week, k.metric, coalesce(n.n, 0) AS numerator, CASE WHEN k.unit = 'rate' THEN s.n END AS denominator, n.days, n.median
		FROM counted s CROSS JOIN pql.metric k LEFT JOIN counted n ON n.week = s.week AND n.metric = k.metric
		WHERE s.metric = 'signup' AND k.dashboard = 'funnel') c
	JOIN pql.metric m ON m.dashboard = 'funnel' AND m.metric = c.metric
	LEFT JOIN LATERAL pql.wilson(c.numerator, c.denominator) w ON true
	ORDER BY c.week, m.position;
END;
COMMENT ON FUNCTION pql.cohort_funnel_at(timestamptz, text, timestamptz) IS 'How many of the trials (subject user) or accounts (account) that started in each week have reached which stage, as of an instant: signup, activated, sustained, qualified, contacted, meeting, paid; value is the share of all that signed up. median_days, mean_days: from the start. Mature ones only; open tells of the others.';

CREATE VIEW pql.cohort_funnel AS
SELECT f.grain, f.period, f.metric, f.value, f.numerator, f.denominator, f.target, f.status, f.low, f.high, f.median_days, f.mean_days, f.title FROM pql.cohort_funnel_at(now()) f;
COMMENT ON VIEW pql.cohort_funnel IS 'pql.cohort_funnel_at of now, of trials.';
