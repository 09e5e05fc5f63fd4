/*
 * shapes.h - SQL expressions that shape rows as the objects of API.md.
 *
 * JSON is made where the rows are: a statement returns one value, which goes to the client as it
 * is. Sessions run with timezone UTC. Ids are text, for they are opaque to clients. Events are
 * shaped by the extension itself (extension/shape.c).
 */
#ifndef PORCUPINE_SHAPES_H
#define PORCUPINE_SHAPES_H

#define SHAPE_TIME(column) "to_char(" column ", 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
#define SHAPE_BYTES(column) "translate(encode(" column ", 'base64'), E'\\n', '')"
#define SHAPE_USER(row, id) \
	"json_build_object('id', " row "." id "::text, 'username', " row ".username, 'display_name', " row ".display_name)"

#define SHAPE_ROOM(row) \
	row ".id::text AS id, " row ".name, " row ".code, " row ".encrypted, " row ".role, " row ".head, " \
	row ".stream, " row ".epoch, " row ".epoch_open, " row ".log, " row ".members, " row ".max_members, " \
	row ".created_by::text AS created_by, " SHAPE_TIME(row ".created_at") " AS created_at, " \
	row ".joined_seq, " row ".read_seq, " row ".description, " row ".listed, " row ".approval, " row ".direct, " \
	row ".system, " row ".archived, extract(epoch FROM " row ".retention)::bigint AS retention, " row ".first_seq, " \
	row ".delivered_seq, " row ".unread, " SHAPE_TIME(row ".muted_until") " AS muted_until"

#define SHAPE_MEMBER(row) \
	SHAPE_USER(row, "user_id") " AS \"user\", " row ".role, " row ".joined_seq, " SHAPE_TIME(row ".joined_at") " AS joined_at, " \
	row ".read_seq, " row ".delivered_seq, " SHAPE_TIME(row ".muted_until") " AS muted_until"

#define SHAPE_REQUEST(row) \
	row ".room_id::text AS room, " row ".name, " SHAPE_USER(row, "user_id") " AS \"user\", " row ".message, " \
	SHAPE_TIME(row ".requested_at") " AS requested_at"

/* A session that begins: the answer, and the refresh token and its seconds beside it. */
#define SHAPE_GRANT(from) \
	"SELECT json_build_object('user', " SHAPE_USER("g", "user_id") ", 'session', g.session_id::text, " \
	"'device', g.device_id::text, 'access', g.access_token, 'expires_in', g.expires_in), g.refresh_token, g.refresh_expires_in " \
	"FROM porcupine." from " g"

/* One row as an object; all rows as {"results": [...]}. */
#define SHAPE_ONE(columns, from) "SELECT row_to_json(x) FROM (SELECT " columns " FROM " from ") x"
#define SHAPE_ALL(columns, from) \
	"SELECT json_build_object('results', coalesce(json_agg(x), '[]')) FROM (SELECT " columns " FROM " from ") x"

/*
 * An answer ends where what it holds passes this many bytes, as if limit had been that low; but one
 * row there is. bytes is what one row holds.
 */
#define PAGE_BYTES "1048576"
#define WITHIN_PAGE(rows, bytes, order) \
	"(SELECT * FROM (SELECT *, sum(" bytes ") OVER (ORDER BY " order ") - " bytes " AS passed FROM " rows ") p" \
	" WHERE passed < " PAGE_BYTES ")"

#endif
