-- Followed inputs: all of the customer's tables but events, copied into pql's own.
--
-- Whoever changes a connected table notes the keys of the rows, and no more, in the same transaction. Each refresh takes the
-- noted keys away, reads them again from all tables connected as that input, and brings pql's own table in line. So what
-- watches pql's tables (history of facts, capture, conversions) need not know where their rows come from.

CREATE TABLE pql.input_change (
	input text NOT NULL,
	relation text NOT NULL,
	key text,
	ignored bigint NOT NULL DEFAULT 0,
	reason text,
	logged_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE pql.input_change IS 'Rows of connected tables to be read again by the next refresh, written with what changed and in the same transaction.';
COMMENT ON COLUMN pql.input_change.input IS 'people, accounts, trials, conversions, activities, surveys or deals; settled: pql.conversion itself has changed, and its effects are to come.';
COMMENT ON COLUMN pql.input_change.key IS 'A user, an account, an activity or a deal; of settled also the id of a conversion. NULL: all rows.';
COMMENT ON COLUMN pql.input_change.ignored IS 'Rows that came and have no key.';
SELECT pg_catalog.pg_extension_config_dump('pql.input_change', '');

CREATE FUNCTION pql.note_keys(input text, relation text, keys text[], reason text, ignored bigint DEFAULT 0) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	-- to read more than this is no cheaper than to read all
	most CONSTANT int := 100000;
BEGIN
	IF keys IS NULL OR cardinality(keys) > most THEN
		INSERT INTO pql.input_change (input, relation, reason) VALUES (input, relation, reason);
		RETURN;
	END IF;
	INSERT INTO pql.input_change (input, relation, key, reason)
	SELECT DISTINCT note_keys.input, note_keys.relation, k, note_keys.reason FROM unnest(keys) k WHERE k IS NOT NULL;
	IF ignored > 0 THEN
		-- nobody has this key
		INSERT INTO pql.input_change (input, relation, key, ignored, reason) VALUES (input, relation, '', ignored, reason);
	END IF;
END
$$;
COMMENT ON FUNCTION pql.note_keys(text, text, text[], text, bigint) IS 'Notes keys of a connected table for the next refresh. NULL, or too many: all of it.';

CREATE FUNCTION pql.note_users(users text[]) RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	SELECT pql.note_keys(s.input, s.relation, CASE WHEN s.input NOT IN ('activities', 'deals') THEN ARRAY(
		SELECT u FROM unnest(users) u WHERE s.input <> 'accounts'
		UNION SELECT p.account_id FROM pql.person p WHERE s.input IN ('accounts', 'conversions') AND p.user_id = ANY (users) AND p.account_id IS NOT NULL) END, 'mark_dirty')
	FROM pql.source s
	WHERE s.input <> 'events' AND s.capture = 'manual' AND s.disconnected_at IS NULL;
END;
COMMENT ON FUNCTION pql.note_users(text[]) IS 'For pql.mark_dirty: what sources with manual capture say of these users and their accounts is read again; of activities and deals all.';

CREATE FUNCTION pql.note_input() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	-- the source as it was connected; a partition has the triggers of its parent
	source text := TG_ARGV[0];
	of_input text := TG_ARGV[1];
	key_mapping jsonb;
	key_columns text;
	keys text[];
	keyless bigint := 0;
	changed text;
BEGIN
	SELECT jsonb_object_agg(w.word, s.mapping -> w.word), string_agg(format('(q.%I)', w.word), ', ') INTO key_mapping, key_columns
	FROM pql.source s JOIN pql.input_words(of_input) w ON w.need IN ('key', 'either') AND s.mapping ->> w.word IS NOT NULL
	WHERE s.input = of_input AND s.relation = source AND s.disconnected_at IS NULL;
	IF key_mapping IS NULL THEN
		RETURN NULL; -- not connected any more
	END IF;
	BEGIN
		-- whom rows are about that are joined with others, those tell
		IF TG_OP <> 'TRUNCATE' AND NOT EXISTS (SELECT FROM pql.source s WHERE s.input = of_input AND s.relation = source AND s.mapping ? 'query') THEN
			changed := concat_ws(' UNION ALL ', CASE WHEN TG_OP <> 'DELETE' THEN pql.source_query(TG_RELID, key_mapping, 'added', of_input) END,
				CASE WHEN TG_OP <> 'INSERT' THEN pql.source_query(TG_RELID, key_mapping, 'removed', of_input) END);
			EXECUTE format('SELECT coalesce(array_agg(DISTINCT k.key) FILTER (WHERE k.key IS NOT NULL), ''{}'') FROM (%s) q CROSS JOIN LATERAL (VALUES %s) k (key)',
				changed, key_columns) INTO keys;
			IF TG_OP <> 'DELETE' THEN
				EXECUTE format('SELECT count(*) FROM (%s) q WHERE coalesce(%s) IS NULL', pql.source_query(TG_RELID, key_mapping, 'added', of_input), key_columns) INTO keyless;
			END IF;
		END IF;
		PERFORM pql.note_keys(of_input, source, keys, lower(TG_OP), keyless);
	EXCEPTION WHEN OTHERS THEN
		PERFORM pql.note_keys(of_input, source, NULL, SQLERRM);
	END;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION pql.note_input() IS 'Trigger of tables that are followed: notes the keys of rows that came, went or changed.';
REVOKE ALL ON FUNCTION pql.note_input() FROM PUBLIC;

CREATE FUNCTION pql.lock_follow() RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	SELECT pg_catalog.pg_advisory_xact_lock(7370828, 1024);
END;
COMMENT ON FUNCTION pql.lock_follow() IS 'Until the transaction ends, nobody else copies inputs. Before the locks of users.';

-- ---- what connected tables say ----

CREATE FUNCTION pql.key_filter(relation regclass, place text, parameter text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	type regtype := a.atttypid FROM pg_attribute a WHERE a.attrelid = relation AND a.attname = place AND a.attnum > 0 AND NOT a.attisdropped;
BEGIN
	RETURN CASE
		WHEN type IN ('text'::regtype, 'varchar'::regtype) THEN format('r.%I = ANY (%s)', place, parameter)
		-- keys of other sources may be no numbers
		WHEN type IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) THEN format(
			'r.%I = ANY (ARRAY(SELECT CASE WHEN k ~ ''^-?[0-9]{1,19}$'' AND abs(k::numeric) < 9223372036854775808 THEN k::bigint END FROM unnest(%s) k))', place, parameter)
		WHEN type = 'uuid'::regtype THEN format(
			'r.%I = ANY (ARRAY(SELECT CASE WHEN k ~ ''^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'' THEN k::uuid END FROM unnest(%s) k))', place, parameter) END;
END
$$;
COMMENT ON FUNCTION pql.key_filter(regclass, text, text) IS 'A condition on a column that an index over it serves: its text is among the keys. NULL: there is none, for it is of another type.';

CREATE FUNCTION pql.followed_inputs() RETURNS TABLE (n int, input text, own text, keys text[])
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	VALUES (1, 'people', 'person', '{user_id}'::text[]), (2, 'accounts', 'account', '{account_id}'), (3, 'trials', 'trial', '{user_id,started_at}'), (4, 'conversions', 'conversion', '{}'),
		(5, 'activities', 'activity', '{activity_id}'), (6, 'surveys', 'survey', '{user_id,answered_at,kind}'), (7, 'deals', 'deal', '{deal_id}');
END;
COMMENT ON FUNCTION pql.followed_inputs() IS 'The inputs that are followed, in the order in which they are read; the table of pql into which each is copied; and the columns by which its rows are known (of conversions all).';

CREATE FUNCTION pql.own_table(input text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT f.own FROM pql.followed_inputs() f WHERE f.input = own_table.input;
END;
COMMENT ON FUNCTION pql.own_table(text) IS 'The name of the table into which an input is copied.';

CREATE FUNCTION pql.valid_row(input text) RETURNS TABLE (reason text, condition text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT v.reason, v.condition
	FROM (VALUES
		('people', 'no user_id', 'q.user_id IS NOT NULL'),
		('accounts', 'no account_id', 'q.account_id IS NOT NULL'),
		('activities', 'no activity_id', 'q.activity_id IS NOT NULL'),
		('surveys', 'no user_id', 'q.user_id IS NOT NULL'),
		('surveys', 'no answered_at or kind', 'coalesce(isfinite(q.answered_at), false) AND q.kind IS NOT NULL'),
		('surveys', 'no score', 'coalesce(q.score BETWEEN -1e15 AND 1e15, false)'),
		('deals', 'no deal_id', 'q.deal_id IS NOT NULL'),
		('trials', 'no user_id', 'q.user_id IS NOT NULL'),
		('trials', 'no started_at', 'coalesce(q.started_at >= ''0001-01-01 00:00Z'' AND q.started_at < ''10000-01-01 00:00Z'', false)'),
		('conversions', 'no user_id or account_id', 'coalesce(q.user_id, q.account_id) IS NOT NULL'),
		('conversions', 'no converted_at', 'coalesce(q.converted_at >= ''0001-01-01 00:00Z'' AND q.converted_at < ''10000-01-01 00:00Z'', false)')
	) v (input, reason, condition)
	WHERE v.input = valid_row.input;
END;
COMMENT ON FUNCTION pql.valid_row(text) IS 'What a row of an input must have, and why it is ignored when it has not.';

CREATE FUNCTION pql.followed_rows(input text, source text, mapping jsonb, partly boolean, valid boolean DEFAULT true) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	relation regclass := pql.source_relation(source, input);
	rows_of text;
	filter text;
	conditions text[] := '{}';
	by_place text[];
	by_word text[];
	keys text;
BEGIN
	IF partly THEN
		SELECT array_agg(pql.key_filter(relation, mapping ->> w.word, w.parameter)), array_agg(format('q.%I = ANY (%s)', w.word, w.parameter)) INTO by_place, by_word
		FROM (SELECT i.word, CASE i.word WHEN 'conversion_id' THEN '$2' ELSE '$1' END AS parameter FROM pql.input_words(input) i
			WHERE i.need IN ('key', 'either') OR i.word = 'conversion_id') w
		WHERE mapping ->> w.word IS NOT NULL;
		IF array_position(by_place, NULL) IS NULL THEN
			filter := array_to_string(by_place, ' OR ');
		END IF;
		conditions := conditions || format('(%s)', array_to_string(by_word, ' OR '));
	END IF;
	rows_of := pql.source_query(relation, mapping, NULL, input, filter);
	IF NOT valid THEN
		RETURN format('SELECT q.* FROM (%s) q%s', rows_of, CASE WHEN partly THEN ' WHERE ' || array_to_string(conditions, ' AND ') ELSE '' END);
	END IF;
	conditions := conditions || ARRAY(SELECT v.condition FROM pql.valid_row(input) v);
	keys := CASE input WHEN 'conversions' THEN 'q.conversion_id, CASE WHEN q.conversion_id IS NULL THEN q::text END'
		ELSE (SELECT string_agg(format('q.%I', k), ', ') FROM pql.followed_inputs() f CROSS JOIN LATERAL unnest(f.keys) k WHERE f.input = followed_rows.input) END;
	-- of the rows of one key the latest; what follows decides between rows of one time, so that it is the same one each time
	RETURN format('SELECT DISTINCT ON (%1$s) %2$s FROM (%3$s) q WHERE %4$s ORDER BY %1$s, q.updated_at DESC NULLS LAST, %5$s', keys,
		(SELECT string_agg(format(CASE w.type WHEN 'text' THEN 'q.%1$I COLLATE pg_catalog."default" AS %1$I'
			WHEN 'jsonb' THEN 'CASE WHEN jsonb_typeof(q.%1$I) = ''object'' THEN nullif(jsonb_strip_nulls(q.%1$I), ''{}'') END AS %1$I' ELSE 'q.%I' END, w.word), ', ' ORDER BY w.n)
			FROM pql.input_words(input) w),
		rows_of, array_to_string(conditions, ' AND '),
		(SELECT string_agg(format('q.%I', w.word), ', ' ORDER BY w.n) FROM pql.input_words(input) w WHERE w.need IS DISTINCT FROM 'cursor'));
END
$$;
COMMENT ON FUNCTION pql.followed_rows(text, text, jsonb, boolean, boolean) IS 'The query over what a source says, one row a key. partly: of the keys $1 only (of conversions also those of the ids $2). valid => false: the rows as they are.';

CREATE FUNCTION pql.say_unreadable(input text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	place record;
	said bigint;
BEGIN
	FOR place IN
		SELECT s.relation, s.mapping, w.word, w.type FROM pql.sources s CROSS JOIN LATERAL pql.input_words(s.input) w
		WHERE s.input = say_unreadable.input AND s.mapping ? w.word ORDER BY s.connected_at, s.relation, w.n
	LOOP
		BEGIN
			EXECUTE format('SELECT count(q.%I) FROM (%s) q', place.word, pql.source_query(pql.source_relation(place.relation, input),
				jsonb_build_object(place.word, place.mapping -> place.word) || (place.mapping - (SELECT array_agg(k) FROM jsonb_object_keys(place.mapping) k WHERE k NOT IN ('timezone', 'query', 'only', 'except'))),
				NULL, input)) INTO said;
		EXCEPTION WHEN data_exception THEN
			RAISE EXCEPTION 'column "%" of % cannot be read as %', place.mapping ->> place.word, place.relation, place.word
				USING ERRCODE = SQLSTATE, DETAIL = SQLERRM, TABLE = place.relation,
					HINT = format('Mend the value, or map another column, or none, with pql.connect(%L, %L, mapping => …).', input, place.relation);
		END;
	END LOOP;
END
$$;
COMMENT ON FUNCTION pql.say_unreadable(text) IS 'Raises the ERROR that tells which column of which source has a value that is not of the type asked for; none, when all have.';

CREATE FUNCTION pql.follow_rows(input text, keys text[], ids text[], recorded_at timestamptz, rows_of text[], mappings jsonb[]) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	own CONSTANT text := pql.own_table(input);
	key_words CONSTANT text[] := f.keys FROM pql.followed_inputs() f WHERE f.input = follow_rows.input;
	words text[];
	-- what knows people only by their address tells more of those there are, and neither brings nor takes away any
	telling CONSTANT boolean := input = 'people' AND EXISTS (SELECT FROM unnest(mappings) m WHERE m -> 'user_id' ? 'by');
	same text := (SELECT string_agg(format('o.%1$I = d.%1$I', k), ' AND ') FROM unnest(key_words) k);
	said text;
	becomes text;
	of_keys text := CASE WHEN keys IS NULL THEN '' ELSE format(' AND o.%I = ANY ($1)', key_words[1]) END;
	facts boolean := input IN ('people', 'accounts') AND EXISTS (SELECT FROM pql.fact);
BEGIN
	-- of what no source has, pql's own table keeps what it holds
	SELECT array_agg(w.word ORDER BY w.n) INTO words FROM pql.input_words(input) w
	WHERE w.word <> ALL (key_words) AND w.need IS DISTINCT FROM 'cursor' AND EXISTS (SELECT FROM unnest(mappings) m WHERE m ? w.word);
	words := coalesce(words, '{}');
	SELECT string_agg(format(', %s AS %I', CASE WHEN w = 'attributes' THEN
			'nullif(' || (SELECT string_agg(format('coalesce(s%s.attributes, ''{}'')', n), ' || ' ORDER BY n DESC) FROM generate_subscripts(rows_of, 1) n) || ', ''{}'')'
		ELSE 'coalesce(' || (SELECT string_agg(format('s%s.%I', n, w), ', ' ORDER BY n) FROM generate_subscripts(rows_of, 1) n) || ')' END, w), '')
	INTO said FROM unnest(words) w;
	said := concat(said, format(', %s AS owned', CASE WHEN telling THEN coalesce((SELECT string_agg(format('s%s.user_id IS NOT NULL', n), ' OR ')
		FROM generate_subscripts(mappings, 1) n WHERE (mappings[n] -> 'user_id' ? 'by') IS NOT TRUE), 'false') ELSE 'true' END));
	SELECT string_agg(format(', %s AS %I', CASE
		WHEN telling AND e.word = 'attributes' THEN format('CASE WHEN d.owned THEN %s ELSE nullif(coalesce(o.attributes, ''{}'') || coalesce(d.attributes, ''{}''), ''{}'') END', e.expression)
		WHEN telling THEN format('CASE WHEN d.owned THEN %1$s ELSE coalesce(d.%2$I, o.%2$I) END', e.expression, e.word)
		ELSE e.expression END, e.word), '' ORDER BY e.n)
	INTO becomes
	FROM (SELECT u.n, u.w AS word, CASE
		-- what a conversion has filled stays, while the source says nothing
		WHEN input = 'trials' AND u.w IN ('converted_at', 'mrr', 'conversion_source') THEN format('coalesce(d.%1$I, c.%1$I)', u.w)
		WHEN u.w = 'paid_at' THEN 'coalesce(d.paid_at, c.converted_at)'
		-- and so does what somebody else has told pql.fact
		WHEN facts AND u.w = 'attributes' THEN $q$nullif(coalesce((SELECT jsonb_object_agg(h.key, h.value) FROM jsonb_each(CASE WHEN jsonb_typeof(o.attributes) = 'object' THEN o.attributes END) h
			WHERE h.key = ANY (t.names)), '{}') || coalesce(d.attributes, '{}'), '{}')$q$
		WHEN facts THEN format('coalesce(d.%1$I, CASE WHEN %1$L = ANY (t.names) THEN o.%1$I END)', u.w)
		ELSE format('d.%I', u.w) END AS expression
		FROM unnest(words) WITH ORDINALITY u (w, n)) e;

	EXECUTE format($q$
		WITH %1$s, desired AS MATERIALIZED (
			SELECT %2$s%3$s FROM %4$s
		)%5$s, changed AS MATERIALIZED (
			SELECT d.* FROM (
				SELECT %6$s%7$s, d.owned, o.%8$I IS NULL AS is_new, d.owned AND o.followed_at IS NULL AS is_taken%9$s
				FROM desired d LEFT JOIN pql.%10$I o ON %11$s%12$s
				WHERE d.owned OR o.%8$I IS NOT NULL AND o.followed_at IS NULL
			) d
			WHERE d.is_taken%13$s
		), gone AS (
			DELETE FROM pql.%10$I o WHERE o.followed_at IS NOT NULL%14$s AND NOT EXISTS (SELECT FROM desired d WHERE d.owned AND %11$s)
			RETURNING o.%8$I AS subject
		)%15$s
		INSERT INTO pql.%10$I AS o (%16$s, followed_at)
		SELECT %17$s, CASE WHEN d.owned THEN $3 END FROM changed d
		ON CONFLICT (%18$s) DO UPDATE SET %19$sfollowed_at = coalesce(o.followed_at, EXCLUDED.followed_at)$q$,
		/* 1 */ (SELECT string_agg(format('s%s AS MATERIALIZED (%s)', r.n, r.query), ', ' ORDER BY r.n) FROM unnest(rows_of) WITH ORDINALITY r (query, n)),
		/* 2 */ (SELECT string_agg(format('k.%I', k), ', ') FROM unnest(key_words) k),
		/* 3 */ said,
		/* 4 */ '(' || (SELECT string_agg(format('SELECT %s FROM s%s', (SELECT string_agg(quote_ident(k), ', ') FROM unnest(key_words) k), n), ' UNION ') FROM generate_subscripts(rows_of, 1) n) || ') k'
			|| (SELECT string_agg(format(' LEFT JOIN s%s ON %s', n, (SELECT string_agg(format('s%1$s.%2$I = k.%2$I', n, k), ' AND ') FROM unnest(key_words) k)), '' ORDER BY n) FROM generate_subscripts(rows_of, 1) n),
		/* 5 */ CASE WHEN facts THEN format($f$, theirs AS MATERIALIZED (
				SELECT f.subject, array_agg(f.name) AS names
				FROM (SELECT DISTINCT ON (o.subject, o.name) o.subject, substr(o.name, %2$s) AS name, o.source FROM pql.fact o
					WHERE o.name LIKE %1$L%3$s ORDER BY o.subject, o.name, o.recorded_at DESC) f
				WHERE f.source IS DISTINCT FROM %4$L GROUP BY f.subject)$f$,
			own || '.%', length(own) + 2, CASE WHEN keys IS NULL THEN '' ELSE ' AND o.subject = ANY ($1)' END, 'pql.' || own) ELSE '' END,
		/* 6 */ (SELECT string_agg(format('d.%I', k), ', ') FROM unnest(key_words) k),
		/* 7 */ becomes,
		/* 8 */ key_words[1],
		/* 9 */ (SELECT string_agg(format(', o.%I AS %I', w, 'was ' || w), '') FROM unnest(words) w),
		/* 10 */ own,
		/* 11 */ same,
		/* 12 */ CASE input WHEN 'trials' THEN ' LEFT JOIN pql.credit c ON c.user_id = d.user_id AND c.started_at = d.started_at'
				WHEN 'people' THEN ' LEFT JOIN pql.credit c ON c.user_id = d.user_id AND c.started_at = ''-infinity''' ELSE '' END
			|| CASE WHEN facts THEN format(' LEFT JOIN theirs t ON t.subject = d.%I', key_words[1]) ELSE '' END,
		/* 13 */ (SELECT string_agg(format(' OR d.%I IS DISTINCT FROM d.%I', w, 'was ' || w), '') FROM unnest(words) w),
		/* 14 */ of_keys,
		/* 15 */ CASE WHEN facts THEN format($f$, recalled AS (
				-- of who comes or goes, history would not tell
				INSERT INTO pql.fact AS o (subject, name, value, source, recorded_at)
				SELECT d.%1$I, %2$L || f.key, f.value, %3$L, $4
				FROM changed d CROSS JOIN LATERAL jsonb_each(pql.profile_row(jsonb_build_object(%4$s))) f
				CROSS JOIN LATERAL (SELECT l.value FROM pql.fact l WHERE l.subject = d.%1$I AND l.name = %2$L || f.key ORDER BY l.recorded_at DESC LIMIT 1) l
				WHERE d.is_new AND l.value IS DISTINCT FROM f.value AND f.key NOT IN ('opted_out_at', 'suppressed_at', 'paid_at', 'signed_up_at')
				UNION ALL
				SELECT g.subject, l.name, 'null', %3$L, $4
				FROM gone g CROSS JOIN LATERAL (
					SELECT DISTINCT ON (f.name) f.name, f.value, f.source FROM pql.fact f WHERE f.subject = g.subject AND f.name LIKE %2$L || '%%' ORDER BY f.name, f.recorded_at DESC) l
				WHERE l.source = %3$L AND coalesce(l.value, 'null') <> 'null'
				ON CONFLICT (subject, name, recorded_at) DO UPDATE SET value = EXCLUDED.value
			)$f$, key_words[1], own || '.', 'pql.' || own,
			coalesce((SELECT string_agg(format('%1$L, d.%1$I', w), ', ') FROM unnest(words) w), '')) ELSE '' END,
		/* 16 */ (SELECT string_agg(quote_ident(w), ', ') FROM unnest(key_words || words) w),
		/* 17 */ (SELECT string_agg(format('d.%I', w), ', ') FROM unnest(key_words || words) w),
		/* 18 */ (SELECT string_agg(quote_ident(k), ', ') FROM unnest(key_words) k),
		/* 19 */ (SELECT string_agg(format('%1$I = EXCLUDED.%1$I, ', w), '') FROM unnest(words) w))
	USING keys, ids, coalesce(recorded_at, clock_timestamp()), coalesce(recorded_at, clock_timestamp());
END
$$;
COMMENT ON FUNCTION pql.follow_rows(text, text[], text[], timestamptz, text[], jsonb[]) IS 'Brings the table of pql that an input (but conversions) is copied into in line with what the sources say (their queries and mappings, in the order of precedence) of these keys; NULL: of all.';

CREATE FUNCTION pql.follow_conversions(keys text[], ids text[], recorded_at timestamptz, rows_of text[]) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	columns CONSTANT text := 'conversion_id, user_id, account_id, converted_at, plan, mrr, conversion_source';
BEGIN
	-- they are not merged: which of those that repeat an id counts is settled later
	EXECUTE format($q$
		WITH desired AS MATERIALIZED (
			SELECT DISTINCT ON (x.row) x.* FROM (SELECT q.*, ROW(%1$s)::text AS row FROM (%2$s) q) x ORDER BY x.row
		), held AS MATERIALIZED (
			SELECT o.ctid AS place, ROW(%1$s)::text AS row FROM pql.conversion o
			WHERE o.followed_at IS NOT NULL AND ($1 IS NULL OR o.user_id = ANY ($1) OR o.account_id = ANY ($1) OR o.conversion_id = ANY ($2))
		), gone AS (
			DELETE FROM pql.conversion o WHERE o.ctid = ANY (ARRAY(SELECT h.place FROM held h WHERE NOT EXISTS (SELECT FROM desired d WHERE d.row = h.row)))
		)
		INSERT INTO pql.conversion (%1$s, followed_at)
		SELECT %1$s, $3 FROM desired d WHERE NOT EXISTS (SELECT FROM held h WHERE h.row = d.row)$q$,
		columns, (SELECT string_agg(format('SELECT %s FROM (%s) q%s', columns, r.query, r.n), ' UNION ALL ' ORDER BY r.n) FROM unnest(rows_of) WITH ORDINALITY r (query, n)))
	USING keys, ids, coalesce(recorded_at, clock_timestamp());
END
$$;
COMMENT ON FUNCTION pql.follow_conversions(text[], text[], timestamptz, text[]) IS 'The same of pql.conversion, of whose rows ids are conversion ids as well.';

CREATE FUNCTION pql.follow_input(input text, keys text[], recorded_at timestamptz DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	partly CONSTANT boolean := keys IS NOT NULL;
	source record;
	rows_of text[] := '{}';
	mappings jsonb[] := '{}';
	ids text[] := '{}';
	found text[];
	ignored jsonb := '{}';
	counts jsonb;
	message text;
	detail text;
	hint text;
BEGIN
	FOR source IN SELECT s.relation, s.mapping FROM pql.sources s WHERE s.input = follow_input.input ORDER BY s.connected_at, s.relation LOOP
		BEGIN
			-- one that somebody holds locked is found out by name
			EXECUTE format('SELECT FROM %s LIMIT 0', pql.source_relation(source.relation, input));
			rows_of := rows_of || pql.followed_rows(input, source.relation, source.mapping, partly);
			mappings := mappings || source.mapping;
			IF partly AND input = 'conversions' AND source.mapping ? 'conversion_id' THEN
				EXECUTE format('SELECT array_agg(DISTINCT q.conversion_id) FROM (%s) q', pql.followed_rows(input, source.relation, source.mapping, partly)) INTO found USING keys, '{}'::text[];
				ids := ids || found;
			END IF;
			-- rows without a key cannot be among those asked for
			EXECUTE format('SELECT jsonb_object_agg(v.reason, v.n) FROM (SELECT %s FROM (%s) q) c CROSS JOIN LATERAL (VALUES %s) v (reason, n) WHERE v.n > 0',
				(SELECT string_agg(format('count(*) FILTER (WHERE %s NOT %s) AS n%s', v.before, v.condition, v.n), ', ')
					FROM (SELECT r.*, row_number() OVER () AS n, coalesce(lag(r.condition) OVER () || ' AND', '') AS before FROM pql.valid_row(input) r) v),
				pql.followed_rows(input, source.relation, source.mapping, partly, false),
				(SELECT string_agg(format('(%L, c.n%s)', input || ': ' || v.reason, v.n), ', ') FROM (SELECT r.*, row_number() OVER () AS n FROM pql.valid_row(input) r) v))
			INTO counts USING keys, ids;
			ignored := ignored || coalesce((SELECT jsonb_object_agg(c.key, c.value::bigint + coalesce((ignored ->> c.key)::bigint, 0)) FROM jsonb_each_text(counts) c), '{}');
		EXCEPTION WHEN data_exception THEN
			PERFORM pql.say_unreadable(input);
			RAISE;
		WHEN serialization_failure OR deadlock_detected THEN
			RAISE;
		WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
			RAISE EXCEPTION '%', CASE WHEN strpos(message, source.relation) > 0 THEN message ELSE format('source %s cannot be read: %s', source.relation, message) END
				USING ERRCODE = SQLSTATE, DETAIL = detail, TABLE = source.relation,
					HINT = coalesce(nullif(hint, ''), CASE WHEN SQLSTATE = '55P03' THEN 'Somebody holds it locked; the next refresh tries again.'
						ELSE format('Mend it, connect it anew, or leave it out: SELECT pql.disconnect(%L, %L).', input, source.relation) END);
		END;
	END LOOP;
	IF rows_of = '{}' THEN
		RETURN ignored;
	END IF;
	IF partly AND input = 'conversions' THEN
		ids := ARRAY(SELECT i FROM unnest(ids) i WHERE i IS NOT NULL
			UNION SELECT c.conversion_id FROM pql.conversion c WHERE c.conversion_id IS NOT NULL AND (c.user_id = ANY (keys) OR c.account_id = ANY (keys)));
	END IF;
	BEGIN
		IF input = 'conversions' THEN
			PERFORM pql.follow_conversions(keys, ids, recorded_at, rows_of);
		ELSE
			PERFORM pql.follow_rows(input, keys, ids, recorded_at, rows_of, mappings);
		END IF;
	EXCEPTION WHEN data_exception THEN
		PERFORM pql.say_unreadable(input);
		RAISE;
	END;
	RETURN ignored;
END
$$;
COMMENT ON FUNCTION pql.follow_input(text, text[], timestamptz) IS 'Reads what the sources of an input say of these keys (NULL: of all), and brings pql''s own table in line. recorded_at: since when changed facts are known; NULL: now. Returns how many rows were ignored, by reason. A source that cannot be read is an ERROR that names it.';

-- ---- connecting ----

CREATE FUNCTION pql.latest_update(source text, input text, mapping jsonb) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	latest timestamptz;
BEGIN
	EXECUTE format('SELECT max(q.updated_at) FROM (%s) q WHERE isfinite(q.updated_at)', pql.source_query(pql.source_relation(source, input), mapping, NULL, input)) INTO latest;
	RETURN coalesce(latest, '-infinity');
END
$$;
COMMENT ON FUNCTION pql.latest_update(text, text, jsonb) IS 'The latest updated_at of a source; -infinity: it has none.';

CREATE FUNCTION pql.follow_from(input text, relation text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET pql_follow.backfill = 'on' AS $$
BEGIN
	UPDATE pql.source o SET cursor_at = pql.latest_update(o.relation, o.input, o.mapping)
	WHERE o.input = follow_from.input AND o.relation = follow_from.relation AND o.capture = 'cursor';
	DELETE FROM pql.input_change c WHERE c.input = follow_from.input;
	RETURN pql.follow_input(input, NULL);
EXCEPTION WHEN data_exception THEN
	PERFORM pql.say_unreadable(input);
	RAISE;
END
$$;
COMMENT ON FUNCTION pql.follow_from(text, text) IS 'Copies what the sources of an input say, when one of them has been connected. Returns how many rows were ignored, by reason.';

CREATE FUNCTION pql.follow_report(input text, ignored jsonb) RETURNS TABLE (check_name text, status text, found text, hint text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	own CONSTANT text := pql.own_table(input);
	copied bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM pql.%I o WHERE o.followed_at IS NOT NULL', own) INTO copied;
	RETURN QUERY SELECT 'rows', 'ok', copied::text, format('These rows of pql.%s follow what is connected as %s.', own, input);
	RETURN QUERY SELECT 'ignored', 'ignored', i.value || ' ' || i.key, 'Rows of which nothing can be known are left out.' FROM jsonb_each_text(ignored) i ORDER BY i.key;
END
$$;
COMMENT ON FUNCTION pql.follow_report(text, jsonb) IS 'What pql.connect says of the rows it has copied.';

CREATE FUNCTION pql.unfollow(input text, relation text) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	DELETE FROM pql.input_change c WHERE c.input = unfollow.input AND c.relation = unfollow.relation;
	-- what was copied is pql's own from now on; what other sources say as well they take again
	EXECUTE format('UPDATE pql.%I o SET followed_at = NULL WHERE o.followed_at IS NOT NULL', pql.own_table(input));
	PERFORM pql.note_keys(s.input, s.relation, NULL, 'disconnected ' || unfollow.relation) FROM pql.source s WHERE s.input = unfollow.input AND s.disconnected_at IS NULL;
END
$$;
COMMENT ON FUNCTION pql.unfollow(text, text) IS 'A source is followed no longer. What was copied from it stays.';

-- ---- refreshing ----

CREATE FUNCTION pql.watch_inputs() RETURNS text[]
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	unwatched record;
	failures text[] := '{}';
BEGIN
	FOR unwatched IN SELECT u.* FROM pql.unwatched_tables() u WHERE u.input <> 'events' LOOP
		BEGIN
			PERFORM pql.create_capture(unwatched.input, unwatched.target, unwatched.relation, unwatched.mapping, unwatched.capture);
			PERFORM pql.note_keys(unwatched.input, unwatched.relation, NULL, 'new tables');
		EXCEPTION WHEN OTHERS THEN
			failures := failures || format('source %s: %s; mend: connect it again as who may put triggers on it', unwatched.relation, SQLERRM);
		END;
	END LOOP;
	RETURN failures;
END
$$;
COMMENT ON FUNCTION pql.watch_inputs() IS 'Puts triggers on followed tables that have none (pql.unwatched_tables). All of that input is read again. Returns what went wrong.';

CREATE FUNCTION pql.updated_keys(input text) RETURNS text[]
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	-- what is updated earlier may be committed later
	overlap CONSTANT interval := '5 minutes';
	cursor record;
	keys text[] := '{}';
	found text[];
	latest timestamptz;
BEGIN
	FOR cursor IN SELECT s.relation, s.mapping, s.cursor_at FROM pql.sources s
		WHERE s.input = updated_keys.input AND s.capture = 'cursor' ORDER BY s.connected_at, s.relation
	LOOP
		BEGIN
			EXECUTE format('SELECT array_agg(DISTINCT k.key), max(q.updated_at) FROM (%s) q CROSS JOIN LATERAL (VALUES %s) k (key) WHERE q.updated_at > $1 AND isfinite(q.updated_at)',
				pql.source_query(pql.source_relation(cursor.relation, input), cursor.mapping, NULL, input),
				(SELECT string_agg(format('(q.%I)', w.word), ', ') FROM pql.input_words(input) w WHERE w.need IN ('key', 'either')))
			INTO found, latest USING coalesce(cursor.cursor_at - overlap, '-infinity');
		EXCEPTION WHEN data_exception THEN
			PERFORM pql.say_unreadable(input);
			RAISE;
		END;
		-- the same rows as the last time are no news
		CONTINUE WHEN latest IS NULL OR latest IS NOT DISTINCT FROM cursor.cursor_at AND latest < clock_timestamp() - overlap;
		keys := keys || found;
		UPDATE pql.source o SET cursor_at = latest WHERE o.input = updated_keys.input AND o.relation = cursor.relation AND o.cursor_at IS DISTINCT FROM latest;
	END LOOP;
	RETURN keys;
END
$$;
COMMENT ON FUNCTION pql.updated_keys(text) IS 'Keys of rows that sources with a cursor have updated since the last time, or in the five minutes before.';

CREATE FUNCTION pql.people_are_new() RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT EXISTS (SELECT FROM pql.change c WHERE c.reason IN ('person', 'truncate of pql.person'));
END;
COMMENT ON FUNCTION pql.people_are_new() IS 'Has anything of pql.person changed since the last refresh? Rows that are known by an address are read again then.';

CREATE FUNCTION pql.inputs_are_new() RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT EXISTS (SELECT FROM pql.input_change)
		OR EXISTS (SELECT FROM pql.source s WHERE s.input <> 'events' AND s.disconnected_at IS NULL AND (s.capture = 'cursor' OR s.failure IS NOT NULL OR to_regclass(s.relation) IS NULL))
		OR EXISTS (SELECT FROM pql.source s WHERE s.disconnected_at IS NULL AND s.input <> 'events' AND s.mapping ? 'query') AND pql.people_are_new();
END;
COMMENT ON FUNCTION pql.inputs_are_new() IS 'Is there anything to read again of the tables connected as any input but events: noted by triggers, to be asked for, or gone wrong the last time?';

CREATE FUNCTION pql.follow_inputs(as_of timestamptz, OUT ignored jsonb, OUT failures text[])
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET pql_follow.recorded_at = '' SET lock_timeout = 0 AS $$
DECLARE
	each_input text;
	keys text[];
	of_users text[] := '{}';
	everything boolean;
	by_address boolean;
	keyless bigint;
	message text;
	detail text;
	hint text;
	failed text;
BEGIN
	ignored := '{}';
	failures := '{}';
	IF as_of IS NULL OR NOT isfinite(as_of) THEN
		RAISE EXCEPTION 'as_of is no instant' USING ERRCODE = 'invalid_parameter_value', HINT = 'Write pql.follow_inputs(now()).';
	END IF;
	IF NOT pql.inputs_are_new() AND NOT EXISTS (SELECT FROM pql.unwatched_tables() u WHERE u.input <> 'events') THEN
		RETURN;
	END IF;
	PERFORM pql.lock_follow();
	PERFORM set_config('pql_follow.recorded_at', as_of::text, true);
	-- who holds a source for long (to alter it, say) must not hold up the rest
	PERFORM set_config('lock_timeout', '2s', true);
	failures := pql.watch_inputs();

	FOR each_input IN SELECT f.input FROM pql.followed_inputs() f ORDER BY f.n LOOP
		CONTINUE WHEN NOT EXISTS (SELECT FROM pql.source s WHERE s.input = each_input AND s.disconnected_at IS NULL);
		failed := NULL;
		message := NULL;
		-- one that goes wrong keeps its keys
		BEGIN
			PERFORM pql.source_relation(s.relation, s.input) FROM pql.source s WHERE s.input = each_input AND s.disconnected_at IS NULL;
			WITH taken AS (DELETE FROM pql.input_change c WHERE c.input = each_input RETURNING c.key, c.ignored)
			SELECT coalesce(array_agg(DISTINCT t.key) FILTER (WHERE t.key IS NOT NULL AND t.ignored = 0), '{}'), coalesce(bool_or(t.key IS NULL), false), coalesce(sum(t.ignored), 0)
			INTO keys, everything, keyless FROM taken t;
			keys := keys || pql.updated_keys(each_input);
			IF each_input = 'people' THEN
				of_users := keys;
			ELSIF each_input = 'accounts' AND EXISTS (SELECT FROM pql.source s WHERE s.input = 'accounts' AND s.capture = 'manual' AND s.disconnected_at IS NULL) THEN
				-- whom a user belongs to may be news
				keys := keys || ARRAY(SELECT DISTINCT p.account_id FROM pql.person p WHERE p.user_id = ANY (of_users) AND p.account_id IS NOT NULL);
			END IF;
			by_address := EXISTS (SELECT FROM pql.source s WHERE s.input = each_input AND s.disconnected_at IS NULL AND s.mapping ? 'query');
			everything := everything OR by_address AND pql.people_are_new();
			IF everything OR keys <> '{}' THEN
				ignored := ignored || pql.follow_input(each_input, CASE WHEN NOT everything THEN keys END, as_of);
			END IF;
			IF each_input = 'people' AND by_address AND pql.people_are_new() THEN
				-- those who have just come may be known there
				ignored := ignored || pql.follow_input(each_input, NULL, as_of);
			END IF;
			IF keyless > 0 AND NOT everything THEN
				SELECT ignored || jsonb_build_object(each_input || ': ' || v.reason, keyless) INTO ignored FROM pql.valid_row(each_input) v LIMIT 1;
			END IF;
		EXCEPTION
			WHEN serialization_failure OR deadlock_detected THEN
				RAISE;
			WHEN OTHERS THEN
				GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, failed = TABLE_NAME;
				message := concat_ws('; ', format('%s cannot be followed: %s', each_input, message), nullif(detail, ''), 'mend: ' || nullif(hint, ''));
				failures := failures || message;
		END;
		UPDATE pql.source o SET failure = CASE WHEN failed IN ('', o.relation) THEN message END
		WHERE o.input = each_input AND o.disconnected_at IS NULL AND o.failure IS DISTINCT FROM CASE WHEN failed IN ('', o.relation) THEN message END;
	END LOOP;

	-- what triggers have left undone; whoever is at it now leaves it to the next refresh
	IF EXISTS (SELECT FROM pql.input_change c WHERE c.input = 'settled') AND pg_try_advisory_xact_lock(7370828, 1025) THEN
		BEGIN
			WITH taken AS (DELETE FROM pql.input_change c WHERE c.input = 'settled' RETURNING c.key)
			SELECT array_agg(DISTINCT t.key) FILTER (WHERE t.key IS NOT NULL), bool_or(t.key IS NULL) INTO keys, everything FROM taken t;
			PERFORM pql.settle_users(CASE WHEN everything THEN pql.everybody_settled() ELSE keys END);
		EXCEPTION
			WHEN serialization_failure OR deadlock_detected THEN
				RAISE;
			WHEN OTHERS THEN
				failures := failures || format('conversions cannot be settled: %s', SQLERRM);
		END;
	END IF;
END
$$;
COMMENT ON FUNCTION pql.follow_inputs(timestamptz) IS 'Reads again what is noted of the tables connected as any input but events, and brings pql''s own tables in line. Facts that changed are known from as_of on. ignored: rows left out, by reason. failures: inputs that could not be read, with the mend; they keep what is noted, and do not stop the others (pql.sources shows them). Nothing is written when nothing has changed. Before the locks of users.';
