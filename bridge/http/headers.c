/*
 * headers.c - see headers.h. It owns the lines.
 *
 * The page may load its own files and talk to its own origins, and nothing else; no script of it can make
 * markup or script of a string, for Trusted Types has no policy that would. An answer of a call is data: if
 * a browser is made to show it, it loads and runs nothing.
 */
#include "headers.h"
#include "text.h"

#include <stdbool.h>
#include <string.h>

#define EVERYWHERE \
	"X-Content-Type-Options: nosniff\r\n" \
	"Referrer-Policy: no-referrer\r\n" \
	"Cross-Origin-Opener-Policy: same-origin\r\n" \
	"Cross-Origin-Resource-Policy: same-origin\r\n"

/* What the page does not use and nobody may use in its name. */
#define NO_FEATURES \
	"Permissions-Policy: accelerometer=(), camera=(), display-capture=(), encrypted-media=(), geolocation=(), gyroscope=(), " \
	"hid=(), magnetometer=(), microphone=(), midi=(), payment=(), publickey-credentials-get=(), screen-wake-lock=(), " \
	"serial=(), usb=(), xr-spatial-tracking=()\r\n"

#define BY_TLS_ONLY "Strict-Transport-Security: max-age=31536000\r\n"

static Text lines[HEADERS_OF_PAGE + 1];

static bool all_by_tls(const char *const *origins);

void
headers_open(const char *const *origins)
{
	Text	   *page = &lines[HEADERS_OF_PAGE];
	Text	   *call = &lines[HEADERS_OF_CALL];

	/* by name, because 'self' does not cover ws: everywhere */
	text_add(page, "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
			 "img-src 'self' data: blob:; font-src 'self'; connect-src 'self'");
	for (int i = 0; origins[i] != NULL; i++)
		text_format(page, " ws%s", origins[i] + strlen("http"));
	text_add(page, "; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; "
			 "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'\r\n" NO_FEATURES EVERYWHERE);
	text_add(call, "Content-Security-Policy: default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
			 "sandbox\r\n" EVERYWHERE);
	if (all_by_tls(origins))
	{
		text_add(page, BY_TLS_ONLY);
		text_add(call, BY_TLS_ONLY);
	}
}

const char *
headers_lines(HeadersOf what)
{
	return lines[what].bytes;
}

/* Whoever terminates TLS, the origins say that browsers come by it; without TLS they would pass the line over. */
static bool
all_by_tls(const char *const *origins)
{
	for (int i = 0; origins[i] != NULL; i++)
	{
		if (strncmp(origins[i], "https://", strlen("https://")) != 0)
			return false;
	}
	return true;
}
