/*
 * delivery.h - what each subscription of a room is sent: from its cursor on, in order, up to where
 * the room is published, as fast as it takes it; from the room's memory, or from a page that is read
 * for this one alone. For hub.c only.
 */
#ifndef PORCUPINE_DELIVERY_H
#define PORCUPINE_DELIVERY_H

#include "hubroom.h"

/* Each of these but the last may end the subscription. */

/* Sends what may be sent now. */
extern void delivery_pump(Subscription *subscription);
/* Sends this event, which is the next. False: it has ended by it. */
extern bool delivery_send(Subscription *subscription, const HubEvent *event);
/* See hub_take_page(). */
extern void delivery_take_page(Subscription *subscription, bool ok, HubEvent *events, int count);
extern void delivery_detach(Subscription *subscription);
extern void delivery_end_all(HubRoom *room, bool busy);
/* What was read for this one is not used any more. */
extern void delivery_drop_page(Subscription *subscription);

#endif
