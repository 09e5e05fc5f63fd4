/*
 * porcupine.c: the library's entry: settings, libsodium, and the two callbacks through which the
 * modules hear of the end of transactions.
 *
 * Loaded by shared_preload_libraries, or by the first call of one of its functions: then without
 * shared memory and workers, so that commits ring by themselves and maintain() is called by somebody else.
 *
 * This file stands above all others; which of them may use which is in ARCHITECTURE.md.
 */
#include "compat.h"

#include <sodium.h>

#include "access/xact.h"
#include "miscadmin.h"

#include "deferred.h"
#include "doorbell.h"
#include "guard.h"
#include "guc.h"
#include "identity.h"
#include "maintenance.h"
#include "ring.h"

PORCUPINE_MODULE_MAGIC;

void		_PG_init(void);

static void transaction_ends(XactEvent event, void *arg);
static void subtransaction_ends(SubXactEvent event, SubTransactionId subid,
								SubTransactionId parent, void *arg);

void
_PG_init(void)
{
	if (sodium_init() < 0)
		elog(ERROR, "libsodium cannot be used on this machine");
	guc_define();
	guard_begin();
	if (process_shared_preload_libraries_in_progress)
	{
		ring_reserve();
		maintenance_register();
	}
	RegisterXactCallback(transaction_ends, NULL);
	RegisterSubXactCallback(subtransaction_ends, NULL);
}

static void
transaction_ends(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
			doorbell_before_commit();
			break;
		case XACT_EVENT_PRE_PREPARE:
			doorbell_refuse_prepare();
			break;
		case XACT_EVENT_COMMIT:
			doorbell_after_commit();
			/* FALLTHROUGH */
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			deferred_end();
			doorbell_end();
			identity_end();
			break;
		case XACT_EVENT_PARALLEL_PRE_COMMIT:
		case XACT_EVENT_PARALLEL_COMMIT:
		case XACT_EVENT_PARALLEL_ABORT:
			break;				/* a parallel worker has no identity and changes nothing */
	}
}

static void
subtransaction_ends(SubXactEvent event, SubTransactionId subid, SubTransactionId parent,
					void *arg)
{
	int			level = GetCurrentTransactionNestLevel();

	switch (event)
	{
		case SUBXACT_EVENT_COMMIT_SUB:
			doorbell_keep(level);
			identity_keep_changes(level);
			break;
		case SUBXACT_EVENT_ABORT_SUB:
			deferred_undo();
			doorbell_drop(level);
			identity_undo_changes(level);
			break;
		case SUBXACT_EVENT_START_SUB:
		case SUBXACT_EVENT_PRE_COMMIT_SUB:
			break;
	}
}
