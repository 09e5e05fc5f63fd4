/*
 * identity.h: who this transaction acts for.
 */
#ifndef PORCUPINE_IDENTITY_H
#define PORCUPINE_IDENTITY_H

/*
 * The user this transaction acts for, after checking that the token has not expired and that the
 * session, or for act_as() the user, is still good. Refuses with unauthenticated or session_ended.
 */
extern int64 identity_require_user(void);

/*
 * The same, with the device that the user sends from; makes an act_as() user's backend device on
 * its first use.
 */
extern void identity_require_sender(int64 *user_id, int64 *device_id);

/* The device of the session this transaction acts for; 0: there is none (act_as). */
extern int64 identity_session_device(void);

/* A user's backend device, which is made on its first use. */
extern int64 identity_backend_device(int64 user_id);

/* Does something while this transaction acts for nobody. */
extern void identity_as_nobody(void (*act) (void));

/*
 * For the transaction callbacks in porcupine.c; level is the nesting level of the subtransaction
 * that ends.
 */
extern void identity_end(void);
extern void identity_keep_changes(int level);
extern void identity_undo_changes(int level);

#endif							/* PORCUPINE_IDENTITY_H */
