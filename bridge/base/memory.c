/*
 * memory.c - see memory.h. It owns nothing but the pieces it hands out.
 */
#include "memory.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_SIZE 2048

/* Answers of many kilobytes come and go: returning their memory each time is an eighth of the cost. */
#define KEPT_FREE (16 * 1024 * 1024)
#define MAPPED_FROM (1024 * 1024)

struct ArenaChunk
{
	ArenaChunk *older;
	max_align_t bytes[];
};

static void *require(void *memory);

void
memory_open(void)
{
	mallopt(M_TRIM_THRESHOLD, KEPT_FREE);
	mallopt(M_MMAP_THRESHOLD, MAPPED_FROM);
}

void *
memory_alloc(size_t size)
{
	return require(calloc(1, size));
}

void *
memory_grow(void *old, size_t size)
{
	return require(realloc(old, size));
}

char *
memory_text(const char *text)
{
	size_t		size = strlen(text) + 1;

	return memcpy(memory_alloc(size), text, size);
}

void *
arena_alloc(Arena *arena, size_t size)
{
	size_t		rounded = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
	char	   *piece;

	if (arena->chunks == NULL || arena->size - arena->used < rounded)
	{
		size_t		room = rounded > CHUNK_SIZE ? rounded : CHUNK_SIZE;
		ArenaChunk *chunk = require(malloc(sizeof(ArenaChunk) + room));

		chunk->older = arena->chunks;
		arena->chunks = chunk;
		arena->size = room;
		arena->used = 0;
	}
	piece = (char *) arena->chunks->bytes + arena->used;
	arena->used += rounded;
	return piece;
}

void *
arena_copy(Arena *arena, const void *bytes, size_t size)
{
	void	   *copy = arena_alloc(arena, size);

	if (size > 0)
		memcpy(copy, bytes, size);
	return copy;
}

char *
arena_text(Arena *arena, const char *text, size_t length)
{
	char	   *copy = arena_alloc(arena, length + 1);

	memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

void
arena_free(Arena *arena)
{
	while (arena->chunks != NULL)
	{
		ArenaChunk *chunk = arena->chunks;

		arena->chunks = chunk->older;
		free(chunk);
	}
	arena->used = arena->size = 0;
}

static void *
require(void *memory)
{
	if (memory == NULL)
	{
		fputs("porcupine-bridge: out of memory\n", stderr);
		abort();
	}
	return memory;
}
