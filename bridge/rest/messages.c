/*
 * messages.c - see messages.h. It owns each posted message until the send path has answered.
 */
#include "messages.h"
#include "call.h"
#include "replica.h"
#include "sends.h"

#include <stdlib.h>

/* A message on its way through the send path. */
typedef struct PostedSend
{
	Send		send;
	Request    *request;		/* NULL: the client has gone */
	bool		sent;			/* the send path has it, and answers */
} PostedSend;

static void forget_read(void *state);
static void on_page(void *arg, const char *json);
static PostedSend *read_send(Request *request);
static void forget_send(void *state);
static void on_session_alive(void *arg, DbOutcome outcome, const PGresult *result);
static void on_posted(Send *send, const SendResult *result);

/* --- a page of history ------------------------------------------------------------------------- */

void
messages_history(Request *request)
{
	Call	   *call = call_of(request);
	ReplicaRead *read;
	Problem		problem;

	if (!replica_is_up())
	{
		call_run_sql(request, call_on_result);
		return;
	}
	read = replica_begin(on_page, request);
	if (!call_add_params(request, read->page, &problem))
	{
		replica_drop(read);
		http_answer_problem(request, &problem);
		return;
	}
	call->state = read;
	call->forget = forget_read;
	replica_submit(read, request->who.session, params_id(call->values[0]));
}

static void
forget_read(void *state)
{
	replica_forget(state);
}

static void
on_page(void *arg, const char *json)
{
	call_of(arg)->state = NULL;
	if (json != NULL)
		call_answer_json(arg, json);
	else
		call_run_sql(arg, call_on_result);
}

/* --- a message: first is the session alive ------------------------------------------------------ */

void
messages_post(Request *request)
{
	Call	   *call = call_of(request);
	DbRequest  *statement;

	call->state = read_send(request);
	if (call->state == NULL)
		return;
	call->forget = forget_send;
	statement = db_request(call->route->sql, on_session_alive, request);
	db_act_as(statement, request->who.session);
	call_submit(request, statement);
}

/* The message as the body has it, in the name of the token's device. */
static PostedSend *
read_send(Request *request)
{
	const Call *call = call_of(request);
	Problem		problem = PROBLEM(ERROR_INVALID, NULL);
	PostedSend *posted = (PostedSend *) send_read(call->body, sizeof(PostedSend), &problem);

	if (posted == NULL)
	{
		http_answer_problem(request, &problem);
		return NULL;
	}
	posted->request = request;
	posted->send.room = params_id(call->values[0]);
	posted->send.user = request->who.user;
	posted->send.device = request->who.device;
	posted->send.done = on_posted;
	return posted;
}

static void
forget_send(void *state)
{
	PostedSend *posted = state;

	if (posted->sent)
		posted->request = NULL;
	else
		free(posted);
}

static void
on_session_alive(void *arg, DbOutcome outcome, const PGresult *result)
{
	Request    *request = arg;
	PostedSend *posted = call_of(request)->state;

	if (!call_is_done(request, outcome, result))
		return;
	posted->sent = true;
	sends_submit(&posted->send);
}

static void
on_posted(Send *send, const SendResult *result)
{
	PostedSend *posted = (PostedSend *) send;
	Request    *request = posted->request;
	Text		content = {0};

	if (request != NULL)
	{
		call_of(request)->state = NULL;
		if (result->stored)
		{
			text_format(&content, "{\"seq\":%lld,\"created_at\":\"%s\"}", (long long) result->seq, result->created_at);
			http_answer(request, result->repeated ? 200 : 201, "application/json", &content);
		}
		else
			http_answer_problem(request, &result->problem);
	}
	free(posted);
}
