/*
 * limiter.c - see limiter.h. It owns this process's buckets and marks, and the questions that are under way.
 *
 * What Redis has counted is copied into the buckets here, so that they go on from there when it goes
 * away. A question that comes back too late has been decided here already; what it took stays taken.
 * After such a delay its node is left alone for a second.
 */
#include "limiter.h"
#include "buckets.h"
#include "bucketscript.h"
#include "channels.h"
#include "log.h"
#include "loop.h"
#include "memory.h"
#include "metrics.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_HERE 65536
#define MARKS_HERE 65536
#define MARK_LIVES_S 2592000
#define PATIENCE_MS 250
#define LOOK_EVERY_MS 50
#define REST_MS 1000
#define KEY_SIZE 96
#define NUMBER_SIZE 24
#define MAX_WORDS (3 + 2 + LIMITER_MAX_TOLLS + 4 + 4 * LIMITER_MAX_TOLLS)

/* One charge on its way through the nodes. It outlives the charge, until the last reply has come. */
typedef struct Ask
{
	struct Ask *next;			/* those that wait, the oldest first */
	struct Ask *previous;
	bool		waits;
	Charge	   *charge;			/* NULL: nobody waits for it */
	Charge		copy;
	LimiterDone	done;
	void	   *arg;
	Verdict		verdict;
	int			node;
	uint64_t	deadline;
	bool		in_full;		/* the script goes along */
	unsigned	paid;			/* bits of tolls that are done with */
	unsigned	asked;			/* of those that are being asked for */
} Ask;

static const Quotas *limits;
static bool clustered;
static Buckets *buckets;
static Buckets *marks;
static unsigned char hash_key[crypto_shorthash_KEYBYTES];
static Ask *waiting;
static Ask *newest;
static Timer patience;
static uint64_t rests_until[NODES_MAX];
static bool closed;

static void go_on(Ask *ask);
static bool is_reached(int64_t place);
static bool is_due(const Ask *ask, int i);
static void send_script(Ask *ask);
static void wait_for(Ask *ask);
static void stop_waiting(Ask *ask);
static void look_at_clock(void *arg);
static void on_reply(void *arg, const redisReply *reply);
static bool is_answer(const Ask *ask, const redisReply *reply);
static void take_reply(Ask *ask, const redisReply *reply);
static void note(Verdict *verdict, Limit limit, double left);
static void decide_here(Ask *ask);
static int	level_here(const Charge *charge);
static void refund_tolls(const Charge *charge, unsigned tolls);
static void finish(Ask *ask);
static int64_t *bucket_of(const Toll *toll);
static uint64_t hash_of(int64_t a, int64_t b, int64_t c);
static uint64_t hash_of_mark(int64_t place, int64_t mark);
static void name_bucket(const Toll *toll, char key[KEY_SIZE]);
static void name_mark(int64_t place, int64_t mark, char key[KEY_SIZE]);
static void on_nothing(void *arg, const redisReply *reply);
static int64_t now_us(void);

void
limiter_open(const Quotas *quotas, bool is_cluster)
{
	limits = quotas;
	clustered = is_cluster;
	buckets = buckets_make(BUCKETS_HERE);
	marks = buckets_make(MARKS_HERE);
	randombytes_buf(hash_key, sizeof(hash_key));
}

void
limiter_close(void)
{
	closed = true;
	timer_stop(&patience);
	buckets_free(buckets);
	buckets_free(marks);
	buckets = marks = NULL;
}

const Quota *
limiter_quota(Limit limit)
{
	return &limits->list[limit];
}

void
limiter_add(Charge *charge, Limit limit, int64_t place, int64_t further, int levels)
{
	if (limiter_quota(limit)->count > 0)
		charge->tolls[charge->count++] = (Toll) {limit, place, further, levels};
}

/* --- asking ---------------------------------------------------------------------------------------- */

void
limiter_ask(Charge *charge, LimiterDone done, void *arg)
{
	Ask		   *ask = memory_alloc(sizeof(Ask));

	charge->level = charge->marks_place != 0 ? 0 : LIMITER_STRANGER;
	*ask = (Ask) {.charge = charge, .copy = *charge, .done = done, .arg = arg, .verdict = {.allowed = true, .left = -1}};
	charge->ask = ask;
	go_on(ask);
}

void
limiter_forget(Charge *charge)
{
	if (charge->ask != NULL)
		charge->ask->charge = NULL;
	charge->ask = NULL;
}

/* The next node that is concerned, with all that is on it; or the end. */
static void
go_on(Ask *ask)
{
	Charge	   *copy = &ask->copy;
	int			first = 0;

	while (first < copy->count && ((ask->paid & 1u << first) != 0 || !is_due(ask, first)))
		first++;
	if (first == copy->count || ask->charge == NULL)
	{
		finish(ask);
		return;
	}
	if (!is_reached(copy->tolls[first].place))
	{
		decide_here(ask);
		return;
	}
	ask->node = channels_node_of(copy->tolls[first].place);
	ask->asked = 0;
	for (int i = first; i < copy->count; i++)
	{
		if ((ask->paid & 1u << i) == 0 && is_due(ask, i)
			&& (copy->tolls[i].place == copy->tolls[first].place
				|| (!clustered && channels_node_of(copy->tolls[i].place) == ask->node)))
			ask->asked |= 1u << i;
	}
	send_script(ask);
}

static bool
is_reached(int64_t place)
{
	int			node = channels_node_of(place);

	return !closed && node >= 0 && channels_reach(place) && loop_now() >= rests_until[node];
}

static bool
is_due(const Ask *ask, int i)
{
	return ask->copy.level == 0 || (ask->copy.tolls[i].levels & ask->copy.level) != 0;
}

static void
send_script(Ask *ask)
{
	char		keys[2 + LIMITER_MAX_TOLLS][KEY_SIZE];
	char		numbers[1 + 4 + 4 * LIMITER_MAX_TOLLS][NUMBER_SIZE];
	const char *words[MAX_WORDS] = {ask->in_full ? "EVAL" : "EVALSHA", ask->in_full ? bucketscript_text() : bucketscript_name(), numbers[0]};
	const Charge *copy = &ask->copy;
	int			levels[2] = {0};
	int			n_marks = 0;
	int			n_keys = 0;
	int			n = 1;
	int64_t		place = 0;

	for (int i = 0; i < 2 && copy->level == 0; i++)
	{
		if (copy->marks[i] == 0)
			continue;
		name_mark(copy->marks_place, copy->marks[i], keys[n_keys++]);
		levels[n_marks++] = i == 0 ? LIMITER_BY_DEVICE : LIMITER_BY_ADDRESS;
	}
	snprintf(numbers[n++], NUMBER_SIZE, "%d", n_marks);
	snprintf(numbers[n++], NUMBER_SIZE, "%d", levels[0]);
	snprintf(numbers[n++], NUMBER_SIZE, "%d", levels[1]);
	snprintf(numbers[n++], NUMBER_SIZE, "%d", copy->level);
	for (int i = 0; i < copy->count; i++)
	{
		const Toll *toll = &copy->tolls[i];

		if ((ask->asked & 1u << i) == 0)
			continue;
		place = toll->place;
		name_bucket(toll, keys[n_keys++]);
		snprintf(numbers[n++], NUMBER_SIZE, "%.0f", limiter_quota(toll->limit)->count);
		snprintf(numbers[n++], NUMBER_SIZE, "%.0f", limiter_quota(toll->limit)->period);
		snprintf(numbers[n++], NUMBER_SIZE, "1");
		snprintf(numbers[n++], NUMBER_SIZE, "%d", toll->levels);
	}
	snprintf(numbers[0], NUMBER_SIZE, "%d", n_keys);
	for (int i = 0; i < n_keys; i++)
		words[3 + i] = keys[i];
	for (int i = 1; i < n; i++)
		words[2 + n_keys + i] = numbers[i];
	wait_for(ask);
	channels_command(place, 2 + n_keys + n, words, on_reply, ask);
}

static void
wait_for(Ask *ask)
{
	ask->deadline = loop_now() + PATIENCE_MS;
	ask->waits = true;
	ask->next = NULL;
	ask->previous = newest;
	if (newest != NULL)
		newest->next = ask;
	else
	{
		waiting = ask;
		timer_start(&patience, look_at_clock, NULL, LOOK_EVERY_MS, LOOK_EVERY_MS);
	}
	newest = ask;
}

static void
stop_waiting(Ask *ask)
{
	ask->waits = false;
	if (ask->previous != NULL)
		ask->previous->next = ask->next;
	else
		waiting = ask->next;
	if (ask->next != NULL)
		ask->next->previous = ask->previous;
	else
		newest = ask->previous;
	if (waiting == NULL)
		timer_stop(&patience);
}

static void
look_at_clock(void *arg)
{
	(void) arg;
	while (waiting != NULL && loop_now() >= waiting->deadline)
	{
		Ask		   *late = waiting;
		Ask		   *instead = memory_alloc(sizeof(Ask));

		stop_waiting(late);
		rests_until[late->node] = loop_now() + REST_MS;
		*instead = *late;
		if (late->charge != NULL)
			late->charge->ask = instead;
		/* its reply, should one come, ends it */
		late->charge = NULL;
		decide_here(instead);
	}
}

static void
on_reply(void *arg, const redisReply *reply)
{
	Ask		   *ask = arg;
	static bool said;

	if (!ask->waits)
	{
		free(ask);
		return;
	}
	stop_waiting(ask);
	if (reply != NULL && reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "NOSCRIPT", 8) == 0 && !ask->in_full)
	{
		ask->in_full = true;
		send_script(ask);
		return;
	}
	if (reply != NULL && reply->type == REDIS_REPLY_ERROR && !said)
	{
		said = true;
		log_write(LOG_ERROR, "Redis does not count for rate limits: each bridge does by itself", LOG_TEXT("error", reply->str));
	}
	if (reply == NULL || !is_answer(ask, reply))
	{
		decide_here(ask);
		return;
	}
	take_reply(ask, reply);
	if (ask->verdict.allowed)
		go_on(ask);
	else
	{
		refund_tolls(&ask->copy, ask->paid);
		finish(ask);
	}
}

/* Is it what the script says, and could be so? */
static bool
is_answer(const Ask *ask, const redisReply *reply)
{
	const Charge *copy = &ask->copy;
	size_t		at = 3;
	long long	level;

	if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 3)
		return false;
	for (size_t i = 0; i < reply->elements; i++)
	{
		if (reply->element[i]->type != REDIS_REPLY_INTEGER)
			return false;
	}
	for (int i = 0; i < copy->count; i++)
	{
		if ((ask->asked & 1u << i) == 0)
			continue;
		if (at == reply->elements || reply->element[at]->integer < -1
			|| (double) reply->element[at]->integer > limiter_quota(copy->tolls[i].limit)->count)
			return false;
		at++;
		/* what refuses is due, so it has some number left */
		if (reply->element[0]->integer == (long long) at - 3 && reply->element[at - 1]->integer < 0)
			return false;
	}
	level = reply->element[2]->integer;
	return at == reply->elements && reply->element[0]->integer >= 0 && reply->element[0]->integer <= (long long) at - 3
		&& reply->element[1]->integer >= 0
		&& (level == LIMITER_BY_DEVICE || level == LIMITER_BY_ADDRESS || level == LIMITER_STRANGER);
}

static void
take_reply(Ask *ask, const redisReply *reply)
{
	Charge	   *copy = &ask->copy;
	long long	wait = reply->element[1]->integer;
	size_t		at = 3;
	int64_t		now = now_us();

	copy->level = (int) reply->element[2]->integer;
	for (int i = 0; i < copy->count; i++)
	{
		double		left;

		if ((ask->asked & 1u << i) == 0)
			continue;
		left = (double) reply->element[at++]->integer;
		if (left >= 0)
			*bucket_of(&copy->tolls[i]) = quota_full_at(limiter_quota(copy->tolls[i].limit), left, now);
		if (reply->element[0]->integer == (long long) at - 3)
			ask->verdict = (Verdict) {.limit = copy->tolls[i].limit, .left = left, .seconds = wait / 1000000 + (wait % 1000000 > 0)};
		else if (left >= 0 && ask->verdict.allowed)
			note(&ask->verdict, copy->tolls[i].limit, left);
	}
	if (ask->verdict.allowed)
		ask->paid |= ask->asked;
	metrics_add_to(METRIC_LIMIT_DECISIONS, LIMIT_DECIDED_IN_REDIS, 1);
}

/* The one that has the least left is told; how an account fares is nobody's business. */
static void
note(Verdict *verdict, Limit limit, double left)
{
	const Quota *quota = limiter_quota(limit);

	if (limit == LIMIT_LOGIN_ACCOUNT || limit == LIMIT_LOGIN_KNOWN)
		return;
	if (verdict->left >= 0 && verdict->left / limiter_quota(verdict->limit)->count <= left / quota->count)
		return;
	verdict->limit = limit;
	verdict->left = left;
	verdict->seconds = (int64_t) ((quota->count - left) * quota->period / quota->count / 1e6) + 1;
}

/* --- here ------------------------------------------------------------------------------------------- */

/* All that has not been decided elsewhere: all or none, of that, too. */
static void
decide_here(Ask *ask)
{
	Charge	   *copy = &ask->copy;
	int64_t		now = now_us();
	unsigned	taken = 0;

	metrics_add_to(METRIC_LIMIT_DECISIONS, LIMIT_DECIDED_HERE, 1);
	if (copy->level == 0)
		copy->level = level_here(copy);
	for (int i = 0; i < copy->count && ask->verdict.allowed; i++)
	{
		const Quota *quota = limiter_quota(copy->tolls[i].limit);
		int64_t    *full_at = bucket_of(&copy->tolls[i]);
		int64_t		wait;

		if ((ask->paid & 1u << i) != 0 || !is_due(ask, i))
			continue;
		wait = quota_take(quota, full_at, 1, now);
		if (wait > 0)
			ask->verdict = (Verdict) {.limit = copy->tolls[i].limit, .seconds = (wait + 999999) / 1000000};
		else
		{
			taken |= 1u << i;
			note(&ask->verdict, copy->tolls[i].limit, quota_left(quota, *full_at, now));
		}
	}
	for (int i = 0; i < copy->count && !ask->verdict.allowed; i++)
	{
		if ((taken & 1u << i) != 0)
			(void) quota_take(limiter_quota(copy->tolls[i].limit), bucket_of(&copy->tolls[i]), -1, now);
	}
	finish(ask);
}

static int
level_here(const Charge *charge)
{
	for (int i = 0; i < 2; i++)
	{
		if (charge->marks[i] != 0 && buckets_get(marks, hash_of_mark(charge->marks_place, charge->marks[i])) > now_us())
			return i == 0 ? LIMITER_BY_DEVICE : LIMITER_BY_ADDRESS;
	}
	return LIMITER_STRANGER;
}

/* Nobody waits for it in Redis any more. */
static void
finish(Ask *ask)
{
	Charge	   *charge = ask->charge;

	if (charge != NULL)
	{
		charge->ask = NULL;
		charge->level = ask->copy.level;
		if (!ask->verdict.allowed)
			limiter_count_refusal(ask->verdict.limit);
		ask->done(ask->arg, &ask->verdict);
	}
	free(ask);
}

int64_t
limiter_take(Limit limit, int64_t place)
{
	Toll		toll = {.limit = limit, .place = place};
	int64_t		wait;

	if (limiter_quota(limit)->count <= 0 || buckets == NULL)
		return 0;
	wait = quota_take(limiter_quota(limit), bucket_of(&toll), 1, now_us());
	if (wait > 0)
		limiter_count_refusal(limit);
	return (wait + 999999) / 1000000;
}

double
limiter_left(Limit limit, int64_t place)
{
	if (limiter_quota(limit)->count <= 0 || buckets == NULL)
		return 0;
	return quota_left(limiter_quota(limit), buckets_get(buckets, hash_of(place, 0, limit)), now_us());
}

void
limiter_count_refusal(Limit limit)
{
	metrics_add_to(METRIC_LIMITED, (int) limit, 1);
}

/* --- afterwards --------------------------------------------------------------------------------------- */

void
limiter_refund(const Charge *charge)
{
	unsigned	tolls = 0;

	for (int i = 0; i < charge->count; i++)
		tolls |= (charge->tolls[i].levels & charge->level) != 0 ? 1u << i : 0;
	refund_tolls(charge, tolls);
}

static void
refund_tolls(const Charge *charge, unsigned tolls)
{
	for (int i = 0; i < charge->count; i++)
	{
		const Toll *toll = &charge->tolls[i];
		const Quota *quota = limiter_quota(toll->limit);
		char		key[KEY_SIZE];
		char		count[NUMBER_SIZE];
		char		period[NUMBER_SIZE];
		const char *words[] = {"EVALSHA", bucketscript_name(), "1", key, "0", "0", "0", "4", count, period, "-1", "7"};

		if ((tolls & 1u << i) == 0 || buckets == NULL)
			continue;
		(void) quota_take(quota, bucket_of(toll), -1, now_us());
		if (!channels_reach(toll->place))
			continue;
		name_bucket(toll, key);
		snprintf(count, sizeof(count), "%.0f", quota->count);
		snprintf(period, sizeof(period), "%.0f", quota->period);
		channels_command(toll->place, 12, words, on_nothing, NULL);
	}
}

void
limiter_mark(int64_t place, int64_t mark)
{
	char		key[KEY_SIZE];
	char		seconds[NUMBER_SIZE];
	const char *words[] = {"SET", key, "1", "EX", seconds};

	if (buckets == NULL)
		return;
	*buckets_of(marks, hash_of_mark(place, mark)) = now_us() + MARK_LIVES_S * INT64_C(1000000);
	if (!channels_reach(place))
		return;
	name_mark(place, mark, key);
	snprintf(seconds, sizeof(seconds), "%d", MARK_LIVES_S);
	channels_command(place, 5, words, on_nothing, NULL);
}

static void
on_nothing(void *arg, const redisReply *reply)
{
	(void) arg;
	(void) reply;
}

/* --- names --------------------------------------------------------------------------------------------- */

static int64_t *
bucket_of(const Toll *toll)
{
	return buckets_of(buckets, hash_of(toll->place, toll->further, toll->limit));
}

static uint64_t
hash_of(int64_t a, int64_t b, int64_t c)
{
	int64_t		numbers[] = {a, b, c};
	unsigned char hash[crypto_shorthash_BYTES];
	uint64_t	key;

	crypto_shorthash(hash, (const unsigned char *) numbers, sizeof(numbers), hash_key);
	memcpy(&key, hash, sizeof(key));
	return key != 0 ? key : 1;	/* 0 is none */
}

/* An account's marks are one set: whoever signs in to theirs again and again displaces their own, not those of others. */
static uint64_t
hash_of_mark(int64_t place, int64_t mark)
{
	return (hash_of(place, mark, -1) & ~(uint64_t) UINT32_MAX) | (hash_of(place, 0, -1) & UINT32_MAX);
}

/* What is between the braces decides in a cluster where it is. */
static void
name_bucket(const Toll *toll, char key[KEY_SIZE])
{
	snprintf(key, KEY_SIZE, "porcupine:limit:%s:{%lld}:%lld", quotas_name(toll->limit), (long long) toll->place, (long long) toll->further);
}

static void
name_mark(int64_t place, int64_t mark, char key[KEY_SIZE])
{
	snprintf(key, KEY_SIZE, "porcupine:known:{%lld}:%lld", (long long) place, (long long) mark);
}

static int64_t
now_us(void)
{
	return (int64_t) loop_now() * 1000;
}
