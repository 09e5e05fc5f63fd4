/*
 * doorbell.c: waking whoever listens, once a transaction.
 *
 * A doorbell is a hint; the tables are the truth. What a transaction has to ring (rooms whose heads
 * advanced or that are gone, memberships that changed, sessions that ended, users who were disabled)
 * is collected in its memory and rings when it commits. Where a worker attends the database (see
 * ring.c, worker.c) the committed transaction leaves it to that; elsewhere NOTIFY is part of the
 * transaction, which takes a database-wide lock through its commit: that is why send_many() can
 * leave ringing to its caller. bells.c says what a doorbell reads like.
 *
 * The collection is an array whose entries carry the nesting level of the (sub)transaction they
 * belong to. New entries belong to the innermost, so the levels never fall along the array: a
 * rolled-back savepoint cuts its tail off, a released one relabels it. When the array is full,
 * equal entries are merged before it grows.
 *
 * Everything that can fail happens before the commit, merging and the choice between the two ways
 * included. A transaction that is prepared for a two-phase commit could do neither: this memory does
 * not outlive the session, and no callback runs at COMMIT PREPARED. So it is refused.
 */
#include "compat.h"

#include "access/detoast.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "bells.h"
#include "doorbell.h"
#include "errors.h"
#include "ring.h"
#include "worker.h"

#define MOST_RUNG_ROOMS 10000

/* what this transaction has to ring; in TopTransactionContext */
static Bells pending;
static bool muted;
static bool promised;			/* a worker stays until we have pushed it into the ring */

static void collect(Bell bell);
static Datum *int8_elements(Datum argument, int *count);

/* AFTER UPDATE OR DELETE ... FOR EACH ROW on porcupine.room_heads */
PG_FUNCTION_INFO_V1(porcupine_room_heads_ring_the_doorbell);

Datum
porcupine_room_heads_ring_the_doorbell(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	TupleDesc	columns;
	HeapTuple	after;
	int			room_column;
	int			seq_column;
	bool		isnull;
	int64		room;
	int64		old_seq;

	if (!CALLED_AS_TRIGGER(fcinfo)
		|| !TRIGGER_FIRED_AFTER(trigger->tg_event) || !TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("room_heads_ring_the_doorbell() is a trigger function, AFTER ... FOR EACH ROW")));
	columns = RelationGetDescr(trigger->tg_relation);
	room_column = SPI_fnumber(columns, "room_id");
	seq_column = SPI_fnumber(columns, "last_seq");
	if (room_column <= 0 || seq_column <= 0)
		elog(ERROR, "the doorbell's trigger belongs on porcupine.room_heads");

	room = DatumGetInt64(SPI_getbinval(trigger->tg_trigtuple, columns, room_column, &isnull));
	old_seq = DatumGetInt64(SPI_getbinval(trigger->tg_trigtuple, columns, seq_column, &isnull));
	after = trigger->tg_newtuple;
	if (TRIGGER_FIRED_BY_DELETE(trigger->tg_event))
		collect((Bell) {.kind = BELL_ROOM, .id = room, .seq = BELL_ROOM_GONE});
	else if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
	{
		int64		seq = DatumGetInt64(SPI_getbinval(after, columns, seq_column, &isnull));

		if (seq > old_seq)
			doorbell_ring_room(room, seq, 0);
	}
	return PointerGetDatum(NULL);	/* an AFTER trigger's result is ignored */
}

/* porcupine.heads_ring(): asked before the trigger is queued, which costs more than all it does */
PG_FUNCTION_INFO_V1(porcupine_heads_ring);

Datum
porcupine_heads_ring(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!muted);
}

/* porcupine.ring_member(account, room) */
PG_FUNCTION_INFO_V1(porcupine_ring_member);

Datum
porcupine_ring_member(PG_FUNCTION_ARGS)
{
	collect((Bell) {.kind = BELL_MEMBER, .id = PG_GETARG_INT64(0), .other = PG_GETARG_INT64(1)});
	PG_RETURN_VOID();
}

/* porcupine.ring_session(session) */
PG_FUNCTION_INFO_V1(porcupine_ring_session);

Datum
porcupine_ring_session(PG_FUNCTION_ARGS)
{
	collect((Bell) {.kind = BELL_SESSION, .id = PG_GETARG_INT64(0)});
	PG_RETURN_VOID();
}

/* porcupine.ring_user(account) */
PG_FUNCTION_INFO_V1(porcupine_ring_user);

Datum
porcupine_ring_user(PG_FUNCTION_ARGS)
{
	collect((Bell) {.kind = BELL_USER, .id = PG_GETARG_INT64(0)});
	PG_RETURN_VOID();
}

/* porcupine.ring(rooms, seqs, origin) */
PG_FUNCTION_INFO_V1(porcupine_ring);

Datum
porcupine_ring(PG_FUNCTION_ARGS)
{
	int			room_count;
	int			seq_count;
	Datum	   *rooms = int8_elements(PG_GETARG_DATUM(0), &room_count);
	Datum	   *seqs = int8_elements(PG_GETARG_DATUM(1), &seq_count);
	int64		origin = PG_GETARG_INT64(2);

	if (room_count != seq_count)
		errors_refuse(CONDITION_INVALID, "rooms and seqs differ in length", NULL, NULL);
	doorbell_check_origin(origin);
	for (int i = 0; i < room_count; i++)
	{
		int64		room = DatumGetInt64(rooms[i]);
		int64		seq = DatumGetInt64(seqs[i]);

		if (room <= 0 || seq <= 0 || seq == BELL_ROOM_GONE)
			errors_refuse(CONDITION_INVALID, "rooms and seqs are numbers from 1", NULL, NULL);
		doorbell_ring_room(room, seq, origin);
	}
	PG_RETURN_VOID();
}

void
doorbell_mute(bool mute)
{
	muted = mute;
}

void
doorbell_ring_room(int64 room, int64 seq, int64 origin)
{
	collect((Bell) {.kind = BELL_ROOM, .id = room, .seq = seq, .origin = origin});
}

void
doorbell_check_origin(int64 origin)
{
	if (origin < 0)
		errors_refuse(CONDITION_INVALID, "an origin is a number from 1, or 0 for none", NULL, NULL);
}

void
doorbell_before_commit(void)
{
	if (pending.count == 0)
		return;
	bells_merge(&pending);
	promised = ring_promise();
	if (promised)
		return;
	bells_notify(&pending, false);
	pending.count = 0;
	if (ring_note_direct())
		worker_start();
}

void
doorbell_after_commit(void)
{
	if (promised)
		ring_push(pending.bells, pending.count);
}

/* NOTIFY cannot be part of a prepared transaction; say so in terms of what the caller did. */
void
doorbell_refuse_prepare(void)
{
	if (pending.count > 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot PREPARE a transaction that has changed rooms, memberships or sessions"
						" of porcupine"),
				 errhint("Commit it in one phase.")));
}

void
doorbell_end(void)
{
	memset(&pending, 0, sizeof(pending));	/* the memory goes with the transaction */
	muted = false;
	if (promised)
		ring_release();
	promised = false;
}

void
doorbell_keep(int level)
{
	for (int i = pending.count - 1; i >= 0 && pending.bells[i].level >= level; i--)
		pending.bells[i].level = level - 1;
}

void
doorbell_drop(int level)
{
	while (pending.count > 0 && pending.bells[pending.count - 1].level >= level)
		pending.count--;
	muted = false;
}

static void
collect(Bell bell)
{
	MemoryContext before;

	PreventCommandDuringRecovery("porcupine's doorbell");
	before = MemoryContextSwitchTo(TopTransactionContext);
	bell.level = GetCurrentTransactionNestLevel();
	bells_add(&pending, &bell);
	MemoryContextSwitchTo(before);
}

static Datum *
int8_elements(Datum argument, int *count)
{
	ArrayType  *array;
	Datum	   *elements;

	/* before it is unpacked: a few compressed bytes may stand for a gigabyte */
	if (toast_raw_datum_size(argument) > MOST_RUNG_ROOMS * sizeof(int64) + ARR_OVERHEAD_NONULLS(1))
		errors_refuse(CONDITION_TOO_LARGE, "at most 10000 rooms at once", NULL, NULL);
	array = DatumGetArrayTypeP(argument);
	if (ARR_NDIM(array) > 1 || array_contains_nulls(array))
		errors_refuse(CONDITION_INVALID, "rooms and seqs are lists without nulls", NULL, NULL);
	deconstruct_array(array, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
					  &elements, NULL, count);
	return elements;
}
