/*
 * guard.c: DROP EXTENSION, and whatever else would drop it (DROP OWNED, DROP ... CASCADE), refuses
 * while there are users, rooms or events, unless a superuser has set porcupine.allow_drop.
 *
 * A hook sees each table before it goes. It is only there where the library is loaded; so that a
 * session that has not loaded it drops nothing either, an event trigger of the extension calls
 * porcupine.guard() before such a command: to have called it is all it takes. It looks at no other
 * commands and at nothing of anybody else's.
 */
#include "compat.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "commands/event_trigger.h"
#include "commands/extension.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "guard.h"
#include "guc.h"

/* what nobody could bring back */
static const char *const kept[] = {"users", "rooms", "events"};

static object_access_hook_type next_hook = NULL;

static void before_access(ObjectAccessType access, Oid class, Oid object, int part, void *arg);
static bool is_kept(Oid table);
static bool has_rows(Oid table);

void
guard_begin(void)
{
	next_hook = object_access_hook;
	object_access_hook = before_access;
}

static void
before_access(ObjectAccessType access, Oid class, Oid object, int part, void *arg)
{
	if (next_hook != NULL)
		next_hook(access, class, object, part, arg);
	if (access != OAT_DROP || class != RelationRelationId || part != 0 || guc_settings.allow_drop)
		return;
	if (is_kept(object) && has_rows(object))
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("the extension porcupine is not dropped while its chat is in it"),
				 errdetail("porcupine.%s has rows.", get_rel_name(object)),
				 errhint("To remove the chat for good, SET porcupine.allow_drop = on first.")));
}

/* one of ours, and not a table of that name in somebody's own schema */
static bool
is_kept(Oid table)
{
	Oid			schema = get_namespace_oid("porcupine", true);
	Oid			extension;

	if (!OidIsValid(schema) || get_rel_namespace(table) != schema || get_rel_relkind(table) != RELKIND_RELATION)
		return false;
	extension = getExtensionOfObject(RelationRelationId, table);
	if (!OidIsValid(extension) || extension != get_extension_oid("porcupine", true))
		return false;
	for (size_t i = 0; i < lengthof(kept); i++)
	{
		if (strcmp(get_rel_name(table), kept[i]) == 0)
			return true;
	}
	return false;
}

static bool
has_rows(Oid table)
{
	Relation	relation = table_open(table, AccessShareLock);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	TupleTableSlot *slot = table_slot_create(relation, NULL);
	TableScanDesc scan = table_beginscan(relation, snapshot, 0, NULL);
	bool		found = table_scan_getnextslot(scan, ForwardScanDirection, slot);

	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	UnregisterSnapshot(snapshot);
	table_close(relation, AccessShareLock);
	return found;
}

/* porcupine.guard(): that it was called means that the library is loaded, and its hook with it */
PG_FUNCTION_INFO_V1(porcupine_guard);

Datum
porcupine_guard(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		elog(ERROR, "porcupine.guard() is for its event trigger only");
	PG_RETURN_NULL();
}
