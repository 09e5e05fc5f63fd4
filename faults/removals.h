/*
 * removals.h - who was out of which room, when: by the clock of the one who removed them, and by
 * the log itself.
 */
#ifndef FAULTS_REMOVALS_H
#define FAULTS_REMOVALS_H

#include "lines.h"

/* adding and removed, in the order in which they happened, before all else but the restores. */
extern void removals_take(const Line *line);

/* A page was served, an event shown to a member: were they allowed to see it? */
extern void removals_check_read(const Line *line);
extern void removals_check_event(const Line *line, int era);

/* The table's rows, in order: was the sender a member by the log? */
extern void removals_take_row(const Line *line);
/* Calls check() for every member by the log, once the table is read. */
extern void removals_each_member(void (*check) (int64_t user, int64_t room));

extern void removals_report(void);

#endif
