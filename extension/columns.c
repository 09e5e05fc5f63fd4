/*
 * columns.c: reading arrays, with a look at their size before they are unpacked: a few compressed
 * bytes may stand for a gigabyte.
 */
#include "compat.h"

#include "access/detoast.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

#include "columns.h"
#include "errors.h"

/* one column; of a thousand sends, bodies of 64 KiB fit for each */
#define LONGEST_ARRAY (80 * 1024 * 1024)

static Column read_column(FunctionCallInfo fcinfo, int number);

int
columns_read(FunctionCallInfo fcinfo, int n, int most, Column *columns)
{
	for (int c = 0; c < n; c++)
	{
		columns[c] = read_column(fcinfo, c);
		if (columns[c].count != columns[0].count)
			errors_refuse(CONDITION_INVALID, "the arrays differ in length", NULL, NULL);
	}
	if (columns[0].count > most)
		errors_refuse(CONDITION_TOO_LARGE, psprintf("at most %d items at once", most), NULL, NULL);
	return columns[0].count;
}

static Column
read_column(FunctionCallInfo fcinfo, int number)
{
	Column		column;
	ArrayType  *array;
	int16		length;
	bool		byval;
	char		align;

	if (PG_ARGISNULL(number))
		errors_refuse(CONDITION_INVALID, "an array is missing", NULL, NULL);
	if (toast_raw_datum_size(PG_GETARG_DATUM(number)) > LONGEST_ARRAY)
		errors_refuse(CONDITION_TOO_LARGE, "an array is too large", "Send fewer items at once.", NULL);
	array = PG_GETARG_ARRAYTYPE_P(number);
	if (ARR_NDIM(array) > 1)
		errors_refuse(CONDITION_INVALID, "an array has more than one dimension", NULL, NULL);
	get_typlenbyvalalign(ARR_ELEMTYPE(array), &length, &byval, &align);
	deconstruct_array(array, ARR_ELEMTYPE(array), length, byval, align,
					  &column.values, &column.nulls, &column.count);
	return column;
}

NullableDatum
columns_cell(const Column *column, int row)
{
	return (NullableDatum) {.value = column->values[row], .isnull = column->nulls[row]};
}
