-- E-mail: whose address is a person's own, and whose a company's; which mailbox an address means.

CREATE FUNCTION pql.email_host(email text) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_email_host';
COMMENT ON FUNCTION pql.email_host(text) IS 'The domain of an e-mail address, in its one form: lower case, letters of other scripts as A-labels (xn--…), no dot at the end. It is what stands behind the last @, whatever stands before it; "Ada <ada@x.org>" and "mailto:ada@x.org" are understood. NULL when that is no host: blanks, a port or a path, empty labels, labels over 63 characters, more than 253 together. [192.0.2.1] stays as it is.';

CREATE FUNCTION pql.canonical_domain(domain text) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_canonical_domain';
COMMENT ON FUNCTION pql.canonical_domain(text) IS 'A domain in the one form that pql.email_host gives, as pql.email_domain holds it. *.x.org, .x.org and @x.org are x.org, for entries hold for what is below them anyway. NULL when it is no domain.';

CREATE FUNCTION pql.registrable_domain(address text) RETURNS text
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_registrable_domain';
COMMENT ON FUNCTION pql.registrable_domain(text) IS 'What somebody registered, of a host or an e-mail address: mail.acme.co.uk → acme.co.uk, by the public suffix list (pql.public_suffix_version). Suffixes of the list''s private part count, too: a.github.io and b.github.io belong to two. In the form of pql.email_host. NULL for a suffix itself, a single label, an IP address, anything with a port or a path, and what is no host.';

CREATE FUNCTION pql.public_suffix_version(OUT library text, OUT file text, OUT dated timestamptz)
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_public_suffix_version';
COMMENT ON FUNCTION pql.public_suffix_version() IS 'Which public suffix list this session uses: the distribution''s file when that is newer than the list libpsl was built with (file IS NULL), and the date of either. It is read once a session, at the first use.';

CREATE FUNCTION pql.normal_email(email text) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_normal_email';
COMMENT ON FUNCTION pql.normal_email(text) IS 'One form of all addresses that reach one mailbox, to compare by =: without display name and blanks around it, in lower case, the domain as pql.email_host gives it, without a tag (everything from the first + on, unless nothing is before it), without quotes that nothing needs; at gmail.com and googlemail.com, which are one, without dots. NULL when it is not one address of one mailbox: more than 64 bytes before the @, blanks, commas or other signs there that stand between quotes only. Changes with the rules of Unicode for letters beyond ASCII, as lower() does.';

CREATE FUNCTION pql.email_tag(email text) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_email_tag';
COMMENT ON FUNCTION pql.email_tag(text) IS 'What pql.normal_email leaves out: ada+news@x.org → news. Empty for ada+@x.org. NULL when there is no tag, and when pql.normal_email is NULL.';

-- ---- lists of domains ----

CREATE TABLE pql.email_list (
	list text PRIMARY KEY CHECK (list <> ''),
	kind text CHECK (kind IN ('personal', 'disposable', 'work')),
	source text NOT NULL,
	licence text NOT NULL,
	version text NOT NULL,
	loaded_at timestamptz,
	shipped_in text
);
COMMENT ON TABLE pql.email_list IS 'Where the domains of pql.email_domain come from. Lists are loaded by pql.load_email_domains.';
COMMENT ON COLUMN pql.email_list.kind IS 'What all its domains are; NULL: each says it itself.';
COMMENT ON COLUMN pql.email_list.source IS 'Where it was fetched: an address, a package, a person.';
COMMENT ON COLUMN pql.email_list.loaded_at IS 'Since when it is as it is; NULL: it came with pql.';
COMMENT ON COLUMN pql.email_list.shipped_in IS 'The version of pql that brought it; NULL: loaded here.';

CREATE TABLE pql.email_domain (
	domain text NOT NULL,
	kind text NOT NULL CHECK (kind IN ('personal', 'disposable', 'work')),
	list text NOT NULL DEFAULT 'own' REFERENCES pql.email_list,
	PRIMARY KEY (domain, list)
);
COMMENT ON TABLE pql.email_domain IS 'Domains whose addresses tell no company, and exceptions (kind work). A domain holds for all below it, down from the registrable one; of a host and what is above it the longest that is listed decides. Where lists differ on a domain, own rows count first, then work, disposable, personal. Add rows of your own (list own), also to correct a list: other rows come again when their list does.';
COMMENT ON COLUMN pql.email_domain.domain IS 'Written in any form, kept in that of pql.canonical_domain.';
COMMENT ON COLUMN pql.email_domain.kind IS 'personal: mailboxes, or aliases, for private people. disposable: addresses to throw away. work: neither, whatever other lists say.';
COMMENT ON COLUMN pql.email_domain.list IS 'own: added here, by hand. Others: see pql.email_list.';

-- What came with pql comes with it again; an upgrade replaces it.
SELECT pg_catalog.pg_extension_config_dump('pql.email_list', 'WHERE shipped_in IS NULL');
SELECT pg_catalog.pg_extension_config_dump('pql.email_domain', $$WHERE list = 'own' OR list IN (SELECT l.list FROM pql.email_list l WHERE l.shipped_in IS NULL)$$);

CREATE FUNCTION pql.canonical_email_domain() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	canonical text := pql.canonical_domain(NEW.domain);
BEGIN
	IF canonical IS NULL THEN
		RAISE EXCEPTION '"%" is no domain', NEW.domain
			USING ERRCODE = 'invalid_parameter_value',
				DETAIL = 'A domain has labels of letters, digits and hyphens, with dots between them.',
				HINT = 'Write what stands behind the @ of its addresses.';
	END IF;
	NEW.domain := canonical;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION pql.canonical_email_domain() IS 'Trigger of pql.email_domain: domains in their one form, or an error.';

CREATE FUNCTION pql.ship_email_domains(document text) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	lines text[] := string_to_array(document, E'\n');
	head jsonb := (SELECT jsonb_object_agg(m[1], m[2]) FROM unnest(lines) line, regexp_match(line, '^# (list|kind|source|licence|version): (.*)$') m WHERE m IS NOT NULL);
	domains int;
BEGIN
	INSERT INTO pql.email_list AS l (list, kind, source, licence, version, shipped_in)
	VALUES (head ->> 'list', head ->> 'kind', head ->> 'source', head ->> 'licence', head ->> 'version', pql.version())
	ON CONFLICT (list) DO UPDATE SET kind = EXCLUDED.kind, source = EXCLUDED.source, licence = EXCLUDED.licence, version = EXCLUDED.version, shipped_in = EXCLUDED.shipped_in, loaded_at = NULL;
	DELETE FROM pql.email_domain d WHERE d.list = head ->> 'list';
	INSERT INTO pql.email_domain (domain, kind, list)
	SELECT split_part(line, ' ', 1), coalesce(nullif(split_part(line, ' ', 2), ''), head ->> 'kind'), head ->> 'list'
	FROM unnest(lines) line
	WHERE line <> '' AND line NOT LIKE '#%';
	GET DIAGNOSTICS domains = ROW_COUNT;
	RETURN domains;
END
$$;
COMMENT ON FUNCTION pql.ship_email_domains(text) IS 'Puts a list that comes with pql in place of what it was, from a document with lines "# list: …", "# kind: …", "# source: …", "# licence: …", "# version: …" and one domain a line, each with a kind of its own where it has one. For install and upgrade scripts.';

INSERT INTO pql.email_list (list, source, licence, version, shipped_in)
VALUES ('own', 'rows added by hand', '', '', pql.version());
-- @domains

CREATE TRIGGER canonical_domain BEFORE INSERT OR UPDATE OF domain ON pql.email_domain FOR EACH ROW EXECUTE FUNCTION pql.canonical_email_domain();

CREATE FUNCTION pql.load_email_domains(list text, kind text, domains text[], source text, licence text, version text, loaded_at timestamptz DEFAULT now(),
	OUT listed int, OUT added int, OUT removed int, OUT refused text[])
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	arguments CONSTANT jsonb := jsonb_build_object('list', nullif(load_email_domains.list, ''), 'kind', load_email_domains.kind, 'source', load_email_domains.source,
		'licence', load_email_domains.licence, 'version', load_email_domains.version, 'loaded_at', load_email_domains.loaded_at);
	missing text := (SELECT string_agg(a.key, ', ' ORDER BY a.key) FROM jsonb_each(arguments) a WHERE a.value = 'null');
	wanted text[];
	shipped text;
BEGIN
	IF missing IS NOT NULL THEN
		RAISE EXCEPTION 'a list of domains needs its %', missing
			USING ERRCODE = 'null_value_not_allowed', HINT = 'Say where it comes from, so that somebody else can look it up.';
	END IF;
	IF load_email_domains.kind NOT IN ('personal', 'disposable', 'work') THEN
		RAISE EXCEPTION 'unknown kind of e-mail address "%"', load_email_domains.kind
			USING ERRCODE = 'invalid_parameter_value', HINT = 'There are personal, disposable and work.';
	END IF;
	-- lines of a file are taken as they come: empty ones and comments say nothing
	SELECT coalesce(array_agg(DISTINCT c.domain) FILTER (WHERE c.domain IS NOT NULL), '{}'), coalesce(array_agg(DISTINCT c.line ORDER BY c.line) FILTER (WHERE c.domain IS NULL), '{}')
	INTO wanted, refused
	FROM (SELECT u.line, pql.canonical_domain(u.line) AS domain FROM unnest(domains) u (line) WHERE u.line !~ '^\s*($|#|//|;)') c;
	IF wanted = '{}' THEN
		RAISE EXCEPTION 'list "%" has no domains', load_email_domains.list
			USING ERRCODE = 'invalid_parameter_value',
				DETAIL = CASE WHEN refused = '{}' THEN 'The array is empty.' ELSE format('Nothing in it is a domain; it starts with "%s".', left(refused[1], 60)) END,
				HINT = format('To take the list away: SELECT pql.drop_email_list(%L);', load_email_domains.list);
	END IF;
	-- who loads the same list at once waits here
	INSERT INTO pql.email_list AS l (list, kind, source, licence, version, loaded_at)
	VALUES (load_email_domains.list, load_email_domains.kind, load_email_domains.source, load_email_domains.licence, load_email_domains.version, load_email_domains.loaded_at)
	ON CONFLICT ON CONSTRAINT email_list_pkey DO UPDATE SET kind = EXCLUDED.kind, source = EXCLUDED.source, licence = EXCLUDED.licence, version = EXCLUDED.version, loaded_at = EXCLUDED.loaded_at
	RETURNING l.shipped_in INTO shipped;
	IF shipped IS NOT NULL THEN
		RAISE EXCEPTION 'list "%" comes with pql', load_email_domains.list
			USING ERRCODE = 'object_not_in_prerequisite_state',
				DETAIL = 'The next upgrade would replace it.',
				HINT = CASE WHEN load_email_domains.list = 'own' THEN 'Insert rows of your own into pql.email_domain.' ELSE 'Load yours under another name; rows of your own (list own) correct single domains of this one.' END;
	END IF;
	listed := cardinality(wanted);
	SELECT count(*) FILTER (WHERE d.domain IS NULL), count(*) FILTER (WHERE w.domain IS NULL) INTO added, removed
	FROM (SELECT e.domain FROM pql.email_domain e WHERE e.list = load_email_domains.list AND e.kind = load_email_domains.kind) d
	FULL JOIN unnest(wanted) w (domain) ON w.domain = d.domain;
	removed := removed + (SELECT count(*) FROM pql.email_domain e WHERE e.list = load_email_domains.list AND e.kind <> load_email_domains.kind);
	-- a statement about nothing would have everybody judged anew
	IF removed > 0 THEN
		DELETE FROM pql.email_domain e
		WHERE e.list = load_email_domains.list AND (e.kind <> load_email_domains.kind OR NOT EXISTS (SELECT FROM unnest(wanted) w (domain) WHERE w.domain = e.domain));
	END IF;
	IF added > 0 THEN
		INSERT INTO pql.email_domain (domain, kind, list)
		SELECT w.domain, load_email_domains.kind, load_email_domains.list FROM unnest(wanted) w (domain)
		WHERE NOT EXISTS (SELECT FROM pql.email_domain e WHERE e.list = load_email_domains.list AND e.domain = w.domain);
	END IF;
END
$$;
COMMENT ON FUNCTION pql.load_email_domains(text, text, text[], text, text, text, timestamptz) IS 'Puts a list of domains in place of what was loaded by that name, all at once: personal, disposable or work, one domain an element (empty ones and comments after #, // or ; are passed over; repeats count once). Source, licence and version are kept in pql.email_list. Returns how many there are now, how many of them are new, how many went, and what was refused because it is no domain. An ERROR when nothing is left, and for lists that come with pql.';

CREATE FUNCTION pql.drop_email_list(list text) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	shipped text;
	domains int;
BEGIN
	SELECT l.shipped_in INTO shipped FROM pql.email_list l WHERE l.list = drop_email_list.list FOR UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'unknown list of domains "%"', drop_email_list.list
			USING ERRCODE = 'undefined_object',
				DETAIL = format('There are %s.', (SELECT string_agg(l.list, ', ' ORDER BY l.list) FROM pql.email_list l)),
				HINT = 'pql.email_list tells where each comes from.';
	END IF;
	IF shipped IS NOT NULL THEN
		RAISE EXCEPTION 'list "%" comes with pql', drop_email_list.list
			USING ERRCODE = 'object_not_in_prerequisite_state',
				DETAIL = 'It would be there again after the next restore.', HINT = 'Rows of your own in pql.email_domain (kind work) correct it.';
	END IF;
	DELETE FROM pql.email_domain d WHERE d.list = drop_email_list.list;
	GET DIAGNOSTICS domains = ROW_COUNT;
	DELETE FROM pql.email_list l WHERE l.list = drop_email_list.list;
	RETURN domains;
END
$$;
COMMENT ON FUNCTION pql.drop_email_list(text) IS 'Takes a list that pql.load_email_domains loaded away again; returns how many domains it had. An ERROR for lists that come with pql, and unknown ones.';

-- ---- what an address is ----

CREATE FUNCTION pql.email_kind(email text) RETURNS text
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_email_kind';
COMMENT ON FUNCTION pql.email_kind(text) IS 'personal, disposable or work, by the domain of the address (pql.email_host) and pql.email_domain, which the caller has to be allowed to read; what is on no list is work. NULL when there is no domain.';

CREATE FUNCTION pql.work_domain(email text) RETURNS text
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_work_domain';
COMMENT ON FUNCTION pql.work_domain(text) IS 'The registrable domain of a work address, by which people belong to one company. NULL for personal and disposable addresses, where nothing was registered (pql.registrable_domain is NULL), and when it is no address.';

CREATE FUNCTION pql.email_listing(email text) RETURNS TABLE (domain text, kind text, list text)
LANGUAGE sql STABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
	SELECT d.domain, d.kind, d.list
	FROM (SELECT pql.email_host(email) AS host, pql.registrable_domain(pql.email_host(email)) AS registrable OFFSET 0) h
	CROSS JOIN LATERAL unnest(string_to_array(h.host, '.')) WITH ORDINALITY label (name, place)
	CROSS JOIN LATERAL (SELECT array_to_string((string_to_array(h.host, '.'))[label.place:], '.') AS domain) above
	-- by the index, for each of the few
	CROSS JOIN LATERAL (SELECT e.domain, e.kind, e.list FROM pql.email_domain e WHERE e.domain = above.domain OFFSET 0) d
	WHERE label.place = 1 OR length(above.domain) >= length(h.registrable)
	ORDER BY label.place, d.list <> 'own', array_position(ARRAY['work', 'disposable', 'personal'], d.kind), d.list;
END;
COMMENT ON FUNCTION pql.email_listing(text) IS 'The rows of pql.email_domain that are about an address; the first says its kind. None: work.';

CREATE FUNCTION pql.is_test_address(email text) RETURNS boolean
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_is_test_address';
COMMENT ON FUNCTION pql.is_test_address(text) IS 'Is it nobody''s: test@ or demo@, anything that ends in +test and optional digits, an address on the list test_accounts of pql.list_entry (with or without a tag; an entry with a tag means that address alone), or at a domain that is reserved for tests and examples (.test, .example, .invalid, .localhost, example.com, example.net, example.org)? NULL when it is no address. Models have rules of their own.';

CREATE FUNCTION pql.classify_email(email text, OUT normal text, OUT local text, OUT tag text, OUT host text, OUT registrable_domain text, OUT kind text, OUT listed_as text, OUT list text, OUT work_domain text, OUT is_test boolean)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT pql.normal_email(email), substring(pql.normal_email(email) FROM '^(.*)@'), pql.email_tag(email), pql.email_host(email), pql.registrable_domain(pql.email_host(email)),
		pql.email_kind(email), l.domain, l.list, pql.work_domain(email), pql.is_test_address(email)
	FROM (SELECT) one
	LEFT JOIN LATERAL (SELECT e.domain, e.list FROM pql.email_listing(email) WITH ORDINALITY e (domain, kind, list, place) ORDER BY e.place LIMIT 1) l ON true;
END;
COMMENT ON FUNCTION pql.classify_email(text) IS 'All that pql sees in an e-mail address, to look at one: its normal form and what stands before the @ of that, the tag, the domain, the registrable domain, the kind with the entry and the list that say so, the domain by which it belongs to a company, whether it is a test. One row, also for NULL.';
