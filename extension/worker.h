/*
 * worker.h: the background process that tells what committed transactions have left in the ring.
 */
#ifndef PORCUPINE_WORKER_H
#define PORCUPINE_WORKER_H

/* Has the worker of this database started. May raise an error: before the commit only. */
extern void worker_start(void);

#endif							/* PORCUPINE_WORKER_H */
