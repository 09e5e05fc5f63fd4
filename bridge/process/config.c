/*
 * config.c - see config.h. It owns the one Config; the settings stand in one table.
 */
#include "config.h"
#include "memory.h"
#include "text.h"
#include "workers.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define PREFIX "PORCUPINE_"

typedef struct Setting
{
	const char *name;
	const char *fallback;		/* used when the variable is absent */
	const char *expected;		/* completes "… is not " */
	bool		secret;			/* its value is never shown */
	bool		(*apply) (Config *config, const char *value);
} Setting;

static bool apply_listen(Config *config, const char *value);
static bool apply_port(Config *config, const char *value);
static bool apply_workers(Config *config, const char *value);
static bool apply_database(Config *config, const char *value);
static bool apply_replica(Config *config, const char *value);
static bool apply_send_lanes(Config *config, const char *value);
static bool apply_page(Config *config, const char *value);
static bool apply_origins(Config *config, const char *value);
static bool apply_cors_origins(Config *config, const char *value);
static bool read_origins(const char *value, const char **origins);
static bool apply_redis(Config *config, const char *value);
static bool apply_redis_cluster(Config *config, const char *value);
static bool apply_trusted_proxies(Config *config, const char *value);
static bool apply_limits(Config *config, const char *value);
static bool apply_oidc_providers(Config *config, const char *value);
static bool apply_oidc_ca_file(Config *config, const char *value);
static bool apply_insecure_loopback(Config *config, const char *value);
static bool apply_on_or_off(const char *value, bool *is_on);
static bool apply_log_level(Config *config, const char *value);
static bool apply_metrics(Config *config, const char *value);
static bool all_known(void);

/* The port stands before the origins and the workers before the lanes, whose defaults go by them. */
static const Setting settings[] = {
	{PREFIX "LISTEN", "127.0.0.1", "a numeric IPv4 or IPv6 address", false, apply_listen},
	{PREFIX "PORT", "8080", "a port from 1 to 65535", false, apply_port},
	{PREFIX "WORKERS", "1", "a number of processes from 1 to 64", false, apply_workers},
	{PREFIX "DATABASE", "", "a libpq connection string", true, apply_database},
	{PREFIX "REPLICA", "", "a libpq connection string", true, apply_replica},
	{PREFIX "SEND_LANES", "", "a number of connections from 1 to 16", false, apply_send_lanes},
	{PREFIX "PAGE", "web/dist", "the name of a folder", false, apply_page},
	{PREFIX "ORIGINS", "", "a list of at most 16 origins like https://chat.example.org, with commas between", false, apply_origins},
	{PREFIX "CORS_ORIGINS", "", "a list of at most 16 origins like https://shop.example.org, with commas between", false, apply_cors_origins},
	{PREFIX "REDIS", "", "a list of at most 16 nodes like redis://user:password@10.0.0.1:6379, with commas between", true, apply_redis},
	{PREFIX "REDIS_CLUSTER", "off", "on or off", false, apply_redis_cluster},
	{PREFIX "TRUSTED_PROXIES", "", "a list of at most 64 addresses and ranges like 10.0.0.0/8 or ::1, with commas between", false, apply_trusted_proxies},
	{PREFIX "LIMITS", "on", "on, off or a list of limits like login=20/10m, sockets_user=100, reads=off and scale=10, with commas between", false, apply_limits},
	{PREFIX "OIDC_PROVIDERS", "", "a list of at most 8 names of a-z and 0-9, with commas between", false, apply_oidc_providers},
	{PREFIX "OIDC_CA_FILE", "", "a file that can be read, with certificates as PEM", false, apply_oidc_ca_file},
	{PREFIX "OIDC_INSECURE_LOOPBACK", "off", "on or off", false, apply_insecure_loopback},
	{PREFIX "LOG_LEVEL", "info", "one of debug, info, warning, error", false, apply_log_level},
	{PREFIX "METRICS", "", "an address and a port like 127.0.0.1:9464 or [::1]:9464", false, apply_metrics},
};

#define N_SETTINGS (sizeof(settings) / sizeof(settings[0]))

static Config config;

extern char **environ;

const Config *
config_read(void)
{
	for (size_t i = 0; i < N_SETTINGS; i++)
	{
		const char *value = getenv(settings[i].name);

		if (!settings[i].apply(&config, value != NULL ? value : settings[i].fallback))
		{
			fprintf(stderr, "porcupine-bridge: %s=%s is not %s\n", settings[i].name,
					settings[i].secret ? "(hidden)" : value, settings[i].expected);
			return NULL;
		}
	}
	return all_known() && oidcconfig_read(&config.oidc) ? &config : NULL;
}

/* A mistyped name would otherwise leave its default in force without a word. */
static bool
all_known(void)
{
	for (char **variable = environ; *variable != NULL; variable++)
	{
		size_t		length = strcspn(*variable, "=");
		bool		known = strncmp(*variable, PREFIX, strlen(PREFIX)) != 0;

		for (size_t i = 0; i < N_SETTINGS && !known; i++)
			known = strlen(settings[i].name) == length && strncmp(*variable, settings[i].name, length) == 0;
		known = known || oidcconfig_has(&config.oidc, *variable, length);
		if (!known)
		{
			fprintf(stderr, "porcupine-bridge: there is no setting %.*s\n", (int) length, *variable);
			return false;
		}
	}
	return true;
}

static bool
apply_listen(Config *target, const char *value)
{
	struct in6_addr address;

	target->listen = value;
	return inet_pton(AF_INET, value, &address) == 1 || inet_pton(AF_INET6, value, &address) == 1;
}

static bool
apply_port(Config *target, const char *value)
{
	int64_t		port;

	if (!text_to_number(value, 65535, &port) || port == 0)
		return false;
	target->port = (int) port;
	return true;
}

static bool
apply_workers(Config *target, const char *value)
{
	int64_t		count;

	if (!text_to_number(value, WORKERS_MAX, &count) || count == 0)
		return false;
	target->workers = (int) count;
	return true;
}

static bool
apply_database(Config *target, const char *value)
{
	target->database = value;
	return true;
}

static bool
apply_replica(Config *target, const char *value)
{
	target->replica = value;
	return true;
}

/* Each keeps a processor of the database busy, and fewer make larger batches. */
static bool
apply_send_lanes(Config *target, const char *value)
{
	int64_t		count;

	if (*value == '\0')
	{
		count = (int64_t) uv_available_parallelism() / 2 / target->workers;
		count = count < 1 ? 1 : count > CONFIG_MAX_SEND_LANES ? CONFIG_MAX_SEND_LANES : count;
	}
	else if (!text_to_number(value, CONFIG_MAX_SEND_LANES, &count) || count == 0)
		return false;
	target->send_lanes = (int) count;
	return true;
}

static bool
apply_page(Config *target, const char *value)
{
	target->page = value;
	return *value != '\0';
}

static bool
apply_origins(Config *target, const char *value)
{
	Text		fallback = {0};
	bool		ok;

	if (*value == '\0')
	{
		text_format(&fallback, "http://localhost:%d,http://127.0.0.1:%d", target->port, target->port);
		value = fallback.bytes;
	}
	ok = read_origins(value, target->origins);
	text_free(&fallback);
	return ok;
}

static bool
apply_cors_origins(Config *target, const char *value)
{
	return *value == '\0' || read_origins(value, target->cors_origins);
}

static bool
read_origins(const char *value, const char **origins)
{
	char	   *copy = memory_text(value);
	char	   *rest = copy;
	char	   *origin;
	int			count = 0;

	while ((origin = strsep(&rest, ",")) != NULL)
	{
		const char *host = strstr(origin, "://");

		/* exactly as browsers send it: a scheme and an authority, nothing after them */
		if (host == NULL || (strncmp(origin, "http://", 7) != 0 && strncmp(origin, "https://", 8) != 0)
			|| host[3] == '\0' || strpbrk(host + 3, "/ ?#;'\"\\*@\r\n") != NULL || count == CONFIG_MAX_ORIGINS)
		{
			free(copy);
			return false;
		}
		origins[count++] = origin;
	}
	return true;
}

static bool
apply_redis(Config *target, const char *value)
{
	return *value == '\0' || nodes_read(value, &target->redis);
}

static bool
apply_redis_cluster(Config *target, const char *value)
{
	return apply_on_or_off(value, &target->redis_cluster);
}

static bool
apply_on_or_off(const char *value, bool *is_on)
{
	*is_on = strcmp(value, "on") == 0;
	return *is_on || strcmp(value, "off") == 0;
}

static bool
apply_trusted_proxies(Config *target, const char *value)
{
	return *value == '\0' || address_read_ranges(value, &target->trusted_proxies);
}

static bool
apply_limits(Config *target, const char *value)
{
	return quotas_read(value, &target->limits);
}

static bool
apply_oidc_providers(Config *target, const char *value)
{
	return oidcconfig_names(value, &target->oidc);
}

static bool
apply_oidc_ca_file(Config *target, const char *value)
{
	return oidcconfig_ca_file(value, &target->oidc);
}

static bool
apply_insecure_loopback(Config *target, const char *value)
{
	return apply_on_or_off(value, &target->oidc.insecure_loopback);
}

static bool
apply_log_level(Config *target, const char *value)
{
	return log_parse_level(value, &target->log_level);
}

static bool
apply_metrics(Config *target, const char *value)
{
	const char *colon = strrchr(value, ':');
	bool		is_six = *value == '[';
	size_t		length = colon != NULL ? (size_t) (colon - value) : 0;
	struct in6_addr address;
	int64_t		port;

	if (*value == '\0')
		return true;
	if (is_six && length > 2 && colon[-1] == ']')
	{
		value++;
		length -= 2;
	}
	if (length == 0 || length >= sizeof(target->metrics_address))
		return false;
	memcpy(target->metrics_address, value, length);
	target->metrics_address[length] = '\0';
	if (!text_to_number(colon + 1, 65535, &port) || port == 0)
		return false;
	target->metrics_port = (int) port;
	return inet_pton(is_six ? AF_INET6 : AF_INET, target->metrics_address, &address) == 1;
}
