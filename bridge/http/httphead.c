/*
 * httphead.c - see httphead.h. It owns nothing.
 *
 * One spelling for each request (RFC 9110 and 9112): what the standard leaves to the reader, or lets
 * one repair, is refused. libwebsockets, which parses what has passed here, decodes escapes, resolves
 * dots and joins slashes before it tells anybody.
 */
#include "httphead.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define MOST_HEADERS 100
#define MOST_DIGITS 18			/* of a length; all of them are numbers */
#define MOST_HOST 255

typedef struct Part
{
	const char *at;
	size_t		length;
} Part;

/* The headers that decide about a request; each comes once at most. */
typedef enum Header
{
	HEADER_HOST,
	HEADER_CONTENT_LENGTH,
	HEADER_TRANSFER_ENCODING,
	HEADER_EXPECT,
	HEADER_UPGRADE,
	HEADER_AUTHORIZATION,
	HEADER_CONTENT_TYPE,
	HEADER_COOKIE,
	HEADER_ORIGIN,
	HEADER_IDEMPOTENCY_KEY,
	HEADER_X_PORCUPINE,
	HEADER_SEC_FETCH_SITE,
	HEADER_SEC_WEBSOCKET_KEY,
	HEADER_SEC_WEBSOCKET_VERSION,
	N_HEADERS
} Header;

static const char *const names[N_HEADERS] = {
	"Host", "Content-Length", "Transfer-Encoding", "Expect", "Upgrade", "Authorization", "Content-Type", "Cookie", "Origin",
	"Idempotency-Key", "X-Porcupine", "Sec-Fetch-Site", "Sec-WebSocket-Key", "Sec-WebSocket-Version",
};

static void read_request_line(HttpHead *head, Part line);
static bool is_method(Part method);
static const char *target_fault(Part target);
static const char *path_fault(Part path);
static int	escaped(const char *at, const char *end);
static void read_version(HttpHead *head, Part version);
static void read_header(HttpHead *head, Part line, Part *found);
static bool is_token(Part part);
static bool has_control(Part part);
static void judge(HttpHead *head, const Part *found);
static bool is_host(Part host);
static bool read_length(Part digits, uint64_t *length);
static bool is_text(Part part, const char *text);
static HeadState fault(HttpHead *head, int status, const char *words);

HeadState
httphead_read(const char *bytes, size_t length, HttpHead *head)
{
	Part		found[N_HEADERS] = {{0}};
	const char *end = bytes + length;
	const char *at = bytes;
	const char *feed;
	int			lines = 0;

	*head = (HttpHead) {0};
	while ((feed = memchr(at, '\n', (size_t) (end - at))) != NULL)
	{
		Part		line = {at, (size_t) (feed - at)};

		if (line.length == 0 || line.at[--line.length] != '\r')
			return fault(head, 400, "a line does not end with CR and LF");
		at = feed + 1;
		if (lines++ == 0)
			read_request_line(head, line);
		else if (line.length > 0)
			read_header(head, line, found);
		else
		{
			head->length = (size_t) (at - bytes);
			judge(head, found);
			return head->fault == NULL ? HEAD_WHOLE : HEAD_FAULTY;
		}
		if (head->fault == NULL && lines > MOST_HEADERS + 1)
			fault(head, 431, "too many headers");
		if (head->fault != NULL)
			return HEAD_FAULTY;
	}
	/* what does not begin as a request need not be waited for */
	for (const char *byte = bytes; lines == 0 && byte < end; byte++)
	{
		if ((*byte < ' ' || *byte > '~') && (*byte != '\r' || byte + 1 < end))
			return fault(head, 400, "this is no HTTP request");
	}
	if (length >= HTTPHEAD_MOST)
		return lines == 0 ? fault(head, 414, "the target is too long") : fault(head, 431, "the headers are too large");
	return HEAD_UNFINISHED;
}

/* --- the request line ------------------------------------------------------------------------------------ */

static void
read_request_line(HttpHead *head, Part line)
{
	const char *end = line.at + line.length;
	const char *first = memchr(line.at, ' ', line.length);
	const char *second = first != NULL ? memchr(first + 1, ' ', (size_t) (end - first - 1)) : NULL;
	Part		method,
				target,
				version;

	if (second == NULL)
	{
		fault(head, 400, "a request begins with a method, a target and HTTP/1.1, with one space between them");
		return;
	}
	method = (Part) {line.at, (size_t) (first - line.at)};
	target = (Part) {first + 1, (size_t) (second - first - 1)};
	version = (Part) {second + 1, (size_t) (end - second - 1)};
	if (!is_token(method))
		fault(head, 400, "the method is none");
	else
		read_version(head, version);
	if (head->fault == NULL && !is_method(method))
		fault(head, 501, "there is no such method here");
	if (head->fault == NULL && target_fault(target) != NULL)
		fault(head, 400, target_fault(target));
}

/* Methods are written in capitals; which of them a path has is told with 405. */
static bool
is_method(Part method)
{
	static const char *const methods[] = {"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"};

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
	{
		if (method.length == strlen(methods[i]) && memcmp(method.at, methods[i], method.length) == 0)
			return true;
	}
	return false;
}

static const char *
target_fault(Part target)
{
	const char *end = target.at + target.length;
	const char *mark;

	if (target.length == 0 || target.at[0] != '/')
		return "the target is not a path: the host stands in the header Host";
	for (const char *at = target.at; at < end; at++)
	{
		if (*at <= ' ' || *at > '~' || *at == '#')
			return "the target has bytes that are to be escaped";
		if (*at == '%' && escaped(at, end) <= 0)
			return "an escape in the target is none, or stands for no text";
	}
	mark = memchr(target.at, '?', target.length);
	return path_fault((Part) {target.at, (size_t) ((mark != NULL ? mark : end) - target.at)});
}

/* A path has one spelling: no slash in disguise, nothing that leads up or nowhere. */
static const char *
path_fault(Part path)
{
	const char *end = path.at + path.length;
	size_t		in_segment = 0;
	size_t		dots = 0;

	for (const char *at = path.at + 1; at <= end; at++)
	{
		int			byte = at == end ? '/' : *at == '%' ? escaped(at, end) : *at;

		if (byte == '\\' || (byte == '/' && at < end && *at == '%'))
			return "the path has a slash in disguise";
		if (byte == '/')
		{
			if (in_segment > 0 && in_segment == dots && dots <= 2)
				return "the path has a segment of dots";
			if (in_segment == 0 && at < end)
				return "the path has two slashes in a row";
			in_segment = dots = 0;
			continue;
		}
		in_segment++;
		if (byte == '.')
			dots++;
		if (*at == '%')
			at += 2;
	}
	return NULL;
}

/* The byte that an escape stands for; -1: it is none. */
static int
escaped(const char *at, const char *end)
{
	static const char digits[] = "0123456789abcdef";
	const char *high,
			   *low;

	if (end - at < 3 || !isxdigit((unsigned char) at[1]) || !isxdigit((unsigned char) at[2]))
		return -1;
	high = strchr(digits, tolower((unsigned char) at[1]));
	low = strchr(digits, tolower((unsigned char) at[2]));
	return (int) (high - digits) * 16 + (int) (low - digits);
}

static void
read_version(HttpHead *head, Part version)
{
	bool		is_version = version.length == 8 && memcmp(version.at, "HTTP/", 5) == 0
		&& isdigit((unsigned char) version.at[5]) && version.at[6] == '.' && isdigit((unsigned char) version.at[7]);

	if (!is_version)
		fault(head, 400, "a request begins with a method, a target and HTTP/1.1, with one space between them");
	else if (memcmp(version.at + 5, "1.1", 3) != 0 && memcmp(version.at + 5, "1.0", 3) != 0)
		fault(head, 505, "HTTP/1.1 is spoken here");
}

/* --- the headers ----------------------------------------------------------------------------------------- */

static void
read_header(HttpHead *head, Part line, Part *found)
{
	const char *end = line.at + line.length;
	const char *colon = memchr(line.at, ':', line.length);
	Part		name = {line.at, colon != NULL ? (size_t) (colon - line.at) : 0};
	Part		value;

	if (!is_token(name))
	{
		fault(head, 400, line.at[0] == ' ' || line.at[0] == '\t' ? "a header is folded" : "a header has no name that ends with a colon");
		return;
	}
	for (colon++; colon < end && (*colon == ' ' || *colon == '\t'); colon++)
		;
	while (end > colon && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	value = (Part) {colon, (size_t) (end - colon)};
	if (has_control(value))
	{
		fault(head, 400, "a header has a control character");
		return;
	}
	for (int i = 0; i < N_HEADERS; i++)
	{
		if (!is_text(name, names[i]))
			continue;
		if (found[i].at != NULL)
			fault(head, 400, i == HEADER_CONTENT_LENGTH ? "the Content-Length is not one number"
				  : i == HEADER_HOST ? "the Host header is not one host" : "a header that decides about the request comes twice");
		found[i] = value;
	}
}

/* As headers and methods are spelled (RFC 9110, section 5.6.2). */
static bool
is_token(Part part)
{
	for (size_t i = 0; i < part.length; i++)
	{
		if (!isalnum((unsigned char) part.at[i]) && (part.at[i] == '\0' || strchr("!#$%&'*+-.^_`|~", part.at[i]) == NULL))
			return false;
	}
	return part.length > 0;
}

static bool
has_control(Part part)
{
	for (size_t i = 0; i < part.length; i++)
	{
		if (((unsigned char) part.at[i] < ' ' && part.at[i] != '\t') || part.at[i] == '\x7f')
			return true;
	}
	return false;
}

/* All of them together: where the request ends (RFC 9112, section 6), and for whom it is (section 3.2). */
static void
judge(HttpHead *head, const Part *found)
{
	if (found[HEADER_TRANSFER_ENCODING].at != NULL && found[HEADER_CONTENT_LENGTH].at != NULL)
		fault(head, 400, "Content-Length and Transfer-Encoding exclude each other");
	else if (found[HEADER_TRANSFER_ENCODING].at != NULL)
		fault(head, 411, "send the body with a Content-Length");
	else if (found[HEADER_CONTENT_LENGTH].at != NULL && !read_length(found[HEADER_CONTENT_LENGTH], &head->body))
		fault(head, 400, "the Content-Length is not one number");
	else if (found[HEADER_HOST].at == NULL)
		fault(head, 400, "the Host header is missing");
	else if (!is_host(found[HEADER_HOST]))
		fault(head, 400, "the Host header is not one host");
	else if (found[HEADER_ORIGIN].at != NULL && found[HEADER_ORIGIN].length == 0)
		fault(head, 400, "the Origin is empty");
	else if (found[HEADER_EXPECT].at != NULL && !is_text(found[HEADER_EXPECT], "100-continue"))
		fault(head, 417, "nothing but 100-continue can be expected");
	else if (found[HEADER_UPGRADE].at != NULL && !is_text(found[HEADER_UPGRADE], "websocket"))
		fault(head, 400, "nothing but a WebSocket can be upgraded to");
}

static bool
is_host(Part host)
{
	for (size_t i = 0; i < host.length; i++)
	{
		if (!isalnum((unsigned char) host.at[i]) && (host.at[i] == '\0' || strchr(".-_:[]", host.at[i]) == NULL))
			return false;
	}
	return host.length > 0 && host.length <= MOST_HOST;
}

static bool
read_length(Part digits, uint64_t *length)
{
	*length = 0;
	for (size_t i = 0; i < digits.length && i < MOST_DIGITS; i++)
	{
		if (!isdigit((unsigned char) digits.at[i]))
			return false;
		*length = *length * 10 + (uint64_t) (digits.at[i] - '0');
	}
	return digits.length > 0 && digits.length <= MOST_DIGITS;
}

/* In any case of letters. */
static bool
is_text(Part part, const char *text)
{
	return part.length == strlen(text) && strncasecmp(part.at, text, part.length) == 0;
}

static HeadState
fault(HttpHead *head, int status, const char *words)
{
	head->status = status;
	head->fault = words;
	return HEAD_FAULTY;
}
