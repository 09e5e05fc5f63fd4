/*
 * doorbell.h: waking whoever listens, once a transaction.
 */
#ifndef PORCUPINE_DOORBELL_H
#define PORCUPINE_DOORBELL_H

/*
 * While true, heads that advance do not ring: the caller wakes listeners itself, or rings each room. Whoever sets it
 * unsets it; the end of a failed (sub)transaction unsets it too.
 */
extern void doorbell_mute(bool mute);

/* Rings at commit: the room has at least this seq. origin: of a bridge, or 0. */
extern void doorbell_ring_room(int64 room, int64 seq, int64 origin);

/* Refuses (invalid) what is no origin. */
extern void doorbell_check_origin(int64 origin);

/*
 * For the transaction callbacks in porcupine.c; level is the nesting level of the subtransaction
 * that ends. doorbell_after_commit() neither raises errors nor allocates; doorbell_end() follows it.
 */
extern void doorbell_before_commit(void);
extern void doorbell_after_commit(void);
extern void doorbell_refuse_prepare(void);
extern void doorbell_end(void);
extern void doorbell_keep(int level);
extern void doorbell_drop(int level);

#endif							/* PORCUPINE_DOORBELL_H */
