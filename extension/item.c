/*
 * item.c: one send: what is wrong with it whoever sends it and wherever, and how its refusal is raised.
 *
 * Nothing here looks into the database.
 */
#include "compat.h"

#include "access/detoast.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "guc.h"
#include "item.h"

const char *const item_kinds[ITEM_KINDS] = {"message", "edit", "reaction"};

static const Refusal missing = {
	CONDITION_INVALID, "room, client_id, body, epoch and kind are needed", NULL
};
static const Refusal bad_number = {
	CONDITION_INVALID, "room and ref are numbers from 1, epoch is one from 0", NULL
};
static const Refusal bad_kind = {CONDITION_INVALID, "kind is message, edit or reaction", NULL};
static const Refusal needs_ref = {
	CONDITION_INVALID, "an edit or reaction names in ref the seq it speaks of", NULL
};
static const Refusal empty_body = {CONDITION_INVALID, "the body is empty", NULL};
static const Refusal long_body = {CONDITION_TOO_LARGE, "a body has at most 65536 bytes", NULL};
static const char *kind_named(const text *name);

void
item_read(SendItem *item, const SendCells *cells)
{
	Size		body_length;

	memset(item, 0, sizeof(*item));
	if (cells->room.isnull || cells->user.isnull || cells->device.isnull || cells->client_id.isnull
		|| cells->epoch.isnull || cells->kind.isnull || cells->body.isnull)
	{
		item->refusal = &missing;
		return;
	}
	item->room = DatumGetInt64(cells->room.value);
	item->user = DatumGetInt64(cells->user.value);
	item->device = DatumGetInt64(cells->device.value);
	item->client_id = DatumGetUUIDP(cells->client_id.value);
	item->epoch = DatumGetInt32(cells->epoch.value);
	item->ref = cells->ref.isnull ? 0 : DatumGetInt64(cells->ref.value);

	/* sizes before values are unpacked: a few compressed bytes may stand for a gigabyte */
	body_length = toast_raw_datum_size(cells->body.value) - VARHDRSZ;
	if (toast_raw_datum_size(cells->kind.value) - VARHDRSZ <= NAMEDATALEN)
		item->kind = kind_named(DatumGetTextPP(cells->kind.value));
	if (item->kind == NULL)
		item->refusal = &bad_kind;
	else if (item->room <= 0 || item->epoch < 0 || (!cells->ref.isnull && item->ref <= 0))
		item->refusal = &bad_number;
	else if (item->ref == 0 && item->kind != item_kinds[0])
		item->refusal = &needs_ref;
	else if (body_length == 0)
		item->refusal = &empty_body;
	else if (body_length > ITEM_LONGEST_BODY)
		item->refusal = &long_body;
	else
		item->body = DatumGetByteaPP(cells->body.value);
}

static const char *
kind_named(const text *name)
{
	for (int i = 0; i < ITEM_KINDS; i++)
	{
		if (VARSIZE_ANY_EXHDR(name) == strlen(item_kinds[i])
			&& memcmp(VARDATA_ANY(name), item_kinds[i], strlen(item_kinds[i])) == 0)
			return item_kinds[i];
	}
	return NULL;
}

void
item_refuse(const SendItem *item)
{
	const Refusal *refusal = item->refusal;
	char	   *detail = NULL;

	if (refusal->condition == CONDITION_STALE_EPOCH || refusal->condition == CONDITION_EPOCH_CLOSED)
		detail = psprintf("the current epoch is %d", item->current_epoch);
	else if (refusal->condition == CONDITION_DUPLICATE_MISMATCH)
		detail = psprintf("the first one has seq " INT64_FORMAT, item->seq);
	else if (refusal->condition == CONDITION_MUTED)
		detail = TIMESTAMP_IS_NOEND(item->muted_until) ? pstrdup("until somebody unmutes")
			: psprintf("until %s", timestamptz_to_str(item->muted_until));
	else if (refusal->condition == CONDITION_QUOTA)
		detail = psprintf("at most %d kB", guc_settings.max_room_size);
	errors_refuse(refusal->condition, refusal->message, refusal->hint, detail);
}
