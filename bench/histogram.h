/*
 * histogram.h - times in microseconds, counted in buckets about 3% wide: constant memory, and
 * adding one costs a few instructions.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>
#include <stdio.h>

/* 64 of one microsecond each, then 32 to each power of two up to 2^32. */
#define HISTOGRAM_BUCKETS (64 + 26 * 32)

typedef struct Histogram
{
	uint64_t	count;
	uint32_t	most;
	uint64_t	buckets[HISTOGRAM_BUCKETS];
} Histogram;

extern void histogram_add(Histogram *histogram, uint32_t us);
/* The time that this part (0 to 1) of all stayed below; 0 when there are none. */
extern uint32_t histogram_quantile(const Histogram *histogram, double part);
/* As a JSON object: p50, p99, max. */
extern void histogram_print(const Histogram *histogram, FILE *to);

#endif
