/*
 * log.c - see log.h. It owns the level and the line that it builds; a line is one write().
 */
#include "log.h"
#include "metrics.h"
#include "text.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const level_names[] = {"debug", "info", "warning", "error"};

static LogLevel threshold = LOG_INFO;
static int	worker = -1;		/* this process is the only one */
static Text line;

static void add_time(Text *text);

void
log_set_level(LogLevel level)
{
	threshold = level;
}

void
log_set_worker(int number)
{
	worker = number;
}

int
log_parse_level(const char *name, LogLevel *level)
{
	for (int i = LOG_DEBUG; i <= LOG_ERROR; i++)
	{
		if (strcmp(name, level_names[i]) == 0)
		{
			*level = (LogLevel) i;
			return 1;
		}
	}
	return 0;
}

void
log_fields(LogLevel level, const char *message, const LogField *fields)
{
	if (level < threshold)
		return;
	metrics_add_to(METRIC_LOG_LINES, (int) level, 1);
	line.length = 0;
	add_time(&line);
	if (worker >= 0)
		text_format(&line, ",\"worker\":%d", worker);
	text_format(&line, ",\"level\":\"%s\",\"message\":", level_names[level]);
	text_json(&line, message);
	for (; fields->name != NULL; fields++)
	{
		text_format(&line, ",\"%s\":", fields->name);
		if (fields->text != NULL)
			text_json(&line, fields->text);
		else
			text_number(&line, fields->number);
	}
	text_add(&line, "}\n");
	/* a log that cannot be written is no reason to stop serving */
	if (write(STDERR_FILENO, line.bytes, line.length) < 0)
		return;
}

static void
add_time(Text *text)
{
	struct timespec now;
	struct tm	parts;
	char		stamp[32];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &parts);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &parts);
	text_format(text, "{\"time\":\"%s.%03ldZ\"", stamp, now.tv_nsec / 1000000);
}
