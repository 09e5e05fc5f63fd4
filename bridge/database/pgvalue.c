/*
 * pgvalue.c - see pgvalue.h. Integers are in network order; times count from the year 2000.
 */
#include "pgvalue.h"

#include <arpa/inet.h>
#include <endian.h>
#include <string.h>

#define YEAR_2000 INT64_C(946684800000000)

bool
pgvalue_bool(const PGresult *result, int row, int column)
{
	return PQgetvalue(result, row, column)[0] != 0;
}

int32_t
pgvalue_int32(const PGresult *result, int row, int column)
{
	uint32_t	wire;

	memcpy(&wire, PQgetvalue(result, row, column), sizeof(wire));
	return (int32_t) ntohl(wire);
}

int64_t
pgvalue_int64(const PGresult *result, int row, int column)
{
	uint64_t	wire;

	memcpy(&wire, PQgetvalue(result, row, column), sizeof(wire));
	return (int64_t) be64toh(wire);
}

int64_t
pgvalue_time(const PGresult *result, int row, int column)
{
	return YEAR_2000 + pgvalue_int64(result, row, column);
}
