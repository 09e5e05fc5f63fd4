/*
 * places.c - see places.h.
 */
#include "places.h"

#include <sodium.h>
#include <string.h>

int64_t
places_of(char kind, const void *bytes, size_t length)
{
	crypto_generichash_state state;
	unsigned char hash[16];
	int64_t		place;

	crypto_generichash_init(&state, NULL, 0, sizeof(hash));
	crypto_generichash_update(&state, (const unsigned char *) &kind, 1);
	crypto_generichash_update(&state, bytes, length);
	crypto_generichash_final(&state, hash, sizeof(hash));
	memcpy(&place, hash, sizeof(place));
	place &= INT64_MAX;
	return place != 0 ? place : 1;
}

int64_t
places_of_user(int64_t user)
{
	return places_of('u', &user, sizeof(user));
}

int64_t
places_of_room(int64_t room)
{
	return places_of('r', &room, sizeof(room));
}

int64_t
places_of_address(const Address *address)
{
	Address		customer = address_of_customer(address);

	return places_of('a', customer.bytes, sizeof(customer.bytes));
}
