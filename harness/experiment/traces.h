/* Traces of an experiment: the files of delivery opportunities and losses that its links name. They are part
 * of what was run, so they lie beside the experiment's file (or below), and a copy of each lies so beside the
 * run's copy of it. */
#ifndef LIQUIDNET_TRACES_H
#define LIQUIDNET_TRACES_H

#include "harness/experiment/experiment.h"

/* Whether what the keys of this SHAPE name lies beside their file. -1 and *error with file and line: it does
 * not. */
int traces_beside(const struct conf_node *map, const struct shape *shape, char **error);
/* Copies them into the run's folder; those that are there already are left alone. */
int traces_copy(const struct experiment *e, const char *folder, char **error);
/* -1 and *error: one is no longer what its copy in the run's folder is. */
int traces_check_copies(const struct experiment *e, const char *folder, char **error);
/* Whether two files, "" for none, hold the same. */
bool traces_equal(const char *a, const char *b);

#endif
