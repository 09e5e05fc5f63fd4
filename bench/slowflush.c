/*
 * slowflush.c - a slower disk: preloaded into PostgreSQL, it adds SLOWFLUSH_US microseconds to each
 * flush. What a network volume takes, on a machine whose own disk is fast.
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void wait_a_moment(void);

int
fdatasync(int fd)
{
	wait_a_moment();
	return (int) syscall(SYS_fdatasync, fd);
}

int
fsync(int fd)
{
	wait_a_moment();
	return (int) syscall(SYS_fsync, fd);
}

static void
wait_a_moment(void)
{
	const char *text = getenv("SLOWFLUSH_US");
	struct timespec moment = {.tv_nsec = text != NULL ? atol(text) * 1000 : 0};

	nanosleep(&moment, NULL);
}
