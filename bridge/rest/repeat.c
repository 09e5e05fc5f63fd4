/*
 * repeat.c - see repeat.h. It owns the wrapped statements.
 */
#include "repeat.h"

#include <sodium.h>
#include <string.h>

#define SHORTEST_KEY 16
#define LONGEST_KEY 128

/* coalesce() looks at the statement only where there is nothing to recall. Of one without a value the answer is ''. */
const char *
repeat_wrap(const char *sql, int params)
{
	Text		wrapped = {0};

	text_format(&wrapped, "SELECT coalesce(porcupine.recall_request($%d::text, $%d::bytea), porcupine.remember_request($%d::text, "
				"(SELECT a.answer::text FROM (%s) AS a (answer))))", params + 1, params + 2, params + 1, sql);
	return wrapped.bytes;
}

/* A string of RFC 8941 has quotes around it; without them it is the same key. */
const char *
repeat_key(Request *request, Problem *problem)
{
	const char *given = request->idempotency_key;
	size_t		length = strlen(given);

	if (length >= 2 && given[0] == '"' && given[length - 1] == '"')
	{
		given++;
		length -= 2;
	}
	for (size_t i = 0; i < length; i++)
	{
		if (given[i] <= ' ' || given[i] > '~' || given[i] == '"' || given[i] == '\\' || given[i] == ',')
			length = 0;
	}
	if (length >= SHORTEST_KEY && length <= LONGEST_KEY)
		return arena_text(&request->arena, given, length);
	*problem = PROBLEM(ERROR_INVALID, "an Idempotency-Key is 16 to 128 visible characters, without quotes, commas and backslashes");
	return NULL;
}

void
repeat_add(DbRequest *statement, const Request *request, const char *key)
{
	crypto_generichash_state state;
	unsigned char print[32];
	size_t		path = strlen(request->path);

	/* the same call by its path without the slash is the same call */
	while (path > 1 && request->path[path - 1] == '/')
		path--;
	crypto_generichash_init(&state, (const unsigned char *) key, strlen(key) < crypto_generichash_KEYBYTES_MAX ? strlen(key)
							: crypto_generichash_KEYBYTES_MAX, sizeof(print));
	crypto_generichash_update(&state, (const unsigned char *) request->path, path);
	crypto_generichash_update(&state, (const unsigned char *) "", 1);
	crypto_generichash_update(&state, (const unsigned char *) (request->body.bytes != NULL ? request->body.bytes : ""), request->body.length);
	crypto_generichash_final(&state, print, sizeof(print));
	db_text(statement, key);
	db_binary(statement, print, sizeof(print));
}
