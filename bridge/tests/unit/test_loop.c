/*
 * test_loop.c - that nothing begins any more on a loop that was stopped, while it turns for those who close.
 */
#include "loop.h"
#include "tap.h"

#include <unistd.h>

enum
{
	BY_TIMER = 1,
	BY_SOCKET = 2,
	BY_LOOKUP = 4,
	BY_ALL = 7
};

static int	told;

static void
on_time(void *arg)
{
	(void) arg;
	told |= BY_TIMER;
}

static void
on_ready(void *arg, int status, int events)
{
	(void) arg;
	(void) status;
	(void) events;
	told |= BY_SOCKET;
}

static void
on_address(void *arg, const char *address)
{
	(void) arg;
	(void) address;
	told |= BY_LOOKUP;
}

int
main(void)
{
	static Timer timer;
	SocketWatch *watch = NULL;
	int			ends[2];

	if (pipe(ends) != 0 || write(ends[1], "x", 1) != 1)
		return 1;
	timer_start(&timer, on_time, NULL, 0, 0);
	loop_watch(&watch, ends[0], UV_READABLE, on_ready, NULL);
	(void) loop_resolve("127.0.0.1", on_address, NULL);
	while (told != BY_ALL)
		uv_run(loop_get(), UV_RUN_ONCE);
	ok(told == BY_ALL, "a timer, a socket and a lookup are heard of");

	told = 0;
	timer_start(&timer, on_time, NULL, 0, 0);
	(void) loop_resolve("127.0.0.1", on_address, NULL);
	loop_stop();
	for (int turn = 0; turn < 8; turn++)
		uv_run(loop_get(), UV_RUN_NOWAIT);
	ok(told == 0, "none of them once the loop was stopped");
	loop_unwatch(&watch);
	close(ends[0]);
	close(ends[1]);
	ok(loop_close() == 0 && told == 0, "nor when it is closed, which waits for the lookup");
	return done();
}
