/*
 * refusal.c - see refusal.h. It owns nothing.
 */
#include "refusal.h"
#include "headers.h"
#include "log.h"
#include "metrics.h"

const char *
refusal_phrase(int status)
{
	static const struct
	{
		int			status;
		const char *phrase;
	}			phrases[] = {
		{200, "OK"}, {201, "Created"}, {204, "No Content"}, {303, "See Other"}, {304, "Not Modified"},
		{400, "Bad Request"}, {401, "Unauthorized"}, {403, "Forbidden"}, {404, "Not Found"},
		{405, "Method Not Allowed"}, {409, "Conflict"}, {410, "Gone"}, {411, "Length Required"},
		{413, "Content Too Large"}, {414, "URI Too Long"}, {415, "Unsupported Media Type"}, {417, "Expectation Failed"},
		{422, "Unprocessable Content"}, {426, "Upgrade Required"}, {429, "Too Many Requests"},
		{431, "Request Header Fields Too Large"}, {500, "Internal Server Error"}, {501, "Not Implemented"},
		{503, "Service Unavailable"}, {505, "HTTP Version Not Supported"},
	};

	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
	{
		if (phrases[i].status == status)
			return phrases[i].phrase;
	}
	return "";
}

void
refusal_add(Text *text, const Problem *problem, const char *extra_lines)
{
	Text		content = {0};
	int			status = problem->status != 0 ? problem->status : errors_kind(problem->code)->status;

	metrics_answered(METRICS_OTHER_ROUTE, status, 0);
	errors_write_problem(&content, problem);
	text_format(text, "HTTP/1.1 %d %s\r\n%s%sCache-Control: no-store\r\nConnection: close\r\nContent-Type: application/problem+json\r\n"
				"Content-Length: %zu\r\n\r\n%s", status, refusal_phrase(status),
				headers_lines(HEADERS_OF_CALL), extra_lines,
				content.length, content.bytes);
	text_free(&content);
}

void
refusal_write(struct lws *wsi, const Problem *problem, const char *extra_lines)
{
	Text		answer = {0};

	text_reserve(&answer, LWS_PRE);
	answer.length = LWS_PRE;
	refusal_add(&answer, problem, extra_lines);
	/* it is hung up either way */
	if (lws_write(wsi, (unsigned char *) answer.bytes + LWS_PRE, answer.length - LWS_PRE, LWS_WRITE_HTTP) < 0)
		log_write(LOG_DEBUG, "a refusal could not be written");
	text_free(&answer);
}
