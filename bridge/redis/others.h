/*
 * others.h - the other bridges: which are there, which of them publish their own events, and which
 * one passes on the database's doorbells.
 *
 * Each says every second, on each Redis node, that it is there. Who is silent for eight seconds has
 * gone; who has not been heard on every node for three is not relied upon. One of them, the relay,
 * says how many doorbells it has passed on, so that a lost one is noticed.
 */
#ifndef PORCUPINE_OTHERS_H
#define PORCUPINE_OTHERS_H

#include <stdbool.h>
#include <stdint.h>

/* What a bridge says of itself. */
typedef enum Duty
{
	DUTY_NONE,					/* a Redis node is missing to it: do not rely on it */
	DUTY_PUBLISH,				/* its own events go through Redis */
	DUTY_RELAY,					/* and it passes on the doorbells of everybody else's */
	N_DUTIES
} Duty;

typedef struct OthersEvents
{
	void		(*gone) (int64_t origin);
	/* The relay is another one, or of its doorbells one was lost. */
	void		(*missed) (void);
} OthersEvents;

/* On so many nodes a bridge must be heard; doorbells are passed on by the one of this number. */
extern void others_open(int node_count, int bell_node, const OthersEvents *events);

/* A bridge says what it does and how many doorbells it has passed on; node: where it was heard. */
extern void others_beat(int64_t origin, int node, Duty duty, int64_t bells);
/* It has said something else. */
extern void others_heard(int64_t origin);
/* It has passed a doorbell on. */
extern void others_bell(int64_t origin);
/* Once a second: forgets who has gone. */
extern void others_check(void);

/* Do events of this bridge come through Redis? */
extern bool others_publishes(int64_t origin);
extern bool others_have_relay(void);
/* The origins of all that are there; freed by the caller. */
extern int64_t *others_list(int *count);

#endif
