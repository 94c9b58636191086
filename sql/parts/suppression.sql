-- Whom nobody may write to, whatever they did: people, addresses, whole domains and companies.
--
-- A list says since when and until when. pql.contact_barrier asks it at each touch; for models, who is on a list has the fact person.suppressed.

CREATE TABLE pql.suppression (
	what text NOT NULL CHECK (what IN ('email', 'domain', 'user', 'account')),
	value text NOT NULL CHECK (value <> ''),
	list text NOT NULL DEFAULT 'do_not_contact' CHECK (btrim(list) <> ''),
	reason text,
	suppressed_at timestamptz NOT NULL,
	until timestamptz CHECK (until > suppressed_at),
	suppressed_by text NOT NULL DEFAULT SESSION_USER,
	PRIMARY KEY (what, value, list)
);
COMMENT ON TABLE pql.suppression IS 'Do-not-contact lists: pql.suppress puts entries in, pql.unsuppress takes them out.';
COMMENT ON COLUMN pql.suppression.value IS 'Addresses and domains in lower case; of a person who has been forgotten hash: and what pql.forgotten_hash makes of it.';
COMMENT ON COLUMN pql.suppression.list IS 'Which list, for who has several: do_not_contact, legal, region …';
COMMENT ON COLUMN pql.suppression.until IS 'The end, excluded; NULL: for good.';
SELECT pg_catalog.pg_extension_config_dump('pql.suppression', '');

CREATE TABLE pql.forgotten_salt (
	one text PRIMARY KEY DEFAULT 'the' CHECK (one = 'the'),
	salt text NOT NULL DEFAULT gen_random_uuid()::text || gen_random_uuid()::text
);
COMMENT ON TABLE pql.forgotten_salt IS 'One row, made with the first person who is forgotten: what makes hashes of this database unlike those of any other. Nobody but the owner is to read it.';
CREATE TABLE pql.forgotten (
	hash text PRIMARY KEY,
	forgotten_at timestamptz NOT NULL,
	token text NOT NULL
);
COMMENT ON TABLE pql.forgotten IS 'Users who have been forgotten, by a salted hash of their id: rows of them that are loaded again are thrown away.';
COMMENT ON COLUMN pql.forgotten.token IS 'What stands for the user in leads, by chance.';
SELECT pg_catalog.pg_extension_config_dump('pql.forgotten_salt', '');
SELECT pg_catalog.pg_extension_config_dump('pql.forgotten', '');

CREATE FUNCTION pql.forgotten_hash(value text) RETURNS text
LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN (SELECT encode(sha256(convert_to(s.salt || value, 'UTF8')), 'hex') FROM pql.forgotten_salt s);
END
$$;
REVOKE ALL ON FUNCTION pql.forgotten_hash(text) FROM PUBLIC;
COMMENT ON FUNCTION pql.forgotten_hash(text) IS 'What is kept of an id or an address that has been forgotten. NULL: nobody has been yet. Who can read the salt can tell whether a certain id was forgotten, and not list those that were.';

CREATE FUNCTION pql.suppression_keys(of_user text, email text, account_id text) RETURNS TABLE (what text, value text)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT k.what, v.value FROM (
		SELECT 'user' AS what, of_user AS value
		UNION ALL SELECT 'account', account_id
		UNION ALL SELECT 'email', lower(btrim(email))
		-- the domain, and those that it is part of
		UNION ALL SELECT 'domain', array_to_string(h.parts[n:], '.')
			FROM (SELECT string_to_array(pql.email_host(email), '.') AS parts) h CROSS JOIN LATERAL generate_subscripts(h.parts, 1) n) k
	CROSS JOIN LATERAL (VALUES (k.value), ('hash:' || CASE WHEN k.what IN ('user', 'email') THEN pql.forgotten_hash(k.value) END)) v (value)
	WHERE v.value IS NOT NULL;
END;
COMMENT ON FUNCTION pql.suppression_keys(text, text, text) IS 'Under what a person would be on a list. NULL: nothing of that kind is known.';

CREATE FUNCTION pql.suppressions(of_user text) RETURNS SETOF pql.suppression
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT s.* FROM (SELECT of_user AS user_id) u
	LEFT JOIN pql.person p ON p.user_id = u.user_id
	CROSS JOIN LATERAL pql.suppression_keys(u.user_id, p.email, p.account_id) k
	JOIN pql.suppression s ON s.what = k.what AND s.value = k.value
	WHERE EXISTS (SELECT FROM pql.suppression);
END;
COMMENT ON FUNCTION pql.suppressions(text) IS 'The entries of lists that a user comes under, whenever they hold.';

CREATE FUNCTION pql.is_listed(of_user text, as_of timestamptz) RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT EXISTS (SELECT FROM pql.suppressions(of_user) s WHERE s.suppressed_at <= as_of AND (s.until <= as_of) IS NOT TRUE);
END;
COMMENT ON FUNCTION pql.is_listed(text, timestamptz) IS 'Is a user on a do-not-contact list at an instant?';
