/*
 * table.c - see table.h. Open addressing with linear probing; removal moves later entries back, so
 * there are no tombstones.
 */
#include "table.h"
#include "memory.h"

#include <stdlib.h>

static size_t home(const Table *table, int64_t key);
static void grow(Table *table);

void *
table_get(const Table *table, int64_t key)
{
	if (table->count == 0)
		return NULL;
	for (size_t at = home(table, key); table->slots[at].value != NULL; at = (at + 1) & (table->size - 1))
	{
		if (table->slots[at].key == key)
			return table->slots[at].value;
	}
	return NULL;
}

void
table_put(Table *table, int64_t key, void *value)
{
	size_t		at;

	if ((table->count + 1) * 4 > table->size * 3)
		grow(table);
	for (at = home(table, key); table->slots[at].value != NULL; at = (at + 1) & (table->size - 1))
	{
		if (table->slots[at].key == key)
		{
			table->slots[at].value = value;
			return;
		}
	}
	table->slots[at] = (TableSlot) {key, value};
	table->count++;
}

void
table_remove(Table *table, int64_t key)
{
	size_t		mask = table->size - 1;
	size_t		hole;

	if (table->count == 0)
		return;
	for (hole = home(table, key); table->slots[hole].key != key; hole = (hole + 1) & mask)
	{
		if (table->slots[hole].value == NULL)
			return;
	}
	if (table->slots[hole].value == NULL)
		return;
	for (size_t at = (hole + 1) & mask; table->slots[at].value != NULL; at = (at + 1) & mask)
	{
		/* an entry may fill the hole if the hole lies on its way from home */
		if (((at - home(table, table->slots[at].key)) & mask) >= ((at - hole) & mask))
		{
			table->slots[hole] = table->slots[at];
			hole = at;
		}
	}
	table->slots[hole].value = NULL;
	table->count--;
}

void
table_free(Table *table)
{
	free(table->slots);
	*table = (Table) {0};
}

TableSlot *
table_next(const Table *table, size_t *at)
{
	while (*at < table->size)
	{
		TableSlot  *slot = &table->slots[(*at)++];

		if (slot->value != NULL)
			return slot;
	}
	return NULL;
}

/* Ids are handed out in sequence; a multiplication spreads them. */
static size_t
home(const Table *table, int64_t key)
{
	uint64_t	mixed = (uint64_t) key * UINT64_C(0x9e3779b97f4a7c15);

	return (size_t) (mixed >> 32) & (table->size - 1);
}

static void
grow(Table *table)
{
	Table		bigger = {.size = table->size == 0 ? 8 : table->size * 2};

	bigger.slots = memory_alloc(bigger.size * sizeof(TableSlot));
	for (size_t i = 0; i < table->size; i++)
	{
		if (table->slots[i].value != NULL)
			table_put(&bigger, table->slots[i].key, table->slots[i].value);
	}
	free(table->slots);
	*table = bigger;
}
