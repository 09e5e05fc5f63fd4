/*
 * test_jws.c - signatures of others verify by the key's own algorithm, or not at all.
 *
 * Vectors of Project Wycheproof are read where they lie beside the project (../shared/vectors, or
 * PORCUPINE_VECTORS).
 */
#include "jws.h"
#include "json.h"
#include "tap.h"
#include "token.h"

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define HEADER(alg, kid) "{\"alg\":\"" alg "\",\"kid\":\"" kid "\"}"

static unsigned char secret[crypto_sign_SECRETKEYBYTES];
static EVP_PKEY *rsa;
static EVP_PKEY *p256;
static JwsKeys keys;

static void
add_number(Text *set, const char *name, EVP_PKEY *key, const char *parameter)
{
	BIGNUM	   *number = NULL;
	unsigned char bytes[512];
	int			size;

	EVP_PKEY_get_bn_param(key, parameter, &number);
	/* coordinates have their whole length */
	size = strcmp(parameter, "n") == 0 || strcmp(parameter, "e") == 0 ? BN_num_bytes(number) : 32;
	BN_bn2binpad(number, bytes, size);
	BN_free(number);
	text_format(set, "\"%s\":\"", name);
	token_add(set, bytes, (size_t) size);
	text_add(set, "\"");
}

/* The sets of one key that are refused are made of these, too. */
static void
add_rsa(Text *set, EVP_PKEY *key, const char *kid, const char *more)
{
	text_format(set, "{\"kty\":\"RSA\",\"kid\":\"%s\"%s,", kid, more);
	add_number(set, "n", key, "n");
	text_add(set, ",");
	add_number(set, "e", key, "e");
	text_add(set, "}");
}

static void
make_keys(void)
{
	unsigned char public_key[crypto_sign_PUBLICKEYBYTES];
	Text		set = {0};

	crypto_sign_keypair(public_key, secret);
	rsa = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t) 2048);
	p256 = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	text_add(&set, "{\"keys\":[");
	add_rsa(&set, rsa, "r", ",\"use\":\"sig\",\"alg\":\"RS256\"");
	text_add(&set, ",{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"e\",");
	add_number(&set, "x", p256, "qx");
	text_add(&set, ",");
	add_number(&set, "y", p256, "qy");
	text_add(&set, "},{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"o\",\"x\":\"");
	token_add(&set, public_key, sizeof(public_key));
	text_add(&set, "\"},");
	add_rsa(&set, rsa, "r", "");	/* an id that is there already */
	text_add(&set, ",");
	add_rsa(&set, rsa, "p", ",\"alg\":\"PS256\"");
	text_add(&set, ",");
	add_rsa(&set, rsa, "c", ",\"use\":\"enc\"");
	text_add(&set, ",");
	add_rsa(&set, rsa, "w", ",\"key_ops\":[\"wrapKey\"]");
	text_add(&set, ",{\"kty\":\"oct\",\"kid\":\"h\",\"k\":\"AAAA\"}]}");
	ok(jws_read_keys(set.bytes, set.length, &keys) && keys.count == 3, "a set's keys of three kinds are read, and no others");
	text_free(&set);
}

static void
check_refused_keys(void)
{
	EVP_PKEY   *small = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t) 1024);
	JwsKeys		none;
	Text		set = {0};

	text_add(&set, "{\"keys\":[");
	add_rsa(&set, small, "s", "");
	text_add(&set, ",{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"off\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
			 "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"},"
			 "{\"kty\":\"RSA\",\"kid\":\"odd\",\"n\":\"!\",\"e\":\"AQAB\"},{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"x\",\"x\":\"AA\"},"
			 "7,{\"kty\":\"RSA\"}]}");
	ok(jws_read_keys(set.bytes, set.length, &none) && none.count == 0,
	   "a small modulus, a point off the curve and what is no key are passed over");
	ok(!jws_read_keys("{}", 2, &none) && !jws_read_keys("[]", 2, &none) && !jws_read_keys("", 0, &none),
	   "what is no set is refused");
	EVP_PKEY_free(small);
	text_free(&set);
}

static void
sign_by_evp(Text *token, EVP_PKEY *key)
{
	unsigned char bytes[512];
	unsigned char raw[64];
	size_t		size = sizeof(bytes);
	const unsigned char *der = bytes;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	ECDSA_SIG  *pair;

	EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key);
	EVP_DigestSign(context, bytes, &size, (unsigned char *) token->bytes, token->length);
	EVP_MD_CTX_free(context);
	text_add(token, ".");
	if (key == rsa)
	{
		token_add(token, bytes, size);
		return;
	}
	pair = d2i_ECDSA_SIG(NULL, &der, (long) size);
	BN_bn2binpad(ECDSA_SIG_get0_r(pair), raw, 32);
	BN_bn2binpad(ECDSA_SIG_get0_s(pair), raw + 32, 32);
	ECDSA_SIG_free(pair);
	token_add(token, raw, sizeof(raw));
}

/* key NULL: by Ed25519 */
static Text
make_token(const char *header, EVP_PKEY *key)
{
	Text		token = {0};
	unsigned char signature[crypto_sign_BYTES];

	token_add(&token, header, strlen(header));
	text_add(&token, ".");
	token_add(&token, "payload", 7);
	if (key != NULL)
		sign_by_evp(&token, key);
	else
	{
		crypto_sign_detached(signature, NULL, (unsigned char *) token.bytes, token.length, secret);
		text_add(&token, ".");
		token_add(&token, signature, sizeof(signature));
	}
	return token;
}

static void
check(JwsVerdict expected, const char *header, EVP_PKEY *key, const char *name)
{
	Text		token = make_token(header, key);
	char	   *payload = malloc(token.length);
	size_t		size = 0;
	JwsVerdict	verdict = jws_open(token.bytes, token.length, &keys, payload, &size);

	ok(verdict == expected && (verdict != JWS_VALID || (size == 7 && memcmp(payload, "payload", 7) == 0)), "%s", name);
	if (expected == JWS_VALID)
	{
		token.bytes[token.length - 20] ^= 1;
		ok(jws_open(token.bytes, token.length, &keys, payload, &size) != JWS_VALID, "%s, but not with another signature", name);
	}
	free(payload);
	text_free(&token);
}

static void
check_tokens(void)
{
	check(JWS_VALID, HEADER("RS256", "r"), rsa, "RS256 verifies");
	check(JWS_VALID, HEADER("ES256", "e"), p256, "ES256 verifies");
	check(JWS_VALID, HEADER("EdDSA", "o"), NULL, "EdDSA verifies");
	check(JWS_VALID, "{\"alg\":\"EdDSA\",\"kid\":\"o\",\"typ\":\"jwt\"}", NULL, "the type JWT is one, in any case");
	check(JWS_UNKNOWN_KEY, HEADER("RS256", "q"), rsa, "an unknown key is named as such");
	check(JWS_INVALID, HEADER("RS256", "e"), rsa, "a key is of its own algorithm only");
	check(JWS_INVALID, HEADER("PS256", "r"), rsa, "an RSA key is not used for PS256");
	check(JWS_INVALID, HEADER("none", "o"), NULL, "alg none is refused, with a good signature even");
	check(JWS_INVALID, HEADER("HS256", "r"), rsa, "HS256 is refused");
	check(JWS_INVALID, "{\"alg\":\"EdDSA\"}", NULL, "a token without a key id is refused");
	check(JWS_INVALID, "{\"alg\":\"EdDSA\",\"kid\":\"o\",\"typ\":\"at+jwt\"}", NULL, "a token of another type is refused");
	check(JWS_INVALID, "{\"alg\":\"EdDSA\",\"kid\":\"o\",\"crit\":[\"b64\"]}", NULL, "critical extensions are refused");
	check(JWS_INVALID, "{\"alg\":\"EdDSA\",\"kid\":\"o\"", NULL, "a header that is no JSON is refused");
}

/* --- the vectors ------------------------------------------------------------------------------------------ */

static cJSON *
read_vectors(void)
{
	const char *folder = getenv("PORCUPINE_VECTORS");
	Text		path = {0};
	FILE	   *file;
	char	   *bytes = calloc(1, 1 << 20);
	cJSON	   *root = NULL;

	text_format(&path, "%s/json_web_signature_test.json", folder != NULL ? folder : "../../shared/vectors");
	file = fopen(path.bytes, "r");
	if (file != NULL)
	{
		if (fread(bytes, 1, (1 << 20) - 1, file) > 0)
			root = cJSON_Parse(bytes);
		fclose(file);
	}
	text_free(&path);
	free(bytes);
	return root;
}

/* Keys of the algorithms that are known here; for all others any token must be refused. */
static void
run_group(const cJSON *group, int *valid, int *invalid, int *wrong)
{
	const cJSON *key = cJSON_GetObjectItem(group, "public");
	const cJSON *test;
	const char *algorithm = cJSON_GetStringValue(cJSON_GetObjectItem(key, "alg"));
	bool		known = algorithm != NULL && (strcmp(algorithm, "RS256") == 0 || strcmp(algorithm, "ES256") == 0);
	char	   *text = key != NULL ? cJSON_PrintUnformatted(key) : strdup("{}");
	JwsKeys		set;
	Text		json = {0};

	text_format(&json, "{\"keys\":[%s]}", text);
	if (!jws_read_keys(json.bytes, json.length, &set))
		(*wrong)++;
	cJSON_ArrayForEach(test, cJSON_GetObjectItem(group, "tests"))
	{
		const char *token = cJSON_GetStringValue(cJSON_GetObjectItem(test, "jws"));
		const char *result = cJSON_GetStringValue(cJSON_GetObjectItem(test, "result"));
		bool		expected = known && strcmp(result, "valid") == 0;
		char		payload[JWS_MAX_LENGTH];
		size_t		size;
		bool		passed;

		if (token == NULL)
			continue;
		passed = jws_open(token, strlen(token), &set, payload, &size) == JWS_VALID;
		*(expected ? valid : invalid) += 1;
		if (passed != expected)
		{
			printf("# test %d: %s\n", cJSON_GetObjectItem(test, "tcId")->valueint, result);
			(*wrong)++;
		}
	}
	jws_free_keys(&set);
	text_free(&json);
	free(text);
}

static void
check_vectors(void)
{
	cJSON	   *root = read_vectors();
	const cJSON *group;
	int			valid = 0;
	int			invalid = 0;
	int			wrong = 0;

	if (root == NULL)
	{
		printf("# ../shared/vectors does not have json_web_signature_test.json: left out\n");
		return;
	}
	cJSON_ArrayForEach(group, cJSON_GetObjectItem(root, "testGroups"))
		run_group(group, &valid, &invalid, &wrong);
	cJSON_Delete(root);
	ok(wrong == 0 && valid > 5 && invalid > 200, "vectors: %d verify, %d do not, %d are judged wrongly", valid, invalid, wrong);
}

int
main(void)
{
	if (sodium_init() < 0)
		return 1;
	make_keys();
	check_refused_keys();
	check_tokens();
	check_vectors();
	jws_free_keys(&keys);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(p256);
	return done();
}
