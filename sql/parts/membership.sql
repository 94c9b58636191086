-- Membership: which company somebody belongs to, by workspace, else by the domain of a work address.
--
-- Accounts are derived for people of whom no source says one. What is derived goes to pql.person through pql.fact, with the instant from which
-- it was known, so that verdicts of the past do not know what came later; why, and that it was derived, is in pql.person_account.

CREATE TABLE pql.person_account (
	user_id text NOT NULL,
	account_id text NOT NULL,
	reason text NOT NULL CHECK (reason IN ('workspace', 'domain')),
	kind text NOT NULL,
	id text NOT NULL,
	recorded_at timestamptz NOT NULL,
	derived_at timestamptz NOT NULL,
	undone_at timestamptz,
	undone_why text,
	undone_by text,
	CHECK ((undone_at IS NULL) = (undone_by IS NULL))
);
CREATE UNIQUE INDEX person_account_now ON pql.person_account (user_id) WHERE undone_at IS NULL;
CREATE INDEX person_account_of ON pql.person_account (user_id, account_id);
COMMENT ON TABLE pql.person_account IS 'Accounts that pql.derive_accounts gave people, and why. Those that a source says are not here.';
COMMENT ON COLUMN pql.person_account.reason IS 'workspace: by a link with a company''s identifier. domain: by the registrable domain of a work address.';
COMMENT ON COLUMN pql.person_account.kind IS 'Of the identifier that says so: workspace, account, crm_account, domain …';
COMMENT ON COLUMN pql.person_account.recorded_at IS 'Known from then; -infinity: from the beginning.';
COMMENT ON COLUMN pql.person_account.derived_at IS 'The as_of of pql.derive_accounts.';
COMMENT ON COLUMN pql.person_account.undone_at IS 'It does not hold any more from then; NULL: it does.';
COMMENT ON COLUMN pql.person_account.undone_by IS 'pql: something else holds now. Anything else: somebody, and it is not derived again.';
SELECT pg_catalog.pg_extension_config_dump('pql.person_account', '');

CREATE FUNCTION pql.account_candidates(as_of timestamptz) RETURNS TABLE (user_id text, account_id text, reason text, kind text, id text, recorded_at timestamptz, domain text)
LANGUAGE sql STABLE SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
	WITH membership AS MATERIALIZED (
		SELECT coalesce(i.representative_kind, l.kind) AS r_kind, coalesce(i.representative_id, l.id) AS r_id, l.kind AS own_kind, l.id AS own_id, l.other_kind AS kind, l.other_id AS id, l.recorded_at,
			CASE WHEN c.shared_by IS NOT NULL THEN NULL WHEN c.representative_kind = 'account' THEN c.representative_id WHEN l.other_kind IN ('account', 'workspace') THEN l.other_id END AS account_id
		FROM pql.link l
		JOIN pql.identifier_kinds k ON k.kind = l.kind AND k.class = 'person'
		JOIN pql.identifier_kinds o ON o.kind = l.other_kind AND o.class = 'company'
		LEFT JOIN pql.identity i ON i.kind = l.kind AND i.id = l.id
		LEFT JOIN pql.identity c ON c.kind = l.other_kind AND c.id = l.other_id
		WHERE l.recorded_at <= as_of AND (l.undone_at IS NULL OR l.undone_at > as_of)
	), by_workspace AS (
		SELECT DISTINCT ON (p.user_id) p.user_id, m.account_id, 'workspace' AS reason, m.kind, m.id, m.recorded_at, NULL::text AS domain
		FROM pql.person p
		LEFT JOIN pql.identity i ON i.kind = 'user' AND i.id = p.user_id
		JOIN membership m ON m.r_kind = coalesce(i.representative_kind, 'user') AND m.r_id = coalesce(i.representative_id, p.user_id)
		WHERE m.account_id IS NOT NULL
		-- the user's own before those of others who are the same; the newest
		ORDER BY p.user_id, (m.own_kind, m.own_id) <> ('user', p.user_id), m.recorded_at DESC, m.kind, m.id COLLATE "C"
	), by_domain AS (
		SELECT p.user_id, coalesce(a.account_id, CASE WHEN t.account_id IS NULL THEN d.domain ELSE 'domain:' || d.domain END) AS account_id, 'domain' AS reason, 'domain' AS kind, d.domain AS id,
			coalesce((SELECT max(f.recorded_at) FROM pql.fact f WHERE f.subject = p.user_id AND f.name = 'person.email'), '-infinity') AS recorded_at, d.domain
		FROM pql.person p
		CROSS JOIN LATERAL (SELECT pql.work_domain(p.email) AS domain OFFSET 0) d
		LEFT JOIN (SELECT pql.work_domain('x@' || o.domain) AS domain, min(o.account_id COLLATE "C") AS account_id FROM pql.account o WHERE o.domain IS NOT NULL GROUP BY 1) a ON a.domain = d.domain
		-- an account that has the domain as its id, and another as its domain
		LEFT JOIN pql.account t ON t.account_id = d.domain AND t.domain IS NOT NULL
		WHERE d.domain IS NOT NULL AND pql.is_test_address(p.email) IS FALSE
	)
	SELECT DISTINCT ON (c.user_id) c.user_id, c.account_id, c.reason, c.kind, c.id, c.recorded_at, c.domain
	FROM (SELECT * FROM by_workspace UNION ALL SELECT * FROM by_domain) c
	WHERE c.recorded_at <= as_of
		-- what somebody has undone is not derived again
		AND NOT EXISTS (SELECT FROM pql.person_account u WHERE u.user_id = c.user_id AND u.account_id = c.account_id AND u.undone_by <> 'pql')
	ORDER BY c.user_id, c.reason DESC;
END;
COMMENT ON FUNCTION pql.account_candidates(timestamptz) IS 'Which account people belong to by what is linked up to an instant, whatever their row says: by workspace (their own newest, else that of another identifier of the same person), else by the registrable domain of a work address that is no test; the account that has the domain (of several the first by bytes), else the domain as its id. Those that somebody undid are left out.';

CREATE FUNCTION pql.derive_accounts(as_of timestamptz DEFAULT now()) RETURNS TABLE (reason text, people bigint, added bigint, undone bigint)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = off AS $$
BEGIN
	PERFORM pql.check_collected_until(as_of);
	UPDATE pql.identity_revision SET revision = revision + 1;
	-- what a source says in the meantime counts, and is not touched
	UPDATE pql.person_account d SET undone_at = greatest(as_of, d.recorded_at), undone_why = 'a source says another account, or none', undone_by = 'pql'
	WHERE d.undone_at IS NULL AND NOT EXISTS (SELECT FROM pql.person p WHERE p.user_id = d.user_id AND p.account_id = d.account_id);
	RETURN QUERY
	WITH candidate AS MATERIALIZED (
		SELECT * FROM pql.account_candidates(as_of)
	), person AS MATERIALIZED (
		SELECT p.user_id, d.account_id AS was, d.reason AS was_reason, d.kind AS was_kind, d.id AS was_id, c.account_id, c.reason, c.kind, c.id, c.recorded_at, c.domain
		FROM pql.person p
		LEFT JOIN pql.person_account d ON d.user_id = p.user_id AND d.undone_at IS NULL
		LEFT JOIN candidate c ON c.user_id = p.user_id
		WHERE p.account_id IS NULL OR d.account_id IS NOT NULL
	), changed AS MATERIALIZED (
		SELECT p.* FROM person p WHERE (p.was, p.was_reason, p.was_kind, p.was_id) IS DISTINCT FROM (p.account_id, p.reason, p.kind, p.id)
	), closed AS (
		UPDATE pql.person_account d SET undone_at = greatest(as_of, d.recorded_at), undone_why = CASE WHEN c.account_id IS NULL THEN 'nothing says so any more' ELSE format('%s %s says %s', c.kind, c.id, c.account_id) END, undone_by = 'pql'
		FROM changed c WHERE d.user_id = c.user_id AND d.undone_at IS NULL
		RETURNING d.reason
	), made AS (
		INSERT INTO pql.account (account_id, domain)
		SELECT DISTINCT ON (c.account_id) c.account_id, c.domain FROM changed c WHERE c.account_id IS NOT NULL ORDER BY c.account_id, c.domain
		ON CONFLICT (account_id) DO NOTHING
	), kept AS (
		INSERT INTO pql.person_account (user_id, account_id, reason, kind, id, recorded_at, derived_at)
		SELECT c.user_id, c.account_id, c.reason, c.kind, c.id, c.recorded_at, as_of FROM changed c WHERE c.account_id IS NOT NULL
	), known AS (
		INSERT INTO pql.fact AS f (subject, name, value, source, recorded_at)
		SELECT c.user_id, 'person.account_id', coalesce(to_jsonb(c.account_id), 'null'), 'pql.identity', CASE WHEN h.latest IS NULL OR c.recorded_at > h.latest THEN c.recorded_at ELSE greatest(as_of, h.latest) END
		FROM changed c CROSS JOIN LATERAL (SELECT max(o.recorded_at) AS latest FROM pql.fact o WHERE o.subject = c.user_id AND o.name = 'person.account_id') h
		WHERE c.was IS DISTINCT FROM c.account_id
		ON CONFLICT (subject, name, recorded_at) DO UPDATE SET value = EXCLUDED.value, source = EXCLUDED.source
	), told AS (
		-- the triggers of pql.fact would, person by person; they run after this and find it done
		UPDATE pql.person p SET account_id = c.account_id FROM changed c WHERE p.user_id = c.user_id AND c.was IS DISTINCT FROM c.account_id
	)
	SELECT r.reason, sum(r.people)::bigint, sum(r.added)::bigint, sum(r.undone)::bigint
	FROM (SELECT p.reason, 1 AS people, 0 AS added, 0 AS undone FROM person p WHERE p.account_id IS NOT NULL
		UNION ALL SELECT c.reason, 0, 1, 0 FROM changed c WHERE c.account_id IS NOT NULL
		UNION ALL SELECT x.reason, 0, 0, 1 FROM closed x) r
	GROUP BY r.reason ORDER BY r.reason DESC;
END
$$;
COMMENT ON FUNCTION pql.derive_accounts(timestamptz) IS 'Gives people without an account one (pql.account_candidates), makes the accounts that are not there, and keeps the reason in pql.person_account; what was derived before and follows no more is undone. An account that a source says is never touched. Known, as a fact person.account_id, since the link or the address was. Idempotent. Returns, by reason, people who have one so, added, undone. Call pql.collect_links before. NULL or infinite as_of: an ERROR.';

CREATE FUNCTION pql.undo_account(user_id text, why text, undone_at timestamptz DEFAULT now(), undone_by text DEFAULT session_user) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	was text;
	latest timestamptz;
BEGIN
	IF undo_account.why IS NULL OR btrim(undo_account.why) = '' OR undo_account.undone_by IS NULL OR undo_account.undone_at IS NULL OR NOT isfinite(undo_account.undone_at) THEN
		RAISE EXCEPTION 'undoing an account needs a reason, a time and somebody who does it'
			USING ERRCODE = 'null_value_not_allowed', HINT = 'Say for example pql.undo_account(''u1'', ''a freelancer'').';
	END IF;
	UPDATE pql.identity_revision SET revision = revision + 1;
	UPDATE pql.person_account d SET undone_at = undo_account.undone_at, undone_why = undo_account.why, undone_by = undo_account.undone_by
	WHERE d.user_id = undo_account.user_id AND d.undone_at IS NULL
	RETURNING d.account_id INTO was;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'the account of user "%" was not derived', coalesce(undo_account.user_id, 'NULL')
			USING ERRCODE = 'no_data_found', HINT = 'What a source says is changed in the source.';
	END IF;
	IF EXISTS (SELECT FROM pql.person p WHERE p.user_id = undo_account.user_id AND p.account_id = was) THEN
		SELECT max(f.recorded_at) INTO latest FROM pql.fact f WHERE f.subject = undo_account.user_id AND f.name = 'person.account_id';
		INSERT INTO pql.fact AS f (subject, name, value, source, recorded_at)
		VALUES (undo_account.user_id, 'person.account_id', 'null', 'pql.identity', greatest(undo_account.undone_at, latest))
		ON CONFLICT (subject, name, recorded_at) DO UPDATE SET value = EXCLUDED.value, source = EXCLUDED.source;
	END IF;
	RETURN was;
END
$$;
COMMENT ON FUNCTION pql.undo_account(text, text, timestamptz, text) IS 'Takes the account away again that pql.derive_accounts gave somebody, from an instant on, and returns it. It is not derived again; another may be. ERROR: it was not derived, no reason.';

-- ---- by refresh ----

CREATE TABLE pql.identity_following (
	every interval NOT NULL CHECK (every >= interval '0'),
	followed_at timestamptz NOT NULL DEFAULT '-infinity',
	failure text,
	only_one int PRIMARY KEY DEFAULT 1 CHECK (only_one = 1)
);
COMMENT ON TABLE pql.identity_following IS 'No row: links are collected, and accounts derived, when somebody calls pql.collect_links and pql.derive_accounts. One row: by refresh as well. Written by pql.follow_identities.';
COMMENT ON COLUMN pql.identity_following.every IS 'How much time there is between, at least; 0: each refresh does it.';
COMMENT ON COLUMN pql.identity_following.followed_at IS 'The as_of of the last refresh that did.';
COMMENT ON COLUMN pql.identity_following.failure IS 'Why the last one could not; NULL: it could.';
SELECT pg_catalog.pg_extension_config_dump('pql.identity_following', '');

CREATE FUNCTION pql.follow_identities(every interval DEFAULT '1 hour') RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF follow_identities.every < interval '0' THEN
		RAISE EXCEPTION 'every is negative'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Write for example pql.follow_identities(''1 hour''); NULL ends it.';
	END IF;
	DELETE FROM pql.identity_following f WHERE follow_identities.every IS NULL;
	INSERT INTO pql.identity_following AS f (every) SELECT follow_identities.every WHERE follow_identities.every IS NOT NULL
	ON CONFLICT (only_one) DO UPDATE SET every = EXCLUDED.every;
END
$$;
COMMENT ON FUNCTION pql.follow_identities(interval) IS 'From now on refresh finds links and derives accounts (pql.collect_links, pql.derive_accounts) before it judges, when so much time has passed since the last time; 0: each time. NULL: no longer. Negative: an ERROR. Reads all people and accounts, and of events what was loaded since.';

CREATE FUNCTION pql.identities_are_due(as_of timestamptz) RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT EXISTS (SELECT FROM pql.identity_following f WHERE f.followed_at + f.every <= as_of);
END;
COMMENT ON FUNCTION pql.identities_are_due(timestamptz) IS 'Has the time come that pql.follow_identities asks for?';

CREATE FUNCTION pql.follow_identities_at(as_of timestamptz) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	message text;
BEGIN
	IF NOT pql.identities_are_due(as_of) THEN
		RETURN NULL;
	END IF;
	BEGIN
		PERFORM pql.collect_links(as_of);
		PERFORM pql.derive_accounts(as_of);
	EXCEPTION WHEN OTHERS THEN
		-- who is whom is as it was, and everybody is judged all the same
		message := SQLERRM;
	END;
	UPDATE pql.identity_following f SET failure = message, followed_at = CASE WHEN message IS NULL THEN as_of ELSE f.followed_at END
	WHERE message IS NULL OR f.failure IS DISTINCT FROM message;
	RETURN 'identities: ' || message;
END
$$;
COMMENT ON FUNCTION pql.follow_identities_at(timestamptz) IS 'What pql.follow_identities asks of a refresh. Returns what went wrong; NULL: nothing.';
