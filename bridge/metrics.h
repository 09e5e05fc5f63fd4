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
	METRIC_SENDS,				/* by SendOutcome */
	METRIC_SENDS_REFUSED,		/* by ErrorCode */
	METRIC_BATCHES,				/* by BatchOutcome */
	METRIC_BATCH_SENDS,
	METRIC_BATCH_SECONDS,
	METRIC_SEND_SECONDS,
	METRIC_FRAMES_QUEUED,
	METRIC_SOCKET_WRITES,
	METRIC_SOCKET_FRAMES,
	METRIC_SOCKET_BYTES,
	METRIC_SOCKETS_OPENED,
	METRIC_SOCKETS_CLOSED,		/* by CloseCode: metrics_add_code() */
	METRIC_GAPS,
	METRIC_ROOM_READS,
	METRIC_DOORBELLS,			/* by DoorbellSource */
	N_METRICS
} Metric;

/* Series of the metrics above, in the order of their names in metrics.c. */
enum SendOutcome { SEND_STORED, SEND_REPEATED, SEND_REFUSED };
enum BatchOutcome { BATCH_COMMITTED, BATCH_ROLLED_BACK, BATCH_LOST };
enum DoorbellSource { DOORBELL_OWN, DOORBELL_OTHER };

typedef enum MetricType
{
	METRIC_COUNTER,
	METRIC_GAUGE,
	METRIC_HISTOGRAM
} MetricType;

typedef struct MetricKind
{
	const char *name;			/* behind porcupine_bridge_ */
	MetricType	type;
	const char *label;			/* what tells its series apart; NULL: there is one */
	const char *const *series;	/* the values of that label */
	int			n_series;
	const double *bounds;		/* of a histogram's buckets, ascending */
	int			n_bounds;
	double	   *values;			/* a number a series; of a histogram each bucket, what is beyond, and the sum */
	const char *help;
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
/* One observation of a histogram. */
extern void metrics_observe(Metric metric, double value);

/* Seconds of a clock that never goes back, to measure durations finer than the loop's. */
extern double metrics_clock(void);

/* Everything in Prometheus' text format 0.0.4, each series with the number of this worker. */
extern void metrics_write(Text *text, int worker);

#endif
