/*
 * commands.c - see commands.h. It owns what has come of a line that is not whole yet.
 */
#include "commands.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define READ_AT_ONCE 4096

static Text commands;

void
commands_open(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
}

bool
commands_read(void (*obey) (char *line))
{
	ssize_t		n = read(STDIN_FILENO, text_reserve(&commands, READ_AT_ONCE), READ_AT_ONCE);
	char	   *line;
	char	   *end;

	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR);
	commands.length += (size_t) n;
	commands.bytes[commands.length] = '\0';
	line = commands.bytes;
	while ((end = strchr(line, '\n')) != NULL)
	{
		*end = '\0';
		obey(line);
		line = end + 1;
	}
	commands.length -= (size_t) (line - commands.bytes);
	memmove(commands.bytes, line, commands.length);
	return true;
}
