/*
 * taken.h - how much of what a client sent has been taken out of its socket.
 */
#ifndef PORCUPINE_TAKEN_H
#define PORCUPINE_TAKEN_H

#include <stdint.h>

/* In bytes since the connection began; UINT64_MAX: the socket does not tell, or nothing has come yet. */
extern uint64_t taken_bytes(int fd);

#endif
