/*
 * findings.c - see findings.h. It owns the counts.
 */
#include "findings.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const names[N_FINDINGS] = {
	[FOUND_LOST] = "lost", [FOUND_REFUSED_STORED] = "refused-stored", [FOUND_TWICE] = "twice",
	[FOUND_DISAGREE] = "disagree", [FOUND_ORDER] = "order", [FOUND_GAP] = "gap",
	[FOUND_UNDELIVERED] = "undelivered", [FOUND_PHANTOM] = "phantom", [FOUND_REVOKED] = "revoked",
	[FOUND_HOLE] = "hole"
};

static long counts[N_FINDINGS];

void
findings_add(Finding finding, const Line *line, const char *format,...)
{
	va_list		arguments;

	if (counts[finding]++ >= FINDINGS_SHOWN)
		return;
	printf("violation %s: room %lld seq %lld member %lld socket %lld at %lld: ", names[finding], (long long) line->room,
		   (long long) line->seq, (long long) line->member, (long long) line->socket, (long long) line->at);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	printf("\n");
}

bool
findings_report(void)
{
	long		sum = 0;

	for (int i = 0; i < N_FINDINGS; i++)
	{
		printf("found %s %ld\n", names[i], counts[i]);
		sum += counts[i];
	}
	return sum == 0;
}
