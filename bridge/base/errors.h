/*
 * errors.h - the errors of API.md in one table: SQLSTATE, code, HTTP status, words.
 */
#ifndef PORCUPINE_ERRORS_H
#define PORCUPINE_ERRORS_H

#include "text.h"

#include <libpq-fe.h>

typedef struct ErrorKind
{
	const char *sqlstate;
	const char *code;
	int			status;
	const char *title;
} ErrorKind;

typedef enum ErrorCode
{
	ERROR_INVALID,
	ERROR_UNAUTHENTICATED,
	ERROR_BAD_CREDENTIALS,
	ERROR_SESSION_ENDED,
	ERROR_NOT_MEMBER,
	ERROR_ROLE,
	ERROR_NOT_FOUND,
	ERROR_CONFLICT,
	ERROR_STALE_EPOCH,
	ERROR_EPOCH_CLOSED,
	ERROR_DUPLICATE_MISMATCH,
	ERROR_ROOM_FULL,
	ERROR_GONE,
	ERROR_TOO_LARGE,
	ERROR_RATE_LIMITED,
	ERROR_BUSY,
	ERROR_MUTED,
	ERROR_ARCHIVED,
	ERROR_BANNED,
	ERROR_QUOTA,
	ERROR_KEY_REUSED,
	ERROR_INTERNAL
} ErrorCode;

/* One error on its way to a client. The texts are borrowed; -1 or NULL: absent. */
typedef struct Problem
{
	ErrorCode	code;
	int			status;			/* 0: the code's own */
	const char *detail;
	const char *hint;
	const char *reason;			/* why a session is over, if that is known */
	int64_t		seq;
	int64_t		epoch;
	int64_t		retry_after;	/* seconds */
} Problem;

#define PROBLEM(error, text) ((Problem) {.code = (error), .detail = (text), .seq = -1, .epoch = -1, .retry_after = -1})

extern const ErrorKind *errors_kind(ErrorCode code);
/* By its name, as send_many() reports it; ERROR_INTERNAL for an unknown one. */
extern ErrorCode errors_by_name(const char *code);

/*
 * What a refusal of the database means. An error outside Porcupine's class is a defect, which is
 * logged here, or overload. NULL: no answer came. The texts belong to the result.
 */
extern Problem errors_from_result(const PGresult *result);
/* The database is away or does not answer. */
extern Problem errors_busy(void);

/* An RFC 9457 problem. */
extern void errors_write_problem(Text *text, const Problem *problem);
/* The members code, message and the further fields, without braces. */
extern void errors_write_members(Text *text, const Problem *problem);

#endif
