/* Options of the commands `liquidnet sim SYSTEM`. All simulators use this reader, so that the same mistake has the same
 * message everywhere. */
#ifndef LIQUIDNET_SIM_OPTIONS_H
#define LIQUIDNET_SIM_OPTIONS_H

#include <stdint.h>

enum sim_format { SIM_TABLE, SIM_CSV, SIM_JSON };

enum sim_option_kind {
	SIM_COUNT,       /* unsigned: a whole number from `least` to `most` */
	SIM_SEED,        /* uint64_t: likewise */
	SIM_TEXT,        /* const char *: lives as long as argv */
	SIM_FLAG,        /* bool: set to true */
	SIM_FORMAT,      /* enum sim_format: table or csv */
	SIM_FORMAT_JSON, /* or json */
};

struct sim_option {
	const char *name; /* without its dashes; NULL ends the table */
	enum sim_option_kind kind;
	void *value; /* of the kind's type; holds the default */
	int64_t least, most;
};

#define SIM_OPTIONS_MOST 15

enum { SIM_GO_ON = -1, SIM_HELP = 0 };
/* Reads them; what is left begins at argv[optind]. SIM_GO_ON; SIM_HELP: --help was asked for; or the exit status 2, when
 * standard error has a line "liquidnet sim PROGRAM: ...". At most SIM_OPTIONS_MOST options. */
int sim_options(const char *program, const struct sim_option *options, int argc, char **argv);

#endif
