/*
 * routes_accounts.c - the calls about accounts and sessions.
 */
#include "accounts.h"
#include "routetable.h"

#define ACCOUNT_SQL(from) \
	SHAPE_ONE("u.id::text AS id, u.username, u.display_name, u.email, u.device_id::text AS device, " \
			  SHAPE_TIME("u.created_at") " AS created_at", "porcupine." from " u")

#define SESSIONS_SQL \
	"SELECT x.id, row_to_json(x) FROM (SELECT s.id::text AS id, s.device_id::text AS device, s.device_name, " \
	"host(s.address) AS address, " SHAPE_TIME("s.created_at") " AS created_at, " SHAPE_TIME("s.last_used_at") " AS last_used_at, " \
	"s.current FROM porcupine.my_sessions() s) x"

static const Route routes[] = {
	{HTTP_POST, "/api/auth/register/", OPEN | SLOW | REGISTERS, 201,
		SHAPE_GRANT("register($1::text, $2::text, $3::text, $4::text, $5::text, $6::inet)"), accounts_sign_in, {
			NEEDS(TEXT, "username"), NEEDS(TEXT, "password"), TAKES(TEXT, "display_name"), TAKES(TEXT, "email"),
			TAKES(TEXT, "device_name"), CLIENT_ADDRESS}},
	{HTTP_POST, "/api/auth/login/", OPEN | SLOW | SIGNS_IN, 200,
		SHAPE_GRANT("login($1::text, $2::text, $3::bigint, $4::text, $5::inet)"), accounts_sign_in, {
			NEEDS(TEXT, "username"), NEEDS(TEXT, "password"), TAKES(ID, "device"), TAKES(TEXT, "device_name"), CLIENT_ADDRESS}},
	{HTTP_POST, "/api/auth/refresh/", OPEN | REFRESHES, 200, SHAPE_GRANT("refresh($1::text, $2::inet)"), accounts_refresh, {
			TAKES(TEXT, "refresh"), CLIENT_ADDRESS}},
	{HTTP_POST, "/api/auth/logout/", 0, 204, "SELECT porcupine.logout()", accounts_end, NO_PARAMS},
	{HTTP_GET, "/api/auth/user/", 0, 200, ACCOUNT_SQL("whoami()"), NULL, NO_PARAMS},
	{HTTP_PATCH, "/api/auth/user/", RENAMES, 200, ACCOUNT_SQL("change_profile($1::text, $2::text)"), NULL, {
			TAKES(TEXT, "display_name"), TAKES(TEXT, "email")}},
	{HTTP_DELETE, "/api/auth/user/", SLOW, 204, "SELECT porcupine.erase_me($1::text)", accounts_end, {TAKES(TEXT, "password")}},
	{HTTP_POST, "/api/auth/password/", SLOW, 204, "SELECT porcupine.change_password($1::text, $2::text)", NULL, {
			TAKES(TEXT, "old_password"), NEEDS(TEXT, "new_password")}},
	{HTTP_GET, "/api/auth/sessions/", 0, 200, SESSIONS_SQL, accounts_sessions, NO_PARAMS},
	{HTTP_DELETE, "/api/auth/sessions/", 0, 204, "SELECT porcupine.end_other_sessions()", NULL, NO_PARAMS},
	{HTTP_DELETE, "/api/auth/sessions/{session}/", 0, 204, "SELECT porcupine.end_session($1::bigint)", accounts_end_session, {
			PATH(ID, "session")}},
	{HTTP_GET, "/api/auth/export/", SLOW, 200, "SELECT porcupine.export_me()", accounts_export, NO_PARAMS},
	{HTTP_GET, "/.well-known/jwks.json", OPEN | KEEPABLE, 200, "SELECT porcupine.jwks()", NULL, NO_PARAMS},
};

const RouteTable routes_accounts = ROUTE_TABLE(routes);
