/* Companions of an experiment: what lies beside its file (or below) and is part of what was run: traces of delivery
 * opportunities and losses that its links name, the files that it names itself (`files`), its designs, a topology of its own. A copy
 * of each lies so beside the run's copy of the experiment. */
#ifndef LIQUIDNET_COMPANIONS_H
#define LIQUIDNET_COMPANIONS_H

#include "harness/experiment/experiment.h"

/* Whether the traces that the keys of this SHAPE name lie beside their file. -1 and *error with file and line: it does
 * not. */
int companions_beside(const struct conf_node *map, const struct shape *shape, char **error);
/* Copies them into the run's folder; those that are there already are left alone. */
int companions_copy(const struct experiment *e, const char *folder, char **error);
/* -1 and *error: one is no longer what its copy in the run's folder is. */
int companions_check_copies(const struct experiment *e, const char *folder, char **error);
/* Whether two files, "" for none, hold the same. */
bool companions_equal(const char *a, const char *b);

#endif
