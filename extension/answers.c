/*
 * answers.c: what was answered to a request with an Idempotency-Key, sealed for whoever repeats it.
 *
 * An answer may hold a secret, say the code of an invite. It is encrypted with a key that is made of the
 * Idempotency-Key, of which the database keeps only a hash: who reads the table reads no answers.
 */
#include "compat.h"

#include <sodium.h>

#include "fmgr.h"
#include "utils/builtins.h"

#define OVERHEAD (crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES)

/* keys of other uses differ by this */
static const unsigned char purpose[] = "porcupine: an answer for its Idempotency-Key";

static void make_key(unsigned char *key, const text *from);

/* porcupine.seal_answer(key, answer): nonce, then XSalsa20-Poly1305 */
PG_FUNCTION_INFO_V1(porcupine_seal_answer);

Datum
porcupine_seal_answer(PG_FUNCTION_ARGS)
{
	text	   *answer = PG_GETARG_TEXT_PP(1);
	Size		length = VARSIZE_ANY_EXHDR(answer);
	bytea	   *sealed = palloc(VARHDRSZ + OVERHEAD + length);
	unsigned char *nonce = (unsigned char *) VARDATA(sealed);
	unsigned char key[crypto_secretbox_KEYBYTES];

	make_key(key, PG_GETARG_TEXT_PP(0));
	randombytes_buf(nonce, crypto_secretbox_NONCEBYTES);
	crypto_secretbox_easy(nonce + crypto_secretbox_NONCEBYTES, (unsigned char *) VARDATA_ANY(answer), length, nonce, key);
	sodium_memzero(key, sizeof(key));
	SET_VARSIZE(sealed, VARHDRSZ + OVERHEAD + length);
	PG_RETURN_BYTEA_P(sealed);
}

/* porcupine.open_answer(key, sealed): null where it was sealed with another key */
PG_FUNCTION_INFO_V1(porcupine_open_answer);

Datum
porcupine_open_answer(PG_FUNCTION_ARGS)
{
	bytea	   *sealed = PG_GETARG_BYTEA_PP(1);
	Size		length = VARSIZE_ANY_EXHDR(sealed);
	const unsigned char *nonce = (unsigned char *) VARDATA_ANY(sealed);
	unsigned char key[crypto_secretbox_KEYBYTES];
	text	   *answer;
	int			failed;

	if (length < OVERHEAD)
		PG_RETURN_NULL();
	answer = palloc(VARHDRSZ + length - OVERHEAD + 1);
	make_key(key, PG_GETARG_TEXT_PP(0));
	failed = crypto_secretbox_open_easy((unsigned char *) VARDATA(answer), nonce + crypto_secretbox_NONCEBYTES,
										length - crypto_secretbox_NONCEBYTES, nonce, key);
	sodium_memzero(key, sizeof(key));
	if (failed)
		PG_RETURN_NULL();
	SET_VARSIZE(answer, VARHDRSZ + length - OVERHEAD);
	PG_RETURN_TEXT_P(answer);
}

static void
make_key(unsigned char *key, const text *from)
{
	crypto_generichash(key, crypto_secretbox_KEYBYTES, (const unsigned char *) VARDATA_ANY(from), VARSIZE_ANY_EXHDR(from),
					   purpose, sizeof(purpose) - 1);
}
