/*
 * scrape.h - GET /metrics, on an address of its own.
 */
#ifndef PORCUPINE_SCRAPE_H
#define PORCUPINE_SCRAPE_H

#include <stdbool.h>

/*
 * Begins to answer with the numbers of this worker; address is numeric, port 0 means nowhere. On
 * failure says why on stderr in one sentence.
 */
extern bool scrape_open(const char *address, int port, int worker);
extern void scrape_close(void);

#endif
