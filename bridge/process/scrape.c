/*
 * scrape.c - see scrape.h. It owns the listener for whoever watches over the bridge.
 *
 * The public port does not serve the numbers: how many are online and when they talk is nobody's
 * business. So this is a listener of its own, with the little HTTP that a scrape needs: one request
 * a connection, no body, no keep-alive. It has a few places for connections; one too many takes the
 * place of the oldest, so that a client that says nothing holds up nobody.
 *
 * What is a state rather than a count is looked up when somebody asks.
 */
#include "scrape.h"
#include "database.h"
#include "log.h"
#include "loop.h"
#include "memory.h"
#include "metrics.h"
#include "peer.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define PLACES 8
#define MAX_REQUEST 4096
#define BACKLOG 16
#define LAG_EVERY_MS 100

typedef struct Scrape
{
	uv_tcp_t	socket;
	uv_write_t	write;
	char		request[MAX_REQUEST];
	size_t		length;
	Text		answer;			/* begun: nothing more is read */
} Scrape;

static uv_tcp_t listener;
static Scrape *places[PLACES];	/* a ring: the next to be taken is the oldest */
static int	next_place;
static int	worker;
static double started_at;
static Timer lag_timer;
static double lag_seen_at;

static void on_connection(uv_stream_t *stream, int status);
static void hang_up(Scrape *scrape);
static void on_hung_up(uv_handle_t *handle);
static void give_buffer(uv_handle_t *handle, size_t wanted, uv_buf_t *buffer);
static void on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer);
static void answer(Scrape *scrape);
static void on_written(uv_write_t *write, int status);
static void measure_lag(void *arg);
static void look_at_sockets(void);
static void look_at_process(void);
static int	count_descriptors(void);

bool
scrape_open(const char *address, int port, int number)
{
	struct sockaddr_in6 six;
	struct sockaddr_in four;
	bool		is_four = uv_ip4_addr(address, port, &four) == 0;
	const struct sockaddr *to = is_four ? (const struct sockaddr *) &four : (const struct sockaddr *) &six;
	int			error = is_four ? 0 : uv_ip6_addr(address, port, &six);

	worker = number;
	started_at = (double) time(NULL);
	metrics_set(METRIC_BUILD, 0, 1);
	if (port == 0)
		return true;
	uv_tcp_init(loop_get(), &listener);
	if (error == 0)
		error = uv_tcp_bind(&listener, to, 0);
	if (error == 0)
		error = uv_listen((uv_stream_t *) &listener, BACKLOG, on_connection);
	if (error != 0)
	{
		fprintf(stderr, "porcupine-bridge: metrics cannot be served on port %d of %s: %s; PORCUPINE_METRICS says where\n",
				port, address, uv_strerror(error));
		return false;
	}
	lag_seen_at = metrics_clock();
	timer_start(&lag_timer, measure_lag, NULL, LAG_EVERY_MS, LAG_EVERY_MS);
	log_write(LOG_INFO, "serving metrics", LOG_TEXT("address", address), LOG_NUMBER("port", port));
	return true;
}

void
scrape_close(void)
{
	timer_stop(&lag_timer);
	for (int i = 0; i < PLACES; i++)
	{
		if (places[i] != NULL)
			hang_up(places[i]);
	}
}

/* --- a connection --------------------------------------------------------------------------------- */

static void
on_connection(uv_stream_t *stream, int status)
{
	Scrape	   *scrape;

	if (status != 0)
		return;
	if (places[next_place] != NULL)
		hang_up(places[next_place]);
	scrape = memory_alloc(sizeof(Scrape));
	uv_tcp_init(loop_get(), &scrape->socket);
	scrape->socket.data = scrape;
	scrape->write.data = scrape;
	places[next_place] = scrape;
	next_place = (next_place + 1) % PLACES;
	if (uv_accept(stream, (uv_stream_t *) &scrape->socket) != 0
		|| uv_read_start((uv_stream_t *) &scrape->socket, give_buffer, on_read) != 0)
		hang_up(scrape);
}

static void
hang_up(Scrape *scrape)
{
	for (int i = 0; i < PLACES; i++)
	{
		if (places[i] == scrape)
			places[i] = NULL;
	}
	if (!uv_is_closing((uv_handle_t *) &scrape->socket))
		uv_close((uv_handle_t *) &scrape->socket, on_hung_up);
}

static void
on_hung_up(uv_handle_t *handle)
{
	Scrape	   *scrape = handle->data;

	text_free(&scrape->answer);
	free(scrape);
}

static void
give_buffer(uv_handle_t *handle, size_t wanted, uv_buf_t *buffer)
{
	Scrape	   *scrape = handle->data;

	(void) wanted;
	*buffer = uv_buf_init(scrape->request + scrape->length, (unsigned int) (MAX_REQUEST - 1 - scrape->length));
}

static void
on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer)
{
	Scrape	   *scrape = stream->data;

	(void) buffer;
	/* UV_ENOBUFS: its header is too long */
	if (length < 0)
	{
		hang_up(scrape);
		return;
	}
	scrape->length += (size_t) length;
	scrape->request[scrape->length] = '\0';
	if (strstr(scrape->request, "\r\n\r\n") != NULL)
	{
		uv_read_stop(stream);
		answer(scrape);
	}
}

/* --- the answer ------------------------------------------------------------------------------------- */

static void
answer(Scrape *scrape)
{
	bool		is_get = strncmp(scrape->request, "GET ", 4) == 0;
	bool		is_ours = is_get && strncmp(scrape->request + 4, "/metrics", 8) == 0
		&& strchr(" ?", scrape->request[12]) != NULL && scrape->request[12] != '\0';
	Text		content = {0};
	uv_buf_t	buffer;

	if (is_ours)
	{
		look_at_sockets();
		look_at_process();
		database_measure();
		metrics_write(&content, worker);
	}
	else
		text_add(&content, "only GET /metrics is answered here\n");
	text_format(&scrape->answer, "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
				is_ours ? "200 OK" : is_get ? "404 Not Found" : "405 Method Not Allowed\r\nAllow: GET",
				is_ours ? "text/plain; version=0.0.4; charset=utf-8" : "text/plain; charset=utf-8",
				content.length, content.bytes);
	text_free(&content);
	buffer = uv_buf_init(scrape->answer.bytes, (unsigned int) scrape->answer.length);
	if (uv_write(&scrape->write, (uv_stream_t *) &scrape->socket, &buffer, 1, on_written) != 0)
		hang_up(scrape);
}

static void
on_written(uv_write_t *write, int status)
{
	(void) status;
	hang_up(write->data);
}

/* --- what is looked up -------------------------------------------------------------------------------- */

static void
measure_lag(void *arg)
{
	double		now = metrics_clock();
	double		lag = now - lag_seen_at - LAG_EVERY_MS / 1000.0;

	(void) arg;
	metrics_observe(METRIC_LOOP_LAG, lag > 0 ? lag : 0);
	lag_seen_at = now;
}

static void
look_at_sockets(void)
{
	double		queued = 0;

	for (int state = PEER_NEW; state <= PEER_ENDING; state++)
		metrics_set(METRIC_SOCKETS, state, 0);
	for (const Peer *peer = peer_first(); peer != NULL; peer = peer->next)
	{
		metrics_add_to(METRIC_SOCKETS, (int) peer->state, 1);
		queued += (double) peer->queued;
	}
	metrics_set(METRIC_SOCKET_QUEUED_BYTES, 0, queued);
}

static void
look_at_process(void)
{
	struct rusage usage = {0};
	struct rlimit limit = {0};
	FILE	   *file = fopen("/proc/self/statm", "re");
	long		pages_virtual = 0;
	long		pages_resident = 0;

	if (file != NULL)
	{
		if (fscanf(file, "%ld %ld", &pages_virtual, &pages_resident) != 2)
			pages_virtual = pages_resident = 0;
		fclose(file);
	}
	getrusage(RUSAGE_SELF, &usage);
	getrlimit(RLIMIT_NOFILE, &limit);
	metrics_set(METRIC_PROCESS_CPU, 0, (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
				+ (double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
	metrics_set(METRIC_PROCESS_VIRTUAL, 0, (double) pages_virtual * (double) sysconf(_SC_PAGESIZE));
	metrics_set(METRIC_PROCESS_RESIDENT, 0, (double) pages_resident * (double) sysconf(_SC_PAGESIZE));
	metrics_set(METRIC_PROCESS_FDS, 0, count_descriptors());
	metrics_set(METRIC_PROCESS_MAX_FDS, 0, (double) limit.rlim_cur);
	metrics_set(METRIC_PROCESS_STARTED, 0, started_at);
}

/* The one that reads them is counted along, and so are "." and "..": three too many. */
static int
count_descriptors(void)
{
	DIR		   *folder = opendir("/proc/self/fd");
	int			count = -3;

	if (folder == NULL)
		return 0;
	while (readdir(folder) != NULL)
		count++;
	closedir(folder);
	return count;
}
