/*
 * test_base64.c - the vectors of RFC 4648, and one text only for each sequence of bytes.
 */
#include "base64.h"
#include "tap.h"

#include <string.h>

static void
check_refused(const char *text, const char *why)
{
	unsigned char bytes[64];
	size_t		size;

	ok(!base64_decode(text, strlen(text), bytes, &size), "refuses %s", why);
}

int
main(void)
{
	static const char *const vectors[][2] = {
		{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"},
		{"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"},
	};
	unsigned char bytes[300];
	unsigned char again[300];
	char		text[404];
	size_t		size;
	bool		same = true;

	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
	{
		const char *plain = vectors[i][0];
		const char *encoded = vectors[i][1];

		base64_encode((const unsigned char *) plain, strlen(plain), text);
		ok(strncmp(text, encoded, BASE64_LENGTH(strlen(plain))) == 0, "encodes '%s'", plain);
		ok(base64_decode(encoded, strlen(encoded), bytes, &size) && size == strlen(plain)
		   && memcmp(bytes, plain, size) == 0, "decodes '%s'", encoded);
	}
	check_refused("Zg", "missing padding");
	check_refused("Zg=", "half the padding");
	check_refused("Zh==", "unused bits that are set");
	check_refused("Zm9=", "unused bits that are set, of two bytes");
	check_refused("Zm9v=", "padding after a whole group");
	check_refused("Zm9v====", "a group of padding");
	check_refused("Z===", "three times padding");
	check_refused("====", "nothing but padding");
	check_refused("Zm 9", "a space");
	check_refused("Zm9v\n", "a line end");
	check_refused("Zm-_", "the other alphabet");
	check_refused("Zg==Zg==", "more after the padding");
	ok(base64_decode_url("-_-_", 4, bytes, &size) && size == 3 && bytes[0] == 0xfb, "base64url has - and _");
	ok(!base64_decode_url("+/+/", 4, bytes, &size), "base64url refuses + and /");
	ok(base64_decode_url("Zg", 2, bytes, &size) && size == 1, "base64url needs no padding");
	ok(!base64_decode_url("Zg==", 4, bytes, &size), "base64url refuses padding");
	ok(!base64_decode_url("Z", 1, bytes, &size), "one character is no byte");
	for (size_t length = 0; length < sizeof(bytes); length++)
	{
		for (size_t i = 0; i < length; i++)
			bytes[i] = (unsigned char) (i * 37 + length);
		base64_encode(bytes, length, text);
		same = same && base64_decode(text, BASE64_LENGTH(length), again, &size) && size == length
			&& memcmp(bytes, again, length) == 0;
	}
	ok(same, "every length comes back as it was");
	return done();
}
