/*
 * removals.c - see removals.h. It owns the list of absences of each user from each room.
 *
 * An absence begins when the removal has committed for certain, and ends when somebody begins to add
 * the user again; what happens in between those moments and the true ones is not judged.
 */
#include "removals.h"
#include "findings.h"
#include "memory.h"
#include "table.h"
#include "timeline.h"

#include <stdio.h>

typedef struct Absence
{
	struct Absence *before;
	int64_t		from;
	int64_t		to;
	int64_t		seq;			/* of the event that says so */
	int			era;
} Absence;

static Table absences;			/* (user, room) -> the last one */
static Table members;			/* (user, room) -> in, by the log read so far */
static long n_removals;
static long n_refused_reads;

static void end_all(int64_t at);

void
removals_take(const Line *line)
{
	int64_t		key = LINES_PAIR(line->user, line->room);
	Absence    *last = table_get(&absences, key);

	switch (line->op)
	{
		case OP_REMOVED:
			n_removals++;
			last = memory_alloc(sizeof(Absence));
			*last = (Absence) {table_get(&absences, key), line->at, INT64_MAX, line->seq, timeline_era(line->stream)};
			table_put(&absences, key, last);
			break;
		case OP_ADDING:
			if (last != NULL && last->to > line->at)
				last->to = line->at;
			break;
		case OP_RESTORED:
			/* a removal may have been undone with the rest */
			end_all(line->began);
			break;
		default:
			break;
	}
}

static void
end_all(int64_t at)
{
	size_t		position = 0;
	TableSlot  *slot;

	while ((slot = table_next(&absences, &position)) != NULL)
	{
		Absence    *last = slot->value;

		if (last->to > at)
			last->to = at;
	}
}

void
removals_check_read(const Line *line)
{
	const Absence *absence = table_get(&absences, LINES_PAIR(line->member, line->room));

	for (; absence != NULL; absence = absence->before)
	{
		if (line->began < absence->from || line->at > absence->to)
			continue;
		if (line->status == 200)
			findings_add(FOUND_REVOKED, line, "a page was served after the removal at seq %lld", (long long) absence->seq);
		else if (line->status == 403)
			n_refused_reads++;
	}
}

/* The removal takes effect at its seq, whatever the clock says. */
void
removals_check_event(const Line *line, int era)
{
	const Absence *absence = table_get(&absences, LINES_PAIR(line->member, line->room));

	for (; absence != NULL; absence = absence->before)
	{
		if (era == absence->era && line->seq > absence->seq && line->at < absence->to)
		{
			findings_add(FOUND_REVOKED, line, "shown after the removal at seq %lld", (long long) absence->seq);
			return;
		}
	}
}

/* --- by the log --------------------------------------------------------------------------------- */

void
removals_take_row(const Line *line)
{
	static char in;
	int64_t		user = LINES_PAIR(line->user, line->room);

	if (lines_word_is(line->kind, "member.joined"))
		table_put(&members, user, &in);
	else if (lines_word_is(line->kind, "member.left") || lines_word_is(line->kind, "member.removed"))
		table_remove(&members, user);
	else if ((line->id.high != 0 || line->id.low != 0)
			 && table_get(&members, LINES_PAIR(line->member, line->room)) == NULL)
		findings_add(FOUND_REVOKED, line, "accepted from somebody who is no member by the log");
}

void
removals_each_member(void (*check) (int64_t user, int64_t room))
{
	size_t		at = 0;
	TableSlot  *slot;

	while ((slot = table_next(&members, &at)) != NULL)
		check(slot->key >> 24, slot->key & LINES_MAX_ROOM);
}

void
removals_report(void)
{
	printf("count removals %ld\n", n_removals);
	printf("count reads-refused-after-removal %ld\n", n_refused_reads);
}
