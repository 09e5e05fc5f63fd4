/*
 * watch.h - what a peer's subscriptions are: a room each, from a cursor on.
 *
 * It binds hub and peers together: the hub says what goes to whom, the peer carries it, the
 * database is asked whether the user may read and from where. It owns all Watches.
 */
#ifndef PORCUPINE_WATCH_H
#define PORCUPINE_WATCH_H

#include "hub.h"
#include "peer.h"
#include "pgconn.h"

#define WATCH_MAX 1000			/* rooms on one socket */
#define WATCH_MAX_BEHIND 500	/* events; who is further behind is reset */

/* A peer's subscription; sub comes first, for the hub hands it back. */
typedef struct Watch
{
	Subscription sub;
	Peer	   *peer;
	struct WatchCall *call;		/* under way: the question about the cursor, or a page */
	int64_t		after;			/* as the client said, -1: nothing */
	int64_t		stream;			/* the client's, then the one that it has been told; -1: none */
	int64_t		head;
	int64_t		erasures;
	int64_t		epoch;
	bool		epoch_open;
	bool		reset;			/* to be told so */
	bool		admitted;		/* the above is the answer that the hub's room is waited for with */
	uint64_t	typed_at;		/* when its typing was last passed on */
} Watch;

/* Registers with the hub. */
extern void watch_open(void);

/* after and stream: -1 for none. Whatever comes of it is said to the peer. */
extern void watch_begin(Peer *peer, int64_t room, int64_t after, int64_t stream);
/* The subscription to this room, or NULL. */
extern Watch *watch_find(const Peer *peer, int64_t room);
extern void watch_end(Watch *watch);
extern void watch_end_all(Peer *peer);
/* The peer can take more: goes on with what is still catching up. */
extern void watch_resume(Peer *peer);

#endif
