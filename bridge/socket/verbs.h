/*
 * verbs.h - what a WebSocket client can say, and what it is told: the verb table of API.md.
 */
#ifndef PORCUPINE_VERBS_H
#define PORCUPINE_VERBS_H

/* Registers with the hub and the peers. */
extern void verbs_open(void);
extern void verbs_close(void);
/* Ends every socket: come back after a while. */
extern void verbs_drain(void);

#endif
