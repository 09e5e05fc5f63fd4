/*
 * metrics.c - see metrics.h. It owns the numbers and the one table that says what they are.
 *
 * Names follow Prometheus' conventions: base units, _total for what only grows. Numbers are doubles,
 * as they are at the other end; they count exactly up to 2^53.
 */
#include "metrics.h"

#include <stdlib.h>
#include <time.h>

#define PREFIX "porcupine_bridge_"
#define LENGTH(array) ((int) (sizeof(array) / sizeof((array)[0])))

#define NUMBER(metric_type, metric_name, words) \
	{.name = (metric_name), .type = (metric_type), .n_series = 1, .values = (double[1]) {0}, .help = (words)}
#define NUMBERS(metric_type, metric_name, by, list, words) \
	{.name = (metric_name), .type = (metric_type), .label = (by), .series = (list), .n_series = LENGTH(list), \
	 .values = (double[LENGTH(list)]) {0}, .help = (words)}
#define BUCKETS(metric_name, limits, words) \
	{.name = (metric_name), .type = METRIC_HISTOGRAM, .n_series = 1, .bounds = (limits), .n_bounds = LENGTH(limits), \
	 .values = (double[LENGTH(limits) + 2]) {0}, .help = (words)}

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

static const char *const doorbell_sources[] = {
	[DOORBELL_OWN] = "own",
	[DOORBELL_OTHER] = "other",
};

/* The codes of errors.c, in the order of its ErrorCode; the unit test holds them to that. */
static const char *const error_codes[] = {
	"invalid", "unauthenticated", "bad_credentials", "session_ended", "not_member", "role", "not_found", "conflict",
	"stale_epoch", "epoch_closed", "duplicate_mismatch", "room_full", "gone", "too_large", "rate_limited", "busy",
	"internal"
};

/* API.md, "Close codes"; other: the client or the network hung up. */
static const char *const close_codes[] = {
	"1003", "4401", "4403", "4408", "4413", "4419", "4429", "4503", "other"
};

static const double durations[] = {
	0.00025, 0.0005, 0.001, 0.0015, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10
};
static const double sizes[] = {1, 2, 5, 10, 20, 50, 100, 200, 500};

const MetricKind metrics_kinds[N_METRICS] = {
	[METRIC_SENDS] = NUMBERS(METRIC_COUNTER, "sends_total", "outcome", send_outcomes,
							 "Sends that were answered."),
	[METRIC_SENDS_REFUSED] = NUMBERS(METRIC_COUNTER, "sends_refused_total", "code", error_codes,
									 "Sends that were refused, by the code in the answer."),
	[METRIC_BATCHES] = NUMBERS(METRIC_COUNTER, "batches_total", "outcome", batch_outcomes,
							   "Transactions that carried sends."),
	[METRIC_BATCH_SENDS] = BUCKETS("batch_sends", sizes, "Sends in one transaction."),
	[METRIC_BATCH_SECONDS] = BUCKETS("batch_duration_seconds", durations,
									 "From handing a batch to the database to its answer."),
	[METRIC_SEND_SECONDS] = BUCKETS("send_duration_seconds", durations,
									"From reading a send to queueing its answer."),
	[METRIC_FRAMES_QUEUED] = NUMBER(METRIC_COUNTER, "frames_queued_total",
									"Frames that were queued to sockets: deliveries, answers and everything else."),
	[METRIC_SOCKET_WRITES] = NUMBER(METRIC_COUNTER, "socket_writes_total", "Writes to WebSockets."),
	[METRIC_SOCKET_FRAMES] = NUMBER(METRIC_COUNTER, "socket_frames_total", "Frames in those writes."),
	[METRIC_SOCKET_BYTES] = NUMBER(METRIC_COUNTER, "socket_written_bytes_total", "Bytes in those writes."),
	[METRIC_SOCKETS_OPENED] = NUMBER(METRIC_COUNTER, "sockets_opened_total", "WebSockets that were opened."),
	[METRIC_SOCKETS_CLOSED] = NUMBERS(METRIC_COUNTER, "sockets_closed_total", "code", close_codes,
									  "WebSockets that ended, by the close code that the bridge gave."),
	[METRIC_GAPS] = NUMBER(METRIC_COUNTER, "gaps_total", "Events that arrived before the one ahead of them."),
	[METRIC_ROOM_READS] = NUMBER(METRIC_COUNTER, "room_reads_total", "Reads of a room's events for all its sockets."),
	[METRIC_DOORBELLS] = NUMBERS(METRIC_COUNTER, "doorbells_total", "source", doorbell_sources,
								 "Doorbells heard, by who rang."),
};

static void write_head(Text *text, const MetricKind *kind);
static void write_numbers(Text *text, const MetricKind *kind, int worker);
static void write_histogram(Text *text, const MetricKind *kind, int worker);
static void write_value(Text *text, double value);

void
metrics_add_code(Metric metric, int code)
{
	const MetricKind *kind = &metrics_kinds[metric];
	int			series = 0;

	while (series < kind->n_series - 1 && strtol(kind->series[series], NULL, 10) != code)
		series++;
	kind->values[series]++;
}

void
metrics_observe(Metric metric, double value)
{
	const MetricKind *kind = &metrics_kinds[metric];
	int			bucket = 0;

	while (bucket < kind->n_bounds && value > kind->bounds[bucket])
		bucket++;
	kind->values[bucket]++;
	kind->values[kind->n_bounds + 1] += value;
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

		write_head(text, kind);
		if (kind->type == METRIC_HISTOGRAM)
			write_histogram(text, kind, worker);
		else
			write_numbers(text, kind, worker);
	}
}

static void
write_head(Text *text, const MetricKind *kind)
{
	text_format(text, "# HELP " PREFIX "%s %s\n", kind->name, kind->help);
	text_format(text, "# TYPE " PREFIX "%s %s\n", kind->name, type_names[kind->type]);
}

static void
write_numbers(Text *text, const MetricKind *kind, int worker)
{
	for (int i = 0; i < kind->n_series; i++)
	{
		text_format(text, PREFIX "%s{worker=\"%d\"", kind->name, worker);
		if (kind->label != NULL)
			text_format(text, ",%s=\"%s\"", kind->label, kind->series[i]);
		text_add(text, "} ");
		write_value(text, kind->values[i]);
	}
}

/* Prometheus counts in each bucket all that lies below it, too. */
static void
write_histogram(Text *text, const MetricKind *kind, int worker)
{
	double		below = 0;

	for (int i = 0; i <= kind->n_bounds; i++)
	{
		below += kind->values[i];
		text_format(text, PREFIX "%s_bucket{worker=\"%d\",le=\"", kind->name, worker);
		if (i < kind->n_bounds)
			text_format(text, "%g\"} ", kind->bounds[i]);
		else
			text_add(text, "+Inf\"} ");
		write_value(text, below);
	}
	text_format(text, PREFIX "%s_sum{worker=\"%d\"} ", kind->name, worker);
	write_value(text, kind->values[kind->n_bounds + 1]);
	text_format(text, PREFIX "%s_count{worker=\"%d\"} ", kind->name, worker);
	write_value(text, below);
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
