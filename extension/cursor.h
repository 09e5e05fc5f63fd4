/*
 * cursor.h: may this session read this room, and from where on?
 */
#ifndef PORCUPINE_CURSOR_H
#define PORCUPINE_CURSOR_H

#include "postgres.h"

#include "errors.h"

typedef struct Cursor
{
	/* who asks, and what they have seen */
	int64		session;
	int64		room;
	NullableDatum after;		/* bigint */
	NullableDatum stream;		/* bigint */
	NullableDatum behind;		/* integer: who is further back than this many events is reset */

	/* what is said to it */
	const Refusal *refusal;		/* session_ended, not_member, role; or NULL */
	int64		head;
	int64		first_seq;		/* what is below was taken by retention */
	int64		current_stream;
	int32		epoch;
	bool		epoch_open;
	bool		reset;			/* it cannot be resumed from there */
	int64		erasures;		/* of the room */
} Cursor;

/*
 * Answers each. Membership and head are of one snapshot, that of the caller's statement: a removal
 * that is not seen has a seq above the head, and one that is seen refuses.
 */
extern void cursor_check(Cursor *cursors, int count);

/* Sets reset, for head, first_seq and current_stream as they are. */
extern void cursor_judge(Cursor *cursor);

#endif							/* PORCUPINE_CURSOR_H */
