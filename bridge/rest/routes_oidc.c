/*
 * routes_oidc.c - the calls about signing in at OpenID providers, and about one's identities there.
 */
#include "oidc.h"
#include "oidclink.h"
#include "routetable.h"

#define BEGIN_SQL(linking) \
	"SELECT porcupine.begin_sign_in($1::bytea, $2::text, $3::text, coalesce($4::text, '/'), coalesce($5::bigint[], '{}'), $6::text, " linking ")"

#define START_PARAMS {TAKES(TEXT, "return_to"), TAKES(ID_LIST, "devices"), TAKES(TEXT, "device_name")}

#define OFFER_SQL \
	SHAPE_ONE("o.provider, o.email, o.by_session", "porcupine.read_offer($1::text) o")

#define IDENTITIES_SQL \
	SHAPE_ALL("i.id::text AS id, i.issuer, i.email, " SHAPE_TIME("i.created_at") " AS created_at, " \
			  SHAPE_TIME("i.last_used_at") " AS last_used_at", "porcupine.my_identities() i")

static const Route routes[] = {
	{HTTP_GET, "/api/auth/oidc/", OPEN, 200, NULL, oidc_list, NO_PARAMS},
	{HTTP_GET, "/api/auth/oidc/link/", OPEN, 200, OFFER_SQL, oidclink_read, NO_PARAMS},
	{HTTP_POST, "/api/auth/oidc/link/", OPEN | SLOW | SIGNS_IN | BY_OFFER, 200,
		SHAPE_GRANT("confirm_identity($1::text, $2::text, $3::inet)"), oidclink_settle, {NEEDS(TEXT, "password"), CLIENT_ADDRESS}},
	{HTTP_DELETE, "/api/auth/oidc/link/", OPEN | REFRESHES, 200,
		SHAPE_GRANT("decline_identity($1::text, $2::inet)"), oidclink_settle, {CLIENT_ADDRESS}},
	{HTTP_POST, "/api/auth/oidc/{provider}/start/", OPEN | REFRESHES, 200, BEGIN_SQL("false"), oidc_start, START_PARAMS},
	{HTTP_POST, "/api/auth/oidc/{provider}/link/", 0, 200, BEGIN_SQL("true"), oidc_start, START_PARAMS},
	{HTTP_GET, "/api/auth/oidc/{provider}/callback/", OPEN | REFRESHES, 303, NULL, oidc_callback, NO_PARAMS},
	{HTTP_GET, "/api/auth/identities/", 0, 200, IDENTITIES_SQL, NULL, NO_PARAMS},
	{HTTP_POST, "/api/auth/identities/", SLOW, 204, "SELECT porcupine.link_identity($1::text, $2::text)", oidclink_link, {
			TAKES(TEXT, "password")}},
	{HTTP_DELETE, "/api/auth/identities/{identity}/", 0, 204, "SELECT porcupine.unlink_identity($1::bigint)", NULL, {PATH(ID, "identity")}},
};

const RouteTable routes_oidc = ROUTE_TABLE(routes);
