/*
 * array.h - a reader of PostgreSQL's binary form of an array, as array_recv() reads it, for what
 * pgarray.c has written.
 */
#ifndef PORCUPINE_FUZZ_ARRAY_H
#define PORCUPINE_FUZZ_ARRAY_H

#include "fuzz.h"

typedef struct ArrayReader
{
	const unsigned char *at;
	const unsigned char *end;
	int32_t		count;			/* elements left */
	bool		may_have_null;
} ArrayReader;

static inline int32_t
array_int(ArrayReader *reader)
{
	uint32_t	number = 0;

	HOLDS(reader->end - reader->at >= 4);
	for (int i = 0; i < 4; i++)
		number = number << 8 | *reader->at++;
	return (int32_t) number;
}

static inline ArrayReader
array_begin(const void *bytes, size_t length, int32_t type)
{
	ArrayReader reader = {bytes, (const unsigned char *) bytes + length, 0, false};
	int32_t		null_flag;

	HOLDS(array_int(&reader) == 1);
	null_flag = array_int(&reader);
	HOLDS(null_flag == 0 || null_flag == 1);
	reader.may_have_null = null_flag == 1;
	HOLDS(array_int(&reader) == type);
	reader.count = array_int(&reader);
	HOLDS(reader.count >= 0 && array_int(&reader) == 1);
	return reader;
}

/* The bytes of the next element; its length, or -1 for null. */
static inline int32_t
array_next(ArrayReader *reader, const unsigned char **bytes)
{
	int32_t		length = array_int(reader);

	HOLDS(reader->count-- > 0);
	if (length == -1)
		HOLDS(reader->may_have_null);
	else
	{
		HOLDS(length >= 0 && reader->end - reader->at >= length);
		*bytes = reader->at;
		reader->at += length;
	}
	return length;
}

static inline void
array_end(const ArrayReader *reader)
{
	HOLDS(reader->count == 0 && reader->at == reader->end);
}

#endif
