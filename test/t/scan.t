# Scoring with workers: which path ran, while others write, when it is cancelled, and when a process of it fails.
#
#   scripts/with-cluster prove test/t/scan.t
use strict;
use warnings;
use Test::More;
use FindBin;
use lib "$FindBin::Bin/lib";
use Psql;
use Time::HiRes qw(sleep);

my $db = 'pql_scan_t';
# nothing here takes a minute: a test that hangs is a test that fails
my $psql = Psql->new(db => $db, settings => '-c min_parallel_table_scan_size=0 -c max_parallel_workers_per_gather=2 -c jit=off -c statement_timeout=30s', errors_apart => 1, within => 60);

# Both give what is known of one: {out}, {err} and {took}.
sub start { my ($sql, %option) = @_; return $psql->start($sql, arguments => [ '-U', $option{user} // 'postgres' ]); }
sub finish { my ($run) = @_; $psql->finish($run); return $run; }
sub run { return finish(start(@_)); }

sub wait_for
{
	my ($query) = @_;
	for (1 .. 200)
	{
		return 1 if run($query)->{out} =~ /^t$/m;
		sleep(0.05);
	}
	return 0;
}

sub no_workers
{
	my ($when) = @_;
	ok(wait_for("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'parallel worker')"), "no worker is left $when");
}

system("psql -X -q -d postgres -c 'SET client_min_messages = error' -c 'DROP DATABASE IF EXISTS $db' -c 'DROP ROLE IF EXISTS pql_scan_t_reader' -c 'CREATE DATABASE $db'") == 0 or die;

my $setup = run(<<'SQL');
\set ON_ERROR_STOP on
SET client_min_messages = warning;
CREATE EXTENSION pql;
CREATE SCHEMA app;
INSERT INTO pql.trial (user_id, started_at) SELECT 'u' || n, '2026-03-02' FROM generate_series(1, 900) n;
INSERT INTO pql.account (account_id, employees) SELECT 'a' || n, 300 FROM generate_series(1, 900) n;
INSERT INTO pql.person (user_id, account_id) SELECT 'u' || n, 'a' || n FROM generate_series(1, 900) n;
-- some five thousand rows on as many hundred pages
CREATE TABLE app.events (user_id text, occurred_at timestamptz, event text, properties jsonb, filler char(700)) WITH (autovacuum_enabled = off);
INSERT INTO app.events SELECT 'u' || 1 + n % 600, timestamptz '2026-03-02' + n % 5000 * interval '1 minute', (ARRAY['activation_complete', 'session_start', 'invite_sent'])[1 + n % 3],
	jsonb_build_object('invitee_email', 'p' || n) FROM generate_series(1, 5000) n;
-- a view that takes its time, and one that fails: the leader's work
CREATE TABLE app.one AS SELECT text 'u1' AS user_id, timestamptz '2026-03-03' AS occurred_at, text 'session_start' AS event;
CREATE VIEW app.slow AS SELECT o.* FROM app.one o, pg_sleep(9);
CREATE VIEW app.failing AS SELECT o.* FROM app.one o WHERE 1 / (length(o.user_id) - 2) > 0;
-- What only workers do, by a policy on one of pql's own tables.
CREATE ROLE pql_scan_t_reader LOGIN;
GRANT USAGE ON SCHEMA pql, app TO pql_scan_t_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA pql, app TO pql_scan_t_reader;
CREATE FUNCTION app.in_worker() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER AS $$
	SELECT a.backend_type = 'parallel worker' FROM pg_stat_get_activity(pg_backend_pid()) a
$$;
CREATE FUNCTION app.fail_in_worker() RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
	IF app.in_worker() THEN RAISE EXCEPTION 'this worker fails' USING ERRCODE = 'PQ001'; END IF;
	RETURN true;
END
$$;
CREATE FUNCTION app.sleep_in_worker() RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
	IF app.in_worker() THEN PERFORM pg_sleep(20); END IF;
	RETURN true;
END
$$;
CREATE FUNCTION app.connect(VARIADIC sources text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	DELETE FROM pql.source;
	PERFORM pql.connect('events', s) FROM unnest(sources) s;
	PERFORM pql.disconnect('events', 'pql.event');
END
$$;
SELECT app.connect('app.events');
SQL
is($setup->{err}, '', 'set up');


# --- Which path ran ---

my $score = "SET client_min_messages = debug1; SELECT count(*) FROM pql.score_all('playbook', '2026-03-11', NULL, true);";
my $everybody = qr/^900$/m;
my $result = run($score);
like($result->{err}, qr/pql: app\.events was scanned by 3 processes, in 1 passes/, 'with workers');
like($result->{out}, $everybody, 'and everybody is there');
$result = run("SET max_parallel_workers_per_gather = 0; $score");
like($result->{err}, qr/app\.events was scanned by 1 processes, in 1 passes/, 'in one process');
$result = run("SET pql.work_mem = '1kB'; $score");
like($result->{err}, qr/app\.events was scanned by 3 processes, in ([2-9]|\d\d+) passes/, 'in many passes');
like($result->{out}, $everybody, 'and everybody is there');
$result = run("SET max_parallel_workers = 0; $score");
like($result->{err}, qr/app\.events was scanned by 1 processes/, 'when no worker can be had, alone');
like($result->{out}, $everybody, 'and everybody is there');
$result = run("SET max_parallel_workers = 1; $score");
like($result->{err}, qr/app\.events was scanned by 2 processes/, 'when one can be had, with one');
$result = run("SET min_parallel_table_scan_size = '1GB'; $score");
like($result->{err}, qr/app\.events was scanned by 1 processes/, 'a small table is not worth workers');
$result = run("SET pql.enable_scan = off; $score");
like($result->{err}, qr/app\.events was gathered by the aggregate: pql\.enable_scan is off/, 'the aggregate, and why');
$result = run("CREATE TEMP TABLE mine AS TABLE app.events; SELECT app.connect('app.events', 'pg_temp.mine'); $score SELECT pql.disconnect('events', 'pg_temp.mine');");
like($result->{err}, qr/mine was scanned by 1 processes/, 'temporary tables are read without workers');
like($result->{out}, $everybody, 'and everybody is there');
no_workers('afterwards');


# --- While others write ---

# One writer makes a table grow and takes it back, another moves rows about and commits. What score_all says of activations is what SQL
# says of them in the same snapshot. Two tables and more, so that one that grows could move the others' blocks in the count.
run(<<'SQL');
CREATE TABLE app.a_grows (LIKE app.events) WITH (autovacuum_enabled = off);
ALTER TABLE app.a_grows ALTER filler SET STORAGE plain;
CREATE TABLE app.b_moves (LIKE app.events) WITH (autovacuum_enabled = off);
ALTER TABLE app.b_moves ALTER filler SET STORAGE plain;
INSERT INTO app.a_grows SELECT 'u' || n, '2026-03-03', 'activation_complete' FROM generate_series(1, 10) n;
INSERT INTO app.b_moves SELECT 'u' || n, '2026-03-03', 'activation_complete' FROM generate_series(1, 300) n;
SELECT app.connect('app.a_grows', 'app.b_moves');
SQL
my @writers = (
	start(<<'SQL'),
DO $$ BEGIN
	FOR i IN 1 .. 4 LOOP
		BEGIN
			INSERT INTO app.a_grows SELECT 'u' || 350, '2026-03-03', 'activation_complete', NULL, 'x' FROM generate_series(1, 20000) n;
			RAISE EXCEPTION 'never mind' USING ERRCODE = 'PQ002';
		EXCEPTION WHEN SQLSTATE 'PQ002' THEN NULL;
		END;
		COMMIT;
	END LOOP;
END $$;
SQL
	start(<<'SQL'));
DO $$ BEGIN
	FOR i IN 1 .. 1500 LOOP
		-- one activation goes, one comes, in one transaction
		DELETE FROM app.b_moves WHERE ctid = (SELECT ctid FROM app.b_moves LIMIT 1);
		INSERT INTO app.b_moves SELECT 'u' || 1 + i % 400, '2026-03-03', 'activation_complete', NULL, 'x';
		COMMIT;
	END LOOP;
END $$;
SQL
my $watched = run(<<'SQL');
DO $$
DECLARE
	rounds int := 0;
	wrong int := 0;
	first_wrong text;
	scored int;
	counted int;
	differ int;
	seen int[] := '{}';
BEGIN
	WHILE rounds < 40 OR rounds < 400 AND EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%never mind%' AND pid <> pg_backend_pid() AND state <> 'idle') LOOP
		WITH s AS MATERIALIZED (SELECT x.user_id FROM pql.score_all('trial', '2026-03-11') x WHERE 'activated' = ANY (x.signals)),
			e AS MATERIALIZED (SELECT DISTINCT u.user_id FROM (SELECT user_id FROM app.a_grows UNION ALL SELECT user_id FROM app.b_moves) u)
		SELECT (SELECT count(*) FROM s), (SELECT count(*) FROM e), (SELECT count(*) FROM s FULL JOIN e USING (user_id) WHERE s.user_id IS NULL OR e.user_id IS NULL)
		INTO scored, counted, differ;
		rounds := rounds + 1;
		wrong := wrong + (differ > 0)::int;
		IF differ > 0 THEN first_wrong := coalesce(first_wrong, format('%s scored, %s counted, %s differ', scored, counted, differ)); END IF;
		seen := seen || counted;
		COMMIT;
	END LOOP;
	RAISE NOTICE 'rounds %, wrong %, %, states %', rounds, wrong, first_wrong, (SELECT count(DISTINCT c) FROM unnest(seen) c);
END $$;
SQL
finish($_) for @writers;
like($watched->{err}, qr/rounds \d+, wrong 0,/, 'while a table grows and another changes, every answer is that of its snapshot');
like($watched->{err}, qr/states ([2-9]|\d\d)/, 'and there were changes');
is($_->{err}, '', 'the writer was not disturbed') for @writers;
run("SELECT app.connect('app.events'); DROP TABLE app.a_grows, app.b_moves");


# --- Cancelled ---

my $usable = "SELECT count(*) FROM pql.score_all('playbook', '2026-03-11'); \n";

# the leader at work, its workers waiting for it
# connecting looks at a sample of it, which takes as long as it takes
run("SELECT app.connect('app.events', 'app.slow');");
$result = run("SET statement_timeout = '700ms'; SELECT count(*) FROM pql.score_all('trial', '2026-03-11'); SELECT app.connect('app.events'); SET statement_timeout = '30s'; $usable");
like($result->{err}, qr/canceling statement due to statement timeout/, 'statement_timeout while the leader reads and workers wait');
cmp_ok($result->{took}, '<', 6, 'it ends soon');
like($result->{out}, $everybody, 'and the session goes on');
no_workers('after it');

# workers at work, the leader waiting for them
run('ALTER TABLE pql.person ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON pql.person USING (app.sleep_in_worker());');
$result = run("SET statement_timeout = '700ms'; SELECT count(*) FROM pql.score_all('trial', '2026-03-11'); SET statement_timeout = '30s'; SET max_parallel_workers_per_gather = 0; $usable", user => 'pql_scan_t_reader');
like($result->{err}, qr/canceling statement due to statement timeout/, 'statement_timeout while workers judge');
cmp_ok($result->{took}, '<', 10, 'it ends soon');
like($result->{out}, $everybody, 'and the session goes on');
no_workers('after it');

my $cancelled = start("SELECT count(*) FROM pql.score_all('trial', '2026-03-11'); SET max_parallel_workers_per_gather = 0; $usable", user => 'pql_scan_t_reader');
ok(wait_for("SELECT count(*) = 2 FROM pg_stat_activity WHERE backend_type = 'parallel worker' AND wait_event = 'PgSleep'"), 'two workers are at it');
run("SELECT pg_cancel_backend(leader_pid) FROM pg_stat_activity WHERE backend_type = 'parallel worker' LIMIT 1");
finish($cancelled);
like($cancelled->{err}, qr/canceling statement due to user request/, 'pg_cancel_backend of the leader');
cmp_ok($cancelled->{took}, '<', 12, 'it ends soon');
like($cancelled->{out}, $everybody, 'and the session goes on');
no_workers('after it');

$cancelled = start("SELECT count(*) FROM pql.score_all('trial', '2026-03-11'); SET max_parallel_workers_per_gather = 0; $usable", user => 'pql_scan_t_reader');
ok(wait_for("SELECT count(*) = 2 FROM pg_stat_activity WHERE backend_type = 'parallel worker' AND wait_event = 'PgSleep'"), 'two workers are at it again');
run("SELECT pg_terminate_backend(max(pid)) FROM pg_stat_activity WHERE backend_type = 'parallel worker'");
finish($cancelled);
like($cancelled->{err}, qr/terminating (connection|background worker)/, 'pg_terminate_backend of a worker');
cmp_ok($cancelled->{took}, '<', 12, 'it ends soon');
like($cancelled->{out}, $everybody, 'and the session goes on');
no_workers('after it');

$cancelled = start("SELECT count(*) FROM pql.score_all('trial', '2026-03-11');", user => 'pql_scan_t_reader');
ok(wait_for("SELECT count(*) = 2 FROM pg_stat_activity WHERE backend_type = 'parallel worker' AND wait_event = 'PgSleep'"), 'and once more');
run("SELECT pg_terminate_backend(leader_pid) FROM pg_stat_activity WHERE backend_type = 'parallel worker' LIMIT 1");
finish($cancelled);
like($cancelled->{err}, qr/terminating connection due to administrator command/, 'pg_terminate_backend of the leader');
no_workers('after it');
run('DROP POLICY p ON pql.person; ALTER TABLE pql.person DISABLE ROW LEVEL SECURITY;');


# --- Failing ---

# Caught in a block, many times over, and the states counted. The block's errors are all the one that was raised, never that a worker is gone.
my $caught = <<'SQL';
DO $$
DECLARE
	states text[] := '{}';
	context text;
	in_worker int := 0;
BEGIN
	FOR i IN 1 .. 12 LOOP
		BEGIN
			PERFORM pql.score_all('trial', '2026-03-11');
			states := states || 'none'::text;
		EXCEPTION WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
			in_worker := in_worker + (context LIKE '%parallel worker%')::int;
			states := states || format('%s %s', SQLSTATE, SQLERRM);
		END;
	END LOOP;
	RAISE NOTICE 'in workers: %, states: %', in_worker, (SELECT string_agg(DISTINCT s, '; ') FROM unnest(states) s);
END $$;
SQL

# when users are let in, and when they are judged
for my $table ('trial', 'person', 'account')
{
	for my $workers (1, 3)
	{
		run("ALTER TABLE pql.$table ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON pql.$table USING (app.fail_in_worker());");
		$result = run("SET max_parallel_workers_per_gather = $workers; $caught SET max_parallel_workers_per_gather = 0; $usable", user => 'pql_scan_t_reader');
		# users may be let in by the leader alone
		like($result->{err}, $table eq 'trial' ? qr/states: (PQ001 this worker fails|none)$/m : qr/in workers: 12, states: PQ001 this worker fails$/m,
			"$workers workers that fail at pql.$table: their own error");
		like($result->{out}, $everybody, 'and the session goes on');
		run("DROP POLICY p ON pql.$table; ALTER TABLE pql.$table DISABLE ROW LEVEL SECURITY;");
	}
}
no_workers('after failures');

# when events are read: in whichever process comes to the row
run(<<'SQL');
CREATE TABLE app.broken (user_id text, occurred_at timestamptz, event text, properties json, filler char(2000)) WITH (autovacuum_enabled = off);
ALTER TABLE app.broken ALTER filler SET STORAGE plain;
INSERT INTO app.broken SELECT 'u' || 1 + n % 300, '2026-03-03', 'invite_sent', '{"invitee_email": "x"}', 'x' FROM generate_series(1, 3000) n;
UPDATE app.broken SET properties = '{"invitee_email": "\u0000"}' WHERE ctid IN (SELECT ctid FROM app.broken LIMIT 1 OFFSET 1500);
SELECT app.connect('app.broken');
SQL
for my $workers (1, 3)
{
	$result = run("SET max_parallel_workers_per_gather = $workers; $caught SELECT app.connect('app.events'); $usable SELECT app.connect('app.broken');");
	like($result->{err}, qr/states: 22P05 unsupported Unicode escape sequence$/m, "JSON that is none, $workers workers: its own error");
	like($result->{out}, $everybody, 'and the session goes on');
}

# the leader, while workers wait for it
$result = run("SELECT app.connect('app.events', 'app.failing'); $caught SELECT app.connect('app.events'); $usable");
like($result->{err}, qr/in workers: 0, states: 22012 division by zero$/m, 'the leader fails while workers wait: its own error');
like($result->{out}, $everybody, 'and the session goes on');
no_workers('in the end');

system("psql -X -q -d postgres -c 'DROP DATABASE $db' -c 'DROP ROLE pql_scan_t_reader'");
done_testing();
