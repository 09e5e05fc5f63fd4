/*
 * params.h - what a REST call takes: from where, of which type, and how it becomes a parameter of
 * its statement.
 */
#ifndef PORCUPINE_PARAMS_H
#define PORCUPINE_PARAMS_H

#include "http.h"
#include "json.h"

#define PARAMS_MAX 10
#define PARAMS_MAX_BRACES 4

typedef enum ParamFrom
{
	FROM_END,					/* ends a list of parameters */
	FROM_PATH,
	FROM_QUERY,
	FROM_BODY,
	FROM_ADDRESS,				/* the client's address */
	FROM_ORIGIN					/* where the page lives */
} ParamFrom;

typedef enum ParamType
{
	TYPE_TEXT,
	TYPE_BOOL,
	TYPE_ID,					/* an opaque id; one that is none of ours becomes -1, which names nothing */
	TYPE_INT,					/* 0 to 2^31-1 */
	TYPE_SEQ,					/* 0 to 2^53-1 */
	TYPE_CURSOR,				/* -1 to 2^31-1 */
	TYPE_LIMIT,					/* 1 to 500 */
	TYPE_BYTES,					/* base64 */
	TYPE_HASH,					/* 64 hexadecimal digits */
	TYPE_HEX,					/* 16 to 64 of them: 8 to 32 bytes */
	TYPE_TIME,					/* RFC 3339, of the years 1970 to 9999 */
	TYPE_BYTES_LIST,
	TYPE_ID_LIST
} ParamType;

typedef struct Param
{
	ParamFrom	from;
	ParamType	type;
	bool		required;
	const char *name;
	const char *member;			/* of lists of objects: which member of each makes the list */
} Param;

/* What a request brings; path_values stand in the order of the pattern's braces. */
typedef struct ParamSource
{
	const Request *request;
	const cJSON *body;
	const char *pattern;
	char	  **path_values;
	const char *page_origin;
} ParamSource;

/*
 * Adds each parameter to the database request, in order. False: problem says what is wrong; its
 * detail lives in the request's pool.
 */
extern bool params_add(DbRequest *call, const Param *params, const ParamSource *source, Arena *arena, Problem *problem);

/* The id that text names, or -1. */
extern int64_t params_id(const char *text);

/* Does path fit the pattern, like /api/rooms/{room}/log/? values holds one place for each brace. */
extern bool params_match(const char *pattern, const char *path, Arena *arena, char **values);

#endif
