# Reference::Words: the lines of the SQL reference that are generated: signatures, what comments say, who may call what, lists.
package Reference::Words;

use strict;
use warnings;

use Exporter 'import';
use Reference::Catalogue;
use Reference::Tools;

our @EXPORT = qw(names_text list_text everything for_bridge for_policies);

my $WIDTH = 128;                    # of a line

# The roles, in the words of the document.
my %PEOPLE = (porcupine_client => 'clients', porcupine_backend => 'backends', porcupine_bridge => 'the bridge', porcupine_admin => 'administrators', pg_monitor => 'monitoring');

# What can stand in "generated: NAME".
my %LISTS = (contents => \&contents_list, bridge => \&bridge_list, policies => \&policies_list, errors => \&errors_list, types => \&types_list, tables => \&tables_list);

sub names_text
{
	my ($part, $catalogue) = @_;
	my $text = $part->{text};

	foreach my $name (@{ $part->{names} })
	{
		if (my $functions = $catalogue->{functions}{$name})
		{
			$text .= "\n```text\n" . signature($_) . "```\n\n" . wrapped(sentence($_->{what}) . ' ' . terms($_)) foreach @$functions;
		}
		elsif (my $view = $catalogue->{views}{$name})
		{
			my %may = map { map { $_ => 1 } @{ $_->{roles} } } @{ $view->{columns} };

			$text .= "\n```text\nview $name\n```\n\n" . wrapped(sentence($view->{comment} // '') . ' For ' . people(keys %may) . '.') . "\n| column | type | what |\n|---|---|---|\n"
				. join '', map { "| `$_->{name}` | " . short_type($_->{type}) . " | " . marked_up($_->{comment} // '') . " |\n" } @{ $view->{columns} };
		}
		else { complain_of("there is a section for $name, which nobody can call") }
	}
	return "$text\n";
}

# name(arguments) → result, on one line or with an argument a line.
sub signature
{
	my ($function) = @_;
	my (@in, @out);

	foreach my $i (0 .. $#{ $function->{types} // [] })
	{
		my $mode = ($function->{modes} // [])->[$i] // 'i';
		my $argument = join ' ', grep { defined && $_ ne '' } ($function->{names} // [])->[$i], short_type($function->{types}[$i]);

		$argument = "VARIADIC $argument" if $mode eq 'v';
		if ($mode =~ /[iv]/) { push @in, $argument . default_of(($function->{defaults} // [])->[$i]) }
		else { push @out, $argument }
	}
	my $result = @out ? '(' . join(', ', @out) . ')' : short_type($function->{returns} =~ s/^SETOF //r);
	$result = "setof $result" if $function->{returns} =~ /^(?:SETOF|TABLE)/;
	my $line = "$function->{name}(" . join(', ', @in) . ") → $result\n";
	return $line if long($line) <= $WIDTH;
	$result = wrapped($result, '     ') =~ s/^\s+|\s+$//gr;
	return "$function->{name}(\n    " . join(",\n    ", @in) . ")\n  → $result\n" if long("$function->{name}(" . join(', ', @in) . ')') > $WIDTH;
	return "$function->{name}(" . join(', ', @in) . ")\n  → $result\n";
}

sub short_type
{
	my ($type) = @_;

	$type =~ s/^porcupine\.//;
	$type =~ s/timestamp with time zone/timestamptz/;
	return $type;
}

sub default_of
{
	my ($default) = @_;

	return '' unless defined $default;
	$default =~ s/::[\w. ]+(?:\[\])?$//;
	$default =~ s/^'(-?\d+)'$/$1/;
	$default = 'null' if $default eq 'NULL';
	return " = $default";
}

# Who may call it, and what it refuses.
sub terms
{
	my ($function) = @_;
	my $text = '*For ' . people(@{ $function->{roles} }) . '.*';

	$text .= ' *Errors:* ' . errors_of($function) if @{ $function->{errors} };
	return $text;
}

sub errors_of { my ($function) = @_; return join(', ', map { marked_up($_) =~ s/^(\w+)/`$1`/r } @{ $function->{errors} }) . '.' }

# In a fixed order; whoever is one by being the other (a backend is a client) is left out.
sub people
{
	my %may = map { $_ => 1 } @_;

	delete @may{qw(porcupine_backend porcupine_admin)} if $may{porcupine_client};
	delete $may{porcupine_admin} if $may{porcupine_backend};
	my @names = map { $PEOPLE{$_} // $_ } grep { $may{$_} } qw(porcupine_client porcupine_backend porcupine_admin pg_monitor porcupine_bridge),
		grep { !$PEOPLE{$_} } sort keys %may;
	return 'nobody' unless @names;
	return @names == 1 ? $names[0] : join(', ', @names[ 0 .. $#names - 1 ]) . " and $names[-1]";
}

sub sentence
{
	my ($text) = @_;

	$text = marked_up($text);
	$text = ucfirst $text unless $text =~ /^\w*_/;
	$text .= '.' unless $text =~ /[.!?]$/;
	return $text;
}

# Names in a comment, set as code.
sub marked_up
{
	my ($text) = @_;

	$text =~ s/(?<![`\w])((?:porcupine\.)?[a-z]+(?:_[a-z0-9]+)+(?:\([^()]*\))?|[a-z_]+\(\)|porcupine\.[a-z_]+)(?![`\w])/`$1`/g;
	$text =~ s/\|/\\|/g;
	return $text;
}

sub wrapped
{
	my ($text, $indent) = (@_, '');
	my ($line, $result) = ('', '');

	foreach my $word (split /\s+/, $text)
	{
		if ($line ne '' && long("$line $word") > $WIDTH)
		{
			$result .= "$line\n";
			$line = "$indent$word";
		}
		else { $line .= ($line eq '' ? '' : ' ') . $word }
	}
	return "$result$line\n";
}

sub list_text
{
	my ($part, @rest) = @_;
	my $list = $LISTS{ $part->{name} } // die "there is no list '$part->{name}'\n";

	return $part->{text} . $list->(@rest) . "<!-- end -->\n";
}

# The chapters with what they hold.
sub contents_list
{
	my ($catalogue, @parts) = @_;
	my (@lines, $line);

	foreach my $part (@parts)
	{
		if ($part->{type} eq 'heading' && $part->{title} ne 'Contents')
		{
			push @lines, { title => $part->{title}, names => [] };
		}
		elsif ($part->{type} eq 'names' && @lines)
		{
			my $anchor = join '-', @{ $part->{names} };
			push @{ $lines[-1]{names} }, map { "[`$_`](#$anchor)" } @{ $part->{names} };
		}
	}
	return "| topic | functions and views |\n|---|---|\n"
		. join '', map { my $anchor = lc($_->{title}) =~ s/[^a-z0-9 -]//gr =~ s/ /-/gr; "| [$_->{title}](#$anchor) | " . join(' ', @{ $_->{names} }) . " |\n" } @lines;
}

sub bridge_list
{
	my ($catalogue) = @_;

	return function_table(grep { for_bridge($_) } everything($catalogue));
}

sub policies_list
{
	my ($catalogue) = @_;

	return function_table(grep { for_policies($_) } everything($catalogue));
}

sub function_table
{
	return "| function | what |\n|---|---|\n" . join '', map {
		my $signature = signature($_) =~ s/\n\s*/ /gr =~ s/\( /(/gr =~ s/ $//r;
		my $errors = @{ $_->{errors} } ? ' Errors: ' . errors_of($_) : '';
		"| `$signature` | " . sentence($_->{what}) . "$errors |\n" } @_;
}

sub everything { my ($catalogue) = @_; return map { @{ $catalogue->{functions}{$_} } } sort keys %{ $catalogue->{functions} } }

sub for_bridge { my ($function) = @_; return "@{ $function->{roles} }" eq 'porcupine_bridge' }

# Called by row-level security in the name of whoever reads a table, hence granted; of no use by themselves.
sub for_policies { my ($function) = @_; return $function->{name} =~ /^(?:live_user_id|my_room_ids|my_peer_ids)$/ }

# The conditions as API.md explains them, held to the table of the code.
sub errors_list
{
	my %when = map { /^\| `(\w+)` \| (PC\d+) \| \d+ \| (.*?) \| [^|]*\|$/ ? ($1 => { sqlstate => $2, when => $3 }) : () } split /^/, slurp('API.md');
	my @lines;

	foreach my $name (sort { conditions()->{$a} cmp conditions()->{$b} } keys %{ conditions() })
	{
		my $sqlstate = conditions()->{$name};

		complain_of("API.md does not explain the error $name ($sqlstate)") unless $when{$name} && $when{$name}{sqlstate} eq $sqlstate;
		push @lines, "| $sqlstate | `$name` | " . ($when{$name} ? $when{$name}{when} : '') . " |\n";
	}
	return "| SQLSTATE | condition | when |\n|---|---|---|\n" . join '', @lines;
}

sub types_list
{
	my ($catalogue) = @_;

	my $entry = sub { my ($name, $comment, $fields) = @_; return wrapped("- `$name`: " . marked_up($comment // '') . ". $fields", '  ') };

	return join '', (map { $entry->($_->{name}, $_->{comment}, join ', ', map { "`$_`" } @{ $_->{labels} }) } @{ $catalogue->{enums} }),
		map { $entry->($_->{name}, $_->{comment}, join ', ', map { "`$_->{name}` " . short_type($_->{type}) } @{ $_->{columns} }) }
		map { $catalogue->{types}{$_} } sort keys %{ $catalogue->{types} };
}

# The tables that somebody other than the owner may read.
sub tables_list
{
	my ($catalogue) = @_;
	my @lines;

	foreach my $name (sort keys %{ $catalogue->{tables} })
	{
		my $table = $catalogue->{tables}{$name};
		my %may;
		foreach my $column (@{ $table->{columns} }) { push @{ $may{$_} }, $column->{name} foreach @{ $column->{roles} } }
		my $columns = sub { @{ $_[0] } == @{ $table->{columns} } ? 'all' : join ', ', map { "`$_`" } @{ $_[0] } };

		# who reads through another grant is left out, as everywhere
		delete $may{porcupine_admin} if $may{porcupine_admin} && $may{porcupine_client} && @{ $may{porcupine_admin} } == @{ $may{porcupine_client} };
		foreach my $role (sort keys %may)
		{
			push @lines, "| `$name` | " . marked_up($table->{comment} // '') . ' | ' . ($PEOPLE{$role} // $role) . ': ' . $columns->($may{$role}) . " |\n";
		}
	}
	return "| table | what it holds | who reads which columns |\n|---|---|---|\n" . join '', @lines;
}

1;
