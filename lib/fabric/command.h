/* The command line of a simulator of transports in data-centre fabrics: `liquidnet sim SYSTEM ...`. */
#ifndef LIQUIDNET_FABRIC_COMMAND_H
#define LIQUIDNET_FABRIC_COMMAND_H

#include "lib/fabric/transport.h"
#include <stdio.h>

struct fabric_program {
	const char *name, *about;                  /* of the system; a line */
	const struct transport *const *transports; /* to a NULL; the first is usual */
	const char *words;   /* help on words of scenarios that are its own: whole lines */
	const char *figures; /* help on --figure: their names */
	/* Prints a figure as CSV. -1 with *error: there is none of that name, or a run failed. */
	int (*figure)(
		const char *name, FILE *out, uint64_t seed, unsigned runs, uint32_t workers, char **error);
	const char *published; /* below data/; NULL: no table of published numbers */
};

/* Runs the whole command. Returns the exit status. */
int fabric_command(const struct fabric_program *program, int argc, char **argv);

#endif
