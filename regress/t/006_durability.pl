# Every seq that a sender was told after its COMMIT is there after kill -9 of the whole server, whatever the sender set
# synchronous_commit to. The WAL writer is told to be slow, so that a commit which did not wait for the disk would be lost.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Porcupine::Node;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('durable', conf => "fsync = on\nwal_writer_delay = 10s\nwal_writer_flush_after = 1GB");
plain_room($node, 1, 1, 2, 3);
$node->safe_psql('postgres',
	q{INSERT INTO porcupine.devices (id, user_id, name) SELECT 1000 + u, u, 'phone' FROM generate_series(1, 3) u}
);

# Says each seq after the commit that made it.
my %senders = (
	send => q{
		SET synchronous_commit = off;
		DO $$ DECLARE told bigint; BEGIN
			LOOP
				PERFORM porcupine.act_as(1);
				told := (porcupine.send(1, gen_random_uuid(), 'x')).seq;
				COMMIT;
				RAISE WARNING 'acknowledged %', told;
			END LOOP;
		END $$;},
	send_many => q{
		SET synchronous_commit = off;
		DO $$ DECLARE told bigint; BEGIN
			LOOP
				SELECT max(s.seq) INTO told FROM porcupine.send_many('{1,1}', '{2,2}', '{1002,1002}', ARRAY[gen_random_uuid(), gen_random_uuid()], '{0,0}', '{message,message}', '{NULL,NULL}', '{a,b}') s;
				COMMIT;
				RAISE WARNING 'acknowledged %', told;
			END LOOP;
		END $$;},
	local_setting => q{
		DO $$ DECLARE told bigint; BEGIN
			LOOP
				SET LOCAL synchronous_commit = off;
				PERFORM porcupine.act_as(3);
				told := (porcupine.send(1, gen_random_uuid(), 'x')).seq;
				COMMIT;
				RAISE WARNING 'acknowledged %', told;
			END LOOP;
		END $$;}
);

# The control: what does not go through send and waits for no disk must be lost, or the test could not tell.
my $control = q{
	SET synchronous_commit = off;
	DO $$ DECLARE told bigint; BEGIN
		LOOP
			INSERT INTO control DEFAULT VALUES RETURNING i INTO told;
			COMMIT;
			RAISE WARNING 'acknowledged %', told;
		END LOOP;
	END $$;};

# Found without asking the server: a query may have to write a page, and the log before it, and would save what is to be lost.
sub children
{
	my ($parent) = @_;
	my @children;

	foreach my $stat (glob '/proc/[0-9]*/stat')
	{
		open(my $file, '<', $stat) or next;
		my $line = <$file> // '';
		push @children, $1 if $line =~ /^(\d+) \(.*\) \S $parent /;
	}
	return @children;
}

sub kill_everything
{
	my $postmaster = $node->{_pid};
	my @backends = children($postmaster);

	# the postmaster first, or it would notice and shut the others down in its own way
	$node->kill9;
	kill 9, @backends;
	wait_for(
		'the processes to be gone',
		sub {
			!grep { kill 0, $_ } ($postmaster, @backends);
		}
	);
	return;
}

sub start_again
{
	# the kernel may take a moment to let go of the shared memory
	wait_for('the server to start again', sub { $node->start(fail_ok => 1) });
	return;
}

# Runs a sender until it has told enough, kills the server, starts it again; what of the told is lost?
sub lost_by
{
	my ($sql, $stored) = @_;
	my $sender = start_psql($node, $sql);

	wait_for('enough to be sent',
		sub { $sender->{run}->pump_nb; (() = $sender->{err} =~ /acknowledged/g) > 200 });
	kill_everything();
	wait_for('the sender to notice',
		sub { $sender->{run}->pump_nb if $sender->{run}->pumpable; !$sender->{run}->pumpable });
	$sender->{run}->finish;
	start_again();
	my %there = map { $_ => 1 } split /\n/, $node->safe_psql('postgres', $stored);
	return scalar(grep { !$there{$_} } $sender->{err} =~ /acknowledged (\d+)/g);
}

# One way at a time: a commit of one that waits for the disk would take the others' along.
foreach my $way (sort keys %senders)
{
	is(lost_by($senders{$way}, 'SELECT seq FROM porcupine.events'),
		0, "$way: all that was acknowledged is there");
	is( $node->safe_psql(
			'postgres',
			q{SELECT last_seq = (SELECT max(seq) FROM porcupine.events) AND last_seq = (SELECT count(*) FROM porcupine.events) FROM porcupine.room_heads}
		),
		't',
		"$way: no gap, and the head agrees"
	);
}
$node->safe_psql('postgres', 'CREATE TABLE control (i bigint GENERATED ALWAYS AS IDENTITY)');
# The WAL writer still writes each page of the log that is full, so at times the end is on one of these: tried until some are lost.
my $lost = 0;
for (my $tries = 0; $tries < 20 && $lost == 0; $tries++)
{
	$lost = lost_by($control, 'SELECT i FROM control');
}
cmp_ok($lost, '>', 0, 'the control, which did not wait for the disk, has lost rows');

done_testing();
