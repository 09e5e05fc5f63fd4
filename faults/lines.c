/*
 * lines.c - see lines.h. A run has millions of lines, hence a reader that does no more than it must.
 */
#include "lines.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Reader
{
	const char *path;
	const char *at;
	const char *end;
	long		number;			/* of the line */
} Reader;

typedef struct Field
{
	const char *name;
	void		(*read) (Reader *reader, Line *line, size_t offset);
	size_t		offset;
} Field;

static void read_line(Reader *reader, Line *line);
static void read_number(Reader *reader, Line *line, size_t offset);
static void read_op(Reader *reader, Line *line, size_t offset);
static void read_id(Reader *reader, Line *line, size_t offset);
static void read_hash(Reader *reader, Line *line, size_t offset);
static void read_kind(Reader *reader, Line *line, size_t offset);
static void skip_value(Reader *reader, Line *line, size_t offset);
static Word word(Reader *reader);
static void expect(Reader *reader, char c);
static void refuse(const Reader *reader, const char *why);
static int	hex_digit(char c);

static const char *const op_names[N_OPS] = {
	[OP_INVOKED] = "invoked", [OP_AGAIN] = "again", [OP_OK] = "ok", [OP_FAILED] = "failed",
	[OP_UNKNOWN] = "unknown", [OP_SUBSCRIBE] = "subscribe", [OP_RESET] = "reset", [OP_EVENT] = "event",
	[OP_PAGE] = "page", [OP_BROWSED] = "browsed", [OP_READ] = "read", [OP_END] = "end", [OP_ADDING] = "adding",
	[OP_REMOVED] = "removed", [OP_RESTORED] = "restored", [OP_STORED] = "stored", [OP_HEAD] = "head"
};

static const Field fields[] = {
	{"at", read_number, offsetof(Line, at)},
	{"op", read_op, 0},
	{"member", read_number, offsetof(Line, member)},
	{"socket", read_number, offsetof(Line, socket)},
	{"room", read_number, offsetof(Line, room)},
	{"seq", read_number, offsetof(Line, seq)},
	{"stream", read_number, offsetof(Line, stream)},
	{"id", read_id, 0},
	{"hash", read_hash, 0},
	{"kind", read_kind, 0},
	{"user", read_number, offsetof(Line, user)},
	{"head", read_number, offsetof(Line, head)},
	{"after", read_number, offsetof(Line, after)},
	{"began", read_number, offsetof(Line, began)},
	{"status", read_number, offsetof(Line, status)},
};

void
lines_read(const char *path, void (*take) (const Line *line))
{
	Reader		reader = {.path = path};
	struct stat status = {0};
	int			fd = open(path, O_RDONLY | O_CLOEXEC);
	char	   *bytes = NULL;

	if (fd >= 0 && fstat(fd, &status) == 0 && status.st_size > 0)
		bytes = mmap(NULL, (size_t) status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (fd < 0 || bytes == MAP_FAILED)
		refuse(&reader, "cannot be read");
	reader.at = bytes;
	reader.end = bytes != NULL ? bytes + status.st_size : NULL;
	while (reader.at < reader.end)
	{
		Line		line = {0};

		reader.number++;
		read_line(&reader, &line);
		if (line.room < 0 || line.room > LINES_MAX_ROOM)
			refuse(&reader, "room out of range");
		take(&line);
	}
	if (bytes != NULL)
		munmap(bytes, (size_t) status.st_size);
	close(fd);
}

static void
read_line(Reader *reader, Line *line)
{
	expect(reader, '{');
	for (;;)
	{
		Word		name = word(reader);
		const Field *field = NULL;

		expect(reader, ':');
		for (size_t i = 0; field == NULL && i < sizeof(fields) / sizeof(fields[0]); i++)
		{
			if (lines_word_is(name, fields[i].name))
				field = &fields[i];
		}
		if (field != NULL)
			field->read(reader, line, field->offset);
		else
			skip_value(reader, line, 0);
		if (reader->at < reader->end && *reader->at == '}')
			break;
		expect(reader, ',');
	}
	expect(reader, '}');
	expect(reader, '\n');
}

bool
lines_word_is(Word given, const char *text)
{
	return strncmp(given.at, text, (size_t) given.length) == 0 && text[given.length] == '\0';
}

/* --- values ------------------------------------------------------------------------------------ */

static void
read_number(Reader *reader, Line *line, size_t offset)
{
	bool		negative = reader->at < reader->end && *reader->at == '-';
	int64_t		number = 0;
	const char *begin;

	if (negative)
		reader->at++;
	for (begin = reader->at; reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9'; reader->at++)
		number = number * 10 + (*reader->at - '0');
	if (reader->at == begin || reader->at - begin > 18)
		refuse(reader, "a number is expected");
	*(int64_t *) ((char *) line + offset) = negative ? -number : number;
}

static void
read_op(Reader *reader, Line *line, size_t offset)
{
	Word		name = word(reader);

	(void) offset;
	for (int op = 1; op < N_OPS; op++)
	{
		if (lines_word_is(name, op_names[op]))
			line->op = (Op) op;
	}
}

static void
read_id(Reader *reader, Line *line, size_t offset)
{
	Word		text = word(reader);
	int			digits = 0;

	(void) offset;
	for (int i = 0; i < text.length; i++)
	{
		int			digit = hex_digit(text.at[i]);

		if (digit < 0)
			continue;
		line->id.high = line->id.high << 4 | line->id.low >> 60;
		line->id.low = line->id.low << 4 | (uint64_t) digit;
		digits++;
	}
	if (digits != 32)
		refuse(reader, "a client id has 32 digits");
}

static void
read_hash(Reader *reader, Line *line, size_t offset)
{
	Word		text = word(reader);

	(void) offset;
	for (int i = 0; i < text.length; i++)
		line->hash = line->hash << 4 | (uint64_t) (hex_digit(text.at[i]) & 15);
}

/* What the server writes has no body to compare; its kind stands for it. FNV-1a. */
static void
read_kind(Reader *reader, Line *line, size_t offset)
{
	(void) offset;
	line->kind = word(reader);
	if (line->hash != 0)
		return;
	line->hash = UINT64_C(0xcbf29ce484222325);
	for (int i = 0; i < line->kind.length; i++)
		line->hash = (line->hash ^ (unsigned char) line->kind.at[i]) * UINT64_C(0x100000001b3);
}

static void
skip_value(Reader *reader, Line *line, size_t offset)
{
	(void) line;
	(void) offset;
	if (reader->at < reader->end && *reader->at == '"')
		word(reader);
	else
	{
		while (reader->at < reader->end && *reader->at != ',' && *reader->at != '}')
			reader->at++;
	}
}

static Word
word(Reader *reader)
{
	const char *begin;
	const char *end;

	expect(reader, '"');
	begin = reader->at;
	end = memchr(begin, '"', (size_t) (reader->end - begin));
	if (end == NULL || end - begin > 1000)
		refuse(reader, "a string has no end");
	reader->at = end + 1;
	return (Word) {begin, (int) (end - begin)};
}

static void
expect(Reader *reader, char c)
{
	if (reader->at == reader->end || *reader->at != c)
		refuse(reader, "is not a line of a history");
	reader->at++;
}

static void
refuse(const Reader *reader, const char *why)
{
	fprintf(stderr, "faults/checker: %s:%ld: %s\n", reader->path, reader->number, why);
	exit(2);
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}
