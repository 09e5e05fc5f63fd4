/*
 * relay.c - see relay.h. It owns the sweeps' timer and what is under way for them.
 */
#include "relay.h"
#include "database.h"
#include "doorbell.h"
#include "echo.h"
#include "fanout.h"
#include "json.h"
#include "log.h"
#include "loop.h"
#include "metrics.h"
#include "peer.h"
#include "pgarray.h"
#include "pool.h"

#include <stdlib.h>
#include <string.h>

#define SWEEP_EVERY_MS 1000
#define WAIT_MS 50				/* to twice as long, for what is missing to come by itself */
#define HEADS_EVERY 2			/* sweeps of the sessions to one of the heads */

/* Bounded by bytes, too: what is read ends (or, of the recent, begins) where it would become too long. */
#define AFTER_SQL "SELECT f.seq, f.event, f.ends FROM porcupine.read_frames($1::bigint, $2::bigint, $3::int, 196608) f"
#define RECENT_SQL "SELECT f.seq, f.event, f.ends FROM porcupine.read_frames($1::bigint, NULL, $2::int, 393216) f"
#define HEADS_SQL \
	"SELECT s.stream, w.id, h.last_seq, s.mode, h.erasures " \
	"FROM (SELECT porcupine.current_stream() AS stream, porcupine.doorbell_mode() AS mode) s " \
	"LEFT JOIN unnest($1::bigint[]) AS w (id) ON true " \
	"LEFT JOIN porcupine.read_heads($1::bigint[]) h ON h.room_id = w.id"
#define LOOK_SQL "SELECT h.room_id, h.last_seq FROM porcupine.read_heads($1::bigint[]) h"
#define SESSIONS_SQL "SELECT porcupine.ended_sessions($1::bigint[])"
#define ROLE_SQL "SELECT porcupine.read_role($1::bigint, $2::bigint)"
#define MEMBERSHIPS_SQL "SELECT r.id, r.role FROM porcupine.my_rooms() r"

/* Who cannot be sure for so long that sessions still live must not go on serving them. */
#define FAIL_CLOSED_MS 10000

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

/* what of a doorbell concerns every bridge */
static const char *const for_all[] = {"members", "sessions", "users", "sweep"};

static Timer timer;
static Timer wait_timer;
static Table waiting;			/* room -> the seq that is missing, as a pointer ... */
static Table waited;			/* ... since the last turn of the timer */
static int	ticks;
static bool sweeping_heads;
static bool sweeping_sessions;
static uint64_t sessions_known_at;	/* when it was last known which of them live */
static bool sessions_rang;		/* while a sweep was under way: it may have looked too early */

static void end_waiting(void *arg);
static void on_room_read(void *arg, DbOutcome outcome, const PGresult *result);
static bool is_of_other_stream(const cJSON *stream);
static void hear_own(const cJSON *rooms);
static void take_doorbell(const cJSON *bell);
static void pass_on(cJSON *bell);
static bool read_room_hint(const cJSON *room, int64_t *id, int64_t *seq);
static void ring_rooms(const cJSON *rooms);
static void ring_members(const cJSON *members);
static void on_role(void *arg, DbOutcome outcome, const PGresult *result);
static void say_membership(int64_t user, int64_t room, const char *role);
static void read_memberships(Peer *peer);
static void on_memberships(void *arg, DbOutcome outcome, const PGresult *result);
static void fail_closed(void);
static void tick(void *arg);
static void on_looked(void *arg, DbOutcome outcome, const PGresult *result);
static void sweep_heads(void);
static void on_heads(void *arg, DbOutcome outcome, const PGresult *result);
static void sweep_sessions(void);
static void on_sessions(void *arg, DbOutcome outcome, const PGresult *result);
static void end_session(int64_t session);

void
relay_open(void)
{
	sessions_known_at = loop_now();
	timer_start(&timer, tick, NULL, SWEEP_EVERY_MS, SWEEP_EVERY_MS);
}

void
relay_close(void)
{
	timer_stop(&timer);
	timer_stop(&wait_timer);
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

/* What another bridge has committed is on its way by Redis. */
bool
relay_wait(int64_t room)
{
	void	   *missing = (void *) (intptr_t) (hub_head(room) + 1);

	if (!fanout_reaches(room))
		return false;
	if (waiting.count == 0 && waited.count == 0)
		timer_start(&wait_timer, end_waiting, NULL, WAIT_MS, WAIT_MS);
	if (table_get(&waited, room) != missing)
		table_put(&waiting, room, missing);
	return true;
}

/* What is still missing after a whole turn of the timer is read. */
static void
end_waiting(void *arg)
{
	Table		done = waited;
	size_t		at = 0;
	TableSlot  *slot;

	(void) arg;
	waited = waiting;
	waiting = (Table) {0};
	if (waited.count == 0)
		timer_stop(&wait_timer);
	while ((slot = table_next(&done, &at)) != NULL)
	{
		if (slot->value == (void *) (intptr_t) (hub_head(slot->key) + 1))
			hub_read_missing(slot->key);
	}
	table_free(&done);
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
 * {"origin":"0","stream":1,"rooms":{"12":345},"members":[["5","12"]],"sessions":["9"],"users":["7"]}
 * or {"origin":"0","stream":1,"sweep":true}. It may have more members than the strict reader takes
 * from clients; whatever a forger puts here, each part is checked where it is used.
 */
void
relay_on_doorbell(const char *payload)
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
relay_on_passed_on(const char *payload)
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
		relay_sweep();
		relay_read_all_memberships();
	}
	else if (is_of_other_stream(json_get(bell, "stream")))
		sweep_heads();
	ring_rooms(json_get(bell, "rooms"));
	ring_members(json_get(bell, "members"));
	if (json_get(bell, "sessions") != NULL || json_get(bell, "users") != NULL)
		sweep_sessions();
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
		sweep_heads();
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
	Peer	   *peer = peer_first_of_user(read->user);

	if (outcome == DB_DONE)
		say_membership(read->user, read->room, PQgetisnull(result, 0, 0) ? NULL : PQgetvalue(result, 0, 0));
	else if (peer != NULL)
		read_memberships(peer);
	free(read);
}

static void
say_membership(int64_t user, int64_t room, const char *role)
{
	Text		text;
	Frame	   *frame;

	frame_begin(&text);
	text_format(&text, "{\"type\":\"membership\",\"room\":\"%lld\",\"role\":", (long long) room);
	text_json(&text, role);
	text_add(&text, "}");
	frame = frame_end(&text);
	for (Peer *peer = peer_first_of_user(user); peer != NULL; peer = peer->next_of_user)
		peer_push(peer, frame);
	frame_release(frame);
}

/* Doorbells may have been lost: each user hears of all their rooms again. */
void
relay_read_all_memberships(void)
{
	for (Peer *peer = peer_first(); peer != NULL; peer = peer->next)
	{
		if (peer->state == PEER_READY && peer == peer_first_of_user(peer->who.user))
			read_memberships(peer);
	}
}

static void
read_memberships(Peer *peer)
{
	RoleRead   *read = memory_alloc(sizeof(RoleRead));
	DbRequest  *request = db_request(MEMBERSHIPS_SQL, on_memberships, read);

	read->user = peer->who.user;
	db_act_as(request, peer->who.session);
	pool_submit(LANE_QUERY, request);
}

/* Who cannot be told is sent away, and asks when it comes back. */
static void
on_memberships(void *arg, DbOutcome outcome, const PGresult *result)
{
	RoleRead   *read = arg;

	for (int row = 0; outcome == DB_DONE && row < PQntuples(result); row++)
		say_membership(read->user, strtoll(PQgetvalue(result, row, 0), NULL, 10), PQgetvalue(result, row, 1));
	if (outcome != DB_DONE)
	{
		for (Peer *peer = peer_first_of_user(read->user), *next; peer != NULL; peer = next)
		{
			next = peer->next_of_user;
			peer_end(peer, CLOSE_DRAINING, "retry after 1000", true);
		}
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
	fail_closed();
	peer_cut_stuck();
	sweep_sessions();
	if (++ticks % HEADS_EVERY == 0)
		sweep_heads();
}

void
relay_look(const int64_t *rooms, int count)
{
	DbRequest  *request = db_request(LOOK_SQL, on_looked, NULL);
	PgArray		ids;

	pgarray_begin(&ids, PG_INT8);
	for (int i = 0; i < count; i++)
		pgarray_number(&ids, rooms[i]);
	pgarray_param(&ids, request);
	pool_submit(LANE_QUERY, request);
}

static void
on_looked(void *arg, DbOutcome outcome, const PGresult *result)
{
	(void) arg;
	for (int row = 0; outcome == DB_DONE && row < PQntuples(result); row++)
		hub_set_head(strtoll(PQgetvalue(result, row, 0), NULL, 10), strtoll(PQgetvalue(result, row, 1), NULL, 10));
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
	sweeping_heads = true;
	metrics_add_to(METRIC_SWEEPS, SWEEP_HEADS, 1);
	rooms = hub_rooms(&count);
	request = db_request(HEADS_SQL, on_heads, NULL);
	pgarray_begin(&ids, PG_INT8);
	for (int i = 0; i < count; i++)
		pgarray_number(&ids, rooms[i]);
	pgarray_param(&ids, request);
	free(rooms);
	pool_submit(LANE_QUERY, request);
}

static void
on_heads(void *arg, DbOutcome outcome, const PGresult *result)
{
	(void) arg;
	sweeping_heads = false;
	if (outcome != DB_DONE)
		return;
	database_take_mode(PQgetvalue(result, 0, 3));
	/* somebody began a new stream under us */
	if (database_take_stream(strtoll(PQgetvalue(result, 0, 0), NULL, 10)))
		return;
	for (int row = 0; row < PQntuples(result); row++)
	{
		int64_t		room = strtoll(PQgetvalue(result, row, 1), NULL, 10);

		if (PQgetisnull(result, row, 1))
			continue;			/* nobody watches anything */
		if (PQgetisnull(result, row, 2))
			hub_set_head(room, 0);
		else
			hub_take_sweep(room, strtoll(PQgetvalue(result, row, 2), NULL, 10), strtoll(PQgetvalue(result, row, 4), NULL, 10));
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
		metrics_add_to(METRIC_SWEEPS, SWEEP_SESSIONS, 1);
		request = db_request(SESSIONS_SQL, on_sessions, NULL);
		pgarray_begin(&ids, PG_INT8);
		for (int i = 0; i < count; i++)
			pgarray_number(&ids, sessions[i]);
		pgarray_param(&ids, request);
		pool_submit(LANE_QUERY, request);
	}
	else
		sessions_known_at = loop_now();
	free(sessions);
}

/* A socket lives by its session: when that cannot be asked, it must not live on (G6). */
static void
fail_closed(void)
{
	if (loop_now() - sessions_known_at <= FAIL_CLOSED_MS)
		return;
	if (peer_count() > 0)
		log_write(LOG_WARNING, "sessions cannot be checked: all sockets are sent away");
	for (Peer *peer = peer_first(); peer != NULL; peer = peer->next)
		peer_end(peer, CLOSE_DRAINING, "retry after 2000", true);
}

static void
on_sessions(void *arg, DbOutcome outcome, const PGresult *result)
{
	(void) arg;
	sweeping_sessions = false;
	if (outcome == DB_DONE)
		sessions_known_at = loop_now();
	for (int row = 0; outcome == DB_DONE && row < PQntuples(result); row++)
	{
		metrics_add_to(METRIC_SWEEP_FINDS, SWEEP_SESSIONS, 1);
		end_session(strtoll(PQgetvalue(result, row, 0), NULL, 10));
	}
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
