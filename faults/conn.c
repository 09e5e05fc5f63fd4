/*
 * conn.c - see conn.h. It owns the epoll.
 */
#include "conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_AT_ONCE 256
#define READ_AT_ONCE 65536

static int	epoll_fd;
static void (*on_watched) (void);

static void ask_for(Conn *conn, bool writing);
static void on_event(Conn *conn, uint32_t events);
static bool take_in(Conn *conn);
static void fail(Conn *conn);

void
conn_start(void)
{
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0)
	{
		perror("epoll_create1");
		exit(2);
	}
}

void
conn_wait(int milliseconds)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	int			count = epoll_wait(epoll_fd, events, EVENTS_AT_ONCE, milliseconds);

	for (int i = 0; i < count; i++)
	{
		Conn	   *conn = events[i].data.ptr;

		if (conn == NULL)
			on_watched();
		else if (conn->fd >= 0)
			on_event(conn, events[i].events);
	}
}

void
conn_watch(int fd, void (*readable) (void))
{
	struct epoll_event event = {.events = EPOLLIN};

	on_watched = readable;
	epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

void
conn_unwatch(int fd)
{
	epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

/* --- one connection -------------------------------------------------------------------------- */

bool
conn_open(Conn *conn, int port, const ConnHandlers *handlers)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t) port)};
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = conn};
	int			on = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	conn->handlers = handlers;
	conn->open = false;
	conn->writing = true;
	conn->in.length = conn->out.length = conn->taken = conn->sent = 0;
	conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (conn->fd < 0)
		return false;
	setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if ((connect(conn->fd, (struct sockaddr *) &address, sizeof(address)) != 0 && errno != EINPROGRESS)
		|| epoll_ctl(epoll_fd, EPOLL_CTL_ADD, conn->fd, &event) != 0)
	{
		conn_close(conn);
		return false;
	}
	return true;
}

void
conn_close(Conn *conn)
{
	if (conn->fd >= 0)
		close(conn->fd);
	conn->fd = -1;
}

void
conn_write(Conn *conn)
{
	while (conn->fd >= 0 && conn->open && conn->sent < conn->out.length)
	{
		ssize_t		n = send(conn->fd, conn->out.bytes + conn->sent, conn->out.length - conn->sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
		{
			/* what else is wrong with it, reading will tell */
			ask_for(conn, errno == EAGAIN);
			return;
		}
		conn->sent += (size_t) n;
	}
	if (conn->sent == conn->out.length)
		conn->sent = conn->out.length = 0;
	if (conn->fd >= 0 && conn->open)
		ask_for(conn, false);
}

static void
ask_for(Conn *conn, bool writing)
{
	struct epoll_event event = {.events = EPOLLIN | (writing ? EPOLLOUT : 0), .data.ptr = conn};

	if (conn->writing != writing)
		epoll_ctl(epoll_fd, EPOLL_CTL_MOD, conn->fd, &event);
	conn->writing = writing;
}

static void
on_event(Conn *conn, uint32_t events)
{
	int			error = 0;
	socklen_t	size = sizeof(error);

	if (!conn->open)
	{
		if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0)
		{
			fail(conn);
			return;
		}
		conn->open = true;
		conn->handlers->opened(conn);
	}
	if (events & EPOLLOUT)
		conn_write(conn);
	if (conn->fd >= 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && !take_in(conn))
		fail(conn);
}

/* False: the other side has closed it, or it is broken. */
static bool
take_in(Conn *conn)
{
	ssize_t		n = read(conn->fd, text_reserve(&conn->in, READ_AT_ONCE), READ_AT_ONCE);

	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR);
	conn->in.length += (size_t) n;
	conn->in.bytes[conn->in.length] = '\0';
	conn->handlers->came(conn);
	if (conn->taken == conn->in.length)
		conn->taken = conn->in.length = 0;
	else if (conn->taken > READ_AT_ONCE)
	{
		conn->in.length -= conn->taken;
		memmove(conn->in.bytes, conn->in.bytes + conn->taken, conn->in.length);
		conn->taken = 0;
	}
	return true;
}

static void
fail(Conn *conn)
{
	conn_close(conn);
	conn->handlers->ended(conn);
}
