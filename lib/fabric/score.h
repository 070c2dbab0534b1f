/* The scorecard: published numbers beside the simulator's. For each number the table (such as data/ndp/ndp-published.csv) says
 * how it is measured and with what tolerance. So a number can be added without code. */
#ifndef LIQUIDNET_FABRIC_SCORE_H
#define LIQUIDNET_FABRIC_SCORE_H

#include "lib/fabric/jobs.h"

enum score_as {
	SCORE_VALUE,   /* the mean over runs */
	SCORE_EXACT,   /* what most runs give, to the nanosecond */
	SCORE_RATIO,   /* to the same measure of `against` */
	SCORE_AT_MOST, /* no tolerance */
	SCORE_AT_LEAST,
	SCORE_KINDS
};
/* NEAR: within twice the tolerance. */
enum score_judgement { SCORE_AGREES, SCORE_NEAR, SCORE_DIFFERS, SCORE_JUDGEMENTS };

struct score_row {
	struct scenario scenario, against; /* against.hosts 0: none */
	enum measure measure;
	enum score_as as;
	double published, tolerance;
	bool relative; /* the tolerance: of the published number */
	unsigned runs; /* at most */
	char published_text[24], tolerance_text[16], source[96];
	double measured, half; /* half the width of the 95 % interval of the mean; 0: one run */
	unsigned n, agreeing;  /* runs; of them, for SCORE_EXACT, those that give `measured` */
	enum score_judgement judgement;
};

struct score {
	const struct transport *const *transports;
	struct score_row *rows;
	unsigned count;
};

/* Reads the table, whose scenarios name these transports. -1 with *error "FILE:LINE: ..."; then there are no rows. */
int fabric_score_load(
	struct score *score, const struct transport *const *transports, const char *path, char **error);
/* Measures all rows, each scenario and seed once. */
int fabric_score_measure(struct score *score, uint64_t seed, unsigned runs, uint32_t workers, char **error);
void fabric_score_free(struct score *score);
const char *fabric_score_as_name(enum score_as as);
const char *fabric_score_judgement_name(enum score_judgement judgement);

/* Mean and half the width of its 95 % interval (Student's t). */
void fabric_score_mean(const double *values, unsigned count, double *mean, double *half);

#endif
