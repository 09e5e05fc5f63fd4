/*
 * cookie.c - see cookie.h.
 */
#include "cookie.h"

#include <string.h>

const char *
cookie_find(const char *header, const char *name, size_t *length)
{
	size_t		name_length = strlen(name);
	const char *at = header;
	const char *found = NULL;

	while (at != NULL && *at != '\0')
	{
		size_t		pair_length;

		at += strspn(at, " ;");
		pair_length = strcspn(at, ";");
		if (strncmp(at, name, name_length) == 0 && at[name_length] == '=')
		{
			if (found != NULL)
				return NULL;
			*length = pair_length - name_length - 1;
			found = at + name_length + 1;
		}
		at += pair_length;
	}
	return found;
}
