/*
 * peer.h - one WebSocket: who it is, what waits to be written to it, what it has asked for.
 *
 * Everybody's peers are found by user and by session. A peer ends in peer_end(), with a reason; it
 * is freed when its transport has closed. What is under way for it in the database is a PeerCall,
 * which survives it and finds peer NULL.
 */
#ifndef PORCUPINE_PEER_H
#define PORCUPINE_PEER_H

#include "auth.h"
#include "frame.h"
#include "loop.h"
#include "table.h"

#define PEER_FULL (128 * 1024)	/* bytes that wait for a slow reader, at which its events wait in the log */
#define PEER_MAX_BEHIND (4 * 1024 * 1024)	/* bytes of events that may pass it by; then it is cut */
#define PEER_STUCK_MS 30000		/* so long it may stay full; then, too */
#define PEER_MAX_QUEUED (1024 * 1024)	/* bytes of whatever cannot wait in the log; then, too */
#define PEER_MAX_CALLS 64		/* database calls under way, at which reading pauses */
#define PEER_FEW_CALLS 1		/* the same while the bridge as a whole has too many */

/* API.md, "Close codes"; those below 4000 are sent by libwebsockets itself */
typedef enum CloseCode
{
	CLOSE_NONE = 0,
	CLOSE_PROTOCOL = 1002,
	CLOSE_BINARY = 1003,
	CLOSE_UNAUTHENTICATED = 4401,
	CLOSE_REMOVED = 4403,
	CLOSE_SLOW = 4408,
	CLOSE_TOO_LARGE = 4413,
	CLOSE_SESSION_ENDED = 4419,
	CLOSE_RATE = 4429,
	CLOSE_DRAINING = 4503
} CloseCode;

typedef enum PeerState
{
	PEER_NEW,					/* its first frame must be auth */
	PEER_AUTHENTICATING,
	PEER_READY,
	PEER_ENDING					/* nothing is read any more; what is queued goes out, then it closes */
} PeerState;

typedef struct PeerCall PeerCall;
typedef struct Peer Peer;

/* The transport below, registered once. */
typedef struct PeerTransport
{
	void		(*want_write) (void *socket);
	/* Writes what the socket takes at once. */
	void		(*write_now) (void *socket);
	void		(*pause) (void *socket, bool paused);
	/* It is ending; hang up if its last words cannot be written soon. */
	void		(*expire) (void *socket);
} PeerTransport;

/* The layer above, registered once. */
typedef struct PeerEvents
{
	void		(*text) (Peer *peer, const char *bytes, size_t length);
	void		(*drained) (Peer *peer);	/* it was full and no longer is */
	void		(*ended) (Peer *peer);		/* drop its subscriptions */
	void		(*session) (int64_t session);	/* its first peer has come, or its last has gone */
} PeerEvents;

struct Peer
{
	Peer	   *next;			/* all peers */
	Peer	   *previous;
	Peer	   *next_of_user;
	Peer	   *previous_of_user;
	Peer	   *next_of_session;
	Peer	   *previous_of_session;
	void	   *socket;
	PeerState	state;
	JwtClaims	who;			/* from PEER_READY on */
	AuthWait	auth;
	Timer	   *deadline;		/* to say auth */
	int64_t		only_room;		/* 0: all rooms; else the one in its path */
	int64_t		after;			/* of the path's query, -1: absent */
	int64_t		stream;
	int64_t		frames_full_at;	/* its bucket: see limiter.h */
	Table		subscriptions;	/* by room; they belong to the layer above */
	PeerCall   *calls;
	int			n_calls;
	bool		paused;
	bool		full;			/* has_room was refused: drained() is due */
	uint64_t	full_at;		/* since when */
	size_t		behind;			/* bytes of events that it had no room for since then */
	Frame	  **queue;			/* a ring */
	int			queue_size;
	int			queue_begin;
	int			queue_count;
	size_t		queued;			/* bytes */
	Deferred	cut;
	Deferred	drain;
	CloseCode	close_code;
	char		close_reason[40];
};

extern void peer_set_transport(const PeerTransport *transport);
extern void peer_set_events(const PeerEvents *events);

/* For the transport: a socket came, sent a whole text, can be written to, has closed. */
extern Peer *peer_open(void *socket, int64_t only_room, int64_t after, int64_t stream);
extern void peer_text(Peer *peer, const char *bytes, size_t length);
/* The next frame to write, NULL when there is none; then peer_written(). */
extern Frame *peer_next_frame(const Peer *peer);
extern Frame *peer_frame_after_next(const Peer *peer);
extern void peer_written(Peer *peer);
extern void peer_closed(Peer *peer);

/* Its identity is proven: from now on it is found by user and session. */
extern void peer_identify(Peer *peer, const JwtClaims *who);

/* Queues a frame, which it keeps; a peer that does not read is cut, later. */
extern void peer_push(Peer *peer, Frame *frame);
/* The same, and releases it. */
extern void peer_say(Peer *peer, Frame *frame);
extern bool peer_has_room(Peer *peer);
/* An event has come that it has no room for: one that falls too far behind is cut, later. */
extern void peer_miss(Peer *peer, const Frame *frame);
/* Ends whoever has been full for too long: it does not read at all. */
extern void peer_cut_stuck(void);

/* The one way to end a peer. What is queued is dropped, unless last words are to be heard. */
extern void peer_end(Peer *peer, CloseCode code, const char *reason, bool after_queue);

extern Peer *peer_first(void);
extern int	peer_count(void);
extern Peer *peer_first_of_user(int64_t user);
extern Peer *peer_first_of_session(int64_t session);
/* The sessions that have peers; freed by the caller. */
extern int64_t *peer_sessions(int *count);

/* A database call on behalf of a peer; embedded at the start of the caller's struct. */
struct PeerCall
{
	PeerCall   *next;
	PeerCall   *previous;
	Peer	   *peer;			/* NULL: it has gone */
};

/* From now on this many are allowed; a peer that has more is read from again when they are done. */
extern void peer_limit_calls(int most);
extern void peer_begin_call(Peer *peer, PeerCall *call);
/* The peer, or NULL when it has gone or is ending. */
extern Peer *peer_end_call(PeerCall *call);

#endif
