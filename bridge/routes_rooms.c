/*
 * routes_rooms.c - the calls about rooms: having, finding, changing and joining them.
 */
#include "routetable.h"

static const Route routes[] = {
	{HTTP_GET, "/api/rooms/", 0, 200, SHAPE_ALL(SHAPE_ROOM("r"), "porcupine.my_rooms() r"), NULL, NO_PARAMS},
	{HTTP_POST, "/api/rooms/", LARGE, 201,
		SHAPE_ONE(SHAPE_ROOM("r"), "porcupine.create_room($1::text, coalesce($2::boolean, true), "
				  "coalesce($3::bytea[], '{}'), coalesce($4::bigint[], '{}'), coalesce($5::bytea[], '{}')) r"), NULL, {
			NEEDS(TEXT, "name"), TAKES(BOOL, "encrypted"), TAKES(BYTES_LIST, "entries"), TAKES_EACH(ID_LIST, "bundles", "device"),
			TAKES_EACH(BYTES_LIST, "bundles", "bundle")}},
	{HTTP_POST, "/api/rooms/join/", JOINS, 200, SHAPE_ONE(SHAPE_ROOM("r"), "porcupine.join_room($1::text) r"), NULL, {NEEDS(TEXT, "code")}},
	{HTTP_GET, ROOM, 0, 200, SHAPE_ONE(SHAPE_ROOM("r"), "porcupine.my_room($1::bigint) r"), NULL, {PATH(ID, "room")}},
	{HTTP_PATCH, ROOM, 0, 200, SHAPE_ONE(SHAPE_ROOM("r"), "porcupine.rename_room($1::bigint, $2::text) r"), NULL, {
			PATH(ID, "room"), NEEDS(TEXT, "name")}},
	{HTTP_DELETE, ROOM, 0, 204, "SELECT porcupine.delete_room($1::bigint)", NULL, {PATH(ID, "room")}},
};

const RouteTable routes_rooms = ROUTE_TABLE(routes);
