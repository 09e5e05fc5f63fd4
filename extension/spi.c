/*
 * spi.c: kept plans and the reading of their results.
 *
 * The plans are generic: the statements all find their rows by key, so that planning for particular
 * values gains nothing. PostgreSQL itself plans a kept statement anew when a table changes, or when
 * another role runs it under row-level security. Sequential scans are off meanwhile: a plan made
 * while a table was small would otherwise scan it until the next ANALYZE, however much it has
 * grown. Where nothing but a scan is left, its pretended cost would call for the JIT compiler, which
 * takes some thirty milliseconds each time, so that is off too.
 */
#include "postgres.h"

#include "utils/array.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "catalog.h"
#include "spi.h"

/* where the rows of spi_each() go */
typedef struct RowReceiver
{
	DestReceiver receiver;
	SpiRow		row;
	void	   *arg;
} RowReceiver;

static void prepare(Statement *statement);
static ParamListInfo parameters(const Statement *statement, const Datum *arguments);
static bool receive_row(TupleTableSlot *slot, DestReceiver *self);
static void begin_rows(DestReceiver *self, int operation, TupleDesc columns);
static void end_rows(DestReceiver *self);
static Datum value_not_null(uint64 row, int column);

int
spi_begin(void)
{
	int			nesting = NewGUCNestLevel();

	set_config_option("enable_seqscan", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
					  true, 0, false);
	set_config_option("jit", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	return nesting;
}

void
spi_end(int nesting)
{
	AtEOXact_GUC(true, nesting);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
}

uint64
spi_run(Statement *statement, const Datum *arguments)
{
	int			result;

	if (statement->plan == NULL)
		prepare(statement);
	result = SPI_execute_plan(statement->plan, unconstify(Datum *, arguments), NULL, false, 0);
	if (result < 0)
		elog(ERROR, "could not run \"%s\": %s", statement->sql, SPI_result_code_string(result));
	return SPI_processed;
}

void
spi_each(Statement *statement, const Datum *arguments, SpiRow row, void *arg)
{
	RowReceiver to = {
		.receiver = {
			.receiveSlot = receive_row, .rStartup = begin_rows, .rShutdown = end_rows,
			.rDestroy = end_rows, .mydest = DestNone
		},
		.row = row,
		.arg = arg,
	};
	SPIExecuteOptions options = {.read_only = true, .dest = &to.receiver};
	int			result;

	if (statement->plan == NULL)
		prepare(statement);
	options.params = parameters(statement, arguments);
	result = SPI_execute_plan_extended(statement->plan, &options);
	if (result < 0)
		elog(ERROR, "could not run \"%s\": %s", statement->sql, SPI_result_code_string(result));
}

static ParamListInfo
parameters(const Statement *statement, const Datum *arguments)
{
	int			count = 0;
	ParamListInfo list;

	while (statement->argtypes[count] != InvalidOid)
		count++;
	list = makeParamList(count);
	for (int i = 0; i < count; i++)
		list->params[i] = (ParamExternData) {
			.value = arguments[i], .pflags = PARAM_FLAG_CONST, .ptype = statement->argtypes[i]
		};
	return list;
}

static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	RowReceiver *to = (RowReceiver *) self;

	return to->row(slot, to->arg);
}

static void
begin_rows(DestReceiver *self, int operation, TupleDesc columns)
{
}

static void
end_rows(DestReceiver *self)
{
}

static void
prepare(Statement *statement)
{
	SPIPlanPtr	plan;
	int			nargs = 0;

	catalog_require_version();
	while (statement->argtypes[nargs] != InvalidOid)
		nargs++;
	plan = SPI_prepare_cursor(statement->sql, nargs, statement->argtypes, CURSOR_OPT_GENERIC_PLAN);
	if (plan == NULL || SPI_keepplan(plan) != 0)
		elog(ERROR, "could not prepare \"%s\": %s", statement->sql, SPI_result_code_string(SPI_result));
	statement->plan = plan;
}

Datum
spi_value(uint64 row, int column, bool *isnull)
{
	Assert(row < SPI_tuptable->numvals);
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, isnull);
}

int32
spi_int32(uint64 row, int column)
{
	return DatumGetInt32(value_not_null(row, column));
}

int64
spi_int64(uint64 row, int column)
{
	return DatumGetInt64(value_not_null(row, column));
}

static Datum
value_not_null(uint64 row, int column)
{
	bool		isnull;
	Datum		value = spi_value(row, column, &isnull);

	if (isnull)
		elog(ERROR, "column %d is null", column);
	return value;
}

bool
spi_true(uint64 row, int column)
{
	bool		isnull;
	Datum		value = spi_value(row, column, &isnull);

	return !isnull && DatumGetBool(value);
}

Datum
spi_array(const Datum *elements, int count, Oid type)
{
	int16		length;
	bool		byval;
	char		align;

	get_typlenbyvalalign(type, &length, &byval, &align);
	return PointerGetDatum(construct_array(unconstify(Datum *, elements), count, type,
										   length, byval, align));
}
