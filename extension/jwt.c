/*
 * jwt.c: writing, reading and verifying access tokens.
 *
 * Only what jwt_sign() could have written is accepted: exactly three parts, canonical base64url, a
 * flat JSON object of plain strings and whole numbers without white space, escapes or members that
 * occur twice. A general JSON reader would accept more and gain nothing, for nobody else signs with
 * our keys. The algorithm is never taken from the header: there is one, and a header that names
 * another is refused.
 */
#include "jwt.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BASE64URL sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define MOST_MEMBERS 16
#define LARGEST_NUMBER INT64_C(9007199254740991)

static const char audience[] = "porcupine";

/* a member of a flat object; points into the JSON text */
typedef struct Member
{
	const char *name;
	size_t		name_length;
	const char *value;			/* without the quotes of a string */
	size_t		value_length;
	bool		is_string;
} Member;

typedef struct Object
{
	Member		members[MOST_MEMBERS];
	int			count;
} Object;

static bool append_base64url(char *out, size_t size, size_t *used, const void *bytes, size_t length);
static bool is_ascii(const char *text, size_t length);
static bool read_claims(const Object *object, const char *issuer, int64_t now, JwtClaims *claims);
static bool object_read(const char *json, size_t length, Object *object);
static bool read_string(const char **at, const char *end, const char **value, size_t *length);
static bool read_digits(const char **at, const char *end, const char **value, size_t *length);
static bool object_add(Object *object, const Member *member);
static const Member *object_find(const Object *object, const char *name);
static bool string_is(const Object *object, const char *name, const char *expected);
static bool read_id(const Object *object, const char *name, int64_t *id);
static bool read_time(const Object *object, const char *name, int64_t *time);
static bool digits_value(const Member *member, int64_t *value);

void
jwt_kid(const unsigned char public_key[crypto_sign_PUBLICKEYBYTES], char kid[JWT_KID_LENGTH + 1])
{
	unsigned char digest[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(digest, public_key, crypto_sign_PUBLICKEYBYTES);
	sodium_bin2base64(kid, JWT_KID_LENGTH + 1, digest, JWT_KID_BYTES, BASE64URL);
}

size_t
jwt_sign(const JwtClaims *claims, const char *issuer, const char *kid,
		 const unsigned char secret_key[crypto_sign_SECRETKEYBYTES], char *token, size_t size)
{
	char		json[1024];
	unsigned char signature[crypto_sign_BYTES];
	size_t		used = 0;
	int			length;

	length = snprintf(json, sizeof(json), "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}", kid);
	if (length < 0 || (size_t) length >= sizeof(json)
		|| !append_base64url(token, size, &used, json, (size_t) length))
		return 0;
	if (used + 1 >= size)
		return 0;
	token[used++] = '.';

	length = snprintf(json, sizeof(json),
					  "{\"iss\":\"%s\",\"aud\":\"%s\",\"sub\":\"%" PRId64 "\",\"sid\":\"%" PRId64
					  "\",\"did\":\"%" PRId64 "\",\"iat\":%" PRId64 ",\"exp\":%" PRId64 "}",
					  issuer, audience, claims->user_id, claims->session_id, claims->device_id,
					  claims->issued_at, claims->expires_at);
	if (length < 0 || (size_t) length >= sizeof(json)
		|| !append_base64url(token, size, &used, json, (size_t) length))
		return 0;

	crypto_sign_detached(signature, NULL, (const unsigned char *) token, used, secret_key);
	if (used + 1 >= size)
		return 0;
	token[used++] = '.';
	return append_base64url(token, size, &used, signature, sizeof(signature)) ? used : 0;
}

static bool
append_base64url(char *out, size_t size, size_t *used, const void *bytes, size_t length)
{
	size_t		encoded = sodium_base64_encoded_len(length, BASE64URL); /* counts the zero byte */

	if (encoded > size - *used)
		return false;
	sodium_bin2base64(out + *used, encoded, bytes, length, BASE64URL);
	*used += encoded - 1;
	return true;
}

bool
jwt_read(const char *text, size_t length, JwtToken *token)
{
	const char *first;
	const char *second;
	char		header[512];
	size_t		header_length;
	size_t		signature_length;
	Object		object;
	const Member *kid;

	if (length > JWT_LONGEST || !is_ascii(text, length))
		return false;
	first = memchr(text, '.', length);
	if (first == NULL)
		return false;
	second = memchr(first + 1, '.', length - (size_t) (first + 1 - text));
	if (second == NULL)
		return false;

	/* libsodium refuses a third dot, padding, other alphabets and leftover bits */
	if (sodium_base642bin(token->signature, sizeof(token->signature), second + 1,
						  length - (size_t) (second + 1 - text), NULL, &signature_length, NULL, BASE64URL) != 0
		|| signature_length != sizeof(token->signature))
		return false;
	if (sodium_base642bin((unsigned char *) header, sizeof(header), text, (size_t) (first - text),
						  NULL, &header_length, NULL, BASE64URL) != 0
		|| !object_read(header, header_length, &object)
		|| !string_is(&object, "alg", "EdDSA")
		|| !string_is(&object, "typ", "at+jwt")
		|| object_find(&object, "crit") != NULL)
		return false;
	kid = object_find(&object, "kid");
	if (kid == NULL || !kid->is_string || kid->value_length != JWT_KID_LENGTH)
		return false;
	memcpy(token->kid, kid->value, JWT_KID_LENGTH);
	token->kid[JWT_KID_LENGTH] = '\0';

	token->signed_part = text;
	token->signed_length = (size_t) (second - text);
	token->claims = first + 1;
	token->claims_length = (size_t) (second - first - 1);
	return true;
}

/* libsodium 1.0.18 takes any byte above 0x7f for an underscore. */
static bool
is_ascii(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
	{
		if ((unsigned char) text[i] > 0x7f)
			return false;
	}
	return true;
}

bool
jwt_verify(const JwtToken *token, const unsigned char public_key[crypto_sign_PUBLICKEYBYTES],
		   const char *issuer, int64_t now, JwtClaims *claims)
{
	char		json[JWT_LONGEST];
	size_t		length;
	Object		object;

	if (crypto_sign_verify_detached(token->signature, (const unsigned char *) token->signed_part,
									token->signed_length, public_key) != 0)
		return false;
	if (sodium_base642bin((unsigned char *) json, sizeof(json), token->claims, token->claims_length,
						  NULL, &length, NULL, BASE64URL) != 0)
		return false;
	return object_read(json, length, &object) && read_claims(&object, issuer, now, claims);
}

static bool
read_claims(const Object *object, const char *issuer, int64_t now, JwtClaims *claims)
{
	int64_t		not_before;

	if (!string_is(object, "iss", issuer)
		|| !string_is(object, "aud", audience)
		|| !read_id(object, "sub", &claims->user_id)
		|| !read_id(object, "sid", &claims->session_id)
		|| !read_id(object, "did", &claims->device_id)
		|| !read_time(object, "iat", &claims->issued_at)
		|| !read_time(object, "exp", &claims->expires_at))
		return false;
	if (object_find(object, "nbf") != NULL
		&& (!read_time(object, "nbf", &not_before) || now < not_before))
		return false;
	return now < claims->expires_at;
}

/* {"name":"string","name":123} and nothing else */
static bool
object_read(const char *json, size_t length, Object *object)
{
	const char *at = json;
	const char *end = json + length;

	object->count = 0;
	if (at == end || *at++ != '{')
		return false;
	for (;;)
	{
		Member		member;

		if (!read_string(&at, end, &member.name, &member.name_length))
			return false;
		if (at == end || *at++ != ':' || at == end)
			return false;
		member.is_string = *at == '"';
		if (!(member.is_string ? read_string(&at, end, &member.value, &member.value_length)
			  : read_digits(&at, end, &member.value, &member.value_length)))
			return false;
		if (!object_add(object, &member) || at == end)
			return false;
		if (*at == '}')
			return at + 1 == end;
		if (*at++ != ',')
			return false;
	}
}

/* a string of printable ASCII without escapes */
static bool
read_string(const char **at, const char *end, const char **value, size_t *length)
{
	const char *c = *at;

	if (c == end || *c++ != '"')
		return false;
	*value = c;
	while (c < end && *c >= 0x20 && *c <= 0x7e && *c != '"' && *c != '\\')
		c++;
	if (c == end || *c != '"')
		return false;
	*length = (size_t) (c - *value);
	*at = c + 1;
	return true;
}

/* A number that every reader of JSON takes, and for the same: no leading zero, at most 2^53 - 1. */
static bool
read_digits(const char **at, const char *end, const char **value, size_t *length)
{
	Member		number = {.value = *at};
	const char *c = *at;
	int64_t		read;

	while (c < end && *c >= '0' && *c <= '9')
		c++;
	number.value_length = (size_t) (c - *at);
	*value = number.value;
	*length = number.value_length;
	*at = c;
	return digits_value(&number, &read) && read <= LARGEST_NUMBER;
}

/*
 * Refuses a name that is there already: whoever reads the first would see another token than who
 * reads the last.
 */
static bool
object_add(Object *object, const Member *member)
{
	if (object->count == MOST_MEMBERS)
		return false;
	for (int i = 0; i < object->count; i++)
	{
		if (object->members[i].name_length == member->name_length
			&& memcmp(object->members[i].name, member->name, member->name_length) == 0)
			return false;
	}
	object->members[object->count++] = *member;
	return true;
}

static const Member *
object_find(const Object *object, const char *name)
{
	for (int i = 0; i < object->count; i++)
	{
		if (object->members[i].name_length == strlen(name)
			&& memcmp(object->members[i].name, name, strlen(name)) == 0)
			return &object->members[i];
	}
	return NULL;
}

static bool
string_is(const Object *object, const char *name, const char *expected)
{
	const Member *member = object_find(object, name);

	return member != NULL && member->is_string && member->value_length == strlen(expected)
		&& memcmp(member->value, expected, member->value_length) == 0;
}

static bool
read_id(const Object *object, const char *name, int64_t *id)
{
	const Member *member = object_find(object, name);

	return member != NULL && member->is_string && digits_value(member, id) && *id > 0;
}

static bool
read_time(const Object *object, const char *name, int64_t *time)
{
	const Member *member = object_find(object, name);

	return member != NULL && !member->is_string && digits_value(member, time)
		&& *time <= INT64_C(253402300799);	/* the end of the year 9999 */
}

/* A whole number has one spelling: no sign, no leading zero, within 64 bits. */
static bool
digits_value(const Member *member, int64_t *value)
{
	int64_t		number = 0;

	if (member->value_length == 0 || (member->value_length > 1 && member->value[0] == '0'))
		return false;
	for (size_t i = 0; i < member->value_length; i++)
	{
		int			digit = member->value[i] - '0';

		if (digit < 0 || digit > 9 || number > (INT64_MAX - digit) / 10)
			return false;
		number = number * 10 + digit;
	}
	*value = number;
	return true;
}
