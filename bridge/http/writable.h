/*
 * writable.h - what is to be written, now, and not after asking the system whether it can be.
 */
#ifndef PORCUPINE_WRITABLE_H
#define PORCUPINE_WRITABLE_H

#include <libwebsockets.h>

/* libwebsockets does what it does when a connection can be written to. It may close it; not from within its callbacks. */
extern void writable_now(struct lws *wsi);

#endif
