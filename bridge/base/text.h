/*
 * text.h - a growing string, and the parsing of numbers.
 *
 * What it builds is mostly JSON, so it knows how to quote. A Text is owned by whoever holds it.
 */
#ifndef PORCUPINE_TEXT_H
#define PORCUPINE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Text
{
	char	   *bytes;			/* NUL-terminated once something was appended */
	size_t		length;
	size_t		size;
} Text;

/* Room for this many more bytes after length; the caller fills them and raises length. */
extern char *text_reserve(Text *text, size_t more);
/* The same, without the surplus that saves growing again. */
extern char *text_expect(Text *text, size_t more);
extern void text_bytes(Text *text, const void *bytes, size_t length);
extern void text_add(Text *text, const char *string);
extern void text_number(Text *text, int64_t number);
extern void text_format(Text *text, const char *format,...) __attribute__((format(printf, 2, 3)));
/* A JSON string with its quotes; string must be UTF-8. NULL gives null. */
extern void text_json(Text *text, const char *string);
extern void text_free(Text *text);

/* A time as RFC 3339 has it, in UTC and to the microsecond; for the years 1970 to 9999. */
extern void text_time(Text *text, int64_t unix_microseconds);

/* Is this a date and time as RFC 3339 has it, of the years 1970 to 9999, without leap seconds? */
extern bool text_is_time(const char *text);

/* A whole decimal number without sign, space or leading zero, from 0 to most; else false. */
extern bool text_to_number(const char *string, int64_t most, int64_t *number);

/* Is this well-formed UTF-8 (RFC 3629: no surrogates, nothing overlong)? */
extern bool text_is_utf8(const char *bytes, size_t length);

#endif
