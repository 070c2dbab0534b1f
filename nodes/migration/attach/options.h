/* What liquidnet-attach is asked: places, moves, how long a move stops the machine, and the machine's programs. */
#ifndef LIQUIDNET_MIGRATION_ATTACH_OPTIONS_H
#define LIQUIDNET_MIGRATION_ATTACH_OPTIONS_H

#include "nodes/migration/copy.h"
#include "nodes/migration/site.h"
#include <stdbool.h>
#include <stdint.h>

#define MOVES 64
#define MACHINE_PROGRAMS 8

struct attach_move {
	unsigned to;   /* a place */
	int64_t at_ns; /* since the programs were started; the moves come in order */
};

struct attach_options {
	struct site places[SITES]; /* the first is where it is at the beginning */
	unsigned place_count;
	struct attach_move moves[MOVES];
	unsigned move_count;
	struct copy_plan plan; /* of each move */
	int64_t for_ns;        /* then the programs are ended; INT64_MAX: never */
	int64_t notice_ns;     /* from its going on until it takes its new address */
	enum endpoints endpoints;
	char **programs[MACHINE_PROGRAMS]; /* words, NULL-ended; they lie in argv */
	unsigned program_count;
};

enum { OPTIONS_GO_ON = -1 };
/* OPTIONS_GO_ON, or the exit status: 2 with a line on standard error, 0 after --help. Changes argv: programs are words between `--`. */
int attach_read_options(struct attach_options *options, int argc, char **argv);

#endif
