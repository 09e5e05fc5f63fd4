/*
 * commands.h - lines on standard input, by which a program is led; what it answers goes to standard output, line by line.
 */
#ifndef FAULTS_COMMANDS_H
#define FAULTS_COMMANDS_H

#include <stdbool.h>

/* Once, at the start. From then on neither reading nor answering waits. */
extern void commands_open(void);
/* Calls obey() for each whole line that has come, which may write into it. False: whoever leads it has gone. */
extern bool commands_read(void (*obey) (char *line));

#endif
