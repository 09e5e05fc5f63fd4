/*
 * writable.c - see writable.h.
 */
#include "writable.h"

#include <poll.h>

void
writable_now(struct lws *wsi)
{
	struct lws_pollfd event = {.fd = lws_get_socket_fd(wsi), .events = POLLOUT, .revents = POLLOUT};

	lws_service_fd(lws_get_context(wsi), &event);
}
