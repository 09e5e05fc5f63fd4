/*
 * checker.c - finds what contradicts the promises: faults/checker MEMBERSHIP TABLE HISTORY...
 *
 * MEMBERSHIP is written by whoever changed the membership and restored the database, TABLE is what
 * the database has in the end, each HISTORY what one client did and saw (lines.h). It prints each
 * violation (a class at most FINDINGS_SHOWN times), "count NAME N" and "found CLASS N", and ends
 * with 0 where nothing was found, 1 where something was, 2 where something could not be read.
 *
 * It knows nothing of Porcupine but what is promised, and shares nothing with the client but the
 * format of the lines.
 */
#include "findings.h"
#include "lines.h"
#include "messages.h"
#include "removals.h"
#include "timeline.h"
#include "watches.h"

#include <stdio.h>

static void take_restore(const Line *line);
static void take_membership(const Line *line);
static void take_history(const Line *line);
static void take_event(const Line *line);
static void take_table(const Line *line);

int
main(int argc, char **argv)
{
	bool		clean;

	if (argc < 4)
	{
		fprintf(stderr, "usage: checker MEMBERSHIP TABLE HISTORY...\n");
		return 2;
	}
	/* the restores first: they say what the same seq means at different times */
	lines_read(argv[1], take_restore);
	lines_read(argv[1], take_membership);
	for (int i = 3; i < argc; i++)
		lines_read(argv[i], take_history);
	lines_read(argv[2], take_table);
	timeline_finish();
	messages_finish();
	removals_each_member(watches_check_end);
	messages_report();
	watches_report();
	removals_report();
	clean = findings_report();
	return clean ? 0 : 1;
}

static void
take_restore(const Line *line)
{
	if (line->op == OP_RESTORED)
		timeline_restored(line);
}

/* Whoever changes the membership may also send, by SQL. */
static void
take_membership(const Line *line)
{
	removals_take(line);
	messages_step(line);
}

static void
take_history(const Line *line)
{
	switch (line->op)
	{
		case OP_SUBSCRIBE:
		case OP_RESET:
		case OP_END:
			watches_take(line, timeline_era(line->stream));
			break;
		case OP_EVENT:
			removals_check_event(line, timeline_era(line->stream));
			watches_take(line, timeline_era(line->stream));
			take_event(line);
			break;
		case OP_PAGE:
			watches_take(line, timeline_era(line->stream));
			take_event(line);
			break;
		case OP_BROWSED:
			take_event(line);
			break;
		case OP_READ:
			removals_check_read(line);
			break;
		default:
			messages_step(line);
			break;
	}
}

static void
take_event(const Line *line)
{
	int			era = timeline_era(line->stream);

	timeline_observe(line, era);
	if (line->id.high != 0 || line->id.low != 0)
		messages_seen(line, timeline_origin(era, line->room, line->seq), false);
}

static void
take_table(const Line *line)
{
	if (line->op == OP_HEAD)
		timeline_head(line);
	if (line->op != OP_STORED)
		return;
	timeline_store(line);
	removals_take_row(line);
	if (line->id.high != 0 || line->id.low != 0)
		messages_seen(line, timeline_origin(timeline_last_era(), line->room, line->seq), true);
}
