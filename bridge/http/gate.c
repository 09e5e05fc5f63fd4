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

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_A_TURN 64
#define HEAD_PATIENCE_S 15		/* from its first byte to its last */
#define LINGER_S 2
#define READ_OFF_AT_ONCE (64 * 1024)

typedef struct Gate
{
	struct lws *wsi;
	int			fd;
	bool		has_begun;		/* something of a head is there */
	bool		has_refused;
	uint64_t	end;			/* of the request that was let in, in bytes of the connection */
} Gate;

static Table gates;				/* by the connection's address */
static int	watched = -1;
static SocketWatch *watch;

static void on_edges(void *arg, int status, int events);
static void look(Gate *gate, uint32_t events);
static void await_more(Gate *gate, bool has_ended);
static void let_in(Gate *gate, const HttpHead *head);
static void refuse(Gate *gate, const HttpHead *head);
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
	Gate	   *gate = table_get(&gates, (intptr_t) wsi);
	struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET};

	if (gate == NULL)
	{
		gate = memory_alloc(sizeof(Gate));
		table_put(&gates, (intptr_t) wsi, gate);
	}
	*gate = (Gate) {.wsi = wsi, .fd = lws_get_socket_fd(wsi)};
	event.data.ptr = gate;
	lws_rx_flow_control(wsi, 0);
	/* tells at once what is there already */
	if (epoll_ctl(watched, EPOLL_CTL_ADD, gate->fd, &event) != 0)
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
	/* one that was let in is not there any more, one that is closed neither */
	(void) epoll_ctl(watched, EPOLL_CTL_DEL, gate->fd, NULL);
	table_remove(&gates, (intptr_t) wsi);
	free(gate);
}

bool
gate_has_read_on(struct lws *wsi)
{
	Gate	   *gate = table_get(&gates, (intptr_t) wsi);

	return gate != NULL && taken_bytes(gate->fd) > gate->end;
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

	if (gate->has_refused)
	{
		read_off(gate, has_ended);
		return;
	}
	length = recv(gate->fd, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT);
	switch (httphead_read(bytes, length > 0 ? (size_t) length : 0, &head))
	{
		case HEAD_UNFINISHED:
			await_more(gate, has_ended || length == 0);
			break;
		case HEAD_WHOLE:
			let_in(gate, &head);
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
let_in(Gate *gate, const HttpHead *head)
{
	uint64_t	taken = taken_bytes(gate->fd);

	/* where that is not known, one request a connection is all that is read */
	gate->end = taken != UINT64_MAX ? taken + head->length + head->body : 0;
	(void) epoll_ctl(watched, EPOLL_CTL_DEL, gate->fd, NULL);
	lws_rx_flow_control(gate->wsi, 1);
}

/* The client may still be sending: closing over unread bytes would reset the connection and lose the answer. */
static void
refuse(Gate *gate, const HttpHead *head)
{
	Problem		problem = PROBLEM(ERROR_INVALID, head->fault);
	Text		answer = {0};

	problem.status = head->status;
	refusal_add(&answer, &problem, "");
	gate->has_refused = true;
	lws_set_timeout(gate->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LINGER_S);
	if (send(gate->fd, answer.bytes, answer.length, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t) answer.length
		&& shutdown(gate->fd, SHUT_WR) == 0)
		read_off(gate, false);
	else
		hang_up(gate);
	text_free(&answer);
}

static void
read_off(Gate *gate, bool has_ended)
{
	static char nowhere[READ_OFF_AT_ONCE];
	ssize_t		length;

	do
		length = recv(gate->fd, nowhere, sizeof(nowhere), MSG_DONTWAIT);
	while (length > 0);
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
