/*
 * pages.h - history read over REST: GET …/messages/, one request a connection.
 *
 * It owns the connections, of which there are only so many at once.
 */
#ifndef FAULTS_PAGES_H
#define FAULTS_PAGES_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct PageRequest
{
	int			port;
	const char *token;
	int64_t		room;
	int64_t		after;			/* with stream; below 0: the latest page */
	int64_t		stream;
	int			limit;
	void		(*done) (void *arg, const struct PageRequest *request, int status, const cJSON *answer);
	void	   *arg;
	int64_t		began;			/* set by pages_read() */
} PageRequest;

/*
 * Calls done() once: with the HTTP status and its JSON, which goes after the call; status 0: no
 * whole answer came. False: too many are under way, and nothing will be called.
 */
extern bool pages_read(const PageRequest *request);
/* Gives up what has waited too long. */
extern void pages_tick(void);

#endif
