/*
 * store.c: many rows into a table at once, without SQL, where nothing of it is missed.
 *
 * What INSERT does beyond heap and indexes, somebody must have asked for: triggers (a veto, a
 * foreign key), rules, further columns, partitions, row security that is more than "the functions of
 * the extension". A table that has any of these is left to SQL. Constraints are checked here.
 *
 * It saves the executor's work for each value, and writes one WAL record a page instead of a row.
 */
#include "compat.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/primnodes.h"
#include "rewrite/rowsecurity.h"
#include "utils/acl.h"
#include "utils/rel.h"

#include "catalog.h"
#include "store.h"

static bool is_plain(Relation table, const Oid *types);
static bool has_columns(TupleDesc columns, const Oid *types);
static bool is_open_to_us(Relation table);
static bool admits_all(const RowSecurityPolicy *policy);

bool
store_open(Store *store, const char *table, const Oid *types, int most)
{
	store->table = table_open(catalog_relation(table), RowExclusiveLock);
	if (!is_plain(store->table, types))
	{
		table_close(store->table, NoLock);
		return false;
	}
	store->estate = CreateExecutorState();
	store->target = makeNode(ResultRelInfo);
	InitResultRelInfo(store->target, store->table, 0, NULL, 0);
	ExecOpenIndices(store->target, false);
	store->rows = palloc(most * sizeof(TupleTableSlot *));
	store->count = 0;
	return true;
}

static bool
is_plain(Relation table, const Oid *types)
{
	return table->rd_rel->relkind == RELKIND_RELATION && !table->rd_rel->relispartition
		&& table->trigdesc == NULL && table->rd_rules == NULL
		&& has_columns(RelationGetDescr(table), types)
		&& pg_class_aclcheck(RelationGetRelid(table), GetUserId(), ACL_INSERT) == ACLCHECK_OK
		&& is_open_to_us(table);
}

/* these, no others, and none of them computed */
static bool
has_columns(TupleDesc columns, const Oid *types)
{
	int			column = 0;

	for (; column < columns->natts && types[column] != InvalidOid; column++)
	{
		if (TupleDescAttr(columns, column)->attisdropped || TupleDescAttr(columns, column)->atthasdef
			|| TupleDescAttr(columns, column)->atttypid != types[column])
			return false;
	}
	return column == columns->natts && types[column] == InvalidOid;
}

/* No row is refused by a policy. Those for reading only do not matter. */
static bool
is_open_to_us(Relation table)
{
	bool		admitted = false;
	ListCell   *cell;

	if (!table->rd_rel->relrowsecurity)
		return true;
	foreach(cell, table->rd_rsdesc->policies)
	{
		const RowSecurityPolicy *policy = lfirst(cell);

		if (policy->polcmd != '*' && policy->polcmd != ACL_INSERT_CHR)
			continue;
		if (!admits_all(policy))
			return false;
		admitted = true;
	}
	return admitted;
}

static bool
admits_all(const RowSecurityPolicy *policy)
{
	const Expr *check = policy->with_check_qual != NULL ? policy->with_check_qual : policy->qual;

	return policy->permissive && check != NULL && IsA(check, Const)
		&& !((const Const *) check)->constisnull && DatumGetBool(((const Const *) check)->constvalue);
}

TupleTableSlot *
store_row(Store *store)
{
	TupleTableSlot *row = MakeSingleTupleTableSlot(RelationGetDescr(store->table), &TTSOpsVirtual);

	store->rows[store->count++] = row;
	return row;
}

void
store_close(Store *store)
{
	bool		is_constrained = RelationGetDescr(store->table)->constr != NULL;

	for (int i = 0; i < store->count; i++)
	{
		ExecStoreVirtualTuple(store->rows[i]);
		if (is_constrained)
			ExecConstraints(store->target, store->rows[i], store->estate);
		ResetPerTupleExprContext(store->estate);
	}
	table_multi_insert(store->table, store->rows, store->count, GetCurrentCommandId(true), 0, NULL);
	for (int i = 0; i < store->count; i++)
	{
		compat_insert_index_tuples(store->target, store->rows[i], store->estate);
		ResetPerTupleExprContext(store->estate);
	}
	ExecCloseIndices(store->target);
	for (int i = 0; i < store->count; i++)
		ExecDropSingleTupleTableSlot(store->rows[i]);
	FreeExecutorState(store->estate);
	table_close(store->table, NoLock);
	CommandCounterIncrement();
}
