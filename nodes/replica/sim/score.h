/* The scorecard: published sentences and numbers of C3 beside the simulator's. The table says for each row how it is measured, so a row can
 * be added without code. */
#ifndef LIQUIDNET_C3_SCORE_H
#define LIQUIDNET_C3_SCORE_H

#include "nodes/replica/sim/runs.h"

/* VALUE: the measure itself. RATIO: over that of `against`. LESS: the ratio is below the published number. REPORT: the ratio beside nothing. */
enum score_as { SCORE_VALUE, SCORE_RATIO, SCORE_LESS, SCORE_MORE, SCORE_REPORT, SCORE_KINDS };
/* VALUE, RATIO: AGREES within a tenth of the published number or within the interval, NEAR within a quarter. LESS (MORE): AGREES when the whole interval
 * is below (above), NEAR when the interval holds the number. REPORT: NONE. */
enum score_judgement { SCORE_AGREES, SCORE_NEAR, SCORE_DIFFERS, SCORE_NONE, SCORE_JUDGEMENTS };

struct score_row {
	unsigned scenario, against; /* numbers of the runs; the same: none */
	enum cluster_measure measure;
	enum score_as as;
	double published;
	char published_text[16], source[128];
	struct estimate measured;
	enum score_judgement judgement;
};

struct score {
	struct score_row *rows;
	unsigned count;
};

/* Reads the table and adds its scenarios, with `words` at the end of each, to the runs. -1 with *error "FILE:LINE: ...". */
int score_load(struct score *score, const char *path, const char *words, struct runs *runs, char **error);
/* Judges, after runs_go. */
void score_judge(struct score *score, const struct runs *runs);
void score_free(struct score *score);
extern const char *const score_as_names[SCORE_KINDS + 1], *const score_judgement_names[SCORE_JUDGEMENTS + 1];

#endif
