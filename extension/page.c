/*
 * page.c: reading a stretch of a room's log, by key, in either direction.
 *
 * Bounded by bytes, too, for a page of the largest bodies would be 43 MB: reading stops with the
 * event that passes the bound, so that there always is one.
 */
#include "compat.h"

#include "access/detoast.h"
#include "catalog/pg_type.h"

#include "page.h"
#include "shape.h"
#include "spi.h"

/* retention leaves the entries of the control log, which are read from there */
#define KEPT "e.seq >= (SELECT h.first_seq FROM porcupine.room_heads h WHERE h.room_id = $1)"

/* where the rows go */
typedef struct PageReader
{
	LogPage    *page;
	LastKind	kind;
} PageReader;

static bool take_event(TupleTableSlot *slot, void *arg);

void
page_read(LogPage *page)
{
	static Statement forward = {
		.sql = "SELECT " SHAPE_COLUMNS " FROM porcupine.events e"
		" WHERE e.room_id = $1 AND e.seq > $2 AND e.seq < $3 AND " KEPT " ORDER BY e.seq LIMIT $4",
		.argtypes = {INT8OID, INT8OID, INT8OID, INT4OID}
	};
	static Statement backward = {
		.sql = "SELECT " SHAPE_COLUMNS " FROM porcupine.events e"
		" WHERE e.room_id = $1 AND e.seq > $2 AND e.seq < $3 AND " KEPT " ORDER BY e.seq DESC LIMIT $4",
		.argtypes = {INT8OID, INT8OID, INT8OID, INT4OID}
	};
	PageReader	reader = {.page = page};
	int			nesting;

	page->max = Max(1, Min(page->max, PAGE_MOST_EVENTS));
	page->events = palloc(page->max * sizeof(PageEvent));
	initStringInfo(&page->json);
	nesting = spi_begin();
	spi_each(page->backward ? &backward : &forward, (Datum[]) {
			 Int64GetDatum(page->room), Int64GetDatum(page->after), Int64GetDatum(page->before),
			 Int32GetDatum(page->max)
			 }, take_event, &reader);
	spi_end(nesting);
}

static bool
take_event(TupleTableSlot *slot, void *arg)
{
	PageReader *reader = arg;
	LogPage    *page = reader->page;
	PageEvent  *event = &page->events[page->count++];

	slot_getallattrs(slot);
	page->bytes += toast_raw_datum_size(slot->tts_values[SHAPE_BODY]) - VARHDRSZ;
	event->seq = DatumGetInt64(slot->tts_values[SHAPE_SEQ]);
	event->begin = page->json.len;
	event->ends = shape_event(&page->json, slot, &reader->kind);
	event->length = page->json.len - event->begin;
	return page->bytes < page->max_bytes;
}

const PageEvent *
page_event(const LogPage *page, int nth)
{
	return &page->events[page->backward ? page->count - 1 - nth : nth];
}
