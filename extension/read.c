/*
 * read.c: what a bridge reads of rooms: a page of history for a session, and events for its hub.
 *
 * Each is one call, and its answer is finished JSON: what a page costs is mostly what stands around
 * the reading of fifty rows.
 */
#include "compat.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "cursor.h"
#include "page.h"

#define NORMAL_PAGE 50
/* of the bodies of an answer by REST */
#define MOST_BYTES (1024 * 1024)

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
