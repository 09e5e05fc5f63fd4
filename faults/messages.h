/*
 * messages.h - what became of each client id: what its sender was told, what others saw of it, and
 * what the table has.
 */
#ifndef FAULTS_MESSAGES_H
#define FAULTS_MESSAGES_H

#include "lines.h"

/* invoked, again, ok, failed, unknown; other lines mean nothing to it */
extern void messages_step(const Line *line);
/* It was seen at this seq; origin is timeline_origin(). stored: in the table. */
extern void messages_seen(const Line *line, int origin, bool stored);
/* The sums over all, once everything is read. */
extern void messages_finish(void);
/* Prints "count NAME N" for what was counted. */
extern void messages_report(void);

#endif
