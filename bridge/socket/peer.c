/*
 * peer.c - see peer.h. It owns all peers and their queues.
 *
 * A peer may be ended in the middle of a loop over a room's subscriptions only by deferring: so
 * peer_push() marks one that does not read and cuts it before the loop sleeps.
 */
#include "peer.h"
#include "log.h"
#include "memory.h"
#include "metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AUTH_DEADLINE_MS 5000

static const PeerTransport *transport;
static const PeerEvents *events;
static Peer *first;
static int	count;
static int	most_calls = PEER_MAX_CALLS;
static Table by_user;
static Table by_session;

static void on_deadline(void *arg);
static void stop_deadline(Peer *peer);
static void on_drained(void *arg);
static void cut_slow(void *arg);
static void drop_queue(Peer *peer);
static void forget_identity(Peer *peer);
static void set_paused(Peer *peer);

void
peer_set_transport(const PeerTransport *given)
{
	transport = given;
}

void
peer_set_events(const PeerEvents *given)
{
	events = given;
}

/* --- its life ---------------------------------------------------------------------------------- */

Peer *
peer_open(void *socket, int64_t only_room, int64_t after, int64_t stream)
{
	Peer	   *peer = memory_alloc(sizeof(Peer));

	peer->socket = socket;
	peer->only_room = only_room;
	peer->after = after;
	peer->stream = stream;
	peer->next = first;
	if (first != NULL)
		first->previous = peer;
	first = peer;
	count++;
	metrics_add(METRIC_SOCKETS_OPENED, 1);
	peer->deadline = timer_make();
	timer_start(peer->deadline, on_deadline, peer, AUTH_DEADLINE_MS, 0);
	return peer;
}

void
peer_text(Peer *peer, const char *bytes, size_t length)
{
	if (peer->state != PEER_ENDING && !peer->cut.queued)
		events->text(peer, bytes, length);
}

void
peer_identify(Peer *peer, const JwtClaims *who)
{
	Peer	   *user = table_get(&by_user, who->user);
	Peer	   *session = table_get(&by_session, who->session);

	stop_deadline(peer);
	peer->who = *who;
	peer->state = PEER_READY;
	peer->next_of_user = user;
	if (user != NULL)
		user->previous_of_user = peer;
	table_put(&by_user, who->user, peer);
	peer->next_of_session = session;
	if (session != NULL)
		session->previous_of_session = peer;
	table_put(&by_session, who->session, peer);
	if (session == NULL)
		events->session(who->session);
}

void
peer_end(Peer *peer, CloseCode code, const char *reason, bool after_queue)
{
	if (peer->state == PEER_ENDING)
		return;
	metrics_add_code(METRIC_SOCKETS_CLOSED, (int) code);
	log_write(LOG_DEBUG, "socket ends", LOG_NUMBER("code", code), LOG_TEXT("reason", reason));
	auth_forget(&peer->auth);
	stop_deadline(peer);
	if (peer->state == PEER_READY)
		forget_identity(peer);
	peer->state = PEER_ENDING;
	peer->close_code = code;
	snprintf(peer->close_reason, sizeof(peer->close_reason), "%s", reason);
	events->ended(peer);
	table_free(&peer->subscriptions);
	for (PeerCall *call = peer->calls, *next; call != NULL; call = next)
	{
		next = call->next;
		call->peer = NULL;
		call->next = call->previous = NULL;
	}
	peer->calls = NULL;
	if (!after_queue)
		drop_queue(peer);
	if (peer->socket != NULL)
	{
		transport->expire(peer->socket);
		transport->want_write(peer->socket);
	}
}

void
peer_closed(Peer *peer)
{
	peer->socket = NULL;
	peer_end(peer, CLOSE_NONE, "closed by the other side", false);
	drop_queue(peer);
	if (peer->cut.queued)
		loop_undefer(&peer->cut);
	if (peer->drain.queued)
		loop_undefer(&peer->drain);
	if (peer->previous != NULL)
		peer->previous->next = peer->next;
	else
		first = peer->next;
	if (peer->next != NULL)
		peer->next->previous = peer->previous;
	count--;
	free(peer->queue);
	free(peer);
}

static void
on_deadline(void *arg)
{
	Peer	   *peer = arg;

	if (peer->state == PEER_NEW)
		peer_end(peer, CLOSE_UNAUTHENTICATED, "no auth within 5 seconds", false);
}

static void
stop_deadline(Peer *peer)
{
	if (peer->deadline == NULL)
		return;
	timer_free(peer->deadline);
	peer->deadline = NULL;
}

static void
forget_identity(Peer *peer)
{
	if (peer->next_of_user != NULL)
		peer->next_of_user->previous_of_user = peer->previous_of_user;
	if (peer->previous_of_user != NULL)
		peer->previous_of_user->next_of_user = peer->next_of_user;
	else if (peer->next_of_user != NULL)
		table_put(&by_user, peer->who.user, peer->next_of_user);
	else
		table_remove(&by_user, peer->who.user);
	if (peer->next_of_session != NULL)
		peer->next_of_session->previous_of_session = peer->previous_of_session;
	if (peer->previous_of_session != NULL)
		peer->previous_of_session->next_of_session = peer->next_of_session;
	else if (peer->next_of_session != NULL)
		table_put(&by_session, peer->who.session, peer->next_of_session);
	else
	{
		table_remove(&by_session, peer->who.session);
		events->session(peer->who.session);
	}
}

/* --- what is written to it ------------------------------------------------------------------------ */

void
peer_push(Peer *peer, Frame *frame)
{
	if (peer->state == PEER_ENDING || peer->cut.queued)
		return;
	if (peer->queued + frame->wire_length > PEER_MAX_QUEUED)
	{
		loop_defer(LOOP_SUBMIT, &peer->cut, cut_slow, peer);
		return;
	}
	if (peer->queue_count == peer->queue_size)
	{
		int			size = peer->queue_size == 0 ? 8 : peer->queue_size * 2;
		Frame	  **bigger = memory_alloc((size_t) size * sizeof(Frame *));

		for (int i = 0; i < peer->queue_count; i++)
			bigger[i] = peer->queue[(peer->queue_begin + i) % peer->queue_size];
		free(peer->queue);
		peer->queue = bigger;
		peer->queue_size = size;
		peer->queue_begin = 0;
	}
	peer->queue[(peer->queue_begin + peer->queue_count) % peer->queue_size] = frame_keep(frame);
	peer->queued += frame->wire_length;
	metrics_add(METRIC_FRAMES_QUEUED, 1);
	if (peer->queue_count++ == 0)
		transport->want_write(peer->socket);
}

void
peer_say(Peer *peer, Frame *frame)
{
	peer_push(peer, frame);
	frame_release(frame);
}

bool
peer_has_room(Peer *peer)
{
	/* a burst is no sign of slowness, as long as the socket takes it */
	if (peer->queued >= PEER_FULL && !peer->full && peer->state != PEER_ENDING)
		transport->write_now(peer->socket);
	if (peer->queued >= PEER_FULL && !peer->full)
	{
		peer->full = true;
		peer->full_at = loop_now();
		peer->behind = 0;
	}
	return !peer->full;
}

void
peer_miss(Peer *peer, const Frame *frame)
{
	if (!peer->full || peer->state == PEER_ENDING)
		return;
	peer->behind += frame->wire_length;
	if (peer->behind > PEER_MAX_BEHIND)
		loop_defer(LOOP_SUBMIT, &peer->cut, cut_slow, peer);
}

void
peer_cut_stuck(void)
{
	for (Peer *peer = first; peer != NULL; peer = peer->next)
	{
		if (peer->full && loop_now() - peer->full_at > PEER_STUCK_MS)
			peer_end(peer, CLOSE_SLOW, "slow", false);
	}
}

Frame *
peer_next_frame(const Peer *peer)
{
	return peer->queue_count > 0 ? peer->queue[peer->queue_begin] : NULL;
}

Frame *
peer_frame_after_next(const Peer *peer)
{
	return peer->queue_count > 1 ? peer->queue[(peer->queue_begin + 1) % peer->queue_size] : NULL;
}

void
peer_written(Peer *peer)
{
	Frame	   *frame = peer->queue[peer->queue_begin];

	peer->queue_begin = (peer->queue_begin + 1) % peer->queue_size;
	peer->queue_count--;
	peer->queued -= frame->wire_length;
	metrics_add(METRIC_SOCKET_FRAMES, 1);
	frame_release(frame);
	if (peer->full && peer->queued < PEER_FULL / 2 && peer->state == PEER_READY)
	{
		peer->full = false;
		loop_defer(LOOP_SUBMIT, &peer->drain, on_drained, peer);
	}
}

/* Not while it is being written to, for it is written to in turn. */
static void
on_drained(void *arg)
{
	Peer	   *peer = arg;

	if (peer->state == PEER_READY)
		events->drained(peer);
}

static void
cut_slow(void *arg)
{
	peer_end(arg, CLOSE_SLOW, "slow", false);
}

static void
drop_queue(Peer *peer)
{
	for (; peer->queue_count > 0; peer->queue_count--)
	{
		frame_release(peer->queue[peer->queue_begin]);
		peer->queue_begin = (peer->queue_begin + 1) % peer->queue_size;
	}
	peer->queued = 0;
}

/* --- what it has asked for ---------------------------------------------------------------------------- */

void
peer_limit_calls(int most)
{
	most_calls = most;
}

void
peer_begin_call(Peer *peer, PeerCall *call)
{
	*call = (PeerCall) {.peer = peer, .next = peer->calls};
	if (peer->calls != NULL)
		peer->calls->previous = call;
	peer->calls = call;
	peer->n_calls++;
	set_paused(peer);
}

Peer *
peer_end_call(PeerCall *call)
{
	Peer	   *peer = call->peer;

	if (peer == NULL)
		return NULL;
	if (call->previous != NULL)
		call->previous->next = call->next;
	else
		peer->calls = call->next;
	if (call->next != NULL)
		call->next->previous = call->previous;
	peer->n_calls--;
	set_paused(peer);
	return peer;
}

/* Whoever asks faster than the database answers is not read from meanwhile. */
static void
set_paused(Peer *peer)
{
	bool		paused = peer->n_calls >= (peer->paused ? (most_calls + 1) / 2 : most_calls);

	if (paused == peer->paused)
		return;
	peer->paused = paused;
	transport->pause(peer->socket, paused);
}

/* --- finding them ---------------------------------------------------------------------------------------- */

Peer *
peer_first(void)
{
	return first;
}

int
peer_count(void)
{
	return count;
}

Peer *
peer_first_of_user(int64_t user)
{
	return table_get(&by_user, user);
}

Peer *
peer_first_of_session(int64_t session)
{
	return table_get(&by_session, session);
}

int64_t *
peer_sessions(int *n)
{
	int64_t    *ids = memory_alloc((by_session.count + 1) * sizeof(int64_t));
	size_t		at = 0;
	TableSlot  *slot;

	*n = 0;
	while ((slot = table_next(&by_session, &at)) != NULL)
		ids[(*n)++] = slot->key;
	return ids;
}
