/*
 * shared.h: pieces of the server's shared memory, each of one module.
 *
 * What lies in a piece, and who may touch it when, is its module's business.
 */
#ifndef PORCUPINE_SHARED_H
#define PORCUPINE_SHARED_H

typedef struct SharedPiece
{
	const char *name;
	/* settings are known by then */
	Size		(*size) (void);
	/* At the start of the server, and anew after a crash: here it is; fresh: of undefined content, to be made. */
	void		(*attach) (void *memory, bool fresh);
	/* named LWLocks that it needs; 0: none */
	int			locks;
	struct SharedPiece *next;	/* shared.c's */
} SharedPiece;

/* Asks for a piece, which must stay; while shared_preload_libraries are loaded. */
extern void shared_reserve(SharedPiece *piece);

#endif							/* PORCUPINE_SHARED_H */
