/*
 * removals.c - see removals.h. It owns the list of absences of each user from each room.
 *
 * An absence begins when the removal has committed for certain, and ends when somebody begins to add
 * the user again, or when a restore undoes it; what happens in between those moments and the true
 * ones is not judged.
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

void
removals_take(const Line *line)
{
	int64_t		key = LINES_PAIR(line->user, line->room);
	Absence    *last = table_get(&absences, key);
	int			era = timeline_era(line->stream);
	Absence    *absence;

	switch (line->op)
	{
		case OP_REMOVED:
			n_removals++;
			absence = memory_alloc(sizeof(Absence));
			*absence = (Absence) {last, line->at, timeline_undone_at(era, line->room, line->seq), line->seq, era};
			table_put(&absences, key, absence);
			break;
		case OP_ADDING:
			if (last != NULL && last->to > line->at)
				last->to = line->at;
			break;
		default:
			break;
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
