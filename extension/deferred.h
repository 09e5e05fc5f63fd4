/*
 * deferred.h: sends that take their place in the log when the transaction commits.
 */
#ifndef PORCUPINE_DEFERRED_H
#define PORCUPINE_DEFERRED_H

/* For the transaction callbacks in porcupine.c. */
extern void deferred_end(void);
extern void deferred_undo(void);

#endif							/* PORCUPINE_DEFERRED_H */
