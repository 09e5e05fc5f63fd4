/*
 * doorbell.c - see doorbell.h.
 */
#include "doorbell.h"
#include "pgarray.h"
#include "pool.h"
#include "table.h"

#include <sodium.h>

#define RING_SQL "SELECT porcupine.ring($1::bigint[], $2::bigint[], $3::bigint)"

static int64_t origin;
static Table owed;				/* room -> its highest seq, as a pointer */
static bool ringing;

static void on_rung(void *arg, DbOutcome outcome, const PGresult *result);

int64_t
doorbell_origin(void)
{
	while (origin == 0)
	{
		randombytes_buf(&origin, sizeof(origin));
		origin &= INT64_MAX;
	}
	return origin;
}

void
doorbell_owe(int64_t room, int64_t seq)
{
	if ((int64_t) (intptr_t) table_get(&owed, room) < seq)
		table_put(&owed, room, (void *) (intptr_t) seq);
}

void
doorbell_ring(void)
{
	DbRequest  *request;
	PgArray		rooms;
	PgArray		seqs;
	size_t		at = 0;
	TableSlot  *slot;

	if (ringing || owed.count == 0)
		return;
	ringing = true;
	request = db_request(RING_SQL, on_rung, NULL);
	pgarray_begin(&rooms, PG_INT8);
	pgarray_begin(&seqs, PG_INT8);
	while ((slot = table_next(&owed, &at)) != NULL)
	{
		pgarray_number(&rooms, slot->key);
		pgarray_number(&seqs, (int64_t) (intptr_t) slot->value);
	}
	table_free(&owed);
	pgarray_param(&rooms, request);
	pgarray_param(&seqs, request);
	db_number(request, doorbell_origin());
	pool_submit(LANE_QUERY, request);
}

/* Should it have failed, the others' sweeps find the new heads. */
static void
on_rung(void *arg, DbOutcome outcome, const PGresult *result)
{
	(void) arg;
	(void) result;
	ringing = false;
	if (outcome == DB_DONE)
		doorbell_ring();
}

bool
doorbell_is_idle(void)
{
	return !ringing;
}
