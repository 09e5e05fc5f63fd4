/*
 * events.h: appending to the logs of rooms: the send path.
 */
#ifndef PORCUPINE_EVENTS_H
#define PORCUPINE_EVENTS_H

#include "item.h"

#define EVENTS_MOST_ITEMS 1000	/* in one call */
#define EVENTS_SILENT (-1)		/* in the place of an origin */

/*
 * Decides on each item that is not refused yet, and stores what is accepted: all or, after an
 * error, nothing. Forces the commit to be flushed when something was stored. The rooms ring with
 * this origin; EVENTS_SILENT: they do not ring. A room that another transaction holds is waited for;
 * without wait its items are refused as busy, and those of the other rooms go on.
 */
extern void events_send(SendItem *items, int count, int64 origin, bool wait);

/*
 * Refuses an item (not refused yet) that its sender may not send to the room as things are, without
 * locks: that may change before it is sent.
 */
extern void events_check_member(SendItem *item);

#endif							/* PORCUPINE_EVENTS_H */
