/*
 * routes.c - see routes.h. The table says everything about a call: its path, who may make it, its
 * statement and what that takes, its status. The few calls that are more than one statement name a
 * function of their own.
 */
#include "routes.h"
#include "accounts.h"
#include "call.h"
#include "database.h"
#include "messages.h"
#include "metrics.h"
#include "page.h"
#include "shapes.h"

#include <string.h>

#define NORMAL_BODY (96 * 1024)
#define LARGE_BODY (512 * 1024)

#define GRANT_SQL(from) \
	"SELECT json_build_object('user', " SHAPE_USER("g", "user_id") ", 'session', g.session_id::text, " \
	"'device', g.device_id::text, 'access', g.access_token, 'expires_in', g.expires_in), g.refresh_token " \
	"FROM porcupine." from " g"

#define SESSIONS_SQL \
	"SELECT x.id, row_to_json(x) FROM (SELECT s.id::text AS id, s.device_id::text AS device, s.device_name, " \
	"host(s.address) AS address, " SHAPE_TIME("s.created_at") " AS created_at, " SHAPE_TIME("s.last_used_at") " AS last_used_at, " \
	"s.current FROM porcupine.my_sessions() s) x"

/* An answer ends where its bodies pass this many bytes, as if limit had been that low; but one row there is. */
#define PAGE_BYTES "1048576"
#define WITHIN_PAGE(row, column, order) \
	"(SELECT * FROM (SELECT *, sum(length(" column ")) OVER (ORDER BY " order ") - length(" column ") AS passed FROM " row ") p" \
	" WHERE passed < " PAGE_BYTES ")"

/* One call, which also proves the session: nothing else is read as often. */
#define HISTORY_SQL \
	"SELECT porcupine.history_page($1::bigint, $2::bigint, $3::bigint, $4::bigint, $5::bigint, $6::int)"

#define DEVICES_SQL \
	"SELECT json_build_object('user', " SHAPE_USER("d", "user_id") ", 'identity', " SHAPE_BYTES("d.identity") ", " \
	"'version', d.list_version, 'list', " SHAPE_BYTES("d.list") ", 'devices', (SELECT coalesce(json_agg(" \
	"json_build_object('device', k.id::text, 'keys', " SHAPE_BYTES("k.keys") ") ORDER BY k.id), '[]') " \
	"FROM unnest(d.devices, d.keys) AS k (id, keys))) FROM porcupine.user_devices($1::bigint, $2::int) d"

#define LOG_SQL \
	"SELECT json_build_object('results', (SELECT coalesce(json_agg(x ORDER BY x.index), '[]') FROM (SELECT l.index, l.seq, " \
	SHAPE_BYTES("l.entry") " AS entry, l.sender_id::text AS sender, l.device_id::text AS device, " \
	SHAPE_TIME("l.created_at") " AS created_at FROM " \
	WITHIN_PAGE("porcupine.control_entries($1::bigint, coalesce($2::int, -1))", "entry", "index") " l) x), " \
	"'length', r.log) FROM porcupine.my_room($1::bigint) r"

#define EPOCHS_SQL \
	"SELECT json_build_object('results', (SELECT coalesce(json_agg(x ORDER BY x.epoch), '[]') FROM (SELECT p.epoch, p.index, " \
	"p.sender_id::text AS sender, p.device_id::text AS device, " SHAPE_BYTES("p.bundle") " AS bundle " \
	"FROM porcupine.my_epochs($1::bigint, coalesce($2::int, -1)) p) x), 'epoch', r.epoch, 'open', r.epoch_open) " \
	"FROM porcupine.my_room($1::bigint) r"

#define INVITE_SQL(from) \
	SHAPE_ONE("i.id::text AS id, i.room_id::text AS room, i.name, i.members, " SHAPE_BYTES("i.sealed") " AS sealed, " \
			  SHAPE_TIME("i.expires_at") " AS expires_at", "porcupine." from " i")

#define ROOM "/api/rooms/{room}/"
#define MESSAGES "/api/chat/rooms/{room}/messages/"

static void run_livez(Request *request);
static void run_readyz(Request *request);

static const Route routes[] = {
	/* accounts */
	{HTTP_POST, "/api/auth/register/", OPEN | SLOW, 201,
		GRANT_SQL("register($1::text, $2::text, $3::text, $4::text, $5::text, $6::inet)"), accounts_sign_in, {
			{FROM_BODY, TYPE_TEXT, true, "username", NULL}, {FROM_BODY, TYPE_TEXT, true, "password", NULL},
			{FROM_BODY, TYPE_TEXT, false, "display_name", NULL}, {FROM_BODY, TYPE_TEXT, false, "email", NULL},
			{FROM_BODY, TYPE_TEXT, false, "device_name", NULL}, {FROM_ADDRESS, TYPE_TEXT, false, "address", NULL}}},
	{HTTP_POST, "/api/auth/login/", OPEN | SLOW, 200,
		GRANT_SQL("login($1::text, $2::text, $3::bigint, $4::text, $5::inet)"), accounts_sign_in, {
			{FROM_BODY, TYPE_TEXT, true, "username", NULL}, {FROM_BODY, TYPE_TEXT, true, "password", NULL},
			{FROM_BODY, TYPE_ID, false, "device", NULL}, {FROM_BODY, TYPE_TEXT, false, "device_name", NULL},
			{FROM_ADDRESS, TYPE_TEXT, false, "address", NULL}}},
	{HTTP_POST, "/api/auth/refresh/", OPEN, 200, GRANT_SQL("refresh($1::text)"), accounts_refresh, {
			{FROM_BODY, TYPE_TEXT, false, "refresh", NULL}}},
	{HTTP_POST, "/api/auth/logout/", 0, 204, "SELECT porcupine.logout()", accounts_logout, {{0}}},
	{HTTP_GET, "/api/auth/user/", 0, 200,
		SHAPE_ONE("u.id::text AS id, u.username, u.display_name, u.email, u.device_id::text AS device, "
				  SHAPE_TIME("u.created_at") " AS created_at", "porcupine.whoami() u"), NULL, {{0}}},
	{HTTP_GET, "/api/auth/sessions/", 0, 200, SESSIONS_SQL, accounts_sessions, {{0}}},
	{HTTP_DELETE, "/api/auth/sessions/{session}/", 0, 204, "SELECT porcupine.end_session($1::bigint)", NULL, {
			{FROM_PATH, TYPE_ID, true, "session", NULL}}},
	{HTTP_GET, "/.well-known/jwks.json", OPEN, 200, "SELECT porcupine.jwks()", NULL, {{0}}},

	/* rooms */
	{HTTP_GET, "/api/rooms/", 0, 200, SHAPE_ALL(SHAPE_ROOM("r"), "porcupine.my_rooms() r"), NULL, {{0}}},
	{HTTP_POST, "/api/rooms/", LARGE, 201,
		SHAPE_ONE(SHAPE_ROOM("r"), "porcupine.create_room($1::text, coalesce($2::boolean, true), "
				  "coalesce($3::bytea[], '{}'), coalesce($4::bigint[], '{}'), coalesce($5::bytea[], '{}')) r"), NULL, {
			{FROM_BODY, TYPE_TEXT, true, "name", NULL}, {FROM_BODY, TYPE_BOOL, false, "encrypted", NULL},
			{FROM_BODY, TYPE_BYTES_LIST, false, "entries", NULL}, {FROM_BODY, TYPE_ID_LIST, false, "bundles", "device"},
			{FROM_BODY, TYPE_BYTES_LIST, false, "bundles", "bundle"}}},
	{HTTP_POST, "/api/rooms/join/", 0, 200, SHAPE_ONE(SHAPE_ROOM("r"), "porcupine.join_room($1::text) r"), NULL, {
			{FROM_BODY, TYPE_TEXT, true, "code", NULL}}},
	{HTTP_GET, ROOM, 0, 200, SHAPE_ONE(SHAPE_ROOM("r"), "porcupine.my_room($1::bigint) r"), NULL, {
			{FROM_PATH, TYPE_ID, true, "room", NULL}}},
	{HTTP_PATCH, ROOM, 0, 200, SHAPE_ONE(SHAPE_ROOM("r"), "porcupine.rename_room($1::bigint, $2::text) r"), NULL, {
			{FROM_PATH, TYPE_ID, true, "room", NULL}, {FROM_BODY, TYPE_TEXT, true, "name", NULL}}},
	{HTTP_DELETE, ROOM, 0, 204, "SELECT porcupine.delete_room($1::bigint)", NULL, {
			{FROM_PATH, TYPE_ID, true, "room", NULL}}},
	{HTTP_GET, ROOM "members/", 0, 200,
		SHAPE_ALL(SHAPE_USER("m", "user_id") " AS \"user\", m.role, m.joined_seq, " SHAPE_TIME("m.joined_at") " AS joined_at",
				  "porcupine.room_members($1::bigint) m"), NULL, {
			{FROM_PATH, TYPE_ID, true, "room", NULL}}},
	{HTTP_DELETE, ROOM "members/{user}/", 0, 204, "SELECT porcupine.remove_member($1::bigint, $2::bigint)", NULL, {
			{FROM_PATH, TYPE_ID, true, "room", NULL}, {FROM_PATH, TYPE_ID, true, "user", NULL}}},
	{HTTP_POST, ROOM "invite/", 0, 201,
		"SELECT CASE WHEN i.code IS NULL THEN json_build_object('id', i.id::text, 'expires_at', " SHAPE_TIME("i.expires_at")
		", 'max_uses', i.max_uses) ELSE json_build_object('id', i.id::text, 'expires_at', " SHAPE_TIME("i.expires_at")
		", 'max_uses', i.max_uses, 'code', i.code, 'url', $8::text || '/join#code=' || i.code) END "
		"FROM porcupine.create_invite($1::bigint, make_interval(secs => coalesce($2::double precision, 604800)), $3::int, "
		"$4::bytea, $5::bytea, $6::int, $7::bytea) i", NULL, {
			{FROM_PATH, TYPE_ID, true, "room", NULL}, {FROM_BODY, TYPE_INT, false, "expires_in", NULL},
			{FROM_BODY, TYPE_INT, false, "max_uses", NULL}, {FROM_BODY, TYPE_BYTES, false, "code_hash", NULL},
			{FROM_BODY, TYPE_BYTES, false, "sealed", NULL}, {FROM_BODY, TYPE_INT, false, "index", NULL},
			{FROM_BODY, TYPE_BYTES, false, "entry", NULL}, {FROM_ORIGIN, TYPE_TEXT, true, "origin", NULL}}},
	{HTTP_GET, "/api/invites/{hash}/", 0, 200, INVITE_SQL("read_invite($1::bytea)"), NULL, {
			{FROM_PATH, TYPE_HASH, true, "hash", NULL}}},
	{HTTP_GET, ROOM "invites/{hash}/", 0, 200, INVITE_SQL("read_invite($2::bytea, $1::bigint)"), NULL, {
			{FROM_PATH, TYPE_ID, true, "room", NULL}, {FROM_PATH, TYPE_HASH, true, "hash", NULL}}},
	{HTTP_POST, ROOM "leave/", 0, 204, "SELECT porcupine.leave_room($1::bigint, $2::int, $3::bytea)", NULL, {
			{FROM_PATH, TYPE_ID, true, "room", NULL}, {FROM_BODY, TYPE_INT, false, "index", NULL},
			{FROM_BODY, TYPE_BYTES, false, "entry", NULL}}},

	/* events */
	{HTTP_GET, MESSAGES, BY_SESSION, 200, HISTORY_SQL, messages_history, {
			{FROM_PATH, TYPE_ID, true, "room", NULL}, {FROM_QUERY, TYPE_SEQ, false, "before", NULL},
			{FROM_QUERY, TYPE_SEQ, false, "after", NULL}, {FROM_QUERY, TYPE_SEQ, false, "stream", NULL},
			{FROM_QUERY, TYPE_LIMIT, false, "limit", NULL}}},
	{HTTP_POST, MESSAGES, 0, 201, "SELECT porcupine.current_user_id()", messages_post, {{0}}},
	{HTTP_POST, ROOM "read/", 0, 204, "SELECT porcupine.mark_read($1::bigint, $2::bigint)", NULL, {
			{FROM_PATH, TYPE_ID, true, "room", NULL}, {FROM_BODY, TYPE_SEQ, true, "seq", NULL}}},

	/* keys */
	{HTTP_POST, "/api/devices/", 0, 201,
		"SELECT json_build_object('device', porcupine.current_device_id()::text, 'version', v) "
		"FROM porcupine.publish_device($1::bytea, $2::bytea, $3::int, $4::bytea) v", NULL, {
			{FROM_BODY, TYPE_BYTES, true, "keys", NULL}, {FROM_BODY, TYPE_BYTES, true, "identity", NULL},
			{FROM_BODY, TYPE_INT, true, "version", NULL}, {FROM_BODY, TYPE_BYTES, true, "list", NULL}}},
	{HTTP_GET, "/api/users/{user}/devices/", 0, 200, DEVICES_SQL, NULL, {
			{FROM_PATH, TYPE_ID, true, "user", NULL}, {FROM_QUERY, TYPE_INT, false, "version", NULL}}},
	{HTTP_GET, ROOM "log/", 0, 200, LOG_SQL, NULL, {
			{FROM_PATH, TYPE_ID, true, "room", NULL}, {FROM_QUERY, TYPE_CURSOR, false, "after", NULL}}},
	{HTTP_POST, ROOM "log/", 0, 201,
		"SELECT json_build_object('index', $2::int, 'seq', s) FROM porcupine.append_entry($1::bigint, $2::int, $3::bytea) s", NULL, {
			{FROM_PATH, TYPE_ID, true, "room", NULL}, {FROM_BODY, TYPE_INT, true, "index", NULL},
			{FROM_BODY, TYPE_BYTES, true, "entry", NULL}}},
	{HTTP_GET, ROOM "epochs/", 0, 200, EPOCHS_SQL, NULL, {
			{FROM_PATH, TYPE_ID, true, "room", NULL}, {FROM_QUERY, TYPE_CURSOR, false, "after", NULL}}},
	{HTTP_POST, ROOM "epochs/", LARGE, 201,
		"SELECT json_build_object('epoch', c.committed, 'index', c.entry_index, 'seq', c.entry_seq) "
		"FROM porcupine.commit_epoch($1::bigint, $2::int, $3::int, $4::bytea[], $5::bigint[], $6::bytea[], "
		"coalesce($7::bigint[], '{}')) c", NULL, {
			{FROM_PATH, TYPE_ID, true, "room", NULL}, {FROM_BODY, TYPE_INT, true, "epoch", NULL},
			{FROM_BODY, TYPE_INT, true, "index", NULL}, {FROM_BODY, TYPE_BYTES_LIST, true, "entries", NULL},
			{FROM_BODY, TYPE_ID_LIST, true, "bundles", "device"}, {FROM_BODY, TYPE_BYTES_LIST, true, "bundles", "bundle"},
			{FROM_BODY, TYPE_ID_LIST, false, "remove", NULL}}},

	/* operations */
	{HTTP_GET, "/livez", OPEN, 200, NULL, run_livez, {{0}}},
	{HTTP_GET, "/readyz", OPEN, 200, NULL, run_readyz, {{0}}},
};

#define N_ROUTES (sizeof(routes) / sizeof(routes[0]))

static void name_routes(void);
static size_t body_limit(Request *request);
static void on_request(Request *request);
static Call *find_route(Request *request, Text *allowed);
static void answer_unknown(Request *request, const Text *allowed);

static const HttpHandlers handlers = {body_limit, on_request, call_gone};

void
routes_open(const Config *config)
{
	static Text headers;

	call_open(config);
	/* the page may talk to its own origins only, by name because 'self' does not cover ws: everywhere */
	text_add(&headers, "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
			 "img-src 'self' data: blob:; font-src 'self'; connect-src 'self'");
	for (int i = 0; config->origins[i] != NULL; i++)
		text_format(&headers, " ws%s", config->origins[i] + strlen("http"));
	text_add(&headers, "; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; "
			 "frame-ancestors 'none'; require-trusted-types-for 'script'\r\n"
			 "X-Content-Type-Options: nosniff\r\n"
			 "Referrer-Policy: no-referrer\r\n"
			 "Cross-Origin-Opener-Policy: same-origin\r\n"
			 "Cross-Origin-Resource-Policy: same-origin\r\n");
	http_set_common_headers(headers.bytes);
	http_set_handlers(&handlers);
	name_routes();
}

/* As the numbers know them. */
static void
name_routes(void)
{
	static const char *const methods[] = {"GET", "POST", "PATCH", "DELETE"};

	for (size_t i = 0; i < N_ROUTES; i++)
	{
		Text		name = {0};

		text_format(&name, "%s %s", methods[routes[i].method], routes[i].pattern);
		metrics_name_route((int) i + 1, name.bytes);
	}
}

/* --- finding the route ------------------------------------------------------------------------------- */

static size_t
body_limit(Request *request)
{
	Call	   *call = find_route(request, NULL);

	return call != NULL && (call->route->flags & LARGE) ? LARGE_BODY : NORMAL_BODY;
}

static void
on_request(Request *request)
{
	Text		allowed = {0};
	Call	   *call = find_route(request, &allowed);

	if (call == NULL)
		answer_unknown(request, &allowed);
	else
	{
		request->route_number = (int) (call->route - routes) + 1;
		call_start(request, call);
	}
	text_free(&allowed);
}

/* NULL: no route; allowed then names the methods that this path has. */
static Call *
find_route(Request *request, Text *allowed)
{
	static const char *const names[] = {"GET, HEAD", "POST", "PATCH", "DELETE"};
	Call	   *call = arena_alloc(&request->arena, sizeof(Call));

	*call = (Call) {0};
	for (size_t i = 0; i < N_ROUTES; i++)
	{
		if (!params_match(routes[i].pattern, request->path, &request->arena, call->values))
			continue;
		if (routes[i].method == request->method)
		{
			call->route = &routes[i];
			return call;
		}
		if (allowed != NULL)
			text_format(allowed, "%s%s", allowed->length > 0 ? ", " : "", names[routes[i].method]);
	}
	return NULL;
}

static void
answer_unknown(Request *request, const Text *allowed)
{
	static const char *const api[] = {"/api", "/.well-known", "/ws"};
	bool		is_api = false;

	for (size_t i = 0; i < sizeof(api) / sizeof(api[0]); i++)
	{
		size_t		length = strlen(api[i]);

		is_api = is_api || (strncmp(request->path, api[i], length) == 0
							&& (request->path[length] == '/' || request->path[length] == '\0'));
	}
	if (allowed->length > 0)
	{
		http_add_header(request, "Allow", allowed->bytes);
		call_refuse(request, ERROR_INVALID, 405, "this path has no such method");
	}
	else if (is_api)
		call_refuse(request, ERROR_NOT_FOUND, 0, "nothing is at this path");
	else if (request->method != HTTP_GET)
	{
		http_add_header(request, "Allow", "GET, HEAD");
		call_refuse(request, ERROR_INVALID, 405, "the page is read by GET");
	}
	else
		page_handle(request);
}

/* --- operations ------------------------------------------------------------------------------------------------ */

static void
run_livez(Request *request)
{
	Text		content = {0};

	text_add(&content, "{\"status\":\"ok\"}");
	http_answer(request, 200, "application/json", &content);
}

static void
run_readyz(Request *request)
{
	const char *missing = database_missing();

	if (missing == NULL)
		run_livez(request);
	else
		call_refuse(request, ERROR_BUSY, 0, missing);
}
