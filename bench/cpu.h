/*
 * cpu.h - what the processes of a server have cost: the CPU time of each group of them, and the
 * memory of one, as /proc has it.
 */
#ifndef BENCH_CPU_H
#define BENCH_CPU_H

#include <sys/types.h>

/* The processor seconds of a process, its children that run, and those that have ended. */
extern double cpu_seconds(pid_t pid);

/* Bytes of a process that are in memory, shared ones by its share (PSS). */
extern long cpu_memory(pid_t pid);

#endif
