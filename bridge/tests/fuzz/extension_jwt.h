/*
 * extension_jwt.h - the extension's reader of access tokens, beside the bridge's in one program.
 */
#ifndef PORCUPINE_EXTENSION_JWT_H
#define PORCUPINE_EXTENSION_JWT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ExtensionClaims
{
	int64_t		user;
	int64_t		session;
	int64_t		device;
	int64_t		expires;
} ExtensionClaims;

/* As identity.c does it with one key: read, find the key by its name, verify. */
extern bool extension_accepts(const char *token, size_t length, const unsigned char public_key[32],
							  const char *issuer, int64_t now, ExtensionClaims *claims);
/* A token as porcupine.login() gives it; the length, or 0. */
extern size_t extension_signs(const ExtensionClaims *claims, const char *issuer, const char *kid,
							  const unsigned char secret_key[64], char *token, size_t size);
/* Is this a header or a payload of the one form that it reads at all? */
extern bool extension_reads(const char *json, size_t length);
/* The name of a key; NUL-terminated, 13 bytes. */
extern void extension_kid(const unsigned char public_key[32], char kid[13]);

#endif
