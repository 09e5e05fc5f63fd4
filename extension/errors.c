/*
 * errors.c: the one table of conditions and SQLSTATEs, and how a refusal is raised.
 *
 * The statement of a refusal is never logged: it may hold a password, a token or a message.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "errors.h"

#define PORCUPINE_SQLSTATE(tens, ones) MAKE_SQLSTATE('P', 'C', '0', tens, ones)

static const struct
{
	const char *name;
	int			sqlstate;
}			conditions[] =
{
	[CONDITION_INVALID] = {"invalid", PORCUPINE_SQLSTATE('0', '1')},
	[CONDITION_UNAUTHENTICATED] = {"unauthenticated", PORCUPINE_SQLSTATE('0', '2')},
	[CONDITION_BAD_CREDENTIALS] = {"bad_credentials", PORCUPINE_SQLSTATE('0', '3')},
	[CONDITION_SESSION_ENDED] = {"session_ended", PORCUPINE_SQLSTATE('0', '4')},
	[CONDITION_NOT_MEMBER] = {"not_member", PORCUPINE_SQLSTATE('0', '5')},
	[CONDITION_ROLE] = {"role", PORCUPINE_SQLSTATE('0', '6')},
	[CONDITION_NOT_FOUND] = {"not_found", PORCUPINE_SQLSTATE('0', '7')},
	[CONDITION_CONFLICT] = {"conflict", PORCUPINE_SQLSTATE('0', '8')},
	[CONDITION_STALE_EPOCH] = {"stale_epoch", PORCUPINE_SQLSTATE('0', '9')},
	[CONDITION_EPOCH_CLOSED] = {"epoch_closed", PORCUPINE_SQLSTATE('1', '0')},
	[CONDITION_DUPLICATE_MISMATCH] = {"duplicate_mismatch", PORCUPINE_SQLSTATE('1', '1')},
	[CONDITION_ROOM_FULL] = {"room_full", PORCUPINE_SQLSTATE('1', '2')},
	[CONDITION_GONE] = {"gone", PORCUPINE_SQLSTATE('1', '3')},
	[CONDITION_TOO_LARGE] = {"too_large", PORCUPINE_SQLSTATE('1', '4')},
	[CONDITION_RATE_LIMITED] = {"rate_limited", PORCUPINE_SQLSTATE('1', '5')},
	[CONDITION_BUSY] = {"busy", PORCUPINE_SQLSTATE('1', '6')},
	[CONDITION_MUTED] = {"muted", PORCUPINE_SQLSTATE('1', '7')},
	[CONDITION_ARCHIVED] = {"archived", PORCUPINE_SQLSTATE('1', '8')},
	[CONDITION_BANNED] = {"banned", PORCUPINE_SQLSTATE('1', '9')},
	[CONDITION_QUOTA] = {"quota", PORCUPINE_SQLSTATE('2', '0')},
	[CONDITION_KEY_REUSED] = {"key_reused", PORCUPINE_SQLSTATE('2', '1')},
};

const Refusal errors_session_over = {
	CONDITION_SESSION_ENDED, "the session is over", "Sign in again."
};
const Refusal errors_not_member = {CONDITION_NOT_MEMBER, "not a member of this room", NULL};
const Refusal errors_is_pending = {
	CONDITION_ROLE, "waiting to be let in", "A member's client lets you in when it is online."
};

static Condition condition_named(const char *name);

const char *
errors_name(Condition condition)
{
	return conditions[condition].name;
}

void
errors_refuse(Condition condition, const char *message, const char *hint, const char *detail)
{
	ereport(ERROR,
			(errcode(conditions[condition].sqlstate),
			 errmsg("%s", message),
			 detail != NULL ? errdetail("%s", detail) : 0,
			 hint != NULL ? errhint("%s", hint) : 0,
			 errhidestmt(true)));
}

/* porcupine.refuse(condition, message, hint, detail): the same for SQL */
PG_FUNCTION_INFO_V1(porcupine_refuse);

Datum
porcupine_refuse(PG_FUNCTION_ARGS)
{
	Condition	condition;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		elog(ERROR, "porcupine.refuse() needs a condition and a message");
	condition = condition_named(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	errors_refuse(condition,
				  text_to_cstring(PG_GETARG_TEXT_PP(1)),
				  PG_ARGISNULL(2) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(2)),
				  PG_ARGISNULL(3) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(3)));
}

static Condition
condition_named(const char *name)
{
	for (size_t i = 0; i < lengthof(conditions); i++)
	{
		if (strcmp(conditions[i].name, name) == 0)
			return (Condition) i;
	}
	elog(ERROR, "porcupine has no condition named \"%s\"", name);
}
