# Every REST call of rooms, events and keys in API.md: what it gives for right input, and in what words it refuses.

use strict;
use warnings;

use Digest::SHA qw(sha256 sha256_hex);
use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test;
use Porcupine::Test::Problem;
use Test::More;

my $stack = start_stack();

sub call { return $stack->http(@_); }

my $answer = call('POST', '/api/auth/register/', json => { username => 'ada', password => 'correct horse' });
my $ada = $answer->{json};
my %can = (token => $ada->{access});

# --- rooms ---------------------------------------------------------------------------------------------------------

my ($ben, $eve) = map { $stack->person($_) } qw(ben eve);
$answer = call('POST', '/api/rooms/', %can, json => { name => ' Plain ', encrypted => JSON::PP::false });
is($answer->{status}, 201, 'create a room');
my $room = $answer->{json};
is_deeply(
	[ sort keys %$room ],
	[   sort
		  qw(id name code encrypted role head stream epoch epoch_open log members max_members created_by created_at joined_seq read_seq
		  description listed approval direct system archived retention first_seq delivered_seq unread muted_until)
	],
	'gives what API.md says'
);
is_deeply([ @$room{qw(name role head epoch log members created_by)} ],
	[ 'Plain', 'owner', 1, 0, 0, 1, $ada->{user}{id} ], 'rightly');
is_deeply(call('GET', '/api/rooms/', %can)->{json}, { results => [$room] }, 'the list of rooms');
is_deeply(call('GET', "/api/rooms/$room->{id}", %can)->{json}, $room, 'one room');
is_problem(call('GET', "/api/rooms/$room->{id}/", token => $eve->{token}), 'not_member', 'a stranger');
is_problem(call('GET', '/api/rooms/999999/', %can), 'not_member', 'no such room');

$answer = call('POST', '/api/rooms/join/', token => $ben->{token}, json => { code => lc $room->{code} });
is_deeply(
	[ $answer->{status}, @{ $answer->{json} }{qw(id role)} ],
	[ 200, $room->{id}, 'member' ],
	'join by code'
);
is(call('POST', '/api/rooms/join/', token => $ben->{token}, json => { code => $room->{code} })->{status},
	200, 'and again');
is_problem(call('POST', '/api/rooms/join/', token => $ben->{token}, json => { code => 'ZZZZZ0' }),
	'not_found', 'join by a wrong code');
is_deeply(
	[
		map { [ $_->{user}{username}, $_->{role}, $_->{joined_seq} ] }
		  @{ call('GET', "/api/rooms/$room->{id}/members/", %can)->{json}{results} }
	],
	[ [ 'ada', 'owner', 1 ], [ 'ben', 'member', 2 ] ],
	'members'
);
is(call('PATCH', "/api/rooms/$room->{id}/", %can, json => { name => "Re\x{6e}amed" })->{json}{name},
	'Renamed', 'rename');
is_problem(call('PATCH', "/api/rooms/$room->{id}/", token => $ben->{token}, json => { name => 'mine' }),
	'role', 'rename by a member');
is_problem(call('DELETE', "/api/rooms/$room->{id}/", token => $ben->{token}), 'role', 'delete by a member');

# Invites.
$answer = call('POST', "/api/rooms/$room->{id}/invite/", %can, json => { expires_in => 3600, max_uses => 1 });
is($answer->{status}, 201, 'invite');
my $invite = $answer->{json};
ok($invite->{code} && $invite->{url} && $invite->{max_uses} == 1 && $invite->{id},
	'with a code and where it leads')
  or diag($answer->{body});
like($invite->{url}, qr/\Q$invite->{code}\E/, 'the URL has the code');
like($invite->{url}, qr/#.*\Q$invite->{code}\E/, 'behind a #, which no server is sent')
  or diag($invite->{url});
my $hash = sha256_hex($invite->{code});
is_deeply(
	[ @{ call('GET', "/api/invites/$hash/", token => $eve->{token})->{json} }{qw(room name members)} ],
	[ $room->{id}, 'Renamed', 2 ],
	'read by the hash'
);
is_problem(call('GET', '/api/invites/' . sha256_hex('unknown') . '/', token => $eve->{token}),
	'not_found', 'no such invite');
is_problem(call('GET', "/api/invites/$_/", token => $eve->{token}),
	'invalid', 'a hash that is none: ' . substr($_, 0, 10))
  foreach ('x', substr($hash, 1), "${hash}0", 'g' x 64);
is( call('POST', '/api/rooms/join/', token => $eve->{token}, json => { code => $invite->{code} })
	  ->{json}{role},
	'member',
	'join by invite'
);
is(call('GET', "/api/rooms/$room->{id}/invites/$hash/", token => $eve->{token})->{json}{room},
	$room->{id}, 'a member reads it');
my $mia = $stack->person('mia');
is_problem(call('POST', '/api/rooms/join/', token => $mia->{token}, json => { code => $invite->{code} }),
	'gone', 'used up');
is_problem(call('GET', "/api/rooms/$room->{id}/invites/$hash/", token => $mia->{token}),
	'not_member', 'a stranger by the room');
is_problem(call('POST', "/api/rooms/$room->{id}/invite/", token => $ben->{token}, json => {}),
	'role', 'invite by a member');
is(call('POST', "/api/rooms/$room->{id}/invite/", %can, json => {})->{json}{max_uses},
	undef, 'any number of uses by default');

is(call('DELETE', "/api/rooms/$room->{id}/members/$eve->{id}/", %can)->{status}, 204, 'remove a member');
is_problem(call('DELETE', "/api/rooms/$room->{id}/members/$eve->{id}/", %can), 'not_found', 'and again');
is_problem(call('DELETE', "/api/rooms/$room->{id}/members/$ada->{user}{id}/", token => $ben->{token}),
	'role', 'remove the owner');
is(call('POST', "/api/rooms/$room->{id}/leave/", token => $ben->{token}, json => {})->{status}, 204, 'leave');
is_problem(call('POST', "/api/rooms/$room->{id}/leave/", token => $ben->{token}, json => {}),
	'not_member', 'and again');
is_problem(call('POST', '/api/rooms/join/', token => $ben->{token}, json => { code => $room->{code} }),
	'not_found', 'the code that the removed one knew');
$room->{code} = call('GET', "/api/rooms/$room->{id}/", %can)->{json}{code};
like($room->{code}, qr/\A[A-Z0-9]{6}\z/, 'the room has a new one');
$stack->sql("UPDATE porcupine.rooms SET max_members = 1 WHERE id = $room->{id}");
is_problem(call('POST', '/api/rooms/join/', token => $ben->{token}, json => { code => $room->{code} }),
	'room_full', 'a full room');
$stack->sql("UPDATE porcupine.rooms SET max_members = 100 WHERE id = $room->{id}");

# --- events ------------------------------------------------------------------------------------------------------------

my $messages = "/api/chat/rooms/$room->{id}/messages/";
my $client_id = uuid();
my $before = $stack->sql("SELECT last_seq FROM porcupine.room_heads WHERE room_id = $room->{id}");
$answer = call('POST', $messages, %can, json => { client_id => $client_id, body => b64('hello') });
is_deeply([ $answer->{status}, $answer->{json}{seq} ], [ 201, $before + 1 ], 'send');
my $sent = $answer->{json};
$answer = call('POST', $messages, %can,
	json => { client_id => uc $client_id, body => b64('hello'), epoch => 0, kind => 'message' });
is_deeply([ $answer->{status}, $answer->{json} ], [ 200, $sent ], 'the same again: 200 and the same');
$answer = call('POST', $messages, %can, json => { client_id => $client_id, body => b64('other') });
is_problem($answer, 'duplicate_mismatch', 'another body');
is($answer->{json}{seq}, $sent->{seq}, 'with the seq');
$answer = call('POST', $messages, %can, json => { client_id => uuid(), body => b64('x'), epoch => 3 });
is_problem($answer, 'stale_epoch', 'another epoch');
is($answer->{json}{epoch}, 0, 'with the current one');
is_problem(call('POST', $messages, token => $eve->{token}, json => { client_id => uuid(), body => b64('x') }),
	'not_member', 'send by a stranger');
call('POST', $messages, %can, json => { client_id => uuid(), body => b64("nr $_") }) foreach 1 .. 3;
$answer = call('GET', "$messages?limit=2", %can);
is_deeply(
	[ map { unb64($_->{body}) } @{ $answer->{json}{results} } ],
	[ 'nr 2', 'nr 3' ],
	'the latest, in order'
);
is_deeply(
	[ @{ $answer->{json} }{qw(head stream)} ],
	[ $sent->{seq} + 3, $room->{stream} ],
	'with head and stream'
);
ok(!$answer->{json}{reset}, 'no reset');
is_deeply(
	[ sort keys %{ $answer->{json}{results}[0] } ],
	[ sort qw(room seq kind sender device client_id epoch body data ref created_at) ],
	'an event as API.md says'
) or diag($answer->{body});
is(call('GET', "$messages?before=$sent->{seq}&limit=1", %can)->{json}{results}[0]{seq},
	$sent->{seq} - 1, 'before');
is_deeply(
	[   map { $_->{seq} }
		  @{ call('GET', "$messages?after=$sent->{seq}&stream=$room->{stream}", %can)->{json}{results} }
	],
	[ map { $sent->{seq} + $_ } 1 .. 3 ],
	'after'
);

foreach my $cursor ('after=9999', "after=1&stream=" . ($room->{stream} + 1))
{
	$answer = call('GET', "$messages?$cursor&limit=1", %can);
	ok($answer->{json}{reset} && $answer->{json}{results}[0]{seq} == $sent->{seq} + 3,
		"reset with the latest page: $cursor");
}
foreach my $query (
	'limit=0', 'limit=501', 'limit=-1', 'limit=x',
	'limit=1.5', 'limit=', 'before=x', 'before=-1',
	'after=-1', 'after=9007199254740992', 'after=1&stream=x', 'limit=99999999999999999999'
  )
{
	is_problem(call('GET', "$messages?$query", %can), 'invalid', "query $query");
}
is(call('POST', "/api/rooms/$room->{id}/read/", %can, json => { seq => $sent->{seq} })->{status}, 204,
	'read');
is(call('GET', "/api/rooms/$room->{id}/", %can)->{json}{read_seq}, $sent->{seq}, 'is remembered');
my ($joined) = grep { $_->{seq} == 1 } @{ call('GET', "$messages?before=2", %can)->{json}{results} };
is_deeply(
	[ @$joined{qw(kind data body)} ],
	[ 'member.joined', { user => $ada->{user}{id}, role => 'owner', via => 'create' }, undef ],
	'what the server writes has data'
) or diag(json_text($joined));

# --- keys ------------------------------------------------------------------------------------------------------------------

my %device = (keys => b64('keys'), identity => b64('identity'), version => 1, list => b64('list'));
is_deeply(
	[ @{ call('POST', '/api/devices/', %can, json => \%device) }{qw(status json)} ],
	[ 201, { device => $ada->{device}, version => 1 } ],
	'publish a device'
);
is(call('POST', '/api/devices/', %can, json => \%device)->{status}, 201, 'and the same again');
is_problem(call('POST', '/api/devices/', %can, json => { %device, version => 5 }),
	'conflict', 'a version too far');
is_problem(call('POST', '/api/devices/', %can, json => { %device, version => 2, identity => b64('other') }),
	'conflict', 'another identity');
$answer = call('GET', "/api/users/$ada->{user}{id}/devices/", %can);
is_deeply(
	{ %{ $answer->{json} }, user => undef },
	{   user => undef,
		identity => b64('identity'),
		version => 1,
		list => b64('list'),
		devices => [ { device => $ada->{device}, keys => b64('keys') } ]
	},
	'devices'
) or diag($answer->{body});
is(call('GET', "/api/users/$ada->{user}{id}/devices/?version=1", %can)->{json}{version}, 1, 'of a version');
is_problem(call('GET', "/api/users/$ada->{user}{id}/devices/?version=2", %can),
	'not_found', 'of no such version');
is_problem(call('GET', "/api/users/$ada->{user}{id}/devices/", token => $eve->{token}),
	'not_found', 'by a stranger');

$answer = call(
	'POST',
	'/api/rooms/',
	%can,
	json => {
		name => 'Sealed',
		entries => [ b64('create'), b64('rotate') ],
		bundles => [ { device => $ada->{device}, bundle => b64('bundle 0') } ]
	}
);
is_deeply(
	[ $answer->{status}, @{ $answer->{json} }{qw(encrypted log epoch)} ],
	[ 201, JSON::PP::true, 2, 0 ],
	'create an encrypted room'
) or diag($answer->{body});
my $sealed = $answer->{json};
$answer = call('GET', "/api/rooms/$sealed->{id}/log/", %can);
is_deeply(
	[ $answer->{json}{length}, map { @$_{qw(index entry sender device)} } @{ $answer->{json}{results} } ],
	[   2, 0, b64('create'), $ada->{user}{id},
		$ada->{device}, 1, b64('rotate'), $ada->{user}{id},
		$ada->{device}
	],
	'its log'
);
is_deeply(
	[ map { $_->{index} } @{ call('GET', "/api/rooms/$sealed->{id}/log/?after=0", %can)->{json}{results} } ],
	[1],
	'after an index'
);
is(scalar(@{ call('GET', "/api/rooms/$sealed->{id}/log/?after=-1", %can)->{json}{results} }),
	2, 'from the start');
is_deeply(
	[
		@{
			call(
				'POST', "/api/rooms/$sealed->{id}/log/",
				%can, json => { index => 2, entry => b64('invite') }
			)->{json}
		}{qw(index seq)}
	],
	[ 2, 4 ],
	'append'
);
is_problem(
	call('POST', "/api/rooms/$sealed->{id}/log/", %can, json => { index => 2, entry => b64('invite') }),
	'conflict', 'the same index again');
$answer = call(
	'POST',
	"/api/rooms/$sealed->{id}/invite/",
	%can,
	json => {
		code_hash => sha256_hex('secret of a client'),
		sealed => b64('for you'),
		index => 3,
		entry => b64('signed invite')
	}
);

if ($answer->{status} != 201)
{
	$answer = call(
		'POST',
		"/api/rooms/$sealed->{id}/invite/",
		%can,
		json => {
			code_hash => b64(sha256('secret of a client')),
			sealed => b64('for you'),
			index => 3,
			entry => b64('signed invite')
		}
	);
}
is($answer->{status}, 201, 'an invite made by a client') or diag($answer->{body});
ok(!exists $answer->{json}{code} || !defined $answer->{json}{code}, 'whose code the server does not know');
is( call('GET', '/api/invites/' . sha256_hex('secret of a client') . '/', token => $ben->{token})
	  ->{json}{sealed},
	b64('for you'),
	'hands on what is sealed'
);
is_deeply(
	[
		@{
			call(
				'POST', '/api/rooms/join/',
				token => $ben->{token},
				json => { code => 'secret of a client' }
			)->{json}
		}{qw(role code)}
	],
	[ 'pending', undef ],
	'whoever joins waits'
);
is_problem(call('GET', "/api/chat/rooms/$sealed->{id}/messages/", token => $ben->{token}),
	'role', 'and cannot read');
is_problem(
	call(
		'POST', "/api/chat/rooms/$sealed->{id}/messages/",
		token => $ben->{token},
		json => { client_id => uuid(), body => b64('x') }
	),
	'role',
	'nor send'
);
is(call('GET', "/api/rooms/$sealed->{id}/log/", token => $ben->{token})->{json}{length},
	4, 'but reads the control log');
call('POST', '/api/devices/', token => $ben->{token}, json => \%device);
my %commit = (
	epoch => 1,
	index => 4,
	entries => [ b64('add'), b64('rotate') ],
	bundles => [
		{ device => $ada->{device}, bundle => b64('a1') }, { device => $ben->{device}, bundle => b64('b1') }
	]
);
$answer = call('POST', "/api/rooms/$sealed->{id}/epochs/", %can, json => \%commit);
is($answer->{status}, 201, 'commit an epoch') or diag($answer->{body});
is_deeply([ @{ $answer->{json} }{qw(epoch index)} ], [ 1, 5 ], 'gives epoch and index');
is_problem(call('POST', "/api/rooms/$sealed->{id}/epochs/", %can, json => \%commit),
	'conflict', 'the second to commit');
$answer = call('GET', "/api/rooms/$sealed->{id}/epochs/", token => $ben->{token});
is_deeply(
	$answer->{json},
	{
		results => [ {
			epoch => 1,
			index => 5,
			sender => $ada->{user}{id},
			device => $ada->{device},
			bundle => b64('b1')
		} ],
		epoch => 1,
		open => JSON::PP::true
	},
	'whoever was let in has a bundle'
) or diag($answer->{body});
is(scalar(@{ call('GET', "/api/rooms/$sealed->{id}/epochs/?after=0", %can)->{json}{results} }),
	1, 'after an epoch');
is(call('DELETE', "/api/rooms/$sealed->{id}/members/$ben->{id}/", %can)->{status},
	204, 'remove from an encrypted room');
$answer = call('POST', "/api/chat/rooms/$sealed->{id}/messages/",
	%can, json => { client_id => uuid(), epoch => 1, body => b64('x') });
is_problem($answer, 'epoch_closed', 'a send into a closed epoch');
is($answer->{json}{epoch}, 1, 'with the epoch');
is(call('DELETE', "/api/rooms/$sealed->{id}/", %can)->{status}, 204, 'delete a room');
is_problem(call('GET', "/api/rooms/$sealed->{id}/", %can), 'not_member', 'and it is gone');

unlike($stack->all_logs, qr/\Q$invite->{code}\E|secret of a client/, 'no log has the code of an invite');

done_testing();
