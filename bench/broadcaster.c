/*
 * broadcaster.c - the limit: how fast anything could be that sends the same frames. It speaks the
 * part of the wire that the load generator uses, and gives each send the next number of its room;
 * but it stores nothing, asks nobody and believes everything, so no server of messages can be
 * faster by much. What a turn of its loop brings for a room is written once and goes out as one
 * write to each member, the same bytes to all.
 *
 *   broadcaster PORT [FAULT]
 *
 * It says on which port it listens, which matters where 0 is given. The second word, one of
 * fault_names[], plants a fault, for the test that shows that the load generator notices.
 */
#include "descriptors.h"
#include "fail.h"
#include "ws.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_A_TURN 512
#define READ_SIZE (256 * 1024)
#define FAULT_EVERY 100

typedef struct Bytes
{
	char	   *bytes;
	size_t		length;
	size_t		size;
} Bytes;

typedef struct Socket Socket;

typedef struct Room
{
	char		id[24];
	int64_t		seq;
	Socket	  **members;
	int			n_members;
	Bytes		events;			/* of this turn */
	struct Room *next;
	struct Room *next_busy;
	bool		busy;
} Room;

struct Socket
{
	int			fd;
	bool		upgraded;
	bool		dead;
	Room	   *room;
	int			place;			/* among its members */
	Bytes		rest;			/* the beginning of a frame */
	Bytes		acks;			/* of this turn, and whatever else is only for this one */
	Bytes		backlog;		/* what the socket would not take */
	Socket	   *next_busy;
	bool		busy;
	Socket	   *next_dead;
};

static int	poll_fd;
static Room *rooms;
static Room *busy_rooms;
static Socket *busy_sockets;
static Socket *dead_sockets;
static enum
{
	FAULT_NONE,
	FAULT_GAP,					/* an event is neither delivered nor acknowledged, but has its number */
	FAULT_TWICE,				/* an event comes twice */
	FAULT_ACK,					/* an ack names another seq */
	FAULT_LOST,					/* from some event on, nothing is delivered, but all acknowledged */
	FAULT_STRANGER				/* an event that nobody sent */
}			fault;
static const char *const fault_names[] = {"none", "gap", "twice", "ack", "lost", "stranger"};
static char created_at[40];

static void read_fault(const char *name);
static int	listen_at(int port);
static void turn(int listener);
static void accept_all(int listener);
static void on_readable(Socket *socket);
static size_t upgrade(Socket *socket, const char *bytes, size_t length);
static void on_frame(Socket *socket, const WsFrame *frame);
static void on_subscribe(Socket *socket, const char *text, size_t length);
static void on_send(Socket *socket, const char *text, size_t length);
static void add_event(Room *room, int64_t seq, const char *client_id, const char *body, int body_length);
static Room *find_room(const char *id, size_t length);
static void write_all(void);
static void write_to(Socket *socket, const Bytes *events);
static void write_backlog(Socket *socket);
static void watch(Socket *socket, uint32_t events);
static void end(Socket *socket);
static void bury(void);
static void say(Socket *socket, const char *format,...) __attribute__((format(printf, 2, 3)));
static void frame_text(Bytes *to, const char *text, size_t length);
static void add(Bytes *to, const char *bytes, size_t length);
static const char *value_of(const char *text, size_t length, const char *name, size_t *value_length);

int
main(int argc, char **argv)
{
	int			listener;

	if (argc < 2)
		fail("broadcaster PORT [FAULT]");
	if (argc > 2)
		read_fault(argv[2]);
	signal(SIGPIPE, SIG_IGN);
	descriptors_raise();
	poll_fd = epoll_create1(EPOLL_CLOEXEC);
	listener = listen_at(atoi(argv[1]));
	for (;;)
		turn(listener);
}

static void
read_fault(const char *name)
{
	int			n_faults = sizeof(fault_names) / sizeof(fault_names[0]);

	for (int i = 0; i < n_faults; i++)
	{
		if (strcmp(name, fault_names[i]) == 0)
			fault = i;
	}
	if (fault == FAULT_NONE)
		fail("there is no fault %s", name);
}

static int
listen_at(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t) port)};
	socklen_t	length = sizeof(address);
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
	int			fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int			on = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd < 0 || bind(fd, (struct sockaddr *) &address, sizeof(address)) != 0 || listen(fd, 4096) != 0)
		fail("cannot listen on port %d: %s", port, strerror(errno));
	getsockname(fd, (struct sockaddr *) &address, &length);
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event);
	return fd;
}

static void
turn(int listener)
{
	struct epoll_event events[EVENTS_A_TURN];
	int			n = epoll_wait(poll_fd, events, EVENTS_A_TURN, -1);
	time_t		now = time(NULL);
	struct tm	utc;

	strftime(created_at, sizeof(created_at), "%Y-%m-%dT%H:%M:%S.123456+00:00", gmtime_r(&now, &utc));
	for (int i = 0; i < n; i++)
	{
		Socket	   *socket = events[i].data.ptr;

		if (socket == NULL)
			accept_all(listener);
		else if (events[i].events & EPOLLOUT)
			write_backlog(socket);
		else
			on_readable(socket);
	}
	write_all();
	bury();
}

static void
accept_all(int listener)
{
	int			on = 1;
	int			fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
	{
		Socket	   *socket = need_memory(sizeof(Socket));
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = socket};

		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		socket->fd = fd;
		epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event);
	}
}

/* --- what a socket says ----------------------------------------------------------------------------- */

static void
on_readable(Socket *socket)
{
	static char buffer[READ_SIZE];
	size_t		have = socket->rest.length;
	size_t		used = 0;
	size_t		taken;
	ssize_t		n;
	WsFrame		frame;

	if (socket->dead)
		return;
	if (have > 0)
		memcpy(buffer, socket->rest.bytes, have);
	n = recv(socket->fd, buffer + have, READ_SIZE - have, 0);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
	{
		end(socket);
		return;
	}
	have += (size_t) n;
	if (!socket->upgraded)
		used = upgrade(socket, buffer, have);
	while (socket->upgraded && (taken = ws_read(buffer + used, have - used, &frame)) > 0)
	{
		on_frame(socket, &frame);
		used += taken;
	}
	socket->rest.length = 0;
	if (have > used)
		add(&socket->rest, buffer + used, have - used);
}

static size_t
upgrade(Socket *socket, const char *bytes, size_t length)
{
	/* the answer to the one key that the load generator has (RFC 6455, section 1.3) */
	static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
	const char *end_of_head = memmem(bytes, length, "\r\n\r\n", 4);

	if (end_of_head == NULL)
		return 0;
	socket->upgraded = true;
	if (send(socket->fd, answer, sizeof(answer) - 1, 0) != sizeof(answer) - 1)
		end(socket);
	return (size_t) (end_of_head + 4 - bytes);
}

static void
on_frame(Socket *socket, const WsFrame *frame)
{
	size_t		length;
	const char *type;

	if (frame->opcode != WS_TEXT)
		return;
	type = value_of(frame->payload, frame->length, "\"type\":\"", &length);
	if (strncmp(type, "send\"", 5) == 0)
		on_send(socket, frame->payload, frame->length);
	else if (strncmp(type, "subscribe\"", 10) == 0)
		on_subscribe(socket, frame->payload, frame->length);
	else if (strncmp(type, "auth\"", 5) == 0)
		say(socket, "{\"type\":\"ready\",\"user\":\"1\",\"session\":\"1\",\"device\":\"1\",\"stream\":1,"
			"\"limits\":{\"body\":65536,\"frame\":98304,\"behind\":500}}");
}

static void
on_subscribe(Socket *socket, const char *text, size_t length)
{
	size_t		id_length;
	const char *id = value_of(text, length, "\"room\":\"", &id_length);
	Room	   *room = find_room(id, id_length);

	if ((room->n_members & (room->n_members - 1)) == 0)
		room->members = need_more(room->members, (size_t) (room->n_members == 0 ? 1 : room->n_members * 2) * sizeof(Socket *));
	socket->room = room;
	socket->place = room->n_members;
	room->members[room->n_members++] = socket;
	say(socket, "{\"type\":\"subscribed\",\"room\":\"%s\",\"head\":%lld,\"stream\":1,\"epoch\":0,\"epoch_open\":true,\"online\":[]}",
		room->id, (long long) room->seq);
}

static void
on_send(Socket *socket, const char *text, size_t length)
{
	Room	   *room = socket->room;
	size_t		id_length;
	size_t		body_length;
	const char *client_id = value_of(text, length, "\"client_id\":\"", &id_length);
	const char *body = value_of(text, length, "\"body\":\"", &body_length);
	int64_t		seq;
	bool		faulty;

	if (room == NULL)
		fail("a send before the subscription");
	seq = ++room->seq;
	faulty = seq % FAULT_EVERY == 0;
	if (fault == FAULT_GAP && faulty)
		return;
	if (fault == FAULT_STRANGER && faulty)
		client_id = "00000000-0000-4000-8000-000000000000";
	if (fault != FAULT_LOST || seq < FAULT_EVERY)
		add_event(room, seq, client_id, body, (int) body_length);
	if (fault == FAULT_TWICE && faulty)
		add_event(room, seq, client_id, body, (int) body_length);
	say(socket, "{\"type\":\"ack\",\"room\":\"%s\",\"client_id\":\"%.36s\",\"seq\":%lld,\"created_at\":\"%s\"}", room->id, client_id,
		(long long) (fault == FAULT_ACK && faulty ? seq + 1 : seq), created_at);
}

/* As the bridge writes it. */
static void
add_event(Room *room, int64_t seq, const char *client_id, const char *body, int body_length)
{
	char		text[4096];
	int			length;

	length = snprintf(text, sizeof(text), "{\"type\":\"event\",\"room\":\"%s\",\"seq\":%lld,\"kind\":\"message\",\"sender\":\"1234\","
					  "\"device\":\"1234\",\"client_id\":\"%.36s\",\"epoch\":0,\"body\":\"%.*s\",\"data\":null,\"ref\":null,"
					  "\"created_at\":\"%s\"}", room->id, (long long) seq, client_id, body_length, body, created_at);
	if (length >= (int) sizeof(text))
		fail("a body of %d characters", body_length);
	frame_text(&room->events, text, (size_t) length);
	if (room->busy)
		return;
	room->busy = true;
	room->next_busy = busy_rooms;
	busy_rooms = room;
}

/* A sender's socket knows its room, so this is asked only at subscribing. */
static Room *
find_room(const char *id, size_t length)
{
	Room	   *room = rooms;

	while (room != NULL && (strlen(room->id) != length || memcmp(room->id, id, length) != 0))
		room = room->next;
	if (room == NULL)
	{
		room = need_memory(sizeof(Room));
		snprintf(room->id, sizeof(room->id), "%.*s", (int) length, id);
		room->next = rooms;
		rooms = room;
	}
	return room;
}

/* --- what is said to it --------------------------------------------------------------------------------- */

/* Everything of this turn: one write a socket. */
static void
write_all(void)
{
	static const Bytes nothing;

	for (Room *room = busy_rooms; room != NULL; room = room->next_busy)
	{
		for (int i = 0; i < room->n_members; i++)
			write_to(room->members[i], &room->events);
		room->events.length = 0;
		room->busy = false;
	}
	busy_rooms = NULL;
	for (Socket *socket = busy_sockets; socket != NULL; socket = socket->next_busy)
	{
		if (socket->acks.length > 0)
			write_to(socket, &nothing);
		socket->busy = false;
	}
	busy_sockets = NULL;
}

static void
write_to(Socket *socket, const Bytes *events)
{
	struct iovec parts[2] = {{socket->acks.bytes, socket->acks.length}, {events->bytes, events->length}};
	size_t		wanted = socket->acks.length + events->length;
	size_t		written = 0;
	ssize_t		n;

	if (socket->dead)
		return;
	if (socket->backlog.length == 0)
	{
		n = socket->acks.length > 0 ? writev(socket->fd, parts, 2) : write(socket->fd, events->bytes, events->length);
		if (n < 0 && errno != EAGAIN)
		{
			end(socket);
			return;
		}
		written = n > 0 ? (size_t) n : 0;
	}
	if (written < wanted)
	{
		if (socket->backlog.length == 0)
			watch(socket, EPOLLIN | EPOLLOUT);
		for (int i = 0; i < 2; i++)
		{
			size_t		gone = written < parts[i].iov_len ? written : parts[i].iov_len;

			add(&socket->backlog, (char *) parts[i].iov_base + gone, parts[i].iov_len - gone);
			written -= gone;
		}
	}
	socket->acks.length = 0;
}

static void
write_backlog(Socket *socket)
{
	ssize_t		n;

	if (socket->dead)
		return;
	n = write(socket->fd, socket->backlog.bytes, socket->backlog.length);
	if (n < 0 && errno != EAGAIN)
	{
		end(socket);
		return;
	}
	if (n > 0)
	{
		socket->backlog.length -= (size_t) n;
		memmove(socket->backlog.bytes, socket->backlog.bytes + n, socket->backlog.length);
	}
	if (socket->backlog.length == 0)
		watch(socket, EPOLLIN);
}

static void
watch(Socket *socket, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = socket};

	epoll_ctl(poll_fd, EPOLL_CTL_MOD, socket->fd, &event);
}

/* Freed when the turn is over: until then it may stand in lists. */
static void
end(Socket *socket)
{
	Room	   *room = socket->room;

	if (socket->dead)
		return;
	socket->dead = true;
	close(socket->fd);
	if (room != NULL)
	{
		room->members[socket->place] = room->members[--room->n_members];
		room->members[socket->place]->place = socket->place;
	}
	socket->acks.length = 0;
	socket->next_dead = dead_sockets;
	dead_sockets = socket;
}

static void
bury(void)
{
	while (dead_sockets != NULL)
	{
		Socket	   *socket = dead_sockets;

		dead_sockets = socket->next_dead;
		free(socket->rest.bytes);
		free(socket->acks.bytes);
		free(socket->backlog.bytes);
		free(socket);
	}
}

static void
say(Socket *socket, const char *format,...)
{
	char		text[512];
	va_list		args;
	int			length;

	va_start(args, format);
	length = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (length >= (int) sizeof(text))
		fail("a frame of %d bytes", length);
	frame_text(&socket->acks, text, (size_t) length);
	if (socket->busy)
		return;
	socket->busy = true;
	socket->next_busy = busy_sockets;
	busy_sockets = socket;
}

static void
frame_text(Bytes *to, const char *text, size_t length)
{
	char		header[WS_HEADER];
	size_t		header_length = ws_write_header(header, length);

	add(to, header, header_length);
	add(to, text, length);
}

static void
add(Bytes *to, const char *bytes, size_t length)
{
	if (to->length + length > to->size)
	{
		to->size = (to->length + length) * 2;
		to->bytes = need_more(to->bytes, to->size);
	}
	memcpy(to->bytes + to->length, bytes, length);
	to->length += length;
}

/* The string after this name. */
static const char *
value_of(const char *text, size_t length, const char *name, size_t *value_length)
{
	const char *at = memmem(text, length, name, strlen(name));
	const char *end_of_value;

	if (at == NULL)
		fail("no %s in %.*s", name, (int) length, text);
	at += strlen(name);
	end_of_value = memchr(at, '"', length - (size_t) (at - text));
	if (end_of_value == NULL)
		fail("no end of %s in %.*s", name, (int) length, text);
	*value_length = (size_t) (end_of_value - at);
	return at;
}
