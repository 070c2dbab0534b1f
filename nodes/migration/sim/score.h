/* The scorecard: published numbers of migration beside what the formulas and the pages give. */
#ifndef LIQUIDNET_MIGRATION_SCORE_H
#define LIQUIDNET_MIGRATION_SCORE_H

#include "nodes/migration/pages.h"

/* VALUE: within the tolerance. AT_MOST: a limit. REPORT: shown beside a number that is not judged. */
enum score_as { SCORE_VALUE, SCORE_AT_MOST, SCORE_REPORT, SCORE_KINDS };
/* NEAR: within twice the tolerance. */
enum score_judgement { SCORE_AGREES, SCORE_NEAR, SCORE_DIFFERS, SCORE_NONE, SCORE_JUDGEMENTS };

struct score_row {
	struct scenario scenario;
	enum page_measure measure;
	enum score_as as;
	double published, tolerance, measured, half; /* half: of the 95 % interval over seeds */
	char published_text[16], source[160];
	enum score_judgement judgement;
};

struct score {
	struct score_row *rows;
	unsigned count;
};

extern const char *const score_as_names[SCORE_KINDS + 1], *const score_judgement_names[SCORE_JUDGEMENTS + 1];

/* Reads the table, `words` at the end of each scenario. -1 with *error "FILE:LINE: ...". */
int score_load(struct score *score, const char *path, const char *words, char **error);
/* Runs every scenario with seeds from `seed` on, and judges. `runs`: 1..1000. */
void score_measure(struct score *score, uint64_t seed, unsigned runs);
void score_free(struct score *score);

#endif
