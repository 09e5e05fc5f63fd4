/*
 * held.h - rooms whose head somebody else's transaction holds, each with its sends in order.
 *
 * While a room is here, all its sends go through here; whoever takes it is the only one to try. It
 * leaves when it was given back with nothing left to send.
 */
#ifndef PORCUPINE_HELD_H
#define PORCUPINE_HELD_H

#include "send.h"

typedef struct HeldRoom HeldRoom;

extern bool held_has(int64_t room);
/* How many rooms there are, those that were taken included. */
extern int	held_count(void);
/* The last of its room's sends; the room comes here with the first. */
extern void held_put(Send *send);

/* The next room to try, or NULL: one that is new here before one that was tried in vain. */
extern HeldRoom *held_take(void);
/* Its next send, or NULL. */
extern Send *held_next(HeldRoom *room);
/* These were not sent after all: they are the room's next ones again. */
extern void held_put_back(HeldRoom *room, Send *const *sends, int count);
/* Ends what held_take() began; in vain: somebody holds it still. */
extern void held_give_back(HeldRoom *room, bool in_vain);

#endif
