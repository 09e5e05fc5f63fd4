/*
 * messages.h - the REST calls of messages: a page of history, from the standby where there is one
 * that can, and a message by the same path as a socket's.
 */
#ifndef PORCUPINE_MESSAGES_H
#define PORCUPINE_MESSAGES_H

#include "http.h"

/* As Route.run. The statement of a post only asks whether the session is alive. */
extern void messages_history(Request *request);
extern void messages_post(Request *request);

#endif
