/*
 * address.c - see address.h. It owns nothing, and resolves no name.
 */
#include "address.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define MAPPED_BITS 96

static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

static bool is_mapped(const Address *address);
static bool read_range(const char *text, size_t length, AddressRange *range);
static bool shares(const Address *one, const Address *other, int bits);
static Address masked(const Address *address, int bits);
static bool read_hop(const char *text, size_t length, Address *address);

bool
address_read(const char *text, size_t length, Address *address)
{
	char		copy[ADDRESS_SIZE];

	if (length == 0 || length >= sizeof(copy))
		return false;
	memcpy(copy, text, length);
	copy[length] = '\0';
	if (inet_pton(AF_INET6, copy, address->bytes) == 1)
		return true;
	memcpy(address->bytes, mapped, sizeof(mapped));
	return inet_pton(AF_INET, copy, address->bytes + sizeof(mapped)) == 1;
}

void
address_write(const Address *address, char text[ADDRESS_SIZE])
{
	if (is_mapped(address))
		inet_ntop(AF_INET, address->bytes + sizeof(mapped), text, ADDRESS_SIZE);
	else
		inet_ntop(AF_INET6, address->bytes, text, ADDRESS_SIZE);
}

static bool
is_mapped(const Address *address)
{
	return memcmp(address->bytes, mapped, sizeof(mapped)) == 0;
}

/* --- ranges ------------------------------------------------------------------------------------- */

bool
address_read_ranges(const char *text, AddressRanges *ranges)
{
	ranges->count = 0;
	for (;;)
	{
		size_t		length = strcspn(text, ",");

		if (ranges->count == ADDRESS_MAX_RANGES || !read_range(text, length, &ranges->list[ranges->count]))
			return false;
		ranges->count++;
		if (text[length] == '\0')
			return true;
		text += length + 1;
	}
}

static bool
read_range(const char *text, size_t length, AddressRange *range)
{
	const char *slash = memchr(text, '/', length);
	size_t		address_length = slash != NULL ? (size_t) (slash - text) : length;
	int			first;
	long		bits;
	Address		base;
	char	   *end;

	if (!address_read(text, address_length, &range->base))
		return false;
	first = is_mapped(&range->base) ? MAPPED_BITS : 0;
	range->bits = 128;
	if (slash == NULL)
		return true;
	if (slash[1] < '1' || slash[1] > '9')
		return false;
	bits = strtol(slash + 1, &end, 10);
	if (end != text + length || bits > 128 - first)
		return false;
	range->bits = (int) bits + first;
	base = masked(&range->base, range->bits);
	return memcmp(&base, &range->base, sizeof(base)) == 0;
}

bool
address_is_in(const Address *address, const AddressRanges *ranges)
{
	for (int i = 0; i < ranges->count; i++)
	{
		const AddressRange *range = &ranges->list[i];

		/* a wide range of IPv6 does not take in the addresses that map IPv4 */
		if (is_mapped(address) == is_mapped(&range->base) && shares(address, &range->base, range->bits))
			return true;
	}
	return false;
}

static bool
shares(const Address *one, const Address *other, int bits)
{
	Address		first = masked(one, bits);
	Address		second = masked(other, bits);

	return memcmp(&first, &second, sizeof(first)) == 0;
}

static Address
masked(const Address *address, int bits)
{
	Address		result = {{0}};

	memcpy(result.bytes, address->bytes, (size_t) bits / 8);
	if (bits % 8 != 0)
		result.bytes[bits / 8] = (unsigned char) (address->bytes[bits / 8] & (0xff << (8 - bits % 8)));
	return result;
}

/* --- through proxies ------------------------------------------------------------------------------ */

Address
address_of_client(const Address *peer, const char *forwarded, const AddressRanges *trusted)
{
	Address		client = *peer;
	size_t		end = forwarded != NULL ? strlen(forwarded) : 0;

	for (int hops = 0; hops < ADDRESS_MAX_HOPS && end > 0 && address_is_in(&client, trusted); hops++)
	{
		size_t		begin = end;
		Address		hop;

		while (begin > 0 && forwarded[begin - 1] != ',')
			begin--;
		if (!read_hop(forwarded + begin, end - begin, &hop))
			return client;
		client = hop;
		end = begin > 0 ? begin - 1 : 0;
	}
	return client;
}

/* Some proxies add the port that it came from: 192.0.2.1:4711, [2001:db8::1]:4711. */
static bool
read_hop(const char *text, size_t length, Address *address)
{
	const char *colon;

	while (length > 0 && (*text == ' ' || *text == '\t'))
		text++, length--;
	while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t'))
		length--;
	if (length > 0 && *text == '[')
	{
		const char *bracket = memchr(text, ']', length);
		size_t		rest = bracket != NULL ? (size_t) (text + length - bracket) - 1 : 0;

		/* within them stands one of IPv6, which may map one of IPv4 */
		return bracket != NULL && (rest == 0 || bracket[1] == ':') && memchr(text, ':', (size_t) (bracket - text)) != NULL
			&& address_read(text + 1, (size_t) (bracket - text) - 1, address);
	}
	colon = memchr(text, ':', length);
	if (colon != NULL && memchr(text, '.', length) != NULL
		&& memchr(colon + 1, ':', (size_t) (text + length - colon) - 1) == NULL)
		length = (size_t) (colon - text);
	return address_read(text, length, address);
}

Address
address_of_customer(const Address *address)
{
	return is_mapped(address) ? *address : masked(address, 64);
}
