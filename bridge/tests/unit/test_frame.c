/*
 * test_frame.c - the header of a frame, at each border of its forms (RFC 6455, section 5.2).
 */
#include "frame.h"
#include "tap.h"

#include <string.h>

static void
check(size_t length, const char *header, size_t header_length)
{
	Text		text;
	Frame	   *frame;

	frame_begin(&text);
	memset(text_reserve(&text, length), 'x', length);
	text.length += length;
	frame = frame_end(&text);
	ok(frame->wire_length == header_length + length && memcmp(frame->wire, header, header_length) == 0
	   && frame->wire + header_length == frame->payload, "a payload of %zu bytes", length);
	frame_release(frame);
}

int
main(void)
{
	check(0, "\x81\x00", 2);
	check(125, "\x81\x7d", 2);
	check(126, "\x81\x7e\x00\x7e", 4);
	check(65535, "\x81\x7e\xff\xff", 4);
	check(65536, "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10);
	return done();
}
