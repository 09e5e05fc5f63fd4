/*
 * events.h: appending to the logs of rooms: the send path.
 */
#ifndef PORCUPINE_EVENTS_H
#define PORCUPINE_EVENTS_H

#include "datatype/timestamp.h"
#include "utils/uuid.h"

#include "errors.h"

#define EVENTS_LONGEST_BODY 65536
#define EVENTS_MOST_ITEMS 1000	/* in one call */
#define EVENTS_SILENT (-1)		/* in the place of an origin */

/* what is given for one send; a null is a null here too */
typedef struct SendCells
{
	NullableDatum room;			/* bigint */
	NullableDatum user;			/* bigint */
	NullableDatum device;		/* bigint */
	NullableDatum client_id;	/* uuid */
	NullableDatum epoch;		/* integer */
	NullableDatum kind;			/* text */
	NullableDatum ref;			/* bigint */
	NullableDatum body;			/* bytea */
} SendCells;

typedef struct SendItem
{
	/* what is to be stored; valid unless refused */
	int64		room;
	int64		user;
	int64		device;
	int64		ref;			/* 0: none */
	pg_uuid_t  *client_id;
	bytea	   *body;
	const char *kind;			/* static */
	int32		epoch;

	/* what came of it */
	const Refusal *refusal;		/* NULL: stored, now or (repeated) before */
	int64		seq;			/* also of the first one with duplicate_mismatch */
	TimestampTz created_at;
	int32		current_epoch;	/* with stale_epoch and epoch_closed */
	TimestampTz muted_until;	/* with muted */
	bool		repeated;
	bool		stored;			/* by this call */
} SendItem;

/* Fills an item from what was given, or refuses it. Keeps pointers into the cells. */
extern void events_read_item(SendItem *item, const SendCells *cells);

/*
 * Decides on each item that is not refused yet, and stores what is accepted: all or, after an
 * error, nothing. Forces the commit to be flushed when something was stored. The rooms ring with
 * this origin; EVENTS_SILENT: they do not ring. A room that another transaction holds is waited for;
 * without wait its items are refused as busy, and those of the other rooms go on.
 */
extern void events_send(SendItem *items, int count, int64 origin, bool wait);

/*
 * Refuses an item (not refused yet) that its sender may not send to the room as things are, without
 * locks: that may change before it is sent.
 */
extern void events_check_member(SendItem *item);

/* Raises the refusal of an item as an error. */
_Noreturn extern void events_refuse(const SendItem *item);

#endif							/* PORCUPINE_EVENTS_H */
