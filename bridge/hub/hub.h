/*
 * hub.h - the rooms that somebody watches, and the order in which their events are shown.
 *
 * Per room the hub publishes the contiguous prefix of the log: events enter by one door, from this
 * node's own commits and from reads after a doorbell; what has been seen is dropped, what is
 * missing is read. Each subscription has a cursor of its own, so that what it is sent while it
 * catches up and what comes live is one sequence without gap or repeat. An event that ends a
 * membership takes effect at its seq: the member gets that event and nothing after it.
 *
 * The hub is logic only: it knows no socket and no database, and does both through HubOps.
 */
#ifndef PORCUPINE_HUB_H
#define PORCUPINE_HUB_H

#include "recent.h"

#include <stdbool.h>
#include <stdint.h>

#define HUB_PAGE 64				/* events of one read for one subscription */

typedef struct HubRoom HubRoom;

/* Embedded in its owner's struct, zeroed before hub_attach(). Only the hub writes to it. */
typedef struct Subscription
{
	struct Subscription *next_in_room;
	struct Subscription *previous_in_room;
	HubRoom    *room;			/* NULL: not attached */
	int64_t		room_id;
	int64_t		user;
	int64_t		next;			/* the seq it is to be sent next; 0: not started */
	int64_t		restarted_at;	/* next, before the log became another one; 0: it did not */
	int64_t		admitted_at;	/* the head, when the user was seen to be a member; announced once sent up to it */
	bool		announced;
	bool		reading;		/* a page of its own is on its way */
	HubEvent   *page;			/* older than what the room keeps */
	int			page_at;
	int			page_count;
} Subscription;

typedef struct HubOps
{
	/* Answer with hub_take_read(). after < 0: the last max events. */
	void		(*read_room) (int64_t room, int64_t ticket, int64_t after, int max);
	/*
	 * Events have come before one that is missing. If that may be on its way: true, and
	 * hub_read_missing() in a moment; else it is read at once.
	 */
	bool		(*wait) (int64_t room);
	/* Answer with hub_take_page(), unless it is detached meanwhile. */
	void		(*read_page) (Subscription *subscription, int64_t after, int max);
	/* The room is there: hub_start(), or hub_detach(), now or later. */
	void		(*attached) (Subscription *subscription);
	/* It has everything up to the head it was started with: say so. */
	void		(*announce) (Subscription *subscription);
	/* Must neither detach anybody nor fail. */
	void		(*push) (Subscription *subscription, Frame *frame);
	/* May it be sent more now? If not, hub_resume() later. */
	bool		(*has_room) (Subscription *subscription);
	/* This event was new, and it was not ready for it. Must neither detach anybody nor fail. */
	void		(*missed) (Subscription *subscription, const Frame *frame);
	/* The hub has detached it: the membership is over, or (busy) the room could not be read. */
	void		(*ended) (Subscription *subscription, bool busy);
	/* The room begins to be watched, or no longer is. */
	void		(*opened) (int64_t room);
	void		(*closed) (int64_t room);
	/* The user's first announced subscription of this room came, or the last went. */
	void		(*presence) (int64_t room, int64_t user, bool online);
} HubOps;

extern void hub_set_ops(const HubOps *ops);

/*
 * Either may end the subscription before it returns. erasures: how often the room's log had lost bodies
 * or events, by a snapshot from before; whoever says more than was known makes the hub forget.
 */
extern void hub_attach(Subscription *subscription, int64_t room, int64_t user, int64_t erasures);
/*
 * Sends the events from next on; announced after those up to head. The user was seen to be a member
 * in the snapshot in which head was the room's: what ended a membership up to there was an earlier
 * one, what ends it above is heard of.
 */
extern void hub_start(Subscription *subscription, int64_t next, int64_t head, int64_t erasures);
extern void hub_resume(Subscription *subscription);
extern void hub_detach(Subscription *subscription);

/* One event of this node's own commits. Takes the frame. */
extern void hub_publish(int64_t room, HubEvent event);
extern void hub_read_missing(int64_t room);
/* A hint: the room has at least this seq; 0, from a sweep: it is gone. */
extern void hub_set_head(int64_t room, int64_t head);
/* Answers to read_room and read_page; ok false: it could not be read. Takes the frames. */
extern void hub_take_read(int64_t room, int64_t ticket, bool ok, HubEvent *events, int count);
extern void hub_take_page(Subscription *subscription, bool ok, HubEvent *events, int count);
/*
 * What a sweep has found: the head of a room that was in hub_rooms() when the sweep was begun. A
 * head below what was published then means that the log was rolled back.
 */
extern void hub_take_sweep(int64_t room, int64_t head, int64_t erasures);
/* The log is another one now: every subscription is attached anew. */
extern void hub_restart(void);

/* To every announced subscription of a room but those of one user. Takes the frame. */
extern void hub_say(int64_t room, Frame *frame, int64_t except_user);
/* The highest seq published, 0 when nobody watches. */
extern int64_t hub_head(int64_t room);
/* The ids of the rooms that are watched; freed by the caller. */
extern int64_t *hub_rooms(int *count);
extern bool hub_is_watched(int64_t room);

#endif
