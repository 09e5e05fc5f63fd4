/*
 * hub.c - see hub.h.
 *
 * A room is LOADING until its recent events have been read, then LIVE. published is the end of the
 * contiguous prefix; known is the highest seq that anybody has claimed. Whenever known is above
 * published and no read is under way, one is begun; its answer carries a ticket, so that the
 * answer to an earlier incarnation of the room is not taken for this one's.
 */
#include "hub.h"
#include "early.h"
#include "memory.h"
#include "metrics.h"
#include "table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct HubRoom
{
	int64_t		id;
	int64_t		ticket;			/* of the read under way; 0: none */
	int64_t		published;
	int64_t		known;
	int64_t		at_sweep;		/* published, when the sweep under way was begun */
	int64_t		erasures;		/* of the log, which what is kept is not older than */
	bool		live;
	unsigned	busy;			/* loops under way over its subscriptions: must not be freed */
	Subscription *subscriptions;
	Table		users;			/* user id -> number of announced subscriptions, as a pointer */
	Recent		recent;			/* up to published */
	Early		early;			/* beyond a gap after published */
};

static const HubOps *ops;
static Table rooms;
static int64_t last_ticket;

static HubRoom *make_room(int64_t id, int64_t erasures);
static void hold(HubRoom *room);
static void release(HubRoom *room);
static void free_room_if_unused(HubRoom *room);
static void begin_read(HubRoom *room);
static void read_missing(HubRoom *room);
static void load(HubRoom *room, HubEvent *events, int count);
static void restart_room(HubRoom *room);
static void append(HubRoom *room, HubEvent event);
static void note_erasures(HubRoom *room, int64_t erasures);
static void forget_bodies(HubRoom *room);
static void append_early(HubRoom *room);
static void pump(Subscription *subscription);
static const HubEvent *next_event(Subscription *subscription);
static bool deliver(Subscription *subscription, const HubEvent *event);
static void announce(Subscription *subscription);
static void end(Subscription *subscription, bool busy);
static void end_all(HubRoom *room, bool busy);
static void drop_page(Subscription *subscription);
static void count_user(HubRoom *room, int64_t user, int change);
static void forget_users(HubRoom *room);

void
hub_set_ops(const HubOps *given)
{
	ops = given;
}

/* --- subscriptions --------------------------------------------------------------------------- */

void
hub_attach(Subscription *subscription, int64_t id, int64_t user, int64_t erasures)
{
	HubRoom    *room = table_get(&rooms, id);

	if (room == NULL)
		room = make_room(id, erasures);
	*subscription = (Subscription) {.room = room, .room_id = id, .user = user, .next_in_room = room->subscriptions};
	if (room->subscriptions != NULL)
		room->subscriptions->previous_in_room = subscription;
	room->subscriptions = subscription;
	metrics_add(METRIC_SUBSCRIPTIONS, 1);
	if (room->live)
		ops->attached(subscription);
	else if (room->ticket == 0)
		begin_read(room);
}

void
hub_start(Subscription *subscription, int64_t next, int64_t head, int64_t erasures)
{
	if (!subscription->room->live)
		return;					/* it is being loaded anew, and will be checked anew */
	note_erasures(subscription->room, erasures);
	subscription->next = next;
	subscription->admitted_at = head;
	if (head > subscription->room->known)
		subscription->room->known = head;
	read_missing(subscription->room);
	pump(subscription);
}

void
hub_resume(Subscription *subscription)
{
	if (subscription->room != NULL && subscription->next > 0)
		pump(subscription);
}

void
hub_detach(Subscription *subscription)
{
	HubRoom    *room = subscription->room;

	if (room == NULL)
		return;
	if (subscription->previous_in_room != NULL)
		subscription->previous_in_room->next_in_room = subscription->next_in_room;
	else
		room->subscriptions = subscription->next_in_room;
	if (subscription->next_in_room != NULL)
		subscription->next_in_room->previous_in_room = subscription->previous_in_room;
	subscription->room = NULL;
	metrics_add(METRIC_SUBSCRIPTIONS, -1);
	drop_page(subscription);
	if (subscription->announced)
		count_user(room, subscription->user, -1);
	free_room_if_unused(room);
}

/* Sends what may be sent: from the room's memory, or from a page read for this one alone. */
static void
pump(Subscription *subscription)
{
	HubRoom    *room = subscription->room;

	if (!room->live)
		return;
	hold(room);
	for (;;)
	{
		const HubEvent *event;

		if (!subscription->announced && subscription->next > subscription->admitted_at)
			announce(subscription);
		if (subscription->next > room->published)
			break;
		if (!ops->has_room(subscription))
		{
			drop_page(subscription);	/* read again when there is room */
			break;
		}
		event = next_event(subscription);
		if (event == NULL)
		{
			if (!subscription->reading)
			{
				subscription->reading = true;
				metrics_add(METRIC_PAGE_READS, 1);
				ops->read_page(subscription, subscription->next - 1, HUB_PAGE);
			}
			break;
		}
		if (!deliver(subscription, event))
			break;
	}
	release(room);
}

static const HubEvent *
next_event(Subscription *subscription)
{
	const HubEvent *event = recent_find(&subscription->room->recent, subscription->next);

	if (event != NULL)
	{
		drop_page(subscription);
		return event;
	}
	while (subscription->page_at < subscription->page_count)
	{
		event = &subscription->page[subscription->page_at];
		if (event->seq == subscription->next)
			return event;
		frame_release(event->frame);
		subscription->page_at++;
	}
	return NULL;
}

/* False: it has ended by this event. */
static bool
deliver(Subscription *subscription, const HubEvent *event)
{
	bool		ends = event->ends == subscription->user && event->seq > subscription->admitted_at;

	subscription->next = event->seq + 1;
	ops->push(subscription, event->frame);
	if (ends)
		end(subscription, false);
	return !ends;
}

static void
announce(Subscription *subscription)
{
	subscription->announced = true;
	count_user(subscription->room, subscription->user, 1);
	ops->announce(subscription);
}

static void
end(Subscription *subscription, bool busy)
{
	hub_detach(subscription);
	ops->ended(subscription, busy);
}

static void
end_all(HubRoom *room, bool busy)
{
	hold(room);
	while (room->subscriptions != NULL)
		end(room->subscriptions, busy);
	release(room);
}

static void
drop_page(Subscription *subscription)
{
	for (; subscription->page_at < subscription->page_count; subscription->page_at++)
		frame_release(subscription->page[subscription->page_at].frame);
	free(subscription->page);
	subscription->page = NULL;
	subscription->page_at = subscription->page_count = 0;
}

void
hub_take_page(Subscription *subscription, bool ok, HubEvent *events, int count)
{
	bool		wanted = subscription->reading && subscription->room != NULL;
	bool		hole = ok && wanted && (count == 0 || events[0].seq > subscription->next);

	drop_page(subscription);
	subscription->reading = false;
	if (!ok || !wanted || hole)
	{
		/* a failed read is tried again by the next event or sweep; a hole would be there again */
		for (int i = 0; i < count; i++)
			frame_release(events[i].frame);
		if (hole)
			end(subscription, true);
		return;
	}
	subscription->page = memory_alloc((size_t) count * sizeof(HubEvent));
	memcpy(subscription->page, events, (size_t) count * sizeof(HubEvent));
	subscription->page_count = count;
	pump(subscription);
}

/* --- events ------------------------------------------------------------------------------------ */

void
hub_publish(int64_t id, HubEvent event)
{
	HubRoom    *room = table_get(&rooms, id);

	if (room != NULL && event.seq > room->known)
		room->known = event.seq;
	if (room != NULL && room->live && event.seq == room->published + 1)
	{
		hold(room);
		append(room, event);
		append_early(room);
		release(room);
		return;
	}
	if (room != NULL && room->live && event.seq > room->published)
	{
		metrics_add(METRIC_GAPS, 1);
		if (early_keep(&room->early, event))
		{
			if (room->ticket == 0 && !ops->wait(id))
				read_missing(room);
			return;
		}
	}
	frame_release(event.frame);
	if (room != NULL)
		read_missing(room);
}

void
hub_read_missing(int64_t id)
{
	HubRoom    *room = table_get(&rooms, id);

	if (room != NULL)
		read_missing(room);
}

void
hub_set_head(int64_t id, int64_t head)
{
	HubRoom    *room = table_get(&rooms, id);

	if (room == NULL)
		return;
	if (head == 0)
	{
		end_all(room, false);
		return;
	}
	if (head > room->known)
		room->known = head;
	read_missing(room);
}

void
hub_take_read(int64_t id, int64_t ticket, bool ok, HubEvent *events, int count)
{
	HubRoom    *room = table_get(&rooms, id);

	if (room == NULL || room->ticket != ticket)
	{
		for (int i = 0; i < count; i++)
			frame_release(events[i].frame);
		return;
	}
	room->ticket = 0;
	hold(room);
	if (!room->live)
	{
		if (ok)
			load(room, events, count);
		else
			end_all(room, true);
		release(room);
		return;
	}
	if (ok && count > 0 && events[0].seq > room->published + 1)
	{
		for (int i = 0; i < count; i++)
			frame_release(events[i].frame);
		restart_room(room);		/* the log has a hole: it goes on behind it */
		release(room);
		return;
	}
	for (int i = 0; i < count; i++)
	{
		if (events[i].seq == room->published + 1)
			append(room, events[i]);
		else
			frame_release(events[i].frame);
	}
	append_early(room);
	/* a claim that the table does not bear out: nothing to wait for */
	if (ok && count == 0)
		room->known = room->published;
	if (ok)
		read_missing(room);
	release(room);
}

void
hub_restart(void)
{
	int			count;
	int64_t    *ids = hub_rooms(&count);

	for (int i = 0; i < count; i++)
	{
		HubRoom    *room = table_get(&rooms, ids[i]);

		/* a peer that was ended may have been the last to leave it */
		if (room != NULL)
			restart_room(room);
	}
	free(ids);
}

/* Its log is not the one that was shown: load it and check every cursor anew. */
static void
restart_room(HubRoom *room)
{
	room->live = false;
	room->published = room->known = room->at_sweep = room->erasures = 0;
	recent_forget_all(&room->recent);
	early_forget_all(&room->early);
	for (Subscription *each = room->subscriptions; each != NULL; each = each->next_in_room)
	{
		drop_page(each);
		each->reading = each->announced = false;
		if (each->next > 0)
			each->restarted_at = each->next;
		each->next = 0;
	}
	forget_users(room);
	begin_read(room);
}

void
hub_take_sweep(int64_t id, int64_t head, int64_t erasures)
{
	HubRoom    *room = table_get(&rooms, id);
	Subscription *following;

	if (room == NULL || !room->live)
		return;
	hold(room);
	if (head < room->at_sweep)
		restart_room(room);		/* rolled back: what was shown does not exist */
	else
	{
		if (head > room->known)
			metrics_add_to(METRIC_SWEEP_FINDS, SWEEP_HEADS, 1);
		note_erasures(room, erasures);
		hub_set_head(id, head);
		for (Subscription *each = room->subscriptions; each != NULL; each = following)
		{
			following = each->next_in_room;
			if (each->next > 0 && !each->reading)
				pump(each);
		}
	}
	release(room);
}

/* The next event of the room, for everybody who is not still catching up. The caller holds the room. */
static void
append(HubRoom *room, HubEvent event)
{
	Subscription *each;
	Subscription *following;

	room->published = event.seq;
	metrics_add(METRIC_EVENTS_PUBLISHED, 1);
	if (frame_is_redaction(event.frame))
		forget_bodies(room);
	frame_keep(event.frame);
	recent_keep(&room->recent, event);
	for (each = room->subscriptions; each != NULL; each = following)
	{
		following = each->next_in_room;
		if (each->next == event.seq && each->announced && ops->has_room(each))
			(void) deliver(each, &event);
		else if (each->next > 0 && each->next <= event.seq)
		{
			ops->missed(each, event.frame);
			pump(each);
		}
	}
	frame_release(event.frame);
}

/* Whatever came before that may be older, be it kept or on its way. */
static void
note_erasures(HubRoom *room, int64_t erasures)
{
	if (erasures <= room->erasures)
		return;
	room->erasures = erasures;
	forget_bodies(room);
	early_forget_all(&room->early);
	if (room->ticket != 0)
		begin_read(room);
}

/* What was read until now may have a body that is erased: it is read again by whoever still needs it. */
static void
forget_bodies(HubRoom *room)
{
	recent_forget_all(&room->recent);
	for (Subscription *each = room->subscriptions; each != NULL; each = each->next_in_room)
	{
		drop_page(each);
		each->reading = false;	/* the page on its way is older, too */
	}
}

/* What waited for the last event, and is next now. */
static void
append_early(HubRoom *room)
{
	HubEvent	event;

	while (early_take(&room->early, room->published + 1, &event))
		append(room, event);
}

static void
load(HubRoom *room, HubEvent *events, int count)
{
	Subscription *following;

	for (int i = 0; i < count; i++)
	{
		/* only what lies behind the last hole is a contiguous prefix's end */
		if (events[i].seq != room->published + 1)
			recent_forget_all(&room->recent);
		room->published = events[i].seq;
		recent_keep(&room->recent, events[i]);
	}
	room->live = true;
	for (Subscription *each = room->subscriptions; each != NULL; each = following)
	{
		following = each->next_in_room;
		ops->attached(each);
	}
	read_missing(room);
}

static void
read_missing(HubRoom *room)
{
	if (room->live && room->known > room->published && room->ticket == 0)
		begin_read(room);
}

static void
begin_read(HubRoom *room)
{
	room->ticket = ++last_ticket;
	metrics_add(METRIC_ROOM_READS, 1);
	ops->read_room(room->id, room->ticket, room->live ? room->published : -1, RECENT_EVENTS);
}

/* --- rooms ------------------------------------------------------------------------------------------ */

static HubRoom *
make_room(int64_t id, int64_t erasures)
{
	HubRoom    *room = memory_alloc(sizeof(HubRoom));

	room->id = id;
	room->erasures = erasures;
	table_put(&rooms, id, room);
	metrics_add(METRIC_ROOMS, 1);
	ops->opened(id);
	return room;
}

/* Around a loop over the room's subscriptions: the last of them may go meanwhile. */
static void
hold(HubRoom *room)
{
	room->busy++;
	assert(room->busy > 0);
}

static void
release(HubRoom *room)
{
	room->busy--;
	free_room_if_unused(room);
}

static void
free_room_if_unused(HubRoom *room)
{
	/* while a read is out the room stays, so that asking again does not begin another one */
	if (room->subscriptions != NULL || room->busy > 0 || room->ticket != 0)
		return;
	recent_forget_all(&room->recent);
	early_forget_all(&room->early);
	table_remove(&rooms, room->id);
	metrics_add(METRIC_ROOMS, -1);
	ops->closed(room->id);
	table_free(&room->users);
	free(room);
}

static void
count_user(HubRoom *room, int64_t user, int change)
{
	intptr_t	before = (intptr_t) table_get(&room->users, user);
	intptr_t	after = before + change;

	if (after > 0)
		table_put(&room->users, user, (void *) after);
	else
		table_remove(&room->users, user);
	if (before == 0 || after == 0)
	{
		hold(room);
		ops->presence(room->id, user, after > 0);
		room->busy--;			/* whoever counts holds or frees it */
	}
}

static void
forget_users(HubRoom *room)
{
	size_t		at = 0;
	TableSlot  *slot;

	while ((slot = table_next(&room->users, &at)) != NULL)
		ops->presence(room->id, slot->key, false);
	table_free(&room->users);
}

void
hub_say(int64_t id, Frame *frame, int64_t except_user)
{
	HubRoom    *room = table_get(&rooms, id);

	for (Subscription *each = room != NULL ? room->subscriptions : NULL; each != NULL; each = each->next_in_room)
	{
		if (each->user != except_user && each->announced)
			ops->push(each, frame);
	}
	frame_release(frame);
}

int64_t
hub_head(int64_t id)
{
	const HubRoom *room = table_get(&rooms, id);

	return room != NULL ? room->published : 0;
}

int64_t *
hub_rooms(int *count)
{
	int64_t    *ids = memory_alloc((rooms.count + 1) * sizeof(int64_t));
	size_t		at = 0;
	TableSlot  *slot;

	*count = 0;
	while ((slot = table_next(&rooms, &at)) != NULL)
	{
		HubRoom    *room = slot->value;

		room->at_sweep = room->published;
		ids[(*count)++] = slot->key;
	}
	return ids;
}

bool
hub_is_watched(int64_t id)
{
	return table_get(&rooms, id) != NULL;
}
