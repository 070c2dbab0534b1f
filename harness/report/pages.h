/* Pages: our templates (templates/), which are part of the program, filled in. */
#ifndef LIQUIDNET_PAGES_H
#define LIQUIDNET_PAGES_H

#include "harness/page/template.h"

/* Writes "report" or "compare" with the values of an object. 0, or -1 with *error. */
int pages_write(const char *name, const json_t *values, FILE *out, char **error);
/* What the templates are, in the order in which they may take each other; and how they write numbers:
 *   fixed D    with D decimals, an en dash for null
 *   signed D   with its sign
 *   p D        a probability: "< 0.001" below it
 *   effect D   an effect size: "> 100" above it, where next to no spread makes more digits meaningless */
const struct template_source *pages_sources(size_t *count);
extern const struct template_format pages_formats[];

#endif
