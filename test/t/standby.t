# Scoring on a hot standby: the same answers as on the primary, by the same path, and each in its own snapshot.
#
#   scripts/with-cluster prove test/t/standby.t
use strict;
use warnings;
use Test::More;
use FindBin;
use lib "$FindBin::Bin/lib";
use Psql;
use Server;
use Time::HiRes qw(sleep);

my $db = 'pql_standby_t';
my $standby = Server->new(port => 65433);
my $dir = $standby->{dir};
my $primary = $ENV{PGHOST};

# What psql prints, errors and messages among it.
my $psql = Psql->new(db => $db, settings => '-c min_parallel_table_scan_size=0 -c max_parallel_workers_per_gather=2 -c jit=off -c client_min_messages=warning');
sub ask { my ($where, $sql) = @_; return $psql->run($sql, environment => $where eq 'standby' ? { PGHOST => $dir, PGPORT => $standby->{port} } : {}); }

sub caught_up
{
	my $lsn = ask('primary', 'SELECT pg_current_wal_insert_lsn()');
	chomp $lsn;
	for (1 .. 600)
	{
		return 1 if ask('standby', "SELECT pg_last_wal_replay_lsn() >= '$lsn'") =~ /^t$/m;
		# what is committed without waiting is flushed soon, or by this
		ask('primary', 'SELECT pg_switch_wal()') if $_ % 20 == 0;
		sleep(0.05);
	}
	return 0;
}

system("psql -X -q -d postgres -c 'SET client_min_messages = error' -c 'DROP DATABASE IF EXISTS $db' -c 'CREATE DATABASE $db'") == 0 or die;
is(ask('primary', <<'SQL'), '', 'set up');
\set ON_ERROR_STOP on
CREATE EXTENSION pql;
INSERT INTO pql.trial (user_id, started_at) SELECT 'u' || n, timestamptz '2026-03-02' + n * interval '3 minutes' FROM generate_series(1, 400) n;
INSERT INTO pql.account (account_id, employees) SELECT 'a' || n, 100 + n FROM generate_series(1, 400) n;
INSERT INTO pql.person (user_id, account_id, email) SELECT 'u' || n, 'a' || n, 'x@e' || n || '.example' FROM generate_series(1, 400) n;
INSERT INTO pql.event (user_id, occurred_at, event, properties)
SELECT 'u' || 1 + n % 450, timestamptz '2026-03-02' + n * interval '97 seconds', (ARRAY['activation_complete', 'session_start', 'invite_sent', 'page_view'])[1 + n % 4],
	jsonb_build_object('invitee_email', 'p' || n, 'page_path', '/pricing') FROM generate_series(1, 9000) n;
DELETE FROM pql.event WHERE occurred_at < '2026-03-03' AND event = 'invite_sent';
UPDATE pql.event SET event = 'activation_complete' WHERE user_id < 'u2' AND event = 'session_start';
VACUUM (ANALYZE) pql.event;
INSERT INTO pql.event (user_id, occurred_at, event) SELECT 'u' || n, '2026-03-08', 'session_start' FROM generate_series(1, 200) n;
SQL

is($standby->program('pg_basebackup', '-h', $primary, '-p', $ENV{PGPORT}, '-U', 'postgres', '-D', "$dir/data", '-R', '-c', 'fast', '-X', 'stream'), 0, 'a base backup')
	or diag($standby->said);
is($standby->start(settings => '-c max_standby_streaming_delay=-1'), 0, 'a standby') or BAIL_OUT($standby->said);

my $rows = "SELECT s FROM pql.score_all('%s', '2026-03-11', NULL, %s) s ORDER BY s.user_id COLLATE \"C\", s.started_at;";
sub same
{
	my ($when) = @_;
	ok(caught_up(), "the standby has caught up, $when");
	for my $model ('trial', 'playbook')
	{
		my $query = sprintf($rows, $model, $model eq 'trial' ? 'true' : 'false');
		my $expected = ask('primary', $query);
		cmp_ok(length($expected), '>', 10000, "$model, $when: there are answers");
		ok(ask('standby', $query) eq $expected, "and the standby's are the same");
		ok(ask('standby', "SET pql.enable_scan = off; $query") eq $expected, 'and those of its aggregate');
	}
}

same('after the backup');
like(ask('standby', "SET client_min_messages = debug1; SELECT count(*) FROM pql.score_all('trial', '2026-03-11');"),
	qr/pql\.event was scanned by 3 processes/, 'it scans, with workers');
is(ask('standby', "SELECT path FROM pql.score_path('trial');"), "scan\n", 'as it says in advance');

is(ask('primary', <<'SQL'), '', 'changes on the primary');
INSERT INTO pql.event (user_id, occurred_at, event) SELECT 'u' || n, '2026-03-09', 'activation_complete' FROM generate_series(1, 300) n;
UPDATE pql.event SET user_id = 'u399' WHERE user_id = 'u1';
DELETE FROM pql.event WHERE user_id = 'u2';
VACUUM pql.event;
SQL
same('after changes and a vacuum');

# A transaction of the standby's keeps what it saw, while the primary goes on and marks pages as seen by all.
my $query = sprintf($rows, 'trial', 'false');
my $before = ask('standby', $query);
my $held = ask('standby', <<"SQL");
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) > 0 FROM pql.event;
\\! PGHOST=$primary PGPORT=$ENV{PGPORT} PGOPTIONS= psql -X -q -d $db -c "INSERT INTO pql.event (user_id, occurred_at, event) SELECT 'u' || n, '2026-03-10', 'activation_complete' FROM generate_series(1, 400) n" -c "VACUUM pql.event"
\\! sleep 1
$query
COMMIT;
SQL
ok($held eq "t\n$before", 'a snapshot of the standby stays what it was');
same('after that');
ok(ask('standby', $query) ne $before, 'and the next one sees what has come');

is($standby->stop, 0, 'the standby stops');
system("psql -X -q -d postgres -c 'DROP DATABASE $db'");
done_testing();
