/*
 * jwt.c - see jwt.h.
 */
#include "jwt.h"
#include "base64.h"
#include "json.h"
#include "text.h"

#include <sodium.h>
#include <string.h>

#define END_OF_9999 INT64_C(253402300799)

static cJSON *parse_part(const char *from, size_t length);
static const JwtKey *find_key(const JwtKeys *keys, const char *kid);
static bool signature_fits(const char *token, size_t signed_length, const char *signature, size_t length,
						   const JwtKey *key);
static bool read_claims(const cJSON *payload, const char *issuer, int64_t now, JwtClaims *claims);
static bool read_id(const cJSON *payload, const char *name, int64_t *id);
static bool read_time(const cJSON *payload, const char *name, int64_t *time);

bool
jwt_read_keys(const char *json, size_t length, JwtKeys *keys)
{
	cJSON	   *root = json_parse(json, length);
	const cJSON *list = json_get(root, "keys");
	const cJSON *item;
	bool		ok = cJSON_IsArray(list);

	keys->count = 0;
	cJSON_ArrayForEach(item, list)
	{
		const char *kid = json_string(item, "kid");
		const char *x = json_string(item, "x");
		unsigned char bytes[64];
		size_t		size;

		if (keys->count == JWT_MAX_KEYS || kid == NULL || strlen(kid) >= sizeof(keys->keys[0].kid)
			|| !json_is(item, "kty", "OKP") || !json_is(item, "crv", "Ed25519")
			|| x == NULL || strlen(x) != 43 || !base64_decode_url(x, 43, bytes, &size))
			continue;
		strcpy(keys->keys[keys->count].kid, kid);
		memcpy(keys->keys[keys->count].public_key, bytes, 32);
		keys->count++;
	}
	cJSON_Delete(root);
	return ok;
}

JwtVerdict
jwt_verify(const char *token, size_t length, const JwtKeys *keys, const char *issuer, int64_t now, JwtClaims *claims)
{
	const char *first = memchr(token, '.', length);
	const char *second = first != NULL ? memchr(first + 1, '.', (size_t) (token + length - first - 1)) : NULL;
	JwtVerdict	verdict = JWT_INVALID;
	cJSON	   *header;
	cJSON	   *payload = NULL;
	const char *kid;
	const JwtKey *key;

	if (length > JWT_MAX_LENGTH || second == NULL)
		return JWT_INVALID;
	header = parse_part(token, (size_t) (first - token));
	kid = json_string(header, "kid");
	if (kid == NULL || !json_is(header, "alg", "EdDSA") || !json_is(header, "typ", "at+jwt")
		|| json_get(header, "crit") != NULL)
		goto done;
	key = find_key(keys, kid);
	if (key == NULL)
	{
		verdict = JWT_UNKNOWN_KEY;
		goto done;
	}
	if (!signature_fits(token, (size_t) (second - token), second + 1, (size_t) (token + length - second - 1), key))
		goto done;
	payload = parse_part(first + 1, (size_t) (second - first - 1));
	if (payload != NULL && read_claims(payload, issuer, now, claims))
		verdict = JWT_VALID;
done:
	cJSON_Delete(payload);
	cJSON_Delete(header);
	return verdict;
}

static cJSON *
parse_part(const char *from, size_t length)
{
	unsigned char bytes[JWT_MAX_LENGTH];
	size_t		size;

	if (length > JWT_MAX_LENGTH || !base64_decode_url(from, length, bytes, &size))
		return NULL;
	return json_parse((const char *) bytes, size);
}

static const JwtKey *
find_key(const JwtKeys *keys, const char *kid)
{
	for (int i = 0; i < keys->count; i++)
	{
		if (strcmp(keys->keys[i].kid, kid) == 0)
			return &keys->keys[i];
	}
	return NULL;
}

static bool
signature_fits(const char *token, size_t signed_length, const char *signature, size_t length, const JwtKey *key)
{
	unsigned char bytes[crypto_sign_BYTES + 2];
	size_t		size;

	return length == 86 && base64_decode_url(signature, length, bytes, &size) && size == crypto_sign_BYTES
		&& crypto_sign_verify_detached(bytes, (const unsigned char *) token, signed_length, key->public_key) == 0;
}

/* The same as the extension's (extension/jwt.c): what one refuses the other must not take. */
static bool
read_claims(const cJSON *payload, const char *issuer, int64_t now, JwtClaims *claims)
{
	int64_t		issued;
	int64_t		begins;

	return json_is(payload, "iss", issuer) && json_is(payload, "aud", JWT_AUDIENCE)
		&& read_id(payload, "sub", &claims->user)
		&& read_id(payload, "sid", &claims->session)
		&& read_id(payload, "did", &claims->device)
		&& read_time(payload, "iat", &issued)
		&& read_time(payload, "exp", &claims->expires)
		&& now < claims->expires
		&& (json_get(payload, "nbf") == NULL || (read_time(payload, "nbf", &begins) && begins <= now));
}

static bool
read_id(const cJSON *payload, const char *name, int64_t *id)
{
	const char *text = json_string(payload, name);

	return text != NULL && text_to_number(text, INT64_MAX, id) && *id > 0;
}

static bool
read_time(const cJSON *payload, const char *name, int64_t *time)
{
	return json_to_number(json_get(payload, name), END_OF_9999, time);
}
