/*
 * address.h - addresses of the Internet Protocol, ranges of them, and whose a request is that came
 * through proxies.
 *
 * Pure functions over text and bytes. An IPv4 address is kept as the IPv6 address that maps it
 * (RFC 4291, section 2.5.5.2), so that both look alike whichever socket they came by.
 */
#ifndef PORCUPINE_ADDRESS_H
#define PORCUPINE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#define ADDRESS_SIZE 46			/* of the text, with its NUL */
#define ADDRESS_MAX_RANGES 64
#define ADDRESS_MAX_HOPS 32

typedef struct Address
{
	unsigned char bytes[16];
} Address;

typedef struct AddressRange
{
	Address		base;
	int			bits;			/* of base, an IPv4 range's counted from the mapped address */
} AddressRange;

typedef struct AddressRanges
{
	AddressRange list[ADDRESS_MAX_RANGES];
	int			count;
} AddressRanges;

/* A numeric address and nothing else: no port, no zone. */
extern bool address_read(const char *text, size_t length, Address *address);
extern void address_write(const Address *address, char text[ADDRESS_SIZE]);

/* "10.0.0.0/8,fd00::/8,::1": without a slash it is one address. Bits beyond the mask must be zero, and /0 is none. */
extern bool address_read_ranges(const char *text, AddressRanges *ranges);
extern bool address_is_in(const Address *address, const AddressRanges *ranges);

/*
 * The client of a connection that came from peer with this X-Forwarded-For (NULL: none). Each proxy
 * appends whom it heard it from, and only what a trusted one appended is believed: from the right, as
 * long as who said it is trusted. What is malformed ends the walk at the proxy that said it.
 */
extern Address address_of_client(const Address *peer, const char *forwarded, const AddressRanges *trusted);

/* What one customer of a provider has: an IPv4 address, of an IPv6 one the first 64 bits (RFC 6177). */
extern Address address_of_customer(const Address *address);

#endif
