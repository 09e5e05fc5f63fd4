/*
 * sender.c - see sender.h.
 *
 * A client id, 36 characters: the microsecond in hexadecimal, its digits reversed so that ids do not
 * come sorted, which would spare the database's index; the run; the versions that make it a uuid;
 * five digits of the sender and seven of the number.
 */
#include "sender.h"
#include "clock.h"
#include "fail.h"
#include "ws.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define RUN_AT 9
#define SENDER_AT 24
#define NUMBER_AT 29

static char run[5];
static char *body;
static uint32_t n_senders;

static void write_id(char *id, uint32_t sender, uint32_t number, uint32_t now);
static uint32_t read_hex(const char *digits, int n);

void
senders_begin(uint32_t this_run, size_t bytes)
{
	size_t		length = (bytes + 2) / 3 * 4;

	snprintf(run, sizeof(run), "%04x", this_run & 0xffff);
	if (bytes % 3 != 0)
		fail("a body of %zu bytes, which is no multiple of three", bytes);
	body = need_memory(length + 1);
	for (size_t i = 0; i < length; i++)
		body[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[i * 37 % 64];
}

Sender *
sender_new(const char *room)
{
	Sender	   *sender = need_memory(sizeof(Sender));
	char	   *text;
	int			length = asprintf(&text, "{\"type\":\"send\",\"room\":\"%s\",\"client_id\":\"%*s\",\"epoch\":0,\"body\":\"%s\"}",
								  room, SENDER_ID_LENGTH, "", body);

	if (length < 0)
		fail("out of memory");
	sender->index = n_senders++;
	sender->text_length = (size_t) length;
	sender->id_at = (size_t) (strstr(text, "client_id\":\"") - text) + strlen("client_id\":\"");
	sender->frame = need_memory(sender->text_length + WS_HEADER);
	sender->frame_length = ws_write_masked(sender->frame, WS_TEXT, text, sender->text_length);
	free(text);
	return sender;
}

void
sender_fill(Sender *sender, int fd, uint32_t in_flight)
{
	static char buffer[1 << 20];
	char		id[SENDER_ID_LENGTH + 1];
	size_t		length = 0;

	while (sender->sent - sender->acked < in_flight && length + sender->frame_length <= sizeof(buffer))
	{
		write_id(id, sender->index, sender->sent++, clock_us());
		ws_patch(sender->frame, sender->frame_length, sender->text_length, sender->id_at, id, SENDER_ID_LENGTH);
		memcpy(buffer + length, sender->frame, sender->frame_length);
		length += sender->frame_length;
	}
	if (length > 0 && send(fd, buffer, length, MSG_NOSIGNAL) != (ssize_t) length)
		fail("sender %u: the socket did not take %zu bytes: %s", sender->index, length, strerror(errno));
}

void
sender_read_id(const char *id, SenderId *what)
{
	if (memcmp(id + RUN_AT, run, 4) != 0)
		fail("an event that is not of this run: %.36s", id);
	what->sent_at = 0;
	for (int i = 7; i >= 0; i--)
		what->sent_at = what->sent_at << 4 | read_hex(id + i, 1);
	what->sender = read_hex(id + SENDER_AT, 5);
	what->number = read_hex(id + NUMBER_AT, 7);
}

void
sender_on_ack(Sender *sender, const SenderId *id)
{
	if (id->sender != sender->index || id->number != sender->acked || sender->acked == sender->sent)
		fail("sender %u: an ack for number %u of sender %u, where number %u of %u was next", sender->index, id->number,
			 id->sender, sender->acked, sender->sent);
	sender->acked++;
}

void
sender_on_own_event(Sender *sender, const SenderId *id)
{
	if (id->number != sender->seen || sender->seen == sender->sent)
		fail("sender %u: its event number %u came, where number %u of %u was next", sender->index, id->number, sender->seen,
			 sender->sent);
	sender->seen++;
}

static void
write_id(char *id, uint32_t sender, uint32_t number, uint32_t now)
{
	snprintf(id, SENDER_ID_LENGTH + 1, "00000000-%s-4000-8000-%05x%07x", run, sender & 0xfffff, number & 0xfffffff);
	for (int i = 0; i < 8; i++, now >>= 4)
		id[i] = "0123456789abcdef"[now & 15];
}

static uint32_t
read_hex(const char *digits, int n)
{
	uint32_t	value = 0;

	for (int i = 0; i < n; i++)
	{
		char		digit = digits[i];

		value <<= 4;
		if (digit >= '0' && digit <= '9')
			value |= (uint32_t) (digit - '0');
		else if (digit >= 'a' && digit <= 'f')
			value |= (uint32_t) (digit - 'a' + 10);
		else
			fail("a client id of nobody's: %.12s", digits);
	}
	return value;
}
