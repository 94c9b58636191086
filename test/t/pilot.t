# Four simulated weeks of work with leads (demo/pilot.sql), against the oracle (test/oracle/pilot.pl); then what dashboards make of them, and of three days in which
# everything else happens (test/oracle/aftermath.sql), against theirs (test/oracle/dashboards.sql).
#
#   scripts/with-cluster prove test/t/pilot.t
#
# In every run of the tests: a refresh each 15 minutes of the day, each hour of nights and Saturdays and Sundays, with everybody who can become a lead
# and a tenth of the others; some 40 seconds. `make pilot` refreshes in each of the 40,320 minutes, with everybody.
#
#   PQL_PILOT_STEP     minutes between refreshes; 15 unless told
#   PQL_PILOT_SHARE    of those who cannot become leads; 0.1 unless told
#   PQL_PILOT_SEED     of the simulation; 2 unless told, which is what the counts below were seen with
use strict;
use warnings;
use Test::More;
use FindBin;
use Time::HiRes qw(time);

require "$FindBin::Bin/../oracle/pilot.pl";
require "$FindBin::Bin/../oracle/dashboards.pl";

my $db = 'pql_pilot_t';
my ($step, $share, $seed) = ($ENV{PQL_PILOT_STEP} // 15, $ENV{PQL_PILOT_SHARE} // 0.1, $ENV{PQL_PILOT_SEED} // 2);
my $demo = "$FindBin::Bin/../../demo";

sub run
{
	my (@arguments) = @_;
	local $ENV{PGOPTIONS} = '-c client_min_messages=warning';
	open(my $psql, '-|', 'psql', '-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', @arguments) or die;
	local $/;
	my $out = <$psql>;
	close($psql);
	return $? == 0 ? $out // '' : "psql failed: $?";
}

sub number { return 0 + run('-d', $db, '-c', "SELECT $_[0]"); }

is(run('-d', 'postgres', '-c', "DROP DATABASE IF EXISTS $db", '-c', "CREATE DATABASE $db"), '', 'a database');
is(run('-d', $db, '-c', 'CREATE EXTENSION pql', '-v', "seed=$seed", '-f', "$demo/simulate.sql"), '', 'the company');
my $began = time;
is(run('-d', $db, '-v', "seed=$seed", '-v', "step=$step", '-v', "share=$share", '-v', 'keep={2026-10-14 13:37Z,2026-10-21 18:02Z}', '-f', "$demo/pilot.sql"), '', 'four weeks');
note(sprintf('in %.0f seconds, %d refreshes', time - $began, number('count(*) FROM pilot.refreshed')));

# --- Enough has happened ---

# How often at least, with the default seed; of another one, at all.
sub happened { my ($what, $least, $of) = @_; my $n = number($of); cmp_ok($n, '>=', $seed == 2 ? $least : 0, "$what ($n)"); return; }

sub events { my ($event, $condition) = @_; return "count(*) FROM pql.lead_event e WHERE e.event = '$event'" . ($condition ? " AND $condition" : ''); }

happened('leads are triggered', 120, "count(*) FROM pql.lead l WHERE l.triggered_at > (SELECT min(as_of) FROM pilot.refreshed)");
happened('some are held out', 4, events('pql_held_out'));
happened("routed by $_", $_ eq 'team' ? 60 : $_ eq 'reopened' ? 1 : 10, events('pql_routed', "e.details->>'reason' = '$_'")) for qw(owner same_account team reassigned reopened);
happened("queued for $_", 5, events('pql_queued', "e.details->>'reason' = '$_'")) for qw(cap paused);
happened("escalated to the $_", 20, events('pql_escalated', "e.details->'levels' ? '$_'")) for qw(channel manager deadline);
happened("stopped by $_", 1, events('sequence_stopped', "e.details->>'reason' = '$_'")) for qw(positive_reply not_interested unsubscribe complaint converted);
happened("dispositions: $_", 3, events('pql_dispositioned', "e.details->>'disposition' = '$_'")) for qw(no_response nurture disqualified converted);
happened("touch $_", 30, events('outreach_sent', "e.details->>'touch_number' = '$_'")) for 1 .. 3;
happened($_, 1, events($_)) for qw(pql_claimed pql_released meeting_booked lead_reopened lead_closed tier_raised trial_converted support_lost pql_not_routed);
happened('days at the cap', 5, 'count(*) FROM (SELECT FROM pql.lead l JOIN pql.rep r ON r.email = l.rep GROUP BY l.rep, l.counts_on, r.daily_cap HAVING count(*) >= r.daily_cap) d');
happened('over the cap, flagged', 1, events('pql_routed', "e.details->'flags' ? 'over_cap'"));
happened('refused at once', 20, "count(*) FROM pilot.done d WHERE d.outcome = 'refused'");
happened('refused when the CRM says it', 10, 'count(*) FROM pql.activity a WHERE a.refused IS NOT NULL');

# --- All of it is right ---

is(run('-d', $db, '-c', "SELECT * FROM pql.verify('trial') LIMIT 3"), '', 'what is kept is what judging from all events gives');

my ($checked, $wrong, $facts) = Pilot::check($db);
for my $what (sort keys %{ { %$checked, %$wrong } })
{
	my @wrong = @{ $wrong->{$what} // [] };
	is(join("\n", @wrong[ 0 .. (@wrong > 5 ? 4 : $#wrong) ]), '', sprintf('%s (%d)', $what, $checked->{$what} // 0));
}
note(join(', ', map { "$_ $facts->{$_}" } grep { !ref $facts->{$_} } sort keys %$facts));

# --- Dashboards ---

my (%compared, %differs, %agrees, %contradicts);

# Which instants, by what was played.
sub compare
{
	my ($stage, @instants) = @_;
	Dashboards::check($compared{$stage} //= {}, $differs{$stage} //= {}, $db, ref $_ ? @$_ : $_) for @instants;
	return;
}

sub outcomes_agree
{
	my ($what) = @_;
	is(run('-d', $db, '-c', q{WITH leads AS (SELECT * FROM pql.outcomes_of_leads()), log AS (SELECT * FROM pql.outcomes_of_log('infinity'))
		SELECT d.lead_id FROM ((TABLE leads EXCEPT ALL TABLE log) UNION ALL (TABLE log EXCEPT ALL TABLE leads)) d}), '', $what);
	return;
}

my $started = time;

sub instants { my ($query) = @_; return split(/\n/, run('-d', $db, '-c', "SET timezone = 'UTC'", '-c', $query)); }

# Refreshes after which there came news of what had happened before.
my @middle = instants('SELECT unnest(percentile_disc(ARRAY[0.15, 0.5, 0.85]) WITHIN GROUP (ORDER BY r.as_of)) FROM pilot.refreshed r
	WHERE EXISTS (SELECT FROM pql.lead_event e WHERE e.occurred_at <= r.as_of AND e.event_id > r.event_after)');
my ($last) = instants('SELECT max(as_of) FROM pilot.refreshed');

compare('pilot', @middle, $last);
Dashboards::agree(\%agrees, \%contradicts, $db, $_) for @middle, $last;
Dashboards::add_up(\%agrees, \%contradicts, $db, $_) for $middle[1], $last;

# What was shown at an instant is what is shown of it at the end; but of trials that were loaded since, which nothing tells.
for my $kept (instants('SELECT DISTINCT as_of, known_at FROM pilot.kept ORDER BY 1'))
{
	my ($as_of, $known_at) = split(/\|/, $kept);
	my %again;
	my $then = Dashboards::shown($db, "(SELECT k.* FROM pilot.kept k WHERE k.as_of = '$as_of')");
	my $now = Dashboards::shown($db, "pilot.shown('$as_of', '$known_at')");
	delete @$_{ grep { / open(_trials)?$/ } keys %$_ } for $then, $now;
	Dashboards::compare(my $n = {}, \%again, 'then', $then, $now, 1);
	is(join("\n", map { "$_: @{ $again{$_} }" } sort keys %again), '', "as of $as_of all is as it was shown then (" . keys(%$then) . ')');
	compare('pilot', [ $as_of, $known_at ]);
}

outcomes_agree('what leads keep of what came of them is what the log says');

is(run('-d', $db, '-f', "$FindBin::Bin/../oracle/aftermath.sql", '-c', 'ANALYZE'), '', 'the aftermath');
is(run('-d', $db, '-c', "SELECT e.event FROM (VALUES ('lead_reopened'), ('pql_released'), ('handoff_triggered'), ('trial_converted'), ('tier_raised')) e (event)
	WHERE NOT EXISTS (SELECT FROM pql.lead_event v WHERE v.event = e.event AND v.occurred_at > '$last')"), '', 'has happened');
outcomes_agree('also when anything may happen to leads');
# a refresh among late payments, and a winter later
my ($among) = instants("SELECT max(as_of) FROM pql.run WHERE as_of <= '2026-11-05 11:00Z'");
my $end = '2027-02-22 00:00:00+00';
compare('aftermath', $among, $end);
Dashboards::agree(\%agrees, \%contradicts, $db, $_) for $among, $end;
Dashboards::add_up(\%agrees, \%contradicts, $db, $among);

# The oracle's own stand against that of leads.
my $expected = Dashboards::expected($db, $end);
my ($day) = substr($end, 0, 10);
my $routed = "EXISTS (SELECT FROM pql.lead_event e WHERE e.user_id = l.user_id AND e.lead_id = l.lead_id AND e.event = 'pql_routed')";
is($expected->{"pipeline day $day queue_depth"}[0], number("count(*) FROM pql.lead l WHERE l.state = 'queued' AND NOT $routed"), 'those that wait for their first rep wait');
my ($open) = map { $expected->{$_}[1] } sort { $b cmp $a } grep { /^guardrails week .* open_load$/ } keys %$expected;
is($open, number("count(*) FROM pql.lead l WHERE l.state IN ('assigned', 'claimed', 'contacted', 'meeting')"), 'those that reps have are theirs');

# Days of another place, that had 25 hours once.
is(run('-d', $db, '-c', q{SET client_min_messages = error}, '-c', q{SELECT FROM pql.put_model(pql.adapt('trial', '{"timezone": "America/New_York"}'))}, '-c', "CALL pql.refresh('$end')"), '', 'the model moves to New York');
my ($that_day) = instants("SELECT min(as_of) FROM pilot.refreshed WHERE as_of > '2026-11-01 05:00Z'");
compare('aftermath', $middle[1], $that_day, $among);
Dashboards::agree(\%agrees, \%contradicts, $db, $among);

for my $stage ('pilot', 'aftermath')
{
	for my $what (sort keys %{ $compared{$stage} })
	{
		my @wrong = @{ $differs{$stage}{$what} // [] };
		my $shown = join("\n", @wrong[ 0 .. (@wrong > 5 ? 4 : $#wrong) ]);
		my $n = $compared{$stage}{$what};
		is($shown, '', "$what ($n, $stage)");
	}
}
is(join("\n", grep { defined } @{ $contradicts{$_} // [] }[ 0 .. 4 ]), '', "$_ ($agrees{$_})") for sort keys %agrees;
my $rows = 0;
$rows += $_ for map { values %$_ } values %compared;
my $sums = 0;
$sums += $_ for values %agrees;
note(sprintf('dashboards in %.0f seconds: %d rows, %d sums', time - $started, $rows, $sums));

run('-d', 'postgres', '-c', "DROP DATABASE $db");
done_testing();
