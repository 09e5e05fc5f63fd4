/*
 * read.c: what a bridge reads of rooms: a page of history for a session, events for its hub, and
 * who may subscribe from where.
 *
 * Each is one call, events are finished JSON, and those who come at once are asked for together:
 * what a page or a subscription costs is mostly what stands around the reading of a few rows.
 */
#include "compat.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "columns.h"
#include "cursor.h"
#include "page.h"

#define MOST_ADMISSIONS 1000	/* at once */
#define NORMAL_PAGE 50
/* of the bodies of an answer by REST */
#define MOST_BYTES (1024 * 1024)

static int64 cell_or_zero(const Column *column, int row);
static void put_admission(ReturnSetInfo *results, int item, const Cursor *cursor);
static int64 number_or(FunctionCallInfo fcinfo, int argument, int64 otherwise);
static text *answer(const LogPage *page, const Cursor *cursor);

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
	LogPage		page = {
		.room = cursor.room,
		.max = PG_ARGISNULL(5) ? NORMAL_PAGE : PG_GETARG_INT32(5),
		.max_bytes = MOST_BYTES,
	};

	cursor_check(&cursor, 1);
	if (cursor.refusal != NULL)
		errors_refuse(cursor.refusal->condition, cursor.refusal->message, cursor.refusal->hint, NULL);
	page.backward = cursor.after.isnull || cursor.reset;
	if (cursor.reset)
		page.from = PG_INT64_MAX;
	else
		page.from = number_or(fcinfo, page.backward ? 2 : 3, PG_INT64_MAX);
	page_read(&page);
	PG_RETURN_TEXT_P(answer(&page, &cursor));
}

/* porcupine.read_frames(room, after, max, max_bytes) */
PG_FUNCTION_INFO_V1(porcupine_read_frames);

Datum
porcupine_read_frames(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *results = (ReturnSetInfo *) fcinfo->resultinfo;
	LogPage		page = {
		.room = number_or(fcinfo, 0, 0),
		.from = number_or(fcinfo, 1, PG_INT64_MAX),
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
		BoolGetDatum(cursor->reset)
	};
	bool		nulls[] = {false, !refused, refused, refused, refused, refused, refused};

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
