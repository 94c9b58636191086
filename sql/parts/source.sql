-- Sources: where events are read from. pql.event is one from the start; pql.connect adds the customer's own tables.
--
-- Names are looked up when they are used (late binding): a loader may drop and make its table anew.

CREATE TABLE pql.source (
	input text NOT NULL CHECK (input = 'events'),
	relation text NOT NULL,
	mapping jsonb NOT NULL,
	capture text NOT NULL DEFAULT 'manual' CHECK (capture IN ('trigger', 'mark', 'cursor', 'manual')),
	cursor_at timestamptz,
	connected_at timestamptz DEFAULT now(),
	disconnected_at timestamptz,
	PRIMARY KEY (input, relation)
);
COMMENT ON TABLE pql.source IS 'Tables connected with pql.connect. pql.event has a row only when it was disconnected.';
COMMENT ON COLUMN pql.source.relation IS 'Schema and name, looked up whenever it is read.';
COMMENT ON COLUMN pql.source.mapping IS 'By our word (user_id, occurred_at, event, properties, received_at, event_id, timezone) the column that has it.';
COMMENT ON COLUMN pql.source.capture IS 'How refresh learns what has changed: trigger or mark (triggers note whose rows changed), cursor (it looks for rows loaded since), manual (pql.mark_dirty does).';
COMMENT ON COLUMN pql.source.cursor_at IS 'The latest received_at that refresh has seen, where capture is cursor.';
COMMENT ON COLUMN pql.source.disconnected_at IS 'Not read from then on.';
SELECT pg_catalog.pg_extension_config_dump('pql.source', '');

CREATE VIEW pql.sources AS
SELECT s.input, s.relation, s.mapping, s.capture, s.cursor_at, s.connected_at
FROM pql.source s
WHERE s.disconnected_at IS NULL
UNION ALL
SELECT 'events', 'pql.event', '{"user_id": "user_id", "occurred_at": "occurred_at", "event": "event", "properties": "properties",
	"received_at": "received_at", "event_id": "event_id"}'::jsonb, 'trigger', NULL, NULL
WHERE NOT EXISTS (SELECT FROM pql.source o WHERE o.input OPERATOR(pg_catalog.=) 'events' AND o.relation OPERATOR(pg_catalog.=) 'pql.event');
COMMENT ON VIEW pql.sources IS 'What is read: pql''s own tables and those connected.';

CREATE FUNCTION pql.source_relation(relation text) RETURNS regclass
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	found regclass := to_regclass(relation);
BEGIN
	IF found IS NULL THEN
		RAISE EXCEPTION 'source % is not there', relation
			USING ERRCODE = 'undefined_table',
				DETAIL = 'It was connected with pql.connect, and has been renamed or dropped since.',
				HINT = format('Connect its new name, or leave it out: SELECT pql.disconnect(''events'', %L).', relation);
	END IF;
	RETURN found;
END
$$;
COMMENT ON FUNCTION pql.source_relation(text) IS 'The table of a source. One that is gone is an ERROR that says how to go on.';

CREATE FUNCTION pql.source_column(relation regclass, place text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	dot int := position('.' IN place);
	type oid;
BEGIN
	SELECT a.atttypid INTO type FROM pg_attribute a
	WHERE a.attrelid = relation AND a.attname = place AND a.attnum > 0 AND NOT a.attisdropped;
	IF FOUND THEN
		RETURN format('r.%I', place);
	END IF;
	-- a path into a column of JSON
	SELECT a.atttypid INTO type FROM pg_attribute a
	WHERE dot > 1 AND a.attrelid = relation AND a.attname = left(place, dot - 1) AND a.attnum > 0 AND NOT a.attisdropped
		AND a.atttypid IN ('json'::regtype, 'jsonb'::regtype);
	IF FOUND THEN
		RETURN format('(r.%I::jsonb #> %L::text[])', left(place, dot - 1), string_to_array(substr(place, dot + 1), '.'));
	END IF;
	RAISE EXCEPTION 'source % has no column "%"', relation, place
		USING ERRCODE = 'undefined_column',
			DETAIL = format('It has %s.', (SELECT string_agg(a.attname, ', ' ORDER BY a.attnum) FROM pg_attribute a
				WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped)),
			HINT = coalesce('Did you mean "' || pql.nearest_word(place, ARRAY(SELECT a.attname::text FROM pg_attribute a
				WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum)) || '"? ', '')
				|| 'pql.connect takes a new mapping.';
END
$$;
COMMENT ON FUNCTION pql.source_column(regclass, text) IS 'A column, or a path such as context.user.id into a column of JSON, as an expression over the row r.';

CREATE FUNCTION pql.source_query(relation regclass, mapping jsonb, rows_of text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	zone text := mapping ->> 'timezone';
	expressions text[] := '{}';
	word text;
	place jsonb;
	expression text;
	is_json boolean;
	type oid;
BEGIN
	FOREACH word IN ARRAY ARRAY['user_id', 'occurred_at', 'event', 'properties', 'received_at', 'event_id'] LOOP
		place := mapping -> word;
		IF word = 'properties' AND jsonb_typeof(place) = 'object' THEN
			-- functions take a hundred arguments at most
			SELECT string_agg(part.built, ' || ' ORDER BY part.n) INTO expression
			FROM (
				SELECT (k.n - 1) / 40 AS n, format('jsonb_build_object(%s)', string_agg(
					format('%L, %s', k.key, pql.source_column(relation, k.value)), ', ' ORDER BY k.n)) AS built
				FROM jsonb_each_text(place) WITH ORDINALITY k (key, value, n)
				GROUP BY 1
			) part;
			expression := coalesce(expression, 'NULL::jsonb');
		ELSIF word = 'event' AND jsonb_typeof(place) = 'object' THEN
			expression := format('%L::text', place ->> 'is');
		ELSIF place IS NULL OR place = 'null' THEN
			expression := CASE WHEN word IN ('occurred_at', 'received_at') THEN 'NULL::timestamptz'
				WHEN word = 'properties' THEN 'NULL::jsonb' ELSE 'NULL::text' END;
		ELSE
			expression := pql.source_column(relation, place #>> '{}');
			is_json := expression LIKE '(%';
			SELECT a.atttypid INTO type FROM pg_attribute a WHERE a.attrelid = relation AND a.attname = place #>> '{}' AND NOT a.attisdropped;
			expression := CASE
				WHEN word IN ('occurred_at', 'received_at') THEN
					CASE WHEN is_json THEN format('(%s #>> ''{}'')::timestamptz', expression)
						WHEN type = 'timestamp'::regtype THEN format('%s AT TIME ZONE %L', expression, coalesce(zone, 'UTC'))
						ELSE expression || '::timestamptz' END
				WHEN word = 'properties' THEN expression || '::jsonb'
				WHEN is_json THEN format('(%s #>> ''{}'')', expression)
				-- ids are the same when their bytes are
				ELSE expression || '::text' || CASE WHEN EXISTS (SELECT FROM pg_attribute a JOIN pg_collation c ON c.oid = a.attcollation
					WHERE a.attrelid = relation AND a.attname = place #>> '{}' AND NOT a.attisdropped AND NOT c.collisdeterministic)
					THEN ' COLLATE "C"' ELSE '' END END;
		END IF;
		expressions := expressions || format('%s AS %I', expression, word);
	END LOOP;
	RETURN format('SELECT %s FROM %s r', array_to_string(expressions, ', '), coalesce(rows_of, relation::text));
END
$$;
COMMENT ON FUNCTION pql.source_query(regclass, jsonb, text) IS 'The query that reads a source with our words as its columns. rows_of: instead of the source, what has its columns, such as a trigger''s transition table.';

CREATE FUNCTION pql.may_repeat(relation regclass, mapping jsonb) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT mapping ->> 'event_id' IS NOT NULL AND NOT EXISTS (
		SELECT FROM pg_catalog.pg_index i
		JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
		-- children of a plain table have indexes of their own
		WHERE i.indrelid = relation AND (c.relkind = 'p' OR NOT c.relhassubclass) AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indexprs IS NULL AND i.indpred IS NULL
			AND NOT EXISTS (
				SELECT FROM pg_catalog.unnest(i.indkey[0:i.indnkeyatts - 1]) k (attnum)
				JOIN pg_catalog.pg_attribute a ON a.attrelid = relation AND a.attnum = k.attnum
				WHERE a.attname::text NOT IN (mapping ->> 'event_id', mapping ->> 'user_id')));
END;
COMMENT ON FUNCTION pql.may_repeat(regclass, jsonb) IS 'Can a source hold an event more than once? Not without ids of events, nor where a unique index over them (and the user) says so.';

CREATE FUNCTION pql.has_rows(relation regclass) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT c.relkind IN ('r', 'p', 'm') FROM pg_catalog.pg_class c WHERE c.oid = relation;
END;
COMMENT ON FUNCTION pql.has_rows(regclass) IS 'Is it a table, whose rows have places (ctid)?';

CREATE FUNCTION pql.repeated_rows(relation regclass, mapping jsonb, known_at timestamptz DEFAULT NULL, only_users text[] DEFAULT NULL)
RETURNS TABLE (of_table oid, row_id tid)
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
-- in the order of an index over user and id where there is one, hashing and sorting nothing
SET enable_hashagg = off AS $$
DECLARE
	rows_of text;
	-- an index over user and id serves: where the columns are text, these are the columns themselves. As a subquery, for the planner would
	-- look up how many rows each user has
	mine text := CASE WHEN only_users IS NULL THEN '' ELSE ' AND q.user_id = ANY ((SELECT $2)::text[])' END;
BEGIN
	IF NOT pql.may_repeat(relation, mapping) OR NOT pql.has_rows(relation) THEN
		RETURN;
	END IF;
	rows_of := pql.source_query(relation, mapping);
	RETURN QUERY EXECUTE format($q$
		SELECT c.of_table, c.row_id
		FROM (
			SELECT q.of_table, q.row_id, row_number() OVER (PARTITION BY q.user_id, q.event_id ORDER BY q.of_table, q.row_id) AS copy
			FROM (SELECT r.tableoid AS of_table, r.ctid AS row_id, %1$s) q
			WHERE (q.user_id, q.event_id) IN (
				SELECT q.user_id, q.event_id FROM (SELECT %1$s) q
				WHERE q.event_id IS NOT NULL AND q.user_id IS NOT NULL%2$s
				GROUP BY q.user_id, q.event_id HAVING count(*) > 1)
				AND ($1 IS NULL OR q.received_at IS NULL OR q.received_at <= $1)%2$s
		) c
		WHERE c.copy > 1$q$, substr(rows_of, length('SELECT ') + 1), mine)
	USING known_at, only_users;
END
$$;
COMMENT ON FUNCTION pql.repeated_rows(regclass, jsonb, timestamptz, text[]) IS 'Rows of a source that repeat another (same user, same event_id), all but the first of those loaded by known_at.';

CREATE FUNCTION pql.source_events(source text, known_at timestamptz DEFAULT NULL, only_users text[] DEFAULT NULL) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	relation regclass := pql.source_relation(source);
	mapping jsonb := s.mapping FROM pql.sources s WHERE s.input = 'events' AND s.relation = source;
	rows_of text := pql.source_query(relation, mapping);
	tables oid[];
	ids tid[];
	filters text := '';
BEGIN
	IF known_at IS NOT NULL AND mapping ->> 'received_at' IS NOT NULL THEN
		filters := filters || format(' AND (e.received_at IS NULL OR e.received_at <= %L)', known_at);
	END IF;
	-- who asks for several joins with them
	IF cardinality(only_users) = 1 THEN
		filters := filters || format(' AND e.user_id = ANY (%L::text[])', only_users);
	END IF;
	IF NOT pql.may_repeat(relation, mapping) THEN
		NULL;
	ELSIF pql.has_rows(relation) THEN
		SELECT array_agg(r.of_table), array_agg(r.row_id) INTO tables, ids
		FROM pql.repeated_rows(relation, mapping, known_at, only_users) r;
		IF tables IS NOT NULL THEN
			rows_of := 'SELECT r.tableoid AS of_table, r.ctid AS row_id, ' || substr(rows_of, length('SELECT ') + 1);
			filters := filters || (
				SELECT string_agg(format(' AND (e.of_table <> %s OR e.row_id <> ALL (%L::tid[]))', t.of_table, t.rows), '')
				FROM (SELECT x.of_table, array_agg(x.row_id) AS rows FROM unnest(tables, ids) x (of_table, row_id) GROUP BY 1) t);
		END IF;
	ELSE
		-- a view's rows have no place: the first by time of loading counts
		rows_of := format('SELECT * FROM (SELECT q.*, row_number() OVER (PARTITION BY q.user_id, q.event_id ORDER BY q.received_at NULLS FIRST,'
			' q.occurred_at) AS copy FROM (%s) q%s) u WHERE u.copy = 1 OR u.event_id IS NULL', rows_of,
			CASE WHEN known_at IS NOT NULL THEN format(' WHERE q.received_at IS NULL OR q.received_at <= %L', known_at) ELSE '' END);
	END IF;
	RETURN format('SELECT e.user_id, e.occurred_at, e.event, e.properties FROM (%s) e WHERE e.user_id IS NOT NULL%s', rows_of, filters);
END
$$;
COMMENT ON FUNCTION pql.source_events(text, timestamptz, text[]) IS 'The query over a source''s events that count: those of a user, loaded by known_at, once each.';

CREATE FUNCTION pql.event_query(known_at timestamptz DEFAULT NULL, only_users text[] DEFAULT NULL, unreadable text[] DEFAULT '{}') RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT coalesce(string_agg(pql.source_events(s.relation, known_at, only_users), ' UNION ALL ' ORDER BY s.relation),
		'SELECT NULL::text AS user_id, NULL::timestamptz AS occurred_at, NULL::text AS event, NULL::jsonb AS properties WHERE false')
	FROM pql.sources s
	WHERE s.input = 'events' AND s.relation <> ALL (unreadable);
END;
COMMENT ON FUNCTION pql.event_query(timestamptz, text[], text[]) IS 'The query over the events of all sources that count (user_id, occurred_at, event, properties), but for sources in unreadable.';

CREATE FUNCTION pql.events_named(name text, as_of timestamptz, known_at timestamptz DEFAULT NULL, only_users text[] DEFAULT NULL)
RETURNS TABLE (user_id text, occurred_at timestamptz, properties jsonb)
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT e.user_id, e.occurred_at, e.properties FROM (%s) e WHERE e.event = $1 AND e.occurred_at <= $2',
		pql.event_query(known_at, only_users)) USING name, as_of;
END
$$;
COMMENT ON FUNCTION pql.events_named(text, timestamptz, timestamptz, text[]) IS 'Events of one name up to an instant, from all sources.';

CREATE FUNCTION pql.connect_table(input text, target regclass, relation text, shape text, mapping jsonb, capture text)
RETURNS TABLE (check_name text, status text, found text, hint text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	words CONSTANT text[] := ARRAY['user_id', 'occurred_at', 'event', 'properties', 'received_at', 'event_id', 'timezone'];
	qualified text;
	given jsonb := coalesce(mapping, '{}');
	word text;
	place jsonb;
	type regtype;
	path record;
	watched boolean;
BEGIN
	IF input IS DISTINCT FROM 'events' THEN
		RAISE EXCEPTION 'there is no input "%" to connect', input
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Connect ''events''; people, accounts and trials are read from pql''s own tables.';
	END IF;
	IF shape IS NOT NULL THEN
		RAISE EXCEPTION 'shape cannot be chosen'
			USING ERRCODE = 'feature_not_supported', HINT = 'Leave it out, and name the columns in the mapping.';
	END IF;
	IF capture IS NOT NULL AND capture NOT IN ('trigger', 'mark', 'cursor', 'manual') THEN
		RAISE EXCEPTION 'there is no capture "%"', capture
			USING ERRCODE = 'invalid_parameter_value', HINT = 'trigger and mark put triggers on the table; cursor looks for rows with a later received_at; with manual you call pql.mark_dirty yourself.';
	END IF;
	IF target IS NULL THEN
		RAISE EXCEPTION 'there is no table "%"', relation
			USING ERRCODE = 'undefined_table', HINT = 'Write its schema as well, and quote names as SQL does.';
	END IF;
	qualified := format('%I.%I', (SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = target),
		(SELECT c.relname FROM pg_class c WHERE c.oid = target));
	IF qualified = 'pql.event' THEN
		DELETE FROM pql.source o WHERE o.input = connect_table.input AND o.relation = qualified;
		PERFORM pql.mark_everybody('-infinity', 'connected pql.event', true);
		RETURN QUERY SELECT 'source', 'ok', 'pql.event is read', NULL;
		RETURN;
	END IF;
	IF jsonb_typeof(given) <> 'object' THEN
		RAISE EXCEPTION 'mapping is no JSON object'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Write for example ''{"user_id": "uid", "occurred_at": "at", "event": "name", "properties": "props"}''.';
	END IF;
	SELECT k INTO word FROM jsonb_object_keys(given) k WHERE k <> ALL (words) ORDER BY k LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'mapping has an unknown key "%"', word
			USING ERRCODE = 'invalid_parameter_value',
				HINT = coalesce('Did you mean "' || pql.nearest_word(word, words) || '"?', format('Its keys are %s.', array_to_string(words, ', ')));
	END IF;

	-- what is not said is taken from columns of our own names
	FOREACH word IN ARRAY words LOOP
		IF NOT given ? word AND word <> 'timezone' AND EXISTS (SELECT FROM pg_attribute a
			WHERE a.attrelid = target AND a.attname = word AND a.attnum > 0 AND NOT a.attisdropped) THEN
			given := given || jsonb_build_object(word, word);
		END IF;
	END LOOP;
	-- properties may be columns: named, listed, or all that mean nothing else
	place := given -> 'properties';
	IF place = '"*"' OR jsonb_typeof(place) = 'array' THEN
		given := given || jsonb_build_object('properties', (
			SELECT coalesce(jsonb_object_agg(c.name, c.name), '{}')
			FROM (
				SELECT a.attname::text AS name FROM pg_attribute a
				WHERE place = '"*"' AND a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped
					AND a.attname NOT IN (SELECT m.value #>> '{}' FROM jsonb_each(given) m WHERE jsonb_typeof(m.value) = 'string')
				UNION ALL
				SELECT e FROM jsonb_array_elements_text(CASE WHEN jsonb_typeof(place) = 'array' THEN place ELSE '[]' END) e
			) c));
	END IF;
	given := jsonb_strip_nulls(given);
	place := given -> 'event';
	IF jsonb_typeof(place) = 'object' AND (jsonb_typeof(place -> 'is') IS DISTINCT FROM 'string' OR place - 'is' <> '{}') THEN
		RAISE EXCEPTION 'mapping of % does not say which event its rows are: %', qualified, place
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Write {"is": "page_view"} with the name they are to have.';
	END IF;
	FOREACH word IN ARRAY ARRAY['user_id', 'occurred_at', 'event'] LOOP
		IF given ->> word IS NULL THEN
			RAISE EXCEPTION 'mapping of % does not say where % is', qualified, word
				USING ERRCODE = 'invalid_parameter_value',
					HINT = format('Add "%s": "column" to the mapping%s.', word,
						CASE word WHEN 'event' THEN ', or {"is": "name"} where all rows are one event' ELSE '' END);
		END IF;
	END LOOP;
	IF given ->> 'timezone' IS NOT NULL AND NOT EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = given ->> 'timezone') THEN
		RAISE EXCEPTION '"%" is no timezone', given ->> 'timezone'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Use an IANA name such as "Europe/Berlin", or "UTC".';
	END IF;
	FOREACH word IN ARRAY ARRAY['occurred_at', 'received_at'] LOOP
		SELECT a.atttypid INTO type FROM pg_attribute a WHERE a.attrelid = target AND a.attname = given ->> word AND NOT a.attisdropped;
		IF FOUND AND type = 'timestamp'::regtype AND given ->> 'timezone' IS NULL THEN
			RAISE EXCEPTION 'column "%" of % has times without a zone', given ->> word, qualified
				USING ERRCODE = 'invalid_parameter_value', HINT = 'Add the zone they are in to the mapping: "timezone": "UTC".';
		ELSIF FOUND AND type NOT IN ('timestamp'::regtype, 'timestamptz'::regtype) THEN
			RAISE EXCEPTION 'column "%" of % has no times', given ->> word, qualified
				USING ERRCODE = 'datatype_mismatch', DETAIL = format('It is of type %s.', type), HINT = format('Name the column that has %s.', word);
		END IF;
	END LOOP;
	SELECT coalesce(nullif(t.typbasetype, 0), t.oid) INTO type FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
	WHERE a.attrelid = target AND a.attname = given ->> 'properties' AND NOT a.attisdropped AND jsonb_typeof(given -> 'properties') = 'string';
	IF FOUND AND type NOT IN ('json'::regtype, 'jsonb'::regtype, 'text'::regtype, 'varchar'::regtype) THEN
		RAISE EXCEPTION 'column "%" of % has no JSON', given ->> 'properties', qualified
			USING ERRCODE = 'datatype_mismatch', DETAIL = format('It is of type %s.', type),
				HINT = 'For a column that is a property by itself write "properties": ["column"].';
	END IF;
	PERFORM pql.source_query(target, given);

	watched := (SELECT c.relkind IN ('r', 'p') FROM pg_class c WHERE c.oid = target);
	IF NOT watched AND capture IN ('trigger', 'mark') THEN
		RAISE EXCEPTION '% can have no triggers', qualified
			USING ERRCODE = 'wrong_object_type', DETAIL = 'Only tables have them.',
				HINT = 'Connect it with capture => ''cursor'' where it tells when rows were loaded, or ''manual'' and call pql.mark_dirty with the users whose events have changed.';
	END IF;
	IF capture = 'cursor' AND given ->> 'received_at' IS NULL THEN
		RAISE EXCEPTION 'mapping of % does not say where received_at is, which capture by cursor goes by', qualified
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Add "received_at": "column", the time at which a row was loaded.';
	END IF;
	DELETE FROM pql.source o WHERE o.input = connect_table.input AND o.relation = qualified;
	IF watched THEN
		PERFORM pql.drop_capture(input, target);
		IF coalesce(capture, 'trigger') IN ('trigger', 'mark') THEN
			BEGIN
				PERFORM pql.create_capture(input, target, 'pql.capture_events', qualified, given::text, coalesce(capture, 'trigger'));
			EXCEPTION WHEN insufficient_privilege THEN
				IF capture IS NOT NULL THEN
					RAISE;
				END IF;
				watched := false;
			END;
		END IF;
	END IF;
	capture := coalesce(capture, CASE WHEN watched THEN 'trigger' WHEN given ->> 'received_at' IS NOT NULL THEN 'cursor' ELSE 'manual' END);
	INSERT INTO pql.source (input, relation, mapping, capture) VALUES (input, qualified, given, capture);
	PERFORM pql.mark_everybody('-infinity', 'connected ' || qualified, true);

	FOREACH word IN ARRAY words LOOP
		place := given -> word;
		RETURN QUERY SELECT word, CASE WHEN place IS NULL THEN 'none' ELSE 'ok' END,
			CASE WHEN jsonb_typeof(place) = 'object' THEN left(place::text, 200)
				ELSE concat_ws(' ', place #>> '{}', (SELECT format_type(a.atttypid, a.atttypmod) FROM pg_attribute a
					WHERE a.attrelid = target AND a.attname = place #>> '{}' AND NOT a.attisdropped)) END,
			CASE WHEN place IS NOT NULL THEN NULL
				WHEN word = 'properties' THEN 'No signal can look at properties.'
				WHEN word = 'received_at' THEN 'known_at treats every row as known from the moment it happened.'
				WHEN word = 'event_id' THEN 'Rows that a loader repeats count each time.' END;
	END LOOP;
	FOR path IN
		SELECT p.* FROM pql.active_model m CROSS JOIN LATERAL pql.score_path(m.model) p WHERE p.relation = qualified
		ORDER BY p.path = 'scan', m.model LIMIT 1
	LOOP
		RETURN QUERY SELECT 'path', 'ok', path.path, path.reason;
	END LOOP;
	RETURN QUERY SELECT 'capture', CASE WHEN capture = 'manual' THEN 'none' ELSE 'ok' END, capture,
		CASE WHEN capture = 'manual' THEN 'pql.refresh looks at these events only after pql.mark_dirty.' END;
	IF NOT EXISTS (SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = target AND a.attnum = i.indkey[0]
		WHERE i.indrelid = target AND i.indisvalid AND a.attname = given ->> 'user_id') THEN
		RETURN QUERY SELECT 'index', 'missing', NULL, format(
			'pql.explain and pql.what_if of one user read the whole of it; an index on (%I, %I) spares that.',
			given ->> 'user_id', given ->> 'occurred_at');
	END IF;
END
$$;
COMMENT ON FUNCTION pql.connect_table(text, regclass, text, text, jsonb, text) IS 'pql.connect, when the name has been looked up.';

CREATE FUNCTION pql.connect(input text, relation text, shape text DEFAULT NULL, mapping jsonb DEFAULT NULL, capture text DEFAULT NULL)
RETURNS TABLE (check_name text, status text, found text, hint text)
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	-- the name is looked up as the caller would
	SELECT c.check_name, c.status, c.found, c.hint
	FROM pql.connect_table(input, pg_catalog.to_regclass(relation), relation, shape, mapping, capture) c;
END;
COMMENT ON FUNCTION pql.connect(text, text, text, jsonb, text) IS 'Reads events from a table, view or foreign table of yours as well, where they are: pql.connect(''events'', ''app.events'', mapping => ''{"user_id": "uid", "occurred_at": "at", "event": "name", "properties": "props"}''). Keys of the mapping are user_id, occurred_at, event (or {"is": "name"}), properties (a column of JSON, an object or list of columns, or "*"), received_at, event_id, timezone (of times without one); values are columns, or paths into columns of JSON; columns of our own names need not be said. capture: trigger (the default for tables) and mark put triggers on it that note whose rows change; cursor (the default where triggers cannot be and received_at is mapped) has refresh look for rows loaded since; with manual, pql.mark_dirty tells. Returns what was found. Connecting again replaces the mapping. What does not fit is an ERROR.';

CREATE FUNCTION pql.disconnect_table(input text, target regclass, relation text) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	-- one that is gone is known by its name only
	qualified text := coalesce(
		(SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = target),
		relation);
BEGIN
	IF NOT EXISTS (SELECT FROM pql.sources s WHERE s.input = disconnect_table.input AND s.relation = qualified) THEN
		RAISE EXCEPTION '% is not connected as %', relation, input
			USING ERRCODE = 'undefined_object',
				HINT = coalesce('Connected are ' || (SELECT string_agg(s.relation, ', ' ORDER BY s.relation) FROM pql.sources s) || '.',
					'Nothing is connected.');
	END IF;
	DELETE FROM pql.source o WHERE o.input = disconnect_table.input AND o.relation = qualified;
	IF target IS NOT NULL AND qualified <> 'pql.event' THEN
		PERFORM pql.drop_capture(input, target);
	END IF;
	PERFORM pql.mark_everybody('-infinity', 'disconnected ' || qualified, true);
	IF qualified = 'pql.event' THEN
		INSERT INTO pql.source (input, relation, mapping, disconnected_at) VALUES (input, qualified, '{}', now());
	END IF;
END
$$;
COMMENT ON FUNCTION pql.disconnect_table(text, regclass, text) IS 'pql.disconnect, when the name has been looked up.';

CREATE FUNCTION pql.disconnect(input text, relation text) RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	SELECT pql.disconnect_table(input, pg_catalog.to_regclass(relation), relation);
END;
COMMENT ON FUNCTION pql.disconnect(text, text) IS 'Reads a table no longer; its rows stay where they are. pql.event can be disconnected, too, and connected again. A table that is not connected is an ERROR.';
