/*
 * send.c: the send path as SQL sees it: send() for the current user, send_many() for a bridge.
 *
 * They read their arguments and say the result; events.c decides.
 */
#include "compat.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "columns.h"
#include "doorbell.h"
#include "errors.h"
#include "events.h"
#include "identity.h"

#define ARRAYS 8				/* of send_many(), in the order of SendCells */

static NullableDatum argument(FunctionCallInfo fcinfo, int number);
static SendItem *read_items(FunctionCallInfo fcinfo, int *count);
static void put_result(ReturnSetInfo *results, int number, const SendItem *item);

/* porcupine.send(room, client_id, body, epoch, kind, ref, OUT seq, OUT created_at) */
PG_FUNCTION_INFO_V1(porcupine_send);

Datum
porcupine_send(PG_FUNCTION_ARGS)
{
	SendCells	cells = {
		.room = argument(fcinfo, 0),
		.client_id = argument(fcinfo, 1),
		.body = argument(fcinfo, 2),
		.epoch = argument(fcinfo, 3),
		.kind = argument(fcinfo, 4),
		.ref = argument(fcinfo, 5),
	};
	SendItem	item;
	int64		user_id;
	int64		device_id;
	TupleDesc	columns;
	Datum		values[2];
	bool		nulls[2] = {false, false};

	if (get_call_result_type(fcinfo, NULL, &columns) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "porcupine.send() returns a row");
	identity_require_sender(&user_id, &device_id);
	cells.user.value = Int64GetDatum(user_id);
	cells.device.value = Int64GetDatum(device_id);
	item_read(&item, &cells);
	if (item.refusal == NULL)
		events_send(&item, 1, 0, true);
	if (item.refusal != NULL)
		item_refuse(&item);

	values[0] = Int64GetDatum(item.seq);
	values[1] = TimestampTzGetDatum(item.created_at);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(columns), values, nulls)));
}

/* porcupine.send_many(rooms, users, devices, client_ids, epochs, kinds, refs, bodies, doorbell, origin, wait) */
PG_FUNCTION_INFO_V1(porcupine_send_many);

Datum
porcupine_send_many(PG_FUNCTION_ARGS)
{
	SendItem   *items;
	int			count;
	int64		origin = PG_ARGISNULL(9) ? 0 : PG_GETARG_INT64(9);

	InitMaterializedSRF(fcinfo, 0);
	doorbell_check_origin(origin);
	if (!PG_ARGISNULL(8) && !PG_GETARG_BOOL(8))
		origin = EVENTS_SILENT;
	items = read_items(fcinfo, &count);
	events_send(items, count, origin, PG_ARGISNULL(10) || PG_GETARG_BOOL(10));
	for (int i = 0; i < count; i++)
		put_result((ReturnSetInfo *) fcinfo->resultinfo, i + 1, &items[i]);
	return (Datum) 0;
}

static NullableDatum
argument(FunctionCallInfo fcinfo, int number)
{
	return fcinfo->args[number];
}

static SendItem *
read_items(FunctionCallInfo fcinfo, int *count)
{
	Column		columns[ARRAYS];
	SendItem   *items;

	*count = columns_read(fcinfo, ARRAYS, EVENTS_MOST_ITEMS, columns);
	items = palloc(*count * sizeof(SendItem));
	for (int i = 0; i < *count; i++)
	{
		SendCells	cells = {
			.room = columns_cell(&columns[0], i),
			.user = columns_cell(&columns[1], i),
			.device = columns_cell(&columns[2], i),
			.client_id = columns_cell(&columns[3], i),
			.epoch = columns_cell(&columns[4], i),
			.kind = columns_cell(&columns[5], i),
			.ref = columns_cell(&columns[6], i),
			.body = columns_cell(&columns[7], i),
		};

		item_read(&items[i], &cells);
	}
	return items;
}

static void
put_result(ReturnSetInfo *results, int number, const SendItem *item)
{
	const Refusal *refusal = item->refusal;
	bool		epoch_matters = refusal != NULL
		&& (refusal->condition == CONDITION_STALE_EPOCH || refusal->condition == CONDITION_EPOCH_CLOSED);
	bool		has_hint = refusal != NULL && refusal->hint != NULL;
	Datum		values[] = {
		Int32GetDatum(number),
		refusal != NULL ? CStringGetTextDatum(errors_name(refusal->condition)) : (Datum) 0,
		Int64GetDatum(item->seq),
		TimestampTzGetDatum(item->created_at),
		Int32GetDatum(item->current_epoch),
		BoolGetDatum(item->repeated),
		refusal != NULL ? CStringGetTextDatum(refusal->message) : (Datum) 0,
		has_hint ? CStringGetTextDatum(refusal->hint) : (Datum) 0,
	};
	bool		nulls[] = {
		false, refusal == NULL, item->seq == 0, item->created_at == 0, !epoch_matters, false, refusal == NULL, !has_hint
	};

	tuplestore_putvalues(results->setResult, results->setDesc, values, nulls);
}
