/*
 * plant.h - lies that a proxy tells between a WebSocket client and a bridge, so that the checker
 * can show that it catches them. Each is told once, to the first socket that it fits.
 *
 *   drop           an event is not passed on
 *   double         an event is passed on twice
 *   swap           an event is passed on after the next one of its room
 *   alter          an event's body is another one
 *   mute           no event is passed on any more, on one socket
 *   phantom        an event is made up
 *   forge-ack      a send is acknowledged and not passed on: an ack before the commit
 *   forge-refusal  a send that was stored is answered with a refusal
 *
 * What is no WebSocket, or not yet, passes unread.
 */
#ifndef FAULTS_PLANT_H
#define FAULTS_PLANT_H

#include "text.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum PlantStage
{
	PLANT_BEGIN,				/* nothing has come */
	PLANT_HANDSHAKE,
	PLANT_FRAMES,
	PLANT_UNREAD				/* it is something else */
} PlantStage;

/* One connection. Zeroed at first. Sides: 0 is what the client says, 1 what the server says. */
typedef struct Plant
{
	PlantStage	stages[2];
	Text		partial[2];		/* the beginning of a frame whose rest is to come */
	Text		held;			/* swap: the event that must wait */
	Text		held_room;
	bool		muted;
	int			events;			/* passed so far */
	int64_t		last_seq;
} Plant;

/* Tells what goes on: bytes that the side is to have said. */
typedef void (*PlantOut) (void *arg, int side, const char *bytes, size_t length);

/* False: there is no such lie. */
extern bool plant_arm(const char *name);
/* Was the armed lie told since this was last asked? */
extern bool plant_was_told(void);

extern void plant_pass(Plant *plant, int side, const char *bytes, size_t length, PlantOut out, void *arg);
extern void plant_free(Plant *plant);

#endif
