/*
 * database.c - see database.h. It owns the listening connection and what is known of the server.
 */
#include "database.h"
#include "log.h"
#include "loop.h"
#include "metrics.h"
#include "pool.h"

#include <stdlib.h>
#include <string.h>

#define LISTEN_SQL "LISTEN porcupine"
#define UNLISTEN_SQL "UNLISTEN porcupine"
/* "porcupin", as a number */
#define LEAD_SQL "SELECT pg_try_advisory_lock(8101820026160441710)"
#define STEP_BACK_SQL "SELECT pg_advisory_unlock(8101820026160441710)"
#define PROBE_SQL "SELECT 1"
#define CHECK_SQL \
	"SELECT current_setting('fsync'), current_setting('full_page_writes'), porcupine.current_stream(), " \
	"porcupine.doorbell_mode()"

/* The listener is asked this often whether it still hears, and given this long to answer. */
#define PROBE_EVERY_MS 4000
#define PROBE_PATIENCE_MS 8000
#define RETRY_MS 500

static const DatabaseEvents *events;
static PgConn *listener;
static Timer probe_timer;
static Timer check_timer;
static bool wanted = true;		/* as was last asked for */
static bool listening;
static bool leading;
static bool asking_to_lead;
static bool checked;
static bool was_ready;			/* at least once */
static bool rings;
static int64_t stream;

static void on_stream(void *arg, DbOutcome outcome, const PGresult *result);
static void on_up(void *arg);
static void on_down(void *arg, const char *why);
static void on_idle(void *arg);
static void on_notified(void *arg, const char *payload);
static void on_listening(void *arg, DbOutcome outcome, const PGresult *result);
static void on_deaf(void *arg, DbOutcome outcome, const PGresult *result);
static void on_leading(void *arg, DbOutcome outcome, const PGresult *result);
static void on_stepped_back(void *arg, DbOutcome outcome, const PGresult *result);
static void probe(void *arg);
static void ask(const char *sql, DbDone done);
static void on_probed(void *arg, DbOutcome outcome, const PGresult *result);
static void check(void *arg);
static void on_checked(void *arg, DbOutcome outcome, const PGresult *result);

static const PgConnEvents listener_events = {on_up, on_down, on_idle, on_notified};

void
database_open(const Config *config, const DatabaseEvents *handlers)
{
	events = handlers;
	pool_open(config, on_stream);
	listener = pgconn_open(config->database, POOL_OPTIONS, &listener_events, NULL);
	timer_start(&probe_timer, probe, NULL, PROBE_EVERY_MS, PROBE_EVERY_MS);
}

void
database_close(void)
{
	timer_stop(&probe_timer);
	timer_stop(&check_timer);
	pgconn_close(listener);
	pool_close();
}

const char *
database_missing(void)
{
	if (!pgconn_is_up(listener))
		return "the listening connection is down";
	if (!checked)
		return "the database has not been checked yet";
	return pool_is_up() ? NULL : "connections to the database are down";
}

void
database_measure(void)
{
	pool_measure();
	metrics_set(METRIC_DATABASE_CONNECTIONS, DATABASE_LISTEN, pgconn_is_up(listener));
	metrics_set(METRIC_DATABASE_READY, 0, database_missing() == NULL);
	metrics_set(METRIC_LISTENING, 0, database_listens());
}

int64_t
database_stream(void)
{
	return stream;
}

bool
database_rings(void)
{
	return rings;
}

void
database_take_mode(const char *doorbell_mode)
{
	rings = strcmp(doorbell_mode, "worker") == 0;
}

bool
database_take_stream(int64_t found)
{
	bool		another = stream != 0 && found != stream;

	stream = found;
	if (another)
	{
		log_write(LOG_INFO, "a new stream has begun", LOG_NUMBER("stream", found));
		events->another_stream();
	}
	return another;
}

/* A connection of the pool is new: perhaps the server was restored meanwhile. */
static void
on_stream(void *arg, DbOutcome outcome, const PGresult *result)
{
	(void) arg;
	if (outcome == DB_DONE)
		database_take_stream(strtoll(PQgetvalue(result, 0, 0), NULL, 10));
}

static void
on_up(void *arg)
{
	(void) arg;
	if (wanted)
		ask(LISTEN_SQL, on_listening);
	else
		check(NULL);
}

static void
on_down(void *arg, const char *why)
{
	(void) arg;
	if (checked)
		log_write(LOG_WARNING, "the listening connection is lost", LOG_TEXT("why", why));
	listening = checked = leading = asking_to_lead = false;
}

static void
on_idle(void *arg)
{
	(void) arg;
}

static void
on_notified(void *arg, const char *payload)
{
	(void) arg;
	events->doorbell(payload);
}

static void
on_listening(void *arg, DbOutcome outcome, const PGresult *result)
{
	(void) arg;
	(void) result;
	if (outcome != DB_DONE)
		return;					/* the connection is gone and comes back */
	listening = true;
	check(NULL);
}

void
database_listen(bool want)
{
	if (want == wanted)
		return;
	wanted = want;
	if (!pgconn_is_up(listener))
		return;
	if (want)
		ask(LISTEN_SQL, on_listening);
	else
		ask(UNLISTEN_SQL, on_deaf);
}

static void
on_deaf(void *arg, DbOutcome outcome, const PGresult *result)
{
	(void) arg;
	(void) outcome;
	(void) result;
	listening = false;
}

bool
database_listens(void)
{
	return listening && wanted;
}

/* --- who leads -------------------------------------------------------------------------------- */

void
database_lead(bool want)
{
	if (!pgconn_is_up(listener) || asking_to_lead || want == leading)
		return;
	asking_to_lead = true;
	if (want)
		ask(LEAD_SQL, on_leading);
	else
		ask(STEP_BACK_SQL, on_stepped_back);
}

bool
database_leads(void)
{
	return leading;
}

static void
on_leading(void *arg, DbOutcome outcome, const PGresult *result)
{
	(void) arg;
	asking_to_lead = false;
	leading = outcome == DB_DONE && PQgetvalue(result, 0, 0)[0] == 't';
}

/* Should it have failed, the connection is gone, and the lock with it. */
static void
on_stepped_back(void *arg, DbOutcome outcome, const PGresult *result)
{
	(void) arg;
	(void) outcome;
	(void) result;
	asking_to_lead = leading = false;
}

/* --- is it there ------------------------------------------------------------------------------- */

/* A half-open connection hears nothing and notices nothing: it must be asked. */
static void
probe(void *arg)
{
	const DbRequest *oldest = pgconn_oldest(listener);

	(void) arg;
	if (oldest != NULL && loop_now() - db_asked_at(oldest) > PROBE_PATIENCE_MS)
		pgconn_reset(listener, "the listening connection does not answer");
	else if (pgconn_is_up(listener) && oldest == NULL)
		ask(PROBE_SQL, on_probed);
}

static void
ask(const char *sql, DbDone done)
{
	DbRequest  *request = db_request(sql, done, NULL);

	db_set_asked(request, DATABASE_LISTEN);
	pgconn_send(listener, request);
}

static void
on_probed(void *arg, DbOutcome outcome, const PGresult *result)
{
	(void) arg;
	(void) outcome;
	(void) result;
}

static void
check(void *arg)
{
	(void) arg;
	if (pgconn_is_up(listener))
		pool_submit(LANE_QUERY, db_request(CHECK_SQL, on_checked, NULL));
}

static void
on_checked(void *arg, DbOutcome outcome, const PGresult *result)
{
	(void) arg;
	if (outcome != DB_DONE)
	{
		if (outcome == DB_REFUSED)
			log_write(LOG_ERROR, "the database could not be checked; is the extension porcupine installed?",
					  LOG_TEXT("error", PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY)));
		timer_start(&check_timer, check, NULL, RETRY_MS, 0);
		return;
	}
	for (int i = 0; i < 2; i++)
	{
		if (strcmp(PQgetvalue(result, 0, i), "on") != 0)
		{
			events->unfit(i == 0 ? "fsync" : "full_page_writes");
			return;
		}
	}
	if (!pgconn_is_up(listener))
		return;
	database_take_stream(strtoll(PQgetvalue(result, 0, 2), NULL, 10));
	database_take_mode(PQgetvalue(result, 0, 3));
	checked = true;
	log_write(LOG_INFO, "the database is ready", LOG_NUMBER("stream", stream));
	events->ready(was_ready);
	was_ready = true;
}
