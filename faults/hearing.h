/*
 * hearing.h - what a member makes of what it hears, over its socket and in pages of history.
 *
 * Each thing heard is written into the history first, whether it makes sense or not.
 */
#ifndef FAULTS_HEARING_H
#define FAULTS_HEARING_H

#include "rooms.h"
#include "pages.h"

extern void hearing_message(Member *member, const char *bytes, size_t length);
/* A page of the room's hole, after its cursor. */
extern void hearing_page(Room *room, const PageRequest *request, const cJSON *answer);
/* A page of what it has seen already, to be compared. */
extern void hearing_browsed(const Room *room, const PageRequest *request, const cJSON *answer);

#endif
