/*
 * oidctoken.h - what an OpenID provider answers, read: its discovery document, the answer of its
 * token endpoint, the ID token, what it says of a user.
 *
 * Pure functions over bytes, without memory of their own and without a clock: whoever calls says
 * what time it is. The strings that they give are made by malloc() and freed by the functions here.
 * Nothing that a provider says is believed before it is read here.
 */
#ifndef PORCUPINE_OIDCTOKEN_H
#define PORCUPINE_OIDCTOKEN_H

#include "jws.h"

#include <stdint.h>

#define OIDC_SKEW_S 60			/* so far may its clock be from ours */
#define OIDC_MAX_URL 1024
#define OIDC_MAX_SUBJECT 255
#define OIDC_MAX_EMAIL 254
#define OIDC_MAX_NAME 200

/* OpenID Connect Discovery 1.0, section 3 */
typedef struct OidcMetadata
{
	char	   *authorization_endpoint;
	char	   *token_endpoint;
	char	   *jwks_uri;
	char	   *userinfo_endpoint;	/* NULL: there is none */
	bool		secret_in_body;	/* client_secret_post, where client_secret_basic is not offered */
	bool		names_itself;	/* its answers have an iss parameter (RFC 9207) */
} OidcMetadata;

/* What it says of who has signed in. */
typedef struct OidcClaims
{
	char	   *subject;
	char	   *email;			/* this and what follows may be NULL */
	char	   *username;
	char	   *name;
	bool		email_verified;
} OidcClaims;

typedef struct OidcExpected
{
	const char *issuer;
	const char *client;
	const char *nonce;
	int64_t		now;			/* seconds since 1970 */
} OidcExpected;

typedef enum OidcVerdict
{
	OIDC_VALID,
	OIDC_UNKNOWN_KEY,
	OIDC_BAD_SIGNATURE,			/* or malformed, or of another algorithm than its key */
	OIDC_WRONG_ISSUER,
	OIDC_WRONG_AUDIENCE,
	OIDC_EXPIRED,
	OIDC_NOT_YET,
	OIDC_WRONG_NONCE,
	OIDC_NO_SUBJECT
} OidcVerdict;

/*
 * A URL that a request may go to: https, or http to this very machine where that is allowed; a host,
 * no user, no fragment, printable ASCII only.
 */
extern bool oidc_url_is_fit(const char *url, bool allow_loopback);

/* False: why says what is wrong, in words that outlive the process; nothing is to be freed. */
extern bool oidc_read_metadata(const char *json, size_t length, const char *issuer, bool allow_loopback,
							   OidcMetadata *metadata, const char **why);
extern void oidc_free_metadata(OidcMetadata *metadata);

/* The tokens of an answer; access is NULL where it has none. False: there is no ID token in it. */
extern bool oidc_read_tokens(const char *json, size_t length, char **id_token, char **access_token);

/* OpenID Connect Core 1.0, section 3.1.3.7. claims are to be freed when the verdict is OIDC_VALID. */
extern OidcVerdict oidc_verify(const char *token, size_t length, const JwsKeys *keys, const OidcExpected *expected,
							   OidcClaims *claims);
/* In words for the log. */
extern const char *oidc_verdict_words(OidcVerdict verdict);

/*
 * Takes from the answer of the userinfo endpoint what the claims do not have yet. False: it is of
 * somebody else, or no JSON (section 5.3.2).
 */
extern bool oidc_add_userinfo(const char *json, size_t length, OidcClaims *claims);
extern void oidc_free_claims(OidcClaims *claims);

#endif
