/*
 * fuzz_routes.c - a path leads to a route whose pattern it fits by a second reading, too, and what
 * it, the query and the body bring becomes parameters of the types that the table names, or one
 * problem that can be told.
 *
 * routes.c is included, for its list of all tables is its own.
 *
 * Input: method and path, a line feed, the query with & between its pieces, a line feed, the body.
 */
#include "routes.c"

#include "array.h"
#include "base64.h"
#include "fuzz.h"
#include "json.h"

#include <sodium.h>

#define MOST_PIECES 8

/* --- the path ---------------------------------------------------------------------------------------- */

/* Part by part; one slash at the end counts for nothing, on either side. values may be NULL. */
static bool
fits(const char *pattern, const char *path, char *const *values)
{
	size_t		expected = 0;
	size_t		length = 0;
	int			value = 0;

	while (*pattern == '/' && *path == '/')
	{
		expected = strcspn(++pattern, "/");
		length = strcspn(++path, "/");
		if (*pattern == '{')
		{
			HOLDS(value < PARAMS_MAX_BRACES);
			if (length == 0)
				return false;
			HOLDS(values == NULL || (strlen(values[value]) == length && memcmp(values[value], path, length) == 0));
			value++;
		}
		else if (expected != length || memcmp(pattern, path, length) != 0)
			return false;
		pattern += expected;
		path += length;
	}
	if (*pattern == '\0')
		return *path == '\0' || (strcmp(path, "/") == 0 && expected > 0);
	return *path == '\0' && strcmp(pattern, "/") == 0;
}

/* --- the parameters ------------------------------------------------------------------------------------ */

static const char *
text_of(const ParamSource *source, const Param *param)
{
	switch (param->from)
	{
		case FROM_QUERY:
			return http_query(source->request, param->name);
		case FROM_BODY:
			return json_string(source->body, param->name);
		default:
			return NULL;
	}
}

static void
check_number(const char *value, int64_t least, int64_t most)
{
	char	   *end;
	long long	number = strtoll(value, &end, 10);

	HOLDS(end != value && *end == '\0' && number >= least && number <= most);
}

static void
check_bytes(const char *bytes, size_t length, const char *source)
{
	char	   *text = malloc(BASE64_LENGTH(length) + 1);

	HOLDS(text != NULL);
	base64_encode((const unsigned char *) bytes, length, text);
	HOLDS(source == NULL || (strlen(source) == BASE64_LENGTH(length) && memcmp(source, text, BASE64_LENGTH(length)) == 0));
	free(text);
}

static void
check_list(const Param *param, const ParamSource *source, const char *bytes, size_t length)
{
	const cJSON *list = json_get(source->body, param->name);
	ArrayReader reader = array_begin(bytes, length, param->type == TYPE_ID_LIST ? 20 : 17);

	HOLDS(cJSON_GetArraySize(list) == reader.count);
	while (reader.count > 0)
	{
		const unsigned char *element = NULL;
		int32_t		size = array_next(&reader, &element);

		HOLDS(param->type == TYPE_ID_LIST ? size == 8 : size >= 0);
	}
	array_end(&reader);
}

static void
check_param(const Param *param, const ParamSource *source, const char *value, int length, int format)
{
	if (value == NULL)
	{
		HOLDS(!param->required);
		return;
	}
	HOLDS(format == (param->type >= TYPE_BYTES && param->type != TYPE_TIME));
	switch (param->type)
	{
		case TYPE_TEXT:
			HOLDS(text_is_utf8(value, strlen(value)));
			break;
		case TYPE_BOOL:
			HOLDS(strcmp(value, "t") == 0 || strcmp(value, "f") == 0);
			break;
		case TYPE_ID:
			check_number(value, -1, INT64_MAX);
			HOLDS(strcmp(value, "0") != 0);
			break;
		case TYPE_INT:
			check_number(value, 0, INT32_MAX);
			break;
		case TYPE_SEQ:
			check_number(value, 0, JSON_MAX_NUMBER);
			break;
		case TYPE_CURSOR:
			check_number(value, -1, INT32_MAX);
			break;
		case TYPE_LIMIT:
			check_number(value, 1, 500);
			break;
		case TYPE_BYTES:
			check_bytes(value, (size_t) length, text_of(source, param));
			break;
		case TYPE_HASH:
			HOLDS(length == 32);
			break;
		case TYPE_HEX:
			HOLDS(length >= 8 && length <= 32);
			break;
		case TYPE_TIME:
			HOLDS(text_is_time(value));
			break;
		default:
			check_list(param, source, value, (size_t) length);
			break;
	}
}

static void
check_params(Request *request, const Param *params, const ParamSource *source)
{
	DbRequest  *statement = db_request("SELECT", NULL, NULL);
	Problem		problem = {0};
	int			count = 0;

	if (params_add(statement, params, source, &request->arena, &problem))
	{
		for (; params[count].from != FROM_END; count++)
			check_param(&params[count], source, statement->values[count], statement->lengths[count], statement->formats[count]);
		HOLDS(statement->count == count && count <= DB_MAX_PARAMS);
	}
	else
		HOLDS(problem.code == ERROR_INVALID && problem.detail != NULL && text_is_utf8(problem.detail, strlen(problem.detail)));
	db_free(statement);
}

/* Every type, wherever it may come from, for the table of routes has not all of it. */
static void
check_any(Request *request, const cJSON *body)
{
	static char path_value[] = "17";
	char	   *values[] = {path_value};
	ParamSource source = {request, body, "/{a}/", values, "http://localhost"};

	for (int type = TYPE_TEXT; type <= TYPE_ID_LIST; type++)
	{
		for (int from = FROM_PATH; from <= FROM_BODY; from++)
		{
			const Param params[] = {{(ParamFrom) from, (ParamType) type, false, "a", NULL}, {0}};
			const Param members[] = {{(ParamFrom) from, (ParamType) type, true, "a", "b"}, {0}};

			check_params(request, params, &source);
			check_params(request, members, &source);
		}
	}
}

/* --- the request ------------------------------------------------------------------------------------------ */

static HttpMethod
read_method(const char *name)
{
	static const char *const names[] = {"GET", "POST", "PATCH", "DELETE"};

	for (int i = HTTP_GET; i <= HTTP_DELETE; i++)
	{
		if (strcmp(names[i], name) == 0)
			return (HttpMethod) i;
	}
	return HTTP_OTHER;
}

static void
check_routes(Request *request, const cJSON *body)
{
	Text		allowed = {0};
	Call	   *call = find_route(request, &allowed);
	int			fitting = 0;

	for (size_t i = 0; i < n_routes; i++)
	{
		char	   *values[PARAMS_MAX_BRACES] = {NULL};
		bool		matched = params_match(routes[i]->pattern, request->path, &request->arena, values);

		HOLDS(fits(routes[i]->pattern, request->path, matched ? values : NULL) == matched);
		if (!matched)
			continue;
		if (routes[i]->method == request->method && fitting++ == 0)
			HOLDS(call != NULL && call->route == routes[i]);
		check_params(request, routes[i]->params,
					 &(ParamSource) {request, body, routes[i]->pattern, values, "http://localhost"});
	}
	HOLDS((call != NULL) == (fitting > 0));
	text_free(&allowed);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Input		input = {(const char *) data, (const char *) data + size};
	char	   *path = fuzz_line(&input);
	char	   *query = fuzz_line(&input);
	char	   *pieces[MOST_PIECES + 1] = {NULL};
	char	   *rest = query;
	Request		request = {.path = path, .query = pieces, .address = "192.0.2.1"};
	char	   *bytes = fuzz_memory(input.at, fuzz_left(&input));
	cJSON	   *body = json_parse(bytes, fuzz_left(&input));

	if (n_routes == 0)
		list_routes();
	for (int i = 0; i < MOST_PIECES && rest != NULL; i++)
		pieces[i] = strsep(&rest, "&");
	if (strchr(path, ' ') != NULL)
	{
		request.path = strchr(path, ' ');
		*request.path++ = '\0';
		request.method = read_method(path);
	}
	check_routes(&request, body);
	check_any(&request, body);
	cJSON_Delete(body);
	arena_free(&request.arena);
	free(bytes);
	free(path);
	free(query);
	return 0;
}
