/*
 * httphead.h - the head of a request, by its bytes as they came: what another reader of the same bytes
 * could take for something else is found here, before anybody acts on it.
 */
#ifndef PORCUPINE_HTTPHEAD_H
#define PORCUPINE_HTTPHEAD_H

#include <stddef.h>
#include <stdint.h>

/* A request line and all headers, with the empty line. */
#define HTTPHEAD_MOST 8192

typedef enum HeadState
{
	HEAD_UNFINISHED,			/* so far there is nothing against it */
	HEAD_WHOLE,
	HEAD_FAULTY
} HeadState;

typedef struct HttpHead
{
	size_t		length;			/* of a whole one */
	uint64_t	body;			/* that is announced after it */
	int			status;			/* of a faulty one, */
	const char *fault;			/* and what is wrong, in words for the client */
} HttpHead;

/* Reads what has come of a head so far, from its first byte; what follows it is not looked at. */
extern HeadState httphead_read(const char *bytes, size_t length, HttpHead *head);

#endif
