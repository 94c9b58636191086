# Addresses in databases of other encodings, whatever bytes they are; registrable domains against the rules of the list in plain SQL;
# rows of lists through dump and restore.
#
#   scripts/with-cluster prove test/t/email.t
use strict;
use warnings;
use Test::More;
use FindBin;
use lib "$FindBin::Bin/lib";
use Psql;
use File::Temp qw(tempdir);

my $dir = tempdir(CLEANUP => 1);
chmod 0755, $dir;
my $psql = Psql->new(settings => '-c client_min_messages=warning -c jit=off');
sub ask { my ($db, $sql, @options) = @_; my $said = $psql->run($sql, db => $db, arguments => [ '-v', 'ON_ERROR_STOP=1', @options ]); chomp $said; return $said; }

sub database
{
	my ($db, $options) = @_;
	is(ask('postgres', "DROP DATABASE IF EXISTS $db; CREATE DATABASE $db TEMPLATE template0 $options"), '', "database $db") or BAIL_OUT('no database');
	is(ask($db, 'CREATE EXTENSION pql'), '', 'with pql');
}

# --- other encodings ---

# all functions on texts of random bytes, most of them with the signs that mean something
my $hostile = <<'SQL';
SELECT setseed(0.25);
CREATE FUNCTION any_text(bytes bytea) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN convert_from(bytes, getdatabaseencoding());
EXCEPTION WHEN character_not_in_repertoire OR untranslatable_character THEN
	RETURN NULL;
END $$;
CREATE TABLE hostile AS SELECT any_text(string_agg(CASE WHEN random() < 0.5 THEN set_byte('\x00', 0, 1 + floor(random() * 255)::int)
	ELSE convert_to((ARRAY['@', '@', '.', '.', '<', '>', '"', '\', '+', 'com', 'co.uk', 'gmail.com', 'xn--', '-', ' ', '[', ']', ':', 'test', 'x'])[1 + floor(random() * 20)::int], 'SQL_ASCII') END, '')) AS address
FROM generate_series(1, 40000) n, generate_series(1, 1 + n % 12) i GROUP BY n;
DELETE FROM hostile WHERE address IS NULL;
SELECT count(*) > 5000,
	count(*) FILTER (WHERE pql.normal_email(address) IS NOT NULL) > 20,
	count(*) FILTER (WHERE pql.normal_email(pql.normal_email(address)) IS DISTINCT FROM pql.normal_email(address)),
	count(*) FILTER (WHERE pql.registrable_domain(pql.registrable_domain(address)) IS DISTINCT FROM pql.registrable_domain(address)),
	count(*) FILTER (WHERE pql.email_host(address) !~ '^[][a-z0-9_.:-]+$'),
	count(*) FILTER (WHERE octet_length(pql.email_host(address)) > 253),
	count(*) FILTER (WHERE (pql.email_kind(address) IS NULL) <> (pql.email_host(address) IS NULL)),
	count(*) FILTER (WHERE (pql.is_test_address(address) IS NULL) <> (pql.email_host(address) IS NULL)),
	count(*) FILTER (WHERE pql.canonical_domain(pql.canonical_domain(address)) IS DISTINCT FROM pql.canonical_domain(address)),
	count(pql.work_domain(address)) > 20, count(pql.email_tag(address)) >= 0
FROM hostile;
SQL
my $harmless = 't|t|0|0|0|0|0|0|0|t|t';

for my $encoding (['pql_email_utf8', "ENCODING UTF8 LOCALE 'C.UTF-8'"], ['pql_email_ascii', "ENCODING SQL_ASCII LOCALE 'C'"], ['pql_email_latin1', "ENCODING LATIN1 LOCALE 'C'"],
	['pql_email_win', "ENCODING WIN1252 LOCALE 'C'"])
{
	my ($db, $options) = @$encoding;
	database($db, $options);
	# SELECT setseed() prints an empty line
	like(ask($db, $hostile), qr/^\n?\Q$harmless\E$/, 'random bytes do no harm');
}
# the install script has letters that this encoding lacks: the library alone
is(ask('postgres', "DROP DATABASE IF EXISTS pql_email_euc; CREATE DATABASE pql_email_euc TEMPLATE template0 ENCODING EUC_JP LOCALE 'C'"), '', 'a database of Japanese');
my ($any_text) = $hostile =~ /(CREATE FUNCTION any_text.*?END \$\$;)/s;
is(ask('pql_email_euc', "CREATE SCHEMA pql; CREATE FUNCTION pql.email_host(text) RETURNS text LANGUAGE c STRICT AS '\$libdir/pql', 'pql_email_host'; $any_text"), '', 'with the library');
my $names = "SELECT pql.email_host('x\@' || any_text('\\xVALUE'::bytea) || '.de')";
sub host_in { my ($db, $hex) = @_; my $sql = $names; $sql =~ s/VALUE/$hex/; return ask($db, $sql); }
is(host_in('pql_email_utf8', '62c3bc63686572'), 'xn--bcher-kva.de', 'a host of UTF-8');
is(host_in('pql_email_latin1', '62fc63686572'), 'xn--bcher-kva.de', 'of Latin-1');
is(host_in('pql_email_latin1', '42DC43484552'), 'xn--bcher-kva.de', 'in capitals, whatever the locale');
is(host_in('pql_email_euc', 'b8f8bbca'), 'xn--55qx5d.de', 'of Japanese');
is(host_in('pql_email_ascii', '62c3bc63686572'), 'xn--bcher-kva.de', 'where nobody says what it is, UTF-8 if it can be');
is(host_in('pql_email_ascii', '62fc63686572'), '', 'and nothing if it cannot');

# --- the public suffix list ---

my $list = '/usr/share/publicsuffix/public_suffix_list.dat';
SKIP:
{
	skip "no $list", 4 unless -f $list;
	# libpsl may have been built with a newer one
	my $dated = ask('pql_email_utf8', 'SELECT extract(epoch FROM dated)::bigint FROM pql.public_suffix_version()');
	skip "$list is not what libpsl uses", 4 unless abs($dated - (stat $list)[9]) < 86400;
	is(ask('pql_email_utf8', "\\i $FindBin::Bin/../oracle/suffix.sql", '-v', "list=$list"), '', 'the rules in plain SQL');
	my ($rules, $used, $ours, $differ, $first) = split(/\|/, ask('pql_email_utf8', <<'SQL'));
-- every rule itself, below it, and above it
CREATE TABLE host AS SELECT DISTINCT p || s.rule AS host FROM oracle.suffix s, unnest(ARRAY['', 'x.', 'y.x.', 'z.y.x.', 'www.']) p
UNION SELECT substr(s.rule, strpos(s.rule, '.') + 1) FROM oracle.suffix s WHERE s.rule LIKE '%.%'
UNION SELECT 'x.unknown' UNION SELECT 'unknown' UNION SELECT 'y.x.unknown';
SELECT (SELECT count(*) FROM oracle.suffix), count(*), count(*) FILTER (WHERE ours IS NOT NULL), count(*) FILTER (WHERE ours IS DISTINCT FROM sql), min(host) FILTER (WHERE ours IS DISTINCT FROM sql)
FROM (SELECT host, pql.registrable_domain(host) AS ours, oracle.registrable(host) AS sql FROM host) h;
SQL
	cmp_ok($rules, '>', 5000, 'are many');
	cmp_ok($ours, '>', 20000, 'and so are registrable domains');
	is($differ, 0, 'which are the same by libpsl') or diag("for example $first");
}

# --- dump and restore ---

database('pql_email_dumped', '');
is(ask('pql_email_dumped', <<'SQL'), '5|5|0|{}', q{a list and rows of one's own});
SELECT * FROM pql.load_email_domains('thrown away', 'disposable', ARRAY(SELECT 't' || n || '.example' FROM generate_series(1, 5) n), 'https://lists.example', 'CC0', '7', '2026-11-20 00:00Z');
INSERT INTO pql.email_domain (domain, kind) VALUES ('gmail.com', 'work'), ('Müller.example', 'personal');
SQL
my $state = <<'SQL';
SET timezone = 'UTC';
SELECT * FROM pql.email_list ORDER BY list;
SELECT * FROM pql.email_domain ORDER BY domain, list;
SELECT pql.email_kind('x@gmail.com'), pql.email_kind('x@t3.example');
SQL
is(system("pg_dump -d pql_email_dumped -f $dir/dump.sql"), 0, 'pg_dump');
open(my $dump, '<', "$dir/dump.sql") or die;
my $text = do { local $/; <$dump> };
unlike($text, qr/^10minutemail/m, 'what comes with pql is not dumped');
is(ask('postgres', 'DROP DATABASE IF EXISTS pql_email_restored; CREATE DATABASE pql_email_restored TEMPLATE template0'), '', 'another database');
is(system("psql -X -q -v ON_ERROR_STOP=1 -d pql_email_restored -f $dir/dump.sql >$dir/log"), 0, 'restored');
my $before = ask('pql_email_dumped', $state);
is(ask('pql_email_restored', $state), $before, 'lists are as they were');
like($before, qr/work\|disposable$/, 'and in force');
# what an upgrade does to a shipped list leaves the others alone
is(ask('pql_email_restored', q{SELECT pql.ship_email_domains(E'# list: email-providers\n# kind: personal\n# source: s\n# licence: ISC\n# version: 3\nnew.example'); SELECT pql.email_kind('x@gmail.com'), pql.email_kind('x@t3.example'), pql.email_kind('x@new.example'), pql.email_kind('x@001.igg.biz')}),
	"1\nwork|disposable|personal|work", 'a new version of a shipped list replaces that list');

# --- memory ---

# hosts beyond what may be kept are forgotten, and found out anew
is(ask('pql_email_utf8', <<'SQL'), "300000|300000|2\nt", 'more hosts than are kept');
SET pql.work_mem = '8MB';
INSERT INTO pql.email_domain (domain, kind) VALUES ('h2.example', 'personal'), ('h299999.co.uk', 'personal');
BEGIN;
SELECT count(*), count(DISTINCT d), count(*) FILTER (WHERE k = 'personal') FROM (
	SELECT pql.registrable_domain(e) AS d, pql.email_kind(e) AS k
	FROM (SELECT 'x@h' || n || CASE WHEN n % 2 = 0 THEN '.example' ELSE '.co.uk' END AS e FROM generate_series(1, 300000) n) a) x;
SELECT sum(total_bytes) BETWEEN 1 AND 4000000 FROM pg_backend_memory_contexts WHERE name = 'pql hosts';
COMMIT;
SQL
is(ask('pql_email_utf8', "BEGIN; SELECT pql.email_kind('x\@h2.example'); COMMIT; SELECT count(*) FROM pg_backend_memory_contexts WHERE name ~ '^pql (hosts|e-mail|listed)'"), "personal\n0", 'and all of them with the transaction');

# --- made anew in one session ---

is(ask('pql_email_utf8', "SELECT pql.email_kind('x\@gmail.com'); DROP EXTENSION pql; CREATE EXTENSION pql; SELECT pql.email_kind('x\@gmail.com'), pql.email_kind('x\@h2.example')"), "personal\npersonal|work", 'the extension is made anew');
done_testing();
