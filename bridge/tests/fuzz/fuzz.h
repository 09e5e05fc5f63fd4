/*
 * fuzz.h - what the fuzz targets share: an assertion that ends the process, and bytes in a piece of
 * memory of exactly their size, so that a read beyond them is seen.
 *
 * A target is a function over any bytes. libFuzzer calls it with what it makes up (make fuzz),
 * replay.c with the files of its corpus (make unit).
 */
#ifndef PORCUPINE_FUZZ_H
#define PORCUPINE_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HOLDS(condition) ((condition) ? (void) 0 : fuzz_broken(#condition, __FILE__, __LINE__))

static inline void
fuzz_broken(const char *condition, const char *file, int line)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
	abort();
}

/* Freed by the caller; never NULL. */
static inline void *
fuzz_memory(const void *bytes, size_t length)
{
	void	   *copy = calloc(length > 0 ? length : 1, 1);

	HOLDS(copy != NULL);
	if (length > 0)
		memcpy(copy, bytes, length);
	return copy;
}

/* What is left of the input. */
typedef struct Input
{
	const char *at;
	const char *end;
} Input;

static inline size_t
fuzz_left(const Input *input)
{
	return (size_t) (input->end - input->at);
}

/* Its next line as a string, without the line feed; freed by the caller. Empty at the end. */
static inline char *
fuzz_line(Input *input)
{
	size_t		left = fuzz_left(input);
	const char *feed = left > 0 ? memchr(input->at, '\n', left) : NULL;
	size_t		length = feed != NULL ? (size_t) (feed - input->at) : left;
	char	   *line = malloc(length + 1);

	HOLDS(line != NULL);
	if (length > 0)
		memcpy(line, input->at, length);
	line[length] = '\0';
	input->at += feed != NULL ? length + 1 : length;
	return line;
}

/* Its next byte; 0 at the end. */
static inline unsigned
fuzz_byte(Input *input)
{
	return input->at < input->end ? (unsigned char) *input->at++ : 0;
}

#endif
