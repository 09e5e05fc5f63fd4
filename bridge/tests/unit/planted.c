/*
 * planted.c - what is wrong on purpose: planted FAULT does what that names, for sanitizers to find. It is no test by itself;
 * scripts/test asks with it whether they would find anything at all. It is built with the flags of the bridge.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the compiler cannot see through. */
static void *volatile hidden;
static volatile int shown;

static void read_freed(void);
static void read_beyond(void);
static void lose(void);
static void overflow(void);

int
main(int count, char **arguments)
{
	static const struct
	{
		const char *name;
		void		(*do_it) (void);
	}			faults[] = {{"freed", read_freed}, {"beyond", read_beyond}, {"leak", lose}, {"overflow", overflow}};

	for (size_t i = 0; count == 2 && i < sizeof(faults) / sizeof(faults[0]); i++)
	{
		if (strcmp(arguments[1], faults[i].name) == 0)
			faults[i].do_it();
	}
	return 0;
}

static void
read_freed(void)
{
	char	   *bytes;

	hidden = malloc(16);
	bytes = hidden;
	free(hidden);
	shown = bytes[3];
}

static void
read_beyond(void)
{
	hidden = calloc(1, 16);
	shown = ((char *) hidden)[16];
	free(hidden);
}

static void
lose(void)
{
	hidden = malloc(16);
	hidden = NULL;
}

static void
overflow(void)
{
	shown = INT_MAX;
	shown = shown + 1;
}
