/*
 * bells.c: collecting bells, merging them, and writing the payloads that say them.
 *
 * A payload has less than 8000 bytes, as NOTIFY demands, and is what one origin has to say:
 *
 *   {"origin":"77","stream":5,"rooms":{"12":345,"13":0},"members":[["5","12"]],"sessions":["9"],"users":["7"]}
 *
 * origin: the bridge that rings, so that it can ignore itself; "0" for everything else. stream: the
 * stream epoch that the seqs belong to; left out while there is none yet. rooms: the room has at
 * least this seq, or 0: it is gone. members: [user, room], a membership that changed. sessions,
 * users: they ended, were disabled. Empty lists are left out. And once bells have been lost:
 *
 *   {"origin":"0","stream":5,"sweep":true}
 */
#include "compat.h"

#include "commands/async.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"

#include "bells.h"
#include "server.h"

#define CHANNEL "porcupine"
#define LONGEST_PAYLOAD 7900

static const struct
{
	const char *open;
	const char *close;
}			sections[] =
{
	[BELL_ROOM] = {",\"rooms\":{", "}"},
	[BELL_MEMBER] = {",\"members\":[", "]"},
	[BELL_SESSION] = {",\"sessions\":[", "]"},
	[BELL_USER] = {",\"users\":[", "]"},
};

/* the payload that is being written; text is empty between two of them */
typedef struct Payload
{
	StringInfoData text;
	int64		stream;
	int64		origin;
	BellKind	section;
	const char *close;			/* of the section that is open, if any */
	int			sent;
} Payload;

static int	compare_bells(const void *a, const void *b);
static void write_bell(Payload *payload, const Bell *bell, const StringInfo entry);
static void begin_payload(Payload *payload, int64 origin);
static void send_payload(Payload *payload);
static void append_bell(StringInfo entry, const Bell *bell);

void
bells_add(Bells *to, const Bell *bell)
{
	if (to->bells == NULL)
	{
		to->size = 16;
		to->bells = palloc(to->size * sizeof(Bell));
	}
	else if (to->count == to->size)
	{
		bells_merge(to);
		if (to->count > to->size / 2)
		{
			/* the size first: should there be no memory, the array stays as it is */
			to->bells = repalloc_huge(to->bells, to->size * 2 * sizeof(Bell));
			to->size *= 2;
		}
	}
	to->bells[to->count++] = *bell;
}

void
bells_merge(Bells *bells)
{
	int			kept = 0;

	if (bells->count < 2)
		return;
	qsort(bells->bells, bells->count, sizeof(Bell), compare_bells);
	for (int i = 1; i < bells->count; i++)
	{
		Bell	   *last = &bells->bells[kept];
		const Bell *bell = &bells->bells[i];

		if (compare_bells(last, bell) == 0)
			last->seq = Max(last->seq, bell->seq);
		else
			bells->bells[++kept] = *bell;
	}
	bells->count = kept + 1;
}

static int
compare_bells(const void *a, const void *b)
{
	const Bell *one = a;
	const Bell *two = b;

#define UNLESS_EQUAL(field) if (one->field != two->field) return one->field < two->field ? -1 : 1
	UNLESS_EQUAL(level);
	UNLESS_EQUAL(origin);
	UNLESS_EQUAL(kind);
	UNLESS_EQUAL(id);
	UNLESS_EQUAL(other);
#undef UNLESS_EQUAL
	return 0;
}

int
bells_notify(Bells *bells, bool sweep)
{
	Payload		payload = {0};
	StringInfoData entry;

	if (bells->count == 0 && !sweep)
		return 0;
	bells_merge(bells);
	payload.stream = server_newest_stream();
	initStringInfo(&payload.text);
	initStringInfo(&entry);
	for (int i = 0; i < bells->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		resetStringInfo(&entry);
		append_bell(&entry, &bells->bells[i]);
		write_bell(&payload, &bells->bells[i], &entry);
	}
	send_payload(&payload);
	if (sweep)
	{
		begin_payload(&payload, 0);
		appendStringInfoString(&payload.text, ",\"sweep\":true");
		send_payload(&payload);
	}
	pfree(entry.data);
	pfree(payload.text.data);
	return payload.sent;
}

static void
write_bell(Payload *payload, const Bell *bell, const StringInfo entry)
{
	if (payload->text.len > 0
		&& (payload->origin != bell->origin || payload->text.len + entry->len + 32 > LONGEST_PAYLOAD))
		send_payload(payload);
	if (payload->text.len == 0)
		begin_payload(payload, bell->origin);
	if (payload->close != NULL && payload->section == bell->kind)
		appendStringInfoChar(&payload->text, ',');
	else
		appendStringInfo(&payload->text, "%s%s",
						 payload->close != NULL ? payload->close : "", sections[bell->kind].open);
	payload->section = bell->kind;
	payload->close = sections[bell->kind].close;
	appendBinaryStringInfo(&payload->text, entry->data, entry->len);
}

static void
begin_payload(Payload *payload, int64 origin)
{
	payload->origin = origin;
	appendStringInfo(&payload->text, "{\"origin\":\"" INT64_FORMAT "\"", origin);
	if (payload->stream > 0)
		appendStringInfo(&payload->text, ",\"stream\":" INT64_FORMAT, payload->stream);
}

static void
send_payload(Payload *payload)
{
	if (payload->text.len == 0)
		return;
	appendStringInfo(&payload->text, "%s}", payload->close != NULL ? payload->close : "");
	Async_Notify(CHANNEL, payload->text.data);
	resetStringInfo(&payload->text);
	payload->close = NULL;
	payload->sent++;
}

static void
append_bell(StringInfo entry, const Bell *bell)
{
	switch (bell->kind)
	{
		case BELL_ROOM:
			appendStringInfo(entry, "\"" INT64_FORMAT "\":" INT64_FORMAT,
							 bell->id, bell->seq == BELL_ROOM_GONE ? 0 : bell->seq);
			break;
		case BELL_MEMBER:
			appendStringInfo(entry, "[\"" INT64_FORMAT "\",\"" INT64_FORMAT "\"]",
							 bell->id, bell->other);
			break;
		case BELL_SESSION:
		case BELL_USER:
			appendStringInfo(entry, "\"" INT64_FORMAT "\"", bell->id);
			break;
	}
}
