/*
 * outgoing.h - a member's sends without an answer so far, in the order in which they were said.
 *
 * The frame is kept as it was: what is said again is said in identical bytes. It writes the life of
 * each send into the history: invoked, again, unknown, ok or failed.
 */
#ifndef FAULTS_OUTGOING_H
#define FAULTS_OUTGOING_H

#include "rooms.h"

/* Each send of this number is said twice at once, as a client that has lost count would; 0: none. */
extern uint32_t outgoing_twice;

/* Begins a send of this epoch. */
extern void outgoing_begin(Member *member, Room *room, int64_t epoch);

/* The answers. code: why not; a code that leaves the outcome open keeps the send. */
extern void outgoing_stored(Member *member, const char *room, const char *client_id, int64_t seq);
extern void outgoing_refused(Member *member, const char *room, const char *client_id, const char *code);

/* The socket is gone: nobody knows what has become of them. */
extern void outgoing_doubt_all(Member *member);
/* Says those in doubt again, those whose time has come. */
extern void outgoing_repeat(Member *member, int64_t now);

/* Sends that were begun, by all members. */
extern int64_t outgoing_count(void);

#endif
