/*
 * pool.c - see pool.h. It owns the connections of all lanes and the queues before them.
 */
#include "pool.h"
#include "log.h"
#include "loop.h"
#include "metrics.h"

#include <stdlib.h>

#define MAX_CONNS 4
#define MAX_QUEUE 5000
#define CHECK_EVERY_MS 250

#define STREAM_SQL "SELECT porcupine.current_stream()"

/* Batches of other bridges are waited for; a room that a long transaction holds stops its batch no longer than this. */
#define SEND_OPTIONS POOL_OPTIONS " -c lock_timeout=100ms"
/* Then its turn is over, for another held room may be free by now. */
#define HELD_OPTIONS POOL_OPTIONS " -c lock_timeout=250ms"
#define QUERY_OPTIONS POOL_OPTIONS " -c lock_timeout=5s"
#define REPLICA_OPTIONS POOL_OPTIONS " -c default_transaction_read_only=on"

typedef struct LaneState LaneState;

/* One connection of a lane. */
typedef struct Place
{
	LaneState  *lane;
	PgConn	   *conn;
	bool		said_down;		/* a failing connection is logged once, not at each attempt */
} Place;

struct LaneState
{
	const char *name;
	const char *options;
	int			kind;			/* enum DatabaseLane */
	int			size;
	uint64_t	patience;		/* 0: POOL_PATIENCE_MS */
	Place		places[MAX_CONNS];
	DbQueue		waiting;		/* oldest first */
};

static const LaneState send_lane = {.name = "send", .kind = DATABASE_SEND, .options = SEND_OPTIONS, .size = 1};

/* those for sends that are not asked for have no connection */
static LaneState lanes[N_LANES] = {
	[LANE_HELD] = {.name = "held", .kind = DATABASE_HELD, .options = HELD_OPTIONS, .size = N_HELD_LANES},
	[LANE_QUERY] = {.name = "query", .kind = DATABASE_QUERY, .options = QUERY_OPTIONS, .size = 4},
	[LANE_SLOW] = {.name = "slow", .kind = DATABASE_SLOW, .options = QUERY_OPTIONS, .size = 2},
	[LANE_REPLICA] = {
		.name = "replica", .kind = DATABASE_REPLICA, .options = REPLICA_OPTIONS, .size = 2, .patience = REPLICA_PATIENCE_MS
	},
};

static int	send_lanes;
static Timer check_timer;
static DbDone on_stream;

static void check_patience(void *arg);
static void feed(LaneState *lane, PgConn *conn);
static bool lane_is_up(const LaneState *lane);
static void on_up(void *arg);
static void on_down(void *arg, const char *why);
static void on_idle(void *arg);
static void on_notified(void *arg, const char *payload);

static const PgConnEvents events = {on_up, on_down, on_idle, on_notified};

void
pool_open(const Config *config, DbDone take_stream)
{
	on_stream = take_stream;
	send_lanes = config->send_lanes;
	for (int i = 0; i < send_lanes; i++)
		lanes[LANE_SEND + i] = send_lane;
	if (*config->replica == '\0')
		lanes[LANE_REPLICA].size = 0;
	for (int i = 0; i < N_LANES; i++)
	{
		LaneState  *lane = &lanes[i];
		const char *where = i == LANE_REPLICA ? config->replica : config->database;

		for (int j = 0; j < lane->size; j++)
		{
			lane->places[j].lane = lane;
			lane->places[j].conn = pgconn_open(where, lane->options, &events, &lane->places[j]);
		}
	}
	timer_start(&check_timer, check_patience, NULL, CHECK_EVERY_MS, CHECK_EVERY_MS);
}

int
pool_send_lanes(void)
{
	return send_lanes;
}

void
pool_close(void)
{
	DbRequest  *request;

	timer_stop(&check_timer);
	for (int i = 0; i < N_LANES; i++)
	{
		for (int j = 0; j < lanes[i].size; j++)
			pgconn_close(lanes[i].places[j].conn);
		while ((request = db_dequeue(&lanes[i].waiting)) != NULL)
			db_finish(request, DB_AWAY, NULL);
	}
}

void
pool_submit(Lane which, DbRequest *request)
{
	LaneState  *lane = &lanes[which];

	db_set_asked(request, lane->kind);
	if (lane->waiting.count == 0)
	{
		for (int i = 0; i < lane->size; i++)
		{
			PgConn	   *conn = lane->places[i].conn;

			if (pgconn_is_up(conn) && pgconn_in_flight(conn) == 0)
			{
				pgconn_send(conn, request);
				return;
			}
		}
	}
	if (lane_is_up(lane) && lane->waiting.count < MAX_QUEUE)
		db_enqueue(&lane->waiting, request);
	else
		db_finish(request, DB_AWAY, NULL);
}

bool
pool_is_up(void)
{
	for (int i = 0; i < N_LANES; i++)
	{
		if (i != LANE_REPLICA && lanes[i].size > 0 && !lane_is_up(&lanes[i]))
			return false;
	}
	return true;
}

bool
pool_lane_is_up(Lane lane)
{
	return lane_is_up(&lanes[lane]);
}

bool
pool_is_idle(void)
{
	for (int i = 0; i < N_LANES; i++)
	{
		if (lanes[i].waiting.count > 0)
			return false;
		for (int j = 0; j < lanes[i].size; j++)
		{
			if (pgconn_in_flight(lanes[i].places[j].conn) > 0)
				return false;
		}
	}
	return true;
}

void
pool_measure(void)
{
	for (int i = 0; i < N_DATABASE_LANES; i++)
	{
		metrics_set(METRIC_DATABASE_CONNECTIONS, i, 0);
		metrics_set(METRIC_DATABASE_IN_FLIGHT, i, 0);
		metrics_set(METRIC_DATABASE_WAITING, i, 0);
	}
	for (int i = 0; i < N_LANES; i++)
	{
		const LaneState *lane = &lanes[i];

		metrics_add_to(METRIC_DATABASE_WAITING, lane->kind, lane->waiting.count);
		for (int j = 0; j < lane->size; j++)
		{
			metrics_add_to(METRIC_DATABASE_CONNECTIONS, lane->kind, pgconn_is_up(lane->places[j].conn));
			metrics_add_to(METRIC_DATABASE_IN_FLIGHT, lane->kind, pgconn_in_flight(lane->places[j].conn));
		}
	}
}

/* Queues are in the order of asking, so only their heads need a look. */
static void
check_patience(void *arg)
{
	uint64_t	now = loop_now();

	(void) arg;
	for (int i = 0; i < N_LANES; i++)
	{
		LaneState  *lane = &lanes[i];
		uint64_t	patience = lane->patience != 0 ? lane->patience : POOL_PATIENCE_MS;

		for (int j = 0; j < lane->size; j++)
		{
			const DbRequest *oldest = pgconn_oldest(lane->places[j].conn);

			if (oldest != NULL && now - db_asked_at(oldest) > patience)
				pgconn_reset(lane->places[j].conn, "no answer in time");
		}
		while (lane->waiting.count > 0 && now - db_asked_at(lane->waiting.first) > patience)
			db_finish(db_dequeue(&lane->waiting), DB_AWAY, NULL);
	}
}

static void
feed(LaneState *lane, PgConn *conn)
{
	while (lane->waiting.count > 0 && pgconn_is_up(conn) && pgconn_in_flight(conn) == 0)
	{
		DbRequest  *request = db_dequeue(&lane->waiting);

		if (db_is_given_up(request))
			db_finish(request, DB_AWAY, NULL);
		else
			pgconn_send(conn, request);
	}
}

static bool
lane_is_up(const LaneState *lane)
{
	for (int i = 0; i < lane->size; i++)
	{
		if (pgconn_is_up(lane->places[i].conn))
			return true;
	}
	return false;
}

static void
on_up(void *arg)
{
	Place	   *place = arg;
	DbRequest  *request;

	log_write(LOG_DEBUG, "connected to the database", LOG_TEXT("lane", place->lane->name));
	place->said_down = false;
	if (place->lane == &lanes[LANE_REPLICA])
	{
		feed(place->lane, place->conn);
		return;
	}
	request = db_request(STREAM_SQL, on_stream, NULL);
	db_set_asked(request, place->lane->kind);
	pgconn_send(place->conn, request);
}

static void
on_down(void *arg, const char *why)
{
	Place	   *place = arg;

	if (place->said_down)
		return;
	place->said_down = true;
	log_write(LOG_WARNING, "no connection to the database",
			  LOG_TEXT("lane", place->lane->name), LOG_TEXT("why", why));
}

static void
on_idle(void *arg)
{
	Place	   *place = arg;

	feed(place->lane, place->conn);
}

/* Nobody listens on these connections. */
static void
on_notified(void *arg, const char *payload)
{
	(void) arg;
	(void) payload;
}
