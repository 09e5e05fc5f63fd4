/*
 * shape.c: an event as the JSON object of API.md, the one place that knows how it looks.
 *
 * It is written in one go into memory that was reserved for the longest there can be: pages of
 * history are made of this, and formatting them by row_to_json(), to_char() and encode() cost ten
 * times as much as reading them.
 *
 * Of what was redacted the body is empty, whatever the kind.
 *
 * The bridge writes the same object for what it has just sent (bridge/sends/send.c), before it could be
 * read here; a conformance test holds the two to each other, byte by byte.
 */
#include "compat.h"

#include "access/htup_details.h"
#include "catalog/pg_enum.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/jsonb.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "shape.h"

/* of an event without body: names, punctuation, five numbers, a UUID, a time, a kind */
#define LONGEST_REST 512

/* where the body goes */
typedef enum BodyShape
{
	BODY_BYTES,					/* "body", in base64 */
	BODY_ENTRY,					/* the same; ref is the index of the entry, and goes into "data" */
	BODY_DATA					/* JSON that the server wrote: "data" as it is */
} BodyShape;

/* whose membership ends with it */
typedef enum Ending
{
	ENDS_NOBODY,
	ENDS_USER,					/* the user whom data names */
	ENDS_PENDING				/* that user, when their role is pending now */
} Ending;

struct KindShape
{
	const char *name;
	BodyShape	body;
	Ending		ending;
};

/* The last row stands for all kinds that are not named. */
static const KindShape kinds[] = {
	{"message", BODY_BYTES, ENDS_NOBODY},
	{"edit", BODY_BYTES, ENDS_NOBODY},
	{"reaction", BODY_BYTES, ENDS_NOBODY},
	{"control", BODY_ENTRY, ENDS_NOBODY},
	{"member.left", BODY_DATA, ENDS_USER},
	{"member.removed", BODY_DATA, ENDS_USER},
	{"member.role", BODY_DATA, ENDS_PENDING},
	{NULL, BODY_DATA, ENDS_NOBODY},
};

static void find_kind(LastKind *last, Oid oid);
static char *put_head(char *at, TupleTableSlot *slot, const char *kind);
static char *put_tail(char *at, TupleTableSlot *slot, bool with_ref);
static char *put(char *at, const char *text);
static char *put_number(char *at, int64 number);
static char *put_id(char *at, TupleTableSlot *slot, ShapeColumn column);
static char *put_uuid(char *at, TupleTableSlot *slot);
static char *put_time(char *at, TimestampTz time);
static char *put_base64(char *at, const unsigned char *from, Size length);
static int64 ended_user(Ending ending, const char *data);
static char *field(JsonbContainer *object, const char *name);

int64
shape_event(StringInfo json, TupleTableSlot *slot, LastKind *last)
{
	struct varlena *body;
	char	   *data = NULL;
	char	   *at;

	slot_getallattrs(slot);
	find_kind(last, DatumGetObjectId(slot->tts_values[SHAPE_KIND]));
	body = PG_DETOAST_DATUM_PACKED(slot->tts_values[SHAPE_BODY]);
	if (last->shape->body == BODY_DATA && VARSIZE_ANY_EXHDR(body) > 0)
		data = pg_any_to_server(pnstrdup(VARDATA_ANY(body), VARSIZE_ANY_EXHDR(body)),
								VARSIZE_ANY_EXHDR(body), PG_UTF8);

	enlargeStringInfo(json, LONGEST_REST + (data != NULL ? strlen(data) : VARSIZE_ANY_EXHDR(body) / 3 * 4 + 4));
	at = put_head(json->data + json->len, slot, NameStr(last->name));
	if (data != NULL)
		at = put(put(at, "null,\"data\":"), data);
	else
	{
		at = put(at, "\"");
		at = put_base64(at, (const unsigned char *) VARDATA_ANY(body), VARSIZE_ANY_EXHDR(body));
		at = put(at, "\",\"data\":");
		if (last->shape->body == BODY_ENTRY && !slot->tts_isnull[SHAPE_REF])
			at = put(put_number(put(at, "{\"index\":"), DatumGetInt64(slot->tts_values[SHAPE_REF])), "}");
		else
			at = put(at, "null");
	}
	at = put_tail(at, slot, last->shape->body != BODY_ENTRY);
	json->len = at - json->data;
	*at = '\0';
	return data != NULL ? ended_user(last->shape->ending, data) : 0;
}

static void
find_kind(LastKind *last, Oid oid)
{
	HeapTuple	tuple;

	if (last->oid == oid)
		return;
	tuple = SearchSysCache1(ENUMOID, ObjectIdGetDatum(oid));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "no kind of event has oid %u", oid);
	last->name = ((Form_pg_enum) GETSTRUCT(tuple))->enumlabel;
	ReleaseSysCache(tuple);
	last->oid = oid;
	last->shape = kinds;
	while (last->shape->name != NULL && strcmp(last->shape->name, NameStr(last->name)) != 0)
		last->shape++;
}

/* --- writing: each returns where the next goes -------------------------------------------------- */

static char *
put_head(char *at, TupleTableSlot *slot, const char *kind)
{
	at = put_number(put(at, "{\"room\":\""), DatumGetInt64(slot->tts_values[SHAPE_ROOM]));
	at = put_number(put(at, "\",\"seq\":"), DatumGetInt64(slot->tts_values[SHAPE_SEQ]));
	at = put(put(at, ",\"kind\":\""), kind);
	at = put_id(put(at, "\",\"sender\":"), slot, SHAPE_SENDER);
	at = put_id(put(at, ",\"device\":"), slot, SHAPE_DEVICE);
	at = put_uuid(put(at, ",\"client_id\":"), slot);
	at = put_number(put(at, ",\"epoch\":"), DatumGetInt32(slot->tts_values[SHAPE_EPOCH]));
	return put(at, ",\"body\":");
}

static char *
put_tail(char *at, TupleTableSlot *slot, bool with_ref)
{
	at = put(at, ",\"ref\":");
	if (with_ref && !slot->tts_isnull[SHAPE_REF])
		at = put_number(at, DatumGetInt64(slot->tts_values[SHAPE_REF]));
	else
		at = put(at, "null");
	at = put_time(put(at, ",\"created_at\":"), DatumGetTimestampTz(slot->tts_values[SHAPE_CREATED_AT]));
	return put(at, "}");
}

static char *
put(char *at, const char *text)
{
	return stpcpy(at, text);
}

static char *
put_number(char *at, int64 number)
{
	return at + pg_lltoa(number, at);
}

/* Ids are strings, for they are opaque to clients. */
static char *
put_id(char *at, TupleTableSlot *slot, ShapeColumn column)
{
	if (slot->tts_isnull[column])
		return put(at, "null");
	return put(put_number(put(at, "\""), DatumGetInt64(slot->tts_values[column])), "\"");
}

static char *
put_uuid(char *at, TupleTableSlot *slot)
{
	static const char digits[] = "0123456789abcdef";
	const pg_uuid_t *uuid;

	if (slot->tts_isnull[SHAPE_CLIENT_ID])
		return put(at, "null");
	uuid = DatumGetUUIDP(slot->tts_values[SHAPE_CLIENT_ID]);
	*at++ = '"';
	for (int i = 0; i < UUID_LEN; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*at++ = '-';
		*at++ = digits[uuid->data[i] >> 4];
		*at++ = digits[uuid->data[i] & 15];
	}
	*at++ = '"';
	return at;
}

/* RFC 3339, in UTC, to the microsecond */
static char *
put_time(char *at, TimestampTz time)
{
	struct pg_tm parts;
	fsec_t		microseconds;

	if (TIMESTAMP_NOT_FINITE(time) || timestamp2tm(time, NULL, &parts, &microseconds, NULL, NULL) != 0)
		return put(at, "null");
	at = pg_ultostr_zeropad(put(at, "\""), abs(parts.tm_year), 4);
	at = pg_ultostr_zeropad(put(at, "-"), parts.tm_mon, 2);
	at = pg_ultostr_zeropad(put(at, "-"), parts.tm_mday, 2);
	at = pg_ultostr_zeropad(put(at, "T"), parts.tm_hour, 2);
	at = pg_ultostr_zeropad(put(at, ":"), parts.tm_min, 2);
	at = pg_ultostr_zeropad(put(at, ":"), parts.tm_sec, 2);
	at = pg_ultostr_zeropad(put(at, "."), microseconds, 6);
	return put(at, "Z\"");
}

/* standard base64 with padding, in one line (RFC 4648, section 4) */
static char *
put_base64(char *at, const unsigned char *from, Size length)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (; length >= 3; length -= 3, from += 3)
	{
		uint32		bits = (uint32) from[0] << 16 | (uint32) from[1] << 8 | from[2];

		*at++ = alphabet[bits >> 18];
		*at++ = alphabet[bits >> 12 & 63];
		*at++ = alphabet[bits >> 6 & 63];
		*at++ = alphabet[bits & 63];
	}
	if (length > 0)
	{
		uint32		bits = (uint32) from[0] << 16 | (length == 2 ? (uint32) from[1] << 8 : 0);

		*at++ = alphabet[bits >> 18];
		*at++ = alphabet[bits >> 12 & 63];
		*at++ = length == 2 ? alphabet[bits >> 6 & 63] : '=';
		*at++ = '=';
	}
	return at;
}

/* --- what the server wrote ---------------------------------------------------------------------- */

/* Reading it as JSON is also the proof that it is: it stands in the answer as it is. */
static int64
ended_user(Ending ending, const char *data)
{
	Jsonb	   *object = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(data)));
	char	   *role;
	char	   *user;

	if (ending == ENDS_NOBODY || !JB_ROOT_IS_OBJECT(object))
		return 0;
	role = field(&object->root, "role");
	user = field(&object->root, "user");
	if (user == NULL || (ending == ENDS_PENDING && (role == NULL || strcmp(role, "pending") != 0)))
		return 0;
	return DatumGetInt64(DirectFunctionCall1(int8in, CStringGetDatum(user)));
}

/* a member that is a string, or NULL */
static char *
field(JsonbContainer *object, const char *name)
{
	JsonbValue	value;

	if (getKeyJsonValueFromContainer(object, name, strlen(name), &value) == NULL || value.type != jbvString)
		return NULL;
	return pnstrdup(value.val.string.val, value.val.string.len);
}
