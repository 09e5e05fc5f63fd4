/*
 * sends.h - the send path: whatever arrives while a batch is in flight is the next batch.
 *
 * A room belongs to one lane and a lane has one batch in flight, so a sender's messages keep their
 * order. A batch is one call of porcupine.send_many() in one transaction; nothing is answered or
 * shown before it has committed. Then the hub gets the new events. The commit itself wakes whoever
 * else listens, or, where the database has no worker for that, a transaction of its own.
 */
#ifndef PORCUPINE_SENDS_H
#define PORCUPINE_SENDS_H

#include "errors.h"
#include "json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SENDS_MAX_BODY 65536

typedef struct SendResult
{
	bool		stored;			/* else problem says why not */
	bool		repeated;		/* it was stored before, by this very client id */
	int64_t		seq;
	const char *created_at;		/* borrowed */
	Problem		problem;
} SendResult;

/* Embedded in its maker's struct, which must stay until done() was called; that frees it. */
typedef struct Send Send;
struct Send
{
	Send	   *next;
	uint64_t	order;
	double		began;			/* by metrics_clock() */
	int64_t		room;
	int64_t		user;
	int64_t		device;
	int64_t		epoch;
	int64_t		ref;			/* 0: none */
	const char *kind;			/* static */
	const unsigned char *body;
	size_t		body_length;
	unsigned char client_id[16];
	void		(*done) (Send *send, const SendResult *result);
};

/*
 * Reads client_id, epoch, body, kind and ref of a send. The result is size bytes, freed by free(),
 * zero but for the Send at their beginning; NULL: problem says why.
 */
extern Send *sends_read(const cJSON *object, size_t size, Problem *problem);
extern void sends_write_uuid(Text *text, const unsigned char uuid[16]);

extern void sends_submit(Send *send);
/* Is nothing queued or in flight? */
extern bool sends_are_idle(void);
/* A random number by which this bridge knows its own doorbells. */
extern int64_t sends_origin(void);

#endif
