/*
 * frame.c - see frame.h. A Frame and its bytes are one piece of memory.
 */
#include "frame.h"
#include "memory.h"

#include <libwebsockets.h>
#include <stdlib.h>

#define HEADROOM (sizeof(Frame) + LWS_PRE)

void
frame_begin(Text *text)
{
	*text = (Text) {0};
	text_reserve(text, HEADROOM + 200);
	text->length = HEADROOM;
}

Frame *
frame_end(Text *text)
{
	Frame	   *frame = (Frame *) text->bytes;

	frame->references = 1;
	frame->length = text->length - HEADROOM;
	frame->payload = (unsigned char *) text->bytes + HEADROOM;
	return frame;
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
	Text		text;

	frame_begin(&text);
	text_add(&text, "{\"type\":\"event\",");
	text_add(&text, json + 1);
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
