/*
 * item.h: one send, as it was given and what came of it.
 */
#ifndef PORCUPINE_ITEM_H
#define PORCUPINE_ITEM_H

#include "datatype/timestamp.h"
#include "utils/uuid.h"

#include "errors.h"

#define ITEM_LONGEST_BODY 65536
#define ITEM_KINDS 3

/* what people send; an item's kind is one of these pointers */
extern const char *const item_kinds[ITEM_KINDS];

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
extern void item_read(SendItem *item, const SendCells *cells);

/* Raises the refusal of an item as an error. */
_Noreturn extern void item_refuse(const SendItem *item);

#endif							/* PORCUPINE_ITEM_H */
