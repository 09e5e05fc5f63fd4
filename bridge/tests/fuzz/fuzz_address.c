/*
 * fuzz_address.c - an address that is read is written as one that is read as the same; and whose a
 * request is: the one who connected, or an address that stands in X-Forwarded-For, and that only
 * behind a proxy of the list.
 *
 * Input: an address, ranges, X-Forwarded-For, a line each.
 */
#include "address.h"
#include "fuzz.h"

static bool
same(const Address *one, const Address *other)
{
	return memcmp(one->bytes, other->bytes, sizeof(one->bytes)) == 0;
}

static void
check_written(const Address *address)
{
	char		text[ADDRESS_SIZE];
	Address		again;

	address_write(address, text);
	HOLDS(strlen(text) < ADDRESS_SIZE && address_read(text, strlen(text), &again) && same(address, &again));
}

static void
check_client(const Address *peer, const AddressRanges *trusted, const char *forwarded)
{
	Address		client = address_of_client(peer, forwarded, trusted);
	Address		customer = address_of_customer(&client);
	Address		again = address_of_customer(&customer);
	Address		direct = address_of_client(peer, NULL, trusted);
	AddressRanges nobody = {0};

	check_written(&client);
	check_written(&customer);
	HOLDS(same(&customer, &again) && same(&direct, peer));
	/* whoever is no proxy is believed in nothing */
	HOLDS(address_is_in(peer, trusted) || same(&client, peer));
	direct = address_of_client(peer, forwarded, &nobody);
	HOLDS(same(&direct, peer));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Input		input = {(const char *) data, (const char *) data + size};
	char	   *peer = fuzz_line(&input);
	char	   *ranges = fuzz_line(&input);
	char	   *forwarded = fuzz_line(&input);
	AddressRanges trusted = {0};
	Address		address;

	if (!address_read_ranges(ranges, &trusted))
		trusted.count = 0;
	for (int i = 0; i < trusted.count; i++)
	{
		HOLDS(trusted.list[i].bits >= 1 && trusted.list[i].bits <= 128);
		HOLDS(address_is_in(&trusted.list[i].base, &trusted));
	}
	if (address_read(peer, strlen(peer), &address))
	{
		check_written(&address);
		check_client(&address, &trusted, forwarded);
	}
	free(peer);
	free(ranges);
	free(forwarded);
	return 0;
}
