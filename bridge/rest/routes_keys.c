/*
 * routes_keys.c - the calls about devices, control logs and epochs.
 */
#include "routetable.h"

#define DEVICES_SQL \
	"SELECT json_build_object('user', " SHAPE_USER("d", "user_id") ", 'identity', " SHAPE_BYTES("d.identity") ", " \
	"'version', d.list_version, 'list', " SHAPE_BYTES("d.list") ", 'devices', (SELECT coalesce(json_agg(" \
	"json_build_object('device', k.id::text, 'keys', " SHAPE_BYTES("k.keys") ") ORDER BY k.id), '[]') " \
	"FROM unnest(d.devices, d.keys) AS k (id, keys))) FROM porcupine.user_devices($1::bigint, $2::int) d"

#define LOG_SQL \
	"SELECT json_build_object('results', (SELECT coalesce(json_agg(x ORDER BY x.index), '[]') FROM (SELECT l.index, l.seq, " \
	SHAPE_BYTES("l.entry") " AS entry, l.sender_id::text AS sender, l.device_id::text AS device, " \
	SHAPE_TIME("l.created_at") " AS created_at FROM " \
	WITHIN_PAGE("porcupine.control_entries($1::bigint, coalesce($2::int, -1))", "length(entry)", "index") " l) x), " \
	"'length', r.log) FROM porcupine.my_room($1::bigint) r"

#define EPOCHS_SQL \
	"SELECT json_build_object('results', (SELECT coalesce(json_agg(x ORDER BY x.epoch), '[]') FROM (SELECT p.epoch, p.index, " \
	"p.sender_id::text AS sender, p.device_id::text AS device, " SHAPE_BYTES("p.bundle") " AS bundle " \
	"FROM porcupine.my_epochs($1::bigint, coalesce($2::int, -1)) p) x), 'epoch', r.epoch, 'open', r.epoch_open) " \
	"FROM porcupine.my_room($1::bigint) r"

static const Route routes[] = {
	{HTTP_POST, "/api/devices/", 0, 201,
		"SELECT json_build_object('device', porcupine.current_device_id()::text, 'version', v) "
		"FROM porcupine.publish_device($1::bytea, $2::bytea, $3::int, $4::bytea) v", NULL, {
			NEEDS(BYTES, "keys"), NEEDS(BYTES, "identity"), NEEDS(INT, "version"), NEEDS(BYTES, "list")}},
	{HTTP_DELETE, "/api/devices/{device}/", 0, 204, "SELECT porcupine.revoke_device($1::bigint)", NULL, {PATH(ID, "device")}},
	{HTTP_GET, "/api/users/{user}/devices/", TAGGED, 200, DEVICES_SQL, NULL, {PATH(ID, "user"), QUERY(INT, "version")}},
	{HTTP_GET, ROOM "log/", 0, 200, LOG_SQL, NULL, {PATH(ID, "room"), QUERY(CURSOR, "after")}},
	{HTTP_POST, ROOM "log/", 0, 201,
		"SELECT json_build_object('index', $2::int, 'seq', s) FROM porcupine.append_entry($1::bigint, $2::int, $3::bytea) s", NULL, {
			PATH(ID, "room"), NEEDS(INT, "index"), NEEDS(BYTES, "entry")}},
	{HTTP_GET, ROOM "epochs/", 0, 200, EPOCHS_SQL, NULL, {PATH(ID, "room"), QUERY(CURSOR, "after")}},
	{HTTP_POST, ROOM "epochs/", LARGE, 201,
		"SELECT json_build_object('epoch', c.committed, 'index', c.entry_index, 'seq', c.entry_seq) "
		"FROM porcupine.commit_epoch($1::bigint, $2::int, $3::int, $4::bytea[], $5::bigint[], $6::bytea[], "
		"coalesce($7::bigint[], '{}')) c", NULL, {
			PATH(ID, "room"), NEEDS(INT, "epoch"), NEEDS(INT, "index"), NEEDS(BYTES_LIST, "entries"),
			NEEDS_EACH(ID_LIST, "bundles", "device"), NEEDS_EACH(BYTES_LIST, "bundles", "bundle"), TAKES(ID_LIST, "remove")}},
};

const RouteTable routes_keys = ROUTE_TABLE(routes);
