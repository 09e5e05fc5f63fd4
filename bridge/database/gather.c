/*
 * gather.c - see gather.h.
 */
#include "gather.h"
#include "pgarray.h"
#include "pool.h"

#define MAX_ASKED 500

static void begin(void *arg);
static void take_waiting(Gatherer *gatherer);
static void on_answered(void *arg, DbOutcome outcome, const PGresult *result);

void
gather_ask(Gatherer *gatherer, Question *question)
{
	question->next = NULL;
	if (gatherer->last != NULL)
		gatherer->last->next = question;
	else
		gatherer->first = question;
	gatherer->last = question;
	/* later in this turn of the loop, so that what else has arrived goes along */
	if (gatherer->asked == NULL)
		loop_defer(LOOP_SUBMIT, &gatherer->begin, begin, gatherer);
}

static void
begin(void *arg)
{
	Gatherer   *gatherer = arg;
	DbRequest  *request;

	if (gatherer->asked != NULL || gatherer->first == NULL)
		return;
	take_waiting(gatherer);
	request = db_request(gatherer->sql, on_answered, gatherer);
	db_want_binary(request);
	for (int i = 0; i < gatherer->n_numbers; i++)
	{
		PgArray		column;

		pgarray_begin(&column, PG_INT8);
		for (const Question *each = gatherer->asked; each != NULL; each = each->next)
		{
			if (each->numbers[i] >= 0)
				pgarray_number(&column, each->numbers[i]);
			else
				pgarray_null(&column);
		}
		pgarray_param(&column, request);
	}
	pool_submit(LANE_QUERY, request);
}

/* The oldest of those that wait are in flight from here on. */
static void
take_waiting(Gatherer *gatherer)
{
	Question   *end = gatherer->first;

	gatherer->n_asked = 1;
	while (end->next != NULL && gatherer->n_asked < MAX_ASKED)
	{
		end = end->next;
		gatherer->n_asked++;
	}
	gatherer->asked = gatherer->first;
	gatherer->first = end->next;
	if (gatherer->first == NULL)
		gatherer->last = NULL;
	end->next = NULL;
}

static void
on_answered(void *arg, DbOutcome outcome, const PGresult *result)
{
	Gatherer   *gatherer = arg;
	Question   *each = gatherer->asked;
	int			row = 0;

	if (outcome == DB_DONE && PQntuples(result) != gatherer->n_asked)
		outcome = DB_UNKNOWN;	/* the function is another one than ours */
	gatherer->asked = NULL;
	while (each != NULL)
	{
		Question   *next = each->next;

		each->done(each, outcome, result, row++);
		each = next;
	}
	if (gatherer->first != NULL)
		loop_defer(LOOP_SUBMIT, &gatherer->begin, begin, gatherer);
}
