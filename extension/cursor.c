/*
 * cursor.c: the check before every read of a bridge: the session lives, its user is let into the
 * room, and the cursor belongs to the log as it is now.
 *
 * One statement for all who ask, one set of index look-ups each; like events.c asks for its facts.
 */
#include "compat.h"

#include "catalog/pg_type.h"
#include "executor/tuptable.h"

#include "cursor.h"
#include "server.h"
#include "spi.h"

/* The columns of the answer; from 0, as they stand in a slot. */
enum
{
	FOUND_NUMBER,				/* of the cursor, from 1 */
	FOUND_ALIVE,
	FOUND_PENDING,				/* null: not a member, or no such room */
	FOUND_HEAD,
	FOUND_EPOCH,
	FOUND_EPOCH_OPEN,
	FOUND_ERASURES,
	FOUND_FIRST_SEQ
};

static bool take_answer(TupleTableSlot *slot, void *arg);

void
cursor_check(Cursor *cursors, int count)
{
	static Statement read = {
		.sql = "SELECT i.n, s.user_id IS NOT NULL, m.pending, m.last_seq, m.epoch, m.epoch_open, m.erasures, m.first_seq"
		" FROM generate_subscripts($1, 1) AS i (n)"
		" LEFT JOIN LATERAL (SELECT s.user_id FROM porcupine.sessions s JOIN porcupine.users u ON u.id = s.user_id"
		"   WHERE s.id = ($1)[i.n] AND s.ended_at IS NULL AND s.expires_at > clock_timestamp()"
		"     AND u.disabled_at IS NULL LIMIT 1) s ON true"
		" LEFT JOIN LATERAL (SELECT m.role = 'pending' AS pending, h.last_seq, h.epoch, h.epoch_open, h.erasures, h.first_seq"
		"   FROM porcupine.members m JOIN porcupine.room_heads h ON h.room_id = m.room_id"
		"   WHERE m.room_id = ($2)[i.n] AND m.user_id = s.user_id LIMIT 1) m ON true",
		.argtypes = {INT8ARRAYOID, INT8ARRAYOID}
	};
	Datum	   *sessions = palloc(count * sizeof(Datum));
	Datum	   *rooms = palloc(count * sizeof(Datum));
	int64		stream = server_stream();
	int			nesting;

	for (int i = 0; i < count; i++)
	{
		sessions[i] = Int64GetDatum(cursors[i].session);
		rooms[i] = Int64GetDatum(cursors[i].room);
		cursors[i].current_stream = stream;
	}
	nesting = spi_begin();
	spi_each(&read, (Datum[]) {
			 spi_array(sessions, count, INT8OID), spi_array(rooms, count, INT8OID)
			 }, take_answer, cursors);
	spi_end(nesting);
}

static bool
take_answer(TupleTableSlot *slot, void *arg)
{
	Cursor	   *cursor;

	slot_getallattrs(slot);
	cursor = (Cursor *) arg + DatumGetInt32(slot->tts_values[FOUND_NUMBER]) - 1;
	cursor->refusal = NULL;
	if (!DatumGetBool(slot->tts_values[FOUND_ALIVE]))
		cursor->refusal = &errors_session_over;
	else if (slot->tts_isnull[FOUND_PENDING])
		cursor->refusal = &errors_not_member;
	else if (DatumGetBool(slot->tts_values[FOUND_PENDING]))
		cursor->refusal = &errors_is_pending;
	if (cursor->refusal != NULL)
		return true;
	cursor->head = DatumGetInt64(slot->tts_values[FOUND_HEAD]);
	cursor->first_seq = DatumGetInt64(slot->tts_values[FOUND_FIRST_SEQ]);
	cursor->epoch = DatumGetInt32(slot->tts_values[FOUND_EPOCH]);
	cursor->epoch_open = DatumGetBool(slot->tts_values[FOUND_EPOCH_OPEN]);
	cursor->erasures = DatumGetInt64(slot->tts_values[FOUND_ERASURES]);
	cursor_judge(cursor);
	return true;
}

/* As cursor_state(), in SQL, says it. */
void
cursor_judge(Cursor *cursor)
{
	int64		after = DatumGetInt64(cursor->after.value);

	cursor->reset = !cursor->after.isnull
		&& (after < Max(cursor->first_seq - 1, 0) || after > cursor->head
			|| (!cursor->stream.isnull && DatumGetInt64(cursor->stream.value) != cursor->current_stream)
			|| (!cursor->behind.isnull && cursor->head - after > DatumGetInt32(cursor->behind.value)));
}
