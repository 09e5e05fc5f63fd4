/*
 * facts.c: what the decision about a send rests on: is the sender good, are they a member, was the
 * client id seen? and, for a send that speaks of another event, what is that one?
 *
 * Four index look-ups a send, one more for a ref. As one SQL statement for all sends of a call they took twice as long:
 * most of that was the executor's.
 */
#include "compat.h"

#include "access/detoast.h"
#include "access/xact.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "catalog.h"
#include "facts.h"

static const LookupIndex users = {"users", "users_pkey", {F_INT8EQ}};
static const LookupIndex devices = {"devices", "devices_pkey", {F_INT8EQ}};
static const LookupIndex members = {"members", "members_pkey", {F_INT8EQ, F_INT8EQ}};
static const LookupIndex client_ids = {
	"events", "events_client_id_key", {F_INT8EQ, F_INT8EQ, F_UUID_EQ}
};
static const LookupIndex seqs = {"events", "events_pkey", {F_INT8EQ, F_INT8EQ}};

static bool sender_is_good(FactsReader *reader, int64 user, int64 device);
static bool is_null(Lookup *lookup, AttrNumber column);
static void read_membership(FactsReader *reader, Facts *facts);
static void read_first(Lookup *events, Facts *facts);
static Datum event_value(Lookup *events, const char *column, bool *isnull);
static char *kind_name(Oid kind);

void
facts_open(FactsReader *reader)
{
	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	lookup_open(&reader->users, &users);
	lookup_open(&reader->devices, &devices);
	lookup_open(&reader->members, &members);
	lookup_open(&reader->events, &client_ids);
	reader->disabled_at = lookup_column(&reader->users, "disabled_at");
	reader->device_user = lookup_column(&reader->devices, "user_id");
	reader->revoked_at = lookup_column(&reader->devices, "revoked_at");
	reader->role = lookup_column(&reader->members, "role");
	reader->muted_until = lookup_column(&reader->members, "muted_until");
	reader->pending = catalog_label(catalog_type("role"), "pending");
	reader->reader = catalog_label(catalog_type("role"), "reader");
	reader->has_targets = false;
}

void
facts_close(FactsReader *reader)
{
	if (reader->has_targets)
		lookup_close(&reader->targets);
	lookup_close(&reader->events);
	lookup_close(&reader->members);
	lookup_close(&reader->devices);
	lookup_close(&reader->users);
	PopActiveSnapshot();
}

void
facts_read(FactsReader *reader, Facts *facts, int64 room, int64 user, int64 device,
		   const pg_uuid_t *client_id)
{
	memset(facts, 0, sizeof(*facts));
	facts->sender_good = sender_is_good(reader, user, device);
	if (lookup_find(&reader->members, (Datum[]) {Int64GetDatum(room), Int64GetDatum(user)}))
		read_membership(reader, facts);
	if (lookup_find(&reader->events, (Datum[]) {
					Int64GetDatum(room), Int64GetDatum(device), UUIDPGetDatum(client_id)
					}))
		read_first(&reader->events, facts);
}

static bool
sender_is_good(FactsReader *reader, int64 user, int64 device)
{
	bool		isnull;

	return lookup_find(&reader->users, (Datum[]) {Int64GetDatum(user)})
		&& is_null(&reader->users, reader->disabled_at)
		&& lookup_find(&reader->devices, (Datum[]) {Int64GetDatum(device)})
		&& DatumGetInt64(lookup_value(&reader->devices, reader->device_user, &isnull)) == user
		&& is_null(&reader->devices, reader->revoked_at);
}

static bool
is_null(Lookup *lookup, AttrNumber column)
{
	bool		isnull;

	(void) lookup_value(lookup, column, &isnull);
	return isnull;
}

static void
read_membership(FactsReader *reader, Facts *facts)
{
	bool		isnull;
	Oid			role = DatumGetObjectId(lookup_value(&reader->members, reader->role, &isnull));

	facts->member = true;
	facts->pending = role == reader->pending;
	facts->reader = role == reader->reader;
	facts->muted_until = DatumGetTimestampTz(lookup_value(&reader->members, reader->muted_until, &isnull));
	if (isnull)
		facts->muted_until = 0;
}

/* copied, for the next look-up takes the row away */
static void
read_first(Lookup *events, Facts *facts)
{
	bool		isnull;
	bool		no_ref;

	facts->seen = true;
	facts->seq = DatumGetInt64(event_value(events, "seq", &isnull));
	facts->created_at = DatumGetTimestampTz(event_value(events, "created_at", &isnull));
	facts->ref = DatumGetInt64(event_value(events, "ref", &no_ref));
	if (no_ref)
		facts->ref = 0;
	facts->kind = kind_name(DatumGetObjectId(event_value(events, "kind", &isnull)));
	facts->body = DatumGetByteaPCopy(event_value(events, "body", &isnull));
}

bool
facts_read_target(FactsReader *reader, Target *target, int64 room, int64 seq)
{
	bool		isnull;

	if (!reader->has_targets)
	{
		lookup_open(&reader->targets, &seqs);
		reader->has_targets = true;
	}
	if (!lookup_find(&reader->targets, (Datum[]) {Int64GetDatum(room), Int64GetDatum(seq)}))
		return false;
	target->sender = DatumGetInt64(event_value(&reader->targets, "sender_id", &isnull));
	if (isnull)
		target->sender = 0;
	target->kind = kind_name(DatumGetObjectId(event_value(&reader->targets, "kind", &isnull)));
	target->redacted = toast_raw_datum_size(event_value(&reader->targets, "body", &isnull)) == VARHDRSZ;
	return true;
}

static Datum
event_value(Lookup *events, const char *column, bool *isnull)
{
	return lookup_value(events, lookup_column(events, column), isnull);
}

static char *
kind_name(Oid kind)
{
	return DatumGetCString(DirectFunctionCall1(enum_out, ObjectIdGetDatum(kind)));
}
