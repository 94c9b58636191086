-- pql.connect and pql.disconnect: what they take, what they refuse, and what is said when a source is not any more what it was.
--
--   pg_prove -d DB test/pgtap/connect.sql

BEGIN;
\ir lib/transaction.sql

CREATE SCHEMA app;

CREATE FUNCTION t.connect_error(source text, mapping jsonb DEFAULT NULL) RETURNS text
LANGUAGE sql VOLATILE AS $$ SELECT t.error(format('SELECT pql.connect(''events'', %L, mapping => %L)', source, mapping)) $$;
-- What pql.connect says of a word: 'status: found', and the hint after a dash.
CREATE FUNCTION t.connected(source text, word text, mapping jsonb DEFAULT NULL) RETURNS text
LANGUAGE sql VOLATILE AS $$
	SELECT string_agg(concat_ws(' - ', concat_ws(': ', c.status, nullif(c.found, '')), c.hint), '; ') FROM pql.connect('events', source, mapping => mapping) c WHERE c.check_name = word
$$;
CREATE FUNCTION t.mapping(source text) RETURNS jsonb LANGUAGE sql STABLE AS $$ SELECT s.mapping FROM pql.sources s WHERE s.relation = source $$;

CREATE TABLE app.events (uid text, "at" timestamptz, name varchar(200), props jsonb, loaded timestamptz, id uuid, clock timestamp, n int, day date, context jsonb, raw json, note text);


-- What is refused -----------------------------------------------------------------------------------

SELECT matches(t.error($$SELECT pql.connect('persons', 'app.events')$$), '^22023 . there is no input "persons" .*Connect ''events'', ''people''', 'another input');
SELECT matches(t.error($$SELECT pql.connect(NULL, 'app.events')$$), '^22023 ', 'no input');
SELECT matches(t.error($$SELECT pql.connect('events', 'app.events', shape => 'segment')$$), '^22023 . app.events is not of shape "segment" . .*app.events lacks: ', 'a shape of which it is not');
SELECT matches(t.error($$SELECT pql.connect('events', 'app.events', capture => 'magic')$$), '^22023 . there is no capture "magic"', 'a capture that there is not');
SELECT matches(t.connect_error('app.event'), '^42P01 . there is no table "app.event" .*schema', 'a table that is not there');
SELECT matches(t.connect_error(NULL), '^42P01 ', 'no table');
SELECT matches(t.connect_error('app."Events"'), '^42P01 ', 'names are written as in SQL');
SELECT matches(t.connect_error('app.events', '[]'), '^22023 . mapping is no JSON object .*"user_id"', 'a mapping that is no object');
SELECT matches(t.connect_error('app.events', '{"userid": "uid"}'), '^22023 . mapping has an unknown key "userid" .*Did you mean "user_id"', 'an unknown key, with what may be meant');
SELECT matches(t.connect_error('app.events', '{"zzzzzzzzzzzz": "uid"}'), '^22023 . mapping has an unknown key "zzzzzzzzzzzz" .*Its keys are user_id, ', 'an unknown key, with all there are');
SELECT matches(t.connect_error('app.events', '{"occurred_at": "at", "event": "name"}'), '^22023 . mapping of app.events does not say where user_id is .*"user_id": "column"', 'no user_id');
SELECT matches(t.connect_error('app.events', '{"user_id": "uid", "event": "name"}'), '^22023 . mapping of app.events does not say where occurred_at is', 'no occurred_at');
SELECT matches(t.connect_error('app.events', '{"user_id": "uid", "occurred_at": "at"}'), '^22023 . mapping of app.events does not say where event is .*"is"', 'no event');
SELECT matches(t.connect_error('app.events', '{"user_id": null, "occurred_at": "at", "event": "name"}'), '^22023 . .* user_id ', 'user_id null');
SELECT matches(t.connect_error('app.events', '{"user_id": "uidd", "occurred_at": "at", "event": "name"}'), '^42703 . source app.events has no column "uidd" . It has uid, at, name, .*Did you mean "uid"', 'a column that is not there, with what may be meant');
SELECT matches(t.connect_error('app.events', '{"user_id": "uid", "occurred_at": "at", "event": "name", "properties": "prop"}'), '^42703 .*has no column "prop".*Did you mean "props"', 'of properties');
SELECT matches(t.connect_error('app.events', '{"user_id": "uid", "occurred_at": "at", "event": "name", "properties": ["note", "nota"]}'), '^42703 .*has no column "nota".*Did you mean "note"', 'in a list');
SELECT matches(t.connect_error('app.events', '{"user_id": "uid", "occurred_at": "at", "event": "name", "properties": {"note": "nota"}}'), '^42703 .*has no column "nota".*Did you mean "note"', 'in an object');
SELECT matches(t.connect_error('app.events', '{"user_id": "uid", "occurred_at": "at", "event": "name", "received_at": "load"}'), '^42703 .*has no column "load"', 'of received_at');
SELECT matches(t.connect_error('app.events', '{"user_id": "uid", "occurred_at": "at", "event": "name", "event_id": "idd"}'), '^42703 .*has no column "idd"', 'of event_id');
SELECT matches(t.connect_error('app.events', '{"user_id": "note.user", "occurred_at": "at", "event": "name"}'), '^42703 .*has no column "note.user"', 'a path into a column that is not JSON');
SELECT matches(t.connect_error('app.events', '{"user_id": "ctid", "occurred_at": "at", "event": "name"}'), '^42703 ', 'a system column');
SELECT matches(t.connect_error('app.events', '{"user_id": "uid", "occurred_at": "clock", "event": "name"}'), '^22023 . column "clock" of app.events has times without a zone .*"timezone"', 'times without a zone');
SELECT matches(t.connect_error('app.events', '{"user_id": "uid", "occurred_at": "at", "received_at": "clock", "event": "name"}'), '^22023 . column "clock" of app.events has times without a zone', 'times of loading without a zone');
SELECT matches(t.connect_error('app.events', '{"user_id": "uid", "occurred_at": "clock", "event": "name", "timezone": "Europe/Atlantis"}'), '^22023 . "Europe/Atlantis" is no timezone', 'a zone that is not there');
SELECT matches(t.connect_error('app.events', '{"user_id": "uid", "occurred_at": "n", "event": "name"}'), '^42804 . column "n" of app.events has no times . .*integer.*occurred_at', 'numbers as times');
SELECT matches(t.connect_error('app.events', '{"user_id": "uid", "occurred_at": "day", "event": "name"}'), '^42804 . column "day" .*date', 'days as times');
SELECT matches(t.connect_error('app.events', '{"user_id": "uid", "occurred_at": "at", "received_at": "note", "event": "name"}'), '^42804 . column "note" .*text.*received_at', 'text as times of loading');
-- What could not be read later is refused now.
SELECT matches(t.connect_error('app.events', '{"user_id": "uid", "occurred_at": "at", "event": "name", "properties": "n"}'), '^42804 .*"n"', 'numbers as properties');
SELECT matches(t.connect_error('app.events', '{"user_id": "uid", "occurred_at": "at", "event": {}}'), '^22023 ', 'a constant event without "is"');
SELECT matches(t.connect_error('app.events', '{"user_id": "uid", "occurred_at": "at", "event": {"name": "plan"}}'), '^22023 ', 'a constant event with something else');
SELECT matches(t.connect_error('app.events', '{"user_id": "uid", "occurred_at": "at", "event": {"is": null}}'), '^22023 ', 'a constant event that is null');
SELECT isnt(t.connect_error('app.events', '{"user_id": ["uid"], "occurred_at": "at", "event": "name"}'), 'no error', 'a list of columns for a user');
SELECT is_empty($$SELECT FROM pql.source WHERE relation LIKE 'app.%'$$, 'nothing of that was connected');


-- What is taken --------------------------------------------------------------------------------------

SELECT is(t.connected('app.events', 'user_id', '{"user_id": "uid", "occurred_at": "at", "event": "name", "properties": "props", "received_at": "loaded", "event_id": "id"}'), 'ok: uid text', 'a column');
SELECT is(t.mapping('app.events'), '{"user_id": "uid", "occurred_at": "at", "event": "name", "properties": "props", "received_at": "loaded", "event_id": "id"}', 'the mapping is kept');
SELECT results_eq($$SELECT check_name, status, found FROM pql.connect('events', 'app.events', mapping => '{"user_id": "uid", "occurred_at": "at", "event": "name"}')$$,
	$$VALUES ('user_id', 'ok', 'uid text'), ('occurred_at', 'ok', 'at timestamp with time zone'), ('event', 'ok', 'name character varying(200)'), ('properties', 'none', ''),
		('received_at', 'none', ''), ('event_id', 'none', ''), ('timezone', 'none', ''), ('path', 'ok', 'scan'), ('capture', 'ok', 'trigger'), ('index', 'missing', NULL), ('sample', 'none', '0 rows of app.events')$$, 'what is said of all');
SELECT is(t.mapping('app.events'), '{"user_id": "uid", "occurred_at": "at", "event": "name"}', 'connecting again replaces the mapping');
SELECT results_eq($$SELECT count(*) FROM pql.sources WHERE relation = 'app.events'$$, ARRAY[1::bigint], 'and is no second source');
SELECT matches(t.connected('app.events', 'properties', '{"user_id": "uid", "occurred_at": "at", "event": "name"}'), '^none - .*properties', 'what it means that there are no properties');
SELECT matches(t.connected('app.events', 'received_at', '{"user_id": "uid", "occurred_at": "at", "event": "name"}'), '^none - .*known_at', 'and no times of loading');
SELECT matches(t.connected('app.events', 'event_id', '{"user_id": "uid", "occurred_at": "at", "event": "name"}'), '^none - .*each time', 'and no ids');
SELECT matches(t.connected('app.events', 'event_id', '{"user_id": "uid", "occurred_at": "at", "event": "name", "event_id": null}'), '^none - ', 'null is none');
SELECT is(t.connected('app.events', 'occurred_at', '{"user_id": "uid", "occurred_at": "clock", "timezone": "America/New_York", "event": "name"}'), 'ok: clock timestamp without time zone', 'times without a zone, with their zone');
SELECT is(t.connected('app.events', 'event', '{"user_id": "uid", "occurred_at": "at", "event": {"is": "plan_viewed"}}'), 'ok: {"is": "plan_viewed"}', 'a constant event');
SELECT is(t.connected('app.events', 'user_id', '{"user_id": "context.user.id", "occurred_at": "at", "event": "raw.name"}'), 'ok: context.user.id', 'paths into JSON');
SELECT matches(t.connected('app.events', 'path', '{"user_id": "context.user.id", "occurred_at": "at", "event": "raw.name"}'), '^ok: aggregate - .*user_id', 'which are not read in place, and it says why');
SELECT is(t.connected('app.events', 'properties', '{"user_id": "uid", "occurred_at": "at", "event": "name", "properties": ["note", "n"]}'), 'ok: {"n": "n", "note": "note"}', 'a list of columns as properties');
SELECT is(t.connected('app.events', 'properties', '{"user_id": "uid", "occurred_at": "at", "event": "name", "properties": {"seats": "n", "plan": "context.plan"}}'), 'ok: {"plan": "context.plan", "seats": "n"}', 'an object of columns and paths as properties');
SELECT is(t.connected('app.events', 'properties', '{"user_id": "uid", "occurred_at": "at", "event": "name", "event_id": "id", "properties": "*"}'),
	'ok: {"n": "n", "day": "day", "raw": "raw", "note": "note", "clock": "clock", "props": "props", "loaded": "loaded", "context": "context"}', 'all columns that mean nothing else');
SELECT is(t.connected('app.events', 'properties', '{"user_id": "uid", "occurred_at": "at", "event": "name", "properties": []}'), 'ok: {}', 'an empty list');
SELECT is(t.connected('app.events', 'index', '{"user_id": "uid", "occurred_at": "at", "event": "name"}'), 'missing - pql.explain and pql.what_if of one user read the whole of it; an index on (uid, at) spares that.', 'an index would help');
CREATE INDEX ON app.events (uid, at);
SELECT is(t.connected('app.events', 'index', '{"user_id": "uid", "occurred_at": "at", "event": "name"}'), NULL, 'and is there');

-- Columns of our own names need not be said.
CREATE TABLE app.ours (event text, user_id int, properties json, occurred_at timestamptz, received_at timestamptz, event_id text, other text);
SELECT is(t.connected('app.ours', 'path'), 'ok: scan', 'a table like pql.event');
SELECT is(t.mapping('app.ours'), '{"user_id": "user_id", "occurred_at": "occurred_at", "event": "event", "properties": "properties", "received_at": "received_at", "event_id": "event_id"}', 'columns of our own names');
SELECT is(t.connected('app.ours', 'event', '{"event": "other", "event_id": null}'), 'ok: other text', 'what is said comes first');
SELECT is(t.mapping('app.ours') ->> 'event_id', NULL, 'null leaves a column out');
SELECT is(t.connected('app.ours', 'properties', '{"properties": "*"}'), 'ok: {"other": "other", "properties": "properties"}', '"*" is asked for, though there is a column called properties');

-- Names as people write them
CREATE SCHEMA "My App";
CREATE TABLE "My App"."Events, all" ("User" text, "The ""time""" timestamptz, "select" text, "a.b" jsonb);
SELECT is(t.connected('"My App"."Events, all"', 'user_id', '{"user_id": "User", "occurred_at": "The \"time\"", "event": "select", "properties": "a.b"}'), 'ok: User text', 'names that have to be quoted');
SELECT ok(t.mapping('"My App"."Events, all"') IS NOT NULL, 'are kept as SQL writes them');
INSERT INTO "My App"."Events, all" VALUES ('u1', '2026-03-02', 'session_start', '{"x": 1}');
SELECT results_eq($$SELECT event, n FROM pql.events_seen('2026-03-03')$$, $$VALUES ('session_start', 1::bigint)$$, 'and read');
SELECT lives_ok($$SELECT pql.disconnect('events', '"My App"."Events, all"')$$, 'and disconnected');
SET LOCAL search_path = "My App", public, pg_catalog;
SELECT is(t.connected('"Events, all"', 'user_id', '{"user_id": "User", "occurred_at": "The \"time\"", "event": "select"}'), 'ok: User text', 'a name without its schema is looked up as the caller would');
SELECT ok(t.mapping('"My App"."Events, all"') IS NOT NULL, 'and kept with it');
SELECT lives_ok($$SELECT pql.disconnect('events', '"Events, all"')$$, 'in both');
RESET search_path;


-- Leaving out, and back again --------------------------------------------------------------------------

SELECT bag_eq($$SELECT relation FROM pql.sources$$, ARRAY['pql.event', 'app.events', 'app.ours'], 'what is connected');
SELECT matches(t.error($$SELECT pql.disconnect('events', 'app.other')$$), '^42704 . app.other is not connected as events . .*app.events, app.ours, pql.event', 'what is not connected');
SELECT matches(t.error($$SELECT pql.disconnect('people', 'app.events')$$), '^42704 . app.events is not connected as people', 'as something else');
SELECT matches(t.error($$SELECT pql.disconnect('events', NULL)$$), '^42704 ', 'nothing');
SELECT lives_ok($$SELECT pql.disconnect('events', 'app.ours')$$, 'a table');
SELECT matches(t.error($$SELECT pql.disconnect('events', 'app.ours')$$), '^42704 ', 'twice');
SELECT lives_ok($$SELECT pql.disconnect('events', 'pql.event')$$, 'pql.event');
SELECT bag_eq($$SELECT relation FROM pql.sources$$, ARRAY['app.events'], 'what is left');
SELECT matches(t.error($$SELECT pql.disconnect('events', 'pql.event')$$), '^42704 ', 'pql.event twice');
INSERT INTO pql.event (user_id, occurred_at, event) VALUES ('u1', '2026-03-02', 'activation_complete');
SELECT is_empty($$SELECT FROM pql.events_seen('2026-03-03')$$, 'what is not connected is not read');
SELECT is_empty($$SELECT FROM pql.score_all('playbook', '2026-03-03')$$, 'nor scored');
SELECT results_eq($$SELECT check_name, status FROM pql.connect('events', 'pql.event')$$, $$VALUES ('source', 'ok')$$, 'pql.event again');
SELECT results_eq($$SELECT event FROM pql.events_seen('2026-03-03')$$, ARRAY['activation_complete'], 'and it is read');
SELECT results_eq($$SELECT user_id FROM pql.score_all('playbook', '2026-03-03')$$, ARRAY['u1'], 'and scored');
SELECT is_empty($$SELECT FROM pql.source WHERE relation = 'pql.event'$$, 'as if nothing had been');
SELECT lives_ok($$SELECT pql.disconnect('events', s) FROM unnest('{pql.event,app.events}'::text[]) s$$, 'the last ones');
SELECT matches(t.error($$SELECT pql.disconnect('events', 'app.events')$$), '^42704 . app.events is not connected as events . (?!.*Connected are \.)', 'when nothing is connected, the hint is a sentence');


-- When a source is not any more what it was -------------------------------------------------------------

-- What is said by whoever reads events.
CREATE FUNCTION t.said() RETURNS TABLE (by text, error text)
LANGUAGE sql VOLATILE AS $$
	SELECT q.by, t.error(q.query) FROM (VALUES
		('score_all', 'SELECT pql.score_all(''trial'', ''2026-03-11'')'),
		('score_all, known_at', 'SELECT pql.score_all(''playbook'', ''2026-03-11'', ''2026-03-10'')'),
		('score_all, aggregate', 'SELECT pql.score_all(''trial'', ''2026-03-11'') FROM (SELECT set_config(''pql.enable_scan'', ''off'', true)) x'),
		('explain', 'SELECT pql.explain(''trial'', ''u1'', ''2026-03-11'')'),
		('events_seen', 'SELECT pql.events_seen(''2026-03-11'')'),
		('ignored_rows', 'SELECT pql.ignored_rows(''2026-03-11'')')) q (by, query)
$$;
-- After a change of app.source, which is undone. Words that say nothing without known_at may be missing for those who do not ask.
CREATE FUNCTION t.after(change text, expected text, about text, unless text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	wrong text;
BEGIN
	BEGIN
		EXECUTE change;
		SELECT string_agg(format('%s: %s', s.by, s.error), E'\n' ORDER BY s.by) INTO wrong FROM t.said() s WHERE s.error !~ expected AND NOT (s.error = 'no error' AND s.by ~ unless IS TRUE);
		RAISE EXCEPTION 'undo' USING ERRCODE = 'TAP00';
	EXCEPTION WHEN SQLSTATE 'TAP00' THEN
		NULL;
	END;
	PERFORM set_config('pql.enable_scan', 'on', true);
	RETURN is(wrong, NULL, about);
END
$$;

INSERT INTO pql.trial (user_id, started_at) VALUES ('u1', '2026-03-01');
CREATE TABLE app.source (uid text, at timestamptz, name text, invitee_email text, path text, loaded timestamptz, id text, context jsonb);
INSERT INTO app.source SELECT 'u1', '2026-03-02', 'invite_sent', 'a@b.example', '/pricing', '2026-03-02', n::text FROM generate_series(1, 3) n;
SELECT ok(count(*) > 0, 'a source') FROM pql.connect('events', 'app.source', mapping => '{"user_id": "uid", "occurred_at": "at", "event": "name", "received_at": "loaded", "event_id": "id", "properties": {"invitee_email": "invitee_email", "page_path": "path"}}');
SELECT is_empty($$SELECT * FROM t.said() WHERE error <> 'no error'$$, 'while it is what it was, nothing is said');

SELECT t.after('DROP TABLE app.source', '^42P01 . source app.source is not there . .*SELECT pql.disconnect\(''events'', ''app.source''\)', 'dropped: who reads events names the source and the mend');
SELECT t.after('ALTER TABLE app.source RENAME TO elsewhere', '^42P01 . source app.source is not there ', 'renamed');
SELECT t.after('ALTER SCHEMA app RENAME TO elsewhere', '^42P01 . source app.source is not there ', 'its schema renamed');
SELECT t.after('ALTER TABLE app.source DROP COLUMN uid', '^42703 . source app.source has no column "uid" . It has at, name, .*pql.connect', 'without the user''s column');
SELECT t.after('ALTER TABLE app.source RENAME COLUMN uid TO uidd', '^42703 . source app.source has no column "uid" .*Did you mean "uidd".*pql.connect', 'with the user''s column renamed');
SELECT t.after('ALTER TABLE app.source DROP COLUMN at', '^42703 . source app.source has no column "at" ', 'without the column of times');
SELECT t.after('ALTER TABLE app.source DROP COLUMN name', '^42703 . source app.source has no column "name" ', 'without the column of names');
SELECT t.after('ALTER TABLE app.source DROP COLUMN invitee_email', '^42703 . source app.source has no column "invitee_email" ', 'without a column of properties', '^score_all, known_at$');
SELECT t.after('ALTER TABLE app.source DROP COLUMN path', '^42703 . source app.source has no column "path" ', 'without another');
SELECT t.after('ALTER TABLE app.source DROP COLUMN loaded', '^42703 . source app.source has no column "loaded" ', 'without the column of times of loading', '^score_all$');
SELECT t.after('ALTER TABLE app.source DROP COLUMN id', '^42703 . source app.source has no column "id" ', 'without the column of ids');
SELECT is_empty($$SELECT * FROM t.said() WHERE error <> 'no error'$$, 'undone, nothing is said');

-- Disconnecting works all the same, by the name in the hint.
DROP TABLE app.source;
SELECT lives_ok($$SELECT pql.disconnect('events', 'app.source')$$, 'a table that is gone can be disconnected');
SELECT is_empty('SELECT FROM pql.sources', 'and is');

-- A loader drops its table and makes it anew: it is read again, whatever its order and types.
CREATE TABLE app.source (uid text, at timestamptz, name text, props jsonb);
SELECT ok(count(*) > 0, 'a source again') FROM pql.connect('events', 'app.source', mapping => '{"user_id": "uid", "occurred_at": "at", "event": "name", "properties": "props"}');
DROP TABLE app.source;
CREATE TABLE app.source (filler int DEFAULT 7, props json, name varchar, uid varchar(20), more text, at timestamptz);
INSERT INTO app.source (uid, at, name, props) VALUES ('u1', '2026-03-02', 'invite_sent', '{"invitee_email": "a@b.example"}');
SELECT results_eq($$SELECT signals FROM pql.score_all('trial', '2026-03-05')$$, $$VALUES ('{invites}'::text[])$$, 'made anew, it is read anew');
ALTER TABLE app.source ALTER uid TYPE int USING 1;
INSERT INTO pql.trial (user_id, started_at) VALUES ('1', '2026-03-01');
SELECT results_eq($$SELECT user_id, signals FROM pql.score_all('trial', '2026-03-05') ORDER BY user_id$$, $$VALUES ('1', '{invites}'::text[]), ('u1', '{}')$$, 'and with another type of ids');
DROP TABLE app.source;
CREATE VIEW app.source AS SELECT 'u1' AS uid, timestamptz '2026-03-02' AS at, 'invite_sent' AS name, jsonb '{"invitee_email": "a@b.example"}' AS props;
SELECT results_eq($$SELECT user_id, signals FROM pql.score_all('trial', '2026-03-05') ORDER BY user_id$$, $$VALUES ('1', '{}'::text[]), ('u1', '{invites}')$$, 'even as a view');


-- Whose right it is --------------------------------------------------------------------------------------

CREATE ROLE pql_connect_reader;
GRANT USAGE ON SCHEMA pql, app, t TO pql_connect_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA pql TO pql_connect_reader;
GRANT SELECT ON app.events TO pql_connect_reader;
CREATE FUNCTION t.as_reader(query text) RETURNS text
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	result text;
BEGIN
	PERFORM set_config('role', 'pql_connect_reader', true);
	result := t.error(query);
	PERFORM set_config('role', 'none', true);
	RETURN result;
END
$$;
SELECT matches(t.as_reader($$SELECT pql.connect('events', 'app.events', mapping => '{"user_id": "uid", "occurred_at": "at", "event": "name"}')$$), '^42501 .*source', 'connecting needs the right to write pql.source');
SELECT matches(t.as_reader($$SELECT pql.disconnect('events', 'app.source')$$), '^42501 .*source', 'and so does disconnecting');
GRANT INSERT, DELETE ON pql.source TO pql_connect_reader;
GRANT INSERT ON pql.change TO pql_connect_reader;
SELECT is(t.as_reader($$SELECT pql.connect('events', 'app.events', mapping => '{"user_id": "uid", "occurred_at": "at", "event": "name"}')$$), 'no error', 'with it, and that to mark who is to be judged anew, no more is needed');
SELECT is((SELECT capture FROM pql.sources WHERE relation = 'app.events'), 'manual', 'who cannot put triggers on a table marks by hand');
SELECT is(t.as_reader($$SELECT pql.disconnect('events', 'app.events')$$), 'no error', 'either way');

SELECT * FROM finish();
ROLLBACK;
