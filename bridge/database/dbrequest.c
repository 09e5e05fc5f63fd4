/*
 * dbrequest.c - see dbrequest.h. A request's parameters lie in its own pool.
 */
#include "dbrequest.h"
#include "loop.h"
#include "metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_param(DbRequest *request, const char *value, size_t length, int format);

DbRequest *
db_request(const char *sql, DbDone done, void *arg)
{
	DbRequest  *request = memory_alloc(sizeof(DbRequest));

	request->sql = sql;
	request->done = done;
	request->arg = arg;
	return request;
}

void
db_act_as(DbRequest *request, int64_t session)
{
	request->session = session;
}

void
db_text(DbRequest *request, const char *text)
{
	if (text == NULL)
		db_null(request);
	else
		add_param(request, arena_text(&request->arena, text, strlen(text)), 0, 0);
}

void
db_number(DbRequest *request, int64_t number)
{
	unsigned char *bytes = arena_alloc(&request->arena, 24);
	char	   *digits = (char *) bytes;

	snprintf(digits, 24, "%lld", (long long) number);
	add_param(request, digits, 0, 0);
}

void
db_null(DbRequest *request)
{
	add_param(request, NULL, 0, 0);
}

void
db_binary(DbRequest *request, const void *bytes, size_t length)
{
	add_param(request, arena_copy(&request->arena, bytes, length), length, 1);
}

void
db_want_binary(DbRequest *request)
{
	request->result_format = 1;
}

void
db_forget(DbRequest *request)
{
	request->done = NULL;
	request->given_up = true;
}

void
db_give_up(DbRequest *request)
{
	request->given_up = true;
}

bool
db_is_given_up(const DbRequest *request)
{
	return request->given_up;
}

uint64_t
db_asked_at(const DbRequest *request)
{
	return request->asked_at;
}

void
db_set_asked(DbRequest *request, int lane)
{
	request->lane = lane;
	request->asked_at = loop_now();
	request->began = metrics_clock();
}

void
db_enqueue(DbQueue *queue, DbRequest *request)
{
	request->next = NULL;
	if (queue->last != NULL)
		queue->last->next = request;
	else
		queue->first = request;
	queue->last = request;
	queue->count++;
}

DbRequest *
db_dequeue(DbQueue *queue)
{
	DbRequest  *request = queue->first;

	if (request != NULL)
	{
		queue->first = request->next;
		if (queue->first == NULL)
			queue->last = NULL;
		queue->count--;
	}
	return request;
}

void
db_finish(DbRequest *request, DbOutcome outcome, const PGresult *result)
{
	if (request->began > 0)
		metrics_add_to(METRIC_DATABASE_REQUESTS, (int) outcome, 1);
	if (request->done != NULL)
		request->done(request->arg, outcome, result);
	db_free(request);
}

static void
add_param(DbRequest *request, const char *value, size_t length, int format)
{
	if (request->count == DB_MAX_PARAMS)
		abort();				/* a table in the source has a row too long */
	request->values[request->count] = value;
	request->lengths[request->count] = (int) length;
	request->formats[request->count] = format;
	request->count++;
}

void
db_free(DbRequest *request)
{
	PQclear(request->result);
	arena_free(&request->arena);
	free(request);
}
