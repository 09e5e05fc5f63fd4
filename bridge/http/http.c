/*
 * http.c - see http.h. It owns the requests that are under way.
 *
 * libwebsockets parses what the gate has let in. This file holds reading back while an answer is
 * being made, because libwebsockets would otherwise poll the unread bytes of the next request all the
 * while, and gives a connection back to the gate when the answer is out.
 */
#include "http.h"
#include "arrivals.h"
#include "gate.h"
#include "headers.h"
#include "log.h"
#include "metrics.h"
#include "refusal.h"
#include "writable.h"

#include <stdlib.h>
#include <string.h>

#define ANSWER_PATIENCE_S 30
/* a body may come slowly, but not for ever: the largest at 17 KB/s */
#define BODY_PATIENCE_S 30
#define LONG_ANSWER 65536
#define MAX_QUERY 16
#define FORWARDED_SIZE 2048

static const HttpHandlers *handlers;
static const AddressRanges *trusted_proxies;
static bool draining;

static Request *begin_request(struct lws *wsi, const char *path);
static void say_untrusted(const char *peer);
static HttpMethod read_method(struct lws *wsi, bool *head);
static void read_length(Request *request);
static char *copy_header(Request *request, enum lws_token_indexes token);
static char *copy_own_header(Request *request, const char *name);
static void read_query(Request *request);
static bool is_api(const char *path);
static int	say_continue(Request *request);
static void handle(Request *request);
static void begin_answer(Request *request, int status, const char *type, size_t length);
static void answer_last(Request *request);
static void write_answer(void *arg);
static int	finish(Request **slot);
static void free_request(Request **slot);

void
http_set_handlers(const HttpHandlers *given)
{
	handlers = given;
}

void
http_trust(const AddressRanges *proxies)
{
	trusted_proxies = proxies;
}

void
http_drain(void)
{
	draining = true;
}

/* --- a request comes in --------------------------------------------------------------------------- */

int
http_on_header(struct lws *wsi, Request **slot, const char *path)
{
	Request    *request;

	free_request(slot);
	request = *slot = begin_request(wsi, path);
	if (request->body_length > handlers->body_limit(request))
	{
		Problem		problem = PROBLEM(ERROR_TOO_LARGE, "the body is too large");

		request->close = true;
		http_answer_problem(request, &problem);
	}
	else if (request->body_length == 0)
		handle(request);
	else
		return say_continue(request);
	return 0;
}

int
http_on_body(Request **slot, const char *bytes, size_t length)
{
	Request    *request = *slot;
	size_t		missing;

	if (request == NULL || request->handled || request->answered)
		return 0;
	if (metrics_clock() - request->began > BODY_PATIENCE_S)
		return -1;
	missing = request->body_length - request->body.length;
	text_bytes(&request->body, bytes, length < missing ? length : missing);
	/* libwebsockets 4.3 hands on what follows the body, too, and does not say then that the body has ended */
	return length > missing ? http_on_body_end(slot) : 0;
}

int
http_on_body_end(Request **slot)
{
	Request    *request = *slot;

	if (request == NULL)
		return 0;
	if (!request->handled && !request->answered)
		handle(request);
	return 0;
}

static Request *
begin_request(struct lws *wsi, const char *path)
{
	Request    *request = memory_alloc(sizeof(Request));
	Address		client;

	metrics_add(METRIC_HTTP_OPEN, 1);
	request->began = metrics_clock();
	request->wsi = wsi;
	request->path = arena_text(&request->arena, path, strlen(path));
	request->is_api = is_api(path);
	request->method = read_method(wsi, &request->head);
	request->content_type = copy_header(request, WSI_TOKEN_HTTP_CONTENT_TYPE);
	request->authorization = copy_header(request, WSI_TOKEN_HTTP_AUTHORIZATION);
	request->cookie = copy_header(request, WSI_TOKEN_HTTP_COOKIE);
	request->origin = copy_header(request, WSI_TOKEN_ORIGIN);
	request->cors = cors_judge(request->origin);
	request->if_none_match = copy_header(request, WSI_TOKEN_HTTP_IF_NONE_MATCH);
	request->own_header = copy_own_header(request, "x-porcupine:");
	request->fetch_site = copy_own_header(request, "sec-fetch-site:");
	request->idempotency_key = copy_own_header(request, "idempotency-key:");
	if (http_client(wsi, &client))
		address_write(&client, request->address);
	read_query(request);
	read_length(request);
	return request;
}

bool
http_client(struct lws *wsi, Address *client)
{
	char		text[ADDRESS_SIZE] = "";
	char		forwarded[FORWARDED_SIZE];
	Address		peer;

	lws_get_peer_simple(wsi, text, sizeof(text));
	if (!address_read(text, strlen(text), &peer))
		return false;
	/* what does not fit was not made by a proxy that one would trust */
	if (lws_hdr_copy(wsi, forwarded, sizeof(forwarded), WSI_TOKEN_X_FORWARDED_FOR) < 0)
		forwarded[0] = '\0';
	*client = address_of_client(&peer, forwarded, trusted_proxies);
	if (forwarded[0] != '\0' && !address_is_in(&peer, trusted_proxies))
		say_untrusted(text);
	return true;
}

/* Once: whoever has put a proxy there wants to know, and whoever sends it without one does not matter. */
static void
say_untrusted(const char *peer)
{
	static bool said;

	if (!said)
		log_write(LOG_WARNING, "X-Forwarded-For is not believed: if that is your proxy, name it in PORCUPINE_TRUSTED_PROXIES",
				  LOG_TEXT("from", peer));
	said = true;
}

static bool
is_api(const char *path)
{
	static const char *const prefixes[] = {"/api", "/.well-known", "/ws"};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
	{
		size_t		length = strlen(prefixes[i]);

		if (strncmp(path, prefixes[i], length) == 0 && (path[length] == '/' || path[length] == '\0'))
			return true;
	}
	return false;
}

static HttpMethod
read_method(struct lws *wsi, bool *head)
{
	char	   *uri;
	int			length;

	switch (lws_http_get_uri_and_method(wsi, &uri, &length))
	{
		case LWSHUMETH_HEAD:
			*head = true;
			return HTTP_GET;
		case LWSHUMETH_GET:
			return HTTP_GET;
		case LWSHUMETH_POST:
			return HTTP_POST;
		case LWSHUMETH_PATCH:
			return HTTP_PATCH;
		case LWSHUMETH_DELETE:
			return HTTP_DELETE;
		case LWSHUMETH_OPTIONS:
			return HTTP_OPTIONS;
		default:
			return HTTP_OTHER;
	}
}

/* The gate has seen that it is a number. */
static void
read_length(Request *request)
{
	char		length[24];
	int64_t		number;

	request->has_length = lws_hdr_copy(request->wsi, length, sizeof(length), WSI_TOKEN_HTTP_CONTENT_LENGTH) > 0;
	if (request->has_length && text_to_number(length, INT64_MAX, &number))
		request->body_length = (size_t) number;
	/* without a length libwebsockets would go on reading a body that is not there */
	request->close = !request->has_length && (request->method == HTTP_POST || request->method == HTTP_PATCH
											  || request->method == HTTP_OTHER);
}

static char *
copy_header(Request *request, enum lws_token_indexes token)
{
	int			length = lws_hdr_total_length(request->wsi, token);
	char	   *copy;

	if (length <= 0)
		return NULL;
	copy = arena_alloc(&request->arena, (size_t) length + 1);
	return lws_hdr_copy(request->wsi, copy, length + 1, token) >= 0 ? copy : NULL;
}

static char *
copy_own_header(Request *request, const char *name)
{
	int			name_length = (int) strlen(name);
	int			length = lws_hdr_custom_length(request->wsi, name, name_length);
	char	   *copy;

	if (length < 0)
		return NULL;
	copy = arena_alloc(&request->arena, (size_t) length + 1);
	return lws_hdr_custom_copy(request->wsi, copy, length + 1, name, name_length) >= 0 ? copy : NULL;
}

static void
read_query(Request *request)
{
	int			count = 0;
	int			length;

	request->query = arena_alloc(&request->arena, (MAX_QUERY + 1) * sizeof(char *));
	while (count < MAX_QUERY
		   && (length = lws_hdr_fragment_length(request->wsi, WSI_TOKEN_HTTP_URI_ARGS, count)) > 0)
	{
		char	   *piece = arena_alloc(&request->arena, (size_t) length + 1);

		if (lws_hdr_copy_fragment(request->wsi, piece, length + 1, WSI_TOKEN_HTTP_URI_ARGS, count) < 0)
			break;
		request->query[count++] = piece;
	}
	request->query[count] = NULL;
}

/* A client that waits to be told before it sends its body (RFC 9110, section 10.1.1). */
static int
say_continue(Request *request)
{
	static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
	unsigned char bytes[LWS_PRE + sizeof(line)];

	if (lws_hdr_total_length(request->wsi, WSI_TOKEN_HTTP_EXPECT) <= 0 || !http_header_is(request->wsi, WSI_TOKEN_HTTP, "HTTP/1.1"))
		return 0;
	memcpy(bytes + LWS_PRE, line, sizeof(line));
	return lws_write(request->wsi, bytes + LWS_PRE, sizeof(line) - 1, LWS_WRITE_HTTP) < 0 ? -1 : 0;
}

bool
http_header_is(struct lws *wsi, enum lws_token_indexes token, const char *expected)
{
	char		value[32];

	return lws_hdr_copy(wsi, value, sizeof(value), token) > 0 && strcasecmp(value, expected) == 0;
}

static void
handle(Request *request)
{
	request->handled = true;
	arrivals_forget(request->wsi);
	lws_rx_flow_control(request->wsi, 0);
	lws_set_timeout(request->wsi, PENDING_TIMEOUT_HTTP_CONTENT, ANSWER_PATIENCE_S);
	if (request->is_api && request->cors == CORS_FOREIGN)
	{
		Problem		problem = PROBLEM(ERROR_ROLE, "this origin may not call");

		http_answer_problem(request, &problem);
	}
	else
		handlers->handle(request);
}

const char *
http_query(const Request *request, const char *name)
{
	size_t		length = strlen(name);

	for (int i = 0; request->query[i] != NULL; i++)
	{
		if (strncmp(request->query[i], name, length) == 0 && request->query[i][length] == '=')
			return request->query[i] + length + 1;
	}
	return NULL;
}

/* --- its answer -------------------------------------------------------------------------------------- */

void
http_add_header(Request *request, const char *name, const char *value)
{
	text_format(&request->head_text, "%s: %s\r\n", name, value);
}

void
http_answer(Request *request, int status, const char *type, Text *content)
{
	if (content != NULL)
	{
		request->own_content = *content;
		request->content = content->bytes;
		*content = (Text) {0};
	}
	begin_answer(request, status, type, request->own_content.length);
}

void
http_answer_static(Request *request, int status, const char *type, const char *content, size_t length)
{
	request->content = content;
	begin_answer(request, status, type, length);
}

void
http_answer_problem(Request *request, const Problem *problem)
{
	Text		content = {0};
	int			status = problem->status != 0 ? problem->status : errors_kind(problem->code)->status;
	char		seconds[24];

	if (problem->retry_after >= 0)
	{
		snprintf(seconds, sizeof(seconds), "%lld", (long long) problem->retry_after);
		http_add_header(request, "Retry-After", seconds);
	}
	if (status == 401)
		http_add_header(request, "WWW-Authenticate", "Bearer");
	/* a refusal is nobody's to keep */
	request->cache_control = "no-store";
	errors_write_problem(&content, problem);
	http_answer(request, status, "application/problem+json", &content);
}

void
http_answer_options(Request *request, const char *methods)
{
	http_add_header(request, "Allow", methods);
	if (request->cors == CORS_OWN || request->cors == CORS_LISTED)
		cors_add_preflight_lines(&request->head_text, methods);
	http_answer(request, 204, NULL, NULL);
}

/* head_text holds the lines that were added; the answer's head is put before them. */
static void
begin_answer(Request *request, int status, const char *type, size_t length)
{
	Text		added = request->head_text;
	Text		head = {0};

	text_reserve(&head, LWS_PRE);
	head.length = LWS_PRE;
	text_format(&head, "HTTP/1.1 %d %s\r\n%s", status, refusal_phrase(status),
				headers_lines(request->is_page ? HEADERS_OF_PAGE : HEADERS_OF_CALL));
	if (request->is_api)
		cors_add_lines(&head, request->cors, request->origin);
	if (status != 204 && status != 304)
		text_format(&head, "Content-Length: %zu\r\n", length);
	if (type != NULL)
		text_format(&head, "Content-Type: %s\r\n", type);
	if (request->cache_control != NULL)
		text_format(&head, "Cache-Control: %s\r\n", request->cache_control);
	request->content_length = request->head ? 0 : length;
	/* while a long one is written libwebsockets would read what comes next, on which 4.3 hangs up */
	if (draining || request->content_length > LONG_ANSWER || gate_has_more(request->wsi))
		request->close = true;
	if (request->close)
		text_add(&head, "Connection: close\r\n");
	text_bytes(&head, added.bytes != NULL ? added.bytes : "", added.length);
	text_add(&head, "\r\n");
	text_free(&added);
	request->head_text = head;
	request->answered = true;
	/* perhaps before it is whole */
	arrivals_forget(request->wsi);
	metrics_answered(request->route_number, status, metrics_clock() - request->began);
	log_write(LOG_DEBUG, "answered", LOG_NUMBER("status", status));
	if (request->close)
	{
		answer_last(request);
		return;
	}
	loop_defer(LOOP_WRITE, &request->writing, write_answer, request);
}

/* Most answers are gone after that, and the connection has been written to in one turn of the loop. */
static void
write_answer(void *arg)
{
	struct lws *wsi = ((Request *) arg)->wsi;

	/* libwebsockets does not write either while reading is held back */
	lws_rx_flow_control(wsi, 1);
	lws_callback_on_writable(wsi);
	writable_now(wsi);
}

/*
 * What ends the connection is not libwebsockets' to write: it would read on, and close over what it has not read. The
 * content is there until the connection is closed, for so is the request.
 */
static void
answer_last(Request *request)
{
	Text		head = {0};

	text_bytes(&head, request->head_text.bytes + LWS_PRE, request->head_text.length - LWS_PRE);
	gate_end(request->wsi, &head, request->content, request->content_length);
}

int
http_on_writeable(Request **slot)
{
	Request    *request = *slot;
	int			written = 0;

	if (request == NULL || !request->answered || request->close)
		return 0;
	if (request->head_text.length > 0)
	{
		text_bytes(&request->head_text, request->content, request->content_length);
		written = lws_write(request->wsi, (unsigned char *) request->head_text.bytes + LWS_PRE, request->head_text.length - LWS_PRE, LWS_WRITE_HTTP);
		text_free(&request->head_text);
	}
	return written < 0 ? -1 : finish(slot);
}

static int
finish(Request **slot)
{
	Request    *request = *slot;
	struct lws *wsi = request->wsi;

	if (gate_has_read_on(wsi))
		return -1;
	/* while reading is held back, libwebsockets does not send what the socket has not taken */
	if (lws_partial_buffered(wsi))
	{
		lws_callback_on_writable(wsi);
		return 0;
	}
	free_request(slot);
	/* the slot does not outlive this */
	if (lws_http_transaction_completed(wsi) != 0)
		return -1;
	arrivals_await(wsi);
	gate_await_next(wsi);
	return 0;
}

void
http_on_closed(Request **slot)
{
	free_request(slot);
}

static void
free_request(Request **slot)
{
	Request    *request = *slot;

	if (request == NULL)
		return;
	*slot = NULL;
	metrics_add(METRIC_HTTP_OPEN, -1);
	handlers->gone(request);
	auth_forget(&request->auth);
	loop_undefer(&request->writing);
	if (request->call != NULL)
		db_forget(request->call);
	text_free(&request->body);
	text_free(&request->head_text);
	text_free(&request->own_content);
	arena_free(&request->arena);
	free(request);
}
