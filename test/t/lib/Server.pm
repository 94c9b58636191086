# A server of a test's own, beside the one the tests run against.
package Server;

use strict;
use warnings;
use File::Temp qw(tempdir);
use Psql;
use Time::HiRes qw(sleep);

# new(port => N): its directory, and as whom its programs run, for a server refuses to run as root.
sub new
{
	my ($class, %option) = @_;
	my $self = bless { dir => tempdir(CLEANUP => 1), port => $option{port}, as => [] }, $class;
	if ($> == 0)
	{
		my ($uid, $gid) = (getpwnam('postgres'))[ 2, 3 ];
		chown($uid, $gid, $self->{dir});
		$self->{as} = [ 'setpriv', "--reuid=$uid", "--regid=$gid", '--init-groups', '--' ];
	}
	chmod(0711, $self->{dir});
	return $self;
}

# Runs a program as the server's user; its exit status. What it prints is in said().
sub program
{
	my ($self, @command) = @_;
	my $pid = fork() // die;
	if ($pid == 0)
	{
		open(STDOUT, '>', "$self->{dir}/said");
		open(STDERR, '>&', \*STDOUT);
		chdir('/');
		exec(@{ $self->{as} }, @command) or die;
	}
	waitpid($pid, 0);
	return $? >> 8;
}

sub said
{
	my ($self) = @_;
	my $said = '';
	for my $name ('said', 'log')
	{
		open(my $file, '<', "$self->{dir}/$name") or next;
		$said .= join '', <$file>;
	}
	return $said;
}

# With a data directory; 0: it runs. start(settings => '-c …')
sub start
{
	my ($self, %option) = @_;
	return $self->program('pg_ctl', 'start', '-D', "$self->{dir}/data", '-l', "$self->{dir}/log", '-w', '-t', '60',
		'-o', "-p $self->{port} -c listen_addresses='' -c unix_socket_directories=$self->{dir} " . ($option{settings} // ''));
}

sub stop
{
	my ($self) = @_;
	return $self->program('pg_ctl', 'stop', '-D', "$self->{dir}/data", '-m', 'immediate', '-w');
}

sub postmaster
{
	my ($self) = @_;
	open(my $file, '<', "$self->{dir}/data/postmaster.pid") or return;
	my $pid = <$file>;
	chomp $pid;
	return $pid;
}

# Starts psql with a script; its pid. What it prints goes to the file.
sub psql
{
	my ($self, $db, $sql, $to) = @_;
	return Psql::spawn($sql, $to, undef, db => $db, arguments => [ '-h', $self->{dir}, '-p', $self->{port}, '-U', 'postgres' ]);
}

# What psql prints, errors among it.
sub ask
{
	my ($self, $db, $sql) = @_;
	my $to = "$self->{dir}/answer.$$";
	waitpid($self->psql($db, $sql, $to), 0);
	return Psql::slurp($to);
}

1;
