#!/usr/bin/perl
#
# Compares dashboards with their oracle (dashboards.sql), and looks for numbers that contradict each other, in a database that demo/pilot.sql has played in.
#
#   test/oracle/dashboards.pl DATABASE AS_OF [KNOWN_AT]      prints how many rows it has compared, and each one that differs

package Dashboards;
use strict;
use warnings;
use File::Basename qw(dirname);

my $oracle = dirname(__FILE__) . '/dashboards.sql';

sub rows
{
	my (@arguments) = @_;
	local $ENV{PGOPTIONS} = '-c client_min_messages=warning -c timezone=UTC -c datestyle=ISO,YMD';
	open(my $psql, '-|', 'psql', '-X', '-q', '-A', '-t', '-F', "\t", '-v', 'ON_ERROR_STOP=1', @arguments) or die;
	my @rows = map { chomp; [ split(/\t/, $_, -1) ] } <$psql>;
	close($psql) or die "psql failed: @arguments";
	return @rows;
}

sub literal { my ($text) = @_; return defined $text ? "'$text'" : 'NULL'; }

# What pilot.shown (or a query that gives the same) tells: by dashboard, grain, period and metric, value, numerator and denominator.
sub shown
{
	my ($db, $query) = @_;
	return { map { (join(' ', @$_[ 0 .. 3 ]) => [ @$_[ 4 .. 6 ] ]) }
			rows('-d', $db, '-c', "SELECT s.dashboard, s.grain, s.period, s.metric, s.value, s.numerator, s.denominator FROM $query s") };
}

sub expected
{
	my ($db, $as_of, $known_at) = @_;
	return { map { (join(' ', @$_[ 0 .. 3 ]) => [ @$_[ 6, 4, 5 ] ]) }
			rows('-d', $db, '-v', "as_of=$as_of", defined $known_at ? ('-v', "known_at=$known_at") : (), '-f', $oracle) };
}

sub same
{
	my ($a, $b) = @_;
	return $a eq $b if $a eq '' || $b eq '';
	my $size = abs($a) > abs($b) ? abs($a) : abs($b);
	# a difference of two that are the same may be a last digit
	return abs($a - $b) <= 1e-9 * $size + 1e-12;
}

# Notes of each dashboard and metric how many rows were compared, and those that differ. exact: also numerators and denominators that the oracle leaves open.
sub compare
{
	my ($checked, $wrong, $label, $expected, $shown, $exact) = @_;
	my %all = map { $_ => 1 } keys %$expected, keys %$shown;
	for my $key (sort keys %all)
	{
		my ($what, $when) = $key =~ /^(.*) (\S+ \S+) (\S+)$/ ? ("$1 $3", $2) : die $key;
		my ($e, $s) = ($expected->{$key}, $shown->{$key});
		$checked->{$what}++;
		next if $e && $s && same($e->[0], $s->[0]) && !grep { ($exact || $e->[$_] ne '') && !same($e->[$_], $s->[$_]) } 1, 2;
		push @{ $wrong->{$what} }, sprintf('%s of %s: %s, not %s', $when, $label,
			map { $_ ? sprintf('%s (%s / %s)', map { $_ eq '' ? '-' : $_ } @$_) : 'no row' } $s, $e);
	}
	return;
}

sub check
{
	my ($checked, $wrong, $db, $as_of, $known_at) = @_;
	my $label = $as_of . (defined $known_at ? ' as it was known then' : '');
	return compare($checked, $wrong, $label, expected($db, $as_of, $known_at), shown($db, 'pilot.shown(' . literal($as_of) . ', ' . literal($known_at) . ')'));
}

# ---- numbers that have to agree with each other ----

my $agreement = <<'SQL';
WITH s AS MATERIALIZED (
	SELECT x.dashboard, x.grain, x.period, jsonb_object_agg(x.metric, x.numerator) AS n, jsonb_object_agg(x.metric, coalesce(x.denominator, 0)) AS m,
		jsonb_object_agg(x.metric, x.value) AS v
	FROM pilot.shown(:'as_of', NULL) x GROUP BY 1, 2, 3
), c AS (
	SELECT 'triggered = routed + queued + control + paused + not_routed' AS what, s.grain, s.period, (n->>'triggered')::float8 AS a,
		(n->>'routed')::float8 + (n->>'queued')::float8 + (n->>'control')::float8 + (n->>'paused')::float8 + (n->>'not_routed')::float8 AS b FROM s
			WHERE dashboard = 'pipeline'
	UNION ALL SELECT 'acceptance_rate_wide + rejection_rate = 1', grain, period, 1, (v->>'acceptance_rate_wide')::float8 + (v->>'rejection_rate')::float8 FROM s
		WHERE dashboard = 'pipeline' AND v->>'rejection_rate' IS NOT NULL
	UNION ALL SELECT 'routed + control + unrouted = trials', grain, period, (n->>'trials')::float8,
		(m->>'routed_conversion')::float8 + (m->>'control_conversion')::float8 + (m->>'unrouted_conversion')::float8 FROM s WHERE dashboard = 'conversion'
	UNION ALL SELECT 'their payments = all payments', grain, period, (n->>'trial_to_paid')::float8,
		(n->>'routed_conversion')::float8 + (n->>'control_conversion')::float8 + (n->>'unrouted_conversion')::float8 FROM s WHERE dashboard = 'conversion'
	UNION ALL SELECT 'converted = self-serve + sales-assisted', grain, period, (n->>'trial_to_paid')::float8,
		(n->>'self_serve_conversions')::float8 + (n->>'assisted_conversions')::float8 FROM s WHERE dashboard = 'conversion'
	UNION ALL SELECT 'converted = untouched + touched + engaged', grain, period, (n->>'trial_to_paid')::float8,
		(n->>'converted_untouched')::float8 + (n->>'converted_touched')::float8 + (n->>'converted_engaged')::float8
		FROM s WHERE dashboard = 'conversion'
	UNION ALL SELECT 'all = the weeks of ' || k.key, 'all', NULL, k.value::float8,
		(SELECT sum((w.n->>k.key)::float8) FROM s w WHERE w.dashboard = 'conversion' AND w.grain = 'week')
		FROM s, jsonb_each_text(s.n) k WHERE s.dashboard = 'conversion' AND s.grain = 'all' AND k.value IS NOT NULL AND k.key <> 'lift'
	UNION ALL SELECT 'a week = its days of ' || k.key, 'week', s.period, k.value::float8,
		(SELECT sum((d.n->>k.key)::float8) FROM s d WHERE d.dashboard = 'pipeline' AND d.grain = 'day' AND d.period BETWEEN s.period AND s.period + 6)
		FROM s, jsonb_each_text(s.n) k WHERE s.dashboard = 'pipeline' AND s.grain = 'week' AND k.value IS NOT NULL
			AND k.key NOT IN ('queue_depth', 'unclaimed', 'load_lag')
	UNION ALL SELECT 'dispositioned, ' || k.key || ' on pipeline and feedback', 'week', p.period, (p.n->>k.key)::float8, (f.n->>k.key)::float8
		FROM s p JOIN s f ON f.dashboard = 'feedback' AND f.grain = 'week' AND f.period = p.period, (VALUES ('dispositioned'), ('acceptance_rate')) k (key)
			WHERE p.dashboard = 'pipeline' AND p.grain = 'week'
	UNION ALL SELECT 'false positives on guardrails and feedback', 'week', g.period, (g.n->>'false_positive_rate')::float8,
		(f.n->>'false_positive_rate')::float8
		FROM s g JOIN s f ON f.dashboard = 'feedback' AND f.grain = 'week' AND f.period = g.period WHERE g.dashboard = 'guardrails'
	UNION ALL SELECT 'the funnel''s ' || k.a || ' = conversion''s ' || k.b, 'week', f.period, (f.n->>k.a)::float8, (c.n->>k.b)::float8
		FROM s f JOIN s c ON c.dashboard = 'conversion' AND c.grain = 'week' AND c.period = f.period,
			(VALUES ('signup', 'trials'), ('open', 'open_trials'), ('contacted', 'contacted'), ('paid', 'trial_to_paid')) k (a, b)
		WHERE f.dashboard = 'funnel'
	UNION ALL SELECT 'no more were paid for than there are: ' || k.key, s.grain, s.period, greatest((s.n->>k.key)::float8, (s.m->>k.key)::float8),
		(s.m->>k.key)::float8
		FROM s, (VALUES ('trial_to_paid'), ('routed_conversion'), ('unrouted_conversion'), ('control_conversion'), ('assisted_conversion'), ('meeting_rate'),
			('reply_rate'), ('self_serve_conversion'), ('sla_compliance'), ('pql_to_close')) k (key)
		WHERE s.n ? k.key
	UNION ALL SELECT 'leads of a month = of its days', 'month', s.period, (n->>'pql_volume')::float8,
		(SELECT sum((d.n->>'triggered')::float8) FROM s d WHERE d.dashboard = 'pipeline' AND d.grain = 'day'
		AND date_trunc('month', d.period::timestamp)::date = s.period)
		FROM s WHERE dashboard = 'playbook' AND period >= (SELECT min(d.period) FROM s d WHERE d.dashboard = 'pipeline')
)
SELECT what, grain, period, a, b FROM c ORDER BY 1, 2, 3
SQL

# The numbers of one instant against each other.
sub agree
{
	my ($checked, $wrong, $db, $as_of) = @_;
	my $file = "/tmp/dashboards.$$.sql";
	open(my $to, '>', $file) or die;
	print $to $agreement;
	close($to);
	for my $r (rows('-d', $db, '-v', "as_of=$as_of", '-f', $file))
	{
		my ($what, $grain, $period, $a, $b) = @$r;
		$what =~ s/ of \S+$// if $what =~ /^(all|a week) = /;
		$checked->{$what}++;
		push @{ $wrong->{$what} }, "$grain $period of $as_of ($r->[0]): $a, and $b" if !same($a, $b eq '' ? 0 : $b);
	}
	unlink($file);
	return;
}

# What is split adds up to the whole, numerators and denominators, but for those that are reps and days, and for trials without leads.
sub add_up
{
	my ($checked, $wrong, $db, $as_of) = @_;
	my $by = q{unnest(ARRAY[NULL, 'tier', 'rep', 'segment', 'model', 'channel', 'variant'])};
	my $all = join(' UNION ALL ', map { "SELECT '$_' AS dashboard, coalesce(b, '') AS by, x.grain, x.period, x.metric, x.numerator, x.denominator
			FROM $by b, LATERAL pql.dashboard_${_}_at('$as_of', b) x" } qw(pipeline conversion guardrails playbook feedback));
	my @found = rows('-d', $db, '-c', qq{
		WITH x AS MATERIALIZED ($all),
			part AS (SELECT dashboard, by, grain, period, metric, sum(numerator) AS n, sum(denominator) AS m FROM x WHERE by <> '' GROUP BY 1, 2, 3, 4, 5),
			split AS (SELECT DISTINCT dashboard, by, metric FROM part)
		SELECT w.dashboard || ' ' || w.metric, p.by, w.grain, w.period, coalesce(w.numerator, 0), coalesce(q.n, 0), coalesce(w.denominator, 0),
			CASE WHEN w.metric IN ('demand_per_rep', 'utilisation', 'open_load') THEN coalesce(w.denominator, 0) ELSE coalesce(q.m, 0) END
		FROM split p JOIN x w ON w.by = '' AND w.dashboard = p.dashboard AND w.metric = p.metric
		LEFT JOIN part q ON q.dashboard = p.dashboard AND q.by = p.by AND q.metric = p.metric AND q.grain = w.grain AND q.period = w.period
		WHERE p.metric <> 'assisted_conversions' ORDER BY 1, 2, 3, 4});
	for my $r (@found)
	{
		my ($what, $split, $grain, $period, $n, $sum_n, $m, $sum_m) = @$r;
		$checked->{'split ones add up'}++;
		push @{ $wrong->{'split ones add up'} }, "$what by $split, $grain $period of $as_of: $n / $m, in parts $sum_n / $sum_m" if !same($n, $sum_n) || !same($m, $sum_m);
	}
	return;
}

if (!caller)
{
	die "usage: dashboards.pl DATABASE AS_OF [KNOWN_AT]\n" if @ARGV < 2;
	my (%checked, %wrong);
	check(\%checked, \%wrong, @ARGV);
	agree(\%checked, \%wrong, @ARGV[ 0, 1 ]);
	add_up(\%checked, \%wrong, @ARGV[ 0, 1 ]);
	my $n = 0;
	$n += $_ for values %checked;
	print "$n compared\n";
	for my $what (sort keys %wrong) { print "$what\n", map { "    $_\n" } @{ $wrong{$what} }; }
	exit(%wrong ? 1 : 0);
}

1;
