/*
 * fuzz_frame.c - what the bridge sends is one whole text frame of RFC 6455, section 5.2, in the
 * shortest form, with the text that was put in; problems are JSON whatever a client called its room,
 * its message or its verb.
 *
 * Input: verb, room, client id and detail, a line each; then an event's members.
 */
#include "frame.h"
#include "fuzz.h"
#include "json.h"

/* Reads the header as a client does; the payload must be the frame's. */
static void
check_wire(const Frame *frame)
{
	const unsigned char *wire = frame->wire;
	size_t		length = wire[1];
	size_t		header = 2;

	HOLDS(frame->wire_length >= 2 && wire[0] == 0x81);
	if (length >= 126)
	{
		size_t		bytes = length == 126 ? 2 : 8;

		HOLDS(length <= 127);
		length = 0;
		for (size_t i = 0; i < bytes; i++)
			length = length << 8 | wire[header++];
		HOLDS(bytes == 2 ? length >= 126 : length >= 65536);
	}
	HOLDS(length == frame->length && frame->wire_length == header + length);
	HOLDS(frame->payload == wire + header);
}

static bool
is_shown(const cJSON *root, const char *name, const char *expected)
{
	const char *value = json_string(root, name);

	return expected == NULL ? value == NULL : value != NULL && strcmp(value, expected) == 0;
}

static void
check_problem(const char *verb, const char *room, const char *client_id, const char *detail)
{
	Problem		problem = PROBLEM(ERROR_INVALID, detail);
	Frame	   *frame = frame_from_problem(&problem, verb, room, client_id);
	cJSON	   *root = json_parse((char *) frame->payload, frame->length);

	check_wire(frame);
	HOLDS(root != NULL && is_shown(root, "type", "error") && is_shown(root, "request", verb)
		  && is_shown(root, "room", room) && is_shown(root, "client_id", client_id));
	cJSON_Delete(root);
	frame_release(frame_keep(frame));
	frame_release(frame);
}

static void
check_event(const char *members, size_t length, size_t times)
{
	Text		json = {0};
	Frame	   *frame;
	bool		redaction;

	text_add(&json, "{");
	for (size_t i = 0; i < times; i++)
		text_bytes(&json, members, length);
	text_add(&json, "");
	/* what the database writes has no NUL */
	if (strlen(json.bytes) == json.length)
	{
		frame = frame_from_event(json.bytes);
		check_wire(frame);
		HOLDS(frame->length == json.length + strlen("\"type\":\"event\","));
		HOLDS(memcmp(frame->payload + frame->length - json.length + 1, json.bytes + 1, json.length - 1) == 0);
		redaction = frame_is_redaction(frame);
		HOLDS(!redaction || memmem(json.bytes, json.length, "\"kind\":\"redacted\"", 17) != NULL);
		frame_release(frame);
	}
	text_free(&json);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Input		input = {(const char *) data, (const char *) data + size};
	char	   *lines[4];
	bool		text = true;

	for (int i = 0; i < 4; i++)
	{
		lines[i] = fuzz_line(&input);
		text = text && text_is_utf8(lines[i], strlen(lines[i]));
	}
	/* they come from JSON, which is UTF-8 */
	if (text)
		check_problem(lines[0], *lines[1] != '\0' ? lines[1] : NULL, *lines[2] != '\0' ? lines[2] : NULL, lines[3]);
	check_event(input.at, fuzz_left(&input), 1);
	if (fuzz_left(&input) > 0)
		check_event(input.at, fuzz_left(&input), 70000 / fuzz_left(&input));
	for (int i = 0; i < 4; i++)
		free(lines[i]);
	return 0;
}
