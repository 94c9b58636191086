# tools/relay: alerts reach their receivers, whatever goes wrong on the way, and /claim claims.
#
#   scripts/with-cluster prove test/t/relay.t
#
# On a server of its own, which goes down in between, with a receiver on a free port of this machine.
use strict;
use warnings;
use Test::More;
use Digest::SHA qw(hmac_sha256_hex);
use FindBin;
use lib "$FindBin::Bin/lib";
use Server;
use IO::Select;
use IO::Socket::INET;
use JSON::PP qw(decode_json);
use Time::HiRes qw(sleep time);

my $source = "$FindBin::Bin/../../tools/relay";
my $relay = "$source/pql-relay";
is(system("make -s -C $source >/dev/null"), 0, 'the relay is built') or BAIL_OUT('no relay');

my $server = Server->new(port => 65436);
my $dir = $server->{dir};
my $db = 'pql_relay_t';
my $secret = 'a-secret-that-signs';
is($server->program('initdb', '-D', "$dir/data", '-U', 'postgres', '-A', 'trust', '--no-sync'), 0, 'a cluster') or BAIL_OUT($server->said);
is($server->start(settings => '-c fsync=off'), 0, 'a server') or BAIL_OUT($server->said);
$server->ask('postgres', "CREATE DATABASE $db");
is($server->ask($db, 'CREATE EXTENSION pql;'), '', 'with pql') or BAIL_OUT($server->said);

sub sql { my $answer = $server->ask($db, $_[0]); chomp $answer; return $answer; }

# Polls until it is so; nothing here waits for a time.
sub eventually
{
	my ($name, $is_so) = @_;
	my $until = time() + 90;
	while (time() < $until)
	{
		return pass($name) if $is_so->();
		sleep(0.1);
	}
	fail($name);
	diag(slurp("$dir/relay.log"));
	diag(sql('SELECT alert_id, channel, dedupe_key, attempts, taken_until, delivered_at, failed_at, last_error FROM pql.alert ORDER BY 1'));
	return 0;
}

sub slurp { my ($path) = @_; open(my $file, '<', $path) or return ''; local $/; return <$file> // ''; }
sub spew { my ($path, $words) = @_; open(my $file, '>', "$path.new") or die; print $file $words; close($file); rename("$path.new", $path) or die; }

# --- A receiver: notes what it gets, and answers as the plan says ---

# plan(PATH => 'status Retry-After body', …): paths that are not in it get 200. "hang" never answers, "slow" after a second and a half.
my $plan = "$dir/plan";
my $noted = "$dir/noted";
sub plan_answers { my (%answer) = @_; spew($plan, join('', map { "$_ $answer{$_}\n" } sort keys %answer)); }

sub answer_one
{
	my ($client) = @_;
	my $head = '';
	while ($head !~ /\r\n\r\n/) { sysread($client, $head, 4096, length $head) or return; }
	my ($length) = $head =~ /^Content-Length: (\d+)/mi;
	$head =~ s/\r\n\r\n(.*)//s;
	my $body = $1;
	while (length $body < ($length // 0)) { sysread($client, $body, 65536, length $body) or return; }
	my ($path) = $head =~ m{^POST /(\S*) HTTP};
	my ($key) = $head =~ /^Idempotency-Key: (.*?)\r?$/mi;
	my ($type) = $head =~ /^Content-Type: (.*?)\r?$/mi;
	open(my $file, '>>', $noted) or die;
	syswrite($file, join("\t", time(), $path, $key, $type, $body) . "\n");
	close($file);
	my ($status, $after, $words) = slurp($plan) =~ /^\Q$path\E (\S+)(?: (\S+))?(?: (.*))?$/m;
	$status //= 200;
	if ($status eq 'hang') { sysread($client, my $nothing, 1); return; }
	if ($status eq 'slow') { sleep(1.5); $status = 200; }
	$words //= 'ok';
	print $client "HTTP/1.1 $status X\r\nConnection: close\r\nContent-Length: " . length($words) . "\r\n"
		. (defined $after && $after ne '-' ? "Retry-After: $after\r\n" : '') . "\r\n$words";
}

my $free = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', ReuseAddr => 1) or die;
my $port = $free->sockport;
close($free);
my $receiver;
sub start_receiver
{
	my $socket = IO::Socket::INET->new(Listen => 64, LocalAddr => '127.0.0.1', LocalPort => $port, ReuseAddr => 1) or die "port $port: $!";
	$receiver = fork() // die;
	if ($receiver == 0)
	{
		$SIG{CHLD} = 'IGNORE';
		while (1)
		{
			my $client = $socket->accept or next;
			next if fork();
			answer_one($client);
			close($client);
			require POSIX;
			POSIX::_exit(0);
		}
	}
	close($socket);
}
sub stop_receiver { kill('KILL', $receiver); waitpid($receiver, 0); }

# what came, of one key: times and bodies
sub received { my ($key) = @_; return map { [ split /\t/, $_, 5 ] } grep { (split /\t/)[2] eq $key } split /\n/, slurp($noted); }
sub times_received { return scalar(my @all = received($_[0])); }

# --- The relay ---

my %setting = (database => "host=$dir port=65436 dbname=$db user=postgres", signing_secret => $secret, listen => '127.0.0.1:0',
	poll_interval => 1, timeout => 4, visibility => 60,
	map { ("webhook.$_" => "http://127.0.0.1:$port/$_-secret-path") } qw(default other slowly hook));
sub configure { my (%changed) = (%setting, @_); my $file = "$dir/relay.conf"; spew($file, "# settings\n\n" . join('', map { "$_ = $changed{$_}\n" } sort keys %changed)); chmod(0600, $file); return $file; }

my @all_relays;
sub start_relay
{
	my ($log) = @_;
	my $file = configure();
	my $pid = fork() // die;
	if ($pid == 0)
	{
		open(STDERR, '>>', $log // "$dir/relay.log") or die;
		open(STDOUT, '>&', \*STDERR) or die;
		# PQL_RELAY_UNDER: valgrind, say
		my @under = split(' ', $ENV{PQL_RELAY_UNDER} // '');
		delete $ENV{$_} for grep { /^PQL_RELAY/ } keys %ENV;
		exec(@under, $relay, '--config', $file) or die;
	}
	push @all_relays, $pid;
	return $pid;
}
sub stop_relay { my ($pid) = @_; kill('TERM', $pid); waitpid($pid, 0); return $?; }
END { my $status = $?; kill('KILL', grep { kill(0, $_) } @all_relays, $receiver // ()); $? = $status; }

sub post { my ($key, $channel, $text) = @_; return sql("SELECT pql.post_alert('assigned', '$key', '$channel', jsonb_build_object('text', '" . ($text // 'x') . "'), now())"); }
sub delivered { my ($key) = @_; return sql("SELECT count(*) FROM pql.alert WHERE dedupe_key = '$key' AND delivered_at IS NOT NULL") eq '1'; }
sub alert { my ($key, $what) = @_; return sql("SELECT $what FROM pql.alert WHERE dedupe_key = '$key'"); }

sql("INSERT INTO pql.channel (channel, kind) VALUES ('default', 'slack'), ('other', 'slack'), ('slowly', 'slack'), ('hook', 'webhook'), ('elsewhere', 'slack');");
plan_answers();
start_receiver();

# --- Settings ---

chmod(0640, configure());
like(qx($relay --config $dir/relay.conf --check 2>&1), qr/can be read or changed by others.*chmod 600/, 'settings that others can read are refused');
isnt($? >> 8, 0, 'with a status that says so');
for ([ 'poll_interval', 'often', qr/line \d+: poll_interval must be a number of seconds/ ], [ 'webhook.x', 'http://elsewhere.example/', qr/address of channel "x" must be https/ ],
	[ 'webhook.x', 'http://localhost:1@elsewhere.example/', qr/must be https/ ], [ 'nonsense', '1', qr/unknown key "nonsense"/ ], [ 'timeout', '60', qr/visibility \(60 s\) must be longer than timeout/ ])
{
	my ($key, $value, $want) = @$_;
	configure($key => $value);
	like(qx($relay --config $dir/relay.conf --check 2>&1), $want, "not $key = $value");
}
configure();
is(qx($relay --config $dir/relay.conf --check 2>&1), '', 'and these are fine');
like(qx(PQL_RELAY_WEBHOOKS="a=https://a.example/1 b" $relay --check 2>&1), qr/write CHANNEL=URL/, 'the environment is read as well');
is(qx(PQL_RELAY_WEBHOOKS="a=https://a.example/1 b=https://b.example/2" $relay --check 2>&1), '', 'and is enough');
like(qx($relay --check 2>&1), qr/there is nothing to do/, 'without any there is nothing to do');

# --- Delivering ---

post('before', 'default', 'posted before the relay was there');
my $pid = start_relay();
eventually('what was there is delivered', sub { delivered('before') });
post('once', 'other', 'to "other", <b> & é 🙂');
post('flat', 'hook');
post('k"ey with / and ü', 'default');
sql("NOTIFY pql_alert, '1'; NOTIFY pql_alert; SELECT pg_notify('pql_alert', n::text) FROM generate_series(1, 20) n;");
eventually("what comes is, too: $_", sub { delivered($_[0] // $_) }) for ('once', 'flat', 'k"ey with / and ü');
is(times_received('once'), 1, 'once, however often it is notified');
my ($first) = received('once');
is($first->[1], 'other-secret-path', 'to its channel');
like($first->[3], qr{^application/json}, 'as JSON');
is(decode_json($first->[4])->{text}, "to \"other\", <b> & \x{e9} \x{1f642}", 'as it is in the payload');
is(decode_json((received('flat'))[0][4])->{dedupe_key}, 'flat', 'a webhook has the key in it');
is(times_received('k%22ey%20with%20%2F%20and%20%C3%BC'), 1, 'all have it in the header');
post('elsewhere', 'elsewhere');

# --- The pace ---

post("burst $_", 'default') for 1 .. 4;
eventually("burst $_", sub { delivered("burst $_") }) for 1 .. 4;
my @at = map { (received("burst%20$_"))[0][0] } 1 .. 4;
is_deeply([ sort { $a <=> $b } @at ], \@at, 'in their order');
cmp_ok($at[3] - $at[0], '>', 2, 'one a second');
is(alert('elsewhere', 'attempts'), '0', 'what is another relay\'s is left alone');

# --- Failures ---

plan_answers('other-secret-path' => '500 - broken_page');
post('five hundred', 'other');
eventually('a server error is noted', sub { alert('five hundred', 'last_error') eq 'HTTP 500 broken_page' });
post('beside', 'default');
eventually('others do not wait for it', sub { delivered('beside') });
is(alert('five hundred', 'failed_at IS NULL AND delivered_at IS NULL'), 't', 'it is not given up');
plan_answers();
eventually('and it is delivered later', sub { delivered('five hundred') });
cmp_ok(times_received('five%20hundred'), '>=', 2, 'when it was tried again');

plan_answers('slowly-secret-path' => '429 3');
post('too many', 'slowly');
post('too many 2', 'slowly');
eventually('too many requests', sub { alert('too many', 'last_error') =~ /^HTTP 429/ });
plan_answers();
eventually('wait as long as is asked', sub { delivered('too many') && delivered('too many 2') });
my @tries = map { $_->[0] } received('too%20many'), received('too%20many%202');
@tries = sort { $a <=> $b } @tries;
cmp_ok($tries[1] - $tries[0], '>', 2.9, 'the whole channel does');

plan_answers('other-secret-path' => '404 - /services/T0/secret-path was not found');
post('gone', 'other');
eventually('a hook that is gone', sub { alert('gone', 'failed_at IS NOT NULL') eq 't' });
is(times_received('gone'), 1, 'is not asked again');
is(alert('gone', 'last_error'), 'HTTP 404 ', 'and what the page says, which may be secret, is not kept');
plan_answers('other-secret-path' => '403 - invalid_token');
post('forbidden', 'other');
eventually('what Slack says is', sub { alert('forbidden', 'last_error') eq 'HTTP 403 invalid_token' });
plan_answers();
sql("SELECT pql.retry_alert(alert_id) FROM pql.alert WHERE dedupe_key = 'gone'");
eventually('it is tried again when somebody asks for it', sub { delivered('gone') });

post('nothing', 'elsewhere');
sql("ALTER TABLE pql.alert ALTER payload DROP NOT NULL; UPDATE pql.alert SET payload = NULL, channel = 'other' WHERE dedupe_key = 'nothing'; NOTIFY pql_alert;");
eventually('an alert without a message is given up', sub { alert('nothing', 'last_error') eq 'there is nothing to send' });
is(times_received('nothing'), 0, 'and nothing is sent');

stop_receiver();
post('outage', 'default');
eventually('a receiver that is away', sub { alert('outage', 'attempts') >= 1 && alert('outage', 'last_error') ne '' });
start_receiver();
eventually('gets it when it is back', sub { delivered('outage') });

# --- The database goes away ---

my $http = 0;
sub http_port { ($http) = slurp("$dir/relay.log") =~ /.*listening at 127\.0\.0\.1:0, port (\d+)/s; return $http; }
sub request
{
	my ($method, $path, $body, @headers) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => http_port(), Timeout => 10) or return '';
	local $SIG{PIPE} = 'IGNORE';
	my $length = defined $body ? 'Content-Length: ' . length($body) . "\r\n" : '';
	print $socket "$method $path HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n$length" . join('', map { "$_\r\n" } @headers) . "\r\n" . ($body // '');
	$socket->flush;
	my $answer = '';
	my $select = IO::Select->new($socket);
	while ($select->can_read(20)) { sysread($socket, $answer, 65536, length $answer) or last; }
	return $answer;
}
sub status { my ($status) = $_[0] =~ m{^HTTP/1\.1 (\d+)}; return $status // 'none'; }

is(status(request('GET', '/health')), 200, 'healthy');
like(request('GET', '/health'), qr/"database":"connected","delivered":\d+,"failed":\d+/, 'and how much it has done');
is($server->stop, 0, 'the database goes away');
eventually('which is not healthy', sub { status(request('GET', '/health')) eq '503' });
is($server->start(settings => '-c fsync=off'), 0, 'and comes back');
post('after the outage', 'default');
eventually('the relay does, too', sub { delivered('after the outage') });
is(status(request('GET', '/health')), 200, 'healthy again');

# --- The relay goes away ---

plan_answers('default-secret-path' => 'slow');
post('being sent', 'default');
eventually('a message is being sent', sub { times_received('being%20sent') == 1 });
is(stop_relay($pid), 0, 'SIGTERM ends the relay');
is(alert('being sent', 'delivered_at IS NOT NULL'), 't', 'after it');

plan_answers('default-secret-path' => 'hang');
$pid = start_relay();
post('killed', 'default');
eventually('a message has been posted', sub { times_received('killed') >= 1 });
kill('KILL', $pid);
waitpid($pid, 0);
is(alert('killed', 'delivered_at IS NULL'), 't', 'and the relay is killed before it says so');
plan_answers();
$pid = start_relay();
my $second = start_relay("$dir/second.log");
is(times_received('killed'), 1, 'nobody else sends it meanwhile');
sql("UPDATE pql.alert SET taken_until = now() WHERE dedupe_key = 'killed'");
eventually('the next one delivers it again', sub { delivered('killed') });
cmp_ok(times_received('killed'), '>=', 2, 'with the same key');

post("shared $_", $_ % 2 ? 'default' : 'other') for 1 .. 8;
eventually("shared $_", sub { delivered("shared $_") }) for 1 .. 8;
is_deeply([ map { times_received("shared%20$_") } 1 .. 8 ], [ (1) x 8 ], 'two relays send nothing twice');
is(stop_relay($second), 0, 'and one is enough');

# --- /claim ---

sql(<<'SQL');
DO $$ BEGIN
	IF to_regprocedure('pql.claim(bigint, text, text, timestamptz)') IS NULL THEN
		CREATE FUNCTION pql.claim(lead_id bigint, rep text, external_id text DEFAULT NULL, as_of timestamptz DEFAULT now()) RETURNS pql.lead LANGUAGE plpgsql AS $f$
		DECLARE l pql.lead;
		BEGIN
			UPDATE pql.lead x SET rep = claim.rep, claimed_at = as_of, state = 'claimed' WHERE x.lead_id = claim.lead_id RETURNING * INTO l;
			IF NOT FOUND THEN
				RAISE EXCEPTION 'there is no lead %', lead_id USING ERRCODE = 'undefined_object', HINT = 'See pql.lead.';
			END IF;
			RETURN l;
		END $f$;
	END IF;
END $$;
INSERT INTO pql.person (user_id, full_name) VALUES ('u1', 'Sue "S" <Example>');
INSERT INTO pql.rep (email, slack_handle) VALUES ('rae@seller.example', 'U0RAE');
INSERT INTO pql.lead (user_id, lead_id, model, started_at, version, status, state, score, tier, triggered_at, late, backfilled, rep, assigned_at, first_touch_due_at)
VALUES ('u1', 1042, 'trial', now() - interval '5 days', 1, 'qualified', 'assigned', 6, 'medium', now(), false, false, 'rae@seller.example', now(), now() + interval '4 hours');
SQL
eventually('the relay listens', sub { status(request('GET', '/health')) eq '200' });
sub signed
{
	my ($body, %with) = @_;
	my $at = $with{at} // int(time());
	my $signature = $with{signature} // 'v0=' . hmac_sha256_hex("v0:$at:" . ($with{signs} // $body), $with{secret} // $secret);
	return request('POST', '/claim', $body, 'Content-Type: application/x-www-form-urlencoded', "X-Slack-Request-Timestamp: $at", "X-Slack-Signature: $signature");
}
sub words { my ($json) = $_[0] =~ /\r\n\r\n(.*)/s; my $answer = eval { decode_json($json) } // {}; return ($answer->{response_type} // '') . ': ' . ($answer->{text} // ''); }
sub form { my ($text, $user) = @_; return 'token=x&command=%2Fclaim&text=' . join('', map { sprintf '%%%02X', $_ } unpack('C*', $text)) . "&user_id=$user&channel_name=a+b"; }

my $before = time();
my $answer = signed(form('1042', 'U0RAE'));
cmp_ok(time() - $before, '<', 3, 'Slack is answered within three seconds') unless $ENV{PQL_RELAY_UNDER};
is(status($answer), 200, 'a command that is signed');
like(words($answer), qr/^in_channel: Lead 1042 is claimed by <\@U0RAE>: Sue "S" &lt;Example&gt;/, 'claims the lead, and everybody sees it');
is(sql('SELECT state FROM pql.lead'), 'claimed', 'which it does');
like(words(signed(form('1042', 'U9'))), qr/^ephemeral: no rep is known as Slack user U9\nWho looks after pql/, 'who is no rep is told so');
like(words(signed(form('the <!channel> one', 'U0RAE'))), qr/^ephemeral: which lead\? "the &lt;!channel&gt; one" names none\nWrite \/claim/, 'nothing of the person\'s words mentions anybody');
like(words(signed(form("1'; DROP TABLE pql.alert; --", 'U0RAE'))), qr/^ephemeral: which lead\?/, 'nor is SQL');
like(words(signed(form('999', 'U0RAE'))), qr/^ephemeral: .*999/, 'a lead that is not there');

my $body = form('1042', 'U0RAE') . '&n=1';
my $now = int(time());
is(status(signed($body, secret => 'another')), 401, 'signed by somebody else');
is(status(signed($body, signs => form('1', 'U0RAE'))), 401, 'signed as something else');
is(status(signed($body, at => $now - 301 - 60)), 401, 'signed too long ago');
is(status(signed($body, at => $now + 600)), 401, 'or in the future');
is(status(signed($body, at => "-$now")), 401, 'or at no time');
is(status(signed($body, at => '9' x 30)), 401, 'or at the end of times');
is(status(signed($body, signature => $_)), 401, 'signed by "' . substr($_, 0, 12) . '"')
	for ('', 'v0=', 'v0=' . 'z' x 64, 'v1=' . hmac_sha256_hex("v0:$now:$body", $secret), uc('v0=' . hmac_sha256_hex("v0:$now:$body", $secret)), 'v0=' . hmac_sha256_hex("v0:$now:$body", $secret) . '0', 'v0=' . '0' x 5000);
is(status(request('POST', '/claim', $body)), 401, 'not signed at all');
is(status(signed($body, at => $now)), 200, 'signed now');
is(status(signed($body, at => $now)), 401, 'but not twice: that was recorded by somebody');

is(status(signed($_->[1])), 400, "no command: $_->[0]")
	for ([ 'nothing', '' ], [ 'no text', 'user_id=U0RAE' ], [ 'no user', 'text=1042' ], [ 'bad %', 'text=%4&user_id=U0RAE' ], [ 'bad % at the end', 'user_id=U0RAE&text=%' ],
		[ 'NUL', 'text=1042%00&user_id=U0RAE' ], [ 'bare NUL', "text=10\0&user_id=U0RAE" ], [ 'only &', '&' x 1000 ], [ 'only =', '=' x 1000 ], [ 'bytes', join('', map { chr } 0 .. 255) ], [ 'JSON', '{"text": "1042"}' ]);
is(status(signed("text=%FF%FE&user_id=U0RAE")), 200, 'what is no UTF-8 is answered');
is(status(signed('text=' . '1' x 16000 . '&user_id=U0RAE')), 200, 'a long one');
is(status(signed('text=' . '1' x 20000 . '&user_id=U0RAE')), 413, 'one too long');
is(status(signed('x' x 3_000_000)), 413, 'one far too long');
request('POST', '/claim', 'x', 'Content-Length: 99999999999999999999');
request("G\0T", '/claim');
request('POST', '/claim', "zz\r\nnonsense", 'Transfer-Encoding: chunked');
request('GET', '/' . 'x' x 100_000);
request('POST', '/claim', undef, map { "X-Header-$_: " . 'x' x 1000 } 1 .. 100);
is(status(request('GET', '/claim')), 405, 'a command is posted');
is(status(request('DELETE', '/health')), 405, 'and health is got');
is(status(request('GET', '/')), 404, 'there is nothing else');
is(status(request('GET', '/../../etc/passwd')), 404, 'wherever it is');

# a lead that somebody else has locked: Slack hears of it in time
my $locker = $server->psql($db, 'BEGIN; LOCK TABLE pql.lead IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(60);', "$dir/locker");
eventually('a lock', sub { sql("SELECT count(*) FROM pg_locks WHERE relation = 'pql.lead'::regclass AND mode = 'AccessExclusiveLock' AND granted") eq '1' });
like(words(signed(form('1042', 'U0RAE') . '&n=2')), qr/^ephemeral: That did not work just now/, 'what takes too long is told in time');
sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()");
waitpid($locker, 0);
is($server->stop, 0, 'without a database');
like(words(signed(form('1042', 'U0RAE') . '&n=3')), qr/^ephemeral: That did not work just now/, 'there is an answer as well');
is(kill(0, $pid), 1, 'and the relay is still there');
is(stop_relay($pid), 0, 'until it is told to stop, though the database is away');

my $log = slurp("$dir/relay.log") . slurp("$dir/second.log");
unlike($log, qr/secret-path|\Q$secret\E|\/services/, 'nothing secret is logged');
unlike($log, qr/Sue|1042/, 'nor anything of people');
stop_receiver();
done_testing();
