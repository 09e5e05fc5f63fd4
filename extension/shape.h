/*
 * shape.h: an event as the JSON object of API.md ("Events").
 */
#ifndef PORCUPINE_SHAPE_H
#define PORCUPINE_SHAPE_H

#include "postgres.h"

#include "executor/tuptable.h"
#include "lib/stringinfo.h"

/* What a statement selects from porcupine.events e, for shape_event(); in the order of ShapeColumn. */
#define SHAPE_COLUMNS \
	"e.room_id, e.seq, e.kind, e.sender_id, e.device_id, e.client_id, e.epoch, e.ref, e.created_at, e.body"

typedef enum ShapeColumn
{
	SHAPE_ROOM,
	SHAPE_SEQ,
	SHAPE_KIND,
	SHAPE_SENDER,
	SHAPE_DEVICE,
	SHAPE_CLIENT_ID,
	SHAPE_EPOCH,
	SHAPE_REF,
	SHAPE_CREATED_AT,
	SHAPE_BODY,
	SHAPE_N_COLUMNS
} ShapeColumn;

typedef struct KindShape KindShape;

/* The kind that was met last, for the next event is mostly of the same; zeroed at first. */
typedef struct LastKind
{
	Oid			oid;
	NameData	name;
	const KindShape *shape;
} LastKind;

/*
 * Appends the event in the slot, whose columns are SHAPE_COLUMNS. Returns the user who can read no
 * further than it, for it ends their membership; 0: nobody.
 */
extern int64 shape_event(StringInfo json, TupleTableSlot *slot, LastKind *last);

#endif							/* PORCUPINE_SHAPE_H */
