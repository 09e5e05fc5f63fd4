# Porcupine::Test::Edge: the same bytes said directly to a bridge and through a real nginx before it (docker/nginx.conf). Each case is
# a subtest with one of each, so that its name says what both have to do; what nginx answers by itself the case names.
package Porcupine::Test::Edge;

use strict;
use warnings;

use Exporter 'import';
use Porcupine::Test::Client;
use Porcupine::Test::Front;
use Test::More;

our @EXPORT = qw(stand_at_the_edge both_ways answers is_problem_of has_headers BY_NGINX);

# As the expectation through nginx: any refusal, of nginx itself, which does not even read the request line.
use constant BY_NGINX => 'nginx';

my @ways;
my %lines = (
	'content-security-policy' => qr/\Adefault-src 'none'; .*frame-ancestors 'none'/,
	'x-content-type-options' => qr/\Anosniff\z/,
	'referrer-policy' => qr/\Ano-referrer\z/,
	'cross-origin-opener-policy' => qr/\Asame-origin\z/,
	'cross-origin-resource-policy' => qr/\Asame-origin\z/
);

# stand_at_the_edge(STACK): both ways lead to this bridge. Returns the client of each.
sub stand_at_the_edge
{
	my ($stack) = @_;

	plan(skip_all => 'there is no nginx') unless Porcupine::Test::Front::is_there();
	@ways = ([ 'direct', $stack ], [ 'through nginx', Porcupine::Test::Front->start($stack->port) ]);
	return map { $_->[1] } @ways;
}

# both_ways(WHAT, CODE): CODE gets a client, and whether nginx stands before it.
sub both_ways
{
	my ($what, $code) = @_;

	return subtest $what => sub {
		foreach my $way (@ways)
		{
			subtest $way->[0] => sub { $code->($way->[1], $way->[0] ne 'direct') };
		}
	};
}

# answers(WHAT, BYTES, STATUS, STATUS THROUGH NGINX if it is another, seconds => n): what both say to the bytes. A status of 400 and above is a problem
# with all headers, once each, and the end of the connection. The bridge goes on in any case, and says the same to what comes second.
sub answers
{
	my ($what, $bytes, $direct, $through, %how) = @_;
	my $expected = defined $through && $through ne $direct ? "$direct, through nginx " . ($through eq BY_NGINX ? 'refused by itself' : $through) : $direct;

	return both_ways(
		"$what: $expected",
		sub {
			my ($client, $is_nginx) = @_;
			my $status = $is_nginx ? $through // $direct : $direct;
			my $answer = $client->exchange($bytes, seconds => $how{seconds} // 10);

			if ($status eq BY_NGINX) { like($answer->{status}, qr/\A(?:4\d\d|50[15])\z/, "refused by nginx itself ($answer->{status})"); }
			elsif (ref $status) { like($answer->{status}, $status, "the status ($answer->{status})"); }
			else { is($answer->{status}, $status, 'the status') or diag($answer->{body}); }
			is_problem_of($answer) if $answer->{status} >= 400 && $status ne BY_NGINX;
			has_headers($answer) if $answer->{status} >= 400;
			is($client->exchange($bytes, seconds => $how{seconds} // 10, second => 1)->{status}, $answer->{status}, 'the same behind another request')
			  unless $is_nginx;
			is($client->http('GET', '/livez')->{status}, 200, 'and the bridge goes on') or BAIL_OUT('the bridge does not answer any more');
		});
}

# A problem of its own status (RFC 9457).
sub is_problem_of
{
	my ($answer) = @_;
	my $problem = $answer->{json} // {};

	return is(
		join(' ', $answer->{headers}{'content-type'}[0] // 'no type', $problem->{status} // 'no status', $problem->{type} // 'no type'),
		join(' ', 'application/problem+json', $answer->{status}, 'urn:porcupine:error:' . ($problem->{code} // 'no code')),
		'a problem');
}

# What every answer has, once.
sub has_headers
{
	my ($answer) = @_;
	my @wrong = grep { my $values = $answer->{headers}{$_} // []; @$values != 1 || $values->[0] !~ $lines{$_} } sort keys %lines;

	return is("@wrong", '', 'every header of security, once')
	  || diag(join("\n", map { "$_: " . join(' | ', @{ $answer->{headers}{$_} // ['absent'] }) } @wrong));
}

1;
