/*
 * repeat.h - requests that are repeated with the same Idempotency-Key get the first answer.
 *
 * The database keeps the answer in the transaction of the effect (sql/09_repeats.sql); here the
 * statement of a call is wrapped accordingly, and the header is read.
 */
#ifndef PORCUPINE_REPEAT_H
#define PORCUPINE_REPEAT_H

#include "http.h"

/* The statement, which has so many parameters, within one that takes the key and the fingerprint after them; it stays. */
extern const char *repeat_wrap(const char *sql, int params);

/* The key as it counts, in the request's pool; NULL: it is none, and problem says so. */
extern const char *repeat_key(Request *request, Problem *problem);

/* Adds both parameters. The fingerprint tells nobody anything who has not the key. */
extern void repeat_add(DbRequest *statement, const Request *request, const char *key);

#endif
