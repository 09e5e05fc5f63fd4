# Porcupine::Faults::Round: people in rooms who send for a while, and the account of it afterwards. It makes them by SQL, leads the
# client, changes the membership, writes that down, and asks the checker. It never hurts anything itself.
package Porcupine::Faults::Round;

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use POSIX ();
use Porcupine::Faults::Process qw(wait_for now_us as_service output_of);

# Seconds after which a change by SQL has an unknown outcome.
use constant SQL_PATIENCE => 5;

# new(NAME, FOLDER, CLUSTER, BRIDGES, programs => {...}, members => N, rooms => N, each => rooms of a member, rate, cuts, twice, sends)
sub new
{
	my ($class, $name, $folder, $cluster, $bridges, %options) = @_;
	my $self = bless {
		name => $name,
		folder => "$folder/$name",
		cluster => $cluster,
		bridges => $bridges,
		members => 20,
		rooms => 6,
		each => 2,
		rate => 300,
		cuts => 60,
		twice => 50,
		patience => 20,
		sends => 1_000_000,
		outside => {},
		%options
	}, $class;

	Porcupine::Faults::Cluster::mkdir_as_service($self->{folder});
	chmod 0777, $self->{folder};
	open($self->{membership}, '>>', "$self->{folder}/membership.jsonl") or die "cannot write to $self->{folder}: $!\n";
	$self->{membership}->autoflush(1);
	$self->make_people;
	return $self;
}

sub folder { return $_[0]{folder}; }

# --- people -------------------------------------------------------------------------------------------

sub make_people
{
	my ($self) = @_;
	my $text = $self->{cluster}->sql(<<"SQL") // die "cannot make the people\n";
SET client_min_messages = warning;
BEGIN;
INSERT INTO porcupine.users (username, display_name) SELECT '$self->{name}-' || g, 'Member ' || g FROM generate_series(0, $self->{members} - 1) g;
INSERT INTO porcupine.devices (user_id, name) SELECT id, 'test' FROM porcupine.users WHERE username LIKE '$self->{name}-%';
INSERT INTO porcupine.sessions (user_id, device_id, expires_at, refresh_hash)
  SELECT u.id, d.id, now() + interval '1 day', sha256(u.username::bytea)
    FROM porcupine.users u JOIN porcupine.devices d ON d.user_id = u.id WHERE u.username LIKE '$self->{name}-%';
INSERT INTO porcupine.rooms (encrypted, code, name) SELECT false, porcupine.random_room_code(), '$self->{name}-' || g FROM generate_series(0, $self->{rooms} - 1) g;
INSERT INTO porcupine.room_heads (room_id) SELECT id FROM porcupine.rooms WHERE name LIKE '$self->{name}-%';
INSERT INTO porcupine.members (room_id, user_id)
  SELECT r.id, u.id FROM porcupine.users u, porcupine.rooms r
   WHERE u.username LIKE '$self->{name}-%' AND r.name LIKE '$self->{name}-%'
     AND (split_part(r.name, '-', 2)::int - split_part(u.username, '-', 2)::int % $self->{rooms} + $self->{rooms}) % $self->{rooms} < $self->{each}
   ORDER BY r.id, u.id;
COMMIT;
SELECT 'member', u.id, porcupine.access_token(u.id, s.id, s.device_id), (SELECT string_agg(m.room_id::text, ' ' ORDER BY m.room_id) FROM porcupine.members m WHERE m.user_id = u.id)
  FROM porcupine.users u JOIN porcupine.sessions s ON s.user_id = u.id WHERE u.username LIKE '$self->{name}-%' ORDER BY u.id;
SQL
	my (%rooms, @pairs);

	foreach my $line (grep { /\Amember\|/ } split /\n/, $text)
	{
		my (undef, $user, undef, $list) = split /\|/, $line;
		foreach my $room (split / /, $list)
		{
			$rooms{$room} = 1;
			push @pairs, [ $room, $user ];
		}
	}
	$self->{room_ids} = [ sort { $a <=> $b } keys %rooms ];
	$self->{pairs} = \@pairs;
	$text =~ tr/|/ /;
	open(my $file, '>', "$self->{folder}/people") or die "cannot write to $self->{folder}: $!\n";
	print {$file} 'ports ', join(' ', map { $_->front_port } @{ $self->{bridges} }), "\n", $text, "\n";
	return close($file);
}

# --- the client ------------------------------------------------------------------------------------------

sub start_client
{
	my ($self) = @_;

	$self->{client} = Porcupine::Faults::Process->start(
		log => "$self->{folder}/client.log",
		command => [
			as_service(
				$self->{programs}{client},
				"$self->{folder}/people",
				"$self->{folder}/history.jsonl",
				(map { "$_=$self->{$_}" } qw(sends rate cuts twice patience)),
				'seconds=1800'
			)
		],
		led => 1
	);
	$self->{client}->hear(qr/\Aready\z/, 60) // die "the members do not get into their rooms: see $self->{folder}\n";
	return;
}

# Waits until the rooms' logs have grown by so many events.
sub let_send
{
	my ($self, $events) = @_;
	my $list = join(',', @{ $self->{room_ids} });
	my $grown = sub { $self->{cluster}->sql("SELECT sum(last_seq) FROM porcupine.room_heads WHERE room_id IN ($list)") // 0 };
	my $goal = $grown->() + $events;

	return wait_for("$events events", sub { $grown->() >= $goal });
}

# Everything is well again: nobody sends any more, every send gets its answer, everybody gets what is left. Returns the number of
# sends, or dies.
sub finish
{
	my ($self) = @_;
	my $client = $self->{client};
	my $list = join(',', @{ $self->{room_ids} });

	$client->say('finish');
	my $settled = $client->hear(qr/\Asettled \d+\z/, 120) // die "the sends do not get their answers: see $self->{folder}\n";
	my $heads =
	  wait_for('the heads', sub { $self->{cluster}->sql("SELECT room_id, last_seq FROM porcupine.room_heads WHERE room_id IN ($list)") });
	$client->say('head ' . join(' ', split /\|/)) foreach split /\n/, $heads;
	$client->say('leave');
	$client->hear(qr/\Aleft /, 60) // die "the client does not leave: see $self->{folder}\n";
	wait_for('the client to end', sub { $client->has_ended });
	return (split / /, $settled)[1];
}

# --- the driver --------------------------------------------------------------------------------------------

# A process of its own removes, adds and sends by SQL until it is told to end; it writes into the same file, line by line.
sub start_driver
{
	my ($self) = @_;
	my $leader = $$;
	my $pid = fork // die "cannot fork: $!";

	return $self->{driver} = $pid if $pid;
	my $told = 0;
	local $SIG{TERM} = sub { $told = 1 };
	until ($told || getppid() != $leader)
	{
		$self->change_membership;
		$self->send_by_sql;
		select(undef, undef, undef, 0.05 + rand(0.3));
	}
	my $well = eval { $self->add_all; 1 };
	POSIX::_exit($well ? 0 : 1);
}

# Everybody is in again after this. The database has to be there.
sub end_driver
{
	my ($self) = @_;
	my $pid = delete $self->{driver} // return;

	kill 'TERM', $pid;
	waitpid($pid, 0);
	return $? == 0 || die "the driver did not end well: see $self->{folder}\n";
}

# Whatever it is doing.
sub abandon
{
	my ($self) = @_;
	my $pid = delete $self->{driver} // return;

	kill 'KILL', $pid;
	return waitpid($pid, 0);
}

# --- the membership ----------------------------------------------------------------------------------------

# Lines for the history of the membership, from elsewhere too.
sub note { my ($self, $line) = @_; return print { $self->{membership} } "$line\n"; }

# Somebody who is in a room: (room, user).
sub somebody { return @{ $_[0]{pairs}[0] }; }

sub note_removal
{
	my ($self, $room, $user, $seq, $stream) = @_;

	$self->note(sprintf '{"at":%d,"op":"removed","user":%d,"room":%d,"seq":%d,"stream":%d}', now_us(), $user, $room, $seq, $stream);
	return $self->probe($room, $user);
}

# They read and send at once, member or not.
sub probe
{
	my ($self, $room, $user) = @_;
	return $self->{client}->say("probe $room $user");
}

# Removes a member of whom it is known that they are in, or adds one of whom that is not known.
sub change_membership
{
	my ($self) = @_;
	my ($room, $user) = @{ $self->{pairs}[ rand @{ $self->{pairs} } ] };

	return $self->add($room, $user) if $self->{outside}{"$room $user"};
	$self->{outside}{"$room $user"} = 1;
	my $answer = $self->{cluster}->sql(<<"SQL", SQL_PATIENCE) // return 0;
BEGIN;
DELETE FROM porcupine.members WHERE room_id = $room AND user_id = $user;
SELECT last_seq, porcupine.current_stream() FROM porcupine.room_heads WHERE room_id = $room;
COMMIT;
SQL
	return $self->note_removal($room, $user, split /\|/, $answer);
}

sub add
{
	my ($self, $room, $user) = @_;

	$self->note(sprintf '{"at":%d,"op":"adding","user":%d,"room":%d}', now_us(), $user, $room);
	$self->{cluster}->sql("INSERT INTO porcupine.members (room_id, user_id) VALUES ($room, $user) ON CONFLICT DO NOTHING", SQL_PATIENCE) // return 0;
	delete $self->{outside}{"$room $user"};
	return 1;
}

# Everybody who is out is let in again, for what they are owed at the end is the whole log.
sub add_all
{
	my ($self) = @_;

	foreach my $pair (sort keys %{ $self->{outside} })
	{
		wait_for("to add $pair", sub { $self->add(split / /, $pair) });
	}
	return;
}

# One message by SQL, from the session of a backend.
sub send_by_sql
{
	my ($self) = @_;
	my ($room, $user) = @{ $self->{pairs}[ rand @{ $self->{pairs} } ] };
	my $body = 'by SQL, ' . rand;
	my $id = sprintf '%08x-%04x-4%03x-8%03x-%06x%06x', rand(2**32), rand(65536), rand(4096), rand(4096), rand(2**24), rand(2**24);

	$self->note(sprintf '{"at":%d,"op":"invoked","member":%d,"socket":0,"room":%d,"id":"%s","hash":"%s"}',
		now_us(), $user, $room, $id, substr(sha256_hex($body), 0, 16));
	my $seq = $self->{cluster}->sql("BEGIN; SELECT porcupine.act_as($user) \\gset\nSELECT seq FROM porcupine.send($room, '$id', '$body'); COMMIT;", SQL_PATIENCE);
	my $how = defined $seq ? qq("op":"ok","seq":$seq) : '"op":"unknown"';
	$self->note(sprintf '{"at":%d,%s,"member":%d,"socket":0,"room":%d,"id":"%s"}', now_us(), $how, $user, $room, $id);
	return defined $seq;
}

# --- the account -----------------------------------------------------------------------------------------------

sub write_table
{
	my ($self) = @_;
	my $list = join(',', @{ $self->{room_ids} });
	my $table = $self->{cluster}->sql(<<"SQL", 300) // die "cannot read the table\n";
SELECT format('{"op":"stored","room":%s,"seq":%s,"member":%s,"kind":"%s"%s}', room_id, seq, coalesce(sender_id, 0), kind,
         CASE WHEN client_id IS NOT NULL THEN format(',"id":"%s","hash":"%s"', client_id, left(encode(sha256(body), 'hex'), 16))
              WHEN kind::text LIKE 'member.%' THEN format(',"user":%s', convert_from(body, 'UTF8')::jsonb->>'user') END)
  FROM porcupine.events WHERE room_id IN ($list) ORDER BY room_id, seq;
SELECT format('{"op":"head","room":%s,"seq":%s}', room_id, last_seq) FROM porcupine.room_heads WHERE room_id IN ($list);
SQL
	open(my $file, '>', "$self->{folder}/table.jsonl") or die "cannot write to $self->{folder}: $!\n";
	print {$file} "$table\n";
	return close($file);
}

# What the checker says: {violations => [...], count => {...}, found => {...}}.
sub check
{
	my ($self) = @_;
	my %answer = (violations => [], count => {}, found => {});

	# its status says whether something was found; that is read from its words
	my $text = output_of("$self->{folder}/checker.log", '', 'sh', '-c', '"$0" "$@" || [ $? -eq 1 ]',
		$self->{programs}{checker}, map { "$self->{folder}/$_.jsonl" } qw(membership table history));
	die "the checker failed: see $self->{folder}/checker.log\n" unless defined $text;
	foreach my $line (split /\n/, $text)
	{
		if ($line =~ /\A(count|found) (\S+) (\d+)\z/) { $answer{$1}{$2} = $3; }
		elsif ($line =~ /\Aviolation /) { push @{ $answer{violations} }, $line; }
	}
	return \%answer;
}

1;
