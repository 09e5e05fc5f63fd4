/*
 * loop.c - see loop.h. It owns the loop, and the queue of what runs before it sleeps.
 */
#include "loop.h"

#include "memory.h"

#include <netdb.h>
#include <stdbool.h>
#include <stdlib.h>

#define CROWD 256				/* sockets to be written to */
#define HOLD_MS 3

struct Lookup
{
	uv_getaddrinfo_t request;
	void		(*done) (void *arg, const char *address);	/* NULL: forgotten */
	void	   *arg;
};

struct SocketWatch
{
	uv_poll_t	handle;
	int			fd;
	int			events;
	SocketReady ready;
	void	   *arg;
};

static uv_loop_t loop;
static int	loop_is_made = 0;
static bool stopped;
static uv_prepare_t before_sleep;
static uv_idle_t awake;			/* active while something is deferred: the loop must not sleep */
static struct
{
	Deferred   *first;
	Deferred   *last;
	int			count;
}			deferred_by[N_LOOP_STAGES];

/* Writing to a crowd may wait; it begins when nothing more is expected, or when the time is over. */
static enum
{
	HOLD_NOT_BEGUN,
	HOLDING,
	HOLD_OVER
}			hold;
static Timer hold_timer;
static int	expected_writes;

static Deferred *next_deferred(void);
static bool writes_wait(void);
static void end_hold(void *arg);
static void run_deferred(uv_prepare_t *handle);
static void stay_awake(uv_idle_t *handle);
static void on_timer(uv_timer_t *handle);
static void free_handle(uv_handle_t *handle);
static void on_socket(uv_poll_t *handle, int status, int events);
static void close_handle(uv_handle_t *handle, void *arg);
static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found);

uv_loop_t *
loop_get(void)
{
	if (!loop_is_made)
	{
		loop_is_made = 1;
		uv_loop_init(&loop);
		uv_prepare_init(&loop, &before_sleep);
		uv_prepare_start(&before_sleep, run_deferred);
		uv_idle_init(&loop, &awake);
	}
	return &loop;
}

void
loop_run(void)
{
	uv_run(loop_get(), UV_RUN_DEFAULT);
}

void
loop_stop(void)
{
	stopped = true;
	uv_stop(loop_get());
}

int
loop_close(void)
{
	uv_walk(&loop, close_handle, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	return uv_loop_close(&loop);
}

uint64_t
loop_now(void)
{
	return uv_now(loop_get());
}

void
timer_start(Timer *timer, void (*fire) (void *arg), void *arg, uint64_t first_ms, uint64_t every_ms)
{
	if (timer->handle.loop == NULL)
		uv_timer_init(loop_get(), &timer->handle);
	timer->fire = fire;
	timer->arg = arg;
	timer->handle.data = timer;
	uv_timer_start(&timer->handle, on_timer, first_ms, every_ms);
}

void
timer_stop(Timer *timer)
{
	if (timer->handle.loop != NULL)
		uv_timer_stop(&timer->handle);
}

Timer *
timer_make(void)
{
	Timer	   *timer = memory_alloc(sizeof(Timer));

	uv_timer_init(loop_get(), &timer->handle);
	return timer;
}

void
timer_free(Timer *timer)
{
	timer->handle.data = timer;
	uv_close((uv_handle_t *) &timer->handle, free_handle);
}

static void
free_handle(uv_handle_t *handle)
{
	free(handle->data);
}

void
loop_watch(SocketWatch **watch, int fd, int events, SocketReady ready, void *arg)
{
	SocketWatch *made = *watch;

	if (made != NULL && made->fd != fd)
		loop_unwatch(watch);
	if (*watch == NULL)
	{
		made = *watch = memory_alloc(sizeof(SocketWatch));
		made->handle.data = made;
		made->fd = fd;
		made->ready = ready;
		made->arg = arg;
		uv_poll_init(loop_get(), &made->handle, fd);
	}
	if (made->events != events)
		uv_poll_start(&made->handle, events, on_socket);
	made->events = events;
}

void
loop_unwatch(SocketWatch **watch)
{
	if (*watch == NULL)
		return;
	uv_poll_stop(&(*watch)->handle);
	uv_close((uv_handle_t *) &(*watch)->handle, free_handle);
	*watch = NULL;
}

static void
on_socket(uv_poll_t *handle, int status, int events)
{
	SocketWatch *watch = handle->data;

	if (!stopped)
		watch->ready(watch->arg, status, events);
}

Lookup *
loop_resolve(const char *name, void (*done) (void *arg, const char *address), void *arg)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	Lookup	   *lookup = memory_alloc(sizeof(Lookup));

	lookup->done = done;
	lookup->arg = arg;
	lookup->request.data = lookup;
	if (uv_getaddrinfo(loop_get(), &lookup->request, on_resolved, name, NULL, &hints) == 0)
		return lookup;
	free(lookup);
	return NULL;
}

void
loop_forget(Lookup *lookup)
{
	lookup->done = NULL;
}

static void
on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
	Lookup	   *lookup = request->data;
	char		address[INET6_ADDRSTRLEN];
	bool		ok = status == 0 && getnameinfo(found->ai_addr, found->ai_addrlen, address, sizeof(address),
												NULL, 0, NI_NUMERICHOST) == 0;

	uv_freeaddrinfo(found);
	if (lookup->done != NULL && !stopped)
		lookup->done(lookup->arg, ok ? address : NULL);
	free(lookup);
}

void
loop_defer(LoopStage stage, Deferred *deferred, void (*run) (void *arg), void *arg)
{
	if (deferred->queued)
		return;
	*deferred = (Deferred) {.run = run, .arg = arg, .queued = 1};
	if (deferred_by[stage].first == NULL)
		deferred_by[stage].first = deferred;
	else
		deferred_by[stage].last->next = deferred;
	deferred_by[stage].last = deferred;
	deferred_by[stage].count++;
	uv_idle_start(&awake, stay_awake);
}

void
loop_undefer(Deferred *deferred)
{
	for (int stage = 0; deferred->queued && stage < N_LOOP_STAGES; stage++)
	{
		Deferred   *before = NULL;

		for (Deferred *each = deferred_by[stage].first; each != NULL; before = each, each = each->next)
		{
			if (each != deferred)
				continue;
			if (before == NULL)
				deferred_by[stage].first = each->next;
			else
				before->next = each->next;
			if (each->next == NULL)
				deferred_by[stage].last = before;
			deferred_by[stage].count--;
			each->queued = 0;
			return;
		}
	}
}

static void
run_deferred(uv_prepare_t *handle)
{
	(void) handle;
	for (Deferred *deferred; (deferred = next_deferred()) != NULL;)
		deferred->run(deferred->arg);
	uv_idle_stop(&awake);
}

/* Taken off its list, so that it can be deferred again. */
static Deferred *
next_deferred(void)
{
	for (int stage = 0; stage < N_LOOP_STAGES; stage++)
	{
		Deferred   *deferred = deferred_by[stage].first;

		if (deferred == NULL)
			continue;
		if (stage == LOOP_WRITE && writes_wait())
			return NULL;
		deferred_by[stage].first = deferred->next;
		deferred_by[stage].count--;
		deferred->queued = 0;
		return deferred;
	}
	return NULL;
}

void
loop_expect_writes(int change)
{
	expected_writes += change;
}

static bool
writes_wait(void)
{
	if (deferred_by[LOOP_WRITE].count < CROWD)
	{
		timer_stop(&hold_timer);
		hold = HOLD_NOT_BEGUN;
		return false;
	}
	if (expected_writes == 0 || hold == HOLD_OVER)
		return false;
	if (hold == HOLD_NOT_BEGUN)
	{
		hold = HOLDING;
		timer_start(&hold_timer, end_hold, NULL, HOLD_MS, 0);
	}
	return true;
}

static void
end_hold(void *arg)
{
	(void) arg;
	hold = HOLD_OVER;
}

static void
stay_awake(uv_idle_t *handle)
{
	(void) handle;
}

static void
on_timer(uv_timer_t *handle)
{
	Timer	   *timer = handle->data;

	if (!stopped)
		timer->fire(timer->arg);
}

static void
close_handle(uv_handle_t *handle, void *arg)
{
	(void) arg;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}
