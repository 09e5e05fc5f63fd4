/*
 * server.h - the listening socket and libwebsockets' context.
 */
#ifndef PORCUPINE_SERVER_H
#define PORCUPINE_SERVER_H

#include <stdbool.h>

/*
 * Binds and begins to serve; shared: with other processes that do the same. On failure says why on
 * stderr in one sentence.
 */
extern bool server_open(const char *address, int port, bool shared);
/* Does nobody listen there? If somebody does, says so on stderr. Processes that share do not see others. */
extern bool server_is_free(const char *address, int port);
/* No new connections; those that are there go on. */
extern void server_stop_accepting(void);
/* Closes every connection and lets libwebsockets go; the loop is run until that is done. */
extern void server_close(void);

#endif
