/*
 * test_text.c - UTF-8, numbers, JSON strings, tables, and the paths of routes.
 */
#include "params.h"
#include "table.h"
#include "tap.h"
#include "text.h"

#include <string.h>

static bool
matches(const char *pattern, const char *path, const char *first)
{
	Arena		arena = {0};
	char	   *values[4] = {NULL};
	bool		fits = params_match(pattern, path, &arena, values);

	if (fits && first != NULL)
		fits = strcmp(values[0], first) == 0;
	arena_free(&arena);
	return fits;
}

/* What a path costs that begins like a route and is another. */
static bool
costs_nothing(const char *pattern, const char *path)
{
	Arena		arena = {0};
	char	   *values[4] = {NULL};
	bool		fits = params_match(pattern, path, &arena, values);
	bool		is_empty = arena.chunks == NULL;

	arena_free(&arena);
	return !fits && is_empty;
}

static void
check_routes(void)
{
	ok(matches("/api/rooms/", "/api/rooms/", NULL) && matches("/api/rooms/", "/api/rooms", NULL),
	   "a path fits with and without its slash");
	ok(matches("/livez", "/livez", NULL) && matches("/livez", "/livez/", NULL), "so does one whose pattern has none");
	ok(matches("/api/rooms/{room}/log/", "/api/rooms/12/log", "12"), "a brace takes one segment");
	ok(!matches("/api/rooms/{room}/", "/api/rooms/", NULL), "an empty segment is none");
	ok(!matches("/api/rooms/{room}/", "/api/rooms//", NULL), "two slashes are not one");
	ok(!matches("/api/rooms/{room}/", "/api/rooms/1/2/", NULL), "a segment more is too much");
	ok(!matches("/api/rooms/{room}/log/", "/api/rooms/1/logs/", NULL), "a longer word is another");
	ok(!matches("/api/rooms/", "/api/rooms//", NULL), "nothing follows the slash");
	ok(costs_nothing("/api/rooms/{room}/log/", "/api/rooms/12/logs/"), "what does not fit is not copied");
	ok(params_id("12") == 12 && params_id("0") == -1 && params_id("012") == -1 && params_id("x") == -1
	   && params_id("-3") == -1 && params_id("9223372036854775808") == -1, "an id that is none of ours is -1");
}

static void
check_table(void)
{
	Table		table = {0};
	bool		same = true;
	size_t		at = 0;
	size_t		seen = 0;

	for (intptr_t i = 1; i <= 1000; i++)
		table_put(&table, i * 8, (void *) i);
	for (int64_t i = 1; i <= 1000; i += 2)
		table_remove(&table, i * 8);
	table_remove(&table, 5);
	for (intptr_t i = 1; i <= 1000; i++)
		same = same && table_get(&table, i * 8) == (i % 2 == 1 ? NULL : (void *) i);
	ok(same && table.count == 500, "a table keeps what was not removed");
	while (table_next(&table, &at) != NULL)
		seen++;
	ok(seen == 500, "and walks over all of it");
	table_put(&table, 16, (void *) 99);
	ok(table_get(&table, 16) == (void *) 99 && table.count == 500, "a key has one value");
	table_free(&table);
	ok(table_get(&table, 16) == NULL, "an empty table has nothing");
}

int
main(void)
{
	Text		text = {0};
	int64_t		number;

	ok(text_is_utf8("\xf4\x8f\xbf\xbf\xef\xbf\xbf\xdf\xbf\x7f", 10), "the last characters of each length");
	ok(!text_is_utf8("\xf4\x90\x80\x80", 4), "above U+10FFFF");
	ok(!text_is_utf8("\xe2\x82", 2), "a cut sequence");
	ok(!text_is_utf8("\x80", 1), "a lone continuation");
	ok(!text_is_utf8("\xe0\x9f\xbf", 3) && !text_is_utf8("\xf0\x8f\xbf\xbf", 4), "overlong forms");
	ok(text_to_number("0", 5, &number) && number == 0, "zero");
	ok(text_to_number("9223372036854775807", INT64_MAX, &number) && number == INT64_MAX, "the largest number");
	ok(!text_to_number("9223372036854775808", INT64_MAX, &number), "one more");
	ok(!text_to_number("", 5, &number) && !text_to_number("01", 5, &number) && !text_to_number(" 1", 5, &number)
	   && !text_to_number("1 ", 5, &number) && !text_to_number("-1", 5, &number) && !text_to_number("6", 5, &number),
	   "what is no number in range");
	text_json(&text, "a\"b\\c\n\x7f\xc3\xa9");
	ok(strcmp(text.bytes, "\"a\\u0022b\\u005cc\\u000a\\u007f\xc3\xa9\"") == 0, "a JSON string is quoted");
	text_free(&text);
	text_time(&text, INT64_C(951782400000001));
	text_time(&text, INT64_C(253402300799999999));
	ok(strcmp(text.bytes, "2000-02-29T00:00:00.000001Z9999-12-31T23:59:59.999999Z") == 0, "times, to the microsecond");
	text_free(&text);
	ok(text_is_time("2026-11-27T05:16:00Z") && text_is_time("2000-02-29T23:59:59.999999999+15:59") && text_is_time("1970-01-01T00:00:00.5-08:00"),
	   "times as RFC 3339 has them");
	ok(!text_is_time("") && !text_is_time("2026-11-27") && !text_is_time("2026-11-27 05:16:00Z") && !text_is_time("2026-11-27T05:16:00")
	   && !text_is_time("1969-12-31T23:59:59Z") && !text_is_time("2026-02-29T00:00:00Z") && !text_is_time("1900-02-29T00:00:00Z")
	   && !text_is_time("2026-13-01T00:00:00Z") && !text_is_time("2026-00-01T00:00:00Z") && !text_is_time("2026-01-00T00:00:00Z")
	   && !text_is_time("2026-01-01T24:00:00Z") && !text_is_time("2026-01-01T00:60:00Z") && !text_is_time("2026-01-01T00:00:60Z")
	   && !text_is_time("2026-01-01T00:00:00.Z") && !text_is_time("2026-01-01T00:00:00.1234567890Z") && !text_is_time("2026-01-01T00:00:00+16:00")
	   && !text_is_time("2026-01-01T00:00:00+01:60") && !text_is_time("2026-01-01T00:00:00+0100") && !text_is_time("2026-01-01T00:00:00+1:000")
	   && !text_is_time("2026-01-01T00:00:00Z "), "and what is none");
	text_format(&text, "%0159d", 7);
	text_format(&text, "%0161d|", 7);
	text_format(&text, "%0500d.", 7);
	ok(text.length == 159 + 162 + 501 && strcmp(text.bytes + 815, "000007.") == 0, "what is formatted has any length");
	text_free(&text);
	check_table();
	check_routes();
	return done();
}
