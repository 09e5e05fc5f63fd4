/*
 * watch.c - see watch.h.
 *
 * A Watch is admitted (on_admitted), waits until the hub has the room, has its cursor checked
 * (on_cursor), is announced when everything missed was sent, and ends in watch_end().
 */
#include "watch.h"
#include "fanout.h"
#include "metrics.h"
#include "pool.h"
#include "presence.h"
#include "relay.h"

#include <stdio.h>
#include <stdlib.h>

#define CURSOR_SQL \
	"SELECT c.head, c.current_stream, c.epoch, c.epoch_open, c.reset " \
	"FROM porcupine.cursor_state($1::bigint, $2::bigint, $3::bigint, $4::int) c"

typedef void (*WatchAnswer) (Watch *watch, DbOutcome outcome, const PGresult *result);

typedef struct WatchCall
{
	PeerCall	call;
	Watch	   *watch;			/* NULL: it has gone, or asked something else */
	DbRequest  *request;
	WatchAnswer answer;
} WatchCall;

static void check_cursor(Subscription *subscription);
static void on_cursor(Watch *watch, DbOutcome outcome, const PGresult *result);
static void ask(Watch *watch, DbRequest *request, WatchCall *call, WatchAnswer answer);
static void ask_cursor(Watch *watch, WatchAnswer answer);
static void on_answer(void *arg, DbOutcome outcome, const PGresult *result);
static void forget_call(Watch *watch);
static void on_admitted(Watch *watch, DbOutcome outcome, const PGresult *result);
static void refuse(Watch *watch, const Problem *problem);
static void announce(Subscription *subscription);
static void read_page(Subscription *subscription, int64_t after, int max);
static void on_page(Watch *watch, DbOutcome outcome, const PGresult *result);
static void push(Subscription *subscription, Frame *frame);
static bool has_room(Subscription *subscription);
static void on_ended(Subscription *subscription, bool busy);
static void on_closed(int64_t room);

static const HubOps hub_ops = {
	.read_room = relay_read_room,
	.read_page = read_page,
	.attached = check_cursor,
	.announce = announce,
	.push = push,
	.has_room = has_room,
	.ended = on_ended,
	.opened = fanout_watch,
	.closed = on_closed,
	.presence = presence_here,
};

void
watch_open(void)
{
	hub_set_ops(&hub_ops);
}

/*
 * A second subscription takes the place of the first. A room that nobody watches yet is loaded only
 * for somebody who may read it, so the question comes before the load, and again after it, because
 * only then it is known from which seq on the answer holds.
 */
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
	watch->sub.room_id = room;
	table_put(&peer->subscriptions, room, watch);
	if (hub_head(room) > 0)
		hub_attach(&watch->sub, room, peer->who.user);
	else
		ask_cursor(watch, on_admitted);
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
	forget_call(watch);
	free(watch);
}

/* --- asking the database ---------------------------------------------------------------------- */

/* Counted among the peer's calls until it is answered, even when the Watch has gone meanwhile. */
static void
ask(Watch *watch, DbRequest *request, WatchCall *call, WatchAnswer answer)
{
	forget_call(watch);
	call->watch = watch;
	call->request = request;
	call->answer = answer;
	watch->call = call;
	peer_begin_call(watch->peer, &call->call);
	pool_submit(LANE_QUERY, request);
}

static void
on_answer(void *arg, DbOutcome outcome, const PGresult *result)
{
	WatchCall  *call = arg;
	Watch	   *watch = call->watch;

	(void) peer_end_call(&call->call);
	if (watch != NULL)
	{
		watch->call = NULL;
		call->answer(watch, outcome, result);
	}
	free(call);
}

static void
forget_call(Watch *watch)
{
	if (watch->call == NULL)
		return;
	watch->call->watch = NULL;
	db_give_up(watch->call->request);
	watch->call = NULL;
}

static void
ask_cursor(Watch *watch, WatchAnswer answer)
{
	WatchCall  *call = memory_alloc(sizeof(WatchCall));
	DbRequest  *request = db_request(CURSOR_SQL, on_answer, call);

	db_act_as(request, watch->peer->who.session);
	db_number(request, watch->sub.room_id);
	if (watch->after >= 0)
		db_number(request, watch->after);
	else
		db_null(request);
	if (watch->stream >= 0)
		db_number(request, watch->stream);
	else
		db_null(request);
	db_number(request, WATCH_MAX_BEHIND);
	ask(watch, request, call, answer);
}

static void
on_admitted(Watch *watch, DbOutcome outcome, const PGresult *result)
{
	Problem		problem;

	if (outcome == DB_DONE)
	{
		hub_attach(&watch->sub, watch->sub.room_id, watch->peer->who.user);
		return;
	}
	problem = errors_from_result(outcome == DB_REFUSED ? result : NULL);
	refuse(watch, &problem);
}

/* The room is loaded: may this user read it, and from where? */
static void
check_cursor(Subscription *subscription)
{
	Watch	   *watch = (Watch *) subscription;

	/* the log has become another one: where it stood then, by the stream that it was told */
	if (subscription->restarted_at > 0)
		watch->after = subscription->restarted_at - 1;
	ask_cursor(watch, on_cursor);
}

static void
on_cursor(Watch *watch, DbOutcome outcome, const PGresult *result)
{
	Problem		problem;
	int64_t		next;

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
	if (watch->reset)
		metrics_add(METRIC_RESETS, 1);
	next = watch->reset || watch->after < 0 ? watch->head + 1 : watch->after + 1;
	/* after and stream stay a pair: an old seq must never be taken for one of the new stream */
	watch->after = next - 1;
	hub_start(&watch->sub, next, watch->head);
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
	presence_write(subscription->room_id, &text);
	text_add(&text, "}");
	peer_say(watch->peer, frame_end(&text));
}

static void
read_page(Subscription *subscription, int64_t after, int max)
{
	Watch	   *watch = (Watch *) subscription;
	WatchCall  *call = memory_alloc(sizeof(WatchCall));

	ask(watch, relay_page_request(subscription->room_id, after, max, on_answer, call), call, on_page);
}

static void
on_page(Watch *watch, DbOutcome outcome, const PGresult *result)
{
	HubEvent   *events = NULL;
	int			count = 0;

	if (outcome == DB_DONE)
		events = relay_take_rows(result, &count);
	else if (outcome == DB_REFUSED)
		(void) errors_from_result(result);	/* logs it */
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

		if (watch != NULL && watch->sub.room != NULL)
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
on_closed(int64_t room)
{
	fanout_unwatch(room);
	presence_forget(room);
}
