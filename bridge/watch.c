/*
 * watch.c - see watch.h.
 *
 * A Watch begins when the hub has the room (check_cursor), is announced when everything missed was
 * sent, and ends in watch_end().
 */
#include "watch.h"
#include "pool.h"
#include "relay.h"

#include <stdio.h>
#include <stdlib.h>

#define CURSOR_SQL \
	"SELECT c.head, c.current_stream, c.epoch, c.epoch_open, c.reset " \
	"FROM porcupine.cursor_state($1::bigint, $2::bigint, $3::bigint, $4::int) c"

static void check_cursor(Subscription *subscription);
static void on_cursor(void *arg, DbOutcome outcome, const PGresult *result);
static void refuse(Watch *watch, const Problem *problem);
static void announce(Subscription *subscription);
static void read_page(Subscription *subscription, int64_t after, int max);
static void on_page(void *arg, DbOutcome outcome, const PGresult *result);
static void push(Subscription *subscription, Frame *frame);
static bool has_room(Subscription *subscription);
static void on_ended(Subscription *subscription, bool busy);
static void say_presence(int64_t room, int64_t user, bool online);

static const HubOps hub_ops = {
	.read_room = relay_read_room,
	.read_page = read_page,
	.attached = check_cursor,
	.announce = announce,
	.push = push,
	.has_room = has_room,
	.ended = on_ended,
	.presence = say_presence,
};

void
watch_open(void)
{
	hub_set_ops(&hub_ops);
}

/* A second subscription takes the place of the first. */
void
watch_begin(Peer *peer, int64_t room, int64_t after, int64_t stream)
{
	Watch	   *watch = watch_find(peer, room);

	if (watch != NULL)
		watch_end(watch);
	watch = memory_alloc(sizeof(Watch));
	watch->peer = peer;
	watch->after = after;
	watch->stream = stream;
	table_put(&peer->subscriptions, room, watch);
	hub_attach(&watch->sub, room, peer->who.user);
}

Watch *
watch_find(const Peer *peer, int64_t room)
{
	return table_get(&peer->subscriptions, room);
}

/* The one way a Watch ends. */
void
watch_end(Watch *watch)
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
	db_number(request, WATCH_MAX_BEHIND);
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
		refuse(watch, &problem);
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
refuse(Watch *watch, const Problem *problem)
{
	Peer	   *peer = watch->peer;
	char		room[24];

	snprintf(room, sizeof(room), "%lld", (long long) watch->sub.room_id);
	peer_say(peer, frame_from_problem(problem, "subscribe", room, NULL));
	watch_end(watch);
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
on_ended(Subscription *subscription, bool busy)
{
	Watch	   *watch = (Watch *) subscription;
	Peer	   *peer = watch->peer;
	Problem		problem = errors_busy();
	Text		text;

	if (busy)
	{
		refuse(watch, &problem);
		return;
	}
	frame_begin(&text);
	text_format(&text, "{\"type\":\"unsubscribed\",\"room\":\"%lld\",\"code\":\"not_member\"}",
				(long long) subscription->room_id);
	peer_say(peer, frame_end(&text));
	watch_end(watch);
	if (peer->only_room != 0)
		peer_end(peer, CLOSE_REMOVED, "removed", true);
}

void
watch_resume(Peer *peer)
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

void
watch_end_all(Peer *peer)
{
	size_t		at;
	TableSlot  *slot;

	while (at = 0, (slot = table_next(&peer->subscriptions, &at)) != NULL)
		watch_end(slot->value);
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
