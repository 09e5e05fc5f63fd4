/*
 * sessions.h - which sessions have sockets, at whichever bridge.
 *
 * Of its own a bridge knows it. It also keeps them in Redis, as one set, on the node that its origin
 * chooses as a room does; the set lives for as long as a silent bridge counts as being there, and is
 * given that time anew every second. Best effort; without Redis it is this bridge alone.
 */
#ifndef PORCUPINE_SESSIONS_H
#define PORCUPINE_SESSIONS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct SessionsQuestion SessionsQuestion;

/* live: of each of the sessions asked about, in order; gone afterwards. */
typedef void (*SessionsDone) (void *arg, const bool *live);

extern void sessions_open(int64_t origin);
extern void sessions_close(void);

/* For PeerEvents: the first socket of this session has come, or the last has gone. */
extern void sessions_change(int64_t session);

/*
 * Which of these have a socket, here or elsewhere? done() is called once. NULL: it has been already;
 * else it comes, unless sessions_forget() comes first.
 */
extern SessionsQuestion *sessions_ask(const int64_t *sessions, int count, SessionsDone done, void *arg);
extern void sessions_forget(SessionsQuestion *question);

#endif
