/*
 * frame.h - an outgoing WebSocket message: made once, counted, shared by every socket it goes to.
 *
 * It is built in place behind room for its header, and framed when it is finished: what a server
 * sends is not masked (RFC 6455, section 5.1), so that the same bytes go to everybody.
 */
#ifndef PORCUPINE_FRAME_H
#define PORCUPINE_FRAME_H

#include "errors.h"
#include "text.h"

typedef struct Frame
{
	int			references;
	size_t		length;
	unsigned char *payload;
	unsigned char *wire;		/* the payload with its header before it, ... */
	size_t		wire_length;	/* ... as it goes over the wire */
} Frame;

/* Begins a frame: append the JSON to text, then frame_end(), which takes the text's memory over. */
extern void frame_begin(Text *text);
/* The same for about so many bytes: frames are kept, so they should be as large as they need be. */
extern void frame_begin_of(Text *text, size_t expected);
/* The new frame belongs to the caller. */
extern Frame *frame_end(Text *text);

extern Frame *frame_keep(Frame *frame);
extern void frame_release(Frame *frame);

/* An event as the database wrote it: a JSON object without "type". */
extern Frame *frame_from_event(const char *json);
/* Is it the event by which earlier ones have lost their bodies? */
extern bool frame_is_redaction(const Frame *frame);
/* {"type":"typing",…} */
extern Frame *frame_from_typing(int64_t room, int64_t user);
/* {"type":"error",…}; room and client_id may be NULL; request is the verb. */
extern Frame *frame_from_problem(const Problem *problem, const char *request, const char *room, const char *client_id);

#endif
