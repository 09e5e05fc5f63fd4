/*
 * presence.c - see presence.h. It owns, for each room that is watched here, who is online where.
 *
 * In Redis a room's set has members "origin.user". A bridge that was killed leaves its own behind:
 * whoever notices takes them out, and a set that nobody touches any more expires.
 *
 * A thousand who come into one room would make half a million frames of it, so of a crowd it is not
 * told who is there.
 */
#include "presence.h"
#include "channels.h"
#include "database.h"
#include "fanout.h"
#include "hub.h"
#include "loop.h"
#include "memory.h"
#include "others.h"
#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_USERS 10000		/* online in a room at one other bridge */
#define CROWD 100				/* online in a room; more are a crowd, ... */
#define CROWD_ENDS 80			/* ... until they are fewer than these */
#define MEMBERS_A_COMMAND 64
#define MEMBER_SIZE 48
#define KEY_SIZE 80
#define KEY_LIVES_S "10800"
#define EXCHANGE_EVERY_MS 3600000

/* Who is online in a room at one bridge. */
typedef struct Place
{
	struct Place *next;
	int64_t		origin;
	Table		users;			/* user -> the place */
} Place;

typedef struct OnlineRoom
{
	int64_t		id;
	Place	   *places;
	size_t		count;			/* of the users of all places */
	bool		crowded;
	bool		reading;		/* the set is being read ... */
	bool		read_again;		/* ... and somebody has gone meanwhile */
} OnlineRoom;

static int64_t own_origin;
static Table rooms;
static Timer timer;

static void say_again(int64_t room, const Place *place);
static void exchange_all(void *arg);
static void set_online(int64_t room, int64_t origin, int64_t user, bool online);
static OnlineRoom *make_room(int64_t id);
static bool settle_crowd(OnlineRoom *room);
static void say_all(const OnlineRoom *room);
static void say(int64_t room, int64_t user, bool online);
static bool is_online(const OnlineRoom *room, int64_t user, const Place *but);
static Place *place_of(const OnlineRoom *room, int64_t origin);
static void end_place(OnlineRoom *room, Place *place);
static void drop_place(OnlineRoom *room, Place *place);
static void read_set(OnlineRoom *room);
static void on_read(void *arg, const redisReply *reply);
static void take_member(OnlineRoom *room, const char *member);
static void change_set(const char *verb, int64_t room, const Place *place);
static void command(int64_t room, const char *verb, int count, const char **words, RedisDone done, void *arg);
static void lengthen(int64_t room);

void
presence_open(int64_t origin)
{
	own_origin = origin;
	timer_start(&timer, exchange_all, NULL, EXCHANGE_EVERY_MS, EXCHANGE_EVERY_MS);
}

void
presence_close(void)
{
	timer_stop(&timer);
}

/* --- here ------------------------------------------------------------------------------------------ */

void
presence_here(int64_t room, int64_t user, bool online)
{
	const OnlineRoom *known = table_get(&rooms, room);
	bool		first = known == NULL || place_of(known, own_origin) == NULL;
	char		member[MEMBER_SIZE];
	const char *words[] = {member};

	set_online(room, own_origin, user, online);
	if (!channels_reach(room))
		return;
	snprintf(member, sizeof(member), "%lld.%lld", (long long) own_origin, (long long) user);
	command(room, online ? "SADD" : "SREM", 1, words, NULL, NULL);
	if (online && first)
		lengthen(room);
	/* after the set, so that whoever is too late to hear it reads it there */
	fanout_presence(room, user, online);
}

void
presence_forget(int64_t id)
{
	OnlineRoom *room = table_get(&rooms, id);

	if (room == NULL)
		return;
	while (room->places != NULL)
		drop_place(room, room->places);
	table_remove(&rooms, id);
	free(room);
}

void
presence_exchange(int node)
{
	size_t		at = 0;
	TableSlot  *slot;

	while ((slot = table_next(&rooms, &at)) != NULL)
	{
		OnlineRoom *room = slot->value;
		const Place *place = place_of(room, own_origin);

		if (channels_node_of(room->id) != node)
			continue;
		if (place != NULL)
		{
			change_set("SADD", room->id, place);
			lengthen(room->id);
			say_again(room->id, place);
		}
		read_set(room);
	}
}

/* Another bridge may have read the set before. */
static void
say_again(int64_t room, const Place *place)
{
	size_t		at = 0;
	TableSlot  *user;

	while ((user = table_next(&place->users, &at)) != NULL)
		fanout_presence(room, user->key, true);
}

static void
exchange_all(void *arg)
{
	(void) arg;
	for (int node = 0; node < channels_node_count(); node++)
		presence_exchange(node);
}

/* --- elsewhere ---------------------------------------------------------------------------------------- */

void
presence_elsewhere(int64_t id, int64_t origin, int64_t user, bool online)
{
	OnlineRoom *room = table_get(&rooms, id);

	if (room != NULL && !online)
		room->read_again = room->reading;
	if (hub_is_watched(id))
		set_online(id, origin, user, online);
}

void
presence_gone(int64_t origin)
{
	size_t		at = 0;
	TableSlot  *slot;

	while ((slot = table_next(&rooms, &at)) != NULL)
	{
		OnlineRoom *room = slot->value;
		Place	   *place = place_of(room, origin);

		if (place == NULL)
			continue;
		change_set("SREM", room->id, place);
		end_place(room, place);
	}
}

void
presence_lose(int node)
{
	size_t		at = 0;
	TableSlot  *slot;

	while ((slot = table_next(&rooms, &at)) != NULL)
	{
		OnlineRoom *room = slot->value;

		for (Place *place = room->places, *next; place != NULL; place = next)
		{
			next = place->next;
			if (place->origin != own_origin && channels_node_of(room->id) == node)
				end_place(room, place);
		}
	}
}

/* Nobody is known to be online there any more. */
static void
end_place(OnlineRoom *room, Place *place)
{
	size_t		at = 0;
	TableSlot  *user;

	while ((user = table_next(&place->users, &at)) != NULL)
	{
		if (!room->crowded && !is_online(room, user->key, place))
			say(room->id, user->key, false);
	}
	drop_place(room, place);
	(void) settle_crowd(room);
}

void
presence_read(const int64_t *ids, int count)
{
	for (int i = 0; i < count; i++)
	{
		OnlineRoom *room = table_get(&rooms, ids[i]);

		if (!hub_is_watched(ids[i]))
			continue;
		if (room == NULL)
			room = make_room(ids[i]);
		read_set(room);
	}
}

static void
read_set(OnlineRoom *room)
{
	if (room->reading)
		return;
	room->reading = true;
	room->read_again = false;
	command(room->id, "SMEMBERS", 0, NULL, on_read, (void *) (intptr_t) room->id);
}

/* Somebody who went while it was read may stand in it, or not. */
static void
on_read(void *arg, const redisReply *reply)
{
	OnlineRoom *room = table_get(&rooms, (int64_t) (intptr_t) arg);

	if (room == NULL)
		return;
	room->reading = false;
	if (reply == NULL || reply->type != REDIS_REPLY_ARRAY)
		return;
	if (room->read_again)
	{
		read_set(room);
		return;
	}
	for (size_t i = 0; i < reply->elements; i++)
	{
		if (reply->element[i]->type == REDIS_REPLY_STRING)
			take_member(room, reply->element[i]->str);
	}
}

/* "origin.user"; a bridge that has gone is given the time in which it would be heard. */
static void
take_member(OnlineRoom *room, const char *member)
{
	const char *dot = strchr(member, '.');
	char		number[24];
	int64_t		origin;
	int64_t		user;

	if (dot == NULL || (size_t) (dot - member) >= sizeof(number))
		return;
	memcpy(number, member, (size_t) (dot - member));
	number[dot - member] = '\0';
	if (!text_to_number(number, INT64_MAX, &origin) || !text_to_number(dot + 1, INT64_MAX, &user) || origin == own_origin)
		return;
	others_heard(origin);
	set_online(room->id, origin, user, true);
}

/* --- both ------------------------------------------------------------------------------------------------- */

/* Says it to the sockets here when it makes a difference. */
static void
set_online(int64_t id, int64_t origin, int64_t user, bool online)
{
	OnlineRoom *room = table_get(&rooms, id);
	Place	   *place = room != NULL ? place_of(room, origin) : NULL;
	bool		differs = room == NULL || !is_online(room, user, place);

	/* what another bridge says of nobody would be said as of all */
	if (user == 0)
		return;
	if (!online && (place == NULL || table_get(&place->users, user) == NULL))
		return;
	if (room == NULL)
		room = make_room(id);
	if (place == NULL)
	{
		place = memory_alloc(sizeof(Place));
		*place = (Place) {.next = room->places, .origin = origin};
		room->places = place;
	}
	if (online && (table_get(&place->users, user) != NULL
				   || (origin != own_origin && place->users.count >= MOST_USERS)))
		return;
	room->count -= place->users.count;
	if (online)
		table_put(&place->users, user, place);
	else
		table_remove(&place->users, user);
	room->count += place->users.count;
	if (place->users.count == 0)
		drop_place(room, place);
	if (!settle_crowd(room) && differs && !room->crowded)
		say(id, user, online);
}

static OnlineRoom *
make_room(int64_t id)
{
	OnlineRoom *room = memory_alloc(sizeof(OnlineRoom));

	room->id = id;
	table_put(&rooms, id, room);
	return room;
}

/* True: it has become a crowd or is none any more, and that was said. */
static bool
settle_crowd(OnlineRoom *room)
{
	bool		crowded = room->count > (room->crowded ? CROWD_ENDS - 1 : CROWD);

	if (crowded == room->crowded)
		return false;
	room->crowded = crowded;
	if (crowded)
		say(room->id, 0, false);
	else
		say_all(room);
	return true;
}

static void
say_all(const OnlineRoom *room)
{
	for (const Place *place = room->places; place != NULL; place = place->next)
	{
		size_t		at = 0;
		TableSlot  *user;

		while ((user = table_next(&place->users, &at)) != NULL)
			say(room->id, user->key, true);
	}
}

/* user 0: whoever it was told of before is not known any more */
static void
say(int64_t room, int64_t user, bool online)
{
	Text		text;

	frame_begin(&text);
	text_format(&text, "{\"type\":\"presence\",\"room\":\"%lld\",\"user\":", (long long) room);
	if (user != 0)
		text_format(&text, "\"%lld\"", (long long) user);
	else
		text_add(&text, "null");
	text_format(&text, ",\"online\":%s}", online ? "true" : "false");
	hub_say(room, frame_end(&text), user);
}

static bool
is_online(const OnlineRoom *room, int64_t user, const Place *but)
{
	for (const Place *place = room->places; place != NULL; place = place->next)
	{
		if (place != but && table_get(&place->users, user) != NULL)
			return true;
	}
	return false;
}

static Place *
place_of(const OnlineRoom *room, int64_t origin)
{
	Place	   *place = room->places;

	while (place != NULL && place->origin != origin)
		place = place->next;
	return place;
}

static void
drop_place(OnlineRoom *room, Place *place)
{
	Place	  **link = &room->places;

	while (*link != place)
		link = &(*link)->next;
	*link = place->next;
	room->count -= place->users.count;
	table_free(&place->users);
	free(place);
}

void
presence_write(int64_t id, Text *text)
{
	const OnlineRoom *room = table_get(&rooms, id);
	const char *separator = "";

	text_add(text, "[");
	for (const Place *place = room != NULL && !room->crowded ? room->places : NULL; place != NULL; place = place->next)
	{
		size_t		at = 0;
		TableSlot  *user;

		while ((user = table_next(&place->users, &at)) != NULL)
		{
			const Place *earlier = room->places;

			/* once, though at several bridges */
			while (earlier != place && table_get(&earlier->users, user->key) == NULL)
				earlier = earlier->next;
			if (earlier != place)
				continue;
			text_format(text, "%s\"%lld\"", separator, (long long) user->key);
			separator = ",";
		}
	}
	text_add(text, "]");
}

/* --- the sets in Redis ----------------------------------------------------------------------------------------- */

/* Adds or removes all that are at one bridge. */
static void
change_set(const char *verb, int64_t room, const Place *place)
{
	char		members[MEMBERS_A_COMMAND][MEMBER_SIZE];
	const char *words[MEMBERS_A_COMMAND];
	int			count = 0;
	size_t		at = 0;
	TableSlot  *user;

	while ((user = table_next(&place->users, &at)) != NULL)
	{
		snprintf(members[count], MEMBER_SIZE, "%lld.%lld", (long long) place->origin, (long long) user->key);
		words[count] = members[count];
		if (++count < MEMBERS_A_COMMAND)
			continue;
		command(room, verb, count, words, NULL, NULL);
		count = 0;
	}
	if (count > 0)
		command(room, verb, count, words, NULL, NULL);
}

/* VERB key word... */
static void
command(int64_t room, const char *verb, int count, const char **words, RedisDone done, void *arg)
{
	char		key[KEY_SIZE];
	const char *all[MEMBERS_A_COMMAND + 2] = {verb, key};

	/* a log of another stream has other rooms */
	snprintf(key, sizeof(key), "porcupine:online:%lld:{%lld}", (long long) database_stream(), (long long) room);
	for (int i = 0; i < count; i++)
		all[i + 2] = words[i];
	channels_command(room, count + 2, all, done, arg);
}

/* Long enough for it to be told again before it ends. */
static void
lengthen(int64_t room)
{
	const char *seconds = KEY_LIVES_S;

	command(room, "EXPIRE", 1, &seconds, NULL, NULL);
}
