/*
 * limiter.h - may this be done now? Token buckets of accounts and addresses, shared by all bridges.
 *
 * What is asked often (frames, sends) is decided here at once, by buckets of this process. What is
 * rare or costs much (REST, and whoever tries passwords or codes) is decided in Redis by one script,
 * which takes from all buckets of a request or from none. A bucket is where its subject is; where the
 * nodes are several, each of those concerned is asked once, one after the other. Without Redis, or
 * while it does not answer in a quarter of a second, buckets of this process stand in.
 *
 * A charge may depend on marks: signs that somebody has signed in to an account before, by a device or
 * from an address. They are where the buckets are, and last for 30 days.
 */
#ifndef PORCUPINE_LIMITER_H
#define PORCUPINE_LIMITER_H

#include "places.h"
#include "quotas.h"

#include <stddef.h>

#define LIMITER_MAX_TOLLS 4

/* How somebody is known; a toll is due at these levels. The first mark that is found decides. */
#define LIMITER_BY_DEVICE 1
#define LIMITER_BY_ADDRESS 2
#define LIMITER_STRANGER 4
#define LIMITER_ANY 7

typedef struct Toll
{
	Limit		limit;
	int64_t		place;			/* whose bucket (places.h) */
	int64_t		further;		/* which of theirs, or 0 */
	int			levels;
} Toll;

typedef struct Verdict
{
	bool		allowed;
	Limit		limit;			/* which refuses, or has the least left */
	double		left;			/* -1: nothing is limited */
	int64_t		seconds;		/* until it may be tried again, or until the bucket is full */
} Verdict;

typedef void (*LimiterDone) (void *arg, const Verdict *verdict);

/* Embedded in whoever asks, zeroed. The tolls of the marks' place stand first. */
typedef struct Charge
{
	Toll		tolls[LIMITER_MAX_TOLLS];
	int			count;
	int64_t		marks_place;	/* 0: there are none to look for */
	int64_t		marks[2];		/* of a device, of an address; 0: none */
	int			level;			/* what was found */
	struct Ask *ask;			/* under way */
} Charge;

/* quotas must outlive the process. */
extern void limiter_open(const Quotas *quotas, bool clustered);
extern void limiter_close(void);
extern const Quota *limiter_quota(Limit limit);

extern void limiter_add(Charge *charge, Limit limit, int64_t place, int64_t further, int levels);
/* done() is called once, maybe before this returns, unless limiter_forget() comes first. */
extern void limiter_ask(Charge *charge, LimiterDone done, void *arg);
extern void limiter_forget(Charge *charge);
/* What was charged and allowed is given back. */
extern void limiter_refund(const Charge *charge);
extern void limiter_mark(int64_t place, int64_t mark);

/* By the buckets of this process: 0, or the seconds after which to try again. */
extern int64_t limiter_take(Limit limit, int64_t place);
/* What is left, as far as this process knows; 0 where nothing is limited. */
extern double limiter_left(Limit limit, int64_t place);
/* There is no room for one more of what is counted; for the metrics. */
extern void limiter_count_refusal(Limit limit);

#endif
