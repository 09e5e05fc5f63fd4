/*
 * memberships.c - see memberships.h.
 */
#include "memberships.h"
#include "memory.h"
#include "peer.h"
#include "pool.h"

#include <stdlib.h>

#define ROLE_SQL "SELECT porcupine.read_role($1::bigint, $2::bigint)"
#define MEMBERSHIPS_SQL "SELECT r.id, r.role FROM porcupine.my_rooms() r"

typedef struct RoleRead
{
	int64_t		user;
	int64_t		room;
} RoleRead;

static void on_role(void *arg, DbOutcome outcome, const PGresult *result);
static void say_membership(int64_t user, int64_t room, const char *role);
static void read_all(Peer *peer);
static void on_all(void *arg, DbOutcome outcome, const PGresult *result);

void
memberships_read(int64_t user, int64_t room)
{
	RoleRead   *read;
	DbRequest  *request;

	if (peer_first_of_user(user) == NULL)
		return;
	read = memory_alloc(sizeof(RoleRead));
	*read = (RoleRead) {user, room};
	request = db_request(ROLE_SQL, on_role, read);
	db_number(request, room);
	db_number(request, user);
	pool_submit(LANE_QUERY, request);
}

static void
on_role(void *arg, DbOutcome outcome, const PGresult *result)
{
	RoleRead   *read = arg;
	Peer	   *peer = peer_first_of_user(read->user);

	if (outcome == DB_DONE)
		say_membership(read->user, read->room, PQgetisnull(result, 0, 0) ? NULL : PQgetvalue(result, 0, 0));
	else if (peer != NULL)
		read_all(peer);
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

void
memberships_read_all(void)
{
	for (Peer *peer = peer_first(); peer != NULL; peer = peer->next)
	{
		if (peer->state == PEER_READY && peer == peer_first_of_user(peer->who.user))
			read_all(peer);
	}
}

static void
read_all(Peer *peer)
{
	RoleRead   *read = memory_alloc(sizeof(RoleRead));
	DbRequest  *request = db_request(MEMBERSHIPS_SQL, on_all, read);

	read->user = peer->who.user;
	db_act_as(request, peer->who.session);
	pool_submit(LANE_QUERY, request);
}

/* Who cannot be told is sent away, and asks when it comes back. */
static void
on_all(void *arg, DbOutcome outcome, const PGresult *result)
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
