# psql with scripts, at once or in the background.
package Psql;

use strict;
use warnings;
use File::Temp qw(tempdir);
use POSIX qw(WNOHANG);
use Time::HiRes qw(sleep time);

# new(db => …, settings => '-c …', arguments => [ … ], within => SECONDS, environment => { PGHOST => … }): what all of its scripts have
# in common; start and run take the same, for one. Who is not done within the seconds is killed.
sub new
{
	my ($class, %common) = @_;
	return bless { dir => tempdir(CLEANUP => 1), n => 0, common => \%common }, $class;
}

# Starts psql; its pid. What it prints goes to the files, errors to that of the rest where they have none.
sub spawn
{
	my ($sql, $out, $err, %with) = @_;
	open(my $script, '>', "$out.sql") or die;
	print $script $sql;
	close($script);
	my $pid = fork() // die;
	if ($pid == 0)
	{
		%ENV = (%ENV, %{ $with{environment} // {} });
		$ENV{PGOPTIONS} = $with{settings} if defined $with{settings};
		open(STDOUT, '>', $out) or die;
		$err ? open(STDERR, '>', $err) : open(STDERR, '>&', \*STDOUT) or die;
		exec('psql', '-X', '-q', '-A', '-t', '-d', $with{db}, @{ $with{arguments} // [] }, '-f', "$out.sql") or die;
	}
	return $pid;
}

# One that runs: for finish.
sub start
{
	my ($self, $sql, %with) = @_;
	%with = (%{ $self->{common} }, %with);
	# by process, for children of a test have some, too
	my $file = "$self->{dir}/$$." . $self->{n}++;
	my $err = $with{errors_apart} ? "$file.err" : undef;
	return { file => $file, began => time, within => $with{within}, pid => spawn($sql, $file, $err, %with) };
}

# Waits for it; what it printed, errors among it unless they are apart: then they are its {err}. {took}: seconds.
sub finish
{
	my ($self, $run) = @_;
	if ($run->{within})
	{
		while (waitpid($run->{pid}, WNOHANG) == 0)
		{
			kill('KILL', $run->{pid}) if time - $run->{began} > $run->{within};
			sleep(0.05);
		}
	}
	else { waitpid($run->{pid}, 0); }
	$run->{took} = time - $run->{began};
	$run->{err} = slurp("$run->{file}.err");
	return $run->{out} = slurp($run->{file});
}

sub run { my ($self, @how) = @_; return $self->finish($self->start(@how)); }

sub slurp { my ($path) = @_; open(my $file, '<', $path) or return ''; local $/; return <$file> // ''; }

1;
