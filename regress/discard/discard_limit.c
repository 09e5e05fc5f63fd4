/*
 * discard_limit.c: for the suite discard, a bound on what debug_discard_caches costs.
 *
 * A server that forgets its caches whenever it may takes thousands of times as long, and a statement that calls a
 * function a hundred times an hour. So each statement of a client begins with debug_discard_caches = 1, and goes on
 * without once discard_limit.time has passed: all of them are begun that way, and whoever has more time lets more
 * of them end that way. A session says to the log at its end how many there were and how many were cut short.
 *
 * Loaded by session_preload_libraries into a server with assertions. It owns three counters of its process, and never
 * does anything but change that variable.
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "parser/analyze.h"
#include "storage/ipc.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/timestamp.h"

PG_MODULE_MAGIC;

static int limit_ms;
static int statements;
static int cut_short;
static TimestampTz current_statement;
static post_parse_analyze_hook_type earlier_hook;

static void
report(int code, Datum arg)
{
	if (statements > 0)
		ereport(LOG, errmsg("discard_limit: %d statements, %d cut short", statements, cut_short));
}

/* Called for a client's statement first and then for those in functions, whose plans are forgotten as well. */
static void
analyzed(ParseState *pstate, Query *query, JumbleState *jstate)
{
	if (earlier_hook)
		earlier_hook(pstate, query, jstate);
	if (GetCurrentStatementStartTimestamp() != current_statement)
	{
		current_statement = GetCurrentStatementStartTimestamp();
		statements++;
		debug_discard_caches = 1;
	}
	else if (debug_discard_caches > 0 &&
			 TimestampDifferenceExceeds(current_statement, GetCurrentTimestamp(), limit_ms))
	{
		debug_discard_caches = 0;
		cut_short++;
	}
}

void		_PG_init(void);

void
_PG_init(void)
{
	DefineCustomIntVariable("discard_limit.time",
							"How long a statement runs with debug_discard_caches.",
							NULL, &limit_ms, 1000, 0, 86400000, PGC_SUSET, GUC_UNIT_MS, NULL, NULL, NULL);
	earlier_hook = post_parse_analyze_hook;
	post_parse_analyze_hook = analyzed;
	before_shmem_exit(report, (Datum) 0);
}
