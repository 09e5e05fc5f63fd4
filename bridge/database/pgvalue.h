/*
 * pgvalue.h - single values of a result in PostgreSQL's binary forms (db_want_binary()).
 *
 * The column must be of the type and not null. Text and bytea need nothing: PQgetvalue() and
 * PQgetlength() have their bytes.
 */
#ifndef PORCUPINE_PGVALUE_H
#define PORCUPINE_PGVALUE_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

extern bool pgvalue_bool(const PGresult *result, int row, int column);
extern int32_t pgvalue_int32(const PGresult *result, int row, int column);
extern int64_t pgvalue_int64(const PGresult *result, int row, int column);
/* A timestamptz, in microseconds since 1970. */
extern int64_t pgvalue_time(const PGresult *result, int row, int column);

#endif
