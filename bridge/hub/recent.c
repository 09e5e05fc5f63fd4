/*
 * recent.c - see recent.h. It owns the order of the rooms by their newest events, and the sum of
 * what they hold.
 */
#include "recent.h"
#include "memory.h"
#include "metrics.h"

#include <stdlib.h>

#define FIRST_SIZE 8

static Recent *quietest;
static Recent *liveliest;
static size_t total;

static void grow(Recent *recent);
static void forget_oldest(Recent *recent);
static void link_last(Recent *recent);
static void unlink_it(Recent *recent);
static size_t cost(const HubEvent *event);

void
recent_keep(Recent *recent, HubEvent event)
{
	if (recent->count > 0)
		unlink_it(recent);
	if (recent->count == RECENT_EVENTS)
		forget_oldest(recent);
	if (recent->count == recent->size)
		grow(recent);
	recent->events[(recent->begin + recent->count++) % recent->size] = event;
	recent->bytes += cost(&event);
	total += cost(&event);
	metrics_add(METRIC_EVENTS_KEPT, 1);
	metrics_add(METRIC_EVENTS_KEPT_BYTES, (double) cost(&event));
	link_last(recent);
	while (recent->bytes > RECENT_BYTES && recent->count > 1)
		forget_oldest(recent);
	while (total > RECENT_ALL_BYTES && quietest != recent)
		recent_forget_all(quietest);
}

const HubEvent *
recent_find(const Recent *recent, int64_t seq)
{
	int64_t		offset;

	if (recent->count == 0)
		return NULL;
	offset = seq - recent->events[recent->begin].seq;
	if (offset < 0 || offset >= recent->count)
		return NULL;
	return &recent->events[(recent->begin + (int) offset) % recent->size];
}

void
recent_forget_all(Recent *recent)
{
	if (recent->count > 0)
		unlink_it(recent);
	while (recent->count > 0)
		forget_oldest(recent);
	free(recent->events);
	*recent = (Recent) {0};
}

size_t
recent_total_bytes(void)
{
	return total;
}

static void
grow(Recent *recent)
{
	int			size = recent->size == 0 ? FIRST_SIZE : recent->size * 2;
	HubEvent   *bigger = memory_alloc((size_t) size * sizeof(HubEvent));

	for (int i = 0; i < recent->count; i++)
		bigger[i] = recent->events[(recent->begin + i) % recent->size];
	free(recent->events);
	recent->events = bigger;
	recent->size = size;
	recent->begin = 0;
}

static void
forget_oldest(Recent *recent)
{
	HubEvent   *oldest = &recent->events[recent->begin];

	recent->bytes -= cost(oldest);
	total -= cost(oldest);
	metrics_add(METRIC_EVENTS_KEPT, -1);
	metrics_add(METRIC_EVENTS_KEPT_BYTES, -(double) cost(oldest));
	frame_release(oldest->frame);
	recent->begin = (recent->begin + 1) % recent->size;
	recent->count--;
}

static void
link_last(Recent *recent)
{
	recent->livelier = NULL;
	recent->quieter = liveliest;
	if (liveliest != NULL)
		liveliest->livelier = recent;
	else
		quietest = recent;
	liveliest = recent;
}

static void
unlink_it(Recent *recent)
{
	if (recent->quieter != NULL)
		recent->quieter->livelier = recent->livelier;
	else
		quietest = recent->livelier;
	if (recent->livelier != NULL)
		recent->livelier->quieter = recent->quieter;
	else
		liveliest = recent->quieter;
}

static size_t
cost(const HubEvent *event)
{
	return sizeof(HubEvent) + sizeof(Frame) + event->frame->wire_length;
}
