/*
 * server.c - see server.h. It owns the listener and hands each accepted socket to libwebsockets.
 *
 * The listener is our own, because "address in use" is then an errno and accepting can stop while
 * serving goes on. libwebsockets runs on our loop (a foreign loop of its libuv plugin) and speaks
 * HTTP/1.1 and WebSocket only: HTTP/2 by upgrade is refused in ws_on_upgrade(), CONNECT, which it
 * would turn into a raw connection, here.
 */
#include "server.h"
#include "arrivals.h"
#include "gate.h"
#include "http.h"
#include "log.h"
#include "loop.h"
#include "ws.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPTS_A_TURN 64
#define BACKLOG 1024

#define REQUEST_PATIENCE_S 15
#define KEEPALIVE_S 65
#define HEADER_BYTES 8192
/* of connections that are awaited, and of requests that are being answered */
#define MAX_HEADERS_AT_ONCE (2 * MOST_ARRIVALS)
#define READ_BYTES 16384
/* kept for each WebSocket as long as it lives: nearly all frames fit, longer ones come in pieces */
#define SOCKET_READ_BYTES 2048
#define WRITE_BYTES 65536
#define PING_AFTER_S 25
#define HANG_UP_AFTER_S 60
#define CLOSING_TURNS 20
#define REST_MS 100
#define SAY_AGAIN_MS 60000
/* libwebsockets keeps a table of this size */
#define MOST_DESCRIPTORS 65536

/* What a connection is: requests one after the other, or a WebSocket. */
typedef struct Connection
{
	Request    *request;
	Socket		socket;
} Connection;

static int	on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t length);
static int	bind_listener(const char *address, int port, bool shared);
static bool make_context(void);
static void on_connection(uv_poll_t *handle, int status, int events);
static void rest(int error);
static void accept_again(void *arg);
static void raise_descriptor_limit(void);
static void on_lws_log(int level, const char *line);

static const struct lws_protocols protocols[] = {
	{
		.name = "porcupine",
		.callback = on_event,
		.per_session_data_size = sizeof(Connection),
		.rx_buffer_size = SOCKET_READ_BYTES,
		.tx_packet_size = WRITE_BYTES,
	},
	{0}
};

static const lws_retry_bo_t keepalive = {
	.secs_since_valid_ping = PING_AFTER_S,
	.secs_since_valid_hangup = HANG_UP_AFTER_S,
};

static struct lws_context *context;
static struct lws_vhost *vhost;
static uv_poll_t listener_watch;
static Timer rest_timer;
static int	listener = -1;

bool
server_open(const char *address, int port, bool shared)
{
	raise_descriptor_limit();
	listener = bind_listener(address, port, shared);
	if (listener < 0)
		return false;
	if (!gate_open() || !make_context())
	{
		fputs("porcupine-bridge: libwebsockets does not start; is libwebsockets-evlib-uv installed?\n", stderr);
		return false;
	}
	uv_poll_init(loop_get(), &listener_watch, listener);
	uv_poll_start(&listener_watch, UV_READABLE, on_connection);
	log_write(LOG_INFO, "listening", LOG_TEXT("address", address), LOG_NUMBER("port", port));
	return true;
}

void
server_stop_accepting(void)
{
	if (listener < 0)
		return;
	timer_stop(&rest_timer);
	uv_poll_stop(&listener_watch);
	uv_close((uv_handle_t *) &listener_watch, NULL);
	close(listener);
	listener = -1;
}

/*
 * The order that leaves no handle behind: destroy, run, destroy. libwebsockets unloads its libuv
 * plugin in the end, so every callback into it must have been made by then.
 */
void
server_close(void)
{
	server_stop_accepting();
	if (context == NULL)
		return;
	uv_stop(loop_get());
	lws_context_destroy(context);
	for (int i = 0; i < CLOSING_TURNS; i++)
		uv_run(loop_get(), UV_RUN_NOWAIT);
	lws_context_destroy(context);
	context = NULL;
	gate_close();
}

bool
server_is_free(const char *address, int port)
{
	int			fd = bind_listener(address, port, false);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static int
bind_listener(const char *address, int port, bool shared)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t) port)};
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t) port)};
	bool		is_four = inet_pton(AF_INET, address, &four.sin_addr) == 1;
	const struct sockaddr *to = is_four ? (const struct sockaddr *) &four : (const struct sockaddr *) &six;
	socklen_t	size = is_four ? sizeof(four) : sizeof(six);
	int			on = 1;
	int			fd;

	if (!is_four && inet_pton(AF_INET6, address, &six.sin6_addr) != 1)
		return -1;
	fd = socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd >= 0 && shared)
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	if (fd >= 0 && bind(fd, to, size) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	if (errno == EADDRINUSE)
		fprintf(stderr, "porcupine-bridge: port %d of %s is in use by another program: stop it, or set PORCUPINE_PORT to another port\n",
				port, address);
	else
		fprintf(stderr, "porcupine-bridge: cannot listen on port %d of %s: %s\n", port, address, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool
make_context(void)
{
	void	   *loops[] = {loop_get()};
	struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN_SERVER,
		.protocols = protocols,
		.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_VALIDATE_UTF8 | LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
		.foreign_loops = loops,
		.gid = (gid_t) -1,
		.uid = (uid_t) -1,
		.timeout_secs = REQUEST_PATIENCE_S,
		.keepalive_timeout = KEEPALIVE_S,
		.max_http_header_data = HEADER_BYTES,
		.max_http_header_pool = MAX_HEADERS_AT_ONCE,
		.pt_serv_buf_size = READ_BYTES,
		.retry_and_idle_policy = &keepalive,
	};

	lws_set_log_level(LLL_ERR, on_lws_log);
	context = lws_create_context(&info);
	if (context == NULL)
		return false;
	vhost = lws_create_vhost(context, &info);
	return vhost != NULL;
}

static void
on_connection(uv_poll_t *handle, int status, int events)
{
	struct lws *wsi;
	int			on = 1;

	(void) handle;
	(void) events;
	for (int i = 0; i < ACCEPTS_A_TURN && status == 0; i++)
	{
		int			fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0)
		{
			if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
				rest(errno);
			return;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		arrivals_make_room();
		/* closes the socket itself when it cannot take it */
		wsi = lws_adopt_socket_vhost(vhost, fd);
		if (wsi != NULL)
		{
			arrivals_await(wsi);
			gate_await(wsi);
		}
		else
			log_write(LOG_WARNING, "a connection could not be taken on");
	}
}

/* Out of descriptors, most likely: the listener stays readable, so looking again at once would spin. */
static void
rest(int error)
{
	static uint64_t said_at;

	if (said_at == 0 || loop_now() - said_at > SAY_AGAIN_MS)
	{
		said_at = loop_now();
		log_write(LOG_ERROR, "cannot accept connections", LOG_TEXT("why", strerror(error)));
	}
	uv_poll_stop(&listener_watch);
	timer_start(&rest_timer, accept_again, NULL, REST_MS, 0);
}

static void
accept_again(void *arg)
{
	(void) arg;
	if (listener >= 0)
		uv_poll_start(&listener_watch, UV_READABLE, on_connection);
}

/* The soft limit of most systems is made for programs that use select(). */
static void
raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max < MOST_DESCRIPTORS ? limit.rlim_max : MOST_DESCRIPTORS;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		log_write(LOG_WARNING, "the limit of open files could not be raised");
}

static int
on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t length)
{
	Connection *connection = user;

	switch (reason)
	{
		case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
			return ws_on_upgrade(wsi);
		case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
			return ws_on_filter(wsi, &connection->socket);
		case LWS_CALLBACK_ESTABLISHED:
			arrivals_forget(wsi);
			gate_forget(wsi);
			return ws_on_established(wsi, &connection->socket);
		case LWS_CALLBACK_RECEIVE:
			return ws_on_receive(&connection->socket, in, length);
		case LWS_CALLBACK_SERVER_WRITEABLE:
			return ws_on_writeable(&connection->socket);
		case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
			return ws_on_peer_close(&connection->socket, in, length);
		case LWS_CALLBACK_HTTP:
			return http_on_header(wsi, &connection->request, in);
		case LWS_CALLBACK_HTTP_BODY:
			return http_on_body(&connection->request, in, length);
		case LWS_CALLBACK_HTTP_BODY_COMPLETION:
			return http_on_body_end(&connection->request);
		case LWS_CALLBACK_HTTP_WRITEABLE:
			return http_on_writeable(&connection->request);
		case LWS_CALLBACK_CLOSED:
		case LWS_CALLBACK_CLOSED_HTTP:
		case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
		case LWS_CALLBACK_WS_SERVER_DROP_PROTOCOL:
			/* that one comes between two requests, too */
			if (reason != LWS_CALLBACK_HTTP_DROP_PROTOCOL)
				gate_forget(wsi);
			if (connection != NULL)
			{
				http_on_closed(&connection->request);
				ws_on_closed(&connection->socket);
			}
			return 0;
		case LWS_CALLBACK_WSI_DESTROY:
			arrivals_forget(wsi);
			gate_forget(wsi);
			return 0;
		case LWS_CALLBACK_RAW_RX:
		case LWS_CALLBACK_RAW_ADOPT:
		case LWS_CALLBACK_RAW_CONNECTED:
		case LWS_CALLBACK_RAW_WRITEABLE:
			return -1;
		default:
			return 0;
	}
}

/* It logs what clients do wrong, and may quote them: for debugging only. */
static void
on_lws_log(int level, const char *line)
{
	(void) level;
	(void) line;
	log_write(LOG_DEBUG, "libwebsockets complains");
}
