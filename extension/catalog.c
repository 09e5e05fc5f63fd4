/*
 * catalog.c: the extension's own objects by their names in the schema porcupine.
 *
 * Asked anew each time: the extension may have been dropped and made again since the last one.
 */
#include "compat.h"

#include "catalog/namespace.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "catalog.h"

static Oid	expect(Oid found, const char *name);

Oid
catalog_relation(const char *name)
{
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
