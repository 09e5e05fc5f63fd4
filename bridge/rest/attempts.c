/*
 * attempts.c - see attempts.h. It owns the cookie porcupine_device, a random number of the browser's.
 *
 * The cookie is worth nothing by itself: it only separates the tries of one device from those of
 * others. A number that has not signed in to this account makes a stranger of whoever brings it.
 */
#include "attempts.h"
#include "cookie.h"
#include "json.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define COOKIE "porcupine_device"
#define COOKIE_ATTRIBUTES "; Path=/api/auth/; HttpOnly; Secure; SameSite=Strict; Max-Age=31536000"
#define COOKIE_BYTES 16

static int	hashing;			/* how many wait */

static bool has_failed(const Attempt *attempt);
static void mark(const Attempt *attempt, int64_t name, int64_t device, int level);
static int64_t place_of_name(const char *name);

void
attempts_identify(Attempt *attempt, const Request *request, const char *name)
{
	size_t		length;
	const char *cookie = cookie_find(request->cookie, COOKIE, &length);
	Address		address = {{0}};

	(void) address_read(request->address, strlen(request->address), &address);
	attempt->name = place_of_name(name != NULL ? name : "");
	attempt->address = places_of_address(&address);
	attempt->device = cookie != NULL && length == COOKIE_BYTES * 2 ? places_of('d', cookie, length) : 0;
}

void
attempts_charge(const Attempt *attempt, Charge *charge)
{
	charge->marks_place = attempt->name;
	charge->marks[0] = attempt->device;
	charge->marks[1] = attempt->address;
	if (attempt->device != 0)
		limiter_add(charge, LIMIT_LOGIN_KNOWN, attempt->name, attempt->device, LIMITER_BY_DEVICE);
	limiter_add(charge, LIMIT_LOGIN_KNOWN, attempt->name, attempt->address, LIMITER_BY_ADDRESS);
	limiter_add(charge, LIMIT_LOGIN_ACCOUNT, attempt->name, 0, LIMITER_STRANGER);
	limiter_add(charge, LIMIT_LOGIN, attempt->address, 0, LIMITER_BY_ADDRESS | LIMITER_STRANGER);
}

bool
attempts_begin(Attempt *attempt, bool known)
{
	double		most = limiter_quota(LIMIT_HASHES)->count;
	int			quarters = known ? 4 : has_failed(attempt) ? 2 : 3;

	if (most > 0 && hashing * 4 >= most * quarters)
	{
		limiter_count_refusal(LIMIT_HASHES);
		return false;
	}
	hashing++;
	attempt->hashes = true;
	return true;
}

/* Lately, and from this address, besides the try that is charged now. Without that limit nobody knows. */
static bool
has_failed(const Attempt *attempt)
{
	return limiter_left(LIMIT_LOGIN, attempt->address) < limiter_quota(LIMIT_LOGIN)->count - 1.5
		|| limiter_quota(LIMIT_LOGIN)->count == 0;
}

void
attempts_end(Attempt *attempt)
{
	if (attempt->hashes)
		hashing--;
	attempt->hashes = false;
}

void
attempts_welcome(Attempt *attempt, int level, const char *json)
{
	cJSON	   *grant = json_parse(json, strlen(json));
	const char *username = json_string(json_get(grant, "user"), "username");
	int64_t		other = username != NULL ? place_of_name(username) : attempt->name;
	int64_t		device = attempt->device;

	if (device == 0)
	{
		unsigned char bytes[COOKIE_BYTES];

		randombytes_buf(bytes, sizeof(bytes));
		sodium_bin2hex(attempt->number, sizeof(attempt->number), bytes, sizeof(bytes));
		device = places_of('d', attempt->number, COOKIE_BYTES * 2);
	}
	mark(attempt, attempt->name, device, level);
	if (other != attempt->name)
		mark(attempt, other, device, level);
	cJSON_Delete(grant);
}

/* What is known already stays so; what is new is kept for a month, so an account has so many of these an hour. */
static void
mark(const Attempt *attempt, int64_t name, int64_t device, int level)
{
	bool		may = limiter_take(LIMIT_KNOWN, name) == 0;

	if (may || level == LIMITER_BY_DEVICE)
		limiter_mark(name, device);
	if (may || level == LIMITER_BY_ADDRESS)
		limiter_mark(name, attempt->address);
}

void
attempts_tell(const Attempt *attempt, Request *request)
{
	Text		cookie = {0};

	if (attempt->number[0] == '\0')
		return;
	text_format(&cookie, COOKIE "=%s" COOKIE_ATTRIBUTES, attempt->number);
	http_add_header(request, "Set-Cookie", cookie.bytes);
	text_free(&cookie);
}

/* As the database compares names: without regard to the case of ASCII's letters, and every other byte as it is. */
static int64_t
place_of_name(const char *name)
{
	size_t		length = strlen(name);
	char	   *lower = memory_text(name);
	int64_t		place;

	for (size_t i = 0; i < length; i++)
	{
		if (lower[i] >= 'A' && lower[i] <= 'Z')
			lower[i] = (char) (lower[i] + 'a' - 'A');
	}
	place = places_of('n', lower, length);
	free(lower);
	return place;
}
