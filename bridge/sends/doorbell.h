/*
 * doorbell.h - rings for whoever else listens, in a transaction of its own, where commits do not ring by themselves.
 *
 * It owns the seqs that are not rung yet. A doorbell that is lost is made up for by the others' sweeps.
 */
#ifndef PORCUPINE_DOORBELL_H
#define PORCUPINE_DOORBELL_H

#include <stdbool.h>
#include <stdint.h>

/* A random number by which this bridge knows its own doorbells. */
extern int64_t doorbell_origin(void);

/* This was committed; the next doorbell_ring() tells it. */
extern void doorbell_owe(int64_t room, int64_t seq);
/* One transaction at a time: what is owed meanwhile is rung together. */
extern void doorbell_ring(void);
/* Is none in flight? */
extern bool doorbell_is_idle(void);

#endif
