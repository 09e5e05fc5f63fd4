/*
 * recent.h - the last events of a room's log, kept in memory, so that whoever was away for a moment
 * costs no read.
 *
 * A Recent is embedded in its room and zero when empty. It is bounded by a number of events and of
 * bytes, and all of them together by bytes: then the room that has been quiet the longest forgets
 * first.
 */
#ifndef PORCUPINE_RECENT_H
#define PORCUPINE_RECENT_H

#include "frame.h"

#include <stdint.h>

#define RECENT_EVENTS 256		/* of a room at most, ... */
#define RECENT_BYTES (512 * 1024)	/* ... and so many bytes of them */
#define RECENT_ALL_BYTES ((size_t) 128 * 1024 * 1024)	/* of all rooms */

typedef struct HubEvent
{
	int64_t		seq;
	Frame	   *frame;
	int64_t		ends;			/* this user can read no further than here; 0: nobody */
} HubEvent;

typedef struct Recent
{
	HubEvent   *events;			/* a ring */
	int			size;
	int			begin;
	int			count;
	size_t		bytes;
	struct Recent *quieter;		/* the room before it in the order of their newest events */
	struct Recent *livelier;
} Recent;

/* The event after the last one kept. Takes the frame. */
extern void recent_keep(Recent *recent, HubEvent event);
/* The event with this seq, or NULL when it is not kept (any more). */
extern const HubEvent *recent_find(const Recent *recent, int64_t seq);
extern void recent_forget_all(Recent *recent);
/* What all of them hold. */
extern size_t recent_total_bytes(void);

#endif
