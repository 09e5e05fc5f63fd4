/*
 * nodes.c - see nodes.h. It owns nothing.
 */
#include "nodes.h"
#include "memory.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

#define SCHEME "redis://"
#define USUAL_PORT 6379
#define MOST_DATABASES 65535

static bool read_url(char *url, Node *node);
static bool read_authority(char *authority, Node *node);
static bool read_credentials(char *credentials, Node *node);
static bool undo_percent(char *text);
static int	hex_digit(char c);
static uint64_t hash_of_name(const Node *node);
static uint64_t mix(uint64_t bits);

bool
nodes_read(const char *urls, Nodes *nodes)
{
	char	   *rest = memory_text(urls);
	char	   *url;

	*nodes = (Nodes) {.text = rest};
	while ((url = strsep(&rest, ",")) != NULL)
	{
		Node	   *node = &nodes->list[nodes->count];

		if (nodes->count == NODES_MAX || !read_url(url, node))
			return false;
		node->weight = hash_of_name(node);
		for (int i = 0; i < nodes->count; i++)
		{
			if (nodes->list[i].port == node->port && strcmp(nodes->list[i].host, node->host) == 0)
				return false;
		}
		nodes->count++;
	}
	return true;
}

void
nodes_free(Nodes *nodes)
{
	free(nodes->text);
	*nodes = (Nodes) {0};
}

static bool
read_url(char *url, Node *node)
{
	char	   *database;
	int64_t		number = 0;

	if (strncmp(url, SCHEME, strlen(SCHEME)) != 0)
		return false;
	url += strlen(SCHEME);
	database = strchr(url, '/');
	if (database != NULL)
		*database++ = '\0';
	if (database != NULL && *database != '\0' && !text_to_number(database, MOST_DATABASES, &number))
		return false;
	node->database = (int) number;
	return read_authority(url, node);
}

static bool
read_authority(char *authority, Node *node)
{
	char	   *at = strrchr(authority, '@');
	char	   *host = at != NULL ? at + 1 : authority;
	char	   *port;
	int64_t		number = USUAL_PORT;

	if (at != NULL)
	{
		*at = '\0';
		if (!read_credentials(authority, node))
			return false;
	}
	if (*host == '[')
	{
		port = strchr(++host, ']');
		if (port == NULL)
			return false;
		*port++ = '\0';
		if (*port != ':' && *port != '\0')
			return false;
	}
	else
		port = strchr(host, ':');
	if (port != NULL && *port == ':')
	{
		*port++ = '\0';
		if (!text_to_number(port, 65535, &number) || number == 0)
			return false;
	}
	node->host = host;
	node->port = (int) number;
	return *host != '\0' && strpbrk(host, " ?#%") == NULL;
}

static bool
read_credentials(char *credentials, Node *node)
{
	char	   *password = strchr(credentials, ':');

	if (password != NULL)
		*password++ = '\0';
	if (!undo_percent(credentials) || (password != NULL && !undo_percent(password)))
		return false;
	node->user = *credentials != '\0' ? credentials : NULL;
	node->password = password;
	/* a user without a password would be taken for somebody else */
	return password != NULL && *password != '\0';
}

/* In place; false: a % that no two hexadecimal digits follow, or that stands for NUL. */
static bool
undo_percent(char *text)
{
	char	   *to = text;

	for (; *text != '\0'; text++)
	{
		int			high;
		int			low;

		if (*text != '%')
		{
			*to++ = *text;
			continue;
		}
		high = hex_digit(text[1]);
		low = high >= 0 ? hex_digit(text[2]) : -1;
		if (low < 0 || high + low == 0)
			return false;
		*to++ = (char) (high * 16 + low);
		text += 2;
	}
	*to = '\0';
	return true;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int
nodes_choose(const Nodes *nodes, int64_t room)
{
	uint64_t	key = mix((uint64_t) room);
	uint64_t	best = 0;
	int			chosen = 0;

	for (int i = 0; i < nodes->count; i++)
	{
		uint64_t	score = mix(nodes->list[i].weight ^ key);

		/* equal scores are as good as impossible, but the order of the list must never decide */
		if (i == 0 || score > best || (score == best && nodes->list[i].weight > nodes->list[chosen].weight))
		{
			best = score;
			chosen = i;
		}
	}
	return chosen;
}

/* FNV-1a of "host:port". */
static uint64_t
hash_of_name(const Node *node)
{
	Text		name = {0};
	uint64_t	hash = UINT64_C(0xcbf29ce484222325);

	text_format(&name, "%s:%d", node->host, node->port);
	for (size_t i = 0; i < name.length; i++)
		hash = (hash ^ (unsigned char) name.bytes[i]) * UINT64_C(0x100000001b3);
	text_free(&name);
	return mix(hash);
}

/* The finalizer of splitmix64: each bit of the argument changes half of the result's. */
static uint64_t
mix(uint64_t bits)
{
	bits = (bits ^ (bits >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	bits = (bits ^ (bits >> 27)) * UINT64_C(0x94d049bb133111eb);
	return bits ^ (bits >> 31);
}
