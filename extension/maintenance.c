/*
 * maintenance.c: the background processes that have what is too old removed, by porcupine.maintain().
 *
 * A launcher, which stays and is connected to no database, and one worker at a time, which goes to one
 * database after the other every porcupine.maintenance_interval. A worker that finds no extension leaves at
 * once; else it takes one step after the other, each a transaction of its own, resting in between, until
 * the round is over or three seconds have passed: then the launcher lets a second go by and sends the next
 * one. So DROP DATABASE and its like, which wait five seconds for connections to go, find a moment without one.
 *
 *   an error of a step         is logged, and the worker ends; the next round tries again. What goes wrong
 *                              in one room is kept in porcupine.stat_maintenance, and the others go on
 *   no free process            is logged (max_worker_processes); the next round tries again
 *   a locked room              is left out by maintain() itself
 *   DROP EXTENSION             waits for a step at most; a worker waits a second for it, and gives up
 *   a standby                  has neither process; after the promotion the launcher starts
 *   pg_terminate_backend()     a worker ends and its step is undone; the launcher is back after ten seconds
 *
 * Without shared_preload_libraries there is neither, and somebody else has to call maintain().
 *
 * A worker is a superuser as far as PostgreSQL is concerned, but all that it calls is one function that
 * runs as porcupine_owner.
 *
 * In shared memory there is one number: whether the worker left work behind. The worker writes it, the
 * launcher reads it when that has ended.
 */
#include "compat.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "pgstat.h"
#include "port/atomics.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "guc.h"
#include "maintenance.h"
#include "shared.h"
#include "spi.h"

#define RESTART_SECONDS 10
#define STAY_MS 3000
#define PAUSE_MS 1000
#define INVALID_DATABASE (-2)	/* datconnlimit of one whose DROP DATABASE was interrupted */

PGDLLEXPORT void porcupine_launcher_main(Datum arg);
PGDLLEXPORT void porcupine_maintenance_main(Datum database);

static pg_atomic_uint32 *work_left;

static Size memory_size(void);
static void attach(void *memory, bool fresh);
static void launch_round(void);
static List *list_databases(void);
static bool visit(Oid database);
static BackgroundWorkerHandle *start_worker(Oid database);
static void await_end(BackgroundWorkerHandle *handle);
static void wait_for(long milliseconds);
static void reload_settings(void);
static void connect_to(Oid database);
static bool take_step(void);
static bool is_installed(void);

void
maintenance_register(void)
{
	static SharedPiece piece = {.name = "porcupine maintenance", .size = memory_size, .attach = attach};
	BackgroundWorker launcher = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = RESTART_SECONDS,
	};

	/* pg_upgrade wants the databases for itself */
	if (IsBinaryUpgrade)
		return;
	shared_reserve(&piece);
	snprintf(launcher.bgw_name, BGW_MAXLEN, "porcupine maintenance launcher");
	snprintf(launcher.bgw_type, BGW_MAXLEN, "porcupine maintenance launcher");
	snprintf(launcher.bgw_library_name, BGW_MAXLEN, "porcupine");
	snprintf(launcher.bgw_function_name, BGW_MAXLEN, "porcupine_launcher_main");
	RegisterBackgroundWorker(&launcher);
}

static Size
memory_size(void)
{
	return sizeof(*work_left);
}

static void
attach(void *memory, bool fresh)
{
	work_left = memory;
	if (fresh)
		pg_atomic_init_u32(work_left, 0);
}

/* --- the launcher ------------------------------------------------------------ */

void
porcupine_launcher_main(Datum arg)
{
	MemoryContext round;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	pgstat_report_appname("porcupine maintenance launcher");

	round = AllocSetContextCreate(TopMemoryContext, "porcupine maintenance", ALLOCSET_DEFAULT_SIZES);
	while (!ShutdownRequestPending)
	{
		TimestampTz began = GetCurrentTimestamp();

		MemoryContextSwitchTo(round);
		if (guc_settings.maintenance_interval > 0)
			launch_round();
		MemoryContextReset(round);
		/* a reload may change how long that is, and ends a wait */
		while (!ShutdownRequestPending)
		{
			long		passed = TimestampDifferenceMilliseconds(began, GetCurrentTimestamp());
			long		interval = guc_settings.maintenance_interval * 1000L;

			if (interval > 0 && passed >= interval)
				break;
			wait_for(interval > 0 ? interval - passed : 3600 * 1000L);
		}
	}
	proc_exit(1);				/* after 0 it would not be started again */
}

/* Each database once, then again those that are not done, until it is time for the next round. */
static void
launch_round(void)
{
	TimestampTz began = GetCurrentTimestamp();
	List	   *databases = list_databases();

	while (databases != NIL && !ShutdownRequestPending)
	{
		List	   *unfinished = NIL;
		ListCell   *each;

		foreach(each, databases)
		{
			if (ShutdownRequestPending || guc_settings.maintenance_interval == 0)
				return;
			if (visit(lfirst_oid(each)))
				unfinished = lappend_oid(unfinished, lfirst_oid(each));
		}
		databases = unfinished;
		if (TimestampDifferenceExceeds(began, GetCurrentTimestamp(), guc_settings.maintenance_interval * 1000))
			return;
		if (databases != NIL)
			wait_for(PAUSE_MS);
	}
}

/* those that can be connected to and are no templates; in the current memory context */
static List *
list_databases(void)
{
	MemoryContext result = CurrentMemoryContext;
	List	   *databases = NIL;
	Relation	table;
	TableScanDesc scan;
	HeapTuple	row;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	table = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(table, 0, NULL);
	while ((row = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_database database = (Form_pg_database) GETSTRUCT(row);
		MemoryContext before;

		if (database->datistemplate || !database->datallowconn || database->datconnlimit == INVALID_DATABASE)
			continue;
		before = MemoryContextSwitchTo(result);
		databases = lappend_oid(databases, database->oid);
		MemoryContextSwitchTo(before);
	}
	table_endscan(scan);
	table_close(table, AccessShareLock);
	CommitTransactionCommand();
	MemoryContextSwitchTo(result);
	return databases;
}

/* Has a worker go there, and waits until it has left; true: there is more to do. */
static bool
visit(Oid database)
{
	BackgroundWorkerHandle *handle;

	pg_atomic_write_u32(work_left, 0);
	handle = start_worker(database);
	if (handle == NULL)
		return false;
	await_end(handle);
	return pg_atomic_read_u32(work_left) != 0;
}

static BackgroundWorkerHandle *
start_worker(Oid database)
{
	BackgroundWorkerHandle *handle;
	BackgroundWorker worker = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = BGW_NEVER_RESTART,
		.bgw_main_arg = ObjectIdGetDatum(database),
		.bgw_notify_pid = MyProcPid,
	};

	snprintf(worker.bgw_name, BGW_MAXLEN, "porcupine maintenance");
	snprintf(worker.bgw_type, BGW_MAXLEN, "porcupine maintenance");
	snprintf(worker.bgw_library_name, BGW_MAXLEN, "porcupine");
	snprintf(worker.bgw_function_name, BGW_MAXLEN, "porcupine_maintenance_main");
	if (RegisterDynamicBackgroundWorker(&worker, &handle))
		return handle;
	ereport(LOG,
			(errmsg("porcupine's maintenance worker could not be started"),
			 errhint("Raise max_worker_processes. What is too old stays until it can.")));
	return NULL;
}

static void
await_end(BackgroundWorkerHandle *handle)
{
	pid_t		pid;

	while (!ShutdownRequestPending)
	{
		BgwHandleStatus status = GetBackgroundWorkerPid(handle, &pid);

		if (status == BGWH_STOPPED || status == BGWH_POSTMASTER_DIED)
			return;
		wait_for(PAUSE_MS);
	}
}

/* Until then or until something happens: a worker has started or ended, a signal. */
static void
wait_for(long milliseconds)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, milliseconds, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	reload_settings();
}

static void
reload_settings(void)
{
	if (!ConfigReloadPending)
		return;
	ConfigReloadPending = false;
	ProcessConfigFile(PGC_SIGHUP);
}

/* --- the worker ------------------------------------------------------------------ */

void
porcupine_maintenance_main(Datum database)
{
	TimestampTz came = GetCurrentTimestamp();

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	connect_to(DatumGetObjectId(database));
	while (take_step())
	{
		if (TimestampDifferenceExceeds(came, GetCurrentTimestamp(), STAY_MS))
		{
			pg_atomic_write_u32(work_left, 1);
			return;
		}
		if (guc_settings.maintenance_delay > 0)
			wait_for(guc_settings.maintenance_delay);
		CHECK_FOR_INTERRUPTS();
	}
}

static void
connect_to(Oid database)
{
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
	/* whatever the database or somebody's postgresql.conf says for people */
	SetConfigOption("search_path", "pg_catalog", PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("default_transaction_isolation", "read committed", PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("lock_timeout", "1s", PGC_SUSET, PGC_S_OVERRIDE);
	pgstat_report_appname("porcupine maintenance");
}

/* false: there is no further one in this round, or no extension */
static bool
take_step(void)
{
	static Statement maintain = {.sql = "SELECT m.more FROM porcupine.maintain() m"};
	bool		more = false;

	SetCurrentStatementStartTimestamp();
	pgstat_report_activity(STATE_RUNNING, "SELECT porcupine.maintain()");
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	if (!XactReadOnly && is_installed())
	{
		int			nesting = spi_begin();

		more = spi_run(&maintain, NULL) > 0 && spi_true(0, 1);
		spi_end(nesting);
	}
	PopActiveSnapshot();
	CommitTransactionCommand();
	pgstat_report_stat(true);
	pgstat_report_activity(STATE_IDLE, NULL);
	return more;
}

/*
 * The lock, until the end of the step, is what DROP EXTENSION waits for. A database whose extension is of an
 * earlier version than the library has nothing to call yet.
 */
static bool
is_installed(void)
{
	Oid			extension = get_extension_oid("porcupine", true);

	if (!OidIsValid(extension))
		return false;
	LockDatabaseObject(ExtensionRelationId, extension, 0, AccessShareLock);
	return get_extension_oid("porcupine", true) == extension
		&& OidIsValid(get_relname_relid("maintenance", get_namespace_oid("porcupine", true)));
}
