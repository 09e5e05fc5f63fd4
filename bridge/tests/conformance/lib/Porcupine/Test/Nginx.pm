# Porcupine::Test::Nginx: a real nginx of a test's own in front of a bridge, with the rules of docker/nginx.conf: it names its client in
# X-Forwarded-For. It owns the process and ends it.
package Porcupine::Test::Nginx;

use strict;
use warnings;

use parent 'Porcupine::Test::Client';
use POSIX ();
use Porcupine::Test::Client;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

my ($program) = grep { -x } qw(/usr/sbin/nginx /usr/local/sbin/nginx);

sub is_there { return defined $program; }

# new(BRIDGE'S PORT, from => ADDRESS, forwarded => VALUE): from is the local address by which it speaks to the bridge; forwarded is
# what it says in X-Forwarded-For, by default that it appends whom it hears.
sub new
{
	my ($class, $bridge, %how) = @_;
	my $self = $class->SUPER::new(PostgreSQL::Test::Cluster::get_free_port());
	my $folder = PostgreSQL::Test::Utils::tempdir();
	my $forwarded = $how{forwarded} // '$proxy_add_x_forwarded_for';
	my $bind = defined $how{from} ? "proxy_bind $how{from};" : '';

	append_to_file("$folder/nginx.conf", <<"CONF");
daemon off;
master_process off;
pid $folder/nginx.pid;
error_log $folder/error.log warn;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path $folder/body;
  proxy_temp_path $folder/proxy;
  fastcgi_temp_path $folder/fastcgi;
  scgi_temp_path $folder/scgi;
  uwsgi_temp_path $folder/uwsgi;
  map \$http_upgrade \$allowed_upgrade { default ""; "~*^websocket\$" websocket; }
  map \$allowed_upgrade \$allowed_connection { default close; websocket upgrade; }
  server {
    listen 127.0.0.1:$self->{port};
    client_max_body_size 1m;
    location / {
      proxy_pass http://127.0.0.1:$bridge;
      proxy_http_version 1.1;
      proxy_set_header Host \$http_host;
      proxy_set_header Upgrade \$allowed_upgrade;
      proxy_set_header Connection \$allowed_connection;
      proxy_set_header X-Forwarded-For $forwarded;
      $bind
    }
  }
}
CONF
	$self->{folder} = $folder;
	$self->start;
	return $self;
}

sub start
{
	my ($self) = @_;
	my $pid = fork // die "cannot fork: $!";

	if ($pid == 0)
	{
		open(STDIN, '<', '/dev/null');
		open(STDOUT, '>>', "$self->{folder}/out.log");
		open(STDERR, '>&', \*STDOUT);
		exec($program, '-p', $self->{folder}, '-c', "$self->{folder}/nginx.conf", '-e', "$self->{folder}/error.log") or POSIX::_exit(127);
	}
	$self->{pid} = $pid;
	wait_for('nginx', sub {
		die 'nginx does not start: ' . slurp_file("$self->{folder}/out.log") if waitpid($pid, POSIX::WNOHANG()) == $pid;
		my $answer = eval { $self->http('GET', '/livez') };
		return $answer && $answer->{status} == 200;
	});
	return;
}

sub DESTROY
{
	my ($self) = @_;
	my $pid = delete $self->{pid} // return;
	local ($?, $@);

	kill 'TERM', $pid;
	waitpid($pid, 0);
	return;
}

1;
