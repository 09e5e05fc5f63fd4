/*
 * sessions.c - see sessions.h. It owns what has changed since this bridge's set was last told of it.
 *
 * A set that was lost, or that a command did not reach, is found by its size or by the reply that did
 * not come, and told anew by the next beat. A set that nobody prolongs ends by itself, so a bridge
 * that was killed leaves nothing behind.
 */
#include "sessions.h"
#include "channels.h"
#include "loop.h"
#include "memory.h"
#include "others.h"
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>

#define BEAT_EVERY_MS 1000
#define SET_LIVES_S "8"			/* as long as others.c waits for a bridge that is silent */
#define KEY_SIZE 48
#define NUMBER_SIZE 24

struct SessionsQuestion
{
	SessionsDone done;			/* NULL: nobody wants to know any more */
	void	   *arg;
	int			pending;		/* replies, and one until all bridges are asked */
	int			count;
	bool		live[];
};

static int64_t own_origin;
static Timer timer;
static bool told;				/* the set has all but the changes */
static int64_t *changes;		/* since the last turn of the loop; a session may stand here twice */
static int	change_count;
static int	change_size;
static Deferred tell;

static void tell_changes(void *arg);
static void beat(void *arg);
static void tell_all(void);
static void prolong(void);
static void on_told(void *arg, const redisReply *reply);
static void on_counted(void *arg, const redisReply *reply);
static void on_members(void *arg, const redisReply *reply);
static bool conclude(SessionsQuestion *question);
static void command(int64_t origin, const char *verb, const int64_t *sessions, int count, RedisDone done, void *arg);
static void name_set(int64_t origin, char key[KEY_SIZE]);

void
sessions_open(int64_t origin)
{
	own_origin = origin;
	if (channels_node_count() > 0)
		timer_start(&timer, beat, NULL, BEAT_EVERY_MS, BEAT_EVERY_MS);
}

void
sessions_close(void)
{
	if (channels_node_count() > 0)
		command(own_origin, "DEL", NULL, 0, NULL, NULL);
	timer_stop(&timer);
	loop_undefer(&tell);
	/* sockets may still be closed after this */
	told = false;
	free(changes);
}

/* --- the set of this bridge ----------------------------------------------------------------------- */

/* Later in this turn: of those who come at once many go together. */
void
sessions_change(int64_t session)
{
	if (!told)
		return;					/* the next beat tells all */
	if (change_count == change_size)
	{
		change_size = change_size == 0 ? 64 : change_size * 2;
		changes = memory_grow(changes, (size_t) change_size * sizeof(int64_t));
	}
	changes[change_count++] = session;
	loop_defer(LOOP_WRITE, &tell, tell_changes, NULL);
}

/* As each of them is now, whatever it was meanwhile. */
static void
tell_changes(void *arg)
{
	int64_t    *gone = memory_alloc((size_t) change_count * sizeof(int64_t));
	int			gone_count = 0;
	int			come_count = 0;

	(void) arg;
	for (int i = 0; i < change_count; i++)
	{
		if (peer_first_of_session(changes[i]) != NULL)
			changes[come_count++] = changes[i];
		else
			gone[gone_count++] = changes[i];
	}
	change_count = 0;
	if (gone_count > 0)
		command(own_origin, "SREM", gone, gone_count, on_told, NULL);
	if (come_count > 0)
	{
		command(own_origin, "SADD", changes, come_count, on_told, NULL);
		prolong();
	}
	free(gone);
}

static void
beat(void *arg)
{
	int			count;

	(void) arg;
	if (!channels_reach(own_origin))
		told = false;
	else if (!told)
		tell_all();
	else
	{
		if (tell.queued)
			tell_changes(NULL);
		loop_undefer(&tell);
		free(peer_sessions(&count));
		prolong();
		command(own_origin, "SCARD", NULL, 0, on_counted, (void *) (intptr_t) count);
	}
}

static void
tell_all(void)
{
	int			count;
	int64_t    *sessions = peer_sessions(&count);

	told = true;
	command(own_origin, "DEL", NULL, 0, on_told, NULL);
	if (count > 0)
		command(own_origin, "SADD", sessions, count, on_told, NULL);
	prolong();
	free(sessions);
}

static void
prolong(void)
{
	char		key[KEY_SIZE];
	const char *words[] = {"EXPIRE", key, SET_LIVES_S};

	name_set(own_origin, key);
	channels_command(own_origin, 3, words, NULL, NULL);
}

static void
on_told(void *arg, const redisReply *reply)
{
	(void) arg;
	if (reply == NULL || reply->type != REDIS_REPLY_INTEGER)
		told = false;
}

static void
on_counted(void *arg, const redisReply *reply)
{
	if (reply == NULL || reply->type != REDIS_REPLY_INTEGER || reply->integer != (intptr_t) arg)
		told = false;
}

/* --- asking all ---------------------------------------------------------------------------------------- */

SessionsQuestion *
sessions_ask(const int64_t *sessions, int count, SessionsDone done, void *arg)
{
	SessionsQuestion *question = memory_alloc(sizeof(SessionsQuestion) + (size_t) count * sizeof(bool));
	int			bridges;
	int64_t    *origins = others_list(&bridges);

	*question = (SessionsQuestion) {.done = done, .arg = arg, .pending = 1, .count = count};
	for (int i = 0; i < count; i++)
		question->live[i] = peer_first_of_session(sessions[i]) != NULL;
	for (int i = 0; count > 0 && i < bridges; i++)
	{
		question->pending++;
		command(origins[i], "SMISMEMBER", sessions, count, on_members, question);
	}
	free(origins);
	return conclude(question) ? NULL : question;
}

static void
on_members(void *arg, const redisReply *reply)
{
	SessionsQuestion *question = arg;

	for (int i = 0; reply != NULL && reply->type == REDIS_REPLY_ARRAY && i < question->count && i < (int) reply->elements; i++)
	{
		const redisReply *said = reply->element[i];

		question->live[i] = question->live[i] || (said->type == REDIS_REPLY_INTEGER && said->integer == 1);
	}
	(void) conclude(question);
}

/* One answer less to wait for. True: that was the last, and the question is no more. */
static bool
conclude(SessionsQuestion *question)
{
	if (--question->pending > 0)
		return false;
	if (question->done != NULL)
		question->done(question->arg, question->live);
	free(question);
	return true;
}

void
sessions_forget(SessionsQuestion *question)
{
	question->done = NULL;
}

/* VERB key session... */
static void
command(int64_t origin, const char *verb, const int64_t *sessions, int count, RedisDone done, void *arg)
{
	char		key[KEY_SIZE];
	const char **words = memory_alloc(((size_t) count + 2) * sizeof(char *));
	char	  (*numbers)[NUMBER_SIZE] = memory_alloc(((size_t) count + 1) * NUMBER_SIZE);

	name_set(origin, key);
	words[0] = verb;
	words[1] = key;
	for (int i = 0; i < count; i++)
	{
		snprintf(numbers[i], NUMBER_SIZE, "%lld", (long long) sessions[i]);
		words[i + 2] = numbers[i];
	}
	channels_command(origin, count + 2, words, done, arg);
	free(words);
	free(numbers);
}

static void
name_set(int64_t origin, char key[KEY_SIZE])
{
	snprintf(key, KEY_SIZE, "porcupine:sessions:{%lld}", (long long) origin);
}
