/*
 * descriptors.c - see descriptors.h.
 */
#include "descriptors.h"

#include <sys/resource.h>

void
descriptors_raise(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}
