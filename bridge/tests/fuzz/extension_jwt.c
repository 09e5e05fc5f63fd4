/*
 * extension_jwt.c - see extension_jwt.h. Both readers are called the same, so the extension's is
 * included here under other names.
 */
#define jwt_kid extension_jwt_kid
#define jwt_sign extension_jwt_sign
#define jwt_read extension_jwt_read
#define jwt_verify extension_jwt_verify
#include "../../../extension/jwt.c"

#include "extension_jwt.h"

#define LONGEST_HEADER 512		/* jwt_read()'s own bound */

bool
extension_accepts(const char *text, size_t length, const unsigned char public_key[32],
				  const char *issuer, int64_t now, ExtensionClaims *claims)
{
	JwtToken	token;
	JwtClaims	read;
	char		kid[JWT_KID_LENGTH + 1];

	jwt_kid(public_key, kid);
	if (!jwt_read(text, length, &token) || strcmp(token.kid, kid) != 0
		|| !jwt_verify(&token, public_key, issuer, now, &read))
		return false;
	*claims = (ExtensionClaims) {read.user_id, read.session_id, read.device_id, read.expires_at};
	return true;
}

size_t
extension_signs(const ExtensionClaims *claims, const char *issuer, const char *kid,
				const unsigned char secret_key[64], char *token, size_t size)
{
	JwtClaims	written = {
		.user_id = claims->user, .session_id = claims->session, .device_id = claims->device,
		.issued_at = claims->expires - 600, .expires_at = claims->expires
	};

	return jwt_sign(&written, issuer, kid, secret_key, token, size);
}

bool
extension_reads(const char *json, size_t length)
{
	Object		object;

	return length <= LONGEST_HEADER && object_read(json, length, &object);
}

void
extension_kid(const unsigned char public_key[32], char kid[13])
{
	jwt_kid(public_key, kid);
}
