# Porcupine::Test::Problem: whether an answer is the problem that it should be, whole in every respect (RFC 9457 and the table of API.md).
package Porcupine::Test::Problem;

use strict;
use warnings;

use Exporter 'import';
use Test::More;

our @EXPORT = qw(is_problem);

my %status = (
	invalid => 400,
	unauthenticated => 401,
	bad_credentials => 401,
	session_ended => 401,
	not_member => 403,
	role => 403,
	not_found => 404,
	conflict => 409,
	stale_epoch => 409,
	epoch_closed => 409,
	duplicate_mismatch => 409,
	room_full => 409,
	gone => 410,
	too_large => 413,
	rate_limited => 429,
	busy => 503,
	muted => 403,
	archived => 409,
	banned => 403,
	quota => 409,
	key_reused => 422
);

# is_problem(ANSWER, CODE, WHAT, STATUS unless the code's own)
sub is_problem
{
	my ($answer, $code, $what, $status) = @_;
	my $problem = $answer->{json};
	my $expected = $status // $status{$code};
	my @wrong;

	push @wrong, "status $answer->{status}, not $expected" unless $answer->{status} == $expected;
	push @wrong, 'content type ' . ($answer->{headers}{'content-type'}[0] // 'none')
	  unless ($answer->{headers}{'content-type'}[0] // '') eq 'application/problem+json';
	if (ref $problem eq 'HASH')
	{
		push @wrong, 'code ' . ($problem->{code} // 'none') unless ($problem->{code} // '') eq $code;
		push @wrong, 'type ' . ($problem->{type} // 'none')
		  unless ($problem->{type} // '') eq "urn:porcupine:error:$code";
		push @wrong, 'no title' unless length($problem->{title} // '');
		push @wrong, 'another status inside' unless ($problem->{status} // 0) == $answer->{status};
	}
	else
	{
		push @wrong, 'no JSON: ' . substr($answer->{body} // '', 0, 80);
	}
	push @wrong, 'no Retry-After' if $answer->{status} =~ /429|503/ && !$answer->{headers}{'retry-after'};
	push @wrong, 'no WWW-Authenticate' if $answer->{status} == 401 && !$answer->{headers}{'www-authenticate'};
	return ok(!@wrong, "$what: $code") || diag(join('; ', @wrong) . "\n" . ($answer->{body} // ''));
}

1;
