/*
 * routes_rooms.c - the calls about rooms: having, finding, changing and joining them.
 */
#include "routetable.h"

#define ONE_ROOM(from) SHAPE_ONE(SHAPE_ROOM("r"), "porcupine." from " r")

#define LISTED_SQL \
	SHAPE_ALL("r.id::text AS id, r.name, r.description, r.encrypted, r.approval, r.members, r.max_members, " \
			  SHAPE_TIME("r.created_at") " AS created_at, r.role, r.requested", \
			  "porcupine.list_rooms($1::text, $2::bigint, coalesce($3::int, 50)) r")

#define UNREAD_SQL SHAPE_ALL("u.room_id::text AS room, u.unread", "porcupine.unread() u")

/* What begins an encrypted room: its first entries, and the bundles of epoch 0. */
#define ROOM_KEYS(first, second, third) \
	"coalesce(" first "::bytea[], '{}'), coalesce(" second "::bigint[], '{}'), coalesce(" third "::bytea[], '{}')"

/* Everything at once, but of rooms beyond four megabytes neither members nor events. */
#define SNAPSHOT_BYTES "4194304"
#define SNAPSHOT_SQL \
	"SELECT json_build_object('results', coalesce(json_agg(json_build_object(" \
	"'room', (SELECT row_to_json(x) FROM (SELECT " SHAPE_ROOM("r") " FROM (SELECT (s.room).*) r) x), " \
	"'members', CASE WHEN s.passed < " SNAPSHOT_BYTES " THEN (SELECT coalesce(json_agg(x ORDER BY x.joined_seq), '[]') FROM " \
	"(SELECT " SHAPE_MEMBER("m") " FROM unnest(s.members) m) x) END, " \
	"'events', CASE WHEN s.passed < " SNAPSHOT_BYTES " THEN (SELECT coalesce(json_agg(porcupine.event_json(e) ORDER BY e.seq), '[]') " \
	"FROM unnest(s.events) e) END) ORDER BY (s.room).id), '[]')) " \
	"FROM (SELECT b.room, b.members, b.events, sum(b.bytes) OVER (ORDER BY (b.room).id) - b.bytes AS passed " \
	"FROM (SELECT w.*, 200 * cardinality(w.members) + (SELECT coalesce(sum(300 + length(e.body)), 0) FROM unnest(w.events) e) AS bytes " \
	"FROM porcupine.snapshot(coalesce($1::int, 20)) w) b) s"

static const Route routes[] = {
	{HTTP_GET, "/api/rooms/", TAGGED, 200, SHAPE_ALL(SHAPE_ROOM("r"), "porcupine.my_rooms() r"), NULL, NO_PARAMS},
	{HTTP_POST, "/api/rooms/", LARGE, 201,
		ONE_ROOM("create_room($1::text, coalesce($2::boolean, true), " ROOM_KEYS("$3", "$4", "$5") ")"), NULL, {
			NEEDS(TEXT, "name"), TAKES(BOOL, "encrypted"), TAKES(BYTES_LIST, "entries"), TAKES_EACH(ID_LIST, "bundles", "device"),
			TAKES_EACH(BYTES_LIST, "bundles", "bundle")}},
	{HTTP_GET, "/api/snapshot/", 0, 200, SNAPSHOT_SQL, NULL, {QUERY(LIMIT, "limit")}},

	/* before those of one room, for their words stand where its id would */
	{HTTP_POST, "/api/rooms/join/", JOINS, 200, ONE_ROOM("join_room($1::text)"), NULL, {NEEDS(TEXT, "code")}},
	{HTTP_POST, "/api/rooms/direct/", LARGE, 200,
		ONE_ROOM("direct_room($1::bigint, coalesce($2::boolean, true), " ROOM_KEYS("$3", "$4", "$5") ")"), NULL, {
			NEEDS(ID, "user"), TAKES(BOOL, "encrypted"), TAKES(BYTES_LIST, "entries"), TAKES_EACH(ID_LIST, "bundles", "device"),
			TAKES_EACH(BYTES_LIST, "bundles", "bundle")}},
	{HTTP_GET, "/api/rooms/listed/", 0, 200, LISTED_SQL, NULL, {QUERY(TEXT, "search"), QUERY(ID, "after"), QUERY(LIMIT, "limit")}},
	{HTTP_GET, "/api/rooms/unread/", 0, 200, UNREAD_SQL, NULL, NO_PARAMS},
	{HTTP_GET, "/api/rooms/requests/", 0, 200, SHAPE_ALL(SHAPE_REQUEST("q"), "porcupine.my_requests() q"), NULL, NO_PARAMS},
	{HTTP_POST, "/api/rooms/requests/", JOINS, 201,
		SHAPE_ONE(SHAPE_REQUEST("q"), "porcupine.request_to_join(code => $1::text, message => $2::text) q"), NULL, {
			NEEDS(TEXT, "code"), TAKES(TEXT, "message")}},

	{HTTP_GET, ROOM, TAGGED, 200, ONE_ROOM("my_room($1::bigint)"), NULL, {PATH(ID, "room")}},
	{HTTP_PATCH, ROOM, 0, 200, ONE_ROOM("change_room($1::bigint, $2::text, $3::text, $4::boolean, $5::boolean, $6::int)"), NULL, {
			PATH(ID, "room"), TAKES(TEXT, "name"), TAKES(TEXT, "description"), TAKES(BOOL, "listed"), TAKES(BOOL, "approval"),
			TAKES(INT, "max_members")}},
	{HTTP_DELETE, ROOM, 0, 204, "SELECT porcupine.delete_room($1::bigint)", NULL, {PATH(ID, "room")}},
	{HTTP_POST, ROOM "join/", 0, 200, ONE_ROOM("join_listed($1::bigint)"), NULL, {PATH(ID, "room")}},
	{HTTP_POST, ROOM "transfer/", 0, 200, ONE_ROOM("transfer_room($1::bigint, $2::bigint)"), NULL, {
			PATH(ID, "room"), NEEDS(ID, "user")}},

	/* what is put to a room, and taken from it again */
	{HTTP_POST, ROOM "archive/", 0, 200, ONE_ROOM("archive_room($1::bigint)"), NULL, {PATH(ID, "room")}},
	{HTTP_DELETE, ROOM "archive/", 0, 200, ONE_ROOM("unarchive_room($1::bigint)"), NULL, {PATH(ID, "room")}},
	{HTTP_POST, ROOM "code/", 0, 200, ONE_ROOM("rotate_code($1::bigint)"), NULL, {PATH(ID, "room")}},
	{HTTP_DELETE, ROOM "code/", 0, 200, ONE_ROOM("disable_code($1::bigint)"), NULL, {PATH(ID, "room")}},
	{HTTP_POST, ROOM "retention/", 0, 200,
		ONE_ROOM("set_retention($1::bigint, make_interval(secs => $2::double precision))"), NULL, {
			PATH(ID, "room"), NEEDS(INT, "seconds")}},
	{HTTP_DELETE, ROOM "retention/", 0, 200, ONE_ROOM("set_retention($1::bigint, NULL)"), NULL, {PATH(ID, "room")}},
	{HTTP_POST, ROOM "system/", 0, 200, ONE_ROOM("allow_system($1::bigint, true)"), NULL, {PATH(ID, "room")}},
	{HTTP_DELETE, ROOM "system/", 0, 200, ONE_ROOM("allow_system($1::bigint, false)"), NULL, {PATH(ID, "room")}},
};

const RouteTable routes_rooms = ROUTE_TABLE(routes);
