/*
 * table.h - a hash table from 64-bit numbers to pointers.
 *
 * A zeroed Table is empty and holds no memory. Keys are any numbers; values are never NULL.
 */
#ifndef PORCUPINE_TABLE_H
#define PORCUPINE_TABLE_H

#include <stddef.h>
#include <stdint.h>

typedef struct TableSlot
{
	int64_t		key;
	void	   *value;			/* NULL: free */
} TableSlot;

typedef struct Table
{
	TableSlot  *slots;
	size_t		size;			/* a power of two, or 0 */
	size_t		count;
} Table;

extern void *table_get(const Table *table, int64_t key);
extern void table_put(Table *table, int64_t key, void *value);
extern void table_remove(Table *table, int64_t key);
extern void table_free(Table *table);

/*
 * Walks the entries in no order: *at begins at 0; NULL at the end. The table must not change
 * meanwhile.
 */
extern TableSlot *table_next(const Table *table, size_t *at);

#endif
