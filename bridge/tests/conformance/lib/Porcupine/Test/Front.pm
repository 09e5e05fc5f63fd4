# Porcupine::Test::Front: a real nginx before a bridge, by docker/nginx.conf itself but for addresses and folders. It
# owns the process and ends it; what nginx has made of each request it writes down, for the test to compare, as it does by its own
# usual format (combined) and by the one that docs/operations.md has (chat).
package Porcupine::Test::Front;

use strict;
use warnings;

use parent 'Porcupine::Test::Client';
use FindBin;
use IO::Socket::INET;
use POSIX ();
use Porcupine::Test::Client;
use Porcupine::Test::Process;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

my @running;
my $owner = $$;

my ($program) = grep { -x } qw(/usr/sbin/nginx /usr/local/sbin/nginx);

sub is_there { return defined $program; }

# start(PORT, from => ADDRESS, forwarded => VALUE, tls => FOLDER): it answers, and passes on to the bridge at that port; from is the local
# address by which it speaks to it, forwarded what it says in X-Forwarded-For instead of whom it hears; in the folder of tls lie
# fullchain.pem and privkey.pem, and docker/tls.conf is used, too, at the port {tls_port}.
sub start
{
	my ($class, $bridge, %how) = @_;
	my $self = $class->new(PostgreSQL::Test::Cluster::get_free_port());
	my $folder = $self->{folder} = PostgreSQL::Test::Utils::tempdir();
	my $forwarded = $how{forwarded} // '$remote_addr';
	my $bind = defined $how{from} ? " proxy_bind $how{from};" : '';
	my $text = slurp_file("$FindBin::RealBin/../../../docker/nginx.conf");
	my ($format) = slurp_file("$FindBin::RealBin/../../../docs/operations.md") =~ /^(log_format chat .*;)$/m or die 'docs/operations.md has no log_format';
	my $log = "log_format counted '\$status \$upstream_status'; access_log $folder/access.log counted;"
	  . " access_log $folder/combined.log combined; $format access_log $folder/chat.log chat;";

	$text =~ s{/tmp/}{$folder/}g;
	foreach my $change (
		[ qr/^error_log stderr warn;$/m, "error_log $folder/error.log warn;" ],
		[ qr/^  access_log off;$/m, "  $log" ],
		[ qr/^  resolver 127\.0\.0\.11 .*;$/m, '' ],
		[ qr/listen 8080;/, "listen 127.0.0.1:$self->{port};" ],
		[ qr/set \$bridges bridge;/, 'set $bridges 127.0.0.1;' ],
		[ qr/\$bridges:8080;/, "\$bridges:$bridge;$bind" ],
		[ qr/X-Forwarded-For \$remote_addr;/, "X-Forwarded-For $forwarded;" ]
	  )
	{
		my ($from, $to) = @$change;
		die "docker/nginx.conf has no $from any more" unless $text =~ s/$from/$to/;
	}
	append_to_file("$folder/nginx.conf", $text);
	$self->put_tls($how{tls}) if $how{tls};
	my $pid = start_process(
		program => $program,
		words => [ '-e', "$folder/error.log", '-p', $folder, '-c', "$folder/nginx.conf" ],
		log => "$folder/out.log"
	);
	push @running, $pid;
	wait_for(
		'nginx to be ready',
		sub {
			die "nginx has ended:\n" . slurp_file("$folder/out.log") if waitpid($pid, POSIX::WNOHANG()) == $pid;
			my $answer = eval { $self->http('GET', '/livez') };
			return $answer && $answer->{status} == 200;
		}
	);
	return $self;
}

# What stands in its log of this name: access, combined, chat, error.
sub log_text { my ($self, $name) = @_; return slurp_file("$self->{folder}/$name.log"); }

# What somebody mounts who wants TLS: docker/tls.conf itself but for the port, and a certificate.
sub put_tls
{
	my ($self, $from) = @_;
	my $folder = "$self->{folder}/tls";
	my $text = slurp_file("$FindBin::RealBin/../../../docker/tls.conf");

	$self->{tls_port} = PostgreSQL::Test::Cluster::get_free_port();
	die 'docker/tls.conf does not listen any more' unless $text =~ s/^listen 8443 ssl/listen 127.0.0.1:$self->{tls_port} ssl/m;
	mkdir $folder;
	append_to_file("$folder/tls.conf", $text);
	append_to_file("$folder/$_", slurp_file("$from/$_")) foreach qw(fullchain.pem privkey.pem);
	return;
}

# How many requests it has passed on so far.
sub passed_on
{
	my ($self) = @_;
	return scalar grep { /\A\d+ \d/ } split /\n/, $self->log_text('access');
}

END
{
	my $status = $?;

	foreach my $pid ($$ == $owner ? @running : ())
	{
		kill 'QUIT', $pid;
		kill 'TERM', $pid unless eval { wait_for('nginx to end', sub { waitpid($pid, POSIX::WNOHANG()) == $pid }); 1 };
	}
	$? = $status;
}

1;
