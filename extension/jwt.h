/*
 * jwt.h: access tokens as compact JWS (RFC 7515) signed with Ed25519 (RFC 8037), typ at+jwt (RFC
 * 9068).
 *
 * Pure: no PostgreSQL, no memory of its own, no clock; safe on any bytes. Whoever holds the keys
 * and the time passes them in (signing.c).
 *
 * Header {"alg":"EdDSA","typ":"at+jwt","kid":…}, claims
 * {"iss","aud":"porcupine","sub","sid","did","iat","exp"}, where sub, sid and did are the ids of
 * user, session and device as decimal strings.
 */
#ifndef PORCUPINE_JWT_H
#define PORCUPINE_JWT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sodium.h>

#define JWT_LONGEST 2048		/* of a whole token; ours have about 350 characters */
#define JWT_KID_BYTES 9			/* of the SHA-256 of the public key */
#define JWT_KID_LENGTH 12		/* the same in base64url */

typedef struct JwtClaims
{
	int64_t		user_id;
	int64_t		session_id;
	int64_t		device_id;
	int64_t		issued_at;		/* Unix seconds */
	int64_t		expires_at;
} JwtClaims;

/* the parts of a token whose header has been read; points into the token */
typedef struct JwtToken
{
	const char *signed_part;	/* header and claims with the dot between them */
	size_t		signed_length;
	const char *claims;			/* still in base64url */
	size_t		claims_length;
	unsigned char signature[crypto_sign_BYTES];
	char		kid[JWT_KID_LENGTH + 1];
} JwtToken;

/* the name of a public key: base64url of the first bytes of its SHA-256 */
extern void jwt_kid(const unsigned char public_key[crypto_sign_PUBLICKEYBYTES],
					char kid[JWT_KID_LENGTH + 1]);

/*
 * Writes a token and a zero byte and returns its length, or 0 when it does not fit. issuer is
 * printable ASCII without quotes and backslashes.
 */
extern size_t jwt_sign(const JwtClaims *claims, const char *issuer, const char *kid,
					   const unsigned char secret_key[crypto_sign_SECRETKEYBYTES], char *token, size_t size);

/* Splits a token and reads its header. False: not one of ours. Nothing is verified yet. */
extern bool jwt_read(const char *text, size_t length, JwtToken *token);

/* Verifies the signature, then the claims against issuer and now (Unix seconds). */
extern bool jwt_verify(const JwtToken *token, const unsigned char public_key[crypto_sign_PUBLICKEYBYTES],
					   const char *issuer, int64_t now, JwtClaims *claims);

#endif							/* PORCUPINE_JWT_H */
