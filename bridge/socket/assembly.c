/*
 * assembly.c - see assembly.h. A message that comes in one piece, as nearly all do, is not copied.
 */
#include "assembly.h"

Assembled
assembly_add(Text *partial, const Piece *piece, size_t limit, Message *message)
{
	bool		whole = piece->of_last && piece->remaining == 0;

	/* one after the other, for the wire may announce any size */
	if (piece->remaining > limit || piece->length > limit - piece->remaining
		|| partial->length > limit - piece->remaining - piece->length)
		return ASSEMBLY_TOO_LARGE;
	if (whole && partial->length == 0)
	{
		*message = (Message) {.bytes = piece->bytes, .length = piece->length};
		return ASSEMBLY_WHOLE;
	}
	text_bytes(partial, piece->bytes, piece->length);
	if (!whole)
		return ASSEMBLY_UNFINISHED;
	*message = (Message) {.bytes = partial->bytes, .length = partial->length, .own = *partial};
	*partial = (Text) {0};
	return ASSEMBLY_WHOLE;
}
