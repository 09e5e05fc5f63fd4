# Reference::Tools: what the parts of scripts/sql-reference share: files, questions to the database, and a list of what is wrong.
package Reference::Tools;

use strict;
use warnings;

use Exporter 'import';
use IPC::Open2;
use JSON::PP ();

our @EXPORT = qw($DATABASE complain_of complaints ask command temporary_file slurp spew long);

# made for one run, and removed after it
our $DATABASE = 'porcupine_reference';

# What is wrong, said at the end.
my @complaints;
sub complain_of { push @complaints, @_; return }
sub complaints { return @complaints }

sub ask
{
	my ($database, $query) = @_;
	my $pid = open2(my $out, my $in, 'psql', '-X', '-A', '-t', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $database);

	print {$in} $query, ";\n";
	close $in;
	my $answer = join '', <$out>;
	waitpid $pid, 0;
	die "the database refused a question\n" if $? != 0;
	return JSON::PP->new->decode($answer);
}

sub command
{
	my ($database, $statement) = @_;

	system('psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $database, '-c', "SET client_min_messages = warning", '-c', $statement) == 0
		or die "the database refused: $statement\n";
	return;
}

sub temporary_file { return ($ENV{TMPDIR} // '/tmp') . "/sql-reference.$$.$_[0]" }

sub slurp
{
	my ($file) = @_;
	local $/;
	open my $handle, '<', $file or die "$file: $!\n";
	return <$handle> // '';
}

sub spew
{
	my ($file, $text) = @_;
	open my $handle, '>', $file or die "$file: $!\n";
	print {$handle} $text;
	close $handle or die "$file: $!\n";
	return;
}

# Characters, not bytes.
sub long { my ($text) = @_; utf8::decode($text); return length $text }

1;
