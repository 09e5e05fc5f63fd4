# The bridge counts what it does: each number moves by exactly what was done, is well-formed, stands in docs/metrics.md, and is
# told on an address of its own and nowhere else.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IO::Socket::INET;
use IPC::Run ();
use Porcupine::Test;
use Porcupine::Test::Metrics qw(scrape exchange);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $stack = start_stack();
my $port = $stack->{metrics_port};
my ($ada, $ben, $cas) = map { $stack->person($_) } qw(ada ben cas);
my $room = $stack->room($ada, $ben);

# counted(WHAT, CODE, [NAME, LABELS..., EXPECTED], ...): these numbers move by so much while CODE runs.
sub counted
{
	my ($what, $code, @expected) = @_;
	my $before = scrape($port);

	$code->();
	my $after = scrape($port);
	foreach my $row (@expected)
	{
		my ($name, @labels) = @$row;
		my $by = pop @labels;
		my $moved = ($after->value($name, @labels) // die "no $name @labels") - $before->value($name, @labels);

		is($moved, ref $by ? $by->() : $by, "$what: $name @labels");
	}
	return;
}

# --- sends and sockets ----------------------------------------------------------------------------------------------

my ($one, $two);
counted(
	'two sockets open',
	sub { ($one, $two) = map { $stack->signed_in($_) } $ada, $ben },
	[ 'sockets_opened_total', 2 ],
	[ 'sockets', state => 'ready', 2 ],
	[ 'socket_messages_total', verb => 'auth', 2 ],
	[ 'tokens_total', verdict => 'verified', 2 ],
	[ 'tokens_total', verdict => 'remembered', 0 ],
	[ 'sockets_closed_total', code => 'other', 0 ]
);
counted(
	'they subscribe',
	sub {
		foreach my $ws ($one, $two)
		{
			$ws->say({ type => 'subscribe', room => $room });
			$ws->hear('subscribed') or die;
		}
	},
	[ 'subscriptions', 2 ],
	[ 'rooms', 1 ],
	[ 'resets_total', 0 ],
	[ 'page_reads_total', 0 ],
	[ 'socket_messages_total', verb => 'subscribe', 2 ]
);

# every frame that is queued is heard by somebody
my $heard = 0;
$one->hear('presence');
counted(
	'sends',
	sub {
		my $again = uuid();
		my @heard = map { scalar @{ $_->{heard} } } $one, $two;

		$one->say(sending($room, 'first', $again));
		$one->hear('ack') or die;
		$one->say(sending($room, 'second'));
		$one->say(sending($room, 'third'));
		$two->events($room, 5);
		$one->say(sending($room, 'first', $again));
		$one->say(sending($room, 'not the first', $again));
		$one->hear('error') or die;
		$one->events($room, 5);
		$one->say({ type => 'nonsense' });
		$one->hear('error') or die;
		$heard = @{ $one->{heard} } + @{ $two->{heard} } - $heard[0] - $heard[1];
	},
	[ 'sends_total', outcome => 'stored', 3 ],
	[ 'sends_total', outcome => 'repeated', 1 ],
	[ 'sends_total', outcome => 'refused', 1 ],
	[ 'sends_refused_total', code => 'duplicate_mismatch', 1 ],
	[ 'sends_refused_total', code => 'internal', 0 ],
	[ 'send_duration_seconds_count', 5 ],
	[ 'batch_sends_sum', 5 ],
	[ 'sends_waiting', 0 ],
	[ 'sends_waiting_bytes', 0 ],
	[ 'events_published_total', 3 ],
	[ 'events_kept', 3 ],
	[ 'gaps_total', 0 ],
	[ 'socket_messages_total', verb => 'send', 5 ],
	[ 'socket_messages_total', verb => 'other', 1 ],
	[ 'frames_queued_total', sub { $heard } ],
	[ 'socket_frames_total', sub { $heard } ],
	[ 'socket_queued_bytes', 0 ]
);
cmp_ok($heard, '>=', 12, 'three events at both, five answers, one complaint');
my $now = scrape($port);
is(
	$now->value('batches_total', outcome => 'committed') + $now->value('batches_total', outcome => 'rolled_back'),
	$now->value('batch_sends_count'),
	'a batch is counted when it begins and when it ends'
);
is($now->value('send_shown_seconds_count'), $now->value('batches_total', outcome => 'committed'), 'one of each is timed to the sockets');
cmp_ok($now->value('send_shown_seconds_sum'), '>=', $now->value('batch_duration_seconds_sum') - 0.001, 'which takes longer than the commit');
cmp_ok($now->value('socket_writes_total'), '<=', $now->value('socket_frames_total'), 'a write carries frames');
cmp_ok($now->value('socket_written_bytes_total') / $now->value('socket_frames_total'), '>', 30, 'of some bytes');
cmp_ok($now->value('events_kept_bytes'), '>', 500, 'kept events have a size');

counted(
	'a veto',
	sub {
		$stack->sql(q{
			CREATE FUNCTION veto() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'no'; END$$;
			CREATE TRIGGER veto BEFORE INSERT ON porcupine.events FOR EACH ROW WHEN (NEW.body = 'vetoed') EXECUTE FUNCTION veto();});
		$one->say(sending($room, 'vetoed'));
		is($one->hear('error')->{code}, 'role', 'it is refused');
	},
	[ 'batches_total', outcome => 'rolled_back', 1 ],
	[ 'batches_total', outcome => 'committed', 0 ],
	[ 'sends_refused_total', code => 'role', 1 ],
	[ 'database_requests_total', outcome => 'refused', 1 ]
);

# --- what other sources bring -------------------------------------------------------------------------------------------

counted(
	'a send from SQL',
	sub { $two->events($room, $stack->sql_send($ada, $room, 'from SQL')) },
	[ 'doorbells_total', source => 'other', 1 ],
	[ 'room_reads_total', 1 ],
	[ 'events_published_total', 1 ],
	[ 'sends_total', outcome => 'stored', 0 ]
);
# Its own doorbells are timed, one room at a time, and not when nothing was stored.
counted(
	'sends of its own',
	sub {
		foreach my $n (1 .. 3)
		{
			my $heard = scrape($port)->value('doorbells_total', source => 'own');
			$one->say(sending($room, "own $n"));
			$one->hear('ack') or die;
			wait_for('its doorbell', sub { scrape($port)->value('doorbells_total', source => 'own') > $heard });
		}
	},
	[ 'doorbell_duration_seconds_count', 3 ],
	[ 'doorbells_total', source => 'own', 3 ],
	[ 'doorbells_total', source => 'other', 0 ]
);
cmp_ok(scrape($port)->value('doorbell_duration_seconds_sum'), '<', 3, 'they come soon');
counted(
	'an event without a doorbell',
	sub {
		$stack->sql(qq{BEGIN;
			SET LOCAL session_replication_role = replica;
			UPDATE porcupine.room_heads SET last_seq = last_seq + 1 WHERE room_id = $room;
			INSERT INTO porcupine.events (room_id, seq, created_at, sender_id, client_id, epoch, kind, body)
				VALUES ($room, 10, now(), $ada->{id}, NULL, 0, 'message', 'unheard');
			COMMIT;});
		$two->events($room, 10);
	},
	[ 'doorbells_total', source => 'other', 0 ],
	[ 'sweep_finds_total', of => 'heads', 1 ],
	[ 'room_reads_total', 1 ]
);
my $before = scrape($port);
wait_for('sweeps',
	sub { scrape($port)->value('sweeps_total', of => 'heads') > $before->value('sweeps_total', of => 'heads') });
counted(
	'a cursor of another stream',
	sub {
		$one->say({ type => 'subscribe', room => $room, after => 3, stream => 77 });
		$one->hear('reset') or die;
	},
	[ 'resets_total', 1 ],
	[ 'subscriptions', 0 ]
);
my $from_far = $stack->room($ada, $ben);
$stack->sql(qq{BEGIN; SELECT porcupine.act_as($ada->{id}) \\gset
	SELECT count(porcupine.send($from_far, gen_random_uuid(), repeat('far', 2)::bytea)) FROM generate_series(1, 300); COMMIT;});
counted(
	'catching up beyond what is kept',
	sub {
		foreach my $cursor ([], [ after => 2 ])
		{
			$two->say({ type => 'subscribe', room => $from_far, @$cursor });
			$two->hear('subscribed') or die;
		}
		is(scalar($two->events($from_far, 302)), 300, 'all of it');
	},
	[ 'page_reads_total', 1 ],
	[ 'rooms', 1 ]
);

# --- how sockets end --------------------------------------------------------------------------------------------------------

counted(
	'sockets end',
	sub {
		my $nobody = $stack->websocket;
		$nobody->say({ type => 'ping' });
		is($nobody->closing, 4401, 'who does not say auth');
		my $done = $stack->signed_in($ben);
		$stack->sql("UPDATE porcupine.sessions SET ended_at = now() WHERE id = $ben->{session}");
		is($done->closing, 4419, 'whose session ends');
		is($two->closing, 4419, 'with all its sockets');
		$_->close foreach $one, $two, $done, $nobody;
		wait_for('it to be noticed',
			sub { my $reading = scrape($port); !grep { $reading->value('sockets', state => $_) } qw(ready ending) });
	},
	[ 'sockets_opened_total', 2 ],
	[ 'sockets_closed_total', code => '4401', 1 ],
	[ 'sockets_closed_total', code => '4419', 2 ],
	[ 'sockets_closed_total', code => 'other', 1 ],
	[ 'sweep_finds_total', of => 'sessions', 1 ],
	[ 'rooms', -2 ],
	[ 'subscriptions', -3 ],
	[ 'tokens_total', verdict => 'remembered', 1 ]
);
$now = scrape($port);
is($now->value('events_kept') + $now->value('events_kept_bytes'), 0, 'rooms that nobody watches keep nothing');
is($now->value('sockets', state => $_), 0, "no socket is $_") foreach qw(new authenticating ready);

# --- HTTP -----------------------------------------------------------------------------------------------------------------------

counted(
	'requests',
	sub {
		is($stack->http('GET', '/api/rooms/', token => $ada->{token})->{status}, 200, 'one that is answered') for 1 .. 2;
		is($stack->http('GET', '/api/rooms', token => 'nonsense')->{status}, 401, 'one that is refused');
		is($stack->http('GET', '/')->{status}, 200, 'the page');
		is($stack->http('GET', '/api/nothing/')->{status}, 404, 'nothing');
		is($stack->exchange($stack->handshake('/ws/', { Origin => 'http://elsewhere.example' }))->{status},
			403, 'a WebSocket for a foreign page');
	},
	[ 'http_requests_total', route => 'GET /api/rooms/', status => '2xx', 2 ],
	[ 'http_requests_total', route => 'GET /api/rooms/', status => '4xx', 1 ],
	[ 'http_requests_total', route => 'GET /api/rooms/', status => '5xx', 0 ],
	[ 'http_requests_total', route => 'POST /api/rooms/', status => '2xx', 0 ],
	[ 'http_requests_total', route => 'other', status => '2xx', 1 ],
	[ 'http_requests_total', route => 'other', status => '4xx', 2 ],
	[ 'http_duration_seconds_count', 6 ],
	[ 'http_requests_open', 0 ],
	[ 'tokens_total', verdict => 'remembered', 2 ],
	[ 'tokens_total', verdict => 'invalid', 1 ],
	[ 'sockets_opened_total', 0 ]
);
cmp_ok(scrape($port)->value('http_route_seconds_total', route => 'GET /api/rooms/'), '>', 0, 'they took time');

# --- the database ---------------------------------------------------------------------------------------------------------------

$now = scrape($port);
is($now->value('database_ready'), 1, 'the database is ready');
is($now->value('database_connections', lane => 'listen'), 1, 'one connection listens');
cmp_ok($now->value('database_connections', lane => $_), '>', 0, "some $_") foreach qw(send held query slow);
counted(
	'a password is hashed',
	sub {
		is($stack->http('POST', '/api/auth/login/', json => { username => 'x', password => 'y' })->{status}, 401, 'a login');
	},
	[ 'database_duration_seconds_count', lane => 'slow', 1 ],
	[ 'database_wait_seconds_count', lane => 'slow', 1 ]
);
counted(
	'connections are lost',
	sub {
		my $lost = $stack->sql(q{SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'porcupine_node'});
		is($lost, 1 + $now->value('database_connections', lane => 'send')
			  + $now->value('database_connections', lane => 'held')
			  + $now->value('database_connections', lane => 'query')
			  + $now->value('database_connections', lane => 'slow'), 'all of them');
		# not ready for a moment only, so how many it has missed is what it has noticed
		wait_for('the bridge to notice', sub { scrape($port)->value('database_losses_total') - $now->value('database_losses_total') >= $lost });
		wait_for('their return', sub { scrape($port)->value('database_ready') == 1 });
		wait_for('all of them to return',
			sub { scrape($port)->value('database_connections', lane => 'query')
				  == $now->value('database_connections', lane => 'query') });
	},
	[ 'database_losses_total', sub {
			my $all = 1;
			$all += $now->value('database_connections', lane => $_) foreach qw(send held query slow);
			return $all;
		} ],
	[ 'database_connections', lane => 'listen', 0 ]
);
cmp_ok(scrape($port)->value('log_lines_total', level => 'warning'), '>', 0, 'and that has been logged');

# --- the process --------------------------------------------------------------------------------------------------------------

$now = scrape($port);
my ($resident) = slurp_file("/proc/$stack->{pid}/status") =~ /VmRSS:\s+(\d+)/;
my @descriptors = glob("/proc/$stack->{pid}/fd/*");
cmp_ok(abs($now->value('process_resident_memory_bytes') / ($resident * 1024) - 1), '<', 0.2, 'its memory');
cmp_ok(abs($now->value('process_open_fds') - @descriptors), '<=', 1, 'its descriptors')
  or diag(scalar(@descriptors) . ' and not ' . $now->value('process_open_fds'));
cmp_ok($now->value('process_max_fds'), '>', $now->value('process_open_fds'), 'more may be open');
cmp_ok($now->value('process_cpu_seconds_total'), '>', 0, 'its time');
cmp_ok(abs(time - $now->value('process_start_time_seconds')), '<', 600, 'it was started not long ago');
wait_for('the loop to be measured', sub { scrape($port)->value('loop_lag_seconds_count') > 10 });
is($now->value('build_info', version => '1.1.0'), 1, 'what it is');

# --- who is told, and who is not -----------------------------------------------------------------------------------------------

unlike($stack->http('GET', $_)->{body}, qr/porcupine_bridge_/, "the public port tells nothing at $_")
  foreach qw(/metrics /metrics/ /api/metrics);
is(exchange($port, "GET / HTTP/1.0\r\n\r\n")->{status}, 404, 'there is nothing else here');
is(exchange($port, "GET /metricsandmore HTTP/1.0\r\n\r\n")->{status}, 404, 'nor is there a longer path');
is(exchange($port, "GET /api/rooms/ HTTP/1.1\r\n\r\n")->{status}, 404, 'least of all the API');
is(exchange($port, "POST /metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n")->{status}, 405, 'it is read by GET');
is(exchange($port, "GET /metrics?x=1 HTTP/1.1\r\n\r\n")->{status}, 200, 'a query is no matter');
is(exchange($port, "GET /metrics HTTP/1.1\r\nX: " . ('x' x 5000) . "\r\n\r\n")->{status}, 0, 'too long a header is hung up on');
my @silent = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) // die } 1 .. 40;
ok(scrape($port), 'forty connections that say nothing hold nobody up');
is(sysread($silent[0], my $nothing, 1), 0, 'the oldest of them was let go');

foreach my $wrong ('9464', '127.0.0.1', '127.0.0.1:0', '127.0.0.1:70000', 'localhost:9464', '::1:9464', '[127.0.0.1]:9464', '[::1]', ':9464')
{
	my ($out, $err) = ('', '');
	IPC::Run::run([ $stack->{program} ], '>', \$out, '2>', \$err, init => sub { %ENV = (PATH => $ENV{PATH}, PORCUPINE_METRICS => $wrong) });
	is($? >> 8, 2, "$wrong is no address");
	like($err, qr/\Aporcupine-bridge: PORCUPINE_METRICS=\Q$wrong\E is not an address and a port like [^\n]+\n\z/, 'and one is told so');
}

# --- the documentation ----------------------------------------------------------------------------------------------------------

my %documented;
foreach my $line (split /\n/, slurp_file("$FindBin::RealBin/../../../docs/metrics.md"))
{
	my ($name, $type, $labels, $meaning) =
	  $line =~ /\A\| `((?:porcupine_bridge|process)_\w+)` \| (\w+) \|([^|]*)\| ([^|]+?) \|/ or next;
	push @{ $documented{$name} }, [ $type, join(' ', sort $labels =~ /`(\w+)`/g), $meaning ];
}
$now = scrape($port);
foreach my $name (@{ $now->{order} })
{
	my $labels = join(' ', sort grep { $_ ne 'worker' && $_ ne 'le' } keys %{ $now->{labels}{$name} });
	is_deeply(
		delete $documented{$name},
		[ [ $now->{type}{$name}, $labels, $now->{help}{$name} ] ],
		"docs/metrics.md has $name, once"
	);
}
is_deeply([ sort keys %documented ], [], 'and nothing that is not there');

is($stack->stop_bridge, 0, 'it stops as cleanly as without');
ok(!(grep { ($_->{message} // '') =~ /did not close cleanly/ || $_->{unparsable} } $stack->log_lines), 'and says no word of trouble');

done_testing();
