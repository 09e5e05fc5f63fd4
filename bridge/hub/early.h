/*
 * early.h - events of a room that have come before the ones ahead of them.
 *
 * What two bridges commit in one room crosses on its way: each has its own events before the other's.
 * They wait here, in the order of the log, bounded in number and bytes; what finds no place is read
 * from the database. An Early is embedded in its room and zero when empty.
 */
#ifndef PORCUPINE_EARLY_H
#define PORCUPINE_EARLY_H

#include "recent.h"

#include <stdbool.h>

#define EARLY_EVENTS 64
#define EARLY_BYTES (256 * 1024)

typedef struct Early
{
	HubEvent   *events;			/* ascending; NULL when there are none */
	int			count;
	size_t		bytes;
} Early;

/* Takes the frame, unless it says false: there is no place. */
extern bool early_keep(Early *early, HubEvent event);
/* The event with this seq, whose frame is the caller's now; those below it are forgotten. False: it is not here. */
extern bool early_take(Early *early, int64_t seq, HubEvent *event);
extern void early_forget_all(Early *early);

#endif
