/*
 * test_cookie.c - a cookie is found by its whole name, wherever it stands, and ends where it ends.
 */
#include "cookie.h"
#include "tap.h"

#include <string.h>

static void
check(const char *header, const char *expected)
{
	size_t		length = 0;
	const char *value = cookie_find(header, "token", &length);
	bool		fits = expected == NULL ? value == NULL
		: value != NULL && length == strlen(expected) && memcmp(value, expected, length) == 0;

	ok(fits, "%s", header != NULL ? header : "no header");
}

int
main(void)
{
	check(NULL, NULL);
	check("", NULL);
	check(";", NULL);
	check("token", NULL);
	check("token=", "");
	check("token=abc", "abc");
	check("other=1; token=abc; third=2", "abc");
	check("other=1;token=abc;third=2", "abc");
	check("; ;token=abc", "abc");
	check("token=a=b", "a=b");
	check("mytoken=1", NULL);
	check("token2=1", NULL);
	check("other=token=1", NULL);
	check("TOKEN=1", NULL);
	check("token =1", NULL);
	check("token=first; token=second", NULL);
	check("token=same; other=1; token=same", NULL);
	check("token=only; token", "only");
	return done();
}
