/*
 * page.h: a stretch of a room's log as JSON, bounded by events and by bytes.
 */
#ifndef PORCUPINE_PAGE_H
#define PORCUPINE_PAGE_H

#include "postgres.h"

#include "lib/stringinfo.h"

#define PAGE_MOST_EVENTS 500

typedef struct PageEvent
{
	int64		seq;
	int64		ends;			/* this user can read no further than here; 0: nobody */
	int			begin;			/* in the page's json */
	int			length;
} PageEvent;

typedef struct LogPage
{
	/* what is wanted: of the events between two seqs the first or, backward, the last */
	int64		room;
	int64		after;
	int64		before;
	bool		backward;
	int			max;			/* events; made 1 to PAGE_MOST_EVENTS */
	int64		max_bytes;		/* of bodies: the event that passes it is the last one taken */

	/* what was found, in the order of reading; page_event() has it in the order of seq */
	StringInfoData json;
	PageEvent  *events;
	int			count;
	int64		bytes;
} LogPage;

/* Reads by the snapshot of the caller's statement. Who may read is the caller's to know. */
extern void page_read(LogPage *page);

/* The nth event (from 0) by seq. */
extern const PageEvent *page_event(const LogPage *page, int nth);

#endif							/* PORCUPINE_PAGE_H */
