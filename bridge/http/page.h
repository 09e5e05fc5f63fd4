/*
 * page.h - the page: the files of one folder, read into memory at start.
 *
 * What is served is what was there then, found by its exact path in a list, so that no path can
 * lead elsewhere. Files whose names carry a hash are cached for good; index.html answers for every
 * path of the page.
 */
#ifndef PORCUPINE_PAGE_H
#define PORCUPINE_PAGE_H

#include "http.h"

/* False, after a sentence on stderr, if the folder cannot be read. */
extern bool page_open(const char *folder);
/* Answers a GET for anything that is no API path. */
extern void page_handle(Request *request);

#endif
