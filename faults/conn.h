/*
 * conn.h - TCP connections on one epoll, each with what has come in and what waits to go out.
 *
 * A Conn is embedded in its owner's struct, which outlives it. conn_close() may be called from any
 * handler; the same struct connects again outside of them.
 */
#ifndef FAULTS_CONN_H
#define FAULTS_CONN_H

#include "text.h"

#include <stdbool.h>

typedef struct Conn Conn;

typedef struct ConnHandlers
{
	void		(*opened) (Conn *conn);
	/* There is more between taken and the end of in; the handler raises taken. */
	void		(*came) (Conn *conn);
	/* The other side has closed it, or it failed; the Conn is closed by then. */
	void		(*ended) (Conn *conn);
} ConnHandlers;

struct Conn
{
	const ConnHandlers *handlers;
	int			fd;				/* -1: closed */
	bool		open;			/* else it is connecting */
	bool		writing;		/* epoll is asked when it can be written to */
	Text		in;
	size_t		taken;
	Text		out;
	size_t		sent;
};

extern void conn_start(void);
/* Handles what comes within so many milliseconds. */
extern void conn_wait(int milliseconds);
/* One descriptor of the caller's: says when it can be read. */
extern void conn_watch(int fd, void (*readable) (void));
extern void conn_unwatch(int fd);

/* To 127.0.0.1; false when it failed at once. */
extern bool conn_open(Conn *conn, int port, const ConnHandlers *handlers);
/* Writes what conn.out holds, as far as the kernel takes it now and the rest later. */
extern void conn_write(Conn *conn);
extern void conn_close(Conn *conn);

#endif
