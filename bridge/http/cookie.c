/*
 * cookie.c - see cookie.h. Browsers put the cookie with the longest path first, so the first one of
 * a name is the one that was set for us rather than for all of the host.
 */
#include "cookie.h"

#include <string.h>

const char *
cookie_find(const char *header, const char *name, size_t *length)
{
	size_t		name_length = strlen(name);
	const char *at = header;

	while (at != NULL && *at != '\0')
	{
		size_t		pair_length;

		at += strspn(at, " ;");
		pair_length = strcspn(at, ";");
		if (strncmp(at, name, name_length) == 0 && at[name_length] == '=')
		{
			*length = pair_length - name_length - 1;
			return at + name_length + 1;
		}
		at += pair_length;
	}
	return NULL;
}
