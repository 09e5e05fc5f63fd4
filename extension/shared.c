/*
 * shared.c: pieces of shared memory: asked for while shared_preload_libraries are loaded, found by name when there is any.
 */
#include "compat.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"

#include "shared.h"

static SharedPiece *pieces;
static shmem_request_hook_type next_request_hook;
static shmem_startup_hook_type next_startup_hook;

static void request_memory(void);
static void find_memory(void);

void
shared_reserve(SharedPiece *piece)
{
	if (pieces == NULL)
	{
		next_request_hook = shmem_request_hook;
		shmem_request_hook = request_memory;
		next_startup_hook = shmem_startup_hook;
		shmem_startup_hook = find_memory;
	}
	piece->next = pieces;
	pieces = piece;
}

static void
request_memory(void)
{
	if (next_request_hook != NULL)
		next_request_hook();
	for (SharedPiece *piece = pieces; piece != NULL; piece = piece->next)
	{
		RequestAddinShmemSpace(piece->size());
		if (piece->locks > 0)
			RequestNamedLWLockTranche(piece->name, piece->locks);
	}
}

static void
find_memory(void)
{
	if (next_startup_hook != NULL)
		next_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	for (SharedPiece *piece = pieces; piece != NULL; piece = piece->next)
	{
		bool		found;
		void	   *memory = ShmemInitStruct(piece->name, piece->size(), &found);

		piece->attach(memory, !found);
	}
	LWLockRelease(AddinShmemInitLock);
}
