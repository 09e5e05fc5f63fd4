/*
 * guard.h: the chat is not dropped by mistake.
 */
#ifndef PORCUPINE_GUARD_H
#define PORCUPINE_GUARD_H

/* Watches from now on, in this backend. */
extern void guard_begin(void);

#endif							/* PORCUPINE_GUARD_H */
