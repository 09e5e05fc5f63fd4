/*
 * call.c - see call.h. What a call means is the database's; here it is only carried there and back.
 */
#include "call.h"
#include "pool.h"

#include <string.h>

static const Config *config;

static void authenticate(Request *request);
static void on_verdict(void *arg, AuthVerdict verdict, const JwtClaims *claims);
static void run(Request *request);
static bool read_body(Request *request);
static bool needs_body(const Route *route);

void
call_open(const Config *given)
{
	config = given;
}

void
call_start(Request *request, Call *call)
{
	request->route = call;
	http_add_header(request, "Cache-Control", "no-store");
	if (call->route->flags & OPEN)
		run(request);
	else
		authenticate(request);
}

void
call_gone(Request *request)
{
	Call	   *call = call_of(request);

	if (call == NULL)
		return;
	cJSON_Delete(call->body);
	if (call->state != NULL)
		call->forget(call->state);
}

Call *
call_of(const Request *request)
{
	return (Call *) request->route;
}

/* --- who asks ------------------------------------------------------------------------------------------ */

static void
authenticate(Request *request)
{
	if (request->authorization == NULL || strncasecmp(request->authorization, "Bearer ", 7) != 0)
		call_refuse(request, ERROR_UNAUTHENTICATED, 0, "an access token is needed");
	else
		auth_check(&request->auth, request->authorization + 7, on_verdict, request);
}

static void
on_verdict(void *arg, AuthVerdict verdict, const JwtClaims *claims)
{
	Request    *request = arg;
	Problem		busy = errors_busy();

	request->who = *claims;
	if (verdict == AUTH_VALID)
		run(request);
	else if (verdict == AUTH_INVALID)
		call_refuse(request, ERROR_UNAUTHENTICATED, 0, "the access token does not verify or has expired");
	else
		http_answer_problem(request, &busy);
}

/* --- one statement -------------------------------------------------------------------------------------- */

static void
run(Request *request)
{
	const Call *call = call_of(request);

	if (!read_body(request))
		return;
	if (call->route->run != NULL)
		call->route->run(request);
	else
		call_run_sql(request, call_on_result);
}

/* An empty body is as good as an empty object: what is required will be missing. */
static bool
read_body(Request *request)
{
	Call	   *call = call_of(request);
	size_t		type_length = strlen("application/json");

	if (!request->has_length && needs_body(call->route))
	{
		call_refuse(request, ERROR_INVALID, 411, "send a body, with a Content-Length");
		return false;
	}
	if (request->body.length == 0)
		return true;
	if (request->content_type == NULL || strncasecmp(request->content_type, "application/json", type_length) != 0
		|| strchr("; \t", request->content_type[type_length]) == NULL)
	{
		call_refuse(request, ERROR_INVALID, 415, "the Content-Type of a body is application/json");
		return false;
	}
	call->body = json_parse(request->body.bytes, request->body.length);
	if (call->body == NULL)
		call_refuse(request, ERROR_INVALID, 0, "the body is not one JSON object in UTF-8 with each key once");
	return call->body != NULL;
}

static bool
needs_body(const Route *route)
{
	for (const Param *param = route->params; param->from != FROM_END; param++)
	{
		if (param->from == FROM_BODY && param->required)
			return true;
	}
	return false;
}

void
call_run_sql(Request *request, DbDone done)
{
	const Route *route = call_of(request)->route;
	DbRequest  *statement = db_request(route->sql, done, request);
	Problem		problem;

	if (route->flags & BY_SESSION)
		db_number(statement, request->who.session);
	else
		db_act_as(statement, request->who.session);
	if (call_add_params(request, statement, &problem))
	{
		call_submit(request, statement);
		return;
	}
	db_forget(statement);
	db_finish(statement, DB_AWAY, NULL);
	http_answer_problem(request, &problem);
}

void
call_submit(Request *request, DbRequest *statement)
{
	request->call = statement;
	pool_submit(call_of(request)->route->flags & SLOW ? LANE_SLOW : LANE_QUERY, statement);
}

bool
call_add_params(Request *request, DbRequest *statement, Problem *problem)
{
	const Call *call = call_of(request);
	ParamSource source = {
		.request = request, .body = call->body, .pattern = call->route->pattern,
		.path_values = (char **) call->values, .page_origin = config->origins[0],
	};

	return params_add(statement, call->route->params, &source, &request->arena, problem);
}

bool
call_is_own_origin(const char *origin)
{
	for (int i = 0; config->origins[i] != NULL; i++)
	{
		if (strcmp(config->origins[i], origin) == 0)
			return true;
	}
	return false;
}

/* --- its answer ------------------------------------------------------------------------------------------ */

bool
call_is_done(Request *request, DbOutcome outcome, const PGresult *result)
{
	Problem		problem;

	request->call = NULL;
	if (outcome == DB_DONE)
		return true;
	problem = errors_from_result(outcome == DB_REFUSED ? result : NULL);
	http_answer_problem(request, &problem);
	return false;
}

void
call_on_result(void *arg, DbOutcome outcome, const PGresult *result)
{
	Request    *request = arg;

	if (!call_is_done(request, outcome, result))
		return;
	if (call_of(request)->route->status == 204)
		http_answer(request, 204, NULL, NULL);
	else if (PQntuples(result) != 1 || PQgetisnull(result, 0, 0))
		call_refuse(request, ERROR_NOT_FOUND, 0, "nothing is there");
	else
		call_answer_json(request, PQgetvalue(result, 0, 0));
}

void
call_answer_json(Request *request, const char *json)
{
	Text		content = {0};

	text_add(&content, json);
	http_answer(request, call_of(request)->route->status, "application/json", &content);
}

void
call_refuse(Request *request, ErrorCode code, int status, const char *detail)
{
	Problem		problem = PROBLEM(code, detail);

	problem.status = status;
	http_answer_problem(request, &problem);
}
