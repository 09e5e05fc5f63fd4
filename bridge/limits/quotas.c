/*
 * quotas.c - see quotas.h. It owns the defaults.
 */
#include "quotas.h"
#include "memory.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

#define SECOND 1e6
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define MOST INT64_C(1000000000)

static const struct
{
	const char *name;
	Quota		quota;
}			defaults[N_LIMITS] = {
	[LIMIT_REQUESTS] = {"requests", {3000, 30 * SECOND}},
	[LIMIT_FRAMES] = {"frames", {6000, MINUTE}},
	[LIMIT_SENDS] = {"sends", {1200, MINUTE}},
	[LIMIT_SENDS_ROOM] = {"sends_room", {6000, MINUTE}},
	[LIMIT_KNOWN] = {"known", {20, HOUR}},
	[LIMIT_REGISTER] = {"register", {40, HOUR}},
	[LIMIT_LOGIN] = {"login", {20, 10 * MINUTE}},
	[LIMIT_LOGIN_ACCOUNT] = {"login_account", {20, HOUR}},
	[LIMIT_LOGIN_KNOWN] = {"login_known", {10, 10 * MINUTE}},
	[LIMIT_PASSWORD] = {"password", {10, 10 * MINUTE}},
	[LIMIT_PROFILE] = {"profile", {20, HOUR}},
	[LIMIT_REFRESH] = {"refresh", {600, MINUTE}},
	[LIMIT_JOIN] = {"join", {20, 10 * MINUTE}},
	[LIMIT_JOIN_ADDRESS] = {"join_address", {100, 10 * MINUTE}},
	[LIMIT_PREVIEW] = {"preview", {60, 10 * MINUTE}},
	[LIMIT_READS] = {"reads", {3000, MINUTE}},
	[LIMIT_WRITES] = {"writes", {600, MINUTE}},
	[LIMIT_HASHES] = {"hashes", {32, 0}},
	[LIMIT_SOCKETS_USER] = {"sockets_user", {100, 0}},
	[LIMIT_SOCKETS_ADDRESS] = {"sockets_address", {1000, 0}},
	[LIMIT_SUBSCRIPTIONS] = {"subscriptions", {1000, 0}},
};

static bool read_item(const char *item, Quotas *quotas, int64_t *scale);
static bool read_quota(const char *value, Quota *quota);
static bool read_count(const char *text, size_t length, int64_t *count);

const char *
quotas_name(Limit limit)
{
	return defaults[limit].name;
}

bool
quotas_read(const char *text, Quotas *quotas)
{
	bool		off = strcmp(text, "off") == 0;
	bool		well = true;
	int64_t		scale = 1;
	char	   *copy;
	char	   *rest;
	char	   *item;

	for (int i = 0; i < N_LIMITS; i++)
	{
		quotas->list[i] = defaults[i].quota;
		if (off)
			quotas->list[i].count = 0;
	}
	if (off || strcmp(text, "on") == 0)
		return true;
	copy = rest = memory_text(text);
	while (well && (item = strsep(&rest, ",")) != NULL)
		well = read_item(item, quotas, &scale);
	free(copy);
	for (int i = 0; i < N_LIMITS; i++)
		quotas->list[i].count *= (double) scale;
	return well;
}

static bool
read_item(const char *item, Quotas *quotas, int64_t *scale)
{
	const char *value = strchr(item, '=');
	size_t		length = value != NULL ? (size_t) (value - item) : 0;

	if (value == NULL)
		return false;
	value++;
	if (length == strlen("scale") && strncmp(item, "scale", length) == 0)
		return read_count(value, strlen(value), scale);
	for (int i = 0; i < N_LIMITS; i++)
	{
		if (strlen(defaults[i].name) == length && strncmp(item, defaults[i].name, length) == 0)
			return read_quota(value, &quotas->list[i]);
	}
	return false;
}

/* The old one says whether a time belongs to it. */
static bool
read_quota(const char *value, Quota *quota)
{
	const char *slash = strchr(value, '/');
	size_t		length = slash != NULL ? (size_t) (slash - value) : strlen(value);
	size_t		rest = slash != NULL ? strlen(slash + 1) : 0;
	int64_t		count;
	int64_t		time;
	double		unit;

	if (strcmp(value, "off") == 0)
	{
		quota->count = 0;
		return true;
	}
	if (!read_count(value, length, &count) || (slash != NULL) != (quota->period > 0))
		return false;
	quota->count = (double) count;
	if (slash == NULL)
		return true;
	if (rest < 2 || !read_count(slash + 1, rest - 1, &time))
		return false;
	switch (slash[rest])
	{
		case 's':
			unit = SECOND;
			break;
		case 'm':
			unit = MINUTE;
			break;
		case 'h':
			unit = HOUR;
			break;
		case 'd':
			unit = 24 * HOUR;
			break;
		default:
			return false;
	}
	quota->period = (double) time * unit;
	return quota->period <= 366 * 24 * HOUR;
}

static bool
read_count(const char *text, size_t length, int64_t *count)
{
	char		digits[16];

	if (length >= sizeof(digits))
		return false;
	memcpy(digits, text, length);
	digits[length] = '\0';
	return text_to_number(digits, MOST, count) && *count > 0;
}

/* --- a bucket ------------------------------------------------------------------------------------ */

int64_t
quota_take(const Quota *quota, int64_t *full_at, int cost, int64_t now)
{
	double		step = quota->period / quota->count;
	double		from = *full_at > now ? (double) (*full_at - now) : 0;
	double		to = from + cost * step;

	/* half a microsecond, for what rounding has added */
	if (cost > 0 && to > quota->period + 0.5)
	{
		int64_t		wait = (int64_t) (to - quota->period);

		return wait > 0 ? wait : 1;
	}
	*full_at = now + (int64_t) (to > 0 ? to : 0);
	return 0;
}

double
quota_left(const Quota *quota, int64_t full_at, int64_t now)
{
	double		missing = full_at > now ? (double) (full_at - now) : 0;
	double		left = quota->count - missing * quota->count / quota->period;

	return left > 0 ? left : 0;
}

int64_t
quota_full_at(const Quota *quota, double left, int64_t now)
{
	return now + (int64_t) ((quota->count - left) * quota->period / quota->count);
}
