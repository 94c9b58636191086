-- Shapes whose rows say something only together with other tables: billing and CRM. What each word means is an expression over the row r
-- and what is joined to it, made from the columns that are there when it is read. Nothing of it is kept but the names of the shape and the table.

CREATE FUNCTION pql.pick(relation regclass, row_of text, VARIADIC names text[]) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT coalesce((
		SELECT format(CASE WHEN t.type IN ('timestamp'::regtype, 'date'::regtype) THEN '(%s.%I::timestamp AT TIME ZONE ''UTC'')' ELSE '%s.%I' END, row_of, t.place)
		FROM unnest(names) WITH ORDINALITY n (name, n) CROSS JOIN LATERAL (SELECT pql.place_of(relation, n.name) AS place, (
			SELECT a.atttypid FROM pg_catalog.pg_attribute a WHERE a.attrelid = relation AND a.attname = pql.place_of(relation, n.name) AND NOT a.attisdropped) AS type) t
		WHERE t.place IS NOT NULL ORDER BY n.n LIMIT 1), 'NULL');
END;
COMMENT ON FUNCTION pql.pick(regclass, text, text[]) IS 'The first of the columns that a table has, in whichever case, as an expression over a row (times without a zone are in UTC); ''NULL'' where it has none, or is none.';

CREATE FUNCTION pql.beside(relation regclass, VARIADIC names text[]) RETURNS regclass
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT t.oid::regclass FROM pg_catalog.pg_class r JOIN pg_catalog.pg_class t ON t.relnamespace = r.relnamespace AND t.relkind IN ('r', 'p', 'v', 'm', 'f')
	JOIN unnest(names) WITH ORDINALITY n (name, n) ON lower(t.relname) = n.name
	WHERE r.oid = relation ORDER BY n.n, t.relname = n.name DESC LIMIT 1;
END;
COMMENT ON FUNCTION pql.beside(regclass, text[]) IS 'The first of these tables that is in the schema of another. NULL: none is.';

CREATE FUNCTION pql.current_rows(relation regclass, row_of text) RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT array_remove(ARRAY[
		CASE WHEN pql.place_of(relation, '_fivetran_active') IS NOT NULL THEN format('%s IS TRUE', pql.pick(relation, row_of, '_fivetran_active')) END,
		CASE WHEN pql.place_of(relation, '_fivetran_deleted') IS NOT NULL THEN format('%s IS NOT TRUE', pql.pick(relation, row_of, '_fivetran_deleted')) END,
		CASE WHEN pql.place_of(relation, 'is_deleted') IS NOT NULL THEN format('%s IS NOT TRUE', pql.pick(relation, row_of, 'is_deleted')) END], NULL);
END;
COMMENT ON FUNCTION pql.current_rows(regclass, text) IS 'Conditions under which a row is neither deleted nor an earlier version, by the columns that loaders have for it.';

CREATE FUNCTION pql.joined_row(relation regclass, row_of text, key text, is_key text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	-- one row a key, whatever is repeated; of a table that says nothing of it, none
	SELECT CASE WHEN relation IS NULL THEN ''
		WHEN pql.place_of(relation, key) IS NULL OR is_key = 'NULL' THEN format(' LEFT JOIN (SELECT x.* FROM %s x WHERE false) %s ON true', relation, row_of)
		ELSE format(' LEFT JOIN (SELECT DISTINCT ON (x.%2$I) x.* FROM %1$s x%3$s ORDER BY x.%2$I) %4$s ON %4$s.%2$I::text = %5$s::text', relation, pql.place_of(relation, key),
			' WHERE ' || nullif(array_to_string(pql.current_rows(relation, 'x'), ' AND '), ''), row_of, is_key) END;
END;
COMMENT ON FUNCTION pql.joined_row(regclass, text, text, text) IS 'The join that brings the current row of another table with that key.';

CREATE FUNCTION pql.joined_user(email text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	-- an address that several people have is nobody's
	SELECT CASE WHEN email <> 'NULL' THEN format(' LEFT JOIN (SELECT lower(btrim(p.email)) AS email, min(p.user_id) AS user_id FROM pql.person p WHERE p.email IS NOT NULL GROUP BY 1 HAVING count(*) = 1) u ON u.email = lower(btrim(%s))', email)
		ELSE ' CROSS JOIN (SELECT NULL::text AS user_id) u' END;
END;
COMMENT ON FUNCTION pql.joined_user(text) IS 'The join that brings, as u, the user of pql.person who has that address.';

CREATE FUNCTION pql.query_parts(words jsonb, joins text, conditions text[], tables regclass[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT jsonb_build_object('words', words, 'joins', joins, 'conditions', to_jsonb(conditions), 'tables', (SELECT coalesce(jsonb_agg(t::oid), '[]') FROM unnest(tables) t WHERE t IS NOT NULL));
END;
COMMENT ON FUNCTION pql.query_parts(jsonb, text, text[], regclass[]) IS 'The parts of a query as pql.shape_parts has them; tables that are not there (NULL) are left out.';

CREATE FUNCTION pql.stripe_parts(part text, r regclass) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	customer regclass := pql.beside(r, 'customer', 'customers');
	item regclass := pql.beside(r, 'subscription_item', 'subscription_items');
	price regclass := pql.beside(r, 'price', 'prices', 'plan', 'plans');
	c_id text := pql.pick(r, 'r', 'customer_id', 'customer');
	metadata text := pql.pick(customer, 'c', 'metadata');
	trial_start text := pql.pick(r, 'r', 'trial_start');
	trial_end text := pql.pick(r, 'r', 'trial_end');
	ended text := pql.pick(r, 'r', 'ended_at', 'canceled_at');
	joins text;
	conditions text[] := pql.current_rows(r, 'r');
	words jsonb;
	of_user text;
	of_account text;
	item_price text;
	unit text;
	many text;
	each text;
	amount text := 'NULL';
	plan text := 'NULL';
BEGIN
	joins := pql.joined_row(customer, 'c', 'id', c_id);
	-- whoever takes the money may have written down whose it is
	of_user := format('coalesce(%s::text, %s, u.user_id)', pql.pick(customer, 'c', 'metadata_user_id'), CASE WHEN metadata = 'NULL' THEN 'NULL' ELSE format('pql.member_of(%s::text, ''user_id'')', metadata) END);
	of_account := format('coalesce(%s::text, %s)', pql.pick(customer, 'c', 'metadata_account_id'), CASE WHEN metadata = 'NULL' THEN 'NULL' ELSE format('pql.member_of(%s::text, ''account_id'')', metadata) END);
	joins := joins || pql.joined_user(pql.pick(customer, 'c', 'email'));
	IF price IS NOT NULL AND pql.place_of(item, 'id') IS NOT NULL AND pql.place_of(item, 'subscription_id') IS NOT NULL THEN
		item_price := pql.pick(item, 'i', 'price_id', 'plan_id', 'price', 'plan');
		unit := pql.pick(price, 'p', 'unit_amount', 'amount');
		each := pql.pick(price, 'p', 'recurring_interval', 'interval');
		many := pql.pick(price, 'p', 'recurring_interval_count', 'interval_count');
		-- unit amounts are in the smallest unit of a currency, which for some is the unit itself
		amount := format($q$sum(%1$s::float8 / CASE WHEN lower(%2$s::text) = ANY ('{bif,clp,djf,gnf,jpy,kmf,krw,mga,pyg,rwf,ugx,vnd,vuv,xaf,xof,xpf}') THEN 1 ELSE 100 END * coalesce(%3$s::float8, 1)
			/ (coalesce(nullif(%4$s::float8, 0), 1) * CASE lower(%5$s::text) WHEN 'year' THEN 12 WHEN 'week' THEN 7 / (365.25 / 12) WHEN 'day' THEN 1 / (365.25 / 12) ELSE 1 END))$q$,
			unit, pql.pick(price, 'p', 'currency'), pql.pick(item, 'i', 'quantity'), many, each);
		joins := joins || format(' LEFT JOIN (SELECT i.of_subscription, %s AS mrr, string_agg(DISTINCT %s::text, '', '' ORDER BY %s::text) AS plan FROM (SELECT DISTINCT ON (x.%I) x.*, x.%I::text AS of_subscription FROM %s x%s ORDER BY x.%I) i%s GROUP BY i.of_subscription) m ON m.of_subscription = %s::text',
			amount, pql.pick(price, 'p', 'nickname', 'lookup_key', 'product_id', 'id'), pql.pick(price, 'p', 'nickname', 'lookup_key', 'product_id', 'id'), pql.place_of(item, 'id'), pql.place_of(item, 'subscription_id'), item,
			coalesce(' WHERE ' || nullif(array_to_string(pql.current_rows(item, 'x'), ' AND '), ''), ''), pql.place_of(item, 'id'),
			pql.joined_row(price, 'p', 'id', item_price), pql.pick(r, 'r', 'id'));
		amount := 'm.mrr';
		plan := 'm.plan';
	END IF;
	IF part = 'trials' THEN
		conditions := conditions || format('%s IS NOT NULL', trial_start);
		words := jsonb_build_object('user_id', of_user, 'started_at', trial_start, 'ends_at', trial_end, 'plan', plan, 'updated_at', pql.pick(r, 'r', '_fivetran_synced'));
	ELSE
		-- paid is who is charged, or was when it ended: not during the trial, nor before the first charge succeeded
		conditions := conditions || format('(%1$s::text IN (''active'', ''past_due'', ''unpaid'') OR %1$s::text = ''canceled'' AND (%2$s::timestamptz IS NULL OR %3$s::timestamptz IS NULL OR %3$s > %2$s))', pql.pick(r, 'r', 'status'), trial_end, ended);
		words := jsonb_build_object('conversion_id', pql.pick(r, 'r', 'id') || '::text', 'user_id', of_user, 'account_id', of_account,
			'converted_at', format('coalesce(%s, %s)', trial_end, concat_ws(', ', nullif(pql.pick(r, 'r', 'start_date'), 'NULL'), pql.pick(r, 'r', 'created'))), 'plan', plan, 'mrr', amount, 'updated_at', pql.pick(r, 'r', '_fivetran_synced'));
	END IF;
	RETURN pql.query_parts(words, joins, conditions, ARRAY[customer, item, price]);
END
$$;
COMMENT ON FUNCTION pql.stripe_parts(text, regclass) IS 'How subscriptions of Stripe are read as conversions or trials: see pql.shape_parts. One conversion a subscription, when its trial ended or it began; mrr is the sum of its items'' prices times quantity, by the month.';

CREATE FUNCTION pql.member_of(document text, key text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN document::jsonb ->> key;
EXCEPTION WHEN data_exception THEN
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION pql.member_of(text, text) IS 'A member of a JSON document that was loaded as text. NULL: it has none, or the text is no JSON.';

CREATE FUNCTION pql.domain_of(url text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
	SELECT nullif(lower(substring(btrim(url) FROM '(?i)^(?:[a-z]+://)?(?:www\.)?([^/?#:[:space:]]+)')), '');
END;
COMMENT ON FUNCTION pql.domain_of(text) IS 'The domain of a web address, without www. NULL: there is none.';

CREATE FUNCTION pql.salesforce_parts(part text, r regclass) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	person regclass := pql.beside(r, 'user', 'users');
	lead regclass := pql.beside(r, 'lead');
	contact regclass := pql.beside(r, 'contact');
	-- the names of the API, and those that loaders make of them
	updated text := pql.pick(r, 'r', 'last_modified_date', 'lastmodifieddate', 'system_modstamp', 'systemmodstamp', '_fivetran_synced');
	owner text := pql.pick(r, 'r', 'owner_id', 'ownerid');
	joins text := '';
	conditions text[] := pql.current_rows(r, 'r') || CASE WHEN pql.place_of(r, 'isdeleted') IS NOT NULL THEN ARRAY[format('%s IS NOT TRUE', pql.pick(r, 'r', 'isdeleted'))] ELSE '{}' END;
	words jsonb;
	tables regclass[] := '{}';
	email text;
	type text := pql.pick(r, 'r', 'type');
BEGIN
	IF part IN ('accounts', 'deals', 'activities') THEN
		joins := pql.joined_row(person, 'o', 'id', owner);
		owner := CASE WHEN joins <> '' THEN format('coalesce(%s::text, %s::text)', pql.pick(person, 'o', 'email'), owner) ELSE owner || '::text' END;
		tables := tables || person;
	END IF;
	CASE part
		WHEN 'contact', 'lead' THEN
			email := pql.pick(r, 'r', 'email');
			joins := pql.joined_user(email);
			IF part = 'lead' AND pql.place_of(r, 'is_converted') IS NOT NULL THEN
				-- what it became says it from then on
				conditions := conditions || format('%s IS NOT TRUE', pql.pick(r, 'r', 'is_converted'));
			END IF;
			words := jsonb_build_object('user_id', 'u.user_id',
				'full_name', format('coalesce(%s::text, nullif(concat_ws('' '', %s, %s), ''''))', pql.pick(r, 'r', 'name'), pql.pick(r, 'r', 'first_name', 'firstname'), pql.pick(r, 'r', 'last_name', 'lastname')),
				'title', pql.pick(r, 'r', 'title') || '::text',
				'opted_out_at', format('CASE WHEN %s THEN coalesce(%s, %s) END', pql.pick(r, 'r', 'has_opted_out_of_email', 'hasoptedoutofemail') || '::boolean', updated, pql.pick(r, 'r', 'created_date', 'createddate')),
				'attributes', format('jsonb_strip_nulls(jsonb_build_object(%L, %s, ''crm_account_id'', %s, ''lead_source'', %s))', 'crm_' || part || '_id', pql.pick(r, 'r', 'id'), CASE part WHEN 'contact' THEN pql.pick(r, 'r', 'account_id', 'accountid') ELSE 'NULL' END,
					pql.pick(r, 'r', 'lead_source', 'leadsource')), 'updated_at', updated);
		WHEN 'accounts' THEN
			words := jsonb_build_object('account_id', pql.pick(r, 'r', 'id') || '::text', 'name', pql.pick(r, 'r', 'name') || '::text', 'domain', format('pql.domain_of(%s::text)', pql.pick(r, 'r', 'website')),
				'employees', pql.pick(r, 'r', 'number_of_employees', 'numberofemployees') || '::int4', 'industry', pql.pick(r, 'r', 'industry') || '::text', 'crm_owner', owner,
				'kind', format($q$CASE WHEN %1$s::text ~* 'competitor' THEN 'competitor' WHEN %1$s::text ~* 'partner|reseller|integrator' THEN 'partner' WHEN %1$s::text ~* 'customer' THEN 'customer' WHEN %1$s::text ~* 'prospect' THEN 'prospect' ELSE lower(%1$s::text) END$q$, type), 'updated_at', updated);
		WHEN 'deals' THEN
			-- it is known by its account
			words := jsonb_build_object('deal_id', pql.pick(r, 'r', 'id') || '::text', 'account_id', pql.pick(r, 'r', 'account_id', 'accountid') || '::text',
				'kind', format($q$CASE WHEN %1$s::text ~* 'renew' THEN 'renewal' WHEN %1$s::text ~* 'exist|expan|upsell|upgrade|add' THEN 'expansion' WHEN %1$s IS NOT NULL THEN 'new' END$q$, type),
				'amount', pql.pick(r, 'r', 'amount') || '::float8', 'created_at', pql.pick(r, 'r', 'created_date', 'createddate'),
				'closed_at', format('CASE WHEN %s THEN %s END', pql.pick(r, 'r', 'is_closed', 'isclosed') || '::boolean', pql.pick(r, 'r', 'close_date', 'closedate')),
				'outcome', format('CASE WHEN %s THEN ''won'' WHEN %s THEN ''lost'' END', pql.pick(r, 'r', 'is_won', 'iswon') || '::boolean', pql.pick(r, 'r', 'is_closed', 'isclosed') || '::boolean'), 'updated_at', updated);
		WHEN 'activities' THEN
			joins := joins || pql.joined_row(contact, 'c', 'id', pql.pick(r, 'r', 'who_id', 'whoid')) || pql.joined_row(lead, 'l', 'id', pql.pick(r, 'r', 'who_id', 'whoid'));
			tables := tables || contact || lead;
			conditions := conditions || format('(%s::text = ''Completed'') IS NOT FALSE', pql.pick(r, 'r', 'status'))
				|| format('concat_ws('' '', %s, %s) ~* ''email|call|linkedin''', pql.pick(r, 'r', 'task_subtype', 'tasksubtype'), type);
			words := jsonb_build_object('activity_id', pql.pick(r, 'r', 'id') || '::text', 'email', format('coalesce(%s::text, %s::text)', pql.pick(contact, 'c', 'email'), pql.pick(lead, 'l', 'email')), 'rep', owner,
				'channel', format('CASE WHEN concat_ws('' '', %1$s, %2$s) ~* ''linkedin'' THEN ''linkedin'' WHEN concat_ws('' '', %1$s, %2$s) ~* ''call'' THEN ''call'' ELSE ''email'' END', pql.pick(r, 'r', 'task_subtype', 'tasksubtype'), type),
				'occurred_at', format('coalesce(%s)', concat_ws(', ', nullif(pql.pick(r, 'r', 'completed_date_time', 'completeddatetime'), 'NULL'), nullif(pql.pick(r, 'r', 'activity_date', 'activitydate'), 'NULL'), nullif(updated, 'NULL'), 'NULL')),
				'note', pql.pick(r, 'r', 'subject') || '::text', 'updated_at', updated);
	END CASE;
	RETURN pql.query_parts(jsonb_strip_nulls(words), joins, conditions, tables);
END
$$;
COMMENT ON FUNCTION pql.salesforce_parts(text, regclass) IS 'How tables of Salesforce are read: see pql.shape_parts. Contacts and leads are about the user who has their address; whose account that is, the product knows.';

CREATE FUNCTION pql.hubspot_parts(part text, r regclass) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	owner regclass := pql.beside(r, 'owner', 'owners');
	stage regclass := pql.beside(r, 'deal_pipeline_stage');
	of_company regclass := pql.beside(r, CASE part WHEN 'deals' THEN 'deal_company' ELSE 'contact_company' END);
	of_contact regclass := pql.beside(r, 'deal_contact');
	contact regclass := pql.beside(r, 'contact');
	updated text := pql.pick(r, 'r', 'property_lastmodifieddate', 'property_hs_lastmodifieddate', '_fivetran_synced');
	joins text := '';
	conditions text[] := pql.current_rows(r, 'r');
	words jsonb;
	tables regclass[] := '{}';
	email text;
	won text;
	closed text;
	kind text := pql.pick(r, 'r', 'property_dealtype');
BEGIN
	CASE part
		WHEN 'people' THEN
			email := pql.pick(r, 'r', 'property_email');
			joins := pql.joined_user(email) || pql.joined_row(of_company, 'k', 'contact_id', pql.pick(r, 'r', 'id'));
			tables := tables || of_company;
			words := jsonb_build_object('user_id', 'u.user_id', 'full_name', format('nullif(concat_ws('' '', %s, %s), '''')', pql.pick(r, 'r', 'property_firstname'), pql.pick(r, 'r', 'property_lastname')),
				'title', pql.pick(r, 'r', 'property_jobtitle') || '::text',
				'opted_out_at', format('CASE WHEN lower(%s::text) = ''true'' THEN coalesce(%s, %s) END', pql.pick(r, 'r', 'property_hs_email_optout'), updated, pql.pick(r, 'r', 'property_createdate')),
				'attributes', format('jsonb_strip_nulls(jsonb_build_object(''crm_contact_id'', %s::text, ''crm_account_id'', coalesce(%s::text, %s::text), ''lifecycle_stage'', %s))', pql.pick(r, 'r', 'id'), pql.pick(of_company, 'k', 'company_id'),
					pql.pick(r, 'r', 'property_associatedcompanyid'), pql.pick(r, 'r', 'property_lifecyclestage')), 'updated_at', updated);
		WHEN 'accounts' THEN
			joins := pql.joined_row(owner, 'o', 'owner_id', pql.pick(r, 'r', 'property_hubspot_owner_id'));
			tables := tables || owner;
			words := jsonb_build_object('account_id', pql.pick(r, 'r', 'id') || '::text', 'name', pql.pick(r, 'r', 'property_name') || '::text', 'domain', format('pql.domain_of(coalesce(%s::text, %s::text))', pql.pick(r, 'r', 'property_domain'), pql.pick(r, 'r', 'property_website')),
				'employees', pql.pick(r, 'r', 'property_numberofemployees') || '::int4', 'industry', format('lower(%s::text)', pql.pick(r, 'r', 'property_industry')),
				'crm_owner', format('coalesce(%s::text, %s::text)', CASE WHEN joins <> '' THEN pql.pick(owner, 'o', 'email') ELSE 'NULL' END, pql.pick(r, 'r', 'property_hubspot_owner_id')),
				'kind', format('lower(%s::text)', pql.pick(r, 'r', 'property_type')), 'updated_at', updated);
		WHEN 'deals' THEN
			joins := pql.joined_row(stage, 's', 'stage_id', pql.pick(r, 'r', 'deal_pipeline_stage_id', 'property_dealstage')) || pql.joined_row(of_company, 'k', 'deal_id', pql.pick(r, 'r', 'deal_id'));
			IF of_contact IS NOT NULL AND contact IS NOT NULL THEN
				joins := joins || pql.joined_row(of_contact, 'd', 'deal_id', pql.pick(r, 'r', 'deal_id')) || pql.joined_row(contact, 'c', 'id', pql.pick(of_contact, 'd', 'contact_id'))
					|| pql.joined_user(pql.pick(contact, 'c', 'property_email'));
			END IF;
			tables := tables || stage || of_company || of_contact || contact;
			-- the stage tells; where it is not loaded, its usual name does
			won := format('coalesce(%s::boolean, %s::boolean, lower(%s::text) = ''closedwon'')', CASE WHEN stage IS NOT NULL THEN pql.pick(stage, 's', 'closed_won') ELSE 'NULL' END, pql.pick(r, 'r', 'property_hs_is_closed_won'), pql.pick(r, 'r', 'deal_pipeline_stage_id', 'property_dealstage'));
			closed := format('(%s OR coalesce(%s::boolean, %s::float8 = 0, false) OR lower(%s::text) = ''closedlost'')', won, pql.pick(r, 'r', 'property_hs_is_closed'), CASE WHEN stage IS NOT NULL THEN pql.pick(stage, 's', 'probability') ELSE 'NULL' END,
				pql.pick(r, 'r', 'deal_pipeline_stage_id', 'property_dealstage'));
			words := jsonb_build_object('deal_id', pql.pick(r, 'r', 'deal_id') || '::text', 'user_id', CASE WHEN of_contact IS NOT NULL AND contact IS NOT NULL THEN 'u.user_id' END, 'account_id', pql.pick(of_company, 'k', 'company_id') || '::text',
				'kind', format($q$CASE WHEN %1$s::text ~* 'renew' THEN 'renewal' WHEN %1$s::text ~* 'exist|expan|upsell|upgrade' THEN 'expansion' WHEN %1$s IS NOT NULL THEN 'new' END$q$, kind),
				'amount', pql.pick(r, 'r', 'property_amount') || '::float8', 'created_at', pql.pick(r, 'r', 'property_createdate'), 'closed_at', format('CASE WHEN %s THEN %s END', closed, pql.pick(r, 'r', 'property_closedate')),
				'outcome', format('CASE WHEN %s THEN ''won'' WHEN %s THEN ''lost'' END', won, closed), 'updated_at', updated);
	END CASE;
	RETURN pql.query_parts(jsonb_strip_nulls(words), joins, conditions, tables);
END
$$;
COMMENT ON FUNCTION pql.hubspot_parts(text, regclass) IS 'How tables of HubSpot are read: see pql.shape_parts. Contacts are about the user who has their address; whose account that is, the product knows.';

CREATE FUNCTION pql.shape_parts(query text, relation regclass) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN CASE split_part(query, ' ', 1) WHEN 'stripe' THEN pql.stripe_parts(split_part(query, ' ', 2), relation) WHEN 'salesforce' THEN pql.salesforce_parts(split_part(query, ' ', 2), relation)
		WHEN 'hubspot' THEN pql.hubspot_parts(split_part(query, ' ', 2), relation) END;
END
$$;
COMMENT ON FUNCTION pql.shape_parts(text, regclass) IS 'What a shape''s query over a table is made of, by the columns and tables that are there now: words (expressions over the row r and what is joined), joins, conditions, and tables (the others that it reads). NULL: it is no such query.';
