/* Find: from what the user typed to an experiment. */
#ifndef LIQUIDNET_FIND_H
#define LIQUIDNET_FIND_H

#include "harness/experiment/experiment.h"

/* `name` is a name (experiments/NAME.yaml) or a path (it holds a slash or ends in .yaml). NULL with *error,
 * which lists the known names when there is no such experiment. */
struct experiment *find_experiment(const char *name, char **error);
/* Calls fn for each experiment file, sorted by name; stops when it returns non-zero and returns that. */
int find_each(int (*fn)(void *context, const char *name, const char *path), void *context);

#endif
