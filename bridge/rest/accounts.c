/*
 * accounts.c - see accounts.h. It owns the cookie.
 *
 * A cookie comes along whoever made the browser ask, so a call that relies on it must also carry a
 * header that no foreign page can set without being asked first, and no foreign Origin.
 */
#include "accounts.h"
#include "call.h"
#include "pool.h"
#include "sessions.h"

#include <stdlib.h>
#include <string.h>

#define COOKIE "porcupine_refresh"
#define EXPORT_RETRY_S 10
#define COOKIE_ATTRIBUTES "; Path=/api/auth/; HttpOnly; Secure; SameSite=Strict"

/* The list of one's sessions, while the bridges are asked; in the request's pool. */
typedef struct SessionList
{
	Request    *request;
	int			count;
	char	  **rows;
} SessionList;

static bool exporting;			/* also when its client has gone ... */
static Request *export_for;		/* ... which is NULL then */

static bool may_set_cookie(Request *request);
static void on_exported(void *arg, DbOutcome outcome, const PGresult *result);
static void forget_export(void *state);
static void on_grant(void *arg, DbOutcome outcome, const PGresult *result);
static void on_cookie_grant(void *arg, DbOutcome outcome, const PGresult *result);
static void on_ended(void *arg, DbOutcome outcome, const PGresult *result);
static void on_sessions(void *arg, DbOutcome outcome, const PGresult *result);
static void forget_question(void *state);
static void on_live(void *arg, const bool *live);

void
accounts_sign_in(Request *request)
{
	const cJSON *cookie = json_get(call_of(request)->body, "cookie");

	if (cookie != NULL && !cJSON_IsBool(cookie))
		call_refuse(request, ERROR_INVALID, 0, "cookie is not true or false");
	else if (may_set_cookie(request))
		call_run_sql(request, on_grant);
}

/* Another page, though it may call, must not sign the browser in to our own, as whomever it likes. */
static bool
may_set_cookie(Request *request)
{
	if (!cJSON_IsTrue(json_get(call_of(request)->body, "cookie")) || request->origin == NULL || call_is_own_origin(request->origin))
		return true;
	call_refuse(request, ERROR_INVALID, 403, "the cookie is set for the page's own origin only");
	return false;
}

void
accounts_refresh(Request *request)
{
	const Call *call = call_of(request);
	const char *cookie = call_cookie(request, COOKIE);
	DbRequest  *statement;

	if (json_get(call->body, "refresh") != NULL || cookie == NULL)
	{
		if (may_set_cookie(request))
			call_run_sql(request, on_grant);
		return;
	}
	if (!accounts_may_use_cookie(request))
		return;
	statement = db_request(call->route->sql, on_cookie_grant, request);
	db_text(statement, cookie);
	if (request->address[0] != '\0')
		db_text(statement, request->address);
	else
		db_null(statement);
	call_submit(request, statement);
}

/*
 * Our own header, which no form can send, and the page's own Origin. A browser leaves Origin out of what a page reads (GET) from
 * where it came from; there the browser's Sec-Fetch-Site says so, which no script can set.
 */
bool
accounts_may_use_cookie(Request *request)
{
	bool		has_header = request->own_header != NULL && strcmp(request->own_header, "1") == 0;

	if (has_header && request->origin != NULL && call_is_own_origin(request->origin))
		return true;
	if (has_header && request->origin == NULL && request->method == HTTP_GET
		&& request->fetch_site != NULL && strcmp(request->fetch_site, "same-origin") == 0)
		return true;
	call_refuse(request, ERROR_INVALID, 403, "the cookie counts only with X-Porcupine: 1 and from the page's own origin");
	return false;
}

static void
on_grant(void *arg, DbOutcome outcome, const PGresult *result)
{
	Request    *request = arg;

	if (call_is_done(request, outcome, result))
		accounts_answer_grant(request, result, cJSON_IsTrue(json_get(call_of(request)->body, "cookie")));
}

static void
on_cookie_grant(void *arg, DbOutcome outcome, const PGresult *result)
{
	if (call_is_done(arg, outcome, result))
		accounts_answer_grant(arg, result, true);
}

void
accounts_answer_grant(Request *request, const PGresult *result, bool by_cookie)
{
	const char *json = PQgetvalue(result, 0, 0);
	const char *token = PQgetvalue(result, 0, 1);
	Text		text = {0};

	if (PQgetisnull(result, 0, 1))
	{
		Problem		reused = PROBLEM(ERROR_SESSION_ENDED, "the session is over");

		reused.hint = "Sign in again.";
		reused.reason = "refresh token used again";
		http_answer_problem(request, &reused);
		return;
	}
	if (by_cookie)
	{
		accounts_keep(request, token, PQgetvalue(result, 0, 2));
		call_answer_json(request, json);
	}
	else
	{
		text_format(&text, "{\"refresh\":\"%s\",%s", token, json + 1);
		call_answer_json(request, text.bytes);
	}
	text_free(&text);
}

void
accounts_keep(Request *request, const char *token, const char *seconds)
{
	Text		cookie = {0};

	text_format(&cookie, COOKIE "=%s; Max-Age=%s" COOKIE_ATTRIBUTES, token, seconds);
	http_add_header(request, "Set-Cookie", cookie.bytes);
	text_free(&cookie);
}

void
accounts_end(Request *request)
{
	call_run_sql(request, on_ended);
}

void
accounts_end_session(Request *request)
{
	bool		own = params_id(call_of(request)->values[0]) == request->who.session;

	call_run_sql(request, own ? on_ended : call_on_result);
}

/* The session that asked is over, and so is its cookie. */
static void
on_ended(void *arg, DbOutcome outcome, const PGresult *result)
{
	Request    *request = arg;

	if (!call_is_done(request, outcome, result))
		return;
	if (call_cookie(request, COOKIE) != NULL)
		http_add_header(request, "Set-Cookie", COOKIE "=; Max-Age=0" COOKIE_ATTRIBUTES);
	http_answer(request, 204, NULL, NULL);
}

/* --- all there is about one ------------------------------------------------------------------------ */

void
accounts_export(Request *request)
{
	Call	   *call = call_of(request);
	Problem		problem = PROBLEM(ERROR_RATE_LIMITED, "somebody else's export is being made: try again in a while");
	DbRequest  *statement;

	if (exporting)
	{
		limiter_refund(&call->charge);
		problem.retry_after = EXPORT_RETRY_S;
		http_answer_problem(request, &problem);
		return;
	}
	exporting = true;
	export_for = request;
	call->state = &export_for;
	call->forget = forget_export;
	/* not the request's own: what the client leaves behind goes on in the database, and counts as long */
	statement = db_request(call->route->sql, on_exported, NULL);
	db_act_as(statement, request->who.session);
	pool_submit(LANE_SLOW, statement);
}

static void
forget_export(void *state)
{
	*(Request **) state = NULL;
}

static void
on_exported(void *arg, DbOutcome outcome, const PGresult *result)
{
	Request    *request = export_for;

	(void) arg;
	exporting = false;
	if (request == NULL)
		return;
	call_of(request)->state = NULL;
	call_on_result(request, outcome, result);
}

/* --- the list of one's sessions ----------------------------------------------------------------- */

void
accounts_sessions(Request *request)
{
	call_run_sql(request, on_sessions);
}

static void
on_sessions(void *arg, DbOutcome outcome, const PGresult *result)
{
	Request    *request = arg;
	Call	   *call = call_of(request);
	SessionList *list;
	int64_t    *ids;

	if (!call_is_done(request, outcome, result))
		return;
	list = arena_alloc(&request->arena, sizeof(SessionList));
	*list = (SessionList) {.request = request, .count = PQntuples(result)};
	list->rows = arena_alloc(&request->arena, (size_t) list->count * sizeof(char *));
	ids = arena_alloc(&request->arena, (size_t) list->count * sizeof(int64_t));
	for (int i = 0; i < list->count; i++)
	{
		ids[i] = params_id(PQgetvalue(result, i, 0));
		list->rows[i] = arena_text(&request->arena, PQgetvalue(result, i, 1), (size_t) PQgetlength(result, i, 1));
	}
	call->forget = forget_question;
	call->state = sessions_ask(ids, list->count, on_live, list);
}

static void
forget_question(void *state)
{
	sessions_forget(state);
}

static void
on_live(void *arg, const bool *live)
{
	const SessionList *list = arg;
	Text		content = {0};

	call_of(list->request)->state = NULL;
	text_add(&content, "{\"results\":[");
	for (int i = 0; i < list->count; i++)
		text_format(&content, "%s{\"live\":%s,%s", i > 0 ? "," : "", live[i] ? "true" : "false", list->rows[i] + 1);
	text_add(&content, "]}");
	call_answer_json(list->request, content.bytes);
	text_free(&content);
}
