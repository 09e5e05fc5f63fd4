/*
 * routes.c - see routes.h. It finds the row that a request is for, whichever table that stands in, and
 * answers for what stands in none. What calls mean is the tables' (routetable.h).
 */
#include "routes.h"
#include "metrics.h"
#include "page.h"
#include "repeat.h"
#include "routetable.h"

#include <stdlib.h>
#include <string.h>

#define NORMAL_BODY (96 * 1024)
#define LARGE_BODY (512 * 1024)

static const RouteTable *const tables[] = {
	&routes_accounts, &routes_oidc, &routes_rooms, &routes_members, &routes_events, &routes_keys, &routes_operations
};

#define N_TABLES (sizeof(tables) / sizeof(tables[0]))
#define MAX_ROUTES (METRICS_MAX_ROUTES - 1)

/* All of them; what stands first is looked at first. A route's number is its place here and one. */
static const Route *routes[MAX_ROUTES];
static const char *repeatable[MAX_ROUTES];	/* their statements for those that are repeated, or NULL */
static size_t n_routes;

static void list_routes(void);
static const char *wrap(const Route *route);
static void name_routes(void);
static size_t body_limit(Request *request);
static void on_request(Request *request);
static Call *find_route(Request *request, Text *allowed);
static void answer_unknown(Request *request, const Text *allowed);

static const HttpHandlers handlers = {body_limit, on_request, call_gone};

void
routes_open(const Config *config)
{
	call_open(config);
	http_set_handlers(&handlers);
	list_routes();
	name_routes();
}

static void
list_routes(void)
{
	for (size_t t = 0; t < N_TABLES; t++)
	{
		for (size_t i = 0; i < tables[t]->count; i++)
		{
			if (n_routes == MAX_ROUTES)
				abort();		/* there are more than the metrics have room for */
			routes[n_routes] = &tables[t]->routes[i];
			repeatable[n_routes] = wrap(routes[n_routes]);
			n_routes++;
		}
	}
}

/* What is made by one POST of somebody who is known; messages have their client_id. */
static const char *
wrap(const Route *route)
{
	int			params = 0;

	if (route->method != HTTP_POST || route->run != NULL || (route->flags & OPEN))
		return NULL;
	while (route->params[params].from != FROM_END)
		params++;
	return repeat_wrap(route->sql, params);
}

/* As the metrics know them. */
static void
name_routes(void)
{
	static const char *const methods[] = {"GET", "POST", "PATCH", "DELETE"};

	for (size_t i = 0; i < n_routes; i++)
	{
		Text		name = {0};

		text_format(&name, "%s %s", methods[routes[i]->method], routes[i]->pattern);
		metrics_name_route((int) i + 1, name.bytes);
	}
}

/* --- finding the route ------------------------------------------------------------------------------- */

static size_t
body_limit(Request *request)
{
	Call	   *call = find_route(request, NULL);

	return call != NULL && (call->route->flags & LARGE) ? LARGE_BODY : NORMAL_BODY;
}

static void
on_request(Request *request)
{
	Text		allowed = {0};
	Call	   *call = find_route(request, &allowed);

	if (call == NULL)
		answer_unknown(request, &allowed);
	else
	{
		request->route_number = call->route_number;
		call_start(request, call);
	}
	text_free(&allowed);
}

/* NULL: no route; allowed then names the methods that this path has. */
static Call *
find_route(Request *request, Text *allowed)
{
	static const char *const names[] = {"GET, HEAD", "POST", "PATCH", "DELETE"};
	Call	   *call = arena_alloc(&request->arena, sizeof(Call));

	*call = (Call) {0};
	for (size_t i = 0; i < n_routes; i++)
	{
		if (!params_match(routes[i]->pattern, request->path, &request->arena, call->values))
			continue;
		if (routes[i]->method == request->method)
		{
			call->route = routes[i];
			call->route_number = (int) i + 1;
			call->repeatable = repeatable[i];
			return call;
		}
		if (allowed != NULL)
			text_format(allowed, "%s%s", allowed->length > 0 ? ", " : "", names[routes[i]->method]);
	}
	return NULL;
}

static void
answer_unknown(Request *request, const Text *allowed)
{
	if (allowed->length > 0 && request->method == HTTP_OPTIONS)
		http_answer_options(request, allowed->bytes);
	else if (allowed->length > 0)
	{
		http_add_header(request, "Allow", allowed->bytes);
		call_refuse(request, ERROR_INVALID, 405, "this path has no such method");
	}
	else if (request->is_api)
		call_refuse(request, ERROR_NOT_FOUND, 0, "nothing is at this path");
	else if (request->method != HTTP_GET)
	{
		http_add_header(request, "Allow", "GET, HEAD");
		call_refuse(request, ERROR_INVALID, 405, "the page is read by GET");
	}
	else
		page_handle(request);
}
