/*
 * server.h: what tells one history of a database from another, and the stream that names it.
 */
#ifndef PORCUPINE_SERVER_H
#define PORCUPINE_SERVER_H

/*
 * The stream epoch, as porcupine.current_stream(). Begins a new one when the database has been
 * restored, cloned or promoted; refuses with busy where the transaction may not write.
 */
extern int64 server_stream(void);

/* The same, but 0 instead of a new one: for a standby, which only reads. */
extern int64 server_known_stream(void);

/*
 * The newest stream epoch on record, which may be one behind until somebody calls
 * porcupine.current_stream(); 0: there is none, or no extension. Needs a transaction, no privileges.
 */
extern int64 server_newest_stream(void);

#endif							/* PORCUPINE_SERVER_H */
