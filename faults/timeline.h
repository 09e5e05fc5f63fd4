/*
 * timeline.h - what stands at each seq of each room, in each era.
 *
 * A restore to an earlier point in time begins a new era (a new stream of the database): logs are
 * cut back to some head, and go on from there in another way. Up to that head both eras are one
 * history, so an event is named by its room, its seq and the oldest era that has it there.
 *
 * It owns the places; whoever speaks of a seq, an observer or the table, speaks of the same place.
 */
#ifndef FAULTS_TIMELINE_H
#define FAULTS_TIMELINE_H

#include "lines.h"

/* A line restored: to be read before all that happened. */
extern void timeline_restored(const Line *line);

extern int	timeline_era(int64_t stream);
extern int	timeline_last_era(void);
/* The oldest era in which this seq is the same event. */
extern int	timeline_origin(int era, int64_t room, int64_t seq);
/* Is what was at this seq in an era still there in a later one? */
extern bool timeline_survives(int origin, int later, int64_t room, int64_t seq);
/* May what was sent at this time, and got this seq, have been undone by a restore? */
extern bool timeline_may_be_undone(int64_t invoked_at, int64_t room, int64_t seq);

/* When what was at this seq in an era was undone by a restore; INT64_MAX: it was not. */
extern int64_t timeline_undone_at(int era, int64_t room, int64_t seq);

/* Somebody says that this line's event is at its seq: is it what all others have said? */
extern void timeline_observe(const Line *line, int era);
/* The table says it. Rows come in order. */
extern void timeline_store(const Line *line);
extern void timeline_head(const Line *line);
/* What was shown in the last era and is not in the table. */
extern void timeline_finish(void);
/* The room's last seq by the table. */
extern int64_t timeline_last_seq(int64_t room);

#endif
