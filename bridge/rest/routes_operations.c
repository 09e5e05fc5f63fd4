/*
 * routes_operations.c - the calls of whoever runs the bridge.
 */
#include "database.h"
#include "page.h"
#include "routetable.h"

static void run_livez(Request *request);
static void run_readyz(Request *request);

static const Route routes[] = {
	{HTTP_GET, "/livez", OPEN, 200, NULL, run_livez, NO_PARAMS},
	{HTTP_GET, "/readyz", OPEN, 200, NULL, run_readyz, NO_PARAMS},
	/* openapi.yaml, as the page's build has made JSON of it */
	{HTTP_GET, "/api/openapi.json", OPEN | PUBLIC, 200, NULL, page_handle, NO_PARAMS},
};

const RouteTable routes_operations = ROUTE_TABLE(routes);

static void
run_livez(Request *request)
{
	Text		content = {0};

	text_add(&content, "{\"status\":\"ok\"}");
	http_answer(request, 200, "application/json", &content);
}

static void
run_readyz(Request *request)
{
	const char *missing = database_missing();

	if (missing == NULL)
		run_livez(request);
	else
		call_refuse(request, ERROR_BUSY, 0, missing);
}
