/* Cells, what was published beside them: the value, the notes about it, and the judgement of the difference. */
#ifndef LIQUIDNET_CELLS_PUBLISHED_H
#define LIQUIDNET_CELLS_PUBLISHED_H

#include "harness/cells/cells.h"

/* Fills in what a cell's published value says, once the cell's own statistics stand. */
int cells_judge(struct cells *cells, struct cell *cell, char **error);
/* Likewise the published bytes a subflow, of all cells, where the experiment names a file of them. */
int cells_judge_subflows(struct cells *cells, char **error);

/* Whether the files and columns that the experiment's published values are to come from are there, before anything is
 * measured. `root` is the project's folder. 0, or -1 with *error, which says where the experiment names them. */
int cells_check_published(const struct experiment *experiment, const char *root, char **error);

#endif
