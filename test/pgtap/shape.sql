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

SELECT * FROM finish();
ROLLBACK;
