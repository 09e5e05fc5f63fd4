/*
 * answer.c - see answer.h.
 */
#include "answer.h"
#include "fail.h"

#include <stdlib.h>
#include <string.h>

size_t
answer_read(const char *text, size_t length, Answer *answer)
{
	const char *end = strstr(text, "\r\n\r\n");
	const char *said;

	if (end == NULL)
		return 0;
	*answer = (Answer) {.head = text, .body = end + 4};
	said = answer_header(answer, "content-length:");
	if (strncmp(text, "HTTP/1.1 ", 9) != 0 || said == NULL)
		fail("the server answers: %s", text);
	answer->status = atoi(text + 9);
	answer->length = (size_t) (answer->body - text) + strtoull(said, NULL, 10);
	return length < answer->length ? 0 : answer->length;
}

const char *
answer_header(const Answer *answer, const char *name)
{
	const char *line = answer->head;

	while ((line = strstr(line, "\r\n")) != NULL && line + 4 < answer->body)
	{
		line += 2;
		if (strncasecmp(line, name, strlen(name)) == 0)
			return line + strlen(name);
	}
	return NULL;
}
