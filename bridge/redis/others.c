/*
 * others.c - see others.h. It owns what is known of each other bridge.
 *
 * A bridge that this process itself was too slow to hear is no different from one that has gone: what
 * follows from it is only that the database is asked directly.
 */
#include "others.h"
#include "log.h"
#include "loop.h"
#include "memory.h"
#include "metrics.h"
#include "nodes.h"
#include "table.h"

#include <stdlib.h>

#define RELY_MS 3000
#define GONE_MS 8000
#define MOST_OTHERS 4096		/* whoever may publish could invent any number of them */

typedef struct Other
{
	int64_t		origin;
	Duty		duty;
	int64_t		bells;			/* doorbells heard from it, counted as it counts them; -1: it was no relay */
	uint64_t	heard_at;
	uint64_t	beat_at[NODES_MAX];	/* 0: never */
} Other;

static const OthersEvents *events;
static int	node_count;
static int	bell_node;
static Table others;			/* by origin */

static Other *other_of(int64_t origin);
static bool is_relied_upon(const Other *other);

void
others_open(int count, int of_bells, const OthersEvents *handlers)
{
	node_count = count;
	bell_node = of_bells;
	events = handlers;
}

void
others_beat(int64_t origin, int node, Duty duty, int64_t bells)
{
	Other	   *other = other_of(origin);
	int64_t		counted;

	if (other == NULL)
		return;
	counted = other->bells;
	other->beat_at[node] = loop_now();
	other->duty = duty;
	/* doorbells come by one node only, and are in order with the beats there */
	if (node != bell_node)
		return;
	other->bells = duty == DUTY_RELAY ? bells : -1;
	if (duty == DUTY_RELAY && counted != bells)
		events->missed();
}

void
others_heard(int64_t origin)
{
	(void) other_of(origin);
}

void
others_bell(int64_t origin)
{
	Other	   *other = other_of(origin);

	if (other != NULL && other->bells >= 0)
		other->bells++;
}

/* Makes it known; NULL: there are too many. */
static Other *
other_of(int64_t origin)
{
	Other	   *other = table_get(&others, origin);

	if (other == NULL && others.count < MOST_OTHERS)
	{
		other = memory_alloc(sizeof(Other));
		other->origin = origin;
		other->bells = -1;
		table_put(&others, origin, other);
		metrics_add(METRIC_OTHER_BRIDGES, 1);
		log_write(LOG_DEBUG, "another bridge is there", LOG_NUMBER("origin", origin));
	}
	if (other != NULL)
		other->heard_at = loop_now();
	return other;
}

void
others_check(void)
{
	Other	   *gone[64];
	int			count = 0;
	size_t		at = 0;
	TableSlot  *slot;

	while (count < 64 && (slot = table_next(&others, &at)) != NULL)
	{
		Other	   *other = slot->value;

		if (loop_now() - other->heard_at > GONE_MS)
			gone[count++] = other;
	}
	while (count-- > 0)
	{
		log_write(LOG_DEBUG, "another bridge has gone", LOG_NUMBER("origin", gone[count]->origin));
		table_remove(&others, gone[count]->origin);
		metrics_add(METRIC_OTHER_BRIDGES, -1);
		events->gone(gone[count]->origin);
		free(gone[count]);
	}
}

bool
others_publishes(int64_t origin)
{
	const Other *other = table_get(&others, origin);

	return other != NULL && is_relied_upon(other);
}

bool
others_have_relay(void)
{
	size_t		at = 0;
	TableSlot  *slot;

	while ((slot = table_next(&others, &at)) != NULL)
	{
		const Other *other = slot->value;

		if (other->duty == DUTY_RELAY && is_relied_upon(other))
			return true;
	}
	return false;
}

int64_t *
others_list(int *count)
{
	int64_t    *origins = memory_alloc((others.count + 1) * sizeof(int64_t));
	size_t		at = 0;
	TableSlot  *slot;

	*count = 0;
	while ((slot = table_next(&others, &at)) != NULL)
		origins[(*count)++] = slot->key;
	return origins;
}

static bool
is_relied_upon(const Other *other)
{
	if (other->duty == DUTY_NONE)
		return false;
	for (int node = 0; node < node_count; node++)
	{
		if (other->beat_at[node] == 0 || loop_now() - other->beat_at[node] > RELY_MS)
			return false;
	}
	return true;
}
