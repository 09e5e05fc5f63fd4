/*
 * metrics.h - the numbers that this process counts, and their text for Prometheus.
 *
 * Counting is one addition and may stand anywhere; nobody's name, room or id is ever a label. A metric
 * is a row of the table in metrics.c, with its meaning; docs/metrics.md has all of them.
 */
#ifndef PORCUPINE_METRICS_H
#define PORCUPINE_METRICS_H

#include "text.h"

typedef enum Metric
{
	/* sends */
	METRIC_SENDS,				/* by SendOutcome */
	METRIC_SENDS_REFUSED,		/* by ErrorCode */
	METRIC_SENDS_HELD,
	METRIC_ROOMS_HELD,
	METRIC_SENDS_WAITING,
	METRIC_SENDS_WAITING_BYTES,
	METRIC_SEND_SECONDS,
	METRIC_SHOWN_SECONDS,
	METRIC_BATCHES,				/* by BatchOutcome */
	METRIC_BATCH_SENDS,
	METRIC_BATCH_SECONDS,

	/* sockets */
	METRIC_SOCKETS,				/* by PeerState */
	METRIC_SOCKETS_OPENED,
	METRIC_SOCKETS_CLOSED,		/* by CloseCode: metrics_add_code() */
	METRIC_SOCKET_MESSAGES,		/* by SocketVerb */
	METRIC_SOCKET_QUEUED_BYTES,
	METRIC_FRAMES_QUEUED,
	METRIC_SOCKET_WRITES,
	METRIC_SOCKET_FRAMES,
	METRIC_SOCKET_BYTES,

	/* rooms */
	METRIC_ROOMS,
	METRIC_SUBSCRIPTIONS,
	METRIC_EVENTS_KEPT,
	METRIC_EVENTS_KEPT_BYTES,
	METRIC_EVENTS_PUBLISHED,
	METRIC_GAPS,
	METRIC_ROOM_READS,
	METRIC_PAGE_READS,
	METRIC_RESETS,
	METRIC_SWEEPS,				/* by Sweep */
	METRIC_SWEEP_FINDS,			/* by Sweep */
	METRIC_DOORBELLS,			/* by DoorbellSource */
	METRIC_DOORBELL_SECONDS,

	/* the database */
	METRIC_DATABASE_READY,
	METRIC_DATABASE_CONNECTIONS,	/* by DatabaseLane */
	METRIC_DATABASE_LOSSES,
	METRIC_DATABASE_IN_FLIGHT,	/* by DatabaseLane */
	METRIC_DATABASE_WAITING,	/* by DatabaseLane */
	METRIC_DATABASE_REQUESTS,	/* by DbOutcome */
	METRIC_DATABASE_WAIT_SECONDS,	/* by DatabaseLane */
	METRIC_DATABASE_SECONDS,	/* by DatabaseLane */
	METRIC_REPLICA_PAGES,		/* by ReplicaOutcome */

	/* Redis, other bridges */
	METRIC_REDIS_NODES,
	METRIC_REDIS_LOSSES,
	METRIC_REDIS_PUBLISHED,
	METRIC_REDIS_PUBLISHED_BYTES,
	METRIC_REDIS_HEARD,
	METRIC_REDIS_HEARD_BYTES,
	METRIC_OTHER_BRIDGES,
	METRIC_LISTENING,
	METRIC_RELAYING,

	/* HTTP, tokens */
	METRIC_HTTP_OPEN,
	METRIC_HTTP_REQUESTS,		/* by route and class of status: metrics_answered() */
	METRIC_HTTP_ROUTE_SECONDS,	/* by route */
	METRIC_HTTP_SECONDS,
	METRIC_TOKENS,				/* by TokenVerdict */
	METRIC_LIMITED,				/* by Limit */
	METRIC_LIMIT_DECISIONS,		/* by LimitDecision */

	/* the process */
	METRIC_LOG_LINES,			/* by LogLevel */
	METRIC_LOOP_LAG,
	METRIC_BUILD,
	METRIC_PROCESS_CPU,
	METRIC_PROCESS_RESIDENT,
	METRIC_PROCESS_VIRTUAL,
	METRIC_PROCESS_FDS,
	METRIC_PROCESS_MAX_FDS,
	METRIC_PROCESS_STARTED,
	N_METRICS
} Metric;

/* What tells the series of the metrics above apart, where no other enum does. */
enum SendOutcome { SEND_STORED, SEND_REPEATED, SEND_REFUSED };
enum BatchOutcome { BATCH_COMMITTED, BATCH_ROLLED_BACK, BATCH_LOST };
enum Sweep { SWEEP_HEADS, SWEEP_SESSIONS };
enum DoorbellSource { DOORBELL_OWN, DOORBELL_OTHER };
enum DatabaseLane { DATABASE_SEND, DATABASE_HELD, DATABASE_QUERY, DATABASE_SLOW, DATABASE_REPLICA, DATABASE_LISTEN, N_DATABASE_LANES };
enum ReplicaOutcome { REPLICA_ANSWERED, REPLICA_LEFT };
enum TokenVerdict { TOKEN_REMEMBERED, TOKEN_VERIFIED, TOKEN_INVALID, TOKEN_UNKNOWN_KEY };

enum LimitDecision { LIMIT_DECIDED_IN_REDIS, LIMIT_DECIDED_HERE };

#define METRICS_MAX_ROUTES 128
#define METRICS_OTHER_ROUTE 0	/* the page, and what is at no path */

typedef enum MetricType
{
	METRIC_COUNTER,
	METRIC_GAUGE,
	METRIC_HISTOGRAM
} MetricType;

/* A label and the values that it has; a NULL among them is not written. */
typedef struct MetricLabel
{
	const char *name;
	const char *const *values;
	int			count;
} MetricLabel;

/*
 * Series are numbered by the first label, within it by the second. A series is one number; of a
 * histogram it is the buckets, what lies beyond, and the sum.
 */
typedef struct MetricKind
{
	const char *name;
	const char *help;
	MetricLabel labels[2];		/* unused: count 0 */
	const double *bounds;		/* of a histogram's buckets, ascending */
	int			n_bounds;
	MetricType	type;
	double	   *values;
} MetricKind;

extern const MetricKind metrics_kinds[N_METRICS];

/* Counts up, or moves a gauge by n, which may then be negative. */
static inline void
metrics_add(Metric metric, double n)
{
	metrics_kinds[metric].values[0] += n;
}

/* The same in one of its series. */
static inline void
metrics_add_to(Metric metric, int series, double n)
{
	metrics_kinds[metric].values[series] += n;
}

static inline void
metrics_set(Metric metric, int series, double value)
{
	metrics_kinds[metric].values[series] = value;
}

/* Counts one in the series that is named by a number, or in its last, "other". */
extern void metrics_add_code(Metric metric, int code);
/* Counts one in the series of that name, or in its last, "other". */
extern void metrics_add_named(Metric metric, const char *name);
/* One observation of a histogram: of its only series, or of one of them. */
extern void metrics_observe(Metric metric, double value);
extern void metrics_observe_in(Metric metric, int series, double value);

/* Routes are named by whoever owns their table, at start; the name must stay. */
extern void metrics_name_route(int route, const char *name);
/* A request to this route was answered with this status, so many seconds after it began. */
extern void metrics_answered(int route, int status, double seconds);

/* Seconds of a clock that never goes back, to measure durations finer than the loop's. */
extern double metrics_clock(void);

/* Everything in Prometheus' text format 0.0.4, each series with the number of this worker. */
extern void metrics_write(Text *text, int worker);

#endif
