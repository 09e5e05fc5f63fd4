/*
 * test_metrics.c - what is counted is what is written, in the format that Prometheus reads.
 */
#include "errors.h"
#include "metrics.h"
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

		whole = whole && kind->name != NULL && kind->help != NULL && kind->values != NULL && kind->n_series > 0
			&& (kind->label == NULL) == (kind->n_series == 1)
			&& (kind->type == METRIC_COUNTER) == (total != NULL && total[6] == '\0')
			&& (kind->type == METRIC_HISTOGRAM) == (kind->n_bounds > 0);
		for (int series = 0; kind->label != NULL && series < kind->n_series; series++)
			whole = whole && kind->series[series] != NULL;
		for (int bound = 1; bound < kind->n_bounds; bound++)
			ascending = ascending && kind->bounds[bound] > kind->bounds[bound - 1];
	}
	ok(whole, "every metric stands in the table with all that it needs");
	ok(ascending, "the bounds of buckets ascend");
}

static void
check_error_codes(void)
{
	const MetricKind *kind = &metrics_kinds[METRIC_SENDS_REFUSED];
	bool		same = kind->n_series == ERROR_INTERNAL + 1;

	for (int i = 0; i < kind->n_series; i++)
		same = same && strcmp(kind->series[i], errors_kind((ErrorCode) i)->code) == 0;
	ok(same, "the codes of refusals are those of the errors");
}

int
main(void)
{
	check_table();
	check_error_codes();

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
	ok(says("porcupine_bridge_batch_duration_seconds_bucket{worker=\"3\",le=\"0.00025\"} 0"), "small bounds stand in full");
	ok(metrics_clock() > 0, "the clock goes");
	text_free(&text);
	return done();
}
