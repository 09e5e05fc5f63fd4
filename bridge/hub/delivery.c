/*
 * delivery.c - see delivery.h. Only here a subscription's cursor moves on, and its page is used up.
 */
#include "delivery.h"
#include "memory.h"
#include "metrics.h"

#include <stdlib.h>
#include <string.h>

static const HubEvent *next_event(Subscription *subscription);
static void announce(Subscription *subscription);
static void end(Subscription *subscription, bool busy);

void
delivery_pump(Subscription *subscription)
{
	HubRoom    *room = subscription->room;

	if (!room->live)
		return;
	hubroom_hold(room);
	for (;;)
	{
		const HubEvent *event;

		if (!subscription->announced && subscription->next > subscription->admitted_at)
			announce(subscription);
		if (subscription->next > room->published)
			break;
		if (!hubroom_ops->has_room(subscription))
		{
			delivery_drop_page(subscription);	/* read again when there is room */
			break;
		}
		event = next_event(subscription);
		if (event == NULL)
		{
			if (!subscription->reading)
			{
				subscription->reading = true;
				metrics_add(METRIC_PAGE_READS, 1);
				hubroom_ops->read_page(subscription, subscription->next - 1, HUB_PAGE);
			}
			break;
		}
		if (!delivery_send(subscription, event))
			break;
	}
	hubroom_release(room);
}

static const HubEvent *
next_event(Subscription *subscription)
{
	const HubEvent *event = recent_find(&subscription->room->recent, subscription->next);

	if (event != NULL)
	{
		delivery_drop_page(subscription);
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

bool
delivery_send(Subscription *subscription, const HubEvent *event)
{
	bool		ends = event->ends == subscription->user && event->seq > subscription->admitted_at;

	subscription->next = event->seq + 1;
	hubroom_ops->push(subscription, event->frame);
	if (ends)
		end(subscription, false);
	return !ends;
}

static void
announce(Subscription *subscription)
{
	subscription->announced = true;
	hubroom_count_user(subscription->room, subscription->user, 1);
	hubroom_ops->announce(subscription);
}

void
delivery_take_page(Subscription *subscription, bool ok, HubEvent *events, int count)
{
	bool		wanted = subscription->reading && subscription->room != NULL;
	bool		hole = ok && wanted && (count == 0 || events[0].seq > subscription->next);

	delivery_drop_page(subscription);
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
	delivery_pump(subscription);
}

void
delivery_drop_page(Subscription *subscription)
{
	for (; subscription->page_at < subscription->page_count; subscription->page_at++)
		frame_release(subscription->page[subscription->page_at].frame);
	free(subscription->page);
	subscription->page = NULL;
	subscription->page_at = subscription->page_count = 0;
}

void
delivery_detach(Subscription *subscription)
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
	delivery_drop_page(subscription);
	if (subscription->announced)
		hubroom_count_user(room, subscription->user, -1);
	hubroom_free_if_unused(room);
}

static void
end(Subscription *subscription, bool busy)
{
	delivery_detach(subscription);
	hubroom_ops->ended(subscription, busy);
}

void
delivery_end_all(HubRoom *room, bool busy)
{
	hubroom_hold(room);
	while (room->subscriptions != NULL)
		end(room->subscriptions, busy);
	hubroom_release(room);
}
