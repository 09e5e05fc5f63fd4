/*
 * hubroom.h - a room that somebody watches, as the files of the hub share it: what is known of its
 * log, who is subscribed. Nobody else looks inside.
 */
#ifndef PORCUPINE_HUBROOM_H
#define PORCUPINE_HUBROOM_H

#include "early.h"
#include "hub.h"
#include "table.h"

struct HubRoom
{
	int64_t		id;
	int64_t		ticket;			/* of the read under way; 0: none */
	int64_t		published;
	int64_t		known;
	int64_t		at_sweep;		/* published, when the sweep under way was begun */
	int64_t		erasures;		/* of the log, which what is kept is not older than */
	bool		live;
	unsigned	busy;			/* loops under way over its subscriptions: must not be freed */
	Subscription *subscriptions;
	Table		users;			/* user id -> number of announced subscriptions, as a pointer */
	Recent		recent;			/* up to published */
	Early		early;			/* beyond a gap after published */
};

/* As given to hub_set_ops(). */
extern const HubOps *hubroom_ops;

/* NULL: nobody watches it. */
extern HubRoom *hubroom_find(int64_t id);
extern HubRoom *hubroom_make(int64_t id, int64_t erasures);
extern size_t hubroom_count(void);
/* Walks all of them: *at begins at 0; NULL at the end. None may come or go meanwhile. */
extern HubRoom *hubroom_next(size_t *at);

/* Around a loop over the room's subscriptions: the last of them may go meanwhile. */
extern void hubroom_hold(HubRoom *room);
extern void hubroom_release(HubRoom *room);
extern void hubroom_free_if_unused(HubRoom *room);

/* One more or one less announced subscription of this user; the caller holds the room, or frees it. */
extern void hubroom_count_user(HubRoom *room, int64_t user, int change);
extern void hubroom_forget_users(HubRoom *room);

#endif
