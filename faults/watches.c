/*
 * watches.c - see watches.h.
 */
#include "watches.h"
#include "findings.h"
#include "memory.h"
#include "table.h"
#include "timeline.h"

#include <stdio.h>

/* One room on one socket. */
typedef struct Watch
{
	int64_t		next;
	int64_t		missing_from;	/* the last hole: 0: there was none */
	int64_t		missing_to;
} Watch;

/* One room of one member, over all sockets: the checker's own account of their cursor. */
typedef struct Cover
{
	int			era;
	int64_t		upto;			/* seen without a hole */
	int64_t		live;			/* seen beyond the hole that is being read */
	int64_t		fill_to;		/* where that hole ends; 0: there is none */
	bool		ended;
	int64_t		end;
} Cover;

static Table watches;			/* (socket, room) */
static Table covers;			/* (member, room) */
static long n_events;
static long n_pages;
static long n_resets;
static long n_subscriptions;

static void begin(Cover *cover, Watch *watch, const Line *line);
static void reset(Cover *cover, Watch *watch, const Line *line, int era);
static void show(Cover *cover, Watch *watch, const Line *line);
static void read_page(Cover *cover, const Line *line);
static void *entry(Table *table, int64_t number, int64_t room, size_t size);

void
watches_take(const Line *line, int era)
{
	Watch	   *watch = entry(&watches, line->socket, line->room, sizeof(Watch));
	Cover	   *cover = entry(&covers, line->member, line->room, sizeof(Cover));

	switch (line->op)
	{
		case OP_SUBSCRIBE:
			n_subscriptions++;
			begin(cover, watch, line);
			break;
		case OP_RESET:
			n_resets++;
			reset(cover, watch, line, era);
			break;
		case OP_EVENT:
			n_events++;
			show(cover, watch, line);
			break;
		case OP_PAGE:
			n_pages++;
			read_page(cover, line);
			break;
		case OP_END:
			cover->ended = true;
			cover->end = era == timeline_last_era() ? cover->upto : 0;
			break;
		default:
			break;
	}
}

static void
begin(Cover *cover, Watch *watch, const Line *line)
{
	*watch = (Watch) {.next = line->after + 1};
	if (line->after > cover->upto)
		findings_add(FOUND_GAP, line, "goes on after %lld, having seen only what is up to %lld", (long long) line->after,
					 (long long) cover->upto);
	cover->fill_to = 0;
}

static void
reset(Cover *cover, Watch *watch, const Line *line, int era)
{
	*watch = (Watch) {.next = line->head + 1};
	if (era == cover->era && line->after > cover->upto)
		findings_add(FOUND_GAP, line, "will read after %lld, having seen only what is up to %lld", (long long) line->after,
					 (long long) cover->upto);
	*cover = (Cover) {.era = era, .upto = line->after, .live = line->head,
		.fill_to = line->head > line->after ? line->head : 0};
}

static void
show(Cover *cover, Watch *watch, const Line *line)
{
	if (watch->next == 0)
		findings_add(FOUND_ORDER, line, "nothing was subscribed to");
	else if (line->seq > watch->next)
	{
		findings_add(FOUND_GAP, line, "seq %lld was to come", (long long) watch->next);
		watch->missing_from = watch->next;
		watch->missing_to = line->seq - 1;
	}
	else if (line->seq < watch->next)
	{
		if (line->seq >= watch->missing_from && line->seq <= watch->missing_to)
			findings_add(FOUND_ORDER, line, "after %lld", (long long) watch->next - 1);
		else
			findings_add(FOUND_TWICE, line, "shown a second time on this subscription");
		return;
	}
	watch->next = line->seq + 1;
	if (cover->fill_to > 0)
		cover->live = line->seq;
	else
		cover->upto = line->seq;
}

static void
read_page(Cover *cover, const Line *line)
{
	if (line->seq == cover->upto + 1)
		cover->upto++;
	if (cover->fill_to == 0 || cover->upto < cover->fill_to)
		return;
	cover->fill_to = 0;
	if (cover->live > cover->upto)
		cover->upto = cover->live;
}

void
watches_check_end(int64_t user, int64_t room)
{
	const Cover *cover = entry(&covers, user, room, sizeof(Cover));
	Line		where = {.room = room, .seq = cover->end, .member = user};

	if (!cover->ended || cover->fill_to > 0 || cover->end != timeline_last_seq(room))
		findings_add(FOUND_UNDELIVERED, &where, "this was the last they got, and the log ends with %lld",
					 (long long) timeline_last_seq(room));
}

void
watches_report(void)
{
	printf("count subscriptions %ld\n", n_subscriptions);
	printf("count resets %ld\n", n_resets);
	printf("count events %ld\n", n_events);
	printf("count events-read %ld\n", n_pages);
}

static void *
entry(Table *table, int64_t number, int64_t room, size_t size)
{
	int64_t		key = LINES_PAIR(number, room);
	void	   *found = table_get(table, key);

	if (found == NULL)
	{
		found = memory_alloc(size);
		table_put(table, key, found);
	}
	return found;
}
