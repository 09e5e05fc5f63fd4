/*
 * catalog.h: the extension's own objects by their names in the schema porcupine.
 */
#ifndef PORCUPINE_CATALOG_H
#define PORCUPINE_CATALOG_H

/* An error where the objects of this database are of another version than this library. */
extern void catalog_require_version(void);

/* A table or index, a type, a label of an enumerated type. An error when there is none. */
extern Oid	catalog_relation(const char *name);
extern Oid	catalog_type(const char *name);
extern Oid	catalog_label(Oid type, const char *label);

#endif							/* PORCUPINE_CATALOG_H */
