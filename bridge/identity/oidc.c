/*
 * oidc.c - see oidc.h. It owns the cookie porcupine_oidc.
 *
 * A callback goes through its steps one after the other: take the sign-in, know the provider, give the
 * code for tokens, verify what they say, ask who it is where they do not say it, tell the database.
 * Whatever goes wrong ends in one place, which sends the browser back to the page with a word.
 */
#include "oidc.h"
#include "accounts.h"
#include "base64.h"
#include "call.h"
#include "fetch.h"
#include "issuers.h"
#include "oidclink.h"
#include "oidcsecret.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COOKIE "porcupine_oidc"
#define COOKIE_ATTRIBUTES "; Path=/api/auth/oidc/; HttpOnly; Secure; SameSite=Lax"
#define COOKIE_SECONDS "600"

#define TAKE_SQL "SELECT origin, return_path FROM porcupine.take_sign_in($1::bytea, $2::text)"
#define SIGN_IN_SQL \
	"SELECT (o.session).refresh_token, (o.session).refresh_expires_in, o.ticket FROM porcupine.sign_in_identity($1::bytea, " \
	"$2::text, $3::text, $4::text, $5::boolean, $6::text, $7::text, $8::inet) o"

/* Why a browser comes back without a session, as the page is told. */
#define CANCELLED "cancelled"
#define EXPIRED "expired"
#define REFUSED "refused"
#define UNREACHABLE "unreachable"

/* A request of either kind, in its pool. */
typedef struct SignIn
{
	Request    *request;
	Issuer	   *issuer;
	IssuerWait	wait;
	Fetch	   *fetch;
	OidcSecret	secret;
	char		hex[OIDCSECRET_HEX + 1];	/* a new secret's */
	char	   *origin;
	char	   *return_path;
	char	   *id_token;
	char	   *access_token;
	OidcClaims	claims;
	bool		renewed;		/* the keys were read again for it */
	bool		repeated;
} SignIn;

static SignIn *begin(Request *request);
static void forget(void *state);
static void on_known_to_start(void *arg, bool known);
static void on_begun(void *arg, DbOutcome outcome, const PGresult *result);
static void on_taken(void *arg, DbOutcome outcome, const PGresult *result);
static void on_known_to_return(void *arg, bool known);
static const char *judge_answer(SignIn *sign_in, const char **why);
static void ask_for_tokens(SignIn *sign_in, const char *code);
static void add_redirect(Text *form, const SignIn *sign_in);
static void on_tokens(void *arg, int status, const char *body, size_t length, const char *why);
static void verify(SignIn *sign_in);
static void on_renewed(void *arg, bool known);
static void ask_who(SignIn *sign_in);
static void on_userinfo(void *arg, int status, const char *body, size_t length, const char *why);
static void tell_database(SignIn *sign_in);
static void on_signed_in(void *arg, DbOutcome outcome, const PGresult *result);
static void give_up(SignIn *sign_in, const char *word, const char *why);
static void send_on(Request *request, const char *path, const char *word);

void
oidc_list(Request *request)
{
	const OidcSettings *settings = issuers_settings();
	Text		content = {0};

	text_add(&content, "{\"results\":[");
	for (int i = 0; i < settings->count; i++)
	{
		text_format(&content, "%s{\"name\":\"%s\",\"label\":", i > 0 ? "," : "", settings->list[i].name);
		text_json(&content, settings->list[i].label);
		text_add(&content, ",\"issuer\":");
		text_json(&content, settings->list[i].issuer);
		text_add(&content, "}");
	}
	text_add(&content, "]}");
	call_answer_json(request, content.bytes);
	text_free(&content);
}

static SignIn *
begin(Request *request)
{
	Call	   *call = call_of(request);
	SignIn	   *sign_in = arena_alloc(&request->arena, sizeof(SignIn));

	*sign_in = (SignIn) {.request = request, .issuer = issuer_find(call->values[0])};
	if (sign_in->issuer == NULL)
	{
		call_refuse(request, ERROR_NOT_FOUND, 0, "there is no such provider");
		return NULL;
	}
	call->state = sign_in;
	call->forget = forget;
	return sign_in;
}

/* The client has gone, or has its answer. */
static void
forget(void *state)
{
	SignIn	   *sign_in = state;

	issuer_forget(&sign_in->wait);
	fetch_forget(sign_in->fetch);
	free(sign_in->id_token);
	free(sign_in->access_token);
	oidc_free_claims(&sign_in->claims);
	sodium_memzero(sign_in, sizeof(*sign_in));
}

/* --- it begins --------------------------------------------------------------------------------------- */

void
oidc_start(Request *request)
{
	SignIn	   *sign_in;

	if (!accounts_may_use_cookie(request))
		return;
	if (request->origin == NULL)
	{
		call_refuse(request, ERROR_INVALID, 403, "a sign-in at a provider begins in a browser, at the page's own origin");
		return;
	}
	sign_in = begin(request);
	if (sign_in != NULL)
		issuer_ask(sign_in->issuer, &sign_in->wait, on_known_to_start, sign_in);
}

static void
on_known_to_start(void *arg, bool known)
{
	SignIn	   *sign_in = arg;
	Request    *request = sign_in->request;
	const Route *route = call_of(request)->route;
	DbRequest  *statement;

	if (!known)
	{
		call_refuse(request, ERROR_BUSY, 0, "the provider does not answer");
		return;
	}
	oidcsecret_draw(sign_in->hex);
	(void) oidcsecret_read(sign_in->hex, OIDCSECRET_HEX, &sign_in->secret);
	statement = db_request(route->sql, on_begun, request);
	if (!(route->flags & OPEN))
		db_act_as(statement, request->who.session);
	db_binary(statement, sign_in->secret.state_hash, sizeof(sign_in->secret.state_hash));
	db_text(statement, issuer_provider(sign_in->issuer)->name);
	db_text(statement, request->origin);
	call_run(request, statement);
}

static void
on_begun(void *arg, DbOutcome outcome, const PGresult *result)
{
	Request    *request = arg;
	SignIn	   *sign_in = call_of(request)->state;
	const OidcProvider *provider = issuer_provider(sign_in->issuer);
	const char *endpoint = issuer_metadata(sign_in->issuer)->authorization_endpoint;
	Text		cookie = {0};
	Text		url = {0};
	Text		content = {0};

	if (!call_is_done(request, outcome, result))
		return;
	text_format(&cookie, COOKIE "=%s; Max-Age=" COOKIE_SECONDS COOKIE_ATTRIBUTES, sign_in->hex);
	http_add_header(request, "Set-Cookie", cookie.bytes);
	sign_in->origin = request->origin;
	text_format(&url, "%s%s", endpoint, strchr(endpoint, '?') == NULL ? "?" : "");
	oidcsecret_add_field(&url, "response_type", "code");
	oidcsecret_add_field(&url, "client_id", provider->client);
	oidcsecret_add_field(&url, "scope", provider->scopes);
	add_redirect(&url, sign_in);
	oidcsecret_add_field(&url, "state", sign_in->secret.state);
	oidcsecret_add_field(&url, "nonce", sign_in->secret.nonce);
	oidcsecret_add_field(&url, "code_challenge", sign_in->secret.challenge);
	oidcsecret_add_field(&url, "code_challenge_method", "S256");
	text_add(&content, "{\"url\":");
	text_json(&content, url.bytes);
	text_add(&content, "}");
	call_answer_json(request, content.bytes);
	text_free(&cookie);
	text_free(&url);
	text_free(&content);
}

/* --- the browser is back ------------------------------------------------------------------------------ */

void
oidc_callback(Request *request)
{
	SignIn	   *sign_in = begin(request);
	const char *state = http_query(request, "state");
	const char *cookie = call_cookie(request, COOKIE);
	DbRequest  *statement;

	if (sign_in == NULL)
		return;
	if (state == NULL || cookie == NULL || !oidcsecret_read(cookie, strlen(cookie), &sign_in->secret)
		|| strlen(state) != strlen(sign_in->secret.state)
		|| sodium_memcmp(state, sign_in->secret.state, strlen(state)) != 0)
	{
		/* the cookie may be another sign-in's, which goes on */
		send_on(request, "/", EXPIRED);
		return;
	}
	http_add_header(request, "Set-Cookie", COOKIE "=; Max-Age=0" COOKIE_ATTRIBUTES);
	statement = db_request(TAKE_SQL, on_taken, request);
	db_binary(statement, sign_in->secret.state_hash, sizeof(sign_in->secret.state_hash));
	db_text(statement, issuer_provider(sign_in->issuer)->name);
	call_submit(request, statement);
}

static void
on_taken(void *arg, DbOutcome outcome, const PGresult *result)
{
	Request    *request = arg;
	SignIn	   *sign_in = call_of(request)->state;

	request->call = NULL;
	if (outcome != DB_DONE)
	{
		send_on(request, "/", outcome == DB_REFUSED ? EXPIRED : UNREACHABLE);
		return;
	}
	sign_in->origin = arena_text(&request->arena, PQgetvalue(result, 0, 0), (size_t) PQgetlength(result, 0, 0));
	sign_in->return_path = arena_text(&request->arena, PQgetvalue(result, 0, 1), (size_t) PQgetlength(result, 0, 1));
	issuer_ask(sign_in->issuer, &sign_in->wait, on_known_to_return, sign_in);
}

static void
on_known_to_return(void *arg, bool known)
{
	SignIn	   *sign_in = arg;
	const char *why = NULL;
	const char *word = known ? judge_answer(sign_in, &why) : UNREACHABLE;

	if (word != NULL)
		give_up(sign_in, word, why);
	else
		ask_for_tokens(sign_in, http_query(sign_in->request, "code"));
}

/* What the provider has sent along with the browser. NULL: a code is there. */
static const char *
judge_answer(SignIn *sign_in, const char **why)
{
	const char *error = http_query(sign_in->request, "error");
	const char *issuer = http_query(sign_in->request, "iss");
	const char *code = http_query(sign_in->request, "code");

	/* RFC 9207 */
	if (issuer != NULL ? strcmp(issuer, issuer_provider(sign_in->issuer)->issuer) != 0 : issuer_metadata(sign_in->issuer)->names_itself)
		*why = "the answer is not of this provider";
	else if (error != NULL)
	{
		*why = "the provider has not signed in";
		return strcmp(error, "access_denied") == 0 ? CANCELLED : REFUSED;
	}
	else if (code == NULL || *code == '\0')
		*why = "there is no code";
	return *why != NULL ? REFUSED : NULL;
}

static void
ask_for_tokens(SignIn *sign_in, const char *code)
{
	const OidcProvider *provider = issuer_provider(sign_in->issuer);
	const OidcMetadata *metadata = issuer_metadata(sign_in->issuer);
	Text		form = {0};
	Text		pair = {0};
	Text		basic = {0};

	oidcsecret_add_field(&form, "grant_type", "authorization_code");
	oidcsecret_add_field(&form, "code", code);
	add_redirect(&form, sign_in);
	oidcsecret_add_field(&form, "code_verifier", sign_in->secret.verifier);
	if (metadata->secret_in_body)
	{
		oidcsecret_add_field(&form, "client_id", provider->client);
		oidcsecret_add_field(&form, "client_secret", provider->secret);
	}
	else
	{
		oidcsecret_escape(&pair, provider->client);
		text_add(&pair, ":");
		oidcsecret_escape(&pair, provider->secret);
		text_add(&basic, "Basic ");
		base64_encode((const unsigned char *) pair.bytes, pair.length, text_reserve(&basic, BASE64_LENGTH(pair.length) + 1));
		basic.length += BASE64_LENGTH(pair.length);
		basic.bytes[basic.length] = '\0';
	}
	sign_in->fetch = fetch_begin(metadata->token_endpoint, form.bytes, basic.bytes, on_tokens, sign_in);
	if (sign_in->fetch == NULL)
		give_up(sign_in, UNREACHABLE, "too many requests are under way");
	text_free(&form);
	text_free(&pair);
	text_free(&basic);
}

/* The same in both requests, or the provider refuses. */
static void
add_redirect(Text *form, const SignIn *sign_in)
{
	Text		uri = {0};

	text_format(&uri, "%s/api/auth/oidc/%s/callback/", sign_in->origin, issuer_provider(sign_in->issuer)->name);
	oidcsecret_add_field(form, "redirect_uri", uri.bytes);
	text_free(&uri);
}

static void
on_tokens(void *arg, int status, const char *body, size_t length, const char *why)
{
	SignIn	   *sign_in = arg;

	sign_in->fetch = NULL;
	if (status == 0 || status >= 500)
		give_up(sign_in, UNREACHABLE, status == 0 ? why : "the token endpoint has failed");
	else if (status != 200)
		give_up(sign_in, REFUSED, "the token endpoint has refused");
	else if (!oidc_read_tokens(body, length, &sign_in->id_token, &sign_in->access_token))
		give_up(sign_in, REFUSED, "the token endpoint gave no ID token");
	else
		verify(sign_in);
}

static void
verify(SignIn *sign_in)
{
	const OidcProvider *provider = issuer_provider(sign_in->issuer);
	const OidcExpected expected = {
		.issuer = provider->issuer, .client = provider->client, .nonce = sign_in->secret.nonce, .now = time(NULL),
	};
	OidcVerdict verdict = oidc_verify(sign_in->id_token, strlen(sign_in->id_token), issuer_keys(sign_in->issuer), &expected, &sign_in->claims);

	if (verdict == OIDC_UNKNOWN_KEY && !sign_in->renewed)
	{
		sign_in->renewed = true;
		issuer_ask_again(sign_in->issuer, &sign_in->wait, on_renewed, sign_in);
	}
	else if (verdict != OIDC_VALID)
		give_up(sign_in, REFUSED, oidc_verdict_words(verdict));
	else if (sign_in->claims.email == NULL && sign_in->access_token != NULL && issuer_metadata(sign_in->issuer)->userinfo_endpoint != NULL)
		ask_who(sign_in);
	else
		tell_database(sign_in);
}

static void
on_renewed(void *arg, bool known)
{
	(void) known;
	verify(arg);
}

static void
ask_who(SignIn *sign_in)
{
	Text		bearer = {0};

	text_format(&bearer, "Bearer %s", sign_in->access_token);
	/* a token with a line's end in it would be two headers */
	if (strpbrk(sign_in->access_token, "\r\n") == NULL)
		sign_in->fetch = fetch_begin(issuer_metadata(sign_in->issuer)->userinfo_endpoint, NULL, bearer.bytes, on_userinfo, sign_in);
	if (sign_in->fetch == NULL)
		give_up(sign_in, UNREACHABLE, "the userinfo endpoint cannot be asked");
	text_free(&bearer);
}

static void
on_userinfo(void *arg, int status, const char *body, size_t length, const char *why)
{
	SignIn	   *sign_in = arg;

	sign_in->fetch = NULL;
	if (status == 0 || status >= 500)
		give_up(sign_in, UNREACHABLE, status == 0 ? why : "the userinfo endpoint has failed");
	else if (status != 200 || !oidc_add_userinfo(body, length, &sign_in->claims))
		give_up(sign_in, REFUSED, "the userinfo endpoint does not speak of who has signed in");
	else
		tell_database(sign_in);
}

static void
tell_database(SignIn *sign_in)
{
	Request    *request = sign_in->request;
	const OidcClaims *claims = &sign_in->claims;
	DbRequest  *statement = db_request(SIGN_IN_SQL, on_signed_in, request);

	db_binary(statement, sign_in->secret.state_hash, sizeof(sign_in->secret.state_hash));
	db_text(statement, issuer_provider(sign_in->issuer)->issuer);
	db_text(statement, claims->subject);
	db_text(statement, claims->email);
	db_text(statement, claims->email_verified ? "true" : "false");
	db_text(statement, claims->username);
	db_text(statement, claims->name);
	db_text(statement, request->address[0] != '\0' ? request->address : NULL);
	call_submit(request, statement);
}

static void
on_signed_in(void *arg, DbOutcome outcome, const PGresult *result)
{
	Request    *request = arg;
	SignIn	   *sign_in = call_of(request)->state;
	const char *sqlstate = outcome == DB_REFUSED ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;

	request->call = NULL;
	if (sqlstate != NULL && strcmp(sqlstate, errors_kind(ERROR_CONFLICT)->sqlstate) == 0 && !sign_in->repeated)
	{
		/* maybe two took the same username at once: the second finds another one now */
		sign_in->repeated = true;
		tell_database(sign_in);
	}
	else if (sqlstate != NULL)
		give_up(sign_in, strcmp(sqlstate, errors_kind(ERROR_GONE)->sqlstate) == 0 ? EXPIRED : REFUSED, "the database has refused");
	else if (outcome != DB_DONE)
		give_up(sign_in, UNREACHABLE, "the database is away");
	else if (!PQgetisnull(result, 0, 2))
	{
		oidclink_keep(request, PQgetvalue(result, 0, 2));
		send_on(request, sign_in->return_path, "link");
	}
	else
	{
		accounts_keep(request, PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1));
		send_on(request, sign_in->return_path, NULL);
	}
}

static void
give_up(SignIn *sign_in, const char *word, const char *why)
{
	if (strcmp(word, CANCELLED) != 0)
		log_write(LOG_WARNING, "a sign-in at a provider has failed", LOG_TEXT("provider", issuer_provider(sign_in->issuer)->name),
				  LOG_TEXT("outcome", word), LOG_TEXT("why", why != NULL ? why : "the provider cannot be read"));
	send_on(sign_in->request, sign_in->return_path, word);
}

/* The word stands in the query, before a fragment. */
static void
send_on(Request *request, const char *path, const char *word)
{
	size_t		length = strcspn(path, "#");
	Text		location = {0};

	text_bytes(&location, path, length);
	if (word != NULL)
		text_format(&location, "%csign-in=%s", memchr(path, '?', length) != NULL ? '&' : '?', word);
	text_add(&location, path + length);
	http_add_header(request, "Location", location.bytes);
	http_answer(request, 303, NULL, NULL);
	text_free(&location);
}
