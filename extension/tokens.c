/*
 * tokens.c: random tokens and room codes.
 *
 * The randomness is libsodium's, which asks the kernel each time, so that a fork shares nothing
 * with its parent.
 */
#include "postgres.h"

#include <sodium.h>

#include "fmgr.h"
#include "utils/builtins.h"

#define TOKEN_BYTES 32
#define ROOM_CODE_LENGTH 6

/* porcupine.random_token(): 256 bits in base64url */
PG_FUNCTION_INFO_V1(porcupine_random_token);

Datum
porcupine_random_token(PG_FUNCTION_ARGS)
{
	unsigned char bytes[TOKEN_BYTES];
	char		token[sodium_base64_ENCODED_LEN(TOKEN_BYTES, sodium_base64_VARIANT_URLSAFE_NO_PADDING)];
	text	   *result;

	randombytes_buf(bytes, sizeof(bytes));
	sodium_bin2base64(token, sizeof(token), bytes, sizeof(bytes), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
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
