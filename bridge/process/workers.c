/*
 * workers.c - see workers.h. It owns the processes; the parent has no loop, it waits for signals.
 *
 * A worker has a process group of its own, so that a Ctrl-C reaches it once, by its parent; should
 * the parent be killed, the kernel asks the worker to stop.
 */
#include "workers.h"
#include "log.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FIRST_PAUSE_MS 100
#define LONGEST_PAUSE_MS 5000
#define LIVED_WELL_MS 10000		/* whoever lived so long is started again without a pause */
#define DRAIN_PATIENCE_MS 12000
#define LOOK_EVERY_MS 50

typedef struct Worker
{
	pid_t		pid;			/* 0: it does not run */
	int64_t		started_at;
	int64_t		start_at;
	int64_t		pause;
} Worker;

static Worker workers[WORKERS_MAX];
static int	worker_count;
static int	(*serve_as) (int worker);
static sigset_t signals;
static sigset_t signals_before;
static int64_t stopping_at;		/* 0: it is not; then when patience ends */
static int	exit_code;

static void start(int number);
static void look_after_children(void);
static void on_child(Worker *worker, int status);
static void stop_all(void);
static void signal_all(int number);
static bool any_runs(void);
static int64_t now_ms(void);

int
workers_run(int count, int (*serve) (int worker))
{
	static const struct timespec look_every = {.tv_nsec = LOOK_EVERY_MS * 1000000};

	worker_count = count;
	serve_as = serve;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, &signals_before);
	log_write(LOG_INFO, "starting workers", LOG_NUMBER("workers", count));
	while (stopping_at == 0 || any_runs())
	{
		int			number;

		for (int i = 0; i < worker_count; i++)
		{
			if (stopping_at == 0 && workers[i].pid == 0 && now_ms() >= workers[i].start_at)
				start(i);
		}
		number = sigtimedwait(&signals, NULL, &look_every);
		look_after_children();
		if (number == SIGTERM || number == SIGINT)
			stop_all();
		if (stopping_at != 0 && now_ms() > stopping_at)
			signal_all(SIGKILL);
	}
	return exit_code;
}

/* Returns in the parent only. */
static void
start(int number)
{
	pid_t		parent = getpid();
	pid_t		pid = fork();

	if (pid == 0)
	{
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != parent)
			_exit(0);
		sigprocmask(SIG_SETMASK, &signals_before, NULL);
		log_set_worker(number);
		exit(serve_as(number));
	}
	workers[number].started_at = now_ms();
	if (pid > 0)
		workers[number].pid = pid;
	else
		on_child(&workers[number], 0);	/* no process to be had: try again later */
}

static void
look_after_children(void)
{
	int			status;
	pid_t		pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
	{
		for (int i = 0; i < worker_count; i++)
		{
			if (workers[i].pid == pid)
				on_child(&workers[i], status);
		}
	}
}

static void
on_child(Worker *worker, int status)
{
	int64_t		now = now_ms();

	worker->pid = 0;
	if (stopping_at != 0)
		return;
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
	{
		exit_code = WEXITSTATUS(status);
		log_write(LOG_ERROR, "a worker cannot serve: all are stopped", LOG_NUMBER("status", exit_code));
		stop_all();
		return;
	}
	worker->pause = now - worker->started_at > LIVED_WELL_MS || worker->pause == 0 ? FIRST_PAUSE_MS : worker->pause * 2;
	if (worker->pause > LONGEST_PAUSE_MS)
		worker->pause = LONGEST_PAUSE_MS;
	worker->start_at = now + worker->pause;
	log_write(LOG_ERROR, "a worker has ended and is started again", LOG_NUMBER("worker", worker - workers),
			  LOG_NUMBER("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0), LOG_NUMBER("pause_ms", worker->pause));
}

/* A second request cuts the drain short, as it does with a bridge alone. */
static void
stop_all(void)
{
	signal_all(SIGTERM);
	if (stopping_at == 0)
		stopping_at = now_ms() + DRAIN_PATIENCE_MS;
}

static void
signal_all(int number)
{
	for (int i = 0; i < worker_count; i++)
	{
		if (workers[i].pid > 0)
			kill(workers[i].pid, number);
	}
}

static bool
any_runs(void)
{
	for (int i = 0; i < worker_count; i++)
	{
		if (workers[i].pid > 0)
			return true;
	}
	return false;
}

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
