/*
 * relay.h - between the hub and the database: reads, doorbells, sweeps.
 *
 * A doorbell is a hint that anybody in the database can forge, so it only says where to look. What
 * it should have said and did not, the sweeps find: heads of watched rooms every two seconds,
 * ended sessions every second.
 */
#ifndef PORCUPINE_RELAY_H
#define PORCUPINE_RELAY_H

#include "hub.h"
#include "pgconn.h"

extern void relay_open(void);
extern void relay_close(void);

/* For HubOps. */
extern void relay_read_room(int64_t room, int64_t ticket, int64_t after, int max);
extern bool relay_wait(int64_t room);
/* The request for one page of a room's events; its rows go through relay_take_rows(). */
extern DbRequest *relay_page_request(int64_t room, int64_t after, int max, DbDone done, void *arg);
/* The rows as events, freed by the caller, who passes the frames on. */
extern HubEvent *relay_take_rows(const PGresult *result, int *count);

/* For DatabaseEvents. */
extern void relay_on_doorbell(const char *payload);
/* The same without its rooms, as the bridge that listens has passed it on. */
extern void relay_on_passed_on(const char *payload);
extern void relay_sweep(void);
/* Reads the heads of these rooms. */
extern void relay_look(const int64_t *rooms, int count);
/* After doorbells may have been lost. */
extern void relay_read_all_memberships(void);

#endif
