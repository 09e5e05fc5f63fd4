/*
 * verbs.c - see verbs.h. It reads what a client says, hands it on, and words the answers; a
 * subscription's life is in watch.c.
 */
#include "verbs.h"
#include "database.h"
#include "fanout.h"
#include "gather.h"
#include "json.h"
#include "limiter.h"
#include "metrics.h"
#include "params.h"
#include "pgvalue.h"
#include "pool.h"
#include "sends.h"
#include "sessions.h"
#include "shapes.h"
#include "watch.h"
#include "ws.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADS_EVERY_MS 25000
#define TYPING_EVERY_MS 1000	/* more often it is not passed on */
#define DRAIN_SPREAD_MS 2000
#define FULL_RETRY "retry after 30000"

#define WHOAMI_SQL \
	"SELECT u.id IS NOT NULL, " SHAPE_USER("u", "id") " FROM porcupine.whoami_many($1::bigint[]) u ORDER BY u.item"
#define MARK_READ_SQL "SELECT porcupine.mark_read($1::bigint, $2::bigint)"

typedef struct Verb
{
	const char *name;
	void		(*run) (Peer *peer, const cJSON *message, const char *room);
	bool		names_room;
} Verb;

typedef struct WsSend
{
	Send		send;
	PeerCall	call;
} WsSend;

/* A socket's session is asked for. */
typedef struct WhoCall
{
	Question	question;
	PeerCall	call;
} WhoCall;

/* A call that answers nothing or an error. */
typedef struct QuietCall
{
	PeerCall	call;
	const char *verb;
	int64_t		room;
} QuietCall;

static void on_text(Peer *peer, const char *bytes, size_t length);
static void auth(Peer *peer, const cJSON *message, const char *room);
static void subscribe(Peer *peer, const cJSON *message, const char *room);
static void send_event(Peer *peer, const cJSON *message, const char *room);
static void typing(Peer *peer, const cJSON *message, const char *room);
static void mark_read(Peer *peer, const cJSON *message, const char *room);
static void unsubscribe(Peer *peer, const cJSON *message, const char *room);
static void ping(Peer *peer, const cJSON *message, const char *room);
static bool comes_too_often(Peer *peer);
static bool has_too_many_sockets(int64_t user);
static void say_error(Peer *peer, const Problem *problem, const char *verb, const char *room, const char *client_id);
static void say_invalid(Peer *peer, const char *detail, const char *verb, const char *room, const char *client_id);
static void on_verdict(void *arg, AuthVerdict verdict, const JwtClaims *claims);
static void on_whoami(Question *question, DbOutcome outcome, const PGresult *result, int row);
static void become_ready(Peer *peer, const char *user);
static void on_sent(Send *send, const SendResult *result);
static void on_marked(void *arg, DbOutcome outcome, const PGresult *result);
static void say_heads(void *arg);

static const Verb verbs[] = {
	{"subscribe", subscribe, true},
	{"send", send_event, true},
	{"typing", typing, true},
	{"read", mark_read, true},
	{"unsubscribe", unsubscribe, true},
	{"ping", ping, false},
};

static const PeerEvents peer_events = {on_text, watch_resume, watch_end_all, sessions_change};
static Gatherer logins = {.sql = WHOAMI_SQL, .n_numbers = 1};
static Timer heads_timer;

void
verbs_open(void)
{
	peer_set_events(&peer_events);
	watch_open();
	timer_start(&heads_timer, say_heads, NULL, HEADS_EVERY_MS, HEADS_EVERY_MS);
}

void
verbs_close(void)
{
	timer_stop(&heads_timer);
}

void
verbs_drain(void)
{
	char		reason[40];

	for (Peer *peer = peer_first(); peer != NULL; peer = peer->next)
	{
		/* spread, or all of them come back at once */
		snprintf(reason, sizeof(reason), "retry after %u", 500 + randombytes_uniform(DRAIN_SPREAD_MS));
		peer_end(peer, CLOSE_DRAINING, reason, true);
	}
}

/* --- a message comes in ------------------------------------------------------------------------------------ */

static void
on_text(Peer *peer, const char *bytes, size_t length)
{
	cJSON	   *message = json_parse(bytes, length);
	const char *type = json_string(message, "type");
	const char *room = json_string(message, "room");
	const Verb *verb = NULL;
	Problem		nowhere = PROBLEM(ERROR_NOT_MEMBER, "not a member of this room");

	for (size_t i = 0; type != NULL && i < sizeof(verbs) / sizeof(verbs[0]); i++)
	{
		if (strcmp(verbs[i].name, type) == 0)
			verb = &verbs[i];
	}
	metrics_add_named(METRIC_SOCKET_MESSAGES, type);
	if (comes_too_often(peer))
		;						/* and has been ended */
	else if (peer->state == PEER_NEW)
		auth(peer, message, NULL);
	else if (message == NULL)
		say_invalid(peer, "a frame is one JSON object in UTF-8 with each key once", NULL, NULL, NULL);
	else if (verb == NULL || peer->state != PEER_READY)
		say_invalid(peer, "there is no such type here", type, NULL, NULL);
	else if (verb->names_room && room == NULL)
		say_invalid(peer, "room is missing", type, NULL, json_string(message, "client_id"));
	else if (verb->names_room && params_id(room) < 0)
		say_error(peer, &nowhere, type, room, json_string(message, "client_id"));
	else if (verb->names_room && peer->only_room != 0 && params_id(room) != peer->only_room)
		say_invalid(peer, "this socket is for one room", type, room, json_string(message, "client_id"));
	else
		verb->run(peer, message, room);
	cJSON_Delete(message);
}

/* Whatever it says: who does not heed refusals is not worth answering. */
static bool
comes_too_often(Peer *peer)
{
	const Quota *quota = limiter_quota(LIMIT_FRAMES);
	int64_t		wait = quota->count > 0 ? quota_take(quota, &peer->frames_full_at, 1, (int64_t) loop_now() * 1000) : 0;
	char		reason[40];

	if (wait == 0)
		return false;
	limiter_count_refusal(LIMIT_FRAMES);
	/* not one frame later, but when it has room for some */
	snprintf(reason, sizeof(reason), "retry after %lld", (long long) (quota->period / 1000 / 10) + 1000);
	peer_end(peer, CLOSE_RATE, reason, false);
	return true;
}

static void
say_invalid(Peer *peer, const char *detail, const char *verb, const char *room, const char *client_id)
{
	Problem		problem = PROBLEM(ERROR_INVALID, detail);

	say_error(peer, &problem, verb, room, client_id);
}

static void
say_error(Peer *peer, const Problem *problem, const char *verb, const char *room, const char *client_id)
{
	peer_say(peer, frame_from_problem(problem, verb, room, client_id));
}

/* --- who it is ------------------------------------------------------------------------------------------------ */

static void
auth(Peer *peer, const cJSON *message, const char *room)
{
	const char *type = json_string(message, "type");
	const char *token = json_string(message, "token");

	(void) room;
	if (type == NULL || strcmp(type, "auth") != 0 || token == NULL)
	{
		peer_end(peer, CLOSE_UNAUTHENTICATED, "the first frame is auth", false);
		return;
	}
	peer->state = PEER_AUTHENTICATING;
	auth_check(&peer->auth, token, on_verdict, peer);
}

static void
on_verdict(void *arg, AuthVerdict verdict, const JwtClaims *claims)
{
	Peer	   *peer = arg;
	WhoCall	   *call;

	if (verdict == AUTH_INVALID)
	{
		peer_end(peer, CLOSE_UNAUTHENTICATED, "the access token does not verify or has expired", false);
		return;
	}
	if (verdict == AUTH_BUSY)
	{
		peer_end(peer, CLOSE_DRAINING, "retry after 1000", false);
		return;
	}
	peer->who = *claims;
	call = memory_alloc(sizeof(WhoCall));
	peer_begin_call(peer, &call->call);
	call->question.done = on_whoami;
	call->question.numbers[0] = claims->session;
	gather_ask(&logins, &call->question);
}

static void
on_whoami(Question *question, DbOutcome outcome, const PGresult *result, int row)
{
	WhoCall	   *call = (WhoCall *) question;
	Peer	   *peer = peer_end_call(&call->call);

	free(call);
	if (peer == NULL)
		return;
	if (outcome == DB_DONE && pgvalue_bool(result, row, 0) && has_too_many_sockets(peer->who.user))
		peer_end(peer, CLOSE_RATE, FULL_RETRY, false);
	else if (outcome == DB_DONE && pgvalue_bool(result, row, 0))
		become_ready(peer, PQgetvalue(result, row, 1));
	else if (outcome == DB_DONE)
		peer_end(peer, CLOSE_SESSION_ENDED, "the session is over", false);
	else
	{
		if (outcome == DB_REFUSED)
			(void) errors_from_result(result);	/* logs it */
		peer_end(peer, CLOSE_DRAINING, "retry after 1000", false);
	}
}

static bool
has_too_many_sockets(int64_t user)
{
	double		most = limiter_quota(LIMIT_SOCKETS_USER)->count;
	double		count = 0;

	for (const Peer *peer = peer_first_of_user(user); peer != NULL && count < most; peer = peer->next_of_user)
		count++;
	if (most <= 0 || count < most)
		return false;
	limiter_count_refusal(LIMIT_SOCKETS_USER);
	return true;
}

static void
become_ready(Peer *peer, const char *user)
{
	Text		text;
	JwtClaims	who = peer->who;

	peer_identify(peer, &who);
	frame_begin(&text);
	text_format(&text, "{\"type\":\"ready\",\"user\":%s,\"session\":\"%lld\",\"device\":\"%lld\",\"stream\":%lld,"
				"\"limits\":{\"body\":%d,\"frame\":%d,\"behind\":%d}}", user, (long long) who.session,
				(long long) who.device, (long long) database_stream(), SEND_MAX_BODY, WS_MAX_FRAME, WATCH_MAX_BEHIND);
	peer_say(peer, frame_end(&text));
	if (peer->only_room != 0)
		watch_begin(peer, peer->only_room, peer->after, peer->stream);
}

static void
subscribe(Peer *peer, const cJSON *message, const char *room)
{
	const cJSON *after = json_get(message, "after");
	const cJSON *stream = json_get(message, "stream");
	double		quota = limiter_quota(LIMIT_SUBSCRIPTIONS)->count;
	double		most = quota > 0 && quota < WATCH_MAX ? quota : WATCH_MAX;
	Problem		problem = PROBLEM(ERROR_RATE_LIMITED, "too many rooms on one socket");
	int64_t		from = -1;
	int64_t		of = -1;

	if ((after != NULL && !json_to_number(after, JSON_MAX_NUMBER, &from))
		|| (stream != NULL && !json_to_number(stream, JSON_MAX_NUMBER, &of)))
		say_invalid(peer, "after and stream are numbers", "subscribe", room, NULL);
	else if ((double) peer->subscriptions.count >= most && watch_find(peer, params_id(room)) == NULL)
	{
		limiter_count_refusal(LIMIT_SUBSCRIPTIONS);
		say_error(peer, &problem, "subscribe", room, NULL);
	}
	else
		watch_begin(peer, params_id(room), from, of);
}

static void
unsubscribe(Peer *peer, const cJSON *message, const char *room)
{
	Watch	   *watch = watch_find(peer, params_id(room));
	Text		text;

	(void) message;
	if (watch != NULL)
		watch_end(watch);
	frame_begin(&text);
	text_add(&text, "{\"type\":\"unsubscribed\",\"room\":");
	text_json(&text, room);
	text_add(&text, "}");
	peer_say(peer, frame_end(&text));
}

/* --- what it says in a room --------------------------------------------------------------------------------------- */

static void
send_event(Peer *peer, const cJSON *message, const char *room)
{
	Problem		problem;
	WsSend	   *ws = (WsSend *) send_read(message, sizeof(WsSend), &problem);

	if (ws == NULL)
	{
		say_error(peer, &problem, "send", room, json_string(message, "client_id"));
		return;
	}
	ws->send.room = params_id(room);
	problem = PROBLEM(ERROR_RATE_LIMITED, "too many messages: wait, then send it again");
	problem.retry_after = limiter_take(LIMIT_SENDS, places_of_user(peer->who.user));
	if (problem.retry_after == 0)
		problem.retry_after = limiter_take(LIMIT_SENDS_ROOM, places_of_room(ws->send.room));
	if (problem.retry_after > 0)
	{
		free(ws);
		say_error(peer, &problem, "send", room, json_string(message, "client_id"));
		return;
	}
	ws->send.user = peer->who.user;
	ws->send.device = peer->who.device;
	ws->send.done = on_sent;
	peer_begin_call(peer, &ws->call);
	sends_submit(&ws->send);
}

static void
on_sent(Send *send, const SendResult *result)
{
	WsSend	   *ws = (WsSend *) send;
	Peer	   *peer = peer_end_call(&ws->call);
	Text		uuid = {0};
	Text		text;
	char		room[24];

	if (peer != NULL)
	{
		send_write_uuid(&uuid, send->client_id);
		snprintf(room, sizeof(room), "%lld", (long long) send->room);
		if (result->stored)
		{
			frame_begin(&text);
			text_format(&text, "{\"type\":\"ack\",\"room\":\"%s\",\"client_id\":\"%s\",\"seq\":%lld,\"created_at\":\"%s\"}",
						room, uuid.bytes, (long long) result->seq, result->created_at);
			peer_say(peer, frame_end(&text));
		}
		else
			say_error(peer, &result->problem, "send", room, uuid.bytes);
		text_free(&uuid);
	}
	free(ws);
}

static void
typing(Peer *peer, const cJSON *message, const char *room)
{
	Watch	   *watch = watch_find(peer, params_id(room));
	Problem		problem = PROBLEM(ERROR_NOT_MEMBER, "subscribe to the room first");

	(void) message;
	if (watch == NULL || !watch->sub.announced)
		say_error(peer, &problem, "typing", room, NULL);
	else if (watch->typed_at == 0 || loop_now() - watch->typed_at >= TYPING_EVERY_MS)
	{
		watch->typed_at = loop_now();
		hub_say(watch->sub.room_id, frame_from_typing(watch->sub.room_id, peer->who.user), peer->who.user);
		fanout_typing(watch->sub.room_id, peer->who.user);
	}
}

static void
mark_read(Peer *peer, const cJSON *message, const char *room)
{
	QuietCall  *quiet;
	DbRequest  *request;
	int64_t		seq;

	if (!json_to_number(json_get(message, "seq"), JSON_MAX_NUMBER, &seq))
	{
		say_invalid(peer, "seq is not a number", "read", room, NULL);
		return;
	}
	quiet = memory_alloc(sizeof(QuietCall));
	quiet->verb = "read";
	quiet->room = params_id(room);
	peer_begin_call(peer, &quiet->call);
	request = db_request(MARK_READ_SQL, on_marked, quiet);
	db_act_as(request, peer->who.session);
	db_number(request, quiet->room);
	db_number(request, seq);
	pool_submit(LANE_QUERY, request);
}

static void
on_marked(void *arg, DbOutcome outcome, const PGresult *result)
{
	QuietCall  *quiet = arg;
	Peer	   *peer = peer_end_call(&quiet->call);
	char		room[24];

	if (peer != NULL && outcome != DB_DONE)
	{
		Problem		problem = errors_from_result(outcome == DB_REFUSED ? result : NULL);

		snprintf(room, sizeof(room), "%lld", (long long) quiet->room);
		say_error(peer, &problem, quiet->verb, room, NULL);
	}
	free(quiet);
}

static void
ping(Peer *peer, const cJSON *message, const char *room)
{
	Text		text;

	(void) message;
	(void) room;
	frame_begin(&text);
	text_add(&text, "{\"type\":\"pong\"}");
	peer_say(peer, frame_end(&text));
}

/* A heartbeat that shows who has missed something. */
static void
say_heads(void *arg)
{
	(void) arg;
	for (Peer *peer = peer_first(); peer != NULL; peer = peer->next)
	{
		const char *separator = "";
		size_t		at = 0;
		TableSlot  *slot;
		Text		text;

		if (peer->subscriptions.count == 0)
			continue;
		frame_begin(&text);
		text_add(&text, "{\"type\":\"heads\",\"heads\":{");
		while ((slot = table_next(&peer->subscriptions, &at)) != NULL)
		{
			const Watch *watch = slot->value;

			if (!watch->sub.announced)
				continue;
			text_format(&text, "%s\"%lld\":%lld", separator, (long long) slot->key, (long long) hub_head(slot->key));
			separator = ",";
		}
		text_add(&text, "}}");
		peer_say(peer, frame_end(&text));
	}
}
