/*
 * reply.h - replies in Redis' protocol, as hiredis reads them out of an input.
 */
#ifndef PORCUPINE_FUZZ_REPLY_H
#define PORCUPINE_FUZZ_REPLY_H

#include "fuzz.h"

#include <hiredis/hiredis.h>

/* hiredis 0.14 asks for memory for as many elements as a reply announces. */
static inline bool
reply_announces_too_much(Input input)
{
	for (const char *at = input.at; at < input.end; at++)
	{
		size_t		digits = 0;

		while (*at == '*' && at + 1 + digits < input.end && at[1 + digits] >= '0' && at[1 + digits] <= '9')
			digits++;
		if (digits > 5)
			return true;
	}
	return false;
}

/* Of all that is left; freed by the caller. */
static inline redisReader *
reply_reader(Input input)
{
	redisReader *reader = redisReaderCreate();

	HOLDS(reader != NULL);
	if (!reply_announces_too_much(input))
		redisReaderFeed(reader, input.at, fuzz_left(&input));
	return reader;
}

/* The next, or NULL, as for a connection that was lost before it came; freed by freeReplyObject(). */
static inline redisReply *
reply_next(redisReader *reader)
{
	void	   *reply = NULL;

	return redisReaderGetReply(reader, &reply) == REDIS_OK ? reply : NULL;
}

#endif
