/*
 * dbrequest.h - a request to the database: optionally "act as this session", then one statement, all
 * in one implicit transaction.
 *
 * It is done when its answer and the sync behind it have come back, that is after the commit. Whoever
 * makes a request gives it away by sending it: done() is called exactly once, and the request is freed
 * after it. A request can be forgotten by its maker: then done() is not called.
 */
#ifndef PORCUPINE_DBREQUEST_H
#define PORCUPINE_DBREQUEST_H

#include "memory.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#define DB_MAX_PARAMS 12

typedef enum DbOutcome
{
	DB_DONE,					/* committed; the result has the rows of the statement */
	DB_REFUSED,					/* rolled back; the result has the error */
	DB_UNKNOWN,					/* sent, and then the connection or our patience ended */
	DB_AWAY						/* never sent */
} DbOutcome;

typedef void (*DbDone) (void *arg, DbOutcome outcome, const PGresult *result);

typedef struct DbRequest DbRequest;

/* Only dbrequest.c and the connection that sends it look inside. */
struct DbRequest
{
	DbRequest  *next;
	const char *sql;
	DbDone		done;
	void	   *arg;
	uint64_t	asked_at;
	double		began;			/* the same by metrics_clock(); 0: not yet */
	int			lane;			/* enum DatabaseLane */
	bool		given_up;
	int64_t		session;		/* 0: nobody's */
	PGresult   *result;			/* of the statement, or the first error */
	const char *prepares;		/* a piece of our own: this statement is being prepared */
	int			count;
	const char *values[DB_MAX_PARAMS];
	int			lengths[DB_MAX_PARAMS];
	int			formats[DB_MAX_PARAMS];
	int			result_format;	/* 0 text, 1 binary */
	char		session_text[24];
	Arena		arena;
};

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
/* Without done(). */
extern void db_free(DbRequest *request);

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

#endif
