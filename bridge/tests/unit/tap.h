/*
 * tap.h - the Test Anything Protocol for one unit test program.
 *
 * ok(condition, name) is one test; done() ends the program.
 */
#ifndef PORCUPINE_TAP_H
#define PORCUPINE_TAP_H

#include <stdbool.h>
#include <stdio.h>

static int	tap_run;
static int	tap_failed;

#define ok(condition, ...) tap_ok((condition), __FILE__, __LINE__, __VA_ARGS__)

static inline bool __attribute__((format(printf, 4, 5)))
tap_ok(bool condition, const char *file, int line, const char *format, ...)
{
	__builtin_va_list arguments;

	printf("%s %d - ", condition ? "ok" : "not ok", ++tap_run);
	__builtin_va_start(arguments, format);
	vprintf(format, arguments);
	__builtin_va_end(arguments);
	printf("\n");
	if (!condition)
	{
		tap_failed++;
		printf("# failed at %s:%d\n", file, line);
	}
	return condition;
}

static inline int
done(void)
{
	printf("1..%d\n", tap_run);
	return tap_failed > 0;
}

#endif
