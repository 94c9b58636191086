-- Sources: where inputs are read from. pql.event is one from the start; pql.connect adds the customer's own tables.
-- Events are read where they are; all other inputs are followed (follow.sql).
--
-- Names are looked up when they are used (late binding): a loader may drop and make its table anew.

CREATE TABLE pql.source (
	input text NOT NULL CHECK (input IN ('events', 'people', 'accounts', 'trials', 'conversions', 'activities', 'surveys', 'deals')),
	relation text NOT NULL,
	mapping jsonb NOT NULL,
	capture text NOT NULL DEFAULT 'manual' CHECK (capture IN ('trigger', 'mark', 'cursor', 'manual')),
	cursor_at timestamptz,
	connected_at timestamptz DEFAULT now(),
	disconnected_at timestamptz,
	failure text,
	shape text,
	part text,
	of_schema text,
	asked jsonb,
	PRIMARY KEY (input, relation)
);
COMMENT ON TABLE pql.source IS 'Tables connected with pql.connect. pql.event has a row only when it was disconnected.';
COMMENT ON COLUMN pql.source.relation IS 'Schema and name, looked up whenever it is read.';
COMMENT ON COLUMN pql.source.mapping IS 'By our word (pql.input_words, and timezone) the column that has it. Of a shape, what was there when it was connected; pql.sources tells what is there now.';
COMMENT ON COLUMN pql.source.capture IS 'How refresh learns what has changed: trigger or mark (triggers note whose rows changed), cursor (it looks for rows loaded or updated since), manual (pql.mark_dirty does).';
COMMENT ON COLUMN pql.source.cursor_at IS 'The latest received_at (of events) or updated_at that refresh has seen, where capture is cursor.';
COMMENT ON COLUMN pql.source.disconnected_at IS 'Not read from then on.';
COMMENT ON COLUMN pql.source.failure IS 'Why the last refresh could not follow it, and the mend; NULL: it could.';
COMMENT ON COLUMN pql.source.shape IS 'The shape by which it is read (pql.shapes); NULL: by the mapping alone.';
COMMENT ON COLUMN pql.source.part IS 'Which relation of the shape it is.';
COMMENT ON COLUMN pql.source.of_schema IS 'The schema that was connected, of which it is one table; tables that come later are found by it. NULL: the table itself was.';
COMMENT ON COLUMN pql.source.asked IS 'The mapping that was asked for beside the shape.';
SELECT pg_catalog.pg_extension_config_dump('pql.source', '');

CREATE VIEW pql.sources AS
SELECT s.input, s.relation, CASE WHEN s.shape IS NULL THEN s.mapping ELSE pql.bound_mapping(s.shape, s.input, s.part, s.relation, s.asked, s.mapping) END AS mapping,
	s.capture, s.cursor_at, s.connected_at, s.failure, s.shape
FROM pql.source s
WHERE s.disconnected_at IS NULL
UNION ALL
SELECT 'events', 'pql.event', '{"user_id": "user_id", "occurred_at": "occurred_at", "event": "event", "properties": "properties",
	"received_at": "received_at", "event_id": "event_id"}'::jsonb, 'trigger', NULL, NULL, NULL, NULL
WHERE NOT EXISTS (SELECT FROM pql.source o WHERE o.input OPERATOR(pg_catalog.=) 'events' AND o.relation OPERATOR(pg_catalog.=) 'pql.event');
COMMENT ON VIEW pql.sources IS 'What is read: pql''s own tables and those connected.';

CREATE FUNCTION pql.input_words(input text) RETURNS TABLE (n bigint, word text, type text, need text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT row_number() OVER (), w.word, w.type, w.need
	FROM (VALUES
		('events', 'user_id', 'text', 'always'), ('events', 'occurred_at', 'timestamptz', 'always'), ('events', 'event', 'text', 'always'),
		('events', 'properties', 'jsonb', NULL), ('events', 'received_at', 'timestamptz', 'cursor'), ('events', 'event_id', 'text', NULL),
		('people', 'user_id', 'text', 'key'), ('people', 'email', 'text', NULL), ('people', 'full_name', 'text', NULL), ('people', 'title', 'text', NULL),
		('people', 'account_id', 'text', NULL), ('people', 'signed_up_at', 'timestamptz', NULL), ('people', 'paid_at', 'timestamptz', NULL),
		('people', 'opted_out_at', 'timestamptz', NULL), ('people', 'suppressed_at', 'timestamptz', NULL), ('people', 'attributes', 'jsonb', NULL),
		('people', 'updated_at', 'timestamptz', 'cursor'),
		('accounts', 'account_id', 'text', 'key'), ('accounts', 'name', 'text', NULL), ('accounts', 'domain', 'text', NULL),
		('accounts', 'employees', 'int4', NULL), ('accounts', 'industry', 'text', NULL), ('accounts', 'crm_owner', 'text', NULL),
		('accounts', 'kind', 'text', NULL), ('accounts', 'attributes', 'jsonb', NULL), ('accounts', 'updated_at', 'timestamptz', 'cursor'),
		('trials', 'user_id', 'text', 'key'), ('trials', 'started_at', 'timestamptz', 'always'), ('trials', 'ends_at', 'timestamptz', NULL),
		('trials', 'plan', 'text', NULL), ('trials', 'converted_at', 'timestamptz', NULL), ('trials', 'mrr', 'float8', NULL),
		('trials', 'conversion_source', 'text', NULL), ('trials', 'updated_at', 'timestamptz', 'cursor'),
		('conversions', 'conversion_id', 'text', NULL), ('conversions', 'user_id', 'text', 'either'), ('conversions', 'account_id', 'text', 'either'),
		('conversions', 'converted_at', 'timestamptz', 'always'), ('conversions', 'plan', 'text', NULL), ('conversions', 'mrr', 'float8', NULL),
		('conversions', 'conversion_source', 'text', NULL), ('conversions', 'updated_at', 'timestamptz', 'cursor'),
		('activities', 'activity_id', 'text', 'key'), ('activities', 'lead_id', 'text', NULL), ('activities', 'user_id', 'text', NULL), ('activities', 'email', 'text', NULL),
		('activities', 'kind', 'text', NULL), ('activities', 'occurred_at', 'timestamptz', NULL), ('activities', 'rep', 'text', NULL), ('activities', 'channel', 'text', NULL),
		('activities', 'reply', 'text', NULL), ('activities', 'disposition', 'text', NULL), ('activities', 'reason', 'text', NULL), ('activities', 'note', 'text', NULL),
		('activities', 'meets_at', 'timestamptz', NULL), ('activities', 'amount', 'float8', NULL), ('activities', 'updated_at', 'timestamptz', 'cursor'),
		('surveys', 'user_id', 'text', 'key'), ('surveys', 'answered_at', 'timestamptz', 'always'), ('surveys', 'kind', 'text', 'always'), ('surveys', 'score', 'float8', 'always'),
		('surveys', 'updated_at', 'timestamptz', 'cursor'),
		('deals', 'deal_id', 'text', 'key'), ('deals', 'user_id', 'text', NULL), ('deals', 'account_id', 'text', NULL), ('deals', 'source', 'text', NULL), ('deals', 'kind', 'text', NULL),
		('deals', 'amount', 'float8', NULL), ('deals', 'created_at', 'timestamptz', NULL), ('deals', 'closed_at', 'timestamptz', NULL), ('deals', 'outcome', 'text', NULL),
		('deals', 'updated_at', 'timestamptz', 'cursor')
	) w (input, word, type, need)
	WHERE w.input = input_words.input;
END;
COMMENT ON FUNCTION pql.input_words(text) IS 'What a source of an input can be asked for, in order; an input that there is not has none. need: key (its rows are known by it; always mapped), either (the same, but one of them is enough), always, cursor (what capture by cursor goes by). Each mapping may have a timezone as well.';

CREATE FUNCTION pql.source_relation(relation text, input text DEFAULT 'events') RETURNS regclass
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	found regclass := to_regclass(relation);
BEGIN
	IF found IS NULL THEN
		RAISE EXCEPTION 'source % is not there', relation
			USING ERRCODE = 'undefined_table',
				DETAIL = 'It was connected with pql.connect, and has been renamed or dropped since.',
				HINT = coalesce((SELECT format('Connect the schema again: SELECT * FROM pql.connect(%L, %L, %L); or leave it out: ', s.input, s.of_schema, s.shape)
						FROM pql.source s WHERE s.input = source_relation.input AND s.relation = source_relation.relation AND s.of_schema IS NOT NULL),
					'Connect its new name, or leave it out: ') || format('SELECT pql.disconnect(%L, %L).', input, relation);
	END IF;
	RETURN found;
END
$$;
COMMENT ON FUNCTION pql.source_relation(text, text) IS 'The table of a source. One that is gone is an ERROR that says how to go on.';

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

CREATE FUNCTION pql.column_type(relation regclass, place text) RETURNS regtype
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT coalesce(nullif(t.typbasetype, 0), t.oid)::regtype
	FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
	WHERE a.attrelid = relation AND a.attname = place AND a.attnum > 0 AND NOT a.attisdropped;
END;
COMMENT ON FUNCTION pql.column_type(regclass, text) IS 'The type of a column, of a domain the one beneath; NULL: there is no such column.';

CREATE FUNCTION pql.instant_of(said text, zone text) RETURNS timestamptz
LANGUAGE sql STABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE WHEN pg_catalog.btrim(said) = '' THEN NULL
		-- after the time of day an offset, or the name of a zone
		WHEN said ~* ':\d\d(\.\d+)?\s*([+-]\d|(?!(am|pm|ad|bc)\M)[a-z])' THEN said::timestamptz
		ELSE said::timestamp AT TIME ZONE zone END;
END;
COMMENT ON FUNCTION pql.instant_of(text, text) IS 'The instant that a text says, in the zone given where it says none. Nothing but blanks: NULL. One that is no time is an ERROR.';

CREATE FUNCTION pql.source_expression(relation regclass, place text, type text, zone text, as_said boolean) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	expression text := pql.source_column(relation, place);
	is_json boolean := expression LIKE '(%';
	stored regtype := CASE WHEN NOT is_json THEN pql.column_type(relation, place) END;
	said text := CASE WHEN is_json THEN format('(%s #>> ''{}'')', expression)
		WHEN stored IN ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype) THEN expression || '::text' END;
BEGIN
	CASE type
		WHEN 'timestamptz' THEN
			RETURN CASE WHEN stored IN ('timestamp'::regtype, 'date'::regtype) THEN format('%s::timestamp AT TIME ZONE %L', expression, coalesce(zone, 'UTC'))
				WHEN said IS NOT NULL AND NOT as_said THEN format('pql.instant_of(%s, %L)', said, coalesce(zone, 'UTC'))
				ELSE coalesce(said, expression) || '::timestamptz' END;
		WHEN 'jsonb' THEN
			RETURN expression || '::jsonb';
		WHEN 'int4', 'float8' THEN
			RETURN CASE WHEN said IS NOT NULL THEN format('nullif(btrim(%s), '''')::numeric::%s', said, type) ELSE format('%s::%s', expression, type) END;
		ELSE
			RETURN CASE WHEN is_json THEN said
				-- ids are the same when their bytes are
				ELSE expression || '::text' || CASE WHEN EXISTS (SELECT FROM pg_attribute a JOIN pg_collation c ON c.oid = a.attcollation
					WHERE a.attrelid = relation AND a.attname = place AND NOT a.attisdropped AND NOT c.collisdeterministic)
					THEN ' COLLATE "C"' ELSE '' END END;
	END CASE;
END
$$;
COMMENT ON FUNCTION pql.source_expression(regclass, text, text, text, boolean) IS 'A column or path as an expression of one of our types (text, timestamptz, jsonb, int4, float8) over the row r. as_said: texts are times as the session reads them, not in the zone.';

CREATE FUNCTION pql.row_conditions(relation regclass, mapping jsonb) RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT ARRAY(
		SELECT format(CASE k.key WHEN 'only' THEN '%s = ANY (%L::text[])' ELSE '(%s = ANY (%L::text[])) IS NOT TRUE' END,
			CASE WHEN c.expression LIKE '(%' THEN format('(%s #>> ''{}'')', c.expression) ELSE c.expression || '::text' END,
			ARRAY(SELECT jsonb_array_elements_text(CASE WHEN jsonb_typeof(p.value) = 'array' THEN p.value ELSE jsonb_build_array(p.value) END)))
		FROM (VALUES ('only'), ('except')) k (key)
		CROSS JOIN LATERAL jsonb_each(CASE WHEN jsonb_typeof(mapping -> k.key) = 'object' THEN mapping -> k.key ELSE '{}' END) p (place, value)
		CROSS JOIN LATERAL (SELECT pql.source_column(relation, p.place) AS expression) c
		ORDER BY k.key, p.place);
END;
COMMENT ON FUNCTION pql.row_conditions(regclass, jsonb) IS 'Which rows r of a source count, as conditions: those of only, and those not of except.';

CREATE FUNCTION pql.source_query(relation regclass, mapping jsonb, rows_of text DEFAULT NULL, input text DEFAULT 'events', condition text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	zone text := mapping ->> 'timezone';
	expressions text[] := '{}';
	asked record;
	place jsonb;
	expression text;
	joins text := '';
	parts jsonb := CASE WHEN input <> 'events' THEN pql.shape_parts(mapping ->> 'query', relation) END;
	conditions text[];
BEGIN
	FOR asked IN SELECT w.word, w.type FROM pql.input_words(input) w ORDER BY w.n LOOP
		place := mapping -> asked.word;
		IF place ? 'by' THEN
			expression := format('(%s)::%s', coalesce(parts -> 'words' ->> asked.word, 'NULL'), asked.type);
		ELSIF asked.type = 'jsonb' AND jsonb_typeof(place) = 'object' THEN
			-- functions take a hundred arguments at most
			SELECT string_agg(part.built, ' || ' ORDER BY part.n) INTO expression
			FROM (
				SELECT (k.n - 1) / 40 AS n, format('jsonb_build_object(%s)', string_agg(
					format('%L, %s', k.key, pql.source_column(relation, k.value)), ', ' ORDER BY k.n)) AS built
				FROM jsonb_each_text(place) WITH ORDINALITY k (key, value, n)
				GROUP BY 1
			) part;
			expression := coalesce(expression, 'NULL::jsonb');
		ELSIF asked.word = 'event' AND jsonb_typeof(place) = 'object' THEN
			expression := format('%L::text', place ->> 'is');
		ELSIF place IS NULL OR place = 'null' THEN
			expression := 'NULL::' || asked.type;
		ELSE
			expression := pql.source_expression(relation, place #>> '{}', asked.type, zone, input = 'events');
		END IF;
		IF asked.word = 'properties' AND mapping ->> 'query' = 'snowplow' THEN
			SELECT j.expression, j.joined INTO expression, joins FROM pql.joined_properties(relation, expression) j;
		END IF;
		IF asked.word = 'properties' AND mapping ? 'source' THEN
			expression := format('CASE WHEN jsonb_typeof(%1$s) = ''object'' THEN %1$s ELSE ''{}'' END || %2$L::jsonb', expression, jsonb_build_object('source', mapping #> '{source,is}'));
		END IF;
		expressions := expressions || format('%s AS %I', expression, asked.word);
	END LOOP;
	conditions := pql.row_conditions(relation, mapping) || ARRAY(SELECT jsonb_array_elements_text(parts -> 'conditions')) || CASE WHEN condition IS NOT NULL THEN ARRAY[format('(%s)', condition)] ELSE '{}' END;
	RETURN format('SELECT %s FROM %s r%s%s', array_to_string(expressions, ', '), coalesce(rows_of, relation::text), joins || coalesce(parts ->> 'joins', ''),
		coalesce(' WHERE ' || nullif(array_to_string(conditions, ' AND '), ''), ''));
END
$$;
COMMENT ON FUNCTION pql.source_query(regclass, jsonb, text, text, text) IS 'The query that reads a source with our words as its columns. rows_of: instead of the source, what has its columns, such as a trigger''s transition table. input: what it is connected as. condition: on its rows r, beside those of the mapping.';

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

CREATE FUNCTION pql.repeated_rows(relation regclass, mapping jsonb, known_at timestamptz DEFAULT NULL, only_users text[] DEFAULT NULL, since timestamptz DEFAULT NULL)
RETURNS TABLE (of_table oid, row_id tid)
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
-- in the order of an index over user and id where there is one, hashing and sorting nothing; and whatever statistics say, no row is compared with all others
SET enable_hashagg = off SET enable_nestloop = off SET jit = off AS $$
DECLARE
	-- the earliest counts: one that comes later, and says that it happened later, changes nothing
	rank CONSTANT text := '(coalesce(nullif(%1$s.occurred_at, ''-infinity''), ''infinity''), %1$s.of_table, %1$s.row_id)';
	rows_of text;
BEGIN
	IF NOT pql.may_repeat(relation, mapping) OR NOT pql.has_rows(relation) THEN
		RETURN;
	END IF;
	rows_of := substr(pql.source_query(relation, mapping), length('SELECT ') + 1);
	IF only_users IS NULL THEN
		RETURN QUERY EXECUTE format($q$
			SELECT c.of_table, c.row_id
			FROM (
				SELECT q.of_table, q.row_id, row_number() OVER (PARTITION BY q.user_id, q.event_id ORDER BY %2$s) AS copy
				FROM (SELECT r.tableoid AS of_table, r.ctid AS row_id, %1$s) q
				WHERE (q.user_id, q.event_id) IN (
					SELECT q.user_id, q.event_id FROM (SELECT %1$s) q
					WHERE q.event_id IS NOT NULL AND q.user_id IS NOT NULL
					GROUP BY q.user_id, q.event_id HAVING count(*) > 1)
					AND ($1 IS NULL OR q.received_at IS NULL OR q.received_at <= $1)
			) c
			WHERE c.copy > 1$q$, rows_of, format(rank, 'q'))
		USING known_at;
		RETURN;
	END IF;
	-- Of some users, and only from an instant on: each row is looked up, whatever the planner thinks of them (hence OFFSET 0). An index over user
	-- and id serves, or one over user and time: where the columns are text, these are the columns themselves. The users as a subquery, for
	-- the planner would look up how many rows each of them has.
	RETURN QUERY EXECUTE format($q$
		SELECT q.of_table, q.row_id
		FROM (SELECT r.tableoid AS of_table, r.ctid AS row_id, %1$s) q
		WHERE q.event_id IS NOT NULL AND q.user_id = ANY ((SELECT $2)::text[])%2$s
			AND ($1 IS NULL OR q.received_at IS NULL OR q.received_at <= $1)
			AND EXISTS (
				SELECT FROM (SELECT r.tableoid AS of_table, r.ctid AS row_id, %1$s) o
				WHERE o.user_id = q.user_id AND o.event_id = q.event_id AND %3$s < %4$s
					AND ($1 IS NULL OR o.received_at IS NULL OR o.received_at <= $1) OFFSET 0)$q$,
		rows_of, CASE WHEN isfinite(since) THEN ' AND q.occurred_at >= $3' ELSE '' END, format(rank, 'o'), format(rank, 'q'))
	USING known_at, only_users, since;
END
$$;
COMMENT ON FUNCTION pql.repeated_rows(regclass, jsonb, timestamptz, text[], timestamptz) IS 'Rows of a source that repeat another (same user, same event_id), all but the earliest of those loaded by known_at. only_users, since: only rows of these users, and from this instant on.';

CREATE FUNCTION pql.source_rows(source text, known_at timestamptz DEFAULT NULL, only_users text[] DEFAULT NULL, since timestamptz DEFAULT NULL) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	relation regclass := pql.source_relation(source);
	mapping jsonb := s.mapping FROM pql.sources s WHERE s.input = 'events' AND s.relation = source;
	rows_of text := pql.source_query(relation, mapping);
	tables oid[];
	ids tid[];
	filters text := $q$ AND e.event IS NOT NULL AND e.occurred_at BETWEEN '0001-01-01 00:00Z' AND '9999-12-31 23:59:59.999999Z'$q$;
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
		FROM pql.repeated_rows(relation, mapping, known_at, only_users, since) r;
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
COMMENT ON FUNCTION pql.source_rows(text, timestamptz, text[], timestamptz) IS 'The query over a source''s events that count: those with a user''s id, an event''s name and an instant of the years 1 to 9999, loaded by known_at, once each, under the ids that the source has. Who asks for some ids, or from an instant on, says so, and joins with them.';

CREATE FUNCTION pql.source_events(source text, known_at timestamptz DEFAULT NULL, only_users text[] DEFAULT NULL, as_of timestamptz DEFAULT NULL) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	ids text[];
	persons text[];
BEGIN
	IF only_users IS NOT NULL THEN
		SELECT array_agg(i.id), array_agg(i.user_id) INTO ids, persons FROM pql.merged_ids(as_of, known_at, only_users) i;
	END IF;
	IF ids IS NULL AND (only_users IS NOT NULL OR NOT EXISTS (SELECT FROM pql.aliases(as_of, known_at))) THEN
		RETURN pql.source_rows(source, known_at, only_users);
	ELSIF only_users IS NULL THEN
		RETURN format('SELECT coalesce(a.same_as, e.user_id) AS user_id, e.occurred_at, e.event, e.properties FROM (%s) e LEFT JOIN pql.aliases(%L, %L) a ON a.user_id = e.user_id',
			pql.source_rows(source, known_at), as_of, known_at);
	END IF;
	-- and who has one id only
	SELECT ids || array_agg(u), persons || array_agg(u) INTO ids, persons FROM unnest(only_users) u WHERE u NOT IN (SELECT unnest(ids));
	RETURN format('SELECT p.user_id, e.occurred_at, e.event, e.properties FROM unnest(%L::text[], %L::text[]) p (id, user_id) JOIN (%s) e ON e.user_id = p.id', ids, persons, pql.source_rows(source, known_at, ids));
END
$$;
COMMENT ON FUNCTION pql.source_events(text, timestamptz, text[], timestamptz) IS 'The same as pql.source_rows, of persons: events of aliases under the id by which the person is judged, as of an instant (NULL: now). Who asks for some persons says so, and joins with them.';

CREATE FUNCTION pql.event_query(known_at timestamptz DEFAULT NULL, only_users text[] DEFAULT NULL, unreadable text[] DEFAULT '{}', as_of timestamptz DEFAULT NULL) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT coalesce(string_agg(pql.source_events(s.relation, known_at, only_users, as_of), ' UNION ALL ' ORDER BY s.relation),
		'SELECT NULL::text AS user_id, NULL::timestamptz AS occurred_at, NULL::text AS event, NULL::jsonb AS properties WHERE false')
	FROM pql.sources s
	WHERE s.input = 'events' AND s.relation <> ALL (unreadable);
END;
COMMENT ON FUNCTION pql.event_query(timestamptz, text[], text[], timestamptz) IS 'The query over the events of all sources that count (user_id, occurred_at, event, properties), by person as of an instant, but for sources in unreadable.';

CREATE FUNCTION pql.events_named(name text, as_of timestamptz, known_at timestamptz DEFAULT NULL, only_users text[] DEFAULT NULL)
RETURNS TABLE (user_id text, occurred_at timestamptz, properties jsonb)
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT e.user_id, e.occurred_at, e.properties FROM (%s) e WHERE e.event = $1 AND e.occurred_at <= $2',
		pql.event_query(known_at, only_users, '{}', as_of)) USING name, as_of;
END
$$;
COMMENT ON FUNCTION pql.events_named(text, timestamptz, timestamptz, text[]) IS 'Events of one name up to an instant, from all sources, by person.';

CREATE FUNCTION pql.checked_mapping(input text, target regclass, qualified text, mapping jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	words text[] := ARRAY(SELECT w.word FROM pql.input_words(input) w ORDER BY w.n) || ARRAY['timezone', 'only', 'except'] || CASE input WHEN 'events' THEN ARRAY['source'] ELSE '{}' END;
	-- facts of any name
	open_word text := w.word FROM pql.input_words(input) w WHERE w.type = 'jsonb';
	given jsonb := coalesce(mapping, '{}');
	asked record;
	word text;
	place jsonb;
	type regtype;
BEGIN
	IF jsonb_typeof(given) <> 'object' THEN
		RAISE EXCEPTION 'mapping is no JSON object'
			USING ERRCODE = 'invalid_parameter_value', HINT = CASE input
				WHEN 'events' THEN 'Write for example ''{"user_id": "uid", "occurred_at": "at", "event": "name", "properties": "props"}''.'
				ELSE format('Write for example ''{"%s": "id"}''.', words[1]) END;
	END IF;
	-- which only a shape asks for
	given := given - 'query';
	SELECT k INTO word FROM jsonb_object_keys(given) k WHERE k <> ALL (words) ORDER BY k LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'mapping has an unknown key "%"', word
			USING ERRCODE = 'invalid_parameter_value',
				HINT = coalesce('Did you mean "' || pql.nearest_word(word, words) || '"?', format('Its keys are %s.', array_to_string(words, ', ')));
	END IF;

	-- what is not said is taken from columns of our own names
	FOREACH word IN ARRAY words LOOP
		IF NOT given ? word AND (word NOT IN ('timezone', 'only', 'except', 'source') OR word = 'source' AND input = 'deals') AND EXISTS (SELECT FROM pg_attribute a
			WHERE a.attrelid = target AND a.attname = word AND a.attnum > 0 AND NOT a.attisdropped) THEN
			given := given || jsonb_build_object(word, word);
		END IF;
	END LOOP;
	-- properties and attributes may be columns: named, listed, or all that mean nothing else
	place := given -> open_word;
	IF place = '"*"' OR jsonb_typeof(place) = 'array' THEN
		given := given || jsonb_build_object(open_word, (
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
	IF input = 'events' AND given ? 'source' AND (jsonb_typeof(given #> '{source,is}') IS DISTINCT FROM 'string' OR (given -> 'source') - 'is' <> '{}') THEN
		RAISE EXCEPTION 'mapping of % does not say what its source is: %', qualified, given -> 'source'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Write "source": {"is": "marketing"}; signals count its events with "source": "marketing".';
	END IF;
	FOR asked IN SELECT k.key, k.value FROM jsonb_each(given) k WHERE k.key IN ('only', 'except') ORDER BY k.key LOOP
		IF jsonb_typeof(asked.value) <> 'object' OR EXISTS (SELECT FROM jsonb_each(asked.value) v WHERE jsonb_typeof(v.value) = 'object'
			OR jsonb_typeof(v.value) = 'array' AND EXISTS (SELECT FROM jsonb_array_elements(v.value) e WHERE jsonb_typeof(e) IN ('object', 'array'))) THEN
			RAISE EXCEPTION 'mapping of % does not say which rows count: "%": %', qualified, asked.key, asked.value
				USING ERRCODE = 'invalid_parameter_value', HINT = format('Write "%s": {"column": "value"}, or a list of values.', asked.key);
		END IF;
	END LOOP;
	FOR asked IN
		SELECT w.word FROM pql.input_words(input) w WHERE w.need IN ('key', 'always') AND given ->> w.word IS NULL
		UNION ALL
		SELECT string_agg(w.word, ' or ' ORDER BY w.n) FROM pql.input_words(input) w WHERE w.need = 'either' HAVING count(given ->> w.word) = 0 AND count(*) > 0
	LOOP
		RAISE EXCEPTION 'mapping of % does not say where % is', qualified, asked.word
			USING ERRCODE = 'invalid_parameter_value', DETAIL = (
					SELECT format('It has %s%s.', string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum) FILTER (WHERE a.attnum <= 30), CASE WHEN count(*) > 30 THEN ' …' ELSE '' END)
					FROM pg_attribute a WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped),
				HINT = format('Add "%s": "column" to the mapping%s.', split_part(asked.word, ' ', 1),
					CASE asked.word WHEN 'event' THEN ', or {"is": "name"} where all rows are one event' ELSE '' END);
	END LOOP;
	IF given ->> 'timezone' IS NOT NULL AND NOT EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = given ->> 'timezone') THEN
		RAISE EXCEPTION '"%" is no timezone', given ->> 'timezone'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Use an IANA name such as "Europe/Berlin", or "UTC".';
	END IF;
	FOR asked IN
		SELECT w.word, w.type, given ->> w.word AS place, pql.column_type(target, given ->> w.word) AS stored
		FROM pql.input_words(input) w
		WHERE jsonb_typeof(given -> w.word) = 'string' AND pql.column_type(target, given ->> w.word) IS NOT NULL ORDER BY w.n
	LOOP
		IF asked.type = 'timestamptz' AND given ->> 'timezone' IS NULL AND (asked.stored = 'timestamp'::regtype OR asked.stored = 'date'::regtype AND input <> 'events') THEN
			RAISE EXCEPTION 'column "%" of % has times without a zone', asked.place, qualified
				USING ERRCODE = 'invalid_parameter_value', HINT = 'Add the zone they are in to the mapping: "timezone": "UTC".';
		ELSIF asked.type = 'timestamptz' AND NOT (asked.stored IN ('timestamp'::regtype, 'timestamptz'::regtype)
			OR asked.stored IN ('date'::regtype, 'text'::regtype, 'varchar'::regtype, 'bpchar'::regtype) AND input <> 'events') THEN
			RAISE EXCEPTION 'column "%" of % has no times', asked.place, qualified
				USING ERRCODE = 'datatype_mismatch', DETAIL = format('It is of type %s.', asked.stored), HINT = format('Name the column that has %s.', asked.word);
		ELSIF asked.type IN ('int4', 'float8') AND asked.stored NOT IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype,
			'float4'::regtype, 'float8'::regtype, 'text'::regtype, 'varchar'::regtype, 'bpchar'::regtype) THEN
			RAISE EXCEPTION 'column "%" of % has no numbers', asked.place, qualified
				USING ERRCODE = 'datatype_mismatch', DETAIL = format('It is of type %s.', asked.stored), HINT = format('Name the column that has %s.', asked.word);
		ELSIF asked.type = 'jsonb' AND asked.stored NOT IN ('json'::regtype, 'jsonb'::regtype, 'text'::regtype, 'varchar'::regtype) THEN
			RAISE EXCEPTION 'column "%" of % has no JSON', asked.place, qualified
				USING ERRCODE = 'datatype_mismatch', DETAIL = format('It is of type %s.', asked.stored),
					HINT = CASE input WHEN 'events' THEN 'For a column that is a property by itself write "properties": ["column"].'
						ELSE 'For a column that is an attribute by itself write "attributes": ["column"].' END;
		END IF;
	END LOOP;
	given := given || CASE WHEN mapping ? 'query' THEN jsonb_build_object('query', mapping -> 'query') ELSE '{}' END;
	PERFORM pql.source_query(target, given, NULL, input);
	RETURN given;
END
$$;
COMMENT ON FUNCTION pql.checked_mapping(text, regclass, text, jsonb) IS 'A mapping with all that need not be said. What cannot be read of the table is an ERROR.';

CREATE FUNCTION pql.check_input(input text, capture text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	-- the time that capture by cursor goes by
	cursor_word text := w.word FROM pql.input_words(input) w WHERE w.need = 'cursor';
BEGIN
	IF cursor_word IS NULL THEN
		RAISE EXCEPTION 'there is no input "%" to connect', input
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Connect ''events'', ''people'', ''accounts'', ''trials'', ''conversions'', ''activities'', ''surveys'' or ''deals''.';
	END IF;
	IF capture IS NOT NULL AND capture NOT IN ('trigger', 'mark', 'cursor', 'manual') THEN
		RAISE EXCEPTION 'there is no capture "%"', capture
			USING ERRCODE = 'invalid_parameter_value',
				HINT = format('trigger and mark put triggers on the table; cursor looks for rows with a later %s; with manual you call pql.mark_dirty yourself.', cursor_word);
	END IF;
END
$$;
COMMENT ON FUNCTION pql.check_input(text, text) IS 'An ERROR when there is no such input, or no such capture.';

CREATE FUNCTION pql.connect_source(input text, planned jsonb, asked jsonb, capture text) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	cursor_word text := w.word FROM pql.input_words(input) w WHERE w.need = 'cursor';
	target regclass := (planned ->> 'target')::oid;
	qualified text := planned ->> 'relation';
	given jsonb := planned -> 'given';
	connected_at timestamptz;
	watched boolean;
BEGIN
	watched := (SELECT c.relkind IN ('r', 'p') FROM pg_class c WHERE c.oid = target);
	IF NOT watched AND capture IN ('trigger', 'mark') THEN
		RAISE EXCEPTION '% can have no triggers', qualified
			USING ERRCODE = 'wrong_object_type', DETAIL = 'Only tables have them.',
				HINT = format('Connect it with capture => ''cursor'' where it tells when rows were %s, or ''manual'' and call pql.mark_dirty with the users whose %s have changed.',
					CASE input WHEN 'events' THEN 'loaded' ELSE 'updated' END, CASE input WHEN 'events' THEN 'events' ELSE 'rows' END);
	END IF;
	IF capture = 'cursor' AND given ->> cursor_word IS NULL THEN
		RAISE EXCEPTION 'mapping of % does not say where % is, which capture by cursor goes by', qualified, cursor_word
			USING ERRCODE = 'invalid_parameter_value',
				HINT = format('Add "%s": "column", the time at which a row was %s.', cursor_word, CASE input WHEN 'events' THEN 'loaded' ELSE 'updated last' END);
	END IF;
	IF input <> 'events' THEN
		PERFORM pql.lock_follow();
	END IF;
	-- who connects again keeps the place among the sources
	DELETE FROM pql.source o WHERE o.input = connect_source.input AND o.relation = qualified RETURNING o.connected_at INTO connected_at;
	IF watched THEN
		PERFORM pql.drop_capture(input, t.target) FROM pql.watched_tables(input, target, given) t;
		IF coalesce(capture, 'trigger') IN ('trigger', 'mark') THEN
			BEGIN
				PERFORM pql.create_capture(input, t.target, qualified, given, coalesce(capture, 'trigger')) FROM pql.watched_tables(input, target, given) t;
			EXCEPTION WHEN insufficient_privilege THEN
				IF capture IS NOT NULL THEN
					RAISE;
				END IF;
				watched := false;
			END;
		END IF;
	END IF;
	capture := coalesce(capture, CASE WHEN watched THEN 'trigger' WHEN given ->> cursor_word IS NOT NULL THEN 'cursor' ELSE 'manual' END);
	INSERT INTO pql.source AS o (input, relation, mapping, capture, connected_at, shape, part, of_schema, asked)
	VALUES (input, qualified, given, capture, coalesce(connected_at, clock_timestamp()), planned ->> 'shape', planned ->> 'part', planned ->> 'of_schema', asked);
	RETURN capture;
END
$$;
COMMENT ON FUNCTION pql.connect_source(text, jsonb, jsonb, text) IS 'Writes one row of what pql.planned_sources says into pql.source, and puts triggers on its table. Returns how changes of it will be noticed.';

CREATE FUNCTION pql.connect_table(input text, target regclass, relation text, shape text, mapping jsonb, capture text)
RETURNS TABLE (check_name text, status text, found text, hint text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	plan jsonb;
	planned jsonb;
	captures text[] := '{}';
	gone record;
	ignored jsonb := '{}';
BEGIN
	PERFORM pql.check_input(input, capture);
	IF input = 'events' AND target = 'pql.event'::regclass THEN
		DELETE FROM pql.source o WHERE o.input = connect_table.input AND o.relation = 'pql.event';
		PERFORM pql.mark_everybody('-infinity', 'connected pql.event', true);
		RETURN QUERY SELECT 'source', 'ok', 'pql.event is read', NULL;
		RETURN;
	END IF;
	SELECT jsonb_agg(to_jsonb(p) ORDER BY p.n) INTO plan FROM pql.planned_sources(input, target, relation, shape, mapping) p;
	FOR planned IN SELECT p FROM jsonb_array_elements(plan) p LOOP
		captures := captures || pql.connect_source(input, planned, mapping, capture);
	END LOOP;
	-- tables that the schema had, and has no more
	FOR gone IN SELECT o.relation FROM pql.source o WHERE o.input = connect_table.input AND o.of_schema = plan #>> '{0,of_schema}' AND o.disconnected_at IS NULL
		AND NOT EXISTS (SELECT FROM jsonb_array_elements(plan) p WHERE p ->> 'relation' = o.relation)
	LOOP
		PERFORM pql.disconnect_table(input, to_regclass(gone.relation), gone.relation, true);
	END LOOP;
	IF input = 'events' THEN
		PERFORM pql.mark_everybody('-infinity', 'connected ' || coalesce(plan #>> '{0,of_schema}', plan #>> '{0,relation}'), true);
	ELSE
		FOR planned IN SELECT p FROM jsonb_array_elements(plan) p LOOP
			ignored := pql.follow_from(input, planned ->> 'relation');
		END LOOP;
	END IF;
	RETURN QUERY SELECT r.check_name, r.status, r.found, r.hint FROM pql.source_report(input, plan, captures, ignored) r;
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
COMMENT ON FUNCTION pql.connect(text, text, text, jsonb, text) IS 'Reads a table, view or foreign table of yours. Events are read where they are: pql.connect(''events'', ''app.events'', mapping => ''{"user_id": "uid", "occurred_at": "at", "event": "name", "properties": "props"}''); people, accounts, trials, conversions, activities, surveys and deals are copied into pql.person, pql.account, pql.trial, pql.conversion, pql.activity, pql.survey and pql.deal, at once and then by each refresh. Keys of the mapping of events are user_id, occurred_at, event (or {"is": "name"}), properties (a column of JSON, an object or list of columns, or "*"), received_at, event_id, timezone (of times without one); of the others the columns of pql''s table, with attributes like properties, and updated_at and timezone. Values are columns, or paths into columns of JSON; columns of our own names need not be said. Several tables of one input: in each column the one connected first that says something counts. capture: trigger (the default for tables) and mark put triggers on it that note whose rows change; cursor (the default where triggers cannot be and received_at or updated_at is mapped) has refresh look for rows loaded or updated since, and notices none that are deleted; with manual, pql.mark_dirty tells. shape: how a loader writes its tables (pql.shapes; auto: whichever its columns tell), so that relation may be its schema: pql.connect(''events'', ''analytics'', ''segment''); the mapping then says only what is otherwise. Further keys of the mapping: only and except ({"column": values}: which rows count), and of events source ({"is": "marketing"}: what signals with that source count). Returns what was found; pql.preview says so without connecting. Connecting again replaces the mapping, and reads all rows again. What does not fit is an ERROR.';

CREATE FUNCTION pql.schema_oid(name text) RETURNS oid
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT CASE WHEN name ~ '^("([^"]|"")+"|[^".]+)$' THEN to_regnamespace(name)::oid END;
END;
COMMENT ON FUNCTION pql.schema_oid(text) IS 'The schema that a name means, quoted as SQL does. NULL: there is none.';

CREATE FUNCTION pql.schema_name(name text) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT coalesce((SELECT quote_ident(n.nspname) FROM pg_catalog.pg_namespace n WHERE n.oid = pql.schema_oid(name)), name);
END;
COMMENT ON FUNCTION pql.schema_name(text) IS 'The name of a schema as pql.source has it; one that is not there as it is given.';

CREATE FUNCTION pql.disconnect_table(input text, target regclass, relation text, whole boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	-- one that is gone is known by its name only
	qualified text := coalesce(
		(SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = target),
		relation);
	part record;
	mapped jsonb := s.mapping FROM pql.sources s WHERE s.input = disconnect_table.input AND s.relation = qualified;
BEGIN
	IF target IS NULL AND EXISTS (SELECT FROM pql.source s WHERE s.input = disconnect_table.input AND s.of_schema = pql.schema_name(disconnect_table.relation)) THEN
		FOR part IN SELECT s.relation FROM pql.source s WHERE s.input = disconnect_table.input AND s.of_schema = pql.schema_name(disconnect_table.relation) AND s.disconnected_at IS NULL ORDER BY s.relation LOOP
			PERFORM pql.disconnect_table(input, to_regclass(part.relation), part.relation, true);
		END LOOP;
		DELETE FROM pql.source s WHERE s.input = disconnect_table.input AND s.of_schema = pql.schema_name(disconnect_table.relation);
		RETURN;
	END IF;
	IF NOT EXISTS (SELECT FROM pql.sources s WHERE s.input = disconnect_table.input AND s.relation = qualified) THEN
		RAISE EXCEPTION '% is not connected as %', relation, input
			USING ERRCODE = 'undefined_object',
				HINT = coalesce('Connected are ' || (SELECT string_agg(s.relation, ', ' ORDER BY s.relation) FROM pql.sources s) || '.',
					'Nothing is connected.');
	END IF;
	IF input <> 'events' THEN
		PERFORM pql.lock_follow();
	END IF;
	IF EXISTS (SELECT FROM pql.source o WHERE o.input = disconnect_table.input AND o.relation = qualified AND o.of_schema IS NOT NULL AND NOT whole) THEN
		-- one table of a schema: remembered, so that it is not taken for a new one
		UPDATE pql.source o SET disconnected_at = now(), failure = NULL WHERE o.input = disconnect_table.input AND o.relation = qualified;
	ELSE
		DELETE FROM pql.source o WHERE o.input = disconnect_table.input AND o.relation = qualified;
	END IF;
	IF target IS NOT NULL AND NOT (input = 'events' AND qualified = 'pql.event') THEN
		PERFORM pql.drop_capture(input, t.target) FROM pql.watched_tables(input, target, mapped) t;
	END IF;
	IF input <> 'events' THEN
		PERFORM pql.unfollow(input, qualified);
		RETURN;
	END IF;
	PERFORM pql.mark_everybody('-infinity', 'disconnected ' || qualified, true);
	IF qualified = 'pql.event' THEN
		INSERT INTO pql.source (input, relation, mapping, disconnected_at) VALUES (input, qualified, '{}', now());
	END IF;
END
$$;
COMMENT ON FUNCTION pql.disconnect_table(text, regclass, text, boolean) IS 'pql.disconnect, when the name has been looked up. whole: of the schema that was connected, nothing is to be remembered.';

CREATE FUNCTION pql.disconnect(input text, relation text) RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	SELECT pql.disconnect_table(input, pg_catalog.to_regclass(relation), relation);
END;
COMMENT ON FUNCTION pql.disconnect(text, text) IS 'Reads a table, or all tables of a schema that was connected, no longer; its rows stay where they are, and so does what was copied of them. pql.event can be disconnected, too, and connected again. A table that is not connected is an ERROR.';
