# The checker reads histories made by hand, each with one thing wrong, and finds that and nothing else; what only looks wrong it
# lets pass.

use strict;
use warnings;

use File::Temp ();
use FindBin;
use Test::More;

my $checker = "$FindBin::RealBin/../checker";
my $folder = File::Temp::tempdir(CLEANUP => 1);

# --- a small history in which all is well ---------------------------------------------------------------

# Ada (1) and Ben (2) in room 7, on sockets 11 and 12: they join (seq 1, 2), Ada sends three messages (3 to 5).
sub id { return sprintf '00000000-0000-4000-8000-%012d', $_[0]; }
sub hash { return sprintf '%016x', 1000 + $_[0]; }

sub event
{
	my ($op, $at, $member, $seq, %more) = @_;
	my $socket = $more{socket} // 10 + $member;
	my $stream = $more{stream} // 1;
	my $number = $more{number} // $seq - 2;
	my $what = $seq <= 2 ? '"kind":"member.joined"' : sprintf('"id":"%s","hash":"%s"', id($number), $more{hash} // hash($number));
	return qq({"at":$at,"op":"$op","member":$member,"socket":$socket,"room":7,"seq":$seq,"stream":$stream,$what});
}

sub stored
{
	my ($seq, %more) = @_;
	my $number = $more{number} // $seq - 2;
	my $who = $more{member} // 1;
	return qq({"op":"stored","room":7,"seq":$seq,"member":0,"kind":"$more{kind}","user":$more{user}}) if $more{kind};
	return qq({"op":"stored","room":7,"seq":$seq,"member":0,"kind":"member.joined","user":$seq}) if $seq <= 2;
	return sprintf '{"op":"stored","room":7,"seq":%d,"member":%d,"kind":"message","id":"%s","hash":"%s"}', $seq, $who, id($number), hash($number);
}

sub step
{
	my ($op, $at, $number, $more) = @_;
	return sprintf '{"at":%d,"op":"%s","member":1,"socket":11,"room":7,"id":"%s"%s}', $at, $op, id($number), $more // '';
}

sub invoked { my ($at, $number) = @_; return step('invoked', $at, $number, ',"hash":"' . hash($number) . '"'); }
sub subscribe { my ($at, $member, $after, $socket) = @_; $socket //= 10 + $member; return qq({"at":$at,"op":"subscribe","member":$member,"socket":$socket,"room":7,"after":$after,"stream":1}); }
sub reset_to { my ($at, $member, $head, $after, $stream) = @_; my $socket = 10 + $member; return qq({"at":$at,"op":"reset","member":$member,"socket":$socket,"room":7,"head":$head,"stream":$stream,"after":$after}); }
sub end_at { my ($member, $seq, $stream) = @_; $stream //= 1; return qq({"at":900,"op":"end","member":$member,"room":7,"seq":$seq,"stream":$stream}); }
sub head { return qq({"op":"head","room":7,"seq":$_[0]}); }

sub base
{
	return {
		membership => [],
		history => [
			subscribe(100, 1, 0),
			subscribe(100, 2, 0),
			(map { my $member = $_; map { event('event', 110, $member, $_) } 1, 2 } 1, 2),
			(map { (invoked(200 + 10 * $_, $_), event('event', 202 + 10 * $_, 1, $_ + 2), event('event', 203 + 10 * $_, 2, $_ + 2), step('ok', 204 + 10 * $_, $_, ',"seq":' . ($_ + 2))) } 1 .. 3),
			end_at(1, 5),
			end_at(2, 5)
		],
		table => [ (map { stored($_) } 1 .. 5), head(5) ]
	};
}

# --- what it finds ------------------------------------------------------------------------------------------

sub found
{
	my ($case) = @_;
	foreach my $name (qw(membership table history))
	{
		open(my $file, '>', "$folder/$name") or die "cannot write to $folder: $!";
		print {$file} map { "$_\n" } @{ $case->{$name} };
		close($file);
	}
	my $text = qx($checker $folder/membership $folder/table $folder/history);
	my %found = $text =~ /^found (\S+) ([1-9]\d*)$/mg;
	return (join(' ', sort keys %found), $text);
}

# The line that is, word for word, becomes others, or none.
sub change
{
	my ($list, $line, @others) = @_;
	my @changed = map { $_ eq $line ? @others : $_ } @$list;
	die "there is no such line: $line" if "@changed" eq "@$list";
	@$list = @changed;
	return;
}

my $ben_3 = event('event', 213, 2, 3);
my $ben_4 = event('event', 223, 2, 4);
my $ben_5 = event('event', 233, 2, 5);
my $removed = '{"at":222,"op":"removed","user":2,"room":7,"seq":4,"stream":1}';
my $restored = '{"at":400,"op":"restored","room":7,"head":4,"stream":9,"began":390}';

# What is found; what it is; how the history comes to it.
my @cases = (
	[ '', 'all is well', sub { } ],
	[ 'lost', 'an acknowledged message is not in the table', sub {
		my ($h) = @_;
		push @{ $h->{history} }, invoked(300, 4), step('ok', 301, 4, ',"seq":6');
	} ],
	[ 'disagree', 'an ack with another seq than the table', sub {
		my ($h) = @_;
		change($h->{history}, step('ok', 234, 3, ',"seq":5'), step('ok', 234, 3, ',"seq":6'));
	} ],
	[ '', 'no answer, and it is not there', sub { push @{ $_[0]{history} }, invoked(300, 4), step('unknown', 301, 4); } ],
	[ '', 'no answer, and it is there', sub {
		my ($h) = @_;
		change($h->{history}, step('ok', 234, 3, ',"seq":5'), step('unknown', 234, 3));
	} ],
	[ 'refused-stored', 'refused, and it is there', sub {
		my ($h) = @_;
		change($h->{history}, step('ok', 234, 3, ',"seq":5'), step('failed', 234, 3));
	} ],
	[ '', 'refused at the second attempt, after the first had no answer, and it is there', sub {
		my ($h) = @_;
		change($h->{history}, step('ok', 234, 3, ',"seq":5'), step('unknown', 234, 3), step('again', 235, 3), step('failed', 236, 3));
	} ],
	[ 'twice', 'two acks of one message with two seqs', sub {
		my ($h) = @_;
		change($h->{history}, step('ok', 234, 3, ',"seq":5'), step('ok', 233, 3, ',"seq":6'), step('ok', 234, 3, ',"seq":5'));
	} ],
	[ 'disagree twice', 'a message is stored twice', sub {
		my ($h) = @_;
		$h->{table} = [ (map { stored($_) } 1 .. 5), stored(6, number => 1), head(6) ];
		change($h->{history}, end_at($_, 5), event('event', 300, $_, 6, number => 1), end_at($_, 6)) foreach 1, 2;
	} ],
	[ 'twice', 'an event comes twice', sub { change($_[0]{history}, $ben_4, $ben_4, $ben_4); } ],
	[ 'gap', 'an event does not come', sub { change($_[0]{history}, $ben_4); } ],
	[ 'gap order', 'two events change places', sub { change($_[0]{history}, $ben_4); change($_[0]{history}, $ben_5, $ben_5, $ben_4); } ],
	[ 'order', 'a sender\'s messages change places', sub {
		change($_[0]{history}, invoked(210, 1), invoked(205, 2), invoked(210, 1));
		change($_[0]{history}, invoked(220, 2));
	} ],
	[ 'disagree', 'two see different bodies', sub { change($_[0]{history}, $ben_4, event('event', 223, 2, 4, hash => hash(9))); } ],
	[ 'disagree twice', 'two see different messages', sub { change($_[0]{history}, $ben_4, event('event', 223, 2, 4, number => 1)); } ],
	[ 'phantom', 'an event that nobody has sent', sub {
		my ($h) = @_;
		change($h->{history}, $ben_5, $ben_5, event('event', 240, 2, 6));
		$h->{table} = [ (map { stored($_) } 1 .. 6), head(6) ];
		change($h->{history}, end_at(1, 5), event('event', 241, 1, 6), end_at(1, 6));
		change($h->{history}, end_at(2, 5), end_at(2, 6));
	} ],
	[ 'undelivered', 'the last event never comes', sub { change($_[0]{history}, $ben_5); change($_[0]{history}, end_at(2, 5), end_at(2, 4)); } ],
	[ 'undelivered', 'a member is never heard of again', sub { change($_[0]{history}, end_at(2, 5)); } ],
	[ '', 'cut, and gone on from the cursor', sub { change($_[0]{history}, $ben_4, subscribe(222, 2, 3, 13), event('event', 223, 2, 4, socket => 13)); change($_[0]{history}, $ben_5, event('event', 233, 2, 5, socket => 13)); } ],
	[ 'gap', 'gone on from beyond what was seen', sub { change($_[0]{history}, $ben_4, subscribe(222, 2, 4, 13)); change($_[0]{history}, $ben_5, event('event', 233, 2, 5, socket => 13)); } ],
	[ '', 'a reset, and what lies between is read', sub { change($_[0]{history}, $ben_3, reset_to(213, 2, 4, 2, 1), event('page', 214, 2, 3), event('page', 214, 2, 4)); change($_[0]{history}, $ben_4); } ],
	[ 'undelivered', 'a reset, and nobody reads what lies between', sub { change($_[0]{history}, $ben_3, reset_to(213, 2, 4, 2, 1)); change($_[0]{history}, $ben_4); } ],
	[ 'hole lost phantom', 'a row that was acknowledged and shown is missing', sub { change($_[0]{table}, stored(4)); } ],
	[ 'hole', 'the head is not the last row', sub { change($_[0]{table}, head(5), head(6)); } ],
	[ 'revoked', 'shown after the removal', sub { push @{ $_[0]{membership} }, $removed; } ],
	[ 'revoked', 'read after the removal', sub { push @{ $_[0]{membership} }, $removed =~ s/"seq":4/"seq":5/r; push @{ $_[0]{history} }, '{"at":301,"op":"read","member":2,"room":7,"began":300,"status":200}'; } ],
	[ '', 'a read that is refused', sub { push @{ $_[0]{membership} }, $removed =~ s/"seq":4/"seq":5/r; push @{ $_[0]{history} }, '{"at":301,"op":"read","member":2,"room":7,"began":300,"status":403}'; } ],
	[ '', 'a read that began before the removal', sub { push @{ $_[0]{membership} }, $removed =~ s/"seq":4/"seq":5/r; push @{ $_[0]{history} }, '{"at":301,"op":"read","member":2,"room":7,"began":221,"status":200}'; } ],
	[ '', 'a read after being let in again', sub {
		push @{ $_[0]{membership} }, $removed =~ s/"seq":4/"seq":5/r, '{"at":290,"op":"adding","user":2,"room":7}';
		push @{ $_[0]{history} }, '{"at":301,"op":"read","member":2,"room":7,"began":300,"status":200}';
	} ],
	[ 'revoked', 'accepted from somebody who is no member by the log', sub {
		my ($h) = @_;
		$h->{table} = [ (map { stored($_) } 1 .. 4), stored(5, member => 3), head(5) ];
	} ],
	[ '', 'a restore takes the last message along, and everybody is reset', sub {
		my ($h) = @_;
		push @{ $h->{membership} }, $restored;
		$h->{table} = [ (map { stored($_) } 1 .. 4), head(4) ];
		change($h->{history}, end_at($_, 5), reset_to(410, $_, 4, 2, 9), event('page', 411, $_, 3, stream => 9), event('page', 411, $_, 4, stream => 9), end_at($_, 4, 9)) foreach 1, 2;
	} ],
	[ 'lost', 'a message from before the point of the restore is gone', sub {
		my ($h) = @_;
		push @{ $h->{membership} }, $restored;
		push @{ $h->{history} }, invoked(300, 4), step('ok', 301, 4, ',"seq":4');
		$h->{table} = [ (map { stored($_) } 1 .. 4), head(4) ];
		change($h->{history}, end_at($_, 5), reset_to(410, $_, 4, 2, 9), event('page', 411, $_, 3, stream => 9), event('page', 411, $_, 4, stream => 9), end_at($_, 4, 9)) foreach 1, 2;
	} ],
	[ 'disagree', 'after a restore the old history is shown as the new', sub {
		my ($h) = @_;
		push @{ $h->{membership} }, $restored;
		push @{ $h->{history} }, invoked(420, 4), step('ok', 421, 4, ',"seq":5');
		$h->{table} = [ (map { stored($_) } 1 .. 4), stored(5, number => 4), head(5) ];
		change($h->{history}, end_at(1, 5), reset_to(410, 1, 4, 4, 9), event('event', 422, 1, 5, stream => 9, number => 4), end_at(1, 5, 9));
		change($h->{history}, end_at(2, 5), reset_to(410, 2, 4, 4, 9), event('event', 422, 2, 5, stream => 9), end_at(2, 5, 9));
	} ],
);

foreach my $case (@cases)
{
	my ($expected, $what, $mutate) = @$case;
	my $history = base();

	$mutate->($history);
	my ($found, $text) = found($history);
	is($found, $expected, $what) || diag($text);
}

is(system("$checker /nonexistent /nonexistent /nonexistent 2>/dev/null") >> 8, 2, 'what cannot be read is no success');
done_testing();
