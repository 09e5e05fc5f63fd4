/*
 * base64.h - standard base64 with padding (RFC 4648, section 4) and, for JWTs, base64url without
 * (section 5). Strict: no white space, nothing after the padding, unused bits are zero, so that
 * one sequence of bytes has one text.
 */
#ifndef PORCUPINE_BASE64_H
#define PORCUPINE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

/* Decodes length characters into to, which holds at least length / 4 * 3 + 3 bytes. */
extern bool base64_decode(const char *from, size_t length, unsigned char *to, size_t *decoded);
extern bool base64_decode_url(const char *from, size_t length, unsigned char *to, size_t *decoded);

/* (length + 2) / 3 * 4 characters, not terminated. */
extern void base64_encode(const unsigned char *from, size_t length, char *to);
#define BASE64_LENGTH(length) (((length) + 2) / 3 * 4)

#endif
