# kill -9 of backends and of the postmaster, while others load and refresh: nothing that qualifies is lost, and nothing is found twice.
#
#   scripts/with-cluster prove test/t/crash.t
#
# On a server of its own. PQL_KILLS says how often; 10 unless told.
use strict;
use warnings;
use Test::More;
use FindBin;
use lib "$FindBin::Bin/lib";
use POSIX qw(_exit);
use Server;
use Time::HiRes qw(sleep time);

my $kills = $ENV{PQL_KILLS} // 10;
my $db = 'crash';
my $server = Server->new(port => 65434);
my $dir = $server->{dir};
# Processes are killed, not the machine: what was written is in the system's memory.
my $settings = '-c fsync=off -c jit=off -c client_min_messages=warning -c restart_after_crash=on';

is($server->program('initdb', '-D', "$dir/data", '-U', 'postgres', '-A', 'trust', '--no-sync'), 0, 'a cluster') or BAIL_OUT($server->said);
is($server->start(settings => $settings), 0, 'a server') or BAIL_OUT($server->said);
$server->ask('postgres', "CREATE DATABASE $db");
is($server->ask($db, <<'SQL'), '', 'set up');
\set ON_ERROR_STOP on
CREATE EXTENSION pql;
INSERT INTO pql.account (account_id, employees) VALUES ('a', 300);
INSERT INTO pql.person (user_id, account_id) SELECT 'u' || n, 'a' FROM generate_series(1, 600) n;
INSERT INTO pql.trial (user_id, started_at) SELECT 'u' || n, now() - interval '5 days' - n * interval '1 minute' FROM generate_series(1, 600) n;
CREATE SCHEMA app;
CREATE TABLE app.trials (user_id text, started_at timestamptz, plan text);
CREATE TABLE app.payments (conversion_id text, user_id text, converted_at timestamptz, mrr float8);
INSERT INTO app.trials SELECT user_id, started_at, 'basic' FROM pql.trial;
CREATE INDEX ON app.trials (user_id);
CREATE INDEX ON app.payments (user_id);
SELECT FROM pql.connect('trials', 'app.trials');
SELECT FROM pql.connect('conversions', 'app.payments');
SQL

# What each worker does again and again until it is told to end; what it loaded for good it writes down.
my $load = <<'SQL';
BEGIN;
INSERT INTO pql.event (user_id, occurred_at, event, properties)
SELECT 'u' || 1 + (random() * 599)::int, now() - random() * interval '5 days', (ARRAY['activation_complete', 'session_start', 'invite_sent', 'integration_connected'])[1 + (random() * 3.99)::int],
	'{"invitee_email": "x", "integration_type": "y"}' FROM generate_series(1, 15) n;
SELECT pg_sleep(0.02);
COMMIT;
DELETE FROM pql.event WHERE user_id = 'u' || 1 + (random() * 599)::int AND random() < 0.2;
BEGIN;
INSERT INTO app.payments SELECT gen_random_uuid(), user_id, started_at + random() * interval '30 days', 1 + (random() * 99)::int FROM app.trials WHERE random() < 0.005;
SELECT pg_sleep(0.01);
COMMIT;
DELETE FROM app.payments WHERE random() < 0.2;
DELETE FROM app.trials WHERE random() < 0.001;
INSERT INTO app.trials SELECT 'n' || gen_random_uuid(), now() - random() * interval '5 days', 'basic';
UPDATE app.trials SET plan = md5(random()::text) WHERE random() < 0.005;
SQL
sub worker
{
	my ($name, $sql) = @_;
	my $pid = fork() // die;
	return $pid if $pid > 0;
	while (!-e "$dir/end")
	{
		waitpid($server->psql($db, $sql, "$dir/$name"), 0);
		sleep(0.02);
	}
	_exit(0);
}
my @workers = (worker('load1', $load x 5), worker('load2', $load x 5), worker('refresh1', 'CALL pql.refresh();' x 3), worker('refresh2', 'CALL pql.refresh();' x 3));

my %killed = (backend => 0, postmaster => 0);
my $until = time + 20 * $kills;
while ($killed{backend} + $killed{postmaster} < $kills && time < $until)
{
	sleep(0.3 + rand(0.6));
	my $postmaster = $server->postmaster // next;
	if (rand() < 0.3)
	{
		kill('KILL', $postmaster) or next;
		for (1 .. 100) { last if $server->start(settings => $settings) == 0; sleep(0.2); }
		$killed{postmaster}++;
	}
	else
	{
		my @backends = split /\n/, $server->ask('postgres', "SELECT pid FROM pg_stat_activity WHERE datname = '$db';");
		next unless @backends && $backends[0] =~ /^\d+$/;
		my $pid = $backends[ rand @backends ];
		$killed{backend} += kill('KILL', $pid);
	}
}
open(my $end, '>', "$dir/end");
close($end);
waitpid($_, 0) for @workers;
is($killed{backend} + $killed{postmaster}, $kills, "killed $killed{backend} backends and the postmaster $killed{postmaster} times");
for (1 .. 100) { last if $server->ask($db, 'SELECT 1') eq "1\n"; sleep(0.2); }

is($server->ask($db, 'CALL pql.refresh();'), '', 'a last refresh');
is($server->ask($db, 'SELECT (SELECT count(*) FROM pql.change WHERE due_at <= now()) + (SELECT count(*) FROM pql.input_change);'), "0\n", 'leaves nothing to do');
for my $pair ([ 'trial', 'trials', 'user_id, started_at, plan' ], [ 'conversion', 'payments', 'conversion_id, user_id, converted_at, mrr' ])
{
	my ($own, $theirs, $columns) = @$pair;
	is($server->ask($db, "(SELECT $columns FROM app.$theirs EXCEPT ALL SELECT $columns FROM pql.$own) UNION ALL (SELECT $columns FROM pql.$own EXCEPT ALL SELECT $columns FROM app.$theirs) LIMIT 3;"), '',
		"pql.$own says what app.$theirs says");
}
# each user has one trial, and pays for themselves
is($server->ask($db, <<'SQL'), '', 'and each conversion is where it belongs');
SELECT t.user_id, t.converted_at, e.at FROM pql.trial t
CROSS JOIN LATERAL (SELECT min(c.converted_at) FROM app.payments c WHERE c.user_id = t.user_id AND c.converted_at BETWEEN t.started_at AND t.started_at + interval '504 hours') e (at)
WHERE t.converted_at IS DISTINCT FROM e.at LIMIT 3;
SQL
cmp_ok($server->ask($db, 'SELECT count(*) FROM pql.trial WHERE converted_at IS NOT NULL;'), '>', 0, 'there are conversions');
is($server->ask($db, 'SELECT m.model, v.* FROM pql.active_model m CROSS JOIN LATERAL (SELECT * FROM pql.verify(m.model) LIMIT 3) v;'), '', 'what is kept is what judging from all events gives');
is($server->ask($db, "SELECT count(*) FROM pql.score s LEFT JOIN pql.lead l USING (user_id, model, started_at) WHERE s.model = 'trial' AND s.qualified_at IS NOT NULL AND l.user_id IS NULL;"), "0\n",
	'no lead is lost');
is($server->ask($db, 'SELECT count(*) FROM (SELECT FROM pql.lead GROUP BY user_id, model, started_at HAVING count(*) > 1) d;'), "0\n", 'none is there twice');
is($server->ask($db, "SELECT count(*) FROM pql.lead l WHERE (SELECT count(*) FROM pql.lead_event e WHERE e.lead_id = l.lead_id AND e.event = 'pql_triggered') <> 1;"), "0\n", 'each is logged once');
cmp_ok($server->ask($db, 'SELECT count(*) FROM pql.lead;'), '>', 20, 'there are leads');
is($server->stop, 0, 'the server stops');
done_testing();
