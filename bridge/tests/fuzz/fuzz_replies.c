/*
 * fuzz_replies.c - what Redis answers, whatever it is: a charge is decided once, for a limit of its own and
 * within its bounds; who is online elsewhere is who stands in the set; a session is live that is in a bridge's set
 * or has a socket here. The commands are kept from Redis, in place of channels.c, and answered by the input.
 *
 * Input: a letter, then replies in Redis' protocol. L, and a byte of which tolls and marks: of the limiter's script;
 * P: of a room's set; S: of two bridges' sets.
 */
#include "channels.h"
#include "json.h"
#include "limiter.h"
#include "memory.h"
#include "others.h"
#include "presence.h"
#include "reply.h"
#include "sessions.h"

#define ROOM 12
#define OWN 7
#define USER_HERE 5
#define MOST_PENDING 16
#define N_SESSIONS 3

typedef struct Pending
{
	RedisDone	done;
	void	   *arg;
} Pending;

static Pending pending[MOST_PENDING];
static int	n_pending;
static bool reached;

/* --- in place of channels.c and others.c ------------------------------------------------------------------- */

void
channels_command(int64_t room, int count, const char **words, RedisDone done, void *arg)
{
	HOLDS(count > 1 && (room & INT64_MAX) == room);
	for (int i = 0; i < count; i++)
		HOLDS(words[i] != NULL);
	if (done == NULL)
		return;
	HOLDS(n_pending < MOST_PENDING);
	pending[n_pending++] = (Pending) {done, arg};
}

/* Odd ones are on another node. */
int
channels_node_of(int64_t room)
{
	return room == ROOM ? 0 : (int) (room & 1);
}

int
channels_node_count(void)
{
	return 2;
}

bool
channels_reach(int64_t room)
{
	(void) room;
	return reached;
}

bool
channels_are_up(void)
{
	return reached;
}

int
channels_of_all(void)
{
	return 2;
}

void
channels_open(const Nodes *nodes, bool clustered, const ChannelEvents *events)
{
	(void) nodes;
	(void) clustered;
	(void) events;
}

void
channels_close(void)
{
}

void
channels_subscribe(int64_t room)
{
	(void) room;
}

void
channels_unsubscribe(int64_t room)
{
	(void) room;
}

void
channels_publish(int64_t room, const char *bytes, size_t length)
{
	(void) room;
	(void) bytes;
	(void) length;
}

void
channels_publish_everywhere(const char *bytes, size_t length)
{
	(void) bytes;
	(void) length;
}

/* It remembers for seconds whom it has heard; here no time passes. */
void
others_heard(int64_t origin)
{
	HOLDS(origin >= 0 && origin != OWN);
}

int64_t *
others_list(int *count)
{
	int64_t    *origins = memory_alloc(2 * sizeof(int64_t));

	*count = 2;
	origins[0] = 8;
	origins[1] = 9;
	return origins;
}

void
others_open(int node_count, int bell_node, const OthersEvents *events)
{
	(void) node_count;
	(void) bell_node;
	(void) events;
}

void
others_beat(int64_t origin, int node, Duty duty, int64_t bells)
{
	(void) origin;
	(void) node;
	(void) duty;
	(void) bells;
}

void
others_bell(int64_t origin)
{
	(void) origin;
}

void
others_check(void)
{
}

bool
others_publishes(int64_t origin)
{
	(void) origin;
	return false;
}

bool
others_have_relay(void)
{
	return false;
}

/* --- a charge ------------------------------------------------------------------------------------------------ */

static Verdict verdict;
static int	verdicts;

static void
decided(void *arg, const Verdict *what)
{
	(void) arg;
	verdict = *what;
	verdicts++;
}

static void
check_verdict(const Charge *charge)
{
	const Quota *quota = limiter_quota(verdict.limit);
	bool		own = verdict.allowed && verdict.left < 0;

	for (int i = 0; i < charge->count; i++)
		own = own || charge->tolls[i].limit == verdict.limit;
	HOLDS(own && verdicts == 1);
	HOLDS(charge->level == LIMITER_BY_DEVICE || charge->level == LIMITER_BY_ADDRESS || charge->level == LIMITER_STRANGER);
	HOLDS(verdict.allowed ? verdict.left >= -1 : verdict.left >= 0);
	HOLDS(verdict.left <= quota->count && verdict.seconds >= 0);
	HOLDS(!verdict.allowed || (double) verdict.seconds <= quota->period / 1e6 + 1);
}

static void
check_limiter(Input input)
{
	static Quotas quotas;
	static const Limit limits[] = {LIMIT_LOGIN_KNOWN, LIMIT_LOGIN_KNOWN, LIMIT_LOGIN_ACCOUNT, LIMIT_LOGIN};
	static const int levels[] = {LIMITER_BY_DEVICE, LIMITER_BY_ADDRESS, LIMITER_STRANGER, LIMITER_BY_ADDRESS | LIMITER_STRANGER};
	unsigned	which = fuzz_byte(&input);
	redisReader *reader = reply_reader(input);
	Charge		charge = {.marks_place = which & 16 ? 2 : 0, .marks = {which & 32 ? 3 : 0, which & 64 ? 4 : 0}};

	if (quotas.list[LIMIT_LOGIN].count == 0)
	{
		HOLDS(quotas_read("on", &quotas));
		limiter_open(&quotas, false);
	}
	for (int i = 0; i < LIMITER_MAX_TOLLS; i++)
	{
		if (which & 1u << i)
			limiter_add(&charge, limits[i], i < 3 ? 2 : 5, 0, charge.marks_place != 0 ? levels[i] : LIMITER_ANY);
	}
	/* nobody asks for nothing */
	if (charge.count == 0)
		limiter_add(&charge, LIMIT_LOGIN, 5, 0, LIMITER_ANY);
	verdicts = 0;
	limiter_ask(&charge, decided, NULL);
	while (n_pending > 0)
	{
		Pending		asked = pending[--n_pending];
		redisReply *reply = reply_next(reader);

		asked.done(asked.arg, reply);
		if (reply != NULL)
			freeReplyObject(reply);
	}
	check_verdict(&charge);
	redisReaderFree(reader);
}

/* --- who is online --------------------------------------------------------------------------------------------- */

/* Does it stand there as ".user"? */
static bool
stands_in(const redisReply *reply, const char *user)
{
	for (size_t i = 0; reply != NULL && reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++)
	{
		const char *dot = reply->element[i]->type == REDIS_REPLY_STRING ? strchr(reply->element[i]->str, '.') : NULL;

		if (dot != NULL && strcmp(dot + 1, user) == 0)
			return true;
	}
	return false;
}

static void
check_presence(Input input)
{
	redisReader *reader = reply_reader(input);
	redisReply *reply;
	Text		online = {0};
	cJSON	   *said;
	const cJSON *list;
	int64_t		user;

	/* others need not be told */
	reached = false;
	presence_here(ROOM, USER_HERE, true);
	presence_exchange(0);
	HOLDS(n_pending == 1);
	reply = reply_next(reader);
	pending[0].done(pending[0].arg, reply);
	text_add(&online, "{\"online\":");
	presence_write(ROOM, &online);
	text_add(&online, "}");
	said = json_parse(online.bytes, online.length);
	list = json_get(said, "online");
	HOLDS(cJSON_IsArray(list));
	for (const cJSON *each = list->child; each != NULL; each = each->next)
	{
		HOLDS(cJSON_IsString(each) && text_to_number(each->valuestring, INT64_MAX, &user));
		HOLDS(user == USER_HERE || (user > 0 && stands_in(reply, each->valuestring)));
		for (const cJSON *other = each->next; other != NULL; other = other->next)
			HOLDS(strcmp(each->valuestring, other->valuestring) != 0);
	}
	cJSON_Delete(said);
	text_free(&online);
	presence_forget(ROOM);
	if (reply != NULL)
		freeReplyObject(reply);
	redisReaderFree(reader);
}

/* --- which sessions are live -------------------------------------------------------------------------------------- */

static int	answers;

static void
answered(void *arg, const bool *live)
{
	const bool *expected = arg;

	HOLDS(memcmp(live, expected, N_SESSIONS * sizeof(bool)) == 0);
	answers++;
}

static void
check_sessions(Input input)
{
	static const int64_t sessions[N_SESSIONS] = {1, 2, 3};
	redisReader *reader = reply_reader(input);
	redisReply *replies[2] = {reply_next(reader), reply_next(reader)};
	bool		expected[N_SESSIONS] = {false};

	for (size_t i = 0; i < 2 * N_SESSIONS; i++)
	{
		const redisReply *reply = replies[i / N_SESSIONS];
		size_t		at = i % N_SESSIONS;

		if (reply != NULL && reply->type == REDIS_REPLY_ARRAY && at < reply->elements
			&& reply->element[at]->type == REDIS_REPLY_INTEGER && reply->element[at]->integer == 1)
			expected[at] = true;
	}
	answers = 0;
	HOLDS(sessions_ask(sessions, N_SESSIONS, answered, expected) != NULL && n_pending == 2);
	n_pending = 0;
	for (int i = 0; i < 2; i++)
	{
		HOLDS(answers == 0);
		pending[i].done(pending[i].arg, replies[i]);
		if (replies[i] != NULL)
			freeReplyObject(replies[i]);
	}
	HOLDS(answers == 1);
	redisReaderFree(reader);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *bytes = fuzz_memory(data, size);
	Input		input = {bytes, bytes + size};

	n_pending = 0;
	reached = true;
	presence_open(OWN);
	switch (fuzz_byte(&input))
	{
		case 'P':
			check_presence(input);
			break;
		case 'S':
			check_sessions(input);
			break;
		default:
			check_limiter(input);
			break;
	}
	presence_close();
	free(bytes);
	return 0;
}
