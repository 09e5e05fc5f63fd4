/*
 * passwords.c: hashing and verifying passwords with Argon2id.
 *
 * A hash takes 19 MiB and keeps a processor busy for 20 to 50 ms, during which no timeout can stop
 * it. So at most porcupine.password_concurrency run at once in a database: each takes one of as
 * many slots, heavyweight locks of a class that SQL's advisory locks cannot name. Who finds none
 * free waits for one at random, interruptibly, and gives it back right after the hash, not at the
 * end of the transaction.
 *
 * Nothing between taking and giving back a slot can raise an error; libsodium frees its own memory.
 */
#include "compat.h"

#include <errno.h>
#include <sodium.h>

#include "access/detoast.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/builtins.h"

#include "errors.h"
#include "guc.h"

/* OWASP's Argon2id with t=2, p=1 */
#define PASSES 2
#define MEMORY (19 * 1024 * 1024)
#define LONGEST_PASSWORD 4096	/* bytes; 256 characters fit many times over */

/* the fourth field of an advisory lock's tag: SQL's functions use 1 and 2 */
#define SLOT_CLASS 0x5043

typedef struct Password
{
	text	   *value;
	bool		is_copy;		/* ours to wipe */
} Password;

static Password read_password(Datum argument);
static void wipe_password(Password *password);
static bool matches(const char *hash, const Password *password);
static bool matches_nothing(const Password *password);
static LOCKTAG take_slot(void);
static void give_slot_back(const LOCKTAG *slot);
_Noreturn static void out_of_memory(void);

/* porcupine.hash_password(password) */
PG_FUNCTION_INFO_V1(porcupine_hash_password);

Datum
porcupine_hash_password(PG_FUNCTION_ARGS)
{
	Password	password = read_password(PG_GETARG_DATUM(0));
	char		hash[crypto_pwhash_STRBYTES];
	LOCKTAG		slot = take_slot();
	int			result;

	result = crypto_pwhash_str_alg(hash, VARDATA_ANY(password.value), VARSIZE_ANY_EXHDR(password.value),
								   PASSES, MEMORY, crypto_pwhash_ALG_ARGON2ID13);
	give_slot_back(&slot);
	wipe_password(&password);
	if (result != 0)
		out_of_memory();
	PG_RETURN_TEXT_P(cstring_to_text(hash));
}

/* porcupine.verify_password(hash, password) */
PG_FUNCTION_INFO_V1(porcupine_verify_password);

Datum
porcupine_verify_password(PG_FUNCTION_ARGS)
{
	Password	password = read_password(PG_ARGISNULL(1) ? PointerGetDatum(cstring_to_text(""))
										 : PG_GETARG_DATUM(1));
	char	   *hash = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	bool		fits;
	bool		exhausted;
	LOCKTAG		slot;

	/* -1: not a hash that libsodium could verify */
	if (hash != NULL && crypto_pwhash_str_needs_rehash(hash, PASSES, MEMORY) == -1)
		hash = NULL;

	slot = take_slot();
	errno = 0;
	fits = hash != NULL ? matches(hash, &password) : matches_nothing(&password);
	exhausted = !fits && errno == ENOMEM;
	give_slot_back(&slot);
	wipe_password(&password);
	if (exhausted)
		out_of_memory();		/* "wrong password" would be untrue */
	PG_RETURN_BOOL(fits && !PG_ARGISNULL(1));
}

static bool
matches(const char *hash, const Password *password)
{
	return crypto_pwhash_str_verify(hash, VARDATA_ANY(password->value),
									VARSIZE_ANY_EXHDR(password->value)) == 0;
}

/* Costs what matches() costs, so that the time does not tell whether the account exists. */
static bool
matches_nothing(const Password *password)
{
	static const unsigned char salt[crypto_pwhash_SALTBYTES];
	unsigned char digest[32];

	if (crypto_pwhash(digest, sizeof(digest),
					  VARDATA_ANY(password->value), VARSIZE_ANY_EXHDR(password->value),
					  salt, PASSES, MEMORY, crypto_pwhash_ALG_ARGON2ID13) == 0)
		sodium_memzero(digest, sizeof(digest));
	return false;
}

static Password
read_password(Datum argument)
{
	Password	password;

	/* before it is unpacked: a few compressed bytes may stand for a gigabyte */
	if (toast_raw_datum_size(argument) - VARHDRSZ > LONGEST_PASSWORD)
		errors_refuse(CONDITION_TOO_LARGE, "a password has at most 4096 bytes", NULL, NULL);
	password.value = DatumGetTextPP(argument);
	password.is_copy = PointerGetDatum(password.value) != argument;
	return password;
}

static void
wipe_password(Password *password)
{
	if (password->is_copy)
		sodium_memzero(VARDATA_ANY(password->value), VARSIZE_ANY_EXHDR(password->value));
}

static LOCKTAG
take_slot(void)
{
	uint32		slots = (uint32) guc_settings.password_concurrency;
	uint32		first = randombytes_uniform(slots);
	LOCKTAG		slot;

	for (uint32 i = 0; i < slots; i++)
	{
		SET_LOCKTAG_ADVISORY(slot, MyDatabaseId, 0, (first + i) % slots, SLOT_CLASS);
		if (LockAcquire(&slot, ExclusiveLock, false, true) == LOCKACQUIRE_OK)
			return slot;
	}
	SET_LOCKTAG_ADVISORY(slot, MyDatabaseId, 0, first, SLOT_CLASS);
	LockAcquire(&slot, ExclusiveLock, false, false);
	return slot;
}

static void
give_slot_back(const LOCKTAG *slot)
{
	LockRelease(slot, ExclusiveLock, false);
}

static void
out_of_memory(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_OUT_OF_MEMORY),
			 errmsg("out of memory"),
			 errdetail("Hashing a password needs %d MiB.", MEMORY / 1024 / 1024),
			 errhidestmt(true)));
}
