/*
 * send.c - see send.h.
 */
#include "send.h"
#include "base64.h"
#include "memory.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define EVENT_LENGTH 352		/* of an event's frame, without its body */

static const char *const kinds[] = {"message", "edit", "reaction"};

static const char *known_kind(const char *name);
static bool parse_uuid(const char *text, unsigned char uuid[16]);

/* The body lies behind the size bytes of the caller's struct. */
Send *
send_read(const cJSON *object, size_t size, Problem *problem)
{
	const cJSON *epoch = json_get(object, "epoch");
	const cJSON *ref = json_get(object, "ref");
	const char *kind = json_get(object, "kind") != NULL ? json_string(object, "kind") : "message";
	const char *body = json_string(object, "body");
	size_t		length = body != NULL ? strlen(body) : 0;
	Send	   *send;
	unsigned char *bytes;

	if (length > BASE64_LENGTH(SEND_MAX_BODY))
	{
		*problem = PROBLEM(ERROR_TOO_LARGE, "a body has at most 65536 bytes");
		return NULL;
	}
	*problem = PROBLEM(ERROR_INVALID, NULL);
	send = memory_alloc(size + length / 4 * 3 + 3);
	bytes = (unsigned char *) send + size;
	send->body = bytes;
	send->kind = known_kind(kind);
	if (!parse_uuid(json_string(object, "client_id"), send->client_id))
		problem->detail = "client_id is not a UUID";
	else if (length == 0 || !base64_decode(body, length, bytes, &send->body_length))
		problem->detail = "body is not bytes in base64";
	else if (epoch != NULL && !json_to_number(epoch, INT32_MAX, &send->epoch))
		problem->detail = "epoch is not an integer from 0 to 2147483647";
	else if (send->kind == NULL)
		problem->detail = "kind is not message, edit or reaction";
	else if (ref != NULL && (!json_to_number(ref, JSON_MAX_NUMBER, &send->ref) || send->ref == 0))
		problem->detail = "ref is not a seq";
	else
		return send;
	free(send);
	return NULL;
}

static const char *
known_kind(const char *name)
{
	for (size_t i = 0; name != NULL && i < sizeof(kinds) / sizeof(kinds[0]); i++)
	{
		if (strcmp(kinds[i], name) == 0)
			return kinds[i];
	}
	return NULL;
}

/* 8-4-4-4-12 hexadecimal digits. */
static bool
parse_uuid(const char *text, unsigned char uuid[16])
{
	size_t		size;
	const char *end;

	if (text == NULL || strlen(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-')
		return false;
	return sodium_hex2bin(uuid, 16, text, 36, "-", &size, &end) == 0 && size == 16 && *end == '\0';
}

void
send_write_uuid(Text *text, const unsigned char uuid[16])
{
	char		hex[33];

	sodium_bin2hex(hex, sizeof(hex), uuid, 16);
	text_format(text, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

Frame *
send_frame(const Send *send, int64_t seq, const char *created_at)
{
	Text		text;

	frame_begin_of(&text, EVENT_LENGTH + BASE64_LENGTH(send->body_length));
	text_format(&text, "{\"type\":\"event\",\"room\":\"%lld\",\"seq\":%lld,\"kind\":\"%s\",\"sender\":\"%lld\","
				"\"device\":\"%lld\",\"client_id\":\"", (long long) send->room, (long long) seq, send->kind,
				(long long) send->user, (long long) send->device);
	send_write_uuid(&text, send->client_id);
	text_format(&text, "\",\"epoch\":%lld,\"body\":\"", (long long) send->epoch);
	base64_encode(send->body, send->body_length, text_reserve(&text, BASE64_LENGTH(send->body_length)));
	text.length += BASE64_LENGTH(send->body_length);
	text_add(&text, "\",\"data\":null,\"ref\":");
	if (send->ref > 0)
		text_number(&text, send->ref);
	else
		text_add(&text, "null");
	text_format(&text, ",\"created_at\":\"%s\"}", created_at);
	return frame_end(&text);
}
