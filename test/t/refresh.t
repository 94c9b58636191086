# CALL pql.refresh: its transactions, what ends it halfway, and that nothing is lost or found twice while others load, delete and refresh.
#
#   scripts/with-cluster prove test/t/refresh.t
#
# PQL_STRESS_SECONDS says how long they do; 6 unless told.
use strict;
use warnings;
use Test::More;
use File::Temp qw(tempdir);
use FindBin;
use lib "$FindBin::Bin/lib";
use Psql;
use Time::HiRes qw(sleep time);

my $db = 'pql_refresh_t';
my $dir = tempdir(CLEANUP => 1);
my $seconds = $ENV{PQL_STRESS_SECONDS} // 6;

my $psql = Psql->new(db => $db, settings => '-c client_min_messages=warning -c jit=off');
sub start { return $psql->start(@_); }
sub finish { return $psql->finish(@_); }
sub run { return $psql->run(@_); }

sub all_is_well
{
	my ($when) = @_;
	is(run("SELECT m.model, v.* FROM pql.active_model m CROSS JOIN LATERAL (SELECT * FROM pql.verify(m.model) LIMIT 3) v;"), '', "$when: what is kept is what judging from all events gives");
	is(run("SELECT user_id, model, started_at FROM pql.lead GROUP BY 1, 2, 3 HAVING count(*) > 1;"), '', 'no lead is there twice');
	is(run("SELECT l.user_id FROM pql.lead l FULL JOIN (SELECT * FROM pql.lead_event WHERE event = 'pql_triggered') e USING (user_id, lead_id) WHERE l.model IS NULL OR e.event IS NULL;"), '',
		'and each is logged once');
	is(run("SELECT s.user_id FROM pql.score s WHERE s.model = 'trial' AND s.qualified_at IS NOT NULL
		AND NOT EXISTS (SELECT FROM pql.lead l WHERE l.user_id = ANY (pql.ids_of(ARRAY[s.user_id])) AND l.model = s.model AND l.started_at = s.started_at);"), '', 'none is lost');
}

system("psql -X -q -d postgres -c 'SET client_min_messages = error' -c 'DROP DATABASE IF EXISTS $db' -c 'CREATE DATABASE $db'") == 0 or die;
is(run(<<'SQL'), '', 'set up');
\set ON_ERROR_STOP on
CREATE EXTENSION pql;
CREATE SCHEMA app;
INSERT INTO pql.account (account_id, employees) SELECT 'a' || n, 300 FROM generate_series(1, 50) n;
INSERT INTO pql.person (user_id, account_id) SELECT 'u' || n, 'a' || 1 + n % 50 FROM generate_series(1, 2500) n;
INSERT INTO pql.trial (user_id, started_at) SELECT 'u' || n, now() - interval '6 days' - n * interval '1 minute' FROM generate_series(1, 2000) n;
INSERT INTO pql.event (user_id, occurred_at, event, properties)
SELECT 'u' || 1 + n % 2300, now() - interval '5 days' + n * interval '17 seconds', (ARRAY['activation_complete', 'session_start', 'invite_sent', 'page_view'])[1 + n % 4], '{"invitee_email": "x", "page_path": "/pricing"}'
FROM generate_series(1, 12000) n;
SQL


# --- Its transactions ---

is(run("CALL pql.refresh(now() - interval '4 days'); SELECT count(*) FROM pql.crm_change;"), "0\n", 'one as of an earlier instant does all, though more is to come');
is(run('CALL pql.refresh();'), '', 'and one as of now');
all_is_well('after it');
like(run("SELECT users, finished_at IS NOT NULL, error IS NULL FROM pql.run;"), qr/^2[345]\d\d\|t\|t$/m, 'it reports what it did');
is(run(<<'SQL'), "t\n", 'one that finds nothing to do writes nothing');
CREATE TEMP TABLE at AS SELECT pg_current_wal_insert_lsn() AS lsn;
UPDATE at SET lsn = pg_current_wal_insert_lsn();
CALL pql.refresh();
SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), lsn) < 400 FROM at;
SQL
is(run(<<'SQL'), "t\n", 'nor reads what earlier ones left, however many they are');
INSERT INTO pql.run (as_of, started_at, finished_at) SELECT now() - n * interval '1 minute', now() - n * interval '1 minute', now() FROM generate_series(10000, 60000) n;
SELECT pg_stat_force_next_flush() \g /dev/null
CREATE TEMP TABLE before AS SELECT seq_tup_read FROM pg_stat_user_tables WHERE relid = 'pql.run'::regclass;
INSERT INTO pql.event (user_id, occurred_at, event) VALUES ('u7', now() - interval '1 minute', 'session_start');
CALL pql.refresh();
CALL pql.refresh();
SELECT pg_stat_force_next_flush() \g /dev/null
SELECT s.seq_tup_read - b.seq_tup_read < 10000 FROM pg_stat_user_tables s CROSS JOIN before b WHERE relid = 'pql.run'::regclass;
DELETE FROM pql.run WHERE as_of < now() - interval '10 days';
SQL
like(run("BEGIN; CALL pql.refresh();"), qr/invalid transaction termination/, 'not inside a transaction');
is(run("BEGIN; INSERT INTO pql.event (user_id, occurred_at, event) VALUES ('u7', now() - interval '1 minute', 'session_start'); SELECT users FROM pql.refresh_batch(); ROLLBACK;"), "1\n", 'which a batch may be');
is(run("SET default_transaction_isolation = serializable; INSERT INTO pql.event (user_id, occurred_at, event) VALUES ('u8', now() - interval '1 minute', 'session_start'); CALL pql.refresh();"),
	'', 'whatever the isolation level of the session');
run("CREATE TABLE app.trials (user_id text, started_at timestamptz); SELECT FROM pql.connect('trials', 'app.trials'); CALL pql.refresh();
	INSERT INTO app.trials VALUES ('u2400', now() - interval '1 day');");
is(run("CALL pql.refresh(); SELECT status IS NOT NULL FROM pql.score WHERE model = 'trial' AND user_id = 'u2400';"), "t\n", 'it judges what it has followed itself');
run("SELECT pql.disconnect('trials', 'app.trials');");
all_is_well('after that');


# --- Halfway ---

run("INSERT INTO pql.event (user_id, occurred_at, event) SELECT 'u' || n, now() - interval '2 minutes', 'activation_complete' FROM generate_series(1, 2400) n;");
like(run("SET statement_timeout = 300; CALL pql.refresh();"), qr/statement timeout|^$/, 'a timeout');
is(run("CALL pql.refresh();"), '', 'and again');
all_is_well('after a timeout');

run("CREATE TABLE app.events AS SELECT user_id, occurred_at, event FROM pql.event LIMIT 100; CREATE VIEW app.seen AS SELECT * FROM app.events; SELECT pql.connect('events', 'app.seen');");
is(run("CALL pql.refresh();"), '', 'a view is connected');
# Who has nothing new in a source that cannot be read is judged; who needs it (all events of u11 are read again) waits, and nothing is lost.
sub seen { run("SELECT bool_and(s.seen_until > now() - interval '10 minutes') FROM pql.state s WHERE s.user_id = '$_[0]';") }
run("DROP VIEW app.seen; DELETE FROM pql.event WHERE user_id = 'u11' AND occurred_at = (SELECT max(e.occurred_at) FROM pql.event e WHERE e.user_id = 'u11');
	INSERT INTO pql.event (user_id, occurred_at, event) VALUES ('u9', now() - interval '1 minute', 'session_start'), ('u11', now() - interval '1 minute', 'session_start');");
for my $again ('', ' again') {
	like(run("CALL pql.refresh();"), qr/refresh could not read app\.seen.*source app\.seen is not there.*pql\.disconnect\('events', 'app\.seen'\).*stays marked/s,
		"a source that is gone is named, and the error says how to go on$again");
}
is(seen('u9'), "t\n", 'others are judged');
is(run("SELECT user_id, bool_or(waits_for = 'app.seen') FROM pql.change GROUP BY 1;"), "u11|t\n", 'and who needs it waits');
like(run("SELECT error FROM pql.run ORDER BY run_id DESC LIMIT 1;"), qr/app\.seen is not there/, 'it is reported');
run("INSERT INTO pql.list_entry VALUES ('a list', 'a');");
like(run("CALL pql.refresh();"), qr/could not read app\.seen/, 'everybody can be judged meanwhile');
is(run("SELECT DISTINCT waits_for FROM pql.change WHERE user_id IS NULL;"), "app.seen\n", 'but whom only that source knows');
run("SELECT pql.disconnect('events', 'app.seen');");
is(run("CALL pql.refresh();"), '', 'when it is mended it goes on');
is(seen('u11'), "t\n", 'with who waited');
all_is_well('after that');

run("CREATE TABLE app.held AS SELECT user_id, occurred_at, event FROM pql.event LIMIT 50; SELECT pql.connect('events', 'app.held');");
run("CALL pql.refresh(); INSERT INTO app.held VALUES ('u10', now() - interval '1 minute', 'session_start');
	INSERT INTO pql.event (user_id, occurred_at, event) VALUES ('u12', now() - interval '1 minute', 'session_start');");
# everybody's events are to be read, of another model
run("SELECT pql.put_model(pql.adapt('trial', '{\"signals\": {\"integrations\": {\"at_least\": 2}}}'));");
my $holder = start("BEGIN; LOCK TABLE app.held; SELECT pg_sleep(16);");
sleep(1);
like(run("CALL pql.refresh();"), qr/refresh could not read app\.held.*lock timeout/s, 'a source that somebody holds is named');
is(run("SELECT count(*) > 0 FROM pql.change WHERE waits_for = 'app.held';"), "t\n", 'and who needs it waits');
finish($holder);
is(run("CALL pql.refresh();"), '', 'when it is free again it goes on');
is(seen('u12'), "t\n", 'with everybody');
is(run("SELECT pql.disconnect('events', 'app.held'); CALL pql.refresh();"), "\n", 'it is connected no longer');
all_is_well('after that');

# What is wrong with a row shows only when it is read.
run("CREATE TABLE app.loose (user_id text, doc jsonb); INSERT INTO app.loose VALUES ('u13', '{\"at\": \"2026-01-01T00:00:00Z\"}');
	SELECT pql.connect('events', 'app.loose', mapping => '{\"occurred_at\": \"doc.at\", \"event\": {\"is\": \"session_start\"}}');");
run("CALL pql.refresh();");
is(run("INSERT INTO app.loose VALUES ('u13', '{\"at\": \"once upon a time\"}');"), '', 'who loads nonsense may');
like(run("CALL pql.refresh();"), qr/refresh could not read app\.loose.*once upon a time/s, 'the source is named');
is(run("DELETE FROM app.loose WHERE doc ->> 'at' LIKE 'once%'; CALL pql.refresh(); SELECT pql.disconnect('events', 'app.loose'); CALL pql.refresh();"), "\n", 'without it refresh goes on');
all_is_well('after that');


# --- Everybody ---

# So many users of whom nothing is kept are read in one go; others see how far it has come.
run("INSERT INTO pql.trial (user_id, started_at) SELECT 'many' || n, now() - interval '3 days' FROM generate_series(1, 12000) n;
	INSERT INTO pql.event (user_id, occurred_at, event) SELECT 'many' || n, now() - interval '2 days' - k * interval '1 hour', 'activation_complete' FROM generate_series(1, 12000) n, generate_series(1, 2) k;");
my $everybody = start("CALL pql.refresh();");
my (%phases, %done);
for (1 .. 1000)
{
	my ($phase, $done, $total, $rate, $remaining, $time) = split(/\||\n/, run("SELECT phase, done, total, rate > 0, remaining, remaining_time > '0' FROM pql.progress;"));
	$phases{$phase}++;
	if ($phase eq 'judging' && $remaining > 0)
	{
		$done{$done} = $done + $remaining == $total && $rate eq 't' && $time eq 't';
	}
	last if run("SELECT count(*) FROM pql.score WHERE user_id LIKE 'many%' AND model = 'trial';") == 12000;
	sleep(0.05);
}
is(finish($everybody), '', 'many new users');
ok($phases{reading}, 'the phase of reading is seen from outside');
cmp_ok(scalar(keys %done), '>', 1, 'and judging, as it goes on');
is((grep { !$_ } values %done), 0, 'with numbers that agree');
is(run("SELECT phase FROM pql.progress;"), "waiting\n", 'until it is over');
is(run("SELECT users >= 12000, reread, lag IS NOT NULL FROM pql.run ORDER BY run_id DESC LIMIT 1;"), "t|0|t\n", "nobody's events were read one by one");
all_is_well('after that');
run("SELECT pql.put_model(pql.adapt('trial', '{\"signals\": {\"integrations\": {\"at_least\": 3}}}'));");
is(run("SELECT pql.state_fits('trial');"), "f\n", 'a new version');
my $leads = run("SELECT count(*) FROM pql.lead;");
is(run("CALL pql.refresh(); SELECT users >= 12000, reread FROM pql.run ORDER BY run_id DESC LIMIT 1;"), "t|0\n", 'nor for one that keeps something else');
cmp_ok(run("SELECT count(*) FROM pql.lead;"), '>=', $leads, 'which loses no lead');
all_is_well('after that');
is(run(<<'SQL'), "0|t\n", 'many events of now are no reason to look at everybody');
SET track_functions = 'pl';
INSERT INTO pql.event (user_id, occurred_at, event) SELECT 'many' || n, now(), 'session_start' FROM generate_series(1, 12000) n;
CALL pql.refresh();
SELECT pg_stat_force_next_flush() \g /dev/null
SELECT (SELECT count(*) FROM pg_stat_user_functions f WHERE f.funcid = 'pql.share_to_reread'::regproc), (SELECT users >= 12000 FROM pql.run ORDER BY run_id DESC LIMIT 1);
SQL
is(run(<<'SQL'), "1\n", 'late ones are');
SET track_functions = 'pl';
INSERT INTO pql.event (user_id, occurred_at, event) SELECT 'many' || n, now() - interval '1 day', 'session_start' FROM generate_series(1, 12000) n;
CALL pql.refresh();
SELECT pg_stat_force_next_flush() \g /dev/null
SELECT count(*) FROM pg_stat_user_functions f WHERE f.funcid = 'pql.share_to_reread'::regproc;
SQL
all_is_well('after them');


# --- All at once ---

# Without the many, of whom each refresh that judges everybody would be made anew.
is(run("DELETE FROM pql.trial WHERE user_id LIKE 'many%'; DELETE FROM pql.event WHERE user_id LIKE 'many%'; CALL pql.refresh();"), '', 'the many go');
is(run("SELECT count(*) FROM pql.score WHERE user_id LIKE 'many%';"), "0\n", 'and nothing is kept of them');

# Loaders keep a transaction open for a while, so that what is loaded later is seen earlier. Everything is at random, and differs from run to run.
my $end = "clock_timestamp() < '" . run("SELECT clock_timestamp() + interval '$seconds seconds'") =~ s/\n//r . "'";
my $loader = <<"SQL";
DO \$\$ BEGIN
	WHILE $end LOOP
		INSERT INTO pql.event (user_id, occurred_at, event, properties)
		SELECT 'u' || 1 + (random() * 2400)::int, now() - random() * interval '6 days', (ARRAY['activation_complete', 'session_start', 'invite_sent', 'integration_connected'])[1 + (random() * 3.99)::int],
			'{"invitee_email": "x", "integration_type": "y"}' FROM generate_series(1, 1 + (random() * 20)::int) n;
		PERFORM pg_sleep(random() * 0.05);
		IF random() < 0.1 THEN ROLLBACK; ELSE COMMIT; END IF;
	END LOOP;
END \$\$;
SQL
my $deleter = <<"SQL";
DO \$\$ BEGIN
	WHILE $end LOOP
		DELETE FROM pql.event WHERE user_id = 'u' || 1 + (random() * 2400)::int AND random() < 0.5;
		PERFORM pg_sleep(random() * 0.02);
		COMMIT;
		UPDATE pql.event SET user_id = 'u' || 1 + (random() * 2400)::int WHERE ctid IN (SELECT e.ctid FROM pql.event e WHERE e.user_id = 'u' || 1 + (random() * 2400)::int LIMIT 1);
		COMMIT;
	END LOOP;
END \$\$;
SQL
my $trials = <<"SQL";
DO \$\$ BEGIN
	WHILE $end LOOP
		INSERT INTO pql.trial (user_id, started_at) VALUES ('u' || 1 + (random() * 2400)::int, now() - random() * interval '9 days') ON CONFLICT DO NOTHING;
		PERFORM pg_sleep(random() * 0.03);
		COMMIT;
		DELETE FROM pql.trial WHERE user_id = 'u' || 1 + (random() * 2400)::int;
		COMMIT;
		UPDATE pql.account SET employees = 100 + (random() * 400)::int WHERE account_id = 'a' || 1 + (random() * 49)::int;
		COMMIT;
		UPDATE pql.person SET account_id = nullif('a' || (random() * 50)::int, 'a0') WHERE user_id = 'u' || 1 + (random() * 2400)::int;
		COMMIT;
	END LOOP;
END \$\$;
SQL
# Who is whom changes, too: pairs are found to be one person, and not to be.
my $linker = <<"SQL";
DO \$\$ DECLARE it bigint; BEGIN
	WHILE $end LOOP
		PERFORM pql.link_identities('user', 'u' || n, 'user', 'u' || n + 1, 'test', 'test', '-infinity') FROM (SELECT 1 + (random() * 2400)::int AS n OFFSET 0) x;
		PERFORM pg_sleep(random() * 0.05);
		IF random() < 0.1 THEN ROLLBACK; ELSE COMMIT; END IF;
		SELECT l.link_id INTO it FROM pql.link l WHERE l.undone_at IS NULL AND random() < 0.3 LIMIT 1;
		IF FOUND THEN PERFORM pql.unlink(it, 'test'); END IF;
		COMMIT;
	END LOOP;
END \$\$;
SQL
my $models = <<"SQL";
DO \$\$ BEGIN
	WHILE $end LOOP
		PERFORM pg_sleep(1.5);
		PERFORM pql.put_model(pql.adapt('trial', jsonb_build_object('signals', jsonb_build_object('invites', jsonb_build_object('points', 2 + (random() * 3)::int)))));
		COMMIT;
	END LOOP;
END \$\$;
SQL
is(run("SELECT FROM pql.activate_model('account', 1);"), '', 'accounts are judged, too');
my @others = map { start($_) } $loader, $loader, $loader, $loader, $deleter, $deleter, $trials, $linker, $models;
my @refreshers;
for (1 .. 3)
{
	my $pid = fork() // die;
	if ($pid == 0)
	{
		my $until = time + $seconds;
		my $said = '';
		while (time < $until) { $said .= run("CALL pql.refresh();"); }
		open(my $out, '>', "$dir/refresher.$$") or die;
		print $out $said;
		close($out);
		require POSIX;
		POSIX::_exit(0);
	}
	push @refreshers, $pid;
}
is(finish($_), '', 'whoever loads is not disturbed') for @others;
waitpid($_, 0) for @refreshers;
for (@refreshers)
{
	open(my $out, '<', "$dir/refresher.$_") or die;
	local $/;
	is(<$out> // '', '', 'nor whoever refreshes');
}
is(run("CALL pql.refresh();"), '', 'a last refresh');
is(run("SELECT count(*) FROM pql.change WHERE due_at <= now();"), "0\n", 'leaves nothing to do');
all_is_well('after all that');
cmp_ok(run("SELECT count(*) FROM pql.run;"), '>', 5, 'there were refreshes meanwhile');
cmp_ok(run("SELECT count(*) FROM pql.link;"), '>', 20, 'and people with several ids');
# One trial, under whichever of its person's ids: linked since each was found it may have two leads, but not when it was found under both at once.
is(run("SELECT l.user_id, m.user_id FROM pql.lead l JOIN pql.alias a ON a.user_id = l.user_id JOIN pql.lead m ON m.user_id = a.same_as AND m.model = l.model AND m.started_at = l.started_at
	WHERE l.started_at > '-infinity' AND NOT EXISTS (SELECT FROM pql.trial t WHERE t.user_id = l.user_id AND t.started_at = l.started_at) AND l.triggered_at = m.triggered_at;"), '', 'nobody is found under two ids');

system("psql -X -q -d postgres -c 'DROP DATABASE $db'");
done_testing();
