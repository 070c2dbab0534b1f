/* The scorecard: published numbers of the Kibbutz's simulation beside the simulator's. The table says for each number how it is measured, so
 * a number can be added without code. */
#ifndef LIQUIDNET_SIM_SCORE_H
#define LIQUIDNET_SIM_SCORE_H

#include "nodes/kibbutz/sim/kibbutz.h"

enum score_as { SCORE_VALUE, SCORE_RATIO, SCORE_SAVING, SCORE_RISES, SCORE_FALLS, SCORE_KINDS };
/* AGREES: within a tenth of the published number, or within the simulation's own interval; NEAR: within a
 * quarter. */
enum score_judgement { SCORE_AGREES, SCORE_NEAR, SCORE_DIFFERS, SCORE_JUDGEMENTS };

struct score_row {
	struct scenario scenario, against; /* against.count 0: none */
	int class;
	char measure[16];
	enum score_as as;
	char published_text[16]; /* the digits as published */
	double published;
	char source[96];
	double measured, half; /* half the width of the 95 % interval */
	enum score_judgement judgement;
};

struct score {
	struct score_row *rows;
	unsigned count;
};

/* Reads the table; `words` (may be "") are added to every scenario. NULL rows are never returned: -1 with
 * *error "FILE:LINE: ...". */
int score_load(struct score *score, const char *path, const char *words, char **error);
void score_measure(struct score *score, uint64_t seed, unsigned runs);
void score_free(struct score *score);
const char *score_as_name(enum score_as as);
const char *score_judgement_name(enum score_judgement judgement);
#endif
