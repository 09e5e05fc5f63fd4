/*
 * http.h - HTTP/1.1 requests and their answers, on top of libwebsockets.
 *
 * A Request lives from its header to the last byte of its answer. It owns a pool; what its handler
 * started in the database is forgotten when the client goes away. Answers are written when the
 * socket takes them, never from within the handler.
 */
#ifndef PORCUPINE_HTTP_H
#define PORCUPINE_HTTP_H

#include "address.h"
#include "auth.h"
#include "cors.h"
#include "errors.h"
#include "loop.h"
#include "memory.h"
#include "pgconn.h"
#include "text.h"

#include <libwebsockets.h>

typedef enum HttpMethod
{
	HTTP_GET,
	HTTP_POST,
	HTTP_PATCH,
	HTTP_DELETE,
	HTTP_OPTIONS,
	HTTP_OTHER
} HttpMethod;

typedef struct Request
{
	struct lws *wsi;
	Arena		arena;
	HttpMethod	method;
	bool		head;			/* HEAD: as GET, without the body */
	bool		has_length;		/* it said how long its body is */
	char	   *path;
	bool		is_api;			/* the path is no file's and no view's of the page */
	char	  **query;			/* "name=value", NULL-terminated */
	char	   *content_type;	/* these are NULL when absent */
	char	   *authorization;
	char	   *cookie;
	char	   *origin;
	CorsOrigin	cors;			/* what that is to us */
	char	   *own_header;		/* X-Porcupine */
	char	   *fetch_site;		/* Sec-Fetch-Site */
	char	   *idempotency_key;
	char	   *if_none_match;
	char		address[ADDRESS_SIZE];	/* the client's, numeric; empty when it has gone */
	size_t		body_length;	/* as announced */
	Text		body;
	bool		handled;

	/* for the handler */
	AuthWait	auth;
	JwtClaims	who;
	DbRequest  *call;			/* under way; forgotten when the client goes */
	const void *route;
	int			route_number;	/* as metrics_name_route() knows it */
	double		began;			/* by metrics_clock() */

	/* the answer */
	bool		is_page;		/* a file of the page */
	bool		answered;
	bool		close;			/* after it, for the framing is not to be trusted */
	const char *cache_control;	/* NULL: the answer says nothing about it */
	Deferred	writing;
	Text		head_text;
	const char *content;
	Text		own_content;	/* what content points to, when the answer owns it */
	size_t		content_length;
} Request;

/* The layer above, registered once. */
typedef struct HttpHandlers
{
	/* The longest body that this path takes. */
	size_t		(*body_limit) (Request *request);
	/* The whole request is there: answer now or later. */
	void		(*handle) (Request *request);
	/* It is about to be freed, answered or not. */
	void		(*gone) (Request *request);
} HttpHandlers;

extern void http_set_handlers(const HttpHandlers *handlers);
/* The proxies that are believed when they say whose a request is; must outlive the process. */
extern void http_trust(const AddressRanges *proxies);
/* From now on answers end their connections. */
extern void http_drain(void);

/* A parameter of the query, decoded, or NULL. */
extern const char *http_query(const Request *request, const char *name);

/* Header lines for the answer, before it is given. */
extern void http_add_header(Request *request, const char *name, const char *value);
/* The answer; takes the content over. type NULL: no content. */
extern void http_answer(Request *request, int status, const char *type, Text *content);
/* The answer with content that outlives the request. */
extern void http_answer_static(Request *request, int status, const char *type, const char *content, size_t length);
extern void http_answer_problem(Request *request, const Problem *problem);
/* What a path of the API has, "GET, HEAD"; for a browser that asks before it calls, also whether it may. */
extern void http_answer_options(Request *request, const char *methods);

/* Whether this header of libwebsockets' request is there, and is that; in any case of letters. */
extern bool http_header_is(struct lws *wsi, enum lws_token_indexes token, const char *expected);
/* The client's address, while the header can be read: by its connection, or as a trusted proxy says. False: it has gone. */
extern bool http_client(struct lws *wsi, Address *client);

/* For the protocol callback; *slot is the connection's current request. Non-zero: hang up. */
extern int	http_on_header(struct lws *wsi, Request **slot, const char *path);
extern int	http_on_body(Request **slot, const char *bytes, size_t length);
extern int	http_on_body_end(Request **slot);
extern int	http_on_writeable(Request **slot);
extern void http_on_closed(Request **slot);

#endif
