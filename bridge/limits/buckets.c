/*
 * buckets.c - see buckets.h. Keys are hashes already, by a secret key, so that nobody chooses a set.
 */
#include "buckets.h"
#include "memory.h"

#include <stdlib.h>

#define A_SET 16

typedef struct Slot
{
	uint64_t	key;			/* 0: free */
	int64_t		full_at;
} Slot;

struct Buckets
{
	size_t		sets;
	Slot		slots[];
};

Buckets *
buckets_make(size_t count)
{
	Buckets    *buckets = memory_alloc(sizeof(Buckets) + count * sizeof(Slot));

	buckets->sets = count / A_SET;
	return buckets;
}

void
buckets_free(Buckets *buckets)
{
	free(buckets);
}

int64_t
buckets_get(const Buckets *buckets, uint64_t key)
{
	const Slot *set = &buckets->slots[key % buckets->sets * A_SET];

	for (int i = 0; i < A_SET; i++)
	{
		if (set[i].key == key)
			return set[i].full_at;
	}
	return 0;
}

int64_t *
buckets_of(Buckets *buckets, uint64_t key)
{
	Slot	   *set = &buckets->slots[key % buckets->sets * A_SET];
	Slot	   *place = &set[0];

	for (int i = 0; i < A_SET; i++)
	{
		if (set[i].key == key)
			return &set[i].full_at;
		if (set[i].full_at < place->full_at)
			place = &set[i];
	}
	*place = (Slot) {.key = key};
	return &place->full_at;
}
