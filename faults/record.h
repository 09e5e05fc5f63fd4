/*
 * record.h - the history that the client writes: one JSON object a line, in the order in which
 * things happened to this process. What the lines mean is in lines.h, which reads them.
 *
 * It owns the file. A history that cannot be written ends the process: a run without one proves
 * nothing.
 */
#ifndef FAULTS_RECORD_H
#define FAULTS_RECORD_H

#include <stddef.h>
#include <stdint.h>

extern void record_open(const char *path);
extern void record_close(void);
/* Hands to the kernel what was written so far. */
extern void record_flush(void);

/* {"at":now,"op":op,…}: format gives the further members, without the comma before them. */
extern void record(const char *op, const char *format,...) __attribute__((format(printf, 2, 3)));

/* The first eight bytes of the body's SHA-256, by which histories and the table name a body. */
extern uint64_t record_hash(const unsigned char *body, size_t length);

#endif
