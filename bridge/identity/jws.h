/*
 * jws.h - signatures of others: JWK Sets (RFC 7517) and compact JWS (RFC 7515), as OpenID providers
 * make them. RS256 and ES256 by OpenSSL, EdDSA with Ed25519 by libsodium, nothing else.
 *
 * Pure functions over bytes. The algorithm is the key's, never the header's: a key is of one
 * algorithm by its kind, and a token that names another one does not verify. A key without an id,
 * or meant for encryption, is no key here.
 */
#ifndef PORCUPINE_JWS_H
#define PORCUPINE_JWS_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>

#define JWS_MAX_LENGTH 16384
#define JWS_MAX_KEYS 32
#define JWS_MAX_KID 256

typedef struct JwsKey
{
	char		kid[JWS_MAX_KID];
	const char *algorithm;		/* RS256, ES256 or EdDSA */
	EVP_PKEY   *key;			/* of the first two */
	unsigned char ed25519[32];	/* of the third */
} JwsKey;

typedef struct JwsKeys
{
	JwsKey		keys[JWS_MAX_KEYS];
	int			count;
} JwsKeys;

typedef enum JwsVerdict
{
	JWS_VALID,
	JWS_INVALID,
	JWS_UNKNOWN_KEY				/* well-formed, but its key is not here */
} JwsVerdict;

/*
 * Reads a JWK Set; keys of other kinds are passed over, and so is a second one of the same id. False:
 * this is no JWK Set. keys is to be freed either way.
 */
extern bool jws_read_keys(const char *json, size_t length, JwsKeys *keys);
extern void jws_free_keys(JwsKeys *keys);

/*
 * Verifies a token. payload holds at least length bytes and gets what was signed when the verdict is
 * JWS_VALID.
 */
extern JwsVerdict jws_open(const char *token, size_t length, const JwsKeys *keys, char *payload, size_t *payload_length);

#endif
