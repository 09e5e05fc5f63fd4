/*
 * send.h - one send: what somebody wants stored, what became of it, and the event that it becomes.
 *
 * It never says who may send what: the database does.
 */
#ifndef PORCUPINE_SEND_H
#define PORCUPINE_SEND_H

#include "errors.h"
#include "frame.h"
#include "json.h"
#include "text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEND_MAX_BODY 65536

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
extern Send *send_read(const cJSON *object, size_t size, Problem *problem);
extern void send_write_uuid(Text *text, const unsigned char uuid[16]);

/* The frame of the event that it became, to the letter as whoever reads the table words it; the caller's. */
extern Frame *send_frame(const Send *send, int64_t seq, const char *created_at);

#endif
