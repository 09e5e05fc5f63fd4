/*
 * routes_events.c - the calls about a room's events and how far they were read.
 */
#include "messages.h"
#include "routetable.h"

/* One call, which also proves the session: nothing else is read as often. */
#define HISTORY_SQL \
	"SELECT porcupine.history_page($1::bigint, $2::bigint, $3::bigint, $4::bigint, $5::bigint, $6::int)"

static const Route routes[] = {
	{HTTP_GET, MESSAGES, BY_SESSION, 200, HISTORY_SQL, messages_history, {
			PATH(ID, "room"), QUERY(SEQ, "before"), QUERY(SEQ, "after"), QUERY(SEQ, "stream"), QUERY(LIMIT, "limit")}},
	{HTTP_POST, MESSAGES, 0, 201, "SELECT porcupine.current_user_id()", messages_post, NO_PARAMS},
	{HTTP_POST, ROOM "read/", 0, 204, "SELECT porcupine.mark_read($1::bigint, $2::bigint)", NULL, {
			PATH(ID, "room"), NEEDS(SEQ, "seq")}},
};

const RouteTable routes_events = ROUTE_TABLE(routes);
