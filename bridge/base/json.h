/*
 * json.h - a strict reader of JSON, in front of cJSON.
 *
 * cJSON takes trailing garbage, invalid UTF-8, duplicate keys and NUL characters, and turns large
 * integers into others. json_parse() refuses all of that before cJSON sees the text, so that what
 * is read here is what every other reader of the same bytes would read (RFC 8259, RFC 7493).
 */
#ifndef PORCUPINE_JSON_H
#define PORCUPINE_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_MAX_DEPTH 16
/* Of values in all: each takes 80 bytes or more once it is read, and two in the text. The longest lists of a call have some 10,000. */
#define JSON_MAX_VALUES 16384
/* The largest integer that survives every JSON reader: 2^53 - 1. */
#define JSON_MAX_NUMBER INT64_C(9007199254740991)

/* One object, nothing after it; NULL if it is anything else. Freed with cJSON_Delete(). */
extern cJSON *json_parse(const char *bytes, size_t length);

/* A member by its exact name, or NULL; null counts as absent. */
extern const cJSON *json_get(const cJSON *object, const char *name);
/* A string member, or NULL when it is absent or no string. */
extern const char *json_string(const cJSON *object, const char *name);
/* Is it a string member, and this one? */
extern bool json_is(const cJSON *object, const char *name, const char *expected);
/* Is this an integer from 0 to most? */
extern bool json_to_number(const cJSON *item, int64_t most, int64_t *number);

#endif
