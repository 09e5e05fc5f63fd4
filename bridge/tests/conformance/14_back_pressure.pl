# Whoever sends faster than the database stores is not read from meanwhile: what waits in the bridge is bounded, for one socket and
# for all of them, every send is answered in the end, and each is stored once, in the order of sending.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IO::Select;
use Porcupine::Test;
use Porcupine::Test::Metrics qw(scrape);
use Porcupine::Test::Psql;
use Test::More;
use Time::HiRes qw(time);

my $stack = start_stack();
my $port = $stack->{metrics_port};
my $holder = Porcupine::Test::Psql->new($stack->node->connstr('postgres'));
my $people = 0;

sub sender
{
	my ($room) = @_;
	my $person = $stack->person('sender' . ++$people);

	$stack->sql("INSERT INTO porcupine.members (room_id, user_id) VALUES ($room, $person->{id})");
	return { ws => $stack->signed_in($person), person => $person, left => '', ids => [], acks => {}, refused => {} };
}

# So many messages, as the bytes that a client would have written in one go.
sub will_send
{
	my ($sender, $room, $count, $size) = @_;

	foreach my $n (1 .. $count)
	{
		my $id = uuid();
		my $text = sprintf('%05d ', $n) . 'x' x ($size - 6);

		push @{ $sender->{ids} }, $id;
		$sender->{left} .= Porcupine::Test::WebSocket::frame(1,
			json_text({ type => 'send', room => $room, client_id => $id, epoch => 0, body => b64($text) }),
			mask => "\0\0\0\0");
	}
	$sender->{ws}{socket}->blocking(0);
	return;
}

# Writes what the sockets take and reads what they bring, until CODE is content; false when that takes too long.
sub exchange_until
{
	my ($senders, $seconds, $code) = @_;
	my $deadline = time + $seconds;
	local $SIG{PIPE} = 'IGNORE';

	until ($code->())
	{
		return 0 if time > $deadline;
		my $writable = IO::Select->new(map { $_->{ws}{socket} } grep { length $_->{left} } @$senders);
		my $readable = IO::Select->new(map { $_->{ws}{socket} } @$senders);
		IO::Select->select($readable, $writable, undef, 0.05);
		foreach my $sender (@$senders)
		{
			my $written = length $sender->{left} ? syswrite($sender->{ws}{socket}, $sender->{left}, 1 << 20) : 0;
			substr($sender->{left}, 0, $written // 0) = '';
			while (my $message = $sender->{ws}->next_message(0))
			{
				$sender->{acks}{ $message->{client_id} }++ if $message->{type} eq 'ack';
				$sender->{refused}{ $message->{client_id} } = $message->{code} if $message->{type} eq 'error';
			}
		}
	}
	return 1;
}

sub all_are_acknowledged
{
	my ($senders, $what) = @_;

	ok(exchange_until($senders, 60, sub { !grep { keys %{ $_->{acks} } < @{ $_->{ids} } } @$senders }), "$what: all are acknowledged")
	  or diag(join(' ', map { scalar(keys %{ $_->{acks} }) . ' of ' . @{ $_->{ids} } } @$senders));
	is(scalar(map { %{ $_->{refused} } } @$senders), 0, "$what: none is refused");
	is(scalar(grep { $_ != 1 } map { values %{ $_->{acks} } } @$senders), 0, "$what: each is told once");
	return;
}

sub stored_in_order
{
	my ($room, $senders, $what) = @_;
	my $wrong = 0;

	foreach my $sender (@$senders)
	{
		my $ids = $stack->sql("SELECT client_id FROM porcupine.events WHERE room_id = $room AND sender_id = $sender->{person}{id} AND kind = 'message' ORDER BY seq");
		$wrong++ if $ids ne join("\n", @{ $sender->{ids} });
	}
	is($wrong, 0, "$what: each sender's are stored once, in the order of sending");
	return;
}

# Nothing can be stored while this is held; it is not a room that could be left out.
sub stop_storing { $holder->has_said('BEGIN; LOCK TABLE porcupine.events IN EXCLUSIVE MODE;'); return; }
sub go_on { $holder->has_said('COMMIT;'); return; }

# Polls until the number has not moved for eight readings, each of which is a turn of the bridge's loop in which it could have.
sub settled
{
	my ($senders, $name) = @_;
	my ($last, $same) = (-1, 0);

	exchange_until(
		$senders, PATIENCE,
		sub {
			my $now = scrape($port)->value($name);
			$same = $now == $last ? $same + 1 : 0;
			$last = $now;
			return $same >= 8;
		}
	) or die "$name does not settle";
	return $last;
}

# --- one socket ---------------------------------------------------------------------------------------------------------

my $owner = $stack->person('owner');
my $room = $stack->room($owner);
my $one = sender($room);
will_send($one, $room, 3000, 2000);
my $all = length $one->{left};
stop_storing();
my $waiting = settled([$one], 'sends_waiting');
cmp_ok($waiting, '<=', 64, 'one socket has no more than 64 sends under way');
cmp_ok($waiting, '>', 0, 'but some') or diag($waiting);
cmp_ok(length $one->{left}, '>', $all / 4, 'and is not read from meanwhile: what it writes stays with it');
go_on();
all_are_acknowledged([$one], 'one socket');
stored_in_order($room, [$one], 'one socket');

# --- many sockets ----------------------------------------------------------------------------------------------------------

# 72 MB of bodies, of which no more than about 32 may wait in the bridge.
my @senders = map { sender($room) } 1 .. 24;
will_send($_, $room, 50, 60_000) foreach @senders;
stop_storing();
my $bytes = settled(\@senders, 'sends_waiting_bytes');
cmp_ok($bytes, '<', 40 * 1024 * 1024, 'what all of them have under way is bounded');
cmp_ok($bytes, '>', 8 * 1024 * 1024, 'but not little') or diag($bytes);
my ($memory) = PostgreSQL::Test::Utils::slurp_file("/proc/$stack->{pid}/status") =~ /VmRSS:\s+(\d+)/;
diag("the bridge uses $memory kB") if $memory > 200_000;
is($stack->http('GET', '/livez')->{status}, 200, 'the bridge answers meanwhile');
go_on();
all_are_acknowledged(\@senders, 'many sockets');
stored_in_order($room, \@senders, 'many sockets');
is(scrape($port)->value('sends_waiting_bytes'), 0, 'nothing is left behind');

# And then it is as it was: one socket again may have many under way.
@{$one}{qw(left ids acks)} = ('', [], {});
will_send($one, $room, 200, 100);
stop_storing();
cmp_ok(settled([$one], 'sends_waiting'), '>', 30, 'afterwards a socket may have as many under way as before');
go_on();
all_are_acknowledged([$one], 'afterwards');

is($stack->stop_bridge, 0, 'the bridge ends well');
ok(!(grep { ($_->{level} // '') eq 'error' } $stack->log_lines), 'and has logged no error');

done_testing();
