# Two workers on one port, without Redis: what one commits the other shows; one that is killed is started again and nobody misses
# anything; asked to stop, all drain; and a port that is taken, or a setting that is wrong, ends all of it with one sentence.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test;
use Porcupine::Test::Redis;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $stack = start_stack(conf => "max_connections = 60\n", env => { PORCUPINE_WORKERS => 2 });
my $ada = $stack->person('ada');
my $room = $stack->room($ada);
my $head = 1;

sub children
{
	my ($pid) = @_;
	return sort { $a <=> $b } split / /, slurp_file("/proc/$pid/task/$pid/children");
}

# How many sockets a process has.
sub sockets_of { my ($pid) = @_; return scalar grep { (readlink($_) // '') =~ /\Asocket:/ } glob("/proc/$pid/fd/*"); }

sub subscribed
{
	my (%cursor) = @_;
	return $stack->signed_in($ada)->subscribe($room, %cursor);
}

# --- they share the work ------------------------------------------------------------------------------------

my @workers = children($stack->{pid});
is(@workers, 2, 'there are two workers');
is(sockets_of($stack->{pid}), 0, 'and a parent that has opened nothing');
my @before = map { sockets_of($_) } @workers;
my @sockets = map { subscribed() } 1 .. 24;
my @taken = map { sockets_of($workers[$_]) - $before[$_] } 0, 1;
ok($taken[0] > 0 && $taken[1] > 0, "connections are spread: @taken");
foreach my $n (1 .. 10)
{
	$_->say(sending($room, "nr $n")) foreach @sockets[ 0 .. 9 ];
}
$head += 100;
my $wrong = grep { json_text([ map { $_->{seq} } $_->events($room, $head) ]) ne json_text([ 2 .. $head ]) } @sockets;
is($wrong, 0, 'everybody has everything, in order, once');

# --- one is killed ---------------------------------------------------------------------------------------------

kill 'KILL', $workers[0];
wait_for('a new worker', sub { my @now = children($stack->{pid}); @now == 2 && !grep { $_ == $workers[0] } @now });
my @lost = grep { $_->is_hung_up(0.2) } @sockets;
ok(@lost > 0 && @lost < @sockets, 'some have lost their connection, the others have not');
my ($left) = grep { my $ws = $_; !grep { $_ == $ws } @lost } @sockets;
$left->say(sending($room, "meanwhile $_")) foreach 1 .. 10;
$head += 10;
$left->events($room, $head);
wait_for('the new one to serve', sub { my ($new) = grep { $_ != $workers[1] } children($stack->{pid}); sockets_of($new) >= $before[0] });
my @back = map { subscribed(after => $head - 10, stream => $_->{ready}{stream}) } @lost;
$wrong = grep { json_text([ map { $_->{seq} } $_->events($room, $head) ]) ne json_text([ $head - 9 .. $head ]) } @back;
is($wrong, 0, 'who comes back has missed nothing');
ok((grep { $_->{message} eq 'a worker has ended and is started again' && $_->{signal} == 9 } $stack->log_lines), 'it is logged');

# --- a second bridge on that port --------------------------------------------------------------------------------

# run_again(NAME => VALUE, ...): the same once more, to its end; its exit code, and what it says.
sub run_again
{
	my (%env) = @_;
	my $log = $stack->node->basedir . '/again.log';
	my $pid = fork // die "cannot fork: $!";

	if ($pid == 0)
	{
		open(STDOUT, '>', $log);
		open(STDERR, '>&', \*STDOUT);
		%ENV = (PATH => $ENV{PATH}, PORCUPINE_PORT => $stack->port, PORCUPINE_PAGE => $stack->page_folder, PORCUPINE_WORKERS => 2, %env);
		exec($stack->{program}) or POSIX::_exit(127);
	}
	wait_for('it to end', sub { waitpid($pid, POSIX::WNOHANG()) == $pid });
	return ($? >> 8, slurp_file($log));
}

my ($code, $said) = run_again();
is($code, 1, 'a port that is taken ends it');
like($said, qr/\Aporcupine-bridge: port \d+ of 127\.0\.0\.1 is in use by another program[^\n]*\n\z/, 'with one sentence');
($code, $said) = run_again(PORCUPINE_PORT => PostgreSQL::Test::Cluster::get_free_port(), PORCUPINE_PAGE => '/nonexistent');
is($code, 2, 'what a worker refuses ends all');
foreach my $wrong_setting ('0', '65', 'two', '')
{
	($code, $said) = run_again(PORCUPINE_WORKERS => $wrong_setting);
	is($code, 2, "PORCUPINE_WORKERS=$wrong_setting is refused");
}
($code, $said) = run_again(PORCUPINE_REDIS => 'redis://user:secret@');
is($code, 2, 'a wrong list of nodes is refused');
unlike($said, qr/secret/, 'without showing the password');

# --- the end --------------------------------------------------------------------------------------------------------

$left->say(sending($room, 'the last one'));
$head++;
my @all = grep { $_->{open} } @sockets, @back;
is($stack->stop_bridge, 0, 'asked to stop, it ends well');
is_deeply([ map { $_->closing } @all ], [ map { 4503 } @all ], 'everybody is told to come back');
is(($left->events($room, $head))[-1]{seq}, $head, 'after what was on its way');

# The parent is killed: the workers do not stay.
$stack->start_bridge;
@workers = children($stack->{pid});
$stack->stop_bridge('KILL');
wait_for('the workers to end', sub { 0 == grep { kill 0, $_ } @workers });
pass('workers end with their parent');

# With Redis they are bridges like any others.
my $redis = Porcupine::Test::Redis->new;
$stack->{env}{PORCUPINE_REDIS} = $redis->url;
$stack->start_bridge;
wait_for('one to rely on the other', sub { grep { $_->{message} eq 'relying on another bridge for doorbells' } $stack->log_lines });
@sockets = map { subscribed() } 1 .. 12;
my $begin = time;
foreach my $n (1 .. 10)
{
	$sockets[$n]->say(sending($room, "with Redis $n"));
	$head++;
	$_->events($room, $head) foreach @sockets;
}
# ten that wait would take twenty seconds
cmp_ok(time - $begin, '<', 10, 'with Redis nobody waits for a sweep');

done_testing();
