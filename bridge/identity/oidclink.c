/*
 * oidclink.c - see oidclink.h. It owns the cookie.
 */
#include "oidclink.h"
#include "accounts.h"
#include "call.h"

#define COOKIE_ATTRIBUTES "; Path=/api/auth/; HttpOnly; Secure; SameSite=Strict"
#define COOKIE_SECONDS "600"

static void submit(Request *request, DbDone done);
static void on_settled(void *arg, DbOutcome outcome, const PGresult *result);
static void on_linked(void *arg, DbOutcome outcome, const PGresult *result);

void
oidclink_keep(Request *request, const char *ticket)
{
	Text		cookie = {0};

	text_format(&cookie, CALL_OFFER_COOKIE "=%s; Max-Age=" COOKIE_SECONDS COOKIE_ATTRIBUTES, ticket);
	http_add_header(request, "Set-Cookie", cookie.bytes);
	text_free(&cookie);
}

void
oidclink_read(Request *request)
{
	submit(request, call_on_result);
}

void
oidclink_settle(Request *request)
{
	submit(request, on_settled);
}

void
oidclink_link(Request *request)
{
	submit(request, on_linked);
}

static void
submit(Request *request, DbDone done)
{
	const Route *route = call_of(request)->route;
	const char *ticket = call_cookie(request, CALL_OFFER_COOKIE);
	DbRequest  *statement;

	if (!accounts_may_use_cookie(request))
		return;
	if (ticket == NULL)
	{
		call_refuse(request, ERROR_GONE, 0, "there is nothing to confirm");
		return;
	}
	statement = db_request(route->sql, done, request);
	if (!(route->flags & OPEN))
		db_act_as(statement, request->who.session);
	db_text(statement, ticket);
	call_run(request, statement);
}

static void
on_settled(void *arg, DbOutcome outcome, const PGresult *result)
{
	Request    *request = arg;

	if (!call_is_done(request, outcome, result))
		return;
	http_add_header(request, "Set-Cookie", CALL_OFFER_COOKIE "=; Max-Age=0" COOKIE_ATTRIBUTES);
	accounts_answer_grant(request, result, true);
}

static void
on_linked(void *arg, DbOutcome outcome, const PGresult *result)
{
	Request    *request = arg;

	if (!call_is_done(request, outcome, result))
		return;
	http_add_header(request, "Set-Cookie", CALL_OFFER_COOKIE "=; Max-Age=0" COOKIE_ATTRIBUTES);
	http_answer(request, 204, NULL, NULL);
}
