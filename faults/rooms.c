/*
 * rooms.c - see rooms.h.
 */
#include "rooms.h"

#include <stddef.h>

Room *
rooms_find(const Member *member, int64_t id)
{
	for (int i = 0; i < member->n_rooms; i++)
	{
		if (member->rooms[i].id == id)
			return &member->rooms[i];
	}
	return NULL;
}
