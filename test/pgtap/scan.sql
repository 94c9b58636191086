-- When event tables are read page by page and when not, with whose rights, and what else decides which rows count:
-- score_all against the same answer in plain SQL (oracle.plain_score).
--
--   pg_prove -d DB test/pgtap/scan.sql
--
-- Needs transactions of its own, so it has a database of its own. Shapes of tables at random: scan_layouts.sql. Workers that
-- fail, cancelling, other sessions: test/t/scan.t and test/specs.

SET client_min_messages = warning;
\set back :DBNAME
DROP DATABASE IF EXISTS pql_scan;
CREATE DATABASE pql_scan TEMPLATE template0;
\c pql_scan
SET client_min_messages = warning;
SET statement_timeout = '30s';
SET jit = off;
SET timezone = 'UTC';
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 1;
CREATE EXTENSION pql;
CREATE EXTENSION pgtap;
CREATE SCHEMA oracle;
\ir ../oracle/plain_score.sql
CREATE SCHEMA app;
CREATE SCHEMA t;
SELECT count(*) AS ignored FROM pg_roles WHERE rolname = 'pql_scan_reader' \gset
\if :ignored
	DROP ROLE pql_scan_reader;
\endif
CREATE ROLE pql_scan_reader;
GRANT USAGE ON SCHEMA t, oracle TO pql_scan_reader;

SELECT * FROM no_plan();


-- What is known -----------------------------------------------------------------------------------

-- Changes leave no history by themselves here, for it would have today's date.
ALTER TABLE pql.person DISABLE TRIGGER USER;
ALTER TABLE pql.account DISABLE TRIGGER USER;
ALTER TABLE pql.fact DISABLE TRIGGER USER;

-- Forty users and their companies; every fourth has two trials, every tenth none.
INSERT INTO pql.account (account_id, employees, kind)
SELECT 'a' || n, 100 + n * 60, CASE n % 7 WHEN 3 THEN 'partner' END FROM generate_series(1, 40) n;
INSERT INTO pql.person (user_id, email, account_id, signed_up_at)
SELECT 'u' || n, CASE n % 5 WHEN 2 THEN ' Bob@GMail.com' ELSE 'ann@acme.example' END, 'a' || n, '2026-03-01 00:00Z' FROM generate_series(1, 40) n;
INSERT INTO pql.trial (user_id, started_at)
SELECT 'u' || n, timestamptz '2026-03-02 08:00Z' + n * interval '1 hour' + k * interval '6 days'
FROM generate_series(1, 40) n, generate_series(0, CASE WHEN n % 4 = 0 THEN 1 ELSE 0 END) k WHERE n % 10 <> 0;

-- Events of these, and of two of whom nothing else is known.
CREATE TABLE t.event AS
SELECT n, 'u' || 1 + n % 42 AS user_id, timestamptz '2026-03-02 06:00Z' + n * interval '23 minutes' AS occurred_at,
	(ARRAY['activation_complete', 'session_start', 'invite_sent', 'page_view', 'session_start', 'integration_connected', 'feature_used', 'form_submitted', 'nobody_asks'])[1 + n * 7 % 9] AS event,
	jsonb_build_object('invitee_email', 'p' || n % 3, 'integration_type', 'i' || n % 2, 'page_path', (ARRAY['/pricing', '/docs', '/billing?x'])[1 + n % 3],
		'feature', 'f' || n % 8, 'premium', n % 2 = 0, 'source', 'marketing', 'amount', n % 5) AS properties,
	timestamptz '2026-03-02 06:00Z' + n * interval '23 minutes' + n % 4 * interval '1 day' AS received_at,
	'e' || n AS event_id
FROM generate_series(1, 700) n;
GRANT SELECT ON t.event TO pql_scan_reader;

-- Distinct values, their sum, and what they are compared with.
SELECT pql.put_model($${
	"model": "amounts", "unit": "user", "events": {"any": ["activation_complete", "invite_sent", "feature_used", "page_view"]},
	"signals": [
		{"signal": "amounts", "distinct": "amount", "of": "any", "at_least": 60, "points": 1, "says": "{value}"},
		{"signal": "total", "sum": "amount", "of": "any", "window": "trial", "at_least": 1e30, "points": 1, "says": "{value}"},
		{"signal": "many", "count": "any", "where": {"amount": {"more_than": 2}}, "at_least": 60, "points": 1, "says": "{value}"},
		{"signal": "named", "count": "any", "at_least": 1, "points": 1, "says": "first of {amount}"},
		{"signal": "plan", "distinct": "context.plan", "of": "any", "at_least": 60, "points": 1, "says": "{value}"}
	],
	"qualify": {"score": {"at_least": 1}}, "tiers": [{"tier": "some", "when": {"score": {"at_least": 1}}}]
}$$) AS ignored \gset

-- The rows of an answer, or its error.
CREATE FUNCTION t.rows(path text, model text, as_of timestamptz, known_at timestamptz DEFAULT NULL, detail boolean DEFAULT true) RETURNS SETOF text
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	BEGIN
		PERFORM set_config('pql.enable_scan', CASE path WHEN 'aggregate' THEN 'off' ELSE 'on' END, true);
		IF path = 'plain' THEN
			RETURN QUERY SELECT s::text FROM oracle.plain_score(model, as_of, known_at, detail) s;
		ELSE
			RETURN QUERY SELECT s::text FROM pql.score_all(model, as_of, known_at, detail) s;
		END IF;
	EXCEPTION WHEN OTHERS OR query_canceled THEN
		RETURN NEXT format('ERROR %s in %s: %s', SQLSTATE, path, SQLERRM);
	END;
	PERFORM set_config('pql.enable_scan', 'on', true);
END
$$;

-- Rows that do not fill the screen when they differ.
CREATE FUNCTION t.short(path text, model text, as_of timestamptz, known_at timestamptz DEFAULT NULL, detail boolean DEFAULT true) RETURNS SETOF text
LANGUAGE sql VOLATILE AS $$ SELECT format('%s… %s', left(x, 80), md5(x)) FROM t.rows(path, model, as_of, known_at, detail) x $$;

-- What score_all (by the scan where that may be, and by the aggregate) has other than plain SQL; errors, too.
CREATE FUNCTION t.differences(as_of timestamptz DEFAULT '2026-03-11 12:00Z', known_at timestamptz DEFAULT NULL, models text[] DEFAULT '{trial,playbook}') RETURNS SETOF text
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	model text;
	path text;
	expected text[];
	found text[];
BEGIN
	FOREACH model IN ARRAY models LOOP
		expected := ARRAY(SELECT t.rows('plain', model, as_of, known_at));
		RETURN QUERY SELECT e FROM unnest(expected) e WHERE e LIKE 'ERROR %';
		FOREACH path IN ARRAY ARRAY['scan', 'aggregate'] LOOP
			found := ARRAY(SELECT t.rows(path, model, as_of, known_at));
			RETURN QUERY
				(SELECT format('%s of %s, plain: %s', path, model, left(x, 1200)) FROM (SELECT unnest(expected) EXCEPT ALL SELECT unnest(found)) y (x) ORDER BY x LIMIT 2)
				UNION ALL
				(SELECT format('%s of %s, here:  %s', path, model, left(x, 1200)) FROM (SELECT unnest(found) EXCEPT ALL SELECT unnest(expected)) y (x) ORDER BY x LIMIT 2);
		END LOOP;
	END LOOP;
END
$$;

-- How a source would be read: 'scan', or 'aggregate: why'.
CREATE FUNCTION t.path(source text, model text DEFAULT 'trial') RETURNS text
LANGUAGE sql VOLATILE AS $$
	SELECT concat_ws(': ', p.path, p.reason) FROM pql.score_path(model) p WHERE p.relation::regclass = source::regclass
$$;

CREATE FUNCTION t.connect(source text, mapping jsonb DEFAULT NULL) RETURNS void
LANGUAGE sql VOLATILE AS $$ SELECT count(*) FROM pql.connect('events', source, mapping => mapping) $$;
CREATE FUNCTION t.disconnect(VARIADIC sources text[]) RETURNS void
LANGUAGE sql VOLATILE AS $$ SELECT pql.disconnect('events', s) FROM unnest(sources) s $$;

-- Connects a table, looks at how it is read, compares, and disconnects it. Three tests.
CREATE FUNCTION t.try(about text, source text, mapping jsonb, path text, model text DEFAULT 'trial') RETURNS SETOF text
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	PERFORM t.connect(source, mapping);
	RETURN NEXT matches(t.path(source, model), '^' || path || '$', about || ': ' || path);
	RETURN NEXT is_empty('SELECT t.differences()', about || ': the same as plain SQL');
	RETURN NEXT isnt_empty('SELECT FROM pql.score_all(''trial'', ''2026-03-11 12:00Z'') WHERE ''activated'' = ANY (signals)', about || ': its events count');
	PERFORM t.disconnect(source);
END
$$;

-- As somebody else: what a query gives, or its error.
CREATE FUNCTION t.as_reader(query text) RETURNS text
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	result text;
BEGIN
	PERFORM set_config('role', 'pql_scan_reader', true);
	EXECUTE query INTO result;
	PERFORM set_config('role', 'none', true);
	RETURN result;
EXCEPTION WHEN OTHERS THEN
	RETURN format('%s %s', SQLSTATE, SQLERRM);
END
$$;

SELECT t.disconnect('pql.event');


-- Read page by page, or not -------------------------------------------------------------------------

CREATE TABLE app.plain AS SELECT * FROM t.event;
SELECT t.try('a table', 'app.plain', NULL, 'scan');

CREATE VIEW app.view AS SELECT * FROM app.plain;
SELECT t.try('a view', 'app.view', NULL, 'aggregate: .*view.*');

CREATE MATERIALIZED VIEW app.matview AS SELECT * FROM app.plain;
SELECT t.try('a materialized view', 'app.matview', NULL, 'scan');
REFRESH MATERIALIZED VIEW app.matview WITH NO DATA;
SELECT t.connect('app.matview');
SELECT throws_ok('SELECT count(*) FROM pql.score_all(''trial'', ''2026-03-11'')', '55000', NULL, 'one without data is an ERROR, as in SQL');
SELECT t.disconnect('app.matview');

CREATE TABLE app.json AS SELECT user_id, occurred_at, event, properties::json, received_at FROM t.event;
SELECT t.try('properties of type json', 'app.json', NULL, 'scan');
CREATE TABLE app.words AS SELECT user_id, occurred_at, event, properties::text, received_at FROM t.event;
SELECT t.try('properties of type text', 'app.words', NULL, 'aggregate: .*properties.*text.*');

CREATE DOMAIN t.word AS text CHECK (VALUE <> 'forbidden');
CREATE DOMAIN t.document AS jsonb;
CREATE TABLE app.domains AS SELECT user_id::t.word, occurred_at, event::t.word, properties::t.document FROM t.event;
SELECT t.try('domains over text and jsonb', 'app.domains', NULL, 'scan');

CREATE TYPE t.name AS ENUM ('activation_complete', 'session_start', 'invite_sent', 'page_view', 'integration_connected', 'feature_used', 'form_submitted', 'nobody_asks');
CREATE TABLE app.enum AS SELECT user_id, occurred_at, event::t.name, properties FROM t.event;
SELECT t.try('an enum of names', 'app.enum', NULL, 'aggregate: .*event.*t\.name.*');

CREATE TABLE app.blank_padded AS SELECT user_id::char(20), occurred_at, event, properties FROM t.event;
SELECT t.try('char(20) ids', 'app.blank_padded', NULL, 'aggregate: .*user_id.*character.*');

CREATE TABLE app.path AS SELECT jsonb_build_object('user', jsonb_build_object('id', user_id), 'at', occurred_at, 'name', event, 'load', received_at, 'id', event_id) AS context,
	user_id, occurred_at, event, properties, received_at, event_id, properties -> 'invitee_email' AS direct FROM t.event;
SELECT t.try('a path to the user', 'app.path', '{"user_id": "context.user.id"}', 'aggregate: .*user_id.*');
SELECT t.try('a path to the time', 'app.path', '{"occurred_at": "context.at"}', 'aggregate: .*occurred_at.*');
SELECT t.try('a path to the event', 'app.path', '{"event": "context.name"}', 'aggregate: .*event.*');
SELECT t.connect('app.path', '{"received_at": "context.load", "event_id": "context.id"}');
SELECT is_empty('SELECT t.differences(known_at => ''2026-03-09'')', 'paths to the time of loading and the id: the same as plain SQL');
SELECT t.disconnect('app.path');
-- a column that is not there is an obstacle, too
SELECT t.try('a path to a property', 'app.path', '{"properties": {"invitee_email": "properties.invitee_email", "page_path": "properties.page_path"}}', 'aggregate: .*');

SELECT EXISTS (SELECT FROM pg_collation WHERE collprovider = 'i') AS icu \gset
\if :icu
	CREATE COLLATION t.no_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
	CREATE TABLE app.no_case AS SELECT user_id COLLATE t.no_case AS user_id, occurred_at, event, properties FROM t.event;
	SELECT t.try('ids of a nondeterministic collation', 'app.no_case', NULL, 'aggregate: .*user_id.*collation.*');
		INSERT INTO app.no_case VALUES ('U41', '2026-03-03', 'session_start', NULL), ('U42', '2026-03-01', 'session_start', NULL);
	SELECT t.connect('app.no_case');
	SELECT results_eq($$SELECT user_id FROM pql.score_all('playbook', '2026-03-11') WHERE lower(user_id) IN ('u41', 'u42') ORDER BY user_id COLLATE "C"$$, ARRAY['U41', 'U42', 'u41', 'u42'],
		'ids that only the collation holds to be the same are those of different users');
	SELECT t.disconnect('app.no_case');
	CREATE TABLE app.names_no_case AS SELECT user_id, occurred_at, event COLLATE t.no_case AS event, properties FROM t.event;
	SELECT t.try('names of a nondeterministic collation', 'app.names_no_case', NULL, 'aggregate: .*event.*collation.*');
\else
	SELECT skip('this server has no ICU', 7);
\endif

-- What the model does not ask for is no obstacle.
CREATE TABLE app.columns AS SELECT user_id, occurred_at, event, properties ->> 'invitee_email' AS invitee_email, properties ->> 'page_path' AS page_path,
	(properties ->> 'amount')::numeric::money AS amount, ARRAY[1, 2] AS list, '\x00'::bytea AS bytes FROM t.event;
SELECT t.try('columns of odd types that are not asked for', 'app.columns', '{"properties": "*"}', 'scan');
SELECT t.connect('app.columns', '{"properties": "*"}');
SELECT is(t.path('app.columns', 'amounts'), 'aggregate: column amount is of type money', 'and one that another model does ask for');
SELECT t.disconnect('app.columns');

SELECT format('CREATE TABLE app.many AS SELECT user_id, occurred_at, event, properties ->> ''invitee_email'' AS invitee_email, %s FROM t.event',
	string_agg(format('n + %s AS p%1$s', i), ', ')) FROM generate_series(1, 200) i \gexec
SELECT t.try('more columns of properties than are read in place', 'app.many', '{"properties": "*"}', 'aggregate: .*too many.*');

SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'file_fdw') AS file_fdw \gset
\if :file_fdw
	CREATE EXTENSION file_fdw;
	CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
	SELECT format($$COPY (SELECT user_id, occurred_at, event, properties FROM t.event) TO %L (FORMAT csv)$$, current_setting('data_directory') || '/pql_scan.csv') \gexec
	SELECT format($$CREATE FOREIGN TABLE app.file (user_id text, occurred_at timestamptz, event text, properties jsonb) SERVER files OPTIONS (filename %L, format 'csv')$$,
		current_setting('data_directory') || '/pql_scan.csv') \gexec
	SELECT t.try('a foreign table', 'app.file', NULL, 'aggregate: .*foreign.*');
	CREATE TABLE app.parted (LIKE app.file) PARTITION BY LIST (user_id);
	CREATE TABLE app.parted_rest PARTITION OF app.parted DEFAULT;
	INSERT INTO app.parted SELECT user_id, occurred_at, event, properties FROM t.event;
	SELECT t.try('partitions', 'app.parted', NULL, 'scan');
	SELECT format($$CREATE FOREIGN TABLE app.parted_file PARTITION OF app.parted FOR VALUES IN ('somebody') SERVER files OPTIONS (filename %L, format 'csv')$$, '/dev/null') \gexec
	SELECT t.try('partitions of which one is foreign', 'app.parted', NULL, 'aggregate: .*foreign.*');
\else
	SELECT skip('this server has no file_fdw', 9);
\endif

-- What the session says
SELECT t.connect('app.plain');
SET pql.enable_scan = off;
SELECT is(t.path('app.plain'), 'aggregate: pql.enable_scan is off', 'pql.enable_scan');
RESET pql.enable_scan;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT matches(t.path('app.plain'), '^aggregate: .*serializable', 'a serializable transaction');
SELECT is_empty('SELECT t.differences()', 'a serializable transaction: the same as plain SQL');
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT is(t.path('app.plain'), 'scan', 'a repeatable read');
SELECT is_empty('SELECT t.differences()', 'a repeatable read: the same as plain SQL');
COMMIT;
SELECT t.disconnect('app.plain');


-- Several sources -----------------------------------------------------------------------------------

-- What a row of one table left behind is not there in the next.
CREATE TABLE app.one AS SELECT user_id, occurred_at, event, properties ->> 'invitee_email' AS invitee_email, properties ->> 'page_path' AS page_path FROM t.event WHERE n % 3 = 0;
CREATE TABLE app.two AS SELECT user_id, occurred_at, event, properties ->> 'page_path' AS page_path FROM t.event WHERE n % 3 = 1;
CREATE TABLE app.two_bare AS SELECT user_id, occurred_at FROM t.event WHERE n % 3 = 2;
SELECT t.connect('app.one', '{"properties": ["invitee_email", "page_path"]}');
SELECT t.connect('app.two', '{"properties": ["page_path"]}');
SELECT is_empty('SELECT t.differences()', 'a column of properties that the next table does not have');
SELECT t.connect('app.two_bare', '{"event": {"is": "invite_sent"}}');
SELECT is_empty('SELECT t.differences()', 'columns that the next table does not have');
SELECT t.disconnect('app.one', 'app.two', 'app.two_bare');

CREATE TABLE app.whole AS SELECT user_id, occurred_at, event, properties, received_at FROM t.event WHERE n % 2 = 0;
CREATE TABLE app.whole_bare AS SELECT user_id, occurred_at, event FROM t.event WHERE n % 2 = 1;
SELECT t.connect('app.whole');
SELECT t.connect('app.whole_bare');
SELECT is_empty('SELECT t.differences(known_at => ''2026-03-08'')', 'no properties and no time of loading in the next table');
SELECT t.disconnect('app.whole', 'app.whole_bare');

-- Some scanned, some not
INSERT INTO pql.event SELECT user_id, occurred_at, event, properties, received_at, event_id FROM t.event WHERE n % 3 = 0;
CREATE TABLE app.half AS SELECT * FROM t.event WHERE n % 3 = 1;
CREATE VIEW app.other_half AS SELECT * FROM t.event WHERE n % 3 = 2;
SELECT t.connect(s) FROM unnest('{pql.event,app.half,app.other_half}'::text[]) s;
SET max_parallel_workers_per_gather = 0;
SELECT is_empty('SELECT t.differences()', 'pql.event, a table and a view');
SET max_parallel_workers_per_gather = 2;
SELECT is_empty('SELECT t.differences()', 'pql.event, a table and a view, with workers');
SELECT is_empty('SELECT t.differences(known_at => ''2026-03-09'')', 'pql.event, a table and a view, by time of loading');
SELECT t.disconnect('pql.event', 'app.half', 'app.other_half');

-- The same event in two sources counts twice; twice in one it counts once.
CREATE TABLE app.twice AS SELECT * FROM t.event UNION ALL SELECT * FROM t.event WHERE n % 2 = 0 UNION ALL SELECT * FROM t.event WHERE n % 5 = 0;
SELECT t.connect('app.twice');
SELECT is_empty('SELECT t.differences()', 'rows that a loader repeats');
CREATE TEMP TABLE once AS SELECT t.short('scan', 'playbook', '2026-03-11');
SELECT t.disconnect('app.twice');
SELECT t.connect('app.plain');
SELECT bag_eq('SELECT t.short(''scan'', ''playbook'', ''2026-03-11'')', 'TABLE once', 'count once');
SELECT t.disconnect('app.plain');
CREATE VIEW app.twice_view AS SELECT * FROM app.twice;
SELECT t.connect('app.twice_view');
SELECT bag_eq('SELECT t.short(''scan'', ''playbook'', ''2026-03-11'')', 'TABLE once', 'as those of a view do');
SELECT t.disconnect('app.twice_view');
-- The first that was loaded by then counts, whichever place it has.
CREATE TABLE app.reloaded AS SELECT user_id, occurred_at, event, properties, received_at + interval '30 days' AS received_at, event_id FROM t.event UNION ALL SELECT user_id, occurred_at, event, properties, received_at, event_id FROM t.event;
SELECT t.connect('app.reloaded');
SELECT is_empty('SELECT t.differences(known_at => ''2026-03-09'')', 'rows repeated after known_at');
SELECT t.disconnect('app.reloaded');
-- Loaded by then is told by the zone of the mapping, not of the session; and may be told by a path into JSON.
CREATE TABLE app.reloaded_local AS
SELECT user_id, occurred_at AT TIME ZONE 'America/New_York' AS occurred_at, event, properties, received_at AT TIME ZONE 'America/New_York' + k * interval '3 hours' AS received_at, event_id
FROM t.event, generate_series(1, 0, -1) k;
SELECT t.connect('app.reloaded_local', '{"timezone": "America/New_York"}');
SELECT is_empty('SELECT t.differences(known_at => ''2026-03-09'')', 'rows repeated, with local times');
SELECT results_eq($$SELECT count(*) FROM pql.repeated_rows('app.reloaded_local', (SELECT mapping FROM pql.sources), '2026-03-09')$$,
	$$SELECT count(*) FROM t.event WHERE received_at + interval '3 hours' <= '2026-03-09'$$, 'a row loaded later is none that others repeat, where times are local');
SELECT t.disconnect('app.reloaded_local');
CREATE TABLE app.parent (LIKE app.plain);
CREATE UNIQUE INDEX ON app.parent (event_id);
CREATE TABLE app.child () INHERITS (app.parent);
INSERT INTO app.child SELECT * FROM app.twice;
SELECT t.connect('app.parent');
SELECT bag_eq('SELECT t.short(''scan'', ''playbook'', ''2026-03-11'')', 'TABLE once', 'rows repeated in a child, under a parent with a unique index');
SELECT is_empty('SELECT t.differences()', 'children of a table');
SELECT t.disconnect('app.parent');


-- Columns that mean two things, or something else than when they were connected ------------------------

CREATE TABLE app.same AS SELECT user_id, occurred_at AS at, event, properties FROM t.event;
SELECT t.connect('app.same', '{"occurred_at": "at", "received_at": "at"}');
SELECT is_empty('SELECT t.differences(known_at => ''2026-03-09'')', 'one column is the time and the time of loading');
SELECT t.disconnect('app.same');
SELECT t.connect('app.same', '{"occurred_at": "at", "properties": {"invitee_email": "user_id", "page_path": "event"}}');
SELECT is_empty('SELECT t.differences()', 'columns that are properties as well');
SELECT t.disconnect('app.same');

-- Columns of properties hold what to_jsonb makes of them.
CREATE FUNCTION t.values(type text, literals text[]) RETURNS SETOF text
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	DROP TABLE IF EXISTS app.values;
	EXECUTE format('CREATE TABLE app.values (user_id text, occurred_at timestamptz, event text, amount %s)', type);
	-- each alone, and all of them
	EXECUTE format('INSERT INTO app.values SELECT x.u, timestamptz ''2026-03-03 00:00Z'' + v.n * interval ''1 s'', ''feature_used'', v.literal::%s
		FROM unnest($1) WITH ORDINALITY v (literal, n), LATERAL (VALUES (v.n || ''''), (''all'')) x (u)', type) USING literals;
	PERFORM t.connect('app.values', '{"properties": ["amount"]}');
	RETURN NEXT is(t.path('app.values', 'amounts'), 'scan', type || ' as a property is read in place');
	RETURN NEXT is_empty('SELECT t.differences(models => ''{amounts}'')', type || ' as a property');
	PERFORM t.disconnect('app.values');
END
$$;
SELECT t.values('int', '{0,1,-1,1234567,1234568,2147483647,-2147483648}');
SELECT t.values('bigint', '{0,1,1234567,1234568,9007199254740991,9007199254740992,9007199254740993,-9007199254740993,9223372036854775807,-9223372036854775808}');
SELECT t.values('smallint', '{0,1,32767,-32768}');
SELECT t.values('float8', '{0,-0,1.5,0.1,0.3,0.12345678,0.12345679,1e20,1e21,1e22,1e300,-1e300,4.9e-324,123456789012345680,NaN,Infinity,-Infinity,1234567,1234568}');
SELECT t.values('numeric', '{0,1.5,1.50,3,3.0,NaN,Infinity,-Infinity,1e400,-1e400,1e-400,9007199254740993,1234567,1234568}');
SELECT t.values('numeric(40,5)', '{0,1.5,NaN,9007199254740993,1234567,1234568}');
SELECT t.values('bool', '{true,false}');
SELECT t.values('text', ARRAY['true', '1.5', '1.50', '', 'NaN', '1e400', ' 1.5', 'null', repeat('é', 5000)]);
SELECT t.values('uuid', '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,B0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A12}');
SELECT t.values('jsonb', ARRAY['1.5', '"1.5"', 'true', 'null', '{}', '[]', '[1]', '{"a": 1}', '1e400', '-0', '1.50', '1234567', '1234568', '""']);
SELECT t.values('json', ARRAY['1.5', '"1.5"', 'true', 'null', '{"a": 1, "a": 2}', '1e5', '-0.0', '1234567', '1234568', '""']);

CREATE TABLE app.nested AS SELECT user_id, occurred_at, event, jsonb_build_object('plan', 'p' || n % 3, 'zz', n) AS context, CASE WHEN n % 2 = 0 THEN 'q' || n % 5 END AS "context.plan" FROM t.event;
SELECT t.connect('app.nested', '{"properties": ["context"]}');
SELECT is_empty('SELECT t.differences(models => ''{amounts}'')', 'inside a column of JSON');
SELECT t.connect('app.nested', '{"properties": ["context.plan"]}');
SELECT is_empty('SELECT t.differences(models => ''{amounts}'')', 'a column of a dotted name');
SELECT t.connect('app.nested', '{"properties": ["context", "context.plan"]}');
SELECT is_empty('SELECT t.differences(models => ''{amounts}'')', 'a column of a dotted name beside the JSON that has it as well');
SELECT t.disconnect('app.nested');

-- A name of an event that is an SQL word
CREATE TABLE app.constant AS SELECT user_id, occurred_at, 'same' AS event_id FROM t.event;
SELECT t.connect('app.constant', '{"event": {"is": "SELECT a plan"}}');
SELECT results_eq($$SELECT event FROM pql.events_seen('2026-03-20')$$, ARRAY['SELECT a plan'], 'a constant event called SELECT, of a source with repeated rows');
SELECT t.disconnect('app.constant');

-- Times at the ends of what there is, and in no year that counts
CREATE TABLE app.times (user_id text, occurred_at timestamp, event text);
INSERT INTO app.times SELECT 'o' || n, at::timestamp, 'feature_used' FROM unnest('{0001-12-31 23:00 BC,0001-01-01 00:00,0001-01-01 06:00,-infinity,infinity,4713-01-01 BC,9999-12-31 23:59,9999-12-31 02:00,20000-12-31 23:59,NULL,1883-11-18 12:01}'::text[]) WITH ORDINALITY u (at, n);
INSERT INTO app.times VALUES ('o1', '2026-03-03', NULL), ('o20', '2026-03-03', NULL), (NULL, '2026-03-03', 'feature_used');
SELECT t.connect('app.times', '{"timezone": "America/New_York"}');
SELECT is_empty('SELECT t.differences(models => ''{trial,playbook,amounts}'')', 'times in no year that counts, west of UTC');
SELECT t.connect('app.times', '{"timezone": "Asia/Kathmandu"}');
SELECT is_empty('SELECT t.differences(''9999-12-31 23:59Z'')', 'times in no year that counts, east of UTC');
INSERT INTO pql.trial (user_id, started_at) VALUES ('bc', '0044-03-15 12:00Z BC'), ('u1', '0044-03-15 12:00Z BC'), ('u2', '20000-01-01 00:00Z'), ('never', 'infinity'), ('ever', '-infinity');
INSERT INTO pql.person (user_id, signed_up_at) VALUES ('bc', '0044-03-15 12:00Z BC'), ('later', '20000-01-01 00:00Z'), ('o1', '0044-03-15 12:00Z BC');
SELECT is_empty('SELECT t.differences()', 'starts in no year that counts');
SELECT is_empty($$SELECT user_id, started_at FROM pql.score_all('trial', '2026-03-11') WHERE NOT started_at BETWEEN '0001-01-01' AND '9999-12-31'$$, 'begin no trial');
DELETE FROM pql.trial WHERE NOT started_at BETWEEN '0001-01-01' AND '9999-12-31';
DELETE FROM pql.person WHERE user_id IN ('bc', 'later', 'o1');
SELECT t.disconnect('app.times');

-- Every ten minutes of nights in which clocks change: a trial that begins at the very instant has the event, one that begins a microsecond later does not.
CREATE TABLE app.nights AS
SELECT format('n%s %s', k, d) AS user_id, d::timestamp + k * interval '10 minutes' AS occurred_at, 'activation_complete'::text AS event
FROM unnest('{2026-03-07 22:00,2026-10-31 22:00,2026-03-28 22:00,2026-10-24 22:00,2011-12-29 22:00,2018-11-03 22:00,2018-02-17 22:00,2026-04-04 12:00,2026-10-03 12:00}'::text[]) d, generate_series(1, 42) k;
CREATE FUNCTION t.nights(zone text) RETURNS SETOF text
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	PERFORM t.connect('app.nights', jsonb_build_object('timezone', zone));
	INSERT INTO pql.trial (user_id, started_at) SELECT n.user_id, n.occurred_at AT TIME ZONE zone + k * interval '1 microsecond' FROM app.nights n, generate_series(0, 1) k;
	RETURN NEXT bag_eq($q$SELECT t.short('scan', 'trial', '2026-12-01')$q$, $q$SELECT t.short('plain', 'trial', '2026-12-01')$q$, 'nights of changing clocks in ' || zone);
	RETURN NEXT is((SELECT count(*) FROM pql.score_all('trial', '2026-12-01') WHERE user_id LIKE 'n%' AND 'activated' = ANY (signals)), (SELECT count(DISTINCT (n.user_id)) FROM app.nights n), 'each has its event');
	DELETE FROM pql.trial WHERE user_id LIKE 'n% %';
	PERFORM t.disconnect('app.nights');
END
$$;
SELECT t.nights(z) FROM unnest('{America/New_York,Europe/Berlin,America/Sao_Paulo,Pacific/Apia,Australia/Lord_Howe}'::text[]) z;


-- Rights --------------------------------------------------------------------------------------------

CREATE SCHEMA closed;
CREATE TABLE closed.event AS SELECT user_id, occurred_at, event, properties, 'secret'::text AS secret FROM t.event;
SELECT t.connect('closed.event');
CREATE FUNCTION t.score(scan text DEFAULT 'on') RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT t.as_reader(format('SELECT count(*) FROM (SELECT set_config(''pql.enable_scan'', %L, true)) x, LATERAL pql.score_all(''trial'', ''2026-03-11 12:00Z'') s WHERE ''invites'' = ANY (s.signals)', scan))
$$;
SELECT count(*)::text AS invites FROM pql.score_all('trial', '2026-03-11 12:00Z') WHERE 'invites' = ANY (signals) \gset
SELECT cmp_ok(:invites, '>', 3, 'there is something to see');

SELECT matches(t.score(s), '^42501 .*schema pql', 'without USAGE on pql, scan ' || s) FROM unnest('{on,off}'::text[]) s;
GRANT USAGE ON SCHEMA pql TO pql_scan_reader;
SELECT matches(t.score(s), '^42501 ', 'without SELECT on pql''s tables, scan ' || s) FROM unnest('{on,off}'::text[]) s;
GRANT SELECT ON ALL TABLES IN SCHEMA pql TO pql_scan_reader;
SELECT matches(t.score(s), '^42501 .*schema closed', 'without USAGE on the table''s schema, scan ' || s) FROM unnest('{on,off}'::text[]) s;
GRANT USAGE ON SCHEMA closed TO pql_scan_reader;
SELECT matches(t.score(s), '^42501 .*table event', 'without SELECT on the table, scan ' || s) FROM unnest('{on,off}'::text[]) s;
SELECT matches(t.as_reader('SELECT path FROM pql.score_path(''trial'') LIMIT 1'), '^42501 .*table event', 'score_path says so, too');
GRANT SELECT (user_id, occurred_at, event) ON closed.event TO pql_scan_reader;
SELECT matches(t.score(s), '^42501 .*table event', 'without SELECT on one of the columns, scan ' || s) FROM unnest('{on,off}'::text[]) s;
GRANT SELECT (properties) ON closed.event TO pql_scan_reader;
SELECT is(t.as_reader('SELECT string_agg(path, '','') FROM pql.score_path(''trial'')'), 'scan', 'with SELECT on the columns that count: scan');
SELECT is(t.score(s), :'invites', 'with SELECT on the columns that count, scan ' || s) FROM unnest('{on,off}'::text[]) s;
REVOKE USAGE ON SCHEMA closed FROM pql_scan_reader;
SELECT matches(t.score(s), '^42501 .*schema closed', 'the schema counts all the same, scan ' || s) FROM unnest('{on,off}'::text[]) s;
GRANT USAGE ON SCHEMA closed TO pql_scan_reader;
REVOKE SELECT (user_id, occurred_at, event, properties) ON closed.event FROM pql_scan_reader;
SELECT matches(t.score(s), '^42501 .*table event', 'and taken away again, scan ' || s) FROM unnest('{on,off}'::text[]) s;
CREATE FUNCTION t.lent() RETURNS bigint LANGUAGE sql VOLATILE SECURITY DEFINER AS $$
	SELECT count(*) FROM pql.score_all('trial', '2026-03-11 12:00Z') s WHERE 'invites' = ANY (s.signals)
$$;
SELECT is(t.as_reader('SELECT t.lent()'), :'invites', 'a SECURITY DEFINER function lends the rights of its owner');
SELECT t.disconnect('closed.event');

-- Of a table with children, the parent's rights count; of a view, the view's.
CREATE TABLE closed.parted (user_id text, occurred_at timestamptz, event text, properties jsonb) PARTITION BY HASH (user_id);
CREATE TABLE closed.parted_0 PARTITION OF closed.parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE closed.parted_1 PARTITION OF closed.parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO closed.parted SELECT user_id, occurred_at, event, properties FROM t.event;
SELECT t.connect('closed.parted');
GRANT SELECT ON closed.parted_0, closed.parted_1 TO pql_scan_reader;
SELECT matches(t.score(s), '^42501 .*table parted', 'SELECT on all partitions is not enough, scan ' || s) FROM unnest('{on,off}'::text[]) s;
REVOKE SELECT ON closed.parted_0, closed.parted_1 FROM pql_scan_reader;
GRANT SELECT ON closed.parted TO pql_scan_reader;
SELECT is(t.score(s), :'invites', 'SELECT on the parent is, scan ' || s) FROM unnest('{on,off}'::text[]) s;
SELECT t.disconnect('closed.parted');
CREATE VIEW closed.view AS SELECT * FROM closed.event;
SELECT t.connect('closed.view');
SELECT matches(t.score(), '^42501 .*view', 'without SELECT on a view');
GRANT SELECT ON closed.view TO pql_scan_reader;
SELECT is(t.score(), :'invites', 'with SELECT on a view, whatever it reads');
SELECT t.disconnect('closed.view');

-- Row-level security
CREATE TABLE closed.rows AS SELECT user_id, occurred_at, event, properties FROM t.event;
GRANT SELECT ON closed.rows TO pql_scan_reader;
SELECT t.connect('closed.rows');
SELECT is(t.as_reader('SELECT string_agg(path, '','') FROM pql.score_path(''trial'')'), 'scan', 'a table without row-level security');
ALTER TABLE closed.rows ENABLE ROW LEVEL SECURITY;
CREATE POLICY most ON closed.rows USING (user_id <> 'u3' AND user_id <> 'u8');
SELECT matches(t.as_reader('SELECT concat_ws('': '', path, reason) FROM pql.score_path(''trial'')'), '^aggregate: .*row-level security', 'row-level security for whom it applies to');
SELECT is(t.as_reader('SELECT count(*) FROM t.differences()'), '0', 'row-level security: the same as plain SQL');
SELECT is(t.as_reader($$SELECT count(*) FROM pql.score_all('trial', '2026-03-11') WHERE user_id IN ('u3', 'u8') AND potential > 0$$), '0', 'what is hidden does not count');
SELECT is(t.path('closed.rows'), 'scan', 'and for whom it does not');
SELECT isnt_empty($$SELECT FROM pql.score_all('trial', '2026-03-11') WHERE user_id IN ('u3', 'u8') AND potential > 0$$, 'everything counts for the owner');
SELECT matches(t.as_reader('SELECT count(*) FROM (SELECT set_config(''row_security'', ''off'', true)) x, LATERAL pql.score_all(''trial'', ''2026-03-11'')'), '^42501 .*row-level security', 'row_security = off is an ERROR for them, as in SQL');
SELECT t.disconnect('closed.rows');
ALTER TABLE pql.trial ENABLE ROW LEVEL SECURITY;
CREATE POLICY most ON pql.trial USING (user_id <> 'u1');
SELECT t.connect('app.plain');
GRANT USAGE ON SCHEMA app TO pql_scan_reader;
GRANT SELECT ON app.plain TO pql_scan_reader;
SELECT is(t.as_reader('SELECT count(*) FROM t.differences()'), '0', 'policies of pql''s own tables hold in every process');
SELECT is(t.as_reader($$SELECT count(*) FROM pql.score_all('trial', '2026-03-11') WHERE user_id = 'u1'$$), '0', 'trials that are hidden are not judged');
DROP POLICY most ON pql.trial;
ALTER TABLE pql.trial DISABLE ROW LEVEL SECURITY;


-- Some of the subjects ------------------------------------------------------------------------------

-- Of everybody, those who started between. Infinite ends: everybody, or nobody.
CREATE FUNCTION t.between(model text, low timestamptz, high timestamptz, as_of timestamptz DEFAULT '2026-03-11 12:00Z', scan text DEFAULT 'on') RETURNS text
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	PERFORM set_config('pql.enable_scan', scan, true);
	RETURN is_empty(format($q$
		WITH everybody AS MATERIALIZED (SELECT s AS line FROM oracle.plain_score(%1$L, %2$L, NULL, true) s
			WHERE (%3$L::timestamptz IS NULL OR s.started_at >= %3$L) AND (%4$L::timestamptz IS NULL OR s.started_at < %4$L)),
		part AS MATERIALIZED (SELECT s AS line FROM pql.score_all(%1$L, %2$L, NULL, true, %3$L, %4$L) s)
		SELECT 'lost', line::text FROM (SELECT line FROM everybody EXCEPT ALL SELECT line FROM part) x UNION ALL SELECT 'extra', line::text FROM (SELECT line FROM part EXCEPT ALL SELECT line FROM everybody) y$q$,
		model, as_of, low, high), format('%s started from %s until %s, scan %s', model, low, high, scan));
END
$$;
SELECT t.between(m, '2026-03-02 20:00Z', '2026-03-03 08:00Z', scan => s) FROM unnest('{trial,playbook,amounts}'::text[]) m, unnest('{on,off}'::text[]) s;
-- the second trials: the first ones' events do not count for them
SELECT t.between('trial', '2026-03-08 08:00Z', NULL, scan => s) FROM unnest('{on,off}'::text[]) s;
-- the first trials of those who have two: they end where the second begins, though that is not in the range
SELECT t.between('trial', NULL, '2026-03-08 08:00Z', '2026-03-25Z', s) FROM unnest('{on,off}'::text[]) s;
SELECT t.between('trial', '2026-03-02 12:00Z', '2026-03-02 12:00Z');
SELECT t.between('trial', '2026-03-02 12:00Z', '2026-03-02 12:00:00.000001Z');
SELECT t.between('trial', '2026-03-04', '2026-03-02');
SELECT t.between('trial', '-infinity', 'infinity');
SELECT t.between('trial', 'infinity', NULL);
SELECT t.between('trial', NULL, '-infinity');
SELECT t.between('playbook', '2026-03-01', '2026-03-01 00:00:00.000001Z');
SELECT t.between('playbook', NULL, '2026-03-01');

-- Known by: nothing was loaded before time began.
SELECT bag_eq($$SELECT t.short('scan', 'trial', '2026-03-11', '-infinity')$$, $$SELECT t.short('plain', 'trial', '2026-03-11', '-infinity')$$, 'known_at -infinity');
SELECT bag_eq($$SELECT t.short('scan', 'trial', '2026-03-11', 'infinity')$$, $$SELECT t.short('plain', 'trial', '2026-03-11', 'infinity')$$, 'known_at infinity');

-- Without those whom the gate icp_fit keeps out: a value between 200 and 2000 that held at some time of the trial so far.
INSERT INTO pql.fact (subject, name, value, source, recorded_at) VALUES
	('a1', 'account.employees', '160', 'x', '-infinity'), ('a1', 'account.employees', '500', 'x', '2026-03-06'),            -- grew into it
	('a2', 'account.employees', '500', 'x', '-infinity'), ('a2', 'account.employees', '5000', 'x', '2026-03-06'),           -- grew out of it
	('a3', 'account.employees', '500', 'x', '2026-03-12'),                                                                  -- known later
	('a4', 'account.employees', '5000', 'x', '-infinity'), ('a4', 'account.employees', '500', 'x', '2026-03-11 12:00Z'),    -- known just now
	('a5', 'account.employees', '500', 'x', '2026-03-04'), ('a5', 'account.employees', 'null', 'x', '2026-03-05'),          -- forgotten
	('a6', 'account.employees', '500', 'x', '-infinity'), ('a6', 'account.employees', '5000', 'x', '2026-02-01'),           -- no more when the trial began
	('a7', 'account.employees', '"250"', 'x', '-infinity'), ('a8', 'account.employees', '200', 'x', '-infinity'), ('a9', 'account.employees', '2001', 'x', '-infinity'),
	('a38', 'account.employees', '5000', 'x', '-infinity'), ('a38', 'account.employees', '300', 'x', '2026-03-07'), ('a38', 'account.employees', '5000', 'x', '2026-03-07 00:00:00.000001Z');
UPDATE pql.account SET employees = NULL WHERE account_id IN ('a3', 'a11');
UPDATE pql.person SET account_id = NULL WHERE user_id = 'u12';
UPDATE pql.person SET account_id = 'nowhere' WHERE user_id = 'u13';
DELETE FROM pql.person WHERE user_id = 'u14';
CREATE FUNCTION t.may_fit(account text, started_at timestamptz, as_of timestamptz) RETURNS boolean LANGUAGE sql STABLE AS $$
	SELECT coalesce(bool_or((k.value #>> '{}')::numeric BETWEEN 200 AND 2000), false)
	FROM (
		SELECT f.value, f.recorded_at, lead(f.recorded_at, 1, 'infinity') OVER (ORDER BY f.recorded_at) AS until FROM pql.fact f WHERE f.subject = account AND f.name = 'account.employees'
		UNION ALL
		SELECT to_jsonb(a.employees), '-infinity', 'infinity' FROM pql.account a
		WHERE a.account_id = account AND NOT EXISTS (SELECT FROM pql.fact f WHERE f.subject = account AND f.name = 'account.employees')
	) k
	WHERE k.recorded_at <= as_of AND k.until > started_at
$$;
SELECT is_empty(format($$
	WITH possible AS MATERIALIZED (SELECT s AS line FROM oracle.plain_score('trial', %1$L, NULL, true) s WHERE t.may_fit(s.account_id, s.started_at, %1$L)),
	part AS MATERIALIZED (SELECT s AS line FROM pql.score_all('trial', %1$L, NULL, true, skip_gated => true) s, set_config('pql.enable_scan', %2$L, true))
	SELECT 'lost', line::text FROM (SELECT line FROM possible EXCEPT ALL SELECT line FROM part) x UNION ALL SELECT 'extra', line::text FROM (SELECT line FROM part EXCEPT ALL SELECT line FROM possible) y$$, as_of, scan),
	format('skip_gated as of %s, scan %s', as_of, scan))
FROM unnest('{2026-03-05 00:00Z,2026-03-11 12:00Z,2026-03-12 00:00Z,2026-04-20 00:00Z}'::text[]) as_of, unnest('{on,off}'::text[]) scan;
SELECT results_eq($$SELECT user_id FROM pql.score_all('trial', '2026-03-11 12:00Z', skip_gated => true) WHERE user_id IN ('u1', 'u2', 'u3', 'u4', 'u5', 'u6', 'u7', 'u8', 'u9', 'u11', 'u12', 'u13', 'u14', 'u38') GROUP BY 1 ORDER BY substr(user_id, 2)::int$$,
	'{u1,u2,u4,u5,u7,u8,u38}'::text[], 'who may have passed the gate');
SELECT is_empty($$SELECT user_id FROM pql.score_all('trial', '2026-04-20') WHERE qualified_at IS NOT NULL EXCEPT SELECT user_id FROM pql.score_all('trial', '2026-04-20', skip_gated => true)$$, 'nobody who qualified is skipped');
SELECT bag_eq($$SELECT s::text FROM pql.score_all('playbook', '2026-03-11', skip_gated => true) s$$, $$SELECT s::text FROM oracle.plain_score('playbook', '2026-03-11') s$$, 'a model without gates skips nobody');
SELECT is_empty($$SELECT s::text FROM pql.score_all('trial', '2026-03-11 12:00Z', NULL, true, '2026-03-02 12:00Z', '2026-03-03 08:00Z', true) s EXCEPT ALL
	SELECT s::text FROM oracle.plain_score('trial', '2026-03-11 12:00Z', NULL, true) s WHERE s.started_at >= '2026-03-02 12:00Z' AND s.started_at < '2026-03-03 08:00Z' AND t.may_fit(s.account_id, s.started_at, '2026-03-11 12:00Z')$$, 'a range and skip_gated together');
DELETE FROM pql.fact;


-- Trials that begin with a signup ---------------------------------------------------------------------

CREATE TABLE t.trial AS SELECT * FROM pql.trial;
DELETE FROM pql.trial;
CREATE TABLE app.signups AS
SELECT user_id, occurred_at, event, properties, received_at, event_id FROM t.event
UNION ALL
SELECT 'u' || n, timestamptz '2026-03-02 07:00Z' + n * interval '1 hour' + k * interval '4 days', 'signup_complete', jsonb_build_object('email', CASE n % 3 WHEN 0 THEN ' Ann@GMail.com' ELSE 'bob@corp.example' END,
	'company_size', 100 * n, 'company_name', 'C' || n, 'signup_source', 'ad'), timestamptz '2026-03-02 07:00Z' + (n + k * 30) * interval '1 hour', format('s%s %s', n, k)
FROM generate_series(1, 60) n, generate_series(0, CASE WHEN n % 4 = 0 THEN 1 ELSE 0 END) k WHERE n % 6 <> 5
UNION ALL
VALUES ('u1', timestamptz '-infinity', 'signup_complete', NULL::jsonb, NULL::timestamptz, 's-1'), ('u2', 'infinity', 'signup_complete', NULL, NULL, 's-2'), ('u3', NULL, 'signup_complete', NULL, NULL, 's-3'),
	('u4', '2026-03-02 11:00Z', 'signup_complete', '{"email": "the same instant"}', NULL, 's-4');
SELECT t.disconnect('app.plain');
SELECT t.connect('app.signups');
SELECT is(t.path('app.signups'), 'scan', 'signups of a connected table');
SELECT is_empty('SELECT t.differences()', 'signups of a connected table: the same as plain SQL');
SELECT is_empty('SELECT t.differences(known_at => ''2026-03-04'')', 'signups by time of loading');
SELECT is_empty('SELECT t.differences(''2026-03-02 08:00Z'')', 'the instant of the first signup');
SELECT cmp_ok((SELECT count(*) FROM pql.score_all('trial', '2026-03-11')), '>', 50::bigint, 'signups start trials');
SELECT t.between('trial', '2026-03-02 20:00Z', '2026-03-03 20:00Z', scan => s) FROM unnest('{on,off}'::text[]) s;
SELECT t.between('trial', '2026-03-06 00:00Z', NULL, scan => s) FROM unnest('{on,off}'::text[]) s;
CREATE VIEW app.signups_view AS SELECT * FROM app.signups WHERE event_id LIKE 's%';
CREATE TABLE app.no_signups AS SELECT * FROM app.signups WHERE event_id NOT LIKE 's%';
SELECT t.disconnect('app.signups');
SELECT t.connect('app.signups_view');
SELECT t.connect('app.no_signups');
SELECT is_empty('SELECT t.differences()', 'signups of a view, the rest of a table');
SELECT t.disconnect('app.signups_view');
CREATE TEMP TABLE signups AS SELECT * FROM app.signups_view;
CREATE TEMP VIEW signups_view AS SELECT * FROM signups;
SELECT t.connect('pg_temp.signups');
SELECT is_empty('SELECT t.differences()', 'signups of a temporary table, the rest of a table');
SELECT t.disconnect('pg_temp.signups');
SELECT t.connect('pg_temp.signups_view');
SELECT is_empty('SELECT t.differences()', 'signups of a view of a temporary table, the rest of a table read by workers');
SELECT t.disconnect('pg_temp.signups_view');
INSERT INTO app.no_signups VALUES ('u1', '0044-03-15 12:00Z BC', 'signup_complete'), ('u2', '20000-01-01 00:00Z', 'signup_complete');
SELECT throws_ok($$SELECT * FROM pql.explain('trial', 'u1', '2026-03-11')$$, '42704', NULL, 'a signup in no year that counts is ignored');
SELECT results_eq($$SELECT count(*) FROM pql.score_all('trial', '2026-03-11') WHERE user_id IN ('u1', 'u2')$$, ARRAY[0::bigint], 'as score_all does');
SELECT t.disconnect('app.no_signups');
INSERT INTO pql.trial SELECT * FROM t.trial;


-- Settings and places ---------------------------------------------------------------------------------

SELECT t.connect('app.plain');
CREATE TEMP TABLE all_of_it AS SELECT t.short('plain', 'playbook', '2026-03-11') AS line;
SET max_parallel_workers = 0;
SELECT bag_eq($$SELECT t.short('scan', 'playbook', '2026-03-11')$$, 'TABLE all_of_it', 'no worker can be had');
RESET max_parallel_workers;
SET max_parallel_workers_per_gather = 30;
SELECT bag_eq($$SELECT t.short('scan', 'playbook', '2026-03-11')$$, 'TABLE all_of_it', 'more workers than there can be');
SET max_parallel_workers_per_gather = 2;
SET pql.work_mem = '64kB';
SELECT bag_eq($$SELECT t.short('scan', 'playbook', '2026-03-11')$$, 'TABLE all_of_it', 'little memory');
SET statement_timeout = '2s';
SET pql.work_mem = '1kB';
SELECT bag_eq($$SELECT t.short('scan', 'playbook', '2026-03-11')$$, 'TABLE all_of_it', 'hardly any memory');
SET pql.work_mem = 0;
SELECT bag_eq($$SELECT t.short('scan', 'playbook', '2026-03-11')$$, 'TABLE all_of_it', 'no memory');
RESET pql.work_mem;
SET statement_timeout = '30s';
SELECT bag_eq($$SELECT s::text FROM unnest('{trial,playbook}'::text[]) m CROSS JOIN LATERAL pql.score_all(m, '2026-03-11', NULL, true) s$$,
	$$SELECT t.rows('plain', 'trial', '2026-03-11') UNION ALL SELECT t.rows('plain', 'playbook', '2026-03-11')$$, 'several calls in one query');
SELECT lives_ok($$CREATE TEMP TABLE kept AS SELECT * FROM pql.score_all('trial', '2026-03-11')$$, 'into a table');
SELECT bag_eq('SELECT k::text FROM kept k', $$SELECT t.rows('plain', 'trial', '2026-03-11', NULL, false)$$, 'which has everything');
SELECT results_eq($$SELECT count(*) FROM (SELECT FROM pql.score_all('trial', '2026-03-11') LIMIT 1) x$$, ARRAY[1::bigint], 'of which one row is wanted');
CREATE FUNCTION t.inside_parallel() RETURNS bigint LANGUAGE sql PARALLEL SAFE AS $$ SELECT count(*) FROM pql.score_all('trial', '2026-03-11') $$;
CREATE TABLE app.big AS SELECT n FROM generate_series(1, 20000) n;
ALTER TABLE app.big SET (parallel_workers = 2);
ANALYZE app.big;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SELECT throws_like($$SELECT count(*) FROM app.big WHERE n = 7 AND t.inside_parallel() > 0$$, '%inside a parallel query%', 'inside a parallel query it says why not');
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
SELECT throws_ok($$SELECT pql.score_all('no such model', '2026-03-11')$$, NULL, NULL, 'an unknown model');
SELECT throws_ok($$SELECT pql.score_all(NULL, '2026-03-11')$$, '22004', NULL, 'no model');
SELECT throws_ok($$SELECT pql.score_all('trial', NULL)$$, '22004', NULL, 'no as_of');
SELECT throws_ok($$SELECT pql.score_all('trial', 'infinity')$$, '22008', NULL, 'an infinite as_of');
SELECT t.disconnect('app.plain');
SELECT results_eq($$SELECT count(*), count(*) FILTER (WHERE 'activated' = ANY (signals)) FROM pql.score_all('trial', '2026-03-11')$$, $$SELECT count(*), 0::bigint FROM pql.trial$$, 'no source at all: everybody, without events');
SELECT is_empty($$SELECT FROM pql.score_path('trial')$$, 'and no path');
CREATE TABLE app.empty (user_id text, occurred_at timestamptz, event text);
SELECT t.connect('app.empty');
SELECT is_empty('SELECT t.differences()', 'a table without rows');
SELECT t.disconnect('app.empty');

-- An error leaves nothing behind: in a block that catches it, the next call works.
CREATE TABLE app.broken AS SELECT user_id, occurred_at, event, properties::json FROM t.event;
INSERT INTO app.broken SELECT 'u' || n, '2026-03-03 12:00Z', 'invite_sent', '{"invitee_email": "\u0000"}' FROM generate_series(1, 40) n;
SELECT t.connect('app.broken');
CREATE FUNCTION t.caught() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	FOR i IN 1 .. 5 LOOP
		BEGIN
			PERFORM pql.score_all('trial', '2026-03-11');
			RETURN 'no error';
		EXCEPTION WHEN OTHERS THEN
			result := concat_ws(' ', result, SQLSTATE);
		END;
	END LOOP;
	DELETE FROM app.broken WHERE properties::text LIKE '%\\u0000%';
	RETURN format('%s, then %s', result, (SELECT count(*) FROM pql.score_all('trial', '2026-03-11') WHERE 'activated' = ANY (signals)) > 0);
END
$$;
SELECT is(t.caught(), '22P05 22P05 22P05 22P05 22P05, then t', 'JSON that jsonb cannot hold is its own error, and can be caught');
SELECT is_empty('SELECT t.differences()', 'after the errors: the same as plain SQL');
SELECT t.disconnect('app.broken');

-- A column that changes its type after it was connected.
SELECT t.connect('app.same', '{"occurred_at": "at"}');
SET timezone = 'Asia/Kathmandu';
ALTER TABLE app.same ALTER at TYPE timestamp;
SELECT is_empty('SELECT t.differences()', 'times that lose their zone after they were connected');
SET timezone = 'UTC';
SELECT t.disconnect('app.same');

SELECT * FROM finish();
DROP OWNED BY pql_scan_reader;
DROP ROLE pql_scan_reader;
\c :back
SET client_min_messages = warning;
DROP DATABASE pql_scan;
