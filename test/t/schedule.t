# pql.schedule with the real pg_cron, on a server of its own that loads it; and without.
#
#   scripts/with-cluster prove test/t/schedule.t
use strict;
use warnings;
use Test::More;
use FindBin;
use lib "$FindBin::Bin/lib";
use Server;
use Time::HiRes qw(sleep);

my $server = Server->new(port => 65435);
my $dir = $server->{dir};
my $db = 'pql_schedule_t';

is($server->program('initdb', '-D', "$dir/data", '-U', 'postgres', '-A', 'trust', '--no-sync'), 0, 'a cluster') or BAIL_OUT($server->said);
chomp(my $libraries = qx(\${PG_CONFIG:-pg_config} --pkglibdir));
my $cron = -e "$libraries/pg_cron.so";
is($server->start(settings => '-c fsync=off' . ($cron ? " -c shared_preload_libraries=pg_cron -c cron.database_name=$db -c cron.host=$dir" : '')), 0, 'a server') or BAIL_OUT($server->said);
$server->ask('postgres', "CREATE DATABASE $db");
is($server->ask($db, 'CREATE EXTENSION pql;'), '', 'with pql');

# --- Without pg_cron ---

my $lines = $server->ask($db, "SELECT pql.schedule('5 minutes');");
like($lines, qr/^pg_cron is not installed in the database $db, so nothing was scheduled/, 'without pg_cron it says so');
like($lines, qr{^\*/5 \* \* \* \* psql -X -q -d $db -c 'CALL pql\.refresh\(\)'$}m, 'and gives the line for cron');
like($lines, qr{^ExecStart=psql -X -q -d $db -c "CALL pql\.refresh\(\)"$}m, 'the unit for systemd');
like($lines, qr{^OnUnitActiveSec=300$}m, 'and its timer');
unlike($server->ask($db, "SELECT pql.schedule('20 seconds');"), qr/crontab/, 'cron does not count seconds');
like($server->ask($db, 'SELECT pql.unschedule();'), qr/no schedule of pql\.refresh/, 'nothing to end');
is($server->ask($db, "SELECT string_agg(pql.cron_times(i::interval), ' | ') FROM unnest(ARRAY['1 second', '59 seconds', '1 minute', '15 minutes', '1 hour', '6 hours', '1 day']) i;"),
	"1 seconds | 59 seconds | * * * * * | */15 * * * * | 0 * * * * | 0 */6 * * * | 0 0 * * *\n", 'as cron writes it');
for my $every ('7 minutes', '90 seconds', '-1 minute', '0', '5 hours', '2 days', '0.5 seconds', '90 minutes')
{
	like($server->ask($db, "SELECT pql.schedule('$every');"), qr/no schedule repeats every .*HINT:.*part of an hour/s, "not every $every");
}
like($server->ask($db, 'SELECT pql.schedule(NULL);'), qr/every is NULL/, 'nor never');

# --- With it ---

SKIP:
{
	skip 'pg_cron is not installed', 7 unless $cron;
	is($server->ask($db, 'CREATE EXTENSION pg_cron;'), '', 'pg_cron');
	like($server->ask($db, "SELECT pql.schedule('5 minutes'); SELECT pql.schedule();"), qr/pg_cron calls pql\.refresh\(\) every 00:01:00 \(\* \* \* \* \*\)/, 'it is scheduled');
	is($server->ask($db, "SELECT count(*), min(schedule) FROM cron.job;"), "1|* * * * *\n", 'once, the last time counting');
	$server->ask($db, "INSERT INTO pql.person (user_id) VALUES ('u');");
	# which are counted from 1.5 on
	my $minutes_only = $server->ask($db, "SELECT extversion ~ '^1[.][0-4]\\M' FROM pg_extension WHERE extname = 'pg_cron';") eq "t\n";
	like($server->ask($db, "BEGIN; SELECT pql.schedule('20 seconds'); ROLLBACK;"), $minutes_only ? qr/^pg_cron 1\.\S+ counts minutes only/ : qr/every 00:00:20 \(20 seconds\)/, 'every few seconds, where it can');
	my $runs = '';
	for (1 .. 150)
	{
		$runs = $server->ask($db, 'SELECT users, triggered FROM pql.run;');
		last if $runs ne '';
		sleep(0.5);
	}
	is($runs, "1|0\n", 'and pg_cron refreshes') or diag($server->ask($db, 'SELECT * FROM cron.job_run_details;'));
	like($server->ask($db, 'SELECT pql.unschedule();'), qr/no longer/, 'it is ended');
	is($server->ask($db, 'SELECT count(*) FROM cron.job;'), "0\n", 'for good');
}
is($server->stop, 0, 'the server stops');
done_testing();
