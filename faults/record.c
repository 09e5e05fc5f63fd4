/*
 * record.c - see record.h.
 */
#include "record.h"
#include "clock.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static FILE *history;

static void check(int failed);

void
record_open(const char *path)
{
	history = fopen(path, "w");
	check(history == NULL);
}

void
record_close(void)
{
	int			status = fclose(history);

	check(status != 0);
}

void
record_flush(void)
{
	check(fflush(history) != 0);
}

void
record(const char *op, const char *format,...)
{
	va_list		arguments;

	fprintf(history, "{\"at\":%lld,\"op\":\"%s\",", (long long) clock_now(), op);
	va_start(arguments, format);
	vfprintf(history, format, arguments);
	va_end(arguments);
	check(fputs("}\n", history) < 0);
}

static void
check(int failed)
{
	if (!failed)
		return;
	perror("faults/client: cannot write the history");
	exit(2);
}

uint64_t
record_hash(const unsigned char *body, size_t length)
{
	unsigned char digest[crypto_hash_sha256_BYTES];
	uint64_t	hash = 0;

	crypto_hash_sha256(digest, body, length);
	for (int i = 0; i < 8; i++)
		hash = hash << 8 | digest[i];
	return hash;
}
