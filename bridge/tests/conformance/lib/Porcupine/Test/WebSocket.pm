# Porcupine::Test::WebSocket: a client's end of a WebSocket (RFC 6455) that writes whatever bytes it is told to and takes nothing
# of what it reads for granted. It answers pings by itself unless told otherwise.
package Porcupine::Test::WebSocket;

use strict;
use warnings;

use IO::Select;
use JSON::PP ();
use Time::HiRes qw(time);

my $json = JSON::PP->new->utf8->canonical;

sub new
{
	my ($class, $socket, $buffer, $patience) = @_;
	return bless {
		socket => $socket,
		buffer => $buffer,
		patience => $patience,
		heard => [],
		open => 1,
		answer_pings => 1
	}, $class;
}

# frame(OPCODE, PAYLOAD, fin => 1, rsv => 0, mask => BYTES or undef, length => n, form => 7 | 16 | 64): the bytes of one frame.
sub frame
{
	my ($opcode, $payload, %how) = @_;
	my $length = $how{length} // length($payload);
	my $mask = exists $how{mask} ? $how{mask} : pack('N', rand(2**32));
	my $form = $how{form} // ($length < 126 ? 7 : $length < 65536 ? 16 : 64);
	my $first = (($how{fin} // 1) << 7) | (($how{rsv} // 0) << 4) | $opcode;
	my $masked = defined $mask ? 0x80 : 0;
	my $head =
		$form == 7 ? pack('CC', $first, $masked | $length)
	  : $form == 16 ? pack('CCn', $first, $masked | 126, $length)
	  : pack('CCQ>', $first, $masked | 127, $length);

	return $head . $payload unless defined $mask;
	return $head . $mask . ($payload ^ substr($mask x (1 + length($payload) / 4), 0, length($payload)));
}

# Writes bytes as they are; false when the other side has gone.
sub write
{
	my ($self, $bytes) = @_;
	my $written = 0;

	local $SIG{PIPE} = 'IGNORE';
	while ($written < length($bytes))
	{
		my $n = syswrite($self->{socket}, $bytes, length($bytes) - $written, $written);
		return 0 unless defined $n;
		$written += $n;
	}
	return 1;
}

sub send_frame { my ($self, @frame) = @_; return $self->write(frame(@frame)); }

# One JSON message in one text frame.
sub say { my ($self, $message) = @_; return $self->send_frame(1, $json->encode($message)); }

# becomes_readable(SOCKET, DEADLINE): whether it does until then, also when a signal comes in between, as when a child is stopped.
sub becomes_readable
{
	my ($socket, $deadline) = @_;
	my $select = IO::Select->new($socket);

	while (1)
	{
		my $left = $deadline - time;
		return 1 if $select->can_read($left > 0 ? $left : 0);
		return 0 if $left <= 0;
	}
}

# next_frame(SECONDS): {fin, rsv, opcode, masked, payload}, or undef when nothing comes or the connection has ended.
sub next_frame
{
	my ($self, $seconds) = @_;
	my $deadline = time + ($seconds // $self->{patience});

	while (1)
	{
		my $frame = $self->take_frame;
		return $frame if $frame;
		return unless $self->{open};
		return unless becomes_readable($self->{socket}, $deadline);
		$self->{open} = 0 unless sysread($self->{socket}, $self->{buffer}, 65536, length($self->{buffer}));
	}
}

sub take_frame
{
	my ($self) = @_;
	my $buffer = \$self->{buffer};

	return if length($$buffer) < 2;
	my ($first, $second) = unpack('CC', $$buffer);
	my ($length, $at) = ($second & 0x7f, 2);
	if ($length == 126)
	{
		return if length($$buffer) < 4;
		($length, $at) = (unpack('x2n', $$buffer), 4);
	}
	elsif ($length == 127)
	{
		return if length($$buffer) < 10;
		($length, $at) = (unpack('x2Q>', $$buffer), 10);
	}
	return if length($$buffer) < $at + $length;
	my $payload = substr($$buffer, $at, $length);
	substr($$buffer, 0, $at + $length) = '';
	return {
		fin => $first >> 7,
		rsv => ($first >> 4) & 7,
		opcode => $first & 15,
		masked => $second >> 7,
		payload => $payload
	};
}

# JSON::PP takes a tenth of a second for a body of 64 KiB, which would make a slow reader of every test: so a long one is taken out before.
sub decoded
{
	my ($payload) = @_;
	my $body = $payload =~ s/"body":"([A-Za-z0-9+\/=]{1000,})"/"body":null/ ? $1 : undef;
	my $message = $json->decode($payload);

	$message->{body} = $body if defined $body;
	return $message;
}

# next_message(SECONDS): the next JSON message, which is also kept in {heard} and, byte by byte, in {words}; close frames are kept in {close_code} and {close_reason} and end the listening.
sub next_message
{
	my ($self, $seconds) = @_;
	my $deadline = time + ($seconds // $self->{patience});

	return if defined $self->{close_code};
	while (my $frame = $self->next_frame($deadline - time))
	{
		if ($frame->{opcode} == 8)
		{
			($self->{close_code}, $self->{close_reason}) =
			  length($frame->{payload}) >= 2 ? unpack('na*', $frame->{payload}) : (1005, '');
			return;
		}
		if ($frame->{opcode} == 9)
		{
			$self->send_frame(10, $frame->{payload}) if $self->{answer_pings};
			next;
		}
		next if $frame->{opcode} == 10;
		die 'the server masked, fragmented or extended a frame'
		  if $frame->{masked} || !$frame->{fin} || $frame->{rsv} || $frame->{opcode} != 1;
		my $message = decoded($frame->{payload});
		push @{ $self->{heard} }, $message;
		push @{ $self->{words} }, $frame->{payload};
		$self->{highest}{ $message->{room} } = $message->{seq} if $message->{type} eq 'event';
		return $message;
	}
	return;
}

# hear(TYPE or CODE, SECONDS): the next message of this type, or for which CODE is true; others are passed over, but kept in {heard}.
sub hear
{
	my ($self, $which, $seconds) = @_;
	my $deadline = time + ($seconds // $self->{patience});
	my $wanted = ref $which ? $which : sub { $_[0]{type} eq $which };

	while (my $message = $self->next_message($deadline - time))
	{
		return $message if $wanted->($message);
	}
	return;
}

# events(ROOM, UP TO SEQ): hears until the event of this seq has come; returns all events of the room heard so far on this socket, in
# the order in which they came.
sub events
{
	my ($self, $room, $up_to, $seconds) = @_;
	my $has_come = sub { ($self->{highest}{$room} // 0) >= $up_to };

	$self->hear($has_come, $seconds) unless $has_come->();
	return grep { $_->{type} eq 'event' && $_->{room} eq $room } @{ $self->{heard} };
}

# subscribe(ROOM, after => SEQ, ...): to its events; {subscribed} has what the server said. Returns the socket itself.
sub subscribe
{
	my ($self, $room, %cursor) = @_;

	$self->say({ type => 'subscribe', room => "$room", %cursor });
	$self->{subscribed} = $self->hear('subscribed') or die 'not subscribed: ' . $json->encode($self->{heard});
	return $self;
}

# closing(SECONDS): the code by which the server closes, 0 when the connection just ends, undef when it stays.
sub closing
{
	my ($self, $seconds) = @_;
	my $deadline = time + ($seconds // $self->{patience});

	1 while !defined $self->{close_code}
	  && $self->{open}
	  && time < $deadline
	  && $self->next_message($deadline - time);
	return $self->{close_code} // ($self->{open} ? undef : 0);
}

# Whether the connection is ended by the server, without any further word, in this time.
sub is_hung_up
{
	my ($self, $seconds) = @_;
	my $deadline = time + ($seconds // $self->{patience});

	1 while $self->{open} && time < $deadline && $self->next_frame($deadline - time);
	return !$self->{open};
}

sub close { my ($self) = @_; return close($self->{socket}); }

1;
