/*
 * test_metrics.c - what is counted is what is written, in the format that Prometheus reads.
 */
#include "errors.h"
#include "log.h"
#include "metrics.h"
#include "peer.h"
#include "pgconn.h"
#include "tap.h"

#include <string.h>

static Text text;

/* Does the line stand in what metrics_write() gives? */
static bool
says(const char *line)
{
	const char *found;
	size_t		length = strlen(line);

	text.length = 0;
	metrics_write(&text, 3);
	for (found = text.bytes; (found = strstr(found, line)) != NULL; found++)
	{
		if ((found == text.bytes || found[-1] == '\n') && found[length] == '\n')
			return true;
	}
	return false;
}

static void
check_table(void)
{
	bool		whole = true;
	bool		ascending = true;

	for (int i = 0; i < N_METRICS; i++)
	{
		const MetricKind *kind = &metrics_kinds[i];
		const char *total = kind->name != NULL ? strstr(kind->name, "_total") : NULL;

		whole = whole && kind->name != NULL && kind->help != NULL && kind->values != NULL
			&& (kind->type == METRIC_COUNTER) == (total != NULL && total[6] == '\0')
			&& (kind->type == METRIC_HISTOGRAM) == (kind->n_bounds > 0);
		for (int other = 0; other < i; other++)
			whole = whole && strcmp(kind->name, metrics_kinds[other].name) != 0;
		for (int bound = 1; bound < kind->n_bounds; bound++)
			ascending = ascending && kind->bounds[bound] > kind->bounds[bound - 1];
	}
	ok(whole, "every metric stands in the table, once, with all that it needs");
	ok(ascending, "the bounds of buckets ascend");
}

static void
check_enums(void)
{
	const MetricLabel *codes = &metrics_kinds[METRIC_SENDS_REFUSED].labels[0];
	const MetricLabel *levels = &metrics_kinds[METRIC_LOG_LINES].labels[0];
	bool		same = codes->count == ERROR_INTERNAL + 1;
	LogLevel	level;

	for (int i = 0; i < codes->count; i++)
		same = same && strcmp(codes->values[i], errors_kind((ErrorCode) i)->code) == 0;
	ok(same, "the codes of refusals are those of the errors");
	same = levels->count == LOG_ERROR + 1;
	for (int i = 0; i < levels->count; i++)
		same = same && log_parse_level(levels->values[i], &level) && (int) level == i;
	ok(same, "the levels are those of the log");
	ok(metrics_kinds[METRIC_SOCKETS].labels[0].count == PEER_ENDING + 1, "a socket has these states");
	ok(metrics_kinds[METRIC_DATABASE_REQUESTS].labels[0].count == DB_AWAY + 1, "a request ends in these ways");
}

static void
check_routes(void)
{
	metrics_name_route(2, "GET /there/");
	metrics_answered(2, 201, 0.25);
	metrics_answered(2, 503, 0.5);
	metrics_answered(METRICS_OTHER_ROUTE, 404, 0.25);
	ok(says("porcupine_bridge_http_requests_total{worker=\"3\",route=\"GET /there/\",status=\"2xx\"} 1")
	   && says("porcupine_bridge_http_requests_total{worker=\"3\",route=\"GET /there/\",status=\"5xx\"} 1")
	   && says("porcupine_bridge_http_requests_total{worker=\"3\",route=\"GET /there/\",status=\"4xx\"} 0")
	   && says("porcupine_bridge_http_requests_total{worker=\"3\",route=\"other\",status=\"4xx\"} 1"),
	   "answers by route and class of status");
	ok(says("porcupine_bridge_http_route_seconds_total{worker=\"3\",route=\"GET /there/\"} 0.75"), "and their time");
	ok(says("porcupine_bridge_http_duration_seconds_sum{worker=\"3\"} 1"), "and that of all");
	ok(strstr(text.bytes, "(null)") == NULL, "a route without a name is not written");
}

int
main(void)
{
	check_table();
	check_enums();
	check_routes();

	ok(says("porcupine_bridge_gaps_total{worker=\"3\"} 0"), "what was never counted is 0");
	metrics_add(METRIC_GAPS, 1);
	metrics_add(METRIC_GAPS, 9007199254740000.0);
	ok(says("# TYPE porcupine_bridge_gaps_total counter"), "a type");
	ok(says("porcupine_bridge_gaps_total{worker=\"3\"} 9007199254740001"), "large numbers count exactly");
	metrics_set(METRIC_GAPS, 0, 12);
	ok(says("porcupine_bridge_gaps_total{worker=\"3\"} 12"), "a number");

	metrics_add_to(METRIC_SENDS, SEND_REPEATED, 2);
	ok(says("porcupine_bridge_sends_total{worker=\"3\",outcome=\"repeated\"} 2")
	   && says("porcupine_bridge_sends_total{worker=\"3\",outcome=\"stored\"} 0"), "a series with its label");
	metrics_add_code(METRIC_SOCKETS_CLOSED, 4408);
	metrics_add_code(METRIC_SOCKETS_CLOSED, 0);
	metrics_add_code(METRIC_SOCKETS_CLOSED, 1006);
	ok(says("porcupine_bridge_sockets_closed_total{worker=\"3\",code=\"4408\"} 1"), "a code of the table");
	ok(says("porcupine_bridge_sockets_closed_total{worker=\"3\",code=\"other\"} 2"), "codes that are not in it");

	metrics_add_named(METRIC_SOCKET_MESSAGES, "ping");
	metrics_add_named(METRIC_SOCKET_MESSAGES, "pong");
	metrics_add_named(METRIC_SOCKET_MESSAGES, NULL);
	ok(says("porcupine_bridge_socket_messages_total{worker=\"3\",verb=\"ping\"} 1")
	   && says("porcupine_bridge_socket_messages_total{worker=\"3\",verb=\"other\"} 2"), "a name of the table, and others");

	metrics_observe(METRIC_BATCH_SENDS, 1);
	metrics_observe(METRIC_BATCH_SENDS, 2);
	metrics_observe(METRIC_BATCH_SENDS, 2.5);
	metrics_observe(METRIC_BATCH_SENDS, 9000);
	ok(says("porcupine_bridge_batch_sends_bucket{worker=\"3\",le=\"1\"} 1")
	   && says("porcupine_bridge_batch_sends_bucket{worker=\"3\",le=\"2\"} 2")
	   && says("porcupine_bridge_batch_sends_bucket{worker=\"3\",le=\"5\"} 3")
	   && says("porcupine_bridge_batch_sends_bucket{worker=\"3\",le=\"500\"} 3")
	   && says("porcupine_bridge_batch_sends_bucket{worker=\"3\",le=\"+Inf\"} 4"), "buckets hold what lies below them");
	ok(says("porcupine_bridge_batch_sends_sum{worker=\"3\"} 9005.5")
	   && says("porcupine_bridge_batch_sends_count{worker=\"3\"} 4"), "and a histogram its sum and count");
	metrics_observe_in(METRIC_DATABASE_SECONDS, DATABASE_SLOW, 0.05);
	ok(says("porcupine_bridge_database_duration_seconds_bucket{worker=\"3\",lane=\"slow\",le=\"0.02\"} 0")
	   && says("porcupine_bridge_database_duration_seconds_bucket{worker=\"3\",lane=\"slow\",le=\"0.05\"} 1")
	   && says("porcupine_bridge_database_duration_seconds_sum{worker=\"3\",lane=\"slow\"} 0.05")
	   && says("porcupine_bridge_database_duration_seconds_count{worker=\"3\",lane=\"query\"} 0"), "a histogram with a label");
	ok(says("porcupine_bridge_batch_duration_seconds_bucket{worker=\"3\",le=\"0.00025\"} 0"), "small bounds stand in full");
	ok(metrics_clock() > 0, "the clock goes");
	text_free(&text);
	return done();
}
