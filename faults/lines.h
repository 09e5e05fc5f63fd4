/*
 * lines.h - the format of the histories, and a reader of them.
 *
 * A history is a file of JSON objects, one a line, whose members are integers and strings without
 * escapes, in any order; the times are clock.h's. Members that an op does not name are ignored.
 *
 *   written by the client
 *     invoked      member socket room id hash       a send is begun
 *     again        member socket room id            the identical frame once more
 *     ok           member socket room id seq        an ack
 *     failed       member socket room id code       a refusal that says: not stored
 *     unknown      member socket room id code       no answer, or one that leaves it open
 *     subscribe    member socket room after stream  asks to go on from this cursor
 *     reset        member socket room head stream after
 *                                                   lives from head on, and will read from after to head
 *     event, page  member socket room seq stream    heard live, or read over REST; with id and hash,
 *                                                   or, for what the server wrote, with kind
 *     browsed      member socket room seq stream    as event, seen in a page that nothing depends on
 *     read         member room began status         a page was asked for at began, this came back
 *     end          member room seq stream           where its cursor stands at the end
 *   written by whoever changes the membership, by SQL
 *     adding       user room                        before the statement
 *     removed      user room seq stream             after the COMMIT; seq is the event's
 *     restored     room head stream began           the log ends with head again, in this new stream; the server
 *                                                   that had more was gone at began
 *   the table, at the end
 *     stored       room seq member id hash kind user
 *                                                   ordered by room and seq; user: whom a member.… event speaks of
 *     head         room seq                         what the room's head says
 *
 * Further ops are for human readers. An id is a client id; a hash the first half of a SHA-256.
 */
#ifndef FAULTS_LINES_H
#define FAULTS_LINES_H

#include <stdbool.h>
#include <stdint.h>

typedef enum Op
{
	OP_OTHER,
	OP_INVOKED,
	OP_AGAIN,
	OP_OK,
	OP_FAILED,
	OP_UNKNOWN,
	OP_SUBSCRIBE,
	OP_RESET,
	OP_EVENT,
	OP_PAGE,
	OP_BROWSED,
	OP_READ,
	OP_END,
	OP_ADDING,
	OP_REMOVED,
	OP_RESTORED,
	OP_STORED,
	OP_HEAD,
	N_OPS
} Op;

/* Both zero: none. */
typedef struct ClientId
{
	uint64_t	high;
	uint64_t	low;
} ClientId;

/* A word in the file, not terminated. */
typedef struct Word
{
	const char *at;
	int			length;
} Word;

/* A member that is absent is 0. */
typedef struct Line
{
	Op			op;
	int64_t		at;
	int64_t		began;
	int64_t		member;
	int64_t		user;
	int64_t		socket;
	int64_t		room;
	int64_t		seq;
	int64_t		stream;
	int64_t		head;
	int64_t		after;
	int64_t		status;
	uint64_t	hash;			/* of the body; of the kind, where there is no client id */
	ClientId	id;
	Word		kind;
} Line;

/* Numbers of members and sockets, and of rooms, which go together into one key. */
#define LINES_MAX_ROOM ((INT64_C(1) << 24) - 1)
#define LINES_PAIR(number, room) ((number) << 24 | (room))

/* Calls take() for each line; a file that is not as above ends the program. */
extern void lines_read(const char *path, void (*take) (const Line *line));

extern bool lines_word_is(Word word, const char *text);

#endif
