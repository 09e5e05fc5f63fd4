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
#include <string.h>

#define COOKIE "porcupine_device"
#define COOKIE_ATTRIBUTES "; Path=/api/auth/; HttpOnly; Secure; SameSite=Strict; Max-Age=31536000"
#define COOKIE_BYTES 16

static int	hashing;			/* how many wait */

static bool has_failed(const Attempt *attempt);
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
attempts_welcome(Attempt *attempt, const char *json)
{
	cJSON	   *grant = json_parse(json, strlen(json));
	const char *username = json_string(json_get(grant, "user"), "username");
	int64_t		names[] = {attempt->name, username != NULL ? place_of_name(username) : attempt->name};
	int64_t		device = attempt->device;

	if (device == 0)
	{
		unsigned char bytes[COOKIE_BYTES];

		randombytes_buf(bytes, sizeof(bytes));
		sodium_bin2hex(attempt->number, sizeof(attempt->number), bytes, sizeof(bytes));
		device = places_of('d', attempt->number, COOKIE_BYTES * 2);
	}
	for (int i = 0; i < (names[1] != names[0] ? 2 : 1); i++)
	{
		limiter_mark(names[i], device);
		limiter_mark(names[i], attempt->address);
	}
	cJSON_Delete(grant);
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

/* As the database compares names, without regard to case; other letters than ASCII's are left out. */
static int64_t
place_of_name(const char *name)
{
	char		lower[256];
	size_t		length = 0;

	for (; *name != '\0' && length < sizeof(lower); name++)
	{
		if ((unsigned char) *name < 0x80)
			lower[length++] = (char) (*name >= 'A' && *name <= 'Z' ? *name + 'a' - 'A' : *name);
	}
	return places_of('n', lower, length);
}
