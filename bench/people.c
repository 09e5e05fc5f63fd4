/*
 * people.c - see people.h. What it reads stays for the life of the program.
 */
#include "people.h"
#include "fail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST 100000

static void add(People *people, char *line);

void
people_read(People *people, const char *name)
{
	char	   *line = NULL;
	size_t		size = 0;
	FILE	   *file = fopen(name, "r");

	if (file == NULL)
		fail("cannot read %s", name);
	people->members = need_memory(MOST * sizeof(Member));
	people->rooms = need_memory(MOST * sizeof(Room));
	while (getline(&line, &size, file) > 0)
		add(people, line);
	free(line);
	fclose(file);
	if (people->n_members == 0)
		fail("nobody in %s", name);
}

static void
add(People *people, char *line)
{
	const char *room = strsep(&line, " ");
	const char *token = strsep(&line, "\n");
	Member	   *member = &people->members[people->n_members];

	if (token == NULL || people->n_members == MOST)
		fail("member %d is no line of a room and a token, or one too many", people->n_members + 1);
	if (people->n_rooms == 0 || strcmp(people->rooms[people->n_rooms - 1].id, room) != 0)
		people->rooms[people->n_rooms++] = (Room) {.id = strdup(room), .began = -1};
	*member = (Member) {.room = &people->rooms[people->n_rooms - 1], .token = strdup(token), .fd = -1};
	people->n_members++;
}
