/*
 * census.h - which connections a server on this machine holds, as the kernel knows it (sock_diag(7)).
 * That is another matter than what its clients believe: one that has vanished does not hear that it was closed.
 */
#ifndef BENCH_CENSUS_H
#define BENCH_CENSUS_H

#include <stdint.h>

/* Calls back for each IPv4 connection that a process has accepted on this port, with its client's address. */
extern void census_take(int port, void (*found) (uint32_t address));

#endif
