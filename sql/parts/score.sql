-- Scoring over what is connected.

CREATE FUNCTION pql.user_between(user_id text, low bigint, high bigint) RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_user_between';
COMMENT ON FUNCTION pql.user_between(text, bigint, bigint) IS 'Does a user belong to that part of the population, of 2^32 parts? For splitting work among processes and passes; not a storage format.';

CREATE FUNCTION pql.gather_query(model jsonb, known_at timestamptz, source oid, as_of timestamptz) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	events text := pql.source_events(s.relation, gather_query.known_at, NULL, gather_query.as_of)
		FROM pql.sources s WHERE s.input = 'events' AND pql.source_relation(s.relation) = source;
BEGIN
	IF (pql.model_info(model)).per_trial THEN
		RETURN format($q$
			SELECT s.user_id, s.started_at, pql.gather(%L::jsonb, e.occurred_at, e.event, e.properties, s.started_at)
			FROM (%s) e
			JOIN pql.trial_at($1, $2) s ON s.user_id = e.user_id AND e.occurred_at >= s.started_at
				AND (s.next_start IS NULL OR e.occurred_at < s.next_start)
			WHERE e.occurred_at <= $1 AND ($4 - $3 = 4294967296 OR pql.user_between(e.user_id, $3, $4))
				AND ($5 IS NULL OR s.started_at >= $5) AND ($6 IS NULL OR s.started_at < $6)
			-- both from s: the planner then knows that there are no more groups than trials
			GROUP BY s.user_id, s.started_at$q$, model, events);
	END IF;
	RETURN format($q$
		SELECT e.user_id, min(s.started_at), pql.gather(%L::jsonb, e.occurred_at, e.event, e.properties, s.started_at)
		FROM (%s) e
		LEFT JOIN pql.subject_at(false, $1, $2) s ON s.user_id = e.user_id
		WHERE e.occurred_at <= $1 AND ($4 - $3 = 4294967296 OR pql.user_between(e.user_id, $3, $4))
		GROUP BY e.user_id$q$, model, events);
END
$$;
COMMENT ON FUNCTION pql.gather_query(jsonb, timestamptz, oid, timestamptz) IS 'The query that gathers a source''s evidence by the aggregate, where its table cannot be scanned. Parameters as those of pql.population_queries.';

CREATE FUNCTION pql.score_all(model text, as_of timestamptz DEFAULT now(), known_at timestamptz DEFAULT NULL, detail boolean DEFAULT false,
	started_from timestamptz DEFAULT NULL, started_until timestamptz DEFAULT NULL, skip_gated boolean DEFAULT false)
RETURNS TABLE (user_id text, account_id text, started_at timestamptz, status text, score int, potential int,
	tier text, signals text[], exclusions text[], qualified_at timestamptz, next_change_at timestamptz, explanation jsonb)
LANGUAGE c STABLE PARALLEL UNSAFE ROWS 10000 SET search_path = pg_catalog, pg_temp SET jit = off
AS 'MODULE_PATHNAME', 'pql_score_all';
COMMENT ON FUNCTION pql.score_all(text, timestamptz, timestamptz, boolean, timestamptz, timestamptz, boolean) IS 'The verdict on every subject of the active version of a model, as of an instant: events, facts and conversions after it do not count. known_at: only what was loaded by then. detail: with the explanation, which costs more than everything else together. started_from (included), started_until (excluded): only subjects that started between. skip_gated: without those whom a gate on facts rules out. account_id and a start may be NULL where they are not known. Tables are read page by page in parallel where pql.score_path says so; memory is bounded by pql.work_mem. An unknown model is an ERROR.';

CREATE FUNCTION pql.gather_everybody(model text, as_of timestamptz DEFAULT now())
RETURNS TABLE (user_id text, started_at timestamptz, evidence pql.evidence)
LANGUAGE c STABLE PARALLEL UNSAFE ROWS 100000 SET search_path = pg_catalog, pg_temp SET jit = off
AS 'MODULE_PATHNAME', 'pql_gather_everybody';
COMMENT ON FUNCTION pql.gather_everybody(text, timestamptz) IS 'The evidence of every subject of the active version of a model, of events up to an instant: what pql.gather gives, read as pql.score_all reads. evidence NULL: there are no events; started_at -infinity: the start is not known. An unknown model is an ERROR.';

CREATE FUNCTION pql.score_path(model text)
RETURNS TABLE (relation text, path text, reason text)
LANGUAGE c STABLE STRICT PARALLEL SAFE ROWS 10
AS 'MODULE_PATHNAME', 'pql_score_path';
COMMENT ON FUNCTION pql.score_path(text) IS 'How pql.score_all would read each source of events, for the current user and settings: scan (page by page, in parallel), or aggregate (through the executor and pql.gather) and why.';

CREATE FUNCTION pql.hypothetical_events(events jsonb, as_of timestamptz)
RETURNS TABLE (occurred_at timestamptz, event text, properties jsonb)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	item jsonb;
	n int := 0;
BEGIN
	IF events IS NULL THEN
		RETURN;
	END IF;
	IF jsonb_typeof(events) <> 'array' THEN
		RAISE EXCEPTION 'events is no JSON array'
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'Write for example ''[{"event": "invite_sent", "properties": {"invitee_email": "a@b.example"}}]''.';
	END IF;
	FOR item IN SELECT e FROM jsonb_array_elements(events) e LOOP
		IF jsonb_typeof(item) <> 'object' OR jsonb_typeof(item -> 'event') IS DISTINCT FROM 'string'
			OR EXISTS (SELECT FROM jsonb_object_keys(item) k WHERE k NOT IN ('event', 'properties', 'occurred_at')) THEN
			RAISE EXCEPTION 'events[%] is no event: %', n, left(item::text, 80)
				USING ERRCODE = 'invalid_parameter_value',
					DETAIL = 'An event has "event", and may have "properties" and "occurred_at".',
					HINT = 'Without "occurred_at" it happens at as_of.';
		END IF;
		IF (item ->> 'occurred_at')::timestamptz > as_of THEN
			RAISE EXCEPTION 'events[%] happens after as_of', n
				USING ERRCODE = 'invalid_parameter_value',
					DETAIL = format('It is at %s, and as_of is %s.', item ->> 'occurred_at', as_of),
					HINT = 'Pass a later as_of.';
		END IF;
		occurred_at := coalesce((item ->> 'occurred_at')::timestamptz, as_of);
		event := item ->> 'event';
		properties := item -> 'properties';
		n := n + 1;
		RETURN NEXT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION pql.hypothetical_events(jsonb, timestamptz) IS 'The events of pql.what_if as rows, checked.';

CREATE FUNCTION pql.judge_one(model text, subject text, as_of timestamptz, of_start timestamptz, events jsonb)
RETURNS pql.verdict
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
	doc jsonb := pql.model(model);
	per_trial boolean := i.per_trial FROM pql.model_info(doc) i;
	asked CONSTANT text := subject;
	own_events text;
	any_event boolean;
	chosen record;
	known record;
	result pql.verdict;
BEGIN
	IF doc IS NULL OR subject IS NULL OR as_of IS NULL THEN
		RAISE EXCEPTION '% is NULL', CASE WHEN doc IS NULL THEN 'model' WHEN subject IS NULL THEN 'subject' ELSE 'as_of' END
			USING ERRCODE = 'null_value_not_allowed', HINT = 'Write for example pql.explain(''trial'', ''user_1'').';
	END IF;
	IF doc ->> 'unit' = 'account' THEN
		IF events IS NOT NULL OR of_start IS NOT NULL THEN
			RAISE EXCEPTION '% are asked for of an account, and model "%" judges accounts', CASE WHEN events IS NOT NULL THEN 'events' ELSE 'trials' END, model
				USING ERRCODE = 'feature_not_supported', DETAIL = 'Those are of its members.', HINT = format('Ask for a member, by model "%s".', pql.members_model(model));
		END IF;
		RETURN pql.judge_account(model, subject, as_of);
	END IF;
	subject := (pql.person_ids(ARRAY[subject], as_of))[1];
	own_events := pql.event_query(NULL, ARRAY[subject], '{}', as_of);
	SELECT s.started_at, s.next_start INTO chosen
	FROM pql.subject_at(per_trial, as_of, NULL, ARRAY[subject]) s
	WHERE of_start IS NULL OR s.started_at = of_start
	ORDER BY s.started_at DESC NULLS LAST LIMIT 1;
	IF NOT FOUND THEN
		EXECUTE format('SELECT EXISTS (SELECT FROM (%s) e WHERE e.occurred_at <= $1)', own_events) INTO any_event USING as_of;
	END IF;
	IF NOT coalesce(any_event, true) OR any_event AND (per_trial OR of_start IS NOT NULL) THEN
		RAISE EXCEPTION 'model "%" has no subject "%"%', model, asked,
				coalesce(' with a trial started ' || of_start, '')
			USING ERRCODE = 'undefined_object',
				DETAIL = CASE WHEN of_start IS NOT NULL THEN 'started_at names a trial by its exact start.'
					WHEN per_trial THEN format('No trial of that user had started by %s.', as_of)
					ELSE format('No person, trial or event of that user is known by %s.', as_of) END,
				HINT = 'Users are in pql.person, trials in pql.trial; without trials the event signup_complete starts them.';
	END IF;
	SELECT p.profile INTO known
	FROM pql.profile_of(doc, as_of, NULL, ARRAY[subject]) p
	WHERE p.started_at IS NOT DISTINCT FROM chosen.started_at;
	EXECUTE format($q$
		SELECT v.* FROM (
			SELECT pql.gather($1, e.occurred_at, e.event, e.properties, $3) AS evidence
			FROM (
				SELECT e.occurred_at, e.event, e.properties FROM (%s) e WHERE e.occurred_at <= $2
				UNION ALL
				SELECT h.occurred_at, h.event, h.properties FROM pql.hypothetical_events($5, $2) h
			) e
			WHERE ($3 IS NULL OR e.occurred_at >= $3) AND ($4 IS NULL OR e.occurred_at < $4)
		) g, LATERAL pql.judge_live($1, g.evidence, $6, $2) v$q$, own_events)
	INTO result
	USING doc, as_of, chosen.started_at, chosen.next_start, events, known.profile;
	RETURN result;
END
$$;
COMMENT ON FUNCTION pql.judge_one(text, text, timestamptz, timestamptz, jsonb) IS 'The verdict on one subject (its trial started at of_start, or the latest), as if these events had happened as well.';

CREATE FUNCTION pql.explain(model text, subject text, as_of timestamptz DEFAULT now(), started_at timestamptz DEFAULT NULL)
RETURNS TABLE (signal text, met bool, value float8, threshold text, points int, first_met_at timestamptz, note text)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT s.signal, s.met, s.value, s.threshold, s.points, s.first_met_at, s.note
	FROM (SELECT (pql.judge_one(model, subject, as_of, started_at, NULL)).explanation) v,
		ROWS FROM (jsonb_to_recordset(v.explanation -> 'signals') AS (signal text, met bool, value float8,
			threshold text, points int, first_met_at timestamptz, note text)) WITH ORDINALITY
			s (signal, met, value, threshold, points, first_met_at, note, n)
	ORDER BY s.n;
END;
COMMENT ON FUNCTION pql.explain(text, text, timestamptz, timestamptz) IS 'Why: every signal of the model in order, whether it is met (NULL: not known), its value, threshold, points (they sum to the score), when it was first met, and a note. The latest trial, or the one started at started_at. An unknown subject is an ERROR.';

CREATE FUNCTION pql.what_if(model text, subject text, events jsonb, as_of timestamptz DEFAULT now())
RETURNS pql.verdict
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT pql.judge_one(model, subject, as_of, NULL, events);
END;
COMMENT ON FUNCTION pql.what_if(text, text, jsonb, timestamptz) IS 'The verdict on a subject if these events happened as well: [{"event", "properties", "occurred_at" (default as_of)}]. Stores nothing.';

CREATE FUNCTION pql.summary(model text, as_of timestamptz DEFAULT now())
RETURNS TABLE (status text, reason text, subjects bigint, share float8)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT c.status, c.reason, c.subjects, c.subjects / sum(c.subjects::float8) OVER ()
	FROM (
		SELECT s.status, coalesce(s.explanation ->> 'reason',
			CASE WHEN s.status = 'qualified' THEN s.tier END) AS reason, count(*) AS subjects
		FROM pql.score_all(model, as_of, NULL, true) s
		GROUP BY 1, 2
	) c
	ORDER BY array_position(ARRAY['converted', 'qualified', 'hold', 'monitor', 'below', 'gated', 'excluded', 'expired'], c.status),
		c.subjects DESC, c.reason;
END;
COMMENT ON FUNCTION pql.summary(text, timestamptz) IS 'How many subjects stand where: by status and reason (the tier of the qualified, the first exclusion, the open gate), with their share.';

CREATE FUNCTION pql.events_seen(as_of timestamptz) RETURNS TABLE (event text, n bigint, last_seen timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN QUERY EXECUTE format($q$
		SELECT e.event, count(*), max(e.occurred_at)
		FROM (%s) e
		WHERE e.occurred_at <= $1
		GROUP BY e.event$q$, pql.event_query()) USING as_of;
END
$$;
COMMENT ON FUNCTION pql.events_seen(timestamptz) IS 'Names of events in all sources up to an instant, with how many there are and the last.';

CREATE FUNCTION pql.coverage(model text, as_of timestamptz DEFAULT now())
RETURNS TABLE (signal text, effect text, events text[], rows_found bigint, last_seen timestamptz,
	subjects_met bigint, share float8, hint text)
LANGUAGE sql STABLE
BEGIN ATOMIC
	WITH seen AS MATERIALIZED (
		SELECT e.event, e.n, e.last_seen FROM pql.events_seen(as_of) e
	), met AS MATERIALIZED (
		SELECT m.name, count(*) AS n
		FROM pql.score_all(model, as_of) s, unnest(s.signals) m (name)
		GROUP BY m.name
	), total AS MATERIALIZED (
		SELECT count(*) AS n FROM pql.score_all(model, as_of)
	), signals AS (
		SELECT s.signal, s.effect, s.events, s.n, found.rows_found, found.last_seen, found.missing
		FROM ROWS FROM (pql.model_signals(pql.model(model))) WITH ORDINALITY s (signal, effect, category, events, n),
		LATERAL (
			SELECT sum(e.n)::bigint AS rows_found, max(e.last_seen) AS last_seen,
				ARRAY(SELECT w FROM unnest(s.events) w WHERE w <> '*' AND NOT EXISTS (SELECT FROM seen x WHERE x.event = w)) AS missing
			FROM seen e WHERE e.event = ANY (s.events) OR '*' = ANY (s.events)
		) found
	)
	SELECT s.signal, s.effect, s.events, CASE WHEN s.events <> '{}' THEN coalesce(s.rows_found, 0) END, s.last_seen,
		coalesce(m.n, 0), coalesce(m.n, 0) / nullif(t.n, 0)::float8,
		CASE
			WHEN s.missing <> '{}' THEN format('No event "%s" in the data.%s', array_to_string(s.missing, '", "'),
				coalesce(' Did you mean "' || pql.nearest_word(s.missing[1], ARRAY(SELECT x.event FROM seen x ORDER BY x.n DESC, x.event LIMIT 2000))
					|| '"?', '') || ' Name the product''s event in the glossary with pql.adapt.')
			WHEN coalesce(m.n, 0) = 0 AND s.events <> '{}' THEN 'The events are there, and no subject meets it: look at its property, threshold and window.'
			WHEN coalesce(m.n, 0) = 0 THEN 'No subject meets it: is the fact known?'
		END
	FROM signals s
	CROSS JOIN total t
	LEFT JOIN met m ON m.name = s.signal
	ORDER BY s.n;
END;
COMMENT ON FUNCTION pql.coverage(text, timestamptz) IS 'Does the data feed the model? Per signal: its events, rows found and last seen, subjects that meet it and their share, and a hint where something is missing.';

CREATE FUNCTION pql.fact_coverage(model text, as_of timestamptz DEFAULT now())
RETURNS TABLE (fact text, subjects_known bigint, share float8, share_from_the_beginning float8)
LANGUAGE sql STABLE
BEGIN ATOMIC
	WITH p AS MATERIALIZED (SELECT x.profile FROM pql.profile_of(pql.model(model), as_of) x)
	SELECT f.name, count(k.known), count(k.known)::float8 / nullif(count(*), 0),
		(count(k.known) FILTER (WHERE k.since_ever))::float8 / nullif(count(k.known), 0)
	FROM p
	CROSS JOIN LATERAL unnest((pql.model_info(pql.model(model))).facts) f (name)
	CROSS JOIN LATERAL (
		SELECT
			CASE WHEN p.profile -> 'history' ? f.name THEN nullif(p.profile #> ARRAY['history', f.name, '-1', 'value'], 'null')
				ELSE nullif(p.profile #> string_to_array(f.name, '.'), 'null') END AS known,
			NOT p.profile -> 'history' ? f.name
				OR p.profile #>> ARRAY['history', f.name, '-1', 'recorded_at'] = '-infinity' AS since_ever
	) k
	WHERE f.name NOT IN ('trial.days_left', 'person.email_local')
	GROUP BY f.name
	ORDER BY f.name;
END;
COMMENT ON FUNCTION pql.fact_coverage(text, timestamptz) IS 'For each fact a model reads: how many subjects it is known of, and for which share of those it is held to be true from the beginning because no source gave it a time (so that a backtest may know it too early).';

CREATE FUNCTION pql.ignored_rows(as_of timestamptz DEFAULT now())
RETURNS TABLE (reason text, ignored bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	rows_of text := string_agg(pql.source_query(pql.source_relation(s.relation), s.mapping), ' UNION ALL ') FROM pql.sources s WHERE s.input = 'events';
BEGIN
	IF rows_of IS NULL THEN
		RETURN;
	END IF;
	RETURN QUERY EXECUTE format($q$
		SELECT r.reason, r.ignored
		FROM (
			SELECT count(*) FILTER (WHERE e.user_id IS NULL) AS no_user,
				count(*) FILTER (WHERE e.user_id IS NOT NULL AND e.event IS NULL) AS no_event,
				count(*) FILTER (WHERE e.user_id IS NOT NULL AND e.event IS NOT NULL AND e.occurred_at IS NULL) AS no_time,
				count(*) FILTER (WHERE e.user_id IS NOT NULL AND e.event IS NOT NULL AND NOT isfinite(e.occurred_at)) AS infinite_time,
				count(*) FILTER (WHERE e.user_id IS NOT NULL AND e.event IS NOT NULL AND isfinite(e.occurred_at) AND e.occurred_at > $1) AS future
			FROM (%s) e
		) c
		CROSS JOIN LATERAL (VALUES ('no user', c.no_user), ('no event', c.no_event), ('no time', c.no_time),
			('infinite time', c.infinite_time), ('after as_of', c.future)) r (reason, ignored)$q$, rows_of) USING as_of;
END
$$;
COMMENT ON FUNCTION pql.ignored_rows(timestamptz) IS 'Rows of the sources that are not looked at, by the first reason that applies. Rows after as_of wait for their time.';
