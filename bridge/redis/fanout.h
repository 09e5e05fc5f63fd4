/*
 * fanout.h - what the bridges tell each other over Redis.
 *
 * In a room's channel: its new events, finished as clients get them; that it has at least some seq;
 * who types; who has come and gone. In the channel of all: that one is there, and the doorbells that
 * the relay passes on. It is at most once: the log is the truth, a gap in seq is read from it, and
 * heads are read once a subscription has begun. Without a Redis node all of this does nothing.
 *
 * A message is lines, the first of which names the stream of the log and the origin of the message;
 * of another stream, or malformed, it is ignored (fanout.c has the grammar).
 */
#ifndef PORCUPINE_FANOUT_H
#define PORCUPINE_FANOUT_H

#include "hub.h"
#include "nodes.h"
#include "others.h"

typedef struct FanoutEvents
{
	/* Heads of these rooms may have moved unheard: their channels have just been subscribed to. */
	void		(*subscribed) (const int64_t *rooms, int count);
	/* A doorbell that the relay passes on, without its rooms. */
	void		(*doorbell) (const char *payload);
	/* A room is said to be gone. */
	void		(*room_gone) (void);
	/* Doorbells of the relay may have been lost. */
	void		(*missed) (void);
	/* A Redis node is there, or no longer is. */
	void		(*came) (int node);
	void		(*went) (int node);
	/* A user has the first announced subscription of a room at that bridge, or none any more. */
	void		(*presence) (int64_t room, int64_t origin, int64_t user, bool online);
	/* That bridge is no longer heard. */
	void		(*gone) (int64_t origin);
} FanoutEvents;

/* nodes and events must outlive the process; clustered: see channels.h; origin: this bridge's own. */
extern void fanout_open(const Nodes *nodes, bool clustered, int64_t origin, const FanoutEvents *events);
extern void fanout_close(void);

/* The hub has the room, or no longer has it. */
extern void fanout_watch(int64_t room);
extern void fanout_unwatch(int64_t room);

/* Is it worth finishing a frame for the other bridges? */
extern bool fanout_reaches(int64_t room);
/* What is said in one turn of the loop goes as one message a room. The frame stays the caller's. */
extern void fanout_publish(int64_t room, const HubEvent *event);
extern void fanout_typing(int64_t room, int64_t user);
extern void fanout_presence(int64_t room, int64_t user, bool online);

/* For the relay: a room has at least this seq, or is gone (0); a doorbell without its rooms. */
extern void fanout_hint(int64_t room, int64_t seq);
extern void fanout_doorbell(const char *payload);

/* Once a second: says what this bridge does, and looks who is there. */
extern void fanout_beat(Duty duty);

#endif
