/*
 * issuers.c - see issuers.h. The discovery document and the keys are read one after the other and
 * replace the former ones together; what was read before counts on while reading fails.
 */
#include "issuers.h"
#include "fetch.h"
#include "log.h"
#include "loop.h"
#include "text.h"

#include <string.h>

#define DISCOVERY "/.well-known/openid-configuration"
#define GOOD_FOR_MS (60 * 60 * 1000)
#define RETRY_EVERY_MS 1000
#define RENEW_EVERY_MS 10000

struct Issuer
{
	const OidcProvider *provider;
	bool		known;
	OidcMetadata metadata;
	JwsKeys		keys;
	uint64_t	read_at;
	uint64_t	failed_at;		/* 0: it did not, last time */
	uint64_t	renewed_at;		/* for a key that was missing; 0: never */
	Fetch	   *fetch;
	OidcMetadata coming;		/* read, while its keys are not */
	IssuerWait *waiting;
};

static const OidcSettings *settings;
static Issuer issuers[OIDC_MAX_PROVIDERS];

static void wait_for(Issuer *issuer, IssuerWait *wait, IssuerDone done, void *arg);
static void begin_read(Issuer *issuer);
static void on_metadata(void *arg, int status, const char *body, size_t length, const char *why);
static void on_keys(void *arg, int status, const char *body, size_t length, const char *why);
static void fail(Issuer *issuer, const char *what, int status, const char *why);
static void wake(Issuer *issuer);

void
issuers_open(const OidcSettings *given)
{
	settings = given;
	if (settings->count > 0)
		fetch_open(settings->insecure_loopback, settings->ca_file);
	for (int i = 0; i < settings->count; i++)
		issuers[i].provider = &settings->list[i];
}

void
issuers_close(void)
{
	for (int i = 0; i < settings->count; i++)
	{
		fetch_forget(issuers[i].fetch);
		oidc_free_metadata(&issuers[i].metadata);
		oidc_free_metadata(&issuers[i].coming);
		jws_free_keys(&issuers[i].keys);
	}
	fetch_close();
}

const OidcSettings *
issuers_settings(void)
{
	return settings;
}

Issuer *
issuer_find(const char *name)
{
	for (int i = 0; i < settings->count; i++)
	{
		if (strcmp(settings->list[i].name, name) == 0)
			return &issuers[i];
	}
	return NULL;
}

const OidcProvider *
issuer_provider(const Issuer *issuer)
{
	return issuer->provider;
}

const OidcMetadata *
issuer_metadata(const Issuer *issuer)
{
	return &issuer->metadata;
}

const JwsKeys *
issuer_keys(const Issuer *issuer)
{
	return &issuer->keys;
}

void
issuer_ask(Issuer *issuer, IssuerWait *wait, IssuerDone done, void *arg)
{
	uint64_t	now = loop_now();
	bool		stale = !issuer->known || now - issuer->read_at > GOOD_FOR_MS;
	bool		resting = issuer->failed_at != 0 && now - issuer->failed_at < RETRY_EVERY_MS;

	if (!stale || (resting && issuer->fetch == NULL))
		done(arg, issuer->known);
	else
		wait_for(issuer, wait, done, arg);
}

void
issuer_ask_again(Issuer *issuer, IssuerWait *wait, IssuerDone done, void *arg)
{
	uint64_t	now = loop_now();

	if (issuer->fetch == NULL && issuer->renewed_at != 0 && now - issuer->renewed_at < RENEW_EVERY_MS)
	{
		done(arg, issuer->known);
		return;
	}
	issuer->renewed_at = now;
	wait_for(issuer, wait, done, arg);
}

static void
wait_for(Issuer *issuer, IssuerWait *wait, IssuerDone done, void *arg)
{
	*wait = (IssuerWait) {.next = issuer->waiting, .issuer = issuer, .done = done, .arg = arg};
	issuer->waiting = wait;
	if (issuer->fetch == NULL)
		begin_read(issuer);
}

void
issuer_forget(IssuerWait *wait)
{
	if (wait->issuer == NULL)
		return;
	for (IssuerWait **link = &wait->issuer->waiting; *link != NULL; link = &(*link)->next)
	{
		if (*link == wait)
		{
			*link = wait->next;
			break;
		}
	}
	wait->issuer = NULL;
}

static void
begin_read(Issuer *issuer)
{
	const char *name = issuer->provider->issuer;
	size_t		length = strlen(name);
	Text		url = {0};

	text_bytes(&url, name, name[length - 1] == '/' ? length - 1 : length);
	text_add(&url, DISCOVERY);
	issuer->fetch = fetch_begin(url.bytes, NULL, NULL, on_metadata, issuer);
	text_free(&url);
	if (issuer->fetch == NULL)
		fail(issuer, "discovery document", 0, "too many requests are under way");
}

static void
on_metadata(void *arg, int status, const char *body, size_t length, const char *why)
{
	Issuer	   *issuer = arg;

	issuer->fetch = NULL;
	if (status == 200 && oidc_read_metadata(body, length, issuer->provider->issuer, settings->insecure_loopback, &issuer->coming, &why))
		issuer->fetch = fetch_begin(issuer->coming.jwks_uri, NULL, NULL, on_keys, issuer);
	if (issuer->fetch == NULL)
		fail(issuer, "discovery document", status, why);
}

static void
on_keys(void *arg, int status, const char *body, size_t length, const char *why)
{
	Issuer	   *issuer = arg;
	JwsKeys		keys = {0};

	issuer->fetch = NULL;
	if (status != 200 || !jws_read_keys(body, length, &keys))
	{
		jws_free_keys(&keys);
		fail(issuer, "keys", status, status == 200 ? "it is no JWK Set" : why);
		return;
	}
	oidc_free_metadata(&issuer->metadata);
	jws_free_keys(&issuer->keys);
	issuer->metadata = issuer->coming;
	issuer->coming = (OidcMetadata) {0};
	issuer->keys = keys;
	issuer->known = true;
	issuer->read_at = loop_now();
	issuer->failed_at = 0;
	wake(issuer);
}

static void
fail(Issuer *issuer, const char *what, int status, const char *why)
{
	log_write(LOG_WARNING, "an OpenID provider cannot be read", LOG_TEXT("provider", issuer->provider->name), LOG_TEXT("what", what),
			  LOG_NUMBER("status", status), LOG_TEXT("why", why != NULL ? why : ""));
	oidc_free_metadata(&issuer->coming);
	issuer->failed_at = loop_now();
	wake(issuer);
}

/* Who is woken may ask again, and waits in another list then; or has others forgotten that wait in this one. */
static void
wake(Issuer *issuer)
{
	bool		known = issuer->known;
	int			count = 0;

	for (IssuerWait *wait = issuer->waiting; wait != NULL; wait = wait->next)
		count++;
	while (count-- > 0 && issuer->waiting != NULL)
	{
		IssuerWait **last = &issuer->waiting;
		IssuerWait *wait;

		/* the oldest stands last, and whoever comes meanwhile first */
		while ((*last)->next != NULL)
			last = &(*last)->next;
		wait = *last;
		*last = NULL;
		wait->issuer = NULL;
		wait->done(wait->arg, known);
	}
}
