/*
 * fetch.c - see fetch.h. It owns the multi handle, and what is under way.
 *
 * libcurl says which sockets it waits for and until when; the loop watches both for it. No callback of
 * libcurl's calls back into libcurl: what is finished is looked for when libcurl has returned.
 */
#include "fetch.h"
#include "loop.h"
#include "memory.h"
#include "text.h"

#include <curl/curl.h>
#include <stdlib.h>

#define CONNECT_PATIENCE_MS 3000L
#define PATIENCE_MS 5000L
#define MOST 64

struct Fetch
{
	CURL	   *easy;
	struct curl_slist *lines;
	Text		answer;
	FetchDone	done;
	void	   *arg;
};

/* A socket of libcurl's. */
typedef struct Watched
{
	SocketWatch *watch;
	curl_socket_t fd;
} Watched;

static CURLM *multi;
static Timer timer;
static bool http_is_allowed;
static const char *further_cas;
static int	under_way;

static void set_options(Fetch *fetch, const char *url, const char *body);
static size_t on_bytes(char *bytes, size_t one, size_t length, void *arg);
static int	on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *arg, void *assigned);
static int	on_timer_wanted(CURLM *handle, long ms, void *arg);
static void on_socket(void *arg, int status, int events);
static void on_timer(void *arg);
static void act(curl_socket_t fd, int events);
static void finish(Fetch *fetch, CURLcode code);

void
fetch_open(bool allow_http, const char *ca_file)
{
	http_is_allowed = allow_http;
	further_cas = ca_file;
	curl_global_init(CURL_GLOBAL_DEFAULT);
	multi = curl_multi_init();
	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
}

/* Whoever asks has forgotten what was under way. */
void
fetch_close(void)
{
	if (multi == NULL)
		return;
	timer_stop(&timer);
	curl_multi_cleanup(multi);
	multi = NULL;
	curl_global_cleanup();
}

Fetch *
fetch_begin(const char *url, const char *body, const char *authorization, FetchDone done, void *arg)
{
	Fetch	   *fetch;
	Text		line = {0};

	if (under_way == MOST)
		return NULL;
	under_way++;
	fetch = memory_alloc(sizeof(Fetch));
	fetch->easy = curl_easy_init();
	fetch->done = done;
	fetch->arg = arg;
	fetch->lines = curl_slist_append(NULL, "Accept: application/json");
	if (authorization != NULL)
	{
		text_format(&line, "Authorization: %s", authorization);
		fetch->lines = curl_slist_append(fetch->lines, line.bytes);
		text_free(&line);
	}
	set_options(fetch, url, body);
	curl_multi_add_handle(multi, fetch->easy);
	return fetch;
}

static void
set_options(Fetch *fetch, const char *url, const char *body)
{
	CURL	   *easy = fetch->easy;

	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, fetch);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, http_is_allowed ? "https,http" : "https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	/* in place of the system's file; the system's folder counts on */
	if (further_cas != NULL)
		curl_easy_setopt(easy, CURLOPT_CAINFO, further_cas);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_PATIENCE_MS);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, PATIENCE_MS);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "porcupine");
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, fetch->lines);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, fetch);
	if (body != NULL)
		curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, body);
}

void
fetch_forget(Fetch *fetch)
{
	if (fetch == NULL)
		return;
	curl_multi_remove_handle(multi, fetch->easy);
	curl_easy_cleanup(fetch->easy);
	curl_slist_free_all(fetch->lines);
	text_free(&fetch->answer);
	free(fetch);
	under_way--;
}

/* Fewer than came: libcurl ends the transfer. */
static size_t
on_bytes(char *bytes, size_t one, size_t length, void *arg)
{
	Fetch	   *fetch = arg;

	(void) one;
	if (fetch->answer.length + length > FETCH_MAX_ANSWER)
		return 0;
	text_bytes(&fetch->answer, bytes, length);
	return length;
}

/* --- the loop ------------------------------------------------------------------------------------ */

static int
on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *arg, void *assigned)
{
	Watched    *watched = assigned;
	int			events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);

	(void) easy;
	(void) arg;
	if (what == CURL_POLL_REMOVE)
	{
		if (watched != NULL)
			loop_unwatch(&watched->watch);
		free(watched);
		curl_multi_assign(multi, fd, NULL);
		return 0;
	}
	if (watched == NULL)
	{
		watched = memory_alloc(sizeof(Watched));
		watched->fd = fd;
		curl_multi_assign(multi, fd, watched);
	}
	loop_watch(&watched->watch, fd, events, on_socket, watched);
	return 0;
}

static int
on_timer_wanted(CURLM *handle, long ms, void *arg)
{
	(void) handle;
	(void) arg;
	if (ms < 0)
		timer_stop(&timer);
	else
		timer_start(&timer, on_timer, NULL, (uint64_t) ms, 0);
	return 0;
}

static void
on_socket(void *arg, int status, int events)
{
	const Watched *watched = arg;

	act(watched->fd, status < 0 ? CURL_CSELECT_ERR
		: (events & UV_READABLE ? CURL_CSELECT_IN : 0) | (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0));
}

static void
on_timer(void *arg)
{
	(void) arg;
	act(CURL_SOCKET_TIMEOUT, 0);
}

static void
act(curl_socket_t fd, int events)
{
	int			count;
	const CURLMsg *message;

	curl_multi_socket_action(multi, fd, events, &count);
	while ((message = curl_multi_info_read(multi, &count)) != NULL)
	{
		Fetch	   *fetch;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &fetch);
		finish(fetch, message->data.result);
	}
}

static void
finish(Fetch *fetch, CURLcode code)
{
	FetchDone	done = fetch->done;
	void	   *arg = fetch->arg;
	Text		answer = fetch->answer;
	long		status = 0;

	if (code == CURLE_OK)
		curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &status);
	fetch->answer = (Text) {0};
	fetch_forget(fetch);
	done(arg, (int) status, answer.bytes != NULL ? answer.bytes : "", answer.length,
		 code == CURLE_WRITE_ERROR ? "the answer is too large" : curl_easy_strerror(code));
	text_free(&answer);
}
