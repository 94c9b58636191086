-- Which events of a product look like those that models ask for: by their names, their properties, and how many users have them how often.

CREATE FUNCTION pql.role_words() RETURNS TABLE (role text, kind text, words text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT r.role, r.kind, r.words
	FROM (VALUES
		-- weighed 1, 0.6, and what speaks against it
		('activation', 'strong', 'activate|activated|activation|aha|onboarded|onboarding|first|published|deployed|launched|complete|completed|finished'),
		('activation', 'weak', 'create|created|run|ran|executed|imported|uploaded|setup|configured|added|saved|passed|submitted'),
		('activation', 'against', 'signup|sign|signed|register|registered|login|logged|session|page|view|viewed|screen|click|clicked|invite|invited|connect|connected|billing|pricing|failed|error|cancelled|canceled|trial|checkout|payment|subscription|email|identify|re|autocapture'),
		('invite', 'strong', 'invite|invites|invited|invitation|invitations|teammate|teammates|collaborator|collaborators'),
		('invite', 'weak', 'member|members|share|shared|seat|seats|referral|referred'),
		('invite', 'against', 'accepted|declined|revoked|removed|failed|viewed|view|page'),
		('integration', 'strong', 'integration|integrations|integrate|integrated|connector|connectors|connected|webhook|oauth|datasource'),
		('integration', 'weak', 'connect|connection|install|installed|sync|synced|source|destination|api|plugin|import'),
		('integration', 'against', 'disconnected|removed|failed|error|viewed|view|page|uninstalled'),
		('session', 'strong', 'session|sessions|login|logins'),
		('session', 'weak', 'logged|signed|in|open|opened|active|visit|visited|heartbeat|app|start|started'),
		('session', 'against', 'signup|up|out|ended|expired|trial|failed|register|registered|checkout|onboarding'),
		('billing_view', 'strong', 'pricing|billing|paywall|prices|price'),
		('billing_view', 'weak', 'plan|plans|upgrade|checkout|subscription|subscribe|payment|quote'),
		('billing_view', 'against', 'completed|succeeded|failed|paid|refunded|cancelled|canceled|created|renewed|charged')
	) r (role, kind, words);
END;
COMMENT ON FUNCTION pql.role_words() IS 'Words in names of events by which pql.suggest_model knows what they are: strong, weak, and such as speak against it. Separated by |.';

CREATE FUNCTION pql.role_properties() RETURNS TABLE (role text, properties text[], place text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT r.role, r.properties::text[], r.place
	FROM (VALUES
		('invite', '{invitee_email,invited_email,invitee,invitee_id,recipient_email,recipient,invite_email,invited_user_id,email}', NULL),
		('integration', '{integration_type,integration,integration_name,provider,connector,connector_type,source_type,service,app_name}', NULL),
		('session', '{session_id,duration,minutes,$session_id}', NULL),
		-- which places of the product are about prices
		('billing_view', '{page_path,path,$pathname,page_urlpath,pathname,url_path}', 'path'),
		('billing_view', '{page_url,url,$current_url,current_url,page_location}', 'url')
	) r (role, properties, place);
END;
COMMENT ON FUNCTION pql.role_properties() IS 'Properties by which pql.suggest_model knows what an event is, the likeliest first; of places (path, url) only those about prices count.';

CREATE FUNCTION pql.name_words(name text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
	SELECT ARRAY(SELECT w FROM regexp_split_to_table(lower(regexp_replace(name, '([[:lower:][:digit:]])([[:upper:]])', '\1 \2', 'g')), '[^[:alnum:]]+') w WHERE w <> '');
END;
COMMENT ON FUNCTION pql.name_words(text) IS 'The words of a name (invite_sent, inviteSent, Invite Sent), in lower case.';

CREATE FUNCTION pql.events_of(relation text, target regclass) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	queries text;
BEGIN
	IF relation IS NULL THEN
		RETURN pql.event_query();
	END IF;
	SELECT string_agg(pql.source_events(s.relation), ' UNION ALL ' ORDER BY s.relation) INTO queries
	FROM pql.sources s LEFT JOIN pql.source o ON o.input = s.input AND o.relation = s.relation
	WHERE s.input = 'events' AND (s.relation = pql.qualified_name(target) OR target IS NULL AND o.of_schema = events_of.relation);
	IF queries IS NULL THEN
		SELECT string_agg(pql.source_query(p.target::regclass, p.given), ' UNION ALL ' ORDER BY p.n) INTO queries
		FROM pql.planned_sources('events', target, relation, CASE WHEN target IS NULL OR EXISTS (SELECT FROM pql.recognised('events', NULL, target)) THEN 'auto' END, NULL) p;
		-- not connected, so rows that a loader repeats are left out here
		queries := format('SELECT DISTINCT ON (q.event, q.user_id, coalesce(q.event_id, q.occurred_at::text)) q.user_id, q.occurred_at, q.event, q.properties FROM (%s) q WHERE q.user_id IS NOT NULL', queries);
	END IF;
	RETURN queries;
END
$$;
COMMENT ON FUNCTION pql.events_of(text, regclass) IS 'The query over the events of a table or schema, connected or not; NULL: of all that are connected.';

CREATE FUNCTION pql.estimated_rows(relation text, target regclass) RETURNS float8
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT coalesce(sum(greatest(c.reltuples, 0)), 0)::float8
	FROM (SELECT to_regclass(s.relation) AS source FROM pql.sources s WHERE s.input = 'events' AND estimated_rows.relation IS NULL
		UNION SELECT target WHERE target IS NOT NULL
		UNION SELECT t.oid FROM pg_catalog.pg_class t WHERE target IS NULL AND t.relnamespace = pql.schema_oid(estimated_rows.relation) AND t.relkind IN ('r', 'm')) x
	JOIN pg_catalog.pg_class c ON c.oid IN (SELECT t.relation FROM pql.tables_of(x.source) t) OR c.oid = x.source;
END;
COMMENT ON FUNCTION pql.estimated_rows(text, regclass) IS 'How many rows a table or schema has (NULL: all that is connected), as far as it was analysed.';

CREATE FUNCTION pql.event_profile(relation text, target regclass, OUT event text, OUT occurrences bigint, OUT users bigint, OUT user_days bigint, OUT everybody bigint, OUT properties text[], OUT places jsonb, OUT share float8) RETURNS SETOF record
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
	-- properties are looked at in so many rows of each name
	most CONSTANT int := 500;
	-- of more rows than this, those of a part of the users: the same ones each time
	enough CONSTANT float8 := 1000000;
	part bigint := 4294967296 * least(1, enough / greatest(1, pql.estimated_rows(relation, target)));
	path_words CONSTANT text := 'pricing|billing|prices|plans|upgrade|checkout|subscribe|subscription|payment';
BEGIN
	RETURN QUERY EXECUTE format($q$
		WITH e AS MATERIALIZED (
			SELECT x.user_id, x.occurred_at, x.event, x.properties, row_number() OVER (PARTITION BY x.event ORDER BY x.occurred_at, x.user_id, x.properties) AS n
			FROM (%1$s) x WHERE x.event IS NOT NULL AND isfinite(x.occurred_at) AND ($2 = 4294967296 OR pql.user_between(x.user_id, 0, $2))
		), p AS (
			SELECT e.event, k.key, count(*) AS n FROM e CROSS JOIN LATERAL jsonb_each(CASE WHEN jsonb_typeof(e.properties) = 'object' THEN e.properties ELSE '{}' END) k
			WHERE e.n <= $1 AND k.value <> 'null' GROUP BY e.event, k.key
		), o AS (
			SELECT r.event, jsonb_agg(jsonb_build_object('property', r.key, 'place', r.place, 'prefix', r.prefix, 'n', r.n) ORDER BY r.n DESC, r.key, r.prefix) AS places
			FROM (
				SELECT e.event, k.key, w.place, CASE w.place WHEN 'path' THEN substring(k.value FROM '^(/(?:%2$s))(?:[/?#]|$)') ELSE substring(k.value FROM '(?i)^https?://[^/]+(/(?:%2$s))(?:[/?#]|$)') END AS prefix, count(*) AS n
				FROM e CROSS JOIN LATERAL jsonb_each_text(CASE WHEN jsonb_typeof(e.properties) = 'object' THEN e.properties ELSE '{}' END) k
				JOIN pql.role_properties() w ON w.role = 'billing_view' AND k.key = ANY (w.properties)
				GROUP BY 1, 2, 3, 4) r
			WHERE r.prefix IS NOT NULL
			GROUP BY r.event
		)
		SELECT c.event, c.occurrences, c.users, c.user_days, (SELECT count(DISTINCT x.user_id) FROM e x), coalesce((SELECT array_agg(p.key ORDER BY p.n DESC, p.key) FROM p WHERE p.event = c.event), '{}'), o.places, $2 / 4294967296::float8
		FROM (SELECT x.event, count(*) AS occurrences, count(DISTINCT x.user_id) AS users, count(DISTINCT (x.user_id, (x.occurred_at AT TIME ZONE 'UTC')::date)) AS user_days FROM e x GROUP BY x.event) c
		LEFT JOIN o ON o.event = c.event$q$, pql.events_of(relation, target), path_words) USING most, part;
END
$$;
COMMENT ON FUNCTION pql.event_profile(text, regclass) IS 'Per name of events of users: how often it occurred, for how many users on how many of their days, of how many users there are; properties that its first 500 rows have, and which of its pages are about prices. share: of how many of the users that is told; of more than a million rows, those of a part of them.';

CREATE FUNCTION pql.role_scores(relation text, target regclass) RETURNS TABLE (role text, event text, score float8, users bigint, occurrences bigint, why text, property text, places jsonb)
LANGUAGE sql STABLE
BEGIN ATOMIC
	WITH seen AS MATERIALIZED (
		SELECT e.*, pql.name_words(e.event) AS words, e.users::float8 / nullif(e.everybody, 0) AS reach, e.occurrences::float8 / nullif(e.users, 0) AS each_user, e.user_days::float8 / nullif(e.users, 0) AS days
		FROM pql.event_profile(relation, target) e
	), judged AS (
		SELECT s.event, s.occurrences, s.users, s.share, s.properties, s.reach, s.each_user, s.days, CASE r.role WHEN 'billing_view' THEN s.places END AS places, r.role,
			(SELECT w FROM unnest(s.words) w WHERE w = ANY (string_to_array(r.strong, '|')) LIMIT 1) AS strong,
			(SELECT w FROM unnest(s.words) w WHERE w = ANY (string_to_array(r.weak, '|')) LIMIT 1) AS weak,
			(SELECT w FROM unnest(s.words) w WHERE w = ANY (string_to_array(r.against, '|')) AND NOT w = ANY (string_to_array(r.strong, '|')) LIMIT 1) AS against,
			(SELECT k.p FROM pql.role_properties() q CROSS JOIN LATERAL unnest(q.properties) WITH ORDINALITY k (p, n) WHERE q.role = r.role AND q.place IS NULL AND k.p = ANY (s.properties) ORDER BY k.n LIMIT 1) AS property
		FROM seen s
		CROSS JOIN (SELECT x.role, min(x.words) FILTER (WHERE x.kind = 'strong') AS strong, min(x.words) FILTER (WHERE x.kind = 'weak') AS weak, min(x.words) FILTER (WHERE x.kind = 'against') AS against
			FROM pql.role_words() x GROUP BY x.role) r
	), weighed AS (
		-- where a page leads says more than what its event is called
		SELECT j.*, CASE j.role WHEN 'billing_view' THEN 0.25 ELSE 0.5 END AS name_weight, CASE WHEN j.strong IS NOT NULL THEN 1.0 WHEN j.weak IS NOT NULL THEN 0.6 ELSE 0 END AS by_name,
			CASE WHEN j.role = 'billing_view' THEN CASE WHEN j.places IS NOT NULL THEN 1.0 ELSE 0 END WHEN j.property IS NOT NULL AND j.role <> 'session' THEN 1.0 WHEN j.property IS NOT NULL THEN 0.5 ELSE 0 END AS by_property,
			CASE j.role
				-- a step that a part of all users take, once or twice
				WHEN 'activation' THEN CASE WHEN j.reach BETWEEN 0.1 AND 0.7 THEN 1.0 WHEN j.reach BETWEEN 0.05 AND 0.9 THEN 0.5 ELSE 0 END * CASE WHEN j.each_user <= 2 THEN 1.0 WHEN j.each_user <= 5 THEN 0.7 ELSE 0.3 END
				-- nearly all of them, again and again
				WHEN 'session' THEN CASE WHEN j.reach >= 0.8 THEN 1.0 WHEN j.reach >= 0.5 THEN 0.6 ELSE 0 END * CASE WHEN j.days >= 2 THEN 1.0 WHEN j.each_user >= 2 THEN 0.6 ELSE 0.3 END
				ELSE CASE WHEN j.reach < 0.8 THEN 1.0 ELSE 0.3 END END AS by_reach
		FROM judged j
	), scored AS (
		SELECT w.*, round((greatest(0, w.name_weight * w.by_name + (0.75 - w.name_weight) * w.by_property + 0.25 * w.by_reach - CASE WHEN w.against IS NOT NULL AND w.places IS NULL THEN 0.4 ELSE 0 END))::numeric, 2)::float8 AS score FROM weighed w
	)
	SELECT s.role, s.event, s.score, round(s.users / s.share)::bigint, round(s.occurrences / s.share)::bigint,
		concat_ws('; ', CASE WHEN s.strong IS NOT NULL THEN format('its name says "%s"', s.strong) WHEN s.weak IS NOT NULL THEN format('its name says "%s", which may mean it', s.weak) END,
			CASE WHEN s.against IS NOT NULL THEN format('"%s" in its name speaks against it', s.against) END, CASE WHEN s.property IS NOT NULL THEN format('it has %s', s.property) END,
			CASE WHEN s.places IS NOT NULL THEN format('%s leads to %s', s.places #>> '{0,property}', (SELECT string_agg(DISTINCT p ->> 'prefix', ', ' ORDER BY p ->> 'prefix') FROM jsonb_array_elements(s.places) p)) END,
			format('%s %% of users have it, %s times each on %s days', round((100 * s.reach)::numeric), round(s.each_user::numeric, 1), round(s.days::numeric, 1)),
			CASE WHEN s.share < 1 THEN format('reckoned from %s %% of the users', round((100 * s.share)::numeric, 1)) END,
			CASE WHEN count(*) OVER (PARTITION BY s.role, s.score) > 1 THEN 'of those that score the same, more users and then the alphabet decide' END) AS why,
		s.property, s.places
	FROM scored s
	WHERE s.score >= 0.3 AND (s.by_name > 0 OR s.by_property >= 1)
	ORDER BY array_position(ARRAY['activation', 'invite', 'integration', 'session', 'billing_view'], s.role), s.score DESC, s.users DESC, s.event COLLATE "C";
END;
COMMENT ON FUNCTION pql.role_scores(text, regclass) IS 'What pql.suggest_model knows of names of events: by name up to 0.5 and by properties up to 0.25 (of views 0.25, and 0.5 by pages about prices), by reach up to 0.25, and 0.4 less where the name speaks against it (but for such pages); those of at least 0.3.';

CREATE FUNCTION pql.role_changes(model text, role text, event text, property text, places jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	document jsonb := pql.model(model);
	entry jsonb := to_jsonb(event);
	signals jsonb;
	place text := places #>> '{0,place}';
	on_property text := places #>> '{0,property}';
	prefixes jsonb;
BEGIN
	IF NOT coalesce(document -> 'events' ? role, false) THEN
		RETURN NULL;
	END IF;
	IF role = 'billing_view' AND places IS NOT NULL THEN
		SELECT jsonb_agg(DISTINCT p ->> 'prefix' ORDER BY p ->> 'prefix') INTO prefixes FROM jsonb_array_elements(places) p WHERE p ->> 'property' = on_property;
		entry := jsonb_build_object('event', event, 'where', jsonb_build_object(on_property, CASE place WHEN 'path' THEN jsonb_build_object('under', prefixes)
			ELSE jsonb_build_object('matches', format('^https?://[^/]+(%s)([/?#]|$)', (SELECT string_agg(x, '|') FROM jsonb_array_elements_text(prefixes) x))) END));
	ELSIF property IS NOT NULL THEN
		-- signals of distinct values look at a property that this event may call otherwise
		SELECT jsonb_object_agg(s ->> 'signal', jsonb_strip_nulls(jsonb_build_object('distinct', property, 'says', replace(s ->> 'says', format('{%s}', s ->> 'distinct'), format('{%s}', property))))) INTO signals
		FROM jsonb_array_elements(document -> 'signals') s WHERE s ->> 'of' = role AND s ->> 'distinct' <> property AND s ->> 'distinct' = ANY (SELECT unnest(r.properties) FROM pql.role_properties() r WHERE r.role = role_changes.role);
	END IF;
	-- replaces what the glossary says, with its conditions
	RETURN jsonb_build_object(role, entry) || CASE WHEN signals IS NOT NULL THEN jsonb_build_object('signals', signals) ELSE '{}' END;
END
$$;
COMMENT ON FUNCTION pql.role_changes(text, text, text, text, jsonb) IS 'What pql.adapt is to change of a model so that an event plays a role. NULL: its glossary has no such word.';

CREATE FUNCTION pql.suggest_for(relation text, target regclass, model text) RETURNS TABLE (role text, event text, score float8, users bigint, occurrences bigint, why text, changes jsonb)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN QUERY SELECT s.role, s.event, s.score, s.users, s.occurrences, s.why, pql.role_changes(model, s.role, s.event, s.property, s.places) FROM pql.role_scores(relation, target) s;
END
$$;
COMMENT ON FUNCTION pql.suggest_for(text, regclass, text) IS 'pql.suggest_model, when the name has been looked up.';

CREATE FUNCTION pql.suggest_model(relation text DEFAULT NULL, model text DEFAULT 'trial') RETURNS TABLE (role text, event text, score float8, users bigint, occurrences bigint, why text, changes jsonb)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT s.role, s.event, s.score, s.users, s.occurrences, s.why, s.changes FROM pql.suggest_for(relation, pg_catalog.to_regclass(relation), model) s;
END;
COMMENT ON FUNCTION pql.suggest_model(text, text) IS 'Which events look like the activation, invites, integrations, sessions and views of prices of a product, the likeliest of each first: by words in their names (pql.role_words), their properties (pql.role_properties), and how many users have them how often. relation: a table or schema, connected or not (then its shape is recognised); NULL: all that is connected. changes: what pql.adapt(model, …) takes so that it plays that role; NULL where the model has no such word; pql.suggest_changes puts the first of each together. Reads all events, of more than a million those of a part of the users. A suggestion, to be looked at.';

CREATE FUNCTION pql.suggest_changes(relation text DEFAULT NULL, model text DEFAULT 'trial') RETURNS jsonb
LANGUAGE sql STABLE
BEGIN ATOMIC
	WITH first AS MATERIALIZED (
		SELECT DISTINCT ON (s.role) s.changes FROM pql.suggest_model(relation, model) s WHERE s.changes IS NOT NULL ORDER BY s.role, s.score DESC, s.users DESC, s.event COLLATE "C"
	)
	SELECT coalesce(jsonb_object_agg(c.key, c.value) FILTER (WHERE c.key <> 'signals'), '{}')
		|| coalesce((SELECT jsonb_build_object('signals', jsonb_object_agg(g.key, g.value)) FROM first o CROSS JOIN LATERAL jsonb_each(o.changes -> 'signals') g HAVING count(*) > 0), '{}')
	FROM first f CROSS JOIN LATERAL jsonb_each(f.changes) c;
END;
COMMENT ON FUNCTION pql.suggest_changes(text, text) IS 'The changes of the likeliest event of each role (pql.suggest_model) in one: SELECT pql.put_model(pql.adapt(''trial'', pql.suggest_changes())). Nothing suggested: {}.';
