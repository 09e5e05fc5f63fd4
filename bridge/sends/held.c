/*
 * held.c - see held.h. It owns the rooms, not the sends.
 */
#include "held.h"
#include "memory.h"
#include "metrics.h"
#include "table.h"

#include <stdlib.h>

struct HeldRoom
{
	HeldRoom   *next;			/* to be tried after it */
	int64_t		id;
	Send	   *first;
	Send	   *last;
};

typedef struct RoomQueue
{
	HeldRoom   *first;
	HeldRoom   *last;
} RoomQueue;

static Table rooms;
static RoomQueue fresh;
static RoomQueue tried;

static void enqueue(RoomQueue *queue, HeldRoom *room);
static HeldRoom *dequeue(RoomQueue *queue);

bool
held_has(int64_t room)
{
	return rooms.count > 0 && table_get(&rooms, room) != NULL;
}

int
held_count(void)
{
	return (int) rooms.count;
}

void
held_put(Send *send)
{
	HeldRoom   *room = table_get(&rooms, send->room);

	metrics_add(METRIC_SENDS_HELD, 1);
	send->next = NULL;
	if (room == NULL)
	{
		room = memory_alloc(sizeof(HeldRoom));
		room->id = send->room;
		table_put(&rooms, room->id, room);
		metrics_add(METRIC_ROOMS_HELD, 1);
		enqueue(&fresh, room);
	}
	if (room->first != NULL)
		room->last->next = send;
	else
		room->first = send;
	room->last = send;
}

HeldRoom *
held_take(void)
{
	return dequeue(fresh.first != NULL ? &fresh : &tried);
}

Send *
held_next(HeldRoom *room)
{
	Send	   *send = room->first;

	if (send != NULL)
		room->first = send->next;
	return send;
}

void
held_put_back(HeldRoom *room, Send *const *sends, int count)
{
	while (count-- > 0)
	{
		Send	   *send = sends[count];

		send->next = room->first;
		if (room->first == NULL)
			room->last = send;
		room->first = send;
	}
}

void
held_give_back(HeldRoom *room, bool in_vain)
{
	if (room->first != NULL)
	{
		enqueue(in_vain ? &tried : &fresh, room);
		return;
	}
	table_remove(&rooms, room->id);
	metrics_add(METRIC_ROOMS_HELD, -1);
	free(room);
}

static void
enqueue(RoomQueue *queue, HeldRoom *room)
{
	room->next = NULL;
	if (queue->first != NULL)
		queue->last->next = room;
	else
		queue->first = room;
	queue->last = room;
}

static HeldRoom *
dequeue(RoomQueue *queue)
{
	HeldRoom   *room = queue->first;

	if (room != NULL)
		queue->first = room->next;
	return room;
}
