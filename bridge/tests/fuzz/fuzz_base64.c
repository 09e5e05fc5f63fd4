/*
 * fuzz_base64.c - what is decoded is what libsodium decodes, encodes to the same text again, and
 * stays within the memory that base64.h asks for. Where libsodium 1.0.18 takes any byte above 0x7f for
 * the last character of the alphabet, ours is right.
 */
#include "base64.h"
#include "fuzz.h"

#include <sodium.h>

static bool
is_ascii(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
	{
		if ((unsigned char) text[i] > 0x7f)
			return false;
	}
	return true;
}

/* Freed by the caller; NULL: it is no text of this variant, and libsodium says so, too. */
static unsigned char *
decode(const char *text, size_t length, int variant, size_t *decoded)
{
	size_t		room = length / 4 * 3 + 3;
	unsigned char *bytes = malloc(room);
	unsigned char *others = malloc(room);
	size_t		expected = 0;
	bool		ours;
	bool		theirs;

	HOLDS(bytes != NULL && others != NULL);
	ours = variant == sodium_base64_VARIANT_ORIGINAL ? base64_decode(text, length, bytes, decoded)
		: base64_decode_url(text, length, bytes, decoded);
	theirs = is_ascii(text, length) && sodium_base642bin(others, room, text, length, NULL, &expected, NULL, variant) == 0;
	HOLDS(ours == theirs);
	HOLDS(!ours || (*decoded == expected && memcmp(bytes, others, expected) == 0));
	free(others);
	if (ours)
		return bytes;
	free(bytes);
	return NULL;
}

static void
check_standard(const char *text, size_t length)
{
	size_t		decoded;
	unsigned char *bytes = decode(text, length, sodium_base64_VARIANT_ORIGINAL, &decoded);
	char	   *again = malloc(length + 1);

	HOLDS(again != NULL);
	if (bytes != NULL)
	{
		HOLDS(BASE64_LENGTH(decoded) == length);
		base64_encode(bytes, decoded, again);
		HOLDS(memcmp(again, text, length) == 0);
	}
	free(again);
	free(bytes);
}

static void
check_url(const char *text, size_t length)
{
	size_t		decoded;

	free(decode(text, length, sodium_base64_VARIANT_URLSAFE_NO_PADDING, &decoded));
}

/* Any bytes come back. */
static void
check_round_trip(const char *bytes, size_t length)
{
	char	   *text = malloc(BASE64_LENGTH(length) + 1);
	unsigned char *again = malloc(BASE64_LENGTH(length) / 4 * 3 + 3);
	size_t		decoded;

	HOLDS(text != NULL && again != NULL);
	base64_encode((const unsigned char *) bytes, length, text);
	HOLDS(base64_decode(text, BASE64_LENGTH(length), again, &decoded));
	HOLDS(decoded == length && memcmp(again, bytes, length) == 0);
	free(text);
	free(again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *text = fuzz_memory(data, size);

	check_standard(text, size);
	check_url(text, size);
	check_round_trip(text, size);
	free(text);
	return 0;
}
