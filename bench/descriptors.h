/*
 * descriptors.h - room for thousands of sockets: the soft limit of most systems is far below the hard one.
 */
#ifndef BENCH_DESCRIPTORS_H
#define BENCH_DESCRIPTORS_H

extern void descriptors_raise(void);

#endif
