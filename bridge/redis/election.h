/*
 * election.h - who listens to the database, and who passes its doorbells on.
 *
 * While all Redis nodes are there, one bridge, the relay, listens for all: the one that holds an
 * advisory lock on its listening connection. The others rely on it as long as they hear it; whoever
 * misses a node or the relay listens itself, which is slower and loses nothing. Without Redis
 * everybody listens, always.
 */
#ifndef PORCUPINE_ELECTION_H
#define PORCUPINE_ELECTION_H

extern void election_open(void);
extern void election_close(void);

/* A Redis node has gone: from now on its rooms' doorbells come from the database. */
extern void election_on_node_gone(void);
/* Of the relay's doorbells some may have been lost. */
extern void election_on_missed(void);

#endif
