/*
 * sends.h - the send path: whatever arrives while a batch is in flight is the next batch.
 *
 * A room belongs to one lane and a lane has one batch in flight, so a sender's messages keep their
 * order. A batch is one call of porcupine.send_many() in one transaction; nothing is answered or
 * shown before it has committed. Then the hub gets the new events. The commit itself wakes whoever
 * else listens, or, where the database has no worker for that, a transaction of its own.
 */
#ifndef PORCUPINE_SENDS_H
#define PORCUPINE_SENDS_H

#include "send.h"

extern void sends_submit(Send *send);
/* Is nothing queued or in flight? */
extern bool sends_are_idle(void);

#endif
