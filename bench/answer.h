/*
 * answer.h - an HTTP answer with a Content-Length, as it lies in memory.
 */
#ifndef BENCH_ANSWER_H
#define BENCH_ANSWER_H

#include <stddef.h>

typedef struct Answer
{
	int			status;
	const char *head;			/* the whole text, which ends with a zero byte */
	const char *body;
	size_t		length;			/* of head and body */
} Answer;

/* 0 while there is less than it says; else its length. */
extern size_t answer_read(const char *text, size_t length, Answer *answer);
/* The value of a header, by its name with a colon in lower case; NULL: it has none. */
extern const char *answer_header(const Answer *answer, const char *name);

#endif
