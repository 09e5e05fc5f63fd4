/*
 * clock.h - the time of the histories: microseconds of CLOCK_MONOTONIC.
 *
 * All processes of a run are on one machine and read the same clock, so a time of one history may
 * be compared with a time of another. It never goes back, which the time of day may do.
 */
#ifndef FAULTS_CLOCK_H
#define FAULTS_CLOCK_H

#include <stdint.h>
#include <time.h>

#define CLOCK_SECOND INT64_C(1000000)
#define CLOCK_MS INT64_C(1000)

static inline int64_t
clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * CLOCK_SECOND + now.tv_nsec / 1000;
}

#endif
