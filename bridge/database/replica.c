/*
 * replica.c - see replica.h.
 */
#include "replica.h"
#include "metrics.h"
#include "pgvalue.h"
#include "pool.h"

#include <stdlib.h>

#define PERMIT_SQL \
	"SELECT a.condition, a.head, a.stream, a.erasures " \
	"FROM porcupine.admit_many($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) a ORDER BY a.item"
#define PAGE_SQL \
	"SELECT porcupine.replica_page($1::bigint, $2::bigint, $3::bigint, $4::bigint, $5::int, $6::bigint, $7::bigint, $8::bigint)"

static void on_permit(Question *question, DbOutcome outcome, const PGresult *result, int row);
static void on_page(void *arg, DbOutcome outcome, const PGresult *result);

static Gatherer permits = {.sql = PERMIT_SQL, .n_numbers = 4};

bool
replica_is_up(void)
{
	return pool_lane_is_up(LANE_REPLICA);
}

ReplicaRead *
replica_begin(ReplicaDone done, void *arg)
{
	ReplicaRead *read = memory_alloc(sizeof(ReplicaRead));

	read->done = done;
	read->arg = arg;
	read->page = db_request(PAGE_SQL, on_page, read);
	return read;
}

/* Whether a cursor can be resumed from, the standby works out by the head and the stream. */
void
replica_submit(ReplicaRead *read, int64_t session, int64_t room)
{
	read->question.done = on_permit;
	read->question.numbers[0] = session;
	read->question.numbers[1] = room;
	read->question.numbers[2] = read->question.numbers[3] = -1;
	gather_ask(&permits, &read->question);
}

void
replica_drop(ReplicaRead *read)
{
	read->done = NULL;
	db_finish(read->page, DB_AWAY, NULL);
}

void
replica_forget(ReplicaRead *read)
{
	read->done = NULL;
}

static void
on_permit(Question *question, DbOutcome outcome, const PGresult *result, int row)
{
	ReplicaRead *read = (ReplicaRead *) question;

	if (read->done == NULL || outcome != DB_DONE || !PQgetisnull(result, row, 0))
	{
		db_finish(read->page, DB_AWAY, NULL);
		return;
	}
	db_number(read->page, pgvalue_int64(result, row, 1));
	db_number(read->page, pgvalue_int64(result, row, 2));
	db_number(read->page, pgvalue_int64(result, row, 3));
	pool_submit(LANE_REPLICA, read->page);
}

static void
on_page(void *arg, DbOutcome outcome, const PGresult *result)
{
	ReplicaRead *read = arg;
	bool		answered = outcome == DB_DONE && !PQgetisnull(result, 0, 0);

	if (read->done != NULL)
	{
		metrics_add_to(METRIC_REPLICA_PAGES, answered ? REPLICA_ANSWERED : REPLICA_LEFT, 1);
		read->done(read->arg, answered ? PQgetvalue(result, 0, 0) : NULL);
	}
	free(read);
}
