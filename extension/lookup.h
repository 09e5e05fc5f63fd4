/*
 * lookup.h: rows found by the key of an index, without SQL.
 */
#ifndef PORCUPINE_LOOKUP_H
#define PORCUPINE_LOOKUP_H

#include "access/genam.h"
#include "executor/tuptable.h"
#include "utils/relcache.h"

#define LOOKUP_MOST_KEYS 3

/* An index of a table in the schema porcupine, and what compares its columns. */
typedef struct LookupIndex
{
	const char *table;
	const char *index;
	RegProcedure equal[LOOKUP_MOST_KEYS + 1];	/* up to the first zero */
} LookupIndex;

typedef struct Lookup
{
	Relation	table;
	Relation	index;
	IndexScanDesc scan;
	ScanKeyData keys[LOOKUP_MOST_KEYS];
	int			key_count;
	TupleTableSlot *slot;
} Lookup;

/*
 * Finds by the active snapshot, which must stay so until lookup_close(). An error ends it, too.
 * Nobody's privileges or row security are asked: for the extension's functions, in its own tables.
 */
extern void lookup_open(Lookup *lookup, const LookupIndex *by);
extern void lookup_close(Lookup *lookup);

/* Whether there is a row; its columns are there until the next call. */
extern bool lookup_find(Lookup *lookup, const Datum *keys);

/* A column by name: its number, for lookup_value(). */
extern AttrNumber lookup_column(const Lookup *lookup, const char *name);
extern Datum lookup_value(Lookup *lookup, AttrNumber column, bool *isnull);

#endif							/* PORCUPINE_LOOKUP_H */
