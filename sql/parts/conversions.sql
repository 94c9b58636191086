-- Conversions: payments that are known apart from trials, and what they say of trials and people.
--
-- A conversion belongs to the latest trial that had started and whose window holds it. It fills what the trial itself
-- does not say, and pql.credit keeps what was filled, so that it can be taken back to the letter.

CREATE TABLE pql.credit (
	user_id text NOT NULL,
	started_at timestamptz NOT NULL,
	converted_at timestamptz,
	mrr float8,
	conversion_source text,
	person_made_at timestamptz,
	PRIMARY KEY (user_id, started_at)
);
COMMENT ON TABLE pql.credit IS 'What conversions have written into pql.trial, and into pql.person. NULL: nothing, for something was there, or there was nothing to write.';
COMMENT ON COLUMN pql.credit.started_at IS 'Of the trial; -infinity: it is the person''s paid_at.';
COMMENT ON COLUMN pql.credit.person_made_at IS 'When the person was made for it, because there was none.';
SELECT pg_catalog.pg_extension_config_dump('pql.credit', '');

CREATE FUNCTION pql.payers_beside(users text[]) RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	WITH paying (account_id) AS (
		SELECT p.account_id FROM pql.person p
		WHERE p.user_id = ANY (users) AND EXISTS (SELECT FROM pql.conversion c WHERE c.account_id = p.account_id)
		UNION
		SELECT c.account_id FROM pql.conversion c WHERE c.user_id = ANY (users) AND c.account_id IS NOT NULL
	)
	SELECT CASE WHEN users IS NOT NULL THEN ARRAY(
		SELECT u FROM unnest(users) u WHERE u IS NOT NULL
		UNION SELECT p.user_id FROM paying a JOIN pql.person p ON p.account_id = a.account_id
		UNION SELECT c.user_id FROM paying a JOIN pql.conversion c ON c.account_id = a.account_id WHERE c.user_id IS NOT NULL) END;
END;
COMMENT ON FUNCTION pql.payers_beside(text[]) IS 'These users, and whoever shares a conversion of an account with one of them. NULL: NULL.';

CREATE FUNCTION pql.conversion_effects(asked text[], users text[], starts timestamptz[], ends timestamptz[])
RETURNS TABLE (user_id text, started_at timestamptz, converted_at timestamptz, mrr float8, conversion_source text)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	WITH trial AS (
		-- no model is asked, so that days are those of UTC: 14, and 7 more for payments
		SELECT DISTINCT u.user_id, u.started_at, coalesce(u.ends_at, u.started_at + '336 hours') + '168 hours' AS until
		FROM unnest(users, starts, ends) u (user_id, started_at, ends_at)
		WHERE isfinite(u.started_at)
	), concerned AS MATERIALIZED (
		SELECT DISTINCT u.user_id FROM unnest(pql.payers_beside(asked)) u (user_id)
	), paid AS (
		SELECT p.* FROM (
			SELECT w.user_id, c.ctid AS place, c.conversion_id, c.account_id, c.user_id AS payer, c.converted_at, c.mrr, c.conversion_source
			FROM concerned w JOIN pql.conversion c ON c.user_id = w.user_id
			UNION
			SELECT w.user_id, c.ctid, c.conversion_id, c.account_id, c.user_id, c.converted_at, c.mrr, c.conversion_source
			FROM concerned w JOIN pql.person m ON m.user_id = w.user_id JOIN pql.conversion c ON c.account_id = m.account_id
		) p
		WHERE p.converted_at >= '0001-01-01 00:00Z' AND p.converted_at < '10000-01-01 00:00Z'
			-- of those that repeat an id, the first
			AND NOT EXISTS (
				SELECT FROM pql.conversion d
				WHERE d.conversion_id = p.conversion_id AND coalesce(d.user_id, d.account_id) IS NOT NULL AND d.converted_at >= '0001-01-01 00:00Z'
					AND (d.converted_at, coalesce(d.user_id, ''), coalesce(d.account_id, ''), d.ctid)
						< (p.converted_at, coalesce(p.payer, ''), coalesce(p.account_id, ''), p.place))
	), placed AS (
		SELECT DISTINCT ON (p.user_id, p.place) p.*, t.started_at
		FROM paid p LEFT JOIN trial t ON t.user_id = p.user_id AND t.started_at <= p.converted_at AND p.converted_at <= t.until
		ORDER BY p.user_id, p.place, t.started_at DESC NULLS LAST
	), earliest AS (
		SELECT DISTINCT ON (p.user_id, p.started_at) p.*
		FROM placed p
		ORDER BY p.user_id, p.started_at, p.converted_at, p.account_id NULLS FIRST, p.conversion_id, p.mrr DESC NULLS LAST, p.place
	)
	SELECT e.user_id, e.started_at, e.converted_at, CASE WHEN e.account_id IS NULL OR e.n = 1 THEN e.mrr END, e.conversion_source
	FROM (SELECT r.*, row_number() OVER (PARTITION BY r.place ORDER BY r.started_at NULLS LAST, r.user_id) AS n FROM earliest r) e
	WHERE e.user_id = ANY (asked);
END;
COMMENT ON FUNCTION pql.conversion_effects(text[], text[], timestamptz[], timestamptz[]) IS 'What conversions say of the users asked for: of each trial the earliest that belongs to it, and with started_at NULL the earliest that belongs to none. users, starts, ends: all trials of pql.payers_beside(asked). An account''s MRR goes to the trial, of those it converts, that started first.';

CREATE FUNCTION pql.signup_conversions(asked text[], users text[], starts timestamptz[])
RETURNS TABLE (user_id text, started_at timestamptz, converted_at timestamptz, mrr float8, conversion_source text)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT e.user_id, e.started_at, e.converted_at, e.mrr, e.conversion_source
	FROM pql.conversion_effects(asked, users, starts, NULL) e
	WHERE e.started_at IS NOT NULL;
END;
COMMENT ON FUNCTION pql.signup_conversions(text[], text[], timestamptz[]) IS 'The same, of trials that the event signup_complete has started.';

CREATE FUNCTION pql.settle_users(keys text[]) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET enable_nestloop = on AS $$
DECLARE
	users text[];
	concerned text[];
	of_users text[];
	starts timestamptz[];
	ends timestamptz[];
BEGIN
	users := ARRAY(
		SELECT k FROM unnest(keys) k WHERE k IS NOT NULL
		UNION SELECT p.user_id FROM pql.person p WHERE p.account_id = ANY (keys)
			AND (EXISTS (SELECT FROM pql.conversion c WHERE c.account_id = p.account_id) OR EXISTS (SELECT FROM pql.credit c WHERE c.user_id = p.user_id))
		-- which of those that repeat an id counts may be another one now
		UNION SELECT c.user_id FROM pql.conversion c WHERE c.conversion_id = ANY (keys) AND c.user_id IS NOT NULL
		UNION SELECT p.user_id FROM pql.conversion c JOIN pql.person p ON p.account_id = c.account_id WHERE c.conversion_id = ANY (keys));
	concerned := pql.payers_beside(ARRAY(
		SELECT c.user_id FROM pql.conversion c WHERE c.user_id = ANY (users)
		UNION SELECT c.user_id FROM pql.credit c WHERE c.user_id = ANY (users)
		UNION SELECT p.user_id FROM pql.person p JOIN pql.conversion c ON c.account_id = p.account_id WHERE p.user_id = ANY (users)));
	IF concerned = '{}' THEN
		RETURN;
	END IF;
	-- the planner takes what functions return for few
	IF cardinality(concerned) > 1000 THEN
		PERFORM set_config('enable_nestloop', 'off', true);
	END IF;
	of_users := pql.payers_beside(concerned);
	SELECT array_agg(t.user_id), array_agg(t.started_at), array_agg(t.ends_at) INTO of_users, starts, ends
	FROM pql.trial t WHERE t.user_id = ANY (of_users);

	-- in one statement, so that triggers see all of it
	WITH said AS MATERIALIZED (
		SELECT e.* FROM pql.conversion_effects(concerned, of_users, starts, ends) e
	), trials AS MATERIALIZED (
		SELECT t.user_id, t.started_at, s.converted_at, s.mrr, s.conversion_source,
			-- what the trial says of itself: all but what conversions have written
			CASE WHEN t.converted_at IS DISTINCT FROM c.converted_at THEN t.converted_at END AS own_converted_at,
			CASE WHEN t.mrr IS DISTINCT FROM c.mrr THEN t.mrr END AS own_mrr,
			CASE WHEN t.conversion_source IS DISTINCT FROM c.conversion_source THEN t.conversion_source END AS own_source
		FROM pql.trial t
		LEFT JOIN pql.credit c ON c.user_id = t.user_id AND c.started_at = t.started_at AND c.user_id = ANY (concerned)
		LEFT JOIN said s ON s.user_id = t.user_id AND s.started_at = t.started_at
		WHERE t.user_id = ANY (concerned) AND isfinite(t.started_at)
	), people AS MATERIALIZED (
		SELECT u.user_id, s.converted_at, p.user_id IS NULL AS is_new, c.person_made_at,
			CASE WHEN p.paid_at IS DISTINCT FROM c.converted_at THEN p.paid_at END AS own_paid_at,
			to_jsonb(p) AS holds
		FROM unnest(concerned) u (user_id)
		LEFT JOIN pql.person p ON p.user_id = u.user_id AND p.user_id = ANY (concerned)
		LEFT JOIN pql.credit c ON c.user_id = u.user_id AND c.started_at = '-infinity' AND c.user_id = ANY (concerned)
		LEFT JOIN said s ON s.user_id = u.user_id AND s.started_at IS NULL
		WHERE s.user_id IS NOT NULL OR c.user_id IS NOT NULL
	), credits AS MATERIALIZED (
		SELECT w.* FROM (
			SELECT t.user_id, t.started_at, CASE WHEN t.own_converted_at IS NULL THEN t.converted_at END AS converted_at,
				CASE WHEN t.own_mrr IS NULL THEN t.mrr END AS mrr,
				CASE WHEN t.own_source IS NULL THEN t.conversion_source END AS conversion_source, NULL::timestamptz AS person_made_at
			FROM trials t
			UNION ALL
			SELECT p.user_id, '-infinity', CASE WHEN p.own_paid_at IS NULL THEN p.converted_at END, NULL, NULL,
				CASE WHEN p.own_paid_at IS NULL THEN CASE WHEN p.is_new THEN clock_timestamp() ELSE p.person_made_at END END
			FROM people p
		) w
		WHERE num_nonnulls(w.converted_at, w.mrr, w.conversion_source) > 0
	), forgotten AS (
		DELETE FROM pql.credit o WHERE o.user_id = ANY (concerned)
			AND NOT EXISTS (SELECT FROM credits c WHERE c.user_id = o.user_id AND c.started_at = o.started_at)
	), kept AS (
		INSERT INTO pql.credit AS o (user_id, started_at, converted_at, mrr, conversion_source, person_made_at)
		SELECT c.user_id, c.started_at, c.converted_at, c.mrr, c.conversion_source, c.person_made_at
		FROM credits c LEFT JOIN pql.credit b ON b.user_id = c.user_id AND b.started_at = c.started_at
		WHERE b.user_id IS NULL OR (b.converted_at, b.mrr, b.conversion_source, b.person_made_at)
			IS DISTINCT FROM (c.converted_at, c.mrr, c.conversion_source, c.person_made_at)
		ON CONFLICT (user_id, started_at) DO UPDATE SET converted_at = EXCLUDED.converted_at, mrr = EXCLUDED.mrr,
			conversion_source = EXCLUDED.conversion_source, person_made_at = EXCLUDED.person_made_at
	), told AS (
		UPDATE pql.trial o SET converted_at = coalesce(t.own_converted_at, t.converted_at), mrr = coalesce(t.own_mrr, t.mrr),
			conversion_source = coalesce(t.own_source, t.conversion_source)
		FROM trials t
		WHERE o.user_id = t.user_id AND o.started_at = t.started_at AND (o.converted_at, o.mrr, o.conversion_source) IS DISTINCT FROM
			(coalesce(t.own_converted_at, t.converted_at), coalesce(t.own_mrr, t.mrr), coalesce(t.own_source, t.conversion_source))
	), unmade AS (
		-- who was made for a conversion goes with it, when nothing else is known of them
		DELETE FROM pql.person o USING people p
		WHERE o.user_id = p.user_id AND p.converted_at IS NULL AND p.person_made_at IS NOT NULL AND p.own_paid_at IS NULL
			AND jsonb_strip_nulls(p.holds) - 'user_id' - 'paid_at' = '{}'
		RETURNING o.user_id
	), known AS (
		UPDATE pql.person o SET paid_at = coalesce(p.own_paid_at, p.converted_at)
		FROM people p
		WHERE o.user_id = p.user_id AND o.paid_at IS DISTINCT FROM coalesce(p.own_paid_at, p.converted_at)
			AND NOT (p.converted_at IS NULL AND p.person_made_at IS NOT NULL AND p.own_paid_at IS NULL
				AND jsonb_strip_nulls(p.holds) - 'user_id' - 'paid_at' = '{}')
	)
	INSERT INTO pql.person AS o (user_id, paid_at)
	SELECT p.user_id, p.converted_at FROM people p WHERE p.is_new AND p.converted_at IS NOT NULL
	ON CONFLICT (user_id) DO UPDATE SET paid_at = EXCLUDED.paid_at WHERE o.paid_at IS NULL;
	-- trials that events start are told of conversions when they are judged
	IF NOT EXISTS (SELECT FROM pql.trial) THEN
		PERFORM pql.mark(concerned, 'infinity', 'conversion');
	END IF;
END
$$;
COMMENT ON FUNCTION pql.settle_users(text[]) IS 'Brings pql.trial and pql.person of these users, the members of these accounts and the payers of these conversion ids (and of those who share a conversion with them) in line with pql.conversion. Only one at a time, and in a statement after the lock: pql.settle sees to that.';

CREATE FUNCTION pql.everybody_settled() RETURNS text[]
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT ARRAY(
		SELECT c.user_id FROM pql.conversion c WHERE c.user_id IS NOT NULL
		UNION SELECT c.user_id FROM pql.credit c
		UNION SELECT p.user_id FROM pql.conversion c JOIN pql.person p ON p.account_id = c.account_id);
END;
COMMENT ON FUNCTION pql.everybody_settled() IS 'Whom conversions say something of, or have said.';

CREATE FUNCTION pql.settle(keys text[]) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET lock_timeout = '10ms' AS $$
BEGIN
	-- While a dump is restored, what conversions have written comes with it: nothing must be written before. pg_dump's scripts are known
	-- by this setting. And nobody waits for somebody else who loads, whether he settles too or holds a row: the next refresh does it then.
	-- So it does for who cannot see what was committed before the lock.
	IF current_setting('check_function_bodies')::boolean AND current_setting('transaction_isolation') = 'read committed' AND pg_try_advisory_xact_lock(7370828, 1025) THEN
		BEGIN
			PERFORM pql.settle_users(keys);
			RETURN;
		EXCEPTION WHEN OTHERS THEN
			PERFORM pql.note_keys('settled', 'pql.conversion', keys, SQLERRM);
			RETURN;
		END;
	END IF;
	PERFORM pql.note_keys('settled', 'pql.conversion', keys, 'later');
END
$$;
COMMENT ON FUNCTION pql.settle(text[]) IS 'pql.settle_users for triggers: what cannot be done now is noted for the next refresh, and never an error.';

CREATE FUNCTION pql.nothing_to_settle() RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF EXISTS (SELECT FROM pql.conversion) OR EXISTS (SELECT FROM pql.credit)
		OR current_setting('transaction_isolation') <> 'read committed' OR NOT pg_try_advisory_xact_lock_shared(7370828, 1025) THEN
		RETURN false;
	END IF;
	-- somebody may have settled until just now
	RETURN NOT EXISTS (SELECT FROM pql.conversion) AND NOT EXISTS (SELECT FROM pql.credit);
END
$$;
COMMENT ON FUNCTION pql.nothing_to_settle() IS 'There are no conversions, and who loads the first before this transaction ends will leave their effects to the next refresh, for he cannot see what is loaded here.';

CREATE FUNCTION pql.settle_conversions() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	-- users, accounts and ids: who they belong to may be for somebody else to see
	keys text[] := '{}';
BEGIN
	IF TG_OP = 'TRUNCATE' THEN
		keys := pql.everybody_settled();
	END IF;
	IF TG_OP IN ('INSERT', 'UPDATE') THEN
		keys := keys || ARRAY(SELECT DISTINCT k FROM added a CROSS JOIN LATERAL unnest(ARRAY[a.user_id, a.account_id, a.conversion_id]) k WHERE k IS NOT NULL);
	END IF;
	IF TG_OP IN ('UPDATE', 'DELETE') THEN
		keys := keys || ARRAY(SELECT DISTINCT k FROM removed r CROSS JOIN LATERAL unnest(ARRAY[r.user_id, r.account_id, r.conversion_id]) k WHERE k IS NOT NULL);
	END IF;
	IF keys <> '{}' THEN
		PERFORM pql.settle(keys);
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION pql.settle_conversions() IS 'Trigger of pql.conversion.';

CREATE FUNCTION pql.settle_trials() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF pql.nothing_to_settle() THEN
		RETURN NULL;
	END IF;
	-- the first trial and the last one change what belongs to none
	IF TG_OP = 'INSERT' THEN
		IF NOT EXISTS (SELECT FROM pql.trial t WHERE NOT EXISTS (SELECT FROM added a WHERE a.user_id = t.user_id AND a.started_at = t.started_at)) THEN
			PERFORM pql.settle(pql.everybody_settled());
		ELSE
			PERFORM pql.settle(ARRAY(SELECT DISTINCT a.user_id FROM added a));
		END IF;
	ELSIF TG_OP = 'UPDATE' THEN
		PERFORM pql.settle(ARRAY(
			SELECT x.user_id FROM (TABLE added EXCEPT TABLE removed) x UNION SELECT x.user_id FROM (TABLE removed EXCEPT TABLE added) x));
	ELSIF TG_OP = 'TRUNCATE' OR NOT EXISTS (SELECT FROM pql.trial) THEN
		PERFORM pql.settle(pql.everybody_settled());
	ELSE
		PERFORM pql.settle(ARRAY(SELECT DISTINCT r.user_id FROM removed r));
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION pql.settle_trials() IS 'Trigger of pql.trial, of which conversions may say something.';

CREATE FUNCTION pql.settle_people() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	keys text[];
BEGIN
	IF pql.nothing_to_settle() THEN
		RETURN NULL;
	END IF;
	IF TG_OP = 'TRUNCATE' THEN
		keys := pql.everybody_settled();
	ELSIF TG_OP = 'INSERT' THEN
		keys := ARRAY(SELECT DISTINCT k FROM added a CROSS JOIN LATERAL unnest(ARRAY[a.user_id, a.account_id]) k WHERE k IS NOT NULL);
	ELSIF TG_OP = 'DELETE' THEN
		keys := ARRAY(SELECT DISTINCT k FROM removed r CROSS JOIN LATERAL unnest(ARRAY[r.user_id, r.account_id]) k WHERE k IS NOT NULL);
	ELSE
		keys := ARRAY(SELECT DISTINCT k FROM (
				(SELECT a.user_id, a.account_id, a.paid_at FROM added a EXCEPT SELECT r.user_id, r.account_id, r.paid_at FROM removed r)
				UNION ALL
				(SELECT r.user_id, r.account_id, r.paid_at FROM removed r EXCEPT SELECT a.user_id, a.account_id, a.paid_at FROM added a)
			) x CROSS JOIN LATERAL unnest(ARRAY[x.user_id, x.account_id]) k WHERE k IS NOT NULL);
	END IF;
	IF keys <> '{}' THEN
		PERFORM pql.settle(keys);
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION pql.settle_people() IS 'Trigger of pql.person: who belongs to an account that pays.';

DO $$
DECLARE
	kind record;
BEGIN
	FOR kind IN
		SELECT t.name, t.handler, k.*
		FROM (VALUES ('conversion', 'settle_conversions'), ('trial', 'settle_trials'), ('person', 'settle_people')) t (name, handler),
			(VALUES ('insert', 'REFERENCING NEW TABLE AS added'), ('update', 'REFERENCING OLD TABLE AS removed NEW TABLE AS added'),
				('delete', 'REFERENCING OLD TABLE AS removed'), ('truncate', '')) k (event, tables)
	LOOP
		EXECUTE format('CREATE TRIGGER pql_settle_%1$s AFTER %1$s ON pql.%2$I %3$s FOR EACH STATEMENT EXECUTE FUNCTION pql.%4$I()', kind.event, kind.name, kind.tables, kind.handler);
		EXECUTE format('ALTER TABLE pql.%I ENABLE ALWAYS TRIGGER pql_settle_%s', kind.name, kind.event);
	END LOOP;
END
$$;

REVOKE ALL ON FUNCTION pql.settle_conversions(), pql.settle_trials(), pql.settle_people() FROM PUBLIC;
