/*
 * verbs.c - see verbs.h. It owns the subscriptions of all peers (Watch), and binds hub and peers
 * together: the hub says what goes to whom, the peer carries it.
 */
#include "verbs.h"
#include "database.h"
#include "hub.h"
#include "json.h"
#include "log.h"
#include "params.h"
#include "peer.h"
#include "pool.h"
#include "relay.h"
#include "sends.h"
#include "shapes.h"
#include "ws.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BEHIND 500			/* events; who is further behind is reset */
#define MAX_WATCHES 1000		/* rooms on one socket */
#define HEADS_EVERY_MS 25000
#define TYPING_EVERY_MS 1000	/* more often it is not passed on */
#define DRAIN_SPREAD_MS 2000

#define WHOAMI_SQL "SELECT " SHAPE_USER("u", "id") " FROM porcupine.whoami() u"
#define CURSOR_SQL \
	"SELECT c.head, c.current_stream, c.epoch, c.epoch_open, c.reset " \
	"FROM porcupine.cursor_state($1::bigint, $2::bigint, $3::bigint, $4::int) c"
#define MARK_READ_SQL "SELECT porcupine.mark_read($1::bigint, $2::bigint)"

typedef struct Verb
{
	const char *name;
	void		(*run) (Peer *peer, const cJSON *message, const char *room);
	bool		names_room;
} Verb;

/* A peer's subscription; sub comes first, for the hub hands it back. */
typedef struct Watch
{
	Subscription sub;
	Peer	   *peer;
	DbRequest  *call;			/* under way: the cursor check or a page */
	int64_t		after;			/* as the client said, -1: nothing */
	int64_t		stream;			/* the client's, then the one that it has been told; -1: none */
	int64_t		head;
	int64_t		epoch;
	bool		epoch_open;
	bool		reset;
	uint64_t	typed_at;
} Watch;

typedef struct WsSend
{
	Send		send;
	PeerCall	call;
} WsSend;

/* A call that answers nothing or an error. */
typedef struct QuietCall
{
	PeerCall	call;
	const char *verb;
	int64_t		room;
} QuietCall;

static void on_text(Peer *peer, const char *bytes, size_t length);
static void on_drained(Peer *peer);
static void on_ended(Peer *peer);
static void auth(Peer *peer, const cJSON *message, const char *room);
static void subscribe(Peer *peer, const cJSON *message, const char *room);
static void send_event(Peer *peer, const cJSON *message, const char *room);
static void typing(Peer *peer, const cJSON *message, const char *room);
static void mark_read(Peer *peer, const cJSON *message, const char *room);
static void unsubscribe(Peer *peer, const cJSON *message, const char *room);
static void ping(Peer *peer, const cJSON *message, const char *room);
static void say_error(Peer *peer, const Problem *problem, const char *verb, const char *room, const char *client_id);
static void say_invalid(Peer *peer, const char *detail, const char *verb, const char *room, const char *client_id);
static void on_verdict(void *arg, AuthVerdict verdict, const JwtClaims *claims);
static void on_whoami(void *arg, DbOutcome outcome, const PGresult *result);
static void become_ready(Peer *peer, const char *user);
static void begin_watch(Peer *peer, int64_t room, int64_t after, int64_t stream);
static void end_watch(Watch *watch);
static void check_cursor(Subscription *subscription);
static void on_cursor(void *arg, DbOutcome outcome, const PGresult *result);
static void refuse_watch(Watch *watch, const Problem *problem);
static void announce(Subscription *subscription);
static void read_page(Subscription *subscription, int64_t after, int max);
static void on_page(void *arg, DbOutcome outcome, const PGresult *result);
static void push(Subscription *subscription, Frame *frame);
static bool has_room(Subscription *subscription);
static void on_watch_ended(Subscription *subscription, bool busy);
static void say_presence(int64_t room, int64_t user, bool online);
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

static const PeerEvents peer_events = {on_text, on_drained, on_ended};
static const HubOps hub_ops = {
	.read_room = relay_read_room,
	.read_page = read_page,
	.attached = check_cursor,
	.announce = announce,
	.push = push,
	.has_room = has_room,
	.ended = on_watch_ended,
	.presence = say_presence,
};

static Timer heads_timer;

void
verbs_open(void)
{
	peer_set_events(&peer_events);
	hub_set_ops(&hub_ops);
	timer_start(&heads_timer, say_heads, NULL, HEADS_EVERY_MS, HEADS_EVERY_MS);
}

void
verbs_close(void)
{
	timer_stop(&heads_timer);
}

void
verbs_resume(void)
{
	for (Peer *peer = peer_first(); peer != NULL; peer = peer->next)
	{
		if (peer->state == PEER_READY)
			on_drained(peer);
	}
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

	for (size_t i = 0; type != NULL && i < sizeof(verbs) / sizeof(verbs[0]); i++)
	{
		if (strcmp(verbs[i].name, type) == 0)
			verb = &verbs[i];
	}
	if (peer->state == PEER_NEW)
		auth(peer, message, NULL);
	else if (message == NULL)
		say_invalid(peer, "a frame is one JSON object in UTF-8 with each key once", NULL, NULL, NULL);
	else if (verb == NULL || peer->state != PEER_READY)
		say_invalid(peer, "there is no such type here", type, NULL, NULL);
	else if (verb->names_room && room == NULL)
		say_invalid(peer, "room is missing", type, NULL, json_string(message, "client_id"));
	else if (verb->names_room && peer->only_room != 0 && params_id(room) != peer->only_room)
		say_invalid(peer, "this socket is for one room", type, room, json_string(message, "client_id"));
	else
		verb->run(peer, message, room);
	cJSON_Delete(message);
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
	PeerCall   *call;
	DbRequest  *request;

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
	call = memory_alloc(sizeof(PeerCall));
	peer_begin_call(peer, call);
	request = db_request(WHOAMI_SQL, on_whoami, call);
	db_act_as(request, claims->session);
	pool_submit(LANE_QUERY, request);
}

static void
on_whoami(void *arg, DbOutcome outcome, const PGresult *result)
{
	PeerCall   *call = arg;
	Peer	   *peer = peer_end_call(call);
	Problem		problem;

	free(call);
	if (peer == NULL)
		return;
	if (outcome == DB_DONE && PQntuples(result) == 1)
	{
		become_ready(peer, PQgetvalue(result, 0, 0));
		return;
	}
	problem = errors_from_result(outcome == DB_REFUSED ? result : NULL);
	if (problem.code == ERROR_SESSION_ENDED)
		peer_end(peer, CLOSE_SESSION_ENDED, "the session is over", false);
	else
		peer_end(peer, CLOSE_DRAINING, "retry after 1000", false);
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
				(long long) who.device, (long long) database_stream(), SENDS_MAX_BODY, WS_MAX_FRAME, MAX_BEHIND);
	peer_say(peer, frame_end(&text));
	if (peer->only_room != 0)
		begin_watch(peer, peer->only_room, peer->after, peer->stream);
}

/* --- watching a room -------------------------------------------------------------------------------------------- */

static void
subscribe(Peer *peer, const cJSON *message, const char *room)
{
	const cJSON *after = json_get(message, "after");
	const cJSON *stream = json_get(message, "stream");
	Problem		problem = PROBLEM(ERROR_RATE_LIMITED, "at most 1000 rooms on one socket");
	int64_t		from = -1;
	int64_t		of = -1;

	if ((after != NULL && !json_to_number(after, JSON_MAX_NUMBER, &from))
		|| (stream != NULL && !json_to_number(stream, JSON_MAX_NUMBER, &of)))
		say_invalid(peer, "after and stream are numbers", "subscribe", room, NULL);
	else if (peer->subscriptions.count >= MAX_WATCHES)
		say_error(peer, &problem, "subscribe", room, NULL);
	else
		begin_watch(peer, params_id(room), from, of);
}

/* A second subscription takes the place of the first. */
static void
begin_watch(Peer *peer, int64_t room, int64_t after, int64_t stream)
{
	Watch	   *watch = table_get(&peer->subscriptions, room);

	if (watch != NULL)
		end_watch(watch);
	watch = memory_alloc(sizeof(Watch));
	watch->peer = peer;
	watch->after = after;
	watch->stream = stream;
	table_put(&peer->subscriptions, room, watch);
	hub_attach(&watch->sub, room, peer->who.user);
}

/* The one way a Watch ends. */
static void
end_watch(Watch *watch)
{
	table_remove(&watch->peer->subscriptions, watch->sub.room_id);
	hub_detach(&watch->sub);
	if (watch->call != NULL)
		db_forget(watch->call);
	free(watch);
}

/* The room is loaded: may this user read it, and from where? */
static void
check_cursor(Subscription *subscription)
{
	Watch	   *watch = (Watch *) subscription;
	DbRequest  *request = db_request(CURSOR_SQL, on_cursor, watch);

	if (watch->call != NULL)
		db_forget(watch->call);
	/* the log has become another one: where it stood then, by the stream that it was told */
	if (subscription->restarted_at > 0)
		watch->after = subscription->restarted_at - 1;
	db_act_as(request, watch->peer->who.session);
	db_number(request, subscription->room_id);
	if (watch->after >= 0)
		db_number(request, watch->after);
	else
		db_null(request);
	if (watch->stream >= 0)
		db_number(request, watch->stream);
	else
		db_null(request);
	db_number(request, MAX_BEHIND);
	watch->call = request;
	pool_submit(LANE_QUERY, request);
}

static void
on_cursor(void *arg, DbOutcome outcome, const PGresult *result)
{
	Watch	   *watch = arg;
	Problem		problem;

	watch->call = NULL;
	if (outcome != DB_DONE)
	{
		problem = errors_from_result(outcome == DB_REFUSED ? result : NULL);
		refuse_watch(watch, &problem);
		return;
	}
	watch->head = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
	watch->stream = strtoll(PQgetvalue(result, 0, 1), NULL, 10);
	watch->epoch = strtoll(PQgetvalue(result, 0, 2), NULL, 10);
	watch->epoch_open = PQgetvalue(result, 0, 3)[0] == 't';
	watch->reset = PQgetvalue(result, 0, 4)[0] == 't';
	hub_start(&watch->sub, watch->reset || watch->after < 0 ? watch->head + 1 : watch->after + 1, watch->head);
}

static void
refuse_watch(Watch *watch, const Problem *problem)
{
	Peer	   *peer = watch->peer;
	char		room[24];

	snprintf(room, sizeof(room), "%lld", (long long) watch->sub.room_id);
	say_error(peer, problem, "subscribe", room, NULL);
	end_watch(watch);
	if (problem->code == ERROR_SESSION_ENDED)
		peer_end(peer, CLOSE_SESSION_ENDED, "the session is over", true);
	else if (peer->only_room != 0 && problem->code == ERROR_BUSY)
		peer_end(peer, CLOSE_DRAINING, "retry after 1000", true);
	else if (peer->only_room != 0)
		peer_end(peer, CLOSE_REMOVED, "not a member of this room", true);
}

static void
announce(Subscription *subscription)
{
	Watch	   *watch = (Watch *) subscription;
	Text		text;

	frame_begin(&text);
	text_format(&text, "{\"type\":\"%s\",\"room\":\"%lld\",\"head\":%lld,\"stream\":%lld,\"epoch\":%lld,\"epoch_open\":%s",
				watch->reset ? "reset" : "subscribed", (long long) subscription->room_id, (long long) watch->head,
				(long long) watch->stream, (long long) watch->epoch, watch->epoch_open ? "true" : "false");
	text_add(&text, ",\"online\":");
	hub_write_online(subscription->room_id, &text);
	text_add(&text, "}");
	peer_say(watch->peer, frame_end(&text));
}

static void
read_page(Subscription *subscription, int64_t after, int max)
{
	Watch	   *watch = (Watch *) subscription;

	watch->call = relay_page_request(subscription->room_id, after, max, on_page, watch);
	pool_submit(LANE_QUERY, watch->call);
}

static void
on_page(void *arg, DbOutcome outcome, const PGresult *result)
{
	Watch	   *watch = arg;
	HubEvent   *events = NULL;
	int			count = 0;

	watch->call = NULL;
	if (outcome == DB_DONE)
		events = relay_take_rows(result, &count);
	hub_take_page(&watch->sub, outcome == DB_DONE, events, count);
	free(events);
}

static void
push(Subscription *subscription, Frame *frame)
{
	peer_push(((Watch *) subscription)->peer, frame);
}

static bool
has_room(Subscription *subscription)
{
	return peer_has_room(((Watch *) subscription)->peer);
}

/* The hub has detached it already. */
static void
on_watch_ended(Subscription *subscription, bool busy)
{
	Watch	   *watch = (Watch *) subscription;
	Peer	   *peer = watch->peer;
	Problem		problem = errors_busy();
	Text		text;

	if (busy)
	{
		refuse_watch(watch, &problem);
		return;
	}
	frame_begin(&text);
	text_format(&text, "{\"type\":\"unsubscribed\",\"room\":\"%lld\",\"code\":\"not_member\"}",
				(long long) subscription->room_id);
	peer_say(peer, frame_end(&text));
	end_watch(watch);
	if (peer->only_room != 0)
		peer_end(peer, CLOSE_REMOVED, "removed", true);
}

static void
unsubscribe(Peer *peer, const cJSON *message, const char *room)
{
	Watch	   *watch = table_get(&peer->subscriptions, params_id(room));
	Text		text;

	(void) message;
	if (watch != NULL)
		end_watch(watch);
	frame_begin(&text);
	text_add(&text, "{\"type\":\"unsubscribed\",\"room\":");
	text_json(&text, room);
	text_add(&text, "}");
	peer_say(peer, frame_end(&text));
}

static void
on_drained(Peer *peer)
{
	size_t		at = 0;
	int			count = 0;
	int64_t    *ids = memory_alloc((peer->subscriptions.count + 1) * sizeof(int64_t));
	TableSlot  *slot;

	/* by id, for resuming one may end it */
	while ((slot = table_next(&peer->subscriptions, &at)) != NULL)
		ids[count++] = slot->key;
	for (int i = 0; i < count; i++)
	{
		Watch	   *watch = table_get(&peer->subscriptions, ids[i]);

		if (watch != NULL)
			hub_resume(&watch->sub);
	}
	free(ids);
}

static void
on_ended(Peer *peer)
{
	size_t		at;
	TableSlot  *slot;

	while (at = 0, (slot = table_next(&peer->subscriptions, &at)) != NULL)
		end_watch(slot->value);
}

/* --- what it says in a room --------------------------------------------------------------------------------------- */

static void
send_event(Peer *peer, const cJSON *message, const char *room)
{
	Problem		problem;
	WsSend	   *ws = (WsSend *) sends_read(message, sizeof(WsSend), &problem);

	if (ws == NULL)
	{
		say_error(peer, &problem, "send", room, json_string(message, "client_id"));
		return;
	}
	ws->send.room = params_id(room);
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
		sends_write_uuid(&uuid, send->client_id);
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
	Watch	   *watch = table_get(&peer->subscriptions, params_id(room));
	Problem		problem = PROBLEM(ERROR_NOT_MEMBER, "subscribe to the room first");
	Text		text;

	(void) message;
	if (watch == NULL || !watch->sub.announced)
		say_error(peer, &problem, "typing", room, NULL);
	else if (watch->typed_at == 0 || loop_now() - watch->typed_at >= TYPING_EVERY_MS)
	{
		watch->typed_at = loop_now();
		frame_begin(&text);
		text_format(&text, "{\"type\":\"typing\",\"room\":\"%lld\",\"user\":\"%lld\"}",
					(long long) watch->sub.room_id, (long long) peer->who.user);
		hub_say(watch->sub.room_id, frame_end(&text), peer->who.user);
	}
}

static void
say_presence(int64_t room, int64_t user, bool online)
{
	Text		text;

	frame_begin(&text);
	text_format(&text, "{\"type\":\"presence\",\"room\":\"%lld\",\"user\":\"%lld\",\"online\":%s}",
				(long long) room, (long long) user, online ? "true" : "false");
	hub_say(room, frame_end(&text), user);
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
