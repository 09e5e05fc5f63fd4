/*
 * test_cluster.c - slots of a Redis Cluster, and what its nodes say of them.
 */
#include "cluster.h"
#include "tap.h"

#include <string.h>

static ClusterMap map;

static bool
reads(const char *bytes)
{
	static const Node asked = {.host = "seed", .port = 1, .user = "chat", .password = "secret"};
	redisReader *reader = redisReaderCreate();
	void	   *reply = NULL;
	bool		read;

	redisReaderFeed(reader, bytes, strlen(bytes));
	redisReaderGetReply(reader, &reply);
	read = cluster_read(reply, &asked, &map);
	if (reply != NULL)
		freeReplyObject(reply);
	redisReaderFree(reader);
	return read;
}

static void
names_have_slots(void)
{
	/* the examples of the specification */
	ok(cluster_slot("123456789") == 0x31c3, "the checksum's own example");
	ok(cluster_slot("{user1000}.following") == cluster_slot("{user1000}.followers"), "what is between braces decides");
	ok(cluster_slot("foo{}{bar}") != cluster_slot("bar"), "unless it is empty");
	ok(cluster_slot("foo{{bar}}zap") == cluster_slot("{bar"), "from the first brace to the next that closes");
	ok(cluster_slot("foo{bar}{zap}") == cluster_slot("bar"), "once");
}

static void
masters_are_read(void)
{
	ok(reads("*3\r\n"
			 "*3\r\n:0\r\n:99\r\n*3\r\n$8\r\n10.0.0.1\r\n:7000\r\n$2\r\nid\r\n"
			 "*4\r\n:100\r\n:16383\r\n*3\r\n$0\r\n\r\n:7001\r\n$2\r\nid\r\n*3\r\n$8\r\n10.0.0.9\r\n:7009\r\n$2\r\nid\r\n"
			 "*3\r\n:50\r\n:50\r\n*3\r\n$0\r\n\r\n:7001\r\n$2\r\nid\r\n"), "a reply is read");
	ok(map.masters.count == 2, "two masters, and no replica");
	ok(map.owner[0] == 0 && map.owner[99] == 0 && map.owner[100] == 1 && map.owner[16383] == 1 && map.owner[50] == 1,
	   "each slot has its own");
	ok(strcmp(map.masters.list[0].host, "10.0.0.1") == 0 && map.masters.list[0].port == 7000, "by address");
	ok(strcmp(map.masters.list[1].host, "seed") == 0, "or by that of the one who was asked");
	ok(strcmp(map.masters.list[1].password, "secret") == 0, "with the same credentials");
	cluster_free(&map);
	ok(reads("*1\r\n*3\r\n:7\r\n:7\r\n*2\r\n$1\r\na\r\n:1\r\n") && map.owner[6] == -1 && map.owner[7] == 0, "a slot may have no master");
	cluster_free(&map);
}

static void
nonsense_is_refused(void)
{
	static const char *const replies[] = {
		"-ERR This instance has cluster support disabled\r\n", "*0\r\n", "*1\r\n:1\r\n", "*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n$1\r\na\r\n:1\r\n",
		"*1\r\n*3\r\n:-1\r\n:5\r\n*2\r\n$1\r\na\r\n:1\r\n", "*1\r\n*3\r\n:0\r\n:1\r\n$1\r\na\r\n", "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\na\r\n:70000\r\n",
		"*1\r\n*2\r\n:0\r\n:1\r\n", NULL
	};

	for (int i = 0; replies[i] != NULL; i++)
		ok(!reads(replies[i]), "refused: reply %d", i);
}

int
main(void)
{
	names_have_slots();
	masters_are_read();
	nonsense_is_refused();
	return done();
}
