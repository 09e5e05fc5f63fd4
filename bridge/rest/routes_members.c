/*
 * routes_members.c - the calls about who is in a room, who may come, who may not, and by which invite.
 */
#include "routetable.h"

#define INVITE_SQL(from) \
	SHAPE_ONE("i.id::text AS id, i.room_id::text AS room, i.name, i.members, " SHAPE_BYTES("i.sealed") " AS sealed, " \
			  SHAPE_TIME("i.expires_at") " AS expires_at", "porcupine." from " i")

#define INVITES_SQL \
	SHAPE_ALL("i.id::text AS id, i.created_by::text AS created_by, " SHAPE_TIME("i.created_at") " AS created_at, " \
			  SHAPE_TIME("i.expires_at") " AS expires_at, i.max_uses, i.uses", "porcupine.room_invites($1::bigint) i")

#define BANS_SQL \
	SHAPE_ALL(SHAPE_USER("b", "user_id") " AS \"user\", " SHAPE_TIME("b.until") " AS until, b.reason, " \
			  "b.banned_by::text AS banned_by, " SHAPE_TIME("b.banned_at") " AS banned_at", "porcupine.room_bans($1::bigint) b")

/* A role that is none becomes null, which the function refuses. */
#define ROLE(parameter) "(SELECT r FROM unnest(enum_range(NULL::porcupine.role)) r WHERE r::text = " parameter "::text)"

static const Route routes[] = {
	{HTTP_GET, ROOM "members/", TAGGED, 200,
		SHAPE_ALL(SHAPE_MEMBER("m"), "(SELECT * FROM porcupine.room_members($1::bigint) WHERE joined_seq > coalesce($2::bigint, -1) "
				  "ORDER BY joined_seq LIMIT $3::int) m"), NULL, {
			PATH(ID, "room"), QUERY(SEQ, "after"), QUERY(LIMIT, "limit")}},
	{HTTP_PATCH, ROOM "members/{user}/", 0, 204, "SELECT porcupine.set_role($1::bigint, $2::bigint, " ROLE("$3") ")", NULL, {
			PATH(ID, "room"), PATH(ID, "user"), NEEDS(TEXT, "role")}},
	{HTTP_DELETE, ROOM "members/{user}/", 0, 204, "SELECT porcupine.remove_member($1::bigint, $2::bigint)", NULL, {
			PATH(ID, "room"), PATH(ID, "user")}},
	{HTTP_POST, ROOM "members/{user}/mute/", 0, 204, "SELECT porcupine.mute_member($1::bigint, $2::bigint, $3::timestamptz)", NULL, {
			PATH(ID, "room"), PATH(ID, "user"), NEEDS(TIME, "until")}},
	{HTTP_DELETE, ROOM "members/{user}/mute/", 0, 204, "SELECT porcupine.unmute_member($1::bigint, $2::bigint)", NULL, {
			PATH(ID, "room"), PATH(ID, "user")}},
	{HTTP_POST, ROOM "leave/", 0, 204, "SELECT porcupine.leave_room($1::bigint, $2::int, $3::bytea)", NULL, {
			PATH(ID, "room"), TAKES(INT, "index"), TAKES(BYTES, "entry")}},

	{HTTP_GET, ROOM "bans/", 0, 200, BANS_SQL, NULL, {PATH(ID, "room")}},
	{HTTP_POST, ROOM "bans/", 0, 204, "SELECT porcupine.ban_user($1::bigint, $2::bigint, $3::text, $4::timestamptz)", NULL, {
			PATH(ID, "room"), NEEDS(ID, "user"), TAKES(TEXT, "reason"), TAKES(TIME, "until")}},
	{HTTP_DELETE, ROOM "bans/{user}/", 0, 204, "SELECT porcupine.unban_user($1::bigint, $2::bigint)", NULL, {
			PATH(ID, "room"), PATH(ID, "user")}},

	{HTTP_GET, ROOM "requests/", 0, 200, SHAPE_ALL(SHAPE_REQUEST("q"), "porcupine.room_requests($1::bigint) q"), NULL, {PATH(ID, "room")}},
	{HTTP_POST, ROOM "requests/", 0, 201,
		SHAPE_ONE(SHAPE_REQUEST("q"), "porcupine.request_to_join(room => $1::bigint, message => $2::text) q"), NULL, {
			PATH(ID, "room"), TAKES(TEXT, "message")}},
	{HTTP_DELETE, ROOM "requests/", 0, 204, "SELECT porcupine.withdraw_request($1::bigint)", NULL, {PATH(ID, "room")}},
	{HTTP_POST, ROOM "requests/{user}/approve/", 0, 204, "SELECT porcupine.approve_request($1::bigint, $2::bigint)", NULL, {
			PATH(ID, "room"), PATH(ID, "user")}},
	{HTTP_DELETE, ROOM "requests/{user}/", 0, 204, "SELECT porcupine.decline_request($1::bigint, $2::bigint)", NULL, {
			PATH(ID, "room"), PATH(ID, "user")}},

	{HTTP_POST, ROOM "invite/", 0, 201,
		"SELECT CASE WHEN i.code IS NULL THEN json_build_object('id', i.id::text, 'expires_at', " SHAPE_TIME("i.expires_at")
		", 'max_uses', i.max_uses) ELSE json_build_object('id', i.id::text, 'expires_at', " SHAPE_TIME("i.expires_at")
		", 'max_uses', i.max_uses, 'code', i.code, 'url', $8::text || '/join#code=' || i.code) END "
		"FROM porcupine.create_invite($1::bigint, make_interval(secs => coalesce($2::double precision, 604800)), $3::int, "
		"$4::bytea, $5::bytea, $6::int, $7::bytea) i", NULL, {
			PATH(ID, "room"), TAKES(INT, "expires_in"), TAKES(INT, "max_uses"), TAKES(BYTES, "code_hash"), TAKES(BYTES, "sealed"),
			TAKES(INT, "index"), TAKES(BYTES, "entry"), PAGE_ORIGIN}},
	{HTTP_GET, "/api/invites/{hash}/", PREVIEWS, 200, INVITE_SQL("read_invite($1::bytea)"), NULL, {PATH(HASH, "hash")}},
	{HTTP_GET, ROOM "invites/", 0, 200, INVITES_SQL, NULL, {PATH(ID, "room")}},
	{HTTP_GET, ROOM "invites/{invite}/", 0, 200, INVITE_SQL("read_invite($2::bytea, $1::bigint)"), NULL, {
			PATH(ID, "room"), PATH(HASH, "invite")}},
	{HTTP_DELETE, ROOM "invites/{invite}/", 0, 204, "SELECT porcupine.revoke_invite($1::bigint, $2::bigint)", NULL, {
			PATH(ID, "room"), PATH(ID, "invite")}},
};

const RouteTable routes_members = ROUTE_TABLE(routes);
