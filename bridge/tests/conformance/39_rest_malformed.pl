# Every kind of wrong input to every REST call is refused with a well-formed problem of the right code, without anything being stored; by bodies, values, ids,
# methods and paths; both ways.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test;
use Porcupine::Test::Edge;
use Porcupine::Test::Problem;
use Test::More;

my $stack = start_stack();
my ($client) = stand_at_the_edge($stack);

sub call { return $client->http(@_); }

my $answer = call('POST', '/api/auth/register/', json => { username => 'ada', password => 'correct horse' });
my $ada = $answer->{json};
my %can = (token => $ada->{access});
my $room = call('POST', '/api/rooms/', %can, json => { name => 'Plain', encrypted => JSON::PP::false })->{json};
my $messages = "/api/chat/rooms/$room->{id}/messages/";
my %device = (keys => b64('keys'), identity => b64('identity'), version => 1, list => b64('list'));

# --- malformed bodies, for every call that takes one --------------------------------------------------------------------

my $id = $room->{id};
my %good = (
	'POST /api/auth/register/' => { username => 'x1', password => 'password-1' },
	'POST /api/auth/login/' => { username => 'ada', password => 'wrong horse' },
	'POST /api/auth/refresh/' => { refresh => 'x' },
	'POST /api/rooms/' => { name => 'x' },
	'POST /api/rooms/join/' => { code => 'ZZZZZ0' },
	"PATCH /api/rooms/$id/" => { name => 'x' },
	"POST /api/rooms/$id/invite/" => { expires_in => 3600 },
	"POST $messages" => { client_id => '00000000-0000-4000-8000-0000000000ff', body => b64('x') },
	"POST /api/rooms/$id/read/" => { seq => 1 },
	'POST /api/devices/' => \%device,
	"POST /api/rooms/$id/log/" => { index => 0, entry => b64('e') },
	"POST /api/rooms/$id/epochs/" => { epoch => 1, index => 0, entries => [ b64('e') ], bundles => [] }
);
my $state =
  q{SELECT md5(string_agg(x, '')) FROM (SELECT 'e' || count(*) FROM porcupine.events UNION ALL SELECT 'u' || count(*) FROM porcupine.users UNION ALL SELECT 'r' || string_agg(name, ',' ORDER BY id) FROM porcupine.rooms
	UNION ALL SELECT 'i' || count(*) FROM porcupine.invites UNION ALL SELECT 'd' || count(*) FROM porcupine.device_lists UNION ALL SELECT 'm' || string_agg(m::text, ',' ORDER BY m) FROM porcupine.members m) t (x)};
my $untouched = $stack->sql($state);
foreach my $call (sort keys %good)
{
	both_ways(
		$call,
		sub {
			($client) = @_;
			my ($method, $path) = split / /, $call;
			my $text = json_text($good{$call});
			(my $first_key) = $text =~ /\A\{("[^"]+":)/;
			my %bodies = (
				'nothing' => '',
				'no JSON' => 'x',
				'half an object' => substr($text, 0, -1),
				'an array' => "[$text]",
				'null' => 'null',
				'text' => '"x"',
				'a number' => '7',
				'something after it' => "$text x",
				'two objects' => "$text$text",
				'a duplicate key' => "{$first_key null, " . substr($text, 1),
				'a comment' => "/**/$text",
				'a trailing comma' => substr($text, 0, -1) . ',}',
				'invalid UTF-8' => substr($text, 0, -1) . ",\"z\":\"\xff\"}",
				'a lone surrogate' => substr($text, 0, -1) . ',"z":"\ud800"}',
				'a NUL' => substr($text, 0, -1) . ',"z":"\u0000"}',
				'a BOM' => "\xef\xbb\xbf$text",
				'UTF-16' => "\xff\xfe" . join('', map { "$_\0" } split //, $text),
				'deep nesting' => substr($text, 0, -1) . ',"z":' . '[' x 3000 . ']' x 3000 . '}'
			);
			delete $bodies{nothing} if $path =~ /invite/ || $method eq 'PATCH';    # all of its members are optional
			foreach my $name (sort keys %bodies)
			{
				$answer = call($method, $path, %can, body => $bodies{$name});
				ok($answer->{status} =~ /\A(?:400|411)\z/ && ($answer->{json}{code} // '') eq 'invalid',
					"$call with $name: $answer->{status}")
				  or diag($answer->{body});
			}
			is_problem(call($method, $path, %can, body => $text, type => $_),
				'invalid', "$call as " . ($_ || 'nothing'), 415)
			  foreach ('text/plain', 'application/x-www-form-urlencoded', 'application/jsonx', '');
			is_problem(call($method, $path, %can, body => $text . ' ' x (600 * 1024)),
				'too_large', "$call of 600 KiB");
			# Each member: of a wrong type.
			foreach my $key (sort keys %{ $good{$call} })
			{
				foreach my $wrong ({}, ['x'], 1.5, -7, JSON::PP::true,
					ref $good{$call}{$key} ? 'x' : $good{$call}{$key} =~ /\A\d+\z/ ? 'x' : 7)
				{
					next if ref $wrong eq 'ARRAY' && ref $good{$call}{$key};
					$answer = call($method, $path, %can, json => { %{ $good{$call} }, $key => $wrong });
					is_problem($answer, 'invalid', "$call with $key = " . json_text($wrong));
				}
			}
		});
}
is($stack->sql($state), $untouched, 'nothing of all that has changed anything');

# --- values that are well-formed and wrong ------------------------------------------------------------------------------------

my @values = (
	[ 'POST /api/auth/register/', 'invalid', { username => 'ab', password => 'password-1' } ],
	[ 'POST /api/auth/register/', 'invalid', { username => 'a b c', password => 'password-1' } ],
	[ 'POST /api/auth/register/', 'too_large', { username => 'a' x 33, password => 'password-1' } ],
	[ 'POST /api/auth/register/', 'invalid', { username => 'okay', password => 'short' } ],
	[ 'POST /api/auth/register/', 'too_large', { username => 'okay', password => 'p' x 257 } ],
	[ 'POST /api/auth/register/', 'invalid', { username => 'okay', password => 'password-1', email => 'x' } ],
	[ 'POST /api/auth/register/', 'invalid', { password => 'password-1' } ],
	[ 'POST /api/auth/register/', 'invalid', { username => 'okay' } ],
	[ 'POST /api/rooms/', 'too_large', { name => 'n' x 101 } ],
	[ 'POST /api/rooms/', 'invalid', { name => '  ' } ],
	[ 'POST /api/rooms/', 'invalid', {} ],
	[ 'POST /api/rooms/', 'invalid', { name => 'x', entries => ['!'] } ],
	[ 'POST /api/rooms/', 'invalid', { name => 'x', entries => [7] } ],
	[ 'POST /api/rooms/', 'invalid', { name => 'x', entries => [ b64('e') ], bundles => [ {} ] } ],
	[ 'POST /api/rooms/', 'invalid', { name => 'x', entries => [ b64('e') ], bundles => ['x'] } ],
	[ 'POST /api/rooms/', 'too_large', { name => 'x', entries => [ b64('e' x 8193) ] } ],
	[ 'POST /api/rooms/', 'invalid', { name => 'x', encrypted => JSON::PP::false, entries => [ b64('e') ] } ],
	[ "POST /api/rooms/$id/invite/", 'invalid', { expires_in => 1 } ],
	[ "POST /api/rooms/$id/invite/", 'invalid', { expires_in => 365 * 86400 + 1 } ],
	[ "POST /api/rooms/$id/invite/", 'invalid', { max_uses => 0 } ],
	[ "POST /api/rooms/$id/invite/", 'invalid', { max_uses => 2**40 } ],
	[ "POST /api/rooms/$id/invite/", 'invalid', { code_hash => 'short', sealed => b64('x') } ],
	[ "POST $messages", 'invalid', { client_id => uuid() } ],
	[ "POST $messages", 'invalid', { body => b64('x') } ],
	[ "POST $messages", 'invalid', { client_id => uuid(), body => '' } ],
	[ "POST $messages", 'invalid', { client_id => uuid(), body => 'YQ' } ],
	[ "POST $messages", 'invalid', { client_id => uuid(), body => "YWFh\n" } ],
	[ "POST $messages", 'invalid', { client_id => uuid(), body => 'YR==' } ],
	[ "POST $messages", 'too_large', { client_id => uuid(), body => b64('x' x 65537) } ],
	[ "POST $messages", 'invalid', { client_id => uuid(), body => b64('x'), kind => 'control' } ],
	[ "POST $messages", 'invalid', { client_id => uuid(), body => b64('x'), kind => 'edit' } ],
	[ "POST /api/rooms/$id/read/", 'invalid', { seq => 2**60 } ],
	[ 'POST /api/devices/', 'too_large', { %device, keys => b64('k' x 4097) } ],
	[ 'POST /api/devices/', 'invalid', { %device, keys => '' } ],
	[ 'POST /api/devices/', 'too_large', { %device, list => b64('l' x 65537) } ],
	[ "POST /api/rooms/$id/log/", 'invalid', { index => 0, entry => b64('plain room') } ],
	[   "POST /api/rooms/$id/epochs/",
		'invalid', { epoch => 1, index => 0, entries => [ b64('plain room') ], bundles => [] }
	]
);
foreach my $case (@values)
{
	my ($method, $path) = split / /, $case->[0];

	both_ways(
		"$case->[0] " . substr(json_text($case->[2]), 0, 70),
		sub {
			($client) = @_;
			is_problem(call($method, $path, %can, json => $case->[2]), $case->[1], 'the answer');
		});
}
is($stack->sql($state), $untouched, 'nor has any of this');

# --- ids in paths ----------------------------------------------------------------------------------------------------------------

foreach
  my $strange ('abc', '-1', '0', '1.0', '%31', '01', ' ', '9223372036854775808', '1' x 300, "1'--", '1%00',
	'%2e%2e', '%')
{
	# a one, which is an id
	next if $strange eq '%31' && ($id eq '1' || $ada->{user}{id} eq '1');
	(my $escaped = $strange) =~ s/ /%20/g;
	both_ways(
		"an id $escaped",
		sub {
			($client) = @_;
			foreach my $path (
				"/api/rooms/$escaped/", "/api/rooms/$escaped/members/",
				"/api/chat/rooms/$escaped/messages/", "/api/users/$escaped/devices/"
			  )
			{
				$answer = call('GET', $path, %can);
				ok($answer->{status} =~ /\A(?:400|403|404)\z/, "no room or user: $path: $answer->{status}");
			}
		});
}

# --- methods, paths, headers ----------------------------------------------------------------------------------------------------------

my %paths = (
	'/api/auth/register/' => 'POST',
	'/api/auth/user/' => 'GET, PATCH, DELETE',
	'/api/auth/password/' => 'POST',
	'/api/auth/sessions/' => 'GET, DELETE',
	'/api/rooms/' => 'GET, POST',
	"/api/rooms/$id/" => 'GET, PATCH, DELETE',
	$messages => 'GET, POST',
	"/api/rooms/$id/leave/" => 'POST',
	'/.well-known/jwks.json' => 'GET'
);
foreach my $path (sort keys %paths)
{
	both_ways(
		"methods of $path",
		sub {
			($client) = @_;
			my %allowed = map { $_ => 1 } split /, /, $paths{$path};
			foreach my $method (grep { !$allowed{$_} } qw(GET POST PATCH DELETE PUT))
			{
				$answer = call($method, $path, %can, $method =~ /GET|DELETE/ ? () : (json => {}));
				is_problem($answer, 'invalid', "$method $path", 405);
				is_deeply(
					[   sort grep { $_ ne 'HEAD' && $_ ne 'OPTIONS' } split /,\s*/,
						$answer->{headers}{allow}[0] // ''
					],
					[ sort keys %allowed ],
					'Allow says which'
				);
			}
		});
}
both_ways(
	'paths that there are not, and those that there are',
	sub {
		($client) = @_;
		is_problem(call('GET', $_, %can), 'not_found', "GET $_")
		  foreach ('/api/', '/api/nothing/', '/api/rooms/1/nothing/', '/api/auth/', '/api', '/.well-known/nothing');

		$answer = call('GET', '/livez');
		is($answer->{status}, 200, 'livez');
		is(call('GET', '/readyz')->{status}, 200, 'readyz');
		like(call('GET', '/')->{body}, qr/<!doctype html/i, 'the page');
		is(call('GET', '/rooms/7')->{body}, call('GET', '/')->{body}, "the page for a path of the page's own");
		is_problem(call('GET', '/nothing.js'), 'not_found', 'no such file');
		my $page = call('GET', '/');
		is(call('GET', '/', headers => ["If-None-Match: $page->{headers}{etag}[0]"])->{status}, 304, 'not modified');
		my $head_only = call('HEAD', '/');
		is_deeply(
			[ $head_only->{status}, $head_only->{headers}{'content-length'}[0], $head_only->{body} ],
			[ 200, $page->{headers}{'content-length'}[0], '' ],
			'HEAD has the head of GET'
		);
		like(call('GET', '/api/rooms/', %can)->{headers}{'cache-control'}[0] // '',
			qr/no-store/, 'what is private is not cached');
	});
ok(!(grep { $_->{unparsable} } $stack->log_lines), 'the log is JSON lines');
unlike($stack->all_logs, qr/correct horse|password-1/, 'no log has a password');
unlike($stack->all_logs, qr/PANIC|Segmentation|terminated by signal/, 'nothing broke');

done_testing();
