/*
 * watch.c - see watch.h.
 *
 * A Watch is admitted (on_admitted), waits until the hub has the room (on_attached), is announced
 * when everything missed was sent, and ends in watch_end().
 */
#include "watch.h"
#include "database.h"
#include "fanout.h"
#include "gather.h"
#include "metrics.h"
#include "pgvalue.h"
#include "pool.h"
#include "presence.h"
#include "reads.h"

#include <stdio.h>
#include <stdlib.h>

#define TEXT_OF(number) #number
#define ADMIT_SQL(behind) \
	"SELECT a.condition, a.head, a.stream, a.epoch, a.epoch_open, a.reset, a.erasures " \
	"FROM porcupine.admit_many($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], " TEXT_OF(behind) ") a ORDER BY a.item"

/* A question about a cursor, or a page on its way. */
typedef struct WatchCall
{
	Question	question;
	PeerCall	call;
	Watch	   *watch;			/* NULL: it has gone, or asked something else */
	DbRequest  *page;			/* NULL: it is a question */
} WatchCall;

static void on_attached(Subscription *subscription);
static void ask(Watch *watch);
static WatchCall *begin_call(Watch *watch);
static Watch *end_call(WatchCall *call);
static void forget_call(Watch *watch);
static void on_admitted(Question *question, DbOutcome outcome, const PGresult *result, int row);
static void start(Watch *watch);
static void refuse(Watch *watch, const Problem *problem);
static void announce(Subscription *subscription);
static void read_page(Subscription *subscription, int64_t after, int max);
static void on_page(void *arg, DbOutcome outcome, const PGresult *result);
static void push(Subscription *subscription, Frame *frame);
static bool has_room(Subscription *subscription);
static void missed(Subscription *subscription, const Frame *frame);
static void on_ended(Subscription *subscription, bool busy);
static void on_closed(int64_t room);

static const HubOps hub_ops = {
	.read_room = reads_room,
	.wait = reads_wait,
	.read_page = read_page,
	.attached = on_attached,
	.announce = announce,
	.push = push,
	.has_room = has_room,
	.missed = missed,
	.ended = on_ended,
	.opened = fanout_watch,
	.closed = on_closed,
	.presence = presence_here,
};

static Gatherer admissions = {.sql = ADMIT_SQL(WATCH_MAX_BEHIND), .n_numbers = 4};

void
watch_open(void)
{
	hub_set_ops(&hub_ops);
}

/*
 * A second subscription takes the place of the first. A room that nobody watches yet is loaded only
 * for somebody who may read it, so the question comes first.
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
	ask(watch);
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

static void
ask(Watch *watch)
{
	WatchCall  *call = begin_call(watch);

	call->question.done = on_admitted;
	call->question.numbers[0] = watch->peer->who.session;
	call->question.numbers[1] = watch->sub.room_id;
	call->question.numbers[2] = watch->after;
	call->question.numbers[3] = watch->stream;
	gather_ask(&admissions, &call->question);
}

/* Counted among the peer's calls until it is answered, even when the Watch has gone meanwhile. */
static WatchCall *
begin_call(Watch *watch)
{
	WatchCall  *call = memory_alloc(sizeof(WatchCall));

	forget_call(watch);
	call->watch = watch;
	watch->call = call;
	peer_begin_call(watch->peer, &call->call);
	return call;
}

/* The Watch that is still interested, or NULL. */
static Watch *
end_call(WatchCall *call)
{
	Watch	   *watch = call->watch;

	(void) peer_end_call(&call->call);
	if (watch != NULL)
		watch->call = NULL;
	free(call);
	return watch;
}

static void
forget_call(Watch *watch)
{
	if (watch->call == NULL)
		return;
	watch->call->watch = NULL;
	if (watch->call->page != NULL)
		db_give_up(watch->call->page);
	watch->call = NULL;
}

static void
on_admitted(Question *question, DbOutcome outcome, const PGresult *result, int row)
{
	Watch	   *watch = end_call((WatchCall *) question);
	Problem		problem;

	if (watch == NULL)
		return;
	if (outcome != DB_DONE || !PQgetisnull(result, row, 0))
	{
		if (outcome == DB_DONE)
			problem = PROBLEM(errors_by_name(PQgetvalue(result, row, 0)), NULL);
		else
			problem = errors_from_result(outcome == DB_REFUSED ? result : NULL);
		refuse(watch, &problem);
		return;
	}
	watch->head = pgvalue_int64(result, row, 1);
	watch->stream = pgvalue_int64(result, row, 2);
	watch->epoch = pgvalue_int32(result, row, 3);
	watch->epoch_open = pgvalue_bool(result, row, 4);
	/* one that could not be told before the room was loaded anew still has to be */
	watch->reset = watch->reset || pgvalue_bool(result, row, 5);
	if (watch->reset)
		metrics_add(METRIC_RESETS, 1);
	watch->erasures = pgvalue_int64(result, row, 6);
	watch->admitted = true;
	if (watch->sub.room != NULL)
		start(watch);
	else
		hub_attach(&watch->sub, watch->sub.room_id, watch->peer->who.user, watch->erasures);
}

/*
 * The room is loaded. The answer from before still holds: it is as of head, and a removal since then
 * is an event above it, by which the hub ends the subscription. It does not hold for the log of
 * another stream.
 */
static void
on_attached(Subscription *subscription)
{
	Watch	   *watch = (Watch *) subscription;

	if (watch->admitted && watch->stream == database_stream())
	{
		start(watch);
		return;
	}
	/* the log has become another one: where it stood then, by the stream that it was told */
	if (subscription->restarted_at > 0)
		watch->after = subscription->restarted_at - 1;
	ask(watch);
}

static void
start(Watch *watch)
{
	int64_t		next = watch->reset || watch->after < 0 ? watch->head + 1 : watch->after + 1;

	watch->admitted = false;
	/* after and stream stay a pair: an old seq must never be taken for one of the new stream */
	watch->after = next - 1;
	hub_start(&watch->sub, next, watch->head, watch->erasures);
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
	watch->reset = false;
	peer_say(watch->peer, frame_end(&text));
}

static void
read_page(Subscription *subscription, int64_t after, int max)
{
	WatchCall  *call = begin_call((Watch *) subscription);

	call->page = reads_page_request(subscription->room_id, after, max, on_page, call);
	pool_submit(LANE_QUERY, call->page);
}

static void
on_page(void *arg, DbOutcome outcome, const PGresult *result)
{
	Watch	   *watch = end_call(arg);
	HubEvent   *events = NULL;
	int			count = 0;

	if (watch == NULL)
		return;
	if (outcome == DB_DONE)
		events = reads_take_rows(result, &count);
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

static void
missed(Subscription *subscription, const Frame *frame)
{
	peer_miss(((Watch *) subscription)->peer, frame);
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
