/* Find: from what the user typed to an experiment. */
#ifndef LIQUIDNET_FIND_H
#define LIQUIDNET_FIND_H

#include "harness/experiment/experiment.h"

/* `name` is a name or a path (it holds a slash or ends in .yaml). A name is looked for in the working folder first
 * (NAME.yaml, and experiments/ there: the user's own), then among the installation's; where both have it, the user's own
 * is taken and a line on standard error says so. NULL with *error, which names the nearest when there is no such
 * experiment. */
struct experiment *find_experiment(const char *name, char **error);
/* The same among the installation's alone. */
struct experiment *find_installed(const char *name, char **error);
/* Calls fn for each experiment file, sorted by name, a name once; `own`: it is of the working folder, not of the installation.
 * Stops when fn returns non-zero and returns that. */
int find_each(int (*fn)(void *context, const char *name, const char *path, bool own), void *context);

#endif
