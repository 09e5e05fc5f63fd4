/*
 * presence.h - who is online in a room, at whichever bridge.
 *
 * The hub knows it of this bridge; the others say it in the room's channel. Redis keeps it too, a set
 * a room, so that whoever opens a room later hears of those who were there before; an entry counts
 * as long as its bridge is heard. It is best effort, and without Redis it is this bridge alone.
 */
#ifndef PORCUPINE_PRESENCE_H
#define PORCUPINE_PRESENCE_H

#include "text.h"

#include <stdbool.h>
#include <stdint.h>

extern void presence_open(int64_t origin);
extern void presence_close(void);

/* For HubOps: at this bridge; and the room is no longer watched here. */
extern void presence_here(int64_t room, int64_t user, bool online);
extern void presence_forget(int64_t room);

/* For FanoutEvents. */
extern void presence_elsewhere(int64_t room, int64_t origin, int64_t user, bool online);
extern void presence_gone(int64_t origin);
/* The rooms' channels are heard from now on: reads who is there already. */
extern void presence_read(const int64_t *rooms, int count);
/* The node has come (back), perhaps empty: tells it who is online here, and reads who is elsewhere. */
extern void presence_exchange(int node);
/* It has gone: of its rooms only who is here is known. */
extern void presence_lose(int node);

/* A JSON array of the users that are online in the room; of a crowd it is empty. */
extern void presence_write(int64_t room, Text *text);

#endif
