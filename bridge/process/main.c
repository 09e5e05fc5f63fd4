/*
 * main.c - the bridge: from its configuration to its end.
 *
 * It binds the layers together, and owns the order of starting and of going down: stop accepting,
 * let what is in flight commit and be answered, tell every socket to come back, close.
 */
#include "auth.h"
#include "config.h"
#include "cors.h"
#include "database.h"
#include "doorbell.h"
#include "election.h"
#include "fanout.h"
#include "headers.h"
#include "http.h"
#include "hub.h"
#include "issuers.h"
#include "limiter.h"
#include "listener.h"
#include "log.h"
#include "loop.h"
#include "memberships.h"
#include "memory.h"
#include "page.h"
#include "peer.h"
#include "pool.h"
#include "presence.h"
#include "reads.h"
#include "routes.h"
#include "scrape.h"
#include "sends.h"
#include "server.h"
#include "sessions.h"
#include "sweeps.h"
#include "verbs.h"
#include "workers.h"
#include "ws.h"

#include <signal.h>
#include <sodium.h>
#include <stdio.h>

#define DRAIN_PATIENCE_MS 5000
#define CLOSE_PATIENCE_MS 2000
#define LOOK_EVERY_MS 20

/* Exit codes: 0 asked to stop, 1 cannot serve, 2 configured wrongly. */
static int	exit_code;
static const Config *config;
static uv_signal_t signals[2];
static Timer drain_timer;
static uint64_t drain_began;
static bool sockets_told;

static int	serve(int worker);
static void open_layers(void);
static void close_layers(void);
static void on_ready(bool again);
static void on_unfit(const char *setting);
static void on_subscribed(const int64_t *rooms, int count);
static void on_node_gone(int node);
static void watch_signals(void);
static void on_signal(uv_signal_t *handle, int number);
static void begin_drain(void);
static void continue_drain(void *arg);

static const DatabaseEvents database_events = {on_ready, listener_on_doorbell, hub_restart, on_unfit};

static const FanoutEvents fanout_events = {
	.subscribed = on_subscribed,
	.doorbell = listener_on_passed_on,
	.room_gone = sweeps_run,
	.missed = election_on_missed,
	.came = presence_exchange,
	.went = on_node_gone,
	.presence = presence_elsewhere,
	.gone = presence_gone,
};

int
main(void)
{
	config = config_read();
	if (config == NULL)
		return 2;
	log_set_level(config->log_level);
	if (config->workers == 1)
		return serve(0);
	if (!server_is_free(config->listen, config->port))
		return 1;
	return workers_run(config->workers, serve);
}

static int
serve(int worker)
{
	/* each worker is scraped by itself, for they share no numbers */
	int			metrics_port = config->metrics_port == 0 ? 0 : config->metrics_port + worker;

	memory_open();
	if (!page_open(config->page))
		return 2;
	if (sodium_init() < 0)
		return 1;
	signal(SIGPIPE, SIG_IGN);
	cors_open(config->origins, config->cors_origins);
	headers_open(config->origins);
	routes_open(config);
	ws_open();
	limiter_open(&config->limits, config->redis_cluster);
	http_trust(&config->trusted_proxies);
	if (!server_open(config->listen, config->port, config->workers > 1)
		|| !scrape_open(config->metrics_address, metrics_port, worker))
		return 1;
	open_layers();
	loop_run();
	close_layers();
	if (loop_close() != 0)
		log_write(LOG_WARNING, "the loop did not close cleanly");
	log_write(LOG_INFO, "stopped");
	return exit_code;
}

static void
open_layers(void)
{
	verbs_open();
	sweeps_open();
	watch_signals();
	database_open(config, &database_events);
	fanout_open(&config->redis, config->redis_cluster, doorbell_origin(), &fanout_events);
	presence_open(doorbell_origin());
	sessions_open(doorbell_origin());
	election_open();
	issuers_open(&config->oidc);
}

static void
close_layers(void)
{
	election_close();
	presence_close();
	sweeps_close();
	reads_close();
	verbs_close();
	server_close();
	issuers_close();
	scrape_close();
	sessions_close();
	fanout_close();
	limiter_close();
	database_close();
}

/* After each (re)connect: the listener hears already, so what the sweep reads is all there is. */
static void
on_ready(bool again)
{
	auth_read_keys();
	sweeps_run();
	if (again)
		memberships_read_all();
}

/* What was said before that in these rooms is found in the database, and in Redis. */
static void
on_subscribed(const int64_t *rooms, int count)
{
	sweeps_look(rooms, count);
	presence_read(rooms, count);
}

static void
on_node_gone(int node)
{
	presence_lose(node);
	election_on_node_gone();
}

static void
on_unfit(const char *setting)
{
	fprintf(stderr, "porcupine-bridge: the database runs with %s = off and would lose acknowledged messages: "
			"set %s = on and reload it\n", setting, setting);
	exit_code = 1;
	loop_stop();
}

static void
watch_signals(void)
{
	static const int numbers[] = {SIGTERM, SIGINT};

	for (int i = 0; i < 2; i++)
	{
		uv_signal_init(loop_get(), &signals[i]);
		uv_signal_start(&signals[i], on_signal, numbers[i]);
	}
}

static void
on_signal(uv_signal_t *handle, int number)
{
	(void) handle;
	log_write(LOG_INFO, "asked to stop", LOG_NUMBER("signal", number));
	if (drain_began == 0)
		begin_drain();
	else
		loop_stop();
}

static void
begin_drain(void)
{
	drain_began = loop_now();
	server_stop_accepting();
	http_drain();
	ws_drain();
	timer_start(&drain_timer, continue_drain, NULL, 0, LOOK_EVERY_MS);
}

/* First the database's answers, then the sockets' last words. */
static void
continue_drain(void *arg)
{
	uint64_t	passed = loop_now() - drain_began;

	(void) arg;
	if (!sockets_told)
	{
		if (!(sends_are_idle() && pool_is_idle()) && passed < DRAIN_PATIENCE_MS)
			return;
		sockets_told = true;
		drain_began = loop_now();
		verbs_drain();
	}
	else if (peer_count() == 0 || passed > CLOSE_PATIENCE_MS)
		loop_stop();
}
