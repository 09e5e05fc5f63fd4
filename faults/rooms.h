/*
 * rooms.h - a member and the rooms that they are in, as the files of the member share them.
 *
 * What becomes of them is member.c's, hearing.c's and outgoing.c's; the history is written by those.
 */
#ifndef FAULTS_ROOMS_H
#define FAULTS_ROOMS_H

#include "conn.h"

#include <stdint.h>

typedef enum MemberState
{
	MEMBER_AWAY,				/* no socket; connects at retry_at */
	MEMBER_CONNECTING,
	MEMBER_UPGRADING,
	MEMBER_GREETING,			/* auth is said, ready is not heard */
	MEMBER_READY
} MemberState;

typedef enum RoomState
{
	ROOM_OUTSIDE,				/* not subscribed; asks again at retry_at */
	ROOM_ASKED,
	ROOM_INSIDE
} RoomState;

typedef struct Member Member;

typedef struct Room
{
	Member	   *member;
	int64_t		id;
	RoomState	state;
	int64_t		retry_at;
	int64_t		stream;			/* the cursor: of this stream, ... */
	int64_t		cursor;			/* ... everything up to here */
	int64_t		live;			/* the last event of this subscription, beyond the cursor or equal to it */
	int64_t		fill_to;		/* the hole to read over REST ends here; 0: there is none */
	bool		paging;
	int64_t		page_at;		/* not before */
} Room;

typedef struct Outgoing Outgoing;

struct Member
{
	Conn		conn;			/* first: the handlers are given this */
	int64_t		user;
	char	   *token;
	MemberState state;
	int64_t		socket;			/* a number that no other connection of this run has */
	int			port;
	int64_t		since;			/* the state, for those that must not last */
	int64_t		retry_at;
	int64_t		heard_at;
	int64_t		pinged_at;
	Outgoing   *outgoing;		/* oldest first */
	int			n_outgoing;
	Room	   *rooms;
	int			n_rooms;
};

/* Theirs of this number, or NULL. */
extern Room *rooms_find(const Member *member, int64_t id);

#endif
