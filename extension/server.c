/*
 * server.c: what tells one history of a database from another.
 *
 * A restored dump has another system identifier or database, a promoted standby or a recovery to a
 * point in time another timeline. porcupine.current_stream() compares, in SQL.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xlog.h"
#include "access/xlogrecovery.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"

static TimeLineID current_timeline(void);

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
