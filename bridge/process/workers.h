/*
 * workers.h - several processes that serve one port.
 *
 * The parent opens nothing: it starts the workers, starts one anew that has died, with growing
 * pauses, passes a request to stop on to all of them, and waits until they have drained. When one
 * ends because it cannot serve, all do.
 */
#ifndef PORCUPINE_WORKERS_H
#define PORCUPINE_WORKERS_H

#define WORKERS_MAX 64

/*
 * Runs serve(number) in so many processes, numbered from 0; serve's result is the exit code: 0, or
 * it cannot serve. Returns the parent's.
 */
extern int	workers_run(int count, int (*serve) (int worker));

#endif
