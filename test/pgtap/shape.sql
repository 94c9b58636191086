-- Shapes: tables as the usual loaders write them are recognised, read, checked, and told of; and what becomes of them later is noticed.
--
--   pg_prove -d DB test/pgtap/shape.sql

BEGIN;
\ir lib/transaction.sql
\ir ../fixtures/shapes/story.sql

CREATE FUNCTION t.verdicts(model text DEFAULT 'trial') RETURNS TABLE (verdict text) LANGUAGE sql STABLE AS $$
	SELECT concat_ws(' ', s.user_id, s.status, s.score, s.tier, s.signals, s.exclusions, s.qualified_at) FROM pql.score_all(model, '2026-03-05') s ORDER BY s.user_id
$$;
-- What pql.connect (or pql.preview) says of a check: 'status: found - hint', one a line.
CREATE FUNCTION t.said(by text, word text, input text, relation text, shape text DEFAULT NULL, mapping jsonb DEFAULT NULL) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('SELECT string_agg(concat_ws('' - '', concat_ws('': '', c.status, nullif(c.found, '''')), c.hint), E''\n'') FROM pql.%I($1, $2, $3, $4) c WHERE c.check_name = $5', by) INTO result USING input, relation, shape, mapping, word;
	RETURN result;
END
$$;
CREATE FUNCTION t.connect_error(input text, relation text, shape text DEFAULT NULL, mapping jsonb DEFAULT NULL) RETURNS text
LANGUAGE sql VOLATILE AS $$ SELECT t.error(format('SELECT pql.connect(%L, %L, %L, %L)', input, relation, shape, mapping)) $$;
CREATE FUNCTION t.mapping(source text) RETURNS jsonb LANGUAGE sql STABLE AS $$ SELECT s.mapping FROM pql.sources s WHERE s.relation = source $$;
CREATE FUNCTION t.connect(input text, relation text, shape text, mapping jsonb DEFAULT NULL) RETURNS bigint LANGUAGE sql VOLATILE AS
$$ SELECT count(*) FROM pql.connect(input, relation, shape, mapping) c WHERE c.status NOT IN ('error') $$;

-- The story as pql.event has it is what every shape is to tell.
INSERT INTO pql.event (user_id, occurred_at, event, properties, event_id)
SELECT s.user_id, s.at, s.event, jsonb_strip_nulls(jsonb_build_object('invitee_email', s.invitee_email, 'integration_type', s.integration_type, 'page_path', s.page_path)), s.id::text FROM t.story s;
CREATE TABLE t.expected AS SELECT * FROM t.verdicts();
SELECT results_eq('SELECT verdict FROM t.expected', ARRAY[
	'u1 qualified 10 high {activated,icp_fit,invites,integrations,billing_views,multi_day} {} 2026-03-03 10:00:00+00',
	'u2 below 3 {activated,icp_fit,invites} {}', 'u3 excluded 10 high {activated,icp_fit,invites,integrations,billing_views,multi_day} {test_account}', 'u4 gated 0 {icp_fit} {}'],
	'the story as pql.event has it');
SELECT pql.disconnect('events', 'pql.event') \g /dev/null
SELECT isnt_empty('SELECT * FROM t.verdicts() EXCEPT SELECT * FROM t.expected', 'without it there is nothing to tell');


-- The same story by each shape -----------------------------------------------------------------------

\ir ../fixtures/shapes/segment.sql
\ir ../fixtures/shapes/rudderstack.sql
\ir ../fixtures/shapes/snowplow.sql
\ir ../fixtures/shapes/posthog.sql
\ir ../fixtures/shapes/amplitude.sql
\ir ../fixtures/shapes/mixpanel.sql
\ir ../fixtures/shapes/airbyte.sql

-- Connected by name and recognised, scored in parallel and by the aggregate, refreshed, and disconnected without a trace.
CREATE FUNCTION t.tells(source text, shape text, teller text, model text DEFAULT 'trial') RETURNS SETOF text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	way text;
BEGIN
	FOREACH way IN ARRAY ARRAY[shape, 'auto'] LOOP
		RETURN NEXT is(t.said('connect', 'shape', 'events', source, way), 'ok: ' || shape || CASE way WHEN 'auto' THEN format(' - Told by the columns of %s.', teller) ELSE '' END, source || ' is connected as ' || way);
		RETURN NEXT bag_eq(format('SELECT * FROM t.verdicts(%L)', model), 'SELECT * FROM t.expected', source || ' gives the verdicts of pql.event');
	END LOOP;
	RETURN NEXT results_eq(format('SELECT e.user_id, count(*) FROM (%s) e WHERE e.user_id IN (''u1'', ''u2'', ''u3'') GROUP BY 1 ORDER BY 1', pql.event_query()), 'VALUES (''u1'', 8::bigint), (''u2'', 4), (''u3'', 8)', source || ' has each event once');
	PERFORM set_config('pql.enable_scan', 'off', true);
	RETURN NEXT bag_eq(format('SELECT * FROM t.verdicts(%L)', model), 'SELECT * FROM t.expected', source || ' does so by the aggregate');
	PERFORM set_config('pql.enable_scan', 'on', true);
	-- but for devices that only the source before knew of
	RETURN NEXT is_empty('SELECT w FROM t.wrong(''2026-03-05'') w WHERE w !~ ''[(](a9|"?[$]device:a9"?),''', source || ' is refreshed to the same');
	PERFORM pql.disconnect('events', source);
	RETURN NEXT is_empty('SELECT FROM pql.source WHERE relation <> ''pql.event''', source || ' is disconnected');
	RETURN NEXT is_empty('SELECT FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE t.tgname LIKE ''pql_events_%'' AND c.relnamespace <> ''pql''::regnamespace', 'and no trigger of ours is left');
END
$$;
SELECT t.tells('segment', 'segment', 'segment.tracks');
SELECT t.tells('rudder', 'rudderstack', 'rudder.tracks');
SELECT t.tells('atomic', 'snowplow', 'atomic.events');
SELECT t.tells('atomic.events', 'snowplow', 'atomic.events');
SELECT t.tells('amplitude', 'amplitude', 'amplitude.event');
SELECT t.tells('amplitude.event', 'amplitude', 'amplitude.event');
SELECT t.tells('mixpanel', 'mixpanel', 'mixpanel.mp_master_event');
SELECT t.tells('mixpanel.mp_master_event', 'mixpanel', 'mixpanel.mp_master_event');
SELECT t.tells('airbyte', 'amplitude', 'airbyte."Event"');
SELECT t.tells('airbyte."Event"', 'amplitude', 'airbyte."Event"');
-- page views have a name of PostHog's own: the glossary gives it
SELECT pql.put_model(pql.adapt('trial', '{"model": "trial_posthog", "billing_view": {"event": "$pageview", "where": {"$pathname": {"under": ["/billing", "/pricing"]}}}}')) \g /dev/null
SELECT t.tells('posthog', 'posthog', 'posthog.events', 'trial_posthog');
SELECT t.tells('posthog.events', 'posthog', 'posthog.events', 'trial_posthog');



-- What is recognised, and what not ----------------------------------------------------------------------

SELECT results_eq($$SELECT DISTINCT shape FROM pql.shapes() ORDER BY 1$$, ARRAY['amplitude', 'hubspot', 'mixpanel', 'posthog', 'rudderstack', 'salesforce', 'segment', 'snowplow', 'stripe'], 'the shapes there are');
SELECT matches(t.connect_error('events', 'segment.tracks', 'segmnt'), '^22023 . there is no shape "segmnt" . There are segment, .*Did you mean "segment"', 'a shape that there is not');
SELECT matches(t.connect_error('events', 'segment.tracks', 'stripe'), '^22023 . shape "stripe" has no events . It has conversions, trials', 'a shape without that input');
SELECT matches(t.connect_error('events', 'posthog', 'segment'), '^22023 . posthog is not of shape "segment" . .*which no table here has', 'a schema of another shape');
SELECT matches(t.connect_error('events', 'posthog.events', 'mixpanel'), '^22023 . posthog.events is not of shape "mixpanel" . .*lacks: time:time', 'a table of another shape, and what it lacks');
SELECT matches(t.connect_error('events', 'pg_catalog', 'auto'), '^22023 . pg_catalog is of no shape that is known for events . Known are segment, rudderstack, ', 'a schema of no shape');
SELECT matches(t.connect_error('events', 't.story', 'auto'), '^22023 . t.story is of no shape', 'a table of none');
SELECT matches(t.connect_error('events', 'nowhere', 'auto'), '^42P01 . there is no table "nowhere"', 'a schema that is not there');
SELECT matches(t.connect_error('events', 'segment'), '^42809 . "segment" is a schema . It looks like shape "segment". . SELECT \* FROM pql.connect\(''events'', ''segment'', ''segment''\)', 'a schema without a shape: what it looks like');
SELECT matches(t.connect_error('events', 't'), '^42P01 . there is no table "t" . There is a schema of that name', 'one that looks like none');
SELECT matches(t.connect_error('events', 'segment.invite_sent'), '^22023 . mapping of segment.invite_sent does not say where occurred_at is . It looks like a table of shape "segment"', 'a table without a mapping: what it looks like');
SELECT matches(t.connect_error('events', 'segment', 'segment', '{"usr_id": "x"}'), '^22023 . mapping has an unknown key "usr_id" . Did you mean "user_id"', 'an unknown key beside a shape');
SELECT matches(t.connect_error('events', 'segment', 'segment', '{"query": "x"}'), '^22023 . mapping ', 'what only shapes ask for');
SELECT matches(t.connect_error('events', 'segment', 'segment', '[]'), '^22023 . mapping is no JSON object', 'a mapping that is no object beside a shape');
SELECT matches(t.connect_error('people', 'segment.tracks', 'auto'), '^22023 .* of no shape that is known for people', 'of another input');
-- two products in one schema
CREATE SCHEMA both_of;
CREATE TABLE both_of.events (LIKE posthog.events);
CREATE TABLE both_of.event (LIKE amplitude.event);
SELECT matches(t.connect_error('events', 'both_of', 'auto'), '^42P08 . both_of may be of shape "amplitude" or "posthog" . amplitude: both_of.event; posthog: both_of.events. . Say which: ', 'two shapes are told by name');
SELECT is(t.said('connect', 'reads', 'events', 'both_of', 'posthog') ~ '^ok: both_of.events: user_id = distinct_id', true, 'and the one that is said is read');
SELECT pql.disconnect('events', 'both_of') \g /dev/null
-- tables may be called anything by themselves, and views are as good as tables
CREATE VIEW t.renamed AS SELECT * FROM posthog.events;
SELECT is(t.said('connect', 'shape', 'events', 't.renamed', 'auto'), 'ok: posthog - Told by the columns of t.renamed.', 'a view of another name');
SELECT is((SELECT capture FROM pql.sources WHERE relation = 't.renamed'), 'manual', 'which has no triggers');
SELECT pql.disconnect('events', 't.renamed') \g /dev/null
SELECT is_empty($$SELECT FROM pql.source WHERE relation <> 'pql.event'$$, 'nothing of that is left');


-- Tracks alone ------------------------------------------------------------------------------------------

SELECT is(t.connect_error('events', 'segment.tracks', 'segment'), '22023 | events table segment.tracks has no properties | Signals "invites" (invitee_email) and "integrations" (integration_type) of model "trial" could never be met. '
	'Segment keeps them per event: found segment.invite_sent, segment.integration_connected. | Connect the schema: SELECT * FROM pql.connect(''events'', ''segment'', ''segment'');', 'tracks without the tables of its events');
SELECT matches(t.connect_error('events', 'rudder.tracks', 'auto'), '^22023 . events table rudder.tracks has no properties .*RudderStack keeps them per event.*''rudder'', ''rudderstack''', 'of RudderStack');
SELECT matches(t.said('preview', 'properties', 'events', 'segment.tracks', NULL, '{"user_id": "user_id", "occurred_at": "timestamp", "event": "event"}'), 'warn: Signals "invites" .*Connect the schema: ', 'mapped by hand it is a warning');
CREATE SCHEMA bare;
CREATE TABLE bare.tracks (LIKE segment.tracks);
SELECT ok(t.connect('events', 'bare.tracks', 'segment') > 0, 'where there are none, tracks is all there is');
SELECT pql.disconnect('events', 'bare.tracks') \g /dev/null


-- What is said ----------------------------------------------------------------------------------------

SELECT is(t.said('preview', 'reads', 'events', 'segment'), t.said('connect', 'reads', 'events', 'segment', 'segment'), 'pql.preview says what pql.connect says');
SELECT is((SELECT string_agg(rtrim(split_part(l, ' ', 2), ':'), ' ') FROM regexp_split_to_table(t.said('preview', 'reads', 'events', 'segment'), E'\n') l),
	'segment.activation_complete segment.integration_connected segment.invite_sent segment.session_start segment.pages segment.tracks', 'tables that nobody with an id is in are not read, nor those of people');
SELECT matches(t.said('preview', 'reads', 'events', 'segment'), 'segment.pages as "page_view": user_id = user_id text, occurred_at = timestamp timestamp with time zone.*properties: name, page_path, path, title, url', 'pages are views of pages');
SELECT is(t.said('preview', 'skips', 'events', 'segment'), 'none: segment.ad_clicked - Nobody who did that has an id yet; once the table has a user_id, it is read.', 'and why');
SELECT results_eq('SELECT count(*) FROM pql.source', ARRAY[7::bigint], 'what is connected is one source a table, beside that which is not');
SELECT pql.disconnect('events', 'segment') \g /dev/null
SELECT ok(count(*) > 0, 'pql.preview') FROM pql.preview('events', 'segment');
SELECT ok(count(*) > 0, 'pql.preview of people') FROM pql.preview('people', 'segment');
SELECT is_empty($$SELECT FROM pql.source WHERE relation <> 'pql.event'$$, 'changes nothing');
SELECT is_empty($$SELECT FROM pg_trigger WHERE tgrelid = 'segment.pages'::regclass$$, 'and puts no trigger on anything');
SELECT is(t.said('preview', 'sample', 'events', 'segment'), 'ok: 30 rows of 6 tables - All rows.', 'how many rows were looked at');
SELECT is(t.said('preview', 'no user', 'events', 'segment'), 'ok: 4 of 30 rows (13.3 %) - They are ignored: nobody is known to have done it.', 'rows of nobody');
SELECT is(t.said('preview', 'repeats', 'events', 'segment'), 'ok: 6 of 30 rows repeat the event id of another - They count once.', 'rows that repeat others');
SELECT matches(t.said('preview', 'event', 'events', 'segment'), 'ok: page_view: 12 - .*billing_view of model trial\nok: session_start: 6 - session of model .*\nok: activation_complete: 3 - activation of', 'names of events, how often, and what models call them');
SELECT is(t.said('preview', 'model trial', 'events', 'segment'), 'ok: 5 of 5 events of its glossary are here', 'a model that finds all it looks for');
SELECT matches(t.said('preview', 'model trial', 'events', 'posthog'), '^warn: 4 of 5 events of its glossary are here - Not here: "page_view" \(did you mean "\$pageview"\?\)\. ', 'and one that does not, with what may be meant');
SELECT is(t.said('preview', 'timezone', 'events', 'amplitude.event'), 'ok: UTC - Times are written without a zone; amplitude writes them so.', 'the zone that the shape says');
SELECT matches(t.said('preview', 'index', 'events', 'segment'), '^missing: segment.activation_complete, .* - pql.explain .* an index on \(user_id, "timestamp"\)', 'indexes that would help');
-- A zone that the shape does not say has to be said.
ALTER TABLE mixpanel.mp_master_event ALTER "time" TYPE timestamp USING "time" AT TIME ZONE 'America/New_York';
SELECT matches(t.connect_error('events', 'mixpanel', 'auto'), '^22023 . column "time" of mixpanel.mp_master_event has times without a zone . .*"timezone": "UTC"', 'times without a zone, of a shape that does not say which');
SELECT ok(t.connect('events', 'mixpanel', 'auto', '{"timezone": "America/New_York"}') > 0, 'the mapping says it');
SELECT bag_eq('SELECT * FROM t.verdicts()', 'SELECT * FROM t.expected', 'and it is the same story');
SELECT pql.disconnect('events', 'mixpanel') \g /dev/null
-- Samples of large tables
CREATE TABLE t.large AS SELECT 'u' || n % 1000 AS user_id, timestamptz '2026-03-02' AS occurred_at, CASE WHEN n % 10 = 0 THEN 'invite_snt' ELSE 'session_start' END AS event, NULL::jsonb AS properties, n::text AS event_id FROM generate_series(1, 40000) n;
SELECT is(t.said('preview', 'sample', 'events', 't.large', NULL), 'ok: 10000 rows of t.large - At most 10,000 rows of each table: pages at random where it was analysed, else the first. What follows is of these.', 'a table that was never analysed: its first rows');
ANALYZE t.large;
SELECT ok((regexp_match(t.said('preview', 'sample', 'events', 't.large', NULL), 'ok: ([0-9]+) rows'))[1]::int BETWEEN 5000 AND 10000, 'one that was: some of its pages');
SELECT is(t.said('preview', 'event', 'events', 't.large', NULL), t.said('preview', 'event', 'events', 't.large', NULL), 'the same ones each time');
SELECT matches(t.said('preview', 'model trial', 'events', 't.large', NULL), '"invite_sent" \(did you mean "invite_snt"\?\)', 'a misspelling');
CREATE TABLE t.nobody (user_id text, occurred_at timestamptz, event text);
INSERT INTO t.nobody VALUES (NULL, '2026-03-02', 'a'), (NULL, NULL, 'a'), ('u1', 'infinity', NULL);
SELECT is(t.said('preview', 'no user', 'events', 't.nobody', NULL), 'warn: 2 of 3 rows (66.7 %) - They are ignored: nobody is known to have done it.', 'most rows are of nobody');
SELECT is(t.said('preview', 'no time', 'events', 't.nobody', NULL), 'warn: 2 of 3 rows (66.7 %) - They are ignored.', 'or of no time');
SELECT matches(t.said('preview', 'repeats', 'events', 't.nobody', NULL), '^none - Without event ids', 'without ids');
CREATE VIEW t.broken AS SELECT user_id, occurred_at, event, (1 / (SELECT count(*) FROM t.nobody WHERE false))::text AS event_id FROM t.nobody;
SELECT is(t.said('preview', 'sample', 'events', 't.broken', NULL), E'none: 0 rows of t.broken - It is empty: only columns could be checked.\nerror: t.broken cannot be read: division by zero - Until it can, nothing that needs it is judged.', 'what cannot be read is said so');

-- How alike names are
SELECT is(pql.similarity('invite_sent', 'Invite Sent'), 1::float8, 'names that are written otherwise are the same');
SELECT is(pql.similarity('inviteSent', 'invite-sent'), 1::float8, 'in each way');
SELECT is(round(pql.similarity('word', 'two words')::numeric, 6), 0.363636, 'as pg_trgm reckons');
SELECT is(pql.similarity('', ''), 0::float8, 'nothing is like nothing');
SELECT is(pql.nearest_name('activation_complete', '{Activation Completed,activated,zzz}'), 'Activation Completed', 'the nearest');
SELECT is(pql.nearest_name('activation_complete', '{zzz}'), NULL, 'or none');


-- Late binding ----------------------------------------------------------------------------------------

SELECT ok(t.connect('events', 'segment', 'segment') > 0, 'Segment again');
SELECT is(t.mapping('segment.tracks') -> 'except', '{"event": ["activation_complete", "integration_connected", "invite_sent", "session_start"]}', 'what has a table of its own is not read of tracks');
INSERT INTO segment.tracks (id, user_id, event, "timestamp") VALUES ('ajs-100', 'u4', 'report_built', '2026-03-02 10:00');
SELECT results_eq($$SELECT event, n FROM pql.events_seen('2026-03-05') WHERE event IN ('report_built', 'invite_sent') ORDER BY 1$$, $$VALUES ('invite_sent', 3::bigint), ('report_built', 1)$$, 'the rest is, and nothing twice');
-- a column that comes
SELECT is(t.mapping('segment.invite_sent') #> '{properties}', '{"invitee_email": "invitee_email", "context_page_path": "context_page_path"}', 'properties as they are');
ALTER TABLE segment.invite_sent ADD role text DEFAULT 'admin', ADD context_locale text;
SELECT is(t.mapping('segment.invite_sent') #> '{properties}', '{"role": "role", "invitee_email": "invitee_email", "context_page_path": "context_page_path"}', 'a column that comes is a property, but for those of the loader');
CREATE FUNCTION t.property(of_event text, property text) RETURNS text LANGUAGE sql STABLE AS $$ SELECT string_agg(DISTINCT e.properties ->> property, ' ') FROM pql.events_named(of_event, '2026-03-05') e $$;
SELECT is(t.property('invite_sent', 'role'), 'admin', 'and is read');
SELECT pql.put_model('{"model": "later", "unit": "user", "timezone": "UTC", "window": {"trial_days": [1, 10]}, "events": {"invite": "invite_sent"},
	"signals": [{"signal": "admins", "count": "invite", "where": {"role": "admin"}, "at_least": 1, "points": 3}], "qualify": {"score": {"at_least": 3}}, "tiers": [{"tier": "any", "when": {"score": {"at_least": 1}}}]}') \g /dev/null
SELECT results_eq($$SELECT user_id FROM pql.score_all('later', '2026-03-05') WHERE signals = '{admins}' ORDER BY 1$$, ARRAY['u1', 'u2', 'u3'], 'by the scan, too');
SELECT is_empty($$SELECT * FROM t.wrong('2026-03-05') w WHERE w !~ '[(](a9|"?[$]device:a9"?),'$$, 'and by the refresh');
SELECT pql.deactivate_model('later') \g /dev/null
ALTER TABLE segment.invite_sent DROP context_locale;

-- A column that goes, and what refresh says of it.
CREATE FUNCTION t.undone(change text, question text) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	result text;
BEGIN
	BEGIN
		EXECUTE change;
		result := t.error(question);
		RAISE EXCEPTION 'undo' USING ERRCODE = 'TAP00';
	EXCEPTION WHEN SQLSTATE 'TAP00' THEN
		RETURN result;
	END;
END
$$;
SELECT matches(t.undone('ALTER TABLE segment.invite_sent RENAME invitee_email TO invited_email', $$SELECT pql.score_all('trial', '2026-03-05')$$), '^42703 . source segment.invite_sent has no column "invitee_email" .*Did you mean "invited_email".*pql.connect', 'a property that was renamed is named');
SELECT matches(t.undone('ALTER TABLE segment.invite_sent DROP user_id', $$SELECT pql.score_all('trial', '2026-03-05')$$), '^42703 . source segment.invite_sent has no column "user_id"', 'a column that was dropped');
SELECT is(t.undone('ALTER TABLE segment.invite_sent RENAME "timestamp" TO at', 'SELECT 1 / (1 - count(*)) FROM pql.unreadable_sources() u WHERE u.relation = ''segment.invite_sent'' AND u.message = ''source segment.invite_sent has no column "timestamp"'''), '22012 | division by zero', 'refresh and pql.health find it');
SELECT is_empty('SELECT FROM pql.unreadable_sources()', 'undone, all is well');
SELECT matches(t.undone('DROP TABLE segment.invite_sent', $$SELECT pql.score_all('trial', '2026-03-05')$$), '^42P01 . source segment.invite_sent is not there .*Connect the schema again: SELECT \* FROM pql.connect\(''events'', ''segment'', ''segment''\); or leave it out: SELECT pql.disconnect\(''events'', ''segment.invite_sent''\)', 'a table that was dropped, with the mend');
-- a table made anew
CREATE TABLE t.kept AS SELECT * FROM segment.invite_sent;
DROP TABLE segment.invite_sent;
CREATE TABLE segment.invite_sent AS SELECT invitee_email, role, "timestamp", event_text, event, user_id::varchar(40) AS user_id, anonymous_id, id FROM t.kept;
SELECT matches(t.error($$SELECT pql.score_all('playbook', '2026-03-05') FROM (SELECT set_config('pql.enable_scan', 'off', true)) x$$), '"context_page_path"|"received_at"', 'made anew with columns less, those are named');
SELECT set_config('pql.enable_scan', 'on', true) \g /dev/null
SELECT ok(t.connect('events', 'segment', 'segment') > 0, 'connecting the schema again mends it');
SELECT bag_eq('SELECT * FROM t.verdicts()', 'SELECT * FROM t.expected', 'and it goes on telling the story');
DROP TABLE segment.invite_sent;
CREATE TABLE segment.invite_sent (id text, context_page_path text, invitee_email text, role text, "timestamp" timestamptz, event_text text, event text, user_id text, anonymous_id text, received_at timestamptz);
INSERT INTO segment.invite_sent SELECT k.id, NULL, k.invitee_email, k.role, k."timestamp", k.event_text, k.event, k.user_id, k.anonymous_id FROM t.kept k;
SELECT bag_eq('SELECT * FROM t.verdicts()', 'SELECT * FROM t.expected', 'a table made anew goes on without being connected');
SELECT is_empty($$SELECT * FROM t.wrong('2026-03-06') w WHERE w !~ '[(](a9|"?[$]device:a9"?),'$$, 'and is watched again by the next refresh');
SELECT isnt_empty($$SELECT FROM pg_trigger WHERE tgrelid = 'segment.invite_sent'::regclass AND tgname = 'pql_events_insert'$$, 'with triggers');

-- A table of a new event: its events count from tracks, and from the table when it is there.
INSERT INTO segment.tracks (id, user_id, event, "timestamp") SELECT 'ajs-20' || n, 'u4', 'activation_complete_again', '2026-03-02 10:00' FROM generate_series(1, 2) n;
CREATE TABLE segment.report_built (LIKE segment.activation_complete, pages int);
INSERT INTO segment.report_built (id, user_id, event, "timestamp", pages) VALUES ('ajs-100', 'u4', 'report_built', '2026-03-02 10:00', 3), ('ajs-101', 'u2', 'report_built', '2026-03-02 10:00', 4);
SELECT bag_eq('SELECT relation FROM pql.new_tables()', ARRAY['segment.report_built'], 'a table that has come');
SELECT is((SELECT concat_ws(': ', h.status, h.found, h.hint) FROM pql.health() h WHERE h.check_name = 'schema segment'),
	'warn: segment.report_built (events) is not read: The next refresh reads it, if it may; or: SELECT * FROM pql.connect(''events'', ''segment'', ''segment'');', 'pql.health names it, with the call that reads it');
SELECT is(t.undone('ALTER TABLE segment.ad_clicked ADD user_id text', 'SELECT 1 / (2 - count(*)) FROM pql.new_tables()'), '22012 | division by zero', 'so is one of which a user_id has come');
SELECT pql.put_model('{"model": "reports", "unit": "user", "timezone": "UTC", "window": {"trial_days": [1, 10]}, "events": {"report": "report_built"},
	"signals": [{"signal": "reports", "count": "report", "at_least": 1, "points": 3}, {"signal": "pages", "sum": "pages", "of": "report", "at_least": 4, "points": 1}], "qualify": {"score": {"at_least": 3}}, "tiers": [{"tier": "any", "when": {"score": {"at_least": 1}}}]}') \g /dev/null
SELECT results_eq($$SELECT user_id, signals FROM pql.score_all('reports', '2026-03-06') WHERE signals <> '{}' ORDER BY 1$$, $$VALUES ('u4', '{reports}'::text[])$$, 'until then the event is known, without properties');
SELECT is_empty($$SELECT * FROM t.wrong('2026-03-06') w WHERE w !~ '[(](a9|"?[$]device:a9"?),'$$, 'refreshed so');
SELECT pql.begin_run('2026-03-06 01:00') \g /dev/null
SELECT is_empty('SELECT FROM pql.new_tables()', 'the next refresh reads it');
SELECT is(t.mapping('segment.tracks') -> 'except' -> 'event' ? 'report_built', true, 'and no more of tracks');
SELECT is_empty($$SELECT * FROM t.wrong('2026-03-06 01:00') w WHERE w !~ '[(](a9|"?[$]device:a9"?),'$$, 'so that all that was in it is known');
SELECT results_eq($$SELECT user_id, signals FROM pql.score WHERE model = 'reports' AND signals <> '{}' ORDER BY 1$$, $$VALUES ('u2', '{reports,pages}'::text[]), ('u4', '{reports}')$$, 'once, with its properties');
SELECT pql.deactivate_model('reports') \g /dev/null
DELETE FROM segment.tracks WHERE event = 'activation_complete_again';
-- one that is left out is not taken for new
SELECT pql.disconnect('events', 'segment.report_built') \g /dev/null
SELECT is_empty('SELECT FROM pql.new_tables()', 'what was disconnected is not new');
SELECT is_empty($$SELECT FROM pql.sources WHERE relation = 'segment.report_built'$$, 'and not read');
SELECT pql.disconnect('events', 'segment') \g /dev/null
SELECT is_empty($$SELECT FROM pql.source WHERE relation <> 'pql.event'$$, 'the schema is disconnected whole');

-- Names that have to be quoted
CREATE SCHEMA "Se g'ment";
CREATE TABLE "Se g'ment".tracks (LIKE segment.activation_complete);
CREATE TABLE "Se g'ment"."it's ""new""" (LIKE segment.activation_complete, "a'b" text);
INSERT INTO "Se g'ment".tracks (id, user_id, event, "timestamp") VALUES ('1', 'u4', 'it''s "new"', '2026-03-02');
INSERT INTO "Se g'ment"."it's ""new""" (id, user_id, "timestamp", "a'b") VALUES ('1', 'u4', '2026-03-02', 'x');
SELECT matches(t.said('connect', 'model trial', 'events', '"Se g''ment"', 'auto'), '^warn: 0 of 5 events of its glossary are here - Not here: "activation_complete", "integration_connected"', 'a schema that has to be quoted; where nothing is near, nothing is suggested');
SELECT results_eq($$SELECT event, n FROM pql.events_seen('2026-03-05')$$, $$VALUES ('it''s "new"', 1::bigint)$$, 'its events are read, once');
SELECT is(t.property('it''s "new"', 'a''b'), 'x', 'with properties that have to be quoted');
SELECT is(t.mapping('"Se g''ment".tracks') #>> '{except,event,0}', 'it''s "new"', 'and not of tracks');
SELECT is(t.error($$SELECT pql.disconnect('events', '"Se g''ment"')$$), 'no error', 'and it is disconnected');


-- Marketing, and rows that do not count -----------------------------------------------------------------

CREATE TABLE t.form (id int, lead text, at timestamptz, form text, test boolean, kind text, doc jsonb);
INSERT INTO t.form VALUES (1, 'u1', '2026-03-02', 'demo', false, 'a', '{"state": "ok", "source": "elsewhere"}'), (2, 'u2', '2026-03-02', 'demo', true, 'a', '{"state": "ok"}'), (3, 'u3', '2026-03-02', 'ebook', NULL, 'b', '{"state": "bad"}'), (4, 'u4', '2026-03-02', 'ebook', false, NULL, '[]');
SELECT pql.put_model('{"model": "forms", "unit": "user", "timezone": "UTC", "window": {"trial_days": [1, 10]}, "events": {"form": {"event": "form_submitted", "source": "marketing"}, "any": "form_submitted"},
	"signals": [{"signal": "form", "count": "form", "at_least": 1, "points": 3}, {"signal": "any", "count": "any", "at_least": 1, "points": 1}], "qualify": {"score": {"at_least": 3}}, "tiers": [{"tier": "any", "when": {"score": {"at_least": 1}}}]}') \g /dev/null
CREATE FUNCTION t.forms(mapping jsonb) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	scanned text;
	gathered text;
BEGIN
	PERFORM pql.connect('events', 't.form', mapping => '{"user_id": "lead", "occurred_at": "at", "event": {"is": "form_submitted"}}'::jsonb || mapping);
	PERFORM set_config('pql.enable_scan', 'on', true);
	SELECT string_agg(concat_ws(' ', s.user_id, s.signals), '; ' ORDER BY s.user_id) INTO scanned FROM pql.score_all('forms', '2026-03-05') s WHERE s.signals <> '{}';
	PERFORM set_config('pql.enable_scan', 'off', true);
	SELECT string_agg(concat_ws(' ', s.user_id, s.signals), '; ' ORDER BY s.user_id) INTO gathered FROM pql.score_all('forms', '2026-03-05') s WHERE s.signals <> '{}';
	PERFORM set_config('pql.enable_scan', 'on', true);
	RETURN CASE WHEN scanned IS DISTINCT FROM gathered THEN concat_ws(' | ', scanned, gathered) ELSE scanned END;
END
$$;
SELECT is(t.forms('{}'), 'u1 {any}; u2 {any}; u3 {any}; u4 {any}', 'events of no source');
SELECT is(t.forms('{"source": {"is": "marketing"}}'), 'u1 {form,any}; u2 {form,any}; u3 {form,any}; u4 {form,any}', 'a source that is marked as marketing');
SELECT is(t.forms('{"source": {"is": "marketing"}, "properties": "doc"}'), 'u1 {form,any}; u2 {form,any}; u3 {form,any}; u4 {form,any}', 'whatever its properties say');
SELECT is(t.forms('{"source": {"is": "marketing"}, "properties": ["form"]}'), 'u1 {form,any}; u2 {form,any}; u3 {form,any}; u4 {form,any}', 'and in columns');
SELECT is((SELECT string_agg(DISTINCT e.properties::text, ' ') FROM pql.events_named('form_submitted', '2026-03-05') e), '{"form": "demo", "source": "marketing"} {"form": "ebook", "source": "marketing"}', 'beside its other properties');
SELECT is(t.forms('{"source": {"is": "marketing"}, "except": {"test": true}}'), 'u1 {form,any}; u3 {form,any}; u4 {form,any}', 'rows that do not count');
SELECT is(t.forms('{"only": {"kind": ["a", "c"]}}'), 'u1 {any}; u2 {any}', 'rows that alone count');
SELECT is(t.forms('{"only": {"doc.state": "ok"}, "except": {"test": true}}'), 'u1 {any}', 'inside of JSON, and both');
SELECT is_empty($$SELECT * FROM t.wrong('2026-03-07') w WHERE w !~ '[(](a9|"?[$]device:a9"?),'$$, 'by the refresh as well');
SELECT matches(t.connect_error('events', 't.form', NULL, '{"user_id": "lead", "occurred_at": "at", "event": {"is": "f"}, "source": "form"}'), '^22023 . mapping of t.form does not say what its source is: "form" .*"is": "marketing"', 'a source that is a column');
SELECT matches(t.connect_error('events', 't.form', NULL, '{"user_id": "lead", "occurred_at": "at", "event": {"is": "f"}, "only": {"nokind": "a"}}'), '^42703 . source t.form has no column "nokind"', 'a column that is not there');
SELECT matches(t.connect_error('events', 't.form', NULL, '{"user_id": "lead", "occurred_at": "at", "event": {"is": "f"}, "only": "kind"}'), '^22023 . mapping of t.form does not say which rows count: "only": "kind"', 'what says nothing');
SELECT is(t.connect_error('events', 't.form', NULL, '{"user_id": "lead", "occurred_at": "at", "event": {"is": "f"}, "except": {"kind": "a''); DROP TABLE t.form; --"}}'), 'no error', 'values are values');
SELECT is((SELECT count(*) FROM t.form), 4::bigint, 'and nothing else');
SELECT pql.disconnect('events', 't.form'), pql.deactivate_model('forms') \g /dev/null


-- People and accounts ----------------------------------------------------------------------------------

SELECT is(t.said('connect', 'rows', 'people', 'segment', 'segment') ~ '^ok: 1', true, 'people of Segment');
SELECT results_eq($$SELECT email, full_name, title, account_id, signed_up_at, attributes FROM pql.person WHERE user_id = 'u5'$$, $$VALUES ('u5@beta.example', 'Una Five', 'Head of Examples', 'beta', timestamptz '2026-03-01', '{"plan": "team"}'::jsonb)$$, 'from users, and whose account from groups');
SELECT ok(t.connect('accounts', 'segment', 'auto') > 0, 'accounts of Segment');
SELECT results_eq($$SELECT name, industry, employees FROM pql.account WHERE account_id = 'beta'$$, $$VALUES ('Beta Ltd', 'fintech', 250)$$, 'the latest call counts');
ALTER TABLE segment.users ADD "Seats" int DEFAULT 7;
UPDATE segment.users SET title = 'VP';
SELECT pql.follow_inputs('2026-03-08') \g /dev/null
SELECT results_eq($$SELECT title, attributes FROM pql.person WHERE user_id = 'u5'$$, $$VALUES ('VP', '{"plan": "team", "Seats": 7}'::jsonb)$$, 'what has changed is followed, and a column that has come');
SELECT pql.disconnect('people', 'segment'), pql.disconnect('accounts', 'segment') \g /dev/null
DELETE FROM pql.person WHERE user_id = 'u5';
SELECT ok(t.connect('people', 'rudder', 'rudderstack') > 0, 'people of RudderStack, which has no users here');
SELECT results_eq($$SELECT email, full_name FROM pql.person WHERE user_id = 'u5'$$, $$VALUES ('u5@beta.example', 'Una Five')$$, 'are who was identified, as of the last time');
SELECT pql.disconnect('people', 'rudder') \g /dev/null
DELETE FROM pql.person WHERE user_id = 'u5';


-- Billing ----------------------------------------------------------------------------------------------

\ir ../fixtures/shapes/stripe.sql
CREATE FUNCTION t.conversions() RETURNS text LANGUAGE sql STABLE AS $$
	SELECT string_agg(concat_ws(' ', c.conversion_id, c.user_id, coalesce(c.account_id, '-'), to_char(c.converted_at, 'MM-DD HH24:MI'), c.mrr), '; ' ORDER BY c.conversion_id) FROM pql.conversion c $$;
SET LOCAL TimeZone = 'America/New_York';
SELECT is(t.said('connect', 'shape', 'conversions', 'stripe', 'auto'), 'ok: stripe - Told by the columns of stripe.subscription_history.', 'Stripe');
SET LOCAL TimeZone = 'UTC';
SELECT is(t.said('preview', 'no key', 'conversions', 'stripe', 'stripe'), 'ok: 1 of 5 rows - Rows of which nothing can be known are left out.', 'a subscription of nobody');
SELECT is(t.conversions(), 's1 u1 - 03-15 09:00 128; s2 u2 acme 03-10 12:00 200; s6 u5 - 02-01 00:00 5000', 'one conversion a subscription that was paid for: by the month, in whole units, of items that are there');
UPDATE stripe.subscription_item SET quantity = 3 WHERE id = 'i1';
SELECT pql.follow_inputs('2026-03-20') \g /dev/null
SELECT matches(t.conversions(), '^s1 u1 - 03-15 09:00 177;', 'a change of an item is noticed');
INSERT INTO stripe.subscription_history (id, customer_id, status, created, _fivetran_active) VALUES ('s3', 'c3', 'active', '2026-03-18', true);
UPDATE stripe.customer SET email = 'u1@acme.example' WHERE id = 'c4';
SELECT pql.follow_inputs('2026-03-20') \g /dev/null
SELECT matches(t.conversions(), '; s3 u4 - 03-18 00:00; s5 u1 - 03-07 00:00 49;', 'so is a new version, and whose a customer is; a plan without a price has no amount');
INSERT INTO pql.person (user_id, email) VALUES ('u7', 'u7@acme.example');
UPDATE stripe.customer SET email = 'u7@acme.example' WHERE id = 'c4';
DELETE FROM pql.person WHERE user_id = 'u7';
SELECT pql.follow_inputs('2026-03-20') \g /dev/null
SELECT unalike(t.conversions(), '%s5%', 'an address that nobody has is nobody''s');
INSERT INTO pql.person (user_id, email) VALUES ('u7', ' U7@acme.example');
SELECT pql.follow_inputs('2026-03-20') \g /dev/null
SELECT matches(t.conversions(), '; s5 u7 ', 'until somebody signs up with it');
INSERT INTO pql.person (user_id, email) VALUES ('u8', 'u7@ACME.example');
SELECT pql.follow_inputs('2026-03-20') \g /dev/null
SELECT unalike(t.conversions(), '%s5%', 'and when two have it, it tells nothing');
SELECT pql.disconnect('conversions', 'stripe') \g /dev/null
SELECT is_empty($$SELECT FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE t.tgname LIKE 'pql_%' AND c.relnamespace = 'stripe'::regnamespace$$, 'no trigger is left, on none of the tables');
DELETE FROM pql.conversion;
DROP TABLE stripe.subscription_item;
ALTER TABLE stripe.price RENAME TO prices;
SELECT ok(t.connect('conversions', 'stripe', 'stripe', '{"user_id": null, "account_id": "customer_id"}') > 0, 'without items, and by customers');
SELECT is(t.conversions(), 's1 c1 03-15 09:00; s2 c2 03-10 12:00; s3 c3 03-18 00:00; s5 c4 03-07 00:00; s6 c5 02-01 00:00', 'amounts are not known then');
SELECT pql.disconnect('conversions', 'stripe') \g /dev/null
DELETE FROM pql.conversion;
DELETE FROM pql.trial;
SELECT ok(t.connect('trials', 'stripe', 'stripe') > 0, 'trials of Stripe');
SELECT results_eq('SELECT user_id, started_at, ends_at FROM pql.trial ORDER BY 1', $$VALUES ('u1', timestamptz '2026-03-01 09:00', timestamptz '2026-03-15 09:00'), ('u4', '2026-03-01 09:00', '2026-03-15 09:00')$$, 'are those of users');
SELECT matches(t.undone('ALTER TABLE stripe.subscription_history RENAME customer_id TO buyer', $$SELECT pql.preview('trials', 'stripe', 'stripe')$$), '^22023 . stripe is not of shape "stripe"', 'without customers there is nothing to read');
SELECT pql.disconnect('trials', 'stripe') \g /dev/null


-- CRM --------------------------------------------------------------------------------------------------

\ir ../fixtures/shapes/salesforce.sql
\ir ../fixtures/shapes/hubspot.sql
CREATE FUNCTION t.people() RETURNS text LANGUAGE sql STABLE AS $$
	SELECT string_agg(concat_ws(' ', p.user_id, p.email, coalesce(p.title, '-'), coalesce(p.account_id, '-'), to_char(p.opted_out_at, 'MM-DD'), p.attributes, CASE WHEN p.followed_at IS NOT NULL THEN 'followed' END), '; ' ORDER BY p.user_id) FROM pql.person p WHERE p.user_id < 'u5' $$;
CREATE FUNCTION t.deals() RETURNS text LANGUAGE sql STABLE AS $$
	SELECT string_agg(concat_ws(' ', d.deal_id, coalesce(d.user_id, '-'), d.account_id, coalesce(d.kind, '-'), d.amount, coalesce(to_char(d.closed_at, 'MM-DD'), 'open'), d.outcome), '; ' ORDER BY d.deal_id) FROM pql.deal d $$;
SELECT is(t.said('connect', 'shape', 'people', 'salesforce', 'auto'), 'ok: salesforce - Told by the columns of salesforce.contact.', 'Salesforce');
SELECT is(t.people(), 'u1 u1@acme.example Head of Examples acme 03-02 {"lead_source": "Web", "crm_account_id": "001a", "crm_contact_id": "003a"}; u2 u2@acme.example - acme; u3 test@acme.example - acme; u4 u4@acme.example Analyst acme {"crm_lead_id": "00Qa", "lead_source": "Web"}',
	'tells more of people there are, by their address: not of deleted rows, nor of leads that became contacts');
UPDATE salesforce.contact SET title = 'VP' WHERE id = '003a';
DELETE FROM salesforce.lead;
SELECT pql.follow_inputs('2026-03-21') \g /dev/null
SELECT matches(t.people(), '^u1 u1@acme.example VP acme 03-02 .*; u4 u4@acme.example Analyst', 'a change is followed; and nobody goes because the CRM forgets them');
SELECT ok(bool_and(t.connect(i, 'salesforce', 'auto') > 0), i) FROM unnest('{accounts,deals,activities}'::text[]) i GROUP BY i;
SELECT results_eq($$SELECT account_id, name, domain, employees, crm_owner, kind FROM pql.account WHERE followed_at IS NOT NULL ORDER BY 1$$,
	$$VALUES ('001a', 'Beta', 'beta.example', 420, 'ann@sales.example', 'customer'), ('001c', 'Rival', 'rival.example', NULL, '005x', 'competitor')$$, 'accounts, current and not deleted');
SELECT is(t.deals(), '006a - 001a new 12000 03-10 won; 006b - 001a expansion 500 open; 006c - 001c renewal 03-11 lost', 'opportunities');
SELECT results_eq($$SELECT activity_id, lower(email), rep, channel, occurred_at FROM pql.activity ORDER BY 1$$, $$VALUES ('00Ta', 'u1@acme.example', 'ann@sales.example', 'email', timestamptz '2026-03-04 10:00'), ('00Tb', NULL, 'bob@sales.example', 'linkedin', '2026-03-04')$$, 'what reps have done, and to whom, where that is known');
INSERT INTO salesforce.lead VALUES ('00Qa', '005a', 'u4@acme.example', 'Una Four', 'Analyst', 'Open', false, false, false, 'Web', '2026-03-02', true);
DELETE FROM salesforce.opportunity WHERE id = '006b';
SELECT pql.follow_inputs('2026-03-22') \g /dev/null
SELECT results_eq($$SELECT activity_id, email, channel FROM pql.activity ORDER BY 1$$, $$VALUES ('00Ta', 'U1@acme.example', 'email'), ('00Tb', 'u4@acme.example', 'linkedin')$$, 'a lead that comes later says whom another was for');
SELECT unalike(t.deals(), '%006b%', 'a deal that went is gone');
SELECT pql.disconnect(i, 'salesforce') FROM unnest('{people,accounts,deals,activities}'::text[]) i \g /dev/null
DELETE FROM pql.deal;
UPDATE pql.person SET title = NULL, attributes = NULL, opted_out_at = NULL;
SELECT ok(t.connect(i, 'hubspot', 'auto') > 0, 'HubSpot: ' || i) FROM unnest('{people,accounts,deals}'::text[]) i;
SELECT matches(t.people(), '^u1 u1@acme.example Head of Examples acme 03-02 {"crm_contact_id": "101", "lifecycle_stage": "customer"}; u2 u2@acme.example - acme;', 'contacts');
SELECT results_eq($$SELECT name, domain, employees, industry, crm_owner, kind FROM pql.account WHERE account_id LIKE '20_'$$, $$VALUES ('Beta', 'beta.example', 420, 'computer_software', 'ann@sales.example', 'prospect')$$, 'companies');
SELECT is(t.deals(), '301 u1 201 new 12000 03-10 won; 302 - 201 expansion 10 03-11 lost; 303 - 201 - 20 open', 'deals: closed is what its stage says');
SELECT pql.disconnect(i, 'hubspot') FROM unnest('{people,accounts,deals}'::text[]) i \g /dev/null
SELECT is_empty($$SELECT FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE t.tgname LIKE 'pql_%' AND c.relnamespace <> 'pql'::regnamespace$$, 'no trigger is left');
SELECT is(pql.domain_of(u), e, coalesce(u, 'NULL')) FROM (VALUES ('https://www.Beta.example/about?x=1', 'beta.example'), ('beta.example', 'beta.example'), (' http://beta.example:8080', 'beta.example'), ('', NULL), (NULL, NULL)) v (u, e);


-- What may be meant ------------------------------------------------------------------------------------

CREATE FUNCTION t.suggested(relation text DEFAULT NULL) RETURNS text LANGUAGE sql STABLE AS $$ SELECT string_agg(DISTINCT concat(c.key, ' ', CASE WHEN jsonb_typeof(c.value) = 'string' THEN c.value #>> '{}' ELSE c.value::text END), '; ') FROM jsonb_each(pql.suggest_changes(relation)) c $$;
SELECT is(t.suggested(f.source), f.expected, 'suggested for ' || f.source) FROM (VALUES
	('segment', 'activation activation_complete; billing_view {"event": "page_view", "where": {"page_path": {"under": ["/billing", "/pricing"]}}}; integration integration_connected; invite invite_sent; session session_start'),
	('rudder', 'activation activation_complete; billing_view {"event": "page_view", "where": {"page_path": {"under": ["/billing", "/pricing"]}}}; integration integration_connected; invite invite_sent; session session_start'),
	('atomic', 'activation activation_complete; billing_view {"event": "page_view", "where": {"page_path": {"under": ["/billing", "/pricing"]}}}; integration integration_connected; invite invite_sent; session session_start'),
	('posthog', 'activation activation_complete; billing_view {"event": "$pageview", "where": {"$pathname": {"under": ["/billing", "/pricing"]}}}; integration integration_connected; invite invite_sent; session session_start'),
	('amplitude.event', 'activation activation_complete; billing_view {"event": "page_view", "where": {"page_path": {"under": ["/billing", "/pricing"]}}}; integration integration_connected; invite invite_sent; session session_start'),
	('airbyte', 'activation activation_complete; billing_view {"event": "page_view", "where": {"page_path": {"under": ["/billing", "/pricing"]}}}; integration integration_connected; invite invite_sent; session session_start')) f (source, expected);
SELECT is(pql.suggest_changes(), '{}', 'nothing connected, nothing suggested');
SELECT is(pql.put_model(pql.adapt('trial', pql.suggest_changes('posthog') || '{"model": "trial_suggested"}')) > 0, true, 'what is suggested is a model');
-- other words, other properties
CREATE TABLE t.product (user_id text, occurred_at timestamptz, event text, properties jsonb);
INSERT INTO t.product SELECT 'u' || n, '2026-03-01'::timestamptz + d * interval '1 day', 'App Opened', '{}' FROM generate_series(1, 20) n, generate_series(1, 5) d;
INSERT INTO t.product SELECT 'u' || n, '2026-03-02', e.event, e.properties FROM generate_series(1, 20) n, (VALUES (20, 'Signed Up', '{}'::jsonb), (8, 'Dashboard Created', '{}'), (8, 'Chart Created', '{}'), (5, 'User Invited', '{"recipient_email": "a@b.example"}'), (4, 'Connected Account', '{"provider": "x"}'),
	(4, 'Account Disconnected', '{"provider": "x"}'), (9, 'Viewed Page', '{"url": "https://app.example/pricing?x=1"}'), (3, 'Payment Failed', '{}')) e (upto, event, properties) WHERE n <= e.upto;
SELECT ok(t.connect('events', 't.product', NULL) > 0, 'a product with words of its own');
SELECT results_eq('SELECT role, event FROM pql.suggest_model()', $$VALUES ('activation', 'Chart Created'), ('activation', 'Dashboard Created'), ('invite', 'User Invited'), ('integration', 'Connected Account'), ('session', 'App Opened'), ('billing_view', 'Viewed Page')$$, 'who has what how often, and how it is called');
SELECT matches(why, 'its name says "created", which may mean it; 40 % of users have it, 1.0 times each on 1.0 days; of those that score the same, more users and then the alphabet decide$', 'why, and how ties are decided') FROM pql.suggest_model() WHERE event = 'Chart Created';
SELECT is(changes, '{"invite": "User Invited", "signals": {"invites": {"says": "{value} invite{s}", "distinct": "recipient_email"}}}', 'a property of another name') FROM pql.suggest_model() WHERE role = 'invite';
SELECT is(changes #>> '{signals,integrations,says}', 'connected {provider}', 'also where it is told of') FROM pql.suggest_model() WHERE role = 'integration';
SELECT is(changes, '{"billing_view": {"event": "Viewed Page", "where": {"url": {"matches": "^https?://[^/]+(/pricing)([/?#]|$)"}}}}', 'pages by their address') FROM pql.suggest_model() WHERE role = 'billing_view';
SELECT lives_ok($$SELECT pql.adapt('trial', pql.suggest_changes())$$, 'all of which pql.adapt takes');
SELECT is_empty($$SELECT FROM pql.suggest_model(NULL, 'playbook') WHERE changes IS NOT NULL AND NOT (SELECT document -> 'events' ? role FROM pql.active_model WHERE model = 'playbook')$$, 'words that a model does not have are not changed');
SELECT matches(t.error($$SELECT * FROM pql.suggest_model(NULL, 'triall')$$), '^42704 . unknown model "triall"', 'a model that there is not');
SELECT matches(t.error($$SELECT * FROM pql.suggest_model('t.nothing')$$), '^42P01 . there is no table', 'a table that is not there');
SELECT is(t.suggested('t.product'), t.suggested(), 'a table, or all that is connected');

-- of many rows, a part of the users
UPDATE pg_class SET reltuples = 3e6 WHERE oid = 't.product'::regclass;
SELECT ok(users BETWEEN 1 AND 60 AND why ~ 'reckoned from 33.3 % of the users', 'of many rows, those of a part of the users') FROM pql.suggest_model() WHERE event = 'App Opened';
UPDATE pg_class SET reltuples = -1 WHERE oid = 't.product'::regclass;

-- A real free trial, where $PQL_DATA has it.
\set trial `f="${PQL_DATA:-../shared/data}/udacity_trial/events.csv.gz"; [ -r "$f" ] && echo true || echo false`
\if :trial
CREATE TABLE t.raw (user_id text, event_date date, event_name text, value float8, lesson_key text);
\copy t.raw FROM PROGRAM 'zcat "${PQL_DATA:-../shared/data}/udacity_trial/events.csv.gz"' WITH (FORMAT csv, HEADER)
CREATE VIEW t.trial AS SELECT r.user_id, r.event_date + time '12:00' AS occurred_at, r.event_name AS event, jsonb_strip_nulls(jsonb_build_object(CASE r.event_name WHEN 'session' THEN 'minutes' ELSE 'value' END, r.value)) AS properties FROM t.raw r;
SELECT pql.disconnect('events', 't.product') \g /dev/null
SELECT ok(t.connect('events', 't.trial', NULL, '{"timezone": "UTC"}') > 0, 'a real free trial');
SELECT results_eq('SELECT role, event FROM pql.suggest_model()', $$VALUES ('activation', 'project_completed'), ('activation', 'lesson_completed'), ('activation', 'project_passed'), ('activation', 'project_submitted'), ('session', 'session')$$, 'its steps, and its sessions');
SELECT is(users, 831::bigint, 'counted as they are') FROM pql.suggest_model() WHERE role = 'session';
SELECT lives_ok($$SELECT pql.adapt('trial', pql.suggest_changes())$$, 'pql.adapt takes it');
\else
SELECT skip('udacity_trial is not in $PQL_DATA', 4);
\endif

SELECT * FROM finish();
ROLLBACK;
