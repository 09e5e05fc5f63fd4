/*
 * compat.h: every difference between the PostgreSQL versions we support (15 to 18).
 *
 * No other file asks for PG_VERSION_NUM.
 */
#ifndef PORCUPINE_COMPAT_H
#define PORCUPINE_COMPAT_H

#include "postgres.h"

#include "fmgr.h"

#if PG_VERSION_NUM < 150000
#error "porcupine needs PostgreSQL 15 or later"
#endif

/* since 16 what looks into varlena values has a header of its own */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* of the SQL that this library belongs to: porcupine.control's default_version */
#define PORCUPINE_VERSION "1.1"

/* since 18 a module may say its name and version, which pg_get_loaded_modules() shows */
#if PG_VERSION_NUM >= 180000
#define PORCUPINE_MODULE_MAGIC PG_MODULE_MAGIC_EXT(.name = "porcupine", .version = PORCUPINE_VERSION)
#else
#define PORCUPINE_MODULE_MAGIC PG_MODULE_MAGIC
#endif

/* since 18 a scan of an index can be told where to count */
#if PG_VERSION_NUM >= 180000
#define compat_index_beginscan(table, index, snapshot, keys) \
	index_beginscan(table, index, snapshot, NULL, keys, 0)
#else
#define compat_index_beginscan(table, index, snapshot, keys) \
	index_beginscan(table, index, snapshot, keys, 0)
#endif

/* since 16 an update can be told to leave all but summarizing indexes alone; this is for inserts */
#if PG_VERSION_NUM >= 160000
#define compat_insert_index_tuples(target, row, estate) \
	((void) ExecInsertIndexTuples(target, row, estate, false, false, NULL, NIL, false))
#else
#define compat_insert_index_tuples(target, row, estate) \
	((void) ExecInsertIndexTuples(target, row, estate, false, false, NULL, NIL))
#endif

/* since 18 the executor finds out itself whether it runs only once */
#if PG_VERSION_NUM >= 180000
#define compat_executor_run(query) ExecutorRun(query, ForwardScanDirection, 0)
#else
#define compat_executor_run(query) ExecutorRun(query, ForwardScanDirection, 0, true)
#endif

#endif							/* PORCUPINE_COMPAT_H */
