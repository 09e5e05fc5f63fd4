/*
 * tokens.c: random tokens and room codes, and what refresh tokens are made of. Which of them counts
 * is SQL's to say (porcupine.refresh); here is what SQL cannot compute, or not in constant time.
 *
 * The randomness is libsodium's, which asks the kernel each time, so that a fork shares nothing
 * with its parent.
 *
 * A refresh token is base64url of three parts: its session's id (8 bytes, the highest first), a secret
 * (32), and a tag (16). Stored are hashes of the token that is live and of its parent, and two keys
 * of the session:
 *
 * - The secret of a child is HMAC-SHA256 of its parent's text under a salt that is new at each
 *   rotation. So whoever has the parent can be given the same child again, though no token is
 *   stored, and with a dump and an older token one computes nothing: the salts in between are gone.
 * - The tag is HMAC-SHA256 of the rest under the session's family key. By it a token that is neither
 *   live nor the parent is still known to have been given out, and not made up by somebody who knows
 *   the id of a session and would like to see it end.
 *
 * Version 1.0 gave out tokens without parts. They are known by their hash, and have children as above.
 */
#include "compat.h"

#include <sodium.h>

#include "access/xact.h"
#include "fmgr.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"

#define TOKEN_BYTES 32
#define ROOM_CODE_LENGTH 6
#define BASE64URL sodium_base64_VARIANT_URLSAFE_NO_PADDING

#define KEY_BYTES 32
#define SECRET_BYTES crypto_auth_hmacsha256_BYTES
#define TAG_BYTES 16

typedef struct RefreshToken
{
	unsigned char session[sizeof(uint64)];
	unsigned char secret[SECRET_BYTES];
	unsigned char tag[TAG_BYTES];
} RefreshToken;

StaticAssertDecl(sizeof(RefreshToken) == sizeof(uint64) + SECRET_BYTES + TAG_BYTES, "a refresh token has no gaps");

#define REFRESH_LENGTH 75		/* of its text */

static bool read_token(const text *value, RefreshToken *token);
static bool is_hash_of(const text *value, bytea *hash);
static void make_tag(const RefreshToken *token, bytea *family_key, unsigned char tag[TAG_BYTES]);
static void hmac(bytea *key, const void *message, size_t length, unsigned char code[crypto_auth_hmacsha256_BYTES]);

/* porcupine.random_token(): 256 bits in base64url */
PG_FUNCTION_INFO_V1(porcupine_random_token);

Datum
porcupine_random_token(PG_FUNCTION_ARGS)
{
	unsigned char bytes[TOKEN_BYTES];
	char		token[sodium_base64_ENCODED_LEN(TOKEN_BYTES, BASE64URL)];
	text	   *result;

	randombytes_buf(bytes, sizeof(bytes));
	sodium_bin2base64(token, sizeof(token), bytes, sizeof(bytes), BASE64URL);
	result = cstring_to_text(token);
	sodium_memzero(bytes, sizeof(bytes));
	sodium_memzero(token, sizeof(token));
	PG_RETURN_TEXT_P(result);
}

/* porcupine.random_room_code(): randombytes_uniform() has no bias towards any letter */
PG_FUNCTION_INFO_V1(porcupine_random_room_code);

Datum
porcupine_random_room_code(PG_FUNCTION_ARGS)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	char		code[ROOM_CODE_LENGTH];

	for (int i = 0; i < ROOM_CODE_LENGTH; i++)
		code[i] = letters[randombytes_uniform(sizeof(letters) - 1)];
	PG_RETURN_TEXT_P(cstring_to_text_with_len(code, ROOM_CODE_LENGTH));
}

/* porcupine.random_key(): 256 bits */
PG_FUNCTION_INFO_V1(porcupine_random_key);

Datum
porcupine_random_key(PG_FUNCTION_ARGS)
{
	bytea	   *key = palloc(VARHDRSZ + KEY_BYTES);

	SET_VARSIZE(key, VARHDRSZ + KEY_BYTES);
	randombytes_buf(VARDATA(key), KEY_BYTES);
	PG_RETURN_BYTEA_P(key);
}

/* porcupine.refresh_token(session, family_key, salt, parent) */
PG_FUNCTION_INFO_V1(porcupine_refresh_token);

Datum
porcupine_refresh_token(PG_FUNCTION_ARGS)
{
	RefreshToken token;
	char		base64[REFRESH_LENGTH + 1];
	uint64		session;
	text	   *result;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2) != PG_ARGISNULL(3))
		elog(ERROR, "a refresh token needs a session, its key, and a salt with its parent");
	session = pg_hton64((uint64) PG_GETARG_INT64(0));
	memcpy(token.session, &session, sizeof(session));
	if (PG_ARGISNULL(3))
		randombytes_buf(token.secret, sizeof(token.secret));
	else
	{
		text	   *parent = PG_GETARG_TEXT_PP(3);

		hmac(PG_GETARG_BYTEA_PP(2), VARDATA_ANY(parent), VARSIZE_ANY_EXHDR(parent), token.secret);
	}
	make_tag(&token, PG_GETARG_BYTEA_PP(1), token.tag);
	sodium_bin2base64(base64, sizeof(base64), (unsigned char *) &token, sizeof(token), BASE64URL);
	result = cstring_to_text_with_len(base64, REFRESH_LENGTH);
	sodium_memzero(&token, sizeof(token));
	sodium_memzero(base64, sizeof(base64));

	/* A crash that forgot it would leave its owner with a token that looks like one used twice. */
	ForceSyncCommit();
	PG_RETURN_TEXT_P(result);
}

/* porcupine.refresh_token_session(token) */
PG_FUNCTION_INFO_V1(porcupine_refresh_token_session);

Datum
porcupine_refresh_token_session(PG_FUNCTION_ARGS)
{
	RefreshToken token;
	uint64		session;

	if (!read_token(PG_GETARG_TEXT_PP(0), &token))
		PG_RETURN_NULL();
	memcpy(&session, token.session, sizeof(session));
	sodium_memzero(&token, sizeof(token));
	PG_RETURN_INT64((int64) pg_ntoh64(session));
}

/* porcupine.refresh_token_standing(token, family_key, refresh_hash, parent_hash) */
PG_FUNCTION_INFO_V1(porcupine_refresh_token_standing);

Datum
porcupine_refresh_token_standing(PG_FUNCTION_ARGS)
{
	text	   *value;
	RefreshToken token;
	unsigned char tag[TAG_BYTES];
	bool		genuine;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	value = PG_GETARG_TEXT_PP(0);
	if (!PG_ARGISNULL(2) && is_hash_of(value, PG_GETARG_BYTEA_PP(2)))
		PG_RETURN_TEXT_P(cstring_to_text("live"));
	if (!PG_ARGISNULL(3) && is_hash_of(value, PG_GETARG_BYTEA_PP(3)))
		PG_RETURN_TEXT_P(cstring_to_text("parent"));
	if (PG_ARGISNULL(1) || !read_token(value, &token))
		PG_RETURN_NULL();
	make_tag(&token, PG_GETARG_BYTEA_PP(1), tag);
	genuine = sodium_memcmp(tag, token.tag, sizeof(tag)) == 0;
	sodium_memzero(&token, sizeof(token));
	if (!genuine)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text("older"));
}

/* False: it does not have the shape of one. A token has one spelling. */
static bool
read_token(const text *value, RefreshToken *token)
{
	size_t		length;

	return VARSIZE_ANY_EXHDR(value) == REFRESH_LENGTH
		&& sodium_base642bin((unsigned char *) token, sizeof(*token), VARDATA_ANY(value), REFRESH_LENGTH, NULL,
							 &length, NULL, BASE64URL) == 0
		&& length == sizeof(*token);
}

static bool
is_hash_of(const text *value, bytea *hash)
{
	unsigned char digest[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(digest, (const unsigned char *) VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
	return VARSIZE_ANY_EXHDR(hash) == sizeof(digest)
		&& sodium_memcmp(digest, VARDATA_ANY(hash), sizeof(digest)) == 0;
}

static void
make_tag(const RefreshToken *token, bytea *family_key, unsigned char tag[TAG_BYTES])
{
	unsigned char code[crypto_auth_hmacsha256_BYTES];

	hmac(family_key, token, offsetof(RefreshToken, tag), code);
	memcpy(tag, code, TAG_BYTES);
	sodium_memzero(code, sizeof(code));
}

static void
hmac(bytea *key, const void *message, size_t length, unsigned char code[crypto_auth_hmacsha256_BYTES])
{
	if (VARSIZE_ANY_EXHDR(key) != crypto_auth_hmacsha256_KEYBYTES)
		elog(ERROR, "a key of a session has %zu bytes instead of %u", (size_t) VARSIZE_ANY_EXHDR(key),
			 crypto_auth_hmacsha256_KEYBYTES);
	crypto_auth_hmacsha256(code, message, length, (const unsigned char *) VARDATA_ANY(key));
}
