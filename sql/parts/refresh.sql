-- Refresh: from what has changed to verdicts, history and leads, each exactly once.
--
-- A batch of users is picked, then locked, and then one statement takes their marks away, judges
-- them and writes what came of it: in one snapshot, so that what is read, what is taken for done
-- and what is written belong together. Whoever else writes state takes the same locks first.

CREATE FUNCTION pql.judge_users(model text, users text[], sources text[], since timestamptz[], as_of timestamptz, unreadable text[])
RETURNS TABLE (user_id text, account_id text, started_at timestamptz, status text, score int, potential int,
	tier text, signals text[], exclusions text[], qualified_at timestamptz, next_change_at timestamptz, explanation jsonb,
	evidence pql.evidence, seen_until timestamptz, rev int, new_state boolean, new_verdict boolean, new_score boolean, changed_at timestamptz,
	status_before text, reread boolean, gone boolean, waits_for text,
	started_on date, ends_at timestamptz, converted_at timestamptz, activated_at timestamptz, sustained_at timestamptz, new_contact boolean)
LANGUAGE c STABLE PARALLEL UNSAFE ROWS 1000 SET search_path = pg_catalog, pg_temp SET jit = off
AS 'MODULE_PATHNAME', 'pql_judge_users';
COMMENT ON FUNCTION pql.judge_users(text, text[], text[], timestamptz[], timestamptz, text[]) IS 'The verdicts on all subjects of some users, from the evidence in pql.state and the events that came since then (sources and since, for each user: as in pql.change, and the source '''' for nothing that came; a user may be named once for each source), and what of it differs from pql.state (rev: the row that was read; evidence only where it differs) and from pql.score (new_contact: in more than next_change_at, or the day of the last event that counts). Users on whom no verdict can differ (only events came, the evidence is as before, and next_change_at is to come) have no rows. reread: all events of the user were read, for what is kept did not fit. gone: it is not a subject any more. waits_for: one of the sources in unreadable is needed, so the user was not judged. Explained where the subject newly qualifies. In the snapshot of the calling statement.';

CREATE FUNCTION pql.gather_query_of(model jsonb, source text, ids text[], since timestamptz) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN format($q$
		SELECT k.user_id, k.started_at, pql.gather(%L::jsonb, e.occurred_at, e.event, e.properties, nullif(k.started_at, '-infinity')), max(e.occurred_at), count(*)
		FROM unnest($2, $3, $4, $5, $6) k (id, user_id, started_at, from_at, until)
		JOIN (%s) e ON e.user_id = k.id AND e.occurred_at >= k.from_at AND e.occurred_at < k.until AND e.occurred_at <= $1
		GROUP BY k.user_id, k.started_at$q$, model, pql.source_rows(source, NULL, ids, since));
END
$$;
COMMENT ON FUNCTION pql.gather_query_of(jsonb, text, text[], timestamptz) IS 'The query that gathers evidence of some users'' subjects from a source, of events from an instant on: $1 as_of, $2 to $6 id in the source, person, start, and the instants from which on and before which events are read, of each id of each subject. With the latest event read, and how many were.';

CREATE FUNCTION pql.bucket(user_id text) RETURNS int
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
	SELECT pg_catalog.hashtext(user_id) & 1023;
END;
COMMENT ON FUNCTION pql.bucket(text) IS 'Which of 1,024 locks stands for a user.';

CREATE FUNCTION pql.lock_users(users text[]) RETURNS void
LANGUAGE sql VOLATILE SET lock_timeout = 0
BEGIN ATOMIC
	-- ascending, so that two who lock cannot wait for each other
	SELECT pg_catalog.pg_advisory_xact_lock(7370828, b.bucket) FROM (SELECT DISTINCT pql.bucket(u) AS bucket FROM pg_catalog.unnest(users) u ORDER BY 1) b;
END;
COMMENT ON FUNCTION pql.lock_users(text[]) IS 'Until the transaction ends, nobody else writes what is kept of these users. First of all locks, and in a statement of its own: what is read in the same one may be older than the lock.';

CREATE FUNCTION pql.try_lock_users(users text[]) RETURNS text[]
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	WITH buckets AS MATERIALIZED (SELECT DISTINCT pql.bucket(u) AS bucket FROM unnest(users) u ORDER BY 1),
	locked AS MATERIALIZED (SELECT b.bucket FROM buckets b WHERE pg_catalog.pg_try_advisory_xact_lock(7370828, b.bucket))
	SELECT coalesce(array_agg(u), '{}') FROM unnest(users) u WHERE pql.bucket(u) IN (SELECT k.bucket FROM locked k);
END;
COMMENT ON FUNCTION pql.try_lock_users(text[]) IS 'Those of the users whom nobody else has locked, locked.';

CREATE FUNCTION pql.lock_everybody() RETURNS void
LANGUAGE sql VOLATILE SET lock_timeout = 0
BEGIN ATOMIC
	SELECT pg_catalog.pg_advisory_xact_lock(7370828, b.bucket) FROM (SELECT g.bucket FROM pg_catalog.generate_series(0, 1023) g (bucket) ORDER BY g.bucket) b;
END;
COMMENT ON FUNCTION pql.lock_everybody() IS 'The same for everybody.';

CREATE FUNCTION pql.everybody(unreadable text[] DEFAULT '{}') RETURNS TABLE (user_id text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT p.user_id FROM pql.person p UNION SELECT t.user_id FROM pql.trial t UNION SELECT s.user_id FROM pql.state s%s',
		-- users of whom only events are known count for models of users, and where events start trials
		CASE WHEN NOT EXISTS (SELECT FROM pql.trial) OR EXISTS (SELECT FROM pql.active_model m WHERE m.unit = 'user' AND NOT (pql.model_info(m.document)).per_trial)
			THEN format(' UNION SELECT e.user_id FROM (%s) e', pql.event_query(NULL, NULL, unreadable)) ELSE '' END);
END
$$;
COMMENT ON FUNCTION pql.everybody(text[]) IS 'Everybody whom a model might judge, but for those of whom only a source in unreadable knows.';

CREATE FUNCTION pql.later(users text[], as_of timestamptz, unreadable text[] DEFAULT '{}') RETURNS TABLE (user_id text, due_at timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
-- a few rows of large tables
SET enable_seqscan = off SET max_parallel_workers_per_gather = 0 AS $$
BEGIN
	IF cardinality(users) = 0 THEN
		RETURN;
	END IF;
	-- as a subquery, for the planner would look up how many rows each user has
	RETURN QUERY EXECUTE format($q$
		SELECT l.user_id, min(l.at) FROM (
			SELECT t.user_id, t.started_at AS at FROM pql.trial t WHERE t.user_id = ANY ((SELECT $1)::text[])
			UNION ALL SELECT t.user_id, t.converted_at FROM pql.trial t WHERE t.user_id = ANY ((SELECT $1)::text[])
			UNION ALL SELECT p.user_id, v.at FROM pql.person p, unnest(ARRAY[p.signed_up_at, p.paid_at, p.opted_out_at, p.suppressed_at]) v (at) WHERE p.user_id = ANY ((SELECT $1)::text[])
			UNION ALL SELECT f.subject, f.recorded_at FROM pql.fact f WHERE f.subject = ANY ((SELECT $1)::text[])
			UNION ALL SELECT c.user_id, c.converted_at FROM pql.conversion c WHERE c.user_id = ANY ((SELECT $1)::text[])
			UNION ALL SELECT p.user_id, c.converted_at FROM pql.person p JOIN pql.conversion c ON c.account_id = p.account_id WHERE p.user_id = ANY ((SELECT $1)::text[])
			UNION ALL SELECT p.user_id, f.recorded_at FROM pql.person p JOIN pql.fact f ON f.subject = p.account_id WHERE p.user_id = ANY ((SELECT $1)::text[]) AND f.name LIKE 'account.%%'
			UNION ALL SELECT e.user_id, e.occurred_at FROM (%s) e WHERE e.user_id = ANY ((SELECT $1)::text[])) l
		WHERE l.at > $2 AND l.at < '10000-01-01 00:00Z'
		GROUP BY l.user_id$q$, pql.event_query(NULL, users, unreadable)) USING users, as_of;
END
$$;
COMMENT ON FUNCTION pql.later(text[], timestamptz, text[]) IS 'What is written of these users already, and does not count yet: when the first of it will. Sources in unreadable are left out.';

CREATE FUNCTION pql.state_fits(model text) RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT coalesce((SELECT pql.evidence_fits(s.evidence, pql.model(model)) FROM pql.state s WHERE s.model = state_fits.model AND s.evidence IS NOT NULL LIMIT 1), false);
END;
COMMENT ON FUNCTION pql.state_fits(text) IS 'Is there evidence of a model, of the layout that its active version keeps?';

CREATE FUNCTION pql.users_to_reread(as_of timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
-- a few of many
SET enable_seqscan = off AS $$
DECLARE
	part CONSTANT int := 16;
BEGIN
	RETURN coalesce(part * max(n.users), 0) FROM (
		SELECT count(*) AS users
		FROM pql.active_model m
		CROSS JOIN (SELECT c.user_id, min(c.since) AS since FROM pql.change c WHERE c.due_at <= as_of AND pql.user_between(c.user_id, 0, 4294967296 / part) GROUP BY c.user_id) c
		LEFT JOIN LATERAL (SELECT max(s.seen_until) AS seen_until FROM pql.state s WHERE s.user_id = c.user_id AND s.model = m.model OFFSET 0) s ON true
		WHERE m.unit = 'user' AND (s.seen_until IS NULL OR c.since <= s.seen_until)
		GROUP BY m.model) n;
END
$$;
COMMENT ON FUNCTION pql.users_to_reread(timestamptz) IS 'Of about how many marked users all events are to be read: nothing is kept of them, or something came or went before what they have been judged by. By looking at every sixteenth.';

CREATE FUNCTION pql.share_to_reread(as_of timestamptz) RETURNS float8
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET enable_seqscan = on AS $$
BEGIN
	RETURN max(n.share) FROM (
		SELECT (
			SELECT count(*) FILTER (WHERE s.seen_until IS NULL OR c.since <= s.seen_until)::float8 / nullif(count(*), 0)
			FROM (SELECT c.user_id, min(c.since) AS since FROM pql.change c WHERE c.due_at <= as_of GROUP BY c.user_id) c
			FULL JOIN (SELECT s.user_id, max(s.seen_until) AS seen_until FROM pql.state s WHERE s.model = m.model GROUP BY s.user_id) s ON s.user_id = c.user_id) AS share
		FROM pql.active_model m WHERE m.unit = 'user') n;
END
$$;
COMMENT ON FUNCTION pql.share_to_reread(timestamptz) IS 'The same of all users there are, counted, as a share of them. NULL: there is nobody.';

CREATE FUNCTION pql.stale_models(as_of timestamptz, unreadable text[] DEFAULT '{}', counting boolean DEFAULT true) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET enable_seqscan = on AS $$
DECLARE
	-- fewer, and a smaller part of all users, are read user by user
	few CONSTANT int := 10000;
	part CONSTANT float8 := 0.1;
	everybody_since timestamptz := min(c.since) FROM pql.change c WHERE c.user_id IS NULL;
	many boolean := false;
BEGIN
	IF unreadable <> '{}' THEN
		RETURN '{}';
	END IF;
	IF counting THEN
		many := (SELECT count(*) FROM (SELECT FROM pql.change c WHERE c.due_at <= as_of LIMIT few) c) = few;
	END IF;
	-- Each by itself, for to count everybody takes long. Who loads much marks many, of whom few are to be read again: where each refresh counted everybody, it found more marks the next time,
	-- and never caught up.
	IF many AND pql.users_to_reread(as_of) >= few THEN
		many := coalesce(pql.share_to_reread(as_of) > part, false);
	ELSE
		many := false;
	END IF;
	IF NOT many AND everybody_since IS NULL THEN
		RETURN '{}';
	END IF;
	-- events are the same for all models; what a model keeps of them is its own
	RETURN ARRAY(SELECT m.model FROM pql.active_model m WHERE m.unit = 'user' AND (many OR everybody_since < 'infinity' OR everybody_since IS NOT NULL AND NOT pql.state_fits(m.model)) ORDER BY m.model);
END
$$;
COMMENT ON FUNCTION pql.stale_models(timestamptz, text[], boolean) IS 'Models of which the events of so many users are to be read again that going through all events is quicker: all models where it is for marks, those that keep something else now where it is for that. counting: look at marks of users as well, not only at those for everybody. None while some sources cannot be read.';

CREATE FUNCTION pql.gather_state(of_model text, as_of timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET enable_seqscan = on SET jit = off AS $$
BEGIN
	WITH written AS (
		INSERT INTO pql.state AS o (user_id, model, started_at, evidence, seen_until)
		-- Whatever is not earlier than the latest event that counts will do: what came after that could be read again, and what comes before it
		-- is read with all the others. That of everybody is next to what comes now.
		SELECT g.user_id, of_model, g.started_at, g.evidence, coalesce(max(pql.evidence_horizon(g.evidence)) OVER (), '-infinity') FROM pql.gather_everybody(of_model, gather_state.as_of) g
		ON CONFLICT (user_id, model, started_at) DO UPDATE SET evidence = EXCLUDED.evidence, seen_until = EXCLUDED.seen_until, rev = o.rev + 1
		RETURNING o.user_id, o.started_at
	)
	-- who is not among them has no events any more
	DELETE FROM pql.state s WHERE s.model = of_model AND NOT EXISTS (SELECT FROM written w WHERE w.user_id = s.user_id AND w.started_at = s.started_at);
END
$$;
COMMENT ON FUNCTION pql.gather_state(text, timestamptz) IS 'Makes the evidence of everybody anew from the events up to an instant, by pql.gather_everybody. All users are to be locked before.';

CREATE FUNCTION pql.gather_stale(as_of timestamptz, models text[]) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM pql.lock_everybody();
	-- The events of these marks are among those that are read below; of marks that come meanwhile they may not be. A model that is not read anew
	-- has not seen them.
	UPDATE pql.change c SET since = gather_stale.as_of + interval '1 microsecond'
	WHERE c.due_at <= gather_stale.as_of AND c.since <= gather_stale.as_of AND NOT EXISTS (SELECT FROM pql.active_model m WHERE m.unit = 'user' AND m.model <> ALL (models));
	PERFORM pql.gather_state(m, as_of) FROM unnest(models) m;
END
$$;
COMMENT ON FUNCTION pql.gather_stale(timestamptz, text[]) IS 'Makes the evidence of some models anew, of everybody. When they are all there are, what was marked is then read up to as_of.';

CREATE FUNCTION pql.spread_marks(as_of timestamptz, unreadable text[], beginning boolean) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET enable_seqscan = on AS $$
DECLARE
	models text[] := pql.stale_models(as_of, unreadable, beginning);
	gathered boolean := models <> '{}';
BEGIN
	IF gathered THEN
		PERFORM pql.gather_stale(as_of, models);
	END IF;
	IF NOT EXISTS (SELECT FROM pql.change c WHERE c.user_id IS NULL AND (c.waits_for = ANY (unreadable)) IS NOT TRUE) THEN
		RETURN;
	END IF;
	WITH taken AS (
		DELETE FROM pql.change c WHERE c.user_id IS NULL AND (c.waits_for = ANY (unreadable)) IS NOT TRUE
		RETURNING c.since, c.backfill, c.logged_at, c.reason
	), once AS (
		SELECT min(t.since) AS since, bool_and(t.backfill) AS backfill, min(t.logged_at) AS logged_at, string_agg(DISTINCT t.reason, '; ') AS reason
		FROM taken t HAVING count(*) > 0
	), again AS (
		-- whom only these sources know comes when they can be read
		INSERT INTO pql.change (user_id, since, backfill, logged_at, waits_for, reason)
		SELECT NULL, o.since, o.backfill, o.logged_at, unreadable[1], o.reason FROM once o WHERE unreadable <> '{}'
	)
	INSERT INTO pql.change (user_id, since, backfill, logged_at, reason)
	SELECT u.user_id, o.since, o.backfill, o.logged_at, o.reason
	FROM once o CROSS JOIN (
		SELECT e.user_id FROM pql.everybody(unreadable) e WHERE NOT gathered
		UNION
		-- who has been gathered is all there are, and who was there before
		SELECT s.user_id FROM pql.state s WHERE gathered
		UNION
		SELECT s.user_id FROM pql.score s WHERE gathered
	) u
	WHERE u.user_id IS NOT NULL;
END
$$;
COMMENT ON FUNCTION pql.spread_marks(timestamptz, text[], boolean) IS 'Makes evidence anew where pql.stale_models says so, and turns marks for everybody into one for each user. Where some sources cannot be read, a mark stays for when they can.';

CREATE FUNCTION pql.check_as_of(as_of timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	last timestamptz := max(r.as_of) FROM pql.run r;
BEGIN
	IF as_of IS NULL OR NOT isfinite(as_of) THEN
		RAISE EXCEPTION 'as_of is no instant'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Write CALL pql.refresh();';
	END IF;
	-- clocks differ a little, and another refresh may be quicker
	IF as_of < last - interval '1 minute' THEN
		RAISE EXCEPTION 'as_of is earlier than the last refresh'
			USING ERRCODE = 'invalid_parameter_value', DETAIL = format('It was as of %s.', last),
				HINT = 'pql.score_all looks back to any instant, and writes nothing.';
	END IF;
	RETURN greatest(as_of, last);
END
$$;
COMMENT ON FUNCTION pql.check_as_of(timestamptz) IS 'As of when a refresh is that is asked to be as of this instant: no earlier than the last one. An ERROR when it is none, or a minute or more earlier.';

CREATE FUNCTION pql.begin_run(as_of timestamptz, unreadable text[] DEFAULT '{}', OUT run bigint, OUT failures text[])
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET lock_timeout = '10s' AS $$
DECLARE
	last timestamptz := max(r.as_of) FROM pql.run r;
	left_out jsonb;
BEGIN
	run := 0;
	PERFORM pql.watch_sources(unreadable);
	SELECT f.failures, f.ignored INTO failures, left_out FROM pql.follow_inputs(greatest(as_of, last)) f;
	failures := failures || array_remove(ARRAY[pql.follow_identities_at(greatest(as_of, last))], NULL);
	INSERT INTO pql.ignored (source, reason, rows) SELECT split_part(i.key, ': ', 1), split_part(i.key, ': ', 2), i.value::bigint FROM jsonb_each_text(left_out) i;
	IF pql.stale_models(as_of, unreadable) <> '{}' THEN
		INSERT INTO pql.run AS r (as_of, phase) VALUES (greatest(as_of, last), 'reading') RETURNING r.run_id INTO run;
	END IF;
END
$$;
COMMENT ON FUNCTION pql.begin_run(timestamptz, text[]) IS 'The beginning of a refresh: looks for news in sources without triggers, and in the tables that are followed. run: the id of a row of pql.run where everybody''s events are to be read, which may take a while, else 0. failures: what could not be followed, with the mend.';

CREATE FUNCTION pql.pick_users(as_of timestamptz, logged_until timestamptz, most_users int, unreadable text[]) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET max_parallel_workers_per_gather = 0 AS $$
DECLARE
	of_accounts boolean;
	picked text[];
BEGIN
	-- accounts when all their members have been judged
	FOREACH of_accounts IN ARRAY ARRAY[false, true] LOOP
		SELECT array_agg(DISTINCT p.user_id) INTO picked
		FROM (
			(SELECT c.user_id FROM pql.change c
			WHERE c.due_at <= as_of AND c.logged_at <= logged_until AND pql.is_account_key(c.user_id) = of_accounts
				AND (unreadable = '{}' OR (c.source = ANY (unreadable)) IS NOT TRUE AND NOT EXISTS (SELECT FROM pql.change w WHERE w.user_id = c.user_id AND w.waits_for = ANY (unreadable)))
			ORDER BY c.due_at, c.logged_at LIMIT most_users)
			UNION ALL
			(SELECT s.user_id FROM pql.score s
			WHERE s.next_change_at <= as_of AND pql.is_account_key(s.user_id) = of_accounts
				AND (unreadable = '{}' OR NOT EXISTS (SELECT FROM pql.change w WHERE w.user_id = s.user_id AND w.waits_for = ANY (unreadable)))
			ORDER BY s.next_change_at LIMIT most_users)
		) p;
		EXIT WHEN picked IS NOT NULL;
	END LOOP;
	RETURN picked;
END
$$;
COMMENT ON FUNCTION pql.pick_users(timestamptz, timestamptz, int, text[]) IS 'Up to so many users who are marked (by then), and as many whose time has come; not those who wait for a source in unreadable. NULL: nobody is left. A hint only: what holds is read when they are locked.';

CREATE FUNCTION pql.finish_refresh(as_of timestamptz, unreadable text[]) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM pql.move_leads(as_of);
	IF unreadable = '{}' THEN
		PERFORM pql.check_retention(as_of);
	END IF;
	PERFORM pql.watch_pilots(as_of);
END
$$;
COMMENT ON FUNCTION pql.finish_refresh(timestamptz, text[]) IS 'What follows when all who are marked have been judged: leads are moved, and what time alone brings is looked at.';

CREATE FUNCTION pql.refresh_batch(as_of timestamptz DEFAULT now(), most_users int DEFAULT 1000, INOUT run_id bigint DEFAULT NULL, unreadable text[] DEFAULT '{}', logged_until timestamptz DEFAULT 'infinity', publish boolean DEFAULT true,
	OUT users int, OUT reread int, OUT changed int, OUT triggered int, OUT lag interval)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET jit = off
-- who holds a source for long (to alter it, say) ends this batch, rather than all that wait behind it
SET lock_timeout = '10s'
-- planned once, for some users whoever they are, and not to be put off by tables that were empty then
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
	picked text[];
	forgotten text[];
	concerned text[];
	expected int;
	kept int;
	waiting int;
	newly_met jsonb;
	ignored_rows jsonb;
	began CONSTANT timestamptz := clock_timestamp();
BEGIN
	IF most_users IS NULL OR most_users < 1 OR unreadable IS NULL OR logged_until IS NULL THEN
		RAISE EXCEPTION 'most_users is not at least 1, or unreadable or logged_until is NULL'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Write pql.refresh_batch(now(), 1000).';
	END IF;
	IF run_id IS NULL THEN
		PERFORM pql.check_as_of(as_of);
		run_id := (pql.begin_run(as_of, unreadable)).run;
	END IF;
	-- nobody is judged as of an earlier instant than before
	as_of := greatest(as_of, (SELECT max(r.as_of) FROM pql.run r));
	PERFORM pql.spread_marks(as_of, unreadable, coalesce((SELECT r.phase = 'reading' FROM pql.run r WHERE r.run_id = refresh_batch.run_id), false));

	users := 0;
	reread := 0;
	changed := 0;
	triggered := 0;
	LOOP
		picked := pql.pick_users(as_of, logged_until, most_users, unreadable);
		EXIT WHEN picked IS NULL;
		users := cardinality(picked);
		-- with all ids of the same persons, as far as is known by now
		picked := pql.ids_of(picked);
		PERFORM pql.lock_users(picked);
		EXIT WHEN NOT EXISTS (SELECT FROM pql.forgotten);
		-- rows of theirs that came while they were being forgotten, or come from a connected table still
		forgotten := pql.forgotten_among(picked);
		PERFORM pql.erase(forgotten);
		picked := ARRAY(SELECT u FROM unnest(picked) u WHERE u <> ALL (forgotten));
		EXIT WHEN picked <> '{}';
	END LOOP;
	IF picked IS NULL THEN
		users := 0;
		PERFORM pql.finish_refresh(as_of, unreadable);
		IF publish THEN
			PERFORM pql.write_crm(as_of, NULL, unreadable, wait => false);
		END IF;
		RETURN;
	END IF;
	-- another refresh may have been quicker
	as_of := greatest(as_of, (SELECT max(r.as_of) FROM pql.run r));

	WITH same AS MATERIALIZED (
		SELECT a.user_id, a.same_as FROM pql.aliases(NULL, NULL, picked) a
	), unlocked AS MATERIALIZED (
		-- persons who have come to have an id that is not locked: they stay marked, and are picked again with all of them
		SELECT v.id FROM same a CROSS JOIN LATERAL (VALUES (a.user_id), (a.same_as)) v (id)
		WHERE a.same_as IN (SELECT b.same_as FROM same b WHERE b.user_id <> ALL (picked) OR b.same_as <> ALL (picked))
	), asked AS MATERIALIZED (
		SELECT array_agg(a.user_id) FILTER (WHERE NOT pql.is_account_key(a.user_id)) AS users, array_agg(a.source) FILTER (WHERE NOT pql.is_account_key(a.user_id)) AS sources,
			array_agg(a.since) FILTER (WHERE NOT pql.is_account_key(a.user_id)) AS since, array_agg(a.user_id) FILTER (WHERE pql.is_account_key(a.user_id)) AS accounts
		FROM (
			-- by user: IS TRUE keeps it from going through all marks by time where statistics are of when there were none
			SELECT c.user_id, c.source, c.since FROM pql.change c WHERE c.user_id = ANY (picked) AND (c.due_at <= refresh_batch.as_of) IS TRUE
			UNION ALL
			-- whose time has come, though nothing did
			SELECT u.user_id, '', 'infinity' FROM unnest(picked) u (user_id)
		) a
		WHERE a.user_id NOT IN (SELECT l.id FROM unlocked l)
	), models AS MATERIALIZED (
		SELECT m.model, m.version, m.exact_qualification AS exact, i.per_trial, m.unit, pql.reads_evidence(m.document) AS reads_evidence FROM pql.active_model m CROSS JOIN LATERAL pql.model_info(m.document) i
	), told AS MATERIALIZED (
		SELECT m.model, m.version, m.exact, m.per_trial, j.*
		FROM models m
		CROSS JOIN asked
		CROSS JOIN LATERAL pql.judge_users(m.model, asked.users, asked.sources, asked.since, refresh_batch.as_of, unreadable) j
		WHERE m.unit = 'user'
		UNION ALL
		SELECT m.model, m.version, m.exact, m.per_trial, j.*
		FROM models m
		CROSS JOIN asked
		CROSS JOIN LATERAL pql.judge_accounts(m.model, asked.accounts, refresh_batch.as_of) j
		WHERE m.unit = 'account' AND asked.accounts IS NOT NULL
	), waits AS MATERIALIZED (
		SELECT t.user_id, min(t.waits_for) AS waits_for FROM told t WHERE t.waits_for IS NOT NULL GROUP BY t.user_id
	), judged AS MATERIALIZED (
		-- with all ids of the person, under any of which there may be a lead
		SELECT t.*, ARRAY(SELECT a.user_id FROM same a WHERE a.same_as = t.user_id) || t.user_id AS ids FROM told t WHERE unreadable = '{}' OR t.user_id NOT IN (SELECT w.user_id FROM waits w)
	), claimed AS (
		DELETE FROM pql.change c WHERE c.user_id = ANY (picked) AND (c.due_at <= refresh_batch.as_of) IS TRUE
			-- what came from sources that cannot be read may be still to come
			AND (unreadable = '{}' OR (c.source = ANY (unreadable)) IS NOT TRUE AND c.user_id NOT IN (SELECT w.user_id FROM waits w))
			AND c.user_id NOT IN (SELECT l.id FROM unlocked l)
		RETURNING c.user_id, c.since, c.until, c.backfill, c.due_at, c.logged_at, c.source
	), members_heard AS (
		-- accounts of members of whom there is news: where they are, and where they were
		SELECT x.account_id, k.logged_at, k.backfill
		FROM judged j
		JOIN models m ON m.unit = 'account' AND j.model = pql.members_model(m.model)
		LEFT JOIN (SELECT c.user_id, min(c.logged_at) AS logged_at, bool_and(c.backfill) AS backfill, bool_or(c.since = 'infinity') AS known FROM claimed c GROUP BY c.user_id) k ON k.user_id = j.user_id
		LEFT JOIN pql.score o ON o.user_id = j.user_id AND o.model = j.model AND o.started_at = j.started_at
		CROSS JOIN LATERAL (SELECT j.account_id UNION SELECT o.account_id) x
		-- what is known of a person may count where their own verdict is as before
		WHERE (j.gone OR j.new_score OR k.known OR j.new_state AND m.reads_evidence) AND x.account_id IS NOT NULL
	), marked AS (
		INSERT INTO pql.change (user_id, since, until, backfill, logged_at, reason)
		SELECT pql.account_key(h.account_id), 'infinity', '-infinity', bool_and(coalesce(h.backfill, false)), min(coalesce(h.logged_at, least(clock_timestamp(), refresh_batch.logged_until))), 'members'
		FROM members_heard h GROUP BY h.account_id
	), postponed AS (
		-- marked so, they are not picked again while the source cannot be read
		INSERT INTO pql.change (user_id, since, until, waits_for, reason)
		SELECT w.user_id, 'infinity', '-infinity', w.waits_for, 'source cannot be read' FROM waits w
	), kept_now AS (
		INSERT INTO pql.state AS o (user_id, model, started_at, evidence, seen_until, rev)
		SELECT j.user_id, j.model, j.started_at, j.evidence, j.seen_until, j.rev + 1 FROM judged j WHERE j.new_state
		ON CONFLICT (user_id, model, started_at) DO UPDATE SET evidence = EXCLUDED.evidence, seen_until = EXCLUDED.seen_until, rev = EXCLUDED.rev WHERE o.rev = EXCLUDED.rev - 1
		RETURNING 1
	), forgotten AS (
		DELETE FROM pql.state o USING judged j
		WHERE o.user_id = ANY (ARRAY(SELECT g.user_id FROM judged g WHERE g.gone)) AND j.gone AND j.user_id = o.user_id AND j.model = o.model AND j.started_at = o.started_at
	), unscored AS (
		DELETE FROM pql.score o USING judged j
		WHERE o.user_id = ANY (ARRAY(SELECT g.user_id FROM judged g WHERE g.gone)) AND j.gone AND j.user_id = o.user_id AND j.model = o.model AND j.started_at = o.started_at
	), scored AS (
		INSERT INTO pql.score AS o (user_id, model, started_at, version, account_id, status, score, potential, tier, signals, exclusions, qualified_at, next_change_at, changed_at,
			started_on, ends_at, converted_at, activated_at, sustained_at)
		SELECT j.user_id, j.model, j.started_at, j.version, j.account_id, j.status, j.score, j.potential, j.tier, j.signals, j.exclusions, j.qualified_at, j.next_change_at, j.changed_at,
			j.started_on, j.ends_at, j.converted_at, j.activated_at, j.sustained_at
		FROM judged j WHERE j.new_score
		ON CONFLICT (user_id, model, started_at) DO UPDATE SET version = EXCLUDED.version, account_id = EXCLUDED.account_id, status = EXCLUDED.status,
			score = EXCLUDED.score, potential = EXCLUDED.potential, tier = EXCLUDED.tier, signals = EXCLUDED.signals, exclusions = EXCLUDED.exclusions,
			qualified_at = EXCLUDED.qualified_at, next_change_at = EXCLUDED.next_change_at, changed_at = EXCLUDED.changed_at,
			started_on = EXCLUDED.started_on, ends_at = EXCLUDED.ends_at, converted_at = EXCLUDED.converted_at, activated_at = EXCLUDED.activated_at, sustained_at = EXCLUDED.sustained_at
	), noted AS (
		INSERT INTO pql.score_history (user_id, model, started_at, changed_at, version, status, score, potential, tier, signals, exclusions, qualified_at)
		SELECT j.user_id, j.model, j.started_at, j.changed_at, j.version, j.status, j.score, j.potential, j.tier, j.signals, j.exclusions, j.qualified_at
		FROM judged j WHERE j.new_verdict
		RETURNING 1
	), won AS (
		-- a trial qualifies once. Other subjects again, when the last lead has been closed for 90 days and they cross the line anew.
		INSERT INTO pql.lead (user_id, model, started_at, number, account_id, version, status, score, tier, triggered_at, qualified_at, late, backfilled, explanation, trial_ends_at, trial_converted_at, signals, next_at)
		SELECT j.user_id, j.model, j.started_at, coalesce(l.number, 0) + 1, j.account_id, j.version, j.status, j.score, j.tier, refresh_batch.as_of, j.qualified_at,
			j.status <> 'qualified' OR j.per_trial AND j.ends_at <= refresh_batch.as_of,
			-- what the first refresh of all finds too late is history
			coalesce(k.backfill, false) OR NOT EXISTS (SELECT FROM pql.run r WHERE r.as_of < refresh_batch.as_of) AND (j.status <> 'qualified' OR j.per_trial AND j.ends_at <= refresh_batch.as_of), j.explanation, CASE WHEN j.per_trial THEN j.ends_at END, j.converted_at, j.signals,
			-- what becomes of it is decided when all are judged
			CASE WHEN EXISTS (SELECT FROM pql.routing r WHERE r.model = j.model) THEN refresh_batch.as_of END
		FROM judged j
		LEFT JOIN (SELECT c.user_id, bool_and(c.backfill) AS backfill FROM claimed c GROUP BY c.user_id) k ON k.user_id = j.user_id
		LEFT JOIN LATERAL (SELECT o.number, o.closed_at FROM pql.lead o
			WHERE o.user_id = ANY (j.ids) AND o.model = j.model AND o.started_at = j.started_at
			ORDER BY o.number DESC LIMIT 1) l ON true
		WHERE j.new_verdict AND CASE WHEN j.exact THEN j.qualified_at IS NOT NULL AND l.number IS NULL
			ELSE j.status = 'qualified' AND (l.number IS NULL
				OR j.status_before IS DISTINCT FROM 'qualified' AND l.closed_at <= refresh_batch.as_of - interval '90 days') END
		ON CONFLICT (user_id, model, started_at, number) DO NOTHING
		RETURNING user_id, lead_id, model, score, tier, signals, qualified_at, late, backfilled
	), logged AS (
		INSERT INTO pql.lead_event (user_id, lead_id, event, occurred_at, details)
		SELECT w.user_id, w.lead_id, 'pql_triggered', refresh_batch.as_of, jsonb_build_object('model', w.model, 'pql_score', w.score, 'priority_tier', w.tier,
			'signals_met', w.signals, 'qualified_at', w.qualified_at, 'late', w.late, 'backfilled', w.backfilled)
		FROM won w
		RETURNING 1
	), heard AS (
		-- leads of whom there is news are looked at when all are judged
		UPDATE pql.lead o SET unsupported_at = CASE WHEN NOT j.exact THEN o.unsupported_at WHEN j.qualified_at IS NULL THEN coalesce(o.unsupported_at, refresh_batch.as_of) END,
			next_at = CASE WHEN o.state = 'not_routed' AND o.reason IS NULL AND o.next_at IS NULL AND o.converted_at IS NULL AND j.status <> 'converted' THEN NULL ELSE refresh_batch.as_of END,
			trial_ends_at = CASE WHEN j.per_trial THEN j.ends_at END, trial_converted_at = j.converted_at
		FROM judged j
		-- looked up, one by one
		CROSS JOIN LATERAL (SELECT l.user_id, l.lead_id FROM pql.lead l
			WHERE l.user_id = ANY (j.ids) AND l.model = j.model AND l.started_at = j.started_at OFFSET 0) k
		WHERE o.user_id = k.user_id AND o.lead_id = k.lead_id AND (j.new_score AND (j.new_verdict OR j.per_trial AND o.trial_ends_at IS DISTINCT FROM j.ends_at OR o.trial_converted_at IS DISTINCT FROM j.converted_at)
			-- what was paid is no part of the verdict
			OR j.per_trial AND o.converted_at IS NOT NULL AND j.user_id = ANY (ARRAY(SELECT c.user_id FROM claimed c WHERE c.since = 'infinity'))
				AND EXISTS (SELECT FROM pql.trial t WHERE t.user_id = j.user_id AND t.started_at = j.started_at AND t.mrr IS DISTINCT FROM o.mrr))
		RETURNING o.user_id, o.lead_id, j.exact, j.qualified_at, o.unsupported_at
	), told_support AS (
		INSERT INTO pql.lead_event (user_id, lead_id, event, occurred_at)
		SELECT b.user_id, b.lead_id, CASE WHEN h.unsupported_at IS NULL THEN 'support_regained' ELSE 'support_lost' END, refresh_batch.as_of
		FROM heard h JOIN pql.lead b ON b.user_id = h.user_id AND b.lead_id = h.lead_id
		-- b is as it was before this statement
		WHERE (b.unsupported_at IS NULL) <> (h.unsupported_at IS NULL)
	), paid AS (
		INSERT INTO pql.retention AS o (user_id, started_at, converted_at, due_at)
		SELECT DISTINCT ON (j.user_id, j.started_at) j.user_id, j.started_at, j.converted_at, j.converted_at + '744 hours'
		FROM judged j WHERE j.new_score AND j.converted_at IS NOT NULL AND j.model = (SELECT r.model FROM pql.reporting() r)
		ON CONFLICT (user_id, started_at) DO UPDATE SET converted_at = EXCLUDED.converted_at, due_at = EXCLUDED.due_at, checked_30_at = NULL, seen_30_at = NULL, checked_90_at = NULL, seen_90_at = NULL
			WHERE o.converted_at <> EXCLUDED.converted_at
	), awaited AS (
		INSERT INTO pql.change (user_id, since, due_at, reason)
		SELECT l.user_id, l.due_at, l.due_at, 'later'
		FROM pql.later(ARRAY(SELECT DISTINCT k.user_id FROM claimed k WHERE k.until > refresh_batch.as_of), refresh_batch.as_of, unreadable) l
		-- looked up, one by one
		WHERE NOT EXISTS (SELECT FROM pql.change c WHERE c.user_id = l.user_id AND c.due_at = l.due_at OFFSET 0)
	), reported AS (
		DELETE FROM pql.ignored g WHERE NOT EXISTS (SELECT FROM pql.run r WHERE r.run_id = refresh_batch.run_id AND r.ignored IS NOT NULL) RETURNING g.source, g.reason, g.rows
	)
	SELECT (SELECT count(*) FROM judged j WHERE j.new_state), (SELECT count(*) FROM kept_now), (SELECT count(*) FROM waits),
		(SELECT count(DISTINCT j.user_id) FROM judged j WHERE j.reread), (SELECT count(*) FROM noted), (SELECT count(*) FROM logged),
		(SELECT max(clock_timestamp() - greatest(k.logged_at, k.due_at)) FROM claimed k WHERE NOT k.backfill),
		(SELECT jsonb_agg(jsonb_build_object('model', j.model, 'user_id', j.user_id, 'started_at', j.started_at, 'signal', a.signal, 'channel', a.channel))
			FROM judged j JOIN pql.signal_alert a ON a.model = j.model AND (a.signal = ANY (j.signals) OR a.signal = 'tier:' || j.tier)
			LEFT JOIN (SELECT c.user_id, bool_and(c.backfill) AS backfill FROM claimed c GROUP BY c.user_id) k ON k.user_id = j.user_id
			-- what was so before is in the snapshot still
			WHERE EXISTS (SELECT FROM pql.signal_alert) AND j.new_verdict AND k.backfill IS NOT TRUE AND NOT EXISTS (SELECT FROM pql.score o
				WHERE o.user_id = ANY (j.ids) AND o.model = j.model AND o.started_at = j.started_at
					AND (a.signal = ANY (o.signals) OR a.signal = 'tier:' || o.tier))),
		(SELECT jsonb_object_agg(s.source, s.reasons) FROM (
			SELECT r.source, jsonb_object_agg(r.reason, r.rows) AS reasons
			FROM (SELECT i.source, i.reason, sum(i.rows) AS rows FROM reported i GROUP BY 1, 2) r GROUP BY r.source) s),
		-- where only events came, what the CRM is told is verdicts, and when they last did something; unless events start trials
		CASE WHEN EXISTS (SELECT FROM pql.trial) THEN ARRAY(
			SELECT j.user_id FROM judged j WHERE j.new_contact OR j.gone
			UNION SELECT k.user_id FROM claimed k WHERE k.source IS NULL OR k.since = 'infinity'
			UNION SELECT w.user_id FROM waits w) ELSE picked END
	INTO expected, kept, waiting, reread, changed, triggered, lag, newly_met, ignored_rows, concerned;
	IF kept <> expected THEN
		RAISE EXCEPTION 'what is kept of a user was changed by somebody else'
			USING ERRCODE = 'serialization_failure', DETAIL = format('%s of %s rows of pql.state were as they had been read.', kept, expected),
				HINT = 'Refresh again. Only pql writes pql.state, after pql.lock_users.';
	END IF;
	IF run_id = 0 THEN
		INSERT INTO pql.run AS r (as_of, started_at) VALUES (as_of, began) RETURNING r.run_id INTO run_id;
	END IF;
	-- who calls batch by batch may end with any of them
	UPDATE pql.run r SET finished_at = clock_timestamp(), phase = NULL, ignored = coalesce(r.ignored, ignored_rows), as_of = greatest(r.as_of, refresh_batch.as_of), users = r.users + refresh_batch.users - waiting, reread = r.reread + refresh_batch.reread,
		changed = r.changed + refresh_batch.changed, triggered = r.triggered + refresh_batch.triggered, lag = greatest(r.lag, refresh_batch.lag)
	WHERE r.run_id = refresh_batch.run_id;
	PERFORM pql.tell_signals(newly_met, as_of);
	-- the last batch: whoever qualified in this run is known, and the best go first
	IF users < most_users THEN
		PERFORM pql.finish_refresh(as_of, unreadable);
	END IF;
	IF publish AND users < most_users THEN
		PERFORM pql.write_crm(as_of, concerned, unreadable, wait => false);
	ELSE
		-- when everybody has been judged: who waits for a lead does not wait for that
		INSERT INTO pql.crm_change (user_id) SELECT u FROM unnest(concerned) u;
	END IF;
END
$$;
COMMENT ON FUNCTION pql.refresh_batch(timestamptz, int, bigint, text[], timestamptz, boolean) IS 'Brings up to most_users users (and as many whose time has come) up to date, in this transaction: for who cannot CALL pql.refresh. run_id: what the call before returned, to go on with the same run; NULL: a new one, which looks for news in sources without triggers first (0: it has written nothing yet). unreadable: sources not to be read; who needs them stays marked. logged_until: marks made later wait for another run. publish: rows for the CRM are written with the last batch. users 0: nothing was left to do. In READ COMMITTED; a transaction that refreshes several batches keeps their locks. ERROR: as_of NULL, or a minute or more earlier than that of the last refresh (within it, that of the last one holds); a source that cannot be read.';

CREATE FUNCTION pql.unreadable_sources(unreadable text[] DEFAULT '{}') RETURNS TABLE (relation text, message text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s' AS $$
BEGIN
	FOR relation IN SELECT s.relation FROM pql.sources s WHERE s.input = 'events' AND s.relation <> ALL (unreadable) ORDER BY s.relation LOOP
		BEGIN
			EXECUTE format('SELECT FROM (%s) q LIMIT 0', pql.source_query(pql.source_relation(relation), (SELECT s.mapping FROM pql.sources s WHERE s.input = 'events' AND s.relation = unreadable_sources.relation)));
		EXCEPTION WHEN OTHERS THEN
			message := SQLERRM;
			RETURN NEXT;
		END;
	END LOOP;
END
$$;
COMMENT ON FUNCTION pql.unreadable_sources(text[]) IS 'Sources, but for those in unreadable, that are gone, have lost a column or changed its type, are locked or may not be read; and what the server says.';

CREATE PROCEDURE pql.note_failure(run bigint, as_of timestamptz, message text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF run > 0 THEN
		UPDATE pql.run r SET finished_at = clock_timestamp(), phase = NULL, error = message WHERE r.run_id = run;
	ELSE
		INSERT INTO pql.run (as_of, finished_at, error)
		VALUES (least(as_of, coalesce((SELECT max(r.as_of) FROM pql.run r), as_of)), clock_timestamp(), message);
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
	-- what comes meanwhile is for the next run: who loads all the time does not keep this one from ending
	began pg_catalog.timestamptz;
	-- sources that cannot be read, and what was said of each
	unreadable pg_catalog.text[] := '{}';
	messages pg_catalog.text[] := '{}';
	failures pg_catalog.text[] := '{}';
	source pg_catalog.text;
	message pg_catalog.text;
	detail pg_catalog.text;
	hint pg_catalog.text;
	context pg_catalog.text;
BEGIN
	-- not inside a transaction, also when there is nothing to do
	COMMIT;
	IF NOT pql.has_work(pql.check_as_of(as_of)) THEN
		RETURN;
	END IF;
	LOOP
		-- each batch sees what was committed before it, whatever the session's default
		COMMIT;
		SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
		BEGIN
			message := NULL;
			IF run IS NULL THEN
				SELECT b.run, b.failures INTO run, failures FROM pql.begin_run(as_of, unreadable) b;
				-- with what it has followed
				began := pg_catalog.clock_timestamp();
				IF run OPERATOR(pg_catalog.>) 0 THEN
					RAISE NOTICE 'reading everybody''s events';
				END IF;
				CONTINUE; -- whatever becomes of the first batch, that is done, and others see it
			END IF;
			batch := pql.refresh_batch(as_of, 1000, run, unreadable, began, false);
		EXCEPTION
			WHEN serialization_failure OR deadlock_detected THEN
				CONTINUE; -- somebody was faster: again
			WHEN OTHERS THEN
				GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, context = PG_EXCEPTION_CONTEXT;
		END;
		IF message IS NOT NULL THEN
			-- a source that cannot be read stops nobody who does not need it
			source := coalesce(pg_catalog.substring(context, 'reading source ([^\n]*)'), (SELECT u.relation FROM pql.unreadable_sources(unreadable) u LIMIT 1));
			IF source IS NULL OR source OPERATOR(pg_catalog.=) ANY (unreadable) THEN
				CALL pql.note_failure(run, as_of, message);
				COMMIT;
				RAISE EXCEPTION 'refresh stopped: %', message
					USING DETAIL = detail, HINT = pg_catalog.concat_ws(' ', NULLIF(hint, ''), 'What was done before is kept, and the rest still marked: refresh again when this is mended.');
			END IF;
			unreadable := unreadable OPERATOR(pg_catalog.||) source;
			messages := messages OPERATOR(pg_catalog.||) pg_catalog.format('%s: %s', source, pg_catalog.concat_ws('. ', message, NULLIF(hint, '')));
			CONTINUE;
		END IF;
		EXIT WHEN batch.users OPERATOR(pg_catalog.=) 0;
		run := batch.run_id;
		UPDATE pql.run r SET finished_at = NULL, phase = 'judging' WHERE r.run_id OPERATOR(pg_catalog.=) run;
		done := done OPERATOR(pg_catalog.+) batch.users;
		IF pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) told OPERATOR(pg_catalog.>) '5 seconds'::pg_catalog.interval THEN
			told := pg_catalog.clock_timestamp();
			RAISE NOTICE '% users judged, % left', done, (SELECT p.remaining FROM pql.progress p);
		END IF;
	END LOOP;
	-- Rows for the CRM follow, some at a time. Where something new is to be judged already, that comes first: the rest is published by the refreshes after it.
	LOOP
		PERFORM pql.write_crm(as_of, NULL, unreadable, most_users => 1000);
		COMMIT;
		SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
		EXIT WHEN NOT EXISTS (SELECT FROM pql.crm_change) OR unreadable OPERATOR(pg_catalog.<>) '{}'
			OR EXISTS (SELECT FROM pql.change c WHERE c.logged_at OPERATOR(pg_catalog.>) began AND c.due_at OPERATOR(pg_catalog.<=) as_of AND c.waits_for IS NULL);
	END LOOP;
	messages := messages OPERATOR(pg_catalog.||) failures;
	IF messages OPERATOR(pg_catalog.<>) '{}' THEN
		CALL pql.note_failure(run, as_of, pg_catalog.array_to_string(messages, E'\n'));
		COMMIT;
		RAISE EXCEPTION 'refresh could not read %', coalesce((SELECT pg_catalog.string_agg(u, ', ') FROM (
				SELECT pg_catalog.unnest(unreadable) AS u UNION ALL SELECT s.relation FROM pql.source s WHERE s.failure IS NOT NULL
				UNION ALL SELECT 'identities' FROM pql.identity_following f WHERE f.failure IS NOT NULL) n), 'everything')
			USING DETAIL = pg_catalog.array_to_string(messages, E'\n'), HINT = 'What does not depend on it was refreshed. The rest stays marked: refresh again when this is mended.';
	ELSIF run OPERATOR(pg_catalog.>) 0 THEN
		UPDATE pql.run r SET finished_at = pg_catalog.clock_timestamp(), phase = NULL WHERE r.run_id OPERATOR(pg_catalog.=) run;
		COMMIT;
	END IF;
END
$$;
COMMENT ON PROCEDURE pql.refresh(timestamptz) IS 'Brings everything up to date: judges users whose events or facts have changed, or whose time has come, and writes pql.score, pql.score_history, pql.lead and pql.lead_event. In batches, each committed, so that it can be ended anywhere and run again; safe to run as often as one likes, also twice at once. Not inside a transaction block: pql.refresh_batch is for that. A source that cannot be read is an ERROR at the end, when everybody who does not need it has been refreshed.';

CREATE VIEW pql.progress AS
SELECT coalesce(r.phase, 'waiting') AS phase, coalesce(r.users, 0) AS done, coalesce(r.users, 0) OPERATOR(pg_catalog.+) c.waiting AS total,
	s.rate, c.waiting AS remaining, c.waiting OPERATOR(pg_catalog./) nullif(s.rate, 0) OPERATOR(pg_catalog.*) interval '1 second' AS remaining_time, r.started_at
FROM (SELECT pg_catalog.count(DISTINCT x.user_id) AS waiting FROM pql.change x WHERE x.due_at OPERATOR(pg_catalog.<=) pg_catalog.clock_timestamp()) c
LEFT JOIN LATERAL (
	SELECT u.* FROM pql.run u
	-- one that was ended from outside could not say so; one that is at work has the marks locked
	WHERE u.phase IS NOT NULL AND EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.pid OPERATOR(pg_catalog.=) u.pid AND l.relation OPERATOR(pg_catalog.=) 'pql.change'::pg_catalog.regclass)
	ORDER BY u.run_id DESC LIMIT 1) r ON true
LEFT JOIN LATERAL (
	SELECT r.users OPERATOR(pg_catalog./) nullif(extract(epoch FROM pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) r.started_at)::float8, 0) AS rate) s ON true;
COMMENT ON VIEW pql.progress IS 'How far the refresh that is running has come. Each batch shows when it is committed.';
COMMENT ON COLUMN pql.progress.phase IS 'reading (everybody''s events, in one go), judging, or waiting: no refresh is running, or it has only begun.';
COMMENT ON COLUMN pql.progress.done IS 'Users judged.';
COMMENT ON COLUMN pql.progress.total IS 'And users marked.';
COMMENT ON COLUMN pql.progress.rate IS 'Users judged in a second.';
COMMENT ON COLUMN pql.progress.remaining IS 'Users marked, and not judged yet.';

CREATE FUNCTION pql.verify(model text, as_of timestamptz DEFAULT NULL)
RETURNS TABLE (user_id text, started_at timestamptz, what text, kept text, recomputed text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	instant timestamptz := coalesce(as_of, (SELECT max(r.as_of) FROM pql.run r), now());
BEGIN
	RETURN QUERY
	WITH again AS MATERIALIZED (
		SELECT coalesce(a.user_id, pql.account_key(a.account_id)) AS user_id, coalesce(a.started_at, '-infinity') AS started_at, a.account_id,
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
COMMENT ON FUNCTION pql.verify(text, timestamptz) IS 'Judges everybody from all events (pql.score_all) and returns the subjects (accounts as in pql.score) of whom pql.score says something else: none, when all is well and nothing has changed since the last refresh, as of which it judges.';

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
