/*
 * places.h - numbers by which the subjects of limits are known: accounts, rooms, addresses, names, devices.
 *
 * A subject's buckets are wherever its number is. Pure functions; a number is never 0, and the same at every bridge.
 */
#ifndef PORCUPINE_PLACES_H
#define PORCUPINE_PLACES_H

#include "address.h"

#include <stddef.h>
#include <stdint.h>

/* kind keeps subjects of different kinds apart. */
extern int64_t places_of(char kind, const void *bytes, size_t length);
extern int64_t places_of_user(int64_t user);
extern int64_t places_of_room(int64_t room);
/* Of the customer who has it (address_of_customer()). */
extern int64_t places_of_address(const Address *address);

#endif
