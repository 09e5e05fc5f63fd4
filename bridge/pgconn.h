/*
 * pgconn.h - one connection to PostgreSQL that never blocks.
 *
 * A DbRequest is a logical request: optionally "act as this session", then one statement, then a
 * sync, all in one implicit transaction; it is done when the sync has come back, that is after the
 * commit. The connection pipelines what it is given, prepares each statement on first use, and
 * comes back by itself after a loss, with growing pauses.
 *
 * Whoever makes a request gives it away by sending it: done() is called exactly once, and the
 * request is freed after it. A request can be forgotten by its maker: then done() is not called.
 */
#ifndef PORCUPINE_PGCONN_H
#define PORCUPINE_PGCONN_H

#include "memory.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum DbOutcome
{
	DB_DONE,					/* committed; the result has the rows of the statement */
	DB_REFUSED,					/* rolled back; the result has the error */
	DB_UNKNOWN,					/* sent, and then the connection or our patience ended */
	DB_AWAY						/* never sent */
} DbOutcome;

typedef void (*DbDone) (void *arg, DbOutcome outcome, const PGresult *result);

typedef struct DbRequest DbRequest;
typedef struct PgConn PgConn;

/* sql must outlive the process: its address is its identity. Parameters follow in order. */
extern DbRequest *db_request(const char *sql, DbDone done, void *arg);
extern void db_act_as(DbRequest *request, int64_t session);
extern void db_text(DbRequest *request, const char *text);	/* NULL: null */
extern void db_number(DbRequest *request, int64_t number);
extern void db_null(DbRequest *request);
extern void db_binary(DbRequest *request, const void *bytes, size_t length);
/* Its rows come in PostgreSQL's binary forms, to be read by pgvalue.h. */
extern void db_want_binary(DbRequest *request);
/* The maker has lost interest: done() is not called. */
extern void db_forget(DbRequest *request);
/* The same, but done() is called in the end. Neither is sent if it is still waiting. */
extern void db_give_up(DbRequest *request);
extern bool db_is_given_up(const DbRequest *request);

/* When it was queued, then when it was sent, in loop_now() milliseconds. */
extern uint64_t db_asked_at(const DbRequest *request);
/* It is queued now, for this kind of connection (enum DatabaseLane). */
extern void db_set_asked(DbRequest *request, int lane);
/* Calls done() and frees the request. For whoever queues requests that never get sent. */
extern void db_finish(DbRequest *request, DbOutcome outcome, const PGresult *result);

/* Requests in a row; a request is in at most one. A zeroed queue is empty. */
typedef struct DbQueue
{
	DbRequest  *first;
	DbRequest  *last;
	int			count;
} DbQueue;

extern void db_enqueue(DbQueue *queue, DbRequest *request);
/* The oldest, or NULL. */
extern DbRequest *db_dequeue(DbQueue *queue);

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
