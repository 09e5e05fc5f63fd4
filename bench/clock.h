/*
 * clock.h - microseconds since the program began. 32 bits of them last for an hour, which is longer
 * than any run, and go into a client id.
 */
#ifndef BENCH_CLOCK_H
#define BENCH_CLOCK_H

#include <stdint.h>

extern uint32_t clock_us(void);

#endif
