/*
 * routes_events.c - the calls about a room's events, what became of them, and how far they were read.
 */
#include "messages.h"
#include "routetable.h"

#define MESSAGE MESSAGES "{seq}/"

/* One call, which also proves the session: nothing else is read as often. */
#define HISTORY_SQL \
	"SELECT porcupine.history_page($1::bigint, $2::bigint, $3::bigint, $4::bigint, $5::bigint, $6::int)"

/* Events as the extension shapes them, those that come first in this order as far as a page goes. */
#define EVENTS_SQL(from, order) \
	"SELECT json_build_object('results', coalesce(json_agg(porcupine.event_json(p.event) ORDER BY p.seq), '[]')) FROM (SELECT e AS event, " \
	"e.seq, sum(length(e.body)) OVER (ORDER BY " order ") - length(e.body) AS passed FROM porcupine." from " e) p " \
	"WHERE p.passed < " PAGE_BYTES

/* The columns that a folded message begins with. */
#define FOLDED_EVENT \
	"ROW(f.room_id, f.seq, f.kind, f.sender_id, f.device_id, f.client_id, f.epoch, f.ref, f.created_at, f.body)::porcupine.event"

#define FOLDED_SQL \
	"SELECT json_build_object('results', coalesce(json_agg(json_build_object('message', porcupine.event_json(" FOLDED_EVENT "), " \
	"'redacted', f.redacted, 'pinned', f.pinned, 'edits', f.edits, 'edit', porcupine.event_json(f.edit), " \
	"'reaction_count', f.reaction_count, 'reactions', (SELECT coalesce(json_agg(porcupine.event_json(r) ORDER BY r.seq), '[]') " \
	"FROM unnest(f.reactions) r), 'replies', f.replies, 'last_reply', f.last_reply) ORDER BY f.seq), '[]')) FROM " \
	WITHIN_PAGE("(SELECT h.*, length(h.body) + coalesce(length((h.edit).body), 0) + (SELECT coalesce(sum(length(r.body)), 0) " \
				"FROM unnest(h.reactions) r) AS bytes FROM porcupine.folded_history($1::bigint, $2::bigint, coalesce($3::int, 50)) h) w", \
				"bytes", "seq DESC") " f"

#define PINS_SQL \
	SHAPE_ALL("p.seq, p.pinned_by::text AS pinned_by, " SHAPE_TIME("p.pinned_at") " AS pinned_at", "porcupine.pins($1::bigint) p")

#define MARKS_SQL SHAPE_ALL("m.user_id::text AS \"user\", m.read_seq, m.delivered_seq", "porcupine.marks($1::bigint) m")

static const Route routes[] = {
	{HTTP_GET, MESSAGES, BY_SESSION, 200, HISTORY_SQL, messages_history, {
			PATH(ID, "room"), QUERY(SEQ, "before"), QUERY(SEQ, "after"), QUERY(SEQ, "stream"), QUERY(LIMIT, "limit")}},
	{HTTP_POST, MESSAGES, 0, 201, "SELECT porcupine.current_user_id()", messages_post, NO_PARAMS},
	{HTTP_DELETE, MESSAGE, 0, 200,
		"SELECT json_build_object('seq', porcupine.redact($1::bigint, $2::bigint))", NULL, {PATH(ID, "room"), PATH(SEQ, "seq")}},
	{HTTP_GET, MESSAGE "around/", 0, 200,
		EVENTS_SQL("around($1::bigint, $2::bigint, coalesce($3::int, 50))", "abs(e.seq - $2::bigint), e.seq"), NULL, {
			PATH(ID, "room"), PATH(SEQ, "seq"), QUERY(LIMIT, "limit")}},
	{HTTP_GET, MESSAGE "thread/", 0, 200,
		EVENTS_SQL("thread($1::bigint, $2::bigint, $3::bigint, coalesce($4::int, 50))", "e.seq"), NULL, {
			PATH(ID, "room"), PATH(SEQ, "seq"), QUERY(SEQ, "after"), QUERY(LIMIT, "limit")}},
	{HTTP_GET, MESSAGE "edits/", 0, 200,
		EVENTS_SQL("edits($1::bigint, $2::bigint, $3::bigint, coalesce($4::int, 50))", "e.seq"), NULL, {
			PATH(ID, "room"), PATH(SEQ, "seq"), QUERY(SEQ, "after"), QUERY(LIMIT, "limit")}},
	{HTTP_POST, MESSAGE "hints/", 0, 204, "SELECT porcupine.hint($1::bigint, $2::bigint, $3::bytea[])", NULL, {
			PATH(ID, "room"), PATH(SEQ, "seq"), NEEDS(BYTES_LIST, "hints")}},
	{HTTP_POST, MESSAGE "report/", 0, 201,
		"SELECT json_build_object('id', porcupine.report($1::bigint, $2::bigint, $3::text, $4::bytea)::text)", NULL, {
			PATH(ID, "room"), PATH(SEQ, "seq"), NEEDS(TEXT, "reason"), TAKES(BYTES, "evidence")}},
	{HTTP_GET, "/api/chat/rooms/{room}/folded/", 0, 200, FOLDED_SQL, NULL, {
			PATH(ID, "room"), QUERY(SEQ, "before"), QUERY(LIMIT, "limit")}},
	{HTTP_GET, "/api/chat/rooms/{room}/mentions/{hint}/", 0, 200,
		EVENTS_SQL("mentions($1::bigint, $2::bytea, $3::bigint, coalesce($4::int, 50))", "e.seq"), NULL, {
			PATH(ID, "room"), PATH(HEX, "hint"), QUERY(SEQ, "after"), QUERY(LIMIT, "limit")}},

	{HTTP_GET, ROOM "pins/", 0, 200, PINS_SQL, NULL, {PATH(ID, "room")}},
	{HTTP_POST, ROOM "pins/", 0, 204, "SELECT porcupine.pin($1::bigint, $2::bigint)", NULL, {PATH(ID, "room"), NEEDS(SEQ, "seq")}},
	{HTTP_DELETE, ROOM "pins/{seq}/", 0, 204, "SELECT porcupine.unpin($1::bigint, $2::bigint)", NULL, {
			PATH(ID, "room"), PATH(SEQ, "seq")}},

	{HTTP_GET, ROOM "marks/", 0, 200, MARKS_SQL, NULL, {PATH(ID, "room")}},
	{HTTP_POST, ROOM "read/", 0, 204, "SELECT porcupine.mark_read($1::bigint, $2::bigint)", NULL, {
			PATH(ID, "room"), NEEDS(SEQ, "seq")}},
	{HTTP_POST, ROOM "delivered/", 0, 204, "SELECT porcupine.mark_delivered($1::bigint, $2::bigint)", NULL, {
			PATH(ID, "room"), NEEDS(SEQ, "seq")}},
};

const RouteTable routes_events = ROUTE_TABLE(routes);
