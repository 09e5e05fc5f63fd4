/*
 * early.c - see early.h.
 */
#include "early.h"
#include "memory.h"

#include <stdlib.h>
#include <string.h>

static void drop_first(Early *early);

bool
early_keep(Early *early, HubEvent event)
{
	int			at = early->count;

	if (early->count == EARLY_EVENTS || early->bytes + event.frame->length > EARLY_BYTES)
		return false;
	if (early->events == NULL)
		early->events = memory_alloc(EARLY_EVENTS * sizeof(HubEvent));
	while (at > 0 && early->events[at - 1].seq > event.seq)
		at--;
	if (at > 0 && early->events[at - 1].seq == event.seq)
	{
		frame_release(event.frame);
		return true;
	}
	memmove(&early->events[at + 1], &early->events[at], (size_t) (early->count - at) * sizeof(HubEvent));
	early->events[at] = event;
	early->count++;
	early->bytes += event.frame->length;
	return true;
}

bool
early_take(Early *early, int64_t seq, HubEvent *event)
{
	while (early->events != NULL && early->events[0].seq < seq)
		drop_first(early);
	if (early->events == NULL || early->events[0].seq != seq)
		return false;
	*event = early->events[0];
	frame_keep(event->frame);
	drop_first(early);
	return true;
}

void
early_forget_all(Early *early)
{
	while (early->events != NULL)
		drop_first(early);
}

static void
drop_first(Early *early)
{
	early->bytes -= early->events[0].frame->length;
	frame_release(early->events[0].frame);
	early->count--;
	memmove(&early->events[0], &early->events[1], (size_t) early->count * sizeof(HubEvent));
	if (early->count > 0)
		return;
	free(early->events);
	early->events = NULL;
}
