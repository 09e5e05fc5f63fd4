/*
 * watches.h - what each member was shown of each room, in which order, over how many sockets.
 *
 * On a subscription the events come from its cursor on, one after the other. Over all sockets
 * together, with what was read in between, a member has seen everything up to where they stand.
 */
#ifndef FAULTS_WATCHES_H
#define FAULTS_WATCHES_H

#include "lines.h"

/* subscribe, reset, event, page, end; the others mean nothing to it */
extern void watches_take(const Line *line, int era);
/* Does this member, who is in the room, have all of its log? Once everything is read. */
extern void watches_check_end(int64_t user, int64_t room);
extern void watches_report(void);

#endif
