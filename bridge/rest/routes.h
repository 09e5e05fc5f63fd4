/*
 * routes.h - the REST calls of API.md.
 */
#ifndef PORCUPINE_ROUTES_H
#define PORCUPINE_ROUTES_H

#include "config.h"

/* Registers the handlers of HTTP requests. config must outlive the process. */
extern void routes_open(const Config *config);

#endif
