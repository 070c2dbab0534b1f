/* Systems: the programs that experiments start, and what each needs of the machine: nodes/SYSTEM/system.yaml says it of
 * a system's own, nodes/debian.yaml of those that Debian has. A program that stands in none of them needs to be
 * installed, no more. */
#ifndef LIQUIDNET_SYSTEMS_H
#define LIQUIDNET_SYSTEMS_H

#include "harness/machine/capabilities.h"
#include <stdbool.h>
#include <stddef.h>

struct system_program {
	const char *name;
	const char *system;         /* its system; "debian" */
	const char *package;        /* of Debian; NULL: it is built here */
	const char *const *version; /* command that says it, NULL-ended; NULL: none does cheaply */
	const enum capability *needs;
	size_t needs_count;
	size_t launches; /* this word of its command is a program too; 0: none is */
	const struct conf_node *at;
};

/* All of them, read once a process. *count; NULL with *error ("FILE:LINE: ..."). */
const struct system_program *systems_programs(size_t *count, char **error);
/* The program of that name (without its folder), or NULL. */
const struct system_program *systems_program(const char *name);
/* Where a program is: a path as it is, a name beside us or where the system has its programs. -1: nowhere. */
int systems_find(const char *name, char *path, size_t size);

#endif
