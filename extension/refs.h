/*
 * refs.h: which event another one may speak of.
 */
#ifndef PORCUPINE_REFS_H
#define PORCUPINE_REFS_H

#include "errors.h"
#include "facts.h"

/* NULL: an event of this kind, by this user, may speak of the target. */
extern const Refusal *refs_judge(const char *kind, int64 user, const Target *target);

/* for a ref that names nothing */
extern const Refusal refs_no_event;

#endif							/* PORCUPINE_REFS_H */
