/*
 * maintenance.h: the background processes that have what is too old removed.
 */
#ifndef PORCUPINE_MAINTENANCE_H
#define PORCUPINE_MAINTENANCE_H

/* Registers the launcher; once, while shared_preload_libraries are loaded. */
extern void maintenance_register(void);

#endif							/* PORCUPINE_MAINTENANCE_H */
