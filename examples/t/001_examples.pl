# The examples do what they say. Each program runs as the role shop, and what it did is looked up in the database.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../../regress/t/lib";
use IPC::Run ();
use JSON::PP ();
use Porcupine::Node;
use PostgreSQL::Test::Utils;
use Test::More;

my $examples = "$FindBin::RealBin/..";
my $node = new_node('examples');
my ($node_js) = grep { -x $_ || $_ eq 'node' } "$examples/node/node_modules/node", 'node';    # scripts/test brings one along

local $ENV{PGHOST} = $node->host;
local $ENV{PGPORT} = $node->port;
local $ENV{PGDATABASE} = 'postgres';

# --- the tour -------------------------------------------------------------------------------

foreach my $time ('once', 'again')
{
	my ($code, $out, $err) = $node->psql('postgres', "\\i $examples/tour.sql", extra_params => ['-v', 'ON_ERROR_STOP=1']);

	is($code, 0, "the tour runs $time to its end") or diag($err);
	is(join(' ', $err =~ /ERROR:\s+(PC\d+|[^:\n]+)/g), 'no shouting PC006', 'and is refused twice, as it says');
	like($out, qr/^1017\|paid$|^paid$/m, 'the order that was rolled back is not shipped');
	like($out, qr/\|Order 1017 has left the house$/m, 'the other one is');
}
is(look_up('SELECT count(*) FROM porcupine.users'), 0, 'the tour leaves nobody behind');
is(look_up('SELECT count(*) FROM porcupine.rooms'), 0, 'and no room');
is(look_up('SELECT count(*) FROM porcupine.events'), 0, 'and no events');
is(look_up(q{SELECT count(*) FROM pg_trigger WHERE tgname = 'no_shouting'}), 0, 'and no trigger');

# --- a room that follows a table ------------------------------------------------------------------

my ($code, $out, $err) = $node->psql('postgres', "\\i $examples/employees.sql");
is($code, 0, 'the employees run to their end') or diag($err);
like($out, qr/^-- linked\nines\.hr\|owner\nomar\.hr\|member\nruth\.hr\|member$/m, 'the view says who is a member');
like($out, qr/^-- after the changes\nines\.hr\|owner\nomar\.hr\|member\nsven\.hr\|member$/m, 'and an update of the table, who joins and who goes');
is(look_up(q{SELECT count(*) FROM pg_roles WHERE rolname = 'hr'}) + look_up('SELECT count(*) FROM porcupine.users'), 0, 'and nothing stays');

# --- the order system, in both languages ------------------------------------------------------

$node->safe_psql('postgres', slurp_file("$examples/orders.sql"));

my %shop = (Python => [ '/usr/bin/python3', "$examples/python/shop.py" ], 'Node.js' => [ $node_js, "$examples/node/shop.js" ]);
my %follow = (Python => [ '/usr/bin/python3', "$examples/python/follow.py" ], 'Node.js' => [ $node_js, "$examples/node/follow.js" ]);

foreach my $language ('Python', 'Node.js')
{
	my ($out, $err) = as_shop(@{ $shop{$language} });
	is($err, '', "$language: the shop does not complain");
	my ($order) = $out =~ /^order (\d+) is placed and paid$/m or BAIL_OUT("$language: $out $err");
	my $room = look_up("SELECT room_id FROM shop.orders WHERE id = $order");

	is(look_up("SELECT state, (SELECT username FROM porcupine.users WHERE id = customer) FROM shop.orders WHERE id = $order"), 'closed|ada', "$language: the order is closed");
	is(said($room), join("\n", "shop: Thank you for order $order.", 'shop: Your parcel has left the house.', 'ada: When will it be here?', "shop: Order $order is closed."),
		"$language: each step was said once, the one that was rolled back not at all, and nothing by somebody else");
	is(look_up("SELECT string_agg(u.username, ' ' ORDER BY m.role DESC) FROM porcupine.members m JOIN porcupine.users u ON u.id = m.user_id WHERE room_id = $room"),
		'shop ada', "$language: the customer is in the room");
	like($out, qr/^not shipped \(the carrier does not answer\): it is still paid/m, "$language: the order was rolled back with its message");
	like($out, qr/^grace: order $order is somebody else's$/m, "$language: a refusal is known by its SQLSTATE");

	# --- reading along: what was there, then what is sent meanwhile, by whichever way
	my $follower = follow(@{ $follow{$language} }, 'ada', $room, 4);
	is(heard($follower, 2), "When will it be here?\nOrder $order is closed.", "$language: a follower begins after its seq");
	send_as('shop', $room, 'One more thing');
	is(heard($follower, 1), 'One more thing', "$language: and hears what is sent while it listens");
	$node->safe_psql('postgres', "BEGIN; SELECT porcupine.act_as(porcupine.find_user('ada'));"
		  . "SELECT porcupine.send_deferred($room, gen_random_uuid(), 'Thanks'); COMMIT");
	is(heard($follower, 1), 'Thanks', "$language: deferred or not");
	is($follower->{err}, '', "$language: without a complaint");
	$follower->{run}->kill_kill;
}

# --- the veto -----------------------------------------------------------------------------------

$node->safe_psql('postgres', slurp_file("$examples/veto.sql"));
my ($order, $room) = split /\|/, look_up('SELECT id, room_id FROM shop.orders ORDER BY id LIMIT 1');
my $before = said($room);

is(sqlstate_of($node, sending('ada', $room, 'One more question')), 'PS001', 'a customer cannot write to a closed order');
is(sqlstate_of($node, sending('ada', $room, 'One more question', 'send_deferred')), 'PS001', 'nor at the commit');
is(said($room), $before, 'and nothing was said');
is(sqlstate_of($node, sending('shop', $room, 'We are sorry')), '00000', 'the shop can');
$node->safe_psql('postgres', "UPDATE shop.orders SET state = 'paid' WHERE id = $order");
is(sqlstate_of($node, sending('ada', $room, 'One more question')), '00000', 'and the customer, once it is open again');
is(said($room), "$before\nshop: We are sorry\nada: One more question", 'both were said');

# What veto.sql says of pg_dump.
my ($dump) = run_command([ 'pg_dump', '-d', $node->connstr('postgres') ]);
like($dump, qr/CREATE FUNCTION shop\.closed_orders_are_closed/, 'pg_dump carries the functions');
unlike($dump, qr/CREATE TRIGGER closed_orders_are_closed/, 'and not the triggers');

# It is after hours somewhere: the rule is made to speak of a place where it is midnight now.
$node->safe_psql('postgres', 'ALTER TABLE porcupine.events ENABLE TRIGGER quiet_after_hours');
foreach my $case ([ 0, 'PS002', 'at midnight' ], [ 12, '00000', 'at noon' ])
{
	my ($hour, $sqlstate, $when) = @$case;
	my $zone = look_up("SELECT format('%s%s:30', CASE WHEN o >= 0 THEN '-' ELSE '+' END, abs(o)) FROM (SELECT (($hour - extract(hour FROM clock_timestamp() AT TIME ZONE 'UTC'))::integer + 36) % 24 - 12 AS o) t");
	$zone =~ s/:30$/:00/;
	$node->safe_psql('postgres', slurp_file("$examples/veto.sql") =~ s/.*(?=^CREATE FUNCTION shop\.quiet_after_hours)//msr
		  =~ s/^CREATE FUNCTION/CREATE OR REPLACE FUNCTION/mr =~ s/^CREATE TRIGGER.*//msr =~ s{Europe/Berlin}{$zone}r);
	is(sqlstate_of($node, sending('shop', $room, "It is $hour o'clock")), $sqlstate, "the shop, $when");
	is(sqlstate_of($node, sending('ada', $room, "It is $hour o'clock, says ada")), '00000', "a customer, $when");
}
unlike(said($room), qr/^shop: It is 0 o'clock$/m, 'the shop kept quiet');

# The shop goes on as before with both rules.
$node->safe_psql('postgres', 'ALTER TABLE porcupine.events DISABLE TRIGGER quiet_after_hours');
foreach my $language (sort keys %shop)
{
	my ($out, $err) = as_shop(@{ $shop{$language} });
	is($err, '', "$language: the shop lives with the vetoes");
}

$node->stop;
done_testing();

sub look_up { my ($query) = @_; return $node->safe_psql('postgres', $query) }

sub as_shop { my @command = @_; local $ENV{PGUSER} = 'shop'; return run_command(\@command) }

# What people have said in a room, in order.
sub said
{
	my ($where) = @_;

	return look_up("SELECT u.username || ': ' || convert_from(e.body, 'UTF8') FROM porcupine.events e JOIN porcupine.users u ON u.id = e.sender_id
		WHERE e.room_id = $where AND e.kind = 'message' ORDER BY e.seq");
}

sub sending
{
	my ($who, $where, $text, $by) = @_;

	$text =~ s/'/''/g;
	$by //= 'send';
	return "BEGIN; SELECT porcupine.act_as(porcupine.find_user('$who')); SELECT porcupine.$by($where, gen_random_uuid(), '$text'); COMMIT;";
}

sub send_as { return $node->safe_psql('postgres', sending(@_)) }

sub follow
{
	my @command = @_;
	my %follower = (out => '', err => '', lines => 0);
	local $ENV{PGUSER} = 'shop';

	$follower{run} = IPC::Run::start(\@command, '<', \undef, '>', \$follower{out}, '2>', \$follower{err});
	return \%follower;
}

# The bodies of the next COUNT events.
sub heard
{
	my ($follower, $count) = @_;
	my @lines;

	wait_for('the follower', sub {
		$follower->{run}->pump_nb;
		@lines = $follower->{out} =~ /^(.*)\n/mg;
		die "the follower ended: $follower->{err}" unless $follower->{run}->pumpable;
		return @lines >= $follower->{lines} + $count;
	});
	my @new = @lines[ $follower->{lines} .. $#lines ];
	$follower->{lines} = @lines;
	return join "\n", map { JSON::PP::decode_json($_)->{body} } @new;
}
