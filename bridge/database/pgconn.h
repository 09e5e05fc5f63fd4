/*
 * pgconn.h - one connection to PostgreSQL that never blocks.
 *
 * It pipelines the requests that it is given, each with a sync of its own, prepares each statement on
 * first use, and comes back by itself after a loss, with growing pauses.
 */
#ifndef PORCUPINE_PGCONN_H
#define PORCUPINE_PGCONN_H

#include "dbrequest.h"

#include <stdbool.h>

typedef struct PgConn PgConn;

typedef struct PgConnEvents
{
	void		(*up) (void *arg);			/* connected */
	void		(*down) (void *arg, const char *why);	/* lost, or could not connect */
	void		(*idle) (void *arg);		/* the last request in flight is done */
	void		(*notified) (void *arg, const char *payload);
} PgConnEvents;

/*
 * conninfo, options (settings as "-c name=value …") and events must outlive the connection. It
 * begins to connect at once.
 */
extern PgConn *pgconn_open(const char *conninfo, const char *options, const PgConnEvents *events, void *arg);
/* Ends it for good: requests in flight are done with DB_UNKNOWN. */
extern void pgconn_close(PgConn *conn);

extern bool pgconn_is_up(const PgConn *conn);
extern int	pgconn_in_flight(const PgConn *conn);
/* The oldest request in flight, or NULL. */
extern const DbRequest *pgconn_oldest(const PgConn *conn);
extern void pgconn_send(PgConn *conn, DbRequest *request);
/* Gives up on this connection, which does not answer, and connects anew. */
extern void pgconn_reset(PgConn *conn, const char *why);

#endif
