# Porcupine::Catalogue: all that the system catalogues say about the schema porcupine and the extension, as lines that name what
# they speak of, so that two databases can be compared. It only reads.
package Porcupine::Catalogue;

use strict;
use warnings;

use Exporter 'import';
use JSON::PP ();

our @EXPORT = qw(catalogue_of differences);

# Each query gives (what, said). Access lists are sorted, for an update grants in another order; positions are counted, for a
# column that was dropped leaves a hole. Options named pg_… are the server's own bookkeeping, different in each table.
my $acl = q{(SELECT string_agg(a::text, ' ' ORDER BY a::text COLLATE "C") FROM unnest(%s) a)};
my $mine = q{'porcupine'::regnamespace};
my @queries = (
	'SELECT ' . q{'schema ' || nspname, concat_ws(' | ', nspowner::regrole, } . sprintf($acl, 'nspacl') . ") FROM pg_namespace WHERE oid = $mine",
	q{SELECT 'extension ' || extname, concat_ws(' | ', extversion, extrelocatable, extnamespace::regnamespace) FROM pg_extension WHERE extname = 'porcupine'},
	q{SELECT 'member of the extension: ' || o.type || ' ' || o.identity, '' FROM pg_depend d, pg_identify_object(d.classid, d.objid, 0) o
		WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'porcupine')},
	q{SELECT 'dumped: ' || c::regclass, condition FROM pg_extension, unnest(extconfig, extcondition) u(c, condition) WHERE extname = 'porcupine'},
	"SELECT CASE relkind WHEN 'r' THEN 'table ' WHEN 'v' THEN 'view ' WHEN 'S' THEN 'sequence ' WHEN 'i' THEN 'index ' WHEN 'c' THEN 'composite type ' ELSE relkind::text END || oid::regclass,
		concat_ws(' | ', relowner::regrole, relpersistence, relrowsecurity, relforcerowsecurity, relreplident, relispartition, relhasrules, reloptions, (SELECT amname FROM pg_am WHERE oid = relam), "
	  . sprintf($acl, 'relacl') . ") FROM pg_class WHERE relnamespace = $mine",
	"SELECT 'column ' || attrelid::regclass || '.' || attname,
		concat_ws(' | ', 'place ' || row_number() OVER (PARTITION BY attrelid ORDER BY attnum), format_type(atttypid, atttypmod), CASE WHEN attnotnull THEN 'not null' END,
		pg_get_expr(adbin, adrelid), 'identity ' || nullif(attidentity::text, ''), 'generated ' || nullif(attgenerated::text, ''), 'storage ' || attstorage::text,
		'compression ' || nullif(attcompression::text, ''), (SELECT string_agg(o, ' ') FROM unnest(attoptions) o WHERE o !~ '^pg_'), (SELECT collname FROM pg_collation WHERE oid = attcollation), " . sprintf($acl, 'attacl')
	  . ") FROM pg_attribute JOIN pg_class c ON c.oid = attrelid LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum WHERE relnamespace = $mine AND relkind IN ('r', 'v', 'c') AND attnum > 0 AND NOT attisdropped",
	"SELECT 'constraint ' || conname || ' on ' || conrelid::regclass, concat_ws(' | ', pg_get_constraintdef(oid), convalidated, condeferrable, condeferred) FROM pg_constraint WHERE connamespace = $mine AND conrelid <> 0",
	"SELECT 'definition of index ' || indexrelid::regclass, concat_ws(' | ', pg_get_indexdef(indexrelid), indisvalid, indisclustered, indisreplident) FROM pg_index JOIN pg_class ON oid = indexrelid WHERE relnamespace = $mine",
	q{SELECT 'policy ' || policyname || ' on ' || tablename, concat_ws(' | ', permissive, roles, cmd, qual, with_check) FROM pg_policies WHERE schemaname = 'porcupine'},
	"SELECT 'trigger ' || tgname || ' on ' || tgrelid::regclass, concat_ws(' | ', pg_get_triggerdef(t.oid), tgenabled) FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid WHERE relnamespace = $mine AND NOT tgisinternal",
	"SELECT 'function ' || oid::regprocedure, concat_ws(' | ', proowner::regrole, " . sprintf($acl, 'proacl') . ", probin, proleakproof, pg_get_functiondef(oid)) FROM pg_proc WHERE pronamespace = $mine AND prokind IN ('f', 'p')",
	"SELECT 'aggregate ' || oid::regprocedure, concat_ws(' | ', proowner::regrole, " . sprintf($acl, 'proacl') . ") FROM pg_proc WHERE pronamespace = $mine AND prokind = 'a'",
	"SELECT 'type ' || oid::regtype, concat_ws(' | ', typowner::regrole, typtype, " . sprintf($acl, 'typacl') . ", (SELECT string_agg(enumlabel, ' < ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid), typdefault, typnotnull) FROM pg_type t WHERE typnamespace = $mine AND typtype <> 'b'",
	"SELECT 'definition of view ' || oid::regclass, pg_get_viewdef(oid) FROM pg_class WHERE relnamespace = $mine AND relkind = 'v'",
	"SELECT 'definition of sequence ' || seqrelid::regclass, concat_ws(' | ', seqtypid::regtype, seqstart, seqincrement, seqmax, seqmin, seqcache, seqcycle, (SELECT refobjid::regclass || '.' || refobjsubid FROM pg_depend WHERE objid = seqrelid AND deptype IN ('a', 'i'))) FROM pg_sequence JOIN pg_class ON oid = seqrelid WHERE relnamespace = $mine",
	"SELECT 'event trigger ' || evtname, concat_ws(' | ', evtowner::regrole, evtevent, evtenabled, evttags, evtfoid::regproc) FROM pg_event_trigger",
	q{SELECT 'comment on ' || o.type || ' ' || o.identity, description FROM pg_description d, pg_identify_object(d.classoid, d.objoid, d.objsubid) o WHERE o.identity LIKE '%porcupine%'},
	'SELECT ' . q{'initial privileges of ' || o.type || ' ' || o.identity, } . sprintf($acl, 'initprivs') . q{ FROM pg_init_privs i, pg_identify_object(i.classoid, i.objoid, i.objsubid) o WHERE privtype = 'e' AND o.identity LIKE '%porcupine%'}
);

# catalogue_of(NODE, DATABASE): what => said
sub catalogue_of
{
	my ($node, $database) = @_;
	my $union = join("\nUNION ALL\n", map { "SELECT * FROM ($_) q(what, said)" } @queries);
	my $lines = $node->safe_psql($database, "SELECT json_agg(json_build_array(what, coalesce(said, ''))) FROM ($union) u");
	my %said;

	foreach my $line (@{ JSON::PP->new->decode($lines) })
	{
		die "twice in the catalogue: $line->[0]" if exists $said{ $line->[0] };
		$said{ $line->[0] } = $line->[1];
	}
	return \%said;
}

# differences(FRESH, UPDATED): one line or more each, none when they are the same
sub differences
{
	my ($fresh, $updated) = @_;
	my @lines;

	foreach my $what (sort keys %{ { %$fresh, %$updated } })
	{
		if (!exists $updated->{$what})
		{
			push @lines, "missing after the update: $what\n    $fresh->{$what}";
		}
		elsif (!exists $fresh->{$what})
		{
			push @lines, "still there after the update, not in a fresh install: $what";
		}
		elsif ($fresh->{$what} ne $updated->{$what})
		{
			push @lines, "differs: $what\n    fresh:   $fresh->{$what}\n    updated: $updated->{$what}";
		}
	}
	return @lines;
}

1;
