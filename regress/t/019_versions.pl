# The places that name the version say the same one, META.json is what PGXN wants (its spec 1.0.0), and each old version has what
# takes it to this one. It runs no server.

use strict;
use warnings;

use FindBin;
use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

my $root = "$FindBin::RealBin/../..";
my $semver = qr/^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[A-Za-z][0-9A-Za-z-]*)?$/;

my ($version) = slurp_file("$root/porcupine.control") =~ /^default_version = '(.*)'$/m;
ok($version, "the control file names a version: $version");
like(slurp_file("$root/Makefile"), qr/^EXTENSION_VERSION = \Q$version\E$/m, 'the Makefile has it');
like(slurp_file("$root/extension/compat.h"), qr/^#define PORCUPINE_VERSION "\Q$version\E"$/m, 'the library has it');
like(slurp_file("$root/CHANGELOG.md"), qr/^## \Q$version\E\.\d+/m, 'CHANGELOG.md has it');
my ($old) = slurp_file("$root/Makefile") =~ /^OLD_VERSIONS = (.*)$/m;
ok(-s "$root/sql/upgrade/porcupine--$_.sql", "the script of $_ is there") foreach split / /, $old;

my $meta = JSON::PP::decode_json(slurp_file("$root/META.json"));
ok(defined $meta->{$_}, "META.json has $_") foreach qw(name version abstract maintainer license provides meta-spec);
is($meta->{'meta-spec'}{version}, '1.0.0', 'by the spec 1.0.0');
like($meta->{version}, qr/^\Q$version\E\.\d+$/, 'its version is this one');
like($meta->{version}, $semver, 'and a semantic version');
is($meta->{license}, 'mit', 'its licence is that of LICENSE') if slurp_file("$root/LICENSE") =~ /^MIT License/;
like($meta->{release_status}, qr/^(stable|testing|unstable)$/, 'its status is one of three');
unlike($meta->{name}, qr/[\s\/\\]/, 'its name is a term');
foreach my $provided (values %{ $meta->{provides} })
{
	ok(-f "$root/$provided->{file}", "$provided->{file} is there");
	ok(-f "$root/$provided->{docfile}", "$provided->{docfile} is there");
	is($provided->{version}, $meta->{version}, 'with the same version');
}
foreach my $phase (values %{ $meta->{prereqs} })
{
	foreach my $needed (values %$phase)
	{
		like($needed->{$_}, qr/^0$|$semver/, "needs $_ $needed->{$_}") foreach sort keys %$needed;
	}
}
if (-f "$root/debian/changelog")
{
	like(slurp_file("$root/debian/changelog"), qr/^porcupine \(\Q$meta->{version}\E[-~+)]/, 'the Debian packages have it');
}
done_testing();
