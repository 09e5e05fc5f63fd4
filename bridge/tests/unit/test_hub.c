/*
 * test_hub.c - the order in which the hub shows events, with neither network nor database.
 *
 * Each subscription keeps a transcript of what it was sent: seqs, S for its announcement, X for its
 * end, B for an end because the database is away, ! for presence. Reads are answered by the test.
 */
#include "hub.h"
#include "memory.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>

typedef struct Watcher
{
	Subscription sub;
	Text		seen;
	int64_t		after;			/* -1: from the head on */
	bool		full;			/* takes no more for now */
	int64_t		page_after;		/* of the page it asked for; -1: none */
	int			missed;
} Watcher;

typedef struct Read
{
	int			count;			/* how many were asked for */
	int64_t		room;
	int64_t		ticket;
	int64_t		after;
} Read;

static Read last_read;
static bool waits;				/* what is missing may come by itself */
static int64_t table_head;		/* of the room in the imagined database */
static int64_t erasures;		/* of it, too */

static HubEvent
event(int64_t seq, int64_t ends)
{
	Text		text;

	frame_begin(&text);
	text_number(&text, seq);
	return (HubEvent) {.seq = seq, .frame = frame_end(&text), .ends = ends};
}

static void
read_room(int64_t room, int64_t ticket, int64_t after, int max)
{
	(void) max;
	last_read = (Read) {last_read.count + 1, room, ticket, after};
}

static bool
may_wait(int64_t room)
{
	(void) room;
	return waits;
}

static void
read_page(Subscription *subscription, int64_t after, int max)
{
	(void) max;
	((Watcher *) subscription)->page_after = after;
}

static void
attached(Subscription *subscription)
{
	Watcher    *watcher = (Watcher *) subscription;

	hub_start(subscription, watcher->after < 0 ? table_head + 1 : watcher->after + 1, table_head, erasures);
}

static void
announce(Subscription *subscription)
{
	text_add(&((Watcher *) subscription)->seen, "S ");
}

static void
push(Subscription *subscription, Frame *frame)
{
	Watcher    *watcher = (Watcher *) subscription;

	text_bytes(&watcher->seen, frame->payload, frame->length);
	text_add(&watcher->seen, " ");
}

static bool
has_room(Subscription *subscription)
{
	return !((Watcher *) subscription)->full;
}

static void
missed(Subscription *subscription, const Frame *frame)
{
	(void) frame;
	((Watcher *) subscription)->missed++;
}

static void
ended(Subscription *subscription, bool busy)
{
	text_add(&((Watcher *) subscription)->seen, busy ? "B " : "X ");
}

static void
presence(int64_t room, int64_t user, bool online)
{
	(void) room;
	(void) user;
	(void) online;
}

static void
opened_or_closed(int64_t room)
{
	(void) room;
}

static const HubOps ops = {
	read_room, may_wait, read_page, attached, announce, push, has_room, missed, ended, opened_or_closed, opened_or_closed, presence
};

/* Answers the last read with the events from..to. */
static void
answer_read(int64_t from, int64_t to)
{
	HubEvent	events[64];
	int			count = 0;

	for (int64_t seq = from; seq <= to; seq++)
		events[count++] = event(seq, 0);
	hub_take_read(last_read.room, last_read.ticket, true, events, count);
}

static Watcher *
watch(int64_t user, int64_t after)
{
	Watcher    *watcher = memory_alloc(sizeof(Watcher));

	watcher->after = after;
	watcher->page_after = -1;
	hub_attach(&watcher->sub, 1, user, erasures);
	return watcher;
}

static void
check(const Watcher *watcher, const char *expected, const char *name)
{
	const char *seen = watcher->seen.bytes != NULL ? watcher->seen.bytes : "";

	if (!ok(strcmp(seen, expected) == 0, "%s", name))
		printf("# seen: %s, expected: %s\n", seen, expected);
}

static void
leave(Watcher *watcher)
{
	hub_detach(&watcher->sub);
	text_free(&watcher->seen);
	free(watcher);
}

static void
events_come_in_order(void)
{
	Watcher    *one;
	Watcher    *two;

	table_head = 3;
	one = watch(7, 0);
	ok(last_read.after < 0, "the first subscription loads the room's recent events");
	answer_read(1, 3);
	check(one, "1 2 3 S ", "what was missed comes before the announcement");
	two = watch(8, -1);
	check(two, "S ", "without a cursor it lives from the head on");
	hub_publish(1, event(4, 0));
	check(one, "1 2 3 S 4 ", "an own commit is shown");
	hub_publish(1, event(4, 0));
	hub_publish(1, event(2, 0));
	check(one, "1 2 3 S 4 ", "what has been seen is dropped");
	hub_publish(1, event(7, 0));
	check(one, "1 2 3 S 4 ", "nothing is shown over a gap");
	ok(last_read.after == 4, "what is missing is read");
	hub_publish(1, event(5, 0));
	answer_read(5, 7);
	check(one, "1 2 3 S 4 5 6 7 ", "read and commit are one sequence");
	check(two, "S 4 5 6 7 ", "for everybody");
	leave(one);
	leave(two);
}

static void
doorbells_are_hints(void)
{
	Watcher    *one;
	int			reads;

	table_head = 2;
	one = watch(7, -1);
	answer_read(1, 2);
	hub_set_head(1, 4);
	reads = last_read.count;
	hub_set_head(1, 5);
	ok(last_read.count == reads, "one read at a time");
	answer_read(3, 4);
	ok(last_read.count == reads + 1 && last_read.after == 4, "then what was rung meanwhile");
	answer_read(5, 5);
	check(one, "S 3 4 5 ", "doorbell and read");
	hub_set_head(1, 3);
	ok(last_read.count == reads + 1, "an old doorbell is nothing");
	hub_set_head(1, 900);
	answer_read(1, 0);
	reads = last_read.count;
	hub_set_head(1, 5);
	ok(last_read.count == reads, "a doorbell that lies is forgotten");
	hub_set_head(2, 5);
	ok(last_read.count == reads, "a room that nobody watches is not read");
	leave(one);
}

static void
catching_up_is_paced(void)
{
	Watcher    *one;
	HubEvent	page[2];

	table_head = 300;
	one = watch(7, 297);
	one->full = true;
	/* the room keeps 299 and 300; 298 must be read for this one alone */
	answer_read(299, 300);
	check(one, "", "nothing is sent to who takes nothing");
	one->full = false;
	hub_resume(&one->sub);
	ok(one->page_after == 297, "older than what the room keeps is read for this one");
	hub_publish(1, event(301, 0));
	check(one, "", "no live event before the older ones");
	page[0] = event(298, 0);
	page[1] = event(299, 0);
	hub_take_page(&one->sub, true, page, 2);
	check(one, "298 299 300 S 301 ", "page, memory and live are one sequence");
	leave(one);
}

static HubEvent
redaction(int64_t seq)
{
	Text		text;

	frame_begin(&text);
	text_format(&text, "{\"type\":\"event\",\"room\":\"1\",\"seq\":%lld,\"kind\":\"redacted\"}", (long long) seq);
	return (HubEvent) {.seq = seq, .frame = frame_end(&text)};
}

static void
erased_bodies_are_read_again(void)
{
	Watcher    *one;
	Watcher    *late;
	HubEvent	page[2];

	table_head = 300;
	one = watch(7, 298);
	answer_read(299, 300);
	late = watch(8, 297);
	ok(late->page_after == 297, "a page is on its way");
	late->page_after = -1;
	hub_publish(1, redaction(301));
	ok(late->page_after == 297, "a redaction: it is asked for again");
	check(late, "", "and nothing that was kept is shown");
	leave(late);
	late = watch(8, 298);
	ok(late->page_after == 298, "nor to whoever comes now");
	page[0] = event(299, 0);
	page[1] = event(300, 0);
	hub_take_page(&late->sub, true, page, 2);
	hub_publish(1, event(302, 0));
	check(late,
		  "299 300 S {\"type\":\"event\",\"room\":\"1\",\"seq\":301,\"kind\":\"redacted\"} 302 ",
		  "what is read then, the redaction and live are one sequence");
	late->page_after = -1;
	leave(late);
	late = watch(8, 300);
	ok(late->page_after == -1, "from the redaction on it is kept again");
	leave(late);
	late = watch(8, 298);
	late->full = true;
	page[0] = event(299, 0);
	page[1] = event(300, 0);
	hub_take_page(&late->sub, true, page, 2);
	hub_publish(1, redaction(303));
	late->page_after = -1;
	late->full = false;
	hub_resume(&late->sub);
	ok(late->page_after == 298, "a page that waits for a slow reader is read again, too");
	leave(late);
	leave(one);
}

static void
what_the_log_has_lost_is_forgotten(void)
{
	Watcher    *one;
	Watcher    *late;
	int			reads;

	table_head = 300;
	erasures = 5;
	one = watch(7, 298);
	answer_read(299, 300);
	late = watch(8, 298);
	check(late, "299 300 S ", "what is kept is not older than the last erasure");
	leave(late);
	hub_take_sweep(1, 300, 5);
	late = watch(8, 298);
	check(late, "299 300 S ", "nor at the next sweep");
	leave(late);
	hub_take_sweep(1, 300, 6);
	late = watch(8, 298);
	ok(late->page_after == 298, "a sweep finds another one: it is read again");
	leave(late);
	hub_publish(1, event(301, 0));
	hub_publish(1, event(303, 0));
	reads = last_read.count;
	erasures = 7;
	late = watch(8, 300);
	ok(late->page_after == 300 && last_read.count == reads + 1, "whoever comes and knows of another one: so is what is on its way");
	answer_read(302, 302);
	check(one, "299 300 S 301 302 ", "and what was kept for later");
	ok(last_read.after == 302, "is read again");
	answer_read(303, 303);
	check(one, "299 300 S 301 302 303 ", "in its place");
	leave(late);
	leave(one);
}

static void
a_slow_one_reads_later(void)
{
	Watcher    *slow;
	Watcher    *quick;

	table_head = 2;
	slow = watch(7, -1);
	answer_read(1, 2);
	quick = watch(8, -1);
	hub_publish(1, event(3, 0));
	slow->full = true;
	hub_publish(1, event(4, 0));
	hub_publish(1, event(5, 8));
	check(slow, "S 3 ", "who has no room is sent nothing");
	check(quick, "S 3 4 5 X ", "and holds up nobody");
	ok(slow->missed == 2 && quick->missed == 0, "what passes it by is counted");
	slow->full = false;
	hub_publish(1, event(6, 7));
	check(slow, "S 3 4 5 6 X ", "when it has room, it gets all of it, in order, and its end at its place");
	leave(slow);
	leave(quick);
}

static void
membership_ends_at_its_seq(void)
{
	Watcher    *removed;
	Watcher    *other;
	Watcher    *again;

	table_head = 2;
	removed = watch(7, -1);
	answer_read(1, 2);
	other = watch(8, -1);
	hub_publish(1, event(3, 7));
	hub_publish(1, event(4, 0));
	check(removed, "S 3 X ", "the removed user gets that event and nothing after it");
	check(other, "S 3 4 ", "the others go on");
	table_head = 4;
	again = watch(7, 0);
	check(again, "1 2 3 4 S ", "an end before the membership was checked is history");
	hub_publish(1, event(5, 7));
	check(again, "1 2 3 4 S 5 X ", "the next one counts");
	leave(removed);
	leave(again);
	hub_set_head(1, 0);
	check(other, "S 3 4 5 X ", "a deleted room ends for everybody");
	leave(other);
}

/* The head that the membership was seen at is older than what has been read since. */
static void
membership_ended_while_loading(void)
{
	HubEvent	events[] = {event(1, 7), event(2, 0), event(3, 7), event(4, 0)};
	Watcher    *removed;

	table_head = 2;
	removed = watch(7, 0);
	hub_take_read(last_read.room, last_read.ticket, true, events, 4);
	check(removed, "1 2 S 3 X ", "an end above the head of the check counts, one before it is history");
	leave(removed);
}

static void
the_log_may_become_another(void)
{
	Watcher    *one;

	table_head = 2;
	one = watch(7, -1);
	answer_read(1, 2);
	hub_publish(1, event(3, 0));
	hub_restart();
	hub_publish(1, event(4, 0));
	check(one, "S 3 ", "nothing of the old log's cursor is shown in the new one");
	ok(one->sub.restarted_at == 4, "it is known where it stood");
	table_head = 1;
	answer_read(1, 1);
	check(one, "S 3 S ", "it is attached anew");
	answer_read(1, 0);
	leave(one);
}

static void
answers_come_late(void)
{
	Watcher    *one;
	int			reads = last_read.count;

	table_head = 1;
	one = watch(7, -1);
	leave(one);
	one = watch(7, 0);
	ok(last_read.count == reads + 1, "a room that is being read is not read again");
	hub_take_read(1, last_read.ticket - 1, true, (HubEvent[]) {event(1, 0)}, 1);
	check(one, "", "an answer to another question is not taken");
	hub_take_read(1, last_read.ticket, false, NULL, 0);
	check(one, "B ", "a room that cannot be read is refused");
	leave(one);
	one = watch(7, 0);
	leave(one);
	answer_read(1, 1);
	ok(hub_head(1) == 0, "a room that nobody waits for any more is let go");
}

static void
sweeps_find_what_was_lost(void)
{
	Watcher    *one;
	int			count;
	HubEvent	page[1];

	table_head = 300;
	one = watch(7, 297);
	answer_read(299, 300);
	hub_take_page(&one->sub, false, NULL, 0);
	one->page_after = -1;
	free(hub_rooms(&count));
	hub_take_sweep(1, 300, erasures);
	ok(one->page_after == 297, "a page that could not be read is asked for again");
	page[0] = event(298, 0);
	hub_take_page(&one->sub, true, page, 1);
	check(one, "298 299 300 S ", "and then it goes on");
	free(hub_rooms(&count));
	hub_publish(1, event(301, 0));
	hub_take_sweep(1, 300, erasures);
	check(one, "298 299 300 S 301 ", "what was published during the sweep is no rollback");
	free(hub_rooms(&count));
	hub_take_sweep(1, 299, erasures);
	ok(last_read.after < 0 && one->sub.restarted_at == 302, "a head below what was shown is one");
	table_head = 299;
	answer_read(298, 299);
	leave(one);
}

static void
early_events_wait(void)
{
	Watcher    *one;
	int			reads;

	table_head = 2;
	one = watch(7, -1);
	answer_read(1, 2);
	waits = true;
	reads = last_read.count;
	hub_publish(1, event(5, 0));
	hub_publish(1, event(4, 0));
	hub_publish(1, event(5, 0));
	check(one, "S ", "what comes early waits");
	ok(last_read.count == reads, "and nothing is read meanwhile");
	hub_publish(1, event(3, 0));
	check(one, "S 3 4 5 ", "then all of it is shown, in order, once");
	hub_read_missing(1);
	ok(last_read.count == reads, "nothing is missing any more");
	hub_publish(1, event(8, 7));
	hub_publish(1, event(9, 0));
	hub_read_missing(1);
	ok(last_read.count == reads + 1 && last_read.after == 5, "what does not come is read");
	answer_read(6, 7);
	check(one, "S 3 4 5 6 7 8 X ", "and what has waited follows, until the membership ends");
	leave(one);
	waits = false;
}

static void
too_many_early_events_are_read(void)
{
	Watcher    *one;
	int			reads;

	table_head = 2;
	one = watch(7, -1);
	answer_read(1, 2);
	waits = true;
	reads = last_read.count;
	for (int64_t seq = 4; seq < 4 + 64; seq++)
		hub_publish(1, event(seq, 0));
	ok(last_read.count == reads, "as many wait as have a place");
	hub_publish(1, event(68, 0));
	ok(last_read.count == reads + 1 && last_read.after == 2, "one more, and they are read");
	answer_read(3, 10);
	ok(last_read.count == reads + 2 && last_read.after == 67, "only what has not waited is read again");
	answer_read(68, 68);
	ok(hub_head(1) == 68, "up to the end");
	leave(one);
	waits = false;
}

static void
holes_do_not_spin(void)
{
	Watcher    *one;
	HubEvent	page[1];
	int			reads;

	table_head = 300;
	one = watch(7, 10);
	answer_read(299, 300);
	page[0] = event(12, 0);
	hub_take_page(&one->sub, true, page, 1);
	check(one, "B ", "a page with a hole before it ends the subscription");
	leave(one);
	one = watch(7, -1);
	answer_read(299, 300);
	hub_set_head(1, 303);
	reads = last_read.count;
	answer_read(302, 303);
	ok(last_read.count == reads + 1 && last_read.after < 0, "a hole in the room's own log loads it anew");
	table_head = 303;
	answer_read(302, 303);
	hub_publish(1, event(304, 0));
	ok(strstr(one->seen.bytes, "304") != NULL, "which goes on behind it");
	leave(one);
}

int
main(void)
{
	hub_set_ops(&ops);
	events_come_in_order();
	doorbells_are_hints();
	catching_up_is_paced();
	erased_bodies_are_read_again();
	what_the_log_has_lost_is_forgotten();
	a_slow_one_reads_later();
	membership_ends_at_its_seq();
	membership_ended_while_loading();
	the_log_may_become_another();
	answers_come_late();
	sweeps_find_what_was_lost();
	early_events_wait();
	too_many_early_events_are_read();
	holes_do_not_spin();
	return done();
}
