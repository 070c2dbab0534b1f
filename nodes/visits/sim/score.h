/* The scorecard: published numbers of channel switching beside what the simulator measures. The table says with each how it is measured. */
#ifndef LIQUIDNET_VISITS_SCORE_H
#define LIQUIDNET_VISITS_SCORE_H

#include "nodes/visits/sim/client.h"

/* VALUE: the measure, within the tolerance. RATIO: by that of `against`. AT_MOST, AT_LEAST: a limit (of the ratio, where there is an `against`). REPORT: beside a published number
 * that is not judged. */
enum score_as { SCORE_VALUE, SCORE_RATIO, SCORE_AT_MOST, SCORE_AT_LEAST, SCORE_REPORT, SCORE_KINDS };
/* NEAR: within twice the tolerance. */
enum score_judgement { SCORE_AGREES, SCORE_NEAR, SCORE_DIFFERS, SCORE_NONE, SCORE_JUDGEMENTS };

struct score_row {
	struct scenario scenario, against; /* against.count 0: none */
	enum client_measure measure;
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
/* Runs every scenario with seeds from `seed` on, and judges. -1 with *error: no memory. */
int score_measure(struct score *score, uint64_t seed, unsigned runs, char **error);
void score_free(struct score *score);

#endif
