/*
 * identity.c: who this transaction acts for: authenticate(), act_as(), act_as_session() and what
 * asks for it.
 *
 * The identity is a static variable of the backend, which no setting and no SQL can write, and
 * which ends with the transaction, however that ends, so that a pooled connection hands it to
 * nobody. Setting it again replaces it. A rolled-back savepoint brings back the identity that was
 * in force when the savepoint was made: the values replaced at each nesting level stand in a stack,
 * in the memory of the transaction.
 *
 * Being someone is not yet being allowed: each call asks again whether the token has expired and
 * the session still lives.
 */
#include "compat.h"

#include "access/detoast.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "columns.h"
#include "errors.h"
#include "identity.h"
#include "signing.h"
#include "spi.h"

#define MOST_SESSIONS 1000		/* asked for at once */

/* Zero means none. */
typedef struct Identity
{
	int64		user_id;
	int64		session_id;		/* none for act_as() */
	int64		device_id;		/* none before an act_as() user's backend device is needed */
	TimestampTz expires_at;		/* of the token; none without one */
} Identity;

/* what the subtransaction at this level replaced first */
typedef struct Replaced
{
	int			level;
	Identity	identity;
} Replaced;

static Identity current;

/* in TopTransactionContext, rising by level */
static Replaced *replaced;
static int	replaced_count;
static int	replaced_size;

static bool put_row(TupleTableSlot *slot, void *arg);
static void set_identity(const Identity *identity);
static void remember_replaced(int level);
static Identity identity_of_session(int64 session_id);
static void check_user(int64 user_id, Condition condition, const char *message);
static Datum id_or_null(FunctionCallInfo fcinfo, int64 id);
_Noreturn static void refuse_token(void);
_Noreturn static void refuse_session(void);

/* porcupine.authenticate(token) */
PG_FUNCTION_INFO_V1(porcupine_authenticate);

Datum
porcupine_authenticate(PG_FUNCTION_ARGS)
{
	JwtClaims	claims;
	Identity	identity;
	text	   *token;

	/* the size first: a few compressed bytes may stand for a gigabyte */
	if (PG_ARGISNULL(0) || toast_raw_datum_size(PG_GETARG_DATUM(0)) - VARHDRSZ > JWT_LONGEST)
		refuse_token();
	token = PG_GETARG_TEXT_PP(0);
	if (!signing_verify(VARDATA_ANY(token), VARSIZE_ANY_EXHDR(token), &claims))
		refuse_token();

	identity = identity_of_session(claims.session_id);
	if (identity.user_id != claims.user_id || identity.device_id != claims.device_id)
		refuse_token();
	identity.expires_at = time_t_to_timestamptz((pg_time_t) claims.expires_at);
	set_identity(&identity);
	PG_RETURN_INT64(identity.user_id);
}

/* porcupine.act_as(account) */
PG_FUNCTION_INFO_V1(porcupine_act_as);

Datum
porcupine_act_as(PG_FUNCTION_ARGS)
{
	Identity	identity = {0};

	if (PG_ARGISNULL(0))
		errors_refuse(CONDITION_NOT_FOUND, "no such user", NULL, NULL);
	identity.user_id = PG_GETARG_INT64(0);
	check_user(identity.user_id, CONDITION_NOT_FOUND, "no such user");
	set_identity(&identity);
	PG_RETURN_INT64(identity.user_id);
}

/* porcupine.act_as_session(session) */
PG_FUNCTION_INFO_V1(porcupine_act_as_session);

Datum
porcupine_act_as_session(PG_FUNCTION_ARGS)
{
	Identity	identity;

	if (PG_ARGISNULL(0))
		refuse_session();
	identity = identity_of_session(PG_GETARG_INT64(0));
	set_identity(&identity);
	PG_RETURN_INT64(identity.user_id);
}

/* porcupine.whoami_many(sessions): for those who act for nobody yet */
PG_FUNCTION_INFO_V1(porcupine_whoami_many);

Datum
porcupine_whoami_many(PG_FUNCTION_ARGS)
{
	static Statement read = {
		.sql = "SELECT i.n, who.id, who.username, who.display_name FROM generate_subscripts($1, 1) AS i (n)"
		" LEFT JOIN LATERAL (SELECT u.id, u.username, u.display_name"
		"   FROM porcupine.sessions s JOIN porcupine.users u ON u.id = s.user_id"
		"   WHERE s.id = ($1)[i.n] AND s.ended_at IS NULL AND s.expires_at > clock_timestamp()"
		"     AND u.disabled_at IS NULL LIMIT 1) who ON true",
		.argtypes = {INT8ARRAYOID}
	};
	Column		sessions;
	int			nesting;

	columns_read(fcinfo, 1, MOST_SESSIONS, &sessions);
	InitMaterializedSRF(fcinfo, 0);
	nesting = spi_begin();
	spi_each(&read, (Datum[]) {PG_GETARG_DATUM(0)}, put_row, fcinfo->resultinfo);
	spi_end(nesting);
	return (Datum) 0;
}

static bool
put_row(TupleTableSlot *slot, void *arg)
{
	tuplestore_puttupleslot(((ReturnSetInfo *) arg)->setResult, slot);
	return true;
}

/* porcupine.current_user_id() */
PG_FUNCTION_INFO_V1(porcupine_current_user_id);

Datum
porcupine_current_user_id(PG_FUNCTION_ARGS)
{
	return id_or_null(fcinfo, current.user_id);
}

/* porcupine.current_session_id() */
PG_FUNCTION_INFO_V1(porcupine_current_session_id);

Datum
porcupine_current_session_id(PG_FUNCTION_ARGS)
{
	return id_or_null(fcinfo, current.session_id);
}

/* porcupine.current_device_id() */
PG_FUNCTION_INFO_V1(porcupine_current_device_id);

Datum
porcupine_current_device_id(PG_FUNCTION_ARGS)
{
	return id_or_null(fcinfo, current.device_id);
}

/* porcupine.require_user() */
PG_FUNCTION_INFO_V1(porcupine_require_user);

Datum
porcupine_require_user(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(identity_require_user());
}

/* porcupine.require_device() */
PG_FUNCTION_INFO_V1(porcupine_require_device);

Datum
porcupine_require_device(PG_FUNCTION_ARGS)
{
	int64		user_id;
	int64		device_id;

	identity_require_sender(&user_id, &device_id);
	PG_RETURN_INT64(device_id);
}

int64
identity_require_user(void)
{
	if (current.user_id == 0)
		errors_refuse(CONDITION_UNAUTHENTICATED, "not signed in",
					  "Call porcupine.authenticate() in this transaction first.", NULL);
	if (current.expires_at != 0 && GetCurrentTimestamp() >= current.expires_at)
		errors_refuse(CONDITION_UNAUTHENTICATED, "the access token has expired", "Refresh it.", NULL);
	if (current.session_id == 0)
		check_user(current.user_id, CONDITION_SESSION_ENDED, "the account is disabled");
	else if (identity_of_session(current.session_id).user_id != current.user_id)
		refuse_session();
	return current.user_id;
}

void
identity_require_sender(int64 *user_id, int64 *device_id)
{
	*user_id = identity_require_user();
	if (current.device_id == 0)
	{
		Identity	identity = current;

		identity.device_id = identity_backend_device(*user_id);
		set_identity(&identity);
	}
	*device_id = current.device_id;
}

int64
identity_session_device(void)
{
	return current.session_id != 0 ? current.device_id : 0;
}

/* After an error the end of the (sub)transaction brings the identity back. */
void
identity_as_nobody(void (*act) (void))
{
	Identity	before = current;

	set_identity(&(Identity) {0});
	act();
	set_identity(&before);
}

void
identity_end(void)
{
	memset(&current, 0, sizeof(current));
	replaced = NULL;
	replaced_count = replaced_size = 0;
}

/*
 * The subtransaction commits: what it replaced is now replaced by its parent, unless the parent
 * replaced something before.
 */
void
identity_keep_changes(int level)
{
	int			top = replaced_count - 1;

	if (top < 0 || replaced[top].level < level)
		return;
	if (level > 2 && (top == 0 || replaced[top - 1].level < level - 1))
		replaced[top].level = level - 1;
	else
		replaced_count--;
}

void
identity_undo_changes(int level)
{
	while (replaced_count > 0 && replaced[replaced_count - 1].level >= level)
		current = replaced[--replaced_count].identity;
}

/* the one place where the identity changes, but for the transaction's end */
static void
set_identity(const Identity *identity)
{
	int			level = GetCurrentTransactionNestLevel();

	/* level 1 is the transaction itself, whose end forgets everything */
	if (level > 1 && (replaced_count == 0 || replaced[replaced_count - 1].level < level))
		remember_replaced(level);
	current = *identity;
}

static void
remember_replaced(int level)
{
	if (replaced_count == replaced_size)
	{
		int			size = Max(8, replaced_size * 2);

		if (replaced == NULL)
			replaced = MemoryContextAlloc(TopTransactionContext, size * sizeof(Replaced));
		else
			replaced = repalloc(replaced, size * sizeof(Replaced));
		replaced_size = size;
	}
	replaced[replaced_count].level = level;
	replaced[replaced_count].identity = current;
	replaced_count++;
}

/* the user and device of a session that is alive; refuses otherwise */
static Identity
identity_of_session(int64 session_id)
{
	static Statement read_session = {
		.sql = "SELECT s.user_id, s.device_id"
		" FROM porcupine.sessions s JOIN porcupine.users u ON u.id = s.user_id"
		" WHERE s.id = $1 AND s.ended_at IS NULL AND s.expires_at > clock_timestamp()"
		"   AND u.disabled_at IS NULL",
		.argtypes = {INT8OID}
	};
	Identity	identity = {.session_id = session_id};
	int			nesting;

	nesting = spi_begin();
	if (spi_run(&read_session, (Datum[]) {Int64GetDatum(session_id)}) == 0)
		refuse_session();
	identity.user_id = spi_int64(0, 1);
	identity.device_id = spi_int64(0, 2);
	spi_end(nesting);
	return identity;
}

static void
check_user(int64 user_id, Condition condition, const char *message)
{
	static Statement read_user = {
		.sql = "SELECT FROM porcupine.users u WHERE u.id = $1 AND u.disabled_at IS NULL",
		.argtypes = {INT8OID}
	};
	int			nesting;

	nesting = spi_begin();
	if (spi_run(&read_user, (Datum[]) {Int64GetDatum(user_id)}) == 0)
		errors_refuse(condition, message, NULL, NULL);
	spi_end(nesting);
}

/*
 * Two transactions that need it at once make one: the second waits for the first, then finds its
 * row.
 */
int64
identity_backend_device(int64 user_id)
{
	static Statement find_device = {
		.sql = "SELECT d.id FROM porcupine.devices d WHERE d.user_id = $1 AND d.backend",
		.argtypes = {INT8OID}
	};
	static Statement make_device = {
		.sql = "INSERT INTO porcupine.devices AS d (user_id, name, backend) VALUES ($1, 'backend', true)"
		" ON CONFLICT (user_id) WHERE backend DO UPDATE SET name = d.name RETURNING d.id",
		.argtypes = {INT8OID}
	};
	Datum		arguments[] = {Int64GetDatum(user_id)};
	int64		device_id;
	int			nesting;

	nesting = spi_begin();
	if (spi_run(&find_device, arguments) == 0)
		spi_run(&make_device, arguments);
	device_id = spi_int64(0, 1);
	spi_end(nesting);
	return device_id;
}

static Datum
id_or_null(FunctionCallInfo fcinfo, int64 id)
{
	if (id == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT64(id);
}

/* One answer for whatever is wrong with a token: what exactly would help forgers only. */
static void
refuse_token(void)
{
	errors_refuse(CONDITION_UNAUTHENTICATED, "the access token is not valid or has expired",
				  "Sign in, or refresh it.", NULL);
}

static void
refuse_session(void)
{
	errors_refuse(errors_session_over.condition, errors_session_over.message,
				  errors_session_over.hint, NULL);
}
