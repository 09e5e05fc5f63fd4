/*
 * fuzz_httphead.c - a head that is let in has one meaning: one path without dots and disguised slashes, one
 * Host, one length, lines that end with CR and LF; and what is said of it is said of every longer input, too.
 *
 * Input: what a client sends first.
 */
#include "httphead.h"
#include "fuzz.h"

#include <strings.h>

static size_t
count(const char *bytes, size_t length, const char *text)
{
	size_t		n = 0;

	for (size_t i = 0; i + strlen(text) <= length; i++)
	{
		if (strncasecmp(bytes + i, text, strlen(text)) == 0)
			n++;
	}
	return n;
}

static void
check_whole(const char *bytes, const HttpHead *head)
{
	size_t		length = head->length;
	const char *line_end = memchr(bytes, '\r', length);
	const char *target = memchr(bytes, ' ', length);
	const char *end;

	HOLDS(length >= 4 && memcmp(bytes + length - 4, "\r\n\r\n", 4) == 0);
	HOLDS(count(bytes, length, "\r") == count(bytes, length, "\n") && count(bytes, length, "\r") == count(bytes, length, "\r\n"));
	HOLDS(count(bytes, length, "\r\n\r\n") == 1 && memchr(bytes, '\0', length) == NULL);
	HOLDS(count(bytes, length, "\r\nHost:") == 1 && count(bytes, length, "\r\nTransfer-Encoding:") == 0);
	HOLDS(count(bytes, length, "\r\nContent-Length:") <= 1 && count(bytes, length, "\r\n ") == 0 && count(bytes, length, "\r\n\t") == 0);
	HOLDS(head->body < UINT64_C(1000000000000000000));
	HOLDS(target != NULL && target < line_end && target[1] == '/');
	end = memchr(target + 1, ' ', (size_t) (line_end - target - 1));
	HOLDS(end != NULL && line_end - end == 9);
	target++;
	if (memchr(target, '?', (size_t) (end - target)) != NULL)
		end = memchr(target, '?', (size_t) (end - target));
	HOLDS(count(target, (size_t) (end - target), "%2f") == 0 && count(target, (size_t) (end - target), "%5c") == 0);
	HOLDS(count(target, (size_t) (end - target), "//") == 0 && memchr(target, '\\', (size_t) (end - target)) == NULL);
	HOLDS(count(target, (size_t) (end - target), "/../") == 0 && count(target, (size_t) (end - target), "/./") == 0);
	HOLDS(count(target, (size_t) (end - target), "/%2e%2e/") == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *bytes = fuzz_memory(data, size);
	HttpHead	head;
	HttpHead	again;
	HeadState	state = httphead_read(bytes, size, &head);

	if (state == HEAD_WHOLE)
	{
		HOLDS(head.fault == NULL && head.length <= size);
		check_whole(bytes, &head);
		HOLDS(httphead_read(bytes, head.length, &again) == HEAD_WHOLE && again.length == head.length && again.body == head.body);
		HOLDS(httphead_read(bytes, head.length - 1, &again) == HEAD_UNFINISHED);
	}
	else if (state == HEAD_FAULTY)
		HOLDS(head.fault != NULL && head.status >= 400 && head.status <= 505);
	else
	{
		HOLDS(size < HTTPHEAD_MOST);
		/* one half of it, neither */
		HOLDS(httphead_read(bytes, size / 2, &again) == HEAD_UNFINISHED);
	}
	free(bytes);
	return 0;
}
