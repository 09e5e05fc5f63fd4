/*
 * cpu.h - what the processes of a server have cost, their CPU time and their memory, and how busy
 * the machine was besides, as /proc has it.
 */
#ifndef BENCH_CPU_H
#define BENCH_CPU_H

#include <sys/types.h>

/* The processor seconds of a process, its children that run, and those that have ended. */
extern double cpu_seconds(pid_t pid);

/* The processor seconds that all have used since the machine started, and those its host took away. */
extern void cpu_machine(double *busy, double *stolen);

/* Bytes of a process that are in memory, shared ones by its share (PSS). */
extern long cpu_memory(pid_t pid);

#endif
