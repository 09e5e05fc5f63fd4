/*
 * frame.c - see frame.h. A Frame and its bytes are one piece of memory.
 */
#include "frame.h"
#include "memory.h"

#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>

#define USUAL_LENGTH 200
#define KIND_WITHIN 96			/* of an event: room and seq are not longer */

/* RFC 6455, section 5.2 */
#define FINAL_TEXT 0x81
#define LONGEST_HEADER 10
#define LENGTH_IN_2_BYTES 126
#define LENGTH_IN_8_BYTES 127

/* what libwebsockets may want before anything that it is given to write holds the header, too */
#define HEADROOM (sizeof(Frame) + LWS_PRE)
_Static_assert(LWS_PRE >= LONGEST_HEADER, "there is no room for a frame's header");

static void write_header(Frame *frame);

void
frame_begin(Text *text)
{
	frame_begin_of(text, USUAL_LENGTH);
}

void
frame_begin_of(Text *text, size_t expected)
{
	*text = (Text) {0};
	text_expect(text, HEADROOM + expected);
	text->length = HEADROOM;
}

Frame *
frame_end(Text *text)
{
	Frame	   *frame = (Frame *) text->bytes;

	frame->references = 1;
	frame->length = text->length - HEADROOM;
	frame->payload = (unsigned char *) text->bytes + HEADROOM;
	write_header(frame);
	return frame;
}

static void
write_header(Frame *frame)
{
	int			length_bytes = frame->length < LENGTH_IN_2_BYTES ? 0 : frame->length < 65536 ? 2 : 8;
	unsigned char *header = frame->payload - 2 - length_bytes;

	header[0] = FINAL_TEXT;
	if (length_bytes == 0)
		header[1] = (unsigned char) frame->length;
	else
		header[1] = length_bytes == 2 ? LENGTH_IN_2_BYTES : LENGTH_IN_8_BYTES;
	for (int i = 0; i < length_bytes; i++)
		header[2 + i] = (unsigned char) (frame->length >> (8 * (length_bytes - 1 - i)));
	frame->wire = header;
	frame->wire_length = 2 + (size_t) length_bytes + frame->length;
}

Frame *
frame_keep(Frame *frame)
{
	frame->references++;
	return frame;
}

void
frame_release(Frame *frame)
{
	if (frame != NULL && --frame->references == 0)
		free(frame);
}

Frame *
frame_from_event(const char *json)
{
	static const char opening[] = "{\"type\":\"event\",";
	size_t		length = strlen(json);
	Text		text;

	frame_begin_of(&text, sizeof(opening) + length);
	text_add(&text, opening);
	text_bytes(&text, json + 1, length - 1);
	return frame_end(&text);
}

/* The kind stands behind room and seq only, and nothing of a client's has quotation marks there. */
bool
frame_is_redaction(const Frame *frame)
{
	static const char kind[] = "\"kind\":\"redacted\"";
	size_t		length = frame->length < KIND_WITHIN ? frame->length : KIND_WITHIN;

	return memmem(frame->payload, length, kind, strlen(kind)) != NULL;
}

Frame *
frame_from_typing(int64_t room, int64_t user)
{
	Text		text;

	frame_begin(&text);
	text_format(&text, "{\"type\":\"typing\",\"room\":\"%lld\",\"user\":\"%lld\"}", (long long) room, (long long) user);
	return frame_end(&text);
}

Frame *
frame_from_problem(const Problem *problem, const char *request, const char *room, const char *client_id)
{
	Text		text;

	frame_begin(&text);
	text_add(&text, "{\"type\":\"error\",");
	errors_write_members(&text, problem);
	if (room != NULL)
	{
		text_add(&text, ",\"room\":");
		text_json(&text, room);
	}
	if (client_id != NULL)
	{
		text_add(&text, ",\"client_id\":");
		text_json(&text, client_id);
	}
	text_add(&text, ",\"request\":");
	text_json(&text, request);
	text_add(&text, "}");
	return frame_end(&text);
}
