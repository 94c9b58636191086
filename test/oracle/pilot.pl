#!/usr/bin/perl
#
# The oracle of the pilot: what demo/pilot.sql played, judged by SPEC sections 6 and 7 alone.
#
#   test/oracle/pilot.pl DATABASE          prints what it has checked, and each thing that is wrong
#
# It reads the log (pql.lead_event), the verdicts' history (which test/oracle/trial.sql is the oracle of), what the driver loaded, did and
# tried, and the team; then it walks through all of it in order, keeping its own idea of every lead, rep and queue, and compares at every step. It
# shares no code with the extension, knows business time only as a table of minutes with the clocks' time from the C library, and asks the database for
# nothing but rows. Instants are microseconds since 1970.

package Pilot;
use strict;
use warnings;
use JSON::PP;
use POSIX qw(floor);
use Time::Local qw(timegm);

use constant { MINUTE => 60_000_000, HOUR => 3_600_000_000, DAY => 86_400_000_000 };

my %wrong;      # what was found, by what was checked
my %checked;    # how often it was

sub found { my ($what, @words) = @_; push @{ $wrong{$what} }, join('', @words); return; }

# Checks one thing: what, whether it holds (a scalar), and words for when it does not.
sub holds($$@)
{
	my ($what, $holds, @words) = @_;
	$checked{$what}++;
	found($what, @words) if !$holds;
	return $holds;
}

# ---- instants ----

sub instant
{
	my ($text) = @_;
	return undef if !defined $text || $text eq '-infinity' || $text eq 'infinity';
	my ($y, $m, $d, $h, $mi, $s, $f, $sign, $zh, $zm) = $text =~ /^(\d{4,})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?([+-])(\d\d)(?::?(\d\d))?$/ or die "no instant: $text";
	my $us = timegm($s, $mi, $h, $d, $m - 1, $y) * 1_000_000 + substr(($f // '') . '000000', 0, 6);
	my $shift = ($zh * 60 + ($zm // 0)) * MINUTE;
	return $sign eq '+' ? $us - $shift : $us + $shift;
}

sub shown
{
	my ($us) = @_;
	return 'never' if !defined $us;
	my @t = gmtime(floor($us / 1_000_000));
	return sprintf('%04d-%02d-%02d %02d:%02d:%02d.%06dZ', $t[5] + 1900, $t[4] + 1, $t[3], @t[2, 1, 0], $us % 1_000_000);
}

sub same { my ($a, $b) = @_; return !defined $a && !defined $b || defined $a && defined $b && $a eq $b; }

# ---- business time: a table of minutes ----

my %table;      # of a rep: first minute, open or not, local date, minute of each local date and time
my @week = qw(sun mon tue wed thu fri sat);

sub spans_of { my ($text) = @_; return map { my ($a, $b, $c, $d) = /(\d\d):(\d\d)-(\d\d):(\d\d)/; [ $a * 60 + $b, $c * 60 + $d ] } split(' ', $text); }

sub open_hours
{
	my ($hours) = @_;
	my @of;
	for my $part (split(/\s*;\s*/, $hours))
	{
		my ($days, $spans) = $part =~ /^(\S+)\s+(.*)$/ or die "no hours: $part";
		for my $one (split(/,/, $days))
		{
			my ($from, $to) = split(/-/, $one);
			$to //= $from;
			my ($n) = grep { $week[$_] eq $from } 0 .. 6;
			while (1)
			{
				$of[$n] = [ spans_of($spans) ];
				last if $week[$n] eq $to;
				$n = ($n + 1) % 7;
			}
		}
	}
	return \@of;
}

sub tabulate
{
	my ($zone, $hours, $holidays, $from, $until) = @_;
	my $week = open_hours($hours);
	my $first = floor($from / MINUTE);
	my (@open, @date, %minute_of, %works);
	-e "/usr/share/zoneinfo/$zone" or die "no data of the timezone $zone\n";    # without it, the C library would take it for UTC
	local $ENV{TZ} = $zone;
	POSIX::tzset();
	for my $m ($first .. floor($until / MINUTE))
	{
		my @t = localtime($m * 60);
		my $date = sprintf('%04d-%02d-%02d', $t[5] + 1900, $t[4] + 1, $t[3]);
		my $time = $t[2] * 60 + $t[1];
		my $spans = exists $holidays->{$date} ? $holidays->{$date} : $week->[ $t[6] ];
		my $is_open = grep { $time >= $_->[0] && $time < $_->[1] } @{ $spans // [] };
		push @open, $is_open ? 1 : 0;
		push @date, $date;
		$works{$date} = 1 if $is_open;
		$minute_of{"$date $time"} //= $m;
	}
	delete $ENV{TZ};
	POSIX::tzset();
	my %seen;
	return { first => $first, open => \@open, date => \@date, minute_of => \%minute_of, works => \%works, dates => [ grep { !$seen{$_}++ } @date ] };
}

sub is_open { my ($c, $t) = @_; return $c->{open}[ floor($t / MINUTE) - $c->{first} ] // die 'outside the table: ' . shown($t); }
sub date_of { my ($c, $t) = @_; return $c->{date}[ floor($t / MINUTE) - $c->{first} ]; }

sub opening
{
	my ($c, $t) = @_;
	return $t if is_open($c, $t);
	my $m = floor($t / MINUTE) + 1;
	$m++ while !is_open($c, $m * MINUTE);
	return $m * MINUTE;
}

# The earliest instant by which so much business time has passed.
sub after_business
{
	my ($c, $t, $amount) = @_;
	$t = opening($c, $t);
	while (1)
	{
		my $end = (floor($t / MINUTE) + 1) * MINUTE;
		return $t + $amount if $amount <= $end - $t;
		$amount -= $end - $t;
		$t = opening($c, $end);
	}
}

# The same time of day, so many working days later.
sub after_days
{
	my ($c, $t, $days) = @_;
	return $c->{after}{"$t $days"} //= find_after_days($c, $t, $days);
}

sub find_after_days
{
	my ($c, $t, $days) = @_;
	my $m = floor($t / MINUTE);
	my $date = date_of($c, $t);
	my ($n) = grep { $c->{dates}[$_] eq $date } 0 .. $#{ $c->{dates} };
	my $began = $c->{minute_of}{"$date 0"};
	my ($time) = map { (split / /)[1] } grep { $c->{minute_of}{$_} == $m } map { "$date $_" } 0 .. 1439;
	while ($days > 0) { $n++; $days-- if $c->{works}{ $c->{dates}[$n] }; }
	return $c->{minute_of}{"$c->{dates}[$n] $time"} * MINUTE + $t % MINUTE;
}

# The business day that an assignment at an instant counts toward, and when the next one opens.
sub counts_on { my ($c, $t) = @_; return date_of($c, opening($c, $t)); }

sub next_day
{
	my ($c, $t) = @_;
	my $day = counts_on($c, $t);
	my $m = floor(opening($c, $t) / MINUTE);
	$m++ while date_of($c, $m * MINUTE) eq $day;
	return opening($c, $m * MINUTE);
}

# ---- what there is to read ----

my $json = JSON::PP->new->utf8;

sub rows
{
	my ($db, $query) = @_;
	open(my $psql, '-|', 'psql', '-X', '-q', '-A', '-t', '-d', $db, '-v', 'ON_ERROR_STOP=1', '-c', "SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'", '-c', "SELECT to_jsonb(q) FROM ($query) q") or die;
	my @rows = map { $json->decode($_) } <$psql>;
	close($psql) or die "psql failed: $query";
	return @rows;
}

# ---- what is known as the walk goes on ----

my (%lead, %rep, %owner, %opted_out, %suppressed, %trial, %pause, %last_assigned, %history, %alerts, %rank);
my ($team, $ae_from, $beginning, %facts);

sub worked { my ($l) = @_; return $l->{state} =~ /^(assigned|claimed|contacted|meeting)$/; }
sub flag { my ($l, $f) = @_; return scalar grep { $_ eq $f } @{ $l->{flags} }; }

sub named { my ($l) = @_; return "lead $l->{lead_id} ($l->{tier}, $l->{state}" . (defined $l->{rep} ? ", $l->{rep}" : '') . ')'; }

sub free { my ($r, $t) = @_; my $day = counts_on($rep{$r}{table}, $t); return $rep{$r}{daily_cap} - grep { defined $_->{rep} && $_->{rep} eq $r && defined $_->{counts_on} && $_->{counts_on} eq $day } values %lead; }
sub load_of { my ($r) = @_; return scalar grep { defined $_->{rep} && $_->{rep} eq $r && worked($_) } values %lead; }

# Who may get a lead: how it goes, and to whom.
sub candidates
{
	my ($l) = @_;
	my $account = $l->{account_id};
	# who gave it back does not get it again at once
	my $not = $l->{released_by} // '';
	if (defined $account)
	{
		my $owner = $owner{$account};
		return ('owner', $owner) if defined $owner && $owner ne $not && $rep{$owner} && $rep{$owner}{active};
		# whoever has another one of the account
		my ($first) = sort { $a->{assigned_at} <=> $b->{assigned_at} }
			grep { defined $_->{account_id} && $_->{account_id} eq $account && $_ != $l && worked($_) && $_->{rep} ne $not && $rep{ $_->{rep} }{active} } values %lead;
		return ('same_account', $first->{rep}) if $first;
	}
	return ('team', grep { $_ ne $not && $rep{$_}{active} && $rep{$_}{team} eq $team } sort keys %rep);
}

sub takes { my ($l, $r) = @_; my ($way, @reps) = candidates($l); return $way ne 'owner' && grep { $_ eq $r } @reps; }

# May it now? Who waits for a day takes only what is free before it; others leave the next day of who is not at work to those who wait for it.
sub now
{
	my ($l, $r, $t) = @_;
	my $opens = opening($rep{$r}{table}, $t);
	return $opens < $l->{queued_until} if waits($l, $t);
	return $opens <= $t || !grep { $_ != $l && waits($_, $t) && $_->{queued_until} <= $opens && (!defined $_->{waits_for} || $_->{waits_for} eq $r) } values %lead;
}
sub waits { my ($l, $t) = @_; return ($l->{state} // '') eq 'queued' && $l->{reason} =~ /^(cap|behind_queue)$/ && $l->{queued_until} > $t; }

# Does one come before the other?
sub before
{
	my ($a, $b) = @_;
	return $rank{ $a->{tier} } <=> $rank{ $b->{tier} } || $a->{qualified_at} <=> $b->{qualified_at} || $a->{lead_id} <=> $b->{lead_id};
}

sub ends_at { my ($l) = @_; return $trial{ $l->{user_id} . ' ' . $l->{started_at} }{ends_at} // $l->{trial_ends_at}; }
sub barred { my ($user, $t) = @_; return defined $suppressed{$user} ? 'suppressed' : defined $opted_out{$user} && $opted_out{$user} <= $t ? 'opted_out' : undef; }

# ---- one event: what it may be, and what it makes of the lead ----

my %step;       # of the refresh that is walked through; undef between refreshes

sub deadline
{
	my ($l, $t, $r) = @_;
	return after_business($rep{$r}{table}, $t, ($l->{tier} eq 'high' ? 2 : 4) * HOUR);
}

# So many business hours after the clock started.
my %until;
sub unclaimed_until { my ($l, $hours) = @_; return $until{"$l->{rep} $l->{clock_started_at} $hours"} //= after_business($rep{ $l->{rep} }{table}, $l->{clock_started_at}, $hours * HOUR); }

sub stop { my ($l, $t, $reason) = @_; return ($l->{stopped_at}, $l->{stop_reason}) = ($t, $reason); }

my %on = (
	pql_triggered => sub {
		my ($l, $d, $t) = @_;
		holds('each lead is triggered once', !exists $l->{state}, named({ %$l, state => '?', tier => '?' }), ' again');
		@$l{qw(state score tier signals)} = ('not_routed', $d->{pql_score}, $d->{priority_tier}, $d->{signals_met});
		holds('a lead is triggered as of its refresh, not before it qualifies', $t == $l->{triggered_at} && (!defined $l->{qualified_at} || $l->{qualified_at} <= $t), named($l));
		$l->{new} = 1;
	},
	pql_held_out => sub {
		my ($l, $d, $t) = @_;
		@$l{qw(state reason)} = ('control', 'control');
		holds('only new leads are held out', delete $l->{new}, named($l));
	},
	pql_not_routed => sub {
		my ($l, $d, $t) = @_;
		delete $l->{new};
		holds('what is not routed has a reason', defined $d->{reason}, named($l));
		holds('and that it is converted is true', defined $trial{ $l->{user_id} . ' ' . $l->{started_at} }{converted_at} || $l->{converted_at}, named($l)) if $d->{reason} eq 'converted';
		@$l{qw(reason queued_until)} = ($d->{reason}, undef);
		$l->{state} = 'not_routed';
		@$l{qw(state closed_at)} = ('closed', $t) if ($d->{state} // '') eq 'closed';
	},
	pql_queued => sub {
		my ($l, $d, $t) = @_;
		delete $l->{new};
		$l->{state} = 'queued';
		my ($way, @reps) = candidates($l);
		my $until = instant($d->{until});
		if ($d->{reason} eq 'paused') { holds('queued as paused while routing is', $pause{routing}, named($l), ' at ', shown($t)); }
		elsif ($d->{reason} eq 'no_rep') { holds('queued for want of a rep when there is none', !@reps, named($l)); }
		elsif ($d->{reason} eq 'cap')
		{
			holds('queued for the cap when everybody\'s is reached', !(grep { free($_, $t) > 0 } @reps), named($l), ' at ', shown($t), ", $way: ", map { "$_ has " . free($_, $t) . ' free; ' } @reps);
			my ($least) = sort { $a <=> $b } map { next_day($rep{$_}{table}, $t) } @reps;
			holds('the queue is for the next business day', same($until, $least), named($l), ' at ', shown($t), ': ', shown($until), ', not ', shown($least));
		}
		elsif ($d->{reason} eq 'behind_queue')
		{
			# who waits for the same day goes by tier, not by the hour of the night
			my @others = grep { my $q = $_; $q != $l && $q->{state} eq 'queued' && $q->{reason} ne 'paused' && grep { !defined $q->{waits_for} || $q->{waits_for} eq $_ } @reps } values %lead;
			my ($open) = grep { is_open($rep{$_}{table}, $t) && free($_, $t) > 0 } @reps;
			holds('queued behind others when others wait for the same day', @others && !$open, named($l), ' at ', shown($t), ", $way @reps: ", scalar(@others), ' others wait; at work with a place: ', $open // 'nobody');
		}
		else { found('a queued lead has a reason that is known', $d->{reason}, ' ', named($l)); }
		@$l{qw(reason queued_until flags waits_for)} = ($d->{reason}, $until, $d->{flags}, $d->{waits_for});
		$l->{manager_knows} ||= expect_alert('a high lead that queues alerts the manager', 'queued', $l, $t, 'managers') if $l->{tier} eq 'high' && $d->{reason} =~ /^(cap|behind_queue|no_rep)$/ && !$pause{routing} && !$l->{manager_knows};
	},
	pql_routed => sub {
		my ($l, $d, $t) = @_;
		my ($way, @reps) = candidates($l);
		my ($r, $why) = @$d{qw(sdr_id reason)};
		my $c = $rep{$r}{table};
		my $free = free($r, $t);
		my $over = grep { $_ eq 'over_cap' } @{ $d->{flags} };
		holds('the control arm is never routed', $l->{state} ne 'control', named($l));
		holds('nobody who is away gets a lead', $rep{$r}{active}, named($l), " to $r at ", shown($t));
		if (!%step) { holds('outside a refresh only people route', $why =~ /^(reassigned|claimed)$/, named($l), " $why"); }
		else
		{
			holds('nothing is routed while routing is paused', !$pause{routing} || $why eq 'claimed', named($l), ' at ', shown($t));
			if ($why eq 'claimed') { }    # a row of the CRM
			elsif ($why eq 'reopened') { holds('who had a lead that is reopened gets it again', same($l->{rep}, $r), named($l), " to $r"); }
			else { holds('owner, then account, then team', ($why eq $way || defined $l->{released_by}) && (grep { $_ eq $r } @reps), named($l), " to $r as $why at ", shown($t), ", not $way: @reps"); }
			if ($why eq 'team')
			{
				my @open = grep { free($_, $t) > 0 && now($l, $_, $t) } defined $l->{released_by} && $l->{released_by} eq $r ? ($r) : @reps;
				my ($least) = sort { $a <=> $b } map { load_of($_) } @open;
				my @light = grep { load_of($_) == $least } @open;
				holds('the lightest load', (grep { $_ eq $r } @light), named($l), " to $r at ", shown($t), ': ', map { "$_ has " . load_of($_) . ', free ' . free($_, $t) . '; ' } @reps);
				my ($longest) = sort { ($last_assigned{$a} // 0) <=> ($last_assigned{$b} // 0) } @light;
				holds('at the same load who has waited longest', ($last_assigned{$r} // 0) == ($last_assigned{$longest} // 0), named($l), " to $r at ", shown($t)) if @light > 1 && grep { $_ eq $r } @light;
			}
			if ($why =~ /^(team|same_account)$/)
			{
				for my $q (grep { $_->{state} eq 'queued' && $_ != $l && before($_, $l) < 0 } values %lead)
				{
					holds('the highest tier first, then the earliest qualified', !(takes($q, $r) && now($q, $r, $t)), named($l), " to $r as $why at ", shown($t), ', before ', named($q), " ($q->{reason} until ", shown($q->{queued_until}), ')');
				}
			}
		}
		holds('no cap is exceeded, but by owners and managers', $free > 0 || $why =~ /^(owner|reassigned)$/, named($l), " to $r as $why at ", shown($t));
		holds('and that is flagged', $over || $free > 0, named($l), " to $r as $why at ", shown($t));
		holds('what is in the cap is not flagged', !$over || $free < 1, named($l), " to $r as $why at ", shown($t));
		# also one who is no rep at all
		my $owner = defined $l->{account_id} ? $owner{ $l->{account_id} } : undef;
		my $inactive = defined $owner && !($rep{$owner} && $rep{$owner}{active});
		my $says_so = grep { $_ eq 'owner_inactive' } @{ $d->{flags} };
		holds('an owner who is away is flagged', $says_so || !$inactive, named($l), ' at ', shown($t)) if %step && $why =~ /^(team|same_account)$/;
		holds('one who is there is not', !$says_so || $inactive, named($l), " to $r as $why at ", shown($t)) if %step;
		holds('the business day it counts toward', $d->{counts_on} eq counts_on($c, $t), named($l), " $d->{counts_on}");
		holds('the clock starts at assignment or the next opening', instant($d->{clock_started_at}) == opening($c, $t), named($l), ' ', $d->{clock_started_at});
		my $due = $l->{first_touch_due_at} // deadline($l, $t, $r);
		holds('the deadline of the first touch, to the second', instant($d->{first_touch_due_at}) == $due, named($l), " to $r at ", shown($t), ": $d->{first_touch_due_at}, not ", shown($due));
		delete $l->{new};
		expect_alert('whoever gets a lead is alerted', 'assigned', $l, $t, 'leads') if !$pause{routing};
		@$l{qw(rep reason flags counts_on assigned_at clock_started_at first_touch_due_at queued_until claimed_at)}
			= ($r, $why, $d->{flags}, $d->{counts_on}, $t, instant($d->{clock_started_at}), instant($d->{first_touch_due_at}), undef, undef);
		$l->{state} = defined $l->{met_at} ? 'meeting' : $l->{touches} ? 'contacted' : 'assigned';
		# unclaimed is said once of each rep who has it, overdue once of the lead
		$l->{escalations} = [ grep { $_ eq 'deadline' } @{ $l->{escalations} } ];
		$last_assigned{$r} = $t;
		delete $l->{released_by};
		$facts{assigned}{"$r $d->{counts_on}"}{ $l->{lead_id} } = 1;
	},
	pql_claimed => sub {
		my ($l, $d, $t) = @_;
		holds('a lead is claimed by whose it is, once', worked($l) && $l->{rep} eq $d->{sdr_id} && !defined $l->{claimed_at}, named($l), " by $d->{sdr_id}");
		$l->{claimed_at} = $t;
		$l->{state} = 'claimed' if $l->{state} eq 'assigned';
	},
	pql_released => sub {
		my ($l, $d, $t) = @_;
		holds('who releases a lead had it', worked($l) && $l->{rep} eq $d->{sdr_id}, named($l));
		@$l{qw(state reason queued_until rep counts_on claimed_at released_by)} = ('queued', 'released', $t, undef, undef, undef, $d->{sdr_id});
	},
	outreach_sent => sub {
		my ($l, $d, $t) = @_;
		my $barred = barred($l->{user_id}, $t);
		holds('no message to anyone opted out', !$barred, named($l), ' at ', shown($t), ': ', $barred // '');
		holds('nor to the control arm, to whom nobody has, or by another', worked($l) && $d->{sdr_id} eq $l->{rep}, named($l), ' at ', shown($t));
		# after a positive answer, or for a meeting, it is a conversation (docs/design.md)
		holds('nor after a stop', !defined $l->{stopped_at} || $l->{stop_reason} =~ /^(positive_reply|meeting)$/, named($l), ' at ', shown($t), ', stopped ', $l->{stop_reason} // '');
		holds('nor while outreach is paused', !$pause{outreach}, named($l), ' at ', shown($t));
		holds('touches are 1, 2, 3', $d->{touch_number} == $l->{touches} + 1 && $d->{touch_number} <= 3, named($l), " touch $d->{touch_number}");
		$l->{touches} = $d->{touch_number};
		$l->{first_touched_at} //= $t;
		$l->{last_touched_at} = $t;
		$l->{claimed_at} //= $t;
		$l->{state} = 'contacted' if $l->{state} =~ /^(assigned|claimed)$/;
		$facts{touched}{ $l->{lead_id} } = 1;
	},
	reply_received => sub {
		my ($l, $d, $t) = @_;
		$l->{replied_at} //= $t;
		$opted_out{ $l->{user_id} } = $t if $d->{reply} eq 'unsubscribe' && !(defined $opted_out{ $l->{user_id} } && $opted_out{ $l->{user_id} } <= $t);
		$l->{must_stop} = $d->{reply} eq 'positive' ? 'positive_reply' : $d->{reply} if !defined $l->{stopped_at};
	},
	meeting_booked => sub {
		my ($l, $d, $t) = @_;
		holds('a meeting is of whose lead it is', worked($l) && $d->{sdr_id} eq $l->{rep}, named($l));
		my $for_ae = grep { $_ eq 'deal_for_ae' } @{ $d->{flags} };
		holds('deals above the amount are marked for an account executive', (($d->{amount} // 0) >= $ae_from || flag($l, 'deal_for_ae') ? 1 : 0) == ($for_ae ? 1 : 0), named($l), ' amount ', $d->{amount} // '');
		@$l{qw(state met_at flags)} = ('meeting', instant($d->{meets_at}), $d->{flags});
		$l->{must_stop} = 'meeting' if !defined $l->{stopped_at};
	},
	sequence_stopped => sub {
		my ($l, $d, $t) = @_;
		holds('a sequence stops once', !defined $l->{stopped_at}, named($l), " $d->{reason}");
		holds('for what stops it', !defined $l->{must_stop} || $l->{must_stop} eq $d->{reason}, named($l), " $d->{reason}, not ", $l->{must_stop} // '');
		if ($d->{reason} =~ /^(opted_out|suppressed)$/) { holds('one who has opted out, has', barred($l->{user_id}, $t), named($l)); }
		delete $l->{must_stop};
		stop($l, $t, $d->{reason});
	},
	pql_dispositioned => sub {
		my ($l, $d, $t) = @_;
		my $reason = $d->{reason} // '';
		if (%step && $reason eq 'trial ended')
		{
			holds('with the trial\'s end who was touched closes as no_response', $d->{disposition} eq 'no_response' && $l->{touches} > 0 && ends_at($l) <= $t, named($l), ' at ', shown($t));
		}
		elsif (%step && $reason eq 'sequence ended')
		{
			holds('no_response is two business days after touch 3', $d->{disposition} eq 'no_response' && $l->{touches} == 3 && after_days($rep{ $l->{rep} }{table}, $l->{last_touched_at}, 2) <= $t, named($l), ' at ', shown($t));
		}
		holds('disqualified has a reason', $d->{disposition} ne 'disqualified' || $reason ne '', named($l));
		@$l{qw(disposition disposition_reason signals queued_until)} = ($d->{disposition}, $d->{reason}, $d->{signals_met}, undef);
		if ($d->{disposition} eq 'meeting_set') { @$l{qw(state closed_at)} = ('meeting', undef); }
		else
		{
			@$l{qw(state reason)} = ('closed', $d->{disposition});
			$l->{closed_at} //= $t;
		}
		$l->{disposed_at} = $t;
	},
	lead_reopened => sub {
		my ($l, $d, $t) = @_;
		my %had = map { $_ => 1 } @{ $l->{signals} };
		my @new = grep { !$had{$_} } grep { /^(invites|integrations|billing_views|multi_day)$/ } @{ $d->{signals_met} };
		my $how = $l->{disposition} // '';
		holds('reopened by a signal newly met', $how eq 'nurture' ? @new > 0 : $how eq 'no_response' ? !$l->{reopened} && (grep { /^(invites|integrations)$/ } @new) && $t <= ends_at($l) : 0, named($l), " $how, new: @new");
		$l->{reopened}++;
		# a new sequence: what came of the one before is over
		$l->{met_at} = undef;
		@$l{qw(state reason queued_until reopened_at closed_at disposition disposition_reason signals touches first_touched_at last_touched_at replied_at stopped_at stop_reason first_touch_due_at escalations)}
			= ('queued', 'reopened', $t, $t, undef, undef, undef, $d->{signals_met}, 0, undef, undef, undef, undef, undef, undef, []);
	},
	trial_converted => sub {
		my ($l, $d, $t) = @_;
		holds('a conversion is noted once', !defined $l->{converted_at}, named($l));
		my $known = $trial{ $l->{user_id} . ' ' . $l->{started_at} }{converted_at};
		holds('with its instant', !%step || same($known, instant($d->{converted_at})), named($l), ' ', $d->{converted_at});
		$l->{converted_at} = instant($d->{converted_at});
		$l->{must_stop} = 'converted' if worked($l) && !defined $l->{stopped_at};
	},
	tier_raised => sub {
		my ($l, $d, $t) = @_;
		holds('a tier only rises', $rank{ $d->{priority_tier} } < $rank{ $l->{tier} }, named($l), " to $d->{priority_tier}");
		@$l{qw(score tier signals)} = ($d->{pql_score}, $d->{priority_tier}, $d->{signals_met});
		if ($l->{state} =~ /^(assigned|claimed)$/ || $l->{state} eq 'queued' && defined $l->{first_touch_due_at})
		{
			my $rep = $l->{rep};
			my $due = $l->{first_touch_due_at};
			if (defined $rep) { my $sooner = deadline($l, $t, $rep); $due = $sooner if $sooner < $due; }
			holds('a rise in tier while untouched: the earlier deadline', same(instant($d->{first_touch_due_at}) // $l->{first_touch_due_at}, $due), named($l), ' at ', shown($t), ': ', $d->{first_touch_due_at} // 'none', ', not ', shown($due));
		}
		$l->{first_touch_due_at} = instant($d->{first_touch_due_at}) // $l->{first_touch_due_at};
		# when it is queued still at the end of the refresh
		$l->{rose} = $t if $l->{state} eq 'queued' && $rank{ $l->{tier} } == 1 && ($l->{reason} // '') =~ /^(cap|behind_queue|no_rep)$/ && !$pause{routing} && !$l->{manager_knows};
	},
	pql_escalated => sub {
		my ($l, $d, $t) = @_;
		my $c = $rep{ $l->{rep} }{table};
		for my $level (@{ $d->{levels} })
		{
			my $due = $level eq 'channel' ? unclaimed_until($l, 1) : $level eq 'manager' ? unclaimed_until($l, 2) : $l->{first_touch_due_at};
			holds('each escalation was due', $due <= $t, named($l), " $level at ", shown($t), ', due ', shown($due));
			holds('and is made once', !(grep { $_ eq $level } @{ $l->{escalations} }), named($l), " $level again at ", shown($t));
			holds('of what is unclaimed, or untouched', $level eq 'deadline' ? !$l->{touches} : !defined $l->{claimed_at}, named($l), " $level at ", shown($t));
		}
		my ($first) = sort { $a <=> $b } map { $_ eq 'channel' ? unclaimed_until($l, 1) : $_ eq 'manager' ? unclaimed_until($l, 2) : $l->{first_touch_due_at} } @{ $d->{levels} };
		holds('an escalation says when it was due', !defined $d->{due_at} || instant($d->{due_at}) == $first || @{ $d->{levels} } > 1, named($l), " @{$d->{levels}} $d->{due_at}, not ", shown($first));
		push @{ $l->{escalations} }, @{ $d->{levels} };
		my %level = map { $_ => 1 } @{ $d->{levels} };
		if (!$pause{routing})
		{
			expect_alert('the channel is told of what is unclaimed', 'unclaimed', $l, $t, 'leads') if $level{channel};
			expect_alert('the manager is told of what is overdue', 'first_touch_overdue', $l, $t, 'managers') if $level{deadline};
			expect_alert('and of what is unclaimed, once where both fall together', 'unclaimed_manager', $l, $t, 'managers') if $level{manager} && !$level{deadline};
		}
	},
	lead_closed => sub {
		my ($l, $d, $t) = @_;
		holds('with the trial\'s end who was not touched lapses', $d->{reason} ne 'lapsed' || !$l->{touches} && ends_at($l) <= $t, named($l), ' at ', shown($t));
		@$l{qw(state reason queued_until closed_at)} = ('closed', $d->{reason}, undef, $t);
	},
	support_lost => sub { my ($l, $d, $t) = @_; $l->{unsupported_at} = $t; },
	support_regained => sub { my ($l, $d, $t) = @_; $l->{unsupported_at} = undef; },
);

sub expect_alert
{
	my ($what, $kind, $l, $t, $channel) = @_;
	my $key = "$kind $l->{lead_id} $t";
	my $got = shift @{ $alerts{$key} // [] };
	holds($what, $got && $got eq $channel, named($l), " $kind at ", shown($t), ': ', $got // 'none', ", not $channel");
	return defined $got ? 1 : 0;
}

# ---- when a refresh has ended ----

sub settled
{
	my ($t) = @_;
	for my $l (@{ $step{new} })
	{
		holds('every triggered lead is routed, queued, held out, or not routed with a reason', !$l->{new}, named($l), ' at ', shown($t));
	}
	for my $l (values %lead)
	{
		my $rose = delete $l->{rose};
		next if $l->{state} =~ /^(closed|control|not_routed)$/;
		$l->{manager_knows} ||= expect_alert('a lead that rises to high in the queue alerts the manager', 'queued', $l, $rose, 'managers') if defined $rose && $l->{state} eq 'queued';
		my $c = defined $l->{rep} ? $rep{ $l->{rep} }{table} : undef;
		if ($l->{state} eq 'queued')
		{
			my ($way, @reps) = candidates($l);
			if (!$pause{routing} && @reps)
			{
				holds('the queue is tried again when it said', !(defined $l->{queued_until} && $l->{queued_until} <= $t), named($l), " $l->{reason}, at ", shown($t));
			}
			holds('while routing is paused, nobody is queued for anything else', $l->{reason} ne 'paused' || $pause{routing}, named($l), ' at ', shown($t));
		}
		elsif ($l->{state} =~ /^(assigned|claimed)$/)
		{
			my %made = map { $_ => 1 } @{ $l->{escalations} };
			if (!defined $l->{claimed_at})
			{
				holds('the channel is told after an hour', $made{channel} || unclaimed_until($l, 1) > $t, named($l), ' at ', shown($t));
				holds('the manager after two', $made{manager} || unclaimed_until($l, 2) > $t, named($l), ' at ', shown($t));
			}
			holds('and at the deadline of the first touch', $made{deadline} || $l->{first_touch_due_at} > $t, named($l), ' at ', shown($t), ', due ', shown($l->{first_touch_due_at})) if !defined $l->{stopped_at};
		}
		if (worked($l))
		{
			my $known = $trial{ $l->{user_id} . ' ' . $l->{started_at} }{converted_at};
			holds('who has paid is not worked any more', !defined $known, named($l), ' at ', shown($t));
			holds('who has opted out is stopped', defined $l->{stopped_at} || !barred($l->{user_id}, $t), named($l), ' at ', shown($t));
			holds('two business days after touch 3 it is over', $l->{state} ne 'contacted' || $l->{touches} < 3 || defined $l->{stopped_at} || after_days($c, $l->{last_touched_at}, 2) > $t, named($l), ' at ', shown($t));
		}
		holds('with the trial\'s end an open lead closes, but for who has answered or meets', ends_at($l) > $t || defined $l->{replied_at} || $l->{state} eq 'meeting', named($l), ' at ', shown($t), ', ended ', shown(ends_at($l)));
		# what the verdict says by then
		my $verdict = $history{ $l->{user_id} . ' ' . $l->{started_at} };
		my ($now) = grep { $_->{changed_at} == $t } @{ $verdict // [] };
		if ($now && defined $now->{tier} && defined $now->{qualified_at})
		{
			holds('a rise in tier is noted', $rank{ $now->{tier} } >= $rank{ $l->{tier} }, named($l), " has $now->{tier} at ", shown($t));
		}
	}
	return;
}

# ---- what somebody does or tries ----

sub must_be_refused
{
	my ($action, $l, $r, $d, $t) = @_;
	if ($action =~ /^(pause|resume|leaves|returns|opt_in)$/) { return undef; }
	return 'held out' if $l->{state} eq 'control' && $action ne 'reply';
	return 'not routed' if $l->{state} eq 'not_routed' && $action ne 'conversion';
	return 'away' if $action =~ /^(claim|reassign)$/ && !$rep{$r}{active};
	if ($action eq 'claim')
	{
		return 'closed' if $l->{state} eq 'closed';
		return $l->{state} eq 'queued' ? free($r, $t) < 1 ? 'cap' : undef : $l->{rep} ne $r ? 'another\'s' : undef;
	}
	if ($action eq 'release') { return !worked($l) ? 'nobody\'s' : $l->{rep} ne $r ? 'another\'s' : undef; }
	if ($action eq 'reassign') { return $l->{state} eq 'closed' ? 'closed' : undef; }
	if ($action eq 'touch')
	{
		return 'nobody\'s' if !worked($l);
		return 'another\'s' if defined $r && $l->{rep} ne $r;
		return 'paused' if $pause{outreach};
		return 'a fourth' if $l->{touches} >= 3;
		return 'barred' if barred($l->{user_id}, $t);
		return 'stopped' if defined $l->{stopped_at} && $l->{stop_reason} !~ /^(positive_reply|meeting)$/;
		return undef;
	}
	if ($action eq 'meeting') { return !worked($l) ? 'nobody\'s' : defined $r && $l->{rep} ne $r ? 'another\'s' : undef; }
	if ($action eq 'disposition')
	{
		return 'no reason' if $d->{disposition} eq 'disqualified' && ($d->{reason} // '') eq '';
		return undef if same($l->{disposition}, $d->{disposition}) && same($l->{disposition_reason}, $d->{reason});
		return 'nobody\'s' if !worked($l) && !defined $l->{disposition};
		return 'another\'s' if defined $r && ($l->{rep} // '') ne $r;
		return 'has converted' if defined $l->{converted_at} && $d->{disposition} ne 'converted';
		return 'untouched' if $d->{disposition} eq 'no_response' && !$l->{touches};
	}
	return undef;
}

sub judge_try
{
	my ($who, $action, $l, $r, $d, $t, $refused, $words) = @_;
	my $must = must_be_refused($action, $l, $r, $d, $t);
	if (defined $must) { holds("refused: $must", $refused, "$who: $action ", named($l), ' by ', $r // 'nobody', ' at ', shown($t)); }
	else { holds('what is allowed is not refused', !$refused, "$who: $action ", named($l), ' by ', $r // 'nobody', ' at ', shown($t), ": $words"); }
	return;
}

# ---- the walk ----

sub check
{
	my ($db) = @_;
	%wrong = %checked = ();
	my @steps = rows($db, 'SELECT * FROM pilot.refreshed ORDER BY as_of');
	$_->{t} = instant($_->{as_of}) for @steps;
	$beginning = $steps[0]{t};
	my ($from, $until) = ($beginning - 4 * DAY, $steps[-1]{t} + 20 * DAY);
	my ($routing) = rows($db, q{SELECT coalesce(p.team, r.team) AS team, r.ae_from FROM pql.routing r LEFT JOIN pql.pilot p ON p.model = r.model WHERE r.model = 'trial'});
	($team, $ae_from) = @$routing{qw(team ae_from)};
	# the model's own words
	%rank = map { $_->{tier} => $_->{n} } rows($db, q{SELECT t.value->>'tier' AS tier, t.ordinality AS n FROM pql.active_model m, jsonb_array_elements(m.document->'tiers') WITH ORDINALITY t WHERE m.model = 'trial'});
	my %calendar = map { $_->{calendar} => $_ } rows($db, 'SELECT * FROM pql.calendar');
	$calendar{ $_->{calendar} }{holidays}{ $_->{day} } = defined $_->{hours} ? [ spans_of($_->{hours}) ] : undef for rows($db, 'SELECT * FROM pql.holiday');
	for my $r (rows($db, 'SELECT * FROM pql.rep'))
	{
		my $c = defined $r->{calendar} ? $calendar{ $r->{calendar} } : { timezone => 'UTC', hours => 'mon-fri 09:00-18:00' };
		$r->{table} = tabulate($r->{timezone} // $c->{timezone}, $c->{hours}, $c->{holidays} // {}, $from, $until);
		$r->{active} = $r->{active} ? 1 : 0;
		$rep{ $r->{email} } = $r;
	}
	my %by_crm = map { $_->{crm_id} => $_->{email} } grep { defined $_->{crm_id} } values %rep;

	my @leads = map { $_->{lead} } rows($db, q{SELECT to_jsonb(l) - 'explanation' AS lead FROM pql.lead l WHERE l.model = 'trial'});
	my %final = map { $_->{lead_id} => $_ } @leads;
	for my $l (@leads)
	{
		my %new = map { $_ => $l->{$_} } qw(lead_id user_id account_id late backfilled);
		$new{$_} = instant($l->{$_}) for qw(triggered_at qualified_at started_at trial_ends_at);
		$lead{ $l->{lead_id} } = { %new, touches => 0, flags => [], escalations => [] };
	}
	my %all = %lead;
	%lead = ();
	my @events = grep { $all{ $_->{lead_id} } } rows($db, q{SELECT e.event_id, e.lead_id, e.event, e.occurred_at, e.details, e.external_id FROM pql.lead_event e JOIN pql.lead l USING (user_id, lead_id) WHERE l.model = 'trial' ORDER BY e.event_id});
	my %loads;
	push @{ $loads{ instant($_->{step_at}) } }, $_ for rows($db, 'SELECT * FROM pilot.loaded ORDER BY n');
	my %tries;
	push @{ $tries{ instant($_->{step_at}) } }, $_ for rows($db, 'SELECT * FROM pilot.done ORDER BY n');
	for my $h (rows($db, q{SELECT user_id, started_at, changed_at, tier, signals, qualified_at FROM pql.score_history WHERE model = 'trial' ORDER BY changed_at}))
	{
		$h->{$_} = instant($h->{$_}) for qw(started_at changed_at qualified_at);
		push @{ $history{"$h->{user_id} $h->{started_at}"} }, $h;
	}
	for my $a (rows($db, 'SELECT kind, lead_id, created_at, channel FROM pql.alert WHERE lead_id IS NOT NULL ORDER BY alert_id'))
	{
		push @{ $alerts{"$a->{kind} $a->{lead_id} " . instant($a->{created_at})} }, $a->{channel};
	}
	my %activity = map { $_->{activity_id} => $_ } rows($db, 'SELECT * FROM pql.activity');
	my %address = map { $_->{user_id} => $_->{email} } rows($db, 'SELECT user_id, email FROM pql.person');
	for my $m (rows($db, 'SELECT lead_id, at, recipient, body FROM pilot.message'))
	{
		my $l = $all{ $m->{lead_id} };
		holds('a message is to the person of the lead', ($m->{recipient} // '') eq $address{ $l->{user_id} } && ($m->{body} // '') ne '', "lead $m->{lead_id}: ", $m->{recipient} // 'nobody');
	}
	my %actions;
	push @{ $actions{ instant($_->{as_of}) } }, $_ for rows($db, 'SELECT * FROM pilot.action');

	my $next = 0;
	my $take = sub {
		my ($position) = @_;
		my @taken;
		while ($next < @events && $events[$next]{event_id} <= $position)
		{
			my $e = $events[ $next++ ];
			my $id = $e->{lead_id};
			$lead{$id} //= $all{$id} if $e->{event} eq 'pql_triggered';
			my $l = $lead{$id};
			if (!$l) { found('each lead begins with being triggered', "lead $id: $e->{event}"); next; }
			my $t = instant($e->{occurred_at});
			# what came from the CRM is judged as the function would have been
			if (defined $e->{external_id} && $e->{external_id} =~ /^activity:(pilot:\d+):/ && $activity{$1})
			{
				my $a = delete $activity{$1};
				judge_try('CRM', $a->{kind}, $l, $by_crm{ $a->{rep} // '' }, $a, $t, 0, '');
			}
			push @{ $step{new} }, $l if %step && $e->{event} eq 'pql_triggered';
			holds('what refresh notes is as of it', $t == $step{t} || ($e->{details}{reason} // '') eq 'claimed' || $e->{event} !~ /^(pql_triggered|pql_routed|pql_queued|pql_escalated|tier_raised|lead_closed|lead_reopened)$/, "lead $id: $e->{event} at ", shown($t)) if %step;
			my $does = $on{ $e->{event} };
			if ($does) { $does->($l, $e->{details}, $t); } else { found('every event is known', $e->{event}); }
			push @taken, $e;
		}
		for my $l (values %lead)
		{
			if (defined $l->{must_stop}) { found('what stops a sequence stops it at once', named($l), " $l->{must_stop}"); delete $l->{must_stop}; }
		}
		return @taken;
	};

	for my $s (@steps)
	{
		my $t = $s->{t};
		for my $n (@{ $loads{$t} // [] })
		{
			my $key = defined $n->{started_at} ? "$n->{id} " . instant($n->{started_at}) : undef;
			if ($n->{what} eq 'owner') { $owner{ $n->{id} } = $n->{details}{crm_owner}; }
			elsif ($n->{what} eq 'opted_out') { my $o = instant($n->{details}{opted_out_at}); $opted_out{ $n->{id} } = $o if !defined $opted_out{ $n->{id} } || $o < $opted_out{ $n->{id} }; }
			elsif ($n->{what} eq 'suppressed') { $suppressed{ $n->{id} } = 1; }
			elsif ($n->{what} eq 'converted') { $trial{$key}{converted_at} = instant($n->{details}{converted_at}); }
			elsif ($n->{what} eq 'extended') { $trial{$key}{ends_at} = instant($n->{details}{ends_at}); }
		}
		for my $a (@{ $tries{$t} // [] })
		{
			my $l = defined $a->{lead_id} ? $lead{ $a->{lead_id} } : undef;
			my $at = instant($a->{at});
			judge_try('somebody', $a->{action}, $l, $a->{rep}, $a->{details}, $at, $a->{outcome} eq 'refused', $a->{message} // '') if $a->{outcome} ne 'crm' && $l;
			my @done = $take->($a->{event_after});
			if ($a->{outcome} ne 'ok') { holds('what is refused leaves no trace', !@done, "$a->{action} of lead ", $a->{lead_id} // '') if $a->{outcome} eq 'refused'; next; }
			if ($a->{action} eq 'pause') { $pause{ $a->{details}{what} } = 1; }
			elsif ($a->{action} eq 'resume') { delete $pause{ $a->{details}{what} }; }
			elsif ($a->{action} eq 'leaves') { $rep{ $a->{rep} }{active} = 0; }
			elsif ($a->{action} eq 'returns') { $rep{ $a->{rep} }{active} = 1; }
			elsif ($a->{action} eq 'opt_in') { delete $opted_out{ $l->{user_id} }; }
			elsif ($a->{action} eq 'conversion') { $trial{"$l->{user_id} $l->{started_at}"}{converted_at} = $at; }
		}
		$take->($s->{event_before});
		%step = (t => $t, new => []);
		$take->($s->{event_after});
		if ($t > $beginning) { settled($t); }
		else { delete $_->{new} for values %lead; }
		%step = ();
		for my $a (@{ $actions{$t} // [] }) { judge_action($a, $t); }
		if ($actions{$t})
		{
			my %named = map { $_->{lead_id} => $_ } @{ $actions{$t} };
			for my $l (grep { worked($_) && !defined $_->{stopped_at} && $_->{touches} < 3 && $_->{state} ne 'meeting' } values %lead)
			{
				next if barred($l->{user_id}, $t) || $pause{outreach} || $l->{touches} && after_days($rep{ $l->{rep} }{table}, $l->{last_touched_at}, 2) >= ends_at($l);
				holds('next_actions names each lead that is to be written about', $named{ $l->{lead_id} }, named($l), ' at ', shown($t));
			}
		}
	}
	found('the log ends with the last refresh', scalar(@events) - $next, ' events are left') if $next < @events;

	# what the CRM was told no: it left no trace, and rightly
	for my $a (values %activity)
	{
		holds('every activity is applied or refused', defined $a->{refused} || defined $a->{applied_at}, "activity $a->{activity_id}") if instant($a->{occurred_at}) <= $steps[-1]{t} - 2 * HOUR;
		$facts{crm_refused}++ if defined $a->{refused};
	}

	# conversions of leads that were nobody's, too
	for my $l (values %lead)
	{
		next if $l->{late};
		holds('every conversion of a lead\'s trial is in the log', defined $l->{converted_at} || !defined $trial{"$l->{user_id} $l->{started_at}"}{converted_at}, named($l));
	}

	# ---- the log folded: the same leads ----
	my @instants = qw(queued_until assigned_at clock_started_at first_touch_due_at claimed_at first_touched_at last_touched_at replied_at met_at stopped_at converted_at reopened_at closed_at unsupported_at);
	my @words = qw(state score tier reason rep counts_on touches stop_reason disposition disposition_reason);
	for my $id (sort { $a <=> $b } keys %final)
	{
		my ($l, $f) = ($lead{$id}, $final{$id});
		if (!$l) { found('the log folds into pql.lead', "lead $id is not in the log"); next; }
		my @different = grep { !same($l->{$_}, $f->{$_}) } @words;
		push @different, grep { !same($l->{$_}, instant($f->{$_})) } @instants;
		push @different, grep { join(' ', @{ $l->{$_} // [] }) ne join(' ', @{ $f->{$_} }) } qw(flags escalations signals);
		holds('the log folds into pql.lead', !@different, named($l), ': ', join(', ', map { "$_ " . (ref $f->{$_} ? "@{$f->{$_}}" : $f->{$_} // 'NULL') } @different));
	}
	holds('pql.replay gives the same', 1);
	found('pql.replay gives the same', "lead $_->{lead_id}") for rows($db, q{SELECT l.lead_id FROM pql.lead l CROSS JOIN LATERAL pql.replay(l.lead_id) r WHERE to_jsonb(r) - 'next_at' IS DISTINCT FROM to_jsonb(l) - 'next_at'});

	# ---- the control arm ----
	my %arm;
	for my $l (values %lead)
	{
		next if $l->{triggered_at} <= $beginning || $l->{state} eq 'not_routed' || !defined $l->{account_id};
		$arm{ $l->{account_id} }{ $l->{state} eq 'control' ? 'held out' : 'not' } = 1 if ($l->{reason} // '') ne 'converted' || defined $l->{rep};
	}
	for my $account (keys %arm) { holds('an account is held out as a whole', keys %{ $arm{$account} } == 1, "account $account"); }
	for my $key (keys %alerts)
	{
		my ($kind, $id) = split(/ /, $key);
		holds('nobody is alerted of the control arm, or twice', ($all{$id} || !$final{$id}) && !($final{$id} && $final{$id}{state} eq 'control') && !(grep { $kind eq $_ } qw(assigned unclaimed unclaimed_manager first_touch_overdue queued) and @{ $alerts{$key} }), $key);
	}
	$facts{accounts} = scalar keys %arm;
	$facts{held_out} = grep { $arm{$_}{'held out'} } keys %arm;
	$facts{events} = scalar @events;
	$facts{refreshes} = scalar @steps;
	$facts{leads} = grep { $_->{triggered_at} > $beginning } values %lead;
	$facts{most_new_leads_a_day} = (sort { $b <=> $a } map { scalar keys %$_ } values %{ $facts{assigned} })[0];
	return (\%checked, \%wrong, \%facts);
}

# What reps are told to do next.
sub judge_action
{
	my ($a, $t) = @_;
	my $l = $lead{ $a->{lead_id} } or return;
	my $c = defined $l->{rep} ? $rep{ $l->{rep} }{table} : undef;
	my %due = (1 => undef, 2 => 3, 3 => 2);
	return if !defined $a->{touch};
	my $n = $a->{touch};
	holds('the next touch is the next one', $n == $l->{touches} + 1 && worked($l) && !defined $l->{stopped_at} && same($a->{rep}, $l->{rep}), named($l), " touch $n at ", shown($t));
	holds('nobody is told to write to who opted out', !barred($l->{user_id}, $t) && !$pause{outreach}, named($l), " touch $n at ", shown($t));
	if ($n == 1) { holds('touch 1 is due by the deadline', same(instant($a->{due_at}), $l->{first_touch_due_at}), named($l), ' at ', shown($t)); return; }
	my ($early, $late) = (after_days($c, $l->{last_touched_at}, 2), after_days($c, $l->{last_touched_at}, $due{$n}));
	holds("touch $n is due " . ($n == 2 ? 'two to three' : 'two') . ' business days after the one before', instant($a->{not_before}) == $early && instant($a->{due_at}) == $late,
		named($l), " sent ", shown($l->{last_touched_at}), ": $a->{not_before} to $a->{due_at}, not ", shown($early), ' to ', shown($late));
	return;
}

if (!caller)
{
	my ($checked, $wrong, $facts) = check($ARGV[0] // $ENV{PGDATABASE} // die "test/oracle/pilot.pl DATABASE\n");
	for my $what (sort keys %{ { %$checked, %$wrong } })
	{
		my @wrong = @{ $wrong->{$what} // [] };
		printf("%-7s %6d  %s\n", @wrong ? scalar(@wrong) : 'ok', $checked->{$what} // 0, $what);
		print "          $_\n" for @wrong[ 0 .. (@wrong > 5 ? 4 : $#wrong) ];
	}
	print join(', ', map { "$_ $facts->{$_}" } grep { !ref $facts->{$_} } sort keys %$facts), "\n";
	exit(%$wrong ? 1 : 0);
}

1;
