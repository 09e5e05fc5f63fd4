/*
 * reads.h - a room's events out of the database, for the hub and for whoever catches up.
 *
 * What another bridge has committed comes by Redis, mostly; it is waited for a moment before it is read.
 */
#ifndef PORCUPINE_READS_H
#define PORCUPINE_READS_H

#include "hub.h"
#include "pgconn.h"

/* For HubOps. */
extern void reads_room(int64_t room, int64_t ticket, int64_t after, int max);
extern bool reads_wait(int64_t room);
extern void reads_close(void);

/* The request for one page of a room's events; its rows go through reads_take_rows(). */
extern DbRequest *reads_page_request(int64_t room, int64_t after, int max, DbDone done, void *arg);
/* The rows as events, freed by the caller, who passes the frames on. */
extern HubEvent *reads_take_rows(const PGresult *result, int *count);

#endif
