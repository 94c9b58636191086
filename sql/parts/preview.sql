-- What pql.connect will read, and what it says of it. All of it is known before anything is written, so that pql.preview says the same.

CREATE FUNCTION pql.recognised(of_input text, in_schema oid, only_table oid DEFAULT NULL) RETURNS TABLE (shape text, told_by text)
LANGUAGE sql STABLE
BEGIN ATOMIC
	-- the table of all events tells best: others have fewer of the columns that shapes differ by
	WITH telling AS MATERIALIZED (
		SELECT s.shape, s.target, s.part IN ('*', 'pages', 'identifies') AND only_table IS NULL AS weakly, s.n
		FROM (SELECT DISTINCT x.input FROM pql.shapes() x) i CROSS JOIN LATERAL pql.shape_tables(i.input, NULL, in_schema, only_table) s
		WHERE s.tells AND (only_table IS NULL OR i.input = of_input)
	)
	SELECT DISTINCT ON (t.shape) t.shape, t.target::text
	FROM telling t
	WHERE (NOT t.weakly OR NOT EXISTS (SELECT FROM telling o WHERE NOT o.weakly))
		AND EXISTS (SELECT FROM pql.shapes() s WHERE s.shape = t.shape AND s.input = of_input)
	ORDER BY t.shape, t.weakly, t.n, t.target::text;
END;
COMMENT ON FUNCTION pql.recognised(text, oid, oid) IS 'Shapes of which a schema (or a table) is by its columns, as far as they have the input, and the table that tells it.';

CREATE FUNCTION pql.recognised_shape(input text, relation text, in_schema oid, only_table oid DEFAULT NULL) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	shapes text[];
	told text[];
BEGIN
	SELECT array_agg(r.shape ORDER BY r.shape), array_agg(r.told_by ORDER BY r.shape) INTO shapes, told FROM pql.recognised(input, in_schema, only_table) r;
	IF shapes IS NULL THEN
		RAISE EXCEPTION '% is of no shape that is known for %', relation, input
			USING ERRCODE = 'invalid_parameter_value', DETAIL = format('Known are %s.', (SELECT string_agg(s.shape, ', ' ORDER BY s.n) FROM (SELECT x.shape, min(x.n) AS n FROM pql.shapes() x WHERE x.input = recognised_shape.input GROUP BY x.shape) s)),
				HINT = CASE WHEN only_table IS NULL THEN 'Connect its tables one by one, and name their columns in the mapping.' ELSE 'Name its columns in the mapping.' END;
	ELSIF cardinality(shapes) > 1 THEN
		RAISE EXCEPTION '% may be of shape %', relation, array_to_string(ARRAY(SELECT format('"%s"', s) FROM unnest(shapes) s), ' or ')
			USING ERRCODE = 'ambiguous_parameter', DETAIL = (SELECT string_agg(format('%s: %s', t.s, t.t), '; ') FROM unnest(shapes, told) t (s, t)) || '.',
				HINT = format('Say which: SELECT * FROM pql.connect(%L, %L, %L).', input, relation, shapes[1]);
	END IF;
	RETURN shapes[1];
END
$$;
COMMENT ON FUNCTION pql.recognised_shape(text, text, oid, oid) IS 'The one shape of which a schema or table is. None, or more than one, is an ERROR.';

CREATE FUNCTION pql.condition_properties(condition jsonb) RETURNS SETOF text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	part record;
BEGIN
	IF jsonb_typeof(condition) = 'array' THEN
		RETURN QUERY SELECT p FROM jsonb_array_elements(condition) c CROSS JOIN LATERAL pql.condition_properties(c) p;
	ELSIF jsonb_typeof(condition) = 'object' THEN
		FOR part IN SELECT key, value FROM jsonb_each(condition) LOOP
			IF part.key IN ('all', 'any', 'not') THEN
				RETURN QUERY SELECT pql.condition_properties(part.value);
			ELSE
				RETURN NEXT part.key;
			END IF;
		END LOOP;
	END IF;
END
$$;
COMMENT ON FUNCTION pql.condition_properties(jsonb) IS 'The properties that a where of the model language asks for.';

CREATE FUNCTION pql.signal_properties(model jsonb) RETURNS TABLE (n bigint, signal text, property text, events text[])
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	-- of a compound only what stands in its own measures: those of other signals are theirs
	WITH asked AS (
		SELECT d.signal ->> 'signal' AS signal, p.value #>> '{}' AS property
		FROM jsonb_array_elements(model -> 'signals') d (signal)
		CROSS JOIN LATERAL jsonb_each(d.signal) p
		WHERE p.key IN ('distinct', 'sum', 'max', 'latest', 'quota', 'limit') AND jsonb_typeof(p.value) = 'string'
		UNION
		SELECT d.signal ->> 'signal', w.property
		FROM jsonb_array_elements(model -> 'signals') d (signal) CROSS JOIN LATERAL pql.condition_properties(d.signal -> 'where') w (property)
		UNION
		SELECT d.signal ->> 'signal', w.property
		FROM jsonb_array_elements(model -> 'signals') d (signal)
		CROSS JOIN LATERAL jsonb_each(d.signal) p
		JOIN jsonb_each(CASE WHEN jsonb_typeof(model -> 'events') = 'object' THEN model -> 'events' END) g (word, entry) ON p.value = to_jsonb(g.word)
		CROSS JOIN LATERAL pql.condition_properties(CASE WHEN jsonb_typeof(g.entry) = 'object' THEN g.entry -> 'where' END) w (property)
	)
	SELECT s.n, s.signal, a.property, s.events FROM asked a JOIN ROWS FROM (pql.model_signals(model)) WITH ORDINALITY s (signal, effect, category, events, n) ON s.signal = a.signal ORDER BY s.n, a.property;
END;
COMMENT ON FUNCTION pql.signal_properties(jsonb) IS 'For each signal of a model the properties of events that its measure asks for, and the names of those events.';

CREATE FUNCTION pql.bare_tracks(of_shape text, target regclass) RETURNS TABLE (detail text, hint text)
LANGUAGE sql STABLE
BEGIN ATOMIC
	WITH beside AS MATERIALIZED (
		SELECT s.target, c.relname::text AS event, pql.relation_columns(s.target) AS columns
		FROM pg_catalog.pg_class t CROSS JOIN LATERAL pql.shape_tables('events', of_shape, t.relnamespace) s JOIN pg_catalog.pg_class c ON c.oid = s.target
		WHERE t.oid = bare_tracks.target AND s.part = '*'
	), missed AS (
		SELECT m.model, p.n, format('"%s" (%s)', p.signal, string_agg(DISTINCT p.property, ', ' ORDER BY p.property)) AS signal, string_agg(DISTINCT b.target::text, ', ' ORDER BY b.target::text) AS tables
		FROM pql.active_model m CROSS JOIN LATERAL pql.signal_properties(m.document) p JOIN beside b ON b.event = ANY (p.events) AND b.columns ? lower(p.property)
		WHERE NOT pql.relation_columns(bare_tracks.target) ? lower(p.property)
		GROUP BY m.model, p.n, p.signal
	)
	SELECT format('Signal%s %s of model "%s" could never be met. %s keeps them per event: found %s.', CASE WHEN count(*) > 1 THEN 's' END,
			regexp_replace(string_agg(m.signal, ', ' ORDER BY m.n), '(.*), "', '\1 and "'), m.model, CASE of_shape WHEN 'rudderstack' THEN 'RudderStack' ELSE initcap(of_shape) END, string_agg(m.tables, ', ' ORDER BY m.n)),
		format('Connect the schema: SELECT * FROM pql.connect(''events'', %L, %L);', (SELECT quote_ident(n.nspname) FROM pg_catalog.pg_class t JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace WHERE t.oid = bare_tracks.target), of_shape)
	FROM missed m
	GROUP BY m.model ORDER BY m.model = 'trial' DESC, m.model LIMIT 1;
END;
COMMENT ON FUNCTION pql.bare_tracks(text, regclass) IS 'Where a table of all events has none of their properties, and tables beside it have such as active models ask for: which signals that concerns, and what to connect instead. No row: there are none.';

CREATE FUNCTION pql.qualified_name(target regclass) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = target;
END;
COMMENT ON FUNCTION pql.qualified_name(regclass) IS 'Schema and name of a table, as SQL writes them whatever the search_path.';

CREATE FUNCTION pql.planned_table(input text, target regclass, relation text, mapping jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	in_schema oid := c.relnamespace FROM pg_class c WHERE c.oid = target;
	shapes text[];
	message text;
	hint text;
BEGIN
	RETURN pql.checked_mapping(input, target, pql.qualified_name(target), mapping);
EXCEPTION WHEN invalid_parameter_value THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
	shapes := ARRAY(SELECT r.shape FROM pql.recognised(input, in_schema, target) r);
	IF cardinality(shapes) <> 1 OR message !~ 'does not say where' THEN
		RAISE;
	END IF;
	RAISE EXCEPTION '%', message
		USING ERRCODE = 'invalid_parameter_value', DETAIL = format('It looks like a table of shape "%s".', shapes[1]),
			HINT = format('SELECT * FROM pql.connect(%L, %L, %L) reads it so. Otherwise: %s', input, relation, shapes[1], hint);
END
$$;
COMMENT ON FUNCTION pql.planned_table(text, regclass, text, jsonb) IS 'pql.checked_mapping of a table without a shape; where that does not say enough, the ERROR tells which shape it looks like.';

CREATE FUNCTION pql.planned_sources(input text, single regclass, name text, of_shape text, mapping jsonb)
RETURNS TABLE (n bigint, target oid, relation text, shape text, part text, of_schema text, given jsonb, told_by text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	in_schema oid := CASE WHEN single IS NULL THEN pql.schema_oid(name) ELSE (SELECT c.relnamespace FROM pg_class c WHERE c.oid = single) END;
	fitting record;
	names jsonb;
	bare record;
	telling text;
BEGIN
	IF in_schema IS NULL OR single IS NULL AND of_shape IS NULL AND NOT EXISTS (SELECT FROM pql.recognised(input, in_schema) r) THEN
		RAISE EXCEPTION 'there is no table "%"', name
			USING ERRCODE = 'undefined_table', DETAIL = CASE WHEN in_schema IS NOT NULL THEN 'There is a schema of that name, and it looks like no shape that is known.' ELSE '' END,
				HINT = 'Write its schema as well, and quote names as SQL does.';
	END IF;
	IF input <> 'events' AND pql.qualified_name(single) IN ('pql.person', 'pql.account', 'pql.trial', 'pql.conversion', 'pql.activity') THEN
		RAISE EXCEPTION '% cannot be connected', pql.qualified_name(single)
			USING ERRCODE = 'invalid_parameter_value', DETAIL = 'It is what connected tables are copied into.', HINT = 'Rows written to it count without being connected.';
	END IF;
	IF of_shape IS NULL THEN
		IF single IS NULL THEN
			RAISE EXCEPTION '"%" is a schema', name
				USING ERRCODE = 'wrong_object_type', DETAIL = format('It looks like shape %s.', (SELECT string_agg(format('"%s"', r.shape), ' or ' ORDER BY r.shape) FROM pql.recognised(input, in_schema) r)),
					HINT = format('SELECT * FROM pql.connect(%L, %L, %L) reads it so.', input, name, (SELECT min(r.shape) FROM pql.recognised(input, in_schema) r));
		END IF;
		n := 1;
		target := single;
		relation := pql.qualified_name(single);
		given := pql.planned_table(input, single, name, mapping);
		RETURN NEXT;
		RETURN;
	END IF;
	IF of_shape <> 'auto' AND NOT EXISTS (SELECT FROM pql.shapes() s WHERE s.shape = of_shape) THEN
		RAISE EXCEPTION 'there is no shape "%"', of_shape
			USING ERRCODE = 'invalid_parameter_value', DETAIL = format('There are %s, and auto.', (SELECT string_agg(s.shape, ', ' ORDER BY s.n) FROM (SELECT x.shape, min(x.n) AS n FROM pql.shapes() x GROUP BY x.shape) s)),
				HINT = coalesce('Did you mean "' || pql.nearest_word(of_shape, ARRAY(SELECT DISTINCT s.shape FROM pql.shapes() s ORDER BY 1) || 'auto'::text) || '"?', 'Leave it out, and name the columns in the mapping.');
	ELSIF of_shape <> 'auto' AND NOT EXISTS (SELECT FROM pql.shapes() s WHERE s.shape = of_shape AND s.input = planned_sources.input) THEN
		RAISE EXCEPTION 'shape "%" has no %', of_shape, input
			USING ERRCODE = 'invalid_parameter_value', HINT = format('It has %s.', (SELECT string_agg(DISTINCT s.input, ', ' ORDER BY s.input) FROM pql.shapes() s WHERE s.shape = of_shape));
	END IF;
	IF jsonb_typeof(mapping) <> 'object' OR mapping ? 'query' THEN
		PERFORM pql.checked_mapping(input, single, name, mapping);
	END IF;
	IF of_shape = 'auto' THEN
		of_shape := pql.recognised_shape(input, name, in_schema, single);
		telling := (SELECT r.told_by FROM pql.recognised(input, in_schema, single) r WHERE r.shape = of_shape);
	END IF;

	FOR fitting IN
		SELECT s.part, s.target, s.n FROM pql.shape_tables(input, of_shape, in_schema, single) s
		-- a table by itself is the part that it is called like, or else that which tells most
		ORDER BY single IS NOT NULL AND s.part IS DISTINCT FROM (SELECT lower(c.relname) FROM pg_class c WHERE c.oid = single), s.n, s.target::text
	LOOP
		-- what is there was not meant to be written to
		CONTINUE WHEN EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = fitting.target AND d.refobjid = (SELECT e.oid FROM pg_extension e WHERE e.extname = 'pql') AND d.deptype = 'e');
		n := coalesce(n, 0) + 1;
		target := fitting.target;
		relation := pql.qualified_name(fitting.target);
		shape := of_shape;
		part := fitting.part;
		told_by := telling;
		of_schema := CASE WHEN single IS NULL THEN (SELECT quote_ident(s.nspname) FROM pg_namespace s WHERE s.oid = in_schema) END;
		given := pql.shape_mapping(of_shape, input, fitting.part, fitting.target);
		IF fitting.part = '*' AND single IS NULL THEN
			names := coalesce(names, '[]') || (given #> '{event,is}');
		ELSIF fitting.part = '*' THEN
			-- called as somebody chose
			given := given || '{"event": "event"}';
		END IF;
		IF fitting.part = 'tracks' AND input = 'events' THEN
			IF single IS NOT NULL THEN
				SELECT b.* INTO bare FROM pql.bare_tracks(of_shape, single) b;
				IF FOUND THEN
					RAISE EXCEPTION 'events table % has no properties', relation USING ERRCODE = 'invalid_parameter_value', DETAIL = bare.detail, HINT = bare.hint;
				END IF;
			ELSIF names IS NOT NULL THEN
				-- the same events, by the same ids, are in their own tables
				given := given || jsonb_build_object('except', jsonb_build_object(given ->> 'event', names));
			END IF;
		END IF;
		given := pql.checked_mapping(input, fitting.target, relation, given || coalesce(mapping, '{}'));
		RETURN NEXT;
		EXIT WHEN single IS NOT NULL;
	END LOOP;
	IF n IS NULL THEN
		RAISE EXCEPTION '% is not of shape "%"', name, of_shape
			USING ERRCODE = 'invalid_parameter_value',
				DETAIL = (SELECT format('%s of that shape has %s, which %s.', CASE s.relation WHEN '*' THEN 'A table of events' ELSE format('Table %s', s.relation) END, array_to_string(s.must, ', '),
						CASE WHEN single IS NOT NULL THEN format('%s lacks: %s', name, array_to_string(pql.lacking(pql.relation_columns(single), s.must), ', ')) ELSE 'no table here has' END)
					FROM pql.shapes() s WHERE s.shape = of_shape AND s.input = planned_sources.input
					ORDER BY CASE WHEN single IS NOT NULL THEN cardinality(pql.lacking(pql.relation_columns(single), s.must)) END, s.n LIMIT 1),
				HINT = 'Leave the shape out, and name the columns in the mapping.';
	END IF;
END
$$;
COMMENT ON FUNCTION pql.planned_sources(text, regclass, text, text, jsonb) IS 'The tables that pql.connect would read, and the mapping of each. single NULL: name is a schema. What does not fit is an ERROR.';

-- ---- what is found there ----

CREATE FUNCTION pql.trigrams(word text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
	-- names are written invite_sent, inviteSent, Invite Sent, $invite-sent
	SELECT ARRAY(
		SELECT DISTINCT substr(w.padded, i, 3)
		FROM (SELECT '  ' || m.part || ' ' AS padded
			FROM regexp_split_to_table(lower(regexp_replace(word, '([[:lower:][:digit:]])([[:upper:]])', '\1 \2', 'g')), '[^[:alnum:]]+') m (part) WHERE m.part <> '') w
		CROSS JOIN LATERAL generate_series(1, length(w.padded) - 2) i
		ORDER BY 1);
END;
COMMENT ON FUNCTION pql.trigrams(text) IS 'The sequences of three characters of each word of a name, in lower case.';

CREATE FUNCTION pql.similarity(a text, b text) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
	SELECT coalesce(s.common::float8 / nullif(cardinality(s.of_a) + cardinality(s.of_b) - s.common, 0), 0)
	-- OFFSET 0: trigrams once, not for each of them
	FROM (SELECT t.of_a, t.of_b, (SELECT count(*) FROM unnest(t.of_a) x WHERE x = ANY (t.of_b)) AS common
		FROM (SELECT pql.trigrams(a) AS of_a, pql.trigrams(b) AS of_b OFFSET 0) t OFFSET 0) s;
END;
COMMENT ON FUNCTION pql.similarity(text, text) IS 'How alike two names are, from 0 to 1: trigrams that both have, of all that either has.';

CREATE FUNCTION pql.nearest_name(name text, names text[]) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
	SELECT n FROM unnest(names) n WHERE pql.similarity(name, n) >= 0.3 OR n = pql.nearest_word(name, names)
	ORDER BY pql.similarity(name, n) DESC, n LIMIT 1;
END;
COMMENT ON FUNCTION pql.nearest_name(text, text[]) IS 'Which of the names may mean the same: the most alike, of at least 0.3 by pql.similarity, or a misspelling (pql.nearest_word); of two as much alike the first by alphabet. NULL: none.';

CREATE FUNCTION pql.glossary(model jsonb) RETURNS TABLE (word text, event text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT g.key, e.name
	FROM jsonb_each(CASE WHEN jsonb_typeof(model -> 'events') = 'object' THEN model -> 'events' ELSE '{}' END) g
	CROSS JOIN LATERAL (SELECT CASE WHEN jsonb_typeof(g.value) = 'object' THEN g.value -> 'event' ELSE g.value END AS said) v
	CROSS JOIN LATERAL jsonb_array_elements_text(CASE WHEN jsonb_typeof(v.said) = 'array' THEN v.said ELSE jsonb_build_array(v.said) END) e (name)
	ORDER BY g.key, e.name;
END;
COMMENT ON FUNCTION pql.glossary(jsonb) IS 'The words of a model''s glossary, and the events that each stands for.';

CREATE FUNCTION pql.sample_rows(relation regclass, most int DEFAULT 10000) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	-- pages at random, the same ones each time; of what has no pages, or was never analysed, the first rows
	SELECT format('(SELECT * FROM %s%s LIMIT %s)', relation::text, CASE WHEN c.relkind IN ('r', 'm') AND c.reltuples > 1.5 * most
		THEN format(' TABLESAMPLE SYSTEM (%s) REPEATABLE (1)', round((150 * most / c.reltuples)::numeric, 6)) END, most)
	FROM pg_catalog.pg_class c WHERE c.oid = relation;
END;
COMMENT ON FUNCTION pql.sample_rows(regclass, int) IS 'A bounded sample of a table''s rows, for pql.source_query to read in its place.';

CREATE FUNCTION pql.sample_source(input text, relation regclass, mapping jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	rows_of text := pql.source_query(relation, mapping, pql.sample_rows(relation), input);
	result jsonb;
BEGIN
	IF input = 'events' THEN
		EXECUTE format($q$
			WITH s AS MATERIALIZED (SELECT q.user_id, q.occurred_at, q.event, q.event_id FROM (%s) q)
			SELECT jsonb_build_object('rows', count(*), 'no user', count(*) FILTER (WHERE s.user_id IS NULL), 'no time', count(*) FILTER (WHERE s.occurred_at IS NULL OR NOT isfinite(s.occurred_at)),
				'no event', count(*) FILTER (WHERE s.event IS NULL),
				'repeats', count(*) FILTER (WHERE s.user_id IS NOT NULL AND s.event_id IS NOT NULL) - count(DISTINCT ROW(s.user_id, s.event_id)) FILTER (WHERE s.user_id IS NOT NULL AND s.event_id IS NOT NULL),
				'latest', max(s.occurred_at) FILTER (WHERE isfinite(s.occurred_at)),
				'events', (SELECT coalesce(jsonb_object_agg(e.event, e.n), '{}') FROM (SELECT x.event, count(*) AS n FROM s x WHERE x.event IS NOT NULL AND x.user_id IS NOT NULL GROUP BY x.event ORDER BY count(*) DESC, x.event LIMIT 500) e))
			FROM s$q$, rows_of) INTO result;
	ELSE
		EXECUTE format('SELECT jsonb_build_object(''rows'', count(*), ''valid'', count(*) FILTER (WHERE %s)) FROM (%s) q',
			coalesce((SELECT string_agg(v.condition, ' AND ') FROM pql.valid_row(input) v), 'true'), rows_of) INTO result;
	END IF;
	RETURN result;
EXCEPTION WHEN OTHERS THEN
	-- what cannot be read (yet) may be connected all the same
	RETURN jsonb_build_object('error', SQLERRM);
END
$$;
COMMENT ON FUNCTION pql.sample_source(text, regclass, jsonb) IS 'What a bounded sample of a source''s rows (pql.sample_rows) has: how many have no user, time or event, repeat an id; and the names of events of users. error: why it could not be read.';

CREATE FUNCTION pql.indexed(relation regclass, place text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT EXISTS (SELECT FROM pg_catalog.pg_index i JOIN pg_catalog.pg_attribute a ON a.attrelid = relation AND a.attnum = i.indkey[0]
		WHERE i.indrelid = relation AND i.indisvalid AND a.attname = place);
END;
COMMENT ON FUNCTION pql.indexed(regclass, text) IS 'Does an index begin with the column?';

CREATE FUNCTION pql.said_place(relation regclass, place jsonb) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE WHEN place ? 'by' THEN 'by ' || (place ->> 'by') WHEN jsonb_typeof(place) = 'object' THEN left(place::text, 200)
		ELSE concat_ws(' ', place #>> '{}', (SELECT format_type(a.atttypid, a.atttypmod) FROM pg_catalog.pg_attribute a
			WHERE a.attrelid = relation AND a.attname = place #>> '{}' AND NOT a.attisdropped)) END;
END;
COMMENT ON FUNCTION pql.said_place(regclass, jsonb) IS 'A column with its type, a path, or what else a mapping says of a word.';

CREATE FUNCTION pql.report_words(input text, planned jsonb) RETURNS TABLE (check_name text, status text, found text, hint text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	given jsonb := planned -> 'given';
	asked record;
	place jsonb;
BEGIN
	FOR asked IN SELECT w.word FROM pql.input_words(input) w UNION ALL SELECT 'timezone' LOOP
		place := given -> asked.word;
		RETURN QUERY SELECT asked.word, CASE WHEN place IS NULL THEN 'none' ELSE 'ok' END, pql.said_place((planned ->> 'target')::oid, place),
			CASE WHEN place IS NOT NULL THEN CASE WHEN asked.word = 'timezone' AND planned ->> 'shape' IS NOT NULL THEN format('Times are written without a zone; %s writes them so.', planned ->> 'shape') END
				WHEN asked.word = 'properties' THEN 'No signal can look at properties.'
				WHEN asked.word = 'received_at' THEN 'known_at treats every row as known from the moment it happened.'
				WHEN asked.word = 'event_id' THEN 'Rows that a loader repeats count each time.'
				WHEN asked.word = 'conversion_id' THEN 'A payment that several rows or sources tell of counts each time.'
				WHEN asked.word = 'ends_at' THEN 'Trials end 14 days after their start.'
				WHEN asked.word = 'employees' THEN 'The gate on company size stays closed until somebody says it.' END;
	END LOOP;
	IF input = 'events' AND planned ->> 'shape' IS NULL AND NOT given ? 'properties' THEN
		RETURN QUERY SELECT 'properties', 'warn', b.detail, b.hint FROM pql.recognised(input, NULL, (planned ->> 'target')::oid) r CROSS JOIN LATERAL pql.bare_tracks(r.shape, (planned ->> 'target')::oid) b;
	END IF;
	RETURN QUERY SELECT k.key, 'ok', left((given -> k.key)::text, 200), k.hint
	FROM (VALUES ('only', 'Other rows do not count.'), ('except', 'These rows do not count.'), ('source', CASE WHEN input = 'events' THEN 'Signals with this source count them.' END)) k (key, hint)
	WHERE given ? k.key AND k.hint IS NOT NULL;
END
$$;
COMMENT ON FUNCTION pql.report_words(text, jsonb) IS 'Word by word, where one table has it.';

CREATE FUNCTION pql.report_tables(input text, plan jsonb) RETURNS TABLE (check_name text, status text, found text, hint text)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT 'reads', 'ok', format('%s%s: %s', p.planned ->> 'relation', CASE WHEN p.planned #>> '{given,event,is}' IS NOT NULL THEN format(' as "%s"', p.planned #>> '{given,event,is}') END,
		concat_ws('; ', (SELECT string_agg(format('%s = %s', w.word, pql.said_place((p.planned ->> 'target')::oid, p.planned -> 'given' -> w.word)), ', ' ORDER BY w.n)
			FROM pql.input_words(input) w WHERE jsonb_typeof(p.planned -> 'given' -> w.word) = 'string'),
		(SELECT string_agg(format('%s by %s', w.word, p.planned #>> ARRAY['given', w.word, 'by']), '; ' ORDER BY w.n) FROM pql.input_words(input) w WHERE p.planned -> 'given' -> w.word ? 'by'))
		|| coalesce(', ' || (SELECT string_agg(w.word || ': ' || coalesce((SELECT string_agg(k, ', ' ORDER BY k) FROM jsonb_object_keys(p.planned -> 'given' -> w.word) k), 'none'), ', ')
			FROM pql.input_words(input) w WHERE w.type = 'jsonb' AND jsonb_typeof(p.planned -> 'given' -> w.word) = 'object' AND NOT p.planned -> 'given' -> w.word ? 'by'), '')
		|| coalesce(', times in ' || (p.planned #>> '{given,timezone}'), '')),
		CASE WHEN p.planned -> 'given' ? 'except' THEN 'Events that have a table of their own are read there.' END
	FROM jsonb_array_elements(plan) WITH ORDINALITY p (planned, n)
	ORDER BY p.n;
END;
COMMENT ON FUNCTION pql.report_tables(text, jsonb) IS 'Table by table, what of a schema is read.';

CREATE FUNCTION pql.report_sample(input text, plan jsonb) RETURNS TABLE (check_name text, status text, found text, hint text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	-- more names than this are not shown
	most CONSTANT int := 30;
	total jsonb;
	names jsonb;
	rows bigint;
	repeats boolean;
BEGIN
	SELECT coalesce(jsonb_object_agg(t.key, t.n), '{}'), coalesce(sum(t.n) FILTER (WHERE t.key = 'rows'), 0) INTO total, rows
	FROM (SELECT k.key, sum(k.value::text::bigint) AS n
		FROM jsonb_array_elements(plan) p CROSS JOIN LATERAL jsonb_each(p -> 'sample') k WHERE jsonb_typeof(k.value) = 'number' GROUP BY k.key) t;
	SELECT coalesce(jsonb_object_agg(e.name, e.n), '{}') INTO names
	FROM (SELECT k.key AS name, sum(k.value::text::bigint) AS n FROM jsonb_array_elements(plan) p CROSS JOIN LATERAL jsonb_each(p #> '{sample,events}') k GROUP BY k.key) e;
	RETURN QUERY SELECT 'sample', CASE WHEN rows = 0 THEN 'none' ELSE 'ok' END, format('%s rows of %s', rows, CASE jsonb_array_length(plan) WHEN 1 THEN plan #>> '{0,relation}' ELSE jsonb_array_length(plan) || ' tables' END),
		CASE WHEN rows = 0 THEN 'It is empty: only columns could be checked.'
			WHEN EXISTS (SELECT FROM jsonb_array_elements(plan) p WHERE (p #>> '{sample,rows}')::bigint >= 10000)
				THEN 'At most 10,000 rows of each table: pages at random where it was analysed, else the first. What follows is of these.'
			ELSE 'All rows.' END;
	RETURN QUERY SELECT 'sample', 'error', format('%s cannot be read: %s', p ->> 'relation', p #>> '{sample,error}'), 'Until it can, nothing that needs it is judged.' FROM jsonb_array_elements(plan) p WHERE p -> 'sample' ? 'error';
	IF rows = 0 THEN
		RETURN;
	ELSIF input <> 'events' THEN
		RETURN QUERY SELECT 'no key', CASE WHEN v.invalid > rows / 2 THEN 'warn' ELSE 'ok' END, format('%s of %s rows', v.invalid, rows), 'Rows of which nothing can be known are left out.' FROM (SELECT rows - (total ->> 'valid')::bigint AS invalid) v WHERE v.invalid > 0;
		RETURN;
	END IF;
	RETURN QUERY SELECT k.key, CASE WHEN (total ->> k.key)::bigint > rows / 2 THEN 'warn' ELSE 'ok' END, format('%s of %s rows (%s %%)', total ->> k.key, rows, round(100.0 * (total ->> k.key)::bigint / rows, 1)), k.hint
	FROM (VALUES (1, 'no user', 'They are ignored: nobody is known to have done it.'), (2, 'no event', 'They are ignored.'), (3, 'no time', 'They are ignored.')) k (n, key, hint)
	ORDER BY k.n;
	repeats := EXISTS (SELECT FROM jsonb_array_elements(plan) p WHERE p -> 'given' ? 'event_id');
	RETURN QUERY SELECT 'repeats', CASE WHEN NOT repeats THEN 'none' ELSE 'ok' END, CASE WHEN repeats THEN format('%s of %s rows repeat the event id of another', total ->> 'repeats', rows) END,
		CASE WHEN NOT repeats THEN 'Without event ids, rows that a loader repeats count each time.' WHEN (total ->> 'repeats')::bigint > 0 THEN 'They count once.' END;
	RETURN QUERY
	SELECT 'event', CASE WHEN g.words IS NULL THEN 'none' ELSE 'ok' END, format('%s: %s', e.key, e.value), coalesce(g.words, 'No active model looks for it.')
	FROM (SELECT n.key, n.value::bigint AS value FROM jsonb_each_text(names) n ORDER BY n.value::bigint DESC, n.key LIMIT most) e
	LEFT JOIN LATERAL (SELECT string_agg(format('%s of model %s', w.word, m.model), ', ' ORDER BY m.model, w.word) AS words
		FROM pql.active_model m CROSS JOIN LATERAL pql.glossary(m.document) w WHERE w.event = e.key) g ON true
	ORDER BY e.value DESC, e.key;
	RETURN QUERY SELECT 'event', 'none', format('%s names more', count(*) - most), NULL FROM jsonb_object_keys(names) HAVING count(*) > most;
	-- not of what was shipped and nobody has looked at
	RETURN QUERY
	SELECT 'model ' || w.model, CASE WHEN w.there = w.words THEN 'ok' ELSE 'warn' END, format('%s of %s events of its glossary are here', w.there, w.words), w.missing
	FROM (
		SELECT m.model, count(*) AS words, count(*) FILTER (WHERE names ? g.event) AS there,
			'Not here: ' || string_agg(format('"%s"%s', g.event, ' (did you mean "' || pql.nearest_name(g.event, ARRAY(SELECT k FROM jsonb_object_keys(names) k ORDER BY 1)) || '"?)'), ', ' ORDER BY g.event)
				FILTER (WHERE NOT names ? g.event) || '. pql.adapt gives words of the glossary the product''s names; pql.suggest_model suggests them.' AS missing
		FROM pql.active_model m CROSS JOIN LATERAL (SELECT DISTINCT x.event FROM pql.glossary(m.document) x WHERE x.event <> '*') g
		GROUP BY m.model
	) w
	ORDER BY w.model;
END
$$;
COMMENT ON FUNCTION pql.report_sample(text, jsonb) IS 'What samples of the tables have: rows without user, event or time, repeated ids, names of events, and how many of the events that each active model looks for are there, with what may be meant by the others.';

CREATE FUNCTION pql.with_samples(input text, plan jsonb) RETURNS jsonb
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT jsonb_agg(p.planned || jsonb_build_object('sample', pql.sample_source(input, (p.planned ->> 'target')::oid::regclass, p.planned -> 'given')) ORDER BY p.n)
	FROM jsonb_array_elements(plan) WITH ORDINALITY p (planned, n);
END;
COMMENT ON FUNCTION pql.with_samples(text, jsonb) IS 'The plan, with what a sample of each table has.';

CREATE FUNCTION pql.anonymous_tables(of_input text, of_shape text, of_schema text) RETURNS TABLE (relation text)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT pql.qualified_name(c.oid) FROM pg_catalog.pg_class c JOIN pql.shapes() s ON s.shape = of_shape AND s.input = of_input AND s.relation = '*'
	WHERE c.relnamespace = pql.schema_oid(of_schema) AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND pql.lacking(pql.relation_columns(c.oid), s.must) = '{user_id}' ORDER BY 1;
END;
COMMENT ON FUNCTION pql.anonymous_tables(text, text, text) IS 'Tables of events in a schema that have no user_id: loaders make the column with the first user who has one.';

CREATE FUNCTION pql.source_report(input text, plan jsonb, captures text[] DEFAULT NULL, ignored jsonb DEFAULT NULL) RETURNS TABLE (check_name text, status text, found text, hint text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	of_schema CONSTANT text := plan #>> '{0,of_schema}';
	-- by which rows are looked up, of the first table
	key_word CONSTANT text := w.word FROM pql.input_words(input) w WHERE plan #>> ARRAY['0', 'given', w.word] IS NOT NULL AND (w.need IN ('key', 'either') OR w.word = 'user_id') ORDER BY w.n LIMIT 1;
BEGIN
	IF plan #>> '{0,shape}' IS NOT NULL THEN
		RETURN QUERY SELECT 'shape', 'ok', plan #>> '{0,shape}', 'Told by the columns of ' || (plan #>> '{0,told_by}') || '.';
	END IF;
	IF of_schema IS NULL THEN
		RETURN QUERY SELECT r.* FROM pql.report_words(input, plan -> 0) r;
	ELSE
		RETURN QUERY SELECT r.* FROM pql.report_tables(input, plan) r;
		RETURN QUERY SELECT 'skips', 'none', a.relation, 'Nobody who did that has an id yet; once the table has a user_id, it is read.' FROM pql.anonymous_tables(input, plan #>> '{0,shape}', of_schema) a;
	END IF;
	IF captures IS NOT NULL AND input = 'events' THEN
		RETURN QUERY SELECT DISTINCT ON (p.relation) 'path', 'ok', CASE WHEN of_schema IS NULL THEN p.path ELSE format('%s: %s', p.relation, p.path) END, p.reason
		FROM pql.active_model m CROSS JOIN LATERAL pql.score_path(m.model) p WHERE p.relation IN (SELECT x ->> 'relation' FROM jsonb_array_elements(plan) x)
		ORDER BY p.relation, p.path = 'scan', m.model;
	ELSIF captures IS NOT NULL THEN
		RETURN QUERY SELECT f.check_name, f.status, f.found, f.hint FROM pql.follow_report(input, ignored) f;
	END IF;
	RETURN QUERY SELECT 'capture', CASE WHEN c.capture = 'manual' THEN 'none' ELSE 'ok' END, c.capture,
		CASE WHEN c.capture = 'manual' AND input = 'events' THEN 'pql.refresh looks at these events only after pql.mark_dirty.'
			WHEN c.capture = 'manual' THEN 'pql.refresh reads rows again only after pql.mark_dirty with their users; connecting again reads all of them.'
			WHEN c.capture = 'cursor' AND input <> 'events' THEN 'Rows that are deleted cannot be noticed, nor those without updated_at; connecting again reads all of them.' END
	FROM (SELECT DISTINCT x AS capture FROM unnest(captures) x ORDER BY 1) c;
	RETURN QUERY SELECT 'index', 'missing', CASE WHEN of_schema IS NOT NULL THEN string_agg(i.relation, ', ' ORDER BY i.relation) END, CASE input
		WHEN 'events' THEN format('pql.explain and pql.what_if of one user read the whole of %s; an index on (%I, %I) spares that.', CASE WHEN of_schema IS NULL THEN 'it' ELSE 'them' END, min(i.place), min(i.at))
		ELSE format('Each refresh that follows a change of %s reads the whole of it; an index on (%I) spares that.', CASE WHEN of_schema IS NULL THEN 'it' ELSE 'them' END, min(i.place)) END
	FROM (SELECT x ->> 'relation' AS relation, x #>> ARRAY['given', key_word] AS place, jsonb_typeof(x #> ARRAY['given', key_word]) = 'string' AS looked_up, x #>> '{given,occurred_at}' AS at, (x ->> 'target')::oid AS target FROM jsonb_array_elements(plan) x) i
	WHERE i.looked_up AND NOT pql.indexed(i.target, i.place)
	HAVING count(*) > 0;
	RETURN QUERY SELECT r.* FROM pql.report_sample(input, pql.with_samples(input, plan)) r;
END
$$;
COMMENT ON FUNCTION pql.source_report(text, jsonb, text[], jsonb) IS 'What pql.connect says of tables that were planned to be read (pql.planned_sources). captures, ignored: how they are watched, and how many rows were left out by reason; NULL: they are not connected.';

CREATE FUNCTION pql.preview_table(input text, target regclass, relation text, shape text, mapping jsonb) RETURNS TABLE (check_name text, status text, found text, hint text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	plan jsonb;
BEGIN
	PERFORM pql.check_input(input);
	IF shape IS NULL AND mapping IS NULL AND (SELECT count(*) FROM pql.recognised(input, CASE WHEN target IS NULL THEN pql.schema_oid(relation) END, target)) = 1 THEN
		shape := 'auto';
	END IF;
	SELECT jsonb_agg(to_jsonb(p) ORDER BY p.n) INTO plan FROM pql.planned_sources(input, target, relation, shape, mapping) p;
	RETURN QUERY SELECT r.check_name, r.status, r.found, r.hint FROM pql.source_report(input, plan) r;
END
$$;
COMMENT ON FUNCTION pql.preview_table(text, regclass, text, text, jsonb) IS 'pql.preview, when the name has been looked up.';

CREATE FUNCTION pql.preview(input text, relation text, shape text DEFAULT NULL, mapping jsonb DEFAULT NULL) RETURNS TABLE (check_name text, status text, found text, hint text)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT p.check_name, p.status, p.found, p.hint FROM pql.preview_table(input, pg_catalog.to_regclass(relation), relation, shape, mapping) p;
END;
COMMENT ON FUNCTION pql.preview(text, text, text, jsonb) IS 'What pql.connect would read, and what it would say of it; nothing is changed. The same arguments, but that a shape is recognised where neither it nor a mapping is said. What does not fit is an ERROR.';

-- ---- tables that come later ----

CREATE FUNCTION pql.new_tables() RETURNS TABLE (input text, of_schema text, shape text, relation text)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT c.input, c.of_schema, c.shape, pql.qualified_name(s.target)
	FROM (SELECT DISTINCT o.input, o.of_schema, o.shape FROM pql.source o WHERE o.of_schema IS NOT NULL) c
	CROSS JOIN LATERAL pql.shape_tables(c.input, c.shape, to_regnamespace(c.of_schema), NULL,
		-- what was disconnected stays so
		ARRAY(SELECT to_regclass(o.relation)::oid FROM pql.source o WHERE o.input = c.input AND to_regclass(o.relation) IS NOT NULL)) s;
END;
COMMENT ON FUNCTION pql.new_tables() IS 'Tables that schemas have got since they were connected, and that their shape reads: those of new events, and those of which columns have come that it takes.';

CREATE FUNCTION pql.connect_new_tables() RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	news record;
	planned record;
	users text[];
BEGIN
	FOR news IN
		SELECT n.of_schema, n.shape, array_agg(n.relation) AS relations, min(o.capture) FILTER (WHERE o.capture <> 'trigger') AS capture, (array_agg(o.asked))[1] AS asked
		FROM pql.new_tables() n CROSS JOIN LATERAL (SELECT x.asked, x.capture FROM pql.source x WHERE x.input = n.input AND x.of_schema = n.of_schema AND x.disconnected_at IS NULL ORDER BY x.relation LIMIT 1) o
		WHERE n.input = 'events' GROUP BY n.of_schema, n.shape
	LOOP
		FOR planned IN SELECT p.*, to_jsonb(p) AS plan FROM pql.planned_sources('events', NULL, news.of_schema, news.shape, news.asked) p LOOP
			IF planned.relation = ANY (news.relations) THEN
				PERFORM pql.connect_source('events', planned.plan, news.asked, news.capture);
				EXECUTE format('SELECT array_agg(DISTINCT q.user_id) FROM (%s) q', pql.source_query(planned.target::regclass, planned.given)) INTO users;
				PERFORM pql.mark(users, '-infinity', 'new table ' || planned.relation);
			ELSIF planned.given ? 'except' THEN
				-- whose events are read from the table of all of them no more
				SELECT array_agg(DISTINCT q.user_id) INTO users FROM pql.source o CROSS JOIN LATERAL pql.users_of_events(o.relation, o.mapping,
					ARRAY(SELECT jsonb_array_elements_text(planned.given #> ARRAY['except', planned.given ->> 'event']))) q (user_id) WHERE o.input = 'events' AND o.relation = planned.relation;
				PERFORM pql.mark(users, '-infinity', 'new tables of ' || news.of_schema);
				UPDATE pql.source o SET mapping = o.mapping || jsonb_build_object('except', planned.given -> 'except') WHERE o.input = 'events' AND o.relation = planned.relation;
			END IF;
		END LOOP;
	END LOOP;
END
$$;
COMMENT ON FUNCTION pql.connect_new_tables() IS 'Connects tables of new events in schemas that were connected (pql.new_tables), as those were, and marks whose events they hold.';

CREATE FUNCTION pql.users_of_events(source text, mapping jsonb, names text[]) RETURNS TABLE (user_id text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT DISTINCT q.user_id FROM (%s) q WHERE q.event = ANY ($1) AND q.user_id IS NOT NULL', pql.source_query(pql.source_relation(source), mapping)) USING names;
END
$$;
COMMENT ON FUNCTION pql.users_of_events(text, jsonb, text[]) IS 'Who has events of these names in a source.';
