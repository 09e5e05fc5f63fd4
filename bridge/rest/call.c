/*
 * call.c - see call.h. What a call means is the database's; here it is only carried there and back.
 */
#include "call.h"
#include "cookie.h"
#include "cors.h"
#include "pool.h"
#include "repeat.h"

#include <stdio.h>
#include <sodium.h>
#include <string.h>

static const Config *config;

static void authenticate(Request *request);
static void on_verdict(void *arg, AuthVerdict verdict, const JwtClaims *claims);
static void charge(Request *request);
static const char *name_tried(Request *request);
static int64_t address_place(const Request *request);
static void on_charged(void *arg, const Verdict *verdict);
static void tell_limits(Request *request, const Verdict *verdict);
static void refuse_rate(Request *request, int64_t seconds);
static void settle(Request *request, DbOutcome outcome, const PGresult *result);
static void run(Request *request);
static bool read_body(Request *request);
static bool is_known(Request *request, const char *json);
static bool needs_body(const Route *route);

void
call_open(const Config *given)
{
	config = given;
}

void
call_start(Request *request, Call *call)
{
	int64_t		wait;

	request->route = call;
	if (!(call->route->flags & (PUBLIC | KEEPABLE)))
		request->cache_control = "no-store";
	wait = limiter_take(LIMIT_REQUESTS, address_place(request));
	if (wait > 0)
		refuse_rate(request, wait);
	else if (call->route->flags & OPEN)
		charge(request);
	else
		authenticate(request);
}

void
call_gone(Request *request)
{
	Call	   *call = call_of(request);

	if (call == NULL)
		return;
	limiter_forget(&call->charge);
	attempts_end(&call->attempt);
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
		charge(request);
	else if (verdict == AUTH_INVALID)
		call_refuse(request, ERROR_UNAUTHENTICATED, 0, "the access token does not verify or has expired");
	else
		http_answer_problem(request, &busy);
}

/* --- how often ----------------------------------------------------------------------------------------- */

/* Before anything that costs: whoever comes too often is not heard. */
static void
charge(Request *request)
{
	Call	   *call = call_of(request);
	int			flags = call->route->flags;
	int64_t		user = places_of_user(request->who.user);
	int64_t		address = address_place(request);

	if (!read_body(request))
		return;
	if (flags & (SIGNS_IN | REGISTERS))
		attempts_identify(&call->attempt, request, name_tried(request));
	if (flags & SIGNS_IN)
		attempts_charge(&call->attempt, &call->charge);
	else if (flags & REGISTERS)
		limiter_add(&call->charge, LIMIT_REGISTER, address, 0, LIMITER_ANY);
	else if (flags & REFRESHES)
		limiter_add(&call->charge, LIMIT_REFRESH, address, 0, LIMITER_ANY);
	else if (flags & JOINS)
	{
		limiter_add(&call->charge, LIMIT_JOIN, user, 0, LIMITER_ANY);
		limiter_add(&call->charge, LIMIT_JOIN_ADDRESS, address, 0, LIMITER_ANY);
	}
	else if (flags & PREVIEWS)
		limiter_add(&call->charge, LIMIT_PREVIEW, user, 0, LIMITER_ANY);
	else if (flags & RENAMES)
		limiter_add(&call->charge, LIMIT_PROFILE, user, 0, LIMITER_ANY);
	else if (!(flags & OPEN))
		limiter_add(&call->charge, flags & SLOW ? LIMIT_PASSWORD : request->method == HTTP_GET ? LIMIT_READS : LIMIT_WRITES,
				   user, 0, LIMITER_ANY);
	if (call->charge.count > 0)
		limiter_ask(&call->charge, on_charged, request);
	else
		run(request);
}

/* Of an offer the account, with which its ticket begins and a colon, which no name has: another ticket is not another account. */
static const char *
name_tried(Request *request)
{
	const Call *call = call_of(request);
	char	   *ticket;

	if (!(call->route->flags & BY_OFFER))
		return json_string(call->body, "username");
	ticket = call_cookie(request, CALL_OFFER_COOKIE);
	if (ticket != NULL && strchr(ticket, ':') != NULL)
		strchr(ticket, ':')[1] = '\0';
	return ticket;
}

static int64_t
address_place(const Request *request)
{
	Address		client = {{0}};

	/* of those that have gone meanwhile there is one for all */
	(void) address_read(request->address, strlen(request->address), &client);
	return places_of_address(&client);
}

static void
on_charged(void *arg, const Verdict *verdict)
{
	Request    *request = arg;
	Call	   *call = call_of(request);
	bool		known = !(call->route->flags & OPEN) || (call->charge.level & (LIMITER_BY_DEVICE | LIMITER_BY_ADDRESS)) != 0;

	tell_limits(request, verdict);
	if (!verdict->allowed)
		refuse_rate(request, verdict->seconds);
	else if ((call->route->flags & SLOW) && !attempts_begin(&call->attempt, known))
	{
		limiter_refund(&call->charge);
		refuse_rate(request, 1);
	}
	else
		run(request);
}

/* draft-ietf-httpapi-ratelimit-headers: the policy that is nearest to its end. */
static void
tell_limits(Request *request, const Verdict *verdict)
{
	const Quota *quota = limiter_quota(verdict->limit);
	char		line[96];

	if (verdict->allowed && verdict->left < 0)
		return;
	snprintf(line, sizeof(line), "\"%s\";q=%.0f;w=%.0f", quotas_name(verdict->limit), quota->count, quota->period / 1e6);
	http_add_header(request, "RateLimit-Policy", line);
	snprintf(line, sizeof(line), "\"%s\";r=%lld;t=%lld", quotas_name(verdict->limit),
			 verdict->allowed ? (long long) verdict->left : 0, (long long) verdict->seconds);
	http_add_header(request, "RateLimit", line);
}

static void
refuse_rate(Request *request, int64_t seconds)
{
	Problem		problem = PROBLEM(ERROR_RATE_LIMITED, "too many attempts: wait, then try again");

	problem.retry_after = seconds > 0 ? seconds : 1;
	http_answer_problem(request, &problem);
}

/* What did not fail for a wrong password was no attempt at guessing one. */
static void
settle(Request *request, DbOutcome outcome, const PGresult *result)
{
	Call	   *call = call_of(request);
	int			flags = call->route->flags;

	attempts_end(&call->attempt);
	if (outcome == DB_DONE && (flags & (SIGNS_IN | REGISTERS)))
		attempts_welcome(&call->attempt, call->charge.level, PQgetvalue(result, 0, 0));
	if (!(flags & SIGNS_IN))
		return;
	if (outcome == DB_DONE || outcome == DB_AWAY
		|| (outcome == DB_REFUSED && strcmp(PQresultErrorField(result, PG_DIAG_SQLSTATE), errors_kind(ERROR_BAD_CREDENTIALS)->sqlstate) != 0))
		limiter_refund(&call->charge);
}

/* --- one statement -------------------------------------------------------------------------------------- */

static void
run(Request *request)
{
	const Call *call = call_of(request);

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
	Call	   *call = call_of(request);
	const Route *route = call->route;
	DbRequest  *statement;
	Problem		problem;

	if (call->repeatable != NULL && request->idempotency_key != NULL)
	{
		call->key = repeat_key(request, &problem);
		if (call->key == NULL)
		{
			http_answer_problem(request, &problem);
			return;
		}
	}
	statement = db_request(call->key != NULL ? call->repeatable : route->sql, done, request);
	if (route->flags & BY_SESSION)
		db_number(statement, request->who.session);
	else
		db_act_as(statement, request->who.session);
	call_run(request, statement);
}

void
call_run(Request *request, DbRequest *statement)
{
	const char *key = call_of(request)->key;
	Problem		problem;

	if (!call_add_params(request, statement, &problem))
	{
		db_forget(statement);
		db_finish(statement, DB_AWAY, NULL);
		http_answer_problem(request, &problem);
		return;
	}
	if (key != NULL)
		repeat_add(statement, request, key);
	call_submit(request, statement);
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
	return cors_judge(origin) == CORS_OWN;
}

char *
call_cookie(Request *request, const char *name)
{
	size_t		length;
	const char *value = cookie_find(request->cookie, name, &length);

	return value != NULL ? arena_text(&request->arena, value, length) : NULL;
}

/* --- its answer ------------------------------------------------------------------------------------------ */

bool
call_is_done(Request *request, DbOutcome outcome, const PGresult *result)
{
	Problem		problem;

	request->call = NULL;
	settle(request, outcome, result);
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
	else if (!(call_of(request)->route->flags & TAGGED) || !is_known(request, PQgetvalue(result, 0, 0)))
		call_answer_json(request, PQgetvalue(result, 0, 0));
}

/* Gives the answer its ETag, and answers with 304 when the client says that it has it. */
static bool
is_known(Request *request, const char *json)
{
	unsigned char hash[16];
	char		tag[2 * sizeof(hash) + 3] = "\"";

	crypto_generichash(hash, sizeof(hash), (const unsigned char *) json, strlen(json), NULL, 0);
	sodium_bin2hex(tag + 1, sizeof(tag) - 1, hash, sizeof(hash));
	strcat(tag, "\"");
	http_add_header(request, "ETag", tag);
	/* a list of tags, weak ones too: nothing else in it looks like ours (RFC 9110, section 13.1.2) */
	if (request->if_none_match == NULL || (strcmp(request->if_none_match, "*") != 0 && strstr(request->if_none_match, tag) == NULL))
		return false;
	http_answer(request, 304, NULL, NULL);
	return true;
}

void
call_answer_json(Request *request, const char *json)
{
	Text		content = {0};

	if (call_of(request)->route->flags & KEEPABLE)
		request->cache_control = "public, max-age=300";
	attempts_tell(&call_of(request)->attempt, request);
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
