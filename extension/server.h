/*
 * server.h: what tells one history of a database from another.
 */
#ifndef PORCUPINE_SERVER_H
#define PORCUPINE_SERVER_H

/*
 * The newest stream epoch on record, which may be one behind until somebody calls
 * porcupine.current_stream(); 0: there is none, or no extension. Needs a transaction, no privileges.
 */
extern int64 server_newest_stream(void);

#endif							/* PORCUPINE_SERVER_H */
