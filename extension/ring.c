/*
 * ring.c: shared memory between the transactions that ring and the worker that tells.
 *
 * A transaction that commits must not wait for others, nor raise an error, nor allocate: it copies
 * its bells into the ring of its database and goes. The worker of the database (worker.c) tells
 * them by NOTIFY in a transaction of its own. There is a fixed table of rings; a database gets one
 * when it first rings, and loses it to another database once it has no worker.
 *
 * Who may touch what of a ring:
 *
 *   head, slots from head on,     whoever holds the ring's lock; committing transactions only, for as
 *   dropped, since                long as it takes to copy a few bells
 *   tail, slots before head,      the worker, which never takes that lock, so that a worker which is
 *   sweeps to last_notify         stopped in its tracks holds up nobody
 *   database, state, worker_pid,  whoever holds the lock of the table; state is also read without it
 *   latch, start_after, ...
 *   promises, sleeping,           atomics
 *   direct, last_direct
 *
 * No bell is forgotten by a worker that leaves: a transaction first raises promises, then looks at
 * state; the worker first changes state, then looks at promises. Each change is a full barrier, so
 * that at least one of them sees the other: either the transaction notifies by itself or the worker
 * stays. In the same way the worker sets sleeping, then looks at head, and a transaction moves head,
 * then looks at sleeping; only then does it pay for waking the worker.
 *
 * A full ring drops what comes and counts it, whereupon the worker tells everybody to look for
 * themselves ("sweep"). A bell stays in the ring until the commit of the NOTIFY that told it: what a
 * worker that fails, or ends, had not told, it or the next one tells. What dies with shared memory,
 * in a crash, dies together with all connections that could have heard it.
 *
 * An LWLock is safe in the commit's callback: waiting for one raises no error and allocates nothing,
 * and the limit of locks held at once (200) is far: the commit holds none there. A spinlock would
 * make others spin while its holder is off the processor.
 */
#include "compat.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "guc.h"
#include "ring.h"
#include "shared.h"

#define NAME "porcupine doorbell" /* of the memory and its locks */
#define MOST_DATABASES 8
#define BUSY_WITHIN_MS 1000		/* two that ring within this are worth a worker */
#define START_PATIENCE_MS 10000 /* a worker that has not come by then does not come */
#define RESTART_AFTER_MS 5000
#define RETRY_AFTER_MS 60000	/* when no process was to be had */

typedef enum RingState
{
	RING_DESERTED,				/* no worker */
	RING_AWAITING,				/* one was asked for */
	RING_ATTENDED				/* transactions may rely on it */
} RingState;

typedef struct Ring
{
	LWLock	   *lock;
	Oid			database;		/* InvalidOid: free */
	pg_atomic_uint32 state;
	int			worker_pid;
	Latch	   *latch;			/* of the worker */
	TimestampTz asked_at;
	pg_atomic_uint64 start_after;	/* a timestamp; read without the lock, too */

	pg_atomic_uint32 promises;
	pg_atomic_uint32 sleeping;
	pg_atomic_uint64 direct;	/* transactions that notified by themselves */
	pg_atomic_uint64 last_direct;	/* when the last one did */

	pg_atomic_uint64 head;		/* bells that were ever pushed: the next one goes to head % size */
	pg_atomic_uint64 dropped;
	pg_atomic_uint64 since;		/* when the oldest bell in the ring was pushed, about */

	pg_atomic_uint64 tail;		/* bells that were ever told */
	uint64		swept;			/* how many dropped ones a sweep has covered */
	uint64		sweeps;
	uint64		batches;
	uint64		notifies;
	TimestampTz last_notify;
	int64		last_delay;		/* microseconds from its oldest bell to its commit */

	Bell	   *slots;
} Ring;

typedef struct RingTable
{
	LWLock	   *lock;
	uint32		size;			/* of each ring */
	Ring		rings[MOST_DATABASES];
} RingTable;

static RingTable *table;		/* NULL: not preloaded */
static Ring *mine;				/* the one of this database, when it was last looked at */

static void attach(void *memory, bool fresh);
static void reset_rings(void);
static Size memory_size(void);
static Ring *my_ring(bool claim);
static Ring *find_ring(Oid database, bool claim);
static bool is_free(Ring *ring);
static bool can_start(Ring *ring, TimestampTz now);
static bool has_work(Ring *ring);
static const char *mode(void);
static void read_ring(Ring *ring, Datum *values, bool *nulls);
static Datum interval(int64 microseconds);

/* --- the memory ----------------------------------------------------------- */

void
ring_reserve(void)
{
	static SharedPiece piece = {.name = NAME, .size = memory_size, .attach = attach, .locks = 1 + MOST_DATABASES};

	shared_reserve(&piece);
}

static void
attach(void *memory, bool fresh)
{
	table = memory;
	if (fresh)
		reset_rings();
}

static void
reset_rings(void)
{
	LWLockPadded *locks = GetNamedLWLockTranche(NAME);
	Bell	   *slots = (Bell *) ((char *) table + MAXALIGN(sizeof(RingTable)));

	memset(table, 0, sizeof(*table));
	table->size = (uint32) guc_settings.doorbell_ring;
	table->lock = &locks[0].lock;
	for (int i = 0; i < MOST_DATABASES; i++)
	{
		Ring	   *ring = &table->rings[i];

		ring->lock = &locks[1 + i].lock;
		ring->slots = slots + (Size) i * table->size;
		pg_atomic_init_u32(&ring->state, RING_DESERTED);
		pg_atomic_init_u32(&ring->promises, 0);
		pg_atomic_init_u32(&ring->sleeping, 0);
		pg_atomic_init_u64(&ring->start_after, 0);
		pg_atomic_init_u64(&ring->direct, 0);
		pg_atomic_init_u64(&ring->last_direct, 0);
		pg_atomic_init_u64(&ring->head, 0);
		pg_atomic_init_u64(&ring->dropped, 0);
		pg_atomic_init_u64(&ring->since, 0);
		pg_atomic_init_u64(&ring->tail, 0);
	}
}

static Size
memory_size(void)
{
	return add_size(MAXALIGN(sizeof(RingTable)),
					mul_size(mul_size(MOST_DATABASES, (Size) guc_settings.doorbell_ring), sizeof(Bell)));
}

static Ring *
my_ring(bool claim)
{
	if (table == NULL || !OidIsValid(MyDatabaseId))
		return NULL;
	if (mine == NULL || mine->database != MyDatabaseId)
	{
		LWLockAcquire(table->lock, claim ? LW_EXCLUSIVE : LW_SHARED);
		mine = find_ring(MyDatabaseId, claim);
		LWLockRelease(table->lock);
	}
	return mine;
}

/* under the table's lock, exclusively to claim one */
static Ring *
find_ring(Oid database, bool claim)
{
	Ring	   *spare = NULL;

	for (int i = 0; i < MOST_DATABASES; i++)
	{
		Ring	   *ring = &table->rings[i];

		if (ring->database == database)
			return ring;
		if (spare == NULL && is_free(ring))
			spare = ring;
	}
	if (spare == NULL || !claim)
		return NULL;
	spare->database = database;
	spare->worker_pid = 0;
	spare->sweeps = spare->batches = spare->notifies = 0;
	spare->last_notify = spare->last_delay = 0;
	pg_atomic_write_u64(&spare->start_after, 0);
	pg_atomic_write_u64(&spare->direct, 0);
	pg_atomic_write_u64(&spare->last_direct, 0);
	pg_atomic_write_u64(&spare->head, 0);
	pg_atomic_write_u64(&spare->tail, 0);
	pg_atomic_write_u64(&spare->dropped, 0);
	spare->swept = 0;
	return spare;
}

/* Nobody is at it, nobody has rung there lately, and what is left in it is too old to matter. */
static bool
is_free(Ring *ring)
{
	TimestampTz now = GetCurrentTimestamp();

	if (!OidIsValid(ring->database))
		return true;
	return pg_atomic_read_u32(&ring->state) == RING_DESERTED
		&& pg_atomic_read_u32(&ring->promises) == 0
		&& now >= (TimestampTz) pg_atomic_read_u64(&ring->start_after)
		&& TimestampDifferenceExceeds((TimestampTz) pg_atomic_read_u64(&ring->last_direct), now, BUSY_WITHIN_MS);
}

/* --- for transactions ------------------------------------------------------ */

bool
ring_promise(void)
{
	Ring	   *ring = my_ring(false);

	if (ring == NULL || !guc_settings.doorbell_worker)
		return false;
	pg_atomic_fetch_add_u32(&ring->promises, 1);
	if (pg_atomic_read_u32(&ring->state) == RING_ATTENDED)
	{
		pg_read_barrier();
		if (ring->database == MyDatabaseId)
			return true;
	}
	pg_atomic_fetch_sub_u32(&ring->promises, 1);
	return false;
}

void
ring_push(const Bell *bells, int count)
{
	Ring	   *ring = mine;
	uint64		head;
	uint64		used;
	int			fitting;

	LWLockAcquire(ring->lock, LW_EXCLUSIVE);
	head = pg_atomic_read_u64(&ring->head);
	used = head - pg_atomic_read_u64(&ring->tail);
	pg_read_barrier();			/* the worker has done with the slots before tail */
	fitting = Min((uint64) count, table->size - used);
	for (int i = 0; i < fitting; i++)
		ring->slots[(head + (uint64) i) % table->size] = bells[i];
	if (used == 0)
		pg_atomic_write_u64(&ring->since, (uint64) GetCurrentTransactionStopTimestamp());
	if (fitting < count)
		pg_atomic_write_u64(&ring->dropped,
							pg_atomic_read_u64(&ring->dropped) + (uint64) (count - fitting));
	pg_write_barrier();
	pg_atomic_write_u64(&ring->head, head + (uint64) fitting);
	LWLockRelease(ring->lock);

	pg_memory_barrier();
	if (pg_atomic_read_u32(&ring->sleeping) != 0 && pg_atomic_exchange_u32(&ring->sleeping, 0) != 0)
		SetLatch(ring->latch);
}

void
ring_release(void)
{
	pg_atomic_fetch_sub_u32(&mine->promises, 1);
}

bool
ring_note_direct(void)
{
	Ring	   *ring = my_ring(true);
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz before;
	bool		ours;

	if (ring == NULL)
		return false;
	pg_atomic_fetch_add_u64(&ring->direct, 1);
	before = (TimestampTz) pg_atomic_exchange_u64(&ring->last_direct, (uint64) now);
	if (!guc_settings.doorbell_worker || TimestampDifferenceExceeds(before, now, BUSY_WITHIN_MS)
		|| !can_start(ring, now))
		return false;

	LWLockAcquire(table->lock, LW_EXCLUSIVE);
	ours = ring->database == MyDatabaseId && can_start(ring, now);
	if (ours)
	{
		ring->asked_at = now;
		pg_atomic_write_u32(&ring->state, RING_AWAITING);
	}
	LWLockRelease(table->lock);
	return ours;
}

static bool
can_start(Ring *ring, TimestampTz now)
{
	uint32		state = pg_atomic_read_u32(&ring->state);

	if (now < (TimestampTz) pg_atomic_read_u64(&ring->start_after))
		return false;
	return state == RING_DESERTED
		|| (state == RING_AWAITING && TimestampDifferenceExceeds(ring->asked_at, now, START_PATIENCE_MS));
}

void
ring_start_failed(void)
{
	LWLockAcquire(table->lock, LW_EXCLUSIVE);
	pg_atomic_write_u64(&mine->start_after,
						(uint64) TimestampTzPlusMilliseconds(GetCurrentTimestamp(), RETRY_AFTER_MS));
	pg_atomic_write_u32(&mine->state, RING_DESERTED);
	LWLockRelease(table->lock);
}

/* --- for the worker ----------------------------------------------------------- */

bool
ring_attach(Oid database)
{
	bool		awaited;

	LWLockAcquire(table->lock, LW_EXCLUSIVE);
	mine = find_ring(database, false);
	awaited = mine != NULL && pg_atomic_read_u32(&mine->state) == RING_AWAITING && mine->worker_pid == 0;
	if (awaited)
	{
		mine->worker_pid = MyProcPid;
		mine->latch = MyLatch;
		pg_atomic_write_u32(&mine->sleeping, 0);
	}
	LWLockRelease(table->lock);
	return awaited;
}

void
ring_open(void)
{
	LWLockAcquire(table->lock, LW_EXCLUSIVE);
	pg_atomic_exchange_u32(&mine->state, RING_ATTENDED);
	LWLockRelease(table->lock);
}

bool
ring_wait(long timeout_ms)
{
	pg_atomic_exchange_u32(&mine->sleeping, 1);
	if (!has_work(mine))
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, timeout_ms,
						 PG_WAIT_EXTENSION);
	pg_atomic_write_u32(&mine->sleeping, 0);
	return has_work(mine);
}

static bool
has_work(Ring *ring)
{
	return pg_atomic_read_u64(&ring->head) != pg_atomic_read_u64(&ring->tail)
		|| pg_atomic_read_u64(&ring->dropped) != ring->swept;
}

bool
ring_leave(void)
{
	bool		leaves;

	LWLockAcquire(table->lock, LW_EXCLUSIVE);
	pg_atomic_exchange_u32(&mine->state, RING_DESERTED);
	leaves = pg_atomic_read_u32(&mine->promises) == 0;
	pg_read_barrier();			/* who has kept a promise has pushed before */
	leaves = leaves && !has_work(mine);
	if (leaves)
		mine->worker_pid = 0;
	else
		pg_atomic_write_u32(&mine->state, RING_ATTENDED);
	LWLockRelease(table->lock);
	return leaves;
}

void
ring_close(void)
{
	LWLockAcquire(table->lock, LW_EXCLUSIVE);
	if (mine->worker_pid == MyProcPid)
	{
		mine->worker_pid = 0;
		pg_atomic_write_u64(&mine->start_after,
							(uint64) TimestampTzPlusMilliseconds(GetCurrentTimestamp(), RESTART_AFTER_MS));
		pg_atomic_exchange_u32(&mine->state, RING_DESERTED);
	}
	LWLockRelease(table->lock);
}

bool
ring_is_promised(void)
{
	return pg_atomic_read_u32(&mine->promises) != 0;
}

void
ring_take(RingBatch *batch)
{
	uint64		tail = pg_atomic_read_u64(&mine->tail);
	int			count;

	/* dropped first: what is dropped later is not this sweep's */
	batch->dropped = pg_atomic_read_u64(&mine->dropped);
	batch->sweep = batch->dropped != mine->swept;
	batch->since = (TimestampTz) pg_atomic_read_u64(&mine->since);
	batch->end = pg_atomic_read_u64(&mine->head);
	pg_read_barrier();
	count = (int) (batch->end - tail);
	batch->bells = (Bells) {.bells = palloc(Max(count, 1) * sizeof(Bell)), .count = count, .size = Max(count, 1)};
	for (int i = 0; i < count; i++)
		batch->bells.bells[i] = mine->slots[(tail + (uint64) i) % table->size];
}

void
ring_told(const RingBatch *batch, int notifies)
{
	TimestampTz now = GetCurrentTimestamp();

	mine->swept = batch->dropped;
	mine->sweeps += batch->sweep ? 1 : 0;
	mine->batches++;
	mine->notifies += (uint64) notifies;
	mine->last_delay = now - batch->since;
	mine->last_notify = now;
	if (pg_atomic_read_u64(&mine->head) != batch->end)
		pg_atomic_write_u64(&mine->since, (uint64) now);
	pg_memory_barrier();		/* done with the slots */
	pg_atomic_write_u64(&mine->tail, batch->end);
}

/* --- to be looked at ------------------------------------------------------------ */

/* porcupine.doorbell_mode() */
PG_FUNCTION_INFO_V1(porcupine_doorbell_mode);

Datum
porcupine_doorbell_mode(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(mode()));
}

/* Would a busy database have a worker? */
static const char *
mode(void)
{
	Ring	   *ring;

	if (table == NULL || !guc_settings.doorbell_worker || RecoveryInProgress())
		return "notify";
	ring = my_ring(true);
	if (ring == NULL)
		return "notify";
	if (pg_atomic_read_u32(&ring->state) == RING_DESERTED
		&& GetCurrentTimestamp() < (TimestampTz) pg_atomic_read_u64(&ring->start_after))
		return "notify";
	return "worker";
}

/* porcupine.doorbell_status(); its columns are named in SQL */
PG_FUNCTION_INFO_V1(porcupine_doorbell_status);

Datum
porcupine_doorbell_status(PG_FUNCTION_ARGS)
{
	Ring	   *ring = my_ring(false);
	TupleDesc	columns;
	Datum		values[13] = {0};
	bool		nulls[13];

	if (get_call_result_type(fcinfo, NULL, &columns) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "porcupine.doorbell_status() returns a row");
	memset(nulls, ring == NULL, sizeof(nulls));
	if (ring != NULL)
		read_ring(ring, values, nulls);
	values[0] = CStringGetTextDatum(mode());
	nulls[0] = false;
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(columns), values, nulls)));
}

/* Without locks: each figure is true by itself, if not of the same instant as the next. */
static void
read_ring(Ring *ring, Datum *values, bool *nulls)
{
	uint64		tail = pg_atomic_read_u64(&ring->tail);
	uint64		head = pg_atomic_read_u64(&ring->head);
	int			pid = ring->worker_pid;

	values[1] = Int32GetDatum(pid);
	nulls[1] = pid == 0;
	values[2] = Int32GetDatum((int32) table->size);
	values[3] = Int32GetDatum((int32) (head - tail));
	values[4] = Int64GetDatum((int64) head);
	values[5] = Int64GetDatum((int64) pg_atomic_read_u64(&ring->dropped));
	values[6] = Int64GetDatum((int64) ring->sweeps);
	values[7] = Int64GetDatum((int64) ring->batches);
	values[8] = Int64GetDatum((int64) ring->notifies);
	values[9] = Int64GetDatum((int64) pg_atomic_read_u64(&ring->direct));
	values[10] = TimestampTzGetDatum(ring->last_notify);
	values[11] = interval(ring->last_delay);
	nulls[10] = nulls[11] = ring->last_notify == 0;
	values[12] = interval(head == tail ? 0 : GetCurrentTimestamp() - (TimestampTz) pg_atomic_read_u64(&ring->since));
}

static Datum
interval(int64 microseconds)
{
	Interval   *result = palloc0(sizeof(Interval));

	result->time = Max(microseconds, 0);
	return IntervalPGetDatum(result);
}
