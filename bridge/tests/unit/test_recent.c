/*
 * test_recent.c - what rooms remember, and in which order they forget.
 */
#include "recent.h"
#include "memory.h"
#include "tap.h"

#include <string.h>

static HubEvent
event(int64_t seq, size_t length)
{
	Text		text;

	frame_begin(&text);
	memset(text_reserve(&text, length), 'x', length);
	text.length += length;
	return (HubEvent) {.seq = seq, .frame = frame_end(&text)};
}

static void
a_room_is_bounded(void)
{
	Recent		recent = {0};

	for (int64_t seq = 5; seq < 5 + 2 * RECENT_EVENTS; seq++)
		recent_keep(&recent, event(seq, 10));
	ok(recent_find(&recent, 4 + RECENT_EVENTS) == NULL && recent_find(&recent, 5 + RECENT_EVENTS)->seq == 5 + RECENT_EVENTS,
	   "the last events are kept");
	ok(recent_find(&recent, 4 + 2 * RECENT_EVENTS) != NULL && recent_find(&recent, 5 + 2 * RECENT_EVENTS) == NULL,
	   "up to the newest");
	recent_keep(&recent, event(5 + 2 * RECENT_EVENTS, 2 * RECENT_BYTES));
	ok(recent.count == 1 && recent_find(&recent, 5 + 2 * RECENT_EVENTS) != NULL, "one may be larger than all");
	recent_forget_all(&recent);
	ok(recent_total_bytes() == 0 && recent_find(&recent, 5) == NULL, "and nothing is left");
}

/* The first speaks again before the limit is reached, so that the second is the quietest. */
static void
the_quietest_forgets_first(void)
{
	enum
	{
		ROOMS = 300
	};
	static Recent rooms[ROOMS];
	const size_t size = RECENT_BYTES - 4096;

	for (int i = 0; i < 3; i++)
		recent_keep(&rooms[i], event(1, size));
	recent_keep(&rooms[0], event(2, 10));
	for (int i = 3; i < ROOMS && rooms[2].count > 0; i++)
		recent_keep(&rooms[i], event(1, size));
	ok(recent_total_bytes() <= RECENT_ALL_BYTES && recent_total_bytes() > RECENT_ALL_BYTES - 2 * size,
	   "all of them together are bounded");
	ok(rooms[1].count == 0 && rooms[0].count == 2, "the room that was quiet the longest forgot");
	recent_keep(&rooms[1], event(2, 10));
	ok(recent_find(&rooms[1], 2) != NULL, "and remembers anew");
	for (int i = 0; i < ROOMS; i++)
		recent_forget_all(&rooms[i]);
	ok(recent_total_bytes() == 0, "nothing is left");
}

int
main(void)
{
	a_room_is_bounded();
	the_quietest_forgets_first();
	return done();
}
