/*
 * signing.h: access tokens with the keys of this database.
 */
#ifndef PORCUPINE_SIGNING_H
#define PORCUPINE_SIGNING_H

#include "jwt.h"

/*
 * Verifies a token by the keys in porcupine.signing_keys. False: it is none of ours, or has
 * expired.
 */
extern bool signing_verify(const char *text, size_t length, JwtClaims *claims);

#endif							/* PORCUPINE_SIGNING_H */
