#include "lib/sim/score_number.h"

#include "lib/base/error.h"
#include "lib/base/units.h"
#include "lib/sim/estimate.h"
#include "lib/sim/published.h"
#include <math.h>
#include <stdbool.h>
#include <stdio.h>

const char *const score_as_names[SCORE_KINDS + 1] = {"value", "ratio", "at-most", "at-least", "report", NULL};
const char *const score_judgement_names[SCORE_JUDGEMENTS + 1] = {"agrees", "near", "differs", "-", NULL};

int score_number_read(struct score_number *n, const char *as, const char *value, const char *tolerance,
	const char *source, char **error)
{
	int kind = published_word("comparison", as, score_as_names, error);
	bool judged = kind == SCORE_VALUE || kind == SCORE_RATIO;

	if (kind < 0)
		return -1;
	n->as = (enum score_as)kind;
	if (unit_number(value, &n->published) < 0 || !isfinite(n->published))
		return error_set(error, "`%s` is no number", value);
	if (judged != (*tolerance != '\0'))
		return error_set(error, "value and ratio have a tolerance, the others have none");
	if (judged && (unit_fraction(tolerance, &n->tolerance) < 0 || n->tolerance <= 0))
		return error_set(error, "tolerance `%s`: write 5%%", tolerance);
	n->tolerance *= fabs(n->published);
	snprintf(n->published_text, sizeof n->published_text, "%s", value);
	snprintf(n->source, sizeof n->source, "%s", source);
	return 0;
}

void score_number_judge(struct score_number *n, const double *values, unsigned count)
{
	struct estimate e = estimate(values, count);
	double off = e.mean - n->published;
	bool agrees = n->as == SCORE_AT_MOST    ? off <= 0
		      : n->as == SCORE_AT_LEAST ? off >= 0
						: fabs(off) <= n->tolerance;

	n->measured = e.mean;
	n->half = count > 1 ? e.half : 0;
	n->judgement = n->as == SCORE_REPORT           ? SCORE_NONE
		       : agrees                        ? SCORE_AGREES
		       : fabs(off) <= 2 * n->tolerance ? SCORE_NEAR
						       : SCORE_DIFFERS;
}
