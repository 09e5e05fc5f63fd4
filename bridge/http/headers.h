/*
 * headers.h - the header lines that every answer carries, whatever it is: what a browser may do with it.
 */
#ifndef PORCUPINE_HEADERS_H
#define PORCUPINE_HEADERS_H

typedef enum HeadersOf
{
	HEADERS_OF_CALL,			/* and of every problem, wherever */
	HEADERS_OF_PAGE				/* a file of the page */
} HeadersOf;

/* The page's own origins, NULL-terminated. */
extern void headers_open(const char *const *origins);
/* "Name: value\r\n" each; they live as long as the process. */
extern const char *headers_lines(HeadersOf what);

#endif
