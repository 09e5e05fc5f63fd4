/*
 * messages.c - see messages.h. It owns one Message for each client id.
 *
 * A refusal is certain only where nothing of this id was ever in doubt or said twice: an attempt
 * whose answer was lost may still arrive, at a bridge that was stopped for example, and be stored.
 */
#include "messages.h"
#include "findings.h"
#include "memory.h"
#include "table.h"
#include "timeline.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct Message
{
	ClientId	id;
	uint64_t	hash;
	int64_t		member;
	int64_t		room;
	int64_t		socket;
	int64_t		invoked_at;
	int64_t		number;			/* in the order of being invoked */
	int64_t		ack_seq;		/* 0: never acknowledged */
	int64_t		seen_seq;		/* 0: never seen */
	int64_t		seen_room;
	uint64_t	seen_hash;
	int			seen_origin;
	bool		invoked;
	bool		doubtful;		/* said more than once, or without an answer */
	bool		failed;
	bool		stored;
} Message;

/* The last ack of a sender to a room over one socket. */
typedef struct LastAck
{
	int64_t		number;
	int64_t		seq;
	int64_t		invoked_at;
} LastAck;

static Message *messages;		/* open addressing by id */
static size_t size;
static size_t count;
static int64_t last_number;
static Table last_acks;
static long n_acked;
static long n_failed;
static long n_unknown;
static long n_undone;
static long n_again;

static Message *find(ClientId id);
static void grow(void);
static void invoke(Message *message, const Line *line);
static void take_ack(Message *message, const Line *line);
static void check_order(const Message *message, const Line *line);
static void check_origin(const Message *message);
static void check_end(const Message *message);

void
messages_step(const Line *line)
{
	Message    *message;

	if (line->id.high == 0 && line->id.low == 0)
		return;
	message = find(line->id);
	switch (line->op)
	{
		case OP_INVOKED:
			invoke(message, line);
			break;
		case OP_AGAIN:
			message->doubtful = true;
			n_again++;
			break;
		case OP_UNKNOWN:
			message->doubtful = true;
			n_unknown++;
			break;
		case OP_OK:
			take_ack(message, line);
			break;
		case OP_FAILED:
			message->failed = true;
			break;
		default:
			break;
	}
}

static void
invoke(Message *message, const Line *line)
{
	message->invoked = true;
	message->number = ++last_number;
	message->invoked_at = line->at;
	message->hash = line->hash;
	message->member = line->member;
	message->socket = line->socket;
	message->room = line->room;
}

/* An ack for what was said twice comes twice, with one seq. */
static void
take_ack(Message *message, const Line *line)
{
	if (!message->invoked || message->room != line->room)
		findings_add(FOUND_PHANTOM, line, "an ack for what nobody has sent there");
	else if (message->ack_seq == 0)
		check_order(message, line);
	else if (message->ack_seq != line->seq
			 && !timeline_may_be_undone(message->invoked_at, message->room, message->ack_seq))
		findings_add(FOUND_TWICE, line, "acknowledged before with seq %lld", (long long) message->ack_seq);
	message->ack_seq = line->seq;
}

/* One sender's messages over one socket to one room keep their order, but for those that were in doubt. */
static void
check_order(const Message *message, const Line *line)
{
	int64_t		key = LINES_PAIR(message->socket, message->room);
	LastAck    *last = table_get(&last_acks, key);

	if (message->doubtful || message->socket == 0)
		return;
	if (last == NULL)
	{
		last = memory_alloc(sizeof(LastAck));
		table_put(&last_acks, key, last);
	}
	/* a socket may outlive a restore, after which the seqs begin again further down */
	if (last->seq > 0 && (message->number > last->number) != (line->seq > last->seq)
		&& !timeline_may_be_undone(last->invoked_at, message->room, last->seq))
		findings_add(FOUND_ORDER, line, "the sender's %s message has seq %lld", message->number > last->number ? "earlier" : "later",
					 (long long) last->seq);
	*last = (LastAck) {message->number, line->seq, message->invoked_at};
}

void
messages_seen(const Line *line, int origin, bool stored)
{
	Message    *message = find(line->id);

	if (message->seen_seq != 0 && (message->seen_seq != line->seq || message->seen_origin != origin))
	{
		int			older = origin < message->seen_origin ? origin : message->seen_origin;
		int			newer = origin < message->seen_origin ? message->seen_origin : origin;
		int64_t		older_seq = origin < message->seen_origin ? line->seq : message->seen_seq;

		if (older == newer || timeline_survives(older, newer, line->room, older_seq))
			findings_add(FOUND_TWICE, line, "the same client id has seq %lld", (long long) message->seen_seq);
	}
	if (message->seen_seq == 0 || origin >= message->seen_origin)
	{
		message->seen_seq = line->seq;
		message->seen_origin = origin;
		message->seen_room = line->room;
		message->seen_hash = line->hash;
	}
	message->stored = message->stored || stored;
}

void
messages_finish(void)
{
	for (size_t i = 0; i < size; i++)
	{
		check_origin(&messages[i]);
		if (messages[i].invoked)
			check_end(&messages[i]);
	}
}

/* What is seen was sent, there and in these words. */
static void
check_origin(const Message *message)
{
	Line		where = {.room = message->seen_room, .seq = message->seen_seq};

	if (message->seen_seq != 0
		&& (!message->invoked || message->room != message->seen_room || message->hash != message->seen_hash))
		findings_add(FOUND_PHANTOM, &where, "nobody has sent this there");
}

static void
check_end(const Message *message)
{
	Line		where = {.room = message->room, .seq = message->ack_seq, .member = message->member,
		.socket = message->socket, .at = message->invoked_at};

	n_acked += message->ack_seq != 0;
	n_failed += message->failed;
	if (message->ack_seq != 0 && (!message->stored || message->seen_seq != message->ack_seq))
	{
		if (timeline_may_be_undone(message->invoked_at, message->room, message->ack_seq))
			n_undone++;
		else if (!message->stored)
			findings_add(FOUND_LOST, &where, "acknowledged, and not in the table");
		else
			findings_add(FOUND_DISAGREE, &where, "acknowledged with this seq, and stored with %lld", (long long) message->seen_seq);
	}
	if (message->failed && !message->doubtful && message->seen_seq != 0)
		findings_add(FOUND_REFUSED_STORED, &where, "refused, and at seq %lld", (long long) message->seen_seq);
}

void
messages_report(void)
{
	printf("count sends %lld\n", (long long) last_number);
	printf("count acknowledged %ld\n", n_acked);
	printf("count refused %ld\n", n_failed);
	printf("count in-doubt %ld\n", n_unknown);
	printf("count repeated %ld\n", n_again);
	printf("count undone-by-restore %ld\n", n_undone);
}

/* --- by client id -------------------------------------------------------------------------------- */

/* The message, made where there is none; it stays where it is until the next is made. */
static Message *
find(ClientId id)
{
	size_t		at;

	if (count * 2 >= size)
		grow();
	for (at = id.low & (size - 1); messages[at].id.low != 0 || messages[at].id.high != 0; at = (at + 1) & (size - 1))
	{
		if (messages[at].id.low == id.low && messages[at].id.high == id.high)
			return &messages[at];
	}
	messages[at].id = id;
	count++;
	return &messages[at];
}

static void
grow(void)
{
	Message    *old = messages;
	size_t		old_size = size;

	size = size == 0 ? 4096 : size * 2;
	messages = memory_alloc(size * sizeof(Message));
	for (size_t i = 0; i < old_size; i++)
	{
		size_t		at = old[i].id.low & (size - 1);

		if (old[i].id.low == 0 && old[i].id.high == 0)
			continue;
		while (messages[at].id.low != 0 || messages[at].id.high != 0)
			at = (at + 1) & (size - 1);
		messages[at] = old[i];
	}
	free(old);
}
