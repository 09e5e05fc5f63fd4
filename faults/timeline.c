/*
 * timeline.c - see timeline.h.
 */
#include "timeline.h"
#include "findings.h"
#include "memory.h"
#include "table.h"

#include <string.h>

#define MAX_ERAS 256
#define MAX_SEQ 100000000		/* places are an array */

typedef struct Era
{
	int64_t		stream;
	int64_t		began;			/* the server that had the old history was gone by then */
	Table		heads;			/* room -> where its log was cut, plus one */
} Era;

typedef struct Place
{
	ClientId	id;
	uint64_t	hash;			/* 0: nobody has spoken of it */
	bool		stored;
} Place;

typedef struct Log
{
	Place	   *places;			/* by seq */
	int64_t		size;
	int64_t		last_stored;	/* the last row of the table, in the last era */
	int64_t		room;
	int			era;
} Log;

/* The first era is there before any restore. */
static Era	eras[MAX_ERAS];
static int	last_era;
static Table logs;

static Place *place_of(int era, int64_t room, int64_t seq);
static Log *log_of(int era, int64_t room);
static void say(Place *place, const Line *line);

/* --- eras ------------------------------------------------------------------------------------- */

void
timeline_restored(const Line *line)
{
	if (last_era == 0 || eras[last_era].stream != line->stream)
	{
		if (last_era == MAX_ERAS - 1)
			return;
		last_era++;
		eras[last_era] = (Era) {.stream = line->stream, .began = line->began};
	}
	table_put(&eras[last_era].heads, line->room, (void *) (intptr_t) (line->head + 1));
}

int
timeline_era(int64_t stream)
{
	int			era = last_era;

	while (era > 0 && eras[era].stream > stream)
		era--;
	return era;
}

int
timeline_last_era(void)
{
	return last_era;
}

/* A room that the restore does not name was not there. */
static int64_t
cut_at(int era, int64_t room)
{
	intptr_t	head = (intptr_t) table_get(&eras[era].heads, room);

	return head > 0 ? head - 1 : 0;
}

int
timeline_origin(int era, int64_t room, int64_t seq)
{
	while (era > 0 && seq <= cut_at(era, room))
		era--;
	return era;
}

bool
timeline_survives(int origin, int later, int64_t room, int64_t seq)
{
	return timeline_origin(later, room, seq) <= origin;
}

bool
timeline_may_be_undone(int64_t invoked_at, int64_t room, int64_t seq)
{
	for (int era = 1; era <= last_era; era++)
	{
		if (invoked_at < eras[era].began && seq > cut_at(era, room))
			return true;
	}
	return false;
}

int64_t
timeline_undone_at(int era, int64_t room, int64_t seq)
{
	for (int later = era + 1; later <= last_era; later++)
	{
		if (seq > cut_at(later, room))
			return eras[later].began;
	}
	return INT64_MAX;
}

/* --- places ----------------------------------------------------------------------------------- */

void
timeline_observe(const Line *line, int era)
{
	if (line->seq > 0 && line->seq <= MAX_SEQ)
		say(place_of(timeline_origin(era, line->room, line->seq), line->room, line->seq), line);
	else
		findings_add(FOUND_PHANTOM, line, "no seq that a log has");
}

void
timeline_store(const Line *line)
{
	Log		   *log = log_of(last_era, line->room);
	Place	   *place = place_of(timeline_origin(last_era, line->room, line->seq), line->room, line->seq);

	if (line->seq != log->last_stored + 1)
		findings_add(FOUND_HOLE, line, "the row before it is %lld", (long long) log->last_stored);
	log->last_stored = line->seq;
	say(place, line);
	place->stored = true;
}

void
timeline_head(const Line *line)
{
	int64_t		last = timeline_last_seq(line->room);

	if (line->seq != last)
		findings_add(FOUND_HOLE, line, "the head says so, and the last row is %lld", (long long) last);
}

int64_t
timeline_last_seq(int64_t room)
{
	return log_of(last_era, room)->last_stored;
}

void
timeline_finish(void)
{
	size_t		at = 0;
	TableSlot  *slot;

	while ((slot = table_next(&logs, &at)) != NULL)
	{
		const Log  *log = slot->value;

		for (int64_t seq = 1; seq < log->size; seq++)
		{
			const Place *place = &log->places[seq];
			Line		where = {.room = log->room, .seq = seq};

			if (place->hash != 0 && !place->stored && timeline_survives(log->era, last_era, log->room, seq))
				findings_add(FOUND_PHANTOM, &where, "it was shown and is not in the table");
		}
	}
}

static void
say(Place *place, const Line *line)
{
	if (place->hash == 0)
	{
		place->id = line->id;
		place->hash = line->hash;
	}
	else if (place->hash != line->hash || place->id.high != line->id.high || place->id.low != line->id.low)
		findings_add(FOUND_DISAGREE, line, "client id %016llx%016llx with body %016llx, and before %016llx%016llx with %016llx",
					 (unsigned long long) line->id.high, (unsigned long long) line->id.low, (unsigned long long) line->hash,
					 (unsigned long long) place->id.high, (unsigned long long) place->id.low, (unsigned long long) place->hash);
}

static Place *
place_of(int era, int64_t room, int64_t seq)
{
	Log		   *log = log_of(era, room);

	if (seq >= log->size)
	{
		int64_t		size = seq + seq / 2 + 64;

		log->places = memory_grow(log->places, (size_t) size * sizeof(Place));
		memset(log->places + log->size, 0, (size_t) (size - log->size) * sizeof(Place));
		log->size = size;
	}
	return &log->places[seq];
}

static Log *
log_of(int era, int64_t room)
{
	int64_t		key = LINES_PAIR((int64_t) era, room);
	Log		   *log = table_get(&logs, key);

	if (log == NULL)
	{
		log = memory_alloc(sizeof(Log));
		log->era = era;
		log->room = room;
		table_put(&logs, key, log);
	}
	return log;
}
