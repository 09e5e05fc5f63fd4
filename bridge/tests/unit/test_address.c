/*
 * test_address.c - addresses, ranges of them, and whose a request is that came through proxies.
 */
#include "address.h"
#include "tap.h"

#include <string.h>

static AddressRanges trusted;

static Address
read_address(const char *text)
{
	Address		address;

	if (!address_read(text, strlen(text), &address))
		ok(false, "%s is an address", text);
	return address;
}

static bool
is_address(const char *text)
{
	Address		address;

	return address_read(text, strlen(text), &address);
}

static bool
written_as(const char *text, const char *expected)
{
	Address		address = read_address(text);
	char		written[ADDRESS_SIZE];

	address_write(&address, written);
	return strcmp(written, expected) == 0;
}

static void
addresses_are_read(void)
{
	static const char *const bad[] = {
		"", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4x", " 1.2.3.4", "1.2.3.4 ", "1.2.3.4:80", "[::1]", "::1%lo", "fe80::1%eth0",
		"localhost", "unknown", "::ffff:1.2.3.4.5", "1:2:3:4:5:6:7:8:9", "0x7f.1", "1111111111111111111111111111111111111111111111111111"
	};

	ok(written_as("192.0.2.1", "192.0.2.1"), "IPv4");
	ok(written_as("2001:DB8:0:0::1", "2001:db8::1"), "IPv6, in its usual form");
	ok(written_as("::ffff:192.0.2.1", "192.0.2.1"), "IPv4 that came by an IPv6 socket is IPv4");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(!is_address(bad[i]), "'%s' is none", bad[i]);
}

static bool
reads(const char *text)
{
	AddressRanges ranges;

	return address_read_ranges(text, &ranges);
}

static bool
holds(const char *range, const char *text)
{
	AddressRanges ranges;
	Address		address = read_address(text);

	return address_read_ranges(range, &ranges) && address_is_in(&address, &ranges);
}

static void
ranges_are_read(void)
{
	static const char *const bad[] = {
		"", ",", "10.0.0.0/8,", "10.0.0.0/0", "::/0", "10.0.0.1/8", "10.0.0.0/33", "fd00::/129", "fd00::1/64", "10.0.0.0/8x",
		"10.0.0.0/", "10.0.0.0/+8", "10.0.0.0/08", "10.0.0.0/8 ", "10.0.0.0/8/8", "unix", "proxy.example.org"
	};
	char		many[64 * 9 + 10] = "10.0.0.1";

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(!reads(bad[i]), "'%s' is no list", bad[i]);
	for (int i = 1; i < 64; i++)
		strcat(many, ",10.0.0.1");
	ok(reads(many), "64 ranges");
	strcat(many, ",10.0.0.1");
	ok(!reads(many), "65 are too many");
	ok(holds("10.0.0.0/8", "10.255.255.255") && !holds("10.0.0.0/8", "11.0.0.0"), "a range of IPv4");
	ok(holds("172.16.0.0/12", "172.31.0.1") && !holds("172.16.0.0/12", "172.32.0.1"), "not at a byte's border");
	ok(holds("127.0.0.1", "::ffff:127.0.0.1") && !holds("127.0.0.1", "127.0.0.2"), "one address");
	ok(holds("fd00::/8,::1", "::1") && holds("fd00::/8,::1", "fdff::1") && !holds("fd00::/8,::1", "fe00::1"), "of IPv6");
	ok(!holds("::/1", "10.0.0.1") && holds("::/1", "2001:db8::1"), "a wide one has no IPv4 in it");
}

static bool
client(const char *peer, const char *forwarded, const char *expected)
{
	Address		from = read_address(peer);
	Address		found = address_of_client(&from, forwarded, &trusted);
	char		text[ADDRESS_SIZE];

	address_write(&found, text);
	if (strcmp(text, expected) != 0)
		printf("# %s\n", text);
	return strcmp(text, expected) == 0;
}

static void
proxies_are_walked_back(void)
{
	char		long_chain[100 * 10] = "192.0.2.9";

	(void) address_read_ranges("10.0.0.0/8,fd00::/8", &trusted);
	ok(client("192.0.2.1", NULL, "192.0.2.1"), "directly");
	ok(client("192.0.2.1", "198.51.100.7", "192.0.2.1"), "a stranger is not believed");
	ok(client("192.0.2.1", "10.0.0.1", "192.0.2.1"), "nor when it names a proxy");
	ok(client("10.0.0.1", NULL, "10.0.0.1"), "a proxy that says nothing speaks for itself");
	ok(client("10.0.0.1", "", "10.0.0.1"), "or nothing at all");
	ok(client("10.0.0.1", "192.0.2.1", "192.0.2.1"), "a proxy names its client");
	ok(client("10.0.0.1", "198.51.100.7, 192.0.2.1", "192.0.2.1"), "what the client claims is not believed");
	ok(client("10.0.0.1", "192.0.2.1, 10.0.0.2,\t10.0.0.3 ", "192.0.2.1"), "several proxies");
	ok(client("10.0.0.1", "192.0.2.1,198.51.100.7,10.0.0.2", "198.51.100.7"), "as far as they are trusted");
	ok(client("10.0.0.1", "10.0.0.2,10.0.0.3", "10.0.0.2"), "only proxies: the first of them");
	ok(client("fd00::1", "2001:db8::7", "2001:db8::7"), "IPv6");
	ok(client("::ffff:10.0.0.1", "192.0.2.1", "192.0.2.1"), "a mapped peer is the IPv4 proxy");
	ok(client("10.0.0.1", "192.0.2.1:4711", "192.0.2.1"), "with a port");
	ok(client("10.0.0.1", "[2001:db8::7]:4711", "2001:db8::7") && client("10.0.0.1", "[2001:db8::7]", "2001:db8::7"), "in brackets");
	ok(client("10.0.0.1", "[::ffff:192.0.2.1]:4711", "192.0.2.1") && client("10.0.0.1", "::ffff:192.0.2.1", "192.0.2.1")
	   && client("::ffff:10.0.0.1", "192.0.2.1, [::ffff:10.0.0.2]:80", "192.0.2.1"), "mapped, as proxies write it that listen to both");
	ok(client("10.0.0.1", "192.0.2.1, unknown", "10.0.0.1"), "a word is no address: the proxy that said it");
	ok(client("10.0.0.1", "192.0.2.1, , 10.0.0.2", "10.0.0.2"), "nor is an empty entry");
	ok(client("10.0.0.1", "192.0.2.1,", "10.0.0.1"), "at the end");
	ok(client("10.0.0.1", "192.0.2.1, _hidden, 10.0.0.2", "10.0.0.2"), "the last trusted one counts");
	ok(client("10.0.0.1", "192.0.2.1, [10.0.0.2]", "10.0.0.1") && client("10.0.0.1", "[2001:db8::7", "10.0.0.1")
	   && client("10.0.0.1", "[2001:db8::7]x", "10.0.0.1") && client("10.0.0.1", "1.2.3.4;evil", "10.0.0.1"), "malformed");
	for (int i = 0; i < 90; i++)
		strcat(long_chain, ",10.0.0.5");
	ok(client("10.0.0.1", long_chain, "10.0.0.5"), "a chain without end is not walked to its end");
	trusted.count = 0;
	ok(client("127.0.0.1", "192.0.2.1", "127.0.0.1"), "nobody is trusted unless named");
}

static void
customers_share(void)
{
	Address		one = read_address("2001:db8:1:2::1");
	Address		other = read_address("2001:db8:1:2:ffff::");
	Address		third = read_address("2001:db8:1:3::1");
	Address		four = read_address("192.0.2.1");

	one = address_of_customer(&one);
	other = address_of_customer(&other);
	third = address_of_customer(&third);
	ok(memcmp(&one, &other, sizeof(one)) == 0, "one network of IPv6 is one customer");
	ok(memcmp(&one, &third, sizeof(one)) != 0, "another is another");
	other = address_of_customer(&four);
	ok(memcmp(&four, &other, sizeof(four)) == 0, "an IPv4 address is one");
}

int
main(void)
{
	addresses_are_read();
	ranges_are_read();
	proxies_are_walked_back();
	customers_share();
	return done();
}
