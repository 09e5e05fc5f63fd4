/*
 * worker.c: the background process that tells what committed transactions have left in the ring.
 *
 * One for each database that is busy, none for the others. A commit that finds none notifies by
 * itself; when another one did so less than a second before, it has one started, which needs a free
 * place among max_worker_processes. After three seconds without work it leaves: sooner than the five
 * that DROP DATABASE, CREATE DATABASE ... TEMPLATE and ALTER DATABASE ... RENAME wait for the
 * connections to a database to go.
 *
 * A batch is whatever is in the ring, merged, as one or a few NOTIFYs in a transaction that writes
 * nothing else, so that its commit waits for no flush. After a pause it goes out at once; later ones
 * keep porcupine.doorbell_linger apart, which saves listeners wake-ups. It leaves the ring only once
 * it is committed: told at least once.
 *
 *   an error (the NOTIFY queue is full,    logged; tried again after five seconds. Senders go on, into
 *     a lock cannot be had)                the ring, which may overflow: "sweep"
 *   pg_terminate_backend(), shutdown       tells what is there, and waits up to a second for the commits
 *                                          that rely on it; the next one starts five seconds later at
 *                                          the earliest, until then commits notify by themselves
 *   kill -9                                restarts the server, as that of any process with shared memory
 *   kill -STOP                             holds up nobody: it takes no lock of the ring
 *   DROP EXTENSION                         waits for a batch at most, which locks one table for
 *                                          microseconds; the next batch finds no extension, and it leaves
 *   a standby                              has none: nothing commits there that could ring, and it could
 *                                          not NOTIFY; after the promotion the first commits start one
 *
 * It runs no SQL and reads one table by itself, so that being a superuser gives it nothing to abuse.
 */
#include "compat.h"

#include "access/xact.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "bells.h"
#include "guc.h"
#include "ring.h"
#include "worker.h"

#define IDLE_MS 3000
#define RETRY_MS 5000
#define LAST_COMMITS_MS 1000

PGDLLEXPORT void porcupine_worker_main(Datum database);

static TimestampTz told_at;		/* the last batch; at first, the start */

static void connect_to(Oid database);
static void close_ring(int code, Datum arg);
static bool work(void);
static void pause_for(long milliseconds);
static bool tell_or_retry(void);
static bool tell(void);
static void finish(void);

void
worker_start(void)
{
	BackgroundWorker worker = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = BGW_NEVER_RESTART,	/* whoever rings next has another one started */
		.bgw_main_arg = ObjectIdGetDatum(MyDatabaseId),
	};

	snprintf(worker.bgw_name, BGW_MAXLEN, "porcupine doorbell");
	snprintf(worker.bgw_type, BGW_MAXLEN, "porcupine doorbell");
	snprintf(worker.bgw_library_name, BGW_MAXLEN, "porcupine");
	snprintf(worker.bgw_function_name, BGW_MAXLEN, "porcupine_worker_main");
	if (RegisterDynamicBackgroundWorker(&worker, NULL))
		return;
	ring_start_failed();
	ereport(LOG,
			(errmsg("porcupine's doorbell worker could not be started"),
			 errhint("Raise max_worker_processes. Until then commits notify listeners by themselves, which"
					 " makes them wait for each other.")));
}

void
porcupine_worker_main(Datum database)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();
	if (!ring_attach(DatumGetObjectId(database)))
		return;
	before_shmem_exit(close_ring, (Datum) 0);
	connect_to(DatumGetObjectId(database));
	ring_open();
	told_at = GetCurrentTimestamp();
	while (work())
		;
}

static void
connect_to(Oid database)
{
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
	/* whoever drops the extension may be long about it, and SIGTERM is not to wait for them */
	SetConfigOption("lock_timeout", "1s", PGC_SUSET, PGC_S_OVERRIDE);
	pgstat_report_appname("porcupine doorbell");
}

static void
close_ring(int code, Datum arg)
{
	ring_close();
}

/* one step; false: it is time to go */
static bool
work(void)
{
	long		idle;
	TimestampTz next_at;

	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
	if (ShutdownRequestPending)
	{
		finish();
		return false;
	}

	idle = TimestampDifferenceMilliseconds(told_at, GetCurrentTimestamp());
	if (!ring_wait(Max(IDLE_MS - idle, 1)))
		return idle < IDLE_MS || !ring_leave();
	next_at = TimestampTzPlusMilliseconds(told_at, guc_settings.doorbell_linger);
	if (next_at > GetCurrentTimestamp())
		pause_for(TimestampDifferenceMilliseconds(GetCurrentTimestamp(), next_at));
	if (!tell_or_retry())
		return false;
	told_at = GetCurrentTimestamp();
	return true;
}

/* Whatever rings meanwhile; only the end of the server, or of the worker, cuts it short. */
static void
pause_for(long milliseconds)
{
	ResetLatch(MyLatch);
	if (ShutdownRequestPending)
		return;
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, milliseconds,
					 PG_WAIT_EXTENSION);
}

static bool
tell_or_retry(void)
{
	MemoryContext context = CurrentMemoryContext;
	volatile bool go_on = true;

	PG_TRY();
	{
		go_on = tell();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		EmitErrorReport();
		FlushErrorState();
		AbortCurrentTransaction();
		pause_for(RETRY_MS);
	}
	PG_END_TRY();
	return go_on;
}

/* false: there is no extension any more */
static bool
tell(void)
{
	RingBatch	batch;
	int			notifies;
	bool		installed;

	SetCurrentStatementStartTimestamp();
	pgstat_report_activity(STATE_RUNNING, "NOTIFY porcupine");
	StartTransactionCommand();
	ring_take(&batch);
	installed = OidIsValid(get_extension_oid("porcupine", true));
	notifies = installed ? bells_notify(&batch.bells, batch.sweep) : 0;
	CommitTransactionCommand();
	ring_told(&batch, notifies);
	pgstat_report_activity(STATE_IDLE, NULL);
	pgstat_report_stat(false);
	return installed;
}

/* Nobody new relies on it; those who do and commit just now are waited for, but not for long. */
static void
finish(void)
{
	TimestampTz began = GetCurrentTimestamp();

	ring_close();
	do
	{
		if (ring_wait(1) && !tell_or_retry())
			return;
	} while (ring_is_promised() && !TimestampDifferenceExceeds(began, GetCurrentTimestamp(), LAST_COMMITS_MS));
	if (ring_wait(1))
		(void) tell_or_retry();
}
