/*
 * pool.h - the connections to PostgreSQL, in lanes.
 *
 * A lane is a few connections for one kind of work, so that slow work (password hashing) never
 * stands before quick work, and so that the sends of a room stay in order on one connection. Each
 * connection has one request in flight; the others wait in their lane's queue. Whoever waits
 * longer than ten seconds is told that the database is away.
 */
#ifndef PORCUPINE_POOL_H
#define PORCUPINE_POOL_H

#include "config.h"
#include "pgconn.h"

#define N_HELD_LANES 2			/* so many held rooms are tried at once */
#define POOL_PATIENCE_MS 10000
#define REPLICA_PATIENCE_MS 1000	/* then the primary is asked instead */

typedef enum Lane
{
	LANE_SEND,					/* send batches; rooms are spread over this and those after it by their id */
	LANE_HELD = LANE_SEND + CONFIG_MAX_SEND_LANES,	/* sends to rooms that somebody else's transaction holds */
	LANE_QUERY,					/* everything else that is quick */
	LANE_SLOW,					/* calls that hash a password */
	LANE_REPLICA,				/* pages of history, from the standby; without one nothing is up */
	N_LANES
} Lane;

/* settings of every connection; times come out in UTC */
#define POOL_OPTIONS "-c timezone=UTC -c datestyle=ISO -c statement_timeout=15s"

/*
 * The first thing that each connection is asked is the stream epoch, whose answer goes to
 * take_stream: nothing that a database of another history says is heard before that. What the
 * standby says is of the stream that it is asked for, or nothing. config must outlive the process.
 */
extern void pool_open(const Config *config, DbDone take_stream);
extern int	pool_send_lanes(void);
extern void pool_close(void);

/* Gives the request away; done() may be called before this returns. */
extern void pool_submit(Lane lane, DbRequest *request);
/* Is at least one connection of each lane there, the replica's not counted? */
extern bool pool_is_up(void);
extern bool pool_lane_is_up(Lane lane);
/* Is no request queued or in flight? */
extern bool pool_is_idle(void);
/* Sets the gauges of the lanes. */
extern void pool_measure(void);

#endif
