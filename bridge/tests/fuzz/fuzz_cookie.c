/*
 * fuzz_cookie.c - a cookie that is found is one that a second, plainer reader finds, too, and its
 * value lies within the header.
 *
 * Input: the name, a line feed, the header.
 */
#include "cookie.h"
#include "fuzz.h"

/* Splits at semicolons, takes blanks away in front, compares up to the first =. */
static const char *
find_plainly(const char *header, const char *name, size_t *length)
{
	const char *end = header + strlen(header);
	const char *found = NULL;

	for (const char *pair = header; pair < end;)
	{
		const char *semicolon = memchr(pair, ';', (size_t) (end - pair));
		const char *pair_end = semicolon != NULL ? semicolon : end;
		const char *equals;

		while (pair < pair_end && *pair == ' ')
			pair++;
		equals = memchr(pair, '=', (size_t) (pair_end - pair));
		if (equals != NULL && (size_t) (equals - pair) == strlen(name) && memcmp(pair, name, strlen(name)) == 0)
		{
			if (found != NULL)
				return NULL;
			*length = (size_t) (pair_end - equals - 1);
			found = equals + 1;
		}
		pair = pair_end + 1;
	}
	return found;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Input		input = {(const char *) data, (const char *) data + size};
	char	   *name = fuzz_line(&input);
	char	   *header = fuzz_line(&input);
	size_t		length = 0;
	size_t		expected = 0;
	const char *value;

	/* names are ours: tokens of RFC 9110 */
	if (*name != '\0' && strpbrk(name, "=; \t") == NULL)
	{
		value = cookie_find(header, name, &length);
		HOLDS(value == find_plainly(header, name, &expected));
		HOLDS(value == NULL || (length == expected && length <= strlen(value) && memchr(value, ';', length) == NULL));
	}
	free(name);
	free(header);
	return 0;
}
