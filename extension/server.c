/*
 * server.c: what tells one history of a database from another.
 *
 * A restored dump has another system identifier or database, a promoted standby or a recovery to a
 * point in time another timeline. porcupine.current_stream() compares, in SQL.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/xlog.h"
#include "access/xlogrecovery.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "server.h"

static TimeLineID current_timeline(void);
static int64 highest_key(Relation table, Relation index);

/* porcupine.server_history() */
PG_FUNCTION_INFO_V1(porcupine_server_history);

Datum
porcupine_server_history(PG_FUNCTION_ARGS)
{
	TupleDesc	columns;
	Datum		values[3];
	bool		nulls[3] = {false, false, false};

	if (get_call_result_type(fcinfo, NULL, &columns) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "porcupine.server_history() returns a row");
	values[0] = Int64GetDatum((int64) GetSystemIdentifier());
	values[1] = ObjectIdGetDatum(MyDatabaseId);
	values[2] = Int32GetDatum((int32) current_timeline());
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(columns), values, nulls)));
}

static TimeLineID
current_timeline(void)
{
	TimeLineID	timeline;

	if (!RecoveryInProgress())
		return GetWALInsertionTimeLine();
	GetXLogReplayRecPtr(&timeline);
	return timeline;
}

/*
 * Read without SQL, because who commits may have no privilege on the table; and it is part of every
 * doorbell. Somebody may have dropped the extension in this very transaction, and made tables of the
 * same names.
 */
int64
server_newest_stream(void)
{
	Oid			schema = get_namespace_oid("porcupine", true);
	Oid			table_oid = get_relname_relid("stream", schema);
	Oid			index_oid = get_relname_relid("stream_pkey", schema);
	Relation	table;
	Relation	index;
	int64		newest = 0;

	if (!OidIsValid(table_oid) || !OidIsValid(index_oid))
		return 0;
	table = try_table_open(table_oid, AccessShareLock);
	if (table == NULL)
		return 0;
	index = try_relation_open(index_oid, AccessShareLock);
	if (index != NULL && index->rd_rel->relkind == RELKIND_INDEX && index->rd_index->indrelid == table_oid)
		newest = highest_key(table, index);
	if (index != NULL)
		relation_close(index, AccessShareLock);
	table_close(table, AccessShareLock);
	return newest;
}

static int64
highest_key(Relation table, Relation index)
{
	SysScanDesc scan;
	HeapTuple	row;
	int64		key = 0;
	bool		isnull = true;
	int			column = index->rd_index->indkey.values[0];

	if (table->rd_rel->relkind != RELKIND_RELATION || index->rd_rel->relam != BTREE_AM_OID
		|| column <= 0 || TupleDescAttr(RelationGetDescr(table), column - 1)->atttypid != INT8OID)
		return 0;
	scan = systable_beginscan_ordered(table, index, NULL, 0, NULL);
	row = systable_getnext_ordered(scan, BackwardScanDirection);
	if (HeapTupleIsValid(row))
		key = DatumGetInt64(heap_getattr(row, column, RelationGetDescr(table), &isnull));
	systable_endscan_ordered(scan);
	return isnull ? 0 : key;
}
