-- Identity: which identifiers are one person or one company, by what, and since when.
--
-- A link within a class (person, company) says that two identifiers are one and the same, and is transitive; a link of a person with a
-- company is membership, and makes nobody the same. pql.link is the truth, with time, reason and source; pql.identity is what
-- follows from it now, kept by triggers on pql.link. An identifier that would join more than its kind may is shared: it is not followed,
-- and pql.identity_conflict tells.

-- ---- identifiers ----

CREATE TABLE pql.identifier_kind (
	kind text NOT NULL CHECK (kind <> ''),
	class text NOT NULL CHECK (class IN ('person', 'company')),
	place int NOT NULL,
	most int CHECK (most >= 1),
	shipped_in text
);
CREATE UNIQUE INDEX identifier_kind_once ON pql.identifier_kind (kind, (shipped_in IS NULL));
COMMENT ON TABLE pql.identifier_kind IS 'Kinds of identifiers. Add kinds of your own; a row of your own with the name of a shipped kind counts in its stead.';
COMMENT ON COLUMN pql.identifier_kind.class IS 'person or company: only links within one say that two identifiers are the same.';
COMMENT ON COLUMN pql.identifier_kind.place IS 'Which kind represents others: the lower place.';
COMMENT ON COLUMN pql.identifier_kind.most IS 'With how many identifiers of any one other kind (those with which it stands first in pql.link, so of a lower place) one of this kind may be linked. One with more is shared, and joins nobody. NULL: any number.';
COMMENT ON COLUMN pql.identifier_kind.shipped_in IS 'The version of pql that brought it; NULL: your own.';
INSERT INTO pql.identifier_kind (kind, class, place, most, shipped_in) VALUES
	('user', 'person', 10, NULL, pql.version()), ('contact', 'person', 20, 3, pql.version()), ('lead', 'person', 30, 3, pql.version()),
	('email', 'person', 40, 3, pql.version()), ('visitor', 'person', 50, 3, pql.version()),
	('account', 'company', 10, NULL, pql.version()), ('crm_account', 'company', 20, 3, pql.version()),
	('workspace', 'company', 30, 1, pql.version()), ('domain', 'company', 40, 1, pql.version());
SELECT pg_catalog.pg_extension_config_dump('pql.identifier_kind', 'WHERE shipped_in IS NULL');

CREATE VIEW pql.identifier_kinds AS
SELECT DISTINCT ON (k.kind) k.kind, k.class, k.place, k.most
FROM pql.identifier_kind k
ORDER BY k.kind, k.shipped_in IS NOT NULL;
COMMENT ON VIEW pql.identifier_kinds IS 'Kinds of identifiers as they count: your own rows before those that came with pql.';

CREATE FUNCTION pql.is_role_address(email text) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
	SELECT split_part(lower(email), '@', 1) IN ('abuse', 'accounting', 'accounts', 'admin', 'administrator', 'billing', 'contact', 'customerservice', 'dev', 'devops', 'engineering', 'enquiries', 'finance',
		'hello', 'help', 'helpdesk', 'hostmaster', 'hr', 'info', 'inquiries', 'invoice', 'invoices', 'it', 'jobs', 'mail', 'marketing', 'no-reply', 'noreply', 'office', 'operations', 'ops', 'orders',
		'postmaster', 'purchasing', 'root', 'sales', 'security', 'service', 'shop', 'support', 'sysadmin', 'team', 'webmaster');
END;
COMMENT ON FUNCTION pql.is_role_address(text) IS 'Is an e-mail address that of a task (info@, sales@, billing@ …), which several people may read? By what stands before the @. Such an address may be linked with one identifier of a kind; with more it is shared.';

CREATE FUNCTION pql.most_linked(kind text, id text, most int) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE WHEN kind = 'email' AND pql.is_role_address(id) THEN 1 ELSE most END;
END;
COMMENT ON FUNCTION pql.most_linked(text, text, int) IS 'With how many identifiers of one kind an identifier may be linked: what its kind says, and 1 for addresses of a task. NULL: any number.';

CREATE FUNCTION pql.canonical_identifier(kind text, id text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	-- a domain that is none, or an address that is none, is nobody's
	SELECT CASE kind WHEN 'email' THEN pql.normal_email(id) WHEN 'domain' THEN pql.canonical_domain(id) ELSE nullif(btrim(id, E' \t\r\n'), '') END
	WHERE octet_length(id) <= 512;
END;
COMMENT ON FUNCTION pql.canonical_identifier(text, text) IS 'An identifier as links hold it: e-mail addresses by pql.normal_email, domains by pql.canonical_domain, others without blanks around them. NULL when there is nothing left, or more than 512 bytes of it.';

-- ---- components of a graph ----

CREATE FUNCTION pql.components(edges text) RETURNS TABLE (node bigint, representative bigint)
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'pql_components_of_query';
COMMENT ON FUNCTION pql.components(text) IS 'The components of a graph: every node with the smallest number of those that hang together with it, whatever the order of edges. edges is a query that gives two columns of bigint, an edge a row; it is run as the caller, read only. A row with one NULL is a node by itself. Takes 17 to 23 bytes a node and none an edge, of pql.work_mem; more is an ERROR. Can be cancelled.';

CREATE FUNCTION pql.components(a bigint[], b bigint[]) RETURNS TABLE (node bigint, representative bigint)
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_components_of_arrays';
COMMENT ON FUNCTION pql.components(bigint[], bigint[]) IS 'The same of edges in two arrays. NULL: no edges. Arrays of different lengths are an ERROR.';

-- ---- links ----

CREATE TABLE pql.link (
	link_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	kind text NOT NULL,
	id text NOT NULL CHECK (id <> '' AND octet_length(id) <= 512),
	other_kind text NOT NULL,
	other_id text NOT NULL CHECK (other_id <> '' AND octet_length(other_id) <= 512),
	reason text NOT NULL CHECK (reason <> ''),
	source text NOT NULL DEFAULT '',
	recorded_at timestamptz NOT NULL DEFAULT now() CHECK (recorded_at < 'infinity'),
	received_at timestamptz,
	undone_at timestamptz,
	undone_why text,
	undone_by text,
	CHECK ((kind, id) <> (other_kind, other_id)),
	CHECK ((undone_at IS NULL) = (undone_by IS NULL))
);
CREATE UNIQUE INDEX link_once ON pql.link (kind, id, other_kind, other_id, reason, source) WHERE undone_at IS NULL;
CREATE INDEX link_of ON pql.link (kind, id);
CREATE INDEX link_of_other ON pql.link (other_kind, other_id);
COMMENT ON TABLE pql.link IS 'What says that two identifiers belong together. Rows are added and undone, never changed otherwise. Write through pql.link_identities, pql.collect_links and pql.unlink, which put the kind of the higher place first.';
COMMENT ON SEQUENCE pql.link_link_id_seq IS 'Ids of links.';
COMMENT ON COLUMN pql.link.kind IS 'Of pql.identifier_kinds; a kind that is not there joins nobody.';
COMMENT ON COLUMN pql.link.id IS 'As pql.canonical_identifier gives it.';
COMMENT ON COLUMN pql.link.other_kind IS 'Of the same class: they are one and the same. Of the other: the person belongs to the company.';
COMMENT ON COLUMN pql.link.reason IS 'signed_up, group, email, crm_id, proposal, manual … Two identifiers can be linked by several, and by several sources; each is undone by itself.';
COMMENT ON COLUMN pql.link.source IS 'Where it was found: a relation, somebody''s name. Empty: not told.';
COMMENT ON COLUMN pql.link.recorded_at IS 'Known from then; -infinity: it holds from the beginning.';
COMMENT ON COLUMN pql.link.received_at IS 'When it was loaded, where that is told; known_at cuts here. NULL: known from recorded_at.';
COMMENT ON COLUMN pql.link.undone_at IS 'It counts no more from then; NULL: it does.';
COMMENT ON COLUMN pql.link.undone_by IS 'pql: its source says so no more, and may say so again. Anything else: somebody, and it is not collected again.';
SELECT pg_catalog.pg_extension_config_dump('pql.link', '');
SELECT pg_catalog.pg_extension_config_dump('pql.link_link_id_seq', '');

CREATE VIEW pql.same_link AS
SELECT l.kind, l.id, l.other_kind, l.other_id, l.recorded_at, l.received_at, l.undone_at
FROM pql.link l
JOIN pql.identifier_kinds k ON k.kind = l.kind
JOIN pql.identifier_kinds o ON o.kind = l.other_kind AND o.class = k.class
UNION ALL
SELECT l.other_kind, l.other_id, l.kind, l.id, l.recorded_at, l.received_at, l.undone_at
FROM pql.link l
JOIN pql.identifier_kinds k ON k.kind = l.kind
JOIN pql.identifier_kinds o ON o.kind = l.other_kind AND o.class = k.class;
COMMENT ON VIEW pql.same_link IS 'Links within a class, undone ones included, from either end.';

CREATE FUNCTION pql.identities_at(as_of timestamptz, known_at timestamptz DEFAULT NULL)
RETURNS TABLE (kind text, id text, representative_kind text, representative_id text, since timestamptz, shared_by text)
-- it is about everybody: nobody is joined one by one
LANGUAGE sql STABLE PARALLEL SAFE SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
	WITH known AS MATERIALIZED (
		SELECT l.kind, l.id, l.other_kind, l.other_id, l.recorded_at, l.undone_at IS NULL OR l.undone_at > as_of AS holds
		FROM pql.link l
		JOIN pql.identifier_kinds k ON k.kind = l.kind
		JOIN pql.identifier_kinds o ON o.kind = l.other_kind AND o.class = k.class
		WHERE l.recorded_at <= as_of AND (known_at IS NULL OR l.received_at IS NULL OR l.received_at <= known_at)
	), node AS MATERIALIZED (
		-- links that were undone still say how old an identifier is
		SELECT e.kind, e.id, min(e.recorded_at) AS since, row_number() OVER (ORDER BY k.place, e.kind, min(e.recorded_at), e.id COLLATE "C") AS n
		FROM (SELECT b.kind, b.id, b.recorded_at, b.holds FROM known b UNION ALL SELECT b.other_kind, b.other_id, b.recorded_at, b.holds FROM known b) e
		JOIN pql.identifier_kinds k ON k.kind = e.kind
		GROUP BY e.kind, e.id, k.place
		HAVING bool_or(e.holds)
	), shared AS MATERIALIZED (
		SELECT c.kind, c.id, min(c.other_kind) AS shared_by
		FROM (SELECT b.kind, b.id, b.other_kind, count(DISTINCT b.other_id) AS linked FROM known b WHERE b.holds AND b.other_kind <> b.kind GROUP BY b.kind, b.id, b.other_kind) c
		JOIN pql.identifier_kinds k ON k.kind = c.kind
		WHERE c.linked > pql.most_linked(c.kind, c.id, k.most)
		GROUP BY c.kind, c.id
	), component AS MATERIALIZED (
		SELECT c.node, c.representative
		FROM (SELECT array_agg(a.n) AS a, array_agg(b.n) AS b
			FROM known l
			JOIN node a ON a.kind = l.kind AND a.id = l.id
			JOIN node b ON b.kind = l.other_kind AND b.id = l.other_id
			WHERE l.holds AND NOT EXISTS (SELECT FROM shared s WHERE s.kind = l.kind AND s.id = l.id) AND NOT EXISTS (SELECT FROM shared s WHERE s.kind = l.other_kind AND s.id = l.other_id)) edges,
			pql.components(edges.a, edges.b) c
	)
	SELECT n.kind, n.id, r.kind, r.id, n.since, s.shared_by
	FROM node n
	LEFT JOIN component c ON c.node = n.n
	JOIN node r ON r.n = coalesce(c.representative, n.n)
	LEFT JOIN shared s ON s.kind = n.kind AND s.id = n.id;
END;
COMMENT ON FUNCTION pql.identities_at(timestamptz, timestamptz) IS 'Who is whom by the links known at an instant and not undone until then, from scratch; known_at: and loaded by then. Columns as in pql.identity. NULL as_of: nobody. infinity: what pql.identity holds.';

-- ---- who is whom now ----

CREATE TABLE pql.identity (
	kind text NOT NULL,
	id text NOT NULL,
	representative_kind text NOT NULL,
	representative_id text NOT NULL,
	since timestamptz NOT NULL,
	shared_by text,
	PRIMARY KEY (kind, id)
);
CREATE INDEX identity_by_representative ON pql.identity (representative_kind, representative_id);
COMMENT ON TABLE pql.identity IS 'Who is whom now: every identifier that is linked with another of its class, and who represents all that are the same. Follows pql.link; do not write to it.';
COMMENT ON COLUMN pql.identity.representative_kind IS 'Of all that are the same that of the kind with the lowest place, of those the oldest (since), of those the first by bytes. So a person with a user is represented by a user.';
COMMENT ON COLUMN pql.identity.since IS 'From when the identifier is known: the recorded_at of the first link that names it, even if that was undone.';
COMMENT ON COLUMN pql.identity.shared_by IS 'The kind of which it is linked with more than it may: it joins nobody. NULL: it does.';

CREATE TABLE pql.identity_revision (
	revision bigint NOT NULL,
	latest timestamptz NOT NULL DEFAULT '-infinity',
	only_one int PRIMARY KEY DEFAULT 1 CHECK (only_one = 1)
);
INSERT INTO pql.identity_revision (revision) VALUES (0);
COMMENT ON COLUMN pql.identity_revision.latest IS 'No link was recorded or undone later: as of then and later, who is whom is what it is now.';
COMMENT ON TABLE pql.identity_revision IS 'One row: how often links were written. Who writes links holds it until the transaction ends, so that nobody reckons with less than all links; under an older snapshot that is a serialization failure.';

CREATE FUNCTION pql.identities_changed(users text[]) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF cardinality(users) > 0 THEN
		PERFORM pql.mark(users, '-infinity', 'identity');
		IF pql.asks_for('account.members') THEN
			-- how many an account has is a fact of all of them, and another row may speak for a person now
			PERFORM pql.mark(pql.colleagues(users), 'infinity', 'identity');
		END IF;
	END IF;
END
$$;
COMMENT ON FUNCTION pql.identities_changed(text[]) IS 'Called after every change of who is whom with the users (and visitors) it affects: who is represented by another than before, and who represents or represented them. They are judged anew by the next refresh, all their events read. NULL, none: nothing.';

CREATE FUNCTION pql.follow_people() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	-- a row decides whose id a visitor's is, and whose row speaks for whom
	IF EXISTS (SELECT FROM pql.link) THEN
		PERFORM pql.identities_changed(ARRAY(
			SELECT DISTINCT m.id FROM touched t
			CROSS JOIN LATERAL (SELECT i.representative_kind, i.representative_id FROM pql.identity i WHERE i.kind IN ('user', 'visitor') AND i.id = t.user_id OFFSET 0) i
			CROSS JOIN LATERAL (SELECT o.id FROM pql.identity o WHERE o.representative_kind = i.representative_kind AND o.representative_id = i.representative_id AND o.kind IN ('user', 'visitor') OFFSET 0) m));
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION pql.follow_people() IS 'Trigger of pql.person, once a statement: rows that come, go or change are of interest to all other ids of the same persons.';
REVOKE ALL ON FUNCTION pql.follow_people() FROM PUBLIC;

CREATE TRIGGER identities_follow_new AFTER INSERT ON pql.person REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION pql.follow_people();
CREATE TRIGGER identities_follow_changed AFTER UPDATE ON pql.person REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION pql.follow_people();
CREATE TRIGGER identities_follow_removed AFTER DELETE ON pql.person REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION pql.follow_people();

CREATE FUNCTION pql.affected_users(kinds text[], ids text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT coalesce(array_agg(DISTINCT u.id ORDER BY u.id), '{}') FROM unnest(kinds, ids) u (kind, id) WHERE u.kind IN ('user', 'visitor') AND u.id IS NOT NULL;
END;
COMMENT ON FUNCTION pql.affected_users(text[], text[]) IS 'Of identifiers those by which events can be known: users and visitors. No rows: an empty array.';

CREATE FUNCTION pql.rebuild_identities() RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = off AS $$
DECLARE
	kinds text[];
	ids text[];
	rows_changed bigint;
BEGIN
	UPDATE pql.identity_revision SET revision = revision + 1;
	WITH desired AS MATERIALIZED (
		SELECT * FROM pql.identities_at('infinity')
	), gone AS (
		DELETE FROM pql.identity i WHERE NOT EXISTS (SELECT FROM desired d WHERE d.kind = i.kind AND d.id = i.id)
		RETURNING i.kind, i.id, i.representative_kind, i.representative_id
	), old AS MATERIALIZED (
		SELECT d.*, i.representative_kind AS old_kind, i.representative_id AS old_id
		FROM desired d LEFT JOIN pql.identity i ON i.kind = d.kind AND i.id = d.id
		WHERE (i.representative_kind, i.representative_id, i.since, i.shared_by) IS DISTINCT FROM (d.representative_kind, d.representative_id, d.since, d.shared_by)
	), written AS (
		INSERT INTO pql.identity AS i (kind, id, representative_kind, representative_id, since, shared_by)
		SELECT o.kind, o.id, o.representative_kind, o.representative_id, o.since, o.shared_by FROM old o
		ON CONFLICT (kind, id) DO UPDATE SET representative_kind = EXCLUDED.representative_kind, representative_id = EXCLUDED.representative_id, since = EXCLUDED.since, shared_by = EXCLUDED.shared_by
	), moved AS (
		SELECT o.kind, o.id, o.representative_kind AS new_kind, o.representative_id AS new_id, coalesce(o.old_kind, o.kind) AS old_kind, coalesce(o.old_id, o.id) AS old_id FROM old o
		UNION ALL SELECT g.kind, g.id, g.kind, g.id, g.representative_kind, g.representative_id FROM gone g
	)
	SELECT array_agg(u.kind) FILTER (WHERE (m.new_kind, m.new_id) <> (m.old_kind, m.old_id)), array_agg(u.id) FILTER (WHERE (m.new_kind, m.new_id) <> (m.old_kind, m.old_id)), count(DISTINCT (m.kind, m.id))
	INTO kinds, ids, rows_changed
	FROM moved m CROSS JOIN LATERAL (VALUES (m.kind, m.id), (m.new_kind, m.new_id), (m.old_kind, m.old_id)) u (kind, id);
	PERFORM pql.identities_changed(pql.affected_users(kinds, ids));
	RETURN rows_changed;
END
$$;
COMMENT ON FUNCTION pql.rebuild_identities() IS 'Brings pql.identity in line with pql.link from scratch, as a change of pql.identifier_kind does. Writes only rows that differ, and returns how many they were: 0 when nothing was wrong.';

CREATE FUNCTION pql.update_identities(kinds text[], ids text[], other_kinds text[], other_ids text[], only_added boolean) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
	-- from here on going through all links (there are no more than ids were given) is quicker than looking up those of each
	many CONSTANT int := (SELECT max(l.link_id) FROM pql.link l) / 100;
	-- so many are looked up at once: plans are made for a few
	few CONSTANT int := 500;
	t_kinds text[];
	t_ids text[];
	t_since timestamptz[];
	t_shared text[];
	simple boolean;
	m_kinds text[];
	m_ids text[];
BEGIN
	-- membership makes nobody the same
	SELECT array_agg(c.kind), array_agg(c.id), array_agg(c.other_kind), array_agg(c.other_id) INTO kinds, ids, other_kinds, other_ids
	FROM unnest(kinds, ids, other_kinds, other_ids) c (kind, id, other_kind, other_id)
	JOIN pql.identifier_kinds k ON k.kind = c.kind
	JOIN pql.identifier_kinds o ON o.kind = c.other_kind AND o.class = k.class;
	IF ids IS NULL THEN
		RETURN;
	ELSIF cardinality(ids) > greatest(many, few) THEN
		PERFORM pql.rebuild_identities();
		RETURN;
	ELSIF cardinality(ids) > few THEN
		-- each slice joins what it tells of; the next one goes on from there
		FOR i IN 0 .. (cardinality(ids) - 1) / few LOOP
			PERFORM pql.update_identities(kinds[i * few + 1 : (i + 1) * few], ids[i * few + 1 : (i + 1) * few], other_kinds[i * few + 1 : (i + 1) * few], other_ids[i * few + 1 : (i + 1) * few], only_added);
		END LOOP;
		RETURN;
	END IF;
	-- the ends of the links that have changed: since when they are known, and what they share
	SELECT array_agg(e.kind ORDER BY e.kind, e.id), array_agg(e.id ORDER BY e.kind, e.id), array_agg(e.since ORDER BY e.kind, e.id), array_agg(e.shared_by ORDER BY e.kind, e.id),
		only_added AND NOT coalesce(bool_or(e.was_since IS NOT NULL AND (e.since IS DISTINCT FROM e.was_since OR e.shared_by IS DISTINCT FROM e.was_shared_by) OR e.was_since IS NULL AND e.shared_by IS NOT NULL), false)
	INTO t_kinds, t_ids, t_since, t_shared, simple
	FROM (SELECT t.kind, t.id, i.since AS was_since, i.shared_by AS was_shared_by,
			-- what was added can only make an identifier older
			CASE WHEN only_added AND i.since IS NOT NULL THEN least(i.since, t.first_added) ELSE (SELECT min(l.recorded_at) FROM pql.same_link l WHERE l.kind = t.kind AND l.id = t.id) END AS since,
			-- and who shared before shares still: of an address of thousands they are not counted again
			CASE WHEN pql.most_linked(t.kind, t.id, k.most) IS NOT NULL THEN coalesce((
					SELECT min(c.other_kind)
					FROM (SELECT l.other_kind FROM pql.link l JOIN pql.identifier_kinds o ON o.kind = l.other_kind AND o.class = k.class
						WHERE l.kind = t.kind AND l.id = t.id AND l.other_kind <> t.kind AND l.undone_at IS NULL AND (NOT only_added OR i.shared_by IS NULL OR l.other_kind < i.shared_by)
						GROUP BY l.other_kind HAVING count(DISTINCT l.other_id) > pql.most_linked(t.kind, t.id, k.most)) c),
				CASE WHEN only_added THEN i.shared_by END) END AS shared_by
		FROM (SELECT u.kind, u.id, min(u.recorded_at) AS first_added
			FROM (SELECT c.kind, c.id, c.other_kind, c.other_id, (SELECT min(l.recorded_at) FROM pql.link l WHERE only_added AND l.kind = c.kind AND l.id = c.id AND l.other_kind = c.other_kind AND l.other_id = c.other_id) AS added_at
				FROM unnest(kinds, ids, other_kinds, other_ids) c (kind, id, other_kind, other_id)) c
			CROSS JOIN LATERAL (VALUES (c.kind, c.id, c.added_at), (c.other_kind, c.other_id, c.added_at)) u (kind, id, recorded_at)
			GROUP BY u.kind, u.id) t
		JOIN pql.identifier_kinds k ON k.kind = t.kind
		LEFT JOIN pql.identity i ON i.kind = t.kind AND i.id = t.id) e;

	IF simple THEN
		-- components are joined by who represents them: only rows of those that lose theirs are written
		WITH touched AS MATERIALIZED (
			SELECT t.kind, t.id, t.since, t.shared_by, i.kind IS NULL AS is_new, coalesce(i.representative_kind, t.kind) AS r_kind, coalesce(i.representative_id, t.id) AS r_id
			FROM unnest(t_kinds, t_ids, t_since, t_shared) t (kind, id, since, shared_by)
			LEFT JOIN pql.identity i ON i.kind = t.kind AND i.id = t.id
		), unit AS MATERIALIZED (
			SELECT u.kind, u.id, row_number() OVER (ORDER BY k.place, u.kind, u.since, u.id COLLATE "C") AS n
			FROM (SELECT DISTINCT t.r_kind AS kind, t.r_id AS id, coalesce(i.since, t.since) AS since FROM touched t LEFT JOIN pql.identity i ON i.kind = t.r_kind AND i.id = t.r_id) u
			JOIN pql.identifier_kinds k ON k.kind = u.kind
		), component AS MATERIALIZED (
			SELECT c.node, c.representative
			FROM (SELECT array_agg(ua.n) AS a, array_agg(ub.n) AS b
				FROM unnest(kinds, ids, other_kinds, other_ids) l (kind, id, other_kind, other_id)
				JOIN touched a ON a.kind = l.kind AND a.id = l.id AND a.shared_by IS NULL
				JOIN touched b ON b.kind = l.other_kind AND b.id = l.other_id AND b.shared_by IS NULL
				JOIN unit ua ON ua.kind = a.r_kind AND ua.id = a.r_id
				JOIN unit ub ON ub.kind = b.r_kind AND ub.id = b.r_id) edges,
				pql.components(edges.a, edges.b) c
		), lost AS MATERIALIZED (
			SELECT o.kind, o.id, r.kind AS r_kind, r.id AS r_id
			FROM component c JOIN unit o ON o.n = c.node JOIN unit r ON r.n = c.representative
			WHERE c.node <> c.representative
		), written AS (
			INSERT INTO pql.identity (kind, id, representative_kind, representative_id, since, shared_by)
			SELECT t.kind, t.id, coalesce(l.r_kind, t.kind), coalesce(l.r_id, t.id), t.since, t.shared_by
			FROM touched t LEFT JOIN lost l ON l.kind = t.kind AND l.id = t.id
			WHERE t.is_new
			RETURNING kind, id, representative_kind, representative_id
		), moved AS (
			UPDATE pql.identity i SET representative_kind = l.r_kind, representative_id = l.r_id
			FROM lost l WHERE i.representative_kind = l.kind AND i.representative_id = l.id
			RETURNING i.kind, i.id, l.r_kind, l.r_id
		)
		SELECT array_agg(u.kind), array_agg(u.id) INTO m_kinds, m_ids
		FROM (SELECT w.kind, w.id, w.representative_kind AS r_kind, w.representative_id AS r_id FROM written w WHERE (w.kind, w.id) <> (w.representative_kind, w.representative_id)
			UNION ALL SELECT m.kind, m.id, m.r_kind, m.r_id FROM moved m) c
		CROSS JOIN LATERAL (VALUES (c.kind, c.id), (c.r_kind, c.r_id)) u (kind, id);
	ELSE
		-- whoever hangs together with the ends, and with neighbours of those that share more or less than before
		WITH touched AS MATERIALIZED (
			SELECT t.kind, t.id, t.since, t.shared_by FROM unnest(t_kinds, t_ids, t_since, t_shared) t (kind, id, since, shared_by)
		), seed AS MATERIALIZED (
			SELECT t.kind, t.id FROM touched t
			UNION
			SELECT l.other_kind, l.other_id
			FROM touched t LEFT JOIN pql.identity i ON i.kind = t.kind AND i.id = t.id
			-- OFFSET 0 here and below: by index, for each of the few
			CROSS JOIN LATERAL (SELECT o.other_kind, o.other_id FROM pql.same_link o WHERE o.kind = t.kind AND o.id = t.id AND o.undone_at IS NULL OFFSET 0) l
			WHERE i.shared_by IS DISTINCT FROM t.shared_by
		), whole AS MATERIALIZED (
			SELECT DISTINCT i.representative_kind AS kind, i.representative_id AS id FROM seed s CROSS JOIN LATERAL (SELECT m.* FROM pql.identity m WHERE m.kind = s.kind AND m.id = s.id OFFSET 0) i
		), old AS MATERIALIZED (
			SELECT i.kind, i.id, i.representative_kind, i.representative_id, i.since, i.shared_by FROM whole w
			CROSS JOIN LATERAL (SELECT m.* FROM pql.identity m WHERE m.representative_kind = w.kind AND m.representative_id = w.id OFFSET 0) i
		), member AS MATERIALIZED (
			SELECT m.kind, m.id, m.since, m.shared_by, k.class, row_number() OVER (ORDER BY k.place, m.kind, m.since, m.id COLLATE "C") AS n
			FROM (SELECT t.kind, t.id, t.since, t.shared_by FROM touched t WHERE EXISTS (SELECT FROM pql.same_link l WHERE l.kind = t.kind AND l.id = t.id AND l.undone_at IS NULL OFFSET 0)
				UNION ALL
				SELECT o.kind, o.id, o.since, o.shared_by FROM old o WHERE NOT EXISTS (SELECT FROM touched t WHERE t.kind = o.kind AND t.id = o.id)) m
			JOIN pql.identifier_kinds k ON k.kind = m.kind
		), component AS MATERIALIZED (
			SELECT c.node, c.representative
			FROM (SELECT array_agg(a.n) AS a, array_agg(b.n) AS b
				FROM member a
				CROSS JOIN LATERAL (SELECT o.other_kind, o.other_id FROM pql.link o WHERE o.kind = a.kind AND o.id = a.id AND o.undone_at IS NULL OFFSET 0) l
				JOIN member b ON b.kind = l.other_kind AND b.id = l.other_id AND b.class = a.class
				WHERE a.shared_by IS NULL AND b.shared_by IS NULL) edges,
				pql.components(edges.a, edges.b) c
		), desired AS MATERIALIZED (
			SELECT m.kind, m.id, r.kind AS r_kind, r.id AS r_id, m.since, m.shared_by
			FROM member m LEFT JOIN component c ON c.node = m.n JOIN member r ON r.n = coalesce(c.representative, m.n)
		), gone AS (
			DELETE FROM pql.identity i USING old o
			WHERE i.kind = o.kind AND i.id = o.id AND NOT EXISTS (SELECT FROM desired d WHERE d.kind = o.kind AND d.id = o.id)
		), written AS (
			INSERT INTO pql.identity AS i (kind, id, representative_kind, representative_id, since, shared_by)
			SELECT d.kind, d.id, d.r_kind, d.r_id, d.since, d.shared_by
			FROM desired d LEFT JOIN old o ON o.kind = d.kind AND o.id = d.id
			WHERE (o.representative_kind, o.representative_id, o.since, o.shared_by) IS DISTINCT FROM (d.r_kind, d.r_id, d.since, d.shared_by)
			ON CONFLICT (kind, id) DO UPDATE SET representative_kind = EXCLUDED.representative_kind, representative_id = EXCLUDED.representative_id, since = EXCLUDED.since, shared_by = EXCLUDED.shared_by
		)
		SELECT array_agg(u.kind), array_agg(u.id) INTO m_kinds, m_ids
		FROM (SELECT coalesce(o.kind, d.kind) AS kind, coalesce(o.id, d.id) AS id, coalesce(o.representative_kind, d.kind) AS old_kind, coalesce(o.representative_id, d.id) AS old_id,
				coalesce(d.r_kind, o.kind) AS new_kind, coalesce(d.r_id, o.id) AS new_id
			FROM old o FULL JOIN desired d ON d.kind = o.kind AND d.id = o.id) c
		CROSS JOIN LATERAL (VALUES (c.kind, c.id), (c.old_kind, c.old_id), (c.new_kind, c.new_id)) u (kind, id)
		WHERE (c.old_kind, c.old_id) <> (c.new_kind, c.new_id);
	END IF;
	PERFORM pql.identities_changed(pql.affected_users(m_kinds, m_ids));
END
$$;
COMMENT ON FUNCTION pql.update_identities(text[], text[], text[], text[], boolean) IS 'Brings pql.identity in line with links that have changed: of some that were only added (only_added) the components they join, of others all that hung together with their ends. More than 500, and more than a hundredth of all, are everything reckoned anew. Called by the triggers of pql.link, which hold pql.identity_revision.';

CREATE FUNCTION pql.lock_identities() RETURNS trigger
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	-- before any row of pql.link is locked, so that nobody waits in a circle
	UPDATE pql.identity_revision SET revision = revision + 1;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION pql.lock_identities() IS 'Trigger of pql.link: one writer at a time.';

CREATE FUNCTION pql.follow_links() RETURNS trigger
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	kinds text[];
	ids text[];
	other_kinds text[];
	other_ids text[];
	only_added boolean;
BEGIN
	-- none of these ever leaves links without their consequences
	CASE TG_OP
		WHEN 'INSERT' THEN
			SELECT array_agg(a.kind), array_agg(a.id), array_agg(a.other_kind), array_agg(a.other_id), bool_and(a.undone_at IS NULL) INTO kinds, ids, other_kinds, other_ids, only_added FROM added a;
		WHEN 'DELETE' THEN
			SELECT array_agg(a.kind), array_agg(a.id), array_agg(a.other_kind), array_agg(a.other_id), false INTO kinds, ids, other_kinds, other_ids, only_added FROM removed a;
		WHEN 'UPDATE' THEN
			SELECT array_agg(a.kind), array_agg(a.id), array_agg(a.other_kind), array_agg(a.other_id), false INTO kinds, ids, other_kinds, other_ids, only_added
			FROM (SELECT x.kind, x.id, x.other_kind, x.other_id FROM added x UNION SELECT y.kind, y.id, y.other_kind, y.other_id FROM removed y) a;
		ELSE
			PERFORM pql.rebuild_identities();
			RETURN NULL;
	END CASE;
	IF TG_OP <> 'DELETE' THEN
		UPDATE pql.identity_revision r SET latest = a.latest FROM (SELECT max(greatest(x.recorded_at, x.undone_at)) AS latest FROM added x) a WHERE a.latest > r.latest;
	END IF;
	PERFORM pql.update_identities(kinds, ids, other_kinds, other_ids, only_added);
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION pql.follow_links() IS 'Trigger of pql.link, once a statement: pql.identity follows.';

CREATE TRIGGER one_writer BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON pql.link FOR EACH STATEMENT EXECUTE FUNCTION pql.lock_identities();
CREATE TRIGGER identities_follow_new AFTER INSERT ON pql.link REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION pql.follow_links();
CREATE TRIGGER identities_follow_changed AFTER UPDATE ON pql.link REFERENCING NEW TABLE AS added OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION pql.follow_links();
CREATE TRIGGER identities_follow_removed AFTER DELETE ON pql.link REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION pql.follow_links();
CREATE TRIGGER identities_follow_truncate AFTER TRUNCATE ON pql.link FOR EACH STATEMENT EXECUTE FUNCTION pql.follow_links();

CREATE FUNCTION pql.follow_kinds() RETURNS trigger
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM pql.rebuild_identities();
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION pql.follow_kinds() IS 'Trigger of pql.identifier_kind: who is whom by the kinds and limits that count now.';

CREATE TRIGGER identities_follow_kinds AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON pql.identifier_kind FOR EACH STATEMENT EXECUTE FUNCTION pql.follow_kinds();

CREATE VIEW pql.alias AS
SELECT i.id AS user_id, i.representative_id AS same_as
FROM pql.identity i
WHERE i.representative_kind = 'user' AND i.id <> i.representative_id
	AND i.kind IN ('user', 'visitor')
	-- who is a user by that id keeps it
	AND (i.kind = 'user' OR NOT EXISTS (SELECT FROM pql.identity u WHERE u.kind = 'user' AND u.id = i.id) AND NOT EXISTS (SELECT FROM pql.person p WHERE p.user_id = i.id));
COMMENT ON VIEW pql.alias IS 'Whose events are another''s: ids of users, and of visitors, as events may have them, and the user who represents the same person. Only ids that differ; everybody else is who they are.';

CREATE FUNCTION pql.alias_at(as_of timestamptz, known_at timestamptz DEFAULT NULL) RETURNS TABLE (user_id text, same_as text)
LANGUAGE sql STABLE PARALLEL SAFE SET jit = off
BEGIN ATOMIC
	WITH identity AS MATERIALIZED (SELECT * FROM pql.identities_at(as_of, known_at))
	SELECT i.id, i.representative_id
	FROM identity i
	WHERE i.representative_kind = 'user' AND i.id <> i.representative_id
		AND (i.kind = 'user' OR i.kind = 'visitor'
			AND NOT EXISTS (SELECT FROM identity u WHERE u.kind = 'user' AND u.id = i.id) AND NOT EXISTS (SELECT FROM pql.person p WHERE p.user_id = i.id));
END;
COMMENT ON FUNCTION pql.alias_at(timestamptz, timestamptz) IS 'pql.alias by the links known at an instant (and loaded by known_at). Goes through all links: for backtests, not for every row. NULL as_of: no rows.';

CREATE FUNCTION pql.aliases(as_of timestamptz DEFAULT NULL, known_at timestamptz DEFAULT NULL, users text[] DEFAULT NULL) RETURNS TABLE (user_id text, same_as text)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10 SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM pql.link) THEN
		RETURN;
	END IF;
	IF known_at IS NULL AND (as_of IS NULL OR as_of >= (SELECT max(r.as_of) FROM pql.run r) OR as_of >= (SELECT r.latest FROM pql.identity_revision r)) THEN
		IF users IS NULL THEN
			RETURN QUERY SELECT a.user_id, a.same_as FROM pql.alias a;
		ELSE
			-- looked up, one by one (OFFSET 0), and whatever statistics say
			RETURN QUERY SELECT a.user_id, a.same_as
				FROM (SELECT DISTINCT coalesce(o.same_as, u.id) AS id FROM unnest(users) u (id) LEFT JOIN LATERAL (SELECT x.same_as FROM pql.alias x WHERE x.user_id = u.id OFFSET 0) o ON true) p
				CROSS JOIN LATERAL (SELECT x.user_id, x.same_as FROM pql.alias x WHERE x.same_as = p.id OFFSET 0) a;
		END IF;
	ELSE
		RETURN QUERY WITH known AS MATERIALIZED (SELECT x.user_id, x.same_as FROM pql.alias_at(aliases.as_of, aliases.known_at) x)
			SELECT k.user_id, k.same_as FROM known k
			WHERE users IS NULL OR k.same_as = ANY (users) OR k.same_as IN (SELECT o.same_as FROM known o WHERE o.user_id = ANY (users));
	END IF;
END
$$;
COMMENT ON FUNCTION pql.aliases(timestamptz, timestamptz, text[]) IS 'The aliases by which models judge as of an instant: pql.alias from the last refresh or the latest link on (or as_of NULL), before it those by the links known then; with known_at, and loaded by then. users: only those of the persons whom these ids mean.';

CREATE FUNCTION pql.merged_ids(as_of timestamptz DEFAULT NULL, known_at timestamptz DEFAULT NULL, users text[] DEFAULT NULL) RETURNS TABLE (id text, user_id text, place int)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
	SELECT DISTINCT v.id, a.same_as, v.place
	FROM pql.aliases(as_of, known_at, users) a CROSS JOIN LATERAL (VALUES (a.same_as, 0), (a.user_id, 1)) v (id, place);
END;
COMMENT ON FUNCTION pql.merged_ids(timestamptz, timestamptz, text[]) IS 'All ids of persons with several, and user_id, under which each person is judged. place: 0 of that id itself, 1 of an alias. Arguments as those of pql.aliases.';

CREATE FUNCTION pql.ids_to_merge(as_of timestamptz, known_at timestamptz, users text[], of_trials boolean) RETURNS TABLE (id text, user_id text, place int)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
	SELECT DISTINCT v.id, a.same_as, v.place
	FROM pql.aliases(as_of, known_at, users) a CROSS JOIN LATERAL (VALUES (a.same_as, 0), (a.user_id, 1)) v (id, place)
	WHERE CASE WHEN of_trials THEN EXISTS (SELECT FROM pql.trial t WHERE t.user_id = a.user_id) ELSE EXISTS (SELECT FROM pql.person p WHERE p.user_id = a.user_id) END;
END;
COMMENT ON FUNCTION pql.ids_to_merge(timestamptz, timestamptz, text[], boolean) IS 'The same of aliases that have trials, or else a row of pql.person: of all other persons the tables say what is so under the id by which they are judged. Visitors have neither, as a rule.';

CREATE FUNCTION pql.ids_of(users text[], as_of timestamptz DEFAULT NULL, known_at timestamptz DEFAULT NULL) RETURNS text[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF users IS NULL OR NOT EXISTS (SELECT FROM pql.link) THEN
		RETURN users;
	END IF;
	RETURN ARRAY(SELECT u FROM unnest(users) u UNION SELECT i.id FROM pql.merged_ids(as_of, known_at, users) i);
END
$$;
COMMENT ON FUNCTION pql.ids_of(text[], timestamptz, timestamptz) IS 'These ids and all others of the same persons (pql.aliases). NULL: NULL.';

CREATE FUNCTION pql.person_ids(users text[], as_of timestamptz DEFAULT NULL, known_at timestamptz DEFAULT NULL) RETURNS text[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF users IS NULL OR NOT EXISTS (SELECT FROM pql.link) THEN
		RETURN users;
	END IF;
	RETURN ARRAY(SELECT DISTINCT coalesce(a.same_as, u.id) FROM unnest(users) u (id) LEFT JOIN pql.aliases(as_of, known_at, users) a ON a.user_id = u.id);
END
$$;
COMMENT ON FUNCTION pql.person_ids(text[], timestamptz, timestamptz) IS 'The ids under which the persons whom these ids mean are judged, each once: of an alias the user who represents the person, else the id itself. NULL: NULL.';

-- ---- what is said of one person under several ids ----

CREATE FUNCTION pql.merged_people(as_of timestamptz, known_at timestamptz DEFAULT NULL, only_users text[] DEFAULT NULL)
RETURNS TABLE (user_id text, own_id text, account_id text, signed_up_at timestamptz, paid_at timestamptz, opted_out_at timestamptz, suppressed_at timestamptz)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10 SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
	RETURN QUERY
	SELECT i.user_id, (array_agg(p.user_id ORDER BY i.place, p.user_id COLLATE "C"))[1], (array_agg(p.account_id ORDER BY i.place, p.user_id COLLATE "C"))[1],
		min(p.signed_up_at), min(p.paid_at), min(p.opted_out_at), min(p.suppressed_at)
	FROM pql.ids_to_merge(as_of, known_at, only_users, false) i JOIN pql.person p ON p.user_id = i.id
	GROUP BY i.user_id;
END
$$;
COMMENT ON FUNCTION pql.merged_people(timestamptz, timestamptz, text[]) IS 'Of persons of whom an alias has a row of pql.person: whose row speaks for them (own_id: their own, else that of the first alias that has one), its account, and the earliest of the instants that any of their rows has. So nobody who opted out under one id is written to under another.';

CREATE FUNCTION pql.people_at(as_of timestamptz, known_at timestamptz DEFAULT NULL, only_users text[] DEFAULT NULL)
RETURNS TABLE (user_id text, own_id text, account_id text, signed_up_at timestamptz, paid_at timestamptz, opted_out_at timestamptz, suppressed_at timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT p.user_id, p.user_id, p.account_id, p.signed_up_at, p.paid_at, p.opted_out_at, p.suppressed_at
	FROM pql.person p
	WHERE (only_users IS NULL OR p.user_id = ANY (only_users))
		-- NOT IN: once for all, and the rows may still be looked up
		AND p.user_id NOT IN (SELECT i.id FROM pql.ids_to_merge(as_of, known_at, only_users, false) i)
	UNION ALL
	SELECT m.user_id, m.own_id, m.account_id, m.signed_up_at, m.paid_at, m.opted_out_at, m.suppressed_at
	FROM pql.merged_people(as_of, known_at, only_users) m;
END;
COMMENT ON FUNCTION pql.people_at(timestamptz, timestamptz, text[]) IS 'People as they are judged, one row each, whatever ids they have: as pql.person has them now, of persons with several ids by pql.merged_people. only_users: the ids under which they are judged (pql.person_ids).';

CREATE FUNCTION pql.merged_trials(as_of timestamptz, known_at timestamptz DEFAULT NULL, only_users text[] DEFAULT NULL)
RETURNS TABLE (user_id text, started_at timestamptz, ends_at timestamptz, plan text, converted_at timestamptz, mrr float8, conversion_source text)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10 SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
	RETURN QUERY
	SELECT DISTINCT ON (i.user_id, t.started_at) i.user_id, t.started_at, t.ends_at, t.plan, t.converted_at, t.mrr, t.conversion_source
	FROM pql.ids_to_merge(as_of, known_at, only_users, true) i JOIN pql.trial t ON t.user_id = i.id
	ORDER BY i.user_id, t.started_at, i.place, t.user_id COLLATE "C";
END
$$;
COMMENT ON FUNCTION pql.merged_trials(timestamptz, timestamptz, text[]) IS 'Trials of persons of whom an alias has some, under the id by which they are judged. Of two that started at one instant that of this id counts, else that of the first alias.';

CREATE FUNCTION pql.trials_at(as_of timestamptz, known_at timestamptz DEFAULT NULL, only_users text[] DEFAULT NULL)
RETURNS TABLE (user_id text, started_at timestamptz, ends_at timestamptz, plan text, converted_at timestamptz, mrr float8, conversion_source text)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT t.user_id, t.started_at, t.ends_at, t.plan, t.converted_at, t.mrr, t.conversion_source
	FROM pql.trial t
	WHERE (only_users IS NULL OR t.user_id = ANY (only_users))
		AND t.user_id NOT IN (SELECT i.id FROM pql.ids_to_merge(as_of, known_at, only_users, true) i)
	UNION ALL
	SELECT m.user_id, m.started_at, m.ends_at, m.plan, m.converted_at, m.mrr, m.conversion_source
	FROM pql.merged_trials(as_of, known_at, only_users) m;
END;
COMMENT ON FUNCTION pql.trials_at(timestamptz, timestamptz, text[]) IS 'Trials as they are judged: pql.trial, those of aliases under the id by which the person is judged. Arguments as those of pql.people_at.';

CREATE VIEW pql.identity_conflict AS
SELECT i.kind, i.id, i.shared_by, count(DISTINCT l.other_id) AS linked, pql.most_linked(i.kind, i.id, k.most) AS most,
	format('%s %s is linked with %s of kind %s; at most %s are one person or company', i.kind, i.id, count(DISTINCT l.other_id), i.shared_by, pql.most_linked(i.kind, i.id, k.most)) AS reason,
	(array_agg(DISTINCT l.other_id ORDER BY l.other_id))[1:10] AS first_ids, min(l.recorded_at) AS since
FROM pql.identity i
JOIN pql.identifier_kinds k ON k.kind = i.kind
JOIN pql.link l ON l.kind = i.kind AND l.id = i.id AND l.other_kind = i.shared_by AND l.undone_at IS NULL
WHERE i.shared_by IS NOT NULL
GROUP BY i.kind, i.id, i.shared_by, k.most;
COMMENT ON VIEW pql.identity_conflict IS 'Identifiers that would join more than their kind may (an info@ of many users, a device of many people), and so join nobody: with how many of which kind they are linked, how many they may be, and the first ten. Undo links that are wrong, or insert a row of your own for the kind, with a higher most, into pql.identifier_kind.';

-- ---- linking and undoing ----

CREATE FUNCTION pql.stands_first(class text, place int, kind text, id text, other_class text, other_place int, other_kind text, other_id text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE WHEN class <> other_class THEN class = 'person' WHEN place <> other_place THEN place > other_place WHEN kind <> other_kind THEN kind COLLATE "C" > other_kind COLLATE "C" ELSE id COLLATE "C" > other_id COLLATE "C" END;
END;
COMMENT ON FUNCTION pql.stands_first(text, int, text, text, text, int, text, text) IS 'Which of two identifiers a link has first: the person before the company, the kind of the higher place, of one kind the later id.';

CREATE FUNCTION pql.checked_identifier(kind text, id text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	canonical text := pql.canonical_identifier(kind, id);
BEGIN
	IF kind IS NULL OR id IS NULL THEN
		RAISE EXCEPTION 'an identifier needs a kind and an id'
			USING ERRCODE = 'null_value_not_allowed', HINT = 'Give for example ''visitor'', ''a1b2''.';
	ELSIF NOT EXISTS (SELECT FROM pql.identifier_kinds k WHERE k.kind = checked_identifier.kind) THEN
		RAISE EXCEPTION 'unknown kind of identifier "%"', kind
			USING ERRCODE = 'invalid_parameter_value',
				DETAIL = format('There are %s.', (SELECT string_agg(k.kind, ', ' ORDER BY k.class DESC, k.place, k.kind) FROM pql.identifier_kinds k)),
				HINT = 'Add kinds of your own to pql.identifier_kind.';
	ELSIF canonical IS NULL THEN
		RAISE EXCEPTION '"%" identifies no %', left(id, 100), kind
			USING ERRCODE = 'invalid_parameter_value',
				DETAIL = CASE kind WHEN 'email' THEN 'It is not one address of one mailbox.' WHEN 'domain' THEN 'It is no domain.' ELSE 'It is empty, or longer than 512 bytes.' END,
				HINT = 'Give what the source has.';
	END IF;
	RETURN canonical;
END
$$;
COMMENT ON FUNCTION pql.checked_identifier(text, text) IS 'pql.canonical_identifier, or an ERROR: a NULL, a kind that there is not, an id that identifies nothing of the kind.';

CREATE FUNCTION pql.link_order(INOUT kind text, INOUT id text, INOUT other_kind text, INOUT other_id text)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT CASE WHEN f.first THEN link_order.kind ELSE link_order.other_kind END, CASE WHEN f.first THEN link_order.id ELSE link_order.other_id END,
		CASE WHEN f.first THEN link_order.other_kind ELSE link_order.kind END, CASE WHEN f.first THEN link_order.other_id ELSE link_order.id END
	FROM pql.identifier_kinds k, pql.identifier_kinds o, pql.stands_first(k.class, k.place, k.kind, link_order.id, o.class, o.place, o.kind, link_order.other_id) f (first)
	WHERE k.kind = link_order.kind AND o.kind = link_order.other_kind;
END;
COMMENT ON FUNCTION pql.link_order(text, text, text, text) IS 'Two identifiers as a link has them (pql.stands_first). NULLs for an unknown kind.';

CREATE FUNCTION pql.link_identities(kind text, id text, other_kind text, other_id text, reason text DEFAULT 'manual', source text DEFAULT '', recorded_at timestamptz DEFAULT now(), received_at timestamptz DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	ends record;
	known record;
BEGIN
	SELECT * INTO ends FROM pql.link_order(link_identities.kind, pql.checked_identifier(link_identities.kind, link_identities.id), link_identities.other_kind, pql.checked_identifier(link_identities.other_kind, link_identities.other_id));
	IF link_identities.reason IS NULL OR link_identities.reason = '' OR link_identities.recorded_at IS NULL OR link_identities.recorded_at = 'infinity' THEN
		RAISE EXCEPTION 'a link needs a reason and a time'
			USING ERRCODE = 'null_value_not_allowed', HINT = 'Leave recorded_at out for now; -infinity is from the beginning.';
	ELSIF (ends.kind, ends.id) = (ends.other_kind, ends.other_id) THEN
		RAISE EXCEPTION '% "%" cannot be linked with itself', ends.kind, ends.id
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Give two identifiers.';
	END IF;
	SELECT l.link_id, l.recorded_at INTO known FROM pql.link l
	WHERE (l.kind, l.id, l.other_kind, l.other_id) = (ends.kind, ends.id, ends.other_kind, ends.other_id) AND l.reason = link_identities.reason AND l.source = coalesce(link_identities.source, '') AND l.undone_at IS NULL;
	IF known.recorded_at <= link_identities.recorded_at THEN
		RETURN known.link_id;
	END IF;
	-- also when it was known earlier than was thought
	INSERT INTO pql.link AS l (kind, id, other_kind, other_id, reason, source, recorded_at, received_at)
	VALUES (ends.kind, ends.id, ends.other_kind, ends.other_id, link_identities.reason, coalesce(link_identities.source, ''), link_identities.recorded_at, link_identities.received_at)
	ON CONFLICT (kind, id, other_kind, other_id, reason, source) WHERE undone_at IS NULL
		DO UPDATE SET recorded_at = least(l.recorded_at, EXCLUDED.recorded_at), received_at = CASE WHEN l.received_at > EXCLUDED.received_at THEN EXCLUDED.received_at ELSE l.received_at END
	RETURNING l.link_id INTO known.link_id;
	RETURN known.link_id;
END
$$;
COMMENT ON FUNCTION pql.link_identities(text, text, text, text, text, text, timestamptz, timestamptz) IS 'Says that two identifiers belong together, from recorded_at on: within persons or companies that they are the same, across that the person belongs to the company. Returns the link''s id; that of the link that says so already, for this reason and from this source, if there is one. ERROR: NULL or an unknown kind, an id that is none, an identifier with itself.';

CREATE FUNCTION pql.undo_links(link_ids bigint[], why text, undone_at timestamptz, undone_by text) RETURNS int
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	undone int;
BEGIN
	IF undo_links.why IS NULL OR btrim(undo_links.why) = '' OR undo_links.undone_by IS NULL OR undo_links.undone_at IS NULL OR NOT isfinite(undo_links.undone_at) THEN
		RAISE EXCEPTION 'undoing a link needs a reason, a time and somebody who does it'
			USING ERRCODE = 'null_value_not_allowed', HINT = 'Say for example pql.unlink(12, ''two people share a device'').';
	END IF;
	UPDATE pql.link l SET undone_at = undo_links.undone_at, undone_why = undo_links.why, undone_by = undo_links.undone_by
	WHERE l.link_id = ANY (link_ids) AND l.undone_at IS NULL;
	GET DIAGNOSTICS undone = ROW_COUNT;
	RETURN undone;
END
$$;
COMMENT ON FUNCTION pql.undo_links(bigint[], text, timestamptz, text) IS 'Undoes links that are not undone yet; returns how many. NULL or empty reason, NULL or infinite time, nobody: an ERROR.';

CREATE FUNCTION pql.unlink(link_id bigint, why text, undone_at timestamptz DEFAULT now(), undone_by text DEFAULT session_user) RETURNS int
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM pql.link l WHERE l.link_id = unlink.link_id) THEN
		RAISE EXCEPTION 'there is no link %', coalesce(unlink.link_id::text, 'NULL')
			USING ERRCODE = 'no_data_found', HINT = 'pql.links_of(kind, id) tells the links of an identifier.';
	END IF;
	RETURN pql.undo_links(ARRAY[unlink.link_id], why, undone_at, undone_by);
END
$$;
COMMENT ON FUNCTION pql.unlink(bigint, text, timestamptz, text) IS 'Undoes a link from an instant on, and with it what followed from it; the reason is kept, and nothing collects it again. Returns 1, or 0 when it is undone already. ERROR: no such link, no reason.';

CREATE FUNCTION pql.unlink(kind text, id text, other_kind text, other_id text, why text, undone_at timestamptz DEFAULT now(), undone_by text DEFAULT session_user) RETURNS int
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	ends record;
BEGIN
	SELECT * INTO ends FROM pql.link_order(unlink.kind, pql.checked_identifier(unlink.kind, unlink.id), unlink.other_kind, pql.checked_identifier(unlink.other_kind, unlink.other_id));
	RETURN pql.undo_links(ARRAY(SELECT l.link_id FROM pql.link l
		WHERE (l.kind, l.id, l.other_kind, l.other_id) = (ends.kind, ends.id, ends.other_kind, ends.other_id) AND l.undone_at IS NULL ORDER BY 1), why, undone_at, undone_by);
END
$$;
COMMENT ON FUNCTION pql.unlink(text, text, text, text, text, timestamptz, text) IS 'Undoes all links between two identifiers, whatever their reasons, in either order; returns how many.';

CREATE FUNCTION pql.links_of(kind text, id text) RETURNS TABLE (link_id bigint, a_kind text, a_id text, b_kind text, b_id text, reason text, source text, recorded_at timestamptz, undone_at timestamptz, undone_why text)
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT l.link_id, l.kind, l.id, l.other_kind, l.other_id, l.reason, l.source, l.recorded_at, l.undone_at, l.undone_why
	FROM (SELECT links_of.kind AS kind, links_of.id AS id
		UNION
		SELECT s.kind, s.id
		FROM pql.identity i JOIN pql.identity s ON s.representative_kind = i.representative_kind AND s.representative_id = i.representative_id
		WHERE i.kind = links_of.kind AND i.id = links_of.id) m
	JOIN pql.link l ON l.kind = m.kind AND l.id = m.id OR l.other_kind = m.kind AND l.other_id = m.id
	GROUP BY l.link_id
	ORDER BY l.recorded_at, l.link_id;
END;
COMMENT ON FUNCTION pql.links_of(text, text) IS 'Why somebody is who they are: all links of the identifiers that are the same as this one, and its own, the oldest first, undone ones included.';

-- ---- finding links ----

CREATE TABLE pql.identifier_place (
	place text NOT NULL CHECK (place IN ('event', 'person', 'account')),
	name text NOT NULL CHECK (name <> ''),
	kind text NOT NULL,
	event text,
	reason text NOT NULL CHECK (reason <> ''),
	shipped_in text
);
CREATE UNIQUE INDEX identifier_place_once ON pql.identifier_place (place, name, kind, (coalesce(event, '')));
COMMENT ON TABLE pql.identifier_place IS 'Where pql.collect_links finds identifiers: a property of events, an attribute (or the column email or domain) of people and accounts. What stands there and the user or account of the row are linked. Add rows of your own; those that came with pql are switched off by pql.identifier_place_off.';
COMMENT ON COLUMN pql.identifier_place.name IS 'Of the property, attribute or column. Values that are strings or numbers count.';
COMMENT ON COLUMN pql.identifier_place.kind IS 'What is found there, of pql.identifier_kinds.';
COMMENT ON COLUMN pql.identifier_place.event IS 'Only in events of this name; NULL: in any.';
COMMENT ON COLUMN pql.identifier_place.reason IS 'The reason of links that are found there.';
COMMENT ON COLUMN pql.identifier_place.shipped_in IS 'The version of pql that brought it; NULL: your own.';
INSERT INTO pql.identifier_place (place, name, kind, event, reason, shipped_in)
SELECT p.place, p.name, p.kind, p.event, p.reason, pql.version()
FROM (VALUES ('event', 'anonymous_id', 'visitor', NULL, 'signed_up'), ('event', 'visitor_id', 'visitor', NULL, 'signed_up'), ('event', '$anon_distinct_id', 'visitor', NULL, 'signed_up'),
	('event', 'email', 'email', 'signup_complete', 'email'), ('event', 'workspace_id', 'workspace', NULL, 'group'), ('event', 'group_id', 'workspace', NULL, 'group'),
	('person', 'email', 'email', NULL, 'email'), ('person', 'anonymous_id', 'visitor', NULL, 'signed_up'), ('person', 'contact_id', 'contact', NULL, 'crm_id'), ('person', 'crm_id', 'contact', NULL, 'crm_id'),
	('person', 'lead_id', 'lead', NULL, 'crm_id'), ('person', 'workspace_id', 'workspace', NULL, 'group'), ('person', 'group_id', 'workspace', NULL, 'group'),
	('account', 'domain', 'domain', NULL, 'domain'), ('account', 'crm_id', 'crm_account', NULL, 'crm_id'), ('account', 'crm_account_id', 'crm_account', NULL, 'crm_id'),
	('account', 'workspace_id', 'workspace', NULL, 'group'), ('account', 'group_id', 'workspace', NULL, 'group')) p (place, name, kind, event, reason);
SELECT pg_catalog.pg_extension_config_dump('pql.identifier_place', 'WHERE shipped_in IS NULL');

CREATE TABLE pql.identifier_place_off (
	place text NOT NULL,
	name text NOT NULL,
	PRIMARY KEY (place, name)
);
COMMENT ON TABLE pql.identifier_place_off IS 'Rows of pql.identifier_place that are not to be looked at. Links found before stay.';
SELECT pg_catalog.pg_extension_config_dump('pql.identifier_place_off', '');

CREATE TABLE pql.link_collection (
	relation text PRIMARY KEY,
	seen_until timestamptz NOT NULL,
	places text NOT NULL
);
COMMENT ON TABLE pql.link_collection IS 'How far pql.collect_links has looked at a source of events.';
COMMENT ON COLUMN pql.link_collection.seen_until IS 'The latest received_at of rows that were looked at.';
COMMENT ON COLUMN pql.link_collection.places IS 'The places it looked at: when there are others, it looks at all rows again.';

CREATE FUNCTION pql.collect_event_links(relation text, as_of timestamptz, everything boolean) RETURNS TABLE (reason text, found bigint, added bigint)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
	-- rows that were loaded earlier may have been committed later
	overlap CONSTANT interval := '1 hour';
	source CONSTANT text := relation;
	mapping CONSTANT jsonb := s.mapping FROM pql.sources s WHERE s.input = 'events' AND s.relation = source;
	looked_at text;
	places text;
	names text[];
	before record;
BEGIN
	SELECT string_agg(format('(%L, %L, %L, %L)', p.name, p.kind, p.event, p.reason), ', ' ORDER BY p.name, p.kind, p.event), array_agg(p.name), string_agg(concat_ws(' ', p.name, p.kind, p.event, p.reason), E'\n' ORDER BY p.name, p.kind, p.event)
	INTO places, names, looked_at
	FROM pql.identifier_place p
	WHERE p.place = 'event' AND NOT EXISTS (SELECT FROM pql.identifier_place_off o WHERE o.place = p.place AND o.name = p.name);
	IF places IS NULL OR mapping ->> 'properties' IS NULL THEN
		RETURN;
	END IF;
	SELECT c.seen_until - overlap AS since INTO before FROM pql.link_collection c WHERE c.relation = source AND c.places = looked_at AND NOT everything AND mapping ->> 'received_at' IS NOT NULL;
	RETURN QUERY EXECUTE format($q$
		WITH row_of AS MATERIALIZED (
			SELECT q.user_id, q.occurred_at, q.received_at, v.kind, pql.canonical_identifier(v.kind, q.properties ->> v.name) AS id, v.reason
			FROM (%1$s) q CROSS JOIN (VALUES %2$s) v (name, kind, event, reason)
			WHERE q.user_id IS NOT NULL AND q.user_id <> '' AND octet_length(q.user_id) <= 512 AND isfinite(q.occurred_at) AND q.properties ?| $1 AND jsonb_typeof(q.properties) = 'object'
				AND jsonb_typeof(q.properties -> v.name) IN ('string', 'number') AND (v.event IS NULL OR v.event = q.event)%3$s
		), found AS MATERIALIZED (
			SELECT r.kind, r.id, r.user_id, r.reason, min(r.occurred_at) AS recorded_at, CASE WHEN count(r.received_at) = count(*) THEN min(r.received_at) END AS received_at
			FROM row_of r
			-- an id that is the user's own says nothing
			WHERE r.occurred_at <= $3 AND r.id IS NOT NULL AND r.id <> r.user_id AND (r.kind <> 'email' OR pql.is_test_address(r.id) IS NOT TRUE)
			GROUP BY r.kind, r.id, r.user_id, r.reason
		), linked AS MATERIALIZED (
			SELECT CASE WHEN o.first THEN f.kind ELSE 'user' END AS kind, CASE WHEN o.first THEN f.id ELSE f.user_id END AS id, CASE WHEN o.first THEN 'user' ELSE f.kind END AS other_kind, CASE WHEN o.first THEN f.user_id ELSE f.id END AS other_id,
				f.reason, f.recorded_at, f.received_at
			FROM found f JOIN pql.identifier_kinds k ON k.kind = f.kind JOIN pql.identifier_kinds u ON u.kind = 'user',
				pql.stands_first(k.class, k.place, k.kind, f.id, u.class, u.place, u.kind, f.user_id) o (first)
		), added AS (
			INSERT INTO pql.link AS l (kind, id, other_kind, other_id, reason, source, recorded_at, received_at)
			SELECT n.kind, n.id, n.other_kind, n.other_id, n.reason, $4, n.recorded_at, n.received_at
			FROM linked n LEFT JOIN pql.link h ON h.kind = n.kind AND h.id = n.id AND h.other_kind = n.other_kind AND h.other_id = n.other_id AND h.reason = n.reason AND h.source = $4 AND h.undone_at IS NULL
			-- what somebody has undone is not said again
			WHERE (h.link_id IS NULL OR n.recorded_at < h.recorded_at) AND NOT EXISTS (SELECT FROM pql.link u
				WHERE u.kind = n.kind AND u.id = n.id AND u.other_kind = n.other_kind AND u.other_id = n.other_id AND u.undone_by <> 'pql')
			ORDER BY n.recorded_at, n.kind, n.id, n.other_id
			ON CONFLICT (kind, id, other_kind, other_id, reason, source) WHERE undone_at IS NULL DO UPDATE SET recorded_at = EXCLUDED.recorded_at, received_at = EXCLUDED.received_at WHERE EXCLUDED.recorded_at < l.recorded_at
			RETURNING l.reason
		), seen AS (
			INSERT INTO pql.link_collection AS c (relation, seen_until, places)
			-- rows of the future come again
			SELECT $4, least(max(r.received_at), min(r.received_at) FILTER (WHERE r.occurred_at > $3)), $5 FROM row_of r HAVING max(r.received_at) IS NOT NULL AND isfinite(max(r.received_at))
			ON CONFLICT (relation) DO UPDATE SET seen_until = CASE WHEN c.places = EXCLUDED.places THEN greatest(c.seen_until, EXCLUDED.seen_until) ELSE EXCLUDED.seen_until END, places = EXCLUDED.places
		)
		SELECT f.reason, count(*), (SELECT count(*) FROM added a WHERE a.reason = f.reason) FROM found f GROUP BY f.reason$q$,
		pql.source_query(pql.source_relation(relation), mapping), places, CASE WHEN before.since IS NULL THEN '' ELSE ' AND (q.received_at IS NULL OR q.received_at >= $2)' END)
	USING names, before.since, as_of, relation, looked_at;
END
$$;
COMMENT ON FUNCTION pql.collect_event_links(text, timestamptz, boolean) IS 'Links that the events of a source tell, up to an instant; of a source with received_at only rows loaded since the last time (and an hour before), unless everything. Counts by reason: pairs found, links added (or known earlier than was thought).';

CREATE FUNCTION pql.stated_links(as_of timestamptz) RETURNS TABLE (kind text, id text, other_kind text, other_id text, reason text, source text, recorded_at timestamptz)
LANGUAGE sql STABLE SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
	SELECT DISTINCT ON (1, 2, 3, 4, 5) CASE WHEN o.first THEN f.kind ELSE f.own_kind END, CASE WHEN o.first THEN f.id ELSE f.own_id END, CASE WHEN o.first THEN f.own_kind ELSE f.kind END, CASE WHEN o.first THEN f.own_id ELSE f.id END,
		f.reason, f.source, f.recorded_at
	FROM (
		SELECT 'user' AS own_kind, p.user_id AS own_id, w.kind, w.reason, 'pql.person' AS source, coalesce(h.recorded_at, '-infinity') AS recorded_at,
			pql.canonical_identifier(w.kind, CASE w.name WHEN 'email' THEN p.email ELSE p.attributes ->> w.name END) AS id
		FROM pql.person p
		JOIN pql.identifier_place w ON w.place = 'person' AND NOT EXISTS (SELECT FROM pql.identifier_place_off x WHERE x.place = w.place AND x.name = w.name)
			AND CASE w.name WHEN 'email' THEN p.email IS NOT NULL AND pql.is_test_address(p.email) IS FALSE ELSE jsonb_typeof(p.attributes -> w.name) IN ('string', 'number') END
		LEFT JOIN (SELECT f.subject, f.name, max(f.recorded_at) AS recorded_at FROM pql.fact f GROUP BY f.subject, f.name) h ON h.subject = p.user_id AND h.name = 'person.' || w.name
		UNION ALL
		SELECT 'account', a.account_id, w.kind, w.reason, 'pql.account', coalesce(h.recorded_at, '-infinity'),
			-- a provider's domain is no company's
			CASE WHEN w.kind = 'domain' THEN pql.work_domain('x@' || v.said) ELSE pql.canonical_identifier(w.kind, v.said) END
		FROM pql.account a
		JOIN pql.identifier_place w ON w.place = 'account' AND NOT EXISTS (SELECT FROM pql.identifier_place_off x WHERE x.place = w.place AND x.name = w.name)
			AND CASE w.name WHEN 'domain' THEN a.domain IS NOT NULL ELSE jsonb_typeof(a.attributes -> w.name) IN ('string', 'number') END
		CROSS JOIN LATERAL (SELECT CASE w.name WHEN 'domain' THEN a.domain ELSE a.attributes ->> w.name END AS said) v
		LEFT JOIN (SELECT f.subject, f.name, max(f.recorded_at) AS recorded_at FROM pql.fact f GROUP BY f.subject, f.name) h ON h.subject = a.account_id AND h.name = 'account.' || w.name
	) f
	JOIN pql.identifier_kinds k ON k.kind = f.kind
	JOIN pql.identifier_kinds w ON w.kind = f.own_kind
	CROSS JOIN LATERAL pql.stands_first(k.class, k.place, k.kind, f.id, w.class, w.place, w.kind, f.own_id) o (first)
	WHERE f.id IS NOT NULL AND f.recorded_at <= as_of AND f.own_id <> '' AND octet_length(f.own_id) <= 512 AND (f.kind, f.id) <> (f.own_kind, f.own_id)
	ORDER BY 1, 2, 3, 4, 5, f.recorded_at;
END;
COMMENT ON FUNCTION pql.stated_links(timestamptz) IS 'Links that pql.person and pql.account state now, as pql.link would have them: known since the fact is what it is, from the beginning where it never changed. Test addresses, personal and disposable domains state nothing. Facts that were recorded later than as_of are left out.';

CREATE FUNCTION pql.check_collected_until(as_of timestamptz) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF as_of IS NULL OR NOT isfinite(as_of) THEN
		RAISE EXCEPTION 'as_of is %', coalesce(as_of::text, 'NULL')
			USING ERRCODE = 'null_value_not_allowed', HINT = 'Leave it out for now.';
	END IF;
END
$$;
COMMENT ON FUNCTION pql.check_collected_until(timestamptz) IS 'An ERROR when links cannot be collected, or accounts derived, up to this instant: it is none.';

CREATE FUNCTION pql.collect_links(as_of timestamptz DEFAULT now(), everything boolean DEFAULT false) RETURNS TABLE (reason text, found bigint, added bigint, undone bigint)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = off AS $$
DECLARE
	event_source text;
	by_events jsonb := '[]';
BEGIN
	PERFORM pql.check_collected_until(as_of);
	-- one collection at a time, and its reading after all that was linked before
	UPDATE pql.identity_revision SET revision = revision + 1;
	FOR event_source IN SELECT s.relation FROM pql.sources s WHERE s.input = 'events' ORDER BY 1 LOOP
		by_events := by_events || (SELECT coalesce(jsonb_agg(to_jsonb(e)), '[]') FROM pql.collect_event_links(event_source, as_of, everything) e);
	END LOOP;
	RETURN QUERY
	WITH stated AS MATERIALIZED (
		SELECT * FROM pql.stated_links(as_of)
	), added AS (
		INSERT INTO pql.link AS l (kind, id, other_kind, other_id, reason, source, recorded_at)
		SELECT n.kind, n.id, n.other_kind, n.other_id, n.reason, n.source, n.recorded_at
		FROM stated n LEFT JOIN pql.link h ON h.kind = n.kind AND h.id = n.id AND h.other_kind = n.other_kind AND h.other_id = n.other_id AND h.reason = n.reason AND h.source = n.source AND h.undone_at IS NULL
		WHERE h.link_id IS NULL AND NOT EXISTS (SELECT FROM pql.link u
			WHERE u.kind = n.kind AND u.id = n.id AND u.other_kind = n.other_kind AND u.other_id = n.other_id AND u.undone_by <> 'pql')
		ORDER BY n.recorded_at, n.kind, n.id, n.other_id
		ON CONFLICT DO NOTHING
		RETURNING l.reason
	), undone AS (
		-- what people and accounts stated and state no more
		UPDATE pql.link l SET undone_at = greatest(as_of, l.recorded_at), undone_why = l.source || ' says so no more', undone_by = 'pql'
		WHERE l.source IN ('pql.person', 'pql.account') AND l.undone_at IS NULL AND l.recorded_at <= as_of
			AND NOT EXISTS (SELECT FROM stated n WHERE n.kind = l.kind AND n.id = l.id AND n.other_kind = l.other_kind AND n.other_id = l.other_id AND n.reason = l.reason)
		RETURNING l.reason
	)
	SELECT c.reason, sum(c.found)::bigint, sum(c.added)::bigint, sum(c.undone)::bigint
	FROM (SELECT s.reason, 1 AS found, 0 AS added, 0 AS undone FROM stated s
		UNION ALL SELECT a.reason, 0, 1, 0 FROM added a
		UNION ALL SELECT u.reason, 0, 0, 1 FROM undone u
		UNION ALL SELECT e ->> 'reason', (e ->> 'found')::bigint, (e ->> 'added')::bigint, 0 FROM jsonb_array_elements(by_events) e) c
	GROUP BY c.reason ORDER BY c.reason;
END
$$;
COMMENT ON FUNCTION pql.collect_links(timestamptz, boolean) IS 'Finds links in what is connected (pql.identifier_place says where): events of all sources, pql.person, pql.account, up to as_of. Idempotent; of events only what was loaded since the last time is read where a source tells that, unless everything. What people and accounts state no more is undone; links that somebody undid are not found again. Returns, by reason, pairs found, links added, links undone. NULL or infinite as_of: an ERROR.';
