/*
 * params.c - see params.h. It judges types and sizes only; what values mean is the database's.
 */
#include "params.h"
#include "base64.h"
#include "pgarray.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LIST 2000

typedef bool (*AddValue) (DbRequest *call, const Param *param, const cJSON *item, const char *text);

static bool add_one(DbRequest *call, const Param *param, const ParamSource *source, bool *absent);
static const char *path_value(const ParamSource *source, const char *name);
static bool add_text(DbRequest *call, const Param *param, const cJSON *item, const char *text);
static bool add_bool(DbRequest *call, const Param *param, const cJSON *item, const char *text);
static bool add_id(DbRequest *call, const Param *param, const cJSON *item, const char *text);
static bool add_number(DbRequest *call, const Param *param, const cJSON *item, const char *text);
static bool add_bytes(DbRequest *call, const Param *param, const cJSON *item, const char *text);
static bool add_hash(DbRequest *call, const Param *param, const cJSON *item, const char *text);
static bool add_hex(DbRequest *call, const Param *param, const cJSON *item, const char *text);
static bool add_time(DbRequest *call, const Param *param, const cJSON *item, const char *text);
static bool add_list(DbRequest *call, const Param *param, const cJSON *item, const char *text);
static bool add_element(PgArray *array, const Param *param, const cJSON *element);

static const AddValue add_value[] = {
	[TYPE_TEXT] = add_text,
	[TYPE_BOOL] = add_bool,
	[TYPE_ID] = add_id,
	[TYPE_INT] = add_number,
	[TYPE_SEQ] = add_number,
	[TYPE_CURSOR] = add_number,
	[TYPE_LIMIT] = add_number,
	[TYPE_BYTES] = add_bytes,
	[TYPE_HASH] = add_hash,
	[TYPE_HEX] = add_hex,
	[TYPE_TIME] = add_time,
	[TYPE_BYTES_LIST] = add_list,
	[TYPE_ID_LIST] = add_list,
};

static const char *const expected[] = {
	[TYPE_TEXT] = "a string",
	[TYPE_BOOL] = "true or false",
	[TYPE_ID] = "an id, which is a string",
	[TYPE_INT] = "an integer from 0 to 2147483647",
	[TYPE_SEQ] = "an integer from 0 to 9007199254740991",
	[TYPE_CURSOR] = "an integer from -1 to 2147483647",
	[TYPE_LIMIT] = "an integer from 1 to 500",
	[TYPE_BYTES] = "bytes in base64",
	[TYPE_HASH] = "64 hexadecimal digits",
	[TYPE_HEX] = "16 to 64 hexadecimal digits",
	[TYPE_TIME] = "a time as in RFC 3339",
	[TYPE_BYTES_LIST] = "a list of bytes in base64",
	[TYPE_ID_LIST] = "a list of ids",
};

bool
params_add(DbRequest *call, const Param *params, const ParamSource *source, Arena *arena, Problem *problem)
{
	for (const Param *param = params; param->from != FROM_END; param++)
	{
		bool		absent = false;
		Text		detail = {0};

		if (add_one(call, param, source, &absent))
			continue;
		if (absent)
			text_format(&detail, "%s is missing", param->name);
		else
			text_format(&detail, "%s is not %s", param->name, expected[param->type]);
		*problem = PROBLEM(ERROR_INVALID, arena_text(arena, detail.bytes, detail.length));
		text_free(&detail);
		return false;
	}
	return true;
}

static bool
add_one(DbRequest *call, const Param *param, const ParamSource *source, bool *absent)
{
	const cJSON *item = NULL;
	const char *text = NULL;

	switch (param->from)
	{
		case FROM_PATH:
			text = path_value(source, param->name);
			break;
		case FROM_QUERY:
			text = http_query(source->request, param->name);
			break;
		case FROM_BODY:
			item = json_get(source->body, param->name);
			break;
		case FROM_ADDRESS:
			text = source->request->address[0] != '\0' ? source->request->address : NULL;
			break;
		default:
			text = source->page_origin;
			break;
	}
	if (item == NULL && text == NULL)
	{
		*absent = true;
		db_null(call);
		return !param->required;
	}
	return add_value[param->type] (call, param, item, text);
}

static const char *
path_value(const ParamSource *source, const char *name)
{
	size_t		length = strlen(name);
	int			index = 0;

	for (const char *brace = strchr(source->pattern, '{'); brace != NULL; brace = strchr(brace + 1, '{'))
	{
		if (strncmp(brace + 1, name, length) == 0 && brace[1 + length] == '}')
			return source->path_values[index];
		index++;
	}
	abort();					/* the table names a value that its pattern does not have */
}

/* --- one value; item is set when it comes from the body, text otherwise --------------------------- */

static bool
add_text(DbRequest *call, const Param *param, const cJSON *item, const char *text)
{
	(void) param;
	if (item != NULL)
		text = cJSON_GetStringValue(item);
	if (text == NULL || !text_is_utf8(text, strlen(text)))
		return false;
	db_text(call, text);
	return true;
}

static bool
add_bool(DbRequest *call, const Param *param, const cJSON *item, const char *text)
{
	(void) param;
	(void) text;
	if (!cJSON_IsBool(item))
		return false;
	db_text(call, cJSON_IsTrue(item) ? "t" : "f");
	return true;
}

static bool
add_id(DbRequest *call, const Param *param, const cJSON *item, const char *text)
{
	(void) param;
	if (item != NULL)
		text = cJSON_GetStringValue(item);
	if (text == NULL)
		return false;
	db_number(call, params_id(text));
	return true;
}

static bool
add_number(DbRequest *call, const Param *param, const cJSON *item, const char *text)
{
	int64_t		most = param->type == TYPE_SEQ ? JSON_MAX_NUMBER : param->type == TYPE_LIMIT ? 500 : INT32_MAX;
	int64_t		number;

	if (param->type == TYPE_CURSOR && text != NULL && strcmp(text, "-1") == 0)
		number = -1;
	else if (item != NULL ? !json_to_number(item, most, &number) : !text_to_number(text, most, &number))
		return false;
	if (param->type == TYPE_LIMIT && number == 0)
		return false;
	db_number(call, number);
	return true;
}

static bool
add_bytes(DbRequest *call, const Param *param, const cJSON *item, const char *text)
{
	unsigned char *bytes;
	size_t		size;
	bool		ok;

	(void) param;
	if (item != NULL)
		text = cJSON_GetStringValue(item);
	if (text == NULL)
		return false;
	bytes = memory_alloc(strlen(text) / 4 * 3 + 3);
	ok = base64_decode(text, strlen(text), bytes, &size);
	if (ok)
		db_binary(call, bytes, size);
	free(bytes);
	return ok;
}

static bool
add_hash(DbRequest *call, const Param *param, const cJSON *item, const char *text)
{
	if (item != NULL)
		text = cJSON_GetStringValue(item);
	return text != NULL && strlen(text) == 64 && add_hex(call, param, NULL, text);
}

static bool
add_hex(DbRequest *call, const Param *param, const cJSON *item, const char *text)
{
	unsigned char bytes[32];
	size_t		length;
	size_t		size;

	(void) param;
	if (item != NULL)
		text = cJSON_GetStringValue(item);
	length = text != NULL ? strlen(text) : 0;
	if (length < 16 || length > 64 || sodium_hex2bin(bytes, sizeof(bytes), text, length, NULL, &size, NULL) != 0 || size * 2 != length)
		return false;
	db_binary(call, bytes, size);
	return true;
}

static bool
add_time(DbRequest *call, const Param *param, const cJSON *item, const char *text)
{
	(void) param;
	if (item != NULL)
		text = cJSON_GetStringValue(item);
	if (text == NULL || !text_is_time(text))
		return false;
	db_text(call, text);
	return true;
}

static bool
add_list(DbRequest *call, const Param *param, const cJSON *item, const char *text)
{
	PgArray		array;
	const cJSON *element;
	bool		ok = cJSON_IsArray(item) && cJSON_GetArraySize(item) <= MAX_LIST;

	(void) text;
	pgarray_begin(&array, param->type == TYPE_ID_LIST ? PG_INT8 : PG_BYTEA);
	for (element = ok ? item->child : NULL; ok && element != NULL; element = element->next)
		ok = add_element(&array, param, param->member != NULL ? json_get(element, param->member) : element);
	pgarray_param(&array, call);
	return ok;
}

static bool
add_element(PgArray *array, const Param *param, const cJSON *element)
{
	const char *text = cJSON_GetStringValue(element);
	size_t		room;
	size_t		size;
	unsigned char *bytes;
	bool		ok;

	if (text == NULL)
		return false;
	if (param->type == TYPE_ID_LIST)
	{
		pgarray_number(array, params_id(text));
		return true;
	}
	room = strlen(text) / 4 * 3 + 3;
	bytes = memory_alloc(room);
	ok = base64_decode(text, strlen(text), bytes, &size);
	if (ok)
		pgarray_bytes(array, bytes, size);
	free(bytes);
	return ok;
}

int64_t
params_id(const char *text)
{
	int64_t		id;

	return text_to_number(text, INT64_MAX, &id) && id > 0 ? id : -1;
}

bool
params_match(const char *pattern, const char *path, Arena *arena, char **values)
{
	const char *starts[PARAMS_MAX_BRACES];
	size_t		lengths[PARAMS_MAX_BRACES];
	int			count = 0;
	bool		fits;

	while (*pattern != '\0' && *path != '\0')
	{
		size_t		length;

		if (*pattern != '{')
		{
			if (*pattern++ != *path++)
				return false;
			continue;
		}
		length = strcspn(path, "/");
		if (length == 0)
			return false;
		starts[count] = path;
		lengths[count++] = length;
		path += length;
		pattern = strchr(pattern, '}') + 1;
	}
	/* with and without the trailing slash, on either side */
	if (*pattern == '\0')
		fits = *path == '\0' || (strcmp(path, "/") == 0 && pattern[-1] != '/');
	else
		fits = *path == '\0' && strcmp(pattern, "/") == 0;
	/* not before, for a long path begins like dozens of routes */
	for (int i = 0; i < count && fits; i++)
		values[i] = arena_text(arena, starts[i], lengths[i]);
	return fits;
}
