# What 1.1 can do with rooms, members and events, by REST: each call does what its SQL function does, and says it in the shapes of API.md.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test;
use Test::More;

my $stack = start_stack();
my ($ada, $ben, $cleo) = map { $stack->person($_) } qw(ada ben cleo);
my $room = $stack->room($ada, $ben);
my $path = "/api/rooms/$room/";
my $chat = "/api/chat/rooms/$room/";

# gives(STATUS, WHO, METHOD, PATH, BODY): what the answer holds.
sub gives
{
	my ($status, $who, $method, $where, $body) = @_;
	my $answer = $stack->http($method, $where, token => $who->{token}, defined $body ? (json => $body) : ());

	is($answer->{status}, $status, "$who->{username}: $method $where") or diag($answer->{body});
	return $answer->{json};
}

sub say_it
{
	my ($who, $text, %more) = @_;
	return gives(201, $who, 'POST', "${chat}messages/", { client_id => uuid(), epoch => 0, body => b64($text), %more })->{seq};
}

sub results { return @{ gives(200, @_)->{results} }; }

# --- what a room is
my $changed = gives(200, $ada, 'PATCH', $path, { description => 'of all', listed => \1, max_members => 5 });
is_deeply([ @$changed{qw(name description max_members retention archived direct)} ], [ 'room', 'of all', 5, undef, \0, \0 ], 'a room is described')
  or diag(explain($changed));
is(gives(200, $ada, 'POST', "${path}retention/", { seconds => 86400 })->{retention}, 86400, 'what is kept a day');
is(gives(400, $ada, 'POST', "${path}retention/", { seconds => 60 })->{code}, 'invalid', 'a minute is too short');
is(gives(200, $ada, 'DELETE', "${path}retention/")->{retention}, undef, 'what is kept as the server does');
is(gives(200, $ada, 'DELETE', "${path}code/")->{code}, undef, 'no code');
like(gives(200, $ada, 'POST', "${path}code/")->{code}, qr/\A[A-Z0-9]{6}\z/, 'a new code');
ok(gives(200, $ada, 'POST', "${path}archive/")->{archived}, 'archived');
is(gives(409, $ben, 'POST', "${chat}messages/", { client_id => uuid(), epoch => 0, body => b64('x') })->{code}, 'archived', 'nobody writes');
ok(!gives(200, $ada, 'DELETE', "${path}archive/")->{archived}, 'open again');
ok(gives(200, $ada, 'POST', "${path}system/")->{system}, 'the application may write');
ok(!gives(200, $ada, 'DELETE', "${path}system/")->{system}, 'and may not');

# --- who comes in
my ($listed) = results($cleo, 'GET', '/api/rooms/listed/?search=OF%20ALL&limit=5');
is_deeply([ @$listed{qw(id name members role requested)} ], [ $room, 'room', 2, undef, \0 ], 'found in the list');
is(scalar(results($cleo, 'GET', "/api/rooms/listed/?after=$room")), 0, 'nothing after it');
is(gives(200, $cleo, 'POST', "${path}join/")->{role}, 'member', 'joined from the list');
gives(204, $cleo, 'POST', "${path}leave/", {});
gives(200, $ada, 'PATCH', $path, { approval => \1 });
is(gives(403, $cleo, 'POST', "${path}join/")->{code}, 'role', 'who comes now is approved first');
my $asked = gives(201, $cleo, 'POST', "${path}requests/", { message => 'me!' });
is_deeply([ @$asked{qw(room message)}, $asked->{user}{username} ], [ $room, 'me!', 'cleo' ], 'a request');
is((results($cleo, 'GET', '/api/rooms/requests/'))[0]{room}, $room, 'one\'s own requests');
is((results($ada, 'GET', "${path}requests/"))[0]{user}{id}, $cleo->{id}, 'the room\'s');
is(gives(403, $ben, 'GET', "${path}requests/")->{code}, 'role', 'which are for moderators');
gives(204, $cleo, 'DELETE', "${path}requests/");
my $code = gives(200, $ada, 'GET', $path)->{code};
gives(201, $cleo, 'POST', '/api/rooms/requests/', { code => $code });
gives(204, $ada, 'DELETE', "${path}requests/$cleo->{id}/");
gives(201, $cleo, 'POST', "${path}requests/", {});
gives(204, $ada, 'POST', "${path}requests/$cleo->{id}/approve/");
is(gives(200, $cleo, 'GET', $path)->{role}, 'member', 'approved');

# --- members
gives(204, $ada, 'PATCH', "${path}members/$ben->{id}/", { role => 'moderator' });
is(gives(400, $ada, 'PATCH', "${path}members/$ben->{id}/", { role => 'emperor' })->{code}, 'invalid', 'a role that is none');
gives(204, $ben, 'POST', "${path}members/$cleo->{id}/mute/", { until => '2030-01-02T03:04:05Z' });
is(gives(400, $ben, 'POST', "${path}members/$cleo->{id}/mute/", { until => 'tomorrow' })->{code}, 'invalid', 'a time that is none');
my @members = results($ada, 'GET', "${path}members/");
is_deeply([ map { [ $_->{user}{username}, $_->{role}, $_->{muted_until} ] } @members ],
	[ [ 'ada', 'owner', undef ], [ 'ben', 'moderator', undef ], [ 'cleo', 'member', '2030-01-02T03:04:05.000000Z' ] ], 'members as they are now');
is_deeply([ map { $_->{user}{username} } results($ada, 'GET', "${path}members/?after=$members[0]{joined_seq}&limit=1") ], ['ben'], 'page by page');
is(gives(403, $cleo, 'POST', "${chat}messages/", { client_id => uuid(), epoch => 0, body => b64('x') })->{code}, 'muted', 'who is muted');
gives(204, $ben, 'DELETE', "${path}members/$cleo->{id}/mute/");
gives(204, $ben, 'POST', "${path}bans/", { user => $cleo->{id}, reason => 'noise', until => '2030-01-02T03:04:05+01:00' });
my ($ban) = results($ben, 'GET', "${path}bans/");
is_deeply([ $ban->{user}{username}, @$ban{qw(reason until banned_by)} ], [ 'cleo', 'noise', '2030-01-02T02:04:05.000000Z', $ben->{id} ], 'a ban');
gives(204, $ben, 'DELETE', "${path}bans/$cleo->{id}/");
my $invite = gives(201, $ada, 'POST', "${path}invite/", { max_uses => 3 });
is_deeply([ map { [ @$_{qw(id max_uses uses created_by)} ] } results($ada, 'GET', "${path}invites/") ], [ [ $invite->{id}, 3, 0, $ada->{id} ] ], 'an open invite');
gives(200, $cleo, 'POST', '/api/rooms/join/', { code => $invite->{code} });
gives(204, $ada, 'DELETE', "${path}invites/$invite->{id}/");
is(scalar(results($ada, 'GET', "${path}invites/")), 0, 'which was revoked');

# --- events
my $first = say_it($ada, 'first');
my $reply = say_it($ben, 'reply', ref => $first);
my $edit = say_it($ada, 'first!', kind => 'edit', ref => $first);
my $heart = say_it($ben, 'heart', kind => 'reaction', ref => $first);
is_deeply([ map { $_->{seq} } results($cleo, 'GET', "${chat}messages/$first/thread/") ], [$reply], 'a thread');
is(unb64((results($cleo, 'GET', "${chat}messages/$first/edits/"))[0]{body}), 'first!', 'the edits');
is_deeply([ map { $_->{seq} } results($cleo, 'GET', "${chat}messages/$reply/around/?limit=3") ], [ $first, $reply, $edit ], 'around');
my ($around) = grep { $_->{seq} == $reply } results($cleo, 'GET', "${chat}messages/$reply/around/");
my ($paged) = grep { $_->{seq} == $reply } results($cleo, 'GET', "${chat}messages/?after=$first");
is_deeply($around, $paged, 'an event looks the same everywhere');
gives(204, $ben, 'POST', "${path}pins/", { seq => $first });
is((results($cleo, 'GET', "${path}pins/"))[0]{pinned_by}, $ben->{id}, 'pinned');
my ($folded) = grep { $_->{message}{seq} == $first } results($cleo, 'GET', "${chat}folded/?limit=10");
is_deeply([ unb64($folded->{message}{body}), unb64($folded->{edit}{body}), @$folded{qw(edits pinned replies last_reply reaction_count)}, $folded->{reactions}[0]{seq} ],
	[ 'first', 'first!', 1, \1, 1, $reply, 1, $heart ], 'folded') or diag(explain($folded));
gives(204, $ben, 'DELETE', "${path}pins/$first/");
gives(204, $ada, 'POST', "${chat}messages/$first/hints/", { hints => [ b64('01234567') ] });
is((results($cleo, 'GET', "${chat}mentions/" . unpack('H*', '01234567') . '/'))[0]{seq}, $first, 'found by its hint');
is(gives(400, $cleo, 'GET', "${chat}mentions/0123/")->{code}, 'invalid', 'a hint that is none');
gives(204, $cleo, 'POST', "${path}delivered/", { seq => $edit });
gives(204, $cleo, 'POST', "${path}read/", { seq => $reply });
is_deeply((grep { $_->{user} eq $cleo->{id} } results($ada, 'GET', "${path}marks/"))[0], { user => $cleo->{id}, read_seq => $reply, delivered_seq => $edit }, 'marks');
is((results($cleo, 'GET', '/api/rooms/unread/'))[0]{unread}, gives(200, $cleo, 'GET', $path)->{head} - $reply, 'unread');
my ($all) = results($cleo, 'GET', '/api/snapshot/?limit=2');
is_deeply([ $all->{room}{id}, scalar @{ $all->{members} }, $all->{events}[-1]{seq} ], [ $room, 3, $all->{room}{head} ], 'a snapshot');
like(gives(201, $cleo, 'POST', "${chat}messages/$first/report/", { reason => 'no' })->{id}, qr/\A\d+\z/, 'a report');
my $redaction = gives(200, $ada, 'DELETE', "${chat}messages/$first/")->{seq};
is(gives(200, $ada, 'DELETE', "${chat}messages/$first/")->{seq}, $redaction, 'redacted once');

# --- who has it already is told so
foreach my $where ('/api/rooms/', $path, "${path}members/", "/api/users/$ada->{id}/devices/")
{
	my @can = ('GET', $where, token => $ada->{token});
	my $tag = $stack->http(@can)->{headers}{etag}[0] // '';

	like($tag, qr/\A"[0-9a-f]{32}"\z/, "$where has an ETag");
	my $same = $stack->http(@can, headers => ["If-None-Match: \"x\", W/$tag"]);
	is_deeply([ @$same{qw(status body)} ], [ 304, '' ], 'by which nothing is sent twice');
	is($stack->http(@can, headers => ['If-None-Match: "0123"'])->{status}, 200, 'but what changed is');
}

# --- two, and the end
my $direct = gives(200, $ada, 'POST', '/api/rooms/direct/', { user => $ben->{id}, encrypted => \0 });
is(gives(200, $ben, 'POST', '/api/rooms/direct/', { user => $ada->{id} })->{id}, $direct->{id}, 'the room of two is found again');
is(gives(200, $ada, 'POST', "${path}transfer/", { user => $ben->{id} })->{role}, 'admin', 'handed over');
is(gives(200, $ada, 'GET', '/api/auth/export/')->{account}[0]{username}, 'ada', 'what there is about one');

done_testing();
