/*
 * guc.h: the settings of Porcupine, in one struct that only guc.c changes.
 */
#ifndef PORCUPINE_GUC_H
#define PORCUPINE_GUC_H

typedef struct Settings
{
	int			access_lifetime;	/* seconds that an access token is good for */
	int			refresh_lifetime;	/* seconds that an unused session lives */
	int			password_concurrency;	/* Argon2id hashes at once in a database */
	bool		adopt_roles;	/* read by the install script */
	bool		allow_drop;		/* may DROP EXTENSION take users, rooms, events along? */
	bool		doorbell_worker;	/* may commits leave ringing to the worker? */
	int			doorbell_linger;	/* milliseconds from one batch of NOTIFYs to the next */
	int			doorbell_ring;	/* bells that wait for the worker of a database */
	int			retention;		/* minutes that messages are kept; 0: for ever */
	int			expired_retention;	/* the same for sessions, invites and bans after their end */
	int			audit_retention;	/* the same for lines of the audit log */
	int			key_rotation;	/* minutes from one signing key to the next; 0: none by itself */
	int			maintenance_interval;	/* seconds between rounds of maintenance; 0: none by the worker */
	int			maintenance_delay;	/* milliseconds between two steps of one */
	int			max_sessions;	/* live ones of a user */
	int			max_devices;	/* of a user */
	int			max_rooms;		/* that a user owns */
	int			max_memberships;	/* of a user, requests to join included */
	int			max_members;	/* that an admin may let a room have */
	int			max_invites;	/* open ones of a room */
	int			request_retention;	/* minutes */
	int			max_reports;	/* open ones of a user */
	int			max_room_size;	/* kilobytes of bodies in a room; 0: any amount */
	char	   *issuer;			/* the iss of access tokens */
} Settings;

extern Settings guc_settings;

/* defines the settings; once, when the library is loaded */
extern void guc_define(void);

#endif							/* PORCUPINE_GUC_H */
