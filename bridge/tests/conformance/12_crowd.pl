# A crowd is not told who is there: a thousand people who come into one room would otherwise be half a million frames. Whoever was
# named before is not known from then on, and when the crowd has gone those who are left are named again.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Test;
use Test::More;

my $stack = start_stack();
my $ada = $stack->person('ada');
my $room = $stack->room($ada);
my @crowd = map { { id => $_->[0], token => $_->[1] } } map { [ split /\|/ ] } split /\n/, $stack->sql(qq{
	UPDATE porcupine.rooms SET max_members = 200;
	WITH u AS (INSERT INTO porcupine.users (username, display_name)
			SELECT 'person' || n, 'Person ' || n FROM generate_series(1, 101) n RETURNING id),
		d AS (INSERT INTO porcupine.devices (user_id, name) SELECT id, 'test' FROM u RETURNING id, user_id),
		s AS (INSERT INTO porcupine.sessions (user_id, device_id, expires_at, refresh_hash)
			SELECT user_id, id, now() + interval '1 hour', sha256(id::text::bytea) FROM d RETURNING id, user_id, device_id)
		SELECT user_id, porcupine.access_token(user_id, id, device_id) FROM s;
	INSERT INTO porcupine.members (room_id, user_id) SELECT $room, id FROM porcupine.users WHERE username LIKE 'person%';});

sub come
{
	my ($person) = @_;
	return $stack->signed_in($person)->subscribe($room);
}

# said(USER, ONLINE): what speaks of this user; undef: of nobody any more
sub said
{
	my ($user, $online) = @_;
	return sub {
		$_[0]{type} eq 'presence' && !$_[0]{online} == !$online && ($_[0]{user} // 'nobody') eq ($user // 'nobody');
	};
}

my $first = come($ada);
my @there = map { come($_) } @crowd[ 0 .. 98 ];
ok($first->hear(said($crowd[98]{id}, 1)), 'the hundredth is seen to come');
is(scalar @{ $there[98]{subscribed}{online} }, 100, 'and sees everybody');
push @there, come($crowd[99]);
ok($first->hear(said(undef, 0)), 'one more is a crowd: nobody is known to be there any more');
is_deeply($there[99]{subscribed}{online}, [], 'whoever comes into it sees nobody');
push @there, come($crowd[100]);
$stack->sql_send($ada, $room, 'after the last has come');
ok($first->hear('event'), 'what is said is heard');
is((grep { said($crowd[100]{id}, 1)->($_) } @{ $first->{heard} }), 0, 'the last one comes unseen');

# Two go unseen, until 79 of 102 are left.
pop(@there)->close foreach 1 .. 23;
ok($first->hear(said($crowd[0]{id}, 1)), 'when the crowd has gone, those who are left are named');
is((grep { said($crowd[100]{id}, 0)->($_) } @{ $first->{heard} }), 0, 'those who went meanwhile were not');
pop(@there)->close;
ok($first->hear(said($crowd[77]{id}, 0)), 'and the next who goes is seen to go');

done_testing();
