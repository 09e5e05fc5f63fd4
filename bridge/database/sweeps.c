/*
 * sweeps.c - see sweeps.h. It owns the timer and what is under way.
 */
#include "sweeps.h"
#include "database.h"
#include "hub.h"
#include "log.h"
#include "loop.h"
#include "metrics.h"
#include "peer.h"
#include "pgarray.h"
#include "pool.h"

#include <stdlib.h>

#define SWEEP_EVERY_MS 1000
#define HEADS_EVERY 2			/* sweeps of the sessions to one of the heads */
/* Who cannot be sure for so long that sessions still live must not go on serving them. */
#define FAIL_CLOSED_MS 10000

#define HEADS_SQL \
	"SELECT s.stream, w.id, h.last_seq, s.mode, h.erasures " \
	"FROM (SELECT porcupine.current_stream() AS stream, porcupine.doorbell_mode() AS mode) s " \
	"LEFT JOIN unnest($1::bigint[]) AS w (id) ON true " \
	"LEFT JOIN porcupine.read_heads($1::bigint[]) h ON h.room_id = w.id"
#define LOOK_SQL "SELECT h.room_id, h.last_seq FROM porcupine.read_heads($1::bigint[]) h"
#define SESSIONS_SQL "SELECT porcupine.ended_sessions($1::bigint[])"

static Timer timer;
static int	ticks;
static bool sweeping_heads;
static bool sweeping_sessions;
static uint64_t sessions_known_at;	/* when it was last known which of them live */
static bool sessions_rang;		/* while a sweep was under way: it may have looked too early */

static void tick(void *arg);
static void fail_closed(void);
static void add_ids(DbRequest *request, const int64_t *numbers, int count);
static void on_looked(void *arg, DbOutcome outcome, const PGresult *result);
static void on_heads(void *arg, DbOutcome outcome, const PGresult *result);
static void on_sessions(void *arg, DbOutcome outcome, const PGresult *result);
static void end_session(int64_t session);

void
sweeps_open(void)
{
	sessions_known_at = loop_now();
	timer_start(&timer, tick, NULL, SWEEP_EVERY_MS, SWEEP_EVERY_MS);
}

void
sweeps_close(void)
{
	timer_stop(&timer);
}

void
sweeps_run(void)
{
	sweeps_heads();
	sweeps_sessions();
}

static void
tick(void *arg)
{
	(void) arg;
	fail_closed();
	peer_cut_stuck();
	sweeps_sessions();
	if (++ticks % HEADS_EVERY == 0)
		sweeps_heads();
}

void
sweeps_look(const int64_t *rooms, int count)
{
	DbRequest  *request = db_request(LOOK_SQL, on_looked, NULL);

	add_ids(request, rooms, count);
	pool_submit(LANE_QUERY, request);
}

static void
on_looked(void *arg, DbOutcome outcome, const PGresult *result)
{
	(void) arg;
	for (int row = 0; outcome == DB_DONE && row < PQntuples(result); row++)
		hub_set_head(strtoll(PQgetvalue(result, row, 0), NULL, 10), strtoll(PQgetvalue(result, row, 1), NULL, 10));
}

void
sweeps_heads(void)
{
	DbRequest  *request;
	int			count;
	int64_t    *rooms;

	if (sweeping_heads)
		return;
	sweeping_heads = true;
	metrics_add_to(METRIC_SWEEPS, SWEEP_HEADS, 1);
	rooms = hub_rooms(&count);
	request = db_request(HEADS_SQL, on_heads, NULL);
	add_ids(request, rooms, count);
	free(rooms);
	pool_submit(LANE_QUERY, request);
}

static void
on_heads(void *arg, DbOutcome outcome, const PGresult *result)
{
	(void) arg;
	sweeping_heads = false;
	if (outcome != DB_DONE)
		return;
	database_take_mode(PQgetvalue(result, 0, 3));
	/* somebody began a new stream under us */
	if (database_take_stream(strtoll(PQgetvalue(result, 0, 0), NULL, 10)))
		return;
	for (int row = 0; row < PQntuples(result); row++)
	{
		int64_t		room = strtoll(PQgetvalue(result, row, 1), NULL, 10);

		if (PQgetisnull(result, row, 1))
			continue;			/* nobody watches anything */
		if (PQgetisnull(result, row, 2))
			hub_set_head(room, 0);
		else
			hub_take_sweep(room, strtoll(PQgetvalue(result, row, 2), NULL, 10), strtoll(PQgetvalue(result, row, 4), NULL, 10));
	}
}

void
sweeps_sessions(void)
{
	DbRequest  *request;
	int			count;
	int64_t    *sessions;

	sessions_rang = sweeping_sessions;
	if (sweeping_sessions)
		return;
	sessions = peer_sessions(&count);
	if (count > 0)
	{
		sweeping_sessions = true;
		metrics_add_to(METRIC_SWEEPS, SWEEP_SESSIONS, 1);
		request = db_request(SESSIONS_SQL, on_sessions, NULL);
		add_ids(request, sessions, count);
		pool_submit(LANE_QUERY, request);
	}
	else
		sessions_known_at = loop_now();
	free(sessions);
}

/* A socket lives by its session: when that cannot be asked, it must not live on (G6). */
static void
fail_closed(void)
{
	if (loop_now() - sessions_known_at <= FAIL_CLOSED_MS)
		return;
	if (peer_count() > 0)
		log_write(LOG_WARNING, "sessions cannot be checked: all sockets are sent away");
	for (Peer *peer = peer_first(); peer != NULL; peer = peer->next)
		peer_end(peer, CLOSE_DRAINING, "retry after 2000", true);
}

static void
on_sessions(void *arg, DbOutcome outcome, const PGresult *result)
{
	(void) arg;
	sweeping_sessions = false;
	if (outcome == DB_DONE)
		sessions_known_at = loop_now();
	for (int row = 0; outcome == DB_DONE && row < PQntuples(result); row++)
	{
		metrics_add_to(METRIC_SWEEP_FINDS, SWEEP_SESSIONS, 1);
		end_session(strtoll(PQgetvalue(result, row, 0), NULL, 10));
	}
	if (sessions_rang && outcome == DB_DONE)
		sweeps_sessions();
}

static void
end_session(int64_t session)
{
	Peer	   *peer;

	while ((peer = peer_first_of_session(session)) != NULL)
		peer_end(peer, CLOSE_SESSION_ENDED, "the session is over", false);
}

/* All of them as one parameter. */
static void
add_ids(DbRequest *request, const int64_t *numbers, int count)
{
	PgArray		ids;

	pgarray_begin(&ids, PG_INT8);
	for (int i = 0; i < count; i++)
		pgarray_number(&ids, numbers[i]);
	pgarray_param(&ids, request);
}
