/*
 * sends.c - see sends.h.
 *
 * States of a lane: idle, a batch in flight, or, after an exception (a veto trigger) rolled the whole
 * batch back, its items one by one, so that each gets the answer that is its own.
 *
 * Somebody's long transaction that holds a room must not hold up the others. A batch waits for locks,
 * for other bridges have theirs only for a moment; when that takes too long, it is sent again without
 * the rooms that are held, and so are, for a while, those after it. The sends to such a room move to
 * held.h, and the held lanes try one room at a time, until it is free or their patience ends.
 */
#include "sends.h"
#include "database.h"
#include "doorbell.h"
#include "echo.h"
#include "fanout.h"
#include "held.h"
#include "hub.h"
#include "loop.h"
#include "metrics.h"
#include "peer.h"
#include "pgarray.h"
#include "pgvalue.h"
#include "pool.h"

#include <stdlib.h>
#include <string.h>

#define MAX_BATCH 500
#define MAX_BATCH_BYTES (1024 * 1024)	/* it is shown at once, too, and no reader takes any amount at once */
#define MANY_WAITING 16384		/* sends of all sockets; then each socket may have only few */
#define MANY_WAITING_BYTES (32 * 1024 * 1024)
#define CAREFUL_MS 1000			/* after a held room was met: batches do not wait for locks */
#define HELD_PATIENCE_S 5		/* then whoever sends to a held room is told to try again */

#define SEND_SQL \
	"SELECT condition, seq, created_at, epoch, repeated, message, hint" \
	" FROM porcupine.send_many($1::bigint[], $2::bigint[], $3::bigint[], $4::uuid[], $5::int[]," \
	" $6::text[], $7::bigint[], $8::bytea[], $9::boolean, $10::bigint, $11::boolean)"

/* its columns; the rows are in the order of the items */
enum
{
	RESULT_CONDITION,
	RESULT_SEQ,
	RESULT_CREATED_AT,
	RESULT_EPOCH,
	RESULT_REPEATED,
	RESULT_MESSAGE,
	RESULT_HINT
};

typedef struct SendLane
{
	Send	   *first;			/* waiting */
	Send	   *last;
	Send	   *batch[MAX_BATCH];	/* in flight; those before at are answered */
	int			count;
	int			at;
	bool		one_by_one;
	bool		rings;			/* the batch's own commit does */
	bool		waits;			/* for rooms that others hold */
	bool		in_vain;		/* the held room that it tries is held still */
	HeldRoom   *held;			/* of a held lane: what it tries */
	uint64_t	careful_until;
	double		began;			/* what is in flight, by metrics_clock() */
	double		first_began;	/* what was committed last, its first send */
	Deferred	begin;
	Deferred	written;
} SendLane;

static const int counted_as[] = {
	[DB_DONE] = BATCH_COMMITTED,
	[DB_REFUSED] = BATCH_ROLLED_BACK,
	[DB_UNKNOWN] = BATCH_LOST,
	[DB_AWAY] = BATCH_LOST,
};

static SendLane lanes[CONFIG_MAX_SEND_LANES];
static SendLane held_lanes[N_HELD_LANES];
static Deferred feed;
static uint64_t last_order;
static size_t waiting;			/* sends that are not answered yet */
static size_t waiting_bytes;
static bool many_wait;

static void count_waiting(const Send *send, bool comes);
static SendLane *lane_of(int64_t room);
static void begin_batch(void *arg);
static int	compare_sends(const void *a, const void *b);
static void submit(SendLane *lane, Send *const *sends, int count);
static void on_sent(void *arg, DbOutcome outcome, const PGresult *result);
static void on_written(void *arg);
static bool row_is_held(const SendLane *lane, const PGresult *result, int row);
static void on_refused(SendLane *lane, const PGresult *result);
static void hold(Send *send);
static void on_still_held(SendLane *lane);
static void feed_held_lanes(void *arg);
static void continue_lane(SendLane *lane);
static void answer_row(const SendLane *lane, Send *send, const PGresult *result, int row);
static const char *time_text(int64_t time);
static void answer_problem(Send *send, Problem problem);
static void answer(Send *send, const SendResult *result);
static void publish(const Send *send, int64_t seq, const char *created_at, bool rung);

void
sends_submit(Send *send)
{
	SendLane   *lane = lane_of(send->room);

	send->order = ++last_order;
	send->began = metrics_clock();
	count_waiting(send, true);
	send->next = NULL;
	if (lane->last != NULL)
		lane->last->next = send;
	else
		lane->first = send;
	lane->last = send;
	/* later in this turn of the loop, so that what else has arrived goes along */
	if (lane->count == 0)
		loop_defer(LOOP_SUBMIT, &lane->begin, begin_batch, lane);
}

static SendLane *
lane_of(int64_t room)
{
	return &lanes[(uint64_t) room % (uint64_t) pool_send_lanes()];
}

/* Whoever sends more than the database stores is held up at their socket, before it fills the memory here. */
static void
count_waiting(const Send *send, bool comes)
{
	size_t		share = many_wait ? 2 : 1;	/* of the limits, so that it does not go to and fro */

	waiting = comes ? waiting + 1 : waiting - 1;
	waiting_bytes = comes ? waiting_bytes + send->body_length : waiting_bytes - send->body_length;
	metrics_set(METRIC_SENDS_WAITING, 0, (double) waiting);
	metrics_set(METRIC_SENDS_WAITING_BYTES, 0, (double) waiting_bytes);
	many_wait = waiting >= MANY_WAITING / share || waiting_bytes >= MANY_WAITING_BYTES / share;
	peer_limit_calls(many_wait ? PEER_FEW_CALLS : PEER_MAX_CALLS);
}

bool
sends_are_idle(void)
{
	for (int i = 0; i < pool_send_lanes(); i++)
	{
		if (lanes[i].first != NULL || lanes[i].count > 0)
			return false;
	}
	return doorbell_is_idle() && held_count() == 0;
}

/* --- a batch ------------------------------------------------------------------------------------- */

static void
begin_batch(void *arg)
{
	SendLane   *lane = arg;
	size_t		bytes = 0;

	if (lane->count > 0)
		return;
	while (lane->first != NULL && lane->count < MAX_BATCH && bytes < MAX_BATCH_BYTES)
	{
		Send	   *send = lane->first;

		lane->first = send->next;
		if (lane->first == NULL)
			lane->last = NULL;
		if (held_has(send->room))
		{
			hold(send);
			continue;
		}
		bytes += send->body_length;
		lane->batch[lane->count++] = send;
	}
	if (lane->count == 0)
		return;
	/* ascending rooms, as everybody locks them; in a room, in the order of arrival */
	qsort(lane->batch, (size_t) lane->count, sizeof(Send *), compare_sends);
	lane->at = 0;
	lane->one_by_one = false;
	submit(lane, lane->batch, lane->count);
}

static int
compare_sends(const void *a, const void *b)
{
	const Send *one = *(Send *const *) a;
	const Send *two = *(Send *const *) b;

	if (one->room != two->room)
		return one->room < two->room ? -1 : 1;
	return one->order < two->order ? -1 : one->order > two->order;
}

static void
submit(SendLane *lane, Send *const *sends, int count)
{
	DbRequest  *request = db_request(SEND_SQL, on_sent, lane);
	static const PgType types[] = {PG_INT8, PG_INT8, PG_INT8, PG_UUID, PG_INT4, PG_TEXT, PG_INT8, PG_BYTEA};
	PgArray		arrays[8];

	for (int i = 0; i < 8; i++)
		pgarray_begin(&arrays[i], types[i]);
	for (int i = 0; i < count; i++)
	{
		const Send *send = sends[i];

		pgarray_number(&arrays[0], send->room);
		pgarray_number(&arrays[1], send->user);
		pgarray_number(&arrays[2], send->device);
		pgarray_bytes(&arrays[3], send->client_id, 16);
		pgarray_number(&arrays[4], send->epoch);
		pgarray_bytes(&arrays[5], send->kind, strlen(send->kind));
		if (send->ref > 0)
			pgarray_number(&arrays[6], send->ref);
		else
			pgarray_null(&arrays[6]);
		pgarray_bytes(&arrays[7], send->body, send->body_length);
	}
	for (int i = 0; i < 8; i++)
		pgarray_param(&arrays[i], request);
	lane->rings = database_rings();
	db_text(request, lane->rings ? "true" : "false");
	db_number(request, doorbell_origin());
	lane->waits = lane->held != NULL || loop_now() >= lane->careful_until;
	db_text(request, lane->waits ? "true" : "false");
	db_want_binary(request);
	lane->began = metrics_clock();
	metrics_observe(METRIC_BATCH_SENDS, count);
	/* a held room's may take long */
	if (lane->held == NULL)
		loop_expect_writes(1);
	if (database_listens())
		echo_expect(sends[0]->room);
	pool_submit(lane->held != NULL ? LANE_HELD : LANE_SEND + (Lane) (lane - lanes), request);
}

static void
on_sent(void *arg, DbOutcome outcome, const PGresult *result)
{
	SendLane   *lane = arg;
	int			end = lane->one_by_one ? lane->at + 1 : lane->count;

	if (lane->held == NULL)
		loop_expect_writes(-1);
	metrics_add_to(METRIC_BATCHES, counted_as[outcome], 1);
	metrics_observe(METRIC_BATCH_SECONDS, metrics_clock() - lane->began);
	if (outcome == DB_DONE)
	{
		lane->first_began = lane->batch[lane->at]->began;
		loop_defer(LOOP_WRITTEN, &lane->written, on_written, lane);
	}
	if (outcome == DB_REFUSED)
		on_refused(lane, result);
	else
	{
		for (int row = 0; lane->at < end; row++)
		{
			Send	   *send = lane->batch[lane->at++];

			if (outcome != DB_DONE || row >= PQntuples(result))
				answer_problem(send, errors_busy());
			else if (row_is_held(lane, result, row))
				hold(send);
			else
				answer_row(lane, send, result, row);
		}
	}
	continue_lane(lane);
}

static void
on_written(void *arg)
{
	metrics_observe(METRIC_SHOWN_SECONDS, metrics_clock() - ((SendLane *) arg)->first_began);
}

static bool
row_is_held(const SendLane *lane, const PGresult *result, int row)
{
	return !lane->waits && !PQgetisnull(result, row, RESULT_CONDITION)
		&& errors_by_name(PQgetvalue(result, row, RESULT_CONDITION)) == ERROR_BUSY;
}

/* The transaction was rolled back by an exception. */
static void
on_refused(SendLane *lane, const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	bool		lock_not_available = state != NULL && strcmp(state, "55P03") == 0;

	if (lock_not_available && lane->held != NULL)
		on_still_held(lane);
	else if (lock_not_available && lane->waits)
		lane->careful_until = loop_now() + CAREFUL_MS;
	else if (!lane->one_by_one && lane->count > 1)
		lane->one_by_one = true;
	else if (lock_not_available)
		hold(lane->batch[lane->at++]);	/* a trigger of somebody's waits for a lock of its own */
	else
		answer_problem(lane->batch[lane->at++], errors_from_result(result));
}

static void
continue_lane(SendLane *lane)
{
	/* what follows a held send must not overtake it */
	while (lane->held == NULL && lane->at < lane->count && held_has(lane->batch[lane->at]->room))
		hold(lane->batch[lane->at++]);
	if (lane->at < lane->count)
	{
		submit(lane, &lane->batch[lane->at], lane->one_by_one ? 1 : lane->count - lane->at);
		return;
	}
	lane->count = 0;
	if (lane->held != NULL)
	{
		held_give_back(lane->held, lane->in_vain);
		lane->held = NULL;
		loop_defer(LOOP_SUBMIT, &feed, feed_held_lanes, NULL);
	}
	else if (lane->first != NULL)
		loop_defer(LOOP_SUBMIT, &lane->begin, begin_batch, lane);
	doorbell_ring();
}

/* --- held rooms ------------------------------------------------------------------------------------ */

static void
hold(Send *send)
{
	SendLane   *lane = lane_of(send->room);

	lane->careful_until = loop_now() + CAREFUL_MS;
	echo_forget(send->room);
	held_put(send);
	loop_defer(LOOP_SUBMIT, &feed, feed_held_lanes, NULL);
}

static void
feed_held_lanes(void *arg)
{
	(void) arg;
	for (int i = 0; i < N_HELD_LANES; i++)
	{
		SendLane   *lane = &held_lanes[i];
		size_t		bytes = 0;

		if (lane->held != NULL || (lane->held = held_take()) == NULL)
			continue;
		while (lane->count < MAX_BATCH && bytes < MAX_BATCH_BYTES
			   && (lane->batch[lane->count] = held_next(lane->held)) != NULL)
			bytes += lane->batch[lane->count++]->body_length;
		lane->at = 0;
		lane->one_by_one = lane->in_vain = false;
		submit(lane, lane->batch, lane->count);
	}
}

/* It is tried again after the others, or all that wait are told to come back: one of them alone would change their order. */
static void
on_still_held(SendLane *lane)
{
	Send	   *send;

	lane->in_vain = true;
	if (metrics_clock() - lane->batch[lane->at]->began < HELD_PATIENCE_S)
		held_put_back(lane->held, &lane->batch[lane->at], lane->count - lane->at);
	else
	{
		for (int i = lane->at; i < lane->count; i++)
			answer_problem(lane->batch[i], errors_busy());
		while ((send = held_next(lane->held)) != NULL)
			answer_problem(send, errors_busy());
	}
	lane->at = lane->count;
}

/* --- answers --------------------------------------------------------------------------------------- */

static void
answer_row(const SendLane *lane, Send *send, const PGresult *result, int row)
{
	SendResult	verdict = {.stored = PQgetisnull(result, row, RESULT_CONDITION)};

	if (verdict.stored)
	{
		verdict.seq = pgvalue_int64(result, row, RESULT_SEQ);
		verdict.created_at = time_text(pgvalue_time(result, row, RESULT_CREATED_AT));
		verdict.repeated = pgvalue_bool(result, row, RESULT_REPEATED);
		if (!verdict.repeated)
			publish(send, verdict.seq, verdict.created_at, lane->rings);
	}
	else
	{
		verdict.problem = PROBLEM(errors_by_name(PQgetvalue(result, row, RESULT_CONDITION)), PQgetvalue(result, row, RESULT_MESSAGE));
		if (!PQgetisnull(result, row, RESULT_HINT))
			verdict.problem.hint = PQgetvalue(result, row, RESULT_HINT);
		if (!PQgetisnull(result, row, RESULT_SEQ))
			verdict.problem.seq = pgvalue_int64(result, row, RESULT_SEQ);
		if (!PQgetisnull(result, row, RESULT_EPOCH))
			verdict.problem.epoch = pgvalue_int32(result, row, RESULT_EPOCH);
	}
	answer(send, &verdict);
}

/* All of a batch have the same one. The text lives until the next call. */
static const char *
time_text(int64_t time)
{
	static int64_t last;
	static Text text;

	if (time != last || text.length == 0)
	{
		text.length = 0;
		text_time(&text, time);
		last = time;
	}
	return text.bytes;
}

static void
answer_problem(Send *send, Problem problem)
{
	SendResult	verdict = {.problem = problem};

	answer(send, &verdict);
}

static void
answer(Send *send, const SendResult *result)
{
	metrics_add_to(METRIC_SENDS, result->repeated ? SEND_REPEATED : result->stored ? SEND_STORED : SEND_REFUSED, 1);
	if (!result->stored)
		metrics_add_to(METRIC_SENDS_REFUSED, (int) result->problem.code, 1);
	if (!result->stored || result->repeated)
		echo_forget(send->room);
	metrics_observe(METRIC_SEND_SECONDS, metrics_clock() - send->began);
	count_waiting(send, false);
	send->done(send, result);
}

static void
publish(const Send *send, int64_t seq, const char *created_at, bool rung)
{
	HubEvent	event;

	if (!rung)
		doorbell_owe(send->room, seq);
	if (hub_head(send->room) == 0)
		hub_set_head(send->room, seq);	/* it may be loading */
	if (hub_head(send->room) == 0 && !fanout_reaches(send->room))
		return;
	event = (HubEvent) {.seq = seq, .frame = send_frame(send, seq, created_at)};
	fanout_publish(send->room, &event);
	hub_publish(send->room, event);
}
