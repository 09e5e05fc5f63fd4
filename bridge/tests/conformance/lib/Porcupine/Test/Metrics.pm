# Porcupine::Test::Metrics: what a bridge tells a scraper, read as strictly as the text format 0.0.4 of Prometheus is written down:
# a metric's HELP and TYPE before its samples, its samples together, no series twice, histograms whose buckets add up.
package Porcupine::Test::Metrics;

use strict;
use warnings;

use Exporter 'import';
use IO::Socket::INET;
use Porcupine::Test::Client;

our @EXPORT_OK = qw(scrape exchange);

my $NAME = qr/[a-zA-Z_:][a-zA-Z0-9_:]*/;
my $LABEL = qr/[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"/;

# scrape(PORT): a reading, or a failure of the test that says what is wrong with it.
sub scrape
{
	my ($port) = @_;
	my $answer = exchange($port, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");

	die "status $answer->{status}" unless $answer->{status} == 200;
	die 'another content type'
	  unless $answer->{headers}{'content-type'}[0] eq 'text/plain; version=0.0.4; charset=utf-8';
	return parse($answer->{body});
}

# exchange(PORT, BYTES): what comes back for whatever bytes.
sub exchange
{
	my ($port, $bytes) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => PATIENCE)
	  or die "cannot connect: $!";

	binmode($socket);
	local $SIG{PIPE} = 'IGNORE';
	syswrite($socket, $bytes);
	return read_answer($socket, '');
}

sub parse
{
	my ($text) = @_;
	my $self = bless { type => {}, help => {}, value => {}, labels => {}, order => [] }, __PACKAGE__;
	my $current = '';

	die 'the last line has no end' unless $text =~ /\n\z/;
	foreach my $line (split /\n/, $text)
	{
		if ($line =~ /\A# HELP ($NAME) (\S.*)\z/)
		{
			die "$1 is told of twice" if exists $self->{help}{$1};
			die "$current has no TYPE" if $current ne '' && !$self->{type}{$current};
			$self->{help}{ $current = $1 } = $2;
			push @{ $self->{order} }, $1;
		}
		elsif ($line =~ /\A# TYPE ($NAME) (counter|gauge|histogram)\z/)
		{
			die "the TYPE of $1 does not follow its HELP" if $1 ne $current || $self->{type}{$1};
			$self->{type}{$1} = $2;
		}
		else
		{
			$self->take_sample($line, $current);
		}
	}
	$self->check_histogram($_) foreach grep { $self->{type}{$_} eq 'histogram' } @{ $self->{order} };
	return $self;
}

sub take_sample
{
	my ($self, $line, $metric) = @_;
	my ($name, $labels, $number) = $line =~ /\A($NAME)\{($LABEL(?:,$LABEL)*)\} ([0-9.e+-]+)\z/
	  or die "not a sample: $line";
	my $suffixes = ($self->{type}{$metric} // die "a sample before its TYPE: $line") eq 'histogram'
	  ? qr/_(?:bucket|sum|count)/
	  : qr//;

	die "not of $metric: $line" unless $name =~ /\A\Q$metric\E$suffixes\z/;
	die "twice: $name\{$labels}" if exists $self->{value}{"$name\{$labels}"};
	die "a counter's name ends in _total: $name"
	  if ($self->{type}{$metric} eq 'counter') != ($name =~ /_total\z/ ? 1 : 0);
	die "no number, or a negative one: $line" unless $number =~ /\A[0-9]+(?:\.[0-9]+)?(?:e[+-][0-9]+)?\z/;
	$self->{value}{"$name\{$labels}"} = $number;
	$self->{labels}{$metric}{$1} = 1 while $labels =~ /(?:\A|,)([a-z_]+)=/g;
	return;
}

sub check_histogram
{
	my ($self, $metric) = @_;
	my (%last, %bound);

	foreach my $series (keys %{ $self->{value} })
	{
		my ($labels, $bound) = $series =~ /\A\Q$metric\E_bucket\{(.*),le="([^"]+)"\}\z/ or next;
		$bound{$labels}{ $bound eq '+Inf' ? 9**9**9 : $bound } = $self->{value}{$series};
	}
	die "$metric has no buckets" unless %bound;
	foreach my $labels (keys %bound)
	{
		my $below = 0;
		foreach my $limit (sort { $a <=> $b } keys %{ $bound{$labels} })
		{
			die "the buckets of $metric\{$labels} do not ascend" if $bound{$labels}{$limit} < $below;
			$below = $bound{$labels}{$limit};
		}
		die "$metric\{$labels} has no +Inf" unless exists $bound{$labels}{ 9**9**9 };
		die "$metric\{$labels}: its count is not its last bucket"
		  unless $self->{value}{"$metric\_count\{$labels}"} == $below;
		die "$metric\{$labels} has no sum" unless exists $self->{value}{"$metric\_sum\{$labels}"};
	}
	return;
}

# value(NAME, label => value, ...): one series without its porcupine_bridge_; undef where there is none.
sub value
{
	my ($self, $name, @labels) = @_;
	my $text = 'worker="0"';

	$text .= ',' . shift(@labels) . '="' . shift(@labels) . '"' while @labels;
	$name = "porcupine_bridge_$name" unless $name =~ /\Aprocess_/;
	return $self->{value}{"$name\{$text}"};
}

1;
