/*
 * routetable.h - the tables of REST calls, one for each domain. A row says everything about a call: its
 * path, who may make it, its statement and what that takes, its status. The few calls that are more
 * than one statement name a function of their own. openapi.yaml describes each, and a test holds the
 * two to each other.
 */
#ifndef PORCUPINE_ROUTETABLE_H
#define PORCUPINE_ROUTETABLE_H

#include "call.h"
#include "shapes.h"

typedef struct RouteTable
{
	const Route *routes;
	size_t		count;
} RouteTable;

#define ROUTE_TABLE(rows) {rows, sizeof(rows) / sizeof(rows[0])}

/* Its parameters, in the order of the statement's: needed, or not. */
#define NO_PARAMS {{0}}
#define PATH(type, name) {FROM_PATH, TYPE_##type, true, name, NULL}
#define QUERY(type, name) {FROM_QUERY, TYPE_##type, false, name, NULL}
#define NEEDS(type, name) {FROM_BODY, TYPE_##type, true, name, NULL}
#define TAKES(type, name) {FROM_BODY, TYPE_##type, false, name, NULL}
/* The same member of each object of a list. */
#define NEEDS_EACH(type, name, member) {FROM_BODY, TYPE_##type, true, name, member}
#define TAKES_EACH(type, name, member) {FROM_BODY, TYPE_##type, false, name, member}
#define CLIENT_ADDRESS {FROM_ADDRESS, TYPE_TEXT, false, "address", NULL}
#define PAGE_ORIGIN {FROM_ORIGIN, TYPE_TEXT, true, "origin", NULL}

/* Where calls on one room begin. */
#define ROOM "/api/rooms/{room}/"
#define MESSAGES "/api/chat/rooms/{room}/messages/"

extern const RouteTable routes_accounts;
extern const RouteTable routes_oidc;
extern const RouteTable routes_rooms;
extern const RouteTable routes_members;
extern const RouteTable routes_events;
extern const RouteTable routes_keys;
extern const RouteTable routes_operations;

#endif
