/* The scorecard: sentences of Trilogy2 D1.2 about figure 3.7 beside what the simulator has, a row of data/grin/grin-published.csv each. */
#ifndef LIQUIDNET_GRIN_SCORE_H
#define LIQUIDNET_GRIN_SCORE_H

#include "nodes/grin/sim/runs.h"

/* RATE: the mean rate of a receiver, in uplinks. CROSSING: the share of active servers, in per cent, from which `against` is better, interpolated
 * between levels 5 % apart. DECLINE: the rate at 30 % active over that at 10 %. */
enum score_measure { SCORE_RATE, SCORE_CROSSING, SCORE_DECLINE, SCORE_MEASURES };
/* VALUE: within the tolerance of the published number. LESS, MORE: the measure, over that of `against` where there is one, is below (above) it. */
enum score_as { SCORE_VALUE, SCORE_LESS, SCORE_MORE, SCORE_KINDS };
/* NEAR: the interval holds the bound. */
enum score_judgement { SCORE_SAME, SCORE_NEAR, SCORE_DIFFERS, SCORE_JUDGEMENTS };
extern const char *const score_measure_names[SCORE_MEASURES + 1],
	*const score_as_names[SCORE_KINDS + 1], *const score_judgement_names[SCORE_JUDGEMENTS];

struct score_row {
	char row[8], scenario[128], against[128], source[160];
	enum score_measure measure;
	enum score_as as;
	double published, tolerance;
	unsigned levels;   /* runs of each side */
	unsigned *numbers; /* of its runs, then those of `against`, where there is one */
	struct estimate measured;
	enum score_judgement judgement;
};

struct score {
	struct score_row *rows;
	unsigned count;
};

/* Reads the table and adds its scenarios to the runs, with `words` at the end of each. -1 with *error "FILE:LINE: ...". */
int score_load(struct score *score, const char *path, const char *words, struct runs *runs, char **error);
void score_judge(struct score *score, const struct runs *runs);
void score_free(struct score *score);

#endif
