/*
 * arrivals.c - see arrivals.h. It owns the list, oldest first, and the opaque pointer of each
 * connection, which is its place in it. It knows nothing of what a request is.
 */
#include "arrivals.h"
#include "log.h"
#include "loop.h"
#include "memory.h"

#include <stdlib.h>

#define SAY_AGAIN_MS 60000

typedef struct Arrival
{
	struct Arrival *older;
	struct Arrival *younger;
	struct lws *wsi;
} Arrival;

static Arrival *oldest;
static Arrival *youngest;
static int	count;

static void say_crowded(void);

void
arrivals_await(struct lws *wsi)
{
	Arrival    *arrival;

	if (lws_get_opaque_user_data(wsi) != NULL)
		return;
	arrival = memory_alloc(sizeof(Arrival));
	arrival->wsi = wsi;
	arrival->older = youngest;
	if (youngest != NULL)
		youngest->younger = arrival;
	else
		oldest = arrival;
	youngest = arrival;
	count++;
	lws_set_opaque_user_data(wsi, arrival);
}

void
arrivals_forget(struct lws *wsi)
{
	Arrival    *arrival = lws_get_opaque_user_data(wsi);

	if (arrival == NULL)
		return;
	if (arrival->older != NULL)
		arrival->older->younger = arrival->younger;
	else
		oldest = arrival->younger;
	if (arrival->younger != NULL)
		arrival->younger->older = arrival->older;
	else
		youngest = arrival->older;
	count--;
	lws_set_opaque_user_data(wsi, NULL);
	free(arrival);
}

void
arrivals_make_room(void)
{
	while (count >= MOST_ARRIVALS)
	{
		struct lws *wsi = oldest->wsi;

		say_crowded();
		arrivals_forget(wsi);
		lws_set_timeout(wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_SYNC);
	}
}

static void
say_crowded(void)
{
	static uint64_t said_at;

	if (said_at != 0 && loop_now() - said_at <= SAY_AGAIN_MS)
		return;
	said_at = loop_now();
	log_write(LOG_WARNING, "too many connections without a whole request: the oldest are closed");
}
