/*
 * json.c - see json.h. The scanner below only judges; cJSON builds the tree from what has passed.
 *
 * Duplicate keys are compared after unescaping, in the tree, because "a" and "\u0061" are the same
 * key. Numbers must lie within +-(2^53-1), however they are written.
 */
#include "json.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

/* More members than any call has; it bounds the comparison of keys. */
#define MAX_MEMBERS 128

typedef struct Scan
{
	const char *at;
	const char *end;
	int			depth;
	int			values;
} Scan;

static bool scan_value(Scan *scan);
static bool scan_members(Scan *scan, char close);
static bool scan_string(Scan *scan);
static bool scan_escape(Scan *scan);
static bool scan_hex4(Scan *scan, unsigned *code);
static bool scan_number(Scan *scan);
static bool scan_word(Scan *scan, const char *word);
static bool scan_char(Scan *scan, char expected);
static void skip_space(Scan *scan);
static bool keys_are_unique(const cJSON *item);

cJSON *
json_parse(const char *bytes, size_t length)
{
	Scan		scan = {.at = bytes, .end = bytes + length};
	cJSON	   *root;

	if (!text_is_utf8(bytes, length))
		return NULL;
	skip_space(&scan);
	if (scan.at == scan.end || *scan.at != '{' || !scan_value(&scan))
		return NULL;
	skip_space(&scan);
	if (scan.at != scan.end)
		return NULL;
	root = cJSON_ParseWithLength(bytes, length);
	if (root != NULL && keys_are_unique(root))
		return root;
	cJSON_Delete(root);
	return NULL;
}

const cJSON *
json_get(const cJSON *object, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsNull(item) ? NULL : item;
}

const char *
json_string(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(json_get(object, name));
}

bool
json_is(const cJSON *object, const char *name, const char *expected)
{
	const char *text = json_string(object, name);

	return text != NULL && strcmp(text, expected) == 0;
}

bool
json_to_number(const cJSON *item, int64_t most, int64_t *number)
{
	if (!cJSON_IsNumber(item) || item->valuedouble < 0 || item->valuedouble > (double) most)
		return false;
	*number = (int64_t) item->valuedouble;
	return (double) *number == item->valuedouble;
}

static bool
scan_value(Scan *scan)
{
	skip_space(scan);
	if (scan->at == scan->end || ++scan->values > JSON_MAX_VALUES)
		return false;
	switch (*scan->at)
	{
		case '{':
			return scan_members(scan, '}');
		case '[':
			return scan_members(scan, ']');
		case '"':
			return scan_string(scan);
		case 't':
			return scan_word(scan, "true");
		case 'f':
			return scan_word(scan, "false");
		case 'n':
			return scan_word(scan, "null");
		default:
			return scan_number(scan);
	}
}

static bool
scan_members(Scan *scan, char close)
{
	bool		ok;

	if (++scan->depth > JSON_MAX_DEPTH)
		return false;
	scan->at++;
	skip_space(scan);
	ok = scan_char(scan, close);
	while (!ok)
	{
		if (close == '}')
		{
			skip_space(scan);
			if (!scan_string(scan))
				return false;
			skip_space(scan);
			if (!scan_char(scan, ':'))
				return false;
		}
		if (!scan_value(scan))
			return false;
		skip_space(scan);
		ok = scan_char(scan, close);
		if (!ok && !scan_char(scan, ','))
			return false;
	}
	scan->depth--;
	return true;
}

static bool
scan_string(Scan *scan)
{
	if (!scan_char(scan, '"'))
		return false;
	while (scan->at < scan->end)
	{
		unsigned char byte = (unsigned char) *scan->at++;

		if (byte == '"')
			return true;
		if (byte < 0x20 || (byte == '\\' && !scan_escape(scan)))
			return false;
	}
	return false;
}

/* After a backslash. A NUL would cut the string, a lone surrogate is no character. */
static bool
scan_escape(Scan *scan)
{
	unsigned	code;
	unsigned	low;

	if (scan->at == scan->end)
		return false;
	if (*scan->at != 'u')
		return strchr("\"\\/bfnrt", *scan->at++) != NULL && scan->at[-1] != '\0';
	scan->at++;
	if (!scan_hex4(scan, &code) || code == 0 || (code >= 0xdc00 && code <= 0xdfff))
		return false;
	if (code < 0xd800 || code > 0xdbff)
		return true;
	return scan_char(scan, '\\') && scan_char(scan, 'u') && scan_hex4(scan, &low)
		&& low >= 0xdc00 && low <= 0xdfff;
}

static bool
scan_hex4(Scan *scan, unsigned *code)
{
	*code = 0;
	for (int i = 0; i < 4; i++)
	{
		const char *digits = "0123456789abcdef";
		const char *digit;

		if (scan->at == scan->end || *scan->at == '\0')
			return false;
		digit = strchr(digits, *scan->at | 0x20);
		if (digit == NULL || (*scan->at < '0'))
			return false;
		*code = *code * 16 + (unsigned) (digit - digits);
		scan->at++;
	}
	return true;
}

static bool
scan_number(Scan *scan)
{
	const char *begin = scan->at;
	bool		integer = true;
	int64_t		value = 0;

	(void) scan_char(scan, '-');
	if (scan->at == scan->end || *scan->at < '0' || *scan->at > '9')
		return false;
	if (*scan->at == '0' && scan->end - scan->at > 1 && scan->at[1] >= '0' && scan->at[1] <= '9')
		return false;
	for (; scan->at < scan->end && strchr("0123456789.eE+-", *scan->at) != NULL && *scan->at != '\0'; scan->at++)
	{
		if (*scan->at < '0' || *scan->at > '9')
			integer = false;
		else if (integer)
		{
			value = value * 10 + (*scan->at - '0');
			if (value > JSON_MAX_NUMBER)
				return false;
		}
	}
	if (!integer)
	{
		char		digits[64];
		size_t		length = (size_t) (scan->at - begin);
		char	   *stop;
		double		parsed;

		if (length >= sizeof(digits))
			return false;
		memcpy(digits, begin, length);
		digits[length] = '\0';
		parsed = strtod(digits, &stop);
		return *stop == '\0' && stop[-1] >= '0' && stop[-1] <= '9' && strstr(digits, ".e") == NULL
			&& strstr(digits, ".E") == NULL && parsed >= -(double) JSON_MAX_NUMBER && parsed <= (double) JSON_MAX_NUMBER;
	}
	return true;
}

static bool
scan_word(Scan *scan, const char *word)
{
	size_t		length = strlen(word);

	if ((size_t) (scan->end - scan->at) < length || memcmp(scan->at, word, length) != 0)
		return false;
	scan->at += length;
	return true;
}

static bool
scan_char(Scan *scan, char expected)
{
	if (scan->at == scan->end || *scan->at != expected)
		return false;
	scan->at++;
	return true;
}

static void
skip_space(Scan *scan)
{
	while (scan->at < scan->end && (*scan->at == ' ' || *scan->at == '\t' || *scan->at == '\n' || *scan->at == '\r'))
		scan->at++;
}

static bool
keys_are_unique(const cJSON *item)
{
	int			members = 0;
	const cJSON *child;

	cJSON_ArrayForEach(child, item)
	{
		if (cJSON_IsObject(item))
		{
			if (++members > MAX_MEMBERS)
				return false;
			for (const cJSON *earlier = item->child; earlier != child; earlier = earlier->next)
			{
				if (strcmp(earlier->string, child->string) == 0)
					return false;
			}
		}
		if (!keys_are_unique(child))
			return false;
	}
	return true;
}
