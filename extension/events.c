/*
 * events.c: the send path: what decides whether a send is stored, and its place in the room's log.
 *
 * One call, for one send or many, is four steps:
 *
 *   1. lock the heads of all its rooms, in ascending order (or, for a caller who would rather not
 *      wait, those that nobody holds);
 *   2. read everything the decisions need (facts.c), by a snapshot that is taken after the locks (READ
 *      COMMITTED), and whoever changes a room or its members locks the head first, so what it shows
 *      stays true until our commit (in REPEATABLE READ the lock itself fails when the head has changed
 *      since the snapshot);
 *   3. insert what was accepted;
 *   4. advance the heads by as much.
 *
 * The decisions for one item, in this order:
 *
 *   malformed, too large             invalid, too_large (item.c)
 *   sender disabled, device revoked  session_ended
 *   not a member, or no such room    not_member: before the look for a repeat, so that after a removal
 *                                    not even a repeat is answered as a send
 *   the head was not locked          busy
 *   not let in yet                   role
 *   a repeat (by room, device and    the first seq when body, kind and ref are equal, else
 *     client id)                     duplicate_mismatch; a redacted one has no body to compare any more.
 *                                    Before all that follows, because the first one may have been stored
 *                                    in an earlier epoch, and before the sender was muted
 *   a reader                         role
 *   muted                            muted
 *   the room is archived             archived
 *   epoch closed, another epoch      epoch_closed, stale_epoch
 *   ref to what it cannot speak of   invalid, gone (refs.c)
 *   more than the room may hold      quota
 *
 * Items of one call see those before them: they count, and they can be repeated and spoken of.
 *
 * A refusal stores nothing and is no error here. An error, say of a veto trigger, is the whole
 * call's.
 */
#include "compat.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/itemptr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "catalog.h"
#include "doorbell.h"
#include "events.h"
#include "facts.h"
#include "guc.h"
#include "refs.h"
#include "spi.h"
#include "store.h"

/* a room of this call; in ascending order */
typedef struct RoomHead
{
	int64		room;
	int64		last_seq;		/* rises with each accepted item */
	int64		old_seq;		/* last_seq before this call */
	int64		bytes;			/* of what was said in it; rises with each accepted item */
	int64		old_bytes;
	int32		epoch;
	bool		epoch_open;
	bool		archived;
	bool		exists;			/* and is locked by us */
	ItemPointerData place;		/* of its row */
} RoomHead;

typedef struct SendCall
{
	SendItem   *items;
	int			count;
	RoomHead   *heads;
	int			head_count;
	int			accepted;
	bool		wait;			/* for heads that others hold */
	TimestampTz now;			/* read under the locks */
} SendCall;

#define LOCK_SQL \
	"SELECT h.room_id, h.last_seq, h.epoch, h.epoch_open, h.ctid, h.archived, h.bytes" \
	" FROM porcupine.room_heads h" \
	" WHERE h.room_id = ANY ($1) ORDER BY h.room_id FOR UPDATE"

static const Refusal bad_sender = {
	CONDITION_SESSION_ENDED, "the account is disabled or the device revoked", "Sign in again."
};
static const Refusal is_held = {
	CONDITION_BUSY, "another transaction holds the room", "Send it again in a moment."
};
static const Refusal other_body = {
	CONDITION_DUPLICATE_MISMATCH, "this client id was used for another message",
	"Each message needs a client id of its own."
};
static const Refusal is_reader = {
	CONDITION_ROLE, "a reader does not send", "Ask an admin of the room for the role member."
};
static const Refusal is_muted = {CONDITION_MUTED, "muted in this room", NULL};
static const Refusal is_archived = {
	CONDITION_ARCHIVED, "the room is archived", "It can be read; an admin can open it again."
};
static const Refusal is_full = {
	CONDITION_QUOTA, "the room is full of messages",
	"Redact some of them, or have the room keep them for a shorter time."
};
static const Refusal epoch_closed = {
	CONDITION_EPOCH_CLOSED, "the epoch is closed",
	"A member's client has to commit the next epoch first."
};
static const Refusal stale_epoch = {
	CONDITION_STALE_EPOCH, "this is not the room's current epoch",
	"Encrypt for the current epoch and send again."
};

static void collect_heads(SendCall *call);
static int	compare_heads(const void *a, const void *b);
static RoomHead *find_head(const SendCall *call, int64 room);
static void lock_heads(SendCall *call);
static void decide(SendCall *call);
static const Refusal *decide_item(SendCall *call, SendItem *item, FactsReader *reader);
static const Refusal *check_ref(const SendCall *call, const SendItem *item, const RoomHead *head, FactsReader *reader);
static const Refusal *refuse_now(bool reader, TimestampTz muted_until, TimestampTz now, bool archived);
static bool is_too_much(const RoomHead *head, const SendItem *item);
static const SendItem *earlier_in_call(const SendCall *call, const SendItem *item);
static bool same_message(const SendItem *item, const Facts *first);
static const Refusal *repeat_of(SendItem *item, const Facts *first);
static void insert_events(const SendCall *call);
static void fill_row(TupleTableSlot *row, const SendItem *item, const Oid *kind_values);
static void insert_by_sql(const SendCall *call);
static void advance_heads(const SendCall *call);
static void ring_rooms(const SendCall *call, int64 origin);

void
events_send(SendItem *items, int count, int64 origin, bool wait)
{
	SendCall	call = {.items = items, .count = count, .wait = wait};
	int			nesting;

	nesting = spi_begin();
	collect_heads(&call);
	if (call.head_count > 0)
	{
		lock_heads(&call);
		call.now = GetCurrentTimestamp();
		decide(&call);
	}
	if (call.accepted > 0)
	{
		insert_events(&call);
		doorbell_mute(true);
		advance_heads(&call);
		doorbell_mute(false);
		if (origin != EVENTS_SILENT)
			ring_rooms(&call, origin);
		ForceSyncCommit();
	}
	spi_end(nesting);
}

/* the distinct rooms of the items that are not refused yet */
static void
collect_heads(SendCall *call)
{
	int			distinct = 0;

	call->heads = palloc0(call->count * sizeof(RoomHead));
	for (int i = 0; i < call->count; i++)
	{
		if (call->items[i].refusal == NULL)
			call->heads[call->head_count++].room = call->items[i].room;
	}
	qsort(call->heads, call->head_count, sizeof(RoomHead), compare_heads);
	for (int i = 0; i < call->head_count; i++)
	{
		if (i == 0 || call->heads[i].room != call->heads[distinct - 1].room)
			call->heads[distinct++] = call->heads[i];
	}
	call->head_count = distinct;
}

static int
compare_heads(const void *a, const void *b)
{
	int64		one = ((const RoomHead *) a)->room;
	int64		two = ((const RoomHead *) b)->room;

	return (one > two) - (one < two);
}

static RoomHead *
find_head(const SendCall *call, int64 room)
{
	RoomHead   *head;
	RoomHead	key = {.room = room};

	head = bsearch(&key, call->heads, call->head_count, sizeof(RoomHead), compare_heads);
	/* there is one for each item's room */
	Assert(head != NULL);
	return head;
}

/* What FOR UPDATE returns is the row as it is once the lock is held. */
static void
lock_heads(SendCall *call)
{
	static Statement lock = {.sql = LOCK_SQL, .argtypes = {INT8ARRAYOID}};
	static Statement lock_free = {.sql = LOCK_SQL " SKIP LOCKED", .argtypes = {INT8ARRAYOID}};
	Datum	   *rooms = palloc(call->head_count * sizeof(Datum));
	uint64		found;
	bool		isnull;

	for (int i = 0; i < call->head_count; i++)
		rooms[i] = Int64GetDatum(call->heads[i].room);
	found = spi_run(call->wait ? &lock : &lock_free, (Datum[]) {spi_array(rooms, call->head_count, INT8OID)});
	for (uint64 row = 0; row < found; row++)
	{
		RoomHead   *head = find_head(call, spi_int64(row, 1));

		head->exists = true;
		head->old_seq = head->last_seq = spi_int64(row, 2);
		head->epoch = spi_int32(row, 3);
		head->epoch_open = spi_true(row, 4);
		head->place = *(ItemPointer) DatumGetPointer(spi_value(row, 5, &isnull));
		head->archived = spi_true(row, 6);
		head->old_bytes = head->bytes = spi_int64(row, 7);
	}
}

static void
decide(SendCall *call)
{
	FactsReader reader;

	facts_open(&reader);
	for (int i = 0; i < call->count; i++)
	{
		SendItem   *item = &call->items[i];

		CHECK_FOR_INTERRUPTS();
		if (item->refusal == NULL)
			item->refusal = decide_item(call, item, &reader);
	}
	facts_close(&reader);
}

static const Refusal *
decide_item(SendCall *call, SendItem *item, FactsReader *reader)
{
	RoomHead   *head = find_head(call, item->room);
	Facts		facts;
	const SendItem *first;
	const Refusal *refusal;

	facts_read(reader, &facts, item->room, item->user, item->device, item->client_id);
	if (!facts.sender_good)
		return &bad_sender;
	if (!facts.member)
		return &errors_not_member;
	if (!head->exists)
		return call->wait ? &errors_not_member : &is_held;
	if (facts.pending)
		return &errors_is_pending;

	if (facts.seen)
		return repeat_of(item, &facts);
	first = head->last_seq > head->old_seq ? earlier_in_call(call, item) : NULL;
	if (first != NULL)
		return repeat_of(item, &(Facts) {
						 .seq = first->seq, .created_at = first->created_at, .ref = first->ref,
						 .kind = first->kind, .body = first->body
						 });

	item->current_epoch = head->epoch;
	item->muted_until = facts.muted_until;
	refusal = refuse_now(facts.reader, facts.muted_until, call->now, head->archived);
	if (refusal != NULL)
		return refusal;
	if (!head->epoch_open)
		return &epoch_closed;
	if (item->epoch != head->epoch)
		return &stale_epoch;
	if (item->ref != 0 && (refusal = check_ref(call, item, head, reader)) != NULL)
		return refusal;
	if (is_too_much(head, item))
		return &is_full;

	item->seq = ++head->last_seq;
	head->bytes += VARSIZE_ANY_EXHDR(item->body);
	item->created_at = call->now;
	item->stored = true;
	call->accepted++;
	return NULL;
}

/* as things are: what a member may not do who has been let in */
static const Refusal *
refuse_now(bool reader, TimestampTz muted_until, TimestampTz now, bool archived)
{
	if (reader)
		return &is_reader;
	if (muted_until > now)
		return &is_muted;
	return archived ? &is_archived : NULL;
}

static bool
is_too_much(const RoomHead *head, const SendItem *item)
{
	return guc_settings.max_room_size > 0
		&& head->bytes + (int64) VARSIZE_ANY_EXHDR(item->body) > (int64) guc_settings.max_room_size * 1024;
}

/* Of what was sent before this call, or by it. */
static const Refusal *
check_ref(const SendCall *call, const SendItem *item, const RoomHead *head, FactsReader *reader)
{
	Target		target;

	if (item->ref > head->last_seq)
		return &refs_no_event;
	if (item->ref <= head->old_seq)
		return facts_read_target(reader, &target, item->room, item->ref)
			? refs_judge(item->kind, item->user, &target) : &refs_no_event;
	for (const SendItem *earlier = call->items; earlier < item; earlier++)
	{
		if (earlier->stored && earlier->room == item->room && earlier->seq == item->ref)
			return refs_judge(item->kind, item->user,
							  &(Target) {.sender = earlier->user, .kind = earlier->kind});
	}
	return &refs_no_event;
}

static const SendItem *
earlier_in_call(const SendCall *call, const SendItem *item)
{
	for (const SendItem *earlier = call->items; earlier < item; earlier++)
	{
		if (earlier->stored && earlier->room == item->room && earlier->device == item->device
			&& memcmp(earlier->client_id, item->client_id, sizeof(pg_uuid_t)) == 0)
			return earlier;
	}
	return NULL;
}

static const Refusal *
repeat_of(SendItem *item, const Facts *first)
{
	item->seq = first->seq;
	if (!same_message(item, first))
		return &other_body;
	item->created_at = first->created_at;
	item->repeated = true;
	return NULL;
}

/* As far as can be seen: a redacted one has no body. */
static bool
same_message(const SendItem *item, const Facts *first)
{
	Size		length = VARSIZE_ANY_EXHDR(first->body);

	if (strcmp(item->kind, first->kind) != 0 || item->ref != first->ref)
		return false;
	return length == 0
		|| (VARSIZE_ANY_EXHDR(item->body) == length
			&& memcmp(VARDATA_ANY(item->body), VARDATA_ANY(first->body), length) == 0);
}

/* A table that somebody has given triggers or the like gets them from SQL. */
static void
insert_events(const SendCall *call)
{
	const Oid	kind_type = catalog_type("kind");
	const Oid	types[] = {
		INT8OID, INT8OID, TIMESTAMPTZOID, INT8OID, INT8OID, UUIDOID, INT4OID, kind_type, INT8OID, BYTEAOID,
		InvalidOid
	};
	Oid			values[ITEM_KINDS];
	Store		store;

	if (!store_open(&store, "events", types, call->accepted))
	{
		insert_by_sql(call);
		return;
	}
	for (size_t k = 0; k < ITEM_KINDS; k++)
		values[k] = catalog_label(kind_type, item_kinds[k]);
	for (int i = 0; i < call->count; i++)
	{
		if (call->items[i].stored)
			fill_row(store_row(&store), &call->items[i], values);
	}
	store_close(&store);
}

/* in the order of the table's columns */
static void
fill_row(TupleTableSlot *row, const SendItem *item, const Oid *kind_values)
{
	Oid			kind = InvalidOid;

	for (size_t k = 0; k < ITEM_KINDS; k++)
	{
		if (item->kind == item_kinds[k])
			kind = kind_values[k];
	}
	memcpy(row->tts_values, (Datum[]) {
			Int64GetDatum(item->room), Int64GetDatum(item->seq), TimestampTzGetDatum(item->created_at),
			Int64GetDatum(item->user), Int64GetDatum(item->device), UUIDPGetDatum(item->client_id),
			Int32GetDatum(item->epoch), ObjectIdGetDatum(kind), Int64GetDatum(item->ref),
			PointerGetDatum(item->body)
			}, 10 * sizeof(Datum));
	memset(row->tts_isnull, false, 10 * sizeof(bool));
	row->tts_isnull[8] = item->ref == 0;
}

static void
insert_by_sql(const SendCall *call)
{
	static Statement insert = {
		.sql = "INSERT INTO porcupine.events"
		" (created_at, room_id, seq, sender_id, device_id, client_id, epoch, kind, ref, body)"
		" SELECT $1, ($2)[i], ($3)[i], ($4)[i], ($5)[i], ($6)[i], ($7)[i],"
		"   ($8)[i]::porcupine.kind, nullif(($9)[i], 0), ($10)[i]"
		" FROM generate_subscripts($2, 1) AS i",
		.argtypes = {
			TIMESTAMPTZOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID,
			UUIDARRAYOID, INT4ARRAYOID, TEXTARRAYOID, INT8ARRAYOID, BYTEAARRAYOID
		}
	};
	static const Oid types[] = {
		INT8OID, INT8OID, INT8OID, INT8OID, UUIDOID, INT4OID, TEXTOID, INT8OID, BYTEAOID
	};
	Datum	   *columns[lengthof(types)];
	Datum		arguments[1 + lengthof(types)];
	int			rows = 0;

	for (size_t c = 0; c < lengthof(types); c++)
		columns[c] = palloc(call->accepted * sizeof(Datum));
	for (int i = 0; i < call->count; i++)
	{
		const SendItem *item = &call->items[i];

		if (!item->stored)
			continue;
		columns[0][rows] = Int64GetDatum(item->room);
		columns[1][rows] = Int64GetDatum(item->seq);
		columns[2][rows] = Int64GetDatum(item->user);
		columns[3][rows] = Int64GetDatum(item->device);
		columns[4][rows] = UUIDPGetDatum(item->client_id);
		columns[5][rows] = Int32GetDatum(item->epoch);
		columns[6][rows] = CStringGetTextDatum(item->kind);
		columns[7][rows] = Int64GetDatum(item->ref);
		columns[8][rows] = PointerGetDatum(item->body);
		rows++;
	}
	arguments[0] = TimestampTzGetDatum(call->now);
	for (size_t c = 0; c < lengthof(types); c++)
		arguments[1 + c] = spi_array(columns[c], rows, types[c]);
	if (spi_run(&insert, arguments) != (uint64) rows)
		ereport(ERROR,
				(errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION),
				 errmsg("a trigger on porcupine.events left out an event"),
				 errhint("A veto raises an error; returning null would leave a gap in the log.")));
}

/*
 * One statement for all of them, by their places, for we hold their rows. Which of the increments is
 * a row's own it finds by halves: the rooms ascend.
 */
static void
advance_heads(const SendCall *call)
{
	static Statement advance = {
		.sql = "UPDATE porcupine.room_heads h"
		" SET last_seq = h.last_seq + ($3)[pg_catalog.width_bucket(h.room_id, $2)],"
		" bytes = h.bytes + ($4)[pg_catalog.width_bucket(h.room_id, $2)]"
		" WHERE h.ctid = ANY ($1)",
		.argtypes = {TIDARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID}
	};
	static const Oid types[] = {TIDOID, INT8OID, INT8OID, INT8OID};
	Datum	   *columns[lengthof(types)];
	Datum		arguments[lengthof(types)];
	int			count = 0;

	for (size_t c = 0; c < lengthof(types); c++)
		columns[c] = palloc(call->head_count * sizeof(Datum));
	for (int i = 0; i < call->head_count; i++)
	{
		RoomHead   *head = &call->heads[i];

		if (head->last_seq == head->old_seq)
			continue;
		columns[0][count] = PointerGetDatum(&head->place);
		columns[1][count] = Int64GetDatum(head->room);
		columns[2][count] = Int64GetDatum(head->last_seq - head->old_seq);
		columns[3][count] = Int64GetDatum(head->bytes - head->old_bytes);
		count++;
	}
	for (size_t c = 0; c < lengthof(types); c++)
		arguments[c] = spi_array(columns[c], count, types[c]);
	if (spi_run(&advance, arguments) != (uint64) count)
		elog(ERROR, "a locked room head was not there to be advanced");
}

static void
ring_rooms(const SendCall *call, int64 origin)
{
	for (int i = 0; i < call->head_count; i++)
	{
		const RoomHead *head = &call->heads[i];

		if (head->last_seq > head->old_seq)
			doorbell_ring_room(head->room, head->last_seq, origin);
	}
}

void
events_check_member(SendItem *item)
{
	static Statement read = {
		.sql = "SELECT m.role = 'pending', m.role = 'reader', coalesce(m.muted_until, '-infinity'), h.archived"
		" FROM porcupine.members m JOIN porcupine.room_heads h ON h.room_id = m.room_id"
		" WHERE m.room_id = $1 AND m.user_id = $2",
		.argtypes = {INT8OID, INT8OID}
	};
	int			nesting = spi_begin();

	if (spi_run(&read, (Datum[]) {Int64GetDatum(item->room), Int64GetDatum(item->user)}) == 0)
		item->refusal = &errors_not_member;
	else if (spi_true(0, 1))
		item->refusal = &errors_is_pending;
	else
	{
		item->muted_until = spi_int64(0, 3);
		item->refusal = refuse_now(spi_true(0, 2), item->muted_until, GetCurrentTimestamp(), spi_true(0, 4));
	}
	spi_end(nesting);
}
