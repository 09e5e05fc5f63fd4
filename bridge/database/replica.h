/*
 * replica.h - pages of history from a streaming standby, where there is one (PORCUPINE_REPLICA).
 *
 * Who may read, up to which head and of which stream, is always the primary's to say, and asked of
 * it for each page. The standby then answers if it has replayed as much of that room. Whatever is
 * not simply a page (a refusal, a standby that lags, is of another history, away or stuck) is left
 * to the primary. It owns the reads that are under way.
 */
#ifndef PORCUPINE_REPLICA_H
#define PORCUPINE_REPLICA_H

#include "gather.h"

/* json is NULL when the primary has to answer. The read is over. */
typedef void (*ReplicaDone) (void *arg, const char *json);

typedef struct ReplicaRead
{
	Question	question;		/* to the primary */
	DbRequest  *page;			/* to the standby: the caller adds room, before, after, stream and max */
	ReplicaDone done;			/* NULL: forgotten */
	void	   *arg;
} ReplicaRead;

/* Is it worth asking? */
extern bool replica_is_up(void);

/* Then parameters are added to page, and it is submitted, or forgotten instead. */
extern ReplicaRead *replica_begin(ReplicaDone done, void *arg);
/* Gives the read away; done() is called later, unless it is forgotten before. */
extern void replica_submit(ReplicaRead *read, int64_t session, int64_t room);
/* It was never submitted. */
extern void replica_drop(ReplicaRead *read);
/* The one who asked has gone. */
extern void replica_forget(ReplicaRead *read);

#endif
