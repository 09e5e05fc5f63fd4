/*
 * columns.h: arguments that are arrays of the same length, as the columns of a table.
 */
#ifndef PORCUPINE_COLUMNS_H
#define PORCUPINE_COLUMNS_H

#include "postgres.h"

#include "fmgr.h"

typedef struct Column
{
	Datum	   *values;
	bool	   *nulls;
	int			count;
} Column;

/*
 * Reads the first n arguments of the function and returns how many rows they have. Refuses with
 * invalid what is null, has more dimensions or another length than the rest, with too_large what
 * has more rows than most.
 */
extern int	columns_read(FunctionCallInfo fcinfo, int n, int most, Column *columns);

extern NullableDatum columns_cell(const Column *column, int row);

#endif							/* PORCUPINE_COLUMNS_H */
