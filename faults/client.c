/*
 * client.c - hundreds of members in one process: faults/client PEOPLE HISTORY [NAME=NUMBER...]
 *
 * PEOPLE has a line "ports PORT..." that says where the bridges are, and "member USER TOKEN ROOM..."
 * for each member. What they do and hear goes to HISTORY. It is led by lines on standard input:
 *
 *   probe ROOM USER   read and send there at once, member or not
 *   ports PORT...     from now on the bridges are these
 *   finish            begin no more sends; "settled N" is said when the N that were begun have an answer
 *   head ROOM SEQ     what the room's log ends with
 *   leave             wait until everybody has everything up to there, write where they are, end
 *
 * It says "ready" when everybody has been inside all of their rooms for the first time. The numbers
 * are sends (a bound), rate (sends a second), pages (read a second), cuts (sockets cut a minute), twice
 * (each send of this number is said twice, 0: none), patience (seconds that it waits before it leaves without
 * what is missing) and seconds (its life).
 */
#include "clock.h"
#include "commands.h"
#include "conn.h"
#include "member.h"
#include "memory.h"
#include "outgoing.h"
#include "pages.h"
#include "record.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_MEMBERS 2000
#define TICK_MS 10

typedef enum Phase
{
	PHASE_GATHERING,
	PHASE_SENDING,
	PHASE_FINISHING,			/* no new sends; the old ones need their answers */
	PHASE_SETTLED,
	PHASE_LEAVING,				/* what is on its way must arrive */
	PHASE_GONE
} Phase;

typedef struct Option
{
	const char *name;
	int64_t		value;
} Option;

enum
{
	OPTION_SENDS,
	OPTION_RATE,
	OPTION_PAGES,
	OPTION_CUTS,
	OPTION_TWICE,
	OPTION_PATIENCE,
	OPTION_SECONDS
};

typedef struct Head
{
	int64_t		room;
	int64_t		seq;
} Head;

static Option options[] = {
	[OPTION_SENDS] = {"sends", 1000000},
	[OPTION_RATE] = {"rate", 500},
	[OPTION_PAGES] = {"pages", 10},
	[OPTION_CUTS] = {"cuts", 60},
	[OPTION_TWICE] = {"twice", 50},
	[OPTION_PATIENCE] = {"patience", 20},
	[OPTION_SECONDS] = {"seconds", 600},
};

static Member *members;
static int	n_members;
static Head *heads;
static int	n_heads;
static Phase phase;
static int64_t phase_since;
static double sends_due;
static double pages_due;
static double cuts_due;

static void read_options(char **arguments);
static void read_people(const char *path);
static void add_member(char *line);
static void read_ports(char *line);
static void on_stdin(void);
static void obey(char *line);
static void probe(int64_t room, int64_t user);
static void add_head(int64_t room, int64_t seq);
static void enter_phase(Phase next);
static void tick(int64_t now, double seconds);
static void make_traffic(double seconds);
static bool all_are_inside(void);
static bool all_are_settled(void);
static bool all_have_arrived(void);
static void give_up(const char *why, const char *what);

int
main(int argc, char **argv)
{
	int64_t		begin = clock_now();
	int64_t		before = begin;

	if (argc < 3 || sodium_init() < 0)
		give_up("usage: client PEOPLE HISTORY [NAME=NUMBER...]", "");
	read_options(argv + 3);
	outgoing_twice = (uint32_t) options[OPTION_TWICE].value;
	conn_start();
	read_people(argv[1]);
	record_open(argv[2]);
	commands_open();
	conn_watch(STDIN_FILENO, on_stdin);
	while (phase != PHASE_GONE)
	{
		int64_t		now;

		conn_wait(TICK_MS);
		now = clock_now();
		if (now - begin > options[OPTION_SECONDS].value * CLOCK_SECOND)
			give_up("it has lived too long without being told to leave", "");
		if (now - before >= TICK_MS * CLOCK_MS)
		{
			tick(now, (double) (now - before) / CLOCK_SECOND);
			before = now;
		}
	}
	for (int i = 0; i < n_members; i++)
		member_record_end(&members[i]);
	record_close();
	printf("left %s\n", all_have_arrived() ? "complete" : "incomplete");
	return 0;
}

/* --- what it is told at the start --------------------------------------------------------------- */

static void
read_options(char **arguments)
{
	for (; *arguments != NULL; arguments++)
	{
		size_t		length = strcspn(*arguments, "=");
		Option	   *found = NULL;

		for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		{
			if (strncmp(options[i].name, *arguments, length) == 0 && options[i].name[length] == '\0')
				found = &options[i];
		}
		if (found == NULL || (*arguments)[length] == '\0')
			give_up("no such option", *arguments);
		else
			found->value = strtoll(*arguments + length + 1, NULL, 10);
	}
}

static void
read_people(const char *path)
{
	FILE	   *file = fopen(path, "r");
	char	   *line = NULL;
	size_t		size = 0;

	if (file == NULL)
		give_up("cannot read", path);
	members = memory_alloc(MAX_MEMBERS * sizeof(Member));
	while (file != NULL && getline(&line, &size, file) > 0)
	{
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "ports ", 6) == 0)
			read_ports(line + 6);
		else if (strncmp(line, "member ", 7) == 0 && n_members < MAX_MEMBERS)
			add_member(line + 7);
		else
			give_up("not understood", line);
	}
	free(line);
	if (file != NULL)
		fclose(file);
	if (n_members == 0 || member_port_count == 0)
		give_up("nobody, or nowhere to go, in", path);
}

static void
add_member(char *line)
{
	Member	   *member = &members[n_members++];
	char	   *word = strsep(&line, " ");

	member->conn.fd = -1;
	member->user = strtoll(word, NULL, 10);
	word = strsep(&line, " ");
	member->token = memory_text(word != NULL ? word : "");
	while ((word = strsep(&line, " ")) != NULL)
	{
		member->rooms = memory_grow(member->rooms, (size_t) (member->n_rooms + 1) * sizeof(Room));
		member->rooms[member->n_rooms++] = (Room) {.member = member, .id = strtoll(word, NULL, 10)};
	}
}

static void
read_ports(char *line)
{
	const char *word;

	member_port_count = 0;
	while ((word = strsep(&line, " ")) != NULL && member_port_count < MEMBER_MAX_PORTS)
		member_ports[member_port_count++] = (int) strtol(word, NULL, 10);
}

static void
give_up(const char *why, const char *what)
{
	fprintf(stderr, "faults/client: %s %s\n", why, what);
	exit(2);
}

/* --- what it is told on the way -------------------------------------------------------------------- */

static void
on_stdin(void)
{
	if (!commands_read(obey))
		conn_unwatch(STDIN_FILENO);
}

static void
obey(char *line)
{
	long long	first;
	long long	second;

	if (sscanf(line, "probe %lld %lld", &first, &second) == 2)
		probe(first, second);
	else if (sscanf(line, "head %lld %lld", &first, &second) == 2)
		add_head(first, second);
	else if (strncmp(line, "ports ", 6) == 0)
		read_ports(line + 6);
	else if (strcmp(line, "finish") == 0)
		enter_phase(PHASE_FINISHING);
	else if (strcmp(line, "leave") == 0)
		enter_phase(PHASE_LEAVING);
	else
		give_up("not understood:", line);
}

static void
probe(int64_t room, int64_t user)
{
	for (int i = 0; i < n_members; i++)
	{
		Room	   *theirs = rooms_find(&members[i], room);

		if (members[i].user == user && theirs != NULL)
			member_probe(&members[i], theirs);
	}
}

static void
add_head(int64_t room, int64_t seq)
{
	heads = memory_grow(heads, (size_t) (n_heads + 1) * sizeof(Head));
	heads[n_heads++] = (Head) {room, seq};
}

static void
enter_phase(Phase next)
{
	phase = next;
	phase_since = clock_now();
	record_flush();
}

/* --- what it does ------------------------------------------------------------------------------------ */

static void
tick(int64_t now, double seconds)
{
	for (int i = 0; i < n_members; i++)
		member_tick(&members[i], now);
	pages_tick();
	switch (phase)
	{
		case PHASE_GATHERING:
			if (all_are_inside())
			{
				enter_phase(PHASE_SENDING);
				printf("ready\n");
			}
			break;
		case PHASE_SENDING:
			make_traffic(seconds);
			break;
		case PHASE_FINISHING:
			if (all_are_settled())
			{
				enter_phase(PHASE_SETTLED);
				printf("settled %lld\n", (long long) outgoing_count());
			}
			break;
		case PHASE_LEAVING:
			if (all_have_arrived() || now - phase_since > options[OPTION_PATIENCE].value * CLOCK_SECOND)
				enter_phase(PHASE_GONE);
			break;
		case PHASE_SETTLED:
		case PHASE_GONE:
			break;
	}
}

static void
make_traffic(double seconds)
{
	uint32_t	all = (uint32_t) n_members;

	/* what could not be sent while everything was down is not made up for */
	sends_due += seconds * (double) options[OPTION_RATE].value;
	if (sends_due > (double) options[OPTION_RATE].value)
		sends_due = (double) options[OPTION_RATE].value;
	for (int tries = 0; tries < 4 * n_members && sends_due >= 1; tries++)
	{
		Member	   *member = &members[randombytes_uniform(all)];
		Room	   *room = &member->rooms[randombytes_uniform((uint32_t) member->n_rooms)];

		if (outgoing_count() < options[OPTION_SENDS].value && member_send(member, room))
			sends_due--;
	}
	pages_due += seconds * (double) options[OPTION_PAGES].value;
	while (pages_due >= 1)
	{
		Member	   *member = &members[randombytes_uniform(all)];

		member_browse(member, &member->rooms[randombytes_uniform((uint32_t) member->n_rooms)]);
		pages_due--;
	}
	cuts_due += seconds * (double) options[OPTION_CUTS].value / 60;
	while (cuts_due >= 1)
	{
		member_cut(&members[randombytes_uniform(all)]);
		cuts_due--;
	}
}

static bool
all_are_inside(void)
{
	for (int i = 0; i < n_members; i++)
	{
		for (int r = 0; r < members[i].n_rooms; r++)
		{
			if (members[i].rooms[r].state != ROOM_INSIDE)
				return false;
		}
	}
	return true;
}

static bool
all_are_settled(void)
{
	for (int i = 0; i < n_members; i++)
	{
		if (!member_is_settled(&members[i]))
			return false;
	}
	return true;
}

static bool
all_have_arrived(void)
{
	for (int i = 0; i < n_members; i++)
	{
		for (int h = 0; h < n_heads; h++)
		{
			const Room *room = rooms_find(&members[i], heads[h].room);

			/* whoever still asks to be let in was added a moment ago, and is owed the log, too */
			if (room != NULL && (room->state != ROOM_INSIDE || room->cursor < heads[h].seq))
				return false;
		}
	}
	return true;
}
