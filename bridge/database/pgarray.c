/*
 * pgarray.c - see pgarray.h. The layout is that of array_recv(): dimensions, has-null flag,
 * element type, then for the one dimension its size and lower bound, then each element with its
 * length before it; all integers in network order.
 */
#include "pgarray.h"

#include <arpa/inet.h>
#include <endian.h>
#include <string.h>

#define HEADER_SIZE 20

static void add_int32(PgArray *array, int32_t number);
static void set_int32(char *at, int32_t number);

void
pgarray_begin(PgArray *array, PgType type)
{
	*array = (PgArray) {.type = type};
	text_reserve(&array->bytes, HEADER_SIZE);
	array->bytes.length = HEADER_SIZE;
}

void
pgarray_number(PgArray *array, int64_t number)
{
	if (array->type == PG_INT4)
	{
		array->count++;
		add_int32(array, 4);
		add_int32(array, (int32_t) number);
	}
	else
	{
		uint64_t	wire = htobe64((uint64_t) number);

		pgarray_bytes(array, &wire, sizeof(wire));
	}
}

void
pgarray_bytes(PgArray *array, const void *bytes, size_t length)
{
	void	   *element = pgarray_reserve(array, length);

	if (length > 0)
		memcpy(element, bytes, length);
}

void
pgarray_null(PgArray *array)
{
	array->has_null = true;
	array->count++;
	add_int32(array, -1);
}

void *
pgarray_reserve(PgArray *array, size_t length)
{
	void	   *element;

	array->count++;
	add_int32(array, (int32_t) length);
	element = text_reserve(&array->bytes, length);
	array->bytes.length += length;
	return element;
}

void
pgarray_param(PgArray *array, DbRequest *request)
{
	char	   *header = array->bytes.bytes;

	set_int32(header, 1);
	set_int32(header + 4, array->has_null);
	set_int32(header + 8, (int32_t) array->type);
	set_int32(header + 12, array->count);
	set_int32(header + 16, 1);
	db_binary(request, array->bytes.bytes, array->bytes.length);
	text_free(&array->bytes);
}

static void
add_int32(PgArray *array, int32_t number)
{
	set_int32(text_reserve(&array->bytes, 4), number);
	array->bytes.length += 4;
}

static void
set_int32(char *at, int32_t number)
{
	uint32_t	wire = htonl((uint32_t) number);

	memcpy(at, &wire, sizeof(wire));
}
