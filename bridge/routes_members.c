/*
 * routes_members.c - the calls about who is in a room, and by which invite.
 */
#include "routetable.h"

#define INVITE_SQL(from) \
	SHAPE_ONE("i.id::text AS id, i.room_id::text AS room, i.name, i.members, " SHAPE_BYTES("i.sealed") " AS sealed, " \
			  SHAPE_TIME("i.expires_at") " AS expires_at", "porcupine." from " i")

static const Route routes[] = {
	{HTTP_GET, ROOM "members/", 0, 200,
		SHAPE_ALL(SHAPE_USER("m", "user_id") " AS \"user\", m.role, m.joined_seq, " SHAPE_TIME("m.joined_at") " AS joined_at",
				  "porcupine.room_members($1::bigint) m"), NULL, {PATH(ID, "room")}},
	{HTTP_DELETE, ROOM "members/{user}/", 0, 204, "SELECT porcupine.remove_member($1::bigint, $2::bigint)", NULL, {
			PATH(ID, "room"), PATH(ID, "user")}},
	{HTTP_POST, ROOM "leave/", 0, 204, "SELECT porcupine.leave_room($1::bigint, $2::int, $3::bytea)", NULL, {
			PATH(ID, "room"), TAKES(INT, "index"), TAKES(BYTES, "entry")}},
	{HTTP_POST, ROOM "invite/", 0, 201,
		"SELECT CASE WHEN i.code IS NULL THEN json_build_object('id', i.id::text, 'expires_at', " SHAPE_TIME("i.expires_at")
		", 'max_uses', i.max_uses) ELSE json_build_object('id', i.id::text, 'expires_at', " SHAPE_TIME("i.expires_at")
		", 'max_uses', i.max_uses, 'code', i.code, 'url', $8::text || '/join#code=' || i.code) END "
		"FROM porcupine.create_invite($1::bigint, make_interval(secs => coalesce($2::double precision, 604800)), $3::int, "
		"$4::bytea, $5::bytea, $6::int, $7::bytea) i", NULL, {
			PATH(ID, "room"), TAKES(INT, "expires_in"), TAKES(INT, "max_uses"), TAKES(BYTES, "code_hash"), TAKES(BYTES, "sealed"),
			TAKES(INT, "index"), TAKES(BYTES, "entry"), PAGE_ORIGIN}},
	{HTTP_GET, "/api/invites/{hash}/", PREVIEWS, 200, INVITE_SQL("read_invite($1::bytea)"), NULL, {PATH(HASH, "hash")}},
	{HTTP_GET, ROOM "invites/{hash}/", 0, 200, INVITE_SQL("read_invite($2::bytea, $1::bigint)"), NULL, {
			PATH(ID, "room"), PATH(HASH, "hash")}},
};

const RouteTable routes_members = ROUTE_TABLE(routes);
