# Porcupine::Test::Process: starts programs that run beside a test. It owns none of them: whoever starts one ends it.
package Porcupine::Test::Process;

use strict;
use warnings;

use Exporter 'import';
use POSIX ();

our @EXPORT = qw(start_process);

# start_process(program => PATH, name => WORD, words => [...], log => FILE, env => {...}): its process id. It reads nothing, and all that it says
# goes to the end of the log. name: by which it is called, where that is not its path; env: instead of this process's.
sub start_process
{
	my (%how) = @_;
	my $pid = fork // die "cannot fork: $!";

	return $pid if $pid != 0;
	open(STDIN, '<', '/dev/null');
	open(STDOUT, '>>', $how{log});
	open(STDERR, '>&', \*STDOUT);
	%ENV = %{ $how{env} } if $how{env};
	exec({ $how{program} } $how{name} // $how{program}, @{ $how{words} // [] }) or POSIX::_exit(127);
}

1;
