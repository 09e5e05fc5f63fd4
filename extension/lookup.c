/*
 * lookup.c: rows found by the key of an index, without SQL.
 *
 * For what is asked many times in one call, where starting the executor and evaluating expressions
 * would cost more than descending the index: the facts of the send path.
 */
#include "compat.h"

#include "access/relation.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/tableam.h"
#include "executor/tuptable.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "catalog.h"
#include "lookup.h"

void
lookup_open(Lookup *lookup, const LookupIndex *by)
{
	lookup->table = table_open(catalog_relation(by->table), AccessShareLock);
	lookup->index = index_open(catalog_relation(by->index), AccessShareLock);
	lookup->key_count = 0;
	while (by->equal[lookup->key_count] != InvalidOid)
	{
		int			key = lookup->key_count++;

		ScanKeyInit(&lookup->keys[key], (AttrNumber) (key + 1), BTEqualStrategyNumber,
					by->equal[key], (Datum) 0);
	}
	lookup->slot = table_slot_create(lookup->table, NULL);
	lookup->scan = compat_index_beginscan(lookup->table, lookup->index, GetActiveSnapshot(), lookup->key_count);
}

void
lookup_close(Lookup *lookup)
{
	index_endscan(lookup->scan);
	ExecDropSingleTupleTableSlot(lookup->slot);
	index_close(lookup->index, NoLock);
	table_close(lookup->table, NoLock);
}

bool
lookup_find(Lookup *lookup, const Datum *keys)
{
	for (int key = 0; key < lookup->key_count; key++)
		lookup->keys[key].sk_argument = keys[key];
	index_rescan(lookup->scan, lookup->keys, lookup->key_count, NULL, 0);
	return index_getnext_slot(lookup->scan, ForwardScanDirection, lookup->slot);
}

AttrNumber
lookup_column(const Lookup *lookup, const char *name)
{
	AttrNumber	column = get_attnum(RelationGetRelid(lookup->table), name);

	if (column == InvalidAttrNumber)
		elog(ERROR, "porcupine.%s has no column \"%s\"", RelationGetRelationName(lookup->table), name);
	return column;
}

Datum
lookup_value(Lookup *lookup, AttrNumber column, bool *isnull)
{
	return slot_getattr(lookup->slot, column, isnull);
}
