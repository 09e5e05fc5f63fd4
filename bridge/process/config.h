/*
 * config.h - what the environment says, read once at start.
 */
#ifndef PORCUPINE_CONFIG_H
#define PORCUPINE_CONFIG_H

#include "address.h"
#include "log.h"
#include "nodes.h"
#include "oidcconfig.h"
#include "quotas.h"

#define CONFIG_MAX_ORIGINS 16
#define CONFIG_MAX_SEND_LANES 16

typedef struct Config
{
	const char *listen;			/* a numeric IPv4 or IPv6 address */
	int			port;
	int			workers;		/* processes that serve it */
	const char *database;		/* a libpq connection string; empty: libpq's own defaults */
	const char *replica;		/* the same, of a standby that pages of history are read from; empty: there is none */
	int			send_lanes;		/* connections of a process that send batches */
	const char *page;			/* the folder of the built page */
	const char *origins[CONFIG_MAX_ORIGINS + 1];	/* the page's own, NULL-terminated */
	const char *cors_origins[CONFIG_MAX_ORIGINS + 1];	/* others that may call, the same */
	Nodes		redis;			/* none: bridges tell each other by the database alone */
	bool		redis_cluster;	/* they are some of one cluster's */
	AddressRanges trusted_proxies;	/* whose X-Forwarded-For is believed */
	Quotas		limits;
	OidcSettings oidc;			/* providers that people may sign in with */
	LogLevel	log_level;
	char		metrics_address[64];	/* numeric; where GET /metrics is answered */
	int			metrics_port;	/* 0: nowhere */
} Config;

/*
 * Reads PORCUPINE_*; on a bad or unknown setting says so on stderr in one sentence and returns
 * NULL. The result lives as long as the process.
 */
extern const Config *config_read(void);

#endif
