/*
 * errors.c - see errors.h. Nothing here knows HTTP or sockets; it only names and words.
 */
#include "errors.h"
#include "log.h"

#include <string.h>

static const ErrorKind kinds[] = {
	[ERROR_INVALID] = {"PC001", "invalid", 400, "The request is malformed or incomplete"},
	[ERROR_UNAUTHENTICATED] = {"PC002", "unauthenticated", 401, "A valid access token is needed"},
	[ERROR_BAD_CREDENTIALS] = {"PC003", "bad_credentials", 401, "Wrong name or password"},
	[ERROR_SESSION_ENDED] = {"PC004", "session_ended", 401, "The session is over"},
	[ERROR_NOT_MEMBER] = {"PC005", "not_member", 403, "Not a member of this room"},
	[ERROR_ROLE] = {"PC006", "role", 403, "The role does not allow this"},
	[ERROR_NOT_FOUND] = {"PC007", "not_found", 404, "Nothing is there"},
	[ERROR_CONFLICT] = {"PC008", "conflict", 409, "Taken, or something moved on meanwhile"},
	[ERROR_STALE_EPOCH] = {"PC009", "stale_epoch", 409, "The epoch is not the current one"},
	[ERROR_EPOCH_CLOSED] = {"PC010", "epoch_closed", 409, "The epoch is closed"},
	[ERROR_DUPLICATE_MISMATCH] = {"PC011", "duplicate_mismatch", 409, "This client id was used with another body"},
	[ERROR_ROOM_FULL] = {"PC012", "room_full", 409, "The room is full"},
	[ERROR_GONE] = {"PC013", "gone", 410, "The invite has expired or is used up"},
	[ERROR_TOO_LARGE] = {"PC014", "too_large", 413, "Larger than allowed"},
	[ERROR_RATE_LIMITED] = {"PC015", "rate_limited", 429, "Too often"},
	[ERROR_BUSY] = {"PC016", "busy", 503, "The database does not answer or is overloaded"},
	[ERROR_MUTED] = {"PC017", "muted", 403, "Muted in this room"},
	[ERROR_ARCHIVED] = {"PC018", "archived", 409, "The room is archived"},
	[ERROR_BANNED] = {"PC019", "banned", 403, "Banned from this room"},
	[ERROR_QUOTA] = {"PC020", "quota", 409, "More than one may have"},
	[ERROR_KEY_REUSED] = {"PC021", "key_reused", 422, "The Idempotency-Key was used for another request"},
	[ERROR_INTERNAL] = {"", "internal", 500, "Something went wrong in the server"},
};

#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* Overload and interruption by SQLSTATE class or code: worth a retry, no defect. */
static const char *const busy_states[] = {
	"08", "40", "53", "57", "55P03", "25006", "58030"
};

static void write_numbers(Text *text, const Problem *problem);

const ErrorKind *
errors_kind(ErrorCode code)
{
	return &kinds[code];
}

ErrorCode
errors_by_name(const char *code)
{
	for (size_t i = 0; i < N_KINDS; i++)
	{
		if (strcmp(kinds[i].code, code) == 0)
			return (ErrorCode) i;
	}
	return ERROR_INTERNAL;
}

Problem
errors_from_result(const PGresult *result)
{
	const char *state = result != NULL ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
	Problem		problem = PROBLEM(ERROR_INTERNAL, "the server's log says what");

	if (state == NULL)
		return errors_busy();
	for (size_t i = 0; i < N_KINDS; i++)
	{
		if (strcmp(kinds[i].sqlstate, state) == 0)
		{
			problem.code = (ErrorCode) i;
			problem.detail = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
			problem.hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
			/* one of a few words of the server's own */
			problem.reason = i == ERROR_SESSION_ENDED ? PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL) : NULL;
			problem.retry_after = i == ERROR_BUSY || i == ERROR_RATE_LIMITED ? 1 : -1;
			return problem;
		}
	}
	/* an exception that somebody's own trigger raised: a veto, in words meant for users */
	if (strcmp(state, "P0001") == 0)
	{
		problem.code = ERROR_ROLE;
		problem.detail = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
		problem.hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
		return problem;
	}
	for (size_t i = 0; i < sizeof(busy_states) / sizeof(busy_states[0]); i++)
	{
		if (strncmp(state, busy_states[i], strlen(busy_states[i])) == 0)
		{
			log_write(LOG_WARNING, "the database is overloaded or going down", LOG_TEXT("sqlstate", state));
			return errors_busy();
		}
	}
	/* the primary message only: details may quote what users sent */
	log_write(LOG_ERROR, "the database refused a statement", LOG_TEXT("sqlstate", state),
			  LOG_TEXT("error", PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY)));
	return problem;
}

Problem
errors_busy(void)
{
	Problem		problem = PROBLEM(ERROR_BUSY, "try again in a moment");

	problem.retry_after = 1;
	return problem;
}

void
errors_write_problem(Text *text, const Problem *problem)
{
	const ErrorKind *kind = &kinds[problem->code];

	text_format(text, "{\"type\":\"urn:porcupine:error:%s\",\"title\":\"%s\",\"status\":%d,\"code\":\"%s\"",
				kind->code, kind->title, problem->status != 0 ? problem->status : kind->status, kind->code);
	if (problem->detail != NULL)
	{
		text_add(text, ",\"detail\":");
		text_json(text, problem->detail);
	}
	if (problem->hint != NULL)
	{
		text_add(text, ",\"hint\":");
		text_json(text, problem->hint);
	}
	if (problem->reason != NULL)
	{
		text_add(text, ",\"reason\":");
		text_json(text, problem->reason);
	}
	write_numbers(text, problem);
	text_add(text, "}");
}

void
errors_write_members(Text *text, const Problem *problem)
{
	const ErrorKind *kind = &kinds[problem->code];

	text_format(text, "\"code\":\"%s\",\"message\":", kind->code);
	text_json(text, problem->detail != NULL ? problem->detail : kind->title);
	write_numbers(text, problem);
}

/* What a client needs to go on. */
static void
write_numbers(Text *text, const Problem *problem)
{
	if (problem->seq >= 0)
		text_format(text, ",\"seq\":%lld", (long long) problem->seq);
	if (problem->epoch >= 0)
		text_format(text, ",\"epoch\":%lld", (long long) problem->epoch);
	if (problem->retry_after >= 0)
		text_format(text, ",\"retry_after\":%lld", (long long) problem->retry_after);
}
