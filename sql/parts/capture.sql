-- Capture: who is to be judged again, noted in the transaction that changes what is known of them.
--
-- Triggers fire once a statement. They must never stand in the way of who loads: what goes wrong in
-- one becomes a mark that everybody is to be judged again.

CREATE FUNCTION pql.mark_everybody(since timestamptz, reason text, backfill boolean DEFAULT false) RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	INSERT INTO pql.change (user_id, since, backfill, reason) VALUES (NULL, since, backfill OR coalesce(current_setting('pql_follow.backfill', true) = 'on', false), reason);
END;
COMMENT ON FUNCTION pql.mark_everybody(timestamptz, text, boolean) IS 'Notes everybody for the next refresh.';

CREATE FUNCTION pql.mark(users text[], since timestamptz, reason text) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	-- more than this in one statement is cheaper to find by going through everybody
	most CONSTANT int := 100000;
BEGIN
	IF cardinality(users) > most THEN
		PERFORM pql.mark_everybody(since, reason);
	ELSE
		INSERT INTO pql.change (user_id, since, backfill, reason)
		SELECT DISTINCT u.user_id, mark.since, coalesce(current_setting('pql_follow.backfill', true) = 'on', false), mark.reason FROM unnest(users) u (user_id) WHERE u.user_id IS NOT NULL;
	END IF;
END
$$;
COMMENT ON FUNCTION pql.mark(text[], timestamptz, text) IS 'Notes users for the next refresh. since: as in pql.change. NULL: nobody.';

CREATE FUNCTION pql.mark_dirty(user_ids text[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF user_ids IS NULL THEN
		RAISE EXCEPTION 'user_ids is NULL'
			USING ERRCODE = 'null_value_not_allowed', HINT = 'Give the ids of users whose events or facts have changed: ARRAY[''u1'', ''u2''].';
	END IF;
	PERFORM pql.mark(user_ids, '-infinity', 'mark_dirty');
	PERFORM pql.note_users(user_ids);
	RETURN (SELECT count(DISTINCT u) FROM unnest(user_ids) u);
END
$$;
COMMENT ON FUNCTION pql.mark_dirty(text[]) IS 'For sources without triggers: the events of these users are read again by the next refresh. Returns how many they are. NULL is an ERROR.';

-- ---- events ----

CREATE FUNCTION pql.capture_events() RETURNS trigger
LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'pql_capture_events';
COMMENT ON FUNCTION pql.capture_events() IS 'Trigger of tables of events: marks the users of rows that came, went or changed. Arguments: the source, its mapping, and how it is captured (trigger, or mark: only ids are looked at).';

CREATE FUNCTION pql.tables_of(target regclass) RETURNS TABLE (relation regclass)
LANGUAGE sql STABLE
BEGIN ATOMIC
	WITH RECURSIVE tree AS (
		SELECT target AS relation
		UNION
		SELECT i.inhrelid::regclass FROM pg_catalog.pg_inherits i JOIN tree t ON i.inhparent = t.relation
	)
	-- foreign tables can have no such triggers
	SELECT t.relation FROM tree t JOIN pg_catalog.pg_class c ON c.oid = t.relation AND c.relkind IN ('r', 'p');
END;
COMMENT ON FUNCTION pql.tables_of(regclass) IS 'A table and its partitions and children at all levels, but for foreign ones.';

CREATE FUNCTION pql.watched_tables(input text, source regclass, mapping jsonb) RETURNS TABLE (target regclass)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT source
	UNION
	SELECT c.oid::regclass FROM jsonb_array_elements_text(pql.shape_parts(mapping ->> 'query', source) -> 'tables') t (oid)
	JOIN pg_catalog.pg_class c ON c.oid = t.oid::oid AND c.relkind IN ('r', 'p') WHERE input <> 'events';
END;
COMMENT ON FUNCTION pql.watched_tables(text, regclass, jsonb) IS 'The table of a source, and others without which its rows cannot be understood (pql.shape_parts).';

CREATE FUNCTION pql.create_capture(input text, target regclass, source text, mapping jsonb, capture text) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
-- whoever waits for a long load lets nobody else load meanwhile
SET lock_timeout = '2s' AS $$
DECLARE
	handler CONSTANT text := CASE input WHEN 'events' THEN format('pql.capture_events(%L, %L, %L)', source, mapping, capture) ELSE format('pql.note_input(%L, %L)', source, input) END;
	part regclass;
	kind record;
BEGIN
	-- on the parent and on every part: a statement fires those of the table that it names
	FOR part IN SELECT t.relation FROM pql.tables_of(target) t LOOP
		FOR kind IN
			-- a table may be connected as more than one input
			SELECT format('pql_%s_%s', input, k.event) AS name, k.* FROM (VALUES ('insert', 'REFERENCING NEW TABLE AS added'),
				('update', 'REFERENCING OLD TABLE AS removed NEW TABLE AS added'), ('delete', 'REFERENCING OLD TABLE AS removed'), ('truncate', '')) k (event, tables)
		LOOP
			IF EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = part AND t.tgname = kind.name) THEN
				EXECUTE format('DROP TRIGGER %I ON %s', kind.name, part);
			END IF;
			EXECUTE format('CREATE TRIGGER %I AFTER %s ON %s %s FOR EACH STATEMENT EXECUTE FUNCTION %s', kind.name, kind.event, part, kind.tables, handler);
			EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', part, kind.name);
		END LOOP;
	END LOOP;
END
$$;
COMMENT ON FUNCTION pql.create_capture(text, regclass, text, jsonb, text) IS 'Puts the triggers of capture on a table that is connected, as a source of an input, and on its partitions.';

CREATE FUNCTION pql.drop_capture(input text, target regclass) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	found record;
BEGIN
	FOR found IN
		SELECT t.tgname, t.tgrelid::regclass AS part FROM pg_trigger t JOIN pql.tables_of(target) p ON p.relation = t.tgrelid
		WHERE t.tgname IN ('pql_' || input || '_insert', 'pql_' || input || '_update', 'pql_' || input || '_delete', 'pql_' || input || '_truncate')
	LOOP
		EXECUTE format('DROP TRIGGER %I ON %s', found.tgname, found.part);
	END LOOP;
END
$$;
COMMENT ON FUNCTION pql.drop_capture(text, regclass) IS 'Takes them off again.';

CREATE FUNCTION pql.is_watched(target regclass, trigger name) RETURNS boolean
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_is_watched';
COMMENT ON FUNCTION pql.is_watched(regclass, name) IS 'Have a table and its partitions and children at all levels (pql.tables_of) a trigger of this name?';

CREATE FUNCTION pql.unwatched_tables() RETURNS TABLE (input text, relation text, target regclass, mapping jsonb, capture text)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT DISTINCT s.input, s.relation, w.target, s.mapping, s.capture
	-- as it was connected: what has come since is nothing to watch
	FROM (SELECT o.input, o.relation, o.mapping, o.capture FROM pql.source o WHERE o.disconnected_at IS NULL
		UNION ALL SELECT e.input, e.relation, e.mapping, e.capture FROM pql.sources e WHERE e.input = 'events' AND e.relation = 'pql.event') s
	CROSS JOIN LATERAL pql.watched_tables(s.input, to_regclass(s.relation), s.mapping) w
	WHERE s.capture IN ('trigger', 'mark') AND NOT pql.is_watched(w.target, ('pql_' || s.input || '_insert')::name);
END;
COMMENT ON FUNCTION pql.unwatched_tables() IS 'Sources with a table that has no triggers, though it should: partitions attached, and tables that took a connected one''s name.';

CREATE FUNCTION pql.sources_are_new() RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF EXISTS (SELECT FROM pql.source s WHERE s.input = 'events' AND s.disconnected_at IS NULL AND (s.capture = 'cursor' OR to_regclass(s.relation) IS NULL)) OR EXISTS (SELECT FROM pql.unwatched_tables()) THEN
		RETURN true;
	ELSIF EXISTS (SELECT FROM pql.source s WHERE s.input = 'events' AND s.of_schema IS NOT NULL) THEN
		RETURN EXISTS (SELECT FROM pql.new_tables() n WHERE n.input = 'events');
	END IF;
	RETURN false;
END
$$;
COMMENT ON FUNCTION pql.sources_are_new() IS 'Is pql.watch_sources to look at sources of events, or any source to be given triggers? Those with a cursor are to be asked for news, and those that are gone to be told of; and schemas may have got tables.';

CREATE FUNCTION pql.watch_sources(unreadable text[] DEFAULT '{}') RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	-- what is loaded earlier may be committed later
	overlap CONSTANT interval := '5 minutes';
	unwatched record;
	cursor record;
	users text[];
	latest timestamptz;
BEGIN
	FOR cursor IN SELECT s.relation, s.mapping, s.cursor_at FROM pql.sources s WHERE s.input = 'events' AND s.capture = 'cursor' AND s.relation <> ALL (unreadable) LOOP
		EXECUTE format('SELECT array_agg(DISTINCT q.user_id), max(q.received_at) FROM (%s) q WHERE q.received_at > $1 AND isfinite(q.received_at)',
			pql.source_query(pql.source_relation(cursor.relation), cursor.mapping)) INTO users, latest USING coalesce(cursor.cursor_at - overlap, '-infinity');
		-- the same rows as the last time are no news
		CONTINUE WHEN latest IS NOT DISTINCT FROM cursor.cursor_at AND latest < clock_timestamp() - overlap OR latest IS NULL;
		IF cursor.cursor_at IS NOT NULL THEN
			PERFORM pql.mark(users, '-infinity', 'loaded into ' || cursor.relation);
		END IF;
		UPDATE pql.source o SET cursor_at = latest WHERE o.input = 'events' AND o.relation = cursor.relation AND o.cursor_at IS DISTINCT FROM latest;
	END LOOP;
	IF EXISTS (SELECT FROM pql.new_tables() n WHERE n.input = 'events') THEN
		BEGIN
			PERFORM pql.connect_new_tables();
		EXCEPTION
			WHEN serialization_failure OR deadlock_detected THEN
				RAISE;
			WHEN OTHERS THEN
				-- it stands in the way of nothing that is connected; pql.health names the tables
				RAISE WARNING 'new tables cannot be connected: %', SQLERRM;
		END;
	END IF;
	FOR unwatched IN SELECT u.* FROM pql.unwatched_tables() u WHERE u.input = 'events' AND u.relation <> ALL (unreadable) LOOP
		BEGIN
			PERFORM pql.create_capture(unwatched.input, unwatched.target, unwatched.relation, unwatched.mapping, unwatched.capture);
			PERFORM pql.mark_everybody('-infinity', 'new tables of ' || unwatched.relation);
		EXCEPTION WHEN lock_not_available THEN
			-- somebody loads it: the next time
			NULL;
		END;
	END LOOP;
END
$$;
COMMENT ON FUNCTION pql.watch_sources(text[]) IS 'Connects tables of new events in schemas that are connected. Puts triggers on tables of sources that have none: partitions attached and tables renamed since they were connected. What they hold is read then. And marks users of rows that sources with a cursor have loaded since the last time, or in the five minutes before. Sources in unreadable are left out.';

SELECT pql.create_capture(s.input, 'pql.event', s.relation, s.mapping, s.capture) FROM pql.sources s WHERE s.relation = 'pql.event';

-- ---- what is known of users ----

CREATE FUNCTION pql.asks_for(fact text) RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT EXISTS (SELECT FROM pql.active_model m CROSS JOIN LATERAL pql.model_info(m.document) i WHERE fact = ANY (i.facts));
END;
COMMENT ON FUNCTION pql.asks_for(text) IS 'Does an active model read the fact?';

CREATE FUNCTION pql.capture_trials() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	-- without any trial, signup_complete starts them: the first and the last row are everybody's business
	IF TG_OP = 'INSERT' THEN
		IF NOT EXISTS (SELECT FROM pql.trial t WHERE NOT EXISTS (SELECT FROM added a WHERE a.user_id = t.user_id AND a.started_at = t.started_at)) THEN
			PERFORM pql.mark_everybody('-infinity', 'first trials');
		END IF;
	ELSIF TG_OP <> 'UPDATE' THEN
		IF NOT EXISTS (SELECT FROM pql.trial) THEN
			PERFORM pql.mark_everybody('-infinity', 'last trials');
			RETURN NULL;
		END IF;
	END IF;
	IF TG_OP IN ('INSERT', 'UPDATE') THEN
		PERFORM pql.mark(array_agg(DISTINCT a.user_id), 'infinity', 'trial') FROM added a;
	END IF;
	IF TG_OP IN ('UPDATE', 'DELETE') THEN
		PERFORM pql.mark(array_agg(DISTINCT r.user_id), 'infinity', 'trial') FROM removed r;
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION pql.capture_trials() IS 'Trigger of pql.trial.';

CREATE FUNCTION pql.capture_known() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	users text[];
BEGIN
	IF TG_OP = 'TRUNCATE' THEN
		PERFORM pql.mark_everybody('infinity', 'truncate of pql.' || TG_TABLE_NAME);
		RETURN NULL;
	END IF;
	EXECUTE format('SELECT array_agg(DISTINCT u.user_id) FROM (' || TG_ARGV[0] || ') u',
		concat_ws(' UNION ALL ', CASE WHEN TG_OP <> 'DELETE' THEN 'SELECT * FROM added' END, CASE WHEN TG_OP <> 'INSERT' THEN 'SELECT * FROM removed' END)) INTO users;
	PERFORM pql.mark(users, 'infinity', TG_TABLE_NAME);
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION pql.capture_known() IS 'Trigger of tables that say something of users or their accounts. Argument: the query that finds the users whom rows (%1$s) are about.';

CREATE FUNCTION pql.capture_lists() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	-- what touches no row changes nothing
	IF TG_OP <> 'TRUNCATE' THEN
		IF NOT EXISTS (SELECT FROM touched) THEN
			RETURN NULL;
		END IF;
	END IF;
	PERFORM pql.mark_everybody('infinity', TG_TABLE_NAME);
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION pql.capture_lists() IS 'Trigger of lists that models look values up in.';

CREATE FUNCTION pql.capture_models() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM pql.mark_everybody('infinity', format('model %s version %s', NEW.model, NEW.version), true);
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION pql.capture_models() IS 'Trigger: a version that becomes the active one judges everybody anew.';

DO $$
DECLARE
	kind record;
BEGIN
	FOR kind IN
		SELECT t.name, t.handler, k.*
		FROM (VALUES ('trial', 'pql.capture_trials()'),
			('person', format('pql.capture_known(%L)', $q$
				SELECT r.user_id FROM (%1$s) r
				-- how many an account has is a fact of all of them
				UNION ALL SELECT p.user_id FROM pql.person p WHERE pql.asks_for('account.members') AND p.account_id IN (SELECT r.account_id FROM (%1$s) r)$q$)),
			('account', format('pql.capture_known(%L)', $q$
				SELECT p.user_id FROM pql.person p WHERE p.account_id IN (SELECT r.account_id FROM (%1$s) r)$q$)),
			('fact', format('pql.capture_known(%L)', $q$
				SELECT r.subject AS user_id FROM (%1$s) r WHERE r.name NOT LIKE 'account.%%'
				UNION ALL SELECT p.user_id FROM pql.person p WHERE p.account_id IN (SELECT r.subject FROM (%1$s) r WHERE r.name LIKE 'account.%%')$q$))) t (name, handler),
			(VALUES ('insert', 'REFERENCING NEW TABLE AS added'), ('update', 'REFERENCING OLD TABLE AS removed NEW TABLE AS added'),
				('delete', 'REFERENCING OLD TABLE AS removed'), ('truncate', '')) k (event, tables)
	LOOP
		EXECUTE format('CREATE TRIGGER pql_capture_%1$s AFTER %1$s ON pql.%2$I %3$s FOR EACH STATEMENT EXECUTE FUNCTION %4$s', kind.event, kind.name, kind.tables, kind.handler);
		EXECUTE format('ALTER TABLE pql.%I ENABLE ALWAYS TRIGGER pql_capture_%s', kind.name, kind.event);
	END LOOP;
END
$$;
DO $$
DECLARE
	kind record;
BEGIN
	FOR kind IN
		SELECT t.name, k.*
		FROM (VALUES ('list_entry'), ('email_domain')) t (name), (VALUES ('insert', 'REFERENCING NEW TABLE AS touched'), ('update', 'REFERENCING NEW TABLE AS touched'), ('delete', 'REFERENCING OLD TABLE AS touched'), ('truncate', '')) k (event, tables)
	LOOP
		EXECUTE format('CREATE TRIGGER pql_capture_%1$s AFTER %1$s ON pql.%2$I %3$s FOR EACH STATEMENT EXECUTE FUNCTION pql.capture_lists()', kind.event, kind.name, kind.tables);
	END LOOP;
END
$$;
CREATE TRIGGER pql_capture AFTER INSERT ON pql.model_activation FOR EACH ROW WHEN (NEW.shipped_in IS NULL AND NEW.version IS NOT NULL) EXECUTE FUNCTION pql.capture_models();

-- who loads needs no rights here, and can write nothing here but through what they load
REVOKE ALL ON FUNCTION pql.capture_events(), pql.capture_trials(), pql.capture_known(), pql.capture_lists(), pql.capture_models() FROM PUBLIC;
