/*
 * relay.c - see relay.h. It owns the sweeps' timer and what is under way for them.
 */
#include "relay.h"
#include "json.h"
#include "log.h"
#include "loop.h"
#include "peer.h"
#include "pgarray.h"
#include "pool.h"
#include "sends.h"
#include "shapes.h"

#include <stdlib.h>
#include <string.h>

#define SWEEP_EVERY_MS 1000
#define HEADS_EVERY 2			/* sweeps of the sessions to one of the heads */

/* Whose membership ends with an event: nobody's, for most. */
#define ENDS \
	"CASE WHEN e.kind IN ('member.left', 'member.removed') THEN convert_from(e.body, 'UTF8')::json->>'user' " \
	"WHEN e.kind = 'member.role' THEN CASE WHEN convert_from(e.body, 'UTF8')::json->>'role' = 'pending' " \
	"THEN convert_from(e.body, 'UTF8')::json->>'user' END END"
#define READ_SQL(from) \
	"SELECT e.seq, (SELECT row_to_json(x) FROM (SELECT " SHAPE_EVENT("e") ") x), " ENDS " FROM " from " e ORDER BY e.seq"
#define AFTER_SQL READ_SQL("porcupine.read_events($1::bigint, $2::bigint, $3::int)")
#define RECENT_SQL READ_SQL("porcupine.read_events($1::bigint, (SELECT greatest(h.last_seq - $2::int, 0) " \
							"FROM porcupine.read_heads(ARRAY[$1::bigint]) h), $2::int)")
#define HEADS_SQL \
	"SELECT w.id, h.last_seq FROM unnest($1::bigint[]) AS w (id) " \
	"LEFT JOIN porcupine.read_heads($1::bigint[]) h ON h.room_id = w.id"
#define SESSIONS_SQL "SELECT porcupine.ended_sessions($1::bigint[])"
#define ROLE_SQL "SELECT porcupine.read_role($1::bigint, $2::bigint)"

typedef struct RoomRead
{
	int64_t		room;
	int64_t		ticket;
} RoomRead;

typedef struct RoleRead
{
	int64_t		user;
	int64_t		room;
} RoleRead;

static Timer timer;
static int	ticks;
static bool sweeping_heads;
static bool sweeping_sessions;
static bool sessions_rang;		/* while a sweep was under way: it may have looked too early */

static void on_room_read(void *arg, DbOutcome outcome, const PGresult *result);
static void ring_rooms(const cJSON *rooms);
static void ring_members(const cJSON *members);
static void on_role(void *arg, DbOutcome outcome, const PGresult *result);
static void tick(void *arg);
static void sweep_heads(void);
static void on_heads(void *arg, DbOutcome outcome, const PGresult *result);
static void sweep_sessions(void);
static void on_sessions(void *arg, DbOutcome outcome, const PGresult *result);
static void end_session(int64_t session);

void
relay_open(void)
{
	timer_start(&timer, tick, NULL, SWEEP_EVERY_MS, SWEEP_EVERY_MS);
}

void
relay_close(void)
{
	timer_stop(&timer);
}

/* --- reads --------------------------------------------------------------------------------------------- */

void
relay_read_room(int64_t room, int64_t ticket, int64_t after, int max)
{
	RoomRead   *read = memory_alloc(sizeof(RoomRead));
	DbRequest  *request;

	*read = (RoomRead) {room, ticket};
	if (after < 0)
	{
		request = db_request(RECENT_SQL, on_room_read, read);
		db_number(request, room);
		db_number(request, max);
	}
	else
		request = relay_page_request(room, after, max, on_room_read, read);
	pool_submit(LANE_QUERY, request);
}

DbRequest *
relay_page_request(int64_t room, int64_t after, int max, DbDone done, void *arg)
{
	DbRequest  *request = db_request(AFTER_SQL, done, arg);

	db_number(request, room);
	db_number(request, after);
	db_number(request, max);
	return request;
}

static void
on_room_read(void *arg, DbOutcome outcome, const PGresult *result)
{
	RoomRead   *read = arg;
	HubEvent   *events = NULL;
	int			count = 0;

	if (outcome == DB_DONE)
		events = relay_take_rows(result, &count);
	else if (outcome == DB_REFUSED)
		(void) errors_from_result(result);	/* logs it */
	hub_take_read(read->room, read->ticket, outcome == DB_DONE, events, count);
	free(events);
	free(read);
}

HubEvent *
relay_take_rows(const PGresult *result, int *count)
{
	HubEvent   *events;

	*count = PQntuples(result);
	events = memory_alloc(((size_t) *count + 1) * sizeof(HubEvent));
	for (int row = 0; row < *count; row++)
	{
		events[row].seq = strtoll(PQgetvalue(result, row, 0), NULL, 10);
		events[row].frame = frame_from_event(PQgetvalue(result, row, 1));
		events[row].ends = strtoll(PQgetvalue(result, row, 2), NULL, 10);
	}
	return events;
}

/* --- doorbells -------------------------------------------------------------------------------------------- */

/*
 * {"origin":"","rooms":{"12":345},"members":[["5","12"]],"sessions":["9"]}. It may have more
 * members than the strict reader takes from clients; whatever a forger puts here, each part is
 * checked where it is used.
 */
void
relay_on_doorbell(const char *payload)
{
	cJSON	   *bell = cJSON_ParseWithLength(payload, strlen(payload));
	const char *origin = json_string(bell, "origin");

	/* our own commits have been published already */
	if (origin != NULL && strcmp(origin, sends_origin()) != 0)
	{
		ring_rooms(json_get(bell, "rooms"));
		ring_members(json_get(bell, "members"));
		if (json_get(bell, "sessions") != NULL)
			sweep_sessions();
	}
	cJSON_Delete(bell);
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

		if (room->string == NULL || !text_to_number(room->string, INT64_MAX, &id)
			|| !json_to_number(room, JSON_MAX_NUMBER, &seq))
			continue;
		if (seq > 0)
			hub_set_head(id, seq);
		else
			gone = true;
	}
	if (gone)
		sweep_heads();
}

static void
ring_members(const cJSON *members)
{
	const cJSON *pair;

	cJSON_ArrayForEach(pair, members)
	{
		const char *user = cJSON_GetStringValue(cJSON_GetArrayItem(pair, 0));
		const char *room = cJSON_GetStringValue(cJSON_GetArrayItem(pair, 1));
		RoleRead	read;
		RoleRead   *copy;
		DbRequest  *request;

		if (user == NULL || room == NULL || !text_to_number(user, INT64_MAX, &read.user)
			|| !text_to_number(room, INT64_MAX, &read.room) || peer_first_of_user(read.user) == NULL)
			continue;
		copy = memory_alloc(sizeof(RoleRead));
		*copy = read;
		request = db_request(ROLE_SQL, on_role, copy);
		db_number(request, read.room);
		db_number(request, read.user);
		pool_submit(LANE_QUERY, request);
	}
}

static void
on_role(void *arg, DbOutcome outcome, const PGresult *result)
{
	RoleRead   *read = arg;
	Text		text;
	Frame	   *frame;

	if (outcome == DB_DONE)
	{
		frame_begin(&text);
		text_format(&text, "{\"type\":\"membership\",\"room\":\"%lld\",\"role\":", (long long) read->room);
		text_json(&text, PQgetisnull(result, 0, 0) ? NULL : PQgetvalue(result, 0, 0));
		text_add(&text, "}");
		frame = frame_end(&text);
		for (Peer *peer = peer_first_of_user(read->user); peer != NULL; peer = peer->next_of_user)
			peer_push(peer, frame);
		frame_release(frame);
	}
	free(read);
}

/* --- sweeps --------------------------------------------------------------------------------------------------- */

void
relay_sweep(void)
{
	sweep_heads();
	sweep_sessions();
}

static void
tick(void *arg)
{
	(void) arg;
	sweep_sessions();
	if (++ticks % HEADS_EVERY == 0)
		sweep_heads();
}

static void
sweep_heads(void)
{
	DbRequest  *request;
	PgArray		ids;
	int			count;
	int64_t    *rooms;

	if (sweeping_heads)
		return;
	rooms = hub_rooms(&count);
	if (count > 0)
	{
		sweeping_heads = true;
		request = db_request(HEADS_SQL, on_heads, NULL);
		pgarray_begin(&ids, PG_INT8);
		for (int i = 0; i < count; i++)
			pgarray_number(&ids, rooms[i]);
		pgarray_param(&ids, request);
		pool_submit(LANE_QUERY, request);
	}
	free(rooms);
}

static void
on_heads(void *arg, DbOutcome outcome, const PGresult *result)
{
	(void) arg;
	sweeping_heads = false;
	for (int row = 0; outcome == DB_DONE && row < PQntuples(result); row++)
	{
		int64_t		room = strtoll(PQgetvalue(result, row, 0), NULL, 10);

		if (PQgetisnull(result, row, 1))
			hub_set_head(room, 0);
		else if (PQgetvalue(result, row, 1)[0] != '0')
			hub_set_head(room, strtoll(PQgetvalue(result, row, 1), NULL, 10));
	}
}

static void
sweep_sessions(void)
{
	DbRequest  *request;
	PgArray		ids;
	int			count;
	int64_t    *sessions;

	sessions_rang = sweeping_sessions;
	if (sweeping_sessions)
		return;
	sessions = peer_sessions(&count);
	if (count > 0)
	{
		sweeping_sessions = true;
		request = db_request(SESSIONS_SQL, on_sessions, NULL);
		pgarray_begin(&ids, PG_INT8);
		for (int i = 0; i < count; i++)
			pgarray_number(&ids, sessions[i]);
		pgarray_param(&ids, request);
		pool_submit(LANE_QUERY, request);
	}
	free(sessions);
}

static void
on_sessions(void *arg, DbOutcome outcome, const PGresult *result)
{
	(void) arg;
	sweeping_sessions = false;
	for (int row = 0; outcome == DB_DONE && row < PQntuples(result); row++)
		end_session(strtoll(PQgetvalue(result, row, 0), NULL, 10));
	if (sessions_rang && outcome == DB_DONE)
		sweep_sessions();
}

static void
end_session(int64_t session)
{
	Peer	   *peer;

	while ((peer = peer_first_of_session(session)) != NULL)
		peer_end(peer, CLOSE_SESSION_ENDED, "the session is over", false);
}
