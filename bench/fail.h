/*
 * fail.h - how a program of the bench gives up: one line on stderr, and exit code 1. A figure that
 * came about wrongly is worse than none, so nothing here is ever counted and passed over.
 */
#ifndef BENCH_FAIL_H
#define BENCH_FAIL_H

extern void fail(const char *format,...) __attribute__((format(printf, 1, 2), noreturn));

/* Memory, zeroed, or the end. */
extern void *need_memory(unsigned long size);
/* More of it; what is new is not zeroed. */
extern void *need_more(void *old, unsigned long size);

#endif
