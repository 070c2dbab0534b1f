/* The scorecard: published numbers of channel switching beside what the simulator measures. The table says with each how it is measured. */
#ifndef LIQUIDNET_VISITS_SCORE_H
#define LIQUIDNET_VISITS_SCORE_H

#include "lib/sim/score_number.h"
#include "nodes/visits/sim/client.h"

struct score_row {
	struct scenario scenario, against; /* against.count 0: none */
	enum client_measure measure;
	struct score_number number;
};

struct score {
	struct score_row *rows;
	unsigned count;
};

/* Reads the table, `words` at the end of each scenario. -1 with *error "FILE:LINE: ...". */
int score_load(struct score *score, const char *path, const char *words, char **error);
/* Runs every scenario with seeds from `seed` on, and judges. -1 with *error: no memory. */
int score_measure(struct score *score, uint64_t seed, unsigned runs, char **error);
void score_free(struct score *score);

#endif
