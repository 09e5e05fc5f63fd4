/*
 * hubroom.c - see hubroom.h. It owns the rooms, and how long each lives.
 */
#include "hubroom.h"
#include "memory.h"
#include "metrics.h"

#include <assert.h>
#include <stdlib.h>

const HubOps *hubroom_ops;
static Table rooms;

HubRoom *
hubroom_make(int64_t id, int64_t erasures)
{
	HubRoom    *room = memory_alloc(sizeof(HubRoom));

	room->id = id;
	room->erasures = erasures;
	table_put(&rooms, id, room);
	metrics_add(METRIC_ROOMS, 1);
	hubroom_ops->opened(id);
	return room;
}

HubRoom *
hubroom_find(int64_t id)
{
	return table_get(&rooms, id);
}

size_t
hubroom_count(void)
{
	return rooms.count;
}

HubRoom *
hubroom_next(size_t *at)
{
	TableSlot  *slot = table_next(&rooms, at);

	return slot != NULL ? slot->value : NULL;
}

void
hubroom_hold(HubRoom *room)
{
	room->busy++;
	assert(room->busy > 0);
}

void
hubroom_release(HubRoom *room)
{
	room->busy--;
	hubroom_free_if_unused(room);
}

void
hubroom_free_if_unused(HubRoom *room)
{
	/* while a read is out the room stays, so that asking again does not begin another one */
	if (room->subscriptions != NULL || room->busy > 0 || room->ticket != 0)
		return;
	recent_forget_all(&room->recent);
	early_forget_all(&room->early);
	table_remove(&rooms, room->id);
	metrics_add(METRIC_ROOMS, -1);
	hubroom_ops->closed(room->id);
	table_free(&room->users);
	free(room);
}

void
hubroom_count_user(HubRoom *room, int64_t user, int change)
{
	intptr_t	before = (intptr_t) table_get(&room->users, user);
	intptr_t	after = before + change;

	if (after > 0)
		table_put(&room->users, user, (void *) after);
	else
		table_remove(&room->users, user);
	if (before == 0 || after == 0)
	{
		hubroom_hold(room);
		hubroom_ops->presence(room->id, user, after > 0);
		room->busy--;
	}
}

void
hubroom_forget_users(HubRoom *room)
{
	size_t		at = 0;
	TableSlot  *slot;

	while ((slot = table_next(&room->users, &at)) != NULL)
		hubroom_ops->presence(room->id, slot->key, false);
	table_free(&room->users);
}
