-- porcupine: an end-to-end encrypted chat server inside PostgreSQL.
--
-- This script is assembled from the parts in sql/ (the order stands in the Makefile) and runs once, as superuser, by
-- CREATE EXTENSION. It never replaces anything: a schema or function that is here before it makes it fail. The script that updates
-- an older version is made of the same parts (sql/upgrade).

\echo Use "CREATE EXTENSION porcupine" to load this file. \quit

