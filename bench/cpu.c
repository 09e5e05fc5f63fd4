/*
 * cpu.c - see cpu.h. PostgreSQL is its postmaster and what that has forked, a bridge may have
 * workers: one level of children is what there is.
 */
#include "cpu.h"
#include "fail.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct Stat
{
	pid_t		parent;
	unsigned long own;			/* in ticks of the clock */
	long		ended_children;
} Stat;

static bool read_stat(pid_t pid, Stat *stat);

double
cpu_seconds(pid_t pid)
{
	unsigned long ticks = 0;
	DIR		   *processes = opendir("/proc");
	struct dirent *entry;
	Stat		stat;

	if (processes == NULL || !read_stat(pid, &stat))
		fail("process %d is not there", (int) pid);
	while ((entry = readdir(processes)) != NULL)
	{
		pid_t		other = (pid_t) strtol(entry->d_name, NULL, 10);

		if (other == 0 || !read_stat(other, &stat))
			continue;
		if (other == pid)
			ticks += stat.own + (unsigned long) stat.ended_children;
		else if (stat.parent == pid)
			ticks += stat.own;
	}
	closedir(processes);
	return (double) ticks / (double) sysconf(_SC_CLK_TCK);
}

void
cpu_machine(double *busy, double *stolen)
{
	double		per_second = (double) sysconf(_SC_CLK_TCK);
	unsigned long user;
	unsigned long nice;
	unsigned long system;
	unsigned long irq;
	unsigned long soft_irq;
	unsigned long steal;
	FILE	   *file = fopen("/proc/stat", "r");

	if (file == NULL
		|| fscanf(file, "cpu %lu %lu %lu %*u %*u %lu %lu %lu", &user, &nice, &system, &irq, &soft_irq, &steal) != 6)
		fail("cannot read /proc/stat");
	fclose(file);
	*busy = (double) (user + nice + system + irq + soft_irq) / per_second;
	*stolen = (double) steal / per_second;
}

long
cpu_memory(pid_t pid)
{
	char		name[64];
	char		line[256];
	long		kilobytes = -1;
	FILE	   *file;

	snprintf(name, sizeof(name), "/proc/%d/smaps_rollup", (int) pid);
	file = fopen(name, "r");
	if (file == NULL)
		fail("cannot read %s", name);
	while (fgets(line, sizeof(line), file) != NULL)
	{
		if (strncmp(line, "Pss:", 4) == 0)
			kilobytes = strtol(line + 4, NULL, 10);
	}
	fclose(file);
	if (kilobytes < 0)
		fail("no Pss in %s", name);
	return kilobytes * 1024;
}

/* See proc_pid_stat(5); the name, in parentheses, may hold anything. False when it has just ended. */
static bool
read_stat(pid_t pid, Stat *stat)
{
	char		text[1024];
	char	   *rest;
	unsigned long user;
	unsigned long system;
	long		user_ended;
	long		system_ended;
	size_t		length;
	FILE	   *file;

	snprintf(text, sizeof(text), "/proc/%d/stat", (int) pid);
	file = fopen(text, "r");
	if (file == NULL)
		return false;
	length = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[length] = '\0';
	rest = strrchr(text, ')');
	if (rest == NULL || sscanf(rest + 1, " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld", &stat->parent,
							   &user, &system, &user_ended, &system_ended) != 5)
		return false;
	stat->own = user + system;
	stat->ended_children = user_ended + system_ended;
	return true;
}
