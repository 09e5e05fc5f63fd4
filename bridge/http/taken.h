/*
 * taken.h - how much has come from a client, and how much of that has been taken out of its socket.
 */
#ifndef PORCUPINE_TAKEN_H
#define PORCUPINE_TAKEN_H

#include <stdint.h>

/* In bytes since the connection began, its end by the client as one; UINT64_MAX: the socket does not tell, or nothing has come yet. */
extern uint64_t received_bytes(int fd);
extern uint64_t taken_bytes(int fd);

#endif
