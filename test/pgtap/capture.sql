-- pql.capture_events: whose rows came, went or changed is noted in the loader's transaction, and the loader never fails for it.
--
--   pg_prove -d DB test/pgtap/capture.sql

BEGIN;
\ir lib/transaction.sql

CREATE SCHEMA app;

-- What a statement leaves: marks as user, earliest and latest event, reason; rows that never count. Then both are empty again.
CREATE FUNCTION t.noted(query text) RETURNS text
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	noted text;
BEGIN
	TRUNCATE pql.change, pql.ignored;
	EXECUTE query;
	SELECT concat_ws('; ',
		(SELECT string_agg(concat_ws(' ', coalesce(c.user_id, '*'), CASE WHEN isfinite(c.since) THEN to_char(c.since, 'MM-DD HH24:MI') ELSE c.since::text END,
			CASE WHEN isfinite(c.until) THEN to_char(c.until, 'MM-DD HH24:MI') ELSE c.until::text END, c.reason), ', ' ORDER BY c.user_id, c.since) FROM pql.change c),
		(SELECT string_agg(format('%s %s', i.rows, i.reason), ', ' ORDER BY i.reason) FROM pql.ignored i)) INTO noted;
	TRUNCATE pql.change, pql.ignored;
	RETURN noted;
END
$$;
CREATE FUNCTION t.connect(relation text, mapping jsonb DEFAULT NULL, capture text DEFAULT NULL) RETURNS text
LANGUAGE sql VOLATILE AS $$ SELECT c.found FROM pql.connect('events', relation, NULL, mapping, capture) c WHERE c.check_name = 'capture' $$;


-- Statements ----------------------------------------------------------------------------------------

SELECT is(t.noted($$INSERT INTO pql.event (user_id, occurred_at, event) VALUES ('a', '2026-03-02 10:00', 'x'), ('b', '2026-03-03', 'x'), ('a', '2026-03-01 09:00', 'y')$$),
	'a 03-01 09:00 03-02 10:00 insert, b 03-03 00:00 03-03 00:00 insert', 'rows that come: one mark a user, with the earliest and the latest');
SELECT is(t.noted($$INSERT INTO pql.event (user_id, occurred_at, event) SELECT 'a', now(), 'x' WHERE false$$), '', 'none: no mark');
SELECT is(t.noted($$INSERT INTO pql.event (user_id, occurred_at, event) VALUES (NULL, '2026-03-02', 'x'), ('c', NULL, 'x'), ('c', '2026-03-05', 'x'), ('d', '2026-03-02', NULL), ('e', 'infinity', 'x'), ('f', NULL, 'x'), (NULL, NULL, NULL)$$),
	'c 03-05 00:00 03-05 00:00 insert, d 03-02 00:00 03-02 00:00 insert, e -infinity infinity insert, f -infinity infinity insert; 1 infinite time, 1 no event, 2 no time, 2 no user',
	'rows that never count are counted, and make their users known');
SELECT is(t.noted($$UPDATE pql.event SET event = 'z' WHERE user_id = 'a'$$), 'a -infinity 03-02 10:00 update', 'rows that change');
SELECT is(t.noted($$UPDATE pql.event SET user_id = 'g' WHERE user_id = 'b'$$), 'b -infinity 03-03 00:00 update, g -infinity 03-03 00:00 update', 'rows that change their user');
SELECT is(t.noted($$UPDATE pql.event SET occurred_at = '2026-03-07' WHERE user_id = 'g'$$), 'g -infinity 03-07 00:00 update', 'or their time');
SELECT is(t.noted($$DELETE FROM pql.event WHERE user_id IN ('a', 'c')$$), 'a -infinity 03-02 10:00 delete, c -infinity 03-05 00:00 delete', 'rows that go');
SELECT is(t.noted($$WITH gone AS (DELETE FROM pql.event WHERE user_id = 'g' RETURNING *) INSERT INTO pql.event SELECT * FROM gone$$),
	'g -infinity 03-07 00:00 delete, g 03-07 00:00 03-07 00:00 insert', 'several at once');
SELECT is(t.noted($$TRUNCATE pql.event$$), '* -infinity infinity truncate of pql.event', 'a table that is emptied');
SELECT is(t.noted($$INSERT INTO pql.event (user_id, occurred_at, event) SELECT 'u' || n, timestamptz '2026-03-04' + n * interval '1 second', 'x' FROM generate_series(0, 100000) n$$),
	'* 03-04 00:00 infinity insert', 'more users than are worth a mark each');
SELECT is(t.noted($$DELETE FROM pql.event$$), '* -infinity infinity delete', 'that go');
SELECT is(t.noted($$SET LOCAL session_replication_role = replica; INSERT INTO pql.event (user_id, occurred_at, event) VALUES ('a', '2026-03-02', 'x'); RESET session_replication_role$$),
	'a 03-02 00:00 03-02 00:00 insert', 'what replication applies');
SELECT is(t.noted(format($$INSERT INTO pql.event (user_id, occurred_at, event) SELECT u, '2026-03-02', 'x' FROM unnest(ARRAY[%1$L || '1', %1$L || '2', %1$L || '1', '', 'sixteen letters!', 'sixteen letters']) u$$, repeat('long', 10))),
	(SELECT string_agg(concat_ws(' ', u, '03-02 00:00 03-02 00:00 insert'), ', ' ORDER BY u) FROM unnest(ARRAY['', repeat('long', 10) || '1', repeat('long', 10) || '2', 'sixteen letters!', 'sixteen letters']) u),
	'ids of any length');


-- Columns -------------------------------------------------------------------------------------------

-- a row like INSERT gives it, by type of id and time: read in place, or by a query
CREATE TABLE t.kinds (kind text, id text, id_type text, at text, at_type text, mapping jsonb, expected text);
INSERT INTO t.kinds VALUES
	('text', 'a', 'text', '2026-03-02 10:00', 'timestamptz', '{}', 'a 03-02 10:00'),
	('varchar', 'a', 'varchar(20)', '2026-03-02 10:00', 'timestamptz', '{}', 'a 03-02 10:00'),
	('char', 'a', 'char(5)', '2026-03-02 10:00', 'timestamptz', '{}', 'a 03-02 10:00'),
	('uuid', '0a0b0c0d-0000-0000-0000-000000000001', 'uuid', '2026-03-02 10:00', 'timestamptz', '{}', '0a0b0c0d-0000-0000-0000-000000000001 03-02 10:00'),
	('smallint', '-7', 'smallint', '2026-03-02 10:00', 'timestamptz', '{}', '-7 03-02 10:00'),
	('int', '2147483647', 'int', '2026-03-02 10:00', 'timestamptz', '{}', '2147483647 03-02 10:00'),
	('bigint', '-9223372036854775808', 'bigint', '2026-03-02 10:00', 'timestamptz', '{}', '-9223372036854775808 03-02 10:00'),
	('numeric', '12.50', 'numeric', '2026-03-02 10:00', 'timestamptz', '{}', '12.50 03-02 10:00'),
	('zone', 'a', 'text', '2026-03-02 10:00', 'timestamp', '{"timezone": "Asia/Tokyo"}', 'a 03-02 01:00'),
	('jsonb', '{"user": {"id": "a"}}', 'jsonb', '2026-03-02 10:00', 'timestamptz', '{"user_id": "user_id.user.id"}', 'a 03-02 10:00'),
	('json time', 'a', 'text', '{"at": "2026-03-02T10:00:00Z"}', 'jsonb', '{"occurred_at": "occurred_at.at"}', 'a 03-02 10:00');
CREATE FUNCTION t.kind(k t.kinds) RETURNS SETOF text
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TABLE app.%I (more int, user_id %s, occurred_at %s, event text)', k.kind, k.id_type, k.at_type);
	PERFORM t.connect(format('app.%I', k.kind), k.mapping);
	RETURN NEXT is(t.noted(format('INSERT INTO app.%I VALUES (1, %L, %L, %L), (2, NULL, %L, %L)', k.kind, k.id, k.at, 'x', k.at, 'x')),
		k.expected || substr(k.expected, length(split_part(k.expected, ' ', 1)) + 1) || ' insert; 1 no user', k.kind || ': rows that come');
	RETURN NEXT is(t.noted(format('DELETE FROM app.%I', k.kind)), split_part(k.expected, ' ', 1) || ' -infinity' || substr(k.expected, length(split_part(k.expected, ' ', 1)) + 1) || ' delete',
		k.kind || ': rows that go');
	PERFORM pql.disconnect('events', format('app.%I', k.kind));
END
$$;
SELECT t.kind(k) FROM t.kinds k;

CREATE DOMAIN app.id AS text;
CREATE TABLE app.named (who app.id, at timestamptz, what text);
SELECT is(t.connect('app.named', '{"user_id": "who", "occurred_at": "at", "event": {"is": "visit"}}'), 'trigger', 'a table of one event');
SELECT is(t.noted($$INSERT INTO app.named VALUES ('a', '2026-03-02', NULL)$$), 'a 03-02 00:00 03-02 00:00 insert', 'whose rows all have its name');
SELECT is(t.noted($$ALTER TABLE app.named DROP what, ADD first int, ADD "when" timestamptz; UPDATE app.named SET "when" = '2026-04-01'; INSERT INTO app.named VALUES ('b', '2026-03-05', 7, '2026-04-02')$$),
	'a -infinity 03-02 00:00 update, b 03-05 00:00 03-05 00:00 insert', 'columns may come and go');
SELECT is(t.connect('app.named', '{"user_id": "who", "occurred_at": "when", "event": {"is": "visit"}}'), 'trigger', 'connected otherwise');
SELECT is(t.noted($$INSERT INTO app.named VALUES ('b', '2026-03-05', 7, '2026-04-02')$$), 'b 04-02 00:00 04-02 00:00 insert', 'it is read otherwise from then on');
SELECT is(t.connect('app.named', '{"user_id": "who", "occurred_at": "when", "event": {"is": "visit"}}', 'mark'), 'mark', 'ids only');
SELECT is(t.noted($$INSERT INTO app.named VALUES ('b', '2026-03-05', 7, NULL), ('c', NULL, NULL, '2026-03-05'), (NULL, NULL, NULL, NULL)$$), 'b -infinity infinity insert, c -infinity infinity insert', 'are all that is noted');

CREATE TABLE app.parts (user_id text, occurred_at timestamptz, event text) PARTITION BY RANGE (occurred_at);
CREATE TABLE app.part (event text, gone int, occurred_at timestamptz, user_id text);
ALTER TABLE app.part DROP gone;
ALTER TABLE app.parts ATTACH PARTITION app.part FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
SELECT is(t.connect('app.parts'), 'trigger', 'a partitioned table');
SELECT is(t.noted($$INSERT INTO app.parts VALUES ('a', '2026-03-02', 'x')$$), 'a 03-02 00:00 03-02 00:00 insert', 'through the parent');
SELECT is(t.noted($$INSERT INTO app.part (user_id, occurred_at, event) VALUES ('b', '2026-03-03', 'x')$$), 'b 03-03 00:00 03-03 00:00 insert', 'and into a part that has its columns elsewhere');
SELECT is(t.noted($$UPDATE app.parts SET event = 'y'$$), 'a -infinity 03-02 00:00 update, b -infinity 03-03 00:00 update', 'both');


-- Whoever loads -------------------------------------------------------------------------------------

CREATE TABLE app.loose (user_id text, doc jsonb);
SELECT is(t.connect('app.loose', '{"occurred_at": "doc.at", "event": "doc.name"}'), 'trigger', 'a table of documents');
SELECT is(t.noted($$INSERT INTO app.loose VALUES ('a', '{"at": "2026-03-02T00:00:00Z", "name": "x"}'), ('b', '{}')$$), 'a 03-02 00:00 03-02 00:00 insert, b -infinity infinity insert; 1 no event', 'they are looked into');
SELECT is(t.noted($$INSERT INTO app.loose VALUES ('a', '{"at": "soon"}')$$), '* -infinity infinity capture of app.loose failed: invalid input syntax for type timestamp with time zone: "soon"', 'what makes no sense is not the loader''s error');
SELECT is(t.noted($$ALTER TABLE app.loose RENAME doc TO body; INSERT INTO app.loose VALUES ('a', '{}')$$), '* -infinity infinity capture of app.loose failed: source app.loose has no column "doc.at"', 'nor is a column that is gone');
SELECT is(t.noted($$ALTER TABLE app.loose RENAME body TO doc; INSERT INTO app.loose VALUES ('a', '{"at": "2026-03-02T00:00:00Z", "name": "x"}')$$), 'a 03-02 00:00 03-02 00:00 insert', 'when it is back, all is as before');

CREATE ROLE pql_test_loader;
GRANT USAGE ON SCHEMA app, t TO pql_test_loader;
GRANT INSERT, SELECT, DELETE ON app.loose, app.part TO pql_test_loader;
SET LOCAL ROLE pql_test_loader;
INSERT INTO app.loose VALUES ('loader', '{"at": "2026-03-02T00:00:00Z", "name": "x"}');
INSERT INTO app.part (user_id, occurred_at, event) VALUES ('loader', '2026-03-03', 'x');
SELECT is(t.error($$INSERT INTO pql.change (user_id, since) VALUES ('loader', now())$$), '42501 | permission denied for schema pql', 'a loader cannot write marks');
RESET ROLE;
SELECT is((SELECT string_agg(c.source, ', ' ORDER BY c.source) FROM pql.change c WHERE c.user_id = 'loader'), 'app.loose, app.parts', 'but whoever loads needs no rights for them');
SELECT is(t.error($$CREATE TRIGGER mine AFTER INSERT ON app.named FOR EACH ROW EXECUTE FUNCTION pql.capture_events(); INSERT INTO app.named VALUES ('x')$$),
	'39P01 | pql.capture_events is for triggers that pql.connect makes | Connect the table: SELECT pql.connect(''events'', ''schema.table'').', 'a trigger of one''s own');
SET LOCAL ROLE pql_test_loader;
CREATE TEMP TABLE mine (user_id text);
SELECT is(t.error($$CREATE TRIGGER mine AFTER INSERT ON mine FOR EACH STATEMENT EXECUTE FUNCTION pql.capture_events('a', '{}', 'trigger')$$), '42501 | permission denied for schema pql', 'is for nobody who may not');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
