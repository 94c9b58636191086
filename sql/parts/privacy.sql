-- Privacy: lists of whom nobody may write to, what is held of a person, and forgetting one.

-- ---- do-not-contact lists ----

CREATE FUNCTION pql.settle_suppression(users text[], since timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	-- what was to come is told anew; what was, stays
	DELETE FROM pql.fact f WHERE f.subject = ANY (users) AND f.name = 'person.suppressed' AND f.source = 'pql.suppression' AND f.recorded_at >= since;
	INSERT INTO pql.fact (subject, name, value, source, recorded_at)
	SELECT c.user_id, 'person.suppressed', to_jsonb(c.listed), 'pql.suppression', c.at
	FROM (
		SELECT b.user_id, b.at, b.listed, lag(b.listed, 1, (SELECT f.value = 'true' FROM pql.fact f WHERE f.subject = b.user_id AND f.name = 'person.suppressed' AND f.recorded_at < b.at ORDER BY f.recorded_at DESC LIMIT 1))
			OVER (PARTITION BY b.user_id ORDER BY b.at) AS was
		FROM (
			SELECT u.user_id, x.at, pql.is_listed(u.user_id, x.at) OR coalesce(p.suppressed_at <= x.at, false) AS listed
			FROM (SELECT DISTINCT y.user_id FROM unnest(users) y (user_id)) u
			LEFT JOIN pql.person p ON p.user_id = u.user_id
			CROSS JOIN LATERAL (
				SELECT since AS at WHERE isfinite(since)
				UNION SELECT e.at FROM pql.suppressions(u.user_id) s CROSS JOIN LATERAL (VALUES (s.suppressed_at), (s.until)) e (at) WHERE e.at > since AND isfinite(e.at)) x
		) b
	) c
	WHERE c.listed IS DISTINCT FROM coalesce(c.was, false)
	ON CONFLICT (subject, name, recorded_at) DO UPDATE SET value = EXCLUDED.value, source = EXCLUDED.source;
END
$$;
COMMENT ON FUNCTION pql.settle_suppression(text[], timestamptz) IS 'Brings the fact person.suppressed of some users in line with the lists, from an instant on.';

CREATE FUNCTION pql.suppressed_users(what text, value text) RETURNS text[]
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT coalesce(array_agg(DISTINCT u.user_id), '{}') FROM (
		SELECT value AS user_id WHERE what = 'user'
		UNION ALL SELECT p.user_id FROM pql.person p WHERE what = 'account' AND p.account_id = value
		UNION ALL SELECT p.user_id FROM pql.person p WHERE what = 'email' AND lower(btrim(p.email)) = value
		UNION ALL SELECT p.user_id FROM pql.person p WHERE what = 'domain' AND (pql.email_host(p.email) = value OR right(pql.email_host(p.email), length(value) + 1) = '.' || value)) u;
END;
COMMENT ON FUNCTION pql.suppressed_users(text, text) IS 'Who comes under an entry of a list.';

CREATE FUNCTION pql.suppression_kind(what text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	is_user CONSTANT boolean := EXISTS (SELECT FROM pql.person p WHERE p.user_id = what) OR EXISTS (SELECT FROM pql.score s WHERE s.user_id = what) OR EXISTS (SELECT FROM pql.suppression s WHERE s.what = 'user' AND s.value = suppression_kind.what);
	is_account CONSTANT boolean := EXISTS (SELECT FROM pql.account a WHERE a.account_id = what) OR EXISTS (SELECT FROM pql.suppression s WHERE s.what = 'account' AND s.value = suppression_kind.what);
BEGIN
	IF pql.email_host(what) IS NOT NULL AND (NOT is_user OR EXISTS (SELECT FROM pql.person p WHERE lower(btrim(p.email)) = lower(btrim(what)))) THEN
		RETURN 'email';
	ELSIF is_user AND is_account THEN
		RAISE EXCEPTION '"%" is a user and an account', what USING ERRCODE = 'ambiguous_parameter', HINT = 'Add kind => ''user'' or kind => ''account''.';
	ELSIF is_user OR is_account THEN
		RETURN CASE WHEN is_user THEN 'user' ELSE 'account' END;
	ELSIF lower(btrim(what)) ~ '^([a-z0-9-]+\.)+[a-z0-9-]{2,}$' THEN
		RETURN 'domain';
	END IF;
	RAISE EXCEPTION '"%" is no address, domain, user or account that is known', coalesce(what, 'NULL')
		USING ERRCODE = 'invalid_parameter_value', HINT = 'Add kind => ''email'', ''domain'', ''user'' or ''account'' for what is still to come.';
END
$$;
COMMENT ON FUNCTION pql.suppression_kind(text) IS 'What an entry of a list is, where nobody says: an address, a user or an account that is known, or a domain. Else an ERROR.';

CREATE FUNCTION pql.suppress(what text, list text DEFAULT 'do_not_contact', reason text DEFAULT NULL, until timestamptz DEFAULT NULL, kind text DEFAULT NULL, as_of timestamptz DEFAULT now()) RETURNS int
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	of_kind CONSTANT text := coalesce(kind, pql.suppression_kind(what));
	entry CONSTANT text := CASE WHEN of_kind IN ('email', 'domain') THEN lower(btrim(what)) ELSE what END;
	users text[];
BEGIN
	IF what IS NULL OR entry = '' OR of_kind NOT IN ('email', 'domain', 'user', 'account') THEN
		RAISE EXCEPTION 'kind "%" of "%" is not known', kind, coalesce(what, 'NULL') USING ERRCODE = 'invalid_parameter_value', HINT = 'It is email, domain, user or account.';
	ELSIF until <= as_of THEN
		RAISE EXCEPTION 'until is over already' USING ERRCODE = 'invalid_parameter_value', DETAIL = format('It is %s.', until), HINT = 'Leave it out for good, or name a later instant.';
	END IF;
	users := pql.suppressed_users(of_kind, entry);
	PERFORM pql.lock_users(users);
	INSERT INTO pql.suppression AS o (what, value, list, reason, suppressed_at, until) VALUES (of_kind, entry, coalesce(list, 'do_not_contact'), reason, as_of, until)
	ON CONFLICT ON CONSTRAINT suppression_pkey DO UPDATE SET reason = coalesce(EXCLUDED.reason, o.reason), until = EXCLUDED.until, suppressed_at = least(o.suppressed_at, EXCLUDED.suppressed_at);
	PERFORM pql.settle_suppression(users, as_of);
	-- whatever their models ask, what was to be sent is stopped by the next refresh; touches are refused from now on
	UPDATE pql.lead l SET next_at = least(l.next_at, suppress.as_of) WHERE l.user_id = ANY (users) AND l.state IN ('queued', 'assigned', 'claimed', 'contacted', 'meeting');
	INSERT INTO pql.crm_change (user_id) SELECT u FROM unnest(users) u;
	RETURN cardinality(users);
END
$$;
COMMENT ON FUNCTION pql.suppress(text, text, text, timestamptz, text, timestamptz) IS 'Puts an e-mail address, a domain (with what is below it), a user or an account on a do-not-contact list: nobody may write to whoever comes under it, now or later. what: which; kind: email, domain, user or account, NULL: as pql.suppression_kind finds. until: the end, excluded; NULL: for good. On that list already: the new end and reason hold. Returns how many known users come under it. ERROR: nothing that is known, an end that is over.';

CREATE FUNCTION pql.unsuppress(what text, list text DEFAULT NULL, kind text DEFAULT NULL, as_of timestamptz DEFAULT now()) RETURNS int
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	entry record;
	users text[];
	n int := 0;
BEGIN
	FOR entry IN SELECT s.what, s.value, s.list FROM pql.suppression s
		WHERE (unsuppress.kind IS NULL OR s.what = unsuppress.kind) AND (unsuppress.list IS NULL OR s.list = unsuppress.list)
			AND (s.value = CASE WHEN s.what IN ('email', 'domain') THEN lower(btrim(unsuppress.what)) ELSE unsuppress.what END OR s.value = 'hash:' || pql.forgotten_hash(CASE s.what WHEN 'email' THEN lower(btrim(unsuppress.what)) ELSE unsuppress.what END))
		ORDER BY 1, 2, 3
	LOOP
		users := pql.suppressed_users(entry.what, CASE WHEN entry.what IN ('email', 'domain') THEN lower(btrim(unsuppress.what)) ELSE unsuppress.what END);
		PERFORM pql.lock_users(users);
		DELETE FROM pql.suppression s WHERE s.what = entry.what AND s.value = entry.value AND s.list = entry.list;
		PERFORM pql.settle_suppression(users, as_of);
		INSERT INTO pql.crm_change (user_id) SELECT u FROM unnest(users) u;
		n := n + 1;
	END LOOP;
	RETURN n;
END
$$;
COMMENT ON FUNCTION pql.unsuppress(text, text, text, timestamptz) IS 'Takes an entry off a list, or off all of them (NULL). Who opted out, or is suppressed by pql.person.suppressed_at or another entry, stays so. Returns how many entries went: 0, when there was none.';

CREATE FUNCTION pql.suppress_newcomers() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	at CONSTANT timestamptz := coalesce(nullif(current_setting('pql_follow.recorded_at', true), '')::timestamptz, clock_timestamp());
BEGIN
	IF NOT EXISTS (SELECT FROM pql.suppression) OR NOT current_setting('check_function_bodies')::boolean THEN
		RETURN NULL;
	END IF;
	-- the lists were there before them
	PERFORM pql.settle_suppression(array_agg(a.user_id), '-infinity') FROM added a
	WHERE EXISTS (SELECT FROM pql.suppression_keys(a.user_id, a.email, a.account_id) k JOIN pql.suppression s ON s.what = k.what AND s.value = k.value)
		AND NOT EXISTS (SELECT FROM pql.fact f WHERE f.subject = a.user_id AND f.name = 'person.suppressed' AND f.source = 'pql.suppression') HAVING count(*) > 0;
	-- and who has had another address, or company, may come to one, or leave one
	PERFORM pql.settle_suppression(array_agg(a.user_id), at) FROM added a
	WHERE EXISTS (SELECT FROM pql.fact f WHERE f.subject = a.user_id AND f.name = 'person.suppressed' AND f.source = 'pql.suppression') HAVING count(*) > 0;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION pql.suppress_newcomers() IS 'Trigger: people who come, or change their address or company, under an entry of a list.';
CREATE TRIGGER newcomers_on_lists AFTER INSERT ON pql.person REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION pql.suppress_newcomers();
CREATE TRIGGER movers_on_lists AFTER UPDATE ON pql.person REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION pql.suppress_newcomers();

-- ---- what is held of a person ----

CREATE FUNCTION pql.personal_data() RETURNS TABLE (n int, relation text, column_name text, holds text, on_forget text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	VALUES
		-- what is kept for others' sake goes first, while the rest still tells whose it is
		(1, 'alert', 'lead_id', 'lead', 'delete'), (2, 'activity', 'lead_id', 'lead', 'delete'), (3, 'alert', 'user_id', 'user', 'delete'), (4, 'activity', 'user_id', 'user', 'delete'), (5, 'activity', 'email', 'email', 'delete'),
		(6, 'lead_event', 'user_id', 'user', 'redact'), (7, 'lead', 'user_id', 'user', 'redact'),
		-- payments before people, of whom they make rows
		(8, 'conversion', 'user_id', 'user', 'clear'), (9, 'person', 'user_id', 'user', 'delete'), (10, 'person', 'email', 'row', NULL), (11, 'trial', 'user_id', 'user', 'delete'), (12, 'event', 'user_id', 'user', 'delete'),
		(13, 'survey', 'user_id', 'user', 'delete'), (14, 'deal', 'user_id', 'user', 'clear'), (15, 'fact', 'subject', 'user', 'delete'), (16, 'opt_out', 'user_id', 'user', 'delete'), (17, 'list_entry', 'entry', 'email', 'delete'),
		(18, 'suppression', 'value', 'user or email', 'hash'), (19, 'credit', 'user_id', 'user', 'delete'), (20, 'input_change', 'key', 'user', 'delete'), (21, 'retention', 'user_id', 'user', 'delete'),
		(22, 'score', 'user_id', 'user', 'delete'), (23, 'score_history', 'user_id', 'user', 'delete'), (24, 'state', 'user_id', 'user', 'delete'), (25, 'change', 'user_id', 'user', 'delete'),
		(26, 'crm_usage', 'user_id', 'user', 'delete'), (27, 'crm_task_row', 'user_id', 'user', 'publish'), (28, 'crm_contact_row', 'user_id', 'user', 'publish'), (29, 'crm_contact_row', 'email', 'row', NULL), (30, 'crm_change', 'user_id', 'user', 'delete'),
		(31, 'link', 'id', 'identifier', 'delete'), (32, 'link', 'other_id', 'identifier', 'delete'), (33, 'person_account', 'user_id', 'user', 'delete'), (34, 'identity_proposal', 'a', 'proposal', 'delete'), (35, 'identity_proposal', 'b', 'proposal', 'delete'),
		-- of people who work here
		(90, 'rep', 'email', 'staff', NULL), (91, 'crm_contact_row', 'owner_email', 'staff', NULL), (92, 'crm_task_row', 'owner_email', 'staff', NULL),
		-- of nobody
		(93, 'match_field', 'subject', 'word', NULL), (94, 'match_block', 'subject', 'word', NULL);
END;
COMMENT ON FUNCTION pql.personal_data() IS 'Where pql''s own tables hold a person, in the order in which they are forgotten. holds: user (an id), email, lead (the id of one of theirs), identifier (as pql.link has it), proposal (one of two who may be the same), row (something else of a row found by another column), staff, or word (nobody). on_forget: delete (the row), redact, clear (the column), hash, or publish (the row for the CRM is brought in line).';

CREATE FUNCTION pql.emails_of(users text[]) RETURNS text[]
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT coalesce(array_agg(DISTINCT f.form) FILTER (WHERE f.form <> ''), '{}') FROM (
		SELECT p.email FROM pql.person p WHERE p.user_id = ANY (users)
		UNION ALL SELECT r.email FROM pql.crm_contact_row r WHERE r.user_id = ANY (users)
		UNION ALL SELECT f.value #>> '{}' FROM pql.fact f WHERE f.subject = ANY (users) AND f.name = 'person.email') e
	-- as it stands, and as links have it
	CROSS JOIN LATERAL unnest(ARRAY[lower(btrim(e.email)), pql.normal_email(e.email)]) f (form)
	-- one that somebody else has, too, is not theirs alone
	WHERE NOT EXISTS (SELECT FROM pql.person o WHERE lower(btrim(o.email)) = lower(btrim(e.email)) AND o.user_id <> ALL (users));
END;
COMMENT ON FUNCTION pql.emails_of(text[]) IS 'Addresses that users have or had, in lower case; without those of somebody else.';

CREATE FUNCTION pql.personal_rows(of_relation text, of_column text, of_holds text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT format(CASE of_holds
		WHEN 'user' THEN 'x.%I = ANY ($1)'
		WHEN 'email' THEN 'lower(btrim(x.%I)) = ANY ($2)'
		WHEN 'lead' THEN 'x.%I::text = ANY ($3)'
		WHEN 'identifier' THEN '(x.%2$I IN (''user'', ''visitor'') AND x.%1$I = ANY ($1) OR x.%2$I = ''email'' AND x.%1$I = ANY ($2))'
		WHEN 'proposal' THEN '(x.kind = ''user'' AND x.%I = ANY ($1))'
		WHEN 'user or email' THEN '(x.what = ''user'' AND x.%1$I = ANY ($1) OR x.what = ''email'' AND x.%1$I = ANY ($2))' END, of_column, CASE of_column WHEN 'id' THEN 'kind' ELSE 'other_kind' END)
		-- an account may have the same id
		|| CASE of_relation WHEN 'fact' THEN ' AND x.name NOT LIKE ''account.%''' WHEN 'input_change' THEN ' AND x.input NOT IN (''accounts'', ''deals'')' ELSE '' END;
END;
COMMENT ON FUNCTION pql.personal_rows(text, text, text) IS 'The condition on rows x of a table that hold a person: $1 users, $2 addresses, $3 leads.';

CREATE FUNCTION pql.connected_rows(of_user text) RETURNS TABLE (relation text, input text, rows bigint, failure text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	s record;
	emails text[] := pql.emails_of(ARRAY[of_user]);
BEGIN
	FOR s IN SELECT x.relation, x.input, x.mapping FROM pql.sources x WHERE x.relation <> 'pql.event' ORDER BY x.input, x.relation LOOP
		relation := s.relation;
		input := s.input;
		rows := NULL;
		failure := NULL;
		CONTINUE WHEN NOT (s.mapping ? 'user_id' OR s.mapping ? 'email');
		BEGIN
			EXECUTE format('SELECT count(*) FROM (%s) q WHERE %s', pql.source_query(pql.source_relation(s.relation, s.input), s.mapping, NULL, s.input),
				concat_ws(' OR ', CASE WHEN s.mapping ? 'user_id' THEN 'q.user_id = $1' END, CASE WHEN s.mapping ? 'email' AND s.input IN ('people', 'activities') THEN 'lower(btrim(q.email)) = ANY ($2)' END)) INTO rows USING of_user, emails;
		EXCEPTION WHEN OTHERS THEN
			failure := SQLERRM;
		END;
		RETURN NEXT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION pql.connected_rows(text) IS 'How many rows of each connected table are of a user; failure: why that cannot be told.';

CREATE FUNCTION pql.export(user_id text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	d record;
	ids CONSTANT text[] := pql.ids_of(ARRAY[user_id]);
	emails text[];
	leads text[];
	found jsonb;
	result jsonb := '{}';
BEGIN
	IF user_id IS NULL THEN
		RAISE EXCEPTION 'user_id is NULL' USING ERRCODE = 'null_value_not_allowed', HINT = 'Name the user: SELECT pql.export(''user_1'').';
	END IF;
	emails := pql.emails_of(ids);
	leads := ARRAY(SELECT l.lead_id::text FROM pql.lead l WHERE l.user_id = ANY (ids));
	FOR d IN SELECT p.relation, string_agg(pql.personal_rows(p.relation, p.column_name, p.holds), ' OR ' ORDER BY p.n) AS condition, min(p.n) AS n FROM pql.personal_data() p WHERE p.holds IN ('user', 'email', 'lead', 'user or email', 'identifier', 'proposal') GROUP BY p.relation ORDER BY 3 LOOP
		EXECUTE format('SELECT jsonb_agg(to_jsonb(x)) FROM pql.%I x WHERE %s', d.relation, d.condition) INTO found USING ids, emails, leads;
		IF found IS NOT NULL THEN
			result := result || jsonb_build_object(d.relation, found);
		END IF;
	END LOOP;
	RETURN result || coalesce((SELECT jsonb_build_object('connected', jsonb_object_agg(c.relation, coalesce(to_jsonb(c.failure), to_jsonb(c.rows))))
		FROM (SELECT r.relation, sum(r.rows) AS rows, min(r.failure) AS failure FROM unnest(ids) i CROSS JOIN LATERAL pql.connected_rows(i) r WHERE r.rows > 0 OR r.failure IS NOT NULL GROUP BY r.relation) c HAVING count(*) > 0), '{}');
END
$$;
COMMENT ON FUNCTION pql.export(text) IS 'All that pql''s own tables hold of a person, by id (whichever theirs are: pql.ids_of), address and lead: an object with an array of rows for each table, and under connected how many rows your own tables have, which are not repeated here. Nothing is held: {}. NULL is an ERROR.';

-- ---- forgetting ----

CREATE FUNCTION pql.forgotten_among(users text[]) RETURNS text[]
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT ARRAY(SELECT DISTINCT u FROM unnest(users) u JOIN pql.forgotten f ON f.hash = pql.forgotten_hash(u));
END;
COMMENT ON FUNCTION pql.forgotten_among(text[]) IS 'Those of the users who have been forgotten.';

CREATE FUNCTION pql.close_for_good(users text[], as_of timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	l pql.lead;
BEGIN
	FOR l IN SELECT o.* FROM pql.lead o WHERE o.user_id = ANY (users) AND o.state NOT IN ('closed', 'control') ORDER BY o.lead_id FOR UPDATE LOOP
		IF l.assigned_at IS NULL THEN
			l := pql.log_event(l, 'pql_not_routed', as_of, jsonb_build_object('reason', 'forgotten', 'state', 'closed'));
		ELSE
			l := pql.log_event(pql.stop_sequence(l, 'forgotten', as_of), 'lead_closed', as_of, jsonb_build_object('reason', 'forgotten'));
		END IF;
		PERFORM pql.save_lead(l, true);
	END LOOP;
END
$$;
COMMENT ON FUNCTION pql.close_for_good(text[], timestamptz) IS 'Closes the leads of users who are to be forgotten: nobody works them, and nothing is sent.';

CREATE FUNCTION pql.erase(users text[]) RETURNS TABLE (relation text, rows bigint, did text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	d record;
	emails text[];
	leads text[];
	condition text;
	found boolean;
	accounts text[];
BEGIN
	IF coalesce(users, '{}') = '{}' THEN
		RETURN;
	END IF;
	accounts := ARRAY(SELECT s.account_id FROM pql.score s WHERE s.user_id = ANY (users) AND s.account_id IS NOT NULL UNION SELECT p.account_id FROM pql.person p WHERE p.user_id = ANY (users) AND p.account_id IS NOT NULL);
	emails := pql.emails_of(users);
	leads := ARRAY(SELECT l.lead_id::text FROM pql.lead l WHERE l.user_id = ANY (users));
	FOR d IN SELECT p.* FROM pql.personal_data() p WHERE p.on_forget IN ('delete', 'redact', 'clear', 'hash') ORDER BY p.n LOOP
		relation := 'pql.' || d.relation;
		condition := pql.personal_rows(d.relation, d.column_name, d.holds);
		-- deleting nothing fires triggers, too, and some of them are about everybody
		EXECUTE format('SELECT EXISTS (SELECT FROM pql.%I x WHERE %s)', d.relation, condition) INTO found USING users, emails, leads;
		CONTINUE WHEN NOT found;
		CASE
			WHEN d.on_forget = 'delete' THEN
				EXECUTE format('DELETE FROM pql.%I x WHERE %s', d.relation, condition) USING users, emails, leads;
				did := 'deleted';
			WHEN d.relation = 'lead_event' THEN
				-- free text, and ids of other systems; what happened and when stays, for dashboards
				UPDATE pql.lead_event e SET user_id = f.token, external_id = NULL, details = e.details - '{note,next_steps,by}'::text[] - CASE WHEN e.event = 'pql_dispositioned' THEN 'reason' ELSE '' END
				FROM pql.forgotten f WHERE e.user_id = ANY (users) AND f.hash = pql.forgotten_hash(e.user_id);
				did := 'kept for dashboards, of nobody and without words';
			WHEN d.relation = 'lead' THEN
				UPDATE pql.lead l SET user_id = f.token, explanation = NULL, disposition_reason = NULL, next_at = NULL FROM pql.forgotten f WHERE l.user_id = ANY (users) AND f.hash = pql.forgotten_hash(l.user_id);
				did := 'kept for dashboards, of nobody and without words';
			WHEN d.relation = 'suppression' THEN
				UPDATE pql.suppression x SET value = 'hash:' || pql.forgotten_hash(x.value), reason = NULL WHERE x.what = 'user' AND x.value = ANY (users) OR x.what = 'email' AND x.value = ANY (emails);
				did := 'kept as a hash, for it holds still';
			ELSE
				-- a company's payments and deals are the company's
				EXECUTE format('DELETE FROM pql.%I x WHERE %s AND x.account_id IS NULL', d.relation, condition) USING users, emails, leads;
				GET DIAGNOSTICS rows = ROW_COUNT;
				did := 'deleted';
				IF rows > 0 THEN
					RETURN NEXT;
				END IF;
				EXECUTE format('UPDATE pql.%I x SET %I = NULL WHERE %s', d.relation, d.column_name, condition) USING users, emails, leads;
				did := 'kept as the account''s';
		END CASE;
		GET DIAGNOSTICS rows = ROW_COUNT;
		IF rows > 0 THEN
			RETURN NEXT;
		END IF;
	END LOOP;
	-- what the deleting has noted
	DELETE FROM pql.fact f WHERE f.subject = ANY (users) AND f.name NOT LIKE 'account.%';
	DELETE FROM pql.input_change c WHERE c.key = ANY (users) AND c.input NOT IN ('accounts', 'deals');
	DELETE FROM pql.change c WHERE c.user_id = ANY (users);
	DELETE FROM pql.crm_change c WHERE c.user_id = ANY (users);
	-- their companies have a member less
	PERFORM pql.mark(ARRAY(SELECT pql.account_key(a) FROM unnest(accounts) a), 'infinity', 'forgotten');
END
$$;
COMMENT ON FUNCTION pql.erase(text[]) IS 'Takes users who are in pql.forgotten out of pql''s own tables, but for rows for the CRM. Their locks are held. What was done, by table.';

CREATE FUNCTION pql.forget_id(user_id text, keep_key interval, as_of timestamptz) RETURNS TABLE (relation text, rows bigint, did text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	who CONSTANT text := forget_id.user_id;
	at timestamptz := coalesce(forget_id.as_of, (SELECT max(r.as_of) FROM pql.run r), now());
	emails text[];
	account text;
	stamp timestamptz;
BEGIN
	IF coalesce(who, '') = '' OR who LIKE 'forgotten:%' OR keep_key IS NULL THEN
		RAISE EXCEPTION 'there is nobody to forget'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Name the user: SELECT * FROM pql.forget(''user_1'').';
	END IF;
	PERFORM pql.lock_follow();
	PERFORM pql.lock_users(ARRAY[who]);
	PERFORM pql.lock_crm();
	-- told before it is gone
	RETURN QUERY SELECT c.relation, c.rows, CASE WHEN c.failure IS NULL THEN format('still there, in a table that is connected as %s: delete them there', c.input) ELSE format('cannot be read (%s): look there', c.failure) END
		FROM pql.connected_rows(who) c WHERE c.rows > 0 OR c.failure IS NOT NULL;
	emails := pql.emails_of(ARRAY[who]);
	account := (SELECT r.account_id FROM pql.crm_contact_row r WHERE r.user_id = who);
	INSERT INTO pql.forgotten_salt DEFAULT VALUES ON CONFLICT DO NOTHING;
	INSERT INTO pql.forgotten (hash, forgotten_at, token) VALUES (pql.forgotten_hash(who), at, 'forgotten:' || gen_random_uuid()) ON CONFLICT DO NOTHING;
	-- who did not want to be written to still does not, should the address come again
	INSERT INTO pql.suppression (what, value, list, suppressed_at, suppressed_by)
	SELECT 'email', 'hash:' || pql.forgotten_hash(e), 'opted_out', at, 'pql.forget' FROM unnest(emails) e
	WHERE EXISTS (SELECT FROM pql.person p WHERE p.user_id = who AND (p.opted_out_at <= at OR p.suppressed_at <= at)) OR EXISTS (SELECT FROM pql.opt_out o WHERE o.user_id = who AND o.opted_out_at <= at AND (o.opted_in_at <= at) IS NOT TRUE)
		OR EXISTS (SELECT FROM pql.suppressions(who) x WHERE x.what = 'user' AND x.until IS NULL)
	ON CONFLICT DO NOTHING;
	PERFORM pql.close_for_good(ARRAY[who], at);
	RETURN QUERY SELECT e.* FROM pql.erase(ARRAY[who]) e;

	stamp := pql.next_publication();
	IF keep_key > interval '0' THEN
		UPDATE pql.crm_contact_row r SET (email, full_name, title, department, account_id, signed_up_at, signup_source, trial_started_at, trial_ends_at, plan, activated, activated_at, key_features, enterprise_request, model, status, score, potential,
			tier, summary, signals_met, exclusions, qualified_at, lead_state, owner_email, disposition, converted_at, conversion_source, mrr, last_active_on, contactable, not_contactable_reason, met, updated_at, due_at)
			= (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'forgotten', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, 'forgotten', NULL, stamp, at + keep_key)
		WHERE r.user_id = who AND r.status <> 'forgotten';
	ELSE
		DELETE FROM pql.crm_contact_row r WHERE r.user_id = who;
	END IF;
	IF FOUND THEN
		PERFORM pql.note_publication(stamp);
		RETURN QUERY SELECT 'pql.crm_contact', 1::bigint, CASE WHEN keep_key > interval '0' THEN format('emptied, so that the CRM is; the key stays until %s', to_char((at + keep_key) AT TIME ZONE 'UTC', 'YYYY-MM-DD')) ELSE 'deleted' END;
	END IF;
	-- tasks, and what the account counts
	INSERT INTO pql.crm_change (account_id) SELECT account WHERE account IS NOT NULL;
	PERFORM pql.write_crm(at, last => false);
	DELETE FROM pql.crm_change c WHERE c.user_id = who;
	RETURN QUERY SELECT 'pql.forgotten', 1::bigint, 'a hash, by which rows that are loaded again are thrown away';
END
$$;
COMMENT ON FUNCTION pql.forget_id(text, interval, timestamptz) IS 'pql.forget of one id.';

CREATE FUNCTION pql.forget(user_id text, keep_key interval DEFAULT '30 days', as_of timestamptz DEFAULT NULL) RETURNS TABLE (relation text, rows bigint, did text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	ids CONSTANT text[] := pql.ids_of(ARRAY[forget.user_id]);
BEGIN
	-- all at once, for the first to go takes the links along
	PERFORM pql.lock_follow();
	PERFORM pql.lock_users(array_remove(ids, NULL));
	RETURN QUERY SELECT f.relation, sum(f.rows)::bigint, f.did
		FROM unnest(ids) WITH ORDINALITY u (id, n) CROSS JOIN LATERAL pql.forget_id(u.id, forget.keep_key, forget.as_of) WITH ORDINALITY f (relation, rows, did, m)
		GROUP BY f.relation, f.did ORDER BY min(u.n), min(f.m);
END
$$;
COMMENT ON FUNCTION pql.forget(text, interval, timestamptz) IS 'Forgets a person, under all of their ids (pql.ids_of): deletes what pql''s own tables hold, but for what happened to leads, which stays for dashboards under a name by chance and without words; closes open leads; empties the row of pql.crm_contact at once, so that a sync empties the CRM, and lets it go after keep_key (0: at once, for syncs that delete what vanishes). Rows of the user that are loaded again are thrown away. Your own tables are not touched: the report names those that still hold the person. Do-not-contact entries and opting out stay, as hashes. Again: whatever has come since. ERROR: NULL or no user.';

CREATE FUNCTION pql.remember(user_id text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM pql.lock_users(ARRAY[user_id]) WHERE user_id IS NOT NULL;
	DELETE FROM pql.forgotten f WHERE f.hash = pql.forgotten_hash(user_id);
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	DELETE FROM pql.crm_contact_row r WHERE r.user_id = remember.user_id AND r.status = 'forgotten';
	PERFORM pql.mark(ARRAY[user_id], '-infinity', 'remember');
	RETURN true;
END
$$;
COMMENT ON FUNCTION pql.remember(text) IS 'A person who had been forgotten is a customer again: rows of this user are taken from now on. What is gone stays gone. Returns false when nobody of that id had been forgotten.';

CREATE FUNCTION pql.refuse_forgotten() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	users text[];
BEGIN
	IF NOT EXISTS (SELECT FROM pql.forgotten) THEN
		RETURN NULL;
	END IF;
	EXECUTE format('SELECT pql.forgotten_among(array_agg(DISTINCT a.%I)) FROM added a', TG_ARGV[0]) INTO users;
	IF users <> '{}' THEN
		IF TG_TABLE_NAME IN ('conversion', 'deal') THEN
			EXECUTE format('UPDATE pql.%I SET user_id = NULL WHERE user_id = ANY ($1) AND account_id IS NOT NULL', TG_TABLE_NAME) USING users;
		END IF;
		EXECUTE format('DELETE FROM pql.%I x WHERE x.%I = ANY ($1)%s', TG_TABLE_NAME, TG_ARGV[0], CASE WHEN TG_TABLE_NAME = 'fact' THEN ' AND x.name NOT LIKE ''account.%''' ELSE '' END) USING users;
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION pql.refuse_forgotten() IS 'Trigger: rows of people who have been forgotten are thrown away again. Argument: the column that names users.';
REVOKE ALL ON FUNCTION pql.refuse_forgotten(), pql.suppress_newcomers() FROM PUBLIC;
DO $$
DECLARE
	t record;
BEGIN
	FOR t IN SELECT * FROM (VALUES ('event', 'user_id'), ('person', 'user_id'), ('trial', 'user_id'), ('conversion', 'user_id'), ('survey', 'user_id'), ('deal', 'user_id'), ('activity', 'user_id'), ('opt_out', 'user_id'), ('fact', 'subject')) v (name, key) LOOP
		EXECUTE format('CREATE TRIGGER forgotten_stay_so AFTER INSERT ON pql.%I REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION pql.refuse_forgotten(%L)', t.name, t.key);
	END LOOP;
END
$$;
