/*
 * doorbell.c: waking whoever listens, once a transaction, by NOTIFY on the channel "porcupine".
 *
 * A doorbell is a hint; the tables are the truth. What a transaction has to ring (rooms whose heads
 * advanced or that are gone, memberships that changed, sessions that ended) is collected in its
 * memory and sent when it commits, in payloads below 8000 bytes:
 *
 *   {"origin":"","rooms":{"12":345,"13":0},"members":[["5","12"]],"sessions":["9"]}
 *
 * rooms: the room has at least this seq, or 0: it is gone. members: [user, room]. Empty lists are
 * left out. origin names the bridge that rang by porcupine.ring(), so that it can ignore itself; it
 * is empty for everything else.
 *
 * The collection is an array whose entries carry the nesting level of the (sub)transaction they
 * belong to. New entries belong to the innermost, so the levels never fall along the array: a
 * rolled-back savepoint cuts its tail off, a released one relabels it. When the array is full,
 * equal entries are merged before it grows.
 *
 * Everything that can fail happens before the commit. The NOTIFY queue takes a database-wide lock
 * through the commit: that is why send_many() can leave ringing to its caller.
 */
#include "compat.h"

#include "access/detoast.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/async.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "doorbell.h"
#include "errors.h"

#define CHANNEL "porcupine"
#define LONGEST_PAYLOAD 7900	/* NOTIFY takes less than 8000 bytes */
#define LONGEST_ORIGIN 64
#define MOST_RUNG_ROOMS 10000
#define ROOM_GONE PG_INT64_MAX	/* above all seqs, so that it wins when entries are merged */

/* in the order in which they stand in a payload */
typedef enum BellKind
{
	BELL_ROOM,
	BELL_MEMBER,
	BELL_SESSION
} BellKind;

static const struct
{
	const char *open;
	const char *close;
}			sections[] =
{
	[BELL_ROOM] = {",\"rooms\":{", "}"},
	[BELL_MEMBER] = {",\"members\":[", "]"},
	[BELL_SESSION] = {",\"sessions\":[", "]"},
};

typedef struct Bell
{
	int			level;
	BellKind	kind;
	int64		id;				/* room, user or session */
	int64		other;			/* a member's room; otherwise 0 */
	int64		seq;			/* a room's seq or ROOM_GONE; otherwise 0 */
} Bell;

typedef struct Bells
{
	Bell	   *bells;
	int			count;
	int			size;
} Bells;

/* what this transaction has to ring; in TopTransactionContext */
static Bells pending;
static bool muted;

static void collect(BellKind kind, int64 id, int64 other, int64 seq);
static void bells_add(Bells *to, const Bell *bell);
static void bells_merge(Bells *bells);
static int	compare_bells(const void *a, const void *b);
static void send_bells(Bells *bells, const char *origin);
static void append_bell(StringInfo payload, const Bell *bell);
static char *origin_text(Datum argument);
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
		collect(BELL_ROOM, room, 0, ROOM_GONE);
	else if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) && !muted)
	{
		int64		seq = DatumGetInt64(SPI_getbinval(after, columns, seq_column, &isnull));

		if (seq > old_seq)
			collect(BELL_ROOM, room, 0, seq);
	}
	return PointerGetDatum(NULL);	/* an AFTER trigger's result is ignored */
}

/* porcupine.ring_member(account, room) */
PG_FUNCTION_INFO_V1(porcupine_ring_member);

Datum
porcupine_ring_member(PG_FUNCTION_ARGS)
{
	collect(BELL_MEMBER, PG_GETARG_INT64(0), PG_GETARG_INT64(1), 0);
	PG_RETURN_VOID();
}

/* porcupine.ring_session(session) */
PG_FUNCTION_INFO_V1(porcupine_ring_session);

Datum
porcupine_ring_session(PG_FUNCTION_ARGS)
{
	collect(BELL_SESSION, PG_GETARG_INT64(0), 0, 0);
	PG_RETURN_VOID();
}

/*
 * porcupine.ring(rooms, seqs, origin): queues its NOTIFY at once, apart from what the transaction
 * itself has to ring, which must not carry the bridge's name.
 */
PG_FUNCTION_INFO_V1(porcupine_ring);

Datum
porcupine_ring(PG_FUNCTION_ARGS)
{
	int			room_count;
	int			seq_count;
	Datum	   *rooms = int8_elements(PG_GETARG_DATUM(0), &room_count);
	Datum	   *seqs = int8_elements(PG_GETARG_DATUM(1), &seq_count);
	char	   *origin = origin_text(PG_GETARG_DATUM(2));
	Bells		bells = {0};

	if (room_count != seq_count)
		errors_refuse(CONDITION_INVALID, "rooms and seqs differ in length", NULL, NULL);
	for (int i = 0; i < room_count; i++)
	{
		Bell		bell = {
			.kind = BELL_ROOM, .id = DatumGetInt64(rooms[i]), .seq = DatumGetInt64(seqs[i])
		};

		if (bell.id <= 0 || bell.seq <= 0 || bell.seq == ROOM_GONE)
			errors_refuse(CONDITION_INVALID, "rooms and seqs are numbers from 1", NULL, NULL);
		bells_add(&bells, &bell);
	}
	send_bells(&bells, origin);
	PG_RETURN_VOID();
}

void
doorbell_mute(bool mute)
{
	muted = mute;
}

/* before the commit, when an error still rolls everything back */
void
doorbell_ring_all(void)
{
	send_bells(&pending, "");
	pending.count = 0;
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
collect(BellKind kind, int64 id, int64 other, int64 seq)
{
	Bell		bell = {
		.level = GetCurrentTransactionNestLevel(),
		.kind = kind, .id = id, .other = other, .seq = seq
	};
	MemoryContext before = MemoryContextSwitchTo(TopTransactionContext);

	bells_add(&pending, &bell);
	MemoryContextSwitchTo(before);
}

static void
bells_add(Bells *to, const Bell *bell)
{
	if (to->bells == NULL)
	{
		to->size = 16;
		to->bells = palloc(to->size * sizeof(Bell));
	}
	else if (to->count == to->size)
	{
		bells_merge(to);
		if (to->count > to->size / 2)
		{
			/* the size first: should there be no memory, the array stays as it is */
			to->bells = repalloc_huge(to->bells, to->size * 2 * sizeof(Bell));
			to->size *= 2;
		}
	}
	to->bells[to->count++] = *bell;
}

/* Sorts, and keeps one of those that say the same: for a room the highest seq. */
static void
bells_merge(Bells *bells)
{
	int			kept = 0;

	if (bells->count < 2)
		return;
	qsort(bells->bells, bells->count, sizeof(Bell), compare_bells);
	for (int i = 1; i < bells->count; i++)
	{
		Bell	   *last = &bells->bells[kept];
		const Bell *bell = &bells->bells[i];

		if (compare_bells(last, bell) == 0)
			last->seq = Max(last->seq, bell->seq);
		else
			bells->bells[++kept] = *bell;
	}
	bells->count = kept + 1;
}

static int
compare_bells(const void *a, const void *b)
{
	const Bell *one = a;
	const Bell *two = b;

#define UNLESS_EQUAL(field) if (one->field != two->field) return one->field < two->field ? -1 : 1
	UNLESS_EQUAL(level);
	UNLESS_EQUAL(kind);
	UNLESS_EQUAL(id);
	UNLESS_EQUAL(other);
#undef UNLESS_EQUAL
	return 0;
}

static void
send_bells(Bells *bells, const char *origin)
{
	StringInfoData payload;
	StringInfoData entry;
	const char *close = NULL;	/* of the section that is open, if any */
	BellKind	section = BELL_ROOM;

	if (bells->count == 0)
		return;
	bells_merge(bells);
	initStringInfo(&payload);
	initStringInfo(&entry);
	for (int i = 0; i < bells->count; i++)
	{
		const Bell *bell = &bells->bells[i];

		CHECK_FOR_INTERRUPTS();
		resetStringInfo(&entry);
		append_bell(&entry, bell);
		if (payload.len > 0 && payload.len + entry.len + 32 > LONGEST_PAYLOAD)
		{
			appendStringInfo(&payload, "%s}", close);
			Async_Notify(CHANNEL, payload.data);
			resetStringInfo(&payload);
			close = NULL;
		}
		if (payload.len == 0)
			appendStringInfo(&payload, "{\"origin\":\"%s\"", origin);
		if (close != NULL && section == bell->kind)
			appendStringInfoChar(&payload, ',');
		else
			appendStringInfo(&payload, "%s%s",
							 close != NULL ? close : "", sections[bell->kind].open);
		section = bell->kind;
		close = sections[section].close;
		appendBinaryStringInfo(&payload, entry.data, entry.len);
	}
	appendStringInfo(&payload, "%s}", close);
	Async_Notify(CHANNEL, payload.data);
}

static void
append_bell(StringInfo payload, const Bell *bell)
{
	switch (bell->kind)
	{
		case BELL_ROOM:
			appendStringInfo(payload, "\"" INT64_FORMAT "\":" INT64_FORMAT,
							 bell->id, bell->seq == ROOM_GONE ? 0 : bell->seq);
			break;
		case BELL_MEMBER:
			appendStringInfo(payload, "[\"" INT64_FORMAT "\",\"" INT64_FORMAT "\"]",
							 bell->id, bell->other);
			break;
		case BELL_SESSION:
			appendStringInfo(payload, "\"" INT64_FORMAT "\"", bell->id);
			break;
	}
}

/* the name of a bridge, which is written into JSON as it is */
static char *
origin_text(Datum argument)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-";
	char	   *origin = "";

	if (toast_raw_datum_size(argument) - VARHDRSZ <= LONGEST_ORIGIN)
		origin = TextDatumGetCString(argument);
	if (*origin == '\0' || origin[strspn(origin, plain)] != '\0')
		errors_refuse(CONDITION_INVALID,
					  "an origin has 1 to 64 letters, digits, dots, colons, underscores and hyphens",
					  NULL, NULL);
	return origin;
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
