/*
 * sender.h - one who sends: the frame that is patched for each send, and what is still without an
 * answer. A client id holds who sent it, as which number, and when, so that whoever meets one again
 * knows how long it took. Acks, and the sender's own events, have to come in the order of the sends.
 */
#ifndef BENCH_SENDER_H
#define BENCH_SENDER_H

#include "people.h"

#include <stddef.h>

#define SENDER_ID_LENGTH 36
#define SENDER_MOST_IN_FLIGHT 64

struct Sender
{
	uint32_t	index;
	uint32_t	sent;
	uint32_t	acked;
	uint32_t	seen;			/* of its own events */
	char	   *frame;
	size_t		frame_length;
	size_t		text_length;
	size_t		id_at;
};

/* Before the first sender: what tells this run's client ids from all others, and the bytes of a body. */
extern void senders_begin(uint32_t run, size_t body);
extern Sender *sender_new(const char *room);

/* Sends until this many are without an answer. */
extern void sender_fill(Sender *sender, int fd, uint32_t in_flight);

/* What a client id says; the program ends if none of this run's senders made it. */
typedef struct SenderId
{
	uint32_t	sender;
	uint32_t	number;
	uint32_t	sent_at;		/* clock_us() */
} SenderId;

extern void sender_read_id(const char *id, SenderId *what);

extern void sender_on_ack(Sender *sender, const SenderId *id);
extern void sender_on_own_event(Sender *sender, const SenderId *id);

#endif
