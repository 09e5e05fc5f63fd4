# Reference::Examples: runs the examples of the SQL reference, from top to bottom, and words their results as the document shows them.
# It knows what differs from run to run.
package Reference::Examples;

use strict;
use warnings;

use Exporter 'import';
use Reference::Tools;

our @EXPORT = qw(results_of);

my $MARK = '=#= ';                  # begins a line between two results
my %returns_nothing;                # functions, by name

# results_of([functions that return nothing], EXAMPLES...): runs all of them by one psql and gives the results, by the numbers that the
# statements get here, as lines of comment.
sub results_of
{
	my ($nothing, @examples) = @_;
	my $number = 0;
	my ($open, $script) = (0, preamble());
	my %results;

	%returns_nothing = map { $_ => 1 } @$nothing;
	foreach my $item (map { @{ $_->{items} }, { type => 'end' } } @examples)
	{
		if ($item->{type} eq 'statement')
		{
			$item->{number} = ++$number;
			$script .= $item->{text} . "\\echo '$MARK$number'\n";
		}
		elsif ($item->{type} =~ /^(?:who|end)$/)
		{
			# what COMMIT says belongs to the last statement
			$script .= "COMMIT;\n\\echo '$MARK$number'\n" if $open;
			$open = $item->{type} eq 'who' && (defined $item->{user} || defined $item->{token});
			$script .= identity($item) if $item->{type} eq 'who';
		}
	}
	$results{0} = '';
	my $result = '';
	foreach my $line (split /^/, output_of($script))
	{
		if ($line =~ /^\Q$MARK\E(\d+)$/)
		{
			$results{$1} .= shown($result);
			$result = '';
			next;
		}
		$result .= $line;
	}
	die "the examples broke off after statement $number: $result\n" if $result ne '' || !exists $results{$number};
	complain_of("an example begins with an error: $results{0}") if $results{0} ne '';
	return \%results;
}

sub preamble
{
	return <<~"END";
		\\set VERBOSITY verbose
		\\set SHOW_CONTEXT never
		\\pset format csv
		\\pset null null
		\\pset pager off
		\\set ON_ERROR_ROLLBACK on
		SET timezone = 'UTC';
		SET bytea_output = 'escape';
		\\echo '${MARK}0'
		END
}

sub identity
{
	my ($who) = @_;
	my $role = $who->{role} eq 'superuser' ? 'RESET SESSION AUTHORIZATION;' : "SET SESSION AUTHORIZATION $who->{role};";

	my $act = defined $who->{user} ? "act_as(porcupine.find_user('$who->{user}'))" : defined $who->{token} ? "authenticate(:'$who->{token}')" : undef;

	return $role . ($act ? "\nBEGIN;\nSELECT porcupine.$act AS me \\gset" : '') . "\n\\echo '${MARK}0'\n";
}

# What one statement put out: messages, rows as CSV. A function that returns nothing shows nothing.
sub shown
{
	my ($output) = @_;
	my (@messages, @csv);

	foreach my $line (split /^/, $output)
	{
		next if $line =~ /^(?:LOCATION|CONTEXT|LINE \d+|STATEMENT):|^\s*\^$/;
		if ($line =~ /^(?:psql:\S+ )?(ERROR|WARNING|NOTICE|DETAIL|HINT|FATAL):\s+(.*)$/)
		{
			my ($what, $rest) = ($1, $2);
			$rest =~ s/^00000: //;
			push @messages, "-- $what: " . masked($rest) . "\n";
		}
		else { push @csv, $line }
	}
	my @rows = rows_of(join '', @csv);
	return join '', @messages if !@rows || @rows == 2 && @{ $rows[1] } == 1 && ($rows[1][0] eq '' || $rows[1][0] eq 'null' && $returns_nothing{ $rows[0][0] });
	return join '', table(@rows), @messages;
}

# What differs from run to run shows as …
sub masked
{
	my ($cell) = @_;

	$cell =~ s/\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[+-]\d\d(?::?\d\d)?|Z)?/…/g;    # times
	$cell =~ s/\b\d\d:\d\d:\d\d\.\d+\b/…/g;                                                       # durations
	$cell =~ s/\b1[6-9]\d{11}\b/…/g;                                                              # streams
	$cell =~ s/\b[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b/…/g unless $cell =~ /^0{8}/;
	$cell =~ s/\beyJ[\w.-]+/eyJ…/g;                                                              # access tokens
	$cell =~ s{(?<![\w-])(?:[\w-]{43}|[\w-]{75})(?![\w-])}{…}g;                                       # invite codes and refresh tokens
	$cell =~ s/("code": ?)"[A-Z0-9]{6}"/$1"…"/g;
	return $cell;
}

sub table
{
	my ($header, @rows) = @_;
	my @cells = map { my $row = $_; [ map { my $cell = masked($row->[$_]); $cell = '…' if $header->[$_] eq 'code' && $cell =~ /^[A-Z0-9]{6}$/; [ split /\n/, $cell, -1 ] } 0 .. $#$row ] } @rows;
	my @width = map { length } @$header;
	my @number = map { my $column = $_; !grep { $_->[$column] !~ /^(?:-?\d+(?:\.\d+)?|null|…|)$/ } @rows } 0 .. $#$header;
	my @lines;

	foreach my $row (@cells)
	{
		foreach my $column (0 .. $#$row)
		{
			foreach (@{ $row->[$column] }) { $width[$column] = long($_) if long($_) > $width[$column] }
		}
	}
	my $line = sub {
		my @fields = @_;
		my $text = '--  ' . join ' | ', map { my $space = ' ' x ($width[$_] - long($fields[$_])); $number[$_] ? "$space$fields[$_]" : "$fields[$_]$space" } 0 .. $#fields;
		$text =~ s/\s+$//;
		return "$text\n";
	};
	push @lines, $line->(@$header), '-- -' . join('-+-', map { '-' x $_ } @width) . "-\n";
	foreach my $row (@cells)
	{
		my $height = (sort { $b <=> $a } map { scalar @$_ } @$row)[0] || 1;
		foreach my $part (0 .. $height - 1) { push @lines, $line->(map { $_->[$part] // '' } @$row) }
	}
	push @lines, "-- (0 rows)\n" unless @rows;
	return @lines;
}

sub rows_of
{
	my ($csv) = @_;
	my (@rows, @row);

	while ($csv =~ /\G(?:"((?:[^"]|"")*)"|([^,\n"]*))(,|\n)/g)
	{
		my ($cell, $end) = ($1 // $2, $3);
		$cell =~ s/""/"/g;
		push @row, $cell;
		next if $end eq ',';
		push @rows, [@row];
		@row = ();
	}
	return @rows;
}

sub output_of
{
	my ($script) = @_;
	my $input = temporary_file("sql");
	my $output;

	spew($input, $script);
	local $ENV{PGOPTIONS} = '-c client_min_messages=notice';
	$output = `psql -X -q -d $DATABASE < $input 2>&1`;
	unlink $input;
	return $output;
}

1;
