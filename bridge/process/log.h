/*
 * log.h - one JSON object a line on stderr, times in UTC.
 *
 * What goes in is chosen by the caller and is never a body, a token, a code, a query string or a
 * name that a person chose.
 */
#ifndef PORCUPINE_LOG_H
#define PORCUPINE_LOG_H

#include <stdint.h>

typedef enum LogLevel
{
	LOG_DEBUG,
	LOG_INFO,
	LOG_WARNING,
	LOG_ERROR
} LogLevel;

typedef struct LogField
{
	const char *name;			/* NULL ends the list */
	const char *text;			/* NULL: the number counts */
	int64_t		number;
} LogField;

#define LOG_TEXT(field, value) ((LogField) {.name = (field), .text = (value)})
#define LOG_NUMBER(field, value) ((LogField) {.name = (field), .number = (value)})

/* log_write(LOG_INFO, "listening", LOG_NUMBER("port", port)); the fields may be left out */
#define log_write(level, ...) LOG_WRITE_(level, __VA_ARGS__, ((LogField) {0}))
#define LOG_WRITE_(level, message, ...) log_fields(level, message, (const LogField[]) {__VA_ARGS__})

extern void log_set_level(LogLevel level);
/* Each line names the worker, where there are several. */
extern void log_set_worker(int number);
/* debug, info, warning or error; false for anything else */
extern int	log_parse_level(const char *name, LogLevel *level);
extern void log_fields(LogLevel level, const char *message, const LogField *fields);

#endif
