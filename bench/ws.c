/*
 * ws.c - see ws.h.
 */
#include "ws.h"
#include "fail.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define FINAL 0x80
#define MASKED 0x80
#define LENGTH_16 126
#define LENGTH_64 127

/* Not zero, or a server might skip the unmasking that it has to do for a browser. */
static const char mask[4] = {0x5a, 0x27, 0x3c, 0x41};

static void unmask(char *bytes, size_t length, const char *key);

size_t
ws_read(char *bytes, size_t length, WsFrame *frame)
{
	const unsigned char *head = (const unsigned char *) bytes;
	bool		masked;
	size_t		begin = 2;

	if (length < 2)
		return 0;
	masked = (head[1] & MASKED) != 0;
	frame->opcode = head[0] & 0x0f;
	frame->length = head[1] & 0x7f;
	if ((head[0] & FINAL) == 0 || (head[0] & 0x70) != 0 || frame->length == LENGTH_64)
		fail("a frame that begins %02x %02x", head[0], head[1]);
	if (frame->length == LENGTH_16)
	{
		if (length < 4)
			return 0;
		frame->length = (size_t) head[2] << 8 | head[3];
		begin = 4;
	}
	if (masked)
		begin += 4;
	if (length < begin + frame->length)
		return 0;
	frame->payload = bytes + begin;
	if (masked)
		unmask(frame->payload, frame->length, frame->payload - 4);
	return begin + frame->length;
}

size_t
ws_write_header(char *to, size_t length)
{
	if (length > UINT16_MAX)
		fail("a frame of %zu bytes", length);
	to[0] = (char) (FINAL | WS_TEXT);
	if (length < LENGTH_16)
	{
		to[1] = (char) length;
		return 2;
	}
	to[1] = LENGTH_16;
	to[2] = (char) (length >> 8);
	to[3] = (char) length;
	return 4;
}

size_t
ws_write_masked(char *to, int opcode, const char *payload, size_t length)
{
	size_t		begin = ws_write_header(to, length);

	to[0] = (char) (FINAL | opcode);
	to[1] |= (char) MASKED;
	memcpy(to + begin, mask, 4);
	begin += 4;
	memcpy(to + begin, payload, length);
	unmask(to + begin, length, mask);
	return begin + length;
}

void
ws_patch(char *frame, size_t frame_length, size_t payload_length, size_t at, const char *with, size_t length)
{
	char	   *payload = frame + frame_length - payload_length;

	for (size_t i = at; i < at + length; i++)
		payload[i] = (char) (with[i - at] ^ mask[i % 4]);
}

static void
unmask(char *bytes, size_t length, const char *key)
{
	uint64_t	wide;
	uint32_t	narrow;
	size_t		i = 0;

	memcpy(&narrow, key, 4);
	wide = (uint64_t) narrow << 32 | narrow;
	for (; i + 8 <= length; i += 8)
	{
		uint64_t	word;

		memcpy(&word, bytes + i, 8);
		word ^= wide;
		memcpy(bytes + i, &word, 8);
	}
	for (; i < length; i++)
		bytes[i] ^= key[i % 4];
}
