/*
 * buckets.h - a table of buckets whose memory is fixed, whoever may come.
 *
 * A new one takes the place of another where its set is full: of that which is full again the soonest
 * and so says the least. So whoever invents addresses displaces mostly what others have invented. The
 * lower half of a key says which set is its own.
 */
#ifndef PORCUPINE_BUCKETS_H
#define PORCUPINE_BUCKETS_H

#include <stddef.h>
#include <stdint.h>

typedef struct Buckets Buckets;

/* For this many, a power of two and at least 16. */
extern Buckets *buckets_make(size_t count);
extern void buckets_free(Buckets *buckets);

/* Its moment of being full, for reading; 0 where there is none. */
extern int64_t buckets_get(const Buckets *buckets, uint64_t key);
/* The same, for writing; until the next call. */
extern int64_t *buckets_of(Buckets *buckets, uint64_t key);

#endif
