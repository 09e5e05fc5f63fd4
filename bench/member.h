/*
 * member.h - one socket: it connects, signs in, subscribes, and then hears the events of its room,
 * of which it checks that each comes, once, in order. Whatever else the server may say is either
 * known to be harmless or ends the program.
 */
#ifndef BENCH_MEMBER_H
#define BENCH_MEMBER_H

#include "histogram.h"
#include "people.h"

#include <stdbool.h>

/* What all members have seen together. */
typedef struct Tally
{
	uint64_t	acks;
	uint64_t	deliveries;
	bool		timing;			/* do the times count now? */
	Histogram	to_ack;
	Histogram	to_member;
} Tally;

extern Tally tally;

/* Begins to connect, to a bridge at this port of 127.0.0.1. */
extern void member_connect(Member *member, int port);

/* There is something to read. True when a sender has had an ack and may go on. */
extern bool member_on_readable(Member *member);

/* Has it seen all that was acknowledged in its room? */
extern bool member_has_all(const Member *member);

#endif
