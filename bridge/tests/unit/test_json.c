/*
 * test_json.c - the strict reader refuses what cJSON would take, and takes what is JSON.
 */
#include "json.h"
#include "tap.h"
#include "text.h"

#include <string.h>

typedef struct Case
{
	const char *what;
	const char *text;
} Case;

static const Case good[] = {
	{"an empty object", "{}"},
	{"space around", " \t\r\n{\"a\":1}\n"},
	{"all types", "{\"a\":[1,-2.5e3,true,false,null,\"x\",{}]}"},
	{"escapes", "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\"}"},
	{"the largest integer", "{\"a\":9007199254740991}"},
	{"multi-byte UTF-8", "{\"a\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"}"},
	{"depth 16", "{\"a\":[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]}"},
};

static const Case bad[] = {
	{"nothing", ""},
	{"an array", "[]"},
	{"a string", "\"a\""},
	{"trailing garbage", "{\"a\":1}x"},
	{"two values", "{}{}"},
	{"a trailing comma", "{\"a\":1,}"},
	{"a duplicate key", "{\"a\":1,\"a\":2}"},
	{"a duplicate key by escape", "{\"a\":1,\"\\u0061\":2}"},
	{"a duplicate key below", "{\"x\":{\"a\":1,\"b\":2,\"a\":3}}"},
	{"invalid UTF-8", "{\"a\":\"\xff\"}"},
	{"overlong UTF-8", "{\"a\":\"\xc0\xaf\"}"},
	{"a surrogate in UTF-8", "{\"a\":\"\xed\xa0\x80\"}"},
	{"an escaped NUL", "{\"a\":\"x\\u0000y\"}"},
	{"a lone high surrogate", "{\"a\":\"\\ud800\"}"},
	{"a lone low surrogate", "{\"a\":\"\\udc00\"}"},
	{"a bad escape", "{\"a\":\"\\x41\"}"},
	{"a control character", "{\"a\":\"\x01\"}"},
	{"an integer above 2^53-1", "{\"a\":9007199254740992}"},
	{"a 64-bit integer", "{\"a\":18446744073709551615}"},
	{"a leading zero", "{\"a\":01}"},
	{"a leading plus", "{\"a\":+1}"},
	{"a number that ends with a dot", "{\"a\":1.}"},
	{"a dot without digits", "{\"a\":1.e5}"},
	{"an endless number", "{\"a\":1e999}"},
	{"a number that others round, as an exponent has it", "{\"a\":9007199254740991e1}"},
	{"Infinity", "{\"a\":Infinity}"},
	{"hexadecimal", "{\"a\":0x10}"},
	{"single quotes", "{'a':1}"},
	{"a comment", "{\"a\":1/**/}"},
	{"an unfinished object", "{\"a\":1"},
	{"an unfinished string", "{\"a\":\"x"},
	{"a key without value", "{\"a\"}"},
	{"depth 17", "{\"a\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}"},
};

/* {"a":[0,0,...]} with so many numbers; the object and the list are two values more. */
static bool
takes_values(int count)
{
	Text		text = {0};
	cJSON	   *json;

	text_add(&text, "{\"a\":[0");
	for (int i = 1; i < count; i++)
		text_add(&text, ",0");
	text_add(&text, "]}");
	json = json_parse(text.bytes, text.length);
	text_free(&text);
	cJSON_Delete(json);
	return json != NULL;
}

int
main(void)
{
	static const char members[] = "{\"A\":1,\"a\":2,\"n\":null,\"h\":1.5,\"s\":\"x\"}";
	static const char with_nul[] = "{\"a\":\"x\0y\"}";
	cJSON	   *json;
	int64_t		number = 0;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
	{
		json = json_parse(good[i].text, strlen(good[i].text));
		ok(json != NULL, "takes %s", good[i].what);
		cJSON_Delete(json);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		json = json_parse(bad[i].text, strlen(bad[i].text));
		ok(json == NULL, "refuses %s", bad[i].what);
		cJSON_Delete(json);
	}
	ok(json_parse(with_nul, sizeof(with_nul) - 1) == NULL, "refuses a raw NUL");
	ok(takes_values(JSON_MAX_VALUES - 2), "takes a long list");
	ok(!takes_values(JSON_MAX_VALUES - 1), "refuses one that would take far more memory than its text");
	json = json_parse("{}x", 2);
	ok(json != NULL, "reads no further than it was told");
	cJSON_Delete(json);

	json = json_parse(members, strlen(members));
	ok(json_to_number(json_get(json, "a"), 10, &number) && number == 2, "tells names apart by case");
	ok(json_get(json, "n") == NULL, "null counts as absent");
	ok(!json_to_number(json_get(json, "h"), 10, &number), "a fraction is no integer");
	ok(!json_to_number(json_get(json, "a"), 1, &number), "an integer above the most is refused");
	ok(json_string(json, "a") == NULL && strcmp(json_string(json, "s"), "x") == 0, "a number is no string");
	cJSON_Delete(json);
	return done();
}
