-- Subjects and their profiles, as models see them.

CREATE FUNCTION pql.trial_at(as_of timestamptz, known_at timestamptz DEFAULT NULL, only_users text[] DEFAULT NULL)
RETURNS TABLE (user_id text, started_at timestamptz, next_start timestamptz, ends_at timestamptz, plan text,
	converted_at timestamptz, mrr float8, conversion_source text, paid_before boolean, signup jsonb)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	WITH signup AS (
		-- of those who share a conversion with the users as well: one of their trials has its MRR
		SELECT DISTINCT ON (x.user_id, x.occurred_at) x.user_id, x.occurred_at AS started_at, x.properties
		FROM pql.events_named('signup_complete', as_of, known_at, pql.payers_beside(only_users)) x
		WHERE x.occurred_at >= '0001-01-01 00:00Z' AND x.occurred_at < '10000-01-01 00:00Z' AND NOT EXISTS (SELECT FROM pql.trial)
			AND (only_users IS NULL OR x.user_id = ANY ((SELECT pql.payers_beside(only_users))::text[]))
		ORDER BY x.user_id, x.occurred_at, x.properties
	)
	SELECT s.user_id, s.started_at, s.next_start, s.ends_at, s.plan, s.converted_at, s.mrr,
		s.conversion_source, s.paid_before, s.signup
	FROM (
		SELECT t.user_id, t.started_at, lead(t.started_at) OVER by_start AS next_start, t.ends_at, t.plan,
			t.converted_at, t.mrr, t.conversion_source,
			min(t.converted_at) OVER (PARTITION BY t.user_id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
				EXCLUDE CURRENT ROW) < t.started_at AS paid_before, t.signup
		FROM (
			SELECT r.user_id, r.started_at, r.ends_at, r.plan, r.converted_at, r.mrr, r.conversion_source,
				NULL::jsonb AS signup
			FROM pql.trials_at(as_of, known_at, only_users) r
			WHERE r.started_at >= '0001-01-01 00:00Z' AND r.started_at < '10000-01-01 00:00Z'
			UNION ALL
			SELECT e.user_id, e.started_at, NULL, NULL, c.converted_at, c.mrr, c.conversion_source, e.properties
			FROM signup e
			LEFT JOIN (
				SELECT v.user_id, v.started_at, v.converted_at, v.mrr, v.conversion_source
				FROM (SELECT array_agg(u.user_id) AS users, array_agg(u.started_at) AS starts FROM signup u WHERE EXISTS (SELECT FROM pql.conversion)) a
				CROSS JOIN LATERAL pql.signup_conversions(a.users, a.users, a.starts) v
			) c ON c.user_id = e.user_id AND c.started_at = e.started_at
			WHERE only_users IS NULL OR e.user_id = ANY (only_users)
		) t
		WINDOW by_start AS (PARTITION BY t.user_id ORDER BY t.started_at)
	) s
	WHERE s.started_at <= as_of;
END;
COMMENT ON FUNCTION pql.trial_at(timestamptz, timestamptz, text[]) IS 'Trials started by as_of, with the start of the user''s next one. While pql.trial is empty, the event signup_complete starts trials, its properties stand in signup, and pql.conversion says which were paid for.';

CREATE FUNCTION pql.subject_at(per_trial boolean, as_of timestamptz, known_at timestamptz DEFAULT NULL, only_users text[] DEFAULT NULL)
RETURNS TABLE (user_id text, started_at timestamptz, next_start timestamptz, ends_at timestamptz, plan text,
	converted_at timestamptz, mrr float8, conversion_source text, paid_before boolean, signup jsonb)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT t.user_id, t.started_at, t.next_start, t.ends_at, t.plan, t.converted_at, t.mrr,
		t.conversion_source, t.paid_before, t.signup
	FROM pql.trial_at(as_of, known_at, only_users) t
	WHERE per_trial
	UNION ALL
	SELECT u.user_id, u.started_at, NULL, u.ends_at, u.plan, u.converted_at, u.mrr, u.conversion_source, NULL, u.signup
	FROM (
		SELECT x.user_id, min(x.started_at) AS started_at, min(x.converted_at) AS converted_at,
			-- what is said of a trial is said of the latest
			(array_agg(x.ends_at ORDER BY x.started_at DESC) FILTER (WHERE x.of_trial))[1] AS ends_at,
			(array_agg(x.plan ORDER BY x.started_at DESC) FILTER (WHERE x.of_trial))[1] AS plan,
			(array_agg(x.mrr ORDER BY x.started_at DESC) FILTER (WHERE x.of_trial))[1] AS mrr,
			(array_agg(x.conversion_source ORDER BY x.started_at DESC) FILTER (WHERE x.of_trial))[1] AS conversion_source,
			(array_agg(x.signup ORDER BY x.started_at DESC) FILTER (WHERE x.of_trial))[1] AS signup
		FROM (
			SELECT t.user_id, t.started_at, t.ends_at, t.plan, t.converted_at, t.mrr, t.conversion_source, t.signup, true AS of_trial
			FROM pql.trial_at(as_of, known_at, only_users) t
			WHERE NOT per_trial
			UNION ALL
			SELECT p.user_id, CASE WHEN p.signed_up_at >= '0001-01-01 00:00Z' AND p.signed_up_at < '10000-01-01 00:00Z' THEN p.signed_up_at END, NULL, NULL, p.paid_at,
				NULL, NULL, NULL, false
			FROM pql.people_at(as_of, known_at, only_users) p
			WHERE NOT per_trial
		) x
		GROUP BY x.user_id
	) u
	WHERE u.started_at IS NULL OR u.started_at <= as_of;
END;
COMMENT ON FUNCTION pql.subject_at(boolean, timestamptz, timestamptz, text[]) IS 'What a model judges: trials, or users with the earliest of sign-up and first trial as their start and what is known of their latest trial.';

CREATE FUNCTION pql.account_of_at(as_of timestamptz, known_at timestamptz DEFAULT NULL, only_users text[] DEFAULT NULL)
RETURNS TABLE (user_id text, account_id text, signed_up_at timestamptz, own_id text)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT p.user_id, CASE WHEN f.subject IS NULL THEN p.account_id ELSE f.latest #>> '{}' END, p.signed_up_at, p.own_id
	FROM pql.people_at(as_of, known_at, only_users) p
	LEFT JOIN (
		SELECT r.subject, (array_agg(r.value ORDER BY r.recorded_at DESC)
			FILTER (WHERE r.recorded_at <= as_of AND (known_at IS NULL OR r.recorded_at <= known_at)))[1] AS latest
		FROM pql.fact r
		WHERE r.name = 'person.account_id'
		GROUP BY r.subject
	) f ON f.subject = p.own_id;
END;
COMMENT ON FUNCTION pql.account_of_at(timestamptz, timestamptz, text[]) IS 'The account each person belonged to, as it was known then. own_id: whose row of pql.person says it (pql.people_at).';

CREATE FUNCTION pql.colleagues(users text[], as_of timestamptz DEFAULT NULL, known_at timestamptz DEFAULT NULL) RETURNS text[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	ids CONSTANT text[] := pql.ids_of(users, as_of, known_at);
	accounts CONSTANT text[] := ARRAY(
		SELECT p.account_id FROM pql.person p WHERE p.user_id = ANY (ids) AND p.account_id IS NOT NULL
		UNION SELECT f.value #>> '{}' FROM pql.fact f WHERE f.subject = ANY (ids) AND f.name = 'person.account_id' AND f.value #>> '{}' IS NOT NULL);
BEGIN
	RETURN ARRAY(
		SELECT p.user_id FROM pql.person p WHERE p.account_id = ANY (accounts)
		UNION SELECT f.subject FROM pql.fact f WHERE f.name = 'person.account_id' AND f.value #>> '{}' = ANY (accounts));
END
$$;
COMMENT ON FUNCTION pql.colleagues(text[], timestamptz, timestamptz) IS 'Whoever is or was of an account that the persons whom these ids mean are or were of, themselves included: how many it has is a fact of all of them.';

CREATE FUNCTION pql.fact_history_at(as_of timestamptz, known_at timestamptz DEFAULT NULL, only_users text[] DEFAULT NULL)
RETURNS TABLE (subject text, history jsonb)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT f.subject, jsonb_object_agg(f.name, f.entries)
	FROM (
		SELECT k.subject, k.name,
			coalesce(jsonb_agg(jsonb_build_object('value', k.value, 'recorded_at', k.recorded_at) ORDER BY k.recorded_at)
				FILTER (WHERE k.recorded_at <= as_of AND (known_at IS NULL OR k.recorded_at <= known_at)), '[]') AS entries
		FROM (
			SELECT r.subject, r.name,
				CASE WHEN r.name = 'person.email' THEN to_jsonb(lower(btrim(r.value #>> '{}'))) ELSE r.value END AS value,
				r.recorded_at
			FROM pql.fact r
			UNION ALL
			-- the kind of an address changes with the address
			SELECT r.subject, 'person.email_kind', to_jsonb(pql.email_kind(r.value #>> '{}')), r.recorded_at
			FROM pql.fact r WHERE r.name = 'person.email'
		) k
		WHERE k.name NOT LIKE 'lead.%'
			AND (only_users IS NULL OR k.subject = ANY ((SELECT pql.ids_of(only_users, as_of, known_at))::text[])
				OR k.subject IN (SELECT o.account_id FROM pql.account_of_at(as_of, known_at, only_users) o))
		GROUP BY k.subject, k.name
	) f
	GROUP BY f.subject;
END;
COMMENT ON FUNCTION pql.fact_history_at(timestamptz, timestamptz, text[]) IS 'History of facts by subject as pql.judge reads it, as far as it was known by then. A fact all of whose rows are later has an empty history: it was not known.';

CREATE FUNCTION pql.lead_history_at(as_of timestamptz, known_at timestamptz DEFAULT NULL)
RETURNS TABLE (subject text, history jsonb)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT f.subject, jsonb_object_agg(f.name, f.entries)
	FROM (
		SELECT coalesce(a.same_as, r.subject) AS subject, r.name, jsonb_agg(jsonb_build_object('value', r.value, 'recorded_at', r.recorded_at) ORDER BY r.recorded_at) AS entries
		FROM pql.fact r LEFT JOIN pql.aliases(as_of, known_at) a ON a.user_id = r.subject
		WHERE r.name >= 'lead.' AND r.name < 'lead/' AND r.recorded_at <= as_of AND (known_at IS NULL OR r.recorded_at <= known_at)
		GROUP BY coalesce(a.same_as, r.subject), r.name
	) f
	GROUP BY f.subject;
END;
COMMENT ON FUNCTION pql.lead_history_at(timestamptz, timestamptz) IS 'What was recorded of leads (dispositions), of all of a person''s trials, whatever the id under which it was.';

CREATE FUNCTION pql.lead_history(of_user text, since timestamptz, until timestamptz, as_of timestamptz, known_at timestamptz)
RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT jsonb_object_agg(f.name, f.entries)
	FROM (
		SELECT r.name, jsonb_agg(jsonb_build_object('value', r.value, 'recorded_at', r.recorded_at) ORDER BY r.recorded_at) AS entries
		FROM pql.fact r
		WHERE r.subject = ANY ((SELECT pql.ids_of(ARRAY[of_user], as_of, known_at))::text[]) AND r.name >= 'lead.' AND r.name < 'lead/'
			AND (since IS NULL OR r.recorded_at >= since) AND (until IS NULL OR r.recorded_at < until)
			AND r.recorded_at <= as_of AND (known_at IS NULL OR r.recorded_at <= known_at)
		GROUP BY r.name
	) f;
END;
COMMENT ON FUNCTION pql.lead_history(text, timestamptz, timestamptz, timestamptz, timestamptz) IS 'What was recorded of the lead (dispositions) within one trial.';

CREATE FUNCTION pql.profile_of(model jsonb, as_of timestamptz, known_at timestamptz DEFAULT NULL, only_users text[] DEFAULT NULL)
RETURNS TABLE (user_id text, account_id text, started_at timestamptz, profile jsonb)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT s.user_id, o.account_id, s.started_at,
		jsonb_build_object(
			'person', f.person,
			'account', f.account,
			'trial', jsonb_strip_nulls(jsonb_build_object('started_at', s.started_at, 'ends_at', s.ends_at, 'plan', s.plan,
				'converted_at', c.converted_at, 'mrr', CASE WHEN c.converted_at IS NOT NULL THEN s.mrr END,
				'conversion_source', CASE WHEN c.converted_at IS NOT NULL THEN s.conversion_source END)),
			'history', h.history || coalesce(ha.history, '{}')
				|| coalesce(CASE WHEN any_lead.found THEN
					pql.lead_history(s.user_id, s.started_at, s.next_start, as_of, known_at) END, '{}'))
		|| CASE WHEN any_list.found THEN jsonb_build_object('lists', (
			-- of each list that exists, the values of the fact looked up that are in it, whatever their case
			SELECT jsonb_object_agg(l.list, l.entries)
			FROM (
				SELECT u.list, coalesce(jsonb_agg(v.value) FILTER (WHERE EXISTS (
					SELECT FROM pql.list_entry e WHERE e.list = u.list AND lower(e.entry) = lower(v.value))), '[]') AS entries
				FROM unnest(any_list.lists, any_list.list_facts) u (list, fact)
				CROSS JOIN LATERAL unnest(CASE
					WHEN h.history ? u.fact THEN ARRAY(SELECT k ->> 'value' FROM jsonb_array_elements(h.history -> u.fact) k)
					WHEN ha.history ? u.fact THEN ARRAY(SELECT k ->> 'value' FROM jsonb_array_elements(ha.history -> u.fact) k)
					ELSE ARRAY[jsonb_build_object('person', f.person, 'account', f.account) #>> string_to_array(u.fact, '.')]
					END) v (value)
				WHERE EXISTS (SELECT FROM pql.list_entry x WHERE x.list = u.list)
				GROUP BY u.list
			) l)) ELSE '{}' END
	FROM pql.subject_at((SELECT i.per_trial FROM pql.model_info(model) i), as_of, known_at, only_users) s
	LEFT JOIN pql.account_of_at(as_of, known_at, only_users) o ON o.user_id = s.user_id
	LEFT JOIN pql.person r ON r.user_id = o.own_id
	-- instants, which any row of the person may say
	LEFT JOIN pql.people_at(as_of, known_at, only_users) p ON p.user_id = s.user_id
	LEFT JOIN pql.account a ON a.account_id = o.account_id
	LEFT JOIN pql.fact_history_at(as_of, known_at, only_users) hp ON hp.subject = o.own_id
	LEFT JOIN pql.fact_history_at(as_of, known_at, only_users) ha ON ha.subject = o.account_id
	LEFT JOIN (
		SELECT m.account_id, count(*) AS members
		FROM pql.account_of_at(as_of, known_at) m
		WHERE m.signed_up_at IS NULL OR m.signed_up_at <= as_of
		GROUP BY m.account_id
	) n ON n.account_id = o.account_id
	CROSS JOIN LATERAL (SELECT CASE WHEN s.converted_at <= as_of THEN s.converted_at END AS converted_at) c
	CROSS JOIN (SELECT EXISTS (SELECT FROM pql.fact l WHERE l.name >= 'lead.' AND l.name < 'lead/') AS found) any_lead
	CROSS JOIN (
		SELECT i.lists, i.list_facts, EXISTS (SELECT FROM pql.list_entry x WHERE x.list = ANY (i.lists)) AS found
		FROM pql.model_info(model) i OFFSET 0
	) any_list
	CROSS JOIN LATERAL (
		-- columns that are times join the history of their facts
		SELECT coalesce(hp.history, '{}') || jsonb_strip_nulls(jsonb_build_object(
			'person.opted_out', CASE WHEN p.opted_out_at <= as_of THEN coalesce(hp.history -> 'person.opted_out', '[]')
				|| jsonb_build_object('value', true, 'recorded_at', p.opted_out_at) END,
			'person.suppressed', CASE WHEN p.suppressed_at <= as_of THEN coalesce(hp.history -> 'person.suppressed', '[]')
				|| jsonb_build_object('value', true, 'recorded_at', p.suppressed_at) END)) AS history
		OFFSET 0
	) h
	CROSS JOIN LATERAL (
		SELECT
			coalesce(pql.profile_row(to_jsonb(r) || to_jsonb(p) - ARRAY['user_id', 'own_id', 'account_id']), '{}') || jsonb_strip_nulls(jsonb_build_object(
				'email', lower(btrim(coalesce(r.email, s.signup ->> 'email'))),
				'email_kind', pql.email_kind(coalesce(r.email, s.signup ->> 'email')),
				'signup_source', s.signup -> 'signup_source',
				'paid_before_trial', coalesce(s.paid_before, false) OR coalesce(p.paid_at < s.started_at, false)))
			AS person,
			jsonb_strip_nulls(jsonb_build_object(
				'name', s.signup -> 'company_name',
				'employees', CASE WHEN jsonb_typeof(s.signup -> 'company_size') = 'number' THEN s.signup -> 'company_size' END,
				'members', n.members)) || coalesce(pql.profile_row(to_jsonb(a)), '{}')
			AS account
		OFFSET 0 -- built once, however often it is used above
	) f;
END;
COMMENT ON FUNCTION pql.profile_of(jsonb, timestamptz, timestamptz, text[]) IS 'The profile of every subject of a model, as pql.judge takes it: what was known by as_of (and loaded by known_at). only_users: the ids under which persons are judged (pql.person_ids).';
