/*
 * links.c: what SQL cannot do for links (sql/10_links.sql): change the role it runs as.
 *
 * A link is made with the rights of two: the caller's, who must be able to read the source and to
 * put a trigger on the tables under it, and the owner's, whose tables keep it. So these functions
 * run as their caller, check and do what is the caller's, and become the functions' owner for what
 * is not.
 *
 * A source is read as its own owner, like a materialized view that is refreshed: a view may call
 * functions of whoever wrote it, and they must not run with the powers of porcupine_owner, nor with
 * those of whoever happens to change a row below it.
 */
#include "compat.h"

#include "access/relation.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "executor/tstoreReceiver.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "parser/analyze.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "catalog.h"
#include "errors.h"
#include "identity.h"
#include "links.h"

/* a role that is put aside for another */
typedef struct Role
{
	Oid			user;
	int			context;
} Role;

static void make_link(FunctionCallInfo fcinfo, NullableDatum room, int first);
static void require_right(Oid relation, AclMode right, const char *message);
static void require_all_theirs(FunctionCallInfo fcinfo, NullableDatum source);
static void end_link(FunctionCallInfo fcinfo, NullableDatum room, NullableDatum source);
static void drop_trigger(Oid relation);
static void begin(void);
static SPITupleTable *run_as_owner(FunctionCallInfo fcinfo, const char *sql, int nargs, Oid *types,
								   NullableDatum *arguments);
static Oid	oid_of(const SPITupleTable *rows, uint64 row);
static void run(const char *sql);
static void follow(void);
static char *source_query(Oid source, bool names_rooms);
static Query *analyse(Oid source, bool names_rooms, const char *expected_owner, Role *before);
_Noreturn static void refuse_replaced(void);
static void run_into(Query *query, Tuplestorestate *rows);
static Oid	owner_of(int cache, Oid object, int column);
static char *name_of(Oid relation);
static Role become(Oid user, int restriction);
static void become_again(Role role);

/* porcupine.link_membership(room, source, role, additive) */
PG_FUNCTION_INFO_V1(porcupine_link_membership);

Datum
porcupine_link_membership(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		errors_refuse(CONDITION_INVALID, "a room is needed", NULL, NULL);
	make_link(fcinfo, fcinfo->args[0], 1);
	PG_RETURN_VOID();
}

/* porcupine.link_memberships(source, role, additive) */
PG_FUNCTION_INFO_V1(porcupine_link_memberships);

Datum
porcupine_link_memberships(PG_FUNCTION_ARGS)
{
	make_link(fcinfo, (NullableDatum) {.isnull = true}, 0);
	PG_RETURN_VOID();
}

/* porcupine.unlink_membership(room) */
PG_FUNCTION_INFO_V1(porcupine_unlink_membership);

Datum
porcupine_unlink_membership(PG_FUNCTION_ARGS)
{
	end_link(fcinfo, fcinfo->args[0], (NullableDatum) {.isnull = true});
	PG_RETURN_VOID();
}

/* porcupine.unlink_memberships(source) */
PG_FUNCTION_INFO_V1(porcupine_unlink_memberships);

Datum
porcupine_unlink_memberships(PG_FUNCTION_ARGS)
{
	end_link(fcinfo, (NullableDatum) {.isnull = true}, fcinfo->args[0]);
	PG_RETURN_VOID();
}

/* Source, role and additive are the arguments from the first one on; without a room, the source names them. */
static void
make_link(FunctionCallInfo fcinfo, NullableDatum room, int first)
{
	NullableDatum source = fcinfo->args[first];
	NullableDatum role = fcinfo->args[first + 1];
	NullableDatum additive = fcinfo->args[first + 2];
	SPITupleTable *unwatched;

	if (source.isnull || role.isnull || additive.isnull)
		errors_refuse(CONDITION_INVALID, "source, role and additive are needed", NULL, NULL);
	if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(DatumGetObjectId(source.value))))
		errors_refuse(CONDITION_NOT_FOUND, "there is no such view or table", NULL, NULL);
	require_right(DatumGetObjectId(source.value), ACL_SELECT, "reading the source needs SELECT on it");
	begin();
	require_all_theirs(fcinfo, source);
	unwatched = run_as_owner(fcinfo, "SELECT porcupine.check_source($1, $2)", 2, (Oid[]) {OIDOID, BOOLOID},
							 (NullableDatum[]) {source, {.value = BoolGetDatum(room.isnull)}});
	for (uint64 row = 0; row < unwatched->numvals; row++)
	{
		require_right(oid_of(unwatched, row), ACL_TRIGGER, "a table under the source needs a trigger");
		run(psprintf("CREATE TRIGGER porcupine_links AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s"
					 " FOR EACH STATEMENT EXECUTE FUNCTION porcupine.linked_table_changed()",
					 name_of(oid_of(unwatched, row))));
	}
	run_as_owner(fcinfo, "SELECT porcupine.store_link($1, $2, $3, $4)", 4,
				 (Oid[]) {INT8OID, OIDOID, catalog_type("role"), BOOLOID},
				 (NullableDatum[]) {room, source, role, additive});
	SPI_finish();
}

static void
require_right(Oid relation, AclMode right, const char *message)
{
	if (pg_class_aclcheck(relation, GetUserId(), right) != ACLCHECK_OK)
		errors_refuse(CONDITION_ROLE, message, "Its owner can grant that, or make the link.",
					  psprintf("it is the relation %s", name_of(relation)));
}

/*
 * Reading a view runs the functions of whoever made what it stands on, as whoever reads: that a link has the owner do so must
 * not be up to them, but to who could act as the owner anyway.
 */
static void
require_all_theirs(FunctionCallInfo fcinfo, NullableDatum source)
{
	SPITupleTable *others;

	if (has_privs_of_role(GetUserId(), owner_of(RELOID, DatumGetObjectId(source.value), Anum_pg_class_relowner)))
		return;
	others = run_as_owner(fcinfo, "SELECT porcupine.others_under($1)", 1, (Oid[]) {OIDOID}, &source);
	if (others->numvals > 0)
		errors_refuse(CONDITION_ROLE, "the source stands on what others than its owner made",
					  "Its owner can make the link.",
					  psprintf("it is the %s", SPI_getvalue(others->vals[0], others->tupdesc, 1)));
}

static void
end_link(FunctionCallInfo fcinfo, NullableDatum room, NullableDatum source)
{
	SPITupleTable *unneeded;

	begin();
	unneeded = run_as_owner(fcinfo, "SELECT porcupine.drop_link($1, $2)", 2, (Oid[]) {INT8OID, TEXTOID},
							(NullableDatum[]) {room, source});
	for (uint64 row = 0; row < unneeded->numvals; row++)
		drop_trigger(oid_of(unneeded, row));
	SPI_finish();
}

/* One that is left does no harm: it finds no link. */
static void
drop_trigger(Oid relation)
{
	if (has_privs_of_role(GetUserId(), owner_of(RELOID, relation, Anum_pg_class_relowner)))
		run(psprintf("DROP TRIGGER porcupine_links ON %s", name_of(relation)));
	else
		ereport(NOTICE,
				(errmsg("the trigger porcupine_links stays on %s", name_of(relation)),
				 errhint("Its owner may drop it: no link needs it any more.")));
}

static void
begin(void)
{
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
}

/* with the rights of the owner of the function that is called */
static SPITupleTable *
run_as_owner(FunctionCallInfo fcinfo, const char *sql, int nargs, Oid *types, NullableDatum *arguments)
{
	Datum		values[4];
	char		nulls[4];
	Role		caller;

	Assert(nargs <= (int) lengthof(values));
	for (int i = 0; i < nargs; i++)
	{
		values[i] = arguments[i].value;
		nulls[i] = arguments[i].isnull ? 'n' : ' ';
	}
	caller = become(owner_of(PROCOID, fcinfo->flinfo->fn_oid, Anum_pg_proc_proowner), SECURITY_LOCAL_USERID_CHANGE);
	if (SPI_execute_with_args(sql, nargs, types, values, nulls, false, 0) < 0)
		elog(ERROR, "could not run \"%s\"", sql);
	become_again(caller);
	return SPI_tuptable;
}

static Oid
oid_of(const SPITupleTable *rows, uint64 row)
{
	bool		isnull;

	return DatumGetObjectId(SPI_getbinval(rows->vals[row], rows->tupdesc, 1, &isnull));
}

static void
run(const char *sql)
{
	if (SPI_execute(sql, false, 0) < 0)
		elog(ERROR, "could not run \"%s\"", sql);
}

/* the constraint trigger on porcupine.stale_links */
PG_FUNCTION_INFO_V1(porcupine_links_are_followed_at_commit);

Datum
porcupine_links_are_followed_at_commit(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("links_are_followed_at_commit() is a trigger function")));
	links_follow();
	return PointerGetDatum(NULL);	/* an AFTER trigger's result is ignored */
}

void
links_follow(void)
{
	identity_as_nobody(follow);
}

static void
follow(void)
{
	begin();
	run("SELECT porcupine.follow_links()");
	SPI_finish();
}

/* porcupine.read_source(source, names_rooms, source_owner) */
PG_FUNCTION_INFO_V1(porcupine_read_source);

Datum
porcupine_read_source(PG_FUNCTION_ARGS)
{
	Oid			source = PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0);
	Role		reader;
	int			nesting;
	Query	   *query;

	InitMaterializedSRF(fcinfo, 0);
	nesting = NewGUCNestLevel();
	set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	query = analyse(source, PG_GETARG_BOOL(1), NameStr(*PG_GETARG_NAME(2)), &reader);
	run_into(query, ((ReturnSetInfo *) fcinfo->resultinfo)->setResult);
	AtEOXact_GUC(false, nesting);
	become_again(reader);
	return (Datum) 0;
}

static char *
source_query(Oid source, bool names_rooms)
{
	return psprintf("SELECT %s::pg_catalog.int8, s.user_id::pg_catalog.int8 FROM %s s",
					names_rooms ? "s.room_id" : "NULL", name_of(source));
}

/*
 * A source that is locked can be dropped, renamed or given away no more until the commit; but it may
 * have been since somebody looked. What its name means once it is analysed must be the same: the
 * schema may have got another name.
 */
static Query *
analyse(Oid source, bool names_rooms, const char *expected_owner, Role *before)
{
	Relation	relation = OidIsValid(source) ? try_relation_open(source, AccessShareLock) : NULL;
	char	   *sql;
	Query	   *query;
	Oid			owner;

	if (relation == NULL)
		refuse_replaced();
	owner = relation->rd_rel->relowner;
	relation_close(relation, NoLock);
	if (!superuser_arg(owner) && strcmp(GetUserNameFromId(owner, false), expected_owner) != 0)
		refuse_replaced();
	sql = source_query(source, names_rooms);
	*before = become(owner, SECURITY_RESTRICTED_OPERATION);
	query = parse_analyze_fixedparams(linitial_node(RawStmt, pg_parse_query(sql)), sql, NULL, 0, NULL);
	if (linitial_node(RangeTblEntry, query->rtable)->relid != source)
		refuse_replaced();
	return query;
}

static void
refuse_replaced(void)
{
	errors_refuse(CONDITION_CONFLICT, "the source of a link was dropped or replaced meanwhile",
				  "Run the transaction again; porcupine.links() shows what became of the link.", NULL);
}

/* as SPI does it, but from a query that is analysed */
static void
run_into(Query *query, Tuplestorestate *rows)
{
	DestReceiver *receiver = CreateTuplestoreDestReceiver();
	PlannedStmt *plan;
	QueryDesc  *run;

	SetTuplestoreDestReceiverParams(receiver, rows, CurrentMemoryContext, false, NULL, NULL);
	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	plan = pg_plan_query(linitial_node(Query, pg_rewrite_query(query)), "", CURSOR_OPT_PARALLEL_OK, NULL);
	run = CreateQueryDesc(plan, "", GetActiveSnapshot(), InvalidSnapshot, receiver, NULL, NULL, 0);
	ExecutorStart(run, 0);
	compat_executor_run(run);
	ExecutorFinish(run);
	ExecutorEnd(run);
	FreeQueryDesc(run);
	PopActiveSnapshot();
}

/* an owner, by the cache and column that know it */
static Oid
owner_of(int cache, Oid object, int column)
{
	HeapTuple	tuple = SearchSysCache1(cache, ObjectIdGetDatum(object));
	bool		isnull;
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "object %u is gone", object);
	owner = DatumGetObjectId(SysCacheGetAttr(cache, tuple, column, &isnull));
	ReleaseSysCache(tuple);
	return owner;
}

static char *
name_of(Oid relation)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)), get_rel_name(relation));
}

static Role
become(Oid user, int restriction)
{
	Role		before;

	GetUserIdAndSecContext(&before.user, &before.context);
	SetUserIdAndSecContext(user, before.context | restriction);
	return before;
}

static void
become_again(Role role)
{
	SetUserIdAndSecContext(role.user, role.context);
}
