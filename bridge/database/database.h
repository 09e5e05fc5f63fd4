/*
 * database.h - is the database there, is it the one we know, and what does it call out?
 *
 * It owns the connection that listens for doorbells. After each (re)connect it listens first, then
 * checks the server's durability settings and reads the stream epoch, and only then says ready:
 * whoever sweeps after that misses nothing (GUARANTEES: listen, then read).
 */
#ifndef PORCUPINE_DATABASE_H
#define PORCUPINE_DATABASE_H

#include "config.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct DatabaseEvents
{
	/*
	 * The database answers and the listener is up; again: doorbells may have been lost
	 * since the last time.
	 */
	void		(*ready) (bool again);
	void		(*doorbell) (const char *payload);
	/* The log is another one now, whether or not it is ready. */
	void		(*another_stream) (void);
	/* It must not be used: fsync or full_page_writes is off. */
	void		(*unfit) (const char *why);
} DatabaseEvents;

/* Opens the pool's lanes, too. The arguments must outlive the process. */
extern void database_open(const Config *config, const DatabaseEvents *events);
extern void database_close(void);

/*
 * Whether doorbells are wanted (they are, at first). Those of the time without may be lost, so each
 * time that they are wanted again, ready(…, again) follows.
 */
extern void database_listen(bool wanted);
/* Is there a listener that hears all doorbells? */
extern bool database_listens(void);
/*
 * Tries to become the one bridge of all that leads (which holds a lock as long as its connection
 * lasts), or steps back. To be repeated: somebody else may lead until then.
 */
extern void database_lead(bool wanted);
extern bool database_leads(void);

/* NULL when it is ready, else what is missing. */
extern const char *database_missing(void);
/* Sets the gauges of the database, the pool's too. */
extern void database_measure(void);
/* The stream epoch; 0 before the first ready. */
extern int64_t database_stream(void);
/* Do commits ring the doorbell? If not, whoever sends does, in a transaction of its own. */
extern bool database_rings(void);
extern void database_take_mode(const char *doorbell_mode);
/* Somebody has read the stream; true if it is another one than before. */
extern bool database_take_stream(int64_t stream);

#endif
