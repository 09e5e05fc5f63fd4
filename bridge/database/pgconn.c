/*
 * pgconn.c - see pgconn.h.
 *
 * States: WAITING (a timer runs until the next attempt) -> CONNECTING (PQconnectPoll wants the
 * socket readable or writable) -> UP -> WAITING. change_state() is the only place that changes it,
 * lose() the only way down.
 *
 * The results come back in the order of the pieces that were queued: a piece is a PREPARE with its
 * sync, or a request with its sync. A sync per piece keeps one failure from aborting the next.
 */
#include "pgconn.h"
#include "log.h"
#include "loop.h"
#include "metrics.h"
#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_PAUSE_MS 100
#define LONGEST_PAUSE_MS 2000
#define CONNECT_PATIENCE_MS 5000

#define ACT_AS_SQL "SELECT porcupine.act_as_session($1)"

typedef enum PgState
{
	PG_WAITING,
	PG_CONNECTING,
	PG_UP,
	PG_CLOSED
} PgState;

struct PgConn
{
	const char *conninfo;
	const char *options;
	const PgConnEvents *events;
	void	   *arg;
	PGconn	   *pg;
	PgState		state;
	char	   *host;			/* to be resolved first; NULL: nothing to resolve */
	Lookup	   *lookup;
	SocketWatch *watch;
	Timer	   *timer;
	uint64_t	pause;
	Table		prepared;		/* by the address of the SQL */
	DbQueue		sent;			/* pieces in flight, oldest first */
	int			in_flight;		/* requests, without our own pieces */
};

static void change_state(PgConn *conn, PgState state);
static void on_timer(void *arg);
static char *host_to_resolve(const char *conninfo);
static void resolve(PgConn *conn);
static void on_address(void *arg, const char *address);
static void begin_connect(PgConn *conn, const char *address);
static void continue_connect(PgConn *conn);
static void become_up(PgConn *conn);
static void lose(PgConn *conn, const char *why);
static void watch(PgConn *conn, int events);
static void on_socket(void *arg, int status, int events);
static bool read_results(PgConn *conn);
static bool take_result(PgConn *conn, PGresult *result);
static void finish_piece(PgConn *conn);
static void flush(PgConn *conn);
static bool prepare(PgConn *conn, const char *sql);
static void statement_name(char *name, size_t size, const char *sql);
static void ignore_notice(void *arg, const PGresult *notice);

/* --- the connection's life --------------------------------------------------------------- */

PgConn *
pgconn_open(const char *conninfo, const char *options, const PgConnEvents *events, void *arg)
{
	PgConn	   *conn = memory_alloc(sizeof(PgConn));

	conn->conninfo = conninfo;
	conn->options = options;
	conn->host = host_to_resolve(conninfo);
	conn->events = events;
	conn->arg = arg;
	conn->timer = timer_make();
	change_state(conn, PG_WAITING);
	timer_start(conn->timer, on_timer, conn, 0, 0);
	return conn;
}

void
pgconn_close(PgConn *conn)
{
	change_state(conn, PG_CLOSED);
	lose(conn, "closing");
	timer_free(conn->timer);
	free(conn->host);
	free(conn);
}

bool
pgconn_is_up(const PgConn *conn)
{
	return conn->state == PG_UP;
}

int
pgconn_in_flight(const PgConn *conn)
{
	return conn->in_flight;
}

const DbRequest *
pgconn_oldest(const PgConn *conn)
{
	return conn->sent.first;
}

void
pgconn_reset(PgConn *conn, const char *why)
{
	lose(conn, why);
}

static void
change_state(PgConn *conn, PgState state)
{
	conn->state = state;
}

static void
on_timer(void *arg)
{
	PgConn	   *conn = arg;

	if (conn->state == PG_WAITING)
		resolve(conn);
	else if (conn->state == PG_CONNECTING)
		lose(conn, "no connection within 5 seconds");
}

/*
 * libpq would resolve a name by a call that blocks the loop. One name is resolved here; lists of
 * hosts are left to libpq, and want to be addresses.
 */
static char *
host_to_resolve(const char *conninfo)
{
	PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
	const char *host = NULL;
	const char *address = NULL;
	char	   *copy = NULL;

	for (PQconninfoOption *option = options; option != NULL && option->keyword != NULL; option++)
	{
		if (strcmp(option->keyword, "host") == 0)
			host = option->val;
		else if (strcmp(option->keyword, "hostaddr") == 0)
			address = option->val;
	}
	if (address == NULL && host != NULL && *host != '\0' && *host != '@' && strpbrk(host, "/,:") == NULL)
		copy = memory_text(host);
	PQconninfoFree(options);
	return copy;
}

static void
resolve(PgConn *conn)
{
	change_state(conn, PG_CONNECTING);
	timer_start(conn->timer, on_timer, conn, CONNECT_PATIENCE_MS, 0);
	if (conn->host == NULL)
	{
		begin_connect(conn, NULL);
		return;
	}
	conn->lookup = loop_resolve(conn->host, on_address, conn);
	if (conn->lookup == NULL)
		lose(conn, "the database's host name cannot be looked up");
}

static void
on_address(void *arg, const char *address)
{
	PgConn	   *conn = arg;

	conn->lookup = NULL;
	if (address == NULL)
		lose(conn, "the database's host has no address");
	else
		begin_connect(conn, address);
}

/* What follows dbname overrides what stands in the connection string. */
static void
begin_connect(PgConn *conn, const char *address)
{
	static const char *const keywords[] = {
		"fallback_application_name", "dbname", "client_encoding", "options",
		"keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout", "hostaddr", NULL
	};
	const char *const values[] = {
		"porcupine-bridge", conn->conninfo, "UTF8", conn->options, "10",
		"5", "3", "15000", address, NULL
	};

	conn->pg = PQconnectStartParams(keywords, values, 1);
	if (conn->pg == NULL || PQstatus(conn->pg) == CONNECTION_BAD)
		lose(conn, conn->pg != NULL ? PQerrorMessage(conn->pg) : "out of memory");
	else
		watch(conn, UV_WRITABLE);
}

static void
continue_connect(PgConn *conn)
{
	switch (PQconnectPoll(conn->pg))
	{
		case PGRES_POLLING_READING:
			watch(conn, UV_READABLE);
			break;
		case PGRES_POLLING_WRITING:
			watch(conn, UV_WRITABLE);
			break;
		case PGRES_POLLING_OK:
			become_up(conn);
			break;
		default:
			lose(conn, PQerrorMessage(conn->pg));
	}
}

static void
become_up(PgConn *conn)
{
	if (PQsetnonblocking(conn->pg, 1) != 0 || PQenterPipelineMode(conn->pg) != 1)
	{
		lose(conn, PQerrorMessage(conn->pg));
		return;
	}
	PQsetNoticeReceiver(conn->pg, ignore_notice, NULL);
	timer_stop(conn->timer);
	conn->pause = 0;
	change_state(conn, PG_UP);
	watch(conn, UV_READABLE);
	conn->events->up(conn->arg);
}

/* The one way down. Requests that were sent have an unknown outcome now. */
static void
lose(PgConn *conn, const char *why)
{
	DbQueue		lost = conn->sent;
	DbRequest  *request;
	char		reason[256];

	/* the text may belong to the connection that ends here */
	strncpy(reason, why, sizeof(reason) - 1);
	reason[sizeof(reason) - 1] = '\0';
	reason[strcspn(reason, "\n")] = '\0';
	if (conn->lookup != NULL)
		loop_forget(conn->lookup);
	conn->lookup = NULL;
	loop_unwatch(&conn->watch);
	PQfinish(conn->pg);
	conn->pg = NULL;
	table_free(&conn->prepared);
	conn->sent = (DbQueue) {0};
	conn->in_flight = 0;
	if (conn->state == PG_UP)
		metrics_add(METRIC_DATABASE_LOSSES, 1);
	if (conn->state != PG_CLOSED)
	{
		conn->pause = conn->pause == 0 ? FIRST_PAUSE_MS : conn->pause * 2;
		if (conn->pause > LONGEST_PAUSE_MS)
			conn->pause = LONGEST_PAUSE_MS;
		change_state(conn, PG_WAITING);
		timer_start(conn->timer, on_timer, conn, conn->pause, 0);
		conn->events->down(conn->arg, reason);
	}
	while ((request = db_dequeue(&lost)) != NULL)
		db_finish(request, DB_UNKNOWN, NULL);
}

/* --- the socket ---------------------------------------------------------------------------- */

/* While it connects, libpq may close its socket and open another one of the same number. */
static void
watch(PgConn *conn, int events)
{
	if (conn->state == PG_CONNECTING)
		loop_unwatch(&conn->watch);
	loop_watch(&conn->watch, PQsocket(conn->pg), events, on_socket, conn);
}

static void
on_socket(void *arg, int status, int events)
{
	PgConn	   *conn = arg;

	if (conn->state == PG_CONNECTING)
	{
		continue_connect(conn);
		return;
	}
	if (status < 0)
	{
		lose(conn, uv_strerror(status));
		return;
	}
	if ((events & UV_READABLE) && !read_results(conn))
		return;
	flush(conn);
}

/* False: the connection is gone. */
static bool
read_results(PgConn *conn)
{
	PGnotify   *notify;
	int			ends = 0;

	if (PQconsumeInput(conn->pg) != 1)
	{
		lose(conn, PQerrorMessage(conn->pg));
		return false;
	}
	while (conn->sent.first != NULL && ends < 2 && !PQisBusy(conn->pg))
	{
		PGresult   *result = PQgetResult(conn->pg);

		/* NULL ends one statement's results; two in a row: nothing more has come */
		ends = result == NULL ? ends + 1 : 0;
		if (result != NULL && !take_result(conn, result))
			return false;
	}
	while ((notify = PQnotifies(conn->pg)) != NULL)
	{
		conn->events->notified(conn->arg, notify->extra);
		PQfreemem(notify);
		PQconsumeInput(conn->pg);
	}
	if (PQstatus(conn->pg) == CONNECTION_BAD)
	{
		lose(conn, PQerrorMessage(conn->pg));
		return false;
	}
	return true;
}

/* The last statement's rows count, or the first error. False: the connection is gone. */
static bool
take_result(PgConn *conn, PGresult *result)
{
	DbRequest  *piece = conn->sent.first;
	PGconn	   *pg = conn->pg;

	switch (PQresultStatus(result))
	{
		case PGRES_PIPELINE_SYNC:
			PQclear(result);
			finish_piece(conn);
			return conn->pg == pg;
		case PGRES_TUPLES_OK:
		case PGRES_COMMAND_OK:
		case PGRES_FATAL_ERROR:
			if (piece->result == NULL || PQresultStatus(piece->result) != PGRES_FATAL_ERROR)
			{
				PQclear(piece->result);
				piece->result = result;
				return true;
			}
			break;
		default:				/* aborted after an error before it */
			break;
	}
	PQclear(result);
	return true;
}

static void
finish_piece(PgConn *conn)
{
	DbRequest  *piece = db_dequeue(&conn->sent);
	bool		done = piece->result != NULL && PQresultStatus(piece->result) != PGRES_FATAL_ERROR;

	if (piece->prepares != NULL)
	{
		if (!done)
		{
			log_write(LOG_ERROR, "a statement could not be prepared",
					  LOG_TEXT("error", PQresultErrorMessage(piece->result)));
			table_remove(&conn->prepared, (int64_t) (intptr_t) piece->prepares);
		}
		db_free(piece);
		return;
	}
	conn->in_flight--;
	metrics_observe_in(METRIC_DATABASE_SECONDS, piece->lane, metrics_clock() - piece->began);
	db_finish(piece, done ? DB_DONE : DB_REFUSED, piece->result);
	if (conn->in_flight == 0 && conn->state == PG_UP)
		conn->events->idle(conn->arg);
}

static void
flush(PgConn *conn)
{
	int			left = PQflush(conn->pg);

	if (left < 0)
		lose(conn, PQerrorMessage(conn->pg));
	else
		watch(conn, left > 0 ? UV_READABLE | UV_WRITABLE : UV_READABLE);
}

/* --- sending --------------------------------------------------------------------------------- */

void
pgconn_send(PgConn *conn, DbRequest *request)
{
	char		name[32];
	const char *session = request->session_text;
	bool		sent;

	sent = (request->session == 0 || prepare(conn, ACT_AS_SQL)) && prepare(conn, request->sql);
	if (sent && request->session != 0)
	{
		snprintf(request->session_text, sizeof(request->session_text), "%lld", (long long) request->session);
		statement_name(name, sizeof(name), ACT_AS_SQL);
		sent = PQsendQueryPrepared(conn->pg, name, 1, &session, NULL, NULL, 0) == 1;
	}
	if (sent)
	{
		statement_name(name, sizeof(name), request->sql);
		sent = PQsendQueryPrepared(conn->pg, name, request->count, request->values, request->lengths,
								   request->formats, request->result_format) == 1
			&& PQpipelineSync(conn->pg) == 1;
	}
	/* what it has waited before is not the connection's fault */
	metrics_observe_in(METRIC_DATABASE_WAIT_SECONDS, request->lane, metrics_clock() - request->began);
	db_set_asked(request, request->lane);
	db_enqueue(&conn->sent, request);
	conn->in_flight++;
	if (sent)
		flush(conn);
	else
		lose(conn, PQerrorMessage(conn->pg));
}

/* Prepares a statement on its first use on this connection, as a piece of its own. */
static bool
prepare(PgConn *conn, const char *sql)
{
	int64_t		key = (int64_t) (intptr_t) sql;
	DbRequest  *piece;
	char		name[32];

	if (table_get(&conn->prepared, key) != NULL)
		return true;
	statement_name(name, sizeof(name), sql);
	if (PQsendPrepare(conn->pg, name, sql, 0, NULL) != 1 || PQpipelineSync(conn->pg) != 1)
		return false;
	table_put(&conn->prepared, key, conn);
	piece = db_request(sql, NULL, NULL);
	piece->prepares = sql;
	piece->asked_at = loop_now();
	db_enqueue(&conn->sent, piece);
	return true;
}

static void
statement_name(char *name, size_t size, const char *sql)
{
	snprintf(name, size, "p%llx", (unsigned long long) (uintptr_t) sql);
}

/* libpq would print notices on stderr, among the log's lines. */
static void
ignore_notice(void *arg, const PGresult *notice)
{
	(void) arg;
	(void) notice;
}
