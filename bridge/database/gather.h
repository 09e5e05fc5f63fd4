/*
 * gather.h - questions of one kind, asked together.
 *
 * What is asked while the last answer is on its way is asked with the next statement, all of it in
 * one: a thousand sockets that come back at once cost a few statements. It owns the questions that
 * wait and those in flight; the asker frees its question when it is answered.
 */
#ifndef PORCUPINE_GATHER_H
#define PORCUPINE_GATHER_H

#include "loop.h"
#include "pgconn.h"

#define GATHER_MAX_NUMBERS 4

typedef struct Question Question;

/*
 * Called once. DB_DONE: this row of the result (in binary) is the answer; otherwise the result is
 * as for any request.
 */
typedef void (*QuestionDone) (Question *question, DbOutcome outcome, const PGresult *result, int row);

/* Embedded at the start of the asker's struct. */
struct Question
{
	Question   *next;
	QuestionDone done;
	int64_t		numbers[GATHER_MAX_NUMBERS];	/* -1: null */
};

/* Static, one for each kind of question. */
typedef struct Gatherer
{
	const char *sql;			/* takes an int8[] for each number; gives a row for each question, in order */
	int			n_numbers;
	Question   *first;			/* waiting, oldest first */
	Question   *last;
	Question   *asked;			/* in flight */
	int			n_asked;
	Deferred	begin;
} Gatherer;

extern void gather_ask(Gatherer *gatherer, Question *question);

#endif
