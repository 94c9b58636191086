# Four simulated weeks of work with leads (demo/pilot.sql), against the oracle (test/oracle/pilot.pl).
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
is(run('-d', $db, '-v', "seed=$seed", '-v', "step=$step", '-v', "share=$share", '-f', "$demo/pilot.sql"), '', 'four weeks');
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

run('-d', 'postgres', '-c', "DROP DATABASE $db");
done_testing();
