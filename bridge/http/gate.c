/*
 * gate.c - see gate.h. It owns an epoll set of its own, of the connections that wait for a request:
 * libuv watches a socket for one owner only, and that is libwebsockets. Edges, not levels: a head of
 * which a part has come is looked at again when there is more of it.
 */
#include "gate.h"
#include "httphead.h"
#include "log.h"
#include "loop.h"
#include "memory.h"
#include "refusal.h"
#include "table.h"
#include "taken.h"
#include "writable.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_A_TURN 64
#define HEAD_PATIENCE_S 15		/* from its first byte to its last */
#define ANSWER_PATIENCE_S 30	/* from one piece to the next */
#define LINGER_S 2
#define READ_OFF_AT_ONCE (64 * 1024)
#define READS_OFF_A_TURN 32

typedef struct Gate
{
	struct lws *wsi;
	int			fd;
	bool		is_shut;		/* a request is awaited; libwebsockets does not read */
	uint32_t	edges;			/* that came while it was open */
	bool		has_begun;		/* something of a head is there */
	uint64_t	end;			/* of the request that was let in, in bytes of the connection */
	Deferred	next;
	bool		is_ending;		/* this is the last that the client hears: */
	Text		head;
	const char *content;		/* and behind it this, which is somebody else's */
	size_t		content_length;
	size_t		said;			/* of both */
	bool		has_shut;
} Gate;

static Table gates;				/* by the connection's address */
static int	watched = -1;
static SocketWatch *watch;

static void shut(Gate *gate);
static void shut_behind(void *arg);
static void on_edges(void *arg, int status, int events);
static void look(Gate *gate, uint32_t events);
static void watch_for(Gate *gate, int how, uint32_t events);
static void await_more(Gate *gate, bool has_ended);
static void let_in(Gate *gate, const HttpHead *head, bool has_ended);
static void refuse(Gate *gate, const HttpHead *head);
static bool say_some(Gate *gate);
static void say_on(Gate *gate, bool has_ended);
static void read_off(Gate *gate, bool has_ended);
static void hang_up(Gate *gate);

bool
gate_open(void)
{
	watched = epoll_create1(EPOLL_CLOEXEC);
	if (watched >= 0)
		loop_watch(&watch, watched, UV_READABLE, on_edges, NULL);
	return watched >= 0;
}

void
gate_close(void)
{
	if (watched < 0)
		return;
	loop_unwatch(&watch);
	close(watched);
	watched = -1;
	table_free(&gates);
}

void
gate_await(struct lws *wsi)
{
	Gate	   *gate = memory_alloc(sizeof(Gate));

	*gate = (Gate) {.wsi = wsi, .fd = lws_get_socket_fd(wsi)};
	table_put(&gates, (intptr_t) wsi, gate);
	shut(gate);
	watch_for(gate, EPOLL_CTL_ADD, EPOLLIN);
}

void
gate_await_next(struct lws *wsi)
{
	Gate	   *gate = table_get(&gates, (intptr_t) wsi);

	if (gate != NULL)
		loop_defer(LOOP_WRITE, &gate->next, shut_behind, gate);
}

/*
 * Between two requests libwebsockets looks whether the connection can be written to, and as long as reading is held back it
 * goes on looking, without end. So that is done with first; it does not read in between.
 */
static void
shut_behind(void *arg)
{
	struct lws *wsi = ((Gate *) arg)->wsi;
	Gate	   *gate;

	writable_now(wsi);
	/* unless that has closed it */
	gate = table_get(&gates, (intptr_t) wsi);
	if (gate == NULL)
		return;
	shut(gate);
	if (gate->edges != 0)
		look(gate, gate->edges);
}

static void
shut(Gate *gate)
{
	lws_rx_flow_control(gate->wsi, 0);
	gate->is_shut = true;
	gate->has_begun = false;
}

/* Tells at once what is there already. */
static void
watch_for(Gate *gate, int how, uint32_t events)
{
	struct epoll_event event = {.events = events | EPOLLRDHUP | EPOLLET, .data.ptr = gate};

	if (epoll_ctl(watched, how, gate->fd, &event) != 0)
	{
		log_write(LOG_ERROR, "a connection cannot be watched");
		hang_up(gate);
	}
}

void
gate_forget(struct lws *wsi)
{
	Gate	   *gate = table_get(&gates, (intptr_t) wsi);

	if (gate == NULL)
		return;
	loop_undefer(&gate->next);
	/* one that is closed is not there any more */
	(void) epoll_ctl(watched, EPOLL_CTL_DEL, gate->fd, NULL);
	table_remove(&gates, (intptr_t) wsi);
	text_free(&gate->head);
	free(gate);
}

bool
gate_has_more(struct lws *wsi)
{
	Gate	   *gate = table_get(&gates, (intptr_t) wsi);

	return gate != NULL && received_bytes(gate->fd) > gate->end;
}

bool
gate_has_read_on(struct lws *wsi)
{
	Gate	   *gate = table_get(&gates, (intptr_t) wsi);

	return gate != NULL && taken_bytes(gate->fd) > gate->end;
}

void
gate_end(struct lws *wsi, Text *head, const char *content, size_t content_length)
{
	Gate	   *gate = table_get(&gates, (intptr_t) wsi);

	if (gate != NULL && !gate->is_ending)
	{
		gate->is_ending = true;
		gate->head = *head;
		gate->content = content;
		gate->content_length = content_length;
		lws_rx_flow_control(wsi, 0);
		lws_set_timeout(wsi, PENDING_TIMEOUT_USER_REASON_BASE, ANSWER_PATIENCE_S);
		watch_for(gate, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
	}
	else
		text_free(head);
	*head = (Text) {0};
}

/* --- what comes in --------------------------------------------------------------------------------------- */

static void
on_edges(void *arg, int status, int events)
{
	struct epoll_event edges[EVENTS_A_TURN];
	int			count = epoll_wait(watched, edges, EVENTS_A_TURN, 0);

	(void) arg;
	(void) status;
	(void) events;
	/* none of them is closed here, only asked to close later */
	for (int i = 0; i < count; i++)
		look(edges[i].data.ptr, edges[i].events);
}

static void
look(Gate *gate, uint32_t events)
{
	static char bytes[HTTPHEAD_MOST];
	bool		has_ended = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
	HttpHead	head;
	ssize_t		length;

	if (gate->is_ending)
	{
		say_on(gate, has_ended);
		return;
	}
	if (!gate->is_shut)
	{
		gate->edges |= events;
		return;
	}
	length = recv(gate->fd, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT);
	if (length < 0 && !has_ended)
		return;
	switch (httphead_read(bytes, length > 0 ? (size_t) length : 0, &head))
	{
		case HEAD_UNFINISHED:
			await_more(gate, has_ended || length == 0);
			break;
		case HEAD_WHOLE:
			let_in(gate, &head, has_ended);
			break;
		case HEAD_FAULTY:
			refuse(gate, &head);
			break;
	}
}

static void
await_more(Gate *gate, bool has_ended)
{
	if (has_ended)
		hang_up(gate);
	else if (!gate->has_begun)
		lws_set_timeout(gate->wsi, PENDING_TIMEOUT_USER_REASON_BASE, HEAD_PATIENCE_S);
	gate->has_begun = true;
}

static void
let_in(Gate *gate, const HttpHead *head, bool has_ended)
{
	/* the one before has been read to its end and no further; where this is the last one, nothing is read behind it */
	gate->end = has_ended ? 0 : gate->end + head->length + head->body;
	gate->is_shut = false;
	gate->edges = 0;
	lws_rx_flow_control(gate->wsi, 1);
}

static void
refuse(Gate *gate, const HttpHead *head)
{
	Problem		problem = PROBLEM(ERROR_INVALID, head->fault);
	Text		answer = {0};

	problem.status = head->status;
	refusal_add(&answer, &problem, "");
	gate_end(gate->wsi, &answer, NULL, 0);
}

/* --- what goes out last ---------------------------------------------------------------------------------- */

/* The client may still be sending: closing over unread bytes would reset the connection and lose the answer. */
static void
say_on(Gate *gate, bool has_ended)
{
	while (gate->said < gate->head.length + gate->content_length)
	{
		if (!say_some(gate))
			return;
	}
	if (!gate->has_shut)
	{
		gate->has_shut = true;
		lws_set_timeout(gate->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LINGER_S);
		shutdown(gate->fd, SHUT_WR);
	}
	read_off(gate, has_ended);
}

/* False: not now, or not any more. */
static bool
say_some(Gate *gate)
{
	bool		is_head = gate->said < gate->head.length;
	const char *from = is_head ? gate->head.bytes + gate->said : gate->content + (gate->said - gate->head.length);
	size_t		left = gate->head.length + (is_head ? 0 : gate->content_length) - gate->said;
	int			flags = MSG_DONTWAIT | MSG_NOSIGNAL | (is_head && gate->content_length > 0 ? MSG_MORE : 0);
	ssize_t		length = send(gate->fd, from, left, flags);

	if (length < 0 && errno != EAGAIN && errno != EINTR)
		hang_up(gate);
	if (length < 0)
		return false;
	gate->said += (size_t) length;
	lws_set_timeout(gate->wsi, PENDING_TIMEOUT_USER_REASON_BASE, ANSWER_PATIENCE_S);
	return true;
}

static void
read_off(Gate *gate, bool has_ended)
{
	static char nowhere[READ_OFF_AT_ONCE];
	ssize_t		length = 1;

	for (int reads = 0; length > 0 && reads < READS_OFF_A_TURN; reads++)
		length = recv(gate->fd, nowhere, sizeof(nowhere), MSG_DONTWAIT);
	if (has_ended || length == 0)
		hang_up(gate);
}

/* Outside its callbacks libwebsockets closes only what has timed out. */
static void
hang_up(Gate *gate)
{
	lws_set_timeout(gate->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
	lws_cancel_service_pt(gate->wsi);
}
