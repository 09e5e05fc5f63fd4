/*
 * listener.c - see listener.h.
 */
#include "listener.h"
#include "database.h"
#include "doorbell.h"
#include "echo.h"
#include "fanout.h"
#include "hub.h"
#include "json.h"
#include "memberships.h"
#include "metrics.h"
#include "sweeps.h"
#include "text.h"

#include <string.h>

/* what of a doorbell concerns every bridge */
static const char *const for_all[] = {"members", "sessions", "users", "sweep"};

static void hear_own(const cJSON *rooms);
static void take_doorbell(const cJSON *bell);
static void pass_on(cJSON *bell);
static bool is_of_other_stream(const cJSON *stream);
static void ring_rooms(const cJSON *rooms);
static bool read_room_hint(const cJSON *room, int64_t *id, int64_t *seq);
static void ring_members(const cJSON *members);

/*
 * {"origin":"0","stream":1,"rooms":{"12":345},"members":[["5","12"]],"sessions":["9"],"users":["7"]}
 * or {"origin":"0","stream":1,"sweep":true}. It may have more members than the strict reader takes
 * from clients; whatever a forger puts here, each part is checked where it is used.
 */
void
listener_on_doorbell(const char *payload)
{
	cJSON	   *bell = cJSON_ParseWithLength(payload, strlen(payload));
	const char *origin = json_string(bell, "origin");
	int64_t		number = 0;
	bool		known = origin != NULL && text_to_number(origin, INT64_MAX, &number);

	if (known)
		metrics_add_to(METRIC_DOORBELLS, number == doorbell_origin() ? DOORBELL_OWN : DOORBELL_OTHER, 1);
	/* our own commits have been published already */
	if (known && number != doorbell_origin())
	{
		/* so have those of others; they are on their way here */
		if (others_publishes(number))
			cJSON_DeleteItemFromObjectCaseSensitive(bell, "rooms");
		take_doorbell(bell);
		if (database_leads())
			pass_on(bell);
	}
	else if (known)
		hear_own(json_get(bell, "rooms"));
	cJSON_Delete(bell);
}

static void
hear_own(const cJSON *rooms)
{
	const cJSON *room;
	int64_t		id;
	int64_t		seq;

	cJSON_ArrayForEach(room, rooms)
	{
		if (read_room_hint(room, &id, &seq))
			echo_heard(id);
	}
}

void
listener_on_passed_on(const char *payload)
{
	cJSON	   *bell = cJSON_ParseWithLength(payload, strlen(payload));

	take_doorbell(bell);
	cJSON_Delete(bell);
}

static void
take_doorbell(const cJSON *bell)
{
	if (cJSON_IsTrue(json_get(bell, "sweep")))
	{
		sweeps_run();
		memberships_read_all();
	}
	else if (is_of_other_stream(json_get(bell, "stream")))
		sweeps_heads();
	ring_rooms(json_get(bell, "rooms"));
	ring_members(json_get(bell, "members"));
	if (json_get(bell, "sessions") != NULL || json_get(bell, "users") != NULL)
		sweeps_sessions();
}

/* To the bridges that do not listen: each room to those that watch it, the rest to all. */
static void
pass_on(cJSON *bell)
{
	cJSON	   *rooms = cJSON_DetachItemFromObjectCaseSensitive(bell, "rooms");
	const cJSON *room;
	char	   *rest;

	cJSON_ArrayForEach(room, rooms)
	{
		int64_t		id;
		int64_t		seq;

		if (read_room_hint(room, &id, &seq))
			fanout_hint(id, seq);
	}
	cJSON_Delete(rooms);
	for (size_t i = 0; i < sizeof(for_all) / sizeof(for_all[0]); i++)
	{
		if (json_get(bell, for_all[i]) == NULL)
			continue;
		rest = cJSON_PrintUnformatted(bell);
		fanout_doorbell(rest);
		cJSON_free(rest);
		return;
	}
}

/* Then its seqs may mean nothing here; the sweep finds out. */
static bool
is_of_other_stream(const cJSON *stream)
{
	int64_t		number;

	return stream != NULL && json_to_number(stream, JSON_MAX_NUMBER, &number) && number != database_stream();
}

static void
ring_rooms(const cJSON *rooms)
{
	const cJSON *room;
	bool		gone = false;

	cJSON_ArrayForEach(room, rooms)
	{
		int64_t		id;
		int64_t		seq;

		if (!read_room_hint(room, &id, &seq))
			continue;
		if (seq > 0)
			hub_set_head(id, seq);
		else
			gone = true;
	}
	if (gone)
		sweeps_heads();
}

static bool
read_room_hint(const cJSON *room, int64_t *id, int64_t *seq)
{
	return room->string != NULL && text_to_number(room->string, INT64_MAX, id) && *id > 0
		&& json_to_number(room, JSON_MAX_NUMBER, seq);
}

static void
ring_members(const cJSON *members)
{
	const cJSON *pair;

	cJSON_ArrayForEach(pair, members)
	{
		const char *user = cJSON_GetStringValue(cJSON_GetArrayItem(pair, 0));
		const char *room = cJSON_GetStringValue(cJSON_GetArrayItem(pair, 1));
		int64_t		user_id;
		int64_t		room_id;

		if (user != NULL && room != NULL && text_to_number(user, INT64_MAX, &user_id) && text_to_number(room, INT64_MAX, &room_id))
			memberships_read(user_id, room_id);
	}
}
