/*
 * fetch.h - requests to OpenID providers, on the loop: libcurl's multi interface.
 *
 * An answer is of limited size and comes within a deadline, or there is none. It never follows a
 * redirect, never keeps a cookie, asks no proxy, and talks to nobody whose certificate does not verify.
 * Where requests may go is judged by whoever asks; here it is only kept to https.
 */
#ifndef PORCUPINE_FETCH_H
#define PORCUPINE_FETCH_H

#include <stdbool.h>
#include <stddef.h>

#define FETCH_MAX_ANSWER (256 * 1024)

typedef struct Fetch Fetch;

/* status 0: there is no answer, and why says why not. The texts end with the call. */
typedef void (*FetchDone) (void *arg, int status, const char *body, size_t length, const char *why);

/* allow_http: for tests. ca_file: certificates that vouch for providers beside the system's, or NULL; stays with the caller. */
extern void fetch_open(bool allow_http, const char *ca_file);
extern void fetch_close(void);

/*
 * body NULL: GET; else a form, by POST. authorization may be NULL. done() is called once, later, unless
 * fetch_forget() comes first. NULL: too many are under way, and done() is not called.
 */
extern Fetch *fetch_begin(const char *url, const char *body, const char *authorization, FetchDone done, void *arg);
extern void fetch_forget(Fetch *fetch);

#endif
