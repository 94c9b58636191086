-- Shapes: how the usual loaders write their tables. A shape is data: which relations of a schema it has for which input, by
-- which columns they are recognised, and what they mean. Everything is looked up in the catalogue when it is used.

CREATE FUNCTION pql.shapes() RETURNS TABLE (n bigint, shape text, input text, relation text, unless_there text, must text[], told_by text[], told_not_by text[],
	zone text, own text, mapping jsonb, query text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	WITH spoken (shape, told_by, told_not_by, own) AS (
		-- of one family: tracks, a table for each event, pages, users
		VALUES ('segment', '{}'::text[], '{channel,record_id}'::text[], NULL::text), ('rudderstack', '{channel|record_id}', '{}', 'channel|record_id|context_passed_ip')
	), written AS (
		SELECT s.shape, r.input, r.relation, r.unless_there, r.must::text[], CASE WHEN r.told_by IS NOT NULL THEN s.told_by || r.told_by::text[] END AS told_by, s.told_not_by || r.told_not_by::text[] AS told_not_by, NULL AS zone,
			concat_ws('|', 'id|anonymous_id|user_id|event|event_text|received_at|sent_at|timestamp|original_timestamp|uuid|uuid_ts|loaded_at|context_(?!page_|campaign_).*', s.own) AS own, r.mapping::jsonb, NULL AS query
		FROM spoken s, (VALUES
			('events', '*', NULL, '{id,user_id,event,event_text,timestamp:time}', '{}', NULL,
				'{"user_id": "user_id", "occurred_at": "timestamp", "event": {"is": "*"}, "event_id": "id", "received_at": ["received_at"], "properties": "*"}'),
			('events', 'pages', NULL, '{id,user_id,timestamp:time,path|url|context_page_path}', '{anonymous_id|context_ip|received_at}', '{event_text}',
				'{"user_id": "user_id", "occurred_at": "timestamp", "event": {"is": "page_view"}, "event_id": "id", "received_at": ["received_at"], "properties": {"*": "*", "page_path": ["path", "context_page_path"]}}'),
			-- repeats what the tables of events have, without properties
			('events', 'tracks', NULL, '{id,user_id,event,event_text,timestamp:time}', '{}', NULL,
				'{"user_id": "user_id", "occurred_at": "timestamp", "event": "event", "event_id": "id", "received_at": ["received_at"]}'),
			('people', 'users', NULL, '{id}', NULL, NULL,
				'{"user_id": "id", "email": ["email"], "full_name": ["name"], "title": ["title"], "account_id": ["account_id", "company_id", "group_id"], "signed_up_at": ["created_at"], "attributes": "*", "updated_at": ["received_at", "uuid_ts"]}'),
			('people', 'identifies', 'users', '{id,user_id,timestamp:time}', '{anonymous_id|context_ip|received_at}', '{event_text}',
				'{"user_id": "user_id", "email": ["email"], "full_name": ["name"], "title": ["title"], "account_id": ["account_id", "company_id", "group_id"], "signed_up_at": ["created_at"], "attributes": "*", "updated_at": "timestamp"}'),
			('people', 'groups', NULL, '{user_id,group_id}', NULL, NULL,
				'{"user_id": "user_id", "account_id": "group_id", "updated_at": ["timestamp", "received_at"]}'),
			('accounts', 'groups', NULL, '{group_id}', NULL, NULL,
				'{"account_id": "group_id", "name": ["name"], "domain": ["domain"], "employees": ["employees"], "industry": ["industry"], "kind": [], "attributes": "*", "updated_at": ["timestamp", "received_at"]}')
		) r (input, relation, unless_there, must, told_by, told_not_by, mapping)
	)
	SELECT row_number() OVER (), w.shape, w.input, w.relation, w.unless_there, w.must, w.told_by, w.told_not_by, w.zone,
		concat_ws('|', w.own, '_(airbyte|fivetran|dlt|sdc|rivery)_.*', '_dlt_.*', '_sdc_.*') AS own, w.mapping, w.query
	FROM (
		SELECT * FROM written
		UNION ALL
		-- the table of all events; what else is known of each is in tables of their own, by root_id
		SELECT 'snowplow', 'events', 'events', NULL, '{event_id,collector_tstamp:time,event_name,user_id}', '{collector_tstamp}', '{}', 'UTC', NULL,
			'{"user_id": "user_id", "occurred_at": ["derived_tstamp", "collector_tstamp"], "event": "event_name", "event_id": "event_id", "received_at": ["load_tstamp", "etl_tstamp", "collector_tstamp"],
				"properties": {"page_path": ["page_urlpath"], "page_url": ["page_url"], "page_title": ["page_title"], "page_referrer": ["page_referrer"], "app_id": ["app_id"], "platform": ["platform"],
					"mkt_source": ["mkt_source"], "mkt_medium": ["mkt_medium"], "mkt_campaign": ["mkt_campaign"],
					"se_category": ["se_category"], "se_action": ["se_action"], "se_label": ["se_label"], "se_property": ["se_property"], "se_value": ["se_value"]}}'::jsonb, 'snowplow'
		UNION ALL
		SELECT 'posthog', 'events', 'events', NULL, '{uuid,event,properties:json,distinct_id,timestamp:time}', '{}', '{}', NULL, NULL,
			'{"user_id": "distinct_id", "occurred_at": "timestamp", "event": "event", "event_id": "uuid", "received_at": ["_inserted_at", "inserted_at", "created_at"], "properties": "properties"}', NULL
		UNION ALL
		SELECT 'amplitude', 'events', 'event', NULL, '{event_type,event_time:time,event_properties:json,user_id,amplitude_id|device_id}', '{}', '{}', 'UTC', NULL,
			'{"user_id": "user_id", "occurred_at": "event_time", "event": "event_type", "event_id": ["uuid", "_insert_id", "id"], "received_at": ["server_upload_time"], "properties": "event_properties"}', NULL
		UNION ALL
		SELECT 'mixpanel', 'events', 'mp_master_event', NULL, '{event,distinct_id,time:time,properties:json}', '{}', '{}', NULL, NULL,
			'{"user_id": "distinct_id", "occurred_at": "time", "event": "event", "event_id": ["insert_id", "mp_insert_id", "properties.$insert_id"], "received_at": ["mp_processing_time"], "properties": "properties"}', NULL
		UNION ALL
		-- billing and CRM: what a word is said by, where it is no column, pql.shape_parts tells
		SELECT q.shape, q.input, q.relation, q.unless_there, q.must::text[], q.told_by::text[], '{}', NULL, NULL, q.mapping::jsonb, q.query
		FROM (VALUES
			('stripe', 'conversions', 'subscription_history', NULL, '{id,customer_id|customer,status,created|start_date}', '{trial_end,ended_at|canceled_at}',
				'{"conversion_id": {"by": "id"}, "user_id": {"by": "user_id in the metadata of the customer, or who has its address"}, "account_id": {"by": "account_id in the metadata of the customer"},
					"converted_at": {"by": "trial_end, or the start"}, "plan": {"by": "prices of the items"}, "mrr": {"by": "prices and quantities of the items, by the month"}, "updated_at": {"by": "_fivetran_synced"}}', 'stripe conversions'),
			('stripe', 'conversions', 'subscription', 'subscription_history', '{id,customer_id|customer,status,created|start_date}', '{trial_end,ended_at|canceled_at}',
				'{"conversion_id": {"by": "id"}, "user_id": {"by": "user_id in the metadata of the customer, or who has its address"}, "account_id": {"by": "account_id in the metadata of the customer"},
					"converted_at": {"by": "trial_end, or the start"}, "plan": {"by": "prices of the items"}, "mrr": {"by": "prices and quantities of the items, by the month"}, "updated_at": {"by": "_fivetran_synced"}}', 'stripe conversions'),
			('stripe', 'trials', 'subscription_history', NULL, '{id,customer_id|customer,trial_start}', '{trial_end,status}',
				'{"user_id": {"by": "user_id in the metadata of the customer, or who has its address"}, "started_at": {"by": "trial_start"}, "ends_at": {"by": "trial_end"}, "plan": {"by": "prices of the items"}, "updated_at": {"by": "_fivetran_synced"}}', 'stripe trials'),
			('stripe', 'trials', 'subscription', 'subscription_history', '{id,customer_id|customer,trial_start}', '{trial_end,status}',
				'{"user_id": {"by": "user_id in the metadata of the customer, or who has its address"}, "started_at": {"by": "trial_start"}, "ends_at": {"by": "trial_end"}, "plan": {"by": "prices of the items"}, "updated_at": {"by": "_fivetran_synced"}}', 'stripe trials'),
			('salesforce', 'people', 'contact', NULL, '{id,email,account_id|accountid}', '{has_opted_out_of_email|hasoptedoutofemail|lead_source|leadsource|is_deleted|isdeleted}',
				'{"user_id": {"by": "who has its address"}, "full_name": {"by": "name"}, "title": {"by": "title"}, "opted_out_at": {"by": "last_modified_date, where has_opted_out_of_email"},
					"attributes": {"by": "id, account_id, lead_source"}, "updated_at": {"by": "last_modified_date"}}', 'salesforce contact'),
			('salesforce', 'people', 'lead', NULL, '{id,email,is_converted|isconverted}', '{is_converted|isconverted}',
				'{"user_id": {"by": "who has its address"}, "full_name": {"by": "name"}, "title": {"by": "title"}, "opted_out_at": {"by": "last_modified_date, where has_opted_out_of_email"},
					"attributes": {"by": "id, lead_source"}, "updated_at": {"by": "last_modified_date"}}', 'salesforce lead'),
			('salesforce', 'accounts', 'account', NULL, '{id,name,owner_id|ownerid}', '{number_of_employees|numberofemployees|website}',
				'{"account_id": {"by": "id"}, "name": {"by": "name"}, "domain": {"by": "website"}, "employees": {"by": "number_of_employees"}, "industry": {"by": "industry"}, "crm_owner": {"by": "address of owner_id"}, "kind": {"by": "type"}, "updated_at": {"by": "last_modified_date"}}', 'salesforce accounts'),
			('salesforce', 'deals', 'opportunity', NULL, '{id,stage_name|stagename,amount}', '{is_won|iswon}',
				'{"deal_id": {"by": "id"}, "account_id": {"by": "account_id"}, "kind": {"by": "type"}, "amount": {"by": "amount"}, "created_at": {"by": "created_date"}, "closed_at": {"by": "close_date, where is_closed"}, "outcome": {"by": "is_won, is_closed"}, "updated_at": {"by": "last_modified_date"}}', 'salesforce deals'),
			('salesforce', 'activities', 'task', NULL, '{id,owner_id|ownerid,status}', '{who_id|whoid}',
				'{"activity_id": {"by": "id"}, "email": {"by": "address of who_id"}, "rep": {"by": "address of owner_id"}, "channel": {"by": "task_subtype, or type"}, "occurred_at": {"by": "completed_date_time, or activity_date"}, "note": {"by": "subject"}, "updated_at": {"by": "last_modified_date"}}', 'salesforce activities'),
			('hubspot', 'people', 'contact', NULL, '{id,property_email}', '{property_email}',
				'{"user_id": {"by": "who has its address"}, "full_name": {"by": "property_firstname, property_lastname"}, "title": {"by": "property_jobtitle"}, "opted_out_at": {"by": "property_lastmodifieddate, where property_hs_email_optout"},
					"attributes": {"by": "id, company, property_lifecyclestage"}, "updated_at": {"by": "property_lastmodifieddate"}}', 'hubspot people'),
			('hubspot', 'accounts', 'company', NULL, '{id,property_name}', '{property_name}',
				'{"account_id": {"by": "id"}, "name": {"by": "property_name"}, "domain": {"by": "property_domain"}, "employees": {"by": "property_numberofemployees"}, "industry": {"by": "property_industry"}, "crm_owner": {"by": "address of the owner"}, "kind": {"by": "property_type"}, "updated_at": {"by": "property_lastmodifieddate"}}', 'hubspot accounts'),
			('hubspot', 'deals', 'deal', NULL, '{deal_id,deal_pipeline_stage_id|property_dealstage}', '{property_amount}',
				'{"deal_id": {"by": "deal_id"}, "user_id": {"by": "who has the address of its contact"}, "account_id": {"by": "company"}, "kind": {"by": "property_dealtype"}, "amount": {"by": "property_amount"}, "created_at": {"by": "property_createdate"},
					"closed_at": {"by": "property_closedate, where the stage is closed"}, "outcome": {"by": "stage"}, "updated_at": {"by": "property_lastmodifieddate"}}', 'hubspot deals')
		) q (shape, input, relation, unless_there, must, told_by, mapping, query)
	) w;
END;
COMMENT ON FUNCTION pql.shapes() IS 'The shapes that pql.connect knows: which relations each has (*: a table for each event, called like it), read as which input; one with unless_there is read where that one is missing. must: columns (one of several, a|b) and the family of their type; told_by, told_not_by: further ones that tell the shape from others, NULL where they cannot. mapping: a list gives columns to look for, of which the first that is there is read; "*" all columns but those of the loader (own, a regular expression). zone: of times that are written without one, NULL where the shape does not say. query: it is read by a query made for it.';

CREATE FUNCTION pql.relation_columns(relation regclass) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT coalesce(jsonb_object_agg(lower(a.attname), CASE
		WHEN t.oid IN ('timestamp'::regtype, 'timestamptz'::regtype) THEN 'time'
		WHEN t.oid IN ('json'::regtype, 'jsonb'::regtype) THEN 'json'
		WHEN t.typcategory = 'S' THEN 'text' WHEN t.typcategory = 'N' THEN 'number' WHEN t.typcategory = 'B' THEN 'boolean' ELSE t.typname::text END), '{}')
	FROM pg_catalog.pg_attribute a
	JOIN pg_catalog.pg_type d ON d.oid = a.atttypid
	JOIN pg_catalog.pg_type t ON t.oid = coalesce(nullif(d.typbasetype, 0), d.oid)
	WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped;
END;
COMMENT ON FUNCTION pql.relation_columns(regclass) IS 'The columns of a table, in lower case, and the family of each one''s type: time, json, text, number, boolean, or the type itself.';

CREATE FUNCTION pql.lacking(columns jsonb, must text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	-- JSON may have been loaded as text
	SELECT ARRAY(SELECT m.said FROM unnest(must) WITH ORDINALITY m (said, n) WHERE NOT EXISTS (
		SELECT FROM regexp_split_to_table(split_part(m.said, ':', 1), '[|]') c (name)
		WHERE columns ? c.name AND (split_part(m.said, ':', 2) IN ('', columns ->> c.name) OR split_part(m.said, ':', 2) = 'json' AND columns ->> c.name = 'text')) ORDER BY m.n);
END;
COMMENT ON FUNCTION pql.lacking(jsonb, text[]) IS 'What of the columns that a shape must have (as in pql.shapes) is not among those of pql.relation_columns.';

CREATE FUNCTION pql.place_of(relation regclass, place text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	-- loaders differ in upper and lower case; a name that is spelt alike comes first
	SELECT a.attname || substr(p.place, length(a.attname) + 1)
	FROM (VALUES (1, place, place), (2, place, nullif(split_part(place, '.', 1), place))) p (n, place, name)
	JOIN pg_catalog.pg_attribute a ON lower(a.attname) = lower(p.name) AND (p.n = 1 OR a.atttypid IN ('json'::regtype, 'jsonb'::regtype))
	WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
	ORDER BY p.n, a.attname = p.name DESC, a.attnum LIMIT 1;
END;
COMMENT ON FUNCTION pql.place_of(regclass, text) IS 'A column (or path into one of JSON) as the table spells it; NULL: it has none that is called so, in whichever case.';

CREATE FUNCTION pql.joined_tables(events regclass) RETURNS TABLE (n bigint, relation regclass, name text, key text)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	-- contexts belong to any event, and an event has any number of them
	SELECT row_number() OVER (ORDER BY t.relname), t.oid::regclass, lower(t.relname), a.attname::text
	FROM pg_catalog.pg_class e JOIN pg_catalog.pg_class t ON t.relnamespace = e.relnamespace AND t.relkind IN ('r', 'm') AND t.relname ~ '_[0-9]+$' AND t.relname !~ '_contexts?_[0-9]+$'
	JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND lower(a.attname) = 'root_id' AND NOT a.attisdropped
	WHERE e.oid = events;
END;
COMMENT ON FUNCTION pql.joined_tables(regclass) IS 'Of Snowplow''s table of events: the tables beside it that have properties of one kind of event each, and the column (root_id) that has the event''s id.';

CREATE FUNCTION pql.joined_properties(events regclass, properties text) RETURNS TABLE (expression text, joined text)
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	id text := pql.place_of(events, 'event_id');
	vendor text := pql.place_of(events, 'event_vendor');
	version text := pql.place_of(events, 'event_version');
	-- as in names of tables
	event text := format('regexp_replace(translate(r.%I, ''-'', ''_''), ''([[:lower:][:digit:]])([[:upper:]])'', ''\1_\2'', ''g'')', pql.place_of(events, 'event_name'));
	its_own text;
	part record;
BEGIN
	expression := format('CASE WHEN jsonb_typeof(%1$s) = ''object'' THEN %1$s ELSE ''{}'' END', properties);
	joined := '';
	FOR part IN SELECT * FROM pql.joined_tables(events) LOOP
		-- the table of an event is called vendor_name_version
		its_own := CASE WHEN vendor IS NOT NULL AND version IS NOT NULL
			THEN format('lower(concat_ws(''_'', translate(r.%I, ''.-'', ''__''), %s, split_part(r.%I, ''-'', 1))) = %L', vendor, event, version, part.name)
			ELSE format('''_'' || lower(%1$s) = right(%2$L, length(%1$s) + 1)', event, regexp_replace(part.name, '_[0-9]+$', '')) END;
		-- of rows that a loader repeats, one
		joined := joined || format(' LEFT JOIN (SELECT j.* FROM %1$s j WHERE NOT EXISTS (SELECT FROM %1$s k WHERE k.%2$I = j.%2$I AND k.ctid < j.ctid)) j%3$s ON j%3$s.%2$I%4$s = r.%5$I%4$s AND %6$s',
			part.relation, part.key, part.n, CASE WHEN pql.column_type(part.relation, part.key) <> pql.column_type(events, id) THEN '::text' ELSE '' END, id, its_own);
		expression := expression || format(' || coalesce(to_jsonb(j%s) - %L::text[], ''{}'')', part.n,
			ARRAY(SELECT a.attname FROM pg_attribute a WHERE a.attrelid = part.relation AND lower(a.attname) = ANY ('{root_id,root_tstamp,ref_root,ref_tree,ref_parent,schema_vendor,schema_name,schema_format,schema_version}')));
	END LOOP;
	expression := '(' || expression || ')';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION pql.joined_properties(regclass, text) IS 'An expression over the row r of Snowplow''s table of events that has its properties, and those of the event''s own table beside them; and the joins which that takes.';

CREATE FUNCTION pql.shape_mapping(of_shape text, of_input text, of_part text, target regclass) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	shape record;
	word record;
	result jsonb := '{}';
	used text[] := '{}';
	place text;
	open_word text := CASE of_input WHEN 'events' THEN 'properties' ELSE 'attributes' END;
	open jsonb;
	parts jsonb;
BEGIN
	SELECT * INTO shape FROM pql.shapes() s WHERE s.shape = of_shape AND s.input = of_input AND s.relation = of_part;
	IF NOT FOUND THEN
		RETURN '{}';
	END IF;
	parts := pql.shape_parts(shape.query, target);
	FOR word IN SELECT key, value FROM jsonb_each(shape.mapping) WHERE key <> open_word OR value ? 'by' LOOP
		IF word.value ? 'by' THEN
			IF coalesce(parts -> 'words' ->> word.key, 'NULL') !~ '^NULL(::\w+)?$' THEN
				result := result || jsonb_build_object(word.key, word.value);
			END IF;
			CONTINUE;
		ELSIF jsonb_typeof(word.value) = 'object' THEN
			result := result || jsonb_build_object(word.key, CASE WHEN word.value ->> 'is' = '*'
				THEN jsonb_build_object('is', (SELECT c.relname FROM pg_class c WHERE c.oid = target)) ELSE word.value END);
			CONTINUE;
		END IF;
		-- one that must be there is named in the error when it is not
		place := CASE jsonb_typeof(word.value) WHEN 'string' THEN coalesce(pql.place_of(target, word.value #>> '{}'), word.value #>> '{}')
			ELSE (SELECT pql.place_of(target, c.name) FROM jsonb_array_elements_text(word.value) WITH ORDINALITY c (name, n) WHERE pql.place_of(target, c.name) IS NOT NULL ORDER BY c.n LIMIT 1) END;
		IF place IS NOT NULL THEN
			result := result || jsonb_build_object(word.key, place);
			used := used || place;
		END IF;
	END LOOP;
	open := shape.mapping -> open_word;
	IF jsonb_typeof(open) = 'string' AND open <> '"*"' THEN
		result := result || jsonb_build_object(open_word, coalesce(pql.place_of(target, open #>> '{}'), open #>> '{}'));
	ELSIF open IS NOT NULL AND NOT open ? 'by' THEN
		result := result || jsonb_build_object(open_word, (
			SELECT coalesce(jsonb_object_agg(p.name, p.place), '{}')
			FROM (
				SELECT a.attname::text AS name, a.attname::text AS place FROM pg_attribute a
				WHERE (open = '"*"' OR open ? '*') AND a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped
					AND a.attname <> ALL (used) AND lower(a.attname) !~ format('^(%s)$', shape.own)
				UNION ALL
				SELECT o.key, (SELECT pql.place_of(target, c.name) FROM jsonb_array_elements_text(o.value) WITH ORDINALITY c (name, n) WHERE pql.place_of(target, c.name) IS NOT NULL ORDER BY c.n LIMIT 1)
				FROM jsonb_each(CASE WHEN jsonb_typeof(open) = 'object' THEN open - '*' ELSE '{}' END) o
			) p
			WHERE p.place IS NOT NULL));
	END IF;
	-- a column that happens to be called like a word of ours does not mean it here
	result := (SELECT jsonb_object_agg(w.word, 'null'::jsonb) FROM pql.input_words(of_input) w) || result;
	IF shape.zone IS NOT NULL AND EXISTS (SELECT FROM pql.input_words(of_input) w JOIN pg_attribute a ON a.attrelid = target AND a.attname = result ->> w.word
		WHERE w.type = 'timestamptz' AND a.attnum > 0 AND pql.column_type(target, a.attname) IN ('timestamp'::regtype, 'date'::regtype)) THEN
		result := result || jsonb_build_object('timezone', shape.zone);
	END IF;
	IF shape.query IS NOT NULL AND (shape.query <> 'snowplow' OR EXISTS (SELECT FROM pql.joined_tables(target))) THEN
		result := result || jsonb_build_object('query', shape.query);
	END IF;
	RETURN result;
END
$$;
COMMENT ON FUNCTION pql.shape_mapping(text, text, text, regclass) IS 'What the columns that a table has now mean, by the shape of which it is that part; words of which it has none are null.';

CREATE FUNCTION pql.bound_mapping(shape text, input text, part text, relation text, asked jsonb, stored jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	target regclass := to_regclass(relation);
	open_word text := CASE input WHEN 'events' THEN 'properties' ELSE 'attributes' END;
	now_there jsonb;
	open jsonb := stored -> open_word;
BEGIN
	IF shape IS NULL OR target IS NULL THEN
		RETURN stored;
	END IF;
	now_there := jsonb_strip_nulls(pql.shape_mapping(shape, input, part, target) - ARRAY(SELECT jsonb_object_keys(coalesce(asked, '{}'))));
	IF jsonb_typeof(open) = 'object' AND jsonb_typeof(now_there -> open_word) = 'object' THEN
		open := now_there -> open_word || open;
	END IF;
	RETURN jsonb_strip_nulls(now_there || stored || jsonb_build_object(open_word, open));
END
$$;
COMMENT ON FUNCTION pql.bound_mapping(text, text, text, text, jsonb, jsonb) IS 'The mapping of a source as of now: what was found when it was connected, and columns of the shape that have come since, but for words that were asked for otherwise. Columns that have gone stay in it, so that whoever reads the source is told their names.';

CREATE FUNCTION pql.shape_tables(of_input text, of_shape text, in_schema oid, only_table oid DEFAULT NULL, but oid[] DEFAULT '{}')
RETURNS TABLE (shape text, part text, target regclass, tells boolean, n bigint)
LANGUAGE sql STABLE
BEGIN ATOMIC
	WITH tables AS MATERIALIZED (
		SELECT c.oid, lower(c.relname) AS name, CASE WHEN c.oid <> ALL (but) THEN pql.relation_columns(c.oid) END AS columns
		FROM pg_catalog.pg_class c
		WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition AND (c.oid = only_table OR only_table IS NULL AND c.relnamespace = in_schema)
	), fitting AS (
		SELECT s.*, t.oid,
			s.told_by IS NOT NULL AND pql.lacking(t.columns, s.told_by) = '{}' AND NOT t.columns ?| s.told_not_by AS tells
		FROM pql.shapes() s JOIN tables t ON t.columns IS NOT NULL AND pql.lacking(t.columns, s.must) = '{}' AND (s.relation = t.name
			-- by itself, a table may be called anything
			OR only_table IS NOT NULL AND s.told_by IS NOT NULL
			OR s.relation = '*' AND NOT EXISTS (SELECT FROM pql.shapes() o WHERE o.shape = s.shape AND o.relation = t.name))
		WHERE s.input = of_input AND (s.shape = of_shape OR of_shape IS NULL)
	)
	SELECT DISTINCT ON (f.shape, f.n, f.oid) f.shape, f.relation, f.oid::regclass, f.tells, f.n
	FROM fitting f
	WHERE f.unless_there IS NULL OR only_table IS NOT NULL OR NOT EXISTS (SELECT FROM tables t WHERE t.name = f.unless_there)
	ORDER BY f.shape, f.n, f.oid;
END;
COMMENT ON FUNCTION pql.shape_tables(text, text, oid, oid, oid[]) IS 'Tables of a schema, or one table, that fit a shape (NULL: any), as parts of it for an input; but for those that are known already (but). tells: its columns tell the shape from others.';
