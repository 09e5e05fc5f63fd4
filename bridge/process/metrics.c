/*
 * metrics.c - see metrics.h. It owns the numbers and the one table that says what they are.
 *
 * Names follow Prometheus' conventions: base units, _total for what only grows, process_ for what
 * every program tells of itself. Numbers are doubles, as they are at the other end; they count
 * exactly up to 2^53.
 */
#include "metrics.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PREFIX "porcupine_bridge_"
#define LENGTH(array) ((int) (sizeof(array) / sizeof((array)[0])))
#define BY(label, list) {(label), (list), LENGTH(list)}

/* Rows of the table: one number, one for each value of a label, and histograms of both kinds. */
#define NUMBER(metric_type, metric_name, words) \
	{.name = PREFIX metric_name, .type = (metric_type), .values = (double[1]) {0}, .help = (words)}
#define NUMBERS(metric_type, metric_name, label, list, words) \
	{.name = PREFIX metric_name, .type = (metric_type), .labels = {BY(label, list)}, \
	 .values = (double[LENGTH(list)]) {0}, .help = (words)}
#define BUCKETS(metric_name, limits, words) \
	{.name = PREFIX metric_name, .type = METRIC_HISTOGRAM, .bounds = (limits), .n_bounds = LENGTH(limits), \
	 .values = (double[LENGTH(limits) + 2]) {0}, .help = (words)}
#define BUCKETS_BY(metric_name, label, list, limits, words) \
	{.name = PREFIX metric_name, .type = METRIC_HISTOGRAM, .labels = {BY(label, list)}, \
	 .bounds = (limits), .n_bounds = LENGTH(limits), \
	 .values = (double[LENGTH(list) * (LENGTH(limits) + 2)]) {0}, .help = (words)}
#define PROCESS(metric_type, metric_name, words) \
	{.name = "process_" metric_name, .type = (metric_type), .values = (double[1]) {0}, .help = (words)}

static const char *const type_names[] = {
	[METRIC_COUNTER] = "counter",
	[METRIC_GAUGE] = "gauge",
	[METRIC_HISTOGRAM] = "histogram",
};

static const char *const send_outcomes[] = {
	[SEND_STORED] = "stored",
	[SEND_REPEATED] = "repeated",
	[SEND_REFUSED] = "refused",
};

static const char *const batch_outcomes[] = {
	[BATCH_COMMITTED] = "committed",
	[BATCH_ROLLED_BACK] = "rolled_back",
	[BATCH_LOST] = "lost",
};

static const char *const sweeps[] = {
	[SWEEP_HEADS] = "heads",
	[SWEEP_SESSIONS] = "sessions",
};

static const char *const doorbell_sources[] = {
	[DOORBELL_OWN] = "own",
	[DOORBELL_OTHER] = "other",
};

static const char *const lanes[] = {
	[DATABASE_SEND] = "send",
	[DATABASE_HELD] = "held",
	[DATABASE_QUERY] = "query",
	[DATABASE_SLOW] = "slow",
	[DATABASE_REPLICA] = "replica",
	[DATABASE_LISTEN] = "listen",
};

static const char *const replica_outcomes[] = {
	[REPLICA_ANSWERED] = "answered",
	[REPLICA_LEFT] = "left_to_primary",
};

static const char *const token_verdicts[] = {
	[TOKEN_REMEMBERED] = "remembered",
	[TOKEN_VERIFIED] = "verified",
	[TOKEN_INVALID] = "invalid",
	[TOKEN_UNKNOWN_KEY] = "unknown_key",
};

/* The enums of the layers above; the unit test holds these lists to them where it can. */
static const char *const error_codes[] = {
	"invalid", "unauthenticated", "bad_credentials", "session_ended", "not_member", "role", "not_found", "conflict",
	"stale_epoch", "epoch_closed", "duplicate_mismatch", "room_full", "gone", "too_large", "rate_limited", "busy",
	"muted", "archived", "banned", "quota", "key_reused",
	"internal"
};
static const char *const peer_states[] = {"new", "authenticating", "ready", "ending"};
static const char *const db_outcomes[] = {"done", "refused", "unknown", "away"};
static const char *const log_levels[] = {"debug", "info", "warning", "error"};

static const char *const limit_names[] = {
	"requests", "frames", "sends", "sends_room", "known", "register", "login", "login_account", "login_known", "password", "profile", "refresh",
	"join", "join_address", "preview", "reads", "writes", "hashes", "sockets_user", "sockets_address", "subscriptions"
};
static const char *const limit_decisions[] = {
	[LIMIT_DECIDED_IN_REDIS] = "redis",
	[LIMIT_DECIDED_HERE] = "bridge",
};

/* API.md, "Close codes"; other: the client or the network hung up. */
static const char *const close_codes[] = {
	"1003", "4401", "4403", "4408", "4413", "4419", "4429", "4503", "other"
};
static const char *const verbs[] = {
	"auth", "subscribe", "send", "typing", "read", "unsubscribe", "ping", "other"
};

static const char *routes[METRICS_MAX_ROUTES] = {[METRICS_OTHER_ROUTE] = "other"};
static const char *const status_classes[] = {"2xx", "3xx", "4xx", "5xx"};
static const char *const versions[] = {"1.1.0"};

static const double durations[] = {
	0.00025, 0.0005, 0.001, 0.0015, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10
};
static const double sizes[] = {1, 2, 5, 10, 20, 50, 100, 200, 500};

const MetricKind metrics_kinds[N_METRICS] = {
	[METRIC_SENDS] = NUMBERS(METRIC_COUNTER, "sends_total", "outcome", send_outcomes, "Sends that were answered."),
	[METRIC_SENDS_REFUSED] = NUMBERS(METRIC_COUNTER, "sends_refused_total", "code", error_codes,
									 "Sends that were refused, by the code in the answer."),
	[METRIC_SENDS_HELD] = NUMBER(METRIC_COUNTER, "sends_held_total",
								 "Sends that waited because another transaction held their room."),
	[METRIC_ROOMS_HELD] = NUMBER(METRIC_GAUGE, "rooms_held", "Rooms that other transactions hold while sends wait."),
	[METRIC_SENDS_WAITING] = NUMBER(METRIC_GAUGE, "sends_waiting", "Sends that wait for a batch, or are in one."),
	[METRIC_SENDS_WAITING_BYTES] = NUMBER(METRIC_GAUGE, "sends_waiting_bytes", "Bytes of their bodies."),
	[METRIC_SEND_SECONDS] = BUCKETS("send_duration_seconds", durations, "From a send's arrival to its answer."),
	[METRIC_SHOWN_SECONDS] = BUCKETS("send_shown_seconds", durations,
									 "From a send's arrival to the first write of it to all sockets here, of one send in each batch."),
	[METRIC_BATCHES] = NUMBERS(METRIC_COUNTER, "batches_total", "outcome", batch_outcomes,
							   "Transactions that carried sends."),
	[METRIC_BATCH_SENDS] = BUCKETS("batch_sends", sizes, "Sends in one transaction."),
	[METRIC_BATCH_SECONDS] = BUCKETS("batch_duration_seconds", durations,
									 "From handing a batch to the database to its answer."),

	[METRIC_SOCKETS] = NUMBERS(METRIC_GAUGE, "sockets", "state", peer_states, "WebSockets that are open."),
	[METRIC_SOCKETS_OPENED] = NUMBER(METRIC_COUNTER, "sockets_opened_total", "WebSockets that were opened."),
	[METRIC_SOCKETS_CLOSED] = NUMBERS(METRIC_COUNTER, "sockets_closed_total", "code", close_codes,
									  "WebSockets that ended, by the close code that the bridge gave."),
	[METRIC_SOCKET_MESSAGES] = NUMBERS(METRIC_COUNTER, "socket_messages_total", "verb", verbs,
									   "What clients said on WebSockets."),
	[METRIC_SOCKET_QUEUED_BYTES] = NUMBER(METRIC_GAUGE, "socket_queued_bytes",
										  "Bytes that wait for sockets to take them, of all sockets together."),
	[METRIC_FRAMES_QUEUED] = NUMBER(METRIC_COUNTER, "frames_queued_total",
									"Frames for sockets: events, answers and everything else."),
	[METRIC_SOCKET_WRITES] = NUMBER(METRIC_COUNTER, "socket_writes_total", "Writes to WebSockets."),
	[METRIC_SOCKET_FRAMES] = NUMBER(METRIC_COUNTER, "socket_frames_total", "Frames in those writes."),
	[METRIC_SOCKET_BYTES] = NUMBER(METRIC_COUNTER, "socket_written_bytes_total", "Bytes in those writes."),

	[METRIC_ROOMS] = NUMBER(METRIC_GAUGE, "rooms", "Rooms that have sockets here."),
	[METRIC_SUBSCRIPTIONS] = NUMBER(METRIC_GAUGE, "subscriptions", "Subscriptions of sockets to rooms."),
	[METRIC_EVENTS_KEPT] = NUMBER(METRIC_GAUGE, "events_kept", "Recent events in memory."),
	[METRIC_EVENTS_KEPT_BYTES] = NUMBER(METRIC_GAUGE, "events_kept_bytes", "Bytes of their frames."),
	[METRIC_EVENTS_PUBLISHED] = NUMBER(METRIC_COUNTER, "events_published_total",
									   "Events that were shown to their room's sockets, each once."),
	[METRIC_GAPS] = NUMBER(METRIC_COUNTER, "gaps_total", "Events that arrived before the one ahead of them."),
	[METRIC_ROOM_READS] = NUMBER(METRIC_COUNTER, "room_reads_total", "Reads of a room's events for all its sockets."),
	[METRIC_PAGE_READS] = NUMBER(METRIC_COUNTER, "page_reads_total",
								 "Reads of events for one socket, which was further behind than memory goes."),
	[METRIC_RESETS] = NUMBER(METRIC_COUNTER, "resets_total", "Subscriptions whose cursor could not be resumed."),
	[METRIC_SWEEPS] = NUMBERS(METRIC_COUNTER, "sweeps_total", "of", sweeps,
							  "Questions whether doorbells were missed."),
	[METRIC_SWEEP_FINDS] = NUMBERS(METRIC_COUNTER, "sweep_finds_total", "of", sweeps,
								   "Rooms that had gone on, and sessions that had ended, unheard until a sweep."),
	[METRIC_DOORBELLS] = NUMBERS(METRIC_COUNTER, "doorbells_total", "source", doorbell_sources,
								 "Doorbells heard, by who rang."),
	[METRIC_DOORBELL_SECONDS] = BUCKETS("doorbell_duration_seconds", durations,
										"From handing a batch to the database to hearing its doorbell."),

	[METRIC_DATABASE_READY] = NUMBER(METRIC_GAUGE, "database_ready", "1 while /readyz says so, else 0."),
	[METRIC_DATABASE_CONNECTIONS] = NUMBERS(METRIC_GAUGE, "database_connections", "lane", lanes,
											"Connections to PostgreSQL that are up."),
	[METRIC_DATABASE_LOSSES] = NUMBER(METRIC_COUNTER, "database_losses_total",
									  "Connections to PostgreSQL that were lost."),
	[METRIC_DATABASE_IN_FLIGHT] = NUMBERS(METRIC_GAUGE, "database_in_flight", "lane", lanes,
										  "Requests that PostgreSQL is working on."),
	[METRIC_DATABASE_WAITING] = NUMBERS(METRIC_GAUGE, "database_waiting", "lane", lanes,
										"Requests that wait for a connection."),
	[METRIC_DATABASE_REQUESTS] = NUMBERS(METRIC_COUNTER, "database_requests_total", "outcome", db_outcomes,
										 "Requests to PostgreSQL that came to an end."),
	[METRIC_DATABASE_WAIT_SECONDS] = BUCKETS_BY("database_wait_seconds", "lane", lanes, durations,
												"How long requests waited for a connection."),
	[METRIC_DATABASE_SECONDS] = BUCKETS_BY("database_duration_seconds", "lane", lanes, durations,
										   "From sending a request to PostgreSQL to its answer."),
	[METRIC_REPLICA_PAGES] = NUMBERS(METRIC_COUNTER, "replica_pages_total", "outcome", replica_outcomes,
									 "Pages of history that the standby was to answer."),

	[METRIC_REDIS_NODES] = NUMBER(METRIC_GAUGE, "redis_nodes", "Redis nodes that are there, for messages in both directions."),
	[METRIC_REDIS_LOSSES] = NUMBER(METRIC_COUNTER, "redis_losses_total", "Times that a Redis node went away."),
	[METRIC_REDIS_PUBLISHED] = NUMBER(METRIC_COUNTER, "redis_published_total",
									  "Messages to other bridges, each with all that a turn of the loop says in a room."),
	[METRIC_REDIS_PUBLISHED_BYTES] = NUMBER(METRIC_COUNTER, "redis_published_bytes_total", "Bytes in those messages."),
	[METRIC_REDIS_HEARD] = NUMBER(METRIC_COUNTER, "redis_heard_total", "Messages from Redis, our own included."),
	[METRIC_REDIS_HEARD_BYTES] = NUMBER(METRIC_COUNTER, "redis_heard_bytes_total", "Bytes in those messages."),
	[METRIC_OTHER_BRIDGES] = NUMBER(METRIC_GAUGE, "other_bridges", "Other bridges that were heard in the last eight seconds."),
	[METRIC_LISTENING] = NUMBER(METRIC_GAUGE, "listening", "1 while this bridge hears the database's doorbells itself."),
	[METRIC_RELAYING] = NUMBER(METRIC_GAUGE, "relaying", "1 while it passes them on to the others."),

	[METRIC_HTTP_OPEN] = NUMBER(METRIC_GAUGE, "http_requests_open", "HTTP requests that are being read or answered."),
	[METRIC_HTTP_REQUESTS] = {
		.name = PREFIX "http_requests_total", .type = METRIC_COUNTER,
		.labels = {BY("route", routes), BY("status", status_classes)},
		.values = (double[LENGTH(routes) * LENGTH(status_classes)]) {0},
		.help = "HTTP requests that were answered."
	},
	[METRIC_HTTP_ROUTE_SECONDS] = NUMBERS(METRIC_COUNTER, "http_route_seconds_total", "route", routes,
										  "Time from a request's header to its answer, by route."),
	[METRIC_HTTP_SECONDS] = BUCKETS("http_duration_seconds", durations, "The same, of all routes."),
	[METRIC_TOKENS] = NUMBERS(METRIC_COUNTER, "tokens_total", "verdict", token_verdicts,
							  "Access tokens that were looked at."),

	[METRIC_LIMITED] = NUMBERS(METRIC_COUNTER, "limited_total", "limit", limit_names,
							   "What was refused because it came too often, by the limit that was reached."),
	[METRIC_LIMIT_DECISIONS] = NUMBERS(METRIC_COUNTER, "limit_decisions_total", "by", limit_decisions,
									   "Calls whose rate was looked at, by who decided."),

	[METRIC_LOG_LINES] = NUMBERS(METRIC_COUNTER, "log_lines_total", "level", log_levels, "Lines of the log."),
	[METRIC_LOOP_LAG] = BUCKETS("loop_lag_seconds", durations,
								"How late a timer fires: as long, what arrives waits for the event loop."),
	[METRIC_BUILD] = NUMBERS(METRIC_GAUGE, "build_info", "version", versions, "1, with what runs here."),
	[METRIC_PROCESS_CPU] = PROCESS(METRIC_COUNTER, "cpu_seconds_total", "User and system time, in seconds."),
	[METRIC_PROCESS_RESIDENT] = PROCESS(METRIC_GAUGE, "resident_memory_bytes", "Memory in use."),
	[METRIC_PROCESS_VIRTUAL] = PROCESS(METRIC_GAUGE, "virtual_memory_bytes", "Address space in use."),
	[METRIC_PROCESS_FDS] = PROCESS(METRIC_GAUGE, "open_fds", "Open file descriptors."),
	[METRIC_PROCESS_MAX_FDS] = PROCESS(METRIC_GAUGE, "max_fds", "File descriptors that may be open."),
	[METRIC_PROCESS_STARTED] = PROCESS(METRIC_GAUGE, "start_time_seconds", "When it was started, by Unix time."),
};

static const char *label_value(const MetricKind *kind, int series, int label);
static int	count_series(const MetricKind *kind);
static void write_series(Text *text, const MetricKind *kind, int series, int worker);
static void write_name(Text *text, const MetricKind *kind, const char *suffix, int series, int worker);
static void write_value(Text *text, double value);

/* --- counting ------------------------------------------------------------------------------------ */

void
metrics_add_code(Metric metric, int code)
{
	const MetricLabel *label = &metrics_kinds[metric].labels[0];
	int			series = 0;

	while (series < label->count - 1 && strtol(label->values[series], NULL, 10) != code)
		series++;
	metrics_kinds[metric].values[series]++;
}

void
metrics_add_named(Metric metric, const char *name)
{
	const MetricLabel *label = &metrics_kinds[metric].labels[0];
	int			series = 0;

	while (series < label->count - 1 && (name == NULL || strcmp(label->values[series], name) != 0))
		series++;
	metrics_kinds[metric].values[series]++;
}

void
metrics_observe(Metric metric, double value)
{
	metrics_observe_in(metric, 0, value);
}

void
metrics_observe_in(Metric metric, int series, double value)
{
	const MetricKind *kind = &metrics_kinds[metric];
	double	   *values = &kind->values[series * (kind->n_bounds + 2)];
	int			bucket = 0;

	while (bucket < kind->n_bounds && value > kind->bounds[bucket])
		bucket++;
	values[bucket]++;
	values[kind->n_bounds + 1] += value;
}

void
metrics_name_route(int route, const char *name)
{
	if (route >= METRICS_MAX_ROUTES)
		abort();				/* a table in the source is too long */
	routes[route] = name;
}

void
metrics_answered(int route, int status, double seconds)
{
	metrics_add_to(METRIC_HTTP_REQUESTS, route * LENGTH(status_classes) + status / 100 - 2, 1);
	metrics_add_to(METRIC_HTTP_ROUTE_SECONDS, route, seconds);
	metrics_observe(METRIC_HTTP_SECONDS, seconds);
}

double
metrics_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

/* --- the text ------------------------------------------------------------------------------------ */

void
metrics_write(Text *text, int worker)
{
	for (int i = 0; i < N_METRICS; i++)
	{
		const MetricKind *kind = &metrics_kinds[i];

		text_format(text, "# HELP %s %s\n", kind->name, kind->help);
		text_format(text, "# TYPE %s %s\n", kind->name, type_names[kind->type]);
		for (int series = 0; series < count_series(kind); series++)
		{
			if (kind->labels[0].count == 0 || label_value(kind, series, 0) != NULL)
				write_series(text, kind, series, worker);
		}
	}
}

static int
count_series(const MetricKind *kind)
{
	int			count = 1;

	for (int i = 0; i < 2; i++)
		count *= kind->labels[i].count > 0 ? kind->labels[i].count : 1;
	return count;
}

static const char *
label_value(const MetricKind *kind, int series, int label)
{
	int			within = kind->labels[1].count > 0 ? kind->labels[1].count : 1;

	return kind->labels[label].values[label == 0 ? series / within : series % within];
}

/* Prometheus counts in each bucket all that lies below it, too. */
static void
write_series(Text *text, const MetricKind *kind, int series, int worker)
{
	const double *values = &kind->values[series * (kind->n_bounds + 2)];
	double		below = 0;

	if (kind->type != METRIC_HISTOGRAM)
	{
		write_name(text, kind, "", series, worker);
		text_add(text, "} ");
		write_value(text, kind->values[series]);
		return;
	}
	for (int i = 0; i <= kind->n_bounds; i++)
	{
		below += values[i];
		write_name(text, kind, "_bucket", series, worker);
		if (i < kind->n_bounds)
			text_format(text, ",le=\"%g\"} ", kind->bounds[i]);
		else
			text_add(text, ",le=\"+Inf\"} ");
		write_value(text, below);
	}
	write_name(text, kind, "_sum", series, worker);
	text_add(text, "} ");
	write_value(text, values[kind->n_bounds + 1]);
	write_name(text, kind, "_count", series, worker);
	text_add(text, "} ");
	write_value(text, below);
}

/* Values of labels are ours and need no quoting. The closing brace is left to the caller. */
static void
write_name(Text *text, const MetricKind *kind, const char *suffix, int series, int worker)
{
	text_format(text, "%s%s{worker=\"%d\"", kind->name, suffix, worker);
	for (int i = 0; i < 2 && kind->labels[i].count > 0; i++)
		text_format(text, ",%s=\"%s\"", kind->labels[i].name, label_value(kind, series, i));
}

static void
write_value(Text *text, double value)
{
	if (value == (double) (int64_t) value)
		text_number(text, (int64_t) value);
	else
		text_format(text, "%.15g", value);
	text_add(text, "\n");
}
