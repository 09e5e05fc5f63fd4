/*
 * links.h: rooms whose members follow the application's tables.
 */
#ifndef PORCUPINE_LINKS_H
#define PORCUPINE_LINKS_H

/* Makes members follow what this transaction has changed under links so far; acts for nobody. */
extern void links_follow(void);

#endif							/* PORCUPINE_LINKS_H */
