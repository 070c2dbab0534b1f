/* Reads and checks a migration in words KEY=VALUE, for the simulator and for liquidnet-attach. */
#ifndef LIQUIDNET_MIGRATION_SCENARIO_H
#define LIQUIDNET_MIGRATION_SCENARIO_H

#include "nodes/migration/copy.h"

#define SCENARIO_TEXT 256

/* Which pages are written: one after the other, or any. */
enum pattern { PATTERN_SWEEP, PATTERN_RANDOM, PATTERNS };
extern const char *const pattern_names[PATTERNS + 1];

struct scenario {
	struct copy_settings copy;
	enum pattern pattern;
	uint64_t page;            /* bytes */
	int64_t round_trip_ns;    /* between the hosts: what a page costs that is asked for */
	char text[SCENARIO_TEXT]; /* as written */
};

extern const char scenario_keys[]; /* for --help */

/* D1.2's machine (section 3.4.1.1.3) with words over it. -1 with *error. */
int scenario_parse(struct scenario *scenario, const char *text, char **error);

#endif
