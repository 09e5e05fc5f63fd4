/*
 * loop.h - the one event loop of the process.
 *
 * Everything runs on it, in one thread. A Timer is embedded in its owner's struct, never moved, and
 * fires until it is stopped; loop_close() closes whatever is still there.
 */
#ifndef PORCUPINE_LOOP_H
#define PORCUPINE_LOOP_H

#include <stdint.h>
#include <uv.h>

typedef struct Timer
{
	uv_timer_t	handle;
	void		(*fire) (void *arg);
	void	   *arg;
} Timer;

extern uv_loop_t *loop_get(void);
extern void loop_run(void);
/*
 * Makes loop_run() return once the current callbacks are done. The loop turns a few times more while all is closed; of what comes due
 * then nobody hears, so that nobody connects anew: libwebsockets closes descriptors twice.
 */
extern void loop_stop(void);
/* After everything else has closed its handles: 0, or what uv_loop_close() has against it. */
extern int	loop_close(void);

/* Milliseconds of a clock that never goes back. */
extern uint64_t loop_now(void);

extern void timer_start(Timer *timer, void (*fire) (void *arg), void *arg, uint64_t first_ms, uint64_t every_ms);
extern void timer_stop(Timer *timer);
/* For an owner that goes before the loop does: libuv lets go of a timer later than its owner. */
extern Timer *timer_make(void);
extern void timer_free(Timer *timer);

/*
 * Watches a socket that a library owns. *watch is NULL at first; it follows when the socket or the
 * events (UV_READABLE, UV_WRITABLE) are others. It must end before the library closes the socket,
 * whose number may come back for another one.
 */
typedef struct SocketWatch SocketWatch;
typedef void (*SocketReady) (void *arg, int status, int events);
extern void loop_watch(SocketWatch **watch, int fd, int events, SocketReady ready, void *arg);
extern void loop_unwatch(SocketWatch **watch);

/*
 * Resolves a host's name without blocking: address is numeric, NULL if there is none. The lookup
 * can be forgotten; then done() is not called.
 */
typedef struct Lookup Lookup;
extern Lookup *loop_resolve(const char *name, void (*done) (void *arg, const char *address), void *arg);
extern void loop_forget(Lookup *lookup);

/*
 * Calls back before the loop sleeps, once, however often it was asked for: first what gives the
 * database work, so that it works while the sockets are written to; last whoever wants to know that
 * they were.
 */
typedef enum LoopStage
{
	LOOP_SUBMIT,
	LOOP_WRITE,
	LOOP_WRITTEN,
	N_LOOP_STAGES
} LoopStage;

typedef struct Deferred
{
	struct Deferred *next;
	void		(*run) (void *arg);
	void	   *arg;
	int			queued;
} Deferred;

/*
 * More to write is expected soon (1), or has come (-1). Meanwhile, where hundreds of sockets are to be
 * written to, they wait for it, a few milliseconds at most: a write for both costs little more than
 * one, and a crowd takes longer than that to be written to.
 */
extern void loop_expect_writes(int change);

extern void loop_defer(LoopStage stage, Deferred *deferred, void (*run) (void *arg), void *arg);
extern void loop_undefer(Deferred *deferred);

#endif
