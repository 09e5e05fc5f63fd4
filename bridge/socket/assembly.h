/*
 * assembly.h - one WebSocket message out of the pieces that it comes in: fragments (RFC 6455,
 * section 5.4), and parts of them, as they are read.
 *
 * Pure functions; what has come of a message that is not whole yet is a Text of the caller's. A
 * message is refused as soon as what has come and what its fragment announces exceed the limit,
 * before that is kept.
 */
#ifndef PORCUPINE_ASSEMBLY_H
#define PORCUPINE_ASSEMBLY_H

#include "text.h"

typedef struct Piece
{
	const char *bytes;
	size_t		length;
	size_t		remaining;		/* so much of its fragment is still to come */
	bool		of_last;		/* its fragment is the message's last one */
} Piece;

/* Whole; freed by text_free(&own) when it has been read. */
typedef struct Message
{
	const char *bytes;			/* may be the piece's own */
	size_t		length;
	Text		own;
} Message;

typedef enum Assembled
{
	ASSEMBLY_UNFINISHED,
	ASSEMBLY_WHOLE,				/* message is set, and partial is empty again */
	ASSEMBLY_TOO_LARGE
} Assembled;

extern Assembled assembly_add(Text *partial, const Piece *piece, size_t limit, Message *message);

#endif
