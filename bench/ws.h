/*
 * ws.h - as much of RFC 6455 as both ends of the bench need: whole frames below 64 KiB, read in
 * place and written into the caller's memory. It owns nothing and knows nothing of what is said.
 */
#ifndef BENCH_WS_H
#define BENCH_WS_H

#include <stddef.h>
#include <sys/types.h>

#define WS_TEXT 1
#define WS_CLOSE 8
#define WS_PING 9
#define WS_PONG 10

/* The longest header: two bytes, two of length, four of mask. */
#define WS_HEADER 8

typedef struct WsFrame
{
	int			opcode;
	char	   *payload;		/* within what was read, unmasked */
	size_t		length;
} WsFrame;

/* The next whole frame: how many bytes it takes, 0 while it is not whole. */
extern size_t ws_read(char *bytes, size_t length, WsFrame *frame);

/* A server's header for so many bytes of text: its own length. */
extern size_t ws_write_header(char *to, size_t length);

/* A client's frame with its mask, always the same one: its length, at most WS_HEADER more than the payload's. */
extern size_t ws_write_masked(char *to, int opcode, const char *payload, size_t length);
/* Changes a part of the payload of a frame that ws_write_masked() made. */
extern void ws_patch(char *frame, size_t frame_length, size_t payload_length, size_t at, const char *with, size_t length);

#endif
