/*
 * memberships.h - tells people that their membership of a room has changed.
 *
 * A doorbell only says whose to look at; the role that somebody is told is read from the database.
 */
#ifndef PORCUPINE_MEMBERSHIPS_H
#define PORCUPINE_MEMBERSHIPS_H

#include <stdint.h>

/* This user's membership of this room, if they have a socket here. */
extern void memberships_read(int64_t user, int64_t room);
/* After doorbells may have been lost: each user hears of all their rooms again. */
extern void memberships_read_all(void);

#endif
