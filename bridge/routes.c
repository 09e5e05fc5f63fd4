/*
 * routes.c - see routes.h. The table says everything about a call: its path, who may make it, its
 * statement and what that takes, its status. The few calls that are more than one statement name a
 * function of their own.
 *
 * The life of a call: find the route, check the token, read the body, run the statement as the
 * token's session, answer with the value that it returns, or with the problem that its SQLSTATE
 * stands for.
 */
#include "routes.h"
#include "database.h"
#include "log.h"
#include "metrics.h"
#include "page.h"
#include "params.h"
#include "pool.h"
#include "replica.h"
#include "sends.h"
#include "shapes.h"

#include <stdlib.h>
#include <string.h>

#define NORMAL_BODY (96 * 1024)
#define LARGE_BODY (512 * 1024)
#define COOKIE "porcupine_refresh"
#define COOKIE_ATTRIBUTES "; Path=/api/auth/; HttpOnly; Secure; SameSite=Strict"
#define COOKIE_LIFE_S 2592000

typedef enum RouteFlag
{
	OPEN = 1,					/* no access token needed */
	SLOW = 2,					/* hashes a password */
	LARGE = 4,					/* takes a large body */
	ENDS = 8,					/* ends the session: the cookie goes, too */
	GRANT = 16,					/* gives tokens: the second column is the refresh token */
	BY_SESSION = 32				/* $1 of its statement is the session, which it proves itself */
} RouteFlag;

typedef struct Route
{
	HttpMethod	method;
	const char *pattern;
	int			flags;
	int			status;
	const char *sql;
	void		(*run) (Request *request);	/* instead of sql */
	Param		params[PARAMS_MAX];
} Route;

/* A message on its way through the send path. */
typedef struct PostedSend
{
	Send		send;
	Request    *request;		/* NULL: the client has gone */
} PostedSend;

#define GRANT_SQL(from) \
	"SELECT json_build_object('user', " SHAPE_USER("g", "user_id") ", 'session', g.session_id::text, " \
	"'device', g.device_id::text, 'access', g.access_token, 'expires_in', g.expires_in), g.refresh_token " \
	"FROM porcupine." from " g"

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

static void run_refresh(Request *request);
static void run_history(Request *request);
static void run_post_message(Request *request);
static void run_livez(Request *request);
static void run_readyz(Request *request);

static const Route routes[] = {
	/* accounts */
	{HTTP_POST, "/api/auth/register/", OPEN | SLOW | GRANT, 201,
		GRANT_SQL("register($1::text, $2::text, $3::text, $4::text, $5::text, $6::inet)"), NULL, {
			{FROM_BODY, TYPE_TEXT, true, "username", NULL}, {FROM_BODY, TYPE_TEXT, true, "password", NULL},
			{FROM_BODY, TYPE_TEXT, false, "display_name", NULL}, {FROM_BODY, TYPE_TEXT, false, "email", NULL},
			{FROM_BODY, TYPE_TEXT, false, "device_name", NULL}, {FROM_ADDRESS, TYPE_TEXT, false, "address", NULL}}},
	{HTTP_POST, "/api/auth/login/", OPEN | SLOW | GRANT, 200,
		GRANT_SQL("login($1::text, $2::text, $3::bigint, $4::text, $5::inet)"), NULL, {
			{FROM_BODY, TYPE_TEXT, true, "username", NULL}, {FROM_BODY, TYPE_TEXT, true, "password", NULL},
			{FROM_BODY, TYPE_ID, false, "device", NULL}, {FROM_BODY, TYPE_TEXT, false, "device_name", NULL},
			{FROM_ADDRESS, TYPE_TEXT, false, "address", NULL}}},
	{HTTP_POST, "/api/auth/refresh/", OPEN | GRANT, 200, GRANT_SQL("refresh($1::text)"), run_refresh, {
			{FROM_BODY, TYPE_TEXT, false, "refresh", NULL}}},
	{HTTP_POST, "/api/auth/logout/", ENDS, 204, "SELECT porcupine.logout()", NULL, {{0}}},
	{HTTP_GET, "/api/auth/user/", 0, 200,
		SHAPE_ONE("u.id::text AS id, u.username, u.display_name, u.email, u.device_id::text AS device, "
				  SHAPE_TIME("u.created_at") " AS created_at", "porcupine.whoami() u"), NULL, {{0}}},
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
	{HTTP_GET, MESSAGES, BY_SESSION, 200, HISTORY_SQL, run_history, {
			{FROM_PATH, TYPE_ID, true, "room", NULL}, {FROM_QUERY, TYPE_SEQ, false, "before", NULL},
			{FROM_QUERY, TYPE_SEQ, false, "after", NULL}, {FROM_QUERY, TYPE_SEQ, false, "stream", NULL},
			{FROM_QUERY, TYPE_LIMIT, false, "limit", NULL}}},
	{HTTP_POST, MESSAGES, 0, 201, "SELECT porcupine.current_user_id()", run_post_message, {{0}}},
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
#define MAX_BRACES 4

/* What a request keeps between its steps, in its pool. */
typedef struct Call
{
	const Route *route;
	char	   *values[MAX_BRACES];	/* of the path */
	cJSON	   *body;
	bool		by_cookie;		/* the refresh token goes into the cookie, not into the body */
	ReplicaRead *read;			/* under way */
	PostedSend *send;
	bool		sent;			/* the send path frees it */
} Call;

static const Config *config;

static void name_routes(void);
static size_t body_limit(Request *request);
static void on_request(Request *request);
static void on_gone(Request *request);
static Call *find_route(Request *request, Text *allowed);
static void answer_unknown(Request *request, const Text *allowed);
static void authenticate(Request *request);
static void on_verdict(void *arg, AuthVerdict verdict, const JwtClaims *claims);
static void run(Request *request);
static bool read_body(Request *request);
static bool needs_body(const Route *route);
static void run_sql(Request *request, DbRequest *call);
static bool add_params(Request *request, DbRequest *statement, Problem *problem);
static void on_result(void *arg, DbOutcome outcome, const PGresult *result);
static void answer_grant(Request *request, const PGresult *result);
static void refuse(Request *request, ErrorCode code, int status, const char *detail);
static char *refresh_cookie(Request *request);
static bool origin_is_ours(const char *origin);
static void on_page(void *arg, const char *json);
static PostedSend *read_send(Request *request);
static void on_session_alive(void *arg, DbOutcome outcome, const PGresult *result);
static void on_posted(Send *send, const SendResult *result);

static const HttpHandlers handlers = {body_limit, on_request, on_gone};

void
routes_open(const Config *given)
{
	static Text headers;

	config = given;
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
		request->route = call;
		request->route_number = (int) (call->route - routes) + 1;
		http_add_header(request, "Cache-Control", "no-store");
		if (call->route->flags & OPEN)
			run(request);
		else
			authenticate(request);
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
		refuse(request, ERROR_INVALID, 405, "this path has no such method");
	}
	else if (is_api)
		refuse(request, ERROR_NOT_FOUND, 0, "nothing is at this path");
	else if (request->method != HTTP_GET)
	{
		http_add_header(request, "Allow", "GET, HEAD");
		refuse(request, ERROR_INVALID, 405, "the page is read by GET");
	}
	else
		page_handle(request);
}

static void
on_gone(Request *request)
{
	Call	   *call = (Call *) request->route;

	if (call == NULL)
		return;
	cJSON_Delete(call->body);
	if (call->read != NULL)
		replica_forget(call->read);
	if (call->sent && call->send != NULL)
		call->send->request = NULL;
	else
		free(call->send);
}

/* --- who asks ------------------------------------------------------------------------------------------ */

static void
authenticate(Request *request)
{
	if (request->authorization == NULL || strncasecmp(request->authorization, "Bearer ", 7) != 0)
		refuse(request, ERROR_UNAUTHENTICATED, 0, "an access token is needed");
	else
		auth_check(&request->auth, request->authorization + 7, on_verdict, request);
}

static void
on_verdict(void *arg, AuthVerdict verdict, const JwtClaims *claims)
{
	Request    *request = arg;
	Problem		busy = errors_busy();

	request->who = *claims;
	if (verdict == AUTH_VALID)
		run(request);
	else if (verdict == AUTH_INVALID)
		refuse(request, ERROR_UNAUTHENTICATED, 0, "the access token does not verify or has expired");
	else
		http_answer_problem(request, &busy);
}

/* --- one statement -------------------------------------------------------------------------------------- */

static void
run(Request *request)
{
	const Call *call = request->route;

	if (!read_body(request))
		return;
	if (call->route->run != NULL)
		call->route->run(request);
	else
		run_sql(request, db_request(call->route->sql, on_result, request));
}

/* An empty body is as good as an empty object: what is required will be missing. */
static bool
read_body(Request *request)
{
	Call	   *call = (Call *) request->route;
	size_t		type_length = strlen("application/json");

	if (!request->has_length && needs_body(call->route))
	{
		refuse(request, ERROR_INVALID, 411, "send a body, with a Content-Length");
		return false;
	}
	if (request->body.length == 0)
		return true;
	if (request->content_type == NULL || strncasecmp(request->content_type, "application/json", type_length) != 0
		|| strchr("; \t", request->content_type[type_length]) == NULL)
	{
		refuse(request, ERROR_INVALID, 415, "the Content-Type of a body is application/json");
		return false;
	}
	call->body = json_parse(request->body.bytes, request->body.length);
	if (call->body == NULL)
		refuse(request, ERROR_INVALID, 0, "the body is not one JSON object in UTF-8 with each key once");
	return call->body != NULL;
}

static bool
needs_body(const Route *route)
{
	for (const Param *param = route->params; param->from != FROM_END; param++)
	{
		if (param->from == FROM_BODY && param->required)
			return true;
	}
	return false;
}

static void
run_sql(Request *request, DbRequest *statement)
{
	const Route *route = ((const Call *) request->route)->route;
	Problem		problem;

	if (route->flags & BY_SESSION)
		db_number(statement, request->who.session);
	else
		db_act_as(statement, request->who.session);
	if (!add_params(request, statement, &problem))
	{
		db_forget(statement);
		db_finish(statement, DB_AWAY, NULL);
		http_answer_problem(request, &problem);
		return;
	}
	request->call = statement;
	pool_submit(route->flags & SLOW ? LANE_SLOW : LANE_QUERY, statement);
}

static bool
add_params(Request *request, DbRequest *statement, Problem *problem)
{
	const Call *call = request->route;
	ParamSource source = {
		.request = request, .body = call->body, .pattern = call->route->pattern,
		.path_values = (char **) call->values, .page_origin = config->origins[0],
	};

	return params_add(statement, call->route->params, &source, &request->arena, problem);
}

static void
on_result(void *arg, DbOutcome outcome, const PGresult *result)
{
	Request    *request = arg;
	const Call *call = request->route;
	Problem		problem;
	Text		content = {0};

	request->call = NULL;
	if (outcome != DB_DONE)
	{
		problem = errors_from_result(outcome == DB_REFUSED ? result : NULL);
		http_answer_problem(request, &problem);
	}
	else if (call->route->status == 204)
	{
		if ((call->route->flags & ENDS) && refresh_cookie(request) != NULL)
			http_add_header(request, "Set-Cookie", COOKIE "=; Max-Age=0" COOKIE_ATTRIBUTES);
		http_answer(request, 204, NULL, NULL);
	}
	else if (call->route->flags & GRANT)
		answer_grant(request, result);
	else if (PQntuples(result) != 1 || PQgetisnull(result, 0, 0))
		refuse(request, ERROR_NOT_FOUND, 0, "nothing is there");
	else
	{
		text_add(&content, PQgetvalue(result, 0, 0));
		http_answer(request, call->route->status, "application/json", &content);
	}
}

static void
refuse(Request *request, ErrorCode code, int status, const char *detail)
{
	Problem		problem = PROBLEM(code, detail);

	problem.status = status;
	http_answer_problem(request, &problem);
}

/* --- tokens ------------------------------------------------------------------------------------------------ */

static void
answer_grant(Request *request, const PGresult *result)
{
	const Call *call = request->route;
	const char *json = PQgetvalue(result, 0, 0);
	const char *token = PQgetvalue(result, 0, 1);
	Text		content = {0};
	Text		cookie = {0};

	if (call->by_cookie || cJSON_IsTrue(json_get(call->body, "cookie")))
	{
		text_format(&cookie, COOKIE "=%s; Max-Age=%d" COOKIE_ATTRIBUTES, token, COOKIE_LIFE_S);
		http_add_header(request, "Set-Cookie", cookie.bytes);
		text_free(&cookie);
		text_add(&content, json);
	}
	else
		text_format(&content, "{\"refresh\":\"%s\",%s", token, json + 1);
	http_answer(request, call->route->status, "application/json", &content);
}

/*
 * A cookie comes along whoever made the browser ask, so the call must also carry a header that no
 * foreign page can set without being asked first, and no foreign Origin.
 */
static void
run_refresh(Request *request)
{
	Call	   *call = (Call *) request->route;
	char	   *cookie = refresh_cookie(request);
	DbRequest  *statement = db_request(call->route->sql, on_result, request);

	if (json_get(call->body, "refresh") != NULL || cookie == NULL)
	{
		run_sql(request, statement);
		return;
	}
	if (request->own_header == NULL || strcmp(request->own_header, "1") != 0
		|| (request->origin != NULL && !origin_is_ours(request->origin)))
	{
		db_forget(statement);
		db_finish(statement, DB_AWAY, NULL);
		refuse(request, ERROR_INVALID, 403, "the cookie counts only with X-Porcupine: 1 and from the page's own origin");
		return;
	}
	call->by_cookie = true;
	db_text(statement, cookie);
	request->call = statement;
	pool_submit(LANE_QUERY, statement);
}

/* The refresh token in the Cookie header, or NULL. */
static char *
refresh_cookie(Request *request)
{
	const char *at = request->cookie;

	while (at != NULL && *at != '\0')
	{
		size_t		length;

		at += strspn(at, " ;");
		length = strcspn(at, ";");
		if (strncmp(at, COOKIE "=", strlen(COOKIE) + 1) == 0)
			return arena_text(&request->arena, at + strlen(COOKIE) + 1, length - strlen(COOKIE) - 1);
		at += length;
	}
	return NULL;
}

static bool
origin_is_ours(const char *origin)
{
	for (int i = 0; config->origins[i] != NULL; i++)
	{
		if (strcmp(config->origins[i], origin) == 0)
			return true;
	}
	return false;
}

/* --- a page of history: from the standby, where there is one that can -------------------------------------------- */

static void
run_history(Request *request)
{
	Call	   *call = (Call *) request->route;
	Problem		problem;

	if (!replica_is_up())
	{
		run_sql(request, db_request(call->route->sql, on_result, request));
		return;
	}
	call->read = replica_begin(on_page, request);
	if (add_params(request, call->read->page, &problem))
	{
		replica_submit(call->read, request->who.session, params_id(call->values[0]));
		return;
	}
	replica_drop(call->read);
	call->read = NULL;
	http_answer_problem(request, &problem);
}

static void
on_page(void *arg, const char *json)
{
	Request    *request = arg;
	Call	   *call = (Call *) request->route;
	Text		content = {0};

	call->read = NULL;
	if (json == NULL)
	{
		run_sql(request, db_request(call->route->sql, on_result, request));
		return;
	}
	text_add(&content, json);
	http_answer(request, call->route->status, "application/json", &content);
}

/* --- a message by REST: first is the session alive, then the same path as the socket's ---------------------- */

static void
run_post_message(Request *request)
{
	Call	   *call = (Call *) request->route;
	DbRequest  *statement;

	call->send = read_send(request);
	if (call->send == NULL)
		return;
	statement = db_request(call->route->sql, on_session_alive, request);
	db_act_as(statement, request->who.session);
	request->call = statement;
	pool_submit(LANE_QUERY, statement);
}

/* The message as the body has it, in the name of the token's device. */
static PostedSend *
read_send(Request *request)
{
	const Call *call = request->route;
	Problem		problem = PROBLEM(ERROR_INVALID, NULL);
	PostedSend *posted = (PostedSend *) sends_read(call->body, sizeof(PostedSend), &problem);

	if (posted == NULL)
	{
		http_answer_problem(request, &problem);
		return NULL;
	}
	posted->request = request;
	posted->send.room = params_id(call->values[0]);
	posted->send.user = request->who.user;
	posted->send.device = request->who.device;
	posted->send.done = on_posted;
	return posted;
}

static void
on_session_alive(void *arg, DbOutcome outcome, const PGresult *result)
{
	Request    *request = arg;
	Call	   *call = (Call *) request->route;
	Problem		problem;

	request->call = NULL;
	if (outcome == DB_DONE)
	{
		call->sent = true;
		sends_submit(&call->send->send);
		return;
	}
	problem = errors_from_result(outcome == DB_REFUSED ? result : NULL);
	http_answer_problem(request, &problem);
}

static void
on_posted(Send *send, const SendResult *result)
{
	PostedSend *posted = (PostedSend *) send;
	Request    *request = posted->request;
	Text		content = {0};

	if (request != NULL)
	{
		((Call *) request->route)->send = NULL;
		if (result->stored)
		{
			text_format(&content, "{\"seq\":%lld,\"created_at\":\"%s\"}", (long long) result->seq, result->created_at);
			http_answer(request, result->repeated ? 200 : 201, "application/json", &content);
		}
		else
			http_answer_problem(request, &result->problem);
	}
	free(posted);
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
		refuse(request, ERROR_BUSY, 0, missing);
}
