/*
 * fuzz_assembly.c - messages come out of any pieces as they were put in, and nothing above the limit
 * is kept.
 *
 * Input: the limit by its first two bytes, then for each piece a byte of flags, one of its length
 * and, if it says so, eight of what its fragment announces beyond it; then its bytes.
 */
#include "assembly.h"
#include "fuzz.h"

#include <string.h>

#define OF_LAST 1
#define ANNOUNCES 2

static size_t
read_size(Input *input, int bytes)
{
	size_t		size = 0;

	while (bytes-- > 0)
		size = size << 8 | fuzz_byte(input);
	return size;
}

/* What it ought to be, in the plainest way. */
typedef struct Reference
{
	char		bytes[65536 + 256];
	size_t		length;
} Reference;

static void
take(Text *partial, const Piece *piece, size_t limit, Reference *reference)
{
	bool		fits = piece->remaining <= limit && reference->length + piece->length + piece->remaining <= limit;
	Message		message;
	Assembled	result = assembly_add(partial, piece, limit, &message);

	HOLDS((result == ASSEMBLY_TOO_LARGE) == !fits);
	if (!fits)
	{
		/* the connection ends with that; here another message begins */
		text_free(partial);
		reference->length = 0;
		return;
	}
	memcpy(reference->bytes + reference->length, piece->bytes, piece->length);
	reference->length += piece->length;
	HOLDS((result == ASSEMBLY_WHOLE) == (piece->of_last && piece->remaining == 0));
	if (result == ASSEMBLY_WHOLE)
	{
		HOLDS(message.length == reference->length && message.length <= limit);
		HOLDS(memcmp(message.bytes, reference->bytes, message.length) == 0);
		HOLDS(partial->length == 0);
		text_free(&message.own);
		reference->length = 0;
	}
	HOLDS(partial->length == reference->length && partial->length <= limit);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static Reference reference;
	Input		input = {(const char *) data, (const char *) data + size};
	size_t		limit = read_size(&input, 2);
	Text		partial = {0};

	reference.length = 0;
	while (input.at < input.end)
	{
		unsigned	flags = fuzz_byte(&input);
		size_t		length = fuzz_byte(&input);
		Piece		piece = {.of_last = (flags & OF_LAST) != 0};
		char	   *bytes;

		if (flags & ANNOUNCES)
			piece.remaining = read_size(&input, 8);
		piece.length = length < fuzz_left(&input) ? length : fuzz_left(&input);
		piece.bytes = bytes = fuzz_memory(input.at, piece.length);
		input.at += piece.length;
		take(&partial, &piece, limit, &reference);
		free(bytes);
	}
	text_free(&partial);
	return 0;
}
