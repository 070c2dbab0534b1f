/* Ranks: statistics of paired numbers that do not ask how they are distributed. Pure functions. */
#ifndef LIQUIDNET_RANKS_H
#define LIQUIDNET_RANKS_H

#include <stddef.h>

/* Ranks from 1, ascending; equal values share the mean of theirs. */
void ranks_of(const double *values, size_t n, double *ranks);
/* Spearman's rank correlation of n pairs (Pearson's of the ranks: ties are allowed). NAN: fewer than 3, or no spread. */
double ranks_correlation(const double *x, const double *y, size_t n);

/* Whether differences lie around 0: F. Wilcoxon's signed-rank test (Biometrics Bulletin 1, 1945), two-sided. Differences of
 * 0 are left out, as he did. */
struct signed_ranks {
	size_t n;        /* differences other than 0 */
	double positive; /* the sum of the ranks of positive ones, V */
	double p; /* exact up to 50 without ties; else normal, corrected for ties and continuity. NAN: n is 0 */
};
struct signed_ranks ranks_signed(const double *differences, size_t n);

#endif
