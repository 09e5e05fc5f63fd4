/*
 * oidctoken.c - see oidctoken.h.
 */
#include "oidctoken.h"
#include "json.h"
#include "memory.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static size_t host_begins(const char *url, const char *scheme);
static bool is_loopback(const char *host);
static bool take_url(const cJSON *root, const char *name, bool allow_loopback, char **url);
static bool lists(const cJSON *root, const char *name, const char *value);
static OidcVerdict judge(const cJSON *payload, const OidcExpected *expected);
static bool is_for(const cJSON *payload, const char *client);
static void take_claims(const cJSON *object, OidcClaims *claims);
static char *take_text(const cJSON *object, const char *name, size_t most);

bool
oidc_url_is_fit(const char *url, bool allow_loopback)
{
	size_t		at = host_begins(url, "https://");
	size_t		length = strlen(url);

	if (at == 0 && allow_loopback)
	{
		at = host_begins(url, "http://");
		if (at > 0 && !is_loopback(url + at))
			return false;
	}
	if (at == 0 || length > OIDC_MAX_URL || strchr("/:?", url[at]) != NULL)
		return false;
	for (size_t i = 0; i < length; i++)
	{
		if (url[i] <= ' ' || url[i] > '~' || strchr("@#\\\"<>`{}|^", url[i]) != NULL)
			return false;
	}
	return true;
}

/* 0: the URL is of another scheme. */
static size_t
host_begins(const char *url, const char *scheme)
{
	return strncmp(url, scheme, strlen(scheme)) == 0 ? strlen(scheme) : 0;
}

static bool
is_loopback(const char *host)
{
	static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		size_t		length = strlen(names[i]);

		if (strncmp(host, names[i], length) == 0 && strchr(":/?", host[length]) != NULL)
			return true;
	}
	return false;
}

/* --- the discovery document --------------------------------------------------------------------------- */

bool
oidc_read_metadata(const char *json, size_t length, const char *issuer, bool allow_loopback,
				   OidcMetadata *metadata, const char **why)
{
	cJSON	   *root = json_parse(json, length);

	*metadata = (OidcMetadata) {0};
	*why = NULL;
	if (root == NULL)
		*why = "the discovery document is not one JSON object";
	else if (!json_is(root, "issuer", issuer))
		*why = "the discovery document is of another issuer";
	else if (!take_url(root, "authorization_endpoint", allow_loopback, &metadata->authorization_endpoint)
			 || !take_url(root, "token_endpoint", allow_loopback, &metadata->token_endpoint)
			 || !take_url(root, "jwks_uri", allow_loopback, &metadata->jwks_uri))
		*why = "the discovery document lacks an endpoint, or names one that is not https";
	else if (json_get(root, "userinfo_endpoint") != NULL
			 && !take_url(root, "userinfo_endpoint", allow_loopback, &metadata->userinfo_endpoint))
		*why = "the userinfo endpoint is not https";
	else if (json_get(root, "code_challenge_methods_supported") != NULL
			 && !lists(root, "code_challenge_methods_supported", "S256"))
		*why = "the provider does not know PKCE with S256";
	metadata->secret_in_body = lists(root, "token_endpoint_auth_methods_supported", "client_secret_post")
		&& !lists(root, "token_endpoint_auth_methods_supported", "client_secret_basic");
	metadata->names_itself = cJSON_IsTrue(json_get(root, "authorization_response_iss_parameter_supported"));
	cJSON_Delete(root);
	if (*why != NULL)
		oidc_free_metadata(metadata);
	return *why == NULL;
}

void
oidc_free_metadata(OidcMetadata *metadata)
{
	free(metadata->authorization_endpoint);
	free(metadata->token_endpoint);
	free(metadata->jwks_uri);
	free(metadata->userinfo_endpoint);
	*metadata = (OidcMetadata) {0};
}

static bool
take_url(const cJSON *root, const char *name, bool allow_loopback, char **url)
{
	const char *text = json_string(root, name);

	if (text == NULL || !oidc_url_is_fit(text, allow_loopback))
		return false;
	*url = memory_text(text);
	return true;
}

static bool
lists(const cJSON *root, const char *name, const char *value)
{
	const cJSON *list = json_get(root, name);
	const cJSON *item;

	cJSON_ArrayForEach(item, list)
	{
		if (cJSON_IsString(item) && strcmp(item->valuestring, value) == 0)
			return true;
	}
	return false;
}

/* --- tokens --------------------------------------------------------------------------------------------- */

bool
oidc_read_tokens(const char *json, size_t length, char **id_token, char **access_token)
{
	cJSON	   *root = json_parse(json, length);
	const char *access = json_string(root, "access_token");
	const char *id = json_string(root, "id_token");
	bool		fit = access != NULL && strlen(access) <= JWS_MAX_LENGTH;

	*id_token = *access_token = NULL;
	/* it goes into a header as it is (RFC 6750, section 2.1) */
	for (const char *at = access; fit && *at != '\0'; at++)
		fit = *at > ' ' && *at <= '~';
	if (id != NULL && strlen(id) <= JWS_MAX_LENGTH)
	{
		*id_token = memory_text(id);
		if (fit)
			*access_token = memory_text(access);
	}
	cJSON_Delete(root);
	return *id_token != NULL;
}

OidcVerdict
oidc_verify(const char *token, size_t length, const JwsKeys *keys, const OidcExpected *expected, OidcClaims *claims)
{
	char	   *bytes = memory_alloc(length + 1);
	size_t		size = 0;
	JwsVerdict	signature = jws_open(token, length, keys, bytes, &size);
	OidcVerdict verdict = signature == JWS_UNKNOWN_KEY ? OIDC_UNKNOWN_KEY : OIDC_BAD_SIGNATURE;
	cJSON	   *payload = signature == JWS_VALID ? json_parse(bytes, size) : NULL;

	*claims = (OidcClaims) {0};
	if (payload != NULL)
		verdict = judge(payload, expected);
	if (verdict == OIDC_VALID)
	{
		claims->subject = memory_text(json_string(payload, "sub"));
		take_claims(payload, claims);
	}
	cJSON_Delete(payload);
	free(bytes);
	return verdict;
}

static OidcVerdict
judge(const cJSON *payload, const OidcExpected *expected)
{
	const char *nonce = json_string(payload, "nonce");
	const char *subject = json_string(payload, "sub");
	const cJSON *not_before = json_get(payload, "nbf");
	int64_t		expires;
	int64_t		issued;
	int64_t		begins;

	if (!json_is(payload, "iss", expected->issuer))
		return OIDC_WRONG_ISSUER;
	if (!is_for(payload, expected->client))
		return OIDC_WRONG_AUDIENCE;
	if (!json_to_number(json_get(payload, "exp"), JSON_MAX_NUMBER, &expires)
		|| expected->now >= expires + OIDC_SKEW_S)
		return OIDC_EXPIRED;
	if (!json_to_number(json_get(payload, "iat"), JSON_MAX_NUMBER, &issued)
		|| issued > expected->now + OIDC_SKEW_S)
		return OIDC_NOT_YET;
	if (not_before != NULL && (!json_to_number(not_before, JSON_MAX_NUMBER, &begins)
							   || begins > expected->now + OIDC_SKEW_S))
		return OIDC_NOT_YET;
	if (nonce == NULL || strlen(nonce) != strlen(expected->nonce)
		|| sodium_memcmp(nonce, expected->nonce, strlen(nonce)) != 0)
		return OIDC_WRONG_NONCE;
	if (subject == NULL || *subject == '\0' || strlen(subject) > OIDC_MAX_SUBJECT)
		return OIDC_NO_SUBJECT;
	return OIDC_VALID;
}

/* Us among the audience; where there are more, or somebody is named as the one it was made for, that must be us. */
static bool
is_for(const cJSON *payload, const char *client)
{
	const cJSON *audience = json_get(payload, "aud");
	bool		named = json_get(payload, "azp") != NULL;

	if (named && !json_is(payload, "azp", client))
		return false;
	if (cJSON_IsString(audience))
		return strcmp(audience->valuestring, client) == 0;
	return cJSON_IsArray(audience) && lists(payload, "aud", client) && (named || cJSON_GetArraySize(audience) == 1);
}

const char *
oidc_verdict_words(OidcVerdict verdict)
{
	static const char *const words[] = {
		[OIDC_VALID] = "the ID token is good",
		[OIDC_UNKNOWN_KEY] = "the ID token is signed by a key that the provider does not publish",
		[OIDC_BAD_SIGNATURE] = "the signature of the ID token does not verify",
		[OIDC_WRONG_ISSUER] = "the ID token is of another issuer",
		[OIDC_WRONG_AUDIENCE] = "the ID token is meant for another client",
		[OIDC_EXPIRED] = "the ID token has expired",
		[OIDC_NOT_YET] = "the ID token is of the future: compare the clocks",
		[OIDC_WRONG_NONCE] = "the ID token is of another sign-in",
		[OIDC_NO_SUBJECT] = "the ID token names nobody",
	};

	return words[verdict];
}

/* --- claims --------------------------------------------------------------------------------------------- */

bool
oidc_add_userinfo(const char *json, size_t length, OidcClaims *claims)
{
	cJSON	   *root = json_parse(json, length);
	bool		ok = json_is(root, "sub", claims->subject);

	if (ok)
		take_claims(root, claims);
	cJSON_Delete(root);
	return ok;
}

void
oidc_free_claims(OidcClaims *claims)
{
	free(claims->subject);
	free(claims->email);
	free(claims->username);
	free(claims->name);
	*claims = (OidcClaims) {0};
}

/* An address and whether it was verified come from the same object, or one would vouch for the other's. */
static void
take_claims(const cJSON *object, OidcClaims *claims)
{
	if (claims->email == NULL)
	{
		claims->email = take_text(object, "email", OIDC_MAX_EMAIL);
		claims->email_verified = claims->email != NULL && cJSON_IsTrue(json_get(object, "email_verified"));
	}
	if (claims->username == NULL)
		claims->username = take_text(object, "preferred_username", OIDC_MAX_NAME);
	if (claims->name == NULL)
		claims->name = take_text(object, "name", OIDC_MAX_NAME);
}

/* NULL: it is not there, or no text of that length. */
static char *
take_text(const cJSON *object, const char *name, size_t most)
{
	const char *text = json_string(object, name);

	return text != NULL && *text != '\0' && strlen(text) <= most ? memory_text(text) : NULL;
}
