/* A published number of a table, and whether what a simulator measures agrees with it. */
#ifndef LIQUIDNET_SIM_SCORE_NUMBER_H
#define LIQUIDNET_SIM_SCORE_NUMBER_H

/* VALUE: the measure must be within the tolerance. RATIO: the measure divided by that of another scenario must be. AT_MOST,
 * AT_LEAST: the published number is a limit. REPORT: the measure is shown beside the published number and not judged. */
enum score_as { SCORE_VALUE, SCORE_RATIO, SCORE_AT_MOST, SCORE_AT_LEAST, SCORE_REPORT, SCORE_KINDS };
/* NEAR: within twice the tolerance. */
enum score_judgement { SCORE_AGREES, SCORE_NEAR, SCORE_DIFFERS, SCORE_NONE, SCORE_JUDGEMENTS };

extern const char *const score_as_names[SCORE_KINDS + 1], *const score_judgement_names[SCORE_JUDGEMENTS + 1];

struct score_number {
	enum score_as as;
	double published, tolerance; /* tolerance: in the number's own unit */
	double measured, half;       /* half: of the 95 % interval over seeds */
	char published_text[16], source[160];
	enum score_judgement judgement;
};

/* From a row's cells: the comparison's word, the number, its tolerance ("5%" of it; none for limits and reports). -1 and *error: what is
 * wrong. */
int score_number_read(struct score_number *number, const char *as, const char *value, const char *tolerance,
	const char *source, char **error);
/* Holds the mean of `count` (1 or more) measured values against it. */
void score_number_judge(struct score_number *number, const double *values, unsigned count);

#endif
