/*
 * echo.h - how long it takes until this bridge hears its own doorbell.
 *
 * One room is followed at a time, from handing its batch to the database on; that is enough to see
 * when doorbells come late.
 */
#ifndef PORCUPINE_ECHO_H
#define PORCUPINE_ECHO_H

#include <stdint.h>

/* Something is being sent to this room, and its doorbell will be heard. */
extern void echo_expect(int64_t room);
/* It was not stored, or not at once: there is no doorbell to measure by. */
extern void echo_forget(int64_t room);
/* A doorbell of our own has named this room. */
extern void echo_heard(int64_t room);

#endif
