/*
 * errors.h: the refusals of Porcupine, each with a SQLSTATE of its own class (PC).
 *
 * A refusal is an answer to the caller, not a defect; what cannot happen is an elog. The names are
 * those of API.md, where they also have their HTTP status.
 */
#ifndef PORCUPINE_ERRORS_H
#define PORCUPINE_ERRORS_H

typedef enum Condition
{
	CONDITION_INVALID,
	CONDITION_UNAUTHENTICATED,
	CONDITION_BAD_CREDENTIALS,
	CONDITION_SESSION_ENDED,
	CONDITION_NOT_MEMBER,
	CONDITION_ROLE,
	CONDITION_NOT_FOUND,
	CONDITION_CONFLICT,
	CONDITION_STALE_EPOCH,
	CONDITION_EPOCH_CLOSED,
	CONDITION_DUPLICATE_MISMATCH,
	CONDITION_ROOM_FULL,
	CONDITION_GONE,
	CONDITION_TOO_LARGE,
	CONDITION_RATE_LIMITED,
	CONDITION_BUSY,
	CONDITION_MUTED,
	CONDITION_ARCHIVED,
	CONDITION_BANNED,
	CONDITION_QUOTA,
	CONDITION_KEY_REUSED
} Condition;

/* why something is refused, in words; static */
typedef struct Refusal
{
	Condition	condition;
	const char *message;
	const char *hint;			/* or NULL */
} Refusal;

/* those that several files give */
extern const Refusal errors_session_over;
extern const Refusal errors_not_member;
extern const Refusal errors_is_pending;

/* the condition's name, as in API.md */
extern const char *errors_name(Condition condition);

/* Raises the refusal. hint and detail may be NULL. */
_Noreturn extern void errors_refuse(Condition condition, const char *message,
									const char *hint, const char *detail);

#endif							/* PORCUPINE_ERRORS_H */
