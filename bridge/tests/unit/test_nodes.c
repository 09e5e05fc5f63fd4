/*
 * test_nodes.c - how Redis nodes are named, and how rooms are spread over them.
 */
#include "nodes.h"
#include "tap.h"

#include <string.h>

#define ROOMS 20000

static bool
reads(const char *url)
{
	Nodes		nodes;
	bool		well = nodes_read(url, &nodes);

	nodes_free(&nodes);
	return well;
}

static void
urls_are_read(void)
{
	Nodes		nodes;
	const Node *node = nodes.list;

	ok(nodes_read("redis://redis.example.org", &nodes) && nodes.count == 1, "a host is enough");
	ok(strcmp(node->host, "redis.example.org") == 0 && node->port == 6379 && node->database == 0
	   && node->user == NULL && node->password == NULL, "the rest is usual");
	nodes_free(&nodes);
	ok(nodes_read("redis://chat:se%40cr%25et@10.0.0.1:6380/3", &nodes), "everything may be said");
	ok(strcmp(node->user, "chat") == 0 && strcmp(node->password, "se@cr%et") == 0, "user and password, without their %%XX");
	ok(strcmp(node->host, "10.0.0.1") == 0 && node->port == 6380 && node->database == 3, "host, port and database");
	nodes_free(&nodes);
	ok(nodes_read("redis://:secret@h", &nodes) && node->user == NULL && strcmp(node->password, "secret") == 0,
	   "a password may do without a user");
	nodes_free(&nodes);
	ok(nodes_read("redis://[fd00::1]:7000", &nodes) && strcmp(node->host, "fd00::1") == 0 && node->port == 7000,
	   "an IPv6 address stands in brackets");
	nodes_free(&nodes);
	ok(nodes_read("redis://a,redis://b:1,redis://a:2", &nodes) && nodes.count == 3, "there may be several");
	nodes_free(&nodes);
}

static void
nonsense_is_refused(void)
{
	static const char *const urls[] = {
		"", "redis://", "a:6379", "http://a", "redis://a:0", "redis://a:65536", "redis://a:x", "redis://a/x", "redis://user@a",
		"redis://user:@a", "redis://u:%zz@a", "redis://u:%00@a", "redis://u:%4@a", "redis://[::1", "redis://[::1]x",
		"redis://a,redis://a", "redis://a,redis://a:6379", "redis://a,", "redis://a b", NULL
	};

	for (int i = 0; urls[i] != NULL; i++)
		ok(!reads(urls[i]), "refused: '%s'", urls[i]);
	ok(!reads("redis://a,redis://b,redis://c,redis://d,redis://e,redis://f,redis://g,redis://h,redis://i,redis://j,"
			  "redis://k,redis://l,redis://m,redis://n,redis://o,redis://p,redis://q"), "refused: more nodes than there may be");
}

static void
rooms_are_spread(void)
{
	Nodes		three;
	Nodes		turned;
	Nodes		two;
	int			count[3] = {0};
	int			differ = 0;
	int			moved = 0;

	nodes_read("redis://a,redis://b,redis://c", &three);
	nodes_read("redis://c,redis://a,redis://b", &turned);
	nodes_read("redis://c,redis://a", &two);
	for (int64_t room = 1; room <= ROOMS; room++)
	{
		const Node *chosen = &three.list[nodes_choose(&three, room)];

		count[chosen - three.list]++;
		differ += strcmp(chosen->host, turned.list[nodes_choose(&turned, room)].host) != 0;
		moved += *chosen->host != 'b' && strcmp(chosen->host, two.list[nodes_choose(&two, room)].host) != 0;
	}
	ok(differ == 0, "the order of the list does not matter");
	ok(moved == 0, "without a node, only its rooms move");
	for (int i = 0; i < 3; i++)
		ok(count[i] > ROOMS * 3 / 10 && count[i] < ROOMS * 37 / 100, "node %d has its share: %d", i, count[i]);
	nodes_free(&three);
	nodes_free(&turned);
	nodes_free(&two);
}

int
main(void)
{
	urls_are_read();
	nonsense_is_refused();
	rooms_are_spread();
	return done();
}
