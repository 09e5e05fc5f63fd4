/*
 * read.c: what a bridge reads of rooms: a page of history for a session, events for its hub, and
 * who may subscribe from where.
 *
 * Each is one call, events are finished JSON, and those who come at once are asked for together:
 * what a page or a subscription costs is mostly what stands around the reading of a few rows.
 *
 * A page may be read from a standby. The primary says who may read, up to which head and of which
 * stream, by admit_many(); replica_page() answers when the standby is of that stream and has
 * replayed as much of that room as the page can hold. A room's head is a better measure than a
 * position in the WAL: under load a standby always is some milliseconds behind, but only a room
 * that was written to just now has to be read from the primary. Nor does it answer before it has
 * replayed whatever was taken out of the log, say a redaction, which changes events below the head.
 * Nothing above the head is shown, for since then the reader may have been removed.
 */
#include "compat.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/typcache.h"

#include "columns.h"
#include "cursor.h"
#include "page.h"
#include "server.h"
#include "shape.h"
#include "spi.h"

#define MOST_ADMISSIONS 1000	/* at once */
#define NORMAL_PAGE 50
/* of the bodies of an answer by REST */
#define MOST_BYTES (1024 * 1024)

static LogPage wanted_page(const Cursor *cursor, NullableDatum before, NullableDatum max);
static int64 read_head(Cursor *cursor);
static bool take_head(TupleTableSlot *slot, void *arg);
static int64 highest_of(const LogPage *page);
static int64 cell_or_zero(const Column *column, int row);
static void put_admission(ReturnSetInfo *results, int item, const Cursor *cursor);
static int64 number_or(FunctionCallInfo fcinfo, int argument, int64 otherwise);
static text *answer(const LogPage *page, const Cursor *cursor);

/* porcupine.event_json(event) */
PG_FUNCTION_INFO_V1(porcupine_event_json);

Datum
porcupine_event_json(PG_FUNCTION_ARGS)
{
	HeapTupleHeader row = PG_GETARG_HEAPTUPLEHEADER(0);
	TupleDesc	columns = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(row), HeapTupleHeaderGetTypMod(row));
	TupleTableSlot *slot = MakeSingleTupleTableSlot(columns, &TTSOpsHeapTuple);
	HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(row), .t_data = row};
	MemoryContext caller = CurrentMemoryContext;
	LastKind	last = {0};
	StringInfoData json;

	ItemPointerSetInvalid(&tuple.t_self);
	ExecStoreHeapTuple(&tuple, slot, false);
	slot_getallattrs(slot);
	if (slot->tts_isnull[SHAPE_ROOM] || slot->tts_isnull[SHAPE_SEQ] || slot->tts_isnull[SHAPE_KIND] || slot->tts_isnull[SHAPE_EPOCH]
		|| slot->tts_isnull[SHAPE_CREATED_AT] || slot->tts_isnull[SHAPE_BODY])
		errors_refuse(CONDITION_INVALID, "an event has a room, a seq, a kind, an epoch, a time and a body", NULL, NULL);
	initStringInfo(&json);
	PG_TRY();
	{
		shape_event(&json, slot, &last);
	}
	PG_CATCH();
	{
		/* an event that nobody has read but the caller has made up */
		if (ERRCODE_TO_CATEGORY(geterrcode()) != ERRCODE_DATA_EXCEPTION)
			PG_RE_THROW();
		MemoryContextSwitchTo(caller);
		FlushErrorState();
		errors_refuse(CONDITION_INVALID, "the data of this event is none that the server writes", "Give an event as it was read.", NULL);
	}
	PG_END_TRY();
	ExecDropSingleTupleTableSlot(slot);
	ReleaseTupleDesc(columns);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(json.data, json.len));
}

/* porcupine.history_page(session, room, before, after, stream, max) */
PG_FUNCTION_INFO_V1(porcupine_history_page);

Datum
porcupine_history_page(PG_FUNCTION_ARGS)
{
	Cursor		cursor = {
		.session = number_or(fcinfo, 0, 0),
		.room = number_or(fcinfo, 1, 0),
		.after = fcinfo->args[3],
		.stream = fcinfo->args[4],
		.behind.isnull = true,
	};
	LogPage		page;

	cursor_check(&cursor, 1);
	if (cursor.refusal != NULL)
		errors_refuse(cursor.refusal->condition, cursor.refusal->message, cursor.refusal->hint, NULL);
	page = wanted_page(&cursor, fcinfo->args[2], fcinfo->args[5]);
	page_read(&page);
	PG_RETURN_TEXT_P(answer(&page, &cursor));
}

/* porcupine.replica_page(room, before, after, stream, max, head, current_stream, erasures) */
PG_FUNCTION_INFO_V1(porcupine_replica_page);

Datum
porcupine_replica_page(PG_FUNCTION_ARGS)
{
	Cursor		cursor = {
		.room = number_or(fcinfo, 0, 0),
		.after = fcinfo->args[2],
		.stream = fcinfo->args[3],
		.behind.isnull = true,
		.head = number_or(fcinfo, 5, -1),
		.current_stream = number_or(fcinfo, 6, -1),
		.erasures = PG_NARGS() > 7 ? number_or(fcinfo, 7, PG_INT64_MAX) : PG_INT64_MAX,	/* 1.0 did not tell */
	};
	LogPage		page;
	int64		reached;

	if (cursor.head < 0 || server_known_stream() != cursor.current_stream)
		PG_RETURN_NULL();
	reached = read_head(&cursor);
	cursor_judge(&cursor);
	page = wanted_page(&cursor, fcinfo->args[1], fcinfo->args[4]);
	if (reached < highest_of(&page))
		PG_RETURN_NULL();
	page_read(&page);
	PG_RETURN_TEXT_P(answer(&page, &cursor));
}

/* after the cursor or, without one that holds, the latest; nothing above the head in any case */
static LogPage
wanted_page(const Cursor *cursor, NullableDatum before, NullableDatum max)
{
	LogPage		page = {
		.room = cursor->room,
		.before = cursor->head + 1,
		.backward = cursor->after.isnull || cursor->reset,
		.max = max.isnull ? NORMAL_PAGE : DatumGetInt32(max.value),
		.max_bytes = MOST_BYTES,
	};

	if (!page.backward)
		page.after = DatumGetInt64(cursor->after.value);
	else if (!cursor->reset && !before.isnull)
		page.before = Min(page.before, DatumGetInt64(before.value));
	return page;
}

/*
 * Up to where the room has been replayed, and its first_seq; -1: not yet what was taken out of its
 * log. Asked by the snapshot that the page is then read by.
 */
static int64
read_head(Cursor *cursor)
{
	static Statement read = {
		.sql = "SELECT h.last_seq, h.first_seq FROM porcupine.room_heads h WHERE h.room_id = $1 AND h.erasures >= $2",
		.argtypes = {INT8OID, INT8OID}
	};
	int64		found[] = {-1, 0};
	int			nesting = spi_begin();

	spi_each(&read, (Datum[]) {Int64GetDatum(cursor->room), Int64GetDatum(cursor->erasures)}, take_head, found);
	spi_end(nesting);
	cursor->first_seq = found[1];
	return found[0];
}

static bool
take_head(TupleTableSlot *slot, void *arg)
{
	int64	   *found = arg;

	slot_getallattrs(slot);
	found[0] = DatumGetInt64(slot->tts_values[0]);
	found[1] = DatumGetInt64(slot->tts_values[1]);
	return true;
}

/* the seq up to which the page may hold events */
static int64
highest_of(const LogPage *page)
{
	int64		highest = page->before - 1;

	if (!page->backward)
		highest = Min(highest, page->after + PAGE_MOST_EVENTS);
	return Max(highest, 0);
}

/* porcupine.read_frames(room, after, max, max_bytes) */
PG_FUNCTION_INFO_V1(porcupine_read_frames);

Datum
porcupine_read_frames(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *results = (ReturnSetInfo *) fcinfo->resultinfo;
	LogPage		page = {
		.room = number_or(fcinfo, 0, 0),
		.after = number_or(fcinfo, 1, 0),
		.before = PG_INT64_MAX,
		.backward = PG_ARGISNULL(1),
		.max = PG_ARGISNULL(2) ? PAGE_MOST_EVENTS : PG_GETARG_INT32(2),
		.max_bytes = PG_ARGISNULL(3) ? MOST_BYTES : PG_GETARG_INT32(3),
	};

	InitMaterializedSRF(fcinfo, 0);
	page_read(&page);
	for (int i = 0; i < page.count; i++)
	{
		const PageEvent *event = page_event(&page, i);
		Datum		values[] = {
			Int64GetDatum(event->seq),
			PointerGetDatum(cstring_to_text_with_len(page.json.data + event->begin, event->length)),
			Int64GetDatum(event->ends)
		};
		bool		nulls[] = {false, false, event->ends == 0};

		tuplestore_putvalues(results->setResult, results->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* porcupine.admit_many(sessions, rooms, afters, streams, behind) */
PG_FUNCTION_INFO_V1(porcupine_admit_many);

Datum
porcupine_admit_many(PG_FUNCTION_ARGS)
{
	Column		columns[4];
	int			count = columns_read(fcinfo, lengthof(columns), MOST_ADMISSIONS, columns);
	Cursor	   *cursors = palloc0(count * sizeof(Cursor));

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < count; i++)
		cursors[i] = (Cursor) {
			.session = cell_or_zero(&columns[0], i),
			.room = cell_or_zero(&columns[1], i),
			.after = columns_cell(&columns[2], i),
			.stream = columns_cell(&columns[3], i),
			.behind = fcinfo->args[4],
		};
	cursor_check(cursors, count);
	for (int i = 0; i < count; i++)
		put_admission((ReturnSetInfo *) fcinfo->resultinfo, i + 1, &cursors[i]);
	return (Datum) 0;
}

/* Nobody's session and no room have the number 0. */
static int64
cell_or_zero(const Column *column, int row)
{
	return column->nulls[row] ? 0 : DatumGetInt64(column->values[row]);
}

static void
put_admission(ReturnSetInfo *results, int item, const Cursor *cursor)
{
	bool		refused = cursor->refusal != NULL;
	Datum		values[] = {
		Int32GetDatum(item),
		refused ? CStringGetTextDatum(errors_name(cursor->refusal->condition)) : (Datum) 0,
		Int64GetDatum(cursor->head),
		Int64GetDatum(cursor->current_stream),
		Int32GetDatum(cursor->epoch),
		BoolGetDatum(cursor->epoch_open),
		BoolGetDatum(cursor->reset),
		Int64GetDatum(cursor->erasures)
	};
	bool		nulls[] = {false, !refused, refused, refused, refused, refused, refused, refused};

	tuplestore_putvalues(results->setResult, results->setDesc, values, nulls);
}

static int64
number_or(FunctionCallInfo fcinfo, int argument, int64 otherwise)
{
	return PG_ARGISNULL(argument) ? otherwise : PG_GETARG_INT64(argument);
}

/* the whole answer: {"results":[…],"head":…,"stream":…,"reset":…} */
static text *
answer(const LogPage *page, const Cursor *cursor)
{
	StringInfoData json;

	initStringInfo(&json);
	enlargeStringInfo(&json, VARHDRSZ + page->json.len + page->count + 128);
	json.len = VARHDRSZ;
	appendStringInfoString(&json, "{\"results\":[");
	for (int i = 0; i < page->count; i++)
	{
		const PageEvent *event = page_event(page, i);

		if (i > 0)
			appendStringInfoChar(&json, ',');
		appendBinaryStringInfo(&json, page->json.data + event->begin, event->length);
	}
	appendStringInfo(&json, "],\"head\":" INT64_FORMAT ",\"stream\":" INT64_FORMAT ",\"reset\":%s}",
					 cursor->head, cursor->current_stream, cursor->reset ? "true" : "false");
	SET_VARSIZE(json.data, json.len);
	return (text *) json.data;
}
