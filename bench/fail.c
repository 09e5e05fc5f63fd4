/*
 * fail.c - see fail.h.
 */
#include "fail.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void
fail(const char *format,...)
{
	va_list		args;

	fputs("bench: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

void *
need_memory(unsigned long size)
{
	void	   *memory = calloc(1, size);

	if (memory == NULL)
		fail("out of memory");
	return memory;
}

void *
need_more(void *old, unsigned long size)
{
	void	   *memory = realloc(old, size);

	if (memory == NULL)
		fail("out of memory");
	return memory;
}
