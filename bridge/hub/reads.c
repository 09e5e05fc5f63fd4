/*
 * reads.c - see reads.h. It owns the rooms that something is waited for in.
 */
#include "reads.h"
#include "fanout.h"
#include "loop.h"
#include "memory.h"
#include "pool.h"
#include "table.h"

#include <stdlib.h>

#define WAIT_MS 50				/* to twice as long, for what is missing to come by itself */

/* Bounded by bytes, too: what is read ends (or, of the recent, begins) where it would become too long. */
#define AFTER_SQL "SELECT f.seq, f.event, f.ends FROM porcupine.read_frames($1::bigint, $2::bigint, $3::int, 196608) f"
#define RECENT_SQL "SELECT f.seq, f.event, f.ends FROM porcupine.read_frames($1::bigint, NULL, $2::int, 393216) f"

typedef struct RoomRead
{
	int64_t		room;
	int64_t		ticket;
} RoomRead;

static Timer wait_timer;
static Table waiting;			/* room -> the seq that is missing, as a pointer ... */
static Table waited;			/* ... since the last turn of the timer */

static void end_waiting(void *arg);
static void on_room_read(void *arg, DbOutcome outcome, const PGresult *result);

void
reads_room(int64_t room, int64_t ticket, int64_t after, int max)
{
	RoomRead   *read = memory_alloc(sizeof(RoomRead));
	DbRequest  *request;

	*read = (RoomRead) {room, ticket};
	if (after < 0)
	{
		request = db_request(RECENT_SQL, on_room_read, read);
		db_number(request, room);
		db_number(request, max);
	}
	else
		request = reads_page_request(room, after, max, on_room_read, read);
	pool_submit(LANE_QUERY, request);
}

/* What another bridge has committed is on its way by Redis. */
bool
reads_wait(int64_t room)
{
	void	   *missing = (void *) (intptr_t) (hub_head(room) + 1);

	if (!fanout_reaches(room))
		return false;
	if (waiting.count == 0 && waited.count == 0)
		timer_start(&wait_timer, end_waiting, NULL, WAIT_MS, WAIT_MS);
	if (table_get(&waited, room) != missing)
		table_put(&waiting, room, missing);
	return true;
}

/* What is still missing after a whole turn of the timer is read. */
static void
end_waiting(void *arg)
{
	Table		done = waited;
	size_t		at = 0;
	TableSlot  *slot;

	(void) arg;
	waited = waiting;
	waiting = (Table) {0};
	if (waited.count == 0)
		timer_stop(&wait_timer);
	while ((slot = table_next(&done, &at)) != NULL)
	{
		if (slot->value == (void *) (intptr_t) (hub_head(slot->key) + 1))
			hub_read_missing(slot->key);
	}
	table_free(&done);
}

DbRequest *
reads_page_request(int64_t room, int64_t after, int max, DbDone done, void *arg)
{
	DbRequest  *request = db_request(AFTER_SQL, done, arg);

	db_number(request, room);
	db_number(request, after);
	db_number(request, max);
	return request;
}

static void
on_room_read(void *arg, DbOutcome outcome, const PGresult *result)
{
	RoomRead   *read = arg;
	HubEvent   *events = NULL;
	int			count = 0;

	if (outcome == DB_DONE)
		events = reads_take_rows(result, &count);
	else if (outcome == DB_REFUSED)
		(void) errors_from_result(result);	/* logs it */
	hub_take_read(read->room, read->ticket, outcome == DB_DONE, events, count);
	free(events);
	free(read);
}

HubEvent *
reads_take_rows(const PGresult *result, int *count)
{
	HubEvent   *events;

	*count = PQntuples(result);
	events = memory_alloc(((size_t) *count + 1) * sizeof(HubEvent));
	for (int row = 0; row < *count; row++)
	{
		events[row].seq = strtoll(PQgetvalue(result, row, 0), NULL, 10);
		events[row].frame = frame_from_event(PQgetvalue(result, row, 1));
		events[row].ends = strtoll(PQgetvalue(result, row, 2), NULL, 10);
	}
	return events;
}

void
reads_close(void)
{
	timer_stop(&wait_timer);
}
