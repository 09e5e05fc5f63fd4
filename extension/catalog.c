/*
 * catalog.c: the extension's own objects by their names in the schema porcupine.
 *
 * Asked anew each time: the extension may have been dropped and made again since the last one.
 */
#include "compat.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "catalog.h"

static char *version_installed(void);
static Oid	expect(Oid found, const char *name);

/*
 * The library is of the version that the objects of this database are of. Between the installation
 * of new files and ALTER EXTENSION UPDATE it is not, nor where the server still runs with old files.
 */
void
catalog_require_version(void)
{
	static bool is_ours = false;
	char	   *installed;

	if (is_ours)
		return;
	installed = version_installed();
	if (installed != NULL && strcmp(installed, PORCUPINE_VERSION) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the library of porcupine is %s, its objects in this database are of %s",
						PORCUPINE_VERSION, installed),
				 errhint("Run ALTER EXTENSION porcupine UPDATE as superuser; if you have, restart the server, which still has an older library.")));
	is_ours = true;
}

/* null where there is no extension (any more) */
static char *
version_installed(void)
{
	Relation	extensions = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	row;
	char	   *version = NULL;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ,
				CStringGetDatum("porcupine"));
	scan = systable_beginscan(extensions, ExtensionNameIndexId, true, NULL, 1, &key);
	row = systable_getnext(scan);
	if (HeapTupleIsValid(row))
	{
		bool		isnull;

		version = TextDatumGetCString(heap_getattr(row, Anum_pg_extension_extversion,
												   RelationGetDescr(extensions), &isnull));
	}
	systable_endscan(scan);
	table_close(extensions, AccessShareLock);
	return version;
}

Oid
catalog_relation(const char *name)
{
	catalog_require_version();
	return expect(get_relname_relid(name, get_namespace_oid("porcupine", false)), name);
}

Oid
catalog_type(const char *name)
{
	return expect(GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum(name),
								  ObjectIdGetDatum(get_namespace_oid("porcupine", false))), name);
}

Oid
catalog_label(Oid type, const char *label)
{
	return expect(GetSysCacheOid2(ENUMTYPOIDNAME, Anum_pg_enum_oid, ObjectIdGetDatum(type),
								  CStringGetDatum(label)), label);
}

static Oid
expect(Oid found, const char *name)
{
	if (!OidIsValid(found))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("porcupine.%s is missing", name),
				 errhint("The extension's own objects keep their names.")));
	return found;
}
