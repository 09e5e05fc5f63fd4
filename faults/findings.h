/*
 * findings.h - the classes of what the checker finds, counted and printed.
 */
#ifndef FAULTS_FINDINGS_H
#define FAULTS_FINDINGS_H

#include "lines.h"

typedef enum Finding
{
	FOUND_LOST,					/* acknowledged, but not in the table */
	FOUND_REFUSED_STORED,		/* refused for certain, yet stored or shown */
	FOUND_TWICE,				/* a client id at two seqs, or an event twice on a subscription */
	FOUND_DISAGREE,				/* two who say different things of one seq, the table included */
	FOUND_ORDER,				/* events, or one sender's messages, not in their order */
	FOUND_GAP,					/* an event left out on a subscription, or read around */
	FOUND_UNDELIVERED,			/* somebody never got the end of a log */
	FOUND_PHANTOM,				/* shown or stored, but never sent; or shown and not stored */
	FOUND_REVOKED,				/* read, shown or accepted after a removal */
	FOUND_HOLE,					/* the table's seqs are not 1, 2, 3, …, or the head is another */
	N_FINDINGS
} Finding;

/* A class is printed so many times, and counted as often as it comes. */
#define FINDINGS_SHOWN 20

extern void findings_add(Finding finding, const Line *line, const char *format,...) __attribute__((format(printf, 3, 4)));
/* Prints "found CLASS N" for every class: was nothing found? */
extern bool findings_report(void);

#endif
