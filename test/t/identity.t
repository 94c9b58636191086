# Who is whom in data that nobody here made: users with workspaces and invitations, and people with known duplicates. And through dump and restore.
#
#   scripts/with-cluster prove test/t/identity.t
use strict;
use warnings;
use Test::More;
use FindBin;
use lib "$FindBin::Bin/lib";
use Psql;
use File::Temp qw(tempdir);

my $dir = tempdir(CLEANUP => 1);
chmod 0755, $dir;
my $data = $ENV{PQL_DATA} // "$FindBin::Bin/../../../shared/data";
my $psql = Psql->new(settings => '-c client_min_messages=warning -c jit=off', arguments => [ '-v', 'ON_ERROR_STOP=1' ]);
sub ask { my ($db, $sql) = @_; my $said = $psql->run($sql, db => $db); chomp $said; return $said; }

sub database
{
	my ($db) = @_;
	is(ask('postgres', "DROP DATABASE IF EXISTS $db; CREATE DATABASE $db"), '', "database $db") or BAIL_OUT('no database');
}

sub unpacked
{
	my ($file) = @_;
	system("gunzip -c '$data/$file' > $dir/data.csv") == 0 or die "$file";
	return "$dir/data.csv";
}

# --- users of a product: 12,000 of them, in 417 organisations, 6,417 of them invited ---

SKIP: {
	skip "no $data/relax_users", 15 unless -e "$data/relax_users/users.csv.gz";
	my $csv = unpacked('relax_users/users.csv.gz');
	database('pql_relax');
	is(ask('pql_relax', <<"SQL"), '', 'users as people, invitations as events');
CREATE EXTENSION pql;
CREATE TABLE relax (user_id text, created_at timestamptz, email text, creation_source text, last_session_at timestamptz, mailing int, drip int, org_id text, invited_by text);
\\copy relax FROM '$csv' CSV HEADER
INSERT INTO pql.person (user_id, email, signed_up_at, attributes) SELECT user_id, email, created_at, jsonb_build_object('workspace_id', org_id) FROM relax;
INSERT INTO pql.event (user_id, occurred_at, event, properties, received_at, event_id)
SELECT invited_by, created_at, 'invite_sent', jsonb_build_object('invitee_email', email), created_at, user_id FROM relax WHERE invited_by IS NOT NULL;
SQL
	is(ask('pql_relax', "SELECT * FROM pql.collect_links('2026-01-01')"), "email|12000|12000|0\ngroup|12000|12000|0", 'links with addresses and workspaces');
	is(ask('pql_relax', "SELECT * FROM pql.derive_accounts('2026-01-01')"), 'workspace|12000|12000|0', 'everybody has an account');
	is(ask('pql_relax', 'SELECT count(*), count(account_id), count(DISTINCT account_id) FROM pql.person'), '12000|12000|417', '12,000 users in 417 organisations');
	is(ask('pql_relax', 'SELECT count(*) FROM pql.account'), '417', 'which are accounts');
	is(ask('pql_relax', 'SELECT count(*) FROM pql.person p JOIN relax r USING (user_id) WHERE p.account_id IS DISTINCT FROM r.org_id'), '0', 'each in its own');
	# an invitation to an address, at the instant at which somebody with that address signed up
	is(ask('pql_relax', <<'SQL'), '6417', '6,417 were invited');
SELECT count(*) FROM pql.person p JOIN pql.event e ON e.event = 'invite_sent' AND e.occurred_at = p.signed_up_at AND pql.normal_email(e.properties ->> 'invitee_email') = pql.normal_email(p.email)
SQL
	is(ask('pql_relax', <<'SQL'), 't', 'who share an address, and nobody else, are one');
SELECT count(*) = (SELECT 12000 - count(DISTINCT pql.normal_email(email)) FROM pql.person) AND count(*) > 0 FROM pql.alias
SQL
	is(ask('pql_relax', "SELECT numerator, denominator FROM pql.identity_coverage WHERE measure IN ('people_with_account', 'account_by_workspace')"), "12000|12000\n12000|12000", 'coverage');
	# once more, without workspaces: by domain, where that is a company's
	is(ask('pql_relax', <<'SQL'), 't|t|0', 'without workspaces');
UPDATE pql.person SET attributes = NULL;
SELECT * FROM pql.collect_links('2026-02-01') \g /dev/null
SELECT * FROM pql.derive_accounts('2026-02-01') \g /dev/null
SELECT count(account_id) = count(pql.work_domain(email)), count(account_id) BETWEEN 1 AND 11999, count(*) FILTER (WHERE account_id IS NOT NULL AND account_id <> pql.work_domain(email)) FROM pql.person
SQL
	is(ask('pql_relax', "SELECT count(*) FROM pql.person_account WHERE undone_by = 'pql' AND reason = 'workspace'"), '12000', 'what held before is kept, with the reason');

	# --- through dump and restore ---
	ask('pql_relax', "INSERT INTO pql.identifier_kind (kind, class, place, most) VALUES ('badge', 'person', 45, 1), ('visitor', 'person', 50, 1); "
		. "SELECT pql.link_identities('badge', 'b', 'user', '1'), pql.link_identities('visitor', 'v', 'user', n::text) FROM generate_series(1, 2) n");
	database('pql_relax_restored');
	is(system("pg_dump -d pql_relax -f $dir/dump.sql && psql -X -q -v ON_ERROR_STOP=1 -d pql_relax_restored -f $dir/dump.sql > $dir/restore.log 2>&1"), 0, 'dumped and restored');
	my $state = "SELECT (SELECT count(*) FROM pql.link), (SELECT md5(string_agg(i::text, ' ' ORDER BY i.kind, i.id)) FROM pql.identity i), (SELECT count(*) FROM pql.person_account), pql.rebuild_identities()";
	is(ask('pql_relax_restored', $state), ask('pql_relax', $state), 'who is whom is what it was');
}

# --- people, each of them twice, with slips ---

SKIP: {
	skip "no $data/febrl", 8 unless -e "$data/febrl/febrl_dataset1.csv.gz";
	my $csv = unpacked('febrl/febrl_dataset1.csv.gz');
	database('pql_febrl');
	is(ask('pql_febrl', <<"SQL"), '', '1,000 records of 500 people, without their social security number');
CREATE EXTENSION pql;
CREATE TABLE febrl (rec_id text, given_name text, surname text, street_number text, address_1 text, address_2 text, suburb text, postcode text, state text, date_of_birth text, soc_sec_id text);
\\copy febrl FROM '$csv' CSV HEADER
INSERT INTO pql.person (user_id, attributes) SELECT rec_id, to_jsonb(f) - 'rec_id' - 'soc_sec_id' FROM febrl f;
SQL
	my $measure = "SELECT count(*) FILTER (WHERE split_part(a, '-', 2) = split_part(b, '-', 2))::float8 / count(*), count(*) FILTER (WHERE split_part(a, '-', 2) = split_part(b, '-', 2)) / 500.0 FROM pql.identity_proposal";
	for my $threshold ('NULL', '0', '25')
	{
		ask('pql_febrl', "DELETE FROM pql.identity_proposal; SELECT pql.propose_identities($threshold)");
		my ($precision, $recall) = split /\|/, ask('pql_febrl', $measure);
		note(sprintf 'threshold %s: pair precision %.4f, recall %.4f', $threshold, $precision, $recall);
		my $at = $threshold eq 'NULL' ? 'the threshold of 1,000 people' : "$threshold bits";
		cmp_ok($precision, '>=', 0.98, "precision at $at");
		cmp_ok($recall, '>=', 0.90, "recall at $at");
	}
}

done_testing();
