-- The queries by which the scan knows whom it scores: keys first, profiles when the events have been read.
--
-- pql.profile_of says the same in one jsonb per subject; here every fact is a column, and only what the model asks is joined.

CREATE FUNCTION pql.fact_expression(fact text, default_only boolean DEFAULT false) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	section text := split_part(fact, '.', 1);
	key text := substr(fact, length(section) + 2);
	row_of text := left(section, 1);
	stem text;
	type oid;
BEGIN
	IF default_only THEN
		RETURN CASE fact
			WHEN 'account.name' THEN 's.signup -> ''company_name'''
			WHEN 'account.employees' THEN 'CASE WHEN jsonb_typeof(s.signup -> ''company_size'') = ''number'' THEN s.signup -> ''company_size'' END'
			WHEN 'account.members' THEN 'n.members' END;
	END IF;
	CASE fact
		-- the reader trims it and makes it lower case, and tells its kind
		WHEN 'person.email' THEN RETURN 'coalesce(p.email, s.signup ->> ''email'')';
		WHEN 'person.email_kind' THEN RETURN NULL;
		WHEN 'person.signup_source' THEN RETURN 's.signup -> ''signup_source''';
		WHEN 'person.paid_before_trial' THEN RETURN 'coalesce(p.paid_at < s.started_at, false)';
		WHEN 'trial.started_at' THEN RETURN 'to_jsonb(s.started_at)';
		WHEN 'trial.ends_at' THEN RETURN 'to_jsonb(s.ends_at)';
		WHEN 'trial.plan' THEN RETURN 's.plan';
		WHEN 'trial.converted_at' THEN RETURN 'to_jsonb(CASE WHEN s.converted_at <= $1 THEN s.converted_at END)';
		WHEN 'trial.mrr' THEN RETURN 'to_jsonb(CASE WHEN s.converted_at <= $1 THEN s.mrr END)';
		WHEN 'trial.conversion_source' THEN RETURN 'CASE WHEN s.converted_at <= $1 THEN s.conversion_source END';
		ELSE
	END CASE;
	IF section NOT IN ('person', 'account') OR key IN ('attributes', 'followed_at') THEN
		RETURN NULL;
	END IF;
	stem := key;
	SELECT a.atttypid INTO type FROM pg_attribute a
	WHERE a.attrelid = ('pql.' || section)::regclass AND a.attname = key AND a.attnum > 0 AND NOT a.attisdropped;
	IF FOUND THEN
		RETURN CASE WHEN type IN ('text'::regtype, 'int4'::regtype, 'int8'::regtype, 'bool'::regtype) THEN format('%s.%I', row_of, key)
			ELSE format('to_jsonb(%s.%I)', row_of, key) END;
	END IF;
	stem := split_part(key, '.', 1);
	PERFORM FROM pg_attribute a
	WHERE a.attrelid = ('pql.' || section)::regclass AND a.attname = stem AND stem <> 'attributes' AND a.attnum > 0 AND NOT a.attisdropped;
	RETURN CASE WHEN FOUND AND stem <> key THEN
		format('to_jsonb(%s.%I) #> %L::text[]', row_of, stem, string_to_array(substr(key, length(stem) + 2), '.')) END;
END
$$;
COMMENT ON FUNCTION pql.fact_expression(text, boolean) IS 'Where a fact stands in pql''s tables, as an expression; NULL when only attributes may have it. default_only: what holds when neither column nor attribute says it.';

CREATE FUNCTION pql.person_relation(arguments text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT format('(SELECT v.user_id, v.own_id, %s FROM pql.people_at(%s) v JOIN pql.person p ON p.user_id = v.own_id)',
		string_agg(format('%s.%2$I', CASE WHEN a.attname IN ('signed_up_at', 'paid_at', 'opted_out_at', 'suppressed_at') THEN 'v' ELSE 'p' END, a.attname), ', ' ORDER BY a.attnum),
		arguments)
	FROM pg_catalog.pg_attribute a
	WHERE a.attrelid = 'pql.person'::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> 'user_id';
END;
COMMENT ON FUNCTION pql.person_relation(text) IS 'A query with the columns of pql.person, and own_id: one row a person. arguments: those of pql.people_at, as expressions.';

CREATE FUNCTION pql.population_queries(model jsonb, known_at timestamptz DEFAULT NULL, only_users text[] DEFAULT NULL, as_of timestamptz DEFAULT NULL,
	OUT signups text, OUT keys text, OUT profiles text, OUT lists text, OUT aliases text)
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	info record := pql.model_info(model);
	facts text[] := info.facts;
	by_signup boolean := NOT EXISTS (SELECT FROM pql.trial);
	any_conversion boolean := EXISTS (SELECT FROM pql.conversion);
	-- with those who share a conversion with them
	signing text[] := CASE WHEN any_conversion THEN pql.payers_beside(only_users) ELSE only_users END;
	any_fact boolean := EXISTS (SELECT FROM pql.fact);
	accounts_change boolean := EXISTS (SELECT FROM pql.fact f WHERE f.name = 'person.account_id');
	-- where no alias has a row, or trials, everybody is who the tables say
	any_alias boolean;
	alias_ids text[];
	alias_persons text[];
	people_merge boolean;
	trials_merge boolean;
	-- of the functions that know of them
	arguments CONSTANT text := format('%L::timestamptz, %L::timestamptz, %s', as_of, known_at, CASE WHEN only_users IS NOT NULL THEN '$3' ELSE 'NULL' END);
	person text := 'pql.person';
	own_id text := 's.user_id';
	-- of some users they are counted where each is, unless it matters whose row is whose of them and their colleagues, or when it was so
	counts_members boolean;
	leads_known boolean := EXISTS (SELECT FROM pql.fact f WHERE f.name >= 'lead.' AND f.name < 'lead/');
	-- the planner leaves it out when it is all of them
	share CONSTANT text := CASE WHEN only_users IS NOT NULL THEN '%1$s.user_id = ANY ($3)' ELSE '($4 - $3 = 4294967296 OR pql.user_between(%1$s.user_id, $3, $4))' END;
	-- trials of users who have one in the range asked for: the next one ends the one before
	in_range CONSTANT text := 't.started_at >= ''0001-01-01 00:00Z'' AND t.started_at < ''10000-01-01 00:00Z''';
	asked CONSTANT text := '($5 IS NULL OR %1$s.started_at >= $5) AND ($6 IS NULL OR %1$s.started_at < $6)';
	trials text;
	account text := 'p.account_id';
	subjects text;
	people text; -- from where, with s the subject and p their row
	started text := '';
	columns text;
BEGIN
	SELECT count(*) > 0, coalesce(bool_or(EXISTS (SELECT FROM pql.person p WHERE p.user_id = a.user_id)), false), coalesce(bool_or(EXISTS (SELECT FROM pql.trial t WHERE t.user_id = a.user_id)), false),
		array_agg(a.user_id) FILTER (WHERE only_users IS NOT NULL), array_agg(a.same_as) FILTER (WHERE only_users IS NOT NULL)
	INTO any_alias, people_merge, trials_merge, alias_ids, alias_persons
	FROM pql.aliases(as_of, known_at, only_users) a;
	counts_members := 'account.members' = ANY (facts) AND (only_users IS NULL OR accounts_change OR people_merge
		OR EXISTS (SELECT FROM pql.ids_to_merge(as_of, known_at, pql.colleagues(only_users, as_of, known_at), false)));
	IF by_signup THEN
		signups := format($q$SELECT array_agg(e.user_id), array_agg(e.occurred_at), array_agg(e.properties)
			FROM (SELECT DISTINCT ON (x.user_id, x.occurred_at) x.user_id, x.occurred_at, x.properties
				FROM (%s) x WHERE x.event = 'signup_complete' AND x.occurred_at >= '0001-01-01 00:00Z' AND x.occurred_at < '10000-01-01 00:00Z' AND x.occurred_at <= $1%s
				ORDER BY x.user_id, x.occurred_at, x.properties) e$q$, pql.event_query(population_queries.known_at, signing, '{}', population_queries.as_of), CASE WHEN only_users IS NULL THEN ''
				WHEN any_conversion THEN ' AND x.user_id = ANY ((SELECT pql.payers_beside($3))::text[])' ELSE ' AND x.user_id = ANY ($3)' END);
		trials := format('(SELECT u.user_id, u.started_at, NULL::timestamptz AS ends_at, NULL::text AS plan, %s, u.signup
			FROM unnest($7, $8, $9) u (user_id, started_at, signup)%s)',
			CASE WHEN any_conversion THEN 'c.converted_at, c.mrr, c.conversion_source'
				ELSE 'NULL::timestamptz AS converted_at, NULL::float8 AS mrr, NULL::text AS conversion_source' END,
			CASE WHEN any_conversion THEN format(' LEFT JOIN pql.signup_conversions(%s, $7, $8) c ON c.user_id = u.user_id AND c.started_at = u.started_at',
				CASE WHEN only_users IS NOT NULL THEN '$3' ELSE '$7' END) ELSE '' END);
	ELSE
		trials := format('(SELECT r.user_id, r.started_at, r.ends_at, r.plan, r.converted_at, r.mrr, r.conversion_source, NULL::jsonb AS signup FROM %s r)',
			CASE WHEN trials_merge THEN format('pql.trials_at(%s)', arguments) ELSE 'pql.trial' END);
	END IF;
	IF people_merge THEN
		person := pql.person_relation(arguments);
		own_id := 'p.own_id';
	END IF;
	IF any_alias THEN
		-- those of some users are at hand
		aliases := CASE WHEN only_users IS NULL THEN format('SELECT a.user_id, a.same_as FROM pql.aliases(%s) a', arguments) ELSE format('SELECT * FROM unnest(%L::text[], %L::text[])', alias_ids, alias_persons) END;
	END IF;

	IF info.per_trial THEN
		keys := format('SELECT t.user_id, t.started_at, t.converted_at FROM %s t WHERE %s AND %s', trials, in_range, format(share, 't'))
			|| format(' AND (($5 IS NULL AND $6 IS NULL) OR t.user_id IN (SELECT o.user_id FROM %s o WHERE %s))', trials, format(asked, 'o'));
		subjects := format('(SELECT t.* FROM %s t WHERE %s AND t.started_at <= $1 AND %s AND %s)', trials, in_range, format(share, 't'), format(asked, 't'));
		people := format('%s s LEFT JOIN %s p ON p.user_id = s.user_id', subjects, person)
			-- a few are looked up one by one
			|| CASE WHEN only_users IS NULL THEN ' AND ' || format(share, 'p') ELSE '' END;
	ELSE
		-- users with a trial or a row of their own; what is said of a trial is said of the latest
		people := format($q$(SELECT t.user_id, min(t.started_at) AS started_at, min(t.converted_at) AS converted_at%s
				FROM %s t WHERE %s AND t.started_at <= $1 AND %s GROUP BY t.user_id) t
			FULL JOIN (SELECT * FROM %s p WHERE %s) p ON p.user_id = t.user_id
			CROSS JOIN LATERAL (SELECT coalesce(t.user_id, p.user_id) AS user_id,
				least(t.started_at, CASE WHEN p.signed_up_at >= '0001-01-01 00:00Z' AND p.signed_up_at < '10000-01-01 00:00Z' THEN p.signed_up_at END) AS started_at,
				least(t.converted_at, p.paid_at) AS converted_at, t.ends_at, t.plan, t.mrr, t.conversion_source, t.signup) s$q$,
			(SELECT string_agg(CASE WHEN c.needed THEN format(', (array_agg(t.%1$I ORDER BY t.started_at DESC))[1] AS %1$I', c.name)
				ELSE format(', NULL::%s AS %I', c.type, c.name) END, '' ORDER BY c.name)
			FROM (VALUES ('ends_at', 'timestamptz', EXISTS (SELECT FROM unnest(facts) f WHERE f IN ('trial.days_left', 'trial.ends_at'))),
				('plan', 'text', 'trial.plan' = ANY (facts)), ('mrr', 'float8', 'trial.mrr' = ANY (facts)),
				('conversion_source', 'text', 'trial.conversion_source' = ANY (facts)), ('signup', 'jsonb', by_signup)) c (name, type, needed)),
			trials, in_range, format(share, 't'), person, format(share, 'p'));
		started := ' WHERE (s.started_at IS NULL OR s.started_at <= $1) AND ' || format(asked, 's');
		-- the earliest start of each counts: when all are asked for, the reader finds it
		keys := format($q$SELECT s.user_id, s.started_at, NULL::timestamptz FROM %s%s AND NOT ($5 IS NULL AND $6 IS NULL)
			UNION ALL SELECT t.user_id, t.started_at, NULL FROM %s t WHERE $5 IS NULL AND $6 IS NULL AND %s AND t.started_at <= $1 AND %s
			UNION ALL SELECT p.user_id, p.signed_up_at, NULL FROM %s p WHERE $5 IS NULL AND $6 IS NULL AND %s
				AND (p.signed_up_at <= $1 OR p.signed_up_at >= '10000-01-01 00:00Z') IS NOT FALSE$q$,
			people, started, trials, in_range, format(share, 't'), person, format(share, 'p'));
	END IF;

	IF accounts_change THEN
		account := 'CASE WHEN f.subject IS NULL THEN p.account_id ELSE f.latest #>> ''{}'' END';
	END IF;
	-- told by the address, where nobody says it
	IF facts && ARRAY['person.email_local', 'person.email_kind'] AND 'person.email' <> ALL (facts) THEN
		facts := facts || 'person.email'::text;
	END IF;
	SELECT coalesce(string_agg(format(', %s AS %I', c.expression, c.name), ''), '') INTO columns
	FROM (
		SELECT f AS name, pql.fact_expression(f) AS expression FROM unnest(facts) f
		UNION ALL
		SELECT 'default:' || f, pql.fact_expression(f, true) FROM unnest(facts) f WHERE by_signup OR f = 'account.members'
		UNION ALL
		SELECT 'since:' || v.fact, v.place FROM (VALUES ('person.opted_out', 'p.opted_out_at'), ('person.suppressed', 'p.suppressed_at')) v (fact, place)
		WHERE v.fact = ANY (facts)
	) c
	WHERE c.expression IS NOT NULL;
	profiles := format('SELECT s.user_id, %s AS account_id, s.started_at, s.ends_at, CASE WHEN s.converted_at <= $1 THEN s.converted_at END AS converted_at, ', account)
		|| CASE WHEN any_fact THEN 'hp.history, ha.history, ' ELSE 'NULL::jsonb, NULL::jsonb, ' END
		|| CASE WHEN leads_known THEN 'hl.history, ' ELSE 'NULL::jsonb, ' END
		|| 'p.attributes, ' || CASE WHEN EXISTS (SELECT FROM unnest(facts) u WHERE u LIKE 'account.%') THEN 'a.attributes' ELSE 'NULL::jsonb' END
		|| columns
		|| ' FROM ' || people
		-- of some users everything is looked up, one by one: what the planner expects of a thousand rows that it does not know is not to matter
		|| CASE WHEN accounts_change THEN format(CASE WHEN only_users IS NOT NULL THEN ' LEFT JOIN LATERAL (SELECT * FROM (%1$s) g WHERE g.subject = %2$s OFFSET 0) f ON true' ELSE ' LEFT JOIN (%1$s) f ON f.subject = %2$s' END, $q$
			SELECT r.subject, (array_agg(r.value ORDER BY r.recorded_at DESC)
				FILTER (WHERE r.recorded_at <= $1 AND ($2 IS NULL OR r.recorded_at <= $2)))[1] AS latest
			FROM pql.fact r WHERE r.name = 'person.account_id' GROUP BY r.subject$q$, CASE WHEN people_merge THEN 'p.own_id' ELSE 'p.user_id' END) ELSE '' END
		|| CASE WHEN EXISTS (SELECT FROM unnest(facts) u WHERE u LIKE 'account.%') THEN format(' LEFT JOIN pql.account a ON a.account_id = %s', account) ELSE '' END
		|| CASE WHEN any_fact THEN (SELECT string_agg(format(CASE WHEN only_users IS NOT NULL
				THEN ' LEFT JOIN LATERAL (SELECT g.history FROM pql.fact_history_at($1, $2) g WHERE g.subject = %2$s OFFSET 0) %1$s ON true' ELSE ' LEFT JOIN pql.fact_history_at($1, $2) %1$s ON %1$s.subject = %2$s' END, h.name, h.subject), '')
			FROM (VALUES ('hp', own_id), ('ha', account)) h (name, subject)) ELSE '' END
		|| CASE WHEN NOT leads_known THEN '' WHEN only_users IS NOT NULL THEN ' CROSS JOIN LATERAL (SELECT pql.lead_history(s.user_id, NULL, NULL, $1, $2) AS history OFFSET 0) hl'
			ELSE ' LEFT JOIN pql.lead_history_at($1, $2) hl ON hl.subject = s.user_id' END
		|| CASE WHEN counts_members THEN format(' LEFT JOIN members n ON n.account_id = %s', account)
		WHEN 'account.members' = ANY (facts) THEN $q$ LEFT JOIN LATERAL (
			SELECT count(*) AS members FROM pql.person m
			WHERE m.account_id = p.account_id AND (m.signed_up_at IS NULL OR m.signed_up_at <= $1)) n ON p.account_id IS NOT NULL$q$
		ELSE '' END
		|| started;
	IF counts_members THEN
		profiles := format($q$WITH members AS MATERIALIZED (SELECT m.account_id, count(*) AS members FROM pql.account_of_at($1, $2, %L) m
			WHERE m.signed_up_at IS NULL OR m.signed_up_at <= $1 GROUP BY m.account_id) $q$,
			CASE WHEN only_users IS NOT NULL THEN pql.person_ids(pql.colleagues(only_users, as_of, known_at), as_of, known_at) END) || profiles;
	END IF;
	lists := CASE WHEN info.lists <> '{}' THEN
		format('SELECT e.list, lower(e.entry) FROM pql.list_entry e WHERE e.list = ANY (%L::text[])', info.lists) END;
END
$$;
COMMENT ON FUNCTION pql.population_queries(jsonb, timestamptz, text[], timestamptz) IS 'For a model: signups (users, starts and properties of the event signup_complete as arrays; NULL unless pql.trial is empty), keys (user, start, conversion), profiles (one row a subject, a column a fact), lists (entries of the lists it asks; NULL: it asks none), aliases (ids, and the ids under which their persons are judged; NULL: there are none). as_of: by which aliases (pql.aliases). Parameters: $1 as_of, $2 known_at, $3 and $4 which users (pql.user_between; with only_users, $3 is an array of them or of some of them), $5 and $6 from and until which start, $7 to $9 what signups gave.';
