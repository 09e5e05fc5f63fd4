/*
 * deferred.c: sends that take their place in the log when the transaction commits.
 *
 * send() holds the head of its room until the commit, and so everybody else's sends to that room:
 * right for a short transaction, wrong for one that sends first and works for a minute. A deferred
 * send waits in porcupine.outbox, whose rows live only inside the transaction. A constraint trigger,
 * initially deferred, sends them: its first firing sends all that this transaction has queued, rooms
 * in ascending order, in a room in the order of the calls; those after it find nothing left. SET
 * CONSTRAINTS ... IMMEDIATE sends at once.
 *
 * What cannot be sent, whatever happens until the commit, is refused by the call: a malformed
 * message, nobody's identity, a room whose member the caller is not. Everything else is decided when
 * it is sent, under the lock of the head, for the user and device of the call, whoever the
 * transaction acts for by then; a refusal is an error then, which aborts the commit.
 *
 * The application's own messages (send_system_deferred) take the same way, and their turn among the
 * others, but for being appended by SQL.
 *
 * A savepoint that is rolled back takes its part along, rows and firings, and brings back what was
 * sent under it. PREPARE TRANSACTION sends first, and is refused because it would have to ring.
 */
#include "compat.h"

#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "deferred.h"
#include "errors.h"
#include "events.h"
#include "identity.h"
#include "links.h"
#include "spi.h"

/* of the application's own messages, which SQL appends; no user sends them */
static const char kind_system[] = "system";

/* of this transaction */
static int32 last_number;
static bool queued;				/* there may be something in the outbox */

/* one of the outbox */
typedef struct Deferred
{
	int32		number;
	SendItem	item;
} Deferred;

/* the columns of what is taken from the outbox */
enum
{
	OUTBOX_NUMBER = 1,
	OUTBOX_ROOM,
	OUTBOX_USER,
	OUTBOX_DEVICE,
	OUTBOX_CLIENT_ID,
	OUTBOX_EPOCH,
	OUTBOX_KIND,
	OUTBOX_REF,
	OUTBOX_BODY
};

static void queue(const SendItem *item);
static void send_outbox(void);
static int	run_length(const SendItem *items, int count);
static void send_run(SendItem *items, int count);
static void send_system(const SendItem *item);
static int	take_outbox(SendItem **items);
static Deferred read_row(uint64 row);
static int	compare_deferred(const void *a, const void *b);

/* porcupine.send_deferred(room, client_id, body, epoch, kind, ref) */
PG_FUNCTION_INFO_V1(porcupine_send_deferred);

Datum
porcupine_send_deferred(PG_FUNCTION_ARGS)
{
	int64		user_id = identity_require_user();
	SendCells	cells = {
		.room = fcinfo->args[0],
		.client_id = fcinfo->args[1],
		.body = fcinfo->args[2],
		.epoch = fcinfo->args[3],
		.kind = fcinfo->args[4],
		.ref = fcinfo->args[5],
		.user.value = Int64GetDatum(user_id),
		.device.value = Int64GetDatum(identity_session_device()),
	};
	SendItem	item;

	item_read(&item, &cells);
	if (item.refusal == NULL)
		events_check_member(&item);
	if (item.refusal != NULL)
		item_refuse(&item);
	queue(&item);
	PG_RETURN_VOID();
}

/* porcupine.queue_system(room, client_id, body), for send_system_deferred(), which has checked them */
PG_FUNCTION_INFO_V1(porcupine_queue_system);

Datum
porcupine_queue_system(PG_FUNCTION_ARGS)
{
	queue(&(SendItem) {
		.room = PG_GETARG_INT64(0),
		.client_id = PG_GETARG_UUID_P(1),
		.body = PG_GETARG_BYTEA_PP(2),
		.kind = kind_system,
	});
	PG_RETURN_VOID();
}

/* the constraint trigger on porcupine.outbox */
PG_FUNCTION_INFO_V1(porcupine_outbox_is_sent_at_commit);

Datum
porcupine_outbox_is_sent_at_commit(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("outbox_is_sent_at_commit() is a trigger function")));
	if (queued)
		send_outbox();
	return PointerGetDatum(NULL);	/* an AFTER trigger's result is ignored */
}

void
deferred_end(void)
{
	last_number = 0;
	queued = false;
}

/* What was sent in the rolled-back subtransaction is in the outbox again. */
void
deferred_undo(void)
{
	queued = last_number > 0;
}

static void
queue(const SendItem *item)
{
	static Statement insert = {
		.sql = "INSERT INTO porcupine.outbox"
		" (transaction, number, room_id, user_id, device_id, client_id, epoch, kind, ref, body)"
		" VALUES (pg_current_xact_id(), $1, $2, $3, nullif($4, 0), $5, $6, $7, nullif($8, 0), $9)",
		.argtypes = {
			INT4OID, INT8OID, INT8OID, INT8OID, UUIDOID, INT4OID, TEXTOID, INT8OID, BYTEAOID
		}
	};
	int			nesting;

	queued = true;
	nesting = spi_begin();
	spi_run(&insert, (Datum[]) {
			Int32GetDatum(++last_number), Int64GetDatum(item->room), Int64GetDatum(item->user),
			Int64GetDatum(item->device), UUIDPGetDatum(item->client_id), Int32GetDatum(item->epoch),
			CStringGetTextDatum(item->kind), Int64GetDatum(item->ref), PointerGetDatum(item->body)
			});
	spi_end(nesting);
}

/*
 * In calls that are not too large; the rooms ascend from one to the next, too. Links come before
 * their turn, for they lock their own rows first, and then the heads of their rooms and of ours
 * together.
 */
static void
send_outbox(void)
{
	SendItem   *items;
	int			nesting;
	int			count;

	links_follow();
	nesting = spi_begin();
	count = take_outbox(&items);
	queued = false;
	for (int from = 0; from < count;)
	{
		int			length = run_length(items + from, count - from);

		if (length > 0)
			send_run(items + from, length);
		else
			send_system(&items[from++]);
		from += length;
	}
	spi_end(nesting);
}

/* how many people's messages come first, as far as they go into one call */
static int
run_length(const SendItem *items, int count)
{
	int			length = 0;

	while (length < count && length < EVENTS_MOST_ITEMS && items[length].kind != kind_system)
		length++;
	return length;
}

static void
send_run(SendItem *items, int count)
{
	events_send(items, count, 0, true);
	for (int i = 0; i < count; i++)
	{
		if (items[i].refusal != NULL)
			item_refuse(&items[i]);
	}
}

static void
send_system(const SendItem *item)
{
	static Statement append = {
		.sql = "SELECT porcupine.append_system($1, $2, $3)",
		.argtypes = {INT8OID, UUIDOID, BYTEAOID}
	};

	spi_run(&append, (Datum[]) {
			Int64GetDatum(item->room), UUIDPGetDatum(item->client_id), PointerGetDatum(item->body)
			});
}

/* By room, and in the order of the calls. */
static int
take_outbox(SendItem **items)
{
	static Statement take = {
		.sql = "DELETE FROM porcupine.outbox o WHERE o.transaction = pg_current_xact_id()"
		" RETURNING o.number, o.room_id, o.user_id, o.device_id, o.client_id, o.epoch, o.kind, o.ref, o.body",
	};
	uint64		count = spi_run(&take, NULL);
	SPITupleTable *rows = SPI_tuptable;
	Deferred   *deferred = palloc(count * sizeof(Deferred));

	for (uint64 row = 0; row < count; row++)
	{
		CHECK_FOR_INTERRUPTS();
		SPI_tuptable = rows;	/* looking for a device reads into another one */
		deferred[row] = read_row(row);
	}
	qsort(deferred, count, sizeof(Deferred), compare_deferred);
	*items = palloc(count * sizeof(SendItem));
	for (uint64 i = 0; i < count; i++)
		(*items)[i] = deferred[i].item;
	return (int) count;
}

static Deferred
read_row(uint64 row)
{
	Deferred	deferred = {.number = spi_int32(row, OUTBOX_NUMBER)};
	NullableDatum cells[OUTBOX_BODY + 1];

	for (int column = OUTBOX_ROOM; column <= OUTBOX_BODY; column++)
		cells[column].value = spi_value(row, column, &cells[column].isnull);
	if (DatumGetInt64(cells[OUTBOX_USER].value) == 0)
	{
		deferred.item.kind = kind_system;
		deferred.item.room = DatumGetInt64(cells[OUTBOX_ROOM].value);
		deferred.item.client_id = DatumGetUUIDP(cells[OUTBOX_CLIENT_ID].value);
		deferred.item.body = DatumGetByteaPP(cells[OUTBOX_BODY].value);
		return deferred;
	}
	if (cells[OUTBOX_DEVICE].isnull)
		cells[OUTBOX_DEVICE] = (NullableDatum) {
			.value = Int64GetDatum(identity_backend_device(DatumGetInt64(cells[OUTBOX_USER].value)))
		};
	item_read(&deferred.item, &(SendCells) {
		.room = cells[OUTBOX_ROOM],
		.user = cells[OUTBOX_USER],
		.device = cells[OUTBOX_DEVICE],
		.client_id = cells[OUTBOX_CLIENT_ID],
		.epoch = cells[OUTBOX_EPOCH],
		.kind = cells[OUTBOX_KIND],
		.ref = cells[OUTBOX_REF],
		.body = cells[OUTBOX_BODY],
	});
	return deferred;
}

static int
compare_deferred(const void *a, const void *b)
{
	const Deferred *one = a;
	const Deferred *two = b;

	if (one->item.room != two->item.room)
		return one->item.room < two->item.room ? -1 : 1;
	return (one->number > two->number) - (one->number < two->number);
}
