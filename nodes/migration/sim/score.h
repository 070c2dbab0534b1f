/* The scorecard: published numbers of migration beside what the formulas and the pages give. */
#ifndef LIQUIDNET_MIGRATION_SCORE_H
#define LIQUIDNET_MIGRATION_SCORE_H

#include "lib/sim/score_number.h"
#include "nodes/migration/pages.h"

struct score_row {
	struct scenario scenario;
	enum page_measure measure;
	struct score_number number;
};

struct score {
	struct score_row *rows;
	unsigned count;
};

/* Reads the table, `words` at the end of each scenario. -1 with *error "FILE:LINE: ...". */
int score_load(struct score *score, const char *path, const char *words, char **error);
/* Runs every scenario with seeds from `seed` on, and judges. `runs`: 1..1000. */
void score_measure(struct score *score, uint64_t seed, unsigned runs);
void score_free(struct score *score);

#endif
