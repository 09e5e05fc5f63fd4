/*
 * server.c: what tells one history of a database from another, and the stream that names this one.
 *
 * A restored dump has another system identifier or database, a promoted standby or a recovery to a
 * point in time another timeline. The stream is the newest row of porcupine.stream when that row
 * names the history we are in, which is nearly always; otherwise renew_stream(), in SQL, adds one.
 */
#include "compat.h"

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
#include "spi.h"

static bool names_our_history(void);
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

/* porcupine.current_stream() */
PG_FUNCTION_INFO_V1(porcupine_current_stream);

Datum
porcupine_current_stream(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(server_stream());
}

int64
server_stream(void)
{
	static Statement renew = {.sql = "SELECT porcupine.renew_stream()"};
	int64		stream = server_known_stream();
	int			nesting;

	if (stream != 0)
		return stream;
	nesting = spi_begin();
	spi_run(&renew, NULL);
	stream = spi_int64(0, 1);
	spi_end(nesting);
	return stream;
}

int64
server_known_stream(void)
{
	static Statement newest = {
		.sql = "SELECT s.stream, s.system_identifier, s.database::bigint, s.timeline"
		" FROM porcupine.stream s ORDER BY s.stream DESC LIMIT 1"
	};
	int64		stream = 0;
	int			nesting;

	nesting = spi_begin();
	if (spi_run(&newest, NULL) > 0 && names_our_history())
		stream = spi_int64(0, 1);
	spi_end(nesting);
	return stream;
}

/* Does the row that was read? */
static bool
names_our_history(void)
{
	return spi_int64(0, 2) == (int64) GetSystemIdentifier()
		&& spi_int64(0, 3) == (int64) MyDatabaseId
		&& spi_int32(0, 4) == (int32) current_timeline();
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
