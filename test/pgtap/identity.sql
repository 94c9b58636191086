-- Who is whom: components against plain SQL, what is kept against what follows from scratch, links and their undoing.
--
--   pg_prove -d DB test/pgtap/identity.sql

BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL jit = off;
SELECT * FROM no_plan();

-- ---- components ----

SELECT results_eq('SELECT * FROM pql.components(ARRAY[5, 3, 9, NULL, 12, NULL, -4]::bigint[], ARRAY[3, 1, 9, 7, NULL, NULL, 9223372036854775807]::bigint[]) ORDER BY 1',
	'VALUES (-4::bigint, -4::bigint), (1, 1), (3, 1), (5, 1), (7, 7), (9, 9), (12, 12), (9223372036854775807, -4)', 'chains end in the smallest; NULL and loops are nodes alone; both NULL is nothing');
SELECT is_empty('SELECT * FROM pql.components(NULL, NULL)', 'no arrays, no components');
SELECT is_empty('SELECT * FROM pql.components(''{}''::bigint[], NULL)', 'nor of empty ones');
SELECT is_empty('SELECT * FROM pql.components(NULL::text)', 'nor of no query');
SELECT is_empty('SELECT * FROM pql.components(''SELECT 1::bigint, 2::bigint WHERE false'')', 'nor of a query without rows');
SELECT throws_ok('SELECT * FROM pql.components(''{1}''::bigint[], ''{}''::bigint[])', '2202E', 'the ends of edges are 1 and 0', 'arrays of two lengths');
SELECT throws_ok('SELECT * FROM pql.components(''SELECT 1, 2'')', '42804', 'the query of edges has to give two columns of bigint', 'columns of another type');
SELECT throws_ok('SELECT * FROM pql.components(''SELECT 1::bigint'')', '42804', 'the query of edges has to give two columns of bigint', 'one column');
SELECT throws_ok('SELECT * FROM pql.components(''SELECT 1::bigint, 2::bigint; SELECT 3'')', '42804', 'the query of edges has to give two columns of bigint', 'or in a second query');
SELECT throws_ok('SELECT * FROM pql.components(''DELETE FROM pql.person'')', '0A000', NULL, 'a query that writes');
CREATE TEMP TABLE edge AS
SELECT (random() * 3000)::bigint * 7919 - 5000000 AS a, (random() * 3000)::bigint * 7919 - 5000000 AS b FROM (SELECT setseed(0.4)) s, generate_series(1, 1700);
CREATE TEMP TABLE plainly AS
WITH RECURSIVE both_ways AS (SELECT a, b FROM edge UNION SELECT b, a FROM edge UNION SELECT a, a FROM edge UNION SELECT b, b FROM edge),
	reach AS (SELECT a, b FROM both_ways UNION SELECT r.a, e.b FROM reach r JOIN both_ways e ON e.a = r.b)
SELECT a AS node, min(b) AS representative FROM reach GROUP BY a;
SELECT cmp_ok((SELECT count(*) FROM plainly WHERE node <> representative), '>', 300::bigint, 'a graph with components of several nodes');
SELECT set_eq('SELECT * FROM pql.components(''SELECT a, b FROM edge ORDER BY a'')', 'SELECT * FROM plainly', 'a query''s edges: as recursive SQL says');
SELECT set_eq('SELECT * FROM pql.components(''SELECT b, a FROM edge ORDER BY md5(a::text)'')', 'SELECT * FROM plainly', 'in another order and direction');
SELECT set_eq('SELECT c.* FROM (SELECT array_agg(a) AS a, array_agg(b) AS b FROM edge) e, pql.components(e.a, e.b) c', 'SELECT * FROM plainly', 'and of arrays');
SELECT is((SELECT count(*) || ' ' || count(DISTINCT representative) FROM pql.components('SELECT n, n + 1 FROM generate_series(1::bigint, 200000) n')), '200001 1', 'a long chain');
SELECT is((SELECT count(DISTINCT representative) FROM pql.components('SELECT n, n - 1 FROM generate_series(200000::bigint, 1, -1) n')), 1::bigint, 'from the other end');
SET LOCAL pql.work_mem = '1MB';
SELECT throws_ok('SELECT count(*) FROM pql.components(''SELECT n, n + 1 FROM generate_series(1::bigint, 200000) n'')', '53400', NULL, 'more than pql.work_mem');
SELECT is((SELECT count(*) FROM pql.components('SELECT n, n + 1 FROM generate_series(1::bigint, 40000) n')), 40001::bigint, 'and what fits into it');
RESET pql.work_mem;

-- ---- links ----

SELECT is(pql.link_identities('user', 'u1', 'visitor', ' v1 ', 'signed_up', 'test', '2026-01-02'), pql.link_identities('visitor', 'v1', 'user', 'u1', 'signed_up', 'test', '2026-01-05'), 'the same link, whichever comes first, once');
SELECT results_eq('SELECT kind, id, other_kind, other_id, source, recorded_at FROM pql.link', $$VALUES ('visitor', 'v1', 'user', 'u1', 'test', '2026-01-02'::timestamptz)$$, 'the weaker first, trimmed, as it was said first');
SELECT lives_ok($$SELECT pql.link_identities('visitor', 'v1', 'user', 'u1', 'signed_up', 'test', '2026-01-01')$$, 'known earlier than was thought');
SELECT results_eq('SELECT recorded_at FROM pql.link', $$VALUES ('2026-01-01'::timestamptz)$$, 'is one link');
SELECT throws_ok($$SELECT pql.link_identities('user', 'u1', 'user', ' u1')$$, '22023', 'user "u1" cannot be linked with itself', 'a loop');
SELECT throws_ok($$SELECT pql.link_identities('user', 'u1', 'person', 'x')$$, '22023', 'unknown kind of identifier "person"', 'an unknown kind');
SELECT throws_ok($$SELECT pql.link_identities('user', 'u1', 'email', 'x')$$, '22023', '"x" identifies no email', 'an address that is none');
SELECT throws_ok($$SELECT pql.link_identities('user', '  ', 'email', 'a@b.org')$$, '22023', '"  " identifies no user', 'an empty id');
SELECT throws_ok($$SELECT pql.link_identities('user', NULL, 'email', 'a@b.org')$$, '22004', NULL, 'no id');
SELECT throws_ok($$SELECT pql.link_identities('user', 'u1', 'visitor', repeat('x', 513))$$, '22023', NULL, 'one that is too long');
SELECT throws_ok($$SELECT pql.link_identities('user', 'u1', 'visitor', 'x', recorded_at => 'infinity')$$, '22004', NULL, 'a link that will be known never');
SELECT throws_ok($$SELECT pql.link_identities('user', 'u1', 'visitor', 'x', '')$$, '22004', NULL, 'without a reason');
SELECT lives_ok($$SELECT pql.link_identities('email', 'Ada <Ada+x@Mail.org>', 'user', 'u"1''\', 'email', recorded_at => '-infinity'), pql.link_identities('visitor', 'v1', 'email', 'ada@mail.org', recorded_at => '2026-01-09')$$, 'quotes are letters');
SELECT results_eq('SELECT kind, id, representative_kind, representative_id, since FROM pql.identity ORDER BY 1, 2', $$VALUES ('email', 'ada@mail.org', 'user', 'u"1''\', '-infinity'::timestamptz), ('user', 'u"1''\', 'user', 'u"1''\', '-infinity'),
	('user', 'u1', 'user', 'u"1''\', '2026-01-01'), ('visitor', 'v1', 'user', 'u"1''\', '2026-01-01')$$, 'transitively; the older user represents');
SELECT results_eq('SELECT * FROM pql.alias ORDER BY 1', $$VALUES ('u1', 'u"1''\'), ('v1', 'u"1''\')$$, 'aliases: who differs');
SELECT results_eq($$SELECT * FROM pql.alias_at('2026-01-08')$$, $$VALUES ('v1', 'u1')$$, 'as of an instant: by what was known then');
SELECT is_empty($$SELECT * FROM pql.alias_at('2025-12-31')$$, 'and before it nobody');
SELECT is_empty('SELECT * FROM pql.alias_at(NULL)', 'as of no instant nobody');
SELECT set_eq($$SELECT DISTINCT user_id FROM pql.change WHERE reason = 'identity'$$, $$VALUES ('u1'), ('u"1''\'), ('v1')$$, 'they are to be judged anew');
SAVEPOINT before;
SELECT is(pql.unlink('email', 'ada@mail.org', 'visitor', 'v1', 'a shared device', '2026-02-01'), 1, 'undone');
SELECT is(pql.unlink('email', 'ada@mail.org', 'visitor', 'v1', 'a shared device'), 0, 'once');
SELECT results_eq('SELECT * FROM pql.alias', $$VALUES ('v1', 'u1')$$, 'and what followed from it');
SELECT is((SELECT count(*) FROM pql.alias_at('2026-01-31')), 2::bigint, 'until then it held');
SELECT is((SELECT count(*) FROM pql.alias_at('2026-02-01')), 1::bigint, 'from then on it does not');
SELECT results_eq($$SELECT a_id, undone_why FROM pql.links_of('visitor', 'v1')$$, $$VALUES ('v1', NULL), ('v1', 'a shared device')$$, 'the links of somebody, with those undone');
SELECT throws_ok('SELECT pql.unlink(0, ''x'')', 'P0002', 'there is no link 0', 'no such link');
SELECT throws_ok('SELECT pql.unlink((SELECT min(link_id) FROM pql.link), '' '')', '22004', NULL, 'no reason');
SELECT throws_ok('SELECT pql.unlink((SELECT min(link_id) FROM pql.link), ''x'', NULL)', '22004', NULL, 'no time');
SELECT is(pql.unlink((SELECT min(link_id) FROM pql.link), 'x'), 1, 'by id');
SELECT set_eq('SELECT id FROM pql.identity', $$VALUES ('ada@mail.org'), ('u"1''\')$$, 'who is linked with nobody is not in the table');
SELECT isnt(pql.link_identities('visitor', 'v1', 'user', 'u1', 'signed_up'), NULL, 'and may be linked again');
ROLLBACK TO before;

-- membership merges nobody
SELECT lives_ok($$SELECT pql.link_identities('user', 'u1', 'workspace', 'w1', 'group'), pql.link_identities('user', 'u9', 'workspace', 'w1', 'group')$$, 'membership');
SELECT is_empty($$SELECT FROM pql.identity WHERE id IN ('u9', 'w1')$$, 'says of nobody who they are');

-- a visitor's id that is a user's, too
INSERT INTO pql.person (user_id) VALUES ('v2');
SELECT lives_ok($$SELECT pql.link_identities('visitor', 'v2', 'user', 'u1', recorded_at => '2026-03-01'), pql.link_identities('visitor', 'u"1''\', 'user', 'u1', recorded_at => '2026-03-01')$$, 'ids that users have as well');
SELECT is_empty($$SELECT FROM pql.alias WHERE user_id IN ('v2', 'u"1''\')$$, 'mean the user');

-- what identifies too many identifies nobody
DELETE FROM pql.link;
SELECT is_empty('SELECT FROM pql.identity', 'links that go take everything with them');
SELECT lives_ok($$SELECT pql.link_identities('email', 'sales@acme.org', 'user', 'u1', 'email', recorded_at => '-infinity')$$, 'the address of a task');
SELECT is((SELECT representative_id FROM pql.identity WHERE kind = 'email'), 'u1', 'is that of who has it');
SELECT lives_ok($$SELECT pql.link_identities('email', 'sales@acme.org', 'user', 'u2', 'email', recorded_at => '2026-01-01')$$, 'of two');
SELECT is((SELECT representative_id FROM pql.identity WHERE kind = 'email'), 'sales@acme.org', 'it is nobody''s');
SELECT results_eq('SELECT kind, id, shared_by, linked, most, first_ids FROM pql.identity_conflict', $$VALUES ('email', 'sales@acme.org', 'user', 2::bigint, 1, ARRAY['u1', 'u2'])$$, 'and told');
SELECT is((SELECT representative_id FROM pql.identities_at('2025-01-01') WHERE kind = 'email'), 'u1', 'as of before it is the one''s');
SELECT is_empty('SELECT FROM pql.alias', 'nobody was merged');
SELECT lives_ok($$SELECT pql.link_identities('visitor', 'kiosk', 'user', 'k' || n, 'signed_up', recorded_at => '2026-01-01') FROM generate_series(1, 3) n$$, 'a device of three');
SELECT is((SELECT count(*) FROM pql.alias), 3::bigint, 'is one person');
SELECT lives_ok($$SELECT pql.link_identities('visitor', 'kiosk', 'user', 'k4', 'signed_up', recorded_at => '2026-01-02')$$, 'of four');
SELECT is_empty('SELECT FROM pql.alias', 'is a kiosk');
SELECT is(pql.unlink('visitor', 'kiosk', 'user', 'k2', 'not them'), 1, 'one less');
SELECT is((SELECT count(*) FROM pql.alias), 3::bigint, 'and again one person');
INSERT INTO pql.identifier_kind (kind, class, place, most) VALUES ('visitor', 'person', 50, 2), ('loyalty_card', 'person', 45, NULL);
SELECT is_empty('SELECT FROM pql.alias', 'another limit, of one''s own, counts in place of what was shipped');
DELETE FROM pql.identity WHERE id = 'k3';
UPDATE pql.identity SET representative_id = 'k1' WHERE id = 'k4';
SELECT is(pql.rebuild_identities(), 2::bigint, 'what was spoilt by hand is mended');
SELECT is(pql.rebuild_identities(), 0::bigint, 'and once it is, nothing is written');
SELECT lives_ok($$SELECT pql.link_identities('loyalty_card', 'c', 'user', 'u' || n) FROM generate_series(1, 9) n$$, 'a kind of one''s own');
SELECT is((SELECT count(*) FROM pql.alias), 8::bigint, 'without a limit');
SELECT throws_ok($$INSERT INTO pql.identifier_kind (kind, class, place) VALUES ('visitor', 'person', 1)$$, '23505', NULL, 'one row of one''s own a kind');
TRUNCATE pql.link;
SELECT is_empty('SELECT FROM pql.identity', 'emptied');
DELETE FROM pql.identifier_kind WHERE shipped_in IS NULL;

-- known by when it was loaded
SELECT lives_ok($$SELECT pql.link_identities('visitor', 'v1', 'user', 'u1', 'signed_up', 'late', '2026-01-01', '2026-02-01')$$, 'loaded late');
SELECT is((SELECT array_agg((SELECT count(*) FROM pql.alias_at(a, k)) ORDER BY n) FROM (VALUES (1, '2026-01-15'::timestamptz, NULL::timestamptz), (2, '2026-01-15', '2026-01-31'), (3, '2026-01-15', '2026-02-01')) v (n, a, k)), '{1,0,1}'::bigint[], 'known_at leaves out what had not come');
TRUNCATE pql.link;

-- ---- what is kept is what follows from scratch, whatever comes and goes ----

CREATE FUNCTION pg_temp.differ(OUT kept bigint, OUT scratch bigint) LANGUAGE sql AS $$
	SELECT (SELECT count(*) FROM (SELECT * FROM pql.identity EXCEPT ALL SELECT * FROM pql.identities_at('infinity')) x), (SELECT count(*) FROM (SELECT * FROM pql.identities_at('infinity') EXCEPT ALL SELECT * FROM pql.identity) x) $$;
-- closure of links in plain SQL, without a word of C
CREATE FUNCTION pg_temp.plainly(as_of timestamptz) RETURNS TABLE (kind text, id text, r_kind text, r_id text) LANGUAGE sql AS $$
	WITH RECURSIVE holds AS (
		SELECT l.* FROM pql.link l JOIN pql.identifier_kinds a USING (kind) JOIN pql.identifier_kinds b ON b.kind = l.other_kind AND a.class = b.class WHERE l.recorded_at <= as_of
			AND (l.undone_at IS NULL OR l.undone_at > as_of)),
	shared AS (
		SELECT DISTINCT h.kind, h.id FROM holds h JOIN pql.identifier_kinds k USING (kind) WHERE h.kind <> h.other_kind GROUP BY h.kind, h.id, h.other_kind, k.most
		HAVING count(DISTINCT h.other_id) > CASE WHEN h.kind = 'email' AND h.id LIKE 'info@%' THEN 1 ELSE k.most END),
	node AS (
		SELECT n.kind, n.id, k.place, (SELECT min(l.recorded_at) FROM pql.link l JOIN pql.identifier_kinds a USING (kind) JOIN pql.identifier_kinds b ON b.kind = l.other_kind AND a.class = b.class
			WHERE l.recorded_at <= as_of AND ((l.kind, l.id) = (n.kind, n.id) OR (l.other_kind, l.other_id) = (n.kind, n.id))) AS since
		FROM (SELECT h.kind, h.id FROM holds h UNION SELECT h.other_kind, h.other_id FROM holds h) n JOIN pql.identifier_kinds k USING (kind)),
	followed AS (SELECT h.* FROM holds h WHERE (h.kind, h.id) NOT IN (SELECT s.kind, s.id FROM shared s) AND (h.other_kind, h.other_id) NOT IN (SELECT s.kind, s.id FROM shared s)),
	hop AS (SELECT f.kind, f.id, f.other_kind, f.other_id FROM followed f UNION SELECT f.other_kind, f.other_id, f.kind, f.id FROM followed f),
	reach AS (SELECT n.kind, n.id, n.kind AS to_kind, n.id AS to_id FROM node n UNION SELECT r.kind, r.id, h.other_kind, h.other_id FROM reach r JOIN hop h ON (h.kind, h.id) = (r.to_kind, r.to_id))
	SELECT DISTINCT ON (r.kind, r.id) r.kind, r.id, r.to_kind, r.to_id FROM reach r JOIN node n ON (n.kind, n.id) = (r.to_kind, r.to_id) ORDER BY r.kind, r.id, n.place, n.since, n.id COLLATE "C" $$;

CREATE FUNCTION pg_temp.play(steps int) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	kinds CONSTANT text[] := '{user,user,user,contact,lead,email,email,visitor,visitor,account,domain,workspace}';
	a text; b text; d record; n int;
BEGIN
	FOR i IN 1 .. steps LOOP
		IF random() < 0.62 THEN
			-- one to four at once, in any order of time
			n := 1 + (random() * 3)::int;
			INSERT INTO pql.link (kind, id, other_kind, other_id, reason, recorded_at)
			SELECT DISTINCT ON (o.kind, o.id, o.other_kind, o.other_id) o.kind, o.id, o.other_kind, o.other_id, 'r', r.at
			FROM (SELECT kinds[1 + floor(random() * 12)] AS k1, kinds[1 + floor(random() * 12)] AS k2, floor(random() * 12)::int AS n1, floor(random() * 12)::int AS n2,
					CASE WHEN random() < 0.1 THEN '-infinity' ELSE '2026-01-01'::timestamptz + floor(random() * 100) * interval '1 day' END AS at
				FROM generate_series(1, n)) r,
				pql.link_order(r.k1, CASE r.k1 WHEN 'email' THEN CASE WHEN r.n1 < 4 THEN 'info@' ELSE 'x@' END || 'd' || r.n1 || '.org' ELSE 'i' || r.n1 END, r.k2, CASE r.k2 WHEN 'email' THEN CASE WHEN r.n2 < 4 THEN 'info@' ELSE 'x@' END || 'd' || r.n2 || '.org' ELSE 'i' || r.n2 END) o
			WHERE (o.kind, o.id) <> (o.other_kind, o.other_id)
			ORDER BY o.kind, o.id, o.other_kind, o.other_id
			ON CONFLICT (kind, id, other_kind, other_id, reason, source) WHERE undone_at IS NULL DO UPDATE SET recorded_at = EXCLUDED.recorded_at WHERE EXCLUDED.recorded_at < pql.link.recorded_at;
		ELSIF random() < 0.9 THEN
			PERFORM pql.undo_links(ARRAY(SELECT link_id FROM pql.link WHERE undone_at IS NULL ORDER BY random() LIMIT 1 + (random() * 2)::int), 'w', '2026-02-01'::timestamptz + floor(random() * 100) * interval '1 day', 'x');
		ELSE
			DELETE FROM pql.link WHERE link_id = (SELECT link_id FROM pql.link ORDER BY random() LIMIT 1);
		END IF;
		d := pg_temp.differ();
		IF d.kept + d.scratch > 0 THEN
			RETURN NEXT format('step %s: %s', i, d);
			RETURN;
		END IF;
	END LOOP;
END $$;
SELECT setseed(0.123);
SELECT is_empty('SELECT * FROM pg_temp.play(400)', 'after each of 400 random links and undoings');
SELECT cmp_ok((SELECT count(*) FROM pql.identity_conflict), '>', 2::bigint, 'with identifiers that are shared');
SELECT cmp_ok((SELECT count(*) FROM pql.identity WHERE (kind, id) <> (representative_kind, representative_id)), '>', 20::bigint, 'and some that are the same');
SELECT is_empty(format($$SELECT kind, id, representative_kind, representative_id FROM pql.identities_at(%1$L) EXCEPT SELECT * FROM pg_temp.plainly(%1$L)$$, at), 'as of ' || at || ' what plain SQL says')
FROM unnest('{2025-12-31,2026-01-10,2026-02-03,2026-02-20,2026-03-15,infinity}'::timestamptz[]) at;
SELECT is_empty(format($$SELECT * FROM pg_temp.plainly(%1$L) EXCEPT SELECT kind, id, representative_kind, representative_id FROM pql.identities_at(%1$L)$$, at), 'as of ' || at || ' all of it')
FROM unnest('{2025-12-31,2026-01-10,2026-02-03,2026-02-20,2026-03-15,infinity}'::timestamptz[]) at;
-- the same links at once, in another order
CREATE TEMP TABLE were AS SELECT * FROM pql.link;
CREATE TEMP TABLE kept AS SELECT * FROM pql.identity;
TRUNCATE pql.link;
INSERT INTO pql.link (kind, id, other_kind, other_id, reason, recorded_at, undone_at, undone_why, undone_by)
SELECT kind, id, other_kind, other_id, reason, recorded_at, undone_at, undone_why, undone_by FROM were ORDER BY md5(link_id::text);
SELECT set_eq('SELECT * FROM pql.identity', 'SELECT * FROM kept', 'the order of links makes no difference');
TRUNCATE pql.link;
-- more than are looked up one by one
INSERT INTO pql.link (kind, id, other_kind, other_id, reason, recorded_at) SELECT 'visitor', 'v' || n, 'user', 'u' || n / 3, 'signed_up', '2026-01-01' FROM generate_series(1, 20001) n;
SELECT is((SELECT d FROM pg_temp.differ() d)::text, '(0,0)', 'very many at once');
SELECT is((SELECT count(*) FROM pql.alias), 20000::bigint, 'each visitor is a user, but one who was one before');
SELECT lives_ok($$SELECT pql.link_identities('visitor', 'v1', 'user', 'u77')$$, 'one more');
SELECT is((SELECT d FROM pg_temp.differ() d)::text, '(0,0)', 'joins two');

TRUNCATE pql.link;

-- as if there were many others, of which going through all takes longer
SELECT setval('pql.link_link_id_seq', 1000000) \g /dev/null
-- so many that they are taken in slices, with some that are shared, and undone, and that hang together across slices
INSERT INTO pql.link (kind, id, other_kind, other_id, reason, recorded_at, undone_at, undone_by)
SELECT CASE WHEN n % 5 = 0 THEN 'user' ELSE 'visitor' END, 'v' || n % 650, 'user', 'w' || n * 7 % 550, 'signed_up', '2026-01-01'::timestamptz + n % 50 * interval '1 day', CASE WHEN n % 11 = 0 THEN '2026-05-01'::timestamptz END, CASE WHEN n % 11 = 0 THEN 'x' END
FROM generate_series(1, 1300) n ON CONFLICT DO NOTHING;
SELECT is((SELECT d FROM pg_temp.differ() d)::text, '(0,0)', 'added and undone in slices');
UPDATE pql.link SET undone_at = '2026-06-01', undone_by = 'x' WHERE link_id % 2 = 0 AND undone_at IS NULL;
SELECT is((SELECT d FROM pg_temp.differ() d)::text, '(0,0)', 'half of them undone in slices');
INSERT INTO pql.link (kind, id, other_kind, other_id, reason, recorded_at) SELECT 'user', 'w' || n, 'user', 'w' || n - 1, 'again', '2026-01-01' FROM generate_series(1, 549) n;
SELECT is((SELECT d FROM pg_temp.differ() d)::text, '(0,0)', 'a chain across slices');
TRUNCATE pql.link;

-- ---- what is collected ----

CREATE FUNCTION pg_temp.collected(as_of timestamptz, everything boolean DEFAULT false) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(format('%s %s %s %s', reason, found, added, undone), ', ' ORDER BY reason), '-') FROM pql.collect_links(as_of, everything) $$;
TRUNCATE pql.person;
SELECT is(pg_temp.collected('2026-06-01'), '-', 'nothing in nothing');
SELECT throws_ok('SELECT * FROM pql.collect_links(NULL)', '22004', 'as_of is NULL', 'as of no instant');
SELECT throws_ok('SELECT * FROM pql.collect_links(''infinity'')', '22004', 'as_of is infinity', 'nor of the last one');
INSERT INTO pql.event (user_id, occurred_at, event, properties, received_at) VALUES
	('u1', '2026-01-03', 'signup_complete', '{"anonymous_id": "a1", "email": "Ada@acme.org"}', '2026-01-03'), ('u1', '2026-01-02', 'page_view', '{"anonymous_id": "a1", "email": "other@acme.org"}', '2026-01-02'),
	('u2', '2026-01-05', 'x', '{"workspace_id": 7}', '2026-01-05'), ('u2', '2026-01-04', 'x', '["anonymous_id"]', '2026-01-04'), ('u2', '2026-01-04', 'x', '{"anonymous_id": ["a"], "visitor_id": null, "group_id": ""}', '2026-01-04'),
	('u2', '2026-01-04', 'x', '{"anonymous_id": "u2"}', '2026-01-04'), (NULL, '2026-01-04', 'x', '{"anonymous_id": "a2"}', '2026-01-04'), ('u2', NULL, 'x', '{"anonymous_id": "a2"}', '2026-01-04'), ('u2', 'infinity', 'x', '{"anonymous_id": "a2"}', '2026-01-04'),
	('u3', '2026-08-05', 'x', '{"anonymous_id": "a3"}', '2026-01-04'), ('u2', '2026-01-05', 'signup_complete', '{"email": "test@acme.org"}', '2026-01-05'), ('u2', '2026-01-05', 'x', jsonb_build_object('anonymous_id', repeat('x', 600)), '2026-01-05');
INSERT INTO pql.person (user_id, email, attributes) VALUES ('u1', 'ada@acme.org', '{"crm_id": "003"}'), ('u4', 'ada+x@acme.org', '{"crm_id": null, "lead_id": {"a": 1}, "contact_id": true}'), ('u5', 'test@acme.org', '[]'), ('u6', 'no address', NULL);
INSERT INTO pql.account (account_id, domain, attributes) VALUES ('acme', 'www.acme.org', '{"crm_id": 12}'), ('webmail', 'gmail.com', NULL), ('odd', 'no domain', '"x"');
SELECT is(pg_temp.collected('2026-06-01'), 'crm_id 2 2 0, domain 1 1 0, email 3 3 0, group 1 1 0, signed_up 1 1 0', 'identifiers found: by events, people and accounts');
SELECT set_eq('SELECT kind, id, other_kind, other_id, reason, source, recorded_at FROM pql.link', $$VALUES ('visitor', 'a1', 'user', 'u1', 'signed_up', 'pql.event', '2026-01-02'::timestamptz), ('email', 'ada@acme.org', 'user', 'u1', 'email', 'pql.event', '2026-01-03'),
	('user', 'u2', 'workspace', '7', 'group', 'pql.event', '2026-01-05'), ('contact', '003', 'user', 'u1', 'crm_id', 'pql.person', '-infinity'), ('domain', 'acme.org', 'account', 'acme', 'domain', 'pql.account', '-infinity'),
	('crm_account', '12', 'account', 'acme', 'crm_id', 'pql.account', '-infinity'), ('email', 'ada@acme.org', 'user', 'u1', 'email', 'pql.person', '-infinity'), ('email', 'ada@acme.org', 'user', 'u4', 'email', 'pql.person', '-infinity')$$, 'each with its reason and time');
SELECT is(pg_temp.collected('2026-06-01'), 'crm_id 2 0 0, domain 1 0 0, email 2 0 0, group 1 0 0', 'nothing is found twice, and old events are not read again');
SELECT is(pg_temp.collected('2026-09-01'), 'crm_id 2 0 0, domain 1 0 0, email 2 0 0, group 1 0 0, signed_up 1 1 0', 'what was dated later comes when it is due');
INSERT INTO pql.event (user_id, occurred_at, event, properties, received_at) VALUES ('u7', '2026-01-01', 'x', '{"anonymous_id": "a7"}', '2025-12-01'), ('u8', '2026-01-01', 'x', '{"anonymous_id": "a8"}', '2026-02-01'), ('u9', '2026-01-01', 'x', '{"anonymous_id": "a9"}', NULL);
SELECT is(pg_temp.collected('2026-09-01'), 'crm_id 2 0 0, domain 1 0 0, email 2 0 0, group 1 0 0, signed_up 2 2 0', 'of events what was loaded since');
SELECT is(pg_temp.collected('2026-09-01', true), 'crm_id 2 0 0, domain 1 0 0, email 3 0 0, group 1 0 0, signed_up 5 1 0', 'or everything');
INSERT INTO pql.identifier_place (place, name, kind, event, reason) VALUES ('event', 'device "id"''', 'visitor', 'x', 'device'), ('person', 'twin', 'user', NULL, 'twin');
INSERT INTO pql.identifier_place_off VALUES ('event', 'anonymous_id');
INSERT INTO pql.event (user_id, occurred_at, event, properties, received_at) VALUES ('u7', '2026-01-01', 'x', '{"device \"id\"''": 5, "anonymous_id": "a77"}', '2025-12-01'), ('u7', '2026-01-01', 'y', '{"device \"id\"''": 6}', '2025-12-01');
UPDATE pql.person SET attributes = attributes || '{"twin": "u8"}' WHERE user_id = 'u4';
SELECT is(pg_temp.collected('2026-12-01'), 'crm_id 2 0 0, device 1 1 0, domain 1 0 0, email 3 0 0, group 1 0 0, twin 1 1 0', 'places of one''s own, and without one that came with pql: all events are read again');
SELECT is((SELECT array_agg(user_id ORDER BY user_id) FROM pql.alias WHERE same_as = 'u1'), '{a1,a8,u4,u8}'::text[], 'transitively');
-- undoing by a source, and by somebody
UPDATE pql.person SET email = 'eve@acme.org' WHERE user_id = 'u4';
SELECT is(pg_temp.collected(now() + interval '1 day'), 'crm_id 2 0 0, domain 1 0 0, email 2 1 1, group 1 0 0, twin 1 0 0', 'another address');
SELECT is((SELECT array_agg(user_id ORDER BY user_id) FROM pql.alias WHERE same_as = 'u1'), '{a1}'::text[], 'is another person');
SELECT is((SELECT same_as FROM pql.alias_at(now() + interval '1 hour') WHERE user_id = 'u4'), 'u1', 'who was the same before');
UPDATE pql.person SET email = 'ada@acme.org' WHERE user_id = 'u4';
SELECT is(pg_temp.collected(now() + interval '2 days'), 'crm_id 2 0 0, domain 1 0 0, email 2 1 1, group 1 0 0, twin 1 0 0', 'and back');
SELECT is((SELECT same_as FROM pql.alias WHERE user_id = 'u4'), 'u1', 'the same again');
SELECT is(pql.unlink('user', 'u4', 'email', 'ada@acme.org', 'a shared mailbox'), 1, 'somebody undoes it');
SELECT is(pg_temp.collected(now() + interval '3 days'), 'crm_id 2 0 0, domain 1 0 0, email 2 0 0, group 1 0 0, twin 1 0 0', 'and it is not found again');

-- ---- accounts ----

CREATE FUNCTION pg_temp.derived(as_of timestamptz DEFAULT now() + interval '3 days') RETURNS text LANGUAGE sql AS $$ SELECT coalesce(string_agg(format('%s %s %s %s', reason, people, added, undone), ', ' ORDER BY reason), '-') FROM pql.derive_accounts(as_of) $$;
TRUNCATE pql.link, pql.person, pql.account, pql.fact, pql.event;
SELECT is(pg_temp.derived(), '-', 'nobody has none');
SELECT throws_ok('SELECT * FROM pql.derive_accounts(NULL)', '22004', 'as_of is NULL', 'as of no instant');
INSERT INTO pql.account (account_id, name, domain) VALUES ('acme', 'Acme', 'www.acme.org'), ('acme2', 'Acme', 'acme.org'), ('taken.org', 'Other', 'other.org'), ('w1', 'Workspace', NULL);
INSERT INTO pql.person (user_id, email, account_id) VALUES ('said', 'x@acme.org', 'from_source'), ('by_domain', 'y@Mail.Acme.org', NULL), ('new_domain', 'z@new.co.uk', NULL), ('private', 'p@gmail.com', NULL), ('tester', 'test@acme.org', NULL),
	('taken', 'q@taken.org', NULL), ('both', 'b@acme.org', NULL), ('works', NULL, NULL), ('w''s "twin"', NULL, NULL), ('nobody', 'no address', NULL);
SELECT lives_ok($$SELECT pql.link_identities('user', 'both', 'workspace', 'w1', 'group', recorded_at => '2026-01-05'), pql.link_identities('user', 'works', 'workspace', 'w1', 'group', recorded_at => '2026-01-05'),
	pql.link_identities('user', 'works', 'workspace', 'w2', 'group', recorded_at => '2026-01-09'), pql.link_identities('user', 'said', 'workspace', 'w2', 'group'), pql.link_identities('user', 'w''s "twin"', 'user', 'works', recorded_at => '2026-01-06')$$, 'members');
SELECT is(pg_temp.derived('2026-01-04'), 'domain 4 4 0', 'by domain, while no workspace is known');
SELECT is(pg_temp.derived(), 'domain 3 0 1, workspace 3 3 0', 'by workspace, else by domain');
SELECT is(pg_temp.derived(), 'domain 3 0 0, workspace 3 0 0', 'once');
SELECT results_eq('SELECT user_id, account_id FROM pql.person ORDER BY user_id COLLATE "C"', $$VALUES ('both', 'w1'), ('by_domain', 'acme'), ('new_domain', 'new.co.uk'), ('nobody', NULL), ('private', NULL), ('said', 'from_source'), ('taken', 'domain:taken.org'), ('tester', NULL),
	('w''s "twin"', 'w2'), ('works', 'w2')$$, 'the newest workspace; the account of the domain; never what a source says, nor of a provider''s or a test''s domain');
SELECT set_eq($$SELECT account_id, domain FROM pql.account WHERE account_id NOT IN ('acme', 'acme2', 'taken.org', 'w1')$$, $$VALUES ('new.co.uk', 'new.co.uk'), ('domain:taken.org', 'taken.org'), ('w2', NULL)$$, 'accounts that were not there are made');
SELECT results_eq($$SELECT reason, kind, id, recorded_at, undone_at IS NULL FROM pql.person_account WHERE user_id = 'both' ORDER BY recorded_at$$, $$VALUES ('domain', 'domain', 'acme.org', '-infinity'::timestamptz, false), ('workspace', 'workspace', 'w1', '2026-01-05', true)$$, 'the reasons are kept');
SELECT results_eq($$SELECT value, recorded_at FROM pql.fact WHERE subject = 'both' ORDER BY recorded_at$$, $$VALUES ('"acme"'::jsonb, '-infinity'::timestamptz), ('"w1"', '2026-01-05')$$, 'and facts say since when');
SELECT is(pql.unlink('user', 'both', 'workspace', 'w1', 'left'), 1, 'no member any more');
SELECT is(pg_temp.derived(), 'domain 4 1 0, workspace 2 0 1', 'the domain again');
SELECT is((SELECT account_id FROM pql.person WHERE user_id = 'both'), 'acme', 'in the table');
SELECT is((SELECT count(*) FROM pql.fact WHERE subject = 'both'), 3::bigint, 'and in history');
SELECT is(pql.undo_account('both', 'a freelancer', now() + interval '4 days'), 'acme', 'undone by somebody');
SELECT is((SELECT account_id FROM pql.person WHERE user_id = 'both'), NULL, 'nobody''s');
SELECT is(pg_temp.derived(now() + interval '5 days'), 'domain 3 0 0, workspace 2 0 0', 'and stays so');
SELECT throws_ok('SELECT pql.undo_account(''said'', ''x'')', 'P0002', 'the account of user "said" was not derived', 'what a source says');
SELECT throws_ok('SELECT pql.undo_account(''works'', NULL)', '22004', NULL, 'without a reason');
UPDATE pql.person SET account_id = 'from_source' WHERE user_id = 'by_domain';
SELECT is(pg_temp.derived(now() + interval '5 days'), 'domain 2 0 0, workspace 2 0 0', 'what a source says later');
SELECT is((SELECT account_id FROM pql.person WHERE user_id = 'by_domain'), 'from_source', 'holds');
-- an account's own identifiers
SELECT lives_ok($$SELECT pql.link_identities('workspace', 'w2', 'account', 'acme', 'group')$$, 'a workspace of an account');
SELECT is(pg_temp.derived(now() + interval '6 days'), 'domain 2 0 0, workspace 2 2 2', 'moves its members');
SELECT is((SELECT account_id FROM pql.person WHERE user_id = 'works'), 'acme', 'to it');
SELECT lives_ok($$SELECT pql.link_identities('workspace', 'w2', 'account', 'acme2', 'group')$$, 'a workspace of two accounts');
SELECT is(pg_temp.derived(now() + interval '7 days'), 'domain 2 0 0, workspace 2 2 2', 'says nothing: the one before holds');
SELECT is((SELECT account_id FROM pql.person WHERE user_id = 'works'), 'w1', 'by the next newest');

SELECT * FROM finish();
ROLLBACK;
