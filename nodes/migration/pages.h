/* A migration page by page. The formulas (copy.h) count bytes; here single pages are written while others are sent. */
#ifndef LIQUIDNET_MIGRATION_PAGES_H
#define LIQUIDNET_MIGRATION_PAGES_H

#include "nodes/migration/scenario.h"

enum page_measure {
	PAGES_TOTAL,    /* s */
	PAGES_DOWNTIME, /* s */
	PAGES_ROUNDS,   /* while the machine runs */
	PAGES_SENT,     /* MB */
	PAGES_FAULTS,   /* post-copy: pages that the machine had to wait for */
	PAGES_WAITED,   /* s, in which it did */
	PAGES_FORMULA,  /* total by the total of the formula */
	PAGES_MEASURES
};
extern const char *const page_measure_names[PAGES_MEASURES + 1];

/* `plan`: as it went, NULL: not asked for. */
void pages_run(const struct scenario *scenario, uint64_t seed, double values[PAGES_MEASURES],
	struct copy_plan *plan);

#endif
