/*
 * member.h - one person in some rooms, as a client that is written with care behaves.
 *
 * It keeps a socket, and for each room a cursor: what it has seen without a gap. After every cut
 * it subscribes again from there; on a reset it reads the hole over REST. A send without an answer
 * has an unknown outcome and is said again, the same bytes under the same client id, until there
 * is one. Everything it does and hears goes into the history before anything is made of it.
 *
 * It never judges what it hears; that is the checker's.
 */
#ifndef FAULTS_MEMBER_H
#define FAULTS_MEMBER_H

#include "rooms.h"

#define MEMBER_WINDOW 8			/* sends under way at most */

/* Where the bridges are; a socket goes to one of them, whichever. */
#define MEMBER_MAX_PORTS 32
extern int	member_ports[MEMBER_MAX_PORTS];
extern int	member_port_count;

extern void member_tick(Member *member, int64_t now);

/* A new message, if one more may be under way: was it said? */
extern bool member_send(Member *member, Room *room);
/* Reads a page of what it has seen already. */
extern void member_browse(Member *member, Room *room);
/* Reads the latest page, and says something, whether it is in the room or not: for the time after a removal. */
extern void member_probe(Member *member, Room *room);
/* Hangs up without a word. */
extern void member_cut(Member *member);

extern bool member_is_settled(const Member *member);
/* Writes where each room's cursor is, for what should have come by now. */
extern void member_record_end(const Member *member);

#endif
