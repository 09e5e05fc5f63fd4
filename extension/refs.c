/*
 * refs.c: which event another one may speak of.
 *
 *   message, as a reply    a message, or what the application said (system); redacted or not, for it
 *                          may have been written before the redaction
 *   reaction               the same
 *   edit                   a message of the same user that is not redacted
 *
 * So a reply to a reply belongs to that reply, and an edit of an edit there is not: whoever folds a
 * page finds all that belongs to a message by its seq.
 */
#include "compat.h"

#include "refs.h"

const Refusal refs_no_event = {CONDITION_INVALID, "ref names no event of this room", NULL};

static const Refusal no_message = {
	CONDITION_INVALID, "ref names an event that is no message",
	"Replies, reactions and edits name the message itself, not one of its edits."
};
static const Refusal not_own = {
	CONDITION_INVALID, "an edit speaks of a message of one's own", NULL
};
static const Refusal is_redacted = {CONDITION_GONE, "the message was redacted", NULL};

const Refusal *
refs_judge(const char *kind, int64 user, const Target *target)
{
	bool		is_message = strcmp(target->kind, "message") == 0;

	if (!is_message && strcmp(target->kind, "system") != 0)
		return &no_message;
	if (strcmp(kind, "edit") != 0)
		return NULL;
	if (!is_message || target->sender != user)
		return &not_own;
	return target->redacted ? &is_redacted : NULL;
}
