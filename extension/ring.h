/*
 * ring.h: shared memory between the transactions that ring and the worker that tells, a ring of
 * bells for each database.
 */
#ifndef PORCUPINE_RING_H
#define PORCUPINE_RING_H

#include "datatype/timestamp.h"

#include "bells.h"

/* Asks for the shared memory; once, while shared_preload_libraries are loaded. */
extern void ring_reserve(void);

/*
 * For a transaction. ring_promise(), before its commit: is there a worker that will tell what this
 * transaction pushes? Then it will not leave before ring_release(), which must follow however the
 * transaction ends. ring_push(), once the commit cannot fail any more, between the two, raises no
 * error and allocates nothing.
 */
extern bool ring_promise(void);
extern void ring_push(const Bell *bells, int count);
extern void ring_release(void);

/*
 * After a transaction of this database had to notify by itself. True: a worker is worth starting,
 * and the caller, nobody else, shall do it; ring_start_failed() if it cannot.
 */
extern bool ring_note_direct(void);
extern void ring_start_failed(void);

/*
 * For the worker, in this order. ring_attach(): false, nobody waits for one, or no longer.
 * ring_open(): from now on transactions rely on it. ring_wait() returns when there is something to
 * tell (true), after that many milliseconds, or when its latch is set. ring_leave(): false, it is
 * still needed. ring_close(), however it ends: nobody relies on it from now on, and the next one
 * does not start at once.
 */
extern bool ring_attach(Oid database);
extern void ring_open(void);
extern bool ring_wait(long timeout_ms);
extern bool ring_leave(void);
extern void ring_close(void);
extern bool ring_is_promised(void);

/* what the worker has taken from the ring and not told yet */
typedef struct RingBatch
{
	Bells		bells;
	uint64		end;
	uint64		dropped;
	bool		sweep;			/* bells were dropped since the last batch that told it */
	TimestampTz since;			/* of the oldest bell, about */
} RingBatch;

/*
 * ring_take() copies, in the current memory context, what is there; ring_told(), when the commit
 * that told it is through, removes it. notifies: how many there were.
 */
extern void ring_take(RingBatch *batch);
extern void ring_told(const RingBatch *batch, int notifies);

#endif							/* PORCUPINE_RING_H */
