/*
 * hub.c - see hub.h.
 *
 * A room is LOADING until its recent events have been read, then LIVE. published is the end of the
 * contiguous prefix; known is the highest seq that anybody has claimed. Whenever known is above
 * published and no read is under way, one is begun; its answer carries a ticket, so that the
 * answer to an earlier incarnation of the room is not taken for this one's.
 */
#include "hub.h"
#include "delivery.h"
#include "hubroom.h"
#include "memory.h"
#include "metrics.h"

#include <stdlib.h>

static int64_t last_ticket;

static void begin_read(HubRoom *room);
static void read_missing(HubRoom *room);
static void load(HubRoom *room, HubEvent *events, int count);
static void restart_room(HubRoom *room);
static void append(HubRoom *room, HubEvent event);
static void note_erasures(HubRoom *room, int64_t erasures);
static void forget_bodies(HubRoom *room);
static void append_early(HubRoom *room);

void
hub_set_ops(const HubOps *given)
{
	hubroom_ops = given;
}

/* --- subscriptions --------------------------------------------------------------------------- */

void
hub_attach(Subscription *subscription, int64_t id, int64_t user, int64_t erasures)
{
	HubRoom    *room = hubroom_find(id);

	if (room == NULL)
		room = hubroom_make(id, erasures);
	*subscription = (Subscription) {.room = room, .room_id = id, .user = user, .next_in_room = room->subscriptions};
	if (room->subscriptions != NULL)
		room->subscriptions->previous_in_room = subscription;
	room->subscriptions = subscription;
	metrics_add(METRIC_SUBSCRIPTIONS, 1);
	if (room->live)
		hubroom_ops->attached(subscription);
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
	delivery_pump(subscription);
}

void
hub_resume(Subscription *subscription)
{
	if (subscription->room != NULL && subscription->next > 0)
		delivery_pump(subscription);
}

void
hub_detach(Subscription *subscription)
{
	delivery_detach(subscription);
}

void
hub_take_page(Subscription *subscription, bool ok, HubEvent *events, int count)
{
	delivery_take_page(subscription, ok, events, count);
}

/* --- events ------------------------------------------------------------------------------------ */

void
hub_publish(int64_t id, HubEvent event)
{
	HubRoom    *room = hubroom_find(id);

	if (room != NULL && event.seq > room->known)
		room->known = event.seq;
	if (room != NULL && room->live && event.seq == room->published + 1)
	{
		hubroom_hold(room);
		append(room, event);
		append_early(room);
		hubroom_release(room);
		return;
	}
	if (room != NULL && room->live && event.seq > room->published)
	{
		metrics_add(METRIC_GAPS, 1);
		if (early_keep(&room->early, event))
		{
			if (room->ticket == 0 && !hubroom_ops->wait(id))
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
	HubRoom    *room = hubroom_find(id);

	if (room != NULL)
		read_missing(room);
}

void
hub_set_head(int64_t id, int64_t head)
{
	HubRoom    *room = hubroom_find(id);

	if (room == NULL)
		return;
	if (head == 0)
	{
		delivery_end_all(room, false);
		return;
	}
	if (head > room->known)
		room->known = head;
	read_missing(room);
}

void
hub_take_read(int64_t id, int64_t ticket, bool ok, HubEvent *events, int count)
{
	HubRoom    *room = hubroom_find(id);

	if (room == NULL || room->ticket != ticket)
	{
		for (int i = 0; i < count; i++)
			frame_release(events[i].frame);
		return;
	}
	room->ticket = 0;
	hubroom_hold(room);
	if (!room->live)
	{
		if (ok)
			load(room, events, count);
		else
			delivery_end_all(room, true);
		hubroom_release(room);
		return;
	}
	if (ok && count > 0 && events[0].seq > room->published + 1)
	{
		for (int i = 0; i < count; i++)
			frame_release(events[i].frame);
		restart_room(room);		/* the log has a hole: it goes on behind it */
		hubroom_release(room);
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
	hubroom_release(room);
}

void
hub_restart(void)
{
	int			count;
	int64_t    *ids = hub_rooms(&count);

	for (int i = 0; i < count; i++)
	{
		HubRoom    *room = hubroom_find(ids[i]);

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
		delivery_drop_page(each);
		each->reading = each->announced = false;
		if (each->next > 0)
			each->restarted_at = each->next;
		each->next = 0;
	}
	hubroom_forget_users(room);
	begin_read(room);
}

void
hub_take_sweep(int64_t id, int64_t head, int64_t erasures)
{
	HubRoom    *room = hubroom_find(id);
	Subscription *following;

	if (room == NULL || !room->live)
		return;
	hubroom_hold(room);
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
				delivery_pump(each);
		}
	}
	hubroom_release(room);
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
		if (each->next == event.seq && each->announced && hubroom_ops->has_room(each))
			(void) delivery_send(each, &event);
		else if (each->next > 0 && each->next <= event.seq)
		{
			hubroom_ops->missed(each, event.frame);
			delivery_pump(each);
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
		delivery_drop_page(each);
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
		hubroom_ops->attached(each);
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
	hubroom_ops->read_room(room->id, room->ticket, room->live ? room->published : -1, RECENT_EVENTS);
}

/* --- of all rooms ------------------------------------------------------------------------------------ */

void
hub_say(int64_t id, Frame *frame, int64_t except_user)
{
	HubRoom    *room = hubroom_find(id);

	for (Subscription *each = room != NULL ? room->subscriptions : NULL; each != NULL; each = each->next_in_room)
	{
		if (each->user != except_user && each->announced)
			hubroom_ops->push(each, frame);
	}
	frame_release(frame);
}

int64_t
hub_head(int64_t id)
{
	const HubRoom *room = hubroom_find(id);

	return room != NULL ? room->published : 0;
}

int64_t *
hub_rooms(int *count)
{
	int64_t    *ids = memory_alloc((hubroom_count() + 1) * sizeof(int64_t));
	size_t		at = 0;
	HubRoom    *room;

	*count = 0;
	while ((room = hubroom_next(&at)) != NULL)
	{
		room->at_sweep = room->published;
		ids[(*count)++] = room->id;
	}
	return ids;
}

bool
hub_is_watched(int64_t id)
{
	return hubroom_find(id) != NULL;
}
