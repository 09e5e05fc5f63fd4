/*
 * people.h - who takes part: the rooms and their members, as a file names them, a line a member:
 * the room's id, a blank, an access token. Lines of a room stand together, those of its senders first.
 */
#ifndef BENCH_PEOPLE_H
#define BENCH_PEOPLE_H

#include <stdint.h>

typedef struct Sender Sender;

typedef enum MemberState
{
	MEMBER_ABSENT,				/* not connected yet */
	MEMBER_UPGRADING,
	MEMBER_SIGNING_IN,
	MEMBER_SUBSCRIBING,
	MEMBER_LIVE
} MemberState;

typedef struct Room
{
	const char *id;
	int64_t		began;			/* its head when the first member had subscribed; -1 before */
	int64_t		acked;			/* sends */
	int64_t		acked_sum;		/* of their seqs: which ones they were, as far as a sum tells */
} Room;

typedef struct Member
{
	Room	   *room;
	const char *token;
	Sender	   *sender;			/* NULL: only listens */
	MemberState state;
	int			fd;
	int64_t		seq;			/* of the last event */
	char	   *rest;			/* the beginning of a frame */
	uint32_t	rest_length;
} Member;

typedef struct People
{
	Member	   *members;
	int			n_members;
	Room	   *rooms;
	int			n_rooms;
} People;

extern void people_read(People *people, const char *file);

#endif
