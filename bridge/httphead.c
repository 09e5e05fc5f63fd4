/*
 * httphead.c - see httphead.h. It owns nothing.
 */
#include "httphead.h"

#include <string.h>

static bool comes_twice(struct lws *wsi, enum lws_token_indexes token);
static bool host_is_well_formed(struct lws *wsi);

/*
 * One body length or none and no transfer coding (RFC 9112, section 6), one Host (section 3.2), a version that is
 * spoken here, and what decides about the request once.
 */
const char *
httphead_fault(struct lws *wsi, int *status)
{
	*status = 400;
	if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0)
	{
		*status = 411;
		return "send the body with a Content-Length";
	}
	if (comes_twice(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH))
		return "the Content-Length is not one number";
	if (!httphead_is(wsi, WSI_TOKEN_HTTP, "HTTP/1.1") && !httphead_is(wsi, WSI_TOKEN_HTTP, "HTTP/1.0"))
	{
		*status = 505;
		return "HTTP/1.1 is spoken here";
	}
	if (lws_hdr_total_length(wsi, WSI_TOKEN_HOST) <= 0)
		return "the Host header is missing";
	if (comes_twice(wsi, WSI_TOKEN_HOST) || !host_is_well_formed(wsi))
		return "the Host header is not one host";
	if (comes_twice(wsi, WSI_TOKEN_HTTP_AUTHORIZATION) || comes_twice(wsi, WSI_TOKEN_HTTP_CONTENT_TYPE)
		|| comes_twice(wsi, WSI_TOKEN_ORIGIN))
		return "Authorization, Content-Type and Origin come once at most";
	if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_EXPECT) > 0 && !httphead_is(wsi, WSI_TOKEN_HTTP_EXPECT, "100-continue"))
	{
		*status = 417;
		return "nothing but 100-continue can be expected";
	}
	return NULL;
}

static bool
comes_twice(struct lws *wsi, enum lws_token_indexes token)
{
	return lws_hdr_fragment_length(wsi, token, 1) > 0;
}

static bool
host_is_well_formed(struct lws *wsi)
{
	static const char bytes[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_:[]";
	char		host[300];
	int			length = lws_hdr_copy(wsi, host, sizeof(host), WSI_TOKEN_HOST);

	return length > 0 && strspn(host, bytes) == (size_t) length;
}

bool
httphead_is(struct lws *wsi, enum lws_token_indexes token, const char *expected)
{
	char		value[32];

	return lws_hdr_copy(wsi, value, sizeof(value), token) > 0 && strcasecmp(value, expected) == 0;
}
