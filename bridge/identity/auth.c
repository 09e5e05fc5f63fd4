/*
 * auth.c - see auth.h. Verification costs 80 microseconds, so what has been verified is remembered
 * by its hash until it expires: a table of fixed size, in which a newer token takes the place of an
 * older one.
 */
#include "auth.h"
#include "loop.h"
#include "memory.h"
#include "metrics.h"
#include "pool.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CACHE_SIZE 4096
#define READ_EVERY_MS 1000
#define RENEW_EVERY_MS 5000		/* a key that was taken back verifies no longer than this */

#define KEYS_SQL "SELECT porcupine.jwks()::text, current_setting('porcupine.issuer')"

typedef struct Verified
{
	unsigned char hash[32];
	JwtClaims	claims;			/* expires 0: free */
} Verified;

static const int counted_as[] = {
	[JWT_VALID] = TOKEN_VERIFIED,
	[JWT_INVALID] = TOKEN_INVALID,
	[JWT_UNKNOWN_KEY] = TOKEN_UNKNOWN_KEY,
};

static Verified cache[CACHE_SIZE];
static JwtKeys keys;
static char issuer[256];
static AuthWait *waiting;
static bool reading;
static uint64_t read_at;
static Timer read_timer;
static Timer renew_timer;

static JwtVerdict verify(const char *token, JwtClaims *claims);
static void want_keys(void);
static void begin_read(void *arg);
static void on_keys(void *arg, DbOutcome outcome, const PGresult *result);
static bool take_keys(const PGresult *result);

void
auth_check(AuthWait *wait, const char *token, AuthDone done, void *arg)
{
	JwtClaims	claims = {0};
	JwtVerdict	verdict = verify(token, &claims);

	if (verdict != JWT_UNKNOWN_KEY)
	{
		done(arg, verdict == JWT_VALID ? AUTH_VALID : AUTH_INVALID, &claims);
		return;
	}
	*wait = (AuthWait) {.next = waiting, .done = done, .arg = arg, .token = memory_text(token)};
	waiting = wait;
	want_keys();
}

void
auth_forget(AuthWait *wait)
{
	if (wait->token == NULL)
		return;
	for (AuthWait **link = &waiting; *link != NULL; link = &(*link)->next)
	{
		if (*link == wait)
		{
			*link = wait->next;
			break;
		}
	}
	free(wait->token);
	wait->token = NULL;
}

void
auth_read_keys(void)
{
	begin_read(NULL);
	timer_start(&renew_timer, begin_read, NULL, RENEW_EVERY_MS, RENEW_EVERY_MS);
}

static JwtVerdict
verify(const char *token, JwtClaims *claims)
{
	size_t		length = strlen(token);
	int64_t		now = time(NULL);
	unsigned char hash[32];
	Verified   *place;
	uint16_t	index;
	JwtVerdict	verdict;

	if (length > JWT_MAX_LENGTH)
	{
		metrics_add_to(METRIC_TOKENS, TOKEN_INVALID, 1);
		return JWT_INVALID;
	}
	crypto_generichash(hash, sizeof(hash), (const unsigned char *) token, length, NULL, 0);
	memcpy(&index, hash, sizeof(index));
	place = &cache[index % CACHE_SIZE];
	if (now < place->claims.expires && sodium_memcmp(place->hash, hash, sizeof(hash)) == 0)
	{
		*claims = place->claims;
		metrics_add_to(METRIC_TOKENS, TOKEN_REMEMBERED, 1);
		return JWT_VALID;
	}
	verdict = jwt_verify(token, length, &keys, issuer, now, claims);
	metrics_add_to(METRIC_TOKENS, counted_as[verdict], 1);
	if (verdict == JWT_VALID)
	{
		memcpy(place->hash, hash, sizeof(hash));
		place->claims = *claims;
	}
	return verdict;
}

/* Anybody can name an unknown key, so reading is limited; those who ask wait. */
static void
want_keys(void)
{
	uint64_t	now = loop_now();

	if (reading)
		return;
	if (read_at == 0 || now - read_at >= READ_EVERY_MS)
		begin_read(NULL);
	else
		timer_start(&read_timer, begin_read, NULL, READ_EVERY_MS - (now - read_at), 0);
}

static void
begin_read(void *arg)
{
	(void) arg;
	if (reading)
		return;
	reading = true;
	read_at = loop_now();
	pool_submit(LANE_QUERY, db_request(KEYS_SQL, on_keys, NULL));
}

static void
on_keys(void *arg, DbOutcome outcome, const PGresult *result)
{
	bool		known = outcome == DB_DONE && take_keys(result);
	AuthWait   *list = waiting;

	(void) arg;
	reading = false;
	waiting = NULL;
	while (list != NULL)
	{
		AuthWait   *wait = list;
		JwtClaims	claims = {0};
		AuthVerdict verdict = AUTH_BUSY;

		list = wait->next;
		if (known)
			verdict = verify(wait->token, &claims) == JWT_VALID ? AUTH_VALID : AUTH_INVALID;
		free(wait->token);
		wait->token = NULL;
		wait->done(wait->arg, verdict, &claims);
	}
}

/* What an older key or issuer has verified must not stay. */
static bool
take_keys(const PGresult *result)
{
	JwtKeys		fresh = {0};
	const char *json = PQgetvalue(result, 0, 0);
	const char *name = PQgetvalue(result, 0, 1);

	if (!jwt_read_keys(json, strlen(json), &fresh) || strlen(name) >= sizeof(issuer))
		return false;
	if (strcmp(name, issuer) != 0 || memcmp(&fresh, &keys, sizeof(keys)) != 0)
	{
		memset(cache, 0, sizeof(cache));
		strcpy(issuer, name);
		keys = fresh;
	}
	return true;
}
