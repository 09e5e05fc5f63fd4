# Reference::Catalogue: what the database says of the extension: functions, views, types and tables, their comments and who may use
# them; and the conditions, as the code has them.
package Reference::Catalogue;

use strict;
use warnings;
use feature 'state';

use Exporter 'import';
use Reference::Tools;

our @EXPORT = qw(catalogue conditions);

# What there is, by name: functions (several of a name), views, types, tables; and which functions return nothing.
sub catalogue
{
	my $facts = ask($DATABASE, <<~'END');
		SELECT json_build_object(
		  'functions', (SELECT json_agg(json_build_object(
		      'name', p.proname, 'comment', obj_description(p.oid, 'pg_proc'), 'returns', pg_get_function_result(p.oid),
		      'names', p.proargnames, 'modes', p.proargmodes, 'variadic', p.provariadic <> 0,
		      'types', (SELECT json_agg(format_type(t.oid, NULL) ORDER BY t.n) FROM unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) WITH ORDINALITY t (oid, n)),
		      'defaults', (SELECT json_agg(pg_get_function_arg_default(p.oid, n::integer) ORDER BY n)
		                     FROM generate_series(1, coalesce(cardinality(p.proallargtypes), p.pronargs::integer)) n),
		      'roles', (SELECT coalesce(json_agg(a.grantee::regrole ORDER BY a.grantee::regrole::text), '[]') FROM aclexplode(p.proacl) a
		                 WHERE a.privilege_type = 'EXECUTE' AND a.grantee <> p.proowner)) ORDER BY p.proname, p.pronargs)
		    FROM pg_proc p WHERE p.pronamespace = 'porcupine'::regnamespace),
		  'relations', (SELECT json_agg(json_build_object(
		      'name', c.relname, 'kind', c.relkind, 'comment', coalesce(obj_description(c.oid, 'pg_class'), obj_description(c.reltype, 'pg_type')),
		      'columns', (SELECT json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, NULL), 'comment', col_description(c.oid, a.attnum),
		          'roles', (SELECT coalesce(json_agg(DISTINCT r.name), '[]') FROM (
		              SELECT x.grantee::regrole::text AS name FROM aclexplode(c.relacl) x WHERE x.privilege_type = 'SELECT' AND x.grantee <> c.relowner
		              UNION SELECT x.grantee::regrole::text FROM aclexplode(a.attacl) x WHERE x.privilege_type = 'SELECT' AND x.grantee <> c.relowner) r)) ORDER BY a.attnum)
		                    FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)) ORDER BY c.relname)
		    FROM pg_class c WHERE c.relnamespace = 'porcupine'::regnamespace AND c.relkind IN ('r', 'v', 'c')),
		  'enums', (SELECT json_agg(json_build_object('name', t.typname, 'comment', obj_description(t.oid, 'pg_type'),
		      'labels', (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid)) ORDER BY t.typname)
		    FROM pg_type t WHERE t.typnamespace = 'porcupine'::regnamespace AND t.typtype = 'e'))
		END
	my %catalogue = (functions => {}, views => {}, types => {}, tables => {}, enums => $facts->{enums}, nothing => []);

	foreach my $function (@{ $facts->{functions} })
	{
		($function->{what}, $function->{errors}) = comment_of($function);
		$function->{what} =~ s/(?<=[;.] )(\Q$_\E)(?=: )/`$1`/g foreach grep { defined && $_ ne '' } @{ $function->{names} // [] };
		push @{ $catalogue{nothing} }, $function->{name} if $function->{returns} eq 'void';
		next if !@{ $function->{roles} } || $function->{returns} eq 'trigger';
		push @{ $catalogue{functions}{ $function->{name} } }, $function;
	}
	foreach (@{ $facts->{relations} })
	{
		next if $_->{kind} eq 'v' && !grep { @{ $_->{roles} } } @{ $_->{columns} };
		$catalogue{ { r => 'tables', v => 'views', c => 'types' }->{ $_->{kind} } }{ $_->{name} } = $_;
	}
	return \%catalogue;
}

# A function's comment: what it does, then "Errors: …" (conditions, each with a remark in parentheses perhaps), then "Example: …".
sub comment_of
{
	my ($function) = @_;
	my $comment = $function->{comment} // '';
	my @errors;

	$comment =~ s/\s*Example: .*//s;
	if ($comment =~ s/\s*Errors: (.*?)\.?\s*$//s)
	{
		@errors = split /,\s*(?![^()]*\))/, $1;
		foreach (@errors)
		{
			complain_of("the comment of $function->{name}() names an error that is none: $_") unless /^(\w+)(?: \(.*\))?$/ && conditions()->{$1};
		}
	}
	return ($comment, \@errors);
}

# The names of extension/errors.c with their SQLSTATEs.
sub conditions
{
	state $conditions //= { map { /\[CONDITION_\w+\] = \{"(\w+)", PORCUPINE_SQLSTATE\('(\d)', '(\d)'\)\}/ ? ($1 => "PC0$2$3") : () }
		split /^/, slurp('extension/errors.c') };
	return $conditions;
}

1;
