/*
 * jws.c - see jws.h.
 */
#include "jws.h"
#include "base64.h"
#include "json.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/param_build.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define RS256 "RS256"
#define ES256 "ES256"
#define EDDSA "EdDSA"

#define MIN_RSA_BITS 2048
#define MAX_RSA_BYTES 1024		/* 8192 bits; verifying takes longer the larger a key is */
#define MAX_EXPONENT_BYTES 4
#define P256_BYTES 32
#define ED25519_BYTES 32
#define MAX_SIGNATURE MAX_RSA_BYTES

static bool read_key(const cJSON *jwk, JwsKey *key);
static bool is_for_signatures(const cJSON *jwk);
static EVP_PKEY *read_rsa(const cJSON *jwk);
static EVP_PKEY *read_p256(const cJSON *jwk);
static bool read_ed25519(const cJSON *jwk, unsigned char *key);
static EVP_PKEY *make_key(const char *type, OSSL_PARAM_BLD *parameters);
static bool read_number(const cJSON *jwk, const char *name, unsigned char *to, size_t most, size_t *size);
static const JwsKey *find_key(const JwsKeys *keys, const char *kid);
static bool fits(const JwsKey *key, const char *what, size_t length, const unsigned char *signature, size_t size);
static bool evp_fits(EVP_PKEY *key, const char *what, size_t length, const unsigned char *signature, size_t size);
static bool ecdsa_fits(EVP_PKEY *key, const char *what, size_t length, const unsigned char *signature, size_t size);

bool
jws_read_keys(const char *json, size_t length, JwsKeys *keys)
{
	cJSON	   *root = json_parse(json, length);
	const cJSON *list = json_get(root, "keys");
	const cJSON *jwk;
	bool		ok = cJSON_IsArray(list);

	keys->count = 0;
	for (jwk = ok ? list->child : NULL; jwk != NULL && keys->count < JWS_MAX_KEYS; jwk = jwk->next)
	{
		const char *kid = json_string(jwk, "kid");
		JwsKey	   *key = &keys->keys[keys->count];

		*key = (JwsKey) {0};
		if (kid == NULL || *kid == '\0' || strlen(kid) >= JWS_MAX_KID || find_key(keys, kid) != NULL
			|| !is_for_signatures(jwk) || !read_key(jwk, key))
			continue;
		strcpy(key->kid, kid);
		keys->count++;
	}
	cJSON_Delete(root);
	return ok;
}

void
jws_free_keys(JwsKeys *keys)
{
	for (int i = 0; i < keys->count; i++)
		EVP_PKEY_free(keys->keys[i].key);
	keys->count = 0;
}

JwsVerdict
jws_open(const char *token, size_t length, const JwsKeys *keys, char *payload, size_t *payload_length)
{
	const char *first = memchr(token, '.', length);
	const char *second = first != NULL ? memchr(first + 1, '.', (size_t) (token + length - first - 1)) : NULL;
	unsigned char bytes[JWS_MAX_LENGTH / 4 * 3 + 3];
	const char *end = token + length;
	JwsVerdict	verdict = JWS_INVALID;
	cJSON	   *header = NULL;
	const char *kid;
	const char *type;
	const JwsKey *key;
	size_t		size;

	if (length > JWS_MAX_LENGTH || second == NULL
		|| !base64_decode_url(token, (size_t) (first - token), bytes, &size))
		return JWS_INVALID;
	header = json_parse((const char *) bytes, size);
	kid = json_string(header, "kid");
	type = json_string(header, "typ");
	if (kid == NULL || json_get(header, "crit") != NULL || json_string(header, "alg") == NULL
		|| (json_get(header, "typ") != NULL && (type == NULL || strcasecmp(type, "JWT") != 0)))
		goto done;
	key = find_key(keys, kid);
	if (key == NULL)
	{
		verdict = JWS_UNKNOWN_KEY;
		goto done;
	}
	if (!json_is(header, "alg", key->algorithm)
		|| (size_t) (end - second - 1) > BASE64_LENGTH(MAX_SIGNATURE)
		|| !base64_decode_url(second + 1, (size_t) (end - second - 1), bytes, &size)
		|| !fits(key, token, (size_t) (second - token), bytes, size)
		|| !base64_decode_url(first + 1, (size_t) (second - first - 1), bytes, &size))
		goto done;
	memcpy(payload, bytes, size);
	*payload_length = size;
	verdict = JWS_VALID;
done:
	cJSON_Delete(header);
	return verdict;
}

/* --- keys ------------------------------------------------------------------------------------------- */

static bool
read_key(const cJSON *jwk, JwsKey *key)
{
	if (json_is(jwk, "kty", "RSA"))
	{
		key->algorithm = RS256;
		key->key = read_rsa(jwk);
	}
	else if (json_is(jwk, "kty", "EC") && json_is(jwk, "crv", "P-256"))
	{
		key->algorithm = ES256;
		key->key = read_p256(jwk);
	}
	else if (json_is(jwk, "kty", "OKP") && json_is(jwk, "crv", "Ed25519") && read_ed25519(jwk, key->ed25519))
		key->algorithm = EDDSA;
	else
		return false;
	/* a key that is meant for another algorithm of its kind, as PS256, is not used for this one */
	if (json_get(jwk, "alg") != NULL && !json_is(jwk, "alg", key->algorithm))
	{
		EVP_PKEY_free(key->key);
		return false;
	}
	return key->key != NULL || strcmp(key->algorithm, EDDSA) == 0;
}

/* What is absent says nothing against it (RFC 7517, sections 4.2 and 4.3). */
static bool
is_for_signatures(const cJSON *jwk)
{
	const cJSON *operations = json_get(jwk, "key_ops");
	const cJSON *operation;

	if (json_get(jwk, "use") != NULL && !json_is(jwk, "use", "sig"))
		return false;
	if (operations == NULL)
		return true;
	cJSON_ArrayForEach(operation, operations)
	{
		if (cJSON_IsString(operation) && strcmp(operation->valuestring, "verify") == 0)
			return true;
	}
	return false;
}

static EVP_PKEY *
read_rsa(const cJSON *jwk)
{
	unsigned char modulus[MAX_RSA_BYTES + 3];
	unsigned char exponent[MAX_EXPONENT_BYTES + 3];
	size_t		modulus_size;
	size_t		exponent_size;
	OSSL_PARAM_BLD *parameters;
	BIGNUM	   *n;
	BIGNUM	   *e;
	EVP_PKEY   *key = NULL;

	if (!read_number(jwk, "n", modulus, MAX_RSA_BYTES, &modulus_size)
		|| !read_number(jwk, "e", exponent, MAX_EXPONENT_BYTES, &exponent_size))
		return NULL;
	parameters = OSSL_PARAM_BLD_new();
	n = BN_bin2bn(modulus, (int) modulus_size, NULL);
	e = BN_bin2bn(exponent, (int) exponent_size, NULL);
	if (parameters != NULL && n != NULL && e != NULL
		&& BN_num_bits(n) >= MIN_RSA_BITS && BN_is_odd(n) && BN_is_odd(e) && !BN_is_one(e)
		&& OSSL_PARAM_BLD_push_BN(parameters, OSSL_PKEY_PARAM_RSA_N, n) == 1
		&& OSSL_PARAM_BLD_push_BN(parameters, OSSL_PKEY_PARAM_RSA_E, e) == 1)
		key = make_key("RSA", parameters);
	BN_free(n);
	BN_free(e);
	OSSL_PARAM_BLD_free(parameters);
	return key;
}

/* OpenSSL refuses a point that is not on the curve. */
static EVP_PKEY *
read_p256(const cJSON *jwk)
{
	unsigned char point[1 + 2 * P256_BYTES + 3] = {POINT_CONVERSION_UNCOMPRESSED};
	size_t		x;
	size_t		y;
	OSSL_PARAM_BLD *parameters;
	EVP_PKEY   *key = NULL;

	if (!read_number(jwk, "x", point + 1, P256_BYTES, &x) || x != P256_BYTES
		|| !read_number(jwk, "y", point + 1 + P256_BYTES, P256_BYTES, &y) || y != P256_BYTES)
		return NULL;
	parameters = OSSL_PARAM_BLD_new();
	if (parameters != NULL
		&& OSSL_PARAM_BLD_push_utf8_string(parameters, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1
		&& OSSL_PARAM_BLD_push_octet_string(parameters, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * P256_BYTES) == 1)
		key = make_key("EC", parameters);
	OSSL_PARAM_BLD_free(parameters);
	return key;
}

static bool
read_ed25519(const cJSON *jwk, unsigned char *key)
{
	unsigned char bytes[ED25519_BYTES + 3];
	size_t		size;

	if (!read_number(jwk, "x", bytes, ED25519_BYTES, &size) || size != ED25519_BYTES)
		return false;
	memcpy(key, bytes, ED25519_BYTES);
	return true;
}

static EVP_PKEY *
make_key(const char *type, OSSL_PARAM_BLD *parameters)
{
	OSSL_PARAM *list = OSSL_PARAM_BLD_to_param(parameters);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY   *key = NULL;

	if (list != NULL && context != NULL && EVP_PKEY_fromdata_init(context) == 1)
	{
		if (EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, list) != 1)
			key = NULL;
	}
	EVP_PKEY_CTX_free(context);
	OSSL_PARAM_free(list);
	return key;
}

/* to holds most + 3 bytes. */
static bool
read_number(const cJSON *jwk, const char *name, unsigned char *to, size_t most, size_t *size)
{
	const char *text = json_string(jwk, name);

	return text != NULL && strlen(text) <= (most * 4 + 2) / 3
		&& base64_decode_url(text, strlen(text), to, size) && *size > 0 && *size <= most;
}

static const JwsKey *
find_key(const JwsKeys *keys, const char *kid)
{
	for (int i = 0; i < keys->count; i++)
	{
		if (strcmp(keys->keys[i].kid, kid) == 0)
			return &keys->keys[i];
	}
	return NULL;
}

/* --- signatures ------------------------------------------------------------------------------------- */

static bool
fits(const JwsKey *key, const char *what, size_t length, const unsigned char *signature, size_t size)
{
	if (key->key == NULL)
		return size == crypto_sign_BYTES
			&& crypto_sign_verify_detached(signature, (const unsigned char *) what, length, key->ed25519) == 0;
	if (strcmp(key->algorithm, ES256) == 0)
		return ecdsa_fits(key->key, what, length, signature, size);
	return size == (size_t) EVP_PKEY_get_size(key->key) && evp_fits(key->key, what, length, signature, size);
}

/* SHA-256, and for RSA the padding of PKCS #1 v1.5, which is OpenSSL's default. */
static bool
evp_fits(EVP_PKEY *key, const char *what, size_t length, const unsigned char *signature, size_t size)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool		ok = context != NULL
		&& EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1
		&& EVP_DigestVerify(context, signature, size, (const unsigned char *) what, length) == 1;

	EVP_MD_CTX_free(context);
	return ok;
}

/* A JWS has r and s side by side (RFC 7518, section 3.4), OpenSSL wants them as DER. */
static bool
ecdsa_fits(EVP_PKEY *key, const char *what, size_t length, const unsigned char *signature, size_t size)
{
	ECDSA_SIG  *pair;
	BIGNUM	   *r;
	BIGNUM	   *s;
	unsigned char *der = NULL;
	int			der_size = -1;
	bool		ok;

	if (size != 2 * P256_BYTES)
		return false;
	pair = ECDSA_SIG_new();
	r = BN_bin2bn(signature, P256_BYTES, NULL);
	s = BN_bin2bn(signature + P256_BYTES, P256_BYTES, NULL);
	if (pair != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(pair, r, s) == 1)
	{
		r = s = NULL;			/* the pair's now */
		der_size = i2d_ECDSA_SIG(pair, &der);
	}
	ok = der_size > 0 && evp_fits(key, what, length, der, (size_t) der_size);
	OPENSSL_free(der);
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(pair);
	return ok;
}
