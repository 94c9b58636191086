-- Accounts: models whose unit is the account, judged by what their members are.
--
-- A model of accounts has a model of users beside it, called <model>_members: the signals of the model whose score it sums, but for
-- the categories left out, and one signal for each condition that members are counted by. That model is kept like any other, and what
-- an account model says of an account is made of its members' rows in pql.score alone. In tables that are kept by user an account
-- stands as account:<account_id>.

CREATE FUNCTION pql.member_counts(document jsonb) RETURNS TABLE (name text, kind text, counted jsonb)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT m.key, CASE WHEN m.value ? 'score_of' THEN 'score' WHEN m.value ? 'growth_over' THEN 'growth' WHEN m.value ? 'distinct' AND NOT m.value ? 'of' THEN 'distinct'
			WHEN m.value ?| '{at_least,at_most,more_than,less_than,between,equals}' THEN 'condition' WHEN m.value ? 'dau_mau' THEN 'dau_mau' WHEN m.value ?| '{weeks_rising,weeks_falling}' THEN 'weeks' ELSE 'condition' END, m.value
	FROM jsonb_each(document -> 'members') m;
END;
COMMENT ON FUNCTION pql.member_counts(jsonb) IS 'What an account model counts of members, by name: kind score, growth, distinct (values of a fact), dau_mau or weeks (the account''s own numbers), or condition.';

CREATE FUNCTION pql.reads_evidence(document jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT EXISTS (SELECT FROM pql.member_counts(document) c WHERE c.kind IN ('dau_mau', 'weeks'));
END;
COMMENT ON FUNCTION pql.reads_evidence(jsonb) IS 'Does an account model ask for what members'' verdicts do not tell?';

CREATE FUNCTION pql.weeks_in_a_row(weeks bigint[], known int, sign int) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT coalesce(min(n) - 1, greatest(least(cardinality(weeks), known), 1) - 1)::int
	FROM generate_series(1, least(cardinality(weeks), known) - 1) n WHERE sign * (weeks[n] - weeks[n + 1]) <= 0;
END;
COMMENT ON FUNCTION pql.weeks_in_a_row(bigint[], int, int) IS 'How often in a row a number rose (sign 1) or fell (-1) from one week to the next, the last week first, among so many of them.';

CREATE FUNCTION pql.members_document(document jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	account_model CONSTANT text := document ->> 'model';
	base jsonb := '{"signals": [], "events": {}}';
	scored record;
	stray text;
BEGIN
	FOR scored IN SELECT c.name, c.counted ->> 'score_of' AS model, ARRAY(SELECT jsonb_array_elements_text(c.counted -> 'without')) AS without FROM pql.member_counts(document) c WHERE c.kind = 'score' ORDER BY c.name LOOP
		IF base ? 'model' THEN
			RAISE EXCEPTION 'model "%" sums two scores of its members', account_model
				USING ERRCODE = 'invalid_parameter_value', HINT = format('Remove "score_of" from $.members.%s.', scored.name);
		END IF;
		base := pql.model(scored.model);
		IF coalesce(base ->> 'unit', 'user') <> 'user' THEN
			RAISE EXCEPTION 'model "%" judges no users', scored.model
				USING ERRCODE = 'invalid_parameter_value', HINT = format('Name a model of users at $.members.%s.score_of.', scored.name);
		END IF;
		SELECT w INTO stray FROM unnest(scored.without) w WHERE NOT EXISTS (SELECT FROM jsonb_array_elements(base -> 'signals') s WHERE s ->> 'category' = w) LIMIT 1;
		IF FOUND THEN
			RAISE EXCEPTION 'model "%" has no signals of category "%"', scored.model, stray
				USING ERRCODE = 'invalid_parameter_value', DETAIL = format('$.members.%s.without of model "%s" leaves them out.', scored.name, account_model),
					HINT = format('It has %s.', (SELECT string_agg(DISTINCT s ->> 'category', ', ' ORDER BY s ->> 'category') FROM jsonb_array_elements(base -> 'signals') s));
		END IF;
		base := jsonb_set(base, '{signals}', coalesce((SELECT jsonb_agg(s.signal ORDER BY s.n) FROM jsonb_array_elements(base -> 'signals') WITH ORDINALITY s (signal, n)
			WHERE (s.signal ->> 'category' = ANY (scored.without)) IS NOT TRUE), '[]'));
	END LOOP;
	SELECT e.key INTO stray FROM jsonb_each(document -> 'events') e WHERE base -> 'events' -> e.key IS DISTINCT FROM e.value AND base -> 'events' ? e.key ORDER BY e.key LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'models "%" and "%" mean different events by "%"', account_model, base ->> 'model', stray
			USING ERRCODE = 'invalid_parameter_value', DETAIL = 'Members are judged by both at once.', HINT = format('Choose another word at $.events.%s.', stray);
	END IF;
	RETURN jsonb_strip_nulls(jsonb_build_object('model', pql.members_model(account_model), 'about', format('Members of accounts, as model %s counts them', account_model), 'unit', 'user',
		'timezone', document -> 'timezone', 'window', base -> 'window', 'events', base -> 'events' || coalesce(document -> 'events', '{}'),
		'signals', base -> 'signals' || coalesce((SELECT jsonb_agg(jsonb_build_object('signal', 'counts_as_' || c.name, 'all', jsonb_build_array(c.counted || CASE c.kind
						WHEN 'dau_mau' THEN '{"more_than": 0}'::jsonb
						-- as many rises as are told apart
						WHEN 'weeks' THEN '{"at_least": 6}' ELSE '{}' END), 'info', true) ORDER BY c.name)
				FROM pql.member_counts(document) c WHERE c.kind IN ('condition', 'dau_mau', 'weeks')), '[]')
			|| CASE WHEN base -> 'signals' = '[]' THEN '[{"signal": "counts_as_seen", "count": "*", "at_least": 1, "info": true}]'::jsonb ELSE '[]' END,
		'qualify', 'nobody'));
END
$$;
COMMENT ON FUNCTION pql.members_document(jsonb) IS 'The model of users that belongs to a model of accounts: what of the members is scored and counted, with the active version of the model whose score it sums. A word that both models mean differently, a category that there is not, and two scores are an ERROR.';

CREATE FUNCTION pql.put_members_models(of_model text) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	account_model record;
	doc jsonb;
	latest record;
BEGIN
	FOR account_model IN
		SELECT k.model, pql.model(k.model) AS document, EXISTS (SELECT FROM pql.active_model m WHERE m.model = k.model) AS active
		FROM (SELECT DISTINCT v.model FROM pql.model_version v WHERE v.document ->> 'unit' = 'account') k ORDER BY 1
	LOOP
		CONTINUE WHEN account_model.document ->> 'unit' <> 'account' OR account_model.model <> of_model
			AND NOT EXISTS (SELECT FROM pql.member_counts(account_model.document) c WHERE c.counted ->> 'score_of' = of_model);
		doc := pql.read_model(pql.canonical_model(pql.members_document(account_model.document)));
		SELECT v.version, v.document INTO latest FROM pql.model_version v WHERE v.model = doc ->> 'model' ORDER BY v.version DESC LIMIT 1;
		IF latest.document IS DISTINCT FROM doc THEN
			latest.version := coalesce(latest.version, 0) + 1;
			INSERT INTO pql.model_version (model, version, document, evidence_bound, exact_qualification)
			SELECT i.name, latest.version, doc, i.evidence_bound, i.exact_qualification FROM pql.model_info(doc) i;
		END IF;
		IF account_model.active AND NOT EXISTS (SELECT FROM pql.active_model m WHERE m.model = doc ->> 'model' AND m.version = latest.version) THEN
			INSERT INTO pql.model_activation (model, version) VALUES (doc ->> 'model', latest.version);
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION pql.put_members_models(text) IS 'Stores the models of members of an account model, or of those that sum the score of a model, as they are now to be, and activates them with it.';

CREATE FUNCTION pql.member_evidence(members text, as_of timestamptz, known_at timestamptz, people text[]) RETURNS TABLE (user_id text, started_at timestamptz, evidence pql.evidence)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	doc CONSTANT jsonb := pql.model(members);
BEGIN
	IF people IS NULL AND known_at IS NULL THEN
		RETURN QUERY SELECT g.user_id, nullif(g.started_at, '-infinity'), g.evidence FROM pql.gather_everybody(members, as_of) g;
		RETURN;
	END IF;
	RETURN QUERY EXECUTE format($q$
		SELECT s.user_id, s.started_at, pql.gather($1, e.occurred_at, e.event, e.properties, s.started_at)
		FROM pql.subject_at((SELECT i.per_trial FROM pql.model_info($1) i), $2, $3, $4) s
		JOIN (%s) e ON e.user_id = s.user_id AND e.occurred_at <= $2 AND (s.started_at IS NULL OR e.occurred_at >= s.started_at) AND (s.next_start IS NULL OR e.occurred_at < s.next_start)
		GROUP BY s.user_id, s.started_at$q$, pql.event_query(known_at, people, '{}', as_of)) USING doc, as_of, known_at, people;
END
$$;
COMMENT ON FUNCTION pql.member_evidence(text, timestamptz, timestamptz, text[]) IS 'Evidence of everybody by a model of members, or of some people. started_at NULL: the start is not known.';

CREATE FUNCTION pql.member_rows(document jsonb, as_of timestamptz, known_at timestamptz DEFAULT NULL, accounts text[] DEFAULT NULL, kept boolean DEFAULT false)
RETURNS TABLE (account_id text, user_id text, started_at timestamptz, score int, signals text[], next_change_at timestamptz, evidence pql.evidence)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	members CONSTANT text := pql.members_model(document ->> 'model');
	members_document CONSTANT jsonb := pql.model(members);
	per_trial CONSTANT boolean := i.per_trial FROM pql.model_info(members_document) i;
	reads_evidence CONSTANT boolean := pql.reads_evidence(document);
	people text[];
BEGIN
	-- of who has had several trials the latest counts
	IF kept THEN
		RETURN QUERY SELECT DISTINCT ON (s.user_id) s.account_id, s.user_id, nullif(s.started_at, '-infinity'), s.score, s.signals, s.next_change_at,
				CASE WHEN reads_evidence THEN (SELECT e.evidence FROM pql.state e WHERE e.user_id = s.user_id AND e.model = s.model AND e.started_at = s.started_at) END
			FROM pql.score s WHERE s.account_id = ANY (accounts) AND s.model = members
			ORDER BY s.user_id, s.started_at DESC;
	ELSIF accounts IS NULL AND NOT per_trial AND NOT reads_evidence THEN
		RETURN QUERY SELECT s.account_id, s.user_id, s.started_at, s.score, s.signals, s.next_change_at, NULL::pql.evidence FROM pql.score_all(members, as_of, known_at) s WHERE s.account_id IS NOT NULL;
	ELSIF accounts IS NULL THEN
		RETURN QUERY SELECT DISTINCT ON (s.user_id) s.account_id, s.user_id, s.started_at, s.score, s.signals, s.next_change_at, g.evidence
			FROM pql.score_all(members, as_of, known_at) s
			LEFT JOIN pql.member_evidence(members, as_of, known_at, NULL) g ON reads_evidence AND g.user_id = s.user_id AND g.started_at IS NOT DISTINCT FROM s.started_at
			WHERE s.account_id IS NOT NULL
			ORDER BY s.user_id, s.started_at DESC NULLS LAST;
	ELSE
		people := ARRAY(SELECT o.user_id FROM pql.account_of_at(as_of, known_at) o WHERE o.account_id = ANY (accounts));
		RETURN QUERY SELECT o.account_id, o.user_id, nullif(x.started_at, '-infinity'), v.score, v.signals, v.next_change_at, g.evidence
			FROM pql.account_of_at(as_of, known_at) o
			JOIN LATERAL (SELECT s.started_at FROM pql.subject_at(per_trial, as_of, known_at, ARRAY[o.user_id]) s
				WHERE s.user_id = o.user_id ORDER BY s.started_at DESC NULLS LAST LIMIT 1) x ON true
			CROSS JOIN LATERAL pql.judge_one(members, o.user_id, as_of, NULL, NULL) v
			LEFT JOIN pql.member_evidence(members, as_of, known_at, people) g ON reads_evidence AND g.user_id = o.user_id AND g.started_at IS NOT DISTINCT FROM nullif(x.started_at, '-infinity')
			WHERE o.account_id = ANY (accounts);
	END IF;
END
$$;
COMMENT ON FUNCTION pql.member_rows(jsonb, timestamptz, timestamptz, text[], boolean) IS 'Members of accounts as the model beside an account model judges them: of all accounts by going through all events, of some one by one, or (kept) as pql.score has them. started_at NULL: not known. evidence where the account model asks for it.';

CREATE FUNCTION pql.roll_up(document jsonb, as_of timestamptz, known_at timestamptz DEFAULT NULL, accounts text[] DEFAULT NULL, kept boolean DEFAULT false)
RETURNS TABLE (account_id text, started_at timestamptz, members jsonb, next_change_at timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
	zone CONSTANT text := coalesce(document ->> 'timezone', 'UTC');
	pairs text := '';
	facts text := '';
	changes text := 'min(m.next_change_at)';
	series text := '';
	n int := 0;
	days int;
	fact text;
	known text;
	asked record;
BEGIN
	FOR asked IN SELECT c.* FROM pql.member_counts(document) c ORDER BY c.name LOOP
		CASE asked.kind
			WHEN 'score' THEN
				-- who does the least does not sink the others
				pairs := pairs || format(', %L, sum(greatest(m.score, 0))', asked.name);
			WHEN 'condition' THEN
				pairs := pairs || format(', %L, count(*) FILTER (WHERE m.signals @> ARRAY[%L])', asked.name, 'counts_as_' || asked.name);
			WHEN 'growth' THEN
				days := extract(epoch FROM (asked.counted ->> 'growth_over')::interval) / 86400;
				pairs := pairs || format(', %L, count(*)::float8 / nullif(count(*) FILTER (WHERE (s.day > %s) IS NOT TRUE), 0) - 1', asked.name, format('s.today - %s', days));
				changes := format('least(%s, min(((s.day + %s)::timestamp AT TIME ZONE %L)) FILTER (WHERE s.day > s.today - %2$s))', changes, days, zone);
			WHEN 'dau_mau' THEN
				n := n + 1;
				series := series || format(' CROSS JOIN LATERAL (SELECT pql.signal_series($6, m.evidence, %L, $2) AS numbers OFFSET 0) f%s', 'counts_as_' || asked.name, n);
				-- mean daily ÷ monthly is days of all ÷ 30 ÷ people who came at all; in whole days, for sums of fractions depend on the order
				pairs := pairs || format(', %L, sum(round(30 * f%s.numbers[1])::bigint)::float8 / nullif(30 * count(*) FILTER (WHERE f%2$s.numbers[1] > 0), 0)', asked.name, n);
				changes := format('least(%s, CASE WHEN max(f%s.numbers[1]) > 0 THEN (min(s.today) + 1)::timestamp AT TIME ZONE %L END)', changes, n, zone);
			WHEN 'weeks' THEN
				n := n + 1;
				series := series || format(' CROSS JOIN LATERAL (SELECT pql.signal_series($6, m.evidence, %L, $2) AS numbers OFFSET 0) f%s', 'counts_as_' || asked.name, n);
				pairs := pairs || format(', %L, pql.weeks_in_a_row(ARRAY[%s], CASE WHEN bool_and(m.started_at IS NOT NULL) THEN max((pql.period_of(''week'', s.today) - pql.period_of(''week'', s.day + 6)) / 7) END, %s)', asked.name,
					(SELECT string_agg(format('count(*) FILTER (WHERE f%s.numbers[%s] > 0)', n, k), ', ' ORDER BY k) FROM generate_series(1, 7) k), CASE WHEN asked.counted ? 'weeks_rising' THEN 1 ELSE -1 END);
				changes := format('least(%s, CASE WHEN bool_or(m.evidence IS NOT NULL) THEN (pql.period_of(''week'', min(s.today)) + 7)::timestamp AT TIME ZONE %L END)', changes, zone);
			WHEN 'distinct' THEN
				n := n + 1;
				fact := asked.counted ->> 'distinct';
				known := format('p.attributes #>> %L::text[]', string_to_array(substr(fact, length('person.') + 1), '.'));
				IF EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = 'pql.person'::regclass AND a.attname = substr(fact, length('person.') + 1) AND a.attnum > 0 AND NOT a.attisdropped) THEN
					known := format('coalesce(to_jsonb(p.%I) #>> ''{}'', %s)', substr(fact, length('person.') + 1), known);
				END IF;
				IF EXISTS (SELECT FROM pql.fact r WHERE r.name = fact) THEN
					known := format('CASE WHEN f%s.found THEN f%1$s.latest #>> ''{}'' ELSE %s END', n, known);
					facts := facts || format($q$ LEFT JOIN LATERAL (
						SELECT true AS found, (array_agg(r.value ORDER BY r.recorded_at DESC) FILTER (WHERE r.recorded_at <= $2 AND ($3 IS NULL OR r.recorded_at <= $3)))[1] AS latest
						FROM pql.fact r WHERE r.subject = m.user_id AND r.name = %L HAVING count(*) > 0) f%s ON true$q$, fact, n);
				END IF;
				-- people write one name in several ways
				pairs := pairs || format(', %L, count(DISTINCT nullif(btrim(lower(%s)), ''''))', asked.name, known);
		END CASE;
	END LOOP;
	RETURN QUERY EXECUTE format($q$
		SELECT m.account_id, min(m.started_at), jsonb_strip_nulls(jsonb_build_object('count', count(*)%s)), %s
		FROM pql.member_rows($1, $2, $3, $4, $5) m
		CROSS JOIN LATERAL (SELECT pql.local_date(m.started_at, %L) AS day, pql.local_date($2, %3$L) AS today) s%s
		GROUP BY m.account_id$q$, pairs, changes, zone, series || CASE WHEN n > 0 THEN ' LEFT JOIN pql.person p ON p.user_id = m.user_id' ELSE '' END || facts)
	USING document, as_of, known_at, accounts, kept, CASE WHEN series <> '' THEN pql.model(pql.members_model(document ->> 'model')) END;
END
$$;
COMMENT ON FUNCTION pql.roll_up(jsonb, timestamptz, timestamptz, text[], boolean) IS 'What an account model knows of members, members.*, by account; since when there has been one, and when it may differ though nothing happens. Members whose start is not known have always been there. Arguments as those of pql.member_rows.';

CREATE FUNCTION pql.account_profiles(document jsonb, as_of timestamptz, known_at timestamptz DEFAULT NULL, accounts text[] DEFAULT NULL, kept boolean DEFAULT false)
RETURNS TABLE (account_id text, started_at timestamptz, next_change_at timestamptz, profile jsonb)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT r.account_id, r.started_at, r.next_change_at, f.facts || jsonb_build_object('history', h.history,
		-- of each list that exists, the values of the fact looked up that are in it, whatever their case
		'lists', coalesce((
			SELECT jsonb_object_agg(l.list, l.entries)
			FROM (
				SELECT u.list, coalesce(jsonb_agg(v.value) FILTER (WHERE EXISTS (SELECT FROM pql.list_entry e WHERE e.list = u.list AND lower(e.entry) = lower(v.value))), '[]') AS entries
				FROM pql.model_info(document) i CROSS JOIN LATERAL unnest(i.lists, i.list_facts) u (list, fact)
				CROSS JOIN LATERAL unnest(CASE WHEN h.history ? u.fact THEN ARRAY(SELECT k ->> 'value' FROM jsonb_array_elements(h.history -> u.fact) k)
					ELSE ARRAY[f.facts #>> string_to_array(u.fact, '.')] END) v (value)
				WHERE EXISTS (SELECT FROM pql.list_entry x WHERE x.list = u.list)
				GROUP BY u.list) l), '{}'))
	FROM pql.roll_up(document, as_of, known_at, accounts, kept) r
	LEFT JOIN pql.account a ON a.account_id = r.account_id
	LEFT JOIN pql.fact_history_at(as_of, known_at, accounts) ha ON ha.subject = r.account_id
	CROSS JOIN LATERAL (SELECT jsonb_build_object('account', coalesce(pql.profile_row(to_jsonb(a)), '{}'), 'members', r.members) AS facts OFFSET 0) f
	CROSS JOIN LATERAL (SELECT coalesce(ha.history, '{}') || coalesce(pql.lead_history(pql.account_key(r.account_id), NULL, NULL, as_of, known_at), '{}') AS history OFFSET 0) h;
END;
COMMENT ON FUNCTION pql.account_profiles(jsonb, timestamptz, timestamptz, text[], boolean) IS 'The profile of every account that has members, as pql.judge takes it. Arguments as those of pql.member_rows.';

CREATE FUNCTION pql.score_accounts(model text, as_of timestamptz, known_at timestamptz, detail boolean)
RETURNS TABLE (user_id text, account_id text, started_at timestamptz, status text, score int, potential int,
	tier text, signals text[], exclusions text[], qualified_at timestamptz, next_change_at timestamptz, explanation jsonb)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
	doc CONSTANT jsonb := pql.model(model);
BEGIN
	RETURN QUERY SELECT NULL::text, p.account_id, NULL::timestamptz, v.status, v.score, v.potential, v.tier, v.signals, v.exclusions, v.qualified_at,
		least(v.next_change_at, p.next_change_at), v.explanation
	FROM pql.account_profiles(doc, as_of, known_at) p
	CROSS JOIN LATERAL (
		SELECT j.* FROM pql.judge(doc, NULL, p.profile, as_of) j WHERE detail
		UNION ALL
		SELECT b.* FROM pql.judge_brief(doc, NULL, p.profile, as_of) b WHERE detail IS NOT TRUE) v;
END
$$;
COMMENT ON FUNCTION pql.score_accounts(text, timestamptz, timestamptz, boolean) IS 'pql.score_all of a model of accounts: of every account that has members.';

CREATE FUNCTION pql.judge_account(model text, subject text, as_of timestamptz) RETURNS pql.verdict
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
	doc CONSTANT jsonb := pql.model(model);
	result pql.verdict;
BEGIN
	SELECT v.* INTO result FROM pql.account_profiles(doc, as_of, NULL, ARRAY[subject]) p CROSS JOIN LATERAL pql.judge(doc, NULL, p.profile, as_of) v;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'model "%" has no subject "%"', model, subject
			USING ERRCODE = 'undefined_object', DETAIL = format('No account of that id has members by %s.', as_of), HINT = 'Accounts are those that pql.person names.';
	END IF;
	RETURN result;
END
$$;
COMMENT ON FUNCTION pql.judge_account(text, text, timestamptz) IS 'The verdict of a model of accounts on one account, from its members'' events. An account without members is an ERROR.';

CREATE FUNCTION pql.judge_accounts(model text, keys text[], as_of timestamptz)
RETURNS TABLE (user_id text, account_id text, started_at timestamptz, status text, score int, potential int,
	tier text, signals text[], exclusions text[], qualified_at timestamptz, next_change_at timestamptz, explanation jsonb,
	evidence pql.evidence, seen_until timestamptz, rev int, new_state boolean, new_verdict boolean, new_score boolean, changed_at timestamptz,
	status_before text, reread boolean, gone boolean, waits_for text,
	started_on date, ends_at timestamptz, converted_at timestamptz, activated_at timestamptz, sustained_at timestamptz, new_contact boolean)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
	doc CONSTANT jsonb := pql.model(model);
	accounts CONSTANT text[] := ARRAY(SELECT DISTINCT substr(k, length('account:') + 1) FROM unnest(keys) k);
BEGIN
	RETURN QUERY
	WITH judged AS MATERIALIZED (
		SELECT pql.account_key(p.account_id) AS user_id, p.account_id, pql.local_date(p.started_at, coalesce(doc ->> 'timezone', 'UTC')) AS started_on,
			v.status, v.score, v.potential, v.tier, v.signals, v.exclusions, v.qualified_at, least(v.next_change_at, p.next_change_at) AS next_change_at, p.profile
		FROM pql.account_profiles(doc, as_of, NULL, accounts, true) p CROSS JOIN LATERAL pql.judge_brief(doc, NULL, p.profile, as_of) v
	), before AS MATERIALIZED (
		SELECT s.* FROM pql.score s WHERE s.user_id = ANY (keys) AND s.model = judge_accounts.model
	), compared AS (
		SELECT j.*, b.status AS status_before, b.changed_at AS changed_before,
			(j.status, j.score, j.potential, j.tier, j.signals, j.exclusions, j.qualified_at) IS DISTINCT FROM (b.status, b.score, b.potential, b.tier, b.signals, b.exclusions, b.qualified_at) AS new_verdict,
			(j.next_change_at, j.started_on) IS DISTINCT FROM (b.next_change_at, b.started_on) AS new_course
		FROM judged j LEFT JOIN before b ON b.user_id = j.user_id
	)
	SELECT c.user_id, c.account_id, '-infinity'::timestamptz, c.status, c.score, c.potential, c.tier, c.signals, c.exclusions, c.qualified_at, c.next_change_at,
		-- a lead will say why
		CASE WHEN c.new_verdict AND c.status = 'qualified' THEN (SELECT v.explanation FROM pql.judge(doc, NULL, c.profile, as_of) v) END,
		NULL::pql.evidence, NULL::timestamptz, 0, false, c.new_verdict, c.new_verdict OR c.new_course, CASE WHEN c.new_verdict THEN as_of ELSE c.changed_before END,
		c.status_before, false, false, NULL::text, c.started_on, NULL::timestamptz, NULL::timestamptz, NULL::timestamptz, NULL::timestamptz, false
	FROM compared c
	UNION ALL
	SELECT b.user_id, b.account_id, b.started_at, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL, NULL
	FROM before b WHERE NOT EXISTS (SELECT FROM judged j WHERE j.user_id = b.user_id);
END
$$;
COMMENT ON FUNCTION pql.judge_accounts(text, text[], timestamptz) IS 'Accounts (as pql.account_key has them) as their members stand in pql.score, in the form of pql.judge_users: what of it differs from what is kept, and which have no members any more (gone).';

-- ---- reading ----

CREATE VIEW pql.quadrant AS
SELECT s.model, CASE WHEN NOT pql.is_account_key(s.user_id) THEN s.user_id END AS user_id, s.account_id, q.fit, q.usage,
	CASE WHEN q.fit OPERATOR(pg_catalog.=) 'high' THEN CASE q.usage WHEN 'high' THEN 'sales_assist' ELSE 'tech_assist' END ELSE CASE q.usage WHEN 'high' THEN 'self_serve' ELSE 'nurture' END END AS quadrant,
	s.score, s.tier, s.changed_at
FROM pql.score s
CROSS JOIN LATERAL (SELECT CASE WHEN 'high_fit' OPERATOR(pg_catalog.=) ANY (s.signals) THEN 'high' ELSE 'low' END AS fit, CASE WHEN 'high_usage' OPERATOR(pg_catalog.=) ANY (s.signals) THEN 'high' ELSE 'low' END AS usage) q
WHERE s.model OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT m.model FROM pql.active_model m
	WHERE (SELECT pg_catalog.count(*) FROM pql.model_signals(m.document) x WHERE x.signal OPERATOR(pg_catalog.=) ANY ('{high_fit,high_usage}')) OPERATOR(pg_catalog.=) 2));
COMMENT ON VIEW pql.quadrant IS 'Fit by usage, as of the last refresh: subjects of the active models that have both signals high_fit and high_usage, as the shipped quadrant (users) and account have.';
COMMENT ON COLUMN pql.quadrant.user_id IS 'NULL: it is the account.';
COMMENT ON COLUMN pql.quadrant.fit IS 'high where the signal high_fit is met, else low (or not known); usage: the same of high_usage.';
COMMENT ON COLUMN pql.quadrant.quadrant IS 'sales_assist (both high), tech_assist (fit), self_serve (usage), nurture (neither).';

CREATE FUNCTION pql.contact_model() RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT coalesce((SELECT min(pql.members_model(m.model)) FROM pql.active_model m WHERE m.unit = 'account'), (SELECT r.model FROM pql.reporting() r), (SELECT min(m.model) FROM pql.active_model m WHERE m.unit = 'user'));
END;
COMMENT ON FUNCTION pql.contact_model() IS 'By whose score the people of an account are ranked: that of members of the active account model, else of the model that routes leads, else of any.';

CREATE FUNCTION pql.account_contacts(of_account text) RETURNS TABLE (account_id text, place int, user_id text, full_name text, email text, title text, score int, reason text, action text, ready_users int)
LANGUAGE sql STABLE
BEGIN ATOMIC
	WITH people AS (
		SELECT p.*, s.score, s.signals, l.lead_id, l.state, l.rep, l.summary, pql.contact_barrier(p.user_id, now()) AS barrier,
			EXISTS (SELECT FROM pql.score q JOIN pql.active_model m ON m.model = q.model WHERE q.user_id = p.user_id AND q.status = 'qualified') AS qualified
		FROM pql.person p
		LEFT JOIN LATERAL (SELECT x.score, x.signals FROM pql.score x WHERE x.user_id = p.user_id AND x.model = (SELECT pql.contact_model()) ORDER BY x.started_at DESC LIMIT 1) s ON true
		LEFT JOIN LATERAL (SELECT o.lead_id, o.state, o.rep, o.explanation ->> 'summary' AS summary FROM pql.lead o
			WHERE o.user_id = p.user_id AND o.state IN ('queued', 'assigned', 'claimed', 'contacted', 'meeting') ORDER BY o.lead_id DESC LIMIT 1) l ON true
		WHERE p.account_id = of_account
	)
	SELECT p.account_id, (row_number() OVER (ORDER BY p.barrier IS NOT NULL, p.score DESC NULLS LAST, p.user_id))::int, p.user_id, p.full_name, p.email, p.title, p.score,
		coalesce(p.summary, w.words, 'No signals yet'),
		CASE WHEN p.barrier IS NOT NULL THEN 'do not write: ' || replace(p.barrier, '_', ' ')
			WHEN p.state = 'queued' THEN format('lead %s waits for a rep', p.lead_id)
			WHEN p.lead_id IS NOT NULL THEN format('ask %s, who has lead %s', p.rep, p.lead_id)
			WHEN p.qualified THEN 'reach out'
			WHEN p.score IS NULL OR 'inactive' = ANY (p.signals) THEN 'win back'
			WHEN p.score > 0 THEN 'nurture'
			ELSE 'leave to the product' END,
		(count(*) FILTER (WHERE p.qualified AND p.barrier IS NULL) OVER ())::int
	FROM people p
	LEFT JOIN LATERAL (SELECT string_agg(replace(x.signal, '_', ' '), ', ' ORDER BY x.n) AS words FROM unnest(p.signals) WITH ORDINALITY x (signal, n) WHERE NOT x.signal ^@ 'counts_as_' AND x.signal <> 'inactive') w ON true
	ORDER BY 2;
END;
COMMENT ON FUNCTION pql.account_contacts(text) IS 'The people of an account, best first: by the score of pql.contact_model(), who may not be written to last. reason: what they did; action: what to do about them now. ready_users: how many of the account qualify by any active model and may be written to.';
