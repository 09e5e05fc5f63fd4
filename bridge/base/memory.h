/*
 * memory.h - allocation that cannot fail, and request pools.
 *
 * Running out of memory ends the process with one sentence: nothing that was acknowledged lives
 * only here, and every client resumes from its cursor. An Arena is a pool whose pieces are freed
 * all at once with it; its owner is whoever holds the struct.
 */
#ifndef PORCUPINE_MEMORY_H
#define PORCUPINE_MEMORY_H

#include <stddef.h>

typedef struct ArenaChunk ArenaChunk;

typedef struct Arena
{
	ArenaChunk *chunks;			/* newest first; only the newest has room */
	size_t		used;
	size_t		size;
} Arena;

/* Once, before anything is allocated that matters. */
extern void memory_open(void);

/* Zeroed memory, freed with free(). */
extern void *memory_alloc(size_t size);
/* realloc() that ends the process instead of failing; new bytes are not zeroed. */
extern void *memory_grow(void *old, size_t size);
extern char *memory_text(const char *text);

/* Memory from the pool, aligned for any type, not zeroed. */
extern void *arena_alloc(Arena *arena, size_t size);
extern void *arena_copy(Arena *arena, const void *bytes, size_t size);
/* A copy with a terminating NUL. */
extern char *arena_text(Arena *arena, const char *text, size_t length);
extern void arena_free(Arena *arena);

#endif
