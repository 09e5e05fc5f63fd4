/*
 * sweeps.h - what doorbells should have said and did not: heads of watched rooms are compared every two
 * seconds, sessions that have sockets every second.
 *
 * It owns the knowledge that sessions live: when that cannot be had for ten seconds, all sockets go.
 */
#ifndef PORCUPINE_SWEEPS_H
#define PORCUPINE_SWEEPS_H

#include <stdint.h>

extern void sweeps_open(void);
extern void sweeps_close(void);

/* Now, both of them. */
extern void sweeps_run(void);
extern void sweeps_heads(void);
extern void sweeps_sessions(void);
/* Reads the heads of these rooms. */
extern void sweeps_look(const int64_t *rooms, int count);

#endif
