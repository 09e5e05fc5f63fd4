/*
 * cors.c - see cors.h. It owns nothing; the two lists are the configuration's.
 */
#include "cors.h"

#include <string.h>

/* Our own page's calls, and those of the SDK; what is always allowed need not be named. */
#define REQUEST_HEADERS "Authorization, Content-Type, Idempotency-Key, If-None-Match, X-Porcupine"
#define ANSWER_HEADERS "ETag, Location, RateLimit, RateLimit-Policy, Retry-After"
#define PREFLIGHT_SECONDS 600

static const char *const *own_origins;
static const char *const *listed_origins;

static bool stands_in(const char *const *origins, const char *origin);

void
cors_open(const char *const *own, const char *const *listed)
{
	own_origins = own;
	listed_origins = listed;
}

CorsOrigin
cors_judge(const char *origin)
{
	if (origin == NULL)
		return CORS_ABSENT;
	if (stands_in(own_origins, origin))
		return CORS_OWN;
	return stands_in(listed_origins, origin) ? CORS_LISTED : CORS_FOREIGN;
}

static bool
stands_in(const char *const *origins, const char *origin)
{
	for (int i = 0; origins[i] != NULL; i++)
	{
		if (strcmp(origins[i], origin) == 0)
			return true;
	}
	return false;
}

/* Vary also where there is no Origin: a cache must not give that answer to one who has one. */
void
cors_add_lines(Text *head, CorsOrigin verdict, const char *origin)
{
	text_add(head, "Vary: Origin\r\n");
	if (verdict != CORS_OWN && verdict != CORS_LISTED)
		return;
	text_format(head, "Access-Control-Allow-Origin: %s\r\nAccess-Control-Expose-Headers: " ANSWER_HEADERS "\r\n", origin);
	if (verdict == CORS_OWN)
		text_add(head, "Access-Control-Allow-Credentials: true\r\n");
}

void
cors_add_preflight_lines(Text *head, const char *methods)
{
	text_format(head, "Access-Control-Allow-Methods: %s\r\nAccess-Control-Allow-Headers: " REQUEST_HEADERS "\r\n"
				"Access-Control-Max-Age: %d\r\n", methods, PREFLIGHT_SECONDS);
}
