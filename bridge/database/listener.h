/*
 * listener.h - what the database's doorbell says, taken to where it belongs.
 *
 * A doorbell is a hint that anybody in the database can forge, so it only says where to look.
 */
#ifndef PORCUPINE_LISTENER_H
#define PORCUPINE_LISTENER_H

/* For DatabaseEvents. */
extern void listener_on_doorbell(const char *payload);
/* The same without its rooms, as the bridge that listens has passed it on. */
extern void listener_on_passed_on(const char *payload);

#endif
