-- Refresh: from what has changed to verdicts, history and leads, each exactly once.
--
-- A batch of users is picked, then locked, and then one statement takes their marks away, judges
-- them and writes what came of it: in one snapshot, so that what is read, what is taken for done
-- and what is written belong together. Whoever else writes state takes the same locks first.

CREATE FUNCTION pql.judge_users(model text, users text[], since timestamptz[], as_of timestamptz)
RETURNS TABLE (user_id text, account_id text, started_at timestamptz, status text, score int, potential int,
	tier text, signals text[], exclusions text[], qualified_at timestamptz, next_change_at timestamptz, explanation jsonb,
	evidence pql.evidence, seen_until timestamptz, reread boolean)
LANGUAGE c STABLE PARALLEL UNSAFE ROWS 1000 SET search_path = pg_catalog, pg_temp SET jit = off
AS 'MODULE_PATHNAME', 'pql_judge_users';
COMMENT ON FUNCTION pql.judge_users(text, text[], timestamptz[], timestamptz) IS 'The verdicts on all subjects of some users, from the evidence in pql.state and the events that came since then (since, for each user: as in pql.change). reread: all their events were read, for what is kept did not fit. Explained where the subject qualifies. In the snapshot of the calling statement.';

CREATE FUNCTION pql.gather_query_of(model jsonb, source text, users text[]) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN format($q$
		SELECT k.user_id, k.started_at, pql.gather(%L::jsonb, e.occurred_at, e.event, e.properties, nullif(k.started_at, '-infinity')), max(e.occurred_at)
		FROM unnest($2, $3, $4, $5) k (user_id, started_at, from_at, until)
		JOIN (%s) e ON e.user_id = k.user_id AND e.occurred_at >= k.from_at AND e.occurred_at < k.until AND e.occurred_at <= $1
		GROUP BY k.user_id, k.started_at$q$, model, pql.source_events(source, NULL, users));
END
$$;
COMMENT ON FUNCTION pql.gather_query_of(jsonb, text, text[]) IS 'The query that gathers evidence of some users'' subjects from a source: $1 as_of, $2 to $5 user, start, and the instants from which on and before which events are read, of each subject. With the latest event read.';

CREATE FUNCTION pql.bucket(user_id text) RETURNS int
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
	SELECT pg_catalog.hashtext(user_id) & 1023;
END;
COMMENT ON FUNCTION pql.bucket(text) IS 'Which of 1,024 locks stands for a user.';

CREATE FUNCTION pql.lock_users(users text[]) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	bucket int;
BEGIN
	-- ascending, so that two who lock cannot wait for each other
	FOR bucket IN SELECT DISTINCT pql.bucket(u) AS b FROM unnest(users) u ORDER BY b LOOP
		PERFORM pg_advisory_xact_lock(7370828, bucket);
	END LOOP;
END
$$;
COMMENT ON FUNCTION pql.lock_users(text[]) IS 'Until the transaction ends, nobody else writes what is kept of these users. First of all locks, and in a statement of its own: what is read in the same one may be older than the lock.';

CREATE FUNCTION pql.everybody() RETURNS TABLE (user_id text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT p.user_id FROM pql.person p UNION SELECT t.user_id FROM pql.trial t UNION SELECT s.user_id FROM pql.state s%s',
		-- users of whom only events are known count for models of users, and where events start trials
		CASE WHEN NOT EXISTS (SELECT FROM pql.trial) OR EXISTS (SELECT FROM pql.active_model m WHERE NOT (pql.model_info(m.document)).per_trial)
			THEN format(' UNION SELECT e.user_id FROM (%s) e', pql.event_query()) ELSE '' END);
END
$$;
COMMENT ON FUNCTION pql.everybody() IS 'Everybody whom a model might judge.';

CREATE FUNCTION pql.later(users text[], as_of timestamptz) RETURNS TABLE (user_id text, due_at timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF cardinality(users) = 0 THEN
		RETURN;
	END IF;
	RETURN QUERY EXECUTE format($q$
		SELECT l.user_id, min(l.at) FROM (
			SELECT t.user_id, t.started_at AS at FROM pql.trial t WHERE t.user_id = ANY ($1)
			UNION ALL SELECT t.user_id, t.converted_at FROM pql.trial t WHERE t.user_id = ANY ($1)
			UNION ALL SELECT p.user_id, v.at FROM pql.person p, unnest(ARRAY[p.signed_up_at, p.paid_at, p.opted_out_at, p.suppressed_at]) v (at) WHERE p.user_id = ANY ($1)
			UNION ALL SELECT f.subject, f.recorded_at FROM pql.fact f WHERE f.subject = ANY ($1)
			UNION ALL SELECT c.user_id, c.converted_at FROM pql.conversion c WHERE c.user_id = ANY ($1)
			UNION ALL SELECT p.user_id, c.converted_at FROM pql.person p JOIN pql.conversion c ON c.account_id = p.account_id WHERE p.user_id = ANY ($1)
			UNION ALL SELECT p.user_id, f.recorded_at FROM pql.person p JOIN pql.fact f ON f.subject = p.account_id WHERE p.user_id = ANY ($1) AND f.name LIKE 'account.%%'
			UNION ALL SELECT e.user_id, e.occurred_at FROM (%s) e WHERE e.user_id = ANY ($1)) l
		WHERE l.at > $2 AND l.at < '10000-01-01 00:00Z'
		GROUP BY l.user_id$q$, pql.event_query(NULL, users)) USING users, as_of;
END
$$;
COMMENT ON FUNCTION pql.later(text[], timestamptz) IS 'What is written of these users already, and does not count yet: when the first of it will.';

CREATE FUNCTION pql.spread_marks() RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	spread bigint;
BEGIN
	IF NOT EXISTS (SELECT FROM pql.change c WHERE c.user_id IS NULL) THEN
		RETURN 0;
	END IF;
	WITH taken AS (DELETE FROM pql.change c WHERE c.user_id IS NULL RETURNING c.since, c.backfill, c.logged_at, c.reason)
	INSERT INTO pql.change (user_id, since, backfill, logged_at, reason)
	SELECT u.user_id, t.since, t.backfill, t.logged_at, t.reason
	FROM (SELECT min(taken.since) AS since, bool_and(taken.backfill) AS backfill, min(taken.logged_at) AS logged_at,
			string_agg(DISTINCT taken.reason, '; ') AS reason FROM taken HAVING count(*) > 0) t
	CROSS JOIN pql.everybody() u
	WHERE u.user_id IS NOT NULL;
	GET DIAGNOSTICS spread = ROW_COUNT;
	RETURN spread;
END
$$;
COMMENT ON FUNCTION pql.spread_marks() IS 'Turns marks for everybody into one for each user. Returns how many users.';

CREATE FUNCTION pql.refresh_batch(as_of timestamptz DEFAULT now(), most_users int DEFAULT 1000, INOUT run_id bigint DEFAULT NULL,
	OUT users int, OUT reread int, OUT changed int, OUT triggered int, OUT lag interval)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET max_parallel_workers_per_gather = 0 SET jit = off SET lock_timeout = 0 AS $$
DECLARE
	picked text[];
	expected int;
	kept int;
	began CONSTANT timestamptz := clock_timestamp();
	last timestamptz := max(r.as_of) FROM pql.run r;
BEGIN
	IF as_of IS NULL OR NOT isfinite(as_of) OR most_users IS NULL OR most_users < 1 THEN
		RAISE EXCEPTION 'as_of is no instant, or most_users not at least 1'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Write pql.refresh_batch(now(), 1000).';
	END IF;
	-- clocks differ a little, and another refresh may be quicker
	IF as_of < last - interval '1 minute' AND run_id IS NULL THEN
		RAISE EXCEPTION 'as_of is earlier than the last refresh'
			USING ERRCODE = 'invalid_parameter_value', DETAIL = format('It was as of %s.', last),
				HINT = 'pql.score_all looks back to any instant, and writes nothing.';
	END IF;
	IF run_id IS NULL THEN
		PERFORM pql.watch_sources();
		PERFORM pql.follow_inputs(greatest(as_of, last));
	END IF;
	PERFORM pql.spread_marks();

	-- a hint only: what holds is read when they are locked
	SELECT array_agg(DISTINCT p.user_id) INTO picked
	FROM (
		(SELECT c.user_id FROM pql.change c WHERE c.due_at <= refresh_batch.as_of ORDER BY c.due_at, c.logged_at LIMIT most_users)
		UNION ALL
		(SELECT s.user_id FROM pql.score s WHERE s.next_change_at <= refresh_batch.as_of ORDER BY s.next_change_at LIMIT most_users)
	) p
	WHERE p.user_id IS NOT NULL;
	users := coalesce(cardinality(picked), 0);
	reread := 0;
	changed := 0;
	triggered := 0;
	IF users = 0 THEN
		RETURN;
	END IF;
	PERFORM pql.lock_users(picked);
	-- who holds a source for long (to alter it, say) ends this batch, rather than all that wait behind it; until the function returns
	PERFORM set_config('lock_timeout', '10s', true);
	-- nobody is judged as of an earlier instant than before
	as_of := greatest(as_of, (SELECT max(r.as_of) FROM pql.run r));

	WITH claimed AS (
		DELETE FROM pql.change c WHERE c.user_id = ANY (picked)
		RETURNING c.user_id, c.until, c.backfill, c.due_at, c.logged_at
	), asked AS MATERIALIZED (
		SELECT array_agg(a.user_id ORDER BY a.user_id) AS users, array_agg(a.since ORDER BY a.user_id) AS since
		FROM (
			SELECT u.user_id, coalesce(min(c.since) FILTER (WHERE c.due_at <= refresh_batch.as_of), 'infinity') AS since
			FROM unnest(picked) u (user_id) LEFT JOIN pql.change c ON c.user_id = u.user_id AND c.user_id = ANY (picked)
			GROUP BY u.user_id
		) a
	), models AS MATERIALIZED (
		SELECT m.model, m.version, m.exact_qualification AS exact, i.per_trial FROM pql.active_model m CROSS JOIN LATERAL pql.model_info(m.document) i
	), judged AS MATERIALIZED (
		SELECT m.model, m.version, m.exact, m.per_trial, j.user_id, coalesce(j.started_at, '-infinity') AS started_at, j.account_id, j.status, j.score,
			j.potential, j.tier, j.signals, j.exclusions, j.qualified_at, j.next_change_at, j.explanation, j.evidence, j.seen_until, j.reread
		FROM models m
		CROSS JOIN asked
		CROSS JOIN LATERAL pql.judge_users(m.model, asked.users, asked.since, refresh_batch.as_of) j
	), compared AS MATERIALIZED (
		SELECT j.*, coalesce(st.rev, 0) AS rev, s.status AS before,
			st.user_id IS NULL OR st.evidence IS DISTINCT FROM j.evidence OR st.seen_until <> j.seen_until AS keeps_more,
			(s.status, s.score, s.potential, s.tier, s.signals, s.exclusions, s.qualified_at)
				IS DISTINCT FROM (j.status, j.score, j.potential, j.tier, j.signals, j.exclusions, j.qualified_at) AS differs,
			(s.account_id, s.next_change_at) IS DISTINCT FROM (j.account_id, j.next_change_at) AS differs_unseen
		FROM judged j
		-- of the picked, told again: so that the planner looks them up
		LEFT JOIN pql.state st ON st.user_id = j.user_id AND st.model = j.model AND st.started_at = j.started_at AND st.user_id = ANY (picked)
		LEFT JOIN pql.score s ON s.user_id = j.user_id AND s.model = j.model AND s.started_at = j.started_at AND s.user_id = ANY (picked)
	), kept_now AS (
		INSERT INTO pql.state AS o (user_id, model, started_at, evidence, seen_until, rev)
		SELECT c.user_id, c.model, c.started_at, c.evidence, c.seen_until, c.rev + 1 FROM compared c WHERE c.keeps_more
		ON CONFLICT (user_id, model, started_at) DO UPDATE SET evidence = EXCLUDED.evidence, seen_until = EXCLUDED.seen_until, rev = EXCLUDED.rev WHERE o.rev = EXCLUDED.rev - 1
		RETURNING 1
	), forgotten AS (
		DELETE FROM pql.state o WHERE o.user_id = ANY (picked) AND NOT EXISTS (
			SELECT FROM judged j WHERE j.user_id = o.user_id AND j.model = o.model AND j.started_at = o.started_at)
	), unscored AS (
		DELETE FROM pql.score o WHERE o.user_id = ANY (picked) AND NOT EXISTS (
			SELECT FROM judged j WHERE j.user_id = o.user_id AND j.model = o.model AND j.started_at = o.started_at)
	), scored AS (
		INSERT INTO pql.score AS o (user_id, model, started_at, version, account_id, status, score, potential, tier, signals, exclusions, qualified_at, next_change_at, changed_at)
		SELECT c.user_id, c.model, c.started_at, c.version, c.account_id, c.status, c.score, c.potential, c.tier, c.signals, c.exclusions, c.qualified_at, c.next_change_at,
			refresh_batch.as_of
		FROM compared c WHERE c.differs OR c.differs_unseen
		ON CONFLICT (user_id, model, started_at) DO UPDATE SET version = EXCLUDED.version, account_id = EXCLUDED.account_id, status = EXCLUDED.status,
			score = EXCLUDED.score, potential = EXCLUDED.potential, tier = EXCLUDED.tier, signals = EXCLUDED.signals, exclusions = EXCLUDED.exclusions,
			qualified_at = EXCLUDED.qualified_at, next_change_at = EXCLUDED.next_change_at,
			changed_at = CASE WHEN (o.status, o.score, o.potential, o.tier, o.signals, o.exclusions, o.qualified_at)
				IS DISTINCT FROM (EXCLUDED.status, EXCLUDED.score, EXCLUDED.potential, EXCLUDED.tier, EXCLUDED.signals, EXCLUDED.exclusions, EXCLUDED.qualified_at)
				THEN EXCLUDED.changed_at ELSE o.changed_at END
	), noted AS (
		INSERT INTO pql.score_history (user_id, model, started_at, changed_at, version, status, score, potential, tier, signals, exclusions, qualified_at)
		SELECT c.user_id, c.model, c.started_at, refresh_batch.as_of, c.version, c.status, c.score, c.potential, c.tier, c.signals, c.exclusions, c.qualified_at
		FROM compared c WHERE c.differs
		RETURNING 1
	), won AS (
		-- a trial qualifies once. Other subjects again, when the last lead has been closed for 90 days and they cross the line anew.
		INSERT INTO pql.lead (user_id, model, started_at, number, account_id, version, status, score, tier, triggered_at, qualified_at, late, backfilled, explanation)
		SELECT c.user_id, c.model, c.started_at, coalesce(l.number, 0) + 1, c.account_id, c.version, c.status, c.score, c.tier, refresh_batch.as_of, c.qualified_at,
			c.status <> 'qualified' OR c.per_trial AND coalesce((SELECT t.ends_at FROM pql.trial t WHERE t.user_id = c.user_id AND t.started_at = c.started_at), c.started_at + interval '14 days') <= refresh_batch.as_of,
			coalesce((SELECT bool_and(k.backfill) FROM claimed k WHERE k.user_id = c.user_id AND k.due_at <= refresh_batch.as_of), false), c.explanation
		FROM compared c
		LEFT JOIN LATERAL (SELECT o.number, o.closed_at FROM pql.lead o WHERE o.user_id = c.user_id AND o.model = c.model AND o.started_at = c.started_at
			ORDER BY o.number DESC LIMIT 1) l ON true
		WHERE CASE WHEN c.exact THEN c.qualified_at IS NOT NULL AND l.number IS NULL
			ELSE c.status = 'qualified' AND (l.number IS NULL
				OR c.before IS DISTINCT FROM 'qualified' AND l.closed_at <= refresh_batch.as_of - interval '90 days') END
		ON CONFLICT (user_id, model, started_at, number) DO NOTHING
		RETURNING user_id, lead_id, model, started_at, score, tier, qualified_at, late, backfilled
	), logged AS (
		INSERT INTO pql.lead_event (user_id, lead_id, event, occurred_at, details)
		SELECT w.user_id, w.lead_id, 'pql_triggered', refresh_batch.as_of, jsonb_build_object('model', w.model, 'pql_score', w.score, 'priority_tier', w.tier,
			'signals_met', c.signals, 'qualified_at', w.qualified_at, 'late', w.late, 'backfilled', w.backfilled)
		FROM won w JOIN compared c ON c.user_id = w.user_id AND c.model = w.model AND c.started_at = w.started_at
		RETURNING 1
	), supported AS (
		UPDATE pql.lead o SET unsupported_at = CASE WHEN c.qualified_at IS NULL THEN refresh_batch.as_of END FROM compared c
		WHERE c.exact AND o.user_id = ANY (picked) AND o.user_id = c.user_id AND o.model = c.model AND o.started_at = c.started_at AND (o.unsupported_at IS NULL) <> (c.qualified_at IS NOT NULL)
	), awaited AS (
		INSERT INTO pql.change (user_id, since, due_at, reason)
		SELECT l.user_id, l.due_at, l.due_at, 'later' FROM pql.later(ARRAY(SELECT DISTINCT k.user_id FROM claimed k WHERE k.until > refresh_batch.as_of), refresh_batch.as_of) l
	)
	SELECT (SELECT count(*) FROM compared c WHERE c.keeps_more), (SELECT count(*) FROM kept_now),
		(SELECT count(DISTINCT c.user_id) FROM compared c WHERE c.reread), (SELECT count(*) FROM noted), (SELECT count(*) FROM logged),
		(SELECT max(clock_timestamp() - greatest(k.logged_at, k.due_at)) FROM claimed k WHERE NOT k.backfill AND k.due_at <= refresh_batch.as_of)
	INTO expected, kept, reread, changed, triggered, lag;
	IF kept <> expected THEN
		RAISE EXCEPTION 'what is kept of a user was changed by somebody else'
			USING ERRCODE = 'serialization_failure', DETAIL = format('%s of %s rows of pql.state were as they had been read.', kept, expected),
				HINT = 'Refresh again. Only pql writes pql.state, after pql.lock_users.';
	END IF;
	IF run_id IS NULL THEN
		INSERT INTO pql.run AS r (as_of, started_at, finished_at) VALUES (as_of, began, clock_timestamp()) RETURNING r.run_id INTO run_id;
	END IF;
	UPDATE pql.run r SET as_of = greatest(r.as_of, refresh_batch.as_of), users = r.users + refresh_batch.users, reread = r.reread + refresh_batch.reread,
		changed = r.changed + refresh_batch.changed, triggered = r.triggered + refresh_batch.triggered, lag = greatest(r.lag, refresh_batch.lag)
	WHERE r.run_id = refresh_batch.run_id;
END
$$;
COMMENT ON FUNCTION pql.refresh_batch(timestamptz, int, bigint) IS 'Brings up to most_users users (and as many whose time has come) up to date, in this transaction: for who cannot CALL pql.refresh. run_id: what the call before returned, to go on with the same run; NULL: a new one, which looks for news in sources without triggers first. users 0: nothing was left to do. In READ COMMITTED; a transaction that refreshes several batches keeps their locks. ERROR: as_of NULL, or a minute or more earlier than that of the last refresh; within it, that of the last one holds.';

CREATE PROCEDURE pql.note_failure(run bigint, as_of timestamptz, message text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF run IS NULL THEN
		INSERT INTO pql.run (as_of, finished_at, error)
		VALUES (least(as_of, coalesce((SELECT max(r.as_of) FROM pql.run r), as_of)), clock_timestamp(), message);
	ELSE
		UPDATE pql.run r SET finished_at = clock_timestamp(), error = message WHERE r.run_id = run;
	END IF;
END
$$;
COMMENT ON PROCEDURE pql.note_failure(bigint, timestamptz, text) IS 'Notes in pql.run what ended a refresh.';

CREATE PROCEDURE pql.refresh(as_of timestamptz DEFAULT now())
LANGUAGE plpgsql AS $$
DECLARE
	batch record;
	run pg_catalog.int8;
	done pg_catalog.int8 := 0;
	told pg_catalog.timestamptz := pg_catalog.clock_timestamp();
	message pg_catalog.text;
	detail pg_catalog.text;
	hint pg_catalog.text;
	context pg_catalog.text;
BEGIN
	LOOP
		-- each batch sees what was committed before it, whatever the session's default
		COMMIT;
		SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
		BEGIN
			message := NULL;
			batch := pql.refresh_batch(as_of, 1000, run);
		EXCEPTION
			WHEN serialization_failure OR deadlock_detected THEN
				CONTINUE; -- somebody was faster: again
			WHEN OTHERS THEN
				GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, context = PG_EXCEPTION_CONTEXT;
				-- which source it was is the first thing to know
				message := pg_catalog.concat_ws(', ', message, pg_catalog.substring(context, 'reading source [^\n]*'));
		END;
		IF message IS NOT NULL THEN
			CALL pql.note_failure(run, as_of, message);
			COMMIT;
			RAISE EXCEPTION 'refresh stopped: %', message
				USING DETAIL = detail, HINT = pg_catalog.concat_ws(' ', NULLIF(hint, ''), 'What was done before is kept, and the rest still marked: refresh again when this is mended.');
		END IF;
		EXIT WHEN batch.users OPERATOR(pg_catalog.=) 0;
		IF run IS NULL THEN
			run := batch.run_id;
			UPDATE pql.run r SET finished_at = NULL WHERE r.run_id OPERATOR(pg_catalog.=) run;
		END IF;
		done := done OPERATOR(pg_catalog.+) batch.users;
		IF pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) told OPERATOR(pg_catalog.>) '5 seconds'::pg_catalog.interval THEN
			told := pg_catalog.clock_timestamp();
			RAISE NOTICE '% users refreshed, % left', done, (SELECT p.remaining FROM pql.progress p);
		END IF;
	END LOOP;
	IF run IS NOT NULL THEN
		UPDATE pql.run r SET finished_at = pg_catalog.clock_timestamp() WHERE r.run_id OPERATOR(pg_catalog.=) run;
		COMMIT;
	END IF;
	-- the others have been refreshed
	SELECT pg_catalog.string_agg(s.failure, E'\n' ORDER BY s.failure) INTO message FROM pql.source s WHERE s.failure IS NOT NULL;
	IF message IS NOT NULL THEN
		CALL pql.note_failure(run, as_of, message);
		COMMIT;
		RAISE EXCEPTION '%', message USING HINT = 'All else was refreshed. What has changed there is still noted: refresh again when this is mended.';
	END IF;
END
$$;
COMMENT ON PROCEDURE pql.refresh(timestamptz) IS 'Brings everything up to date: judges users whose events or facts have changed, or whose time has come, and writes pql.score, pql.score_history, pql.lead and pql.lead_event. In batches, each committed, so that it can be ended anywhere and run again; safe to run as often as one likes, also twice at once. Not inside a transaction block: pql.refresh_batch is for that.';

CREATE VIEW pql.progress AS
SELECT CASE WHEN r.run_id IS NULL THEN 'waiting' ELSE 'refreshing' END AS phase, coalesce(r.users, 0) AS done, c.waiting AS remaining,
	coalesce(r.users, 0) OPERATOR(pg_catalog.+) c.waiting AS total,
	r.users OPERATOR(pg_catalog./) nullif(extract(epoch FROM pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) r.started_at)::float8, 0) AS users_per_second,
	r.started_at
FROM (SELECT pg_catalog.count(DISTINCT x.user_id) AS waiting FROM pql.change x WHERE x.due_at OPERATOR(pg_catalog.<=) pg_catalog.clock_timestamp()) c
LEFT JOIN LATERAL (SELECT u.* FROM pql.run u WHERE u.finished_at IS NULL ORDER BY u.run_id DESC LIMIT 1) r ON true;
COMMENT ON VIEW pql.progress IS 'How far the refresh that is running has come: users judged, users marked and not judged yet. Each batch shows when it is committed.';

CREATE FUNCTION pql.verify(model text, as_of timestamptz DEFAULT NULL)
RETURNS TABLE (user_id text, started_at timestamptz, what text, kept text, recomputed text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	instant timestamptz := coalesce(as_of, (SELECT max(r.as_of) FROM pql.run r), now());
BEGIN
	RETURN QUERY
	WITH again AS MATERIALIZED (
		SELECT a.user_id, coalesce(a.started_at, '-infinity') AS started_at, a.account_id,
			ROW(a.status, a.score, a.potential, a.tier, a.signals, a.exclusions, a.qualified_at, a.next_change_at)::text AS verdict
		FROM pql.score_all(verify.model, instant) a
	), now_kept AS MATERIALIZED (
		SELECT s.user_id, s.started_at, s.account_id,
			ROW(s.status, s.score, s.potential, s.tier, s.signals, s.exclusions, s.qualified_at, s.next_change_at)::text AS verdict
		FROM pql.score s WHERE s.model = verify.model
	)
	SELECT coalesce(a.user_id, k.user_id), coalesce(a.started_at, k.started_at),
		CASE WHEN k.user_id IS NULL THEN 'missing' WHEN a.user_id IS NULL THEN 'too much' WHEN k.verdict IS DISTINCT FROM a.verdict THEN 'verdict' ELSE 'account' END,
		coalesce(CASE WHEN k.verdict IS NOT DISTINCT FROM a.verdict THEN k.account_id ELSE k.verdict END, ''),
		coalesce(CASE WHEN k.verdict IS NOT DISTINCT FROM a.verdict THEN a.account_id ELSE a.verdict END, '')
	FROM again a FULL JOIN now_kept k ON k.user_id = a.user_id AND k.started_at = a.started_at
	WHERE (a.verdict, a.account_id) IS DISTINCT FROM (k.verdict, k.account_id) OR a.user_id IS NULL OR k.user_id IS NULL
	ORDER BY 1, 2;
END
$$;
COMMENT ON FUNCTION pql.verify(text, timestamptz) IS 'Judges everybody from all events (pql.score_all) and returns the subjects of whom pql.score says something else: none, when all is well and nothing has changed since the last refresh, as of which it judges.';

CREATE FUNCTION pql.repair(model text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	wrong text[] := ARRAY(SELECT DISTINCT v.user_id FROM pql.verify(model) v);
BEGIN
	PERFORM pql.mark(wrong, '-infinity', 'repair');
	RETURN cardinality(wrong);
END
$$;
COMMENT ON FUNCTION pql.repair(text) IS 'Marks the users whom pql.verify finds, so that the next refresh reads their events again. Returns how many.';
