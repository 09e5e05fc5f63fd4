/*
 * pages.c - see pages.h.
 */
#include "pages.h"
#include "clock.h"
#include "conn.h"
#include "json.h"

#include <stdlib.h>
#include <string.h>

#define AT_ONCE 64
#define PATIENCE (10 * CLOCK_SECOND)

typedef struct Page
{
	Conn		conn;			/* first: the handlers are given this */
	bool		used;
	PageRequest request;
} Page;

static Page pages[AT_ONCE];

static void on_opened(Conn *conn);
static void on_came(Conn *conn);
static void on_ended(Conn *conn);
static bool parse(const Conn *conn, int *status, size_t *begin, size_t *length);
static void finish(Page *page, int status, const cJSON *answer);

static const ConnHandlers handlers = {on_opened, on_came, on_ended};

bool
pages_read(const PageRequest *request)
{
	for (int i = 0; i < AT_ONCE; i++)
	{
		Page	   *page = &pages[i];

		if (page->used)
			continue;
		page->request = *request;
		page->request.began = clock_now();
		page->used = conn_open(&page->conn, request->port, &handlers);
		return page->used;
	}
	return false;
}

void
pages_tick(void)
{
	int64_t		now = clock_now();

	for (int i = 0; i < AT_ONCE; i++)
	{
		if (pages[i].used && now - pages[i].request.began > PATIENCE)
			finish(&pages[i], 0, NULL);
	}
}

static void
on_opened(Conn *conn)
{
	const PageRequest *request = &((Page *) conn)->request;

	text_format(&conn->out, "GET /api/chat/rooms/%lld/messages/?limit=%d", (long long) request->room, request->limit);
	if (request->after >= 0)
		text_format(&conn->out, "&after=%lld&stream=%lld", (long long) request->after, (long long) request->stream);
	text_format(&conn->out, " HTTP/1.1\r\nHost: localhost:%d\r\nAuthorization: Bearer %s\r\n\r\n", request->port, request->token);
	conn_write(conn);
}

static void
on_came(Conn *conn)
{
	int			status;
	size_t		begin;
	size_t		length;
	cJSON	   *answer;

	if (!parse(conn, &status, &begin, &length))
		return;
	answer = json_parse(conn->in.bytes + begin, length);
	finish((Page *) conn, answer != NULL ? status : 0, answer);
	cJSON_Delete(answer);
}

static void
on_ended(Conn *conn)
{
	finish((Page *) conn, 0, NULL);
}

/* Has the whole answer come? */
static bool
parse(const Conn *conn, int *status, size_t *begin, size_t *length)
{
	const char *head = conn->in.bytes;
	const char *end = memmem(head, conn->in.length, "\r\n\r\n", 4);
	const char *field;

	if (end == NULL || conn->in.length < 12)
		return false;
	field = strcasestr(head, "\r\ncontent-length:");
	*status = (int) strtol(head + 9, NULL, 10);
	*begin = (size_t) (end - head) + 4;
	*length = field != NULL && field < end ? strtoul(field + 17, NULL, 10) : 0;
	return conn->in.length >= *begin + *length;
}

/* Freed before it is answered, so that the answer may ask again. */
static void
finish(Page *page, int status, const cJSON *answer)
{
	PageRequest request = page->request;

	conn_close(&page->conn);
	page->used = false;
	request.done(request.arg, &request, status, answer);
}
