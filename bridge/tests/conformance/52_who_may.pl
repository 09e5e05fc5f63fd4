# Who may make which call: every call of openapi.yaml by everybody, members of each role, those who are none any more or never were, and
# whoever brings a token that is none. Who may not is told so in one of a few words, the same whether the thing is there or not, and nothing
# has changed.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Digest::SHA qw(sha256_hex);
use POSIX ();
use Porcupine::Test;
use PostgreSQL::Test::Utils;
use Test::More;

my $stack = start_stack(conf => "max_connections = 60\n");

# --- the calls ---------------------------------------------------------------------------------------------------

# Those of the description: method, path, whether they are open, and the least role that may, where it is a matter of roles.
sub calls_of_description
{
	my @calls;
	my ($path, $parsing);

	foreach my $line (split /\n/, slurp_file("$FindBin::RealBin/../../../openapi.yaml"))
	{
		last if $line =~ /\Acomponents:/;
		if ($line =~ m{\A  (/[^:]+):}) { $path = $1; }
		elsif ($line =~ /\A    (get|post|patch|delete|put):/) { push @calls, { method => uc $1, path => $path }; }
		elsif ($line =~ /\A      security: \[\]/) { $calls[-1]{open} = 1; }
		elsif ($line =~ /\A      operationId: (\w+)/) { $calls[-1]{name} = $1; }
	}
	return @calls;
}

# Of the calls about a room: who may at least, and what it takes. pending: whoever is in the list of members; stranger: not a matter of membership.
my %of_rooms = (
	getRoom => ['pending'],
	changeRoom => [ 'admin', { name => 'changed' } ],
	deleteRoom => ['owner'],
	joinListed => ['stranger'],
	transferRoom => [ 'owner', { user => 'MEMBER' } ],
	archiveRoom => ['admin'],
	unarchiveRoom => ['admin'],
	rotateCode => ['admin'],
	disableCode => ['admin'],
	allowSystem => ['owner'],
	disallowSystem => ['owner'],
	setRetention => [ 'admin', { seconds => 86400 } ],
	clearRetention => ['admin'],
	listMembers => ['pending'],
	setRole => [ 'admin', { role => 'reader' } ],
	removeMember => ['moderator'],
	muteMember => [ 'moderator', { until => POSIX::strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time + 86400)) } ],
	unmuteMember => ['moderator'],
	leaveRoom => [ 'pending', {} ],
	listBans => ['moderator'],
	banUser => [ 'moderator', { user => 'MEMBER' } ],
	unbanUser => ['moderator'],
	listRequests => ['moderator'],
	requestListed => [ 'stranger', {} ],
	withdrawRequest => ['stranger'],
	approveRequest => ['moderator'],
	declineRequest => ['moderator'],
	createInvite => [ 'admin', {} ],
	listInvites => ['admin'],
	readInviteAsMember => ['pending'],
	revokeInvite => ['admin'],
	listMessages => ['reader'],
	sendMessage => [ 'member', { client_id => 'UUID', epoch => 0, body => b64('x') } ],
	redact => ['moderator'],
	around => ['reader'],
	thread => ['reader'],
	edits => ['reader'],
	addHints => [ 'member', { hints => [ b64('12345678') ] } ],
	report => [ 'reader', { reason => 'spam' } ],
	foldedHistory => ['reader'],
	mentions => ['reader'],
	listPins => ['reader'],
	pin => [ 'moderator', { seq => 'SEQ' } ],
	unpin => ['moderator'],
	listMarks => ['reader'],
	markRead => [ 'reader', { seq => 'SEQ' } ],
	markDelivered => [ 'reader', { seq => 'SEQ' } ],
	listLog => ['pending'],
	appendEntry => [ 'pending', { index => 0, entry => b64('e') } ],
	listEpochs => ['reader'],
	commitEpoch => [ 'member', { epoch => 1, index => 0, entries => [ b64('e') ], bundles => [] } ]
);
# Of one's own things, by whoever has a token: what others have is not there.
my %of_others = (
	endSession => 'not_found',
	unlinkIdentity => 'not_found',
	revokeDevice => 'not_found',
	listDevices => 'not_found'
);

my @calls = calls_of_description();
cmp_ok(scalar(@calls), '>', 80, scalar(@calls) . ' calls are described');
is_deeply([ sort grep { !$of_rooms{$_} } map { $_->{name} } grep { $_->{path} =~ /\{room\}/ } @calls ], [], 'of each call about a room it is said here who may');

# --- the people ----------------------------------------------------------------------------------------------------

my %who = map { $_ => $stack->person($_) } qw(pending reader member moderator admin owner muted stranger removed banned left victim ended disabled);
my $room = $stack->room(@who{qw(owner pending reader member moderator admin muted removed banned left victim)});
my $elsewhere = $stack->room($who{victim});
my $sealed = $stack->room(@who{qw(owner pending reader member moderator admin muted)});
$stack->sql("UPDATE porcupine.members SET role = '$_' WHERE room_id IN ($room, $sealed) AND user_id = $who{$_}{id}") foreach qw(pending reader member moderator admin);
$stack->sql("UPDATE porcupine.rooms SET encrypted = true WHERE id = $sealed");
my $seq = $stack->sql_send($who{victim}, $room, 'something');
$stack->sql_send($who{victim}, $elsewhere, 'something');

sub as { my ($person, $sql) = @_; return $stack->sql("BEGIN; SELECT porcupine.act_as($person->{id}) \\gset\n$sql; COMMIT;"); }

as($who{owner}, "SELECT porcupine.remove_member($room, $who{removed}{id}); SELECT porcupine.ban_user($room, $who{banned}{id}); "
	  . "SELECT porcupine.mute_member($room, $who{muted}{id}, now() + interval '1 day'); SELECT porcupine.pin($room, $seq)");
as($who{left}, "SELECT porcupine.leave_room($room)");
my $invite = as($who{owner}, "SELECT id FROM porcupine.create_invite($room)");
$stack->sql("UPDATE porcupine.sessions SET ended_at = now(), end_reason = 'logout' WHERE id = $who{ended}{session}");
$stack->sql("UPDATE porcupine.users SET disabled_at = now() WHERE id = $who{disabled}{id}");

# What may not change by whoever may not.
sub state_of_all
{
	return $stack->sql(join(' UNION ALL ', map { "SELECT '$_' || md5(coalesce(string_agg(t::text, '' ORDER BY t::text), '')) FROM porcupine.$_ t" }
		  qw(users rooms room_heads members bans invites events devices pins join_requests reports control_log identities), )
		. " UNION ALL SELECT 'sessions' || md5(string_agg(s.id || ' ' || (s.ended_at IS NULL), '' ORDER BY s.id)) FROM porcupine.sessions s");
}

# fill(CALL, ROOM, SEQ): its path and body, about that room, the victim and what is the victim's.
sub fill
{
	my ($call, $in, $at) = @_;
	my %value = (
		room => $in == $room && $call->{name} =~ /Entry|Epoch\z/ ? $sealed : $in, user => $who{victim}{id}, session => $who{victim}{session}, device => $who{victim}{device}, seq => $at // $seq, invite => $call->{name} eq 'readInviteAsMember' ? sha256_hex('nothing') : $invite,
		hash => sha256_hex('nothing'), hint => '0' x 16, identity => 1, provider => 'corp'
	);
	(my $path = $call->{path}) =~ s/\{(\w+)\}/$value{$1}/ge;
	my $body = ($of_rooms{ $call->{name} } // [])->[1];

	$body = { %$body, map { $_ => { MEMBER => $who{victim}{id}, UUID => uuid(), SEQ => $at // $seq }->{ $body->{$_} } // $body->{$_} } keys %$body } if $body;
	$body->{seq} += 0 if $body && exists $body->{seq};
	return ($call->{method}, $path, $call->{method} =~ /POST|PATCH/ ? (json => $body // {}) : ());
}

# What was answered: the code of the problem, or the status.
sub said
{
	my ($answer) = @_;
	return $answer->{json}{code} if ref $answer->{json} eq 'HASH' && $answer->{status} >= 400;
	return $answer->{status};
}

# --- whose token is none ------------------------------------------------------------------------------------------------

my $untouched = state_of_all();
my ($head, $payload, $signature) = split /\./, $who{owner}{token};
my ($foreign) = $stack->sql(q{CREATE DATABASE other; \c other
	SET porcupine.adopt_roles = on; CREATE EXTENSION porcupine; INSERT INTO porcupine.users (username, display_name) VALUES ('owner', 'owner') RETURNING id AS who \gset
	INSERT INTO porcupine.devices (user_id, name) VALUES (:who, 'test') RETURNING id AS device \gset
	SELECT porcupine.access_token(1, 1, 1);}) =~ /(\S+)\z/;
my @tokens = (
	[ 'no token', undef, 'unauthenticated' ],
	[ 'a token of another database', $foreign, 'unauthenticated' ],
	[ 'a token that has expired', $stack->earlier_token($who{owner}{token}, 601), 'unauthenticated' ],
	[ 'a token with another signature', "$head.$payload." . ('A' x length $signature), 'unauthenticated' ],
	[ 'a token without a signature', "$head.$payload.", 'unauthenticated' ],
	[ 'a refresh token', $who{owner}{refresh}, 'unauthenticated' ],
	[ 'a token of a session that has ended', $who{ended}{token}, 'session_ended' ],
	[ 'a token of somebody who was disabled', $who{disabled}{token}, 'session_ended' ]
);
foreach my $case (@tokens)
{
	my ($what, $token, $code) = @$case;
	my @wrong;

	foreach my $call (grep { !$_->{open} } @calls)
	{
		my $answer = $stack->http(fill($call, $room), defined $token ? (token => $token) : ());

		# what is malformed may be told first to a session that was real
		push @wrong, "$call->{name}: " . said($answer) unless said($answer) eq $code || ($code eq 'session_ended' && said($answer) eq 'invalid');
	}
	is_deeply(\@wrong, [], "$what: no call but the open ones") or diag(explain(\@wrong));
}
is(state_of_all(), $untouched, 'and nothing has changed');

# --- who is not in the room, or not high enough -----------------------------------------------------------------------------

my @ranks = qw(stranger pending reader member moderator admin owner);
my %rank = map { $ranks[$_] => $_ } 0 .. $#ranks;

# Whoever has not the role, and what each of them is told.
foreach my $name (qw(stranger removed banned left pending reader muted member moderator admin))
{
	my $rank = $rank{$name} // ($name eq 'muted' ? $rank{member} : $rank{stranger});
	my @wrong;

	foreach my $call (grep { $of_rooms{ $_->{name} } && $rank < $rank{ $of_rooms{ $_->{name} }[0] } } @calls)
	{
		my ($there, $nowhere) = map { said($stack->http(fill($call, $_), token => $who{$name}{token})) } $room, 999_999_999;
		my $expected = $rank == $rank{stranger} ? qr/\A(?:not_member|not_found)\z/ : qr/\A(?:role|not_member|not_found)\z/;

		push @wrong, "$call->{name}: $there" unless $there =~ $expected;
		push @wrong, "$call->{name}: $there here, $nowhere where there is no room" if $rank == $rank{stranger} && $there ne $nowhere;
	}
	is_deeply(\@wrong, [], "$name: no call of those above, and no word of what is there") or diag(explain(\@wrong));
}
is(said($stack->http('POST', "/api/chat/rooms/$room/messages/", token => $who{muted}{token}, json => { client_id => uuid(), epoch => 0, body => b64('x') })),
	'muted', 'the muted do not send');
is(state_of_all(), $untouched, 'and nothing has changed');

# Nobody's role counts in another room.
{
	my @wrong;

	foreach my $call (grep { $of_rooms{ $_->{name} } && $rank{ $of_rooms{ $_->{name} }[0] } > 0 } @calls)
	{
		my $said = said($stack->http(fill($call, $elsewhere), token => $who{owner}{token}));

		push @wrong, "$call->{name}: $said" unless $said =~ /\A(?:not_member|not_found)\z/;
	}
	is_deeply(\@wrong, [], 'an owner is nobody in the room of somebody else') or diag(explain(\@wrong));
}

# What belongs to somebody is nobody else's.
foreach my $call (grep { $of_others{ $_->{name} } } @calls)
{
	is(said($stack->http(fill($call, $room), token => $who{stranger}{token})), $of_others{ $call->{name} }, "$call->{name} of somebody else's");
}
is(state_of_all(), $untouched, 'and nothing has changed');

# --- who may ------------------------------------------------------------------------------------------------------------------

# The other side of it, or all of this would hold where nobody may do anything: the least role is not refused for its role.
{
	my @wrong;

	foreach my $call (grep { $of_rooms{ $_->{name} } && $of_rooms{ $_->{name} }[0] ne 'stranger' } @calls)
	{
		my $least = $of_rooms{ $call->{name} }[0];
		my $own = $stack->room($who{owner}, $who{victim}, $least ne 'owner' ? $who{$least} : ());

		$stack->sql("UPDATE porcupine.members SET role = '$least' WHERE room_id = $own AND user_id = $who{$least}{id}");
		my $said = said($stack->http(fill($call, $own, $stack->sql_send($who{victim}, $own, 'something')), token => $who{$least}{token}));
		push @wrong, "$call->{name}: $said" if $said =~ /\A(?:role|not_member|unauthenticated|session_ended)\z/;
	}
	is_deeply(\@wrong, [], 'whoever has the role may') or diag(explain(\@wrong));
}
isnt(state_of_all(), $untouched, 'and much has changed');

# --- every path, whatever the method --------------------------------------------------------------------------------------------

{
	my %methods;
	my @wrong;

	push @{ $methods{ $_->{path} } }, $_ foreach @calls;
	foreach my $path (sort keys %methods)
	{
		my ($call) = @{ $methods{$path} };
		my (undef, $filled) = fill($call, $elsewhere);
		my $options = $stack->http('OPTIONS', $filled);
		my $put = $stack->http('PUT', $filled, json => {});
		my %has = map { $_->{method} => 1 } @{ $methods{$path} };

		push @wrong, "OPTIONS $path: $options->{status}" unless $options->{status} == 204 && $options->{body} eq '';
		my %allowed = map { $_ => 1 } split /, /, $options->{headers}{allow}[0] // '';
		# where a word stands in the place of a room's id, what rooms have is allowed, too
		push @wrong, "OPTIONS $path allows " . join(' ', sort keys %allowed) if grep({ !$allowed{$_} } keys %has) || (keys %allowed) - ($allowed{HEAD} ? 1 : 0) != keys %has && $path !~ m{\A/api/rooms/[a-z]+/\z};
		push @wrong, "PUT $path: $put->{status}" unless $put->{status} == 405;
		next unless $has{GET} && !$call->{open};
		my $head = $stack->http('HEAD', $filled);
		push @wrong, "HEAD $path: $head->{status}" unless $head->{status} == 401 && $head->{body} eq '';
	}
	is_deeply(\@wrong, [], 'OPTIONS tells the methods and nothing else, PUT is refused, HEAD is as closed as GET') or diag(explain(\@wrong));
}

# --- what is private stays with whose it is -----------------------------------------------------------------------------------

# An ETag says what was answered, not to whom: who may not see it does not learn by it that it has not changed.
my $tagged = $stack->http('GET', "/api/rooms/$elsewhere/", token => $who{victim}{token});
is($tagged->{status}, 200, 'a room of one person');
my ($etag) = @{ $tagged->{headers}{etag} };
is($stack->http('GET', "/api/rooms/$elsewhere/", token => $who{victim}{token}, headers => ["If-None-Match: $etag"])->{status}, 304, 'who has it is told that it has not changed');
is($stack->http('GET', "/api/rooms/$elsewhere/", token => $who{stranger}{token}, headers => [ "If-None-Match: $_" ])->{status}, 403, "a stranger with $_ is told nothing") foreach $etag, '*';
is(join(' ', map { $stack->http('GET', $_, token => $who{victim}{token})->{headers}{'cache-control'}[0] } '/api/rooms/', '/api/auth/user/', '/api/auth/sessions/', "/api/rooms/$elsewhere/"),
	join(' ', ('no-store') x 4), 'and nothing of it may be kept');
is($stack->http('GET', '/', headers => ['Range: bytes=0-1'])->{status}, 200, 'a range is not given');

done_testing();
