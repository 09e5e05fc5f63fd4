/*
 * bells.h: what there is to tell whoever listens, and how it is told: NOTIFY on the channel
 * "porcupine".
 */
#ifndef PORCUPINE_BELLS_H
#define PORCUPINE_BELLS_H

#define BELL_ROOM_GONE PG_INT64_MAX /* above all seqs, so that it wins when bells are merged */

/* in the order in which they stand in a payload */
typedef enum BellKind
{
	BELL_ROOM,
	BELL_MEMBER,
	BELL_SESSION,
	BELL_USER
} BellKind;

typedef struct Bell
{
	int64		origin;			/* of the bridge that rings; 0: none */
	int64		id;				/* room, user or session; a member's user */
	int64		other;			/* a member's room; otherwise 0 */
	int64		seq;			/* a room's seq or BELL_ROOM_GONE; otherwise 0 */
	int			level;			/* of the (sub)transaction it belongs to, while that can be undone */
	BellKind	kind;
} Bell;

/* Starts as zeros; the array is allocated in the memory context of the first bells_add(). */
typedef struct Bells
{
	Bell	   *bells;
	int			count;
	int			size;
} Bells;

extern void bells_add(Bells *to, const Bell *bell);

/* Sorts, and keeps one of those that say the same: for a room the highest seq. Allocates nothing. */
extern void bells_merge(Bells *bells);

/*
 * Merges them and queues NOTIFYs for the commit of this transaction, the last of them to say
 * "sweep" if that is asked for. Returns how many.
 */
extern int	bells_notify(Bells *bells, bool sweep);

#endif							/* PORCUPINE_BELLS_H */
