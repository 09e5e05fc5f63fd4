/*
 * bucketscript.h - the script by which Redis counts: it takes from all buckets of a request, or from none.
 */
#ifndef PORCUPINE_BUCKETSCRIPT_H
#define PORCUPINE_BUCKETSCRIPT_H

extern const char *bucketscript_text(void);
/* Redis names a script by its SHA-1, for EVALSHA. */
extern const char *bucketscript_name(void);

#endif
