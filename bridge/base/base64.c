/*
 * base64.c - see base64.h. It allocates nothing.
 */
#include "base64.h"

#include <stdint.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int	value_of(char c, char c62, char c63);
static bool decode(const char *from, size_t length, unsigned char *to, size_t *decoded, char c62, char c63);

bool
base64_decode(const char *from, size_t length, unsigned char *to, size_t *decoded)
{
	if (length % 4 != 0)
		return false;
	for (int i = 0; i < 2 && length > 0 && from[length - 1] == '='; i++)
		length--;
	return decode(from, length, to, decoded, '+', '/');
}

bool
base64_decode_url(const char *from, size_t length, unsigned char *to, size_t *decoded)
{
	return decode(from, length, to, decoded, '-', '_');
}

void
base64_encode(const unsigned char *from, size_t length, char *to)
{
	for (; length >= 3; length -= 3, from += 3, to += 4)
	{
		uint32_t	bits = (uint32_t) from[0] << 16 | (uint32_t) from[1] << 8 | from[2];

		to[0] = alphabet[bits >> 18];
		to[1] = alphabet[bits >> 12 & 63];
		to[2] = alphabet[bits >> 6 & 63];
		to[3] = alphabet[bits & 63];
	}
	if (length > 0)
	{
		uint32_t	bits = (uint32_t) from[0] << 16 | (length == 2 ? (uint32_t) from[1] << 8 : 0);

		to[0] = alphabet[bits >> 18];
		to[1] = alphabet[bits >> 12 & 63];
		to[2] = length == 2 ? alphabet[bits >> 6 & 63] : '=';
		to[3] = '=';
	}
}

static bool
decode(const char *from, size_t length, unsigned char *to, size_t *decoded, char c62, char c63)
{
	uint32_t	bits = 0;
	int			held = 0;

	*decoded = 0;
	if (length % 4 == 1)
		return false;
	for (size_t i = 0; i < length; i++)
	{
		int			value = value_of(from[i], c62, c63);

		if (value < 0)
			return false;
		bits = bits << 6 | (uint32_t) value;
		held += 6;
		if (held >= 8)
		{
			held -= 8;
			to[(*decoded)++] = (unsigned char) (bits >> held);
		}
	}
	return (bits & ((1u << held) - 1)) == 0;
}

static int
value_of(char c, char c62, char c63)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == c62)
		return 62;
	return c == c63 ? 63 : -1;
}
