# Porcupine::Test::Secrets: the passwords, tokens, codes and keys that a test has used, and the search for them in whatever bytes, however
# they are written there: as they are, in hexadecimal, in base64 however it is aligned, percent-encoded, escaped in JSON; and of a token
# that is bytes in base64url or hexadecimal, those bytes. It owns the list; where the bytes come from, and what may stand there, it does not know.
package Porcupine::Test::Secrets;

use strict;
use warnings;

use MIME::Base64 qw(encode_base64 decode_base64url);
use POSIX ();

use constant ENDING => 6;

sub new
{
	my ($class) = @_;
	return bless { texts => {}, endings => {} }, $class;
}

# keep(NAME, TEXT): another one; returns the text. One that is not there counts as a mistake of the test's.
sub keep
{
	my ($self, $name, $text) = @_;

	die "there is no $name" unless defined $text && length $text >= ENDING;
	die "there are two of $name" if exists $self->{texts}{$name} && $self->{texts}{$name} ne $text;
	utf8::encode($text) if utf8::is_utf8($text);
	$self->{texts}{$name} = $text;
	$self->{endings}{ substr($_, -ENDING) }{$_} //= $name foreach writings($text);
	delete $self->{pattern};
	return $text;
}

sub text { my ($self, $name) = @_; return $self->{texts}{$name} // die "there is no $name"; }
sub names { my ($self) = @_; my @names = sort keys %{ $self->{texts} }; return @names; }

# found_in(BYTES...): the names of those that are there, in order. One pattern finds where one may end, for tokens begin alike; it
# captures nothing, for that would copy the bytes each time.
sub found_in
{
	my ($self, @all) = @_;
	my %found;

	my $pattern = $self->{pattern} //= do { my $any = join '|', map { quotemeta } sort keys %{ $self->{endings} }; qr/$any/ };
	foreach my $bytes (@all)
	{
		while ($bytes =~ /$pattern/g)
		{
			my ($at, $end) = ($-[0], $+[0]);
			my $writings = $self->{endings}{ substr($bytes, $at, ENDING) };
			foreach my $writing (keys %$writings)
			{
				my $begin = $end - length $writing;
				$found{ $writings->{$writing} } = 1 if $begin >= 0 && substr($bytes, $begin, length $writing) eq $writing;
			}
			pos($bytes) = $at + 1;
		}
	}
	return sort keys %found;
}

# How a text may be written.
sub writings
{
	my ($text) = @_;
	my @found = written($text);

	push @found, written(decode_base64url($text)) if $text =~ /\A[A-Za-z0-9_-]{32,}\z/;
	push @found, written(pack('H*', $text)) if $text =~ /\A(?:[0-9a-f]{2}){16,}\z/;
	return @found;
}

sub written
{
	my ($text) = @_;
	my $hex = unpack('H*', $text);
	my $percent = join('', map { /[A-Za-z0-9._~-]/ ? $_ : sprintf('%%%02X', ord) } split //, $text);
	my @found = ($text, $hex, uc $hex, $percent, $percent =~ s/%20/+/gr, $percent =~ s/(%..)/lc $1/ger);

	push @found, $text =~ s/(["\\])/\\$1/gr, $text =~ s/(["\\\/])/\\$1/gr if $text =~ /\A[ -~]+\z/;
	foreach my $before (0 .. 2)
	{
		my $base64 = encode_base64(("\0" x $before) . $text, '') =~ s/=+\z//r;
		my ($first, $last) = (POSIX::ceil($before * 8 / 6), int(($before + length $text) * 8 / 6));
		my $aligned = substr($base64, $first, $last - $first);

		push @found, $aligned, $aligned =~ tr{+/}{-_}r, $aligned =~ s{/}{\\/}gr;
	}
	return @found;
}

# The search itself: those that it misses in the midst of something else.
sub missed
{
	my ($self) = @_;
	my @missed;

	foreach my $name ($self->names)
	{
		my $text = $self->text($name);
		my @hay = ((map { "before $_ after" } writings($text)), map { 'x' . encode_base64("$_$text after", '') } '', 'b', 'be', 'bef');

		push @missed, map { "$name in $_" } grep { !grep { $self->text($_) eq $text } $self->found_in($_) } @hay;
	}
	return @missed;
}

1;
