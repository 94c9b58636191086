-- E-mail: forms of addresses and domains, lists of domains, kinds.
--
--   pg_prove -d DB test/pgtap/email.sql
--
-- What a public suffix is, and that other encodings do no harm, is in test/t/email.t.

-- one that other processes can read
CREATE TABLE public.pql_email_test AS SELECT 'u' || n || '@' || (ARRAY['gmail.com', 'acme' || n % 700 || '.co.uk', 'sub.mailinator.com', 'bücher' || n % 50 || '.de', 'x'])[1 + n % 5] AS email FROM generate_series(1, 20000) n;
ANALYZE public.pql_email_test;
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT * FROM no_plan();

-- ---- the address itself ----

CREATE TEMP TABLE form (address text, normal text, tag text, host text);
INSERT INTO form VALUES
	('ada@x.org', 'ada@x.org', NULL, 'x.org'),
	(E' \t Ada@X.ORG \n', 'ada@x.org', NULL, 'x.org'),
	('Ada Lovelace <Ada@x.org>', 'ada@x.org', NULL, 'x.org'),
	('"Lovelace, Ada <1st>" < ada@x.org >', 'ada@x.org', NULL, 'x.org'),
	('<ada@x.org>', 'ada@x.org', NULL, 'x.org'),
	('mailto:ada@x.org', 'ada@x.org', NULL, 'x.org'),
	('<MAILTO:ada@x.org>', 'ada@x.org', NULL, 'x.org'),
	('ada@x.org.', 'ada@x.org', NULL, 'x.org'),
	-- tags
	('ada+news@x.org', 'ada@x.org', 'news', 'x.org'),
	('Ada+News+2@x.org', 'ada@x.org', 'news+2', 'x.org'),
	('ada+@x.org', 'ada@x.org', '', 'x.org'),
	('+ada@x.org', '+ada@x.org', NULL, 'x.org'),
	('ada-news@x.org', 'ada-news@x.org', NULL, 'x.org'),
	-- Gmail, and nobody else
	('A.da.L@gmail.com', 'adal@gmail.com', NULL, 'gmail.com'),
	('a.da.l+x.y@GoogleMail.com', 'adal@gmail.com', 'x.y', 'googlemail.com'),
	('a.da@mail.gmail.com', 'a.da@mail.gmail.com', NULL, 'mail.gmail.com'),
	('...@gmail.com', NULL, NULL, 'gmail.com'),
	('a.da@outlook.com', 'a.da@outlook.com', NULL, 'outlook.com'),
	-- quotes
	('"ada"@x.org', 'ada@x.org', NULL, 'x.org'),
	('"Ada B"@x.org', '"ada b"@x.org', NULL, 'x.org'),
	('"ada b+c"@x.org', '"ada b+c"@x.org', NULL, 'x.org'),
	('"ada+c"@x.org', 'ada@x.org', 'c', 'x.org'),
	('"a@b"@gmail.com', '"a@b"@gmail.com', NULL, 'gmail.com'),
	('"a.b c"@gmail.com', '"a.b c"@gmail.com', NULL, 'gmail.com'),
	('"a\"b"@x.org', '"a\"b"@x.org', NULL, 'x.org'),
	('"a"b"@x.org', NULL, NULL, 'x.org'),
	('"a\"@x.org', NULL, NULL, 'x.org'),
	('""@x.org', NULL, NULL, 'x.org'),
	('"@x.org', NULL, NULL, 'x.org'),
	-- dots where they should not be, but are
	('.ada..b.@x.org', '.ada..b.@x.org', NULL, 'x.org'),
	-- more than one, or none: the domain is known, the mailbox is not
	('ada@x.org, bob@gmail.com', NULL, NULL, 'gmail.com'),
	('ada b@x.org', NULL, NULL, 'x.org'),
	('ada@bob@x.org', NULL, NULL, 'x.org'),
	('@x.org', NULL, NULL, 'x.org'),
	('ada;@x.org', NULL, NULL, 'x.org'),
	(repeat('a', 64) || '@x.org', repeat('a', 64) || '@x.org', NULL, 'x.org'),
	(repeat('a', 65) || '@x.org', NULL, NULL, 'x.org'),
	('Ada <ada@x.org', NULL, NULL, 'x.org'),
	('ada@x.org>', NULL, NULL, NULL),
	('<>', NULL, NULL, NULL), ('>', NULL, NULL, NULL), ('<', NULL, NULL, NULL),
	-- no host
	('', NULL, NULL, NULL), ('ada', NULL, NULL, NULL), ('@', NULL, NULL, NULL), ('ada@', NULL, NULL, NULL), ('ada@.', NULL, NULL, NULL), ('x.org', NULL, NULL, NULL),
	('ada@x..org', NULL, NULL, NULL), ('ada@.x.org', NULL, NULL, NULL), ('ada@x.org..', NULL, NULL, NULL), ('ada@-x.org', NULL, NULL, NULL), ('ada@x-.org', NULL, NULL, NULL),
	('ada@x.org:25', NULL, NULL, NULL), ('ada@x.org/path', NULL, NULL, NULL), ('ada@ x.org', NULL, NULL, NULL), ('ada@x .org', NULL, NULL, NULL), ('ada@x,org', NULL, NULL, NULL),
	('ada@[1.2.3.4', NULL, NULL, NULL), ('ada@[]', NULL, NULL, NULL), ('ada@[1 2]', NULL, NULL, NULL),
	('ada@' || repeat('a', 63) || '.org', 'ada@' || repeat('a', 63) || '.org', NULL, repeat('a', 63) || '.org'),
	('ada@' || repeat('a', 64) || '.org', NULL, NULL, NULL),
	('ada@' || repeat('a.', 126) || 'a', 'ada@' || repeat('a.', 126) || 'a', NULL, repeat('a.', 126) || 'a'),
	('ada@' || repeat('a.', 126) || 'ab', NULL, NULL, NULL),
	('ada@' || repeat('a.', 126) || 'a.', 'ada@' || repeat('a.', 126) || 'a', NULL, repeat('a.', 126) || 'a'),
	('ada@' || repeat('ü.', 600) || 'a', NULL, NULL, NULL),
	(repeat('a b ', 2400) || ' <ada@x.org>', 'ada@x.org', NULL, 'x.org'), (repeat('a b ', 2600) || '<ada@x.org>', NULL, NULL, NULL),
	-- hosts that are no domains, or odd ones
	('ada@[192.0.2.1]', 'ada@[192.0.2.1]', NULL, '[192.0.2.1]'),
	('ada@[IPv6:2001:DB8::1]', 'ada@[ipv6:2001:db8::1]', NULL, '[ipv6:2001:db8::1]'),
	('ada@localhost', 'ada@localhost', NULL, 'localhost'),
	('ada@my_host.x.org', 'ada@my_host.x.org', NULL, 'my_host.x.org'),
	('ada@r3---x.org', 'ada@r3---x.org', NULL, 'r3---x.org'),
	-- other scripts
	('ada@bücher.de', 'ada@xn--bcher-kva.de', NULL, 'xn--bcher-kva.de'),
	('ada@BÜCHER.DE', 'ada@xn--bcher-kva.de', NULL, 'xn--bcher-kva.de'),
	(E'ada@bu\u0308cher.de', 'ada@xn--bcher-kva.de', NULL, 'xn--bcher-kva.de'),
	('ada@XN--BCHER-KVA.de', 'ada@xn--bcher-kva.de', NULL, 'xn--bcher-kva.de'),
	('ada@faß.de', 'ada@xn--fa-hia.de', NULL, 'xn--fa-hia.de'),
	('ada@r3---x.bücher.de', 'ada@r3---x.xn--bcher-kva.de', NULL, 'r3---x.xn--bcher-kva.de'),
	('ada@食狮。公司．cn', 'ada@xn--85x722f.xn--55qx5d.cn', NULL, 'xn--85x722f.xn--55qx5d.cn'),
	('ada@ｘ.org', 'ada@x.org', NULL, 'x.org'),
	-- mapped to a/c and to a dot: no labels
	('ada@℀.org', NULL, NULL, NULL), (E'ada@x\u2024org', NULL, NULL, NULL),
	(E'ada@x\u00a0.org', NULL, NULL, NULL), ('ada@☃.org', NULL, NULL, NULL),
	('ÄDA@x.org', 'äda@x.org', NULL, 'x.org'),
	-- a small letter that takes more bytes than the capital one
	(repeat('Ⱥ', 32) || '@x.org', NULL, NULL, 'x.org'),
	(NULL, NULL, NULL, NULL);
-- which letters have small ones is the locale's affair
DELETE FROM form WHERE address ~ '[ÄȺ]' AND lower('ÄȺ') <> 'äⱥ';
SELECT results_eq($$SELECT address, pql.normal_email(address), pql.email_tag(address), pql.email_host(address) FROM form ORDER BY address$$,
	'SELECT * FROM form ORDER BY address', 'normal form, tag and host');
SELECT is_empty($$SELECT address FROM form WHERE pql.normal_email(pql.normal_email(address)) IS DISTINCT FROM pql.normal_email(address)$$, 'the normal form of a normal form is itself');
SELECT is_empty($$SELECT address FROM form WHERE pql.email_host(pql.normal_email(address)) IS DISTINCT FROM
	CASE WHEN pql.normal_email(address) IS NOT NULL THEN replace(host, 'googlemail.com', 'gmail.com') END$$, 'and of the same domain');

-- ---- registrable domains ----

CREATE TEMP TABLE registrable (address text, domain text);
INSERT INTO registrable VALUES
	('com', NULL), ('x.com', 'x.com'), ('b.x.com', 'x.com'), ('a.b.x.com', 'x.com'), ('X.COM', 'x.com'), ('x.com.', 'x.com'), ('.com', NULL), ('.x.com', NULL),
	('biz', NULL), ('x.biz', 'x.biz'), ('co.uk', NULL), ('acme.co.uk', 'acme.co.uk'), ('mail.acme.co.uk', 'acme.co.uk'), ('ac.jp', NULL), ('x.ac.jp', 'x.ac.jp'),
	-- everything below, but for what is excepted
	('ck', NULL), ('x.ck', NULL), ('b.x.ck', 'b.x.ck'), ('www.ck', 'www.ck'), ('www.www.ck', 'www.ck'), ('kobe.jp', NULL), ('c.kobe.jp', NULL), ('b.c.kobe.jp', 'b.c.kobe.jp'), ('city.kobe.jp', 'city.kobe.jp'), ('a.city.kobe.jp', 'city.kobe.jp'),
	-- no rule
	('example', NULL), ('x.example', 'x.example'), ('a.b.x.example', 'x.example'),
	-- private suffixes
	('github.io', NULL), ('a.github.io', 'a.github.io'), ('www.a.github.io', 'a.github.io'), ('ada@a.github.io', 'a.github.io'), ('blogspot.com', NULL), ('a.blogspot.com', 'a.blogspot.com'), ('github.com', 'github.com'), ('gist.github.com', 'github.com'),
	-- other scripts
	('食狮.com.cn', 'xn--85x722f.com.cn'), ('食狮.公司.cn', 'xn--85x722f.xn--55qx5d.cn'), ('www.食狮.公司.cn', 'xn--85x722f.xn--55qx5d.cn'), ('公司.cn', NULL), ('食狮.中国', 'xn--85x722f.xn--fiqs8s'), ('中国', NULL),
	('xn--85x722f.xn--55qx5d.cn', 'xn--85x722f.xn--55qx5d.cn'), ('www.xn--85x722f.xn--55qx5d.cn', 'xn--85x722f.xn--55qx5d.cn'), ('xn--55qx5d.cn', NULL), ('WWW.XN--85X722F.XN--FIQS8S', 'xn--85x722f.xn--fiqs8s'),
	-- no domains
	('localhost', NULL), ('192.0.2.1', NULL), ('[192.0.2.1]', NULL), ('2001:db8::1', NULL), ('ada@192.0.2.1', NULL), ('ada@[IPv6:2001:db8::1]', NULL),
	('x.com:443', NULL), ('https://x.com', NULL), ('x.com/', NULL), ('x..com', NULL), ('', NULL), ('.', NULL), ('@', NULL), (NULL, NULL), ('Ada <ada@b.x.com>', 'x.com');
SELECT results_eq('SELECT address, pql.registrable_domain(address) FROM registrable ORDER BY address', 'SELECT * FROM registrable ORDER BY address', 'registrable domains');
SELECT is((SELECT dated > '2020-01-01' AND library <> '' FROM pql.public_suffix_version()), true, 'which list that is of');

-- ---- properties, on addresses by chance ----

SELECT setseed(0.5);
CREATE TEMP TABLE chance AS
SELECT string_agg((ARRAY['ada', 'a', '.', '.', '.', '@', '@', '+', 'test', 'x', '-', '--', 'com', 'co.uk', 'github.io', 'gmail.com', 'googlemail.com', 'mailinator.com', 'org', '"', '"', E'\\', '<', '>', ' ', 'Ü', 'ß', 'İ', '公司', 'xn--55qx5d', '。', E'\u0308',
	E'\u200d', ',', '[', ']', ':', '1', '_', 'www.', 'X', repeat('y', 30)])[1 + floor(random() * 42)], '' ORDER BY i) AS address
FROM generate_series(1, 30000) n, LATERAL generate_series(1, 2 + n % 11) i
GROUP BY n;
SELECT cmp_ok((SELECT count(*) FROM chance WHERE pql.normal_email(address) IS NOT NULL), '>', 200::bigint, 'some are addresses');
SELECT cmp_ok((SELECT count(*) FROM chance WHERE pql.registrable_domain(address) IS NOT NULL), '>', 1500::bigint, 'some have registrable domains');
SELECT is_empty($$SELECT address FROM chance WHERE pql.normal_email(pql.normal_email(address)) IS DISTINCT FROM pql.normal_email(address)$$, 'normal_email is idempotent');
SELECT is_empty($$SELECT address FROM chance WHERE pql.registrable_domain(pql.registrable_domain(address)) IS DISTINCT FROM pql.registrable_domain(address)$$, 'registrable_domain is idempotent');
SELECT is_empty($$SELECT address FROM chance WHERE pql.email_host('@' || pql.email_host(address)) IS DISTINCT FROM pql.email_host(address)$$, 'email_host is idempotent');
SELECT is_empty($$SELECT address FROM chance, pql.email_host(address) h, pql.registrable_domain(h) r WHERE h <> r AND right(h, length(r) + 1) <> '.' || r$$, 'a registrable domain is a suffix of its host');
SELECT is_empty($$SELECT address FROM chance WHERE pql.normal_email(address) IS NOT NULL AND pql.email_kind(pql.normal_email(address)) IS DISTINCT FROM pql.email_kind(address)$$, 'an address and its normal form are of one kind');
SELECT is_empty($$SELECT address FROM chance WHERE pql.work_domain(address) IS DISTINCT FROM CASE WHEN pql.email_kind(address) = 'work' THEN pql.registrable_domain(pql.email_host(address)) END$$,
	'the work domain is the registrable one of addresses of kind work');
SELECT is_empty($$SELECT address FROM chance WHERE pql.email_host(address) !~ '^(([a-z0-9_]([a-z0-9_-]*[a-z0-9_])?[.])*[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?|\[[a-z0-9.:-]+\])$'$$, 'hosts are of one form');

-- ---- kinds ----

CREATE FUNCTION pg_temp.listed_kind(address text) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT CASE WHEN pql.email_host(address) IS NOT NULL THEN coalesce((SELECT l.kind FROM pql.email_listing(address) WITH ORDINALITY l (domain, kind, list, place) ORDER BY l.place LIMIT 1), 'work') END $$;
INSERT INTO pql.email_list (list, source, licence, version) VALUES ('t_personal', 't', 't', '1'), ('t_work', 't', 't', '1'), ('t_disposable', 't', 't', '1');
INSERT INTO pql.email_domain (domain, kind, list) VALUES
	('a.example', 'personal', 't_personal'), ('a.example', 'disposable', 't_disposable'),
	('b.example', 'personal', 't_personal'), ('b.example', 'disposable', 't_disposable'), ('b.example', 'work', 't_work'),
	('c.example', 'work', 't_work'), ('c.example', 'personal', 'own'),
	('d.example', 'disposable', 't_disposable'), ('staff.d.example', 'work', 'own'), ('x.y.staff.d.example', 'personal', 't_personal'),
	('co.uk', 'personal', 't_personal'), ('example', 'disposable', 't_disposable'), ('github.io', 'disposable', 't_disposable');
CREATE TEMP TABLE kind (address text, kind text);
INSERT INTO kind VALUES
	('x@gmail.com', 'personal'), ('X <x@GMAIL.com>', 'personal'), ('x@mailinator.com', 'disposable'), ('x@any.thing.mailinator.com', 'disposable'), ('x@mymailinator.com', 'work'), ('x@mail.comcast.net', 'personal'),
	('x@facebook.com', 'work'), ('x@privaterelay.appleid.com', 'personal'), ('x@appleid.com', 'work'), ('x@müll.email', 'personal'), ('x@XN--MLL-HOA.email', 'personal'), ('x@acme.com', 'work'),
	('x@a.example', 'disposable'), ('x@b.example', 'work'), ('x@c.example', 'personal'), ('x@sub.c.example', 'personal'),
	('x@d.example', 'disposable'), ('x@staff.d.example', 'work'), ('x@y.staff.d.example', 'work'), ('x@x.y.staff.d.example', 'personal'), ('x@w.x.y.staff.d.example', 'personal'), ('x@notstaff.d.example', 'disposable'),
	-- what is above the registrable domain says nothing
	('x@acme.co.uk', 'work'), ('x@co.uk', 'personal'), ('x@e.example', 'work'), ('x@example', 'disposable'), ('x@me.github.io', 'work'), ('x@github.io', 'disposable'),
	('x@[192.0.2.1]', 'work'), ('x@192.0.2.1', 'work'), ('x', NULL), ('x@', NULL), (NULL, NULL);
SELECT results_eq('SELECT address, pql.email_kind(address) FROM kind ORDER BY address', 'SELECT address, kind FROM kind ORDER BY address', 'kinds, looked up one by one');
SELECT results_eq('SELECT address, pg_temp.listed_kind(address) FROM kind ORDER BY address', 'SELECT address, kind FROM kind ORDER BY address', 'pql.email_listing says the same');
CREATE TEMP TABLE many AS
	SELECT p || d.domain AS address FROM (SELECT domain, row_number() OVER (ORDER BY domain) AS n FROM (SELECT DISTINCT domain FROM pql.email_domain) e) d, unnest(ARRAY['x@', 'x@sub.', 'x@s.u.b.', 'x@sub']) p WHERE d.n % 7 = 0
	UNION ALL (SELECT address FROM chance LIMIT 3000) UNION ALL SELECT address FROM kind;
SELECT is_empty('SELECT address, pql.email_kind(address), pg_temp.listed_kind(address) FROM many WHERE pql.email_kind(address) IS DISTINCT FROM pg_temp.listed_kind(address)', 'and so do all together');

-- what this transaction does is seen at once, and not when it is undone
CREATE FUNCTION pg_temp.now_of(address text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN pql.email_kind(address); END $$;
SELECT is(pg_temp.now_of('x@f.example'), 'work', 'not listed yet');
INSERT INTO pql.email_domain (domain, kind) VALUES ('f.example', 'personal');
SELECT is(pg_temp.now_of('x@f.example'), 'personal', 'listed');
SAVEPOINT s;
UPDATE pql.email_domain SET kind = 'disposable' WHERE domain = 'f.example';
SELECT is(pg_temp.now_of('x@f.example'), 'disposable', 'changed');
ROLLBACK TO s;
SELECT is(pg_temp.now_of('x@f.example'), 'personal', 'changed back');
CREATE FUNCTION pg_temp.flicker() RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	seen text[];
BEGIN
	-- the same look-up, with nothing written between the end of one and the other
	FOR i IN 1 .. 3 LOOP
		BEGIN
			DELETE FROM pql.email_domain WHERE domain = 'f.example';
			seen := seen || pql.email_kind('x@f.example');
			RAISE division_by_zero;
		EXCEPTION WHEN division_by_zero THEN
			seen := seen || pql.email_kind('x@f.example');
		END;
	END LOOP;
	RETURN seen;
END $$;
SELECT is(pg_temp.flicker(), '{work,personal,work,personal,work,personal}', 'nor what a block undoes');
-- a statement sees what was there when it began
SELECT results_eq($$WITH gone AS (DELETE FROM pql.email_domain WHERE domain = 'f.example' RETURNING domain) SELECT pql.email_kind('x@' || domain) FROM gone$$, $$VALUES ('personal'::text)$$, 'a statement sees the lists as it found them');
SELECT is(pg_temp.now_of('x@f.example'), 'work', 'the next one does not');

-- one's own rows
INSERT INTO pql.email_domain (domain, kind) VALUES ('*.Müll.EXAMPLE.', 'personal'), ('gmail.com', 'work');
SELECT is((SELECT domain FROM pql.email_domain WHERE domain LIKE 'xn--%' AND list = 'own'), 'xn--mll-hoa.example', 'domains are kept in their one form');
SELECT is(ARRAY[pql.email_kind('x@müll.example'), pql.email_kind('x@gmail.com')], '{personal,work}', 'and are found, also against a list');
SELECT throws_ok($$INSERT INTO pql.email_domain (domain, kind) VALUES ('x y', 'personal')$$, '22023', '"x y" is no domain', 'nonsense is refused');
SELECT throws_ok($$UPDATE pql.email_domain SET domain = 'a@b.c' WHERE domain = 'gmail.com' AND list = 'own'$$, '22023', '"a@b.c" is no domain', 'also afterwards');
SELECT throws_ok($$INSERT INTO pql.email_domain (domain, kind) VALUES ('x.org', 'private')$$, '23514', NULL, 'and kinds that there are not');

-- who may not read the lists is told so, whatever was read before
SELECT pql.email_kind('x@gmail.com');
CREATE ROLE pql_email_reader;
GRANT USAGE ON SCHEMA pql TO pql_email_reader;
SET LOCAL ROLE pql_email_reader;
SELECT is(pql.registrable_domain('x@b.acme.com'), 'acme.com', 'a registrable domain needs no right on the lists');
RESET ROLE;
SET LOCAL ROLE pql_email_reader;
SELECT results_eq($$SELECT 1 WHERE NOT has_table_privilege('pql.email_domain', 'SELECT')$$, 'VALUES (1)', 'without rights');
RESET ROLE;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO pql_email_reader;
DO $$
BEGIN
	SET LOCAL ROLE pql_email_reader;
	PERFORM pql.email_kind('x@gmail.com');
	RAISE EXCEPTION 'it was read';
EXCEPTION WHEN insufficient_privilege THEN NULL;
END $$;
SELECT pass('a kind needs the right to read them');

-- ---- loading lists ----

CREATE FUNCTION pg_temp.load(domains text[], of_kind text DEFAULT 'disposable', of_list text DEFAULT 't_throw') RETURNS text LANGUAGE sql AS $$
	SELECT l::text FROM pql.load_email_domains(of_list, of_kind, domains, 'https://lists.example/throw', 'CC0', '2026-11', '2026-11-20 00:00Z') l $$;
SELECT is(pg_temp.load(ARRAY['t1.example', 'T1.example.', '', ' # a comment', '// another', NULL, '*.t2.example', 't3 example', '@t4.example']), '(3,3,0,"{""t3 example""}")', 'loaded: once each, without comments');
SELECT is(pql.email_kind('x@sub.t2.example'), 'disposable', 'and in force');
SELECT is(pg_temp.load(ARRAY['t1.example', 't5.example']), '(2,1,2,{})', 'replaced');
SELECT results_eq($$SELECT domain, kind FROM pql.email_domain WHERE list = 't_throw' ORDER BY domain$$, $$VALUES ('t1.example', 'disposable'), ('t5.example', 'disposable')$$, 'at once');
SELECT is(pg_temp.load(ARRAY['t5.example'], 'personal'), '(1,1,2,{})', 'also when the kind is another');
SELECT is(pg_temp.load(ARRAY['t5.example'], 'personal'), '(1,0,0,{})', 'and nothing happens when nothing does');
SELECT results_eq($$SELECT list, kind, source, licence, version, loaded_at, shipped_in FROM pql.email_list WHERE list = 't_throw'$$,
	$$VALUES ('t_throw', 'personal', 'https://lists.example/throw', 'CC0', '2026-11', '2026-11-20 00:00Z'::timestamptz, NULL::text)$$, 'where it comes from is known');
DELETE FROM pql.change;
SELECT pg_temp.load(ARRAY['t5.example'], 'personal');
SELECT is_empty('SELECT * FROM pql.change', 'the same list again has nobody judged anew');
SELECT pg_temp.load(ARRAY['t6.example'], 'personal');
SELECT isnt_empty('SELECT * FROM pql.change', 'another one everybody');
SELECT throws_ok($$SELECT pg_temp.load('{}')$$, '22023', 'list "t_throw" has no domains', 'an empty list is refused');
SELECT throws_ok('SELECT pg_temp.load(NULL)', '22023', 'list "t_throw" has no domains', 'no list as well');
SELECT throws_ok($$SELECT pg_temp.load('{#,nonsense here}')$$, '22023', 'list "t_throw" has no domains', 'and nonsense');
SELECT is((SELECT array_agg(domain::text) FROM pql.email_domain WHERE list = 't_throw'), '{t6.example}', 'and what was there stays');
SELECT throws_ok($$SELECT pg_temp.load('{a.example}', 'odd')$$, '22023', 'unknown kind of e-mail address "odd"', 'kinds are checked');
SELECT throws_ok($$SELECT pql.load_email_domains('l', NULL, '{a.example}', NULL, 'x', '1')$$, '22004', 'a list of domains needs its kind, source', 'origins are asked for');
SELECT throws_ok($$SELECT pg_temp.load('{a.example}', 'personal', '')$$, '22004', 'a list of domains needs its list', 'and a name');
SELECT throws_ok($$SELECT pg_temp.load('{a.example}', 'personal', 'email-providers')$$, '55000', 'list "email-providers" comes with pql', 'shipped lists stay as they are');
SELECT throws_ok($$SELECT pg_temp.load('{a.example}', 'personal', 'own')$$, '55000', 'list "own" comes with pql', 'one''s own rows too');
SELECT is(pql.drop_email_list('t_throw'), 1, 'a list goes again');
SELECT throws_ok($$SELECT pql.drop_email_list('t_throw')$$, '42704', 'unknown list of domains "t_throw"', 'once');
SELECT throws_ok($$SELECT pql.drop_email_list('reviewed')$$, '55000', 'list "reviewed" comes with pql', 'shipped ones do not');
SELECT is((SELECT count(*) FROM pql.email_domain WHERE list = 't_throw'), 0::bigint, 'with its domains');
-- what an upgrade does
SELECT is(pql.ship_email_domains(E'# list: t_shipped\n# source: s\n# licence: l\n# version: 1\n\nt7.example personal\nt8.example work'), 2, 'a list that comes with pql');
SELECT is(pql.ship_email_domains(E'# list: t_shipped\n# kind: disposable\n# source: s\n# licence: l\n# version: 2\n# note: x\nt8.example'), 1, 'and its next version');
SELECT results_eq($$SELECT d.domain, d.kind, l.version, l.shipped_in FROM pql.email_domain d JOIN pql.email_list l USING (list) WHERE list = 't_shipped'$$, $$VALUES ('t8.example', 'disposable', '2', pql.version())$$, 'are in force');
SELECT is((SELECT count(*) FROM pql.email_list l WHERE l.shipped_in IS NOT NULL AND l.list <> 'own' AND (l.licence = '' OR l.version = '' OR l.source = '' OR NOT EXISTS (SELECT FROM pql.email_domain d WHERE d.list = l.list))), 0::bigint, 'lists that come with pql say where they come from');

-- ---- test addresses ----

INSERT INTO pql.list_entry VALUES ('test_accounts', ' QA@Tested.org '), ('test_accounts', 'ada+qa@tested.org'), ('test_accounts', 'not an address'), ('test_accounts', 'J.Doe@googlemail.com'), ('others', 'bob@tested.org');
CREATE TEMP TABLE test_address (address text, is_test boolean);
INSERT INTO test_address VALUES
	('test@x.org', true), ('Demo@x.org', true), ('Ada <TEST@x.org>', true), ('ada+test@x.org', true), ('ada+Test12@x.org', true), ('ada+b+test0@x.org', true), ('+test@x.org', true),
	('testing@x.org', false), ('test1@x.org', false), ('ada+test1a@x.org', false), ('ada+tester@x.org', false), ('adatest@x.org', false), ('ada+12@x.org', false), ('ada@x.org', false), ('contest@x.org', false), ('12@x.org', false),
	('ada@example.com', true), ('ada@sub.example.org', true), ('ada@example.net.', true), ('ada@a.test', true), ('ada@a.invalid', true), ('ada@a.example', true), ('ada@localhost', true), ('ada@a.localhost', true), ('ada@test', true),
	('ada@myexample.com', false), ('ada@example.de', false), ('ada@test.com', false), ('ada@latest', false), ('ada@example.com.de', false),
	('qa@tested.org', true), ('QA+17@tested.org', true), ('Ada <ada+QA@tested.org>', true), ('ada@tested.org', false), ('ada+other@tested.org', false), ('bob@tested.org', false), ('jdoe@gmail.com', false), ('j.doe+x@googlemail.com', false), ('j.doe@googlemail.com', true),
	('test', NULL), ('test@', NULL), ('not an address', NULL), ('', NULL), (NULL, NULL);
SELECT results_eq('SELECT address, pql.is_test_address(address) FROM test_address ORDER BY address', 'SELECT * FROM test_address ORDER BY address', 'test addresses');
DELETE FROM pql.list_entry WHERE list = 'test_accounts';
SELECT is(pql.is_test_address('qa@tested.org'), false, 'and no longer when they are on no list');

-- ---- one row ----

SELECT results_eq($$SELECT * FROM pql.classify_email('Ada <A.da+x@mail.GMX.de>')$$,
	$$VALUES ('a.da@mail.gmx.de', 'a.da', 'x', 'mail.gmx.de', 'gmx.de', 'personal', 'gmx.de', 'email-providers', NULL::text, false)$$, 'all of an address');
SELECT results_eq($$SELECT normal, kind, listed_as, work_domain, is_test FROM pql.classify_email('demo@mail.acme.co.uk')$$, $$VALUES ('demo@mail.acme.co.uk', 'work', NULL::text, 'acme.co.uk', true)$$, 'of another');
SELECT is((SELECT count(*) FROM unnest(ARRAY['x', NULL]) a, pql.classify_email(a) c WHERE c.normal IS NULL AND c.kind IS NULL AND c.is_test IS NULL), 2::bigint, 'one row for what is none');

-- ---- the readers of the engine say the same ----

SET LOCAL timezone = 'UTC';
INSERT INTO pql.person (user_id, email) SELECT 'email_' || row_number() OVER (ORDER BY address), address FROM (SELECT address FROM kind UNION SELECT address FROM form UNION SELECT address FROM test_address) a;
INSERT INTO pql.trial (user_id, started_at) SELECT user_id, '2026-03-02' FROM pql.person WHERE user_id LIKE 'email\_%';
CREATE FUNCTION pg_temp.excluded() RETURNS TABLE (email text, personal boolean) LANGUAGE sql STABLE AS $$
	SELECT p.email, 'personal_email' = ANY (s.exclusions) FROM pql.score_all('trial', '2026-03-04') s JOIN pql.person p USING (user_id) WHERE user_id LIKE 'email\_%' $$;
SELECT cmp_ok((SELECT count(*) FROM pg_temp.excluded() WHERE personal), '>', 10::bigint, 'some are personal');
SELECT is_empty($$SELECT email FROM pg_temp.excluded() WHERE personal IS DISTINCT FROM (coalesce(pql.email_kind(email), '') = 'personal')$$, 'the scan says what pql.email_kind does');
CREATE FUNCTION pg_temp.tests() RETURNS text[] LANGUAGE sql STABLE AS $$
	SELECT array_agg(p.email ORDER BY p.email) FROM pql.score_all('trial', '2026-03-04') s JOIN pql.person p USING (user_id)
	WHERE 'test_account' = ANY (s.exclusions) AND p.email IN ('Ada <TEST@x.org>', ' test@x.org', 'Demo@x.org', 'ada+Test12@x.org', '<a+test@x.org>', 'testing@x.org', 'Test <ada@x.org>') $$;
INSERT INTO pql.person (user_id, email) VALUES ('email_a', ' test@x.org'), ('email_b', '<a+test@x.org>'), ('email_c', 'Test <ada@x.org>');
INSERT INTO pql.trial (user_id, started_at) SELECT 'email_' || c, '2026-03-02' FROM unnest('{a,b,c}'::text[]) c;
SELECT is(pg_temp.tests(), (SELECT array_agg(e ORDER BY e) FROM unnest(ARRAY['Ada <TEST@x.org>', ' test@x.org', 'Demo@x.org', 'ada+Test12@x.org', '<a+test@x.org>']) e), 'and finds what stands before the @ behind a display name');
SET LOCAL pql.enable_scan = off;
SELECT is(pg_temp.tests(), (SELECT array_agg(e ORDER BY e) FROM unnest(ARRAY['Ada <TEST@x.org>', ' test@x.org', 'Demo@x.org', 'ada+Test12@x.org', '<a+test@x.org>']) e), 'also without the scan');
SELECT is_empty($$SELECT email FROM pg_temp.excluded() WHERE personal IS DISTINCT FROM (coalesce(pql.email_kind(email), '') = 'personal')$$, 'and so without the scan');
SELECT is_empty($$SELECT profile FROM pql.profile_of(pql.model('trial'), '2026-03-04') f JOIN pql.person p USING (user_id) WHERE user_id LIKE 'email\_%' AND profile -> 'person' ->> 'email_kind' IS DISTINCT FROM pql.email_kind(p.email)$$, 'and so do profiles');
SELECT is((SELECT 'test_account' = ANY (v.exclusions) FROM pql.judge(pql.model('trial'), NULL, '{"person": {"email": "Ada <TEST@x.org>"}, "trial": {"started_at": "2026-03-02T00:00:00Z"}}', '2026-03-04') v), true, 'what stands before the @ is found behind a display name');

-- ---- in parallel ----

CREATE FUNCTION pg_temp.sums() RETURNS TABLE (kind text, domains bigint, normal bigint, tests bigint) LANGUAGE sql STABLE AS $$
	SELECT pql.email_kind(email), count(pql.work_domain(email)), sum(length(pql.normal_email(email))), count(*) FILTER (WHERE pql.is_test_address(email)) FROM public.pql_email_test GROUP BY 1 ORDER BY 1 $$;
CREATE TEMP TABLE alone AS SELECT * FROM pg_temp.sums();
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 2;
CREATE FUNCTION pg_temp.plan_of(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN ' || query; END $$;
SELECT ok(EXISTS (SELECT FROM pg_temp.plan_of('SELECT pql.email_kind(email), count(pql.work_domain(email)), sum(length(pql.normal_email(email))) FROM public.pql_email_test GROUP BY 1') p WHERE p LIKE '%Gather%'), 'several processes classify');
SELECT results_eq('SELECT * FROM pg_temp.sums()', 'SELECT * FROM alone', 'and give what one does');

SELECT * FROM finish();
ROLLBACK;
DROP TABLE public.pql_email_test;
