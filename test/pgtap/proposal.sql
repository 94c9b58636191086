-- Who may be the same: how alike words are, what is proposed, and what becomes of it.
--
--   pg_prove -d DB test/pgtap/proposal.sql

BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL jit = off;
SELECT * FROM no_plan();

-- ---- words ----

-- the examples of Winkler's papers
SELECT is(round(pql.jaro_winkler(a, b)::numeric, 4), expected, format('%s and %s', a, b))
FROM (VALUES ('MARTHA', 'MARHTA', 0.9611), ('DIXON', 'DICKSONX', 0.8133), ('DWAYNE', 'DUANE', 0.8400), ('JELLYFISH', 'SMELLYFISH', 0.8963), ('ABROMS', 'ABRAMS', 0.9222), ('JONES', 'JOHNSON', 0.8324), ('a', 'b', 0.0), ('', '', 0.0), ('', 'a', 0.0), ('a', 'a', 1.0),
	('Müller', 'Muller', 0.9), ('éa', 'ée', 0.7), (repeat('x', 64) || 'a', repeat('x', 64) || 'b', 1.0)) v (a, b, expected);
SELECT is(pql.jaro_winkler('a', NULL), NULL, 'NULL');
SELECT is((SELECT count(*) FROM (SELECT md5(n::text) AS a, md5((n / 2)::text) AS b FROM generate_series(1, 500) n) x WHERE abs(pql.jaro_winkler(a, b) - pql.jaro_winkler(b, a)) > 1e-12), 0::bigint, 'in either order');
SELECT is(array_agg(pql.company_key(name) ORDER BY n), '{acme,acme,acme,müller söhne,acme,acme,gmbh,company,3m,NULL,at and t,acme}'::text[], 'names of companies without their form')
FROM (VALUES (1, 'Acme, Inc.'), (2, 'ACME GmbH & Co. KG'), (3, 'The Acme Company Ltd'), (4, 'Müller-Söhne S.A.R.L.'), (5, 'Acme S.A.S'), (6, 'Acme Sp. z o.o.'), (7, 'GmbH'), (8, 'Company'), (9, '3M Co'), (10, ' . '), (11, 'AT&T Inc'), (12, 'Acme Holding AG')) v (n, name);
SELECT is(pql.company_key(NULL), NULL, 'of NULL none');
SELECT is(array_agg(DISTINCT pql.sound_key(w)), ARRAY[pql.sound_key('Meyer')], 'names that sound alike') FROM unnest('{Maier,Mayr,meier,MEYR}'::text[]) w;
SELECT is(array[pql.sound_key('Philipp'), pql.sound_key('Becker'), pql.sound_key('')], array[pql.sound_key('Filip'), pql.sound_key('Bekker'), NULL], 'in other letters');
SELECT isnt(pql.sound_key('Smith'), pql.sound_key('Jones'), 'and others');

-- ---- pairs ----

CREATE FUNCTION pg_temp.pairs(rows_of text, compare text[], m float8[], u float8[], swaps int[], wide int, threshold float8) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(format('%s-%s %s %s', p.a, p.b, round(p.score::numeric, 2), (SELECT array_agg(round(w::numeric, 2)) FROM unnest(p.weights) w)), '; ' ORDER BY p.a, p.b), '-') FROM pql.matching_pairs(rows_of, compare, m, u, swaps, wide, threshold) p $$;
-- log2(0.8 / 0.1) = 3, log2(0.2 / 0.9) = -2.17
SELECT is(pg_temp.pairs($$SELECT * FROM (VALUES ('k', '1', '{x,12345}'::text[]), ('k', '2', '{x,12354}'), ('k', '3', '{"",12345}'), ('l', '4', '{x,12345}'), (NULL, '5', '{x,12345}'), ('l', NULL, '{x,12345}')) v$$,
	'{exact,code}', '{0.8,0.8}', '{0.1,0.1}', '{NULL,NULL}', 9, 0), '1-2 3.42 {3.00,0.42}; 1-3 3.00 {0.00,3.00}; 2-3 0.42 {0.00,0.42}', 'equal, one slip, nothing known; only of one key');
SELECT is(pg_temp.pairs($$SELECT 'k', id, f FROM (VALUES ('1', '{ada,lovelace}'::text[]), ('2', '{lovelace,ada}'), ('3', '{eve,adams}')) v (id, f)$$, '{name,name}', '{0.8,0.8}', '{0.1,0.1}', '{NULL,1}', 9, 2), '1-2 5.00 {3.00,2.00}', 'names that changed places');
SELECT is(pg_temp.pairs($$SELECT 'k', n::text, '{x}'::text[] FROM generate_series(1, 5) n$$, '{exact}', '{0.8}', '{0.1}', '{NULL}', 2, 0), '1-2 3.00 {3.00}; 1-3 3.00 {3.00}; 2-3 3.00 {3.00}; 2-4 3.00 {3.00}; 3-4 3.00 {3.00}; 3-5 3.00 {3.00}; 4-5 3.00 {3.00}', 'a window of two');
SELECT is(pg_temp.pairs($$SELECT 'k', n::text, ARRAY[(n % 3)::text, (n % 5)::text] FROM generate_series(1, 40) n$$, '{exact,exact}', '{0.8,0.8}', '{0.1,0.1}', '{NULL,NULL}', 1000, 5.9),
	(SELECT string_agg(format('%s-%s 6.00 {3.00,3.00}', a, a + d), '; ' ORDER BY a::text, (a + d)::text) FROM generate_series(1, 40) a, (VALUES (15), (30)) d (d) WHERE a + d <= 40), 'all of a block');
SELECT results_eq($$SELECT a, b, same FROM pql.matching_pairs('SELECT ''k'', id, f FROM (VALUES (''1'', ''{müller,12345,x,a}''::text[]), (''2'', ''{müller,12354,NULL,b}''), (''3'', ''{moller,12354,x,""}'')) v (id, f)', '{name,code,exact,exact}', '{0.8,0.8,0.8,0.8}', '{0.1,0.1,0.1,0.1}', '{NULL,NULL,NULL,NULL}', 9, -9) ORDER BY 1, 2$$,
	$$VALUES ('1', '2', '{müller,NULL,NULL,NULL}'::text[]), ('1', '3', '{NULL,NULL,x,NULL}'), ('2', '3', '{NULL,12354,NULL,NULL}')$$, 'and what is the same in both');
SELECT is_empty($$SELECT * FROM pql.matching_pairs('SELECT ''k''::text, ''1''::text, ''{}''::text[] WHERE false', '{exact}', '{0.8}', '{0.1}', '{NULL}', 2, 0)$$, 'no rows');
SELECT throws_ok($$SELECT * FROM pql.matching_pairs('SELECT 1, 2, 3', '{exact}', '{0.8}', '{0.1}', '{NULL}', 2, 0)$$, '42804', NULL, 'columns of another type');
SELECT throws_ok($$SELECT * FROM pql.matching_pairs('SELECT ''k''::text, ''1''::text, ''{a,b}''::text[]', '{exact}', '{0.8}', '{0.1}', '{NULL}', 2, 0)$$, '2202E', 'a row has 2 fields, and 1 are to be compared', 'more fields than are described');
SELECT throws_ok(format($$SELECT * FROM pql.matching_pairs('SELECT ''k''::text, ''1''::text, ''{a}''::text[]', %L, %L, %L, %L, %s, 0)$$, c, m, u, s, w), state, NULL, why)
FROM (VALUES ('{like}', '{0.8}', '{0.1}', '{NULL}', 2, '22023', 'another comparison'), ('{exact}', '{0.1}', '{0.8}', '{NULL}', 2, '22023', 'm below u'), ('{exact}', '{NaN}', '{0.1}', '{NULL}', 2, '22023', 'no number'), ('{exact}', '{1}', '{0.1}', '{NULL}', 2, '22023', 'certainty'),
	('{exact}', '{0.8}', '{0.1}', '{1}', 2, '22023', 'swapped with itself'), ('{exact}', '{0.8}', '{0.1}', '{NULL}', 0, '22023', 'no window'), ('{exact}', '{0.8,0.7}', '{0.1}', '{NULL}', 2, '2202E', 'arrays of other lengths'), ('{}', '{}', '{}', '{}', 2, '2202E', 'no fields')) v (c, m, u, s, w, state, why);

-- ---- how many bits are enough ----

-- one in a thousand, by ten bits (1,024 times as likely): 1024 to 1000; log2(1000 * 0.9 / 0.1) = 13.1357
SELECT is(round(pql.match_probability(score, people)::numeric, 6), expected, format('%s bits among %s', score, people))
FROM (VALUES (10::float8, 1000::bigint, 0.505929), (0, 1, 0.5), (20, 1048576, 0.5), (-10, 1000, 0.000001), ('infinity', 9, 1), ('-infinity', 9, 0), (10, 0, 0.999024)) v (score, people, expected);
SELECT is(round(pql.match_threshold(probability, people)::numeric, 4), expected, format('%s among %s', probability, people))
FROM (VALUES (0.9, 1000::bigint, 13.1357), (0.5, 1048576, 20), (0.9, 1050000, 23.1719), (0.5, 1, 0), (0.5, 0, 0), (NULL, 5, NULL)) v (probability, people, expected);
SELECT is_empty($$SELECT p, n FROM unnest('{0.01,0.5,0.999}'::float8[]) p, unnest('{2,1000,100000000}'::bigint[]) n WHERE abs(pql.match_probability(pql.match_threshold(p, n), n) - p) > 1e-9$$, 'one is the other the other way round');
SELECT throws_ok(format('SELECT pql.match_threshold(%L, 9)', p), '22023', format('probability %s is not between 0 and 1', p), 'a probability of ' || p) FROM unnest('{0,1,NaN,-1}'::float8[]) p;

-- ---- people ----

SELECT is(pql.propose_identities(), 0::bigint, 'nobody');
INSERT INTO pql.person (user_id, email, full_name, attributes) VALUES
	('p1', 'ada.lovelace@acme.org', 'Ada Lovelace', '{"phone": "+44 20 7946 0000"}'), ('p2', 'ada.lovelace@gmail.com', 'Ada Lovelace', '{"phone": "+44 (20) 7946-0000"}'), ('p3', 'a.lovelace@acme.org', 'Lovelace Ada', NULL),
	('q1', 'grace@other.org', 'Grace O''Hopper', '{"date_of_birth": 19061209}'), ('q2', NULL, NULL, '{"first_name": "Grace", "last_name": "O''Hoper", "dob": "1906-12-09"}'), ('t1', 'test@acme.org', 'Ada Lovelace', NULL),
	('x1', NULL, NULL, '[]'), ('x2', NULL, '', '{"first_name": {"a": 1}}'), ('x3', 'x', 'Madonna', 'null');
SELECT is(pql.propose_identities(as_of => '2026-01-01'), 4::bigint, 'people who may be the same');
SELECT results_eq('SELECT kind, a, b, state, proposed_at FROM pql.identity_proposal ORDER BY a, b', $$VALUES ('user', 'p1', 'p2', 'proposed', '2026-01-01'::timestamptz), ('user', 'p1', 'p3', 'proposed', '2026-01-01'), ('user', 'p2', 'p3', 'proposed', '2026-01-01'), ('user', 'q1', 'q2', 'proposed', '2026-01-01')$$,
	'but tests');
SELECT is((SELECT reasons FROM pql.identity_proposal WHERE a = 'p1' AND b = 'p2'), '{"phone": 13.1, "given_name": 6.5, "family_name": 7.5, "email_local": 7.3}', 'with the reasons');
SELECT is((SELECT array_agg(round(probability::numeric, 3) ORDER BY a, b) FROM pql.identity_proposal), (SELECT array_agg(round((2 ^ score / (2 ^ score + 9))::numeric, 3) ORDER BY a, b) FROM pql.identity_proposal), 'and how likely they are the same: of nine people');
SELECT is((SELECT bool_and(abs(p.score - (SELECT sum(r.value::float8) FROM jsonb_each_text(p.reasons) r)) < 0.5) FROM pql.identity_proposal p), true, 'that sum to the score');
SELECT is_empty('SELECT FROM pql.alias', 'nobody was merged');
SELECT is(pql.propose_identities(as_of => '2026-01-02'), 0::bigint, 'once');
CREATE FUNCTION pg_temp.proposal(x text, y text) RETURNS bigint LANGUAGE sql AS $$ SELECT proposal_id FROM pql.identity_proposal WHERE a = x AND b = y $$;
SELECT isnt(pql.accept_proposal(pg_temp.proposal('p1', 'p2'), 'eve', '2026-02-01'), NULL, 'accepted');
SELECT results_eq('SELECT kind, id, other_kind, other_id, reason, source, recorded_at FROM pql.link', $$VALUES ('user', 'p2', 'user', 'p1', 'proposal', 'eve', '2026-02-01'::timestamptz)$$, 'it is a link');
SELECT results_eq('SELECT * FROM pql.alias', $$VALUES ('p2', 'p1')$$, 'they are one');
SELECT throws_ok($$SELECT pql.accept_proposal(pg_temp.proposal('p1', 'p2'))$$, '55000', NULL, 'once');
SELECT lives_ok($$SELECT pql.reject_proposal(pg_temp.proposal('p1', 'p3'), 'eve', '2026-02-01', 'a sister')$$, 'rejected');
SELECT throws_ok($$SELECT pql.reject_proposal(pg_temp.proposal('p1', 'p3'), 'eve')$$, '55000', NULL, 'once');
SELECT throws_ok('SELECT pql.reject_proposal(0)', 'P0002', 'there is no proposal 0', 'no such proposal');
SELECT throws_ok('SELECT pql.accept_proposal(NULL)', 'P0002', 'there is no proposal NULL', 'none');
SELECT throws_ok($$SELECT pql.accept_proposal(pg_temp.proposal('p2', 'p3'), NULL)$$, '22004', NULL, 'by nobody');
DELETE FROM pql.identity_proposal WHERE state = 'proposed';
SELECT is(pql.propose_identities(as_of => '2026-02-02'), 2::bigint, 'what was decided is not proposed again, what was not is');
SELECT is((SELECT state FROM pql.identity_proposal WHERE a = 'p1' AND b = 'p3'), 'rejected', 'no stays no');
SELECT is(pql.unlink('user', 'p1', 'user', 'p2', 'two people', '2026-03-01'), 1, 'and is undone');
DELETE FROM pql.identity_proposal;
SELECT is(pql.propose_identities(as_of => '2026-03-02'), 3::bigint, 'what was undone is not proposed, either');
SELECT is(pg_temp.proposal('p1', 'p2'), NULL, 'for somebody said no');
-- the same already
SELECT lives_ok($$SELECT pql.link_identities('user', 'q1', 'user', 'q2')$$, 'linked by hand');
DELETE FROM pql.identity_proposal;
SELECT is(pql.propose_identities(as_of => '2026-03-03'), 2::bigint, 'who is the same is not proposed');
-- fields and blocks are data
INSERT INTO pql.match_field (subject, field, place, names, compare, m, u) VALUES ('person', 'given_name', 1, '{}', 'name', 0.9, 0.01), ('person', 'badge', 5, '{"badge ''no''"}', 'exact', 0.99, 0.0001);
INSERT INTO pql.match_block (subject, block, parts) VALUES ('person', 'badge', '{badge}'), ('person', 'nonsense', '{no_field}'), ('person', 'phone', '{}');
INSERT INTO pql.person (user_id, attributes) VALUES ('b1', '{"badge ''no''": 7}'), ('b2', '{"badge ''no''": "7"}');
DELETE FROM pql.identity_proposal;
SELECT is(pql.propose_identities(as_of => '2026-03-04'), 1::bigint, 'a field of one''s own, without names');
SELECT is((SELECT reasons FROM pql.identity_proposal WHERE a = 'b1'), '{"badge": 13.3}', 'is the reason');
SELECT is_empty($$SELECT FROM pql.match_fields('person') WHERE field = 'given_name'$$, 'a shipped one is switched off');
SELECT is((SELECT swaps_with FROM pql.match_fields('person') WHERE field = 'family_name'), NULL, 'with what swaps with it');
SELECT throws_ok('SELECT pql.propose_identities(probability => NULL)', '22004', NULL, 'neither a threshold nor a probability');
SELECT throws_ok('SELECT pql.propose_identities(probability => 1)', '22023', 'probability 1 is not between 0 and 1', 'certainty');
SELECT lives_ok('SELECT pql.propose_identities(12, probability => NULL)', 'a threshold is enough');
-- a name that is common says little
SAVEPOINT few;
DELETE FROM pql.identity_proposal;
DELETE FROM pql.match_field WHERE field = 'given_name' AND shipped_in IS NULL;
TRUNCATE pql.person;
-- nobody is judged here, and one block is enough
DELETE FROM pql.match_block WHERE block <> 'names';
ALTER TABLE pql.person DISABLE TRIGGER USER;
INSERT INTO pql.person (user_id, attributes) SELECT 'm' || n, jsonb_build_object('given_name', md5('g' || n), 'family_name', CASE WHEN n % 4 > 0 THEN 'Li' ELSE md5('f' || n) END) FROM generate_series(1, 996) n;
INSERT INTO pql.person (user_id, attributes) SELECT v.u || n, jsonb_build_object('given_name', v.given, 'family_name', v.family) FROM (VALUES ('y', 'Mary', 'Li'), ('z', 'Eve', 'Lovelace')) v (u, given, family), generate_series(1, 2) n;
-- 749 of 1,000 people: log2((749 - 1) / (1000 - 2 + 1 / 0.005) / 0.005)
SELECT results_eq('SELECT f.field, c.value, round(c.less::numeric, 4) FROM pql.common_values(''person'') c JOIN pql.match_fields(''person'') f USING (n)', $$VALUES ('family_name', 'li', 6.9643)$$, 'values that more people have than u says');
-- log2(0.9 / 0.01) + log2(0.9 / 0.005) = 13.98
SELECT is(pql.propose_identities(as_of => '2026-03-05', probability => 0.9), 1::bigint, 'two names are enough among 1,000 people');
SELECT results_eq('SELECT a, b, reasons, round(score::numeric, 2), round(probability::numeric, 4) FROM pql.identity_proposal', $$VALUES ('z1', 'z2', '{"given_name": 6.5, "family_name": 7.5}'::jsonb, 13.98, 0.9419)$$, 'unless they are common');
SELECT is(pql.propose_identities(7, as_of => '2026-03-05'), 1::bigint, 'two are the same by fewer bits');
SELECT is((SELECT reasons FROM pql.identity_proposal WHERE a = 'y1'), '{"given_name": 6.5, "family_name": 0.5}', 'of whom the family name says little');
-- with 2,000 people it takes 14.14
INSERT INTO pql.person (user_id) SELECT 'n' || n FROM generate_series(1, 500) n;
SELECT is(pql.propose_identities(as_of => '2026-03-06', probability => 0.9), 0::bigint, 'more people, and nobody new');
SELECT is((SELECT round(probability::numeric, 4) FROM pql.identity_proposal WHERE a = 'z1'), 0.9153, 'but the same bits are worth less');
DELETE FROM pql.identity_proposal;
INSERT INTO pql.person (user_id) SELECT 'o' || n FROM generate_series(1, 500) n;
SELECT is(pql.propose_identities(as_of => '2026-03-07', probability => 0.9), 0::bigint, 'and then not enough');
SELECT is(pql.propose_identities(as_of => '2026-03-07'), 1::bigint, 'but rather the same than not');
-- log2(17000) = 14.05
DELETE FROM pql.identity_proposal;
INSERT INTO pql.person (user_id) SELECT 'p' || n FROM generate_series(1, 15000) n;
SELECT is(pql.propose_identities(as_of => '2026-03-08'), 0::bigint, 'which among very many they are not');
ROLLBACK TO few;
UPDATE pql.match_block SET parts = '{}', shipped_in = NULL WHERE shipped_in IS NOT NULL AND block NOT IN ('phone');
DELETE FROM pql.match_block WHERE block IN ('badge', 'nonsense', 'phone');
SELECT throws_ok('SELECT pql.propose_identities()', '55000', 'there is nothing to compare by', 'no blocks');

-- ---- companies ----

DELETE FROM pql.match_block;
INSERT INTO pql.match_block (subject, block, parts) VALUES ('account', 'domain', '{domain}'), ('account', 'name', '{name:5}');
INSERT INTO pql.account (account_id, name, domain) VALUES ('a1', 'Acme Inc.', 'acme.org'), ('a2', 'ACME', 'www.acme.org'), ('a3', 'Acme GmbH', NULL), ('g1', 'One', 'gmail.com'), ('g2', 'Two', 'gmail.com'), ('o1', 'Other "Ltd"', 'other.org'), ('n1', NULL, NULL);
SELECT is(pql.propose_account_merges(as_of => '2026-01-01'), 3::bigint, 'accounts that may be one company');
SELECT set_eq($$SELECT kind, a, b FROM pql.identity_proposal WHERE kind = 'account'$$, $$VALUES ('account', 'a1', 'a2'), ('account', 'a1', 'a3'), ('account', 'a2', 'a3')$$, 'by domain or name, and not by a provider''s domain');
SELECT isnt(pql.accept_proposal(pg_temp.proposal('a1', 'a2'), 'eve'), NULL, 'accepted');
SELECT is((SELECT representative_id FROM pql.identity WHERE kind = 'account' AND id = 'a2'), 'a1', 'they are one');

-- ---- coverage ----

SELECT is((SELECT share FROM pql.identity_coverage WHERE measure = 'visitors_known'), NULL, 'no visitors');
UPDATE pql.person SET account_id = 'a1' WHERE user_id IN ('p1', 'p2');
SELECT lives_ok($$SELECT pql.link_identities('visitor', 'v1', 'user', 'p1'), pql.link_identities('visitor', 'v2', 'visitor', 'v3'), pql.link_identities('contact', 'c', 'visitor', 'v1'), pql.link_identities('email', 'info@z.org', 'user', 'p' || n) FROM generate_series(1, 2) n$$, 'links');
SELECT lives_ok('SELECT * FROM pql.derive_accounts(now() + interval ''1 day'')', 'accounts');
SELECT results_eq('SELECT measure, numerator, denominator FROM pql.identity_coverage', $$VALUES ('people_with_account', 4::bigint, 11::bigint), ('account_by_source', 2, 11), ('account_by_workspace', 0, 11), ('account_by_domain', 2, 11), ('people_with_crm_id', 1, 11), ('people_merged', 1, 11),
	('visitors_known', 1, 3), ('identifiers_in_conflict', 1, 11), ('proposals_open', 3, 4)$$, 'how much is known');

SELECT * FROM finish();
ROLLBACK;
