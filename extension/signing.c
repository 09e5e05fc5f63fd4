/*
 * signing.c: the signing keys in porcupine.signing_keys, and access tokens made and verified with
 * them.
 *
 * The newest key whose time has come signs; all that are not retired verify, so that keys can be
 * rotated (sql/05_signing.sql). The first is made when the first token is: a dump does not carry keys, and a restored
 * database makes its own. The table's lock sees to it that two backends make one.
 *
 * Secret keys are copied out of a row for one signature and wiped; the row's own copy goes with
 * SPI's memory.
 */
#include "compat.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "guc.h"
#include "signing.h"
#include "spi.h"

typedef struct SigningKey
{
	char		kid[JWT_KID_LENGTH + 1];
	unsigned char secret[crypto_sign_SECRETKEYBYTES];
} SigningKey;

static void newest_key(SigningKey *key);
static bool read_newest_key(SigningKey *key);
static void make_key(SigningKey *key, TimestampTz signs_from);
static Datum bytes_datum(const unsigned char *bytes, size_t length);
static void copy_bytes(unsigned char *to, size_t length, Datum bytes);

/* porcupine.access_token(account, session, device) */
PG_FUNCTION_INFO_V1(porcupine_access_token);

Datum
porcupine_access_token(PG_FUNCTION_ARGS)
{
	int64		now = timestamptz_to_time_t(GetCurrentTimestamp());
	JwtClaims	claims = {
		.user_id = PG_GETARG_INT64(0),
		.session_id = PG_GETARG_INT64(1),
		.device_id = PG_GETARG_INT64(2),
		.issued_at = now,
		.expires_at = now + guc_settings.access_lifetime,
	};
	SigningKey	key;
	char		token[JWT_LONGEST];
	size_t		length;
	int			nesting;

	nesting = spi_begin();
	newest_key(&key);
	spi_end(nesting);
	length = jwt_sign(&claims, guc_settings.issuer, key.kid, key.secret, token, sizeof(token));
	sodium_memzero(&key, sizeof(key));
	if (length == 0)
		elog(ERROR, "an access token has more than %d characters", JWT_LONGEST);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(token, (int) length));
}

/* porcupine.make_signing_key(signs_from): the caller has locked the table */
PG_FUNCTION_INFO_V1(porcupine_make_signing_key);

Datum
porcupine_make_signing_key(PG_FUNCTION_ARGS)
{
	SigningKey	key;
	text	   *kid;
	int			nesting;

	nesting = spi_begin();
	make_key(&key, PG_GETARG_TIMESTAMPTZ(0));
	spi_end(nesting);
	kid = cstring_to_text(key.kid);
	sodium_memzero(&key, sizeof(key));
	PG_RETURN_TEXT_P(kid);
}

bool
signing_verify(const char *text, size_t length, JwtClaims *claims)
{
	static Statement find_key = {
		.sql = "SELECT k.public_key FROM porcupine.signing_keys k"
		" WHERE k.kid = $1 AND (k.retired_at IS NULL OR k.retired_at > clock_timestamp())",
		.argtypes = {TEXTOID}
	};
	JwtToken	token;
	unsigned char public_key[crypto_sign_PUBLICKEYBYTES];
	bool		found;
	int			nesting;

	if (!jwt_read(text, length, &token))
		return false;
	nesting = spi_begin();
	found = spi_run(&find_key, (Datum[]) {CStringGetTextDatum(token.kid)}) == 1;
	if (found)
	{
		bool		isnull;

		copy_bytes(public_key, sizeof(public_key), spi_value(0, 1, &isnull));
	}
	spi_end(nesting);
	return found && jwt_verify(&token, public_key, guc_settings.issuer,
							   timestamptz_to_time_t(GetCurrentTimestamp()), claims);
}

static void
newest_key(SigningKey *key)
{
	static Statement lock_keys = {.sql = "LOCK TABLE porcupine.signing_keys IN SHARE ROW EXCLUSIVE MODE"};

	if (read_newest_key(key))
		return;
	spi_run(&lock_keys, NULL);
	if (!read_newest_key(key))	/* nobody made one while we waited */
		make_key(key, GetCurrentTimestamp());
}

static bool
read_newest_key(SigningKey *key)
{
	static Statement read_key = {
		.sql = "SELECT k.kid, k.secret_key FROM porcupine.signing_keys k"
		" WHERE k.signs_from <= clock_timestamp() AND (k.retired_at IS NULL OR k.retired_at > clock_timestamp())"
		" ORDER BY k.signs_from DESC, k.created_at DESC, k.kid LIMIT 1"
	};
	bool		isnull;

	if (spi_run(&read_key, NULL) == 0)
		return false;
	text_to_cstring_buffer(DatumGetTextPP(spi_value(0, 1, &isnull)), key->kid, sizeof(key->kid));
	copy_bytes(key->secret, sizeof(key->secret), spi_value(0, 2, &isnull));
	return true;
}

static void
make_key(SigningKey *key, TimestampTz signs_from)
{
	static Statement store_key = {
		.sql = "INSERT INTO porcupine.signing_keys (kid, public_key, secret_key, signs_from) VALUES ($1, $2, $3, $4)",
		.argtypes = {TEXTOID, BYTEAOID, BYTEAOID, TIMESTAMPTZOID}
	};
	unsigned char public_key[crypto_sign_PUBLICKEYBYTES];
	Datum		secret;

	crypto_sign_keypair(public_key, key->secret);
	jwt_kid(public_key, key->kid);
	secret = bytes_datum(key->secret, sizeof(key->secret));
	spi_run(&store_key, (Datum[]) {
			CStringGetTextDatum(key->kid), bytes_datum(public_key, sizeof(public_key)), secret,
			TimestampTzGetDatum(signs_from)
			});
	sodium_memzero(VARDATA(DatumGetPointer(secret)), sizeof(key->secret));
}

static Datum
bytes_datum(const unsigned char *bytes, size_t length)
{
	bytea	   *datum = palloc(VARHDRSZ + length);

	SET_VARSIZE(datum, VARHDRSZ + length);
	memcpy(VARDATA(datum), bytes, length);
	return PointerGetDatum(datum);
}

static void
copy_bytes(unsigned char *to, size_t length, Datum bytes)
{
	bytea	   *datum = DatumGetByteaPP(bytes);

	if (VARSIZE_ANY_EXHDR(datum) != length)
		elog(ERROR, "a signing key has %zu bytes instead of %zu", (size_t) VARSIZE_ANY_EXHDR(datum), length);
	memcpy(to, VARDATA_ANY(datum), length);
}
