/*
 * guc.c: the settings porcupine.*, what they mean and who may change them.
 *
 * All of them are for superusers (or those whom GRANT SET ON PARAMETER names), because each one is
 * a limit on or a service for somebody else: an ordinary SQL user who could lengthen the life of tokens would not be
 * bound by it. They can be set per server, database or role.
 */
#include "postgres.h"

#include "datatype/timestamp.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "guc.h"

#define LONGEST_ISSUER 200
#define LONGEST_RETENTION 52560000	/* 100 years, in minutes */

Settings	guc_settings = {
	.access_lifetime = 600,
	.refresh_lifetime = 2592000,
	.password_concurrency = 2,
	.doorbell_worker = true,
	.doorbell_linger = 1,
	.doorbell_ring = 16384,
	.expired_retention = 43200,
	.key_rotation = 129600,
	.maintenance_interval = 300,
	.maintenance_delay = 20,
	.max_sessions = 500,
	.max_devices = 500,
	.max_rooms = 1000,
	.max_memberships = 5000,
	.max_members = 1000,
	.max_invites = 1000,
	.max_reports = 100,
	.request_retention = 1440,
	.max_room_size = 0,
};

static void define_doorbell(void);
static void define_maintenance(void);
static void define_quotas(void);
static bool is_none_or_an_hour(int *value, void **extra, GucSource source);
static bool issuer_is_plain(char **value, void **extra, GucSource source);

void
guc_define(void)
{
	DefineCustomIntVariable("porcupine.access_lifetime",
							"How long an access token is good for.",
							"A session that has ended is refused at once all the same; this bounds what"
							" a stolen token can do elsewhere.",
							&guc_settings.access_lifetime, 600, 30, 3600,
							PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("porcupine.refresh_lifetime",
							"How long a session lives after its last refresh.",
							NULL,
							&guc_settings.refresh_lifetime, 2592000, 600, 31536000,
							PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomStringVariable("porcupine.issuer",
							   "The issuer (iss) that access tokens name and must name.",
							   "Printable ASCII without quotes and backslashes. Changing it makes every"
							   " access token invalid; sessions survive.",
							   &guc_settings.issuer, "porcupine",
							   PGC_SUSET, 0, issuer_is_plain, NULL, NULL);
	DefineCustomIntVariable("porcupine.password_concurrency",
							"How many passwords may be hashed at once in a database.",
							"Each takes 19 MiB and a processor for 20 to 50 ms; further ones wait their turn.",
							&guc_settings.password_concurrency, 2, 1, 64,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("porcupine.adopt_roles",
							 "Whether CREATE EXTENSION accepts group roles that have members already.",
							 "Set it when you made the grants yourself, in another database or by"
							 " restoring the roles.",
							 &guc_settings.adopt_roles, false,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("porcupine.allow_drop",
							 "Whether DROP EXTENSION may take a chat with it.",
							 "Off: refused while there are users, rooms or events.",
							 &guc_settings.allow_drop, false,
							 PGC_SUSET, GUC_NOT_IN_SAMPLE, NULL, NULL, NULL);
	define_doorbell();
	define_maintenance();
	define_quotas();
	MarkGUCPrefixReserved("porcupine");
}

static void
define_doorbell(void)
{
	DefineCustomBoolVariable("porcupine.doorbell_worker",
							 "Whether commits leave it to a background worker to wake listeners.",
							 "Only where porcupine is in shared_preload_libraries. Off: they do NOTIFY"
							 " themselves, and wait for each other.",
							 &guc_settings.doorbell_worker, true,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("porcupine.doorbell_linger",
							"How long the worker waits from one batch of wake-ups to the next.",
							"The first one after a pause goes out at once.",
							&guc_settings.doorbell_linger, 1, 0, 1000,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	if (process_shared_preload_libraries_in_progress)
		DefineCustomIntVariable("porcupine.doorbell_ring",
								"How many wake-ups may wait for the worker of a database.",
								"Each takes 40 bytes of shared memory in each of 8 databases. What does not fit is"
								" replaced by one that tells listeners to look at everything.",
								&guc_settings.doorbell_ring, 16384, 16, 1048576,
								PGC_POSTMASTER, 0, NULL, NULL, NULL);
}

static void
define_maintenance(void)
{
	DefineCustomIntVariable("porcupine.retention",
							"How long messages are kept.",
							"0: for ever. A room may keep its own for a shorter time.",
							&guc_settings.retention, 0, 0, LONGEST_RETENTION,
							PGC_SUSET, GUC_UNIT_MIN, is_none_or_an_hour, NULL, NULL);
	DefineCustomIntVariable("porcupine.expired_retention",
							"How long sessions, invites and bans stay on record after their end.",
							"0: for ever.",
							&guc_settings.expired_retention, 43200, 0, LONGEST_RETENTION,
							PGC_SUSET, GUC_UNIT_MIN, is_none_or_an_hour, NULL, NULL);
	DefineCustomIntVariable("porcupine.audit_retention",
							"How long lines of the audit log are kept.",
							"0: for ever.",
							&guc_settings.audit_retention, 0, 0, LONGEST_RETENTION,
							PGC_SUSET, GUC_UNIT_MIN, is_none_or_an_hour, NULL, NULL);
	DefineCustomIntVariable("porcupine.key_rotation",
							"How old the newest signing key gets before the next one is made.",
							"0: it is made by hand only. Nobody is signed out by it.",
							&guc_settings.key_rotation, 129600, 0, LONGEST_RETENTION,
							PGC_SUSET, GUC_UNIT_MIN, is_none_or_an_hour, NULL, NULL);
	DefineCustomIntVariable("porcupine.request_retention",
							"How long the answer to a request with an Idempotency-Key is kept.",
							"Who repeats it later does it anew.",
							&guc_settings.request_retention, 1440, 60, 525600,
							PGC_SUSET, GUC_UNIT_MIN, NULL, NULL, NULL);
	DefineCustomIntVariable("porcupine.maintenance_interval",
							"How often a background worker removes what is too old.",
							"0: never. Only where porcupine is in shared_preload_libraries.",
							&guc_settings.maintenance_interval, 300, 0, 86400,
							PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("porcupine.maintenance_delay",
							"How long it rests between two steps of a thousand rows.",
							NULL,
							&guc_settings.maintenance_delay, 20, 0, 10000,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
}

static void
define_quotas(void)
{
	DefineCustomIntVariable("porcupine.max_sessions",
							"How many live sessions a user may have.",
							NULL,
							&guc_settings.max_sessions, 500, 1, 100000,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("porcupine.max_devices",
							"How many devices a user may have.",
							"An epoch of an encrypted room has a bundle for each device of each member, 1000 at most.",
							&guc_settings.max_devices, 500, 1, 100000,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("porcupine.max_rooms",
							"How many rooms a user may own.",
							"Who takes over a room because its owner has left may own more.",
							&guc_settings.max_rooms, 1000, 0, 1000000,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("porcupine.max_memberships",
							"How many rooms a user may be in or ask to join.",
							"Members added by SQL or by link_membership() are not held to it.",
							&guc_settings.max_memberships, 5000, 1, 1000000,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("porcupine.max_members",
							"The most members that an admin may let a room have.",
							"A room of which more was said by SQL keeps that.",
							&guc_settings.max_members, 1000, 1, 1000000,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("porcupine.max_invites",
							"How many open invites a room may have.",
							NULL,
							&guc_settings.max_invites, 1000, 1, 100000,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("porcupine.max_reports",
							"How many open reports a user may have.",
							NULL,
							&guc_settings.max_reports, 100, 1, 100000,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("porcupine.max_room_size",
							"How much a room may hold of what is sent to it.",
							"Counted are the bodies of messages, edits, reactions and system messages."
							" 0: any amount.",
							&guc_settings.max_room_size, 0, 0, PG_INT32_MAX,
							PGC_SUSET, GUC_UNIT_KB, NULL, NULL, NULL);
}

/*
 * porcupine.setting(name): in C for the same reason as the next one
 */
PG_FUNCTION_INFO_V1(porcupine_setting);

Datum
porcupine_setting(PG_FUNCTION_ARGS)
{
	char	   *name = psprintf("porcupine.%s", text_to_cstring(PG_GETARG_TEXT_PP(0)));

	PG_RETURN_INT64(pg_strtoint64(GetConfigOption(name, false, false)));
}

/*
 * porcupine.lifetime(which): a function in C, so that calling it loads the library that knows the
 * settings
 */
PG_FUNCTION_INFO_V1(porcupine_lifetime);

Datum
porcupine_lifetime(PG_FUNCTION_ARGS)
{
	char	   *which = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Interval   *lifetime = palloc0(sizeof(Interval));

	if (strcmp(which, "access") == 0)
		lifetime->time = guc_settings.access_lifetime * USECS_PER_SEC;
	else if (strcmp(which, "refresh") == 0)
		lifetime->time = guc_settings.refresh_lifetime * USECS_PER_SEC;
	else
		elog(ERROR, "porcupine has no lifetime named \"%s\"", which);
	PG_RETURN_INTERVAL_P(lifetime);
}

/* Less would be a slip of the unit, and what it takes does not come back. */
static bool
is_none_or_an_hour(int *value, void **extra, GucSource source)
{
	if (*value == 0 || *value >= 60)
		return true;
	GUC_check_errdetail("It is at least an hour, or 0.");
	return false;
}

/* The issuer is written into JSON as it is. */
static bool
issuer_is_plain(char **value, void **extra, GucSource source)
{
	size_t		length = strlen(*value);

	if (length == 0 || length > LONGEST_ISSUER)
	{
		GUC_check_errdetail("It has 1 to %d characters.", LONGEST_ISSUER);
		return false;
	}
	for (size_t i = 0; i < length; i++)
	{
		char		c = (*value)[i];

		if (c < 0x20 || c > 0x7e || c == '"' || c == '\\')
		{
			GUC_check_errdetail("It has printable ASCII characters only, no quotes and no backslashes.");
			return false;
		}
	}
	return true;
}
