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

SELECT is(pql.link_identities('user', 'u1', 'visitor', ' v1 ', 'signed_up', 'test', '2026-01-02'), pql.link_identities('visitor', 'v1', 'user', 'u1', 'signed_up', 'other', '2026-01-05'), 'the same link, whichever comes first, once');
SELECT results_eq('SELECT kind, id, other_kind, other_id, source, recorded_at FROM pql.link', $$VALUES ('visitor', 'v1', 'user', 'u1', 'test', '2026-01-02'::timestamptz)$$, 'the weaker first, trimmed, as it was said first');
SELECT lives_ok($$SELECT pql.link_identities('visitor', 'v1', 'user', 'u1', 'signed_up', 'other', '2026-01-01')$$, 'known earlier than was thought');
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
			ON CONFLICT (kind, id, other_kind, other_id, reason) WHERE undone_at IS NULL DO UPDATE SET recorded_at = EXCLUDED.recorded_at WHERE EXCLUDED.recorded_at < pql.link.recorded_at;
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

SELECT * FROM finish();
ROLLBACK;
