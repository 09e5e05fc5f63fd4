/*
 * spi.h: SQL from C, by plans that are prepared once a backend.
 *
 * A Statement is a static variable next to its use; parameters only, never text put together. Each
 * run is a statement of its own with a fresh snapshot (in READ COMMITTED), which the locking rule
 * of the send path relies on.
 */
#ifndef PORCUPINE_SPI_H
#define PORCUPINE_SPI_H

#include "executor/spi.h"

#define SPI_MOST_ARGUMENTS 10

typedef struct Statement
{
	const char *sql;
	Oid			argtypes[SPI_MOST_ARGUMENTS + 1];	/* up to the first zero */
	SPIPlanPtr	plan;			/* NULL before the first run */
} Statement;

/* spi_end() takes what spi_begin() gave. After an error the end of the (sub)transaction does it. */
extern int	spi_begin(void);
extern void spi_end(int nesting);

/*
 * Runs the statement with non-null arguments and returns the number of rows it read or wrote, which
 * are in SPI_tuptable until the next run. Between spi_begin() and spi_end() only.
 */
extern uint64 spi_run(Statement *statement, const Datum *arguments);

/*
 * Runs a statement that only reads, by the snapshot of the caller's own statement, and hands each
 * row over as it is found, uncopied; row() returns false to stop. What row() allocates goes with
 * the run.
 */
typedef bool (*SpiRow) (TupleTableSlot *slot, void *arg);
extern void spi_each(Statement *statement, const Datum *arguments, SpiRow row, void *arg);

/* A column (from 1) of a row (from 0) of the last run. By-reference values live until spi_end(). */
extern Datum spi_value(uint64 row, int column, bool *isnull);

/* The same for columns that are never null, and for booleans of which null means false. */
extern int32 spi_int32(uint64 row, int column);
extern int64 spi_int64(uint64 row, int column);
extern bool spi_true(uint64 row, int column);

/* an array of elements, none null, in the current context */
extern Datum spi_array(const Datum *elements, int count, Oid type);

#endif							/* PORCUPINE_SPI_H */
