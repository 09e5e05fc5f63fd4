/*
 * jwt.h - verification of access tokens (RFC 7519, RFC 8037: EdDSA with Ed25519, nothing else).
 *
 * The algorithm is the key's, never the header's. Pure functions over bytes; the keys are in a
 * JwtKeys that the caller owns.
 */
#ifndef PORCUPINE_JWT_H
#define PORCUPINE_JWT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JWT_MAX_LENGTH 2048
#define JWT_MAX_KEYS 8
#define JWT_AUDIENCE "porcupine"

typedef struct JwtKey
{
	char		kid[64];
	unsigned char public_key[32];
} JwtKey;

typedef struct JwtKeys
{
	JwtKey		keys[JWT_MAX_KEYS];
	int			count;
} JwtKeys;

typedef struct JwtClaims
{
	int64_t		user;
	int64_t		session;
	int64_t		device;
	int64_t		expires;		/* seconds since 1970 */
} JwtClaims;

typedef enum JwtVerdict
{
	JWT_VALID,
	JWT_INVALID,
	JWT_UNKNOWN_KEY				/* well-formed, but signed by a key that is not here */
} JwtVerdict;

/* Reads a JWK Set; keys of other kinds are passed over. False: this is no JWK Set. */
extern bool jwt_read_keys(const char *json, size_t length, JwtKeys *keys);

/* now in seconds since 1970. claims are set when the verdict is JWT_VALID. */
extern JwtVerdict jwt_verify(const char *token, size_t length, const JwtKeys *keys, const char *issuer,
							 int64_t now, JwtClaims *claims);

#endif
