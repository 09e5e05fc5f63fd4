/*
 * text.c - see text.h. It never looks at what the text means.
 */
#include "text.h"
#include "memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define USUAL_LENGTH 160

static bool is_offset(const char *text);
static int	two_digits(const char *digits);
static int	utf8_sequence(const unsigned char *at, size_t left);

char *
text_reserve(Text *text, size_t more)
{
	size_t		needed = text->length + more + 1;

	if (needed > text->size)
		text_expect(text, needed < 256 ? 256 : more + needed / 2);
	return text->bytes + text->length;
}

char *
text_expect(Text *text, size_t more)
{
	size_t		needed = text->length + more + 1;

	if (needed > text->size)
	{
		text->size = needed;
		text->bytes = memory_grow(text->bytes, needed);
	}
	return text->bytes + text->length;
}

void
text_bytes(Text *text, const void *bytes, size_t length)
{
	char	   *end = text_reserve(text, length);

	if (length > 0)
		memcpy(end, bytes, length);
	end[length] = '\0';
	text->length += length;
}

void
text_add(Text *text, const char *string)
{
	text_bytes(text, string, strlen(string));
}

void
text_number(Text *text, int64_t number)
{
	char		digits[24];
	int			length = snprintf(digits, sizeof(digits), "%lld", (long long) number);

	text_bytes(text, digits, (size_t) length);
}

void
text_format(Text *text, const char *format,...)
{
	va_list		arguments;
	int			room = USUAL_LENGTH;
	int			length;

	/* once, or again when it was longer than expected */
	do
	{
		char	   *end = text_reserve(text, (size_t) room);

		va_start(arguments, format);
		length = vsnprintf(end, (size_t) room + 1, format, arguments);
		va_end(arguments);
		if (length < 0)
			return;
	} while (length > room && (room = length));
	text->length += (size_t) length;
}

void
text_time(Text *text, int64_t unix_microseconds)
{
	time_t		seconds = (time_t) (unix_microseconds / 1000000);
	struct tm	utc;

	gmtime_r(&seconds, &utc);
	text_format(text, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
				utc.tm_hour, utc.tm_min, utc.tm_sec, (int) (unix_microseconds % 1000000));
}

bool
text_is_time(const char *text)
{
	static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	static const char pattern[] = "dddd-dd-ddTdd:dd:dd";
	int			year, month, day, hour, minute, second;
	bool		leap;

	for (const char *expected = pattern; *expected != '\0'; expected++, text++)
	{
		if (*expected == 'd' ? *text < '0' || *text > '9' : *text != *expected)
			return false;
	}
	year = (int) strtol(text - 19, NULL, 10);
	month = two_digits(text - 14);
	day = two_digits(text - 11);
	hour = two_digits(text - 8);
	minute = two_digits(text - 5);
	second = two_digits(text - 2);
	leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days[month - 1] || (month == 2 && day == 29 && !leap)
		|| hour > 23 || minute > 59 || second > 59)
		return false;
	if (*text == '.')
	{
		size_t		digits = strspn(text + 1, "0123456789");

		if (digits < 1 || digits > 9)
			return false;
		text += 1 + digits;
	}
	return is_offset(text);
}

/* From UTC; PostgreSQL knows none of sixteen hours. */
static bool
is_offset(const char *text)
{
	if (strcmp(text, "Z") == 0)
		return true;
	return (*text == '+' || *text == '-') && strlen(text) == 6 && text[3] == ':'
		&& strspn(text + 1, "0123456789") == 2 && strspn(text + 4, "0123456789") == 2
		&& two_digits(text + 1) < 16 && two_digits(text + 4) < 60;
}

static int
two_digits(const char *digits)
{
	return (digits[0] - '0') * 10 + digits[1] - '0';
}

void
text_json(Text *text, const char *string)
{
	const char *plain = string;

	if (string == NULL)
	{
		text_add(text, "null");
		return;
	}
	text_add(text, "\"");
	for (; *string != '\0'; string++)
	{
		unsigned char byte = (unsigned char) *string;

		if (byte >= 0x20 && byte != '"' && byte != '\\' && byte != 0x7f)
			continue;
		text_bytes(text, plain, (size_t) (string - plain));
		text_format(text, "\\u%04x", byte);
		plain = string + 1;
	}
	text_bytes(text, plain, (size_t) (string - plain));
	text_add(text, "\"");
}

void
text_free(Text *text)
{
	free(text->bytes);
	*text = (Text) {0};
}

bool
text_to_number(const char *string, int64_t most, int64_t *number)
{
	int64_t		value = 0;

	if (*string == '\0' || (*string == '0' && string[1] != '\0'))
		return false;
	for (; *string != '\0'; string++)
	{
		int			digit = *string - '0';

		if (digit < 0 || digit > 9 || value > most / 10 || value * 10 > most - digit)
			return false;
		value = value * 10 + digit;
	}
	*number = value;
	return true;
}

bool
text_is_utf8(const char *bytes, size_t length)
{
	const unsigned char *at = (const unsigned char *) bytes;
	size_t		left = length;

	while (left > 0)
	{
		int			size = utf8_sequence(at, left);

		if (size == 0)
			return false;
		at += size;
		left -= (size_t) size;
	}
	return true;
}

/* The length of the well-formed sequence that begins here, or 0 (Unicode, table 3-7). */
static int
utf8_sequence(const unsigned char *at, size_t left)
{
	unsigned char low = 0x80;
	unsigned char high = 0xbf;
	int			size;

	if (at[0] < 0x80)
		return 1;
	if (at[0] >= 0xc2 && at[0] <= 0xdf)
		size = 2;
	else if (at[0] >= 0xe0 && at[0] <= 0xef)
	{
		size = 3;
		low = at[0] == 0xe0 ? 0xa0 : 0x80;
		high = at[0] == 0xed ? 0x9f : 0xbf;
	}
	else if (at[0] >= 0xf0 && at[0] <= 0xf4)
	{
		size = 4;
		low = at[0] == 0xf0 ? 0x90 : 0x80;
		high = at[0] == 0xf4 ? 0x8f : 0xbf;
	}
	else
		return 0;
	if ((size_t) size > left || at[1] < low || at[1] > high)
		return 0;
	for (int i = 2; i < size; i++)
	{
		if (at[i] < 0x80 || at[i] > 0xbf)
			return 0;
	}
	return size;
}
