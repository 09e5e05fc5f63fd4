/*
 * pgarray.h - PostgreSQL's binary form of a one-dimensional array, as a parameter.
 *
 * pgarray_begin(), one call for each element, then pgarray_param(), which also frees it. Elements
 * must be of the type that begin() named.
 */
#ifndef PORCUPINE_PGARRAY_H
#define PORCUPINE_PGARRAY_H

#include "pgconn.h"
#include "text.h"

/* Type oids are fixed in PostgreSQL's catalog. */
typedef enum PgType
{
	PG_BYTEA = 17,
	PG_INT8 = 20,
	PG_INT4 = 23,
	PG_TEXT = 25,
	PG_UUID = 2950
} PgType;

typedef struct PgArray
{
	Text		bytes;
	PgType		type;
	int32_t		count;
	bool		has_null;
} PgArray;

extern void pgarray_begin(PgArray *array, PgType type);
extern void pgarray_number(PgArray *array, int64_t number);	/* int4 or int8 */
extern void pgarray_bytes(PgArray *array, const void *bytes, size_t length);	/* bytea, text, uuid */
extern void pgarray_null(PgArray *array);
/* The element is filled by the caller: exactly length bytes. */
extern void *pgarray_reserve(PgArray *array, size_t length);
extern void pgarray_param(PgArray *array, DbRequest *request);

#endif
