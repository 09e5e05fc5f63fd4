/*
 * facts.h: what the decision about a send rests on.
 */
#ifndef PORCUPINE_FACTS_H
#define PORCUPINE_FACTS_H

#include "datatype/timestamp.h"
#include "utils/uuid.h"

#include "lookup.h"

typedef struct Facts
{
	bool		sender_good;	/* the user is not disabled, the device is theirs and not revoked */
	bool		member;			/* pending ones, too */
	bool		pending;
	bool		reader;
	TimestampTz muted_until;	/* 0: never was */

	/* the first send with this client id, if any */
	bool		seen;
	int64		seq;
	TimestampTz created_at;
	int64		ref;			/* 0: none */
	const char *kind;
	const bytea *body;
} Facts;

/* the event that an item's ref names */
typedef struct Target
{
	int64		sender;			/* 0: nobody */
	const char *kind;
	bool		redacted;
} Target;

typedef struct FactsReader
{
	Lookup		users;
	Lookup		devices;
	Lookup		members;
	Lookup		events;
	Lookup		targets;		/* opened for the first ref: most calls have none */
	bool		has_targets;
	AttrNumber	disabled_at;
	AttrNumber	device_user;
	AttrNumber	revoked_at;
	AttrNumber	role;
	AttrNumber	muted_until;
	Oid			pending;		/* values of role */
	Oid			reader;
} FactsReader;

/*
 * facts_open() takes a snapshot (in READ COMMITTED), that sees what was committed until then and
 * what this transaction did; all that is read until facts_close() is of that instant.
 */
extern void facts_open(FactsReader *reader);
extern void facts_read(FactsReader *reader, Facts *facts, int64 room, int64 user, int64 device,
					   const pg_uuid_t *client_id);

/* What a ref names; false: no event of the room. */
extern bool facts_read_target(FactsReader *reader, Target *target, int64 room, int64 seq);
extern void facts_close(FactsReader *reader);

#endif							/* PORCUPINE_FACTS_H */
