/*
 * clock.c - see clock.h. It owns the moment that counts as the beginning.
 */
#include "clock.h"

#include <time.h>

static int64_t began;

uint32_t
clock_us(void)
{
	struct timespec now;
	int64_t		us;

	clock_gettime(CLOCK_MONOTONIC, &now);
	us = (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
	if (began == 0)
		began = us;
	return (uint32_t) (us - began);
}
