/*
 * store.h: many rows into a table at once, without SQL, where nothing of it is missed.
 */
#ifndef PORCUPINE_STORE_H
#define PORCUPINE_STORE_H

#include "executor/tuptable.h"
#include "nodes/execnodes.h"
#include "utils/relcache.h"

typedef struct Store
{
	Relation	table;
	EState	   *estate;
	ResultRelInfo *target;
	TupleTableSlot **rows;
	int			count;
} Store;

/*
 * For at most so many rows of a table in the schema porcupine, whose columns have these types (up to
 * the first zero), in this order. False: the table has become one that only SQL does justice.
 */
extern bool store_open(Store *store, const char *table, const Oid *types, int most);

/* An empty row: fill tts_values and tts_isnull. */
extern TupleTableSlot *store_row(Store *store);

/* Inserts them, or raises the error that INSERT would. */
extern void store_close(Store *store);

#endif							/* PORCUPINE_STORE_H */
