/* Formulas: arithmetic over named numbers, as experiments write it: "(receiver - sender) / rate * 100". Names are
 * letters, digits, _, . and -; a - between names needs blanks around it. Operators + - * / ^ and parentheses;
 * functions min, max (any number of arguments), abs, sqrt, log, log10, exp, and
 * benefit(goodput, capacity, ...): (goodput - best) / (sum - best) from the best capacity on, (goodput - best) / best below
 * it. Pure. */
#ifndef LIQUIDNET_FORMULA_H
#define LIQUIDNET_FORMULA_H

#include "lib/base/pool.h"
#include <stddef.h>

struct formula;

/* Reads a text. On `pool`. NULL with *error: "at `TEXT`: what is wrong". */
const struct formula *formula_parse(struct pool *pool, const char *text, char **error);
/* The names in it, each once; returns how many. */
size_t formula_names(const struct formula *formula, const char *const **names);
/* The value; `lookup` gives each name's, NAN where there is none. The result is NAN where a name has no value, and
 * where the arithmetic has none (a division by 0). */
double formula_value(
	const struct formula *formula, double (*lookup)(void *context, const char *name), void *context);

#endif
